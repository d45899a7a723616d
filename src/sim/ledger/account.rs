//! The page of one business event in the ledger.

use super::{DupOrigin, Fate};
use crate::sim::kernel::{EventTime, HostId, Time};
use crate::sim::trace::{FactId, Source, Window};

/// One event and all that the ledger knows of it.
#[derive(Clone)]
pub(super) struct Account {
    pub fate: Fate,
    /// The instance of the application that took it.
    pub producer: HostId,
    pub emitted_at: Time,
    pub customer: u32,
    pub order_id: u32,
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
    /// A query dropped it as a copy.
    pub taken_for_copy: bool,
    /// A batch that held it was skipped by the sink.
    pub skipped: bool,
    pub late: bool,
    /// A reader without a committed offset began behind it.
    pub passed: bool,
    /// A copy was in a transaction that was committed.
    pub committed: bool,
    /// A copy was in a transaction that timed out.
    pub timed_out: bool,
    /// A copy was in a transaction that was aborted.
    pub aborted: bool,
    /// It came as far as a windowed operator.
    pub reached: bool,
    /// A row of it was replaced by a newer write of its key.
    pub superseded: bool,
    /// It says that its order is to be deleted.
    pub cancelled: bool,
    /// The table took it in and shows another version of its order.
    pub absorbed: bool,
    /// A write threw away what it had become.
    pub overwritten: bool,
    /// A batch that held it failed, and the failure was ignored.
    pub ignored: bool,
    /// It is in the table, and the query that counts does not see it yet.
    pub deferred: bool,
    pub entries: Vec<Entry>,
    pub first_visible: Option<Time>,
}

/// A visible copy: the row it is in, and where that row's record lay in the topic.
#[derive(Clone)]
pub(super) struct Entry {
    pub row: u64,
    pub record_key: String,
    pub source: Source,
    /// The partition of the table.
    pub path: String,
    /// The checkpoint, counted from 1, and the batch of it.
    pub batch: (u32, u64),
    /// Which of several windows it is in, where each is due.
    pub window: Option<Window>,
    /// The window that its row sums.
    pub sums: Option<Window>,
    /// Why it is one too many, if it is.
    pub surplus: Option<DupOrigin>,
}

impl Default for Account {
    fn default() -> Self {
        Account {
            fate: Fate::Pending,
            producer: HostId(0),
            emitted_at: Time::ZERO,
            customer: 0,
            order_id: 0,
            event_time: EventTime::default(),
            touched: FactId(0),
            exists: false,
            acknowledged: false,
            failed: false,
            forgotten: false,
            stored: 0,
            truncated: false,
            expired: false,
            taken_for_copy: false,
            skipped: false,
            passed: false,
            committed: false,
            timed_out: false,
            aborted: false,
            late: false,
            reached: false,
            superseded: false,
            cancelled: false,
            absorbed: false,
            overwritten: false,
            ignored: false,
            deferred: false,
            entries: Vec::new(),
            first_visible: None,
        }
    }
}

impl Account {
    pub fn emitted(
        at: Time,
        producer: HostId,
        customer: u32,
        order_id: u32,
        event_time: EventTime,
        id: FactId,
    ) -> Self {
        Account {
            producer,
            emitted_at: at,
            customer,
            order_id,
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

    /// Whether the log has a copy that a careful reader gets.
    pub fn is_readable(&self) -> bool {
        self.stored > 0 && (self.committed || !self.aborted)
    }

    /// Whether its producer's outbox holds it: until it is reported, and in transactions until it is committed.
    pub fn is_held(&self, transactional: bool) -> bool {
        let open = transactional && self.exists && !self.committed && !self.failed;
        self.is_unreported() || open
    }

    /// What the facts so far say. A loss cannot be told before the end.
    pub fn judge(&self) -> Fate {
        let settled = (self.superseded || self.absorbed) && !self.overwritten;
        if !self.entries.is_empty() || settled {
            Fate::Delivered
        } else if self.failed && !self.is_readable() {
            Fate::Refused
        } else if self.late {
            Fate::DroppedLate
        } else {
            Fate::Pending
        }
    }
}
