//! Anomalies by the names of Jepsen's checker, each where it must be found and where it must not, and apart from them the
//! promises that settings make.

use streamproof::replay::anomalies::{self, Class};
use streamproof::replay::promises;
use streamproof::sim::{Keep, Patch, Run, Scenario, Simulation, catalog};

fn run(scenario: &Scenario) -> Run {
    Simulation::run(scenario, Keep::Trace)
}

fn found(scenario: &Scenario) -> Vec<Class> {
    let run = run(scenario);
    let trace = run.trace.as_ref().expect("kept");
    let all = anomalies::of(scenario, trace);
    let all = anomalies::tally(&all).into_iter();
    all.filter(|&(_, found, _)| found > 0)
        .map(|(class, ..)| class)
        .collect()
}

fn preset(id: &str) -> Scenario {
    catalog::find(id).expect("is in the catalog").scenario()
}

/// The preset with its own cure.
fn cured(id: &str) -> Scenario {
    let preset = catalog::find(id).expect("is in the catalog");
    let cure = preset.mistake().expect("stages a mistake").cure;
    preset.scenario().patched(&cure).expect("valid")
}

/// How often each promise was broken.
fn broken(scenario: &Scenario) -> Vec<(&'static str, u32)> {
    let run = run(scenario);
    let anomalies = anomalies::of(scenario, run.trace.as_ref().expect("kept"));
    let promises = promises::of(scenario, &run, &anomalies).into_iter();
    promises.map(|one| (one.because, one.broken)).collect()
}

#[test]
fn a_mistake_shows_as_the_anomaly_it_is_and_its_cure_takes_it_away() {
    for (id, class) in [
        ("order-billing", Class::Duplicate),
        ("failed-but-stored", Class::Duplicate),
        ("five-in-flight", Class::NonmonotonicSend),
        ("acks-zero", Class::Unseen),
        ("latest-skips", Class::LostWrite),
        ("read-uncommitted", Class::AbortedRead),
    ] {
        assert!(
            found(&preset(id)).contains(&class),
            "{id}: {:?}",
            found(&preset(id))
        );
        let cured = if id == "order-billing" {
            let patch = Patch::parse(r#"{"producer": {"enable.idempotence": true}}"#);
            preset(id).patched(&patch.expect("valid")).expect("valid")
        } else {
            cured(id)
        };
        assert!(
            !found(&cured).contains(&class),
            "{id} cured: {:?}",
            found(&cured)
        );
    }
}

#[test]
fn a_reader_that_does_not_wait_reads_before_the_end_of_transactions() {
    assert!(found(&preset("read-uncommitted")).contains(&Class::PrecommittedRead));
    assert!(!found(&cured("read-uncommitted")).contains(&Class::PrecommittedRead));
}

#[test]
fn offsets_that_are_used_again_after_a_loss_are_seen_with_two_values() {
    let scenario = preset("unclean-election");
    assert!(
        found(&scenario).contains(&Class::InconsistentOffsets),
        "{:?}",
        found(&scenario)
    );
    assert!(!found(&cured("unclean-election")).contains(&Class::InconsistentOffsets));
}

#[test]
fn a_rebalance_may_move_a_reader_and_that_is_legal() {
    let scenario = preset("slow-poll");
    let run = run(&scenario);
    let all = anomalies::of(&scenario, run.trace.as_ref().expect("kept"));
    let back: Vec<bool> = all
        .iter()
        .filter(|one| one.class == Class::NonmonotonicPoll)
        .map(|one| one.legal)
        .collect();
    assert!(!back.is_empty() && back.iter().all(|&legal| legal));
}

#[test]
fn a_clean_run_has_no_anomaly() {
    let patch =
        Patch::parse(r#"{"producer": {"enable.idempotence": null}, "faults": {"lost-ack": null}}"#);
    let clean = preset("order-billing").patched(&patch.expect("valid"));
    assert_eq!(found(&clean.expect("valid")), []);
}

#[test]
fn an_anomaly_that_nobody_promised_against_is_no_violation() {
    // The application sends again after its restart: two copies, and idempotence kept its word.
    let scenario = preset("sent-again-after-restart");
    assert!(found(&scenario).contains(&Class::Duplicate));
    assert!(broken(&scenario).iter().all(|&(_, broken)| broken == 0));
}

#[test]
fn a_fault_beyond_what_the_promise_is_made_for_breaks_it() {
    let of_acks = |scenario: &Scenario| {
        let all = broken(scenario).into_iter();
        let mut of_acks = all.filter(|(because, _)| because.starts_with("acks=all"));
        of_acks.next().expect("is promised").1
    };
    assert!(of_acks(&preset("all-lose-power")) > 0);
    assert_eq!(of_acks(&cured("all-lose-power")), 0);
}
