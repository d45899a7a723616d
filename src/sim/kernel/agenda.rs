//! The future event list: earliest first, first in first out among equals.

use super::host::HostId;
use super::time::Time;
use crate::sim::fault::FaultId;
use crate::sim::message::Message;
use crate::sim::trace::FactId;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// An entry of the agenda. `order` breaks ties; `cause` is the last fact noted before it was asked for.
#[derive(Clone)]
pub struct Event {
    pub at: Time,
    pub order: u64,
    pub cause: Option<FactId>,
    pub what: What,
}

#[derive(Clone)]
pub enum What {
    /// A message arrives, unless its connection was reset meanwhile.
    Deliver {
        from: HostId,
        to: HostId,
        epoch: u32,
        message: Message,
    },
    /// A timer fires, unless the process that set it is gone.
    Wake {
        host: HostId,
        incarnation: u32,
        message: Message,
    },
    /// The nth business event of the workload happens.
    Arrival(u32),
    /// A fault that was placed at a time.
    Fault(FaultId),
    /// A crashed process starts again.
    Restart(HostId),
    /// A paused process goes on.
    Resume(HostId),
}

/// The future event list.
#[derive(Clone, Default)]
pub struct Agenda {
    heap: BinaryHeap<Event>,
    inserted: u64,
}

impl Agenda {
    pub fn insert(&mut self, at: Time, cause: Option<FactId>, what: What) {
        self.heap.push(Event {
            at,
            order: self.inserted,
            cause,
            what,
        });
        self.inserted += 1;
    }

    pub fn pop(&mut self) -> Option<Event> {
        self.heap.pop()
    }

    /// Puts an event off. It keeps its place among what happens at the same time, so nothing overtakes it.
    pub fn postpone(&mut self, event: Event, at: Time) {
        self.heap.push(Event { at, ..event });
    }
}

// `BinaryHeap` pops the greatest, so the earlier event is the greater one.
impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_leave_in_the_order_they_came() {
        let mut agenda = Agenda::default();
        for (at, n) in [(5, 0), (3, 1), (5, 2), (3, 3)] {
            agenda.insert(Time::from_ms(at), None, What::Arrival(n));
        }
        let order: Vec<u32> = std::iter::from_fn(|| agenda.pop())
            .map(|event| match event.what {
                What::Arrival(n) => n,
                _ => unreachable!("only arrivals were inserted"),
            })
            .collect();
        assert_eq!(order, [1, 3, 0, 2]);
    }
}
