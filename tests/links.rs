//! Runs as links and as files: what is written reads back as the same run, what is damaged is refused at its place, and
//! links that are out in the world stay readable.

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use streamproof::share::{LONGEST, Link, LinkError, NoLink, Reader, fresh_id, settings};
use streamproof::sim::control::{CONTROLS, Kind};
use streamproof::sim::fault::MENU;
use streamproof::sim::kernel::Time;
use streamproof::sim::trace::FactKind;
use streamproof::sim::{Keep, Patch, Scenario, Simulation, catalog};

fn read(text: &str) -> Result<Link, LinkError> {
    Link::read(text, Reader::Page)
}

fn shared(id: &str, patch: &str) -> Link {
    let preset = catalog::find(id).expect("a preset");
    let patch = Patch::parse(patch).expect("a patch");
    Link {
        id: preset.id,
        scenario: preset.scenario().patched(&patch).expect("valid"),
        at: None,
        digest: None,
    }
}

/// The link of a patched preset, which must read back as it.
fn check(id: &str, patch: &str, expected: &str) {
    let link = shared(id, patch);
    assert_eq!(link.write().as_deref(), Ok(expected), "{patch}");
    assert_eq!(read(expected), Ok(link), "{expected}");
}

// ---- what a link says ----------------------------------------------------------------------------------------------

#[test]
fn a_link_says_how_a_run_differs_from_a_named_one_in_a_fixed_order() {
    check("order-billing", "{}", "r=1;sc=order-billing");
    check(
        "order-billing",
        r#"{"seed": 7, "producer": {"acks": "1", "enable.idempotence": null}, "topic": {"min.insync.replicas": 1}}"#,
        "r=1;sc=order-billing;seed=7;set=acks:1,enable.idempotence:null,min.insync.replicas:1",
    );
    let link = Link {
        at: Some(Time::through_ms(8_400)),
        digest: Some(0x0f2c_4e11_a07b_3d58),
        ..shared("order-billing", r#"{"producer": {"acks": "1"}}"#)
    };
    let text = "r=1;sc=order-billing;set=acks:1;t=8400;d=0f2c4e11a07b3d58";
    assert_eq!(link.write().as_deref(), Ok(text));
    assert_eq!(read(&format!("#{text}")), Ok(link));
}

#[test]
fn a_key_that_several_parts_have_names_its_part() {
    check(
        "order-billing",
        r#"{"engine": {"spark": {"trigger": 500}}, "branches": {"revenue": {"engine": {"spark": {"trigger": 2000}}}}}"#,
        "r=1;sc=order-billing;set=trigger@branches.revenue.engine.spark:2000,trigger@engine.spark:500",
    );
    // The shortest word that tells them apart will do.
    let short = read("r=1;sc=order-billing;set=trigger@engine:500,trigger@branches.revenue:2000");
    assert_eq!(
        short.map(|link| link.write()),
        Ok(Ok("r=1;sc=order-billing;set=trigger@branches.revenue.engine.spark:2000,trigger@engine.spark:500".into()))
    );
    assert_eq!(
        refused("r=1;sc=order-billing;set=trigger:500"),
        "This link is damaged at `set=trigger`: say which one is meant: trigger@branches.revenue.engine.spark, trigger@engine.spark"
    );
}

#[test]
fn a_bare_key_is_one_of_the_parts_in_use() {
    // A plain consumer has an isolation level of its own; where it does not take part its settings need their section.
    check(
        "zombie-consumer",
        r#"{"engine": {"consumer": {"session.timeout.ms": 20000}}}"#,
        "r=1;sc=zombie-consumer;set=session.timeout.ms:20000",
    );
    check(
        "order-billing",
        r#"{"engine": {"consumer": {"session.timeout.ms": 20000}}}"#,
        "r=1;sc=order-billing;set=session.timeout.ms@engine.consumer:20000",
    );
    // Which engine is used is settled first, wherever it stands.
    check(
        "order-billing",
        r#"{"branches": {"revenue": null}, "engine": {"use": "consumer", "consumer": {"max.poll.records": 3}}, "sink": {"use": "console"}}"#
            .replace(r#""branches": {"revenue": null}, "#, "")
            .as_str(),
        "r=1;sc=order-billing;set=max.poll.records:3,use@engine:consumer,use@sink:console",
    );
}

#[test]
fn faults_are_written_as_they_are_listed_with_dots_for_brackets() {
    for (faults, expected) in [
        (r#"{"lost-ack": null}"#, "-lost-ack"),
        (
            r#"{"executor-kill": {"do": "executor.kill", "where": "exec2", "at": 5000, "for": 4000}}"#,
            "executor.kill@5000-9000:exec2",
        ),
        (
            r#"{"executor-kill": {"do": "executor.kill", "at": 5000}}"#,
            "executor.kill@5000",
        ),
        (
            r#"{"net-drop-ack": {"do": "net.drop_ack", "where": "p1>*", "chance": 100000}}"#,
            "net.drop_ack.100000@0:p1>%2A",
        ),
        (
            r#"{"net-drop-ack": {"do": "net.drop_ack", "where": "p1>b2", "chance": 5, "at": 10, "until": 20}}"#,
            "net.drop_ack.5@10-20:p1>b2",
        ),
        (
            r#"{"driver-crash-c3": {"do": "driver.crash.C3", "where": "revenue.driver", "at": 0, "for": 700}}"#,
            "driver.crash.C3.for.700@0:revenue.driver",
        ),
        (
            r#"{"producer-pause": {"do": "producer.pause", "step": 40, "for": 2000}}"#,
            "producer.pause.2000@step.40",
        ),
        (
            r#"{"broker-reject": {"do": "broker.reject", "where": "b2", "request": 3, "times": 2, "error": "NOT_ENOUGH_REPLICAS"}}"#,
            "broker.reject.error.NOT_ENOUGH_REPLICAS.times.2@request.3:b2",
        ),
        // A second one of a kind has the next name, and any other name is said.
        (
            r#"{"net-reset": {"do": "net.reset", "at": 1}, "net-reset-2": {"do": "net.reset", "at": 2}, "z": {"do": "net.reset", "at": 3}}"#,
            "net.reset@1,net.reset@2,net.reset.id.z@3",
        ),
        // One that was moved keeps its name.
        (
            r#"{"lost-ack": {"after": null, "at": 3500}}"#,
            "net.drop_ack.id.lost-ack@3500:p1>b2",
        ),
        (
            r#"{"a.b c": {"do": "net.split", "at": 1, "for": 0}}"#,
            "net.split.id.a%2Eb%20c@1-1",
        ),
    ] {
        check(
            "order-billing",
            &format!(r#"{{"faults": {faults}}}"#),
            &format!("r=1;sc=order-billing;f={expected}"),
        );
    }
}

#[test]
fn the_example_of_the_description_is_a_link() {
    let text = "#r=1;sc=order-billing;seed=42;set=acks:1,enable.idempotence:false;f=net.drop_ack@after.batch_appended.3:p1>b2,executor.kill@5000-9000:exec2;t=8400;d=9f2c4e11a07b3d58";
    let link = read(text).expect("readable");
    assert_eq!(link.scenario.faults.len(), 3);
    assert_eq!(link.scenario.faults["executor-kill"].duration, Some(4_000));
    assert_eq!(link.at, Some(Time::through_ms(8_400)));
    // As a query, and as tools that encode everything hand it on.
    let query = text.replacen('#', "?", 1);
    let encoded: String = text[1..]
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        })
        .collect();
    assert_eq!(read(&query).as_ref(), Ok(&link));
    assert_eq!(read(&encoded).as_ref(), Ok(&link));
}

#[test]
fn every_single_setting_has_a_link_and_its_bare_key_stays_its_own() {
    let scenarios: Vec<(&str, Scenario)> = catalog::all()
        .iter()
        .map(|preset| (preset.id, preset.scenario()))
        .collect();
    for control in CONTROLS {
        let known = |(id, scenario)| Some((id, scenario, control.value(scenario)?));
        // Two of those that have it: which engine is used makes the difference.
        for (id, scenario, now) in scenarios
            .iter()
            .map(|(id, s)| (*id, s))
            .filter_map(known)
            .take(2)
        {
            let values: Vec<Value> = match control.kind {
                Kind::Choice(values) => values
                    .iter()
                    .map(|(value, _)| control.read(value).expect("it is offered"))
                    .collect(),
                Kind::Whole { least, most, .. } => vec![json!(least), json!(most)],
            };
            for value in values.into_iter().filter(|value| *value != now) {
                let Ok(changed) = scenario.patched(&control.patch(value)) else {
                    continue;
                };
                let link = Link {
                    id,
                    scenario: changed,
                    at: None,
                    digest: None,
                };
                let text = link
                    .write()
                    .unwrap_or_else(|error| panic!("{}: {error}", control.key));
                assert_eq!(read(&text), Ok(link), "{text}");
            }
        }
    }
}

// ---- what is refused -----------------------------------------------------------------------------------------------

fn refused(text: &str) -> String {
    read(text).expect_err("it should be refused").to_string()
}

#[test]
fn a_damaged_link_is_refused_at_its_place() {
    for (text, place, problem) in [
        ("", "", "a name, = and a value"),
        ("#x", "x", "a name, = and a value"),
        ("r=2;sc=order-billing", "r=2", "version 1"),
        ("r=one;sc=order-billing", "r=one", "begins with r=1"),
        (
            "sc=order-billing;r=1",
            "sc=order-billing;r=1",
            "begins with r=1",
        ),
        (
            "r=1;sc=order-biling",
            "sc=order-biling",
            "did you mean \"order-billing\"?",
        ),
        ("r=1;seed=4", "sc=", "no scenario"),
        ("r=1;sc=order-billing;seed=-1", "seed=-1", "whole number"),
        ("r=1;sc=order-billing;seed=1.5", "seed=1.5", "whole number"),
        (
            "r=1;sc=order-billing;seed=99999999999999999999",
            "seed=99999999999999999999",
            "whole number",
        ),
        (
            "r=1;sc=order-billing;seed=",
            "seed=",
            "a value are expected",
        ),
        (
            "r=1;sc=order-billing;set=acsk:1",
            "set=acsk",
            "did you mean \"acks\"?",
        ),
        (
            "r=1;sc=order-billing;set=acsk",
            "set=acsk",
            "did you mean \"acks\"?",
        ),
        (
            "r=1;sc=order-billing;set=acks:2",
            "set=acks:2",
            "expected one of",
        ),
        (
            "r=1;sc=order-billing;set=acks:",
            "set=acks:",
            "expected one of",
        ),
        (
            "r=1;sc=order-billing;set=retries",
            "set=retries",
            "a value is missing",
        ),
        (
            "r=1;sc=order-billing;set=retries:many",
            "set=retries:many",
            "does not fit",
        ),
        (
            "r=1;sc=order-billing;set=retries:1.5",
            "set=retries:1.5",
            "does not fit",
        ),
        (
            "r=1;sc=order-billing;set=retries:%31,retries:2",
            "set=retries:2",
            "given twice",
        ),
        (
            "r=1;sc=order-billing;set=acks:1,,retries:2",
            "set=",
            "no setting",
        ),
        (
            "r=1;sc=order-billing;set=enable.idempotence:yes",
            "set=enable.idempotence:yes",
            "does not fit",
        ),
        (
            "r=1;sc=order-billing;set=acks:1,retries:3,enable.idempotence:true",
            "set=acks:1",
            "ConfigException",
        ),
        (
            "r=1;sc=order-billing;set=acks@sink:1",
            "set=acks@sink",
            "acks@producer",
        ),
        (
            "r=1;sc=order-billing;set=max.poll.records:1",
            "set=max.poll.records",
            "max.poll.records@engine.consumer",
        ),
        ("r=1;sc=order-billing;set=seed:1", "set=seed", "no setting"),
        (
            "r=1;sc=order-billing;set=do@faults.lost-ack:net.reset",
            "set=do@faults.lost-ack",
            "no setting",
        ),
        (
            "r=1;sc=order-billing;set=partitions:17",
            "",
            "topic.partitions is 17; the page accepts 16",
        ),
        (
            "r=1;sc=order-billing;set=orders:200001",
            "",
            "workload.orders is 200001",
        ),
        ("r=1;sc=order-billing;set=count:6", "", "brokers.count is 6"),
        (
            "r=1;sc=order-billing;set=horizon_ms:3600001",
            "",
            "limits.horizon_ms is 3600001",
        ),
        (
            "r=1;sc=order-billing;f=net.drop_ack",
            "f=net.drop_ack",
            "NAME@WHEN",
        ),
        (
            "r=1;sc=order-billing;f=net.drop_akc@1",
            "f=net.drop_akc@1",
            "did you mean \"net.drop_ack\"?",
        ),
        (
            "r=1;sc=order-billing;f=net.drop_ack@soon",
            "f=net.drop_ack@soon",
            "no whole number",
        ),
        (
            "r=1;sc=order-billing;f=net.drop_ack@9-5",
            "f=net.drop_ack@9-5",
            "lies before",
        ),
        (
            "r=1;sc=order-billing;f=net.drop_ack@after.batch_apended.3",
            "f=net.drop_ack@after.batch_apended.3",
            "batch_appended",
        ),
        (
            "r=1;sc=order-billing;f=net.drop_ack@5:b9",
            "f=net.drop_ack@5:b9",
            "no host or link",
        ),
        (
            "r=1;sc=order-billing;f=net.drop_ack.2000000@5",
            "f=net.drop_ack.2000000@5",
            "out of range",
        ),
        (
            "r=1;sc=order-billing;f=net.reset.where.p1@5",
            "f=net.reset.where.p1@5",
            "says nothing here",
        ),
        (
            "r=1;sc=order-billing;f=net.reset.colour.red@5",
            "f=net.reset.colour.red@5",
            "colour",
        ),
        (
            "r=1;sc=order-billing;f=net.reset.7@5",
            "f=net.reset.7@5",
            "says nothing here",
        ),
        (
            "r=1;sc=order-billing;f=-lost-akc",
            "f=-lost-akc",
            "no fault of this name",
        ),
        (
            "r=1;sc=order-billing;f=net.reset.id.a@1,net.reset.id.a@2",
            "f=net.reset.id.a@2",
            "given twice",
        ),
        (
            "r=1;sc=order-billing;f=executor.kill.for.5@1-2",
            "f=executor.kill.for.5@1-2",
            "given twice",
        ),
        ("r=1;sc=order-billing;t=now", "t=now", "whole number"),
        (
            "r=1;sc=order-billing;t=3600001",
            "t=3600001",
            "0 to 3600000",
        ),
        ("r=1;sc=order-billing;d=9f2c", "d=9f2c", "16 hexadecimal"),
        (
            "r=1;sc=order-billing;d=+f2c4e11a07b3d58",
            "d=+f2c4e11a07b3d58",
            "only A-Z",
        ),
        ("r=1;sc=order-billing;t=1;t=2", "t=2", "in this order"),
        (
            "r=1;sc=order-billing;set=acks:1;seed=2",
            "seed=2",
            "in this order",
        ),
        ("r=1;sc=order-billing;x=1", "x=1", "in this order"),
        ("r=1;sc=order-billing;", "", "a name, = and a value"),
        (
            "r=1;sc=order-billing;set=title:%ff",
            "set=title:%ff",
            "percent-encoded",
        ),
        (
            "r=1;sc=order-billing;set=title:%4",
            "set=title:%4",
            "percent-encoded",
        ),
        (
            "r=1;sc=order-billing;set=title:a b",
            "set=title:a b",
            "only A-Z",
        ),
        (
            "r=1;sc=order-billing;set=title:é",
            "set=title:é",
            "only A-Z",
        ),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!(error.place, place, "{text}: {error}");
        assert!(error.problem.contains(problem), "{text}: {error}");
        let named = text.starts_with("r=1;sc=order-billing;")
            && !error.problem.contains("only A-Z")
            && !text.ends_with(';')
            && !text.ends_with("seed=");
        assert_eq!(
            error.id,
            named.then_some("order-billing"),
            "{text}: {error}"
        );
    }
}

#[test]
fn what_is_too_much_is_refused_before_it_is_built_and_travels_as_a_file() {
    let long = format!("r=1;sc=order-billing;set=title:{}", "x".repeat(LONGEST));
    assert!(refused(&long).starts_with("This link has 2031 characters; 2000 at most"));
    assert!(Link::read(&long, Reader::Terminal).is_ok());
    let faults: Vec<String> = (0..70).map(|n| format!("net.reset@{n}")).collect();
    let many = format!("r=1;sc=order-billing;f={}", faults.join(","));
    assert_eq!(
        refused(&many),
        "The number of faults is 71; the page accepts 64 at most"
    );
    let link = Link::read(&many, Reader::Terminal).expect("the terminal reads it");
    assert!(matches!(link.write(), Err(NoLink::Unsayable(_))));
    let file = link.to_file();
    assert!(Link::read_file(&file, Reader::Page).is_err());
    assert_eq!(Link::read_file(&file, Reader::Terminal), Ok(link));
    let title = shared(
        "order-billing",
        &json!({"title": "y".repeat(3_000)}).to_string(),
    );
    assert_eq!(title.write(), Err(NoLink::TooLong(3_031)));
    assert_eq!(Link::read_file(&title.to_file(), Reader::Page), Ok(title));
}

#[test]
fn what_a_link_has_no_words_for_goes_into_a_file() {
    for patch in [
        r#"{"branches": {"audit": {"engine": {"use": "consumer"}, "sink": {"use": "console"}}}}"#,
        r#"{"branches": {"revenue": null}}"#,
        r#"{"workload": {"late": {"5": 100}}}"#,
        r#"{"faults": {"a": {"do": "net.reset", "at": 5, "after": {"batch_sent": 2}}}}"#,
    ] {
        let link = Link {
            at: Some(Time::through_ms(1_234)),
            digest: Some(7),
            ..shared("order-billing", patch)
        };
        assert!(matches!(link.write(), Err(NoLink::Unsayable(_))), "{patch}");
        assert_eq!(
            Link::read_file(&link.to_file(), Reader::Page),
            Ok(link),
            "{patch}"
        );
    }
}

#[test]
fn a_scenario_file_is_a_run_file_and_a_damaged_one_says_what_is_wrong() {
    let link = Link::read_file(r#"{"workload": {"orders": 3}}"#, Reader::Page).expect("readable");
    assert_eq!(link.scenario.workload.orders, 3);
    for (text, problem) in [
        ("{", "not JSON"),
        ("[]", "expected an object"),
        (r#"{"sc": "order-billing"}"#, "r is null"),
        (r#"{"r": 2, "sc": "order-billing"}"#, "r is 2"),
        (r#"{"r": 1, "sc": "nothing"}"#, "no scenario has this name"),
        (r#"{"r": 1, "sc": 5}"#, "no scenario has this name"),
        (
            r#"{"r": 1, "sc": "order-billing", "path": {}}"#,
            "\"path\" is none of",
        ),
        (
            r#"{"r": 1, "sc": "order-billing", "patch": []}"#,
            "not an object",
        ),
        (
            r#"{"r": 1, "sc": "order-billing", "patch": {"producer": {"acks": "9"}}}"#,
            "producer: unknown variant",
        ),
        (r#"{"r": 1, "sc": "order-billing", "t": -1}"#, "t is -1"),
        (
            r#"{"r": 1, "sc": "order-billing", "d": "xyz"}"#,
            "16 hexadecimal",
        ),
        (
            r#"{"workload": {"orders": 200001}}"#,
            "workload.orders is 200001",
        ),
    ] {
        let error = Link::read_file(text, Reader::Page)
            .expect_err(text)
            .to_string();
        assert!(error.contains(problem), "{text}: {error}");
    }
}

#[test]
fn settings_in_an_object_go_through_the_same_gate() {
    let scenario = catalog::find("order-billing")
        .expect("there is one")
        .scenario();
    let set = |text: &str| {
        let object: Value = serde_json::from_str(text).expect("JSON");
        settings(&scenario, object.as_object().expect("an object"))
    };
    let patch =
        set(r#"{"acks": 1, "enable.idempotence": null, "trigger@engine": 500}"#).expect("good");
    assert_eq!(
        patch.0,
        json!({"producer": {"acks": "1", "enable.idempotence": null}, "engine": {"spark": {"trigger": 500}}})
    );
    for (text, place) in [
        (r#"{"acsk": 1}"#, "set=acsk"),
        (r#"{"retries": "many"}"#, "set=retries:many"),
        (r#"{"retries": {}}"#, "set=retries:%7B%7D"),
        (r#"{"trigger": 1}"#, "set=trigger"),
        (r#"{"<b>": 1}"#, "set=%3Cb%3E"),
    ] {
        assert_eq!(set(text).expect_err(text).place, place);
    }
}

#[test]
fn a_new_fault_has_a_name_of_its_own() {
    assert_eq!(fresh_id("driver.crash.C5", |_| false), "driver-crash-c5");
    assert_eq!(
        fresh_id("net.drop_ack", |id| id != "net-drop-ack-3"),
        "net-drop-ack-3"
    );
}

// ---- random runs, hostile links -------------------------------------------------------------------------------------

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

fn random_fault(dice: &mut Dice) -> Value {
    let entry = dice.pick(MENU);
    let mut fault = json!({"do": entry.name});
    let place = dice.pick(&[
        "", "p1>b2", "p1>*", "b1", "leader", "exec2", "c1", "driver", "p1",
    ]);
    if !place.is_empty() {
        fault["where"] = (*place).into();
    }
    match dice.below(6) {
        0 => fault["at"] = dice.below(9_000).into(),
        1 => fault["step"] = (1 + dice.below(50)).into(),
        2 => fault["after"] = json!({dice.pick(FactKind::ALL).name(): 1 + dice.below(9)}),
        3 => fault["chance"] = dice.below(1_000_001).into(),
        4 => {
            fault["chance"] = dice.below(1_000_001).into();
            fault["at"] = (1 + dice.below(500)).into();
            fault["until"] = (600 + dice.below(500)).into();
        }
        _ => fault["request"] = (1 + dice.below(9)).into(),
    }
    for field in ["for", "by", "times"] {
        if dice.below(4) == 0 {
            fault[field] = dice.below(3_000).into();
        }
    }
    fault
}

/// A scenario that differs from a preset at random, and the preset's name.
fn random_scenario(dice: &mut Dice) -> (&'static str, Scenario) {
    let preset = dice.pick(catalog::all());
    let mut scenario = preset.scenario();
    for _ in 0..dice.below(8) {
        let patch = match dice.below(8) {
            0 => json!({"seed": dice.below(1 << 30)}),
            1 => {
                let name = *dice
                    .pick(MENU)
                    .name
                    .split('.')
                    .collect::<Vec<_>>()
                    .first()
                    .expect("a word");
                let id = if dice.below(2) == 0 {
                    name.to_string()
                } else {
                    format!("{name} %{}", dice.below(9))
                };
                json!({"faults": {id: random_fault(dice)}})
            }
            2 => {
                let fault = random_fault(dice);
                let name = fault["do"].as_str().expect("a name").to_string();
                let id = fresh_id(&name, |id| scenario.faults.contains_key(id));
                json!({"faults": {id: fault}})
            }
            3 => match scenario.faults.keys().next() {
                Some(id) => json!({"faults": {id.clone(): null}}),
                None => json!({}),
            },
            4 => json!({"workload": {"orders": 1 + dice.below(90), "every_ms": dice.below(500)}}),
            5 => json!({"title": dice.pick(&["", "null", "17", "a b", "Orders: 100 %, ü;=@>"])}),
            _ => {
                let control = dice.pick(CONTROLS);
                let value = match control.kind {
                    Kind::Choice(values) => control.read(dice.pick(values).0).expect("offered"),
                    Kind::Whole { least, most, .. } => {
                        json!(least + dice.below((most - least) as usize + 1) as u64)
                    }
                };
                control.patch(value).0
            }
        };
        scenario = scenario.patched(&Patch(patch)).unwrap_or(scenario);
    }
    (preset.id, scenario)
}

#[test]
fn whatever_a_run_is_its_link_or_its_file_reads_back_as_it() {
    let mut dice = Dice(20_260_301);
    let (mut links, mut files) = (0, 0);
    for _ in 0..300 {
        let (id, scenario) = random_scenario(&mut dice);
        let link = Link {
            id,
            scenario,
            at: Some(Time::through_ms(1 + dice.below(60_000) as u64)),
            digest: Some(dice.below(1 << 31) as u64),
        };
        match link.write() {
            Ok(text) => {
                assert_eq!(read(&text), Ok(link.clone()), "{text}");
                links += 1;
            }
            Err(_) => files += 1,
        }
        assert_eq!(Link::read_file(&link.to_file(), Reader::Page), Ok(link));
    }
    assert!(links > 4 * files, "{links} links, {files} files");
}

#[test]
fn a_link_to_the_moment_of_an_event_shows_the_event() {
    for micros in [1_000, 2_017_438, 2_017_999] {
        let at = Time::from_micros(micros);
        let link = Link {
            at: Some(at),
            ..shared("order-billing", "{}")
        };
        let opened = read(&link.write().expect("sayable")).expect("readable").at;
        assert!(
            opened.is_some_and(|opened| opened >= at && opened.ms() == at.ms()),
            "{micros} µs"
        );
    }
}

#[test]
fn no_hostile_link_is_read_as_something_it_does_not_say() {
    let mut dice = Dice(7);
    let bits = [
        "",
        ";",
        ",",
        ":",
        "=",
        "@",
        "%",
        "%00",
        "%ff",
        "-",
        ".",
        ">",
        "r=1",
        "set=",
        "f=",
        "null",
        "0",
        "18446744073709551616",
        "-1",
        "use@engine:consumer",
        "acks",
        "@engine",
        "title",
        "id.",
        "<script>alert(1)</script>",
        "%3Cscript%3E",
        "javascript:",
        "=HYPERLINK(1)",
        "\u{202e}",
        "\0",
        "é",
        "p1>*",
        "__proto__",
        "net.drop_ack",
        "after.",
        "step.1",
        "faults.lost-ack",
        "5",
        "5",
        "5",
    ];
    let plain =
        "r=1;sc=order-billing;seed=9;set=acks:1;f=net.reset@5;d=0000000000000001".to_string();
    let mut good = vec![plain; 20];
    for _ in 0..20 {
        let (id, scenario) = random_scenario(&mut dice);
        let link = Link {
            id,
            scenario,
            at: None,
            digest: Some(1),
        };
        good.extend(link.write());
    }
    let mut read_well = 0;
    for _ in 0..3_000 {
        let mut text: Vec<char> = dice.pick(&good).chars().collect();
        for _ in 0..1 + dice.below(2) {
            let at = dice.below(text.len() + 1);
            let to = (at + dice.below(6)).min(text.len());
            let bit: Vec<char> = dice.pick(&bits).chars().collect();
            text.splice(at..to, bit);
        }
        let text: String = text.into_iter().collect();
        match read(&text) {
            Err(error) => assert!(error.to_string().chars().count() < 3_000),
            Ok(link) => {
                // What was understood can be said again, and is then understood in the same way.
                let again = link.write().map(|text| read(&text));
                assert!(again.is_err() || again == Ok(Ok(link.clone())), "{text}");
                // And it can be run.
                if link.scenario.workload.orders < 500 {
                    Simulation::run(&link.scenario, Keep::LedgerOnly);
                }
                read_well += 1;
            }
        }
        let _ = Link::read_file(&text, Reader::Page);
    }
    assert!(read_well > 20, "{read_well}");
}

// ---- links that are out in the world ---------------------------------------------------------------------------------

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/links.txt")
}

/// Each line is a link with the digest of the day it was made, then the digest of today. The first is never touched: a link
/// of an older simulator is still a link. `UPDATE_GOLDEN=1 cargo test --test links` renews the second, and adds a link of
/// each preset that has none.
#[test]
fn links_are_read_for_ever_and_give_the_recorded_runs() {
    let renewing = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let text = fs::read_to_string(golden()).expect("tests/golden/links.txt");
    let mut links: Vec<(String, Link)> = Vec::new();
    for line in text.lines() {
        let word = line.split(' ').next().unwrap_or_default();
        let link = read(word).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(link.digest.is_some(), "{line}");
        links.push((word.to_string(), link));
    }
    assert!(links.len() >= 50, "{} golden links", links.len());
    for preset in catalog::all() {
        if links.iter().all(|(_, link)| link.id != preset.id) {
            let hint = "UPDATE_GOLDEN=1 cargo test --test links adds one";
            assert!(renewing, "{} has no golden link: {hint}", preset.id);
            let mut link = shared(preset.id, "{}");
            link.digest = Some(Simulation::run(&link.scenario, Keep::LedgerOnly).digest);
            let text = link.write().expect("a preset is its own link");
            links.push((["#", &text].concat(), link));
        }
    }
    let renewed: String = links
        .iter()
        .map(|(text, link)| {
            let digest = Simulation::run(&link.scenario, Keep::LedgerOnly).digest;
            format!("{text} {digest:016x}\n")
        })
        .collect();
    if renewing {
        fs::write(golden(), renewed).expect("written");
    } else {
        assert_eq!(
            text, renewed,
            "If the change is meant: UPDATE_GOLDEN=1 cargo test --test links"
        );
    }
}
