//! The Hudi writer: one instant a checkpoint, written at the barrier and committed when the checkpoint is complete.
//!
//! Mirrors: `StreamWriteFunction` (flush at the barrier, wait for the instant before), `StreamWriteOperatorCoordinator` (commit on
//! completion, commit again on restore what the timeline does not have, roll back the rest).
//! Simplified: one writer, which does the coordinator's work too; a copy-on-write table; reading the table is one listing.

use super::super::super::sinks::hudi::{self, HudiConfig, Timeline, WriteTask};
use super::super::super::store::{self, Objects, Operation};
use super::super::super::trace::{InstantState, Row, SegmentId};
use super::storage::{Committable, Prepared, Table};
use crate::sim::kernel::Context;
use std::collections::VecDeque;

/// What the task hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HudiNews {
    /// `again`: the timeline had it already.
    Committed {
        again: bool,
    },
    Failed(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    /// Writes that were not complete are looked up and rolled back.
    Cleaning,
    Open,
    /// The barrier is here; the table is to be read.
    Flushing(u64),
    Writing,
    Flushed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Whether the timeline has it is looked up.
    Reading,
    Completing,
}

/// The writer of one task.
#[derive(Clone, Debug)]
pub struct HudiSink {
    segment: SegmentId,
    config: HudiConfig,
    phase: Phase,
    /// Rows since the last barrier.
    open: Vec<Row>,
    prepared: Option<Committable>,
    commit: Option<(Stage, Table)>,
    /// Store operations still to be done, one after the other.
    steps: VecDeque<Operation>,
    waiting: bool,
}

impl HudiSink {
    pub fn new(segment: SegmentId, config: HudiConfig) -> Self {
        HudiSink {
            segment,
            config,
            phase: Phase::New,
            open: Vec::new(),
            prepared: None,
            commit: None,
            steps: VecDeque::new(),
            waiting: false,
        }
    }

    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub fn is_flushed(&self) -> bool {
        self.phase == Phase::Flushed
    }

    /// Whether nothing waits for a checkpoint.
    pub fn is_quiet(&self, durable: bool) -> bool {
        self.commit.is_none() && (self.open.is_empty() || !durable)
    }

    pub fn write(&mut self, row: Row) {
        self.open.push(row);
    }

    pub fn flush(&mut self, checkpoint: u64) {
        self.phase = if self.open.is_empty() {
            Phase::Flushed
        } else {
            Phase::Flushing(checkpoint)
        };
    }

    pub fn prepare(&mut self) -> Option<Committable> {
        self.phase = Phase::Open;
        self.prepared.take()
    }

    pub fn commit(&mut self, table: &Table) {
        self.commit = Some((Stage::Reading, table.clone()));
    }

    /// The next question to the store. Restored instants are committed before anything is rolled back (`may_start`).
    pub fn next(&mut self, may_start: bool) -> Option<Operation> {
        if self.waiting {
            return None;
        }
        let step = self.steps.pop_front().or_else(|| {
            let reads = match (&self.commit, self.phase) {
                (Some((stage, _)), _) => *stage == Stage::Reading,
                (None, Phase::New) => may_start,
                (None, Phase::Flushing(_)) => true,
                _ => false,
            };
            let data = WriteTask::data_prefix(self.segment);
            let prefix = data.trim_end_matches("data/").to_string();
            reads.then_some(Operation::List { prefix })
        });
        self.waiting = step.is_some();
        step
    }

    pub fn on_store(&mut self, message: store::Message, cx: &mut Context) -> Option<HudiNews> {
        self.waiting = false;
        match message {
            store::Message::Listing { objects } => {
                if let Some(news) = self.on_table(&objects, cx) {
                    return Some(news);
                }
            }
            store::Message::Failed => return Some(HudiNews::Failed("the store failed".into())),
            _ => {}
        }
        if !self.steps.is_empty() {
            return None;
        }
        if self
            .commit
            .as_ref()
            .is_some_and(|(stage, _)| *stage == Stage::Completing)
        {
            self.commit = None;
            return Some(HudiNews::Committed { again: false });
        }
        self.phase = match self.phase {
            Phase::Cleaning => Phase::Open,
            Phase::Writing => Phase::Flushed,
            phase => phase,
        };
        None
    }

    /// The table as it is: what follows from it depends on why it was read.
    fn on_table(&mut self, objects: &Objects, cx: &mut Context) -> Option<HudiNews> {
        let mut timeline = Timeline::read(objects, self.segment);
        if let Some((stage, table)) = &mut self.commit {
            if !timeline.unfinished().contains(&table.instant) {
                self.commit = None;
                return Some(HudiNews::Committed { again: true });
            }
            *stage = Stage::Completing;
            let markers = under(objects, &timeline.markers(table.instant));
            let steps = table.timeline.complete(
                &self.config,
                table.instant,
                table.checkpoint,
                table.slices.clone(),
                &markers,
            );
            self.steps = steps.into();
            return None;
        }
        match self.phase {
            Phase::New => {
                self.phase = Phase::Cleaning;
                for failed in timeline.unfinished() {
                    let markers = under(objects, &timeline.markers(failed));
                    self.steps
                        .extend(timeline.rollback(failed, &markers, cx.now()));
                }
            }
            Phase::Flushing(checkpoint) => {
                return self.write_out(checkpoint, timeline, objects, cx);
            }
            _ => {}
        }
        None
    }

    fn write_out(
        &mut self,
        checkpoint: u64,
        mut timeline: Timeline,
        objects: &Objects,
        cx: &mut Context,
    ) -> Option<HudiNews> {
        let instant = timeline.take_instant(cx.now());
        let number = |(n, row): (usize, Row)| Row {
            row: instant.micros() << 20 | n as u64,
            ..row
        };
        let rows = std::mem::take(&mut self.open).into_iter();
        let rows: Vec<Row> = rows.enumerate().map(number).collect();
        let origins = rows.iter().flat_map(|row| row.origins.clone()).collect();
        let placed = hudi::place(&self.config, &mut timeline, objects, rows, |row| {
            cx.draw("combine", row.row).chance(500_000)
        });
        let placements = match placed {
            Ok(placements) => placements,
            Err(error) => return Some(HudiNews::Failed(error)),
        };
        let mut slices = Vec::new();
        let states = [InstantState::Requested, InstantState::Inflight];
        let marks = states.map(|state| timeline.mark(instant, state, checkpoint));
        self.steps.extend(marks);
        for placement in placements {
            let base = placement.base.as_ref();
            let base = base.map_or(&[][..], |path| hudi::rows_at(objects, path));
            let task = WriteTask {
                segment: self.segment,
                instant,
                config: self.config.clone(),
                placement: placement.clone(),
            };
            let (slice, steps) = task.steps(0, base);
            slices.push(slice);
            self.steps.extend(steps);
        }
        self.phase = Phase::Writing;
        self.prepared = Some(Committable {
            checkpoint,
            transaction: format!("instant-{:020}", instant.micros()),
            origins,
            what: Prepared::Table(Box::new(Table {
                checkpoint,
                timeline,
                instant,
                slices,
            })),
        });
        None
    }
}

fn under(objects: &Objects, prefix: &str) -> Objects {
    let found = objects
        .range(prefix.to_string()..)
        .take_while(|(path, _)| path.starts_with(prefix));
    found
        .map(|(path, object)| (path.clone(), object.clone()))
        .collect()
}
