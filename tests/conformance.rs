//! Recordings of real systems against the simulator: every case comes out as recorded, unless its outcome rests on
//! something that the broker of the recording does unlike a real one.

use std::path::Path;
use std::sync::LazyLock;
use streamproof::conform::{Checked, Conformance, Skip};

static KAFKA: LazyLock<Conformance> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/kafka");
    Conformance::of(&[&folder]).unwrap_or_else(|error| panic!("{error}"))
});

#[test]
fn a_producer_meets_with_what_was_recorded() {
    let conformance = &*KAFKA;
    let failed = conformance
        .cases
        .iter()
        .filter_map(|(_, id, checked)| match checked {
            Checked::Failed(differences) => Some((id.as_str(), differences)),
            _ => None,
        });
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(conformance.passed() >= 153, "{}", conformance.summary());
}

#[test]
fn what_is_skipped_says_why() {
    for (_, id, checked) in &KAFKA.cases {
        let Checked::Skipped(skip) = checked else {
            continue;
        };
        assert!(id.starts_with("mock-"), "{id}: {skip}");
        assert!(matches!(skip, Skip::MockGap(_)), "{id}: {skip}");
    }
}

#[test]
fn a_flink_job_meets_with_what_was_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/flink");
    let conformance = Conformance::of(&[&folder]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(conformance.failed(), 0, "{conformance}");
    assert_eq!(conformance.passed(), 109, "{}", conformance.summary());
}
