//! Lessons: Markdown with a few fenced blocks, read into a typed tree at run time.
//!
//! - `markdown`, `parse`: one lesson file; raw HTML, unknown blocks and unknown names are errors with file and line
//! - [`check`]: what a task demands of a run, and whether it holds
//! - `gauntlet`: a check that is held against every script of a suite
//! - `proof`: what every lesson has to hold, on the simulator
//! - `command`: `streamproof lesson`, in a terminal; `show`: a lesson as JSON there
//! - [`course`]: which lessons there are, in which order
//! - [`glossary`]: the words of the course
//! - [`progress`]: what a learner did, kept and merged, and what is due for review
//! - [`sql`]: a task in SQL, and what a query is held against
//! - [`search`]: one search over lessons, glossary, settings and scenarios

pub mod check;
#[cfg(not(any(target_arch = "wasm32", feature = "lean")))]
pub mod command;
pub mod course;
#[cfg(not(feature = "lean"))]
pub mod gauntlet;
pub mod glossary;
mod markdown;
mod parse;
pub mod progress;
#[cfg(not(any(target_arch = "wasm32", feature = "lean")))]
pub mod proof;
pub mod search;
#[cfg(not(any(target_arch = "wasm32", feature = "lean")))]
pub mod show;
pub mod sql;

use crate::sim::{Patch, Scenario, ScenarioError, catalog};
use check::{Check, Expr, Pred};
use serde::Deserialize;
use std::fmt;

/// A lesson that cannot be read: where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonError {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    pub problem: String,
}

impl fmt::Display for LessonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.problem)
    }
}

impl std::error::Error for LessonError {}

/// One lesson.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lesson {
    pub title: String,
    pub setup: Setup,
    pub steps: Vec<Step>,
}

/// What a lesson is about: its first block.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setup {
    /// The preset that it runs.
    pub scenario: String,
    /// What it changes in the preset from the first step on.
    pub patch: Patch,
    /// The settings that it is about.
    pub controls: Vec<String>,
    /// The misconceptions that it attacks.
    pub attacks: Vec<String>,
    /// The lesson that it looks back on.
    pub recalls: Option<String>,
    pub minutes: u32,
}

/// What a step asks of the learner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    Recall,
    Scene,
    Predict,
    Run,
    Observe,
    Explain,
    Task,
    Gauntlet,
    Quiz,
    Production,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub kind: StepKind,
    pub heading: String,
    /// Of the file, counted from 1; so in a claim, an ask and a task.
    pub line: usize,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text(Block),
    /// Applied when the step opens.
    Patch(Patch),
    Ask(Ask),
    Task(Task),
    Plot(Plot),
    /// For the speaker.
    Notes(Vec<Block>),
    Glossary(Vec<(String, String)>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    Paragraph(Vec<Inline>),
    List {
        ordered: bool,
        items: Vec<Vec<Block>>,
    },
    Code(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Inline {
    Text(String),
    Code(String),
    Emphasis(Vec<Inline>),
    Strong(Vec<Inline>),
    Link {
        to: String,
        text: Vec<Inline>,
    },
    /// A claim about the run of this step; the tests evaluate it.
    Claim {
        check: Claim,
        text: Vec<Inline>,
    },
}

/// A predicate with the words it was written in.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub line: usize,
    pub source: String,
    pub pred: Pred,
}

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub line: usize,
    pub id: String,
    pub ask: String,
    /// Whether the learner also says how sure they are.
    pub sure: bool,
    pub kind: AskKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AskKind {
    /// One of several.
    Choice(Vec<Choice>),
    /// A number that the run has the answer to.
    Number { answer: Expr, source: String },
    /// Free text, with a model answer to hold it against.
    Text { model: String },
    /// A query over the tables of the run.
    Sql(Box<sql::Wanted>),
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Choice {
    pub say: String,
    pub right: bool,
    pub why: String,
    /// A change of the step's scenario whose run shows that this is wrong.
    pub refuted_by: Option<Patch>,
}

/// A check, and what the learner reads once it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub line: usize,
    pub source: String,
    pub check: Check,
    pub praise: String,
}

/// A chart in the lesson column.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plot {
    pub chart: String,
    pub sla_ms: Option<u64>,
}

impl StepKind {
    pub const ALL: [StepKind; 10] = [
        StepKind::Recall,
        StepKind::Scene,
        StepKind::Predict,
        StepKind::Run,
        StepKind::Observe,
        StepKind::Explain,
        StepKind::Task,
        StepKind::Gauntlet,
        StepKind::Quiz,
        StepKind::Production,
    ];

    /// The word in a lesson file.
    pub const fn word(self) -> &'static str {
        match self {
            StepKind::Recall => "recall",
            StepKind::Scene => "scene",
            StepKind::Predict => "predict",
            StepKind::Run => "run",
            StepKind::Observe => "observe",
            StepKind::Explain => "explain",
            StepKind::Task => "task",
            StepKind::Gauntlet => "gauntlet",
            StepKind::Quiz => "quiz",
            StepKind::Production => "production",
        }
    }
}

impl Lesson {
    /// Reads a lesson file; `file` is its name in messages.
    pub fn parse(file: &str, text: &str) -> Result<Lesson, LessonError> {
        parse::lesson(file, text)
    }

    /// The scenario of a step, counted from 0: the preset with the patches of the steps so far.
    pub fn scenario(&self, step: usize) -> Result<Scenario, ScenarioError> {
        let preset = catalog::find(&self.setup.scenario).ok_or_else(|| {
            ScenarioError::new(
                "lesson.scenario",
                format!("no preset \"{}\"", self.setup.scenario),
            )
        })?;
        preset.scenario().patched(&self.patch(step))
    }

    /// What the lesson has changed in its preset by a step, counted from 0.
    pub fn patch(&self, step: usize) -> Patch {
        let so_far = self.steps.iter().take(step + 1);
        let patches = so_far
            .flat_map(|step| &step.parts)
            .filter_map(|part| match part {
                Part::Patch(patch) => Some(patch),
                _ => None,
            });
        patches.fold(self.setup.patch.clone(), |whole, patch| whole.then(patch))
    }
}

impl Step {
    pub fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.parts.iter().filter_map(|part| match part {
            Part::Ask(ask) => Some(ask),
            _ => None,
        })
    }

    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.parts.iter().filter_map(|part| match part {
            Part::Task(task) => Some(task),
            _ => None,
        })
    }

    /// Every claim in the text.
    pub fn claims(&self) -> Vec<&Claim> {
        let mut found = Vec::new();
        for part in &self.parts {
            if let Part::Text(block) = part {
                in_block(block, &mut found);
            }
        }
        found
    }
}

fn in_block<'a>(block: &'a Block, found: &mut Vec<&'a Claim>) {
    match block {
        Block::Paragraph(inlines) => in_inlines(inlines, found),
        Block::List { items, .. } => items
            .iter()
            .flatten()
            .for_each(|block| in_block(block, found)),
        Block::Code(_) => {}
    }
}

fn in_inlines<'a>(inlines: &'a [Inline], found: &mut Vec<&'a Claim>) {
    for inline in inlines {
        match inline {
            Inline::Claim { check, .. } => found.push(check),
            Inline::Emphasis(inner) | Inline::Strong(inner) | Inline::Link { text: inner, .. } => {
                in_inlines(inner, found);
            }
            Inline::Text(_) | Inline::Code(_) => {}
        }
    }
}
