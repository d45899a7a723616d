//! What queries do with records, free of any engine's messages: windows, watermarks, operators with state.
//!
//! Mirrors: the stateful operators of Spark 4.x micro-batches (`statefulOperators.scala`, `StreamingSymmetricHashJoinExec`,
//! `UnsupportedOperationChecker`). Simplified: one shuffle partition; one stateful operator a query.

pub mod aggregate;
#[cfg(not(feature = "lean"))]
pub mod dedup;
#[cfg(not(feature = "lean"))]
pub mod join;
pub mod query;
pub mod watermark;
pub mod window;

use crate::sim::kernel::EventTime;
use crate::sim::origin::Origin;
use crate::sim::trace::{Fact, Row, Source, Window};
use crate::sim::workload::Version;
use serde::{Deserialize, Serialize};

/// A record as operators see it.
#[derive(Clone, Debug)]
pub struct Element {
    /// The business id.
    pub id: u32,
    /// What rows are grouped and joined by.
    pub key: u32,
    pub event_time: EventTime,
    pub value: i64,
    /// The key of its row in the table.
    pub record_key: String,
    /// Which version of its order it is.
    pub version: Version,
    /// Where it was read: a partition is a unit of reading.
    pub source: Source,
    /// None for a record that no run emitted, as in a recording.
    pub origin: Option<Origin>,
}

impl Element {
    /// Elements in the order of where they lay.
    pub fn rank(&self) -> (u64, u64) {
        (u64::from(self.source.partition.0) + 1, self.source.offset)
    }

    /// Its origin, for facts.
    pub fn sourced(&self) -> Option<(Origin, Source)> {
        self.origin.map(|origin| (origin, self.source))
    }

    fn into_row(self) -> Row {
        Row {
            row: 0,
            origins: self.sourced().into_iter().collect(),
            record_key: self.record_key,
            amount: self.value,
            event_time: self.event_time,
            version: self.version,
            ..Row::default()
        }
    }
}

/// `outputMode`: what of a result goes to the sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputMode {
    /// What will not change any more.
    #[default]
    Append,
    /// What changed in this batch.
    Update,
    /// All of it, every batch.
    Complete,
}

/// The two watermarks of a batch. Both comparisons are inclusive.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// What is not later than this is dropped: the eviction watermark of the batch before.
    pub late: EventTime,
    /// What is not later than this is done: the watermark that stands in the offset log for this batch.
    pub evict: EventTime,
}

/// What an operator hands on.
#[derive(Clone, Debug)]
pub enum Emitted {
    /// A record, as it came.
    Passed(Element),
    /// A group as it stands.
    Group {
        window: Option<Window>,
        /// None: all keys together.
        key: Option<u32>,
        count: u64,
        sum: i64,
        origins: Vec<(Origin, Source)>,
    },
    /// A pair, or one side of it and nothing.
    Joined(Option<Element>, Option<Element>),
}

impl Emitted {
    /// The row that a table gets.
    pub fn into_row(self) -> Row {
        match self {
            Emitted::Passed(element) => element.into_row(),
            Emitted::Group {
                window,
                key,
                sum,
                origins,
                ..
            } => Row {
                row: 0,
                record_key: group_name(window, key),
                amount: sum,
                event_time: window.map_or(EventTime::default(), |window| window.start),
                window,
                origins,
                ..Row::default()
            },
            Emitted::Joined(left, right) => {
                let name = |side: &Option<Element>| {
                    let key = side.as_ref().map(|element| element.record_key.as_str());
                    key.unwrap_or("-").to_string()
                };
                let record_key = format!("{}/{}", name(&left), name(&right));
                let amount = left.iter().chain(&right).map(|element| element.value);
                let amount = amount.sum();
                let sides = left.iter().chain(&right);
                let event_time = sides.clone().map(|element| element.event_time).max();
                Row {
                    row: 0,
                    record_key,
                    amount,
                    event_time: event_time.unwrap_or_default(),
                    origins: sides.filter_map(Element::sourced).collect(),
                    ..Row::default()
                }
            }
        }
    }
}

/// What names a group in the result: its window's start, its key, or both.
fn group_name(window: Option<Window>, key: Option<u32>) -> String {
    match (window, key) {
        (Some(window), None) => window.start.ms().to_string(),
        (Some(window), Some(key)) => format!("{}/{key}", window.start.ms()),
        (None, key) => key.unwrap_or(0).to_string(),
    }
}

/// What a batch did to the state, as `StateOperatorProgress` reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// `numRowsTotal`: groups, sessions, remembered keys, buffered rows.
    pub rows: u64,
    pub updated: u64,
    pub removed: u64,
    /// `numRowsDroppedByWatermark`: counted in what the operator was given, which are not always input rows.
    pub dropped_by_watermark: u64,
    /// `numDroppedDuplicateRows`; only deduplication has it.
    pub dropped_duplicates: Option<u64>,
}

/// The state of a query's operator at one version.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub groups: aggregate::Groups,
    #[cfg(not(feature = "lean"))]
    pub seen: dedup::Seen,
    #[cfg(not(feature = "lean"))]
    pub buffers: join::Buffers,
}

/// What came of a batch: the next version of the state, the result, and what is to be noted.
pub struct Outcome {
    pub state: State,
    pub emitted: Vec<Emitted>,
    pub facts: Vec<Fact>,
    /// None without state.
    pub metrics: Option<Metrics>,
}
