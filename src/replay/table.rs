//! The table as drawn: its timeline of instants, and which version of its order a row shows.

use crate::sim::kernel::Time;
use crate::sim::ordered::OrdMap;
use crate::sim::trace::{Fact, InstantState, Row, SegmentId, Window};

/// What an action on the timeline does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Commit,
    Compaction,
    /// A commit that was left behind, and is undone.
    Rollback,
    RolledBack,
}

/// An action on the table's timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Instant {
    pub instant: Time,
    pub action: Action,
    pub state: InstantState,
}

/// The main segment's timeline, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline(pub Vec<Instant>);

impl Timeline {
    fn put(&mut self, instant: Time, action: Action, state: InstantState) {
        match self.0.iter_mut().rev().find(|one| one.instant == instant) {
            Some(one) => (one.action, one.state) = (action, state),
            None => self.0.push(Instant {
                instant,
                action,
                state,
            }),
        }
    }

    pub fn fold(&mut self, fact: &Fact) {
        if fact.segment() != Some(SegmentId::MAIN) {
            return;
        }
        match fact {
            Fact::InstantChanged { instant, state, .. } => {
                self.put(*instant, Action::Commit, *state)
            }
            Fact::TableCommitted { instant, .. } => {
                let compacts =
                    |one: &Instant| one.instant == *instant && one.action == Action::Compaction;
                if !self.0.iter().any(compacts) {
                    self.put(*instant, Action::Commit, InstantState::Completed);
                }
            }
            Fact::CompactionChanged { instant, state, .. } => {
                self.put(*instant, Action::Compaction, *state);
            }
            Fact::RollbackRequested { instant, .. } => {
                self.put(*instant, Action::Rollback, InstantState::Inflight);
            }
            Fact::RolledBack { instant, .. } => {
                self.put(*instant, Action::RolledBack, InstantState::Completed);
            }
            _ => {}
        }
    }
}

/// Which versions there are of each order, and which of them rows have shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Versions {
    /// Events that change an earlier order: that order.
    of: OrdMap<u32, u32>,
    /// Per order, the newest event about it.
    newest: OrdMap<u32, u32>,
    /// Per record key, how often a row of it became visible.
    shown: OrdMap<String, u32>,
}

impl Versions {
    pub fn changed(&mut self, event: u32, order: u32) {
        self.of.insert(event, order);
        let newest = self.newest.entry(order).or_insert(event);
        *newest = event.max(*newest);
    }

    /// The order that an event is about.
    pub fn order(&self, event: u32) -> u32 {
        self.of.get(&event).copied().unwrap_or(event)
    }

    /// Whether the business has said something newer about the order than this event does.
    pub fn is_behind(&self, event: u32) -> bool {
        let newest = self.newest.get(&self.order(event));
        newest.is_some_and(|&newest| newest > event)
    }

    /// The how manieth row of its key this is, from 1.
    pub fn show(&mut self, row: &Row) -> u32 {
        let shown = self.shown.entry(row.record_key.clone()).or_insert(0);
        *shown += 1;
        *shown
    }
}

/// Whether two rows say the same twice: of one order, or of one key and window.
pub fn is_repeat(a: (u32, Option<Window>, &str), b: (u32, Option<Window>, &str)) -> bool {
    match (a.1, b.1) {
        (None, None) => a.0 == b.0,
        (a_window, b_window) => a_window == b_window && a.2 == b.2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{Board, follow};

    fn end(id: &str) -> Board {
        follow(id, |_, _| {})
    }

    #[test]
    fn an_upsert_raises_the_version_in_place_and_an_insert_begins_a_row() {
        let upserted = end("old-versions-replayed");
        assert!(upserted.rows.iter().any(|row| row.version == 2));
        let inserted = end("order-billing");
        assert!(
            inserted
                .rows
                .iter()
                .all(|row| row.version == 1 || row.repeat)
        );
    }

    #[test]
    fn a_read_optimized_row_is_behind_what_the_business_said() {
        let behind = |board: &Board| {
            let rows = board.rows.iter();
            rows.filter(|row| board.versions.is_behind(row.order))
                .count()
        };
        assert!(behind(&end("read-optimized-view")) > 0);
        assert_eq!(behind(&end("order-billing")), 0);
    }

    #[test]
    fn a_commit_that_a_crash_left_behind_stays_unfinished_on_the_timeline() {
        let left = |board: &Board| {
            let of = board.timeline.0.iter();
            of.filter(|one| one.state != InstantState::Completed)
                .count()
        };
        assert!(left(&end("garbage-stays")) > 0);
        assert_eq!(left(&end("last-window-waits")), 0);
    }
}
