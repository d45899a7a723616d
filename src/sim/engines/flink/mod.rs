//! Apache Flink: a job manager, task managers, checkpoints by barriers.

#[cfg(not(feature = "lean"))]
pub mod watermark;
#[cfg(not(feature = "lean"))]
pub mod window;
