//! The checkpoint coordinator: when one is triggered, when it is complete, and how many may fail.
//!
//! Mirrors: `CheckpointCoordinator`, `CheckpointRequestDecider`, `PendingCheckpoint`, `CheckpointFailureManager`.
//! Simplified: the first one is triggered an interval after the job runs (Flink draws that delay); a request that comes too early
//! waits and is not lost.

use crate::sim::kafka::protocol::Positions;
use crate::sim::kernel::{HostId, Span, Time};
use crate::sim::ordered::{OrdMap, OrdSet};

/// The limits that the coordinator keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub min_pause: Span,
    pub max_concurrent: usize,
    pub tolerable_failures: u32,
}

#[derive(Clone, Debug)]
struct Pending {
    waiting: OrdSet<HostId>,
    positions: Positions,
    /// Everything is acknowledged, and its metadata is being written.
    is_finishing: bool,
}

/// What a request leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Trigger(u64),
    /// Too early: ask again then.
    At(Time),
    /// Enough are running: when one ends it goes on.
    Queued,
}

/// What the job manager knows of checkpoints on their way.
#[derive(Clone, Debug)]
pub struct Coordinator {
    limits: Limits,
    next: u64,
    pending: OrdMap<u64, Pending>,
    last_end: Option<Time>,
    queued: bool,
    failures: u32,
}

impl Coordinator {
    /// `newest` is the last checkpoint that anything is known of.
    pub fn new(limits: Limits, newest: u64) -> Self {
        Coordinator {
            limits,
            next: newest + 1,
            pending: OrdMap::new(),
            last_end: None,
            queued: false,
            failures: 0,
        }
    }

    pub fn is_quiet(&self) -> bool {
        self.pending.is_empty()
    }

    pub fn is_pending(&self, checkpoint: u64) -> bool {
        self.pending.contains_key(&checkpoint)
    }

    pub fn request(&mut self, now: Time, tasks: impl IntoIterator<Item = HostId>) -> Request {
        if self.pending.len() >= self.limits.max_concurrent {
            self.queued = true;
            return Request::Queued;
        }
        if let Some(allowed) = self.last_end.map(|end| end + self.limits.min_pause)
            && allowed > now
        {
            return Request::At(allowed);
        }
        let checkpoint = self.next;
        self.next += 1;
        self.queued = false;
        let pending = Pending {
            waiting: tasks.into_iter().collect(),
            positions: Positions::new(),
            is_finishing: false,
        };
        self.pending.insert(checkpoint, pending);
        Request::Trigger(checkpoint)
    }

    /// A task has its part. Once all have: the positions that the checkpoint holds.
    pub fn acknowledge(
        &mut self,
        checkpoint: u64,
        task: HostId,
        positions: Positions,
    ) -> Option<Positions> {
        let pending = self.pending.get_mut(&checkpoint)?;
        if !pending.waiting.remove(&task) {
            return None;
        }
        pending.positions.extend(positions);
        pending.is_finishing = pending.waiting.is_empty();
        pending.is_finishing.then(|| pending.positions.clone())
    }

    /// It is complete: older ones are of no use any more. True: a request was waiting for this.
    pub fn complete(&mut self, checkpoint: u64, now: Time) -> bool {
        self.pending.retain(|&other, _| other > checkpoint);
        self.failures = 0;
        self.end(now)
    }

    /// It expired or was declined, which counts. None: the job has to fail.
    pub fn fail(&mut self, checkpoint: u64, now: Time) -> Option<bool> {
        self.pending.remove(&checkpoint);
        self.failures += 1;
        let queued = self.end(now);
        (self.failures <= self.limits.tolerable_failures).then_some(queued)
    }

    /// The job has failed: what was on its way is dropped, and does not count. What only waits for its metadata will be
    /// complete all the same.
    pub fn abort(&mut self) -> Vec<u64> {
        self.queued = false;
        self.failures = 0;
        let dropped = std::mem::take(&mut self.pending).into_iter();
        let dropped = dropped.filter(|(_, pending)| !pending.is_finishing);
        dropped.map(|(checkpoint, _)| checkpoint).collect()
    }

    fn end(&mut self, now: Time) -> bool {
        self.last_end = Some(now);
        std::mem::take(&mut self.queued)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: [HostId; 2] = [HostId(7), HostId(8)];

    fn coordinator(min_pause_ms: u64, tolerable_failures: u32) -> Coordinator {
        let limits = Limits {
            min_pause: Span::from_ms(min_pause_ms),
            max_concurrent: 1,
            tolerable_failures,
        };
        Coordinator::new(limits, 0)
    }

    fn at(ms: u64) -> Time {
        Time::from_ms(ms)
    }

    #[test]
    fn one_at_a_time_and_not_within_the_pause_after_the_last() {
        let mut coordinator = coordinator(500, 0);
        assert_eq!(coordinator.request(at(0), TASKS), Request::Trigger(1));
        assert_eq!(coordinator.request(at(10), TASKS), Request::Queued);
        assert!(
            coordinator
                .acknowledge(1, TASKS[0], Positions::new())
                .is_none()
        );
        assert!(
            coordinator
                .acknowledge(1, TASKS[1], Positions::new())
                .is_some()
        );
        assert!(coordinator.complete(1, at(100)), "the queued one goes on");
        assert_eq!(coordinator.request(at(100), TASKS), Request::At(at(600)));
        assert_eq!(coordinator.request(at(600), TASKS), Request::Trigger(2));
    }

    #[test]
    fn failures_in_a_row_are_counted_and_a_success_forgives() {
        let mut coordinator = coordinator(0, 1);
        for (checkpoint, completes, survives) in [
            (1, false, true),
            (2, true, true),
            (3, false, true),
            (4, false, false),
        ] {
            assert_eq!(
                coordinator.request(at(0), TASKS),
                Request::Trigger(checkpoint)
            );
            if completes {
                coordinator.complete(checkpoint, at(0));
            } else {
                let failed = coordinator.fail(checkpoint, at(0));
                assert_eq!(failed.is_some(), survives, "{checkpoint}");
            }
        }
    }

    #[test]
    fn a_failed_job_drops_its_checkpoints_and_numbers_go_on() {
        let mut coordinator = coordinator(0, 0);
        coordinator.request(at(0), TASKS);
        assert_eq!(coordinator.abort(), [1]);
        assert!(
            coordinator
                .acknowledge(1, TASKS[0], Positions::new())
                .is_none()
        );
        assert_eq!(coordinator.request(at(1), TASKS), Request::Trigger(2));
    }
}
