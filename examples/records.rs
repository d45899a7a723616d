//! What a record costs as runs grow: `cargo run --profile bench --example records -- plain|transactions ORDERS`.
//!
//! Three brokers, twelve partitions, three replicas; eight consumers of a group read everything. Prints orders, events,
//! seconds, events a second and microseconds an order.

use streamproof::sim::{Keep, Patch, Scenario, Simulation, catalog};

const CLUSTER: &str = r#"{
    "branches": {"revenue": null}, "faults": {"lost-ack": null},
    "limits": {"settle_ms": 2000, "horizon_ms": 3600000, "events": 100000000},
    "workload": {"every_ms": 1, "customers": 1000, "late": null},
    "topic": {"partitions": 12, "replication.factor": 3, "min.insync.replicas": 2},
    "brokers": {"count": 3, "group.initial.rebalance.delay.ms": 100},
    "store": {"operation_us": 10},
    "engine": {"use": "consumer", "consumer": {"auto.offset.reset": "earliest", "consumers": 8, "work_us": 10,
        "isolation.level": "read_committed"}},
    "sink": {"use": "console"}}"#;
const PLAIN: &str = r#"{"producer": {"enable.idempotence": null}}"#;
const TRANSACTIONS: &str = r#"{"producer": {"enable.idempotence": null, "transactional.id": "till",
    "transaction.records": 100, "transaction.ms": 100}}"#;

fn scenario(kind: &str, orders: u32) -> Scenario {
    let parse = |text: &str| Patch::parse(text).expect("valid");
    let kind = if kind == "transactions" {
        TRANSACTIONS
    } else {
        PLAIN
    };
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    let mut scenario = opening
        .scenario()
        .patched(&parse(CLUSTER).then(&parse(kind)))
        .unwrap_or_else(|error| panic!("{error}"));
    // Beyond what a scenario file may ask for.
    scenario.workload.orders = orders;
    scenario
}

fn main() {
    let argument = |n: usize| std::env::args().nth(n);
    let kind = argument(1).unwrap_or_default();
    let orders = argument(2)
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000);
    let scenario = scenario(&kind, orders);
    let start = std::time::Instant::now();
    let run = Simulation::run(&scenario, Keep::LedgerOnly);
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{orders:>9} orders {:>9} delivered {:>10} events {seconds:>8.2} s {:>9.0} events/s {:>7.1} us/order, {:?}",
        run.verdict.counts.delivered,
        run.events,
        run.events as f64 / seconds,
        seconds * 1e6 / f64::from(orders),
        run.ended,
    );
}
