//! A task manager with its slot: it takes what it is told to deploy, and tells the task in the slot what comes in.
//!
//! Mirrors: `TaskExecutor` with `JobLeaderService` and `JobManagerHeartbeatListener`, and `StreamTask` with its mailbox.
//! Simplified: one slot, with a reading task, the operator behind the exchange and a sink in it.

use super::super::super::kafka::protocol::{ErrorCode, Message as Kafka, Positions};
use super::super::super::kafka::transactional::{Client, Settings};
use super::super::super::sinks::console::ConsoleConfig;
use super::super::super::sinks::hudi::HudiConfig;
use super::super::super::store::{self, Operation};
use super::super::super::trace::{Fact, SegmentId};
use super::hudi_sink::HudiSink;
use super::kafka_sink::KafkaSink;
use super::message::{Element, Message};
use super::operator::Operator;
use super::source::Source;
use super::storage::{self, Committable, Snapshot};
use super::task::{Phase, Task, Writer};
use super::{DeliveryGuarantee, FlinkConfig, IdPrefixSuffix};
use crate::sim::kernel::{Context, HostId, Program, Span, Time};
use crate::sim::message;
use crate::sim::ordered::OrdMap;
use std::collections::VecDeque;

/// How often the clients look at the time.
const TICK: Span = Span::from_ms(10);
/// Ticks between two questions for metadata, and between two attempts to register.
const PATIENCE: u64 = 10;

/// Where the job writes.
#[derive(Clone)]
pub enum Target {
    Console(ConsoleConfig),
    Kafka(Settings),
    Hudi(HudiConfig),
}

/// A task manager's configuration.
#[derive(Clone)]
pub struct TaskManager {
    pub segment: SegmentId,
    pub config: FlinkConfig,
    /// Counted from 0.
    pub index: u8,
    pub partitions: u16,
    /// The first partition of the topic that it reads.
    pub input: u16,
    /// The first partition of the topic that it writes, if it writes one.
    pub output: u16,
    pub job_manager: HostId,
    /// All task managers, this one included.
    pub peers: Vec<HostId>,
    pub store: HostId,
    pub brokers: Vec<HostId>,
    pub leaders: Vec<Option<HostId>>,
    pub target: Target,
}

#[derive(Clone)]
pub struct Memory {
    pub(super) registered: bool,
    /// The life of the job manager that it registered with last.
    pub(super) leader: Option<u32>,
    /// When the job manager was heard of last.
    pub(super) heard: Time,
    pub(super) ticks: u64,
    pub(super) leaders: Vec<Option<HostId>>,
    pub(super) asked_metadata: usize,
    pub(super) task: Option<Box<Task>>,
    /// Elements of an attempt that is not deployed here yet.
    pub(super) early: Vec<(u32, u8, Vec<Element>)>,
    /// What the store was asked and has not answered.
    pub(super) asks: VecDeque<Ask>,
    /// Rows made by this process.
    pub(super) rows: u64,
    /// Of the last attempt, which names of batches go on from.
    pub(super) former: Option<Client>,
    /// Nothing will be deployed any more unless the job manager says so.
    pub(super) is_cancelled: bool,
}

/// A question to the store, and the attempt that asked.
#[derive(Clone, Debug)]
pub enum Ask {
    Restore(u32),
    Upload(u32, u64),
    Effect(u32),
    Commit(u32, (u64, String)),
    /// Of a table.
    Table(u32),
}
impl Memory {
    /// Whether nothing is under way, and everything is as durable as it will get.
    pub fn is_idle(&self) -> bool {
        match &self.task {
            Some(task) => task.is_idle(),
            None => self.is_cancelled,
        }
    }
}

impl Program for TaskManager {
    type Disk = ();
    type Memory = Memory;

    fn boot(&self, (): &mut (), cx: &mut Context) -> Memory {
        let mut memory = Memory {
            registered: false,
            leader: None,
            heard: cx.now(),
            ticks: 0,
            leaders: self.leaders.clone(),
            asked_metadata: 0,
            task: None,
            early: Vec::new(),
            asks: VecDeque::new(),
            rows: 0,
            former: None,
            is_cancelled: false,
        };
        self.tick(&mut memory, cx);
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
            message::Message::Flink(message) => self.on_own(memory, message, cx),
            message::Message::Kafka(message) => self.on_kafka(memory, from, message, cx),
            message::Message::Store(message) => self.on_store(memory, message, cx),
            message::Message::Disconnected => self.on_disconnected(memory, from, cx),
            _ => {}
        }
        self.go_on(memory, cx);
    }
}

impl TaskManager {
    pub(super) fn is_exactly_once(&self) -> bool {
        self.config.delivery_guarantee == DeliveryGuarantee::ExactlyOnce
    }

    // ---- attempts ----------------------------------------------------------------------------------------------

    fn deploy(
        &self,
        memory: &mut Memory,
        attempt: u32,
        job: u32,
        checkpoint: Option<u64>,
        cx: &mut Context,
    ) {
        self.cancel(memory, cx);
        memory.is_cancelled = false;
        let mut task = self.task(memory, attempt, job, checkpoint, &Snapshot::default());
        if checkpoint.is_some() {
            task.phase = Phase::Restoring;
        }
        memory.task = Some(Box::new(task));
        if let Some(checkpoint) = checkpoint {
            let prefix = storage::snapshot_path(self.segment, job, checkpoint, self.index);
            self.ask_store(
                memory,
                Ask::Restore(attempt),
                Operation::List { prefix },
                cx,
            );
        }
        let (early, later) = std::mem::take(&mut memory.early)
            .into_iter()
            .partition(|(of, ..)| *of <= attempt);
        memory.early = later;
        let early: Vec<(u32, u8, Vec<Element>)> = early;
        for (of, from, elements) in early {
            if of == attempt {
                self.on_elements(memory, from, elements, cx);
            }
        }
    }

    pub(super) fn task(
        &self,
        memory: &Memory,
        attempt: u32,
        job: u32,
        checkpoint: Option<u64>,
        snapshot: &Snapshot,
    ) -> Task {
        let positions = checkpoint.map(|_| &snapshot.positions);
        let source = Source::new(
            &self.config,
            self.index,
            self.input..self.input + self.partitions,
            positions,
        );
        let restored = checkpoint.unwrap_or(0);
        let writer = match &self.target {
            Target::Console(_) => Writer::Console {
                outstanding: 0,
                open: Vec::new(),
                epoch: restored,
            },
            Target::Hudi(config) => {
                Writer::Hudi(Box::new(HudiSink::new(self.segment, config.clone())))
            }
            Target::Kafka(settings) => {
                let prefix = &self.config.transactional_id_prefix;
                let name = match self.config.transactional_id_suffix {
                    IdPrefixSuffix::None => format!("{prefix}-{}", self.index),
                    IdPrefixSuffix::Random => format!("{prefix}-{attempt:x}-{}", self.index),
                };
                let fresh = || Client::new(settings.clone(), memory.leaders.clone());
                let former = memory.former.clone().unwrap_or_else(fresh);
                let guarantee = self.config.delivery_guarantee;
                Writer::Kafka(Box::new(KafkaSink::new(guarantee, name, restored, &former)))
            }
        };
        let mut operator = Operator::new(&self.config, snapshot.windows.clone());
        for (channel, elements) in snapshot.in_flight.iter().enumerate() {
            for element in elements {
                operator.push(channel, element.clone());
            }
        }
        let committables = snapshot.committables.iter();
        let key = |c: &Committable| (c.checkpoint, c.transaction.clone());
        let uncommitted: OrdMap<(u64, String), Committable> =
            committables.map(|c| (key(c), c.clone())).collect();
        let tasks = if self.config.is_windowed() {
            self.peers.len()
        } else {
            1
        };
        Task {
            attempt,
            job,
            restored,
            phase: Phase::Starting,
            durable: self.config.has_checkpoints(),
            source,
            buffers: vec![Vec::new(); tasks],
            flush_is_due: false,
            operator,
            writer,
            commits: uncommitted.keys().cloned().collect(),
            uncommitted,
            committing: None,
            snapshotting: None,
            held_barriers: VecDeque::new(),
            uploads: OrdMap::new(),
            failed: None,
        }
    }

    /// Ends whatever runs here. An open transaction stays open until the next attempt takes its id over.
    fn cancel(&self, memory: &mut Memory, cx: &mut Context) {
        let Some(task) = memory.task.take() else {
            return;
        };
        if let Writer::Kafka(sink) = &task.writer {
            memory.former = Some(sink.client().clone());
            // The producers' connections are closed with them.
            for &broker in &self.brokers {
                cx.drop_connection(broker);
            }
        }
        memory.is_cancelled = true;
    }

    pub(super) fn fail(&self, memory: &mut Memory, error: String, cx: &mut Context) {
        let Some(task) = &memory.task else {
            return;
        };
        let attempt = task.attempt;
        cx.note(Fact::TaskFailed {
            segment: self.segment,
            error: error.clone(),
        });
        cx.send(self.job_manager, Message::Failed { attempt, error });
        self.cancel(memory, cx);
        memory.is_cancelled = false;
    }

    // ---- messages ----------------------------------------------------------------------------------------------

    fn on_own(&self, memory: &mut Memory, message: Message, cx: &mut Context) {
        match message {
            Message::Tick => self.tick(memory, cx),
            Message::Registered { leader } => {
                memory.registered = true;
                memory.heard = cx.now();
                let before = memory.leader.replace(leader);
                if before.is_some_and(|before| before != leader) {
                    self.fail(memory, "the job manager has lost its leadership".into(), cx);
                }
            }
            Message::Heartbeat => {
                memory.heard = cx.now();
                let deployed = memory.task.as_ref().map(|task| task.attempt);
                cx.send(self.job_manager, Message::Alive { deployed });
            }
            Message::Deploy {
                attempt,
                job,
                checkpoint,
            } => self.deploy(memory, attempt, job, checkpoint, cx),
            Message::Cancel => {
                self.cancel(memory, cx);
                memory.is_cancelled = true;
            }
            Message::Throw => {
                if let Some(task) = &mut memory.task {
                    task.failed = Some("an exception in user code".into());
                }
            }
            Message::Elements {
                attempt,
                from,
                elements,
            } => match memory.task.as_ref().map(|task| task.attempt) {
                Some(current) if current == attempt => {
                    self.on_elements(memory, from, elements, cx);
                }
                Some(current) if current > attempt => {}
                _ => memory.early.push((attempt, from, elements)),
            },
            message => self.on_task(memory, message, cx),
        }
    }

    /// What belongs to an attempt; what is left of an earlier one means nothing.
    fn on_task(&self, memory: &mut Memory, message: Message, cx: &mut Context) {
        let Some(task) = &mut memory.task else {
            return;
        };
        let current = task.attempt;
        match message {
            Message::Trigger {
                attempt,
                checkpoint,
            } if attempt == current && task.phase == Phase::Running => {
                let positions = task.source.positions.clone();
                task.source.at_barrier.insert(checkpoint, positions);
                for (index, buffer) in task.buffers.iter_mut().enumerate() {
                    buffer.push(Element::Barrier(checkpoint, cx.now()));
                    let to = if self.config.is_windowed() {
                        self.peers[index]
                    } else {
                        cx.host()
                    };
                    cx.note(Fact::BarrierSent {
                        segment: self.segment,
                        checkpoint,
                        to,
                    });
                }
                self.flush(task, cx);
                self.upload(memory, checkpoint, cx);
            }
            Message::Completed {
                attempt,
                checkpoint,
            } if attempt == current => {
                let due = task.uncommitted.keys().filter(|(of, _)| *of <= checkpoint);
                let new = due.filter(|key| {
                    !task.commits.contains(key) && task.committing.as_ref() != Some(key)
                });
                let new: Vec<(u64, String)> = new.cloned().collect();
                task.commits.extend(new);
                let older = |of: &u64| *of <= checkpoint;
                let held = task.source.at_barrier.get(&checkpoint);
                let held: u64 = held.map_or(0, |positions| positions.values().sum());
                task.source.at_barrier.retain(|of, _| !older(of));
                if task.source.waits_for.is_some_and(|wanted| held >= wanted) {
                    task.source.waits_for = None;
                }
            }
            Message::Emit { attempt } if attempt == current => self.emit(task, cx),
            Message::Work { attempt } if attempt == current => {
                if let Some((channel, element)) = task.operator.busy.take() {
                    let mut task = memory.task.take();
                    if let Some(task) = &mut task {
                        self.process(memory, task, channel, element, cx);
                    }
                    memory.task = task;
                }
            }
            Message::EmitWatermarks { attempt } if attempt == current => {
                let signals = task.source.watermarks.on_periodic_emit(cx.now().ms());
                self.note_idle(task, cx);
                self.broadcast(task, &signals, cx);
                cx.because(None);
                let interval = Span::from_ms(self.config.auto_watermark_interval);
                cx.after(interval, Message::EmitWatermarks { attempt });
            }
            Message::Flush { attempt } if attempt == current => {
                task.flush_is_due = false;
                self.flush(task, cx);
            }
            Message::AlignmentOver {
                attempt,
                checkpoint,
            } if attempt == current && task.operator.barriers.time_out(checkpoint) => {
                cx.note_setting(
                    "execution.checkpointing.aligned-checkpoint-timeout",
                    Fact::Noted {
                        text: format!("checkpoint {checkpoint} goes on unaligned"),
                    },
                );
                let barriers = &task.operator.barriers;
                let late = |channel: usize| !barriers.has_arrived(channel);
                let in_flight = task.operator.in_flight(checkpoint, late);
                self.begin_snapshot(task, checkpoint, false, in_flight);
                for channel in task.operator.take_barriers(checkpoint) {
                    task.held_barriers
                        .push_back((channel, checkpoint, cx.now()));
                }
            }
            Message::ReportWatermarkDue { attempt } if attempt == current => {
                let watermark = task.source.lowest_watermark();
                cx.send(
                    self.job_manager,
                    Message::ReportWatermark { attempt, watermark },
                );
                cx.because(None);
                let interval = Span::from_ms(self.config.alignment_update_interval);
                cx.after(interval, Message::ReportWatermarkDue { attempt });
            }
            Message::MaxWatermark { attempt, watermark } if attempt == current => {
                task.source.max_watermark = watermark;
            }
            _ => {}
        }
    }

    fn on_kafka(&self, memory: &mut Memory, from: HostId, message: Kafka, cx: &mut Context) {
        if let Kafka::Metadata { leaders } = &message {
            memory.leaders.clone_from(leaders);
        }
        let Some(task) = &mut memory.task else {
            return;
        };
        match &message {
            Kafka::Offset { partition, result } => {
                task.source.fetching.remove(partition);
                match result {
                    Ok(offset) if !task.source.fetched.contains_key(partition) => {
                        task.source.begin(*partition, *offset);
                        cx.note_setting(
                            "scan.startup.mode",
                            Fact::Positioned {
                                segment: self.segment,
                                positions: vec![(*partition, *offset)],
                                reset: true,
                            },
                        );
                    }
                    Ok(_) => {}
                    Err(_) => forget(&mut memory.leaders, from),
                }
            }
            Kafka::ReadResponse {
                partition,
                offset,
                next,
                result,
            } => {
                task.source.fetching.remove(partition);
                match result {
                    Ok(records) => {
                        if let Some((asked, buffered)) = task.source.fetched.get_mut(partition)
                            && asked == offset
                        {
                            *asked = *next;
                            buffered.extend(records.iter().cloned());
                            // Markers and hidden records are passed.
                            if buffered.is_empty() {
                                task.source.positions.insert(*partition, *next);
                            }
                        }
                    }
                    // The state points to what the topic does not keep any more.
                    Err(ErrorCode::OffsetOutOfRange) => {
                        task.source.fetched.remove(partition);
                        task.source.unknown.insert(*partition);
                    }
                    Err(_) => forget(&mut memory.leaders, from),
                }
            }
            _ => {}
        }
        if let Writer::Kafka(sink) = &mut task.writer {
            let news = sink.on_kafka(from, message, cx);
            self.hear(task, news, cx);
        }
    }

    fn on_store(&self, memory: &mut Memory, message: store::Message, cx: &mut Context) {
        let Some(ask) = memory.asks.pop_front() else {
            return;
        };
        let current = memory.task.as_ref().map(|task| task.attempt);
        match (ask, message) {
            (Ask::Restore(attempt), store::Message::Listing { objects })
                if Some(attempt) == current =>
            {
                self.restore(memory, &objects, cx);
            }
            (Ask::Upload(attempt, checkpoint), _) if Some(attempt) == current => {
                let Some(task) = &mut memory.task else { return };
                let upload = task.uploads.remove(&checkpoint);
                let positions = upload.map_or(Positions::new(), |done| done.snapshot.positions);
                cx.send(
                    self.job_manager,
                    Message::Acknowledge {
                        attempt,
                        checkpoint,
                        positions,
                    },
                );
            }
            (Ask::Effect(attempt), _) if Some(attempt) == current => {
                if let Some(task) = &mut memory.task
                    && let Writer::Console { outstanding, .. } = &mut task.writer
                {
                    *outstanding -= 1;
                }
            }
            (Ask::Table(attempt), message) if Some(attempt) == current => {
                if let Some(task) = &mut memory.task
                    && let Writer::Hudi(sink) = &mut task.writer
                {
                    let news = sink.on_store(message, cx);
                    self.hear_table(task, news, cx);
                }
            }
            (Ask::Commit(attempt, key), store::Message::Done { ok })
                if Some(attempt) == current =>
            {
                let Some(task) = &mut memory.task else { return };
                if !ok {
                    cx.note_setting(
                        "sink.commit.idempotent",
                        Fact::SinkCommitted {
                            segment: self.segment,
                            transaction: key.1.clone(),
                            again: true,
                        },
                    );
                }
                task.uncommitted.remove(&key);
                task.committing = None;
            }
            _ => {}
        }
    }

    fn on_disconnected(&self, memory: &mut Memory, from: HostId, cx: &mut Context) {
        if from == self.job_manager {
            memory.registered = false;
            return;
        }
        let windowed = self.config.is_windowed();
        if let Some(task) = &mut memory.task {
            if windowed && self.peers.contains(&from) {
                let error = "RemoteTransportException: lost connection to a task manager";
                task.failed = Some(error.into());
            }
            // Whoever leads by now: what this broker was asked is lost.
            task.source.fetching.retain(|_, asked| *asked != from);
            if let Writer::Kafka(sink) = &mut task.writer {
                sink.on_disconnected(from, cx);
            }
        }
        forget(&mut memory.leaders, from);
    }

    /// Tasks do not outlive the connection to their job manager.
    fn miss_job_manager(&self, memory: &mut Memory, cx: &mut Context) {
        let timeout = Span::from_ms(self.config.heartbeat_timeout);
        if memory.task.is_none() || cx.now().since(memory.heard) <= timeout {
            return;
        }
        let peer = self.job_manager;
        cx.note_setting("heartbeat.timeout", Fact::ConnectionLost { peer });
        self.fail(
            memory,
            "the job manager sent no heartbeat in time".into(),
            cx,
        );
        memory.registered = false;
    }

    fn tick(&self, memory: &mut Memory, cx: &mut Context) {
        cx.because(None);
        self.miss_job_manager(memory, cx);
        cx.because(None);
        if memory.ticks.is_multiple_of(PATIENCE) {
            if !memory.registered {
                let incarnation = cx.incarnation();
                cx.send(self.job_manager, Message::Register { incarnation });
            }
            if memory.leaders.iter().any(Option::is_none) {
                let next = memory.asked_metadata % self.brokers.len();
                memory.asked_metadata += 1;
                cx.send(self.brokers[next], Kafka::MetadataRequest);
            }
            if let Some(task) = &mut memory.task
                && let Writer::Kafka(sink) = &mut task.writer
            {
                sink.refresh(cx);
            }
        }
        memory.ticks += 1;
        self.fetch(memory, cx);
        cx.after(TICK, Message::Tick);
    }

    pub(super) fn ask_store(
        &self,
        memory: &mut Memory,
        ask: Ask,
        operation: Operation,
        cx: &mut Context,
    ) {
        memory.asks.push_back(ask);
        cx.send(self.store, store::Message::Request(Box::new(operation)));
    }

    /// Does what can be done now.
    fn go_on(&self, memory: &mut Memory, cx: &mut Context) {
        let Some(mut task) = memory.task.take() else {
            return;
        };
        if task.failed.is_none() && task.phase != Phase::Restoring {
            self.commit_next(memory, &mut task, cx);
            let may_start = task.phase != Phase::Starting
                || (task.commits.is_empty() && task.committing.is_none());
            if let Writer::Kafka(sink) = &mut task.writer {
                let news = sink.run(may_start, cx);
                self.hear(&mut task, news, cx);
            }
            self.ask_table(memory, &mut task, may_start, cx);
            if task.phase == Phase::Starting && may_start && task.writer.is_open() {
                self.run(&mut task, cx);
            }
            loop {
                self.process_waiting(memory, &mut task, cx);
                if !self.take_snapshot(memory, &mut task, cx) {
                    break;
                }
            }
            self.commit_next(memory, &mut task, cx);
            self.ask_table(memory, &mut task, may_start, cx);
            let source = &mut task.source;
            let may_emit = task.phase == Phase::Running
                && !source.emitting
                && source.waits_for.is_none()
                && source.next().is_some();
            if may_emit {
                source.emitting = true;
                let attempt = task.attempt;
                cx.after(Span::ZERO, Message::Emit { attempt });
            }
        }
        let failed = task.failed.take();
        memory.task = Some(task);
        if let Some(error) = failed {
            self.fail(memory, error, cx);
        }
    }

    fn run(&self, task: &mut Task, cx: &mut Context) {
        task.phase = Phase::Running;
        let attempt = task.attempt;
        cx.send(self.job_manager, Message::Running { attempt });
        if self.config.auto_watermark_interval > 0 && self.config.is_windowed() {
            let interval = Span::from_ms(self.config.auto_watermark_interval);
            cx.after(interval, Message::EmitWatermarks { attempt });
        }
        if self.config.alignment_max_drift.is_some() {
            let interval = Span::from_ms(self.config.alignment_update_interval);
            cx.after(interval, Message::ReportWatermarkDue { attempt });
        }
    }
}

fn forget(leaders: &mut [Option<HostId>], broker: HostId) {
    for leader in leaders.iter_mut().filter(|leader| **leader == Some(broker)) {
        *leader = None;
    }
}
