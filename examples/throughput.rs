//! How many events a second the simulator handles, natively and as WebAssembly: `node tools/throughput.mjs`.
//!
//! The same code and profile on both sides. A native build takes its own time; for WebAssembly the script that calls
//! [`simulate`] does, because bare wasm has no clock.

use streamproof::sim::{Keep, Scenario, Simulation, catalog};

fn scenario(orders: u32) -> Scenario {
    let mut scenario = catalog::find(catalog::OPENING)
        .expect("the opening preset is in the catalog")
        .scenario();
    scenario.workload.orders = orders;
    scenario.workload.every_ms = 20;
    scenario.workload.late.clear();
    scenario.limits.horizon_ms = 3_600_000;
    scenario
}

/// Runs the opening preset with `orders` orders, one every 20 ms, and gives the number of events.
#[cfg_attr(
    target_arch = "wasm32",
    wasm_bindgen::prelude::wasm_bindgen(js_name = simulate)
)]
pub fn simulate(orders: u32, keep_trace: bool) -> f64 {
    let keep = if keep_trace {
        Keep::Trace
    } else {
        Keep::LedgerOnly
    };
    Simulation::run(&scenario(orders), keep).events as f64
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    let argument = |n: usize| std::env::args().nth(n);
    let orders = argument(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_000);
    let keep_trace = argument(2).as_deref() == Some("trace");
    let start = std::time::Instant::now();
    let events = simulate(orders, keep_trace);
    println!("{events} {}", start.elapsed().as_secs_f64());
}

#[cfg(target_arch = "wasm32")]
fn main() {}
