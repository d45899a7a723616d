//! Sorting, gathering and reading of numbers that cost little to download.
//!
//! The standard library compiles a sort of its own for every type that is sorted, some 3 kB each, and another one for every
//! map or set that is collected. Here there is one sort for all, of whole numbers. Its reader of fractions rounds the longest
//! of them right with a table of 10 kB, and its writer brings 13 kB; what people type and read is shorter.

/// Sorts by two whole numbers; what is equal in both stays in its order.
pub fn sort_by_rank<T>(items: &mut Vec<T>, rank: impl Fn(&T) -> (u64, u64)) {
    let place = |(index, item): (usize, &T)| {
        let (first, second) = rank(item);
        (first, second, index)
    };
    let mut places: Vec<(u64, u64, usize)> = items.iter().enumerate().map(place).collect();
    places.sort_unstable();
    let mut taken: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(places.iter().filter_map(|&(.., index)| taken[index].take()));
}

/// What `collect` gives, put in one by one.
pub fn gather<C: Default + Extend<T>, T>(items: impl IntoIterator<Item = T>) -> C {
    let mut gathered = C::default();
    gathered.extend(items);
    gathered
}

/// A decimal number of at most 15 digits, as people write it: `12`, `-0.5`. All of them are exact.
pub fn decimal(text: &str) -> Option<f64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let (sign, whole) = match whole.strip_prefix('-') {
        Some(whole) => (-1.0, whole),
        None => (1.0, whole),
    };
    let digits = whole.len() + part.len();
    if !(1..=15).contains(&digits) {
        return None;
    }
    let mut number = 0_u64;
    let mut scale = 1_u64;
    for (place, digit) in whole.bytes().chain(part.bytes()).enumerate() {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u64::from(digit - b'0');
        scale *= if place < whole.len() { 1 } else { 10 };
    }
    Some(sign * number as f64 / scale as f64)
}

/// The shortest text of a number with at most 12 decimals, as [`decimal`] reads it: `12`, `-0.5`. What has more is cut there.
pub fn decimal_text(value: f64) -> String {
    let size = value.abs();
    let scale = |places: u32| 10_u64.pow(places) as f64;
    let is_whole = |places: &u32| (size * scale(*places)).round() / scale(*places) == size;
    let places = (0..12).find(is_whole).unwrap_or(12);
    let digits = (size * scale(places)).round() as u64;
    let (whole, part) = (digits / 10_u64.pow(places), digits % 10_u64.pow(places));
    let sign = if value < 0.0 { "-" } else { "" };
    if places == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part:0width$}", width = places as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_number_is_the_standard_librarys_or_cut_after_12_decimals() {
        for value in [
            0.0,
            1.0,
            -1.0,
            0.5,
            -0.1,
            12.5,
            313.7,
            1e9,
            0.3,
            99.999,
            1_234_567.891,
            0.000_001,
        ] {
            assert_eq!(decimal_text(value), value.to_string());
        }
        assert_eq!(decimal_text(1.0 / 3.0), "0.333333333333");
        assert_eq!(decimal_text(-2.0 / 3.0), "-0.666666666667");
    }

    #[test]
    fn a_decimal_is_what_the_standard_library_reads_or_nothing() {
        for text in [
            "0",
            "7",
            "12.5",
            "-0.1",
            "3.14159",
            ".5",
            "5.",
            "-3",
            "99999999.9999999",
            "0.1",
        ] {
            assert_eq!(decimal(text), text.parse().ok(), "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            "1e5",
            "1.2.3",
            "+1",
            " 1",
            "inf",
            "1234567890123456",
            "1-",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
    use std::collections::BTreeSet;

    #[test]
    fn equal_ranks_keep_their_order() {
        let mut words = vec!["bb", "a", "dd", "ccc", "e"];
        sort_by_rank(&mut words, |word| (word.len() as u64, 0));
        assert_eq!(words, ["a", "e", "bb", "dd", "ccc"]);
        sort_by_rank(&mut words, |word| (0, u64::MAX - word.len() as u64));
        assert_eq!(words, ["ccc", "bb", "dd", "a", "e"]);
    }

    #[test]
    fn what_is_gathered_is_what_is_collected() {
        let numbers = [3, 1, 2, 1];
        let collected: BTreeSet<i32> = numbers.into_iter().collect();
        assert_eq!(gather::<BTreeSet<i32>, _>(numbers), collected);
    }
}
