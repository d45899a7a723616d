//! One configuration over all arrivals: what is late, how long results take, what is held.
//!
//! A replay advances in slices of records and is the same however it is sliced.

use super::pace::{Engine, Flink, Listener, OutputMode, Pace, Spark};
use super::ranks::{Percentile, select};
use super::strategy::{NEVER, Strategy};
use super::track::Track;
use super::units::{self, share_of};
use super::windows::{Emission, Plan, Store, Windows};
use super::{Arrival, Arrivals};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// Everything that a learner chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub windows: Windows,
    /// Whether windows are kept for each key, or one for all.
    pub by_key: bool,
    pub engine: Engine,
    pub strategy: Strategy,
    /// From the start of a batch, or the firing of a window, until the result can be seen, in ms.
    pub processing_ms: u64,
    /// What a row of state takes, in bytes. An estimate of the learner's: real stores add indexes, versions and snapshots.
    pub row_bytes: u32,
}

impl Default for Config {
    /// The preset of the course: `withWatermark("ts", "10 seconds")`, tumbling 10 s, append, a batch a second.
    fn default() -> Self {
        Config {
            windows: Windows::Tumbling { size_ms: 10_000 },
            by_key: true,
            engine: Engine::Spark(Spark::default()),
            strategy: Strategy::Fixed { delay_ms: 10_000 },
            processing_ms: 300,
            row_bytes: 200,
        }
    }
}

impl Config {
    /// Whether an engine would take it; names the field and what is accepted.
    pub fn validate(&self) -> Result<(), String> {
        const DAY: u64 = 86_400_000;
        self.windows.validate()?;
        self.strategy.validate()?;
        let within = |field: &str, value: u64, most: u64| {
            if value <= most {
                return Ok(());
            }
            Err(format!(
                "{field}: {value} is out of range; 0 to {most} is accepted"
            ))
        };
        within("processing_ms", self.processing_ms, DAY)?;
        within("row_bytes", self.row_bytes.into(), 1_000_000_000)?;
        match self.engine {
            Engine::Spark(spark) => {
                within("engine.trigger_ms", spark.trigger_ms, DAY)?;
                if !matches!(self.strategy, Strategy::Fixed { .. }) {
                    return Err("strategy: Spark takes one fixed delay per source (withWatermark); an adaptive one needs a generator of one's own in Flink".into());
                }
                if spark.mode == OutputMode::Update
                    && matches!(self.windows, Windows::Session { .. })
                {
                    return Err("engine.mode: Spark refuses session windows in update mode when the query starts; append is accepted".into());
                }
                Ok(())
            }
            Engine::Flink(flink) => {
                within("engine.interval_ms", flink.interval_ms, DAY)?;
                within(
                    "engine.allowed_lateness_ms",
                    flink.allowed_lateness_ms,
                    31 * DAY,
                )?;
                within("engine.idle_ms", flink.idle_ms.unwrap_or(0), DAY)?;
                if flink.idle_ms.is_some() && !(flink.per_partition && flink.interval_ms > 0) {
                    return Err("engine.idle_ms: idleness is looked at when watermarks are emitted periodically, and changes something with a generator for each partition only".into());
                }
                Ok(())
            }
        }
    }

    pub(super) fn emission(&self) -> Emission {
        match self.engine {
            Engine::Flink(Flink {
                allowed_lateness_ms,
                ..
            }) => Emission::Fires {
                allowed_lateness: allowed_lateness_ms as i64,
            },
            Engine::Spark(Spark {
                mode: OutputMode::Append,
                ..
            }) => Emission::Once,
            Engine::Spark(Spark {
                mode: OutputMode::Update,
                ..
            }) => Emission::Changes,
        }
    }

    /// In a few words.
    pub fn name(&self) -> String {
        let seconds = |ms: u64| units::seconds(ms as i64 * 1_000);
        let engine = match self.engine {
            Engine::Spark(spark) => {
                let mode = match spark.mode {
                    OutputMode::Append => "append",
                    OutputMode::Update => "update",
                };
                format!("Spark, {mode}, trigger {}", seconds(spark.trigger_ms))
            }
            Engine::Flink(flink) => {
                let mut text = String::from("Flink");
                if flink.per_partition {
                    text += ", a generator a partition";
                }
                if let Some(idle_ms) = flink.idle_ms {
                    text += &format!(", idle after {}", seconds(idle_ms));
                }
                if flink.allowed_lateness_ms > 0 {
                    text += &format!(", allowed lateness {}", seconds(flink.allowed_lateness_ms));
                }
                text
            }
        };
        format!(
            "{}, {}, {engine}",
            self.windows.name(),
            self.strategy.name()
        )
    }
}

/// What a configuration makes of the arrivals. `events = delivered + late + pending + uncovered`, each counted by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub config: Config,
    pub events: u64,
    /// Events that a result shows.
    pub delivered: u64,
    /// Events that no window took.
    pub late: u64,
    /// Events in windows that are still open, because event time stands still.
    pub pending: u64,
    /// Events that no window covers.
    pub uncovered: u64,
    /// `late` in parts of a million events, rounded up.
    pub late_ppm: u32,
    /// Windows that an event missed although it counts in a newer one.
    pub missed_windows: u64,
    /// From event to first visibility, of what was delivered.
    pub p50: Percentile,
    pub p95: Percentile,
    pub p99: Percentile,
    /// With late ones counted as infinite.
    pub p95_honest: Percentile,
    /// From the end of a window to its result; in update mode to the last change. Negative if that came before the end.
    pub fresh_p95: Percentile,
    /// Rows of state: in Flink at any time, in Spark after each batch.
    pub state_peak: u64,
    pub state_end: u64,
    pub memory_bytes: u64,
    /// Results handed to the sink.
    pub emitted: u64,
    /// Results that replace an earlier one: a changelog retracts that one first, an append-only sink doubles it.
    pub updates: u64,
    /// Sessions whose result was out when they were joined; nobody retracts those.
    pub superseded: u64,
    /// Micro-batches; 0 in Flink.
    pub batches: u32,
    /// `numRowsDroppedByWatermark`, which counts groups of a batch and not events; 0 in Flink.
    pub late_groups: u64,
    /// How it went, at evenly spread records.
    pub course: Vec<Point>,
}

/// A moment of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    pub at_us: i64,
    /// In ms; none before the first.
    pub watermark_ms: Option<i64>,
    /// How far it stays behind, in ms.
    pub slack_ms: i64,
    pub rows: u64,
    pub late: u64,
}

/// How the watermark finds its way.
enum Way {
    Paced(Pace),
    /// Along a pass that other delays share: under this one, and the next advance.
    Tracked {
        track: Rc<Track>,
        delay_ms: u64,
        next: usize,
    },
}

impl Way {
    /// Advances along a shared pass, up to so many.
    fn advance_to(&mut self, until: usize, store: &mut Store) {
        let Way::Tracked {
            track,
            delay_ms,
            next,
        } = self
        else {
            return;
        };
        for &(closed, visible_us) in &track.advances[*next..until] {
            store.advance(track.shifted(closed, *delay_ms), visible_us);
        }
        *next = until;
    }
}

/// How many moments of a replay are kept.
pub const POINTS: usize = 240;

/// Records from one moment to the next.
pub(super) fn point_step(records: usize) -> usize {
    records.div_ceil(POINTS).max(1)
}

/// A configuration being played.
pub struct Replay {
    arrivals: Rc<Arrivals>,
    config: Config,
    way: Way,
    store: Store,
    next: usize,
    course: Vec<Point>,
}

impl Replay {
    /// The configuration must be valid, and the plan its own.
    pub fn new(arrivals: Rc<Arrivals>, plan: Rc<Plan>, config: Config) -> Replay {
        assert!(
            plan.is_for(config.windows, config.by_key),
            "a plan is made for the windows that it is used with"
        );
        let partitions = arrivals.partitions.len().max(1);
        Replay {
            way: Way::Paced(Pace::new(
                config.engine,
                config.strategy,
                config.processing_ms,
                partitions,
            )),
            store: Store::new(plan, config.emission(), &arrivals),
            arrivals,
            config,
            next: 0,
            course: Vec::with_capacity(POINTS + 1),
        }
    }

    /// The same along a pass that fixed delays share, if it holds for this one.
    pub fn along(
        arrivals: Rc<Arrivals>,
        plan: Rc<Plan>,
        track: Rc<Track>,
        config: Config,
    ) -> Replay {
        let mut replay = Replay::new(arrivals, plan, config);
        if let Strategy::Fixed { delay_ms } = config.strategy
            && track.is_for(config.engine, config.processing_ms)
            && track.holds_for(delay_ms)
        {
            replay.way = Way::Tracked {
                track,
                delay_ms,
                next: 0,
            };
        }
        replay
    }

    /// The whole of it at once.
    pub fn run(arrivals: &Rc<Arrivals>, config: Config) -> Outcome {
        let plan = Rc::new(Plan::new(arrivals, config.windows, config.by_key));
        let mut replay = Replay::new(arrivals.clone(), plan, config);
        replay.advance(usize::MAX);
        replay.finish()
    }

    /// Plays up to `records` more; false if there are none left.
    pub fn advance(&mut self, records: usize) -> bool {
        let arrivals = self.arrivals.clone();
        let rows = arrivals.rows();
        let until = rows.len().min(self.next.saturating_add(records));
        let step = point_step(rows.len());
        for (index, row) in rows.iter().enumerate().take(until).skip(self.next) {
            if let Way::Paced(pace) = &mut self.way {
                pace.record(index, row, &mut self.store);
            } else {
                self.follow(index, row);
            }
            if index % step == step - 1 {
                let point = self.point(index / step, row.at_us);
                self.course.push(point);
            }
        }
        self.next = until;
        until < rows.len()
    }

    /// One record along a shared pass.
    fn follow(&mut self, index: usize, row: &Arrival) {
        let Way::Tracked {
            track, delay_ms, ..
        } = &self.way
        else {
            return;
        };
        let before = track.before[index] as usize;
        let moment = track.moment(index, row, *delay_ms);
        self.way.advance_to(before, &mut self.store);
        self.store.record(index, row, moment);
    }

    /// The nth moment, counted from 0.
    fn point(&mut self, nth: usize, at_us: i64) -> Point {
        let (watermark_ms, slack_ms, advances) = match &self.way {
            Way::Paced(pace) => {
                let watermark = Some(pace.watermark()).filter(|&watermark| watermark > NEVER);
                (watermark, pace.slack(), None)
            }
            Way::Tracked {
                track, delay_ms, ..
            } => {
                let mark = &track.points[nth];
                let watermark = track.watermark(mark, *delay_ms);
                (watermark, *delay_ms as i64, Some(mark.advances))
            }
        };
        if let Some(advances) = advances {
            self.way.advance_to(advances, &mut self.store);
        }
        let tally = self.store.tally();
        Point {
            at_us,
            watermark_ms,
            slack_ms,
            rows: tally.rows,
            late: tally.late,
        }
    }

    /// Nothing more arrives; what is open stays open.
    pub fn finish(mut self) -> Outcome {
        let batches = match &mut self.way {
            Way::Paced(pace) => {
                pace.end(&mut self.store);
                pace.batches()
            }
            Way::Tracked { track, .. } => {
                let track = track.clone();
                self.way.advance_to(track.advances.len(), &mut self.store);
                track.batches
            }
        };
        let latencies = self.store.latencies(&self.arrivals);
        let tally = self.store.tally();
        let delivered = latencies.len() as u64;
        let events = self.next as u64;
        let [p50, p95, p99, p95_honest] = select(
            &latencies,
            [
                (500_000, 0),
                (950_000, 0),
                (990_000, 0),
                (950_000, tally.late),
            ],
        );
        let [fresh_p95] = select(&tally.freshness, [(950_000, 0)]);
        Outcome {
            config: self.config,
            events,
            delivered,
            late: tally.late,
            pending: events - delivered - tally.late - tally.uncovered,
            uncovered: tally.uncovered,
            late_ppm: share_of(tally.late, events),
            missed_windows: tally.missed_windows,
            p50,
            p95,
            p99,
            p95_honest,
            fresh_p95,
            state_peak: tally.rows_peak,
            state_end: tally.rows,
            memory_bytes: tally.rows_peak * u64::from(self.config.row_bytes),
            emitted: tally.emitted,
            updates: tally.updates,
            superseded: tally.superseded,
            batches,
            late_groups: tally.late_groups,
            course: self.course,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of (event time, arrival, key, partition), in ms.
    fn arrivals(rows: &[(i64, i64, u32)]) -> Rc<Arrivals> {
        let row = |&(event_ms, at_ms, key): &(i64, i64, u32)| Arrival {
            event_us: event_ms * 1_000,
            at_us: at_ms * 1_000,
            key,
            partition: 0,
        };
        let keys = (0..=rows.iter().map(|row| row.2).max().unwrap_or(0)).map(|key| key.to_string());
        Rc::new(Arrivals::new(
            rows.iter().map(row).collect(),
            keys.collect(),
            vec![String::new()],
        ))
    }

    fn flink(windows: &str, delay_ms: u64, allowed_lateness_ms: u64) -> Config {
        Config {
            windows: Windows::parse(windows).expect("windows"),
            by_key: true,
            engine: Engine::Flink(Flink {
                interval_ms: 0,
                allowed_lateness_ms,
                ..Flink::default()
            }),
            strategy: Strategy::Fixed { delay_ms },
            processing_ms: 0,
            row_bytes: 100,
        }
    }

    fn spark(windows: &str, delay_ms: u64, mode: OutputMode) -> Config {
        let engine = Engine::Spark(Spark {
            trigger_ms: 10,
            mode,
            no_data_batches: true,
        });
        Config {
            engine,
            ..flink(windows, delay_ms, 0)
        }
    }

    fn law_holds(outcome: &Outcome) {
        let sum = outcome.delivered + outcome.late + outcome.pending + outcome.uncovered;
        assert_eq!(outcome.events, sum);
    }

    /// (delivered, late, pending, emitted, updates, rows at the most)
    fn counts(config: Config, rows: &[(i64, i64, u32)]) -> (u64, u64, u64, u64, u64, u64) {
        let outcome = Replay::run(&arrivals(rows), config);
        law_holds(&outcome);
        let Outcome {
            delivered,
            late,
            pending,
            emitted,
            updates,
            state_peak,
            ..
        } = outcome;
        (delivered, late, pending, emitted, updates, state_peak)
    }

    #[test]
    fn a_tumbling_window_fires_when_the_watermark_reaches_its_last_millisecond() {
        // Delay 0: an event at 10 makes the watermark 9, which closes [0, 10).
        let edge = [(5, 1, 0), (10, 2, 0), (9, 3, 0), (11, 4, 0)];
        assert_eq!(
            counts(flink("tumbling:10ms", 0, 0), &edge),
            (1, 1, 2, 1, 0, 2)
        );
        assert_eq!(
            counts(flink("tumbling:10ms", 1, 0), &edge),
            (2, 0, 2, 1, 0, 2)
        );
    }

    #[test]
    fn allowed_lateness_refires_and_each_refiring_replaces_a_result() {
        let rows = [
            (5, 1, 0),
            (10, 2, 0),
            (9, 3, 0),
            (8, 4, 0),
            (15, 5, 0),
            (7, 6, 0),
        ];
        assert_eq!(
            counts(flink("tumbling:10ms", 0, 0), &rows),
            (1, 3, 2, 1, 0, 2)
        );
        // Until the watermark reaches 9 + 5, late ones are taken and fire at once.
        assert_eq!(
            counts(flink("tumbling:10ms", 0, 5), &rows),
            (3, 1, 2, 3, 2, 2)
        );
    }

    #[test]
    fn a_sliding_event_may_miss_some_of_its_windows_in_silence() {
        let rows = [(2, 1, 0), (11, 2, 0), (7, 3, 0), (40, 4, 0)];
        let outcome = Replay::run(&arrivals(&rows), flink("sliding:10ms:5ms", 0, 0));
        law_holds(&outcome);
        // 7 is too late for [0, 10) and counts in [5, 15).
        assert_eq!((outcome.late, outcome.missed_windows), (0, 1));
        assert_eq!(outcome.pending, 1);
        // [-5,5), [0,10), [5,15), [10,20); 40 is open.
        assert_eq!(outcome.emitted, 4);
    }

    #[test]
    fn a_slide_longer_than_the_size_leaves_events_out() {
        let rows = [(1, 1, 0), (7, 2, 0), (12, 3, 0), (30, 4, 0)];
        let outcome = Replay::run(&arrivals(&rows), flink("sliding:5ms:10ms", 0, 0));
        law_holds(&outcome);
        assert_eq!(
            (outcome.uncovered, outcome.delivered, outcome.pending),
            (1, 2, 1)
        );
    }

    #[test]
    fn a_late_event_joins_two_sessions_if_they_are_still_open() {
        let rows = [(0, 1, 0), (14, 2, 0), (7, 3, 0), (60, 4, 0)];
        // Gap 10, delay 20: all three are one session.
        assert_eq!(
            counts(flink("session:10ms", 20, 0), &rows),
            (3, 0, 1, 1, 0, 2)
        );
        // Delay 0: [0, 10) is out when 7 comes, which joins [14, 24).
        assert_eq!(
            counts(flink("session:10ms", 0, 0), &rows),
            (3, 0, 1, 2, 0, 2)
        );
        // Spark's row at 3 is judged by itself; Flink's is rescued by the session it would join.
        let alone = [
            (0, 1, 0),
            (9, 11, 0),
            (18, 21, 0),
            (20, 31, 0),
            (3, 41, 0),
            (60, 51, 0),
        ];
        assert_eq!(
            counts(spark("session:10ms", 0, OutputMode::Append), &alone).1,
            1
        );
        let rescued = flink("session:10ms", 0, 0);
        assert_eq!(counts(rescued, &alone).1, 0);
    }

    #[test]
    fn sessions_whose_result_is_out_are_not_taken_back() {
        let rows = [(0, 1, 0), (14, 2, 0), (30, 3, 0), (7, 4, 0), (100, 5, 0)];
        let outcome = Replay::run(&arrivals(&rows), flink("session:10ms", 0, 50));
        law_holds(&outcome);
        // [0, 10) and [14, 24) are out; 7 joins both into [0, 24), which goes out too.
        assert_eq!(
            (outcome.superseded, outcome.updates, outcome.late),
            (2, 1, 0)
        );
        assert_eq!(outcome.emitted, 4);
    }

    #[test]
    fn keys_have_windows_of_their_own() {
        let rows = [(1, 1, 0), (2, 2, 1), (3, 3, 2), (20, 4, 0)];
        let config = flink("tumbling:10ms", 0, 0);
        assert_eq!(counts(config, &rows), (3, 0, 1, 3, 0, 4));
        assert_eq!(
            counts(
                Config {
                    by_key: false,
                    ..config
                },
                &rows
            ),
            (3, 0, 1, 1, 0, 2)
        );
        let session = flink("session:5ms", 0, 0);
        assert_eq!(counts(session, &rows).3, 3);
        assert_eq!(
            counts(
                Config {
                    by_key: false,
                    ..session
                },
                &rows
            )
            .3,
            1
        );
    }

    #[test]
    fn update_mode_shows_each_change_and_append_each_window_once() {
        // Two in the first batch, one in the second, all of one window; then time goes on.
        let rows = [(1, 1, 0), (2, 2, 0), (3, 15, 0), (30, 25, 0)];
        let append = Replay::run(
            &arrivals(&rows),
            spark("tumbling:10ms", 0, OutputMode::Append),
        );
        let update = Replay::run(
            &arrivals(&rows),
            spark("tumbling:10ms", 0, OutputMode::Update),
        );
        assert_eq!((append.emitted, append.updates, append.pending), (1, 0, 1));
        assert_eq!((update.emitted, update.updates, update.pending), (3, 1, 0));
        // Batches at 10, 20 and 30, and an empty one at 40 in which append lets the window go.
        assert_eq!(append.p50, Percentile::Micros(38_000));
        assert_eq!(update.p50, Percentile::Micros(8_000));
        assert_eq!((append.batches, update.batches), (4, 4));
    }

    #[test]
    fn what_is_late_counts_as_infinite_in_the_honest_percentile() {
        let mut rows: Vec<(i64, i64, u32)> = (0..100).map(|n| (n, n + 1, 0)).collect();
        rows.extend((0..10).map(|n| (n, 200 + n, 0)));
        let outcome = Replay::run(&arrivals(&rows), flink("tumbling:10ms", 0, 0));
        assert_eq!(outcome.late, 10);
        assert!(matches!(outcome.p95, Percentile::Micros(_)));
        assert_eq!(outcome.p95_honest, Percentile::Infinite);
    }

    #[test]
    fn slices_do_not_matter() {
        let rows: Vec<(i64, i64, u32)> = (0..500)
            .map(|n| (n - (n * 7_919) % 90, n, (n % 3) as u32))
            .collect();
        let arrivals = arrivals(&rows);
        for windows in ["tumbling:20ms", "sliding:30ms:7ms", "session:4ms"] {
            for config in [
                flink(windows, 10, 15),
                spark(windows, 10, OutputMode::Append),
            ] {
                let plan = Rc::new(Plan::new(&arrivals, config.windows, config.by_key));
                let mut replay = Replay::new(arrivals.clone(), plan, config);
                while replay.advance(7) {}
                let sliced = replay.finish();
                law_holds(&sliced);
                assert_eq!(sliced, Replay::run(&arrivals, config), "{windows}");
            }
        }
    }

    #[test]
    fn what_an_engine_refuses_is_refused_with_the_reason() {
        let refused = |config: Config, words: &str| {
            let problem = config.validate().expect_err("refused");
            assert!(problem.contains(words), "{problem}");
        };
        let adaptive = Strategy::percentile(990_000, 1_000);
        refused(
            Config {
                strategy: adaptive,
                ..Config::default()
            },
            "one fixed delay per source",
        );
        refused(
            spark("session:10s", 0, OutputMode::Update),
            "refuses session windows in update mode",
        );
        let engine = Engine::Flink(Flink {
            idle_ms: Some(1),
            ..Flink::default()
        });
        refused(
            Config {
                engine,
                ..Config::default()
            },
            "a generator for each partition",
        );
    }
}
