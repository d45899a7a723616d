//! Session windows: they depend on what is open when a record comes, so they are played for every configuration.

use super::{Emission, NONE, Tally};
use crate::arrivals::Arrival;
use crate::arrivals::pace::Moment;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

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
    /// End, number and key of what may close. Sessions grow without being entered anew: an entry comes up no later than its
    /// session ends, and is put back if that is later by then.
    ends: BinaryHeap<Reverse<(i64, u32, u32)>>,
    /// The same for what has fired and is still held.
    forgets: BinaryHeap<Reverse<(i64, u32, u32)>>,
    /// Index: number. When its result could be seen.
    pub(super) seen_at: Vec<i64>,
    /// Index: number. What it became part of.
    grew_into: Vec<u32>,
    /// Index: record. The session that took it.
    pub(super) hits: Vec<u32>,
    pub(super) tally: Tally,
}

impl Sessions {
    /// `keys` is 1 if there is one session for all.
    pub(super) fn new(
        gap: i64,
        by_key: bool,
        keys: usize,
        emission: Emission,
        records: usize,
    ) -> Sessions {
        Sessions {
            gap,
            by_key,
            emission,
            open: vec![Vec::new(); keys],
            ends: BinaryHeap::new(),
            forgets: BinaryHeap::new(),
            seen_at: Vec::new(),
            grew_into: Vec::new(),
            hits: vec![NONE; records],
            tally: Tally::default(),
        }
    }

    /// Gives sessions that have no result of their own the time of what they grew into.
    pub(super) fn settle(&mut self) {
        // What a session grew into has a greater number, so its own time is known by then.
        for session in (0..self.seen_at.len()).rev() {
            if self.seen_at[session] == i64::MIN && self.grew_into[session] != NONE {
                self.seen_at[session] = self.seen_at[self.grew_into[session] as usize];
            }
        }
    }

    /// The session that holds a record by now, and when a result of it could be seen.
    pub(super) fn of(&self, record: usize) -> Option<(u32, Option<i64>)> {
        let mut number = *self.hits.get(record).filter(|&&number| number != NONE)?;
        while self.grew_into[number as usize] != NONE {
            number = self.grew_into[number as usize];
        }
        let seen_at = self.seen_at[number as usize];
        Some((number, (seen_at != i64::MIN).then_some(seen_at)))
    }

    pub(super) fn record(&mut self, index: usize, row: &Arrival, moment: Moment) {
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
        // Most records go on with the newest one, which nothing else can touch.
        if let Some(newest) = sessions.last_mut()
            && !newest.fired
            && (newest.start..=newest.end).contains(&start)
        {
            newest.end = newest.end.max(whole.end);
            self.hits[index] = newest.number;
            return;
        }
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
        let is_new = match &sessions[from..until] {
            [one] if !one.fired => {
                whole.number = one.number;
                false
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
        } else if is_new {
            self.ends
                .push(Reverse((whole.end, whole.number, key as u32)));
        }
        sessions.splice(from..until, [whole]);
    }

    pub(super) fn advance(&mut self, closed: i64, visible_us: i64) {
        let lateness = self.emission.lateness();
        while let Some(&Reverse((_, number, key))) =
            self.ends.peek().filter(|next| next.0.0 <= closed)
        {
            self.ends.pop();
            let sessions = &mut self.open[key as usize];
            let Some(place) = sessions.iter().position(|session| session.number == number) else {
                continue;
            };
            let session = sessions[place];
            if session.fired {
                continue;
            }
            let end = session.end;
            if end > closed {
                self.ends.push(Reverse((end, number, key)));
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
