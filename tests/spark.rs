//! Spark: recordings of a real one, and the settings and faults of a query against each other.

mod claims;

use claims::hold;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use streamproof::conform::{Checked, Conformance};
use streamproof::sim::trace::{Fact, FactKind, TraceEvent};
use streamproof::sim::{Keep, Patch, Run, Scenario, catalog};

// ---- recordings ------------------------------------------------------------------------------------------------

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/spark")
}

#[test]
fn every_recording_comes_out_as_recorded() {
    let folder = recordings();
    let conformance = Conformance::of(&[&folder]).unwrap_or_else(|error| panic!("{error}"));
    for (_, id, checked) in &conformance.cases {
        assert_eq!(*checked, Checked::Passed, "{id}");
    }
    assert_eq!(conformance.passed(), 160);
}

/// A copy of a recording in which one thing is otherwise has to fail.
#[test]
fn a_recording_that_says_something_else_is_told_apart() {
    for (file, recorded, other) in [
        ("windows", r#""wm_next":64999"#, r#""wm_next":65000"#),
        ("windows", r#""removed":5"#, r#""removed":4"#),
        ("windows", r#""dropped_by_wm":2"#, r#""dropped_by_wm":3"#),
        ("session", r#""updated":2"#, r#""updated":1"#),
        ("session", r#""gap_ms":5000"#, r#""gap_ms":5001"#),
        ("dedup", r#""dropped_dup":3"#, r#""dropped_dup":2"#),
        ("dedup", r#""prune_ts":true"#, r#""prune_ts":false"#),
        ("multi_input", r#""policy":"min""#, r#""policy":"max""#),
        ("multi_input", r#""within_ms":8000"#, r#""within_ms":6000"#),
        ("recovery", r#""at":"mid_write""#, r#""at":"after_write""#),
        ("recovery", r#""ended":"failed""#, r#""ended":"ok""#),
        (
            "recovery",
            "CONCURRENT_STREAM_LOG_UPDATE",
            "ANOTHER_CONDITION",
        ),
        ("recovery", r#""duplicates":4"#, r#""duplicates":5"#),
        (
            "recovery",
            r#""wm_next":[[0,66868]"#,
            r#""wm_next":[[0,66869]"#,
        ),
    ] {
        let path = recordings().join(format!("{file}.json"));
        let text = std::fs::read_to_string(path).expect("it is there");
        assert!(text.contains(recorded), "{file} has no {recorded}");
        let mut conformance = Conformance::default();
        let text = text.replace(recorded, other);
        conformance
            .add("other.json", &text)
            .expect("it can be read");
        assert!(conformance.failed() > 0, "{other} in {file}");
    }
}

#[test]
fn what_cannot_be_read_or_is_not_modelled_is_said() {
    let file = |kind: &str, case: &str| {
        format!(
            r#"{{"schema": 1, "kind": "{kind}", "pyspark": "4", "java": "17", "inputs": {{"a": [[["r1", "k", 1, 1]]]}}, "cases": [{case}]}}"#
        )
    };
    let recovery = |step: &str| {
        format!(
            r#"{{"name": "c", "input": "a", "query": {{"op": "stateless"}}, "steps": [{step}], "sinks": {{}}}}"#
        )
    };
    for (text, expected) in [
        (
            file("teapots", ""),
            "f.json: kind: \"teapots\" is not known; accepted are windows, session",
        ),
        (
            file(
                "windows",
                r#"{"name": "c", "input": "b", "pacing": "paced", "query": {"op": "stateless"}, "ok": true}"#,
            ),
            "f.json: cases[0] (c).input: no input \"b\"; there are a",
        ),
        (
            file(
                "windows",
                r#"{"name": "c", "input": "a", "pacing": "paced", "query": {"op": "window"}, "ok": true}"#,
            ),
            "f.json: cases[0] (c): query.window is missing",
        ),
        (
            file("recovery", &recovery(r#"{"do": "add", "files": [7]}"#)),
            "f.json: cases[0] (c).steps[0]: the input has no batch 7",
        ),
    ] {
        let error = Conformance::default().add("f.json", &text);
        let error = error.expect_err("should be refused").to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let mut conformance = Conformance::default();
    let text = file(
        "recovery",
        &recovery(r#"{"do": "delete", "what": "the_server"}"#),
    );
    conformance.add("f.json", &text).expect("it can be read");
    let (_, _, checked) = &conformance.cases[0];
    let Checked::Skipped(skip) = checked else {
        panic!("{checked:?}");
    };
    assert_eq!(skip.to_string(), "not modelled: deleting the_server");
}

// ---- a query in simulation -------------------------------------------------------------------------------------

/// Each claim is held against these seeds.
const SEEDS: [u64; 3] = [42, 1, 2];

/// The opening scenario without its fault and with an idempotent producer: forty orders in 7 s, one of them handed over
/// 1.4 s late and another 3 s.
fn scenario(patch: &Value) -> Scenario {
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    let calm = json!({"faults": {"lost-ack": null}, "producer": {"enable.idempotence": true}});
    let patch = Patch(calm).then(&Patch(patch.clone()));
    let scenario = opening.scenario().patched(&patch);
    scenario.unwrap_or_else(|error| panic!("{error}"))
}

fn run(patch: &Value, seed: u64) -> Run {
    claims::run(&scenario(patch), seed, Keep::Trace)
}

/// Holds a claim against runs of a patch.
fn check(patch: Value, claim: &str) {
    hold(claim, &scenario(&patch), &SEEDS, None, &patch.to_string());
}

/// How a query ended in this run.
fn failures(run: &Run) -> Vec<String> {
    let trace = run.trace.as_ref().expect("it was kept");
    let error = |event: &TraceEvent| match &event.fact {
        Fact::QueryFailed { error, .. } => Some(error.clone()),
        _ => None,
    };
    trace.events.iter().filter_map(error).collect()
}

fn count(run: &Run, kind: FactKind) -> usize {
    let events = &run.trace.as_ref().expect("it was kept").events;
    events.iter().filter(|e| e.fact.kind() == kind).count()
}

/// The main query into an outside table through `foreachBatch`.
fn database(write: &str, faults: Value) -> Value {
    json!({"sink": {"use": "database", "database": {"foreach_batch.write": write}},
           "store": {"operation_us": 2_000}, "faults": faults})
}

/// The revenue query with these settings, written by `foreachBatch` with an upsert.
fn revenue(spark: Value) -> Value {
    let mut own = json!({"window.size": 2_000, "watermark.delay": 1_000});
    for (key, value) in spark.as_object().into_iter().flatten() {
        own[key] = value.clone();
    }
    json!({"branches": {"revenue": {"engine": {"spark": own}, "sink": {"hudi": {"sink.writer": "foreach_batch"}}}}})
}

/// The table of crash points in one micro-batch: planned, partly written, all written, ticked off.
#[test]
fn a_crash_doubles_what_an_append_had_written_and_nothing_else() {
    for (fault, append) in [
        (json!({"do": "driver.crash", "at": 3_900}), "dup == 0"),
        (json!({"do": "driver.crash.C0", "at": 3_000}), "dup == 0"),
        (
            json!({"do": "driver.crash", "after": {"became_visible": 12}}),
            "dup > 0",
        ),
        (
            json!({"do": "driver.crash.C5", "at": 3_000}),
            "dup > 1 && dup_by.batch_replay == dup",
        ),
        (json!({"do": "driver.crash.C6", "at": 3_000}), "dup == 0"),
    ] {
        let faults = json!({"crash": fault});
        check(
            database("append", faults.clone()),
            &format!("{append} && lost == 0"),
        );
        for write in ["upsert", "batch_id"] {
            check(
                database(write, faults.clone()),
                "dup == 0 && lost == 0 && delivered == 40",
            );
        }
    }
}

/// The table of damages: an append doubles, a key absorbs, and a memory of batch ids loses once ids mean something else.
#[test]
fn a_damaged_checkpoint_doubles_or_loses_as_the_sink_decides() {
    for (damage, append, batch_id) in [
        (
            "commits_last",
            "dup > 0 && delivered == 40",
            "dup == 0 && delivered == 40",
        ),
        (
            "commits_all",
            "dup > 0 && delivered == 40",
            "dup == 0 && delivered == 40",
        ),
        (
            "last",
            "dup > 0 && delivered == 40",
            "dup == 0 && lost_by.skipped_batch > 0",
        ),
        (
            "",
            "dup > 10 && delivered == 40",
            "dup == 0 && lost_by.skipped_batch > 0",
        ),
    ] {
        let name = if damage.is_empty() {
            "checkpoint.delete".to_string()
        } else {
            format!("checkpoint.delete.{damage}")
        };
        let faults = json!({"damage": {"do": name, "at": 5_500}});
        check(database("append", faults.clone()), append);
        check(
            database("upsert", faults.clone()),
            "dup == 0 && delivered == 40",
        );
        check(database("batch_id", faults), batch_id);
    }
}

#[test]
fn some_damages_stop_the_query_and_say_why() {
    for (damage, condition, doubles) in [
        ("offsets_last", "CONCURRENT_STREAM_LOG_UPDATE", true),
        ("offsets_all", "assertion failed", false),
        (
            "metadata",
            "STREAMING_CHECKPOINT_MISSING_METADATA_FILE",
            false,
        ),
    ] {
        let faults = json!({"damage": {"do": format!("checkpoint.delete.{damage}"), "at": 5_500}});
        let claim = if doubles { "dup > 0" } else { "dup == 0" };
        let patch = database("append", faults);
        check(
            patch.clone(),
            &format!("{claim} && pending > 0 && lost == 0"),
        );
        let errors = failures(&run(&patch, 42));
        assert!(errors[0].contains(condition), "{errors:?}");
    }
    // Without state a query does not miss it.
    let faults = json!({"damage": {"do": "checkpoint.delete.state", "at": 5_500}});
    check(
        database("append", faults.clone()),
        "delivered == 40 && dup == 0",
    );
    let patch = revenue(json!({}));
    let mut stateful = patch.clone();
    stateful["faults"] = json!({"damage": {"do": "checkpoint.delete.state", "where": "revenue.driver", "at": 5_500}});
    check(stateful.clone(), "revenue.pending > 0");
    let errors = failures(&run(&stateful, 42));
    assert_eq!(
        errors,
        ["STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY"]
    );
}

#[test]
fn a_query_that_is_started_again_fails_again_or_goes_on() {
    let faults = json!({"damage": {"do": "checkpoint.delete.metadata", "at": 5_500}});
    let mut patch = database("append", faults);
    patch["engine"] = json!({"spark": {"query.restart": 2_000}});
    let run = run(&patch, 42);
    assert!(failures(&run).len() > 10, "nothing heals a checkpoint");
    // A lost executor with one attempt a task fails the query; who watches over it lets it go on from the checkpoint.
    let killed =
        json!({"kill": {"do": "executor.kill", "where": "exec1", "after": {"task_started": 20}}});
    let once = json!({"spark.task.maxFailures": 1});
    let patch = json!({"engine": {"spark": once}, "faults": killed});
    check(patch.clone(), "pending > 0");
    let watched = json!({"spark.task.maxFailures": 1, "query.restart": 1_000});
    let patch = json!({"engine": {"spark": watched}, "faults": killed});
    check(patch, "delivered == 40 && dup == 0");
}

#[test]
fn two_applications_on_one_checkpoint_write_both_until_one_fails() {
    let two = |write: &str| {
        let mut patch = database(write, json!({}));
        patch["engine"] = json!({"spark": {"applications": 2}});
        patch["store"] = json!({"operation_us": 8_000});
        patch
    };
    check(two("append"), "dup > 0 && delivered == 40");
    check(two("upsert"), "dup == 0 && delivered == 40");
    let errors = failures(&run(&two("append"), 42));
    assert_eq!(errors, ["CONCURRENT_STREAM_LOG_UPDATE"]);
    let mut one = two("append");
    one["engine"] = json!({"spark": {"applications": 1}});
    check(one.clone(), "dup == 0 && delivered == 40");
    assert_eq!(failures(&run(&one, 42)), Vec::<String>::new());
}

#[test]
fn a_trigger_that_ends_leaves_what_came_later_unless_it_is_started_again() {
    for trigger in ["availableNow", "once"] {
        let spark = json!({"trigger.type": trigger});
        check(json!({"engine": {"spark": spark}}), "pending == 40");
        let again = json!({"trigger.type": trigger, "query.restart": 1_500});
        check(
            json!({"engine": {"spark": again}}),
            "delivered == 40 && dup == 0",
        );
    }
    // availableNow keeps the limit of a batch, once does not.
    let batches = |trigger: &str| {
        let spark =
            json!({"trigger.type": trigger, "query.restart": 4_000, "maxOffsetsPerTrigger": 2});
        let run = run(
            &json!({"branches": {"revenue": null}, "engine": {"spark": spark}}),
            42,
        );
        count(&run, FactKind::BatchCommitted)
    };
    assert!(batches("availableNow") >= 15 && batches("once") < 8);
}

#[test]
fn starting_offsets_count_once_and_are_kept() {
    // Nothing was there when the query started, so latest skips nothing, and a crash before the first batch changes nothing.
    for faults in [
        json!({}),
        json!({"crash": {"do": "driver.crash", "at": 100, "for": 3_000}}),
    ] {
        let latest = json!({"engine": {"spark": {"startingOffsets": "latest"}}, "faults": faults});
        check(latest, "delivered == 40 && lost == 0");
    }
    // Without its checkpoint it is a new query, and what came in between is skipped.
    let faults = json!({"damage": {"do": "checkpoint.delete", "at": 3_000}});
    let latest = json!({"engine": {"spark": {"startingOffsets": "latest"}}, "faults": faults});
    check(latest, "lost > 0");
    let offset = json!({"hudi": {"hoodie.datasource.write.streaming.checkpoint.identifier": "b",
                                 "hoodie.datasource.write.operation": "upsert", "sink.writer": "foreach_batch"}});
    let earliest = json!({"engine": {"spark": {"startingOffsets": "earliest"}}, "sink": offset, "faults": faults});
    check(earliest, "lost == 0 && dup == 0");
}

#[test]
fn without_fail_on_data_loss_a_query_reads_on_and_loses_in_silence() {
    let lost_disk = |fail: bool| {
        json!({"engine": {"spark": {"failOnDataLoss": fail}},
               "topic": {"replication.factor": 1, "min.insync.replicas": 1}, "branches": {"revenue": null},
               "faults": {"disk": {"do": "broker.crash.lost", "where": "b2", "at": 3_300, "for": 1_500}}})
    };
    check(lost_disk(true), "pending > 0");
    let errors = failures(&run(&lost_disk(true), 42));
    assert!(errors[0].contains("failOnDataLoss"), "{errors:?}");
    check(lost_disk(false), "pending == 0 && lost > 0");
    let run = run(&lost_disk(false), 42);
    assert!(failures(&run).is_empty() && count(&run, FactKind::DataMissed) > 0);
}

#[test]
fn an_output_mode_decides_when_a_window_is_seen_and_whether_it_is_forgotten() {
    // Append waits for the watermark, and the last windows stay open for ever.
    check(
        revenue(json!({})),
        "revenue.pending > 0 && revenue.dup == 0 && revenue.state_end < 3",
    );
    let update = revenue(json!({"output.mode": "update"}));
    check(
        update,
        "revenue.pending == 0 && revenue.dup == 0 && revenue.rows == 4 && revenue.state_end < 3",
    );
    let complete = revenue(json!({"output.mode": "complete"}));
    check(
        complete,
        "revenue.pending == 0 && revenue.dup == 0 && revenue.late == 0 && revenue.state_end == 4",
    );
    // What comes out again has to take the place of what came before.
    for mode in ["update", "complete"] {
        let mut added = revenue(json!({"output.mode": mode}));
        added["branches"]["revenue"]["sink"]["hudi"]["hoodie.datasource.write.operation"] =
            json!("insert");
        check(
            added,
            "revenue.dup > 0 && revenue.dup_by.refined == revenue.dup",
        );
    }
}

#[test]
fn a_refused_combination_is_refused_with_sparks_condition() {
    for (spark, condition) in [
        (
            json!({"withWatermark": false}),
            "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
        ),
        (
            json!({"window.type": "session", "output.mode": "update"}),
            "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
        ),
        (
            json!({"window.type": "none", "group.by": "customer"}),
            "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
        ),
        (
            json!({"window.type": "none", "output.mode": "complete"}),
            "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
        ),
        (
            json!({"window.type": "none", "deduplicate": "dropDuplicatesWithinWatermark", "withWatermark": false}),
            "_LEGACY_ERROR_TEMP_3102",
        ),
        (
            json!({"deduplicate": "dropDuplicates"}),
            "a second stateful operator",
        ),
        (
            json!({"window.type": "sliding", "window.slide": 1}),
            "at most 100 windows",
        ),
    ] {
        let opening = catalog::find(catalog::OPENING).expect("there is one");
        let error = opening.scenario().patched(&Patch(revenue(spark)));
        let error = error.expect_err("should be refused").to_string();
        assert!(error.contains(condition), "{error}");
    }
    // The native sink of Hudi would overwrite the table.
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    let native = json!({"branches": {"revenue": {"engine": {"spark": {"output.mode": "update"}}}}});
    let error = opening.scenario().patched(&Patch(native));
    let error = error.expect_err("should be refused").to_string();
    assert!(error.contains("overwrites the whole table"), "{error}");
}

#[test]
fn an_order_in_two_sliding_windows_is_no_duplicate_and_a_second_copy_of_it_is() {
    let sliding = json!({"window.type": "sliding", "window.slide": 1_000});
    check(
        revenue(sliding.clone()),
        "revenue.dup == 0 && revenue.rows > 4",
    );
    let mut doubled = revenue(sliding);
    doubled["producer"] = json!({"enable.idempotence": false});
    doubled["faults"] =
        json!({"ack": {"do": "net.drop_ack", "where": "p1>*", "after": {"batch_appended": 9}}});
    check(
        doubled.clone(),
        "revenue.dup > 0 && revenue.state.dup > 0 && revenue.dup_by.producer_retry == revenue.dup",
    );
    // Each copy counts in both windows.
    let single = json!({"window.type": "tumbling"});
    doubled["branches"]["revenue"]["engine"]["spark"]["window.type"] =
        single["window.type"].clone();
    check(doubled, "revenue.dup > 0");
}

#[test]
fn sessions_grow_together_and_close_after_a_silence() {
    let sessions = |gap: u64| {
        revenue(json!({"window.type": "session", "window.gap": gap, "watermark.delay": 3_500}))
    };
    let states = |gap: u64| run(&sessions(gap), 42).branches["revenue"].state_peak;
    assert!(states(20) > states(200) && states(200) > states(5_000));
    assert_eq!(states(5_000), 1, "all orders are one session");
    check(
        sessions(20),
        "revenue.dup == 0 && revenue.lost == 0 && revenue.delivered > 0",
    );
}

#[test]
fn state_grows_with_the_keys_and_without_a_watermark_for_ever() {
    let peak = |spark: Value| run(&revenue(spark), 42).branches["revenue"].state_peak;
    assert!(peak(json!({"group.by": "customer"})) > 3 * peak(json!({})));
    let unbounded = json!({"withWatermark": false, "output.mode": "update"});
    check(
        revenue(unbounded),
        "revenue.state_end == 4 && revenue.late == 0",
    );
    check(
        revenue(json!({"output.mode": "update"})),
        "revenue.state_end < 4",
    );
    let alone = json!({"window.type": "none", "group.by": "customer", "output.mode": "update"});
    check(
        revenue(alone),
        "revenue.pending == 0 && revenue.rows == revenue.state_end && revenue.late == 0",
    );
}

#[test]
fn an_order_late_for_one_window_may_count_in_another() {
    let late = |spark: Value| revenue(spark);
    // Order 36 is 3 s late: its tumbling window is gone.
    let tumbling = json!({"window.size": 1_000, "watermark.delay": 0});
    check(late(tumbling), "revenue.late > 0");
    let sliding = json!({"window.type": "sliding", "window.size": 8_000, "window.slide": 1_000, "watermark.delay": 0});
    check(late(sliding), "revenue.late == 0");
    let dropped = run(
        &late(
            json!({"window.type": "sliding", "window.size": 8_000, "window.slide": 1_000, "watermark.delay": 0}),
        ),
        42,
    );
    assert!(
        count(&dropped, FactKind::DroppedLate) > 0,
        "in some windows it is too late"
    );
}

#[test]
fn a_delayed_partition_is_not_waited_for_and_an_idle_one_holds_nothing_back() {
    let quiet = |name: &str, partition: Value, delay: u32| {
        let mut patch = revenue(json!({"watermark.delay": delay}));
        patch["workload"] = json!({"late": null, "orders": 80});
        patch["faults"] = json!({"quiet": {"do": name, "at": 2_000, "for": 6_000}});
        patch["faults"]["quiet"]["partition"] = partition;
        patch
    };
    let calm = "revenue.late == 0 && revenue.lost == 0";
    // The watermark follows the furthest partition: what a slow one brings later is below it.
    check(quiet("source.delay", json!(0), 1_000), "revenue.late > 2");
    check(quiet("source.delay", json!(0), 6_000), calm);
    // With everything held up the watermark stands still, until the whole backlog is one batch or two.
    check(quiet("source.delay", Value::Null, 6_000), calm);
    check(quiet("source.idle", json!(0), 1_000), calm);
    let closed = |patch: &Value| {
        let run = run(patch, 42);
        let events = &run.trace.as_ref().expect("it was kept").events;
        let closed = |e: &&TraceEvent| e.fact.kind() == FactKind::WindowClosed && e.at.ms() < 8_000;
        events.iter().filter(closed).count()
    };
    let idle = closed(&quiet("source.idle", json!(0), 1_000));
    let all = closed(&quiet("source.delay", Value::Null, 1_000));
    assert!(idle > all, "{idle} {all}");
}

#[test]
fn without_batches_without_data_windows_wait_for_the_next_order() {
    let key = "spark.sql.streaming.noDataMicroBatches.enabled";
    let closed = |enabled: bool| {
        let run = run(&revenue(json!({key: enabled})), 42);
        run.branches["revenue"].counts.delivered
    };
    assert!(closed(true) > closed(false));
}

#[test]
fn one_watermark_for_both_drops_what_its_open_window_would_still_take() {
    let key = "spark.sql.streaming.statefulOperator.allowMultiple";
    let late = |allowed: bool| {
        let runs = SEEDS.map(|seed| run(&revenue(json!({key: allowed})), seed));
        runs.iter()
            .map(|run| run.branches["revenue"].counts.late)
            .sum::<u32>()
    };
    assert!(late(false) > late(true));
}

#[test]
fn drop_duplicates_lets_one_copy_pass_and_a_watermark_bounds_what_it_remembers() {
    let doubled = |spark: Value| {
        json!({"producer": {"enable.idempotence": false}, "branches": {"revenue": null}, "engine": {"spark": spark},
               "faults": {"ack": {"do": "net.drop_ack", "where": "p1>*", "after": {"batch_appended": 9}}}})
    };
    check(doubled(json!({})), "dup > 0");
    let call = "dropDuplicates";
    let plain = json!({"deduplicate": call, "watermark.delay": 4_000});
    check(
        doubled(plain),
        "dup == 0 && delivered == 40 && state_end == 40",
    );
    let timed = json!({"deduplicate": call, "deduplicate.columns": "order_id_and_time", "watermark.delay": 1_500});
    check(doubled(timed), "dup == 0 && state_end < 30");
    let within = json!({"deduplicate": "dropDuplicatesWithinWatermark", "watermark.delay": 1_500});
    check(doubled(within), "dup == 0 && state_end < 40");
    // A late order is dropped, unless the optimizer took the event time away.
    let late = json!({"deduplicate": call, "watermark.delay": 0});
    check(doubled(late), "late > 0");
    let pruned = json!({"deduplicate": call, "watermark.delay": 0, "deduplicate.time.used": false});
    check(doubled(pruned), "late == 0 && dup == 0 && delivered == 40");
    // To its columns a newer version of an order is a copy of the first.
    let mut changed = database("upsert", json!({}));
    changed["workload"] = json!({"changes": {"30": {"of": 3, "amount": 9_900}}});
    check(changed.clone(), "lost == 0 && stale == 0");
    changed["engine"] = json!({"spark": {"deduplicate": call, "watermark.delay": 40_000}});
    check(changed, "lost == 1 && lost_by.taken_for_copy == 1");
    // It sees copies in the topic, not a batch that is written again.
    let mut replayed = database(
        "append",
        json!({"crash": {"do": "driver.crash.C5", "at": 3_000}}),
    );
    replayed["engine"] = json!({"spark": {"deduplicate": call, "watermark.delay": 4_000}});
    check(replayed, "dup > 0 && dup_by.batch_replay == dup");
}

#[test]
fn a_deleted_checkpoint_of_a_windowed_query_counts_from_nothing() {
    let mut patch = revenue(json!({"output.mode": "update"}));
    patch["faults"] =
        json!({"damage": {"do": "checkpoint.delete", "where": "revenue.driver", "at": 5_000}});
    check(patch.clone(), "revenue.dup == 0 && revenue.delivered == 40");
    patch["branches"]["revenue"]["engine"]["spark"]["startingOffsets"] = json!("latest");
    check(patch, "revenue.dup == 0 && revenue.lost > 0");
}

/// Before every single step of a driver, two batches long: wherever it dies, the state is right, and only an append doubles.
#[test]
fn wherever_the_driver_dies_a_key_or_a_batch_id_makes_it_exact() {
    let crash =
        |step: usize| json!({"crash": {"do": "driver.crash", "where": "driver", "step": step}});
    let one_query = |mut patch: Value| {
        patch["branches"] = json!({"revenue": null});
        patch
    };
    let mut doubled = 0;
    for step in 60..140 {
        let verdict = |write: &str| run(&one_query(database(write, crash(step))), 42).verdict;
        for write in ["upsert", "batch_id"] {
            let verdict = verdict(write);
            let exact = verdict.counts.delivered == 40 && verdict.dup == 0;
            assert!(exact, "{write}, step {step}: {verdict:?}");
        }
        let append = verdict("append");
        assert_eq!(append.counts.delivered, 40, "step {step}");
        doubled += u32::from(append.dup > 0);
    }
    assert!(
        doubled > 5,
        "an append is doubled at {doubled} of the steps"
    );
    // Counts by customer in update mode are the right ones, whatever was emitted twice.
    for step in 60..140 {
        let mut patch = one_query(database("upsert", crash(step)));
        let counts = json!({"group.by": "customer", "output.mode": "update"});
        patch["engine"] = json!({"spark": counts});
        let verdict = run(&patch, 42).verdict;
        let exact = verdict.billed == verdict.owed && verdict.dup == 0 && verdict.state_dup == 0;
        assert!(exact, "counts, step {step}: {verdict:?}");
    }
}

/// What happens to the file source's own log is not in the recordings at hand.
#[test]
fn a_file_source_without_its_log_cannot_go_on() {
    let batches = r#"[[["r1", "k", 1, 1]], [["r2", "k", 2, 1]], [["r3", "k", 3, 1]]]"#;
    let ran = r#"{"do": "run", "ended": "ok", "batches": [{"batch": 0, "rows": [["r1", 1]]}, {"batch": 1, "rows": [["r2", 1]]}], "checkpoint_after": {"offsets": [0, 1], "commits": [0, 1], "source_log": [0, 1]}}"#;
    let failed = r#"{"do": "run", "ended": "failed", "error": {"type": "StreamingQueryException", "class": "STREAM_FAILED", "mentions": ["doesn't exist"]}, "batches": [], "checkpoint_after": {"offsets": [0, 1], "commits": [0, 1], "source_log": []}}"#;
    let text = format!(
        r#"{{"schema": 1, "kind": "recovery", "pyspark": "4", "java": "17", "inputs": {{"a": {batches}}}, "cases": [{{
            "name": "c", "input": "a", "query": {{"op": "stateless"}},
            "steps": [{{"do": "add", "files": [0, 1]}}, {ran}, {{"do": "delete", "what": "sources/all"}}, {{"do": "add", "files": [2]}}, {failed}],
            "sinks": {{"append": [["r1", 1], ["r2", 1]]}}, "verdict": {{"append": {{"expected": 3, "duplicates": 0, "missing": 1}}}}}}]}}"#
    );
    let mut conformance = Conformance::default();
    conformance.add("f.json", &text).expect("it can be read");
    assert_eq!(conformance.cases[0].2, Checked::Passed);
}
