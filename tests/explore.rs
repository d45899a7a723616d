//! Exploration: every crash point, and what may be said after it.

use serde_json::{Value, json};
use streamproof::sim::OutcomeKind;
use streamproof::sim::explore::compare::Comparing;
use streamproof::sim::explore::crash_points::{Exploration, Moment, Reach, Report};
use streamproof::sim::explore::prevent::Search;
use streamproof::sim::explore::seeds::Seeds;
use streamproof::sim::explore::{Fates, Guarantee, Work};
use streamproof::sim::{Keep, Patch, Scenario, Simulation, catalog};

fn patched(scenario: &Scenario, patch: &Value) -> Scenario {
    let patch = Patch::of(patch.clone()).expect("an object");
    scenario
        .patched(&patch)
        .unwrap_or_else(|error| panic!("{patch:?}: {error}"))
}

/// The opening scenario with few orders, close together.
fn few(orders: u32, patch: &Value) -> Scenario {
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    let small = json!({"workload": {"orders": orders, "every_ms": 60, "late": {}}, "branches": {"revenue": null}});
    patched(&patched(&opening.scenario(), &small), patch)
}

/// A plain consumer in place of the query.
fn consuming(orders: u32, consumer: &Value) -> Scenario {
    let patch = json!({
        "engine": {"use": "consumer", "consumer": {"session.timeout.ms": 1000, "heartbeat.interval.ms": 300,
            "auto.offset.reset": "earliest", "work_us": 10000, "max.poll.records": 4}},
        "sink": {"use": "console"},
        "brokers": {"group.initial.rebalance.delay.ms": 100},
    });
    let scenario = few(orders, &patch);
    patched(&scenario, &json!({"engine": {"consumer": consumer}}))
}

fn explore(scenario: &Scenario, reach: Reach) -> Report {
    Exploration::run(scenario, reach).unwrap_or_else(|error| panic!("{error}"))
}

fn pipelines() -> Vec<(&'static str, Scenario)> {
    vec![
        ("spark", few(2, &json!({}))),
        (
            "foreach_batch",
            few(
                6,
                &json!({"sink": {"hudi": {"sink.writer": "foreach_batch"}}}),
            ),
        ),
        (
            "acks 1",
            few(2, &json!({"producer": {"acks": "1", "retries": 0}})),
        ),
        (
            "auto-commit",
            consuming(
                2,
                &json!({"consumer.commit": "auto", "enable.auto.commit": true, "auto.commit.interval.ms": 300}),
            ),
        ),
        (
            "commit after",
            consuming(
                2,
                &json!({"consumer.commit": "after", "enable.auto.commit": false}),
            ),
        ),
        (
            "commit before",
            consuming(
                2,
                &json!({"consumer.commit": "before", "enable.auto.commit": false, "consumers": 2}),
            ),
        ),
        (
            "transactional producer",
            few(
                6,
                &json!({"producer": {"transactional.id": "till", "enable.idempotence": null}, "engine": {"spark": {"kafka.isolation.level": "read_committed"}}}),
            ),
        ),
    ]
}

#[test]
fn points_that_are_one_have_one_outcome() {
    for (name, scenario) in pipelines() {
        let merged = explore(&scenario, Reach::default());
        let one_by_one = explore(
            &scenario,
            Reach {
                merge: false,
                ..Reach::default()
            },
        );
        assert_eq!(merged.points, one_by_one.points, "{name}");
        assert!(merged.merged > 0 && one_by_one.merged == 0, "{name}");
        for (a, b) in merged.strip.rows.iter().zip(&one_by_one.strip.rows) {
            for (cell, alone) in a.points.iter().zip(&b.points) {
                let words = &merged.strip.words[usize::from(cell.words)];
                assert_eq!(
                    cell.fates, alone.fates,
                    "{name}: {} {:?} ({words}), merged {}",
                    a.place, cell.when, cell.merged
                );
            }
        }
    }
}

#[test]
fn a_branch_is_the_run_of_its_patch() {
    for (name, scenario) in pipelines() {
        let report = explore(&scenario, Reach::default());
        for example in &report.segments[0].counterexamples {
            let run = Simulation::run(&patched(&scenario, &example.patch().0), Keep::LedgerOnly);
            assert_eq!(
                Fates::of(&run.verdict),
                example.fates,
                "{name}: {:?}",
                example.patch()
            );
            assert!(example.guarantee.is_refuted_by(example.fates));
        }
        // Not only the shortest: every crash of this host, with its whole verdict.
        let row = report
            .strip
            .rows
            .iter()
            .find(|row| row.place == "b1")
            .expect("there is one");
        let cast = streamproof::sim::cast(&scenario);
        for cell in row.points.iter().step_by(23) {
            let mut fault = json!({"do": row.fault, "where": row.place});
            match cell.when {
                Moment::Step(nth) => fault["step"] = json!(nth),
                Moment::After(host, nth) => fault["after_step"] = json!({cast.host(host): nth}),
                Moment::Fact(_) => unreachable!("a crash waits for no fact"),
            }
            let faults: Value = json!({"faults": {"lost-ack": null, "explored": fault}});
            let run = Simulation::run(&patched(&scenario, &faults), Keep::LedgerOnly);
            assert_eq!(vec![Fates::of(&run.verdict)], cell.fates, "{name}: {fault}");
        }
    }
}

#[test]
fn slices_give_what_one_go_gives() {
    let scenario = few(4, &json!({}));
    let reach = Reach {
        pairs: 40,
        ..Reach::default()
    };
    let whole = explore(&scenario, reach.clone());
    let mut exploration = Exploration::new(&scenario, reach).expect("valid");
    let mut slices = 0;
    while exploration.advance(997) {
        slices += 1;
        let (done, of) = exploration.progress();
        assert!(done <= of);
    }
    assert!(slices > 20);
    assert_eq!(exploration.finish(), whole);
    assert!(
        whole.complete && whole.pairs > 20 && whole.pairs <= 40,
        "{}",
        whole.pairs
    );
    assert_eq!(whole.segments[0].pairs.points, whole.pairs);
}

#[test]
fn what_fell_is_named_and_what_held_is_counted() {
    let report = explore(&few(3, &json!({})), Reach::default());
    assert!(report.refutes(Guarantee::ExactlyOnce) && !report.refutes(Guarantee::AtLeastOnce));
    let fixed = few(
        6,
        &json!({"producer": {"enable.idempotence": true}, "sink": {"hudi": {"hoodie.datasource.write.operation": "upsert"}}}),
    );
    let report = explore(&fixed, Reach::default());
    assert_eq!(
        report.segments[0].tally.exact,
        report.points,
        "{}",
        report.to_text()
    );
    assert!(
        Guarantee::ALL
            .iter()
            .all(|&guarantee| !report.refutes(guarantee))
    );
    assert!(report.to_text().contains(&format!(
        "exactly-once held at all {} points",
        report.points
    )));
}

#[test]
fn what_cannot_be_explored_is_refused_with_what_can() {
    let scenario = few(3, &json!({}));
    let refused = |faults: &[&str], hosts: &[&str]| {
        let own = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        let reach = Reach {
            faults: own(faults),
            hosts: own(hosts),
            ..Reach::default()
        };
        Exploration::new(&scenario, reach)
            .err()
            .expect("refused")
            .to_string()
    };
    assert_eq!(
        refused(&["broker.crash.kep"], &[]),
        "faults: no fault named \"broker.crash.kep\"; did you mean \"broker.crash.kept\"?"
    );
    assert!(refused(&["net.delay"], &[]).contains("no moment of its own"));
    assert!(
        refused(&[], &["b9"])
            .starts_with("hosts: \"b9\" is no host of this run; did you mean \"b1\"?")
    );
}

#[test]
fn two_workers_find_what_one_finds() {
    let scenario = few(3, &json!({}));
    let share = |first| {
        let reach = Reach {
            share: Some((2, first)),
            ..Reach::default()
        };
        explore(&scenario, reach)
    };
    let (first, second) = (share(0), share(1));
    assert!(!first.complete && first.segments[0].tally.points < first.points);
    let mut joined = Report::join(vec![second, first]).expect("two");
    let whole = explore(&scenario, Reach::default());
    // Each has looked for the points once.
    joined.events = whole.events;
    assert_eq!(joined, whole);
}

#[test]
fn a_pair_refutes_what_no_single_fault_does() {
    // The table forgets nothing and the producer's repeats are recognised; a broker of three may die, two may not.
    let scenario = few(
        3,
        &json!({"producer": {"enable.idempotence": true},
            "topic": {"min.insync.replicas": 1, "replication.factor": 2}}),
    );
    let reach = |pairs| Reach {
        faults: vec!["broker.crash.lost".into()],
        pairs,
        ..Reach::default()
    };
    let singles = explore(&scenario, reach(0));
    let pairs = explore(&scenario, reach(400));
    assert_eq!(singles.segments[0].tally, pairs.segments[0].tally);
    assert!(pairs.segments[0].pairs.lost > 0, "{}", pairs.to_text());
    for example in &pairs.segments[0].counterexamples {
        let run = Simulation::run(&patched(&scenario, &example.patch().0), Keep::LedgerOnly);
        assert_eq!(
            Fates::of(&run.verdict),
            example.fates,
            "{:?}",
            example.patch()
        );
    }
}

#[test]
fn a_fault_strikes_right_after_the_step_of_another_host() {
    let scenario = few(
        3,
        &json!({"producer": {"acks": "1", "enable.idempotence": false}}),
    );
    let report = explore(
        &scenario,
        Reach {
            hosts: vec!["b1".into(), "b2".into()],
            ..Reach::default()
        },
    );
    let lost = report
        .counterexample(Guarantee::AtLeastOnce)
        .expect("acks=1 loses with its leader");
    let [fault] = lost.faults.values().collect::<Vec<_>>()[..] else {
        panic!("one fault is enough: {:?}", lost.faults);
    };
    // The leader dies once its answer has reached the producer: before none of its own steps is it as bad.
    assert!(
        fault
            .after_step
            .as_ref()
            .is_some_and(|step| step.contains_key("p1")),
        "{fault:?}"
    );
    let all = few(
        3,
        &json!({"producer": {"acks": "all", "enable.idempotence": true}}),
    );
    let report = explore(
        &all,
        Reach {
            hosts: vec!["b1".into(), "b2".into()],
            ..Reach::default()
        },
    );
    assert!(
        !report.refutes(Guarantee::ExactlyOnce),
        "{}",
        report.to_text()
    );
}

#[test]
fn two_configurations_part_where_the_first_fact_differs() {
    let lossy = few(
        6,
        &json!({"faults": {"lost-ack": {"do": "net.drop_ack", "where": "p1>*", "after": {"batch_appended": 2}}}}),
    );
    let fixed = patched(&lossy, &json!({"producer": {"enable.idempotence": true}}));
    let comparison = Comparing::run(&lossy, &fixed).expect("one seed");
    assert_eq!(
        comparison.settings,
        [(
            "enable.idempotence".to_string(),
            "false".to_string(),
            "true".to_string()
        )]
    );
    let parting = comparison.parting.as_ref().expect("they differ");
    assert!(
        parting.facts[1]
            .as_ref()
            .is_some_and(|fact| fact.contains("producer_id_assigned")),
        "{parting:?}"
    );
    let (which, outcome) = comparison.segments[0].first().expect("one of them doubles");
    assert!(which == 0 && matches!(outcome.kind, OutcomeKind::Duplicated(_)));
    assert!(
        comparison.segments[0]
            .metrics()
            .iter()
            .any(|(name, a, b)| name == "dup" && *a > *b)
    );
    let same = Comparing::run(&lossy, &lossy).expect("one seed");
    assert!(same.parting.is_none() && same.segments[0].metrics().is_empty());
    let mut other = lossy.clone();
    other.seed += 1;
    assert!(Comparing::run(&lossy, &other).is_err());
}

#[test]
fn what_would_have_helped_is_found_by_running() {
    let opening = catalog::find(catalog::OPENING)
        .expect("there is one")
        .scenario();
    let found = Search::run(&opening, Some(17)).expect("there is such an order");
    let keys: Vec<(&str, &str)> = found
        .helps
        .iter()
        .map(|trial| (trial.key.as_str(), trial.to.as_str()))
        .collect();
    for helpful in [
        ("enable.idempotence", "true"),
        ("hoodie.datasource.write.operation", "\"upsert\""),
    ] {
        assert!(keys.contains(&helpful), "{helpful:?} of {keys:?}");
    }
    // What only moves the fault on to another order does not help.
    assert!(found.helps.iter().all(|trial| trial.verdict.dup == 0));
    for trial in &found.helps {
        let changed = patched(&opening, &trial.patch().expect("it has one").0);
        assert_eq!(
            Simulation::run(&changed, Keep::LedgerOnly).verdict,
            trial.verdict
        );
    }
    // The only broker never comes back: no setting brings it back.
    let gone = json!({"do": "broker.crash.lost", "where": "b1", "at": 1, "for": 3_600_000});
    let gone = few(
        3,
        &json!({"topic": {"replication.factor": 1, "min.insync.replicas": 1}, "brokers": {"count": 1},
            "limits": {"horizon_ms": 3_000}, "faults": {"lost-ack": null, "fire": gone}}),
    );
    let found = Search::run(&gone, None).expect("valid");
    assert!(found.tried > 50, "{}", found.tried);
    assert!(found.helps.is_empty(), "{}", found.to_text());
    assert!(found.to_text().contains("no single setting prevents this"));
    assert!(Search::run(&opening, Some(41)).is_err());
}

#[test]
fn seeds_are_counted_one_by_one() {
    let scenario = few(
        4,
        &json!({"faults": {"lost-ack": {"do": "net.drop_ack", "where": "p1>*", "after": null, "chance": 300_000}}}),
    );
    let report = Seeds::run(&scenario, 12).expect("valid");
    let mut doubled = 0;
    for seed in scenario.seed..scenario.seed + 12 {
        let one = Simulation::run(
            &Scenario {
                seed,
                ..scenario.clone()
            },
            Keep::LedgerOnly,
        );
        doubled += u32::from(one.verdict.dup > 0);
    }
    let (_, share) = report.segments[0].refuted[0];
    assert_eq!((share.runs, share.of), (doubled, 12));
    assert!(doubled > 0 && doubled < 12, "{doubled}");
    let dup = report.segments[0]
        .metrics
        .iter()
        .find(|(name, _)| name == "dup")
        .expect("a metric");
    assert!(
        dup.1
            .interval
            .is_some_and(|(low, high)| low < dup.1.mean && dup.1.mean < high)
    );
}
