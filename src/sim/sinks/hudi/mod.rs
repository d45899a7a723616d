//! Apache Hudi as the sink: a table of file groups and a timeline of instants.
//!
//! Mirrors: Hudi 1.x copy-on-write tables: timeline states, markers, EAGER rollback, `HoodieStreamingSink`'s batch memory,
//! the operations `insert`, `upsert` and `bulk_insert`.
//! Simplified: one writer; commit-time ordering only, no ordering field; a non-global index; every file group is a small file
//! that inserts are packed into; one file an instant, in its highest state; a write is tried once (no `retry.count`, no
//! `ignore.failed.batch`); no archiving, no metadata table, no table services but cleaning.

mod write;

pub use write::{Placement, Timeline, WriteTask, place, record_key};

use super::super::compact::gather;
use super::super::engines::EngineSection;
use super::super::kernel::Time;
use super::super::scenario::ScenarioError;
use super::super::store::{Object, Objects};
use super::super::trace::{Fact, InstantState, Retraction, Row, SegmentId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
}

/// What `hoodie.datasource.write.partitionpath.field` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionPathField {
    #[default]
    OrderDate,
    /// One table partition per topic partition.
    KafkaPartition,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
}

impl Default for HudiConfig {
    fn default() -> Self {
        HudiConfig {
            operation: WriteOperation::default(),
            record_key: RecordKeyField::default(),
            partition_path: PartitionPathField::default(),
            identifier: "default_single_writer".into(),
            writer: SinkWriter::default(),
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
        Ok(())
    }
}

/// What an action on the timeline does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Commit,
    Rollback { of: Time },
}

/// A version of a file group that a commit wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    pub group: String,
    pub path: String,
}

/// A file of the table.
#[derive(Clone, Debug)]
pub enum File {
    /// An action on the timeline, in its highest state.
    Instant {
        segment: SegmentId,
        instant: Time,
        action: Action,
        state: InstantState,
        batch: u64,
        identifier: Option<String>,
        slices: Vec<Slice>,
    },
    Data {
        rows: Vec<Row>,
    },
    /// Stands beside a data file until its write is committed or rolled back.
    Marker {
        data: String,
    },
}

/// The rows of the file at `path`, if there is one.
pub fn rows_at<'a>(objects: &'a Objects, path: &str) -> &'a [Row] {
    match objects.get(path) {
        Some(Object::Hudi(File::Data { rows })) => rows,
        _ => &[],
    }
}

/// What a reader sees change when `file` appears: rows come and go only with a completed commit.
pub fn changes(objects: &Objects, file: &File) -> Vec<Fact> {
    let File::Instant {
        segment,
        instant,
        action: Action::Commit,
        state: InstantState::Completed,
        batch,
        slices,
        ..
    } = file
    else {
        return Vec::new();
    };
    let timeline = Timeline::read(objects, *segment);
    let (mut came, mut went) = (Vec::new(), Vec::new());
    for slice in slices {
        let before: &[Row] = timeline
            .current(&slice.group)
            .map_or(&[], |path| rows_at(objects, path));
        let after = rows_at(objects, &slice.path);
        let ids = |rows: &[Row]| gather::<BTreeSet<u64>, _>(rows.iter().map(|row| row.row));
        let (old, new) = (ids(before), ids(after));
        went.extend(old.difference(&new));
        came.extend(after.iter().filter(|row| !old.contains(&row.row)).cloned());
    }
    let mut facts = Vec::new();
    if !went.is_empty() {
        facts.push(Fact::Retracted {
            segment: *segment,
            rows: went,
            why: Retraction::Replaced,
        });
    }
    if !came.is_empty() {
        facts.push(Fact::BecameVisible {
            segment: *segment,
            instant: *instant,
            batch: *batch,
            rows: came,
        });
    }
    facts
}
