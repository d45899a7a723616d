//! The job's settings. What is a method call in Flink has a key of ours.
//!
//! Mirrors: `CheckpointingOptions`, `RestartStrategyOptions`, `PipelineOptions`, `HighAvailabilityOptions`, `HeartbeatManagerOptions`
//! and the Kafka connector's options, with the defaults of 2.0.0.
//! Simplified: of the exponential delay only the times can be set.

use super::super::super::kafka::protocol::Isolation;
use super::super::super::scenario::ScenarioError;
use serde::{Deserialize, Serialize};

/// `execution.checkpointing.mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckpointingMode {
    #[default]
    ExactlyOnce,
    AtLeastOnce,
}

/// `restart-strategy.type`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartStrategyName {
    None,
    FixedDelay,
    ExponentialDelay,
    FailureRate,
}

/// `high-availability.type`: whether a job manager that comes back knows its job and its checkpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HighAvailability {
    #[default]
    #[serde(rename = "NONE")]
    None,
    #[serde(rename = "kubernetes")]
    Kubernetes,
    #[serde(rename = "zookeeper")]
    Zookeeper,
}

/// `sink.delivery-guarantee`, `setDeliveryGuarantee`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryGuarantee {
    /// A checkpoint does not wait for what is on its way out.
    #[default]
    None,
    AtLeastOnce,
    /// Two-phase commit.
    ExactlyOnce,
}

/// Whether every start of the job has another `sink.transactional-id-prefix`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdPrefixSuffix {
    #[default]
    None,
    Random,
}

/// `scan.startup.mode`: where a job without a checkpoint begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartupMode {
    #[default]
    EarliestOffset,
    LatestOffset,
}

/// How watermarks are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatermarkStrategyName {
    /// `noWatermarks()`
    None,
    /// `forBoundedOutOfOrderness(delay)`
    #[default]
    BoundedOutOfOrderness,
    /// `WATERMARK FOR ts AS ts - INTERVAL`
    SqlRowExpression,
}

/// `window.type`: how records are grouped by customer and event time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowType {
    /// Each record goes to the sink as it is.
    #[default]
    None,
    Tumbling,
    Sliding,
    Session,
}

/// Which release decides where releases differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReleaseName {
    #[default]
    #[serde(rename = "2.0")]
    V2_0,
    #[serde(rename = "2.3")]
    V2_3,
}

/// The settings of a job and its cluster. Times are in ms unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlinkConfig {
    /// How many tasks of each kind, one in each task manager.
    #[serde(rename = "parallelism.default")]
    pub parallelism: u8,
    #[serde(rename = "flink.release")]
    pub release: ReleaseName,
    /// Not set: no checkpoints.
    #[serde(rename = "execution.checkpointing.interval")]
    pub checkpointing_interval: Option<u64>,
    #[serde(rename = "execution.checkpointing.mode")]
    pub checkpointing_mode: CheckpointingMode,
    #[serde(rename = "execution.checkpointing.timeout")]
    pub checkpointing_timeout: u64,
    #[serde(rename = "execution.checkpointing.min-pause")]
    pub min_pause: u64,
    #[serde(rename = "execution.checkpointing.max-concurrent-checkpoints")]
    pub max_concurrent_checkpoints: u8,
    #[serde(rename = "execution.checkpointing.tolerable-failed-checkpoints")]
    pub tolerable_failed_checkpoints: u32,
    #[serde(rename = "execution.checkpointing.unaligned.enabled")]
    pub unaligned: bool,
    #[serde(rename = "execution.checkpointing.aligned-checkpoint-timeout")]
    pub aligned_checkpoint_timeout: u64,
    #[serde(rename = "execution.checkpointing.num-retained")]
    pub num_retained: u8,
    #[serde(rename = "restart-strategy.type")]
    pub restart_strategy: Option<RestartStrategyName>,
    #[serde(rename = "restart-strategy.fixed-delay.attempts")]
    pub fixed_delay_attempts: u32,
    #[serde(rename = "restart-strategy.fixed-delay.delay")]
    pub fixed_delay_ms: u64,
    #[serde(rename = "restart-strategy.exponential-delay.initial-backoff")]
    pub initial_backoff_ms: u64,
    #[serde(rename = "restart-strategy.exponential-delay.max-backoff")]
    pub max_backoff_ms: u64,
    #[serde(rename = "restart-strategy.exponential-delay.reset-backoff-threshold")]
    pub reset_backoff_threshold_ms: u64,
    #[serde(rename = "restart-strategy.failure-rate.max-failures-per-interval")]
    pub max_failures_per_interval: u32,
    #[serde(rename = "restart-strategy.failure-rate.failure-rate-interval")]
    pub failure_rate_interval_ms: u64,
    #[serde(rename = "restart-strategy.failure-rate.delay")]
    pub failure_rate_delay_ms: u64,
    #[serde(rename = "high-availability.type")]
    pub high_availability: HighAvailability,
    #[serde(rename = "heartbeat.interval")]
    pub heartbeat_interval: u64,
    #[serde(rename = "heartbeat.timeout")]
    pub heartbeat_timeout: u64,
    /// 0: no timer.
    #[serde(rename = "pipeline.auto-watermark-interval")]
    pub auto_watermark_interval: u64,
    #[serde(rename = "execution.buffer-timeout.interval")]
    pub buffer_timeout: u64,
    #[serde(rename = "scan.startup.mode")]
    pub startup_mode: StartupMode,
    /// Of the source.
    #[serde(rename = "properties.isolation.level")]
    pub isolation: Isolation,
    #[serde(rename = "watermark.strategy")]
    pub watermark_strategy: WatermarkStrategyName,
    /// How far events may come out of order.
    #[serde(rename = "watermark.delay")]
    pub watermark_delay: u64,
    /// `withIdleness(…)`; not set: a silent partition holds everything back.
    #[serde(rename = "watermark.idleness")]
    pub watermark_idleness: Option<u64>,
    /// The strategy is given to `fromSource`, so each partition has its own generator; else one for a whole task.
    #[serde(rename = "watermark.per.partition")]
    pub watermark_per_partition: bool,
    /// `withWatermarkAlignment(group, maxDrift, updateInterval)`; not set: off.
    #[serde(rename = "watermark.alignment.max.drift")]
    pub alignment_max_drift: Option<u64>,
    #[serde(rename = "watermark.alignment.update.interval")]
    pub alignment_update_interval: u64,
    #[serde(rename = "window.type")]
    pub window_type: WindowType,
    #[serde(rename = "window.size")]
    pub window_size: u64,
    #[serde(rename = "window.slide")]
    pub window_slide: u64,
    #[serde(rename = "window.gap")]
    pub window_gap: u64,
    #[serde(rename = "window.offset")]
    pub window_offset: i64,
    /// `allowedLateness(…)`
    #[serde(rename = "allowed.lateness")]
    pub allowed_lateness: u64,
    /// `sideOutputLateData(…)`
    #[serde(rename = "late.side.output")]
    pub late_side_output: bool,
    #[serde(rename = "sink.delivery-guarantee")]
    pub delivery_guarantee: DeliveryGuarantee,
    #[serde(rename = "sink.transactional-id-prefix")]
    pub transactional_id_prefix: String,
    #[serde(rename = "sink.transactional-id-prefix.suffix")]
    pub transactional_id_suffix: IdPrefixSuffix,
    /// Of the Kafka sink's producers.
    #[serde(rename = "properties.transaction.timeout.ms")]
    pub transaction_timeout_ms: u64,
    /// Whether the console recognises a transaction that it has committed already.
    #[serde(rename = "sink.commit.idempotent")]
    pub commit_is_idempotent: bool,
    /// What the operator behind the exchange does with one record takes so long, in microseconds. Not a setting of Flink.
    pub work_us: u64,
    /// Positions at which a scripted source asks for a checkpoint and waits until one holds them. For recordings.
    #[serde(rename = "script.checkpoint.after")]
    pub checkpoint_after: Vec<u64>,
}

impl Default for FlinkConfig {
    fn default() -> Self {
        FlinkConfig {
            parallelism: 1,
            release: ReleaseName::default(),
            checkpointing_interval: None,
            checkpointing_mode: CheckpointingMode::default(),
            checkpointing_timeout: 600_000,
            min_pause: 0,
            max_concurrent_checkpoints: 1,
            tolerable_failed_checkpoints: 0,
            unaligned: false,
            aligned_checkpoint_timeout: 0,
            num_retained: 1,
            restart_strategy: None,
            fixed_delay_attempts: 1,
            fixed_delay_ms: 1_000,
            initial_backoff_ms: 1_000,
            max_backoff_ms: 60_000,
            reset_backoff_threshold_ms: 3_600_000,
            max_failures_per_interval: 1,
            failure_rate_interval_ms: 60_000,
            failure_rate_delay_ms: 1_000,
            high_availability: HighAvailability::default(),
            heartbeat_interval: 10_000,
            heartbeat_timeout: 50_000,
            auto_watermark_interval: 200,
            buffer_timeout: 100,
            startup_mode: StartupMode::default(),
            isolation: Isolation::default(),
            watermark_strategy: WatermarkStrategyName::default(),
            watermark_delay: 0,
            watermark_idleness: None,
            watermark_per_partition: true,
            alignment_max_drift: None,
            alignment_update_interval: 1_000,
            window_type: WindowType::default(),
            window_size: 60_000,
            window_slide: 30_000,
            window_gap: 10_000,
            window_offset: 0,
            allowed_lateness: 0,
            late_side_output: false,
            delivery_guarantee: DeliveryGuarantee::default(),
            transactional_id_prefix: "flink".into(),
            transactional_id_suffix: IdPrefixSuffix::default(),
            transaction_timeout_ms: 3_600_000,
            commit_is_idempotent: true,
            work_us: 0,
            checkpoint_after: Vec::new(),
        }
    }
}

/// A day, the longest time that most settings accept, in ms.
const DAY: u64 = 86_400_000;

impl FlinkConfig {
    pub fn validate(&self, place: &str) -> Result<(), ScenarioError> {
        let refuse =
            |key: &str, why: String| Err(ScenarioError::new(format!("{place}.{key}"), why));
        let checkpointing = "execution.checkpointing";
        let ranges = [
            (
                "parallelism.default".into(),
                u64::from(self.parallelism),
                1,
                4,
            ),
            (
                format!("{checkpointing}.interval"),
                self.checkpointing_interval.unwrap_or(10),
                10,
                DAY,
            ),
            (
                format!("{checkpointing}.timeout"),
                self.checkpointing_timeout,
                10,
                DAY,
            ),
            (format!("{checkpointing}.min-pause"), self.min_pause, 0, DAY),
            (
                format!("{checkpointing}.max-concurrent-checkpoints"),
                u64::from(self.max_concurrent_checkpoints),
                1,
                10,
            ),
            (
                format!("{checkpointing}.aligned-checkpoint-timeout"),
                self.aligned_checkpoint_timeout,
                0,
                DAY,
            ),
            (
                format!("{checkpointing}.num-retained"),
                u64::from(self.num_retained),
                1,
                100,
            ),
            (
                "restart-strategy.fixed-delay.delay".into(),
                self.fixed_delay_ms,
                0,
                DAY,
            ),
            (
                "restart-strategy.exponential-delay.initial-backoff".into(),
                self.initial_backoff_ms,
                1,
                DAY,
            ),
            (
                "restart-strategy.exponential-delay.max-backoff".into(),
                self.max_backoff_ms,
                self.initial_backoff_ms,
                DAY,
            ),
            (
                "restart-strategy.exponential-delay.reset-backoff-threshold".into(),
                self.reset_backoff_threshold_ms,
                1,
                DAY,
            ),
            (
                "restart-strategy.failure-rate.max-failures-per-interval".into(),
                u64::from(self.max_failures_per_interval),
                1,
                1_000,
            ),
            (
                "restart-strategy.failure-rate.failure-rate-interval".into(),
                self.failure_rate_interval_ms,
                1,
                DAY,
            ),
            (
                "restart-strategy.failure-rate.delay".into(),
                self.failure_rate_delay_ms,
                0,
                DAY,
            ),
            (
                "heartbeat.interval".into(),
                self.heartbeat_interval,
                10,
                DAY,
            ),
            (
                "heartbeat.timeout".into(),
                self.heartbeat_timeout,
                self.heartbeat_interval,
                DAY,
            ),
            (
                "pipeline.auto-watermark-interval".into(),
                self.auto_watermark_interval,
                0,
                DAY,
            ),
            (
                "execution.buffer-timeout.interval".into(),
                self.buffer_timeout,
                0,
                DAY,
            ),
            ("watermark.delay".into(), self.watermark_delay, 0, DAY),
            (
                "watermark.idleness".into(),
                self.watermark_idleness.unwrap_or(1),
                1,
                DAY,
            ),
            (
                "watermark.alignment.max.drift".into(),
                self.alignment_max_drift.unwrap_or(0),
                0,
                DAY,
            ),
            (
                "watermark.alignment.update.interval".into(),
                self.alignment_update_interval,
                1,
                DAY,
            ),
            ("window.size".into(), self.window_size, 1, DAY),
            ("window.slide".into(), self.window_slide, 1, DAY),
            ("window.gap".into(), self.window_gap, 1, DAY),
            (
                "window.offset".into(),
                self.window_offset.unsigned_abs(),
                0,
                self.window_size - u64::from(self.window_size > 0),
            ),
            ("allowed.lateness".into(), self.allowed_lateness, 0, DAY),
            (
                "properties.transaction.timeout.ms".into(),
                self.transaction_timeout_ms,
                1,
                DAY,
            ),
            ("work_us".into(), self.work_us, 0, 60_000_000),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                let why = format!("{value} is out of range; {least} to {most} is accepted");
                return refuse(&key, why);
            }
        }
        if self.unaligned && self.max_concurrent_checkpoints > 1 {
            return refuse(
                "execution.checkpointing.max-concurrent-checkpoints",
                "must be 1 with unaligned checkpoints".into(),
            );
        }
        if self.window_type == WindowType::Sliding && self.window_slide > self.window_size {
            return refuse(
                "window.slide",
                format!(
                    "{} is longer than window.size, so records between two windows would be in none",
                    self.window_slide
                ),
            );
        }
        if self.window_type == WindowType::Sliding && self.window_size / self.window_slide > 100 {
            return refuse(
                "window.slide",
                "a record would be in more than 100 windows".into(),
            );
        }
        if self.transactional_id_prefix.is_empty() || self.transactional_id_prefix.len() > 64 {
            return refuse(
                "sink.transactional-id-prefix",
                "1 to 64 characters are accepted".into(),
            );
        }
        Ok(())
    }

    /// Whether there are checkpoints at all.
    pub fn has_checkpoints(&self) -> bool {
        self.checkpointing_interval.is_some() || !self.checkpoint_after.is_empty()
    }

    pub fn is_windowed(&self) -> bool {
        self.window_type != WindowType::None
    }
}
