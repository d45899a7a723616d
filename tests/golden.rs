//! Our own traces as text, one fact a line, so that a change of behaviour is read as a story.
//!
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes the traces and the digests anew; the commit says why they changed.

mod digests;

use std::fs;
use std::path::{Path, PathBuf};
use streamproof::sim::{Keep, Patch, Simulation, catalog};

/// Lines shown before the first one that differs.
const CONTEXT: usize = 5;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn renewing() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

/// Holds `found` against the file of this name, or writes the file.
fn hold(name: &str, found: &str) {
    let path = folder().join(name);
    if renewing() {
        fs::write(&path, found).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let recorded = fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "tests/golden/{name}: {error}; renew it with UPDATE_GOLDEN=1 cargo test --test golden"
        )
    });
    if let Some(difference) = difference(&recorded, found) {
        panic!(
            "tests/golden/{name}, {difference}\nIf the change is meant: UPDATE_GOLDEN=1 cargo test --test golden"
        );
    }
}

/// The first line that differs, with what stands before it.
fn difference(recorded: &str, found: &str) -> Option<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (recorded.lines().collect(), found.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    if same == old.len() && same == new.len() {
        return None;
    }
    let before = old[same.saturating_sub(CONTEXT)..same].iter();
    let before: String = before.map(|line| format!("    {line}\n")).collect();
    let line = |lines: &[&str]| {
        lines
            .get(same)
            .map_or("(end)".to_string(), |line| (*line).to_string())
    };
    Some(format!(
        "line {}:\n{before}  - {}\n  + {}",
        same + 1,
        line(&old),
        line(&new)
    ))
}

/// The trace of a case of the digest table.
fn trace(name: &str) -> String {
    let case = digests::cases()
        .find(|case| case.name == name)
        .unwrap_or_else(|| panic!("no case {name}"));
    let scenario = catalog::find(case.preset)
        .expect("the preset exists")
        .scenario()
        .patched(&Patch::parse(case.patch).expect("valid"))
        .expect("valid");
    let run = Simulation::run(&scenario, Keep::Trace);
    run.trace.expect("it was kept").text()
}

#[test]
fn the_opening_scenario_happens_as_recorded() {
    hold("order-billing.trace", &trace("-"));
}

#[test]
fn the_broker_recognises_a_repeat_as_recorded() {
    hold("idempotence-on.trace", &trace("idempotence-on"));
}

#[test]
fn the_table_replaces_a_copy_as_recorded() {
    hold("upsert.trace", &trace("upsert"));
}

#[test]
fn the_native_sink_skips_a_batch_as_recorded() {
    let name = "driver-crash-before-the-commit-log";
    hold(&format!("{name}.trace"), &trace(name));
}

#[test]
fn a_new_leader_loses_what_only_the_old_one_had_as_recorded() {
    let name = "leader-crash-with-acks-1";
    hold(&format!("{name}.trace"), &trace(name));
}

#[test]
fn native_digests_are_as_recorded() {
    if renewing() {
        hold("digests.txt", &digests::table());
    } else {
        digests::check();
    }
}

#[test]
fn a_difference_is_shown_at_its_first_line_with_what_stands_before() {
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(
        difference("a\nb\nc\n", "a\nb\nd\n"),
        Some("line 3:\n    a\n    b\n  - c\n  + d".into())
    );
    assert_eq!(
        difference("a\n", "a\nb\n"),
        Some("line 2:\n    a\n  - (end)\n  + b".into())
    );
}
