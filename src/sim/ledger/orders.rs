//! Orders and their versions: events that change an order belong to one family, which has one row in a table of states.
//!
//! An event counts as delivered once a reader saw it, or once the table took it in and shows another version of its order.
//! Whether the right version survived is what `stale` counts. A windowed segment sums events and a feed passes them on, so
//! there each stands alone.

use super::account::{Account, Entry};
use super::{DupOrigin, Fate, Ledger};
use crate::sim::kernel::{EventTime, Time};
use crate::sim::ordered::OrdMap;
use crate::sim::origin::{Origin, number};
use crate::sim::trace::{FactId, Source};

/// Which events are versions of which order.
#[derive(Clone, Default)]
pub(super) struct Orders {
    /// By order id: its events, in the order in which they were handed over.
    events: OrdMap<u32, Vec<u32>>,
    /// By order id: event time and amount of the newest version.
    owed: OrdMap<u32, (EventTime, i64)>,
}

impl Orders {
    /// Takes in a version; answers by how much what is owed changes, in cents.
    pub fn emitted(
        &mut self,
        order_id: u32,
        event: u32,
        event_time: EventTime,
        amount: i64,
    ) -> i64 {
        self.events.entry(order_id).or_default().push(event);
        let owed = self.owed.entry(order_id).or_insert((event_time, 0));
        if event_time < owed.0 {
            return 0;
        }
        let more = amount - owed.1;
        *owed = (event_time, amount);
        more
    }

    /// The version at this event time cancels the order; answers by how much what is owed changes, in cents.
    pub fn cancelled(&mut self, order_id: u32, event_time: EventTime) -> i64 {
        match self.owed.get_mut(&order_id) {
            Some((newest, amount)) if *newest == event_time => -std::mem::take(amount),
            _ => 0,
        }
    }
}

impl Ledger {
    /// The events whose rows stand for one another: the versions of an order.
    pub(super) fn family(&self, event: u32) -> Vec<u32> {
        let order_id = self.accounts[event as usize - 1].order_id;
        let versions = self.orders.events.get(&order_id);
        match versions {
            Some(events) if self.terms.by_order => events.clone(),
            _ => vec![event],
        }
    }

    /// The visible copies of an event's order, its own first.
    pub(super) fn copies(&self, event: u32) -> Vec<&Entry> {
        let own = &self.accounts[event as usize - 1].entries;
        let others = self
            .family(event)
            .into_iter()
            .filter(|&other| other != event);
        let others = others.flat_map(|other| &self.accounts[other as usize - 1].entries);
        own.iter().chain(others).collect()
    }

    /// The order has a row again: no version of it counts as thrown away any more.
    pub(super) fn shown_again(&mut self, id: FactId, at: Time, event: u32) {
        for other in self.family(event) {
            let account = &mut self.accounts[other as usize - 1];
            if std::mem::take(&mut account.overwritten) {
                self.judge(id, at, other);
            }
        }
    }

    /// A write threw a row of this event away; if its order has no other, whatever its versions had become is gone.
    pub(super) fn thrown_away(&mut self, id: FactId, at: Time, event: u32) {
        if !self.copies(event).is_empty() {
            return;
        }
        for other in self.family(event) {
            self.accounts[other as usize - 1].overwritten = true;
            self.judge(id, at, other);
        }
    }

    /// The table took these rows in and shows another version of their orders, or none.
    pub(super) fn merged_away(&mut self, id: FactId, at: Time, origins: &[(Origin, Source)]) {
        for &(origin, _) in origins {
            let event = number(origin);
            let account = &mut self.accounts[event as usize - 1];
            account.absorbed = true;
            account.overwritten = false;
            self.judge(id, at, event);
        }
    }

    /// Why two versions of one order are visible at once.
    pub(super) fn why_two_versions(first: &Entry, second: &Entry) -> DupOrigin {
        if first.record_key == second.record_key && first.path != second.path {
            DupOrigin::KeyMove
        } else {
            DupOrigin::UpdateInserted
        }
    }

    /// How many orders the reader sees in another state than the newest of those that were not refused or are still
    /// under way: an older version, a row that should be gone, or no row where there should be one.
    pub(super) fn stale(&self) -> u32 {
        let account = |event: &u32| &self.accounts[*event as usize - 1];
        let rank = |event: &u32| (account(event).event_time, *event);
        let wrong = |events: &&Vec<u32>| {
            let settled =
                |event: &&u32| matches!(account(event).fate, Fate::Delivered | Fate::Lost);
            let Some(newest) = events
                .iter()
                .filter(settled)
                .max_by_key(|event| rank(event))
            else {
                return false;
            };
            let visible = |event: &&u32| !account(event).entries.is_empty();
            let shown = events.iter().filter(visible).map(rank).max();
            match shown {
                Some(_) if account(newest).cancelled => true,
                Some(shown) => shown < rank(newest),
                None => !account(newest).cancelled && account(newest).fate == Fate::Delivered,
            }
        };
        self.orders.events.values().filter(wrong).count() as u32
    }

    /// What an event's account is told of its order.
    pub(super) fn changed(&mut self, origin: Origin, order_id: u32, cancels: bool) {
        let account: &mut Account = &mut self.accounts[number(origin) as usize - 1];
        account.cancelled = cancels;
        if cancels && self.terms.by_order {
            self.verdict.owed += self.orders.cancelled(order_id, account.event_time);
        }
    }
}
