//! Hudi's rules by running the whole pipeline: a small topic of one partition, micro-batches of four orders, a table with two
//! partitions.
//!
//! The vectors come from a scratch model of Hudi's rules: 12 events, batches of 4, one crash in the second batch. Crash
//! points are those of one write: C0 planned, C1 requested, C2 inflight, C3 first file, C4 all files, C5 committed in the
//! table and not in Spark's log, C5r an error right after the commit, C6 both logs, CR in a rollback.

mod claims;

use claims::{hold, run};
use serde_json::{Value, json};
use streamproof::sim::trace::{Fact, InstantState};
use streamproof::sim::{Ended, Keep, Patch, Run, Scenario};

const SEEDS: [u64; 3] = [42, 1, 7];

/// Twelve orders at once, after the query has found nothing and waits for its next trigger; four a batch, and a table that is partitioned by region: order n lies in region n mod 2.
fn twelve() -> Value {
    json!({
        "version": 1,
        "title": "Twelve orders",
        "workload": { "orders": 12, "every_ms": 0, "jitter_percent": 0, "silence": { "1": 500 } },
        "topic": { "partitions": 1, "min.insync.replicas": 2 },
        "engine": { "spark": { "trigger": 1000, "startingOffsets": "earliest", "maxOffsetsPerTrigger": 4 } },
        "sink": { "hudi": { "hoodie.datasource.write.partitionpath.field": "region" } }
    })
}

fn scenario(base: Value, patches: &[Value]) -> Scenario {
    let mut scenario = Scenario::from_value(&base).unwrap_or_else(|error| panic!("{error}"));
    for patch in patches {
        let patch = Patch::of(patch.clone()).expect("an object");
        scenario = scenario
            .patched(&patch)
            .unwrap_or_else(|error| panic!("{patch:?}: {error}"));
    }
    scenario
}

/// `pred` holds in the run of every seed.
fn check(scenario: &Scenario, pred: &str, what: &str) {
    hold(pred, scenario, &SEEDS, None, what);
}

fn hudi(settings: Value) -> Value {
    json!({ "sink": { "hudi": settings } })
}

fn sink(writer: &str, operation: &str) -> Value {
    hudi(json!({ "sink.writer": writer, "hoodie.datasource.write.operation": operation }))
}

fn key(field: &str) -> Value {
    hudi(json!({ "hoodie.datasource.write.recordkey.field": field }))
}

/// The driver dies at this point of the second batch.
fn crash(point: &str) -> Value {
    json!({ "faults": { "crash": { "do": format!("driver.crash.{point}"), "at": 1900 } } })
}

/// What the sink writes next is refused once, at this point of the second batch.
fn error(point: &str) -> Value {
    let after = match point {
        "C0" => json!({ "offsets_logged": 2 }),
        "C1" => json!({ "instant_changed": 3 }),
        "C2" => json!({ "instant_changed": 4 }),
        "C3" => json!({ "data_file_written": 3 }),
        "C4" => json!({ "reconciled": 2 }),
        _ => panic!("no point {point}"),
    };
    json!({ "faults": { "error": { "do": "sink.error", "after": after } } })
}

const IGNORE: &str = "hoodie.datasource.write.streaming.ignore.failed.batch";
const POLICY: &str = "hoodie.datasource.insert.dup.policy";
const IDENTIFIER: &str = "hoodie.datasource.write.streaming.checkpoint.identifier";
const INDEX: &str = "hoodie.index.type";
const ORDERING: &str = "hoodie.table.ordering.fields";

// ---- the vectors -------------------------------------------------------------------------------------------------

#[test]
fn vectors_1_to_7_one_crash_in_the_second_batch() {
    for (vector, settings, point, dup, garbage) in [
        (1, vec![sink("native", "upsert")], "C3", 0, 1),
        (2, vec![sink("native", "upsert")], "C4", 0, 2),
        (3, vec![sink("native", "insert")], "C5", 0, 0),
        (4, vec![sink("foreach_batch", "insert")], "C5", 4, 0),
        (
            5,
            vec![
                sink("foreach_batch", "insert"),
                hudi(json!({ POLICY: "drop" })),
            ],
            "C5",
            0,
            0,
        ),
        (
            6,
            vec![sink("foreach_batch", "upsert"), key("uuid")],
            "C5",
            4,
            0,
        ),
        (
            7,
            vec![sink("foreach_batch", "upsert"), key("kafka_offset")],
            "C5",
            0,
            0,
        ),
    ] {
        let mut patches = settings;
        patches.push(crash(point));
        check(
            &scenario(twelve(), &patches),
            &format!(
                "dup == {dup} && lost == 0 && pending == 0 && garbage_at_crash == {garbage} && garbage == 0"
            ),
            &format!("vector {vector}"),
        );
    }
}

#[test]
fn vector_8_an_ignored_failure_loses_the_batch_wherever_it_strikes_and_a_retry_does_not() {
    for point in ["C0", "C1", "C2", "C3", "C4"] {
        let base = [sink("native", "upsert"), error(point)];
        let ignoring = [base[0].clone(), error(point), hudi(json!({ IGNORE: true }))];
        check(
            &scenario(twelve(), &ignoring),
            "dup == 0 && lost == 4 && lost_by.ignored_batch == 4 && batches_ignored == 1 && pending == 0",
            &format!("vector 8 at {point}"),
        );
        check(
            &scenario(twelve(), &base),
            "dup == 0 && lost == 0 && batches_ignored == 0 && pending == 0 && rows == 12",
            &format!("the same with a retry at {point}"),
        );
    }
}

#[test]
fn vector_9_overwriting_each_batch_keeps_only_the_last() {
    check(
        &scenario(twelve(), &[sink("foreach_batch", "insert_overwrite")]),
        "dup == 0 && lost == 8 && lost_by.overwrite == 8 && rows == 4 && garbage == 0",
        "vector 9",
    );
    check(
        &scenario(twelve(), &[sink("foreach_batch", "upsert")]),
        "dup == 0 && lost == 0 && rows == 12",
        "the same with upsert",
    );
}

/// Event 7 repeats order 3, or moves it to the other region.
fn again(kind: &str) -> Value {
    json!({ "workload": { "changes": { "7": { "of": 3, "do": kind } } } })
}

#[test]
fn vectors_10_to_12_an_id_that_comes_twice() {
    let drop = hudi(json!({ POLICY: "drop" }));
    for (vector, patches, dup, rows) in [
        (10, vec![sink("native", "upsert")], 0, 11),
        (
            11,
            vec![sink("native", "upsert"), key("kafka_offset")],
            1,
            12,
        ),
        (
            12,
            vec![sink("native", "insert"), key("kafka_offset"), drop],
            1,
            12,
        ),
    ] {
        let mut patches = patches;
        patches.push(again("repeat"));
        check(
            &scenario(twelve(), &patches),
            &format!("dup == {dup} && lost == 0 && pending == 0 && rows == {rows}"),
            &format!("vector {vector}"),
        );
    }
}

#[test]
fn vectors_13_and_14_a_key_that_moves_is_doubled_by_a_local_index_only() {
    for index in ["SIMPLE", "BLOOM", "RECORD_LEVEL_INDEX", "BUCKET"] {
        check(
            &scenario(twelve(), &[again("move"), hudi(json!({ INDEX: index }))]),
            "dup == 1 && dup_by.key_move == 1 && lost == 0 && rows == 12",
            &format!("vector 13, {index}"),
        );
    }
    for index in [
        "GLOBAL_SIMPLE",
        "GLOBAL_BLOOM",
        "GLOBAL_RECORD_LEVEL_INDEX",
        "RECORD_INDEX",
    ] {
        check(
            &scenario(twelve(), &[again("move"), hudi(json!({ INDEX: index }))]),
            "dup == 0 && lost == 0 && stale == 0 && rows == 11",
            &format!("vector 14, {index}"),
        );
    }
}

/// Three groups of four orders, each in a batch of its own. After the second the driver dies, and its checkpoint with it.
fn checkpoint_lost(starting: &str, limit: Option<u64>, down_ms: u64) -> Value {
    json!({
        "workload": { "silence": { "1": 2000, "5": 3000, "9": 6000 } },
        "engine": { "spark": { "checkpointLocation": "lost", "startingOffsets": starting, "maxOffsetsPerTrigger": limit } },
        "faults": { "crash": { "do": "driver.crash", "at": 8000, "for": down_ms } }
    })
}

#[test]
fn vectors_15_to_19_a_new_checkpoint_on_an_old_table() {
    let renewed = hudi(json!({ IDENTIFIER: "orders-{checkpoint}" }));
    for (vector, patches, pred) in [
        (
            15,
            vec![checkpoint_lost("latest", None, 1500)],
            "dup == 0 && lost == 4 && lost_by.skipped_batch == 4 && batches_skipped == 1",
        ),
        (
            16,
            vec![checkpoint_lost("earliest", Some(4), 5000)],
            "dup == 0 && lost == 0 && batches_skipped == 2",
        ),
        (
            17,
            vec![checkpoint_lost("earliest", None, 5000)],
            "dup == 0 && lost == 4 && lost_by.skipped_batch == 4 && batches_skipped == 1",
        ),
        (
            18,
            vec![
                checkpoint_lost("earliest", None, 5000),
                renewed.clone(),
                sink("native", "insert"),
            ],
            "dup == 8 && dup_by.offset_replay == 8 && lost == 0 && batches_skipped == 0",
        ),
        (
            19,
            vec![
                checkpoint_lost("earliest", None, 5000),
                renewed,
                sink("native", "upsert"),
            ],
            "dup == 0 && lost == 0 && batches_skipped == 0",
        ),
    ] {
        check(
            &scenario(twelve(), &patches),
            pred,
            &format!("vector {vector}"),
        );
    }
}

#[test]
fn vector_20_a_crash_in_the_rollback_is_repaired_by_the_next_one() {
    let torn = json!({ "faults": { "rollback": { "do": "rollback.crash", "at": 0 } } });
    for writer in ["native", "foreach_batch"] {
        for operation in ["upsert", "insert", "bulk_insert"] {
            check(
                &scenario(
                    twelve(),
                    &[sink(writer, operation), crash("C4"), torn.clone()],
                ),
                "dup == 0 && lost == 0 && pending == 0 && garbage == 0 && rollbacks == 1 && batches_replayed == 2",
                "vector 20",
            );
        }
    }
}

/// Order 1, then a newer version of it, then one that happened between the two and comes last; each in a batch of its own.
fn versions() -> Value {
    json!({
        "workload": {
            "orders": 3, "every_ms": 300, "late": { "3": 400 },
            "changes": { "2": { "of": 1, "amount": 2000 }, "3": { "of": 1, "amount": 1000 } }
        },
        "engine": { "spark": { "maxOffsetsPerTrigger": 1 } }
    })
}

#[test]
fn vectors_21_and_22_an_old_version_that_comes_last() {
    for table in ["COPY_ON_WRITE", "MERGE_ON_READ"] {
        let table = hudi(json!({ "hoodie.datasource.write.table.type": table }));
        let by = |fields: &str| hudi(json!({ ORDERING: fields }));
        check(
            &scenario(twelve(), &[versions(), table.clone()]),
            "dup == 0 && lost == 0 && stale == 1 && rows == 1 && billed == 1000 && owed == 2000",
            "vector 21",
        );
        for fields in ["event_ts", "event_second,event_ts"] {
            check(
                &scenario(twelve(), &[versions(), table.clone(), by(fields)]),
                "dup == 0 && lost == 0 && stale == 0 && rows == 1 && billed == 2000 && owed == 2000",
                &format!("vector 22 by {fields}"),
            );
        }
        check(
            &scenario(twelve(), &[versions(), table, by("event_second")]),
            "stale == 1 && dup == 0 && lost == 0",
            "an ordering field in seconds ties, and a tie goes to the later write",
        );
    }
}

// ---- the failure matrix ------------------------------------------------------------------------------------------

#[test]
fn before_the_commit_point_every_crash_is_harmless_for_every_writer_operation_and_key() {
    for point in ["C0", "C1", "C2", "C3", "C4", "C6"] {
        for patches in [
            vec![sink("native", "upsert")],
            vec![sink("native", "insert")],
            vec![sink("foreach_batch", "upsert")],
            vec![sink("foreach_batch", "bulk_insert")],
            vec![sink("foreach_batch", "upsert"), key("generated")],
        ] {
            let what = format!("{point} with {patches:?}");
            let mut patches = patches;
            patches.push(crash(point));
            check(
                &scenario(twelve(), &patches),
                "dup == 0 && lost == 0 && pending == 0 && garbage == 0 && rows == 12",
                &what,
            );
        }
    }
}

#[test]
fn at_c5_only_memory_or_a_stable_key_protects() {
    for (patches, dup) in [
        (vec![sink("native", "upsert")], 0),
        (vec![sink("native", "insert")], 0),
        (vec![sink("native", "bulk_insert"), key("uuid")], 0),
        (vec![sink("foreach_batch", "upsert")], 0),
        (vec![sink("foreach_batch", "insert")], 4),
        (vec![sink("foreach_batch", "bulk_insert")], 4),
        (vec![sink("foreach_batch", "upsert"), key("generated")], 4),
    ] {
        let what = format!("{patches:?}");
        let mut patches = patches;
        patches.push(crash("C5"));
        let pred = format!("dup == {dup} && lost == 0 && pending == 0");
        check(&scenario(twelve(), &patches), &pred, &what);
    }
}

/// An error right after the commit of the second batch, `times` in a row.
fn c5r(times: u32) -> Value {
    json!({ "faults": { "sync": { "do": "sink.post_commit_error", "at": 1900, "times": times } } })
}

#[test]
fn an_error_after_the_commit_is_tried_again_inside_the_attempt_and_insert_doubles_the_batch() {
    for (patches, times, pred) in [
        (
            vec![sink("native", "insert")],
            1,
            "dup == 4 && lost == 0 && pending == 0",
        ),
        (
            vec![sink("native", "insert")],
            2,
            "dup == 8 && lost == 0 && pending == 0",
        ),
        (
            vec![sink("native", "upsert")],
            2,
            "dup == 0 && lost == 0 && pending == 0",
        ),
        (
            vec![sink("native", "insert"), hudi(json!({ IGNORE: true }))],
            1,
            "dup == 0 && lost == 0 && batches_ignored == 1",
        ),
        // The failure persists: as many copies as attempts, and the query is gone with the third batch unread.
        (
            vec![sink("native", "insert")],
            3,
            "dup == 8 && lost == 0 && pending == 4",
        ),
        (
            vec![
                sink("native", "insert"),
                hudi(json!({ "hoodie.datasource.write.streaming.retry.count": 1 })),
            ],
            1,
            "dup == 0 && lost == 0 && pending == 4",
        ),
    ] {
        let what = format!("{times} errors with {patches:?}");
        let mut patches = patches;
        patches.push(c5r(times));
        check(&scenario(twelve(), &patches), pred, &what);
    }
}

#[test]
fn after_an_error_behind_the_commit_a_restart_skips_the_batch_or_writes_it_again() {
    let restart = json!({ "faults": { "restart": { "do": "driver.crash", "at": 6000 } } });
    let once = hudi(json!({ "hoodie.datasource.write.streaming.retry.count": 1 }));
    for (writer, operation, pred) in [
        (
            "native",
            "insert",
            "dup == 0 && lost == 0 && pending == 0 && batches_skipped == 1",
        ),
        (
            "foreach_batch",
            "insert",
            "dup == 4 && lost == 0 && pending == 0",
        ),
        (
            "foreach_batch",
            "upsert",
            "dup == 0 && lost == 0 && pending == 0",
        ),
    ] {
        check(
            &scenario(
                twelve(),
                &[
                    sink(writer, operation),
                    once.clone(),
                    c5r(1),
                    restart.clone(),
                ],
            ),
            pred,
            &format!("{writer}, {operation}"),
        );
    }
}

#[test]
fn the_sink_tries_as_often_as_retry_count_says_and_waits_longer_each_time() {
    let errors = |times: u32| json!({ "faults": { "errors": { "do": "sink.error", "after": { "offsets_logged": 2 }, "times": times } } });
    check(
        &scenario(twelve(), &[errors(2)]),
        "dup == 0 && lost == 0 && pending == 0 && rows == 12",
        "two failures, three attempts",
    );
    check(
        &scenario(twelve(), &[errors(3)]),
        "dup == 0 && lost == 0 && pending == 8 && rows == 4",
        "three failures, three attempts",
    );
    check(
        &scenario(
            twelve(),
            &[
                errors(3),
                hudi(json!({ "hoodie.datasource.write.streaming.retry.count": 4 })),
            ],
        ),
        "pending == 0 && rows == 12",
        "three failures, four attempts",
    );
    let run = run(&scenario(twelve(), &[errors(2)]), 42, Keep::Trace);
    let pauses: Vec<u64> = facts(&run)
        .filter_map(|fact| match fact {
            Fact::WriteFailed { retry_in, .. } => retry_in.map(|pause| pause.ms()),
            _ => None,
        })
        .collect();
    assert_eq!(pauses, [2000, 4000]);
}

#[test]
fn a_task_whose_file_is_refused_runs_again_and_the_table_shows_no_trace_of_it() {
    let refused = |times: u32| json!({ "faults": { "file": { "do": "sink.error", "where": "exec1", "at": 1900, "times": times } } });
    check(
        &scenario(twelve(), &[sink("foreach_batch", "insert"), refused(2)]),
        "dup == 0 && lost == 0 && pending == 0 && garbage == 0 && rows == 12",
        "fewer failures than spark.task.maxFailures",
    );
    check(
        &scenario(
            twelve(),
            &[
                sink("foreach_batch", "insert"),
                refused(2),
                json!({ "engine": { "spark": { "spark.task.maxFailures": 1 } } }),
            ],
        ),
        "dup == 0 && lost == 0 && pending == 8",
        "the first failure is one too many",
    );
}

fn facts(run: &Run) -> impl Iterator<Item = &Fact> {
    let trace = run.trace.as_ref().expect("it was kept");
    trace.events.iter().map(|event| &event.fact)
}

// ---- operations, keys and what is silently changed -----------------------------------------------------------------

#[test]
fn who_looks_for_an_equal_key() {
    let twice = again("repeat");
    for (settings, pred) in [
        (json!({}), "rows == 11 && dup == 0"),
        (
            json!({ "hoodie.datasource.write.operation": "insert" }),
            "rows == 12 && dup == 1 && dup_by.update_inserted == 1",
        ),
        (
            json!({ "hoodie.datasource.write.operation": "bulk_insert" }),
            "rows == 12 && dup == 1",
        ),
        (
            json!({ "hoodie.datasource.write.operation": "insert", POLICY: "drop" }),
            "rows == 11 && dup == 0 && lost == 0",
        ),
        (
            json!({ "hoodie.datasource.write.operation": "insert", "hoodie.datasource.write.insert.drop.duplicates": true }),
            "rows == 11 && dup == 0",
        ),
        (
            json!({ "hoodie.datasource.write.operation": "bulk_insert", POLICY: "drop" }),
            "rows == 12 && dup == 1",
        ),
        (
            json!({ "hoodie.datasource.write.operation": "insert", POLICY: "fail" }),
            "rows == 4 && pending == 8 && dup == 0",
        ),
        // Upsert with a policy becomes insert.
        (json!({ POLICY: "fail" }), "rows == 4 && pending == 8"),
        // Before 0.15 an insert that is packed into a file replaces an equal key there.
        (
            json!({ "hoodie.datasource.write.operation": "insert", "hoodie.merge.allow.duplicate.on.inserts": false }),
            "rows == 11 && dup == 0",
        ),
        (
            json!({ "hoodie.datasource.write.operation": "insert", "hoodie.merge.allow.duplicate.on.inserts": false, "hoodie.parquet.small.file.limit": 0 }),
            "rows == 12 && dup == 1",
        ),
    ] {
        check(
            &scenario(twelve(), &[twice.clone(), hudi(settings.clone())]),
            pred,
            &settings.to_string(),
        );
    }
}

#[test]
fn no_duplicates_bought_with_lost_updates() {
    let updated = json!({ "workload": { "changes": { "7": { "of": 3, "amount": 9900 } } } });
    for (settings, pred) in [
        (json!({}), "stale == 0 && dup == 0 && billed == owed"),
        (
            json!({ "hoodie.datasource.write.operation": "insert", POLICY: "drop" }),
            "stale == 1 && dup == 0 && lost == 0 && billed != owed",
        ),
        (
            json!({ POLICY: "drop" }),
            "stale == 1 && dup == 0 && lost == 0",
        ),
        (
            json!({ "hoodie.datasource.write.operation": "insert" }),
            "stale == 0 && dup == 1",
        ),
    ] {
        check(
            &scenario(twelve(), &[updated.clone(), hudi(settings.clone())]),
            pred,
            &settings.to_string(),
        );
    }
}

#[test]
fn two_versions_in_one_batch_combine_or_stand_side_by_side() {
    // Order 1 and a newer version of it come in the first batch.
    let both = json!({ "workload": { "changes": { "4": { "of": 1, "amount": 100000 } }, "every_ms": 100 } });
    let coin = scenario(twelve(), std::slice::from_ref(&both));
    let stale: Vec<u32> = (0..24)
        .map(|seed| run(&coin, seed, Keep::LedgerOnly).verdict.stale)
        .collect();
    assert!(
        stale.contains(&0) && stale.contains(&1),
        "a coin decides: {stale:?}"
    );
    let by_time = hudi(json!({ ORDERING: "event_ts" }));
    let ordered = scenario(twelve(), &[both.clone(), by_time.clone()]);
    for seed in 0..24 {
        let verdict = run(&ordered, seed, Keep::LedgerOnly).verdict;
        assert_eq!(
            (verdict.stale, verdict.dup, verdict.counts.lost),
            (0, 0, 0),
            "seed {seed}"
        );
    }
    check(
        &scenario(twelve(), &[both.clone(), sink("native", "insert")]),
        "rows == 12 && dup == 1",
        "insert combines nothing",
    );
    check(
        &scenario(
            twelve(),
            &[
                both.clone(),
                sink("native", "insert"),
                hudi(json!({ "hoodie.combine.before.insert": true })),
            ],
        ),
        "rows == 11 && dup == 0",
        "unless it is told to",
    );
    check(
        &scenario(
            twelve(),
            &[
                both,
                by_time,
                hudi(json!({ "hoodie.combine.before.upsert": false })),
            ],
        ),
        "rows == 12 && dup == 1",
        "upsert without combining writes both",
    );
}

#[test]
fn which_copies_a_record_key_catches() {
    let retry = json!({
        "producer": { "enable.idempotence": false },
        "workload": { "every_ms": 200 },
        "faults": { "ack": { "do": "net.drop_ack", "after": { "batch_appended": 3 } } }
    });
    for (field, of_retry, of_replay) in [
        ("order_id", 0, 0),
        ("kafka_offset", 1, 0),
        ("uuid", 1, 4),
        ("generated", 1, 4),
    ] {
        check(
            &scenario(twelve(), &[key(field), retry.clone()]),
            &format!("dup_by.producer_retry == {of_retry} && lost == 0"),
            &format!("{field}: a producer's retry"),
        );
        check(
            &scenario(
                twelve(),
                &[key(field), sink("foreach_batch", "upsert"), crash("C5")],
            ),
            &format!("dup == {of_replay} && lost == 0"),
            &format!("{field}: a replayed batch"),
        );
    }
}

#[test]
fn a_partition_path_that_changes_with_the_order_doubles_it_and_one_that_is_frozen_does_not() {
    let paid = json!({ "workload": { "changes": { "7": { "of": 3 } } } });
    // Midnight lies between the two versions.
    let midnight = json!({ "workload": { "every_ms": 500, "zero_ms": 1_772_323_197_500_i64 } });
    let path = |field: &str| hudi(json!({ "hoodie.datasource.write.partitionpath.field": field }));
    for (field, dup) in [
        ("status", 1),
        ("event_date", 1),
        ("order_date", 0),
        ("region", 0),
    ] {
        check(
            &scenario(twelve(), &[paid.clone(), midnight.clone(), path(field)]),
            &format!("dup == {dup} && dup_by.key_move == {dup} && lost == 0"),
            field,
        );
        check(
            &scenario(
                twelve(),
                &[
                    paid.clone(),
                    midnight.clone(),
                    path(field),
                    hudi(json!({ INDEX: "GLOBAL_BLOOM" })),
                ],
            ),
            "dup == 0 && lost == 0 && stale == 0",
            &format!("{field} with a global index"),
        );
    }
}

#[test]
fn whether_a_global_index_moves_the_row_is_a_setting_with_two_defaults() {
    let rows_of = |settings: Value| {
        let scenario = scenario(twelve(), &[again("move"), hudi(settings)]);
        let run = run(&scenario, 42, Keep::Trace);
        let shown = facts(&run).filter_map(|fact| match fact {
            Fact::BecameVisible { rows, .. } => rows
                .iter()
                .find(|row| row.version.seq == 7)
                .map(|row| row.partition_path.clone()),
            _ => None,
        });
        shown.last().expect("the change became visible")
    };
    assert_eq!(rows_of(json!({ INDEX: "GLOBAL_SIMPLE" })), "region=0");
    assert_eq!(
        rows_of(
            json!({ INDEX: "GLOBAL_SIMPLE", "hoodie.simple.index.update.partition.path": false })
        ),
        "region=1"
    );
    assert_eq!(
        rows_of(
            json!({ INDEX: "GLOBAL_BLOOM", "hoodie.bloom.index.update.partition.path": false })
        ),
        "region=1"
    );
    assert_eq!(rows_of(json!({ INDEX: "RECORD_INDEX" })), "region=1");
    assert_eq!(
        rows_of(
            json!({ INDEX: "RECORD_INDEX", "hoodie.record.index.update.partition.path": true })
        ),
        "region=0"
    );
}

#[test]
fn an_old_range_replayed_alone_leaves_the_count_and_not_the_value() {
    // Order 1 is changed by event 5; later the source sends events 1 to 4 again.
    let replayed = |events: Value| {
        json!({
            "workload": { "every_ms": 200, "changes": { "5": { "of": 1, "amount": 99900 } } },
            "faults": { "replay": { "do": "source.replay", "events": events, "at": 4000 } }
        })
    };
    let old = || replayed(json!([1, 4]));
    for (patches, pred) in [
        (
            vec![old()],
            "stale == 1 && dup == 0 && lost == 0 && rows == 11 && billed != owed",
        ),
        (
            vec![old(), hudi(json!({ ORDERING: "event_ts" }))],
            "stale == 0 && dup == 0 && lost == 0 && billed == owed",
        ),
        (
            vec![old(), hudi(json!({ POLICY: "drop", ORDERING: "event_ts" }))],
            "stale == 1 && dup == 0",
        ),
        (
            vec![old(), sink("native", "insert")],
            "stale == 0 && dup == 5 && dup_by.app_resend == 4 && dup_by.update_inserted == 1",
        ),
        (
            vec![replayed(json!([6, 12]))],
            "stale == 0 && dup == 0 && lost == 0",
        ),
    ] {
        let what = format!("{patches:?}");
        check(&scenario(twelve(), &patches), pred, &what);
    }
}

// ---- deletes -------------------------------------------------------------------------------------------------------

/// Order 1 is cancelled, then a version of it that is older than the cancellation comes last.
fn cancelled_then_late() -> Value {
    json!({
        "workload": {
            "orders": 3, "every_ms": 300, "late": { "3": 400 },
            "changes": { "2": { "of": 1, "do": "cancel" }, "3": { "of": 1, "amount": 1000 } }
        },
        "engine": { "spark": { "maxOffsetsPerTrigger": 1 } }
    })
}

#[test]
fn a_cancelled_order_leaves_the_table_and_an_old_version_brings_it_back() {
    let cancel = json!({ "workload": { "changes": { "7": { "of": 3, "do": "cancel" } } } });
    check(
        &scenario(twelve(), &[cancel]),
        "rows == 10 && lost == 0 && stale == 0 && dup == 0 && billed == owed",
        "a delete",
    );
    let by_time = || hudi(json!({ ORDERING: "event_ts" }));
    let on_read = || hudi(json!({ "hoodie.datasource.write.table.type": "MERGE_ON_READ" }));
    for (patches, pred) in [
        // Copy-on-write keeps no trace of what it deleted, so there is nothing to compare with.
        (vec![], "rows == 1 && stale == 1"),
        (vec![by_time()], "rows == 1 && stale == 1"),
        // A log file keeps the delete with its ordering value until a compaction.
        (vec![on_read()], "rows == 1 && stale == 1"),
        (vec![on_read(), by_time()], "rows == 0 && stale == 0"),
        // Compacted, it is forgotten too.
        (
            vec![
                on_read(),
                by_time(),
                hudi(json!({ "hoodie.compact.inline.max.delta.commits": 2 })),
                json!({ "engine": { "spark": { "trigger": 2000 } } }),
            ],
            "rows == 1 && stale == 1",
        ),
    ] {
        let what = format!("{patches:?}");
        let mut all = vec![cancelled_then_late()];
        all.extend(patches);
        check(
            &scenario(twelve(), &all),
            &format!("{pred} && lost == 0 && dup == 0"),
            &what,
        );
    }
}

#[test]
fn the_operation_delete_removes_every_key_of_the_batch_and_asks_no_memory() {
    check(
        &scenario(twelve(), &[sink("native", "delete")]),
        "rows == 0 && lost == 0 && batches_skipped == 0",
        "nothing is there to delete",
    );
    check(
        &scenario(twelve(), &[sink("native", "delete"), crash("C5")]),
        "rows == 0 && lost == 0 && batches_skipped == 0",
        "deleting twice is deleting once",
    );
}

// ---- merge-on-read -------------------------------------------------------------------------------------------------

fn on_read(settings: Value) -> Value {
    let mut patch = hudi(settings);
    patch["sink"]["hudi"]["hoodie.datasource.write.table.type"] = "MERGE_ON_READ".into();
    patch
}

const DELTAS: &str = "hoodie.compact.inline.max.delta.commits";
const ASYNC: &str = "hoodie.datasource.compaction.async.enable";
const INLINE: &str = "hoodie.compact.inline";
const QUERY: &str = "hoodie.datasource.query.type";

/// One order a batch, half a second apart.
fn one_by_one(orders: u32) -> Value {
    json!({
        "workload": { "orders": orders, "every_ms": 500, "regions": 1 },
        "engine": { "spark": { "trigger": 500, "maxOffsetsPerTrigger": 1 } }
    })
}

/// An order, then one update of it a batch.
fn updates(events: u32) -> Value {
    let mut patch = one_by_one(events);
    for event in 2..=events {
        patch["workload"]["changes"][event.to_string()] = json!({ "of": 1 });
    }
    patch
}

fn compactions(run: &Run, wanted: InstantState) -> usize {
    let of =
        |fact: &&Fact| matches!(fact, Fact::CompactionChanged { state, .. } if *state == wanted);
    facts(run).filter(of).count()
}

#[test]
fn a_snapshot_of_merge_on_read_reads_what_copy_on_write_would_hold() {
    let changes = json!({ "workload": { "orders": 60, "every_ms": 60, "update_share": 300_000, "cancel_share": 50_000 } });
    for ordering in [json!(null), json!("seq")] {
        let settings =
            json!({ ORDERING: ordering, DELTAS: 2, "hoodie.combine.before.upsert": true });
        let copy = scenario(twelve(), &[changes.clone(), hudi(settings.clone())]);
        let read = scenario(twelve(), &[changes.clone(), on_read(settings)]);
        for seed in SEEDS {
            let (copy, read) = (
                run(&copy, seed, Keep::LedgerOnly),
                run(&read, seed, Keep::LedgerOnly),
            );
            if ordering.is_null() {
                // Which of two versions of a batch survives is a coin, and row numbers differ.
                assert_eq!(
                    (copy.verdict.dup, copy.verdict.counts.lost),
                    (read.verdict.dup, read.verdict.counts.lost)
                );
                continue;
            }
            let state = |run: &Run| {
                (
                    run.verdict.rows,
                    run.verdict.billed,
                    run.verdict.stale,
                    run.verdict.dup,
                    run.verdict.counts.lost,
                )
            };
            assert_eq!(state(&copy), state(&read), "seed {seed}");
            assert_eq!(read.verdict.stale, 0);
        }
    }
}

#[test]
fn compaction_never_changes_what_a_snapshot_reads() {
    for inline in [false, true] {
        let scenario = scenario(
            twelve(),
            &[
                updates(12),
                on_read(json!({ DELTAS: 3, INLINE: inline, ASYNC: !inline })),
            ],
        );
        let run = run(&scenario, 42, Keep::Trace);
        assert!(
            compactions(&run, InstantState::Completed) >= 3,
            "inline {inline}"
        );
        let trace = run.trace.as_ref().expect("it was kept");
        for (id, event) in trace.iter() {
            if let Fact::BecameVisible { .. } | Fact::Retracted { .. } = event.fact {
                let cause = &trace
                    .get(event.cause.expect("a commit made it visible"))
                    .fact;
                let compacted = matches!(cause, Fact::CompactionChanged { .. });
                assert!(!compacted, "fact {} is due to a compaction", id.0);
            }
        }
        assert_eq!(
            (run.verdict.rows, run.verdict.dup, run.verdict.garbage),
            (1, 0, 0)
        );
        assert_eq!(run.ended, Ended::Drained);
    }
}

#[test]
fn a_read_optimized_query_stands_at_the_last_compaction_and_nothing_is_lost() {
    let view = |query: &str, settings: Value| {
        let mut settings = settings;
        settings[QUERY] = query.into();
        scenario(twelve(), &[updates(12), on_read(settings)])
    };
    check(
        &view("snapshot", json!({ DELTAS: 5 })),
        "delivered == 12 && pending == 0 && p99 < 1500",
        "snapshot",
    );
    // The order is in a base file at once, its updates in log files; every fifth delta commit a compaction follows.
    check(
        &view("read_optimized", json!({ DELTAS: 5 })),
        "delivered == 10 && pending == 2 && lost == 0 && stale == 0",
        "read optimized, compacted at every fifth commit",
    );
    check(
        &view("read_optimized", json!({ ASYNC: false })),
        "delivered == 1 && pending == 11 && lost == 0",
        "read optimized, never compacted",
    );
    let copy = scenario(
        twelve(),
        &[updates(12), hudi(json!({ QUERY: "read_optimized" }))],
    );
    check(
        &copy,
        "delivered == 12 && pending == 0",
        "on copy-on-write there is no difference",
    );
}

#[test]
fn a_compaction_that_dies_is_taken_back_to_its_plan_and_runs_again() {
    let settings = json!({ DELTAS: 3, QUERY: "read_optimized" });
    let crash = json!({ "faults": { "compaction": { "do": "compaction.crash", "at": 0 } } });
    let calm = scenario(twelve(), &[updates(12), on_read(settings.clone())]);
    let broken = scenario(twelve(), &[updates(12), on_read(settings), crash.clone()]);
    check(
        &broken,
        "dup == 0 && lost == 0 && garbage == 0",
        "after the retry",
    );
    let (calm, broken) = (run(&calm, 42, Keep::Trace), run(&broken, 42, Keep::Trace));
    let taken_back = compactions(&broken, InstantState::Requested);
    assert!(
        taken_back > compactions(&broken, InstantState::Completed),
        "taken back once: {taken_back}"
    );
    assert!(
        broken.verdict.metric("p95") > calm.verdict.metric("p95"),
        "the reader waits meanwhile"
    );
    let snapshot = scenario(
        twelve(),
        &[updates(12), on_read(json!({ DELTAS: 3 })), crash],
    );
    check(
        &snapshot,
        "dup == 0 && lost == 0 && p99 < 1500 && garbage == 0",
        "a snapshot notices nothing",
    );
}

#[test]
fn a_failing_inline_compaction_fails_the_attempt_though_the_data_is_there() {
    let inline = on_read(json!({ DELTAS: 3, INLINE: true, ASYNC: false }));
    let crash = json!({ "faults": { "compaction": { "do": "compaction.crash", "at": 0 } } });
    let attempts = |patches: &[Value]| {
        let scenario = scenario(twelve(), patches);
        check(
            &scenario,
            "dup == 0 && lost == 0 && pending == 0 && garbage == 0",
            "upsert",
        );
        let run = run(&scenario, 42, Keep::Trace);
        facts(&run)
            .filter(|fact| matches!(fact, Fact::WriteFailed { .. }))
            .count()
    };
    assert!(attempts(&[updates(12), inline.clone(), crash]) > 0);
    assert_eq!(attempts(&[updates(12), inline]), 0);
}

#[test]
fn crash_points_mean_the_same_on_merge_on_read() {
    for point in ["C0", "C1", "C2", "C3", "C4", "C5", "C6"] {
        for (writer, operation, dup) in [
            ("native", "insert", 0),
            ("foreach_batch", "upsert", 0),
            ("foreach_batch", "insert", 4),
        ] {
            let dup = if point == "C5" { dup } else { 0 };
            check(
                &scenario(
                    twelve(),
                    &[on_read(json!({})), sink(writer, operation), crash(point)],
                ),
                &format!("dup == {dup} && lost == 0 && pending == 0 && garbage == 0"),
                &format!("{point}, {writer}, {operation}"),
            );
        }
    }
}

// ---- what readers of a feed get --------------------------------------------------------------------------------------

#[test]
fn the_table_is_exact_and_the_feed_gets_a_rewritten_batch_twice() {
    let read = |query: &str| hudi(json!({ QUERY: query }));
    let rewritten = [sink("foreach_batch", "upsert"), crash("C5")];
    let with = |query: &str| {
        scenario(
            twelve(),
            &[rewritten[0].clone(), rewritten[1].clone(), read(query)],
        )
    };
    check(&with("snapshot"), "dup == 0 && lost == 0", "the table");
    check(
        &with("incremental"),
        "dup == 4 && dup_by.batch_replay == 4 && lost == 0",
        "its feed",
    );
    check(
        &scenario(
            twelve(),
            &[sink("native", "upsert"), crash("C5"), read("incremental")],
        ),
        "dup == 0 && lost == 0",
        "the native sink rewrites nothing",
    );
}

#[test]
fn a_feed_passes_every_version_on_and_a_table_shows_one() {
    for (query, settings, pred) in [
        (
            "snapshot",
            json!({}),
            "rows == 1 && dup == 0 && delivered == 6 && stale == 0",
        ),
        (
            "incremental",
            json!({}),
            "rows == 6 && dup == 0 && delivered == 6",
        ),
    ] {
        let feed = hudi(json!({ QUERY: query }));
        check(
            &scenario(twelve(), &[updates(6), hudi(settings), feed]),
            pred,
            query,
        );
    }
}

// ---- failed writes, heartbeats, cleaning, archiving ------------------------------------------------------------------

#[test]
fn under_lazy_garbage_stays_until_its_heartbeat_is_out_and_a_clean_runs() {
    let lazy = |policy: &str| {
        hudi(
            json!({ "hoodie.clean.failed.writes.policy": policy, "hoodie.client.heartbeat.interval_in_ms": 10000 }),
        )
    };
    // The third group of orders comes long after the crash, so a clean runs with its commit.
    let later = json!({ "workload": { "silence": { "9": 30000 } } });
    for (policy, patches, pred) in [
        ("EAGER", vec![], "garbage == 0 && rollbacks == 1"),
        ("LAZY", vec![], "garbage == 2 && rollbacks == 0"),
        (
            "LAZY",
            vec![later.clone()],
            "garbage == 0 && rollbacks == 1",
        ),
        ("NEVER", vec![later], "garbage == 2 && rollbacks == 0"),
    ] {
        let what = format!("{policy} {patches:?}");
        let mut all = vec![lazy(policy), crash("C4")];
        all.extend(patches);
        check(
            &scenario(twelve(), &all),
            &format!("{pred} && garbage_at_crash == 2 && dup == 0 && lost == 0 && rows == 12"),
            &what,
        );
    }
    // The older key is taken too.
    let old = hudi(json!({ "hoodie.cleaner.policy.failed.writes": "NEVER" }));
    check(
        &scenario(twelve(), &[old, crash("C4")]),
        "garbage == 2",
        "the key of 0.x",
    );
}

#[test]
fn a_long_timeline_forgets_and_a_slow_writer_finds_its_memory_archived() {
    let archive = |min: u32, max: u32| json!({ "hoodie.clean.commits.retained": 1, "hoodie.keep.min.commits": min, "hoodie.keep.max.commits": max });
    let scenario_of = |settings: Value| scenario(twelve(), &[one_by_one(20), hudi(settings)]);
    let archived = |scenario: &Scenario| {
        facts(&run(scenario, 42, Keep::Trace))
            .filter(|fact| matches!(fact, Fact::Archived { .. }))
            .count()
    };
    let short = scenario_of(archive(2, 4));
    assert!(archived(&short) > 3);
    assert_eq!(archived(&scenario_of(json!({}))), 0);
    check(
        &short,
        "rows == 20 && dup == 0 && lost == 0",
        "what readers see does not change",
    );
}

#[test]
fn old_slices_are_cleaned_and_readers_never_miss_one() {
    let cleaned = |retained: u32| {
        let scenario = scenario(
            twelve(),
            &[
                one_by_one(12),
                hudi(json!({ "hoodie.clean.commits.retained": retained })),
            ],
        );
        let run = run(&scenario, 42, Keep::Trace);
        assert_eq!((run.verdict.rows, run.verdict.counts.lost), (12, 0));
        let files = facts(&run).filter_map(|fact| match fact {
            Fact::Cleaned { files, .. } => Some(*files),
            _ => None,
        });
        files.sum::<u32>()
    };
    assert_eq!(cleaned(3), 8);
    assert_eq!(cleaned(10), 1);
}

#[test]
fn without_packing_every_insert_opens_a_file() {
    let files = |limit: u64| {
        let scenario = scenario(
            twelve(),
            &[
                one_by_one(8),
                sink("native", "insert"),
                hudi(json!({ "hoodie.parquet.small.file.limit": limit })),
            ],
        );
        let run = run(&scenario, 42, Keep::Trace);
        let mut groups: Vec<String> = facts(&run)
            .filter_map(|fact| match fact {
                Fact::DataFileWritten { file, .. } => file.split('_').next().map(str::to_string),
                _ => None,
            })
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups.len()
    };
    assert_eq!(files(104_857_600), 1);
    assert_eq!(files(0), 8);
    assert_eq!(files(240), 4, "two rows of 120 bytes fill a file up");
}

// ---- invariants ------------------------------------------------------------------------------------------------------

/// Changes, moves and cancellations, with the driver killed at each point in turn.
fn stormy(seed: u64) -> Scenario {
    let points = ["C0", "C1", "C2", "C3", "C4", "C5", "C6"];
    let point = points[seed as usize % points.len()];
    let tables = ["COPY_ON_WRITE", "MERGE_ON_READ"];
    let table = tables[(seed / 7) as usize % 2];
    let mut faults = json!({ "rollback": { "do": "rollback.crash", "at": 0 } });
    if table == "MERGE_ON_READ" {
        faults["compaction"] =
            json!({ "do": "compaction.crash", "at": 0, "until": 8000, "chance": 500_000 });
    }
    scenario(
        twelve(),
        &[
            json!({ "workload": { "orders": 50, "every_ms": 80, "update_share": 250_000, "move_share": 100_000, "cancel_share": 50_000 } }),
            hudi(json!({
                "hoodie.datasource.write.table.type": table, DELTAS: 2, INDEX: "GLOBAL_BLOOM", ORDERING: "seq",
                "sink.writer": if seed.is_multiple_of(2) { "native" } else { "foreach_batch" }
            })),
            crash(point),
            json!({ "faults": faults }),
        ],
    )
}

#[test]
fn rows_change_only_with_a_completed_action_and_no_garbage_outlives_the_next_write() {
    for seed in 0..28 {
        let scenario = stormy(seed);
        let run = run(&scenario, seed, Keep::Trace);
        let trace = run.trace.as_ref().expect("it was kept");
        for (_, event) in trace.iter() {
            if let Fact::BecameVisible { .. } | Fact::Retracted { .. } = event.fact {
                // Up the facts of one store operation to what it completed.
                let mut cause = event.cause;
                while let Some(id) = cause
                    && matches!(
                        trace.get(id).fact,
                        Fact::BecameVisible { .. }
                            | Fact::Retracted { .. }
                            | Fact::MergedAway { .. }
                    )
                {
                    cause = trace.get(id).cause;
                }
                let completed = &trace.get(cause.expect("something completed")).fact;
                let completes = matches!(
                    completed,
                    Fact::TableCommitted { .. }
                        | Fact::CompactionChanged {
                            state: InstantState::Completed,
                            ..
                        }
                );
                assert!(completes, "seed {seed}: {completed:?}");
            }
        }
        let verdict = &run.verdict;
        assert_eq!(
            (
                verdict.garbage,
                verdict.dup,
                verdict.counts.lost,
                verdict.stale
            ),
            (0, 0, 0, 0),
            "seed {seed}: {verdict:?}"
        );
        assert_eq!(verdict.counts.pending, 0, "seed {seed}: {:?}", run.ended);
        assert_eq!(verdict.billed, verdict.owed, "seed {seed}");
        assert!(verdict.counts.law_holds());
    }
}

#[test]
fn the_same_scenario_gives_the_same_digest_with_and_without_a_trace() {
    for seed in [3, 9] {
        let scenario = stormy(seed);
        assert_eq!(
            run(&scenario, seed, Keep::Trace).digest,
            run(&scenario, seed, Keep::LedgerOnly).digest
        );
    }
}

// ---- what is refused ---------------------------------------------------------------------------------------------------

#[test]
fn settings_that_do_not_fit_are_refused_with_their_place_and_what_is_accepted() {
    for (patch, expected) in [
        (
            hudi(json!({ ORDERING: "timestamp" })),
            "sink.hudi.hoodie.table.ordering.fields: no field \"timestamp\"; accepted are event_ts, event_second, seq",
        ),
        (
            hudi(json!({ "hoodie.client.heartbeat.interval_in_ms": 500 })),
            "sink.hudi.hoodie.client.heartbeat.interval_in_ms: 500 is out of range; 1000 to 600000",
        ),
        (
            hudi(json!({ "hoodie.keep.min.commits": 10 })),
            "sink.hudi.hoodie.keep.min.commits: must be greater than hoodie.clean.commits.retained",
        ),
        (
            hudi(
                json!({ "hoodie.write.concurrency.mode": "OPTIMISTIC_CONCURRENCY_CONTROL", "hoodie.clean.failed.writes.policy": "EAGER" }),
            ),
            "sink.hudi.hoodie.clean.failed.writes.policy: OPTIMISTIC_CONCURRENCY_CONTROL needs LAZY",
        ),
        (
            hudi(
                json!({ INDEX: "GLOBAL_BLOOM", "hoodie.datasource.write.recordkey.field": "generated" }),
            ),
            "sink.hudi.hoodie.index.type: a global index needs a record key",
        ),
        (
            hudi(json!({ "hoodie.index.tpye": "BLOOM" })),
            "sink: unknown field `hoodie.index.tpye`",
        ),
        (
            json!({ "workload": { "changes": { "3": { "of": 3 } } } }),
            "workload.changes.3.of: event 3 creates no order before event 3",
        ),
        (
            json!({ "workload": { "changes": { "99": { "of": 3 } } } }),
            "workload.changes.99: there is no such event; 2 to 12 is accepted",
        ),
        (
            json!({ "workload": { "changes": { "5": { "of": 3, "do": "delete" } } } }),
            "workload: unknown variant `delete`",
        ),
        (
            json!({ "workload": { "regions": 0 } }),
            "workload.regions: 0 is out of range",
        ),
        (
            json!({ "workload": { "silence": { "99": 5 } } }),
            "workload.silence.99",
        ),
        (
            json!({ "workload": { "update_share": 900_000, "move_share": 200_000 } }),
            "workload.update_share: with move_share and cancel_share more than 1000000",
        ),
        (
            json!({ "faults": { "f": { "do": "compaction.crash", "at": 1 } } }),
            "faults.f.where: \"compactor\" is no host",
        ),
        (
            json!({ "faults": { "f": { "do": "source.replay", "at": 1, "events": [5, 2] } } }),
            "faults.f.events: 5 to 2 is no range",
        ),
        (
            json!({ "faults": { "f": { "do": "sink.error", "where": "b1", "at": 1 } } }),
            "faults.f.where: \"b1\" does not fit sink.error",
        ),
    ] {
        let base = scenario(twelve(), &[]);
        let error = base
            .patched(&Patch::of(patch.clone()).expect("an object"))
            .expect_err("should be refused")
            .to_string();
        assert!(error.starts_with(expected), "{patch}: {error}");
    }
}
