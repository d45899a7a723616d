//! `streamproof lesson show`: a lesson as JSON, with what a program needs to go through it as a learner would: right answers,
//! the value of every number that is asked for, and settings that pass the tasks. The browser tests do.

use super::check::Evidence;
use super::proof::Solutions;
use super::{Ask, AskKind, Lesson, Step};
use crate::sim::{Keep, Patch, Run, Scenario, Simulation, control, json::Text};
use serde_json::{Value, json};

/// The lesson, step by step.
pub fn lesson(id: &str, lesson: &Lesson, solutions: Option<&Solutions>) -> Value {
    let steps = lesson.steps.iter().enumerate().map(|(number, step)| {
        let base = lesson.scenario(number).ok();
        let run = base
            .as_ref()
            .filter(|_| {
                step.asks()
                    .any(|ask| matches!(ask.kind, AskKind::Number { .. }))
            })
            .map(|base| Simulation::run(base, Keep::LedgerOnly));
        let asks = step
            .asks()
            .map(|ask| asked(ask, base.as_ref(), run.as_ref()));
        let passes = solutions
            .and_then(|solutions| solutions.get(&step.heading))
            .filter(|_| step.tasks().next().is_some())
            .map_or(&[][..], |solution| &solution.pass);
        let passes = passes
            .iter()
            .filter_map(|pass| passed(lesson, number, base.as_ref()?, pass));
        json!({
            "kind": step.kind.word(),
            "heading": step.heading,
            "asks": asks.collect::<Value>(),
            "tasks": step.tasks().map(|task| task.source.clone()).collect::<Value>(),
            "suites": suites(step),
            "traced": traced(step),
            "passes": passes.collect::<Value>(),
        })
    });
    json!({
        "lesson": id,
        "title": lesson.title,
        "scenario": lesson.setup.scenario,
        "steps": steps.collect::<Value>(),
    })
}

fn asked(ask: &Ask, base: Option<&Scenario>, run: Option<&Run>) -> Value {
    let answer = match &ask.kind {
        AskKind::Choice(options) => json!(options.iter().position(|option| option.right)),
        AskKind::Number { answer, .. } => {
            let evidence = base.zip(run).map(|(scenario, run)| Evidence {
                run,
                scenario,
                base: scenario,
                base_run: Some(run),
                answered: &[],
                traced: &[],
            });
            json!(evidence.and_then(|evidence| answer.value(&evidence).ok()))
        }
        AskKind::Text { model } => json!(model),
        AskKind::Sql(wanted) => json!(wanted.model),
    };
    let kind = match &ask.kind {
        AskKind::Choice(_) => "choice",
        AskKind::Number { .. } => "number",
        AskKind::Text { .. } => "text",
        AskKind::Sql(_) => "sql",
    };
    let mut asked =
        json!({"id": ask.id, "kind": kind, "ask": ask.ask, "sure": ask.sure, "answer": answer});
    if let AskKind::Sql(wanted) = &ask.kind {
        asked["wrong"] = json!(wanted.wrong);
    }
    asked
}

/// What passes, as settings by their keys if it is nothing else, and always as a run file.
fn passed(lesson: &Lesson, number: usize, base: &Scenario, pass: &Patch) -> Option<Value> {
    let wanted = base.patched(pass).ok()?;
    let mut same = base.clone();
    let mut set = Vec::new();
    for key in control::changed(base, &wanted) {
        let known = control::CONTROLS
            .iter()
            .filter(|control| control.key == key);
        for control in known {
            let Some(value) = control.value(&wanted) else {
                continue;
            };
            let text = match &value {
                Value::String(text) => text.clone(),
                other => Text(other).to_string(),
            };
            if let Ok(next) = same.patched(&control.patch(value)) {
                same = next;
                set.push(json!([key, text]));
            }
        }
    }
    let whole = lesson.patch(number).then(pass);
    let set = (same == wanted).then_some(set);
    Some(json!({
        "set": set,
        "file": {"r": 1, "sc": lesson.setup.scenario, "patch": whole.0},
    }))
}

fn suites(step: &Step) -> Vec<String> {
    let suites = step.tasks().flat_map(|task| task.check.suites());
    suites.map(str::to_string).collect()
}

/// Orders whose explanation a task wants to be open.
fn traced(step: &Step) -> Vec<String> {
    let orders = step.tasks().flat_map(|task| task.check.traced());
    orders.map(str::to_string).collect()
}
