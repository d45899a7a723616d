//! Apache Spark Structured Streaming: micro-batches with an offset log and a commit log.
//!
//! Mirrors: Spark 4.x `MicroBatchExecution`, `OffsetSeqLog`, `CommitLog`, `WatermarkTracker`, tumbling-window aggregation in
//! append mode. Simplified: rows travel from a reading task to a writing one with the task's result; every executor runs
//! any number of tasks; one shuffle partition.

pub mod driver;
pub mod executor;
mod leaders;
pub mod progress;
mod window;

use super::super::kafka::protocol::{Isolation, PartitionId};
use super::super::scenario::ScenarioError;
use super::super::sinks::hudi::WriteTask;
use super::super::trace::Row;
use crate::sim::kernel::EventTime;
use crate::sim::sinks::hudi;
use serde::{Deserialize, Serialize};

/// Where a query without a checkpoint begins to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartingOffsets {
    #[default]
    Latest,
    Earliest,
}

/// What becomes of the checkpoint when the driver dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckpointLocation {
    /// A path in the object store.
    #[default]
    Kept,
    /// A path on the driver's own disk, which goes with it.
    Lost,
}

/// `window.type`: how rows are grouped by event time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowType {
    /// No aggregation: each record becomes a row.
    #[default]
    None,
    Tumbling,
}

/// The query's settings. What is a method call in Spark has a key of ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SparkConfig {
    /// `Trigger.ProcessingTime`, in ms; 0 starts a batch as soon as the last one ends.
    pub trigger: u64,
    #[serde(rename = "checkpointLocation")]
    pub checkpoint_location: CheckpointLocation,
    #[serde(rename = "startingOffsets")]
    pub starting_offsets: StartingOffsets,
    #[serde(rename = "kafka.isolation.level")]
    pub isolation: Isolation,
    #[serde(rename = "maxOffsetsPerTrigger")]
    pub max_offsets_per_trigger: Option<u64>,
    #[serde(rename = "spark.task.maxFailures")]
    pub task_max_failures: u32,
    #[serde(rename = "window.type")]
    pub window_type: WindowType,
    /// `window(…, duration)`, in ms.
    #[serde(rename = "window.size")]
    pub window_size: u64,
    /// `withWatermark(…, delay)`, in ms.
    #[serde(rename = "watermark.delay")]
    pub watermark_delay: u64,
    /// How many executors run the tasks.
    pub executors: u8,
    /// How long a task takes besides reading and writing, in microseconds. Not a setting of Spark.
    pub task_us: u64,
}

impl Default for SparkConfig {
    fn default() -> Self {
        SparkConfig {
            trigger: 0,
            checkpoint_location: CheckpointLocation::default(),
            starting_offsets: StartingOffsets::default(),
            isolation: Isolation::default(),
            max_offsets_per_trigger: None,
            task_max_failures: 4,
            window_type: WindowType::default(),
            window_size: 60_000,
            watermark_delay: 0,
            executors: 2,
            task_us: 15_000,
        }
    }
}

impl SparkConfig {
    pub fn validate(&self, place: &str) -> Result<(), ScenarioError> {
        for (key, value, least, most) in [
            ("trigger", self.trigger, 0, 3_600_000),
            (
                "maxOffsetsPerTrigger",
                self.max_offsets_per_trigger.unwrap_or(1),
                1,
                1_000_000,
            ),
            (
                "spark.task.maxFailures",
                u64::from(self.task_max_failures),
                1,
                100,
            ),
            ("window.size", self.window_size, 1, 86_400_000),
            ("watermark.delay", self.watermark_delay, 0, 86_400_000),
            ("executors", u64::from(self.executors), 1, 4),
            ("task_us", self.task_us, 0, 60_000_000),
        ] {
            if !(least..=most).contains(&value) {
                return Err(ScenarioError::new(
                    format!("{place}.{key}"),
                    format!("{value} is out of range; {least} to {most} is accepted"),
                ));
            }
        }
        Ok(())
    }

    pub fn is_stateful(&self) -> bool {
        self.window_type != WindowType::None
    }
}

/// The work of one task.
#[derive(Clone, Debug)]
pub enum Work {
    /// Read `[start, end)` of a partition and make rows of it.
    Read {
        partition: PartitionId,
        start: u64,
        end: u64,
    },
    /// Merge rows into the windows of state version `version`, and write the next version.
    Aggregate {
        rows: Vec<Row>,
        late: EventTime,
        evict: EventTime,
        version: u64,
        checkpoint: String,
    },
    Write {
        task: WriteTask,
    },
}

/// What a task hands back.
#[derive(Clone, Debug)]
pub enum Output {
    Rows(Vec<Row>),
    Slice(hudi::Slice),
    /// The topic does not hold what was planned.
    OffsetsGone,
    /// The state version that the task needs is not there.
    StateMissing,
    /// The store refused what the task wanted to write.
    Failed,
}

#[derive(Clone, Debug)]
pub enum Message {
    // driver and executor
    Run {
        batch: u64,
        task: u32,
        attempt: u32,
        work: Work,
    },
    Finished {
        batch: u64,
        task: u32,
        attempt: u32,
        output: Output,
    },
    /// An executor is there, for the first time or again.
    Ready,
    // to oneself
    Trigger,
    Report,
    Go {
        task: u32,
        attempt: u32,
    },
    RetryRead {
        task: u32,
        attempt: u32,
    },
    AskLeaders,
    /// The pause between two attempts of the sink is over.
    RetryBatch {
        batch: u64,
        attempt: u32,
    },
    /// The heartbeat of a write in progress is due.
    Beat {
        instant: crate::sim::kernel::Time,
    },
}
