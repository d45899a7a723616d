//! Every preset that stages a mistake shows it, and its cure works, over several seeds.

use streamproof::lesson::check::{Evidence, Pred};
use streamproof::sim::{Keep, Scenario, Simulation, catalog};

/// Beside the preset's own.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// What is missing for the claim to hold on a run of the scenario.
fn shortfall(claim: &str, scenario: &Scenario) -> Option<String> {
    let branches: Vec<&str> = scenario.branches.keys().map(String::as_str).collect();
    let claim = Pred::parse(claim, &branches).unwrap_or_else(|error| panic!("{claim}: {error}"));
    let run = Simulation::run(scenario, Keep::LedgerOnly);
    let evidence = Evidence {
        run: &run,
        scenario,
        base: scenario,
        base_run: Some(&run),
        answered: &[],
        traced: &[],
    };
    claim.shortfall(&evidence).expect("a run answers it")
}

#[test]
fn every_mistake_bites() {
    for preset in catalog::all() {
        let Some(mistake) = preset.mistake() else {
            continue;
        };
        let shows = shortfall(&mistake.shows, &preset.scenario());
        assert_eq!(shows, None, "{}: {}", preset.id, mistake.shows);
    }
}

#[test]
fn every_cure_works_whatever_the_seed() {
    for preset in catalog::all() {
        let Some(mistake) = preset.mistake() else {
            continue;
        };
        let scenario = preset.scenario();
        let cured = scenario.patched(&mistake.cure).expect("the cure is valid");
        for seed in std::iter::once(scenario.seed).chain(SEEDS) {
            let cured = Scenario {
                seed,
                ..cured.clone()
            };
            let holds = shortfall(&mistake.cured, &cured);
            let place = format!("{}, seed {seed}: {}", preset.id, mistake.cured);
            assert_eq!(holds, None, "{place}");
        }
    }
}
