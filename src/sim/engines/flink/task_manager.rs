//! A task manager with its slot: a reading task, the operator behind the exchange, a sink.
//!
//! Mirrors: `TaskExecutor`, `StreamTask` with its mailbox, `SourceOperator`, `RecordWriter`, `SubtaskCheckpointCoordinatorImpl`,
//! `SinkWriterOperator` and `CommitterOperator`.
//! Simplified: the source's part of a checkpoint and that of what lies behind it travel in one file and one answer; a record that
//! finds no other work waiting is processed in no time.

use super::super::super::kafka::protocol::{
    ErrorCode, Internal, Message as Kafka, OffsetSpec, PartitionId, Positions,
};
use super::super::super::kafka::transactional::{Client, Settings};
use super::super::super::sinks::console::{ConsoleConfig, Effect};
use super::super::super::store::{self, Object, Objects, Operation};
use super::super::super::trace::{Fact, Row, SegmentId, Source as Place, Window};
use super::barrier::Reached;
use super::kafka_sink::{KafkaSink, SinkNews};
use super::message::{Element, Message};
use super::operator::{Operator, task_of};
use super::source::Source;
use super::storage::{self, Committable, File, Held, Prepared, Snapshot};
use super::watermark::{self, Signal};
use super::window::{self, TimeWindow};
use super::{CheckpointingMode, DeliveryGuarantee, FlinkConfig, IdPrefixSuffix};
use crate::sim::kernel::{Context, EventTime, HostId, Program, Span, Time};
use crate::sim::message;
use crate::sim::workload::{Key, RECORD_BYTES, Record};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How often the clients look at the time.
const TICK: Span = Span::from_ms(10);
/// Ticks between two questions for metadata, and between two attempts to register.
const PATIENCE: u64 = 10;
/// Records that fill a network buffer of 32 KiB.
const BUFFER: usize = 32_768 / RECORD_BYTES as usize;

/// Where the job writes.
#[derive(Clone)]
pub enum Target {
    Console(ConsoleConfig),
    Kafka(Settings),
}

/// A task manager's configuration.
#[derive(Clone)]
pub struct TaskManager {
    pub segment: SegmentId,
    pub config: FlinkConfig,
    /// Counted from 0.
    pub index: u8,
    pub partitions: u16,
    pub job_manager: HostId,
    /// All task managers, this one included.
    pub peers: Vec<HostId>,
    pub store: HostId,
    pub brokers: Vec<HostId>,
    pub leaders: Vec<Option<HostId>>,
    pub internal: Option<Internal>,
    pub target: Target,
}

#[derive(Clone)]
pub struct Memory {
    registered: bool,
    ticks: u64,
    leaders: Vec<Option<HostId>>,
    asked_metadata: usize,
    task: Option<Box<Task>>,
    /// Elements of an attempt that is not deployed here yet.
    early: Vec<(u32, u8, Vec<Element>)>,
    /// What the store was asked and has not answered.
    asks: VecDeque<Ask>,
    /// Rows made by this process.
    rows: u64,
    /// Of the last attempt, which names of batches go on from.
    former: Option<Client>,
    /// Nothing will be deployed any more unless the job manager says so.
    is_cancelled: bool,
}

/// A question to the store, and the attempt that asked.
#[derive(Clone, Debug)]
enum Ask {
    Restore(u32),
    Upload(u32, u64),
    Effect(u32),
    Commit(u32, (u64, String)),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Its part of the checkpoint is on its way.
    Restoring,
    /// Transactions of the checkpoint are committed again, and the writer starts.
    Starting,
    Running,
}

/// A snapshot that the operator is about to take: its sink has to flush first.
#[derive(Clone, Copy, Debug)]
struct Snapshotting {
    checkpoint: u64,
    /// The sink has flushed; its next transaction is about to begin.
    prepared: bool,
}

#[derive(Clone, Debug)]
struct Upload {
    snapshot: Snapshot,
    /// All barriers are there.
    whole: bool,
    taken: bool,
}

/// One attempt's tasks in this slot.
#[derive(Clone)]
struct Task {
    attempt: u32,
    job: u32,
    restored: u64,
    phase: Phase,
    /// There are checkpoints to wait for.
    durable: bool,
    source: Source,
    /// Per task behind: what waits in its buffer.
    buffers: Vec<Vec<Element>>,
    flush_is_due: bool,
    operator: Operator,
    writer: Writer,
    /// By checkpoint and name: flushed, not committed.
    uncommitted: BTreeMap<(u64, String), Committable>,
    /// To be committed now.
    commits: VecDeque<(u64, String)>,
    committing: Option<(u64, String)>,
    snapshotting: Option<Snapshotting>,
    /// Barriers that came while a snapshot was taken.
    held_barriers: VecDeque<(usize, u64, Time)>,
    uploads: BTreeMap<u64, Upload>,
    failed: Option<String>,
}

#[derive(Clone)]
enum Writer {
    Console {
        /// Effects on their way.
        outstanding: u32,
        /// Of the transaction in hand.
        open: Vec<Row>,
        flushing: bool,
        /// Checkpoints of this attempt so far.
        epoch: u64,
    },
    Kafka(Box<KafkaSink>),
}

impl Writer {
    fn is_open(&self) -> bool {
        match self {
            Writer::Console { .. } => true,
            Writer::Kafka(sink) => sink.is_open(),
        }
    }
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

impl Task {
    fn is_idle(&self) -> bool {
        let quiet = match &self.writer {
            Writer::Console {
                outstanding, open, ..
            } => *outstanding == 0 && (open.is_empty() || !self.durable),
            Writer::Kafka(sink) => sink.is_quiet(self.durable),
        };
        self.phase == Phase::Running
            && !self.source.has_records()
            && self.operator.is_idle()
            && self.buffers.iter().all(Vec::is_empty)
            && self.uploads.is_empty()
            && self.uncommitted.is_empty()
            && quiet
    }
}

impl Program for TaskManager {
    type Disk = ();
    type Memory = Memory;

    fn boot(&self, (): &mut (), cx: &mut Context) -> Memory {
        let mut memory = Memory {
            registered: false,
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
    fn is_exactly_once(&self) -> bool {
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

    fn task(
        &self,
        memory: &Memory,
        attempt: u32,
        job: u32,
        checkpoint: Option<u64>,
        snapshot: &Snapshot,
    ) -> Task {
        let positions = checkpoint.map(|_| &snapshot.positions);
        let source = Source::new(&self.config, self.index, self.partitions, positions);
        let restored = checkpoint.unwrap_or(0);
        let writer = match &self.target {
            Target::Console(_) => Writer::Console {
                outstanding: 0,
                open: Vec::new(),
                flushing: false,
                epoch: restored,
            },
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
        let uncommitted: BTreeMap<(u64, String), Committable> =
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
            uploads: BTreeMap::new(),
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

    fn fail(&self, memory: &mut Memory, error: String, cx: &mut Context) {
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
            Message::Registered => memory.registered = true,
            Message::Heartbeat => cx.send(self.job_manager, Message::Alive),
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
            let lost: Vec<PartitionId> = task
                .source
                .fetching
                .iter()
                .copied()
                .filter(|p| memory.leaders[usize::from(p.0)] == Some(from))
                .collect();
            for partition in lost {
                task.source.fetching.remove(&partition);
            }
            if let Writer::Kafka(sink) = &mut task.writer {
                sink.on_disconnected(from, cx);
            }
        }
        forget(&mut memory.leaders, from);
    }

    fn tick(&self, memory: &mut Memory, cx: &mut Context) {
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

    fn ask_store(&self, memory: &mut Memory, ask: Ask, operation: Operation, cx: &mut Context) {
        memory.asks.push_back(ask);
        cx.send(self.store, store::Message::Request(operation));
    }

    // ---- the source --------------------------------------------------------------------------------------------

    fn fetch(&self, memory: &mut Memory, cx: &mut Context) {
        let Some(task) = &mut memory.task else {
            return;
        };
        if task.phase != Phase::Running {
            return;
        }
        let source = &mut task.source;
        let leader = |partition: PartitionId| memory.leaders[usize::from(partition.0)];
        for partition in source.unknown.clone() {
            if let Some(leader) = leader(partition)
                && source.fetching.insert(partition)
            {
                // Without a position the start decides; a position that is gone begins at what is left.
                let spec = if source.positions.contains_key(&partition) {
                    OffsetSpec::Earliest
                } else {
                    OffsetSpec::Latest
                };
                cx.send(leader, Kafka::ListOffsets { partition, spec });
            }
        }
        for (&partition, (offset, records)) in &source.fetched {
            if records.is_empty()
                && let Some(leader) = leader(partition)
                && source.fetching.insert(partition)
            {
                cx.send(
                    leader,
                    Kafka::Read {
                        partition,
                        offset: *offset,
                        limit: u64::MAX,
                        isolation: self.config.isolation,
                    },
                );
            }
        }
    }

    /// Hands one record on. A barrier finds its place between two of them.
    fn emit(&self, task: &mut Task, cx: &mut Context) {
        task.source.emitting = false;
        let attempt = task.attempt;
        if task.source.waits_for.is_some() {
            if !std::mem::replace(&mut task.source.asked, true) {
                cx.send(self.job_manager, Message::AskCheckpoint { attempt });
            }
            return;
        }
        let Some(partition) = task.source.next() else {
            return;
        };
        let Some((offset, record)) = task.source.take(partition) else {
            return;
        };
        let place = Place { partition, offset };
        cx.note(Fact::SourceRead {
            segment: self.segment,
            origins: vec![(record.origin, place)],
        });
        let timestamp = record.event_time.ms();
        let target = if self.config.is_windowed() {
            task_of(record.key, self.config.parallelism)
        } else {
            0
        };
        task.buffers[target].push(Element::Record(place, record));
        if task.buffers[target].len() >= BUFFER {
            self.flush(task, cx);
        }
        let signals = task
            .source
            .watermarks
            .on_event(partition.0, timestamp, false);
        self.note_idle(task, cx);
        self.broadcast(task, &signals, cx);
        let position = task.source.position();
        if self.config.checkpoint_after.contains(&position) {
            task.source.waits_for = Some(position);
            task.source.asked = false;
            // It asks in a step of its own, behind the record.
            task.source.emitting = true;
            cx.after(Span::ZERO, Message::Emit { attempt });
        }
    }

    /// Partitions that became idle, or are not any more.
    fn note_idle(&self, task: &mut Task, cx: &mut Context) {
        let idle: BTreeSet<u16> = task.source.watermarks.idle_partitions().collect();
        for &partition in idle.symmetric_difference(&task.source.idle) {
            cx.note_setting(
                "watermark.idleness",
                Fact::SourceIdle {
                    segment: self.segment,
                    partition: PartitionId(partition),
                    idle: idle.contains(&partition),
                },
            );
        }
        task.source.idle = idle;
    }

    fn broadcast(&self, task: &mut Task, signals: &[Signal], cx: &mut Context) {
        for &signal in signals {
            for buffer in &mut task.buffers {
                buffer.push(Element::Signal(signal));
            }
        }
        let waiting = task.buffers.iter().any(|buffer| !buffer.is_empty());
        // Tasks that are chained hand records on at once.
        if !self.config.is_windowed() || self.config.buffer_timeout == 0 {
            self.flush(task, cx);
        } else if waiting && !std::mem::replace(&mut task.flush_is_due, true) {
            let attempt = task.attempt;
            let timeout = Span::from_ms(self.config.buffer_timeout);
            cx.after(timeout, Message::Flush { attempt });
        }
    }

    fn flush(&self, task: &mut Task, cx: &mut Context) {
        for (index, buffer) in task.buffers.iter_mut().enumerate() {
            if buffer.is_empty() {
                continue;
            }
            let message = Message::Elements {
                attempt: task.attempt,
                from: self.index,
                elements: std::mem::take(buffer),
            };
            let here = !self.config.is_windowed() || index == usize::from(self.index);
            if here {
                cx.after(Span::ZERO, message);
            } else {
                cx.send(self.peers[index], message);
            }
        }
    }

    // ---- the operator ------------------------------------------------------------------------------------------

    fn on_elements(&self, memory: &mut Memory, from: u8, elements: Vec<Element>, cx: &mut Context) {
        let Some(mut task) = memory.task.take() else {
            return;
        };
        let channel = if self.config.is_windowed() {
            usize::from(from)
        } else {
            0
        };
        for element in elements {
            if let Element::Barrier(checkpoint, at) = element
                && task.operator.barriers.overtakes()
            {
                task.held_barriers.push_back((channel, checkpoint, at));
                self.take_held_barriers(memory, &mut task, cx);
                continue;
            }
            if task.operator.barriers.is_recorded(channel)
                && let Some(checkpoint) = task.operator.barriers.pending()
                && let Some(upload) = task.uploads.get_mut(&checkpoint)
            {
                upload.snapshot.in_flight[channel].push(element.clone());
            }
            task.operator.push(channel, element);
        }
        memory.task = Some(task);
    }

    fn take_held_barriers(&self, memory: &mut Memory, task: &mut Task, cx: &mut Context) {
        while task.snapshotting.is_none()
            && let Some((channel, checkpoint, at)) = task.held_barriers.pop_front()
        {
            self.on_barrier(memory, task, channel, checkpoint, at, cx);
        }
    }

    /// Takes what is waiting, one element after the other.
    fn process_waiting(&self, memory: &mut Memory, task: &mut Task, cx: &mut Context) {
        self.take_held_barriers(memory, task, cx);
        while task.phase == Phase::Running
            && task.snapshotting.is_none()
            && task.operator.busy.is_none()
            && task.writer.is_open()
        {
            let Some((channel, element)) = task.operator.pop() else {
                return;
            };
            if self.config.work_us > 0 && matches!(element, Element::Record(..)) {
                task.operator.busy = Some((channel, element));
                let attempt = task.attempt;
                cx.after(
                    Span::from_micros(self.config.work_us),
                    Message::Work { attempt },
                );
            } else {
                self.process(memory, task, channel, element, cx);
            }
        }
    }

    fn process(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        channel: usize,
        element: Element,
        cx: &mut Context,
    ) {
        match element {
            Element::Barrier(checkpoint, at) => {
                self.on_barrier(memory, task, channel, checkpoint, at, cx);
            }
            Element::Signal(signal) => {
                for signal in task.operator.valve.input(channel, signal) {
                    if let Signal::Watermark(watermark) = signal
                        && let Some(windows) = &mut task.operator.windows
                    {
                        let effects = windows.advance(watermark);
                        cx.note_setting(
                            "watermark.delay",
                            Fact::WatermarkAdvanced {
                                segment: self.segment,
                                to: EventTime::from_ms(watermark),
                            },
                        );
                        self.take_effects(memory, task, effects, cx);
                    }
                }
            }
            Element::Record(place, record) => {
                if let Some(windows) = &mut task.operator.windows {
                    let timestamp = record.event_time.ms();
                    let key = record.key;
                    let effects = windows.process(&key, timestamp, (place, record.clone()));
                    self.judge(&effects, place, &record, cx);
                    self.take_effects(memory, task, effects, cx);
                } else {
                    self.write(memory, task, None, vec![(place, record)], cx);
                }
            }
        }
    }

    /// Where a record was counted, and where it came too late.
    fn judge(
        &self,
        effects: &[window::Effect<Key, Held>],
        place: Place,
        record: &Record,
        cx: &mut Context,
    ) {
        let segment = self.segment;
        let origins = vec![(record.origin, place)];
        let late = effects.iter().any(|e| matches!(e, window::Effect::Late));
        let alone = TimeWindow {
            start: record.event_time.ms(),
            end: record.event_time.ms(),
        };
        let mut told = false;
        for effect in effects {
            match effect {
                window::Effect::Counted(window) => {
                    cx.note(Fact::Accumulated {
                        segment,
                        window: seen(*window),
                        origins: origins.clone(),
                    });
                }
                window::Effect::Missed(window) if !late => {
                    cx.note(Fact::WindowMissed {
                        segment,
                        window: seen(*window),
                        origins: origins.clone(),
                    });
                }
                window::Effect::Missed(window) if !told => {
                    told = true;
                    self.note_late(*window, origins.clone(), cx);
                }
                window::Effect::Missed(_) | window::Effect::Fired { .. } => {}
                window::Effect::Late if !told => self.note_late(alone, origins.clone(), cx),
                window::Effect::Late => {}
            }
        }
    }

    fn note_late(
        &self,
        window: TimeWindow,
        origins: Vec<(crate::sim::origin::Origin, Place)>,
        cx: &mut Context,
    ) {
        let (segment, window) = (self.segment, seen(window));
        if self.config.late_side_output {
            cx.note_setting(
                "late.side.output",
                Fact::SideOutput {
                    segment,
                    window,
                    origins,
                },
            );
        } else {
            cx.note_setting(
                "allowed.lateness",
                Fact::DroppedLate {
                    segment,
                    window,
                    origins,
                },
            );
        }
    }

    fn take_effects(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        effects: Vec<window::Effect<Key, Held>>,
        cx: &mut Context,
    ) {
        for effect in effects {
            let window::Effect::Fired {
                window,
                contents,
                by_record,
                ..
            } = effect
            else {
                continue;
            };
            let amount = contents.iter().map(|(_, record)| record.value.amount).sum();
            let segment = self.segment;
            let to_see = seen(window);
            if by_record {
                cx.note_setting(
                    "allowed.lateness",
                    Fact::Refired {
                        segment,
                        window: to_see,
                        amount,
                    },
                );
            } else {
                cx.note(Fact::WindowClosed {
                    segment,
                    window: to_see,
                    amount,
                });
            }
            self.write(memory, task, Some(window), contents, cx);
        }
    }

    // ---- checkpoints -------------------------------------------------------------------------------------------

    fn on_barrier(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        channel: usize,
        checkpoint: u64,
        triggered: Time,
        cx: &mut Context,
    ) {
        let from = if self.config.is_windowed() {
            self.peers[channel]
        } else {
            cx.host()
        };
        cx.note(Fact::BarrierArrived {
            segment: self.segment,
            checkpoint,
            from,
        });
        match task.operator.barriers.on_barrier(channel, checkpoint) {
            Reached::Waiting => {
                let timeout = Span::from_ms(self.config.aligned_checkpoint_timeout);
                let aligned = self.config.checkpointing_mode == CheckpointingMode::ExactlyOnce;
                if aligned && self.config.unaligned && timeout > Span::ZERO {
                    let attempt = task.attempt;
                    let left = (triggered + timeout).since(cx.now());
                    let over = Message::AlignmentOver {
                        attempt,
                        checkpoint,
                    };
                    cx.after(left, over);
                }
            }
            reached @ (Reached::Snapshot | Reached::SnapshotAhead) => {
                let in_flight = if task.operator.barriers.is_unaligned() {
                    task.operator.in_flight(checkpoint, |_| true)
                } else {
                    Vec::new()
                };
                let whole = reached == Reached::Snapshot;
                self.begin_snapshot(task, checkpoint, whole, in_flight);
            }
            Reached::Last => {
                if let Some(upload) = task.uploads.get_mut(&checkpoint) {
                    upload.whole = true;
                }
                self.upload_of(memory, task, checkpoint, cx);
            }
            Reached::Stale => {}
        }
    }

    /// Before the barrier goes on, the sink flushes and prepares its transaction.
    fn begin_snapshot(
        &self,
        task: &mut Task,
        checkpoint: u64,
        whole: bool,
        in_flight: Vec<Vec<Element>>,
    ) {
        let snapshot = Snapshot {
            in_flight,
            ..Snapshot::default()
        };
        let upload = Upload {
            snapshot,
            whole,
            taken: false,
        };
        task.uploads.insert(checkpoint, upload);
        task.snapshotting = Some(Snapshotting {
            checkpoint,
            prepared: false,
        });
        match &mut task.writer {
            Writer::Console { flushing, .. } => *flushing = true,
            Writer::Kafka(sink) => sink.flush(),
        }
    }

    /// Goes on with the snapshot as far as the sink lets it. True: it is taken.
    fn take_snapshot(&self, memory: &mut Memory, task: &mut Task, cx: &mut Context) -> bool {
        let Some(mut step) = task.snapshotting else {
            return false;
        };
        let checkpoint = step.checkpoint;
        if !step.prepared {
            let Some(prepared) = self.prepare(task, checkpoint) else {
                return false;
            };
            if let Some(committable) = prepared {
                cx.note(Fact::Precommitted {
                    segment: self.segment,
                    transaction: committable.transaction.clone(),
                    checkpoint,
                    origins: committable.origins.clone(),
                });
                let key = (checkpoint, committable.transaction.clone());
                task.uncommitted.insert(key, committable);
            }
            step.prepared = true;
            task.snapshotting = Some(step);
        }
        if !task.writer.is_open() {
            return false;
        }
        task.snapshotting = None;
        let windows = task.operator.windows.as_ref();
        let windows = windows.map(window::WindowOperator::restored);
        let committables = task.uncommitted.values().cloned().collect();
        let rows = task.operator.rows();
        if let Some(upload) = task.uploads.get_mut(&checkpoint) {
            upload.snapshot.windows = windows;
            upload.snapshot.committables = committables;
            upload.taken = true;
            let in_flight: usize = upload.snapshot.in_flight.iter().map(Vec::len).sum();
            cx.note(Fact::SnapshotTaken {
                segment: self.segment,
                checkpoint,
                rows,
                in_flight: in_flight as u32,
            });
        }
        self.upload_of(memory, task, checkpoint, cx);
        true
    }

    /// What the sink has flushed for this checkpoint; none while it has not.
    fn prepare(&self, task: &mut Task, checkpoint: u64) -> Option<Option<Committable>> {
        let attempt = task.attempt;
        match &mut task.writer {
            Writer::Console {
                outstanding,
                open,
                flushing,
                epoch,
            } => {
                let waits = self.config.delivery_guarantee == DeliveryGuarantee::AtLeastOnce;
                if waits && *outstanding > 0 {
                    return None;
                }
                *flushing = false;
                *epoch = checkpoint;
                if open.is_empty() {
                    return Some(None);
                }
                let rows = std::mem::take(open);
                let origins = rows.iter().flat_map(|row| row.origins.iter().copied());
                Some(Some(Committable {
                    checkpoint,
                    transaction: format!("{attempt:x}-{}-{checkpoint}", self.index),
                    origins: origins.collect(),
                    what: Prepared::Rows(rows),
                }))
            }
            Writer::Kafka(sink) => sink.is_flushed().then(|| sink.prepare(checkpoint)),
        }
    }

    fn upload(&self, memory: &mut Memory, checkpoint: u64, cx: &mut Context) {
        let Some(mut task) = memory.task.take() else {
            return;
        };
        self.upload_of(memory, &mut task, checkpoint, cx);
        memory.task = Some(task);
    }

    /// Once the operator's part, all barriers and the source's part are there.
    fn upload_of(&self, memory: &mut Memory, task: &mut Task, checkpoint: u64, cx: &mut Context) {
        let Some(positions) = task.source.at_barrier.get(&checkpoint) else {
            return;
        };
        let Some(upload) = task.uploads.get_mut(&checkpoint) else {
            return;
        };
        if !(upload.taken && upload.whole) {
            return;
        }
        upload.snapshot.positions.clone_from(positions);
        let file = File::Snapshot(Box::new(upload.snapshot.clone()));
        let operation = Operation::Put {
            path: storage::snapshot_path(self.segment, task.job, checkpoint, self.index),
            object: Object::Flink(file),
            if_absent: false,
            note: None,
        };
        self.ask_store(memory, Ask::Upload(task.attempt, checkpoint), operation, cx);
    }

    fn restore(&self, memory: &mut Memory, objects: &Objects, cx: &mut Context) {
        let Some(task) = &memory.task else {
            return;
        };
        let (attempt, job, checkpoint) = (task.attempt, task.job, task.restored);
        let Some(Object::Flink(File::Snapshot(snapshot))) = objects.values().next() else {
            let error = "the checkpoint's files are not there".to_string();
            return self.fail(memory, error, cx);
        };
        // What came from others meanwhile lies behind what was in flight.
        let waiting = memory.task.as_ref();
        let waiting = waiting.map(|task| task.operator.in_flight(0, |_| true));
        let mut task = self.task(memory, attempt, job, Some(checkpoint), snapshot);
        for (channel, elements) in waiting.into_iter().flatten().enumerate() {
            for element in elements {
                task.operator.push(channel, element);
            }
        }
        memory.task = Some(Box::new(task));
    }

    // ---- the sink ----------------------------------------------------------------------------------------------

    fn write(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        window: Option<TimeWindow>,
        records: Vec<Held>,
        cx: &mut Context,
    ) {
        if let Writer::Kafka(sink) = &mut task.writer {
            let Some(internal) = self.internal else {
                return;
            };
            for (place, record) in records {
                sink.write(internal.output(place.partition), place, record, cx);
            }
            return;
        }
        let Some((_, first)) = records.first() else {
            return;
        };
        memory.rows += 1;
        let row = Row {
            row: row_number(cx, memory.rows),
            record_key: match window {
                None => first.value.order_id.to_string(),
                Some(window) => format!("{}@{}-{}", first.key.0, window.start, window.end),
            },
            amount: records.iter().map(|(_, record)| record.value.amount).sum(),
            event_time: match window {
                None => first.event_time,
                Some(window) => EventTime::from_ms(window.max_timestamp()),
            },
            window: window.map(seen),
            origins: records
                .iter()
                .map(|(place, record)| (record.origin, *place))
                .collect(),
        };
        let attempt = task.attempt;
        let Writer::Console {
            outstanding,
            open,
            epoch,
            ..
        } = &mut task.writer
        else {
            return;
        };
        if self.is_exactly_once() {
            cx.note(Fact::WrittenPending {
                segment: self.segment,
                origins: row.origins.clone(),
            });
            open.push(row);
            return;
        }
        let Target::Console(console) = &self.target else {
            return;
        };
        let (path, if_absent) = console.place(self.segment, &row);
        let effect = Effect {
            segment: self.segment,
            poll: u64::from(attempt) << 32 | *epoch,
            at: cx.now(),
            row,
        };
        *outstanding += 1;
        let operation = Operation::Put {
            path,
            object: Object::Console(effect),
            if_absent,
            note: None,
        };
        self.ask_store(memory, Ask::Effect(attempt), operation, cx);
    }

    fn hear(&self, task: &mut Task, news: Option<SinkNews>, cx: &mut Context) {
        let Some(news) = news else {
            return;
        };
        let segment = self.segment;
        match news {
            SinkNews::Failed(error) => task.failed = Some(format!("the Kafka sink: {error}")),
            SinkNews::Committed => {
                if let Some(key) = task.committing.take() {
                    task.uncommitted.remove(&key);
                    cx.note(Fact::SinkCommitted {
                        segment,
                        transaction: key.1,
                        again: false,
                    });
                }
            }
            SinkNews::Refused(error) => {
                let key = task.committing.take();
                let lost = key.and_then(|key| task.uncommitted.remove(&key));
                if let Some(committable) = lost {
                    cx.note_setting(
                        "properties.transaction.timeout.ms",
                        Fact::CommitRefused {
                            segment,
                            transaction: committable.transaction,
                            error,
                            origins: committable.origins,
                        },
                    );
                }
            }
        }
    }

    /// Commits what is due, one transaction after the other.
    fn commit_next(&self, memory: &mut Memory, task: &mut Task, cx: &mut Context) {
        if task.committing.is_some() {
            return;
        }
        let Some(key) = task.commits.pop_front() else {
            return;
        };
        let Some(committable) = task.uncommitted.get(&key) else {
            return;
        };
        task.committing = Some(key.clone());
        match (&committable.what, &mut task.writer, &self.target) {
            (Prepared::Producer(_), Writer::Kafka(sink), _) => sink.commit(committable),
            (Prepared::Rows(rows), _, Target::Console(console)) => {
                let mut rows = rows.clone();
                // Whoever commits again without knowing it makes new rows.
                for row in &mut rows {
                    memory.rows += 1;
                    row.row = row_number(cx, memory.rows);
                }
                let idempotent = self.config.commit_is_idempotent;
                let again = (!idempotent).then(|| row_number(cx, memory.rows));
                let transaction = &committable.transaction;
                let operation = Operation::Put {
                    path: storage::transaction_path(self.segment, transaction, again),
                    object: Object::Flink(File::Transaction {
                        segment: self.segment,
                        checkpoint: committable.checkpoint,
                        at: cx.now(),
                        dedup: console.dedup,
                        rows,
                    }),
                    if_absent: idempotent,
                    note: Some(Fact::SinkCommitted {
                        segment: self.segment,
                        transaction: transaction.clone(),
                        again: false,
                    }),
                };
                self.ask_store(memory, Ask::Commit(task.attempt, key), operation, cx);
            }
            _ => {}
        }
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

/// Unique over processes and their lives.
fn row_number(cx: &Context, made: u64) -> u64 {
    u64::from(cx.host().0) << 48 | u64::from(cx.incarnation()) << 32 | made
}

fn seen(window: TimeWindow) -> Window {
    Window {
        start: EventTime::from_ms(window.start),
        end: EventTime::from_ms(window.end),
    }
}

fn forget(leaders: &mut [Option<HostId>], broker: HostId) {
    for leader in leaders.iter_mut().filter(|leader| **leader == Some(broker)) {
        *leader = None;
    }
}

impl Source {
    /// What watermark alignment reports: none while nothing is known.
    fn lowest_watermark(&self) -> Option<i64> {
        let partitions = self.positions.keys();
        let active = partitions.filter(|partition| !self.idle.contains(&partition.0));
        let known = active.map(|partition| self.watermarks.of(partition.0));
        known.min().filter(|&lowest| lowest > watermark::MIN)
    }
}
