//! What a running query remembers from batch to batch, and the rules by which one follows the other.
//!
//! Mirrors: `MicroBatchExecution.constructNextBatch`, `populateStartOffsets`, `WatermarkTracker` as far as it lives in memory.
//! All of it is lost with the process; what comes back is read by [`super::progress`].

use super::super::operators::Bounds;
use super::super::operators::query::Query;
use super::super::operators::watermark::Tracker;
use super::progress::Resume;
use crate::sim::kernel::EventTime;

/// The memory of one run of a query.
#[derive(Clone, Debug)]
pub struct MicroBatch {
    /// The id of the next batch.
    pub next: u64,
    /// The watermarks. The global one is that which the next batch evicts by, until its own rows are taken in.
    tracker: Tracker,
    /// What the next batch evicts by: it will stand in its offset log entry.
    evict: EventTime,
    /// What its late rows are judged by: the eviction watermark of the batch before.
    late: EventTime,
    /// The eviction watermark of the previous batch of this run: only then may a batch without data follow.
    last_evict: Option<EventTime>,
}

impl MicroBatch {
    /// A run that goes on from a checkpoint. What each input had seen is not in it.
    pub fn resumed(query: &Query, resume: &Resume) -> Self {
        MicroBatch {
            next: resume.recovery.next_batch(),
            tracker: query.tracker(resume.watermark),
            evict: resume.watermark,
            late: resume.late,
            last_evict: None,
        }
    }

    /// The watermarks that the next batch is judged by.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            late: self.late,
            evict: self.evict,
        }
    }

    /// Whether the next batch is to be built: there is data, or the batch before asked for one without.
    pub fn is_due(&self, query: &Query, has_data: bool) -> bool {
        let asked = self
            .last_evict
            .is_some_and(|evicted_by| query.wants_no_data(evicted_by, self.evict));
        has_data || asked
    }

    /// The sink is done: takes in what each input had in this batch, and gives the watermark for the commit log.
    pub fn observe(&mut self, maxima: &[Option<EventTime>]) -> EventTime {
        self.tracker.observe(maxima);
        self.tracker.global()
    }

    /// The commit log is written: the watermark takes effect. Gives it if it moved.
    pub fn commit(&mut self) -> Option<EventTime> {
        self.next += 1;
        self.late = self.evict;
        self.last_evict = Some(self.evict);
        let moved = self.tracker.global() > self.evict;
        self.evict = self.tracker.global();
        moved.then_some(self.evict)
    }
}
