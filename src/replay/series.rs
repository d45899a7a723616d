//! A run as the data of charts: steps and points in simulated time.

use crate::plot::{Clocks, Cost, Kind, Lag, Latency, Mark, Outcomes, Point, Sample, State};
use crate::sim::compact::gather;
use crate::sim::kafka::protocol::PartitionId;
use crate::sim::kernel::{EventTime, HostId, Time};
use crate::sim::ledger::Counters;
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::origin::number;
use crate::sim::trace::{Fact, SegmentId};
use crate::sim::{OutcomeKind, Run, Scenario};
use serde::{Deserialize, Serialize};

const BRANCH: SegmentId = SegmentId(1);

/// What all charts show of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    pub outcomes: Outcomes,
    pub latency: Latency,
    pub lag: Lag,
    pub clocks: Clocks,
    pub state: State,
    pub cost: Cost,
}

impl Series {
    pub fn of(scenario: &Scenario, run: &Run, end: Time) -> Series {
        Series {
            outcomes: outcomes(run, end),
            latency: latency(scenario, run),
            lag: lag(scenario, run, end),
            clocks: clocks(scenario, run, end),
            state: state(scenario, run, end),
            cost: cost(run, end),
        }
    }
}

fn outcomes(run: &Run, end: Time) -> Outcomes {
    // Totals, which may also go down: a copy is taken away, a refused order turns out to be stored.
    let totals = |total: fn(&Counters) -> u32| {
        let mut steps: Vec<(u64, u32)> = Vec::new();
        for (fact, counters) in &run.tally {
            let before = steps.last().map_or(0, |&(_, n)| n);
            if let Some(trace) = &run.trace
                && total(counters) != before
            {
                steps.push((trace.get(*fact).at.micros(), total(counters)));
            }
        }
        steps
    };
    let losses = run
        .outcomes
        .iter()
        .filter(|outcome| matches!(outcome.kind, OutcomeKind::Lost(_)));
    Outcomes {
        end: end.micros(),
        duplicates: totals(|counters| counters.duplicates),
        lost: losses
            .zip(1..)
            .map(|(outcome, n)| (outcome.at.micros(), n))
            .collect(),
        refused: totals(|counters| counters.counts.refused),
        late: totals(|counters| counters.counts.late),
    }
}

/// Visible rows of the main table, with the order each shows first and when.
fn first_visible(run: &Run) -> OrdMap<u32, (Time, EventTime)> {
    let mut first = OrdMap::new();
    for event in run.trace.iter().flat_map(|trace| &trace.events) {
        if let Fact::BecameVisible {
            segment: SegmentId::MAIN,
            rows,
            ..
        } = &event.fact
        {
            for row in rows {
                for &(origin, _) in &row.origins {
                    first
                        .entry(number(origin))
                        .or_insert((event.at, row.event_time));
                }
            }
        }
    }
    first
}

fn latency(scenario: &Scenario, run: &Run) -> Latency {
    let doubled = run
        .outcomes
        .iter()
        .filter(|o| matches!(o.kind, OutcomeKind::Duplicated(_)))
        .map(|o| o.order);
    let doubled: OrdSet<u32> = gather(doubled);
    let sample = |(order, (at, event_time)): (u32, (Time, EventTime))| {
        let happened = (event_time.ms() - scenario.workload.zero_ms) * 1000;
        let micros = (at.micros() as i64 - happened).max(0) as u64;
        let mark = if doubled.contains(&order) {
            Mark::Duplicate
        } else {
            Mark::Plain
        };
        Sample {
            order,
            at: at.micros(),
            micros,
            mark,
        }
    };
    let counts = run.verdict.counts;
    Latency {
        samples: first_visible(run).into_iter().map(sample).collect(),
        missing: counts.lost + counts.late,
        sla: None,
    }
}

/// What the main segment has still to read, by partition: the high watermark less the committed position.
fn lag(scenario: &Scenario, run: &Run, end: Time) -> Lag {
    let partitions = usize::from(scenario.topic.partitions);
    let mut steps: Vec<Vec<(u64, u64)>> = vec![vec![(0, 0)]; partitions];
    let mut high = vec![0_u64; partitions];
    let mut committed = vec![0_u64; partitions];
    let mut planned = OrdMap::new();
    for event in run.trace.iter().flat_map(|trace| &trace.events) {
        let touched: Vec<usize> = match &event.fact {
            Fact::HighWatermarkAdvanced { partition, offset }
                if usize::from(partition.0) < partitions =>
            {
                high[usize::from(partition.0)] = *offset;
                vec![usize::from(partition.0)]
            }
            Fact::OffsetsLogged {
                segment: SegmentId::MAIN,
                batch,
                ranges,
                ..
            } => {
                planned.insert(*batch, ranges.clone());
                Vec::new()
            }
            Fact::BatchCommitted {
                segment: SegmentId::MAIN,
                batch,
                ..
            } => {
                let ranges = planned.remove(batch).unwrap_or_default();
                for range in &ranges {
                    committed[usize::from(range.partition.0)] = range.end;
                }
                ranges
                    .iter()
                    .map(|range| usize::from(range.partition.0))
                    .collect()
            }
            Fact::OffsetsCommitted {
                segment: SegmentId::MAIN,
                positions,
                ..
            } => {
                for &(partition, offset) in positions {
                    committed[usize::from(partition.0)] = offset;
                }
                let places = positions
                    .iter()
                    .map(|&(partition, _)| usize::from(partition.0));
                places.collect()
            }
            _ => Vec::new(),
        };
        for index in touched {
            steps[index].push((
                event.at.micros(),
                high[index].saturating_sub(committed[index]),
            ));
        }
    }
    let name = |index: usize| format!("{}-{index}", scenario.topic.name);
    Lag {
        end: end.micros(),
        partitions: steps
            .into_iter()
            .enumerate()
            .map(|(index, steps)| (name(index), steps))
            .collect(),
    }
}

/// Event time against the moment of becoming visible; the watermark and the windows are those of the revenue query.
fn clocks(scenario: &Scenario, run: &Run, end: Time) -> Clocks {
    let zero = scenario.workload.zero_ms;
    let relative = |at: EventTime| (at.ms() - zero) * 1000;
    let mut points = Vec::new();
    let mut shown = OrdSet::new();
    let mut late = OrdSet::new();
    let mut watermark = Vec::new();
    let mut windows = OrdSet::new();
    let mut event_times = OrdMap::new();
    for event in run.trace.iter().flat_map(|trace| &trace.events) {
        match &event.fact {
            Fact::Emitted {
                origin, event_time, ..
            } => {
                event_times.insert(number(*origin), *event_time);
            }
            Fact::BecameVisible {
                segment: SegmentId::MAIN,
                rows,
                ..
            } => {
                for row in rows {
                    for &(origin, _) in &row.origins {
                        let order = number(origin);
                        let kind = if shown.insert(order) {
                            Kind::Seen
                        } else {
                            Kind::Duplicate
                        };
                        points.push(Point {
                            order,
                            event: relative(row.event_time),
                            processing: event.at.micros(),
                            kind,
                        });
                    }
                }
            }
            Fact::DroppedLate {
                segment: BRANCH,
                origins,
                window,
            } => {
                windows.insert(window.end);
                for &(origin, _) in origins {
                    let order = number(origin);
                    if let Some(event_time) = event_times.get(&order).filter(|_| late.insert(order))
                    {
                        points.push(Point {
                            order,
                            event: relative(*event_time),
                            processing: event.at.micros(),
                            kind: Kind::Late,
                        });
                    }
                }
            }
            Fact::Accumulated {
                segment: BRANCH,
                window,
                ..
            } => {
                windows.insert(window.start);
                windows.insert(window.end);
            }
            Fact::WatermarkAdvanced {
                segment: BRANCH,
                to,
            } => watermark.push((event.at.micros(), relative(*to))),
            _ => {}
        }
    }
    Clocks {
        end: end.micros(),
        points,
        watermark,
        windows: windows.into_iter().map(relative).collect(),
    }
}

/// Rows that stateful operators keep, over all queries, and how new the main table is.
fn state(scenario: &Scenario, run: &Run, end: Time) -> State {
    let zero = scenario.workload.zero_ms;
    let mut kept: OrdMap<(SegmentId, HostId), u32> = OrdMap::new();
    let mut rows: Vec<(u64, u32)> = Vec::new();
    let mut newest: Vec<(u64, i64)> = Vec::new();
    // Spark's versions belong to the query, Flink's snapshots to a task.
    let query = HostId(u8::MAX);
    for event in run.trace.iter().flat_map(|trace| &trace.events) {
        let at = event.at.micros();
        let (owner, saved) = match &event.fact {
            Fact::StateSaved {
                segment, rows: n, ..
            } => ((*segment, query), *n),
            Fact::SnapshotTaken {
                segment, rows: n, ..
            } => ((*segment, event.host), *n),
            Fact::BecameVisible {
                segment: SegmentId::MAIN,
                rows: visible,
                ..
            } => {
                let times = visible
                    .iter()
                    .map(|row| (row.event_time.ms() - zero) * 1000);
                let before = newest.last().map_or(i64::MIN, |&(_, event)| event);
                newest.extend(
                    times
                        .max()
                        .filter(|&last| last > before)
                        .map(|last| (at, last)),
                );
                continue;
            }
            _ => continue,
        };
        kept.insert(owner, saved);
        let total = kept.values().sum();
        if rows.last().map_or(0, |&(_, n)| n) != total {
            rows.push((at, total));
        }
    }
    State {
        end: end.micros(),
        rows,
        newest,
    }
}

/// What the trace can count of the work that was done.
fn cost(run: &Run, end: Time) -> Cost {
    let [mut requests, mut copies, mut files, mut commits] = [(); 4].map(|()| Vec::new());
    let mut orders = Vec::new();
    let mut ends: OrdMap<(HostId, PartitionId), u64> = OrdMap::new();
    for event in run.trace.iter().flat_map(|trace| &trace.events) {
        let at = event.at.micros();
        match &event.fact {
            Fact::Emitted { .. } => orders.push((at, 1)),
            Fact::BatchSent { .. } => requests.push((at, 1)),
            Fact::ReplicaAdvanced { partition, end } => {
                let before = ends.insert((event.host, *partition), *end).unwrap_or(0);
                copies.push((at, end.saturating_sub(before) as u32));
            }
            Fact::LogTruncated { partition, to, .. } => {
                ends.insert((event.host, *partition), *to);
            }
            Fact::DataFileWritten { .. } | Fact::SliceCompacted { .. } => files.push((at, 1)),
            Fact::TableCommitted { .. }
            | Fact::BatchCommitted { .. }
            | Fact::OffsetsCommitted { .. }
            | Fact::CheckpointCompleted { .. }
            | Fact::TransactionEnded { .. } => commits.push((at, 1)),
            _ => {}
        }
    }
    let item = |name: &str, what: &str, steps| (name.to_string(), what.to_string(), steps);
    Cost {
        end: end.micros(),
        items: vec![
            item(
                "Produce requests",
                "a request with one batch, each attempt anew",
                requests,
            ),
            item(
                "replica copies",
                "a record that a follower has copied",
                copies,
            ),
            item(
                "data files",
                "a file of the table, those of failed attempts too",
                files,
            ),
            item(
                "commits",
                "offsets, a batch, a checkpoint, a table commit or the end of a transaction",
                commits,
            ),
        ],
        orders,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Keep, Simulation, catalog};

    #[test]
    fn the_opening_run_costs_what_its_trace_counts_and_a_retry_is_a_request_more() {
        let scenario = catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let series = Series::of(&scenario, &run, run.end);
        let total = |name: &str| {
            let item = series.cost.items.iter().find(|(item, ..)| item == name);
            let steps = &item.expect("there is one").2;
            steps.iter().map(|&(_, n)| n).sum::<u32>()
        };
        let orders = scenario.workload.orders;
        // One order a batch, and order 17 is sent twice; two followers copy each of them.
        assert_eq!(total("Produce requests"), orders + 1);
        assert_eq!(total("replica copies"), 2 * (orders + 1));
        assert!(total("data files") > 0 && total("commits") > 0);
        let state = &series.state;
        assert!(
            state.rows.iter().any(|&(_, rows)| rows > 0),
            "the revenue query keeps windows"
        );
        assert!(state.newest.is_sorted_by_key(|&(_, event)| event));
    }
}
