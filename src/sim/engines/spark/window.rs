//! Tumbling windows in append mode: late filter, state, eviction.
//!
//! Mirrors: `StateStoreSaveExec` in append mode and `WatermarkSupport`. Both comparisons are inclusive: a window is late,
//! or done, from the very watermark that equals its end.
//! Simplified: the sum of the amounts, grouped by the window alone; no sliding or session windows, no update or complete mode.

use super::super::super::trace::{Fact, Row, SegmentId, Source, Window};
use crate::sim::kernel::EventTime;
use crate::sim::origin::Origin;
use std::collections::BTreeMap;

/// The open windows, by start.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub windows: BTreeMap<EventTime, Open>,
}

/// What is known of an open window.
#[derive(Clone, Debug)]
pub struct Open {
    pub end: EventTime,
    pub amount: i64,
    pub origins: Vec<(Origin, Source)>,
}

/// What a batch did to the state: the next version, the rows it emits, what is to be noted.
pub struct Outcome {
    pub state: State,
    pub emitted: Vec<Row>,
    pub facts: Vec<Fact>,
}

/// The window of an event time: aligned to the epoch, start inclusive, end exclusive.
pub fn window_of(event_time: EventTime, size_ms: u64) -> Window {
    let size = size_ms as i64;
    let start = event_time.ms() - event_time.ms().rem_euclid(size);
    Window {
        start: EventTime::from_ms(start),
        end: EventTime::from_ms(start + size),
    }
}

/// One batch: drop by the late-event watermark, merge the rest, emit by the eviction watermark.
pub fn aggregate(
    mut state: State,
    rows: &[Row],
    size_ms: u64,
    late: EventTime,
    evict: EventTime,
    segment: SegmentId,
) -> Outcome {
    let mut merged: BTreeMap<Window, Vec<(Origin, Source)>> = BTreeMap::new();
    let mut dropped: BTreeMap<Window, Vec<(Origin, Source)>> = BTreeMap::new();
    for row in rows {
        let window = window_of(row.event_time, size_ms);
        if window.end <= late {
            dropped.entry(window).or_default().extend(&row.origins);
            continue;
        }
        let open = state.windows.entry(window.start).or_insert(Open {
            end: window.end,
            amount: 0,
            origins: Vec::new(),
        });
        open.amount += row.amount;
        open.origins.extend(&row.origins);
        merged.entry(window).or_default().extend(&row.origins);
    }
    let mut facts: Vec<Fact> = dropped
        .into_iter()
        .map(|(window, origins)| Fact::DroppedLate {
            segment,
            window,
            origins,
        })
        .collect();
    facts.extend(
        merged
            .into_iter()
            .map(|(window, origins)| Fact::Accumulated {
                segment,
                window,
                origins,
            }),
    );
    let done: Vec<EventTime> = state
        .windows
        .iter()
        .filter(|(_, open)| open.end <= evict)
        .map(|(&start, _)| start)
        .collect();
    let mut emitted = Vec::new();
    for start in done {
        let open = state.windows.remove(&start).expect("listed just now");
        let window = Window {
            start,
            end: open.end,
        };
        facts.push(Fact::WindowClosed {
            segment,
            window,
            amount: open.amount,
        });
        emitted.push(Row {
            row: 0,
            record_key: start.ms().to_string(),
            amount: open.amount,
            event_time: start,
            window: Some(window),
            origins: open.origins,
            ..Row::default()
        });
    }
    Outcome {
        state,
        emitted,
        facts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kafka::protocol::PartitionId;

    fn row(t: i64) -> Row {
        let source = Source {
            partition: PartitionId(0),
            offset: 0,
        };
        Row {
            row: 0,
            record_key: String::new(),
            amount: 1,
            event_time: EventTime::from_ms(t),
            origins: vec![(Origin::nth(1), source)],
            ..Row::default()
        }
    }

    fn run(t: i64, late: i64, evict: i64) -> (usize, usize, usize) {
        let outcome = aggregate(
            State::default(),
            &[row(t)],
            10_000,
            EventTime::from_ms(late),
            EventTime::from_ms(evict),
            SegmentId::MAIN,
        );
        let dropped = outcome
            .facts
            .iter()
            .filter(|fact| matches!(fact, Fact::DroppedLate { .. }))
            .count();
        (dropped, outcome.emitted.len(), outcome.state.windows.len())
    }

    /// (dropped, emitted, still open); the window is [60000, 70000).
    #[test]
    fn a_window_closes_exactly_when_the_watermark_equals_its_end() {
        assert_eq!(run(69_999, 69_999, 69_999), (0, 0, 1));
        assert_eq!(
            run(69_999, 69_999, 70_000),
            (0, 1, 0),
            "between the two watermarks a row is merged and goes out at once"
        );
        assert_eq!(run(69_999, 70_000, 70_000), (1, 0, 0));
        assert_eq!(
            run(70_000, 70_000, 70_000),
            (0, 0, 1),
            "the end is exclusive"
        );
    }
}
