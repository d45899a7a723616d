//! Windows over a list of arrivals, laid out so that a million records cost a few milliseconds.
//!
//! Mirrors: `TimeWindowing` and `SessionWindow` of Spark, `WindowOperator` of Flink, with what they agree on: start inclusive, end
//! exclusive, aligned to 1970, sessions of a key that overlap or touch are one. Where they differ, the text says so.
//! Simplified: no start offset; of the contents only the number of records is kept.
//!
//! Which records share a pane does not depend on the watermark, so it is worked out once ([`Plan`]) and used by every
//! configuration of a sweep. Sessions do depend on it and are played each time.

use super::pace::{Listener, Moment};
use super::{Arrival, Arrivals, units};
use crate::sim::kernel::rng::mix;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

/// How event time is cut; lengths in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Windows {
    Tumbling { size_ms: u64 },
    Sliding { size_ms: u64, slide_ms: u64 },
    Session { gap_ms: u64 },
}

impl Windows {
    /// Reads `tumbling:10s`, `sliding:60s:10s`, `session:30s`.
    pub fn parse(text: &str) -> Result<Windows, String> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let windows = match parts.as_slice() {
            ["tumbling", size] => Windows::Tumbling {
                size_ms: units::duration_ms(size)?,
            },
            ["sliding", size, slide] => Windows::Sliding {
                size_ms: units::duration_ms(size)?,
                slide_ms: units::duration_ms(slide)?,
            },
            ["session", gap] => Windows::Session {
                gap_ms: units::duration_ms(gap)?,
            },
            _ => {
                return Err(format!(
                    "\"{text}\" is no window; accepted are tumbling:10s, sliding:60s:10s (size and slide) and session:30s (gap)"
                ));
            }
        };
        windows.validate().map(|()| windows)
    }

    pub fn validate(&self) -> Result<(), String> {
        let within = |what: &str, value: u64| {
            if (1..=86_400_000).contains(&value) {
                return Ok(());
            }
            Err(format!(
                "window {what}: {value} ms is out of range; 1 ms to 24 h is accepted"
            ))
        };
        match *self {
            Windows::Tumbling { size_ms } => within("size", size_ms),
            Windows::Session { gap_ms } => within("gap", gap_ms),
            Windows::Sliding { size_ms, slide_ms } => {
                within("size", size_ms)?;
                within("slide", slide_ms)?;
                if size_ms.div_ceil(slide_ms) > 100 {
                    return Err("window slide: a record may be in at most 100 windows".into());
                }
                Ok(())
            }
        }
    }

    pub fn name(&self) -> String {
        let seconds = |ms: u64| units::seconds(ms as i64 * 1_000);
        match *self {
            Windows::Tumbling { size_ms } => format!("tumbling {}", seconds(size_ms)),
            Windows::Sliding { size_ms, slide_ms } => {
                format!("sliding {} by {}", seconds(size_ms), seconds(slide_ms))
            }
            Windows::Session { gap_ms } => format!("session gap {}", seconds(gap_ms)),
        }
    }

    /// Size and slide of windows that are aligned; none for sessions.
    const fn aligned(&self) -> Option<(i64, i64)> {
        match *self {
            Windows::Tumbling { size_ms } => Some((size_ms as i64, size_ms as i64)),
            Windows::Sliding { size_ms, slide_ms } => Some((size_ms as i64, slide_ms as i64)),
            Windows::Session { .. } => None,
        }
    }
}

/// No pane: the record falls between windows, or has none left.
pub const NONE: u32 = u32::MAX;
/// The result of the record was to be seen at once.
const SEEN: u32 = u32::MAX - 1;

/// Which panes there are, and which one each record falls into. A pane is a window of a key.
#[derive(Clone, Debug)]
pub struct Plan {
    windows: Windows,
    by_key: bool,
    /// Index: record. The newest pane that covers it. Empty for sessions.
    newest: Vec<u32>,
    /// Index: pane, by end. In ms.
    ends: Vec<i64>,
    /// Index: pane. The pane of the same key one slide before it.
    older: Vec<u32>,
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
            let (pane, is_new) = panes.find(start, key);
            if is_new {
                // Older panes may cover other records of this slide: all that reach beyond its start.
                let mut before = start - slide;
                while before + size > start && panes.find(before, key).1 {
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
    table: Vec<u32>,
}

impl Panes {
    /// Its number, and whether it is new.
    fn find(&mut self, start: i64, key: u32) -> (u32, bool) {
        if self.table.len() < 2 * (self.all.len() + 1) {
            self.grow();
        }
        let place = self.place(start, key);
        if self.table[place] != NONE {
            return (self.table[place], false);
        }
        let pane = self.all.len() as u32;
        self.all.push((start, key));
        self.table[place] = pane;
        (pane, true)
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

/// How results leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emission {
    /// Flink: when the watermark passes, and again for each record within the allowed lateness (ms).
    Fires { allowed_lateness: i64 },
    /// Spark, append: once, in the batch that evicts.
    Once,
    /// Spark, update: in each batch that changes it; removed in silence.
    Changes,
}

impl Emission {
    const fn lateness(self) -> i64 {
        match self {
            Emission::Fires { allowed_lateness } => allowed_lateness,
            Emission::Once | Emission::Changes => 0,
        }
    }

    /// Spark counts rows of state after each batch, so what comes and goes in one is not seen.
    const fn in_batches(self) -> bool {
        !matches!(self, Emission::Fires { .. })
    }
}

/// What was counted on the way.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub late: u64,
    /// Windows that a record was too late for although a newer one took it.
    pub missed_windows: u64,
    /// Records that no window covers: the slide is longer than the size.
    pub uncovered: u64,
    pub emitted: u64,
    /// Results that replace an earlier one of the same window.
    pub updates: u64,
    /// Results of sessions that were out already when a late record joined them into a greater one. Nobody takes them back.
    pub superseded: u64,
    /// Groups of late rows a batch: what `numRowsDroppedByWatermark` counts after the partial aggregation.
    pub late_groups: u64,
    pub rows: u64,
    pub rows_peak: u64,
    /// From the end of a window to its result, in microseconds.
    pub freshness: Vec<i64>,
    /// From the event to the result, of records whose result was to be seen at once.
    seen: Vec<i64>,
}

/// Open windows, as the watermark moves.
#[derive(Clone, Debug)]
pub enum Store {
    Aligned(Aligned),
    Sessions(Box<Sessions>),
}

impl Store {
    pub fn new(plan: Rc<Plan>, emission: Emission, arrivals: &Arrivals) -> Store {
        if let Windows::Session { gap_ms } = plan.windows {
            let keys = if plan.by_key { arrivals.keys.len() } else { 1 };
            return Store::Sessions(Box::new(Sessions {
                gap: gap_ms as i64,
                by_key: plan.by_key,
                emission,
                open: vec![Vec::new(); keys],
                ends: BinaryHeap::new(),
                forgets: BinaryHeap::new(),
                seen_at: Vec::new(),
                grew_into: Vec::new(),
                hits: vec![NONE; arrivals.len()],
                tally: Tally::default(),
            }));
        }
        let panes = plan.ends.len();
        Store::Aligned(Aligned {
            emission,
            counts: vec![0; panes],
            seen_at: vec![i64::MIN; panes],
            touched: vec![0; if emission.in_batches() { panes } else { 0 }],
            late_in: vec![0; if emission.in_batches() { panes } else { 0 }],
            next: 0,
            forget: 0,
            hits: vec![NONE; arrivals.len()],
            tally: Tally::default(),
            plan,
        })
    }

    pub fn tally(&self) -> &Tally {
        match self {
            Store::Aligned(aligned) => &aligned.tally,
            Store::Sessions(sessions) => &sessions.tally,
        }
    }

    /// From event to first visibility of each record that was delivered, in microseconds, in no order.
    pub fn latencies(&mut self, arrivals: &Arrivals) -> Vec<i64> {
        let (hits, seen_at, seen) = match self {
            Store::Aligned(aligned) => (&aligned.hits, &aligned.seen_at, &mut aligned.tally.seen),
            Store::Sessions(sessions) => {
                // What a session grew into has a greater number, so its own time is known by then.
                for session in (0..sessions.seen_at.len()).rev() {
                    if sessions.seen_at[session] == i64::MIN && sessions.grew_into[session] != NONE
                    {
                        sessions.seen_at[session] =
                            sessions.seen_at[sessions.grew_into[session] as usize];
                    }
                }
                (&sessions.hits, &sessions.seen_at, &mut sessions.tally.seen)
            }
        };
        let mut latencies = std::mem::take(seen);
        latencies.reserve(hits.len().saturating_sub(latencies.len()));
        for (row, &hit) in arrivals.rows().iter().zip(hits) {
            if hit >= SEEN {
                continue;
            }
            let at = seen_at[hit as usize];
            if at != i64::MIN {
                latencies.push(at - row.event_us);
            }
        }
        latencies
    }
}

impl Listener for Store {
    fn record(&mut self, index: usize, row: &Arrival, moment: Moment) {
        match self {
            Store::Aligned(aligned) => aligned.record(index, row, moment),
            Store::Sessions(sessions) => sessions.record(index, row, moment),
        }
    }

    fn advance(&mut self, closed: i64, visible_us: i64) {
        match self {
            Store::Aligned(aligned) => aligned.advance(closed, visible_us),
            Store::Sessions(sessions) => sessions.advance(closed, visible_us),
        }
    }
}

// ---- tumbling and sliding ------------------------------------------------------------------------------------------

/// Windows that are aligned to 1970.
#[derive(Clone, Debug)]
pub struct Aligned {
    plan: Rc<Plan>,
    emission: Emission,
    /// Index: pane. Records in it.
    counts: Vec<u32>,
    /// Index: pane. When its first result could be seen, in microseconds; in update mode its last.
    seen_at: Vec<i64>,
    /// Index: pane. The last batch that changed it.
    touched: Vec<u32>,
    /// Index: pane. The last batch that had late rows for it.
    late_in: Vec<u32>,
    /// The first pane that has not closed.
    next: usize,
    /// The first pane whose state is still held.
    forget: usize,
    /// Index: record. The pane whose result shows it first.
    hits: Vec<u32>,
    tally: Tally,
}

impl Aligned {
    fn record(&mut self, index: usize, row: &Arrival, moment: Moment) {
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

    fn advance(&mut self, closed: i64, visible_us: i64) {
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

// ---- sessions ------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug)]
struct Session {
    start: i64,
    end: i64,
    number: u32,
    /// Its result is out.
    fired: bool,
}

/// Sessions of all keys. One that is joined with another, or goes on after its result is out, gets a new number.
#[derive(Clone, Debug)]
pub struct Sessions {
    gap: i64,
    by_key: bool,
    emission: Emission,
    /// Index: key. By start.
    open: Vec<Vec<Session>>,
    /// End, number and key of what may close; entries of sessions that went on are passed over.
    ends: BinaryHeap<Reverse<(i64, u32, u32)>>,
    /// The same for what has fired and is still held.
    forgets: BinaryHeap<Reverse<(i64, u32, u32)>>,
    /// Index: number. When its result could be seen.
    seen_at: Vec<i64>,
    /// Index: number. What it became part of.
    grew_into: Vec<u32>,
    /// Index: record. The session that took it.
    hits: Vec<u32>,
    tally: Tally,
}

impl Sessions {
    fn record(&mut self, index: usize, row: &Arrival, moment: Moment) {
        let start = row.event_ms();
        let mut whole = Session {
            start,
            end: start + self.gap,
            number: NONE,
            fired: false,
        };
        // Spark judges the row's own interval, whatever session it would have joined.
        if self.emission.in_batches() && whole.end <= moment.closed {
            self.tally.late += 1;
            self.tally.late_groups += 1;
            return;
        }
        let key = if self.by_key { row.key as usize } else { 0 };
        let sessions = &mut self.open[key];
        // Those that it meets lie together; touching counts.
        let from = sessions.partition_point(|session| session.end < whole.start);
        let own_end = whole.end;
        let met = sessions[from..].iter();
        let met = met.take_while(|session| session.start <= own_end);
        let until = from + met.count();
        for session in &sessions[from..until] {
            whole.start = whole.start.min(session.start);
            whole.end = whole.end.max(session.end);
        }
        // Flink merges first, and judges what came of it.
        if whole.end + self.emission.lateness() <= moment.closed {
            self.tally.late += 1;
            return;
        }
        let out = sessions[from..until]
            .iter()
            .filter(|session| session.fired)
            .count();
        let moved = match &sessions[from..until] {
            [one] if !one.fired => {
                whole.number = one.number;
                whole.end != one.end
            }
            met => {
                whole.number = self.seen_at.len() as u32;
                self.seen_at.push(i64::MIN);
                self.grew_into.push(NONE);
                for session in met {
                    self.grew_into[session.number as usize] = whole.number;
                }
                true
            }
        };
        self.tally.superseded += out as u64;
        self.tally.rows += 1;
        self.tally.rows -= (until - from) as u64;
        if !self.emission.in_batches() {
            self.tally.rows_peak = self.tally.rows_peak.max(self.tally.rows);
        }
        self.hits[index] = whole.number;
        let at_once = !self.emission.in_batches() && whole.end <= moment.closed;
        if at_once {
            whole.fired = true;
            self.seen_at[whole.number as usize] = moment.visible_us;
            self.tally.emitted += 1;
            self.tally.updates += u64::from(out > 0);
            self.tally
                .freshness
                .push(moment.visible_us - whole.end * 1_000);
            let forget = whole.end + self.emission.lateness();
            self.forgets
                .push(Reverse((forget, whole.number, key as u32)));
        } else if moved {
            self.ends
                .push(Reverse((whole.end, whole.number, key as u32)));
        }
        sessions.splice(from..until, [whole]);
    }

    fn advance(&mut self, closed: i64, visible_us: i64) {
        let lateness = self.emission.lateness();
        while let Some(&Reverse((end, number, key))) =
            self.ends.peek().filter(|next| next.0.0 <= closed)
        {
            self.ends.pop();
            let sessions = &mut self.open[key as usize];
            let is_it = |session: &Session| session.number == number && session.end == end;
            let Some(place) = sessions.iter().position(is_it) else {
                continue;
            };
            if sessions[place].fired {
                continue;
            }
            self.tally.emitted += 1;
            self.tally.freshness.push(visible_us - end * 1_000);
            self.seen_at[number as usize] = visible_us;
            if lateness > 0 {
                sessions[place].fired = true;
                self.forgets.push(Reverse((end + lateness, number, key)));
            } else {
                sessions.remove(place);
                self.tally.rows -= 1;
            }
        }
        while let Some(&Reverse((_, number, key))) =
            self.forgets.peek().filter(|next| next.0.0 <= closed)
        {
            self.forgets.pop();
            let sessions = &mut self.open[key as usize];
            if let Some(place) = sessions.iter().position(|session| session.number == number) {
                sessions.remove(place);
                self.tally.rows -= 1;
            }
        }
        if self.emission.in_batches() {
            self.tally.rows_peak = self.tally.rows_peak.max(self.tally.rows);
        }
    }
}
