//! Every crash point of a run of twelve orders: forked against simulated anew, `cargo bench --no-default-features --bench
//! explore`. Prints runs and events a second, and what the process held at most.

use serde_json::json;
use std::hint::black_box;
use std::time::Instant;
use streamproof::sim::explore::crash_points::{Exploration, Moment, Reach, Report};
use streamproof::sim::{Keep, Patch, Scenario, Simulation, cast, catalog};

fn scenario() -> Scenario {
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    let patch = json!({"workload": {"orders": 12}, "faults": {"lost-ack": null}});
    let patch = Patch::of(patch).expect("an object");
    opening.scenario().patched(&patch).expect("valid")
}

/// The same points, each run from the start with its fault in the script.
fn anew(scenario: &Scenario, report: &Report) -> u32 {
    let cast = cast(scenario);
    let mut runs = 0;
    for row in &report.strip.rows {
        for point in row.points.iter().filter(|point| !point.merged) {
            let mut fault = json!({"do": row.fault, "where": row.place});
            match point.when {
                Moment::Step(nth) => fault["step"] = json!(nth),
                Moment::After(host, nth) => fault["after_step"] = json!({cast.host(host): nth}),
                Moment::Fact(nth) => fault["after"] = json!({"batch_appended": nth}),
            }
            let patch = Patch::of(json!({"faults": {"explored": fault}})).expect("an object");
            let scenario = scenario.patched(&patch).expect("valid");
            black_box(Simulation::run(&scenario, Keep::VerdictOnly));
            runs += 1;
        }
    }
    runs
}

/// The most memory that this process has held, in MB; Linux tells.
fn held_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kb: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb / 1_000)
}

fn main() {
    if std::env::args().any(|word| word == "--test") {
        return;
    }
    let scenario = scenario();
    let mut runs = 0_u64;
    let mut events = 0;
    let begun = Instant::now();
    let mut report = None;
    while runs < 10_000 {
        let found = Exploration::run(&scenario, Reach::default()).expect("valid");
        runs += u64::from(found.points - found.merged);
        events += found.events;
        report = Some(found);
    }
    let forked = begun.elapsed().as_secs_f64();
    let report = report.expect("at least one");
    println!(
        "forked: {runs} runs and {events} events in {forked:.2} s, {:.0} runs/s, {:.2} M events/s; {} points, {} merged",
        runs as f64 / forked,
        events as f64 / forked / 1e6,
        report.points,
        report.merged
    );
    let begun = Instant::now();
    let again = anew(&scenario, &report);
    let rate = f64::from(again) / begun.elapsed().as_secs_f64();
    println!(
        "from the start: {rate:.0} runs/s; forking is {:.2} times as fast",
        runs as f64 / forked / rate
    );
    let before = held_mb();
    let reach = Reach {
        pairs: 5_000,
        ..Reach::default()
    };
    let pairs = Exploration::run(&scenario, reach).expect("valid");
    println!(
        "{} pairs of {}: held at most {:?} MB before and {:?} MB after",
        pairs.pairs,
        pairs.pairs_possible,
        before.unwrap_or(0),
        held_mb().unwrap_or(0)
    );
}
