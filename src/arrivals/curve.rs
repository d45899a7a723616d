//! Which delay? The curve from watermark delay to late-drop rate, exact and without trying delays one by one; and the budget
//! that says what a P95 is made of.
//!
//! With a fixed delay every watermark is a highest event time less the delay, whatever the delay is, so each record has one
//! number: the greatest delay with which it would still be late. Sorted, these numbers are the curve. It holds for any pacing of
//! either engine, for generators by partition and for idleness, since none of these look at the delay. Flink's sessions are the
//! exception: a late record may be rescued by a session that happens to be open, so there the curve is an upper bound.

use super::pace::{Engine, Listener, Moment, OutputMode, Pace};
use super::ranks::Percentile;
use super::replay::{Config, Outcome};
use super::strategy::{NEVER, Strategy};
use super::units::share_of;
use super::windows::{Plan, Windows};
use super::{Arrival, Arrivals};
use serde::{Deserialize, Serialize};

/// The late-drop curve of a configuration under a fixed delay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateCurve {
    /// The greatest delay in ms with which each record is late, falling. Records that never are, or that no window covers, are
    /// not in it.
    needs: Vec<i64>,
    events: u64,
    /// Whether real runs drop exactly that many, or at most.
    pub exact: bool,
}

/// A delay and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatePoint {
    pub delay_ms: u64,
    pub late: u64,
    pub late_ppm: u32,
}

struct Needs<'a> {
    plan: &'a Plan,
    lateness: i64,
    needs: Vec<i64>,
}

impl Listener for Needs<'_> {
    fn record(&mut self, index: usize, row: &Arrival, moment: Moment) {
        if let Some(end) = self.plan.last_end(index, row) {
            let need = moment.closed.max(NEVER) - end - self.lateness;
            if need >= 0 {
                self.needs.push(need);
            }
        }
    }

    fn advance(&mut self, _: i64, _: i64) {}
}

impl LateCurve {
    /// The plan must have the windows of the configuration, by key or over all. The strategy does not matter.
    pub fn of(arrivals: &Arrivals, plan: &Plan, config: &Config) -> LateCurve {
        let none = Strategy::Fixed { delay_ms: 0 };
        let partitions = arrivals.partitions.len().max(1);
        let mut pace = Pace::new(config.engine, none, config.processing_ms, partitions);
        let lateness = match config.engine {
            Engine::Flink(flink) => flink.allowed_lateness_ms as i64,
            Engine::Spark(_) => 0,
        };
        let mut listener = Needs {
            plan,
            lateness,
            needs: Vec::new(),
        };
        for (index, row) in arrivals.rows().iter().enumerate() {
            pace.record(index, row, &mut listener);
        }
        let mut needs = listener.needs;
        needs.sort_unstable_by(|a, b| b.cmp(a));
        let rescues = matches!(
            (config.engine, config.windows),
            (Engine::Flink(_), Windows::Session { .. })
        );
        LateCurve {
            needs,
            events: arrivals.len() as u64,
            exact: !rescues,
        }
    }

    /// How many are late with this delay, in ms.
    pub fn late(&self, delay_ms: u64) -> u64 {
        self.needs.partition_point(|&need| need >= delay_ms as i64) as u64
    }

    pub fn point(&self, delay_ms: u64) -> LatePoint {
        let late = self.late(delay_ms);
        LatePoint {
            delay_ms,
            late,
            late_ppm: share_of(late, self.events),
        }
    }

    /// The smallest delay in ms with which no greater share is late.
    pub fn least_delay(&self, late_ppm: u32) -> u64 {
        let allowed = (u128::from(self.events) * u128::from(late_ppm) / 1_000_000) as usize;
        // One more than what the first record beyond the allowed ones needs to be late.
        let need = self.needs.get(allowed).copied().unwrap_or(-1);
        (need + 1).max(0) as u64
    }

    /// Delays from 0 to what loses at most one in a thousand, denser near 0.
    pub fn delays(&self, count: usize) -> Vec<u64> {
        let most = u128::from(self.least_delay(1_000).max(1_000));
        let steps = (count.max(2) - 1) as u128;
        let mut delays: Vec<u64> = (0..=steps)
            .map(|n| (most * n * n / (steps * steps)) as u64)
            .collect();
        delays.dedup();
        delays
    }
}

/// What a P95 is made of, in ms. Source: the budget of the course, `delay + 0.95 x window + up to 2 x trigger + processing`
/// for windows that come out once, and `delay P95 + trigger + processing` where each change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// The watermark's delay, or in update mode the P95 of the delay itself.
    pub delay_ms: u64,
    /// How long an event waits for its window to end.
    pub window_ms: u64,
    pub trigger_ms: u64,
    pub processing_ms: u64,
    pub total_ms: u64,
}

impl Budget {
    /// `delay_p95_us` is that of the arrivals. None for sessions: how long they grow is not in the configuration.
    pub fn of(config: &Config, delay_ms: u64, delay_p95_us: i64) -> Option<Budget> {
        let wait = match config.windows {
            Windows::Tumbling { size_ms } => size_ms,
            // An event is seen first in its oldest window, which ends within a slide.
            Windows::Sliding { size_ms, slide_ms } => slide_ms.min(size_ms),
            Windows::Session { .. } => return None,
        };
        let (delay_ms, window_ms, trigger_ms) = match config.engine {
            Engine::Spark(spark) if spark.mode == OutputMode::Update => {
                ((delay_p95_us.max(0) / 1_000) as u64, 0, spark.trigger_ms)
            }
            Engine::Spark(spark) => (delay_ms, wait * 95 / 100, 2 * spark.trigger_ms),
            // Watermarks wait for the interval, once.
            Engine::Flink(flink) => (delay_ms, wait * 95 / 100, flink.interval_ms),
        };
        Some(Budget {
            delay_ms,
            window_ms,
            trigger_ms,
            processing_ms: config.processing_ms,
            total_ms: delay_ms + window_ms + trigger_ms + config.processing_ms,
        })
    }
}

/// The answer to "which delay is enough?", with the runs that confirm it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The share that may be late, in parts per million.
    pub late_ppm: u32,
    /// The smallest delay that keeps it.
    pub found: LatePoint,
    /// Whether a smaller delay may do, because open sessions rescue late records.
    pub exact: bool,
    pub budget: Option<Budget>,
    /// A run with that delay.
    pub run: Outcome,
    /// A run with one millisecond less, which drops more than allowed; none if the delay is 0.
    pub one_less: Option<Outcome>,
    /// A run without any delay: the lowest P95 of this window and trigger, and what it costs.
    pub floor: Outcome,
}

impl Answer {
    /// Whether the runs say what the curve says.
    pub fn is_confirmed(&self) -> bool {
        let enough = if self.exact {
            self.run.late == self.found.late
        } else {
            self.run.late <= self.found.late
        };
        let needed = !self.exact
            || self
                .one_less
                .as_ref()
                .is_none_or(|run| run.late_ppm > self.late_ppm);
        enough && needed
    }

    /// How far the run's P95 lies from the budget, in ms; positive if the run takes longer.
    pub fn off_ms(&self) -> Option<i64> {
        match (self.budget, self.run.p95) {
            (Some(budget), Percentile::Micros(p95)) => Some(p95 / 1_000 - budget.total_ms as i64),
            _ => None,
        }
    }
}

/// The configuration with another fixed delay.
pub fn with_delay(config: Config, delay_ms: u64) -> Config {
    Config {
        strategy: Strategy::Fixed { delay_ms },
        ..config
    }
}
