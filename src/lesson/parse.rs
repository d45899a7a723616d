//! A lesson file: `# Title`, a block `lesson`, then `## KIND: heading` for every step.
//!
//! What is shown is a typed tree, never HTML, so a lesson from anywhere can do nothing but be read.

use super::check::{Check, Expr, Pred};
use super::{
    Ask, AskKind, Block, Choice, Claim, Inline, Lesson, LessonError, Part, Plot, Setup, Step,
    StepKind, Task,
};
use crate::sim::{Patch, catalog, control, suggest};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::ops::Range;

const BLOCKS: [&str; 7] = [
    "lesson", "patch", "ask", "check", "plot", "notes", "glossary",
];
/// Plain code, shown as it is.
const LANGUAGES: [&str; 6] = ["text", "sql", "java", "python", "properties", "sh"];
const CHARTS: [&str; 4] = ["outcomes", "latency", "lag", "clocks"];

pub fn lesson(file: &str, text: &str) -> Result<Lesson, LessonError> {
    let text = with_claims_encoded(text);
    let reader = Reader {
        file,
        text: &text,
        first_line: 1,
        branches: Vec::new(),
    };
    reader.lesson()
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    /// The line in the file on which `text` begins.
    first_line: usize,
    /// What may stand before a metric.
    branches: Vec<String>,
}

type Source<'a> = std::iter::Peekable<pulldown_cmark::OffsetIter<'a>>;

impl<'a> Reader<'a> {
    fn error(&self, at: &Range<usize>, problem: impl Into<String>) -> LessonError {
        let before = &self.text[..at.start.min(self.text.len())];
        LessonError {
            file: self.file.to_string(),
            line: self.first_line + before.matches('\n').count(),
            problem: problem.into(),
        }
    }

    fn source(&self) -> Source<'a> {
        Parser::new_ext(self.text, Options::empty())
            .into_offset_iter()
            .peekable()
    }

    fn lesson(mut self) -> Result<Lesson, LessonError> {
        let mut source = self.source();
        let title = match source.next() {
            Some((
                Event::Start(Tag::Heading {
                    level: HeadingLevel::H1,
                    ..
                }),
                _,
            )) => plain(&self.inlines(&mut source)?),
            other => {
                return Err(self.error(
                    &other.map_or(0..0, |(_, at)| at),
                    "a lesson begins with its title, \"# ...\"",
                ));
            }
        };
        let setup = match source.next() {
            Some((Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(kind))), at))
                if &*kind == "lesson" =>
            {
                let (content, inside) = code(&mut source, &at);
                self.setup(&content, &inside)?
            }
            other => {
                let at = other.map_or(0..0, |(_, at)| at);
                return Err(self.error(&at, "after its title comes the block ```lesson"));
            }
        };
        let scenario = catalog::find(&setup.scenario).map(catalog::Preset::scenario);
        self.branches =
            scenario.map_or_else(Vec::new, |scenario| scenario.branches.into_keys().collect());

        let mut steps: Vec<Step> = Vec::new();
        let mut ids: Vec<String> = Vec::new();
        while let Some((event, at)) = source.next() {
            if let Event::Start(Tag::Heading {
                level: HeadingLevel::H2,
                ..
            }) = event
            {
                let heading = plain(&self.inlines(&mut source)?);
                steps.push(self.step(&heading, &at)?);
                continue;
            }
            let parts = self.parts(event, &at, &mut source)?;
            let Some(step) = steps.last_mut() else {
                return Err(self.error(
                    &at,
                    "text before the first step; a step begins with \"## KIND: heading\"",
                ));
            };
            for part in parts {
                if let Part::Ask(ask) = &part {
                    if ids.contains(&ask.id) {
                        return Err(
                            self.error(&at, format!("a second ask with the id \"{}\"", ask.id))
                        );
                    }
                    ids.push(ask.id.clone());
                }
                step.parts.push(part);
            }
        }
        if steps.is_empty() {
            return Err(self.error(
                &(0..0),
                "a lesson without a step; a step begins with \"## KIND: heading\"",
            ));
        }
        let lesson = Lesson {
            title,
            setup,
            steps,
        };
        for step in 0..lesson.steps.len() {
            lesson
                .scenario(step)
                .map_err(|error| self.error(&(0..0), format!("step {}: {error}", step + 1)))?;
        }
        Ok(lesson)
    }

    fn setup(&self, content: &str, at: &Range<usize>) -> Result<Setup, LessonError> {
        let setup: Setup = self.json("lesson", content, at)?;
        if catalog::find(&setup.scenario).is_none() {
            let known = catalog::all().iter().map(|preset| preset.id);
            let hint = suggest::did_you_mean(&setup.scenario, known);
            return Err(self.error(
                at,
                format!("lesson: no preset \"{}\"{hint}", setup.scenario),
            ));
        }
        for key in &setup.controls {
            if control::find(key).is_none() {
                let known = control::CONTROLS.iter().map(|control| control.key);
                let hint = suggest::did_you_mean(key, known);
                return Err(self.error(at, format!("lesson: no setting \"{key}\"{hint}")));
            }
        }
        Ok(setup)
    }

    fn step(&self, heading: &str, at: &Range<usize>) -> Result<Step, LessonError> {
        let words = StepKind::ALL.map(StepKind::word);
        let Some((word, heading)) = heading.split_once(':') else {
            return Err(self.error(
                at,
                format!(
                    "\"{heading}\" is no step; expected \"## KIND: heading\" with KIND one of {}",
                    words.join(", ")
                ),
            ));
        };
        let kind = StepKind::ALL
            .into_iter()
            .find(|kind| kind.word() == word.trim());
        let kind = kind.ok_or_else(|| {
            let hint = suggest::did_you_mean(word.trim(), words);
            self.error(
                at,
                format!(
                    "no step kind \"{}\"{hint}; accepted are {}",
                    word.trim(),
                    words.join(", ")
                ),
            )
        })?;
        Ok(Step {
            kind,
            heading: heading.trim().to_string(),
            parts: Vec::new(),
        })
    }

    /// What one Markdown block is in a step. A block `check` is several tasks.
    fn parts(
        &self,
        event: Event<'a>,
        at: &Range<usize>,
        source: &mut Source<'a>,
    ) -> Result<Vec<Part>, LessonError> {
        let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(kind))) = &event else {
            return Ok(vec![Part::Text(self.block(event, at, source)?)]);
        };
        if LANGUAGES.contains(&&**kind) {
            return Ok(vec![Part::Text(self.block(event, at, source)?)]);
        }
        let (content, inside) = code(source, at);
        Ok(match &**kind {
            "patch" => {
                let value: serde_json::Value = self.json("patch", &content, &inside)?;
                let patch =
                    Patch::of(value).map_err(|error| self.error(&inside, error.to_string()))?;
                vec![Part::Patch(patch)]
            }
            "ask" => vec![Part::Ask(
                self.ask(self.json("ask", &content, &inside)?, at)?,
            )],
            "check" => self.tasks(&content, &inside)?,
            "plot" => {
                let plot: Plot = self.json("plot", &content, &inside)?;
                if !CHARTS.contains(&plot.chart.as_str()) {
                    let hint = suggest::did_you_mean(&plot.chart, CHARTS);
                    return Err(self.error(
                        at,
                        format!(
                            "no chart \"{}\"{hint}; accepted are {}",
                            plot.chart,
                            CHARTS.join(", ")
                        ),
                    ));
                }
                vec![Part::Plot(plot)]
            }
            "notes" => {
                let first_line = self.error(&inside, "").line;
                let notes = Reader {
                    file: self.file,
                    text: &content,
                    first_line,
                    branches: self.branches.clone(),
                };
                vec![Part::Notes(notes.blocks()?)]
            }
            "glossary" => vec![Part::Glossary(self.glossary(&content, &inside)?)],
            "lesson" => return Err(self.error(at, "a second block ```lesson")),
            other => {
                let known = BLOCKS.into_iter().chain(LANGUAGES);
                let hint = suggest::did_you_mean(other, known);
                return Err(self.error(
                    at,
                    format!(
                        "no block \"{other}\"{hint}; accepted are {} and {}",
                        BLOCKS.join(", "),
                        LANGUAGES.join(", ")
                    ),
                ));
            }
        })
    }

    fn blocks(&self) -> Result<Vec<Block>, LessonError> {
        let mut source = self.source();
        let mut blocks = Vec::new();
        while let Some((event, at)) = source.next() {
            blocks.push(self.block(event, &at, &mut source)?);
        }
        Ok(blocks)
    }

    fn block(
        &self,
        event: Event<'a>,
        at: &Range<usize>,
        source: &mut Source<'a>,
    ) -> Result<Block, LessonError> {
        Ok(match event {
            Event::Start(Tag::Paragraph) => Block::Paragraph(self.inlines(source)?),
            Event::Start(Tag::CodeBlock(_)) => Block::Code(code(source, at).0),
            Event::Start(Tag::List(start)) => {
                let mut items = Vec::new();
                while let Some((Event::Start(Tag::Item), _)) = source.next() {
                    items.push(self.item(source)?);
                }
                Block::List {
                    ordered: start.is_some(),
                    items,
                }
            }
            Event::Start(Tag::HtmlBlock) | Event::Html(_) => return Err(self.error(at, HTML)),
            Event::Start(tag) => {
                return Err(self.error(
                    at,
                    format!("{} cannot be used here; {ACCEPTED}", name_of(&tag)),
                ));
            }
            Event::Rule => {
                return Err(self.error(at, format!("a rule cannot be used here; {ACCEPTED}")));
            }
            _ => return Err(self.error(at, format!("this cannot be used here; {ACCEPTED}"))),
        })
    }

    /// The blocks of a list item, up to its end. A tight item holds bare words.
    fn item(&self, source: &mut Source<'a>) -> Result<Vec<Block>, LessonError> {
        let mut blocks = Vec::new();
        loop {
            match source.peek() {
                Some((Event::End(_), _)) | None => {
                    source.next();
                    return Ok(blocks);
                }
                Some((
                    Event::Start(
                        Tag::Paragraph | Tag::List(_) | Tag::CodeBlock(_) | Tag::HtmlBlock,
                    ),
                    _,
                )) => {
                    if let Some((event, at)) = source.next() {
                        blocks.push(self.block(event, &at, source)?);
                    }
                }
                Some(_) => blocks.push(Block::Paragraph(self.bare(source)?)),
            }
        }
    }

    /// Words that stand in a list item without a paragraph around them.
    fn bare(&self, source: &mut Source<'a>) -> Result<Vec<Inline>, LessonError> {
        let mut found = Vec::new();
        while let Some((event, at)) = source.next_if(|(event, _)| {
            !matches!(
                event,
                Event::End(_) | Event::Start(Tag::List(_) | Tag::Paragraph)
            )
        }) {
            self.inline(event, &at, source, &mut found)?;
        }
        Ok(found)
    }

    /// The words up to the end of what was just opened.
    fn inlines(&self, source: &mut Source<'a>) -> Result<Vec<Inline>, LessonError> {
        let mut found = Vec::new();
        while let Some((event, at)) = source.next() {
            if matches!(event, Event::End(_)) {
                break;
            }
            self.inline(event, &at, source, &mut found)?;
        }
        Ok(found)
    }

    fn inline(
        &self,
        event: Event<'a>,
        at: &Range<usize>,
        source: &mut Source<'a>,
        found: &mut Vec<Inline>,
    ) -> Result<(), LessonError> {
        let inline = match event {
            Event::Text(text) => Inline::Text(text.to_string()),
            Event::SoftBreak | Event::HardBreak => Inline::Text(" ".into()),
            Event::Code(code) => Inline::Code(code.to_string()),
            Event::Start(Tag::Emphasis) => Inline::Emphasis(self.inlines(source)?),
            Event::Start(Tag::Strong) => Inline::Strong(self.inlines(source)?),
            Event::Start(Tag::Link { dest_url, .. }) => {
                let text = self.inlines(source)?;
                self.link(&dest_url, text, at)?
            }
            Event::Html(_) | Event::InlineHtml(_) => return Err(self.error(at, HTML)),
            Event::Start(tag) => {
                return Err(self.error(
                    at,
                    format!("{} cannot be used here; {ACCEPTED}", name_of(&tag)),
                ));
            }
            _ => return Err(self.error(at, format!("this cannot be used here; {ACCEPTED}"))),
        };
        // Markdown cuts a text at every escape and entity; put together it is one.
        match (found.last_mut(), inline) {
            (Some(Inline::Text(before)), Inline::Text(text)) => before.push_str(&text),
            (_, inline) => found.push(inline),
        }
        Ok(())
    }

    fn link(&self, to: &str, text: Vec<Inline>, at: &Range<usize>) -> Result<Inline, LessonError> {
        if let Some(encoded) = to.strip_prefix("check:") {
            let source = decoded(encoded);
            let pred = Pred::parse(&source, &self.known_branches())
                .map_err(|problem| self.error(at, format!("claim \"{source}\": {problem}")))?;
            return Ok(Inline::Claim {
                check: Claim { source, pred },
                text,
            });
        }
        let scheme = to
            .split_once(':')
            .map(|(scheme, _)| scheme.trim().to_ascii_lowercase());
        let local = scheme.is_none() && !to.starts_with("//") && !to.contains('\\');
        if !local && scheme.as_deref() != Some("https") {
            return Err(self.error(
                at,
                format!(
                    "a link to \"{to}\"; accepted are https:, relative addresses, # and check:"
                ),
            ));
        }
        Ok(Inline::Link {
            to: to.to_string(),
            text,
        })
    }

    fn known_branches(&self) -> Vec<&str> {
        self.branches.iter().map(String::as_str).collect()
    }

    fn tasks(&self, content: &str, at: &Range<usize>) -> Result<Vec<Part>, LessonError> {
        let mut tasks = Vec::new();
        for (line, at) in lines(content, at) {
            let Some((source, praise)) = line.split_once('#') else {
                return Err(self.error(
                    &at,
                    format!("\"{line}\" lacks what the learner reads when it passes, after a #"),
                ));
            };
            let source = source.trim().to_string();
            let check = Check::parse(&source, &self.known_branches())
                .map_err(|problem| self.error(&at, format!("check \"{source}\": {problem}")))?;
            tasks.push(Part::Task(Task {
                source,
                check,
                praise: praise.trim().to_string(),
            }));
        }
        Ok(tasks)
    }

    fn glossary(
        &self,
        content: &str,
        at: &Range<usize>,
    ) -> Result<Vec<(String, String)>, LessonError> {
        let entry = |(line, at): (&str, Range<usize>)| {
            let (term, sentence) = line.split_once(':').ok_or_else(|| {
                self.error(
                    &at,
                    format!("\"{line}\" is no entry; expected \"term: plain sentence\""),
                )
            })?;
            Ok((term.trim().to_string(), sentence.trim().to_string()))
        };
        lines(content, at).map(entry).collect()
    }

    fn ask(&self, written: WrittenAsk, at: &Range<usize>) -> Result<Ask, LessonError> {
        let problem =
            |problem: String| self.error(at, format!("ask \"{}\": {problem}", written.id));
        if written.id.is_empty() || written.ask.is_empty() {
            return Err(problem("an ask has an id and a question".into()));
        }
        let kind = match written.kind.as_str() {
            "choice" => {
                let right = written.options.iter().filter(|option| option.right).count();
                if written.options.len() < 2 || right != 1 {
                    let found = written.options.len();
                    return Err(problem(format!(
                        "a choice has two options or more, one of them right; it has {found}, {right} of them right"
                    )));
                }
                if let Some(option) = written.options.iter().find(|option| option.why.is_empty()) {
                    return Err(problem(format!("\"{}\" does not say why", option.say)));
                }
                AskKind::Choice(written.options)
            }
            "number" => {
                let answer = Expr::parse(&written.answer, &self.known_branches())
                    .map_err(|e| problem(format!("answer \"{}\": {e}", written.answer)))?;
                AskKind::Number {
                    answer,
                    source: written.answer,
                }
            }
            "text" if written.model.is_empty() => {
                return Err(problem("a free text has a model answer, \"model\"".into()));
            }
            "text" => AskKind::Text {
                model: written.model,
            },
            other => {
                let known = ["choice", "number", "text"];
                let hint = suggest::did_you_mean(other, known);
                return Err(problem(format!(
                    "no kind \"{other}\"{hint}; accepted are {}",
                    known.join(", ")
                )));
            }
        };
        Ok(Ask {
            id: written.id,
            ask: written.ask,
            sure: written.sure,
            kind,
        })
    }

    fn json<T: DeserializeOwned>(
        &self,
        block: &str,
        content: &str,
        at: &Range<usize>,
    ) -> Result<T, LessonError> {
        serde_json::from_str(content).map_err(|e| {
            let mut error = self.error(at, format!("{block}: {e}"));
            error.line += e.line().saturating_sub(1);
            error
        })
    }
}

/// An ask as it stands in the file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenAsk {
    id: String,
    kind: String,
    ask: String,
    sure: bool,
    options: Vec<Choice>,
    /// Of a number: what the run has to say.
    answer: String,
    /// Of a text: an answer to hold one's own against.
    model: String,
}

const HTML: &str = "raw HTML; a lesson is Markdown only";
const ACCEPTED: &str = "accepted are paragraphs, lists, code, emphasis, links and the blocks";

fn name_of(tag: &Tag) -> &'static str {
    match tag {
        Tag::Heading { .. } => "a heading of this level",
        Tag::Image { .. } => "an image",
        Tag::BlockQuote(_) => "a quotation",
        Tag::CodeBlock(CodeBlockKind::Indented) => "an indented block",
        _ => "this",
    }
}

/// The content of a code block whose start was just read, and where it stands.
fn code(source: &mut Source, at: &Range<usize>) -> (String, Range<usize>) {
    let mut content = String::new();
    let mut inside: Option<Range<usize>> = None;
    for (event, at) in source.by_ref() {
        match event {
            Event::Text(text) => {
                content.push_str(&text);
                inside.get_or_insert(at);
            }
            _ => break,
        }
    }
    (content, inside.unwrap_or_else(|| at.clone()))
}

/// The lines of a block that say something, each with its place in the text.
fn lines<'c>(content: &'c str, at: &Range<usize>) -> impl Iterator<Item = (&'c str, Range<usize>)> {
    let start = at.start;
    let mut passed = 0;
    content
        .split_inclusive('\n')
        .map(move |line| {
            let here = start + passed;
            passed += line.len();
            (line.trim(), here..here + line.len())
        })
        .filter(|(line, _)| !line.is_empty())
}

fn plain(inlines: &[Inline]) -> String {
    let words = inlines.iter().map(|inline| match inline {
        Inline::Text(text) | Inline::Code(text) => text.clone(),
        Inline::Emphasis(inner)
        | Inline::Strong(inner)
        | Inline::Link { text: inner, .. }
        | Inline::Claim { text: inner, .. } => plain(inner),
    });
    words.collect()
}

/// Claims are written as one reads them, `[one](check:dup == 1)`, which Markdown would not take for a link.
fn with_claims_encoded(text: &str) -> String {
    const START: &str = "](check:";
    let mut encoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(START) {
        let (before, after) = rest.split_at(start + START.len());
        encoded.push_str(before);
        let mut depth = 1;
        let end = after.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0 || c == '\n'
        });
        let (claim, tail) = after.split_at(end.unwrap_or(after.len()));
        for byte in claim.bytes() {
            if byte.is_ascii_alphanumeric() {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        rest = tail;
    }
    encoded + rest
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let code = rest
            .get(1..3)
            .filter(|_| first == '%')
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                bytes.extend(rest[..first.len_utf8()].bytes());
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# T\n\n```lesson\n{\"scenario\": \"order-billing\"}\n```\n\n";

    fn parsed(body: &str) -> Lesson {
        lesson("l.md", &format!("{HEAD}{body}")).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error, with its line counted from the first line of `body`.
    fn refused(body: &str) -> String {
        let error = lesson("l.md", &format!("{HEAD}{body}")).expect_err("should be refused");
        format!("{}: {}", error.line as i64 - 6, error.problem)
    }

    #[test]
    fn steps_text_and_blocks_become_a_tree() {
        let lesson = parsed(
            "## scene: Where `p1` stands\n\nOne *copy* & [two rows](check:rows == 41 && (dup < 2)).\n\n- a\n- **b**\n\n\
             ```check\nrun(dup == 0)  # Well done.\n\nrun(lost == 0) # And again.\n```\n\n```sql\nselect 1\n```\n",
        );
        let step = &lesson.steps[0];
        assert_eq!(
            (step.kind, step.heading.as_str()),
            (StepKind::Scene, "Where p1 stands")
        );
        assert_eq!(step.claims()[0].source, "rows == 41 && (dup < 2)");
        let tasks: Vec<&str> = step.tasks().map(|task| task.praise.as_str()).collect();
        assert_eq!(tasks, ["Well done.", "And again."]);
        let text = |text: &str| Inline::Text(text.into());
        let item = |inline: Inline| vec![Block::Paragraph(vec![inline])];
        assert_eq!(
            step.parts[1],
            Part::Text(Block::List {
                ordered: false,
                items: vec![item(text("a")), item(Inline::Strong(vec![text("b")]))]
            })
        );
        assert_eq!(
            step.parts.last(),
            Some(&Part::Text(Block::Code("select 1\n".into())))
        );
    }

    #[test]
    fn patches_add_up_from_step_to_step() {
        let lesson = parsed(
            "## scene: a\n\n## task: b\n\n```patch\n{\"producer\": {\"retries\": 0}}\n```\n\n## quiz: c\n",
        );
        let retries = |step| lesson.scenario(step).expect("valid").producer.retries;
        assert_ne!(retries(0), 0);
        assert_eq!((retries(1), retries(2)), (0, 0));
    }

    #[test]
    fn errors_have_file_line_and_what_was_expected() {
        for (body, problem) in [
            (
                "## sceen: a\n",
                "1: no step kind \"sceen\"; did you mean \"scene\"?",
            ),
            (
                "## Where\n",
                "1: \"Where\" is no step; expected \"## KIND: heading\"",
            ),
            ("## scene: a\n\n<b>x</b>\n", "3: raw HTML"),
            ("## scene: a\n\n<script>\nx\n</script>\n", "3: raw HTML"),
            (
                "## scene: a\n\n```chek\n```\n",
                "3: no block \"chek\"; did you mean \"check\"?",
            ),
            (
                "## scene: a\n\n```check\nrun(dup == 0) # a\nrun(dpu == 0) # b\n```\n",
                "5: check \"run(dpu == 0)\": no metric \"dpu\"; did you mean \"dup\"?",
            ),
            (
                "## scene: a\n\n```check\nrun(dup == 0)\n```\n",
                "4: \"run(dup == 0)\" lacks what the learner reads",
            ),
            (
                "## scene: a\n\nx [y](check:dpu == 0)\n",
                "3: claim \"dpu == 0\": no metric",
            ),
            (
                "## scene: a\n\n[x](javascript:alert(1))\n",
                "3: a link to \"javascript:alert(1)\"; accepted are",
            ),
            (
                "## scene: a\n\n[x](JaVaScRiPt&#58;alert(1))\n",
                "3: a link to",
            ),
            ("## scene: a\n\n[x](data:text/html,x)\n", "3: a link to"),
            ("## scene: a\n\n[x](//evil.example)\n", "3: a link to"),
            (
                "## scene: a\n\n![x](a.png)\n",
                "3: an image cannot be used here",
            ),
            (
                "## scene: a\n\n### b\n",
                "3: a heading of this level cannot be used here",
            ),
            (
                "## scene: a\n\n```plot\n{\"chart\": \"latencies\"}\n```\n",
                "3: no chart \"latencies\"; did you mean \"latency\"?",
            ),
            (
                "## scene: a\n\n```patch\n{\n  \"producer\": }\n```\n",
                "5: patch: expected value",
            ),
            (
                "## scene: a\n\n```patch\n{\"prodcer\": {}}\n```\n",
                "-5: step 1: prodcer: no such section",
            ),
            (
                "## quiz: a\n\n```ask\n{\"id\": \"q\", \"kind\": \"choise\", \"ask\": \"?\"}\n```\n",
                "3: ask \"q\": no kind \"choise\"; did you mean \"choice\"?",
            ),
            (
                "## quiz: a\n\n```ask\n{\"id\": \"q\", \"kind\": \"choice\", \"ask\": \"?\", \"options\": [{\"say\": \"a\"}]}\n```\n",
                "3: ask \"q\": a choice has two options or more",
            ),
            (
                "## quiz: a\n\n```ask\n{\"id\": \"q\", \"kind\": \"number\", \"ask\": \"?\", \"answer\": \"dpu\"}\n```\n",
                "3: ask \"q\": answer \"dpu\": no metric",
            ),
            (
                "## quiz: a\n\n```ask\n{\"idd\": \"q\"}\n```\n",
                "4: ask: unknown field `idd`",
            ),
            ("text\n", "1: text before the first step"),
            ("", "-5: a lesson without a step"),
        ] {
            let found = refused(body);
            assert!(found.starts_with(problem), "{body:?}: {found}");
        }
        let other = lesson("l.md", "no title\n").expect_err("wrong");
        assert_eq!(
            other.to_string(),
            "l.md:1: a lesson begins with its title, \"# ...\""
        );
        let preset = lesson(
            "l.md",
            "# T\n\n```lesson\n{\"scenario\": \"order-biling\"}\n```\n",
        )
        .expect_err("wrong");
        assert_eq!(
            preset.to_string(),
            "l.md:4: lesson: no preset \"order-biling\"; did you mean \"order-billing\"?"
        );
    }

    #[test]
    fn an_id_is_used_once() {
        let ask = "```ask\n{\"id\": \"q\", \"kind\": \"text\", \"ask\": \"?\", \"model\": \"m\"}\n```\n\n";
        assert!(
            refused(&format!("## quiz: a\n\n{ask}{ask}"))
                .contains("a second ask with the id \"q\"")
        );
    }
}
