//! A test stand for one process: what it is told, what it notes, what it asks for. Time stands still unless it is moved.

use super::protocol::{Batch, BatchName, Message, PartitionId, PartitionState, Writer};
use crate::sim::Keep;
use crate::sim::kernel::{
    Agenda, EventTime, Host, HostId, Kernel, Network, Program, Span, Time, What,
};
use crate::sim::message;
use crate::sim::origin::Origin;
use crate::sim::trace::{Cast, Fact, Recorder};
use crate::sim::workload::{Key, Record, Value};

/// Who is who on the stand.
pub const PRODUCER: HostId = HostId(0);
pub const B1: HostId = HostId(1);
pub const B2: HostId = HostId(2);
pub const B3: HostId = HostId(3);
pub const CONTROLLER: HostId = HostId(4);

pub struct Stand<P: Program> {
    pub host: Host<P>,
    me: HostId,
    kernel: Kernel,
    /// Timers and steps that the process set for itself.
    timers: Vec<(Time, Message)>,
    sent: Vec<(HostId, Message)>,
}

impl<P: Program> Stand<P> {
    /// A process that has just been started for the first time.
    pub fn new(me: HostId, program: P) -> Self {
        let names = ["p1", "b1", "b2", "b3", "controller"];
        let cast = Cast {
            hosts: names.map(String::from).to_vec(),
            ..Cast::default()
        };
        let kernel = Kernel {
            now: Time::ZERO,
            seed: 1,
            agenda: Agenda::default(),
            network: Network::new(Span::ZERO, Span::ZERO),
            recorder: Recorder::new(cast, Keep::LedgerOnly),
            incarnations: vec![1; names.len()],
            #[cfg(not(feature = "lean"))]
            wire: None,
        };
        let mut stand = Stand {
            host: Host::new(program),
            me,
            kernel,
            timers: Vec::new(),
            sent: Vec::new(),
        };
        let mut cx = stand.kernel.context(me, None);
        stand.host.boot(&mut cx);
        stand.collect();
        stand
    }

    /// Tells it something; what it notes is the answer.
    pub fn tell(&mut self, from: HostId, message: impl Into<message::Message>) -> Vec<Fact> {
        let mut cx = self.kernel.context(self.me, None);
        self.host.handle(from, message.into(), &mut cx);
        self.collect();
        self.facts()
    }

    /// Lets time pass; timers that are due fire in their order.
    pub fn pass(&mut self, span: Span) -> Vec<Fact> {
        let until = self.kernel.now + span;
        let mut facts = Vec::new();
        loop {
            let due = |(at, _): &&(Time, Message)| *at <= until;
            let Some(&(at, _)) = self.timers.iter().filter(due).min_by_key(|(at, _)| *at) else {
                break;
            };
            let next = self.timers.iter().position(|(other, _)| *other == at);
            let (_, message) = self.timers.remove(next.expect("it was found just now"));
            self.kernel.now = at.max(self.kernel.now);
            facts.extend(self.tell(self.me, message));
        }
        self.kernel.now = until;
        facts
    }

    /// What it sent since the last question.
    pub fn sent(&mut self) -> Vec<(HostId, Message)> {
        std::mem::take(&mut self.sent)
    }

    fn facts(&mut self) -> Vec<Fact> {
        let fresh = self.kernel.recorder.take_fresh();
        fresh.into_iter().map(|(_, event)| event.fact).collect()
    }

    fn collect(&mut self) {
        while let Some(event) = self.kernel.agenda.pop() {
            match event.what {
                What::Deliver {
                    to,
                    message: message::Message::Kafka(message),
                    ..
                } => self.sent.push((to, message)),
                What::Wake {
                    message: message::Message::Kafka(message),
                    ..
                } => self.timers.push((event.at, message)),
                _ => {}
            }
        }
    }
}

/// An order of a customer.
pub fn record(order: u32) -> Record {
    Record {
        key: Key(1),
        value: Value {
            order_id: order,
            amount: 100,
            ..Value::default()
        },
        event_time: EventTime::from_ms(0),
        origin: Origin::nth(order),
    }
}

/// Partition 0, led by b1 and followed by b2 and b3.
pub fn led_by_b1(isr: &[HostId]) -> PartitionState {
    PartitionState {
        partition: PartitionId(0),
        replicas: vec![B1, B2, B3],
        leader: Some(B1),
        epoch: 0,
        isr: isr.to_vec(),
    }
}

/// The nth batch of a producer: one record.
pub fn batch(ordinal: u32, writer: Option<Writer>) -> Batch {
    Batch {
        name: BatchName {
            producer: PRODUCER,
            session: 1,
            partition: PartitionId(0),
            ordinal,
        },
        writer,
        records: vec![record(ordinal + 1)],
        entry: None,
    }
}
