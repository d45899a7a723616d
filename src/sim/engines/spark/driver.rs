//! The driver: plans a micro-batch, has it run, ticks it off. One batch at a time.
//!
//! Mirrors: `MicroBatchExecution.runActivatedStream`, `constructNextBatch`, `populateStartOffsets`; `HoodieStreamingSink.addBatch`.
//! Simplified: a lost task does not wait for an executor to come back; `availableNow` and `once` fix their end offsets at the
//! first plan, after an uncommitted batch has run again.

mod attempts;

use super::super::super::kafka::protocol::{Isolation, Message as Kafka, OffsetSpec, PartitionId};
use super::super::super::sinks::database::{self, BatchWrite, DatabaseConfig};
use super::super::super::sinks::hudi::{
    self, FailedWritesPolicy, HudiConfig, Placement, SinkWriter, Slice, Timeline, WriteOperation,
    WriteTask,
};
use super::super::super::store::{self, Object, Objects, Operation};
use super::super::super::trace::{Fact, InstantState, OffsetRange, Recovery, Row, SegmentId};
use super::super::operators::query::Operator;
use super::super::operators::{Element, Emitted};
use super::leaders::Leaders;
use super::micro_batch::MicroBatch;
use super::progress::{self, Entry};
use super::{CheckpointLocation, Message, Output, SparkConfig, StartingOffsets, TriggerType, Work};
use crate::sim::FULL;
use crate::sim::compact::{gather, sort_by_rank};
use crate::sim::kernel::{Context, EventTime, HostId, Program, Span, Time};
use crate::sim::message;
use crate::sim::ordered::{OrdMap, OrdSet};
use attempts::STORE_ERROR;
use std::collections::VecDeque;

/// Why a query ends whose offsets the topic does not have.
const DATA_LOSS: &str = "some data may have been missed: the topic ends before the checkpoint's offsets (failOnDataLoss)";

/// When the second application on a checkpoint is started.
const SECOND_APPLICATION: Span = Span::from_ms(3_100);

/// A driver's configuration.
#[derive(Clone)]
pub struct Driver {
    pub segment: SegmentId,
    /// Whether nobody else can have written to the checkpoint when this application starts.
    pub is_first: bool,
    pub config: SparkConfig,
    pub sink: HudiConfig,
    /// What `foreachBatch` writes instead of the Hudi table.
    pub database: Option<DatabaseConfig>,
    pub store: HostId,
    pub executors: Vec<HostId>,
    pub brokers: Vec<HostId>,
    pub leaders: Vec<Option<HostId>>,
    /// The first partition of the topic that the query reads.
    pub input: u16,
    /// Who compacts a merge-on-read table.
    pub compactor: Option<HostId>,
}

#[derive(Clone)]
pub struct Memory {
    phase: Phase,
    leaders: Leaders,
    checkpoint: String,
    batches: MicroBatch,
    /// Where the next batch begins; incomplete until the starting offsets are known.
    position: OrdMap<PartitionId, u64>,
    /// What the first batch of this run will fail with, because the state is not that of its operator.
    misfit: Option<&'static str>,
    /// `availableNow`, `once`: up to where this run reads, once it has looked.
    target: OrdMap<PartitionId, u64>,
    /// Batches of this run.
    done: u64,
    batch: Option<Batch>,
    /// Store operations still to be done, one after the other.
    steps: VecDeque<Operation>,
    tasks: OrdMap<u32, Task>,
    made: u32,
    /// Executors whose connection broke and that have not reported since.
    lost: OrdSet<HostId>,
    last_trigger: Time,
}

/// The batch in hand.
#[derive(Clone)]
struct Batch {
    id: u64,
    ranges: Vec<OffsetRange>,
    instant: Time,
    timeline: Option<Timeline>,
    elements: Vec<Element>,
    rows: Vec<Row>,
    slices: Vec<Slice>,
    event_time_max: Option<EventTime>,
    /// Failed writes still to be rolled back.
    failed: VecDeque<Time>,
    /// How often the sink has tried to write it, this time included.
    attempt: u32,
    /// The last sign of life of its instant.
    last_beat: Time,
}

#[derive(Clone)]
struct Task {
    executor: HostId,
    attempt: u32,
    work: Work,
}

/// What the driver waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Restoring,
    /// The file `metadata` of a new query.
    Creating,
    /// The offsets that a new query begins at.
    Starting,
    KeepingStart,
    /// The next trigger.
    Idle,
    Planning,
    LoggingOffsets,
    /// Whether an outside table has the batch.
    FindingBatch,
    /// The function of `foreachBatch` writes its rows.
    WritingOut,
    ReadingTimeline,
    FindingMarkers,
    RollingBack,
    Requesting,
    Reading,
    Operating,
    Tagging,
    MarkingInflight,
    Writing,
    Reconciling,
    Completing,
    /// Under LAZY: failed writes are being looked up after the commit.
    FindingDead,
    CleaningUp,
    /// The writer waits for an inline compaction.
    #[cfg(not(feature = "lean"))]
    Compacting,
    /// The pause before the sink tries again.
    Retrying,
    LoggingCommit,
    Failed,
    /// The query has done what its trigger asks for.
    Finished,
    /// It is over, and whoever watches over it starts it again.
    Down,
}

impl Memory {
    /// Whether the query waits for its next trigger, or will never do anything again. One that somebody starts again is neither.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Failed | Phase::Finished)
    }
}

impl Program for Driver {
    type Disk = ();
    type Memory = Memory;

    fn boot(&self, (): &mut (), cx: &mut Context) -> Memory {
        let mut memory = self.run(cx.incarnation() << 16, cx);
        if FULL && cx.incarnation() == 1 && !self.is_first {
            memory.phase = Phase::Down;
            cx.after(SECOND_APPLICATION, Message::Start);
            return memory;
        }
        self.look_up_checkpoint(memory, cx.incarnation() == 1 && self.is_first, cx)
    }

    fn on_message(
        &self,
        (): &mut (),
        memory: &mut Memory,
        from: HostId,
        message: message::Message,
        cx: &mut Context,
    ) {
        match message {
            message::Message::Spark(Message::Trigger) if memory.phase == Phase::Idle => {
                self.plan(memory, cx)
            }
            message::Message::Spark(Message::Start) if memory.phase == Phase::Down => {
                let run = self.run(memory.made, cx);
                *memory = self.look_up_checkpoint(run, false, cx);
            }
            message::Message::Spark(Message::AskLeaders) => memory.leaders.ask(cx),
            message::Message::Spark(Message::Finished {
                batch,
                task,
                attempt,
                output,
            }) => self.finished(memory, batch, task, attempt, *output, cx),
            message::Message::Spark(Message::Ready) => self.executor_ready(memory, from, cx),
            message::Message::Kafka(Kafka::Metadata { leaders }) => {
                memory.leaders.learn(leaders);
                self.ask_offsets(memory, cx);
            }
            message::Message::Kafka(Kafka::Offset { partition, result })
                if matches!(memory.phase, Phase::Starting | Phase::Planning) =>
            {
                match result {
                    Ok(offset) if memory.phase == Phase::Starting => {
                        self.begins_at(memory, partition, offset, cx)
                    }
                    Ok(offset) => self.planned(memory, partition, offset, cx),
                    Err(_) => {
                        memory.leaders.forget(from);
                        self.ask_offsets(memory, cx);
                    }
                }
            }
            message::Message::Store(store::Message::Done { ok }) => self.stored(memory, ok, cx),
            message::Message::Store(store::Message::Failed) if FULL => {
                self.attempt_failed(memory, STORE_ERROR, cx);
            }
            message::Message::Spark(Message::RetryBatch { batch, attempt }) if FULL => {
                self.try_again(memory, batch, attempt, cx);
            }
            message::Message::Spark(Message::Beat { instant }) if FULL => {
                self.beat(memory, instant, cx);
            }
            #[cfg(not(feature = "lean"))]
            message::Message::Hudi(hudi::compactor::Message::Compacted)
                if memory.phase == Phase::Compacting =>
            {
                self.log_commit(memory, cx);
            }
            #[cfg(not(feature = "lean"))]
            message::Message::Disconnected
                if self.compactor == Some(from) && memory.phase == Phase::Compacting =>
            {
                self.attempt_failed(memory, "the inline compaction failed", cx);
            }
            message::Message::Store(store::Message::Listing { objects }) => {
                self.listed(memory, &objects, cx)
            }
            message::Message::Disconnected if self.executors.contains(&from) => {
                self.executor_lost(memory, from, cx)
            }
            message::Message::Disconnected => {
                memory.leaders.forget(from);
                self.ask_offsets(memory, cx);
            }
            _ => {}
        }
    }
}

impl Driver {
    fn ask_store(&self, operation: Operation, cx: &mut Context) {
        cx.send(self.store, store::Message::Request(Box::new(operation)));
    }

    /// Does the steps one after the other; the answer to the last one ends `phase`.
    fn do_steps(&self, memory: &mut Memory, phase: Phase, steps: Vec<Operation>, cx: &mut Context) {
        memory.phase = phase;
        memory.steps = steps.into();
        let first = memory
            .steps
            .pop_front()
            .expect("a phase has at least one step");
        self.ask_store(first, cx);
    }

    fn fail(&self, memory: &mut Memory, error: &str, cx: &mut Context) {
        cx.note(Fact::QueryFailed {
            segment: self.segment,
            error: error.to_string(),
        });
        self.end(memory, Phase::Failed, cx);
    }

    /// The trigger's work is done.
    fn finish(&self, memory: &mut Memory, cx: &mut Context) {
        let segment = self.segment;
        cx.note(Fact::QueryFinished { segment });
        self.end(memory, Phase::Finished, cx);
    }

    fn end(&self, memory: &mut Memory, phase: Phase, cx: &mut Context) {
        memory.phase = phase;
        memory.batch = None;
        memory.tasks.clear();
        memory.steps.clear();
        if FULL && self.config.restart > 0 {
            memory.phase = Phase::Down;
            cx.after(Span::from_ms(self.config.restart), Message::Start);
        }
    }

    // ---- start and restart -------------------------------------------------------------------------------------

    /// The memory of a new run, before it has seen its checkpoint. `made`: how many tasks the driver has made so far.
    fn run(&self, made: u32, cx: &mut Context) -> Memory {
        // A checkpoint on the driver's own disk begins anew with every driver.
        let life = if self.config.checkpoint_location == CheckpointLocation::Lost {
            cx.incarnation()
        } else {
            1
        };
        let query = self.config.query();
        let nothing = progress::resume(&Objects::new()).expect("nothing is not damaged");
        Memory {
            phase: Phase::Restoring,
            leaders: Leaders::new(self.input, self.leaders.clone(), self.brokers.clone()),
            checkpoint: progress::checkpoint_path(self.segment, life),
            batches: MicroBatch::resumed(&query, &nothing),
            position: OrdMap::new(),
            misfit: None,
            target: OrdMap::new(),
            done: 0,
            batch: None,
            steps: VecDeque::new(),
            tasks: OrdMap::new(),
            made,
            lost: OrdSet::new(),
            last_trigger: cx.now(),
        }
    }

    /// `empty`: nobody can have been there before.
    fn look_up_checkpoint(&self, mut memory: Memory, empty: bool, cx: &mut Context) -> Memory {
        if empty {
            self.restore(&mut memory, &Objects::new(), cx);
        } else {
            let prefix = memory.checkpoint.clone();
            self.ask_store(Operation::List { prefix }, cx);
        }
        memory
    }

    fn restore(&self, memory: &mut Memory, checkpoint: &Objects, cx: &mut Context) {
        let query = self.config.query();
        let resume = match progress::resume(checkpoint) {
            Ok(resume) => resume,
            Err(condition) => return self.fail(memory, condition, cx),
        };
        cx.note_setting(
            "checkpointLocation",
            Fact::Restored {
                segment: self.segment,
                recovery: resume.recovery,
            },
        );
        memory.batches = MicroBatch::resumed(&query, &resume);
        memory.misfit = progress::check_operator(
            checkpoint,
            resume.recovery.next_batch(),
            query.operator_name(),
        )
        .err();
        match resume.recovery {
            Recovery::Fresh => {
                memory.position = gather(resume.start);
                let metadata = Operation::Put {
                    path: progress::metadata_path(&memory.checkpoint),
                    object: Object::Progress(Entry::Metadata),
                    if_absent: false,
                    note: None,
                };
                self.do_steps(memory, Phase::Creating, vec![metadata], cx);
            }
            Recovery::Continue(_) => {
                let ends = resume.ranges.iter();
                memory.position = gather(ends.map(|range| (range.partition, range.end)));
                self.plan(memory, cx);
            }
            Recovery::Rerun(_) => {
                let starts = resume.ranges.iter();
                memory.position = gather(starts.map(|range| (range.partition, range.start)));
                self.open_batch(memory, resume.ranges, cx);
                self.begin_sink(memory, cx);
            }
        }
    }

    // ---- where a new query begins ------------------------------------------------------------------------------

    /// `startingOffsets` are resolved once, when the query starts, and kept in its checkpoint.
    fn start(&self, memory: &mut Memory, cx: &mut Context) {
        let known = memory.position.len();
        if known == memory.leaders.partitions().count() {
            return self.plan(memory, cx);
        }
        memory.phase = Phase::Starting;
        self.ask_offsets(memory, cx);
    }

    fn begins_at(
        &self,
        memory: &mut Memory,
        partition: PartitionId,
        offset: u64,
        cx: &mut Context,
    ) {
        memory.position.entry(partition).or_insert(offset);
        if memory.position.len() < memory.leaders.partitions().count() {
            return;
        }
        let positions: Vec<(PartitionId, u64)> = memory
            .position
            .iter()
            .map(|(&partition, &offset)| (partition, offset))
            .collect();
        let keep = Operation::Put {
            path: progress::start_path(&memory.checkpoint),
            object: Object::Progress(Entry::Start(positions.clone())),
            if_absent: false,
            note: Some(Fact::StartingOffsetsResolved {
                segment: self.segment,
                positions,
            }),
        };
        self.do_steps(memory, Phase::KeepingStart, vec![keep], cx);
    }

    /// Sleeps until the next trigger: multiples of the interval; a batch that took too long is followed at once.
    fn wait(&self, memory: &mut Memory, cx: &mut Context) {
        // These do not wait: they go on until there is nothing more to do.
        if FULL && self.config.trigger_type != TriggerType::ProcessingTime {
            return self.plan(memory, cx);
        }
        memory.phase = Phase::Idle;
        // The default trigger polls an idle source every 10 ms (`spark.sql.streaming.pollingDelay`).
        let interval = if self.config.trigger == 0 {
            10_000
        } else {
            self.config.trigger * 1000
        };
        let due = (memory.last_trigger.micros() / interval + 1) * interval;
        let at = due.max(cx.now().micros());
        memory.last_trigger = Time::from_micros(if at == due {
            due
        } else {
            at / interval * interval
        });
        cx.because(None);
        cx.after(Time::from_micros(at).since(cx.now()), Message::Trigger);
    }

    // ---- planning ----------------------------------------------------------------------------------------------

    fn plan(&self, memory: &mut Memory, cx: &mut Context) {
        memory.phase = Phase::Planning;
        self.open_batch(memory, Vec::new(), cx);
        for (partition, end) in memory.target.clone() {
            self.planned(memory, partition, end, cx);
        }
        self.ask_offsets(memory, cx);
    }

    /// Asks for the beginning or the end of every partition whose is not known yet.
    fn ask_offsets(&self, memory: &mut Memory, cx: &mut Context) {
        let known: Vec<PartitionId> = match memory.phase {
            Phase::Starting => memory.position.keys().copied().collect(),
            Phase::Planning => {
                let ranges = memory.batch.iter().flat_map(|batch| &batch.ranges);
                ranges.map(|range| range.partition).collect()
            }
            _ => return,
        };
        let from_earliest = self.config.starting_offsets == StartingOffsets::Earliest;
        let spec = match self.config.isolation {
            _ if memory.phase == Phase::Starting && from_earliest => OffsetSpec::Earliest,
            Isolation::ReadUncommitted => OffsetSpec::Latest,
            Isolation::ReadCommitted => OffsetSpec::LatestStable,
        };
        let partitions = memory.leaders.partitions();
        for partition in partitions.filter(|partition| !known.contains(partition)) {
            if let Some(leader) = memory.leaders.of(partition, cx) {
                cx.send(leader, Kafka::ListOffsets { partition, spec });
            }
        }
    }

    fn planned(&self, memory: &mut Memory, partition: PartitionId, latest: u64, cx: &mut Context) {
        let partitions = memory.leaders.partitions().count();
        let Some(batch) = &mut memory.batch else {
            return;
        };
        if batch
            .ranges
            .iter()
            .any(|range| range.partition == partition)
        {
            return;
        }
        let mut start = *memory.position.entry(partition).or_insert(latest);
        // Source: `KafkaMicroBatchStream`, `KafkaOffsetReader` (reportDataLoss).
        if latest < start {
            if !FULL || self.config.fail_on_data_loss {
                return self.fail(memory, DATA_LOSS, cx);
            }
            let range = OffsetRange {
                partition,
                start: latest,
                end: start,
            };
            cx.note_setting(
                "failOnDataLoss",
                Fact::DataMissed {
                    segment: self.segment,
                    range,
                },
            );
            start = latest;
        }
        batch.ranges.push(OffsetRange {
            partition,
            start,
            end: latest,
        });
        sort_by_rank(&mut batch.ranges, |range| (range.partition.0.into(), 0));
        if batch.ranges.len() < partitions {
            return;
        }
        let kind = self.config.trigger_type;
        if FULL && kind != TriggerType::ProcessingTime && memory.target.is_empty() {
            let ends = batch.ranges.iter();
            memory.target = gather(ends.map(|range| (range.partition, range.end)));
        }
        if !(FULL && kind == TriggerType::Once) {
            limit(&mut batch.ranges, self.config.max_offsets_per_trigger);
        }
        let data = batch.ranges.iter().any(|range| range.start < range.end);
        let once_more = !(FULL && kind == TriggerType::Once && memory.done > 0);
        if !(memory.batches.is_due(&self.config.query(), data) && once_more) {
            memory.batch = None;
            if FULL && kind != TriggerType::ProcessingTime {
                return self.finish(memory, cx);
            }
            return self.wait(memory, cx);
        }
        let ranges = batch.ranges.clone();
        self.open_batch(memory, ranges.clone(), cx);
        let batch = memory.batches.next;
        let watermark = memory.batches.bounds().evict;
        let mut steps = vec![Operation::Put {
            path: progress::offsets_path(&memory.checkpoint, batch),
            object: Object::Progress(Entry::Offsets {
                batch,
                ranges: ranges.clone(),
                watermark,
            }),
            if_absent: true,
            note: Some(Fact::OffsetsLogged {
                segment: self.segment,
                batch,
                ranges,
                watermark,
            }),
        }];
        if let Some(operator) = self.config.query().operator_name().filter(|_| batch == 0) {
            steps.push(Operation::Put {
                path: progress::operator_path(&memory.checkpoint),
                object: Object::Progress(Entry::Operator(operator)),
                if_absent: false,
                note: None,
            });
        }
        self.do_steps(memory, Phase::LoggingOffsets, steps, cx);
    }

    fn open_batch(&self, memory: &mut Memory, ranges: Vec<OffsetRange>, cx: &Context) {
        memory.batch = Some(Batch {
            id: memory.batches.next,
            ranges,
            instant: cx.now(),
            timeline: None,
            elements: Vec::new(),
            rows: Vec::new(),
            slices: Vec::new(),
            event_time_max: None,
            failed: VecDeque::new(),
            attempt: 1,
            last_beat: cx.now(),
        });
    }

    // ---- the sink ----------------------------------------------------------------------------------------------

    fn begin_sink(&self, memory: &mut Memory, cx: &mut Context) {
        if let Some(condition) = memory.misfit {
            return self.fail(memory, condition, cx);
        }
        if FULL && self.database.is_some() {
            return self.read(memory, cx);
        }
        memory.phase = Phase::ReadingTimeline;
        self.ask_store(
            Operation::List {
                prefix: Timeline::prefix(self.segment),
            },
            cx,
        );
    }

    fn listed(&self, memory: &mut Memory, objects: &Objects, cx: &mut Context) {
        match memory.phase {
            Phase::Restoring => self.restore(memory, objects, cx),
            Phase::ReadingTimeline => self.timeline_read(memory, objects, cx),
            Phase::FindingBatch => self.batch_found(memory, objects, cx),
            Phase::FindingMarkers => {
                let batch = memory.batch.as_mut().expect("a batch is in hand");
                let failed = batch
                    .failed
                    .pop_front()
                    .expect("a failed write is being looked up");
                let timeline = batch.timeline.as_mut().expect("the timeline is read");
                let steps = timeline.rollback(failed, objects, cx.now());
                self.do_steps(memory, Phase::RollingBack, steps, cx);
            }
            Phase::Tagging => self.tag(memory, objects, cx),
            Phase::Reconciling => {
                let sink = self.sink_of(memory);
                let batch = memory.batch.as_ref().expect("a batch is in hand");
                let timeline = batch.timeline.as_ref().expect("the timeline is read");
                // Whoever counts as dead may be rolled back by others at any moment.
                let silent = cx.now().since(batch.last_beat) > sink.heartbeat_limit();
                if FULL && self.is_lazy() && silent {
                    return self.attempt_failed(memory, "HoodieHeartbeatException: expired", cx);
                }
                let steps = timeline.complete(
                    &sink,
                    batch.instant,
                    batch.id,
                    batch.slices.clone(),
                    objects,
                );
                self.do_steps(memory, Phase::Completing, steps, cx);
            }
            Phase::FindingDead if FULL => self.clean(memory, objects, cx),
            _ => {}
        }
    }

    /// `foreachBatch`: calls its function with the rows.
    fn call(&self, memory: &mut Memory, database: &DatabaseConfig, cx: &mut Context) {
        if database.write != BatchWrite::BatchId {
            return self.write_out(memory, database, cx);
        }
        memory.phase = Phase::FindingBatch;
        let prefix = database::prefix(self.segment);
        self.ask_store(Operation::List { prefix }, cx);
    }

    /// The function's transaction knows which batches it has had.
    fn batch_found(&self, memory: &mut Memory, table: &Objects, cx: &mut Context) {
        let id = memory.batch.as_ref().expect("a batch is in hand").id;
        if database::newest_batch(table).is_some_and(|newest| newest >= id) {
            cx.note_setting(
                "foreach_batch.write",
                Fact::BatchSkipped {
                    segment: self.segment,
                    batch: id,
                },
            );
            return self.log_commit(memory, cx);
        }
        if let Some(database) = &self.database {
            self.write_out(memory, database, cx);
        }
    }

    fn write_out(&self, memory: &mut Memory, database: &DatabaseConfig, cx: &mut Context) {
        let batch = memory.batch.as_mut().expect("a batch is in hand");
        let rows = std::mem::take(&mut batch.rows);
        let writes = database.writes(self.segment, batch.id, cx.now(), rows);
        if writes.is_empty() {
            return self.log_commit(memory, cx);
        }
        self.do_steps(memory, Phase::WritingOut, writes, cx);
    }

    fn timeline_read(&self, memory: &mut Memory, objects: &Objects, cx: &mut Context) {
        let timeline = Timeline::read(objects, self.segment);
        let sink = self.sink_of(memory);
        let batch = memory.batch.as_mut().expect("a batch is in hand");
        let remembered = timeline.last_batch(&sink.identifier);
        // The question stands before the loop of attempts and is not put again in it; deletes need none.
        let asks = sink.writer == SinkWriter::Native
            && sink.operation != WriteOperation::Delete
            && batch.attempt == 1;
        if asks && remembered.is_some_and(|last| last >= batch.id) {
            let id = batch.id;
            cx.note_setting(
                "hoodie.datasource.write.streaming.checkpoint.identifier",
                Fact::BatchSkipped {
                    segment: self.segment,
                    batch: id,
                },
            );
            self.log_commit(memory, cx);
            return;
        }
        if sink.failed_writes_policy() == FailedWritesPolicy::Eager {
            batch.failed = timeline.unfinished().into();
        }
        batch.timeline = Some(timeline);
        self.roll_back_or_request(memory, cx);
    }

    fn roll_back_or_request(&self, memory: &mut Memory, cx: &mut Context) {
        let batch = memory.batch.as_mut().expect("a batch is in hand");
        let timeline = batch.timeline.as_mut().expect("the timeline is read");
        if let Some(&failed) = batch.failed.front() {
            let prefix = timeline.markers(failed);
            memory.phase = Phase::FindingMarkers;
            self.ask_store(Operation::List { prefix }, cx);
            return;
        }
        batch.instant = timeline.take_instant(cx.now());
        let step = timeline.mark(batch.instant, InstantState::Requested, batch.id);
        self.do_steps(memory, Phase::Requesting, vec![step], cx);
    }

    fn read(&self, memory: &mut Memory, cx: &mut Context) {
        memory.phase = Phase::Reading;
        let batch = memory.batch.as_ref().expect("a batch is in hand");
        let ranges = batch.ranges.iter().filter(|range| range.start < range.end);
        let works = ranges.map(|range| Work::Read {
            partition: range.partition,
            start: range.start,
            end: range.end,
        });
        let works: Vec<Work> = works.collect();
        self.launch(memory, works, cx);
    }

    fn rows_read(&self, memory: &mut Memory, cx: &mut Context) {
        let batch = memory.batch.as_mut().expect("a batch is in hand");
        let mut elements = std::mem::take(&mut batch.elements);
        sort_by_rank(&mut elements, Element::rank);
        batch.event_time_max = elements.iter().map(|element| element.event_time).max();
        if self.config.query().operator == Operator::Stateless {
            let passed = elements.into_iter().map(Emitted::Passed);
            batch.rows = gather(passed.map(Emitted::into_row));
            return self.look_up(memory, cx);
        }
        let version = batch.id;
        memory.phase = Phase::Operating;
        let work = Work::Operate {
            elements,
            bounds: memory.batches.bounds(),
            version,
            checkpoint: memory.checkpoint.clone(),
        };
        self.launch(memory, vec![work], cx);
    }

    /// Index lookup, for operations that look for equal keys.
    fn look_up(&self, memory: &mut Memory, cx: &mut Context) {
        if FULL && let Some(database) = &self.database {
            return self.call(memory, database, cx);
        }
        memory.phase = Phase::Tagging;
        if self.sink.reads_data() {
            self.ask_store(
                Operation::List {
                    prefix: WriteTask::data_prefix(self.segment),
                },
                cx,
            );
        } else {
            self.tag(memory, &Objects::new(), cx);
        }
    }

    fn tag(&self, memory: &mut Memory, data: &Objects, cx: &mut Context) {
        let batch = memory.batch.as_mut().expect("a batch is in hand");
        let timeline = batch.timeline.as_mut().expect("the timeline is read");
        let rows = std::mem::take(&mut batch.rows);
        let number = |(n, row): (usize, Row)| Row {
            row: batch.instant.micros() << 20 | n as u64,
            ..row
        };
        let rows: Vec<Row> = rows.into_iter().enumerate().map(number).collect();
        let placements = hudi::place(&self.sink, timeline, data, rows, |row| {
            cx.draw("combine", row.row).chance(500_000)
        });
        let placements = match placements {
            Ok(placements) => placements,
            Err(error) => return self.attempt_failed(memory, &error, cx),
        };
        let inflight = timeline.mark(batch.instant, InstantState::Inflight, batch.id);
        batch.rows.clear();
        let tasks = placements
            .into_iter()
            .map(|placement| self.write_task(batch.instant, placement));
        let works: Vec<Work> = tasks.collect();
        self.do_steps(memory, Phase::MarkingInflight, vec![inflight], cx);
        // The tasks start once the instant is inflight.
        self.add_tasks(memory, works);
    }

    fn write_task(&self, instant: Time, placement: Placement) -> Work {
        Work::Write {
            task: WriteTask {
                segment: self.segment,
                instant,
                config: self.sink.clone(),
                placement,
            },
        }
    }

    fn reconcile(&self, memory: &mut Memory, cx: &mut Context) {
        memory.phase = Phase::Reconciling;
        let batch = memory.batch.as_ref().expect("a batch is in hand");
        let prefix = batch
            .timeline
            .as_ref()
            .expect("the timeline is read")
            .markers(batch.instant);
        self.ask_store(Operation::List { prefix }, cx);
    }

    /// The batch is done: move the watermark, which takes effect from the next batch on, and write the commit log.
    fn log_commit(&self, memory: &mut Memory, cx: &mut Context) {
        let batch = memory.batch.as_ref().expect("a batch is in hand");
        let id = batch.id;
        let seen = batch.event_time_max;
        let watermark = memory.batches.observe(&[seen]);
        let operation = Operation::Put {
            path: progress::commit_path(&memory.checkpoint, id),
            object: Object::Progress(Entry::Commit {
                batch: id,
                watermark,
            }),
            if_absent: true,
            note: Some(Fact::BatchCommitted {
                segment: self.segment,
                batch: id,
                watermark,
            }),
        };
        self.do_steps(memory, Phase::LoggingCommit, vec![operation], cx);
    }

    fn committed(&self, memory: &mut Memory, cx: &mut Context) {
        let batch = memory.batch.take().expect("a batch is in hand");
        memory.position = gather(
            batch
                .ranges
                .iter()
                .map(|range| (range.partition, range.end)),
        );
        memory.done += 1;
        if let Some(to) = memory.batches.commit() {
            cx.note_setting(
                "watermark.delay",
                Fact::WatermarkAdvanced {
                    segment: self.segment,
                    to,
                },
            );
        }
        self.wait(memory, cx);
    }

    fn stored(&self, memory: &mut Memory, ok: bool, cx: &mut Context) {
        if !ok {
            self.fail(memory, progress::CONCURRENT_UPDATE, cx);
            return;
        }
        if let Some(step) = memory.steps.pop_front() {
            self.ask_store(step, cx);
            return;
        }
        match memory.phase {
            Phase::Creating => self.start(memory, cx),
            Phase::KeepingStart => self.plan(memory, cx),
            Phase::LoggingOffsets => self.begin_sink(memory, cx),
            Phase::RollingBack => self.roll_back_or_request(memory, cx),
            Phase::Requesting => {
                if FULL && self.is_lazy() {
                    let instant = memory.batch.as_ref().map_or(Time::ZERO, |b| b.instant);
                    self.beat(memory, instant, cx);
                }
                self.read(memory, cx);
            }
            Phase::MarkingInflight => {
                memory.phase = Phase::Writing;
                self.start_tasks(memory, cx);
            }
            Phase::WritingOut => self.log_commit(memory, cx),
            Phase::Completing if FULL && self.is_lazy() => {
                memory.phase = Phase::FindingDead;
                let prefix = Timeline::service_prefix(self.segment);
                self.ask_store(Operation::List { prefix }, cx);
            }
            Phase::Completing | Phase::CleaningUp => self.compact_or_log(memory, cx),
            Phase::LoggingCommit => self.committed(memory, cx),
            _ => {}
        }
    }

    // ---- tasks -------------------------------------------------------------------------------------------------

    fn launch(&self, memory: &mut Memory, works: Vec<Work>, cx: &mut Context) {
        self.add_tasks(memory, works);
        self.start_tasks(memory, cx);
    }

    /// Spreads work over the executors in turn.
    fn add_tasks(&self, memory: &mut Memory, works: Vec<Work>) {
        let mut living = self.executors.clone();
        living.retain(|executor| !memory.lost.contains(executor));
        if living.is_empty() {
            living.clone_from(&self.executors);
        }
        for work in works {
            let executor = living[memory.tasks.len() % living.len()];
            memory.tasks.insert(
                memory.made,
                Task {
                    executor,
                    attempt: 0,
                    work,
                },
            );
            memory.made += 1;
        }
    }

    fn start_tasks(&self, memory: &mut Memory, cx: &mut Context) {
        let id = memory.batch.as_ref().map_or(0, |batch| batch.id);
        for (
            &task,
            Task {
                executor,
                attempt,
                work,
            },
        ) in memory
            .tasks
            .iter()
            .filter(|(_, task)| !memory.lost.contains(&task.executor))
        {
            cx.send(
                *executor,
                Message::Run {
                    batch: id,
                    task,
                    attempt: *attempt,
                    work: Box::new(work.clone()),
                },
            );
        }
        self.next_stage(memory, cx);
    }

    fn finished(
        &self,
        memory: &mut Memory,
        batch_id: u64,
        task: u32,
        attempt: u32,
        output: Output,
        cx: &mut Context,
    ) {
        let current = memory
            .batch
            .as_ref()
            .is_some_and(|batch| batch.id == batch_id);
        if !current
            || memory
                .tasks
                .get(&task)
                .is_none_or(|known| known.attempt != attempt)
        {
            return;
        }
        if FULL && matches!(output, Output::Failed) {
            return self.task_failed(memory, task, cx);
        }
        memory.tasks.remove(&task);
        let batch = memory.batch.as_mut().expect("checked just now");
        match output {
            Output::Elements(elements) => batch.elements.extend(elements),
            Output::Rows(rows) => batch.rows.extend(rows),
            Output::Slice(slice) => batch.slices.push(slice),
            Output::Failed => {}
            Output::OffsetsGone => return self.fail(memory, DATA_LOSS, cx),
            Output::StateMissing => {
                return self.fail(memory, "the state store has no such version", cx);
            }
        }
        self.next_stage(memory, cx);
    }

    /// Once every task of the stage is done.
    fn next_stage(&self, memory: &mut Memory, cx: &mut Context) {
        if !memory.tasks.is_empty() {
            return;
        }
        match memory.phase {
            Phase::Reading => self.rows_read(memory, cx),
            Phase::Operating => self.look_up(memory, cx),
            Phase::Writing => self.reconcile(memory, cx),
            _ => {}
        }
    }

    /// An executor is back: tasks that found nobody to run them start there.
    fn executor_ready(&self, memory: &mut Memory, ready: HostId, cx: &mut Context) {
        if !memory.lost.remove(&ready) || memory.phase == Phase::MarkingInflight {
            return;
        }
        let id = memory.batch.as_ref().map_or(0, |batch| batch.id);
        for (&task, entry) in &mut memory.tasks {
            if entry.executor != ready && !memory.lost.contains(&entry.executor) {
                continue;
            }
            entry.executor = ready;
            let run = Message::Run {
                batch: id,
                task,
                attempt: entry.attempt,
                work: Box::new(entry.work.clone()),
            };
            cx.send(ready, run);
        }
    }

    /// Tasks of a lost executor run again on the next living one, or on the first that comes back, up to
    /// `spark.task.maxFailures` attempts.
    fn executor_lost(&self, memory: &mut Memory, lost: HostId, cx: &mut Context) {
        let id = memory.batch.as_ref().map_or(0, |batch| batch.id);
        let waiting = memory.phase == Phase::MarkingInflight;
        let mut given_up = false;
        let place = self
            .executors
            .iter()
            .position(|&executor| executor == lost)
            .unwrap_or(0);
        memory.lost.insert(lost);
        let round = (1..=self.executors.len()).map(|n| (place + n) % self.executors.len());
        let mut round = round.map(|index| self.executors[index]);
        let next = round.find(|executor| !memory.lost.contains(executor));
        for (&task, entry) in memory
            .tasks
            .iter_mut()
            .filter(|(_, entry)| entry.executor == lost)
        {
            entry.executor = next.unwrap_or(lost);
            if waiting {
                continue;
            }
            entry.attempt += 1;
            given_up |= entry.attempt >= self.config.task_max_failures;
            let Some(next) = next else { continue };
            cx.send(
                next,
                Message::Run {
                    batch: id,
                    task,
                    attempt: entry.attempt,
                    work: Box::new(entry.work.clone()),
                },
            );
        }
        if given_up {
            self.fail(memory, "a task failed spark.task.maxFailures times", cx);
        }
    }
}

/// Cuts the ranges to `maxOffsetsPerTrigger`, in proportion to each partition's backlog but with at least one offset.
fn limit(ranges: &mut [OffsetRange], most: Option<u64>) {
    let Some(most) = most else { return };
    let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    if total <= most {
        return;
    }
    for range in ranges {
        let backlog = range.end - range.start;
        let share = backlog.saturating_mul(most) / total;
        range.end = range.start + share.max(u64::from(backlog > 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(backlogs: &[u64], most: Option<u64>) -> Vec<u64> {
        let range = |(index, &backlog): (usize, &u64)| OffsetRange {
            partition: PartitionId(index as u16),
            start: 100,
            end: 100 + backlog,
        };
        let mut ranges: Vec<OffsetRange> = backlogs.iter().enumerate().map(range).collect();
        limit(&mut ranges, most);
        ranges.iter().map(|range| range.end - range.start).collect()
    }

    /// Source: `KafkaMicroBatchStream.rateLimit`.
    #[test]
    fn a_batch_takes_its_limit_in_proportion_to_the_backlogs_and_at_least_one_of_each() {
        for (backlogs, most, expected) in [
            (&[30, 10][..], None, &[30, 10][..]),
            (&[30, 10], Some(40), &[30, 10]),
            (&[30, 10], Some(20), &[15, 5]),
            (&[30, 10], Some(10), &[7, 2]),
            (&[1_000, 1, 0], Some(10), &[9, 1, 0]),
            (&[5, 5, 5], Some(1), &[1, 1, 1]),
        ] {
            assert_eq!(
                limited(backlogs, most),
                expected,
                "{backlogs:?} limited to {most:?}"
            );
        }
    }
}
