//! All that a program may do to the world, and the state that hosts share.

use super::agenda::{Agenda, What};
use super::host::HostId;
use super::network::{Network, Reply};
use super::rng::{Draw, Stream, mix};
use super::time::{Span, Time};
#[cfg(not(feature = "lean"))]
use super::wire::Wire;
use crate::sim::message::Message;
use crate::sim::trace::{Fact, FactId, Recorder};

/// What all hosts share: time, agenda, network, and the record of what happened.
#[derive(Clone)]
pub struct Kernel {
    pub now: Time,
    pub seed: u64,
    pub agenda: Agenda,
    pub network: Network,
    pub recorder: Recorder,
    /// Index: host. How often it was started; a timer of an older incarnation never fires.
    pub incarnations: Vec<u32>,
    /// What went over the network, if somebody wants to know.
    #[cfg(not(feature = "lean"))]
    pub wire: Option<Box<Wire>>,
}

impl Kernel {
    pub fn context(&mut self, host: HostId, cause: Option<FactId>) -> Context<'_> {
        Context {
            kernel: self,
            host,
            cause,
        }
    }

    pub fn draw(&self, host: HostId, purpose: &str, index: u64) -> Draw {
        Draw::new(self.seed, u64::from(host.0), purpose, index)
    }

    /// Breaks a connection and tells both ends, each after a delay of its own.
    pub fn reset(&mut self, a: HostId, b: HostId, cause: Option<FactId>) {
        self.network.reset(a, b);
        self.cut(a, b);
        let epoch = self.network.epoch(a, b);
        for (to, peer) in [(a, b), (b, a)] {
            let delay = self.delay(peer, to, mix(u64::from(epoch)));
            let at = self.network.arrival(peer, to, self.now, delay);
            self.agenda.insert(
                at,
                cause,
                What::Deliver {
                    from: peer,
                    to,
                    epoch,
                    message: Message::Disconnected,
                },
            );
        }
    }

    /// Breaks a connection from one end, which knows what it did; the other end hears of it.
    pub fn drop_connection(&mut self, by: HostId, peer: HostId, cause: Option<FactId>) {
        self.network.reset(by, peer);
        self.cut(by, peer);
        let epoch = self.network.epoch(by, peer);
        let delay = self.delay(by, peer, mix(u64::from(epoch)));
        let at = self.network.arrival(by, peer, self.now, delay);
        let what = What::Deliver {
            from: by,
            to: peer,
            epoch,
            message: Message::Disconnected,
        };
        self.agenda.insert(at, cause, what);
    }

    #[cfg(not(feature = "lean"))]
    fn cut(&mut self, a: HostId, b: HostId) {
        if let Some(wire) = &mut self.wire {
            wire.cut(a, b, self.now);
        }
    }

    #[cfg(feature = "lean")]
    fn cut(&mut self, _: HostId, _: HostId) {}

    fn delay(&mut self, from: HostId, to: HostId, index: u64) -> Span {
        let component = u64::from(from.0) << 8 | u64::from(to.0);
        let seed = self.seed;
        let delays = self
            .network
            .delays(from, to, || Stream::new(seed, component, "network"));
        let extra = delays.draw(index).exponential(self.network.mean_extra);
        let spike = self.network.spike(from, to, self.now);
        let spike = if spike == Span::ZERO {
            Span::ZERO
        } else {
            Draw::new(seed, component, "spike", index).exponential(spike)
        };
        self.network.minimum + extra + spike
    }
}

/// All that a program may do: send, set a timer, draw, note.
pub struct Context<'a> {
    kernel: &'a mut Kernel,
    host: HostId,
    /// The last fact noted on the way here: the cause of the next one.
    cause: Option<FactId>,
}

impl Context<'_> {
    pub fn now(&self) -> Time {
        self.kernel.now
    }

    pub fn host(&self) -> HostId {
        self.host
    }

    /// 1 at the first start of the process, one more at each restart.
    pub fn incarnation(&self) -> u32 {
        self.kernel.incarnations[usize::from(self.host.0)]
    }

    /// The way back to whoever sent the message in hand.
    pub fn reply_to(&self, from: HostId) -> Reply {
        Reply {
            to: from,
            epoch: self.kernel.network.epoch(self.host, from),
        }
    }

    pub fn send(&mut self, to: HostId, message: impl Into<Message>) {
        let message = message.into();
        let counted = self.kernel.network.count(self.host, to);
        // What both of two compared runs send has the same name in both, and so the same delay.
        let index = message.name().unwrap_or_else(|| mix(counted));
        let delay = self.kernel.delay(self.host, to, index);
        let at = self
            .kernel
            .network
            .arrival(self.host, to, self.kernel.now, delay);
        let epoch = self.kernel.network.epoch(self.host, to);
        #[cfg(not(feature = "lean"))]
        if let Some(wire) = &mut self.kernel.wire {
            let order = self.kernel.agenda.next_order();
            let ends = (self.host, to);
            wire.sent(order, ends, self.kernel.now, &message, self.cause);
        }
        self.kernel.agenda.insert(
            at,
            self.cause,
            What::Deliver {
                from: self.host,
                to,
                epoch,
                message,
            },
        );
    }

    /// Answers over the connection that the question came by, if it is still the same one.
    pub fn reply(&mut self, reply: Reply, message: impl Into<Message>) {
        let message = message.into();
        let is_open = self.kernel.network.epoch(self.host, reply.to) == reply.epoch;
        #[cfg(not(feature = "lean"))]
        if let (false, Some(wire)) = (is_open, &mut self.kernel.wire) {
            let ends = (self.host, reply.to);
            wire.unsent(ends, self.kernel.now, &message, self.cause);
        }
        if is_open {
            self.send(reply.to, message);
        }
    }

    /// Hangs up: the connection breaks for both ends.
    pub fn close(&mut self, peer: HostId) {
        self.kernel.reset(self.host, peer, self.cause);
    }

    /// Gives a connection up on this side at once; the peer hears of it later.
    pub fn drop_connection(&mut self, peer: HostId) {
        self.kernel.drop_connection(self.host, peer, self.cause);
    }

    /// Sends a message to oneself: a timer, or the next step of something that a crash may tear apart.
    pub fn after(&mut self, span: Span, message: impl Into<Message>) {
        let what = What::Wake {
            host: self.host,
            incarnation: self.incarnation(),
            message: message.into(),
        };
        self.kernel
            .agenda
            .insert(self.kernel.now + span, self.cause, what);
    }

    pub fn draw(&self, purpose: &str, index: u64) -> Draw {
        self.kernel.draw(self.host, purpose, index)
    }

    /// Writes down what happened; its cause is the last fact noted before it.
    pub fn note(&mut self, fact: Fact) -> FactId {
        let id = self
            .kernel
            .recorder
            .note(self.kernel.now, self.host, self.cause, None, fact);
        self.cause = Some(id);
        id
    }

    /// The same, naming the setting that decided it.
    pub fn note_setting(&mut self, setting: &'static str, fact: Fact) -> FactId {
        let id =
            self.kernel
                .recorder
                .note(self.kernel.now, self.host, self.cause, Some(setting), fact);
        self.cause = Some(id);
        id
    }

    pub fn cause(&self) -> Option<FactId> {
        self.cause
    }

    /// Goes back to an earlier cause: what follows was asked for by that, not by the last fact noted.
    pub fn because(&mut self, cause: Option<FactId>) {
        self.cause = cause;
    }
}
