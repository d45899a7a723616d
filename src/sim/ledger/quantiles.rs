//! Exact percentiles by nearest rank.

use serde::{Deserialize, Serialize};

/// A percentile in microseconds. An event that never arrives takes for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Quantile {
    /// There is nothing to take a percentile of.
    #[default]
    None,
    Micros(u64),
    Infinite,
}

impl Quantile {
    /// In milliseconds; none if there is no value.
    pub fn ms(self) -> Option<f64> {
        match self {
            Quantile::None => None,
            Quantile::Micros(micros) => Some(micros as f64 / 1000.0),
            Quantile::Infinite => Some(f64::INFINITY),
        }
    }
}

/// The percentile of `sorted`, with `infinite` further values that are greater than all.
pub fn nearest_rank(sorted: &[u64], percent: u64, infinite: u64) -> Quantile {
    let n = sorted.len() as u64 + infinite;
    let rank = (n * percent).div_ceil(100).max(1);
    match sorted.get(rank as usize - 1) {
        _ if n == 0 => Quantile::None,
        Some(&value) => Quantile::Micros(value),
        None => Quantile::Infinite,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rank_is_a_value_that_occurred() {
        let values: Vec<u64> = (1..=20).collect();
        for (percent, infinite, expected) in [
            (50, 0, Quantile::Micros(10)),
            (95, 0, Quantile::Micros(19)),
            (99, 0, Quantile::Micros(20)),
            (95, 1, Quantile::Micros(20)),
            (95, 2, Quantile::Infinite),
        ] {
            assert_eq!(
                nearest_rank(&values, percent, infinite),
                expected,
                "{percent} with {infinite} missing"
            );
        }
        assert_eq!(nearest_rank(&[], 95, 0), Quantile::None);
        assert_eq!(nearest_rank(&[], 95, 1), Quantile::Infinite);
    }
}
