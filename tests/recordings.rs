//! Recordings of a real client's consumers, workers and transactions against the simulator.

use std::path::Path;
use streamproof::conform::{Checked, Conformance};

fn checked(family: &str) -> Vec<(String, Checked)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/kafka");
    let file = folder.join(format!("{family}.json"));
    let conformance = Conformance::of(&[&file]).unwrap_or_else(|error| panic!("{error}"));
    let cases = conformance.cases.into_iter();
    cases.map(|(_, id, checked)| (id, checked)).collect()
}

fn passed(family: &str) -> usize {
    let cases = checked(family);
    for (id, checked) in &cases {
        assert!(!matches!(checked, Checked::Failed(_)), "{id}: {checked:#?}");
    }
    cases
        .iter()
        .filter(|(_, checked)| *checked == Checked::Passed)
        .count()
}

#[test]
fn a_killed_consumer_repeats_and_loses_what_was_recorded() {
    assert_eq!(passed("consumer"), checked("consumer").len());
}

#[test]
fn a_killed_worker_leaves_the_output_that_was_recorded() {
    assert_eq!(passed("pipeline"), checked("pipeline").len());
}

#[test]
fn readers_of_a_transaction_see_what_was_recorded() {
    assert_eq!(passed("transaction"), checked("transaction").len());
}

#[test]
fn a_recording_that_says_something_else_is_told_apart() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/kafka/consumer.json");
    let text = std::fs::read_to_string(path).expect("it is there");
    for (recorded, other) in [
        (r#""missing": [0, 0]"#, r#""missing": [3, 3]"#),
        (r#""verdict": ["loss"]"#, r#""verdict": ["clean"]"#),
    ] {
        let mut conformance = Conformance::default();
        let text = text.replace(recorded, other);
        conformance
            .add("other.json", &text)
            .expect("it can be read");
        assert!(conformance.failed() > 0, "{other}");
    }
}
