//! Recordings of a transactional writer: what both kinds of readers see in the end.
//!
//! A recording names a script of the application; each is played by the application of this model.

use super::producer;
use super::seen::{Order, compare, from_zero};
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
    #[serde(default, rename = "max.in.flight.requests.per.connection")]
    _max_in_flight: u32,
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

/// The scripts have writers of ten orders each, in turns, and the second writer's ids begin at 100; what the first one
/// writes after that goes on from 10.
const TURN: u32 = 10;

fn in_turns(order: u32) -> u32 {
    match order - 1 {
        first @ 0..TURN => first,
        second @ TURN..20 => 100 + second - TURN,
        third => third - TURN,
    }
}

/// How the application of a script is set up.
struct Script {
    /// How many records there are.
    records: u32,
    /// Records of a transaction, and how long it stays open for more, in ms.
    unit: u32,
    wait_ms: u64,
    timeout_ms: u64,
    horizon_ms: u64,
    /// More of the producer's settings.
    producer: Value,
    faults: Value,
    id_of: fn(u32) -> u32,
}

impl Script {
    fn of(records: u32, faults: Value) -> Self {
        Script {
            records,
            unit: records,
            wait_ms: 5_000,
            timeout_ms: 60_000,
            horizon_ms: 60_000,
            producer: json!({}),
            faults,
            id_of: from_zero,
        }
    }
}

fn check(case: &Case) -> Result<Checked, RecordingError> {
    let workload: Workload = read(&format!("{}.workload", case.place), &case.workload)?;
    let fault: Fault = read(&format!("{}.fault", case.place), &case.fault)?;
    let script = match fault.name.as_str() {
        "commit_answer_lost" => Script::of(
            10,
            json!({"cut": {"do": "net.reset", "where": "p1>b1", "after": {"transaction_prepared": 1}}}),
        ),
        // Of the second request.
        "produce_ack_lost_in_txn" => Script::of(
            20,
            json!({"cut": {"do": "net.drop_ack", "where": "p1>b1", "after": {"batch_appended": 2}}}),
        ),
        // The broker is gone for longer than records may wait, once the first request is answered.
        "failed_send_forces_abort" => Script::of(
            20,
            json!({"down": {"do": "broker.crash.kept", "where": "b1", "after": {"acknowledged": 1}, "for": 7_000}}),
        ),
        // The first of two transactions, and what was in it is not sent again.
        "abort_then_commit" => Script {
            unit: 10,
            producer: json!({"transaction.on.abort": "drop"}),
            ..Script::of(
                20,
                json!({"abort": {"do": "txn.abort", "after": {"transaction_began": 1}}}),
            )
        },
        // Both requests are stored, and the writer stands still for longer than its transaction may be open.
        "commit_after_transaction_timeout" => Script {
            timeout_ms: 1_500,
            producer: json!({"transaction.on.abort": "drop"}),
            ..Script::of(
                10,
                json!({"pause": {"do": "producer.pause", "where": "p1", "after": {"batch_appended": 2}, "for": 4_000}}),
            )
        },
        // Both requests are stored; the new life writes everything again under another id. It is looked at before the
        // open transaction times out, and commits what it has after a second.
        "crash_then_restart_other_id" => Script {
            unit: 11,
            wait_ms: 1_000,
            horizon_ms: 20_000,
            producer: json!({"transactional.id.suffix": "random"}),
            ..Script::of(
                10,
                json!({"kill": {"do": "producer.crash.resend", "after": {"batch_appended": 2}, "for": 300}}),
            )
        },
        // Both requests are stored, and the writer never comes back; a plain one writes half a turn behind them.
        "crash_open_then_coordinator_timeout" => Script {
            timeout_ms: 1_500,
            horizon_ms: 20_000,
            producer: json!({"app.instances": 2, "app.plain": 1, "app.deal": TURN, "app.stagger.ms": 500}),
            id_of: in_turns,
            ..Script::of(
                15,
                json!({"kill": {"do": "producer.crash.forget", "where": "p1", "after": {"batch_appended": 2}, "for": 60_000}}),
            )
        },
        // The first writer stands still with its transaction open, the second one starts under the same id, and then the
        // first one goes on with a second turn.
        "zombie_writes_after_fencing" => Script {
            unit: 2 * TURN,
            wait_ms: 1_000,
            producer: json!({"app.instances": 2, "app.deal": TURN, "app.stagger.ms": 500,
                "transaction.on.fenced": "stop"}),
            id_of: in_turns,
            ..Script::of(
                30,
                json!({"pause": {"do": "producer.pause", "where": "p1", "after": {"batch_appended": 2}, "for": 4_000}}),
            )
        },
        name => {
            let what = format!("the script {name}");
            return Ok(Checked::Skipped(Skip::NotModelled(what)));
        }
    };
    play(case, &script, workload.batch, workload.partitions)
}

/// A recording of the family of restarts: the process dies at its third request and comes back under its id.
pub fn restart(
    case: &Case,
    workload: &producer::Workload,
    fault: &producer::Fault,
) -> Result<Checked, RecordingError> {
    let skip = |what: String| Ok(Checked::Skipped(Skip::NotModelled(what)));
    let habit = workload.on_restart.as_deref().unwrap_or_default();
    if !habit.contains("all ids in a new transaction") {
        return skip(format!("an application of which is said: {habit}"));
    }
    let fact = match fault.action.as_deref() {
        Some("apply_then_close") => "batch_appended",
        Some("close_before_apply") => "batch_sent",
        action => return skip(format!("a transactional writer that meets {action:?}")),
    };
    let nth = fault.at_request.unwrap_or(0) + 1;
    let script = Script::of(
        workload.messages,
        json!({"kill": {"do": "producer.crash.resend", "where": "p1", "after": {fact: nth}, "for": 500}}),
    );
    let batch = u64::from(workload.batch_num_messages.unwrap_or(5));
    play(case, &script, batch, workload.partitions.unwrap_or(1))
}

fn play(
    case: &Case,
    script: &Script,
    batch: u64,
    partitions: u16,
) -> Result<Checked, RecordingError> {
    let config = Value::Object(case.config.clone());
    let config: Config = read(&format!("{}.config", case.place), &config)?;
    let scenario = |isolation: &str| {
        let mut scenario = json!({
            "limits": {"horizon_ms": script.horizon_ms, "settle_ms": 4_000},
            "workload": {"orders": script.records, "every_ms": 1, "jitter_percent": 0, "customers": 1},
            "network": {"min_us": 50, "mean_extra_us": 50},
            "store": {"operation_us": 100},
            "brokers": {"count": 1, "group.initial.rebalance.delay.ms": 100, "transaction.version": 1,
                "append_us": 2_000,
                "transaction.abort.timed.out.transaction.cleanup.interval.ms": 50},
            "topic": {"partitions": partitions},
            "producer": {"transactional.id": config.id, "acks": config.acks,
                "enable.idempotence": config.idempotence, "linger.ms": 20,
                "batch.size": batch * RECORD, "delivery.timeout.ms": 5_000,
                "request.timeout.ms": 500, "retry.backoff.ms": 50,
                "transaction.records": script.unit, "transaction.ms": script.wait_ms,
                "transaction.timeout.ms": script.timeout_ms},
            "engine": {"use": "consumer", "consumer": {"auto.offset.reset": "earliest",
                "isolation.level": isolation, "work_us": 100}},
            "sink": {"use": "console"},
            "faults": script.faults});
        for (key, value) in script.producer.as_object().into_iter().flatten() {
            scenario["producer"][key] = value.clone();
        }
        scenario
    };
    let views = ["read_committed", "read_uncommitted"].map(|name| (Some(name), scenario(name)));
    compare(case, &views, script.id_of, Order::Recorded, false)
}
