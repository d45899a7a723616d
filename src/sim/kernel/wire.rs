//! What went over the network: every message with when it left, and what became of it. Kept only if it is asked for.
//!
//! A timer is a message to oneself and goes over no wire. What the kernel tells both ends of a broken connection is not in it
//! either: hosts note that as facts.

use super::host::HostId;
use super::time::Time;
use crate::sim::message::Message;
use crate::sim::ordered::OrdMap;
use crate::sim::trace::FactId;
use serde::{Deserialize, Serialize};

/// Not more than this many are kept; the rest is counted.
pub const LETTERS_MAX: usize = 60_000;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// It is under way when the run ends.
    Underway,
    /// Its receiver took it then.
    Arrived(Time),
    /// Its connection broke then, and took it along.
    Cut(Time),
    /// Nobody listened at the other end.
    Refused(Time),
    /// The connection that it should have answered on was gone: it never left.
    Unsent,
}

impl Fate {
    pub const fn is_lost(self) -> bool {
        matches!(self, Fate::Cut(_) | Fate::Refused(_) | Fate::Unsent)
    }
}

/// A message between two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    pub from: HostId,
    pub to: HostId,
    pub sent: Time,
    pub fate: Fate,
    /// Index into [`Wire::names`].
    pub name: u16,
    /// The last fact that its sender had noted on the way to it.
    pub cause: Option<FactId>,
}

impl Letter {
    /// When it was over: taken, cut or refused; none while it is under way.
    pub fn until(&self) -> Option<Time> {
        match self.fate {
            Fate::Underway => None,
            Fate::Arrived(at) | Fate::Cut(at) | Fate::Refused(at) => Some(at),
            Fate::Unsent => Some(self.sent),
        }
    }
}

/// All of them, in the order in which they were sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wire {
    pub letters: Vec<Letter>,
    /// What messages are called in the protocol, in words: "produce", "fetch".
    pub names: Vec<String>,
    /// Messages that were sent after [`LETTERS_MAX`].
    pub omitted: u32,
    /// Which are under way, by their place in the agenda's order.
    #[serde(skip)]
    underway: OrdMap<u64, u32>,
}

impl Wire {
    fn keep(&mut self, letter: Letter) -> Option<u32> {
        if self.letters.len() >= LETTERS_MAX {
            self.omitted += 1;
            return None;
        }
        self.letters.push(letter);
        Some(self.letters.len() as u32 - 1)
    }

    fn name(&mut self, message: &Message) -> u16 {
        let words = message.words();
        let known = self.names.iter().position(|name| *name == words);
        known.unwrap_or_else(|| {
            self.names.push(words);
            self.names.len() - 1
        }) as u16
    }

    /// A message goes off as the agenda's event `order`.
    pub(super) fn sent(
        &mut self,
        order: u64,
        ends: (HostId, HostId),
        now: Time,
        message: &Message,
        cause: Option<FactId>,
    ) {
        let name = self.name(message);
        let kept = self.keep(Letter {
            from: ends.0,
            to: ends.1,
            sent: now,
            fate: Fate::Underway,
            name,
            cause,
        });
        if let Some(index) = kept {
            self.underway.insert(order, index);
        }
    }

    /// An answer has nobody to go to any more.
    pub(super) fn unsent(
        &mut self,
        ends: (HostId, HostId),
        now: Time,
        message: &Message,
        cause: Option<FactId>,
    ) {
        let name = self.name(message);
        self.keep(Letter {
            from: ends.0,
            to: ends.1,
            sent: now,
            fate: Fate::Unsent,
            name,
            cause,
        });
    }

    /// A connection breaks with everything on it.
    pub(super) fn cut(&mut self, a: HostId, b: HostId, now: Time) {
        let letters = &mut self.letters;
        self.underway.retain(|_, index| {
            let letter = &mut letters[*index as usize];
            let here = (letter.from, letter.to) == (a, b) || (letter.from, letter.to) == (b, a);
            if here {
                letter.fate = Fate::Cut(now);
            }
            !here
        });
    }

    /// The message behind an event of the agenda is there.
    pub(in crate::sim) fn over(&mut self, order: u64, fate: Fate) {
        if let Some(index) = self.underway.remove(&order) {
            self.letters[index as usize].fate = fate;
        }
    }
}
