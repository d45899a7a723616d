//! The learner's own arrivals: when things happened and when they got here, and what a watermark makes of that.
//!
//! ```text
//! file, model, example ── import, models ──► Arrivals ── delay ──► percentiles, drift, by key
//!                                               │
//!                        strategy ── pace ──────┤ the watermark, as Flink or Spark moves it
//!                                               │    track: once for all fixed delays
//!                                               ▼
//!                                            windows ── replay ──► late, latency, freshness, state, updates
//!                                               │
//!                                  plane ──► a stretch of it as a picture, with a record that can be moved
//!                                  curve, sweep, sla ──► "which delay?", "which P95?", the frontier
//! ```
//!
//! A [`replay`] is no simulation of brokers and crashes: records are there when they arrive, and only event time is played.
//! That is what makes a million of them affordable. [`scenario`] turns the same arrivals into a scenario for the simulator.
//!
//! Everything is a pure function of its input and works in slices. Decisions are made in whole numbers: microseconds as
//! imported, milliseconds as engines see event time, shares in parts per million.

pub mod address;
pub mod command;
pub mod curve;
pub mod delay;
pub mod import;
pub mod models;
pub mod pace;
pub mod plane;
pub mod ranks;
pub mod replay;
pub mod report;
pub mod scenario;
pub mod session;
pub mod sla;
pub mod strategy;
pub mod sweep;
pub mod timestamp;
pub mod track;
pub mod units;
pub mod windows;

use serde::{Deserialize, Serialize};

/// One record: when it happened by its own clock, and when it was here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// In microseconds since 1970.
    pub event_us: i64,
    /// In microseconds since 1970.
    pub at_us: i64,
    /// An index into [`Arrivals::keys`].
    pub key: u32,
    /// An index into [`Arrivals::partitions`].
    pub partition: u16,
}

impl Arrival {
    /// Event time as engines see it: cut down to whole milliseconds.
    pub const fn event_ms(&self) -> i64 {
        self.event_us.div_euclid(1_000)
    }

    /// From event to arrival; negative if the clock of the source runs ahead.
    pub const fn delay_us(&self) -> i64 {
        self.at_us - self.event_us
    }
}

/// A list of arrivals in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    rows: Vec<Arrival>,
    /// Names of keys; one empty name if there are no keys.
    pub keys: Vec<String>,
    /// Names of partitions; one empty name if there are none.
    pub partitions: Vec<String>,
}

impl Arrivals {
    /// Sorted by arrival; what arrives in the same microsecond keeps its order.
    pub fn new(mut rows: Vec<Arrival>, keys: Vec<String>, partitions: Vec<String>) -> Arrivals {
        rows.sort_by_key(|row| row.at_us);
        Arrivals {
            rows,
            keys,
            partitions,
        }
    }

    pub fn rows(&self) -> &[Arrival] {
        &self.rows
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn has_keys(&self) -> bool {
        self.keys.len() > 1
    }

    /// As a CSV file that [`import`] reads: times in microseconds.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("event_time,arrival_time,key,partition\n");
        for row in &self.rows {
            let key = &self.keys[row.key as usize];
            let partition = &self.partitions[usize::from(row.partition)];
            text += &format!("{},{},{key},{partition}\n", row.event_us, row.at_us);
        }
        text
    }
}

/// How far a job has come, in its own units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}
