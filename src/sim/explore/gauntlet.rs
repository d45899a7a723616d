//! A gauntlet: every script of a suite, on several seeds, each run to rest.
//!
//! The suites are data, `suites.json`. The suite `crash-points` is no list of scripts: it is every crash point of the scenario.
//! A gauntlet answers with the verdicts; what they have to satisfy, whoever asked knows.

use super::crash_points::{Exploration, Reach};
use super::{Work, advance_run};
use crate::sim::fault::FaultSpec;
use crate::sim::kernel::Time;
use crate::sim::ledger::Verdict;
use crate::sim::ordered::OrdMap;
use crate::sim::{Ended, Keep, Run, Scenario, ScenarioError, Simulation, suggest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many seeds each script runs on, from the scenario's own on.
pub const SEEDS: u64 = 5;

/// The suite that is every crash point.
pub const CRASH_POINTS: &str = "crash-points";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    /// Suites that it includes.
    #[serde(default)]
    of: Vec<String>,
    scripts: Vec<Script>,
}

/// One script of a suite.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub name: String,
    pub faults: OrdMap<String, Value>,
}

fn suites() -> OrdMap<String, Suite> {
    serde_json::from_str(include_str!("suites.json")).expect("suites.json is well-formed")
}

/// The names that a gauntlet may have; several are joined by `+`.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = suites().into_keys().collect();
    names.push(CRASH_POINTS.into());
    names
}

/// Runs that ended alike: the first of them, and how many there were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The script, or the step before which the crash falls.
    pub script: String,
    pub seed: u64,
    pub faults: OrdMap<String, FaultSpec>,
    pub verdict: Verdict,
    pub branches: OrdMap<String, Verdict>,
    pub runs: u32,
}

impl Trial {
    /// The run, as far as it is kept.
    pub fn run(&self) -> Run {
        Run {
            trace: None,
            digest: 0,
            verdict: self.verdict.clone(),
            branches: self.branches.clone(),
            end_to_end: Default::default(),
            outcomes: Vec::new(),
            branch_outcomes: OrdMap::new(),
            tally: Vec::new(),
            ended: Ended::Drained,
            end: Time::ZERO,
            events: 0,
        }
    }
}

/// What came of all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GauntletReport {
    pub suite: String,
    pub runs: u32,
    pub trials: Vec<Trial>,
}

impl GauntletReport {
    fn add(&mut self, trial: Trial) {
        self.runs += trial.runs;
        let alike =
            |other: &&mut Trial| other.verdict == trial.verdict && other.branches == trial.branches;
        match self.trials.iter_mut().find(alike) {
            Some(other) => other.runs += trial.runs,
            None => self.trials.push(trial),
        }
    }
}

/// A gauntlet on its way.
pub struct Gauntlet {
    report: GauntletReport,
    /// Taken from the end.
    open: Vec<(String, Scenario)>,
    explorations: Vec<Scenario>,
    running: Option<Running>,
    of: u64,
    done: u64,
}

enum Running {
    Script(String, Box<Scenario>, Box<Simulation>),
    CrashPoints(u64, Box<Exploration>),
}

impl Gauntlet {
    /// The scenario's own faults give way to those of the suite.
    ///
    /// # Errors
    ///
    /// An unknown suite, or a script that does not fit the scenario.
    pub fn new(scenario: &Scenario, suite: &str) -> Result<Gauntlet, ScenarioError> {
        let known = suites();
        let mut scripts = Vec::new();
        let mut explorations = Vec::new();
        for name in suite.split('+').map(str::trim) {
            if name == CRASH_POINTS {
                explorations.extend((0..SEEDS).map(|n| seeded(scenario, n)));
            } else {
                scripts_of(&known, name, &mut scripts)?;
            }
        }
        let mut open = Vec::new();
        for script in &scripts {
            for n in 0..SEEDS {
                let mut struck = seeded(scenario, n).to_value();
                struck["faults"] = serde_json::to_value(&script.faults).unwrap_or_default();
                let struck = Scenario::from_value(&struck).map_err(|error| {
                    let why = format!("the script \"{}\" does not fit: {error}", script.name);
                    ScenarioError::new(format!("gauntlet {suite}"), why)
                })?;
                open.push((script.name.clone(), struck));
            }
        }
        open.reverse();
        explorations.reverse();
        Ok(Gauntlet {
            of: (open.len() + explorations.len()) as u64,
            open,
            explorations,
            running: None,
            done: 0,
            report: GauntletReport {
                suite: suite.into(),
                runs: 0,
                trials: Vec::new(),
            },
        })
    }

    /// The whole of it at once.
    ///
    /// # Errors
    ///
    /// As [`Gauntlet::new`].
    pub fn run(scenario: &Scenario, suite: &str) -> Result<GauntletReport, ScenarioError> {
        let mut gauntlet = Gauntlet::new(scenario, suite)?;
        while gauntlet.advance(u64::MAX) {}
        Ok(gauntlet.finish())
    }

    pub fn finish(self) -> GauntletReport {
        self.report
    }

    fn next(&mut self) -> Option<Running> {
        if let Some((name, scenario)) = self.open.pop() {
            let simulation = Box::new(Simulation::new(&scenario, Keep::VerdictOnly));
            return Some(Running::Script(name, Box::new(scenario), simulation));
        }
        let scenario = self.explorations.pop()?;
        let reach = Reach {
            verdicts: true,
            ..Reach::default()
        };
        let exploration = Exploration::new(&scenario, reach).expect("it reaches what there is");
        Some(Running::CrashPoints(scenario.seed, Box::new(exploration)))
    }
}

/// The scenario with the nth seed after its own.
fn seeded(scenario: &Scenario, n: u64) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.seed = scenario.seed.wrapping_add(n);
    scenario
}

fn scripts_of(
    known: &OrdMap<String, Suite>,
    name: &str,
    scripts: &mut Vec<Script>,
) -> Result<(), ScenarioError> {
    let Some(suite) = known.get(name) else {
        let names = names();
        let hint = suggest::did_you_mean(name, names.iter().map(String::as_str));
        return Err(ScenarioError::new(
            "gauntlet",
            format!(
                "no suite named \"{name}\"{hint}; accepted are {}",
                names.join(", ")
            ),
        ));
    };
    for other in &suite.of {
        scripts_of(known, other, scripts)?;
    }
    scripts.extend(suite.scripts.iter().cloned());
    Ok(())
}

impl Work for Gauntlet {
    fn advance(&mut self, events: u64) -> bool {
        let mut budget = events;
        while budget > 0 {
            let Some(running) = self.running.take().or_else(|| self.next()) else {
                return false;
            };
            match running {
                Running::Script(name, scenario, mut simulation) => {
                    if advance_run(&mut simulation, &mut budget) {
                        let run: Run = simulation.finish();
                        self.report.add(Trial {
                            script: name,
                            seed: scenario.seed,
                            faults: scenario.faults,
                            verdict: run.verdict,
                            branches: run.branches,
                            runs: 1,
                        });
                        self.done += 1;
                    } else {
                        self.running = Some(Running::Script(name, scenario, simulation));
                    }
                }
                Running::CrashPoints(seed, mut exploration) => {
                    if exploration.advance(budget) {
                        self.running = Some(Running::CrashPoints(seed, exploration));
                        budget = 0;
                    } else {
                        for trial in exploration.finish().trials {
                            self.report.add(Trial { seed, ..trial });
                        }
                        self.done += 1;
                    }
                }
            }
        }
        self.running.is_some() || !self.open.is_empty() || !self.explorations.is_empty()
    }

    fn progress(&self) -> (u64, u64) {
        (self.done, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;

    #[test]
    fn every_suite_is_known_and_every_script_fits_a_scenario() {
        let opening = catalog::find(catalog::OPENING).expect("there is one");
        let mut consuming = opening.scenario().to_value();
        consuming["engine"] = serde_json::json!({"use": "consumer"});
        consuming["sink"] = serde_json::json!({"use": "console"});
        let consuming = Scenario::from_value(&consuming).expect("valid");
        let flink = catalog::find("flink-transaction-timeout").expect("there is one");
        for name in names() {
            let scenarios = [opening.scenario(), consuming.clone(), flink.scenario()];
            let fits = scenarios.map(|scenario| Gauntlet::new(&scenario, &name).map(|g| g.of));
            assert!(
                fits.iter().any(Result::is_ok),
                "{name}: {:?}",
                fits.map(|fit| fit.map_err(|error| error.to_string()))
            );
        }
        let unknown = Gauntlet::new(&opening.scenario(), "G-NETT").err();
        let text = unknown.expect("refused").to_string();
        assert!(text.contains("did you mean \"G-NET\"?"), "{text}");
    }
}
