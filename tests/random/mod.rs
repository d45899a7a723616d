//! Random scenarios: any setting, any fault of the menu, any shape of traffic; and the law that holds in all of them.
//!
//! Used by `tests/determinism.rs` for a sample and by `benches/law.rs` for a hundred thousand.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use streamproof::sim::control::{CONTROLS, Control, Kind};
use streamproof::sim::engines::{EngineKind, flink, spark};
use streamproof::sim::fault::{MENU, MenuEntry};
use streamproof::sim::kernel::Draw;
use streamproof::sim::ledger::Counts;
use streamproof::sim::origin::number;
use streamproof::sim::tiers::segments;
use streamproof::sim::trace::{Fact, FactKind, Retraction, SegmentId, Trace};
use streamproof::sim::{Keep, Patch, Run, Scenario, Simulation, Verdict, catalog};

pub fn opening() -> Scenario {
    catalog::find(catalog::OPENING)
        .expect("there is one")
        .scenario()
}

/// The same with a plain consumer in place of the main query, and time-outs that a run of seconds can meet.
const CONSUMING: &str = r#"{"engine": {"use": "consumer", "consumer": {"consumers": 2, "session.timeout.ms": 1000,
    "heartbeat.interval.ms": 200, "auto.offset.reset": "earliest", "work_us": 60000}}, "sink": {"use": "console"},
    "brokers": {"group.initial.rebalance.delay.ms": 100}}"#;

pub fn consuming() -> Scenario {
    let patch = Patch::parse(CONSUMING).expect("valid");
    opening().patched(&patch).expect("valid")
}

/// Every value that a control offers, and for numbers the ends and something between.
pub fn values(control: &Control) -> Vec<Value> {
    match control.kind {
        Kind::Choice(values) => values
            .iter()
            .map(|(value, _)| serde_json::from_str(value).expect("a control offers JSON"))
            .collect(),
        Kind::Whole { least, most, .. } => [least, least + (most - least) / 1000, most.min(5_000)]
            .into_iter()
            .filter(|value| (least..=most).contains(value))
            .map(Value::from)
            .collect(),
    }
}

/// A generator of its own for each random scenario.
struct Choices(Draw);

impl Choices {
    fn new(n: u64) -> Self {
        Choices(Draw::new(20_260_301, 0, "random scenario", n))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}

fn put(target: &mut Value, path: &[&str], value: Value) {
    let patch = Patch::at(path, value);
    *target = Patch(target.clone()).then(&patch).0;
}

/// A random fault: any entry of the menu, anywhere it fits, at any kind of moment.
fn random_fault(choices: &mut Choices, base: &Scenario) -> Value {
    let cast = streamproof::sim::cast(base);
    let offered: Vec<&MenuEntry> = MENU.iter().filter(|e| e.is_offered(&cast)).collect();
    let entry = *choices.one(&offered);
    let consumes = cast.find("c1").is_some();
    let places: &[&str] = match entry.name.split('.').next() {
        Some("net") if consumes => &["p1>*", "p1>b1", "c1>b3", "c2>b1", "b1>b3", "b3>controller"],
        Some("consumer") => &["c1", "c2"],
        Some("producer" | "txn") => &["p1"],
        Some("coordinator") => &["coordinator"],
        Some("driver" | "executor") if consumes => &["revenue.driver"],
        Some("net") => &[
            "p1>*",
            "p1>b1",
            "p1>b2",
            "b1>b2",
            "b2>b3",
            "b1>controller",
            "driver>b1",
            "driver>exec1",
            "exec2>b2",
            "revenue.driver>revenue.exec1",
        ],
        Some("broker") => &["leader", "b1", "b2", "b3"],
        Some("driver") => &["driver", "revenue.driver"],
        Some("executor") => &["exec1", "exec2", "revenue.exec1"],
        _ => &["p1"],
    };
    let place = *choices.one(places);
    let mut fault = json!({"do": entry.name, "where": place});
    if !entry.name.starts_with("net.") {
        fault["for"] = json!(*choices.one(&[0_u64, 50, 300, 1_500, 6_000]));
    }
    match choices.below(4) {
        0 => {
            let kind = choices.one(FactKind::ALL).name();
            let nth = choices.between(1, 30);
            fault["after"] = json!(BTreeMap::from([(kind, nth)]));
        }
        1 if !place.contains('>') && !matches!(place, "leader" | "coordinator") => {
            fault["step"] = json!(choices.between(1, 400))
        }
        2 if entry.name.starts_with("net.drop")
            || entry.name.starts_with("consumer.crash.after")
            || entry.name == "txn.abort" =>
        {
            fault["chance"] = json!(choices.between(10_000, 400_000));
        }
        _ => fault["at"] = json!(choices.between(0, 9_000)),
    }
    fault
}

/// The nth random scenario: some settings, some faults, some shape of traffic.
pub fn random_scenario(n: u64) -> Option<Scenario> {
    let mut choices = Choices::new(n);
    let base = if choices.below(2) == 0 {
        opening()
    } else {
        consuming()
    };
    let mut patch = json!({"seed": choices.below(1_000_000), "limits": {"events": 60_000, "horizon_ms": 25_000}});
    for _ in 0..choices.below(5) {
        let control = choices.one(CONTROLS);
        let value = choices.one(&values(control)).clone();
        put(&mut patch, control.path, value);
    }
    put(
        &mut patch,
        &["workload", "orders"],
        json!(choices.between(1, 40)),
    );
    put(
        &mut patch,
        &["workload", "every_ms"],
        json!(*choices.one(&[2_u64, 40, 185, 185, 400])),
    );
    put(
        &mut patch,
        &["topic", "partitions"],
        json!(*choices.one(&[1, 2, 2, 11])),
    );
    put(
        &mut patch,
        &[
            "sink",
            "hudi",
            "hoodie.datasource.write.partitionpath.field",
        ],
        json!(*choices.one(&["order_date", "kafka_partition"])),
    );
    if choices.below(4) == 0 {
        put(
            &mut patch,
            &["producer", "delivery.timeout.ms"],
            json!(1_500),
        );
        put(&mut patch, &["producer", "request.timeout.ms"], json!(700));
        put(&mut patch, &["producer", "linger.ms"], json!(5));
    }
    if choices.below(3) == 0 {
        let id = json!("till");
        put(&mut patch, &["producer", "transactional.id"], id);
        let timeout = json!(*choices.one(&[300_u64, 2_000, 60_000]));
        put(&mut patch, &["producer", "transaction.timeout.ms"], timeout);
        let records = json!(choices.between(1, 6));
        put(&mut patch, &["producer", "transaction.records"], records);
        put(&mut patch, &["producer", "enable.idempotence"], Value::Null);
    }
    if base.engine.kind == EngineKind::Consumer && choices.below(3) == 0 {
        put(&mut patch, &["sink", "use"], json!("kafka_topic"));
        let reader = json!(*choices.one(&["read_committed", "read_uncommitted"]));
        let path = ["sink", "kafka_topic", "output.isolation.level"];
        put(&mut patch, &path, reader);
        let commit =
            json!(*choices.one(&["before", "after", "auto", "transaction", "transaction"]));
        let path = ["engine", "consumer", "consumer.commit"];
        put(&mut patch, &path, commit);
        put(
            &mut patch,
            &["engine", "consumer", "consumer.pool"],
            json!(0),
        );
    }
    if choices.below(8) == 0 {
        put(
            &mut patch,
            &["network"],
            json!({"min_us": 0, "mean_extra_us": 0}),
        );
        put(&mut patch, &["store"], json!({"operation_us": 0}));
    }
    if choices.below(4) == 0 {
        put(
            &mut patch,
            &["engine", "spark", "maxOffsetsPerTrigger"],
            json!(choices.between(1, 8)),
        );
    }
    for index in 0..choices.below(5) {
        let fault = random_fault(&mut choices, &base);
        put(&mut patch, &["faults", &format!("f{index}")], fault);
    }
    // Some combinations are refused with a reason, as the real clients refuse them.
    base.patched(&Patch::of(patch).expect("an object")).ok()
}

/// Runs the nth random scenario and holds it against the law at every event, in every segment; none if it is refused.
///
/// # Panics
///
/// Panics, naming the scenario, where a promise breaks.
pub fn hold_to_the_law(n: u64) -> Option<Run> {
    let scenario = random_scenario(n)?;
    let _named = Named(n);
    let mut simulation = Simulation::new(&scenario, Keep::Trace);
    loop {
        for (segment, ledger) in simulation.ledgers().iter().enumerate() {
            let counts = ledger.counters().counts;
            let at = simulation.events();
            assert!(
                counts.law_holds(),
                "scenario {n}, segment {segment}, event {at}: {counts:?}"
            );
            // Each term has a counter of its own; counted anew from every single account it is the same.
            assert_eq!(
                counts,
                ledger.recount(),
                "scenario {n}, segment {segment}, event {at}"
            );
        }
        if !simulation.step() {
            break;
        }
    }
    let run = simulation.finish();
    let verdicts = std::iter::once(&run.verdict).chain(run.branches.values());
    let trace = run.trace.as_ref().expect("it was kept");
    for (segment, verdict) in verdicts.enumerate() {
        hold_verdict(n, &scenario, segment, verdict, trace);
    }
    assert!(
        run.events <= scenario.limits.events,
        "scenario {n}: {} events",
        run.events
    );
    assert!(
        run.end.ms() <= scenario.limits.horizon_ms,
        "scenario {n}: ends at {}",
        run.end
    );
    Some(run)
}

/// In how many windows of a segment an event is due, and billed: more than one only where they overlap.
fn windows_of_an_event(scenario: &Scenario, segment: usize) -> i64 {
    let (_, branch) = &segments(scenario)[segment];
    let (spark, flink) = (&branch.engine.spark, &branch.engine.flink);
    let (size, slide) = match branch.engine.kind {
        EngineKind::Spark if spark.window_type == spark::WindowType::Sliding => {
            (spark.window_size, spark.window_slide)
        }
        EngineKind::Flink if flink.window_type == flink::WindowType::Sliding => {
            (flink.window_size, flink.window_slide)
        }
        _ => return 1,
    };
    i64::try_from(size.div_ceil(slide)).expect("a window holds fewer")
}

fn hold_verdict(n: u64, scenario: &Scenario, segment: usize, verdict: &Verdict, trace: &Trace) {
    let counts: Counts = verdict.counts;
    assert!(
        counts.law_holds(),
        "scenario {n}, segment {segment}: {counts:?}"
    );
    let (lost, dup) = (verdict.lost_by.values(), verdict.dup_by.values());
    assert_eq!(
        counts.lost,
        lost.sum::<u32>(),
        "scenario {n}, segment {segment}: a loss without a cause"
    );
    assert_eq!(
        verdict.dup,
        dup.sum::<u32>(),
        "scenario {n}, segment {segment}: a copy without a cause"
    );
    assert!(counts.src <= scenario.workload.orders);
    assert!(
        verdict.billed <= verdict.owed * windows_of_an_event(scenario, segment) || verdict.dup > 0,
        "scenario {n}, segment {segment}: more billed than owed without a copy"
    );
    // Two of the terms from the facts alone, without a ledger.
    let mut sent = 0;
    let mut rows_of: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    let mut done = BTreeSet::new();
    for event in &trace.events {
        match &event.fact {
            Fact::Emitted { .. } => sent += 1,
            Fact::BecameVisible {
                segment: of, rows, ..
            } if *of == SegmentId(segment as u8) => {
                for row in rows {
                    for &(origin, _) in &row.origins {
                        let shown = rows_of.entry(number(origin)).or_default();
                        shown.insert(row.row);
                    }
                }
            }
            // Whatever takes the place of a row has taken it in, unless it throws it away.
            Fact::Retracted {
                segment: of,
                rows,
                why,
            } if *of == SegmentId(segment as u8) => {
                for (order, shown) in &mut rows_of {
                    let before = shown.len();
                    shown.retain(|row| !rows.contains(row));
                    if shown.len() < before {
                        match why {
                            Retraction::Overwritten => done.remove(order),
                            _ => done.insert(*order),
                        };
                    }
                }
            }
            // A commit took it in, and shows another version of its order or none.
            Fact::MergedAway {
                segment: of,
                origins,
                ..
            } if *of == SegmentId(segment as u8) => {
                done.extend(origins.iter().map(|&(origin, _)| number(origin)));
            }
            _ => {}
        }
    }
    let shown = rows_of.iter().filter(|(_, rows)| !rows.is_empty());
    done.extend(shown.map(|(order, _)| *order));
    assert_eq!(counts.src, sent, "scenario {n}: handed over");
    assert_eq!(
        counts.delivered,
        done.len() as u32,
        "scenario {n}, segment {segment}: visible, or taken in"
    );
}

/// Says which random scenario a panic came from: its number becomes a test of its own.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in random scenario {}", self.0);
        }
    }
}
