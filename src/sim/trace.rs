//! What happened, in the field's words, and why.
//!
//! The trace is the only door to a run: ledger, diagram, plots, lessons and tests read facts, never hosts. The digest is
//! folded over the text of every fact as it is noted, so it is the same whether the trace is kept or not.

use super::engines::operators::Metrics;
use super::kafka::protocol::{BatchName, ErrorCode, PartitionId};
use super::kernel::{EventTime, HostId, Loses, Span, Time};
use super::origin::{Origin, number};
use super::workload::{Record, Status, Version};
use super::{FULL, Keep};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};
use std::rc::Rc;

/// A fact by its place in the run, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactId(pub u32);

/// A segment of the pipeline: 0 is the main one, the others are the scenario's branches in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentId(pub u8);

impl SegmentId {
    pub const MAIN: SegmentId = SegmentId(0);
}

/// An event-time window, start inclusive, end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    pub start: EventTime,
    pub end: EventTime,
}

/// An offset range of one partition, end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetRange {
    pub partition: PartitionId,
    pub start: u64,
    pub end: u64,
}

/// Where a record lay in the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    pub partition: PartitionId,
    pub offset: u64,
}

/// What a reader of the sink sees. An aggregate carries the origins of all it was made from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// Which physical row this is: a rewritten row gets a new number.
    pub row: u64,
    pub record_key: String,
    /// In cents.
    pub amount: i64,
    pub event_time: EventTime,
    pub window: Option<Window>,
    pub origins: Vec<(Origin, Source)>,
    /// Which version of its order it shows; the default in an aggregate.
    pub version: Version,
    /// The partition of the table that it lies in; empty in other sinks.
    pub partition_path: String,
}

impl Row {
    /// The row that a record becomes if nothing is aggregated.
    pub fn of(record: &Record, source: Source, record_key: String) -> Self {
        Row {
            row: 0,
            record_key,
            amount: record.value.amount,
            event_time: record.event_time,
            window: None,
            origins: vec![(record.origin, source)],
            version: record.value.version,
            partition_path: String::new(),
        }
    }

    /// Whether it says that its order is to be deleted (`_hoodie_is_deleted`).
    pub fn is_tombstone(&self) -> bool {
        self.version.status == Status::Cancelled
    }

    /// Rows in the order of where their records lay in the topic.
    pub fn rank(&self) -> (u64, u64) {
        let first = self.origins.first();
        first.map_or((0, 0), |(_, source)| {
            (u64::from(source.partition.0) + 1, source.offset)
        })
    }
}

/// How far an action on the table's timeline has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum InstantState {
    Requested,
    Inflight,
    Completed,
}

/// What a restarted query finds to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recovery {
    /// No checkpoint: the query starts as a new one.
    Fresh,
    /// The newest planned batch has no commit: it runs again over the same offsets.
    Rerun(u64),
    /// Everything planned is committed.
    Continue(u64),
}

impl Recovery {
    /// The id of the batch that comes next.
    pub const fn next_batch(self) -> u64 {
        match self {
            Recovery::Fresh => 0,
            Recovery::Rerun(batch) | Recovery::Continue(batch) => batch,
        }
    }
}

/// Why a visible row is not visible any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retraction {
    /// A later write of the same record key took its place.
    Replaced,
    /// The write threw it away.
    Overwritten,
    /// A record said that its order is to be deleted.
    Deleted,
}

/// Why a row of a batch is in no file of its own: it met another row of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Absorption {
    /// Another row of the same batch was kept.
    Combined,
    /// The row in the table was kept.
    Outdated,
    /// The policy for copies dropped it.
    Dropped,
    /// It says that its order is to be deleted, and is done with.
    Deleted,
}

/// Why a consumer is no member of its group any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Departure {
    /// It said so.
    Left,
    /// It was silent for longer than `session.timeout.ms`.
    SessionTimeout,
    /// It did not come to a rebalance in time.
    RebalanceTimeout,
}

/// Who ended a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The application committed or aborted it.
    Application,
    /// It was open for longer than `transaction.timeout.ms`.
    Timeout,
    /// A new instance with the same transactional id was started.
    Fenced,
}

/// Why a checkpoint came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckpointFailure {
    /// Longer than `execution.checkpointing.timeout`.
    Expired,
    /// The job failed before it was complete.
    JobFailed,
}

macro_rules! facts {
    ($( $(#[$doc:meta])* $name:ident $({ $($field:ident : $type:ty),* $(,)? })? = $text:literal ),* $(,)?) => {
        /// One thing that happened. Flat, because everyone reads them: the vocabulary is the product.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub enum Fact { $( $(#[$doc])* $name $({ $($field: $type),* })? ),* }

        /// The kind of a fact, as triggers name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum FactKind { $( $name ),* }

        impl FactKind {
            pub const ALL: &[FactKind] = &[ $( FactKind::$name ),* ];

            /// The name in files and links.
            pub const fn name(self) -> &'static str {
                match self { $( FactKind::$name => $text ),* }
            }
        }

        impl Fact {
            pub const fn kind(&self) -> FactKind {
                match self { $( Fact::$name { .. } => FactKind::$name ),* }
            }
        }
    };
}

facts! {
    /// The business handed an event to the producing application.
    Emitted { origin: Origin, customer: u32, order_id: u32, amount: i64, event_time: EventTime } = "emitted",
    /// The application found unconfirmed records in its outbox after a restart and sends them anew.
    Resent { origins: Vec<Origin> } = "resent",
    ProducerIdAssigned { producer_id: u64, epoch: u16 } = "producer_id_assigned",
    BatchSent { batch: BatchName, to: HostId, attempt: u32, sequence: Option<u32>, origins: Vec<Origin> } = "batch_sent",
    BatchAppended { batch: BatchName, base_offset: u64, epoch: u32, origins: Vec<Origin> } = "batch_appended",
    /// The broker recognised a repeat by its sequence and did not append it.
    BatchDeduplicated { batch: BatchName, base_offset: u64 } = "batch_deduplicated",
    BatchRejected { batch: BatchName, error: ErrorCode } = "batch_rejected",
    /// The application's callback reported success; no offset with acks=0.
    Acknowledged { batch: BatchName, base_offset: Option<u64>, origins: Vec<Origin> } = "acknowledged",
    /// An attempt failed and will be repeated.
    AttemptFailed { batch: BatchName, attempt: u32, error: ErrorCode, retry_in: Span } = "attempt_failed",
    /// The application's callback reported an error.
    SendFailed { batch: BatchName, error: ErrorCode, origins: Vec<Origin> } = "send_failed",
    ReplicaAdvanced { partition: PartitionId, end: u64 } = "replica_advanced",
    HighWatermarkAdvanced { partition: PartitionId, offset: u64 } = "high_watermark_advanced",
    IsrChanged { partition: PartitionId, isr: Vec<HostId> } = "isr_changed",
    LeaderElected { partition: PartitionId, epoch: u32, end: u64 } = "leader_elected",
    PartitionOffline { partition: PartitionId } = "partition_offline",
    LogTruncated { partition: PartitionId, to: u64, from: u64 } = "log_truncated",
    /// What lay before is deleted: the topic need not keep it any longer.
    LogStartAdvanced { partition: PartitionId, to: u64 } = "log_start_advanced",
    /// A query read its checkpoint.
    Restored { segment: SegmentId, recovery: Recovery } = "restored",
    /// The batch's plan is in the offset log.
    OffsetsLogged { segment: SegmentId, batch: u64, ranges: Vec<OffsetRange>, watermark: EventTime } = "offsets_logged",
    TaskStarted { segment: SegmentId, batch: u64, task: u32, attempt: u32 } = "task_started",
    TaskFinished { segment: SegmentId, batch: u64, task: u32, attempt: u32, records: u32 } = "task_finished",
    /// The query failed for good.
    QueryFailed { segment: SegmentId, error: String } = "query_failed",
    /// The sink already holds this batch and did nothing.
    BatchSkipped { segment: SegmentId, batch: u64 } = "batch_skipped",
    InstantChanged { segment: SegmentId, instant: Time, state: InstantState } = "instant_changed",
    DataFileWritten { segment: SegmentId, instant: Time, file: String, rows: u32 } = "data_file_written",
    /// Files that no successful task claims were deleted.
    Reconciled { segment: SegmentId, instant: Time, deleted: u32 } = "reconciled",
    /// The instant is complete: its rows are visible from here on.
    TableCommitted { segment: SegmentId, instant: Time, batch: Option<u64> } = "table_committed",
    RollbackRequested { segment: SegmentId, instant: Time } = "rollback_requested",
    RolledBack { segment: SegmentId, instant: Time, files: u32 } = "rolled_back",
    BecameVisible { segment: SegmentId, instant: Time, batch: u64, rows: Vec<Row> } = "became_visible",
    Retracted { segment: SegmentId, rows: Vec<u64>, why: Retraction } = "retracted",
    /// An event was counted in a window that is still open.
    Accumulated { segment: SegmentId, window: Window, origins: Vec<(Origin, Source)> } = "accumulated",
    DroppedLate { segment: SegmentId, window: Window, origins: Vec<(Origin, Source)> } = "dropped_late",
    WindowClosed { segment: SegmentId, window: Window, amount: i64 } = "window_closed",
    StateSaved { segment: SegmentId, version: u64, rows: u32 } = "state_saved",
    WatermarkAdvanced { segment: SegmentId, to: EventTime } = "watermark_advanced",
    /// The batch's commit log entry is written.
    BatchCommitted { segment: SegmentId, batch: u64, watermark: EventTime } = "batch_committed",
    Crashed { loses: Loses } = "crashed",
    Restarted = "restarted",
    /// A fault of the script struck.
    Injected { fault: u16 } = "injected",
    ConnectionLost { peer: HostId } = "connection_lost",
    Noted { text: String } = "noted",
    /// The host stands still and keeps its memory.
    Paused { during: Span } = "paused",
    /// A consumer belongs to a generation of its group and reads these partitions.
    Assigned { segment: SegmentId, generation: u32, partitions: Vec<PartitionId> } = "assigned",
    Revoked { segment: SegmentId, partitions: Vec<PartitionId> } = "revoked",
    /// Where a consumer begins to read; `reset`: there was no committed offset, or the topic does not hold it.
    Positioned { segment: SegmentId, positions: Vec<(PartitionId, u64)>, reset: bool } = "positioned",
    /// `poll()` returned these records.
    Polled { segment: SegmentId, origins: Vec<(Origin, Source)> } = "polled",
    /// The work on a record is done and its effect is in the sink.
    Worked { segment: SegmentId, origin: Origin, source: Source } = "worked",
    CommitSent { segment: SegmentId, positions: Vec<(PartitionId, u64)> } = "commit_sent",
    /// The group's offsets are stored.
    OffsetsCommitted { segment: SegmentId, member: HostId, positions: Vec<(PartitionId, u64)> } = "offsets_committed",
    MemberRemoved { segment: SegmentId, member: HostId, why: Departure } = "member_removed",
    /// A write of somebody who is not in charge any more was refused.
    Fenced { segment: SegmentId, who: HostId, error: ErrorCode } = "fenced",
    TransactionBegan { id: String } = "transaction_began",
    /// A writer whose transactional id belongs to a newer epoch was refused.
    WriterFenced { id: String, error: ErrorCode } = "writer_fenced",
    /// The decision is written: whatever happens, the transaction ends this way.
    TransactionPrepared { id: String, commit: bool } = "transaction_prepared",
    /// The end of a transaction in one partition; it takes an offset, and decides these.
    MarkerAppended { partition: PartitionId, offset: u64, commit: bool, why: Ending, offsets: Vec<u64> } = "marker_appended",
    /// The application wrote off the records of an aborted transaction.
    UnitDropped { id: String, origins: Vec<Origin> } = "unit_dropped",
    /// All partitions have their markers.
    TransactionEnded { id: String, commit: bool, why: Ending } = "transaction_ended",
    /// Tasks are deployed, for the first time or again, from a checkpoint or from the start.
    JobStarted { segment: SegmentId, attempt: u32, checkpoint: Option<u64>, positions: Vec<(PartitionId, u64)> } = "job_started",
    RestartScheduled { segment: SegmentId, delay: Span } = "restart_scheduled",
    TaskFailed { segment: SegmentId, error: String } = "task_failed",
    CheckpointTriggered { segment: SegmentId, checkpoint: u64 } = "checkpoint_triggered",
    /// A source sent a barrier between two records.
    BarrierSent { segment: SegmentId, checkpoint: u64, to: HostId } = "barrier_sent",
    /// An operator has one of its barriers; it came from there.
    BarrierArrived { segment: SegmentId, checkpoint: u64, from: HostId } = "barrier_arrived",
    /// A sink's transaction is flushed and belongs to a checkpoint.
    Precommitted { segment: SegmentId, transaction: String, checkpoint: u64, origins: Vec<(Origin, Source)> } = "precommitted",
    /// A task's state is copied: so many windows, and so many elements that the barrier overtook.
    SnapshotTaken { segment: SegmentId, checkpoint: u64, rows: u32, in_flight: u32 } = "snapshot_taken",
    CheckpointAcknowledged { segment: SegmentId, checkpoint: u64, by: HostId } = "checkpoint_acknowledged",
    /// From here on a restart begins at these positions.
    CheckpointCompleted { segment: SegmentId, checkpoint: u64, positions: Vec<(PartitionId, u64)> } = "checkpoint_completed",
    CheckpointFailed { segment: SegmentId, checkpoint: u64, why: CheckpointFailure } = "checkpoint_failed",
    /// A transaction of the sink is committed; `again`: it was already.
    SinkCommitted { segment: SegmentId, transaction: String, again: bool } = "sink_committed",
    /// A transaction of a complete checkpoint can never be committed, and the job goes on.
    CommitRefused { segment: SegmentId, transaction: String, error: ErrorCode, origins: Vec<(Origin, Source)> } = "commit_refused",
    /// A source handed records on.
    SourceRead { segment: SegmentId, origins: Vec<(Origin, Source)> } = "source_read",
    /// Written into a transaction, and seen by nobody yet.
    WrittenPending { segment: SegmentId, origins: Vec<(Origin, Source)> } = "written_pending",
    /// A partition sends nothing and does not hold the watermark back, or does again.
    SourceIdle { segment: SegmentId, partition: PartitionId, idle: bool } = "source_idle",
    /// Too late for this window; another one has counted it.
    WindowMissed { segment: SegmentId, window: Window, origins: Vec<(Origin, Source)> } = "window_missed",
    /// Too late for every window: handed to the side output.
    SideOutput { segment: SegmentId, window: Window, origins: Vec<(Origin, Source)> } = "side_output",
    /// A record within the allowed lateness made a window fire once more.
    Refired { segment: SegmentId, window: Window, amount: i64 } = "refired",
    /// An operator without windows keeps these events: in a group, or as rows that wait for partners.
    Kept { segment: SegmentId, origins: Vec<(Origin, Source)> } = "kept",
    /// These are copies of what the operator had seen, and vanish.
    DuplicatesDropped { segment: SegmentId, origins: Vec<(Origin, Source)> } = "duplicates_dropped",
    /// What a batch did to a stateful operator, in its query's own numbers.
    OperatorProgressed { segment: SegmentId, batch: u64, operator: String, metrics: Metrics } = "operator_progressed",
    /// A new query knows where it begins, and its checkpoint keeps that.
    StartingOffsetsResolved { segment: SegmentId, positions: Vec<(PartitionId, u64)> } = "starting_offsets_resolved",
    /// The topic does not hold what was planned; the query reads on behind it (`failOnDataLoss` is false).
    DataMissed { segment: SegmentId, range: OffsetRange } = "data_missed",
    /// Somebody deleted a part of the checkpoint.
    CheckpointDamaged { segment: SegmentId, what: String, files: u32 } = "checkpoint_damaged",
    /// Operator state lets go of these events: what is to come of them is on its way to the sink.
    Released { segment: SegmentId, origins: Vec<(Origin, Source)> } = "released",
    /// The query has done all that its trigger asks for.
    QueryFinished { segment: SegmentId } = "query_finished",
    /// What the business handed over is another version of an earlier order.
    Changed { origin: Origin, order_id: u32, version: Version } = "changed",
    /// A commit took these rows in and shows another version of their orders, or none.
    MergedAway { segment: SegmentId, instant: Time, why: Absorption, origins: Vec<(Origin, Source)> } = "merged_away",
    /// A commit took these rows in; the query that counts here does not see them before a compaction.
    Deferred { segment: SegmentId, instant: Time, origins: Vec<(Origin, Source)> } = "deferred",
    /// An attempt to write a batch to the table failed; the sink tries again after a pause, if it does.
    WriteFailed { segment: SegmentId, batch: u64, attempt: u32, error: String, retry_in: Option<Span> } = "write_failed",
    /// The sink took a failed batch for done.
    BatchIgnored { segment: SegmentId, batch: u64 } = "batch_ignored",
    CompactionChanged { segment: SegmentId, instant: Time, state: InstantState } = "compaction_changed",
    /// Old slices were deleted: nobody can read that far back any more.
    Cleaned { segment: SegmentId, files: u32 } = "cleaned",
    /// A compaction wrote a new base file, which nobody reads before it is complete.
    SliceCompacted { segment: SegmentId, instant: Time, file: String, rows: u32 } = "slice_compacted",
    /// Completed actions left the active timeline.
    Archived { segment: SegmentId, instants: u32 } = "archived",
}

impl FactKind {
    pub fn from_name(name: &str) -> Option<FactKind> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// A fact with its time, its host and its cause. The kernel fills in `cause`, so facts form a tree.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TraceEvent {
    pub cause: Option<FactId>,
    pub at: Time,
    pub host: HostId,
    /// The setting that decided it, by its real key.
    pub setting: Option<String>,
    pub fact: Fact,
}

/// Who takes part in a run: the names behind the numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cast {
    /// Index: `HostId`. `p1`, `b1`, `driver`, `revenue.exec1`, `store`.
    pub hosts: Vec<String>,
    /// Index: `SegmentId`. The main segment's name is empty.
    pub segments: Vec<String>,
    /// Index: number of the fault.
    pub faults: Vec<String>,
    pub topic: String,
}

impl Cast {
    pub fn host(&self, id: HostId) -> &str {
        &self.hosts[usize::from(id.0)]
    }

    pub fn find(&self, name: &str) -> Option<HostId> {
        self.hosts
            .iter()
            .position(|host| host == name)
            .map(|index| HostId(index as u8))
    }
}

/// All facts of a run, in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trace {
    pub cast: Cast,
    pub events: Vec<TraceEvent>,
}

impl Trace {
    pub fn get(&self, id: FactId) -> &TraceEvent {
        &self.events[id.0 as usize]
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (FactId, &TraceEvent)> {
        self.events
            .iter()
            .enumerate()
            .map(|(index, event)| (FactId(index as u32), event))
    }

    /// The text form: one fact a line, for golden files.
    pub fn text(&self) -> String {
        self.iter().map(|(id, _)| self.line(id)).collect()
    }

    /// One fact's line of it.
    pub fn line(&self, id: FactId) -> String {
        let mut line = String::new();
        let event = self.get(id);
        write_line(
            &mut line,
            &self.cast,
            id,
            event.cause,
            event.at,
            event.host,
            event.setting.as_deref(),
            &event.fact,
        );
        line
    }
}

/// Notes facts: folds the digest, keeps the trace if asked to, and hands on what is new.
#[derive(Clone)]
pub struct Recorder {
    cast: Rc<Cast>,
    digest: Digest,
    noted: u32,
    keep: Keep,
    /// Empty unless it is kept.
    trace: Trace,
    /// Facts that ledger and faults have not seen yet.
    fresh: Vec<(FactId, TraceEvent)>,
}

impl Recorder {
    pub fn new(cast: Cast, keep: Keep) -> Self {
        let mut trace = Trace::default();
        if keep == Keep::Trace {
            trace.cast = cast.clone();
        }
        Recorder {
            cast: Rc::new(cast),
            digest: Digest::default(),
            noted: 0,
            keep,
            trace,
            fresh: Vec::new(),
        }
    }

    pub fn note(
        &mut self,
        at: Time,
        host: HostId,
        cause: Option<FactId>,
        setting: Option<&'static str>,
        fact: Fact,
    ) -> FactId {
        let id = FactId(self.noted);
        self.noted += 1;
        if self.keep != Keep::VerdictOnly {
            write_line(
                &mut self.digest,
                &self.cast,
                id,
                cause,
                at,
                host,
                setting,
                &fact,
            );
        }
        let event = TraceEvent {
            cause,
            at,
            host,
            setting: setting.map(str::to_string),
            fact,
        };
        if self.keep == Keep::Trace {
            self.trace.events.push(event.clone());
        }
        self.fresh.push((id, event));
        id
    }

    /// The facts noted since the last call.
    pub fn take_fresh(&mut self) -> Vec<(FactId, TraceEvent)> {
        std::mem::take(&mut self.fresh)
    }

    /// Takes the empty list back, so that the next facts need no new memory.
    pub fn give_back(&mut self, taken: Vec<(FactId, TraceEvent)>) {
        if self.fresh.is_empty() {
            self.fresh = taken;
        }
    }

    pub fn digest(&self) -> u64 {
        match self.keep {
            Keep::VerdictOnly => 0,
            _ => self.digest.0,
        }
    }

    pub fn noted(&self) -> u32 {
        self.noted
    }

    pub fn into_trace(self) -> Option<Trace> {
        (self.keep == Keep::Trace).then_some(self.trace)
    }

    /// The facts kept so far, for a run that is shown while it goes on.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }
}

/// FNV-1a over the text of the facts, 64 bits.
#[derive(Clone, Copy)]
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a trace event before there is one"
)]
fn write_line(
    out: &mut impl Write,
    cast: &Cast,
    id: FactId,
    cause: Option<FactId>,
    at: Time,
    host: HostId,
    setting: Option<&str>,
    fact: &Fact,
) {
    let written = (|| {
        write!(
            out,
            "{} {at} {} {}",
            id.0,
            cast.host(host),
            fact.kind().name()
        )?;
        write_fact(out, cast, fact)?;
        if let Some(setting) = setting {
            write!(out, " ({setting})")?;
        }
        match cause {
            Some(cause) => writeln!(out, " <- {}", cause.0),
            None => writeln!(out),
        }
    })();
    written.expect("writing to memory cannot fail");
}

struct Origins<'a>(&'a [Origin]);

impl fmt::Display for Origins<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|&origin| write!(f, " #{}", number(origin)))
    }
}

struct At<'a>(&'a [(PartitionId, u64)]);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(partition, offset)| write!(f, " {}@{offset}", partition.0))
    }
}

struct Sourced<'a>(&'a [(Origin, Source)]);

impl fmt::Display for Sourced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(origin, source)| {
            write!(
                f,
                " #{}@{}:{}",
                number(*origin),
                source.partition.0,
                source.offset
            )
        })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{},{})", self.start, self.end)
    }
}

fn write_fact(out: &mut impl Write, cast: &Cast, fact: &Fact) -> fmt::Result {
    let segment = |id: &SegmentId| match cast.segments[usize::from(id.0)].as_str() {
        "" => "main".to_string(),
        name => name.to_string(),
    };
    let host = |id: &HostId| cast.host(*id).to_string();
    match fact {
        Fact::Emitted {
            origin,
            customer,
            order_id,
            amount,
            event_time,
        } => {
            write!(
                out,
                " #{} customer {customer} order {order_id} amount {amount} at {event_time}",
                number(*origin)
            )
        }
        Fact::Resent { origins } => write!(out, "{}", Origins(origins)),
        Fact::ProducerIdAssigned { producer_id, epoch } => {
            write!(out, " {producer_id} epoch {epoch}")
        }
        Fact::BatchSent {
            batch,
            to,
            attempt,
            sequence,
            origins,
        } => {
            write!(out, " {batch} to {} attempt {attempt}", host(to))?;
            if let Some(sequence) = sequence {
                write!(out, " sequence {sequence}")?;
            }
            write!(out, "{}", Origins(origins))
        }
        Fact::BatchAppended {
            batch,
            base_offset,
            epoch,
            origins,
        } => {
            write!(
                out,
                " {batch} at {base_offset} epoch {epoch}{}",
                Origins(origins)
            )
        }
        Fact::BatchDeduplicated { batch, base_offset } => {
            write!(out, " {batch} is at {base_offset}")
        }
        Fact::BatchRejected { batch, error } => write!(out, " {batch} {error}"),
        Fact::Acknowledged {
            batch,
            base_offset,
            origins,
        } => {
            write!(out, " {batch}")?;
            if let Some(offset) = base_offset {
                write!(out, " at {offset}")?;
            }
            write!(out, "{}", Origins(origins))
        }
        Fact::AttemptFailed {
            batch,
            attempt,
            error,
            retry_in,
        } => write!(
            out,
            " {batch} attempt {attempt} {error} retry in {retry_in}"
        ),
        Fact::SendFailed {
            batch,
            error,
            origins,
        } => write!(out, " {batch} {error}{}", Origins(origins)),
        Fact::ReplicaAdvanced { partition, end } => write!(out, " {partition} end {end}"),
        Fact::HighWatermarkAdvanced { partition, offset } => {
            write!(out, " {partition} to {offset}")
        }
        Fact::IsrChanged { partition, isr } => {
            write!(out, " {partition}")?;
            isr.iter().try_for_each(|id| write!(out, " {}", host(id)))
        }
        Fact::LeaderElected {
            partition,
            epoch,
            end,
        } => write!(out, " {partition} epoch {epoch} end {end}"),
        Fact::PartitionOffline { partition } => write!(out, " {partition}"),
        Fact::LogTruncated {
            partition,
            to,
            from,
        } => write!(out, " {partition} to {to} from {from}"),
        Fact::LogStartAdvanced { partition, to } => write!(out, " {partition} to {to}"),
        Fact::Restored {
            segment: id,
            recovery,
        } => write!(out, " {} {recovery:?}", segment(id)),
        Fact::OffsetsLogged {
            segment: id,
            batch,
            ranges,
            watermark,
        } => {
            write!(out, " {} batch {batch}", segment(id))?;
            ranges.iter().try_for_each(|range| {
                write!(out, " {}[{},{})", range.partition, range.start, range.end)
            })?;
            write!(out, " watermark {watermark}")
        }
        Fact::TaskStarted {
            segment: id,
            batch,
            task,
            attempt,
        } => write!(
            out,
            " {} batch {batch} task {task} attempt {attempt}",
            segment(id)
        ),
        Fact::TaskFinished {
            segment: id,
            batch,
            task,
            attempt,
            records,
        } => {
            write!(
                out,
                " {} batch {batch} task {task} attempt {attempt} records {records}",
                segment(id)
            )
        }
        Fact::QueryFailed { segment: id, error } => write!(out, " {} {error}", segment(id)),
        Fact::BatchSkipped { segment: id, batch } => write!(out, " {} batch {batch}", segment(id)),
        Fact::InstantChanged {
            segment: id,
            instant,
            state,
        } => write!(out, " {} {instant} {state:?}", segment(id)),
        Fact::DataFileWritten {
            segment: id,
            instant,
            file,
            rows,
        } => write!(out, " {} {instant} {file} rows {rows}", segment(id)),
        Fact::Reconciled {
            segment: id,
            instant,
            deleted,
        } => write!(out, " {} {instant} deleted {deleted}", segment(id)),
        Fact::TableCommitted {
            segment: id,
            instant,
            batch,
        } => write!(out, " {} {instant} batch {batch:?}", segment(id)),
        Fact::RollbackRequested {
            segment: id,
            instant,
        } => write!(out, " {} {instant}", segment(id)),
        Fact::RolledBack {
            segment: id,
            instant,
            files,
        } => write!(out, " {} {instant} files {files}", segment(id)),
        Fact::BecameVisible {
            segment: id,
            instant,
            batch,
            rows,
        } => {
            write!(out, " {} {instant} batch {batch}", segment(id))?;
            rows.iter().try_for_each(|row| {
                write!(
                    out,
                    " ({} {} {}{})",
                    row.row,
                    row.record_key,
                    row.amount,
                    Sourced(&row.origins)
                )
            })
        }
        Fact::Retracted {
            segment: id,
            rows,
            why,
        } => write!(out, " {} {why:?} {rows:?}", segment(id)),
        Fact::Accumulated {
            segment: id,
            window,
            origins,
        }
        | Fact::DroppedLate {
            segment: id,
            window,
            origins,
        } => {
            write!(out, " {} {window}{}", segment(id), Sourced(origins))
        }
        Fact::WindowClosed {
            segment: id,
            window,
            amount,
        } => write!(out, " {} {window} {amount}", segment(id)),
        Fact::StateSaved {
            segment: id,
            version,
            rows,
        } => write!(out, " {} version {version} rows {rows}", segment(id)),
        Fact::WatermarkAdvanced { segment: id, to } => write!(out, " {} {to}", segment(id)),
        Fact::BatchCommitted {
            segment: id,
            batch,
            watermark,
        } => write!(out, " {} batch {batch} watermark {watermark}", segment(id)),
        Fact::Crashed { loses } => write!(out, " loses {loses:?}"),
        Fact::Restarted => Ok(()),
        Fact::Injected { fault } => write!(out, " {}", cast.faults[usize::from(*fault)]),
        Fact::ConnectionLost { peer } => write!(out, " to {}", host(peer)),
        Fact::Noted { text } => write!(out, " {text}"),
        Fact::Paused { during } => write!(out, " for {during}"),
        Fact::Kept {
            segment: id,
            origins,
        }
        | Fact::DuplicatesDropped {
            segment: id,
            origins,
        }
        | Fact::Released {
            segment: id,
            origins,
        } => write!(out, " {}{}", segment(id), Sourced(origins)),
        Fact::StartingOffsetsResolved {
            segment: id,
            positions,
        } => write!(out, " {}{}", segment(id), At(positions)),
        Fact::OperatorProgressed {
            segment: id,
            batch,
            operator,
            metrics,
        } => {
            write!(
                out,
                " {} batch {batch} {operator} rows {} updated {} removed {} late {}",
                segment(id),
                metrics.rows,
                metrics.updated,
                metrics.removed,
                metrics.dropped_by_watermark
            )?;
            match metrics.dropped_duplicates {
                Some(copies) => write!(out, " duplicates {copies}"),
                None => Ok(()),
            }
        }
        other if FULL => write_group_fact(out, cast, other),
        _ => Ok(()),
    }
}

/// The same for what consumer groups and transactions note.
fn write_group_fact(out: &mut impl Write, cast: &Cast, fact: &Fact) -> fmt::Result {
    let segment = |id: &SegmentId| match cast.segments[usize::from(id.0)].as_str() {
        "" => "main".to_string(),
        name => name.to_string(),
    };
    let host = |id: &HostId| cast.host(*id).to_string();
    match fact {
        Fact::TransactionBegan { id } => write!(out, " {id}"),
        Fact::WriterFenced { id, error } => write!(out, " {id} {error}"),
        Fact::MarkerAppended {
            partition,
            offset,
            commit,
            why,
            offsets,
        } => {
            let end = if *commit { "commit" } else { "abort" };
            write!(out, " {partition} at {offset} {end} {why:?} {offsets:?}")
        }
        Fact::TransactionPrepared { id, commit } => {
            write!(out, " {id} {}", if *commit { "commit" } else { "abort" })
        }
        Fact::UnitDropped { id, origins } => write!(out, " {id}{}", Origins(origins)),
        Fact::TransactionEnded { id, commit, why } => {
            let end = if *commit { "commit" } else { "abort" };
            write!(out, " {id} {end} {why:?}")
        }
        Fact::Assigned {
            segment: id,
            generation,
            partitions,
        } => {
            write!(out, " {} generation {generation}", segment(id))?;
            partitions.iter().try_for_each(|p| write!(out, " {p}"))
        }
        Fact::Revoked {
            segment: id,
            partitions,
        } => {
            write!(out, " {}", segment(id))?;
            partitions.iter().try_for_each(|p| write!(out, " {p}"))
        }
        Fact::Positioned {
            segment: id,
            positions,
            reset,
        } => {
            let how = if *reset { " reset" } else { "" };
            write!(out, " {}{how}{}", segment(id), At(positions))
        }
        Fact::Polled {
            segment: id,
            origins,
        } => write!(out, " {}{}", segment(id), Sourced(origins)),
        Fact::Worked {
            segment: id,
            origin,
            source,
        } => write!(out, " {}{}", segment(id), Sourced(&[(*origin, *source)])),
        Fact::CommitSent {
            segment: id,
            positions,
        } => write!(out, " {}{}", segment(id), At(positions)),
        Fact::OffsetsCommitted {
            segment: id,
            member,
            positions,
        } => write!(out, " {} {}{}", segment(id), host(member), At(positions)),
        Fact::MemberRemoved {
            segment: id,
            member,
            why,
        } => write!(out, " {} {} {why:?}", segment(id), host(member)),
        Fact::Fenced {
            segment: id,
            who,
            error,
        } => write!(out, " {} {} {error}", segment(id), host(who)),
        Fact::DataMissed { segment: id, range } => write!(
            out,
            " {} {}[{},{})",
            segment(id),
            range.partition,
            range.start,
            range.end
        ),
        Fact::CheckpointDamaged {
            segment: id,
            what,
            files,
        } => write!(out, " {} {what} files {files}", segment(id)),
        Fact::QueryFinished { segment: id } => write!(out, " {}", segment(id)),
        Fact::Changed {
            origin,
            order_id,
            version,
        } => write!(
            out,
            " #{} order {order_id} {} in region {}",
            number(*origin),
            version.status.name(),
            version.region
        ),
        Fact::MergedAway {
            segment: id,
            instant,
            why,
            origins,
        } => write!(
            out,
            " {} {instant} {why:?}{}",
            segment(id),
            Sourced(origins)
        ),
        Fact::Deferred {
            segment: id,
            instant,
            origins,
        } => write!(out, " {} {instant}{}", segment(id), Sourced(origins)),
        Fact::WriteFailed {
            segment: id,
            batch,
            attempt,
            error,
            retry_in,
        } => {
            write!(
                out,
                " {} batch {batch} attempt {attempt} {error}",
                segment(id)
            )?;
            retry_in.map_or(Ok(()), |pause| write!(out, " retry in {pause}"))
        }
        Fact::BatchIgnored { segment: id, batch } => write!(out, " {} batch {batch}", segment(id)),
        Fact::CompactionChanged {
            segment: id,
            instant,
            state,
        } => write!(out, " {} {instant} {state:?}", segment(id)),
        Fact::SliceCompacted {
            segment: id,
            instant,
            file,
            rows,
        } => write!(out, " {} {instant} {file} rows {rows}", segment(id)),
        Fact::Cleaned { segment: id, files } => write!(out, " {} files {files}", segment(id)),
        Fact::Archived {
            segment: id,
            instants,
        } => write!(out, " {} instants {instants}", segment(id)),
        other => write_job_fact(out, cast, other),
    }
}

/// The same for what a job with checkpoints notes.
fn write_job_fact(out: &mut impl Write, cast: &Cast, fact: &Fact) -> fmt::Result {
    let Some(segment) = fact.segment() else {
        return Ok(());
    };
    match cast.segments[usize::from(segment.0)].as_str() {
        "" => write!(out, " main")?,
        name => write!(out, " {name}")?,
    }
    match fact {
        Fact::JobStarted {
            attempt,
            checkpoint,
            positions,
            ..
        } => {
            write!(out, " attempt {attempt} checkpoint {checkpoint:?}")?;
            write!(out, "{}", At(positions))
        }
        Fact::RestartScheduled { delay, .. } => write!(out, " in {delay}"),
        Fact::TaskFailed { error, .. } => write!(out, " {error}"),
        Fact::CheckpointTriggered { checkpoint, .. } => write!(out, " {checkpoint}"),
        Fact::BarrierSent { checkpoint, to, .. } => {
            write!(out, " {checkpoint} to {}", cast.host(*to))
        }
        Fact::BarrierArrived {
            checkpoint, from, ..
        } => write!(out, " {checkpoint} from {}", cast.host(*from)),
        Fact::Precommitted {
            transaction,
            checkpoint,
            origins,
            ..
        } => write!(
            out,
            " {transaction} checkpoint {checkpoint}{}",
            Sourced(origins)
        ),
        Fact::SnapshotTaken {
            checkpoint,
            rows,
            in_flight,
            ..
        } => write!(out, " {checkpoint} rows {rows} in flight {in_flight}"),
        Fact::CheckpointAcknowledged { checkpoint, by, .. } => {
            write!(out, " {checkpoint} by {}", cast.host(*by))
        }
        Fact::CheckpointCompleted {
            checkpoint,
            positions,
            ..
        } => write!(out, " {checkpoint}{}", At(positions)),
        Fact::CheckpointFailed {
            checkpoint, why, ..
        } => write!(out, " {checkpoint} {why:?}"),
        Fact::SinkCommitted {
            transaction, again, ..
        } => write!(out, " {transaction}{}", if *again { " again" } else { "" }),
        Fact::CommitRefused {
            transaction,
            error,
            origins,
            ..
        } => write!(out, " {transaction} {error}{}", Sourced(origins)),
        Fact::SourceRead { origins, .. } | Fact::WrittenPending { origins, .. } => {
            write!(out, "{}", Sourced(origins))
        }
        Fact::SourceIdle {
            partition, idle, ..
        } => write!(
            out,
            " {partition} {}",
            if *idle { "idle" } else { "active" }
        ),
        Fact::WindowMissed {
            window, origins, ..
        }
        | Fact::SideOutput {
            window, origins, ..
        } => write!(out, " {window}{}", Sourced(origins)),
        Fact::Refired { window, amount, .. } => write!(out, " {window} {amount}"),
        _ => Ok(()),
    }
}
