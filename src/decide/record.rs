//! The decision record: what was answered, decided, set and measured, as Markdown and as JSON, bound to its run.
//!
//! A record carries its run file and its digest. Reading it back asks everything again, so that a record cannot drift from the
//! simulator that it was made with, nor its settings from the run.

use super::measure::{Measures, Ratio, hundredths, number};
use super::plan::{BASE, FEW, Findings, Kept, Plan, title};
use super::profile::{self, Setting};
use super::questions::{Question, Refused, cases};
use super::tree::TREE;
use crate::share::{Link, Reader};
use crate::sim::explore::crash_points::Report;
use crate::sim::{Scenario, control};
use serde_json::{Value, json};

/// What follows is for people to fill in, and is not compared.
const OPEN: &str = "## To be filled in";

/// The run of a plan, as it is shared.
pub fn link(plan: &Plan, digest: u64) -> Link {
    Link {
        id: super::plan::BASE,
        scenario: plan.scenario.clone(),
        at: None,
        digest: Some(digest),
    }
}

/// The record as Markdown.
pub fn markdown(plan: &Plan, findings: &Findings) -> String {
    let shared = link(plan, findings.run.digest);
    let address = match shared.write() {
        Ok(link) => format!("`#{link}`"),
        Err(why) => format!("{why}; the run file at the end has it"),
    };
    let titles: Vec<String> = plan.segments.iter().map(title).collect();
    let mut text = format!(
        "# Decision: {}\n\n\
         - Status: proposed\n\
         - Made with: streamproof {}, preset `{BASE}`, seed {}\n\
         - Run: {address}\n\
         - Digest: `{:016x}`\n",
        titles.join(" · "),
        env!("CARGO_PKG_VERSION"),
        plan.scenario.seed,
        findings.run.digest,
    );
    text += "\n## Answers\n\n";
    for segment in &plan.segments {
        let case = &segment.case;
        if let Some(from) = &case.from {
            text += &format!("- `{}={from}`\n", case.key("from"));
        }
        for &(id, value) in case.answers() {
            text += &format!("- `{}={value}` {}\n", case.key(id), asked(id, value));
        }
        for (id, value) in silent(case) {
            text += &format!(
                "- not answered, so {}={value}: {}\n",
                case.key(id),
                asked(id, value)
            );
        }
    }
    text += "\n## Decision\n";
    for (segment, path) in plan.segments.iter().zip(&plan.paths) {
        text += &format!("\n**{}{}**\n\n", named(&segment.case.name), title(segment));
        for (place, yes) in &path.steps {
            text += &format!(
                "1. {} {}\n",
                TREE[*place].ask,
                if *yes { "Yes." } else { "No." }
            );
        }
    }
    text += "\n";
    for kept in plan.kept(findings) {
        text += &format!("- {}\n", sentence(plan, &kept));
    }
    if plan.kept(findings).is_empty() {
        text += "- Nothing is promised.\n";
    }
    text += "\n## Settings\n\n| layer | setting | value | default | what it does |\n|---|---|---|---|---|\n";
    for setting in &plan.settings {
        text += &format!(
            "| {}{} | `{}` | `{}` | {} | {} |\n",
            named(&setting.segment),
            setting.layer,
            setting.key,
            setting.text(),
            default(setting),
            setting.plain()
        );
    }
    text += "\n## Evidence\n\n";
    text += "A run can refute a guarantee and prove none. What is said to have held, held at the crash points of these explorations: of these settings, this seed, these faults and";
    text += &format!(" the first {FEW} orders.\n\n");
    for (probe, report) in plan.explorations.iter().zip(&findings.reports) {
        text += &format!("- {} {}\n", probe.words, counts(report));
        for segment in &report.segments {
            let [_, says] = report.says_of(segment);
            let name = shown(plan, &segment.name);
            text += &format!("  - {}{says} ({})\n", named(name), segment.tally.to_text());
            for example in &segment.counterexamples {
                text += &format!(
                    "    - {} falls: {}\n",
                    example.guarantee.name(),
                    example.words
                );
            }
        }
    }
    text += &format!("- Without any fault: {}\n", calm(&findings.run));
    text += "\n## Alternatives considered\n\n";
    for (other, (measures, report)) in plan.alternatives.iter().zip(&findings.alternatives) {
        text += &format!(
            "- **{}**: {} {}\n",
            other.name,
            other.why_not,
            beside(measures, report.as_ref(), &findings.run)
        );
    }
    if plan.alternatives.is_empty() {
        text += "- None beside these; each segment alone has its own.\n";
    }
    text += "\n## Residual risks\n\n";
    for (segment, risk) in &plan.risks {
        text += &format!("- {}{risk}\n", named(segment));
    }
    text += "\n## Costs\n\nMeasured side by side on the same seed; the baseline is P0, best effort, with the same engine and sink.\n\n";
    text += "| | profile | baseline | times |\n|---|---|---|---|\n";
    for ratio in findings.run.against(&findings.baseline) {
        text += &format!("| {} | {} |\n", ratio.name, row(&ratio));
    }
    text += &format!("\n{}\n", freshness(plan, &findings.run));
    text += &format!("\n## To run it again\n\n```json\n{}```\n", shared.to_file());
    text += &format!(
        "\n{OPEN}\n\n- Date and owner of the decision:\n- Volumes, and money per missing and per doubled event:\n- Each risk: who watches it, by which query or alert:\n- To be opened again when (metric and number):\n"
    );
    text
}

/// The question and the answer in words.
fn asked(id: &str, value: &str) -> String {
    let question = Question::find(id).expect("a case answers questions that exist");
    let says = question.choice(value).map_or(value, |choice| choice.says);
    format!("{} *{says}*", question.ask)
}

/// Questions that were not answered and have an answer all the same.
fn silent(case: &super::Case) -> Vec<(&'static str, &'static str)> {
    super::questions::QUESTIONS
        .iter()
        .filter(|question| case.given(question.id).is_none())
        .filter_map(|question| Some((question.id, question.otherwise?)))
        .collect()
}

/// "billing: ", or nothing where there is one segment.
fn named(name: &str) -> String {
    match name {
        "" => String::new(),
        name => format!("{name}: "),
    }
}

/// What the people call a segment of the scenario.
fn shown<'a>(plan: &'a Plan, name: &'a str) -> &'a str {
    match name {
        "" => plan.segments.first().map_or("", |first| &first.case.name),
        name => name,
    }
}

/// What became of a promise.
pub fn sentence(plan: &Plan, kept: &Kept) -> String {
    let reach = match plan.explorations[kept.probe].by_itself {
        true => "seen by itself, ",
        false => "",
    };
    let says = match kept.refuted {
        false => format!("held at all {} crash points", kept.points),
        true => "is refuted: see the evidence".into(),
    };
    format!(
        "{}{reach}{} {says}.",
        named(&kept.segment),
        kept.guarantee.name()
    )
}

fn default(setting: &Setting) -> String {
    let known = control::find(setting.key).and_then(|control| control.default());
    match known {
        None => "-".into(),
        Some(Value::Null) => "not set".into(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

fn counts(report: &Report) -> String {
    format!(
        "{} crash points, {} of them one with another.",
        report.points, report.merged
    )
}

fn calm(run: &Measures) -> String {
    format!(
        "{} sent, {} delivered, {} duplicates, {} lost, {} stale, {} late, {} in flight.",
        run.src, run.delivered, run.dup, run.lost, run.stale, run.late, run.pending
    )
}

/// What an alternative was seen to do.
pub fn beside(measures: &Measures, report: Option<&Report>, mine: &Measures) -> String {
    let mut said = Vec::new();
    if let Some(report) = report {
        let main = report.segments.first();
        for example in main.iter().flat_map(|main| &main.counterexamples) {
            said.push(format!(
                "{} falls {}",
                example.guarantee.name(),
                example.words
            ));
        }
    }
    if report.is_some_and(|report| {
        report.complete
            && report
                .segments
                .iter()
                .all(|segment| segment.counterexamples.is_empty())
    }) {
        said.push("exploring it refuted nothing, so here it held as much".into());
    }
    if measures.stale > mine.stale {
        said.push(format!(
            "{} of its keys are stale without any fault",
            measures.stale
        ));
    }
    let times = Ratio {
        name: "",
        unit: "",
        value: Some(measures.cost as f64),
        baseline: Some(mine.cost as f64),
    };
    if let Some(times) = times.times() {
        said.push(format!("it costs {} times this profile", hundredths(times)));
    }
    if let (Some(theirs), Some(mine)) = (measures.p95_ms, mine.p95_ms) {
        said.push(format!(
            "P95 {} ms against {} ms",
            number(theirs),
            number(mine)
        ));
    }
    said.join("; ") + "."
}

fn row(ratio: &Ratio) -> String {
    let shown = |value: Option<f64>| match value {
        None => "-".to_string(),
        Some(value) => format!("{} {}", number(value), ratio.unit)
            .trim_end()
            .to_string(),
    };
    let times = ratio.times().map_or("-".into(), hundredths);
    format!(
        "{} | {} | {times}",
        shown(ratio.value),
        shown(ratio.baseline)
    )
}

/// What was asked for against what was measured.
pub fn freshness(plan: &Plan, run: &Measures) -> String {
    let mut said = Vec::new();
    for (place, segment) in plan.segments.iter().enumerate() {
        let (wish, words) = match segment.case.get("fresh") {
            Some("second") => (1_000.0, "1 s"),
            Some("minutes") => (300_000.0, "5 min"),
            _ => (10_000.0, "10 s"),
        };
        let found = match place {
            0 => run.p95_ms,
            _ => {
                let mut branches = run.branches.iter();
                let found = branches.find(|(name, _)| *name == segment.case.name);
                found.and_then(|(_, p95)| *p95)
            }
        };
        said.push(match found {
            None => format!(
                "{}nothing was delivered, so nothing can be said of its freshness.",
                named(&segment.case.name)
            ),
            Some(p95) => format!(
                "{}P95 below {words} was asked for, {} ms was measured: {}.",
                named(&segment.case.name),
                number(p95),
                if p95 <= wish { "met" } else { "missed" }
            ),
        });
    }
    said.join(" ")
}

/// The same as JSON.
pub fn to_json(plan: &Plan, findings: &Findings) -> Value {
    let shared = link(plan, findings.run.digest);
    let segments: Vec<Value> = plan
        .segments
        .iter()
        .zip(&plan.paths)
        .map(|(segment, path)| {
            let steps = path.steps.iter().map(|(place, yes)| json!({"ask": TREE[*place].ask, "yes": yes}));
            let answers = segment.case.answers().iter().map(|(id, value)| (id.to_string(), Value::from(*value)));
            json!({
                "name": segment.case.name, "from": segment.case.from,
                "answers": Value::Object(answers.collect()),
                "path": steps.collect::<Vec<Value>>(),
                "profile": segment.leaf.code(), "says": title(segment), "engine": segment.engine, "sink": segment.sink,
            })
        })
        .collect();
    let kept: Vec<Value> = plan
        .kept(findings)
        .iter()
        .map(|kept| json!({"segment": kept.segment, "guarantee": kept.guarantee.name(), "by_itself": plan.explorations[kept.probe].by_itself,
            "refuted": kept.refuted, "points": kept.points}))
        .collect();
    let explorations: Vec<Value> = plan
        .explorations
        .iter()
        .zip(&findings.reports)
        .map(|(probe, report)| json!({"words": probe.words, "report": report.to_json()}))
        .collect();
    let alternatives: Vec<Value> = plan
        .alternatives
        .iter()
        .zip(&findings.alternatives)
        .map(|(other, (measures, report))| {
            json!({"name": other.name, "why_not": other.why_not, "found": beside(measures, report.as_ref(), &findings.run)})
        })
        .collect();
    let costs: Vec<Value> = findings
        .run
        .against(&findings.baseline)
        .iter()
        .map(Ratio::to_json)
        .collect();
    json!({
        "segments": segments, "promises": kept, "settings": profile::to_json(&plan.settings), "patch": plan.patch.0,
        "evidence": explorations, "alternatives": alternatives,
        "risks": plan.risks.iter().map(|(segment, risk)| json!({"segment": segment, "risk": risk})).collect::<Vec<Value>>(),
        "costs": costs, "link": shared.write().ok().map(|link| format!("#{link}")),
        "digest": format!("{:016x}", findings.run.digest),
    })
}

/// What a record says that can be held against the simulator.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub plan: Plan,
    /// Of its run file.
    pub scenario: Scenario,
    pub digest: u64,
}

impl Record {
    /// Reads the answers, the run file and the digest out of a record.
    ///
    /// # Errors
    ///
    /// What is not there or cannot be read, and settings that do not follow from the answers.
    pub fn read(text: &str) -> Result<Record, String> {
        let lines = text
            .lines()
            .skip_while(|line| *line != "## Answers")
            .skip(1)
            .take_while(|line| !line.starts_with("## "));
        let answers: Vec<&str> = lines
            .filter_map(|line| line.strip_prefix("- `")?.split('`').next())
            .collect();
        let said = |error: Refused| format!("the answers of this record: {error}");
        let plan = cases(answers)
            .and_then(|cases| Plan::of(&cases))
            .map_err(said)?;
        let file = text
            .split_once("```json\n")
            .and_then(|(_, rest)| rest.split_once("```"));
        let Some((file, _)) = file else {
            return Err("this record has no run file between ```json and ```".into());
        };
        let shared = Link::read_file(file, Reader::Terminal).map_err(|error| error.to_string())?;
        let Some(digest) = shared.digest else {
            return Err("the run file of this record has no digest `d`".into());
        };
        if shared.scenario != plan.scenario {
            let keys = control::changed(&plan.scenario, &shared.scenario);
            return Err(format!(
                "the run file of this record is not the profile that follows from its answers: {}",
                if keys.is_empty() {
                    "they differ in what has no control".into()
                } else {
                    keys.join(", ")
                }
            ));
        }
        Ok(Record {
            plan,
            scenario: shared.scenario,
            digest,
        })
    }

    /// Holds a record against what the simulator says now.
    ///
    /// # Errors
    ///
    /// What cannot be read, and the first line that would be another one today.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn check(text: &str) -> Result<Record, String> {
        let record = Record::read(text)?;
        let findings = super::investigate(&record.plan);
        if findings.run.digest != record.digest {
            return Err(format!(
                "the run of this record has digest {:016x}, and this simulator makes {:016x} of it: it was made with another one",
                record.digest, findings.run.digest
            ));
        }
        let today = markdown(&record.plan, &findings);
        let generated = |text: &str| -> Vec<String> {
            let lines = text.lines().take_while(|line| *line != OPEN);
            lines.map(str::to_string).collect()
        };
        let (theirs, mine) = (generated(text), generated(&today));
        for index in 0..theirs.len().max(mine.len()) {
            let line = |lines: &[String]| lines.get(index).cloned().unwrap_or_default();
            if line(&theirs) != line(&mine) {
                return Err(format!(
                    "line {} of this record is\n  {}\nand would be\n  {}",
                    index + 1,
                    line(&theirs),
                    line(&mine)
                ));
            }
        }
        Ok(record)
    }
}
