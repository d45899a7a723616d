//! Windows of event time: which ones a record falls into, and how sessions merge.
//!
//! Mirrors: `TimeWindowing` and `SessionWindow` of Spark, `TumblingEventTimeWindows`, `SlidingEventTimeWindows` and
//! `EventTimeSessionWindows` of Flink, which agree on all of this. Simplified: no start offset, gaps are fixed.

use crate::sim::kernel::EventTime;
use crate::sim::trace::Window;
use serde::{Deserialize, Serialize};

/// How event time is cut. Lengths are in ms and at least 1. Windows are aligned to 1970; the start belongs to the window, the
/// end does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Windows {
    Tumbling { size_ms: u64 },
    Sliding { size_ms: u64, slide_ms: u64 },
    Session { gap_ms: u64 },
}

impl Windows {
    /// The windows of an event time, oldest first. For sessions it is the record's own interval, which is still to be merged
    /// with others of its key.
    pub fn assign(self, event_time: EventTime) -> Vec<Window> {
        let at = event_time.ms();
        let window = |start: i64, length: u64| Window {
            start: EventTime::from_ms(start),
            end: EventTime::from_ms(start + length as i64),
        };
        match self {
            Windows::Tumbling { size_ms } => {
                vec![window(at - at.rem_euclid(size_ms as i64), size_ms)]
            }
            Windows::Sliding { size_ms, slide_ms } => {
                let newest = at - at.rem_euclid(slide_ms as i64);
                let back = (newest - at + size_ms as i64 - 1).div_euclid(slide_ms as i64);
                let starts = (0..=back).rev().map(|n| newest - n * slide_ms as i64);
                starts.map(|start| window(start, size_ms)).collect()
            }
            Windows::Session { gap_ms } => vec![window(at, gap_ms)],
        }
    }

    /// Whether windows of one key merge.
    pub const fn are_sessions(self) -> bool {
        matches!(self, Windows::Session { .. })
    }
}

/// Whether two sessions of a key are one. Touching counts.
pub fn is_one_session(a: Window, b: Window) -> bool {
    a.start <= b.end && b.start <= a.end
}

/// The session that two become.
pub fn merged(a: Window, b: Window) -> Window {
    Window {
        start: a.start.min(b.start),
        end: a.end.max(b.end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: i64, end: i64) -> Window {
        Window {
            start: EventTime::from_ms(start),
            end: EventTime::from_ms(end),
        }
    }

    fn starts(windows: Windows, at: i64) -> Vec<i64> {
        let windows = windows.assign(EventTime::from_ms(at));
        windows.iter().map(|window| window.start.ms()).collect()
    }

    #[test]
    fn a_record_falls_into_the_windows_that_cover_it() {
        let tumbling = Windows::Tumbling { size_ms: 10 };
        let sliding = |size_ms, slide_ms| Windows::Sliding { size_ms, slide_ms };
        for (windows, at, expected) in [
            (tumbling, 19, &[10][..]),
            (tumbling, 20, &[20]),
            (tumbling, -1, &[-10]),
            (sliding(10, 5), 14, &[5, 10]),
            (sliding(10, 5), 15, &[10, 15]),
            (sliding(10, 4), 9, &[0, 4, 8]),
            (sliding(10, 4), 10, &[4, 8]),
            (sliding(10, 4), 12, &[4, 8, 12]),
            // A slide longer than the size leaves gaps that no window covers.
            (sliding(3, 10), 12, &[10]),
            (sliding(3, 10), 13, &[]),
            (Windows::Session { gap_ms: 5 }, 7, &[7]),
        ] {
            assert_eq!(starts(windows, at), expected, "{windows:?} at {at}");
        }
    }

    #[test]
    fn sessions_that_touch_are_one() {
        let first = window(60, 65);
        for (second, one) in [
            (window(65, 70), true),
            (window(66, 71), false),
            (window(55, 60), true),
            (window(54, 59), false),
        ] {
            assert_eq!(is_one_session(first, second), one);
        }
        assert_eq!(merged(window(65, 70), first), window(60, 70));
    }
}
