//! The words of the course: `lessons/en/glossary.md`, a `## term` each.
//!
//! ```text
//! ## high watermark
//!
//! - of: Kafka
//! - lesson: acks-ladder
//! - also: HW
//!
//! The offset up to which every in-sync replica has the log. Consumers read no further.
//! ```

use super::course::Course;
use super::markdown::{self, Block, Kind};
use super::{Inline, LessonError, parse, search};
use crate::sim::suggest;
use std::cmp::Reverse;

/// Its name below the language's folder, and in messages.
pub const FILE: &str = "glossary.md";
/// Whose term it is. What several of them mean alike is `general`.
pub const SYSTEMS: [&str; 5] = ["Kafka", "Spark", "Flink", "Hudi", "general"];
const FIELDS: [&str; 3] = ["of", "lesson", "also"];
/// A definition has at most so many.
const SENTENCES: usize = 3;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glossary {
    /// In the order of the file.
    pub terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Of the file, counted from 1.
    pub line: usize,
    pub term: String,
    /// Other words for it.
    pub also: Vec<String>,
    /// One of [`SYSTEMS`].
    pub of: String,
    /// The id of the lesson in which it is met.
    pub lesson: String,
    pub text: Vec<Inline>,
}

impl Glossary {
    pub fn parse(text: &str) -> Result<Glossary, LessonError> {
        let blocks =
            markdown::blocks(text, 1).map_err(|problem| error(problem.line, problem.text))?;
        let mut blocks = blocks.into_iter();
        match blocks.next() {
            Some(Block {
                kind: Kind::Heading(1, _),
                ..
            }) => {}
            _ => return Err(error(1, "a glossary begins with its title, \"# ...\"")),
        }
        let mut terms: Vec<Term> = Vec::new();
        while let Some(block) = blocks.next() {
            let line = block.line;
            let Kind::Heading(2, name) = block.kind else {
                return Err(error(line, "expected \"## term\""));
            };
            let term = Unfinished::new(name.trim(), line);
            let term = term.with(blocks.next())?.with(blocks.next())?.done()?;
            let names = std::iter::once(&term.term).chain(&term.also);
            for name in names {
                if let Some(other) = terms.iter().find(|other| other.is_called(name)) {
                    let problem = format!("\"{name}\" stands in line {} already", other.line);
                    return Err(error(line, problem));
                }
            }
            terms.push(term);
        }
        Ok(Glossary { terms })
    }

    /// The term of this name, or with this other name; upper and lower case make no difference.
    pub fn find(&self, name: &str) -> Option<&Term> {
        self.terms.iter().find(|term| term.is_called(name))
    }

    /// Every term that has all of these words in its names or its definition, the best first.
    pub fn matching(&self, words: &str) -> Vec<&Term> {
        let ranked = |term| Some((search::rank(term, words)?, term));
        let mut found: Vec<(u32, &Term)> = self.terms.iter().filter_map(ranked).collect();
        found.sort_by_key(|(rank, _)| Reverse(*rank));
        found.into_iter().map(|(_, term)| term).collect()
    }

    /// A text cut at the terms that stand in it, so that they can be opened. Each is found once only: `met` are the terms that
    /// were met before, by their lines.
    pub fn marked<'t>(&self, text: &'t str, met: &mut Vec<usize>) -> Vec<(&'t str, Option<&Term>)> {
        let mut pieces = Vec::new();
        let (mut from, mut at) = (0, 0);
        while let Some(letter) = text[at..].chars().next() {
            let begins = !text[..at].ends_with(is_of_word) && is_of_word(letter);
            let found = match begins {
                true => self.at_beginning(&text[at..]),
                false => None,
            };
            match found {
                Some((term, length)) if !met.contains(&term.line) => {
                    met.push(term.line);
                    if from < at {
                        pieces.push((&text[from..at], None));
                    }
                    at += length;
                    pieces.push((&text[at - length..at], Some(term)));
                    from = at;
                }
                Some((_, length)) => at += length,
                None => at += letter.len_utf8(),
            }
        }
        if from < text.len() {
            pieces.push((&text[from..], None));
        }
        pieces
    }

    /// The longest name that a text begins with, and how many bytes of it.
    fn at_beginning(&self, text: &str) -> Option<(&Term, usize)> {
        let named = |name: &String| {
            let begun = text.get(..name.len())?;
            // An abbreviation is written as it is.
            let is_it = match name.chars().any(char::is_lowercase) {
                true => begun.eq_ignore_ascii_case(name),
                false => begun == name,
            };
            let rest = &text[name.len()..];
            let ending = ["", "es", "s"].into_iter().find(|ending| {
                let rest = rest.strip_prefix(ending);
                rest.is_some_and(|rest| !rest.starts_with(is_of_word))
            });
            is_it.then_some(name.len() + ending?.len())
        };
        let longest = |term: &Term| {
            let names = std::iter::once(&term.term).chain(&term.also);
            names.filter_map(named).max()
        };
        let found = self
            .terms
            .iter()
            .filter_map(|term| Some((term, longest(term)?)));
        found.max_by_key(|(_, length)| *length)
    }

    /// Terms whose lesson the course does not have.
    pub fn misplaced(&self, course: &Course) -> Vec<LessonError> {
        let known = |id: &str| course.modules.iter().any(|module| module.has(id));
        let lost = self.terms.iter().filter(|term| !known(&term.lesson));
        lost.map(|term| {
            let ids = course.modules.iter().flat_map(|module| &module.lessons);
            let hint = suggest::did_you_mean(&term.lesson, ids.map(String::as_str));
            let problem = format!(
                "{}: no lesson \"{}\" in the course{hint}",
                term.term, term.lesson
            );
            error(term.line, problem)
        })
        .collect()
    }
}

impl Term {
    fn is_called(&self, name: &str) -> bool {
        let mut names = std::iter::once(&self.term).chain(&self.also);
        names.any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// What words are made of: `micro-batch` and `max.poll.records` are one each.
fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '-' | '_' | '`')
}

/// A term whose list or definition is still to come.
struct Unfinished {
    term: Term,
    has_list: bool,
}

impl Unfinished {
    fn new(name: &str, line: usize) -> Unfinished {
        let term = Term {
            line,
            term: name.into(),
            also: Vec::new(),
            of: String::new(),
            lesson: String::new(),
            text: Vec::new(),
        };
        Unfinished {
            term,
            has_list: false,
        }
    }

    fn with(mut self, block: Option<Block>) -> Result<Unfinished, LessonError> {
        let Term { line, term, .. } = &self.term;
        let missing = |line: usize| {
            let form =
                "a list of what it is (of, lesson, also), then its definition in one paragraph";
            error(line, format!("{term}: expected {form}"))
        };
        let block = block.ok_or_else(|| missing(*line))?;
        let line = block.line;
        match block.kind {
            Kind::List { items, .. } if !self.has_list => {
                for item in items {
                    self.field(item)?;
                }
                self.has_list = true;
            }
            Kind::Paragraph(text) if self.has_list => {
                let sentences = sentences(&text);
                if sentences > SENTENCES {
                    let problem =
                        format!("{term}: {sentences} sentences, at most {SENTENCES} are wanted");
                    return Err(error(line, problem));
                }
                self.term.text = parse::prose(FILE, &text, line)?;
            }
            _ => return Err(missing(line)),
        }
        Ok(self)
    }

    fn field(&mut self, item: Vec<Block>) -> Result<(), LessonError> {
        let term = &mut self.term;
        let [
            Block {
                line,
                kind: Kind::Paragraph(text),
            },
        ] = item.as_slice()
        else {
            return Err(error(
                term.line,
                format!("{}: expected \"- of: Kafka\"", term.term),
            ));
        };
        let refused = |problem: String| Err(error(*line, format!("{}: {problem}", term.term)));
        let Some((field, value)) = text.split_once(':') else {
            return refused(format!("\"{text}\" is no field; expected \"- of: Kafka\""));
        };
        let value = value.trim();
        match field.trim() {
            _ if value.is_empty() => return refused(format!("\"{field}\" says nothing")),
            "of" if SYSTEMS.contains(&value) => term.of = value.into(),
            "of" => {
                let hint = suggest::did_you_mean(value, SYSTEMS);
                let accepted = SYSTEMS.join(", ");
                return refused(format!(
                    "of nobody called \"{value}\"{hint}; accepted are {accepted}"
                ));
            }
            "lesson" => term.lesson = value.into(),
            "also" => term.also = value.split(',').map(|name| name.trim().into()).collect(),
            other => {
                let hint = suggest::did_you_mean(other, FIELDS);
                let accepted = FIELDS.join(", ");
                return refused(format!(
                    "no field \"{other}\"{hint}; accepted are {accepted}"
                ));
            }
        }
        Ok(())
    }

    fn done(self) -> Result<Term, LessonError> {
        let Term {
            line,
            term,
            of,
            lesson,
            ..
        } = &self.term;
        for (field, value) in [("of", of), ("lesson", lesson)] {
            if value.is_empty() {
                return Err(error(*line, format!("{term}: lacks \"- {field}: ...\"")));
            }
        }
        Ok(self.term)
    }
}

/// How many sentences a text has: a full stop inside a word or in code ends none.
fn sentences(text: &str) -> usize {
    let without_code: String = text.split('`').step_by(2).collect();
    let mut words = without_code.split_whitespace().peekable();
    let mut count = 0;
    while let Some(word) = words.next() {
        let ends = word
            .trim_end_matches([')', '"', '*'])
            .ends_with(['.', '?', '!']);
        count += usize::from(ends || words.peek().is_none());
    }
    count
}

fn error(line: usize, problem: impl Into<String>) -> LessonError {
    LessonError {
        file: FILE.into(),
        line,
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "# Glossary\n\n## high watermark\n\n- of: Kafka\n- lesson: acks-ladder\n- also: HW, high-watermark\n\n\
        The offset up to which `acks=all` counts. Consumers read no further.\n\n\
        ## barrier\n\n- of: Flink\n- lesson: barriers\n\nA mark that flows with the records, below no high watermark.\n";

    fn refused(from: &str, to: &str) -> String {
        let text = TWO.replacen(from, to, 1);
        assert_ne!(text, TWO);
        Glossary::parse(&text).expect_err(to).to_string()
    }

    #[test]
    fn terms_are_read_found_and_ranked() {
        let glossary = Glossary::parse(TWO).unwrap_or_else(|error| panic!("{error}"));
        let [high, barrier] = glossary.terms.as_slice() else {
            panic!("two terms");
        };
        assert_eq!(
            (high.line, high.of.as_str(), high.lesson.as_str()),
            (3, "Kafka", "acks-ladder")
        );
        assert_eq!(high.also, ["HW", "high-watermark"]);
        assert_eq!(high.text[1], Inline::Code("acks=all".into()));
        assert_eq!(glossary.find("High Watermark"), Some(high));
        assert_eq!(glossary.find("hw"), Some(high));
        assert_eq!(glossary.find("watermark"), None);
        assert_eq!(glossary.matching("watermark"), [high, barrier]);
        assert_eq!(glossary.matching("mark flows"), [barrier]);
        assert_eq!(glossary.matching("offset barrier"), [high; 0]);
        assert_eq!(glossary.matching(" "), [high; 0]);
    }

    #[test]
    fn what_cannot_be_read_has_its_line_and_what_was_expected() {
        for (from, to, problem) in [
            (
                "# Glossary\n",
                "\n",
                "glossary.md:1: a glossary begins with its title",
            ),
            (
                "- of: Kafka\n",
                "",
                "glossary.md:3: high watermark: lacks \"- of: ...\"",
            ),
            (
                "- of: Kafka\n",
                "- of: Kafak\n",
                "glossary.md:5: high watermark: of nobody called \"Kafak\"; did you mean \"Kafka\"?",
            ),
            (
                "- lesson: acks-ladder",
                "- leson: acks-ladder",
                "glossary.md:6: high watermark: no field \"leson\"; did you mean \"lesson\"?",
            ),
            (
                "- lesson: acks-ladder",
                "- acks-ladder",
                "glossary.md:6: high watermark: \"acks-ladder\" is no field",
            ),
            (
                "- lesson: acks-ladder",
                "- lesson:",
                "glossary.md:6: high watermark: \"lesson\" says nothing",
            ),
            (
                "counts. ",
                "counts. One. Two. ",
                "glossary.md:9: high watermark: 4 sentences, at most 3",
            ),
            ("counts. ", "<b>counts</b>. ", "glossary.md:9: raw HTML"),
            (
                "no further.\n",
                "no further.\n\nMore.\n",
                "glossary.md:11: expected \"## term\"",
            ),
            (
                "## barrier",
                "## hw",
                "glossary.md:11: \"hw\" stands in line 3 already",
            ),
            (
                "\n\nA mark that flows with the records, below no high watermark.",
                "",
                "glossary.md:11: barrier: expected a list",
            ),
        ] {
            let found = refused(from, to);
            assert!(found.starts_with(problem), "{found}");
        }
    }

    #[test]
    fn a_full_stop_in_a_word_ends_no_sentence() {
        for (text, count) in [
            ("One.", 1),
            ("One", 1),
            ("`a. b. c.` is 1.5 of log.dirs.", 1),
            ("One (two.) Three! \"Four?\"", 3),
        ] {
            assert_eq!(sentences(text), count, "{text}");
        }
    }

    #[test]
    fn a_term_is_met_in_a_lesson_of_the_course() {
        let course =
            r#"{"modules": [{"id": "m", "title": "M", "lessons": ["acks-ladder", "barrier"]}]}"#;
        let course = Course::parse("course.json", course).expect("valid");
        let glossary = Glossary::parse(TWO).expect("valid");
        let found: Vec<String> = glossary
            .misplaced(&course)
            .iter()
            .map(LessonError::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "glossary.md:11: barrier: no lesson \"barriers\" in the course; did you mean \"barrier\"?"
            ]
        );
    }

    #[test]
    fn a_text_is_cut_at_the_terms_in_it_the_longest_name_first_and_each_once() {
        let glossary = Glossary::parse(TWO).expect("valid");
        let mut met = Vec::new();
        let mut cut = |text: &'static str| {
            let pieces = glossary.marked(text, &mut met);
            let piece = |(text, term): &(&str, Option<&Term>)| match term {
                Some(term) => format!("[{text}={}]", term.term),
                None => text.to_string(),
            };
            pieces.iter().map(piece).collect::<String>()
        };
        assert_eq!(
            cut("Barriers pass; a barrier-free stream, Barriers and barristers."),
            "[Barriers=barrier] pass; a barrier-free stream, Barriers and barristers."
        );
        assert_eq!(
            cut("hw is no HW, är HWs."),
            "hw is no [HW=high watermark], är HWs."
        );
        assert_eq!(
            cut("Below the high watermark."),
            "Below the high watermark."
        );
        met.clear();
        let pieces = glossary.marked("the High Watermark", &mut met);
        assert_eq!(pieces[1].0, "High Watermark");
        assert_eq!(glossary.marked("", &mut met), []);
    }
}
