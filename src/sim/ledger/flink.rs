//! What a job with checkpoints adds to the ledger: its position is the last complete checkpoint, its state goes back to it,
//! and what its sink has prepared is not lost yet.

use super::{Fate, Ledger};
use crate::sim::kafka::protocol::PartitionId;
use crate::sim::kernel::{HostId, Time};
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::origin::{Origin, number};
use crate::sim::trace::{Fact, FactId, Source, TraceEvent, Window};

/// What a task's windows hold.
#[derive(Clone, Default)]
struct State {
    /// Per window and event: how often it was counted.
    counts: OrdMap<(Window, u32), u32>,
    /// Windows that have fired: what was in them is the sink's.
    fired: OrdSet<Window>,
    /// How often a late event made a window fire once more.
    refired: OrdMap<Window, u32>,
}

/// The job as far as the ledger needs it.
#[derive(Clone, Default)]
pub(super) struct Job {
    /// Per task: what its windows hold.
    state: OrdMap<HostId, State>,
    /// Per checkpoint and task: what they held at its barrier.
    snapshots: OrdMap<(u64, HostId), State>,
    /// Per transaction: flushed, and neither committed nor given up.
    prepared: OrdMap<String, (u64, Vec<u32>)>,
    /// Windows kept, by task.
    rows: OrdMap<HostId, u32>,
    /// There is a job: what its windows counted twice is told by its own state.
    pub started: bool,
}

impl Job {
    pub fn prepared(&self) -> impl Iterator<Item = u32> {
        let prepared = self.prepared.values();
        prepared.flat_map(|(_, orders)| orders.iter().copied())
    }

    /// How often late events made a window fire once more, since the state that the job went on from.
    pub fn refired(&self, window: Window) -> u32 {
        let states = self.state.values();
        states.filter_map(|state| state.refired.get(&window)).sum()
    }
}

fn orders(origins: &[(Origin, Source)]) -> Vec<u32> {
    origins.iter().map(|&(origin, _)| number(origin)).collect()
}

impl Ledger {
    pub(super) fn fold_flink(&mut self, id: FactId, event: &TraceEvent) {
        match &event.fact {
            Fact::JobStarted { checkpoint, .. } => {
                self.job.started = true;
                self.start_again(*checkpoint);
            }
            Fact::CheckpointCompleted {
                checkpoint,
                positions,
                ..
            } => {
                for &(partition, offset) in positions {
                    let place = self.place(partition);
                    self.position[place] = Some(offset);
                }
                self.job.snapshots.retain(|(of, _), _| of >= checkpoint);
            }
            Fact::SourceRead { origins, .. } => {
                for &(origin, source) in origins {
                    self.accounts[number(origin) as usize - 1].touched = id;
                    let place = self.place(source.partition);
                    let begun = &mut self.begun[place];
                    self.verdict.replayed += u32::from(source.offset < *begun);
                    *begun = (source.offset + 1).max(*begun);
                }
                self.verdict.cost += origins.len() as u64;
            }
            Fact::Accumulated {
                window, origins, ..
            } if self.job.started => {
                let state = self.job.state.entry(event.host).or_default();
                for order in orders(origins) {
                    *state.counts.entry((*window, order)).or_insert(0) += 1;
                }
                self.count_state_duplicates();
            }
            Fact::WindowClosed { window, .. } => {
                let state = self.job.state.entry(event.host).or_default();
                state.fired.insert(*window);
            }
            Fact::Refired { window, .. } => {
                let state = self.job.state.entry(event.host).or_default();
                *state.refired.entry(*window).or_insert(0) += 1;
            }
            Fact::SnapshotTaken {
                checkpoint, rows, ..
            } => {
                let state = self.job.state.get(&event.host).cloned();
                let key = (*checkpoint, event.host);
                self.job.snapshots.insert(key, state.unwrap_or_default());
                self.job.rows.insert(event.host, *rows);
                let rows = self.job.rows.values().sum();
                self.count_state(event.at, rows);
                self.verdict.cost += 10;
            }
            Fact::Precommitted {
                transaction,
                checkpoint,
                origins,
                ..
            } => {
                let prepared = (*checkpoint, orders(origins));
                self.job.prepared.insert(transaction.clone(), prepared);
            }
            Fact::SinkCommitted { transaction, .. } => {
                // Its rows may still be on their way to a reader of the topic.
                let shown = |order: &u32| {
                    let fate = self.accounts[*order as usize - 1].fate;
                    fate == Fate::Delivered
                };
                if let Some((_, orders)) = self.job.prepared.get(transaction)
                    && orders.iter().all(shown)
                {
                    self.job.prepared.remove(transaction);
                }
            }
            Fact::CommitRefused {
                transaction,
                origins,
                ..
            } => {
                self.job.prepared.remove(transaction);
                for order in orders(origins) {
                    let account = &mut self.accounts[order as usize - 1];
                    account.timed_out = true;
                    account.touched = id;
                }
            }
            Fact::SideOutput { origins, .. } => {
                let late: Vec<Origin> = origins.iter().map(|&(origin, _)| origin).collect();
                self.verdict.late_captured += late.len() as u32;
                self.each(id, event, &late, |account| {
                    account.late = true;
                    account.reached = true;
                });
            }
            _ => {}
        }
    }

    /// The state goes back to the checkpoint, or is empty again.
    fn start_again(&mut self, checkpoint: Option<u64>) {
        let checkpoint = checkpoint.unwrap_or(0);
        let restored = self.job.snapshots.iter();
        let restored = restored.filter(|((of, _), _)| *of == checkpoint);
        let restored = restored.map(|((_, host), state)| (*host, state.clone()));
        self.job.state = restored.collect();
        // What belongs to a checkpoint that is not restored is aborted, and its records are read again.
        self.job.prepared.retain(|_, (of, _)| *of <= checkpoint);
        if checkpoint == 0 {
            self.position.fill(None);
        }
        self.held.clear();
        let anywhere = Source {
            partition: PartitionId(0),
            offset: 0,
        };
        for state in self.job.state.values() {
            let open = state.counts.keys();
            for &(_, order) in open.filter(|(window, _)| !state.fired.contains(window)) {
                self.held.entry(order).or_default().insert(anywhere);
            }
        }
        self.count_state_duplicates();
    }

    /// What windows counted more than once.
    fn count_state_duplicates(&mut self) {
        let states = self.job.state.values();
        let counts = states.flat_map(|state| state.counts.values());
        let surplus: u32 = counts.map(|count| count - 1).sum();
        self.verdict.state_dup = self.verdict.state_dup.max(surplus);
    }

    pub(super) fn count_state(&mut self, at: Time, rows: u32) {
        let rows_ms = u64::from(self.state_rows) * at.since(self.state_since).ms();
        self.verdict.cost += rows_ms / 1000;
        self.state_rows = rows;
        self.state_since = at;
        self.state_history.push((at, rows));
        self.verdict.state_end = rows;
        self.verdict.state_peak = self.verdict.state_peak.max(rows);
    }
}
