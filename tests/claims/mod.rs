//! Claims about runs, in the words of the lessons' checks, held at several seeds; the law is held beside each.

use streamproof::lesson::check::{Evidence, Pred};
use streamproof::sim::{Ended, Keep, Run, Scenario, Simulation, Verdict};

/// The scenario with this seed.
pub fn run(scenario: &Scenario, seed: u64, keep: Keep) -> Run {
    let mut scenario = scenario.clone();
    scenario.seed = seed;
    Simulation::run(&scenario, keep)
}

/// The claim holds at every seed, and where it is said how a run ends, each ends so.
pub fn hold(pred: &str, scenario: &Scenario, seeds: &[u64], ended: Option<Ended>, what: &str) {
    for &seed in seeds {
        let run = run(scenario, seed, Keep::LedgerOnly);
        if let Some(missing) = shortfall(pred, scenario, &run) {
            panic!("{pred}\n  {what}\n  seed {seed}: {missing}");
        }
        if let Some(ended) = ended {
            assert_eq!(run.ended, ended, "{what}, seed {seed}: {:?}", run.verdict);
        }
    }
}

/// What this run lacks for the claim to hold, and its verdicts.
fn shortfall(pred: &str, scenario: &Scenario, run: &Run) -> Option<String> {
    let verdicts = || [&run.verdict].into_iter().chain(run.branches.values());
    let lawful = |verdict: &Verdict| verdict.counts.law_holds();
    assert!(verdicts().all(lawful), "the law broke: {:?}", run.verdict);
    assert!(run.end_to_end.counts.law_holds(), "{:?}", run.end_to_end);
    let branches: Vec<&str> = scenario.branches.keys().map(String::as_str).collect();
    let evidence = Evidence {
        run,
        scenario,
        base: scenario,
        base_run: None,
        answered: &[],
        traced: &[],
    };
    let missing = Pred::parse(pred, &branches)
        .unwrap_or_else(|error| panic!("{pred}: {error}"))
        .shortfall(&evidence)
        .unwrap_or_else(|error| panic!("{pred}: {error}"))?;
    let verdicts: Vec<String> = verdicts().map(|verdict| format!("{verdict:?}")).collect();
    Some(format!("{missing}\n  {}", verdicts.join("\n  ")))
}
