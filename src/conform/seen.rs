//! What a reader has seen of a run, measured as the recordings were: ids in the order in which they appeared.

use super::measure::Measured;
use super::{Case, Checked, Difference, RecordingError, SEEDS, read};
use crate::sim::ledger::Report;
use crate::sim::ordered::OrdSet;
use crate::sim::trace::Fact;
use crate::sim::{Keep, Scenario, Simulation};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Observed {
    ranges: Map<String, Value>,
    patterns: Vec<Pattern>,
    verdict: OrdSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    log: Value,
    #[serde(default, rename = "reports")]
    _reports: Value,
    #[serde(default, rename = "steps")]
    _steps: Value,
    #[serde(rename = "seen")]
    _seen: u32,
}

/// How two views of the same case are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The order is part of the outcome: the text must be one of those recorded.
    Recorded,
    /// It depends on when a timer fired: counts and verdict only.
    Counted,
}

/// What one reader saw, as ids, and what the application was told.
fn view(scenario: &Scenario, id_of: fn(u32) -> u32) -> (Vec<u32>, Vec<Report>) {
    let mut simulation = Simulation::new(scenario, Keep::Trace);
    while simulation.step() {}
    let reports = simulation.ledger().reports();
    let trace = simulation.finish().trace;
    let mut ids = Vec::new();
    for event in trace.map_or_else(Vec::new, |trace| trace.events) {
        if let Fact::BecameVisible { rows, .. } = event.fact {
            let orders = rows
                .iter()
                .filter_map(|row| row.record_key.parse::<u32>().ok());
            ids.extend(orders.map(id_of));
        }
    }
    (ids, reports)
}

/// Orders are counted from 1, ids from 0.
pub fn from_zero(order: u32) -> u32 {
    order - 1
}

/// `0-7,7-29`: runs of ids that follow each other.
fn text(ids: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &id in ids {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == id => *last = id,
            _ => runs.push((id, id)),
        }
    }
    let runs = runs.iter().map(|&(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    runs.collect::<Vec<String>>().join(",")
}

/// Runs the views of a case over all seeds: the first one is judged by ranges and verdict, and each by its order, under the
/// name that the recording gives it (none: the recording has one view only). `judge_loss` false: what is missing was told.
pub fn compare(
    case: &Case,
    views: &[(Option<&str>, Value)],
    id_of: fn(u32) -> u32,
    order: Order,
    judge_loss: bool,
) -> Result<Checked, RecordingError> {
    let observed: Observed = read(&format!("{}.observed", case.place), &case.observed)?;
    let mut differences: Vec<Difference> = Vec::new();
    let mut differ = |field: &str, recorded: String, simulated: String| {
        if !differences.iter().any(|known| known.field == field) {
            let field = field.to_string();
            differences.push(Difference {
                field,
                recorded,
                simulated,
            });
        }
    };
    let mut words = OrdSet::new();
    for (index, (name, value)) in views.iter().enumerate() {
        let mut scenario = match Scenario::from_value(value) {
            Ok(scenario) => scenario,
            Err(error) => {
                differ("config", "accepted by the client".into(), error.to_string());
                continue;
            }
        };
        for seed in SEEDS {
            scenario.seed = seed;
            let (ids, reports) = view(&scenario, id_of);
            if order == Order::Recorded {
                let seen = text(&ids);
                let log = |pattern: &Pattern| match name {
                    Some(name) => pattern.log.get(name).cloned().unwrap_or(Value::Null),
                    None => pattern.log.clone(),
                };
                let recorded: Vec<Value> = observed.patterns.iter().map(log).collect();
                if !recorded.contains(&Value::from(seen.clone())) {
                    let recorded = Value::Array(recorded).to_string();
                    differ(&format!("log.{}", name.unwrap_or("")), recorded, seen);
                }
            }
            if index > 0 {
                continue;
            }
            let found = Measured::of(&reports, &ids);
            for (field, range) in &observed.ranges {
                let [low, high]: [u32; 2] =
                    read(&format!("{}.observed.ranges", case.place), range)?;
                let Some(value) = found.value(field) else {
                    let problem = format!("\"{field}\" is not known");
                    let place = format!("{}.observed.ranges", case.place);
                    return Err(RecordingError::new(&place, problem));
                };
                if value < low || value > high {
                    differ(field, format!("{low} to {high}"), value.to_string());
                }
            }
            if judge_loss && found.missing > 0 {
                words.insert("loss".to_string());
            }
            if found.duplicated > 0 {
                words.insert("duplicate".to_string());
            }
        }
    }
    if words.is_empty() {
        words.insert("clean".to_string());
    }
    if words != observed.verdict {
        let list = |words: &OrdSet<String>| {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            words.join(", ")
        };
        differ("verdict", list(&observed.verdict), list(&words));
    }
    Ok(if differences.is_empty() {
        Checked::Passed
    } else {
        Checked::Failed(differences)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_runs() {
        assert_eq!(text(&[]), "");
        assert_eq!(text(&[0, 0, 1, 2, 7]), "0,0-2,7");
        assert_eq!(text(&[0, 1, 2, 1, 2]), "0-2,1-2");
    }
}
