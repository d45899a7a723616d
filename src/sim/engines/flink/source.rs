//! The reading side of a task: partitions of the topic, positions, watermarks.
//!
//! Mirrors: `KafkaSource` with `KafkaSourceReader`, `SourceOperator`. A position is part of the checkpoint; the group's offsets
//! are for whoever watches, and nothing here reads them.
//! Simplified: partitions are dealt out in turn and never discovered later; the client asks again every 10 ms.

use super::watermark::{self, SourceWatermarks};
use super::{FlinkConfig, ReleaseName, StartupMode, WatermarkStrategyName};
use crate::sim::kafka::protocol::{PartitionId, Positions};
use crate::sim::kernel::HostId;
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::workload::Record;
use std::collections::VecDeque;

/// What a reading task has in memory.
#[derive(Clone, Debug)]
pub struct Source {
    /// The next record to hand on, of each partition of this task.
    pub positions: Positions,
    /// Partitions whose start is not known yet.
    pub unknown: OrdSet<PartitionId>,
    /// What was fetched, and where the next fetch begins.
    pub fetched: OrdMap<PartitionId, (u64, VecDeque<(u64, Record)>)>,
    /// Whom it has asked; no answer comes once that connection breaks, whoever leads by then.
    pub fetching: OrdMap<PartitionId, HostId>,
    pub watermarks: SourceWatermarks,
    /// The next record is on its way through the task's own loop.
    pub emitting: bool,
    /// A scripted source waits for a checkpoint that holds this many records.
    pub waits_for: Option<u64>,
    /// It has asked for that checkpoint.
    pub asked: bool,
    /// Watermark alignment: partitions ahead of this stand still.
    pub max_watermark: i64,
    /// Positions at barriers that have left.
    pub at_barrier: OrdMap<u64, Positions>,
    /// Partitions that were told to be idle.
    pub idle: OrdSet<u16>,
}

impl Source {
    /// The source of task `index`, at these positions or at the start.
    pub fn new(
        config: &FlinkConfig,
        index: u8,
        partitions: std::ops::Range<u16>,
        restored: Option<&Positions>,
    ) -> Self {
        let first = partitions.start;
        let parallelism = u16::from(config.parallelism);
        let own = partitions.filter(|n| (n - first) % parallelism == u16::from(index));
        let own: Vec<u16> = own.collect();
        let settings = watermark::Settings {
            strategy: match config.watermark_strategy {
                WatermarkStrategyName::None => watermark::Strategy::None,
                WatermarkStrategyName::BoundedOutOfOrderness => {
                    watermark::Strategy::BoundedOutOfOrderness
                }
                WatermarkStrategyName::SqlRowExpression => watermark::Strategy::SqlRowExpression,
            },
            delay: config.watermark_delay as i64,
            idle_timeout: config.watermark_idleness,
            interval: config.auto_watermark_interval,
            release: release(config),
        };
        let generators = if config.watermark_per_partition {
            own.clone()
        } else {
            Vec::new()
        };
        let mut source = Source {
            positions: Positions::new(),
            unknown: OrdSet::new(),
            fetched: OrdMap::new(),
            fetching: OrdMap::new(),
            watermarks: SourceWatermarks::new(settings, generators),
            emitting: false,
            waits_for: None,
            asked: false,
            max_watermark: watermark::MAX,
            at_barrier: OrdMap::new(),
            idle: OrdSet::new(),
        };
        for partition in own.into_iter().map(PartitionId) {
            let known = restored.and_then(|positions| positions.get(&partition));
            match known {
                Some(&offset) => source.begin(partition, offset),
                None if config.startup_mode == StartupMode::LatestOffset => {
                    source.unknown.insert(partition);
                }
                None => source.begin(partition, 0),
            }
        }
        source
    }

    pub fn begin(&mut self, partition: PartitionId, offset: u64) {
        self.unknown.remove(&partition);
        self.positions.insert(partition, offset);
        self.fetched.insert(partition, (offset, VecDeque::new()));
    }

    /// Records handed on since the beginning of the topic.
    pub fn position(&self) -> u64 {
        self.positions.values().sum()
    }

    /// A partition that has a record to hand on.
    pub fn next(&self) -> Option<PartitionId> {
        let ready = self.fetched.iter().find(|(partition, (_, records))| {
            let aligned = self.watermarks.of(partition.0) <= self.max_watermark;
            !records.is_empty() && aligned
        });
        ready.map(|(&partition, _)| partition)
    }

    pub fn take(&mut self, partition: PartitionId) -> Option<(u64, Record)> {
        let (offset, record) = self.fetched.get_mut(&partition)?.1.pop_front()?;
        self.positions.insert(partition, offset + 1);
        Some((offset, record))
    }

    pub fn has_records(&self) -> bool {
        self.fetched
            .values()
            .any(|(_, records)| !records.is_empty())
    }

    /// What watermark alignment reports: none while nothing is known.
    pub fn lowest_watermark(&self) -> Option<i64> {
        let partitions = self.positions.keys();
        let active = partitions.filter(|partition| !self.idle.contains(&partition.0));
        let known = active.map(|partition| self.watermarks.of(partition.0));
        known.min().filter(|&lowest| lowest > watermark::MIN)
    }
}

pub fn release(config: &FlinkConfig) -> watermark::Release {
    match config.release {
        ReleaseName::V2_0 => watermark::Release::V2_0,
        ReleaseName::V2_3 => watermark::Release::V2_3,
    }
}
