//! What a learner promises, and whether a configuration keeps it: `p95 < 10s && late < 1% && state < 5000`.

use super::ranks::Percentile;
use super::replay::Outcome;
use super::units;
use crate::sim::suggest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What can be promised, by the names of the course's metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    P50,
    P95,
    P99,
    /// With late ones counted as infinite.
    P95Honest,
    FreshP95,
    /// The share of events that are dropped late.
    Late,
    /// Rows of state at the peak.
    State,
    /// Bytes of state at the peak.
    Memory,
    /// Results that replace an earlier one.
    Updates,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Time,
    Share,
    Count,
}

impl Metric {
    const ALL: [(&'static str, Metric); 11] = [
        ("p50", Metric::P50),
        ("p95", Metric::P95),
        ("p99", Metric::P99),
        ("p95_honest", Metric::P95Honest),
        ("fresh_p95", Metric::FreshP95),
        ("late", Metric::Late),
        ("late_rate", Metric::Late),
        ("state", Metric::State),
        ("state_peak", Metric::State),
        ("memory", Metric::Memory),
        ("updates", Metric::Updates),
    ];

    /// Every name that is known.
    pub fn names() -> [&'static str; 11] {
        Self::ALL.map(|known| known.0)
    }

    pub fn name(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|named| named.1 == self);
        found.expect("every metric has a name").0
    }

    const fn kind(self) -> Kind {
        match self {
            Metric::Late => Kind::Share,
            Metric::State | Metric::Memory | Metric::Updates => Kind::Count,
            _ => Kind::Time,
        }
    }

    /// Microseconds, parts per million or a number; no value if there is nothing to measure.
    fn of(self, outcome: &Outcome) -> Percentile {
        let count = |value: u64| Percentile::Micros(i64::try_from(value).unwrap_or(i64::MAX));
        match self {
            Metric::P50 => outcome.p50,
            Metric::P95 => outcome.p95,
            Metric::P99 => outcome.p99,
            Metric::P95Honest => outcome.p95_honest,
            Metric::FreshP95 => outcome.fresh_p95,
            Metric::Late => count(outcome.late_ppm.into()),
            Metric::State => count(outcome.state_peak),
            Metric::Memory => count(outcome.memory_bytes),
            Metric::Updates => count(outcome.updates),
        }
    }

    fn text(self, value: i64) -> String {
        match self.kind() {
            Kind::Time => units::seconds(value),
            Kind::Share => units::percent(value as u32),
            Kind::Count => value.to_string(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bound {
    #[serde(rename = "<")]
    Below,
    #[serde(rename = "<=")]
    AtMost,
}

/// One promise: microseconds, parts per million, or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    pub metric: Metric,
    pub bound: Bound,
    pub value: i64,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = match self.bound {
            Bound::Below => "<",
            Bound::AtMost => "<=",
        };
        write!(
            f,
            "{} {bound} {}",
            self.metric.name(),
            self.metric.text(self.value)
        )
    }
}

impl Promise {
    /// The value alone, as [`Sla::parse`] reads it, without a percent sign.
    pub fn value_words(&self) -> String {
        match self.metric.kind() {
            Kind::Time => units::duration((self.value / 1_000) as u64),
            Kind::Share => units::share(self.value as u32),
            Kind::Count => self.value.to_string(),
        }
    }
}

/// All of it has to hold. The empty one holds always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sla(pub Vec<Promise>);

/// A promise that was not kept, and what was measured instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    pub promise: Promise,
    pub measured: Percentile,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.measured {
            Percentile::None => write!(f, "{}: nothing was delivered", self.promise),
            Percentile::Infinite => write!(f, "{}: it is for ever", self.promise),
            Percentile::Micros(value) => write!(
                f,
                "{}: it is {}",
                self.promise,
                self.promise.metric.text(value)
            ),
        }
    }
}

impl Sla {
    /// Promises joined by `&&`, commas or "and".
    pub fn parse(text: &str) -> Result<Sla, String> {
        let text = text.replace(" and ", "&&").replace(',', "&&");
        let parts = text.split("&&").map(str::trim);
        parts
            .map(promise)
            .collect::<Result<Vec<Promise>, String>>()
            .map(Sla)
    }

    /// What a learner would write: `p95 < 10s, late <= 1.8%`.
    pub fn words(&self) -> String {
        let words = self.0.iter().map(|promise| {
            let bound = match promise.bound {
                Bound::Below => "<",
                Bound::AtMost => "<=",
            };
            let value = match promise.metric.kind() {
                Kind::Share => units::percent_words(promise.value as u32),
                _ => promise.value_words(),
            };
            format!("{} {bound} {value}", promise.metric.name())
        });
        words.collect::<Vec<_>>().join(", ")
    }

    pub fn misses(&self, outcome: &Outcome) -> Vec<Miss> {
        let kept = |promise: &Promise, measured: Percentile| match (measured, promise.bound) {
            (Percentile::Micros(value), Bound::Below) => value < promise.value,
            (Percentile::Micros(value), Bound::AtMost) => value <= promise.value,
            (Percentile::None | Percentile::Infinite, _) => false,
        };
        let missed = self
            .0
            .iter()
            .map(|promise| (promise, promise.metric.of(outcome)));
        missed
            .filter(|(promise, measured)| !kept(promise, *measured))
            .map(|(&promise, measured)| Miss { promise, measured })
            .collect()
    }

    /// The share of late events that is allowed, in parts per million, if that is promised.
    pub fn late_ppm(&self) -> Option<u32> {
        let late = self
            .0
            .iter()
            .filter(|promise| promise.metric == Metric::Late);
        let most = late.map(|promise| match promise.bound {
            Bound::Below => promise.value - 1,
            Bound::AtMost => promise.value,
        });
        most.min().map(|ppm| ppm.clamp(0, 1_000_000) as u32)
    }
}

fn promise(text: &str) -> Result<Promise, String> {
    let Some(at) = text.find('<') else {
        return Err(format!(
            "\"{text}\" is no promise such as p95 < 10s, late < 1% or state < 5000"
        ));
    };
    let name = text[..at].trim();
    let rest = &text[at + 1..];
    let (bound, value) = match rest.strip_prefix('=') {
        Some(value) => (Bound::AtMost, value.trim()),
        None => (Bound::Below, rest.trim()),
    };
    let found = Metric::ALL.into_iter().find(|known| known.0 == name);
    let Some((_, metric)) = found else {
        let names = Metric::names();
        return Err(format!(
            "nothing named \"{name}\" can be promised{}; accepted are {}",
            suggest::did_you_mean(name, names),
            names.join(", ")
        ));
    };
    let value = match metric.kind() {
        Kind::Time => units::duration_ms(value).map(|ms| ms as i64 * 1_000),
        Kind::Share => units::share_ppm(value).map(i64::from),
        Kind::Count => units::count(value).map(|count| count as i64),
    };
    let value = value.map_err(|why| format!("{name}: {why}"))?;
    Ok(Promise {
        metric,
        bound,
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_read_with_their_units() {
        let sla =
            Sla::parse("p95 < 10s && late<=0.5%, state < 5k and memory <= 1M").expect("readable");
        let text: Vec<String> = sla.0.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "p95 < 10.000 s",
                "late <= 0.500 %",
                "state < 5000",
                "memory <= 1000000"
            ]
        );
        assert_eq!(sla.late_ppm(), Some(5_000));
        assert_eq!(
            Sla::parse("late < 1%").expect("readable").late_ppm(),
            Some(9_999)
        );
    }

    #[test]
    fn what_cannot_be_promised_is_refused_with_what_can() {
        for (text, words) in [
            ("p59 < 10s", "did you mean \"p50\"?"),
            ("p95 < 10", "p95: \"10\" is no duration"),
            ("late < 10s", "late: \"10s\" is no share"),
            ("p95 > 3s", "is no promise"),
            ("p95 < 10s,", "\"\" is no promise"),
        ] {
            let problem = Sla::parse(text).expect_err("refused");
            assert!(problem.contains(words), "{text}: {problem}");
        }
    }
}
