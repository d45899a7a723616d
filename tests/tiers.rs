//! Segments fanned out from one topic and chained through others, each with a verdict of its own, and the pipeline as a whole.

mod claims;

use claims::{hold, run};
use serde_json::{Value, json};
use streamproof::sim::ledger::Guarantee;
use streamproof::sim::{Ended, Keep, Patch, Scenario};

const SEEDS: [u64; 3] = [42, 1, 7];

/// A worker from topic to topic, a query from there to a table, and another worker from there to a third topic.
///
/// ```text
/// till > orders > worker (main) > topic 1 > billing (Spark) > table
///                                         > relay (worker) > topic 2 > archive (Spark) > table
///               > revenue (Spark) > table
/// ```
fn chain() -> Value {
    let query = json!({
        "engine": { "use": "spark", "spark": { "trigger": 1000, "startingOffsets": "earliest" } },
        "sink": { "use": "hudi", "hudi": { "hoodie.datasource.write.operation": "insert", "hoodie.datasource.write.recordkey.field": "kafka_offset" } }
    });
    let worker = json!({
        "engine": { "use": "consumer", "consumer": { "consumer.commit": "after", "enable.auto.commit": false, "auto.offset.reset": "earliest" } },
        "sink": { "use": "kafka_topic" }
    });
    let from = |from: &str, segment: &Value| {
        let mut segment = segment.clone();
        segment["from"] = from.into();
        segment
    };
    json!({
        "title": "A chain",
        "workload": { "orders": 30, "every_ms": 150 },
        "topic": { "name": "orders", "partitions": 2, "min.insync.replicas": 2 },
        "engine": worker["engine"], "sink": worker["sink"],
        "branches": {
            "billing": from("main", &query),
            "relay": from("main", &worker),
            "archive": from("relay", &query),
            "revenue": from("orders", &query)
        }
    })
}

fn scenario(patches: &[Value]) -> Scenario {
    let mut scenario = Scenario::from_value(&chain()).unwrap_or_else(|error| panic!("{error}"));
    for patch in patches {
        let patch = Patch::of(patch.clone()).expect("an object");
        scenario = scenario
            .patched(&patch)
            .unwrap_or_else(|error| panic!("{patch:?}: {error}"));
    }
    scenario
}

fn check(scenario: &Scenario, pred: &str) {
    hold(pred, scenario, &SEEDS, Some(Ended::Drained), "");
}

#[test]
fn every_tier_gets_every_order_once_if_nothing_fails() {
    let calm = scenario(&[]);
    check(&calm, "dup == 0 && delivered == 30");
    for branch in ["billing", "relay", "archive", "revenue"] {
        check(
            &calm,
            &format!("{branch}.dup == 0 && {branch}.delivered == 30 && {branch}.rows == 30"),
        );
    }
    let run = run(&calm, 42, Keep::LedgerOnly);
    assert_eq!(run.end_to_end.ends, ["archive", "billing", "revenue"]);
    assert_eq!(run.end_to_end.guarantee(), Guarantee::ExactlyOnce);
    assert_eq!(
        (run.end_to_end.counts.delivered, run.end_to_end.dup),
        (30, 0)
    );
    let latency = |name: &str| {
        run.branches[name]
            .metric("p50")
            .expect("something was delivered")
    };
    assert!(
        latency("archive") > latency("relay"),
        "each hop takes its time"
    );
}

#[test]
fn what_a_worker_doubles_is_doubled_in_every_tier_behind_it_and_in_no_other() {
    // The worker dies with records produced whose offsets it has not committed.
    let crash = |place: &str| json!({ "faults": { "crash": { "do": "consumer.crash.after_work", "where": place, "at": 1500 } } });
    let first = scenario(&[crash("c1")]);
    check(
        &first,
        "own.dup > 0 && dup == own.dup && dup_by.offset_replay == dup",
    );
    check(
        &first,
        "billing.dup == dup && archive.dup == dup && relay.dup == dup && revenue.dup == 0",
    );
    check(
        &first,
        "billing.own.dup == 0 && archive.own.dup == 0 && relay.own.dup == 0",
    );
    check(
        &first,
        "billing.dup_by.offset_replay == dup && archive.dup_by.offset_replay == dup",
    );
    let second = scenario(&[crash("relay.c1")]);
    check(
        &second,
        "dup == 0 && billing.dup == 0 && relay.own.dup > 0 && archive.dup == relay.dup && archive.own.dup == 0",
    );
    let run = run(&second, 42, Keep::LedgerOnly);
    assert_eq!(
        run.end_to_end.guarantee(),
        Guarantee::AtLeastOnce,
        "the whole is as weak as its weakest end"
    );
}

#[test]
fn what_a_worker_loses_no_tier_behind_it_can_bring_back() {
    let lossy = json!({
        "engine": { "consumer": { "consumer.commit": "before" } },
        "faults": { "crash": { "do": "consumer.crash.before_work", "where": "c1", "after": { "offsets_committed": 3 } } }
    });
    let lossy = scenario(&[lossy]);
    check(
        &lossy,
        "lost > 0 && own.lost == lost && lost_by.commit_first == lost",
    );
    check(
        &lossy,
        "billing.lost == lost && archive.lost == lost && billing.own.lost == 0 && archive.own.lost == 0 && revenue.lost == 0",
    );
    check(
        &lossy,
        "billing.lost_by.commit_first == lost && archive.lost_by.commit_first == lost",
    );
    let run = run(&lossy, 42, Keep::LedgerOnly);
    assert_eq!(run.end_to_end.guarantee(), Guarantee::AtMostOnce);
    assert_eq!(run.end_to_end.counts.lost, run.verdict.counts.lost);
}

#[test]
fn a_loss_at_the_shared_producer_is_everybodys_loss_and_nobodys_own() {
    let weak = scenario(&[json!({
        "producer": { "acks": "0" },
        "faults": { "request": { "do": "net.drop_request", "where": "p1>*", "after": { "batch_sent": 9 } } }
    })]);
    check(&weak, "lost > 0 && own.lost == 0 && lost_by.acks == lost");
    check(
        &weak,
        "billing.lost == lost && archive.lost == lost && revenue.lost == lost",
    );
    check(
        &weak,
        "billing.own.lost == 0 && archive.own.lost == 0 && revenue.own.lost == 0",
    );
}

#[test]
fn a_copy_that_the_producer_made_keeps_its_cause_through_all_tiers() {
    let retry = scenario(&[json!({
        "producer": { "enable.idempotence": false },
        "faults": { "ack": { "do": "net.drop_ack", "where": "p1>*", "after": { "batch_appended": 5 } } }
    })]);
    check(
        &retry,
        "dup > 0 && dup_by.producer_retry == dup && own.dup == 0",
    );
    for branch in ["billing", "archive", "relay", "revenue"] {
        check(
            &retry,
            &format!(
                "{branch}.dup == dup && {branch}.dup_by.producer_retry == dup && {branch}.own.dup == 0"
            ),
        );
    }
}

#[test]
fn a_tier_can_remove_the_copies_of_those_before_it_with_a_key() {
    let keyed = json!({
        "branches": { "billing": { "sink": { "hudi": { "hoodie.datasource.write.operation": "upsert", "hoodie.datasource.write.recordkey.field": "order_id" } } } },
        "faults": { "crash": { "do": "consumer.crash.after_work", "where": "c1", "at": 1500 } }
    });
    let keyed = scenario(&[keyed]);
    check(
        &keyed,
        "dup > 0 && billing.dup == 0 && billing.lost == 0 && archive.dup == dup",
    );
}

#[test]
fn faults_strike_one_tier_and_spare_the_others() {
    for point in ["C0", "C3", "C5"] {
        let crash = json!({ "faults": { "crash": { "do": format!("driver.crash.{point}"), "where": "archive.driver", "at": 1500 } } });
        check(
            &scenario(&[crash]),
            "archive.batches_replayed == 1 && archive.dup == 0 && archive.lost == 0 && billing.batches_replayed == 0",
        );
    }
    let outage = json!({ "faults": { "crash": { "do": "consumer.crash", "where": "c1", "at": 1500, "for": 4000 } } });
    let (calm, down) = (scenario(&[]), scenario(&[outage]));
    let p99 = |scenario: &Scenario, branch: &str| {
        run(scenario, 42, Keep::LedgerOnly).branches[branch].metric("p99")
    };
    assert!(p99(&down, "billing") > p99(&calm, "billing").map(|ms| ms + 2000.0));
    assert!(p99(&down, "revenue") < p99(&calm, "revenue").map(|ms| ms + 1000.0));
}

#[test]
fn a_transaction_in_one_tier_is_seen_by_the_next_as_its_isolation_level_says() {
    let exact = |level: &str| {
        let mut patches = vec![json!({
            "engine": { "consumer": { "consumer.commit": "transaction", "isolation.level": "read_committed" } },
            "sink": { "kafka_topic": { "output.isolation.level": "read_committed" } },
            "faults": { "crash": { "do": "consumer.crash", "where": "c1", "after": { "worked": 12 } } }
        })];
        patches.push(json!({ "branches": { "billing": { "engine": { "spark": { "kafka.isolation.level": level } } } } }));
        scenario(&patches)
    };
    check(
        &exact("read_committed"),
        "billing.dup == 0 && billing.lost == 0 && billing.dirty == 0",
    );
    check(
        &exact("read_uncommitted"),
        "billing.dirty > 0 && billing.lost == 0",
    );
}

#[test]
fn a_branch_that_reads_from_nowhere_or_in_a_circle_is_refused() {
    for (patch, expected) in [
        (
            json!({ "branches": { "billing": { "from": "nowhere" } } }),
            "branches.billing.from: no topic or segment named \"nowhere\"; accepted are orders, main and archive, billing, relay, revenue",
        ),
        (
            json!({ "branches": { "billing": { "from": "revenue" } } }),
            "branches.billing.from: \"revenue\" writes to no topic that could be read",
        ),
        (
            json!({ "branches": { "relay": { "from": "relay" } } }),
            "branches.archive.from: reads in a circle: archive from relay from relay",
        ),
        (
            json!({ "branches": { "main": { "from": "orders" } } }),
            "branches.main: this name stands for the main segment or the topic",
        ),
        (
            json!({ "sink": { "use": "console" } }),
            "branches.billing.from: \"main\" writes to no topic",
        ),
    ] {
        let patch = Patch::of(patch).expect("an object");
        let error = scenario(&[])
            .patched(&patch)
            .expect_err("should be refused")
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_chained_run_repeats_and_can_be_shown() {
    let crash = json!({ "faults": { "crash": { "do": "driver.crash.C5", "where": "archive.driver", "at": 1500 } } });
    let scenario = scenario(&[crash]);
    let kept = run(&scenario, 42, Keep::Trace);
    assert_eq!(kept.digest, run(&scenario, 42, Keep::LedgerOnly).digest);
    let trace = kept.trace.as_ref().expect("it was kept");
    let mut board = streamproof::replay::Board::new(&scenario, &kept);
    for index in 0..trace.events.len() {
        board.fold(trace, index);
    }
}
