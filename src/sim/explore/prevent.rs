//! What would have prevented it: the same seed and the same fault script, with one setting changed at a time.
//!
//! Found by running, never written down: every setting that has a control, with each of its values, or for numbers with the
//! least, the default, ten times more and ten times less. A fault that waits for "the ninth append" still waits for the ninth.

use super::compare::outcome_words;
use super::{Fates, Work, advance_run, json_number};
use crate::sim::control::{self, CONTROLS, Control, Kind};
use crate::sim::ledger::{Fate, Outcome, Verdict};
use crate::sim::{Keep, Patch, Scenario, ScenarioError, Simulation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What was changed and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    pub key: String,
    /// Values as JSON text.
    pub from: String,
    pub to: String,
    /// The change as JSON text: engines have settings of the same name.
    patch: String,
    pub verdict: Verdict,
    /// What became of the order that was asked about.
    pub record: Option<RecordFate>,
}

/// What became of one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFate {
    pub delivered: bool,
    /// What went wrong with it, in words.
    pub outcomes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prevention {
    pub order: Option<u32>,
    pub verdict: Verdict,
    pub record: Option<RecordFate>,
    /// How many changes were tried.
    pub tried: u32,
    /// Changes of one setting that would have helped, the gentlest first: exact before merely better, then by what they do
    /// to the 95th percentile.
    pub helps: Vec<Trial>,
}

/// A search on its way.
pub struct Search {
    scenario: Scenario,
    order: Option<u32>,
    trials: Vec<(&'static Control, Value, Value, Scenario)>,
    next: usize,
    running: Option<Box<Simulation>>,
    before: Option<(Verdict, Option<RecordFate>)>,
    found: Vec<Trial>,
}

impl Search {
    /// With an order, it is about that one; without, about all of the main segment.
    ///
    /// # Errors
    ///
    /// An order that the scenario does not have.
    pub fn new(scenario: &Scenario, order: Option<u32>) -> Result<Search, ScenarioError> {
        let orders = scenario.workload.orders;
        if let Some(order) = order.filter(|order| !(1..=orders).contains(order)) {
            return Err(ScenarioError::new(
                "order",
                format!("there is no order {order}; 1 to {orders} happen"),
            ));
        }
        let mut trials = Vec::new();
        for control in CONTROLS {
            // What another branch is set to does not help this segment.
            if control.path[0] == "branches" {
                continue;
            }
            let Some(from) = control.value(scenario) else {
                continue;
            };
            for to in values(control, &from) {
                if let Ok(changed) = scenario.patched(&control.patch(to.clone()))
                    && changed != *scenario
                {
                    trials.push((control, from.clone(), to, changed));
                }
            }
        }
        Ok(Search {
            scenario: scenario.clone(),
            order,
            trials,
            next: 0,
            running: None,
            before: None,
            found: Vec::new(),
        })
    }

    /// The whole of it at once.
    ///
    /// # Errors
    ///
    /// As [`Search::new`].
    pub fn run(scenario: &Scenario, order: Option<u32>) -> Result<Prevention, ScenarioError> {
        let mut search = Search::new(scenario, order)?;
        while search.advance(u64::MAX) {}
        Ok(search.finish())
    }

    /// # Panics
    ///
    /// Panics before the unchanged scenario was run.
    pub fn finish(self) -> Prevention {
        let (verdict, record) = self.before.expect("the unchanged scenario was run");
        let better = |trial: &Trial| helps(&verdict, record.as_ref(), trial);
        let mut found: Vec<Trial> = self.found.into_iter().filter(better).collect();
        found.sort_by_key(|trial| {
            let exact = Fates::of(&trial.verdict).is_exact();
            (!exact, wrong(&trial.verdict), trial.verdict.latency[1])
        });
        Prevention {
            order: self.order,
            tried: self.next as u32,
            helps: found,
            verdict,
            record,
        }
    }

    fn close(&mut self, simulation: Simulation) {
        let told = self.order.map(|order| {
            let fate = simulation.ledger().fate(order);
            (order, fate)
        });
        let run = simulation.finish();
        let record = told.map(|(order, fate)| RecordFate {
            delivered: fate == Some(Fate::Delivered),
            outcomes: of_order(&run.outcomes, order),
        });
        if self.before.is_none() {
            self.before = Some((run.verdict, record));
            return;
        }
        let (control, from, to, _) = &self.trials[self.next];
        self.found.push(Trial {
            key: control.key.into(),
            from: from.to_string(),
            to: to.to_string(),
            patch: control.patch(to.clone()).0.to_string(),
            verdict: run.verdict,
            record,
        });
        self.next += 1;
    }
}

impl Work for Search {
    fn advance(&mut self, events: u64) -> bool {
        let mut budget = events;
        while budget > 0 && self.next < self.trials.len() {
            let mut simulation = self.running.take().unwrap_or_else(|| {
                let scenario = match &self.before {
                    None => &self.scenario,
                    Some(_) => &self.trials[self.next].3,
                };
                Box::new(Simulation::new(scenario, Keep::VerdictOnly))
            });
            if advance_run(&mut simulation, &mut budget) {
                self.close(*simulation);
            } else {
                self.running = Some(simulation);
            }
        }
        self.next < self.trials.len()
    }

    fn progress(&self) -> (u64, u64) {
        (self.next as u64, self.trials.len() as u64)
    }
}

/// The values to try in place of the one in force.
fn values(control: &Control, from: &Value) -> Vec<Value> {
    let mut values: Vec<Value> = match control.kind {
        Kind::Choice(choices) => choices
            .iter()
            .filter_map(|(value, _)| serde_json::from_str(value).ok())
            .collect(),
        Kind::Whole { least, most, .. } => {
            let now = from.as_u64().unwrap_or(least);
            let around = [least, now / 10, now.saturating_mul(10)];
            let mut values: Vec<Value> = around
                .into_iter()
                .map(|value| json!(value.clamp(least, most)))
                .collect();
            values.extend(control.default());
            values
        }
    };
    values.retain(|value| value != from);
    let mut seen: Vec<Value> = Vec::new();
    values.retain(|value| {
        let new = !seen.contains(value);
        seen.push(value.clone());
        new
    });
    values
}

fn of_order(outcomes: &[Outcome], order: u32) -> Vec<String> {
    outcomes
        .iter()
        .filter(|outcome| outcome.order == order)
        .map(|outcome| outcome_words(&outcome.kind))
        .collect()
}

/// How many orders went wrong, in whatever way.
fn wrong(verdict: &Verdict) -> u32 {
    let counts = verdict.counts;
    verdict.dup + counts.lost + counts.refused + counts.late + counts.pending
}

/// Whether less went wrong; and if it is about one order, that this one is whole. A change that only moves the fault on to
/// another order does not help.
fn helps(before: &Verdict, record: Option<&RecordFate>, trial: &Trial) -> bool {
    let whole = |record: &RecordFate| record.delivered && record.outcomes.is_empty();
    let saved = match (record, &trial.record) {
        (Some(was), Some(is)) => !whole(was) && whole(is),
        _ => true,
    };
    // An empty table has no duplicates, and is no help.
    let kept = trial.verdict.rows > 0 || before.rows == 0;
    saved && kept && wrong(&trial.verdict) < wrong(before)
}

/// A setting with a value given as JSON text, as it stands in a properties file.
pub fn setting_words(key: &str, value: &str) -> String {
    let control = control::find(key);
    let value = serde_json::from_str(value).unwrap_or_default();
    let label = control.map(|control| control.label(&value));
    format!("{key}={}", label.unwrap_or_default())
}

impl Trial {
    /// "enable.idempotence=true".
    pub fn words(&self) -> String {
        setting_words(&self.key, &self.to)
    }

    /// The order in which changes are named: settings that learners meet first, back to a default, and of a choice its first
    /// values, which are the careful ones.
    pub fn rank(&self) -> (bool, bool, usize, usize) {
        let place = CONTROLS.iter().position(|control| control.key == self.key);
        let place = place.unwrap_or_default();
        let control = &CONTROLS[place];
        let value = match control.kind {
            Kind::Choice(choices) => choices.iter().position(|(json, _)| *json == self.to),
            Kind::Whole { .. } => Some(1),
        };
        let default = control.default().map(|value| value.to_string());
        let back = self.to != "null" && default.as_ref() == Some(&self.to);
        (!control.teaching, !back, value.unwrap_or(1), place)
    }

    /// The change as a patch.
    pub fn patch(&self) -> Option<Patch> {
        serde_json::from_str(&self.patch).ok().map(Patch)
    }

    /// dup, lost, refused, late, pending and p95 of the run with the change.
    fn to_json(&self) -> Value {
        let value = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        json!({
            "setting": self.key, "from": value(&self.from), "to": value(&self.to),
            "patch": self.patch().map(|patch| patch.0),
            "metrics": told(&self.verdict),
            "record": self.record.as_ref().map(RecordFate::words),
        })
    }
}

impl RecordFate {
    /// "duplicated (producer_retry)", "delivered once", or "in flight".
    pub fn words(&self) -> String {
        match (self.delivered, self.outcomes.as_slice()) {
            (true, []) => "delivered once".into(),
            (false, []) => "in flight".into(),
            (_, outcomes) => outcomes.join(", "),
        }
    }
}

const TOLD: [&str; 8] = [
    "dup", "lost", "refused", "phantom", "late", "pending", "p95", "cost",
];

fn told(verdict: &Verdict) -> Value {
    let named = TOLD.map(|name| (name.to_string(), json_number(verdict.metric(name))));
    Value::Object(named.into_iter().collect())
}

impl Prevention {
    /// One change a setting, as they are named to learners.
    pub fn best(&self) -> Vec<&Trial> {
        let mut helps: Vec<&Trial> = self.helps.iter().collect();
        helps.sort_by_key(|trial| trial.rank());
        let mut keys: Vec<&str> = Vec::new();
        helps.retain(|trial| {
            let new = !keys.contains(&trial.key.as_str());
            keys.push(&trial.key);
            new
        });
        helps
    }

    pub fn to_json(&self) -> Value {
        let helps: Vec<Value> = self.helps.iter().map(Trial::to_json).collect();
        json!({
            "order": self.order,
            "record": self.record.as_ref().map(RecordFate::words),
            "metrics": told(&self.verdict),
            "tried": self.tried,
            "helps": helps,
        })
    }

    pub fn to_text(&self) -> String {
        let mut text = match (&self.order, &self.record) {
            (Some(order), Some(record)) => format!("order {order}: {}\n", record.words()),
            _ => String::new(),
        };
        let cell = |verdict: &Verdict, name: &str| match json_number(verdict.metric(name)) {
            Value::Null => "-".to_string(),
            Value::String(text) => text,
            number => number.to_string(),
        };
        let line = |what: &str, verdict: &Verdict| {
            let cells = TOLD.map(|name| format!(" {:>9}", cell(verdict, name)));
            format!("{what:<56}{}\n", cells.concat())
        };
        let heads = TOLD.map(|name| format!(" {name:>9}"));
        text += &format!("{:<56}{}\n", "", heads.concat());
        text += &line("as it is", &self.verdict);
        let whole = match &self.record {
            Some(record) => record.delivered && record.outcomes.is_empty(),
            None => Fates::of(&self.verdict).is_exact(),
        };
        if whole {
            return text + "nothing went wrong in this run\n";
        }
        if self.helps.is_empty() {
            text += &format!(
                "no single setting prevents this; {} changes were tried\n",
                self.tried
            );
        }
        for trial in &self.helps {
            let what = format!("{} = {}", trial.key, trial.to);
            text += &line(&what, &trial.verdict);
        }
        if !self.helps.is_empty() {
            text += &format!(
                "{} of {} changes would have helped in this run; what they guarantee, explore tells\n",
                self.helps.len(),
                self.tried
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;

    #[test]
    fn a_change_of_a_flink_job_is_one_of_the_flink_job_and_gives_what_it_says() {
        let late = Patch(json!({"engine": {"flink": {"allowed.lateness": 0}}}));
        let preset = catalog::find("flink-refires").expect("there is one");
        let scenario = preset.scenario().patched(&late).expect("valid");
        let found = Search::run(&scenario, None).expect("orders are there");
        // Spark has a setting of that name too.
        let size = |trial: &&Trial| trial.key == "window.size";
        let trial = found.helps.iter().find(size).expect("a smaller one helps");
        let patch = trial.patch().expect("a patch");
        let changed = scenario.patched(&patch).expect("valid");
        let run = Simulation::run(&changed, Keep::VerdictOnly);
        assert_ne!(changed, scenario);
        assert_eq!(run.verdict, trial.verdict);
    }
}
