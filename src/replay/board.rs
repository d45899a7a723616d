//! The world as drawn at one moment: a fold of the trace. Plain data for the diagram.
//!
//! It holds what is so and what each component has been told. The totals are those that the ledger noted while it judged the
//! run, so the page cannot count differently from the terminal.

use crate::sim::kafka::protocol::{BatchName, PartitionId};
use crate::sim::kernel::{EventTime, HostId, Time};
use crate::sim::ledger::{Counters, OutcomeKind};
use crate::sim::origin::{Origin, number};
use crate::sim::trace::{Fact, FactId, InstantState, OffsetRange, SegmentId, Trace, Window};
use crate::sim::{Outcome, Run, Scenario, assignment};

use super::branches::{self, Branch};
use super::consumers::Group;
use super::job::Job;
use super::output::Output;
use super::table::{Files, Timeline, Versions, is_repeat};
use super::transactions::{State, Transaction, Transactions};
use super::writers::{Writer, Writers};
use crate::sim::ordered::{OrdMap, OrdSet};
use std::rc::Rc;

/// What became of a record that was written in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Open,
    Committed,
    Aborted,
}

/// A record in the leader's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    pub offset: u64,
    pub order: u32,
    pub appended: Time,
    /// There is an earlier copy of the same order in the topic, and it was not aborted.
    pub repeat: bool,
    /// The transaction it belongs to, by its place in [`Board::transactions`], and what its marker says.
    pub transaction: Option<(usize, Decision)>,
}

impl Slot {
    fn is_aborted(&self) -> bool {
        matches!(self.transaction, Some((_, Decision::Aborted)))
    }
}

/// The end of a transaction in a partition: it takes an offset.
#[derive(Clone, Debug, PartialEq)]
pub struct Marker {
    pub offset: u64,
    pub commit: bool,
}

/// A replica's bar under a partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Replica {
    pub host: HostId,
    pub end: u64,
    pub in_sync: bool,
    pub alive: bool,
    /// What was cut off its end at last, if anything.
    pub scar: Option<(u64, u64)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    pub id: PartitionId,
    pub leader: Option<HostId>,
    /// Leader epoch: how often a leader was elected.
    pub epoch: u32,
    pub slots: Vec<Slot>,
    pub markers: Vec<Marker>,
    pub high_watermark: u64,
    pub replicas: Vec<Replica>,
    /// Where the main query's next batch begins.
    pub committed: u64,
    /// Orders that were cut off with a fallen leader, and from which offset.
    pub cut: Vec<(u64, u32)>,
}

impl Partition {
    /// What a `read_committed` reader may read up to: an open transaction holds it back.
    pub fn last_stable_offset(&self) -> u64 {
        let open = self.slots.iter().find(|slot| {
            let decision = slot.transaction.map(|(_, decision)| decision);
            decision == Some(Decision::Open)
        });
        open.map_or(self.high_watermark, |slot| {
            slot.offset.min(self.high_watermark)
        })
    }
}

/// A batch of records between producer and broker, or waiting to be sent again.
#[derive(Clone, Debug, PartialEq)]
pub struct Flight {
    pub batch: BatchName,
    pub orders: Vec<u32>,
    pub sent: Time,
    pub attempt: u32,
    pub state: FlightState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlightState {
    OnTheWire,
    /// Appended; the acknowledgement is not back yet.
    Appended,
    /// The attempt failed; the next one follows.
    BackingOff {
        until: Time,
    },
}

/// What the producing application has been told of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Belief {
    /// Nothing yet.
    #[default]
    Unknown,
    Stored,
    Failed,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProducerView {
    pub alive: bool,
    pub last_emitted: u32,
    /// Of all instances.
    pub flights: Vec<Flight>,
    /// The order that the last news was about.
    pub news: Option<u32>,
}

/// A micro-batch of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchView {
    pub id: u64,
    pub ranges: Vec<OffsetRange>,
    /// Offset log written.
    pub planned: Time,
    /// Table committed.
    pub visible: Option<Time>,
    /// Commit log written.
    pub committed: Option<Time>,
    pub skipped: bool,
    /// How often it was begun.
    pub runs: u32,
    pub instant: Option<(Time, InstantState)>,
}

/// A checkpoint of a Flink job.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointView {
    pub id: u64,
    /// Its barriers are on their way from here on.
    pub triggered: Time,
    /// All tasks have snapshotted: a restart would go on from it.
    pub completed: Option<Time>,
    pub failed: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineView {
    pub alive: bool,
    pub failed: bool,
    pub batches: Vec<BatchView>,
    pub checkpoints: Vec<CheckpointView>,
    pub watermark: Option<EventTime>,
    pub executors_down: u32,
    pub tasks_running: u32,
}

/// A visible row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRow {
    pub row: u64,
    pub order: u32,
    pub amount: i64,
    pub since: Time,
    pub source: (PartitionId, u64),
    /// Another row shows the same order, and was there first.
    pub repeat: bool,
    pub key: String,
    /// How often a row of this record key has become visible.
    pub version: u32,
    /// The window that it sums, and over how many orders.
    pub window: Option<(Window, usize)>,
}

/// A window of the branch beside the table.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowView {
    pub window: Window,
    pub orders: OrdSet<(PartitionId, u64, u32)>,
    /// When its sum was emitted first, and the sum.
    pub closed: Option<(Time, i64)>,
    /// The watermark has passed its end.
    pub shut: bool,
    pub dropped: Vec<u32>,
    /// The sums that were emitted, by record key.
    keys: OrdMap<String, i64>,
}

/// A fault that has struck.
#[derive(Clone, Debug, PartialEq)]
pub struct Strike {
    pub fact: FactId,
    pub at: Time,
    /// Its name in the script.
    pub id: String,
    pub host: HostId,
    /// The order it is about, where one can be named: that of the batch that triggered it.
    pub order: Option<u32>,
}

/// The world at one moment.
#[derive(Clone)]
pub struct Board {
    pub at: Time,
    /// The first instance, and what all of them have sent.
    pub producer: ProducerView,
    pub writers: Writers,
    pub partitions: Vec<Partition>,
    pub engine: EngineView,
    /// The consumers, where the engine is a plain consumer.
    pub group: Group,
    pub transactions: Transactions,
    /// The Flink job, where the engine is Flink.
    pub job: Job,
    pub timeline: Timeline,
    pub files: Files,
    pub versions: Versions,
    /// The topic that the main segment writes, if it writes one.
    pub output: Output,
    pub rows: Vec<TableRow>,
    pub strikes: Vec<Strike>,
    /// Of the main query if it has windows, else of the first branch that has.
    pub windows: OrdMap<EventTime, WindowView>,
    /// Rows of state that the Spark query with the windows keeps.
    pub state_rows: u32,
    pub branches: Vec<Branch>,
    pub down: OrdSet<HostId>,
    beliefs: OrdMap<u32, Belief>,
    amounts: OrdMap<u32, i64>,
    event_times: OrdMap<u32, EventTime>,
    tally: Rc<Vec<(FactId, Counters)>>,
    /// Losses, which only the whole run knows, in the order of their facts.
    losses: Rc<Vec<Outcome>>,
    lost: usize,
    facts: usize,
    hosts: Rc<Roles>,
    last_batch: Option<BatchName>,
}

/// Who is who.
struct Roles {
    producer: HostId,
    driver: HostId,
    executors: Vec<HostId>,
    faults: Vec<String>,
    /// The segment whose windows are shown, if any has some.
    windows: Option<SegmentId>,
}

impl Board {
    pub fn new(scenario: &Scenario, run: &Run) -> Self {
        let cast = crate::sim::cast(scenario);
        let is_loss = |outcome: &&Outcome| matches!(outcome.kind, OutcomeKind::Lost(_));
        let partition = |state: crate::sim::kafka::protocol::PartitionState| Partition {
            id: state.partition,
            leader: state.leader,
            epoch: 0,
            slots: Vec::new(),
            markers: Vec::new(),
            high_watermark: 0,
            replicas: state
                .replicas
                .iter()
                .map(|&host| Replica {
                    host,
                    end: 0,
                    in_sync: true,
                    alive: true,
                    scar: None,
                })
                .collect(),
            committed: 0,
            cut: Vec::new(),
        };
        let executor = |name: &&String| name.starts_with("exec");
        let consumer = |name: &&String| name.starts_with('c') && name[1..].parse::<u8>().is_ok();
        let consumers: Vec<HostId> = cast
            .hosts
            .iter()
            .filter(consumer)
            .filter_map(|name| cast.find(name))
            .collect();
        let partitions = usize::from(scenario.topic.partitions);
        let job = Job::new(&cast, partitions);
        let writers = Writers::new(&cast);
        let branches = branches::of(scenario, run);
        let branch = branches.iter().find(|branch| branch.windowed);
        let own = branches::is_windowed(&scenario.engine).then_some(SegmentId::MAIN);
        let roles = Roles {
            windows: own.or(branch.map(|branch| branch.segment)),
            producer: cast.find("p1").expect("there is a producer"),
            driver: cast
                .find("driver")
                .or_else(|| cast.find("c1"))
                .or_else(|| cast.find("jm"))
                .expect("there is an engine"),
            executors: cast
                .hosts
                .iter()
                .filter(executor)
                .filter_map(|name| cast.find(name))
                .collect(),
            faults: cast.faults,
        };
        let engine = EngineView {
            alive: true,
            ..EngineView::default()
        };
        Board {
            at: Time::ZERO,
            producer: ProducerView {
                alive: true,
                ..ProducerView::default()
            },
            writers,
            partitions: assignment(scenario).into_iter().map(partition).collect(),
            engine,
            group: Group::new(consumers.into_iter(), partitions),
            transactions: Transactions::default(),
            job,
            timeline: Timeline::new(&scenario.sink.hudi),
            files: Files::default(),
            versions: Versions::default(),
            output: Output::new(scenario),
            rows: Vec::new(),
            strikes: Vec::new(),
            windows: OrdMap::new(),
            state_rows: 0,
            branches,
            down: OrdSet::new(),
            beliefs: OrdMap::new(),
            amounts: OrdMap::new(),
            event_times: OrdMap::new(),
            tally: Rc::new(run.tally.clone()),
            losses: Rc::new(run.outcomes.iter().filter(is_loss).copied().collect()),
            lost: 0,
            facts: 0,
            hosts: Rc::new(roles),
            last_batch: None,
        }
    }

    /// How many facts are in it.
    pub fn facts(&self) -> usize {
        self.facts
    }

    pub fn counters(&self) -> Counters {
        let told = self
            .tally
            .partition_point(|(fact, _)| (fact.0 as usize) < self.facts);
        let mut counters = told
            .checked_sub(1)
            .map_or_else(Counters::default, |last| self.tally[last].1);
        // A loss is dated back to the last fact that touched the order.
        let lost = self.lost as u32;
        counters.counts.lost += lost;
        counters.counts.pending -= lost;
        counters
    }

    pub fn belief(&self, order: u32) -> Belief {
        self.beliefs.get(&order).copied().unwrap_or_default()
    }

    /// What an order costs, in cents.
    pub fn amount(&self, order: u32) -> i64 {
        self.amounts.get(&order).copied().unwrap_or(0)
    }

    /// Orders known to be lost by now.
    pub fn lost(&self) -> impl Iterator<Item = &Outcome> {
        self.losses[..self.lost].iter()
    }

    /// The batch of the main query that is in hand, or was last.
    pub fn current_batch(&self) -> Option<&BatchView> {
        self.engine.batches.last()
    }

    /// Takes in the fact at `index`.
    pub fn fold(&mut self, trace: &Trace, index: usize) {
        let id = FactId(index as u32);
        let event = &trace.events[index];
        self.facts = index + 1;
        self.at = event.at;
        let at = event.at;
        let host = event.host;
        self.group.fold(at, host, &event.fact);
        self.job.fold(at, host, &event.fact, &self.event_times);
        self.timeline.fold(at, &event.fact);
        self.files.fold(&event.fact);
        self.writers.fold(at, host, &event.fact);
        self.output.fold(at, host, &event.fact);
        branches::fold(&mut self.branches, id, &event.fact);
        if let Fact::TransactionEnded { id, commit, .. } = &event.fact {
            self.group.transaction_ended(id);
            let own =
                |one: &&Transaction| one.id == *id && !matches!(one.state, State::Ended { .. });
            let writer = self.transactions.0.iter().find(own).map(|one| one.writer);
            if !commit && let Some(writer) = writer {
                // What it had not been told of is written off with the rest.
                let flights = &mut self.producer.flights;
                flights.retain(|flight| flight.batch.producer != writer);
            }
        }
        let epoch = self.writers.get(host).map_or(0, Writer::epoch);
        self.transactions.fold(at, host, epoch, &event.fact);
        // Coordinators' partitions are not drawn.
        let drawn = |p: PartitionId| usize::from(p.0) < self.partitions.len();
        // So is what a consumer produces to another topic.
        let foreign = |batch: BatchName| self.writers.get(batch.producer).is_none();
        if event.fact.batch_name().is_some_and(foreign) {
            return;
        }
        if !event.fact.partition().is_none_or(drawn) {
            return;
        }
        match &event.fact {
            Fact::Emitted {
                origin,
                amount,
                event_time,
                ..
            } => {
                let order = number(*origin);
                self.producer.last_emitted = self.producer.last_emitted.max(order);
                self.amounts.insert(order, *amount);
                self.event_times.insert(order, *event_time);
            }
            Fact::Changed {
                origin, order_id, ..
            } => self.versions.changed(number(*origin), *order_id),
            Fact::BatchSent {
                batch,
                attempt,
                origins,
                ..
            } => {
                self.producer
                    .flights
                    .retain(|flight| flight.batch != *batch);
                let orders = numbers(origins);
                self.producer.news = orders.last().copied();
                let flight = Flight {
                    batch: *batch,
                    orders,
                    sent: at,
                    attempt: *attempt,
                    state: FlightState::OnTheWire,
                };
                self.producer.flights.push(flight);
            }
            Fact::BatchAppended {
                batch,
                base_offset,
                origins,
                ..
            } => {
                self.last_batch = Some(*batch);
                self.appended(at, host, batch, *base_offset, origins);
            }
            Fact::BatchDeduplicated { batch, .. } => {
                self.last_batch = Some(*batch);
                self.flight(batch, FlightState::Appended);
            }
            Fact::AttemptFailed {
                batch, retry_in, ..
            } => self.flight(
                batch,
                FlightState::BackingOff {
                    until: at + *retry_in,
                },
            ),
            Fact::Acknowledged { batch, origins, .. } => {
                self.reported(batch, origins, Belief::Stored)
            }
            Fact::SendFailed { batch, origins, .. } => {
                self.reported(batch, origins, Belief::Failed)
            }
            Fact::ReplicaAdvanced { partition, end } => {
                self.replica(*partition, host, |replica| replica.end = *end)
            }
            Fact::HighWatermarkAdvanced { partition, offset } => {
                self.partition(*partition).high_watermark = *offset
            }
            Fact::IsrChanged { partition, isr } => {
                for replica in &mut self.partition(*partition).replicas {
                    replica.in_sync = isr.contains(&replica.host);
                }
            }
            Fact::LeaderElected {
                partition,
                end,
                epoch,
            } => {
                self.partition(*partition).epoch = *epoch;
                self.elected(*partition, host, *end);
            }
            Fact::PartitionOffline { partition } => self.partition(*partition).leader = None,
            Fact::LogTruncated {
                partition,
                to,
                from,
            } => self.replica(*partition, host, |replica| {
                replica.end = *to;
                replica.scar = Some((*to, *from));
            }),
            Fact::MarkerAppended {
                partition,
                offset,
                commit,
                offsets,
                ..
            } => {
                self.replica(*partition, host, |replica| replica.end = offset + 1);
                self.decided(*partition, *offset, *commit, offsets);
            }
            Fact::OffsetsCommitted {
                segment: SegmentId::MAIN,
                positions,
                ..
            } => {
                for &(partition, offset) in positions {
                    self.partition(partition).committed = offset;
                }
            }
            Fact::BecameVisible {
                segment: SegmentId::MAIN,
                rows,
                ..
            } => {
                for row in rows {
                    let Some(&(origin, source)) = row.origins.first() else {
                        continue;
                    };
                    let order = number(origin);
                    let window = row.window.map(|window| (window, row.origins.len()));
                    let same = |other: &TableRow| {
                        let theirs = other.window.map(|(window, _)| window);
                        let own = (order, row.window, row.record_key.as_str());
                        is_repeat((other.order, theirs, &other.key), own)
                    };
                    let repeat = self.rows.iter().any(same);
                    self.rows.push(TableRow {
                        row: row.row,
                        order,
                        amount: row.amount,
                        since: at,
                        source: (source.partition, source.offset),
                        repeat,
                        version: self.versions.show(row),
                        key: row.record_key.clone(),
                        window,
                    });
                }
            }
            Fact::Retracted {
                segment: SegmentId::MAIN,
                rows,
                ..
            } => self.rows.retain(|row| !rows.contains(&row.row)),
            Fact::Crashed { .. } => self.crashed(host, true),
            Fact::Restarted => self.crashed(host, false),
            Fact::Injected { fault } => {
                let about = self.last_batch.and_then(|batch| {
                    self.producer
                        .flights
                        .iter()
                        .find(|flight| flight.batch == batch)
                });
                let order = about.and_then(|flight| flight.orders.first().copied());
                self.strikes.push(Strike {
                    fact: id,
                    at,
                    id: self.hosts.faults[usize::from(*fault)].clone(),
                    host,
                    order,
                });
            }
            _ => {}
        }
        self.fold_engine(at, &event.fact);
        self.fold_windows(at, &event.fact);
        while self
            .losses
            .get(self.lost)
            .is_some_and(|loss| loss.fact <= id)
        {
            self.lost += 1;
        }
    }

    fn partition(&mut self, id: PartitionId) -> &mut Partition {
        &mut self.partitions[usize::from(id.0)]
    }

    fn replica(&mut self, partition: PartitionId, host: HostId, change: impl FnOnce(&mut Replica)) {
        if let Some(replica) = self
            .partition(partition)
            .replicas
            .iter_mut()
            .find(|replica| replica.host == host)
        {
            change(replica);
        }
    }

    fn flight(&mut self, batch: &BatchName, state: FlightState) {
        if let Some(flight) = self
            .producer
            .flights
            .iter_mut()
            .find(|flight| flight.batch == *batch)
        {
            flight.state = state;
            self.producer.news = flight.orders.last().copied();
        }
    }

    fn reported(&mut self, batch: &BatchName, origins: &[Origin], belief: Belief) {
        self.producer
            .flights
            .retain(|flight| flight.batch != *batch);
        for order in numbers(origins) {
            self.beliefs.insert(order, belief);
            self.producer.news = Some(order);
        }
    }

    fn appended(
        &mut self,
        at: Time,
        host: HostId,
        batch: &BatchName,
        base_offset: u64,
        origins: &[Origin],
    ) {
        self.flight(batch, FlightState::Appended);
        let transaction = self.transactions.open_of(batch.producer);
        let transaction = transaction.map(|index| (index, Decision::Open));
        let partition = self.partition(batch.partition);
        for (order, offset) in numbers(origins).into_iter().zip(base_offset..) {
            let earlier = |slot: &Slot| slot.order == order && !slot.is_aborted();
            let repeat = partition.slots.iter().any(earlier);
            partition.slots.push(Slot {
                offset,
                order,
                appended: at,
                repeat,
                transaction,
            });
        }
        let end = base_offset + origins.len() as u64;
        self.replica(batch.partition, host, |replica| replica.end = end);
    }

    fn decided(&mut self, id: PartitionId, offset: u64, commit: bool, offsets: &[u64]) {
        let decision = if commit {
            Decision::Committed
        } else {
            Decision::Aborted
        };
        let partition = self.partition(id);
        partition.markers.push(Marker { offset, commit });
        for slot in &mut partition.slots {
            if let Some((_, open)) = &mut slot.transaction
                && offsets.contains(&slot.offset)
            {
                *open = decision;
            }
        }
        if commit {
            return;
        }
        // What was aborted is no copy, and what was written anew is the first.
        let mut seen = OrdSet::new();
        for slot in &mut partition.slots {
            slot.repeat = !slot.is_aborted() && !seen.insert(slot.order);
        }
    }

    fn elected(&mut self, id: PartitionId, host: HostId, end: u64) {
        let partition = self.partition(id);
        partition.leader = Some(host);
        let gone = partition
            .slots
            .iter()
            .filter(|slot| slot.offset >= end)
            .map(|slot| (slot.offset, slot.order));
        partition.cut.extend(gone);
        partition.slots.retain(|slot| slot.offset < end);
        partition.markers.retain(|marker| marker.offset < end);
        partition.high_watermark = partition.high_watermark.min(end);
        self.replica(id, host, |replica| replica.end = end);
    }

    fn crashed(&mut self, host: HostId, down: bool) {
        if down {
            self.down.insert(host);
        } else {
            self.down.remove(&host);
        }
        for partition in &mut self.partitions {
            partition
                .replicas
                .iter_mut()
                .filter(|replica| replica.host == host)
                .for_each(|replica| replica.alive = !down);
        }
        let flights = &mut self.producer.flights;
        flights.retain(|flight| flight.batch.producer != host);
        if host == self.hosts.producer {
            self.producer.alive = !down;
        }
        if host == self.hosts.driver {
            self.engine.alive = !down;
        }
        self.engine.executors_down = self
            .hosts
            .executors
            .iter()
            .filter(|executor| self.down.contains(executor))
            .count() as u32;
    }

    fn fold_engine(&mut self, at: Time, fact: &Fact) {
        let Some(segment) = fact.segment() else {
            return;
        };
        if segment != SegmentId::MAIN {
            return;
        }
        let engine = &mut self.engine;
        match fact {
            Fact::OffsetsLogged { batch, ranges, .. } => {
                engine.batches.push(BatchView {
                    id: *batch,
                    ranges: ranges.clone(),
                    planned: at,
                    visible: None,
                    committed: None,
                    skipped: false,
                    runs: 0,
                    instant: None,
                });
            }
            Fact::InstantChanged { instant, state, .. } => {
                if let Some(batch) = engine.batches.last_mut() {
                    batch.runs += u32::from(*state == InstantState::Requested);
                    batch.instant = Some((*instant, *state));
                }
            }
            Fact::TableCommitted { instant, .. } => {
                if let Some(batch) = engine.batches.last_mut() {
                    batch.visible = Some(at);
                    batch.instant = Some((*instant, InstantState::Completed));
                }
            }
            Fact::BatchSkipped { .. } => {
                if let Some(batch) = engine.batches.last_mut() {
                    batch.skipped = true;
                }
            }
            Fact::BatchCommitted { batch: id, .. } => {
                let done = engine
                    .batches
                    .iter_mut()
                    .rev()
                    .find(|batch| batch.id == *id);
                let ranges = done.map(|batch| {
                    batch.committed = Some(at);
                    batch.ranges.clone()
                });
                for range in ranges.unwrap_or_default() {
                    self.partition(range.partition).committed = range.end;
                }
            }
            Fact::CheckpointTriggered { checkpoint, .. } => {
                engine.checkpoints.push(CheckpointView {
                    id: *checkpoint,
                    triggered: at,
                    completed: None,
                    failed: false,
                });
            }
            Fact::CheckpointFailed { checkpoint, .. } => {
                let of_id = engine.checkpoints.iter_mut().rev();
                if let Some(one) = of_id.into_iter().find(|one| one.id == *checkpoint) {
                    one.failed = true;
                }
            }
            Fact::CheckpointCompleted {
                checkpoint,
                positions,
                ..
            } => {
                let of_id = engine.checkpoints.iter_mut().rev();
                if let Some(one) = of_id.into_iter().find(|one| one.id == *checkpoint) {
                    one.completed = Some(at);
                }
                for &(partition, offset) in positions {
                    if usize::from(partition.0) < self.partitions.len() {
                        self.partition(partition).committed = offset;
                    }
                }
            }
            Fact::WatermarkAdvanced { to, .. } => engine.watermark = Some(*to),
            Fact::QueryFailed { .. } => engine.failed = true,
            Fact::TaskStarted { .. } => engine.tasks_running += 1,
            Fact::TaskFinished { .. } => {
                engine.tasks_running = engine.tasks_running.saturating_sub(1)
            }
            _ => {}
        }
    }

    fn fold_windows(&mut self, at: Time, fact: &Fact) {
        let opened = |window: Window| WindowView {
            window,
            orders: OrdSet::new(),
            closed: None,
            dropped: Vec::new(),
            shut: false,
            keys: OrdMap::new(),
        };
        if self.hosts.windows.is_none() || fact.segment() != self.hosts.windows {
            return;
        }
        match fact {
            Fact::StateSaved { rows, .. } => self.state_rows = *rows,
            Fact::WindowClosed { window, .. } => {
                if let Some(view) = self.windows.get_mut(&window.start) {
                    view.shut = true;
                }
            }
            Fact::Accumulated {
                window, origins, ..
            } => {
                let view = self
                    .windows
                    .entry(window.start)
                    .or_insert_with(|| opened(*window));
                view.orders.extend(
                    origins
                        .iter()
                        .map(|&(origin, source)| (source.partition, source.offset, number(origin))),
                );
            }
            Fact::DroppedLate {
                window, origins, ..
            }
            | Fact::SideOutput {
                window, origins, ..
            }
            | Fact::WindowMissed {
                window, origins, ..
            } => {
                let view = self
                    .windows
                    .entry(window.start)
                    .or_insert_with(|| opened(*window));
                for &(origin, _) in origins {
                    if !view.dropped.contains(&number(origin)) {
                        view.dropped.push(number(origin));
                    }
                }
            }
            Fact::BecameVisible { rows, .. } => {
                for row in rows {
                    if let Some(window) = row.window {
                        let view = self
                            .windows
                            .entry(window.start)
                            .or_insert_with(|| opened(window));
                        // One row a key, where windows are kept by key.
                        let before = view.keys.insert(row.record_key.clone(), row.amount);
                        let sum = view.closed.map_or(0, |(_, sum)| sum);
                        view.closed = Some((at, sum + row.amount - before.unwrap_or(0)));
                    }
                }
            }
            _ => {}
        }
    }
}

fn numbers(origins: &[Origin]) -> Vec<u32> {
    origins.iter().map(|&origin| number(origin)).collect()
}
