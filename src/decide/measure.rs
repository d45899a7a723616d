//! What a run costs, counted in its facts, and how that stands to another run of the same seed.

use crate::sim::Run;
use crate::sim::kafka::protocol::PartitionId;
use crate::sim::kernel::HostId;
use crate::sim::trace::{Fact, FactKind};
use serde_json::{Value, json};

/// What was counted in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures {
    /// Without any fault; none if nothing was delivered or something never was.
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    /// Batches sent to brokers, repeats included.
    pub requests: u64,
    /// Records that brokers wrote, those of the replicas that followed included.
    pub records: u64,
    /// Offsets, transactions, checkpoints, batches and table versions that were committed.
    pub commits: u64,
    /// Rows that were written to files, those included that were there before and were written once more.
    pub rows: u64,
    /// The simulator's own sum.
    pub cost: u64,
    pub digest: u64,
    pub dup: u32,
    pub lost: u32,
    pub stale: u32,
    pub pending: u32,
    pub late: u32,
    pub delivered: u32,
    pub src: u32,
    /// P95 of the other segments, by name.
    pub branches: Vec<(String, Option<f64>)>,
}

/// A number with its name, of one run and of the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    pub name: &'static str,
    pub unit: &'static str,
    pub value: Option<f64>,
    pub baseline: Option<f64>,
}

impl Ratio {
    /// How many times the baseline; none where there is nothing to divide by.
    pub fn times(&self) -> Option<f64> {
        let (value, baseline) = (self.value?, self.baseline?);
        (baseline > 0.0 && value.is_finite() && baseline.is_finite()).then(|| value / baseline)
    }
}

impl Measures {
    /// Of a run; its trace is needed for what is counted.
    pub fn of(run: &Run) -> Measures {
        let verdict = &run.verdict;
        let mut measures = Measures {
            p50_ms: verdict.metric("p50"),
            p95_ms: verdict.metric("p95"),
            cost: verdict.cost,
            digest: run.digest,
            dup: verdict.dup,
            lost: verdict.counts.lost,
            stale: verdict.stale,
            pending: verdict.counts.pending,
            late: verdict.counts.late,
            delivered: verdict.counts.delivered,
            src: verdict.counts.src,
            branches: run
                .branches
                .iter()
                .map(|(name, verdict)| (name.clone(), verdict.metric("p95")))
                .collect(),
            ..Measures::default()
        };
        // How far each replica was before.
        let mut ends: Vec<((HostId, PartitionId), u64)> = Vec::new();
        for event in run.trace.iter().flat_map(|trace| &trace.events) {
            match &event.fact {
                Fact::BatchSent { .. } => measures.requests += 1,
                Fact::BatchAppended { origins, .. } => measures.records += origins.len() as u64,
                Fact::ReplicaAdvanced { partition, end } => {
                    let place = (event.host, *partition);
                    match ends.iter_mut().find(|(known, _)| *known == place) {
                        Some((_, before)) => {
                            measures.records += end.saturating_sub(*before);
                            *before = *end;
                        }
                        None => {
                            measures.records += end;
                            ends.push((place, *end));
                        }
                    }
                }
                Fact::DataFileWritten { rows, .. } => measures.rows += u64::from(*rows),
                Fact::TransactionEnded { commit, .. } => measures.commits += u64::from(*commit),
                other => {
                    let commits = [
                        FactKind::OffsetsCommitted,
                        FactKind::CheckpointCompleted,
                        FactKind::BatchCommitted,
                        FactKind::TableCommitted,
                    ];
                    measures.commits += u64::from(commits.contains(&other.kind()));
                }
            }
        }
        measures
    }

    /// Beside a baseline.
    pub fn against(&self, baseline: &Measures) -> Vec<Ratio> {
        let count = |name, unit, read: fn(&Measures) -> u64| Ratio {
            name,
            unit,
            value: Some(read(self) as f64),
            baseline: Some(read(baseline) as f64),
        };
        let time = |name, read: fn(&Measures) -> Option<f64>| Ratio {
            name,
            unit: "ms",
            value: read(self),
            baseline: read(baseline),
        };
        vec![
            time("P50 latency", |m| m.p50_ms),
            time("P95 latency", |m| m.p95_ms),
            count("requests to brokers", "", |m| m.requests),
            count("records written by brokers", "", |m| m.records),
            count("commits", "", |m| m.commits),
            count("rows written to files", "", |m| m.rows),
            count("cost", "units", |m| m.cost),
        ]
    }
}

/// A count or a time as it is read: whole where it is whole.
pub fn number(value: f64) -> String {
    if value.is_infinite() {
        return "never".into();
    }
    let tenths = (value * 10.0) as i64;
    if tenths % 10 == 0 {
        (tenths / 10).to_string()
    } else {
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

impl Ratio {
    /// "612 ms, 1.9 times the baseline's 320 ms".
    pub fn words(&self) -> String {
        let shown = |value: Option<f64>| match value {
            None => "-".to_string(),
            Some(value) if self.unit.is_empty() => number(value),
            Some(value) => format!("{} {}", number(value), self.unit),
        };
        match self.times() {
            Some(times) => format!(
                "{}, {} times the baseline's {}",
                shown(self.value),
                hundredths(times),
                shown(self.baseline)
            ),
            None => format!("{}; baseline {}", shown(self.value), shown(self.baseline)),
        }
    }

    pub fn to_json(&self) -> Value {
        json!({"name": self.name, "unit": self.unit, "value": self.value.map(number),
            "baseline": self.baseline.map(number), "times": self.times().map(hundredths)})
    }
}

/// With two digits after the point, rounded down.
pub fn hundredths(value: f64) -> String {
    let parts = (value * 100.0) as i64;
    format!("{}.{:02}", parts / 100, parts % 100)
}
