//! The page of one business event in the ledger.

use super::{DupOrigin, Fate};
use crate::sim::kernel::{EventTime, Time};
use crate::sim::trace::{FactId, Source};

/// One event and all that the ledger knows of it.
#[derive(Clone)]
pub(super) struct Account {
    pub fate: Fate,
    pub emitted_at: Time,
    pub customer: u32,
    pub event_time: EventTime,
    /// The last fact that touched it; none before it was emitted.
    pub touched: FactId,
    exists: bool,
    pub acknowledged: bool,
    pub failed: bool,
    /// Its producer died without an outbox before any report.
    pub forgotten: bool,
    /// Copies in the leader's log.
    pub stored: u32,
    /// A copy was cut off by a change of leader.
    pub truncated: bool,
    /// The topic deleted its last unread copy.
    pub expired: bool,
    /// A batch that held it was skipped by the sink.
    pub skipped: bool,
    pub late: bool,
    /// It came as far as a windowed operator.
    pub reached: bool,
    /// A row of it was replaced by a newer write of its key.
    pub superseded: bool,
    pub entries: Vec<Entry>,
    pub first_visible: Option<Time>,
}

/// A visible copy: the row it is in, and where that row's record lay in the topic.
#[derive(Clone)]
pub(super) struct Entry {
    pub row: u64,
    pub record_key: String,
    pub source: Source,
    /// The checkpoint, counted from 1, and the batch of it.
    pub batch: (u32, u64),
    /// Why it is one too many, if it is.
    pub surplus: Option<DupOrigin>,
}

impl Default for Account {
    fn default() -> Self {
        Account {
            fate: Fate::Pending,
            emitted_at: Time::ZERO,
            customer: 0,
            event_time: EventTime::default(),
            touched: FactId(0),
            exists: false,
            acknowledged: false,
            failed: false,
            forgotten: false,
            stored: 0,
            truncated: false,
            expired: false,
            skipped: false,
            late: false,
            reached: false,
            superseded: false,
            entries: Vec::new(),
            first_visible: None,
        }
    }
}

impl Account {
    pub fn emitted(at: Time, customer: u32, event_time: EventTime, id: FactId) -> Self {
        Account {
            emitted_at: at,
            customer,
            event_time,
            touched: id,
            exists: true,
            ..Account::default()
        }
    }

    pub fn exists(&self) -> bool {
        self.exists
    }

    /// Whether the application has heard neither success nor error.
    pub fn is_unreported(&self) -> bool {
        self.exists && !self.acknowledged && !self.failed
    }

    /// What the facts so far say. A loss cannot be told before the end.
    pub fn judge(&self) -> Fate {
        if !self.entries.is_empty() || self.superseded {
            Fate::Delivered
        } else if self.failed && self.stored == 0 {
            Fate::Refused
        } else if self.late {
            Fate::DroppedLate
        } else {
            Fate::Pending
        }
    }
}
