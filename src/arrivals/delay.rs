//! Delays as they are: percentiles, their distribution, how they drift, who is slow.
//!
//! Percentiles are exact, by nearest rank on all values; the histogram's bins are for the eye only.

use super::ranks::{percentiles, rank};
use super::{Arrival, Arrivals};
use serde::{Deserialize, Serialize};

/// The shares that are told, in parts per million, with their names.
pub const TOLD: [(u32, &str); 5] = [
    (500_000, "p50"),
    (900_000, "p90"),
    (950_000, "p95"),
    (990_000, "p99"),
    (999_000, "p99_9"),
];

/// The delays of some arrivals in numbers; times in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub events: u64,
    pub least: i64,
    pub most: i64,
    pub mean: i64,
    /// In the order of [`TOLD`].
    pub percentiles: Vec<i64>,
}

impl Summary {
    /// Of sorted values.
    fn of(sorted: &[i64]) -> Summary {
        let sum: i128 = sorted.iter().map(|&value| i128::from(value)).sum();
        Summary {
            events: sorted.len() as u64,
            least: sorted.first().copied().unwrap_or(0),
            most: sorted.last().copied().unwrap_or(0),
            mean: (sum / sorted.len().max(1) as i128) as i64,
            percentiles: percentiles(sorted, &TOLD.map(|told| told.0)),
        }
    }
}

/// A part of the arrivals and its delays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    pub delays: Summary,
}

/// Delays in a stretch of arrival time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    pub from_us: i64,
    pub until_us: i64,
    pub delays: Summary,
}

/// A bin of the histogram: delays in [from, until), in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    pub from_us: i64,
    pub until_us: i64,
    pub events: u64,
}

/// What the delays of a list of arrivals look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    pub all: Summary,
    /// How far records lie behind the highest event time before them, in microseconds; needs no clocks that agree.
    pub disorder: Summary,
    /// Records whose event time lies after their arrival: a clock runs ahead.
    pub ahead: u64,
    /// Delays at 0 %, 1 %, ..., 99 %, then 99.1 % to 100 %: share in parts per million, and delay.
    pub ecdf: Vec<(u32, i64)>,
    /// Bins that double from 1 ms, with one for what is below.
    pub histogram: Vec<Bin>,
    pub by_partition: Vec<Part>,
    /// The slowest keys by P95, [`SHOWN`] at most.
    pub slowest_keys: Vec<Part>,
    pub keys: u64,
    pub over_time: Vec<Stretch>,
    /// Evenly spread records, for a picture: event time and arrival.
    pub sample: Vec<(i64, i64)>,
}

/// How many keys are listed.
pub const SHOWN: usize = 20;
/// Into how many stretches time is cut.
pub const STRETCHES: usize = 24;
/// How many records stand for all in a picture.
const SAMPLE: usize = 2_000;

impl Delays {
    pub fn of(arrivals: &Arrivals) -> Delays {
        let rows = arrivals.rows();
        let mut delays: Vec<i64> = rows.iter().map(Arrival::delay_us).collect();
        let ahead = delays.iter().filter(|&&delay| delay < 0).count() as u64;
        let over_time = over_time(rows);
        delays.sort_unstable();
        let mut highest = i64::MIN;
        let behind = rows.iter().map(|row| {
            let disorder = highest.saturating_sub(row.event_us).max(0);
            highest = highest.max(row.event_us);
            disorder
        });
        let mut disorder: Vec<i64> = behind.collect();
        disorder.sort_unstable();
        let names = arrivals.partitions.as_slice();
        let by_partition = by(rows, |row| u32::from(row.partition), names);
        let mut slowest_keys = by(rows, |row| row.key, &arrivals.keys);
        let p95 = |part: &Part| part.delays.percentiles[2];
        slowest_keys.sort_by_key(|part| std::cmp::Reverse(p95(part)));
        slowest_keys.truncate(SHOWN);
        let step = rows.len().div_ceil(SAMPLE).max(1);
        Delays {
            all: Summary::of(&delays),
            disorder: Summary::of(&disorder),
            ahead,
            ecdf: ecdf(&delays),
            histogram: histogram(&delays),
            by_partition,
            slowest_keys,
            keys: arrivals.keys.len() as u64,
            over_time,
            sample: rows
                .iter()
                .step_by(step)
                .map(|row| (row.event_us, row.at_us))
                .collect(),
        }
    }
}

fn ecdf(sorted: &[i64]) -> Vec<(u32, i64)> {
    if sorted.is_empty() {
        return Vec::new();
    }
    let shares = (0..100)
        .map(|n| n * 10_000)
        .chain((991..=1_000).map(|n| n * 1_000));
    shares
        .map(|ppm| (ppm, sorted[rank(sorted.len(), ppm)]))
        .collect()
}

/// Bins [.., 1 ms), [1, 2), [2, 4) and so on, to the last that has anything.
fn histogram(sorted: &[i64]) -> Vec<Bin> {
    let Some(&most) = sorted.last() else {
        return Vec::new();
    };
    let mut bins = vec![Bin {
        from_us: sorted[0].min(0),
        until_us: 1_000,
        events: 0,
    }];
    while bins[bins.len() - 1].until_us <= most {
        let from_us = bins[bins.len() - 1].until_us;
        bins.push(Bin {
            from_us,
            until_us: from_us * 2,
            events: 0,
        });
    }
    let mut below = 0;
    for bin in &mut bins {
        let until = sorted.partition_point(|&delay| delay < bin.until_us);
        bin.events = (until - below) as u64;
        below = until;
    }
    bins
}

/// Delays by a part of the record, for the parts that have any, in the order of their names' places.
fn by(rows: &[Arrival], part: impl Fn(&Arrival) -> u32, names: &[String]) -> Vec<Part> {
    if names.len() < 2 {
        return Vec::new();
    }
    // Counted into place, part after part: no sort over all.
    let mut starts = vec![0_usize; names.len() + 1];
    for row in rows {
        starts[part(row) as usize + 1] += 1;
    }
    for place in 1..starts.len() {
        starts[place] += starts[place - 1];
    }
    let mut next = starts.clone();
    let mut delays = vec![0_i64; rows.len()];
    for row in rows {
        let place = &mut next[part(row) as usize];
        delays[*place] = row.delay_us();
        *place += 1;
    }
    let mut parts = Vec::new();
    for (name, bounds) in names.iter().zip(starts.windows(2)) {
        let delays = &mut delays[bounds[0]..bounds[1]];
        if !delays.is_empty() {
            delays.sort_unstable();
            parts.push(Part {
                name: name.clone(),
                delays: Summary::of(delays),
            });
        }
    }
    parts
}

/// Arrival time in equal stretches; those without arrivals are left out.
fn over_time(rows: &[Arrival]) -> Vec<Stretch> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Vec::new();
    };
    let length = ((last.at_us - first.at_us) / STRETCHES as i64 + 1).max(1);
    let mut stretches = Vec::new();
    let mut from = 0;
    for n in 0..STRETCHES as i64 {
        let from_us = first.at_us + n * length;
        let until_us = from_us + length;
        let count = rows[from..].partition_point(|row| row.at_us < until_us);
        let mut delays: Vec<i64> = rows[from..from + count]
            .iter()
            .map(Arrival::delay_us)
            .collect();
        from += count;
        if !delays.is_empty() {
            delays.sort_unstable();
            stretches.push(Stretch {
                from_us,
                until_us,
                delays: Summary::of(&delays),
            });
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 records a second apart of two keys: delays of 1 to 100 ms, and one clock ahead.
    fn arrivals() -> Arrivals {
        let row = |n: i64| Arrival {
            event_us: n * 1_000_000,
            at_us: n * 1_000_000 + n * 1_000,
            key: u32::from(n > 50),
            partition: (n % 2) as u16,
        };
        let mut rows: Vec<Arrival> = (1..=100).map(row).collect();
        rows[0].event_us += 5_000;
        Arrivals::new(
            rows,
            vec!["a".into(), "b".into()],
            vec!["0".into(), "1".into()],
        )
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let delays = Delays::of(&arrivals());
        assert_eq!(
            delays.all.percentiles,
            [50_000, 90_000, 95_000, 99_000, 100_000]
        );
        assert_eq!(
            (delays.all.least, delays.all.most, delays.ahead),
            (-4_000, 100_000, 1)
        );
        assert_eq!(delays.disorder.most, 0);
        assert_eq!(delays.ecdf.first(), Some(&(0, -4_000)));
        assert_eq!(delays.ecdf.last(), Some(&(1_000_000, 100_000)));
    }

    #[test]
    fn parts_and_stretches_add_up_to_all() {
        let delays = Delays::of(&arrivals());
        let events = |parts: &[Part]| parts.iter().map(|part| part.delays.events).sum::<u64>();
        assert_eq!(
            (events(&delays.by_partition), events(&delays.slowest_keys)),
            (100, 100)
        );
        assert_eq!(
            delays.slowest_keys[0].name, "b",
            "the slower key stands first"
        );
        let stretches: u64 = delays
            .over_time
            .iter()
            .map(|stretch| stretch.delays.events)
            .sum();
        let bins: u64 = delays.histogram.iter().map(|bin| bin.events).sum();
        assert_eq!((stretches, bins), (100, 100));
        // Delays grow over time, which one percentile for all of it does not show.
        let p50 = |stretch: &Stretch| stretch.delays.percentiles[0];
        assert!(
            delays
                .over_time
                .windows(2)
                .all(|pair| p50(&pair[0]) < p50(&pair[1]))
        );
    }

    #[test]
    fn bins_double_from_one_millisecond() {
        let bins = histogram(&[-5, 999, 1_000, 3_999, 4_000]);
        let edges: Vec<(i64, u64)> = bins.iter().map(|bin| (bin.until_us, bin.events)).collect();
        assert_eq!(edges, [(1_000, 2), (2_000, 1), (4_000, 1), (8_000, 1)]);
    }
}
