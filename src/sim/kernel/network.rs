//! Connections between hosts: in-order delivery, delay, reset, and links that carry nothing for a while.
//!
//! Mirrors: TCP as an application sees it. A later message never overtakes an earlier one on the same connection, and
//! a reset loses whatever was on the wire in both directions, so "one lost message" is always a broken connection.
//! A split link breaks nothing by itself: TCP repeats what was not received, so it arrives once the link is back, unless an
//! end has given the connection up by then.
//! Simplified: no bandwidth; a connection needs no handshake of its own (the Kafka client's is modelled there).

use super::host::HostId;
use super::rng::Stream;
use super::time::{Span, Time};

/// A way back to the sender of a message. An answer over a connection that was reset meanwhile reaches nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub to: HostId,
    pub epoch: u32,
}

#[derive(Clone, Copy, Default)]
struct Connection {
    /// Grows with every reset.
    epoch: u32,
    /// Whether anything was ever sent or reset on it.
    used: bool,
    /// When the last message of either direction arrives: from the lower host, from the higher host.
    last: [Time; 2],
    /// Messages sent so far; the index of the next delay when nothing better names it.
    sent: u64,
    /// What delays are drawn from in either direction, once one was.
    delays: [Option<Stream>; 2],
}

/// All connections of the run.
#[derive(Clone)]
pub struct Network {
    /// The least one-way delay.
    pub minimum: Span,
    /// What is added to it on average, exponentially distributed.
    pub mean_extra: Span,
    /// Index: see [`Network::place`].
    connections: Vec<Connection>,
    /// Until when a link carries nothing.
    splits: Vec<((HostId, HostId), Time)>,
    /// Until when a link is slow, and what is added then on average.
    spikes: Vec<((HostId, HostId), Time, Span)>,
}

fn ends(a: HostId, b: HostId) -> (HostId, HostId) {
    (a.min(b), a.max(b))
}

impl Network {
    pub fn new(minimum: Span, mean_extra: Span) -> Self {
        Network {
            minimum,
            mean_extra,
            connections: Vec::new(),
            splits: Vec::new(),
            spikes: Vec::new(),
        }
    }

    /// Lets nothing through between two hosts until then.
    pub fn split(&mut self, a: HostId, b: HostId, until: Time) {
        self.splits.push((ends(a, b), until));
    }

    /// When a link that carries nothing now is back.
    pub fn split_until(&self, a: HostId, b: HostId, now: Time) -> Option<Time> {
        let link = ends(a, b);
        let of_link = self.splits.iter().filter(|(split, _)| *split == link);
        let until = of_link.map(|&(_, until)| until).max();
        until.filter(|&until| until > now)
    }

    /// Makes every message between two hosts slower until then.
    pub fn slow_down(&mut self, a: HostId, b: HostId, until: Time, mean: Span) {
        self.spikes.push((ends(a, b), until, mean));
    }

    /// What is added to the delay of a message on average.
    pub fn spike(&self, a: HostId, b: HostId, now: Time) -> Span {
        let link = ends(a, b);
        let lasting = |(slow, until, _): &&(_, Time, _)| *slow == link && *until > now;
        let last = self.spikes.iter().rev().find(lasting);
        last.map_or(Span::ZERO, |&(_, _, mean)| mean)
    }

    /// The connections of a host with lower ones lie side by side, so that one more host moves none.
    fn place(a: HostId, b: HostId) -> usize {
        let (low, high) = (usize::from(a.0.min(b.0)), usize::from(a.0.max(b.0)));
        high * (high + 1) / 2 + low
    }

    fn connection(&mut self, a: HostId, b: HostId) -> &mut Connection {
        let place = Network::place(a, b);
        if self.connections.len() <= place {
            self.connections.resize(place + 1, Connection::default());
        }
        let connection = &mut self.connections[place];
        connection.used = true;
        connection
    }

    pub fn epoch(&self, a: HostId, b: HostId) -> u32 {
        let connection = self.connections.get(Network::place(a, b));
        connection.map_or(0, |connection| connection.epoch)
    }

    /// What delays from one to the other are drawn from.
    pub fn delays(&mut self, from: HostId, to: HostId, new: impl FnOnce() -> Stream) -> Stream {
        let connection = self.connection(from, to);
        *connection.delays[usize::from(from > to)].get_or_insert_with(new)
    }

    /// Counts a message on its connection.
    pub fn count(&mut self, from: HostId, to: HostId) -> u64 {
        let connection = self.connection(from, to);
        connection.sent += 1;
        connection.sent
    }

    /// When a message sent now with this delay arrives: never before what was sent ahead of it.
    pub fn arrival(&mut self, from: HostId, to: HostId, now: Time, delay: Span) -> Time {
        let connection = self.connection(from, to);
        let last = &mut connection.last[usize::from(from > to)];
        *last = (now + delay).max(*last);
        *last
    }

    /// Breaks the connection: nothing on the wire arrives.
    pub fn reset(&mut self, a: HostId, b: HostId) {
        let connection = self.connection(a, b);
        connection.epoch += 1;
        connection.last = [Time::ZERO; 2];
    }

    /// Everyone that ever spoke with `host`.
    pub fn peers(&self, host: HostId) -> Vec<HostId> {
        let spoke = |other: &HostId| {
            let connection = self.connections.get(Network::place(host, *other));
            connection.is_some_and(|connection| connection.used)
        };
        (0..=u8::MAX).map(HostId).filter(spoke).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_delay_does_not_overtake_a_long_one() {
        let mut network = Network::new(Span::ZERO, Span::ZERO);
        let (a, b) = (HostId(0), HostId(1));
        let slow = network.arrival(a, b, Time::ZERO, Span::from_ms(9));
        let fast = network.arrival(a, b, Time::from_ms(1), Span::from_ms(1));
        assert_eq!(slow, fast);
        let back = network.arrival(b, a, Time::ZERO, Span::from_ms(1));
        assert_eq!(
            back,
            Time::from_ms(1),
            "the other direction has its own order"
        );
    }
}
