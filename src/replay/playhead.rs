//! A position in a run, and the board there. Any position is rebuilt from the trace, so rewinding is exact.

use super::board::Board;
use crate::sim::kernel::Time;
use crate::sim::trace::Trace;
use crate::sim::{Run, Scenario};

/// A copy of the board is kept every so many facts.
const FACTS_A_COPY: usize = 256;

/// The board at a position, and copies on the way to move back by.
pub struct Playhead {
    board: Board,
    copies: Vec<Board>,
}

impl Playhead {
    pub fn new(scenario: &Scenario, run: &Run) -> Self {
        let board = Board::new(scenario, run);
        Playhead {
            copies: vec![board.clone()],
            board,
        }
    }

    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Moves so that exactly the facts up to and including `at` are in the board.
    pub fn seek(&mut self, trace: &Trace, at: Time) -> &Board {
        let facts = trace.events.partition_point(|event| event.at <= at);
        self.seek_facts(trace, facts, at)
    }

    /// Moves so that the first `facts` facts are in the board.
    pub fn seek_facts(&mut self, trace: &Trace, facts: usize, at: Time) -> &Board {
        if facts < self.board.facts() {
            self.board = self.copies[facts / FACTS_A_COPY].clone();
        }
        while self.board.facts() < facts {
            let reached = self.board.facts();
            if reached.is_multiple_of(FACTS_A_COPY) && self.copies.len() == reached / FACTS_A_COPY {
                self.copies.push(self.board.clone());
            }
            self.board.fold(trace, reached);
        }
        self.board.at = at;
        &self.board
    }
}

/// The time of the next fact after `at` that changes something to be seen; the end of the run if there is none.
pub fn next_step(trace: &Trace, at: Time, end: Time) -> Time {
    let next = trace.events.partition_point(|event| event.at <= at);
    trace.events.get(next).map_or(end, |event| event.at)
}

/// The time of the fact before `at`.
pub fn previous_step(trace: &Trace, at: Time) -> Time {
    let next = trace.events.partition_point(|event| event.at < at);
    next.checked_sub(1)
        .map_or(Time::ZERO, |index| trace.events[index].at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Keep, Simulation, catalog};

    #[test]
    fn rewinding_gives_the_board_that_was_there() {
        let scenario = catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let trace = run.trace.as_ref().expect("it was kept");
        let mut forwards = Playhead::new(&scenario, &run);
        let mut jumping = Playhead::new(&scenario, &run);
        jumping.seek(trace, run.end);
        for ms in [9_000, 4_200, 4_000, 100, 0, 7_777] {
            let mut fresh = Playhead::new(&scenario, &run);
            assert_eq!(
                jumping.seek(trace, Time::from_ms(ms)).counters(),
                fresh.seek(trace, Time::from_ms(ms)).counters(),
                "{ms} ms"
            );
        }
        assert_eq!(
            forwards.seek(trace, run.end).counters().duplicates,
            run.verdict.dup
        );
    }
}
