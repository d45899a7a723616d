//! Barriers at an operator with several inputs: which input waits, and when the operator snapshots.
//!
//! Mirrors: `SingleCheckpointBarrierHandler` with its aligned, unaligned and alternating states, `CheckpointBarrierTracker`.
//! Simplified: no input ends before the job does.

use crate::sim::ordered::OrdSet;

/// How barriers are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An input whose barrier has come waits for the others.
    Aligned,
    /// The first barrier overtakes what is waiting; what it overtook is part of the checkpoint.
    Unaligned,
    /// Nobody waits: what comes behind an early barrier is in this checkpoint and will be replayed too.
    AtLeastOnce,
}

/// What a barrier leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Others are still to come.
    Waiting,
    /// The operator snapshots now, and all barriers are there.
    Snapshot,
    /// The operator snapshots now; records of inputs whose barrier has not come belong to the checkpoint until it does.
    SnapshotAhead,
    /// The last barrier of a checkpoint that was snapshotted ahead.
    Last,
    /// Of a checkpoint that a newer one has overtaken.
    Stale,
}

#[derive(Clone, Debug)]
struct Round {
    checkpoint: u64,
    arrived: OrdSet<usize>,
    /// The snapshot is taken.
    ahead: bool,
}

/// What an operator knows of the barriers on their way to it.
#[derive(Clone, Debug)]
pub struct BarrierHandler {
    mode: Mode,
    channels: usize,
    round: Option<Round>,
    newest: u64,
}

impl BarrierHandler {
    pub fn new(mode: Mode, channels: usize) -> Self {
        BarrierHandler {
            mode,
            channels,
            round: None,
            newest: 0,
        }
    }

    pub fn is_unaligned(&self) -> bool {
        self.mode == Mode::Unaligned
    }

    /// Whether a barrier is handled when it arrives, ahead of what is queued before it.
    pub fn overtakes(&self) -> bool {
        self.mode == Mode::Unaligned || self.round.as_ref().is_some_and(|round| round.ahead)
    }

    /// Whether the input has to wait for the barriers of the others.
    pub fn is_blocked(&self, channel: usize) -> bool {
        let blocks = |round: &Round| !round.ahead && round.arrived.contains(&channel);
        self.mode != Mode::AtLeastOnce && self.round.as_ref().is_some_and(blocks)
    }

    /// Whether the barrier of the pending checkpoint has come by this input.
    pub fn has_arrived(&self, channel: usize) -> bool {
        let arrived = |round: &Round| round.arrived.contains(&channel);
        self.round.as_ref().is_some_and(arrived)
    }

    /// The checkpoint whose barriers are coming in.
    pub fn pending(&self) -> Option<u64> {
        self.round.as_ref().map(|round| round.checkpoint)
    }

    /// Whether records of this input still belong to the checkpoint that was snapshotted ahead.
    pub fn is_recorded(&self, channel: usize) -> bool {
        let recorded = |round: &Round| round.ahead && !round.arrived.contains(&channel);
        self.round.as_ref().is_some_and(recorded)
    }

    pub fn on_barrier(&mut self, channel: usize, checkpoint: u64) -> Reached {
        if checkpoint < self.newest {
            return Reached::Stale;
        }
        let current = self
            .round
            .take()
            .filter(|round| round.checkpoint == checkpoint);
        if current.is_none() && checkpoint == self.newest {
            return Reached::Stale;
        }
        self.newest = checkpoint;
        let mut round = current.unwrap_or(Round {
            checkpoint,
            arrived: OrdSet::new(),
            ahead: false,
        });
        round.arrived.insert(channel);
        let all = round.arrived.len() == self.channels;
        let reached = match (all, round.ahead, self.mode) {
            (true, true, _) => Reached::Last,
            (true, false, _) => Reached::Snapshot,
            (false, false, Mode::Unaligned) => Reached::SnapshotAhead,
            (false, ..) => Reached::Waiting,
        };
        round.ahead |= reached == Reached::SnapshotAhead;
        if !all {
            self.round = Some(round);
        }
        reached
    }

    /// The alignment has taken too long: the snapshot is taken without the barriers that are missing. True: now.
    pub fn time_out(&mut self, checkpoint: u64) -> bool {
        let waiting = |round: &&mut Round| round.checkpoint == checkpoint && !round.ahead;
        let round = self.round.as_mut().filter(waiting);
        round.map(|round| round.ahead = true).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_aligned_barriers_block_their_input() {
        for (mode, first, blocked) in [
            (Mode::Aligned, Reached::Waiting, true),
            (Mode::Unaligned, Reached::SnapshotAhead, false),
            (Mode::AtLeastOnce, Reached::Waiting, false),
        ] {
            let mut handler = BarrierHandler::new(mode, 2);
            assert_eq!(handler.on_barrier(0, 1), first, "{mode:?}");
            assert_eq!(handler.is_blocked(0), blocked, "{mode:?}");
            assert!(!handler.is_blocked(1), "{mode:?}");
            let last = handler.on_barrier(1, 1);
            let ahead = mode == Mode::Unaligned;
            let expected = if ahead {
                Reached::Last
            } else {
                Reached::Snapshot
            };
            assert_eq!(last, expected, "{mode:?}");
            assert!(!handler.is_blocked(0), "{mode:?}");
        }
    }

    #[test]
    fn with_one_input_there_is_nothing_to_align() {
        for mode in [Mode::Aligned, Mode::Unaligned, Mode::AtLeastOnce] {
            let mut handler = BarrierHandler::new(mode, 1);
            assert_eq!(handler.on_barrier(0, 1), Reached::Snapshot);
        }
    }

    #[test]
    fn a_newer_barrier_ends_the_alignment_of_an_older_checkpoint() {
        let mut handler = BarrierHandler::new(Mode::Aligned, 2);
        handler.on_barrier(0, 1);
        assert_eq!(handler.on_barrier(1, 2), Reached::Waiting);
        assert!(handler.is_blocked(1) && !handler.is_blocked(0));
        assert_eq!(handler.on_barrier(1, 1), Reached::Stale);
        assert_eq!(handler.on_barrier(0, 2), Reached::Snapshot);
    }

    #[test]
    fn an_alignment_that_takes_too_long_becomes_unaligned() {
        let mut handler = BarrierHandler::new(Mode::Aligned, 2);
        handler.on_barrier(0, 1);
        assert!(handler.time_out(1));
        assert!(!handler.is_blocked(0) && handler.is_recorded(1));
        assert_eq!(handler.on_barrier(1, 1), Reached::Last);
        assert!(!handler.time_out(1));
    }
}
