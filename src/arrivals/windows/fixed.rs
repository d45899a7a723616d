//! Tumbling and sliding windows under every fixed delay at once, where each result leaves once.
//!
//! Of a pane only its first record decides whether it opens: whoever comes later is judged by a watermark that is no lower, so if
//! the first is too late, all are. When a pane closes depends on its end alone. So everything but latencies is a sum over panes,
//! ends and late records, which are laid out once; a delay costs one look at each record, for its latency, and at each move of
//! the watermark. It says what a [`super::super::replay::Replay`] says.

use super::{NONE, Plan, Windows};
use crate::arrivals::Arrivals;
use crate::arrivals::pace::Engine;
use crate::arrivals::ranks::{Percentile, rank, select};
use crate::arrivals::replay::{Config, Outcome, Point};
use crate::arrivals::strategy::Strategy;
use crate::arrivals::track::Track;
use crate::arrivals::units::share_of;
use std::rc::Rc;

/// Ends that a list may have for each record, empty ones among them.
const ROOMY: u64 = 4;

/// What fixed delays share: the windows, their panes, and what can be late.
pub struct Fixed {
    windows: Windows,
    by_key: bool,
    track: Rc<Track>,
    /// Between two ends, in ms.
    slide: i64,
    /// The first end, in ms.
    first_end: i64,
    /// Index: end. Its panes, if all of them open.
    panes: Vec<u32>,
    /// Index: record. The first end that covers it.
    oldest: Vec<u32>,
    uncovered: u64,
    /// Records that are too late for one of their windows under some delay.
    tardy: Vec<Tardy>,
    /// Index: advances so far. Panes that open then, if all of them open.
    opens: Vec<u32>,
    /// Panes that do not open under some delay.
    shut: Vec<Shut>,
    /// Index: point of the course. Panes that have opened by then, if all of them open.
    opened_by: Vec<u64>,
    /// Rows that came too late for a pane in one batch.
    groups: Vec<Group>,
}

#[derive(Clone, Copy)]
struct Tardy {
    index: u32,
    /// How many windows cover it.
    windows: u32,
    /// The greatest delay in ms with which its oldest window is closed; newer ones end a slide later each.
    need: i64,
}

#[derive(Clone, Copy)]
struct Shut {
    index: u32,
    advances: u32,
    end: u32,
    /// The greatest delay with which it does not open.
    need: i64,
}

#[derive(Clone, Copy)]
struct Group {
    advances: u32,
    /// The greatest delay with which the pane is closed.
    need: i64,
    /// It is the newest pane of one of the rows.
    newest: bool,
}

impl Fixed {
    /// None if ends lie so far apart that a list of them would be mostly empty. The plan must be that of the windows.
    pub fn new(arrivals: &Arrivals, plan: &Plan, track: Rc<Track>) -> Option<Fixed> {
        let (_, slide) = plan.windows.aligned()?;
        let first_end = plan.ends.first().copied().unwrap_or(0);
        let last_end = plan.ends.last().copied().unwrap_or(0);
        let count = last_end.abs_diff(first_end) / slide as u64 + 1;
        if count > ROOMY * arrivals.len() as u64 + 4_096 {
            return None;
        }
        let end_of: Vec<u32> = plan
            .ends
            .iter()
            .map(|end| ((end - first_end) / slide) as u32)
            .collect();
        let mut fixed = Fixed {
            windows: plan.windows,
            by_key: plan.by_key,
            slide,
            first_end,
            panes: vec![0; count as usize],
            oldest: Vec::with_capacity(arrivals.len()),
            uncovered: 0,
            tardy: Vec::new(),
            opens: vec![0; track.advances.len() + 1],
            shut: Vec::new(),
            opened_by: Vec::with_capacity(track.points.len()),
            groups: Vec::new(),
            track,
        };
        let mut open = vec![false; plan.ends.len()];
        // Index: pane. One more than its last group.
        let mut group_of = vec![0_u32; plan.ends.len()];
        let mut opened = 0_u64;
        let mut points = fixed.track.points.iter().map(|mark| mark.index).peekable();
        for (index, row) in arrivals.rows().iter().enumerate() {
            let event = row.event_ms();
            let advances = fixed.track.before[index];
            let newest = plan.newest[index];
            let mut pane = newest;
            let mut oldest = NONE;
            let mut windows = 0;
            while pane != NONE && plan.ends[pane as usize] > event {
                let place = pane as usize;
                if !std::mem::replace(&mut open[place], true) {
                    let end = end_of[place];
                    fixed.panes[end as usize] += 1;
                    fixed.opens[advances as usize] += 1;
                    opened += 1;
                    if let Some(need) = fixed.track.need(advances, plan.ends[place]) {
                        fixed.shut.push(Shut {
                            index: index as u32,
                            advances,
                            end,
                            need,
                        });
                    }
                }
                oldest = pane;
                windows += 1;
                pane = plan.older.get(place).copied().unwrap_or(NONE);
            }
            if oldest == NONE {
                fixed.uncovered += 1;
                fixed.oldest.push(NONE);
            } else {
                fixed.oldest.push(end_of[oldest as usize]);
                if let Some(need) = fixed.track.need(advances, plan.ends[oldest as usize]) {
                    fixed.tardy.push(Tardy {
                        index: index as u32,
                        windows,
                        need,
                    });
                    let mut pane = newest;
                    for _ in 0..windows {
                        let place = pane as usize;
                        if let Some(need) = fixed.track.need(advances, plan.ends[place]) {
                            let last = group_of[place].checked_sub(1);
                            let last = last.map(|last| &mut fixed.groups[last as usize]);
                            match last.filter(|group| group.advances == advances) {
                                Some(group) => group.newest |= pane == newest,
                                None => {
                                    fixed.groups.push(Group {
                                        advances,
                                        need,
                                        newest: pane == newest,
                                    });
                                    group_of[place] = fixed.groups.len() as u32;
                                }
                            }
                        }
                        pane = plan.older.get(place).copied().unwrap_or(NONE);
                    }
                }
            }
            if points.next_if_eq(&index).is_some() {
                fixed.opened_by.push(opened);
            }
        }
        drop(points);
        Some(fixed)
    }

    /// Whether this says what came of a configuration.
    pub fn is_for(&self, config: &Config) -> bool {
        self.windows == config.windows
            && self.by_key == config.by_key
            && self.track.is_for(config.engine, config.processing_ms)
    }

    /// Whether a configuration is one that can be told from what delays share.
    pub fn fits(config: &Config, track: &Track) -> bool {
        let Strategy::Fixed { delay_ms } = config.strategy else {
            return false;
        };
        let once = config.emission().is_once();
        once && config.windows.aligned().is_some() && track.holds_for(delay_ms)
    }

    /// What comes of a configuration that fits.
    pub fn outcome(&self, arrivals: &Arrivals, config: Config) -> Outcome {
        let delay_ms = match config.strategy {
            Strategy::Fixed { delay_ms } => delay_ms,
            _ => 0,
        };
        let delay = delay_ms as i64;
        let in_batches = matches!(config.engine, Engine::Spark(_));
        let track = &*self.track;
        let mut panes = self.panes.clone();
        let mut opens = self.opens.clone();
        for shut in self.shut.iter().filter(|shut| shut.need >= delay) {
            panes[shut.end as usize] -= 1;
            opens[shut.advances as usize] -= 1;
        }
        // Index: end. When its results could be seen.
        let mut seen_at = vec![i64::MIN; panes.len()];
        let mut closes = vec![0_u32; track.advances.len()];
        let mut freshness: Vec<(i64, u64)> = Vec::new();
        let mut emitted = 0;
        for (place, &count) in panes.iter().enumerate() {
            if count == 0 {
                continue;
            }
            let end = self.first_end + place as i64 * self.slide;
            let Some(advance) = track.closing(end, delay_ms) else {
                continue;
            };
            closes[advance] += count;
            emitted += u64::from(count);
            let visible_us = track.advances[advance].1;
            seen_at[place] = visible_us;
            freshness.push((visible_us - end * 1_000, u64::from(count)));
        }
        // Rows of state, after each advance; in Flink a row counts before one too.
        let (mut rows, mut rows_peak) = (0_u64, 0_u64);
        let mut closed_by = Vec::with_capacity(closes.len() + 1);
        let mut closed = 0_u64;
        closed_by.push(0);
        for (advance, &count) in opens.iter().enumerate() {
            rows += u64::from(count);
            if !in_batches && count > 0 {
                rows_peak = rows_peak.max(rows);
            }
            if let Some(&count) = closes.get(advance) {
                rows -= u64::from(count);
                closed += u64::from(count);
                closed_by.push(closed);
                if in_batches {
                    rows_peak = rows_peak.max(rows);
                }
            }
        }
        let (mut late, mut missed_windows) = (0_u64, 0_u64);
        let mut late_by = Vec::with_capacity(track.points.len());
        let mut latencies: Vec<i64> = Vec::with_capacity(arrivals.len());
        let mut from = 0;
        let mut points = track.points.iter().map(|mark| mark.index).peekable();
        for tardy in self.tardy.iter().filter(|tardy| tardy.need >= delay) {
            let index = tardy.index as usize;
            while points.next_if(|&point| point < index).is_some() {
                late_by.push(late);
            }
            self.push_latencies(arrivals, from..index, &seen_at, &mut latencies);
            from = index + 1;
            let missed = ((tardy.need - delay) / self.slide + 1).min(i64::from(tardy.windows));
            if missed == i64::from(tardy.windows) {
                late += 1;
                continue;
            }
            missed_windows += missed as u64;
            let at = seen_at[self.oldest[index] as usize + missed as usize];
            if at != i64::MIN {
                latencies.push(at - arrivals.rows()[index].event_us);
            }
        }
        late_by.extend(points.map(|_| late));
        self.push_latencies(arrivals, from..arrivals.len(), &seen_at, &mut latencies);
        let late_groups = if in_batches {
            let told = |group: &&Group| {
                group.need >= delay && (group.newest || group.need - self.slide < delay)
            };
            self.groups.iter().filter(told).count() as u64
        } else {
            0
        };
        let shut: Vec<u32> = self
            .shut
            .iter()
            .filter(|shut| shut.need >= delay)
            .map(|shut| shut.index)
            .collect();
        let course = track.points.iter().enumerate().map(|(place, mark)| {
            let never = shut.partition_point(|&index| index as usize <= mark.index) as u64;
            Point {
                at_us: mark.at_us,
                watermark_ms: track.watermark(mark, delay_ms),
                slack_ms: delay,
                rows: self.opened_by[place] - never - closed_by[mark.advances],
                late: late_by[place],
            }
        });
        let course = course.collect();
        let events = arrivals.len() as u64;
        let delivered = latencies.len() as u64;
        let wanted = [(500_000, 0), (950_000, 0), (990_000, 0), (950_000, late)];
        let [p50, p95, p99, p95_honest] = select(&latencies, wanted);
        Outcome {
            config,
            events,
            delivered,
            late,
            pending: events - delivered - late - self.uncovered,
            uncovered: self.uncovered,
            late_ppm: share_of(late, events),
            missed_windows,
            p50,
            p95,
            p99,
            p95_honest,
            fresh_p95: weighted(&mut freshness, 950_000),
            state_peak: rows_peak,
            state_end: rows,
            memory_bytes: rows_peak * u64::from(config.row_bytes),
            emitted,
            updates: 0,
            superseded: 0,
            batches: track.batches,
            late_groups,
            course,
        }
    }

    /// From event to result of records that no window is too late for.
    fn push_latencies(
        &self,
        arrivals: &Arrivals,
        records: std::ops::Range<usize>,
        seen_at: &[i64],
        latencies: &mut Vec<i64>,
    ) {
        let rows = &arrivals.rows()[records.clone()];
        for (row, &end) in rows.iter().zip(&self.oldest[records]) {
            let at = seen_at.get(end as usize).copied().unwrap_or(i64::MIN);
            if at != i64::MIN {
                latencies.push(at - row.event_us);
            }
        }
    }
}

/// A percentile by nearest rank of values that come so many times each.
fn weighted(values: &mut [(i64, u64)], ppm: u32) -> Percentile {
    values.sort_unstable();
    let total: u64 = values.iter().map(|&(_, count)| count).sum();
    let wanted = rank(total as usize, ppm) as u64;
    let mut below = 0;
    for &(value, count) in values.iter() {
        below += count;
        if wanted < below {
            return Percentile::Micros(value);
        }
    }
    Percentile::None
}
