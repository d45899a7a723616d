//! Who orders what, when: the source of truth that the ledger judges by.

use super::FULL;
use super::kernel::{Draw, EventTime, Span, Time};
use super::listed;
use super::origin::Origin;
use super::scenario::{ScenarioError, Workload};
use crate::sim::ordered::OrdMap;
use serde::{Deserialize, Serialize};

/// A business record as every simulated system sees it, and the dye that none of them can read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    pub key: Key,
    pub value: Value,
    pub event_time: EventTime,
    pub origin: Origin,
}

/// The record key: the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub u32);

/// The payload: an order with an id made before the first send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    pub order_id: u32,
    /// In cents.
    pub amount: i64,
    pub version: Version,
}

/// Which version of its order a record is. The default is an order as it was created, in region 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The source's own sequence number: 0 as created, then the number of the event that changed it.
    pub seq: u32,
    pub status: Status,
    /// Where the order belongs; a table may be partitioned by it.
    pub region: u8,
    /// When the order was created: the same in all its versions.
    pub created: EventTime,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    #[default]
    Created,
    Paid,
    Shipped,
    /// The record says that the order is to be deleted (`_hoodie_is_deleted`).
    Cancelled,
}

impl Status {
    pub const fn name(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Paid => "paid",
            Status::Shipped => "shipped",
            Status::Cancelled => "cancelled",
        }
    }
}

/// What an event does to an earlier order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// The next status, and another amount.
    #[default]
    Update,
    /// Another region, and with it perhaps another partition of the table.
    Move,
    /// The order is to be deleted.
    Cancel,
    /// The same content once more, as after a double click: another event with the same id.
    Repeat,
}

/// An event that is no new order but changes one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Change {
    /// The number of the event that created the order.
    pub of: u32,
    #[serde(rename = "do")]
    pub kind: ChangeKind,
    /// In cents; what it is if nothing is said, the kind decides.
    pub amount: Option<i64>,
}

/// Bytes that one record takes in a batch; the same for all, so that sizes can be worked out by hand.
pub const RECORD_BYTES: u64 = 120;

/// When event `n` (counted from 1) happens. Gaps are drawn one by one, so a longer run begins like a shorter one.
pub fn gap(workload: &Workload, seed: u64, n: u32) -> Span {
    if let Some(gap) = listed::gap(workload, n).filter(|_| FULL) {
        return gap;
    }
    let silence = workload.silence.get(&n).copied().unwrap_or(0);
    Draw::new(seed, 0, "arrival", u64::from(n))
        .jitter(Span::from_ms(workload.every_ms), workload.jitter_percent)
        + Span::from_ms(silence)
}

/// The most that orders may be delayed or kept silent, in ms.
const MOST_MS: u64 = 3_600_000;
/// How far the event time of an order may lie from when it is handed over, in ms.
const MOST_LATE_MS: u64 = 86_400_000;

/// How far back a drawn change reaches, in events.
const REACH: u64 = 12;

/// The till: it knows its orders, so that a change carries the order as it is then.
#[derive(Clone, Default)]
pub struct Till {
    /// By the number of the event that created it.
    orders: OrdMap<u32, (Key, Value)>,
}

impl Till {
    /// What event `n` is: it happens at `at`.
    pub fn event(&mut self, workload: &Workload, seed: u64, n: u32, at: Time) -> Record {
        let created = order(workload, seed, n, at);
        if !FULL || !workload.has_changes() {
            return created;
        }
        let change = self.change(workload, seed, n);
        let of = change.as_ref().map_or(0, |change| change.of);
        let (Some(change), Some((key, value))) = (change, self.orders.get_mut(&of)) else {
            self.orders.insert(n, (created.key, created.value));
            return created;
        };
        // An instance that dies as it is handed an event has not taken it: the event comes again and changes nothing more.
        let again = value.version.seq == n;
        value.version.seq = n;
        match change.kind {
            _ if again => {}
            ChangeKind::Update => {
                value.amount = created.value.amount;
                value.version.status = match value.version.status {
                    Status::Created => Status::Paid,
                    _ => Status::Shipped,
                };
            }
            ChangeKind::Move => {
                value.version.region = (value.version.region + 1) % workload.regions;
            }
            ChangeKind::Cancel => value.version.status = Status::Cancelled,
            ChangeKind::Repeat => {}
        }
        value.amount = change.amount.unwrap_or(value.amount);
        Record {
            key: *key,
            value: *value,
            ..created
        }
    }

    /// An event happens so many ms later than it was told.
    pub fn postpone(&mut self, record: &mut Record, by_ms: i64) {
        let at = EventTime::from_ms(record.event_time.ms() + by_ms);
        record.event_time = at;
        let told = self.orders.get_mut(&record.value.order_id);
        let version = &mut record.value.version;
        if version.seq == 0 {
            version.created = at;
        }
        // An order has been created once, whatever changed it meanwhile.
        if let Some((_, value)) = told {
            if version.seq == 0 {
                value.version.created = at;
            }
            version.created = value.version.created;
        }
    }

    /// Whose order event `n` is, which happens at `at`.
    pub fn key(&self, workload: &Workload, seed: u64, n: u32, at: Time) -> Key {
        let change = if workload.has_changes() {
            self.change(workload, seed, n)
        } else {
            None
        };
        let changed = change.and_then(|change| self.orders.get(&change.of));
        changed.map_or_else(|| order(workload, seed, n, at).key, |(key, _)| *key)
    }

    fn change(&self, workload: &Workload, seed: u64, n: u32) -> Option<Change> {
        let listed = workload.changes.get(&n).cloned();
        listed.or_else(|| self.drawn(workload, seed, n))
    }

    /// The change that chance makes of event `n`, if it makes one.
    fn drawn(&self, workload: &Workload, seed: u64, n: u32) -> Option<Change> {
        let mut draw = Draw::new(seed, 0, "change", u64::from(n));
        let chance = draw.below(1_000_000) as u32;
        let (update, moves) = (
            workload.update_share,
            workload.update_share + workload.move_share,
        );
        let kind = if chance < update {
            ChangeKind::Update
        } else if chance < moves {
            ChangeKind::Move
        } else if chance < moves + workload.cancel_share {
            ChangeKind::Cancel
        } else {
            return None;
        };
        let recent: Vec<u32> = self
            .orders
            .keys()
            .rev()
            .take(REACH as usize)
            .copied()
            .collect();
        let place = draw.below(recent.len().max(1) as u64) as usize;
        let amount = None;
        recent.get(place).map(|&of| Change { of, kind, amount })
    }
}

/// Order `n` as it is created at `at`.
fn order(workload: &Workload, seed: u64, n: u32, at: Time) -> Record {
    let customer =
        Draw::new(seed, 0, "customer", u64::from(n)).below(u64::from(workload.customers)) as u32;
    // Prices as in a shop: many small ones, few large ones, all ending in a round cent.
    let mut draw = Draw::new(seed, 0, "amount", u64::from(n));
    let amount = 499 + (draw.exponential(Span::from_micros(6_000)).micros() as i64 / 5) * 5;
    let lag = workload.late.get(&n).copied().unwrap_or(0);
    let drawn = (
        Key(customer + 1),
        EventTime::from_ms(workload.zero_ms + at.ms() as i64 - lag),
    );
    let listed = listed::event(workload, n).filter(|_| FULL);
    let (key, event_time) = listed.unwrap_or(drawn);
    Record {
        key,
        value: Value {
            order_id: n,
            amount,
            version: Version {
                region: (n % u32::from(workload.regions)) as u8,
                created: event_time,
                ..Version::default()
            },
        },
        event_time,
        origin: Origin::nth(n),
    }
}

impl Workload {
    /// Whether orders may have several versions.
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty() || self.update_share + self.move_share + self.cancel_share > 0
    }

    /// Whether changes, silences and regions fit together.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        let refuse =
            |field: &str, why: String| Err(ScenarioError::new(format!("workload.{field}"), why));
        if !(1..=16).contains(&self.regions) {
            return refuse(
                "regions",
                format!("{} is out of range; 1 to 16 is accepted", self.regions),
            );
        }
        // The years 1 to 9999, and a day that an order may come late or early: beyond them calendar time ends.
        if !(-62_135_596_800_000..=253_402_300_799_999).contains(&self.zero_ms) {
            return refuse(
                "zero_ms",
                format!(
                    "{} is out of range; the years 1 to 9999 are accepted",
                    self.zero_ms
                ),
            );
        }
        for (n, lag) in &self.late {
            if lag.unsigned_abs() > MOST_LATE_MS {
                return refuse(
                    &format!("late.{n}"),
                    format!(
                        "{lag} ms is out of range; {MOST_LATE_MS} ms late or early is accepted"
                    ),
                );
            }
        }
        let shares = [self.update_share, self.move_share, self.cancel_share];
        if shares.iter().map(|&share| u64::from(share)).sum::<u64>() > 1_000_000 {
            return refuse(
                "update_share",
                "with move_share and cancel_share more than 1000000 (parts per million)".into(),
            );
        }
        for (n, silence) in &self.silence {
            if !(1..=self.orders).contains(n) || *silence > MOST_MS {
                return refuse(
                    &format!("silence.{n}"),
                    format!(
                        "{silence} ms before event {n}; accepted are 0 to {MOST_MS} ms before events 1 to {}",
                        self.orders
                    ),
                );
            }
        }
        for (n, change) in &self.changes {
            let of = change.of;
            if !(2..=self.orders).contains(n) {
                return refuse(
                    &format!("changes.{n}"),
                    format!("there is no such event; 2 to {} is accepted", self.orders),
                );
            }
            if of == 0 || of >= *n || self.changes.contains_key(&of) {
                return refuse(
                    &format!("changes.{n}.of"),
                    format!(
                        "event {of} creates no order before event {n}; an event before it that is no change itself is accepted"
                    ),
                );
            }
            if change
                .amount
                .is_some_and(|amount| !(0..=100_000_000).contains(&amount))
            {
                return refuse(
                    &format!("changes.{n}.amount"),
                    "0 to 100000000 cents is accepted".into(),
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(workload: &Workload) -> Vec<Value> {
        let mut till = Till::default();
        let events = (1..=workload.orders).map(|n| {
            let at = Time::from_ms(u64::from(n));
            till.event(workload, 42, n, at).value
        });
        events.collect()
    }

    #[test]
    fn a_change_carries_the_order_as_it_is_then() {
        let change = |of, kind| Change {
            of,
            kind,
            amount: None,
        };
        let workload = Workload {
            orders: 6,
            changes: [
                (3, change(1, ChangeKind::Update)),
                (4, change(1, ChangeKind::Move)),
                (5, change(1, ChangeKind::Repeat)),
                (6, change(1, ChangeKind::Cancel)),
            ]
            .into(),
            ..Workload::default()
        };
        let told = told(&workload);
        let of_first: Vec<(u32, u32, Status, u8)> = told
            .iter()
            .filter(|value| value.order_id == 1)
            .map(|v| {
                (
                    v.order_id,
                    v.version.seq,
                    v.version.status,
                    v.version.region,
                )
            })
            .collect();
        assert_eq!(
            of_first,
            [
                (1, 0, Status::Created, 1),
                (1, 3, Status::Paid, 1),
                (1, 4, Status::Paid, 0),
                (1, 5, Status::Paid, 0),
                (1, 6, Status::Cancelled, 0)
            ]
        );
        assert_eq!(told[3].amount, told[2].amount, "a move keeps the amount");
    }

    #[test]
    fn drawn_changes_come_in_about_the_share_asked_for_and_without_a_share_there_are_none() {
        let shares = |update_share| Workload {
            orders: 1_000,
            update_share,
            ..Workload::default()
        };
        let changed = |workload: &Workload| {
            let told = told(workload);
            told.iter().filter(|value| value.version.seq > 0).count()
        };
        assert_eq!(changed(&shares(0)), 0);
        assert!((250..350).contains(&changed(&shares(300_000))));
    }
}
