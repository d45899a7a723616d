//! Who orders what, when: the source of truth that the ledger judges by.

use super::FULL;
use super::kernel::{Draw, EventTime, Span, Time};
use super::listed;
use super::origin::Origin;
use super::scenario::Workload;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    pub order_id: u32,
    /// In cents.
    pub amount: i64,
}

/// Bytes that one record takes in a batch; the same for all, so that sizes can be worked out by hand.
pub const RECORD_BYTES: u64 = 120;

/// When order `n` (counted from 1) happens. Gaps are drawn one by one, so a longer run begins like a shorter one.
pub fn gap(workload: &Workload, seed: u64, n: u32) -> Span {
    if let Some(gap) = listed::gap(workload, n).filter(|_| FULL) {
        return gap;
    }
    Draw::new(seed, 0, "arrival", u64::from(n))
        .jitter(Span::from_ms(workload.every_ms), workload.jitter_percent)
}

/// Order `n`, which happens at `at`.
pub fn order(workload: &Workload, seed: u64, n: u32, at: Time) -> Record {
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
    let (key, event_time) = listed::event(workload, n).filter(|_| FULL).unwrap_or(drawn);
    Record {
        key,
        value: Value {
            order_id: n,
            amount,
        },
        event_time,
        origin: Origin::nth(n),
    }
}
