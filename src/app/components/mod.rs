//! The components of the page, one concept a file.

pub mod ask;
pub mod charts;
pub mod compare;
pub mod consumers;
mod counters;
pub mod diagram;
pub mod diagram_vertical;
pub mod explain;
pub mod faults;
pub mod glyphs;
pub mod guarantee;
pub mod header;
pub mod lesson;
pub mod listing;
pub mod notice;
pub mod plates;
pub mod prevent;
mod prose;
pub mod scene;
pub mod settings;
pub mod sql;
pub mod stage;
pub mod start;
pub mod strip;
pub mod timeline;
pub mod transport;
