//! The checkpoint: offset log, commit log, state versions.
//!
//! Mirrors: `OffsetSeqLog`, `CommitLog`, the state store's version directories. Log entries are create-once.
//! Simplified: an offset entry holds its start offsets too; nothing is purged; there is no `sources/` folder, so a query that
//! dies before its first batch resolves `startingOffsets` again; no `metadata` file, no pinned SQL settings.

use super::super::super::store::{Object, Objects};
use super::super::super::trace::{OffsetRange, Recovery};
use super::window::State;
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

/// What a restarted query goes on from.
#[derive(Clone, Debug)]
pub struct Resume {
    pub recovery: Recovery,
    /// The plan to run again, or the end of the last one.
    pub ranges: Vec<OffsetRange>,
    /// The watermark that the next batch evicts by.
    pub watermark: EventTime,
    /// The watermark that its late rows are judged by: that of the batch before.
    pub late: EventTime,
}

/// The recovery algorithm: the newest offset entry runs again unless the newest commit entry is of the same batch.
/// Earlier batches without a commit are not run again.
pub fn resume(checkpoint: &Objects) -> Resume {
    let mut offsets = Vec::new();
    let mut newest_commit = None;
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
            _ => {}
        }
    }
    let zero = EventTime::from_ms(0);
    let Some(&(newest, ranges, watermark)) = offsets.last() else {
        return Resume {
            recovery: Recovery::Fresh,
            ranges: Vec::new(),
            watermark: zero,
            late: zero,
        };
    };
    match newest_commit {
        Some((batch, committed)) if batch == newest => Resume {
            recovery: Recovery::Continue(newest + 1),
            ranges: ranges.clone(),
            watermark: watermark.max(committed),
            late: watermark,
        },
        _ => {
            let before = offsets
                .len()
                .checked_sub(2)
                .map_or(zero, |index| offsets[index].2);
            Resume {
                recovery: Recovery::Rerun(newest),
                ranges: ranges.clone(),
                watermark,
                late: before,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kafka::protocol::PartitionId;

    fn at(ms: i64) -> EventTime {
        EventTime::from_ms(ms)
    }

    /// Offset entries 0..offsets and commit entries 0..commits; batch n plans [10 n, 10 n + 10) at watermark 100 n.
    fn checkpoint(offsets: u64, commits: u64) -> Objects {
        let mut objects = Objects::new();
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
        let resume = resume(&checkpoint(0, 0));
        assert_eq!(resume.recovery, Recovery::Fresh);
        assert!(resume.ranges.is_empty());
    }

    #[test]
    fn after_a_committed_batch_the_next_one_is_planned() {
        let resume = resume(&checkpoint(3, 3));
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
            let resume = resume(&checkpoint(offsets, commits));
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
}
