//! Recordings of real systems against the simulator: every case that the model can express comes out as recorded.
//!
//! What differs is named here with its reason, so that it can neither grow nor vanish unnoticed.

use std::path::Path;
use std::sync::LazyLock;
use streamproof::conform::{Checked, Conformance, Skip};

/// Recorded in one of five runs, and never here: after all of its batches timed out, librdkafka can be so late with a new
/// producer id that the records which the application sent again time out as well.
const DIFFER: [&str; 2] = [
    "ref-resend-acksall-idem-retriesN-inflight1-apply_then_close",
    "ref-resend-acksall-idem-retriesN-inflight5-apply_then_close",
];

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
    let ids: Vec<&str> = failed.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, DIFFER, "{failed:#?}");
    for (_, differences) in failed {
        let fields: Vec<&str> = differences.iter().map(|d| d.field.as_str()).collect();
        assert_eq!(fields, ["verdict"], "the ranges hold all the same");
    }
    assert!(conformance.passed() >= 113, "{}", conformance.summary());
}

#[test]
fn what_is_skipped_says_why() {
    for (_, id, checked) in &KAFKA.cases {
        let Checked::Skipped(skip) = checked else {
            continue;
        };
        let mock_gap = matches!(skip, Skip::MockGap(_));
        assert!(!mock_gap || id.starts_with("mock-"), "{id}: {skip}");
        assert!(
            mock_gap || skip.to_string().starts_with("not modelled: "),
            "{id}: {skip}"
        );
    }
}

#[test]
fn a_flink_job_meets_with_what_was_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/flink");
    let conformance = Conformance::of(&[&folder]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(conformance.failed(), 0, "{conformance}");
    assert_eq!(conformance.passed(), 109, "{}", conformance.summary());
}
