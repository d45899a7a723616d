//! Another topic as the sink: what a consumer makes of its records is read there by an audit reader.
//!
//! Mirrors: consume, transform, produce; the reader is a `KafkaConsumer` with `assign()` that only looks.
//! Simplified: as many partitions as the input, and each record goes to the one with its own number.

use super::super::kafka::protocol::Isolation;
use super::super::scenario::ScenarioError;
use serde::{Deserialize, Serialize};

/// The output's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaTopicConfig {
    /// Of the audit reader: what it sees is what counts as delivered.
    #[serde(rename = "output.isolation.level")]
    pub isolation: Isolation,
    /// Of the producer inside the consumer, whose `transactional.id` is stable for each process.
    #[serde(rename = "output.transaction.timeout.ms")]
    pub transaction_timeout_ms: u64,
}

impl Default for KafkaTopicConfig {
    fn default() -> Self {
        KafkaTopicConfig {
            isolation: Isolation::ReadUncommitted,
            transaction_timeout_ms: 60_000,
        }
    }
}

impl KafkaTopicConfig {
    pub fn validate(&self, place: &str) -> Result<(), ScenarioError> {
        if !(1..=3_600_000).contains(&self.transaction_timeout_ms) {
            return Err(ScenarioError::new(
                format!("{place}.output.transaction.timeout.ms"),
                format!(
                    "{} is out of range; 1 to 3600000 is accepted",
                    self.transaction_timeout_ms
                ),
            ));
        }
        Ok(())
    }
}
