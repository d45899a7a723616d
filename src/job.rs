//! Work that takes a while, done in slices: the same code in a worker, in the worker's program on the page, and in tests.
//! The terminal has the time to wait and runs a simulation in one go.
//!
//! Requests and answers travel as postcard bytes: several times smaller than JSON, and the worker carries no JSON reader.
//! An answer carries the number of its request. The newest run wins over older ones, and so does the newest exploration; a run
//! goes before an exploration and leaves it where it is.

#[cfg(not(feature = "lean"))]
use crate::sim::explore::{
    Work,
    compare::{Comparing, Comparison},
    crash_points::{Exploration, Reach, Report},
    gauntlet::{Gauntlet, GauntletReport},
    guarantee::{Judged, Judging},
    matrix::{Filling, Matrix, axes},
    prevent::{Prevention, Search},
    seeds::{SeedReport, Seeds},
    wired::{Wired, Wiring},
};
use crate::sim::{Keep, Run, Scenario, ScenarioError, Simulation};
use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub number: u64,
    pub scenario: Scenario,
    pub what: What,
}

/// What is wanted of the scenario. A build without exploration knows the first only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// Its run, with the trace.
    #[default]
    Run,
    /// Nothing any more: whatever is being worked on is dropped.
    #[cfg(not(feature = "lean"))]
    Stop,
    #[cfg(not(feature = "lean"))]
    Explore(Reach),
    /// The guarantee of every combination of settings, with at most so many orders.
    #[cfg(not(feature = "lean"))]
    Matrix { orders: u32 },
    /// The scenario against another one.
    #[cfg(not(feature = "lean"))]
    Compare(Box<Scenario>),
    /// So many seeds from the scenario's own on.
    #[cfg(not(feature = "lean"))]
    Seeds(u32),
    /// Which setting would have helped, all orders or one.
    #[cfg(not(feature = "lean"))]
    Prevent(Option<u32>),
    /// The scripts of a suite.
    #[cfg(not(feature = "lean"))]
    Gauntlet(String),
    /// Every crash point, and the settings that what was refuted fell by.
    #[cfg(not(feature = "lean"))]
    Judge(Reach),
    /// What goes over the network in its run.
    #[cfg(not(feature = "lean"))]
    Wire,
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The worker is up.
    Ready,
    /// So many events so far.
    Progress {
        number: u64,
        events: u64,
    },
    Done {
        number: u64,
        run: Box<Run>,
    },
    Refused {
        number: u64,
        problem: String,
    },
    /// So many parts done of so many, as far as that is known.
    #[cfg(not(feature = "lean"))]
    Part {
        number: u64,
        done: u64,
        of: u64,
    },
    #[cfg(not(feature = "lean"))]
    Found {
        number: u64,
        found: Found,
    },
}

/// What many runs together have shown.
#[cfg(not(feature = "lean"))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Found {
    /// It was told to stop.
    Nothing,
    Explored(Box<Report>),
    Matrix(Box<Matrix>),
    Compared(Box<Comparison>),
    Seeds(Box<SeedReport>),
    Prevented(Box<Prevention>),
    Gauntlet(Box<GauntletReport>),
    Judged(Box<Judged>),
    Wired(Box<Wired>),
}

/// A request being worked on.
pub struct Job {
    number: u64,
    task: Task,
}

enum Task {
    Run(Box<Simulation>),
    #[cfg(not(feature = "lean"))]
    Stop,
    #[cfg(not(feature = "lean"))]
    Explore(Box<Exploration>),
    #[cfg(not(feature = "lean"))]
    Matrix(Box<Filling>),
    #[cfg(not(feature = "lean"))]
    Compare(Box<Comparing>),
    #[cfg(not(feature = "lean"))]
    Seeds(Box<Seeds>),
    #[cfg(not(feature = "lean"))]
    Prevent(Box<Search>),
    #[cfg(not(feature = "lean"))]
    Gauntlet(Box<Gauntlet>),
    #[cfg(not(feature = "lean"))]
    Judge(Box<Judging>),
    #[cfg(not(feature = "lean"))]
    Wire(Box<Wiring>),
}

impl Request {
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a request is plain data")
    }
}

impl Reply {
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a reply is plain data")
    }

    /// Whether nothing more comes for this request.
    pub fn is_last(&self) -> bool {
        match self {
            Reply::Ready | Reply::Progress { .. } => false,
            Reply::Done { .. } | Reply::Refused { .. } => true,
            #[cfg(not(feature = "lean"))]
            Reply::Part { .. } => false,
            #[cfg(not(feature = "lean"))]
            Reply::Found { .. } => true,
        }
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Reply, String> {
        postcard::from_bytes(bytes)
            .map_err(|error| format!("the worker's answer cannot be read: {error}"))
    }
}

impl Job {
    /// Begins a request, or says that it cannot be read.
    pub fn begin(bytes: &[u8]) -> Result<Job, Reply> {
        let request: Request = postcard::from_bytes(bytes).map_err(|error| Reply::Refused {
            number: 0,
            problem: format!("the request cannot be read: {error}"),
        })?;
        let number = request.number;
        Task::begin(request)
            .map(|task| Job { number, task })
            .map_err(|error| Reply::Refused {
                number,
                problem: error.to_string(),
            })
    }

    /// Handles up to about `events` events: the job goes on, or is done.
    pub fn advance(mut self, events: u64) -> Result<Job, Reply> {
        let number = self.number;
        match self.task {
            Task::Run(mut simulation) => {
                for _ in 0..events {
                    if !simulation.step() {
                        let run = Box::new(simulation.finish());
                        return Err(Reply::Done { number, run });
                    }
                }
                self.task = Task::Run(simulation);
                Ok(self)
            }
            #[cfg(not(feature = "lean"))]
            task => match task.advance(events) {
                Ok(task) => Ok(Job { number, task }),
                Err(found) => Err(Reply::Found { number, found }),
            },
        }
    }

    /// Whether it is a single run, and not one of the many that nobody waits for with a finger on the button.
    pub fn is_run(&self) -> bool {
        matches!(self.task, Task::Run(_))
    }

    pub fn progress(&self) -> Reply {
        let number = self.number;
        match &self.task {
            Task::Run(simulation) => Reply::Progress {
                number,
                events: simulation.events(),
            },
            #[cfg(not(feature = "lean"))]
            task => {
                let (done, of) = task.progress();
                Reply::Part { number, done, of }
            }
        }
    }
}

impl Task {
    #[cfg(feature = "lean")]
    fn begin(request: Request) -> Result<Task, ScenarioError> {
        let What::Run = request.what;
        let simulation = Simulation::new(&request.scenario, Keep::Trace);
        Ok(Task::Run(Box::new(simulation)))
    }

    #[cfg(not(feature = "lean"))]
    fn begin(request: Request) -> Result<Task, ScenarioError> {
        let scenario = &request.scenario;
        Ok(match request.what {
            What::Run => Task::Run(Box::new(Simulation::new(scenario, Keep::Trace))),
            What::Stop => Task::Stop,
            What::Explore(reach) => Task::Explore(Box::new(Exploration::new(scenario, reach)?)),
            What::Matrix { orders } => {
                let reach = Reach::default();
                Task::Matrix(Box::new(Filling::new(scenario, &axes(), orders, &reach)?))
            }
            What::Compare(other) => Task::Compare(Box::new(Comparing::new(scenario, &other)?)),
            What::Seeds(seeds) => Task::Seeds(Box::new(Seeds::new(scenario, seeds)?)),
            What::Prevent(order) => Task::Prevent(Box::new(Search::new(scenario, order)?)),
            What::Gauntlet(suite) => Task::Gauntlet(Box::new(Gauntlet::new(scenario, &suite)?)),
            What::Judge(reach) => Task::Judge(Box::new(Judging::new(scenario, reach)?)),
            What::Wire => Task::Wire(Box::new(Wiring::new(scenario))),
        })
    }
}

#[cfg(not(feature = "lean"))]
impl Task {
    fn work(&mut self) -> Option<&mut dyn Work> {
        match self {
            Task::Run(_) | Task::Stop => None,
            Task::Explore(work) => Some(work.as_mut()),
            Task::Matrix(work) => Some(work.as_mut()),
            Task::Compare(work) => Some(work.as_mut()),
            Task::Seeds(work) => Some(work.as_mut()),
            Task::Prevent(work) => Some(work.as_mut()),
            Task::Gauntlet(work) => Some(work.as_mut()),
            Task::Judge(work) => Some(work.as_mut()),
            Task::Wire(work) => Some(work.as_mut()),
        }
    }

    fn advance(mut self, events: u64) -> Result<Task, Found> {
        if self.work().is_some_and(|work| work.advance(events)) {
            return Ok(self);
        }
        Err(match self {
            Task::Run(_) | Task::Stop => Found::Nothing,
            Task::Explore(work) => Found::Explored(Box::new(work.finish())),
            Task::Matrix(work) => Found::Matrix(Box::new(work.finish())),
            Task::Compare(work) => Found::Compared(Box::new(work.finish())),
            Task::Seeds(work) => Found::Seeds(Box::new(work.finish())),
            Task::Prevent(work) => Found::Prevented(Box::new(work.finish())),
            Task::Gauntlet(work) => Found::Gauntlet(Box::new(work.finish())),
            Task::Judge(work) => Found::Judged(Box::new(work.finish())),
            Task::Wire(work) => Found::Wired(Box::new(work.finish())),
        })
    }

    fn progress(&self) -> (u64, u64) {
        match self {
            Task::Run(_) | Task::Stop => (0, 0),
            Task::Explore(work) => work.progress(),
            Task::Matrix(work) => work.progress(),
            Task::Compare(work) => work.progress(),
            Task::Seeds(work) => work.progress(),
            Task::Prevent(work) => work.progress(),
            Task::Gauntlet(work) => work.progress(),
            Task::Judge(work) => work.progress(),
            Task::Wire(work) => work.progress(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;

    #[test]
    fn a_job_in_slices_gives_the_run_that_the_terminal_gives_and_survives_the_wire() {
        let scenario = catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario();
        let mut job = Job::begin(
            &Request {
                number: 7,
                scenario: scenario.clone(),
                what: What::Run,
            }
            .to_bytes(),
        );
        let reply = loop {
            match job.and_then(|job| job.advance(100)) {
                Ok(next) => job = Ok(next),
                Err(reply) => break reply,
            }
        };
        let Reply::Done { number: 7, run } =
            Reply::from_bytes(&reply.to_bytes()).expect("readable")
        else {
            panic!("not done")
        };
        let whole = Simulation::run(&scenario, Keep::Trace);
        assert_eq!((run.digest, &run.verdict), (whole.digest, &whole.verdict));
        assert_eq!(
            run.trace.expect("kept").text(),
            whole.trace.expect("kept").text()
        );
    }

    #[test]
    fn a_section_that_a_small_worker_passes_over_survives_the_wire_and_costs_a_byte_where_it_is_not_used()
     {
        let bytes = |text: &str| {
            let scenario = Scenario::parse(text).expect("valid");
            Request {
                number: 1,
                scenario,
                what: What::Run,
            }
            .to_bytes()
        };
        let text = r#"{"engine": {"use": "consumer", "consumer": {"consumers": 3, "consumer.commit": "before"}},
            "sink": {"use": "console"}}"#;
        let request: Request = postcard::from_bytes(&bytes(text)).expect("readable");
        assert_eq!(request.scenario, Scenario::parse(text).expect("valid"));
        let plain = bytes(r#"{"engine": {"use": "consumer"}, "sink": {"use": "console"}}"#);
        let parcel = bytes(text).len() - plain.len();
        assert!((10..80).contains(&parcel), "{parcel} bytes");
    }

    #[test]
    fn bytes_that_are_no_request_are_refused() {
        for bytes in [&[][..], &[1], &[255; 40]] {
            assert!(matches!(
                Job::begin(bytes),
                Err(Reply::Refused { number: 0, .. })
            ));
        }
    }

    #[test]
    fn a_scenario_with_every_kind_of_fault_survives_the_wire() {
        let text = r#"{"faults": {"a": {"do": "net.drop_ack", "where": "p1>b2", "after": {"batch_appended": 9}},
            "b": {"do": "net.drop_ack", "where": "p1>*", "at": 1000, "until": 2000, "chance": 100000}}}"#;
        let request = Request {
            number: 1,
            scenario: Scenario::parse(text).expect("valid"),
            what: What::Run,
        };
        assert_eq!(
            postcard::from_bytes::<Request>(&request.to_bytes()),
            Ok(request)
        );
    }

    #[cfg(not(feature = "lean"))]
    fn found(scenario: &Scenario, what: What) -> Result<Found, String> {
        let request = Request {
            number: 9,
            scenario: scenario.clone(),
            what,
        };
        let mut job = Job::begin(&request.to_bytes());
        loop {
            match job.and_then(|job| job.advance(700)) {
                Ok(next) => {
                    let Reply::Part { number: 9, .. } = next.progress() else {
                        panic!("no progress");
                    };
                    job = Ok(next);
                }
                Err(reply) => {
                    return match Reply::from_bytes(&reply.to_bytes()).expect("readable") {
                        Reply::Found { number: 9, found } => Ok(found),
                        Reply::Refused { number: 9, problem } => Err(problem),
                        other => panic!("{other:?}"),
                    };
                }
            }
        }
    }

    #[cfg(not(feature = "lean"))]
    #[test]
    fn every_kind_of_job_gives_in_slices_what_it_gives_at_once_and_survives_the_wire() {
        let mut scenario = catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario();
        scenario.workload.orders = 3;
        scenario.branches.clear();
        let mut other = scenario.clone();
        other.workload.jitter_percent = 0;
        let reach = Reach {
            hosts: vec!["p1".into()],
            ..Reach::default()
        };
        let explored = Exploration::run(&scenario, reach.clone()).expect("valid");
        let compared = Comparing::run(&scenario, &other).expect("valid");
        let seeds = Seeds::run(&scenario, 3).expect("valid");
        let prevented = Search::run(&scenario, Some(2)).expect("valid");
        let gauntlet = Gauntlet::run(&scenario, "G-NET").expect("valid");
        let judged = Judging::run(&scenario, reach.clone()).expect("valid");
        for (what, expected) in [
            (What::Judge(reach.clone()), Found::Judged(Box::new(judged))),
            (What::Explore(reach), Found::Explored(Box::new(explored))),
            (
                What::Compare(Box::new(other)),
                Found::Compared(Box::new(compared)),
            ),
            (What::Seeds(3), Found::Seeds(Box::new(seeds))),
            (
                What::Prevent(Some(2)),
                Found::Prevented(Box::new(prevented)),
            ),
            (
                What::Gauntlet("G-NET".into()),
                Found::Gauntlet(Box::new(gauntlet)),
            ),
            (What::Stop, Found::Nothing),
        ] {
            assert_eq!(found(&scenario, what), Ok(expected));
        }
        let refused = found(&scenario, What::Seeds(0)).expect_err("refused");
        assert_eq!(refused, "seeds: 0 is out of range; 1 to 100000 is accepted");
    }
}
