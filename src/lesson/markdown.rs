//! The part of Markdown that lessons are written in: headings, paragraphs, lists, fenced blocks, and in a text `code`,
//! *emphasis*, **strong** words, [links](https://example.org) and backslash escapes, all as CommonMark reads them.
//!
//! Whatever else Markdown knows is refused by name rather than guessed at, raw HTML and character references first of all.
//! A claim, `[one](check:dup == 1)`, is a link whose address may hold blanks.

use std::iter::Peekable;
use std::slice::Iter;

/// One block, and the line on which it begins, counted from 1.
#[derive(Debug, PartialEq)]
pub struct Block<'a> {
    pub line: usize,
    pub kind: Kind<'a>,
}

#[derive(Debug, PartialEq)]
pub enum Kind<'a> {
    /// How many `#`, and the words.
    Heading(usize, &'a str),
    /// The word behind the fence, and what stands between the fences.
    Fence(&'a str, String),
    Paragraph(String),
    List {
        ordered: bool,
        items: Vec<Vec<Block<'a>>>,
    },
}

/// A piece of text.
#[derive(Debug, PartialEq)]
pub enum Span {
    Text(String),
    Code(String),
    Emphasis(Vec<Span>),
    Strong(Vec<Span>),
    /// Where to, the words, and the line.
    Link(String, Vec<Span>, usize),
}

/// What cannot be read, and on which line.
#[derive(Debug, PartialEq)]
pub struct Problem {
    pub line: usize,
    pub text: String,
}

const ACCEPTED: &str = "accepted are paragraphs, lists, code, emphasis, links and the blocks";

fn refused<T>(line: usize, what: &str) -> Result<T, Problem> {
    let text = format!("{what} cannot be used here; {ACCEPTED}");
    Err(Problem { line, text })
}

/// A line without the indentation of the block that it stands in.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

/// The blocks of a text whose first line has the number `first`.
pub fn blocks(text: &str, first: usize) -> Result<Vec<Block<'_>>, Problem> {
    let lines: Vec<Line> = (first..)
        .zip(text.lines())
        .map(|(number, text)| Line { number, text })
        .collect();
    read(&lines)
}

fn read<'a>(lines: &[Line<'a>]) -> Result<Vec<Block<'a>>, Problem> {
    let mut rest = lines.iter().peekable();
    let mut found = Vec::new();
    while let Some(&&Line { number: line, text }) = rest.peek() {
        if text.trim().is_empty() {
            rest.next();
            continue;
        }
        let kind = if let Some(info) = text.strip_prefix("```") {
            Kind::Fence(info.trim(), fenced(&mut rest)?)
        } else if let Some((level, words)) = heading(text) {
            rest.next();
            Kind::Heading(level, words)
        } else if let Some(mark) = marker(text) {
            list(&mut rest, mark)?
        } else {
            Kind::Paragraph(paragraph(&mut rest)?)
        };
        found.push(Block { line, kind });
    }
    Ok(found)
}

fn fenced<'a>(rest: &mut Peekable<Iter<Line<'a>>>) -> Result<String, Problem> {
    let opened = rest.next().map_or(0, |line| line.number);
    let mut content = String::new();
    for line in rest {
        if line.text.trim_end() == "```" {
            return Ok(content);
        }
        content.push_str(line.text);
        content.push('\n');
    }
    let text = "a block without an end; it ends with a line of three backquotes".into();
    Err(Problem { line: opened, text })
}

fn heading(text: &str) -> Option<(usize, &str)> {
    let words = text.trim_start_matches('#');
    let level = text.len() - words.len();
    let opens = (1..=6).contains(&level) && (words.is_empty() || words.starts_with(' '));
    opens.then(|| (level, words.trim().trim_end_matches('#').trim_end()))
}

/// What begins a list item: its sign (all digits are one sign), and how far the item's text is indented.
#[derive(Clone, Copy)]
struct Marker {
    sign: char,
    ordered: bool,
    width: usize,
}

fn marker(text: &str) -> Option<Marker> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let sign = text[digits..].chars().next()?;
    let ordered = digits > 0;
    let known = if ordered {
        digits < 10 && matches!(sign, '.' | ')')
    } else {
        matches!(sign, '-' | '*' | '+')
    };
    let after = text[digits..].strip_prefix(sign)?;
    let blanks = after.len() - after.trim_start_matches(' ').len();
    (known && blanks > 0 && !is_rule(text)).then_some(Marker {
        sign,
        ordered,
        width: digits + 1 + blanks,
    })
}

fn list<'a>(rest: &mut Peekable<Iter<Line<'a>>>, first: Marker) -> Result<Kind<'a>, Problem> {
    let mut items = Vec::new();
    while let Some(mark) = rest
        .peek()
        .and_then(|line| marker(line.text))
        .filter(|mark| (mark.sign, mark.ordered) == (first.sign, first.ordered))
    {
        let mut item: Vec<Line> = Vec::new();
        let mut blank = false;
        while let Some(&&line) = rest.peek() {
            let indent = line.text.len() - line.text.trim_start_matches(' ').len();
            let text = if item.is_empty() || indent >= mark.width {
                line.text.get(mark.width..).unwrap_or_default()
            } else if line.text.trim().is_empty() {
                ""
            } else if !blank && !begins_a_block(line.text) {
                // A paragraph goes on, indented or not.
                line.text.trim_start()
            } else {
                break;
            };
            blank = text.is_empty() && !item.is_empty();
            item.push(Line {
                number: line.number,
                text,
            });
            rest.next();
        }
        items.push(read(&item)?);
    }
    Ok(Kind::List {
        ordered: first.ordered,
        items,
    })
}

fn begins_a_block(text: &str) -> bool {
    text.starts_with("```") || heading(text).is_some() || marker(text).is_some()
}

fn is_rule(text: &str) -> bool {
    let signs: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    signs.len() >= 3
        && ['-', '*', '_']
            .iter()
            .any(|rule| signs.iter().all(|sign| sign == rule))
}

fn paragraph(rest: &mut Peekable<Iter<Line>>) -> Result<String, Problem> {
    let mut words = String::new();
    while let Some(&&Line { number, text }) = rest.peek() {
        if text.trim().is_empty() || begins_a_block(text) {
            break;
        }
        let trimmed = text.trim_start();
        let foreign = if words.is_empty() && text.len() - trimmed.len() >= 4
            || words.is_empty() && text.starts_with('\t')
        {
            Some("an indented block")
        } else if is_rule(trimmed) {
            Some("a rule")
        } else if !trimmed.is_empty() && trimmed.trim_end().chars().all(|c| c == '=') {
            Some("an underlined heading")
        } else if trimmed.starts_with('>') {
            Some("a quotation")
        } else if trimmed.starts_with('|') {
            Some("a table")
        } else if words.is_empty() && trimmed.starts_with('[') && trimmed.contains("]: ") {
            Some("a link's definition")
        } else {
            None
        };
        if let Some(foreign) = foreign {
            return refused(number, foreign);
        }
        if !words.is_empty() {
            words.push('\n');
        }
        words.push_str(trimmed.trim_end());
        rest.next();
    }
    Ok(words)
}

/// The pieces of a text that begins on `line`.
pub fn spans(text: &str, line: usize) -> Result<Vec<Span>, Problem> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let line = line + text[..text.len() - rest.len()].matches('\n').count();
        let before = text[..text.len() - rest.len()].chars().next_back();
        let (span, length) = match c {
            '\\' => escaped(rest),
            '\n' => (Span::Text(" ".into()), 1),
            '`' => code(rest),
            '*' | '_' => emphasis(rest, c, before, line)?,
            '[' => link(rest, line)?,
            '!' if rest.starts_with("![") => return refused(line, "an image"),
            '<' if rest[1..]
                .starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) =>
            {
                return Err(Problem {
                    line,
                    text: "raw HTML; a lesson is Markdown only".into(),
                });
            }
            '&' if is_reference(rest) => {
                return Err(Problem {
                    line,
                    text: "a character reference; write the character itself".into(),
                });
            }
            c => (Span::Text(c.into()), c.len_utf8()),
        };
        match (found.last_mut(), span) {
            (Some(Span::Text(before)), Span::Text(text)) => before.push_str(&text),
            (_, span) => found.push(span),
        }
        rest = &rest[length..];
    }
    Ok(found)
}

fn escaped(rest: &str) -> (Span, usize) {
    match rest[1..].chars().next() {
        Some('\n') => (Span::Text(" ".into()), 2),
        Some(c) if c.is_ascii_punctuation() => (Span::Text(c.into()), 2),
        _ => (Span::Text("\\".into()), 1),
    }
}

/// Code ends with as many backquotes as it began with; without an end they are words.
fn code(rest: &str) -> (Span, usize) {
    let ticks = rest.len() - rest.trim_start_matches('`').len();
    match code_end(rest) {
        Some(end) => {
            let inside = rest[ticks..end - ticks].replace('\n', " ");
            let padded = inside
                .strip_prefix(' ')
                .and_then(|inside| inside.strip_suffix(' '));
            let bare = padded
                .filter(|bare| !bare.trim().is_empty())
                .map(str::to_string);
            (Span::Code(bare.unwrap_or(inside)), end)
        }
        None => (Span::Text("`".repeat(ticks)), ticks),
    }
}

/// Where the code at the beginning of `rest` ends, its backquotes included.
fn code_end(rest: &str) -> Option<usize> {
    let ticks = rest.len() - rest.trim_start_matches('`').len();
    let mut at = ticks;
    loop {
        at += rest[at..].find('`')?;
        let run = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        at += run;
        if run == ticks {
            return Some(at);
        }
    }
}

/// Beyond ASCII and Latin-1's signs everything counts as a letter but the general punctuation, such as dashes.
fn is_letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || (c >= 'À' && !('\u{2000}'..='\u{206f}').contains(&c))
}

/// Emphasis with one sign, strong words with two. A sign that opens nothing is a word.
fn emphasis(
    rest: &str,
    sign: char,
    before: Option<char>,
    line: usize,
) -> Result<(Span, usize), Problem> {
    let word = |c: Option<char>| c.is_some_and(is_letter_or_digit);
    for count in [2, 1] {
        let marks = &rest[..count.min(rest.len())];
        let opens = marks.chars().all(|c| c == sign)
            && marks.len() == count
            && rest[count..].starts_with(|c: char| !c.is_whitespace());
        if !opens || sign == '_' && word(before) {
            continue;
        }
        let mut at = count;
        while let Some(c) = rest[at..].chars().next() {
            let here = &rest[at..];
            let tight = !rest[..at].ends_with(char::is_whitespace) && at > count;
            let run = here.len() - here.trim_start_matches(sign).len();
            if c == sign
                && tight
                && (run == count || run == 3)
                && !(sign == '_' && word(here[run..].chars().next()))
            {
                let end = at + run - count;
                let inside = spans(&rest[count..end], line)?;
                let span = if count == 2 {
                    Span::Strong(inside)
                } else {
                    Span::Emphasis(inside)
                };
                return Ok((span, end + count));
            }
            at += match c {
                '`' => code_end(here).unwrap_or(run.max(1)),
                '\\' => 1 + here[1..].chars().next().map_or(0, char::len_utf8),
                c if c == sign => run,
                c => c.len_utf8(),
            };
        }
    }
    Ok((Span::Text(sign.into()), 1))
}

/// `[words](address)`; brackets that no address follows are words.
fn link(rest: &str, line: usize) -> Result<(Span, usize), Problem> {
    let Some(close) = closing(rest, '[', ']').filter(|&close| rest[close + 1..].starts_with('('))
    else {
        return Ok((Span::Text("[".into()), 1));
    };
    let target = &rest[close + 1..];
    let Some(end) = closing(target, '(', ')') else {
        return Err(Problem {
            line,
            text: format!("the link \"{}\" has no end", &rest[..=close]),
        });
    };
    let to = target[1..end].trim();
    if to.contains(char::is_whitespace) && !to.starts_with("check:") {
        return Err(Problem {
            line,
            text: format!("a link to \"{to}\"; an address has no blanks, and a link no title"),
        });
    }
    let words = spans(&rest[1..close], line)?;
    Ok((Span::Link(to.to_string(), words, line), close + 1 + end + 1))
}

/// Where the bracket that opens `text` is closed, on the same paragraph; code and escapes inside do not count.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '\\' => at += text[at + 1..].chars().next().map_or(0, char::len_utf8),
            '`' if open == '[' => at += code_end(&text[at..]).map_or(0, |end| end - 1),
            c if c == open => depth += 1,
            c if c == close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
        at += c.len_utf8();
    }
    None
}

/// Whether a text begins with something like `&amp;` or `&#58;`.
pub fn is_reference(text: &str) -> bool {
    let Some((name, _)) = text.strip_prefix('&').and_then(|rest| rest.split_once(';')) else {
        return false;
    };
    let name = name.strip_prefix('#').unwrap_or(name);
    !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Span {
        Span::Text(text.into())
    }

    fn of(text: &str) -> Vec<Span> {
        spans(text, 1).unwrap_or_else(|problem| panic!("{text:?}: {problem:?}"))
    }

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        let found = blocks(text, 1).unwrap_or_else(|problem| panic!("{text:?}: {problem:?}"));
        found.into_iter().map(|block| block.kind).collect()
    }

    /// Each pair is what the CommonMark reference reads, for the part of it that lessons use.
    #[test]
    fn spans_are_read_as_commonmark_reads_them() {
        let (em, strong) = (
            |words: &str| Span::Emphasis(vec![text(words)]),
            |words: &str| Span::Strong(vec![text(words)]),
        );
        for (written, read) in [
            ("a *b* c", vec![text("a "), em("b"), text(" c")]),
            (
                "**b** and _c_ and __d__",
                vec![
                    strong("b"),
                    text(" and "),
                    em("c"),
                    text(" and "),
                    strong("d"),
                ],
            ),
            ("2 * 3 * 4", vec![text("2 * 3 * 4")]),
            ("a*", vec![text("a*")]),
            ("*a", vec![text("*a")]),
            ("min_insync_replicas", vec![text("min_insync_replicas")]),
            (
                "*a **b** c*",
                vec![Span::Emphasis(vec![text("a "), strong("b"), text(" c")])],
            ),
            ("***b***", vec![Span::Strong(vec![em("b")])]),
            (
                "*a `*` b*",
                vec![Span::Emphasis(vec![
                    text("a "),
                    Span::Code("*".into()),
                    text(" b"),
                ])],
            ),
            ("`` a`b ``", vec![Span::Code("a`b".into())]),
            ("`a\nb`", vec![Span::Code("a b".into())]),
            ("`a", vec![text("`a")]),
            (r"\*a\* \q", vec![text(r"*a* \q")]),
            ("a\nb", vec![text("a b")]),
            ("a < b & c", vec![text("a < b & c")]),
            ("[a] (b)", vec![text("[a] (b)")]),
            (
                "[a `]` b](#c)",
                vec![Span::Link(
                    "#c".into(),
                    vec![text("a "), Span::Code("]".into()), text(" b")],
                    1,
                )],
            ),
            (
                "[a](b(c))",
                vec![Span::Link("b(c)".into(), vec![text("a")], 1)],
            ),
        ] {
            assert_eq!(of(written), read, "{written:?}");
        }
    }

    #[test]
    fn a_claim_is_written_as_one_reads_it() {
        let claim = of("x\n[one](check:rows == 41 && (dup < 2)).");
        assert_eq!(
            claim[1],
            Span::Link("check:rows == 41 && (dup < 2)".into(), vec![text("one")], 2)
        );
    }

    #[test]
    fn blocks_are_read_as_commonmark_reads_them() {
        let paragraph = |words: &str| Kind::Paragraph(words.into());
        assert_eq!(
            kinds("# A #\n\nb\nc\n\n## d"),
            [
                Kind::Heading(1, "A"),
                paragraph("b\nc"),
                Kind::Heading(2, "d")
            ]
        );
        assert_eq!(
            kinds("```sql\nselect 1\n\n  x\n```\nb"),
            [
                Kind::Fence("sql", "select 1\n\n  x\n".into()),
                paragraph("b")
            ]
        );
        assert_eq!(
            kinds("#hash is text\n1990 too\n-1 too"),
            [paragraph("#hash is text\n1990 too\n-1 too")]
        );
    }

    #[test]
    fn lists_nest_go_on_and_end() {
        let written = "- a\n  b\nc\n- d\n\n  e\n\n  1. f\n  2. g\n\nafter";
        let found = kinds(written);
        let Kind::List {
            ordered: false,
            items,
        } = &found[0]
        else {
            panic!("{found:?}")
        };
        assert_eq!(
            items[0],
            [Block {
                line: 1,
                kind: Kind::Paragraph("a\nb\nc".into())
            }]
        );
        assert_eq!(
            items[1].iter().map(|block| block.line).collect::<Vec<_>>(),
            [4, 6, 8]
        );
        assert!(
            matches!(&items[1][2].kind, Kind::List { ordered: true, items } if items.len() == 2)
        );
        assert_eq!(found[1], Kind::Paragraph("after".into()));
        assert_eq!(kinds("- a\n* b").len(), 2, "another sign is another list");
    }

    #[test]
    fn what_lessons_do_not_use_is_refused_by_name_and_line() {
        for (written, what) in [
            ("a\n\n> b", "3: a quotation"),
            ("a\n---", "2: a rule"),
            ("a\n===", "2: an underlined heading"),
            ("    a", "1: an indented block"),
            ("| a | b |", "1: a table"),
            ("[a]: b", "1: a link's definition"),
            ("```text\na", "1: a block without an end"),
        ] {
            let problem = blocks(written, 1).expect_err(written);
            assert!(
                format!("{}: {}", problem.line, problem.text).starts_with(what),
                "{written:?}: {problem:?}"
            );
        }
        for (written, what) in [
            ("a\n![b](c)", "2: an image"),
            ("a <b>", "1: raw HTML"),
            ("<!-- a -->", "1: raw HTML"),
            ("&lt;b>", "1: a character reference"),
            ("[a](b \"c\")", "1: a link to \"b \"c\"\""),
            ("[a](b", "1: the link \"[a]\" has no end"),
        ] {
            let problem = spans(written, 1).expect_err(written);
            assert!(
                format!("{}: {}", problem.line, problem.text).starts_with(what),
                "{written:?}: {problem:?}"
            );
        }
    }
}
