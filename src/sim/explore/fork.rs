//! What an exploration may do to a running simulation: watch its steps, and put a fault into a fork of it.

use crate::sim::fault::{Fault, FaultId};
use crate::sim::kernel::{HostId, Time};
use crate::sim::message::Message;
use crate::sim::{Ended, Simulation};

/// A step that a host was about to take: the moment before it is a crash point.
#[derive(Clone, Debug)]
pub struct Step {
    pub host: HostId,
    /// Which step of the host it is, counted from 1.
    pub nth: u32,
    /// The event of the run that it belongs to, counted from 1.
    pub event: u64,
    pub at: Time,
    pub from: HostId,
    /// Facts noted before it.
    pub facts: u32,
    /// What arrived, in the words of its message.
    pub what: String,
}

impl Simulation {
    /// Writes down every step from here on.
    pub(super) fn watch_steps(&mut self) {
        self.watched = Some(Vec::new());
    }

    /// The steps since then.
    pub(super) fn take_steps(&mut self) -> Vec<Step> {
        self.watched.take().unwrap_or_default()
    }

    pub(in crate::sim) fn watch(&mut self, from: HostId, to: HostId, message: &Message) {
        if let Some(steps) = &mut self.watched {
            steps.push(Step {
                host: to,
                nth: self.script.steps_of(to),
                event: self.events,
                at: self.kernel.now,
                from,
                facts: self.kernel.recorder.noted(),
                what: message.words(),
            });
        }
    }

    /// Puts a fault in the place of one of the script that waits for a step nobody will take.
    /// `counted`: matching facts so far.
    pub(super) fn arm(&mut self, id: FaultId, fault: Fault, counted: u32) {
        self.script.replace(id, fault, counted);
    }

    /// Whether it has ended by itself.
    pub(super) fn is_at_rest(&self) -> bool {
        self.ended == Some(Ended::Drained)
    }

    /// Handles up to so many events and answers how many; the run, once it has ended.
    pub(super) fn advance(&mut self, events: u64) -> (u64, bool) {
        let before = self.events;
        while self.events - before < events {
            if !self.step() {
                return (self.events - before, true);
            }
        }
        (events, false)
    }
}
