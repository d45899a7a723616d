//! Tumbling and sliding windows: panes numbered by their end, so that closing them is moving a finger.

use super::{Emission, NONE, Plan, SEEN, Tally};
use crate::arrivals::Arrival;
use crate::arrivals::pace::Moment;
use std::rc::Rc;

/// Windows that are aligned to 1970.
#[derive(Clone, Debug)]
pub struct Aligned {
    plan: Rc<Plan>,
    emission: Emission,
    /// Index: pane. Records in it.
    counts: Vec<u32>,
    /// Index: pane. When its first result could be seen, in microseconds; in update mode its last.
    pub(super) seen_at: Vec<i64>,
    /// Index: pane. The last batch that changed it.
    touched: Vec<u32>,
    /// Index: pane. The last batch that had late rows for it.
    late_in: Vec<u32>,
    /// The first pane that has not closed.
    next: usize,
    /// The first pane whose state is still held.
    forget: usize,
    /// Index: record. The pane whose result shows it first.
    pub(super) hits: Vec<u32>,
    pub(super) tally: Tally,
}

impl Aligned {
    pub(super) fn new(plan: Rc<Plan>, emission: Emission, records: usize) -> Aligned {
        let panes = plan.ends.len();
        let in_batches = if emission.in_batches() { panes } else { 0 };
        Aligned {
            emission,
            counts: vec![0; panes],
            seen_at: vec![i64::MIN; panes],
            touched: vec![0; in_batches],
            late_in: vec![0; in_batches],
            next: 0,
            forget: 0,
            hits: vec![NONE; records],
            tally: Tally::default(),
            plan,
        }
    }

    pub(super) fn record(&mut self, index: usize, row: &Arrival, moment: Moment) {
        let event = row.event_ms();
        let newest = self.plan.newest[index];
        if newest == NONE {
            self.tally.uncovered += 1;
            return;
        }
        let mut pane = newest;
        let mut first = NONE;
        while pane != NONE && self.plan.ends[pane as usize] > event {
            let place = pane as usize;
            // Older windows end earlier: from the first that is late, all are.
            if self.plan.ends[place] + self.emission.lateness() <= moment.closed {
                self.miss(place, event, first == NONE, moment);
                break;
            }
            first = pane;
            self.take(place, moment);
            pane = self.plan.older.get(place).copied().unwrap_or(NONE);
        }
        if first == NONE {
            self.tally.late += 1;
            return;
        }
        let at_once = match self.emission {
            Emission::Fires { .. } => self.plan.ends[first as usize] <= moment.closed,
            Emission::Once => false,
            Emission::Changes => true,
        };
        self.hits[index] = if at_once { SEEN } else { first };
        if at_once {
            self.tally.seen.push(moment.visible_us - row.event_us);
        }
    }

    /// A window takes a record.
    fn take(&mut self, pane: usize, moment: Moment) {
        let held_before = self.counts[pane] > 0;
        self.counts[pane] += 1;
        if !held_before {
            self.tally.rows += 1;
        }
        match self.emission {
            Emission::Fires { .. } => {
                self.tally.rows_peak = self.tally.rows_peak.max(self.tally.rows);
                if self.plan.ends[pane] <= moment.closed {
                    // Within the allowed lateness: it fires at once, with all that it has.
                    self.tally.emitted += 1;
                    self.tally.updates += u64::from(held_before);
                    if !held_before {
                        self.seen_at[pane] = moment.visible_us;
                        let end_us = self.plan.ends[pane] * 1_000;
                        self.tally.freshness.push(moment.visible_us - end_us);
                    }
                }
            }
            Emission::Once => {}
            Emission::Changes => {
                if self.touched[pane] != moment.batch {
                    self.touched[pane] = moment.batch;
                    self.tally.emitted += 1;
                    self.tally.updates += u64::from(held_before);
                    self.seen_at[pane] = moment.visible_us;
                }
            }
        }
    }

    /// A record is too late for a pane and for those before it.
    fn miss(&mut self, pane: usize, event: i64, for_all: bool, moment: Moment) {
        if !for_all {
            let mut pane = pane as u32;
            while pane != NONE && self.plan.ends[pane as usize] > event {
                self.tally.missed_windows += 1;
                pane = self.plan.older.get(pane as usize).copied().unwrap_or(NONE);
            }
        }
        if self.emission.in_batches() && self.late_in[pane] != moment.batch {
            self.late_in[pane] = moment.batch;
            self.tally.late_groups += 1;
        }
    }

    pub(super) fn advance(&mut self, closed: i64, visible_us: i64) {
        let ends = &self.plan.ends;
        while self.next < ends.len() && ends[self.next] <= closed {
            let pane = self.next;
            self.next += 1;
            if self.counts[pane] == 0 {
                continue;
            }
            if self.emission != Emission::Changes {
                self.tally.emitted += 1;
                self.seen_at[pane] = visible_us;
            }
            self.tally
                .freshness
                .push(self.seen_at[pane] - ends[pane] * 1_000);
        }
        let lateness = self.emission.lateness();
        while self.forget < ends.len() && ends[self.forget] + lateness <= closed {
            self.tally.rows -= u64::from(self.counts[self.forget] > 0);
            self.forget += 1;
        }
        if self.emission.in_batches() {
            self.tally.rows_peak = self.tally.rows_peak.max(self.tally.rows);
        }
    }
}
