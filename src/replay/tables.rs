//! A run as relational tables: what an auditor of the real systems could query. A fold of the trace up to a moment.
//!
//! Times are ms (event times since 1970, all others since the start of the run), amounts are cents, so that sums are exact.
//! Orders carry the numbers that they have in the picture.

use super::table::{Action, Files, Timeline};
use crate::sim::Scenario;
use crate::sim::kafka::protocol::{BatchName, PartitionId};
use crate::sim::kernel::{EventTime, HostId, Time};
use crate::sim::ordered::OrdMap;
use crate::sim::origin::{Origin, number};
use crate::sim::trace::{Cast, Fact, InstantState, Row, SegmentId, Trace, TraceEvent, Window};
use crate::sim::workload::Status;

/// A value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Integer(i64),
    Text(String),
}

impl Cell {
    fn of(number: impl TryInto<i64>) -> Cell {
        number.try_into().map_or(Cell::Null, Cell::Integer)
    }

    fn maybe(number: Option<impl TryInto<i64>>) -> Cell {
        number.map_or(Cell::Null, Cell::of)
    }

    fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }
}

/// A column: its name and what it holds.
pub type Column = (&'static str, &'static str);

/// A table with all of its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub name: String,
    /// In one sentence.
    pub about: &'static str,
    pub columns: &'static [Column],
    pub rows: Vec<Vec<Cell>>,
}

const SOURCE_ORDERS: &[Column] = &[
    ("order_id", "the order"),
    ("customer_id", "who ordered"),
    ("amount", "in cents"),
    ("event_ts", "event time of its newest version"),
    (
        "src_partition",
        "where the topic first held it; NULL if it never did",
    ),
    ("src_offset", "its offset there"),
];
const SINK_ORDERS: &[Column] = &[
    ("order_id", "the order"),
    ("customer_id", "who ordered"),
    ("amount", "in cents"),
    ("event_ts", "event time"),
    (
        "src_partition",
        "partition of the record that the row was made from",
    ),
    ("src_offset", "offset of it"),
    ("commit_time", "instant of the commit (_hoodie_commit_time)"),
    (
        "partition_path",
        "partition of the table (_hoodie_partition_path)",
    ),
    ("record_key", "the row's key (_hoodie_record_key)"),
];
const SINK_WINDOWS: &[Column] = &[
    ("window_start", "inclusive"),
    ("window_end", "exclusive"),
    ("group_key", "what was grouped by"),
    ("amount", "the sum, in cents"),
    ("events", "how many it is made from"),
    ("commit_time", "when it became visible"),
];
const TOPIC_LOG: &[Column] = &[
    ("partition", "of the topic"),
    ("offset", "in the leader's log"),
    ("order_id", "NULL in a marker"),
    ("producer_id", "NULL without idempotence"),
    ("sequence", "of the producer in this partition"),
    ("control", "COMMIT or ABORT in a marker, else NULL"),
    ("append_time", "when the leader appended it"),
];
const HUDI_TIMELINE: &[Column] = &[
    (
        "instant",
        "when the action began; of a rollback, what it rolls back",
    ),
    (
        "action",
        "commit, deltacommit, compaction, clean or rollback",
    ),
    ("state", "REQUESTED, INFLIGHT or COMPLETED"),
    ("completion", "when it was complete; NULL before"),
];
const HUDI_FILES: &[Column] = &[
    ("file_group", "the group it is a slice of"),
    ("instant", "which write made it"),
    ("kind", "base or log"),
    ("rows", "in the file"),
    (
        "claimed",
        "1 if its instant is complete, else 0: nobody reads it",
    ),
];

/// What the business said last about an order.
#[derive(Clone, Debug)]
struct Order {
    customer: u32,
    amount: i64,
    event_time: EventTime,
    cancelled: bool,
    /// The event that said so.
    event: u32,
}

struct Logged {
    order: Option<u32>,
    producer_id: Option<u64>,
    sequence: Option<u32>,
    control: Option<&'static str>,
    at: Time,
}

struct Visible {
    row: Row,
    commit: Time,
}

/// Everything that the tables are made from.
struct Fold {
    partitions: u16,
    orders: OrdMap<u32, Order>,
    /// Events that change an earlier order: that order.
    changes: OrdMap<u32, u32>,
    /// Where an event was first appended.
    first: OrdMap<u32, (PartitionId, u64)>,
    log: OrdMap<(PartitionId, u64), Logged>,
    producer_ids: OrdMap<HostId, u64>,
    sequences: OrdMap<(BatchKey, u32), u32>,
    visible: Vec<(SegmentId, Visible)>,
    timeline: Timeline,
    files: Files,
}

/// A batch by its partition and its place there, as an ordered key.
type BatchKey = (HostId, u32, PartitionId);

fn key(batch: &BatchName) -> (BatchKey, u32) {
    (
        (batch.producer, batch.session, batch.partition),
        batch.ordinal,
    )
}

/// The tables of a run after its first `facts` facts.
pub fn tables(scenario: &Scenario, trace: &Trace, facts: usize) -> Vec<Table> {
    let mut fold = Fold {
        partitions: scenario.topic.partitions,
        orders: OrdMap::new(),
        changes: OrdMap::new(),
        first: OrdMap::new(),
        log: OrdMap::new(),
        producer_ids: OrdMap::new(),
        sequences: OrdMap::new(),
        visible: Vec::new(),
        timeline: Timeline::new(&scenario.sink.hudi),
        files: Files::default(),
    };
    for event in trace.events.iter().take(facts) {
        fold.take_in(event);
    }
    fold.tables(&trace.cast)
}

impl Fold {
    fn order(&self, event: u32) -> u32 {
        self.changes.get(&event).copied().unwrap_or(event)
    }

    fn take_in(&mut self, event: &TraceEvent) {
        self.timeline.fold(event.at, &event.fact);
        self.files.fold(&event.fact);
        match &event.fact {
            Fact::Emitted {
                origin,
                customer,
                order_id,
                amount,
                event_time,
            } => {
                let said = Order {
                    customer: *customer,
                    amount: *amount,
                    event_time: *event_time,
                    cancelled: false,
                    event: number(*origin),
                };
                self.orders.insert(*order_id, said);
                self.changes.insert(number(*origin), *order_id);
            }
            Fact::Changed {
                order_id, version, ..
            } => {
                if let Some(order) = self.orders.get_mut(order_id) {
                    order.cancelled = version.status == Status::Cancelled;
                }
            }
            Fact::ProducerIdAssigned { producer_id, .. } => {
                self.producer_ids.insert(event.host, *producer_id);
            }
            Fact::BatchSent {
                batch,
                sequence: Some(sequence),
                ..
            } => {
                self.sequences.insert(key(batch), *sequence);
            }
            Fact::BatchAppended {
                batch,
                base_offset,
                origins,
                ..
            } => self.appended(event.at, batch, *base_offset, origins),
            Fact::MarkerAppended {
                partition,
                offset,
                commit,
                ..
            } if partition.0 < self.partitions => {
                let marker = Logged {
                    order: None,
                    producer_id: None,
                    sequence: None,
                    control: Some(if *commit { "COMMIT" } else { "ABORT" }),
                    at: event.at,
                };
                self.log.insert((*partition, *offset), marker);
            }
            Fact::LeaderElected { partition, end, .. } => {
                self.log
                    .retain(|(of, offset), _| of != partition || offset < end);
            }
            Fact::LogStartAdvanced { partition, to } => {
                self.log
                    .retain(|(of, offset), _| of != partition || offset >= to);
            }
            Fact::BecameVisible {
                segment,
                instant,
                rows,
                ..
            } => {
                let seen = rows.iter().map(|row| {
                    let row = row.clone();
                    let commit = *instant;
                    (*segment, Visible { row, commit })
                });
                self.visible.extend(seen);
            }
            Fact::Retracted { segment, rows, .. } => {
                self.visible
                    .retain(|(of, seen)| of != segment || !rows.contains(&seen.row.row));
            }
            _ => {}
        }
    }

    fn appended(&mut self, at: Time, batch: &BatchName, base: u64, origins: &[Origin]) {
        // Behind the topic's own partitions lie those of coordinators and of other topics.
        if batch.partition.0 >= self.partitions {
            return;
        }
        let sequence = self.sequences.get(&key(batch)).copied();
        for (n, origin) in (0_u32..).zip(origins) {
            let event = number(*origin);
            let place = (batch.partition, base + u64::from(n));
            self.first.entry(event).or_insert(place);
            let record = Logged {
                order: Some(self.order(event)),
                producer_id: sequence.and(self.producer_ids.get(&batch.producer).copied()),
                sequence: sequence.map(|first| first + n),
                control: None,
                at,
            };
            self.log.insert(place, record);
        }
    }

    fn tables(&self, cast: &Cast) -> Vec<Table> {
        let mut all = vec![self.source_orders()];
        for (n, segment) in cast.segments.iter().enumerate() {
            let id = SegmentId(n as u8);
            let rows = || self.visible.iter().filter(move |(of, _)| *of == id);
            let windowed = |seen: &Visible| seen.row.window.is_some() || seen.row.origins.len() > 1;
            let single = rows().filter(|(_, seen)| !windowed(seen));
            let sums = rows().filter(|(_, seen)| windowed(seen));
            let sums: Vec<Vec<Cell>> = sums.map(|(_, seen)| window_row(seen)).collect();
            let orders: Vec<Vec<Cell>> = single.map(|(_, seen)| self.sink_row(seen)).collect();
            // A branch has a table of one kind; the main one is always there, so that a query does not fail for being early.
            if n == 0 || !orders.is_empty() {
                all.push(Table {
                    name: named("sink_orders", segment),
                    about: "What a reader of the sink sees: one row for each visible row.",
                    columns: SINK_ORDERS,
                    rows: orders,
                });
            }
            if !sums.is_empty() {
                all.push(Table {
                    name: named("sink_windows", segment),
                    about: "The sums that a reader of the sink sees.",
                    columns: SINK_WINDOWS,
                    rows: sums,
                });
            }
        }
        all.push(self.topic_log());
        if !self.timeline.instants.is_empty() {
            all.push(self.hudi_timeline());
            all.push(self.hudi_files());
        }
        all
    }

    fn source_orders(&self) -> Table {
        let standing = self.orders.iter().filter(|(_, order)| !order.cancelled);
        let rows = standing.map(|(&id, order)| {
            let place = self.first.get(&order.event);
            vec![
                Cell::of(id),
                Cell::of(order.customer),
                Cell::Integer(order.amount),
                Cell::Integer(order.event_time.ms()),
                Cell::maybe(place.map(|(partition, _)| partition.0)),
                Cell::maybe(place.map(|&(_, offset)| offset)),
            ]
        });
        Table {
            name: "source_orders".into(),
            about: "The truth: every order that the business handed over and did not cancel.",
            columns: SOURCE_ORDERS,
            rows: rows.collect(),
        }
    }

    fn sink_row(&self, seen: &Visible) -> Vec<Cell> {
        let row = &seen.row;
        let first = row.origins.first();
        let order = first.map(|&(origin, _)| self.order(number(origin)));
        let customer = order.and_then(|order| Some(self.orders.get(&order)?.customer));
        vec![
            Cell::maybe(order),
            Cell::maybe(customer),
            Cell::Integer(row.amount),
            Cell::Integer(row.event_time.ms()),
            Cell::maybe(first.map(|(_, source)| source.partition.0)),
            Cell::maybe(first.map(|(_, source)| source.offset)),
            Cell::of(seen.commit.ms()),
            Cell::text(&row.partition_path),
            Cell::text(&row.record_key),
        ]
    }

    fn topic_log(&self) -> Table {
        let rows = self.log.iter().map(|(&(partition, offset), record)| {
            vec![
                Cell::of(partition.0),
                Cell::of(offset),
                Cell::maybe(record.order),
                Cell::maybe(record.producer_id),
                Cell::maybe(record.sequence),
                record.control.map_or(Cell::Null, Cell::text),
                Cell::of(record.at.ms()),
            ]
        });
        Table {
            name: "topic_log".into(),
            about: "The leaders' logs: every record and every marker that can still be read.",
            columns: TOPIC_LOG,
            rows: rows.collect(),
        }
    }

    fn hudi_timeline(&self) -> Table {
        let rows = self.timeline.instants.iter().map(|one| {
            let state = match one.state {
                InstantState::Requested => "REQUESTED",
                InstantState::Inflight => "INFLIGHT",
                InstantState::Completed => "COMPLETED",
            };
            let action = match one.action {
                Action::RolledBack => Action::Rollback,
                action => action,
            };
            let completed = one.state == InstantState::Completed;
            vec![
                Cell::of(one.instant.ms()),
                Cell::text(action.name()),
                Cell::text(state),
                Cell::maybe(completed.then(|| one.since.ms())),
            ]
        });
        Table {
            name: "hudi_timeline".into(),
            about: "The table's active timeline. What is not COMPLETED no reader sees.",
            columns: HUDI_TIMELINE,
            rows: rows.collect(),
        }
    }

    fn hudi_files(&self) -> Table {
        let rows = self.files.all().iter().map(|file| {
            vec![
                Cell::text(&file.group),
                Cell::of(file.instant.ms()),
                Cell::text(if file.log { "log" } else { "base" }),
                Cell::of(file.rows),
                Cell::of(u32::from(file.complete)),
            ]
        });
        Table {
            name: "hudi_files".into(),
            about: "Data files in the table's folders, also those that no complete commit has claimed.",
            columns: HUDI_FILES,
            rows: rows.collect(),
        }
    }
}

fn window_row(seen: &Visible) -> Vec<Cell> {
    let row = &seen.row;
    let edge = |of: fn(Window) -> EventTime| Cell::maybe(row.window.map(|window| of(window).ms()));
    vec![
        edge(|window| window.start),
        edge(|window| window.end),
        Cell::text(&row.record_key),
        Cell::Integer(row.amount),
        Cell::of(row.origins.len() as u64),
        Cell::of(seen.commit.ms()),
    ]
}

/// A branch's tables carry its name in front.
fn named(table: &str, segment: &str) -> String {
    if segment.is_empty() {
        return table.into();
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let segment: String = segment.chars().map(plain).collect();
    format!("{segment}_{table}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Keep, Run, Simulation, catalog};

    fn run(id: &str) -> (Scenario, Run) {
        let scenario = catalog::find(id).expect("a preset").scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        (scenario, run)
    }

    fn end(id: &str) -> Vec<Table> {
        let (scenario, run) = run(id);
        let trace = run.trace.expect("kept");
        tables(&scenario, &trace, trace.events.len())
    }

    fn table<'a>(all: &'a [Table], name: &str) -> &'a Table {
        all.iter().find(|table| table.name == name).expect(name)
    }

    /// The integers of a column; nothing for NULL.
    fn column(table: &Table, name: &str) -> Vec<Option<i64>> {
        let place = table.columns.iter().position(|(of, _)| *of == name);
        let place = place.expect(name);
        let integer = |row: &Vec<Cell>| match row[place] {
            Cell::Integer(n) => Some(n),
            _ => None,
        };
        table.rows.iter().map(integer).collect()
    }

    #[test]
    fn the_doubled_order_is_in_the_sink_and_in_the_log_twice_and_in_the_source_once() {
        let all = end("order-billing");
        let times = |name: &str| {
            let ids = column(table(&all, name), "order_id");
            ids.iter().filter(|&&id| id == Some(17)).count()
        };
        assert_eq!(
            (
                times("source_orders"),
                times("topic_log"),
                times("sink_orders")
            ),
            (1, 2, 2)
        );
    }

    #[test]
    fn rows_of_every_preset_are_as_many_as_the_verdict_says_and_each_row_is_whole() {
        for preset in catalog::all() {
            let (scenario, run) = run(preset.id);
            let trace = run.trace.expect("kept");
            let all = tables(&scenario, &trace, trace.events.len());
            let of_main = |name: &str| {
                let found = all.iter().find(|table| table.name == name);
                found.map_or(0, |table| table.rows.len())
            };
            let rows = of_main("sink_orders") + of_main("sink_windows");
            assert_eq!(rows as u32, run.verdict.rows, "{}", preset.id);
            for table in &all {
                let whole = |row: &Vec<Cell>| row.len() == table.columns.len();
                assert!(table.rows.iter().all(whole), "{} {}", preset.id, table.name);
            }
        }
    }

    #[test]
    fn a_crash_leaves_a_file_that_nobody_claims_and_a_completed_commit_claims_its_own() {
        let unclaimed = |id: &str| {
            let all = end(id);
            let claimed = column(table(&all, "hudi_files"), "claimed");
            claimed.iter().filter(|&&one| one == Some(0)).count()
        };
        assert!(unclaimed("garbage-stays") > 0);
        assert_eq!(unclaimed("order-billing"), 0);
    }

    #[test]
    fn before_the_first_fact_the_tables_are_empty_and_there() {
        let (scenario, run) = run("order-billing");
        let all = tables(&scenario, &run.trace.expect("kept"), 0);
        let names: Vec<&str> = all.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["source_orders", "sink_orders", "topic_log"]);
        assert!(all.iter().all(|table| table.rows.is_empty()));
    }

    #[test]
    fn a_record_has_a_sequence_only_with_idempotence_and_a_marker_never() {
        let log = |id: &str| {
            let all = end(id);
            let log = table(&all, "topic_log");
            column(log, "sequence")
                .into_iter()
                .zip(column(log, "order_id"))
                .collect::<Vec<_>>()
        };
        let plain = log("order-billing");
        assert!(plain.iter().all(|(sequence, _)| sequence.is_none()));
        let transactional = log("read-uncommitted");
        assert!(transactional.iter().any(|(_, order)| order.is_none()));
        let agree =
            |(sequence, order): &(Option<i64>, Option<i64>)| sequence.is_some() == order.is_some();
        assert!(transactional.iter().all(agree));
    }
}
