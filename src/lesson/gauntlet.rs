//! Holding a learner's configuration against every script of a suite: `gauntlet(SUITE, pred)`.
//!
//! Whoever can run the suites does so (`sim::explore::gauntlet`); here their verdicts are held against the predicate, one by
//! one. It passes only if the predicate holds in all of them.

use super::check::{Check, Evidence, Pred, Standing};
use crate::sim::explore::gauntlet::GauntletReport;

impl Check {
    /// The suites that have to be run before it can be told how the check stands.
    pub fn suites(&self) -> Vec<&str> {
        match self {
            Check::Gauntlet { suite, .. } => vec![suite],
            Check::All(checks) => checks.iter().flat_map(Check::suites).collect(),
            _ => Vec::new(),
        }
    }

    /// The orders whose explanation it wants to be open.
    pub fn traced(&self) -> Vec<&str> {
        match self {
            Check::Traced(order) => vec![order],
            Check::All(checks) => checks.iter().flat_map(Check::traced).collect(),
            _ => Vec::new(),
        }
    }

    /// How it stands once suites were run on the evidence's scenario.
    pub fn standing_after(&self, evidence: &Evidence, reports: &[&GauntletReport]) -> Standing {
        match self {
            Check::Gauntlet { suite, pred } => {
                let report = reports.iter().find(|report| report.suite == *suite);
                match report {
                    Some(report) => held(pred, evidence, report),
                    None => self.standing(evidence),
                }
            }
            Check::All(checks) => checks
                .iter()
                .map(|check| check.standing_after(evidence, reports))
                .find(|standing| *standing != Standing::Passed)
                .unwrap_or(Standing::Passed),
            other => other.standing(evidence),
        }
    }
}

/// Whether the predicate holds in every run; else the first in which it does not, and how many more there are.
fn held(pred: &Pred, evidence: &Evidence, report: &GauntletReport) -> Standing {
    let mut failed = 0;
    let mut first = None;
    for trial in &report.trials {
        let run = trial.run();
        let evidence = Evidence {
            run: &run,
            ..*evidence
        };
        match pred.shortfall(&evidence) {
            Err(unknown) => return Standing::CannotTell(unknown),
            Ok(None) => {}
            Ok(Some(missing)) => {
                failed += trial.runs;
                first.get_or_insert_with(|| {
                    format!("{} with seed {}: {missing}", trial.script, trial.seed)
                });
            }
        }
    }
    match first {
        None => Standing::Passed,
        Some(first) => {
            let runs = report.runs;
            Standing::NotYet(format!("{failed} of {runs} runs fail; first {first}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::explore::gauntlet::Gauntlet;
    use crate::sim::{Keep, Patch, Scenario, Simulation, catalog};

    fn standing(check: &str, patch: &str) -> Standing {
        let opening = catalog::find(catalog::OPENING).expect("there is one");
        let base = opening.scenario();
        let few = r#"{"workload": {"orders": 8, "every_ms": 300, "late": null}, "branches": null}"#;
        let patched = |scenario: &Scenario, patch| {
            let patch = Patch::parse(patch).expect("valid");
            scenario.patched(&patch).expect("valid")
        };
        let scenario = patched(&patched(&base, few), patch);
        let run = Simulation::run(&scenario, Keep::LedgerOnly);
        let evidence = Evidence {
            run: &run,
            scenario: &scenario,
            base: &base,
            base_run: None,
            answered: &[],
            traced: &[],
        };
        let check = Check::parse(check, &[]).expect("valid");
        let run = |suite: &str| Gauntlet::run(&scenario, suite).expect("it fits");
        let reports: Vec<GauntletReport> = check.suites().into_iter().map(run).collect();
        let reports: Vec<&GauntletReport> = reports.iter().collect();
        check.standing_after(&evidence, &reports)
    }

    #[test]
    fn a_suite_passes_in_every_run_or_not_at_all() {
        let check = "gauntlet(G-NET, dup == 0 && lost == 0) && run(refused == 0)";
        let idempotent = r#"{"producer": {"enable.idempotence": true}}"#;
        assert_eq!(standing(check, idempotent), Standing::Passed);
        let Standing::NotYet(why) = standing(check, "{}") else {
            panic!("without idempotence a lost acknowledgement doubles");
        };
        assert!(why.contains("of 20 runs fail; first"), "{why}");
        assert!(why.contains("acknowledgements lost with seed"), "{why}");
        let other = standing("gauntlet(G-SPARK+G-NET, lost == 0)", idempotent);
        assert_eq!(other, Standing::Passed);
    }

    #[test]
    fn crash_points_are_a_suite_of_their_own() {
        let check = "gauntlet(crash-points, dup == 0 && lost == 0)";
        let keyed = r#"{"workload": {"orders": 2},
            "producer": {"enable.idempotence": true}, "sink": {"hudi": {"hoodie.datasource.write.operation": "upsert"}}}"#;
        assert_eq!(standing(check, keyed), Standing::Passed);
        let inserted = r#"{"workload": {"orders": 2}, "producer": {"enable.idempotence": true}}"#;
        let Standing::NotYet(why) = standing(check, inserted) else {
            panic!("an application that sends again doubles");
        };
        assert!(why.contains("dup is"), "{why}");
    }
}
