//! Recordings of a transactional writer: what both kinds of readers see in the end.
//!
//! A recording names a script of the application. Those that this model's application follows are run; the others need a
//! second writer.

use super::seen::{Order, compare};
use super::{Case, Checked, Family, RecordingError, Skip, read};
use serde::Deserialize;
use serde_json::{Value, json};

pub const FAMILY: Family = Family {
    name: "transaction",
    check,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(rename = "transactional.id")]
    id: String,
    acks: String,
    #[serde(rename = "enable.idempotence")]
    idempotence: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Workload {
    #[serde(rename = "batch.num.messages")]
    batch: u64,
    partitions: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    name: String,
    #[serde(rename = "what")]
    _what: String,
}

/// Bytes of a record in this model.
const RECORD: u64 = crate::sim::workload::RECORD_BYTES;

fn check(case: &Case) -> Result<Checked, RecordingError> {
    let config = Value::Object(case.config.clone());
    let config: Config = read(&format!("{}.config", case.place), &config)?;
    let workload: Workload = read(&format!("{}.workload", case.place), &case.workload)?;
    let fault: Fault = read(&format!("{}.fault", case.place), &case.fault)?;
    let skip = |what: &str| Ok(Checked::Skipped(Skip::NotModelled(what.into())));
    // How many records there are, and what strikes.
    let (records, faults) = match fault.name.as_str() {
        "commit_answer_lost" => (
            10,
            json!({"cut": {"do": "net.reset", "where": "p1>b1", "after": {"transaction_prepared": 1}}}),
        ),
        // Of the second request.
        "produce_ack_lost_in_txn" => (
            20,
            json!({"cut": {"do": "net.drop_ack", "where": "p1>b1", "after": {"batch_appended": 2}}}),
        ),
        // The broker is gone for longer than records may wait, once the first request is answered.
        "failed_send_forces_abort" => (
            20,
            json!({"down": {"do": "broker.crash.kept", "where": "b1", "after": {"acknowledged": 1}, "for": 7_000}}),
        ),
        // The first of two transactions, and what was in it is not sent again.
        "abort_then_commit" => (
            20,
            json!({"abort": {"do": "txn.abort", "after": {"transaction_began": 1}}}),
        ),
        // Both requests are stored, and the writer stands still for longer than its transaction may be open.
        "commit_after_transaction_timeout" => (
            10,
            json!({"pause": {"do": "producer.pause", "where": "p1", "after": {"batch_appended": 2}, "for": 4_000}}),
        ),
        // Both requests are stored; the new life writes everything again under another id.
        "crash_then_restart_other_id" => (
            10,
            json!({"kill": {"do": "producer.crash.resend", "after": {"batch_appended": 2}, "for": 300}}),
        ),
        "crash_open_then_coordinator_timeout" | "zombie_writes_after_fencing" => {
            return skip("two writers at once");
        }
        name => return skip(&format!("the script {name}")),
    };
    let name = fault.name.as_str();
    let unit = if name == "abort_then_commit" {
        10
    } else {
        records
    };
    let (drop, other_id) = match name {
        "abort_then_commit" | "commit_after_transaction_timeout" => ("drop", "none"),
        // It is looked at before the open transaction times out, and commits what it has after a second.
        "crash_then_restart_other_id" => ("repeat", "random"),
        _ => ("repeat", "none"),
    };
    let frozen = other_id == "random";
    let (unit, wait) = if frozen {
        (unit + 1, 1_000)
    } else {
        (unit, 5_000)
    };
    let timeout = if name == "commit_after_transaction_timeout" {
        1_500
    } else {
        60_000
    };
    let horizon = if frozen { 20_000 } else { 60_000 };
    let scenario = |isolation: &str| {
        json!({
            "limits": {"horizon_ms": horizon, "settle_ms": 4_000},
            "workload": {"orders": records, "every_ms": 1, "jitter_percent": 0, "customers": 1},
            "network": {"min_us": 50, "mean_extra_us": 50},
            "store": {"operation_us": 100},
            "brokers": {"count": 1, "group.initial.rebalance.delay.ms": 100, "transaction.version": 1,
                "append_us": 2_000,
                "transaction.abort.timed.out.transaction.cleanup.interval.ms": 50},
            "topic": {"partitions": workload.partitions},
            "producer": {"transactional.id": config.id, "acks": config.acks,
                "enable.idempotence": config.idempotence, "linger.ms": 20,
                "batch.size": workload.batch * RECORD, "delivery.timeout.ms": 5_000,
                "request.timeout.ms": 500, "retry.backoff.ms": 50,
                "transaction.records": unit, "transaction.ms": wait,
                "transaction.timeout.ms": timeout, "transaction.on.abort": drop,
                "transactional.id.suffix": other_id},
            "engine": {"use": "consumer", "consumer": {"auto.offset.reset": "earliest",
                "isolation.level": isolation, "work_us": 100}},
            "sink": {"use": "console"},
            "faults": faults})
    };
    let views = ["read_committed", "read_uncommitted"].map(|name| (Some(name), scenario(name)));
    compare(case, &views, records, Order::Recorded, false)
}
