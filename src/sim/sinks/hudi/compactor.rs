//! The compaction of a merge-on-read table: log files become part of a new base file. Host `compactor`.
//!
//! Mirrors: `HoodieCompactor`, `RunCompactionActionExecutor`, `SparkStreamingAsyncCompactService`. A compaction that was torn
//! apart is taken back to its plan, and the same plan runs again (`table.rollbackInflightCompaction`).
//! Simplified: a process of its own, which comes back by itself; in Spark it is a thread of the driver, and if it dies, the
//! next `addBatch` throws. One compaction at a time; all file groups with log files are compacted.

use super::timeline::{Timeline, delete};
use super::write::{WriteTask, file_steps};
use super::{Absorbed, File, HudiConfig, Slice, SliceKind};
use crate::sim::kernel::{Context, HostId, Program, Span, Time};
use crate::sim::message;
use crate::sim::store::{self, Object, Objects, Operation};
use crate::sim::trace::{Fact, InstantState, SegmentId};
use std::collections::VecDeque;

/// How often the service looks for a plan.
const TICK: Span = Span::from_ms(100);

/// The service's configuration.
#[derive(Clone)]
pub struct Compactor {
    pub segment: SegmentId,
    pub config: HudiConfig,
    pub store: HostId,
}

/// What the writer and the service say to each other.
#[derive(Clone, Debug)]
pub enum Message {
    /// To oneself: look for a plan.
    Tick,
    /// Inline: run what is planned, the writer waits.
    Compact,
    /// There is nothing left to run.
    Compacted,
}

#[derive(Clone, Debug)]
enum Phase {
    Idle,
    ReadingTimeline,
    /// Files of an attempt that was torn apart are being looked up.
    FindingLeftovers(Time),
    TakingBack,
    Beginning(Time),
    ReadingData(Time),
    Writing,
}

#[derive(Clone)]
pub struct Memory {
    phase: Phase,
    timeline: Option<Timeline>,
    steps: VecDeque<Operation>,
    /// The writer that waits.
    waiting: Option<HostId>,
}

impl Memory {
    /// Whether nothing is planned that would still change what readers see.
    pub fn is_idle(&self) -> bool {
        let pending = |timeline: &Timeline| timeline.pending_compaction().is_some();
        matches!(self.phase, Phase::Idle | Phase::ReadingTimeline)
            && !self.timeline.as_ref().is_some_and(pending)
    }
}

impl Program for Compactor {
    type Disk = ();
    type Memory = Memory;

    fn boot(&self, (): &mut (), cx: &mut Context) -> Memory {
        if !self.config.compact_inline {
            cx.after(TICK, Message::Tick);
        }
        Memory {
            phase: Phase::Idle,
            timeline: None,
            steps: VecDeque::new(),
            waiting: None,
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
            message::Message::Hudi(Message::Tick) => {
                if matches!(memory.phase, Phase::Idle) {
                    self.look(memory, cx);
                }
                cx.because(None);
                cx.after(TICK, Message::Tick);
            }
            message::Message::Hudi(Message::Compact) => {
                memory.waiting = Some(from);
                if matches!(memory.phase, Phase::Idle) {
                    self.look(memory, cx);
                }
            }
            message::Message::Store(store::Message::Listing { objects }) => {
                self.listed(memory, &objects, cx);
            }
            message::Message::Store(store::Message::Done { .. }) => self.stored(memory, cx),
            message::Message::Disconnected if memory.waiting == Some(from) => {
                memory.waiting = None;
            }
            _ => {}
        }
    }
}

impl Compactor {
    fn ask(&self, operation: Operation, cx: &mut Context) {
        cx.send(self.store, store::Message::Request(Box::new(operation)));
    }

    fn look(&self, memory: &mut Memory, cx: &mut Context) {
        memory.phase = Phase::ReadingTimeline;
        let prefix = Timeline::prefix(self.segment);
        self.ask(Operation::List { prefix }, cx);
    }

    fn listed(&self, memory: &mut Memory, objects: &Objects, cx: &mut Context) {
        match memory.phase {
            Phase::ReadingTimeline => {
                let timeline = Timeline::read(objects, self.segment);
                let pending = timeline.pending_compaction();
                let pending = pending.map(|plan| (plan.instant, plan.state));
                match pending {
                    None => {
                        memory.phase = Phase::Idle;
                        if let Some(writer) = memory.waiting.take() {
                            cx.send(writer, Message::Compacted);
                        }
                    }
                    Some((plan, InstantState::Requested)) => {
                        let begin = InstantState::Inflight;
                        let step = timeline.compaction(plan, begin, Vec::new(), &self.config);
                        memory.phase = Phase::Beginning(plan);
                        self.ask(step, cx);
                    }
                    Some((plan, _)) => {
                        let prefix = timeline.markers(plan);
                        memory.phase = Phase::FindingLeftovers(plan);
                        self.ask(Operation::List { prefix }, cx);
                    }
                }
                memory.timeline = Some(timeline);
            }
            Phase::FindingLeftovers(plan) => {
                let mut doomed: Vec<String> = objects.keys().cloned().collect();
                doomed.extend(objects.values().filter_map(|object| match object {
                    Object::Hudi(File::Marker { data }) => Some(data.clone()),
                    _ => None,
                }));
                let timeline = memory.timeline.as_ref().expect("it is read");
                let back = InstantState::Requested;
                let back = timeline.compaction(plan, back, Vec::new(), &self.config);
                memory.phase = Phase::TakingBack;
                memory.steps = [back].into();
                self.ask(delete(doomed), cx);
            }
            Phase::ReadingData(plan) => {
                let steps = self.plan(memory, plan, objects);
                memory.phase = Phase::Writing;
                memory.steps = steps.into();
                self.stored(memory, cx);
            }
            _ => {}
        }
    }

    /// What a compaction writes: a base file for every file group with log files, then the commit point.
    fn plan(&self, memory: &Memory, plan: Time, data: &Objects) -> Vec<Operation> {
        let timeline = memory.timeline.as_ref().expect("it is read");
        let rule = self.config.rule();
        let (mut steps, mut slices, mut markers) = (Vec::new(), Vec::new(), Vec::new());
        for (group, view) in timeline.to_compact(plan) {
            let rows = view.rows(data, &rule).into_owned();
            let prefix = WriteTask::data_prefix(self.segment);
            let path = format!("{prefix}{group}_0_{:020}.parquet", plan.micros());
            let written = Fact::SliceCompacted {
                segment: self.segment,
                instant: plan,
                file: path.rsplit('/').next().unwrap_or(&path).to_string(),
                rows: rows.len() as u32,
            };
            let [marker, mut file] = file_steps(self.segment, plan, &group, &path, 0, rows);
            if let Operation::Put { note, .. } = &mut file {
                *note = Some(written);
            }
            if let Operation::Put { path, .. } = &marker {
                markers.push(path.clone());
            }
            steps.extend([marker, file]);
            slices.push(Slice {
                group,
                path,
                kind: SliceKind::Base,
                absorbed: Absorbed::new(),
            });
        }
        let done = InstantState::Completed;
        steps.push(timeline.compaction(plan, done, slices, &self.config));
        steps.push(delete(markers));
        steps
    }

    fn stored(&self, memory: &mut Memory, cx: &mut Context) {
        if let Some(step) = memory.steps.pop_front() {
            return self.ask(step, cx);
        }
        match memory.phase {
            Phase::Beginning(plan) => {
                memory.phase = Phase::ReadingData(plan);
                let prefix = WriteTask::data_prefix(self.segment);
                self.ask(Operation::List { prefix }, cx);
            }
            // Once more from the timeline: the plan runs anew, or there is nothing left.
            Phase::TakingBack | Phase::Writing => self.look(memory, cx),
            _ => {}
        }
    }
}
