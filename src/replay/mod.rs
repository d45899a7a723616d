//! A run looked at: the world at a playhead, and why a record became what it became. Folds of the trace; no host is seen.

pub mod board;
pub mod explain;
pub mod playhead;
pub mod series;

pub use board::Board;
pub use playhead::Playhead;
