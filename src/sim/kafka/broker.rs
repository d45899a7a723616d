//! A broker: appends, replicates, answers.
//!
//! Mirrors: `ReplicaManager`, `Partition`, `DelayedProduce`, `AbstractFetcherThread`, `SocketServer`'s channel muting.
//! Simplified: one fetcher a leader; no quotas; a follower answers no consumer (no KIP-392).

use super::config::{BrokerConfig, TopicConfig};
use super::controller::PRODUCER_ID_BLOCK;
use super::group::Groups;
use super::log::{Admission, Log, Writers};
use super::protocol::{
    Acks, Batch, BatchName, Entry, ErrorCode, FetchAnswer, FetchPosition, Fetched, Internal,
    Message, OffsetSpec, PartitionId, PartitionState, Treatment, Writer,
};
use super::transaction::{Index, Transactions, Verified};
use crate::sim::FULL;
use crate::sim::kernel::{Context, EventTime, HostId, Program, Reply, Span, Time};
use crate::sim::message;
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::trace::Fact;
use crate::sim::workload::RECORD_BYTES;
use std::collections::VecDeque;
use std::ops::Range;

/// Records in one answer to a follower or a consumer.
const FETCH_RECORDS_MAX: u64 = 500;

/// A broker's configuration.
#[derive(Clone)]
pub struct Broker {
    pub config: BrokerConfig,
    pub topic: TopicConfig,
    pub controller: HostId,
    pub initial: Vec<PartitionState>,
    /// The calendar time of simulated time zero, in ms since 1970.
    pub zero_ms: i64,
    /// None where nobody needs a coordinator.
    pub internal: Option<Internal>,
}

/// Index: partition.
pub type Disk = OrdMap<PartitionId, Log>;

#[derive(Clone)]
pub struct Memory {
    partitions: Vec<Replica>,
    /// Produce requests read from the socket and not answered yet, by their number.
    requests: OrdMap<u64, Request>,
    /// Per client: requests that wait for the answer to the one before them.
    channels: OrdMap<HostId, Channel>,
    /// Followers' fetches that wait for data.
    parked: OrdMap<HostId, Parked>,
    /// Leaders that this broker has a fetch outstanding with.
    fetching: OrdSet<HostId>,
    pub(super) numbered: u64,
    /// Producer ids left of the block that the controller gave, and who waits for one.
    producer_ids: Range<u64>,
    waiting_for_id: Vec<Reply>,
    /// The controller has answered since this process began.
    registered: bool,
    /// Until when this broker copies slowly, and by how much.
    slow: (Time, Span),
    /// How the next requests are treated, and how many of them.
    treatments: Vec<(Treatment, u32)>,
    /// As coordinator of groups.
    pub(super) groups: Groups,
    /// As coordinator of transactions.
    pub(super) transactions: Transactions,
    /// Transactions that this broker knows to include what is written here.
    pub(super) verified: Verified,
    /// Requests that wait for the coordinator to say so.
    pub(super) asking: Vec<(HostId, Message)>,
    /// What a coordinator does once all in-sync replicas have what it wrote.
    promises: Vec<Promise>,
}

#[derive(Clone)]
struct Promise {
    partition: PartitionId,
    /// The high watermark that it waits for.
    end: u64,
    then: Then,
}

/// What follows once a coordinator's entry is safe.
#[derive(Clone)]
pub(super) enum Then {
    Answer(Vec<(Reply, Message)>),
    /// The offsets of a group are committed: note it, and answer.
    Committed(Fact, Reply, Message),
    /// To another broker, or to this one.
    Tell(HostId, Reply, Message),
    /// The end of a transaction is decided: answer, and send the markers.
    Decided(String, bool, Option<(Reply, Message)>),
}

#[derive(Clone)]
struct Replica {
    state: PartitionState,
    writers: Writers,
    index: Index,
    /// As leader: where its log ended when it was elected.
    epoch_start: u64,
    /// As leader: what each follower has, and when it had everything.
    followers: OrdMap<HostId, Follower>,
    /// As leader: who is to join the in-sync set once the controller agrees. They count for the high watermark already.
    joining: OrdSet<HostId>,
}

#[derive(Clone, Copy)]
struct Follower {
    end: u64,
    caught_up: Time,
    /// When it fetched last, and where the leader's log ended then.
    fetched: (Time, u64),
}

#[derive(Clone)]
struct Request {
    reply: Reply,
    correlation: u64,
    results: Vec<(PartitionId, Result<u64, ErrorCode>)>,
    /// Partitions whose batch must be below the high watermark first, with the offset it must reach.
    waiting: Vec<(PartitionId, u64)>,
    acks: Acks,
    answering: bool,
}

/// A connection is muted while one of its requests is being answered, so requests are handled strictly in order.
#[derive(Clone)]
struct Channel {
    reply: Reply,
    muted: bool,
    queue: VecDeque<Message>,
}

#[derive(Clone)]
struct Parked {
    number: u64,
    reply: Reply,
    positions: Vec<FetchPosition>,
}

impl Follower {
    fn new(now: Time) -> Self {
        Follower {
            end: 0,
            caught_up: now,
            fetched: (now, u64::MAX),
        }
    }
}

impl Program for Broker {
    type Disk = Disk;
    type Memory = Memory;

    fn boot(&self, disk: &mut Disk, cx: &mut Context) -> Memory {
        let replica = |state: &PartitionState| Replica {
            state: PartitionState {
                leader: None,
                ..state.clone()
            },
            writers: Writers::default(),
            index: Index::default(),
            epoch_start: 0,
            followers: OrdMap::new(),
            joining: OrdSet::new(),
        };
        let mut memory = Memory {
            partitions: self.initial.iter().map(replica).collect(),
            requests: OrdMap::new(),
            channels: OrdMap::new(),
            parked: OrdMap::new(),
            fetching: OrdSet::new(),
            numbered: 0,
            producer_ids: 0..0,
            waiting_for_id: Vec::new(),
            registered: cx.incarnation() == 1,
            slow: (Time::ZERO, Span::ZERO),
            treatments: Vec::new(),
            groups: Groups::default(),
            transactions: Transactions::default(),
            verified: Verified::new(),
            asking: Vec::new(),
            promises: Vec::new(),
        };
        for (&partition, log) in disk.iter_mut() {
            if let Some(from) = log.cut_from.take() {
                let to = log.end();
                cx.note(Fact::LogTruncated {
                    partition,
                    to,
                    from,
                });
            }
        }
        if cx.incarnation() == 1 {
            // The run begins with a settled cluster.
            self.take_states(disk, &mut memory, self.initial.clone(), cx);
        } else {
            cx.send(self.controller, Message::Register);
        }
        cx.after(
            Span::from_ms(self.config.heartbeat_interval_ms),
            Message::BeatHeart,
        );
        cx.after(
            Span::from_ms(self.config.replica_lag_time_max_ms / 2),
            Message::CheckIsr,
        );
        let check = Span::from_ms(self.config.retention_check_ms);
        cx.after(check, Message::CheckRetention);
        // Every machine writes its page cache out at its own moments.
        let every = Span::from_ms(self.config.page_cache_ms).micros();
        let phase = cx.draw("page-cache", 0).below(every);
        let next = every - (cx.now().micros() + every - phase) % every;
        cx.after(Span::from_micros(next), Message::WriteBack);
        if self.internal.is_some() {
            cx.after(self.sweep_in(), Message::SweepTransactions);
        }
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
            message::Message::Kafka(message) => self.on_kafka(disk, memory, from, message, cx),
            message::Message::Disconnected => self.on_disconnected(memory, from, cx),
            _ => {}
        }
    }

    fn on_power_loss(&self, disk: &mut Disk) {
        disk.values_mut().for_each(Log::lose_unflushed);
    }
}

impl Broker {
    fn on_kafka(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        from: HostId,
        message: Message,
        cx: &mut Context,
    ) {
        match message {
            Message::Connect => cx.send(from, Message::Connected),
            Message::MetadataRequest => {
                let leaders = memory.partitions.iter().map(|p| p.state.leader).collect();
                cx.send(from, Message::Metadata { leaders });
            }
            Message::InitProducerId => {
                memory.waiting_for_id.push(cx.reply_to(from));
                self.give_producer_ids(memory, cx);
            }
            Message::ProducerIds { first } => {
                memory.producer_ids = first..first + PRODUCER_ID_BLOCK;
                self.give_producer_ids(memory, cx);
            }
            Message::Slow { by, until } => memory.slow = (until, by),
            Message::ShutDown if FULL => {
                // What is in the page cache is written out before the process ends.
                for log in disk.values_mut() {
                    log.flushed = log.end();
                }
                cx.send(self.controller, Message::ControlledShutdown);
            }
            Message::Treat { treatment, times } => memory.treatments.push((treatment, times)),
            Message::WriteBack => {
                for log in disk.values_mut() {
                    log.flushed = log.end();
                }
                cx.after(Span::from_ms(self.config.page_cache_ms), Message::WriteBack);
            }
            Message::CheckRetention => self.delete_old(disk, cx),
            Message::RegisterAgain if !memory.registered => {
                cx.send(self.controller, Message::Register);
            }
            Message::Produce { .. } => {
                let reply = cx.reply_to(from);
                let channel = memory.channels.entry(from).or_insert_with(|| Channel {
                    reply,
                    muted: false,
                    queue: VecDeque::new(),
                });
                channel.reply = reply;
                channel.queue.push_back(message);
                self.read_channel(memory, from, cx);
            }
            Message::HandleProduce { client } => self.handle_produce(disk, memory, client, cx),
            Message::ReleaseProduce { client, request } if FULL => {
                let reply = cx.reply_to(client);
                let channel = memory.channels.entry(client).or_insert_with(|| Channel {
                    reply,
                    muted: false,
                    queue: VecDeque::new(),
                });
                channel.muted = true;
                channel.queue.push_front(*request);
                self.handle_produce(disk, memory, client, cx);
            }
            Message::AnswerProduce { request } => self.answer(memory, request, cx),
            Message::ProduceExpired { request } => self.expire(memory, request, cx),
            Message::ListOffsets { partition, spec } => {
                let replica = &memory.partitions[usize::from(partition.0)];
                let log = disk.entry(partition).or_default();
                let result = match (replica.state.leader == Some(cx.host()), spec) {
                    (false, _) => Err(ErrorCode::NotLeaderOrFollower),
                    (true, OffsetSpec::Earliest) => Ok(log.start),
                    // A new leader learns what is readable from its followers; until then it does not answer, because
                    // the end of the topic would seem to move backwards (KIP-207, `Partition.fetchOffsetForTimestamp`).
                    (true, _) if log.high_watermark < replica.epoch_start => {
                        Err(ErrorCode::OffsetNotAvailable)
                    }
                    (true, OffsetSpec::Latest) => Ok(log.high_watermark),
                    (true, OffsetSpec::LatestStable) => {
                        Ok(replica.index.last_stable_offset(log.high_watermark))
                    }
                };
                cx.send(from, Message::Offset { partition, result });
            }
            Message::Read {
                partition,
                offset,
                limit,
                isolation,
            } => {
                let replica = &memory.partitions[usize::from(partition.0)];
                let log = disk.entry(partition).or_default();
                let outside = offset > log.end() || offset < log.start;
                // A consumer reads below the high watermark only, or below the last stable offset.
                let bound = replica.index.bound(isolation, log.high_watermark);
                let next = limit.min(bound).min(offset + FETCH_RECORDS_MAX).max(offset);
                let result = if replica.state.leader == Some(cx.host()) && outside {
                    Err(ErrorCode::OffsetOutOfRange)
                } else if replica.state.leader == Some(cx.host()) {
                    let mut records = log.records(offset, next);
                    records.retain(|(at, _)| !replica.index.hides(isolation, *at));
                    Ok(records)
                } else {
                    Err(ErrorCode::NotLeaderOrFollower)
                };
                cx.send(
                    from,
                    Message::ReadResponse {
                        partition,
                        offset,
                        next,
                        result,
                    },
                );
            }
            Message::Fetch { positions } => self.on_fetch(disk, memory, from, positions, cx),
            Message::FetchExpired { follower, fetch }
                if memory
                    .parked
                    .get(&follower)
                    .is_some_and(|parked| parked.number == fetch) =>
            {
                self.answer_fetch(disk, memory, follower, cx);
            }
            Message::FetchResponse { fetched } => {
                // Writing takes a follower as long as its leader, unless it is slow.
                let news = |fetched: &Fetched| matches!(&fetched.answer, FetchAnswer::Batches { batches, .. } if !batches.is_empty());
                let (until, by) = memory.slow;
                if fetched.iter().any(news) {
                    let slow = if until > cx.now() { by } else { Span::ZERO };
                    let copy = Message::Copy {
                        leader: from,
                        fetched,
                    };
                    cx.after(Span::from_micros(self.config.append_us) + slow, copy);
                } else {
                    self.on_fetched(disk, memory, from, fetched, cx);
                }
            }
            Message::Copy { leader, fetched } => self.on_fetched(disk, memory, leader, fetched, cx),
            Message::FetchFrom { leader } => self.fetch(disk, memory, leader, cx),
            Message::Partitions { states } => {
                memory.registered = true;
                self.take_states(disk, memory, states, cx);
            }
            Message::BeatHeart => {
                cx.send(self.controller, Message::Heartbeat);
                cx.after(
                    Span::from_ms(self.config.heartbeat_interval_ms),
                    Message::BeatHeart,
                );
            }
            Message::CheckIsr => {
                self.shrink_isr(disk, memory, cx);
                cx.after(
                    Span::from_ms(self.config.replica_lag_time_max_ms / 2),
                    Message::CheckIsr,
                );
            }
            message if FULL => self.on_group(disk, memory, from, message, cx),
            _ => {}
        }
    }

    /// Every replica deletes for itself what the topic need not keep.
    fn delete_old(&self, disk: &mut Disk, cx: &mut Context) {
        let keep = i64::try_from(self.topic.retention_ms).unwrap_or(i64::MAX);
        let now = self.zero_ms + cx.now().ms() as i64;
        let older_than = EventTime::from_ms(now.saturating_sub(keep));
        for (&partition, log) in disk.iter_mut() {
            // Those of the coordinators are compacted and never deleted from the front.
            if self.is_internal(partition) {
                continue;
            }
            if let Some(to) = log.delete_old(older_than, self.topic.retention_bytes) {
                let setting = if self.topic.retention_bytes.is_some() {
                    "retention.bytes"
                } else {
                    "retention.ms"
                };
                cx.note_setting(setting, Fact::LogStartAdvanced { partition, to });
            }
        }
        let check = Span::from_ms(self.config.retention_check_ms);
        cx.after(check, Message::CheckRetention);
    }

    /// Answers those who wait for a producer id, or asks the controller for more of them.
    fn give_producer_ids(&self, memory: &mut Memory, cx: &mut Context) {
        while !memory.waiting_for_id.is_empty() {
            let Some(producer_id) = memory.producer_ids.next() else {
                cx.send(self.controller, Message::AllocateProducerIds);
                return;
            };
            let reply = memory.waiting_for_id.remove(0);
            let epoch = 0;
            cx.reply(reply, Message::ProducerId { producer_id, epoch });
        }
    }

    fn on_disconnected(&self, memory: &mut Memory, from: HostId, cx: &mut Context) {
        if from == self.controller {
            // Whatever was asked of it may never have come: it is asked again.
            let backoff = Span::from_ms(self.config.replica_fetch_backoff_ms);
            cx.after(backoff, Message::RegisterAgain);
            for replica in &mut memory.partitions {
                replica.joining.clear();
            }
            self.give_producer_ids(memory, cx);
            return;
        }
        memory.waiting_for_id.retain(|reply| reply.to != from);
        // What the client had sent behind the request in hand was never read from the socket.
        memory.channels.remove(&from);
        memory.parked.remove(&from);
        memory
            .requests
            .retain(|_, request| request.reply.to != from || request.answering);
        if memory.fetching.remove(&from) {
            cx.after(
                Span::from_ms(self.config.replica_fetch_backoff_ms),
                Message::FetchFrom { leader: from },
            );
        }
    }

    // ---- the leader's side -------------------------------------------------------------------------------------

    /// Takes the next request off an unmuted connection; appending is a step of its own.
    fn read_channel(&self, memory: &mut Memory, client: HostId, cx: &mut Context) {
        let Some(channel) = memory.channels.get_mut(&client) else {
            return;
        };
        if !channel.muted && !channel.queue.is_empty() {
            channel.muted = true;
            cx.after(
                Span::from_micros(self.config.append_us),
                Message::HandleProduce { client },
            );
        }
    }

    fn handle_produce(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        client: HostId,
        cx: &mut Context,
    ) {
        if self.holds(memory, client, cx) || self.asks_first(memory, client, cx) {
            return;
        }
        let Some(channel) = memory.channels.get_mut(&client) else {
            return;
        };
        let Some(Message::Produce {
            correlation,
            acks,
            timeout,
            batches,
            ..
        }) = channel.queue.pop_front()
        else {
            return;
        };
        let mut request = Request {
            reply: channel.reply,
            correlation,
            results: Vec::new(),
            waiting: Vec::new(),
            acks,
            answering: false,
        };
        let treatment = memory.treatments.first_mut().map(|(treatment, times)| {
            *times -= 1;
            *treatment
        });
        memory.treatments.retain(|&(_, times)| times > 0);
        for batch in batches {
            let partition = batch.name.partition;
            let name = batch.name;
            let count = batch.count();
            let appended = match treatment {
                Some(Treatment::Reject(error)) => Err(error),
                _ => self.append(disk, memory, batch, acks, cx),
            };
            match appended {
                Ok(base_offset) => {
                    request.results.push((partition, Ok(base_offset)));
                    // A repeat waits for the first copy, wherever the log ends by now.
                    if acks == Acks::All {
                        request.waiting.push((partition, base_offset + count));
                    }
                }
                Err(error) => {
                    cx.note(Fact::BatchRejected { batch: name, error });
                    request.results.push((partition, Err(error)));
                }
            }
        }
        let partitions: Vec<PartitionId> = request
            .results
            .iter()
            .map(|&(partition, _)| partition)
            .collect();
        let number = memory.numbered;
        memory.numbered += 1;
        match treatment {
            Some(Treatment::RejectStored(error)) => {
                for (_, result) in &mut request.results {
                    *result = Err(error);
                }
                request.waiting.clear();
            }
            Some(Treatment::HangUp) => {
                memory.channels.remove(&client);
                cx.close(client);
                self.advance_all(disk, memory, &partitions, cx);
                return;
            }
            // The connection stays muted, so what was sent behind waits as well.
            Some(Treatment::Stall(span)) => {
                if acks != Acks::None {
                    request.answering = true;
                    memory.requests.insert(number, request);
                }
                if span > Span::ZERO {
                    cx.after(span, Message::AnswerProduce { request: number });
                }
                self.advance_all(disk, memory, &partitions, cx);
                return;
            }
            Some(Treatment::Reject(_) | Treatment::Hold(_)) | None => {}
        }
        if acks == Acks::All {
            cx.after(timeout, Message::ProduceExpired { request: number });
        }
        if acks == Acks::None {
            // No answer exists. After an error the broker can only close the connection, so that the client looks for
            // the leader anew. Source: `KafkaApis.handleProduceRequest`.
            if request.results.iter().any(|(_, result)| result.is_err()) {
                memory.channels.remove(&client);
                cx.close(client);
            } else {
                self.unmute(memory, client, cx);
            }
        } else {
            memory.requests.insert(number, request);
        }
        self.advance_all(disk, memory, &partitions, cx);
    }

    /// Whether a fault keeps the request at the head of a channel back.
    fn holds(&self, memory: &mut Memory, client: HostId, cx: &mut Context) -> bool {
        let Some(&mut (Treatment::Hold(span), ref mut times)) =
            memory.treatments.first_mut().filter(|_| FULL)
        else {
            return false;
        };
        let channel = memory.channels.get_mut(&client);
        let Some(request) = channel.and_then(|channel| channel.queue.pop_front()) else {
            return false;
        };
        *times -= 1;
        memory.treatments.retain(|&(_, times)| times > 0);
        let request = Box::new(request);
        cx.after(span, Message::ReleaseProduce { client, request });
        true
    }

    fn advance_all(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        partitions: &[PartitionId],
        cx: &mut Context,
    ) {
        for &partition in partitions {
            self.advance(disk, memory, partition, cx);
        }
        self.answer_ready(disk, memory, cx);
    }

    fn append(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        batch: Batch,
        acks: Acks,
        cx: &mut Context,
    ) -> Result<u64, ErrorCode> {
        let partition = batch.name.partition;
        let replica = &mut memory.partitions[usize::from(partition.0)];
        if replica.state.leader != Some(cx.host()) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        // Only acks=all is refused below the minimum; other writes are stored, and stay above the high watermark.
        if acks == Acks::All && replica.state.isr.len() < self.min_isr() {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        if batch.count() * RECORD_BYTES > self.topic.max_message_bytes {
            return Err(ErrorCode::MessageTooLarge);
        }
        let name = batch.name;
        match replica.writers.admit(&batch) {
            Admission::Duplicate(base_offset) => {
                cx.note_setting(
                    "enable.idempotence",
                    Fact::BatchDeduplicated {
                        batch: name,
                        base_offset,
                    },
                );
                return Ok(base_offset);
            }
            Admission::Refuse(error) => return Err(error),
            Admission::Append => {}
        }
        let epoch = replica.state.epoch;
        let log = disk.entry(partition).or_default();
        let base_offset = log.end();
        replica.writers.remember(&batch, base_offset);
        let origins = batch.records.iter().map(|record| record.origin).collect();
        log.append(epoch, batch);
        if let Some(last) = log.last() {
            replica.index.add(last);
        }
        cx.note(Fact::BatchAppended {
            batch: name,
            base_offset,
            epoch,
            origins,
        });
        self.tell_followers(disk, memory, partition, cx);
        Ok(base_offset)
    }

    /// Followers that wait for this partition are answered with the news.
    fn tell_followers(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        partition: PartitionId,
        cx: &mut Context,
    ) {
        let waits = |parked: &Parked| {
            parked
                .positions
                .iter()
                .any(|position| position.partition == partition)
        };
        let followers: Vec<HostId> = memory
            .parked
            .iter()
            .filter(|(_, parked)| waits(parked))
            .map(|(&id, _)| id)
            .collect();
        let cause = cx.cause();
        for follower in followers {
            self.answer_fetch(disk, memory, follower, cx);
            cx.because(cause);
        }
    }

    // ---- what coordinators keep ---------------------------------------------------------------------------------

    /// Whether this broker leads a coordinator's partition, and so is the coordinator.
    pub(super) fn leads(
        &self,
        memory: &Memory,
        partition: Option<PartitionId>,
        cx: &Context,
    ) -> bool {
        let replica = partition.and_then(|p| memory.partitions.get(usize::from(p.0)));
        replica.is_some_and(|replica| replica.state.leader == Some(cx.host()))
    }

    /// Writes an entry as `acks=all` would, and does the rest once every in-sync replica has it. Source:
    /// `CoordinatorRuntime`, which completes a write when the high watermark has passed it.
    pub(super) fn write_entry(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        partition: PartitionId,
        entry: Entry,
        then: Then,
        cx: &mut Context,
    ) {
        let name = BatchName {
            producer: cx.host(),
            session: cx.incarnation(),
            partition,
            ordinal: memory.numbered as u32,
        };
        memory.numbered += 1;
        let epoch = memory.partitions[usize::from(partition.0)].state.epoch;
        let log = disk.entry(partition).or_default();
        let marker = match &entry {
            Entry::Marker(marker) => Some(*marker),
            _ => None,
        };
        let batch = Batch {
            name,
            writer: marker.map(|marker| Writer {
                producer_id: marker.producer_id,
                epoch: marker.epoch,
                sequence: 0,
                transactional: true,
            }),
            records: Vec::new(),
            entry: Some(Box::new(entry)),
        };
        let replica = &mut memory.partitions[usize::from(partition.0)];
        replica.writers.remember(&batch, log.end());
        let offset = log.append(epoch, batch);
        let end = log.end();
        let offsets = log
            .last()
            .map_or_else(Vec::new, |last| replica.index.add(last));
        if let Some(marker) = marker.filter(|_| !self.is_internal(partition)) {
            cx.note(Fact::MarkerAppended {
                partition,
                offset,
                commit: marker.commit,
                why: marker.ending,
                offsets,
            });
        }
        memory.promises.push(Promise {
            partition,
            end,
            then,
        });
        self.tell_followers(disk, memory, partition, cx);
        self.advance(disk, memory, partition, cx);
        self.answer_ready(disk, memory, cx);
    }

    fn keep_promises(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        let safe = |promise: &Promise| {
            disk.get(&promise.partition)
                .is_some_and(|log| log.high_watermark >= promise.end)
        };
        let (kept, waiting) = std::mem::take(&mut memory.promises)
            .into_iter()
            .partition(safe);
        memory.promises = waiting;
        let kept: Vec<Promise> = kept;
        for promise in kept {
            match promise.then {
                Then::Answer(answers) => {
                    for (reply, message) in answers {
                        cx.reply(reply, message);
                    }
                }
                Then::Committed(fact, reply, message) => {
                    cx.note(fact);
                    cx.reply(reply, message);
                }
                Then::Tell(to, _, message) if to == cx.host() => cx.after(Span::ZERO, message),
                Then::Tell(_, reply, message) => cx.reply(reply, message),
                Then::Decided(id, commit, answer) => {
                    cx.note(Fact::TransactionPrepared {
                        id: id.clone(),
                        commit,
                    });
                    if let Some((reply, message)) = answer {
                        cx.reply(reply, message);
                    }
                    self.send_markers(memory, &id, true, cx);
                }
            }
        }
    }

    /// Whether a partition belongs to a coordinator: readers and the ledger have nothing to do with it.
    fn is_internal(&self, partition: PartitionId) -> bool {
        self.internal.is_some_and(|internal| {
            partition == internal.groups || partition == internal.transactions
        })
    }

    pub(super) fn leader(&self, memory: &Memory, partition: PartitionId) -> Option<HostId> {
        let replica = memory.partitions.get(usize::from(partition.0));
        replica.and_then(|replica| replica.state.leader)
    }

    /// Asks the coordinator whether a transaction includes a partition here; with version 2 it does from now on.
    pub(super) fn ask_coordinator(
        &self,
        memory: &Memory,
        producer_id: u64,
        epoch: u16,
        partition: PartitionId,
        cx: &mut Context,
    ) {
        let message = Message::AddPartitions {
            producer_id,
            epoch,
            partitions: vec![partition],
            add: self.config.transaction_version >= 2,
        };
        let coordinator = self
            .internal
            .and_then(|i| self.leader(memory, i.transactions));
        match coordinator {
            Some(to) if to == cx.host() => cx.after(Span::ZERO, message),
            Some(to) => cx.send(to, message),
            None => {
                let unknown = Message::AddPartitionsResponse {
                    producer_id,
                    epoch,
                    partition,
                    error: Some(ErrorCode::NotCoordinator),
                };
                cx.after(Span::ZERO, unknown);
            }
        }
    }

    /// Whether the request at the head of a channel must wait until the coordinator has answered for it. Source:
    /// `ReplicaManager.maybeSendPartitionsToTransactionCoordinator`.
    fn asks_first(&self, memory: &mut Memory, client: HostId, cx: &mut Context) -> bool {
        let checks =
            FULL && (self.config.transaction_version >= 2 || self.config.transaction_verification);
        let head = memory.channels.get(&client).and_then(|c| c.queue.front());
        let Some(Message::Produce { batches, .. }) = head.filter(|_| checks) else {
            return false;
        };
        let unknown = batches.iter().find_map(|batch| {
            let writer = batch.writer.filter(|writer| writer.transactional)?;
            let place = (writer.producer_id, writer.epoch, batch.name.partition);
            let replica = &memory.partitions[usize::from(place.2.0)];
            let leads = replica.state.leader == Some(cx.host());
            (leads && !memory.verified.contains(&place)).then_some(place)
        });
        if let Some((producer_id, epoch, partition)) = unknown {
            self.ask_coordinator(memory, producer_id, epoch, partition, cx);
        }
        unknown.is_some()
    }

    /// The coordinator has answered: what waited goes on, or is refused.
    pub(super) fn verified(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        producer_id: u64,
        partition: PartitionId,
        error: Option<ErrorCode>,
        cx: &mut Context,
    ) {
        let groups = self.internal.map(|internal| internal.groups);
        let waits = |message: &Message| match message {
            Message::Produce { batches, .. } => batches.iter().any(|batch| {
                batch.name.partition == partition
                    && batch.writer.is_some_and(|w| w.producer_id == producer_id)
            }),
            Message::TxnOffsetCommit { producer_id: p, .. } => {
                *p == producer_id && groups == Some(partition)
            }
            _ => false,
        };
        let asking = std::mem::take(&mut memory.asking);
        let (ready, asking): (Vec<(HostId, Message)>, _) =
            asking.into_iter().partition(|(_, message)| waits(message));
        memory.asking = asking;
        for (from, message) in ready {
            match error {
                None => self.on_group(disk, memory, from, message, cx),
                Some(_) => cx.send(from, Message::TxnOffsetCommitResponse { error }),
            }
        }
        let waiting = |channel: &Channel| channel.muted && channel.queue.front().is_some_and(waits);
        let clients = memory
            .channels
            .iter()
            .filter(|(_, channel)| waiting(channel));
        let clients: Vec<HostId> = clients.map(|(&client, _)| client).collect();
        for client in clients {
            match error {
                None => self.handle_produce(disk, memory, client, cx),
                Some(error) => self.refuse_produce(memory, client, error, cx),
            }
        }
    }

    fn refuse_produce(
        &self,
        memory: &mut Memory,
        client: HostId,
        error: ErrorCode,
        cx: &mut Context,
    ) {
        let channel = memory.channels.get_mut(&client);
        let head = channel.map(|channel| (channel.reply, channel.queue.pop_front()));
        if let Some((
            reply,
            Some(Message::Produce {
                correlation,
                batches,
                ..
            }),
        )) = head
        {
            let mut results = Vec::new();
            for batch in batches {
                let name = batch.name;
                cx.note(Fact::BatchRejected { batch: name, error });
                results.push((name.partition, Err(error)));
            }
            cx.reply(
                reply,
                Message::ProduceResponse {
                    correlation,
                    results,
                },
            );
        }
        self.unmute(memory, client, cx);
    }

    fn min_isr(&self) -> usize {
        usize::from(
            self.topic
                .min_insync_replicas
                .min(self.topic.replication_factor),
        )
    }

    /// The high watermark is the smallest log end of the in-sync set. It stands still while that set is too small (KIP-966).
    fn advance(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        partition: PartitionId,
        cx: &mut Context,
    ) {
        let replica = &memory.partitions[usize::from(partition.0)];
        if replica.state.leader != Some(cx.host()) || replica.state.isr.len() < self.min_isr() {
            return;
        }
        let log = disk.entry(partition).or_default();
        let follower_end =
            |id: &HostId| replica.followers.get(id).map_or(0, |follower| follower.end);
        let end_of = |id: &HostId| {
            if *id == cx.host() {
                log.end()
            } else {
                follower_end(id)
            }
        };
        let members = replica.state.isr.iter().chain(&replica.joining);
        let lowest = members.map(end_of).min().unwrap_or(0);
        if lowest > log.high_watermark {
            log.high_watermark = lowest;
            if self.is_internal(partition) {
                return;
            }
            cx.note(Fact::HighWatermarkAdvanced {
                partition,
                offset: lowest,
            });
        }
    }

    /// Starts the answer to every request whose batches are all below the high watermark; answering is a step of its own.
    fn answer_ready(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        if FULL && !memory.promises.is_empty() {
            self.keep_promises(disk, memory, cx);
        }
        for (&number, request) in &mut memory.requests {
            request.waiting.retain(|(partition, end)| {
                disk.get(partition)
                    .is_none_or(|log| log.high_watermark < *end)
            });
            if request.waiting.is_empty() && !request.answering {
                request.answering = true;
                cx.after(Span::ZERO, Message::AnswerProduce { request: number });
            }
        }
    }

    fn answer(&self, memory: &mut Memory, number: u64, cx: &mut Context) {
        let Some(mut request) = memory.requests.remove(&number) else {
            return;
        };
        // The high watermark has passed the batch, but meanwhile too few are left that have it. Source:
        // `Partition.checkEnoughReplicasReachOffset`.
        for (partition, result) in &mut request.results {
            let isr = &memory.partitions[usize::from(partition.0)].state.isr;
            if request.acks == Acks::All && result.is_ok() && isr.len() < self.min_isr() {
                *result = Err(ErrorCode::NotEnoughReplicasAfterAppend);
            }
        }
        cx.reply(
            request.reply,
            Message::ProduceResponse {
                correlation: request.correlation,
                results: request.results,
            },
        );
        self.unmute(memory, request.reply.to, cx);
    }

    fn unmute(&self, memory: &mut Memory, client: HostId, cx: &mut Context) {
        if let Some(channel) = memory.channels.get_mut(&client) {
            channel.muted = false;
        }
        self.read_channel(memory, client, cx);
    }

    /// The batch is stored, yet the producer is told that the request timed out.
    fn expire(&self, memory: &mut Memory, number: u64, cx: &mut Context) {
        let Some(request) = memory.requests.get_mut(&number) else {
            return;
        };
        if request.answering {
            return;
        }
        for (partition, result) in &mut request.results {
            if request
                .waiting
                .iter()
                .any(|(waiting, _)| waiting == partition)
            {
                *result = Err(ErrorCode::RequestTimedOut);
            }
        }
        self.answer(memory, number, cx);
    }

    fn on_fetch(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        follower: HostId,
        positions: Vec<FetchPosition>,
        cx: &mut Context,
    ) {
        let mut news = false;
        for position in &positions {
            let replica = &mut memory.partitions[usize::from(position.partition.0)];
            let log = disk.entry(position.partition).or_default();
            if replica.state.leader != Some(cx.host())
                || position.offset < log.start
                || log.divergence(position).is_some()
            {
                news = true;
                continue;
            }
            let known = replica
                .followers
                .entry(follower)
                .or_insert(Follower::new(cx.now()));
            known.end = position.offset;
            // Who has now what the leader had at the fetch before was in sync then. Source: `Replica.updateFetchState`.
            let (fetched, end_then) = known.fetched;
            if position.offset >= log.end() {
                known.caught_up = cx.now();
            } else if position.offset >= end_then {
                known.caught_up = fetched.max(known.caught_up);
            }
            news |= position.offset < log.end();
            known.fetched = (cx.now(), log.end());
            let state = &replica.state;
            // Source: `Partition.isFollowerInSync`.
            if !state.isr.contains(&follower)
                && !replica.joining.contains(&follower)
                && position.offset >= log.high_watermark.max(replica.epoch_start)
            {
                replica.joining.insert(follower);
                let joined = |id: &&HostId| state.isr.contains(id) || replica.joining.contains(id);
                let isr = state.replicas.iter().filter(joined).copied().collect();
                cx.send(
                    self.controller,
                    Message::AlterIsr {
                        partition: position.partition,
                        epoch: state.epoch,
                        isr,
                    },
                );
            }
            self.advance(disk, memory, position.partition, cx);
        }
        self.answer_ready(disk, memory, cx);
        memory.numbered += 1;
        let number = memory.numbered;
        memory.parked.insert(
            follower,
            Parked {
                number,
                reply: cx.reply_to(follower),
                positions,
            },
        );
        if news {
            self.answer_fetch(disk, memory, follower, cx);
        } else {
            cx.after(
                Span::from_ms(self.config.replica_fetch_wait_max_ms),
                Message::FetchExpired {
                    follower,
                    fetch: number,
                },
            );
        }
    }

    fn answer_fetch(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        follower: HostId,
        cx: &mut Context,
    ) {
        let Some(parked) = memory.parked.remove(&follower) else {
            return;
        };
        let answer = |position: &FetchPosition| {
            let log = disk.entry(position.partition).or_default();
            let answer = if memory.partitions[usize::from(position.partition.0)]
                .state
                .leader
                != Some(cx.host())
            {
                FetchAnswer::Error(ErrorCode::NotLeaderOrFollower)
            } else if position.offset < log.start {
                FetchAnswer::Deleted { start: log.start }
            } else if let Some((epoch, end)) = log.divergence(position) {
                FetchAnswer::Diverges { epoch, end }
            } else {
                FetchAnswer::Batches {
                    batches: log.from(position.offset, FETCH_RECORDS_MAX),
                    high_watermark: log.high_watermark,
                }
            };
            Fetched {
                partition: position.partition,
                offset: position.offset,
                answer,
            }
        };
        let fetched = parked.positions.iter().map(answer).collect();
        cx.reply(parked.reply, Message::FetchResponse { fetched });
    }

    /// Followers that have not caught up for `replica.lag.time.max.ms` leave the in-sync set.
    fn shrink_isr(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        let limit = Span::from_ms(self.config.replica_lag_time_max_ms);
        for replica in &memory.partitions {
            let state = &replica.state;
            let end = disk.get(&state.partition).map_or(0, Log::end);
            let behind = |id: &HostId| {
                let follower = replica.followers.get(id);
                *id != cx.host()
                    && follower.is_some_and(|f| f.end < end && cx.now().since(f.caught_up) > limit)
            };
            if state.leader == Some(cx.host()) && state.isr.iter().any(behind) {
                let isr = state.isr.iter().filter(|id| !behind(id)).copied().collect();
                cx.send(
                    self.controller,
                    Message::AlterIsr {
                        partition: state.partition,
                        epoch: state.epoch,
                        isr,
                    },
                );
            }
        }
    }

    // ---- the follower's side -----------------------------------------------------------------------------------

    fn fetch(&self, disk: &mut Disk, memory: &mut Memory, leader: HostId, cx: &mut Context) {
        let me = cx.host();
        let mine = |replica: &&Replica| {
            replica.state.leader == Some(leader)
                && leader != me
                && replica.state.replicas.contains(&me)
        };
        let position = |replica: &Replica| {
            let log = disk.entry(replica.state.partition).or_default();
            FetchPosition {
                partition: replica.state.partition,
                offset: log.end(),
                last_epoch: log.last_epoch(),
            }
        };
        let positions: Vec<FetchPosition> = memory
            .partitions
            .iter()
            .filter(mine)
            .map(position)
            .collect();
        if positions.is_empty() {
            memory.fetching.remove(&leader);
        } else {
            memory.fetching.insert(leader);
            cx.send(leader, Message::Fetch { positions });
        }
    }

    fn on_fetched(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        leader: HostId,
        fetched: Vec<Fetched>,
        cx: &mut Context,
    ) {
        let mut failed = false;
        for Fetched {
            partition,
            offset,
            answer,
        } in fetched
        {
            if memory.partitions[usize::from(partition.0)].state.leader != Some(leader) {
                continue;
            }
            let log = disk.entry(partition).or_default();
            // The log was cut, or the leader changed and came back, while the answer was on its way. Source:
            // `AbstractFetcherThread.processFetchRequest`, which drops it as well.
            if offset != log.end() {
                continue;
            }
            match answer {
                FetchAnswer::Batches {
                    batches,
                    high_watermark,
                } => {
                    let before = log.end();
                    batches.into_iter().for_each(|batch| log.copy(batch));
                    log.high_watermark = log.high_watermark.max(high_watermark.min(log.end()));
                    if log.end() > before && !self.is_internal(partition) {
                        cx.note(Fact::ReplicaAdvanced {
                            partition,
                            end: log.end(),
                        });
                    }
                }
                FetchAnswer::Diverges { epoch, end } => {
                    // Source: `AbstractFetcherThread.getOffsetTruncationState`.
                    let (_, own) = log.end_of_epoch(epoch);
                    let from = log.truncate(end.min(own));
                    cx.note(Fact::LogTruncated {
                        partition,
                        to: log.end(),
                        from,
                    });
                }
                FetchAnswer::Deleted { start } => {
                    log.begin_at(start);
                    cx.note(Fact::LogStartAdvanced {
                        partition,
                        to: start,
                    });
                }
                FetchAnswer::Error(_) => failed = true,
            }
        }
        if failed {
            cx.after(
                Span::from_ms(self.config.replica_fetch_backoff_ms),
                Message::FetchFrom { leader },
            );
        } else {
            self.fetch(disk, memory, leader, cx);
        }
    }

    // ---- what the controller says ------------------------------------------------------------------------------

    fn take_states(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        states: Vec<PartitionState>,
        cx: &mut Context,
    ) {
        let me = cx.host();
        let mut leaders = Vec::new();
        let mut taken_over = Vec::new();
        for state in states {
            let partition = state.partition;
            let replica = &mut memory.partitions[usize::from(partition.0)];
            let log = disk.entry(partition).or_default();
            if state.leader == Some(me) {
                let elected =
                    replica.state.leader != Some(me) || replica.state.epoch != state.epoch;
                if elected {
                    replica.writers = Writers::rebuilt(log);
                    replica.index = Index::rebuilt(log);
                    replica.epoch_start = log.end();
                    let follower = Follower::new(cx.now());
                    replica.followers = state
                        .replicas
                        .iter()
                        .filter(|&&id| id != me)
                        .map(|&id| (id, follower))
                        .collect();
                    cx.note(Fact::LeaderElected {
                        partition,
                        epoch: state.epoch,
                        end: log.end(),
                    });
                    taken_over.push(partition);
                    memory.promises.retain(|p| p.partition != partition);
                }
                if elected || replica.state.isr != state.isr {
                    cx.note(Fact::IsrChanged {
                        partition,
                        isr: state.isr.clone(),
                    });
                }
            } else if let Some(leader) = state.leader {
                leaders.push(leader);
            }
            replica.state = state;
            replica.joining.clear();
            self.advance(disk, memory, partition, cx);
        }
        // Requests that wait for a partition this broker leads no longer are answered with an error.
        let lost: Vec<u64> = memory
            .requests
            .iter()
            .filter(|(_, r)| !r.answering)
            .map(|(&number, _)| number)
            .collect();
        for number in lost {
            let request = memory.requests.get_mut(&number).expect("numbered just now");
            for (partition, result) in &mut request.results {
                let leads = memory.partitions[usize::from(partition.0)].state.leader == Some(me);
                if !leads
                    && request
                        .waiting
                        .iter()
                        .any(|(waiting, _)| waiting == partition)
                {
                    *result = Err(ErrorCode::NotLeaderOrFollower);
                    request.waiting.retain(|(waiting, _)| waiting != partition);
                }
            }
        }
        if let (true, Some(internal)) = (FULL, self.internal) {
            if taken_over.contains(&internal.groups) {
                self.load_groups(disk, memory, cx);
            }
            if taken_over.contains(&internal.transactions) {
                self.load_transactions(disk, memory, cx);
            }
        }
        self.answer_ready(disk, memory, cx);
        leaders.dedup();
        for leader in leaders {
            if !memory.fetching.contains(&leader) {
                self.fetch(disk, memory, leader, cx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{LogBatch, Writer};
    use super::super::stand::{B1, B2, B3, CONTROLLER, PRODUCER, Stand, batch, led_by_b1};
    use super::*;

    fn leader(min_insync_replicas: u8, isr: &[HostId]) -> Stand<Broker> {
        let broker = Broker {
            config: BrokerConfig::default(),
            topic: TopicConfig {
                replication_factor: 3,
                min_insync_replicas,
                ..TopicConfig::default()
            },
            controller: CONTROLLER,
            initial: vec![led_by_b1(isr)],
            zero_ms: 0,
            internal: None,
        };
        Stand::new(B1, broker)
    }

    fn produce(stand: &mut Stand<Broker>, ordinal: u32, acks: Acks) -> Vec<Fact> {
        let message = Message::Produce {
            correlation: u64::from(ordinal),
            attempt: 1,
            acks,
            timeout: Span::from_ms(30_000),
            batches: vec![batch(ordinal, None)],
        };
        let mut facts = stand.tell(PRODUCER, message::Message::Kafka(message));
        facts.extend(stand.pass(Span::from_ms(1)));
        facts
    }

    /// A follower asks for what comes after `offset`, so it has everything before.
    fn fetch(stand: &mut Stand<Broker>, follower: HostId, offset: u64) -> Vec<Fact> {
        let position = FetchPosition {
            partition: PartitionId(0),
            offset,
            last_epoch: 0,
        };
        let message = Message::Fetch {
            positions: vec![position],
        };
        let mut facts = stand.tell(follower, message::Message::Kafka(message));
        facts.extend(stand.pass(Span::from_ms(1)));
        facts
    }

    /// What the producer was answered: correlation, and the offset or the error.
    fn answers(stand: &mut Stand<Broker>) -> Vec<(u64, Result<u64, ErrorCode>)> {
        let sent = stand.sent().into_iter();
        let answer = |(to, message): (HostId, Message)| match message {
            Message::ProduceResponse {
                correlation,
                results,
            } => {
                assert_eq!(to, PRODUCER);
                Some((correlation, results[0].1))
            }
            _ => None,
        };
        sent.filter_map(answer).collect()
    }

    fn high_watermarks(facts: &[Fact]) -> Vec<u64> {
        let of = |fact: &Fact| match fact {
            Fact::HighWatermarkAdvanced { offset, .. } => Some(*offset),
            _ => None,
        };
        facts.iter().filter_map(of).collect()
    }

    #[test]
    fn acks_1_is_answered_by_the_leader_alone_and_acks_all_once_every_in_sync_replica_has_the_batch()
     {
        let mut stand = leader(2, &[B1, B2, B3]);
        produce(&mut stand, 0, Acks::Leader);
        assert_eq!(answers(&mut stand), [(0, Ok(0))]);
        produce(&mut stand, 1, Acks::All);
        assert_eq!(answers(&mut stand), []);
        fetch(&mut stand, B2, 2);
        assert_eq!(answers(&mut stand), [], "b3 is in sync and has not got it");
        let facts = fetch(&mut stand, B3, 2);
        assert_eq!(high_watermarks(&facts), [2]);
        assert_eq!(answers(&mut stand), [(1, Ok(1))]);
    }

    #[test]
    fn the_high_watermark_is_the_smallest_end_of_the_in_sync_set_and_never_goes_back() {
        let mut stand = leader(1, &[B1, B2, B3]);
        (0..3).for_each(|n| drop(produce(&mut stand, n, Acks::Leader)));
        assert_eq!(high_watermarks(&fetch(&mut stand, B2, 3)), [0; 0]);
        assert_eq!(high_watermarks(&fetch(&mut stand, B3, 1)), [1]);
        assert_eq!(high_watermarks(&fetch(&mut stand, B3, 0)), [0; 0]);
        assert_eq!(high_watermarks(&fetch(&mut stand, B3, 3)), [3]);
        // Who is not in sync holds nothing up.
        let mut stand = leader(1, &[B1, B2]);
        produce(&mut stand, 0, Acks::Leader);
        assert_eq!(high_watermarks(&fetch(&mut stand, B2, 1)), [1]);
    }

    #[test]
    fn below_the_minimum_only_acks_all_is_refused_and_nothing_becomes_visible() {
        let mut stand = leader(2, &[B1]);
        let facts = produce(&mut stand, 0, Acks::All);
        assert!(
            !facts
                .iter()
                .any(|fact| matches!(fact, Fact::BatchAppended { .. }))
        );
        assert_eq!(
            answers(&mut stand),
            [(0, Err(ErrorCode::NotEnoughReplicas))]
        );
        let facts = produce(&mut stand, 1, Acks::Leader);
        assert!(
            facts
                .iter()
                .any(|fact| matches!(fact, Fact::BatchAppended { base_offset: 0, .. }))
        );
        assert_eq!(answers(&mut stand), [(1, Ok(0))]);
        assert_eq!(
            high_watermarks(&facts),
            [0; 0],
            "acknowledged, and invisible to every reader"
        );
        let mut alone = leader(1, &[B1]);
        assert_eq!(high_watermarks(&produce(&mut alone, 0, Acks::All)), [1]);
        assert_eq!(
            answers(&mut alone),
            [(0, Ok(0))],
            "acks=all may mean the leader alone"
        );
    }

    #[test]
    fn requests_of_one_connection_are_answered_strictly_in_order() {
        let mut stand = leader(2, &[B1, B2]);
        for (ordinal, acks) in [(0, Acks::All), (1, Acks::Leader)] {
            produce(&mut stand, ordinal, acks);
        }
        assert_eq!(answers(&mut stand), [], "the second waits behind the first");
        fetch(&mut stand, B2, 1);
        assert_eq!(answers(&mut stand), [(0, Ok(0)), (1, Ok(1))]);
    }

    #[test]
    fn a_request_that_waits_too_long_is_told_so_although_the_batch_is_stored() {
        let mut stand = leader(2, &[B1, B2]);
        let facts = produce(&mut stand, 0, Acks::All);
        assert!(
            facts
                .iter()
                .any(|fact| matches!(fact, Fact::BatchAppended { .. }))
        );
        stand.pass(Span::from_ms(30_000));
        assert_eq!(answers(&mut stand), [(0, Err(ErrorCode::RequestTimedOut))]);
    }

    #[test]
    fn who_leads_no_more_says_so_and_hangs_up_on_acks_0() {
        let mut stand = leader(1, &[B1, B2]);
        let moved = PartitionState {
            leader: Some(B2),
            epoch: 1,
            isr: vec![B2],
            ..led_by_b1(&[])
        };
        stand.tell(
            CONTROLLER,
            message::Message::Kafka(Message::Partitions {
                states: vec![moved],
            }),
        );
        produce(&mut stand, 0, Acks::Leader);
        assert_eq!(
            answers(&mut stand),
            [(0, Err(ErrorCode::NotLeaderOrFollower))]
        );
        produce(&mut stand, 1, Acks::None);
        let memory = stand.host.memory.as_ref().expect("it is alive");
        assert!(
            !memory.channels.contains_key(&PRODUCER),
            "the connection is closed"
        );
    }

    #[test]
    fn a_new_leader_does_not_tell_the_end_of_the_topic_before_its_followers_have_asked() {
        let mut stand = leader(1, &[B1, B2]);
        produce(&mut stand, 0, Acks::Leader);
        let again = PartitionState {
            epoch: 1,
            ..led_by_b1(&[B1, B2])
        };
        stand.tell(
            CONTROLLER,
            message::Message::Kafka(Message::Partitions {
                states: vec![again],
            }),
        );
        let mut end = || {
            let question = Message::ListOffsets {
                partition: PartitionId(0),
                spec: OffsetSpec::Latest,
            };
            stand.sent();
            stand.tell(PRODUCER, message::Message::Kafka(question));
            match stand.sent().pop() {
                Some((_, Message::Offset { result, .. })) => result,
                other => panic!("no offset but {other:?}"),
            }
        };
        assert_eq!(end(), Err(ErrorCode::OffsetNotAvailable));
        fetch(&mut stand, B2, 1);
        let question = Message::ListOffsets {
            partition: PartitionId(0),
            spec: OffsetSpec::Latest,
        };
        stand.sent();
        stand.tell(PRODUCER, message::Message::Kafka(question));
        assert!(matches!(
            stand.sent().pop(),
            Some((_, Message::Offset { result: Ok(1), .. }))
        ));
    }

    #[test]
    fn a_follower_always_one_batch_behind_stays_in_sync_and_a_silent_one_does_not() {
        let mut stand = leader(1, &[B1, B2, B3]);
        // b2 always has what there was at its last fetch; b3 never asks.
        for n in 0..30 {
            produce(&mut stand, n, Acks::Leader);
            fetch(&mut stand, B2, u64::from(n));
            stand.pass(Span::from_ms(2_000));
        }
        let asked = stand
            .sent()
            .into_iter()
            .filter_map(|(_, message)| match message {
                Message::AlterIsr { isr, .. } => Some(isr),
                _ => None,
            });
        let asked: Vec<Vec<HostId>> = asked.collect();
        assert!(
            !asked.is_empty() && asked.iter().all(|isr| isr == &[B1, B2]),
            "{asked:?}"
        );
    }

    #[test]
    fn a_follower_is_taken_back_once_it_has_the_high_watermark() {
        let mut stand = leader(1, &[B1]);
        (0..2).for_each(|n| drop(produce(&mut stand, n, Acks::Leader)));
        let asks = |stand: &mut Stand<Broker>| {
            let sent = stand.sent();
            sent.iter().any(
                |(_, message)| matches!(message, Message::AlterIsr { isr, .. } if isr == &[B1, B3]),
            )
        };
        fetch(&mut stand, B3, 1);
        assert!(!asks(&mut stand), "the high watermark is 2");
        fetch(&mut stand, B3, 2);
        assert!(asks(&mut stand));
    }

    #[test]
    fn a_returning_replica_cuts_what_the_new_leader_never_had() {
        let mut stand = leader(1, &[B1]);
        (0..3).for_each(|n| drop(produce(&mut stand, n, Acks::Leader)));
        let moved = PartitionState {
            leader: Some(B2),
            epoch: 1,
            isr: vec![B2],
            ..led_by_b1(&[])
        };
        stand.tell(
            CONTROLLER,
            message::Message::Kafka(Message::Partitions {
                states: vec![moved],
            }),
        );
        let fetched = Fetched {
            partition: PartitionId(0),
            offset: 3,
            answer: FetchAnswer::Diverges { epoch: 0, end: 1 },
        };
        let facts = stand.tell(
            B2,
            message::Message::Kafka(Message::FetchResponse {
                fetched: vec![fetched],
            }),
        );
        assert!(
            matches!(facts[..], [Fact::LogTruncated { to: 1, from: 3, .. }]),
            "{facts:?}"
        );
    }

    #[test]
    fn an_answer_to_a_question_from_before_the_cut_is_dropped() {
        let mut stand = leader(1, &[B1]);
        produce(&mut stand, 0, Acks::Leader);
        let moved = PartitionState {
            leader: Some(B2),
            epoch: 1,
            isr: vec![B2],
            ..led_by_b1(&[])
        };
        let states = vec![moved];
        stand.tell(
            CONTROLLER,
            message::Message::Kafka(Message::Partitions { states }),
        );
        let old = LogBatch {
            base_offset: 2,
            epoch: 0,
            batch: batch(2, None),
        };
        let fetched = vec![Fetched {
            partition: PartitionId(0),
            offset: 2,
            answer: FetchAnswer::Batches {
                batches: vec![old],
                high_watermark: 3,
            },
        }];
        let facts = stand.tell(
            B2,
            message::Message::Kafka(Message::FetchResponse { fetched }),
        );
        assert!(facts.is_empty(), "{facts:?}");
        assert_eq!(stand.host.disk[&PartitionId(0)].end(), 1);
    }

    fn tell(stand: &mut Stand<Broker>, from: HostId, message: Message) -> Vec<Fact> {
        stand.tell(from, message::Message::Kafka(message))
    }

    #[test]
    fn a_repeat_waits_for_its_first_copy_and_not_for_what_came_behind() {
        let mut stand = leader(2, &[B1, B2]);
        let writer = |sequence| Writer {
            producer_id: 7,
            epoch: 0,
            sequence,
            transactional: false,
        };
        let send = |stand: &mut Stand<Broker>, from, correlation, ordinal: u32| {
            let message = Message::Produce {
                correlation,
                attempt: 1,
                acks: Acks::All,
                timeout: Span::from_ms(30_000),
                batches: vec![batch(ordinal, Some(writer(ordinal)))],
            };
            tell(stand, from, message);
            stand.pass(Span::from_ms(1));
        };
        send(&mut stand, PRODUCER, 0, 0);
        fetch(&mut stand, B2, 1);
        stand.sent();
        // The second batch is not replicated yet, on a connection of its own; the first comes again.
        send(&mut stand, B3, 1, 1);
        send(&mut stand, PRODUCER, 2, 0);
        assert_eq!(answers(&mut stand), [(2, Ok(0))]);
    }

    #[test]
    fn an_in_sync_set_that_shrinks_between_replication_and_answer_is_told_after_the_append() {
        for (min, expected) in [
            (2, Err(ErrorCode::NotEnoughReplicasAfterAppend)),
            (1, Ok(0)),
        ] {
            let mut stand = leader(min, &[B1, B2]);
            produce(&mut stand, 0, Acks::All);
            let position = FetchPosition {
                partition: PartitionId(0),
                offset: 1,
                last_epoch: 0,
            };
            let positions = vec![position];
            tell(&mut stand, B2, Message::Fetch { positions });
            let states = vec![led_by_b1(&[B1])];
            tell(&mut stand, CONTROLLER, Message::Partitions { states });
            stand.pass(Span::from_ms(1));
            assert_eq!(answers(&mut stand), [(0, expected)]);
        }
    }

    #[test]
    fn who_is_about_to_join_holds_the_high_watermark_until_the_controller_has_answered() {
        let mut stand = leader(1, &[B1]);
        produce(&mut stand, 0, Acks::Leader);
        fetch(&mut stand, B3, 1);
        assert_eq!(
            high_watermarks(&produce(&mut stand, 1, Acks::Leader)),
            [0; 0],
            "b3 has only the first"
        );
        let asked = |stand: &mut Stand<Broker>| {
            let sent = stand.sent();
            let asks =
                |(_, message): &&(HostId, Message)| matches!(message, Message::AlterIsr { .. });
            sent.iter().filter(asks).count()
        };
        assert_eq!(asked(&mut stand), 1);
        fetch(&mut stand, B3, 1);
        assert_eq!(asked(&mut stand), 0, "one question at a time");
        // The controller refuses: b3 counts no longer.
        let states = vec![led_by_b1(&[B1])];
        let facts = tell(&mut stand, CONTROLLER, Message::Partitions { states });
        assert_eq!(high_watermarks(&facts), [2]);
    }

    #[test]
    fn what_a_broken_connection_to_the_controller_took_along_is_asked_again() {
        let mut stand = leader(1, &[B1]);
        produce(&mut stand, 0, Acks::Leader);
        fetch(&mut stand, B3, 1);
        tell(&mut stand, PRODUCER, Message::InitProducerId);
        stand.sent();
        stand.tell(CONTROLLER, message::Message::Disconnected);
        fetch(&mut stand, B3, 1);
        let sent = stand.sent();
        let asks = |wanted: fn(&Message) -> bool| sent.iter().any(|(_, message)| wanted(message));
        assert!(asks(|m| matches!(m, Message::AlterIsr { .. })));
        assert!(asks(|m| matches!(m, Message::AllocateProducerIds)));
    }

    #[test]
    fn producer_ids_come_from_the_brokers_block_and_then_from_the_next() {
        let mut stand = leader(1, &[B1]);
        let mut given = Vec::new();
        for first in [4_000, 9_000] {
            for _ in 0..PRODUCER_ID_BLOCK {
                tell(&mut stand, PRODUCER, Message::InitProducerId);
            }
            tell(&mut stand, CONTROLLER, Message::ProducerIds { first });
        }
        for (_, message) in stand.sent() {
            if let Message::ProducerId { producer_id, .. } = message {
                given.push(producer_id);
            }
        }
        let expected: Vec<u64> = (4_000..5_000).chain(9_000..10_000).collect();
        assert_eq!(given, expected);
    }

    #[test]
    fn power_takes_only_what_was_not_written_out() {
        let mut stand = leader(1, &[B1]);
        produce(&mut stand, 0, Acks::Leader);
        stand.pass(Span::from_ms(5_000));
        produce(&mut stand, 1, Acks::Leader);
        stand.host.program.on_power_loss(&mut stand.host.disk);
        let log = &stand.host.disk[&PartitionId(0)];
        assert_eq!((log.end(), log.cut_from), (1, Some(2)));
    }

    #[test]
    fn a_slow_follower_has_a_batch_later_and_a_quick_one_at_once() {
        for (slow, after_ms, expected) in [(false, 1, 1), (true, 1, 0), (true, 1_000, 1)] {
            let mut stand = leader(1, &[B1, B2]);
            let states = vec![PartitionState {
                leader: Some(B2),
                epoch: 1,
                ..led_by_b1(&[B1, B2])
            }];
            tell(&mut stand, CONTROLLER, Message::Partitions { states });
            if slow {
                let (by, until) = (Span::from_ms(800), Time::from_ms(5_000));
                tell(&mut stand, B1, Message::Slow { by, until });
            }
            let copied = LogBatch {
                base_offset: 0,
                epoch: 1,
                batch: batch(0, None),
            };
            let answer = FetchAnswer::Batches {
                batches: vec![copied],
                high_watermark: 0,
            };
            let fetched = vec![Fetched {
                partition: PartitionId(0),
                offset: 0,
                answer,
            }];
            tell(&mut stand, B2, Message::FetchResponse { fetched });
            stand.pass(Span::from_ms(after_ms));
            let end = stand.host.disk.get(&PartitionId(0)).map_or(0, Log::end);
            assert_eq!(end, expected, "slow {slow}, after {after_ms} ms");
        }
    }
}
