//! What is measured of a run and compared with a recording: what the application was told about each id, against what
//! lies in the log at the end.

use super::{Case, Checked, Difference, RecordingError, SEEDS, read};
use crate::sim::ledger::Report;
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::{Keep, Scenario, ScenarioError, Simulation};
use serde::Deserialize;
use serde_json::Value;

/// Verdicts of a run: where reports and log disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    Clean,
    /// Reported as stored, and not there.
    AckedLoss,
    /// Not there, and reported as failed.
    ReportedLoss,
    /// Not there, and nothing was reported.
    Loss,
    /// Reported as failed, and there.
    FailedButStored,
    Duplicate,
    /// First occurrences out of order.
    Reorder,
}

impl Word {
    const fn name(self) -> &'static str {
        match self {
            Word::Clean => "clean",
            Word::AckedLoss => "acked_loss",
            Word::ReportedLoss => "reported_loss",
            Word::Loss => "loss",
            Word::FailedButStored => "failed_but_stored",
            Word::Duplicate => "duplicate",
            Word::Reorder => "reorder",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Observed {
    /// Least and most over the recorded runs.
    ranges: OrdMap<String, [u32; 2]>,
    #[serde(rename = "patterns")]
    _patterns: Vec<Value>,
    verdict: OrdSet<Word>,
}

/// One run, measured as the recordings were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    acked: u32,
    failed: u32,
    no_report: u32,
    acked_but_lost: u32,
    failed_but_stored: u32,
    pub missing: u32,
    missing_unreported: u32,
    missing_failed: u32,
    pub duplicated: u32,
    max_copies: u32,
    order_breaks: u32,
    records: u32,
}

impl Measured {
    /// Reports by id, and ids in the order of the log.
    pub fn of(reports: &[Report], log: &[u32]) -> Self {
        let mut copies: OrdMap<u32, u32> = OrdMap::new();
        let mut firsts = Vec::new();
        for &id in log {
            let count = copies.entry(id).or_insert(0);
            *count += 1;
            if *count == 1 {
                firsts.push(id);
            }
        }
        let mut measured = Measured {
            duplicated: copies.values().filter(|&&count| count > 1).count() as u32,
            max_copies: copies.values().copied().max().unwrap_or(0),
            order_breaks: firsts.windows(2).filter(|pair| pair[1] < pair[0]).count() as u32,
            records: log.len() as u32,
            ..Measured::default()
        };
        for (index, report) in reports.iter().enumerate() {
            let stored = copies.contains_key(&(index as u32));
            let missing = u32::from(!stored);
            measured.missing += missing;
            match report {
                Report::Success => {
                    measured.acked += 1;
                    measured.acked_but_lost += missing;
                }
                Report::Failure => {
                    measured.failed += 1;
                    measured.failed_but_stored += u32::from(stored);
                    measured.missing_failed += missing;
                }
                Report::Nothing => {
                    measured.no_report += 1;
                    measured.missing_unreported += missing;
                }
            }
        }
        measured
    }

    /// What the ranges of a recording call it.
    pub fn value(&self, field: &str) -> Option<u32> {
        Some(match field {
            "acked" => self.acked,
            "failed" => self.failed,
            "no_report" => self.no_report,
            "acked_but_lost" => self.acked_but_lost,
            "reported_failed_but_stored" => self.failed_but_stored,
            "missing" => self.missing,
            "duplicated_ids" | "committed_duplicates" => self.duplicated,
            "max_copies" => self.max_copies,
            "order_breaks" => self.order_breaks,
            // Without transactions everything is readable.
            "log_records" | "committed_records" => self.records,
            _ => return None,
        })
    }

    fn words(&self) -> OrdSet<Word> {
        let words = [
            (Word::AckedLoss, self.acked_but_lost),
            (Word::ReportedLoss, self.missing_failed),
            (Word::Loss, self.missing_unreported),
            (Word::FailedButStored, self.failed_but_stored),
            (Word::Duplicate, self.duplicated),
            (Word::Reorder, self.order_breaks),
        ];
        let struck = words.into_iter().filter(|&(_, count)| count > 0);
        struck.map(|(word, _)| word).collect()
    }
}

/// Runs a scenario over all seeds and compares it with what was recorded.
pub fn compare(case: &Case, scenario: &Value) -> Result<Checked, RecordingError> {
    compare_raced(case, scenario, None)
}

/// The same where the threads of the client race for something, so that five recorded runs may or may not show the rarer
/// way: what was recorded is what comes of the usual way alone, or of both.
pub fn compare_raced(
    case: &Case,
    usual: &Value,
    rarer: Option<&Value>,
) -> Result<Checked, RecordingError> {
    let observed: Observed = read(&format!("{}.observed", case.place), &case.observed)?;
    let mut runs = match measure(usual) {
        Ok(runs) => runs,
        Err(error) => return Ok(refused(error)),
    };
    let alone = differences(case, &observed, &runs)?;
    let Some(rarer) = rarer.filter(|_| !alone.is_empty()) else {
        return Ok(judged(alone));
    };
    match measure(rarer) {
        Ok(more) => runs.extend(more),
        Err(error) => return Ok(refused(error)),
    }
    Ok(judged(differences(case, &observed, &runs)?))
}

fn judged(differences: Vec<Difference>) -> Checked {
    if differences.is_empty() {
        Checked::Passed
    } else {
        Checked::Failed(differences)
    }
}

fn refused(error: ScenarioError) -> Checked {
    Checked::Failed(vec![Difference {
        field: "config".into(),
        recorded: "accepted by the client".into(),
        simulated: error.to_string(),
    }])
}

/// One run a seed.
fn measure(scenario: &Value) -> Result<Vec<Measured>, ScenarioError> {
    let mut scenario = Scenario::from_value(scenario)?;
    let run = |seed| {
        scenario.seed = seed;
        let mut simulation = Simulation::new(&scenario, Keep::LedgerOnly);
        while simulation.step() {}
        let ledger = simulation.ledger();
        // Orders are counted from 1, ids from 0.
        let log: Vec<u32> = ledger.topic().concat().iter().map(|n| n - 1).collect();
        Measured::of(&ledger.reports(), &log)
    };
    Ok(SEEDS.map(run).collect())
}

/// What the runs and the recording do not have in common.
fn differences(
    case: &Case,
    observed: &Observed,
    runs: &[Measured],
) -> Result<Vec<Difference>, RecordingError> {
    let mut differences = Vec::new();
    for (field, &[low, high]) in &observed.ranges {
        let value = |run: &Measured| {
            let known = run.value(field);
            known.ok_or_else(|| {
                RecordingError::new(
                    &format!("{}.observed.ranges", case.place),
                    format!("\"{field}\" is not known"),
                )
            })
        };
        let values: Vec<u32> = runs.iter().map(value).collect::<Result<_, _>>()?;
        let least = values.iter().copied().min().unwrap_or(0);
        let most = values.iter().copied().max().unwrap_or(0);
        if least < low || most > high {
            differences.push(Difference {
                field: field.clone(),
                recorded: format!("{low} to {high}"),
                simulated: format!("{least} to {most}"),
            });
        }
    }
    let mut words: OrdSet<Word> = runs.iter().flat_map(Measured::words).collect();
    if words.is_empty() {
        words.insert(Word::Clean);
    }
    if words != observed.verdict {
        let text = |words: &OrdSet<Word>| {
            let names: Vec<&str> = words.iter().map(|word| word.name()).collect();
            names.join(", ")
        };
        differences.push(Difference {
            field: "verdict".into(),
            recorded: text(&observed.verdict),
            simulated: text(&words),
        });
    }
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_judged_by_reports_against_the_log() {
        use Report::{Failure, Nothing, Success};
        for (reports, log, words) in [
            (&[Success, Success][..], &[0, 1][..], &[][..]),
            (&[Success, Success], &[0], &[Word::AckedLoss]),
            (&[Failure, Success], &[1], &[Word::ReportedLoss]),
            (&[Nothing, Success], &[1], &[Word::Loss]),
            (&[Failure, Success], &[0, 1], &[Word::FailedButStored]),
            (&[Success, Success], &[0, 1, 0], &[Word::Duplicate]),
            (&[Success, Success], &[1, 0], &[Word::Reorder]),
        ] {
            let measured = Measured::of(reports, log).words();
            assert_eq!(measured.into_iter().collect::<Vec<Word>>(), words);
        }
    }
}
