//! The consumer's process: the client and the loop around it.
//!
//! Mirrors: `ClassicKafkaConsumer`, `ConsumerCoordinator` (`maybeAutoCommitOffsetsAsync`, `onJoinPrepare`,
//! `commitOffsetsSync`), `AbstractCoordinator` with its heartbeat thread, `SubscriptionState`; librdkafka's timer of stored
//! offsets as a variant. KIP-62, KIP-345.
//! Simplified: the coordinator is found through the metadata; a fetch names one partition and does not wait at the broker,
//! the client asks again every 100 ms; eager rebalancing only; an automatic commit of positions that did not move is left
//! out; a commit that lost its answer is repeated by `commitSync` only, without end.

use super::super::super::kafka::protocol::{
    ErrorCode, Internal, Isolation, MemberId, Message as Kafka, OffsetSpec, PartitionId, Positions,
};
use super::super::super::kafka::transactional::{Client as Writer, News, Offsets, Settings};
use super::super::super::sinks::console::{ConsoleConfig, Effect, OffsetRow};
use super::super::super::store::{self, Object, Operation};
use super::super::super::trace::{Fact, Row, SegmentId, Source};
use super::{
    Client, Commit, CommitCall, ConsumerConfig, GroupMetadata, Job, Message, OffsetReset,
    OnCommitFailed,
};
use crate::sim::kernel::{Context, HostId, Program, Span, Time};
use crate::sim::message;
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::workload::Record;
use std::collections::VecDeque;

/// `retry.backoff.ms`, and how long a `poll()` waits for data.
const TICK: Span = Span::from_ms(100);

/// A consumer's configuration.
#[derive(Clone)]
pub struct Consumer {
    pub segment: SegmentId,
    pub config: ConsumerConfig,
    pub sink: ConsoleConfig,
    pub store: HostId,
    pub brokers: Vec<HostId>,
    pub leaders: Vec<Option<HostId>>,
    pub internal: Internal,
    /// Set: what the work makes of a record is produced to the output topic.
    pub output: Option<Settings>,
    /// The first partition of that topic.
    pub output_first: u16,
}

#[derive(Clone)]
pub struct Memory {
    writer: Option<Writer>,
    /// Produced, not acknowledged yet.
    produced: Vec<Job>,
    step: Step,
    leaders: Vec<Option<HostId>>,
    asked_metadata: u32,
    /// Whom the outstanding question of this step was put to.
    asked: Option<HostId>,
    member: Option<MemberId>,
    generation: u32,
    /// The group goes on without this member, or is gathering.
    rejoin: bool,
    /// It has told the group that it leaves, or was told that it is out: no more heartbeats.
    left: bool,
    /// The next record that `poll()` returns.
    positions: Positions,
    /// What the next fetch asks for, and what came of earlier ones.
    fetched: OrdMap<PartitionId, (u64, VecDeque<(u64, Record)>)>,
    fetching: OrdSet<PartitionId>,
    /// Positions that may be committed: all that was handed out (Java), or was stored (librdkafka).
    stored: Positions,
    committed: Positions,
    /// Records of this poll that the loop or the pool has not begun.
    todo: VecDeque<Job>,
    /// Index: thread; the loop's own is 0.
    threads: Vec<Option<Job>>,
    /// Effects on their way into the sink, in order.
    writing: VecDeque<(u8, Job)>,
    polls: u64,
    last_poll: Time,
    last_commit: Time,
    correlations: u64,
    /// The commit that the loop waits for, and what to do when it is through.
    commit: Option<(u64, Positions)>,
    /// Effects so far.
    rows: u64,
}

/// Where the loop stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Joining,
    /// Committed offsets are being asked for, and ends of the topic where there are none.
    Positioning,
    Polling,
    CommittingBefore,
    Working,
    CommittingAfter,
    /// The output of a poll is on its way.
    Flushing,
    /// Output and offsets are being committed together, or aborted.
    Ending,
    /// `commitSync()` inside `poll()`, before the partitions are given up.
    Revoking,
    Closed,
    Failed,
}

impl Memory {
    /// Whether all that was handed out is done and only new records would move it.
    pub fn is_idle(&self) -> bool {
        let busy = !self.todo.is_empty()
            || !self.writing.is_empty()
            || self.threads.iter().any(Option::is_some);
        let waiting = matches!(self.step, Step::Polling | Step::Failed);
        waiting && !busy && !self.rejoin
    }
}

impl Program for Consumer {
    type Disk = ();
    type Memory = Memory;

    fn boot(&self, (): &mut (), cx: &mut Context) -> Memory {
        let memory = self.fresh(cx);
        cx.after(
            Span::from_ms(self.config.heartbeat_interval_ms),
            Message::BeatHeart,
        );
        if self.config.client == Client::Librdkafka {
            cx.after(
                Span::from_ms(self.config.auto_commit_interval_ms),
                Message::AutoCommit,
            );
        }
        cx.after(Span::ZERO, Message::Tick);
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
            message::Message::Consumer(message) => self.on_own(memory, message, cx),
            message::Message::Kafka(message) => {
                let writer = memory.writer.as_mut();
                let news = writer.and_then(|writer| writer.on_kafka(from, message.clone(), cx));
                self.hear(memory, news, cx);
                self.on_kafka(memory, from, message, cx);
            }
            message::Message::Store(store::Message::Done { ok }) => {
                self.effect_done(memory, ok, cx);
            }
            message::Message::Store(store::Message::Offsets { positions })
                if memory.step == Step::Positioning =>
            {
                memory.asked = None;
                self.positioned(memory, &positions, cx);
            }
            message::Message::Disconnected => {
                memory.leaders.iter_mut().for_each(|leader| {
                    if *leader == Some(from) {
                        *leader = None;
                    }
                });
                memory.fetching.clear();
                if memory.asked == Some(from) {
                    memory.asked = None;
                }
                if let Some(writer) = &mut memory.writer {
                    writer.on_disconnected(from, cx);
                }
            }
            _ => {}
        }
        let news = memory.writer.as_mut().and_then(|writer| writer.run(cx));
        self.hear(memory, news, cx);
    }
}

impl Consumer {
    fn fresh(&self, cx: &Context) -> Memory {
        let threads = usize::from(self.config.pool.max(1));
        let settings = self.output.clone().map(|settings| Settings {
            // Stable for each process, so that its restart ends what it left open.
            id: settings.id.map(|id| format!("{id}-{}", cx.host().0)),
            ..settings
        });
        Memory {
            writer: settings.map(|settings| Writer::new(settings, self.leaders.clone())),
            produced: Vec::new(),
            step: Step::Joining,
            leaders: self.leaders.clone(),
            asked_metadata: 0,
            asked: None,
            member: None,
            generation: 0,
            rejoin: false,
            left: false,
            positions: Positions::new(),
            fetched: OrdMap::new(),
            fetching: OrdSet::new(),
            stored: Positions::new(),
            committed: Positions::new(),
            todo: VecDeque::new(),
            threads: vec![None; threads],
            writing: VecDeque::new(),
            polls: 0,
            last_poll: cx.now(),
            last_commit: cx.now(),
            correlations: 0,
            commit: None,
            rows: 0,
        }
    }

    fn on_own(&self, memory: &mut Memory, message: Message, cx: &mut Context) {
        match message {
            Message::Tick => {
                self.drive(memory, cx);
                cx.because(None);
                cx.after(TICK, Message::Tick);
            }
            Message::BeatHeart => {
                self.beat(memory, cx);
                cx.because(None);
                cx.after(
                    Span::from_ms(self.config.heartbeat_interval_ms),
                    Message::BeatHeart,
                );
            }
            Message::AutoCommit => {
                if self.config.auto_commit {
                    self.commit_stored(memory, cx);
                }
                cx.because(None);
                cx.after(
                    Span::from_ms(self.config.auto_commit_interval_ms),
                    Message::AutoCommit,
                );
            }
            Message::Poll if memory.step == Step::Polling => self.poll(memory, cx),
            Message::Poll => {}
            Message::Done { thread, poll } => {
                let job = memory.threads[usize::from(thread)].clone();
                if let Some(job) = job.filter(|job| job.poll == poll) {
                    self.take_effect(memory, thread, job, cx);
                }
            }
            Message::Close { restart_after } => {
                // close() commits what automatic commits may, and leaves; the work in hand is dropped.
                if self.config.auto_commit {
                    self.commit_stored(memory, cx);
                }
                self.leave(memory, cx);
                cx.note(Fact::Revoked {
                    segment: self.segment,
                    partitions: memory.positions.keys().copied().collect(),
                });
                memory.step = Step::Closed;
                memory.todo.clear();
                memory.threads.fill(None);
                memory.fetched.clear();
                cx.after(restart_after, Message::Open);
            }
            Message::Open => {
                let (polls, rows) = (memory.polls, memory.rows);
                *memory = self.fresh(cx);
                (memory.polls, memory.rows) = (polls, rows);
            }
        }
    }

    /// Does what the step waits for, if it was not asked for yet.
    fn drive(&self, memory: &mut Memory, cx: &mut Context) {
        if memory.leaders.iter().any(Option::is_none) {
            let next = memory.asked_metadata as usize % self.brokers.len();
            memory.asked_metadata += 1;
            cx.send(self.brokers[next], Kafka::MetadataRequest);
        }
        if let Some(writer) = &mut memory.writer {
            writer.refresh(cx);
        }
        match memory.step {
            Step::Joining if memory.asked.is_none() => self.join(memory, cx),
            Step::Positioning if memory.asked.is_none() => self.position(memory, cx),
            Step::Polling => self.poll(memory, cx),
            Step::CommittingBefore | Step::CommittingAfter | Step::Revoking
                if memory.asked.is_none() =>
            {
                self.send_commit(memory, cx);
            }
            _ => {}
        }
    }

    fn coordinator(&self, memory: &Memory) -> Option<HostId> {
        memory.leaders[usize::from(self.internal.groups.0)]
    }

    // ---- membership --------------------------------------------------------------------------------------------

    fn join(&self, memory: &mut Memory, cx: &mut Context) {
        let Some(coordinator) = self.coordinator(memory) else {
            return;
        };
        memory.asked = Some(coordinator);
        cx.send(
            coordinator,
            Kafka::JoinGroup {
                group: self.segment,
                member: memory.member,
                fixed: self.config.instance_id.is_some(),
                session: Span::from_ms(self.config.session_timeout_ms),
                rebalance: Span::from_ms(self.config.max_poll_interval_ms),
            },
        );
    }

    /// The heartbeat thread lives as long as the process, whatever the loop does. It also watches the loop.
    fn beat(&self, memory: &mut Memory, cx: &mut Context) {
        let Some(member) = memory.member else {
            return;
        };
        if matches!(memory.step, Step::Joining | Step::Closed | Step::Failed) {
            return;
        }
        let polling = matches!(memory.step, Step::Polling | Step::Positioning);
        let silent = cx.now().since(memory.last_poll);
        let stuck = !polling && silent > Span::from_ms(self.config.max_poll_interval_ms);
        if memory.left {
            return;
        }
        if stuck {
            cx.note_setting(
                "max.poll.interval.ms",
                Fact::Noted {
                    text: "poll() was not called in time: the client leaves the group".into(),
                },
            );
            self.leave(memory, cx);
            memory.rejoin = true;
            memory.left = true;
        } else if let Some(coordinator) = self.coordinator(memory) {
            cx.send(
                coordinator,
                Kafka::GroupHeartbeat {
                    group: self.segment,
                    member,
                    generation: memory.generation,
                },
            );
        }
    }

    /// A static member does not say that it leaves (KIP-345).
    fn leave(&self, memory: &mut Memory, cx: &mut Context) {
        if let (Some(member), Some(coordinator)) = (memory.member, self.coordinator(memory))
            && self.config.instance_id.is_none()
        {
            cx.send(
                coordinator,
                Kafka::LeaveGroup {
                    group: self.segment,
                    member,
                },
            );
        }
    }

    /// Committed offsets first; then the ends of the topic for partitions that have none.
    fn position(&self, memory: &mut Memory, cx: &mut Context) {
        if self.config.commit == Commit::Sink {
            memory.asked = Some(self.store);
            let take_over = Operation::TakeOver {
                segment: self.segment,
                partitions: memory.positions.keys().copied().collect(),
                generation: memory.generation,
            };
            return cx.send(self.store, store::Message::Request(Box::new(take_over)));
        }
        if let Some(coordinator) = self.coordinator(memory) {
            memory.asked = Some(coordinator);
            cx.send(
                coordinator,
                Kafka::OffsetFetch {
                    group: self.segment,
                },
            );
        }
    }

    fn positioned(&self, memory: &mut Memory, offsets: &Positions, cx: &mut Context) {
        memory.committed.clear();
        let mut found = Vec::new();
        for (&partition, position) in &mut memory.positions {
            if let Some(&offset) = offsets.get(&partition) {
                *position = offset;
                found.push((partition, offset));
            }
        }
        for &(partition, offset) in &found {
            memory.fetched.insert(partition, (offset, VecDeque::new()));
        }
        if !found.is_empty() {
            cx.note(Fact::Positioned {
                segment: self.segment,
                positions: found,
                reset: false,
            });
        }
        memory.step = Step::Polling;
        self.poll(memory, cx);
    }

    /// No committed offset, or one that the topic does not hold.
    fn reset(&self, memory: &mut Memory, partition: PartitionId, cx: &mut Context) {
        let spec = match self.config.offset_reset {
            OffsetReset::Earliest => OffsetSpec::Earliest,
            OffsetReset::Latest if self.config.isolation() == Isolation::ReadCommitted => {
                OffsetSpec::LatestStable
            }
            OffsetReset::Latest => OffsetSpec::Latest,
            OffsetReset::None => {
                memory.step = Step::Failed;
                cx.note_setting(
                    "auto.offset.reset",
                    Fact::QueryFailed {
                        segment: self.segment,
                        error: "NoOffsetForPartitionException".into(),
                    },
                );
                return;
            }
        };
        if let Some(leader) = memory.leaders[usize::from(partition.0)] {
            memory.fetching.insert(partition);
            cx.send(leader, Kafka::ListOffsets { partition, spec });
        }
    }

    // ---- the loop ----------------------------------------------------------------------------------------------

    /// `poll()`: rejoin if the group asks for it, commit what automatic commits may, hand out what was fetched, fetch.
    fn poll(&self, memory: &mut Memory, cx: &mut Context) {
        memory.last_poll = cx.now();
        if memory.rejoin {
            // Positions are committed before the partitions are given up, if the generation still lets us. Source:
            // `ConsumerCoordinator.onJoinPrepare`.
            if self.config.auto_commit && self.moved(memory).is_some() {
                memory.step = Step::Revoking;
                self.begin_commit(memory, cx);
            } else {
                self.give_up(memory, cx);
            }
            return;
        }
        let interval = Span::from_ms(self.config.auto_commit_interval_ms);
        if self.config.auto_commit
            && self.config.client == Client::Java
            && cx.now().since(memory.last_commit) >= interval
        {
            memory.last_commit = cx.now();
            self.commit_stored(memory, cx);
        }
        // `initTransactions()` comes before the first poll.
        if memory
            .writer
            .as_ref()
            .is_some_and(|writer| !writer.is_ready())
        {
            return;
        }
        let mut room = if self.config.client == Client::Librdkafka {
            1
        } else {
            self.config.max_poll_records
        };
        let mut origins = Vec::new();
        memory.polls += 1;
        let poll = u64::from(cx.host().0) << 48 | u64::from(cx.incarnation()) << 32 | memory.polls;
        for (&partition, (_, records)) in &mut memory.fetched {
            while room > 0
                && let Some((offset, record)) = records.pop_front()
            {
                room -= 1;
                memory.positions.insert(partition, offset + 1);
                if self.config.client == Client::Java || self.config.auto_offset_store {
                    memory.stored.insert(partition, offset + 1);
                }
                origins.push((record.origin, Source { partition, offset }));
                memory.todo.push_back(Job {
                    partition,
                    offset,
                    record,
                    poll,
                });
            }
        }
        self.fetch(memory, cx);
        if origins.is_empty() {
            return;
        }
        cx.note(Fact::Polled {
            segment: self.segment,
            origins,
        });
        // The work begins in a step of its own, so that a crash can fall between.
        if self.config.commit == Commit::Before {
            memory.step = Step::CommittingBefore;
            self.begin_commit(memory, cx);
        } else {
            self.work(memory, cx);
        }
    }

    fn fetch(&self, memory: &mut Memory, cx: &mut Context) {
        let partitions: Vec<PartitionId> = memory.positions.keys().copied().collect();
        for partition in partitions {
            let Some((next, records)) = memory.fetched.get(&partition) else {
                if !memory.fetching.contains(&partition) {
                    self.reset(memory, partition, cx);
                }
                continue;
            };
            if !records.is_empty() || memory.fetching.contains(&partition) {
                continue;
            }
            if let Some(leader) = memory.leaders[usize::from(partition.0)] {
                let offset = *next;
                memory.fetching.insert(partition);
                cx.send(
                    leader,
                    Kafka::Read {
                        partition,
                        offset,
                        limit: u64::MAX,
                        isolation: self.config.isolation(),
                    },
                );
            }
        }
    }

    /// The loop works on one record after the other; with a pool it hands them over and goes on.
    fn work(&self, memory: &mut Memory, cx: &mut Context) {
        memory.step = Step::Working;
        self.start_threads(memory, cx);
        if self.config.pool > 0 {
            self.worked_through(memory, cx);
        }
    }

    fn start_threads(&self, memory: &mut Memory, cx: &mut Context) {
        for (thread, job) in memory.threads.iter_mut().enumerate() {
            if job.is_none()
                && let Some(next) = memory.todo.pop_front()
            {
                let done = Message::Done {
                    thread: thread as u8,
                    poll: next.poll,
                };
                *job = Some(next);
                cx.after(Span::from_micros(self.config.work_us), done);
            }
        }
    }

    /// The work has its effect: outside, where no rebalance can take it back.
    fn take_effect(&self, memory: &mut Memory, thread: u8, job: Job, cx: &mut Context) {
        if memory.writer.is_some() {
            return self.produce(memory, thread, job, cx);
        }
        memory.rows += 1;
        let source = Source {
            partition: job.partition,
            offset: job.offset,
        };
        let record_key = job.record.value.order_id.to_string();
        let row = Row {
            row: u64::from(cx.host().0) << 48 | u64::from(cx.incarnation()) << 32 | memory.rows,
            ..Row::of(&job.record, source, record_key)
        };
        let (path, if_absent) = self.sink.place(self.segment, &row);
        let offset = OffsetRow {
            partition: job.partition,
            next: job.offset + 1,
            generation: memory.generation,
        };
        let effect = Effect {
            segment: self.segment,
            poll: job.poll,
            at: cx.now(),
            row,
            offset: (self.config.commit == Commit::Sink).then_some((cx.host(), offset)),
            fencing: self.sink.fencing,
        };
        memory.writing.push_back((thread, job));
        let operation = Operation::Put {
            path,
            object: Object::Console(effect),
            if_absent,
            note: None,
        };
        cx.send(self.store, store::Message::Request(Box::new(operation)));
    }

    fn produce(&self, memory: &mut Memory, thread: u8, job: Job, cx: &mut Context) {
        memory.threads[usize::from(thread)] = None;
        self.start_threads(memory, cx);
        let last = memory.threads.iter().all(Option::is_none);
        if let Some(writer) = &mut memory.writer {
            if writer.is_ready() {
                writer.begin(cx);
            }
            // Each record goes to the partition with its own number.
            let number = job.partition.0 - self.internal.input(self.segment);
            let to = PartitionId(self.output_first + number);
            writer.send(to, job.record.clone(), cx);
            memory.produced.push(job);
            if last {
                writer.flush();
                memory.step = Step::Flushing;
            }
        }
    }

    fn hear(&self, memory: &mut Memory, news: Option<News>, cx: &mut Context) {
        let Some(news) = news else {
            return;
        };
        match news {
            News::Flushed => {
                for job in std::mem::take(&mut memory.produced) {
                    cx.note(Fact::Worked {
                        segment: self.segment,
                        origin: job.record.origin,
                        source: Source {
                            partition: job.partition,
                            offset: job.offset,
                        },
                    });
                }
                if self.config.commit != Commit::Transaction {
                    return self.worked_through(memory, cx);
                }
                memory.step = Step::Ending;
                if let (Some(writer), Some(member)) = (&mut memory.writer, memory.member) {
                    writer.send_offsets(Offsets {
                        group: self.segment,
                        member: match self.config.group_metadata {
                            GroupMetadata::Consumer => Some((member, memory.generation)),
                            GroupMetadata::ByHand => None,
                        },
                        positions: memory.positions.clone(),
                    });
                    writer.commit();
                }
            }
            News::Ended { commit: true } => {
                memory.step = Step::Polling;
                cx.after(Span::ZERO, Message::Poll);
            }
            News::Ended { commit: false } => self.back_to_committed(memory, cx),
            News::MustAbort(error) => {
                if matches!(
                    error,
                    ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration
                ) {
                    self.disown(memory);
                }
                match &mut memory.writer {
                    Some(writer) if writer.settings.id.is_some() => {
                        memory.step = Step::Ending;
                        writer.abort();
                    }
                    // A plain producer has nothing to abort: the loop reads the poll again.
                    _ => {
                        memory.writer = memory.writer.as_ref().map(Writer::renewed);
                        self.back_to_committed(memory, cx);
                    }
                }
            }
            News::Fatal(_) => {
                memory.writer = memory.writer.as_ref().map(Writer::renewed);
                self.back_to_committed(memory, cx);
            }
        }
    }

    /// After an abort the application goes back to the committed offsets itself.
    fn back_to_committed(&self, memory: &mut Memory, cx: &mut Context) {
        memory.produced.clear();
        memory.todo.clear();
        memory.threads.fill(None);
        memory.fetched.clear();
        memory.fetching.clear();
        memory.asked = None;
        if matches!(memory.step, Step::Joining | Step::Closed | Step::Failed) {
            return;
        }
        cx.note(Fact::Revoked {
            segment: self.segment,
            partitions: Vec::new(),
        });
        memory.step = if memory.rejoin {
            Step::Polling
        } else {
            Step::Positioning
        };
    }

    fn effect_done(&self, memory: &mut Memory, ok: bool, cx: &mut Context) {
        let Some((thread, job)) = memory.writing.pop_front() else {
            return;
        };
        if memory.step == Step::Closed {
            return;
        }
        if self.config.commit == Commit::Sink && !ok {
            // The sink has refused it: the partition is somebody else's by now.
            memory.todo.clear();
            memory.threads.fill(None);
            self.disown(memory);
            memory.step = Step::Polling;
            cx.after(Span::ZERO, Message::Poll);
            return;
        }
        let source = Source {
            partition: job.partition,
            offset: job.offset,
        };
        cx.note(Fact::Worked {
            segment: self.segment,
            origin: job.record.origin,
            source,
        });
        if self.config.client == Client::Librdkafka && !self.config.auto_offset_store {
            memory.stored.insert(job.partition, job.offset + 1);
        }
        memory.threads[usize::from(thread)] = None;
        self.start_threads(memory, cx);
        let working = memory.threads.iter().any(Option::is_some) || !memory.writing.is_empty();
        if self.config.pool == 0 && memory.step == Step::Working && !working {
            self.worked_through(memory, cx);
        }
    }

    /// The end of the loop's body: commit, and poll again.
    fn worked_through(&self, memory: &mut Memory, cx: &mut Context) {
        if self.config.commit == Commit::After {
            memory.step = Step::CommittingAfter;
            self.begin_commit(memory, cx);
        } else {
            memory.step = Step::Polling;
            cx.after(Span::ZERO, Message::Poll);
        }
    }

    // ---- commits -----------------------------------------------------------------------------------------------

    /// Positions that may be committed and are not yet.
    fn moved(&self, memory: &Memory) -> Option<Positions> {
        (memory.stored != memory.committed && !memory.stored.is_empty())
            .then(|| memory.stored.clone())
    }

    /// `commitAsync()` of what may be committed, if it moved.
    fn commit_stored(&self, memory: &mut Memory, cx: &mut Context) {
        if let Some(offsets) = self.moved(memory) {
            memory.committed = offsets.clone();
            self.send_offsets(memory, offsets, cx);
        }
    }

    /// The application's own commit, of everything that the last poll handed out.
    fn begin_commit(&self, memory: &mut Memory, cx: &mut Context) {
        let offsets = if memory.step == Step::Revoking {
            memory.stored.clone()
        } else {
            memory.positions.clone()
        };
        memory.correlations += 1;
        memory.commit = Some((memory.correlations, offsets));
        memory.asked = None;
        self.send_commit(memory, cx);
        if self.config.commit_call == CommitCall::Async && memory.step != Step::Revoking {
            memory.commit = None;
            memory.asked = None;
            self.committed(memory, cx);
        }
    }

    fn send_commit(&self, memory: &mut Memory, cx: &mut Context) {
        let Some((_, offsets)) = memory.commit.clone() else {
            return;
        };
        memory.asked = self.coordinator(memory);
        let correlation = self.send_offsets(memory, offsets.clone(), cx);
        memory.commit = Some((correlation, offsets));
    }

    fn send_offsets(&self, memory: &mut Memory, offsets: Positions, cx: &mut Context) -> u64 {
        memory.correlations += 1;
        let correlation = memory.correlations;
        if let (Some(coordinator), Some(member)) = (self.coordinator(memory), memory.member) {
            cx.note(Fact::CommitSent {
                segment: self.segment,
                positions: offsets.iter().map(|(&p, &offset)| (p, offset)).collect(),
            });
            cx.send(
                coordinator,
                Kafka::OffsetCommit {
                    group: self.segment,
                    correlation,
                    member,
                    generation: memory.generation,
                    offsets,
                },
            );
        }
        correlation
    }

    /// The application's commit is through, or was refused: `CommitFailedException`, and the loop goes on.
    fn committed(&self, memory: &mut Memory, cx: &mut Context) {
        memory.commit = None;
        memory.asked = None;
        match memory.step {
            Step::CommittingBefore => self.work(memory, cx),
            Step::CommittingAfter => {
                memory.step = Step::Polling;
                cx.after(Span::ZERO, Message::Poll);
            }
            Step::Revoking => self.give_up(memory, cx),
            _ => {}
        }
    }

    /// Eager: everything is given up before the group is asked for a new share.
    fn give_up(&self, memory: &mut Memory, cx: &mut Context) {
        let partitions: Vec<PartitionId> = memory.positions.keys().copied().collect();
        if !partitions.is_empty() {
            cx.note(Fact::Revoked {
                segment: self.segment,
                partitions,
            });
        }
        memory.positions.clear();
        memory.stored.clear();
        memory.fetched.clear();
        memory.fetching.clear();
        memory.rejoin = false;
        memory.asked = None;
        memory.step = Step::Joining;
        self.join(memory, cx);
    }

    // ---- what the brokers say ----------------------------------------------------------------------------------

    fn on_kafka(&self, memory: &mut Memory, from: HostId, message: Kafka, cx: &mut Context) {
        match message {
            Kafka::Metadata { leaders } => {
                memory.leaders = leaders;
            }
            Kafka::JoinGroupResponse { result } if memory.step == Step::Joining => {
                memory.asked = None;
                match result {
                    Ok((member, generation, partitions)) => {
                        memory.member = Some(member);
                        memory.generation = generation;
                        memory.left = false;
                        memory.positions = partitions.iter().map(|&p| (p, 0)).collect();
                        cx.note(Fact::Assigned {
                            segment: self.segment,
                            generation,
                            partitions,
                        });
                        memory.last_commit = cx.now();
                        memory.step = Step::Positioning;
                        self.position(memory, cx);
                    }
                    Err(ErrorCode::UnknownMemberId) => {
                        memory.member = None;
                        self.join(memory, cx);
                    }
                    Err(_) => self.lost_coordinator(memory, from),
                }
            }
            Kafka::GroupHeartbeatResponse { generation, error }
                if generation == memory.generation =>
            {
                match error {
                    None => {}
                    Some(ErrorCode::NotCoordinator) => self.lost_coordinator(memory, from),
                    Some(error) => {
                        if error != ErrorCode::RebalanceInProgress {
                            self.disown(memory);
                        }
                        memory.rejoin = true;
                    }
                }
            }
            Kafka::OffsetFetchResponse { result } if memory.step == Step::Positioning => {
                memory.asked = None;
                match result {
                    Ok(offsets) => self.positioned(memory, &offsets, cx),
                    Err(_) => self.lost_coordinator(memory, from),
                }
            }
            Kafka::OffsetCommitResponse { correlation, error } => {
                match error {
                    Some(ErrorCode::NotCoordinator) => return self.lost_coordinator(memory, from),
                    Some(_) => memory.rejoin = true,
                    None => {}
                }
                let waits = memory.commit.as_ref();
                let waited_for = waits.is_some_and(|&(waiting, _)| waiting == correlation);
                if error.is_some() {
                    self.disown(memory);
                }
                let stops = self.config.on_commit_failed == OnCommitFailed::Stop;
                if waited_for && error.is_some() && stops {
                    memory.step = Step::Failed;
                    memory.rejoin = false;
                    memory.todo.clear();
                    memory.threads.fill(None);
                    cx.note_setting(
                        "consumer.on.commit.failed",
                        Fact::QueryFailed {
                            segment: self.segment,
                            error: "CommitFailedException".into(),
                        },
                    );
                    return;
                }
                if waited_for && error.is_some() && memory.step == Step::CommittingBefore {
                    // `CommitFailedException` comes before the work: these records are somebody else's.
                    memory.todo.clear();
                    memory.step = Step::CommittingAfter;
                }
                if waited_for {
                    self.committed(memory, cx);
                }
            }
            Kafka::Offset { partition, result } => {
                memory.fetching.remove(&partition);
                let mine = memory.positions.contains_key(&partition)
                    && !memory.fetched.contains_key(&partition);
                match result {
                    Ok(offset) if mine => {
                        memory.positions.insert(partition, offset);
                        memory.fetched.insert(partition, (offset, VecDeque::new()));
                        cx.note_setting(
                            "auto.offset.reset",
                            Fact::Positioned {
                                segment: self.segment,
                                positions: vec![(partition, offset)],
                                reset: true,
                            },
                        );
                    }
                    Ok(_) => {}
                    Err(_) => self.forget(memory, from),
                }
            }
            Kafka::ReadResponse {
                partition,
                offset,
                next,
                result,
            } => {
                memory.fetching.remove(&partition);
                match result {
                    Ok(records) => self.take(memory, partition, (offset, next), records, cx),
                    Err(ErrorCode::OffsetOutOfRange) => {
                        memory.fetched.remove(&partition);
                        self.reset(memory, partition, cx);
                    }
                    Err(_) => self.forget(memory, from),
                }
            }
            _ => {}
        }
    }

    fn take(
        &self,
        memory: &mut Memory,
        partition: PartitionId,
        (asked, after): (u64, u64),
        records: Vec<(u64, Record)>,
        cx: &mut Context,
    ) {
        let Some((next, buffered)) = memory.fetched.get_mut(&partition) else {
            return;
        };
        if *next != asked || after == asked {
            return;
        }
        *next = after;
        // Markers and what is hidden are passed: the position moves with them.
        if records.is_empty() && buffered.is_empty() {
            memory.positions.insert(partition, after);
            return;
        }
        buffered.extend(records);
        if memory.step == Step::Polling {
            self.poll(memory, cx);
        }
    }

    /// The generation is over without this member: its next commit means nothing, and its partitions are somebody else's.
    fn disown(&self, memory: &mut Memory) {
        memory.rejoin = true;
        memory.left = true;
        memory.stored.clear();
    }

    fn lost_coordinator(&self, memory: &mut Memory, broker: HostId) {
        self.forget(memory, broker);
        memory.asked = None;
    }

    fn forget(&self, memory: &mut Memory, broker: HostId) {
        for leader in &mut memory.leaders {
            if *leader == Some(broker) {
                *leader = None;
            }
        }
    }
}
