//! The simulator: a scenario in, a run out. No browser, no clock, no I/O.
//!
//! `Simulation` owns the hosts and the kernel. A step takes the earliest event, lets its host handle it, folds the facts
//! that were noted into the ledgers, and lets the fault script strike.

pub mod catalog;
pub mod compact;
pub mod control;
pub mod engines;
#[cfg(not(feature = "lean"))]
pub mod explore;
pub mod fault;
pub mod json;
pub mod kafka;
pub mod kernel;
pub mod ledger;
pub mod listed;
pub mod message;
pub mod ordered;
pub mod origin;
pub mod scenario;
pub mod sealed;
pub mod sinks;
pub mod store;
pub mod suggest;
pub mod tiers;
pub mod trace;
pub mod workload;

pub use ledger::{Ledger, Outcome, OutcomeKind, Verdict};
pub use scenario::{Patch, Scenario, ScenarioError};

use crate::sim::ordered::OrdMap;
use engines::EngineKind;
#[cfg(not(feature = "lean"))]
use engines::consumer::Commit;
#[cfg(not(feature = "lean"))]
use engines::consumer::app::Consumer;
#[cfg(not(feature = "lean"))]
use engines::consumer::reader::Reader;
#[cfg(not(feature = "lean"))]
use engines::flink::DeliveryGuarantee;
#[cfg(not(feature = "lean"))]
use engines::flink::job_manager::JobManager;
#[cfg(not(feature = "lean"))]
use engines::flink::task_manager::{Target, TaskManager};
use engines::operators::OutputMode;
use engines::spark::driver::Driver;
use engines::spark::executor::Executor;
use engines::spark::{StartingOffsets, WindowType};
use fault::{Action, FaultId, Happens, Place, Script};
use kafka::broker::Broker;
use kafka::config::OnError;
use kafka::controller::Controller;
use kafka::partitioner::partition_for;
use kafka::producer::Producer;
use kafka::protocol::{Internal, PartitionId, PartitionState};
#[cfg(not(feature = "lean"))]
use kafka::transactional::Settings;
#[cfg(not(feature = "lean"))]
use kafka::transactional_producer::TransactionalProducer;
#[cfg(not(feature = "lean"))]
use kernel::wire::{Fate, Wire};
use kernel::{Agenda, Context, Event, Host, HostId, Kernel, Network, Span, Time, What};
use ledger::{Closed, Counters, EndToEnd, Terms};
use message::Message;
use scenario::Branch;
use serde::{Deserialize, Serialize};
use sinks::SinkKind;
#[cfg(not(feature = "lean"))]
use sinks::hudi::compactor::Compactor;
use std::rc::Rc;
use store::Store;
use tiers::{Tiers, segments};
use trace::{Cast, Fact, FactId, Recorder, SegmentId, Trace, TraceEvent};
use workload::Till;

const PRODUCER: HostId = HostId(0);

/// How long a broker that is shut down in order takes for it.
const STOPPING: Span = Span::from_ms(100);

/// Whether everything is in this build. The worker that opens the page is built without what the opening scenario does not
/// need (feature `lean`), so that it is small. See `docs/decisions/0007-lean-page.md`.
pub const FULL: bool = cfg!(not(feature = "lean"));

/// Whether a run keeps its facts, or only what was folded from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Trace,
    LedgerOnly,
    /// Not even the digest, which stays 0: for the many runs of an exploration, of which only the verdicts count.
    VerdictOnly,
    /// The digest, and what went over the network.
    #[cfg(not(feature = "lean"))]
    Wire,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Nothing more would happen.
    Drained,
    /// Its simulated time was up.
    Horizon,
    /// It had handled as many events as it may.
    EventLimit,
}

/// All that a scenario gives.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    pub trace: Option<Trace>,
    /// Of all facts: the same scenario gives the same digest everywhere.
    pub digest: u64,
    pub verdict: Verdict,
    pub branches: OrdMap<String, Verdict>,
    /// Over all segments at the ends of the pipeline.
    pub end_to_end: EndToEnd,
    /// What became of events and when, of the main segment and of each branch.
    pub outcomes: Vec<Outcome>,
    pub branch_outcomes: OrdMap<String, Vec<Outcome>>,
    /// The main segment's totals after each fact that moved them; empty without a trace. Losses are in none of them: what
    /// is lost is known once the run has ended.
    pub tally: Vec<(FactId, Counters)>,
    pub ended: Ended,
    pub end: Time,
    pub events: u64,
}

impl Run {
    /// The digest as links write it: 16 hexadecimal digits.
    pub fn digest_text(&self) -> String {
        format!("{:016x}", self.digest)
    }

    /// A metric of the main segment, or of a branch as `branch.metric`.
    pub fn metric(&self, name: &str) -> Option<f64> {
        if let Some((branch, metric)) = name.split_once('.')
            && let Some(verdict) = self.branches.get(branch)
        {
            return verdict.metric(metric);
        }
        self.verdict.metric(name)
    }
}

#[derive(Clone)]
enum Node {
    Producer(Box<Host<Producer>>),
    Broker(Box<Host<Broker>>),
    Controller(Box<Host<Controller>>),
    Store(Box<Host<Store>>),
    Driver(Box<Host<Driver>>),
    Executor(Box<Host<Executor>>),
    #[cfg(not(feature = "lean"))]
    Consumer(Box<Host<Consumer>>),
    #[cfg(not(feature = "lean"))]
    Transactional(Box<Host<TransactionalProducer>>),
    #[cfg(not(feature = "lean"))]
    Reader(Box<Host<Reader>>),
    #[cfg(not(feature = "lean"))]
    JobManager(Box<Host<JobManager>>),
    #[cfg(not(feature = "lean"))]
    TaskManager(Box<Host<TaskManager>>),
    #[cfg(not(feature = "lean"))]
    Compactor(Box<Host<Compactor>>),
}

macro_rules! each_node {
    ($node:expr, $host:ident => $do:expr) => {
        match $node {
            Node::Producer($host) => $do,
            Node::Broker($host) => $do,
            Node::Controller($host) => $do,
            Node::Store($host) => $do,
            Node::Driver($host) => $do,
            Node::Executor($host) => $do,
            #[cfg(not(feature = "lean"))]
            Node::Consumer($host) => $do,
            #[cfg(not(feature = "lean"))]
            Node::Transactional($host) => $do,
            #[cfg(not(feature = "lean"))]
            Node::Reader($host) => $do,
            #[cfg(not(feature = "lean"))]
            Node::JobManager($host) => $do,
            #[cfg(not(feature = "lean"))]
            Node::TaskManager($host) => $do,
            #[cfg(not(feature = "lean"))]
            Node::Compactor($host) => $do,
        }
    };
}

impl Node {
    fn is_alive(&self) -> bool {
        each_node!(self, host => host.memory.is_some())
    }

    fn boot(&mut self, cx: &mut Context) {
        each_node!(self, host => host.boot(cx));
    }

    fn handle(&mut self, from: HostId, message: Message, cx: &mut Context) {
        each_node!(self, host => host.handle(from, message, cx));
    }

    fn crash(&mut self, loses: kernel::Loses) {
        each_node!(self, host => host.crash(loses));
    }
}

/// A running simulation. A clone goes on like the original.
#[derive(Clone)]
pub struct Simulation {
    scenario: Rc<Scenario>,
    kernel: Kernel,
    nodes: Vec<Node>,
    producers: Vec<HostId>,
    script: Script,
    ledgers: Vec<Ledger>,
    segments: Vec<String>,
    /// Facts' times, to date losses by when no trace is kept.
    times: Vec<Time>,
    tally: Vec<(FactId, Counters)>,
    keep: Keep,
    /// Orders that happened while the producer was down; with the record where the source kept it back before.
    held: Vec<(u32, Option<workload::Record>)>,
    /// What the source keeps back, by the fault that makes it.
    withheld: Vec<Withheld>,
    till: Till,
    /// What was handed over, by number, if a fault may have it handed over again.
    handed: OrdMap<u32, workload::Record>,
    store: HostId,
    arrived: u32,
    last_fact: Time,
    last_appender: HostId,
    /// Who leads the partition of the group, or of transactions if nobody reads as a group.
    coordinator: HostId,
    restarting: u32,
    /// Brokers that are being shut down in order, and by which fault.
    stopping: Vec<(FaultId, HostId)>,
    /// Index: host. Until when its process stands still.
    paused: Vec<Time>,
    /// When the last pause, split or slow link is over.
    disturbed_until: Time,
    events: u64,
    ended: Option<Ended>,
    /// The steps that hosts have taken, while somebody watches.
    #[cfg(not(feature = "lean"))]
    watched: Option<Vec<explore::Step>>,
}

/// Orders that the source keeps back for a while.
#[derive(Clone)]
struct Withheld {
    fault: FaultId,
    producer: HostId,
    /// None: all of the producer's.
    partition: Option<PartitionId>,
    until: Time,
    happens: Happens,
    /// By number, with the time at which each would have been handed over.
    orders: Vec<(u32, Time, workload::Record)>,
}

/// What the ledger of a segment must know of the scenario.
///
/// # Panics
///
/// Panics if the scenario has no such segment.
fn terms(scenario: &Scenario, segment: SegmentId) -> Terms {
    let (name, branch) = segments(scenario).swap_remove(usize::from(segment.0));
    let prefix = if name.is_empty() {
        String::new()
    } else {
        format!("{name}.")
    };
    let tiers = Tiers::of(scenario);
    let spark = branch.engine.kind == EngineKind::Spark;
    let flink = branch.engine.kind == EngineKind::Flink;
    let leading = match branch.engine.kind {
        EngineKind::Spark => "driver",
        EngineKind::Consumer => "c1",
        EngineKind::Flink => "jm",
    };
    let driver = format!("{prefix}{leading}");
    let latest = engines::flink::StartupMode::LatestOffset;
    let windowed =
        (spark && branch.engine.spark.is_grouped()) || (flink && branch.engine.flink.is_windowed());
    Terms {
        segment,
        windowed,
        sliding: (spark && branch.engine.spark.window_type == WindowType::Sliding)
            || (flink && branch.engine.flink.window_type == engines::flink::WindowType::Sliding),
        refining: spark && branch.engine.spark.output_mode != OutputMode::Append,
        by_order: !windowed && branch.sink.holds_orders(),
        producers: producers(scenario),
        deaf: scenario.producer.on_error == OnError::Ignore,
        driver: cast(scenario)
            .find(&driver)
            .expect("every segment has a driver"),
        partitions: scenario.topic.partitions,
        replicas: u64::from(scenario.topic.replication_factor),
        input: tiers.inputs[usize::from(segment.0)],
        upstream: tiers.upstream(usize::from(segment.0)),
        zero_ms: scenario.workload.zero_ms,
        warm_up: Time::from_ms(scenario.limits.warm_up_ms),
        from_latest: (spark && branch.engine.spark.starting_offsets == StartingOffsets::Latest)
            || (flink && branch.engine.flink.startup_mode == latest),
    }
}

/// The driver of a query's nth application: nearly always there is one.
fn driver_name(application: u8) -> String {
    match application {
        1 => "driver".into(),
        n => format!("driver{n}"),
    }
}

/// Whether somebody compacts the table of a segment.
fn has_compactor(branch: &Branch) -> bool {
    FULL && branch.sink.kind == SinkKind::Hudi && branch.sink.hudi.compacts()
}

/// Everybody who takes part in a run of this scenario.
pub fn cast(scenario: &Scenario) -> Cast {
    let mut hosts = vec!["p1".to_string()];
    hosts.extend((1..=scenario.brokers.count).map(|n| format!("b{n}")));
    hosts.extend(["controller".to_string(), "store".to_string()]);
    let segments = segments(scenario);
    for (name, branch) in &segments {
        let prefix = if name.is_empty() {
            String::new()
        } else {
            format!("{name}.")
        };
        match branch.engine.kind {
            EngineKind::Spark => {
                let spark = &branch.engine.spark;
                for application in 1..=spark.applications {
                    hosts.push(format!("{prefix}{}", driver_name(application)));
                    let before = (application - 1) * spark.executors;
                    let executors = before + 1..=before + spark.executors;
                    hosts.extend(executors.map(|n| format!("{prefix}exec{n}")));
                }
                if has_compactor(branch) {
                    hosts.push(format!("{prefix}compactor"));
                }
            }
            EngineKind::Consumer => {
                let consumers = 1..=branch.engine.consumer.consumers;
                hosts.extend(consumers.map(|n| format!("{prefix}c{n}")));
                if branch.sink.kind == SinkKind::KafkaTopic {
                    hosts.push(format!("{prefix}reader"));
                }
            }
            EngineKind::Flink => {
                hosts.push(format!("{prefix}jm"));
                let task_managers = 1..=branch.engine.flink.parallelism;
                hosts.extend(task_managers.map(|n| format!("{prefix}tm{n}")));
                if branch.sink.kind == SinkKind::KafkaTopic {
                    hosts.push(format!("{prefix}reader"));
                }
            }
        }
    }
    // Behind all others, so that one instance more moves nobody.
    hosts.extend((2..=instances(scenario)).map(|n| format!("p{n}")));
    Cast {
        hosts,
        segments: segments.into_iter().map(|(name, _)| name).collect(),
        faults: scenario.faults.keys().cloned().collect(),
        topic: scenario.topic.name.clone(),
    }
}

/// How many instances of the producing application there are.
fn instances(scenario: &Scenario) -> u8 {
    if FULL { scenario.producer.instances } else { 1 }
}

/// They, in the order of their names.
fn producers(scenario: &Scenario) -> Vec<HostId> {
    let others = instances(scenario) - 1;
    let hosts = if others == 0 {
        0
    } else {
        cast(scenario).hosts.len() as u8
    };
    std::iter::once(PRODUCER)
        .chain((hosts - others..hosts).map(HostId))
        .collect()
}

/// Replicas in assignment order: the leaders go round the brokers.
pub fn assignment(scenario: &Scenario) -> Vec<PartitionState> {
    let brokers = u16::from(scenario.brokers.count);
    let of = |partition: u16| {
        let replica = |n: u8| HostId(1 + ((partition + u16::from(n)) % brokers) as u8);
        let replicas: Vec<HostId> = (0..scenario.topic.replication_factor)
            .map(replica)
            .collect();
        PartitionState {
            partition: PartitionId(partition),
            leader: replicas.first().copied(),
            epoch: 0,
            isr: replicas.clone(),
            replicas,
        }
    };
    (0..scenario.topic.partitions).map(of).collect()
}

/// What goes on for a while, in words.
fn remark(what: &str, until: Time) -> Fact {
    let text = format!("{what} until {until}");
    Fact::Noted { text }
}

/// The partitions that coordinators need, if anybody needs a coordinator.
fn internal(scenario: &Scenario) -> Option<Internal> {
    let consumes = |(_, branch): &(String, Branch)| branch.engine.kind == EngineKind::Consumer;
    let writes = |(_, branch): &(String, Branch)| branch.sink.kind == SinkKind::KafkaTopic;
    let transactional = scenario.producer.transactional_id.is_some();
    let segments = segments(scenario);
    let needed = transactional || segments.iter().any(consumes) || segments.iter().any(writes);
    (FULL && needed).then(|| {
        let mut internal = Internal::behind(scenario.topic.partitions);
        let inputs = Tiers::of(scenario).inputs;
        internal
            .inputs
            .iter_mut()
            .zip(inputs)
            .for_each(|(to, from)| *to = from);
        internal
    })
}

/// Those of the topic and behind them those of the coordinators, on up to three brokers each
/// (`offsets.topic.replication.factor`).
fn all_partitions(scenario: &Scenario) -> Vec<PartitionState> {
    let mut states = assignment(scenario);
    let brokers = u16::from(scenario.brokers.count);
    let Some(internal) = internal(scenario) else {
        return states;
    };
    let topics = Tiers::of(scenario).outputs.into_iter().flatten().count() as u16;
    let outputs = internal.first_output()..internal.first_output() + topics * internal.partitions();
    let own = [internal.groups, internal.transactions].map(|p| (p, brokers.min(3)));
    let copies = u16::from(scenario.topic.replication_factor);
    let output = |n: u16| (PartitionId(n), copies);
    for (partition, copies) in own.into_iter().chain(outputs.map(output)) {
        let replica = |n: u16| HostId(1 + ((partition.0 + n) % brokers) as u8);
        let replicas: Vec<HostId> = (0..copies).map(replica).collect();
        states.push(PartitionState {
            partition,
            leader: replicas.first().copied(),
            epoch: 0,
            isr: replicas.clone(),
            replicas,
        });
    }
    states
}

/// The partition that a customer's orders go to.
pub fn partition_of_customer(scenario: &Scenario, customer: u32) -> PartitionId {
    partition_for(customer.to_string().as_bytes(), scenario.topic.partitions)
}

impl Simulation {
    /// # Panics
    ///
    /// Panics if the scenario was not accepted by [`Scenario::from_value`]; every scenario that was runs.
    pub fn new(scenario: &Scenario, keep: Keep) -> Self {
        let cast = cast(scenario);
        let faults = scenario
            .faults
            .iter()
            .map(|(name, spec)| spec.lower(name, &cast).expect("the scenario was validated"));
        let script = Script::new(faults.collect(), cast.hosts.len());
        let network = Network::new(
            Span::from_micros(scenario.network.min_us),
            Span::from_micros(scenario.network.mean_extra_us),
        );
        let kernel = Kernel {
            now: Time::ZERO,
            seed: scenario.seed,
            agenda: Agenda::default(),
            network,
            recorder: Recorder::new(cast.clone(), keep),
            incarnations: vec![0; cast.hosts.len()],
            #[cfg(not(feature = "lean"))]
            wire: (keep == Keep::Wire).then(Box::default),
        };
        let nodes = nodes(scenario, &cast);
        let store = cast.find("store").expect("the cast has a store");
        let hosts = nodes.len();
        let ledgers = (0..cast.segments.len())
            .map(|index| Ledger::new(terms(scenario, SegmentId(index as u8))))
            .collect();
        let mut simulation = Simulation {
            scenario: Rc::new(scenario.clone()),
            kernel,
            nodes,
            producers: producers(scenario),
            script,
            ledgers,
            segments: cast.segments,
            times: Vec::new(),
            tally: Vec::new(),
            keep,
            held: Vec::new(),
            withheld: Vec::new(),
            till: Till::default(),
            handed: OrdMap::new(),
            store,
            arrived: 0,
            last_fact: Time::ZERO,
            last_appender: HostId(1),
            coordinator: HostId(1),
            restarting: 0,
            stopping: Vec::new(),
            paused: vec![Time::ZERO; hosts],
            disturbed_until: Time::ZERO,
            events: 0,
            ended: None,
            #[cfg(not(feature = "lean"))]
            watched: None,
        };
        for index in 0..simulation.nodes.len() {
            let host = HostId(index as u8);
            match simulation.starts_at(host) {
                Time::ZERO => simulation.boot(host, None),
                later => {
                    simulation.restarting += 1;
                    simulation
                        .kernel
                        .agenda
                        .insert(later, None, What::Restart(host));
                }
            }
        }
        for (at, fault) in simulation.script.timed() {
            simulation
                .kernel
                .agenda
                .insert(at, None, What::Fault(fault));
        }
        simulation.expect_order(1);
        simulation.settle();
        simulation
    }

    /// The run of a scenario, from start to end.
    pub fn run(scenario: &Scenario, keep: Keep) -> Run {
        let mut simulation = Simulation::new(scenario, keep);
        while simulation.step() {}
        simulation.finish()
    }

    pub fn now(&self) -> Time {
        self.kernel.now
    }

    pub fn events(&self) -> u64 {
        self.events
    }

    /// The totals of the main segment as they stand.
    pub fn counters(&self) -> Counters {
        self.ledgers[0].counters()
    }

    /// The ledger of the main segment.
    pub fn ledger(&self) -> &Ledger {
        &self.ledgers[0]
    }

    /// The ledgers of all segments: the main one, then those of the branches in the order of their names.
    pub fn ledgers(&self) -> &[Ledger] {
        &self.ledgers
    }

    /// Handles the earliest event; false once the run has ended.
    pub fn step(&mut self) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let horizon = Time::from_ms(self.scenario.limits.horizon_ms);
        match self.kernel.agenda.pop() {
            None => self.ended = Some(Ended::Drained),
            Some(event) if event.at > horizon => {
                self.kernel.now = horizon;
                self.ended = Some(Ended::Horizon);
            }
            Some(event) => {
                self.kernel.now = event.at;
                self.events += 1;
                self.handle(event);
                self.settle();
                if self.is_drained() {
                    self.ended = Some(Ended::Drained);
                } else if self.events >= self.scenario.limits.events {
                    self.ended = Some(Ended::EventLimit);
                }
            }
        }
        self.ended.is_none()
    }

    /// What has gone over the network, of a run that keeps it.
    #[cfg(not(feature = "lean"))]
    pub fn take_wire(&mut self) -> Wire {
        self.kernel
            .wire
            .take()
            .map_or_else(Wire::default, |wire| *wire)
    }

    /// Closes the books of a run that has ended.
    pub fn finish(self) -> Run {
        let times = self.times;
        let at = |fact: FactId| times[fact.0 as usize];
        let tiers = Tiers::of(&self.scenario);
        let mut closed: OrdMap<usize, Closed> = OrdMap::new();
        let mut ledgers: Vec<Option<Ledger>> = self.ledgers.into_iter().map(Some).collect();
        for segment in tiers.order() {
            let ledger = ledgers[segment].take().expect("each is closed once");
            let before = tiers.before[segment].and_then(|before| closed.get(&before));
            let books = ledger.close(before, at);
            closed.insert(segment, books);
        }
        let end = |segment: usize| (self.segments[segment].clone(), &closed[&segment]);
        let end_to_end = EndToEnd::of(tiers.ends().map(end));
        let main = closed.remove(&0).expect("the main segment has a ledger");
        let mut branches = OrdMap::new();
        let mut branch_outcomes = OrdMap::new();
        for (segment, books) in closed {
            let name = &self.segments[segment];
            branches.insert(name.clone(), books.verdict);
            branch_outcomes.insert(name.clone(), books.outcomes);
        }
        Run {
            digest: self.kernel.recorder.digest(),
            verdict: main.verdict,
            branches,
            end_to_end,
            outcomes: main.outcomes,
            branch_outcomes,
            tally: self.tally,
            ended: self.ended.unwrap_or(Ended::EventLimit),
            end: self.last_fact,
            events: self.events,
            trace: self.kernel.recorder.into_trace(),
        }
    }

    fn handle(&mut self, event: Event) {
        if let Some(at) = self.held_until(&event.what) {
            self.kernel.agenda.postpone(event, at);
            return;
        }
        match event.what {
            What::Deliver {
                from,
                to,
                epoch,
                message,
            } => {
                if self.kernel.network.epoch(from, to) != epoch {
                    return;
                }
                let alive = self.nodes[usize::from(to.0)].is_alive();
                #[cfg(not(feature = "lean"))]
                if let Some(wire) = &mut self.kernel.wire {
                    let fate = if alive { Fate::Arrived } else { Fate::Refused };
                    wire.over(event.order, fate(self.kernel.now));
                }
                if alive {
                    self.deliver(from, to, message, event.cause);
                } else if !matches!(message, Message::Disconnected) {
                    // Nobody listens there: the connection is refused.
                    self.kernel.reset(from, to, event.cause);
                }
            }
            What::Wake {
                host,
                incarnation,
                message,
            } => {
                let current = self.kernel.incarnations[usize::from(host.0)] == incarnation;
                if current && self.nodes[usize::from(host.0)].is_alive() {
                    self.deliver(host, host, message, event.cause);
                }
            }
            What::Arrival(n) => {
                self.expect_order(n + 1);
                self.arrived = n;
                if !self.withhold(n) {
                    self.hand_over(n, None);
                }
            }
            What::Fault(id) => self.strike(id, None, None),
            What::Restart(host) => {
                self.restarting -= 1;
                self.boot(host, event.cause);
                self.hand_over_held(host);
            }
            What::Resume(host) => self.hand_over_held(host),
        }
    }

    /// Until when an event must wait: nothing reaches a process that stands still, or passes a link that is split.
    fn held_until(&self, what: &What) -> Option<Time> {
        let now = self.kernel.now;
        let network = &self.kernel.network;
        let (host, back) = match what {
            What::Deliver {
                from, to, epoch, ..
            } if network.epoch(*from, *to) == *epoch => (to, network.split_until(*from, *to, now)),
            What::Wake { host, .. } => (host, None),
            _ => return None,
        };
        let paused = self.paused[usize::from(host.0)];
        back.max(Some(paused)).filter(|&until| until > now)
    }

    /// Orders that happened while the producer could not take them.
    fn hand_over_held(&mut self, host: HostId) {
        if self.producers.contains(&host) {
            for (n, record) in std::mem::take(&mut self.held) {
                if self.taker(n) == host {
                    self.hand_over(n, record);
                } else {
                    self.held.push((n, record));
                }
            }
        }
    }

    /// A host is about to take a step: the faults strike that wait for it.
    fn begin_step(&mut self, from: HostId, to: HostId, message: &Message) {
        let strikes = self.script.before_step(to);
        #[cfg(not(feature = "lean"))]
        self.watch(from, to, message);
        #[cfg(feature = "lean")]
        let _ = (from, message);
        for fault in strikes {
            self.strike(fault, None, None);
        }
    }

    fn deliver(&mut self, from: HostId, to: HostId, message: Message, cause: Option<FactId>) {
        self.begin_step(from, to, &message);
        if let Message::Kafka(kafka::protocol::Message::HandleProduce { client }) = &message {
            let epoch = self.kernel.network.epoch(*client, to);
            for fault in self.script.before_request(to) {
                self.strike(fault, None, Some(to));
            }
            // A connection that broke before the request was read takes it along; so does the broker's death.
            let broken = self.kernel.network.epoch(*client, to) != epoch;
            if broken || !self.nodes[usize::from(to.0)].is_alive() {
                return;
            }
        }
        self.take_step(from, to, message, cause);
    }

    fn take_step(&mut self, from: HostId, to: HostId, message: Message, cause: Option<FactId>) {
        let mut cx = self.kernel.context(to, cause);
        self.nodes[usize::from(to.0)].handle(from, message, &mut cx);
        for fault in self.script.after_step(to) {
            self.strike(fault, None, None);
        }
    }

    fn boot(&mut self, host: HostId, cause: Option<FactId>) {
        let incarnation = &mut self.kernel.incarnations[usize::from(host.0)];
        *incarnation += 1;
        let again = *incarnation > 1;
        let mut cx = self.kernel.context(host, cause);
        if again {
            cx.note(Fact::Restarted);
        }
        self.nodes[usize::from(host.0)].boot(&mut cx);
    }

    /// Puts the next order on the agenda: one gap after the one before it.
    fn expect_order(&mut self, n: u32) {
        if n <= self.scenario.workload.orders {
            let gap = workload::gap(&self.scenario.workload, self.scenario.seed, n);
            self.kernel
                .agenda
                .insert(self.kernel.now + gap, None, What::Arrival(n));
        }
    }

    /// The instance that takes the nth order: they have their turns, of so many orders each.
    fn taker(&self, n: u32) -> HostId {
        let turn = (n - 1) / self.scenario.producer.deal;
        self.producers[turn as usize % self.producers.len()]
    }

    /// Each further instance is started later than the one before it.
    fn starts_at(&self, host: HostId) -> Time {
        let instance = self.producers.iter().position(|&other| other == host);
        Time::from_ms(instance.unwrap_or(0) as u64 * self.scenario.producer.stagger_ms)
    }

    /// Whether the source keeps order `n` back, which happens now.
    fn withhold(&mut self, n: u32) -> bool {
        if !FULL || self.withheld.is_empty() {
            return false;
        }
        let (now, producer) = (self.kernel.now, self.taker(n));
        let (workload, seed) = (&self.scenario.workload, self.scenario.seed);
        let customer = self.till.key(workload, seed, n, now).0;
        let partition = partition_of_customer(&self.scenario, customer);
        let concerns = |withheld: &&mut Withheld| {
            withheld.producer == producer && withheld.partition.is_none_or(|it| it == partition)
        };
        let Some(withheld) = self.withheld.iter_mut().find(concerns) else {
            return false;
        };
        let record = self.till.event(workload, seed, n, now);
        withheld.orders.push((n, now, record));
        true
    }

    /// The source hands over what it kept back.
    fn release(&mut self, withheld: Withheld) {
        for (n, since, mut record) in withheld.orders {
            if withheld.happens == Happens::Later {
                let waited = self.kernel.now.ms() - since.ms();
                self.till.postpone(&mut record, waited as i64);
            }
            self.hand_over(n, Some(record));
        }
    }

    /// The till hands an order over, or holds it back while nobody takes it.
    fn hand_over(&mut self, n: u32, record: Option<workload::Record>) {
        let producer = self.taker(n);
        if !self.takes_orders(producer) {
            self.held.push((n, record));
            return;
        }
        let now = self.kernel.now;
        let (workload, seed) = (&self.scenario.workload, self.scenario.seed);
        let made = record.clone();
        let record = record.unwrap_or_else(|| self.till.event(workload, seed, n, now));
        let emitted = Fact::Emitted {
            origin: record.origin,
            customer: record.key.0,
            order_id: record.value.order_id,
            amount: record.value.amount,
            event_time: record.event_time,
        };
        let version = record.value.version;
        let changed = (version.seq > 0).then_some(Fact::Changed {
            origin: record.origin,
            order_id: record.value.order_id,
            version,
        });
        let replays = |fault: &fault::FaultSpec| fault.name == "source.replay";
        let kept = (FULL && self.scenario.faults.values().any(replays)).then(|| record.clone());
        let message = Message::Order(record);
        self.begin_step(producer, producer, &message);
        // Who dies in this moment has not taken it.
        if !self.takes_orders(producer) {
            self.held.push((n, made));
            return;
        }
        // Only from here on can it be replayed: a replay that struck just now left it out.
        self.handed.extend(kept.map(|record| (n, record)));
        let mut cx = self.kernel.context(producer, None);
        cx.note(emitted);
        if let Some(changed) = changed {
            cx.note(changed);
        }
        let cause = cx.cause();
        self.take_step(producer, producer, message, cause);
    }

    /// Whether this instance is up and not standing still.
    fn takes_orders(&self, producer: HostId) -> bool {
        let place = usize::from(producer.0);
        self.nodes[place].is_alive() && self.paused[place] <= self.kernel.now
    }

    /// Folds the new facts into the ledgers and lets the faults strike that wait for them.
    fn settle(&mut self) {
        loop {
            let mut fresh = self.kernel.recorder.take_fresh();
            if fresh.is_empty() {
                return;
            }
            let mut struck: Vec<(FaultId, TraceEvent)> = Vec::new();
            for (id, event) in fresh.drain(..) {
                self.times.push(event.at);
                if !self.is_housekeeping(&event) {
                    self.last_fact = event.at;
                }
                if matches!(event.fact, Fact::BatchAppended { .. }) {
                    self.last_appender = event.host;
                }
                if let Fact::LeaderElected { partition, .. } = event.fact
                    && Some(partition) == self.coordinates()
                {
                    self.coordinator = event.host;
                }
                for ledger in &mut self.ledgers {
                    ledger.fold(id, &event);
                }
                if self.keep == Keep::Trace {
                    let counters = self.counters();
                    let before = self
                        .tally
                        .last()
                        .map_or_else(Counters::default, |&(_, counters)| counters);
                    if counters != before {
                        self.tally.push((id, counters));
                    }
                }
                let faults = self.script.after_fact(self.scenario.seed, &event);
                struck.extend(faults.into_iter().map(|fault| (fault, event.clone())));
            }
            self.kernel.recorder.give_back(fresh);
            for (fault, event) in struck {
                self.strike(fault, Some(&event), None);
            }
        }
    }

    /// What a job with checkpoints does for ever, with or without records.
    fn is_housekeeping(&self, event: &TraceEvent) -> bool {
        let repeats = match &event.fact {
            Fact::CheckpointTriggered { .. }
            | Fact::BarrierSent { .. }
            | Fact::BarrierArrived { .. }
            | Fact::SnapshotTaken { .. }
            | Fact::CheckpointAcknowledged { .. }
            | Fact::CheckpointCompleted { .. } => true,
            // A transactional sink takes a new id at every checkpoint.
            Fact::ProducerIdAssigned { .. } | Fact::TransactionBegan { .. } => {
                let node = &self.nodes[usize::from(event.host.0)];
                node.is_task_manager()
            }
            _ => false,
        };
        FULL && repeats
    }

    // ---- faults ------------------------------------------------------------------------------------------------

    /// Lets a fault strike: because of a fact, or before a request that a broker is about to work on.
    fn strike(&mut self, id: FaultId, after: Option<&TraceEvent>, broker: Option<HostId>) {
        let fault = self.script.fault(id).clone();
        let injected = Fact::Injected { fault: id.0 };
        match fault.what {
            Action::Crash {
                place,
                loses,
                restart_after,
            } => {
                let Place::Host(host) = self.resolve(place, broker) else {
                    return;
                };
                if self.nodes[usize::from(host.0)].is_alive() {
                    let mut cx = self.kernel.context(host, None);
                    cx.note(injected);
                    cx.note(Fact::Crashed { loses });
                    let cause = cx.cause();
                    self.crash(host, loses, restart_after, cause);
                }
            }
            Action::Reset { place } => {
                let (a, b) = match place {
                    Place::Link(a, b) => (a, b),
                    Place::LinkToAny(a) => (a, broker.unwrap_or_else(|| self.other_end(a, after))),
                    Place::Host(_) | Place::Leader | Place::Coordinator => return,
                };
                let mut cx = self.kernel.context(a, None);
                cx.note(injected);
                let cause = cx.cause();
                self.kernel.reset(a, b, cause);
            }
            Action::Split { place, during } => {
                let until = self.kernel.now + during;
                for (a, b) in self.links(place) {
                    self.kernel.network.split(a, b, until);
                }
                self.disturb(place, until, injected, remark("the link is split", until));
            }
            Action::Delay { place, by, during } => {
                let until = self.kernel.now + during;
                for (a, b) in self.links(place) {
                    self.kernel.network.slow_down(a, b, until, by);
                }
                self.disturb(place, until, injected, remark("the link is slow", until));
            }
            Action::Pause { place, during } => {
                let place = self.resolve(place, broker);
                let Place::Host(host) = place else { return };
                let until = self.kernel.now + during;
                let paused = &mut self.paused[usize::from(host.0)];
                *paused = until.max(*paused);
                self.kernel.agenda.insert(until, None, What::Resume(host));
                self.disturb(place, until, injected, Fact::Paused { during });
            }
            Action::Slow { place, by, during } => {
                let place = self.resolve(place, broker);
                let Place::Host(host) = place else { return };
                let until = self.kernel.now + during;
                let cause = self.disturb(
                    place,
                    until,
                    injected,
                    remark("the broker copies slowly", until),
                );
                let message = kafka::protocol::Message::Slow { by, until };
                self.tell(host, message, cause);
            }
            Action::Treat {
                place,
                treatment,
                times,
            } => {
                let place = match place {
                    Place::Host(_) | Place::Leader | Place::Coordinator => {
                        self.resolve(place, broker)
                    }
                    Place::Link(_, host) => Place::Host(host),
                    Place::LinkToAny(_) => self.resolve(Place::Leader, broker),
                };
                let Place::Host(host) = place else { return };
                let mut cx = self.kernel.context(host, None);
                cx.note(injected);
                let cause = cx.cause();
                let message = kafka::protocol::Message::Treat { treatment, times };
                self.tell(host, message, cause);
            }
            Action::Stop {
                place,
                restart_after,
            } if FULL => {
                let stopping = self.stopping.iter().position(|&(other, _)| other == id);
                if let Some(index) = stopping {
                    let (_, host) = self.stopping.remove(index);
                    if self.nodes[usize::from(host.0)].is_alive() {
                        let loses = kernel::Loses::Memory;
                        let mut cx = self.kernel.context(host, None);
                        cx.note(Fact::Crashed { loses });
                        let cause = cx.cause();
                        self.crash(host, loses, restart_after, cause);
                    }
                    return;
                }
                let Place::Host(host) = self.resolve(place, broker) else {
                    return;
                };
                if self.nodes[usize::from(host.0)].is_alive() {
                    let mut cx = self.kernel.context(host, None);
                    cx.note(injected);
                    let cause = cx.cause();
                    self.tell(host, kafka::protocol::Message::ShutDown, cause);
                    self.stopping.push((id, host));
                    let down = self.kernel.now + STOPPING;
                    self.kernel.agenda.insert(down, cause, What::Fault(id));
                }
            }
            Action::GiveUp { place } if FULL => {
                let Place::Host(host) = self.resolve(place, None) else {
                    return;
                };
                let mut cx = self.kernel.context(host, None);
                cx.note(injected);
                let cause = cx.cause();
                self.deliver(host, host, Message::GiveUp, cause);
            }
            Action::Close {
                place,
                restart_after,
            } if FULL => {
                let Place::Host(host) = self.resolve(place, None) else {
                    return;
                };
                let mut cx = self.kernel.context(host, None);
                cx.note(injected);
                let cause = cx.cause();
                let close = engines::consumer::Message::Close { restart_after };
                self.deliver(host, host, Message::Consumer(close), cause);
            }
            #[cfg(not(feature = "lean"))]
            Action::Throw { place } => {
                let Place::Host(host) = self.resolve(place, None) else {
                    return;
                };
                let mut cx = self.kernel.context(host, None);
                cx.note(injected);
                let cause = cx.cause();
                if self.nodes[usize::from(host.0)].is_alive() {
                    let throw = engines::flink::Message::Throw;
                    self.deliver(host, host, Message::Flink(throw), cause);
                }
            }
            #[cfg(feature = "lean")]
            Action::Throw { .. } => {}
            Action::Replay { place, first, last } if FULL => {
                let Place::Host(producer) = self.resolve(place, None) else {
                    return;
                };
                self.replay(producer, first, last, injected);
            }
            Action::Withhold {
                place,
                partition,
                during,
                happens,
            } if FULL => {
                if let Some(place) = self.withheld.iter().position(|it| it.fault == id) {
                    // Its second coming is its end.
                    if self.withheld[place].until <= self.kernel.now {
                        let withheld = self.withheld.remove(place);
                        self.release(withheld);
                    }
                    return;
                }
                let Place::Host(producer) = self.resolve(place, None) else {
                    return;
                };
                let until = self.kernel.now + during;
                let what = match happens {
                    Happens::Then => "what happens is handed over late,",
                    Happens::Later => "nothing happens on a partition,",
                };
                self.disturb(place, until, injected, remark(what, until));
                self.withheld.push(Withheld {
                    fault: id,
                    producer,
                    partition,
                    until,
                    happens,
                    orders: Vec::new(),
                });
                self.kernel.agenda.insert(until, None, What::Fault(id));
            }
            Action::Damage {
                place,
                what,
                restart_after,
            } if FULL => {
                let Place::Host(host) = self.resolve(place, None) else {
                    return;
                };
                let mut cx = self.kernel.context(host, None);
                cx.note(injected);
                let cause = cx.cause();
                // Whoever deletes has stopped the query first, and starts it again.
                if self.nodes[usize::from(host.0)].is_alive() {
                    let loses = kernel::Loses::Memory;
                    self.kernel
                        .context(host, cause)
                        .note(Fact::Crashed { loses });
                    self.crash(host, loses, restart_after, cause);
                }
                let cast = cast(&self.scenario);
                let store = cast.find("store").expect("every run has a store");
                let segment = fault::segment_of(cast.host(host), &cast);
                let message = Message::Store(store::Message::Damage { segment, what });
                let mut cx = self.kernel.context(store, cause);
                self.nodes[usize::from(store.0)].handle(host, message, &mut cx);
            }
            Action::Refuse {
                place,
                times,
                after_commit,
            } if FULL => {
                let Place::Host(by) = self.resolve(place, None) else {
                    return;
                };
                let mut cx = self.kernel.context(by, None);
                cx.note(injected);
                let cause = cx.cause();
                let refusal = store::Refusal {
                    by,
                    times,
                    after_commit,
                };
                self.tell(self.store, store::Message::Refuse(refusal), cause);
            }
            Action::GiveUp { .. }
            | Action::Close { .. }
            | Action::Stop { .. }
            | Action::Refuse { .. }
            | Action::Damage { .. }
            | Action::Withhold { .. }
            | Action::Replay { .. } => {}
        }
    }

    /// The source hands events over once more, as they were; what has not happened yet is left out.
    fn replay(&mut self, producer: HostId, first: u32, last: u32, injected: Fact) {
        let events = (first..=last).filter_map(|n| self.handed.get(&n).cloned());
        let records: Vec<workload::Record> = events.collect();
        let mut cx = self.kernel.context(producer, None);
        cx.note(injected);
        cx.note(Fact::Resent {
            origins: records.iter().map(|record| record.origin).collect(),
        });
        let cause = cx.cause();
        if self.nodes[usize::from(producer.0)].is_alive() {
            for record in records {
                self.deliver(producer, producer, Message::Order(record), cause);
            }
        }
    }

    /// Tells a host how it misbehaves from now on; that is no step of its own.
    fn tell(&mut self, host: HostId, message: impl Into<Message>, cause: Option<FactId>) {
        let mut cx = self.kernel.context(host, cause);
        self.nodes[usize::from(host.0)].handle(host, message.into(), &mut cx);
    }

    /// Writes down a disturbance that lasts.
    fn disturb(&mut self, place: Place, until: Time, injected: Fact, what: Fact) -> Option<FactId> {
        self.disturbed_until = until.max(self.disturbed_until);
        let host = match place {
            Place::Host(host) | Place::Link(host, _) | Place::LinkToAny(host) => host,
            Place::Leader => self.last_appender,
            Place::Coordinator => self.coordinator,
        };
        let mut cx = self.kernel.context(host, None);
        cx.note(injected);
        Some(cx.note(what))
    }

    /// The links of a place; `*` stands for all brokers and the controller.
    fn links(&self, place: Place) -> Vec<(HostId, HostId)> {
        match place {
            Place::Link(a, b) => vec![(a, b)],
            Place::LinkToAny(a) => (1..=self.scenario.brokers.count + 1)
                .map(HostId)
                .filter(|&b| b != a)
                .map(|b| (a, b))
                .collect(),
            Place::Host(_) | Place::Leader | Place::Coordinator => Vec::new(),
        }
    }

    /// The partition whose leader is meant by `coordinator`.
    fn coordinates(&self) -> Option<PartitionId> {
        let internal = internal(&self.scenario)?;
        let consumes = |(_, branch): &(String, Branch)| branch.engine.kind == EngineKind::Consumer;
        let groups = segments(&self.scenario).iter().any(consumes);
        Some(if groups {
            internal.groups
        } else {
            internal.transactions
        })
    }

    fn resolve(&self, place: Place, broker: Option<HostId>) -> Place {
        match place {
            Place::Leader => Place::Host(broker.unwrap_or(self.last_appender)),
            Place::Coordinator => Place::Host(self.coordinator),
            place => place,
        }
    }

    /// The broker that the triggering fact is about; without one, the leader that appended last.
    fn other_end(&self, a: HostId, after: Option<&TraceEvent>) -> HostId {
        match after {
            Some(TraceEvent {
                fact: Fact::BatchSent { to, .. },
                ..
            }) => *to,
            Some(event) if event.host != a => event.host,
            _ => self.last_appender,
        }
    }

    fn crash(
        &mut self,
        host: HostId,
        loses: kernel::Loses,
        restart_after: Span,
        cause: Option<FactId>,
    ) {
        self.nodes[usize::from(host.0)].crash(loses);
        self.paused[usize::from(host.0)] = Time::ZERO;
        for peer in self.kernel.network.peers(host) {
            self.kernel.reset(host, peer, cause);
        }
        self.restarting += 1;
        self.kernel
            .agenda
            .insert(self.kernel.now + restart_after, cause, What::Restart(host));
    }

    // ---- the end -----------------------------------------------------------------------------------------------

    /// Whether nothing more would happen: every order is handed over, everybody is up and idle, and it has been quiet.
    fn is_drained(&self) -> bool {
        let quiet =
            self.kernel.now.since(self.last_fact) >= Span::from_ms(self.scenario.limits.settle_ms);
        let arrived = self.arrived == self.scenario.workload.orders && self.held.is_empty();
        let calm = self.kernel.now >= self.disturbed_until;
        quiet && arrived && calm && self.restarting == 0 && self.nodes.iter().all(Node::is_idle)
    }
}

impl Node {
    fn is_task_manager(&self) -> bool {
        #[cfg(not(feature = "lean"))]
        if let Node::TaskManager(_) = self {
            return true;
        }
        false
    }

    /// Whether the node has nothing to do unless somebody asks it.
    fn is_idle(&self) -> bool {
        match self {
            Node::Producer(host) => host
                .memory
                .as_ref()
                .is_none_or(kafka::producer::Memory::is_idle),
            Node::Driver(host) => host
                .memory
                .as_ref()
                .is_none_or(engines::spark::driver::Memory::is_idle),
            #[cfg(not(feature = "lean"))]
            Node::Transactional(host) => host
                .memory
                .as_ref()
                .is_none_or(kafka::transactional_producer::Memory::is_idle),
            #[cfg(not(feature = "lean"))]
            Node::Consumer(host) => host
                .memory
                .as_ref()
                .is_none_or(engines::consumer::app::Memory::is_idle),
            Node::Controller(host) => host
                .memory
                .as_ref()
                .is_none_or(kafka::controller::Memory::is_settled),
            Node::Broker(_) | Node::Store(_) | Node::Executor(_) => true,
            #[cfg(not(feature = "lean"))]
            Node::Reader(_) => true,
            #[cfg(not(feature = "lean"))]
            Node::JobManager(host) => host
                .memory
                .as_ref()
                .is_none_or(engines::flink::job_manager::Memory::is_idle),
            #[cfg(not(feature = "lean"))]
            Node::TaskManager(host) => host
                .memory
                .as_ref()
                .is_none_or(engines::flink::task_manager::Memory::is_idle),
            #[cfg(not(feature = "lean"))]
            Node::Compactor(host) => host
                .memory
                .as_ref()
                .is_none_or(sinks::hudi::compactor::Memory::is_idle),
        }
    }
}

fn nodes(scenario: &Scenario, cast: &Cast) -> Vec<Node> {
    let find = |name: &str| cast.find(name).expect("the cast has everybody");
    let initial = all_partitions(scenario);
    let internal = internal(scenario);
    let tiers = Tiers::of(scenario);
    let all_leaders: Vec<Option<HostId>> = initial.iter().map(|state| state.leader).collect();
    let leaders = all_leaders[..usize::from(scenario.topic.partitions)].to_vec();
    let brokers: Vec<HostId> = (1..=scenario.brokers.count).map(HostId).collect();
    let (controller, store) = (find("controller"), find("store"));
    let config = scenario.producer.clone();
    let partitions = scenario.topic.partitions;
    // Instances of the producing application, counted from 1; the last ones may write without transactions.
    let instance = |n: u8| match internal.filter(|_| config.is_transactional(n)) {
        #[cfg(feature = "lean")]
        Some(_) => unreachable!("nobody needs a coordinator"),
        None => Node::Producer(Box::new(Host::new(Producer {
            config: config.clone(),
            partitions,
            brokers: brokers.clone(),
            leaders: leaders.clone(),
        }))),
        #[cfg(not(feature = "lean"))]
        Some(internal) => Node::Transactional(Box::new(Host::new(TransactionalProducer {
            config: config.clone(),
            instance: n,
            version: scenario.brokers.transaction_version,
            partitions,
            brokers: brokers.clone(),
            leaders: all_leaders.clone(),
            internal,
        }))),
    };
    let mut nodes = vec![instance(1)];
    nodes.extend(brokers.iter().map(|_| {
        Node::Broker(Box::new(Host::new(Broker {
            config: scenario.brokers.clone(),
            topic: scenario.topic.clone(),
            controller,
            initial: initial.clone(),
            zero_ms: scenario.workload.zero_ms,
            internal,
        })))
    }));
    nodes.push(Node::Controller(Box::new(Host::new(Controller {
        config: scenario.brokers.clone(),
        topic: scenario.topic.clone(),
        initial,
        brokers: brokers.clone(),
    }))));
    nodes.push(Node::Store(Box::new(Host::new(Store {
        config: scenario.store.clone(),
    }))));
    for (index, (name, branch)) in segments(scenario).into_iter().enumerate() {
        let prefix = if name.is_empty() {
            String::new()
        } else {
            format!("{name}.")
        };
        let segment = SegmentId(index as u8);
        let input = tiers.inputs[index];
        let leaders = all_leaders[usize::from(input)..][..usize::from(partitions)].to_vec();
        #[cfg(not(feature = "lean"))]
        if let (EngineKind::Consumer, Some(internal)) = (branch.engine.kind, internal) {
            let config = branch.engine.consumer;
            let topic = &branch.sink.kafka_topic;
            let output_first = tiers.outputs[index];
            let output = (branch.sink.kind == SinkKind::KafkaTopic).then(|| Settings {
                id: (config.commit == Commit::Transaction).then(|| "worker".to_string()),
                timeout: Span::from_ms(topic.transaction_timeout_ms),
                version: scenario.brokers.transaction_version,
                linger: Span::ZERO,
                batch: (scenario.producer.batch_size() / workload::RECORD_BYTES).max(1) as usize,
                request_timeout: Span::from_ms(scenario.producer.request_timeout_ms()),
                delivery_timeout: Span::from_ms(scenario.producer.delivery_timeout_ms()),
                backoff: Span::from_ms(scenario.producer.retry_backoff_ms),
                brokers: brokers.clone(),
                internal,
            });
            nodes.extend((0..config.consumers).map(|_| {
                Node::Consumer(Box::new(Host::new(Consumer {
                    segment,
                    config: config.clone(),
                    sink: branch.sink.console.clone(),
                    store,
                    brokers: brokers.clone(),
                    leaders: all_leaders.clone(),
                    internal,
                    output: output.clone(),
                    output_first: output_first.unwrap_or_default(),
                })))
            }));
            if output.is_some() {
                let first = output_first.unwrap_or_default();
                let outputs = (first..first + partitions).map(PartitionId);
                nodes.push(Node::Reader(Box::new(Host::new(Reader {
                    segment,
                    isolation: topic.isolation,
                    partitions: outputs.collect(),
                    brokers: brokers.clone(),
                    leaders: all_leaders.clone(),
                }))));
            }
            continue;
        }
        #[cfg(not(feature = "lean"))]
        if branch.engine.kind == EngineKind::Flink {
            let config = branch.engine.flink;
            let topic = &branch.sink.kafka_topic;
            let exactly_once = config.delivery_guarantee == DeliveryGuarantee::ExactlyOnce;
            let output = internal.zip(tiers.outputs[index]);
            let target = match output {
                None if branch.sink.kind == SinkKind::Hudi => {
                    Target::Hudi(branch.sink.hudi.clone())
                }
                None => Target::Console(branch.sink.console.clone()),
                Some((internal, _)) => Target::Kafka(Settings {
                    id: exactly_once.then(String::new),
                    timeout: Span::from_ms(config.transaction_timeout_ms),
                    version: scenario.brokers.transaction_version,
                    linger: Span::ZERO,
                    batch: (scenario.producer.batch_size() / workload::RECORD_BYTES).max(1)
                        as usize,
                    request_timeout: Span::from_ms(scenario.producer.request_timeout_ms()),
                    delivery_timeout: Span::from_ms(scenario.producer.delivery_timeout_ms()),
                    backoff: Span::from_ms(scenario.producer.retry_backoff_ms),
                    brokers: brokers.clone(),
                    internal,
                }),
            };
            let job_manager = find(&format!("{prefix}jm"));
            let task_managers: Vec<HostId> = (1..=config.parallelism)
                .map(|n| HostId(job_manager.0 + n))
                .collect();
            nodes.push(Node::JobManager(Box::new(Host::new(JobManager {
                segment,
                config: config.clone(),
                store,
                task_managers: task_managers.clone(),
            }))));
            nodes.extend((0..config.parallelism).map(|index| {
                Node::TaskManager(Box::new(Host::new(TaskManager {
                    segment,
                    config: config.clone(),
                    index,
                    partitions,
                    input,
                    output: output.map_or(0, |(_, first)| first),
                    job_manager,
                    peers: task_managers.clone(),
                    store,
                    brokers: brokers.clone(),
                    leaders: all_leaders.clone(),
                    target: target.clone(),
                })))
            }));
            if let Some((_, first)) = output {
                let outputs = (first..first + partitions).map(PartitionId);
                nodes.push(Node::Reader(Box::new(Host::new(Reader {
                    segment,
                    isolation: topic.isolation,
                    partitions: outputs.collect(),
                    brokers: brokers.clone(),
                    leaders: all_leaders.clone(),
                }))));
            }
            continue;
        }
        #[cfg(not(feature = "lean"))]
        let compacts = has_compactor(&branch);
        let config = branch.engine.spark;
        let sink = branch.sink.hudi;
        let database =
            (FULL && branch.sink.kind == SinkKind::Database).then_some(branch.sink.database);
        for application in 1..=config.applications {
            let driver = find(&format!("{prefix}{}", driver_name(application)));
            let executors: Vec<HostId> = (1..=config.executors)
                .map(|n| HostId(driver.0 + n))
                .collect();
            nodes.push(Node::Driver(Box::new(Host::new(Driver {
                segment,
                is_first: application == 1,
                config: config.clone(),
                sink: sink.clone(),
                database: database.clone(),
                store,
                executors: executors.clone(),
                brokers: brokers.clone(),
                leaders: leaders.clone(),
                input,
                compactor: cast.find(&format!("{prefix}compactor")),
            }))));
            nodes.extend(executors.iter().map(|_| {
                let executor = Executor {
                    segment,
                    config: config.clone(),
                    sink: sink.clone(),
                    driver,
                    store,
                    brokers: brokers.clone(),
                    leaders: leaders.clone(),
                    input,
                };
                Node::Executor(Box::new(Host::new(executor)))
            }));
        }
        #[cfg(not(feature = "lean"))]
        if compacts {
            nodes.push(Node::Compactor(Box::new(Host::new(Compactor {
                segment,
                config: sink,
                store,
            }))));
        }
    }
    nodes.extend((2..=instances(scenario)).map(instance));
    nodes
}
