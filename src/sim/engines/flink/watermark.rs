//! Event-time watermarks: how one is made from records, how those of several partitions and inputs become one, and what an
//! idle input does to them.
//!
//! Mirrors: `BoundedOutOfOrdernessWatermarks`, `WatermarksWithIdleness`, `WatermarkOutputMultiplexer` and
//! `CombinedWatermarkStatus`, `ProgressiveTimestampsAndWatermarks`, `WatermarkToDataOutput`, SQL's `WatermarkAssignerOperator`,
//! `StatusWatermarkValve`.
//! Simplified: times are whole milliseconds.

use crate::sim::ordered::OrdMap;
use serde::{Deserialize, Serialize};

/// Before every event.
pub const MIN: i64 = i64::MIN;
/// The end of a bounded input.
pub const MAX: i64 = i64::MAX;

/// The release whose rules hold where releases differ: what partitions do that are all idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Release {
    #[default]
    #[serde(rename = "2.0")]
    V2_0,
    #[serde(rename = "2.3")]
    V2_3,
}

/// How watermarks are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// `WatermarkStrategy.noWatermarks()`
    None,
    /// `WatermarkStrategy.forBoundedOutOfOrderness(delay)`; with delay 0 it is `forMonotonousTimestamps()`.
    #[default]
    BoundedOutOfOrderness,
    /// SQL's `WATERMARK FOR ts AS ts - INTERVAL`.
    SqlRowExpression,
    /// A record that is marked carries its own timestamp as a watermark.
    Punctuated,
}

/// What an input tells those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Watermark(i64),
    Idle,
    Active,
}

/// The parameters of a source's watermarks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    pub strategy: Strategy,
    /// In ms.
    pub delay: i64,
    /// `withIdleness`, in ms.
    pub idle_timeout: Option<u64>,
    /// `pipeline.auto-watermark-interval`, in ms: SQL's assigner looks at it at each record too.
    pub interval: u64,
    pub release: Release,
}

/// Notices that nothing has come for a while. It is asked at periodic emissions only.
#[derive(Clone, Debug)]
struct IdleTimer {
    timeout: u64,
    active: bool,
    /// In ms: the first emission that found nothing new.
    since: Option<u64>,
}

impl IdleTimer {
    fn is_idle(&mut self, now: u64) -> bool {
        if std::mem::take(&mut self.active) {
            self.since = None;
            return false;
        }
        match self.since {
            None => {
                self.since = Some(now);
                false
            }
            Some(since) => now.saturating_sub(since) > self.timeout,
        }
    }
}

/// One watermark generator.
#[derive(Clone, Debug)]
struct Generator {
    settings: Settings,
    /// The highest timestamp, or the highest value of the row expression; starts so that the watermark is `MIN`.
    highest: i64,
    emitted: i64,
    idle: Option<IdleTimer>,
    is_idle: bool,
}

impl Generator {
    fn new(settings: Settings) -> Self {
        let highest = match settings.strategy {
            Strategy::BoundedOutOfOrderness => MIN + settings.delay + 1,
            _ => MIN,
        };
        Generator {
            settings,
            highest,
            emitted: MIN,
            idle: settings.idle_timeout.map(|timeout| IdleTimer {
                timeout,
                active: false,
                since: None,
            }),
            is_idle: false,
        }
    }

    /// Takes in a record that was handed on already; answers a watermark that it carries.
    fn on_event(&mut self, timestamp: i64, marked: bool) -> Option<i64> {
        if let Some(timer) = &mut self.idle {
            timer.active = true;
        }
        self.is_idle = false;
        match self.settings.strategy {
            Strategy::None => None,
            Strategy::Punctuated => marked.then_some(timestamp),
            Strategy::BoundedOutOfOrderness => {
                self.highest = self.highest.max(timestamp);
                None
            }
            Strategy::SqlRowExpression => {
                let value = timestamp.saturating_sub(self.settings.delay);
                self.highest = self.highest.max(value);
                // So that a busy task does not wait for its timer: the difference is one of event time.
                let risen = self.highest.saturating_sub(self.emitted);
                if risen > self.settings.interval as i64 {
                    self.emitted = self.highest;
                    return Some(self.highest);
                }
                None
            }
        }
    }

    fn on_periodic_emit(&mut self, now: u64) -> Option<Signal> {
        let idle = self.idle.as_mut().is_some_and(|timer| timer.is_idle(now));
        if idle {
            return (!std::mem::replace(&mut self.is_idle, true)).then_some(Signal::Idle);
        }
        match self.settings.strategy {
            Strategy::None | Strategy::Punctuated => None,
            // No other record with this timestamp is expected, so the watermark lies one below it.
            Strategy::BoundedOutOfOrderness => {
                Some(Signal::Watermark(self.highest - self.settings.delay - 1))
            }
            Strategy::SqlRowExpression => {
                self.emitted = self.highest;
                Some(Signal::Watermark(self.highest))
            }
        }
    }
}

/// The watermark of one partition.
#[derive(Clone, Debug)]
struct Partial {
    generator: Generator,
    watermark: i64,
    idle: bool,
}

impl Partial {
    /// True if it rose.
    fn set(&mut self, watermark: i64) -> bool {
        self.idle = false;
        let rises = watermark > self.watermark;
        self.watermark = self.watermark.max(watermark);
        rises
    }
}

/// The watermarks of one source task: one generator for all that it reads, or one a partition.
#[derive(Clone, Debug)]
pub struct SourceWatermarks {
    settings: Settings,
    /// The generator of records that belong to no partition. It counts for idleness even if there are none.
    main: Generator,
    main_is_idle: bool,
    /// Index: partition. Empty: one generator for all.
    partials: OrdMap<u16, Partial>,
    combined: i64,
    partials_are_idle: bool,
    /// What was told to those behind.
    emitted: i64,
    is_idle: bool,
}

impl SourceWatermarks {
    /// `partitions` is empty for one generator over the whole source.
    pub fn new(settings: Settings, partitions: impl IntoIterator<Item = u16>) -> Self {
        let partial = |partition| {
            let partial = Partial {
                generator: Generator::new(settings),
                watermark: MIN,
                idle: false,
            };
            (partition, partial)
        };
        SourceWatermarks {
            settings,
            main: Generator::new(settings),
            main_is_idle: true,
            partials: partitions.into_iter().map(partial).collect(),
            combined: MIN,
            partials_are_idle: true,
            emitted: MIN,
            is_idle: false,
        }
    }

    /// A record was handed on.
    pub fn on_event(&mut self, partition: u16, timestamp: i64, marked: bool) -> Vec<Signal> {
        let mut out = Vec::new();
        let Some(partial) = self.partials.get_mut(&partition) else {
            if let Some(watermark) = self.main.on_event(timestamp, marked) {
                self.main_is_idle = false;
                self.emit(watermark, &mut out);
            }
            return out;
        };
        if let Some(watermark) = partial.generator.on_event(timestamp, marked)
            && partial.set(watermark)
            && watermark > self.combined
        {
            self.combine(&mut out);
        }
        out
    }

    /// `pipeline.auto-watermark-interval` has passed. `now` is in ms.
    pub fn on_periodic_emit(&mut self, now: u64) -> Vec<Signal> {
        let mut out = Vec::new();
        if !self.partials.is_empty() {
            for partial in self.partials.values_mut() {
                match partial.generator.on_periodic_emit(now) {
                    Some(Signal::Watermark(watermark)) => {
                        partial.set(watermark);
                    }
                    Some(Signal::Idle) => partial.idle = true,
                    Some(Signal::Active) | None => {}
                }
            }
            self.combine(&mut out);
        }
        match self.main.on_periodic_emit(now) {
            Some(Signal::Watermark(watermark)) => {
                self.main_is_idle = false;
                self.emit(watermark, &mut out);
            }
            Some(Signal::Idle) => {
                self.main_is_idle = true;
                self.mark_idle(&mut out);
            }
            Some(Signal::Active) | None => {}
        }
        out
    }

    /// A partition has ended: the others decide from their next watermark on.
    pub fn end_partition(&mut self, partition: u16) {
        self.partials.remove(&partition);
    }

    /// The bounded input has ended. A source that is idle at that moment keeps it to itself (`RecordWriterOutput`).
    pub fn end(&mut self) -> Vec<Signal> {
        let mut out = Vec::new();
        if !self.is_idle {
            self.emit(MAX, &mut out);
        }
        out
    }

    /// The watermark of a partition, or of the whole source if it has one generator.
    pub fn of(&self, partition: u16) -> i64 {
        let partial = self.partials.get(&partition);
        partial.map_or(self.emitted, |partial| partial.watermark)
    }

    /// Partitions that count as idle.
    pub fn idle_partitions(&self) -> impl Iterator<Item = u16> {
        let idle = self.partials.iter().filter(|(_, partial)| partial.idle);
        idle.map(|(&partition, _)| partition)
    }

    /// The lowest watermark of the partitions that are not idle; what it does if all are is a matter of the release.
    fn combine(&mut self, out: &mut Vec<Signal>) {
        let active = self.partials.values().filter(|partial| !partial.idle);
        let lowest = active.map(|partial| partial.watermark).min();
        let all_idle = lowest.is_none();
        let highest = self
            .partials
            .values()
            .map(|partial| partial.watermark)
            .max();
        let flush = highest.filter(|_| self.settings.release == Release::V2_3);
        if let Some(combined) = lowest.or(flush)
            && combined > self.combined
        {
            self.combined = combined;
            self.partials_are_idle = false;
            self.emit(combined, out);
        }
        if all_idle {
            self.partials_are_idle = true;
            self.mark_idle(out);
        }
    }

    fn emit(&mut self, watermark: i64, out: &mut Vec<Signal>) {
        if watermark <= self.emitted {
            return;
        }
        self.emitted = watermark;
        if std::mem::take(&mut self.is_idle) {
            out.push(Signal::Active);
        }
        out.push(Signal::Watermark(watermark));
    }

    fn mark_idle(&mut self, out: &mut Vec<Signal>) {
        let idle = self.main_is_idle && self.partials_are_idle;
        if idle && !std::mem::replace(&mut self.is_idle, true) {
            out.push(Signal::Idle);
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    watermark: i64,
    idle: bool,
    /// It takes part in the minimum: it is active and has caught up with what was told already.
    aligned: bool,
}

/// What stands before an operator with several inputs: the lowest watermark of those that are active and have caught up.
#[derive(Clone, Debug)]
pub struct Valve {
    release: Release,
    channels: Vec<Channel>,
    emitted: i64,
    idle: bool,
}

impl Valve {
    pub fn new(channels: usize, release: Release) -> Self {
        let channel = Channel {
            watermark: MIN,
            idle: false,
            aligned: true,
        };
        Valve {
            release,
            channels: vec![channel; channels],
            emitted: MIN,
            idle: false,
        }
    }

    pub fn input(&mut self, channel: usize, signal: Signal) -> Vec<Signal> {
        let mut out = Vec::new();
        match signal {
            Signal::Watermark(watermark) => self.watermark(channel, watermark, &mut out),
            Signal::Idle => self.idle(channel, &mut out),
            Signal::Active => self.active(channel, &mut out),
        }
        out
    }

    fn watermark(&mut self, channel: usize, watermark: i64, out: &mut Vec<Signal>) {
        let input = &mut self.channels[channel];
        if self.idle || input.idle || watermark <= input.watermark {
            return;
        }
        input.watermark = watermark;
        input.aligned |= watermark >= self.emitted;
        self.emit_lowest(out);
    }

    fn idle(&mut self, channel: usize, out: &mut Vec<Signal>) {
        let input = &mut self.channels[channel];
        if std::mem::replace(&mut input.idle, true) {
            return;
        }
        input.aligned = false;
        let decided = input.watermark == self.emitted;
        if self.channels.iter().all(|channel| channel.idle) {
            if decided || self.release == Release::V2_3 {
                let highest = self.channels.iter().map(|channel| channel.watermark).max();
                self.emit(highest, out);
            }
            self.idle = true;
            out.push(Signal::Idle);
        } else if decided {
            self.emit_lowest(out);
        }
    }

    fn active(&mut self, channel: usize, out: &mut Vec<Signal>) {
        let input = &mut self.channels[channel];
        if !std::mem::take(&mut input.idle) {
            return;
        }
        input.aligned = input.watermark >= self.emitted;
        if std::mem::take(&mut self.idle) {
            out.push(Signal::Active);
        }
    }

    fn emit_lowest(&mut self, out: &mut Vec<Signal>) {
        let aligned = self.channels.iter().filter(|channel| channel.aligned);
        let lowest = aligned.map(|channel| channel.watermark).min();
        self.emit(lowest, out);
    }

    fn emit(&mut self, watermark: Option<i64>, out: &mut Vec<Signal>) {
        if let Some(watermark) = watermark.filter(|&watermark| watermark > self.emitted) {
            self.emitted = watermark;
            out.push(Signal::Watermark(watermark));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(idle_timeout: Option<u64>) -> Settings {
        Settings {
            idle_timeout,
            ..Settings::default()
        }
    }

    #[test]
    fn a_partition_is_idle_after_strictly_more_than_the_timeout_since_the_first_quiet_emission() {
        let mut source = SourceWatermarks::new(settings(Some(1_000)), [0, 1]);
        for (partition, timestamp) in [(0, 5_000), (1, 100)] {
            source.on_event(partition, timestamp, false);
        }
        assert_eq!(source.on_periodic_emit(200), [Signal::Watermark(99)]);
        for now in (400..=1_400).step_by(200) {
            source.on_event(0, 5_000, false);
            assert_eq!(source.on_periodic_emit(now), [], "{now}");
        }
        source.on_event(0, 5_000, false);
        assert_eq!(source.on_periodic_emit(1_600), [Signal::Watermark(4_999)]);
        assert_eq!(source.idle_partitions().collect::<Vec<u16>>(), [1]);
    }

    #[test]
    fn without_a_timeout_a_silent_partition_holds_everything_back() {
        let mut source = SourceWatermarks::new(settings(None), [0, 1]);
        source.on_event(0, 5_000, false);
        for now in (200..=100_000).step_by(200) {
            assert_eq!(source.on_periodic_emit(now), []);
        }
    }

    #[test]
    fn a_task_without_partitions_needs_the_timeout_too() {
        let mut source = SourceWatermarks::new(settings(Some(1_000)), []);
        let signals = (1..=10).flat_map(|n| source.on_periodic_emit(n * 200));
        assert_eq!(signals.collect::<Vec<Signal>>(), [Signal::Idle]);
    }

    #[test]
    fn an_input_that_returns_behind_the_others_does_not_hold_them_back() {
        let mut valve = Valve::new(2, Release::V2_0);
        valve.input(0, Signal::Watermark(10));
        assert_eq!(
            valve.input(1, Signal::Watermark(50)),
            [Signal::Watermark(10)]
        );
        assert_eq!(valve.input(0, Signal::Idle), [Signal::Watermark(50)]);
        valve.input(0, Signal::Active);
        assert_eq!(valve.input(0, Signal::Watermark(20)), []);
        assert_eq!(
            valve.input(1, Signal::Watermark(60)),
            [Signal::Watermark(60)]
        );
        assert_eq!(valve.input(0, Signal::Watermark(70)), []);
        assert_eq!(
            valve.input(1, Signal::Watermark(80)),
            [Signal::Watermark(70)]
        );
    }
}
