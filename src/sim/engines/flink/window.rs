//! The window operator: which windows a record belongs to, when one fires, when it is forgotten, and what is late.
//!
//! Mirrors: `WindowOperator`, `MergingWindowSet`, `EventTimeTrigger`, `TimeWindow`, `TumblingEventTimeWindows`,
//! `SlidingEventTimeWindows`, `EventTimeSessionWindows`, `InternalTimerServiceImpl`. SQL's window table functions give the same
//! windows, with an allowed lateness of 0.
//! Simplified: event time only; the contents are kept as a list; keys of one watermark fire in the order of their timers.

use super::watermark::MIN;
use crate::sim::ordered::{OrdMap, OrdSet};

/// Start inclusive, end exclusive, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeWindow {
    pub start: i64,
    pub end: i64,
}

impl TimeWindow {
    /// The last timestamp that belongs to it.
    pub const fn max_timestamp(self) -> i64 {
        self.end - 1
    }

    /// Whether they overlap or touch: then sessions merge.
    const fn meets(self, other: TimeWindow) -> bool {
        self.start <= other.end && self.end >= other.start
    }

    fn cover(self, other: TimeWindow) -> TimeWindow {
        TimeWindow {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// Which windows a timestamp belongs to; everything in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigner {
    Tumbling { size: i64, offset: i64 },
    Sliding { size: i64, slide: i64, offset: i64 },
    Session { gap: i64 },
}

impl Assigner {
    pub fn assign(self, timestamp: i64) -> Vec<TimeWindow> {
        let window = |start: i64, size: i64| TimeWindow {
            start,
            end: start + size,
        };
        match self {
            Assigner::Tumbling { size, offset } => {
                let start = timestamp - (timestamp - offset).rem_euclid(size);
                vec![window(start, size)]
            }
            Assigner::Sliding {
                size,
                slide,
                offset,
            } => {
                let last = timestamp - (timestamp - offset).rem_euclid(slide);
                let starts = std::iter::successors(Some(last), |start| Some(start - slide));
                let holding = starts.take_while(|start| *start > timestamp - size);
                holding.map(|start| window(start, size)).collect()
            }
            Assigner::Session { gap } => vec![window(timestamp, gap)],
        }
    }
}

/// What came of a record or of a watermark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<K, T> {
    /// The record is in this window now.
    Counted(TimeWindow),
    /// The window is late for it. Another one may have taken it.
    Missed(TimeWindow),
    /// No window took it, and it is late: it goes to the side output, or is dropped and counted.
    Late,
    Fired {
        key: K,
        window: TimeWindow,
        contents: Vec<T>,
        /// A record that came within the allowed lateness fires the window at once.
        by_record: bool,
    },
}

/// The windows of all keys of one task.
#[derive(Clone, Debug)]
pub struct WindowOperator<K, T> {
    assigner: Assigner,
    /// In ms.
    allowed_lateness: i64,
    watermark: i64,
    timers: OrdSet<(i64, K, TimeWindow)>,
    panes: OrdMap<(K, TimeWindow), Vec<T>>,
}

impl<K: Clone + Ord, T: Clone> WindowOperator<K, T> {
    pub fn new(assigner: Assigner, allowed_lateness: i64) -> Self {
        WindowOperator {
            assigner,
            allowed_lateness,
            watermark: MIN,
            timers: OrdSet::new(),
            panes: OrdMap::new(),
        }
    }

    pub fn watermark(&self) -> i64 {
        self.watermark
    }

    /// Panes that are kept.
    pub fn panes(&self) -> impl Iterator<Item = (&K, TimeWindow, &[T])> {
        let panes = self.panes.iter();
        panes.map(|((key, window), contents)| (key, *window, contents.as_slice()))
    }

    /// What a checkpoint holds: windows and timers, and not the watermark.
    pub fn restored(&self) -> Self {
        WindowOperator {
            watermark: MIN,
            ..self.clone()
        }
    }

    pub fn process(&mut self, key: &K, timestamp: i64, value: T) -> Vec<Effect<K, T>> {
        let mut effects = Vec::new();
        let mut taken = false;
        for assigned in self.assigner.assign(timestamp) {
            let window = match self.assigner {
                Assigner::Session { .. } => self.merged(key, assigned),
                _ => assigned,
            };
            if self.is_late(window) {
                effects.push(Effect::Missed(window));
                continue;
            }
            taken = true;
            if matches!(self.assigner, Assigner::Session { .. }) {
                self.merge(key, window);
            }
            let pane = self.panes.entry((key.clone(), window)).or_default();
            pane.push(value.clone());
            effects.push(Effect::Counted(window));
            if window.max_timestamp() <= self.watermark {
                effects.push(self.fire(key, window, true));
            } else {
                let trigger = (window.max_timestamp(), key.clone(), window);
                self.timers.insert(trigger);
            }
            self.register_cleanup(key, window);
        }
        let late = timestamp.saturating_add(self.allowed_lateness) <= self.watermark;
        if !taken && late {
            effects.push(Effect::Late);
        }
        effects
    }

    /// Fires what is due, and forgets what cannot change any more.
    pub fn advance(&mut self, watermark: i64) -> Vec<Effect<K, T>> {
        self.watermark = watermark;
        let mut effects = Vec::new();
        while let Some((time, key, window)) = self.timers.first().cloned()
            && time <= watermark
        {
            self.timers.pop_first();
            if !self.panes.contains_key(&(key.clone(), window)) {
                continue;
            }
            if time == window.max_timestamp() {
                effects.push(self.fire(&key, window, false));
            }
            if Some(time) == self.cleanup_time(window) {
                self.panes.remove(&(key, window));
            }
        }
        effects
    }

    fn fire(&self, key: &K, window: TimeWindow, by_record: bool) -> Effect<K, T> {
        let contents = self.panes.get(&(key.clone(), window));
        Effect::Fired {
            key: key.clone(),
            window,
            contents: contents.cloned().unwrap_or_default(),
            by_record,
        }
    }

    /// The test is on the window, not on the record.
    fn is_late(&self, window: TimeWindow) -> bool {
        let cleanup = window.max_timestamp().saturating_add(self.allowed_lateness);
        cleanup <= self.watermark
    }

    /// None: never.
    fn cleanup_time(&self, window: TimeWindow) -> Option<i64> {
        window.max_timestamp().checked_add(self.allowed_lateness)
    }

    fn register_cleanup(&mut self, key: &K, window: TimeWindow) {
        if let Some(time) = self.cleanup_time(window) {
            self.timers.insert((time, key.clone(), window));
        }
    }

    /// The session that a new window makes with those of its key that it meets.
    fn merged(&self, key: &K, new: TimeWindow) -> TimeWindow {
        self.met(key, new).into_iter().fold(new, TimeWindow::cover)
    }

    fn met(&self, key: &K, new: TimeWindow) -> Vec<TimeWindow> {
        let first = TimeWindow {
            start: i64::MIN,
            end: i64::MIN,
        };
        let of_key = self
            .panes
            .range((key.clone(), first)..)
            .take_while(|((other, _), _)| other == key);
        of_key
            .map(|(&(_, window), _)| window)
            .filter(|window| window.meets(new))
            .collect()
    }

    /// Moves what the sessions within `window` hold into it.
    fn merge(&mut self, key: &K, window: TimeWindow) {
        let mut contents = Vec::new();
        for old in self.met(key, window) {
            contents.extend(self.panes.remove(&(key.clone(), old)).unwrap_or_default());
            let trigger = (old.max_timestamp(), key.clone(), old);
            self.timers.remove(&trigger);
            if let Some(time) = self.cleanup_time(old) {
                self.timers.remove(&(time, key.clone(), old));
            }
        }
        if !contents.is_empty() {
            self.panes.insert((key.clone(), window), contents);
        }
    }
}

/// Event-time timers of a `KeyedProcessFunction`: one for each key and time.
#[derive(Clone, Debug, Default)]
pub struct Timers<K> {
    timers: OrdSet<(i64, K)>,
}

impl<K: Clone + Ord> Timers<K> {
    pub fn new() -> Self {
        Timers {
            timers: OrdSet::new(),
        }
    }

    /// A timer at or below the watermark waits for its next advance.
    pub fn register(&mut self, key: &K, time: i64) {
        self.timers.insert((time, key.clone()));
    }

    pub fn advance(&mut self, watermark: i64) -> Vec<(i64, K)> {
        let mut fired = Vec::new();
        while let Some(timer) = self.timers.first().cloned()
            && timer.0 <= watermark
        {
            self.timers.pop_first();
            fired.push(timer);
        }
        fired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Assigner = Assigner::Tumbling {
        size: 10,
        offset: 0,
    };

    fn window(start: i64, end: i64) -> TimeWindow {
        TimeWindow { start, end }
    }

    #[test]
    fn windows_before_1970_are_assigned_like_those_after_it() {
        for (assigner, timestamp, expected) in [
            (TEN, -1, vec![window(-10, 0)]),
            (TEN, 10, vec![window(10, 20)]),
            (
                Assigner::Sliding {
                    size: 10,
                    slide: 5,
                    offset: 0,
                },
                -5,
                vec![window(-5, 5), window(-10, 0)],
            ),
            (
                Assigner::Sliding {
                    size: 10,
                    slide: 20,
                    offset: 0,
                },
                15,
                vec![],
            ),
            (Assigner::Session { gap: 7 }, 3, vec![window(3, 10)]),
        ] {
            assert_eq!(assigner.assign(timestamp), expected, "{assigner:?}");
        }
    }

    #[test]
    fn a_restored_window_takes_what_was_late_until_the_watermark_is_back() {
        let mut operator = WindowOperator::new(TEN, 0);
        operator.process(&"a", 1, 1);
        operator.advance(9);
        let late = [Effect::Missed(window(0, 10)), Effect::Late];
        assert_eq!(operator.process(&"a", 2, 2), late);
        let mut restored = operator.restored();
        let counted = [Effect::Counted(window(0, 10))];
        assert_eq!(restored.process(&"a", 2, 2), counted);
    }
}
