//! Apache Spark Structured Streaming: micro-batches with an offset log and a commit log.
//!
//! Mirrors: Spark 4.x `MicroBatchExecution`, `OffsetSeqLog`, `CommitLog`; what it does with rows are the operators of
//! [`super::operators`]. Simplified: rows travel from a reading task to a writing one with the task's result; every executor
//! runs any number of tasks; one shuffle partition; one input.

#[cfg(not(feature = "lean"))]
pub mod damage;
pub mod driver;
pub mod executor;
mod leaders;
pub mod micro_batch;
pub mod progress;

use super::super::kafka::protocol::{Isolation, PartitionId};
use super::super::scenario::ScenarioError;
use super::super::sinks::hudi::WriteTask;
use super::super::trace::Row;
use super::operators::query::{Operator, Query};
use super::operators::watermark::WatermarkPolicy;
use super::operators::window::Windows;
use super::operators::{Bounds, Element, OutputMode};
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
    Sliding,
    Session,
}

/// `trigger(…)`: when a batch starts, and when the query ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TriggerType {
    /// For ever, at multiples of `trigger`.
    #[default]
    ProcessingTime,
    /// Batches under the limits up to the end offsets of the start, then it ends.
    AvailableNow,
    /// One batch without limits, then it ends. Deprecated since 3.4.
    Once,
}

/// `groupBy(…)`: what rows are grouped by besides their window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// Nothing else.
    #[default]
    Time,
    /// The customer, who is the record key. Without windows: by customer alone.
    Customer,
}

/// How copies of an order are recognised before anything else is done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dedup {
    #[default]
    None,
    DropDuplicates,
    DropDuplicatesWithinWatermark,
}

/// What two copies have to agree in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DedupColumns {
    #[default]
    OrderId,
    /// The event time is among the columns, so that the watermark can clear the state.
    OrderIdAndTime,
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
    #[serde(rename = "trigger.type")]
    pub trigger_type: TriggerType,
    #[serde(rename = "failOnDataLoss")]
    pub fail_on_data_loss: bool,
    #[serde(rename = "output.mode")]
    pub output_mode: OutputMode,
    /// `window(…, duration, slide)`, in ms.
    #[serde(rename = "window.slide")]
    pub window_slide: u64,
    /// `session_window(…, gap)`, in ms.
    #[serde(rename = "window.gap")]
    pub window_gap: u64,
    #[serde(rename = "group.by")]
    pub group_by: GroupBy,
    /// Whether the event time has a watermark at all.
    #[serde(rename = "withWatermark")]
    pub with_watermark: bool,
    pub deduplicate: Dedup,
    #[serde(rename = "deduplicate.columns")]
    pub dedup_columns: DedupColumns,
    /// Whether anything after `dropDuplicates` uses the event time; if not, the optimizer takes the column away.
    #[serde(rename = "deduplicate.time.used")]
    pub dedup_time_used: bool,
    #[serde(rename = "spark.sql.streaming.noDataMicroBatches.enabled")]
    pub no_data_batches: bool,
    #[serde(rename = "spark.sql.streaming.statefulOperator.allowMultiple")]
    pub allow_multiple: bool,
    /// Whoever watches over the query starts it again this long after it ended, in ms; 0: nobody does. Not a setting of Spark.
    #[serde(rename = "query.restart")]
    pub restart: u64,
    /// How many applications run the query on this checkpoint. Not a setting of Spark.
    pub applications: u8,
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
            trigger_type: TriggerType::default(),
            fail_on_data_loss: true,
            output_mode: OutputMode::default(),
            window_slide: 30_000,
            window_gap: 30_000,
            group_by: GroupBy::default(),
            with_watermark: true,
            deduplicate: Dedup::default(),
            dedup_columns: DedupColumns::default(),
            dedup_time_used: true,
            no_data_batches: true,
            allow_multiple: true,
            restart: 0,
            applications: 1,
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
            ("window.slide", self.window_slide, 1, 86_400_000),
            ("window.gap", self.window_gap, 1, 86_400_000),
            ("watermark.delay", self.watermark_delay, 0, 86_400_000),
            ("query.restart", self.restart, 0, 3_600_000),
            ("applications", u64::from(self.applications), 1, 2),
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
        let refused =
            |key: &str, problem: &str| Err(ScenarioError::new(format!("{place}.{key}"), problem));
        if self.window_type == WindowType::Sliding && self.window_size / self.window_slide > 100 {
            return refused("window.slide", "an order may be in at most 100 windows");
        }
        if self.deduplicate != Dedup::None && self.is_grouped() {
            return refused(
                "deduplicate",
                "with windows or groups it would be a second stateful operator; a query has one here",
            );
        }
        if let Some(condition) = self.query().refusal() {
            return refused(
                "output.mode",
                &format!(
                    "{:?} is refused by Spark with window.type {:?}, group.by {:?}, withWatermark {} and deduplicate {:?}: {condition}",
                    self.output_mode,
                    self.window_type,
                    self.group_by,
                    self.with_watermark,
                    self.deduplicate
                ),
            );
        }
        Ok(())
    }

    /// Whether the result is windows or groups.
    pub fn is_grouped(&self) -> bool {
        self.window_type != WindowType::None || self.group_by != GroupBy::Time
    }

    /// What takes a build with everything in it, by the key that asks for it.
    pub fn needs_full(&self) -> Option<&'static str> {
        let plain = SparkConfig::default();
        [
            (self.trigger_type != plain.trigger_type, "trigger.type"),
            (!self.fail_on_data_loss, "failOnDataLoss"),
            (self.output_mode != plain.output_mode, "output.mode"),
            (
                !matches!(self.window_type, WindowType::None | WindowType::Tumbling),
                "window.type",
            ),
            (self.group_by != plain.group_by, "group.by"),
            (!self.with_watermark, "withWatermark"),
            (self.deduplicate != plain.deduplicate, "deduplicate"),
            (self.restart > 0, "query.restart"),
            (self.applications > 1, "applications"),
        ]
        .into_iter()
        .find_map(|(needed, key)| needed.then_some(key))
    }

    /// What is done with the rows.
    pub fn query(&self) -> Query {
        let windows = match self.window_type {
            WindowType::None => None,
            WindowType::Tumbling => Some(Windows::Tumbling {
                size_ms: self.window_size,
            }),
            WindowType::Sliding => Some(Windows::Sliding {
                size_ms: self.window_size,
                slide_ms: self.window_slide,
            }),
            WindowType::Session => Some(Windows::Session {
                gap_ms: self.window_gap,
            }),
        };
        let keyed = self.group_by == GroupBy::Customer;
        let operator = if windows.is_some() || keyed {
            Operator::Aggregate { windows, keyed }
        } else {
            self.deduplication()
        };
        let watermark = self.with_watermark && operator != Operator::Stateless;
        Query {
            operator,
            mode: self.output_mode,
            delays: vec![watermark.then_some(self.watermark_delay)],
            policy: WatermarkPolicy::default(),
            no_data_batches: self.no_data_batches,
            allow_multiple: self.allow_multiple,
        }
    }

    #[cfg(feature = "lean")]
    fn deduplication(&self) -> Operator {
        Operator::Stateless
    }

    #[cfg(not(feature = "lean"))]
    fn deduplication(&self) -> Operator {
        use super::operators::dedup::Column;
        if self.deduplicate == Dedup::None {
            return Operator::Stateless;
        }
        Operator::Deduplicate {
            columns: match self.dedup_columns {
                DedupColumns::OrderId => vec![Column::Id],
                DedupColumns::OrderIdAndTime => vec![Column::Id, Column::Ts],
            },
            within: self.deduplicate == Dedup::DropDuplicatesWithinWatermark,
            time_pruned: !self.dedup_time_used,
        }
    }
}

/// What becomes of a second start on the checkpoint of an active query in the same application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondStart {
    StopsTheFirst,
    /// The first goes on; this is what the second is told.
    Refused(&'static str),
}

/// `spark.sql.streaming.stopActiveRunOnRestart`. Another application knows of neither, and both run: see
/// `SparkConfig::applications`.
pub const fn second_start(stop_active_run: bool) -> SecondStart {
    if stop_active_run {
        SecondStart::StopsTheFirst
    } else {
        SecondStart::Refused("IllegalStateException: another query with same id is already active")
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
    /// Run the stateful operator on state version `version`, and write the next version.
    Operate {
        elements: Vec<Element>,
        bounds: Bounds,
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
    Elements(Vec<Element>),
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
        work: Box<Work>,
    },
    Finished {
        batch: u64,
        task: u32,
        attempt: u32,
        output: Box<Output>,
    },
    /// An executor is there, for the first time or again.
    Ready,
    // to oneself
    /// Whoever watches over the query starts it again.
    Start,
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
