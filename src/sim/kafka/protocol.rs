//! What Kafka's processes say to each other.
//!
//! Mirrors: Produce, Fetch, ListOffsets, Metadata, InitProducerId, AlterPartition, BrokerHeartbeat.
//! Simplified: one topic; a consumer's fetch names one partition; no fetch sessions, no quotas.

use crate::sim::kernel::rng::mix;
use crate::sim::kernel::{HostId, Span, Time};
use crate::sim::workload::Record;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A partition of the topic, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionId(pub u16);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {}", self.0)
    }
}

/// A batch as its producer made it; it keeps the name through every attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchName {
    pub producer: HostId,
    /// Which start of the producer's process made it.
    pub session: u32,
    pub partition: PartitionId,
    /// Counts the batches of a session and partition from 0.
    pub ordinal: u32,
}

impl fmt::Display for BatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "batch {}.{}.{}",
            self.session, self.partition.0, self.ordinal
        )
    }
}

/// Errors under their names in Kafka's protocol, and the two that only the client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorCode {
    NotLeaderOrFollower,
    NotEnoughReplicas,
    /// The in-sync set shrank below the minimum after the append: the batch is stored.
    NotEnoughReplicasAfterAppend,
    RequestTimedOut,
    OutOfOrderSequenceNumber,
    InvalidProducerEpoch,
    CorruptMessage,
    UnknownTopicOrPartition,
    LeaderNotAvailable,
    MessageTooLarge,
    InvalidRecord,
    /// The leader is so new that it cannot tell yet what is readable (KIP-207).
    OffsetNotAvailable,
    /// The offset asked for lies beyond the log's end.
    OffsetOutOfRange,
    /// The client's: the connection broke with the request outstanding.
    NetworkException,
    /// The client's `TimeoutException`: `delivery.timeout.ms` has passed.
    DeliveryTimeout,
}

impl ErrorCode {
    /// What a broker may answer to a Produce request.
    pub const OF_PRODUCE: [ErrorCode; 11] = [
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::NotEnoughReplicas,
        ErrorCode::NotEnoughReplicasAfterAppend,
        ErrorCode::RequestTimedOut,
        ErrorCode::OutOfOrderSequenceNumber,
        ErrorCode::InvalidProducerEpoch,
        ErrorCode::CorruptMessage,
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::LeaderNotAvailable,
        ErrorCode::MessageTooLarge,
        ErrorCode::InvalidRecord,
    ];

    pub fn of_produce(name: &str) -> Option<ErrorCode> {
        Self::OF_PRODUCE
            .into_iter()
            .find(|error| error.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            ErrorCode::NotLeaderOrFollower => "NOT_LEADER_OR_FOLLOWER",
            ErrorCode::NotEnoughReplicas => "NOT_ENOUGH_REPLICAS",
            ErrorCode::NotEnoughReplicasAfterAppend => "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
            ErrorCode::RequestTimedOut => "REQUEST_TIMED_OUT",
            ErrorCode::OutOfOrderSequenceNumber => "OUT_OF_ORDER_SEQUENCE_NUMBER",
            ErrorCode::InvalidProducerEpoch => "INVALID_PRODUCER_EPOCH",
            ErrorCode::CorruptMessage => "CORRUPT_MESSAGE",
            ErrorCode::UnknownTopicOrPartition => "UNKNOWN_TOPIC_OR_PARTITION",
            ErrorCode::LeaderNotAvailable => "LEADER_NOT_AVAILABLE",
            ErrorCode::MessageTooLarge => "MESSAGE_TOO_LARGE",
            ErrorCode::InvalidRecord => "INVALID_RECORD",
            ErrorCode::OffsetNotAvailable => "OFFSET_NOT_AVAILABLE",
            ErrorCode::OffsetOutOfRange => "OFFSET_OUT_OF_RANGE",
            ErrorCode::NetworkException => "NETWORK_EXCEPTION",
            ErrorCode::DeliveryTimeout => "TimeoutException",
        }
    }

    /// Whether the Java client may repeat the send. Source: subclasses of `RetriableException`.
    pub const fn is_retriable(self) -> bool {
        match self {
            ErrorCode::NotLeaderOrFollower
            | ErrorCode::NotEnoughReplicas
            | ErrorCode::NotEnoughReplicasAfterAppend
            | ErrorCode::RequestTimedOut
            | ErrorCode::CorruptMessage
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::NetworkException => true,
            ErrorCode::OutOfOrderSequenceNumber
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::MessageTooLarge
            | ErrorCode::InvalidRecord
            | ErrorCode::OffsetOutOfRange
            | ErrorCode::DeliveryTimeout => false,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a broker does with a Produce request that a fault has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// An error, and nothing is stored.
    Reject(ErrorCode),
    /// Stored, and an error all the same.
    RejectStored(ErrorCode),
    /// Stored, and answered so much later; zero: never.
    Stall(Span),
    /// Stored, and the connection closed instead of an answer.
    HangUp,
}

/// How many replicas must have a batch before the producer is told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acks {
    #[serde(rename = "0")]
    None,
    #[serde(rename = "1")]
    Leader,
    #[serde(rename = "all")]
    All,
}

/// Who writes, for the broker's duplicate check (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer {
    pub producer_id: u64,
    pub epoch: u16,
    /// Of the first record.
    pub sequence: u32,
}

/// A batch on the wire and in the log.
#[derive(Clone, Debug)]
pub struct Batch {
    pub name: BatchName,
    pub writer: Option<Writer>,
    pub records: Vec<Record>,
}

impl Batch {
    pub fn count(&self) -> u64 {
        self.records.len() as u64
    }
}

/// A batch at its place in a log.
#[derive(Clone, Debug)]
pub struct LogBatch {
    pub base_offset: u64,
    /// The leader epoch it was appended in.
    pub epoch: u32,
    pub batch: Batch,
}

impl LogBatch {
    /// The offset after its last record.
    pub fn end(&self) -> u64 {
        self.base_offset + self.batch.count()
    }
}

/// What a follower asks of one partition.
#[derive(Clone, Copy, Debug)]
pub struct FetchPosition {
    pub partition: PartitionId,
    pub offset: u64,
    /// The leader epoch of the follower's last batch, for the divergence check (KIP-595).
    pub last_epoch: u32,
}

/// What a leader answers for one partition.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub partition: PartitionId,
    /// Where the question began.
    pub offset: u64,
    pub answer: FetchAnswer,
}

#[derive(Clone, Debug)]
pub enum FetchAnswer {
    Batches {
        batches: Vec<LogBatch>,
        high_watermark: u64,
    },
    /// The follower's log parts from the leader's: what they share ends in this epoch, at this offset at the latest.
    Diverges {
        epoch: u32,
        end: u64,
    },
    Error(ErrorCode),
    /// The follower is where nothing is any more: the leader's log begins here.
    Deleted {
        start: u64,
    },
}

/// Who leads a partition and who is in sync, as the controller has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    pub partition: PartitionId,
    /// In assignment order; the first is the preferred leader.
    pub replicas: Vec<HostId>,
    pub leader: Option<HostId>,
    pub epoch: u32,
    pub isr: Vec<HostId>,
}

/// Which end of a partition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    Earliest,
    /// The high watermark: nothing above it may be read.
    Latest,
}

#[derive(Clone, Debug)]
pub enum Message {
    // client and broker
    Connect,
    Connected,
    MetadataRequest,
    Metadata {
        leaders: Vec<Option<HostId>>,
    },
    InitProducerId,
    ProducerId {
        producer_id: u64,
        epoch: u16,
    },
    Produce {
        correlation: u64,
        attempt: u32,
        acks: Acks,
        timeout: Span,
        batches: Vec<Batch>,
    },
    ProduceResponse {
        correlation: u64,
        results: Vec<(PartitionId, Result<u64, ErrorCode>)>,
    },
    ListOffsets {
        partition: PartitionId,
        spec: OffsetSpec,
    },
    Offset {
        partition: PartitionId,
        result: Result<u64, ErrorCode>,
    },
    /// A consumer's fetch of `[offset, limit)`.
    Read {
        partition: PartitionId,
        offset: u64,
        limit: u64,
    },
    ReadResponse {
        partition: PartitionId,
        result: Result<Vec<(u64, Record)>, ErrorCode>,
    },
    // broker and broker
    Fetch {
        positions: Vec<FetchPosition>,
    },
    FetchResponse {
        fetched: Vec<Fetched>,
    },
    // broker and controller
    Register,
    Heartbeat,
    AlterIsr {
        partition: PartitionId,
        epoch: u32,
        isr: Vec<HostId>,
    },
    Partitions {
        states: Vec<PartitionState>,
    },
    AllocateProducerIds,
    /// A block of producer ids, from this one on.
    ProducerIds {
        first: u64,
    },
    /// A follower writes what it fetched from now on slower by so much, until then.
    Slow {
        by: Span,
        until: Time,
    },
    /// To be treated so: the next Produce requests, as many as said.
    Treat {
        treatment: Treatment,
        times: u32,
    },
    // to oneself
    Send,
    /// What was fetched is written.
    Copy {
        leader: HostId,
        fetched: Vec<Fetched>,
    },
    WriteBack,
    CheckRetention,
    RegisterAgain,
    /// To a broker whose connection broke: it may have missed something.
    PublishTo {
        broker: HostId,
    },
    HandleProduce {
        client: HostId,
    },
    AnswerProduce {
        request: u64,
    },
    ProduceExpired {
        request: u64,
    },
    FetchExpired {
        follower: HostId,
        fetch: u64,
    },
    FetchFrom {
        leader: HostId,
    },
    CheckIsr,
    BeatHeart,
    SessionExpired {
        broker: HostId,
        beat: u64,
    },
}

impl Message {
    /// A name that the same message has in every run that sends it.
    pub fn name(&self) -> Option<u64> {
        let named =
            |kind: u64, parts: [u64; 3]| parts.iter().fold(mix(kind), |sum, part| mix(sum ^ part));
        let of_batch = |kind, batch: &BatchName, attempt: u32| {
            named(
                kind,
                [
                    u64::from(batch.session) << 32 | u64::from(batch.partition.0),
                    u64::from(batch.ordinal),
                    u64::from(attempt),
                ],
            )
        };
        match self {
            Message::Produce {
                attempt, batches, ..
            } => batches
                .first()
                .map(|batch| of_batch(1, &batch.name, *attempt)),
            Message::ProduceResponse { correlation, .. } => Some(named(2, [*correlation, 0, 0])),
            Message::Fetch { positions } => positions.first().map(|p| {
                named(
                    3,
                    [u64::from(p.partition.0), p.offset, u64::from(p.last_epoch)],
                )
            }),
            _ => None,
        }
    }
}
