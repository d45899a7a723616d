//! Exact percentiles by nearest rank, of sorted values and of a million unsorted ones.

use super::units;
use serde::{Deserialize, Serialize};

/// A percentile of times in microseconds. Signed, because the clock of a source may run ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Percentile {
    /// There is nothing to take a percentile of.
    #[default]
    None,
    Micros(i64),
    /// So many are missing that it falls among them.
    Infinite,
}

impl Percentile {
    pub fn text(self) -> String {
        match self {
            Percentile::None => "-".into(),
            Percentile::Micros(micros) => units::seconds(micros),
            Percentile::Infinite => "for ever".into(),
        }
    }
}

/// The rank of a percentile among `n` values, from 0. Nearest rank: the least value that at least this share does not exceed.
pub fn rank(n: usize, ppm: u32) -> usize {
    let rank = (n as u128 * u128::from(ppm)).div_ceil(1_000_000) as usize;
    rank.clamp(1, n.max(1)) - 1
}

/// Percentiles of sorted values by nearest rank; none of no values.
pub fn percentiles(sorted: &[i64], ppms: &[u32]) -> Vec<i64> {
    if sorted.is_empty() {
        return Vec::new();
    }
    ppms.iter()
        .map(|&ppm| sorted[rank(sorted.len(), ppm)])
        .collect()
}

/// Percentiles of values in no order: each is a share in parts per million, and how many more values are infinite.
pub fn select<const N: usize>(values: &[i64], wanted: [(u32, u64); N]) -> [Percentile; N] {
    let found = values.len();
    let ranks = wanted.map(|(ppm, infinite)| rank(found + infinite as usize, ppm));
    let mut sorted: Vec<usize> = ranks.into_iter().filter(|&rank| rank < found).collect();
    sorted.sort_unstable();
    let at_ranks = at_ranks(values, &sorted);
    let mut answers = [Percentile::None; N];
    for ((answer, rank), (_, infinite)) in answers.iter_mut().zip(ranks).zip(wanted) {
        *answer = match sorted.binary_search(&rank) {
            Ok(place) => Percentile::Micros(at_ranks[place]),
            Err(_) if found as u64 + infinite == 0 => Percentile::None,
            Err(_) => Percentile::Infinite,
        };
    }
    answers
}

/// Into how many parts a range is cut.
const PARTS: usize = 4_096;

/// The values that would stand at these places, which rise, if all were sorted. Values are counted by parts of their range, and
/// only the parts that hold a place are looked at again: two passes, whatever the order, where sorting takes twenty.
fn at_ranks(values: &[i64], ranks: &[usize]) -> Vec<i64> {
    if ranks.is_empty() {
        return Vec::new();
    }
    if values.len() <= PARTS {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        return ranks.iter().map(|&rank| sorted[rank]).collect();
    }
    let (mut least, mut most) = (i64::MAX, i64::MIN);
    for &value in values {
        least = least.min(value);
        most = most.max(value);
    }
    if least == most {
        return vec![least; ranks.len()];
    }
    let mut shift = 0;
    while most.abs_diff(least) >> shift >= PARTS as u64 {
        shift += 1;
    }
    let part_of = |value: i64| (value.abs_diff(least) >> shift) as usize;
    let mut counts = vec![0_usize; PARTS];
    for &value in values {
        counts[part_of(value)] += 1;
    }
    // Which parts hold places: the part, how many values lie below it, and its places.
    let mut held: Vec<(usize, usize, Vec<usize>)> = Vec::new();
    let (mut part, mut below) = (0, 0);
    for &rank in ranks {
        while below + counts[part] <= rank {
            below += counts[part];
            part += 1;
        }
        match held.last_mut().filter(|last| last.0 == part) {
            Some(last) => last.2.push(rank - below),
            None => held.push((part, below, vec![rank - below])),
        }
    }
    let mut inside = vec![Vec::new(); held.len()];
    let mut place_of = vec![u8::MAX; PARTS];
    for (place, (part, ..)) in held.iter().enumerate() {
        place_of[*part] = place as u8;
    }
    for &value in values {
        let place = place_of[part_of(value)];
        if place != u8::MAX {
            inside[usize::from(place)].push(value);
        }
    }
    let found = held
        .iter()
        .zip(&inside)
        .map(|((.., ranks), values)| at_ranks(values, ranks));
    found.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_selected_as_if_sorted() {
        let spread: Vec<i64> = (0..50_000).map(|n| (n * 7_919) % 50_021 - 300).collect();
        // All but one in the first part of the range, so that parts are cut again.
        let mut skewed: Vec<i64> = (0..30_000).map(|n| (n * 7_919) % 10_007).collect();
        skewed.push(1 << 60);
        let same = vec![7; 9_000];
        for values in [
            spread[..997].to_vec(),
            spread,
            skewed,
            same,
            vec![i64::MIN / 2; 5_000],
        ] {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let wanted = [
                (990_000, 0),
                (500_000, 0),
                (950_000, 20),
                (950_000, 0),
                (999_999, 60_000),
                (1_000_000, 0),
            ];
            let answers = select(&values, wanted);
            for (answer, (ppm, infinite)) in answers.into_iter().zip(wanted) {
                let expected = sorted.get(rank(values.len() + infinite as usize, ppm));
                assert_eq!(
                    answer,
                    expected.map_or(Percentile::Infinite, |&value| Percentile::Micros(value))
                );
            }
        }
        assert_eq!(
            select(&[], [(500_000, 0), (500_000, 1)]),
            [Percentile::None, Percentile::Infinite]
        );
    }
}
