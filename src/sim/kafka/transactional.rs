//! The client's side of transactions: identity, sends, offsets, commit and abort.
//!
//! Mirrors: `TransactionManager` with its states, and `Sender` as far as a transaction needs it; KIP-98, KIP-360, KIP-447,
//! KIP-890.
//! Simplified: one batch of a partition is in flight at a time, which changes no outcome of an idempotent writer; a record
//! joins the newest batch of its partition until that is sent; time is looked at every 10 ms.

use super::log::{last_sequence, next_sequence};
use super::protocol::{
    Acks, Batch, BatchName, ErrorCode, Internal, MemberId, Message, PartitionId, Positions, Writer,
};
use crate::sim::kernel::rng::mix;
use crate::sim::kernel::{Context, HostId, Span, Time};
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::trace::{Fact, SegmentId};
use crate::sim::workload::Record;
use std::collections::VecDeque;

/// How often time is looked at.
pub const TICK: Span = Span::from_ms(10);
/// The pause after CONCURRENT_TRANSACTIONS (`TransactionManager.ADD_PARTITIONS_RETRY_BACKOFF_MS`).
const SOON: Span = Span::from_ms(20);

/// What the application sets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Not set: a plain idempotent producer, whose `commit` is a `flush`.
    pub id: Option<String>,
    pub timeout: Span,
    /// `transaction.version`, which the client learns from the cluster.
    pub version: u8,
    pub linger: Span,
    /// Records that fill a batch.
    pub batch: usize,
    pub request_timeout: Span,
    pub delivery_timeout: Span,
    pub backoff: Span,
    pub brokers: Vec<HostId>,
    pub internal: Internal,
}

/// Offsets that are committed with the transaction, and who commits them.
#[derive(Clone, Debug)]
pub struct Offsets {
    pub group: SegmentId,
    /// The member and its generation, if the consumer's own metadata go along.
    pub member: Option<(MemberId, u32)>,
    pub positions: Positions,
}

/// What the application hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// `flush()` is through: everything is acknowledged.
    Flushed,
    Ended {
        commit: bool,
    },
    /// Something failed: only an abort is possible now, and then everything again.
    MustAbort(ErrorCode),
    /// This instance may do nothing any more. It must be closed.
    Fatal(ErrorCode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    Open,
    Flushing,
    Ending { commit: bool },
    Abortable,
    Fatal,
}

#[derive(Clone, Debug)]
struct Pending {
    name: BatchName,
    records: Vec<Record>,
    created: Time,
    ready_at: Time,
    attempts: u32,
    writer: Option<Writer>,
    in_flight: Option<(HostId, u64, Time)>,
}

/// One instance with a transactional id.
#[derive(Clone, Debug)]
pub struct Client {
    pub settings: Settings,
    phase: Phase,
    leaders: Vec<Option<HostId>>,
    asked_metadata: usize,
    identity: (u64, u16),
    /// Version 1: a batch with a sequence was given up, so nothing fits behind it in this epoch.
    bumps: bool,
    sequences: OrdMap<PartitionId, u32>,
    /// Batches made, by partition.
    made: OrdMap<PartitionId, u32>,
    queues: OrdMap<PartitionId, VecDeque<Pending>>,
    /// Partitions of this transaction.
    touched: OrdSet<PartitionId>,
    /// Version 1: partitions that the coordinator knows.
    added: OrdSet<PartitionId>,
    offsets: Option<Offsets>,
    /// The outstanding question to a coordinator.
    asked: Option<(HostId, Time)>,
    /// No question before this.
    ask_at: Time,
    correlations: u64,
}

impl Client {
    pub fn new(settings: Settings, leaders: Vec<Option<HostId>>) -> Self {
        Client {
            settings,
            phase: Phase::Starting,
            leaders,
            asked_metadata: 0,
            identity: (0, 0),
            bumps: false,
            sequences: OrdMap::new(),
            made: OrdMap::new(),
            queues: OrdMap::new(),
            touched: OrdSet::new(),
            added: OrdSet::new(),
            offsets: None,
            asked: None,
            ask_at: Time::ZERO,
            correlations: 0,
        }
    }

    /// A new instance in the same process: names of batches go on.
    pub fn renewed(&self) -> Self {
        Client {
            made: self.made.clone(),
            correlations: self.correlations,
            ..Client::new(self.settings.clone(), self.leaders.clone())
        }
    }

    /// A new instance with another id in the same process: names of batches go on.
    pub fn successor(&self, id: Option<String>) -> Self {
        let settings = Settings {
            id,
            ..self.settings.clone()
        };
        Client {
            made: self.made.clone(),
            correlations: self.correlations,
            ..Client::new(settings, self.leaders.clone())
        }
    }

    /// A new instance that ends a transaction which another one has written and flushed. Source:
    /// `FlinkKafkaInternalProducer.resumeTransaction`.
    pub fn resumed(&self, id: String, identity: (u64, u16)) -> Self {
        Client {
            phase: Phase::Ending { commit: true },
            identity,
            touched: [self.settings.internal.transactions].into(),
            ..self.successor(Some(id))
        }
    }

    /// Whether everything is acknowledged.
    pub fn is_sent(&self) -> bool {
        self.queues.values().all(VecDeque::is_empty)
    }

    /// Producer id and epoch.
    pub fn identity(&self) -> (u64, u16) {
        self.identity
    }

    /// Whether a transaction may begin.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// `flush()`: sends what is waiting, and hears when all of it is acknowledged.
    pub fn flush(&mut self) {
        self.phase = Phase::Flushing;
    }

    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// `beginTransaction()` is local.
    pub fn begin(&mut self, cx: &mut Context) {
        self.phase = Phase::Open;
        if let Some(id) = self.settings.id.clone() {
            cx.note(Fact::TransactionBegan { id });
        }
    }

    pub fn send(&mut self, partition: PartitionId, record: Record, cx: &Context) {
        let queue = self.queues.entry(partition).or_default();
        if let Some(open) = queue
            .back_mut()
            .filter(|batch| batch.attempts == 0 && batch.records.len() < self.settings.batch)
        {
            open.records.push(record);
            return;
        }
        let made = self.made.entry(partition).or_insert(0);
        let name = BatchName {
            producer: cx.host(),
            session: cx.incarnation(),
            partition,
            ordinal: *made,
        };
        *made += 1;
        queue.push_back(Pending {
            name,
            records: vec![record],
            created: cx.now(),
            ready_at: cx.now() + self.settings.linger,
            attempts: 0,
            writer: None,
            in_flight: None,
        });
    }

    /// `sendOffsetsToTransaction(offsets, groupMetadata)`
    pub fn send_offsets(&mut self, offsets: Offsets) {
        self.offsets = Some(offsets);
    }

    /// `commitTransaction()` flushes first.
    pub fn commit(&mut self) {
        self.phase = Phase::Ending { commit: true };
    }

    /// `abortTransaction()`: what was not sent is dropped.
    pub fn abort(&mut self) {
        self.phase = Phase::Ending { commit: false };
        self.offsets = None;
        for queue in self.queues.values_mut() {
            queue.retain(|batch| batch.in_flight.is_some());
        }
    }

    fn leader(&self, partition: PartitionId) -> Option<HostId> {
        self.leaders
            .get(usize::from(partition.0))
            .copied()
            .flatten()
    }

    /// Does what can be done now.
    pub fn run(&mut self, cx: &mut Context) -> Option<News> {
        if let Some(error) = self.expire(cx) {
            return Some(self.fail(error, cx));
        }
        match self.phase {
            Phase::Starting => {
                let message = match self.settings.id.clone() {
                    Some(id) => Message::InitTransactions {
                        id,
                        current: self.bumps.then_some(self.identity),
                        timeout: self.settings.timeout,
                    },
                    None => Message::InitProducerId,
                };
                self.ask(self.settings.internal.transactions, message, cx);
            }
            Phase::Open => self.send_batches(false, cx),
            Phase::Flushing => {
                self.send_batches(true, cx);
                if self.queues.values().all(VecDeque::is_empty) {
                    self.phase = match self.settings.id {
                        Some(_) => Phase::Open,
                        None => Phase::Ready,
                    };
                    return Some(News::Flushed);
                }
            }
            Phase::Ending { commit } => {
                self.send_batches(true, cx);
                let sending = self.queues.values().any(|queue| !queue.is_empty());
                if sending || (commit && self.send_pending_offsets(cx)) {
                    return None;
                }
                if self.touched.is_empty() {
                    // Nothing was sent, so the coordinator knows of nothing.
                    self.phase = self.after_end();
                    return Some(News::Ended { commit });
                }
                let (producer_id, epoch) = self.identity;
                let message = Message::EndTxn {
                    producer_id,
                    epoch,
                    commit,
                };
                self.ask(self.settings.internal.transactions, message, cx);
            }
            Phase::Ready | Phase::Abortable | Phase::Fatal => {}
        }
        None
    }

    /// Asks a coordinator, one question at a time.
    fn ask(&mut self, partition: PartitionId, message: Message, cx: &mut Context) {
        if self.asked.is_none()
            && cx.now() >= self.ask_at
            && let Some(coordinator) = self.leader(partition)
        {
            self.asked = Some((coordinator, cx.now()));
            cx.send(coordinator, message);
        }
    }

    /// With version 1 the coordinator is told of a partition before it is written to. True: it is not yet.
    fn announces(&mut self, partition: PartitionId, cx: &mut Context) -> bool {
        let plain = self.settings.id.is_none();
        if plain || self.settings.version >= 2 || self.added.contains(&partition) {
            return false;
        }
        let (producer_id, epoch) = self.identity;
        let message = Message::AddPartitions {
            producer_id,
            epoch,
            partitions: vec![partition],
            add: true,
        };
        self.ask(self.settings.internal.transactions, message, cx);
        true
    }

    /// True while offsets are still on their way.
    fn send_pending_offsets(&mut self, cx: &mut Context) -> bool {
        let Some(offsets) = self.offsets.clone() else {
            return false;
        };
        let groups = self.settings.internal.groups;
        if !self.announces(groups, cx) {
            let (producer_id, epoch) = self.identity;
            self.touched.insert(groups);
            let message = Message::TxnOffsetCommit {
                group: offsets.group,
                member: offsets.member,
                producer_id,
                epoch,
                offsets: offsets.positions,
            };
            self.ask(groups, message, cx);
        }
        true
    }

    fn send_batches(&mut self, flush: bool, cx: &mut Context) {
        let now = cx.now();
        let ready = |queue: &VecDeque<Pending>| {
            let head = queue.front()?;
            let full = head.records.len() >= self.settings.batch || queue.len() > 1;
            let due = head.ready_at <= now || ((flush || full) && head.attempts == 0);
            (head.in_flight.is_none() && due).then_some(head.name.partition)
        };
        let partitions: Vec<PartitionId> = self.queues.values().filter_map(ready).collect();
        for partition in partitions {
            let Some(leader) = self.leader(partition) else {
                continue;
            };
            if self.announces(partition, cx) {
                continue;
            }
            self.touched.insert(partition);
            self.correlations += 1;
            let correlation =
                mix(u64::from(cx.host().0) << 32 | u64::from(cx.incarnation())) ^ self.correlations;
            let sequence = self.sequences.entry(partition).or_insert(0);
            let queue = self.queues.get_mut(&partition);
            let Some(head) = queue.and_then(VecDeque::front_mut) else {
                continue;
            };
            let transactional = self.settings.id.is_some();
            let (producer_id, epoch) = self.identity;
            let writer = *head.writer.get_or_insert_with(|| {
                let first = *sequence;
                *sequence = next_sequence(last_sequence(first, head.records.len() as u64));
                Writer {
                    producer_id,
                    epoch,
                    sequence: first,
                    transactional,
                }
            });
            head.attempts += 1;
            head.in_flight = Some((leader, correlation, now));
            cx.note(Fact::BatchSent {
                batch: head.name,
                to: leader,
                attempt: head.attempts,
                sequence: Some(writer.sequence),
                origins: head.records.iter().map(|record| record.origin).collect(),
            });
            let batch = Batch {
                name: head.name,
                writer: Some(writer),
                records: head.records.clone(),
                entry: None,
            };
            cx.send(
                leader,
                Message::Produce {
                    correlation,
                    attempt: head.attempts,
                    acks: Acks::All,
                    timeout: self.settings.request_timeout,
                    batches: vec![batch],
                },
            );
        }
    }

    /// Overdue requests break their connection; an overdue record ends the transaction.
    fn expire(&mut self, cx: &mut Context) -> Option<ErrorCode> {
        if matches!(self.phase, Phase::Abortable | Phase::Fatal) {
            return None;
        }
        let now = cx.now();
        let limit = self.settings.request_timeout;
        let asked = self.asked.filter(|(_, since)| now.since(*since) >= limit);
        let sent = self
            .queues
            .values()
            .flatten()
            .filter_map(|batch| batch.in_flight);
        let overdue = sent.filter(|(_, _, since)| now.since(*since) >= limit);
        let late: Vec<HostId> = asked
            .map(|(host, _)| host)
            .into_iter()
            .chain(overdue.map(|(host, ..)| host))
            .collect();
        for broker in late {
            cx.close(broker);
            self.on_disconnected(broker, cx);
        }
        let old = |batch: &Pending| now.since(batch.created) >= self.settings.delivery_timeout;
        let open = matches!(
            self.phase,
            Phase::Open | Phase::Flushing | Phase::Ending { commit: true }
        );
        let expired = open && self.queues.values().flatten().any(old);
        expired.then_some(ErrorCode::DeliveryTimeout)
    }

    /// A new epoch begins sequences at 0. With version 2 every end brings one; with version 1 it is asked for where it is
    /// needed. Source: `TransactionManager.bumpIdempotentEpochAndResetIdIfNeeded`, `epochBumpRequired`; KIP-360.
    fn after_end(&self) -> Phase {
        if self.bumps {
            Phase::Starting
        } else {
            Phase::Ready
        }
    }

    fn fail(&mut self, error: ErrorCode, cx: &mut Context) -> News {
        let numbered = |batch: &Pending| batch.writer.is_some();
        let given_up = self.queues.values().flatten().any(numbered);
        self.bumps |= self.settings.version < 2 && self.settings.id.is_some() && given_up;
        for queue in self.queues.values_mut() {
            queue.clear();
        }
        let fatal = matches!(
            error,
            ErrorCode::ProducerFenced | ErrorCode::InvalidTransactionTimeout
        );
        let text = if fatal {
            format!("{error}: the producer must be closed")
        } else {
            format!("{error}: the transaction can only be aborted")
        };
        let setting = match error {
            ErrorCode::DeliveryTimeout => "delivery.timeout.ms",
            ErrorCode::InvalidTransactionTimeout => "transaction.max.timeout.ms",
            _ => "transactional.id",
        };
        cx.note_setting(setting, Fact::Noted { text });
        if fatal {
            self.phase = Phase::Fatal;
            News::Fatal(error)
        } else {
            self.phase = Phase::Abortable;
            News::MustAbort(error)
        }
    }

    /// Asks somebody who leads what.
    pub fn refresh(&mut self, cx: &mut Context) {
        if self.leaders.iter().any(Option::is_none) {
            self.asked_metadata += 1;
            let next = self.asked_metadata % self.settings.brokers.len();
            cx.send(self.settings.brokers[next], Message::MetadataRequest);
        }
    }

    pub fn on_disconnected(&mut self, broker: HostId, cx: &Context) {
        for leader in self
            .leaders
            .iter_mut()
            .filter(|leader| **leader == Some(broker))
        {
            *leader = None;
        }
        if self.asked.is_some_and(|(asked, _)| asked == broker) {
            self.asked = None;
        }
        for batch in self.queues.values_mut().flatten() {
            if batch.in_flight.is_some_and(|(to, ..)| to == broker) {
                batch.in_flight = None;
                batch.ready_at = cx.now() + self.settings.backoff;
            }
        }
    }

    /// Takes in an answer.
    pub fn on_kafka(&mut self, from: HostId, message: Message, cx: &mut Context) -> Option<News> {
        match message {
            Message::Metadata { leaders } => {
                self.leaders = leaders;
                None
            }
            Message::ProduceResponse {
                correlation,
                results,
            } => self.on_produced(correlation, &results, cx),
            Message::InitTransactionsResponse { result } if self.phase == Phase::Starting => {
                self.asked = None;
                match result {
                    Ok(identity) => {
                        self.take_identity(identity, cx);
                        self.phase = Phase::Ready;
                        None
                    }
                    Err(error) => self.on_error(from, error, cx),
                }
            }
            Message::ProducerId { producer_id, epoch } if self.phase == Phase::Starting => {
                self.asked = None;
                self.take_identity((producer_id, epoch), cx);
                self.phase = Phase::Ready;
                None
            }
            Message::AddPartitionsResponse {
                partition, error, ..
            } => {
                self.asked = None;
                match error {
                    None => {
                        self.added.insert(partition);
                        self.touched.insert(partition);
                        None
                    }
                    Some(ErrorCode::InvalidProducerEpoch) => {
                        Some(self.fail(ErrorCode::ProducerFenced, cx))
                    }
                    Some(error) => self.on_error(from, error, cx),
                }
            }
            Message::TxnOffsetCommitResponse { error } => {
                self.asked = None;
                match error {
                    None => {
                        self.offsets = None;
                        None
                    }
                    Some(error) => self.on_error(from, error, cx),
                }
            }
            Message::EndTxnResponse { result } => {
                self.asked = None;
                let Phase::Ending { commit } = self.phase else {
                    return None;
                };
                match result {
                    Ok(identity) => {
                        if identity != self.identity {
                            self.take_identity(identity, cx);
                        }
                        self.touched.clear();
                        self.added.clear();
                        self.phase = self.after_end();
                        Some(News::Ended { commit })
                    }
                    Err(error) => self.on_error(from, error, cx),
                }
            }
            _ => None,
        }
    }

    fn take_identity(&mut self, identity: (u64, u16), cx: &mut Context) {
        self.identity = identity;
        self.bumps = false;
        self.sequences.clear();
        let (producer_id, epoch) = identity;
        cx.note(Fact::ProducerIdAssigned { producer_id, epoch });
    }

    /// Asks again later, or fails.
    fn on_error(&mut self, from: HostId, error: ErrorCode, cx: &mut Context) -> Option<News> {
        if error == ErrorCode::NotCoordinator {
            self.on_disconnected(from, cx);
        }
        if error.is_retriable() {
            self.ask_at = cx.now() + SOON;
            return None;
        }
        Some(self.fail(error, cx))
    }

    fn on_produced(
        &mut self,
        correlation: u64,
        results: &[(PartitionId, Result<u64, ErrorCode>)],
        cx: &mut Context,
    ) -> Option<News> {
        let (partition, result) = *results.first()?;
        let queue = self.queues.get_mut(&partition)?;
        let answered = |batch: &&mut Pending| {
            batch
                .in_flight
                .is_some_and(|(_, waiting, _)| waiting == correlation)
        };
        let head = queue.front_mut().filter(answered)?;
        head.in_flight = None;
        match result {
            Ok(base_offset) => {
                let batch = queue.pop_front()?;
                cx.note(Fact::Acknowledged {
                    batch: batch.name,
                    base_offset: Some(base_offset),
                    origins: batch.records.iter().map(|record| record.origin).collect(),
                });
                None
            }
            Err(error) if error.is_retriable() => {
                let soon = error == ErrorCode::ConcurrentTransactions;
                let retry_in = if soon { SOON } else { self.settings.backoff };
                head.ready_at = cx.now() + retry_in;
                cx.note(Fact::AttemptFailed {
                    batch: head.name,
                    attempt: head.attempts,
                    error,
                    retry_in,
                });
                if error == ErrorCode::NotLeaderOrFollower
                    && let Some(leader) = self.leaders.get_mut(usize::from(partition.0))
                {
                    *leader = None;
                }
                // An abort waits for what is in flight only.
                if self.phase == (Phase::Ending { commit: false }) {
                    queue.clear();
                }
                None
            }
            Err(_) if self.phase == (Phase::Ending { commit: false }) => {
                queue.clear();
                None
            }
            Err(error) => Some(self.fail(error, cx)),
        }
    }
}
