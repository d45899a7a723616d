//! A run looked at: the world at a playhead, and why a record became what it became. Folds of the trace; no host is seen.

pub mod anomalies;
pub mod board;
pub mod consumers;
pub mod explain;
pub mod job;
pub mod playhead;
pub mod promises;
pub mod series;
pub mod table;
pub mod transactions;

pub use board::Board;
pub use playhead::Playhead;
