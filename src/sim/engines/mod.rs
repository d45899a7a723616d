//! The processing engines. One folder an engine, and the section of a scenario that chooses one. The simulation and the store
//! still name Spark's parts themselves.

pub mod consumer;
pub mod flink;
pub mod operators;
pub mod spark;

use super::scenario::ScenarioError;
use serde::{Deserialize, Serialize};

/// Which engine is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    #[default]
    Spark,
    /// A plain consumer application.
    Consumer,
    Flink,
}

/// The engine of a segment: all variants keep their settings, so switching back finds them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSection {
    #[serde(rename = "use")]
    pub kind: EngineKind,
    pub spark: spark::SparkConfig,
    #[serde(with = "super::sealed")]
    pub consumer: consumer::ConsumerConfig,
    #[serde(with = "super::sealed")]
    pub flink: flink::FlinkConfig,
}

impl EngineSection {
    pub fn validate(&self, place: &str) -> Result<(), ScenarioError> {
        self.spark.validate(&format!("{place}.spark"))?;
        self.consumer.validate(&format!("{place}.consumer"))?;
        self.flink.validate(&format!("{place}.flink"))
    }
}
