//! What stands on the plates of the diagram and beside them: names and the settings that matter most.

use crate::replay::Board;
use crate::replay::board::Partition;
use crate::replay::explain::place;
use crate::replay::transactions::State;
use crate::sim::Scenario;
use crate::sim::engines::EngineKind;
use crate::sim::engines::consumer::Commit;
use crate::sim::kafka::protocol::{Acks, Isolation};
use crate::sim::sinks::SinkKind;
use crate::sim::sinks::hudi::{SinkWriter, WriteOperation};
use crate::sim::trace::Cast;

pub fn acks(scenario: &Scenario) -> &'static str {
    match scenario.producer.acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    }
}

/// The producer's identity and its transaction, where it has them.
pub fn writer_lines(board: &Board) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((_, epoch)) = board.producer.identity {
        lines.push(format!("epoch {epoch}"));
    }
    if let Some(last) = board.transactions.0.last() {
        let state = match last.state {
            State::Ongoing if last.orphaned => "left open",
            State::Ongoing => "ongoing",
            State::Prepared { commit: true } => "will commit",
            State::Prepared { commit: false } => "will abort",
            State::Ended { commit: true } => "committed",
            State::Ended { commit: false } => "aborted",
        };
        lines.push(format!("tx {state}"));
    }
    lines
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
        EngineKind::Flink => "checkpoints".into(),
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
        SinkKind::Hudi => format!("{operation}, {writer}"),
        SinkKind::Console => "each as it comes".into(),
        SinkKind::Database => "foreachBatch".into(),
        SinkKind::KafkaTopic => match scenario.sink.kafka_topic.isolation {
            Isolation::ReadCommitted => "read_committed".into(),
            Isolation::ReadUncommitted => "read_uncommitted".into(),
        },
    }
}
