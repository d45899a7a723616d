//! What a client-side checker would say of a run: anomalies by the names of Jepsen's checker for Kafka.
//!
//! Mirrors: `jepsen.tests.kafka`, which judges sends and polls by their values and offsets. Several of its names are legal in
//! Kafka and are marked so: an anomaly is what was observed, whether or not anybody promised otherwise (`promises`).
//! Simplified: a Spark query polls what it plans, and has read what its table shows; dependency cycles are not searched.

use crate::sim::Scenario;
use crate::sim::compact::sort_by_rank;
use crate::sim::kafka::protocol::{BatchName, PartitionId};
use crate::sim::kernel::HostId;
use crate::sim::ordered::OrdMap;
use crate::sim::origin::{Origin, number};
use crate::sim::trace::{Fact, FactId, SegmentId, Source, Trace};

/// A kind of anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// One value at two offsets.
    Duplicate,
    /// Acknowledged, and never read although later offsets were.
    LostWrite,
    /// Acknowledged, and not read by the end.
    Unseen,
    /// A record of an aborted transaction was read.
    AbortedRead,
    /// A record was read before its transaction had ended.
    PrecommittedRead,
    /// One offset was seen with two values.
    InconsistentOffsets,
    /// A reader's next poll left records out.
    PollSkip,
    /// A reader's next poll went back.
    NonmonotonicPoll,
    /// A later send of one producer got an earlier offset.
    NonmonotonicSend,
    /// Inside one poll.
    IntPollSkip,
    IntNonmonotonicPoll,
    /// Inside one transaction.
    IntSendSkip,
    IntNonmonotonicSend,
}

impl Class {
    pub const ALL: [Class; 13] = [
        Class::Duplicate,
        Class::LostWrite,
        Class::Unseen,
        Class::AbortedRead,
        Class::PrecommittedRead,
        Class::InconsistentOffsets,
        Class::PollSkip,
        Class::NonmonotonicPoll,
        Class::NonmonotonicSend,
        Class::IntPollSkip,
        Class::IntNonmonotonicPoll,
        Class::IntSendSkip,
        Class::IntNonmonotonicSend,
    ];

    /// As the checker calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Duplicate => "duplicate",
            Class::LostWrite => "lost-write",
            Class::Unseen => "unseen",
            Class::AbortedRead => "G1a",
            Class::PrecommittedRead => "precommitted-read",
            Class::InconsistentOffsets => "inconsistent-offsets",
            Class::PollSkip => "poll-skip",
            Class::NonmonotonicPoll => "nonmonotonic-poll",
            Class::NonmonotonicSend => "nonmonotonic-send",
            Class::IntPollSkip => "int-poll-skip",
            Class::IntNonmonotonicPoll => "int-nonmonotonic-poll",
            Class::IntSendSkip => "int-send-skip",
            Class::IntNonmonotonicSend => "int-nonmonotonic-send",
        }
    }
}

/// One anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    pub class: Class,
    pub order: u32,
    pub partition: PartitionId,
    /// The fact that completes it.
    pub fact: FactId,
    /// Kafka allows it: a rebalance moved the reader, or others wrote in between.
    pub legal: bool,
}

/// All anomalies of a run, in the order of their facts.
pub fn of(scenario: &Scenario, trace: &Trace) -> Vec<Anomaly> {
    let mut checker = Checker::new(scenario, trace);
    for (id, event) in trace.iter() {
        checker.fold(id, event.host, &event.fact);
    }
    checker.end(FactId(trace.events.len().saturating_sub(1) as u32));
    let mut found = checker.found;
    sort_by_rank(&mut found, |one| (one.fact.0.into(), one.order.into()));
    found
}

/// How often each class was found, those that Kafka allows apart.
pub fn tally(anomalies: &[Anomaly]) -> Vec<(Class, usize, usize)> {
    let count = |class: Class| {
        let of_class = || anomalies.iter().filter(move |one| one.class == class);
        let legal = of_class().filter(|one| one.legal).count();
        (class, of_class().count() - legal, legal)
    };
    let all = Class::ALL.into_iter().map(count);
    all.filter(|(_, found, legal)| found + legal > 0).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Open,
    Committed,
    Aborted,
}

/// A record in the leader's log; markers leave a gap.
#[derive(Clone, Copy)]
struct Entry {
    order: u32,
    batch: BatchName,
    /// Its transaction, counted from 0, and how it ended in this partition.
    transaction: Option<(usize, End)>,
}

/// Where a reader's process stands.
#[derive(Default)]
struct Reader {
    /// The last offset it got, by partition.
    last: OrdMap<u16, u64>,
    /// A rebalance put it somewhere since.
    moved: Vec<u16>,
}

struct Checker {
    producer: Option<HostId>,
    found: Vec<Anomaly>,
    leaders: Vec<Option<HostId>>,
    logs: Vec<OrdMap<u64, Entry>>,
    /// What was ever seen at an offset by a client.
    seen: Vec<OrdMap<u64, u32>>,
    read: Vec<OrdMap<u32, u64>>,
    acked: Vec<(BatchName, u64, Vec<u32>)>,
    acked_blindly: Vec<(PartitionId, u32)>,
    readers: OrdMap<HostId, Reader>,
    /// The last offset that the query planned, by partition.
    query: OrdMap<u16, u64>,
    /// What was read while its transaction was open.
    early: Vec<(PartitionId, u64, u32)>,
    transactions: usize,
    open: OrdMap<HostId, usize>,
}

impl Checker {
    fn new(scenario: &Scenario, trace: &Trace) -> Self {
        let partitions = usize::from(scenario.topic.partitions);
        Checker {
            producer: trace.cast.find("p1"),
            found: Vec::new(),
            leaders: vec![None; partitions],
            logs: vec![OrdMap::new(); partitions],
            seen: vec![OrdMap::new(); partitions],
            read: vec![OrdMap::new(); partitions],
            acked: Vec::new(),
            acked_blindly: Vec::new(),
            readers: OrdMap::new(),
            query: OrdMap::new(),
            early: Vec::new(),
            transactions: 0,
            open: OrdMap::new(),
        }
    }

    /// Other partitions are coordinators', or of another topic.
    fn place(&self, partition: PartitionId) -> Option<usize> {
        Some(usize::from(partition.0)).filter(|&place| place < self.logs.len())
    }

    fn fold(&mut self, id: FactId, host: HostId, fact: &Fact) {
        let partition = fact.batch_name().map(|batch| batch.partition);
        let partition = partition.or(fact.partition());
        if partition.is_some_and(|partition| self.place(partition).is_none()) {
            return;
        }
        match fact {
            Fact::LeaderElected { partition, end, .. } => {
                let place = usize::from(partition.0);
                self.leaders[place] = Some(host);
                self.logs[place].split_off(end);
            }
            Fact::TransactionBegan { .. } => {
                self.open.insert(host, self.transactions);
                self.transactions += 1;
            }
            Fact::BatchAppended {
                batch,
                base_offset,
                origins,
                ..
            } => self.appended(host, *batch, *base_offset, origins),
            Fact::MarkerAppended {
                partition,
                offsets,
                commit,
                ..
            } => {
                let end = if *commit {
                    End::Committed
                } else {
                    End::Aborted
                };
                for offset in offsets {
                    let entry = self.logs[usize::from(partition.0)].get_mut(offset);
                    if let Some((_, open)) = entry.and_then(|entry| entry.transaction.as_mut()) {
                        *open = end;
                    }
                    let here =
                        |&(p, at, _): &(PartitionId, u64, u32)| (p, at) == (*partition, *offset);
                    if let Some(index) = self.early.iter().position(here) {
                        let (_, _, order) = self.early.swap_remove(index);
                        if end == End::Aborted {
                            self.note(id, Class::AbortedRead, *partition, order, false);
                        }
                    }
                }
            }
            Fact::Acknowledged {
                batch,
                base_offset,
                origins,
            } if Some(batch.producer) == self.producer => {
                let orders: Vec<u32> = origins.iter().map(|&origin| number(origin)).collect();
                match base_offset {
                    Some(base) => {
                        for (&order, offset) in orders.iter().zip(*base..) {
                            self.observe(id, batch.partition, offset, order);
                        }
                        self.acked.push((*batch, *base, orders));
                    }
                    None => {
                        let blind = orders.iter().map(|&order| (batch.partition, order));
                        self.acked_blindly.extend(blind);
                    }
                }
            }
            Fact::Positioned {
                segment: SegmentId::MAIN,
                positions,
                ..
            } => {
                let reader = self.readers.entry(host).or_default();
                reader.moved.extend(positions.iter().map(|(p, _)| p.0));
            }
            Fact::Polled {
                segment: SegmentId::MAIN,
                origins,
            } => self.polled(id, host, origins),
            Fact::BecameVisible {
                segment: SegmentId::MAIN,
                rows,
                ..
            } if self.readers.is_empty() => {
                for &(origin, source) in rows.iter().flat_map(|row| &row.origins) {
                    self.has_read(id, number(origin), source);
                }
            }
            Fact::OffsetsLogged {
                segment: SegmentId::MAIN,
                ranges,
                ..
            } => {
                for range in ranges {
                    self.planned(id, range.partition, range.start, range.end);
                }
            }
            Fact::Crashed { .. } => {
                self.readers.remove(&host);
                self.open.remove(&host);
            }
            _ => {}
        }
    }

    fn appended(&mut self, host: HostId, batch: BatchName, base: u64, origins: &[Origin]) {
        let place = usize::from(batch.partition.0);
        if self.leaders[place] != Some(host) {
            return;
        }
        let transaction = self.open.get(&batch.producer).map(|&one| (one, End::Open));
        for (&origin, offset) in origins.iter().zip(base..) {
            let entry = Entry {
                order: number(origin),
                batch,
                transaction,
            };
            self.logs[place].insert(offset, entry);
        }
    }

    fn note(
        &mut self,
        fact: FactId,
        class: Class,
        partition: PartitionId,
        order: u32,
        legal: bool,
    ) {
        self.found.push(Anomaly {
            class,
            order,
            partition,
            fact,
            legal,
        });
    }

    /// A client saw an order at an offset.
    fn observe(&mut self, id: FactId, partition: PartitionId, offset: u64, order: u32) {
        let seen = &mut self.seen[usize::from(partition.0)];
        if *seen.entry(offset).or_insert(order) != order {
            seen.insert(offset, order);
            self.note(id, Class::InconsistentOffsets, partition, order, false);
        }
    }

    fn has_read(&mut self, id: FactId, order: u32, source: Source) {
        let Some(place) = self.place(source.partition) else {
            return;
        };
        self.observe(id, source.partition, source.offset, order);
        self.read[place].insert(order, source.offset);
        let entry = self.logs[place].get(&source.offset);
        match entry.and_then(|entry| entry.transaction) {
            Some((_, End::Open)) => {
                self.early.push((source.partition, source.offset, order));
                self.note(id, Class::PrecommittedRead, source.partition, order, false);
            }
            Some((_, End::Aborted)) => {
                self.note(id, Class::AbortedRead, source.partition, order, false)
            }
            _ => {}
        }
    }

    fn polled(&mut self, id: FactId, host: HostId, origins: &[(Origin, Source)]) {
        let mut before: OrdMap<u16, u64> = OrdMap::new();
        for &(origin, source) in origins {
            let order = number(origin);
            self.has_read(id, order, source);
            let partition = source.partition;
            let reader = self.readers.entry(host).or_default();
            let (last, inside) = match before.insert(partition.0, source.offset) {
                Some(last) => (Some(last), true),
                None => (reader.last.get(&partition.0).copied(), false),
            };
            reader.last.insert(partition.0, source.offset);
            let moved = !inside && reader.moved.contains(&partition.0);
            if let Some(last) = last {
                let (skip, back) = if inside {
                    (Class::IntPollSkip, Class::IntNonmonotonicPoll)
                } else {
                    (Class::PollSkip, Class::NonmonotonicPoll)
                };
                self.step(
                    id,
                    partition,
                    (last, source.offset),
                    order,
                    (skip, back),
                    moved,
                );
            }
        }
        if let Some(reader) = self.readers.get_mut(&host) {
            reader.moved.retain(|own| !before.contains_key(own));
        }
    }

    /// A query plans the offsets from `start`; what it had planned before is where it was.
    fn planned(&mut self, id: FactId, partition: PartitionId, start: u64, end: u64) {
        if self.place(partition).is_none() || start == end {
            return;
        }
        // A query is one reader for all its life: its checkpoint outlives the process.
        let last = self.query.insert(partition.0, end - 1);
        let order = self.logs[usize::from(partition.0)].get(&start);
        let order = order.map_or(0, |entry| entry.order);
        if let Some(last) = last {
            let classes = (Class::PollSkip, Class::NonmonotonicPoll);
            self.step(id, partition, (last, start), order, classes, false);
        }
    }

    fn step(
        &mut self,
        id: FactId,
        partition: PartitionId,
        (last, next): (u64, u64),
        order: u32,
        (skip, back): (Class, Class),
        legal: bool,
    ) {
        if next <= last {
            self.note(id, back, partition, order, legal);
            return;
        }
        let readable = |entry: &Entry| !matches!(entry.transaction, Some((_, End::Aborted)));
        let log = &self.logs[usize::from(partition.0)];
        let left_out = log.range(last + 1..next).find(|(_, entry)| readable(entry));
        if let Some((_, entry)) = left_out {
            let order = entry.order;
            self.note(id, skip, partition, order, legal);
        }
    }

    /// What only the whole history tells.
    fn end(&mut self, id: FactId) {
        for place in 0..self.logs.len() {
            let partition = PartitionId(place as u16);
            self.judge_log(id, partition);
        }
        let unread = |read: &[OrdMap<u32, u64>], order: &u32| {
            !read.iter().any(|orders| orders.contains_key(order))
        };
        let mut judged = Vec::new();
        for (batch, base, orders) in &self.acked {
            let place = usize::from(batch.partition.0);
            let highest = self.read[place].values().max();
            for (order, offset) in orders.iter().zip(*base..) {
                if unread(&self.read, order) {
                    let passed = highest.is_some_and(|&highest| highest >= offset);
                    let class = if passed {
                        Class::LostWrite
                    } else {
                        Class::Unseen
                    };
                    judged.push((class, batch.partition, *order));
                }
            }
        }
        let blind = self.acked_blindly.iter();
        let blind = blind.filter(|(_, order)| unread(&self.read, order));
        judged.extend(blind.map(|&(partition, order)| (Class::Unseen, partition, order)));
        for (class, partition, order) in judged {
            self.note(id, class, partition, order, false);
        }
        self.judge_sends(id);
    }

    /// Values at two offsets, and writes of one transaction among those of others.
    fn judge_log(&mut self, id: FactId, partition: PartitionId) {
        let log = std::mem::take(&mut self.logs[usize::from(partition.0)]);
        let mut orders: OrdMap<u32, u64> = OrdMap::new();
        let mut last: OrdMap<usize, (u64, u32)> = OrdMap::new();
        for (&offset, entry) in &log {
            if let Some((transaction, end)) = entry.transaction {
                if let Some((before, ordinal)) =
                    last.insert(transaction, (offset, entry.batch.ordinal))
                {
                    if log.range(before + 1..offset).next().is_some() {
                        self.note(id, Class::IntSendSkip, partition, entry.order, true);
                    }
                    if ordinal > entry.batch.ordinal {
                        self.note(
                            id,
                            Class::IntNonmonotonicSend,
                            partition,
                            entry.order,
                            false,
                        );
                    }
                }
                if end == End::Aborted {
                    continue;
                }
            }
            if orders.insert(entry.order, offset).is_some() {
                self.note(id, Class::Duplicate, partition, entry.order, false);
            }
        }
        self.logs[usize::from(partition.0)] = log;
    }

    /// Batches of one session and partition in the order they were made.
    fn judge_sends(&mut self, id: FactId) {
        let mut sends = std::mem::take(&mut self.acked);
        sort_by_rank(&mut sends, |(batch, ..)| {
            let queue = u64::from(batch.session) << 32 | u64::from(batch.partition.0);
            (queue, batch.ordinal.into())
        });
        for pair in sends.windows(2) {
            let [(earlier, before, _), (later, after, orders)] = pair else {
                continue;
            };
            let same = (earlier.session, earlier.partition) == (later.session, later.partition);
            if same && after < before {
                let order = orders.first().copied().unwrap_or(0);
                self.note(id, Class::NonmonotonicSend, later.partition, order, false);
            }
        }
    }
}
