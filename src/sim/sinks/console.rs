//! The sink of a plain consumer: whatever its work does outside, seen at once.
//!
//! Mirrors: a line that is printed, a mail that is sent, a row in a database without a transaction; with a unique key an
//! `INSERT … ON CONFLICT`.
//! Simplified: an effect is one put into the store; nothing fails.

use super::super::store::{Object, Objects};
use super::super::trace::{Fact, Retraction, Row, SegmentId};
use crate::sim::kernel::Time;
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
}

/// One effect.
#[derive(Clone, Debug)]
pub struct Effect {
    pub segment: SegmentId,
    /// Tells one poll of one consumer from all others.
    pub poll: u64,
    pub at: Time,
    pub row: Row,
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
