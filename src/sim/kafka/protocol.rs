//! What Kafka's processes say to each other.
//!
//! Mirrors: Produce, Fetch, ListOffsets, Metadata, InitProducerId, AlterPartition, BrokerHeartbeat.
//! Simplified: one topic; a consumer's fetch names one partition; no fetch sessions, no quotas.

pub use super::group::{Member, MemberId};
use crate::sim::kernel::rng::mix;
use crate::sim::kernel::{HostId, Span, Time};
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::trace::{Ending, SegmentId};
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
    /// The group knows no such member: it was removed, or it left.
    UnknownMemberId,
    /// The member belongs to a generation that is over.
    IllegalGeneration,
    RebalanceInProgress,
    /// The broker does not lead the partition that the group or the transaction is kept in.
    NotCoordinator,
    /// The transaction before this one is not through yet.
    ConcurrentTransactions,
    /// A newer instance has the transactional id, or the transaction timed out.
    ProducerFenced,
    InvalidTxnState,
    /// The write was not part of the transaction: abort and do it all again (KIP-890).
    TransactionAbortable,
    InvalidTransactionTimeout,
    /// Offsets of the group are part of a transaction that is open.
    UnstableOffsetCommit,
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
            ErrorCode::UnknownMemberId => "UNKNOWN_MEMBER_ID",
            ErrorCode::IllegalGeneration => "ILLEGAL_GENERATION",
            ErrorCode::RebalanceInProgress => "REBALANCE_IN_PROGRESS",
            ErrorCode::NotCoordinator => "NOT_COORDINATOR",
            ErrorCode::ConcurrentTransactions => "CONCURRENT_TRANSACTIONS",
            ErrorCode::ProducerFenced => "PRODUCER_FENCED",
            ErrorCode::InvalidTxnState => "INVALID_TXN_STATE",
            ErrorCode::TransactionAbortable => "TRANSACTION_ABORTABLE",
            ErrorCode::InvalidTransactionTimeout => "INVALID_TRANSACTION_TIMEOUT",
            ErrorCode::UnstableOffsetCommit => "UNSTABLE_OFFSET_COMMIT",
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
            | ErrorCode::NotCoordinator
            | ErrorCode::ConcurrentTransactions
            | ErrorCode::UnstableOffsetCommit
            | ErrorCode::NetworkException => true,
            ErrorCode::OutOfOrderSequenceNumber
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::MessageTooLarge
            | ErrorCode::InvalidRecord
            | ErrorCode::OffsetOutOfRange
            | ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::RebalanceInProgress
            | ErrorCode::ProducerFenced
            | ErrorCode::InvalidTxnState
            | ErrorCode::TransactionAbortable
            | ErrorCode::InvalidTransactionTimeout
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
    /// Worked on so much later, whether who sent it is still there or not.
    Hold(Span),
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
    /// The batch belongs to a transaction.
    pub transactional: bool,
}

/// A batch on the wire and in the log.
#[derive(Clone, Debug)]
pub struct Batch {
    pub name: BatchName,
    pub writer: Option<Writer>,
    pub records: Vec<Record>,
    /// What a coordinator writes into a topic of its own; such a batch has no records and takes one offset.
    pub entry: Option<Box<Entry>>,
}

impl Batch {
    pub fn count(&self) -> u64 {
        if self.entry.is_some() {
            1
        } else {
            self.records.len() as u64
        }
    }
}

/// The partitions that coordinators keep their state in. Who leads one is the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Internal {
    /// Of `__consumer_offsets`.
    pub groups: PartitionId,
    /// Of `__transaction_state`.
    pub transactions: PartitionId,
    /// Index: group. The first partition of the topic that it reads.
    pub inputs: [u16; GROUPS],
}

/// The most groups that a scenario can have: the main segment and its branches.
pub const GROUPS: usize = 9;

impl Internal {
    /// Behind the partitions of the topic.
    pub fn behind(partitions: u16) -> Self {
        Internal {
            groups: PartitionId(partitions),
            transactions: PartitionId(partitions + 1),
            inputs: [0; GROUPS],
        }
    }

    /// The first partition behind those of the coordinators: output topics begin there.
    pub const fn first_output(self) -> u16 {
        self.transactions.0 + 1
    }

    /// How many partitions every topic has.
    pub const fn partitions(self) -> u16 {
        self.groups.0
    }

    /// The partition of the first output topic that belongs to a partition of the topic.
    pub fn output(self, partition: PartitionId) -> PartitionId {
        PartitionId(self.first_output() + partition.0)
    }

    /// What this group reads.
    pub fn input(self, group: SegmentId) -> u16 {
        self.inputs[usize::from(group.0)]
    }
}

/// What a coordinator remembers through a change of leader.
#[derive(Clone, Debug)]
pub enum Entry {
    Group {
        group: SegmentId,
        generation: u32,
        members: OrdMap<MemberId, Member>,
    },
    Offsets {
        group: SegmentId,
        offsets: Positions,
        /// They count once the transaction of this producer id is committed.
        transaction: Option<(u64, HostId)>,
    },
    Transaction(TransactionEntry),
    /// The end of a transaction, in every partition that it wrote to.
    Marker(Marker),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    pub producer_id: u64,
    pub epoch: u16,
    pub commit: bool,
    pub ending: Ending,
}

/// What the coordinator knows of a transactional id.
#[derive(Clone, Debug)]
pub struct TransactionEntry {
    /// The epoch of an instance that asked for this one: its question may come again.
    pub before: Option<u16>,
    pub id: String,
    pub producer_id: u64,
    pub epoch: u16,
    pub timeout: Span,
    pub state: TransactionState,
    pub partitions: OrdSet<PartitionId>,
    /// When the first partition was added.
    pub started: Time,
    pub ending: Ending,
}

/// Source: `TransactionState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    Empty,
    Ongoing,
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
}

impl TransactionState {
    /// Decided, and not carried out yet.
    pub fn is_prepared(self) -> bool {
        matches!(
            self,
            TransactionState::PrepareCommit | TransactionState::PrepareAbort
        )
    }

    /// Commit (true) or abort, once it is decided.
    pub fn decided(self) -> Option<bool> {
        match self {
            TransactionState::Empty | TransactionState::Ongoing => None,
            TransactionState::PrepareCommit | TransactionState::CompleteCommit => Some(true),
            TransactionState::PrepareAbort | TransactionState::CompleteAbort => Some(false),
        }
    }
}

/// `isolation.level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Everything below the high watermark, of open and aborted transactions too.
    #[default]
    ReadUncommitted,
    /// Up to the last stable offset, without what was aborted.
    ReadCommitted,
}

/// The next offset to read of each partition.
pub type Positions = OrdMap<PartitionId, u64>;

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
    /// The last stable offset, the end for `read_committed`.
    LatestStable,
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
        isolation: Isolation,
    },
    ReadResponse {
        partition: PartitionId,
        /// Where the question began.
        offset: u64,
        /// Where the next one begins: markers and aborted records take offsets and are handed to nobody.
        next: u64,
        result: Result<Vec<(u64, Record)>, ErrorCode>,
    },
    // consumer and group coordinator
    JoinGroup {
        group: SegmentId,
        member: Option<MemberId>,
        /// It has a `group.instance.id`.
        fixed: bool,
        session: Span,
        rebalance: Span,
    },
    JoinGroupResponse {
        result: Result<(MemberId, u32, Vec<PartitionId>), ErrorCode>,
    },
    LeaveGroup {
        group: SegmentId,
        member: MemberId,
    },
    GroupHeartbeat {
        group: SegmentId,
        member: MemberId,
        generation: u32,
    },
    GroupHeartbeatResponse {
        generation: u32,
        error: Option<ErrorCode>,
    },
    OffsetCommit {
        group: SegmentId,
        correlation: u64,
        member: MemberId,
        generation: u32,
        offsets: Positions,
    },
    OffsetCommitResponse {
        correlation: u64,
        error: Option<ErrorCode>,
    },
    OffsetFetch {
        group: SegmentId,
    },
    OffsetFetchResponse {
        result: Result<Positions, ErrorCode>,
    },
    // transactional writer and coordinator
    InitTransactions {
        id: String,
        /// Of an instance that goes on: it wants the next epoch, and must be the one that has the id. Source: KIP-360.
        current: Option<(u64, u16)>,
        timeout: Span,
    },
    InitTransactionsResponse {
        result: Result<(u64, u16), ErrorCode>,
    },
    /// From the client (version 1), or from a leader or group coordinator that was written to. `add` false: only to see
    /// whether they are part of the transaction.
    AddPartitions {
        producer_id: u64,
        epoch: u16,
        partitions: Vec<PartitionId>,
        add: bool,
    },
    AddPartitionsResponse {
        producer_id: u64,
        epoch: u16,
        /// The first one asked for.
        partition: PartitionId,
        error: Option<ErrorCode>,
    },
    /// To the group's coordinator.
    TxnOffsetCommit {
        group: SegmentId,
        /// None: the application made the group's metadata by hand.
        member: Option<(MemberId, u32)>,
        producer_id: u64,
        epoch: u16,
        offsets: Positions,
    },
    TxnOffsetCommitResponse {
        error: Option<ErrorCode>,
    },
    EndTxn {
        producer_id: u64,
        epoch: u16,
        commit: bool,
    },
    /// The producer id and epoch of the next transaction.
    EndTxnResponse {
        result: Result<(u64, u16), ErrorCode>,
    },
    WriteMarker {
        id: String,
        partition: PartitionId,
        marker: Marker,
    },
    MarkerWritten {
        id: String,
        partition: PartitionId,
        ok: bool,
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
    /// To a broker: stop in order. It tells the controller, which hands on what it leads.
    ShutDown,
    ControlledShutdown,
    HandleProduce {
        client: HostId,
    },
    /// A request that was held is worked on now.
    ReleaseProduce {
        client: HostId,
        request: Box<Message>,
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
    SendMarkers {
        id: String,
    },
    SweepTransactions,
    MemberSilent {
        group: SegmentId,
        member: MemberId,
        beat: u64,
    },
    RebalanceDue {
        group: SegmentId,
        round: u64,
    },
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
