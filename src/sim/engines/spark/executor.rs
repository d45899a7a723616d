//! An executor: reads from the log, runs the operator, writes files. It keeps nothing over a crash.
//!
//! Mirrors: `Executor` and `Task`, `KafkaDataConsumer` (reads exactly the planned range), `StateStore` (load version N, save
//! N+1). Simplified: no slots, no speculation, no cached consumers; state is read from the store for every batch.

use super::super::super::kafka::protocol::{ErrorCode, Message as Kafka, OffsetSpec, PartitionId};
use super::super::super::sinks::hudi::{self, HudiConfig};
use super::super::super::store::{self, Object, Operation};
use super::super::super::trace::{Fact, OffsetRange, Row, SegmentId, Source};
use super::super::operators::{Element, Emitted, State};
use super::leaders::Leaders;
use super::progress::{self, Entry};
use super::{Message, Output, SparkConfig, Work};
use crate::sim::FULL;
use crate::sim::compact::gather;
use crate::sim::kernel::{Context, HostId, Program, Span};
use crate::sim::message;
use crate::sim::ordered::OrdMap;
use crate::sim::workload::Record;
use std::collections::VecDeque;

/// The pause before an executor reports again to a driver that it lost.
const REPORT: Span = Span::from_ms(100);

/// An executor's configuration.
#[derive(Clone)]
pub struct Executor {
    pub segment: SegmentId,
    pub config: SparkConfig,
    pub sink: HudiConfig,
    pub driver: HostId,
    pub store: HostId,
    pub brokers: Vec<HostId>,
    pub leaders: Vec<Option<HostId>>,
    /// The first partition of the topic that the query reads.
    pub input: u16,
}

#[derive(Clone)]
pub struct Memory {
    leaders: Leaders,
    running: OrdMap<u32, Running>,
    /// Tasks whose store operation is outstanding, in the order of the questions: the store answers in order.
    asked: VecDeque<u32>,
}

#[derive(Clone)]
struct Running {
    batch: u64,
    attempt: u32,
    stage: Stage,
}

#[derive(Clone)]
enum Stage {
    Starting(Work),
    Reading {
        work: Work,
        elements: Vec<Element>,
        next: u64,
    },
    LoadingState(Work),
    SavingState {
        rows: Vec<Row>,
    },
    LoadingBase(Work),
    Writing {
        slice: hudi::Slice,
        left: Vec<Operation>,
    },
}

impl Program for Executor {
    type Disk = ();
    type Memory = Memory;

    fn boot(&self, (): &mut (), cx: &mut Context) -> Memory {
        if cx.incarnation() > 1 {
            cx.send(self.driver, Message::Ready);
        }
        Memory {
            leaders: Leaders::new(self.input, self.leaders.clone(), self.brokers.clone()),
            running: OrdMap::new(),
            asked: VecDeque::new(),
        }
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
            message::Message::Spark(Message::Run {
                batch,
                task,
                attempt,
                work,
            }) => {
                cx.note(Fact::TaskStarted {
                    segment: self.segment,
                    batch,
                    task,
                    attempt,
                });
                memory.running.insert(
                    task,
                    Running {
                        batch,
                        attempt,
                        stage: Stage::Starting(*work),
                    },
                );
                cx.after(
                    Span::from_micros(self.config.task_us),
                    Message::Go { task, attempt },
                );
            }
            message::Message::Spark(Message::Go { task, attempt }) => {
                self.start(memory, task, attempt, cx)
            }
            message::Message::Spark(Message::RetryRead { task, .. }) => {
                self.read_on(memory, task, cx)
            }
            message::Message::Spark(Message::AskLeaders) => memory.leaders.ask(cx),
            message::Message::Kafka(Kafka::Metadata { leaders }) => {
                memory.leaders.learn(leaders);
                self.read_all(memory, cx);
            }
            message::Message::Kafka(Kafka::ReadResponse {
                partition,
                offset,
                next,
                result,
            }) => match result {
                Ok(records) => {
                    if let Some(task) = reader_of(memory, partition) {
                        self.take(memory, task, (offset, next), records, cx);
                    }
                }
                Err(ErrorCode::OffsetOutOfRange) if FULL && !self.config.fail_on_data_loss => {
                    let spec = OffsetSpec::Earliest;
                    cx.send(from, Kafka::ListOffsets { partition, spec });
                }
                Err(ErrorCode::OffsetOutOfRange) => {
                    if let Some(task) = reader_of(memory, partition) {
                        self.finish(memory, task, Output::OffsetsGone, cx);
                    }
                }
                Err(_) => {
                    memory.leaders.forget(from);
                    self.read_all(memory, cx);
                }
            },
            message::Message::Kafka(Kafka::Offset { partition, result }) if FULL => match result {
                Ok(earliest) => self.skip(memory, partition, earliest, cx),
                Err(_) => self.read_all(memory, cx),
            },
            message::Message::Store(store::Message::Listing { objects }) => {
                if let Some(task) = memory.asked.pop_front() {
                    self.loaded(memory, task, &objects, cx);
                }
            }
            message::Message::Store(store::Message::Done { .. }) => {
                if let Some(task) = memory.asked.pop_front() {
                    self.stored(memory, task, cx);
                }
            }
            message::Message::Store(store::Message::Failed) if FULL => {
                if let Some(task) = memory.asked.pop_front() {
                    self.finish(memory, task, Output::Failed, cx);
                }
            }
            // The application dies with its driver, and so do its tasks.
            message::Message::Disconnected if from == self.driver => {
                memory.running.clear();
                cx.after(REPORT, Message::Report);
            }
            message::Message::Spark(Message::Report) => cx.send(self.driver, Message::Ready),
            message::Message::Disconnected => {
                memory.leaders.forget(from);
                self.read_all(memory, cx);
            }
            _ => {}
        }
    }
}

/// The task that reads a partition.
fn reader_of(memory: &Memory, partition: PartitionId) -> Option<u32> {
    let reads = |running: &Running| matches!(&running.stage, Stage::Reading { work: Work::Read { partition: p, .. }, .. } if *p == partition);
    let mut running = memory.running.iter();
    running
        .find(|(_, running)| reads(running))
        .map(|(&task, _)| task)
}

impl Executor {
    fn start(&self, memory: &mut Memory, task: u32, attempt: u32, cx: &mut Context) {
        let Some(running) = memory
            .running
            .get_mut(&task)
            .filter(|running| running.attempt == attempt)
        else {
            return;
        };
        let Stage::Starting(work) = running.stage.clone() else {
            return;
        };
        match &work {
            Work::Read { start, .. } => {
                running.stage = Stage::Reading {
                    next: *start,
                    elements: Vec::new(),
                    work,
                };
                self.read_on(memory, task, cx);
            }
            Work::Operate {
                version,
                checkpoint,
                ..
            } => {
                let prefix = progress::state_path(checkpoint, *version);
                running.stage = Stage::LoadingState(work);
                self.ask_store(memory, task, Operation::List { prefix }, cx);
            }
            Work::Write { task: write } => {
                let prefix = write.placement.base.clone().unwrap_or_else(|| "-".into());
                running.stage = Stage::LoadingBase(work);
                self.ask_store(memory, task, Operation::List { prefix }, cx);
            }
        }
    }

    fn ask_store(&self, memory: &mut Memory, task: u32, operation: Operation, cx: &mut Context) {
        memory.asked.push_back(task);
        cx.send(self.store, store::Message::Request(Box::new(operation)));
    }

    fn read_all(&self, memory: &mut Memory, cx: &mut Context) {
        let tasks: Vec<u32> = memory
            .running
            .iter()
            .filter(|(_, r)| matches!(r.stage, Stage::Reading { .. }))
            .map(|(&task, _)| task)
            .collect();
        for task in tasks {
            self.read_on(memory, task, cx);
        }
    }

    /// Asks the leader for what is still missing.
    fn read_on(&self, memory: &mut Memory, task: u32, cx: &mut Context) {
        let Some(running) = memory.running.get(&task) else {
            return;
        };
        let Stage::Reading {
            work: Work::Read { partition, end, .. },
            next,
            ..
        } = running.stage
        else {
            return;
        };
        if let Some(leader) = memory.leaders.of(partition, cx) {
            cx.send(
                leader,
                Kafka::Read {
                    partition,
                    offset: next,
                    limit: end,
                    isolation: self.config.isolation,
                },
            );
        }
    }

    fn take(
        &self,
        memory: &mut Memory,
        task: u32,
        (asked, after): (u64, u64),
        records: Vec<(u64, Record)>,
        cx: &mut Context,
    ) {
        let Some(running) = memory.running.get_mut(&task) else {
            return;
        };
        let attempt = running.attempt;
        let Stage::Reading {
            work: Work::Read { partition, end, .. },
            elements,
            next,
        } = &mut running.stage
        else {
            return;
        };
        // An answer that was asked for twice is taken once.
        if asked != *next {
            return;
        }
        let empty = after == asked;
        *next = after;
        for (offset, record) in records {
            let source = Source {
                partition: *partition,
                offset,
            };
            let record_key = hudi::record_key(
                self.sink.record_key,
                record.value.order_id,
                partition.0,
                offset,
                cx.now(),
            );
            elements.push(Element {
                id: record.value.order_id,
                key: record.key.0,
                event_time: record.event_time,
                value: record.value.amount,
                record_key,
                version: record.value.version,
                source,
                origin: Some(record.origin),
            });
        }
        if *next >= *end {
            let elements = std::mem::take(elements);
            self.finish(memory, task, Output::Elements(elements), cx);
        } else if empty {
            // The records are above the high watermark for now.
            cx.after(super::leaders::RETRY, Message::RetryRead { task, attempt });
        } else {
            self.read_on(memory, task, cx);
        }
    }

    /// `failOnDataLoss` is false: goes on with the earliest offset that is there, or with nothing.
    fn skip(&self, memory: &mut Memory, partition: PartitionId, earliest: u64, cx: &mut Context) {
        let Some(task) = reader_of(memory, partition) else {
            return;
        };
        let Some(Running {
            stage:
                Stage::Reading {
                    work: Work::Read { end, .. },
                    elements,
                    next,
                },
            ..
        }) = memory.running.get_mut(&task)
        else {
            return;
        };
        // Below what is asked for: the log ends before it, and nothing of the range is there.
        let to = if earliest > *next {
            earliest.min(*end)
        } else {
            *end
        };
        let range = OffsetRange {
            partition,
            start: *next,
            end: to,
        };
        cx.note_setting(
            "failOnDataLoss",
            Fact::DataMissed {
                segment: self.segment,
                range,
            },
        );
        *next = to;
        if to < *end {
            self.read_on(memory, task, cx);
        } else {
            let elements = std::mem::take(elements);
            self.finish(memory, task, Output::Elements(elements), cx);
        }
    }

    fn loaded(&self, memory: &mut Memory, task: u32, objects: &store::Objects, cx: &mut Context) {
        let Some(running) = memory.running.get_mut(&task) else {
            return;
        };
        let attempt = running.attempt;
        match running.stage.clone() {
            Stage::LoadingState(Work::Operate {
                elements,
                bounds,
                version,
                checkpoint,
            }) => {
                let state = match objects.values().next() {
                    Some(Object::Progress(Entry::State(state))) => state.clone(),
                    _ if version == 0 => State::default(),
                    _ => return self.finish(memory, task, Output::StateMissing, cx),
                };
                let query = self.config.query();
                let outcome = query.run(state, elements, Vec::new(), bounds, self.segment);
                for fact in outcome.facts {
                    cx.note(fact);
                }
                let metrics = outcome.metrics.unwrap_or_default();
                cx.note(Fact::OperatorProgressed {
                    segment: self.segment,
                    batch: version,
                    operator: query.operator_name().unwrap_or_default().to_string(),
                    metrics,
                });
                let saved = Fact::StateSaved {
                    segment: self.segment,
                    version: version + 1,
                    rows: metrics.rows as u32,
                };
                running.stage = Stage::SavingState {
                    rows: gather(outcome.emitted.into_iter().map(Emitted::into_row)),
                };
                let operation = Operation::Put {
                    path: progress::state_path(&checkpoint, version + 1),
                    object: Object::Progress(Entry::State(outcome.state)),
                    if_absent: false,
                    note: Some(saved),
                };
                self.ask_store(memory, task, operation, cx);
            }
            Stage::LoadingBase(Work::Write { task: write }) => {
                let base = write
                    .placement
                    .base
                    .as_ref()
                    .map_or(&[][..], |path| hudi::rows_at(objects, path));
                let (slice, [marker, data]) = write.steps(attempt, base);
                running.stage = Stage::Writing {
                    slice,
                    left: vec![data],
                };
                self.ask_store(memory, task, marker, cx);
            }
            _ => {}
        }
    }

    fn stored(&self, memory: &mut Memory, task: u32, cx: &mut Context) {
        let Some(running) = memory.running.get_mut(&task) else {
            return;
        };
        let output = match &mut running.stage {
            Stage::SavingState { rows } => Output::Rows(std::mem::take(rows)),
            Stage::Writing { slice, left } => match left.pop() {
                Some(operation) => return self.ask_store(memory, task, operation, cx),
                None => Output::Slice(slice.clone()),
            },
            _ => return,
        };
        self.finish(memory, task, output, cx);
    }

    fn finish(&self, memory: &mut Memory, task: u32, output: Output, cx: &mut Context) {
        let Some(Running { batch, attempt, .. }) = memory.running.remove(&task) else {
            return;
        };
        let records = match &output {
            Output::Elements(elements) => elements.len() as u32,
            Output::Rows(rows) => rows.len() as u32,
            _ => 0,
        };
        cx.note(Fact::TaskFinished {
            segment: self.segment,
            batch,
            task,
            attempt,
            records,
        });
        cx.send(
            self.driver,
            Message::Finished {
                batch,
                task,
                attempt,
                output: Box::new(output),
            },
        );
    }
}
