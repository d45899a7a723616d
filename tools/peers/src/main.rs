//! Ten M/M/1 stations in a row on nexosim, the same queue as `benches/kernel.rs`: an arrival and an end of service are an event each.

use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::Output;
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rand_distr::Exp1;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const STATIONS: u64 = 10;
const CUSTOMERS: u64 = 1_000_000;
const BETWEEN_US: f64 = 1_000.0;
const SERVICE_US: f64 = 800.0;

static EVENTS: AtomicU64 = AtomicU64::new(0);
static STAYED_NS: AtomicU64 = AtomicU64::new(0);

fn exponential(rng: &mut SmallRng, mean_us: f64) -> Duration {
    let drawn: f64 = rng.sample(Exp1);
    Duration::from_nanos((drawn * mean_us * 1_000.0).max(1.0) as u64)
}

fn now(cx: &Context<impl Model>) -> u64 {
    cx.time().duration_since(MonotonicTime::EPOCH).as_nanos() as u64
}

/// A generator of its own for each model, made when it is first needed: a model's state has to be serialisable.
#[derive(Default, Serialize, Deserialize)]
struct Draws {
    seed: u64,
    #[serde(skip)]
    rng: Option<SmallRng>,
}

impl Draws {
    fn next(&mut self, mean_us: f64) -> Duration {
        let seed = self.seed;
        let rng = self
            .rng
            .get_or_insert_with(|| SmallRng::seed_from_u64(seed));
        exponential(rng, mean_us)
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Source {
    output: Output<()>,
    left: u64,
    draws: Draws,
}

#[Model]
impl Source {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>, _: &mut ()) {
        let gap = self.draws.next(BETWEEN_US);
        cx.schedule_event(gap, schedulable!(Self::arrive), ())
            .unwrap();
    }

    #[nexosim(schedulable)]
    async fn arrive(&mut self, (): (), cx: &Context<Self>) {
        EVENTS.fetch_add(1, Relaxed);
        self.output.send(()).await;
        self.left -= 1;
        if self.left > 0 {
            let gap = self.draws.next(BETWEEN_US);
            cx.schedule_event(gap, schedulable!(Self::arrive), ())
                .unwrap();
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Station {
    output: Output<()>,
    waiting: VecDeque<u64>,
    draws: Draws,
}

#[Model]
impl Station {
    fn serve(&mut self, cx: &Context<Self>) {
        let service = self.draws.next(SERVICE_US);
        cx.schedule_event(service, schedulable!(Self::served), ())
            .unwrap();
    }

    fn arrive(&mut self, (): (), cx: &Context<Self>) {
        self.waiting.push_back(now(cx));
        if self.waiting.len() == 1 {
            self.serve(cx);
        }
    }

    #[nexosim(schedulable)]
    async fn served(&mut self, (): (), cx: &Context<Self>) {
        EVENTS.fetch_add(1, Relaxed);
        let begun = self.waiting.pop_front().unwrap();
        STAYED_NS.fetch_add(now(cx) - begun, Relaxed);
        if !self.waiting.is_empty() {
            self.serve(cx);
        }
        self.output.send(()).await;
    }
}

fn tandem() {
    let draws = |seed| Draws { seed, rng: None };
    let mut source = Source {
        left: CUSTOMERS,
        draws: draws(0),
        ..Source::default()
    };
    let mut stations: Vec<Station> = (1..=STATIONS)
        .map(|n| Station {
            draws: draws(n),
            ..Station::default()
        })
        .collect();
    let mailboxes: Vec<Mailbox<Station>> = (0..STATIONS).map(|_| Mailbox::new()).collect();
    source.output.connect(Station::arrive, &mailboxes[0]);
    for (station, next) in stations.iter_mut().zip(&mailboxes[1..]) {
        station.output.connect(Station::arrive, next);
    }
    // One thread, as the kernel has; more of them make this queue slower.
    let mut bench = SimInit::with_num_threads(1).add_model(source, Mailbox::new(), "source");
    for (n, (station, mailbox)) in stations.into_iter().zip(mailboxes).enumerate() {
        bench = bench.add_model(station, mailbox, &format!("station{}", n + 1));
    }
    bench.init(MonotonicTime::EPOCH).unwrap().run().unwrap();
}

fn main() {
    let mut rates: Vec<f64> = (0..3)
        .map(|_| {
            EVENTS.store(0, Relaxed);
            STAYED_NS.store(0, Relaxed);
            let begun = Instant::now();
            tandem();
            EVENTS.load(Relaxed) as f64 / begun.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let stay_us = STAYED_NS.load(Relaxed) as f64 / 1_000.0 / (CUSTOMERS * STATIONS) as f64;
    println!(
        "nexosim, {STATIONS} M/M/1 stations in a row, {CUSTOMERS} customers: median of 3 is {:.2} M events/s; \
         a customer stays {stay_us:.0} us at a station",
        rates[1] / 1e6
    );
}
