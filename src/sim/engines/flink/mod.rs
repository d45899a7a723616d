//! Apache Flink: a job manager, task managers, checkpoints by barriers. Hosts `jm`, `tm1`, `tm2`, …
//!
//! Mirrors: Flink 2.0 DataStream jobs of one shape: a `KafkaSource`, an optional keyed event-time window, a sink. With a window
//! every task reads and every task has a share of the keys, and records are exchanged between them; without one each task
//! hands what it reads to its own sink.
//! Simplified: one slot a task manager and as many of them as the parallelism, so a job that lost one waits for it; the
//! whole job is one region; savepoints, rescaling and bounded sources are left out; buffers are large enough, so nothing is
//! ever held up by back-pressure but by a barrier or by work.

#[cfg(not(feature = "lean"))]
pub mod barrier;
#[cfg(not(feature = "lean"))]
pub mod checkpoint;
mod config;
#[cfg(not(feature = "lean"))]
mod hudi_sink;
#[cfg(not(feature = "lean"))]
pub mod job_manager;
#[cfg(not(feature = "lean"))]
mod kafka_sink;
#[cfg(not(feature = "lean"))]
mod operator;
#[cfg(not(feature = "lean"))]
pub mod restart;
#[cfg(not(feature = "lean"))]
mod sink;
#[cfg(not(feature = "lean"))]
mod snapshot;
#[cfg(not(feature = "lean"))]
mod source;
#[cfg(not(feature = "lean"))]
pub mod storage;
#[cfg(not(feature = "lean"))]
mod task;
#[cfg(not(feature = "lean"))]
pub mod task_manager;
#[cfg(not(feature = "lean"))]
pub mod watermark;
#[cfg(not(feature = "lean"))]
pub mod window;

pub use config::{
    CheckpointingMode, DeliveryGuarantee, FlinkConfig, HighAvailability, IdPrefixSuffix,
    ReleaseName, RestartStrategyName, StartupMode, WatermarkStrategyName, WindowType,
};

#[cfg(not(feature = "lean"))]
pub use message::{Element, Message};

#[cfg(not(feature = "lean"))]
mod message {
    use super::watermark::Signal;
    use crate::sim::kafka::protocol::Positions;
    use crate::sim::kernel::Time;
    use crate::sim::trace::Source;
    use crate::sim::workload::Record;

    /// What travels from a reading task to the tasks behind it, in order.
    #[derive(Clone, Debug)]
    pub enum Element {
        Record(Source, Record),
        Signal(Signal),
        /// Everything before it belongs to this checkpoint, which was triggered then.
        Barrier(u64, Time),
    }

    /// What job manager and task managers say to each other and to themselves. An attempt is one life of the job.
    #[derive(Clone, Debug)]
    pub enum Message {
        // job manager to task manager
        Registered {
            /// Which life of the job manager answers: another one is another leader.
            leader: u32,
        },
        Deploy {
            attempt: u32,
            /// Numbers a job, which a job manager without high availability loses with its memory.
            job: u32,
            /// To start from.
            checkpoint: Option<u64>,
        },
        Trigger {
            attempt: u32,
            checkpoint: u64,
        },
        Completed {
            attempt: u32,
            checkpoint: u64,
        },
        /// Tasks drop what they have.
        Cancel,
        Heartbeat,
        /// Watermark alignment: nothing ahead of this is read on.
        MaxWatermark {
            attempt: u32,
            watermark: i64,
        },
        // task manager to job manager
        Register {
            incarnation: u32,
        },
        Running {
            attempt: u32,
        },
        Acknowledge {
            attempt: u32,
            checkpoint: u64,
            positions: Positions,
        },
        Failed {
            attempt: u32,
            error: String,
        },
        Alive {
            /// The attempt whose tasks run there (`ExecutionDeploymentReport`).
            deployed: Option<u32>,
        },
        /// A scripted source waits for a checkpoint.
        AskCheckpoint {
            attempt: u32,
        },
        ReportWatermark {
            attempt: u32,
            watermark: Option<i64>,
        },
        // task manager to task manager, or to itself
        Elements {
            attempt: u32,
            from: u8,
            elements: Vec<Element>,
        },
        // to oneself
        Tick,
        Emit {
            attempt: u32,
        },
        Work {
            attempt: u32,
        },
        EmitWatermarks {
            attempt: u32,
        },
        Flush {
            attempt: u32,
        },
        /// `aligned-checkpoint-timeout`
        AlignmentOver {
            attempt: u32,
            checkpoint: u64,
        },
        ReportWatermarkDue {
            attempt: u32,
        },
        /// User code throws an exception.
        Throw,
        Beat,
        TriggerDue {
            attempt: u32,
        },
        TriggerNow {
            attempt: u32,
        },
        Expire {
            attempt: u32,
            checkpoint: u64,
        },
        RestartDue {
            attempt: u32,
        },
        AlignWatermarks {
            attempt: u32,
        },
    }
}
