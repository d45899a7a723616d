//! A run looked at: the world at a playhead, and why a record became what it became. Folds of the trace; no host is seen.

pub mod anomalies;
pub mod board;
pub mod branches;
pub mod consumers;
pub mod explain;
pub mod job;
pub mod metrics;
pub mod output;
pub mod playhead;
pub mod promises;
pub mod queries;
pub mod series;
#[cfg(not(feature = "lean"))]
pub mod spacetime;
pub mod table;
pub mod tables;
pub mod transactions;
pub mod writers;

pub use board::Board;
pub use playhead::Playhead;

/// Shows the board after every fact of a named scenario's run, and answers the last one.
#[cfg(test)]
fn follow(id: &str, mut look: impl FnMut(&crate::sim::trace::Fact, &Board)) -> Board {
    use crate::sim::{Keep, Simulation, catalog};

    let scenario = catalog::find(id).expect("a preset").scenario();
    let run = Simulation::run(&scenario, Keep::Trace);
    let trace = run.trace.as_ref().expect("kept");
    let mut board = Board::new(&scenario, &run);
    for index in 0..trace.events.len() {
        board.fold(trace, index);
        look(&trace.events[index].fact, &board);
    }
    board
}
