//! The same scenario gives the same run; what is changed changes only what follows from it; and whatever a scenario
//! says, the run keeps its books and its limits.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use streamproof::sim::control::{CONTROLS, Control, Kind};
use streamproof::sim::engines::EngineKind;
use streamproof::sim::fault::{MENU, MenuEntry};
use streamproof::sim::kernel::Draw;
use streamproof::sim::origin;
use streamproof::sim::trace::{Fact, FactKind, Trace, TraceEvent};
use streamproof::sim::{Ended, Keep, Patch, Run, Scenario, Simulation, catalog};

fn opening() -> Scenario {
    catalog::find(catalog::OPENING)
        .expect("there is one")
        .scenario()
}

fn patched(patch: &Value) -> Scenario {
    opening()
        .patched(&Patch::of(patch.clone()).expect("an object"))
        .unwrap_or_else(|error| panic!("{patch}: {error}"))
}

/// The same with a plain consumer in place of the main query, and time-outs that a run of seconds can meet.
const CONSUMING: &str = r#"{"engine": {"use": "consumer", "consumer": {"consumers": 2, "session.timeout.ms": 1000,
    "heartbeat.interval.ms": 200, "auto.offset.reset": "earliest", "work_us": 60000}}, "sink": {"use": "console"},
    "brokers": {"group.initial.rebalance.delay.ms": 100}}"#;

fn consuming() -> Scenario {
    let patch = Patch::parse(CONSUMING).expect("valid");
    opening().patched(&patch).expect("valid")
}

fn traced(scenario: &Scenario) -> (Run, Trace) {
    let mut run = Simulation::run(scenario, Keep::Trace);
    let trace = run.trace.take().expect("it was kept");
    (run, trace)
}

#[test]
fn each_preset_twice_gives_one_digest() {
    for preset in catalog::all() {
        let scenario = preset.scenario();
        let digest = || Simulation::run(&scenario, Keep::LedgerOnly).digest;
        assert_eq!(digest(), digest(), "{}", preset.id);
    }
}

#[test]
fn another_seed_gives_another_run() {
    let mut other = opening();
    other.seed += 1;
    let digest = |scenario: &Scenario| Simulation::run(scenario, Keep::LedgerOnly).digest;
    assert_ne!(digest(&opening()), digest(&other));
}

#[test]
fn a_run_is_the_same_with_and_without_its_trace() {
    for preset in catalog::all() {
        let scenario = preset.scenario();
        let with = Simulation::run(&scenario, Keep::Trace);
        let without = Simulation::run(&scenario, Keep::LedgerOnly);
        assert_eq!(with.digest, without.digest, "{}", preset.id);
        assert_eq!(with.verdict, without.verdict, "{}", preset.id);
        assert_eq!(with.branches, without.branches, "{}", preset.id);
        assert_eq!(with.outcomes, without.outcomes, "{}", preset.id);
        assert_eq!(
            (with.ended, with.end, with.events),
            (without.ended, without.end, without.events)
        );
        assert!(with.trace.is_some() && without.trace.is_none());
    }
}

#[test]
fn a_fork_goes_on_like_the_original() {
    let scenario = patched(&json!({"faults": {"crash": {"do": "driver.crash.C5", "at": 3500}}}));
    let whole = Simulation::run(&scenario, Keep::LedgerOnly);
    for steps in [1, 100, 1000, 2000] {
        let mut original = Simulation::new(&scenario, Keep::LedgerOnly);
        for _ in 0..steps {
            original.step();
        }
        let mut fork = original.clone();
        while fork.step() {}
        let fork = fork.finish();
        assert_eq!(fork.digest, whole.digest, "forked after {steps} steps");
        while original.step() {}
        let original = original.finish();
        assert_eq!(original.digest, whole.digest, "the fork moved the original");
        assert_eq!(original.verdict, fork.verdict);
    }
}

#[test]
fn a_fault_leaves_the_trace_before_it_untouched() {
    for base in [opening(), consuming()] {
        let (_, calm) = traced(&base);
        let calm_text = calm.text();
        let offered = |entry: &&MenuEntry| entry.is_offered(&calm.cast);
        for (entry, at) in MENU
            .iter()
            .filter(offered)
            .flat_map(|entry| [(entry, 1_500_u64), (entry, 4_321)])
        {
            let mut fault = json!({"do": entry.name, "at": at});
            if entry.name == "net.reset" {
                fault["where"] = json!("p1>b2");
            }
            let patch = Patch::of(json!({"faults": {"zz": fault}})).expect("an object");
            let (_, struck) = traced(&base.patched(&patch).expect("valid"));
            let early = |event: &&TraceEvent| event.at.ms() < at;
            let before = calm.events.iter().take_while(early).count();
            let text = struck.text();
            let (old, new) = (calm_text.lines().take(before), text.lines().take(before));
            for (old, new) in old.zip(new) {
                assert_eq!(old, new, "{} at {at} ms", entry.name);
            }
            assert!(struck.events.len() > before);
        }
    }
}

/// Every value that a control offers, and for numbers the ends and something between.
fn values(control: &Control) -> Vec<Value> {
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

/// Who ordered what, when: the number of the order, the time, the customer, the amount and the event time.
fn arrivals(trace: &Trace) -> Vec<(u32, u64, u32, i64, i64)> {
    let arrival = |event: &streamproof::sim::trace::TraceEvent| match &event.fact {
        Fact::Emitted {
            origin: _,
            customer,
            order_id,
            amount,
            event_time,
        } => Some((
            *order_id,
            event.at.micros(),
            *customer,
            *amount,
            event_time.ms(),
        )),
        _ => None,
    };
    trace.events.iter().filter_map(arrival).collect()
}

#[test]
fn toggling_any_control_leaves_the_arrivals_untouched() {
    let expected = arrivals(&traced(&opening()).1);
    assert_eq!(expected.len(), 40);
    let mut runs = 0;
    for control in CONTROLS {
        for value in values(control) {
            let Ok(scenario) = opening().patched(&control.patch(value.clone())) else {
                continue; // What the real client refuses at start.
            };
            let (_, trace) = traced(&scenario);
            let found = arrivals(&trace);
            assert_eq!(found, expected, "{} = {value}", control.key);
            // The dye is the order's own number, whatever happens to it.
            let dyed = trace.events.iter().filter_map(|event| match &event.fact {
                Fact::Emitted {
                    origin, order_id, ..
                } => Some((format!("{origin:?}"), *order_id)),
                _ => None,
            });
            assert!(dyed.into_iter().all(|(text, _)| text == "Origin"));
            runs += 1;
        }
    }
    assert!(runs > CONTROLS.len());
}

// ---- random scenarios --------------------------------------------------------------------------------------------

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
fn random_scenario(n: u64) -> Option<Scenario> {
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

#[test]
fn in_any_scenario_the_law_holds_after_every_step_and_the_limits_hold() {
    let (mut ran, mut events, mut struck) = (0, 0, 0);
    for n in 0..RANDOM_SCENARIOS {
        let Some(scenario) = random_scenario(n) else {
            continue;
        };
        let _named = Named(n);
        let mut simulation = Simulation::new(&scenario, Keep::LedgerOnly);
        loop {
            let counts = simulation.counters().counts;
            assert!(
                counts.law_holds(),
                "scenario {n}, event {}: {counts:?}",
                simulation.events()
            );
            if !simulation.step() {
                break;
            }
        }
        let run = simulation.finish();
        for (name, verdict) in std::iter::once(("", &run.verdict)).chain(
            run.branches
                .iter()
                .map(|(name, verdict)| (name.as_str(), verdict)),
        ) {
            let counts = verdict.counts;
            assert!(counts.law_holds(), "scenario {n} {name}: {counts:?}");
            assert_eq!(
                counts.lost,
                verdict.lost_by.values().sum::<u32>(),
                "scenario {n} {name}: a loss without a cause"
            );
            assert_eq!(
                verdict.dup,
                verdict.dup_by.values().sum::<u32>(),
                "scenario {n} {name}: a copy without a cause"
            );
            assert!(counts.src <= scenario.workload.orders);
            assert!(
                verdict.billed <= verdict.owed || verdict.dup > 0,
                "scenario {n} {name}: more billed than owed without a copy"
            );
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
        ran += 1;
        events += run.events;
        struck +=
            u32::from(run.verdict.dup + run.verdict.counts.lost + run.verdict.counts.refused > 0);
    }
    assert!(
        ran * 2 > RANDOM_SCENARIOS,
        "only {ran} of {RANDOM_SCENARIOS} scenarios were accepted"
    );
    assert!(
        struck > 10,
        "only {struck} of {ran} runs went wrong: the faults do not bite"
    );
    println!("{ran} scenarios, {events} events, {struck} went wrong");
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

/// As many as a debug build runs in some ten seconds.
const RANDOM_SCENARIOS: u64 = 400;

#[test]
fn any_scenario_gives_one_digest() {
    for n in 0..20 {
        let Some(scenario) = random_scenario(n) else {
            continue;
        };
        let digest = |keep| Simulation::run(&scenario, keep).digest;
        assert_eq!(
            digest(Keep::Trace),
            digest(Keep::LedgerOnly),
            "scenario {n}"
        );
    }
}

#[test]
fn a_run_that_reaches_a_limit_ends_there_and_says_so() {
    let few = patched(&json!({"limits": {"events": 500}}));
    let run = Simulation::run(&few, Keep::LedgerOnly);
    assert_eq!((run.ended, run.events), (Ended::EventLimit, 500));
    let short = patched(&json!({"limits": {"horizon_ms": 2_000}}));
    let run = Simulation::run(&short, Keep::LedgerOnly);
    assert_eq!(run.ended, Ended::Horizon);
    assert!(
        run.end.ms() <= 2_000 && run.verdict.counts.pending > 0 && run.verdict.counts.lost == 0
    );
}

#[test]
fn the_dye_has_no_text_that_a_program_could_read() {
    let (_, trace) = traced(&opening());
    let first = trace.events.iter().find_map(|event| match &event.fact {
        Fact::Emitted { origin, .. } => Some(*origin),
        _ => None,
    });
    let first = first.expect("something was emitted");
    assert_eq!(format!("{first:?}"), "Origin");
    // Those who judge may ask.
    assert_eq!(origin::number(first), 1);
}
