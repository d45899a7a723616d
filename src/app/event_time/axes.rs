//! Scales and ticks of the lab's pictures: values to pixels, linear or by logarithm.

use crate::arrivals::units;

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Linear,
    Log,
}

/// One axis: which values lie between which pixels.
#[derive(Clone, Copy, PartialEq)]
pub struct Scale {
    kind: Kind,
    from: f64,
    until: f64,
    left: f64,
    right: f64,
}

impl Scale {
    pub fn linear(from: f64, until: f64, left: f64, right: f64) -> Scale {
        let until = if until > from { until } else { from + 1.0 };
        Scale {
            kind: Kind::Linear,
            from,
            until,
            left,
            right,
        }
    }

    /// `from` has to be above 0; smaller values lie at it.
    pub fn log(from: f64, until: f64, left: f64, right: f64) -> Scale {
        Scale {
            kind: Kind::Log,
            from,
            until: until.max(from * 1.5),
            left,
            right,
        }
    }

    pub fn at(&self, value: f64) -> f64 {
        let share = match self.kind {
            Kind::Linear => (value - self.from) / (self.until - self.from),
            Kind::Log => {
                libm::log(value.max(self.from) / self.from) / libm::log(self.until / self.from)
            }
        };
        self.left + share * (self.right - self.left)
    }

    /// The value at a pixel of a linear scale.
    pub fn value(&self, at: f64) -> f64 {
        self.from + (at - self.left) / (self.right - self.left) * (self.until - self.from)
    }

    /// Round values, at most about so many.
    pub fn ticks(&self, most: usize) -> Vec<f64> {
        match self.kind {
            Kind::Linear => {
                let step = round_step((self.until - self.from) / most.max(1) as f64);
                let first = (self.from / step).ceil();
                (0..=most * 3)
                    .map(|n| (first + n as f64) * step)
                    .take_while(|&value| value <= self.until * (1.0 + 1e-9))
                    .collect()
            }
            Kind::Log => {
                // Over many decades, whole ones.
                let of = |digits: &[f64]| -> Vec<f64> {
                    let mut all = Vec::new();
                    let mut decade = 1e-6;
                    while decade <= self.until {
                        all.extend(digits.iter().map(|digit| digit * decade));
                        decade *= 10.0;
                    }
                    all.retain(|&value| value >= self.from * 0.999 && value <= self.until * 1.001);
                    all
                };
                let sets: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
                let all = sets
                    .iter()
                    .map(|digits| of(digits))
                    .find(|all| all.len() <= most);
                let all = all.unwrap_or_else(|| of(sets[2]));
                let every = all.len().div_ceil(most.max(1)).max(1);
                all.into_iter().step_by(every).collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, and no smaller than `least`.
pub fn round_step(least: f64) -> f64 {
    let mut step = 1e-6;
    loop {
        for digit in [1.0, 2.0, 5.0] {
            if step * digit >= least {
                return step * digit;
            }
        }
        step *= 10.0;
    }
}

/// A number as short as it can be: at most `places` digits behind the point.
pub fn short(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text
    }
}

/// `4.1 s`, `850 ms`, `3.2 min`: two or three digits, for the eye.
pub fn time(micros: i64) -> String {
    let seconds = micros as f64 / 1e6;
    let size = seconds.abs();
    match size {
        _ if size < 0.001 => "0 s".into(),
        _ if size < 1.0 => format!("{} ms", short(seconds * 1e3, 0)),
        _ if size < 100.0 => format!("{} s", short(seconds, 1)),
        _ if size < 7_200.0 => format!("{} s", short(seconds, 0)),
        _ => format!("{} h", short(seconds / 3_600.0, 1)),
    }
}

/// `1.5 %`; what is above 0 is not shown as 0.
pub fn percent(ppm: u32) -> String {
    let value = f64::from(ppm) / 1e4;
    match ppm {
        0 => "0 %".into(),
        1..100 => "< 0.01 %".into(),
        100..10_000 => format!("{} %", short(value, 2)),
        10_000..200_000 => format!("{} %", short(value, 1)),
        _ => format!("{} %", short(value, 0)),
    }
}

/// A percentile for the eye.
pub fn percentile(value: crate::arrivals::ranks::Percentile) -> String {
    use crate::arrivals::ranks::Percentile;
    match value {
        Percentile::None => "-".into(),
        Percentile::Micros(micros) => time(micros),
        Percentile::Infinite => "∞".into(),
    }
}

/// `1.2 MB`.
pub fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", short(value / 1e3, 1)),
        _ => format!("{} MB", short(value / 1e6, 1)),
    }
}

/// `2026-03-01 09:00 UTC` of microseconds since 1970.
pub fn moment(micros: i64) -> String {
    let minutes = micros.div_euclid(60_000_000);
    let (days, minute) = (minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
    let (year, month, day) = crate::arrivals::timestamp::date_of(days);
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02} UTC",
        minute / 60,
        minute % 60
    )
}

/// Thousands apart.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        // Four digits are read at a glance.
        if digits.len() > 4 && place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `2 s` for windows and settings: exact.
pub fn exact(ms: u64) -> String {
    let text = units::duration(ms);
    let unit = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    format!("{} {}", &text[..unit], &text[unit..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_lie_inside() {
        let linear = Scale::linear(8.0, 36.0, 56.0, 772.0);
        assert_eq!(linear.ticks(7), [10.0, 15.0, 20.0, 25.0, 30.0, 35.0]);
        assert!((linear.value(linear.at(20.7)) - 20.7).abs() < 1e-9);
        let log = Scale::log(0.25, 128.0, 0.0, 100.0);
        assert!(
            log.ticks(5)
                .iter()
                .all(|tick| (0.25..=128.0).contains(tick))
        );
        assert!((log.at(128.0) - 100.0).abs() < 1e-9 && log.at(0.0) == 0.0);
    }

    #[test]
    fn numbers_are_short_and_never_round_something_to_nothing() {
        assert_eq!(
            [time(4_130_000), time(850_000), time(124_000_000), time(0)],
            ["4.1 s", "850 ms", "124 s", "0 s"]
        );
        assert_eq!(
            [
                percent(0),
                percent(50),
                percent(9_400),
                percent(15_600),
                percent(276_000)
            ],
            ["0 %", "< 0.01 %", "0.94 %", "1.6 %", "28 %"]
        );
        assert_eq!(
            (count(1_234), count(60_000)),
            ("1234".into(), "60\u{202f}000".into())
        );
        assert_eq!((exact(2_000), exact(250)), ("2 s".into(), "250 ms".into()));
        assert_eq!(moment(1_772_355_600_000_000), "2026-03-01 09:00 UTC");
    }
}
