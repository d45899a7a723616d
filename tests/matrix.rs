//! The computed matrix against what the decision framework and the outcome tables say, and both tables' faults one by one.
//!
//! Every value of every axis is in a cell here; `benches/matrix.rs` holds all combinations against the same expectation.

mod expected;

use serde_json::{Value, json};
use streamproof::sim::explore::crash_points::{Exploration, Reach};
use streamproof::sim::explore::matrix::{Axis, Filling, Matrix, axes};
use streamproof::sim::explore::{Fates, Guarantee};
use streamproof::sim::{Keep, Patch, Scenario, Simulation, catalog};

/// The opening scenario without its second query, orders close together.
fn scenario() -> Scenario {
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    let patch = json!({"workload": {"every_ms": 150, "late": null}, "branches": null});
    let patch = Patch::of(patch).expect("an object");
    opening.scenario().patched(&patch).expect("valid")
}

/// The axes with these values only.
fn some(producers: &[&str], readings: &[&str], sinks: &[&str]) -> Vec<Axis> {
    let mut axes = axes();
    for (axis, kept) in axes.iter_mut().zip([producers, readings, sinks]) {
        axis.values
            .retain(|value| kept.contains(&value.name.as_str()));
        assert_eq!(axis.values.len(), kept.len(), "{}: {kept:?}", axis.name);
    }
    axes
}

fn hold(axes: &[Axis]) -> Matrix {
    let matrix = Filling::run(&scenario(), axes, 3, &Reach::default()).expect("valid");
    for cell in &matrix.cells {
        let expected = expected::guarantee(&cell.names);
        assert_eq!(
            cell.word(),
            expected,
            "{:?} at {} points, {:?}",
            cell.names,
            cell.points,
            cell.counterexamples
                .iter()
                .map(|e| cell.replay(e))
                .collect::<Vec<_>>()
        );
        assert!(cell.complete || cell.guarantee.is_none());
    }
    matrix
}

const KEPT: &[&str] = &["Spark, checkpoint kept"];
const NATIVE: &[&str] = &["Hudi native, insert"];

#[test]
fn every_producer_has_the_guarantee_of_its_row() {
    let producers: Vec<String> = axes()[0].values.iter().map(|v| v.name.clone()).collect();
    let producers: Vec<&str> = producers.iter().map(String::as_str).collect();
    let matrix = hold(&some(&producers, KEPT, NATIVE));
    assert_eq!(matrix.cells.len(), producers.len());
}

#[test]
fn every_reading_has_the_guarantee_of_its_row_into_an_effect_and_into_a_topic() {
    let readings = [
        "consumer, commit before",
        "consumer, commit after",
        "consumer, auto-commit",
        "consumer, transaction",
    ];
    let sinks = ["effects", "topic, read_committed"];
    let matrix = hold(&some(&["idempotent, never dies"], &readings, &sinks));
    assert_eq!((matrix.cells.len(), matrix.refused.len()), (7, 1));
    let committed = ["consumer, transaction"];
    hold(&some(
        &["idempotent, never dies"],
        &committed,
        &["topic, read_uncommitted"],
    ));
}

#[test]
fn a_sink_that_overwrites_by_the_id_makes_at_least_once_exactly_once() {
    hold(&some(
        &["idempotent"],
        &["consumer, commit after"],
        &["effects", "effects by id"],
    ));
    let sinks = [
        "Hudi native, insert",
        "Hudi native, upsert",
        "Hudi foreachBatch, insert",
        "Hudi foreachBatch, upsert",
    ];
    let readings = ["Spark, checkpoint kept", "Spark, checkpoint lost"];
    hold(&some(&["idempotent"], &readings, &sinks));
}

#[test]
fn a_counterexample_of_a_cell_replays_on_the_scenario_of_the_matrix() {
    let axes = some(&["acks=1"], KEPT, NATIVE);
    let matrix = hold(&axes);
    let cell = &matrix.cells[0];
    assert_eq!(cell.counterexamples.len(), Guarantee::ALL.len());
    for example in &cell.counterexamples {
        let patched = scenario().patched(&cell.replay(example)).expect("valid");
        let run = Simulation::run(&patched, Keep::LedgerOnly);
        assert!(example.guarantee.is_refuted_by(Fates::of(&run.verdict)));
    }
}

// ---- the outcome table of producer and broker faults, by its columns ---------------------------------------------

/// What can happen to a record under one kind of fault: found by exploring it, against the table's letters.
///
/// D duplicate, L silent loss, R reported loss, F phantom. An outcome that the table lists and no point shows is a
/// difference, and so is one that it does not list.
fn column(producer: &Value, faults: &[&str], letters: &str) {
    let patch = json!({"producer": producer, "workload": {"orders": 4, "every_ms": 60},
        "sink": {"hudi": {"hoodie.datasource.write.operation": "insert"}}});
    let patch = Patch::of(patch).expect("an object");
    let scenario = scenario().patched(&patch).expect("valid");
    let reach = Reach {
        faults: faults.iter().map(|name| name.to_string()).collect(),
        ..Reach::default()
    };
    let report = Exploration::run(&scenario, reach).expect("valid");
    let tally = report.segments[0].tally;
    assert_eq!(tally.points, report.points);
    let found: String = [
        ('D', tally.duplicated),
        ('L', tally.lost),
        ('R', tally.refused),
        ('F', tally.phantom),
    ]
    .iter()
    .filter(|(_, count)| *count > 0)
    .map(|(letter, _)| letter)
    .collect();
    assert_eq!(found, letters, "{producer} under {faults:?}: {tally:?}");
    assert_eq!(tally.stuck, 0, "{producer} under {faults:?}");
}

fn row(number: u32) -> Value {
    match number {
        1 => json!({"acks": "0", "enable.idempotence": false}),
        2 => json!({"acks": "1", "retries": 0, "enable.idempotence": false}),
        3 => json!({"acks": "1", "enable.idempotence": false}),
        4 => json!({"acks": "all", "retries": 0, "enable.idempotence": false}),
        6 => json!({"acks": "all", "enable.idempotence": false}),
        7 => json!({"acks": "all", "enable.idempotence": true}),
        other => panic!("row {other} is another topic or a transaction"),
    }
}

#[test]
fn a_lost_acknowledgement_does_what_the_table_says() {
    for (number, letters) in [(2, "F"), (3, "D"), (4, "F"), (6, "D"), (7, "")] {
        column(&row(number), &["net.drop_ack"], letters);
    }
}

#[test]
fn a_producer_that_dies_and_sends_again_does_what_the_table_says() {
    for (number, letters) in [(2, "D"), (3, "D"), (4, "D"), (6, "D"), (7, "D")] {
        column(&row(number), &["producer.crash.resend"], letters);
    }
}

#[test]
fn a_leader_that_dies_does_what_the_table_says() {
    // Both columns, before and after the copy. Row 2 and 4: what was refused was stored or not.
    for (number, letters) in [
        (1, "L"),
        (2, "LRF"),
        (3, "DL"),
        (4, "RF"),
        (6, "D"),
        (7, ""),
    ] {
        column(&row(number), &["broker.crash.kept"], letters);
    }
}
