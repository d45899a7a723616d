//! The table as drawn: its timeline of instants, the files that its readers see, and which version of its order a row shows.

use crate::sim::kernel::Time;
use crate::sim::ordered::OrdMap;
use crate::sim::sinks::hudi::HudiConfig;
use crate::sim::trace::{Fact, InstantState, Row, SegmentId, Window};

/// What an action on the timeline does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Commit,
    /// A commit of a merge-on-read table.
    DeltaCommit,
    Compaction,
    /// A commit that was left behind is being undone.
    Rollback,
    RolledBack,
    Clean,
}

impl Action {
    /// As the file's ending in `.hoodie` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Commit => "commit",
            Action::DeltaCommit => "deltacommit",
            Action::Compaction => "compaction",
            Action::Rollback => "rollback",
            Action::RolledBack => "rolled back",
            Action::Clean => "clean",
        }
    }
}

/// An action on the table's timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Instant {
    pub instant: Time,
    pub action: Action,
    pub state: InstantState,
    /// Since when it is in this state.
    pub since: Time,
}

/// The main segment's active timeline, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    pub instants: Vec<Instant>,
    /// So many completed actions have left it.
    pub archived: usize,
    merge_on_read: bool,
}

impl Timeline {
    pub fn new(hudi: &HudiConfig) -> Self {
        Timeline {
            merge_on_read: hudi.is_merge_on_read(),
            ..Timeline::default()
        }
    }

    /// Writes that are complete: so many versions of the table there have been.
    pub fn versions(&self) -> usize {
        let wrote = |one: &&Instant| {
            let writes = matches!(one.action, Action::Commit | Action::DeltaCommit);
            writes && one.state == InstantState::Completed
        };
        self.archived + self.instants.iter().filter(wrote).count()
    }

    fn put(&mut self, at: Time, instant: Time, action: Action, state: InstantState) {
        let known = self.instants.iter_mut().rev();
        match known.into_iter().find(|one| one.instant == instant) {
            Some(one) => (one.action, one.state, one.since) = (action, state, at),
            None => self.instants.push(Instant {
                instant,
                action,
                state,
                since: at,
            }),
        }
    }

    pub fn fold(&mut self, at: Time, fact: &Fact) {
        if fact.segment() != Some(SegmentId::MAIN) {
            return;
        }
        let write = if self.merge_on_read {
            Action::DeltaCommit
        } else {
            Action::Commit
        };
        match fact {
            Fact::InstantChanged { instant, state, .. } => self.put(at, *instant, write, *state),
            Fact::TableCommitted { instant, .. } => {
                let compacts =
                    |one: &Instant| one.instant == *instant && one.action == Action::Compaction;
                if !self.instants.iter().any(compacts) {
                    self.put(at, *instant, write, InstantState::Completed);
                }
            }
            Fact::CompactionChanged { instant, state, .. } => {
                self.put(at, *instant, Action::Compaction, *state);
            }
            Fact::RollbackRequested { instant, .. } => {
                self.put(at, *instant, Action::Rollback, InstantState::Inflight);
            }
            Fact::RolledBack { instant, .. } => {
                self.put(at, *instant, Action::RolledBack, InstantState::Completed);
            }
            Fact::Cleaned { .. } => self.put(at, at, Action::Clean, InstantState::Completed),
            Fact::Archived { instants, .. } => {
                let mut left = *instants as usize;
                self.archived += left;
                self.instants.retain(|one| {
                    let goes = left > 0 && one.state == InstantState::Completed;
                    left -= usize::from(goes);
                    !goes
                });
            }
            _ => {}
        }
    }
}

/// A file of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct DataFile {
    /// The file group: versions of the same rows.
    pub group: String,
    pub instant: Time,
    pub rows: u32,
    /// A log file of a merge-on-read table.
    pub log: bool,
    /// Its instant is complete, so readers may see it.
    pub complete: bool,
}

/// The files of the main segment's table, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Files(Vec<DataFile>);

impl Files {
    fn put(&mut self, file: &str, instant: Time, rows: u32) {
        let group = file.split_once('_').map_or(file, |(group, _)| group);
        self.0.push(DataFile {
            group: group.to_string(),
            instant,
            rows,
            log: file.ends_with(".log"),
            complete: false,
        });
    }

    pub fn fold(&mut self, fact: &Fact) {
        if fact.segment() != Some(SegmentId::MAIN) {
            return;
        }
        match fact {
            Fact::DataFileWritten {
                instant,
                file,
                rows,
                ..
            }
            | Fact::SliceCompacted {
                instant,
                file,
                rows,
                ..
            } => self.put(file, *instant, *rows),
            Fact::TableCommitted { instant, .. }
            | Fact::CompactionChanged {
                instant,
                state: InstantState::Completed,
                ..
            } => {
                let own = |file: &&mut DataFile| file.instant == *instant;
                self.0
                    .iter_mut()
                    .filter(own)
                    .for_each(|file| file.complete = true);
            }
            Fact::RolledBack { instant, .. } => self.0.retain(|file| file.instant != *instant),
            _ => {}
        }
    }

    pub fn all(&self) -> &[DataFile] {
        &self.0
    }

    /// The base files that queries read: of each file group the newest that is complete.
    pub fn bases(&self) -> impl Iterator<Item = &DataFile> {
        let newer = |file: &DataFile| {
            let mut bases = self.0.iter().filter(|one| !one.log && one.complete);
            bases.any(|one| one.group == file.group && one.instant > file.instant)
        };
        let base = move |file: &&DataFile| !file.log && file.complete && !newer(file);
        self.0.iter().filter(base)
    }

    /// The log files behind them, which a snapshot query merges and a read-optimized one leaves out.
    pub fn logs(&self) -> impl Iterator<Item = &DataFile> {
        let base = |log: &DataFile| {
            let base = self.bases().find(|base| base.group == log.group);
            base.is_some_and(|base| base.instant > log.instant)
        };
        let read = move |file: &&DataFile| file.log && file.complete && !base(file);
        self.0.iter().filter(read)
    }

    /// Files that nobody reads yet: their instant is not complete.
    pub fn unread(&self) -> usize {
        self.0.iter().filter(|file| !file.complete).count()
    }
}

/// Which versions there are of each order, and which of them rows have shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Versions {
    /// Events that change an earlier order: that order.
    of: OrdMap<u32, u32>,
    /// Per order, the newest event about it.
    newest: OrdMap<u32, u32>,
    /// Per record key, how often a row of it became visible.
    shown: OrdMap<String, u32>,
}

impl Versions {
    pub fn changed(&mut self, event: u32, order: u32) {
        self.of.insert(event, order);
        let newest = self.newest.entry(order).or_insert(event);
        *newest = event.max(*newest);
    }

    /// The order that an event is about.
    pub fn order(&self, event: u32) -> u32 {
        self.of.get(&event).copied().unwrap_or(event)
    }

    /// Whether the business has said something newer about the order than this event does.
    pub fn is_behind(&self, event: u32) -> bool {
        let newest = self.newest.get(&self.order(event));
        newest.is_some_and(|&newest| newest > event)
    }

    /// The how manieth row of its key this is, from 1.
    pub fn show(&mut self, row: &Row) -> u32 {
        let shown = self.shown.entry(row.record_key.clone()).or_insert(0);
        *shown += 1;
        *shown
    }
}

/// Whether two rows say the same twice: of one order, or of one key and window.
pub fn is_repeat(a: (u32, Option<Window>, &str), b: (u32, Option<Window>, &str)) -> bool {
    match (a.1, b.1) {
        (None, None) => a.0 == b.0,
        (a_window, b_window) => a_window == b_window && a.2 == b.2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{Board, follow};

    fn end(id: &str) -> Board {
        follow(id, |_, _| {})
    }

    #[test]
    fn an_upsert_raises_the_version_in_place_and_an_insert_begins_a_row() {
        let upserted = end("old-versions-replayed");
        assert!(upserted.rows.iter().any(|row| row.version == 2));
        let inserted = end("order-billing");
        assert!(
            inserted
                .rows
                .iter()
                .all(|row| row.version == 1 || row.repeat)
        );
    }

    #[test]
    fn a_read_optimized_row_is_behind_what_the_business_said() {
        let behind = |board: &Board| {
            let rows = board.rows.iter();
            rows.filter(|row| board.versions.is_behind(row.order))
                .count()
        };
        assert!(behind(&end("read-optimized-view")) > 0);
        assert_eq!(behind(&end("order-billing")), 0);
    }

    #[test]
    fn a_commit_that_a_crash_left_behind_stays_unfinished_on_the_timeline() {
        let left = |board: &Board| {
            let of = board.timeline.instants.iter();
            of.filter(|one| one.state != InstantState::Completed)
                .count()
        };
        assert!(left(&end("garbage-stays")) > 0);
        assert_eq!(left(&end("last-window-waits")), 0);
    }

    #[test]
    fn a_read_optimized_query_reads_base_files_and_a_snapshot_the_log_files_too() {
        let board = end("read-optimized-view");
        let actions: Vec<Action> = board
            .timeline
            .instants
            .iter()
            .map(|one| one.action)
            .collect();
        assert!(actions.iter().all(|&action| action == Action::DeltaCommit));
        assert_eq!(board.timeline.versions(), 8);
        let rows = |files: Vec<&DataFile>| (files.len(), files.iter().map(|file| file.rows).sum());
        let (bases, in_bases): (usize, u32) = rows(board.files.bases().collect());
        let (logs, in_logs): (usize, u32) = rows(board.files.logs().collect());
        // What the counting query sees, and what it does not.
        assert_eq!((bases, in_bases as usize), (1, board.rows.len()));
        assert_eq!((logs, in_logs), (2, 8));
        let plain = end("order-billing");
        assert_eq!(
            (plain.files.bases().count(), plain.files.logs().count()),
            (1, 0)
        );
    }
}
