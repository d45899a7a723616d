//! Every crash point of a scenario: each host dies before each of its steps, each acknowledgement is lost, and each of these
//! branches runs to rest.
//!
//! A crash takes what the host has in memory and what it has on the wire. The first changes at its own steps only, and a
//! handler is atomic; the second also whenever something that it sent arrives. So the moments before each of its steps and
//! right after each such arrival are a complete list of the moments at which a crash of it makes a difference.
//! A branch is a fork of the running simulation with one fault put into its script, so it goes on exactly as the patch of
//! its counterexample does from the start.
//!
//! Two points of a host are one if between them no fact was noted and nothing that the host had sent arrived anywhere: all
//! that it did in between lay in its memory or on the wire, and goes with it. Such points are run once and counted each.
//! A loss of power is never merged, because what is written out of the page cache leaves no fact.

use super::fork::Step;
use super::gauntlet::Trial;
use super::{Fates, Guarantee, Tally, Work, advance_run, fates};
use crate::sim::fault::{Action, Fault, FaultId, FaultSpec, MENU, Matching, Trigger};
use crate::sim::kernel::{HostId, Loses, Time};
use crate::sim::ordered::OrdMap;
use crate::sim::trace::{Cast, Trace};
use crate::sim::{Keep, Patch, Scenario, ScenarioError, Simulation, cast, suggest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What an exploration tries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reach {
    /// Names of the fault menu. Empty: each host that a fault can crash, with its disk kept, and each acknowledgement of the
    /// producer.
    pub faults: Vec<String>,
    /// Names of hosts. Empty: all.
    pub hosts: Vec<String>,
    /// Names of hosts that are left alone.
    pub spared: Vec<String>,
    /// At most so many runs with two faults, spread evenly; the second of them is a crash.
    pub pairs: u32,
    /// Whether points that cannot differ are run once.
    pub merge: bool,
    /// Whether the producing application has an outbox: what nobody confirmed is sent again after its crash. Without one its
    /// crash is `producer.crash.forget`.
    pub outbox: bool,
    /// Whether the scenario's own faults strike too. Without them a counterexample is all that goes wrong.
    pub keep_faults: bool,
    /// Whether to keep every different verdict, and not only what became of the guarantees.
    pub verdicts: bool,
    /// Whether to stop once nothing is left to refute: the counts are then of the points tried so far.
    pub only_guarantees: bool,
    /// Only every nth run, from which one on: for several workers side by side, whose reports are put together with
    /// [`Report::join`].
    pub share: Option<(u32, u32)>,
}

impl Default for Reach {
    fn default() -> Self {
        Reach {
            faults: Vec::new(),
            hosts: Vec::new(),
            spared: Vec::new(),
            pairs: 0,
            merge: true,
            outbox: true,
            keep_faults: false,
            verdicts: false,
            only_guarantees: false,
            share: None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// All points, those included that are one with another.
    pub points: u32,
    /// How many of them were not run, because another stands for them.
    pub merged: u32,
    /// Whether every point was tried; not so if nothing was left to refute before.
    pub complete: bool,
    /// Runs with two faults, and how many there would be.
    pub pairs: u32,
    pub pairs_possible: u64,
    /// Runs whose time or events were up before they came to rest.
    pub unsettled: u32,
    /// Events handled in all runs together.
    pub events: u64,
    /// Hosts that no fault of the menu crashes.
    pub spared: Vec<String>,
    /// The main segment, then the branches in the order of their names.
    pub segments: Vec<Segment>,
    pub strip: Strip,
    /// Faults of the scenario that were left out.
    pub left_out: Vec<String>,
    /// Every different verdict, if they are kept.
    pub trials: Vec<Trial>,
}

/// One segment's part of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Empty for the main one.
    pub name: String,
    /// Without any further fault.
    pub calm: Fates,
    pub tally: Tally,
    pub pairs: Tally,
    /// For each guarantee that fell, the shortest script that refutes it: the fewest faults, then the earliest.
    pub counterexamples: Vec<Counterexample>,
}

/// A fault script that refutes a guarantee.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counterexample {
    pub guarantee: Guarantee,
    pub fates: Fates,
    /// Simulated time of the first fault; none if it needs no fault.
    pub at: Option<Time>,
    /// The step before which the last fault strikes.
    pub words: String,
    pub faults: OrdMap<String, FaultSpec>,
    /// Faults of the scenario that it does without.
    left_out: Vec<String>,
}

impl Counterexample {
    /// The patch that replays it on the explored scenario.
    pub fn patch(&self) -> Patch {
        script(&self.left_out, &self.faults)
    }
}

/// These faults instead of the scenario's own.
pub(super) fn script(left_out: &[String], faults: &OrdMap<String, FaultSpec>) -> Patch {
    let out = left_out.iter().map(|name| (name.clone(), Value::Null));
    let struck = faults.iter().map(|(name, spec)| {
        let mut value = serde_json::to_value(spec).expect("a fault is plain data");
        if let Value::Object(fields) = &mut value {
            fields.retain(|_, field| !field.is_null());
        }
        (name.clone(), value)
    });
    let faults: Map<String, Value> = out.chain(struck).collect();
    Patch::at(&["faults"], Value::Object(faults))
}

/// The outcome of a crash at each step, to be drawn as one row of cells a host on the axis of simulated time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Strip {
    /// When the run without a fault is at rest.
    pub end: Time,
    /// What steps are called; points have the index.
    pub words: Vec<String>,
    pub rows: Vec<StripRow>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StripRow {
    /// A host, or a link such as `p1>*`.
    pub place: String,
    pub fault: String,
    /// The kind of fact after which it strikes; empty if it strikes at steps.
    pub fact: String,
    pub points: Vec<StripPoint>,
}

impl StripRow {
    /// The fault that strikes at one of its cells.
    pub fn spec(&self, cell: usize, cast: &Cast) -> Option<FaultSpec> {
        let when = self.points.get(cell)?.when;
        Some(spec_of(&self.fault, &self.place, when, &self.fact, cast))
    }
}

fn spec_of(fault: &str, place: &str, when: Moment, fact: &str, cast: &Cast) -> FaultSpec {
    let mut spec = FaultSpec {
        name: fault.into(),
        place: Some(place.into()),
        ..FaultSpec::default()
    };
    match when {
        Moment::Step(nth) => spec.step = Some(nth),
        Moment::After(host, nth) => {
            spec.after_step = Some(OrdMap::from([(cast.host(host).into(), nth)]));
        }
        Moment::Fact(nth) => spec.after = Some(OrdMap::from([(fact.into(), nth)])),
    }
    spec
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StripPoint {
    pub at: Time,
    pub when: Moment,
    pub words: u16,
    /// One with the cell before it.
    pub merged: bool,
    /// Index: segment.
    pub fates: Vec<Fates>,
}

/// When exactly a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before the nth step of its own host.
    Step(u32),
    /// Right after the nth step of another host, which something that its own host had sent has reached.
    After(HostId, u32),
    /// After the nth such fact.
    Fact(u32),
}

/// A kind of fault at a place: one row of the strip.
#[derive(Clone)]
struct Kind {
    fault: &'static str,
    place: String,
    how: How,
}

#[derive(Clone)]
enum How {
    /// Before each step of the host.
    Step { host: HostId, loses: Loses },
    /// After each such fact.
    Fact(Matching),
}

impl Kind {
    fn fact(&self) -> &'static str {
        match &self.how {
            How::Step { .. } => "",
            How::Fact(matching) => matching.kind.name(),
        }
    }
}

/// A point that is run, for itself and those that are one with it.
#[derive(Clone)]
struct Point {
    kind: usize,
    when: Moment,
    /// The event of the run that it lies in.
    event: u64,
    at: Time,
    /// Facts of its kind before that event.
    counted: u32,
    /// The first cell of the row that it stands for, and how many.
    cells: (usize, usize),
    words: u16,
}

/// Goes along a run and forks it at each point.
struct Walk {
    base: Box<Simulation>,
    points: Vec<Point>,
    next: usize,
}

/// A fork on its way to rest.
struct Branch {
    simulation: Box<Simulation>,
    point: usize,
}

/// The pairs of one first fault.
struct Second {
    walk: Walk,
    branch: Option<Branch>,
    words: Vec<String>,
}

enum Phase {
    /// The run without a fault, which tells where the points lie.
    Planning(Box<Simulation>),
    Branching {
        walk: Walk,
        branch: Option<Branch>,
        second: Option<Box<Second>>,
    },
    Done,
}

/// An exploration on its way.
pub struct Exploration {
    reach: Reach,
    cast: Cast,
    names: [String; 2],
    ids: [FaultId; 2],
    scenario: Scenario,
    kinds: Vec<Kind>,
    phase: Phase,
    report: Report,
    /// Per segment and guarantee: the first pair that refuted it.
    pair_examples: Vec<Vec<Counterexample>>,
    done: u64,
    of: u64,
}

/// Before a step that nobody ever takes.
fn never() -> FaultSpec {
    FaultSpec {
        name: "producer.crash.resend".into(),
        step: Some(u32::MAX),
        ..FaultSpec::default()
    }
}

/// Two names for faults that sort behind those of the scenario: a chance is drawn by the number of its fault.
fn free_names(scenario: &Scenario) -> [String; 2] {
    let last = scenario.faults.keys().next_back().cloned();
    let mut name = "explored".to_string();
    while last.as_ref().is_some_and(|last| *last >= name) {
        name.insert(0, 'z');
    }
    let second = format!("{name}-too");
    [name, second]
}

impl Exploration {
    /// # Errors
    ///
    /// An unknown fault or host, or a fault without a moment to strike at.
    pub fn new(scenario: &Scenario, reach: Reach) -> Result<Exploration, ScenarioError> {
        let mut bare = scenario.clone();
        let mut left_out = Vec::new();
        if !reach.keep_faults {
            left_out = bare.faults.keys().cloned().collect();
            bare.faults.clear();
        }
        let names = free_names(&bare);
        for name in &names {
            bare.faults.insert(name.clone(), never());
        }
        let cast = cast(&bare);
        let kinds = kinds(&reach, &cast)?;
        let id = |name: &String| {
            let place = cast.faults.iter().position(|fault| fault == name);
            FaultId(place.expect("it was put in") as u16)
        };
        let crashed = |host: &String| {
            let any = menu_of(cast.find(host).expect("of the cast"), &cast);
            !any.is_empty()
        };
        let spared = cast.hosts.iter().filter(|host| !crashed(host)).cloned();
        let mut simulation = Simulation::new(&bare, Keep::Trace);
        simulation.watch_steps();
        Ok(Exploration {
            ids: [id(&names[0]), id(&names[1])],
            report: Report {
                points: 0,
                merged: 0,
                complete: false,
                pairs: 0,
                pairs_possible: 0,
                unsettled: 0,
                events: 0,
                spared: spared.collect(),
                segments: Vec::new(),
                strip: Strip::default(),
                left_out,
                trials: Vec::new(),
            },
            pair_examples: vec![Vec::new(); cast.segments.len()],
            phase: Phase::Planning(Box::new(simulation)),
            scenario: bare,
            names,
            reach,
            cast,
            kinds,
            done: 0,
            of: 0,
        })
    }

    /// The whole of it at once.
    ///
    /// # Errors
    ///
    /// As [`Exploration::new`].
    pub fn run(scenario: &Scenario, reach: Reach) -> Result<Report, ScenarioError> {
        let mut exploration = Exploration::new(scenario, reach)?;
        while exploration.advance(u64::MAX) {}
        Ok(exploration.finish())
    }

    /// The report on what was done.
    pub fn finish(mut self) -> Report {
        for (segment, pairs) in self.report.segments.iter_mut().zip(self.pair_examples) {
            for example in pairs {
                remember(&mut segment.counterexamples, example);
            }
            segment.counterexamples.sort_by_key(|found| found.guarantee);
        }
        self.report
    }

    fn lower(&self, spec: &FaultSpec, name: usize) -> Fault {
        spec.lower(&self.names[name], &self.cast)
            .expect("its kind was lowered before")
    }

    fn spec(&self, point: &Point) -> FaultSpec {
        let kind = &self.kinds[point.kind];
        spec_of(kind.fault, &kind.place, point.when, kind.fact(), &self.cast)
    }

    /// Puts a point's fault into a fork.
    fn arm(&self, simulation: &mut Simulation, point: &Point, name: usize) {
        let fault = self.lower(&self.spec(point), name);
        simulation.arm(self.ids[name], fault, point.counted);
    }

    /// The run without a fault has ended: now it is known where the points lie.
    fn plan(&mut self, mut simulation: Box<Simulation>) -> Phase {
        let steps = simulation.take_steps();
        self.report.events += simulation.events();
        let run = simulation.finish();
        let trace = run.trace.as_ref().expect("it was kept");
        for (name, calm) in self.cast.segments.clone().into_iter().zip(fates(&run)) {
            let mut segment = Segment {
                name,
                calm,
                tally: Tally::default(),
                pairs: Tally::default(),
                counterexamples: Vec::new(),
            };
            for guarantee in Guarantee::ALL {
                if guarantee.is_refuted_by(calm) {
                    segment.counterexamples.push(Counterexample {
                        guarantee,
                        fates: calm,
                        at: None,
                        words: "without any fault".into(),
                        faults: OrdMap::new(),
                        left_out: self.report.left_out.clone(),
                    });
                }
            }
            self.report.segments.push(segment);
        }
        let mut words = Words::default();
        let mut rows: Vec<StripRow> = Vec::new();
        let mut points = Vec::new();
        for (index, kind) in self.kinds.iter().enumerate() {
            let found = match &kind.how {
                How::Step { host, loses } => {
                    let merge = self.reach.merge && *loses != Loses::Unflushed;
                    let name = |step: usize| describe(&steps, step, *host, trace);
                    step_points(index, *host, &steps, merge, |step| words.of(name(step)))
                }
                How::Fact(matching) => {
                    fact_points(index, matching, &steps, trace, &self.reach, |host| {
                        let host = self.cast.host(host);
                        words.of(format!("after {} at {host}", matching.kind.name()))
                    })
                }
            };
            rows.push(StripRow {
                place: kind.place.clone(),
                fault: kind.fault.into(),
                fact: kind.fact().into(),
                points: found.1,
            });
            points.extend(found.0);
        }
        self.report.points = rows.iter().map(|row| row.points.len() as u32).sum();
        self.report.merged = self.report.points - points.len() as u32;
        self.report.strip = Strip {
            end: run.end,
            words: words.list,
            rows,
        };
        // The walk goes forward only.
        points.sort_by_key(|point| (point.event, point.kind, point.when));
        if let Some((every, first)) = self.reach.share {
            let mut place = 0;
            points.retain(|_| {
                place += 1;
                (place - 1) % every.max(1) == first
            });
        }
        self.of = points.len() as u64;
        Phase::Branching {
            walk: Walk {
                base: Box::new(Simulation::new(&self.scenario, Keep::VerdictOnly)),
                points,
                next: 0,
            },
            branch: None,
            second: None,
        }
    }

    /// Takes a branch in that has come to rest.
    fn close(&mut self, point: &Point, branch: Box<Simulation>) {
        let unsettled = !branch.is_at_rest();
        self.report.events += branch.events() - point.event;
        let run = branch.finish();
        let fates = fates(&run);
        let (from, count) = point.cells;
        if unsettled {
            self.report.unsettled += count as u32;
        }
        for (index, &fates) in fates.iter().enumerate() {
            let example = |guarantee| Counterexample {
                guarantee,
                fates,
                at: Some(point.at),
                words: self.report.strip.words[usize::from(point.words)].clone(),
                faults: OrdMap::from([(self.names[0].clone(), self.spec(point))]),
                left_out: self.report.left_out.clone(),
            };
            let refuted = Guarantee::ALL.into_iter();
            let examples: Vec<Counterexample> = refuted
                .filter(|guarantee| guarantee.is_refuted_by(fates))
                .map(example)
                .collect();
            let segment = &mut self.report.segments[index];
            segment.tally.add(fates, count as u32);
            for example in examples {
                remember(&mut segment.counterexamples, example);
            }
        }
        if self.reach.verdicts {
            let alike =
                |trial: &&mut Trial| trial.verdict == run.verdict && trial.branches == run.branches;
            match self.report.trials.iter_mut().find(alike) {
                Some(trial) => trial.runs += count as u32,
                None => self.report.trials.push(Trial {
                    script: self.report.strip.words[usize::from(point.words)].clone(),
                    seed: self.scenario.seed,
                    faults: OrdMap::from([(self.names[0].clone(), self.spec(point))]),
                    verdict: run.verdict,
                    branches: run.branches,
                    runs: count as u32,
                }),
            }
        }
        for cell in &mut self.report.strip.rows[point.kind].points[from..from + count] {
            cell.fates.clone_from(&fates);
        }
        self.done += 1;
    }

    /// Where a second crash can fall in the branch that has just been run.
    fn second(&mut self, base: &Simulation, point: &Point, steps: &[Step], share: usize) -> Second {
        let mut words = Words::default();
        let mut points: Vec<Point> = Vec::new();
        let after: Vec<Step> = steps
            .iter()
            .filter(|step| step.event > point.event)
            .cloned()
            .collect();
        for (index, kind) in self.kinds.iter().enumerate() {
            let How::Step { host, loses } = &kind.how else {
                continue;
            };
            let merge = self.reach.merge && *loses != Loses::Unflushed;
            let name = |step: usize| phrase(&after[step], *host, &self.cast);
            let (found, cells) =
                step_points(index, *host, &after, merge, |step| words.of(name(step)));
            self.report.pairs_possible += cells.len() as u64;
            points.extend(found);
        }
        points.sort_by_key(|point| (point.event, point.kind, point.when));
        let many = points.len();
        let mut chosen = 0;
        points.retain(|_| {
            // Of `many`, every one whose place is the next of `share` evenly spread ones.
            chosen += 1;
            let share = share.min(many);
            (chosen * share) / many.max(1) != ((chosen - 1) * share) / many.max(1)
        });
        let mut base = base.clone();
        self.arm(&mut base, point, 0);
        Second {
            walk: Walk {
                base: Box::new(base),
                points,
                next: 0,
            },
            branch: None,
            words: words.list,
        }
    }

    fn close_pair(
        &mut self,
        first: &Point,
        second: &Point,
        words: &[String],
        branch: Box<Simulation>,
    ) {
        self.report.pairs += 1;
        self.report.unsettled += u32::from(!branch.is_at_rest());
        self.report.events += branch.events() - second.event;
        let run = branch.finish();
        for (index, fates) in fates(&run).into_iter().enumerate() {
            self.report.segments[index].pairs.add(fates, 1);
            for guarantee in Guarantee::ALL {
                if guarantee.is_refuted_by(fates) {
                    let example = Counterexample {
                        guarantee,
                        fates,
                        at: Some(first.at),
                        words: words[usize::from(second.words)].clone(),
                        faults: OrdMap::from([
                            (self.names[0].clone(), self.spec(first)),
                            (self.names[1].clone(), self.spec(second)),
                        ]),
                        left_out: self.report.left_out.clone(),
                    };
                    remember(&mut self.pair_examples[index], example);
                }
            }
        }
    }

    /// Whether every guarantee of the main segment has fallen.
    fn nothing_left(&self) -> bool {
        let found = &self.report.segments[0].counterexamples;
        self.reach.only_guarantees && found.len() == Guarantee::ALL.len()
    }
}

/// Keeps the first counterexample of each guarantee.
fn remember(found: &mut Vec<Counterexample>, example: Counterexample) {
    if !found
        .iter()
        .any(|other| other.guarantee == example.guarantee)
    {
        found.push(example);
    }
}

impl Walk {
    /// The next fork, once the run has come that far.
    fn fork(&mut self, budget: &mut u64) -> Option<Branch> {
        let point = self.points.get(self.next)?;
        let ahead = (point.event - 1).saturating_sub(self.base.events());
        let (spent, ended) = self.base.advance(ahead.min(*budget));
        assert!(!ended, "the run ends behind its last point");
        *budget -= spent;
        if spent < ahead {
            return None;
        }
        self.next += 1;
        Some(Branch {
            simulation: self.base.clone(),
            point: self.next - 1,
        })
    }
}

impl Work for Exploration {
    fn advance(&mut self, events: u64) -> bool {
        let mut budget = events;
        while budget > 0 {
            match std::mem::replace(&mut self.phase, Phase::Done) {
                Phase::Planning(mut simulation) => {
                    let (spent, ended) = simulation.advance(budget);
                    budget -= spent;
                    self.phase = if ended {
                        self.plan(simulation)
                    } else {
                        Phase::Planning(simulation)
                    };
                }
                Phase::Branching {
                    mut walk,
                    branch,
                    second,
                } => {
                    let more = self.branch(&mut walk, branch, second, &mut budget);
                    let Some((branch, second)) = more else {
                        let all = walk.next == walk.points.len();
                        self.report.complete = all && self.reach.share.is_none();
                        return false;
                    };
                    self.phase = Phase::Branching {
                        walk,
                        branch,
                        second,
                    };
                }
                Phase::Done => return false,
            }
        }
        true
    }

    fn progress(&self) -> (u64, u64) {
        (self.done, self.of)
    }
}

impl Exploration {
    /// One more thing to do while branching; none once there is nothing.
    fn branch(
        &mut self,
        walk: &mut Walk,
        branch: Option<Branch>,
        second: Option<Box<Second>>,
        budget: &mut u64,
    ) -> Option<(Option<Branch>, Option<Box<Second>>)> {
        if let Some(mut second) = second {
            let first = walk.points[walk.next - 1].clone();
            if let Some(mut branch) = second.branch.take() {
                if advance_run(&mut branch.simulation, budget) {
                    let point = second.walk.points[branch.point].clone();
                    self.close_pair(&first, &point, &second.words, branch.simulation);
                } else {
                    second.branch = Some(branch);
                }
            } else if let Some(mut branch) = second.walk.fork(budget) {
                let point = second.walk.points[branch.point].clone();
                self.arm(&mut branch.simulation, &point, 1);
                second.branch = Some(branch);
            } else if second.walk.next == second.walk.points.len() {
                return Some((None, None));
            }
            return Some((None, Some(second)));
        }
        if let Some(mut branch) = branch {
            if !advance_run(&mut branch.simulation, budget) {
                return Some((Some(branch), None));
            }
            let point = walk.points[branch.point].clone();
            let steps = branch.simulation.take_steps();
            self.close(&point, branch.simulation);
            let share = (self.reach.pairs as usize).div_ceil(walk.points.len());
            let left = self.reach.pairs.saturating_sub(self.report.pairs) as usize;
            let second = (self.reach.pairs > 0)
                .then(|| Box::new(self.second(&walk.base, &point, &steps, share.min(left))));
            return Some((None, second));
        }
        if self.nothing_left() {
            return None;
        }
        match walk.fork(budget) {
            Some(mut branch) => {
                let point = walk.points[branch.point].clone();
                self.arm(&mut branch.simulation, &point, 0);
                if self.reach.pairs > 0 {
                    branch.simulation.watch_steps();
                }
                Some((Some(branch), None))
            }
            None if walk.next == walk.points.len() => None,
            None => Some((None, None)),
        }
    }
}

// ---- where the points lie --------------------------------------------------------------------------------------

/// What the menu can do to crash this host: the plainest fault of each kind of loss.
fn menu_of(host: HostId, cast: &Cast) -> Vec<(&'static str, Loses)> {
    let mut found: Vec<(&'static str, Loses)> = Vec::new();
    for entry in MENU {
        if let Some(loses) = crash_of(entry.name, host, cast)
            && !found.iter().any(|(_, other)| *other == loses)
        {
            found.push((entry.name, loses));
        }
    }
    found
}

/// What a crash of this name takes with it, if it can strike this host.
fn crash_of(name: &str, host: HostId, cast: &Cast) -> Option<Loses> {
    let spec = FaultSpec {
        name: name.into(),
        place: Some(cast.host(host).into()),
        step: Some(1),
        ..FaultSpec::default()
    };
    match spec.lower("", cast).ok()?.what {
        Action::Crash { loses, .. } => Some(loses),
        _ => None,
    }
}

/// The rows of the strip.
fn kinds(reach: &Reach, cast: &Cast) -> Result<Vec<Kind>, ScenarioError> {
    for host in reach.hosts.iter().chain(&reach.spared) {
        if cast.find(host).is_none() {
            let known = cast.hosts.iter().map(String::as_str);
            return Err(ScenarioError::new(
                "hosts",
                format!(
                    "\"{host}\" is no host of this run{}; accepted are {}",
                    suggest::did_you_mean(host, known),
                    cast.hosts.join(", ")
                ),
            ));
        }
    }
    let hosts: Vec<HostId> = (0..cast.hosts.len() as u8)
        .map(HostId)
        .filter(|&host| is_wanted(reach, cast, host))
        .collect();
    let crash = |fault, host: HostId, loses| Kind {
        fault,
        place: cast.host(host).into(),
        how: How::Step { host, loses },
    };
    if reach.faults.is_empty() {
        let plain = |&host: &HostId| {
            let forgets = !reach.outbox && crash_of("producer.crash.forget", host, cast).is_some();
            let loses = if forgets { Loses::Disk } else { Loses::Memory };
            let mut menu = menu_of(host, cast).into_iter();
            let found = menu.find(|(_, other)| *other == loses);
            found.map(|(fault, loses)| crash(fault, host, loses))
        };
        let mut kinds: Vec<Kind> = hosts.iter().filter_map(plain).collect();
        kinds.extend(at_facts("net.drop_ack", cast));
        return Ok(kinds);
    }
    let mut kinds = Vec::new();
    for name in &reach.faults {
        let refuse = |why: String| Err(ScenarioError::new("faults", why));
        let Some(entry) = MENU.iter().find(|entry| entry.name == name) else {
            let hint = suggest::did_you_mean(name, MENU.iter().map(|entry| entry.name));
            return refuse(format!("no fault named \"{name}\"{hint}"));
        };
        let before = kinds.len();
        kinds.extend(hosts.iter().filter_map(|&host| {
            crash_of(entry.name, host, cast).map(|loses| crash(entry.name, host, loses))
        }));
        if kinds.len() == before {
            kinds.extend(at_facts(entry.name, cast));
        }
        if kinds.len() == before {
            return refuse(format!(
                "{name} crashes none of these hosts and has no moment of its own that could be tried one by one"
            ));
        }
    }
    Ok(kinds)
}

fn is_wanted(reach: &Reach, cast: &Cast, host: HostId) -> bool {
    let among = |names: &[String]| names.iter().any(|name| name == cast.host(host));
    (reach.hosts.is_empty() || among(&reach.hosts)) && !among(&reach.spared)
}

/// A fault that belongs to a moment, at each such moment.
fn at_facts(name: &'static str, cast: &Cast) -> Option<Kind> {
    let entry = MENU.iter().find(|entry| entry.name == name)?;
    let mut spec = FaultSpec {
        name: name.into(),
        at: Some(0),
        ..FaultSpec::default()
    };
    let matching = |spec: &FaultSpec| {
        let fault = spec.lower("", cast).ok()?;
        match (fault.when, fault.what) {
            (_, Action::Crash { .. }) => None,
            (Trigger::After { matching, .. }, _) => Some(matching),
            _ => None,
        }
    };
    let natural = matching(&spec)?;
    // Counted as the counterexample will count: by the kind of the fact.
    spec.at = None;
    spec.after = Some(OrdMap::from([(natural.kind.name().to_string(), 1)]));
    Some(Kind {
        fault: entry.name,
        place: entry.place.into(),
        how: How::Fact(matching(&spec)?),
    })
}

#[derive(Default)]
struct Words {
    list: Vec<String>,
    known: OrdMap<String, u16>,
}

impl Words {
    fn of(&mut self, text: String) -> u16 {
        // More would be no words any more.
        let next = self.list.len().min(usize::from(u16::MAX)) as u16;
        *self.known.entry(text).or_insert_with_key(|text| {
            self.list.push(text.clone());
            next
        })
    }
}

/// "before fetch from b2", "before handle produce" for what a host told itself, "after fetch has reached b1".
fn phrase(step: &Step, host: HostId, cast: &Cast) -> String {
    let (what, name) = (&step.what, |host| cast.host(host));
    if step.host != host {
        format!("after {what} has reached {}", name(step.host))
    } else if step.from == host {
        format!("before {what}")
    } else {
        format!("before {what} from {}", name(step.from))
    }
}

/// The same with the facts that the step noted.
fn describe(steps: &[Step], index: usize, host: HostId, trace: &Trace) -> String {
    let step = &steps[index];
    let noted =
        step.facts as usize..facts_after(steps, index).min(trace.events.len() as u32) as usize;
    let mut kinds: Vec<&str> = Vec::new();
    for event in &trace.events[noted] {
        if event.host == step.host && !kinds.contains(&event.fact.kind().name()) {
            kinds.push(event.fact.kind().name());
        }
    }
    let phrase = phrase(step, host, &trace.cast);
    if kinds.is_empty() {
        phrase
    } else {
        format!("{phrase} ({})", kinds.join(", "))
    }
}

/// Facts noted when a step is done.
fn facts_after(steps: &[Step], index: usize) -> u32 {
    steps.get(index + 1).map_or(u32::MAX, |next| next.facts)
}

/// The moments of a host: those to run, and all of them as cells.
fn step_points(
    kind: usize,
    host: HostId,
    steps: &[Step],
    merge: bool,
    mut words: impl FnMut(usize) -> u16,
) -> (Vec<Point>, Vec<StripPoint>) {
    let mut points: Vec<Point> = Vec::new();
    let mut cells = Vec::new();
    // What has arrived of this host's messages.
    let mut arrived = 0_u32;
    let mut before = None;
    for (index, step) in steps.iter().enumerate() {
        let (when, facts) = if step.host == host {
            (Moment::Step(step.nth), step.facts)
        } else if step.from == host {
            arrived += 1;
            (
                Moment::After(step.host, step.nth),
                facts_after(steps, index),
            )
        } else {
            continue;
        };
        let state = Some((facts, arrived));
        let merged = merge && state == before;
        before = state;
        let words = words(index);
        if merged {
            let last = points.last_mut().expect("it is one with the one before");
            last.cells.1 += 1;
        } else {
            points.push(Point {
                kind,
                when,
                event: step.event,
                at: step.at,
                counted: 0,
                cells: (cells.len(), 1),
                words,
            });
        }
        cells.push(StripPoint {
            at: step.at,
            when,
            words,
            merged,
            fates: Vec::new(),
        });
    }
    (points, cells)
}

/// The facts after which a fault strikes.
fn fact_points(
    kind: usize,
    matching: &Matching,
    steps: &[Step],
    trace: &Trace,
    reach: &Reach,
    mut words: impl FnMut(HostId) -> u16,
) -> (Vec<Point>, Vec<StripPoint>) {
    let mut points: Vec<Point> = Vec::new();
    let mut cells = Vec::new();
    let mut nth = 0;
    let mut counted = 0;
    let mut event = 0;
    for (index, fact) in trace.events.iter().enumerate() {
        if !matching.accepts(fact) {
            continue;
        }
        // The last step begun before it noted it.
        let step = steps.partition_point(|step| step.facts as usize <= index);
        let of = step.checked_sub(1).map_or(1, |step| steps[step].event);
        if of != event {
            event = of;
            counted = nth;
        }
        nth += 1;
        if !is_wanted(reach, &trace.cast, fact.host) {
            continue;
        }
        let words = words(fact.host);
        points.push(Point {
            kind,
            when: Moment::Fact(nth),
            event,
            at: fact.at,
            counted,
            cells: (cells.len(), 1),
            words,
        });
        cells.push(StripPoint {
            at: fact.at,
            when: Moment::Fact(nth),
            words,
            merged: false,
            fates: Vec::new(),
        });
    }
    (points, cells)
}

// ---- for people and for programs -------------------------------------------------------------------------------

impl Report {
    /// Whether a guarantee of the main segment fell.
    pub fn refutes(&self, guarantee: Guarantee) -> bool {
        self.counterexample(guarantee).is_some()
    }

    pub fn counterexample(&self, guarantee: Guarantee) -> Option<&Counterexample> {
        let found = self.segments.first()?.counterexamples.iter();
        found.into_iter().find(|e| e.guarantee == guarantee)
    }

    /// The reports of several workers, which had a share each of the same exploration; none without a report.
    pub fn join(reports: Vec<Report>) -> Option<Report> {
        let mut reports = reports.into_iter();
        let mut whole = reports.next()?;
        for report in reports {
            whole.pairs += report.pairs;
            whole.pairs_possible += report.pairs_possible;
            whole.unsettled += report.unsettled;
            whole.events += report.events;
            whole.trials.extend(report.trials);
            for (mine, theirs) in whole.segments.iter_mut().zip(report.segments) {
                mine.tally.join(theirs.tally);
                mine.pairs.join(theirs.pairs);
                mine.counterexamples.extend(theirs.counterexamples);
                // The fewest faults, then the earliest, and of each guarantee the first.
                mine.counterexamples
                    .sort_by_key(|found| (found.guarantee, found.faults.len(), found.at));
                mine.counterexamples.dedup_by_key(|found| found.guarantee);
            }
            for (mine, theirs) in whole.strip.rows.iter_mut().zip(report.strip.rows) {
                for (cell, other) in mine.points.iter_mut().zip(theirs.points) {
                    if cell.fates.is_empty() {
                        cell.fates = other.fates;
                    }
                }
            }
        }
        let tried = whole.segments.first().map_or(0, |main| main.tally.points);
        whole.complete = tried == whole.points;
        Some(whole)
    }

    /// Under the names of the metrics; the branches stand behind the main segment.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("points".into(), self.points.into());
        object.insert("merged".into(), self.merged.into());
        let mut segments = self.segments.iter();
        if let Some(main) = segments.next() {
            object.extend(main.to_json());
        }
        object.insert("complete".into(), self.complete.into());
        object.insert("unsettled".into(), self.unsettled.into());
        object.insert("events".into(), self.events.into());
        object.insert(
            "pairs".into(),
            json!({"explored": self.pairs, "possible": self.pairs_possible}),
        );
        object.insert("spared".into(), json!(self.spared));
        object.insert("left_out".into(), json!(self.left_out));
        let branches: Map<String, Value> = segments
            .map(|segment| (segment.name.clone(), Value::Object(segment.to_json())))
            .collect();
        object.insert("branches".into(), Value::Object(branches));
        Value::Object(object)
    }

    /// The report in sentences.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{} of {} crash points{}, {} of them one with another{}\n",
            if self.complete {
                self.points
            } else {
                self.segments[0].tally.points
            },
            self.points,
            if self.complete { "" } else { " tried" },
            self.merged,
            match self.pairs {
                0 => String::new(),
                pairs => format!("; {pairs} of {} pairs", self.pairs_possible),
            }
        );
        if !self.left_out.is_empty() {
            text += &format!(
                "the scenario's own faults were left out: {}\n",
                self.left_out.join(", ")
            );
        }
        text += &format!("no fault crashes {}\n", self.spared.join(", "));
        if self.unsettled > 0 {
            text += &format!(
                "{} were not at rest when their time was up; limits.horizon_ms gives more\n",
                self.unsettled
            );
        }
        for segment in &self.segments {
            let name = if segment.name.is_empty() {
                "main"
            } else {
                &segment.name
            };
            text += &format!("\n{name}: {}\n", segment.tally.to_text());
            if segment.calm != Fates::EXACT {
                text += &format!("  {} without any fault\n", segment.calm.words());
            }
            if self.pairs > 0 {
                text += &format!("  with two faults: {}\n", segment.pairs.to_text());
            }
            for guarantee in Guarantee::ALL {
                text += &self.line(segment, guarantee);
            }
        }
        text
    }

    fn line(&self, segment: &Segment, guarantee: Guarantee) -> String {
        let mut found = segment.counterexamples.iter();
        match found.find(|found| found.guarantee == guarantee) {
            Some(found) => {
                let when = found.at.map_or(String::new(), |at| format!(" at {at} s"));
                format!(
                    "  {} is refuted{when} ({}): --patch '{}'\n",
                    guarantee.name(),
                    found.words,
                    found.patch().0
                )
            }
            None if self.complete => {
                let pairs = match self.pairs {
                    0 => String::new(),
                    pairs => format!(" and at {pairs} of {} pairs", self.pairs_possible),
                };
                // What never arrives refutes nothing, so it has to be said beside it.
                let stuck = match segment.tally.stuck {
                    0 => String::new(),
                    stuck => format!(", with something still on its way at {stuck} of them"),
                };
                format!(
                    "  {} held at all {} points{pairs}{stuck}\n",
                    guarantee.name(),
                    self.points
                )
            }
            None => format!("  {} was not refuted so far\n", guarantee.name()),
        }
    }
}

impl Segment {
    fn to_json(&self) -> Map<String, Value> {
        let mut object = self.tally.to_json();
        let example = |found: &Counterexample| {
            json!({
                "guarantee": found.guarantee.name(),
                "patch": found.patch().0,
                "at_ms": found.at.map(|at| at.micros() as f64 / 1000.0),
                "step": found.words,
                "outcome": found.fates.words(),
            })
        };
        let examples: Vec<Value> = self.counterexamples.iter().map(example).collect();
        object.insert("counterexamples".into(), Value::Array(examples));
        if self.pairs.points > 0 {
            object.insert(
                "with_two_faults".into(),
                Value::Object(self.pairs.to_json()),
            );
        }
        object
    }
}
