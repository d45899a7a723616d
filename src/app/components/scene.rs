//! What the diagram shows of a board: which slots, which rows, which routes. Plain numbers, drawn by `diagram`.

use super::glyphs;
use crate::app::lab::Done;
use crate::replay::Board;
use crate::replay::board::{Decision, FlightState, Partition, Slot, Strike, TableRow, WindowView};
use crate::replay::explain::{place, strike};
use crate::replay::output::Written;
use crate::sim::Scenario;
use crate::sim::compact::sort_by_rank;
use crate::sim::fault;
use crate::sim::kafka::protocol::{Isolation, PartitionId};
use crate::sim::kernel::{EventTime, Time};
use crate::sim::trace::{Cast, Trace};

/// The slots of a partition that are in view.
pub struct Track {
    pub first: u64,
    pub slots: usize,
}

impl Track {
    /// The newest slots, with one empty place ahead; moved back so far that the followed order stays in view.
    pub fn of(partition: &Partition, slots: usize, followed: Option<u32>) -> Track {
        let end = partition.slots.last().map_or(0, |slot| slot.offset + 1);
        let newest = (end + 1).saturating_sub(slots as u64);
        let of_order = partition
            .slots
            .iter()
            .find(|slot| Some(slot.order) == followed)
            .map(|slot| slot.offset.saturating_sub(2));
        Track {
            first: of_order.map_or(newest, |offset| offset.min(newest)),
            slots,
        }
    }

    pub fn shows(&self, offset: u64) -> bool {
        (self.first..self.first + self.slots as u64).contains(&offset)
    }

    /// The place of an offset: 0 for the first slot in view. Offsets beyond the view are at its edge.
    pub fn index(&self, offset: u64) -> f64 {
        offset.clamp(self.first, self.first + self.slots as u64) as f64 - self.first as f64
    }

    pub fn visible<'a>(
        &self,
        partition: &'a Partition,
    ) -> impl Iterator<Item = &'a Slot> + use<'a> {
        let (first, end) = (self.first, self.first + self.slots as u64);
        partition
            .slots
            .iter()
            .filter(move |slot| (first..end).contains(&slot.offset))
    }
}

/// A row as it is shown.
pub struct Entry {
    /// The event that it shows.
    pub order: u32,
    /// An order or a window.
    kind: &'static str,
    /// What it is called: the order that the event is about, or the window that it sums.
    pub label: String,
    pub amount: i64,
    pub since: Time,
    pub source: (PartitionId, u64),
    pub repeat: bool,
    /// Instead of the amount, where nobody may read it: open, aborted.
    pub unread: Option<&'static str>,
    /// How often a row of its key has become visible, if it changed in place.
    pub version: Option<u32>,
}

impl Entry {
    /// A window's label is longer than an order's.
    pub fn label_class(&self, followed: bool) -> &'static str {
        match (self.kind == "window", self.repeat, followed) {
            (true, true, _) => "m s11 b on-dup",
            (true, false, true) => "m s11 b",
            (true, false, false) => "m s11",
            (false, true, _) => "m s12 b on-dup",
            (false, false, true) => "m s12 b",
            (false, false, false) => "m s12",
        }
    }

    pub fn right(&self) -> String {
        self.unread
            .map_or_else(|| money(self.amount), str::to_string)
    }

    pub fn words(&self) -> String {
        let state = self.unread.unwrap_or("visible");
        let since = seconds(self.since);
        format!("{} {}, {state} since {since}", self.kind, self.label)
    }
}

fn entry(board: &Board, row: &TableRow) -> Entry {
    let label = match row.window {
        Some((window, _)) => clock(window.start, window.end.ms() - window.start.ms()),
        None => board.versions.order(row.order).to_string(),
    };
    Entry {
        order: row.order,
        kind: if row.window.is_some() {
            "window"
        } else {
            "order"
        },
        label,
        amount: row.amount,
        since: row.since,
        source: row.source,
        repeat: row.repeat,
        unread: None,
        version: (row.version > 1 && !row.repeat).then_some(row.version),
    }
}

/// Records of an output topic that its reader has not been given, and why.
fn unread(board: &Board, scenario: &Scenario) -> Vec<Entry> {
    if scenario.sink.kafka_topic.isolation != Isolation::ReadCommitted {
        return Vec::new();
    }
    let entry = |one: &Written| {
        let why = match one.decision? {
            Decision::Open => "open",
            Decision::Aborted => "aborted",
            Decision::Committed => return None,
        };
        Some(Entry {
            order: one.order,
            kind: "order",
            label: board.versions.order(one.order).to_string(),
            amount: board.amount(one.order),
            since: one.at,
            // Where it was read from is not said.
            source: (PartitionId(u16::MAX), one.offset),
            repeat: false,
            unread: Some(why),
            version: None,
        })
    };
    board.output.records.iter().filter_map(entry).collect()
}

/// The rows in view: a table read in the order of the order ids, around the followed one.
pub fn rows(board: &Board, scenario: &Scenario, most: usize, followed: Option<u32>) -> Vec<Entry> {
    let mut rows: Vec<Entry> = board.rows.iter().map(|row| entry(board, row)).collect();
    rows.extend(unread(board, scenario));
    let rank = |row: &Entry| {
        let order = board.versions.order(row.order);
        (
            u64::from(order) << 1 | u64::from(row.repeat),
            row.since.micros(),
        )
    };
    sort_by_rank(&mut rows, rank);
    let last = rows.len().saturating_sub(most);
    let around = rows
        .iter()
        .position(|row| Some(row.order) == followed)
        .map(|index| index.saturating_sub((most / 2).saturating_sub(1)));
    let first = around.map_or(last, |index| index.min(last));
    rows.into_iter().skip(first).take(most).collect()
}

/// A window of the query that sums by windows.
pub struct Sum {
    /// When it begins: `08:59`.
    pub from: String,
    pub sum: i64,
    pub closed: bool,
    /// Orders that came behind the watermark.
    pub late: usize,
    pub words: String,
}

/// The windows that orders were counted in or came too late for, oldest first.
pub fn windows(board: &Board) -> Vec<Sum> {
    let sum = |view: &WindowView| {
        let open: i64 = view
            .orders
            .iter()
            .map(|&(_, _, order)| board.amount(order))
            .sum();
        let from = clock(
            view.window.start,
            view.window.end.ms() - view.window.start.ms(),
        );
        let state = match view.closed {
            Some((at, _)) => format!("emitted at {}", seconds(at)),
            None => "open".to_string(),
        };
        Sum {
            words: format!(
                "window from {from}: {} orders counted, {} dropped late, {state}",
                view.orders.len(),
                view.dropped.len()
            ),
            from,
            sum: view.closed.map_or(open, |(_, amount)| amount),
            closed: view.closed.is_some(),
            late: view.dropped.len(),
        }
    };
    board.windows.values().map(sum).collect()
}

/// The time of day; seconds only where windows are not whole minutes.
pub fn clock(time: EventTime, window_ms: i64) -> String {
    let seconds = time.ms().div_euclid(1000).rem_euclid(86_400);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if window_ms % 60_000 == 0 {
        format!("{hour:02}:{minute:02}")
    } else {
        format!("{hour:02}:{minute:02}:{second:02}")
    }
}

/// Where things stand in the row above a partition's write rail: its name and leader, the plate of its high watermark, and
/// the flag of a fault of its broker. Left edges.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    pub name: f64,
    pub leader: Option<(f64, String)>,
    pub plate: f64,
    pub flag: Option<f64>,
}

/// What the plate of the high watermark takes.
pub const PLATE: f64 = 26.0;

impl Headline {
    /// Fits them in between `left` and `right`. The plate stands at its mast, on either side; the leader is named in as many
    /// words as there is room for, `leaders` being the longest first.
    pub fn of(
        (left, right): (f64, f64),
        mast: f64,
        name: f64,
        leaders: &[String],
        flag: Option<f64>,
    ) -> Headline {
        const GAP: f64 = 8.0;
        // Beside the plate: what is left of it, and what is right of it.
        let fit = |plate: f64, leader: Option<&String>| {
            let words = leader.map_or(0.0, |words| GAP + glyphs::width(words, 12.0));
            let label = name + words;
            let flag_width = flag.map_or(0.0, |width| GAP + width);
            let (before, after) = (left..plate - GAP, plate + PLATE + GAP..right);
            let room = |at: &std::ops::Range<f64>| at.end - at.start;
            let (name, flag_at) = if label + flag_width <= room(&before) {
                (before.start, before.start + label + GAP)
            } else if label <= room(&before) && flag_width <= room(&after) {
                (before.start, after.start)
            } else if label + flag_width <= room(&after) {
                (after.start, after.start + label + GAP)
            } else if flag_width <= room(&before) && label <= room(&after) {
                (after.start, before.start)
            } else {
                return None;
            };
            Some((name, flag_at))
        };
        let names = leaders.iter().map(Some).chain([None]);
        let sides = |mast: f64| [mast, mast - PLATE];
        let ways = names.flat_map(|leader| sides(mast).map(|plate| (leader, plate)));
        let found = ways
            .filter_map(|(leader, plate)| Some((leader, plate, fit(plate, leader)?)))
            .next();
        let (leader, plate, (at, flag_at)) = found.unwrap_or((None, mast, (left, right)));
        Headline {
            name: at,
            leader: leader.map(|words| (at + name + GAP, words.clone())),
            plate,
            flag: flag.map(|_| flag_at),
        }
    }
}

/// Partitions that either picture has room for.
pub const PARTITIONS: usize = 2;

/// Where a fault's flag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    Producer,
    /// The link to the broker that leads this partition.
    Link(usize),
    /// The broker that leads, or led, this partition.
    Broker(usize),
    Engine,
}

/// A flag of the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    pub spot: Spot,
    pub lines: [String; 2],
    /// The same in one line.
    pub brief: String,
    pub struck: bool,
}

/// Flags of what struck last at each spot, and of what is planned.
pub fn flags(board: &Board, done: &Done) -> Vec<Flag> {
    let scenario = &done.scenario;
    let Some(trace) = &done.run.trace else {
        return Vec::new();
    };
    let cast = &trace.cast;
    let mut flags: Vec<Flag> = Vec::new();
    for strike in &board.strikes {
        let Some(spec) = scenario.faults.get(&strike.id) else {
            continue;
        };
        let name = spec.menu().map_or("", |entry| entry.name);
        let place = strike_place(strike, spec.place.as_deref(), board, cast);
        let spot = spot_of(name, place, board, cast);
        flags.retain(|flag| flag.spot != spot);
        flags.push(Flag {
            spot,
            lines: struck_lines(strike, spec, cast),
            brief: match name.strip_prefix("driver.crash.") {
                Some(point) => format!("{} crash {point}", seconds(strike.at)),
                None if name.starts_with("executor") => format!("{} executor", seconds(strike.at)),
                None => format!("{} {}", seconds(strike.at), in_a_word(name)),
            },
            struck: true,
        });
    }
    for (id, spec) in &scenario.faults {
        if board.strikes.iter().any(|strike| strike.id == *id) {
            continue;
        }
        let entry = spec.menu();
        let place = spec
            .place
            .clone()
            .unwrap_or_else(|| entry.map_or("", |entry| entry.place).to_string());
        let spot = spot_of(entry.map_or("", |entry| entry.name), place, board, cast);
        if flags.iter().all(|flag| flag.spot != spot) {
            let lines = planned_lines(trace, id, spec);
            flags.push(Flag {
                spot,
                brief: lines[0].clone(),
                lines,
                struck: false,
            });
        }
    }
    flags
}

/// When the run shows that a fault will strike, the flag says the time and whom it meets; else when it is planned for.
fn planned_lines(trace: &Trace, id: &str, spec: &fault::FaultSpec) -> [String; 2] {
    // What is too long for a flag is said in a word.
    let short = spec.menu().map_or("fault", |entry| entry.short);
    let short = if short.len() > 17 {
        in_a_word(&spec.name)
    } else {
        short
    }
    .to_string();
    let Some((at, order)) = strike(trace, id) else {
        return [format!("planned, {}", planned_when(spec)), short];
    };
    let what = match (spec.name.as_str(), order) {
        ("net.drop_ack", Some(order)) => format!("ack of #{order} lost"),
        _ => short,
    };
    [format!("planned, {}", seconds(at)), what]
}

/// When a fault is planned, in few words.
pub fn planned_when(spec: &fault::FaultSpec) -> String {
    match (&spec.after, spec.step, spec.at) {
        (Some(after), ..) => after.iter().next().map_or(String::new(), |(fact, n)| {
            format!("{} {n}", fact.replace('_', " ").replace("batch ", ""))
        }),
        (None, Some(step), _) => format!("step {step}"),
        (None, None, Some(at)) => seconds(Time::from_ms(at)),
        _ => "by chance".into(),
    }
}

fn strike_place(strike: &Strike, place: Option<&str>, board: &Board, cast: &Cast) -> String {
    match place {
        // A link to any broker: the one that the order's partition is led by.
        Some(link) if link.ends_with(">*") => {
            let partition = strike.order.and_then(|order| {
                board
                    .partitions
                    .iter()
                    .find(|p| p.slots.iter().any(|slot| slot.order == order))
            });
            partition.and_then(|p| p.leader).map_or_else(
                || link.to_string(),
                |leader| format!("p1>{}", cast.host(leader)),
            )
        }
        Some(link) if link.contains('>') => link.to_string(),
        _ => cast.host(strike.host).to_string(),
    }
}

fn spot_of(name: &str, place: String, board: &Board, cast: &Cast) -> Spot {
    let (from, host) = place.split_once('>').unwrap_or(("p1", &place));
    let led = |host: &str| {
        let host = cast.find(host)?;
        let leads = |p: &Partition| {
            p.leader == Some(host) || p.replicas.first().is_some_and(|r| r.host == host)
        };
        // Whatever is out of view has its flag at the last one that is in view; there is room for one.
        let place = board.partitions.iter().position(leads)?;
        Some(place.min(PARTITIONS - 1))
    };
    // The links that are drawn are those of the producer; another one's flag stands where it begins.
    if from.starts_with('b') {
        return Spot::Broker(led(from).unwrap_or(0));
    }
    if !from.starts_with('p') {
        return Spot::Engine;
    }
    let led = led(host).unwrap_or(0);
    match name.split('.').next() {
        Some("net") => Spot::Link(led),
        Some("broker" | "coordinator") => Spot::Broker(led),
        Some("producer" | "txn" | "source") => Spot::Producer,
        _ => Spot::Engine,
    }
}

fn struck_lines(strike: &Strike, spec: &fault::FaultSpec, cast: &Cast) -> [String; 2] {
    let at = seconds(strike.at);
    let host = place(cast.host(strike.host));
    match (spec.name.as_str(), strike.order) {
        ("net.drop_ack", Some(order)) => {
            [format!("{at} link cut"), format!("ack of #{order} lost")]
        }
        ("net.drop_request", Some(order)) => {
            [format!("{at} link cut"), format!("#{order} not sent")]
        }
        (name, _) if name.starts_with("net.") => [format!("{at} link cut"), "requests lost".into()],
        (name, _) if name.starts_with("driver.crash.C") => {
            [format!("{at} crash"), format!("{host}, at {}", &name[13..])]
        }
        (name, _) => [format!("{at} {}", in_a_word(name)), format!("of {host}")],
    }
}

/// What a fault of a host is, as there is room for on a flag: `producer.pause` is a pause.
fn in_a_word(name: &str) -> &str {
    match name.split('.').nth(1) {
        Some("kill") | None => "crash",
        Some("reject" | "reject_stored") => "reject",
        Some(word) => word,
    }
}

/// Seconds with two decimals.
pub fn seconds(at: Time) -> String {
    format!(
        "{}.{:02} s",
        at.micros() / 1_000_000,
        at.micros() / 10_000 % 100
    )
}

/// The same without the unit, where there is little room.
pub fn short_seconds(at: Time) -> String {
    seconds(at).trim_end_matches(" s").to_string()
}

/// What the producer's box says: what is next, and what it believes of the order in question.
pub fn belief(board: &Board, followed: Option<u32>) -> [String; 2] {
    use crate::replay::board::Belief;
    if !board.producer.alive {
        return ["down".into(), "knows nothing".into()];
    }
    let Some(order) = followed
        .filter(|&order| order <= board.producer.last_emitted)
        .or(board.producer.news)
    else {
        return ["nothing yet".into(), String::new()];
    };
    let flight = board
        .producer
        .flights
        .iter()
        .find(|flight| flight.orders.contains(&order));
    match (board.belief(order), flight.map(|flight| flight.state)) {
        (Belief::Stored, _) => [format!("#{order} stored"), "once".into()],
        (Belief::Failed, _) => [format!("#{order} failed"), "not stored".into()],
        (Belief::Unknown, Some(FlightState::BackingOff { .. })) => {
            [format!("no ack for #{order}"), "will retry".into()]
        }
        (Belief::Unknown, Some(_)) => [format!("#{order} sent"), "no ack yet".into()],
        (Belief::Unknown, None) => [format!("#{order} waits"), "not sent yet".into()],
    }
}

/// Cents as money.
pub fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row above the write rail of the picture from left to right.
    const ROW: (f64, f64) = (188.0, 496.0);

    #[test]
    fn name_plate_and_flag_never_stand_over_one_another() {
        let leaders = [
            "on broker 1, epoch 3, tx till-12",
            "on broker 1, epoch 3",
            "b1, epoch 3",
        ];
        let leaders = leaders.map(String::from);
        for mast in (0..=10).map(|slot| 188.0 + 28.0 * f64::from(slot)) {
            for flag in [None, Some(glyphs::low_width("13.20 s crash"))] {
                let row = Headline::of(ROW, mast, 63.0, &leaders, flag);
                let mut taken = vec![(row.plate, row.plate + PLATE), (row.name, row.name + 63.0)];
                let words = |(at, words): &(f64, String)| (*at, at + glyphs::width(words, 12.0));
                taken.extend(row.leader.iter().map(words));
                taken.extend(row.flag.iter().map(|at| (*at, at + flag.unwrap_or(0.0))));
                taken.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(
                    taken.windows(2).all(|pair| pair[0].1 < pair[1].0),
                    "{mast}: {taken:?}"
                );
                assert!(
                    taken.iter().all(|at| at.0 >= 162.0 && at.1 <= 496.0),
                    "{mast}: {taken:?}"
                );
            }
        }
    }

    #[test]
    fn the_leader_is_named_in_full_where_there_is_room() {
        let leaders = ["on broker 1".to_string(), "b1".to_string()];
        let named = |mast, flag| Headline::of(ROW, mast, 63.0, &leaders, flag).leader;
        assert_eq!(
            named(440.0, None).map(|it| it.1).as_deref(),
            Some("on broker 1")
        );
        assert_eq!(
            named(440.0, Some(112.0)).map(|it| it.1).as_deref(),
            Some("b1")
        );
    }

    #[test]
    fn a_changed_row_is_called_by_its_order_and_not_by_the_event_that_changed_it() {
        use crate::sim::{Keep, Simulation, catalog};
        // Before the source sends the old versions once more.
        let labels = |id: &str| {
            let scenario = catalog::find(id).expect("a preset").scenario();
            let run = Simulation::run(&scenario, Keep::Trace);
            let trace = run.trace.as_ref().expect("kept");
            let mut board = Board::new(&scenario, &run);
            let until = Time::from_ms(5_500);
            let facts = trace.events.partition_point(|event| event.at <= until);
            (0..facts).for_each(|index| board.fold(trace, index));
            rows(&board, &scenario, 100, None)
        };
        let changed = labels("old-versions-replayed");
        assert!(changed.iter().any(|row| row.label != row.order.to_string()));
        let names: Vec<u32> = changed
            .iter()
            .map(|row| row.label.parse().expect("a number"))
            .collect();
        assert!(names.is_sorted());
        let plain = labels("acks-one");
        assert!(plain.iter().all(|row| row.label == row.order.to_string()));
    }

    #[test]
    fn what_lies_in_an_output_topic_and_may_not_be_read_is_no_row_like_the_others() {
        use crate::sim::{Keep, Patch, Simulation, catalog};
        let unread = |patch: &str| {
            let scenario = catalog::find("flink-transaction-timeout")
                .expect("a preset")
                .scenario();
            let scenario = scenario
                .patched(&Patch::parse(patch).expect("a patch"))
                .expect("valid");
            let run = Simulation::run(&scenario, Keep::Trace);
            let trace = run.trace.as_ref().expect("kept");
            let mut board = Board::new(&scenario, &run);
            (0..trace.events.len()).for_each(|index| board.fold(trace, index));
            let rows = rows(&board, &scenario, 1_000, None);
            rows.iter()
                .filter(|row| row.unread == Some("aborted"))
                .count()
        };
        assert!(unread("{}") > 0);
        let dirty = r#"{"sink": {"kafka_topic": {"output.isolation.level": "read_uncommitted"}}}"#;
        assert_eq!(unread(dirty), 0);
    }

    #[test]
    fn the_flag_of_a_link_between_tasks_stands_at_the_engine() {
        use crate::sim::{Keep, Simulation, catalog};
        let scenario = catalog::find("flink-ahead-of-the-barrier")
            .expect("a preset")
            .scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let board = Board::new(&scenario, &run);
        let flags = flags(
            &board,
            &Done {
                scenario,
                patch: crate::sim::Patch::default(),
                run,
                number: 1,
            },
        );
        assert!(
            flags.iter().all(|flag| flag.spot == Spot::Engine),
            "{flags:?}"
        );
    }
}
