//! Flink's part: a DataStream job in Java and the same in SQL, one of each for every segment that Flink runs.
//!
//! Mirrors: Flink 2.x with the Kafka connector (`KafkaSource`, `KafkaSink`, the table connector `kafka`) and Hudi's
//! `HoodiePipeline` and table connector `hudi`. Settings of the cluster cannot be set by a job and are lines of `config.yaml`.

pub mod java;
pub mod sql;

use super::{Segment, Settings};
use crate::sim::Scenario;

/// Settings that a job may bring along, and whether their value is a time in ms.
const JOB: &[(&str, bool)] = &[
    ("parallelism.default", false),
    ("execution.checkpointing.interval", true),
    ("execution.checkpointing.mode", false),
    ("execution.checkpointing.timeout", true),
    ("execution.checkpointing.min-pause", true),
    ("execution.checkpointing.max-concurrent-checkpoints", false),
    (
        "execution.checkpointing.tolerable-failed-checkpoints",
        false,
    ),
    ("execution.checkpointing.unaligned.enabled", false),
    ("execution.checkpointing.aligned-checkpoint-timeout", true),
    ("restart-strategy.type", false),
    ("restart-strategy.fixed-delay.attempts", false),
    ("restart-strategy.fixed-delay.delay", true),
    ("restart-strategy.exponential-delay.initial-backoff", true),
    ("restart-strategy.exponential-delay.max-backoff", true),
    (
        "restart-strategy.exponential-delay.reset-backoff-threshold",
        true,
    ),
    (
        "restart-strategy.failure-rate.max-failures-per-interval",
        false,
    ),
    ("restart-strategy.failure-rate.failure-rate-interval", true),
    ("restart-strategy.failure-rate.delay", true),
    ("pipeline.auto-watermark-interval", true),
    ("execution.buffer-timeout.interval", true),
];

/// Settings of the cluster.
const CLUSTER: &[(&str, bool)] = &[
    ("execution.checkpointing.num-retained", false),
    ("high-availability.type", false),
    ("heartbeat.interval", true),
    ("heartbeat.timeout", true),
];

const SERVERS: &str = "localhost:9092";

/// A name that both languages accept.
fn name(segment: &Segment) -> String {
    segment.title().replace('-', "_")
}

/// The settings of a list that are not what nobody needs to set, as Flink reads them.
fn set(settings: Settings, list: &[(&'static str, bool)]) -> Vec<(&'static str, String)> {
    let default = Scenario::default().to_value();
    let default = &default["engine"]["flink"];
    let checkpoints = settings.get("execution.checkpointing.interval").is_some();
    let strategy = settings.get("restart-strategy.type").unwrap_or_default();
    let mut set = Vec::new();
    for &(key, time) in list {
        // Of the strategies, only what belongs to the one in use.
        let other = key
            .strip_prefix("restart-strategy.")
            .is_some_and(|rest| rest != "type" && !rest.starts_with(&format!("{strategy}.")));
        let taught = key == "execution.checkpointing.mode" && checkpoints;
        let value = settings.unlike(default, key);
        let value = value.or_else(|| taught.then(|| settings.get(key)).flatten());
        if let Some(value) = value.filter(|_| !other) {
            set.push((key, if time { format!("{value} ms") } else { value }));
        }
    }
    set
}

fn prefix(settings: Settings) -> String {
    let prefix = settings.get("sink.transactional-id-prefix");
    prefix.unwrap_or_else(|| "flink".into())
}

/// Hudi's options as Flink names them.
fn table(segment: &Segment) -> Vec<(String, String)> {
    let settings = Settings(&segment.sinks["hudi"]);
    let default = Scenario::default().to_value();
    let default = &default["sink"]["hudi"];
    let get = |key: &str| settings.get(key).unwrap_or_default();
    let ordering = settings.get("hoodie.table.ordering.fields");
    let mut options = vec![
        (
            "path".to_string(),
            format!("s3a://lake/tables/{}", name(segment)),
        ),
        (
            "table.type".to_string(),
            get("hoodie.datasource.write.table.type"),
        ),
        (
            "write.operation".to_string(),
            get("hoodie.datasource.write.operation"),
        ),
        // Its own default is a column `ts`.
        (
            "ordering.fields".to_string(),
            ordering.map_or("no_precombine".into(), |_| "event_time".into()),
        ),
    ];
    let keys = settings
        .0
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key);
    for key in keys.filter(|key| key.starts_with("hoodie.")) {
        let renamed = match key.as_str() {
            "hoodie.index.type" => "index.type",
            "hoodie.write.record.merge.mode" => "record.merge.mode",
            // The others of a data source are Spark's.
            key if key.starts_with("hoodie.datasource.")
                || key == "hoodie.table.ordering.fields" =>
            {
                continue;
            }
            key => key,
        };
        if let Some(value) = settings.unlike(default, key) {
            options.push((renamed.to_string(), value));
        }
    }
    options
}

/// What is said of a record key that the rows do not have.
fn other_key(segment: &Segment) -> Option<String> {
    let key = segment
        .sink()
        .get("hoodie.datasource.write.recordkey.field")?;
    let says = match key.as_str() {
        "kafka_offset" => {
            "partition and offset of the record, which a KafkaRecordDeserializationSchema and the columns METADATA FROM 'partition' and 'offset' have"
        }
        "uuid" => "a random one at each attempt",
        _ => return None,
    };
    let own = "here it is the id of the order";
    Some(format!(
        "the record key of this scenario is {key}, {says}; {own}"
    ))
}

/// The columns of a row: name and type.
fn columns(windowed: bool) -> &'static [(&'static str, &'static str)] {
    if windowed {
        &[
            ("customer", "INT"),
            ("window_start", "TIMESTAMP_LTZ(3)"),
            ("amount", "BIGINT"),
        ]
    } else {
        &[
            ("order_id", "INT"),
            ("customer", "INT"),
            ("amount", "BIGINT"),
            ("event_time", "TIMESTAMP_LTZ(3)"),
        ]
    }
}

fn is_windowed(settings: Settings) -> bool {
    settings
        .get("window.type")
        .is_some_and(|kind| kind != "none")
}

/// What stands for the effect outside, which no connector has.
fn effect(segment: &Segment) -> Vec<String> {
    let mut says = vec!["print() stands for what is done outside".to_string()];
    match segment.sink().get("dedup").as_deref() {
        Some("upsert") => says.push("written by key: INSERT ... ON CONFLICT DO UPDATE".into()),
        Some("store") => {
            says.push("written once for each id: INSERT ... ON CONFLICT DO NOTHING".into())
        }
        _ => {}
    }
    if segment
        .engine()
        .is("sink.delivery-guarantee", "exactly-once")
    {
        says.push("exactly once takes a sink that implements SupportsCommitter: it is given its transactions to commit when a checkpoint is complete".into());
    }
    says
}
