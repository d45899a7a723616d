//! What the job keeps in the store: parts of checkpoints, their metadata, and transactions of the console.
//!
//! Mirrors: a checkpoint directory with one state handle a task and a `_metadata` file.
//! Simplified: every task writes one file; nothing is shared between checkpoints.

use super::message::Element;
use super::window::WindowOperator;
use crate::sim::kafka::protocol::Positions;
use crate::sim::kernel::Time;
use crate::sim::origin::Origin;
use crate::sim::sinks::console::Dedup;
use crate::sim::sinks::hudi::{Slice, Timeline};
use crate::sim::store::{Object, Objects};
use crate::sim::trace::{Fact, Retraction, Row, SegmentId, Source};
use crate::sim::workload::{Key, Record};

/// A record in a window.
pub type Held = (Source, Record);

/// A transaction that is flushed and waits for its checkpoint.
#[derive(Clone, Debug)]
pub struct Committable {
    pub checkpoint: u64,
    pub transaction: String,
    pub origins: Vec<(Origin, Source)>,
    pub what: Prepared,
}

#[derive(Clone, Debug)]
pub enum Prepared {
    /// Of the console.
    Rows(Vec<Row>),
    /// Of a Kafka producer: its id and epoch.
    Producer((u64, u16)),
    /// Of a table: files that are written, and not on its timeline yet.
    Table(Box<Table>),
}

/// A write to a Hudi table up to its commit point.
#[derive(Clone, Debug)]
pub struct Table {
    pub checkpoint: u64,
    /// As it was when the files were written.
    pub timeline: Timeline,
    pub instant: Time,
    pub slices: Vec<Slice>,
}

/// The part of one task manager in a checkpoint.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub positions: Positions,
    pub windows: Option<WindowOperator<Key, Held>>,
    /// Per input: what the barrier overtook.
    pub in_flight: Vec<Vec<Element>>,
    pub committables: Vec<Committable>,
}

/// A file of the job.
#[derive(Clone, Debug)]
pub enum File {
    Snapshot(Box<Snapshot>),
    Metadata {
        checkpoint: u64,
        positions: Positions,
    },
    /// Rows that one commit made visible.
    Transaction {
        segment: SegmentId,
        checkpoint: u64,
        at: Time,
        dedup: Dedup,
        rows: Vec<Row>,
    },
}

/// Where everything of a job lies.
pub fn job_prefix(segment: SegmentId, job: u32) -> String {
    format!("flink-{}-{job}/", segment.0)
}

pub fn snapshot_path(segment: SegmentId, job: u32, checkpoint: u64, task: u8) -> String {
    format!("{}chk-{checkpoint:08}/{task}", job_prefix(segment, job))
}

pub fn metadata_path(segment: SegmentId, job: u32, checkpoint: u64) -> String {
    format!("{}chk-{checkpoint:08}/_metadata", job_prefix(segment, job))
}

fn transactions_prefix(segment: SegmentId) -> String {
    format!("console-{}/transactions/", segment.0)
}

/// Where a commit of the console goes. A commit that is not idempotent leaves something new each time.
pub fn transaction_path(segment: SegmentId, transaction: &str, again: Option<u64>) -> String {
    let prefix = transactions_prefix(segment);
    match again {
        None => format!("{prefix}{transaction}"),
        Some(attempt) => format!("{prefix}{transaction}/{attempt:020}"),
    }
}

/// Complete checkpoints among what lies in the store, oldest first.
pub fn completed(objects: &Objects) -> Vec<(u64, Positions)> {
    let metadata = objects.values().filter_map(|object| match object {
        Object::Flink(File::Metadata {
            checkpoint,
            positions,
        }) => Some((*checkpoint, positions.clone())),
        _ => None,
    });
    metadata.collect()
}

/// What whoever looks at the console sees change when `file` appears.
pub fn changes(objects: &Objects, file: &File) -> Vec<Fact> {
    let File::Transaction {
        segment,
        checkpoint,
        at,
        dedup,
        rows,
    } = file
    else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    let replaced = match dedup {
        Dedup::None => Vec::new(),
        Dedup::Upsert | Dedup::Store => newest_rows(objects, *segment, rows),
    };
    if !replaced.is_empty() {
        facts.push(Fact::Retracted {
            segment: *segment,
            rows: replaced,
            why: Retraction::Replaced,
        });
    }
    facts.push(Fact::BecameVisible {
        segment: *segment,
        instant: *at,
        batch: *checkpoint,
        rows: rows.clone(),
    });
    facts
}

/// The visible rows with the keys of these.
fn newest_rows(objects: &Objects, segment: SegmentId, rows: &[Row]) -> Vec<u64> {
    let prefix = transactions_prefix(segment);
    let under = objects
        .range(prefix.clone()..)
        .take_while(|(path, _)| path.starts_with(&prefix));
    let mut older: Vec<(&Time, &Vec<Row>)> = under
        .filter_map(|(_, object)| match object {
            Object::Flink(File::Transaction { at, rows, .. }) => Some((at, rows)),
            _ => None,
        })
        .collect();
    older.sort_by_key(|(at, _)| **at);
    let newest = |row: &Row| {
        let mut all = older.iter().rev().flat_map(|(_, rows)| rows.iter().rev());
        all.find(|other| other.record_key == row.record_key)
            .map(|other| other.row)
    };
    rows.iter().filter_map(newest).collect()
}
