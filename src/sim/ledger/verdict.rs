//! What a run shows: every metric by its name.
//!
//! One run can refute a guarantee; it can never prove one.

use super::{Fate, Quantile};
use crate::sim::ordered::OrdMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

/// Where a surplus copy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DupOrigin {
    /// The client repeated a send that had landed.
    ProducerRetry,
    /// The application sent again after its own restart.
    AppResend,
    /// Offsets were read again by a later batch.
    OffsetReplay,
    /// The same batch was written again.
    BatchReplay,
    /// Every write attempt made another record key.
    KeyPerAttempt,
    /// The key came back with another partition path.
    KeyMove,
    /// Another version of an order was written as a row of its own.
    UpdateInserted,
    /// A group that had changed was added instead of put in the place of its older result.
    Refined,
}

/// Where a silent loss comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossOrigin {
    /// Reported as sent, yet no broker stored it.
    Acks,
    /// Stored by a leader that fell before the others had it.
    LeaderLoss,
    /// In the memory of a producer that died without an outbox.
    Buffer,
    /// The position was committed before the work was done.
    CommitFirst,
    /// The write failed and the failure was ignored.
    IgnoredBatch,
    /// The sink took the batch for one it already had.
    SkippedBatch,
    /// The topic no longer keeps it.
    Retention,
    /// A later write threw it away.
    Overwrite,
    /// Its transaction timed out.
    TxnTimeout,
    /// A query without a checkpoint began behind it.
    StartingOffset,
    /// The query's de-duplication took it for a copy of something else: another version of its order, for one.
    TakenForCopy,
}

impl DupOrigin {
    pub const ALL: [DupOrigin; 8] = [
        DupOrigin::ProducerRetry,
        DupOrigin::AppResend,
        DupOrigin::OffsetReplay,
        DupOrigin::BatchReplay,
        DupOrigin::KeyPerAttempt,
        DupOrigin::KeyMove,
        DupOrigin::UpdateInserted,
        DupOrigin::Refined,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            DupOrigin::ProducerRetry => "producer_retry",
            DupOrigin::AppResend => "app_resend",
            DupOrigin::OffsetReplay => "offset_replay",
            DupOrigin::BatchReplay => "batch_replay",
            DupOrigin::KeyPerAttempt => "key_per_attempt",
            DupOrigin::KeyMove => "key_move",
            DupOrigin::UpdateInserted => "update_inserted",
            DupOrigin::Refined => "refined",
        }
    }
}

impl LossOrigin {
    pub const ALL: [LossOrigin; 11] = [
        LossOrigin::Acks,
        LossOrigin::LeaderLoss,
        LossOrigin::Buffer,
        LossOrigin::CommitFirst,
        LossOrigin::IgnoredBatch,
        LossOrigin::SkippedBatch,
        LossOrigin::Retention,
        LossOrigin::Overwrite,
        LossOrigin::TxnTimeout,
        LossOrigin::StartingOffset,
        LossOrigin::TakenForCopy,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            LossOrigin::Acks => "acks",
            LossOrigin::LeaderLoss => "leader_loss",
            LossOrigin::Buffer => "buffer",
            LossOrigin::CommitFirst => "commit_first",
            LossOrigin::IgnoredBatch => "ignored_batch",
            LossOrigin::SkippedBatch => "skipped_batch",
            LossOrigin::Retention => "retention",
            LossOrigin::Overwrite => "overwrite",
            LossOrigin::TxnTimeout => "txn_timeout",
            LossOrigin::StartingOffset => "starting_offset",
            LossOrigin::TakenForCopy => "taken_for_copy",
        }
    }
}

/// The totals of the law: `src = delivered + lost + refused + late + pending`, each moved by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub src: u32,
    pub delivered: u32,
    pub lost: u32,
    pub refused: u32,
    pub late: u32,
    pub pending: u32,
}

impl Counts {
    pub fn law_holds(&self) -> bool {
        self.src == self.delivered + self.lost + self.refused + self.late + self.pending
    }

    pub(super) fn count(&mut self, fate: Fate) {
        self.src += 1;
        *self.of(fate) += 1;
    }

    pub(super) fn move_one(&mut self, from: Fate, to: Fate) {
        *self.of(from) -= 1;
        *self.of(to) += 1;
    }

    fn of(&mut self, fate: Fate) -> &mut u32 {
        match fate {
            Fate::Delivered => &mut self.delivered,
            Fate::Lost => &mut self.lost,
            Fate::Refused => &mut self.refused,
            Fate::DroppedLate => &mut self.late,
            Fate::Pending => &mut self.pending,
        }
    }
}

/// The totals on screen at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    pub counts: Counts,
    /// Readable log entries, copies included.
    pub stored: u64,
    /// Surplus copies that are visible.
    pub duplicates: u32,
    /// Visible rows.
    pub rows: u32,
}

/// What became of a segment's events, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub counts: Counts,
    /// Readable log entries, copies included.
    pub stored: u64,
    pub rows: u32,
    pub dup: u32,
    pub phantom: u32,
    pub dirty: u32,
    pub stale: u32,
    pub reorder: u32,
    pub dup_by: OrdMap<DupOrigin, u32>,
    pub lost_by: OrdMap<LossOrigin, u32>,
    /// P50, P95, P99 of what was delivered.
    pub latency: [Quantile; 3],
    /// P95 with what was lost or dropped late counted as infinite.
    pub p95_honest: Quantile,
    pub fresh_p95: Quantile,
    pub state_peak: u32,
    pub state_end: u32,
    /// When half of the events had been handed over.
    pub state_at_half: u32,
    /// Surplus copies that a window counted, whether it is still open or not.
    pub state_dup: u32,
    /// Events that came as far as a windowed operator.
    pub reached: u32,
    /// Thousandths of an event per second.
    pub tput_milli: u64,
    /// Units: tenths of a kB written by brokers, requests, work of tasks, state over time, files.
    pub cost: u64,
    pub down_ms: u64,
    pub garbage: u32,
    pub garbage_at_crash: u32,
    pub rollbacks: u32,
    pub batches_replayed: u32,
    /// Log entries that tasks began to work on once more, after a restart.
    pub replayed: u32,
    pub batches_skipped: u32,
    pub batches_ignored: u32,
    pub retries: u32,
    pub txn_aborted: u32,
    pub fenced: u32,
    /// In cents, over the visible rows: where windows overlap, an event counts in each of them.
    pub billed: i64,
    /// In cents.
    pub owed: i64,
    pub requests: u64,
    /// Late events that were handed to a side output.
    pub late_captured: u32,
    /// Surplus copies beyond those that the segment was given.
    pub own_dup: u32,
    /// Silent losses of the segment itself.
    pub own_lost: u32,
}

/// A metric: its name in checks, in JSON and on screen, and where it is read.
pub struct Metric {
    pub name: &'static str,
    pub read: fn(&Verdict) -> Option<f64>,
}

macro_rules! metrics {
    ($( $name:ident $(. $part:ident)?: $read:expr ),* $(,)?) => {
        /// Every metric of a verdict that is one number. `dup_by.X` and `lost_by.X` come on top.
        pub const METRICS: &[Metric] = &[ $( Metric { name: concat!(stringify!($name) $(, ".", stringify!($part))?), read: $read } ),* ];
    };
}

metrics! {
    src: |v| Some(v.counts.src.into()),
    delivered: |v| Some(v.counts.delivered.into()),
    pending: |v| Some(v.counts.pending.into()),
    stored: |v| Some(v.stored as f64),
    rows: |v| Some(v.rows.into()),
    dup: |v| Some(v.dup.into()),
    lost: |v| Some(v.counts.lost.into()),
    refused: |v| Some(v.counts.refused.into()),
    phantom: |v| Some(v.phantom.into()),
    dirty: |v| Some(v.dirty.into()),
    stale: |v| Some(v.stale.into()),
    reorder: |v| Some(v.reorder.into()),
    late: |v| Some(v.counts.late.into()),
    late_rate: |v| Some(f64::from(v.counts.late) / f64::from(v.reached.max(1))),
    p50: |v| v.latency[0].ms(),
    p95: |v| v.latency[1].ms(),
    p99: |v| v.latency[2].ms(),
    p95_honest: |v| v.p95_honest.ms(),
    fresh_p95: |v| v.fresh_p95.ms(),
    state_peak: |v| Some(v.state_peak.into()),
    state_end: |v| Some(v.state_end.into()),
    state_at_half: |v| Some(v.state_at_half.into()),
    state.dup: |v| Some(v.state_dup.into()),
    sink.dup: |v| Some(v.dup.into()),
    tput: |v| Some(v.tput_milli as f64 / 1000.0),
    cost: |v| Some(v.cost as f64),
    down_ms: |v| Some(v.down_ms as f64),
    garbage: |v| Some(v.garbage.into()),
    garbage_at_crash: |v| Some(v.garbage_at_crash.into()),
    rollbacks: |v| Some(v.rollbacks.into()),
    batches_replayed: |v| Some(v.batches_replayed.into()),
    replayed: |v| Some(v.replayed.into()),
    batches_skipped: |v| Some(v.batches_skipped.into()),
    batches_ignored: |v| Some(v.batches_ignored.into()),
    retries: |v| Some(v.retries.into()),
    txn_aborted: |v| Some(v.txn_aborted.into()),
    fenced: |v| Some(v.fenced.into()),
    billed: |v| Some(v.billed as f64),
    owed: |v| Some(v.owed as f64),
    late_captured: |v| Some(v.late_captured.into()),
    own.dup: |v| Some(v.own_dup.into()),
    own.lost: |v| Some(v.own_lost.into()),
}

impl Verdict {
    /// The value of a metric by its name; none for an unknown name or where there is no value.
    pub fn metric(&self, name: &str) -> Option<f64> {
        if let Some(origin) = name.strip_prefix("dup_by.") {
            let origin = DupOrigin::ALL
                .into_iter()
                .find(|known| known.name() == origin)?;
            return Some(self.dup_by.get(&origin).copied().unwrap_or(0).into());
        }
        if let Some(origin) = name.strip_prefix("lost_by.") {
            let origin = LossOrigin::ALL
                .into_iter()
                .find(|known| known.name() == origin)?;
            return Some(self.lost_by.get(&origin).copied().unwrap_or(0).into());
        }
        METRICS
            .iter()
            .find(|metric| metric.name == name)
            .and_then(|metric| (metric.read)(self))
    }

    /// The names that [`Verdict::metric`] knows.
    pub fn names() -> impl Iterator<Item = String> {
        let plain = METRICS.iter().map(|metric| metric.name.to_string());
        let dup = DupOrigin::ALL
            .into_iter()
            .map(|origin| format!("dup_by.{}", origin.name()));
        let lost = LossOrigin::ALL
            .into_iter()
            .map(|origin| format!("lost_by.{}", origin.name()));
        plain.chain(dup).chain(lost)
    }

    /// All metrics under their names. Infinite is `"inf"`, no value is null.
    pub fn to_json(&self) -> Value {
        let named = |name: String| (name.clone(), json_number(self.metric(&name)));
        Value::Object(Verdict::names().map(named).collect::<Map<String, Value>>())
    }
}

/// A metric in JSON: infinite is `"inf"`, no value is null.
pub fn json_number(value: Option<f64>) -> Value {
    match value {
        None => Value::Null,
        Some(value) if value.is_infinite() => Value::from("inf"),
        // Whole numbers are written as such.
        Some(value) if value == (value as i64) as f64 => Value::from(value as i64),
        Some(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
    }
}
