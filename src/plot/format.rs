//! Numbers and times as charts write them.

/// Seconds with two decimals: `4.20 s`.
pub fn seconds(micros: u64) -> String {
    format!("{}.{:02} s", micros / 1_000_000, micros / 10_000 % 100)
}

/// A duration with the digits that it deserves: `680 ms`, `1.16 s`.
pub fn duration(micros: u64) -> String {
    if micros < 1_000_000 {
        format!("{} ms", micros / 1000)
    } else {
        seconds(micros)
    }
}

/// A count and its noun: `1 row`, `2 rows`.
pub fn count(n: u64, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_have_units() {
        assert_eq!(seconds(4_205_000), "4.20 s");
        assert_eq!(duration(680_400), "680 ms");
        assert_eq!(duration(1_160_000), "1.16 s");
        assert_eq!(count(1, "row"), "1 row");
    }
}
