//! Profiles: the settings of every layer for a guarantee, with their real keys.
//!
//! What several segments share, the producer and the topic, is as the most demanding of them needs it.

use super::questions::Case;
use super::tree::Leaf;
use crate::sim::{Patch, control};
use serde_json::{Map, Value, json};

/// One setting of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// "Producer", "Topic", "Spark" and so on.
    pub layer: &'static str,
    /// The segment that has it; empty: all of them, or the only one.
    pub segment: String,
    /// Where it stands in a scenario.
    path: Vec<String>,
    pub key: &'static str,
    pub value: Value,
}

impl Setting {
    /// As a properties file has it.
    pub fn text(&self) -> String {
        match &self.value {
            Value::Null => "not set".into(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// What it does, where there is a control for it.
    pub fn plain(&self) -> &'static str {
        control::find(self.key).map_or("", |control| control.plain)
    }
}

/// A segment with the leaf that it is to have, and the engine that does its work.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub case: Case,
    pub leaf: Leaf,
    pub engine: &'static str,
    pub sink: &'static str,
    /// Spark writes the table in `foreachBatch`: only as an alternative to the native sink.
    pub by_hand: bool,
}

/// All settings of a pipeline.
pub fn settings(segments: &[Segment]) -> Vec<Setting> {
    let mut all = shared(segments);
    for (index, segment) in segments.iter().enumerate() {
        all.extend(own(segment, index > 0));
    }
    all
}

/// The settings as a patch of the preset `decision`.
pub fn patch(segments: &[Segment]) -> Patch {
    let mut patch = Patch::default();
    for (index, segment) in segments.iter().enumerate() {
        let (engine, sink) = used(segment);
        let mut part = json!({"engine": {"use": engine}, "sink": {"use": sink}});
        part["engine"][engine] = desk(engine);
        if index == 0 {
            patch = patch.then(&Patch(part));
            continue;
        }
        if let Some(from) = &segment.case.from {
            let main = segments[0].case.name == *from;
            part["from"] = if main {
                "main".into()
            } else {
                from.clone().into()
            };
        }
        let branches = Patch::at(&["branches", &segment.case.name], part);
        patch = patch.then(&branches);
    }
    for setting in settings(segments) {
        let path: Vec<&str> = setting.path.iter().map(String::as_str).collect();
        patch = patch.then(&Patch::at(&path, setting.value));
    }
    let versions = segments.iter().any(|segment| {
        let keyed = matches!(segment.leaf, Leaf::Effectively | Leaf::Versioned);
        keyed && !segment.case.is("replace", "no") && segment.case.get("replace").is_some()
    });
    if versions {
        // Order 3 is changed twice, and the older of the two changes arrives last.
        let workload = json!({"changes": {"6": {"of": 3}, "11": {"of": 3}}, "late": {"11": 1000}});
        patch = patch.then(&Patch::at(&["workload"], workload));
    }
    patch
}

/// Times that are shorter than the defaults, so that a crash is noticed within a short run. They decide no guarantee.
fn desk(engine: &str) -> Value {
    match engine {
        "consumer" => json!({"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000}),
        "flink" => json!({"heartbeat.interval": 500, "heartbeat.timeout": 2000}),
        _ => json!({}),
    }
}

/// The engine and the sink of a scenario that stand for those of the answers.
fn used(segment: &Segment) -> (&'static str, &'static str) {
    let sink = match (segment.sink, segment.engine) {
        ("table", _) => "hudi",
        ("database", "spark") => "database",
        ("topic", _) => "kafka_topic",
        _ => "console",
    };
    (segment.engine, sink)
}

type Pairs = Vec<(&'static str, Value)>;

/// Producer, topic and brokers.
fn shared(segments: &[Segment]) -> Vec<Setting> {
    let any = |leaf: Leaf| segments.iter().any(|segment| segment.leaf == leaf);
    let keeps = segments.iter().any(|segment| !segment.leaf.may_lose());
    let nothing = segments
        .iter()
        .all(|segment| segment.case.is("missing", "nothing"));
    let always = segments
        .iter()
        .any(|segment| segment.case.is("refuse", "no"));
    let mut producer: Pairs = Vec::new();
    if keeps {
        producer.push(("acks", json!("all")));
        producer.push(("enable.idempotence", json!(true)));
        if always {
            producer.push(("delivery.timeout.ms", json!(600_000)));
            producer.push(("app.on.error", json!("send_again")));
        }
    } else {
        producer.push(("acks", json!(if nothing { "0" } else { "1" })));
        producer.push(("enable.idempotence", json!(false)));
        if any(Leaf::AtMostOnce) {
            producer.push(("retries", json!(0)));
        }
        producer.push(("linger.ms", json!(20)));
    }
    let days = |segment: &Segment| match segment.case.get("replay") {
        Some("year") => 365,
        Some("day") => 1,
        _ => 7_u64,
    };
    let days = segments.iter().map(days).max().unwrap_or(7);
    let mut topic: Pairs = vec![
        ("replication.factor", json!(if keeps { 3 } else { 2 })),
        ("min.insync.replicas", json!(if keeps { 2 } else { 1 })),
        ("retention.ms", json!(days * 86_400_000)),
    ];
    if keeps {
        topic.push(("unclean.leader.election.enable", json!(false)));
    }
    let two_phase = segments.iter().any(|segment| {
        segment.leaf == Leaf::Coordinated && segment.engine == "flink" && segment.sink == "topic"
    });
    let brokers: Pairs = if two_phase {
        vec![("transaction.max.timeout.ms", json!(3_600_000))]
    } else {
        Vec::new()
    };
    let sections = [
        ("Producer", "producer", producer),
        ("Topic", "topic", topic),
        ("Brokers", "brokers", brokers),
    ];
    let mut all = Vec::new();
    for (layer, section, pairs) in sections {
        for (key, value) in pairs {
            all.push(Setting {
                layer,
                segment: String::new(),
                path: vec![section.into(), key.into()],
                key,
                value,
            });
        }
    }
    all
}

/// Engine and sink of one segment.
fn own(segment: &Segment, branch: bool) -> Vec<Setting> {
    let (engine, sink) = used(segment);
    let (layer, engine_pairs) = match engine {
        "spark" => ("Spark", spark(segment)),
        "flink" => ("Flink", flink(segment)),
        _ => ("Consumer", consumer(segment)),
    };
    let (sink_layer, sink_pairs) = match sink {
        "hudi" => ("Hudi", hudi(segment)),
        "kafka_topic" => ("Output topic", topic(segment)),
        "database" => ("Database", database(segment)),
        _ if segment.sink == "database" => ("Database", console(segment)),
        _ => ("Service", console(segment)),
    };
    let mut all = Vec::new();
    let parts = [
        (layer, "engine", engine, engine_pairs),
        (sink_layer, "sink", sink, sink_pairs),
    ];
    for (layer, section, variant, pairs) in parts {
        for (key, value) in pairs {
            let mut path: Vec<String> = Vec::new();
            if branch {
                path.extend(["branches".to_string(), segment.case.name.clone()]);
            }
            path.extend([section, variant, key].map(str::to_string));
            all.push(Setting {
                layer,
                segment: segment.case.name.clone(),
                path,
                key,
                value,
            });
        }
    }
    all
}

/// How long a batch, a checkpoint or a window waits, in ms.
fn wait(segment: &Segment) -> u64 {
    match segment.case.get("fresh") {
        Some("second") => 300,
        Some("minutes") => 10_000,
        _ => 1_000,
    }
}

fn windows(segment: &Segment) -> Pairs {
    if segment.case.is("late", "any") {
        return Vec::new();
    }
    vec![
        ("window.type", json!("tumbling")),
        ("window.size", json!(1_000)),
        ("watermark.delay", json!(1_000)),
    ]
}

fn spark(segment: &Segment) -> Pairs {
    let loses = segment.leaf.may_lose();
    let mut pairs: Pairs = vec![
        (
            "checkpointLocation",
            json!(if loses { "lost" } else { "kept" }),
        ),
        (
            "startingOffsets",
            json!(if loses { "latest" } else { "earliest" }),
        ),
        ("failOnDataLoss", json!(!loses)),
        ("trigger", json!(wait(segment))),
    ];
    pairs.extend(windows(segment));
    pairs
}

fn flink(segment: &Segment) -> Pairs {
    let mut pairs: Pairs = Vec::new();
    let stops = segment.leaf == Leaf::AtMostOnce;
    // A table becomes visible with a checkpoint, so it cannot do without.
    if stops && segment.sink != "table" {
        pairs.push(("execution.checkpointing.interval", Value::Null));
    } else {
        pairs.push(("execution.checkpointing.interval", json!(wait(segment))));
    }
    let exact = segment.leaf == Leaf::Coordinated;
    let mode = if exact {
        "EXACTLY_ONCE"
    } else {
        "AT_LEAST_ONCE"
    };
    pairs.push(("execution.checkpointing.mode", json!(mode)));
    if stops {
        pairs.push(("restart-strategy.type", json!("none")));
    }
    pairs.push((
        "high-availability.type",
        json!(if stops { "NONE" } else { "kubernetes" }),
    ));
    let guarantee = match segment.leaf {
        Leaf::BestEffort | Leaf::AtMostOnce => "none",
        Leaf::Coordinated => "exactly-once",
        _ => "at-least-once",
    };
    pairs.push(("sink.delivery-guarantee", json!(guarantee)));
    if exact && segment.sink == "topic" {
        pairs.push(("sink.transactional-id-prefix", json!("orders")));
        pairs.push(("properties.transaction.timeout.ms", json!(3_600_000)));
    }
    let start = if segment.leaf.may_lose() {
        "latest-offset"
    } else {
        "earliest-offset"
    };
    pairs.push(("scan.startup.mode", json!(start)));
    pairs.extend(windows(segment));
    if !segment.case.is("late", "any") {
        pairs.push(("watermark.idleness", json!(1_000)));
    }
    if segment.case.is("late", "side") {
        pairs.push(("late.side.output", json!(true)));
    }
    pairs
}

fn consumer(segment: &Segment) -> Pairs {
    let loses = segment.leaf.may_lose();
    let recorded = segment.sink == "database" && segment.leaf == Leaf::Coordinated;
    let commit = match segment.leaf {
        Leaf::BestEffort => "auto",
        Leaf::AtMostOnce => "before",
        Leaf::Transactions => "transaction",
        _ if recorded => "sink",
        _ => "after",
    };
    let mut pairs: Pairs = vec![
        (
            "enable.auto.commit",
            json!(segment.leaf == Leaf::BestEffort),
        ),
        ("consumer.commit", json!(commit)),
        (
            "auto.offset.reset",
            json!(if loses { "latest" } else { "earliest" }),
        ),
    ];
    if segment.leaf == Leaf::Transactions {
        pairs.push(("isolation.level", json!("read_committed")));
    }
    pairs
}

fn hudi(segment: &Segment) -> Pairs {
    let keyed = matches!(segment.leaf, Leaf::Effectively | Leaf::Versioned);
    let key = if keyed || segment.case.is("id", "before") {
        "order_id"
    } else {
        "kafka_offset"
    };
    let operation = if keyed { "upsert" } else { "insert" };
    let mut pairs: Pairs = vec![
        ("hoodie.datasource.write.operation", json!(operation)),
        ("hoodie.datasource.write.recordkey.field", json!(key)),
    ];
    let ordering = segment.leaf == Leaf::Versioned && segment.case.is("replace", "field");
    let ordering = if ordering {
        json!("event_ts")
    } else {
        Value::Null
    };
    pairs.push(("hoodie.table.ordering.fields", ordering));
    if segment.engine == "spark" {
        let writer = if segment.by_hand {
            "foreach_batch"
        } else {
            "native"
        };
        pairs.push(("sink.writer", json!(writer)));
        if !segment.by_hand {
            let ignores = segment.leaf == Leaf::BestEffort;
            let key = "hoodie.datasource.write.streaming.ignore.failed.batch";
            pairs.push((key, json!(ignores)));
        }
    }
    pairs
}

fn topic(segment: &Segment) -> Pairs {
    let committed = matches!(segment.leaf, Leaf::Transactions | Leaf::Coordinated);
    let level = if committed {
        "read_committed"
    } else {
        "read_uncommitted"
    };
    vec![("output.isolation.level", json!(level))]
}

fn database(segment: &Segment) -> Pairs {
    let write = match segment.leaf {
        Leaf::Effectively | Leaf::Versioned => "upsert",
        Leaf::Coordinated => "batch_id",
        _ => "append",
    };
    vec![("foreach_batch.write", json!(write))]
}

fn console(segment: &Segment) -> Pairs {
    let keyed = matches!(segment.leaf, Leaf::Effectively | Leaf::Versioned);
    vec![("dedup", json!(if keyed { "upsert" } else { "none" }))]
}

/// The settings by layer and segment, in the order of the pipeline.
pub fn to_json(settings: &[Setting]) -> Value {
    let mut layers: Map<String, Value> = Map::new();
    for setting in settings {
        let layer = match setting.segment.as_str() {
            "" => setting.layer.to_string(),
            name => format!("{name}: {}", setting.layer),
        };
        let entry = layers.entry(layer).or_insert_with(|| json!({}));
        entry[setting.key] = setting.value.clone();
    }
    Value::Object(layers)
}
