//! A run once more, for what went over the network: the trace has facts only, and most messages make none.

use super::{Work, advance_run};
use crate::sim::kernel::wire::Wire;
use crate::sim::{Keep, Scenario, Simulation};
use serde::{Deserialize, Serialize};

/// What went over the network in a run, and the run's digest: it is the run that the trace is of, or it is not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wired {
    pub digest: u64,
    pub wire: Wire,
}

/// The run on its way.
pub struct Wiring {
    simulation: Simulation,
    limit: u64,
}

impl Wiring {
    pub fn new(scenario: &Scenario) -> Self {
        Wiring {
            simulation: Simulation::new(scenario, Keep::Wire),
            limit: scenario.limits.events,
        }
    }

    /// The whole of it at once.
    pub fn run(scenario: &Scenario) -> Wired {
        let mut work = Wiring::new(scenario);
        while work.advance(u64::MAX) {}
        work.finish()
    }

    pub fn finish(mut self) -> Wired {
        let wire = self.simulation.take_wire();
        let digest = self.simulation.finish().digest;
        Wired { digest, wire }
    }
}

impl Work for Wiring {
    fn advance(&mut self, events: u64) -> bool {
        let mut budget = events;
        !advance_run(&mut self.simulation, &mut budget)
    }

    fn progress(&self) -> (u64, u64) {
        (self.simulation.events(), self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;
    use crate::sim::kernel::wire::Fate;

    #[test]
    fn what_goes_over_the_network_is_that_of_the_run_and_an_answer_without_a_connection_never_leaves()
     {
        let preset = catalog::find(catalog::OPENING).expect("there is one");
        let scenario = preset.scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let Wired { digest, wire } = Wiring::run(&scenario);
        assert_eq!(digest, run.digest);
        assert_eq!(wire.omitted, 0);
        // The acknowledgement of order 17 is the only message that comes to nothing.
        let trace = run.trace.expect("kept");
        let lost: Vec<_> = wire
            .letters
            .iter()
            .filter(|letter| letter.fate.is_lost())
            .collect();
        let [unsent] = lost.as_slice() else {
            panic!("one message is lost, not {}", lost.len())
        };
        assert_eq!(unsent.fate, Fate::Unsent);
        assert_eq!(
            (trace.cast.host(unsent.from), trace.cast.host(unsent.to)),
            ("b2", "p1")
        );
    }
}
