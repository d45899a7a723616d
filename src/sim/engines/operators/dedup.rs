//! Deduplication: the first copy passes, later ones vanish as long as the key is remembered.
//!
//! Mirrors: `StreamingDeduplicateExec`, `StreamingDeduplicateWithinWatermarkExec`.

use super::{Bounds, Element, Emitted, Metrics, Outcome, State};
use crate::sim::kernel::EventTime;
use crate::sim::ordered::OrdMap;
use crate::sim::trace::{Fact, SegmentId, Window};
use serde::{Deserialize, Serialize};

/// A column that rows are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Column {
    Id,
    Key,
    Value,
    /// The event time.
    Ts,
}

/// How copies are recognised and for how long.
#[derive(Clone, Debug)]
pub struct Deduplication {
    pub columns: Vec<Column>,
    /// `dropDuplicatesWithinWatermark`: a key is remembered until the first copy's event time plus this, in ms.
    pub within_ms: Option<u64>,
    pub watermarked: bool,
    /// Nothing after the operator uses the event time, so the optimizer took the column away, and with it the late filter.
    pub time_pruned: bool,
}

/// Remembered keys, each with the event time of its first copy.
pub type Seen = OrdMap<Vec<i64>, EventTime>;

impl Deduplication {
    fn by_time(&self) -> bool {
        self.columns.contains(&Column::Ts)
    }

    fn key(&self, element: &Element) -> Vec<i64> {
        let columns = self.columns.iter().map(|column| match column {
            Column::Id => i64::from(element.id),
            Column::Key => i64::from(element.key),
            Column::Value => element.value,
            Column::Ts => element.event_time.ms(),
        });
        columns.collect()
    }

    fn is_late(&self, event_time: EventTime, bounds: Bounds) -> bool {
        let pruned = self.time_pruned && !self.by_time() && self.within_ms.is_none();
        self.watermarked && !pruned && event_time <= bounds.late
    }

    /// Whether a key is forgotten. Without the event time among the columns it never is.
    fn is_done(&self, first: EventTime, bounds: Bounds) -> bool {
        match self.within_ms {
            Some(delay) => first.ms() + delay as i64 <= bounds.evict.ms(),
            None => self.watermarked && self.by_time() && first <= bounds.evict,
        }
    }

    /// One batch, in the order of arrival.
    pub fn run(
        &self,
        mut state: State,
        elements: Vec<Element>,
        bounds: Bounds,
        segment: SegmentId,
    ) -> Outcome {
        let seen = &mut state.seen;
        let mut metrics = Metrics::default();
        let mut duplicates = 0;
        let (mut facts, mut dropped) = (Vec::new(), Vec::new());
        let mut emitted = Vec::new();
        for element in elements {
            if self.is_late(element.event_time, bounds) {
                metrics.dropped_by_watermark += 1;
                // A row by itself is an empty window at its event time.
                let window = Window {
                    start: element.event_time,
                    end: element.event_time,
                };
                facts.push(Fact::DroppedLate {
                    segment,
                    window,
                    origins: element.sourced().into_iter().collect(),
                });
                continue;
            }
            let key = self.key(&element);
            if seen.contains_key(&key) {
                duplicates += 1;
                dropped.extend(element.sourced());
                continue;
            }
            seen.insert(key, element.event_time);
            metrics.updated += 1;
            emitted.push(Emitted::Passed(element));
        }
        let before = seen.len();
        seen.retain(|_, first| !self.is_done(*first, bounds));
        metrics.removed = (before - seen.len()) as u64;
        metrics.rows = seen.len() as u64;
        metrics.dropped_duplicates = Some(duplicates);
        if !dropped.is_empty() {
            let origins = dropped;
            facts.push(Fact::DuplicatesDropped { segment, origins });
        }
        Outcome {
            state,
            emitted,
            facts,
            metrics: Some(metrics),
        }
    }
}
