//! What became of every business event, folded from facts as they are noted.
//!
//! Delivered, doubled or missing is judged from what the source emitted, what the application was told and what readers of
//! the sink see, and from nothing else; late drops and origins of a fate come from other facts. Each total is a counter of
//! its own, moved by facts. What may still change is pending; a loss is dated, when the run has ended, to the last fact
//! that touched the event.

mod account;
mod chain;
mod flink;
mod orders;
mod quantiles;
mod verdict;

pub use chain::{Closed, EndToEnd, Guarantee};
pub use quantiles::{Quantile, nearest_rank};
pub use verdict::{Counters, Counts, DupOrigin, LossOrigin, METRICS, Metric, Verdict, json_number};

use super::FULL;
use super::compact::{gather, sort_by_rank};
use super::kafka::protocol::{BatchName, PartitionId};
use super::kernel::{EventTime, HostId, Loses, Time};
use super::origin::{Origin, number};
use super::trace::{
    Ending, Fact, FactId, InstantState, OffsetRange, Recovery, Retraction, Row, SegmentId, Source,
    TraceEvent,
};
use super::workload::{RECORD_BYTES, Status};
use crate::sim::ordered::{OrdMap, OrdSet};
use account::{Account, Entry};
use chain::Upstream;
use orders::Orders;
use serde::{Deserialize, Serialize};

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fate {
    Delivered,
    Lost,
    Refused,
    DroppedLate,
    Pending,
}

/// What an application was told about a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    Success,
    Failure,
    Nothing,
}

/// The moment at which something became of an event that a learner must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub fact: FactId,
    pub at: Time,
    /// The number of the event.
    pub order: u32,
    pub kind: OutcomeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutcomeKind {
    Duplicated(DupOrigin),
    Lost(LossOrigin),
    Refused,
    DroppedLate,
}

/// What the ledger must know of the run besides its facts.
#[derive(Clone, Debug)]
pub struct Terms {
    pub segment: SegmentId,
    /// The rows of this segment are windows or groups.
    pub windowed: bool,
    /// An event belongs to several windows, and is due in each of them.
    pub sliding: bool,
    /// A group comes out again when it has changed.
    pub refining: bool,
    /// The sink holds one row an order: versions of it stand for one another. Else each event stands alone.
    pub by_order: bool,
    /// The instances of the producing application.
    pub producers: Vec<HostId>,
    /// Their application looks at no report.
    pub deaf: bool,
    pub driver: HostId,
    pub partitions: u16,
    /// The first partition of what the segment reads: 0 for the topic itself.
    pub input: u16,
    /// The first partitions of the logs before that, from the topic on; none for a segment that reads the topic.
    pub upstream: Vec<u16>,
    pub replicas: u64,
    /// Calendar time of simulated time zero, in ms.
    pub zero_ms: i64,
    pub warm_up: Time,
    /// A query that begins at the end of the topic skips what is in front of it.
    pub from_latest: bool,
}

/// The ledger of one segment.
#[derive(Clone)]
pub struct Ledger {
    terms: Terms,
    accounts: Vec<Account>,
    upstream: Upstream,
    orders: Orders,
    counts: Counts,
    verdict: Verdict,
    outcomes: Vec<Outcome>,
    /// Index: partition. The leader's log: who lies at each offset, and which send put it there.
    logs: Vec<Vec<LogEntry>>,
    /// What each replica has, so that a new leader's log is known; index: partition.
    replicas: OrdMap<HostId, Vec<Vec<LogEntry>>>,
    /// What a broker held before it last lost a part of it: followers may still be writing what they fetched from it then.
    before: OrdMap<HostId, Vec<Vec<LogEntry>>>,
    /// Index: partition. Who leads, and who led before.
    leaders: Vec<[Option<HostId>; 2]>,
    high_watermarks: Vec<u64>,
    /// Index: partition. Where the leader's log begins.
    starts: Vec<u64>,
    /// Index: partition. Markers below the high watermark.
    markers: Vec<u64>,
    /// Index: partition. Where the next batch of this segment begins; none before its first batch.
    position: Vec<Option<u64>>,
    planned: OrdMap<u64, Vec<OffsetRange>>,
    /// Index: partition. Up to where tasks have begun to work on the topic.
    begun: Vec<u64>,
    /// The batch that tasks of this life of the query are working on.
    running: Option<u64>,
    /// How many checkpoints the query has begun: batch ids of two of them say nothing to each other.
    checkpoints: u32,
    /// Visible rows: amount, origins, and the key they go by.
    rows: OrdMap<u64, VisibleRow>,
    /// Per record key: the newest event time that was ever visible, and those visible now.
    versions: OrdMap<String, (EventTime, OrdMap<u64, EventTime>)>,
    /// Per customer: the last event that reached the sink.
    last_of_customer: OrdMap<u32, u32>,
    latencies: Vec<u64>,
    /// By key: the end of the window, when its row last changed, and to what.
    windows: OrdMap<String, (Time, Time, i64)>,
    /// Data files per instant that is not complete.
    open_files: OrdMap<Time, u32>,
    /// What is in operator state and was not shown yet, and where it lay in the topic.
    held: OrdMap<u32, OrdSet<Source>>,
    /// What the state let go of in the batch in hand.
    leaving: Vec<(u32, Source)>,
    /// What consumers have polled and not worked through.
    hands: OrdMap<HostId, Vec<u32>>,
    /// Where what was aborted lies.
    aborted: OrdSet<Source>,
    /// Instances that write in transactions.
    transactional: Vec<HostId>,
    /// Index: instance. Since when it is down.
    down_since: Vec<Option<Time>>,
    first_emitted: Option<Time>,
    last_visible: Time,
    state_rows: u32,
    state_since: Time,
    state_history: Vec<(Time, u32)>,
    /// Per event: where the copies lay that this checkpoint's state has counted.
    counted: OrdMap<u32, OrdSet<Source>>,
    /// What a job with checkpoints has told.
    job: flink::Job,
}

/// Who lies at an offset, and which batch of which producer it came in: its session and number. Order 0 is a marker, which
/// ends a transaction and is nobody's.
type LogEntry = (u32, u64);

const MARKER: LogEntry = (0, 0);

/// A batch as its producer counts it: its session and number.
fn batch_number(batch: &BatchName) -> u64 {
    let sender = u64::from(batch.producer.0) << 56 | u64::from(batch.session) << 32;
    sender | u64::from(batch.ordinal)
}

#[derive(Clone)]
struct VisibleRow {
    record_key: String,
    amount: i64,
    orders: Vec<u32>,
}

impl Ledger {
    pub fn new(terms: Terms) -> Self {
        let partitions = usize::from(terms.partitions);
        let down_since = vec![None; terms.producers.len()];
        Ledger {
            upstream: Upstream::of(&terms),
            terms,
            accounts: Vec::new(),
            orders: Orders::default(),
            counts: Counts::default(),
            verdict: Verdict::default(),
            outcomes: Vec::new(),
            logs: vec![Vec::new(); partitions],
            replicas: OrdMap::new(),
            before: OrdMap::new(),
            leaders: vec![[None; 2]; partitions],
            high_watermarks: vec![0; partitions],
            starts: vec![0; partitions],
            markers: vec![0; partitions],
            position: vec![None; partitions],
            planned: OrdMap::new(),
            begun: vec![0; partitions],
            running: None,
            checkpoints: 0,
            rows: OrdMap::new(),
            versions: OrdMap::new(),
            last_of_customer: OrdMap::new(),
            latencies: Vec::new(),
            windows: OrdMap::new(),
            open_files: OrdMap::new(),
            held: OrdMap::new(),
            leaving: Vec::new(),
            hands: OrdMap::new(),
            aborted: OrdSet::new(),
            transactional: Vec::new(),
            down_since,
            first_emitted: None,
            last_visible: Time::ZERO,
            state_rows: 0,
            state_since: Time::ZERO,
            state_history: Vec::new(),
            counted: OrdMap::new(),
            job: flink::Job::default(),
        }
    }

    /// The totals as they stand; the law of [`Counts`] holds at every fact.
    pub fn counters(&self) -> Counters {
        Counters {
            counts: self.counts,
            stored: self.verdict.stored,
            duplicates: self.verdict.dup,
            rows: self.verdict.rows,
        }
    }

    /// What has become of an order so far; none before it was handed over. Losses are told when the books are closed.
    pub fn fate(&self, order: u32) -> Option<Fate> {
        let account = self.accounts.get((order as usize).checked_sub(1)?)?;
        account.exists().then_some(account.fate)
    }

    /// The same totals, counted from what is known of every single event: what the counters must say.
    pub fn recount(&self) -> Counts {
        let mut counts = Counts::default();
        for account in self.accounts.iter().filter(|account| account.exists()) {
            counts.count(account.judge());
        }
        counts
    }

    /// Index: partition. The numbers of the events in the leader's log, by offset.
    pub fn topic(&self) -> Vec<Vec<u32>> {
        let orders = |log: &Vec<LogEntry>| log.iter().map(|&(order, _)| order).collect();
        self.logs.iter().map(orders).collect()
    }

    /// What the application was told last about each event.
    pub fn reports(&self) -> Vec<Report> {
        let told = |account: &Account| match (account.acknowledged, account.failed) {
            (true, _) => Report::Success,
            (_, true) => Report::Failure,
            _ => Report::Nothing,
        };
        self.accounts.iter().map(told).collect()
    }

    /// Takes in one fact.
    pub fn fold(&mut self, id: FactId, event: &TraceEvent) {
        if event
            .fact
            .segment()
            .is_some_and(|segment| segment != self.terms.segment)
        {
            return;
        }
        // Coordinators' partitions hold nothing of the business; the output's log is judged by who reads it.
        if let Fact::MarkerAppended {
            partition,
            commit: false,
            offsets,
            ..
        } = &event.fact
            && FULL
            && !self.terms.reads(*partition)
        {
            let partition = *partition;
            let sources = offsets.iter().map(|&offset| Source { partition, offset });
            let sources: OrdSet<Source> = gather(sources);
            let entries = self.accounts.iter().flat_map(|account| &account.entries);
            let shown = entries.filter(|entry| sources.contains(&entry.source));
            self.verdict.dirty += shown.count() as u32;
            self.aborted.extend(sources);
        }
        if let Fact::BatchAppended { batch, origins, .. } = &event.fact
            && FULL
        {
            let name = batch_number(batch);
            self.upstream.appended(&self.terms, batch, name, origins);
        }
        let foreign = |partition| !self.terms.reads(partition);
        if event.fact.partition().is_some_and(foreign) {
            return;
        }
        self.fold_source(id, event);
        if FULL {
            self.fold_consumer(id, event);
            self.fold_flink(id, event);
        }
        self.fold_log(id, event);
        self.fold_engine(id, event);
        self.fold_table(id, event);
    }

    // ---- the source and what its application is told -----------------------------------------------------------

    fn fold_source(&mut self, id: FactId, event: &TraceEvent) {
        match &event.fact {
            Fact::Emitted {
                origin,
                customer,
                order_id,
                amount,
                event_time,
            } => {
                let order = number(*origin);
                let index = order as usize;
                if self.accounts.len() < index {
                    self.accounts.resize_with(index, Account::default);
                }
                self.accounts[index - 1] =
                    Account::emitted(event.at, event.host, *customer, *order_id, *event_time, id);
                self.first_emitted.get_or_insert(event.at);
                let more = self.orders.emitted(*order_id, order, *event_time, *amount);
                self.verdict.owed += if self.terms.by_order { more } else { *amount };
                self.counts.src += 1;
                self.counts.pending += 1;
            }
            Fact::Changed {
                origin,
                order_id,
                version,
            } => self.changed(*origin, *order_id, version.status == Status::Cancelled),
            Fact::BatchSent { origins, .. } => {
                self.verdict.requests += 1;
                self.touch(id, origins);
            }
            Fact::Acknowledged { batch, .. } if !self.terms.producers.contains(&batch.producer) => {
            }
            // The last report counts: a failed send may have been repeated by the application.
            Fact::Acknowledged { origins, .. } => self.each(id, event, origins, |account| {
                account.acknowledged = true;
                account.failed = false;
            }),
            Fact::SendFailed { batch, .. } if !self.terms.producers.contains(&batch.producer) => {}
            // Nobody hears it.
            Fact::SendFailed { origins, .. } if FULL && self.terms.deaf => {
                self.each(id, event, origins, |account| account.acknowledged = true);
            }
            Fact::SendFailed { origins, .. } | Fact::UnitDropped { origins, .. } => {
                self.each(id, event, origins, |account| {
                    account.failed = true;
                    account.acknowledged = false;
                })
            }
            Fact::Resent { origins } => {
                self.each(id, event, origins, |account| account.failed = false);
                let again: OrdSet<u32> = gather(origins.iter().map(|&origin| number(origin)));
                self.outcomes.retain(|outcome| {
                    outcome.kind != OutcomeKind::Refused || !again.contains(&outcome.order)
                });
            }
            Fact::AttemptFailed { .. } => self.verdict.retries += 1,
            Fact::Crashed { loses } if self.terms.producers.contains(&event.host) => {
                if let Some(since) = self.down_since(event.host) {
                    *since = Some(event.at);
                }
                if *loses == Loses::Disk {
                    let transactional = self.transactional.contains(&event.host);
                    let held = |account: &&mut Account| {
                        account.producer == event.host && account.is_held(transactional)
                    };
                    for account in self.accounts.iter_mut().filter(held) {
                        account.forgotten = true;
                        account.touched = id;
                    }
                }
            }
            Fact::Restarted => {
                let since = self.down_since(event.host).and_then(Option::take);
                self.verdict.down_ms += since.map_or(0, |since| event.at.since(since).ms());
            }
            Fact::Crashed { .. } if event.host == self.terms.driver => {
                self.verdict.garbage_at_crash = self.open_files.values().sum();
            }
            _ => {}
        }
    }

    fn down_since(&mut self, host: HostId) -> Option<&mut Option<Time>> {
        let instance = self
            .terms
            .producers
            .iter()
            .position(|&other| other == host)?;
        self.down_since.get_mut(instance)
    }

    // ---- the topic ---------------------------------------------------------------------------------------------

    fn fold_log(&mut self, id: FactId, event: &TraceEvent) {
        match &event.fact {
            Fact::TransactionBegan { .. }
                if FULL
                    && self.terms.producers.contains(&event.host)
                    && !self.transactional.contains(&event.host) =>
            {
                self.transactional.push(event.host);
            }
            Fact::BatchAppended {
                batch,
                base_offset,
                origins,
                ..
            } => self.appended(id, event, batch, *base_offset, origins),
            Fact::HighWatermarkAdvanced { partition, offset }
                if self.leaders[self.place(*partition)][0] == Some(event.host) =>
            {
                let place = self.place(*partition);
                let (from, to) = (self.high_watermarks[place], *offset);
                self.high_watermarks[place] = to;
                self.markers[place] += self.count_markers(place, from, to);
                self.count_stored();
            }
            Fact::MarkerAppended {
                partition,
                offset,
                commit,
                why,
                offsets,
            } if FULL => {
                let place = self.place(*partition);
                let own = self.replica(event.host, *partition);
                assert_eq!(own.len() as u64, *offset, "a marker takes the next offset");
                own.push(MARKER);
                if self.leaders[place][0] == Some(event.host) {
                    self.logs[place].push(MARKER);
                }
                if *commit {
                    for order in self.orders_at(*partition, offsets) {
                        self.accounts[order as usize - 1].committed = true;
                    }
                } else {
                    self.abort(id, event.at, *partition, offsets, *why);
                }
            }
            Fact::TransactionEnded { commit, .. } => {
                self.verdict.txn_aborted += u32::from(!commit);
            }
            Fact::WriterFenced { .. } => self.verdict.fenced += 1,
            Fact::ReplicaAdvanced { partition, end } => {
                self.copied(event.host, *partition, *end as usize)
            }
            Fact::LeaderElected { partition, .. } => self.elected(id, event, *partition),
            // The log that counts is the leader's; it is judged when a leader is elected.
            Fact::LogTruncated { partition, to, .. } => {
                let own = self.replica(event.host, *partition);
                let whole = own.clone();
                own.truncate(*to as usize);
                let (partitions, place) = (self.logs.len(), self.place(*partition));
                let before = self.before.entry(event.host);
                before.or_insert_with(|| vec![Vec::new(); partitions])[place] = whole;
            }
            Fact::LogStartAdvanced { partition, to } => {
                self.deleted(id, event.host, *partition, *to);
            }
            // What a loss of power takes, the broker says when it is back.
            Fact::Crashed { loses: Loses::Disk } => {
                if let Some(logs) = self.replicas.remove(&event.host) {
                    self.before.insert(event.host, logs);
                }
            }
            _ => {}
        }
    }

    fn appended(
        &mut self,
        id: FactId,
        event: &TraceEvent,
        batch: &BatchName,
        base_offset: u64,
        origins: &[Origin],
    ) {
        let place = self.place(batch.partition);
        let name = batch_number(batch);
        let entries = origins.iter().map(|&origin| (number(origin), name));
        let own = self.replica(event.host, batch.partition);
        assert_eq!(
            own.len() as u64,
            base_offset,
            "a leader appends at the end of its log"
        );
        own.extend(entries.clone());
        self.verdict.cost += origins.len() as u64 * RECORD_BYTES * self.terms.replicas / 100;
        // A deposed leader that has not heard of it yet still appends, to a log that will be cut.
        let leads = self.leaders[place][0] == Some(event.host);
        if leads {
            self.logs[place].extend(entries);
        }
        self.each(id, event, origins, |account| {
            account.stored += u32::from(leads);
            account.truncated |= !leads;
        });
    }

    /// Retention took the front of a log: what this segment had not read of the leader's is out of its reach.
    fn deleted(&mut self, id: FactId, host: HostId, partition: PartitionId, to: u64) {
        let place = self.place(partition);
        if self.replica(host, partition).len() < to as usize {
            self.copied(host, partition, to as usize);
        }
        if self.leaders[place][0] != Some(host) {
            return;
        }
        let read = self.position[place].unwrap_or(0);
        let from = self.starts[place].max(read) as usize;
        self.starts[place] = self.starts[place].max(to);
        let gone: Vec<u32> = self.logs[place]
            .get(from..to as usize)
            .unwrap_or_default()
            .iter()
            .filter(|entry| **entry != MARKER)
            .map(|&(order, _)| order)
            .collect();
        for order in gone {
            let account = &mut self.accounts[order as usize - 1];
            account.expired = true;
            account.touched = id;
        }
    }

    /// Readable entries; markers are none.
    fn count_stored(&mut self) {
        let (ends, markers) = (self.high_watermarks.iter(), self.markers.iter());
        self.verdict.stored = ends.sum::<u64>() - markers.sum::<u64>();
    }

    fn count_markers(&self, place: usize, from: u64, to: u64) -> u64 {
        let log = self.logs[place].get(from as usize..to as usize);
        let markers = log.unwrap_or_default().iter().filter(|e| **e == MARKER);
        markers.count() as u64
    }

    /// Rows that show what was aborted are dirty, whether they were there before or come later.
    fn abort(
        &mut self,
        id: FactId,
        at: Time,
        partition: PartitionId,
        offsets: &[u64],
        why: Ending,
    ) {
        for &offset in offsets {
            let source = Source { partition, offset };
            self.aborted.insert(source);
            let [order] = self.orders_at(partition, &[offset])[..] else {
                continue;
            };
            let account = &mut self.accounts[order as usize - 1];
            account.aborted = true;
            account.timed_out |= why == Ending::Timeout;
            let shown = account
                .entries
                .iter()
                .filter(|entry| entry.source == source);
            self.verdict.dirty += shown.count() as u32;
            self.judge(id, at, order);
        }
    }

    fn orders_at(&self, partition: PartitionId, offsets: &[u64]) -> Vec<u32> {
        let log = &self.logs[self.place(partition)];
        let entries = offsets
            .iter()
            .filter_map(|&offset| log.get(offset as usize));
        let records = entries.filter(|entry| **entry != MARKER);
        records.map(|&(order, _)| order).collect()
    }

    /// Where a partition of what the segment reads stands in its books.
    fn place(&self, partition: PartitionId) -> usize {
        usize::from(partition.0 - self.terms.input)
    }

    fn replica(&mut self, host: HostId, partition: PartitionId) -> &mut Vec<LogEntry> {
        let (partitions, place) = (self.logs.len(), self.place(partition));
        let logs = self
            .replicas
            .entry(host)
            .or_insert_with(|| vec![Vec::new(); partitions]);
        &mut logs[place]
    }

    /// A follower copies from the leader, or for a moment still from the one before.
    fn copied(&mut self, host: HostId, partition: PartitionId, end: usize) {
        let place = self.place(partition);
        let from = self.replica(host, partition).len();
        let holds = |leader: &HostId| {
            let logs = [&self.replicas, &self.before].map(|logs| logs.get(leader));
            logs.into_iter()
                .flatten()
                .find_map(|logs| logs[place].get(from..end))
                .map(<[_]>::to_vec)
        };
        let news = self.leaders[place].iter().flatten().find_map(holds);
        self.replica(host, partition)
            .extend(news.unwrap_or_default());
    }

    /// The new leader's log is the log: what the old one had beyond it is gone, and what only the new one had counts.
    fn elected(&mut self, id: FactId, event: &TraceEvent, partition: PartitionId) {
        let place = self.place(partition);
        let log = self.replica(event.host, partition).clone();
        let old = std::mem::replace(&mut self.logs[place], log.clone());
        let [leader, _] = self.leaders[place];
        if leader != Some(event.host) {
            self.leaders[place] = [Some(event.host), leader];
        }
        let same = old.iter().zip(&log).take_while(|(a, b)| a == b).count();
        for &(order, _) in log[same..].iter().filter(|entry| **entry != MARKER) {
            self.accounts[order as usize - 1].stored += 1;
            self.judge(id, event.at, order);
        }
        for &(order, _) in old[same..].iter().filter(|entry| **entry != MARKER) {
            let account = &mut self.accounts[order as usize - 1];
            account.stored -= 1;
            account.truncated = true;
            self.judge(id, event.at, order);
        }
        let end = log.len() as u64;
        let most = |offset: &mut u64| *offset = (*offset).min(end);
        most(&mut self.high_watermarks[place]);
        self.markers[place] = self.count_markers(place, 0, self.high_watermarks[place]);
        self.position[place].iter_mut().for_each(most);
        self.count_stored();
    }

    // ---- the engine --------------------------------------------------------------------------------------------

    fn fold_engine(&mut self, id: FactId, event: &TraceEvent) {
        match &event.fact {
            Fact::Restored { recovery, .. } => {
                self.running = None;
                self.leaving.clear();
                match recovery {
                    Recovery::Fresh => {
                        self.held.clear();
                        self.counted.clear();
                        self.position.fill(None);
                        self.checkpoints += 1;
                    }
                    Recovery::Rerun(_) => self.verdict.batches_replayed += 1,
                    Recovery::Continue(_) => {}
                };
            }
            Fact::OffsetsLogged { batch, ranges, .. } => {
                for range in ranges {
                    let place = self.place(range.partition);
                    let position = &mut self.position[place];
                    position.get_or_insert(range.start);
                }
                self.planned.insert(*batch, ranges.clone());
            }
            Fact::BatchSkipped { batch, .. } => {
                self.verdict.batches_skipped += 1;
                let ranges = self.planned.get(batch).cloned().unwrap_or_default();
                let leaving = self.leaving.iter().map(|&(order, _)| order);
                let leaving: Vec<u32> = leaving.collect();
                for order in self.orders_in(&ranges).into_iter().chain(leaving) {
                    let account = &mut self.accounts[order as usize - 1];
                    account.skipped = true;
                    account.touched = id;
                }
            }
            Fact::BatchIgnored { batch, .. } => {
                self.verdict.batches_ignored += 1;
                let ranges = self.planned.get(batch).cloned().unwrap_or_default();
                for order in self.orders_in(&ranges) {
                    let account = &mut self.accounts[order as usize - 1];
                    account.ignored = true;
                    account.touched = id;
                }
            }
            Fact::BatchCommitted { batch, .. } => {
                for range in self.planned.remove(batch).unwrap_or_default() {
                    let place = self.place(range.partition);
                    self.position[place] = Some(range.end);
                }
                for (order, source) in std::mem::take(&mut self.leaving) {
                    self.let_go(order, source);
                }
            }
            Fact::TaskStarted { batch, .. } if self.running != Some(*batch) => {
                self.running = Some(*batch);
                for range in self.planned.get(batch).into_iter().flatten() {
                    let place = self.place(range.partition);
                    let begun = &mut self.begun[place];
                    let again = range.end.min(*begun).saturating_sub(range.start);
                    self.verdict.replayed += again as u32;
                    *begun = range.end.max(*begun);
                }
            }
            Fact::TaskFinished { records, .. } => self.verdict.cost += 10 + u64::from(*records),
            Fact::Accumulated { origins, .. } | Fact::Kept { origins, .. } => {
                for &(origin, source) in origins {
                    let order = number(origin);
                    self.held.entry(order).or_default().insert(source);
                    let account = &mut self.accounts[order as usize - 1];
                    account.reached = true;
                    // Too late for one window only.
                    account.late = false;
                    let copies = self.counted.entry(order).or_default();
                    if copies.insert(source) && copies.len() > 1 && !self.job.started {
                        self.verdict.state_dup += 1;
                    }
                }
                let origins: Vec<Origin> = origins.iter().map(|&(origin, _)| origin).collect();
                self.each(id, event, &origins, |_| {});
            }
            Fact::DroppedLate { origins, .. } => {
                for &(origin, _) in origins {
                    let order = number(origin);
                    let account = &mut self.accounts[order as usize - 1];
                    // What counts in another window, or has another copy that does, is not dropped.
                    account.late = !self.held.contains_key(&order);
                    account.reached = true;
                    self.judge(id, event.at, order);
                }
            }
            // Its row may still be on its way to the table: it is held until the batch is committed.
            Fact::DuplicatesDropped { origins, .. } => {
                for &(origin, _) in origins {
                    self.accounts[number(origin) as usize - 1].taken_for_copy = true;
                }
            }
            Fact::Released { origins, .. } => {
                let origins = origins.iter();
                let orders = origins.map(|&(origin, source)| (number(origin), source));
                self.leaving.extend(orders);
            }
            Fact::StateSaved { rows, .. } => self.count_state(event.at, *rows),
            _ => {}
        }
    }

    // ---- a plain consumer --------------------------------------------------------------------------------------

    fn fold_consumer(&mut self, id: FactId, event: &TraceEvent) {
        match &event.fact {
            Fact::Positioned {
                positions, reset, ..
            } => {
                for &(partition, offset) in positions {
                    let place = self.place(partition);
                    if *reset {
                        let start = self.position[place].unwrap_or(0);
                        let range = OffsetRange {
                            partition,
                            start,
                            end: offset,
                        };
                        for order in self.orders_in(&[range]) {
                            self.accounts[order as usize - 1].passed = true;
                        }
                    }
                    self.position[place] = Some(offset);
                }
            }
            Fact::OffsetsCommitted { positions, .. } => {
                for &(partition, offset) in positions {
                    let place = self.place(partition);
                    self.position[place] = Some(offset);
                }
            }
            Fact::Polled { origins, .. } => {
                let hand = self.hands.entry(event.host).or_default();
                hand.extend(origins.iter().map(|&(origin, _)| number(origin)));
                for &(origin, source) in origins {
                    self.accounts[number(origin) as usize - 1].touched = id;
                    let place = self.place(source.partition);
                    let begun = &mut self.begun[place];
                    self.verdict.replayed += u32::from(source.offset < *begun);
                    *begun = (source.offset + 1).max(*begun);
                }
            }
            Fact::Worked { origin, .. } => {
                let order = number(*origin);
                self.accounts[order as usize - 1].touched = id;
                if let Some(hand) = self.hands.get_mut(&event.host) {
                    hand.retain(|&other| other != order);
                }
            }
            Fact::Crashed { .. } | Fact::Revoked { .. } => {
                self.hands.remove(&event.host);
            }
            Fact::Fenced { .. } => self.verdict.fenced += 1,
            _ => {}
        }
    }

    fn orders_in(&self, ranges: &[OffsetRange]) -> Vec<u32> {
        let in_range = |range: &OffsetRange| {
            let log = &self.logs[self.place(range.partition)];
            let end = (range.end as usize).min(log.len());
            log[(range.start as usize).min(end)..end]
                .iter()
                .filter(|entry| **entry != MARKER)
                .map(|&(order, _)| order)
                .collect::<Vec<u32>>()
        };
        ranges.iter().flat_map(in_range).collect()
    }

    // ---- the table ---------------------------------------------------------------------------------------------

    fn fold_table(&mut self, id: FactId, event: &TraceEvent) {
        match &event.fact {
            Fact::DataFileWritten { instant, .. } | Fact::SliceCompacted { instant, .. } => {
                *self.open_files.entry(*instant).or_insert(0) += 1;
                self.verdict.cost += 20;
            }
            Fact::Reconciled {
                instant, deleted, ..
            } => {
                if let Some(files) = self.open_files.get_mut(instant) {
                    *files -= *deleted;
                }
            }
            Fact::TableCommitted { instant, .. } => {
                self.open_files.remove(instant);
            }
            Fact::RolledBack { instant, .. } => {
                self.open_files.remove(instant);
                self.verdict.rollbacks += 1;
            }
            // Taken back to its plan, or complete: no file of it is left over.
            Fact::CompactionChanged { instant, state, .. } if *state != InstantState::Inflight => {
                self.open_files.remove(instant);
            }
            Fact::MergedAway { origins, .. } => self.merged_away(id, event.at, origins),
            Fact::Deferred { origins, .. } => {
                for &(origin, _) in origins {
                    let account = &mut self.accounts[number(origin) as usize - 1];
                    account.deferred = true;
                    account.touched = id;
                }
            }
            Fact::Retracted { rows, why, .. } => rows
                .iter()
                .for_each(|row| self.retract(id, event.at, *row, *why)),
            Fact::BecameVisible { rows, batch, .. } => {
                self.last_visible = event.at;
                let mut rows: Vec<&Row> = rows.iter().collect();
                sort_by_rank(&mut rows, |row| row.rank());
                rows.into_iter()
                    .for_each(|row| self.show(id, event.at, *batch, row));
            }
            _ => {}
        }
        self.verdict.garbage = self.open_files.values().sum();
    }

    fn show(&mut self, id: FactId, at: Time, batch: u64, row: &Row) {
        self.verdict.rows += 1;
        self.verdict.billed += row.amount;
        for &(origin, _) in &row.origins {
            self.held.remove(&number(origin));
        }
        if let Some(window) = row.window {
            let end = Time::from_ms((window.end.ms() - self.terms.zero_ms).max(0) as u64);
            let shown = self.windows.entry(row.record_key.clone());
            let shown = shown.or_insert((end, at, row.amount));
            if shown.2 != row.amount {
                *shown = (end, at, row.amount);
            }
        }
        if self.terms.windowed {
            let versions = self
                .versions
                .entry(row.record_key.clone())
                .or_insert((row.event_time, OrdMap::new()));
            versions.0 = versions.0.max(row.event_time);
            versions.1.insert(row.row, row.event_time);
        }
        let orders: Vec<u32> = row
            .origins
            .iter()
            .map(|&(origin, _)| number(origin))
            .collect();
        for (&order, &(_, source)) in orders.iter().zip(&row.origins) {
            self.show_order(
                id,
                at,
                order,
                Entry {
                    row: row.row,
                    record_key: row.record_key.clone(),
                    source,
                    path: row.partition_path.clone(),
                    batch: (self.checkpoints, batch),
                    window: row.window.filter(|_| self.terms.sliding),
                    sums: row.window,
                    surplus: None,
                },
            );
        }
        self.rows.insert(
            row.row,
            VisibleRow {
                record_key: row.record_key.clone(),
                amount: row.amount,
                orders,
            },
        );
    }

    fn show_order(&mut self, id: FactId, at: Time, order: u32, mut entry: Entry) {
        let account = &self.accounts[order as usize - 1];
        // A copy that shows the same log entry as another is a replay, whatever the first copy was.
        let alike = |other: &&&Entry| other.source == entry.source;
        let mut copies = self.copies(order);
        copies.retain(|other| other.window == entry.window);
        if let Some(first) = copies.iter().find(alike).or(copies.first()) {
            let why = if account.entries.is_empty() {
                Ledger::why_two_versions(first, &entry)
            } else {
                self.why_doubled(order, first, &entry)
            };
            entry.surplus = Some(why);
            self.verdict.dup += 1;
            *self.verdict.dup_by.entry(why).or_insert(0) += 1;
            // A group that comes out again shows its surplus again.
            let told = |outcome: &Outcome| {
                outcome.order == order && outcome.kind == OutcomeKind::Duplicated(why)
            };
            if self.terms.refining && self.outcomes.iter().any(told) {
                return self.shown(id, at, order, entry);
            }
            self.outcomes.push(Outcome {
                fact: id,
                at,
                order,
                kind: OutcomeKind::Duplicated(why),
            });
        }
        self.shown(id, at, order, entry);
    }

    fn shown(&mut self, id: FactId, at: Time, order: u32, entry: Entry) {
        let customer = self.accounts[order as usize - 1].customer;
        if !self.terms.windowed {
            let last = self.last_of_customer.insert(customer, order);
            self.verdict.reorder += u32::from(last.is_some_and(|last| last > order));
        }
        self.verdict.dirty += u32::from(self.aborted.contains(&entry.source));
        let account = &mut self.accounts[order as usize - 1];
        account.entries.push(entry);
        if account.first_visible.is_none() {
            account.first_visible = Some(at);
            if account.emitted_at >= self.terms.warm_up {
                let happened = (account.event_time.ms() - self.terms.zero_ms) * 1000;
                self.latencies
                    .push((at.micros() as i64 - happened).max(0) as u64);
            }
        }
        self.judge(id, at, order);
        self.shown_again(id, at, order);
    }

    /// Why there is a second copy of what `first` shows.
    fn why_doubled(&self, order: u32, first: &Entry, second: &Entry) -> DupOrigin {
        if first.source != second.source {
            return self.why_stored_twice(order, first, second);
        }
        if self.is_refined(order, first, second) {
            DupOrigin::Refined
        } else if first.record_key != second.record_key {
            DupOrigin::KeyPerAttempt
        } else if first.batch == second.batch {
            DupOrigin::BatchReplay
        } else {
            DupOrigin::OffsetReplay
        }
    }

    /// Whether the copy is a newer result of the same group or window, and no event was processed again for it.
    fn is_refined(&self, order: u32, first: &Entry, second: &Entry) -> bool {
        match second.sums.filter(|_| self.job.started) {
            // Each late firing explains one copy; what there is beyond that was read again after a restart.
            Some(window) => {
                let entries = self.accounts[order as usize - 1].entries.iter();
                let refined = entries.filter(|entry| {
                    entry.window == second.window && entry.surplus == Some(DupOrigin::Refined)
                });
                (refined.count() as u32) < self.job.refired(window)
            }
            None => {
                let other = first.batch != second.batch && first.batch.0 == second.batch.0;
                self.terms.refining && other
            }
        }
    }

    /// State does not hold it any more, or what it holds is seen.
    fn let_go(&mut self, order: u32, source: Source) {
        if let Some(held) = self.held.get_mut(&order) {
            held.remove(&source);
            if held.is_empty() {
                self.held.remove(&order);
            }
        }
    }

    fn retract(&mut self, id: FactId, at: Time, row: u64, why: Retraction) {
        let Some(visible) = self.rows.remove(&row) else {
            return;
        };
        self.verdict.rows -= 1;
        self.verdict.billed -= visible.amount;
        if let Some((_, versions)) = self.versions.get_mut(&visible.record_key) {
            versions.remove(&row);
        }
        for order in visible.orders {
            let account = &mut self.accounts[order as usize - 1];
            let Some(position) = account.entries.iter().position(|entry| entry.row == row) else {
                continue;
            };
            let removed = account.entries.remove(position);
            self.verdict.dirty -= u32::from(self.aborted.contains(&removed.source));
            account.superseded |= why != Retraction::Overwritten;
            // One copy less: either the surplus one went, or the next one is not surplus any more.
            let family = self.family(order);
            let relieved = removed.surplus.or_else(|| {
                family.iter().find_map(|&other| {
                    let entries = &mut self.accounts[other as usize - 1].entries;
                    let mut entries = entries.iter_mut();
                    let mut alike = entries.by_ref().filter(|e| e.window == removed.window);
                    alike.find_map(|entry| entry.surplus.take())
                })
            });
            if let Some(why) = relieved {
                self.verdict.dup -= 1;
                *self
                    .verdict
                    .dup_by
                    .get_mut(&why)
                    .expect("it was counted when it appeared") -= 1;
            }
            self.judge(id, at, order);
            if why == Retraction::Overwritten {
                self.thrown_away(id, at, order);
            }
        }
    }

    // ---- judging -----------------------------------------------------------------------------------------------

    fn touch(&mut self, id: FactId, origins: &[Origin]) {
        for &origin in origins {
            self.accounts[number(origin) as usize - 1].touched = id;
        }
    }

    fn each(
        &mut self,
        id: FactId,
        event: &TraceEvent,
        origins: &[Origin],
        change: impl Fn(&mut Account),
    ) {
        for &origin in origins {
            change(&mut self.accounts[number(origin) as usize - 1]);
            self.judge(id, event.at, number(origin));
        }
    }

    /// Moves an event from the total it was counted in to the one it belongs to now.
    fn judge(&mut self, id: FactId, at: Time, order: u32) {
        let account = &mut self.accounts[order as usize - 1];
        account.touched = id;
        let (was, is) = (account.fate, account.judge());
        if was == is {
            return;
        }
        account.fate = is;
        self.counts.move_one(was, is);
        let kind = match is {
            Fate::Refused => OutcomeKind::Refused,
            Fate::DroppedLate => OutcomeKind::DroppedLate,
            Fate::Delivered | Fate::Pending | Fate::Lost => return,
        };
        self.outcomes.push(Outcome {
            fact: id,
            at,
            order,
            kind,
        });
    }

    /// Index: order. Whether something of the event is still where it can be read: then it is not lost but stuck.
    fn resting(&self) -> Vec<bool> {
        // Its producer still holds it, or the application's outbox does.
        let held = |account: &Account| {
            let transactional = self.transactional.contains(&account.producer);
            account.deferred || (account.is_held(transactional) && !account.forgotten)
        };
        let mut resting: Vec<bool> = std::iter::once(false)
            .chain(self.accounts.iter().map(held))
            .collect();
        let in_windows = self.held.keys().copied();
        let in_hands = self.hands.values().flatten().copied();
        let prepared = self.job.prepared();
        let unread = self.logs.iter().enumerate().flat_map(|(partition, log)| {
            let read = self.position[partition].unwrap_or(0);
            let from = read.max(self.starts[partition]) as usize;
            let unread = log.get(from.min(log.len())..).unwrap_or_default();
            unread.iter().map(|&(order, _)| order)
        });
        for order in in_windows.chain(in_hands).chain(prepared).chain(unread) {
            resting[order as usize] = true;
        }
        if FULL {
            for order in self.job.prepared() {
                resting[order as usize] = true;
            }
        }
        resting
    }

    fn why_lost(&self, account: &Account) -> LossOrigin {
        if account.timed_out {
            LossOrigin::TxnTimeout
        } else if account.overwritten {
            LossOrigin::Overwrite
        } else if account.skipped {
            LossOrigin::SkippedBatch
        } else if account.ignored {
            LossOrigin::IgnoredBatch
        } else if account.truncated && account.stored == 0 {
            LossOrigin::LeaderLoss
        } else if account.expired {
            LossOrigin::Retention
        } else if account.aborted {
            LossOrigin::Buffer
        } else if account.taken_for_copy {
            LossOrigin::TakenForCopy
        } else if account.stored > 0 {
            if account.passed || self.terms.from_latest {
                LossOrigin::StartingOffset
            } else {
                LossOrigin::CommitFirst
            }
        } else if account.forgotten {
            LossOrigin::Buffer
        } else {
            LossOrigin::Acks
        }
    }

    /// The run has ended: what is nowhere any more is lost. `at` answers when a fact happened; `before` are the closed books
    /// of the segment that this one reads from.
    pub fn close(mut self, before: Option<&Closed>, at: impl Fn(FactId) -> Time) -> Closed {
        let mut why_lost = match before {
            Some(before) => self.inherit(before),
            None => vec![None; self.accounts.len()],
        };
        let resting = self.resting();
        let mut own_lost = 0;
        for order in 1..=self.accounts.len() as u32 {
            let account = &self.accounts[order as usize - 1];
            let inherited = why_lost[order as usize - 1];
            let handed_on = before.is_none_or(|before| {
                let fate = before.fates.get(order as usize - 1);
                fate.is_none_or(|(fate, _)| *fate == Fate::Delivered)
            });
            let open = account.fate == Fate::Pending && handed_on && !resting[order as usize];
            if !account.exists() || !(open || inherited.is_some()) {
                continue;
            }
            let why = inherited.unwrap_or_else(|| self.why_lost(account));
            let fact = account.touched;
            if open {
                self.accounts[order as usize - 1].fate = Fate::Lost;
                self.counts.move_one(Fate::Pending, Fate::Lost);
                own_lost += u32::from(before.is_some() || !why.is_before_the_engine());
                why_lost[order as usize - 1] = Some(why);
            }
            *self.verdict.lost_by.entry(why).or_insert(0) += 1;
            self.outcomes.push(Outcome {
                fact,
                at: at(fact),
                order,
                kind: OutcomeKind::Lost(why),
            });
        }
        // What looked refused and turned out to be stored after all was not refused.
        let accounts = &self.accounts;
        self.outcomes.retain(|outcome| {
            outcome.kind != OutcomeKind::Refused
                || accounts[outcome.order as usize - 1].fate == Fate::Refused
        });
        sort_by_rank(&mut self.outcomes, |outcome| {
            (outcome.fact.0.into(), outcome.order.into())
        });
        let old = |(newest, visible): &&(EventTime, OrdMap<u64, EventTime>)| {
            visible.values().max().is_some_and(|max| max < newest)
        };
        let stale = if self.terms.by_order {
            self.stale()
        } else {
            self.versions.values().filter(old).count() as u32
        };
        let own_dup = self.own_dup();
        let mut verdict = self.verdict;
        (verdict.own_dup, verdict.own_lost) = (own_dup, own_lost);
        verdict.counts = self.counts;
        verdict.phantom = self
            .accounts
            .iter()
            .filter(|account| account.failed && account.is_readable())
            .count() as u32;
        verdict.stale = stale;
        let terms = &self.terms;
        let missing = self.accounts.iter().filter(|account| {
            matches!(account.fate, Fate::Lost | Fate::DroppedLate)
                && account.emitted_at >= terms.warm_up
        });
        let missing = missing.count() as u64;
        verdict.reached = self.accounts.iter().filter(|a| a.reached).count() as u32;
        // The state when half of the events had been handed over.
        let half = self.accounts.get(self.accounts.len() / 2);
        let half = half.map_or(Time::ZERO, |account| account.emitted_at);
        let until_half = self.state_history.iter().take_while(|(at, _)| *at <= half);
        verdict.state_at_half = until_half.last().map_or(0, |&(_, rows)| rows);
        self.latencies.sort_unstable();
        let windows = self.windows.values();
        let mut freshness: Vec<u64> = windows
            .map(|(end, at, _)| at.since(*end).micros())
            .collect();
        freshness.sort_unstable();
        verdict.latency = [50, 95, 99].map(|percent| nearest_rank(&self.latencies, percent, 0));
        verdict.p95_honest = nearest_rank(&self.latencies, 95, missing);
        verdict.fresh_p95 = nearest_rank(&freshness, 95, 0);
        let lasted = self
            .last_visible
            .since(self.first_emitted.unwrap_or_default())
            .micros();
        verdict.tput_milli = u64::from(self.counts.delivered) * 1_000_000_000 / lasted.max(1);
        verdict.cost += verdict.requests;
        let fates = self.accounts.iter().zip(why_lost);
        Closed {
            verdict,
            outcomes: self.outcomes,
            fates: fates.map(|(account, why)| (account.fate, why)).collect(),
        }
    }
}
