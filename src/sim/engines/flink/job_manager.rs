//! The job manager: it deploys the tasks, coordinates checkpoints, and starts the job again when it fails.
//!
//! Mirrors: `JobMaster`, `DefaultScheduler` with `ExecutionFailureHandler`, `CheckpointCoordinator`,
//! `CompletedCheckpointStore`, `HeartbeatManager`, `ExecutionDeploymentReconciler`.
//! Simplified: a job manager without high availability that comes back runs the application anew, and
//! finds the slots free at once; its checkpoints are known
//! from the store alone; a task manager whose process is another one than before counts as lost at once.

use super::super::super::kafka::protocol::Positions;
use super::super::super::store::{self, Object, Operation};
use super::super::super::trace::{CheckpointFailure, Fact, SegmentId};
use super::checkpoint::{Coordinator, Limits, Request};
use super::message::Message;
use super::restart::RestartStrategy;
use super::storage::{self, File};
use super::{FlinkConfig, HighAvailability};
use crate::sim::kernel::{Context, HostId, Program, Span, Time};
use crate::sim::message;
use crate::sim::ordered::{OrdMap, OrdSet};
use std::collections::VecDeque;

/// `heartbeat.rpc-failure-threshold`
const UNREACHABLE: u32 = 2;

/// A job manager's configuration.
#[derive(Clone)]
pub struct JobManager {
    pub segment: SegmentId,
    pub config: FlinkConfig,
    pub store: HostId,
    pub task_managers: Vec<HostId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Completed checkpoints are being looked up.
    Recovering,
    /// For task managers.
    Waiting,
    Deploying,
    Running,
    /// The restart strategy's delay.
    Restarting,
    Failed,
}

#[derive(Clone)]
pub struct Memory {
    phase: Phase,
    job: u32,
    attempt: u32,
    /// How often the tasks were deployed.
    starts: u32,
    known: OrdMap<HostId, Member>,
    running: OrdSet<HostId>,
    coordinator: Coordinator,
    restart: RestartStrategy,
    /// Oldest first.
    completed: Vec<(u64, Positions)>,
    asks: VecDeque<Ask>,
    /// A checkpoint was asked for by a scripted source.
    asked: bool,
    watermarks: OrdMap<HostId, Option<i64>>,
}

/// A task manager that is registered.
#[derive(Clone, Copy, Debug)]
struct Member {
    incarnation: u32,
    heard: Time,
    /// A heartbeat is on its way.
    asked: bool,
    unreachable: u32,
}

#[derive(Clone, Debug)]
enum Ask {
    Recover,
    Complete(u32, u64, Positions),
    Delete,
}

impl Memory {
    pub fn is_idle(&self) -> bool {
        let runs = self.phase == Phase::Running && self.coordinator.is_quiet();
        runs || self.phase == Phase::Failed
    }
}

impl Program for JobManager {
    type Disk = ();
    type Memory = Memory;

    fn boot(&self, (): &mut (), cx: &mut Context) -> Memory {
        let available = self.config.high_availability != HighAvailability::None;
        let again = cx.incarnation() > 1;
        let mut memory = Memory {
            phase: if available && again {
                Phase::Recovering
            } else {
                Phase::Waiting
            },
            job: if available { 1 } else { cx.incarnation() },
            attempt: cx.incarnation() << 16,
            starts: 0,
            known: OrdMap::new(),
            running: OrdSet::new(),
            coordinator: self.coordinator(0),
            restart: RestartStrategy::of(&self.config),
            completed: Vec::new(),
            asks: VecDeque::new(),
            asked: false,
            watermarks: OrdMap::new(),
        };
        if memory.phase == Phase::Recovering {
            let prefix = storage::job_prefix(self.segment, memory.job);
            self.ask_store(&mut memory, Ask::Recover, Operation::List { prefix }, cx);
        }
        cx.after(Span::from_ms(self.config.heartbeat_interval), Message::Beat);
        memory
    }

    fn on_message(
        &self,
        (): &mut (),
        memory: &mut Memory,
        from: HostId,
        message: message::Message,
        cx: &mut Context,
    ) {
        match message {
            message::Message::Flink(message) => self.on_own(memory, from, message, cx),
            message::Message::Store(message) => self.on_store(memory, message, cx),
            message::Message::Disconnected => {
                if let Some(member) = memory.known.get_mut(&from)
                    && std::mem::take(&mut member.asked)
                {
                    member.unreachable += 1;
                    if member.unreachable >= UNREACHABLE {
                        self.lose(memory, from, "is not reachable any more", cx);
                    }
                }
            }
            _ => {}
        }
    }
}

impl JobManager {
    fn coordinator(&self, newest: u64) -> Coordinator {
        let limits = Limits {
            min_pause: Span::from_ms(self.config.min_pause),
            max_concurrent: usize::from(self.config.max_concurrent_checkpoints),
            tolerable_failures: self.config.tolerable_failed_checkpoints,
        };
        Coordinator::new(limits, newest)
    }

    fn ask_store(&self, memory: &mut Memory, ask: Ask, operation: Operation, cx: &mut Context) {
        memory.asks.push_back(ask);
        cx.send(self.store, store::Message::Request(Box::new(operation)));
    }

    fn tell_all(&self, message: &Message, cx: &mut Context) {
        for &task_manager in &self.task_managers {
            cx.send(task_manager, message.clone());
        }
    }

    fn on_own(&self, memory: &mut Memory, from: HostId, message: Message, cx: &mut Context) {
        let current = memory.attempt;
        match message {
            Message::Register { incarnation } => self.register(memory, from, incarnation, cx),
            Message::Alive { deployed } => {
                if let Some(member) = memory.known.get_mut(&from) {
                    member.heard = cx.now();
                    member.asked = false;
                    member.unreachable = 0;
                }
                // Every task has said that it runs, so one that is missing has failed, and word of it was lost.
                if memory.phase == Phase::Running && deployed != Some(current) {
                    self.fail(memory, "a task is not deployed any more", cx);
                }
            }
            Message::Beat => {
                self.beat(memory, cx);
                cx.because(None);
                cx.after(Span::from_ms(self.config.heartbeat_interval), Message::Beat);
            }
            Message::Running { attempt }
                if attempt == current && memory.phase == Phase::Deploying =>
            {
                memory.running.insert(from);
                if memory.running.len() == self.task_managers.len() {
                    memory.phase = Phase::Running;
                    self.trigger_in(memory, cx);
                    if std::mem::take(&mut memory.asked) {
                        self.request(memory, cx);
                    }
                    if self.config.alignment_max_drift.is_some() {
                        self.align(memory, cx);
                    }
                }
            }
            Message::Failed { attempt, error } if attempt == current => {
                self.fail(memory, &error, cx);
            }
            Message::AskCheckpoint { attempt } if attempt == current => {
                if memory.phase == Phase::Running {
                    self.request(memory, cx);
                } else {
                    memory.asked = true;
                }
            }
            Message::Acknowledge {
                attempt,
                checkpoint,
                positions,
            } if attempt == current => self.acknowledge(memory, from, checkpoint, positions, cx),
            Message::TriggerDue { attempt } if attempt == current => {
                cx.because(None);
                self.trigger_in(memory, cx);
                self.request(memory, cx);
            }
            Message::TriggerNow { attempt } if attempt == current => self.request(memory, cx),
            Message::Expire {
                attempt,
                checkpoint,
            } if attempt == current && memory.coordinator.is_pending(checkpoint) => {
                self.checkpoint_failed(memory, checkpoint, CheckpointFailure::Expired, cx);
            }
            Message::RestartDue { attempt }
                if attempt == current && memory.phase == Phase::Restarting =>
            {
                memory.phase = Phase::Waiting;
                self.deploy_if_all_are_there(memory, cx);
            }
            Message::ReportWatermark { attempt, watermark } if attempt == current => {
                memory.watermarks.insert(from, watermark);
            }
            Message::AlignWatermarks { attempt } if attempt == current => {
                cx.because(None);
                self.align(memory, cx);
            }
            _ => {}
        }
    }

    // ---- task managers -----------------------------------------------------------------------------------------

    fn register(&self, memory: &mut Memory, from: HostId, incarnation: u32, cx: &mut Context) {
        let member = Member {
            incarnation,
            heard: cx.now(),
            asked: false,
            unreachable: 0,
        };
        let before = memory.known.insert(from, member);
        let leader = cx.incarnation();
        cx.send(from, Message::Registered { leader });
        let another = before.is_some_and(|before| before.incarnation != incarnation);
        if another {
            self.fail(memory, "a task manager was lost", cx);
        }
        if memory.phase == Phase::Waiting {
            self.deploy_if_all_are_there(memory, cx);
        }
        if memory.phase == Phase::Failed {
            cx.send(from, Message::Cancel);
        }
    }

    fn beat(&self, memory: &mut Memory, cx: &mut Context) {
        let timeout = Span::from_ms(self.config.heartbeat_timeout);
        let silent: Vec<HostId> = memory
            .known
            .iter()
            .filter(|(_, member)| cx.now().since(member.heard) > timeout)
            .map(|(&host, _)| host)
            .collect();
        for host in silent {
            self.lose(memory, host, "sent no heartbeat in time", cx);
        }
        for (&host, member) in &mut memory.known {
            member.asked = true;
            cx.send(host, Message::Heartbeat);
        }
    }

    fn lose(&self, memory: &mut Memory, host: HostId, why: &str, cx: &mut Context) {
        memory.known.remove(&host);
        // Should it be alive after all, it hears of this and registers again.
        cx.drop_connection(host);
        cx.note_setting("heartbeat.timeout", Fact::ConnectionLost { peer: host });
        self.fail(memory, &format!("a task manager {why}"), cx);
    }

    // ---- attempts ----------------------------------------------------------------------------------------------

    fn deploy_if_all_are_there(&self, memory: &mut Memory, cx: &mut Context) {
        // A checkpoint whose metadata is on its way may be the one to start from.
        let finishing = memory
            .asks
            .iter()
            .any(|ask| matches!(ask, Ask::Complete(..)));
        if finishing || memory.known.len() < self.task_managers.len() {
            return;
        }
        memory.attempt += 1;
        memory.starts += 1;
        memory.phase = Phase::Deploying;
        memory.running.clear();
        memory.watermarks.clear();
        let newest = memory.completed.last();
        let checkpoint = newest.map(|(checkpoint, _)| *checkpoint);
        let positions = newest.map(|(_, positions)| positions.clone());
        let positions = positions.unwrap_or_default().into_iter().collect();
        cx.note(Fact::JobStarted {
            segment: self.segment,
            attempt: memory.starts,
            checkpoint,
            positions,
        });
        self.tell_all(
            &Message::Deploy {
                attempt: memory.attempt,
                job: memory.job,
                checkpoint,
            },
            cx,
        );
    }

    /// A task has failed, and with it the region, which is the whole job.
    fn fail(&self, memory: &mut Memory, error: &str, cx: &mut Context) {
        if !matches!(memory.phase, Phase::Deploying | Phase::Running) {
            return;
        }
        for checkpoint in memory.coordinator.abort() {
            cx.note(Fact::CheckpointFailed {
                segment: self.segment,
                checkpoint,
                why: CheckpointFailure::JobFailed,
            });
        }
        memory.asked = false;
        let jitter = cx.draw("restart", u64::from(memory.attempt));
        let delay = memory.restart.on_failure(cx.now(), jitter);
        self.tell_all(&Message::Cancel, cx);
        // What still comes from this attempt means nothing.
        memory.attempt += 1;
        let Some(delay) = delay else {
            memory.phase = Phase::Failed;
            cx.note_setting(
                "restart-strategy.type",
                Fact::QueryFailed {
                    segment: self.segment,
                    error: error.to_string(),
                },
            );
            return;
        };
        memory.phase = Phase::Restarting;
        cx.note_setting(
            "restart-strategy.type",
            Fact::RestartScheduled {
                segment: self.segment,
                delay,
            },
        );
        let attempt = memory.attempt;
        cx.after(delay, Message::RestartDue { attempt });
    }

    // ---- checkpoints -------------------------------------------------------------------------------------------

    fn trigger_in(&self, memory: &Memory, cx: &mut Context) {
        if let Some(interval) = self.config.checkpointing_interval {
            let attempt = memory.attempt;
            cx.after(Span::from_ms(interval), Message::TriggerDue { attempt });
        }
    }

    fn request(&self, memory: &mut Memory, cx: &mut Context) {
        if memory.phase != Phase::Running {
            return;
        }
        let attempt = memory.attempt;
        match memory
            .coordinator
            .request(cx.now(), self.task_managers.iter().copied())
        {
            Request::Queued => {}
            Request::At(time) => {
                cx.after(time.since(cx.now()), Message::TriggerNow { attempt });
            }
            Request::Trigger(checkpoint) => {
                cx.note(Fact::CheckpointTriggered {
                    segment: self.segment,
                    checkpoint,
                });
                self.tell_all(
                    &Message::Trigger {
                        attempt,
                        checkpoint,
                    },
                    cx,
                );
                let timeout = Span::from_ms(self.config.checkpointing_timeout);
                cx.after(
                    timeout,
                    Message::Expire {
                        attempt,
                        checkpoint,
                    },
                );
            }
        }
    }

    fn acknowledge(
        &self,
        memory: &mut Memory,
        from: HostId,
        checkpoint: u64,
        positions: Positions,
        cx: &mut Context,
    ) {
        if !memory.coordinator.is_pending(checkpoint) {
            return;
        }
        cx.note(Fact::CheckpointAcknowledged {
            segment: self.segment,
            checkpoint,
            by: from,
        });
        let Some(positions) = memory.coordinator.acknowledge(checkpoint, from, positions) else {
            return;
        };
        let operation = Operation::Put {
            path: storage::metadata_path(self.segment, memory.job, checkpoint),
            object: Object::Flink(File::Metadata {
                checkpoint,
                positions: positions.clone(),
            }),
            if_absent: false,
            note: Some(Fact::CheckpointCompleted {
                segment: self.segment,
                checkpoint,
                positions: positions.iter().map(|(&p, &offset)| (p, offset)).collect(),
            }),
        };
        let ask = Ask::Complete(memory.attempt, checkpoint, positions);
        self.ask_store(memory, ask, operation, cx);
    }

    fn checkpoint_failed(
        &self,
        memory: &mut Memory,
        checkpoint: u64,
        why: CheckpointFailure,
        cx: &mut Context,
    ) {
        cx.note_setting(
            "execution.checkpointing.timeout",
            Fact::CheckpointFailed {
                segment: self.segment,
                checkpoint,
                why,
            },
        );
        match memory.coordinator.fail(checkpoint, cx.now()) {
            None => self.fail(
                memory,
                "Exceeded checkpoint tolerable failure threshold",
                cx,
            ),
            Some(true) => self.request(memory, cx),
            Some(false) => {}
        }
    }

    fn on_store(&self, memory: &mut Memory, message: store::Message, cx: &mut Context) {
        match (memory.asks.pop_front(), message) {
            (Some(Ask::Recover), store::Message::Listing { objects }) => {
                memory.completed = storage::completed(&objects);
                let newest = memory.completed.last().map_or(0, |(newest, _)| *newest);
                memory.coordinator = self.coordinator(newest);
                memory.phase = Phase::Waiting;
                self.deploy_if_all_are_there(memory, cx);
            }
            (Some(Ask::Complete(attempt, checkpoint, positions)), _) => {
                // It is complete even if the job has failed meanwhile.
                memory.completed.push((checkpoint, positions));
                let retained = usize::from(self.config.num_retained);
                let surplus = memory.completed.len().saturating_sub(retained);
                let old: Vec<u64> = memory.completed.drain(..surplus).map(|(n, _)| n).collect();
                if attempt == memory.attempt {
                    self.tell_all(
                        &Message::Completed {
                            attempt,
                            checkpoint,
                        },
                        cx,
                    );
                    if memory.coordinator.complete(checkpoint, cx.now()) {
                        self.request(memory, cx);
                    }
                }
                self.delete(memory, &old, cx);
                if memory.phase == Phase::Waiting {
                    self.deploy_if_all_are_there(memory, cx);
                }
            }
            _ => {}
        }
    }

    /// `execution.checkpointing.num-retained`
    fn delete(&self, memory: &mut Memory, checkpoints: &[u64], cx: &mut Context) {
        if checkpoints.is_empty() {
            return;
        }
        let (segment, job) = (self.segment, memory.job);
        let mut paths = Vec::new();
        for &checkpoint in checkpoints {
            paths.push(storage::metadata_path(segment, job, checkpoint));
            let tasks = 0..self.config.parallelism;
            paths.extend(tasks.map(|task| storage::snapshot_path(segment, job, checkpoint, task)));
        }
        self.ask_store(
            memory,
            Ask::Delete,
            Operation::Delete { paths, note: None },
            cx,
        );
    }

    // ---- watermark alignment -----------------------------------------------------------------------------------

    /// Tells every source how far ahead of the slowest one it may read.
    fn align(&self, memory: &Memory, cx: &mut Context) {
        let Some(drift) = self.config.alignment_max_drift else {
            return;
        };
        let attempt = memory.attempt;
        let lowest = memory.watermarks.values().copied().flatten().min();
        let watermark = lowest.map_or(i64::MAX, |lowest| lowest.saturating_add(drift as i64));
        self.tell_all(&Message::MaxWatermark { attempt, watermark }, cx);
        let interval = Span::from_ms(self.config.alignment_update_interval);
        cx.after(interval, Message::AlignWatermarks { attempt });
    }
}
