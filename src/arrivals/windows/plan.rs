//! Which records share a pane: worked out once for all configurations with the same windows.

use super::Windows;
use crate::arrivals::{Arrival, Arrivals};
use crate::sim::kernel::rng::mix;

/// No pane: the record falls between windows, or has none left.
pub const NONE: u32 = u32::MAX;

/// Which panes there are, and which one each record falls into. A pane is a window of a key.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) windows: Windows,
    pub(super) by_key: bool,
    /// Index: record. The newest pane that covers it. Empty for sessions.
    pub(super) newest: Vec<u32>,
    /// Index: pane, by end. In ms.
    pub(super) ends: Vec<i64>,
    /// Index: pane. The pane of the same key one slide before it.
    pub(super) older: Vec<u32>,
}

impl Plan {
    pub fn new(arrivals: &Arrivals, windows: Windows, by_key: bool) -> Plan {
        let mut plan = Plan {
            windows,
            by_key,
            newest: Vec::new(),
            ends: Vec::new(),
            older: Vec::new(),
        };
        let Some((size, slide)) = windows.aligned() else {
            return plan;
        };
        let mut panes = Panes::default();
        plan.newest.reserve(arrivals.len());
        for row in arrivals.rows() {
            let event = row.event_ms();
            let start = event - event.rem_euclid(slide);
            if start + size <= event {
                plan.newest.push(NONE);
                continue;
            }
            let key = if by_key { row.key } else { 0 };
            let pane = panes.find(start, key);
            if slide < size && !panes.has_older[pane as usize] {
                // Older panes may cover other records of this slide: all that reach beyond its start.
                panes.has_older[pane as usize] = true;
                let mut before = start - slide;
                while before + size > start {
                    panes.find(before, key);
                    before -= slide;
                }
            }
            plan.newest.push(pane);
        }
        // Panes are numbered by their end, so that closing them is moving a finger.
        let mut order: Vec<u32> = (0..panes.all.len() as u32).collect();
        order.sort_unstable_by_key(|&pane| panes.all[pane as usize]);
        let mut place = vec![NONE; order.len()];
        for (to, &from) in order.iter().enumerate() {
            place[from as usize] = to as u32;
        }
        for pane in plan.newest.iter_mut().filter(|pane| **pane != NONE) {
            *pane = place[*pane as usize];
        }
        plan.ends = order
            .iter()
            .map(|&pane| panes.all[pane as usize].0 + size)
            .collect();
        plan.older = vec![NONE; if slide < size { order.len() } else { 0 }];
        for (to, &from) in order.iter().enumerate().take(plan.older.len()) {
            let (start, key) = panes.all[from as usize];
            let older = panes.known(start - slide, key);
            plan.older[to] = older.map_or(NONE, |pane| place[pane as usize]);
        }
        plan
    }

    pub fn is_for(&self, windows: Windows, by_key: bool) -> bool {
        self.windows == windows && self.by_key == by_key
    }

    /// When the last window that covers a record ends, in ms; for sessions that of the record alone. None if none covers it.
    pub fn last_end(&self, index: usize, row: &Arrival) -> Option<i64> {
        match self.windows {
            Windows::Session { gap_ms } => Some(row.event_ms() + gap_ms as i64),
            _ => match self.newest[index] {
                NONE => None,
                pane => Some(self.ends[pane as usize]),
            },
        }
    }
}

/// Panes by start and key: a table with open addressing, whose order is never looked at.
#[derive(Default)]
struct Panes {
    all: Vec<(i64, u32)>,
    /// Index: pane. Whether those that overlap it from before are there.
    has_older: Vec<bool>,
    table: Vec<u32>,
}

impl Panes {
    /// Its number; a new one if it was not there.
    fn find(&mut self, start: i64, key: u32) -> u32 {
        if self.table.len() < 2 * (self.all.len() + 1) {
            self.grow();
        }
        let place = self.place(start, key);
        if self.table[place] != NONE {
            return self.table[place];
        }
        let pane = self.all.len() as u32;
        self.all.push((start, key));
        self.has_older.push(false);
        self.table[place] = pane;
        pane
    }

    fn known(&self, start: i64, key: u32) -> Option<u32> {
        Some(self.table[self.place(start, key)]).filter(|&pane| pane != NONE)
    }

    fn place(&self, start: i64, key: u32) -> usize {
        let mask = self.table.len() - 1;
        let mut place = mix(start as u64 ^ (u64::from(key) << 40)) as usize & mask;
        while self.table[place] != NONE && self.all[self.table[place] as usize] != (start, key) {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        self.table = vec![NONE; (4 * (self.all.len() + 1)).next_power_of_two()];
        for pane in 0..self.all.len() {
            let (start, key) = self.all[pane];
            let place = self.place(start, key);
            self.table[place] = pane as u32;
        }
    }
}
