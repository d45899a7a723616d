//! The producer and the application around it: the Java client, or librdkafka where it differs.
//!
//! Mirrors: `RecordAccumulator`, `Sender`, `TransactionManager` (idempotence only), `NetworkClient`, KIP-98, KIP-360.
//! Of librdkafka: `rd_kafka_broker_produce_toppar`, `rd_kafka_broker_timeout_scan`, as far as recordings of it show them.
//! Simplified: compression, `flush()` and metadata ageing are not modelled; the application has one thread, and keeps what is unconfirmed in an outbox on disk and sends a failed record again once, if at all.

use super::config::{Client, OnError, ProducerConfig, RecordKey};
use super::log::{last_sequence, next_sequence};
use super::partitioner::partition_for;
use super::protocol::{Acks, Batch, BatchName, ErrorCode, Message, PartitionId, Writer};
use crate::sim::FULL;
use crate::sim::compact::gather;
use crate::sim::kernel::rng::mix;
use crate::sim::kernel::{Context, HostId, Program, Span, Time};
use crate::sim::message;
use crate::sim::ordered::OrdMap;
use crate::sim::trace::{Fact, FactId};
use crate::sim::workload::{RECORD_BYTES, Record};
use std::collections::VecDeque;

/// How long a round of a thread of librdkafka takes on average, as its log shows on the loopback interface.
const ROUND: Span = Span::from_micros(100);

/// A producer's configuration.
#[derive(Clone)]
pub struct Producer {
    pub config: ProducerConfig,
    pub partitions: u16,
    pub brokers: Vec<HostId>,
    /// Who led at the start: the metadata of a client that has been running for a while.
    pub leaders: Vec<Option<HostId>>,
}

/// The application's outbox: records without a report yet, oldest first, each under a number of its own.
#[derive(Clone, Default)]
pub struct Disk {
    outbox: OrdMap<u64, Record>,
    written: u64,
}

#[derive(Clone)]
pub struct Memory {
    /// Index: partition.
    queues: Vec<Queue>,
    connections: OrdMap<HostId, Connection>,
    leaders: Vec<Option<HostId>>,
    asking_metadata: bool,
    /// Not before this: the last answer knew no leader either, or librdkafka had nobody to ask.
    metadata_at: Time,
    /// librdkafka: when it was started, and before when it begins no further connection without a reason.
    booted: Time,
    connect_at: Time,
    /// Producer id and epoch, once they are assigned.
    identity: Option<(u64, u16)>,
    asking_identity: bool,
    correlations: u64,
    /// Sends that repeat a failed one, by their number in the outbox.
    sent_again: Vec<u64>,
    /// Records that wait for memory, each with its number and what caused it: the first one's `send()` blocks the
    /// application since then, the others are behind it.
    blocked: VecDeque<(u64, Record, Option<FactId>)>,
    blocked_since: Time,
    sticky: Sticky,
    /// The earliest wake-up asked for that is still to come.
    wake: Option<Time>,
}

#[derive(Clone, Default)]
struct Queue {
    batches: VecDeque<Pending>,
    in_flight: u32,
    made: u32,
    /// The epoch that its sequences belong to; the producer's own may be newer.
    epoch: u16,
    next_sequence: u32,
    last_acknowledged: Option<u32>,
    /// The sequence after a batch that was given up while it was being repeated: nobody knows whether the broker has it.
    /// Nothing new goes out until those behind it have settled.
    unresolved: Option<u32>,
    /// There is a gap that nothing will fill: the epoch is bumped.
    gap: bool,
}

/// A batch on its way, from the first record in it to the report.
#[derive(Clone)]
struct Pending {
    name: BatchName,
    records: Vec<Record>,
    /// The outbox numbers of its records.
    numbers: Vec<u64>,
    created: Time,
    attempts: u32,
    /// Not before this: retry back-off.
    ready_at: Time,
    closed: bool,
    /// librdkafka: it is in a request that is made and waits for room on the connection.
    made: bool,
    /// It is a piece of one that was too large, or the same one after a first attempt to split it.
    split: bool,
    /// It has failed before and was put back.
    repeated: bool,
    writer: Option<Writer>,
    /// The last fact of its story: what comes next was caused by it.
    cause: Option<FactId>,
}

#[derive(Clone)]
struct Connection {
    state: Link,
    failures: u32,
    requests: VecDeque<InFlight>,
    /// librdkafka: no further request before this.
    free_at: Time,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Down { until: Time },
    Connecting,
    Up,
}

#[derive(Clone)]
struct InFlight {
    correlation: u64,
    sent: Time,
    batches: Vec<Pending>,
}

impl Memory {
    /// Whether every send has been reported.
    pub fn is_idle(&self) -> bool {
        let queued = self.queues.iter().any(|queue| !queue.batches.is_empty());
        !queued
            && self.blocked.is_empty()
            && self
                .connections
                .values()
                .all(|connection| connection.requests.is_empty())
    }
}

impl Queue {
    /// Whether a batch with a sequence is on the wire or waits for its repeat.
    fn is_open(&self) -> bool {
        self.in_flight > 0 || self.batches.iter().any(|batch| batch.writer.is_some())
    }

    /// Where a batch belongs among those that wait: its records are numbered in the order of their sends.
    fn position_of(&self, batch: &Pending) -> usize {
        self.batches
            .partition_point(|other| other.numbers.first() < batch.numbers.first())
    }

    /// The batch that goes out next: one whose request is made, or the oldest.
    fn next(&self) -> usize {
        let made = self.batches.iter().position(|batch| batch.made);
        made.unwrap_or(0)
    }

    /// librdkafka numbers records when they are sent to it, so one that timed out leaves a gap whether it was on the wire or
    /// not. The epoch is bumped for it only where the partition's leader is known: what waits for a leader is looked through
    /// by another thread, which does not think of that, and the next batch meets the gap. Source:
    /// `rd_kafka_toppar_producer_serve`, `rd_kafka_broker_toppars_timeout_scan`.
    fn leave_out(&mut self, batch: &Pending, led: bool) {
        if led {
            self.gap = true;
        } else if batch.writer.is_none() && self.next_sequence > 0 {
            let count = batch.records.len() as u64;
            self.next_sequence = next_sequence(last_sequence(self.next_sequence, count));
        }
    }

    /// Sequences begin at 0 in a new epoch; a batch that is not on the wire gets a new one.
    fn begin_epoch(&mut self, epoch: u16) {
        self.epoch = epoch;
        self.next_sequence = 0;
        self.last_acknowledged = None;
        self.unresolved = None;
        self.gap = false;
        for batch in &mut self.batches {
            batch.writer = None;
        }
    }
}

impl Program for Producer {
    type Disk = Disk;
    type Memory = Memory;

    fn boot(&self, disk: &mut Disk, cx: &mut Context) -> Memory {
        let connection = || Connection {
            state: Link::Down { until: Time::ZERO },
            failures: 0,
            requests: VecDeque::new(),
            free_at: Time::ZERO,
        };
        let mut memory = Memory {
            queues: vec![Queue::default(); usize::from(self.partitions)],
            connections: gather(self.brokers.iter().map(|&broker| (broker, connection()))),
            leaders: self.leaders.clone(),
            asking_metadata: false,
            metadata_at: Time::ZERO,
            booted: cx.now(),
            connect_at: Time::ZERO,
            identity: None,
            asking_identity: false,
            correlations: 0,
            sent_again: Vec::new(),
            blocked: VecDeque::new(),
            blocked_since: Time::ZERO,
            sticky: Sticky::default(),
            wake: None,
        };
        if !disk.outbox.is_empty() {
            let origins = disk.outbox.values().map(|record| record.origin).collect();
            cx.note(Fact::Resent { origins });
            let cause = cx.cause();
            for (&number, record) in &disk.outbox {
                self.hand_over(&mut memory, number, record.clone(), cause, cx);
            }
        }
        self.run(disk, &mut memory, cx);
        memory
    }

    fn on_message(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        from: HostId,
        message: message::Message,
        cx: &mut Context,
    ) {
        match message {
            message::Message::Order(record) => {
                let number = disk.written;
                disk.written += 1;
                disk.outbox.insert(number, record.clone());
                let cause = cx.cause();
                self.hand_over(memory, number, record, cause, cx);
            }
            message::Message::Disconnected => self.on_disconnected(disk, memory, from, cx),
            message::Message::Kafka(Message::Connected) => {
                let connection = connection(memory, from);
                connection.state = Link::Up;
                connection.failures = 0;
            }
            message::Message::Kafka(Message::Metadata { leaders }) => {
                memory.leaders = leaders;
                memory.asking_metadata = false;
                memory.metadata_at = cx.now() + Span::from_ms(self.config.retry_backoff_ms);
            }
            message::Message::Kafka(Message::ProducerId { producer_id, epoch }) => {
                memory.identity = Some((producer_id, epoch));
                memory.asking_identity = false;
                cx.note(Fact::ProducerIdAssigned { producer_id, epoch });
            }
            message::Message::Kafka(Message::ProduceResponse {
                correlation,
                results,
            }) => {
                self.on_response(disk, memory, from, correlation, &results, cx);
            }
            message::Message::Kafka(Message::Send) if memory.wake == Some(cx.now()) => {
                memory.wake = None
            }
            _ => return,
        }
        self.run(disk, memory, cx);
    }
}

fn connection(memory: &mut Memory, broker: HostId) -> &mut Connection {
    memory
        .connections
        .get_mut(&broker)
        .expect("every broker has a connection")
}

/// Whether there is no connection to any broker.
fn is_cut_off(memory: &Memory) -> bool {
    !memory.connections.values().any(|c| c.state == Link::Up)
}

/// The partition that records without a key go to for now.
#[derive(Clone, Default)]
struct Sticky {
    partition: Option<PartitionId>,
    bytes: u64,
    since: Time,
    drawn: u64,
}

impl Pending {
    fn has_room(&self, batch_size: u64) -> bool {
        !self.closed && self.bytes() + RECORD_BYTES <= batch_size
    }

    fn bytes(&self) -> u64 {
        self.records.len() as u64 * RECORD_BYTES
    }

    fn batch(&self) -> Batch {
        Batch {
            name: self.name,
            writer: self.writer,
            records: self.records.clone(),
            entry: None,
        }
    }

    fn sequences(&self) -> Option<(u32, u32)> {
        self.writer.map(|writer| {
            (
                writer.sequence,
                last_sequence(writer.sequence, self.records.len() as u64),
            )
        })
    }
}

impl Producer {
    /// Adds a record to the open batch of its partition, or opens one.
    fn accumulate(
        &self,
        memory: &mut Memory,
        number: u64,
        record: Record,
        cause: Option<FactId>,
        cx: &mut Context,
    ) {
        let partition = self.partition(memory, &record, cx);
        let queue = &mut memory.queues[usize::from(partition.0)];
        let batch_size = self.config.batch_size();
        if let Some(open) = queue
            .batches
            .back_mut()
            .filter(|batch| batch.has_room(batch_size))
        {
            open.records.push(record);
            open.numbers.push(number);
            self.count_sticky(memory, partition);
            return;
        }
        let name = self.name_batch(memory, partition, cx);
        let queue = &mut memory.queues[usize::from(partition.0)];
        queue.batches.push_back(Pending {
            name,
            records: vec![record],
            numbers: vec![number],
            created: cx.now(),
            attempts: 0,
            ready_at: cx.now() + Span::from_ms(self.config.linger_ms),
            closed: false,
            made: false,
            split: false,
            repeated: false,
            writer: None,
            cause,
        });
        self.count_sticky(memory, partition);
    }

    /// `send()`: takes the record, or blocks the application while the buffer is full.
    fn hand_over(
        &self,
        memory: &mut Memory,
        number: u64,
        record: Record,
        cause: Option<FactId>,
        cx: &mut Context,
    ) {
        if memory.blocked.is_empty() && self.has_memory(memory, &record, cx) {
            self.accumulate(memory, number, record, cause, cx);
            return;
        }
        if memory.blocked.is_empty() {
            memory.blocked_since = cx.now();
        }
        memory.blocked.push_back((number, record, cause));
    }

    /// A batch takes `batch.size` bytes however few records it holds, until it is reported. Source: `BufferPool`.
    fn has_memory(&self, memory: &mut Memory, record: &Record, cx: &mut Context) -> bool {
        let batch_size = self.config.batch_size();
        let partition = self.partition(memory, record, cx);
        let open = memory.queues[usize::from(partition.0)].batches.back();
        if open.is_some_and(|batch| batch.has_room(batch_size)) {
            return true;
        }
        let queued: usize = memory.queues.iter().map(|queue| queue.batches.len()).sum();
        let in_flight = memory.connections.values().flat_map(|c| &c.requests);
        let in_flight: usize = in_flight.map(|request| request.batches.len()).sum();
        let taken = (queued + in_flight) as u64 * batch_size.max(RECORD_BYTES);
        taken + batch_size.max(RECORD_BYTES) <= self.config.buffer_memory()
    }

    /// Memory was freed, or `max.block.ms` has passed and `send()` throws.
    fn unblock(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        while let Some((number, record, cause)) = memory.blocked.front().cloned() {
            if self.has_memory(memory, &record, cx) {
                memory.blocked.pop_front();
                memory.blocked_since = cx.now();
                self.accumulate(memory, number, record, cause, cx);
                continue;
            }
            let limit = Span::from_ms(self.config.max_block_ms());
            if cx.now().since(memory.blocked_since) < limit {
                return;
            }
            memory.blocked.pop_front();
            memory.blocked_since = cx.now();
            let partition = self.partition(memory, &record, cx);
            let name = self.name_batch(memory, partition, cx);
            let before = cx.cause();
            cx.because(cause);
            let (numbers, records) = (vec![number], vec![record]);
            let error = ErrorCode::DeliveryTimeout;
            self.tell_failure(
                disk,
                memory,
                (name, numbers, records),
                error,
                "max.block.ms",
                cx,
            );
            cx.because(before);
        }
    }

    fn name_batch(&self, memory: &mut Memory, partition: PartitionId, cx: &Context) -> BatchName {
        let queue = &mut memory.queues[usize::from(partition.0)];
        queue.made += 1;
        BatchName {
            producer: cx.host(),
            session: cx.incarnation(),
            partition,
            ordinal: queue.made - 1,
        }
    }

    /// Where a record goes: by its key, or to the partition that the client keeps to for now.
    fn partition(&self, memory: &mut Memory, record: &Record, cx: &Context) -> PartitionId {
        if self.config.record_key == RecordKey::Customer {
            return partition_for(record.key.0.to_string().as_bytes(), self.partitions);
        }
        let sticky = &mut memory.sticky;
        // librdkafka keeps to a partition for `sticky.partitioning.linger.ms`, 10 ms.
        let librdkafka = self.config.client == Client::Librdkafka;
        let stale = librdkafka && cx.now().since(sticky.since) >= Span::from_ms(10);
        if sticky.partition.is_none() || stale {
            let index = u64::from(cx.incarnation()) << 32 | sticky.drawn;
            let drawn = cx.draw("sticky", index).below(u64::from(self.partitions));
            sticky.drawn += 1;
            sticky.bytes = 0;
            sticky.since = cx.now();
            sticky.partition = Some(PartitionId(drawn as u16));
        }
        sticky.partition.expect("it was drawn just now")
    }

    /// The Java client changes the partition after `batch.size` bytes once its batches are full, after twice as many in any
    /// case. Source: `BuiltInPartitioner.updatePartitionInfo`, KIP-794.
    fn count_sticky(&self, memory: &mut Memory, partition: PartitionId) {
        let batch_size = self.config.batch_size();
        let last = memory.queues[usize::from(partition.0)].batches.back();
        let full = last.is_none_or(|batch| !batch.has_room(batch_size));
        let sticky = &mut memory.sticky;
        sticky.bytes += RECORD_BYTES;
        let enough = (full && sticky.bytes >= batch_size) || sticky.bytes >= 2 * batch_size;
        if self.config.client == Client::Java && enough {
            sticky.partition = None;
        }
    }

    /// The sender's loop: give up what is too old, connect where needed, send what is ready, and sleep until the next time
    /// something may have changed.
    fn run(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        self.expire(disk, memory, cx);
        self.unblock(disk, memory, cx);
        self.bump_epoch(memory, cx);
        self.find_leaders(memory, cx);
        for broker in self.brokers.clone() {
            self.send_to(disk, memory, broker, cx);
        }
        self.sleep(memory, cx);
    }

    /// The partitions of a broker that have a batch to send, now or later.
    fn waiting(&self, memory: &Memory, broker: HostId) -> Vec<usize> {
        let led = |&index: &usize| {
            memory.leaders[index] == Some(broker) && !memory.queues[index].batches.is_empty()
        };
        (0..memory.queues.len()).filter(led).collect()
    }

    fn send_to(&self, disk: &mut Disk, memory: &mut Memory, broker: HostId, cx: &mut Context) {
        if self.config.idempotence() && memory.identity.is_none() {
            self.ask_identity(memory, broker, cx);
            return;
        }
        let ready: Vec<usize> = self
            .waiting(memory, broker)
            .into_iter()
            .filter(|&index| self.is_ready(memory, index, cx.now()))
            .collect();
        if ready.is_empty() || !self.is_connected(memory, broker, cx) {
            return;
        }
        let full =
            connection(memory, broker).requests.len() >= self.config.max_in_flight() as usize;
        if full || (self.is_librdkafka() && !self.has_turn(memory, broker, cx)) {
            self.make_request(memory, &ready);
            return;
        }
        let mut batches: Vec<Pending> = Vec::new();
        let mut size = 0;
        for index in ready {
            // A request holds no more than max.request.size, but one batch in any case.
            let next = memory.queues[index].next();
            size += memory.queues[index].batches[next].bytes();
            if size > self.config.max_request_size && !batches.is_empty() {
                break;
            }
            let queue = &mut memory.queues[index];
            let mut batch = queue
                .batches
                .remove(queue.next())
                .expect("a ready partition has a batch");
            batch.closed = true;
            batch.made = false;
            batch.attempts += 1;
            if let (Some((producer_id, epoch)), None) = (memory.identity, batch.writer) {
                if queue.epoch != epoch {
                    queue.begin_epoch(epoch);
                }
                batch.writer = Some(Writer {
                    producer_id,
                    epoch,
                    sequence: queue.next_sequence,
                    transactional: false,
                });
                queue.next_sequence = next_sequence(last_sequence(
                    queue.next_sequence,
                    batch.records.len() as u64,
                ));
            }
            queue.in_flight += 1;
            cx.because(batch.cause);
            batch.cause = Some(cx.note(Fact::BatchSent {
                batch: batch.name,
                to: broker,
                attempt: batch.attempts,
                sequence: batch.writer.map(|writer| writer.sequence),
                origins: batch.records.iter().map(|record| record.origin).collect(),
            }));
            batches.push(batch);
        }
        let correlation =
            mix(mix(u64::from(broker.0) << 32 | u64::from(cx.incarnation())) ^ memory.correlations);
        memory.correlations += 1;
        let attempt = batches
            .iter()
            .map(|batch| batch.attempts)
            .max()
            .unwrap_or(1);
        let message = Message::Produce {
            correlation,
            attempt,
            acks: self.config.acks,
            timeout: Span::from_ms(self.config.request_timeout_ms()),
            batches: batches.iter().map(Pending::batch).collect(),
        };
        cx.send(broker, message);
        if self.config.acks == Acks::None {
            // Success is reported as soon as the bytes are handed to the socket.
            for batch in batches {
                self.report_success(disk, memory, batch, None, cx);
            }
        } else {
            connection(memory, broker).requests.push_back(InFlight {
                correlation,
                sent: cx.now(),
                batches,
            });
        }
        // With room for one more request there may be more to send.
        self.send_to(disk, memory, broker, cx);
    }

    /// Whether the head of a partition's queue may be sent now.
    fn is_ready(&self, memory: &Memory, index: usize, now: Time) -> bool {
        let queue = &memory.queues[index];
        let Some(head) = queue.batches.front() else {
            return false;
        };
        if self.is_librdkafka() && memory.queues.iter().any(|queue| queue.gap) {
            return false;
        }
        if queue.batches[queue.next()].made {
            return true;
        }
        let full = head.attempts == 0
            && (!head.has_room(self.config.batch_size())
                || queue.batches.len() > 1
                || !memory.blocked.is_empty());
        if head.ready_at > now && !full {
            return false;
        }
        // The Java client mutes a partition with max.in.flight=1 until its batch is done.
        let java = self.config.client == Client::Java;
        if java && self.config.max_in_flight() == 1 && queue.in_flight > 0 {
            return false;
        }
        if !self.config.idempotence() {
            return true;
        }
        // What has a sequence already is repeated first; nothing new goes out while it is open which sequences the
        // broker has, or while batches of an older epoch are under way. Source:
        // `RecordAccumulator.shouldStopDrainBatchesForPartition`.
        let older = memory
            .identity
            .is_some_and(|(_, epoch)| epoch != queue.epoch);
        let waits = queue.unresolved.is_some() || (older && queue.is_open());
        if queue.gap || (head.writer.is_none() && waits) {
            return false;
        }
        // A batch that is repeated waits until it is the oldest one outstanding.
        let in_flight = memory
            .connections
            .values()
            .flat_map(|c| &c.requests)
            .flat_map(|request| &request.batches);
        let of_partition = in_flight.filter(|batch| usize::from(batch.name.partition.0) == index);
        let oldest = of_partition
            .filter_map(|batch| batch.writer)
            .map(|writer| writer.sequence)
            .min();
        match (head.writer, oldest) {
            (Some(writer), Some(oldest)) => writer.sequence < oldest,
            _ => true,
        }
    }

    /// librdkafka makes its next request while it waits for room on the connection, or for the one before to be written. What is in it is sent next, even if an
    /// older batch comes back meanwhile and waits out its back-off: so with `max.in.flight=1` a repeat is overtaken too.
    /// Sequences undo that, since the broker refuses the gap.
    fn make_request(&self, memory: &mut Memory, ready: &[usize]) {
        if self.config.client == Client::Librdkafka && !self.config.idempotence() {
            for &index in ready {
                let next = memory.queues[index].next();
                let batch = &mut memory.queues[index].batches[next];
                batch.made = true;
                batch.closed = true;
            }
        }
    }

    /// librdkafka makes one request in each round of a broker's thread, since no more than one may wait to be written
    /// (`queue.buffering.backpressure.threshold` 1). A round is writing, polling and reading.
    fn has_turn(&self, memory: &mut Memory, broker: HostId, cx: &Context) -> bool {
        let index = memory.correlations;
        let connection = connection(memory, broker);
        if connection.free_at > cx.now() {
            return false;
        }
        let round = cx.draw("round", index).exponential(ROUND);
        connection.free_at = cx.now() + round;
        true
    }

    /// Connects if need be; true once the connection can carry a request.
    fn is_connected(&self, memory: &mut Memory, broker: HostId, cx: &mut Context) -> bool {
        let connection = connection(memory, broker);
        if let Link::Down { until } = connection.state
            && until <= cx.now()
        {
            connection.state = Link::Connecting;
            cx.send(broker, Message::Connect);
        }
        connection.state == Link::Up
    }

    /// Any broker answers for the producer id; the first one that is reachable is asked.
    fn ask_identity(&self, memory: &mut Memory, broker: HostId, cx: &mut Context) {
        if !memory.asking_identity && self.is_connected(memory, broker, cx) {
            memory.asking_identity = true;
            cx.send(broker, Message::InitProducerId);
        }
    }

    /// Asks the first broker that is connected, or connects to the next one.
    fn find_leaders(&self, memory: &mut Memory, cx: &mut Context) {
        let unknown = |(index, queue): (usize, &Queue)| {
            memory.leaders[index].is_none() && !queue.batches.is_empty()
        };
        if memory.asking_metadata || !memory.queues.iter().enumerate().any(unknown) {
            return;
        }
        if memory.metadata_at > cx.now() {
            return;
        }
        // Nobody is there to be asked: a connection is begun, and the question waits for the next time.
        if self.is_librdkafka() && is_cut_off(memory) {
            memory.metadata_at = self.next_query(memory, cx.now());
            return self.connect_any(memory, cx);
        }
        for &broker in &self.brokers {
            if self.is_connected(memory, broker, cx) {
                memory.asking_metadata = true;
                cx.send(broker, Message::MetadataRequest);
                return;
            }
        }
    }

    fn is_librdkafka(&self) -> bool {
        FULL && self.config.client == Client::Librdkafka
    }

    /// librdkafka without any connection begins anew with the brokers it was given: leaders are forgotten, and one broker is
    /// connected to at once, unless that has just been tried. Source: `rd_kafka_rebootstrap_tmr_cb`, `rd_kafka_connect_any`.
    fn begin_anew(&self, memory: &mut Memory, cx: &mut Context) {
        memory.leaders.fill(None);
        memory.metadata_at = self.next_query(memory, cx.now());
        if memory.connect_at <= cx.now() {
            self.connect_any(memory, cx);
        }
    }

    fn connect_any(&self, memory: &mut Memory, cx: &mut Context) {
        memory.connect_at = cx.now() + Span::from_ms(self.config.reconnect_backoff_ms() / 2);
        let connecting = |c: &Connection| c.state == Link::Connecting;
        let failures = |broker: &&HostId| memory.connections[*broker].failures;
        if !memory.connections.values().any(connecting)
            && let Some(&broker) = self.brokers.iter().min_by_key(failures)
        {
            connection(memory, broker).state = Link::Connecting;
            cx.send(broker, Message::Connect);
        }
    }

    /// Leaders are asked for after a back-off, and by a scan of all topics once a second. Source:
    /// `rd_kafka_metadata_fast_leader_query`, `rd_kafka_topic_scan_all`.
    fn next_query(&self, memory: &Memory, now: Time) -> Time {
        let second = Span::from_ms(1_000).micros();
        let passed = now.since(memory.booted).micros();
        let scan = memory.booted + Span::from_micros((passed / second + 1) * second);
        scan.min(now + Span::from_ms(self.config.retry_backoff_ms))
    }

    fn on_response(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        broker: HostId,
        correlation: u64,
        results: &[(PartitionId, Result<u64, ErrorCode>)],
        cx: &mut Context,
    ) {
        let requests = &mut connection(memory, broker).requests;
        let Some(position) = requests
            .iter()
            .position(|request| request.correlation == correlation)
        else {
            return;
        };
        let request = requests.remove(position).expect("found just now");
        let cause = cx.cause();
        for batch in request.batches {
            memory.queues[usize::from(batch.name.partition.0)].in_flight -= 1;
            let result = results
                .iter()
                .find(|(partition, _)| *partition == batch.name.partition)
                .map(|&(_, result)| result);
            cx.because(cause);
            match result.expect("a response answers for every batch of its request") {
                Ok(base_offset) => self.report_success(disk, memory, batch, Some(base_offset), cx),
                Err(error) => self.on_failed(disk, memory, batch, error, cx),
            }
        }
    }

    /// Everything in flight on the connection failed; whether the broker stored it, nobody here can tell.
    fn on_disconnected(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        broker: HostId,
        cx: &mut Context,
    ) {
        let Some(connection) = memory.connections.get_mut(&broker) else {
            return;
        };
        let index = mix(u64::from(broker.0)) ^ cx.now().micros();
        let wait = cx.draw("reconnect", index).backoff(
            Span::from_ms(self.config.reconnect_backoff_ms()),
            Span::from_ms(self.config.reconnect_backoff_max_ms()),
            connection.failures,
        );
        connection.failures += 1;
        connection.state = Link::Down {
            until: cx.now() + wait,
        };
        let requests = std::mem::take(&mut connection.requests);
        // A request that was made and not sent is taken apart again.
        for (index, queue) in memory.queues.iter_mut().enumerate() {
            if memory.leaders[index] == Some(broker) {
                queue
                    .batches
                    .iter_mut()
                    .for_each(|batch| batch.made = false);
            }
        }
        // What is known of leaders may be out of date; a connected broker is asked.
        for leader in &mut memory.leaders {
            if *leader == Some(broker) {
                *leader = None;
            }
        }
        memory.asking_metadata = false;
        memory.asking_identity = false;
        if self.is_librdkafka() && is_cut_off(memory) {
            self.begin_anew(memory, cx);
        }
        if !requests.is_empty() {
            cx.note(Fact::ConnectionLost { peer: broker });
        }
        let cause = cx.cause();
        // Oldest first, each to the front of its queue: so without sequences they are sent again in reverse order.
        for batch in requests.into_iter().flat_map(|request| request.batches) {
            memory.queues[usize::from(batch.name.partition.0)].in_flight -= 1;
            cx.because(cause);
            self.on_failed(disk, memory, batch, ErrorCode::NetworkException, cx);
        }
    }

    /// Repeats the batch, or reports the error to the application. Source: `Sender.canRetry`, `TransactionManager.canRetry`.
    fn on_failed(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        mut batch: Pending,
        error: ErrorCode,
        cx: &mut Context,
    ) {
        if error == ErrorCode::NotLeaderOrFollower {
            memory.leaders[usize::from(batch.name.partition.0)] = None;
        }
        // librdkafka reports it.
        let java = self.config.client == Client::Java;
        if java && error == ErrorCode::MessageTooLarge && batch.records.len() > 1 {
            self.split(memory, batch, cx);
            return;
        }
        let queue = &mut memory.queues[usize::from(batch.name.partition.0)];
        // A batch behind one that is being repeated meets a gap; it is repeated in its turn. If it is itself the next one,
        // or the first behind one that was given up, the gap stays: it gets a new sequence in the next epoch. Source:
        // `TransactionManager.canRetry`, KIP-360.
        let out_of_order = error == ErrorCode::OutOfOrderSequenceNumber && batch.writer.is_some();
        if let Some(writer) = batch.writer.filter(|_| out_of_order) {
            let expected = queue.last_acknowledged.map_or(0, next_sequence);
            // librdkafka bumps the epoch in any case. Source: `rd_kafka_handle_idempotent_Produce_error`.
            queue.gap |=
                writer.sequence == queue.unresolved.unwrap_or(expected) || self.is_librdkafka();
        }
        let in_time =
            cx.now().since(batch.created) < Span::from_ms(self.config.delivery_timeout_ms());
        // librdkafka does not count an attempt that met the wrong broker, or a gap in the sequences.
        let librdkafka = self.config.client == Client::Librdkafka;
        let uncounted = librdkafka && (out_of_order || error == ErrorCode::NotLeaderOrFollower);
        let may_retry = (batch.attempts <= self.config.retries || uncounted)
            && (error.is_retriable() || out_of_order);
        if !(may_retry && in_time) {
            self.report_failure(disk, memory, batch, error, cx);
            return;
        }
        let index = mix(u64::from(batch.name.ordinal) << 32 | u64::from(batch.attempts))
            ^ u64::from(batch.name.partition.0);
        let retry_in = cx.draw("retry", index).backoff(
            Span::from_ms(self.config.retry_backoff_ms),
            Span::from_ms(self.config.retry_backoff_max_ms),
            batch.attempts - 1,
        );
        batch.ready_at = cx.now() + retry_in;
        batch.repeated = true;
        batch.cause = Some(cx.note_setting(
            "retries",
            Fact::AttemptFailed {
                batch: batch.name,
                attempt: batch.attempts,
                error,
                retry_in,
            },
        ));
        // With idempotence in the order of sequences, which is the order they were made in; without, to the front.
        // librdkafka keeps the order of the messages in any case.
        let position = if self.config.idempotence() || librdkafka {
            queue.position_of(&batch)
        } else {
            0
        };
        queue.batches.insert(position, batch);
    }

    /// Takes a batch that is too large apart and puts the pieces in its place, as if they had never been tried. The first
    /// time they are as large as `batch.size` allows, then half of what was refused. Source:
    /// `RecordAccumulator.splitAndReenqueue`.
    fn split(&self, memory: &mut Memory, batch: Pending, cx: &mut Context) {
        let target = if batch.split {
            batch.bytes() / 2
        } else {
            self.config.batch_size()
        };
        let size = usize::try_from(target / RECORD_BYTES).unwrap_or(1).max(1);
        let pieces = batch.records.len().div_ceil(size);
        let text = format!("{} is too large and becomes {pieces}", batch.name);
        let cause = cx.note_setting("max.message.bytes", Fact::Noted { text });
        let partition = batch.name.partition;
        let mut sequence = batch.writer.map_or(0, |writer| writer.sequence);
        let chunks = batch.records.chunks(size).zip(batch.numbers.chunks(size));
        for (index, (records, numbers)) in chunks.enumerate() {
            let name = if index == 0 {
                batch.name
            } else {
                self.name_batch(memory, partition, cx)
            };
            let piece = Pending {
                name,
                records: records.to_vec(),
                numbers: numbers.to_vec(),
                attempts: 0,
                ready_at: cx.now(),
                closed: true,
                made: false,
                split: true,
                repeated: false,
                writer: batch.writer.map(|writer| Writer { sequence, ..writer }),
                cause: Some(cause),
                ..batch.clone()
            };
            sequence = next_sequence(last_sequence(sequence, records.len() as u64));
            let queue = &mut memory.queues[usize::from(partition.0)];
            let position = queue.position_of(&piece);
            queue.batches.insert(position, piece);
        }
    }

    fn report_success(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        batch: Pending,
        base_offset: Option<u64>,
        cx: &mut Context,
    ) {
        let queue = &mut memory.queues[usize::from(batch.name.partition.0)];
        if base_offset.is_none() {
            queue.in_flight -= 1;
        }
        if let Some((_, last)) = batch.sequences() {
            queue.last_acknowledged = Some(last);
        }
        for number in &batch.numbers {
            disk.outbox.remove(number);
        }
        let origins = batch.records.iter().map(|record| record.origin).collect();
        cx.note(Fact::Acknowledged {
            batch: batch.name,
            base_offset,
            origins,
        });
    }

    /// A batch is given up: that may leave a gap in its sequences.
    fn report_failure(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        batch: Pending,
        error: ErrorCode,
        cx: &mut Context,
    ) {
        // Its sequence is used up, so nothing after it would fit if the broker has not got it. One that was repeated may be
        // stored or not; after any other error the broker has refused it. Source: `Sender.sendProducerData`,
        // `TransactionManager.handleFailedBatch`.
        let index = usize::from(batch.name.partition.0);
        let queue = &mut memory.queues[index];
        if self.is_librdkafka() && error == ErrorCode::DeliveryTimeout {
            if self.config.idempotence() && memory.identity.is_some() {
                queue.leave_out(&batch, memory.leaders[index].is_some());
            }
        } else if let Some((_, last)) = batch.sequences() {
            let unknown = error == ErrorCode::DeliveryTimeout || error.is_retriable();
            if !unknown {
                queue.gap = true;
            } else if batch.repeated || error != ErrorCode::DeliveryTimeout {
                queue.unresolved = Some(next_sequence(last));
            }
        }
        let setting = if error == ErrorCode::DeliveryTimeout {
            "delivery.timeout.ms"
        } else {
            "retries"
        };
        let told = (batch.name, batch.numbers, batch.records);
        self.tell_failure(disk, memory, told, error, setting, cx);
    }

    /// The application is told; it writes the records off or sends them again.
    fn tell_failure(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        (batch, numbers, records): (BatchName, Vec<u64>, Vec<Record>),
        error: ErrorCode,
        setting: &'static str,
        cx: &mut Context,
    ) {
        let origins = records.iter().map(|record| record.origin).collect();
        cx.note_setting(
            setting,
            Fact::SendFailed {
                batch,
                error,
                origins,
            },
        );
        // A new send of the same record: nobody can tell that it is one.
        let mut again = Vec::new();
        for (number, record) in numbers.into_iter().zip(records) {
            disk.outbox.remove(&number);
            if self.config.on_error == OnError::SendAgain && !memory.sent_again.contains(&number) {
                let number = disk.written;
                disk.written += 1;
                disk.outbox.insert(number, record.clone());
                memory.sent_again.push(number);
                again.push((number, record));
            }
        }
        if again.is_empty() {
            return;
        }
        let origins = again.iter().map(|(_, record)| record.origin).collect();
        cx.note_setting("app.on.error", Fact::Resent { origins });
        let cause = cx.cause();
        for (number, record) in again {
            self.hand_over(memory, number, record, cause, cx);
        }
    }

    /// `delivery.timeout.ms` counts from the batch's creation; it ends batches in the queue and in flight alike.
    fn expire(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        let limit = Span::from_ms(self.config.delivery_timeout_ms());
        let cause = cx.cause();
        let now = cx.now();
        let too_old = |batch: &Pending| now.since(batch.created) >= limit;
        let mut expired = Vec::new();
        for queue in &mut memory.queues {
            while queue.batches.front().is_some_and(too_old) {
                expired.extend(queue.batches.pop_front());
            }
        }
        for connection in memory.connections.values_mut() {
            for request in &mut connection.requests {
                while let Some(position) = request.batches.iter().position(too_old) {
                    let batch = request.batches.remove(position);
                    memory.queues[usize::from(batch.name.partition.0)].in_flight -= 1;
                    expired.push(batch);
                }
            }
        }
        for batch in expired {
            cx.because(batch.cause);
            self.report_failure(disk, memory, batch, ErrorCode::DeliveryTimeout, cx);
        }
        cx.because(cause);
        // One overdue request drops the whole connection.
        let overdue = |connection: &Connection| {
            let oldest = connection.requests.front();
            oldest.is_some_and(|request| self.overdue_at(request.sent) <= now)
        };
        let late: Vec<HostId> = memory
            .connections
            .iter()
            .filter(|(_, c)| overdue(c))
            .map(|(&id, _)| id)
            .collect();
        for broker in late {
            cx.note_setting(
                "request.timeout.ms",
                Fact::Noted {
                    text: "a request is overdue, the connection is dropped".into(),
                },
            );
            cx.drop_connection(broker);
            self.on_disconnected(disk, memory, broker, cx);
        }
    }

    /// When a request that is still unanswered is given up. librdkafka looks for such requests once a second.
    fn overdue_at(&self, sent: Time) -> Time {
        let due = sent + Span::from_ms(self.config.request_timeout_ms());
        match self.config.client {
            Client::Java => due,
            Client::Librdkafka => Time::from_ms(due.micros().div_ceil(1_000_000) * 1_000),
        }
    }

    /// After a batch was given up: once nothing of its partition is under way, either a later batch was stored, so the
    /// broker had it, or the epoch is bumped and the partition's sequences begin at 0. Other partitions go on and follow
    /// when theirs have settled. Source: `TransactionManager.maybeResolveSequences`, `bumpIdempotentProducerEpoch`.
    fn bump_epoch(&self, memory: &mut Memory, cx: &mut Context) {
        let Some((producer_id, epoch)) = &mut memory.identity else {
            return;
        };
        let mut bumped = Vec::new();
        for (index, queue) in memory.queues.iter_mut().enumerate() {
            if queue.unresolved.is_some() && !queue.is_open() {
                queue.unresolved = None;
                let next = queue.last_acknowledged.map(next_sequence);
                queue.gap |= next != Some(queue.next_sequence);
            }
            // What is on the wire is waited for; what was refused for its gap is numbered anew.
            if queue.gap && queue.in_flight == 0 {
                bumped.push(index);
            }
        }
        // librdkafka waits for all partitions. Source: `rd_kafka_idemp_check_drain_done`.
        let flying = memory.queues.iter().any(|queue| queue.in_flight > 0);
        if bumped.is_empty() || (flying && self.is_librdkafka()) {
            return;
        }
        *epoch += 1;
        for index in bumped {
            memory.queues[index].begin_epoch(*epoch);
        }
        cx.note(Fact::ProducerIdAssigned {
            producer_id: *producer_id,
            epoch: *epoch,
        });
    }

    /// Sets a timer for the next moment at which time alone changes something.
    fn sleep(&self, memory: &mut Memory, cx: &mut Context) {
        let delivery = Span::from_ms(self.config.delivery_timeout_ms());
        let queued = memory
            .queues
            .iter()
            .filter_map(|queue| queue.batches.front());
        let due = queued.flat_map(|batch| [batch.ready_at, batch.created + delivery]);
        let in_flight = memory.connections.values().flat_map(|c| &c.requests);
        let overdue = in_flight.flat_map(|r| {
            r.batches
                .iter()
                .map(|b| b.created + delivery)
                .chain([self.overdue_at(r.sent)])
        });
        let reconnect =
            memory
                .connections
                .values()
                .filter_map(|connection| match connection.state {
                    Link::Down { until } => Some(until),
                    _ => None,
                });
        let next = due
            .chain(overdue)
            .chain(reconnect)
            .chain(memory.connections.values().map(|c| c.free_at))
            .chain([memory.metadata_at])
            .chain(
                (!memory.blocked.is_empty())
                    .then(|| memory.blocked_since + Span::from_ms(self.config.max_block_ms())),
            )
            .filter(|&at| at > cx.now())
            .min();
        if let Some(next) = next
            && memory
                .wake
                .is_none_or(|wake| wake > next || wake <= cx.now())
        {
            memory.wake = Some(next);
            cx.after(next.since(cx.now()), Message::Send);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand::{B1, PRODUCER, Stand, record};
    use super::*;

    fn producer(json: &str) -> Stand<Producer> {
        let config: ProducerConfig = serde_json::from_str(json).expect("valid");
        config.validate().unwrap_or_else(|error| panic!("{error}"));
        let producer = Producer {
            config,
            partitions: 1,
            brokers: vec![B1],
            leaders: vec![Some(B1)],
        };
        let mut stand = Stand::new(PRODUCER, producer);
        // Opens the connection, and gets an identity where one is asked for.
        stand.tell(PRODUCER, message::Message::Order(record(1)));
        stand.pass(Span::from_ms(10));
        stand.tell(B1, message::Message::Kafka(Message::Connected));
        if stand.host.program.config.idempotence() {
            stand.tell(
                B1,
                message::Message::Kafka(Message::ProducerId {
                    producer_id: 7,
                    epoch: 0,
                }),
            );
        }
        stand
    }

    type Sent = (u64, u32, Option<(u16, u32)>);

    /// What went over the wire: correlation, ordinal, and the epoch and first sequence of each batch.
    fn wire(stand: &mut Stand<Producer>) -> Vec<Sent> {
        let sent = stand.sent().into_iter();
        let batches = sent.filter_map(|(_, message)| match message {
            Message::Produce {
                correlation,
                batches,
                ..
            } => Some((correlation, batches)),
            _ => None,
        });
        let told = batches.map(|(correlation, batches)| {
            let writer = batches[0]
                .writer
                .map(|writer| (writer.epoch, writer.sequence));
            (correlation, batches[0].name.ordinal, writer)
        });
        told.collect()
    }

    fn ordinals(stand: &mut Stand<Producer>) -> Vec<u32> {
        wire(stand)
            .into_iter()
            .map(|(_, ordinal, _)| ordinal)
            .collect()
    }

    fn answer(
        stand: &mut Stand<Producer>,
        correlation: u64,
        result: Result<u64, ErrorCode>,
    ) -> Vec<Fact> {
        let message = Message::ProduceResponse {
            correlation,
            results: vec![(PartitionId(0), result)],
        };
        stand.tell(B1, message::Message::Kafka(message))
    }

    /// Batches of one record, sent at once.
    const ONE_EACH: &str = r#""linger.ms": 0, "batch.size": 120"#;

    fn order(stand: &mut Stand<Producer>, orders: std::ops::RangeInclusive<u32>) {
        for n in orders {
            stand.tell(PRODUCER, message::Message::Order(record(n)));
        }
    }

    #[test]
    fn records_join_the_open_batch_until_linger_ends_or_it_is_full() {
        let mut stand = producer(r#"{"linger.ms": 50, "batch.size": 360}"#);
        order(&mut stand, 2..=2);
        assert_eq!(ordinals(&mut stand), [0; 0]);
        order(&mut stand, 3..=3);
        assert_eq!(
            ordinals(&mut stand),
            [0],
            "three records of 120 bytes fill it"
        );
        order(&mut stand, 4..=4);
        stand.pass(Span::from_ms(49));
        assert_eq!(ordinals(&mut stand), [0; 0]);
        stand.pass(Span::from_ms(1));
        assert_eq!(ordinals(&mut stand), [1]);
    }

    #[test]
    fn no_more_requests_are_unanswered_than_allowed() {
        let mut stand = producer(&format!(
            "{{{ONE_EACH}, \"max.in.flight.requests.per.connection\": 3}}"
        ));
        order(&mut stand, 2..=6);
        let sent = wire(&mut stand);
        assert_eq!(sent.len(), 3);
        answer(&mut stand, sent[0].0, Ok(0));
        assert_eq!(ordinals(&mut stand), [3]);
    }

    fn break_and_reconnect(stand: &mut Stand<Producer>) {
        stand.tell(B1, message::Message::Disconnected);
        // Back-offs pass; the broker accepts the connection and says that it leads.
        for _ in 0..20 {
            stand.pass(Span::from_ms(50));
            let mut waiting = Vec::new();
            for (_, message) in stand.sent() {
                match message {
                    Message::Connect => waiting.push(Message::Connected),
                    Message::MetadataRequest => waiting.push(Message::Metadata {
                        leaders: vec![Some(B1)],
                    }),
                    Message::Produce { .. } => {
                        panic!("the test looks for these itself");
                    }
                    _ => {}
                }
            }
            for message in waiting {
                stand.tell(B1, message::Message::Kafka(message));
            }
            if stand.host.memory.as_ref().expect("alive").connections[&B1].state == Link::Up
                && stand.host.memory.as_ref().expect("alive").leaders == [Some(B1)]
            {
                return;
            }
        }
        panic!("no connection");
    }

    #[test]
    fn one_broken_connection_sends_all_in_flight_in_reverse_without_idempotence() {
        let mut stand = producer(&format!("{{{ONE_EACH}, \"enable.idempotence\": false}}"));
        order(&mut stand, 2..=5);
        assert_eq!(ordinals(&mut stand), [0, 1, 2, 3, 4]);
        break_and_reconnect(&mut stand);
        stand.pass(Span::from_ms(200));
        assert_eq!(ordinals(&mut stand), [4, 3, 2, 1, 0]);
    }

    #[test]
    fn with_idempotence_it_sends_them_one_by_one_in_the_order_of_their_sequences() {
        let mut stand = producer(&format!("{{{ONE_EACH}}}"));
        order(&mut stand, 2..=5);
        assert_eq!(ordinals(&mut stand), [0, 1, 2, 3, 4]);
        break_and_reconnect(&mut stand);
        stand.pass(Span::from_ms(200));
        let mut order = Vec::new();
        for offset in 0..5 {
            let sent = wire(&mut stand);
            assert_eq!(sent.len(), 1, "a repeat waits until it is the oldest");
            order.push((sent[0].1, sent[0].2));
            answer(&mut stand, sent[0].0, Ok(offset));
        }
        let expected: Vec<(u32, Option<(u16, u32)>)> = (0..5).map(|n| (n, Some((0, n)))).collect();
        assert_eq!(order, expected, "with the sequences of the first attempt");
    }

    #[test]
    fn a_send_is_given_up_at_the_batchs_deadline_whether_it_is_stored_or_not() {
        let mut stand = producer(&format!(
            "{{{ONE_EACH}, \"enable.idempotence\": false, \"delivery.timeout.ms\": 2000, \"request.timeout.ms\": 1500}}"
        ));
        let sent = wire(&mut stand);
        let facts = stand.pass(Span::from_ms(2_000));
        let failed = |fact: &Fact| {
            matches!(
                fact,
                Fact::SendFailed {
                    error: ErrorCode::DeliveryTimeout,
                    ..
                }
            )
        };
        assert_eq!(facts.iter().filter(|fact| failed(fact)).count(), 1);
        // The answer comes after all, and tells nobody anything.
        assert!(answer(&mut stand, sent[0].0, Ok(0)).is_empty());
    }

    #[test]
    fn an_error_is_repeated_if_it_may_pass_and_reported_if_not() {
        for (error, retries, repeated) in [
            (ErrorCode::NotEnoughReplicas, 3, true),
            (ErrorCode::RequestTimedOut, 3, true),
            (ErrorCode::NotEnoughReplicas, 0, false),
            (ErrorCode::InvalidProducerEpoch, 3, false),
        ] {
            let mut stand = producer(&format!(
                "{{{ONE_EACH}, \"enable.idempotence\": false, \"retries\": {retries}}}"
            ));
            let sent = wire(&mut stand);
            let facts = answer(&mut stand, sent[0].0, Err(error));
            assert_eq!(
                facts
                    .iter()
                    .any(|fact| matches!(fact, Fact::AttemptFailed { .. })),
                repeated,
                "{error}"
            );
            assert_eq!(
                facts
                    .iter()
                    .any(|fact| matches!(fact, Fact::SendFailed { .. })),
                !repeated,
                "{error}"
            );
        }
    }

    #[test]
    fn after_a_batch_is_given_up_those_behind_it_are_settled_before_anything_new_goes_out() {
        let timeouts = r#""delivery.timeout.ms": 2000, "request.timeout.ms": 1500"#;
        let mut stand = producer(&format!("{{{ONE_EACH}, {timeouts}}}"));
        stand.pass(Span::from_ms(1_000));
        order(&mut stand, 2..=2);
        assert_eq!(ordinals(&mut stand), [0, 1]);
        // Both are stored, and no answer comes; the first reaches its deadline.
        stand.tell(B1, message::Message::Disconnected);
        let facts = stand.pass(Span::from_ms(1_000));
        assert_eq!(
            facts
                .iter()
                .filter(|fact| matches!(fact, Fact::SendFailed { .. }))
                .count(),
            1
        );
        order(&mut stand, 3..=3);
        stand.tell(B1, message::Message::Kafka(Message::Connected));
        stand.tell(
            B1,
            message::Message::Kafka(Message::Metadata {
                leaders: vec![Some(B1)],
            }),
        );
        stand.pass(Span::from_ms(300));
        let sent = wire(&mut stand);
        let told: Vec<(u32, Option<(u16, u32)>)> = sent
            .iter()
            .map(|&(_, ordinal, writer)| (ordinal, writer))
            .collect();
        assert_eq!(
            told,
            [(1, Some((0, 1)))],
            "the repeat keeps its sequence, so the broker can recognise it"
        );
        answer(&mut stand, sent[0].0, Ok(1));
        stand.pass(Span::from_ms(10));
        let told: Vec<(u32, Option<(u16, u32)>)> = wire(&mut stand)
            .into_iter()
            .map(|(_, ordinal, writer)| (ordinal, writer))
            .collect();
        assert_eq!(
            told,
            [(2, Some((0, 2)))],
            "the broker has what came behind, so it had the one given up: there is no gap"
        );
    }

    #[test]
    fn if_all_in_flight_are_given_up_the_next_epoch_begins_at_0_in_that_partition_only() {
        let timeouts = r#""delivery.timeout.ms": 2000, "request.timeout.ms": 1500"#;
        let mut stand = producer(&format!("{{{ONE_EACH}, {timeouts}}}"));
        stand.pass(Span::from_ms(1_000));
        assert_eq!(ordinals(&mut stand), [0]);
        stand.tell(B1, message::Message::Disconnected);
        let facts = stand.pass(Span::from_ms(1_000));
        let bumped = |fact: &Fact| matches!(fact, Fact::ProducerIdAssigned { epoch: 1, .. });
        assert!(facts.iter().any(bumped), "{facts:?}");
        order(&mut stand, 3..=3);
        stand.tell(B1, message::Message::Kafka(Message::Connected));
        stand.tell(
            B1,
            message::Message::Kafka(Message::Metadata {
                leaders: vec![Some(B1)],
            }),
        );
        stand.pass(Span::from_ms(300));
        let told: Vec<Option<(u16, u32)>> = wire(&mut stand)
            .into_iter()
            .map(|(_, _, writer)| writer)
            .collect();
        assert_eq!(told, [Some((1, 0))]);
    }

    const LIBRDKAFKA: &str =
        r#""producer.client": "librdkafka", "max.in.flight.requests.per.connection""#;

    /// Enough for some rounds of a thread of librdkafka, and too short for a back-off.
    const ROUNDS: Span = Span::from_ms(5);

    /// What the next batch carries after one timed out with the leader known or not: its epoch and first sequence.
    fn after_a_time_out(asked_at: Span) -> Option<(u16, u32)> {
        let mut stand = producer(&format!(
            "{{{ONE_EACH}, {LIBRDKAFKA}: 5, \"enable.idempotence\": true, \"delivery.timeout.ms\": 2500, \"retry.backoff.ms\": 5000, \"retry.backoff.max.ms\": 5000}}"
        ));
        assert_eq!(ordinals(&mut stand), [0]);
        stand.tell(B1, message::Message::Disconnected);
        let connects = |stand: &mut Stand<Producer>| {
            let sent = stand.sent();
            let connects = sent
                .iter()
                .filter(|(_, message)| matches!(message, Message::Connect));
            connects.count()
        };
        assert_eq!(connects(&mut stand), 1, "at once");
        stand.pass(asked_at);
        stand.tell(B1, message::Message::Kafka(Message::Connected));
        // The scan of the next second asks.
        stand.pass(Span::from_ms(1_000));
        let sent = stand.sent();
        assert!(
            sent.iter()
                .any(|(_, message)| matches!(message, Message::MetadataRequest))
        );
        let leaders = vec![Some(B1)];
        let metadata = message::Message::Kafka(Message::Metadata { leaders });
        let early = asked_at < Span::from_ms(1_000);
        if early {
            stand.tell(B1, metadata.clone());
        }
        stand.pass(Span::from_ms(2_500));
        if !early {
            stand.tell(B1, metadata);
        }
        order(&mut stand, 2..=2);
        stand.pass(ROUNDS);
        wire(&mut stand).first().and_then(|&(_, _, writer)| writer)
    }

    #[test]
    fn librdkafka_bumps_the_epoch_for_a_time_out_only_where_it_knows_the_leader() {
        assert_eq!(after_a_time_out(Span::from_ms(500)), Some((1, 0)));
        assert_eq!(after_a_time_out(Span::from_ms(1_500)), Some((0, 1)));
    }

    #[test]
    fn librdkafka_sends_again_in_the_old_order_after_a_lost_connection() {
        let mut stand = producer(&format!("{{{ONE_EACH}, {LIBRDKAFKA}: 5}}"));
        order(&mut stand, 2..=5);
        assert_eq!(ordinals(&mut stand), [0], "one request a round");
        stand.pass(ROUNDS);
        assert_eq!(ordinals(&mut stand), [1, 2, 3, 4]);
        break_and_reconnect(&mut stand);
        stand.pass(Span::from_ms(200));
        assert_eq!(ordinals(&mut stand), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn with_one_in_flight_librdkafka_lets_one_request_pass_a_repeat_and_java_none() {
        for (client, passed) in [("librdkafka", &[1][..]), ("java", &[])] {
            let mut stand = producer(&format!(
                "{{{ONE_EACH}, \"producer.client\": \"{client}\", \"enable.idempotence\": false, \"max.in.flight.requests.per.connection\": 1}}"
            ));
            order(&mut stand, 2..=3);
            let sent = wire(&mut stand);
            assert_eq!(sent.len(), 1);
            answer(&mut stand, sent[0].0, Err(ErrorCode::NotEnoughReplicas));
            stand.pass(ROUNDS);
            let next = wire(&mut stand);
            let told: Vec<u32> = next.iter().map(|&(_, ordinal, _)| ordinal).collect();
            assert_eq!(told, passed, "{client}");
            for (correlation, ..) in next {
                answer(&mut stand, correlation, Ok(0));
            }
            stand.pass(Span::from_ms(200));
            assert_eq!(ordinals(&mut stand), [0], "{client}");
        }
    }

    #[test]
    fn without_retries_librdkafka_still_looks_for_the_leader_and_java_does_not() {
        for (client, failed) in [("librdkafka", false), ("java", true)] {
            let mut stand = producer(&format!(
                "{{{ONE_EACH}, \"producer.client\": \"{client}\", \"retries\": 0}}"
            ));
            let sent = wire(&mut stand);
            let facts = answer(&mut stand, sent[0].0, Err(ErrorCode::NotLeaderOrFollower));
            let reported = |fact: &Fact| matches!(fact, Fact::SendFailed { .. });
            assert_eq!(facts.iter().any(reported), failed, "{client}");
        }
    }

    #[test]
    fn a_failed_send_is_written_off_or_sent_again_once_as_another_batch() {
        for (on_error, again) in [("write_off", &[][..]), ("send_again", &[1])] {
            let mut stand = producer(&format!(
                "{{{ONE_EACH}, \"retries\": 0, \"app.on.error\": \"{on_error}\"}}"
            ));
            let sent = wire(&mut stand);
            answer(&mut stand, sent[0].0, Err(ErrorCode::NotEnoughReplicas));
            let next = wire(&mut stand);
            let told: Vec<u32> = next.iter().map(|&(_, ordinal, _)| ordinal).collect();
            assert_eq!(told, again, "{on_error}");
            for (correlation, ..) in next {
                answer(&mut stand, correlation, Err(ErrorCode::NotEnoughReplicas));
            }
            assert_eq!(ordinals(&mut stand), [0; 0], "once");
        }
    }

    #[test]
    fn a_full_buffer_blocks_send_until_a_batch_is_reported_or_max_block_ms_has_passed() {
        let two = r#""enable.idempotence": false, "linger.ms": 0, "batch.size": 120, "buffer.memory": 240, "max.block.ms": 500"#;
        let mut stand = producer(&format!("{{{two}}}"));
        order(&mut stand, 2..=3);
        let sent = wire(&mut stand);
        assert_eq!(sent.len(), 2, "the third waits for memory");
        answer(&mut stand, sent[0].0, Ok(0));
        assert_eq!(ordinals(&mut stand), [2]);
        order(&mut stand, 4..=4);
        let facts = stand.pass(Span::from_ms(500));
        let refused = |fact: &Fact| matches!(fact, Fact::SendFailed { .. });
        assert_eq!(facts.iter().filter(|fact| refused(fact)).count(), 1);
    }

    #[test]
    fn without_a_key_the_client_keeps_to_a_partition_for_a_batch() {
        let config = |json: &str| serde_json::from_str(json).expect("valid");
        let mut stand = Stand::new(
            PRODUCER,
            Producer {
                config: config(
                    r#"{"app.record.key": "none", "batch.size": 360, "linger.ms": 60000}"#,
                ),
                partitions: 8,
                brokers: vec![B1],
                leaders: vec![Some(B1); 8],
            },
        );
        order(&mut stand, 1..=24);
        let memory = stand.host.memory.as_ref().expect("alive");
        let batches = memory.queues.iter().flat_map(|queue| &queue.batches);
        let sizes: Vec<usize> = batches.map(|batch| batch.records.len()).collect();
        assert_eq!(
            sizes, [3; 8],
            "each partition gets a full batch before the next"
        );
        let used = memory
            .queues
            .iter()
            .filter(|queue| !queue.batches.is_empty());
        assert!(used.count() >= 3);
    }

    #[test]
    fn a_batch_that_is_too_large_is_sent_in_pieces_with_the_sequences_it_had() {
        let mut stand = producer(r#"{"batch.size": 480, "linger.ms": 50}"#);
        order(&mut stand, 2..=5);
        stand.pass(Span::from_ms(50));
        let mut pieces = Vec::new();
        let mut largest = 4;
        for _ in 0..12 {
            let sent = stand.sent().into_iter();
            let produce = sent.filter_map(|(_, message)| match message {
                Message::Produce {
                    correlation,
                    batches,
                    ..
                } => Some((correlation, batches)),
                _ => None,
            });
            for (correlation, batches) in produce.collect::<Vec<_>>() {
                let count = batches[0].records.len();
                let sequence = batches[0].writer.map(|writer| writer.sequence);
                if count > 1 {
                    largest = largest.min(count);
                    answer(&mut stand, correlation, Err(ErrorCode::MessageTooLarge));
                } else {
                    pieces.push((sequence, count));
                    answer(
                        &mut stand,
                        correlation,
                        Ok(u64::from(sequence.unwrap_or(0))),
                    );
                }
            }
            stand.pass(Span::from_ms(1));
        }
        let expected: Vec<(Option<u32>, usize)> = (0..5).map(|n| (Some(n), 1)).collect();
        pieces.sort_unstable();
        assert_eq!(pieces, expected);
        assert_eq!(largest, 2, "halved each time");
    }
}
