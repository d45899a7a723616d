//! Recordings of Flink jobs that fail and recover: a script of records becomes a scenario, and the very same `Simulation` runs it.
//! Where only two inputs and their barriers matter, the barrier handler of the simulated tasks is driven by itself.

use super::{Case, Checked, Difference, RecordingError, Skip, read};
use crate::sim::engines::flink::barrier::{BarrierHandler, Mode, Reached};
use crate::sim::ordered::OrdMap;
use crate::sim::trace::{Fact, Trace};
use crate::sim::{Keep, Scenario, Simulation};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

#[derive(Deserialize)]
struct Config {
    records: u32,
    checkpoint_after: Vec<u64>,
    sink: Sink,
    #[serde(default = "yes")]
    checkpointing: bool,
    #[serde(default = "yes")]
    idempotent_commit: bool,
    fail: Option<Fail>,
    #[serde(default)]
    mode: RecordedMode,
    #[serde(default)]
    unaligned: bool,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

const fn yes() -> bool {
    true
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sink {
    Plain,
    TwoPhase,
    /// Unfinished files lie beside the finished ones.
    File,
    /// No sink: a count over two sources.
    CountingState,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RecordedMode {
    #[default]
    ExactlyOnce,
    AtLeastOnce,
}

#[derive(Deserialize)]
#[serde(tag = "point", rename_all = "snake_case")]
enum Fail {
    /// While this record is processed.
    Record {
        id: String,
    },
    /// In the snapshot of an operator, after the sink's.
    Snapshot {
        checkpoint: u32,
    },
    BeforeCommit {
        txn_with: String,
    },
    AfterCommit {
        txn_with: String,
    },
}

/// Fields of a recording that say how it went, not what came of it.
const STORIES: [&str; 1] = ["log"];

pub(super) fn check(case: &Case) -> Result<Checked, RecordingError> {
    let config = Value::Object(case.config.clone());
    let config: Config = read(&format!("{}.config", case.place), &config)?;
    let expected: Map<String, Value> = read(&format!("{}.expect", case.place), &case.observed)?;
    if let Some(key) = config.unknown.keys().next() {
        let what = format!("the setting {key} of a recorded job");
        return Ok(Checked::Skipped(Skip::NotModelled(what)));
    }
    let seen = if config.sink == Sink::CountingState {
        let records = expected.get("true_record_count").and_then(Value::as_u64);
        count(&config, records.unwrap_or(0))
    } else {
        run(case, &config)?
    };
    let mut differences = Vec::new();
    for (field, recorded) in &expected {
        if STORIES.contains(&field.as_str()) {
            continue;
        }
        let Some(simulated) = seen.get(field) else {
            let what = format!("what a recording calls {field}");
            return Ok(Checked::Skipped(Skip::NotModelled(what)));
        };
        if recorded != simulated {
            differences.push(Difference {
                field: field.clone(),
                recorded: recorded.to_string(),
                simulated: simulated.to_string(),
            });
        }
    }
    Ok(if differences.is_empty() {
        Checked::Passed
    } else {
        Checked::Failed(differences)
    })
}

/// Records are `r00`, `r01`, …; orders are counted from 1.
fn order_of(place: &str, id: &str) -> Result<u32, RecordingError> {
    let number = id.strip_prefix('r').and_then(|n| n.parse::<u32>().ok());
    let wrong = || RecordingError::new(place, format!("\"{id}\" is no record such as r07"));
    number.map(|number| number + 1).ok_or_else(wrong)
}

fn run(case: &Case, config: &Config) -> Result<Map<String, Value>, RecordingError> {
    let place = format!("{}.config.fail", case.place);
    // The checkpoint whose transaction holds a record.
    let checkpoint_of = |id: &str| {
        let before = |order: u32| {
            let passed = config.checkpoint_after.iter();
            passed.filter(|&&after| after < u64::from(order)).count()
        };
        order_of(&place, id).map(|order| before(order) + 1)
    };
    let after = match &config.fail {
        None => None,
        Some(Fail::Record { id }) => Some(json!({"source_read": order_of(&place, id)?})),
        Some(Fail::Snapshot { checkpoint }) => Some(json!({"snapshot_taken": checkpoint})),
        Some(Fail::BeforeCommit { txn_with }) => {
            Some(json!({"checkpoint_completed": checkpoint_of(txn_with)?}))
        }
        Some(Fail::AfterCommit { txn_with }) => {
            Some(json!({"sink_committed": checkpoint_of(txn_with)?}))
        }
    };
    let faults = match after {
        None => json!({}),
        Some(after) => json!({"fail": {"do": "task.crash", "after": after}}),
    };
    let mode = match config.mode {
        RecordedMode::ExactlyOnce => "EXACTLY_ONCE",
        RecordedMode::AtLeastOnce => "AT_LEAST_ONCE",
    };
    let guarantee = match config.sink {
        Sink::Plain | Sink::CountingState => "at-least-once",
        Sink::TwoPhase | Sink::File => "exactly-once",
    };
    let mut scenario = json!({
        "limits": {"horizon_ms": 60_000, "settle_ms": 2_000},
        "workload": {"orders": config.records, "every_ms": 100, "jitter_percent": 0, "customers": 1},
        "network": {"min_us": 50, "mean_extra_us": 50},
        "store": {"operation_us": 100},
        "brokers": {"count": 1},
        "topic": {"partitions": 1, "replication.factor": 1},
        "engine": {"use": "flink", "flink": {
            "execution.checkpointing.mode": mode,
            "execution.checkpointing.unaligned.enabled": config.unaligned,
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 100,
            "restart-strategy.fixed-delay.delay": 10,
            "sink.delivery-guarantee": guarantee,
            "sink.commit.idempotent": config.idempotent_commit}},
        "sink": {"use": "console"},
        "faults": faults});
    if config.checkpointing {
        let flink = &mut scenario["engine"]["flink"];
        flink["execution.checkpointing.interval"] = json!(3_600_000);
        flink["script.checkpoint.after"] = json!(config.checkpoint_after);
    }
    let scenario =
        Scenario::from_value(&scenario).map_err(|error| RecordingError::new(&case.place, error))?;
    let run = Simulation::run(&scenario, Keep::Trace);
    let trace = run.trace.unwrap_or_default();
    Ok(summary(config, &trace))
}

/// What came of a run, in the words of the recordings.
fn summary(config: &Config, trace: &Trace) -> Map<String, Value> {
    let name = |order: &str| {
        let number = order.parse::<u32>().unwrap_or(0);
        format!("r{:02}", number.saturating_sub(1))
    };
    let mut starts = Vec::new();
    let mut completed = Vec::new();
    let mut written: OrdMap<String, i64> = OrdMap::new();
    let mut visible: OrdMap<String, i64> = OrdMap::new();
    let mut transactions = Vec::new();
    let mut repeated = 0;
    let mut waits = true;
    let mut terminal = "CANCELED_AFTER_SCRIPT";
    for (_, event) in trace.iter() {
        match &event.fact {
            Fact::JobStarted { positions, .. } => {
                let position: u64 = positions.iter().map(|(_, offset)| offset).sum();
                starts.push(json!({"position": position}));
            }
            Fact::CheckpointCompleted { checkpoint, .. } => completed.push(*checkpoint),
            Fact::WrittenPending { origins, .. } => {
                for &(_, source) in origins {
                    *written
                        .entry(name(&(source.offset + 1).to_string()))
                        .or_insert(0) += 1;
                }
            }
            Fact::BecameVisible { rows, batch, .. } => {
                let ids: Vec<String> = rows.iter().map(|row| name(&row.record_key)).collect();
                for id in &ids {
                    *visible.entry(id.clone()).or_insert(0) += 1;
                }
                waits &= completed.contains(batch);
                transactions.push(ids);
            }
            Fact::SinkCommitted { again: true, .. } => repeated += 1,
            Fact::QueryFailed { .. } => terminal = "FAILED",
            _ => {}
        }
    }
    let all = (0..config.records).map(|n| format!("r{n:02}"));
    let missing: Vec<String> = all.filter(|id| !visible.contains_key(id)).collect();
    let list = |counts: &OrdMap<String, i64>| -> Vec<String> {
        let times = |(id, &count): (&String, &i64)| vec![id.clone(); count.max(0) as usize];
        counts.iter().flat_map(times).collect()
    };
    let duplicates: OrdMap<&String, i64> = visible
        .iter()
        .filter(|&(_, &count)| count > 1)
        .map(|(id, &count)| (id, count))
        .collect();
    let mut left = written.clone();
    for (id, count) in &visible {
        *left.entry(id.clone()).or_insert(0) -= count;
    }
    let seen = json!({
        "terminal": terminal,
        "attempts": starts.len(),
        "restart_positions": starts,
        "checkpoints_completed": completed,
        "visible": list(&visible),
        "duplicates": duplicates,
        "missing": missing,
        "committed_transactions": transactions,
        "recommits_refused_as_already_done": repeated,
        "visibility_waits_for_checkpoint": waits,
        "left_in_progress": list(&left),
    });
    match seen {
        Value::Object(seen) => seen,
        _ => Map::new(),
    }
}

/// A count over two inputs. After the first checkpoint, with two records of each, the barrier of `b` is held back while `a`
/// sends three more; then the job fails at the next record of `a`.
struct Counting {
    barriers: BarrierHandler,
    count: u64,
    /// Records that an early barrier holds back.
    waiting: VecDeque<usize>,
    snapshots: OrdMap<u64, u64>,
}

impl Counting {
    fn new(mode: Mode, count: u64) -> Self {
        Counting {
            barriers: BarrierHandler::new(mode, 2),
            count,
            waiting: VecDeque::new(),
            snapshots: OrdMap::new(),
        }
    }

    fn record(&mut self, channel: usize) {
        if self.barriers.is_blocked(channel) {
            self.waiting.push_back(channel);
        } else {
            self.count += 1;
        }
    }

    fn barrier(&mut self, channel: usize, checkpoint: u64) {
        let reached = self.barriers.on_barrier(channel, checkpoint);
        if matches!(reached, Reached::Snapshot | Reached::SnapshotAhead) {
            self.snapshots.insert(checkpoint, self.count);
        }
        if !self.barriers.is_blocked(channel) {
            self.count += std::mem::take(&mut self.waiting).len() as u64;
        }
    }
}

fn count(config: &Config, records: u64) -> Map<String, Value> {
    const BEFORE: u64 = 2;
    const AHEAD: u64 = 3;
    let mode = match (config.mode, config.unaligned) {
        (RecordedMode::AtLeastOnce, _) => Mode::AtLeastOnce,
        (RecordedMode::ExactlyOnce, true) => Mode::Unaligned,
        (RecordedMode::ExactlyOnce, false) => Mode::Aligned,
    };
    let mut job = Counting::new(mode, 0);
    for channel in [0, 1] {
        (0..BEFORE).for_each(|_| job.record(channel));
    }
    for channel in [0, 1] {
        job.barrier(channel, 1);
    }
    job.barrier(0, 2);
    (0..AHEAD).for_each(|_| job.record(0));
    let before_second = job.count;
    job.barrier(1, 2);
    let snapshots = job.snapshots;
    // The positions lie at the barriers: what `a` sent behind its own is read again.
    let restored = snapshots.get(&2).copied().unwrap_or(0);
    let mut job = Counting::new(mode, restored);
    for _ in 2 * BEFORE..records {
        job.record(0);
    }
    let at = |source: &str, position: u64| json!({"source": source, "position": position});
    let seen = json!({
        "terminal": "CANCELED_AFTER_SCRIPT",
        "attempts": 2,
        "restart_positions": [at("a", 0), at("b", 0), at("a", BEFORE), at("b", BEFORE)],
        "checkpoints_completed": snapshots.keys().collect::<Vec<&u64>>(),
        "state_in_checkpoint": snapshots,
        "state_restored": [restored],
        "counted_before_second_barrier": before_second,
        "final_state": job.count,
        "true_record_count": records,
    });
    match seen {
        Value::Object(seen) => seen,
        _ => Map::new(),
    }
}
