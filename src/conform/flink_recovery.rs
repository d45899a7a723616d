//! Recordings of Flink jobs that fail and recover.

use super::{Case, Checked, RecordingError, Skip};

pub(super) fn check(_case: &Case) -> Result<Checked, RecordingError> {
    Ok(Checked::Skipped(Skip::NotModelled("recovery".into())))
}
