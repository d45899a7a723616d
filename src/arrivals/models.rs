//! Arrivals from a delay model and a seed: what is offered where a learner has none of their own.
//!
//! Every draw has a generator of its own, named by what is drawn and the number of the record, so a longer list begins like
//! a shorter one, and another delay leaves the events alone.

use super::{Arrival, Arrivals, Progress};
use crate::sim::kafka::partitioner::partition_for;
use crate::sim::kernel::{Draw, Span};
use serde::{Deserialize, Serialize};

/// How long a record is under way, if nothing else is wrong. Everything in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Delay {
    Constant {
        ms: u64,
    },
    Exponential {
        mean_ms: u64,
    },
    /// Half of the delays are below the median; the logarithm's standard deviation is given in thousandths.
    LogNormal {
        median_ms: u64,
        sigma_milli: u32,
    },
    /// Never below `least_ms`; a share of (least/x)^alpha lies above x. Alpha in thousandths.
    Pareto {
        least_ms: u64,
        alpha_milli: u32,
        most_ms: u64,
    },
    /// Log-normal, but a share of the records was taken while the phone had no network and comes when it is back.
    Mobile {
        median_ms: u64,
        sigma_milli: u32,
        /// Parts per million.
        offline_ppm: u32,
        offline_least_ms: u64,
        offline_most_ms: u64,
    },
}

/// From when on a delay holds, by event time since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    pub from_ms: u64,
    pub delay: Delay,
}

/// A share of the keys is cut off for a while; what they had waiting comes in order, packed into the time of catching up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    pub from_ms: u64,
    pub until_ms: u64,
    /// Parts per million of the keys.
    pub keys_ppm: u32,
    pub catch_up_ms: u64,
}

/// A partition that is silent for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    pub partition: u16,
    pub from_ms: u64,
    pub until_ms: u64,
    /// Whether it has nothing to say, or is stuck and brings it all afterwards.
    pub because: Because,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    Empty,
    Stuck,
}

/// Where arrivals come from: plain parameters and a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub seed: u64,
    pub events: u32,
    /// The mean time between two events, in microseconds; gaps are exponential.
    pub every_us: u64,
    pub keys: u32,
    pub partitions: u16,
    /// When the first event may happen, in ms since 1970.
    pub zero_ms: i64,
    /// In the order of `from_ms`; the first one begins at 0.
    pub phases: Vec<Phase>,
    #[serde(default)]
    pub outage: Option<Outage>,
    /// The clock of each key is off by up to this much, ahead or behind, in ms.
    #[serde(default)]
    pub skew_ms: u64,
    #[serde(default)]
    pub silence: Option<Silence>,
}

/// 1,000,000 events at most, as for files.
pub const MOST_EVENTS: u32 = 1_000_000;

impl Model {
    /// Whether the parameters make sense; names the field and what is accepted.
    pub fn validate(&self) -> Result<(), String> {
        let within = |field: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(format!(
                "{field}: {value} is out of range; {least} to {most} is accepted"
            ))
        };
        const DAY: u64 = 86_400_000;
        within("events", self.events.into(), 1, MOST_EVENTS.into())?;
        within("every_us", self.every_us, 1, 3_600_000_000)?;
        within("keys", self.keys.into(), 1, 100_000)?;
        within("partitions", self.partitions.into(), 1, 1_000)?;
        within("skew_ms", self.skew_ms, 0, DAY)?;
        within("zero_ms", self.zero_ms.unsigned_abs(), 0, 4_102_444_800_000)?;
        if self.phases.first().is_none_or(|phase| phase.from_ms > 0)
            || !self.phases.is_sorted_by_key(|phase| phase.from_ms)
        {
            return Err("phases: at least one, the first from 0, in the order of from_ms".into());
        }
        for (n, phase) in self.phases.iter().enumerate() {
            let place = |field: &str| format!("phases.{n}.delay.{field}");
            match phase.delay {
                Delay::Constant { ms } => within(&place("ms"), ms, 0, DAY)?,
                Delay::Exponential { mean_ms } => within(&place("mean_ms"), mean_ms, 0, DAY)?,
                Delay::LogNormal {
                    median_ms,
                    sigma_milli,
                } => {
                    within(&place("median_ms"), median_ms, 0, DAY)?;
                    within(&place("sigma_milli"), sigma_milli.into(), 0, 3_000)?;
                }
                Delay::Pareto {
                    least_ms,
                    alpha_milli,
                    most_ms,
                } => {
                    within(&place("most_ms"), most_ms, 1, DAY)?;
                    within(&place("least_ms"), least_ms, 1, most_ms)?;
                    within(&place("alpha_milli"), alpha_milli.into(), 100, 10_000)?;
                }
                Delay::Mobile {
                    median_ms,
                    sigma_milli,
                    offline_ppm,
                    offline_least_ms,
                    offline_most_ms,
                } => {
                    within(&place("median_ms"), median_ms, 0, DAY)?;
                    within(&place("sigma_milli"), sigma_milli.into(), 0, 3_000)?;
                    within(&place("offline_ppm"), offline_ppm.into(), 0, 1_000_000)?;
                    within(&place("offline_most_ms"), offline_most_ms, 0, DAY)?;
                    within(
                        &place("offline_least_ms"),
                        offline_least_ms,
                        0,
                        offline_most_ms,
                    )?;
                }
            }
        }
        if let Some(outage) = self.outage {
            within(
                "outage.until_ms",
                outage.until_ms,
                outage.from_ms + 1,
                7 * DAY,
            )?;
            within("outage.keys_ppm", outage.keys_ppm.into(), 0, 1_000_000)?;
            within("outage.catch_up_ms", outage.catch_up_ms, 0, DAY)?;
        }
        if let Some(silence) = self.silence {
            within(
                "silence.partition",
                silence.partition.into(),
                0,
                u64::from(self.partitions) - 1,
            )?;
            within(
                "silence.until_ms",
                silence.until_ms,
                silence.from_ms + 1,
                7 * DAY,
            )?;
        }
        Ok(())
    }

    /// The arrivals. The model must be valid.
    pub fn arrivals(&self) -> Arrivals {
        let mut generation = Generation::new(self.clone());
        while generation.advance(usize::MAX) {}
        generation.finish()
    }

    fn draw(&self, purpose: &str, index: u64) -> Draw {
        Draw::new(self.seed, 0, purpose, index)
    }

    /// Event `n`, which happens at `event_us` after the start; none if its partition had nothing to say.
    fn arrival(&self, n: u64, event_us: u64, key: u32, partition: u16) -> Option<Arrival> {
        let mut at_us = event_us + self.delay(n, event_us).micros();
        if let Some(silence) = self
            .silence
            .filter(|silence| silence.partition == partition)
        {
            let (from, until) = (silence.from_ms * 1_000, silence.until_ms * 1_000);
            match silence.because {
                Because::Empty if (from..until).contains(&event_us) => return None,
                Because::Stuck if (from..until).contains(&at_us) => at_us = until,
                Because::Empty | Because::Stuck => {}
            }
        }
        if let Some(outage) = self.outage {
            let (from, until) = (outage.from_ms * 1_000, outage.until_ms * 1_000);
            let affected = self.draw("outage", u64::from(key)).chance(outage.keys_ppm);
            if affected && (from..until).contains(&at_us) {
                let waited = u128::from(at_us - from) * u128::from(outage.catch_up_ms) * 1_000;
                at_us = until + (waited / u128::from(until - from)) as u64;
            }
        }
        let skew = self
            .draw("skew", u64::from(key))
            .below(2 * self.skew_ms * 1_000 + 1) as i64
            - (self.skew_ms * 1_000) as i64;
        let zero = self.zero_ms * 1_000;
        Some(Arrival {
            event_us: zero + event_us as i64 + skew,
            at_us: zero + at_us as i64,
            key,
            partition,
        })
    }

    fn delay(&self, n: u64, event_us: u64) -> Span {
        let begun = self
            .phases
            .iter()
            .rfind(|phase| phase.from_ms * 1_000 <= event_us);
        let mut draw = self.draw("delay", n);
        match begun.expect("a valid model has a phase from 0 on").delay {
            Delay::Constant { ms } => Span::from_ms(ms),
            Delay::Exponential { mean_ms } => draw.exponential(Span::from_ms(mean_ms)),
            Delay::LogNormal {
                median_ms,
                sigma_milli,
            } => draw.log_normal(Span::from_ms(median_ms), sigma_milli),
            Delay::Pareto {
                least_ms,
                alpha_milli,
                most_ms,
            } => draw.pareto(Span::from_ms(least_ms), alpha_milli, Span::from_ms(most_ms)),
            Delay::Mobile {
                median_ms,
                sigma_milli,
                offline_ppm,
                offline_least_ms,
                offline_most_ms,
            } => {
                if !draw.chance(offline_ppm) {
                    return draw.log_normal(Span::from_ms(median_ms), sigma_milli);
                }
                let width = (offline_most_ms - offline_least_ms) * 1_000;
                Span::from_micros(offline_least_ms * 1_000 + draw.below(width + 1))
            }
        }
    }
}

/// A model at work, in slices of events.
pub struct Generation {
    model: Model,
    keys: Vec<String>,
    /// Index: key.
    partition_of: Vec<u16>,
    /// The next event, and when the one before it happened.
    next: u64,
    event_us: u64,
    rows: Vec<Arrival>,
}

impl Generation {
    /// The model must be valid.
    pub fn new(model: Model) -> Generation {
        let keys: Vec<String> = (1..=model.keys).map(|n| format!("d{n}")).collect();
        let partition_of = keys
            .iter()
            .map(|key| partition_for(key.as_bytes(), model.partitions).0)
            .collect();
        Generation {
            model,
            keys,
            partition_of,
            next: 0,
            event_us: 0,
            rows: Vec::new(),
        }
    }

    /// In events.
    pub fn progress(&self) -> Progress {
        Progress {
            done: self.next,
            total: self.model.events.into(),
        }
    }

    /// Draws up to `events` more; false if there are none left.
    pub fn advance(&mut self, events: usize) -> bool {
        let total = u64::from(self.model.events);
        let until = total.min(self.next.saturating_add(events as u64));
        for n in self.next..until {
            let model = &self.model;
            let gap = model
                .draw("gap", n)
                .exponential(Span::from_micros(model.every_us));
            self.event_us += gap.micros();
            let key = model.draw("key", n).below(u64::from(model.keys)) as u32;
            let partition = self.partition_of[key as usize];
            self.rows
                .extend(model.arrival(n, self.event_us, key, partition));
        }
        self.next = until;
        until < total
    }

    pub fn finish(self) -> Arrivals {
        let partitions = (0..self.model.partitions).map(|n| n.to_string()).collect();
        Arrivals::new(self.rows, self.keys, partitions)
    }
}

/// Machines on a wire: the profile *clean* of the course, with P50 0.8 s, P95 2.2 s and P99 3.2 s.
pub const CLEAN: Delay = Delay::LogNormal {
    median_ms: 800,
    sigma_milli: 600,
};

/// Phones: the profile *mobile* of the course. One record in a hundred was taken without a network.
pub const MOBILE: Delay = Delay::Mobile {
    median_ms: 1_200,
    sigma_milli: 704,
    offline_ppm: 10_300,
    offline_least_ms: 20_000,
    offline_most_ms: 120_000,
};

/// Arrivals that come with the program: generated from a seed when they are asked for, not recorded anywhere.
pub struct Example {
    pub id: &'static str,
    pub title: &'static str,
    /// Where the numbers come from.
    pub origin: &'static str,
    pub model: fn() -> Model,
}

/// Every example.
pub const EXAMPLES: [Example; 3] = [
    Example {
        id: "plant",
        title: "Machines in a plant: 200 records a second from 20 sensors over a wire",
        origin: "generated from seed 1: log-normal delays around 0.8 s; not recorded from a real plant",
        model: || steady(1, CLEAN),
    },
    Example {
        id: "phones",
        title: "Phones in trucks: the same middle, but one record in a hundred waits for the network",
        origin: "generated from seed 8: log-normal delays around 1.2 s, 1 % offline for 20 to 120 s; not recorded from real phones",
        // Of twelve seeds the one whose P99 is nearest to the profile's: with 60,000 records it hangs on a few of them.
        model: || steady(8, MOBILE),
    },
    Example {
        id: "fleet",
        title: "A fleet over five minutes: clean, then mobile, then half of it is cut off and catches up; a partition gets stuck",
        origin: "generated from seed 3: the two profiles in turn, an outage of 30 s, clocks up to 200 ms off; not recorded from a real fleet",
        model: fleet,
    },
];

pub fn example(id: &str) -> Option<&'static Example> {
    EXAMPLES.iter().find(|example| example.id == id)
}

fn steady(seed: u64, delay: Delay) -> Model {
    Model {
        seed,
        events: 60_000,
        every_us: 5_000,
        keys: 20,
        partitions: 6,
        zero_ms: 1_772_355_600_000, // 2026-03-01 09:00:00 UTC
        phases: vec![Phase { from_ms: 0, delay }],
        outage: None,
        skew_ms: 0,
        silence: None,
    }
}

fn fleet() -> Model {
    Model {
        phases: vec![
            Phase {
                from_ms: 0,
                delay: CLEAN,
            },
            Phase {
                from_ms: 100_000,
                delay: MOBILE,
            },
        ],
        outage: Some(Outage {
            from_ms: 200_000,
            until_ms: 230_000,
            keys_ppm: 500_000,
            catch_up_ms: 5_000,
        }),
        skew_ms: 200,
        silence: Some(Silence {
            partition: 4,
            from_ms: 250_000,
            until_ms: 270_000,
            because: Because::Stuck,
        }),
        ..steady(3, CLEAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::ranks::percentiles;

    fn of(delay: Delay) -> Model {
        Model {
            events: 20_000,
            ..steady(7, delay)
        }
    }

    fn shares(model: &Model) -> [i64; 3] {
        let arrivals = model.arrivals();
        let mut delays: Vec<i64> = arrivals.rows().iter().map(Arrival::delay_us).collect();
        delays.sort_unstable();
        percentiles(&delays, &[500_000, 950_000, 990_000])
            .try_into()
            .expect("three")
    }

    fn near(values: [i64; 3], expected_ms: [i64; 3], percent: i64) {
        for (value, expected) in values.into_iter().zip(expected_ms) {
            let off = (value / 1_000 - expected).abs();
            assert!(
                off * 100 <= expected * percent,
                "{values:?} us are not about {expected_ms:?} ms"
            );
        }
    }

    /// Curriculum 3.1: P50, P95 and P99 of the two profiles. The P99 of the second lies where the records that were offline
    /// begin, so it takes many records to be near.
    #[test]
    fn the_profiles_have_the_percentiles_that_the_course_names() {
        near(shares(&steady(1, CLEAN)), [800, 2_200, 3_200], 5);
        let many = Model {
            events: 400_000,
            ..steady(8, MOBILE)
        };
        let [middle, p95, p99] = shares(&many);
        near([middle, p95, p95], [1_200, 4_100, 4_100], 5);
        near([p99, p99, p99], [20_600, 20_600, 20_600], 20);
    }

    #[test]
    fn plain_delays_are_what_they_say() {
        near(shares(&of(Delay::Constant { ms: 300 })), [300, 300, 300], 0);
        // ln 2, ln 20 and ln 100 times the mean.
        near(
            shares(&of(Delay::Exponential { mean_ms: 1_000 })),
            [693, 2_996, 4_605],
            5,
        );
        // 2^(1/2), 20^(1/2) and 100^(1/2) times the least.
        let pareto = Delay::Pareto {
            least_ms: 200,
            alpha_milli: 2_000,
            most_ms: 60_000,
        };
        near(shares(&of(pareto)), [283, 894, 2_000], 5);
    }

    #[test]
    fn an_outage_holds_a_share_of_the_keys_back_and_brings_them_in_order() {
        let outage = Outage {
            from_ms: 20_000,
            until_ms: 50_000,
            keys_ppm: 500_000,
            catch_up_ms: 5_000,
        };
        let with = |outage| {
            Model {
                outage,
                ..of(CLEAN)
            }
            .arrivals()
        };
        let (calm, cut) = (with(None), with(Some(outage)));
        assert_eq!(calm.len(), cut.len());
        let zero = steady(7, CLEAN).zero_ms * 1_000;
        let within = |arrivals: &Arrivals, from: i64, until: i64| {
            let held = |row: &&Arrival| (from..until).contains(&(row.at_us - zero));
            arrivals.rows().iter().filter(held).count()
        };
        let (before, during) = (
            within(&calm, 20_000_000, 50_000_000),
            within(&cut, 20_000_000, 50_000_000),
        );
        assert!(
            during > 0 && during < before * 8 / 10,
            "{during} of {before}"
        );
        assert!(within(&cut, 50_000_000, 55_000_000) > within(&calm, 50_000_000, 55_000_000) * 2);
    }

    #[test]
    fn an_empty_partition_has_nothing_and_a_stuck_one_has_it_all_afterwards() {
        let silence = |because| Silence {
            partition: 3,
            from_ms: 10_000,
            until_ms: 40_000,
            because,
        };
        let with = |silence| {
            Model {
                silence,
                ..of(CLEAN)
            }
            .arrivals()
        };
        let calm = with(None);
        let (empty, stuck) = (
            with(Some(silence(Because::Empty))),
            with(Some(silence(Because::Stuck))),
        );
        assert!(empty.len() < calm.len());
        assert_eq!(stuck.len(), calm.len());
        let zero = steady(7, CLEAN).zero_ms * 1_000;
        let silent = |row: &Arrival| {
            row.partition == 3 && (10_000_000..40_000_000).contains(&(row.at_us - zero))
        };
        assert!(calm.rows().iter().any(silent));
        assert!(!stuck.rows().iter().any(silent));
    }

    #[test]
    fn a_clock_that_is_off_moves_event_times_and_not_arrivals() {
        let with = |skew_ms| {
            Model {
                skew_ms,
                ..of(Delay::Constant { ms: 100 })
            }
            .arrivals()
        };
        let (right, off) = (with(0), with(500));
        let at = |arrivals: &Arrivals| {
            arrivals
                .rows()
                .iter()
                .map(|row| row.at_us)
                .collect::<Vec<_>>()
        };
        assert_eq!(at(&right), at(&off));
        let delays: Vec<i64> = off.rows().iter().map(Arrival::delay_us).collect();
        assert!(
            delays
                .iter()
                .all(|delay| (-400_000..=600_000).contains(delay))
        );
        assert!(
            delays.iter().any(|&delay| delay < 0),
            "a clock ahead of time"
        );
    }

    #[test]
    fn a_longer_list_begins_like_a_shorter_one() {
        let with = |events| {
            Model {
                events,
                ..of(Delay::Constant { ms: 5 })
            }
            .arrivals()
        };
        assert_eq!(with(100).rows(), &with(200).rows()[..100]);
    }

    #[test]
    fn slices_do_not_matter() {
        let model = Model {
            events: 1_000,
            ..of(MOBILE)
        };
        let mut generation = Generation::new(model.clone());
        let mut slices = 1;
        while generation.advance(64) {
            slices += 1;
        }
        assert_eq!((slices, generation.progress().done), (16, 1_000));
        assert_eq!(generation.finish(), model.arrivals());
    }

    #[test]
    fn every_example_is_valid_and_wrong_parameters_are_named() {
        for example in &EXAMPLES {
            let model = (example.model)();
            assert_eq!(model.validate(), Ok(()), "{}", example.id);
            assert!(model.arrivals().len() > 50_000);
        }
        let refused = |model: Model, place: &str| {
            let problem = model.validate().expect_err("refused");
            assert!(problem.starts_with(place), "{problem}");
        };
        refused(
            Model {
                events: 0,
                ..of(CLEAN)
            },
            "events: 0",
        );
        refused(
            Model {
                phases: vec![],
                ..of(CLEAN)
            },
            "phases:",
        );
        refused(
            of(Delay::Pareto {
                least_ms: 9,
                alpha_milli: 1_000,
                most_ms: 8,
            }),
            "phases.0.delay.least_ms: 9",
        );
    }
}
