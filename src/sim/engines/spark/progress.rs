//! The checkpoint: offset log, commit log, state versions, and what a restart makes of them.
//!
//! Mirrors: `OffsetSeqLog`, `CommitLog`, `StreamMetadata`, `MicroBatchExecution.populateStartOffsets`, `OperatorStateMetadata`,
//! the state store's version directories. Log entries are create-once.
//! Simplified: an offset entry holds its start offsets too; nothing is purged; no pinned SQL settings.

use super::super::super::store::{Object, Objects};
use super::super::super::trace::{OffsetRange, Recovery, SegmentId};
use super::super::operators::State;
use crate::sim::kafka::protocol::PartitionId;
use crate::sim::kernel::EventTime;

/// An entry of the checkpoint.
#[derive(Clone, Debug)]
pub enum Entry {
    /// `offsets/N`: written before batch N runs. Holds the start offsets too, which Spark reads from `offsets/N-1`.
    Offsets {
        batch: u64,
        ranges: Vec<OffsetRange>,
        watermark: EventTime,
    },
    /// `commits/N`: written after the sink finished batch N.
    Commit { batch: u64, watermark: EventTime },
    /// `state/0/0/V`.
    State(State),
    /// `metadata`: the query's id.
    Metadata,
    /// `sources/0/0`: where a query without offsets began.
    Start(Vec<(PartitionId, u64)>),
    /// `state/0/_metadata`: which operator the state belongs to.
    Operator(&'static str),
}

/// Where the checkpoint of a segment's query lies in its nth life.
pub fn checkpoint_path(segment: SegmentId, life: u32) -> String {
    format!("checkpoint-{}-{life}/", segment.0)
}

pub fn offsets_path(checkpoint: &str, batch: u64) -> String {
    format!("{checkpoint}offsets/{batch:010}")
}

pub fn commit_path(checkpoint: &str, batch: u64) -> String {
    format!("{checkpoint}commits/{batch:010}")
}

pub fn state_path(checkpoint: &str, version: u64) -> String {
    format!("{checkpoint}state/0/0/{version:010}")
}

pub fn operator_path(checkpoint: &str) -> String {
    format!("{checkpoint}state/0/_metadata")
}

pub fn metadata_path(checkpoint: &str) -> String {
    format!("{checkpoint}metadata")
}

pub fn start_path(checkpoint: &str) -> String {
    format!("{checkpoint}sources/0/0")
}

/// Log entries are there already: somebody else runs on this checkpoint.
pub const CONCURRENT_UPDATE: &str = "CONCURRENT_STREAM_LOG_UPDATE";
/// The checkpoint has logs and no `metadata` (since 4.2).
pub const MISSING_METADATA: &str = "STREAMING_CHECKPOINT_MISSING_METADATA_FILE";
/// The checkpoint has commits and no offsets.
pub const NO_OFFSETS: &str =
    "assertion failed: the commit log has entries and the offset log has none";
/// The batch before the newest one is needed for its end offsets.
pub const MISSING_PREVIOUS: &str = "the previous batch was not found in offset log";
/// A stateful query on a checkpoint that has batches and no state.
pub const MISSING_STATE: &str = "STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY";
/// The state belongs to another operator.
pub const OTHER_OPERATOR: &str = "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA";

/// What a restarted query goes on from.
#[derive(Clone, Debug)]
pub struct Resume {
    pub recovery: Recovery,
    /// The plan to run again, or the end of the last one.
    pub ranges: Vec<OffsetRange>,
    /// Where the query began, if it has no plan yet and that is known.
    pub start: Vec<(PartitionId, u64)>,
    /// The watermark that the next batch evicts by.
    pub watermark: EventTime,
    /// The watermark that its late rows are judged by: that of the batch before.
    pub late: EventTime,
}

/// The recovery algorithm: the newest offset entry runs again unless the newest commit entry is of the same batch.
/// Earlier batches without a commit are not run again. Otherwise the condition that the query fails with.
pub fn resume(checkpoint: &Objects) -> Result<Resume, &'static str> {
    let mut offsets = Vec::new();
    let mut newest_commit = None;
    let mut metadata = false;
    let mut start = Vec::new();
    for object in checkpoint.values() {
        match object {
            Object::Progress(Entry::Offsets {
                batch,
                ranges,
                watermark,
            }) => offsets.push((*batch, ranges, *watermark)),
            Object::Progress(Entry::Commit { batch, watermark }) => {
                newest_commit = Some((*batch, *watermark))
            }
            Object::Progress(Entry::Metadata) => metadata = true,
            Object::Progress(Entry::Start(offsets)) => start.clone_from(offsets),
            _ => {}
        }
    }
    if !metadata && (newest_commit.is_some() || !offsets.is_empty()) {
        return Err(MISSING_METADATA);
    }
    let zero = EventTime::from_ms(0);
    let Some(&(newest, ranges, watermark)) = offsets.last() else {
        if newest_commit.is_some() {
            return Err(NO_OFFSETS);
        }
        return Ok(Resume {
            recovery: Recovery::Fresh,
            ranges: Vec::new(),
            start,
            watermark: zero,
            late: zero,
        });
    };
    let previous = offsets.iter().rev().nth(1);
    let previous = previous.filter(|(batch, ..)| batch + 1 == newest);
    if newest > 0 && previous.is_none() {
        return Err(MISSING_PREVIOUS);
    }
    Ok(match newest_commit {
        Some((batch, committed)) if batch == newest => Resume {
            recovery: Recovery::Continue(newest + 1),
            ranges: ranges.clone(),
            start,
            watermark: watermark.max(committed),
            late: watermark,
        },
        _ => Resume {
            recovery: Recovery::Rerun(newest),
            ranges: ranges.clone(),
            start,
            watermark,
            late: previous.map_or(zero, |&(.., watermark)| watermark),
        },
    })
}

/// Whether the first batch of a run fits the state that lies in the checkpoint; otherwise the condition that the query fails
/// with. Batch 0 brings its own.
pub fn check_operator(
    checkpoint: &Objects,
    batch: u64,
    operator: Option<&str>,
) -> Result<(), &'static str> {
    let stored = checkpoint.values().find_map(|object| match object {
        Object::Progress(Entry::Operator(name)) => Some(*name),
        _ => None,
    });
    match (stored, operator) {
        _ if batch == 0 => Ok(()),
        (None, Some(_)) => Err(MISSING_STATE),
        (Some(stored), operator) if operator != Some(stored) => Err(OTHER_OPERATOR),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> EventTime {
        EventTime::from_ms(ms)
    }

    /// Offset entries 0..offsets and commit entries 0..commits; batch n plans [10 n, 10 n + 10) at watermark 100 n.
    fn checkpoint(offsets: u64, commits: u64) -> Objects {
        let mut objects = Objects::new();
        let metadata = Object::Progress(Entry::Metadata);
        objects.insert(metadata_path("c/"), metadata);
        for batch in 0..offsets {
            let range = OffsetRange {
                partition: PartitionId(0),
                start: batch * 10,
                end: batch * 10 + 10,
            };
            let entry = Entry::Offsets {
                batch,
                ranges: vec![range],
                watermark: at(batch as i64 * 100),
            };
            objects.insert(offsets_path("c/", batch), Object::Progress(entry));
        }
        for batch in 0..commits {
            let watermark = at(batch as i64 * 100 + 100);
            objects.insert(
                commit_path("c/", batch),
                Object::Progress(Entry::Commit { batch, watermark }),
            );
        }
        objects
    }

    fn range(resume: &Resume) -> (u64, u64) {
        (resume.ranges[0].start, resume.ranges[0].end)
    }

    #[test]
    fn without_offsets_a_query_begins_anew() {
        let resume = resume(&checkpoint(0, 0)).expect("it is whole");
        assert_eq!(resume.recovery, Recovery::Fresh);
        assert!(resume.ranges.is_empty());
    }

    #[test]
    fn after_a_committed_batch_the_next_one_is_planned() {
        let resume = resume(&checkpoint(3, 3)).expect("it is whole");
        assert_eq!(resume.recovery, Recovery::Continue(3));
        assert_eq!(range(&resume), (20, 30));
        assert_eq!(
            (resume.watermark, resume.late),
            (at(300), at(200)),
            "from the commit log; late is one batch older"
        );
    }

    #[test]
    fn a_batch_without_its_commit_runs_again_over_the_same_offsets() {
        for (offsets, commits, rerun) in [(3, 2, 2), (1, 0, 0), (3, 0, 2)] {
            let resume = resume(&checkpoint(offsets, commits)).expect("it is whole");
            assert_eq!(
                resume.recovery,
                Recovery::Rerun(rerun),
                "only the newest entry is run again"
            );
            assert_eq!(range(&resume), (rerun * 10, rerun * 10 + 10));
            assert_eq!(resume.watermark, at(rerun as i64 * 100));
            assert_eq!(resume.late, at((rerun as i64 * 100 - 100).max(0)));
        }
    }

    #[test]
    fn a_damaged_checkpoint_is_refused_or_runs_the_newest_plan_again() {
        let without = |objects: &Objects, paths: &[String]| {
            let mut objects = objects.clone();
            objects.retain(|path, _| !paths.contains(path));
            resume(&objects).map(|resume| resume.recovery)
        };
        let whole = checkpoint(3, 3);
        let (metadata, offsets) = (metadata_path("c/"), |n| offsets_path("c/", n));
        for (deleted, expected) in [
            (vec![metadata], Err(MISSING_METADATA)),
            (vec![offsets(0), offsets(1), offsets(2)], Err(NO_OFFSETS)),
            (vec![offsets(1)], Err(MISSING_PREVIOUS)),
            (vec![offsets(0)], Ok(Recovery::Continue(3))),
            (vec![offsets(2)], Ok(Recovery::Rerun(1))),
            (vec![commit_path("c/", 2)], Ok(Recovery::Rerun(2))),
        ] {
            assert_eq!(without(&whole, &deleted), expected, "without {deleted:?}");
        }
    }

    #[test]
    fn state_belongs_to_the_operator_that_wrote_it() {
        let mut objects = Objects::new();
        let check = |objects: &Objects, batch, operator| check_operator(objects, batch, operator);
        assert_eq!(check(&objects, 0, Some("dedupe")), Ok(()));
        assert_eq!(check(&objects, 3, Some("dedupe")), Err(MISSING_STATE));
        assert_eq!(check(&objects, 3, None), Ok(()));
        let operator = Object::Progress(Entry::Operator("dedupe"));
        objects.insert(operator_path("c/"), operator);
        assert_eq!(check(&objects, 3, Some("dedupe")), Ok(()));
        assert_eq!(
            check(&objects, 3, Some("stateStoreSave")),
            Err(OTHER_OPERATOR)
        );
        assert_eq!(check(&objects, 3, None), Err(OTHER_OPERATOR));
    }
}
