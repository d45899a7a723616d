//! A task's part in a checkpoint: barriers, the sink's preparation, the snapshot, its upload; and the way back.
//!
//! Mirrors: `SubtaskCheckpointCoordinatorImpl`, `StreamTaskStateInitializerImpl`.
//! Simplified: the source's part and that of what lies behind it travel in one file and one answer; copying state takes no time.

use super::super::super::store::{Object, Objects, Operation};
use super::super::super::trace::Fact;
use super::barrier::Reached;
use super::message::{Element, Message};
use super::storage::{self, Committable, File, Prepared, Snapshot};
use super::task::{Snapshotting, Task, Upload, Writer};
use super::task_manager::{Ask, Memory, TaskManager};
use super::{CheckpointingMode, DeliveryGuarantee, window};
use crate::sim::kernel::{Context, Span, Time};

impl TaskManager {
    pub(super) fn on_barrier(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        channel: usize,
        checkpoint: u64,
        triggered: Time,
        cx: &mut Context,
    ) {
        let from = if self.config.is_windowed() {
            self.peers[channel]
        } else {
            cx.host()
        };
        cx.note(Fact::BarrierArrived {
            segment: self.segment,
            checkpoint,
            from,
        });
        match task.operator.barriers.on_barrier(channel, checkpoint) {
            Reached::Waiting => {
                let timeout = Span::from_ms(self.config.aligned_checkpoint_timeout);
                let aligned = self.config.checkpointing_mode == CheckpointingMode::ExactlyOnce;
                if aligned && self.config.unaligned && timeout > Span::ZERO {
                    let attempt = task.attempt;
                    let left = (triggered + timeout).since(cx.now());
                    let over = Message::AlignmentOver {
                        attempt,
                        checkpoint,
                    };
                    cx.after(left, over);
                }
            }
            reached @ (Reached::Snapshot | Reached::SnapshotAhead) => {
                let in_flight = if task.operator.barriers.is_unaligned() {
                    task.operator.in_flight(checkpoint, |_| true)
                } else {
                    Vec::new()
                };
                let whole = reached == Reached::Snapshot;
                self.begin_snapshot(task, checkpoint, whole, in_flight);
            }
            Reached::Last => {
                if let Some(upload) = task.uploads.get_mut(&checkpoint) {
                    upload.whole = true;
                }
                self.upload_of(memory, task, checkpoint, cx);
            }
            Reached::Stale => {}
        }
    }

    /// Before the barrier goes on, the sink flushes and prepares its transaction.
    pub(super) fn begin_snapshot(
        &self,
        task: &mut Task,
        checkpoint: u64,
        whole: bool,
        in_flight: Vec<Vec<Element>>,
    ) {
        let snapshot = Snapshot {
            in_flight,
            ..Snapshot::default()
        };
        let upload = Upload {
            snapshot,
            whole,
            taken: false,
        };
        task.uploads.insert(checkpoint, upload);
        task.snapshotting = Some(Snapshotting {
            checkpoint,
            prepared: false,
        });
        match &mut task.writer {
            Writer::Console { .. } => {}
            Writer::Kafka(sink) => sink.flush(),
            Writer::Hudi(sink) => sink.flush(checkpoint),
        }
    }

    /// Goes on with the snapshot as far as the sink lets it. True: it is taken.
    pub(super) fn take_snapshot(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        cx: &mut Context,
    ) -> bool {
        let Some(mut step) = task.snapshotting else {
            return false;
        };
        let checkpoint = step.checkpoint;
        if !step.prepared {
            let Some(prepared) = self.prepare(task, checkpoint) else {
                return false;
            };
            if let Some(committable) = prepared {
                cx.note(Fact::Precommitted {
                    segment: self.segment,
                    transaction: committable.transaction.clone(),
                    checkpoint,
                    origins: committable.origins.clone(),
                });
                let key = (checkpoint, committable.transaction.clone());
                task.uncommitted.insert(key, committable);
            }
            step.prepared = true;
            task.snapshotting = Some(step);
        }
        if !task.writer.is_open() {
            return false;
        }
        task.snapshotting = None;
        let windows = task.operator.windows.as_ref();
        let windows = windows.map(window::WindowOperator::restored);
        let committables = task.uncommitted.values().cloned().collect();
        let rows = task.operator.rows();
        if let Some(upload) = task.uploads.get_mut(&checkpoint) {
            upload.snapshot.windows = windows;
            upload.snapshot.committables = committables;
            upload.taken = true;
            let in_flight: usize = upload.snapshot.in_flight.iter().map(Vec::len).sum();
            cx.note(Fact::SnapshotTaken {
                segment: self.segment,
                checkpoint,
                rows,
                in_flight: in_flight as u32,
            });
        }
        self.upload_of(memory, task, checkpoint, cx);
        true
    }

    /// What the sink has flushed for this checkpoint; none while it has not.
    pub(super) fn prepare(&self, task: &mut Task, checkpoint: u64) -> Option<Option<Committable>> {
        let attempt = task.attempt;
        match &mut task.writer {
            Writer::Console {
                outstanding,
                open,
                epoch,
            } => {
                let waits = self.config.delivery_guarantee == DeliveryGuarantee::AtLeastOnce;
                if waits && *outstanding > 0 {
                    return None;
                }
                *epoch = checkpoint;
                if open.is_empty() {
                    return Some(None);
                }
                let rows = std::mem::take(open);
                let origins = rows.iter().flat_map(|row| row.origins.iter().copied());
                Some(Some(Committable {
                    checkpoint,
                    transaction: format!("{attempt:x}-{}-{checkpoint}", self.index),
                    origins: origins.collect(),
                    what: Prepared::Rows(rows),
                }))
            }
            Writer::Kafka(sink) => sink.is_flushed().then(|| sink.prepare(checkpoint)),
            Writer::Hudi(sink) => sink.is_flushed().then(|| sink.prepare()),
        }
    }

    pub(super) fn upload(&self, memory: &mut Memory, checkpoint: u64, cx: &mut Context) {
        let Some(mut task) = memory.task.take() else {
            return;
        };
        self.upload_of(memory, &mut task, checkpoint, cx);
        memory.task = Some(task);
    }

    /// Once the operator's part, all barriers and the source's part are there.
    pub(super) fn upload_of(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        checkpoint: u64,
        cx: &mut Context,
    ) {
        let Some(positions) = task.source.at_barrier.get(&checkpoint) else {
            return;
        };
        let Some(upload) = task.uploads.get_mut(&checkpoint) else {
            return;
        };
        if !(upload.taken && upload.whole) {
            return;
        }
        upload.snapshot.positions.clone_from(positions);
        let file = File::Snapshot(Box::new(upload.snapshot.clone()));
        let operation = Operation::Put {
            path: storage::snapshot_path(self.segment, task.job, checkpoint, self.index),
            object: Object::Flink(file),
            if_absent: false,
            note: None,
        };
        self.ask_store(memory, Ask::Upload(task.attempt, checkpoint), operation, cx);
    }

    pub(super) fn restore(&self, memory: &mut Memory, objects: &Objects, cx: &mut Context) {
        let Some(task) = &memory.task else {
            return;
        };
        let (attempt, job, checkpoint) = (task.attempt, task.job, task.restored);
        let Some(Object::Flink(File::Snapshot(snapshot))) = objects.values().next() else {
            let error = "the checkpoint's files are not there".to_string();
            return self.fail(memory, error, cx);
        };
        // What came from others meanwhile lies behind what was in flight.
        let waiting = memory.task.as_ref();
        let waiting = waiting.map(|task| task.operator.in_flight(0, |_| true));
        let mut task = self.task(memory, attempt, job, Some(checkpoint), snapshot);
        for (channel, elements) in waiting.into_iter().flatten().enumerate() {
            for element in elements {
                task.operator.push(channel, element);
            }
        }
        memory.task = Some(Box::new(task));
    }
}
