//! The timeline: the table's actions, what readers make of them, and what undoes or tidies them.
//!
//! Mirrors: `HoodieActiveTimeline`, `TimelineUtils`, `BaseHoodieTableServiceClient.getInstantsToRollback` (EAGER and LAZY),
//! `RollbackHelper`, `CommitUtils` (batch memory), `CleanPlanner` (commits retained), `TimelineArchiver`.
//! Simplified: one file an action, in its highest state, with one time; a rollback deletes its files in one operation; a clean
//! and an archiving are no actions of their own.

use super::merge::{Rule, View};
use super::{Action, File, HudiConfig, Instant, QueryType, SinkWriter, Slice, SliceKind};
use crate::sim::FULL;
use crate::sim::kernel::{Span, Time};
use crate::sim::ordered::OrdMap;
use crate::sim::origin::Origin;
use crate::sim::store::{Object, Objects, Operation};
use crate::sim::trace::{Absorption, Fact, InstantState, Row, SegmentId, Source};
use std::borrow::Cow;

/// A store operation of a write.
pub type Step = Operation;

/// Rows that a write took in and that are in no file of it, each kind with where they lay in the topic.
pub type Absorbed = Vec<(Absorption, Vec<(Origin, Source)>)>;

/// The table's actions, oldest first, as a writer or reader finds them.
#[derive(Clone, Debug)]
pub struct Timeline {
    segment: SegmentId,
    instants: Vec<Instant>,
    /// The newest instant that was read or taken.
    newest: Option<Time>,
    /// What the write in hand merged away before it came to files.
    absorbed: Absorbed,
}

pub(super) fn table(segment: SegmentId) -> String {
    format!("table-{}/", segment.0)
}

pub(super) fn instant_path(segment: SegmentId, instant: Time) -> String {
    format!(
        "{}.hoodie/timeline/{:020}",
        table(segment),
        instant.micros()
    )
}

fn history_path(segment: SegmentId, instant: Time) -> String {
    format!(
        "{}.hoodie/timeline/history/{:020}",
        table(segment),
        instant.micros()
    )
}

pub(super) fn temp_prefix(segment: SegmentId, instant: Time) -> String {
    format!("{}.hoodie/.temp/{:020}/", table(segment), instant.micros())
}

pub(super) fn heartbeat_path(segment: SegmentId, instant: Time) -> String {
    format!(
        "{}.hoodie/.heartbeat/{:020}",
        table(segment),
        instant.micros()
    )
}

impl Timeline {
    pub fn prefix(segment: SegmentId) -> String {
        format!("{}.hoodie/timeline/", table(segment))
    }

    /// Where everything lies that a clean looks at: timeline, markers, heartbeats.
    pub fn service_prefix(segment: SegmentId) -> String {
        format!("{}.hoodie/", table(segment))
    }

    pub fn read(objects: &Objects, segment: SegmentId) -> Timeline {
        let prefix = Timeline::prefix(segment);
        let under = objects
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix));
        let mut instants = Vec::new();
        let mut history = Vec::new();
        for (_, object) in under {
            match object {
                Object::Hudi(File::Instant(instant)) => instants.push(instant.clone()),
                Object::Hudi(File::History(archived)) => history.extend(archived.iter().cloned()),
                _ => {}
            }
        }
        // What is archived is older than whatever is not.
        history.extend(instants);
        Timeline {
            segment,
            newest: history.last().map(|instant| instant.instant),
            instants: history,
            absorbed: Vec::new(),
        }
    }

    /// Completed writes, archived ones too.
    fn commits(&self) -> impl DoubleEndedIterator<Item = &Instant> {
        let completed = |instant: &&Instant| {
            instant.action.is_write() && instant.state == InstantState::Completed
        };
        self.instants.iter().filter(completed)
    }

    /// Completed writes of merge-on-read since the last completed compaction, or the last one that is planned.
    pub fn deltas(&self) -> usize {
        let planned = |instant: &Instant| instant.action == Action::Compaction;
        let since = self.instants.iter().rposition(planned).map_or(0, |n| n + 1);
        let deltas = self.instants[since..].iter();
        deltas
            .filter(|i| i.action == Action::DeltaCommit && i.state == InstantState::Completed)
            .count()
    }

    /// The compaction that is planned and not complete.
    pub fn pending_compaction(&self) -> Option<&Instant> {
        let pending =
            |i: &&Instant| i.action == Action::Compaction && i.state != InstantState::Completed;
        self.instants.iter().find(pending)
    }

    /// The path of the newest visible base file of a file group.
    pub fn current(&self, group: &str) -> Option<String> {
        self.views().remove(group).and_then(|view| view.base)
    }

    /// The visible file groups as a reader finds them now.
    pub fn views(&self) -> OrdMap<String, View> {
        let mut views: OrdMap<String, View> = OrdMap::new();
        let completed = |i: &&Instant| {
            (i.action.is_write() || i.action == Action::Compaction)
                && i.state == InstantState::Completed
        };
        for instant in self.instants.iter().filter(completed) {
            for group in &instant.replaces {
                views.remove(group);
            }
            for slice in &instant.slices {
                let view = views.entry(slice.group.clone()).or_default();
                match slice.kind {
                    SliceKind::Log => view.logs.push(slice.path.clone()),
                    // A compaction stands where it was planned: log files of later writes lie on top of its slice.
                    SliceKind::Base => {
                        view.base = Some(slice.path.clone());
                        view.logs.clear();
                    }
                }
            }
        }
        views
    }

    /// How many file groups a partition ever had: the next new one gets this number.
    pub(super) fn next_group(&self, partition: &str) -> usize {
        let mut groups: Vec<&String> = self
            .commits()
            .flat_map(|instant| &instant.slices)
            .map(|slice| &slice.group)
            .filter(|group| {
                let rest = group.strip_prefix(partition);
                rest.is_some_and(|rest| rest.starts_with('/'))
            })
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups.len()
    }

    /// The batch that the table remembers for this identifier: the newest completed write of the active timeline that
    /// carries it.
    pub fn last_batch(&self, identifier: &str) -> Option<u64> {
        let active = self.commits().rev().filter(|instant| !instant.archived);
        active
            .filter(|instant| instant.identifier.as_deref() == Some(identifier))
            .map(|instant| instant.batch)
            .next()
    }

    /// Writes that were begun and are not complete; planned compactions are left alone.
    pub fn unfinished(&self) -> Vec<Time> {
        let open = |i: &&Instant| i.action.is_write() && i.state != InstantState::Completed;
        let open = self.instants.iter().filter(open);
        open.map(|instant| instant.instant).collect()
    }

    /// Whether the write of this instant is still on the timeline: another writer may have rolled it back.
    pub fn has(&self, instant: Time) -> bool {
        self.instants.iter().any(|known| known.instant == instant)
    }

    /// The instant of a new action: now, but later than every instant before it. Instants grow strictly (Hudi's
    /// `TimeGenerator`).
    pub fn take_instant(&mut self, now: Time) -> Time {
        let instant = self
            .newest
            .map_or(now, |newest| now.max(newest + Span::from_micros(1)));
        self.newest = Some(instant);
        instant
    }

    /// Where the marker files of a write lie.
    pub fn markers(&self, instant: Time) -> String {
        temp_prefix(self.segment, instant)
    }

    /// Notes rows that the write in hand merged away before it came to files.
    pub(super) fn absorb(&mut self, absorbed: Absorbed) {
        self.absorbed.extend(absorbed);
    }

    /// Undoes a failed write: plan it, delete its files, take it off the timeline. A rollback of it that was torn apart is
    /// taken up again.
    pub fn rollback(&mut self, failed: Time, markers: &Objects, now: Time) -> Vec<Step> {
        let segment = self.segment;
        let begun = |i: &&Instant| {
            i.action == Action::Rollback { of: failed } && i.state != InstantState::Completed
        };
        let begun = self.instants.iter().find(begun).map(|i| i.instant);
        let instant = begun.unwrap_or_else(|| self.take_instant(now));
        let state = |state| {
            File::Instant(Instant {
                segment,
                instant,
                action: Action::Rollback { of: failed },
                state,
                ..Instant::default()
            })
        };
        let mut doomed: Vec<String> = markers.keys().cloned().collect();
        let mut files = 0;
        for object in markers.values() {
            if let Object::Hudi(File::Marker { data }) = object {
                doomed.push(data.clone());
                files += 1;
            }
        }
        let path = instant_path(segment, instant);
        let requested = Fact::RollbackRequested {
            segment,
            instant: failed,
        };
        let done = Fact::RolledBack {
            segment,
            instant: failed,
            files,
        };
        vec![
            put(&path, state(InstantState::Requested), Some(requested)),
            delete(doomed),
            delete(vec![
                instant_path(segment, failed),
                heartbeat_path(segment, failed),
            ]),
            put(&path, state(InstantState::Completed), Some(done)),
        ]
    }

    /// The write's instant in a state before completion.
    pub fn mark(&self, instant: Time, state: InstantState, batch: u64) -> Step {
        let segment = self.segment;
        let file = File::Instant(Instant {
            segment,
            instant,
            state,
            batch,
            ..Instant::default()
        });
        let note = Fact::InstantChanged {
            segment,
            instant,
            state,
        };
        put(&instant_path(segment, instant), file, Some(note))
    }

    /// A sign of life of the write in hand.
    pub fn heartbeat(segment: SegmentId, instant: Time, now: Time) -> Step {
        Operation::Touch {
            path: heartbeat_path(segment, instant),
            object: Object::Hudi(File::Heartbeat { at: now }),
        }
    }

    /// The commit point, with the batch id inside it if the writer is the native sink, then the clean-up.
    pub fn complete(
        &self,
        config: &HudiConfig,
        instant: Time,
        batch: u64,
        slices: Vec<Slice>,
        markers: &Objects,
    ) -> Vec<Step> {
        let segment = self.segment;
        let claimed = |data: &String| slices.iter().any(|slice| slice.path == *data);
        let unclaimed = |object: &Object| match object {
            Object::Hudi(File::Marker { data }) if !claimed(data) => Some(data.clone()),
            _ => None,
        };
        let losers: Vec<String> = markers.values().filter_map(unclaimed).collect();
        let identifier = (config.writer == SinkWriter::Native).then(|| config.identifier.clone());
        let mut absorbed = self.absorbed.clone();
        absorbed.extend(slices.iter().flat_map(|slice| slice.absorbed.clone()));
        let replaces = self.replaced(config, &slices);
        let completed = Instant {
            segment,
            instant,
            action: Action::of(config),
            state: InstantState::Completed,
            batch,
            identifier,
            slices,
            replaces,
            absorbed,
            archived: false,
            rule: config.rule(),
            query: config.query,
        };
        let old = self.expired(&completed, config.commits_retained as usize);
        let archive = self.archive(&completed, config);
        let plan = self.plan_compaction(&completed, config);
        let mut steps = vec![
            Operation::Delete {
                paths: losers,
                note: Some(Fact::Reconciled {
                    segment,
                    instant,
                    // The store counts what was really there: an attempt may have died with its marker alone.
                    deleted: 0,
                }),
            },
            put(
                &instant_path(segment, instant),
                File::Instant(completed),
                Some(Fact::TableCommitted {
                    segment,
                    instant,
                    batch: Some(batch),
                }),
            ),
            delete(markers.keys().cloned().collect()),
        ];
        if !old.is_empty() {
            let files = old.len() as u32;
            steps.push(Operation::Delete {
                paths: old,
                note: Some(Fact::Cleaned { segment, files }),
            });
        }
        steps.extend(archive);
        steps.extend(plan);
        steps
    }

    /// Plans a compaction once enough delta commits have gathered. The writer does it, between its own writes, so that no
    /// write in progress lies before the plan.
    fn plan_compaction(&self, completed: &Instant, config: &HudiConfig) -> Option<Step> {
        let after = self.with(completed);
        let due = after.deltas() >= config.max_delta_commits as usize
            && after.pending_compaction().is_none()
            && config.compacts()
            && after.views().values().any(|view| !view.logs.is_empty());
        let planned = completed.instant + Span::from_micros(1);
        due.then(|| after.compaction(planned, InstantState::Requested, Vec::new(), config))
    }

    /// The file groups that an overwriting write replaces: all of the touched partitions, or of the table.
    fn replaced(&self, config: &HudiConfig, slices: &[Slice]) -> Vec<String> {
        let partition = |group: &str| super::write::partition_of(group).to_string();
        let touched: Vec<String> = slices.iter().map(|slice| partition(&slice.group)).collect();
        let all = config.operation == super::WriteOperation::InsertOverwriteTable;
        if !all && config.operation != super::WriteOperation::InsertOverwrite {
            return Vec::new();
        }
        let groups = self.views().into_keys();
        groups
            .filter(|group| all || touched.contains(&partition(group)))
            .collect()
    }

    /// Files that enough newer commits have made history and no reader needs any more.
    fn expired(&self, completed: &Instant, retained: usize) -> Vec<String> {
        let after = self.with(completed);
        let views = after.views();
        let needed = |path: &String| {
            let needs = |view: &View| view.base.as_ref() == Some(path) || view.logs.contains(path);
            views.values().any(needs)
        };
        let versions = |group: &str| {
            let slices = self.commits().flat_map(|instant| &instant.slices);
            let of_group = slices.filter(|slice| slice.group == group);
            of_group
                .map(|slice| slice.path.clone())
                .collect::<Vec<String>>()
        };
        let old = completed.slices.iter().filter_map(|slice| {
            let versions = versions(&slice.group);
            versions.into_iter().rev().nth(retained)
        });
        old.filter(|path| !needed(path)).collect()
    }

    /// This timeline with one more action, or another state of one.
    pub(super) fn with(&self, instant: &Instant) -> Timeline {
        let mut timeline = self.clone();
        timeline
            .instants
            .retain(|known| known.instant != instant.instant);
        let place = timeline
            .instants
            .partition_point(|known| known.instant < instant.instant);
        timeline.instants.insert(place, instant.clone());
        timeline
    }

    /// Moves the oldest completed actions to the history once there are too many: `hoodie.keep.max.commits`, down to
    /// `hoodie.keep.min.commits`. A planned compaction holds back what lies behind it.
    fn archive(&self, completed: &Instant, config: &HudiConfig) -> Vec<Step> {
        let after = self.with(completed);
        let active: Vec<&Instant> = after.instants.iter().filter(|i| !i.archived).collect();
        let writes = active.iter().filter(|i| i.action.is_write()).count();
        if !FULL || writes <= config.keep_max_commits as usize {
            return Vec::new();
        }
        let mut surplus = writes - config.keep_min_commits as usize;
        let mut gone = Vec::new();
        for instant in active {
            if surplus == 0 || instant.state != InstantState::Completed {
                break;
            }
            surplus -= usize::from(instant.action.is_write());
            gone.push(Instant {
                archived: true,
                ..instant.clone()
            });
        }
        let Some(last) = gone.last() else {
            return Vec::new();
        };
        let segment = self.segment;
        let paths = gone
            .iter()
            .map(|i| instant_path(segment, i.instant))
            .collect();
        let instants = gone.len() as u32;
        let history = history_path(segment, last.instant);
        vec![
            put(&history, File::History(gone), None),
            Operation::Delete {
                paths,
                note: Some(Fact::Archived { segment, instants }),
            },
        ]
    }

    // ---- LAZY clean-up ---------------------------------------------------------------------------------------------

    /// Failed writes whose heartbeat has expired, as a clean under LAZY finds them.
    pub fn expired_writes(&self, objects: &Objects, limit: Span, now: Time) -> Vec<Time> {
        let dead = |instant: &Time| match objects.get(&heartbeat_path(self.segment, *instant)) {
            Some(Object::Hudi(File::Heartbeat { at })) => now.since(*at) > limit,
            _ => true,
        };
        self.unfinished().into_iter().filter(dead).collect()
    }

    /// The steps of a clean under LAZY: roll back what is dead.
    pub fn clean_failed(
        &mut self,
        objects: &Objects,
        own: Time,
        limit: Span,
        now: Time,
    ) -> Vec<Step> {
        let mut dead = self.expired_writes(objects, limit, now);
        dead.retain(|&instant| instant != own);
        let mut steps = Vec::new();
        for failed in dead {
            let prefix = self.markers(failed);
            let under = objects
                .range(prefix.clone()..)
                .take_while(|(path, _)| path.starts_with(&prefix));
            let markers = under.map(|(path, object)| (path.clone(), object.clone()));
            let markers: Objects = markers.collect();
            steps.extend(self.rollback(failed, &markers, now));
        }
        steps
    }

    // ---- compaction ------------------------------------------------------------------------------------------------

    /// A compaction in a state: planned, begun (or taken back to its plan), complete with its slices.
    pub fn compaction(
        &self,
        instant: Time,
        state: InstantState,
        slices: Vec<Slice>,
        config: &HudiConfig,
    ) -> Step {
        let segment = self.segment;
        let batch = self.commits().map(|i| i.batch).next_back().unwrap_or(0);
        let file = File::Instant(Instant {
            segment,
            instant,
            action: Action::Compaction,
            state,
            batch,
            slices,
            rule: config.rule(),
            query: config.query,
            ..Instant::default()
        });
        let note = Fact::CompactionChanged {
            segment,
            instant,
            state,
        };
        put(&instant_path(segment, instant), file, Some(note))
    }

    /// The file groups that a compaction planned at this instant merges: those with log files of before.
    pub fn to_compact(&self, planned: Time) -> OrdMap<String, View> {
        let mut before = self.clone();
        before.instants.retain(|known| known.instant < planned);
        let mut views = before.views();
        views.retain(|_, view| !view.logs.is_empty());
        views
    }
}

impl Action {
    /// Source: `CommitUtils.getCommitActionType`.
    fn of(config: &HudiConfig) -> Action {
        use super::WriteOperation::{InsertOverwrite, InsertOverwriteTable};
        match config.operation {
            InsertOverwrite | InsertOverwriteTable => Action::ReplaceCommit,
            _ if config.is_merge_on_read() => Action::DeltaCommit,
            _ => Action::Commit,
        }
    }

    /// Whether it writes a batch.
    pub const fn is_write(self) -> bool {
        matches!(
            self,
            Action::Commit | Action::DeltaCommit | Action::ReplaceCommit
        )
    }
}

pub(super) fn put(path: &str, file: File, note: Option<Fact>) -> Step {
    Operation::Put {
        path: path.to_string(),
        object: Object::Hudi(file),
        if_absent: false,
        note,
    }
}

pub(super) fn delete(paths: Vec<String>) -> Step {
    Operation::Delete { paths, note: None }
}

/// Which rows a query of this type reads in a file group.
pub(super) fn read<'a>(
    view: &View,
    objects: &'a Objects,
    rule: &Rule,
    query: QueryType,
) -> Cow<'a, [Row]> {
    match query {
        QueryType::ReadOptimized => view.base_rows(objects).into(),
        QueryType::Snapshot | QueryType::Incremental => view.rows(objects, rule),
    }
}
