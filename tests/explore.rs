//! Exploration: every crash point, and what may be said after it.

use serde_json::{Value, json};
use streamproof::sim::explore::crash_points::{Exploration, Moment, Reach, Report};
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
        ("spark", few(3, &json!({}))),
        (
            "foreach_batch",
            few(
                6,
                &json!({"sink": {"hudi": {"sink.writer": "foreach_batch"}}}),
            ),
        ),
        (
            "acks 1",
            few(3, &json!({"producer": {"acks": "1", "retries": 0}})),
        ),
        (
            "auto-commit",
            consuming(
                3,
                &json!({"consumer.commit": "auto", "enable.auto.commit": true, "auto.commit.interval.ms": 300}),
            ),
        ),
        (
            "commit after",
            consuming(
                3,
                &json!({"consumer.commit": "after", "enable.auto.commit": false}),
            ),
        ),
        (
            "commit before",
            consuming(
                3,
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
        for cell in row.points.iter().step_by(7) {
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
