//! How fast the simulator is, in events per second: `cargo bench --bench sim`.

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use streamproof::sim::{Keep, Patch, Scenario, Simulation, catalog};

fn opening() -> Scenario {
    catalog::find(catalog::OPENING)
        .expect("there is one")
        .scenario()
}

/// 20,000 orders, a hundred a second, with some acknowledgements lost on the way.
fn long() -> Scenario {
    let patch = r#"{
        "limits": {"horizon_ms": 600000, "events": 20000000},
        "workload": {"orders": 20000, "every_ms": 10, "customers": 500, "late": {}},
        "faults": {"lost-ack": {"do": "net.drop_ack", "where": "p1>b2", "after": null, "chance": 2000}}
    }"#;
    opening()
        .patched(&Patch::parse(patch).expect("valid"))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn runs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("run");
    let scenario = opening();
    let events = Simulation::run(&scenario, Keep::LedgerOnly).events;
    group.throughput(Throughput::Elements(events));
    for (name, keep) in [
        ("opening, with its trace", Keep::Trace),
        ("opening, ledger only", Keep::LedgerOnly),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(Simulation::run(black_box(&scenario), keep)));
        });
    }
    let scenario = long();
    let run = Simulation::run(&scenario, Keep::LedgerOnly);
    eprintln!(
        "the long run: {} orders, {} events, ended {:?}",
        run.verdict.counts.src, run.events, run.ended
    );
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .measurement_time(Duration::from_secs(10))
        .throughput(Throughput::Elements(run.events));
    group.bench_function("20,000 orders, ledger only", |bencher| {
        bencher.iter(|| black_box(Simulation::run(black_box(&scenario), Keep::LedgerOnly)));
    });
    group.finish();
}

/// The text of every fact is what the digest is folded over, so writing it is nearly all of the digest's price.
fn digest(criterion: &mut Criterion) {
    let run = Simulation::run(&opening(), Keep::Trace);
    let trace = run.trace.expect("it was kept");
    let mut group = criterion.benchmark_group("digest");
    group.throughput(Throughput::Elements(trace.events.len() as u64));
    group.bench_function("the facts of the opening run as text", |bencher| {
        bencher.iter(|| black_box(black_box(&trace).text()));
    });
    group.finish();
}

criterion_group!(benches, runs, digest);
criterion_main!(benches);
