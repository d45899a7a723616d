//! Two configurations, one seed: which settings differ, where the two runs part, and what comes of it.
//!
//! Every draw is keyed by what it is drawn for, so both runs meet the same arrivals and, for what both send, the same delays.

use super::{Work, advance_run, json_number};
use crate::sim::ledger::{Outcome, OutcomeKind, Verdict};
use crate::sim::trace::FactId;
use crate::sim::{Keep, Run, Scenario, ScenarioError, Simulation, control};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What differs between two runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Settings with a control that differ, with their values as JSON text.
    pub settings: Vec<(String, String, String)>,
    /// Where the first fact stands that only one of them has.
    pub parting: Option<Parting>,
    pub segments: Vec<SegmentDifference>,
    pub digests: [u64; 2],
}

/// The first place at which two traces differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parting {
    /// How many facts both have before it.
    pub after: u32,
    /// The fact of each run that stands there, as its trace writes it; none where a trace has ended.
    pub facts: [Option<String>; 2],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentDifference {
    /// Empty for the main segment.
    pub name: String,
    pub verdicts: [Verdict; 2],
    /// What became of an order in one of them only.
    pub only: [Vec<Outcome>; 2],
}

impl SegmentDifference {
    /// Metrics that differ: the name and both values.
    pub fn metrics(&self) -> Vec<(String, Option<f64>, Option<f64>)> {
        let [a, b] = &self.verdicts;
        Verdict::names()
            .map(|name| {
                let values = (a.metric(&name), b.metric(&name));
                (name, values.0, values.1)
            })
            .filter(|(_, a, b)| a != b)
            .collect()
    }

    /// The first of what only one of them has, and which of the two that is.
    pub fn first(&self) -> Option<(usize, &Outcome)> {
        let [a, b] = &self.only;
        let firsts = a.iter().map(|o| (0, o)).chain(b.iter().map(|o| (1, o)));
        firsts.min_by_key(|(which, outcome)| (outcome.at, *which))
    }
}

/// A comparison on its way.
pub struct Comparing {
    settings: Vec<(String, String, String)>,
    left: Vec<Simulation>,
    runs: Vec<Run>,
}

impl Comparing {
    /// # Errors
    ///
    /// Scenarios of different seeds: there is nothing to compare, everything differs.
    pub fn new(a: &Scenario, b: &Scenario) -> Result<Comparing, ScenarioError> {
        if a.seed != b.seed {
            return Err(ScenarioError::new(
                "seed",
                format!(
                    "{} and {}; two configurations are compared on one seed",
                    a.seed, b.seed
                ),
            ));
        }
        let text = |scenario: &Scenario, key: &str| {
            let value = control::in_use(scenario, key).and_then(|control| control.value(scenario));
            value.unwrap_or(Value::Null).to_string()
        };
        let settings = control::changed(a, b).into_iter();
        Ok(Comparing {
            settings: settings
                .map(|key| (key.to_string(), text(a, key), text(b, key)))
                .collect(),
            left: [b, a]
                .map(|scenario| Simulation::new(scenario, Keep::Trace))
                .into(),
            runs: Vec::new(),
        })
    }

    /// The whole of it at once.
    ///
    /// # Errors
    ///
    /// As [`Comparing::new`].
    pub fn run(a: &Scenario, b: &Scenario) -> Result<Comparison, ScenarioError> {
        let mut comparing = Comparing::new(a, b)?;
        while comparing.advance(u64::MAX) {}
        Ok(comparing.finish())
    }

    /// # Panics
    ///
    /// Panics before both runs have ended.
    pub fn finish(self) -> Comparison {
        let [a, b]: [Run; 2] = self.runs.try_into().expect("both runs have ended");
        let parting = parting(&a, &b);
        let digests = [a.digest, b.digest];
        let mut segments = vec![SegmentDifference {
            name: String::new(),
            only: [
                only(&a.outcomes, &b.outcomes),
                only(&b.outcomes, &a.outcomes),
            ],
            verdicts: [a.verdict, b.verdict],
        }];
        for (name, verdict) in a.branches {
            let (Some(other), Some(mine), Some(theirs)) = (
                b.branches.get(&name),
                a.branch_outcomes.get(&name),
                b.branch_outcomes.get(&name),
            ) else {
                continue;
            };
            segments.push(SegmentDifference {
                only: [only(mine, theirs), only(theirs, mine)],
                verdicts: [verdict, other.clone()],
                name,
            });
        }
        Comparison {
            settings: self.settings,
            parting,
            segments,
            digests,
        }
    }
}

impl Work for Comparing {
    fn advance(&mut self, events: u64) -> bool {
        let mut budget = events;
        while budget > 0 {
            let Some(mut simulation) = self.left.pop() else {
                return false;
            };
            if advance_run(&mut simulation, &mut budget) {
                self.runs.push(simulation.finish());
            } else {
                self.left.push(simulation);
            }
        }
        !self.left.is_empty()
    }

    fn progress(&self) -> (u64, u64) {
        (self.runs.len() as u64, 2)
    }
}

/// What became of an order here and not there, whenever that was.
fn only(here: &[Outcome], there: &[Outcome]) -> Vec<Outcome> {
    let kind = |outcome: &Outcome| (outcome.order, std::mem::discriminant(&outcome.kind));
    let new = |outcome: &&Outcome| !there.iter().any(|other| kind(other) == kind(outcome));
    here.iter().filter(new).copied().collect()
}

/// A fact as its trace writes it, without its number and its cause, which say nothing across two runs.
fn parting(a: &Run, b: &Run) -> Option<Parting> {
    let (a, b) = (a.trace.as_ref()?, b.trace.as_ref()?);
    let bare = |line: String| {
        let text = line.split_once(' ').map_or("", |(_, text)| text);
        let text = text.rsplit_once(" <- ").map_or(text, |(text, _)| text);
        text.trim_end().to_string()
    };
    let line = |trace: &crate::sim::trace::Trace, index: usize| {
        (index < trace.events.len()).then(|| bare(trace.line(FactId(index as u32))))
    };
    let most = a.events.len().max(b.events.len());
    let differs = |&index: &usize| line(a, index) != line(b, index);
    let index = (0..most).find(differs)?;
    Some(Parting {
        after: index as u32,
        facts: [line(a, index), line(b, index)],
    })
}

impl Comparison {
    pub fn to_json(&self) -> Value {
        let settings: Map<String, Value> = self
            .settings
            .iter()
            .map(|(key, a, b)| {
                let value = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
                (key.clone(), json!({"a": value(a), "b": value(b)}))
            })
            .collect();
        let parting = self.parting.as_ref().map(|parting| {
            json!({"after_facts": parting.after, "a": parting.facts[0], "b": parting.facts[1]})
        });
        let mut object = json!({
            "settings": settings,
            "first_divergence": parting,
            "digests": self.digests.map(|digest| format!("{digest:016x}")),
        });
        let mut branches = Map::new();
        for segment in &self.segments {
            let metrics: Map<String, Value> = segment
                .metrics()
                .into_iter()
                .map(|(name, a, b)| (name, json!({"a": json_number(a), "b": json_number(b)})))
                .collect();
            let first = segment.first().map(|(which, outcome)| {
                json!({"only_in": (if which == 0 { "a" } else { "b" }), "at_ms": outcome.at.micros() as f64 / 1000.0,
                    "order": outcome.order, "outcome": outcome_words(&outcome.kind)})
            });
            let part = json!({"metrics": metrics, "first_consequence": first});
            if segment.name.is_empty() {
                object["metrics"] = part["metrics"].clone();
                object["first_consequence"] = part["first_consequence"].clone();
            } else {
                branches.insert(segment.name.clone(), part);
            }
        }
        object["branches"] = Value::Object(branches);
        object
    }

    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (key, a, b) in &self.settings {
            text += &format!("{key}: A {a}, B {b}\n");
        }
        match &self.parting {
            None => text += "no fact differs\n",
            Some(Parting { after, facts }) => {
                let [a, b] = facts
                    .each_ref()
                    .map(|fact| fact.as_deref().unwrap_or("nothing more"));
                text += &format!("the first {after} facts are the same; then\n  A {a}\n  B {b}\n");
            }
        }
        for segment in &self.segments {
            let name = if segment.name.is_empty() {
                "main"
            } else {
                &segment.name
            };
            let metrics = segment.metrics();
            if metrics.is_empty() {
                text += &format!("{name}: no metric differs\n");
                continue;
            }
            text += &format!("{name}:\n");
            if let Some((which, outcome)) = segment.first() {
                text += &format!(
                    "  first consequence: order {} {} at {} s, in {} only\n",
                    outcome.order,
                    outcome_words(&outcome.kind),
                    outcome.at,
                    ["A", "B"][which]
                );
            }
            let value = |value: Option<f64>| match json_number(value) {
                Value::Null => "none".to_string(),
                Value::String(text) => text,
                number => number.to_string(),
            };
            for (metric, a, b) in metrics {
                text += &format!("  {metric:<20} A {:>12}  B {:>12}\n", value(a), value(b));
            }
        }
        text
    }
}

/// "lost (acks)".
pub fn outcome_words(kind: &OutcomeKind) -> String {
    match kind {
        OutcomeKind::Duplicated(why) => format!("duplicated ({})", why.name()),
        OutcomeKind::Lost(why) => format!("lost ({})", why.name()),
        OutcomeKind::Refused => "refused".into(),
        OutcomeKind::DroppedLate => "dropped late".into(),
    }
}
