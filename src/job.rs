//! Work that takes a while, done in slices: the same code in a worker, in the page itself, in tests and in the terminal.
//!
//! Requests travel as JSON, because scenarios describe themselves; answers travel as postcard bytes, which are several
//! times smaller. An answer carries the number of its request, and the newest request wins.

use crate::sim::{Keep, Run, Scenario, Simulation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub number: u64,
    /// The whole scenario.
    pub scenario: Value,
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The worker is up.
    Ready,
    /// So many events so far.
    Progress { number: u64, events: u64 },
    Done { number: u64, run: Box<Run> },
    Refused { number: u64, problem: String },
}

/// A request being worked on.
pub struct Job {
    number: u64,
    simulation: Simulation,
}

impl Request {
    pub fn new(number: u64, scenario: &Scenario) -> Self {
        Request { number, scenario: scenario.to_value() }
    }

    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a request is plain data")
    }
}

impl Reply {
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a reply is plain data")
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Reply, String> {
        postcard::from_bytes(bytes).map_err(|error| format!("the worker's answer cannot be read: {error}"))
    }
}

impl Job {
    /// Begins a request, or says what is wrong with it.
    pub fn begin(text: &str) -> Result<Job, Reply> {
        let request: Request = serde_json::from_str(text).map_err(|error| Reply::Refused { number: 0, problem: format!("request: {error}") })?;
        let number = request.number;
        match Scenario::from_value(&request.scenario) {
            Ok(scenario) => Ok(Job { number, simulation: Simulation::new(&scenario, Keep::Trace) }),
            Err(error) => Err(Reply::Refused { number, problem: error.to_string() }),
        }
    }

    /// Handles up to `events` events: the job goes on, or is done.
    pub fn advance(mut self, events: u64) -> Result<Job, Reply> {
        for _ in 0..events {
            if !self.simulation.step() {
                return Err(Reply::Done { number: self.number, run: Box::new(self.simulation.finish()) });
            }
        }
        Ok(self)
    }

    pub fn progress(&self) -> Reply {
        Reply::Progress { number: self.number, events: self.simulation.events() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;

    #[test]
    fn a_job_in_slices_gives_the_run_that_the_terminal_gives_and_survives_the_wire() {
        let scenario = catalog::find(catalog::OPENING).expect("there is one").scenario();
        let mut job = Job::begin(&Request::new(7, &scenario).to_text());
        let reply = loop {
            match job.and_then(|job| job.advance(100)) {
                Ok(next) => job = Ok(next),
                Err(reply) => break reply,
            }
        };
        let Reply::Done { number: 7, run } = Reply::from_bytes(&reply.to_bytes()).expect("readable") else { panic!("not done") };
        let whole = Simulation::run(&scenario, Keep::Trace);
        assert_eq!((run.digest, &run.verdict), (whole.digest, &whole.verdict));
        assert_eq!(run.trace.expect("kept").text(), whole.trace.expect("kept").text());
    }

    #[test]
    fn a_bad_request_is_refused_with_the_place() {
        let refused = |text: &str| match Job::begin(text) {
            Err(Reply::Refused { problem, .. }) => problem,
            _ => panic!("should be refused"),
        };
        assert!(refused("{").starts_with("request: "));
        assert!(refused(r#"{"number": 1, "scenario": {"producer": {"acks": "2"}}}"#).starts_with("producer: "));
    }
}
