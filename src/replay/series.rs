//! A run as the data of charts: steps and points in simulated time.

use crate::plot::{Clocks, Kind, Lag, Latency, Mark, Outcomes, Point, Sample};
use crate::sim::compact::gather;
use crate::sim::kernel::{EventTime, Time};
use crate::sim::ledger::Counters;
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::origin::number;
use crate::sim::trace::{Fact, SegmentId};
use crate::sim::{OutcomeKind, Run, Scenario};
use serde::{Deserialize, Serialize};

const BRANCH: SegmentId = SegmentId(1);

/// What all four charts show of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    pub outcomes: Outcomes,
    pub latency: Latency,
    pub lag: Lag,
    pub clocks: Clocks,
}

impl Series {
    pub fn of(scenario: &Scenario, run: &Run, end: Time) -> Series {
        Series {
            outcomes: outcomes(run, end),
            latency: latency(scenario, run),
            lag: lag(scenario, run, end),
            clocks: clocks(scenario, run, end),
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
