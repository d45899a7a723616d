//! Where a segment's rows end up. One folder a sink, and the section of a scenario that chooses one. Spark's driver and
//! executor and the store still name Hudi's parts themselves.

pub mod console;
pub mod database;
pub mod hudi;
pub mod kafka_topic;

use super::engines::consumer::Commit;
use super::engines::flink;
use super::engines::operators::OutputMode;
use super::engines::{EngineKind, EngineSection};
use super::scenario::ScenarioError;
use serde::{Deserialize, Serialize};

/// Which sink is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    #[default]
    Hudi,
    /// Where a plain consumer's effects are seen.
    Console,
    /// What a consumer produces, read by an audit reader.
    KafkaTopic,
    /// An outside table that a query's `foreachBatch` writes.
    Database,
}

/// The sink of a segment: all variants keep their settings, so switching back finds them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SinkSection {
    #[serde(rename = "use")]
    pub kind: SinkKind,
    pub hudi: hudi::HudiConfig,
    #[serde(with = "super::sealed")]
    pub console: console::ConsoleConfig,
    #[serde(with = "super::sealed")]
    pub kafka_topic: kafka_topic::KafkaTopicConfig,
    #[serde(with = "super::sealed")]
    pub database: database::DatabaseConfig,
}

impl SinkSection {
    /// Whether it holds one row an order that later versions take the place of. A topic, a feed or a mail does not.
    pub fn holds_orders(&self) -> bool {
        match self.kind {
            SinkKind::Hudi => self.hudi.query != hudi::QueryType::Incremental,
            SinkKind::Console => self.console.dedup == console::Dedup::Upsert,
            SinkKind::KafkaTopic => false,
            SinkKind::Database => self.database.write == database::BatchWrite::Upsert,
        }
    }

    pub fn validate(&self, place: &str, engine: &EngineSection) -> Result<(), ScenarioError> {
        let fits = match engine.kind {
            EngineKind::Spark => matches!(self.kind, SinkKind::Hudi | SinkKind::Database),
            EngineKind::Consumer => matches!(self.kind, SinkKind::Console | SinkKind::KafkaTopic),
            EngineKind::Flink => self.kind != SinkKind::Database,
        };
        if !fits {
            return Err(ScenarioError::new(
                format!("{place}.use"),
                "engine.use \"spark\" writes to \"hudi\" or \"database\", \"consumer\" to \"console\" or \"kafka_topic\", and \"flink\" to any but \"database\"",
            ));
        }
        let native = self.kind == SinkKind::Hudi && self.hudi.writer == hudi::SinkWriter::Native;
        let spark = engine.kind == EngineKind::Spark;
        if spark && native && engine.spark.output_mode != OutputMode::Append {
            return Err(ScenarioError::new(
                format!("{place}.hudi.sink.writer"),
                "\"native\" overwrites the whole table in every output.mode but append; use \"foreach_batch\"",
            ));
        }
        let topic = self.kind == SinkKind::KafkaTopic;
        if topic && engine.kind == EngineKind::Flink && engine.flink.is_windowed() {
            return Err(ScenarioError::new(
                format!("{place}.use"),
                "a record of \"kafka_topic\" stands for one order, so engine.flink.window.type must be \"none\"",
            ));
        }
        if engine.kind == EngineKind::Flink && self.kind == SinkKind::Hudi {
            self.validate_table_of_flink(place, &engine.flink)?;
        }
        let consumes = engine.kind == EngineKind::Consumer;
        if consumes && engine.consumer.commit == Commit::Transaction && !topic {
            return Err(ScenarioError::new(
                "engine.consumer.consumer.commit",
                "\"transaction\" commits offsets with the output, so sink.use must be \"kafka_topic\"",
            ));
        }
        let keeps = consumes && engine.consumer.commit == Commit::Sink;
        if keeps && self.console.dedup == console::Dedup::Store {
            return Err(ScenarioError::new(
                format!("{place}.console.dedup"),
                "\"store\" drops a write with the offset in it; \"none\" and \"upsert\" go with consumer.commit \"sink\"",
            ));
        }
        if keeps && topic {
            return Err(ScenarioError::new(
                "engine.consumer.consumer.commit",
                "\"sink\" keeps offsets beside the effects, so sink.use must be \"console\"",
            ));
        }
        if consumes && engine.consumer.pool > 0 && topic {
            return Err(ScenarioError::new(
                "engine.consumer.consumer.pool",
                "must be 0 with sink.use \"kafka_topic\": one producer, one thread",
            ));
        }
        self.kafka_topic.validate(&format!("{place}.kafka_topic"))?;
        self.hudi.validate(&format!("{place}.hudi"), engine)
    }

    /// What the Flink writer here cannot do.
    fn validate_table_of_flink(
        &self,
        place: &str,
        engine: &flink::FlinkConfig,
    ) -> Result<(), ScenarioError> {
        let refuse = |place: String, why: &str| Err(ScenarioError::new(place, why));
        if engine.parallelism > 1 {
            return refuse(
                "engine.flink.parallelism.default".into(),
                "must be 1 with sink.use \"hudi\": the table has one writer",
            );
        }
        if engine.tolerable_failed_checkpoints > 0 {
            return refuse(
                "engine.flink.execution.checkpointing.tolerable-failed-checkpoints".into(),
                "must be 0 with sink.use \"hudi\": an instant belongs to one checkpoint",
            );
        }
        if self.hudi.is_merge_on_read() {
            return refuse(
                format!("{place}.hudi.hoodie.datasource.write.table.type"),
                "must be \"COPY_ON_WRITE\" with engine.use \"flink\"",
            );
        }
        Ok(())
    }
}
