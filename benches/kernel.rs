//! The bare kernel: ten M/M/1 stations in a row, `cargo bench --no-default-features --bench kernel`.
//!
//! A customer arrives at the first station, is served there, goes on to the next, and leaves behind the last. An arrival and an
//! end of service are an event each; every one is drawn from a stream of its own, as everything here is. The mean time in the
//! system is printed beside what queueing theory says, so that it is seen that the stations do work.

use std::collections::VecDeque;
use std::time::Instant;
use streamproof::sim::Keep;
use streamproof::sim::kernel::rng::Stream;
use streamproof::sim::kernel::{
    Agenda, Context, Host, HostId, Kernel, Network, Program, Span, Time, What,
};
use streamproof::sim::message::Message;
use streamproof::sim::trace::{Cast, Recorder};

const STATIONS: u8 = 10;
const CUSTOMERS: u32 = 1_000_000;
/// Mean time between arrivals and mean service time: each station is busy 80 % of the time.
const BETWEEN: Span = Span::from_micros(1_000);
const SERVICE: Span = Span::from_micros(800);

/// One server and its queue. A customer comes as a message; the end of a service is a message to oneself.
struct Station {
    services: Stream,
}

/// When each customer arrived at the first station, and how many were served.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Time>,
    served: u64,
}

impl Station {
    fn serve(&self, queue: &mut Queue, cx: &mut Context) {
        let mut draw = self.services.draw(queue.served);
        queue.served += 1;
        cx.after(draw.exponential(SERVICE), Message::Disconnected);
    }
}

impl Program for Station {
    type Disk = ();
    type Memory = Queue;

    fn boot(&self, (): &mut (), _: &mut Context) -> Queue {
        Queue::default()
    }

    fn on_message(
        &self,
        (): &mut (),
        queue: &mut Queue,
        _: HostId,
        message: Message,
        cx: &mut Context,
    ) {
        match message {
            Message::GiveUp => {
                queue.waiting.push_back(cx.now());
                if queue.waiting.len() == 1 {
                    self.serve(queue, cx);
                }
            }
            _ => {
                queue.waiting.pop_front();
                if !queue.waiting.is_empty() {
                    self.serve(queue, cx);
                }
            }
        }
    }
}

/// Events, and the mean time that a customer spent at one station, in microseconds.
fn tandem() -> (u64, f64) {
    let names = (1..=STATIONS).map(|n| format!("station{n}"));
    let cast = Cast {
        hosts: names.collect(),
        ..Cast::default()
    };
    let mut kernel = Kernel {
        now: Time::ZERO,
        seed: 1,
        agenda: Agenda::default(),
        network: Network::new(Span::ZERO, Span::ZERO),
        recorder: Recorder::new(cast, Keep::VerdictOnly),
        incarnations: vec![1; usize::from(STATIONS)],
        wire: None,
    };
    let station = |n: u8| Station {
        services: Stream::new(1, u64::from(n), "service"),
    };
    let mut hosts: Vec<Host<Station>> = (0..STATIONS).map(|n| Host::new(station(n))).collect();
    for (n, host) in hosts.iter_mut().enumerate() {
        host.boot(&mut kernel.context(HostId(n as u8), None));
    }
    let arrivals = Stream::new(1, 0, "arrival");
    kernel.agenda.insert(Time::ZERO, None, What::Arrival(1));
    let (mut events, mut stayed, mut left) = (0, 0, 0_u64);
    while let Some(event) = kernel.agenda.pop() {
        kernel.now = event.at;
        events += 1;
        let (host, message) = match event.what {
            What::Arrival(n) => {
                if n < CUSTOMERS {
                    let gap = arrivals.draw(u64::from(n)).exponential(BETWEEN);
                    let next = What::Arrival(n + 1);
                    kernel.agenda.insert(event.at + gap, None, next);
                }
                (HostId(0), Message::GiveUp)
            }
            What::Wake { host, message, .. } => {
                // Served: on to the next station.
                let begun = hosts[usize::from(host.0)].memory.as_ref();
                let begun = begun.and_then(|queue| queue.waiting.front().copied());
                stayed += event.at.since(begun.unwrap_or_default()).micros();
                left += 1;
                let next = HostId(host.0 + 1);
                if next.0 < STATIONS {
                    let mut cx = kernel.context(next, None);
                    hosts[usize::from(next.0)].handle(host, Message::GiveUp, &mut cx);
                }
                (host, message)
            }
            _ => unreachable!("nothing else is on the agenda"),
        };
        let mut cx = kernel.context(host, None);
        hosts[usize::from(host.0)].handle(host, message, &mut cx);
    }
    (events, stayed as f64 / left.max(1) as f64)
}

fn main() {
    if std::env::args().any(|word| word == "--test") {
        return;
    }
    let mut rates: Vec<f64> = Vec::new();
    let mut mean = 0.0;
    for _ in 0..5 {
        let begun = Instant::now();
        let (events, stayed) = tandem();
        rates.push(events as f64 / begun.elapsed().as_secs_f64());
        mean = stayed;
    }
    rates.sort_by(f64::total_cmp);
    let busy = SERVICE.micros() as f64 / BETWEEN.micros() as f64;
    let theory = SERVICE.micros() as f64 / (1.0 - busy);
    println!(
        "{STATIONS} M/M/1 stations in a row, {CUSTOMERS} customers: median of 5 is {:.2} M events/s; \
         a customer stays {mean:.0} us at a station, {theory:.0} us in theory",
        rates[2] / 1e6
    );
}
