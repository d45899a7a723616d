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
        // A window starts at a multiple of the slide, so that is its number; the newest one of a record starts last.
        let numbers: Vec<i64> = arrivals
            .rows()
            .iter()
            .map(|row| row.event_ms().div_euclid(slide))
            .collect();
        let keys = if by_key { arrivals.keys.len() } else { 1 };
        let overlap = (size - 1).div_euclid(slide);
        let mut panes = Panes::new(&numbers, overlap, keys);
        plan.newest.reserve(arrivals.len());
        for (row, &number) in arrivals.rows().iter().zip(&numbers) {
            let start = number * slide;
            if size < slide && start + size <= row.event_ms() {
                plan.newest.push(NONE);
                continue;
            }
            let key = if by_key { row.key } else { 0 };
            let pane = panes.find(number, key);
            if slide < size && !panes.has_older[pane as usize] {
                // Older panes may cover other records of this slide: all that reach beyond its start.
                panes.has_older[pane as usize] = true;
                for before in 1..=overlap {
                    panes.find(number - before, key);
                }
            }
            plan.newest.push(pane);
        }
        // Panes are numbered by their end, so that closing them is moving a finger.
        let order = panes.order();
        let mut place = vec![NONE; order.len()];
        for (to, &from) in order.iter().enumerate() {
            place[from as usize] = to as u32;
        }
        for pane in plan.newest.iter_mut().filter(|pane| **pane != NONE) {
            *pane = place[*pane as usize];
        }
        plan.ends = order
            .iter()
            .map(|&pane| panes.all[pane as usize].0 * slide + size)
            .collect();
        plan.older = vec![NONE; if slide < size { order.len() } else { 0 }];
        for (to, &from) in order.iter().enumerate().take(plan.older.len()) {
            let (number, key) = panes.all[from as usize];
            let older = panes.known(number - 1, key);
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

/// How many places of a full table may stand empty for each record.
const ROOMY: u64 = 8;

/// Panes by number and key.
struct Panes {
    all: Vec<(i64, u32)>,
    /// Index: pane. Whether those that overlap it from before are there.
    has_older: Vec<bool>,
    table: Vec<u32>,
    room: Room,
}

/// Where a pane stands in the table.
enum Room {
    /// Every number from the first one on has a place for every key.
    Full { first: i64, keys: usize },
    /// Open addressing, whose order is never looked at: for numbers that lie far apart.
    Hashed,
}

impl Panes {
    /// `overlap`: how many windows before its newest one may cover a record.
    fn new(numbers: &[i64], overlap: i64, keys: usize) -> Panes {
        let first = numbers.iter().min().copied().unwrap_or(0);
        let first = first.saturating_sub(overlap + 1);
        let last = numbers.iter().max().copied().unwrap_or(0);
        let places = u128::from(last.abs_diff(first) + 1) * keys as u128;
        let fits = places <= u128::from(ROOMY * numbers.len() as u64 + 4_096);
        Panes {
            all: Vec::new(),
            has_older: Vec::new(),
            table: vec![NONE; if fits { places as usize } else { 0 }],
            room: if fits {
                Room::Full { first, keys }
            } else {
                Room::Hashed
            },
        }
    }

    /// Which pane it is; a new one if it was not there.
    fn find(&mut self, number: i64, key: u32) -> u32 {
        if matches!(self.room, Room::Hashed) && self.table.len() < 2 * (self.all.len() + 1) {
            self.grow();
        }
        let place = self.place(number, key);
        if self.table[place] != NONE {
            return self.table[place];
        }
        let pane = self.all.len() as u32;
        self.all.push((number, key));
        self.has_older.push(false);
        self.table[place] = pane;
        pane
    }

    fn known(&self, number: i64, key: u32) -> Option<u32> {
        Some(self.table[self.place(number, key)]).filter(|&pane| pane != NONE)
    }

    /// All of them, by number and key.
    fn order(&self) -> Vec<u32> {
        if matches!(self.room, Room::Full { .. }) {
            let panes = self.table.iter().copied();
            return panes.filter(|&pane| pane != NONE).collect();
        }
        let mut order: Vec<u32> = (0..self.all.len() as u32).collect();
        order.sort_unstable_by_key(|&pane| self.all[pane as usize]);
        order
    }

    fn place(&self, number: i64, key: u32) -> usize {
        if let Room::Full { first, keys } = self.room {
            return (number - first) as usize * keys + key as usize;
        }
        let mask = self.table.len() - 1;
        let mut place = mix(number as u64 ^ (u64::from(key) << 40)) as usize & mask;
        while self.table[place] != NONE && self.all[self.table[place] as usize] != (number, key) {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        self.table = vec![NONE; (4 * (self.all.len() + 1)).next_power_of_two()];
        for pane in 0..self.all.len() {
            let (number, key) = self.all[pane];
            let place = self.place(number, key);
            self.table[place] = pane as u32;
        }
    }
}
