//! A plain consumer application: it polls, works, commits. Hosts `c1`, `c2`, …
//!
//! Mirrors: `KafkaConsumer` (classic protocol) and the loop around it, as an application writes it.
//! Simplified: see `app`.

pub mod app;
pub mod reader;

use super::super::kafka::protocol::{Isolation, PartitionId};
use super::super::scenario::ScenarioError;
use serde::{Deserialize, Serialize};

/// When the application commits offsets itself. `enable.auto.commit` works beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Commit {
    /// Before the work on the records of a poll.
    Before,
    /// After it.
    After,
    /// Never by itself.
    #[default]
    Auto,
    /// `sendOffsetsToTransaction`: in one transaction with the output.
    Transaction,
    /// In the sink's own transaction, with the result: the consumer goes to what the sink says when it starts.
    Sink,
}

/// What the application does when its commit is refused (`CommitFailedException`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnCommitFailed {
    /// It goes on polling, and so joins the group again.
    #[default]
    Rejoin,
    /// Nobody catches it: the loop is over.
    Stop,
}

/// Which metadata of the group go along with offsets in a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupMetadata {
    /// `consumer.groupMetadata()`: with member and generation.
    #[default]
    Consumer,
    /// `new ConsumerGroupMetadata(groupId)`: without.
    ByHand,
}

/// Which of the client's two calls the application uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommitCall {
    /// `commitSync()`: waits, and repeats what may be repeated.
    #[default]
    Sync,
    /// `commitAsync()`: goes on at once, and repeats nothing.
    Async,
}

/// Where a group without a committed offset begins to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OffsetReset {
    #[default]
    Latest,
    Earliest,
    /// The client throws.
    None,
}

/// Which client the application is built on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Client {
    #[default]
    Java,
    Librdkafka,
}

/// The consumer's settings. What is a method call or a choice of the application has a key of ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsumerConfig {
    /// How many processes share the work.
    pub consumers: u8,
    #[serde(rename = "consumer.client")]
    pub client: Client,
    #[serde(rename = "consumer.commit")]
    pub commit: Commit,
    #[serde(rename = "consumer.commit.call")]
    pub commit_call: CommitCall,
    /// Not a setting of Kafka but of the application.
    #[serde(rename = "consumer.on.commit.failed")]
    pub on_commit_failed: OnCommitFailed,
    #[serde(rename = "consumer.group.metadata")]
    pub group_metadata: GroupMetadata,
    /// Threads that the work is handed to; 0: the loop works itself.
    #[serde(rename = "consumer.pool")]
    pub pool: u8,
    #[serde(rename = "enable.auto.commit")]
    pub auto_commit: bool,
    #[serde(rename = "auto.commit.interval.ms")]
    pub auto_commit_interval_ms: u64,
    /// librdkafka: a record counts as read for the next commit when it is handed out. False: when the work is done.
    #[serde(rename = "enable.auto.offset.store")]
    pub auto_offset_store: bool,
    #[serde(rename = "auto.offset.reset")]
    pub offset_reset: OffsetReset,
    #[serde(rename = "max.poll.records")]
    pub max_poll_records: u32,
    #[serde(rename = "max.poll.interval.ms")]
    pub max_poll_interval_ms: u64,
    #[serde(rename = "session.timeout.ms")]
    pub session_timeout_ms: u64,
    #[serde(rename = "heartbeat.interval.ms")]
    pub heartbeat_interval_ms: u64,
    /// Not set: `read_uncommitted` in the Java client, `read_committed` in librdkafka.
    #[serde(rename = "isolation.level")]
    pub isolation: Option<Isolation>,
    /// Set: each process keeps its place in the group over a restart. The number of the process is added.
    #[serde(rename = "group.instance.id")]
    pub instance_id: Option<String>,
    /// How long the work on one record takes, in microseconds. Not a setting of Kafka.
    pub work_us: u64,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        ConsumerConfig {
            consumers: 1,
            client: Client::default(),
            commit: Commit::default(),
            commit_call: CommitCall::default(),
            on_commit_failed: OnCommitFailed::default(),
            group_metadata: GroupMetadata::default(),
            pool: 0,
            auto_commit: true,
            auto_commit_interval_ms: 5_000,
            auto_offset_store: true,
            offset_reset: OffsetReset::default(),
            max_poll_records: 500,
            max_poll_interval_ms: 300_000,
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 3_000,
            isolation: None,
            instance_id: None,
            work_us: 5_000,
        }
    }
}

impl ConsumerConfig {
    /// What is in force.
    pub fn isolation(&self) -> Isolation {
        self.isolation.unwrap_or(match self.client {
            Client::Java => Isolation::ReadUncommitted,
            Client::Librdkafka => Isolation::ReadCommitted,
        })
    }

    pub fn validate(&self, place: &str) -> Result<(), ScenarioError> {
        let refuse =
            |key: &str, why: String| Err(ScenarioError::new(format!("{place}.{key}"), why));
        for (key, value, least, most) in [
            ("consumers", u64::from(self.consumers), 1, 8),
            ("consumer.pool", u64::from(self.pool), 0, 64),
            (
                "auto.commit.interval.ms",
                self.auto_commit_interval_ms,
                1,
                3_600_000,
            ),
            (
                "max.poll.records",
                u64::from(self.max_poll_records),
                1,
                100_000,
            ),
            (
                "max.poll.interval.ms",
                self.max_poll_interval_ms,
                1,
                3_600_000,
            ),
            ("session.timeout.ms", self.session_timeout_ms, 10, 1_800_000),
            (
                "heartbeat.interval.ms",
                self.heartbeat_interval_ms,
                1,
                600_000,
            ),
            ("work_us", self.work_us, 0, 600_000_000),
        ] {
            if !(least..=most).contains(&value) {
                return refuse(
                    key,
                    format!("{value} is out of range; {least} to {most} is accepted"),
                );
            }
        }
        if self.commit == Commit::Sink && (self.auto_commit || self.pool > 0) {
            return refuse(
                "consumer.commit",
                "\"sink\" keeps offsets with the results, in their order: enable.auto.commit must be false and consumer.pool 0".into(),
            );
        }
        if self.heartbeat_interval_ms >= self.session_timeout_ms {
            return refuse(
                "heartbeat.interval.ms",
                format!(
                    "IllegalArgumentException: must be set lower than session.timeout.ms, which is {}",
                    self.session_timeout_ms
                ),
            );
        }
        Ok(())
    }
}

/// What a consumer tells itself.
#[derive(Clone, Debug)]
pub enum Message {
    /// Time may have changed something.
    Tick,
    /// The loop comes round.
    Poll,
    BeatHeart,
    /// librdkafka's timer.
    AutoCommit,
    /// The work on a record is done, up to its effect; which thread did it.
    Done {
        thread: u8,
        poll: u64,
    },
    /// An error ends the loop; the process starts again after this.
    Close {
        restart_after: crate::sim::kernel::Span,
    },
    /// The process starts again after `close()`.
    Open,
}

/// A record in the application's hands.
#[derive(Clone, Debug)]
struct Job {
    partition: PartitionId,
    offset: u64,
    record: crate::sim::workload::Record,
    poll: u64,
}
