//! Apache Hudi as the sink: a table of file groups and a timeline of instants.
//!
//! Mirrors: Hudi 1.x tables, copy-on-write and merge-on-read (table version 8): timeline states, markers, rollback under EAGER
//! and LAZY, `HoodieStreamingSink`'s loop and batch memory, the operations and how they treat copies, indexes, merge modes,
//! compaction, cleaning, archiving.
//! Simplified: file groups have names by number; one file an instant, in its highest state; no metadata table, no clustering,
//! no savepoints; what is not modelled at all is listed in `docs/fidelity.md`.

#[cfg(not(feature = "lean"))]
pub mod compactor;
mod merge;
mod options;
mod timeline;
mod wire;
mod write;

pub use merge::{Rule, View};
pub use options::{
    ConcurrencyMode, DupPolicy, FailedWritesPolicy, IndexType, MergeMode, QueryType, TableType,
    modern_keys,
};
pub use timeline::{Absorbed, Timeline};
pub use write::{Placement, WriteTask, place, record_key};

use super::super::compact::gather;
use super::super::engines::EngineSection;
use super::super::kernel::Time;
use super::super::scenario::ScenarioError;
use super::super::store::{Object, Objects};
use super::super::trace::{Absorption, Fact, InstantState, Retraction, Row, SegmentId, Source};
use crate::sim::FULL;
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::origin::Origin;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// `hoodie.datasource.write.operation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteOperation {
    /// Looks each key up; an equal key is replaced. Combines equal keys of a batch first.
    #[default]
    Upsert,
    /// Appends; looks for no equal key.
    Insert,
    /// Appends to new files; looks for no equal key.
    BulkInsert,
    /// Removes the keys of the batch.
    Delete,
    /// Replaces all file groups of the partitions that the batch touches.
    InsertOverwrite,
    /// Replaces all file groups of the table.
    InsertOverwriteTable,
}

/// What `hoodie.datasource.write.recordkey.field` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKeyField {
    /// The business id, made before the first send.
    #[default]
    OrderId,
    /// Topic partition and offset: names the copy, not the event.
    KafkaOffset,
    /// `uuid()` in the query: another one at every attempt.
    Uuid,
    /// Not set: Hudi makes one a row and write, of instant, task and row number.
    Generated,
}

/// What `hoodie.datasource.write.partitionpath.field` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionPathField {
    /// When the order was created: the same in all its versions.
    #[default]
    OrderDate,
    /// One table partition per topic partition.
    KafkaPartition,
    /// When this version of the order came about.
    EventDate,
    Status,
    Region,
}

/// How the query hands its batches to the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkWriter {
    /// `writeStream.format("hudi")`: remembers batch ids in the table.
    #[default]
    Native,
    /// `foreachBatch` with a plain write inside: remembers nothing.
    ForeachBatch,
}

/// The table's settings under their real keys.
///
/// Read and written by `wire`: in JSON as it stands here, on the way to a worker in two parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct HudiConfig {
    #[serde(rename = "hoodie.datasource.write.operation")]
    pub operation: WriteOperation,
    #[serde(rename = "hoodie.datasource.write.recordkey.field")]
    pub record_key: RecordKeyField,
    #[serde(rename = "hoodie.datasource.write.partitionpath.field")]
    pub partition_path: PartitionPathField,
    #[serde(rename = "hoodie.datasource.write.streaming.checkpoint.identifier")]
    pub identifier: String,
    #[serde(rename = "sink.writer")]
    pub writer: SinkWriter,
    #[serde(rename = "hoodie.datasource.write.table.type")]
    pub table_type: TableType,
    /// The fields that say which version is newer, separated by commas; not set: the later write wins.
    #[serde(
        rename = "hoodie.table.ordering.fields",
        alias = "hoodie.datasource.write.precombine.field"
    )]
    pub ordering: Option<String>,
    /// Not set: event time if there are ordering fields.
    #[serde(rename = "hoodie.write.record.merge.mode")]
    pub merge_mode: Option<MergeMode>,
    #[serde(rename = "hoodie.index.type")]
    pub index: IndexType,
    #[serde(rename = "hoodie.simple.index.update.partition.path")]
    pub simple_update_path: bool,
    #[serde(rename = "hoodie.bloom.index.update.partition.path")]
    pub bloom_update_path: bool,
    #[serde(rename = "hoodie.record.index.update.partition.path")]
    pub record_update_path: bool,
    #[serde(rename = "hoodie.combine.before.insert")]
    pub combine_before_insert: bool,
    #[serde(rename = "hoodie.combine.before.upsert")]
    pub combine_before_upsert: bool,
    #[serde(rename = "hoodie.combine.before.delete")]
    pub combine_before_delete: bool,
    /// The older form of `hoodie.datasource.insert.dup.policy`.
    #[serde(rename = "hoodie.datasource.write.insert.drop.duplicates")]
    pub drop_duplicates: bool,
    #[serde(rename = "hoodie.datasource.insert.dup.policy")]
    pub insert_dup_policy: DupPolicy,
    /// False before 0.15: an insert that is packed into a file replaces an equal key there.
    #[serde(rename = "hoodie.merge.allow.duplicate.on.inserts")]
    pub allow_duplicate_on_inserts: bool,
    /// Up to this size inserts fill a file up, in bytes; 0: never.
    #[serde(rename = "hoodie.parquet.small.file.limit")]
    pub small_file_limit: u64,
    /// Not set: EAGER with one writer, LAZY with several.
    #[serde(
        rename = "hoodie.clean.failed.writes.policy",
        alias = "hoodie.cleaner.policy.failed.writes"
    )]
    pub failed_writes: Option<FailedWritesPolicy>,
    #[serde(rename = "hoodie.client.heartbeat.interval_in_ms")]
    pub heartbeat_interval_ms: u64,
    #[serde(rename = "hoodie.client.heartbeat.tolerable.misses")]
    pub heartbeat_misses: u32,
    #[serde(
        rename = "hoodie.clean.commits.retained",
        alias = "hoodie.cleaner.commits.retained"
    )]
    pub commits_retained: u32,
    #[serde(rename = "hoodie.keep.min.commits")]
    pub keep_min_commits: u32,
    #[serde(rename = "hoodie.keep.max.commits")]
    pub keep_max_commits: u32,
    #[serde(rename = "hoodie.compact.inline")]
    pub compact_inline: bool,
    #[serde(rename = "hoodie.compact.inline.max.delta.commits")]
    pub max_delta_commits: u32,
    #[serde(rename = "hoodie.datasource.compaction.async.enable")]
    pub compact_async: bool,
    /// Attempts in all.
    #[serde(rename = "hoodie.datasource.write.streaming.retry.count")]
    pub retry_count: u32,
    /// The pause after the first attempt; it doubles.
    #[serde(rename = "hoodie.datasource.write.streaming.retry.interval.ms")]
    pub retry_interval_ms: u64,
    /// True up to 0.12.0.
    #[serde(rename = "hoodie.datasource.write.streaming.ignore.failed.batch")]
    pub ignore_failed_batch: bool,
    #[serde(rename = "hoodie.write.concurrency.mode")]
    pub concurrency: ConcurrencyMode,
    /// Which reader of the table counts. An option of the reader, not of the writer.
    #[serde(rename = "hoodie.datasource.query.type")]
    pub query: QueryType,
}

impl Default for HudiConfig {
    fn default() -> Self {
        HudiConfig {
            operation: WriteOperation::default(),
            record_key: RecordKeyField::default(),
            partition_path: PartitionPathField::default(),
            identifier: "default_single_writer".into(),
            writer: SinkWriter::default(),
            table_type: TableType::default(),
            ordering: None,
            merge_mode: None,
            index: IndexType::default(),
            simple_update_path: true,
            bloom_update_path: true,
            record_update_path: false,
            combine_before_insert: false,
            combine_before_upsert: true,
            combine_before_delete: true,
            drop_duplicates: false,
            insert_dup_policy: DupPolicy::default(),
            allow_duplicate_on_inserts: true,
            small_file_limit: options::DEFAULT_SMALL_FILE,
            failed_writes: None,
            heartbeat_interval_ms: 60_000,
            heartbeat_misses: 2,
            commits_retained: 10,
            keep_min_commits: 20,
            keep_max_commits: 30,
            compact_inline: false,
            max_delta_commits: 5,
            compact_async: true,
            retry_count: 3,
            retry_interval_ms: 2_000,
            ignore_failed_batch: false,
            concurrency: ConcurrencyMode::default(),
            query: QueryType::default(),
        }
    }
}

impl HudiConfig {
    pub fn validate(&self, place: &str, _engine: &EngineSection) -> Result<(), ScenarioError> {
        if self.identifier.is_empty() || self.identifier.len() > 64 {
            let key = "hoodie.datasource.write.streaming.checkpoint.identifier";
            return Err(ScenarioError::new(
                format!("{place}.{key}"),
                "1 to 64 characters are accepted",
            ));
        }
        self.validate_options(place)
    }
}

/// What an action on the timeline does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// A write to a copy-on-write table.
    #[default]
    Commit,
    /// A write to a merge-on-read table.
    DeltaCommit,
    /// A write that replaces file groups.
    ReplaceCommit,
    /// Merges log files into base files. Hudi shows it as a `commit` once it is complete.
    Compaction,
    Rollback {
        of: Time,
    },
}

/// Whether a file of a slice is read alone or on top of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SliceKind {
    #[default]
    Base,
    Log,
}

/// A file that a write added to a file group.
#[derive(Clone, Debug)]
pub struct Slice {
    pub group: String,
    pub path: String,
    pub kind: SliceKind,
    /// Rows for this group that are not in the file: they met another row of their key.
    pub absorbed: Absorbed,
}

/// An action on the timeline, in its highest state.
#[derive(Clone, Debug)]
pub struct Instant {
    pub segment: SegmentId,
    pub instant: Time,
    pub action: Action,
    pub state: InstantState,
    pub batch: u64,
    pub identifier: Option<String>,
    pub slices: Vec<Slice>,
    /// File groups that are not read any more once this is complete.
    pub replaces: Vec<String>,
    pub absorbed: Absorbed,
    /// It has left the active timeline.
    pub archived: bool,
    /// The table's merge mode and ordering fields.
    pub rule: Rule,
    /// The reader that counts.
    pub query: QueryType,
}

impl Default for Instant {
    fn default() -> Self {
        Instant {
            segment: SegmentId::MAIN,
            instant: Time::ZERO,
            action: Action::Commit,
            state: InstantState::Requested,
            batch: 0,
            identifier: None,
            slices: Vec::new(),
            replaces: Vec::new(),
            absorbed: Vec::new(),
            archived: false,
            rule: Rule::default(),
            query: QueryType::default(),
        }
    }
}

/// A file of the table.
#[derive(Clone, Debug)]
pub enum File {
    Instant(Instant),
    /// Actions that have left the active timeline.
    History(Vec<Instant>),
    Data {
        rows: Vec<Row>,
    },
    /// Stands beside a data file until its write is committed or rolled back.
    Marker {
        data: String,
    },
    /// The last sign of life of a write in progress.
    Heartbeat {
        at: Time,
    },
}

/// The rows of the file at `path`, if there is one.
pub fn rows_at<'a>(objects: &'a Objects, path: &str) -> &'a [Row] {
    match objects.get(path) {
        Some(Object::Hudi(File::Data { rows })) => rows,
        _ => &[],
    }
}

/// What the reader that counts sees change when `file` appears: rows come and go only with a completed action.
pub fn changes(objects: &Objects, file: &File) -> Vec<Fact> {
    let File::Instant(completed) = file else {
        return Vec::new();
    };
    let shows = completed.action.is_write() || completed.action == Action::Compaction;
    if completed.state != InstantState::Completed || !shows {
        return Vec::new();
    }
    let (segment, instant) = (completed.segment, completed.instant);
    let (rule, query) = (&completed.rule, completed.query);
    let before = Timeline::read(objects, segment);
    let (before, after) = (before.views(), before.with(completed).views());
    let rows = |views: &OrdMap<String, View>, group: &String| {
        let view = views.get(group);
        view.map_or(Cow::Borrowed(&[][..]), |view| {
            timeline::read(view, objects, rule, query)
        })
    };
    let ids = |rows: &[Row]| gather::<OrdSet<u64>, _>(rows.iter().map(|row| row.row));
    let written = completed.slices.iter().map(|slice| &slice.group);
    let (mut came, mut went, mut overwritten) = (Vec::new(), Vec::new(), Vec::new());
    let mut lost: Vec<Row> = Vec::new();
    for group in written.chain(&completed.replaces) {
        let (old, new) = (rows(&before, group), rows(&after, group));
        let (shown, kept) = (ids(&old), ids(&new));
        if completed.replaces.contains(group) {
            overwritten.extend(shown.difference(&kept));
        } else {
            went.extend(shown.difference(&kept));
            let gone = old.iter().filter(|row| FULL && !kept.contains(&row.row));
            lost.extend(gone.cloned());
        }
        came.extend(new.iter().filter(|row| !shown.contains(&row.row)).cloned());
    }
    // A row that no other row of its key takes the place of was deleted.
    let replaced = |row: &&Row| {
        came.iter()
            .any(|other: &Row| other.record_key == row.record_key)
    };
    let deleted = lost.iter().filter(|row| !replaced(row));
    let deleted: Vec<u64> = deleted.map(|row| row.row).collect();
    went.retain(|row| !deleted.contains(row));
    let mut facts = Vec::new();
    // A feed only grows: whoever read a row keeps it.
    if query != QueryType::Incremental {
        for (rows, why) in [
            (went, Retraction::Replaced),
            (overwritten, Retraction::Overwritten),
            (deleted, Retraction::Deleted),
        ] {
            if !rows.is_empty() {
                facts.push(Fact::Retracted { segment, rows, why });
            }
        }
    }
    if !came.is_empty() {
        facts.push(Fact::BecameVisible {
            segment,
            instant,
            batch: completed.batch,
            rows: came,
        });
    }
    if FULL {
        facts.extend(merged_away(completed));
        facts.extend(outdated(objects, completed, &before, &after));
        facts.extend(deferred(objects, completed));
    }
    facts
}

/// Rows of a batch that are in no file of their own.
fn merged_away(completed: &Instant) -> Vec<Fact> {
    let absorbed = completed.absorbed.iter();
    let told = absorbed.filter(|(_, origins)| !origins.is_empty());
    let fact = |(why, origins): &(Absorption, Vec<(Origin, Source)>)| Fact::MergedAway {
        segment: completed.segment,
        instant: completed.instant,
        why: *why,
        origins: origins.clone(),
    };
    told.map(fact).collect()
}

/// Rows of log files that the reader does not see now that it could: another version of their order won. A snapshot could
/// see what was just written, a read-optimized query what was just compacted.
fn outdated(
    objects: &Objects,
    completed: &Instant,
    before: &OrdMap<String, View>,
    after: &OrdMap<String, View>,
) -> Option<Fact> {
    let compacts = completed.action == Action::Compaction;
    if compacts != (completed.query == QueryType::ReadOptimized) {
        return None;
    }
    let mut origins = Vec::new();
    for slice in &completed.slices {
        let view = after.get(&slice.group)?;
        let logs: Vec<&String> = match before.get(&slice.group) {
            Some(old) if compacts => old
                .logs
                .iter()
                .filter(|log| !view.logs.contains(log))
                .collect(),
            _ if slice.kind == SliceKind::Log => vec![&slice.path],
            _ => continue,
        };
        let shown = timeline::read(view, objects, &completed.rule, completed.query);
        let hidden = |row: &&Row| {
            let same = |other: &Row| {
                other.record_key == row.record_key && other.version.seq == row.version.seq
            };
            !row.is_tombstone() && !shown.iter().any(same)
        };
        let rows = logs.into_iter().flat_map(|log| rows_at(objects, log));
        origins.extend(rows.filter(hidden).flat_map(|row| row.origins.clone()));
    }
    (!origins.is_empty()).then_some(Fact::MergedAway {
        segment: completed.segment,
        instant: completed.instant,
        why: Absorption::Outdated,
        origins,
    })
}

/// Rows that went to log files, if the query that counts does not read those.
fn deferred(objects: &Objects, completed: &Instant) -> Option<Fact> {
    if completed.query != QueryType::ReadOptimized {
        return None;
    }
    let logs = completed.slices.iter();
    let logs = logs.filter(|slice| slice.kind == SliceKind::Log);
    let rows = logs.flat_map(|slice| rows_at(objects, &slice.path));
    let origins: Vec<(Origin, Source)> = rows.flat_map(|row| row.origins.clone()).collect();
    (!origins.is_empty()).then_some(Fact::Deferred {
        segment: completed.segment,
        instant: completed.instant,
        origins,
    })
}
