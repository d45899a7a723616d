//! The future event list: earliest first, first in first out among equals.

use super::host::HostId;
use super::time::Time;
use crate::sim::fault::FaultId;
use crate::sim::message::Message;
use crate::sim::trace::FactId;

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

/// The future event list: a heap of four children a node. It moves small keys; what is to happen stays in its slot.
#[derive(Clone, Default)]
pub struct Agenda {
    heap: Vec<Key>,
    slots: Vec<Option<(Option<FactId>, What)>>,
    free: Vec<u32>,
    inserted: u64,
}

/// When and in which order, and where the rest lies.
#[derive(Clone, Copy)]
struct Key {
    /// The time in the upper half, the order in the lower: one comparison. No two are equal.
    rank: u128,
    slot: u32,
}

impl Key {
    fn new(at: Time, order: u64, slot: u32) -> Self {
        Key {
            rank: u128::from(at.micros()) << 64 | u128::from(order),
            slot,
        }
    }
}

impl Agenda {
    pub fn insert(&mut self, at: Time, cause: Option<FactId>, what: What) {
        let order = self.inserted;
        self.inserted += 1;
        self.put(at, order, cause, what);
    }

    pub fn pop(&mut self) -> Option<Event> {
        let last = self.heap.pop()?;
        let first = match self.heap.first().copied() {
            None => last,
            Some(first) => {
                self.sink(last);
                first
            }
        };
        let (cause, what) = self.slots[first.slot as usize]
            .take()
            .expect("a key has its slot");
        self.free.push(first.slot);
        Some(Event {
            at: Time::from_micros((first.rank >> 64) as u64),
            order: first.rank as u64,
            cause,
            what,
        })
    }

    /// The order that the next event gets.
    #[cfg(not(feature = "lean"))]
    pub fn next_order(&self) -> u64 {
        self.inserted
    }

    /// Puts an event off. It keeps its place among what happens at the same time, so nothing overtakes it.
    pub fn postpone(&mut self, event: Event, at: Time) {
        self.put(at, event.order, event.cause, event.what);
    }

    fn put(&mut self, at: Time, order: u64, cause: Option<FactId>, what: What) {
        let full = Some((cause, what));
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = full;
                slot
            }
            None => {
                self.slots.push(full);
                self.slots.len() as u32 - 1
            }
        };
        // It rises from the end.
        let key = Key::new(at, order, slot);
        let mut place = self.heap.len();
        self.heap.push(key);
        while place > 0 {
            let parent = (place - 1) / 4;
            if self.heap[parent].rank < key.rank {
                break;
            }
            self.heap[place] = self.heap[parent];
            place = parent;
        }
        self.heap[place] = key;
    }

    /// Puts a key in the place of the first, which is gone.
    fn sink(&mut self, key: Key) {
        let heap = self.heap.as_mut_slice();
        let mut place = 0;
        loop {
            let first = 4 * place + 1;
            let Some(children) = heap.get(first..heap.len().min(first + 4)) else {
                break;
            };
            let mut least = key.rank;
            let mut chosen = None;
            for (index, child) in children.iter().enumerate() {
                if child.rank < least {
                    least = child.rank;
                    chosen = Some(first + index);
                }
            }
            let Some(chosen) = chosen else { break };
            heap[place] = heap[chosen];
            place = chosen;
        }
        heap[place] = key;
    }
}

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

    #[test]
    fn whatever_goes_in_comes_out_in_order() {
        let mut agenda = Agenda::default();
        let mut expected = Vec::new();
        let mut number = 1_u64;
        for n in 0..2_000 {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = Time::from_ms(number >> 58);
            agenda.insert(at, None, What::Arrival(n));
            expected.push((at, n));
            if n % 3 == 0 {
                let first = *expected.iter().min().expect("there is one");
                let event = agenda.pop().expect("there is one");
                assert!(matches!(event.what, What::Arrival(n) if (event.at, n) == first));
                expected.retain(|other| *other != first);
            }
        }
        expected.sort_unstable();
        for (at, n) in expected {
            let event = agenda.pop().expect("there is one");
            assert!(matches!(event.what, What::Arrival(m) if (event.at, m) == (at, n)));
        }
        assert!(agenda.pop().is_none());
    }
}
