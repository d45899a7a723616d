//! A query: one operator, its watermarks and its output mode, and whether an engine accepts the combination.
//!
//! Mirrors: `UnsupportedOperationChecker`, `IncrementalExecution.shouldRunAnotherBatch`.

use super::aggregate::Aggregation;
#[cfg(not(feature = "lean"))]
use super::dedup::{Column, Deduplication};
#[cfg(not(feature = "lean"))]
use super::join::{Join, JoinType};
use super::watermark::{Tracker, WatermarkPolicy};
use super::window::Windows;
use super::{Bounds, Element, Emitted, Outcome, OutputMode, State};
use crate::sim::compact::gather;
use crate::sim::kernel::EventTime;
use crate::sim::trace::SegmentId;

/// What is done with the rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Operator {
    /// Rows pass as they came. A watermark alone filters nothing.
    Stateless,
    /// Count and sum by window, by key, or both.
    Aggregate {
        windows: Option<Windows>,
        keyed: bool,
    },
    /// `dropDuplicates`, and with `within` `dropDuplicatesWithinWatermark`.
    #[cfg(not(feature = "lean"))]
    Deduplicate {
        columns: Vec<Column>,
        within: bool,
        /// Nothing after it uses the event time.
        time_pruned: bool,
    },
    #[cfg(not(feature = "lean"))]
    Join {
        kind: JoinType,
        within_ms: Option<u64>,
    },
}

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub operator: Operator,
    pub mode: OutputMode,
    /// Index: input. The delay of its `withWatermark` in ms, if it has one.
    pub delays: Vec<Option<u64>>,
    pub policy: WatermarkPolicy,
    /// `spark.sql.streaming.noDataMicroBatches.enabled`.
    pub no_data_batches: bool,
    /// `spark.sql.streaming.statefulOperator.allowMultiple`: late rows are judged by the batch before. Without it by the batch
    /// itself, so that a row is dropped although its window is still there.
    pub allow_multiple: bool,
}

/// The condition under which a combination is refused when the query is started.
pub const UNSUPPORTED_MODE: &str = "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION";
/// What has no name of its own in Spark 4.3.
pub const UNSUPPORTED: &str = "_LEGACY_ERROR_TEMP_3102";

impl Query {
    /// Whether an input has a watermark.
    fn has_watermark(&self, input: usize) -> bool {
        self.delays.get(input).copied().flatten().is_some()
    }

    /// Whether the event time has a watermark where inputs have come together: the first one's column gives its name to all.
    fn is_watermarked(&self) -> bool {
        self.has_watermark(0)
    }

    /// The condition that an engine refuses this query with.
    pub fn refusal(&self) -> Option<&'static str> {
        let append = self.mode == OutputMode::Append;
        match &self.operator {
            // A group can be final only if a watermark passes its window.
            Operator::Aggregate { windows: None, .. } if append => Some(UNSUPPORTED_MODE),
            Operator::Aggregate { .. } if append && !self.is_watermarked() => {
                Some(UNSUPPORTED_MODE)
            }
            Operator::Aggregate {
                windows: Some(Windows::Session { .. }),
                ..
            } if self.mode == OutputMode::Update => Some(UNSUPPORTED_MODE),
            Operator::Aggregate { .. } => None,
            _ if self.mode == OutputMode::Complete => Some(UNSUPPORTED_MODE),
            #[cfg(not(feature = "lean"))]
            Operator::Deduplicate { within: true, .. } if !self.is_watermarked() => {
                Some(UNSUPPORTED)
            }
            #[cfg(not(feature = "lean"))]
            Operator::Join { kind, within_ms } => {
                // What comes out alone must be known to have no partner any more: the other side has to have a watermark.
                let [left, right] = [self.has_watermark(0), self.has_watermark(1)];
                let other = match kind {
                    JoinType::Inner => return None,
                    JoinType::LeftOuter => right,
                    JoinType::RightOuter => left,
                    JoinType::FullOuter => left || right,
                };
                (!(append && within_ms.is_some() && other)).then_some(UNSUPPORTED)
            }
            _ => None,
        }
    }

    pub fn is_stateful(&self) -> bool {
        self.operator != Operator::Stateless
    }

    /// The stateful operator's name in progress reports and in the state's metadata.
    pub fn operator_name(&self) -> Option<&'static str> {
        Some(match &self.operator {
            Operator::Stateless => return None,
            Operator::Aggregate {
                windows: Some(Windows::Session { .. }),
                ..
            } => "sessionWindowStateStoreSaveExec",
            Operator::Aggregate { .. } => "stateStoreSave",
            #[cfg(not(feature = "lean"))]
            Operator::Deduplicate { within: false, .. } => "dedupe",
            #[cfg(not(feature = "lean"))]
            Operator::Deduplicate { within: true, .. } => "dedupeWithinWatermark",
            #[cfg(not(feature = "lean"))]
            Operator::Join { .. } => "symmetricHashJoin",
        })
    }

    /// A tracker that goes on from a global watermark.
    pub fn tracker(&self, global: EventTime) -> Tracker {
        Tracker::new(self.policy, self.delays.clone(), global)
    }

    /// Whether the operator asks for a batch without data, now that the watermark has passed what it evicted by.
    pub fn wants_no_data(&self, evicted_by: EventTime, watermark: EventTime) -> bool {
        let asks = match &self.operator {
            Operator::Stateless => false,
            Operator::Aggregate { .. } => self.mode != OutputMode::Complete,
            #[cfg(not(feature = "lean"))]
            Operator::Deduplicate { .. } => true,
            #[cfg(not(feature = "lean"))]
            Operator::Join { kind, within_ms } => self.join(*kind, *within_ms).evicts(),
        };
        self.no_data_batches && asks && watermark > evicted_by
    }

    #[cfg(not(feature = "lean"))]
    fn join(&self, kind: JoinType, within_ms: Option<u64>) -> Join {
        Join {
            kind,
            within_ms,
            watermarked: [self.has_watermark(0), self.has_watermark(1)],
        }
    }

    /// One batch: elements of the first input, and of the second one if there is one, in the order of arrival.
    pub fn run(
        &self,
        state: State,
        elements: Vec<Element>,
        second: Vec<Element>,
        mut bounds: Bounds,
        segment: SegmentId,
    ) -> Outcome {
        if !self.allow_multiple {
            bounds.late = bounds.evict;
        }
        match &self.operator {
            Operator::Stateless => Outcome {
                state,
                emitted: gather(elements.into_iter().chain(second).map(Emitted::Passed)),
                facts: Vec::new(),
                metrics: None,
            },
            Operator::Aggregate { windows, keyed } => {
                let aggregation = Aggregation {
                    windows: *windows,
                    keyed: *keyed,
                    mode: self.mode,
                    watermarked: self.is_watermarked(),
                };
                let elements = gather(elements.into_iter().chain(second));
                aggregation.run(state, elements, bounds, segment)
            }
            #[cfg(not(feature = "lean"))]
            Operator::Deduplicate {
                columns,
                within,
                time_pruned,
            } => {
                let delay = self.delays.first().copied().flatten();
                let deduplication = Deduplication {
                    columns: columns.clone(),
                    within_ms: delay.filter(|_| *within),
                    watermarked: self.is_watermarked(),
                    time_pruned: *time_pruned,
                };
                let elements = gather(elements.into_iter().chain(second));
                deduplication.run(state, elements, bounds, segment)
            }
            #[cfg(not(feature = "lean"))]
            Operator::Join { kind, within_ms } => {
                let join = self.join(*kind, *within_ms);
                join.run(state, [elements, second], bounds, segment)
            }
        }
    }
}
