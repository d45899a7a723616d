//! The watermark's way through a list of arrivals: what each record is judged by, and when windows are told to close.
//!
//! Mirrors: Flink's periodic generators, one for a source or one a partition, combined by the minimum
//! (`WatermarkOutputMultiplexer`, `WatermarksWithIdleness`); Spark's micro-batches (`MicroBatchExecution`,
//! `ProcessingTimeExecutor`, `WatermarkTracker`) with their two watermarks and batches without data.
//! Simplified: one source; records are readable the moment they arrive; a batch takes the same time whatever is in it; when all
//! partitions are idle the watermark stays, as in Flink 2.0.
//!
//! Both engines are brought to one form: `closed` is the greatest end of a window that has passed. Flink fires when
//! `watermark >= end - 1`, so it is the watermark plus 1; Spark evicts when `end <= watermark`, so it is the watermark.

use super::Arrival;
use super::strategy::{Generator, NEVER, Strategy};
use serde::{Deserialize, Serialize};

/// Which engine moves the watermark, with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Flink(Flink),
    Spark(Spark),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flink {
    /// `pipeline.auto-watermark-interval`, in ms. With 0 the watermark is emitted after each record, as a generator of one's
    /// own does from `onEvent`.
    pub interval_ms: u64,
    /// A generator for each partition, the least of which counts; else one over all of them.
    pub per_partition: bool,
    /// `withIdleness`, in ms; only for generators by partition.
    pub idle_ms: Option<u64>,
    /// `allowedLateness`, in ms.
    pub allowed_lateness_ms: u64,
}

impl Default for Flink {
    fn default() -> Self {
        Flink {
            interval_ms: 200,
            per_partition: false,
            idle_ms: None,
            allowed_lateness_ms: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spark {
    /// `Trigger.ProcessingTime`, in ms; 0 starts a batch as soon as the last one ends.
    pub trigger_ms: u64,
    pub mode: OutputMode,
    /// `spark.sql.streaming.noDataMicroBatches.enabled`
    pub no_data_batches: bool,
}

impl Default for Spark {
    fn default() -> Self {
        Spark {
            trigger_ms: 1_000,
            mode: OutputMode::Append,
            no_data_batches: true,
        }
    }
}

/// `outputMode`; the third, complete, never forgets anything and so has no watermark to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputMode {
    Append,
    Update,
}

/// What a record meets.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// A window that ends no later than this, in ms, takes nothing more.
    pub closed: i64,
    /// When a result that it causes at once can be seen, in microseconds.
    pub visible_us: i64,
    /// The micro-batch, counted from 1; 0 in Flink.
    pub batch: u32,
}

/// Whoever holds windows.
pub trait Listener {
    fn record(&mut self, index: usize, row: &Arrival, moment: Moment);
    /// Windows that end no later than `closed` (ms) are done; their results can be seen at `visible_us`.
    fn advance(&mut self, closed: i64, visible_us: i64);
}

/// The watermark on its way.
#[derive(Clone, Debug)]
pub struct Pace {
    /// How long work takes until its result can be seen.
    processing_us: i64,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Flink(Source),
    Spark(Batches),
}

impl Pace {
    /// `partitions` is how many there are. Spark takes a fixed strategy only; [`super::replay::Config::validate`] says so.
    pub fn new(engine: Engine, strategy: Strategy, processing_ms: u64, partitions: usize) -> Pace {
        let processing_us = processing_ms as i64 * 1_000;
        let way = match engine {
            Engine::Flink(settings) => Way::Flink(Source::new(settings, strategy, partitions)),
            Engine::Spark(settings) => Way::Spark(Batches::new(settings, strategy, processing_us)),
        };
        Pace { processing_us, way }
    }

    pub fn record(&mut self, index: usize, row: &Arrival, listener: &mut impl Listener) {
        match &mut self.way {
            Way::Flink(source) => source.record(index, row, self.processing_us, listener),
            Way::Spark(batches) => batches.record(index, row, listener),
        }
    }

    /// Nothing more arrives, and time goes on until nothing more happens. The input has not ended: what is open stays open.
    pub fn end(&mut self, listener: &mut impl Listener) {
        match &mut self.way {
            Way::Flink(source) => source.silence(i64::MAX, self.processing_us, listener),
            Way::Spark(batches) => batches.close(None, listener),
        }
    }

    /// In ms.
    pub fn watermark(&self) -> i64 {
        match &self.way {
            Way::Flink(source) => source.combined,
            Way::Spark(batches) => batches.evict,
        }
    }

    /// How far the watermark stays behind, in ms; the greatest of the partitions.
    pub fn slack(&self) -> i64 {
        match &self.way {
            Way::Flink(source) => {
                let slacks = source
                    .partials
                    .iter()
                    .map(|partial| partial.generator.slack());
                slacks.max().unwrap_or(0)
            }
            Way::Spark(batches) => batches.delay_ms,
        }
    }

    /// Micro-batches so far, those without data among them.
    pub fn batches(&self) -> u32 {
        match &self.way {
            Way::Flink(_) => 0,
            Way::Spark(batches) => batches.number,
        }
    }
}

// ---- Flink ---------------------------------------------------------------------------------------------------------

/// One generator and what it has emitted.
#[derive(Clone, Debug)]
struct Partial {
    generator: Generator,
    emitted: i64,
    idle: bool,
    /// Records came since the last look.
    active: bool,
    /// The first look that found nothing, in microseconds.
    since: Option<i64>,
}

#[derive(Clone, Debug)]
struct Source {
    interval_us: i64,
    idle_us: Option<i64>,
    per_partition: bool,
    partials: Vec<Partial>,
    combined: i64,
    /// When watermarks are emitted next; none before the first record.
    tick: Option<i64>,
}

impl Source {
    fn new(settings: Flink, strategy: Strategy, partitions: usize) -> Source {
        let partial = Partial {
            generator: Generator::new(strategy),
            emitted: NEVER,
            idle: false,
            active: false,
            since: None,
        };
        let generators = if settings.per_partition {
            partitions
        } else {
            1
        };
        Source {
            interval_us: settings.interval_ms as i64 * 1_000,
            idle_us: settings
                .idle_ms
                .filter(|_| settings.per_partition)
                .map(|ms| ms as i64 * 1_000),
            per_partition: settings.per_partition,
            partials: vec![partial; generators],
            combined: NEVER,
            tick: None,
        }
    }

    fn record(
        &mut self,
        index: usize,
        row: &Arrival,
        processing_us: i64,
        listener: &mut impl Listener,
    ) {
        if self.interval_us > 0 {
            self.silence(row.at_us, processing_us, listener);
            if self.tick.is_none() {
                self.tick = Some(up_to_multiple(row.at_us, self.interval_us));
            }
        }
        let moment = Moment {
            closed: self.combined + 1,
            visible_us: row.at_us + processing_us,
            batch: 0,
        };
        // The record is handed on first, and the generator sees it afterwards.
        listener.record(index, row, moment);
        let place = if self.per_partition {
            usize::from(row.partition)
        } else {
            0
        };
        let event_ms = row.event_ms();
        let late = event_ms <= self.combined;
        let partial = &mut self.partials[place];
        partial.generator.on_event(event_ms, late);
        partial.active = true;
        if self.interval_us == 0 {
            partial.emitted = partial.generator.watermark();
            self.combine(row.at_us + processing_us, listener);
        }
    }

    /// Emits at each multiple of the interval before `until_us`, as long as that can change anything.
    fn silence(&mut self, until_us: i64, processing_us: i64, listener: &mut impl Listener) {
        while let Some(tick) = self.tick.filter(|&tick| tick < until_us) {
            self.emit(tick);
            self.combine(tick + processing_us, listener);
            let settled =
                self.idle_us.is_none() || self.partials.iter().all(|partial| partial.idle);
            self.tick = if settled && until_us == i64::MAX {
                None
            } else if settled {
                Some(up_to_multiple(until_us, self.interval_us).max(tick + self.interval_us))
            } else {
                Some(tick + self.interval_us)
            };
        }
    }

    fn emit(&mut self, now_us: i64) {
        for partial in &mut self.partials {
            if let Some(idle_us) = self.idle_us {
                if std::mem::take(&mut partial.active) {
                    partial.since = None;
                } else {
                    // The first look that finds nothing starts the countdown.
                    let since = *partial.since.get_or_insert(now_us);
                    if now_us - since > idle_us {
                        partial.idle = true;
                        continue;
                    }
                }
            }
            partial.idle = false;
            partial.emitted = partial.generator.watermark();
        }
    }

    /// The least of those that are not idle; it never falls.
    fn combine(&mut self, visible_us: i64, listener: &mut impl Listener) {
        let active = self.partials.iter().filter(|partial| !partial.idle);
        let least = active.map(|partial| partial.emitted).min();
        if let Some(least) = least.filter(|&least| least > self.combined) {
            self.combined = least;
            listener.advance(least + 1, visible_us);
        }
    }
}

// ---- Spark ---------------------------------------------------------------------------------------------------------

#[derive(Clone, Debug)]
struct Batches {
    trigger_us: i64,
    no_data: bool,
    delay_ms: i64,
    processing_us: i64,
    /// The batch that takes what arrives.
    number: u32,
    start_us: i64,
    highest: i64,
    /// Its late rows are judged by this: the eviction watermark of the batch before.
    late: i64,
    /// What it evicts by: everything up to the batch before.
    evict: i64,
}

impl Batches {
    fn new(settings: Spark, strategy: Strategy, processing_us: i64) -> Batches {
        let delay_ms = match strategy {
            Strategy::Fixed { delay_ms } => delay_ms as i64,
            _ => 0,
        };
        Batches {
            trigger_us: settings.trigger_ms as i64 * 1_000,
            no_data: settings.no_data_batches,
            delay_ms,
            processing_us,
            number: 0,
            start_us: i64::MIN,
            highest: NEVER,
            late: 0,
            evict: 0,
        }
    }

    fn record(&mut self, index: usize, row: &Arrival, listener: &mut impl Listener) {
        if self.number == 0 {
            self.number = 1;
            self.start_us = self.on_trigger(row.at_us);
        } else if row.at_us > self.start_us {
            self.close(Some(row.at_us), listener);
            let next = self.next_start();
            self.number += 1;
            self.start_us = if row.at_us <= next {
                next
            } else {
                self.on_trigger(row.at_us)
            };
        }
        self.highest = self.highest.max(row.event_ms());
        let moment = Moment {
            closed: self.late,
            visible_us: self.start_us + self.processing_us,
            batch: self.number,
        };
        listener.record(index, row, moment);
    }

    /// Ends the batch, and runs one without data if the watermark has moved and nothing is waiting by then.
    fn close(&mut self, next_arrival: Option<i64>, listener: &mut impl Listener) {
        if self.number == 0 {
            return;
        }
        listener.advance(self.evict, self.start_us + self.processing_us);
        self.late = self.evict;
        self.evict = self.evict.max(self.highest - self.delay_ms);
        let next = self.next_start();
        let waiting = next_arrival.is_some_and(|at| at <= next);
        if self.no_data && self.evict > self.late && !waiting {
            self.number += 1;
            self.start_us = next;
            listener.advance(self.evict, self.start_us + self.processing_us);
            self.late = self.evict;
        }
    }

    /// The first trigger at or after a moment.
    fn on_trigger(&self, at_us: i64) -> i64 {
        if self.trigger_us == 0 {
            at_us
        } else {
            up_to_multiple(at_us, self.trigger_us)
        }
    }

    /// The first trigger after this batch: the next multiple, or at once if that has passed.
    fn next_start(&self) -> i64 {
        let end = self.start_us + self.processing_us;
        if self.trigger_us == 0 {
            return end;
        }
        let scheduled = self.start_us - self.start_us.rem_euclid(self.trigger_us) + self.trigger_us;
        scheduled.max(end)
    }
}

/// The least multiple of `step` that is not before `at`.
const fn up_to_multiple(at: i64, step: i64) -> i64 {
    at + (-at).rem_euclid(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a listener hears, in ms.
    #[derive(Default)]
    struct Heard {
        judged_by: Vec<i64>,
        advanced: Vec<(i64, i64)>,
    }

    impl Listener for Heard {
        fn record(&mut self, _: usize, _: &Arrival, moment: Moment) {
            self.judged_by.push(moment.closed);
        }
        fn advance(&mut self, closed: i64, visible_us: i64) {
            self.advanced.push((closed, visible_us / 1_000));
        }
    }

    /// Rows of (event time, arrival, partition), in ms.
    fn hear(engine: Engine, delay_ms: u64, rows: &[(i64, i64, u16)]) -> Heard {
        let partitions = rows
            .iter()
            .map(|row| usize::from(row.2) + 1)
            .max()
            .unwrap_or(1);
        let mut pace = Pace::new(engine, Strategy::Fixed { delay_ms }, 0, partitions);
        let mut heard = Heard::default();
        for (index, &(event_ms, at_ms, partition)) in rows.iter().enumerate() {
            let row = Arrival {
                event_us: event_ms * 1_000,
                at_us: at_ms * 1_000,
                key: 0,
                partition,
            };
            pace.record(index, &row, &mut heard);
        }
        pace.end(&mut heard);
        heard
    }

    const SPARK: Spark = Spark {
        trigger_ms: 100,
        mode: OutputMode::Append,
        no_data_batches: true,
    };

    #[test]
    fn a_spark_batch_is_judged_by_values_fixed_before_it() {
        let rows = [(1_000, 10, 0), (1_500, 110, 0), (2_000, 450, 0)];
        let heard = hear(Engine::Spark(SPARK), 100, &rows);
        // Batches at 100 and 200 with data, one without at 300, then 500 with data and 600 without.
        assert_eq!(heard.judged_by, [0, 0, 1_400]);
        assert_eq!(
            heard.advanced,
            [
                (0, 100),
                (900, 200),
                (1_400, 300),
                (1_400, 500),
                (1_900, 600)
            ]
        );
    }

    #[test]
    fn without_empty_batches_the_late_bound_stays_one_batch_behind() {
        let rows = [(1_000, 10, 0), (1_500, 110, 0), (2_000, 450, 0)];
        let heard = hear(
            Engine::Spark(Spark {
                no_data_batches: false,
                ..SPARK
            }),
            100,
            &rows,
        );
        assert_eq!(heard.judged_by, [0, 0, 900]);
        assert_eq!(heard.advanced, [(0, 100), (900, 200), (1_400, 500)]);
    }

    #[test]
    fn a_flink_watermark_moves_at_multiples_of_the_interval() {
        let engine = Engine::Flink(Flink::default());
        let heard = hear(
            engine,
            100,
            &[(1_000, 10, 0), (900, 150, 0), (2_000, 450, 0)],
        );
        // The watermark is 1000 - 100 - 1; a window that ends at 900 has passed.
        assert_eq!(heard.judged_by, [NEVER + 1, NEVER + 1, 900]);
        assert_eq!(heard.advanced, [(900, 200), (1_900, 600)]);
    }

    #[test]
    fn with_an_interval_of_0_it_moves_after_each_record() {
        let engine = Engine::Flink(Flink {
            interval_ms: 0,
            ..Flink::default()
        });
        let heard = hear(engine, 0, &[(10, 1, 0), (12, 2, 0), (11, 3, 0)]);
        assert_eq!(heard.judged_by, [NEVER + 1, 10, 12]);
        assert_eq!(heard.advanced, [(10, 1), (12, 2)]);
    }

    /// Two partitions; the second has one record and falls silent.
    fn silent(idle_ms: Option<u64>, per_partition: bool) -> Vec<(i64, i64)> {
        let mut rows = vec![(1_000, 10, 0), (1_000, 20, 1)];
        rows.extend((1..20).map(|n| (1_000 + n * 200, 10 + n * 200, 0)));
        let engine = Engine::Flink(Flink {
            per_partition,
            idle_ms,
            ..Flink::default()
        });
        hear(engine, 0, &rows).advanced
    }

    #[test]
    fn a_silent_partition_holds_all_back_unless_it_counts_as_idle() {
        assert_eq!(silent(None, true), [(1_000, 200)]);
        let advanced = silent(Some(1_000), true);
        // Its record came before 200, the look at 400 starts the countdown, and 1600 is the first above 1000.
        assert_eq!(advanced[..2], [(1_000, 200), (2_400, 1_600)]);
        assert_eq!(advanced.last().map(|moved| moved.0), Some(4_800));
        assert_eq!(
            silent(None, false).len(),
            20,
            "one generator does not know of partitions"
        );
    }
}
