//! A Flink job as drawn: where its barriers are, which inputs of a task wait, what a restart goes on from, and how far the
//! transactions of its sink have come.

use crate::sim::kernel::{EventTime, HostId, Time};
use crate::sim::ordered::OrdMap;
use crate::sim::trace::{Cast, Ending, Fact, SegmentId};

/// A task: it reads partitions and has a share of the operator behind the exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub host: HostId,
    /// Its source has sent the barrier of the checkpoint in hand.
    pub sent: bool,
    /// Where the barrier of the checkpoint in hand has come from.
    pub arrived: Vec<HostId>,
    /// Its state is copied: so many windows, so many elements that the barrier overtook.
    pub snapshot: Option<(u32, u32)>,
    /// Windows in its last snapshot.
    pub rows: u32,
    pub acknowledged: bool,
}

impl Task {
    /// Some inputs have brought the barrier and others have not.
    pub fn is_aligning(&self, inputs: usize) -> bool {
        !self.arrived.is_empty() && self.arrived.len() < inputs
    }
}

/// How far a transaction of the sink has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Open,
    /// Flushed, and part of a checkpoint: it may be committed once that is complete.
    Precommitted,
    Committed,
    Aborted,
    /// The broker ended it, being open too long.
    TimedOut,
    /// It was in a complete checkpoint and can never be committed.
    Refused,
}

impl Stage {
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Open => "open",
            Stage::Precommitted => "pre-committed",
            Stage::Committed => "committed",
            Stage::Aborted => "aborted",
            Stage::TimedOut => "timed out",
            Stage::Refused => "commit refused",
        }
    }
}

/// A transaction of the sink, or what stands for one in a sink without any.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    pub id: String,
    pub checkpoint: Option<u64>,
    pub records: usize,
    pub stage: Stage,
}

/// How far a partition has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The next offset.
    pub next: u64,
    /// The newest event time that was read.
    pub newest: Option<EventTime>,
    /// It sends nothing, and holds no watermark back.
    pub idle: bool,
    reader: Option<HostId>,
    /// The barrier of the checkpoint in hand lies before this offset.
    pub barrier: Option<u64>,
}

/// The main segment's job. No tasks where the engine is none of Flink's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Job {
    pub tasks: Vec<Task>,
    /// How often it was started.
    pub starts: u32,
    /// The checkpoint that is on its way.
    pub checkpoint: Option<u64>,
    pub completed: Vec<u64>,
    /// Where the last start began; without a checkpoint it reads from the start of the topic.
    pub restored: Option<u64>,
    /// It stands still until then.
    pub restart_at: Option<Time>,
    pub transactions: Vec<Pending>,
    /// Per partition.
    pub readings: Vec<Reading>,
}

impl Job {
    pub fn new(cast: &Cast, partitions: usize) -> Self {
        let task_manager = |name: &&String| name.starts_with("tm");
        let hosts = cast.hosts.iter().filter(task_manager);
        let task = |host| Task {
            host,
            sent: false,
            arrived: Vec::new(),
            snapshot: None,
            rows: 0,
            acknowledged: false,
        };
        Job {
            tasks: hosts.filter_map(|name| cast.find(name)).map(task).collect(),
            readings: vec![Reading::default(); partitions],
            ..Job::default()
        }
    }

    /// Inputs of a task: with an exchange, everybody sends to everybody.
    pub fn inputs(&self, exchanged: bool) -> usize {
        if exchanged { self.tasks.len() } else { 1 }
    }

    fn task(&mut self, host: HostId) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.host == host)
    }

    /// The barriers of a checkpoint begin, or are of no use any more.
    fn clear(&mut self, checkpoint: Option<u64>) {
        self.checkpoint = checkpoint;
        for task in &mut self.tasks {
            (task.sent, task.acknowledged, task.snapshot) = (false, false, None);
            task.arrived.clear();
        }
        for reading in &mut self.readings {
            reading.barrier = None;
        }
    }

    fn transaction(&mut self, id: &str) -> &mut Pending {
        let known = self.transactions.iter().rposition(|one| one.id == id);
        let at = known.unwrap_or_else(|| {
            self.transactions.push(Pending {
                id: id.to_string(),
                checkpoint: None,
                records: 0,
                stage: Stage::Open,
            });
            self.transactions.len() - 1
        });
        &mut self.transactions[at]
    }

    /// Takes in what happened at a host. `event_times`: of the orders that were handed over.
    pub fn fold(
        &mut self,
        at: Time,
        host: HostId,
        fact: &Fact,
        event_times: &OrdMap<u32, EventTime>,
    ) {
        let main = fact.segment().is_none_or(|it| it == SegmentId::MAIN);
        if self.tasks.is_empty() || !main {
            return;
        }
        match fact {
            Fact::JobStarted {
                checkpoint,
                positions,
                ..
            } => {
                self.clear(None);
                self.starts += 1;
                self.restored = *checkpoint;
                self.restart_at = None;
                for reading in &mut self.readings {
                    (reading.newest, reading.idle, reading.next) = (None, false, 0);
                }
                for &(partition, next) in positions {
                    if let Some(reading) = self.readings.get_mut(usize::from(partition.0)) {
                        reading.next = next;
                    }
                }
                // What was written and not prepared is given up with the attempt.
                for one in &mut self.transactions {
                    let kept = one.checkpoint.is_some() && one.checkpoint <= *checkpoint;
                    if matches!(one.stage, Stage::Open | Stage::Precommitted) && !kept {
                        one.stage = Stage::Aborted;
                    }
                }
            }
            Fact::RestartScheduled { delay, .. } => {
                self.clear(None);
                self.restart_at = Some(at + *delay);
            }
            Fact::TaskFailed { .. } => self.clear(None),
            Fact::CheckpointTriggered { checkpoint, .. } => self.clear(Some(*checkpoint)),
            Fact::BarrierSent { checkpoint, .. } if Some(*checkpoint) == self.checkpoint => {
                if let Some(task) = self.task(host) {
                    task.sent = true;
                }
                for reading in &mut self.readings {
                    if reading.reader == Some(host) {
                        reading.barrier = Some(reading.next);
                    }
                }
            }
            Fact::BarrierArrived {
                checkpoint, from, ..
            } if Some(*checkpoint) == self.checkpoint => {
                if let Some(task) = self.task(host) {
                    task.arrived.push(*from);
                }
            }
            Fact::SnapshotTaken {
                checkpoint,
                rows,
                in_flight,
                ..
            } if Some(*checkpoint) == self.checkpoint => {
                if let Some(task) = self.task(host) {
                    task.snapshot = Some((*rows, *in_flight));
                    task.rows = *rows;
                }
            }
            Fact::CheckpointAcknowledged { checkpoint, by, .. }
                if Some(*checkpoint) == self.checkpoint =>
            {
                if let Some(task) = self.task(*by) {
                    task.acknowledged = true;
                }
            }
            Fact::CheckpointCompleted { checkpoint, .. } => {
                self.completed.push(*checkpoint);
                if Some(*checkpoint) == self.checkpoint {
                    self.clear(None);
                }
            }
            Fact::CheckpointFailed { checkpoint, .. } if Some(*checkpoint) == self.checkpoint => {
                self.clear(None);
            }
            Fact::SourceRead { origins, .. } => {
                for &(origin, source) in origins {
                    if let Some(reading) = self.readings.get_mut(usize::from(source.partition.0)) {
                        reading.reader = Some(host);
                        reading.next = source.offset + 1;
                        let time = event_times.get(&crate::sim::origin::number(origin));
                        reading.newest = reading.newest.max(time.copied());
                    }
                }
            }
            Fact::SourceIdle {
                partition, idle, ..
            } => {
                if let Some(reading) = self.readings.get_mut(usize::from(partition.0)) {
                    reading.idle = *idle;
                }
            }
            Fact::TransactionBegan { id } if self.task(host).is_some() => {
                self.transactions.push(Pending {
                    id: id.clone(),
                    checkpoint: None,
                    records: 0,
                    stage: Stage::Open,
                });
            }
            Fact::Precommitted {
                transaction,
                checkpoint,
                origins,
                ..
            } => {
                let one = self.transaction(transaction);
                one.checkpoint = Some(*checkpoint);
                (one.records, one.stage) = (origins.len(), Stage::Precommitted);
            }
            Fact::SinkCommitted { transaction, .. } => {
                self.transaction(transaction).stage = Stage::Committed;
            }
            Fact::CommitRefused { transaction, .. } => {
                self.transaction(transaction).stage = Stage::Refused;
            }
            Fact::TransactionEnded { id, commit, why } => {
                let known = self.transactions.iter_mut().rev().find(|one| one.id == *id);
                if let Some(one) = known {
                    one.stage = match (commit, why) {
                        (true, _) => Stage::Committed,
                        (false, Ending::Timeout) => Stage::TimedOut,
                        (false, _) => Stage::Aborted,
                    };
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::follow;

    #[test]
    fn a_late_barrier_is_seen_at_the_task_that_waits_and_in_the_partitions() {
        let mut seen = false;
        follow("flink-ahead-of-the-barrier", |_, board| {
            // 3.10 s: tm1's barrier reaches itself at once, that of tm2 comes at 4.23 s.
            if seen || board.at.ms() < 3_100 || board.at.ms() > 3_200 {
                return;
            }
            seen = true;
            let job = &board.job;
            assert_eq!(
                (job.checkpoint, job.completed.as_slice()),
                (Some(3), &[1, 2][..])
            );
            assert!(job.tasks[0].is_aligning(2), "{:?}", job.tasks);
            assert_eq!(job.tasks[0].arrived, [job.tasks[0].host]);
            assert!(
                job.tasks
                    .iter()
                    .all(|task| task.sent && task.snapshot.is_none())
            );
            // The positions that the checkpoint will hold; reading has gone on behind them.
            let barriers: Vec<_> = job.readings.iter().map(|one| one.barrier).collect();
            assert_eq!(barriers, [Some(65), Some(85)]);
            assert!(job.readings[0].next > 65);
        });
        assert!(seen);
    }

    #[test]
    fn a_transaction_goes_from_open_to_committed_or_is_timed_out_and_refused() {
        let mut stages: Vec<(String, Stage)> = Vec::new();
        let mut restored = Vec::new();
        follow("flink-transaction-timeout", |_, board| {
            let job = &board.job;
            for one in &job.transactions {
                let now = (one.id.clone(), one.stage);
                if !stages.contains(&now) {
                    stages.push(now);
                }
            }
            if restored.last() != Some(&job.restored) {
                restored.push(job.restored);
            }
        });
        let of = |id: &str| -> Vec<Stage> {
            let own = stages.iter().filter(|(name, _)| name == id);
            own.map(|&(_, stage)| stage).collect()
        };
        assert_eq!(
            of("flink-0-2"),
            [Stage::Open, Stage::Precommitted, Stage::Committed]
        );
        assert_eq!(
            of("flink-0-3"),
            [
                Stage::Open,
                Stage::Precommitted,
                Stage::TimedOut,
                Stage::Refused
            ]
        );
        assert_eq!(restored, [None, Some(3)]);
    }

    #[test]
    fn a_partition_is_idle_only_where_the_job_is_told_to_see_it() {
        let idle = |id: &str| {
            let mut idle = 0;
            follow(id, |_, board| {
                idle = idle.max(board.job.readings.iter().filter(|one| one.idle).count());
            });
            idle
        };
        assert_eq!(idle("flink-silent-partition"), 0);
        assert!(idle("flink-idle-or-stuck") > 0);
    }

    #[test]
    fn without_a_job_there_is_nothing_to_draw() {
        follow("order-billing", |_, board| {
            assert!(board.job.tasks.is_empty() && board.job.transactions.is_empty());
        });
    }
}
