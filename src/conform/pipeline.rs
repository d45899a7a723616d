//! Recordings of a worker that consumes, processes and produces, and is killed in its second batch.

use super::seen::{Order, compare, from_zero};
use super::{Case, Checked, Family, RecordingError, Skip, read};
use serde::Deserialize;
use serde_json::{Value, json};

pub const FAMILY: Family = Family {
    name: "pipeline",
    check,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    commit_mode: String,
    output_isolation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Workload {
    input_messages: u32,
    batch_of: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    name: String,
    #[serde(rename = "what")]
    _what: String,
}

fn check(case: &Case) -> Result<Checked, RecordingError> {
    let config = Value::Object(case.config.clone());
    let config: Config = read(&format!("{}.config", case.place), &config)?;
    let workload: Workload = read(&format!("{}.workload", case.place), &case.workload)?;
    let fault: Fault = read(&format!("{}.fault", case.place), &case.fault)?;
    let skip = |what: String| Ok(Checked::Skipped(Skip::NotModelled(what)));
    let commit = match config.commit_mode.as_str() {
        mode if mode.contains("send_offsets_to_transaction") => "transaction",
        mode if mode.contains("after the output") => "after",
        mode if mode.contains("before the output") => "before",
        mode => return skip(format!("a worker of which is said: {mode}")),
    };
    let faults = match fault.name.as_str() {
        "none" => json!({}),
        // The first acknowledged record of the second batch; all of a batch are acknowledged at once.
        "after_output_before_commit" => {
            let after = json!({"worked": workload.batch_of + 1});
            json!({"kill": {"do": "consumer.crash", "after": after, "for": 1_500}})
        }
        "after_commit_before_output" => {
            json!({"kill": {"do": "consumer.crash", "after": {"offsets_committed": 2}, "for": 1_500}})
        }
        name => return skip(format!("the fault {name}")),
    };
    let scenario = |isolation: &str| {
        json!({
            "limits": {"horizon_ms": 60_000, "settle_ms": 3_000},
            "workload": {"orders": workload.input_messages, "every_ms": 1, "jitter_percent": 0, "customers": 1},
            "network": {"min_us": 50, "mean_extra_us": 50},
            "brokers": {"count": 1, "group.initial.rebalance.delay.ms": 1_000, "transaction.version": 1},
            "topic": {"partitions": 1},
            "engine": {"use": "consumer", "consumer": {
                "enable.auto.commit": false, "auto.offset.reset": "earliest", "consumer.commit": commit,
                "max.poll.records": workload.batch_of, "work_us": 1_000,
                "session.timeout.ms": 600, "heartbeat.interval.ms": 100}},
            "sink": {"use": "kafka_topic", "kafka_topic": {"output.isolation.level": isolation}},
            "faults": faults})
    };
    // The recordings are judged by what the named reader sees; both are shown.
    let (judged, other) = if config.output_isolation.starts_with("read_uncommitted") {
        ("read_uncommitted", "read_committed")
    } else {
        ("read_committed", "read_uncommitted")
    };
    let views = [judged, other].map(|name| (Some(name), scenario(name)));
    compare(case, &views, from_zero, Order::Recorded, true)
}
