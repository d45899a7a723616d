//! What stands on the plates of the diagram and beside them: names and the settings that matter most.

use crate::replay::board::Partition;
use crate::replay::explain::place;
use crate::sim::Scenario;
use crate::sim::engines::EngineKind;
use crate::sim::engines::consumer::Commit;
use crate::sim::engines::flink::DeliveryGuarantee;
use crate::sim::kafka::protocol::{Acks, Isolation};
use crate::sim::sinks::SinkKind;
use crate::sim::sinks::hudi::{SinkWriter, WriteOperation};
use crate::sim::trace::Cast;

/// Who produces.
pub fn producers(scenario: &Scenario) -> String {
    match scenario.producer.instances {
        1 => "p1".into(),
        instances => format!("p1-p{instances}"),
    }
}

pub fn acks(scenario: &Scenario) -> &'static str {
    match scenario.producer.acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    }
}

/// Who leads a partition, with the leader epoch once it changed.
pub fn leader(partition: &Partition, cast: &Cast, before: &str) -> String {
    let Some(leader) = partition.leader else {
        return "no leader".into();
    };
    let name = place(cast.host(leader));
    match partition.epoch {
        0 => format!("{before}{name}"),
        epoch => format!("{before}{name}, epoch {epoch}"),
    }
}

/// The same in more and in fewer words, the longest first; `transaction` is what is open there.
pub fn leaders(partition: &Partition, cast: &Cast, transaction: Option<&str>) -> Vec<String> {
    let long = leader(partition, cast, "on ");
    let short = partition.leader.map(|host| cast.host(host).to_string());
    let with = transaction.map(|id| format!("{long}, tx {id}"));
    with.into_iter().chain([long]).chain(short).collect()
}

pub fn engine_name(scenario: &Scenario) -> &'static str {
    match scenario.engine.kind {
        EngineKind::Spark => "Spark",
        EngineKind::Consumer => "Consumers",
        EngineKind::Flink => "Flink",
    }
}

pub fn engine_words(scenario: &Scenario) -> String {
    let consumer = &scenario.engine.consumer;
    match scenario.engine.kind {
        EngineKind::Spark => match scenario.engine.spark.trigger {
            0 => "no trigger".into(),
            ms if ms % 1000 == 0 => format!("trigger {} s", ms / 1000),
            ms => format!("trigger {ms} ms"),
        },
        EngineKind::Flink => match scenario.engine.flink.checkpointing_interval {
            None => "no checkpoints".into(),
            Some(ms) if ms % 1000 == 0 => format!("checkpoint {} s", ms / 1000),
            Some(ms) => format!("checkpoint {ms} ms"),
        },
        EngineKind::Consumer => match consumer.commit {
            Commit::Before => "commit first".into(),
            Commit::After => "commit last".into(),
            Commit::Auto if consumer.auto_commit => "auto-commit".into(),
            Commit::Auto => "no commit".into(),
            Commit::Transaction => "in a transaction".into(),
            Commit::Sink => "with the result".into(),
        },
    }
}

/// Whether who reads the topic waits for the end of transactions.
pub fn reads_committed(scenario: &Scenario) -> bool {
    scenario.engine.kind == EngineKind::Consumer
        && scenario.engine.consumer.isolation() == Isolation::ReadCommitted
}

/// Whether a job's results appear with its checkpoints and not one by one.
fn commits_at_checkpoints(scenario: &Scenario) -> bool {
    let guarantee = scenario.engine.flink.delivery_guarantee;
    scenario.engine.kind == EngineKind::Flink && guarantee == DeliveryGuarantee::ExactlyOnce
}

pub fn sink_name(scenario: &Scenario) -> &'static str {
    match scenario.sink.kind {
        SinkKind::Hudi => "Hudi table",
        SinkKind::Console => "Effects",
        SinkKind::KafkaTopic => "Output topic",
        SinkKind::Database => "Outside table",
    }
}

pub fn sink_words(scenario: &Scenario) -> String {
    let hudi = &scenario.sink.hudi;
    let operation = match hudi.operation {
        WriteOperation::Upsert => "upsert",
        WriteOperation::Insert => "insert",
        WriteOperation::BulkInsert => "bulk_insert",
        WriteOperation::Delete => "delete",
        WriteOperation::InsertOverwrite => "insert_overwrite",
        WriteOperation::InsertOverwriteTable => "insert_overwrite_table",
    };
    let writer = match hudi.writer {
        SinkWriter::Native => "native",
        SinkWriter::ForeachBatch => "foreachBatch",
    };
    match scenario.sink.kind {
        SinkKind::Hudi if scenario.engine.kind == EngineKind::Flink => operation.into(),
        SinkKind::Hudi => format!("{operation}, {writer}"),
        SinkKind::Console if commits_at_checkpoints(scenario) => "at checkpoints".into(),
        SinkKind::Console => "each as it comes".into(),
        SinkKind::Database => "foreachBatch".into(),
        SinkKind::KafkaTopic => match scenario.sink.kafka_topic.isolation {
            Isolation::ReadCommitted => "read_committed".into(),
            Isolation::ReadUncommitted => "read_uncommitted".into(),
        },
    }
}
