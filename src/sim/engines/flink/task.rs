//! One attempt's tasks in a slot, and how records pass through them.
//!
//! Mirrors: `SourceOperator`, `RecordWriter`, `StreamOneInputProcessor`.
//! Simplified: a record that finds no other work waiting is processed in no time.

use super::super::super::kafka::protocol::{Message as Kafka, OffsetSpec, PartitionId};
use super::super::super::trace::{Fact, Row, Source as Place, Window};
use super::hudi_sink::HudiSink;
use super::kafka_sink::KafkaSink;
use super::message::{Element, Message};
use super::operator::{Operator, task_of};
use super::source::Source;
use super::storage::{Committable, Held, Snapshot};
use super::task_manager::{Memory, TaskManager};
use super::watermark::Signal;
use super::window::{self, TimeWindow};
use crate::sim::kernel::{Context, EventTime, Span, Time};
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::origin::Origin;
use crate::sim::workload::{Key, RECORD_BYTES, Record};
use std::collections::VecDeque;

/// Records that fill a network buffer of 32 KiB.
const BUFFER: usize = 32_768 / RECORD_BYTES as usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its part of the checkpoint is on its way.
    Restoring,
    /// Transactions of the checkpoint are committed again, and the writer starts.
    Starting,
    Running,
}

/// A snapshot that the operator is about to take: its sink has to flush first.
#[derive(Clone, Copy, Debug)]
pub struct Snapshotting {
    pub checkpoint: u64,
    /// The sink has flushed; its next transaction is about to begin.
    pub prepared: bool,
}

#[derive(Clone, Debug)]
pub struct Upload {
    pub snapshot: Snapshot,
    /// All barriers are there.
    pub whole: bool,
    pub taken: bool,
}

/// One attempt's tasks in this slot.
#[derive(Clone)]
pub struct Task {
    pub attempt: u32,
    pub job: u32,
    pub restored: u64,
    pub phase: Phase,
    /// There are checkpoints to wait for.
    pub durable: bool,
    pub source: Source,
    /// Per task behind: what waits in its buffer.
    pub buffers: Vec<Vec<Element>>,
    pub flush_is_due: bool,
    pub operator: Operator,
    pub writer: Writer,
    /// By checkpoint and name: flushed, not committed.
    pub uncommitted: OrdMap<(u64, String), Committable>,
    /// To be committed now.
    pub commits: VecDeque<(u64, String)>,
    pub committing: Option<(u64, String)>,
    pub snapshotting: Option<Snapshotting>,
    /// Barriers that came while a snapshot was taken.
    pub held_barriers: VecDeque<(usize, u64, Time)>,
    pub uploads: OrdMap<u64, Upload>,
    pub failed: Option<String>,
}

#[derive(Clone)]
pub enum Writer {
    Console {
        /// Effects on their way.
        outstanding: u32,
        /// Of the transaction in hand.
        open: Vec<Row>,
        /// Checkpoints of this attempt so far.
        epoch: u64,
    },
    Kafka(Box<KafkaSink>),
    Hudi(Box<HudiSink>),
}

impl Writer {
    pub fn is_open(&self) -> bool {
        match self {
            Writer::Console { .. } => true,
            Writer::Kafka(sink) => sink.is_open(),
            Writer::Hudi(sink) => sink.is_open(),
        }
    }
}

impl Task {
    pub fn is_idle(&self) -> bool {
        let quiet = match &self.writer {
            Writer::Console {
                outstanding, open, ..
            } => *outstanding == 0 && (open.is_empty() || !self.durable),
            Writer::Kafka(sink) => sink.is_quiet(self.durable),
            Writer::Hudi(sink) => sink.is_quiet(self.durable),
        };
        self.phase == Phase::Running
            && !self.source.has_records()
            && self.operator.is_idle()
            && self.buffers.iter().all(Vec::is_empty)
            && self.uploads.is_empty()
            && self.uncommitted.is_empty()
            && quiet
    }
}

impl TaskManager {
    pub(super) fn fetch(&self, memory: &mut Memory, cx: &mut Context) {
        let Some(task) = &mut memory.task else {
            return;
        };
        if task.phase != Phase::Running {
            return;
        }
        let source = &mut task.source;
        let leader = |partition: PartitionId| memory.leaders[usize::from(partition.0)];
        for partition in source.unknown.clone() {
            if let Some(leader) = leader(partition)
                && !source.fetching.contains_key(&partition)
            {
                source.fetching.insert(partition, leader);
                // Without a position the start decides; a position that is gone begins at what is left.
                let spec = if source.positions.contains_key(&partition) {
                    OffsetSpec::Earliest
                } else {
                    OffsetSpec::Latest
                };
                cx.send(leader, Kafka::ListOffsets { partition, spec });
            }
        }
        for (&partition, (offset, records)) in &source.fetched {
            if records.is_empty()
                && let Some(leader) = leader(partition)
                && !source.fetching.contains_key(&partition)
            {
                source.fetching.insert(partition, leader);
                cx.send(
                    leader,
                    Kafka::Read {
                        partition,
                        offset: *offset,
                        limit: u64::MAX,
                        isolation: self.config.isolation,
                    },
                );
            }
        }
    }

    /// Hands one record on. A barrier finds its place between two of them.
    pub(super) fn emit(&self, task: &mut Task, cx: &mut Context) {
        task.source.emitting = false;
        let attempt = task.attempt;
        if task.source.waits_for.is_some() {
            if !std::mem::replace(&mut task.source.asked, true) {
                cx.send(self.job_manager, Message::AskCheckpoint { attempt });
            }
            return;
        }
        let Some(partition) = task.source.next() else {
            return;
        };
        let Some((offset, record)) = task.source.take(partition) else {
            return;
        };
        let place = Place { partition, offset };
        cx.note(Fact::SourceRead {
            segment: self.segment,
            origins: vec![(record.origin, place)],
        });
        let timestamp = record.event_time.ms();
        let target = if self.config.is_windowed() {
            task_of(record.key, self.config.parallelism)
        } else {
            0
        };
        task.buffers[target].push(Element::Record(place, record));
        if task.buffers[target].len() >= BUFFER {
            self.flush(task, cx);
        }
        let signals = task
            .source
            .watermarks
            .on_event(partition.0, timestamp, false);
        self.note_idle(task, cx);
        self.broadcast(task, &signals, cx);
        let position = task.source.position();
        if self.config.checkpoint_after.contains(&position) {
            task.source.waits_for = Some(position);
            task.source.asked = false;
            // It asks in a step of its own, behind the record.
            task.source.emitting = true;
            cx.after(Span::ZERO, Message::Emit { attempt });
        }
    }

    /// Partitions that became idle, or are not any more.
    pub(super) fn note_idle(&self, task: &mut Task, cx: &mut Context) {
        let idle: OrdSet<u16> = task.source.watermarks.idle_partitions().collect();
        for &partition in idle.symmetric_difference(&task.source.idle) {
            cx.note_setting(
                "watermark.idleness",
                Fact::SourceIdle {
                    segment: self.segment,
                    partition: PartitionId(partition),
                    idle: idle.contains(&partition),
                },
            );
        }
        task.source.idle = idle;
    }

    pub(super) fn broadcast(&self, task: &mut Task, signals: &[Signal], cx: &mut Context) {
        for &signal in signals {
            for buffer in &mut task.buffers {
                buffer.push(Element::Signal(signal));
            }
        }
        let waiting = task.buffers.iter().any(|buffer| !buffer.is_empty());
        // Tasks that are chained hand records on at once.
        if !self.config.is_windowed() || self.config.buffer_timeout == 0 {
            self.flush(task, cx);
        } else if waiting && !std::mem::replace(&mut task.flush_is_due, true) {
            let attempt = task.attempt;
            let timeout = Span::from_ms(self.config.buffer_timeout);
            cx.after(timeout, Message::Flush { attempt });
        }
    }

    pub(super) fn flush(&self, task: &mut Task, cx: &mut Context) {
        for (index, buffer) in task.buffers.iter_mut().enumerate() {
            if buffer.is_empty() {
                continue;
            }
            let message = Message::Elements {
                attempt: task.attempt,
                from: self.index,
                elements: std::mem::take(buffer),
            };
            let here = !self.config.is_windowed() || index == usize::from(self.index);
            if here {
                cx.after(Span::ZERO, message);
            } else {
                cx.send(self.peers[index], message);
            }
        }
    }

    pub(super) fn on_elements(
        &self,
        memory: &mut Memory,
        from: u8,
        elements: Vec<Element>,
        cx: &mut Context,
    ) {
        let Some(mut task) = memory.task.take() else {
            return;
        };
        let channel = if self.config.is_windowed() {
            usize::from(from)
        } else {
            0
        };
        for element in elements {
            if let Element::Barrier(checkpoint, at) = element
                && task.operator.barriers.overtakes()
            {
                task.held_barriers.push_back((channel, checkpoint, at));
                self.take_held_barriers(memory, &mut task, cx);
                continue;
            }
            if task.operator.barriers.is_recorded(channel)
                && let Some(checkpoint) = task.operator.barriers.pending()
                && let Some(upload) = task.uploads.get_mut(&checkpoint)
            {
                upload.snapshot.in_flight[channel].push(element.clone());
            }
            task.operator.push(channel, element);
        }
        memory.task = Some(task);
    }

    pub(super) fn take_held_barriers(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        cx: &mut Context,
    ) {
        while task.snapshotting.is_none()
            && let Some((channel, checkpoint, at)) = task.held_barriers.pop_front()
        {
            self.on_barrier(memory, task, channel, checkpoint, at, cx);
        }
    }

    /// Takes what is waiting, one element after the other.
    pub(super) fn process_waiting(&self, memory: &mut Memory, task: &mut Task, cx: &mut Context) {
        self.take_held_barriers(memory, task, cx);
        while task.phase == Phase::Running
            && task.snapshotting.is_none()
            && task.operator.busy.is_none()
            && task.writer.is_open()
        {
            let Some((channel, element)) = task.operator.pop() else {
                return;
            };
            if self.config.work_us > 0 && matches!(element, Element::Record(..)) {
                task.operator.busy = Some((channel, element));
                let attempt = task.attempt;
                cx.after(
                    Span::from_micros(self.config.work_us),
                    Message::Work { attempt },
                );
            } else {
                self.process(memory, task, channel, element, cx);
            }
        }
    }

    pub(super) fn process(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        channel: usize,
        element: Element,
        cx: &mut Context,
    ) {
        match element {
            Element::Barrier(checkpoint, at) => {
                self.on_barrier(memory, task, channel, checkpoint, at, cx);
            }
            Element::Signal(signal) => {
                for signal in task.operator.valve.input(channel, signal) {
                    if let Signal::Watermark(watermark) = signal
                        && let Some(windows) = &mut task.operator.windows
                    {
                        let effects = windows.advance(watermark);
                        cx.note_setting(
                            "watermark.delay",
                            Fact::WatermarkAdvanced {
                                segment: self.segment,
                                to: EventTime::from_ms(watermark),
                            },
                        );
                        self.take_effects(memory, task, effects, cx);
                    }
                }
            }
            Element::Record(place, record) => {
                if let Some(windows) = &mut task.operator.windows {
                    let timestamp = record.event_time.ms();
                    let key = record.key;
                    let effects = windows.process(&key, timestamp, (place, record.clone()));
                    self.judge(&effects, place, &record, cx);
                    self.take_effects(memory, task, effects, cx);
                } else {
                    self.write(memory, task, None, vec![(place, record)], cx);
                }
            }
        }
    }

    /// Where a record was counted, and where it came too late.
    pub(super) fn judge(
        &self,
        effects: &[window::Effect<Key, Held>],
        place: Place,
        record: &Record,
        cx: &mut Context,
    ) {
        let segment = self.segment;
        let origins = vec![(record.origin, place)];
        let late = effects.iter().any(|e| matches!(e, window::Effect::Late));
        let alone = TimeWindow {
            start: record.event_time.ms(),
            end: record.event_time.ms(),
        };
        let mut told = false;
        for effect in effects {
            match effect {
                window::Effect::Counted(window) => {
                    cx.note(Fact::Accumulated {
                        segment,
                        window: seen(*window),
                        origins: origins.clone(),
                    });
                }
                window::Effect::Missed(window) if !late => {
                    cx.note(Fact::WindowMissed {
                        segment,
                        window: seen(*window),
                        origins: origins.clone(),
                    });
                }
                window::Effect::Missed(window) if !told => {
                    told = true;
                    self.note_late(*window, origins.clone(), cx);
                }
                window::Effect::Missed(_) | window::Effect::Fired { .. } => {}
                window::Effect::Late if !told => self.note_late(alone, origins.clone(), cx),
                window::Effect::Late => {}
            }
        }
    }

    pub(super) fn note_late(
        &self,
        window: TimeWindow,
        origins: Vec<(Origin, Place)>,
        cx: &mut Context,
    ) {
        let (segment, window) = (self.segment, seen(window));
        if self.config.late_side_output {
            cx.note_setting(
                "late.side.output",
                Fact::SideOutput {
                    segment,
                    window,
                    origins,
                },
            );
        } else {
            cx.note_setting(
                "allowed.lateness",
                Fact::DroppedLate {
                    segment,
                    window,
                    origins,
                },
            );
        }
    }

    pub(super) fn take_effects(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        effects: Vec<window::Effect<Key, Held>>,
        cx: &mut Context,
    ) {
        for effect in effects {
            let window::Effect::Fired {
                window,
                contents,
                by_record,
                ..
            } = effect
            else {
                continue;
            };
            let amount = contents.iter().map(|(_, record)| record.value.amount).sum();
            let segment = self.segment;
            let to_see = seen(window);
            if by_record {
                cx.note_setting(
                    "allowed.lateness",
                    Fact::Refired {
                        segment,
                        window: to_see,
                        amount,
                    },
                );
            } else {
                cx.note(Fact::WindowClosed {
                    segment,
                    window: to_see,
                    amount,
                });
            }
            self.write(memory, task, Some(window), contents, cx);
        }
    }
}

pub fn seen(window: TimeWindow) -> Window {
    Window {
        start: EventTime::from_ms(window.start),
        end: EventTime::from_ms(window.end),
    }
}
