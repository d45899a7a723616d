//! The same scenario gives the same run; what is changed changes only what follows from it; and whatever a scenario
//! says, the run keeps its books and its limits.

mod random;

use random::{consuming, hold_to_the_law, opening, random_scenario, values};
use serde_json::{Value, json};
use streamproof::sim::control::CONTROLS;
use streamproof::sim::fault::{MENU, MenuEntry};
use streamproof::sim::origin;
use streamproof::sim::trace::{Fact, Trace, TraceEvent};
use streamproof::sim::{Ended, Keep, Patch, Run, Scenario, Simulation, catalog};

fn patched(patch: &Value) -> Scenario {
    opening()
        .patched(&Patch::of(patch.clone()).expect("an object"))
        .unwrap_or_else(|error| panic!("{patch}: {error}"))
}

fn traced(scenario: &Scenario) -> (Run, Trace) {
    let mut run = Simulation::run(scenario, Keep::Trace);
    let trace = run.trace.take().expect("it was kept");
    (run, trace)
}

#[test]
fn each_preset_twice_gives_one_digest() {
    for preset in catalog::all() {
        let scenario = preset.scenario();
        let digest = || Simulation::run(&scenario, Keep::LedgerOnly).digest;
        assert_eq!(digest(), digest(), "{}", preset.id);
    }
}

#[test]
fn another_seed_gives_another_run() {
    let mut other = opening();
    other.seed += 1;
    let digest = |scenario: &Scenario| Simulation::run(scenario, Keep::LedgerOnly).digest;
    assert_ne!(digest(&opening()), digest(&other));
}

#[test]
fn a_run_is_the_same_with_and_without_its_trace() {
    for preset in catalog::all() {
        let scenario = preset.scenario();
        let with = Simulation::run(&scenario, Keep::Trace);
        let without = Simulation::run(&scenario, Keep::LedgerOnly);
        assert_eq!(with.digest, without.digest, "{}", preset.id);
        assert_eq!(with.verdict, without.verdict, "{}", preset.id);
        assert_eq!(with.branches, without.branches, "{}", preset.id);
        assert_eq!(with.outcomes, without.outcomes, "{}", preset.id);
        assert_eq!(
            (with.ended, with.end, with.events),
            (without.ended, without.end, without.events)
        );
        assert!(with.trace.is_some() && without.trace.is_none());
    }
}

#[test]
fn a_fork_goes_on_like_the_original() {
    let scenario = patched(&json!({"faults": {"crash": {"do": "driver.crash.C5", "at": 3500}}}));
    let whole = Simulation::run(&scenario, Keep::LedgerOnly);
    for steps in [1, 100, 1000, 2000] {
        let mut original = Simulation::new(&scenario, Keep::LedgerOnly);
        for _ in 0..steps {
            original.step();
        }
        let mut fork = original.clone();
        while fork.step() {}
        let fork = fork.finish();
        assert_eq!(fork.digest, whole.digest, "forked after {steps} steps");
        while original.step() {}
        let original = original.finish();
        assert_eq!(original.digest, whole.digest, "the fork moved the original");
        assert_eq!(original.verdict, fork.verdict);
    }
}

#[test]
fn a_fault_leaves_the_trace_before_it_untouched() {
    for base in [opening(), consuming()] {
        let (_, calm) = traced(&base);
        let calm_text = calm.text();
        let offered = |entry: &&MenuEntry| entry.is_offered(&calm.cast);
        for (entry, at) in MENU
            .iter()
            .filter(offered)
            .flat_map(|entry| [(entry, 1_500_u64), (entry, 4_321)])
        {
            let mut fault = json!({"do": entry.name, "at": at});
            if entry.name == "net.reset" {
                fault["where"] = json!("p1>b2");
            }
            let patch = Patch::of(json!({"faults": {"zz": fault}})).expect("an object");
            let (_, struck) = traced(&base.patched(&patch).expect("valid"));
            let early = |event: &&TraceEvent| event.at.ms() < at;
            let before = calm.events.iter().take_while(early).count();
            let text = struck.text();
            let (old, new) = (calm_text.lines().take(before), text.lines().take(before));
            for (old, new) in old.zip(new) {
                assert_eq!(old, new, "{} at {at} ms", entry.name);
            }
            assert!(struck.events.len() > before);
        }
    }
}

/// Who ordered what, when: the number of the order, the time, the customer, the amount and the event time.
fn arrivals(trace: &Trace) -> Vec<(u32, u64, u32, i64, i64)> {
    let arrival = |event: &streamproof::sim::trace::TraceEvent| match &event.fact {
        Fact::Emitted {
            origin: _,
            customer,
            order_id,
            amount,
            event_time,
        } => Some((
            *order_id,
            event.at.micros(),
            *customer,
            *amount,
            event_time.ms(),
        )),
        _ => None,
    };
    trace.events.iter().filter_map(arrival).collect()
}

#[test]
fn toggling_any_control_leaves_the_arrivals_untouched() {
    let expected = arrivals(&traced(&opening()).1);
    assert_eq!(expected.len(), 40);
    let mut runs = 0;
    for control in CONTROLS {
        for value in values(control) {
            let Ok(scenario) = opening().patched(&control.patch(value.clone())) else {
                continue; // What the real client refuses at start.
            };
            let (_, trace) = traced(&scenario);
            let found = arrivals(&trace);
            assert_eq!(found, expected, "{} = {value}", control.key);
            // The dye is the order's own number, whatever happens to it.
            let dyed = trace.events.iter().filter_map(|event| match &event.fact {
                Fact::Emitted {
                    origin, order_id, ..
                } => Some((format!("{origin:?}"), *order_id)),
                _ => None,
            });
            assert!(dyed.into_iter().all(|(text, _)| text == "Origin"));
            runs += 1;
        }
    }
    assert!(runs > CONTROLS.len());
}

#[test]
fn what_is_being_handed_over_when_a_replay_strikes_has_not_happened_yet() {
    // The replay strikes at every step of the producer in turn, so also at the moment of a hand-over.
    for step in 1..120 {
        let replay = json!({"do": "source.replay", "where": "p1", "step": step, "events": [1, 40]});
        let scenario = patched(&json!({"faults": {"replay": replay}}));
        let run = Simulation::run(&scenario, Keep::LedgerOnly);
        assert!(run.verdict.counts.law_holds(), "step {step}");
    }
}

#[test]
fn what_the_source_keeps_back_comes_at_the_end_with_the_event_time_of_then_or_of_now() {
    let told = |name: &str, more: Value| {
        let mut fault = json!({"do": name, "at": 2_000, "for": 3_000, "partition": 1});
        for (key, value) in more.as_object().into_iter().flatten() {
            fault[key] = value.clone();
        }
        let changes = json!({"update_share": 300_000, "late": null});
        let patch = json!({"workload": changes, "faults": {"lost-ack": null, "quiet": fault}});
        let (run, trace) = traced(&patched(&patch));
        assert!(run.verdict.counts.law_holds() && run.verdict.counts.src == 40);
        arrivals(&trace)
    };
    let zero = patched(&json!({})).workload.zero_ms;
    let calm = told("source.idle", json!({"at": 90_000}));
    for (name, late) in [("source.delay", true), ("source.idle", false)] {
        let found = told(name, json!({}));
        let mut moved = 0;
        for &(order, at, customer, amount, event_time) in &found {
            // Whoever comes when, the orders are the same.
            assert!(
                calm.iter()
                    .any(|it| (it.0, it.2, it.3) == (order, customer, amount))
            );
            let happened = zero + (at / 1_000) as i64;
            let then = calm.iter().any(|it| it.4 == event_time);
            moved += u32::from(at == 5_000_000);
            assert!(if late { then } else { happened == event_time }, "{order}");
        }
        assert!(moved > 3, "{name}: {moved}");
        assert_eq!(found.len(), calm.len());
    }
    let all = told("source.delay", json!({"partition": null}));
    assert!(all.iter().all(|it| !(2_000_000..5_000_000).contains(&it.1)));
}

#[test]
fn in_any_scenario_the_law_holds_after_every_step_and_the_limits_hold() {
    let (mut ran, mut events, mut struck) = (0, 0, 0);
    for run in (0..RANDOM_SCENARIOS).filter_map(hold_to_the_law) {
        ran += 1;
        events += run.events;
        struck +=
            u32::from(run.verdict.dup + run.verdict.counts.lost + run.verdict.counts.refused > 0);
    }
    assert!(
        ran * 2 > RANDOM_SCENARIOS,
        "only {ran} of {RANDOM_SCENARIOS} scenarios were accepted"
    );
    assert!(
        struck > 10,
        "only {struck} of {ran} runs went wrong: the faults do not bite"
    );
    println!("{ran} scenarios, {events} events, {struck} went wrong");
}

/// As many as a debug build runs in some ten seconds.
const RANDOM_SCENARIOS: u64 = 400;

#[test]
fn any_scenario_gives_one_digest() {
    for n in 0..20 {
        let Some(scenario) = random_scenario(n) else {
            continue;
        };
        let digest = |keep| Simulation::run(&scenario, keep).digest;
        assert_eq!(
            digest(Keep::Trace),
            digest(Keep::LedgerOnly),
            "scenario {n}"
        );
    }
}

#[test]
fn a_run_that_reaches_a_limit_ends_there_and_says_so() {
    let few = patched(&json!({"limits": {"events": 500}}));
    let run = Simulation::run(&few, Keep::LedgerOnly);
    assert_eq!((run.ended, run.events), (Ended::EventLimit, 500));
    let short = patched(&json!({"limits": {"horizon_ms": 2_000}}));
    let run = Simulation::run(&short, Keep::LedgerOnly);
    assert_eq!(run.ended, Ended::Horizon);
    assert!(
        run.end.ms() <= 2_000 && run.verdict.counts.pending > 0 && run.verdict.counts.lost == 0
    );
}

#[test]
fn the_dye_has_no_text_that_a_program_could_read() {
    let (_, trace) = traced(&opening());
    let first = trace.events.iter().find_map(|event| match &event.fact {
        Fact::Emitted { origin, .. } => Some(*origin),
        _ => None,
    });
    let first = first.expect("something was emitted");
    assert_eq!(format!("{first:?}"), "Origin");
    // Those who judge may ask.
    assert_eq!(origin::number(first), 1);
}
