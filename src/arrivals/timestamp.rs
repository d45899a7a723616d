//! Points in time as files write them: numbers since 1970 in s, ms, µs or ns, or ISO 8601.

use serde::{Deserialize, Serialize};

/// How a column writes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Seconds,
    Millis,
    Micros,
    /// Cut down to microseconds.
    Nanos,
    /// `2026-03-01T09:00:00.123Z`; without an offset it is taken as UTC.
    Iso8601,
}

impl Unit {
    pub const NAMES: [(&'static str, Unit); 5] = [
        ("s", Unit::Seconds),
        ("ms", Unit::Millis),
        ("us", Unit::Micros),
        ("ns", Unit::Nanos),
        ("iso", Unit::Iso8601),
    ];

    pub fn name(self) -> &'static str {
        let found = Self::NAMES.into_iter().find(|named| named.1 == self);
        found.expect("every unit has a name").0
    }

    /// The unit that a value is written in, by its size: seconds below 10^11 (the year 5138), then a thousand times more each.
    pub fn of(text: &str) -> Option<Unit> {
        if iso8601(text).is_some() {
            return Some(Unit::Iso8601);
        }
        let number = text.strip_prefix('-').unwrap_or(text);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(part) {
            return None;
        }
        match whole.trim_start_matches('0').len() {
            0..=11 => Some(Unit::Seconds),
            12..=14 => Some(Unit::Millis),
            15..=17 => Some(Unit::Micros),
            18..=19 => Some(Unit::Nanos),
            _ => None,
        }
    }

    /// Microseconds since 1970, or why not.
    pub fn read(self, text: &str) -> Result<i64, String> {
        let refused = |why: &str| Err(format!("\"{}\" {why}", shortened(text)));
        if text.is_empty() {
            return refused("is no time: the field is empty");
        }
        let micros = match self {
            Unit::Iso8601 => iso8601(text),
            Unit::Seconds => decimal(text, 1_000_000, 1),
            Unit::Millis => decimal(text, 1_000, 1),
            Unit::Micros => decimal(text, 1, 1),
            Unit::Nanos => decimal(text, 1, 1_000),
        };
        match micros {
            // 1900 to 2100: engines would take anything else, but it is no time that a record was seen at.
            Some(micros) if (-2_208_988_800_000_000..=4_102_444_800_000_000).contains(&micros) => {
                Ok(micros)
            }
            Some(_) => refused(&format!("is not between 1900 and 2100 as {}", self.said())),
            None => refused(&format!("is no time written as {}", self.said())),
        }
    }

    /// In words.
    pub const fn said(self) -> &'static str {
        match self {
            Unit::Seconds => "seconds since 1970",
            Unit::Millis => "milliseconds since 1970",
            Unit::Micros => "microseconds since 1970",
            Unit::Nanos => "nanoseconds since 1970",
            Unit::Iso8601 => "ISO 8601, such as 2026-03-01T09:00:00.123Z",
        }
    }
}

/// Enough of a value to recognise it by.
pub fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 {
        return text.to_string();
    }
    text.chars().take(37).chain("...".chars()).collect()
}

/// `text * times / by` in whole numbers; what is left is cut.
fn decimal(text: &str, times: i64, by: i64) -> Option<i64> {
    let (negative, number) = match text.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, text),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let mut value = whole.parse::<i64>().ok()?.checked_mul(times)?;
    let mut place = times;
    for byte in part.bytes() {
        place /= 10;
        value = value.checked_add(i64::from(byte - b'0') * place)?;
    }
    let value = if negative { -value } else { value };
    Some(value.div_euclid(by))
}

/// `YYYY-MM-DD`, `T` or a space, `hh:mm:ss`, perhaps a fraction, and `Z`, an offset such as `+01:00`, `+0100` or `+01`, or nothing.
fn iso8601(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, length: usize| -> Option<i64> {
        let digits = bytes.get(from..from + length)?;
        let all = digits.iter().all(u8::is_ascii_digit);
        all.then(|| {
            digits
                .iter()
                .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
        })
    };
    let sign =
        |at: usize, accepted: &[u8]| bytes.get(at).is_some_and(|byte| accepted.contains(byte));
    let shape =
        sign(4, b"-") && sign(7, b"-") && sign(10, b"T t") && sign(13, b":") && sign(16, b":");
    if !shape {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = [
        31,
        if leap { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let most = *days.get(usize::try_from(month - 1).ok()?)?;
    // A leap second is written as 60 and counted as the second after it, as engines do.
    if !(1..=most).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut micros = 0;
    if sign(at, b".,") {
        at += 1;
        let mut place = 1_000_000;
        let from = at;
        while let Some(digit) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
            place /= 10;
            micros += i64::from(digit - b'0') * place;
            at += 1;
        }
        if at == from {
            return None;
        }
    }
    let offset = match bytes.get(at) {
        None => 0,
        Some(b'Z' | b'z') if bytes.len() == at + 1 => 0,
        Some(direction @ (b'+' | b'-')) => {
            let hours = number(at + 1, 2)?;
            let minutes = match bytes.len() - at {
                3 => 0,
                5 => number(at + 3, 2)?,
                6 if sign(at + 3, b":") => number(at + 4, 2)?,
                _ => return None,
            };
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *direction == b'+' { 60 } else { -60 }
        }
        Some(_) => return None,
    };
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds - offset) * 1_000_000 + micros)
}

/// Days from 1970-01-01 in the Gregorian calendar.
/// Year, month and day of a day since 1970: the other way round.
pub fn date_of(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the day that leaps is the last; an era has 400 years.
    let day = days + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, of_month)
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March put the leap day at the end.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_moment_is_read_from_every_way_of_writing_it() {
        for text in [
            "1772355600.123456",
            "1772355600123.456",
            "1772355600123456",
            "1772355600123456789",
            "2026-03-01T09:00:00.123456Z",
            "2026-03-01 09:00:00.123456",
            "2026-03-01T10:00:00.1234567+01:00",
            "2026-03-01T03:30:00,123456-0530",
            "2026-03-01T10:00:00.123456+01",
        ] {
            let unit = Unit::of(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                unit.read(text),
                Ok(1_772_355_600_123_456),
                "{text} as {unit:?}"
            );
        }
    }

    #[test]
    fn calendars_have_leap_years_and_days_before_1970() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2024-02-29T12:00:00Z", 1_709_208_000),
            ("2026-12-31T23:59:60Z", 1_798_761_600),
        ] {
            assert_eq!(iso8601(text), Some(seconds * 1_000_000), "{text}");
        }
    }

    #[test]
    fn a_day_has_one_date_and_a_date_one_day() {
        for days in [-25_509, -1, 0, 59, 60, 11_016, 20_513, 47_540] {
            let (year, month, day) = date_of(days);
            assert_eq!(
                days_since_1970(year, month, day),
                days,
                "{year}-{month}-{day}"
            );
        }
        assert_eq!((date_of(0), date_of(20_513)), ((1970, 1, 1), (2026, 3, 1)));
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_it_was_read_as() {
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01",
            "2026-03-01T09:00:00.Z",
            "2026-03-01T09:00:00 CET",
            "yesterday",
            "",
            "1e9",
            "12345678901234567890123",
        ] {
            assert_eq!(Unit::of(text), None, "{text}");
        }
        let problem = Unit::Seconds.read("1772355600123").expect_err("too far");
        assert_eq!(
            problem,
            "\"1772355600123\" is not between 1900 and 2100 as seconds since 1970"
        );
        assert!(
            Unit::Millis
                .read("x")
                .expect_err("no time")
                .contains("milliseconds since 1970")
        );
    }
}
