//! A lesson file: `# Title`, a block `lesson`, then `## KIND: heading` for every step.
//!
//! What is shown is a typed tree, never HTML, so a lesson from anywhere can do nothing but be read.

use super::check::{Check, Expr, Item, Pred};
use super::markdown::{self, Kind, Problem, Span};
use super::{
    Ask, AskKind, Block, Choice, Claim, Inline, Lesson, LessonError, Part, Plot, Setup, Step,
    StepKind, Task, search, sql,
};
use crate::sim::{Patch, catalog, control, json, suggest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const BLOCKS: [&str; 8] = [
    "lesson", "patch", "ask", "check", "plot", "notes", "glossary", "backlog",
];
/// Plain code, shown as it is.
const LANGUAGES: [&str; 6] = ["text", "sql", "java", "python", "properties", "sh"];
const CHARTS: [&str; 4] = ["outcomes", "latency", "lag", "clocks"];

pub fn lesson(file: &str, text: &str) -> Result<Lesson, LessonError> {
    let mut reader = Reader {
        file,
        branches: Vec::new(),
        backlog: Vec::new(),
    };
    reader.lesson(text)
}

/// A text outside of lessons: no claims, since there is no run to hold them against.
pub fn prose(file: &str, text: &str, line: usize) -> Result<Vec<Inline>, LessonError> {
    let reader = Reader {
        file,
        branches: Vec::new(),
        backlog: Vec::new(),
    };
    let spans = markdown::spans(text, line).map_err(|problem| reader.of_markdown(problem))?;
    let inlines = reader.read_spans(spans)?;
    match inlines
        .iter()
        .find(|inline| matches!(inline, Inline::Claim { .. }))
    {
        Some(_) => Err(reader.error(line, "a claim has no run to be held against here")),
        None => Ok(inlines),
    }
}

struct Reader<'a> {
    file: &'a str,
    /// What may stand before a metric.
    branches: Vec<String>,
    /// What `points` counts, once its block was read.
    backlog: Vec<Item>,
}

impl Reader<'_> {
    fn error(&self, line: usize, problem: impl Into<String>) -> LessonError {
        LessonError {
            file: self.file.to_string(),
            line,
            problem: problem.into(),
        }
    }

    fn blocks_of<'t>(
        &self,
        text: &'t str,
        first_line: usize,
    ) -> Result<Vec<markdown::Block<'t>>, LessonError> {
        markdown::blocks(text, first_line).map_err(|problem| self.of_markdown(problem))
    }

    fn of_markdown(&self, problem: Problem) -> LessonError {
        self.error(problem.line, problem.text)
    }

    fn lesson(&mut self, text: &str) -> Result<Lesson, LessonError> {
        let mut blocks = self.blocks_of(text, 1)?.into_iter().peekable();
        let line = blocks.peek().map_or(1, |block| block.line);
        let title = match blocks.next().map(|block| block.kind) {
            Some(Kind::Heading(1, words)) => self.plain(words, line)?,
            _ => return Err(self.error(line, "a lesson begins with its title, \"# ...\"")),
        };
        let line = blocks.peek().map_or(line, |block| block.line);
        let setup = match blocks.next().map(|block| block.kind) {
            Some(Kind::Fence("lesson", content)) => self.setup(&content, line + 1)?,
            _ => return Err(self.error(line, "after its title comes the block ```lesson")),
        };
        let scenario = catalog::find(&setup.scenario).map(catalog::Preset::scenario);
        self.branches =
            scenario.map_or_else(Vec::new, |scenario| scenario.branches.into_keys().collect());

        let mut steps: Vec<Step> = Vec::new();
        let mut ids: Vec<String> = Vec::new();
        for block in blocks {
            let line = block.line;
            if let Kind::Heading(2, words) = block.kind {
                let heading = self.plain(words, line)?;
                steps.push(self.step(&heading, line)?);
                continue;
            }
            let parts = self.parts(block)?;
            let Some(step) = steps.last_mut() else {
                return Err(self.error(
                    line,
                    "text before the first step; a step begins with \"## KIND: heading\"",
                ));
            };
            for part in parts {
                if let Part::Ask(ask) = &part {
                    if ids.contains(&ask.id) {
                        let problem = format!("a second ask with the id \"{}\"", ask.id);
                        return Err(self.error(line, problem));
                    }
                    ids.push(ask.id.clone());
                }
                step.parts.push(part);
            }
        }
        if steps.is_empty() {
            return Err(self.error(
                1,
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
                .map_err(|error| self.error(1, format!("step {}: {error}", step + 1)))?;
        }
        Ok(lesson)
    }

    fn setup(&self, content: &str, line: usize) -> Result<Setup, LessonError> {
        let setup: Setup = self.json("lesson", content, line)?;
        if catalog::find(&setup.scenario).is_none() {
            let known = catalog::all().iter().map(|preset| preset.id);
            let hint = suggest::did_you_mean(&setup.scenario, known);
            return Err(self.error(
                line,
                format!("lesson: no preset \"{}\"{hint}", setup.scenario),
            ));
        }
        for key in &setup.controls {
            if control::find(key).is_none() {
                let known = control::CONTROLS.iter().map(|control| control.key);
                let hint = suggest::did_you_mean(key, known);
                return Err(self.error(line, format!("lesson: no setting \"{key}\"{hint}")));
            }
        }
        Ok(setup)
    }

    fn step(&self, heading: &str, line: usize) -> Result<Step, LessonError> {
        let words = StepKind::ALL.map(StepKind::word);
        let Some((word, heading)) = heading.split_once(':') else {
            return Err(self.error(
                line,
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
                line,
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
            line,
            parts: Vec::new(),
        })
    }

    /// What one Markdown block is in a step. A block `check` is several tasks.
    fn parts(&mut self, block: markdown::Block) -> Result<Vec<Part>, LessonError> {
        let line = block.line;
        let (word, content) = match block.kind {
            Kind::Fence(word, content) if !LANGUAGES.contains(&word) => (word, content),
            _ => return Ok(vec![Part::Text(self.block(block)?)]),
        };
        // The content begins on the line behind the fence.
        let inside = line + 1;
        Ok(match word {
            "patch" => {
                let value: serde_json::Value = self.json("patch", &content, inside)?;
                let patch =
                    Patch::of(value).map_err(|error| self.error(inside, error.to_string()))?;
                vec![Part::Patch(patch)]
            }
            "ask" => vec![Part::Ask(
                self.ask(self.json("ask", &content, inside)?, line)?,
            )],
            "check" => self.tasks(&content, inside)?,
            "plot" => {
                let plot: Plot = self.json("plot", &content, inside)?;
                if !CHARTS.contains(&plot.chart.as_str()) {
                    let hint = suggest::did_you_mean(&plot.chart, CHARTS);
                    return Err(self.error(
                        line,
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
                let notes = self.blocks_of(&content, inside)?;
                vec![Part::Notes(self.blocks(notes)?)]
            }
            "glossary" => vec![Part::Glossary(self.glossary(&content, inside)?)],
            "backlog" => {
                self.backlog = self.backlog(&content, inside)?;
                vec![Part::Text(listed(&self.backlog))]
            }
            "lesson" => return Err(self.error(line, "a second block ```lesson")),
            other => {
                let known = BLOCKS.into_iter().chain(LANGUAGES);
                let hint = suggest::did_you_mean(other, known);
                return Err(self.error(
                    line,
                    format!(
                        "no block \"{other}\"{hint}; accepted are {} and {}",
                        BLOCKS.join(", "),
                        LANGUAGES.join(", ")
                    ),
                ));
            }
        })
    }

    fn blocks(&self, blocks: Vec<markdown::Block>) -> Result<Vec<Block>, LessonError> {
        blocks.into_iter().map(|block| self.block(block)).collect()
    }

    fn block(&self, block: markdown::Block) -> Result<Block, LessonError> {
        Ok(match block.kind {
            Kind::Paragraph(text) => Block::Paragraph(self.inlines(&text, block.line)?),
            Kind::Fence(_, content) => Block::Code(content),
            Kind::List { ordered, items } => {
                let items = items.into_iter().map(|item| self.blocks(item));
                Block::List {
                    ordered,
                    items: items.collect::<Result<_, _>>()?,
                }
            }
            Kind::Heading(..) => {
                return Err(self.error(
                    block.line,
                    "a heading of this level cannot be used here; steps have two #, a title has one",
                ));
            }
        })
    }

    fn inlines(&self, text: &str, line: usize) -> Result<Vec<Inline>, LessonError> {
        let spans = markdown::spans(text, line).map_err(|problem| self.of_markdown(problem))?;
        self.read_spans(spans)
    }

    fn read_spans(&self, spans: Vec<Span>) -> Result<Vec<Inline>, LessonError> {
        spans.into_iter().map(|span| self.inline(span)).collect()
    }

    fn inline(&self, span: Span) -> Result<Inline, LessonError> {
        Ok(match span {
            Span::Text(text) => Inline::Text(text),
            Span::Code(text) => Inline::Code(text),
            Span::Emphasis(inner) => Inline::Emphasis(self.read_spans(inner)?),
            Span::Strong(inner) => Inline::Strong(self.read_spans(inner)?),
            Span::Link(to, text, line) => self.link(to, self.read_spans(text)?, line)?,
        })
    }

    /// The words of a heading.
    fn plain(&self, text: &str, line: usize) -> Result<String, LessonError> {
        Ok(search::plain(&self.inlines(text, line)?))
    }

    fn link(&self, to: String, text: Vec<Inline>, line: usize) -> Result<Inline, LessonError> {
        if let Some(source) = to.strip_prefix("check:") {
            let source = source.trim().to_string();
            let pred = Pred::parse(&source, &self.known_branches())
                .map_err(|problem| self.error(line, format!("claim \"{source}\": {problem}")))?;
            return Ok(Inline::Claim {
                check: Claim { line, source, pred },
                text,
            });
        }
        let scheme = to
            .split_once(':')
            .map(|(scheme, _)| scheme.trim().to_ascii_lowercase());
        let coded = to
            .match_indices('&')
            .any(|(at, _)| markdown::is_reference(&to[at..]));
        let local = scheme.is_none() && !coded && !to.starts_with("//") && !to.contains('\\');
        if !local && scheme.as_deref() != Some("https") {
            return Err(self.error(
                line,
                format!(
                    "a link to \"{to}\"; accepted are https:, relative addresses, # and check:"
                ),
            ));
        }
        Ok(Inline::Link { to, text })
    }

    fn known_branches(&self) -> Vec<&str> {
        self.branches.iter().map(String::as_str).collect()
    }

    fn tasks(&self, content: &str, first_line: usize) -> Result<Vec<Part>, LessonError> {
        let mut tasks = Vec::new();
        for (text, line) in lines(content, first_line) {
            let Some((source, praise)) = text.split_once('#') else {
                return Err(self.error(
                    line,
                    format!("\"{text}\" lacks what the learner reads when it passes, after a #"),
                ));
            };
            let source = source.trim().to_string();
            let check = Check::parse(&source, &self.known_branches())
                .map_err(|problem| self.error(line, format!("check \"{source}\": {problem}")))?;
            if let Some(run) = check.unknown_run() {
                let problem = format!("no run \"{run}\"; the two are preset and mine");
                return Err(self.error(line, format!("check \"{source}\": {problem}")));
            }
            if check.counts_points() && self.backlog.is_empty() {
                let problem = "points are those of a block ```backlog, which has to come first";
                return Err(self.error(line, format!("check \"{source}\": {problem}")));
            }
            let check = check.with_backlog(&self.backlog);
            tasks.push(Part::Task(Task {
                line,
                source,
                check,
                praise: praise.trim().to_string(),
            }));
        }
        Ok(tasks)
    }

    /// What a plan can buy: every setting exists, and stands in one item.
    fn backlog(&self, content: &str, line: usize) -> Result<Vec<Item>, LessonError> {
        let items: Vec<Item> = self.json("backlog", content, line)?;
        let mut seen: Vec<&str> = Vec::new();
        for key in items.iter().flat_map(|item| &item.settings) {
            if control::find(key).is_none() {
                let known = control::CONTROLS.iter().map(|control| control.key);
                let hint = suggest::did_you_mean(key, known);
                return Err(self.error(line, format!("backlog: no setting \"{key}\"{hint}")));
            }
            if seen.contains(&key.as_str()) {
                let problem = format!("backlog: \"{key}\" stands in two items");
                return Err(self.error(line, problem));
            }
            seen.push(key);
        }
        Ok(items)
    }

    fn glossary(
        &self,
        content: &str,
        first_line: usize,
    ) -> Result<Vec<(String, String)>, LessonError> {
        let entry = |(text, line): (&str, usize)| {
            let (term, sentence) = text.split_once(':').ok_or_else(|| {
                self.error(
                    line,
                    format!("\"{text}\" is no entry; expected \"term: plain sentence\""),
                )
            })?;
            Ok((term.trim().to_string(), sentence.trim().to_string()))
        };
        lines(content, first_line).map(entry).collect()
    }

    fn ask(&self, written: WrittenAsk, line: usize) -> Result<Ask, LessonError> {
        let problem =
            |problem: String| self.error(line, format!("ask \"{}\": {problem}", written.id));
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
            "sql" => AskKind::Sql(Box::new(self.sql(&written).map_err(problem)?)),
            other => {
                let known = ["choice", "number", "text", "sql"];
                let hint = suggest::did_you_mean(other, known);
                return Err(problem(format!(
                    "no kind \"{other}\"{hint}; accepted are {}",
                    known.join(", ")
                )));
            }
        };
        Ok(Ask {
            line,
            id: written.id,
            ask: written.ask,
            sure: written.sure,
            kind,
        })
    }

    fn sql(&self, written: &WrittenAsk) -> Result<sql::Wanted, String> {
        for (field, text) in [("begin", &written.begin), ("model", &written.model)] {
            if text.is_empty() {
                return Err(format!("a query has \"{field}\""));
            }
        }
        if written.wrong.is_empty() {
            return Err("a query has at least one that is close and \"wrong\"".into());
        }
        let rows = Expr::parse(&written.rows, &self.known_branches());
        Ok(sql::Wanted {
            begin: written.begin.clone(),
            model: written.model.clone(),
            wrong: written.wrong.clone(),
            then: Some(written.then.clone()).filter(|then| !then.is_empty()),
            rows: rows.map_err(|error| format!("rows \"{}\": {error}", written.rows))?,
            source: written.rows.clone(),
        })
    }

    fn json<T: DeserializeOwned>(
        &self,
        block: &str,
        content: &str,
        line: usize,
    ) -> Result<T, LessonError> {
        json::parse(content).map_err(|(within, problem)| {
            self.error(line + within - 1, format!("{block}: {problem}"))
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
    /// Of a text and of a query: an answer to hold one's own against.
    model: String,
    /// Of a query: what one begins from, what is close and wrong, what is looked at afterwards, and how many rows it finds.
    begin: String,
    wrong: Vec<String>,
    then: String,
    rows: String,
}

/// A backlog as the learner reads it: item, price, settings.
fn listed(backlog: &[Item]) -> Block {
    let item = |item: &Item| {
        let points = if item.points == 1 { "point" } else { "points" };
        let mut line = vec![
            Inline::Strong(vec![Inline::Text(item.item.clone())]),
            Inline::Text(format!(", {} {points}: ", item.points)),
        ];
        for (n, key) in item.settings.iter().enumerate() {
            if n > 0 {
                line.push(Inline::Text(", ".into()));
            }
            line.push(Inline::Code(key.clone()));
        }
        vec![Block::Paragraph(line)]
    };
    Block::List {
        ordered: false,
        items: backlog.iter().map(item).collect(),
    }
}

/// The lines of a block that say something, each with its number.
fn lines(content: &str, first_line: usize) -> impl Iterator<Item = (&str, usize)> {
    let numbered = content.lines().map(str::trim).zip(first_line..);
    numbered.filter(|(line, _)| !line.is_empty())
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
    fn a_backlog_is_shown_as_a_list_and_counted_by_points() {
        let backlog = "```backlog\n[{\"item\": \"A key\", \"points\": 1, \"settings\": [\"acks\", \"retries\"]}]\n```\n\n";
        let task = "```check\nrun(dup == 0) && points <= 3 # Within the budget.\n```\n";
        let lesson = parsed(&format!("## task: a\n\n{backlog}{task}"));
        let Part::Text(list) = &lesson.steps[0].parts[0] else {
            panic!("a list");
        };
        assert_eq!(search::of_block(list), "A key, 1 point: acks, retries");
        let check = &lesson.steps[0].tasks().next().expect("a task").check;
        let Check::All(checks) = check else {
            panic!("two checks");
        };
        assert!(
            matches!(&checks[1], Check::PointsAtMost { points: 3, backlog } if backlog.len() == 1)
        );
        for (body, problem) in [
            (
                format!("## task: a\n\n{task}"),
                "4: check \"run(dup == 0) && points <= 3\": points are those of a block ```backlog",
            ),
            (
                format!("## task: a\n\n{}", backlog.replace("acks", "akcs")),
                "4: backlog: no setting \"akcs\"; did you mean \"acks\"?",
            ),
            (
                format!("## task: a\n\n{}", backlog.replace("acks", "retries")),
                "4: backlog: \"retries\" stands in two items",
            ),
            (
                format!("## task: a\n\n{}", backlog.replace("points", "point")),
                "4: backlog: unknown field `point`",
            ),
        ] {
            let found = refused(&body);
            assert!(found.starts_with(problem), "{found}");
        }
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
