//! Windows over a list of arrivals, laid out so that a million records cost a few milliseconds.
//!
//! Mirrors: `TimeWindowing` and `SessionWindow` of Spark, `WindowOperator` of Flink, with what they agree on: start inclusive, end
//! exclusive, aligned to 1970, sessions of a key that overlap or touch are one. Where they differ, the text says so.
//! Simplified: no start offset; of the contents only the number of records is kept.
//!
//! Which records share a pane does not depend on the watermark, so it is worked out once ([`Plan`]) and used by every
//! configuration of a sweep, and most of what comes of a fixed delay too ([`Fixed`]). Sessions do depend on it and are played
//! each time.

mod aligned;
mod fixed;
mod plan;
mod sessions;

use super::pace::{Listener, Moment};
use super::{Arrival, Arrivals, units};
use aligned::Aligned;
pub use fixed::Fixed;
pub use plan::{NONE, Plan};
use serde::{Deserialize, Serialize};
use sessions::Sessions;
use std::rc::Rc;

/// In place of a pane: the result of the record was to be seen at once.
const SEEN: u32 = u32::MAX - 1;

/// How event time is cut; lengths in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Windows {
    Tumbling { size_ms: u64 },
    Sliding { size_ms: u64, slide_ms: u64 },
    Session { gap_ms: u64 },
}

impl Windows {
    /// Reads `tumbling:10s`, `sliding:60s:10s`, `session:30s`.
    pub fn parse(text: &str) -> Result<Windows, String> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let windows = match parts.as_slice() {
            ["tumbling", size] => Windows::Tumbling {
                size_ms: units::duration_ms(size)?,
            },
            ["sliding", size, slide] => Windows::Sliding {
                size_ms: units::duration_ms(size)?,
                slide_ms: units::duration_ms(slide)?,
            },
            ["session", gap] => Windows::Session {
                gap_ms: units::duration_ms(gap)?,
            },
            _ => {
                return Err(format!(
                    "\"{text}\" is no window; accepted are tumbling:10s, sliding:60s:10s (size and slide) and session:30s (gap)"
                ));
            }
        };
        windows.validate().map(|()| windows)
    }

    pub fn validate(&self) -> Result<(), String> {
        let within = |what: &str, value: u64| {
            if (1..=86_400_000).contains(&value) {
                return Ok(());
            }
            Err(format!(
                "window {what}: {value} ms is out of range; 1 ms to 24 h is accepted"
            ))
        };
        match *self {
            Windows::Tumbling { size_ms } => within("size", size_ms),
            Windows::Session { gap_ms } => within("gap", gap_ms),
            Windows::Sliding { size_ms, slide_ms } => {
                within("size", size_ms)?;
                within("slide", slide_ms)?;
                if size_ms.div_ceil(slide_ms) > 100 {
                    return Err("window slide: a record may be in at most 100 windows".into());
                }
                Ok(())
            }
        }
    }

    /// What [`Windows::parse`] reads.
    pub fn words(&self) -> String {
        match *self {
            Windows::Tumbling { size_ms } => format!("tumbling:{}", units::duration(size_ms)),
            Windows::Sliding { size_ms, slide_ms } => format!(
                "sliding:{}:{}",
                units::duration(size_ms),
                units::duration(slide_ms)
            ),
            Windows::Session { gap_ms } => format!("session:{}", units::duration(gap_ms)),
        }
    }

    pub fn name(&self) -> String {
        let seconds = |ms: u64| units::seconds(ms as i64 * 1_000);
        match *self {
            Windows::Tumbling { size_ms } => format!("tumbling {}", seconds(size_ms)),
            Windows::Sliding { size_ms, slide_ms } => {
                format!("sliding {} by {}", seconds(size_ms), seconds(slide_ms))
            }
            Windows::Session { gap_ms } => format!("session gap {}", seconds(gap_ms)),
        }
    }

    /// The size, or the gap.
    pub const fn longest_ms(&self) -> u64 {
        match *self {
            Windows::Tumbling { size_ms } | Windows::Sliding { size_ms, .. } => size_ms,
            Windows::Session { gap_ms } => gap_ms,
        }
    }

    /// Size and slide of windows that are aligned; none for sessions.
    pub const fn aligned(&self) -> Option<(i64, i64)> {
        match *self {
            Windows::Tumbling { size_ms } => Some((size_ms as i64, size_ms as i64)),
            Windows::Sliding { size_ms, slide_ms } => Some((size_ms as i64, slide_ms as i64)),
            Windows::Session { .. } => None,
        }
    }
}

/// How results leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emission {
    /// Flink: when the watermark passes, and again for each record within the allowed lateness (ms).
    Fires { allowed_lateness: i64 },
    /// Spark, append: once, in the batch that evicts.
    Once,
    /// Spark, update: in each batch that changes it; removed in silence.
    Changes,
}

impl Emission {
    /// Whether no window has a second result.
    pub const fn is_once(self) -> bool {
        match self {
            Emission::Fires { allowed_lateness } => allowed_lateness == 0,
            Emission::Once => true,
            Emission::Changes => false,
        }
    }

    const fn lateness(self) -> i64 {
        match self {
            Emission::Fires { allowed_lateness } => allowed_lateness,
            Emission::Once | Emission::Changes => 0,
        }
    }

    /// Spark counts rows of state after each batch, so what comes and goes in one is not seen.
    const fn in_batches(self) -> bool {
        !matches!(self, Emission::Fires { .. })
    }
}

/// What was counted on the way.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub late: u64,
    /// Windows that a record was too late for although a newer one took it.
    pub missed_windows: u64,
    /// Records that no window covers: the slide is longer than the size.
    pub uncovered: u64,
    pub emitted: u64,
    /// Results that replace an earlier one of the same window.
    pub updates: u64,
    /// Results of sessions that were out already when a late record joined them into a greater one. Nobody takes them back.
    pub superseded: u64,
    /// Groups of late rows a batch: what `numRowsDroppedByWatermark` counts after the partial aggregation.
    pub late_groups: u64,
    pub rows: u64,
    pub rows_peak: u64,
    /// From the end of a window to its result, in microseconds.
    pub freshness: Vec<i64>,
    /// From the event to the result, of records whose result was to be seen at once.
    seen: Vec<i64>,
}

/// Open windows, as the watermark moves.
#[derive(Clone, Debug)]
pub enum Store {
    Aligned(Box<Aligned>),
    Sessions(Box<Sessions>),
}

impl Store {
    pub fn new(plan: Rc<Plan>, emission: Emission, arrivals: &Arrivals) -> Store {
        match plan.windows {
            Windows::Session { gap_ms } => {
                let keys = if plan.by_key { arrivals.keys.len() } else { 1 };
                let sessions =
                    Sessions::new(gap_ms as i64, plan.by_key, keys, emission, arrivals.len());
                Store::Sessions(Box::new(sessions))
            }
            _ => Store::Aligned(Box::new(Aligned::new(plan, emission, arrivals.len()))),
        }
    }

    pub fn tally(&self) -> &Tally {
        match self {
            Store::Aligned(aligned) => &aligned.tally,
            Store::Sessions(sessions) => &sessions.tally,
        }
    }

    /// The number of the session that holds a record by now, and when a result of it could be seen, in microseconds; none where
    /// windows are aligned or the record was dropped.
    pub fn session(&self, record: usize) -> Option<(u32, Option<i64>)> {
        match self {
            Store::Aligned(_) => None,
            Store::Sessions(sessions) => sessions.of(record),
        }
    }

    /// From event to first visibility of each record that was delivered, in microseconds, in no order.
    pub fn latencies(&mut self, arrivals: &Arrivals) -> Vec<i64> {
        let (hits, seen_at, seen) = match self {
            Store::Aligned(aligned) => (&aligned.hits, &aligned.seen_at, &mut aligned.tally.seen),
            Store::Sessions(sessions) => {
                sessions.settle();
                (&sessions.hits, &sessions.seen_at, &mut sessions.tally.seen)
            }
        };
        let mut latencies = std::mem::take(seen);
        latencies.reserve(hits.len().saturating_sub(latencies.len()));
        for (row, &hit) in arrivals.rows().iter().zip(hits) {
            if hit >= SEEN {
                continue;
            }
            let at = seen_at[hit as usize];
            if at != i64::MIN {
                latencies.push(at - row.event_us);
            }
        }
        latencies
    }
}

impl Listener for Store {
    fn record(&mut self, index: usize, row: &Arrival, moment: Moment) {
        match self {
            Store::Aligned(aligned) => aligned.record(index, row, moment),
            Store::Sessions(sessions) => sessions.record(index, row, moment),
        }
    }

    fn advance(&mut self, closed: i64, visible_us: i64) {
        match self {
            Store::Aligned(aligned) => aligned.advance(closed, visible_us),
            Store::Sessions(sessions) => sessions.advance(closed, visible_us),
        }
    }
}
