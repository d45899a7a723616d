//! The terminal program as it is built: what it prints, what it refuses, and that the README shows the truth.

use serde_json::Value;
use std::fs;
use std::process::{Command, Output};
use streamproof::sim::ledger::METRICS;

fn streamproof(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_streamproof"))
        .args(words)
        .output()
        .expect("the program starts")
}

fn printed(words: &[&str]) -> String {
    let output = streamproof(words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn presets_are_one_a_line_with_the_name_first() {
    let text = printed(&["presets"]);
    assert!(
        text.lines()
            .any(|line| line.split('\t').next() == Some("order-billing"))
    );
}

#[test]
fn a_lesson_is_shown_with_what_is_right_in_it_and_with_what_passes_its_tasks() {
    let lesson = "lessons/en/guarantees/lost-ack.md";
    let solutions = "tests/lessons/solutions.json";
    let text = printed(&["lesson", "show", lesson, "--solutions", solutions]);
    let shown: Value = serde_json::from_str(&text).expect("a JSON object");
    let steps = shown["steps"].as_array().expect("a list");
    let asks = steps
        .iter()
        .flat_map(|step| step["asks"].as_array().expect("a list"));
    let answer = |id: &str| {
        asks.clone()
            .find(|ask| ask["id"] == id)
            .map(|ask| &ask["answer"])
    };
    // The third option, and what the run of the step counts.
    assert_eq!(answer("p1"), Some(&2.into()));
    assert_eq!(answer("o1"), Some(&1.0.into()));
    let task = steps
        .iter()
        .find(|step| step["heading"] == "Trade lost orders for doubled ones");
    let pass = &task.expect("is there")["passes"][0];
    assert_eq!(pass["set"], serde_json::json!([["retries", "2147483647"]]));
    assert_eq!(pass["file"]["sc"], "order-billing");
    let none: Value = serde_json::from_str(&printed(&["lesson", "show", lesson])).expect("JSON");
    assert_eq!(none["steps"][5]["passes"], serde_json::json!([]));
    for (words, named) in [
        (&["lesson", "show"][..], "show needs one lesson's file"),
        (&["lesson", "show", "nowhere.md"][..], "nowhere.md: "),
    ] {
        let output = streamproof(words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(named), "{text}");
    }
}

#[test]
fn json_has_every_metric_by_its_name_and_the_digest_of_the_kept_trace() {
    let json: Value =
        serde_json::from_str(&printed(&["run", "order-billing", "--json"])).expect("a JSON object");
    for metric in METRICS {
        assert!(
            json.get(metric.name).is_some(),
            "{} is missing",
            metric.name
        );
    }
    assert_eq!(json["dup"], 1);
    assert_eq!(json["dup_by.producer_retry"], 1);
    let trace = std::env::temp_dir().join(format!("streamproof-{}.trace", std::process::id()));
    let path = trace.to_str().expect("a plain path");
    let again: Value = serde_json::from_str(&printed(&[
        "run",
        "order-billing",
        "--json",
        "--trace",
        path,
    ]))
    .expect("a JSON object");
    assert_eq!(again["digest"], json["digest"]);
    let text = fs::read_to_string(&trace).expect("the trace was written");
    fs::remove_file(&trace).expect("it can be removed");
    assert!(text.lines().count() > 100);
}

#[test]
fn a_scenario_file_runs_like_a_preset() {
    let file = std::env::temp_dir().join(format!("streamproof-{}.json", std::process::id()));
    fs::write(&file, r#"{"workload": {"orders": 3}}"#).expect("written");
    let json: Value = serde_json::from_str(&printed(&[
        "run",
        file.to_str().expect("a plain path"),
        "--seed",
        "7",
        "--json",
    ]))
    .expect("a JSON object");
    fs::remove_file(&file).expect("it can be removed");
    assert_eq!(json["src"], 3);
}

const SMALL: &str = r#"{"workload": {"orders": 2}, "branches": null}"#;

#[test]
fn exploring_prints_the_counts_and_patches_that_replay() {
    let json: Value = serde_json::from_str(&printed(&[
        "explore",
        "order-billing",
        "--patch",
        SMALL,
        "--strip",
        "--json",
    ]))
    .expect("a JSON object");
    for key in [
        "points",
        "merged",
        "exact",
        "duplicated",
        "lost",
        "late",
        "stuck",
        "counterexamples",
    ] {
        assert!(json.get(key).is_some(), "{key} is missing");
    }
    let rows = json["strip"]["rows"].as_array().expect("rows");
    let cells: usize = rows
        .iter()
        .map(|row| row["points"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(json["points"], cells);
    let example = &json["counterexamples"][0];
    assert_eq!(example["guarantee"], "at-most-once");
    let small: Value = serde_json::from_str(SMALL).expect("JSON");
    let mut patch = example["patch"].clone();
    patch["workload"] = small["workload"].clone();
    patch["branches"] = Value::Null;
    let run: Value = serde_json::from_str(&printed(&[
        "run",
        "order-billing",
        "--patch",
        &patch.to_string(),
        "--json",
    ]))
    .expect("a JSON object");
    assert!(run["dup"].as_u64() > Some(0), "{patch}");
}

#[test]
fn the_other_verbs_print_json_and_text() {
    let with = r#"{"producer": {"enable.idempotence": true}}"#;
    for (words, key) in [
        (
            &["compare", "order-billing", "--with", with][..],
            "first_divergence",
        ),
        (&["seeds", "order-billing", "--seeds", "3"][..], "refuted"),
        (&["prevent", "order-billing", "--order", "17"][..], "helps"),
    ] {
        let small = [words, &["--patch", r#"{"branches": null}"#]].concat();
        assert!(printed(&small).lines().count() > 2, "{words:?}");
        let json: Value =
            serde_json::from_str(&printed(&[&small[..], &["--json"]].concat())).expect("JSON");
        assert!(json.get(key).is_some(), "{words:?}: {key} is missing");
    }
}

#[test]
fn a_link_is_written_and_run_again_and_so_is_a_run_file() {
    let patch = r#"{"producer": {"acks": "1"}}"#;
    let link = printed(&["link", "order-billing", "--patch", patch, "--at", "1500"]);
    let link = link.trim_end();
    let ran: Value = serde_json::from_str(&printed(&[
        "run",
        "order-billing",
        "--patch",
        patch,
        "--json",
    ]))
    .expect("a JSON object");
    let digest = ran["digest"].as_str().expect("text");
    assert_eq!(
        link,
        format!("#r=1;sc=order-billing;set=acks:1;t=1500;d={digest}")
    );
    // As it stands in an address, too.
    for text in [
        link.to_string(),
        format!("https://host.example/streamproof/{link}"),
    ] {
        let json: Value =
            serde_json::from_str(&printed(&["run", &text, "--json"])).expect("a JSON object");
        assert_eq!(
            (&json["digest"], &json["reproduced"]),
            (&ran["digest"], &Value::Bool(true))
        );
    }
    let other = link.replace(digest, "0000000000000001");
    assert!(printed(&["run", &other]).contains("results may differ"));
    assert!(printed(&["run", link]).contains("reproduced exactly"));

    let file = std::env::temp_dir().join(format!("streamproof-run-{}.json", std::process::id()));
    fs::write(
        &file,
        printed(&[
            "link",
            "order-billing",
            "--patch",
            r#"{"branches": {"revenue": null}}"#,
            "--file",
        ]),
    )
    .expect("written");
    let path = file.to_str().expect("a plain path");
    assert!(printed(&["run", path]).contains("reproduced exactly"));
    // A change makes another run of it.
    let changed: Value = serde_json::from_str(&printed(&["run", path, "--seed", "8", "--json"]))
        .expect("a JSON object");
    assert_eq!(changed.get("reproduced"), None);
    fs::remove_file(&file).expect("it can be removed");
}

#[test]
fn settings_are_exported_all_at_once_or_in_one_format() {
    let all = printed(&["export", "order-billing"]);
    for part in [
        "kafka-topics.sh",
        "bootstrap.servers=",
        "from pyspark.sql",
        "hoodie.table.name=orders",
    ] {
        assert!(all.contains(part), "{part} is missing");
    }
    let hudi = printed(&["export", "order-billing", "--as", "hudi"]);
    assert!(all.ends_with(&hudi) && hudi.starts_with("# Table \"orders\""));
}

#[test]
fn answers_are_decided_recorded_and_held_against_the_simulator() {
    let help = printed(&["decide", "--help"]);
    assert!(help.starts_with("usage: streamproof decide") && help.contains("--record"));
    let questions = printed(&["decide"]);
    for id in ["missing=money", "late=side", "engine=flink"] {
        assert!(questions.contains(id), "{id} is not offered");
    }
    let answers = [
        "--answer",
        "missing=some",
        "--answer",
        "doubled=money",
        "--answer",
        "sink=table",
    ];
    let file = std::env::temp_dir().join(format!("streamproof-decision-{}.md", std::process::id()));
    let path = file.to_str().expect("a plain path");
    let mut words = vec!["decide", "--json", "--record", path];
    words.extend(answers);
    let json: Value = serde_json::from_str(&printed(&words)).expect("a JSON object");
    assert_eq!(json["segments"][0]["profile"], "P1");
    assert_eq!(json["promises"][0]["guarantee"], "at-most-once");
    assert_eq!(json["promises"][0]["refuted"], false);
    // Its link gives the run that it was measured on.
    let link = json["link"].as_str().expect("a link");
    let run: Value = serde_json::from_str(&printed(&["run", link, "--json"])).expect("JSON");
    assert_eq!(run["reproduced"], true);
    assert_eq!(run["digest"], json["digest"]);
    assert!(printed(&["decide", "--check", path]).contains("holds"));
    let text = fs::read_to_string(&file).expect("it was written");
    fs::write(
        &file,
        text.replace("| `acks` | `1` |", "| `acks` | `all` |"),
    )
    .expect("written");
    let output = streamproof(&["decide", "--check", path]);
    fs::remove_file(&file).expect("it can be removed");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(
        said.contains("of this record is") && said.contains("`all`"),
        "{said}"
    );
}

#[test]
fn bad_input_is_refused_with_status_2_and_words_that_name_it() {
    for (words, named) in [
        (&["rnu"][..], "\"rnu\""),
        (&["run"][..], "needs a scenario"),
        (&["run", "no-such-thing"][..], "\"no-such-thing\""),
        (&["run", "order-billing", "--seed", "x"][..], "\"x\""),
        (&["run", "order-billing", "--patch"][..], "needs a value"),
        (&["run", "order-billing", "--patch", "[]"][..], "--patch"),
        (
            &[
                "run",
                "order-billing",
                "--patch",
                r#"{"producer": {"acsk": "1"}}"#,
            ][..],
            "did you mean \"acks\"?",
        ),
        (&["run", "order-billing", "--loud"][..], "\"--loud\""),
        (&["expolre"][..], "did you mean \"explore\"?"),
        (
            &["decide", "--answer", "missing=mony"][..],
            "did you mean \"money\"?",
        ),
        (
            &["decide", "--answer", "missing=some"][..],
            "doubled: not answered",
        ),
        (
            &["decide", "--awnser", "missing=some"][..],
            "did you mean \"--answer\"?",
        ),
        (&["decide", "--json"][..], "missing=VALUE"),
        (
            &["decide", "--check", "no-such-record"][..],
            "no-such-record",
        ),
        (
            &["explore", "order-billing", "--pears", "3"][..],
            "did you mean \"--pairs\"?",
        ),
        (
            &["explore", "order-billing", "--faults", "net.dropack"][..],
            "did you mean \"net.drop_ack\"?",
        ),
        (
            &["explore", "order-billing", "--hosts", "b7"][..],
            "\"b7\" is no host",
        ),
        (&["explore", "order-billing", "--strip"][..], "--json"),
        (
            &["explore", "order-billing", "--pairs", "-1"][..],
            "from 0 to 4294967295",
        ),
        (&["compare", "order-billing"][..], "--with"),
        (
            &["compare", "order-billing", "--with", r#"{"seed": 7}"#][..],
            "one seed",
        ),
        (
            &["seeds", "order-billing", "--seeds", "0"][..],
            "1 to 100000",
        ),
        (
            &["prevent", "order-billing", "--order", "99"][..],
            "there is no order 99",
        ),
        (&["run", "order-billing", "--as", "hudi"][..], "\"--as\""),
        (
            &["run", "#r=1;sc=order-billing;set=acsk:1"][..],
            "`set=acsk`",
        ),
        (&["link", "order-billing", "--at", "soon"][..], "\"soon\""),
        (
            &[
                "link",
                "order-billing",
                "--patch",
                r#"{"branches": {"revenue": null}}"#,
            ][..],
            "--file",
        ),
        (
            &["export", "order-billing", "--as", "hudy"][..],
            "did you mean \"hudi\"?",
        ),
        (
            &["export", "order-billing", "--as", "consumer"][..],
            "no part for",
        ),
        (&["run", "order-billing", "twice"][..], "\"twice\""),
    ] {
        let output = streamproof(words);
        let message = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(message.contains(named), "{words:?}: {message}");
    }
}

#[test]
fn a_file_of_arrivals_is_read_and_judged() {
    let file = std::env::temp_dir().join(format!("streamproof-{}.csv", std::process::id()));
    let rows = (0..400).map(|n| {
        let event_ms = 1_772_355_600_000_i64 + n * 100;
        let delay_ms = if n % 50 == 7 { 9_000 } else { 300 };
        format!("{event_ms};{};d{}\n", event_ms + delay_ms, n % 3)
    });
    let text = String::from("event_time;arrival_time;device\n")
        + &rows.collect::<String>()
        + "oops;1;d1\n";
    fs::write(&file, text).expect("written");
    let path = file.to_str().expect("a plain path");
    let words = [
        "arrivals",
        path,
        "--window",
        "tumbling:2s",
        "--delay",
        "1s",
        "--sla",
        "p95 < 6s, late < 1%",
    ];
    let text = printed(&words);
    for part in [
        "400 records, CSV with \";\" between columns, with a header",
        "1 rows were left out:\n  line 402: event time \"oops\" is no time written as milliseconds since 1970",
        "breaks late < 1.000 %: it is 2.000 %",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let words = [&words[..], &["--json"]].concat();
    let json: Value = serde_json::from_str(&printed(&words)).expect("a JSON object");
    fs::remove_file(&file).expect("it can be removed");
    assert_eq!(json["delays"]["all"]["p95_ms"], 300.0);
    assert_eq!(json["delays"]["all"]["p99_ms"], 9_000.0);
    assert_eq!(json["read"]["bad"], 1);
    assert_eq!(json["answers"][0]["confirmed"], true);
    assert_eq!(json["configurations"][0]["late"], 8);
    let output = streamproof(&["arrivals", "plant", "--engine", "storm"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_new_lesson_lacks_nothing_but_its_words_and_a_broken_one_says_where() {
    let folder = std::env::temp_dir().join(format!("streamproof-lesson-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let lesson = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_streamproof"))
            .arg("lesson")
            .args(words)
            .current_dir(&folder)
            .output()
            .expect("the program starts");
        let text =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
        (output.status.code(), text.concat())
    };
    let written = "lessons/en/guarantees/my-own.md";
    for (words, file) in [
        (&["new", "first"][..], "first.md"),
        (
            &["new", "second", "--scenario", "update-added"][..],
            "second.md",
        ),
        (
            &["new", "guarantees/my-own", "--scenario", "four-branches"][..],
            written,
        ),
    ] {
        let (code, text) = lesson(words);
        assert!(code == Some(0) && text.starts_with(file), "{text}");
        let (code, text) = lesson(&["check", file]);
        assert_eq!(code, Some(1), "{text}");
        let (findings, sum) = text.trim_end().rsplit_once('\n').expect("lines");
        assert!(findings.lines().count() > 15, "{text}");
        for line in findings.lines() {
            assert!(line.contains(": to be filled: "), "{line}");
        }
        assert!(sum.starts_with("1 lesson, "), "{sum}");
        let path = folder.join(file);
        let filled = fs::read_to_string(&path).expect("it is there");
        fs::write(&path, filled.replace("BLANK", "Filled")).expect("written");
        let (code, text) = lesson(&["check", file]);
        assert_eq!(code, Some(0), "{text}");
        let (code, text) = lesson(words);
        assert!(code == Some(2) && text.contains("there already"), "{text}");
    }
    let path = folder.join("first.md");
    let text = fs::read_to_string(&path).expect("it is there");
    for (from, to, found) in [
        (
            "```check",
            "```chek",
            "first.md:53: no block \"chek\"; did you mean \"check\"?",
        ),
        (
            "rows == 41",
            "rows == 42",
            "first.md:36: claim \"rows == 42\" of step 4, with seed 42: rows is 41, it should be == 42",
        ),
    ] {
        fs::write(&path, text.replace(from, to)).expect("written");
        let (code, text) = lesson(&["check", "first.md"]);
        assert!(code == Some(1) && text.contains(found), "{text}");
    }
    fs::write(&path, &text).expect("written");
    for (solutions, code, found) in [
        (
            r#"{"producer": {"enable.idempotence": true}}"#,
            0,
            "nothing to complain about",
        ),
        (
            r#"{"producer": {"acks": "1"}}"#,
            1,
            "{\"producer\":{\"acks\":\"1\"}} is no solution with seed 42: dup is 1",
        ),
        (
            r#"{"producer": {"acsk": "1"}}"#,
            1,
            "did you mean \"acks\"?",
        ),
    ] {
        let solutions = format!(
            r#"{{"first": {{"Filled: what to reach": {{"pass": [{solutions}], "fail": []}}}}}}"#
        );
        fs::write(folder.join("solutions.json"), solutions).expect("written");
        let (status, text) = lesson(&[
            "check",
            "first.md",
            "--seeds",
            "2",
            "--solutions",
            "solutions.json",
        ]);
        assert!(status == Some(code) && text.contains(found), "{text}");
    }
    fs::write(
        folder.join("lessons/course.json"),
        r#"{"modules": [{"id": "guarantees", "title": "G", "lessons": ["my-own", "other"]}]}"#,
    )
    .expect("written");
    let (code, text) = lesson(&["check"]);
    assert!(
        code == Some(1)
            && text.contains("course.json:1: there is no lessons/en/guarantees/other.md"),
        "{text}"
    );
    for (words, named) in [
        (&["chek"][..], "did you mean \"check\"?"),
        (&["check", "nowhere"][..], "nowhere: "),
        (&["check", "first.md", "--seeds", "0"][..], "from 1 to 1000"),
        (&["check", "a", "b"][..], "one too many"),
        (&["check", "--solutions", "first.md"][..], "first.md:1: "),
        (&["new"][..], "needs one name"),
        (&["new", "../up"][..], "is no name"),
        (
            &["new", "x", "--scenario", "order-biling"][..],
            "did you mean \"order-billing\"?",
        ),
        (
            &["new", "x", "--scenery", "y"][..],
            "did you mean \"--scenario\"?",
        ),
    ] {
        let (code, text) = lesson(words);
        assert!(code == Some(2) && text.contains(named), "{words:?}: {text}");
    }
    fs::remove_dir_all(&folder).expect("it can be removed");
}

/// A lesson's block that begins with `streamproof WORDS` shows lines that this prints.
#[test]
fn what_a_lesson_shows_of_the_terminal_is_what_it_prints() {
    let lesson =
        fs::read_to_string("lessons/en/event-time/time-stands-still.md").expect("there is one");
    let (_, block) = lesson.split_once("```text\nstreamproof ").expect("a block");
    let (words, rest) = block.split_once('\n').expect("lines");
    let text = printed(&words.split(' ').collect::<Vec<_>>());
    let printed: Vec<&str> = text.lines().map(str::trim_end).collect();
    let shown = rest.split("```").next().unwrap_or_default();
    assert_eq!(shown.lines().count(), 5);
    for line in shown.lines() {
        assert!(printed.contains(&line), "{line}\n{text}");
    }
}

/// Every line of the README that begins with `$ cargo run ... streamproof -- WORDS` is followed by what that prints.
#[test]
fn the_readme_shows_what_the_program_prints() {
    let readme = fs::read_to_string("README.md").expect("there is one");
    let mut shown = 0;
    for block in readme.split("$ cargo run ").skip(1) {
        let (command, rest) = block.split_once('\n').expect("a line");
        let (_, words) = command.split_once("streamproof -- ").expect("the program");
        let words: Vec<&str> = match words.split_once(" '") {
            Some((words, quoted)) => words
                .split(' ')
                .chain([quoted.trim_end_matches('\'')])
                .collect(),
            None => words.split(' ').collect(),
        };
        let output: String = rest
            .split("```")
            .next()
            .unwrap_or_default()
            .trim_end()
            .into();
        assert_eq!(printed(&words).trim_end(), output, "{command}");
        shown += 1;
    }
    assert_eq!(shown, 2, "examples in the README");
}
