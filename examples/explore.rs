//! How fast exploring is: `node tools/explore.mjs` asks the page's own worker, and this natively.
//!
//! `explore request ORDERS WORKERS RUNS` prints a request for each worker as the page would post it, in hexadecimal;
//! `explore native ORDERS RUNS` explores here, and once more with every point simulated from the start.

use std::time::Instant;
use streamproof::job::{Request, What};
use streamproof::sim::explore::crash_points::{Exploration, Reach, Report};
use streamproof::sim::ordered::OrdMap;
use streamproof::sim::{Keep, Scenario, Simulation, cast, catalog};

fn scenario(orders: u32) -> Scenario {
    let opening = catalog::find(catalog::OPENING).expect("the opening preset is in the catalog");
    let mut scenario = opening.scenario();
    scenario.workload.orders = orders;
    scenario.workload.late.clear();
    scenario.faults.clear();
    scenario
}

fn explored(scenario: &Scenario, pairs: u32) -> Report {
    let reach = Reach {
        pairs,
        ..Reach::default()
    };
    Exploration::run(scenario, reach).expect("it reaches what there is")
}

/// Every point that is run, simulated from the start.
fn from_zero(scenario: &Scenario, report: &Report) -> u32 {
    let cast = cast(scenario);
    let mut runs = 0;
    for row in &report.strip.rows {
        for (cell, point) in row.points.iter().enumerate() {
            if point.merged {
                continue;
            }
            let spec = row.spec(cell, &cast).expect("it is there");
            let mut struck = scenario.clone();
            struck.faults = OrdMap::from([("explored".to_string(), spec)]);
            Simulation::run(&struck, Keep::VerdictOnly);
            runs += 1;
        }
    }
    runs
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let numbers: Vec<u32> = arguments.filter_map(|text| text.parse().ok()).collect();
    let number = |n: usize| numbers.get(n).copied().unwrap_or_default();
    let scenario = scenario(number(0).max(1));
    let single = |report: &Report| report.points - report.merged;
    if what == "request" {
        let workers = number(1).max(1);
        let alone = single(&explored(&scenario, 0));
        println!("{alone}");
        for worker in 0..workers {
            let request = Request {
                number: 1,
                scenario: scenario.clone(),
                what: What::Explore(Reach {
                    pairs: number(2).saturating_sub(alone) / workers,
                    share: (workers > 1).then_some((workers, worker)),
                    ..Reach::default()
                }),
            };
            let hex: Vec<String> = request
                .to_bytes()
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            println!("{}", hex.concat());
        }
        return;
    }
    let start = Instant::now();
    let report = explored(&scenario, 0);
    let runs = single(&report);
    let forked = start.elapsed().as_secs_f64();
    println!(
        "points {}, runs {runs}, {:.0} runs a second",
        report.points,
        f64::from(runs) / forked
    );
    let start = Instant::now();
    let runs = from_zero(&scenario, &report);
    let slow = start.elapsed().as_secs_f64();
    println!(
        "from the start {:.0} runs a second; forking is {:.2} times as fast",
        f64::from(runs) / slow,
        slow / forked
    );
    let most = number(1).saturating_sub(runs);
    if most > 0 {
        let start = Instant::now();
        let report = explored(&scenario, most);
        let all = single(&report) + report.pairs;
        let took = start.elapsed().as_secs_f64();
        println!(
            "{all} runs in {took:.2} s, {:.0} a second",
            f64::from(all) / took
        );
    }
}
