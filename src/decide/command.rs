//! `streamproof decide`: the framework in a terminal. Words go in, text and files come out.

use super::plan::Plan;
use super::questions::{QUESTIONS, Question, cases};
use super::record::{self, Record};
use super::{Findings, investigate};
use crate::decide::plan::title;
use crate::decide::tree::TREE;
use crate::sim::suggest;

pub const USAGE: &str = "\
usage: streamproof decide [--answer KEY=VALUE]... [--json] [--record FILE]
       streamproof decide --check FILE

Without an answer the questions are listed. KEY is a question; with several segments it is SEGMENT.KEY, such as
billing.missing=money, and SEGMENT.from=OTHER says that a segment reads what another one writes. The first segment named is
the main one. Answers to fresh, late, refuse, replay, readers and engine may be left out.
The profile is run and explored, its neighbours are run beside it, and what is printed is what was found. --record writes the
decision record as Markdown. --check reads one back and holds it against the simulator, all but what was filled in.
";

const OPTIONS: [&str; 4] = ["--answer", "--json", "--record", "--check"];

/// A file that is to be written: its path and what goes into it.
pub type Written = (String, String);

/// What goes to the terminal, and the file to write. `read` gives the text of a file.
///
/// # Errors
///
/// An unknown option, an answer that is none, or a record that does not hold.
pub fn run(
    words: &[&str],
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<(String, Vec<Written>), String> {
    let mut answers = Vec::new();
    let (mut json, mut file, mut checked) = (false, None, None);
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let mut value = || {
            let value = words.next().copied();
            value.ok_or_else(|| format!("{word} needs a value"))
        };
        match word {
            "--answer" => answers.push(value()?),
            "--json" => json = true,
            "--record" => file = Some(value()?),
            "--check" => checked = Some(value()?),
            other => {
                let hint = suggest::did_you_mean(other, OPTIONS);
                return Err(format!(
                    "no option named \"{other}\"{hint}; accepted are {}",
                    OPTIONS.join(", ")
                ));
            }
        }
    }
    if let Some(path) = checked {
        if json || file.is_some() || !answers.is_empty() {
            return Err("--check reads a record and takes nothing beside it".into());
        }
        let record =
            Record::check(&read(path)?).map_err(|why| format!("--check: {path}: {why}"))?;
        return Ok((
            format!(
                "{path}: holds, run {:016x} reproduced exactly\n",
                record.digest
            ),
            Vec::new(),
        ));
    }
    if answers.is_empty() {
        if file.is_some() || json {
            return Err(format!(
                "--answer: nothing is answered yet; the first question is \"{}\" Accepted: --answer {}=VALUE with {}",
                QUESTIONS[0].ask,
                QUESTIONS[0].id,
                QUESTIONS[0].accepted()
            ));
        }
        return Ok((questions(), Vec::new()));
    }
    let plan = cases(answers)
        .and_then(|cases| Plan::of(&cases))
        .map_err(|refused| format!("--answer: {refused}"))?;
    let findings = investigate(&plan);
    let files = file.map(|path| (path.to_string(), record::markdown(&plan, &findings)));
    let text = if json {
        format!("{}\n", record::to_json(&plan, &findings))
    } else {
        to_text(&plan, &findings)
    };
    Ok((text, files.into_iter().collect()))
}

fn questions() -> String {
    let mut text = String::from("Questions, in this order; answer with --answer KEY=VALUE.\n");
    for question in QUESTIONS {
        let Question { id, ask, why, .. } = question;
        text += &format!("\n{id}: {ask}\n  {why}\n");
        for choice in question.choices {
            let silence = match question.otherwise == Some(choice.value) {
                true => " (if not answered)",
                false => "",
            };
            text += &format!("  {id}={}  {}{silence}\n", choice.value, choice.says);
        }
    }
    text
}

fn to_text(plan: &Plan, findings: &Findings) -> String {
    let mut text = String::new();
    for (segment, path) in plan.segments.iter().zip(&plan.paths) {
        for (place, yes) in &path.steps {
            text += &format!(
                "{} {}\n",
                TREE[*place].ask,
                if *yes { "Yes." } else { "No." }
            );
        }
        let name = match segment.case.name.as_str() {
            "" => String::new(),
            name => format!("{name}: "),
        };
        text += &format!("-> {name}{}\n\n", title(segment));
    }
    let record = record::markdown(plan, findings);
    // What people read is written once, in the record.
    for heading in [
        "## Settings",
        "## Evidence",
        "## Alternatives considered",
        "## Residual risks",
        "## Costs",
    ] {
        let part = record
            .split_once(&format!("{heading}\n"))
            .map(|(_, rest)| rest);
        let part = part
            .and_then(|rest| rest.split("\n## ").next())
            .unwrap_or_default();
        text += &format!("{}\n{}\n\n", &heading[3..], part.trim());
    }
    text + &format!("digest {:016x}\n", findings.run.digest)
}
