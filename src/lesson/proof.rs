//! What every lesson has to hold, on the simulator: its claims, its tasks, its questions. Tests and `streamproof lesson check`
//! ask the same.

use super::check::{Evidence, Expr, Op, Pred, Standing};
use super::{Ask, AskKind, Lesson, Step};
use crate::sim::explore::gauntlet::{self, Gauntlet, GauntletReport};
use crate::sim::{Keep, Patch, Run, Scenario, ScenarioError, Simulation, control};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Beside its own seed, a lesson is held against seeds 1 to so many.
pub const SEEDS: u64 = 20;

/// What does not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Of the lesson's file, counted from 1.
    pub line: usize,
    pub problem: String,
}

impl Finding {
    fn new(line: usize, problem: String) -> Finding {
        Finding { line, problem }
    }
}

/// Everything below, in the order of the file.
pub fn of(lesson: &Lesson, seeds: u64) -> Vec<Finding> {
    let mut found = claims(lesson, seeds);
    found.extend(tasks(lesson, seeds));
    found.extend(questions(lesson));
    found.extend(refutations(lesson));
    found.sort_by_key(|finding| finding.line);
    found
}

/// Every claim holds on the run of its step, and every number that is asked for has a value there. A claim that names no
/// number of that very run holds with every other seed too.
pub fn claims(lesson: &Lesson, seeds: u64) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut runs = Runs::default();
    for (number, step) in lesson.steps.iter().enumerate() {
        let scenario = scenario(lesson, number);
        for claim in step.claims() {
            let others = if names_a_number(&claim.pred) {
                0
            } else {
                seeds
            };
            let missing = |seed: u64, run: &Run| match claim.pred.shortfall(&alone(&scenario, run))
            {
                Ok(None) => None,
                Ok(Some(missing)) => Some((seed, missing)),
                Err(unknown) => Some((seed, unknown)),
            };
            let own = runs.of(&scenario, scenario.seed);
            let missing = missing(scenario.seed, &own)
                .or_else(|| (1..=others).find_map(|seed| missing(seed, &runs.of(&scenario, seed))));
            if let Some((seed, missing)) = missing {
                let problem = format!(
                    "claim \"{}\" of step {}, with seed {seed}: {missing}",
                    claim.source,
                    number + 1
                );
                found.push(Finding::new(claim.line, problem));
            }
        }
        for ask in step.asks() {
            let counted = match &ask.kind {
                AskKind::Number { answer, source } => Some((answer, source)),
                AskKind::Sql(wanted) => Some((&wanted.rows, &wanted.source)),
                AskKind::Choice(_) | AskKind::Text { .. } => None,
            };
            if let Some((answer, source)) = counted {
                let run = runs.of(&scenario, scenario.seed);
                if let Err(unknown) = answer.value(&alone(&scenario, &run)) {
                    let problem = format!("ask \"{}\": answer \"{source}\": {unknown}", ask.id);
                    found.push(Finding::new(ask.line, problem));
                }
            }
        }
    }
    found
}

/// No step's tasks are all passed by the run that it starts from.
pub fn tasks(lesson: &Lesson, seeds: u64) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut runs = Runs::default();
    for (number, step) in lesson.steps.iter().enumerate() {
        let Some(first) = step.tasks().next() else {
            continue;
        };
        let scenario = scenario(lesson, number);
        let idle = std::iter::once(scenario.seed)
            .chain(1..=seeds)
            .find(|&seed| {
                let run = runs.of(&scenario, seed);
                let evidence = Evidence {
                    base_run: Some(&run),
                    ..alone(&scenario, &run)
                };
                step.tasks()
                    .all(|task| task.check.standing(&evidence) == Standing::Passed)
            });
        if let Some(seed) = idle {
            let problem = format!(
                "step {}: all tasks are passed before anything is changed, with seed {seed}",
                number + 1
            );
            found.push(Finding::new(first.line, problem));
        }
    }
    found
}

/// What solves the tasks of a lesson and what does not, by the heading of their step.
pub type Solutions = BTreeMap<String, Solution>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Solution {
    /// Each passes all tasks of its step.
    pub pass: Vec<Patch>,
    /// Each leaves one undone.
    pub fail: Vec<Patch>,
}

/// The tasks of each step are passed by what solves them and by nothing less, with every seed; nothing to do is less too.
pub fn solved(lesson: &Lesson, solutions: &Solutions, seeds: u64) -> Vec<Finding> {
    let mut found = Vec::new();
    for (heading, solution) in solutions {
        let step = lesson
            .steps
            .iter()
            .position(|step| step.heading == *heading && step.tasks().next().is_some());
        let Some(number) = step else {
            let problem = format!("no step with tasks is called \"{heading}\"");
            found.push(Finding::new(1, problem));
            continue;
        };
        let step = &lesson.steps[number];
        let base = scenario(lesson, number);
        let seeds = std::iter::once(base.seed).chain(1..=seeds);
        let base_runs: Vec<(u64, Run)> = seeds.map(|seed| (seed, run(&base, seed))).collect();
        let nothing = Patch::default();
        let less = solution.fail.iter().chain([&nothing]);
        let wanted = solution.pass.iter().map(|patch| (patch, true));
        for (patch, wanted) in wanted.chain(less.map(|patch| (patch, false))) {
            let scenario = match base.patched(patch) {
                Ok(scenario) => scenario,
                Err(error) => {
                    let problem = format!("{heading}: {}: {error}", patch.0);
                    found.push(Finding::new(step.line, problem));
                    continue;
                }
            };
            let mut suites = Suites::default();
            let missing = |(seed, base_run): &(u64, Run)| {
                let seed = *seed;
                let run = run(&scenario, seed);
                let evidence = Evidence {
                    base: &base,
                    base_run: Some(base_run),
                    ..alone(&scenario, &run)
                };
                // One gauntlet is enough to refute.
                let from = if wanted { seed } else { base.seed };
                if let Err(error) = suites.run(step, &scenario, from) {
                    return Some(error.to_string());
                }
                let reports: Vec<&GauntletReport> = suites.reports.iter().collect();
                let missing = step.tasks().find_map(|task| {
                    match task.check.standing_after(&evidence, &reports) {
                        Standing::Passed => None,
                        Standing::NotYet(missing) | Standing::CannotTell(missing) => Some(missing),
                    }
                });
                (missing.is_none() != wanted).then(|| match missing {
                    Some(missing) => format!("is no solution with seed {seed}: {missing}"),
                    None => format!("is a solution with seed {seed}"),
                })
            };
            if let Some(problem) = base_runs.iter().find_map(missing) {
                let problem = format!("{heading}: {} {problem}", patch.0);
                found.push(Finding::new(step.line, problem));
            }
        }
    }
    found
}

/// The gauntlets of a step. One has several seeds, so it is run once for each so many of them, and from the scenario's own.
#[derive(Default)]
struct Suites {
    from: Option<u64>,
    reports: Vec<GauntletReport>,
}

impl Suites {
    fn run(&mut self, step: &Step, scenario: &Scenario, seed: u64) -> Result<(), ScenarioError> {
        let from = match seed == scenario.seed {
            true => seed,
            false => seed - (seed - 1) % gauntlet::SEEDS,
        };
        if self.from == Some(from) {
            return Ok(());
        }
        let mut scenario = scenario.clone();
        scenario.seed = from;
        let suites = step.tasks().flat_map(|task| task.check.suites());
        self.reports = suites
            .map(|suite| Gauntlet::run(&scenario, suite))
            .collect::<Result<_, _>>()?;
        self.from = Some(from);
        Ok(())
    }
}

/// Something is predicted, the controls exist in the scenario, no right answer is refuted, and right answers do not all stand
/// in the same place.
pub fn questions(lesson: &Lesson) -> Vec<Finding> {
    let mut found = Vec::new();
    let first = scenario(lesson, 0);
    for key in &lesson.setup.controls {
        if control::setting(&first, key).is_none() {
            let problem = format!("lesson: the scenario has no setting \"{key}\"");
            found.push(Finding::new(1, problem));
        }
    }
    let asks: Vec<&Ask> = lesson.steps.iter().flat_map(Step::asks).collect();
    if !asks.iter().any(|ask| ask.sure) {
        let problem = "nothing is predicted; expected an ask with \"sure\": true";
        found.push(Finding::new(1, problem.into()));
    }
    let mut places = Vec::new();
    for ask in asks {
        let AskKind::Choice(options) = &ask.kind else {
            continue;
        };
        if options
            .iter()
            .any(|option| option.right && option.refuted_by.is_some())
        {
            let problem = format!("ask \"{}\": the right answer has a refutation", ask.id);
            found.push(Finding::new(ask.line, problem));
        }
        places.extend(options.iter().position(|option| option.right));
    }
    if places.len() > 1 && places.iter().all(|place| *place == places[0]) {
        let problem = format!(
            "the right answer is always number {}; vary its place",
            places[0] + 1
        );
        found.push(Finding::new(1, problem));
    }
    found
}

/// Every refutation is a scenario that can be run.
pub fn refutations(lesson: &Lesson) -> Vec<Finding> {
    let mut found = Vec::new();
    for (number, step) in lesson.steps.iter().enumerate() {
        let base = scenario(lesson, number);
        for ask in step.asks() {
            let AskKind::Choice(options) = &ask.kind else {
                continue;
            };
            let patches = options.iter().filter_map(|option| {
                let patch = option.refuted_by.as_ref()?;
                Some((&option.say, base.patched(patch)))
            });
            for (say, patched) in patches {
                let problem = match patched {
                    Err(error) => error.to_string(),
                    Ok(patched) if run(&patched, patched.seed).verdict.counts.src == 0 => {
                        "nothing happens in its run".into()
                    }
                    Ok(_) => continue,
                };
                let problem = format!("ask \"{}\", refutation of \"{say}\": {problem}", ask.id);
                found.push(Finding::new(ask.line, problem));
            }
        }
    }
    found
}

/// Whether it says what a number is, beyond that it is 0: such a number belongs to one seed.
fn names_a_number(pred: &Pred) -> bool {
    match pred {
        Pred::Compare(left, Op::Equal, right) => [left, right]
            .into_iter()
            .any(|side| matches!(side, Expr::Number(number) if *number != 0.0)),
        Pred::Compare(..) | Pred::Setting(..) => false,
        Pred::And(left, right) | Pred::Or(left, right) => {
            names_a_number(left) || names_a_number(right)
        }
        Pred::Not(inner) => names_a_number(inner),
    }
}

/// A run as it is before the learner did anything.
fn alone<'a>(scenario: &'a Scenario, run: &'a Run) -> Evidence<'a> {
    Evidence {
        run,
        scenario,
        base: scenario,
        base_run: None,
        answered: &[],
        traced: &[],
    }
}

/// The scenario of a step. Reading the lesson has shown that it is one.
fn scenario(lesson: &Lesson, step: usize) -> Scenario {
    lesson
        .scenario(step)
        .expect("a lesson that was read has a scenario in every step")
}

fn run(scenario: &Scenario, seed: u64) -> Run {
    let mut scenario = scenario.clone();
    scenario.seed = seed;
    Simulation::run(&scenario, Keep::LedgerOnly)
}

/// The runs of the scenario at hand: steps that share one share its runs.
#[derive(Default)]
struct Runs {
    scenario: Option<Scenario>,
    made: Vec<(u64, Rc<Run>)>,
}

impl Runs {
    fn of(&mut self, scenario: &Scenario, seed: u64) -> Rc<Run> {
        if self.scenario.as_ref() != Some(scenario) {
            self.scenario = Some(scenario.clone());
            self.made.clear();
        }
        if let Some((_, made)) = self.made.iter().find(|(made, _)| *made == seed) {
            return Rc::clone(made);
        }
        let made = Rc::new(run(scenario, seed));
        self.made.push((seed, Rc::clone(&made)));
        made
    }
}
