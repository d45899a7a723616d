//! One scenario, many seeds: how every metric is spread, and how often a guarantee fell.
//!
//! The interval of a mean is Student's at 95 %, that of a share is Wilson's: with few runs both are wide, and that is what they
//! are there to say. Seeds refute; that no seed did proves nothing.

use super::{Fates, Guarantee, Work, advance_run, json_number};
use crate::sim::ledger::Verdict;
use crate::sim::{Keep, Scenario, ScenarioError, Simulation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The most seeds of one request.
pub const SEEDS_MAX: u32 = 100_000;
/// As many runs are told one by one.
pub const SAMPLES_MAX: usize = 5_000;

/// How one metric is spread. Runs in which it has no value are not counted in `n`, endless ones are counted by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub n: u32,
    pub infinite: u32,
    /// Of the finite ones.
    pub mean: f64,
    /// Standard deviation of the sample.
    pub sd: f64,
    /// Of the mean, at 95 %; none with fewer than two finite values or with endless ones.
    pub interval: Option<(f64, f64)>,
    pub least: f64,
    /// Nearest rank, endless ones included.
    pub p50: f64,
    pub p95: f64,
    pub most: f64,
}

/// How many runs refuted a guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub of: u32,
    pub runs: u32,
    /// Of the share of all seeds, at 95 %.
    pub interval: (f64, f64),
    /// The first seed that refuted it.
    pub first: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedReport {
    pub first: u64,
    pub seeds: u32,
    pub segments: Vec<SegmentSpread>,
    /// The main segment's runs one by one, as far as [`SAMPLES_MAX`].
    pub samples: Vec<Sample>,
}

/// What one seed came to in the main segment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub seed: u64,
    pub dup: u32,
    /// Silently.
    pub lost: u32,
    /// Of what was delivered and what never will be, in ms: infinite if so much is missing.
    pub p95_ms: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentSpread {
    /// Empty for the main one.
    pub name: String,
    pub metrics: Vec<(String, Spread)>,
    pub refuted: Vec<(Guarantee, Share)>,
}

/// Many seeds on their way.
pub struct Seeds {
    scenario: Scenario,
    first: u64,
    seeds: u32,
    running: Option<Box<Simulation>>,
    done: u32,
    segments: Vec<Gathered>,
    samples: Vec<Sample>,
}

/// Index: metric, then run.
struct Gathered {
    name: String,
    values: Vec<Vec<f64>>,
    /// Index: guarantee.
    refuted: [(u32, Option<u64>); 3],
}

impl Seeds {
    /// `seeds` runs with the seeds from the scenario's own on.
    ///
    /// # Errors
    ///
    /// No seed, or more than [`SEEDS_MAX`].
    pub fn new(scenario: &Scenario, seeds: u32) -> Result<Seeds, ScenarioError> {
        if !(1..=SEEDS_MAX).contains(&seeds) {
            return Err(ScenarioError::new(
                "seeds",
                format!("{seeds} is out of range; 1 to {SEEDS_MAX} is accepted"),
            ));
        }
        let names = std::iter::once(String::new()).chain(scenario.branches.keys().cloned());
        let metrics = Verdict::names().count();
        Ok(Seeds {
            scenario: scenario.clone(),
            first: scenario.seed,
            seeds,
            running: None,
            done: 0,
            segments: names
                .map(|name| Gathered {
                    name,
                    values: vec![Vec::new(); metrics],
                    refuted: [(0, None); 3],
                })
                .collect(),
            samples: Vec::new(),
        })
    }

    /// The whole of it at once.
    ///
    /// # Errors
    ///
    /// As [`Seeds::new`].
    pub fn run(scenario: &Scenario, seeds: u32) -> Result<SeedReport, ScenarioError> {
        let mut work = Seeds::new(scenario, seeds)?;
        while work.advance(u64::MAX) {}
        Ok(work.finish())
    }

    fn seed(&self) -> u64 {
        self.first.wrapping_add(u64::from(self.done))
    }

    fn gather(&mut self, verdicts: &[&Verdict]) {
        let seed = self.seed();
        if let Some(main) = verdicts
            .first()
            .filter(|_| self.samples.len() < SAMPLES_MAX)
        {
            self.samples.push(Sample {
                seed,
                dup: main.dup,
                lost: main.counts.lost,
                p95_ms: main.metric("p95_honest"),
            });
        }
        for (segment, verdict) in self.segments.iter_mut().zip(verdicts) {
            for (values, name) in segment.values.iter_mut().zip(Verdict::names()) {
                values.extend(verdict.metric(&name));
            }
            let fates = Fates::of(verdict);
            for (guarantee, refuted) in Guarantee::ALL.into_iter().zip(&mut segment.refuted) {
                if guarantee.is_refuted_by(fates) {
                    refuted.0 += 1;
                    refuted.1.get_or_insert(seed);
                }
            }
        }
    }

    /// What was found in the seeds so far.
    pub fn finish(self) -> SeedReport {
        let done = self.done;
        let samples = self.samples;
        let spread = |segment: Gathered| SegmentSpread {
            name: segment.name,
            metrics: Verdict::names()
                .zip(segment.values)
                .filter_map(|(name, values)| Some((name, Spread::of(values)?)))
                .collect(),
            refuted: Guarantee::ALL
                .into_iter()
                .zip(segment.refuted)
                .map(|(guarantee, (runs, first))| (guarantee, Share::of(runs, done, first)))
                .collect(),
        };
        SeedReport {
            first: self.first,
            seeds: done,
            segments: self.segments.into_iter().map(spread).collect(),
            samples,
        }
    }
}

impl Work for Seeds {
    fn advance(&mut self, events: u64) -> bool {
        let mut budget = events;
        while budget > 0 && self.done < self.seeds {
            let mut simulation = self.running.take().unwrap_or_else(|| {
                let mut scenario = self.scenario.clone();
                scenario.seed = self.seed();
                Box::new(Simulation::new(&scenario, Keep::VerdictOnly))
            });
            if advance_run(&mut simulation, &mut budget) {
                let run = simulation.finish();
                let verdicts: Vec<&Verdict> = std::iter::once(&run.verdict)
                    .chain(run.branches.values())
                    .collect();
                self.gather(&verdicts);
                self.done += 1;
            } else {
                self.running = Some(simulation);
            }
        }
        self.done < self.seeds
    }

    fn progress(&self) -> (u64, u64) {
        (self.done.into(), self.seeds.into())
    }
}

impl Spread {
    /// None without a value.
    fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_unstable_by(f64::total_cmp);
        let (&least, &most) = (values.first()?, values.last()?);
        let finite = values.iter().filter(|value| value.is_finite());
        let finite: Vec<f64> = finite.copied().collect();
        let n = finite.len() as f64;
        let mean = finite.iter().sum::<f64>() / n.max(1.0);
        let squares = finite.iter().map(|value| (value - mean) * (value - mean));
        let sd = (squares.sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
        let infinite = values.len() - finite.len();
        let half = student(finite.len()) * sd / n.max(1.0).sqrt();
        let rank = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values[rank - 1]
        };
        Some(Spread {
            n: values.len() as u32,
            infinite: infinite as u32,
            mean,
            sd,
            interval: (infinite == 0 && finite.len() > 1).then_some((mean - half, mean + half)),
            least,
            p50: rank(50),
            p95: rank(95),
            most,
        })
    }

    /// Whether every run had the same value.
    pub fn is_constant(&self) -> bool {
        self.least == self.most
    }
}

/// The 97.5 % point of Student's t for a sample of `n`, rounded up between the listed degrees of freedom.
fn student(n: usize) -> f64 {
    const POINTS: [(usize, f64); 18] = [
        (1, 12.706),
        (2, 4.303),
        (3, 3.182),
        (4, 2.776),
        (5, 2.571),
        (6, 2.447),
        (7, 2.365),
        (8, 2.306),
        (9, 2.262),
        (10, 2.228),
        (12, 2.179),
        (15, 2.131),
        (20, 2.086),
        (30, 2.042),
        (40, 2.021),
        (60, 2.000),
        (120, 1.980),
        (1000, 1.962),
    ];
    let freedom = n.saturating_sub(1).max(1);
    let below = POINTS.iter().rev().find(|(listed, _)| *listed <= freedom);
    below.map_or(POINTS[0].1, |(_, point)| *point)
}

impl Share {
    fn of(runs: u32, of: u32, first: Option<u64>) -> Share {
        // Wilson's interval: never below 0 or above 1, and of some width even when no run refuted anything.
        const Z: f64 = 1.959_964;
        let n = f64::from(of).max(1.0);
        let share = f64::from(runs) / n;
        let scale = 1.0 + Z * Z / n;
        let centre = (share + Z * Z / (2.0 * n)) / scale;
        let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
        Share {
            of,
            runs,
            interval: ((centre - half).max(0.0), (centre + half).min(1.0)),
            first,
        }
    }
}

impl SeedReport {
    pub fn to_json(&self) -> Value {
        let mut object = json!({"first_seed": self.first, "seeds": self.seeds});
        let mut branches = Map::new();
        for segment in &self.segments {
            let spread = |spread: &Spread| {
                let mean = if spread.infinite > 0 {
                    f64::INFINITY
                } else {
                    spread.mean
                };
                json!({"n": spread.n, "mean": json_number(Some(mean)), "sd": json_number(Some(spread.sd)),
                    "low": json_number(spread.interval.map(|(low, _)| low)),
                    "high": json_number(spread.interval.map(|(_, high)| high)),
                    "min": json_number(Some(spread.least)), "p50": json_number(Some(spread.p50)),
                    "p95": json_number(Some(spread.p95)), "max": json_number(Some(spread.most))})
            };
            let metrics: Map<String, Value> = segment
                .metrics
                .iter()
                .map(|(name, found)| (name.clone(), spread(found)))
                .collect();
            let refuted: Map<String, Value> = segment
                .refuted
                .iter()
                .map(|(guarantee, share)| {
                    let (low, high) = share.interval;
                    let value = json!({"runs": share.runs, "of": share.of, "low": low, "high": high,
                        "first_seed": share.first});
                    (guarantee.name().to_string(), value)
                })
                .collect();
            if segment.name.is_empty() {
                object["metrics"] = Value::Object(metrics);
                object["refuted"] = Value::Object(refuted);
            } else {
                let part = json!({"metrics": metrics, "refuted": refuted});
                branches.insert(segment.name.clone(), part);
            }
        }
        object["branches"] = Value::Object(branches);
        object
    }

    pub fn to_text(&self) -> String {
        let last = self.first.wrapping_add(u64::from(self.seeds) - 1);
        let mut text = format!("seeds {} to {last}\n", self.first);
        for segment in &self.segments {
            let name = if segment.name.is_empty() {
                "main"
            } else {
                &segment.name
            };
            text += &format!("\n{name}:\n");
            for (guarantee, share) in &segment.refuted {
                let (low, high) = share.interval;
                let first = share
                    .first
                    .map_or(String::new(), |seed| format!(", first by seed {seed}"));
                text += &format!(
                    "  {} is refuted by {} of {} seeds (share {low:.3} to {high:.3} at 95 %){first}\n",
                    guarantee.name(),
                    share.runs,
                    share.of
                );
            }
            text += &format!(
                "  {:<20} {:>12} {:>25} {:>10} {:>10} {:>10} {:>10}\n",
                "", "mean", "95 % of the mean", "min", "p50", "p95", "max"
            );
            for (metric, spread) in segment.metrics.iter().filter(|(_, s)| s.most != 0.0) {
                let interval = spread.interval.map_or("-".to_string(), |(low, high)| {
                    format!("{low:.2} to {high:.2}")
                });
                let mean = if spread.infinite > 0 {
                    f64::INFINITY
                } else {
                    spread.mean
                };
                text += &format!(
                    "  {metric:<20} {mean:>12.2} {interval:>25} {:>10.1} {:>10.1} {:>10.1} {:>10.1}\n",
                    spread.least, spread.p50, spread.p95, spread.most
                );
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_the_textbook() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0, 5.0]).expect("there are values");
        assert_eq!((spread.mean, spread.p50, spread.most), (3.0, 3.0, 5.0));
        // s = 1.5811, t(4) = 2.776: 3 +- 1.963.
        let (low, high) = spread.interval.expect("more than one value");
        assert!((low - 1.037).abs() < 0.001 && (high - 4.963).abs() < 0.001);
        let endless = Spread::of(vec![1.0, f64::INFINITY]).expect("there are values");
        assert_eq!((endless.infinite, endless.interval), (1, None));
        assert_eq!(endless.p95, f64::INFINITY);
        assert!(Spread::of(Vec::new()).is_none());
    }

    #[test]
    fn no_refutation_in_ten_seeds_is_no_proof() {
        let share = Share::of(0, 10, None);
        assert!(share.interval.0 == 0.0 && (share.interval.1 - 0.2775).abs() < 0.001);
        let half = Share::of(5, 10, Some(3)).interval;
        assert!((half.0 - 0.2366).abs() < 0.001 && (half.1 - 0.7634).abs() < 0.001);
    }
}
