//! The branches as drawn beside the main segment: how many orders each has delivered, doubled and lost.

use crate::sim::engines::spark::WindowType;
use crate::sim::engines::{EngineKind, EngineSection};
use crate::sim::ledger::OutcomeKind;
use crate::sim::ordered::OrdSet;
use crate::sim::origin::number;
use crate::sim::trace::{Fact, FactId, SegmentId};
use crate::sim::{Outcome, Run, Scenario};
use std::rc::Rc;

/// A branch and what it has come to.
#[derive(Clone, Debug)]
pub struct Branch {
    pub name: String,
    pub segment: SegmentId,
    /// It sums by windows.
    pub windowed: bool,
    delivered: OrdSet<u32>,
    outcomes: Rc<Vec<Outcome>>,
    passed: usize,
}

impl Branch {
    /// Distinct orders that its sink shows or has shown.
    pub fn delivered(&self) -> usize {
        self.delivered.len()
    }

    /// What went wrong so far: orders doubled, and orders lost.
    pub fn wrong(&self) -> (usize, usize) {
        let passed = &self.outcomes[..self.passed];
        let count = |wanted: fn(&&Outcome) -> bool| passed.iter().filter(wanted).count();
        (
            count(|one| matches!(one.kind, OutcomeKind::Duplicated(_))),
            count(|one| matches!(one.kind, OutcomeKind::Lost(_))),
        )
    }
}

/// All branches, in the order of their names.
pub fn of(scenario: &Scenario, run: &Run) -> Vec<Branch> {
    let branches = scenario.branches.iter().zip(1..);
    let branches = branches.map(|((name, branch), segment)| Branch {
        name: name.clone(),
        segment: SegmentId(segment),
        windowed: is_windowed(&branch.engine),
        delivered: OrdSet::new(),
        outcomes: Rc::new(run.branch_outcomes.get(name).cloned().unwrap_or_default()),
        passed: 0,
    });
    branches.collect()
}

/// Takes in a fact.
pub fn fold(branches: &mut [Branch], id: FactId, fact: &Fact) {
    for branch in branches {
        let next = |branch: &Branch| branch.outcomes.get(branch.passed).map(|one| one.fact);
        while next(branch).is_some_and(|fact| fact <= id) {
            branch.passed += 1;
        }
        if let Fact::BecameVisible { segment, rows, .. } = fact
            && *segment == branch.segment
        {
            let origins = rows.iter().flat_map(|row| &row.origins);
            branch
                .delivered
                .extend(origins.map(|&(origin, _)| number(origin)));
        }
    }
}

/// Whether an engine's query sums by windows.
pub fn is_windowed(engine: &EngineSection) -> bool {
    match engine.kind {
        EngineKind::Spark => engine.spark.window_type != WindowType::None,
        EngineKind::Flink => engine.flink.is_windowed(),
        EngineKind::Consumer => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::replay::Board;
    use crate::sim::{Keep, Simulation, catalog};

    #[test]
    fn a_branch_counts_what_the_ledger_counted() {
        for id in ["four-branches", "order-billing"] {
            let scenario = catalog::find(id).expect("a preset").scenario();
            let run = Simulation::run(&scenario, Keep::Trace);
            let trace = run.trace.as_ref().expect("kept");
            let mut board = Board::new(&scenario, &run);
            (0..trace.events.len()).for_each(|index| board.fold(trace, index));
            assert_eq!(board.branches.len(), scenario.branches.len());
            for branch in board.branches.iter().filter(|branch| !branch.windowed) {
                let verdict = &run.branches[&branch.name];
                let (_, lost) = branch.wrong();
                assert_eq!(branch.delivered() as u32, verdict.counts.delivered, "{id}");
                assert_eq!(lost as u32, verdict.counts.lost, "{id}: {}", branch.name);
            }
        }
    }

    #[test]
    fn the_windows_that_are_drawn_are_those_of_a_branch_that_has_some() {
        let windowed = |id: &str| {
            let end = crate::replay::follow(id, |_, _| {});
            let own = end.branches.iter().filter(|branch| branch.windowed);
            let names: Vec<String> = own.map(|branch| branch.name.clone()).collect();
            (names, end.windows.is_empty())
        };
        assert_eq!(windowed("order-billing"), (vec!["revenue".into()], false));
        // None of the four sums by windows.
        assert_eq!(windowed("four-branches"), (vec![], true));
    }
}
