//! How far a watermark stays behind the highest event time: fixed, or learned from the disorder that was seen.
//!
//! Mirrors: `BoundedOutOfOrdernessWatermarks` (fixed); K-slack after Babcock et al. 2004 and, with a memory, MP-K-slack after
//! Mutschler and Philippsen 2013; "after AQ-K-slack" (Ji et al., DEBS 2015) for the quality-driven ones, which are not a
//! reimplementation; P2 by Jain and Chlamtac 1985.
//! Simplified: learning is by record, never by clock. Spark has none of it but the fixed delay.
//!
//! All of them: `watermark = max(watermark, highest - slack - 1)`, in ms, so it never goes back; a slack that grows only makes
//! it stand still. The disorder of a record is how far it lies behind the highest event time before it; it needs no clocks
//! that agree. It is measured for records that are dropped too, or a strategy would learn from survivors.

use super::ranks::rank;
use super::units;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Before every event; far enough from the edge that a delay can be added or taken away.
pub const NEVER: i64 = i64::MIN / 4;

/// How the slack is chosen. Times in ms, shares in parts per million, memories in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Strategy {
    Fixed {
        delay_ms: u64,
    },
    /// A percentile of the disorder that was seen lately.
    Percentile {
        quantile_ppm: u32,
        memory: u32,
        /// How often the slack is taken anew.
        every: u32,
        estimator: Estimator,
        /// The slack until 50 records were seen.
        first_ms: u64,
        least_ms: u64,
        most_ms: u64,
    },
    /// The greatest disorder so far, or among the last records.
    KSlack {
        memory: Option<u32>,
    },
    /// A controller that steers the share of late records to the one allowed. Gains in thousandths.
    Quality {
        late_ppm: u32,
        memory: u32,
        every: u32,
        proportional_milli: u32,
        derivative_milli: u32,
    },
}

/// How a percentile is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// By nearest rank over the remembered records.
    #[default]
    Exact,
    /// Five markers instead of a memory; begun anew in turns, because P2 never forgets.
    P2,
}

impl Strategy {
    /// Adaptive at a percentile, with the defaults: memory 1,000, taken anew each 100 records.
    pub const fn percentile(quantile_ppm: u32, memory: u32) -> Strategy {
        Strategy::Percentile {
            quantile_ppm,
            memory,
            every: 100,
            estimator: Estimator::Exact,
            first_ms: 0,
            least_ms: 0,
            most_ms: 86_400_000,
        }
    }

    /// Quality-driven with the gains of the model: 1.0 and 0.5.
    pub const fn quality(late_ppm: u32) -> Strategy {
        Strategy::Quality {
            late_ppm,
            memory: 2_000,
            every: 100,
            proportional_milli: 1_000,
            derivative_milli: 500,
        }
    }

    /// Reads `fixed:5s`, `percentile:99%`, `p2:99%:2000`, `k-slack`, `quality:1%`.
    pub fn parse(text: &str) -> Result<Strategy, String> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let memory = |text: Option<&&str>| -> Result<Option<u32>, String> {
            let count = text.map(|text| units::count(text)).transpose()?;
            count
                .map(|count| {
                    u32::try_from(count)
                        .map_err(|_| format!("a memory of {count} records is too long"))
                })
                .transpose()
        };
        let strategy = match parts.as_slice() {
            ["fixed", delay] => Strategy::Fixed {
                delay_ms: units::duration_ms(delay)?,
            },
            [kind @ ("percentile" | "p2"), quantile, rest @ ..] if rest.len() < 2 => {
                let quantile_ppm = units::share_ppm(quantile)?;
                let mut strategy =
                    Strategy::percentile(quantile_ppm, memory(rest.first())?.unwrap_or(1_000));
                if let (Strategy::Percentile { estimator, .. }, "p2") = (&mut strategy, *kind) {
                    *estimator = Estimator::P2;
                }
                strategy
            }
            ["k-slack", rest @ ..] if rest.len() < 2 => Strategy::KSlack {
                memory: memory(rest.first())?,
            },
            ["quality", share, rest @ ..] if rest.len() < 2 => {
                let mut strategy = Strategy::quality(units::share_ppm(share)?);
                if let (Strategy::Quality { memory, .. }, Some(length)) =
                    (&mut strategy, memory(rest.first())?)
                {
                    *memory = length;
                }
                strategy
            }
            _ => {
                return Err(format!(
                    "\"{text}\" is no strategy; accepted are fixed:5s, percentile:99%, p2:99%, k-slack and quality:1%, the last four with a memory in records such as :2000"
                ));
            }
        };
        strategy.validate().map(|()| strategy)
    }

    /// What [`Strategy::parse`] reads; what cannot be said there is left at its default.
    pub fn words(&self) -> String {
        match *self {
            Strategy::Fixed { delay_ms } => format!("fixed:{}", units::duration(delay_ms)),
            Strategy::Percentile {
                quantile_ppm,
                memory,
                estimator,
                ..
            } => {
                let kind = match estimator {
                    Estimator::Exact => "percentile",
                    Estimator::P2 => "p2",
                };
                format!("{kind}:{}:{memory}", units::share(quantile_ppm))
            }
            Strategy::KSlack { memory: None } => "k-slack".into(),
            Strategy::KSlack {
                memory: Some(memory),
            } => format!("k-slack:{memory}"),
            Strategy::Quality {
                late_ppm, memory, ..
            } => format!("quality:{}:{memory}", units::share(late_ppm)),
        }
    }

    /// Whether the parameters make sense; names the field and what is accepted.
    pub fn validate(&self) -> Result<(), String> {
        let within = |field: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(format!(
                "strategy.{field}: {value} is out of range; {least} to {most} is accepted"
            ))
        };
        const MOST_MS: u64 = 31 * 86_400_000;
        match *self {
            Strategy::Fixed { delay_ms } => within("delay_ms", delay_ms, 0, MOST_MS),
            Strategy::Percentile {
                quantile_ppm,
                memory,
                every,
                first_ms,
                least_ms,
                most_ms,
                ..
            } => {
                within("quantile_ppm", quantile_ppm.into(), 1, 1_000_000)?;
                within("memory", memory.into(), 10, 100_000)?;
                within("every", every.into(), 1, 100_000)?;
                within("most_ms", most_ms, 0, MOST_MS)?;
                within("least_ms", least_ms, 0, most_ms)?;
                within("first_ms", first_ms, 0, MOST_MS)
            }
            Strategy::KSlack { memory } => {
                within("memory", memory.unwrap_or(1).into(), 1, 1_000_000)
            }
            Strategy::Quality {
                late_ppm,
                memory,
                every,
                proportional_milli,
                derivative_milli,
            } => {
                within("late_ppm", late_ppm.into(), 0, 1_000_000)?;
                within("memory", memory.into(), 10, 1_000_000)?;
                within("every", every.into(), 1, 100_000)?;
                within("proportional_milli", proportional_milli.into(), 0, 10_000)?;
                within("derivative_milli", derivative_milli.into(), 0, 10_000)
            }
        }
    }

    /// In a few words, with the values that matter.
    pub fn name(&self) -> String {
        let seconds = |ms: u64| units::seconds(ms as i64 * 1_000);
        match *self {
            Strategy::Fixed { delay_ms } => format!("fixed {}", seconds(delay_ms)),
            Strategy::Percentile {
                quantile_ppm,
                memory,
                estimator,
                ..
            } => {
                let by = match estimator {
                    Estimator::Exact => "",
                    Estimator::P2 => ", by P2",
                };
                format!(
                    "percentile {}, memory {memory}{by}",
                    units::percent(quantile_ppm)
                )
            }
            Strategy::KSlack { memory: None } => "K-slack".into(),
            Strategy::KSlack {
                memory: Some(memory),
            } => format!("K-slack, memory {memory}"),
            Strategy::Quality { late_ppm, .. } => {
                format!("quality-driven, late {}", units::percent(late_ppm))
            }
        }
    }
}

/// The share of late records that a relative error of an aggregate allows, in parts per million.
///
/// `variation_milli` is the standard deviation of the values over their mean (0 for a count), `n` the records of a window, and
/// `z_milli` the confidence: 1000 for 84 %, 1645 for 95 %, one-sided. A missing share m makes an error of about
/// m + z sqrt(m(1-m)/n) sqrt(1+c^2); this is that solved for m. After AQ-K-slack.
pub fn allowed_share_ppm(error_ppm: u32, n: u32, variation_milli: u32, z_milli: u32) -> u32 {
    let milli = |value: u32| f64::from(value) / 1_000.0;
    let (c, z) = (milli(variation_milli), milli(z_milli));
    let error = f64::from(error_ppm) / 1_000_000.0;
    let a = z * z * (1.0 + c * c) / f64::from(n.max(1));
    // Nothing but the four operations and a root: the same on every platform.
    let root = (a * a + 4.0 * error * a * (1.0 - error)).sqrt();
    (((2.0 * error + a - root) / (2.0 * (1.0 + a))).max(0.0) * 1_000_000.0) as u32
}

/// The greatest of the last values.
#[derive(Clone, Debug)]
struct Highest {
    memory: Option<u32>,
    seen: u64,
    /// Candidates: number and value, values falling.
    falling: VecDeque<(u64, i64)>,
}

impl Highest {
    fn new(memory: Option<u32>) -> Self {
        Highest {
            memory,
            seen: 0,
            falling: VecDeque::new(),
        }
    }

    fn push(&mut self, value: i64) -> i64 {
        while self.falling.back().is_some_and(|&(_, last)| last <= value) {
            self.falling.pop_back();
        }
        self.falling.push_back((self.seen, value));
        self.seen += 1;
        if let Some(memory) = self.memory {
            let oldest = self.seen.saturating_sub(u64::from(memory));
            while self
                .falling
                .front()
                .is_some_and(|&(number, _)| number < oldest)
            {
                self.falling.pop_front();
            }
        }
        self.falling.front().map_or(0, |&(_, value)| value)
    }
}

/// The P2 algorithm: a percentile by five markers, without keeping what was seen.
#[derive(Clone, Debug)]
pub struct P2 {
    quantile: f64,
    seen: u64,
    heights: [f64; 5],
    positions: [f64; 5],
}

impl P2 {
    pub fn new(quantile_ppm: u32) -> Self {
        P2 {
            quantile: f64::from(quantile_ppm) / 1_000_000.0,
            seen: 0,
            heights: [0.0; 5],
            positions: [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    }

    pub fn heights(&self) -> [f64; 5] {
        self.heights
    }

    pub fn positions(&self) -> [f64; 5] {
        self.positions
    }

    /// The estimate; the greatest so far until there are five.
    pub fn value(&self) -> f64 {
        match self.seen {
            0 => 0.0,
            1..=4 => self.heights[self.seen as usize - 1],
            _ => self.heights[2],
        }
    }

    pub fn push(&mut self, value: f64) {
        self.seen += 1;
        if self.seen <= 5 {
            self.heights[self.seen as usize - 1] = value;
            self.heights[..self.seen as usize].sort_by(f64::total_cmp);
            return;
        }
        let (h, n) = (&mut self.heights, &mut self.positions);
        h[0] = h[0].min(value);
        h[4] = h[4].max(value);
        let cell = (1..4).filter(|&i| h[i] <= value).count();
        for position in &mut n[cell + 1..] {
            *position += 1.0;
        }
        let q = self.quantile;
        let after = (self.seen - 5) as f64;
        let desired = [
            0.0,
            1.0 + 2.0 * q + after * q / 2.0,
            1.0 + 4.0 * q + after * q,
            3.0 + 2.0 * q + after * (1.0 + q) / 2.0,
        ];
        for i in 1..4 {
            let off = desired[i] - n[i];
            let up = off >= 1.0 && n[i + 1] - n[i] > 1.0;
            let down = off <= -1.0 && n[i - 1] - n[i] < -1.0;
            if !up && !down {
                continue;
            }
            let s = if up { 1.0 } else { -1.0 };
            let parabolic = h[i]
                + s / (n[i + 1] - n[i - 1])
                    * ((n[i] - n[i - 1] + s) * (h[i + 1] - h[i]) / (n[i + 1] - n[i])
                        + (n[i + 1] - n[i] - s) * (h[i] - h[i - 1]) / (n[i] - n[i - 1]));
            let next = if up { i + 1 } else { i - 1 };
            h[i] = if h[i - 1] < parabolic && parabolic < h[i + 1] {
                parabolic
            } else {
                h[i] + s * (h[next] - h[i]) / (n[next] - n[i])
            };
            n[i] += s;
        }
    }
}

/// What a strategy has learned.
#[derive(Clone, Debug)]
enum Memory {
    Nothing,
    /// The last values, as a ring, and room to find a rank in.
    Last {
        ring: Vec<i64>,
        next: usize,
        room: Vec<i64>,
    },
    /// The older of two estimates answers; the younger one takes its place when the memory is full.
    Markers {
        older: P2,
        younger: P2,
    },
    Highest(Highest),
    Steered {
        highest: Highest,
        greatest: i64,
        late: u64,
        /// The last deviation from the share allowed, in parts per million.
        before: i64,
        /// The share of the greatest disorder that is the slack, in parts per million.
        alpha: i64,
    },
}

/// One watermark generator.
#[derive(Clone, Debug)]
pub struct Generator {
    strategy: Strategy,
    memory: Memory,
    seen: u64,
    highest: i64,
    slack: i64,
    watermark: i64,
}

impl Generator {
    pub fn new(strategy: Strategy) -> Self {
        let (memory, slack) = match strategy {
            Strategy::Fixed { delay_ms } => (Memory::Nothing, delay_ms),
            Strategy::Percentile {
                estimator,
                quantile_ppm,
                memory,
                first_ms,
                ..
            } => {
                let memory = match estimator {
                    Estimator::Exact => Memory::Last {
                        ring: Vec::with_capacity(memory as usize),
                        next: 0,
                        room: Vec::new(),
                    },
                    Estimator::P2 => Memory::Markers {
                        older: P2::new(quantile_ppm),
                        younger: P2::new(quantile_ppm),
                    },
                };
                (memory, first_ms)
            }
            Strategy::KSlack { memory } => (Memory::Highest(Highest::new(memory)), 0),
            Strategy::Quality { memory, .. } => {
                let steered = Memory::Steered {
                    highest: Highest::new(Some(memory)),
                    greatest: 0,
                    late: 0,
                    before: 0,
                    alpha: 1_000_000,
                };
                (steered, 0)
            }
        };
        Generator {
            strategy,
            memory,
            seen: 0,
            highest: NEVER,
            slack: slack as i64,
            watermark: NEVER,
        }
    }

    /// What would be emitted now, in ms.
    pub fn watermark(&self) -> i64 {
        self.watermark
    }

    /// How far it stays behind, in ms.
    pub fn slack(&self) -> i64 {
        self.slack
    }

    /// Takes in a record that was judged already. `late` says that it was not above the watermark.
    pub fn on_event(&mut self, event_ms: i64, late: bool) {
        self.seen += 1;
        let disorder = if self.highest == NEVER {
            0
        } else {
            (self.highest - event_ms).max(0)
        };
        self.learn(disorder, late);
        self.highest = self.highest.max(event_ms);
        self.watermark = self.watermark.max(self.highest - self.slack - 1);
    }

    fn learn(&mut self, disorder: i64, is_late: bool) {
        match (&mut self.memory, self.strategy) {
            (Memory::Highest(highest), _) => self.slack = highest.push(disorder),
            (
                Memory::Steered {
                    highest,
                    greatest,
                    late,
                    before,
                    alpha,
                },
                Strategy::Quality {
                    late_ppm,
                    every,
                    proportional_milli,
                    derivative_milli,
                    ..
                },
            ) => {
                *greatest = highest.push(disorder);
                *late += u64::from(is_late);
                if self.seen.is_multiple_of(u64::from(every)) {
                    let share = (std::mem::take(late) * 1_000_000 / u64::from(every)) as i64;
                    let off = share - i64::from(late_ppm);
                    *alpha = steered(*alpha, off, *before, proportional_milli, derivative_milli);
                    *before = off;
                }
                self.slack = *greatest * *alpha / 1_000_000;
            }
            (
                memory,
                Strategy::Percentile {
                    quantile_ppm,
                    memory: length,
                    every,
                    least_ms,
                    most_ms,
                    ..
                },
            ) => {
                memory.remember(disorder, length as usize, self.seen, quantile_ppm);
                if self.seen >= 50 && self.seen.is_multiple_of(u64::from(every)) {
                    let value = memory.quantile(quantile_ppm);
                    self.slack = value.clamp(least_ms as i64, most_ms as i64);
                }
            }
            _ => {}
        }
    }
}

/// One step of the controller: alpha grows with the deviation and with its growth, within [0, 1].
fn steered(
    alpha: i64,
    off: i64,
    before: i64,
    proportional_milli: u32,
    derivative_milli: u32,
) -> i64 {
    let step = off * i64::from(proportional_milli) + (off - before) * i64::from(derivative_milli);
    (alpha + step / 1_000).clamp(0, 1_000_000)
}

impl Memory {
    fn remember(&mut self, value: i64, length: usize, seen: u64, quantile_ppm: u32) {
        match self {
            Memory::Last { ring, next, .. } => {
                if ring.len() < length {
                    ring.push(value);
                } else {
                    ring[*next] = value;
                }
                *next = (*next + 1) % length;
            }
            Memory::Markers { older, younger } => {
                older.push(value as f64);
                // The younger one begins half a memory later.
                let half = (length as u64 / 2).max(1);
                if seen > half {
                    younger.push(value as f64);
                }
                if seen > half && seen.is_multiple_of(half) {
                    *older = std::mem::replace(younger, P2::new(quantile_ppm));
                }
            }
            _ => {}
        }
    }

    fn quantile(&mut self, ppm: u32) -> i64 {
        match self {
            Memory::Last { ring, room, .. } => {
                room.clone_from(ring);
                let rank = rank(room.len(), ppm);
                *room.select_nth_unstable(rank).1
            }
            Memory::Markers { older, .. } => older.value() as i64,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_read_with_their_memory_and_written_as_they_are_read() {
        for (text, expected) in [
            ("fixed:5s", Strategy::Fixed { delay_ms: 5_000 }),
            ("percentile:99%:2000", Strategy::percentile(990_000, 2_000)),
            ("k-slack", Strategy::KSlack { memory: None }),
            ("quality:1%", Strategy::quality(10_000)),
        ] {
            assert_eq!(Strategy::parse(text), Ok(expected), "{text}");
            assert_eq!(Strategy::parse(&expected.words()), Ok(expected), "{text}");
        }
        for text in [
            "fixed",
            "percentile:99%:1",
            "p2:x",
            "quality:1%:2000:3",
            "slack",
        ] {
            assert!(Strategy::parse(text).is_err(), "{text}");
        }
    }

    /// The worked example of the model: event times, and what comes of each.
    const TIMES: [i64; 11] = [10, 12, 11, 15, 9, 16, 20, 13, 21, 14, 22];
    const DISORDER: [i64; 11] = [0, 0, 1, 0, 6, 0, 0, 7, 0, 7, 0];

    #[test]
    fn k_slack_holds_back_as_far_as_the_greatest_disorder_so_far() {
        let mut generator = Generator::new(Strategy::KSlack { memory: None });
        let (mut slacks, mut watermarks, mut late) = (Vec::new(), Vec::new(), Vec::new());
        for time in TIMES {
            let is_late = time <= generator.watermark();
            if is_late {
                late.push(time);
            }
            generator.on_event(time, is_late);
            slacks.push(generator.slack());
            watermarks.push(generator.watermark());
        }
        assert_eq!(slacks, [0, 0, 1, 1, 6, 6, 6, 7, 7, 7, 7]);
        assert_eq!(watermarks, [9, 11, 11, 13, 13, 13, 13, 13, 13, 13, 14]);
        assert_eq!(
            late,
            [11, 9, 13],
            "and no longer 14: a disorder of 7 was known by then"
        );
    }

    #[test]
    fn k_slack_with_a_memory_forgets_an_outlier() {
        let slack = |memory| {
            let mut generator = Generator::new(Strategy::KSlack { memory });
            for time in [100, 20, 101, 102, 103, 104] {
                generator.on_event(time, false);
            }
            generator.slack()
        };
        assert_eq!((slack(None), slack(Some(5)), slack(Some(4))), (80, 80, 0));
    }

    #[test]
    fn a_percentile_is_the_least_slack_that_loses_no_more_than_allowed() {
        let mut sorted = DISORDER;
        sorted.sort_unstable();
        for (late_ppm, expected) in [(50_000, 7), (200_000, 6), (300_000, 1)] {
            assert_eq!(sorted[rank(sorted.len(), 1_000_000 - late_ppm)], expected);
        }
    }

    #[test]
    fn the_percentile_strategy_follows_its_memory() {
        let run = |estimator, memory| {
            let strategy = Strategy::Percentile {
                quantile_ppm: 900_000,
                memory,
                every: 1,
                estimator,
                first_ms: 77,
                least_ms: 0,
                most_ms: 1_000,
            };
            let mut generator = Generator::new(strategy);
            let mut slacks = Vec::new();
            // Every second record lies 40 behind, later 400.
            for n in 0..600_i64 {
                let back = if n < 300 { 40 } else { 400 };
                generator.on_event(10_000 + n - (n % 2) * back, false);
                slacks.push(generator.slack());
            }
            (slacks[0], slacks[299], slacks[599])
        };
        assert_eq!(run(Estimator::Exact, 100), (77, 39, 399));
        assert_eq!(run(Estimator::Exact, 600).2, 399);
        let (first, calm, wild) = run(Estimator::P2, 100);
        assert_eq!(first, 77);
        assert!(
            (30..=41).contains(&calm) && (300..=401).contains(&wild),
            "{calm}, {wild}"
        );
    }

    /// Jain and Chlamtac 1985, table I: their 20 samples.
    #[test]
    fn p2_reproduces_its_papers_table() {
        let mut p2 = P2::new(500_000);
        for value in [
            0.02, 0.15, 0.74, 3.39, 0.83, 22.37, 10.15, 15.43, 38.62, 15.92, 34.60, 10.28, 1.47,
            0.40, 0.05, 11.39, 0.27, 0.42, 0.09, 11.37,
        ] {
            p2.push(value);
        }
        let expected = [0.02, 0.4939, 4.4406, 17.2039, 38.62];
        for (height, expected) in p2.heights().into_iter().zip(expected) {
            assert!((height - expected).abs() < 1e-4, "{:?}", p2.heights());
        }
        assert_eq!(p2.positions(), [1.0, 6.0, 10.0, 16.0, 20.0]);
    }

    #[test]
    fn p2_needs_more_than_a_hundred_samples_for_a_p99() {
        for (quantile, expected) in [(950_000, 94.4414), (990_000, 97.4542)] {
            let mut p2 = P2::new(quantile);
            (1..=100).for_each(|i| p2.push(f64::from(7 * i % 101)));
            assert!((p2.value() - expected).abs() < 1e-4, "{}", p2.value());
        }
    }

    #[test]
    fn an_error_allowed_is_a_late_share_allowed() {
        for (n, variation, z, expected) in [
            (400, 1_000, 1_000, 36_700),
            (400, 1_000, 1_645, 30_100),
            (400, 0, 1_000, 40_200),
        ] {
            let share = allowed_share_ppm(50_000, n, variation, z);
            assert!(share.abs_diff(expected) <= 50, "{share}");
        }
    }

    #[test]
    fn the_controller_steers_by_the_deviation_and_its_growth() {
        let alpha = steered(400_000, 30_000, 10_000, 1_000, 500);
        assert_eq!((alpha, 2_000 * alpha / 1_000_000), (440_000, 880));
    }

    #[test]
    fn the_quality_driven_slack_loses_about_what_it_may() {
        let mut generator = Generator::new(Strategy::quality(100_000));
        let (mut late, n) = (0, 20_000_i64);
        for i in 0..n {
            // Evenly spread disorder of up to 1000.
            let time = 10_000 + i - (i * 7_919) % 1_000;
            let is_late = time <= generator.watermark();
            late += i64::from(is_late);
            generator.on_event(time, is_late);
        }
        assert!((n / 20..n / 5).contains(&late), "{late} of {n}");
    }

    #[test]
    fn a_watermark_never_goes_back_when_the_slack_grows() {
        let mut generator = Generator::new(Strategy::KSlack { memory: None });
        let mut before = NEVER;
        for time in [10, 20, 30, 5, 31, 32, 1, 40] {
            generator.on_event(time, false);
            assert!(generator.watermark() >= before);
            before = generator.watermark();
        }
    }
}
