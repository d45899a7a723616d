//! Durations and shares as people write them: `10s`, `250 ms`, `0.5 %`.

/// Milliseconds of `250ms`, `10s`, `1.5 s`, `2m`, `1h`. A number without a unit is refused: it could be any.
pub fn duration_ms(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => {
            return Err(format!(
                "\"{text}\" is no duration; accepted are ms, s, m and h, such as 250ms or 10s"
            ));
        }
    };
    let millis = decimal(number, factor);
    millis.ok_or_else(|| format!("\"{text}\" is no duration such as 250ms or 10s"))
}

/// Parts per million of `0.5 %`, or of a share such as `0.005`.
pub fn share_ppm(text: &str) -> Result<u32, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "%" => 10_000,
        "" => 1_000_000,
        _ => return Err(format!("\"{text}\" is no share such as 0.5% or 0.005")),
    };
    match decimal(number, factor) {
        Some(ppm @ 0..=1_000_000) => Ok(ppm as u32),
        _ => Err(format!("\"{text}\" is no share; 0% to 100% is accepted")),
    }
}

/// A whole number, with `k` and `M` for thousands and millions.
pub fn count(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        _ => return Err(format!("\"{text}\" is no number such as 5000 or 5k")),
    };
    let value = decimal(number, factor);
    value.ok_or_else(|| format!("\"{text}\" is no number such as 5000 or 5k"))
}

/// Thousandths of a plain number such as 0.704.
pub fn milli(text: &str) -> Result<u32, String> {
    let value = decimal(text.trim(), 1_000).and_then(|milli| u32::try_from(milli).ok());
    value.ok_or_else(|| format!("\"{text}\" is no number such as 0.704"))
}

/// What [`duration_ms`] reads: `10s`, `250ms`.
pub fn duration(ms: u64) -> String {
    if ms.is_multiple_of(1_000) {
        format!("{}s", ms / 1_000)
    } else {
        format!("{ms}ms")
    }
}

/// What [`share_ppm`] reads without a percent sign: `0.018`.
pub fn share(ppm: u32) -> String {
    fraction(ppm, 1_000_000)
}

/// `1.8%`, which [`share_ppm`] reads too.
pub fn percent_words(ppm: u32) -> String {
    fraction(ppm, 10_000) + "%"
}

/// What [`milli`] reads.
pub fn thousandths(milli: u32) -> String {
    fraction(milli, 1_000)
}

/// `value / unit` as a decimal number without zeros at its end; `unit` is a power of ten.
fn fraction(value: u32, unit: u32) -> String {
    let width = unit.ilog10() as usize;
    let text = format!("{}.{:0width$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A number and what stands behind it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    (number, unit.trim())
}

/// `number * factor` in whole numbers; digits behind the last that counts are cut.
fn decimal(number: &str, factor: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut value = whole.checked_mul(factor)?;
    let mut place = factor;
    for digit in part.chars() {
        place /= 10;
        value = value.checked_add(u64::from(digit.to_digit(10)?) * place)?;
    }
    Some(value)
}

/// `12.340 s` of microseconds.
pub fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let millis = micros.unsigned_abs() / 1_000;
    format!("{sign}{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// `0.940 %` of parts per million.
pub fn percent(ppm: u32) -> String {
    format!("{}.{:03} %", ppm / 10_000, ppm % 10_000 / 10)
}

/// `part` of `whole` in parts per million, rounded up: a share that is not 0 is never shown as 0.
pub fn share_of(part: u64, whole: u64) -> u32 {
    let ppm = (u128::from(part) * 1_000_000).div_ceil(u128::from(whole.max(1)));
    u32::try_from(ppm).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_shares_and_counts_are_read_exactly() {
        for (text, expected) in [
            ("250ms", 250),
            ("10s", 10_000),
            ("1.5 s", 1_500),
            (".5m", 30_000),
            ("2h", 7_200_000),
        ] {
            assert_eq!(duration_ms(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("0.5%", 5_000),
            ("1 %", 10_000),
            ("0.018", 18_000),
            ("100%", 1_000_000),
        ] {
            assert_eq!(share_ppm(text), Ok(expected), "{text}");
        }
        assert_eq!((count("5k"), count("1.5M")), (Ok(5_000), Ok(1_500_000)));
        for text in ["10", "s", "", "1e3s", "5 days", "99999999999999999999s"] {
            assert!(duration_ms(text).is_err(), "{text}");
        }
        assert!(share_ppm("101%").is_err() && share_ppm("5 s").is_err());
    }

    #[test]
    fn what_is_written_reads_back() {
        for ms in [0, 1, 250, 1_000, 1_500, 90_000] {
            assert_eq!(duration_ms(&duration(ms)), Ok(ms));
        }
        for ppm in [0, 1, 18_000, 999_999, 1_000_000] {
            assert_eq!(share_ppm(&share(ppm)), Ok(ppm));
        }
        assert_eq!(
            (share(18_000), thousandths(704)),
            ("0.018".into(), "0.704".into())
        );
        assert_eq!(milli("0.704"), Ok(704));
        assert!(milli("x").is_err() && milli("1s").is_err());
    }

    #[test]
    fn a_share_above_nothing_is_not_shown_as_nothing() {
        assert_eq!(share_of(1, 10_000_000), 1);
        assert_eq!(
            (percent(share_of(5, 1_000)), seconds(-1_234_567)),
            ("0.500 %".into(), "-1.234 s".into())
        );
    }
}
