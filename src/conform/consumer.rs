//! Recordings of a consumer that is killed at a record, in each way of committing. What they call the log is the order of
//! the effects.

use super::seen::{Order, compare, from_zero};
use super::{Case, Checked, Family, RecordingError, Skip, read};
use serde::Deserialize;
use serde_json::{Value, json};

pub const FAMILY: Family = Family {
    name: "consumer",
    check,
};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    SyncBefore,
    SyncAfter,
    AsyncAfter,
    Never,
    /// librdkafka's default: handing a record out makes it ready for the next automatic commit.
    AutoStoreOnPoll,
    AutoStoreAfterProcessing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    commit_mode: Mode,
    #[serde(rename = "auto.offset.reset")]
    offset_reset: String,
    #[serde(rename = "auto.commit.interval.ms")]
    interval_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Workload {
    messages: u32,
    commit_every: u32,
    processing_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    name: String,
    at_record: Option<u32>,
    point: String,
}

fn check(case: &Case) -> Result<Checked, RecordingError> {
    let config = Value::Object(case.config.clone());
    let config: Config = read(&format!("{}.config", case.place), &config)?;
    let workload: Workload = read(&format!("{}.workload", case.place), &case.workload)?;
    let fault: Fault = read(&format!("{}.fault", case.place), &case.fault)?;
    let skip = |what: String| Ok(Checked::Skipped(Skip::NotModelled(what)));
    let after_effect = fault.point.starts_with("effect done");
    if !after_effect && !fault.point.starts_with("received") {
        return skip(format!("a consumer that is killed at: {}", fault.point));
    }
    let interval = config.interval_ms.unwrap_or(5_000);
    let mut work_ms = workload.processing_ms;
    let client = match config.commit_mode {
        Mode::SyncBefore => json!({"consumer.commit": "before"}),
        Mode::SyncAfter => json!({"consumer.commit": "after"}),
        Mode::AsyncAfter => json!({"consumer.commit": "after", "consumer.commit.call": "async"}),
        Mode::Never => json!({"consumer.commit": "auto"}),
        Mode::AutoStoreOnPoll | Mode::AutoStoreAfterProcessing => json!({
            "consumer.client": "librdkafka", "enable.auto.commit": true,
            "enable.auto.offset.store": matches!(config.commit_mode, Mode::AutoStoreOnPoll),
            "auto.commit.interval.ms": interval}),
    };
    let automatic = client.get("enable.auto.commit").is_some();
    // The unit of a commit is a poll here.
    let unit = workload.commit_every.max(1);
    if automatic && unit > 1 {
        return skip("automatic commits of several records at a time".into());
    }
    let crash = match (fault.name.as_str(), fault.at_record) {
        ("none", _) => None,
        ("consumer_killed", Some(record)) if after_effect => Some(json!({"worked": record + 1})),
        // Killed with the record in hand and its offset committed: by the application, or by the timer, which is given the
        // time to fire while the record is in work.
        ("consumer_killed", Some(record)) => {
            if automatic {
                work_ms = work_ms.max(interval + interval / 2);
            }
            Some(json!({"offsets_committed": record / unit + 1}))
        }
        (name, _) => return skip(format!("the fault {name}")),
    };
    let messages = u64::from(workload.messages);
    // The second life begins when the first is gone from the group. Without a kill it begins when all is done.
    let quiet = 3_000 + messages * (work_ms + 60) + 2 * interval;
    let fault = match crash {
        Some(after) => json!({"do": "consumer.crash", "after": after, "for": 1_500}),
        None => json!({"do": "consumer.crash", "at": quiet, "for": 1_500}),
    };
    let mut scenario = json!({
        "limits": {"horizon_ms": 2 * quiet + 20_000, "settle_ms": quiet},
        "workload": {"orders": messages, "every_ms": 1, "jitter_percent": 0, "customers": 1},
        "network": {"min_us": 50, "mean_extra_us": 50},
        "store": {"operation_us": 100},
        "brokers": {"count": 1, "group.initial.rebalance.delay.ms": 500},
        "topic": {"partitions": 1},
        "engine": {"use": "consumer", "consumer": {
            "enable.auto.commit": false, "auto.offset.reset": config.offset_reset,
            "max.poll.records": unit, "work_us": work_ms * 1_000,
            "session.timeout.ms": 600, "heartbeat.interval.ms": 100}},
        "sink": {"use": "console"},
        "faults": {"kill": fault}});
    let consumer = &mut scenario["engine"]["consumer"];
    for (key, value) in client.as_object().into_iter().flatten() {
        consumer[key] = value.clone();
    }
    compare(case, &[(None, scenario)], from_zero, Order::Counted, true)
}
