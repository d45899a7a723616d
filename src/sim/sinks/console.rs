//! The sink of a plain consumer: whatever its work does outside, seen at once.
//!
//! Mirrors: a line that is printed, a mail that is sent, a row in a database without a transaction; with a unique key an
//! `INSERT … ON CONFLICT`.
//! Simplified: an effect is one put into the store; nothing fails.

use super::super::store::{Object, Objects};
use super::super::trace::{Fact, Retraction, Row, SegmentId};
use crate::sim::kafka::protocol::{ErrorCode, PartitionId, Positions};
use crate::sim::kernel::{HostId, Time};
use serde::{Deserialize, Serialize};

/// `dedup`: what keeps a second effect of the same record away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dedup {
    /// Every effect is one more, as with a mail.
    #[default]
    None,
    /// The id is the key: a later effect takes the place of an earlier one.
    Upsert,
    /// Ids that were seen are remembered with the effect: a later one does nothing.
    Store,
}

/// The console's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleConfig {
    pub dedup: Dedup,
    /// Whether offsets that are kept beside the effects bear a generation, which only grows.
    #[serde(rename = "sink.fencing")]
    pub fencing: Fencing,
}

/// What keeps an old owner of a partition from writing, where the sink keeps the offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fencing {
    #[default]
    None,
    /// Who takes a partition over raises the column `generation`, and a write with a lower one is refused.
    Generation,
}

/// The row of a partition in the sink's own table of offsets.
#[derive(Clone, Copy, Debug)]
pub struct OffsetRow {
    pub partition: PartitionId,
    /// The next record to read.
    pub next: u64,
    pub generation: u32,
}

/// One effect.
#[derive(Clone, Debug)]
pub struct Effect {
    pub segment: SegmentId,
    /// Tells one poll of one consumer from all others.
    pub poll: u64,
    pub at: Time,
    pub row: Row,
    /// Written in the same transaction of the sink, and who writes it.
    pub offset: Option<(HostId, OffsetRow)>,
    pub fencing: Fencing,
}

impl ConsoleConfig {
    /// Where the effect on a record goes, and whether only the first one counts.
    pub fn place(&self, segment: SegmentId, row: &Row) -> (String, bool) {
        let path = match self.dedup {
            Dedup::None => format!("console-{}/{}", segment.0, row.row),
            Dedup::Upsert | Dedup::Store => format!("console-{}/{}", segment.0, row.record_key),
        };
        (path, self.dedup == Dedup::Store)
    }
}

/// Where the sink keeps the offset of a partition.
fn offset_path(segment: SegmentId, partition: PartitionId) -> String {
    format!("console-offsets-{}/{:05}", segment.0, partition.0)
}

/// A consumer takes partitions over: it raises their generation, and reads where to go on. In one transaction.
pub fn take_over(
    objects: &mut Objects,
    segment: SegmentId,
    partitions: &[PartitionId],
    generation: u32,
) -> Positions {
    let mut positions = Positions::new();
    for &partition in partitions {
        if let Some(Object::Offset(row)) = objects.get_mut(&offset_path(segment, partition)) {
            row.generation = row.generation.max(generation);
            positions.insert(partition, row.next);
        }
    }
    positions
}

/// The offset of an effect: whether the sink takes both, and what is seen of that.
pub fn put_offset(objects: &mut Objects, effect: &Effect) -> Result<Option<Fact>, Fact> {
    let Some((who, row)) = effect.offset else {
        return Ok(None);
    };
    let segment = effect.segment;
    let path = offset_path(segment, row.partition);
    if let (Fencing::Generation, Some(Object::Offset(kept))) = (effect.fencing, objects.get(&path))
        && kept.generation > row.generation
    {
        return Err(Fact::Fenced {
            segment,
            who,
            error: ErrorCode::IllegalGeneration,
        });
    }
    objects.insert(path, Object::Offset(row));
    Ok(Some(Fact::OffsetsCommitted {
        segment,
        member: who,
        positions: vec![(row.partition, row.next)],
    }))
}

/// What whoever looks sees change.
pub fn changes(objects: &Objects, path: &str, effect: &Effect) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(Object::Console(before)) = objects.get(path) {
        facts.push(Fact::Retracted {
            segment: effect.segment,
            rows: vec![before.row.row],
            why: Retraction::Replaced,
        });
    }
    facts.push(Fact::BecameVisible {
        segment: effect.segment,
        instant: effect.at,
        batch: effect.poll,
        rows: vec![effect.row.clone()],
    });
    facts
}
