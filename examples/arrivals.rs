//! How long the analysis of arrivals takes: `cargo run --release --no-default-features --example arrivals -- 1000000`.
//!
//! Prints milliseconds for each step, so that growth can be seen by running it with other numbers of records.

use std::rc::Rc;
use std::time::Instant;
use streamproof::arrivals::curve::{LateCurve, with_delay};
use streamproof::arrivals::delay::Delays;
use streamproof::arrivals::import::{Import, Options};
use streamproof::arrivals::models::{EXAMPLES, Model};
use streamproof::arrivals::replay::Config;
use streamproof::arrivals::sla::Sla;
use streamproof::arrivals::sweep::Sweep;
use streamproof::arrivals::windows::{Plan, Windows};

fn main() {
    let events: u32 = std::env::args()
        .nth(1)
        .map_or(1_000_000, |text| text.parse().expect("a number of records"));
    let timed =
        |what: &str, began: Instant| println!("{what:44} {:8} ms", began.elapsed().as_millis());
    let began = Instant::now();
    let model = Model {
        events,
        keys: 1_000,
        ..(EXAMPLES[1].model)()
    };
    let arrivals = Rc::new(model.arrivals());
    timed("generate", began);
    let text = arrivals.to_csv().into_bytes();
    let began = Instant::now();
    Import::run(text, &Options::default()).expect("its own format");
    timed("import as CSV", began);
    let analysis = Instant::now();
    Delays::of(&arrivals);
    timed("delays: percentiles, by key, over time", analysis);
    for kind in ["tumbling:10s", "sliding:60s:10s", "session:30s"] {
        for by_key in [false, true] {
            let windows = Windows::parse(kind).expect("windows");
            let config = Config {
                windows,
                by_key,
                ..Config::default()
            };
            let began = Instant::now();
            let plan = Plan::new(&arrivals, config.windows, config.by_key);
            let curve = LateCurve::of(&arrivals, &plan, &config);
            timed(&format!("late-drop curve, {kind}, by key: {by_key}"), began);
            let configs = curve
                .delays(50)
                .into_iter()
                .map(|delay_ms| with_delay(config, delay_ms))
                .collect();
            let began = Instant::now();
            Sweep::run(&arrivals, configs, Sla::default()).expect("valid");
            timed(
                &format!("sweep of 50 delays, {kind}, by key: {by_key}"),
                began,
            );
        }
    }
}
