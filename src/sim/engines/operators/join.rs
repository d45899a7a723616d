//! Stream-stream join with a time bound: `left.key = right.key AND left.t <= right.t <= left.t + within`.
//!
//! Mirrors: `StreamingSymmetricHashJoinExec`, `StreamingJoinHelper.getStateValueWatermark`. Order in a batch: new left rows
//! meet stored right rows, new right rows meet all left rows, then what the watermark has passed is evicted.
//! Simplified: this one condition; no semi join.

use super::{Bounds, Element, Emitted, Metrics, Outcome, State};
use crate::sim::kernel::EventTime;
use crate::sim::trace::{Fact, SegmentId, Window};
use serde::{Deserialize, Serialize};

/// Which rows come out without a partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JoinType {
    #[default]
    Inner,
    LeftOuter,
    RightOuter,
    FullOuter,
}

/// A join of two inputs.
#[derive(Clone, Copy, Debug)]
pub struct Join {
    pub kind: JoinType,
    /// How long after the left row the right one may happen, in ms; none: no bound, and state for ever.
    pub within_ms: Option<u64>,
    /// Whether the left and the right input have a watermark.
    pub watermarked: [bool; 2],
}

/// A row that waits for partners.
#[derive(Clone, Debug)]
pub struct Buffered {
    pub element: Element,
    /// It has had one.
    pub matched: bool,
}

/// Rows of the left and of the right side.
pub type Buffers = [Vec<Buffered>; 2];

const LEFT: usize = 0;
const RIGHT: usize = 1;

impl Join {
    /// Whether state is ever evicted: a side is when the other one has a watermark.
    pub fn evicts(&self) -> bool {
        self.within_ms.is_some() && self.watermarked.contains(&true)
    }

    fn meets(&self, left: &Element, right: &Element) -> bool {
        let bound = self.within_ms.map_or(i64::MAX, |ms| ms as i64);
        let after = right.event_time.ms() - left.event_time.ms();
        left.key == right.key && (0..=bound).contains(&after)
    }

    /// Whether no partner can come for this row any more. The bounds are not strict, hence the 1.
    fn is_done(&self, side: usize, event_time: EventTime, bounds: Bounds) -> bool {
        let Some(within) = self.within_ms else {
            return false;
        };
        let reach = if side == LEFT { within as i64 } else { 0 };
        self.watermarked[1 - side] && event_time.ms() < bounds.evict.ms() - reach
    }

    /// Whether a row of this side comes out alone when nobody met it.
    fn is_outer(&self, side: usize) -> bool {
        match self.kind {
            JoinType::Inner => false,
            JoinType::LeftOuter => side == LEFT,
            JoinType::RightOuter => side == RIGHT,
            JoinType::FullOuter => true,
        }
    }

    /// One batch. `right` are the elements of the second input.
    pub fn run(
        &self,
        mut state: State,
        [left, right]: [Vec<Element>; 2],
        bounds: Bounds,
        segment: SegmentId,
    ) -> Outcome {
        let buffers = &mut state.buffers;
        let mut metrics = Metrics::default();
        let (mut facts, mut emitted, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for (side, elements) in [(LEFT, left), (RIGHT, right)] {
            for element in elements {
                if self.watermarked[side] && element.event_time <= bounds.late {
                    metrics.dropped_by_watermark += 1;
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
                let mut matched = false;
                for other in &mut buffers[1 - side] {
                    let (l, r) = if side == LEFT {
                        (&element, &other.element)
                    } else {
                        (&other.element, &element)
                    };
                    if self.meets(l, r) {
                        emitted.push(Emitted::Joined(Some(l.clone()), Some(r.clone())));
                        matched = true;
                        other.matched = true;
                    }
                }
                // A left row may still meet a right one of this batch. A right row has met all that it will, so it is kept only
                // if somebody may come later, or if it is to come out alone.
                let alone = self.is_outer(side) && !matched;
                if side == RIGHT && !alone && self.is_done(side, element.event_time, bounds) {
                    continue;
                }
                metrics.updated += 1;
                kept.extend(element.sourced());
                buffers[side].push(Buffered { element, matched });
            }
        }
        for side in [LEFT, RIGHT] {
            let stored = std::mem::take(&mut buffers[side]);
            let before = stored.len();
            for row in stored {
                if !self.is_done(side, row.element.event_time, bounds) {
                    buffers[side].push(row);
                } else if self.is_outer(side) && !row.matched {
                    emitted.push(if side == LEFT {
                        Emitted::Joined(Some(row.element), None)
                    } else {
                        Emitted::Joined(None, Some(row.element))
                    });
                }
            }
            metrics.removed += (before - buffers[side].len()) as u64;
            metrics.rows += buffers[side].len() as u64;
        }
        if !kept.is_empty() {
            let origins = kept;
            facts.push(Fact::Kept { segment, origins });
        }
        Outcome {
            state,
            emitted,
            facts,
            metrics: Some(metrics),
        }
    }
}
