//! Work that takes a while, done in slices: the same code in a worker, in the worker's program on the page, and in tests.
//! The terminal has the time to wait and runs a simulation in one go.
//!
//! Requests and answers travel as postcard bytes: several times smaller than JSON, and the worker carries no JSON reader.
//! An answer carries the number of its request, and the newest request wins.

use crate::sim::{Keep, Run, Scenario, Simulation};
use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub number: u64,
    pub scenario: Scenario,
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
}

/// A request being worked on.
pub struct Job {
    number: u64,
    simulation: Simulation,
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
        Ok(Job {
            number: request.number,
            simulation: Simulation::new(&request.scenario, Keep::Trace),
        })
    }

    /// Handles up to `events` events: the job goes on, or is done.
    pub fn advance(mut self, events: u64) -> Result<Job, Reply> {
        for _ in 0..events {
            if !self.simulation.step() {
                return Err(Reply::Done {
                    number: self.number,
                    run: Box::new(self.simulation.finish()),
                });
            }
        }
        Ok(self)
    }

    pub fn progress(&self) -> Reply {
        Reply::Progress {
            number: self.number,
            events: self.simulation.events(),
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
        };
        assert_eq!(
            postcard::from_bytes::<Request>(&request.to_bytes()),
            Ok(request)
        );
    }
}
