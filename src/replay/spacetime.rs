//! A run as a spacetime diagram: a lane for each host, messages between them, facts on them. Plain data, without a picture.
//!
//! Facts, crashes and pauses are those of the trace; messages are those that went over the network (`sim::kernel::wire`),
//! from their sending to their arrival, so nothing is guessed between two facts.

use super::explain::{Explanation, LinkKind, describe, place, seconds};
use crate::sim::compact::sort_by_rank;
use crate::sim::kafka::protocol::{BatchName, PartitionId};
use crate::sim::kernel::wire::{Fate, Letter, Wire};
use crate::sim::kernel::{HostId, Time};
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::origin::{Origin, number};
use crate::sim::trace::{Cast, Fact, FactId, InstantState, Source, Trace, TraceEvent};

/// A host and the stretches of its life in which it was not itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    pub host: HostId,
    /// As the trace has it: `p1`, `b2`, `revenue.exec1`.
    pub name: String,
    /// It belongs to a branch and not to the main segment.
    pub branch: bool,
    pub stretches: Vec<Stretch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Crashed and not yet started again.
    Down,
    /// It stands still and keeps its memory.
    Paused,
    /// It goes on, and somebody else has its place.
    Zombie,
}

impl Condition {
    pub const fn words(self) -> &'static str {
        match self {
            Condition::Down => "down",
            Condition::Paused => "stands still",
            Condition::Zombie => "zombie: another has its place",
        }
    }
}

/// From then until then; with no end, until the run's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: Time,
    pub until: Option<Time>,
    pub condition: Condition,
}

/// What a fact on a lane is drawn as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Records are in a log.
    Append,
    /// The producer hears of success.
    Ack,
    /// Offsets, a checkpoint or a batch are ticked off.
    Commit,
    /// Rows are visible.
    Table,
    /// A fault strikes.
    Fault,
    /// A process dies, starts again or stands still.
    Life,
    /// Something is refused, fails, is taken back or comes too late.
    Trouble,
    /// Anything else that happens.
    Other,
}

impl Shape {
    pub const ALL: [Shape; 8] = [
        Shape::Append,
        Shape::Ack,
        Shape::Commit,
        Shape::Table,
        Shape::Fault,
        Shape::Life,
        Shape::Trouble,
        Shape::Other,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Shape::Append => "append",
            Shape::Ack => "ack",
            Shape::Commit => "commit",
            Shape::Table => "table",
            Shape::Fault => "fault",
            Shape::Life => "life",
            Shape::Trouble => "trouble",
            Shape::Other => "fact",
        }
    }

    fn of(fact: &Fact) -> Shape {
        match fact {
            Fact::BatchAppended { .. } | Fact::ReplicaAdvanced { .. } => Shape::Append,
            Fact::Acknowledged { .. } => Shape::Ack,
            Fact::OffsetsCommitted { .. }
            | Fact::BatchCommitted { .. }
            | Fact::CheckpointCompleted { .. }
            | Fact::SinkCommitted { .. }
            | Fact::OffsetsLogged { .. }
            | Fact::TransactionEnded { commit: true, .. }
            | Fact::MarkerAppended { commit: true, .. } => Shape::Commit,
            Fact::TableCommitted { .. }
            | Fact::BecameVisible { .. }
            | Fact::InstantChanged {
                state: InstantState::Completed,
                ..
            } => Shape::Table,
            Fact::Injected { .. } => Shape::Fault,
            Fact::Crashed { .. } | Fact::Restarted | Fact::Paused { .. } => Shape::Life,
            Fact::BatchRejected { .. }
            | Fact::AttemptFailed { .. }
            | Fact::SendFailed { .. }
            | Fact::ConnectionLost { .. }
            | Fact::LogTruncated { .. }
            | Fact::PartitionOffline { .. }
            | Fact::QueryFailed { .. }
            | Fact::TaskFailed { .. }
            | Fact::Fenced { .. }
            | Fact::WriterFenced { .. }
            | Fact::MemberRemoved { .. }
            | Fact::CheckpointFailed { .. }
            | Fact::CommitRefused { .. }
            | Fact::DroppedLate { .. }
            | Fact::DataMissed { .. }
            | Fact::WriteFailed { .. }
            | Fact::CheckpointDamaged { .. } => Shape::Trouble,
            _ => Shape::Other,
        }
    }
}

/// A fact on a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub fact: FactId,
    pub at: Time,
    pub lane: usize,
    pub shape: Shape,
}

/// A message from lane to lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrow {
    pub from: usize,
    pub to: usize,
    pub sent: Time,
    /// Where it ends: taken, cut or refused. At the end of the run if it is still under way.
    pub until: Time,
    pub fate: Fate,
    pub cause: Option<FactId>,
    name: u16,
    /// It would come again and again in a world in which nothing happens.
    pub housekeeping: bool,
}

impl Arrow {
    pub fn is_lost(&self) -> bool {
        self.fate.is_lost()
    }
}

/// Everything that a diagram of a run shows. Arrows in the order of their sending, marks in that of the trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Spacetime {
    pub lanes: Vec<Lane>,
    pub arrows: Vec<Arrow>,
    pub marks: Vec<Mark>,
    pub end: Time,
    /// Messages that were not kept.
    pub omitted: u32,
    names: Vec<String>,
    /// The longest flight, so that a window knows how far back to look. In µs.
    longest: u64,
}

/// Messages that keep a cluster alive whether or not there are records.
fn is_housekeeping(name: &str) -> bool {
    [
        "heartbeat",
        "metadata",
        "connected",
        "offset",
        "coordinator",
    ]
    .iter()
    .any(|word| name.contains(word))
        && !name.contains("commit")
}

/// Where a lane stands: clients, brokers, then what reads and the table, then the branches.
fn rank(name: &str) -> u64 {
    let (branch, role) = name.rsplit_once('.').unwrap_or(("", name));
    let tier = match role.as_bytes().first() {
        Some(b'p') => 0,
        Some(b'b') => 1,
        _ if role == "controller" => 2,
        _ if role.starts_with("driver") || role == "jm" => 3,
        _ if role == "store" => 6,
        _ if role == "reader" => 5,
        _ => 4,
    };
    if branch.is_empty() { tier } else { 10 + tier }
}

impl Spacetime {
    /// Folds a run; without its messages there are lanes and facts only.
    pub fn of(trace: &Trace, end: Time, wire: Option<&Wire>) -> Spacetime {
        let mut order: Vec<usize> = (0..trace.cast.hosts.len()).collect();
        sort_by_rank(&mut order, |&host| {
            (rank(&trace.cast.hosts[host]), host as u64)
        });
        let mut lane_of = vec![0; order.len()];
        for (lane, &host) in order.iter().enumerate() {
            lane_of[host] = lane;
        }
        let mut lives = Lives::new(order.len());
        let mut marks = Vec::with_capacity(trace.events.len());
        for (fact, event) in trace.iter() {
            lives.fold(event);
            marks.push(Mark {
                fact,
                at: event.at,
                lane: lane_of[usize::from(event.host.0)],
                shape: Shape::of(&event.fact),
            });
        }
        let names = wire.map_or_else(Vec::new, |wire| wire.names.clone());
        let arrow = |letter: &Letter| Arrow {
            from: lane_of[usize::from(letter.from.0)],
            to: lane_of[usize::from(letter.to.0)],
            sent: letter.sent,
            until: letter.until().unwrap_or(end.max(letter.sent)),
            fate: letter.fate,
            cause: letter.cause,
            name: letter.name,
            housekeeping: is_housekeeping(&names[usize::from(letter.name)]),
        };
        let arrows: Vec<Arrow> = wire
            .iter()
            .flat_map(|wire| &wire.letters)
            .map(arrow)
            .collect();
        let longest = arrows
            .iter()
            .map(|arrow| arrow.until.since(arrow.sent).micros())
            .max()
            .unwrap_or(0);
        let lane = |&host: &usize| Lane {
            host: HostId(host as u8),
            name: trace.cast.hosts[host].clone(),
            branch: trace.cast.hosts[host].contains('.'),
            stretches: lives.take(host),
        };
        Spacetime {
            lanes: order.iter().map(lane).collect(),
            marks,
            end,
            omitted: wire.map_or(0, |wire| wire.omitted),
            names,
            longest,
            arrows,
        }
    }

    pub fn name(&self, arrow: &Arrow) -> &str {
        &self.names[usize::from(arrow.name)]
    }

    /// The arrows that are to be seen between two moments, with their places.
    pub fn arrows_in(&self, from: Time, to: Time) -> impl Iterator<Item = (usize, &Arrow)> {
        let back = Time::from_micros(from.micros().saturating_sub(self.longest));
        let first = self.arrows.partition_point(|arrow| arrow.sent < back);
        self.arrows[first..]
            .iter()
            .enumerate()
            .take_while(move |(_, arrow)| arrow.sent <= to)
            .filter(move |(_, arrow)| arrow.until >= from)
            .map(move |(index, arrow)| (first + index, arrow))
    }

    pub fn marks_in(&self, from: Time, to: Time) -> &[Mark] {
        let first = self.marks.partition_point(|mark| mark.at < from);
        let last = self.marks.partition_point(|mark| mark.at <= to);
        &self.marks[first..last.max(first)]
    }

    /// A message in words: who to whom, what, when, and what became of it.
    pub fn words(&self, arrow: &Arrow, trace: &Trace) -> String {
        let name = |lane: usize| place_in(&self.lanes[lane].name);
        let end = match arrow.fate {
            Fate::Arrived(at) => format!("arrives {} later", span(at.since(arrow.sent).micros())),
            Fate::Cut(at) => format!("lost: its connection broke at {}", seconds(at)),
            Fate::Refused(at) => format!("lost: nobody listened at {}", seconds(at)),
            Fate::Unsent => "never left: the connection to answer on was gone".to_string(),
            Fate::Underway => "still under way at the end".to_string(),
        };
        let about = arrow
            .cause
            .and_then(|cause| subject(trace, cause))
            .map_or_else(String::new, |orders| format!(", about {}", list(&orders)));
        format!(
            "{} to {}: {}{about}, sent at {}, {end}",
            name(arrow.from),
            name(arrow.to),
            self.name(arrow),
            seconds(arrow.sent),
        )
    }

    /// A fact in words.
    pub fn mark_words(&self, mark: &Mark, trace: &Trace) -> String {
        let event = trace.get(mark.fact);
        format!(
            "{} at {}: {}",
            place_in(&self.lanes[mark.lane].name),
            seconds(mark.at),
            told(&event.fact, &trace.cast)
        )
    }
}

/// A fact in plain words, a fault by its name in the script.
pub fn told(fact: &Fact, cast: &Cast) -> String {
    match fact {
        Fact::Injected { fault } => format!("fault: {}", cast.faults[usize::from(*fault)]),
        other => describe(other),
    }
}

/// A host in the words of the page, with the name of its branch.
pub fn place_in(host: &str) -> String {
    match host.rsplit_once('.') {
        Some((branch, role)) => format!("{} ({branch})", place(role)),
        None => match host.strip_prefix('p').filter(|n| *n != "1") {
            Some(n) if n.parse::<u8>().is_ok() => format!("producer {n}"),
            _ => place(host),
        },
    }
}

/// Milliseconds, with a fraction where they are few.
fn span(micros: u64) -> String {
    if micros < 10_000 {
        format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
    } else {
        format!("{} ms", micros / 1000)
    }
}

/// "#17", "#3, #4 and #5", "#1 to #24 (12 orders)".
pub fn list(orders: &[u32]) -> String {
    match orders {
        [] => "no order".into(),
        [one] => format!("#{one}"),
        [first, second] => format!("#{first} and #{second}"),
        [first, second, third] => format!("#{first}, #{second} and #{third}"),
        [first, .., last] => format!("#{first} to #{last} ({} orders)", orders.len()),
    }
}

// ---- lives ---------------------------------------------------------------------------------------------------------

/// What is known of every host's state while the trace is folded.
struct Lives {
    done: Vec<Vec<Stretch>>,
    open: Vec<Option<(Time, Condition)>>,
    /// Who has a producer id, and in which epoch.
    writers: OrdMap<u64, (HostId, u16)>,
}

impl Lives {
    fn new(hosts: usize) -> Self {
        Lives {
            done: vec![Vec::new(); hosts],
            open: vec![None; hosts],
            writers: OrdMap::new(),
        }
    }

    fn close(&mut self, host: HostId, at: Time) {
        let host = usize::from(host.0);
        if let Some((from, condition)) = self.open[host].take() {
            self.done[host].push(Stretch {
                from,
                until: Some(at),
                condition,
            });
        }
    }

    fn begin(&mut self, host: HostId, at: Time, condition: Condition) {
        self.close(host, at);
        self.open[usize::from(host.0)] = Some((at, condition));
    }

    fn is_down(&self, host: HostId) -> bool {
        matches!(self.open[usize::from(host.0)], Some((_, Condition::Down)))
    }

    fn fold(&mut self, event: &TraceEvent) {
        let (at, host) = (event.at, event.host);
        match &event.fact {
            Fact::Crashed { .. } => self.begin(host, at, Condition::Down),
            Fact::Restarted | Fact::Assigned { .. } => self.close(host, at),
            Fact::Paused { during } => self.done[usize::from(host.0)].push(Stretch {
                from: at,
                until: Some(at + *during),
                condition: Condition::Paused,
            }),
            // Whoever is removed from its group and lives works on without knowing it.
            Fact::MemberRemoved { member, why, .. }
                if !self.is_down(*member) && *why != crate::sim::trace::Departure::Left =>
            {
                self.begin(*member, at, Condition::Zombie);
            }
            Fact::ProducerIdAssigned { producer_id, epoch } => {
                let before = self.writers.insert(*producer_id, (host, *epoch));
                if let Some((older, _)) =
                    before.filter(|&(older, was)| older != host && was < *epoch)
                    && !self.is_down(older)
                {
                    self.begin(older, at, Condition::Zombie);
                }
            }
            _ => {}
        }
    }

    fn take(&self, host: usize) -> Vec<Stretch> {
        let mut stretches = self.done[host].clone();
        stretches.extend(self.open[host].map(|(from, condition)| Stretch {
            from,
            until: None,
            condition,
        }));
        stretches
    }
}

// ---- which orders a fact is about ------------------------------------------------------------------------------------

/// The orders that a fact names itself; none if it names none.
fn named(fact: &Fact) -> Option<Vec<u32>> {
    let plain = |origins: &[Origin]| Some(origins.iter().map(|&origin| number(origin)).collect());
    let sourced =
        |origins: &[(Origin, Source)]| Some(origins.iter().map(|&(o, _)| number(o)).collect());
    match fact {
        Fact::Emitted { origin, .. }
        | Fact::Changed { origin, .. }
        | Fact::Worked { origin, .. } => Some(vec![number(*origin)]),
        Fact::Resent { origins }
        | Fact::UnitDropped { origins, .. }
        | Fact::BatchSent { origins, .. }
        | Fact::BatchAppended { origins, .. }
        | Fact::Acknowledged { origins, .. }
        | Fact::SendFailed { origins, .. } => plain(origins),
        Fact::Polled { origins, .. }
        | Fact::DroppedLate { origins, .. }
        | Fact::Accumulated { origins, .. }
        | Fact::Precommitted { origins, .. }
        | Fact::CommitRefused { origins, .. }
        | Fact::SourceRead { origins, .. }
        | Fact::WrittenPending { origins, .. }
        | Fact::WindowMissed { origins, .. }
        | Fact::SideOutput { origins, .. }
        | Fact::Kept { origins, .. }
        | Fact::DuplicatesDropped { origins, .. }
        | Fact::Released { origins, .. }
        | Fact::MergedAway { origins, .. }
        | Fact::Deferred { origins, .. } => sourced(origins),
        Fact::BecameVisible { rows, .. } => {
            let origins = rows.iter().flat_map(|row| &row.origins);
            Some(origins.map(|&(origin, _)| number(origin)).collect())
        }
        _ => None,
    }
}

/// What a fact is about: what it names, or what the nearest of its causes names that names anything.
pub fn subject(trace: &Trace, fact: FactId) -> Option<Vec<u32>> {
    let mut next = Some(fact);
    while let Some(id) = next {
        let event = trace.get(id);
        if let Some(mut orders) = named(&event.fact) {
            orders.sort_unstable();
            orders.dedup();
            return Some(orders);
        }
        next = event.cause;
    }
    None
}

/// For every fact of the trace whether it is about this order: it names it, plans it, or was brought about by what does.
pub fn about(trace: &Trace, order: u32) -> Vec<bool> {
    let mut about = Vec::with_capacity(trace.events.len());
    let mut batches: OrdSet<BatchName> = OrdSet::new();
    let mut sources: OrdSet<(PartitionId, u64)> = OrdSet::new();
    for event in &trace.events {
        if let Fact::BatchAppended {
            batch,
            base_offset,
            origins,
            ..
        } = &event.fact
        {
            for (offset, _) in (*base_offset..)
                .zip(origins)
                .filter(|(_, origin)| number(**origin) == order)
            {
                sources.insert((batch.partition, offset));
            }
        }
        let is_own = match (named(&event.fact), &event.fact) {
            (Some(orders), fact) => {
                let own = orders.contains(&order);
                if let Some(batch) = fact.batch_name().filter(|_| own) {
                    batches.insert(batch);
                }
                own
            }
            (None, Fact::OffsetsLogged { ranges, .. }) => ranges.iter().any(|range| {
                sources.iter().any(|&(partition, offset)| {
                    partition == range.partition && (range.start..range.end).contains(&offset)
                })
            }),
            (None, fact) => match fact.batch_name() {
                Some(batch) => batches.contains(&batch),
                None => event.cause.is_some_and(|cause| about[cause.0 as usize]),
            },
        };
        about.push(is_own);
    }
    about
}

// ---- the thread of one explanation -----------------------------------------------------------------------------------

/// One step of an order's story, where it stands in the small diagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Knot {
    pub fact: FactId,
    pub at: Time,
    pub lane: usize,
    pub kind: LinkKind,
    pub shape: Shape,
    pub text: String,
    /// The step that brought it about, and whether that is a cause that the run names or only what came before in the story.
    pub after: Option<(usize, Tie)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// Named by the run: one led to the other.
    Cause,
    /// Told next to each other: the order was read from where it lay.
    Story,
}

/// The causal chain of one order: steps in time order on the lanes of those who took part.
#[derive(Clone, Debug, PartialEq)]
pub struct Thread {
    pub lanes: Vec<String>,
    pub knots: Vec<Knot>,
}

impl Thread {
    pub fn of(trace: &Trace, explanation: &Explanation) -> Thread {
        let mut links: Vec<_> = explanation.chain.iter().collect();
        sort_by_rank(&mut links, |link| (link.fact.0.into(), 0));
        let mut lanes: Vec<String> = Vec::new();
        for link in &links {
            if !lanes.contains(&link.place) {
                lanes.push(link.place.clone());
            }
        }
        let position = |id: FactId| links.iter().position(|link| link.fact == id);
        let knot = |(index, link): (usize, &&super::explain::Link)| {
            let event = trace.get(link.fact);
            let mut cause = event.cause;
            while let Some(id) = cause
                && position(id).is_none()
            {
                cause = trace.get(id).cause;
            }
            let caused = cause.and_then(position).map(|at| (at, Tie::Cause));
            let before = index.checked_sub(1).map(|at| (at, Tie::Story));
            // Nothing in the run brings a fault about.
            let story = before.filter(|_| link.kind != LinkKind::Fault);
            Knot {
                fact: link.fact,
                at: link.at,
                lane: lanes
                    .iter()
                    .position(|lane| *lane == link.place)
                    .unwrap_or(0),
                kind: link.kind,
                shape: Shape::of(&event.fact),
                text: link.text.clone(),
                after: caused.or(story),
            }
        };
        let knots = links.iter().enumerate().map(knot).collect();
        Thread { lanes, knots }
    }
}

#[cfg(test)]
mod tests {
    use super::super::explain::explain;
    use super::*;
    use crate::sim::explore::wired::Wiring;
    use crate::sim::{Keep, Run, Scenario, Simulation, catalog};

    fn folded(id: &str) -> (Scenario, Run, Spacetime) {
        let scenario = catalog::find(id).expect("a preset").scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let wired = Wiring::run(&scenario);
        assert_eq!(wired.digest, run.digest, "{id}: not the same run");
        let trace = run.trace.as_ref().expect("kept");
        let spacetime = Spacetime::of(trace, run.end, Some(&wired.wire));
        (scenario, run, spacetime)
    }

    /// Read off `tests/golden/order-billing.trace` by hand: order 17 goes to b2 at 3.106999, lies there at 3.109701, the
    /// connection breaks in that moment, and the answer, which waits for both followers until 3.115569, has nowhere to go.
    #[test]
    fn the_lost_acknowledgement_is_an_answer_that_never_left_and_the_second_one_arrives() {
        let (_, run, spacetime) = folded(catalog::OPENING);
        let trace = run.trace.as_ref().expect("kept");
        let lane = |name: &str| spacetime.lanes.iter().position(|lane| lane.name == name);
        let (p1, b2) = (lane("p1").expect("there"), lane("b2").expect("there"));
        let about = about(trace, 17);
        let between = |from, to| {
            let own = spacetime.arrows_in(Time::from_ms(3_100), Time::from_ms(3_300));
            let own = own.filter(move |(_, a)| (a.from, a.to) == (from, to));
            // It connects anew before it sends again.
            own.filter(|(_, a)| spacetime.name(a).starts_with("produce"))
                .filter(|(_, a)| a.cause.is_some_and(|c| about[c.0 as usize]))
                .map(|(_, a)| *a)
                .collect::<Vec<Arrow>>()
        };
        let sent = between(p1, b2);
        let sends: Vec<u64> = sent.iter().map(|a| a.sent.micros()).collect();
        assert_eq!(sends, [3_106_999, 3_201_190]);
        assert!(sent.iter().all(|a| matches!(a.fate, Fate::Arrived(_))));
        let answers = between(b2, p1);
        let fates: Vec<(u64, bool)> = answers
            .iter()
            .map(|a| (a.sent.micros(), a.is_lost()))
            .collect();
        assert_eq!(fates, [(3_115_569, true), (3_213_220, false)]);
        assert_eq!(
            spacetime.words(&answers[0], trace),
            "broker 2 to producer: produce response, about #17, sent at 3.115 s, never left: the connection to answer on was gone"
        );
        let lost = spacetime.arrows.iter().filter(|arrow| arrow.is_lost());
        assert_eq!(lost.count(), 1, "nothing else is lost in this run");
    }

    #[test]
    fn a_crash_is_a_gap_in_the_lane_that_ends_with_the_restart() {
        let (_, run, spacetime) = folded("append-after-write");
        let trace = run.trace.as_ref().expect("kept");
        let crash = trace
            .iter()
            .find(|(_, event)| matches!(event.fact, Fact::Crashed { .. }))
            .expect("it crashes")
            .1;
        let again = trace.iter().find(|(_, event)| {
            event.host == crash.host && event.at > crash.at && matches!(event.fact, Fact::Restarted)
        });
        let lane = spacetime
            .lanes
            .iter()
            .find(|lane| lane.host == crash.host)
            .expect("it has a lane");
        assert_eq!(
            lane.stretches,
            [Stretch {
                from: crash.at,
                until: again.map(|(_, event)| event.at),
                condition: Condition::Down
            }]
        );
        let place = spacetime.lanes.iter().position(|other| other == lane);
        let silent = |arrow: &Arrow| {
            let until = lane.stretches[0].until.unwrap_or(run.end);
            Some(arrow.from) == place && arrow.sent > crash.at && arrow.sent < until
        };
        assert!(
            !spacetime.arrows.iter().any(silent),
            "the dead send nothing"
        );
    }

    #[test]
    fn a_consumer_that_stands_still_is_paused_and_then_a_zombie_until_it_has_a_place_again() {
        let (_, _, spacetime) = folded("zombie-consumer");
        let conditions = |name: &str| {
            let lane = spacetime.lanes.iter().find(|lane| lane.name == name);
            let stretches = &lane.expect("there").stretches;
            stretches
                .iter()
                .map(|stretch| stretch.condition)
                .collect::<Vec<_>>()
        };
        let first = conditions("c1");
        assert!(first.contains(&Condition::Paused), "{first:?}");
        assert!(first.contains(&Condition::Zombie), "{first:?}");
        assert!(conditions("c2").is_empty());
    }

    #[test]
    fn a_window_shows_what_reaches_into_it_and_nothing_else() {
        let (_, _, spacetime) = folded(catalog::OPENING);
        let (from, to) = (Time::from_ms(3_000), Time::from_ms(3_400));
        let shown: Vec<usize> = spacetime.arrows_in(from, to).map(|(n, _)| n).collect();
        let meant = spacetime.arrows.iter().enumerate();
        let meant = meant.filter(|(_, a)| a.sent <= to && a.until >= from);
        assert_eq!(shown, meant.map(|(n, _)| n).collect::<Vec<_>>());
        assert!(spacetime.arrows.iter().all(|a| a.sent <= a.until));
        let marks = spacetime.marks_in(from, to);
        assert!(marks.iter().all(|mark| mark.at >= from && mark.at <= to));
        assert!(!marks.is_empty());
    }

    #[test]
    fn every_lane_is_a_host_and_every_fact_is_on_the_lane_of_its_host() {
        for preset in catalog::all().iter().take(6) {
            let (_, run, spacetime) = folded(preset.id);
            let trace = run.trace.as_ref().expect("kept");
            assert_eq!(spacetime.marks.len(), trace.events.len());
            for (mark, event) in spacetime.marks.iter().zip(&trace.events) {
                assert_eq!(spacetime.lanes[mark.lane].host, event.host);
            }
        }
    }

    /// The thread of the first order with this outcome, or of the first order.
    fn thread(id: &str, wanted: fn(&crate::sim::OutcomeKind) -> bool) -> (Explanation, Thread) {
        let scenario = catalog::find(id).expect("a preset").scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let bad = run.outcomes.iter().find(|outcome| wanted(&outcome.kind));
        let order = bad.map_or(1, |outcome| outcome.order);
        let explanation = explain(&scenario, &run, order, run.end).expect("explained");
        let thread = Thread::of(run.trace.as_ref().expect("kept"), &explanation);
        (explanation, thread)
    }

    #[test]
    fn the_thread_of_an_order_has_the_steps_of_its_explanation_and_runs_forward() {
        use crate::sim::OutcomeKind::{DroppedLate, Duplicated, Lost};
        let duplicated: fn(&crate::sim::OutcomeKind) -> bool = |kind| matches!(kind, Duplicated(_));
        let lost: fn(&crate::sim::OutcomeKind) -> bool = |kind| matches!(kind, Lost(_));
        let late: fn(&crate::sim::OutcomeKind) -> bool = |kind| matches!(kind, DroppedLate);
        for (id, wanted) in [
            (catalog::OPENING, duplicated),
            (catalog::OPENING, late),
            ("commit-first", lost),
            ("zombie-consumer", duplicated),
        ] {
            let (explanation, thread) = thread(id, wanted);
            assert_eq!(thread.knots.len(), explanation.chain.len(), "{id}");
            for (index, knot) in thread.knots.iter().enumerate() {
                assert!(knot.lane < thread.lanes.len());
                if let Some((before, _)) = knot.after {
                    assert!(before < index, "{id}: {knot:?}");
                }
            }
            let faults = thread
                .knots
                .iter()
                .filter(|knot| knot.kind == LinkKind::Fault);
            assert!(faults.clone().all(|knot| knot.after.is_none()));
        }
        let (_, doubled) = thread(catalog::OPENING, duplicated);
        let again = doubled
            .knots
            .iter()
            .position(|knot| knot.text.contains("attempt 2"));
        let again = again.expect("it is sent again");
        let (_, tie) = doubled.knots[again].after.expect("something led to it");
        assert_eq!(tie, Tie::Cause);
    }
}
