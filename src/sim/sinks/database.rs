//! An outside table that the function of `foreachBatch` writes, one row after the other or in one transaction.
//!
//! Mirrors: the patterns of Spark's guide for `foreachBatch`: a plain append, an upsert by key, and a transaction that stores
//! the batch id with the rows.
//! Simplified: one row is one put into the store; the transaction looks for the newest batch id before it, which is safe with
//! one writer; nothing fails.

use super::super::store::{Object, Objects, Operation};
use super::super::trace::{Fact, Retraction, Row, SegmentId};
use crate::sim::kernel::Time;
use serde::{Deserialize, Serialize};

/// `foreach_batch.write`: what the function does with the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchWrite {
    /// One insert a row.
    #[default]
    Append,
    /// One upsert a row, by its key.
    Upsert,
    /// Rows and batch id in one transaction; a batch id not above the stored one is skipped.
    BatchId,
}

/// The table's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    #[serde(rename = "foreach_batch.write")]
    pub write: BatchWrite,
}

/// What one write leaves.
#[derive(Clone, Debug)]
pub struct Record {
    pub segment: SegmentId,
    pub at: Time,
    pub batch: u64,
    pub rows: Vec<Row>,
}

/// Where a segment's table lies.
pub fn prefix(segment: SegmentId) -> String {
    format!("database-{}/", segment.0)
}

/// The newest batch whose id was stored with its rows.
pub fn newest_batch(objects: &Objects) -> Option<u64> {
    let batch = |object: &Object| match object {
        Object::Database(record) => Some(record.batch),
        _ => None,
    };
    objects.values().filter_map(batch).max()
}

impl DatabaseConfig {
    /// One call of the function, as the writes that it takes. The last one says that it is through.
    pub fn writes(
        &self,
        segment: SegmentId,
        batch: u64,
        now: Time,
        rows: Vec<Row>,
    ) -> Vec<Operation> {
        let number = |(n, row): (usize, Row)| Row {
            row: now.micros() << 20 | n as u64,
            ..row
        };
        let rows = rows.into_iter().enumerate().map(number);
        let folder = prefix(segment);
        let put = |path: String, rows: Vec<Row>| Operation::Put {
            path,
            object: Object::Database(Record {
                segment,
                at: now,
                batch,
                rows,
            }),
            if_absent: false,
            note: None,
        };
        let mut writes: Vec<Operation> = match self.write {
            BatchWrite::Append => rows
                .map(|row| put(format!("{folder}{:020}", row.row), vec![row]))
                .collect(),
            BatchWrite::Upsert => rows
                .map(|row| put(format!("{folder}{}", row.record_key), vec![row]))
                .collect(),
            BatchWrite::BatchId => vec![put(format!("{folder}{batch:010}"), rows.collect())],
        };
        if let Some(Operation::Put { note, .. }) = writes.last_mut() {
            *note = Some(Fact::TableCommitted {
                segment,
                instant: now,
                batch: Some(batch),
            });
        }
        writes
    }
}

/// What whoever looks sees change.
pub fn changes(objects: &Objects, path: &str, record: &Record) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(Object::Database(before)) = objects.get(path) {
        facts.push(Fact::Retracted {
            segment: record.segment,
            rows: before.rows.iter().map(|row| row.row).collect(),
            why: Retraction::Replaced,
        });
    }
    if !record.rows.is_empty() {
        facts.push(Fact::BecameVisible {
            segment: record.segment,
            instant: record.at,
            batch: record.batch,
            rows: record.rows.clone(),
        });
    }
    facts
}
