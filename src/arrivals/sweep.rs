//! Many configurations over the same arrivals, judged by one promise, and the frontier of those that nothing beats.
//!
//! A sweep advances in slices of records. What configurations share is worked out once: panes for each kind of window, the
//! watermark's way for all fixed delays, and where results leave once, all that does not depend on the delay.

use super::ranks::Percentile;
use super::replay::{Config, Outcome, Replay};
use super::sla::{Miss, Sla};
use super::track::Track;
use super::windows::{Fixed, Plan};
use super::{Arrivals, Progress};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// Configurations in one sweep.
pub const MOST_CONFIGS: usize = 1_000;

/// A configuration, what came of it, and what it breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub outcome: Outcome,
    pub misses: Vec<Miss>,
    /// No other configuration is at least as good in P95, late events and state, and better in one.
    pub on_frontier: bool,
}

/// A sweep under way.
pub struct Sweep {
    arrivals: Rc<Arrivals>,
    sla: Sla,
    waiting: std::vec::IntoIter<Config>,
    total: usize,
    plan: Option<Rc<Plan>>,
    track: Option<Rc<Track>>,
    fixed: Option<Fixed>,
    replay: Option<Replay>,
    /// Records of the present replay that were played.
    played: u64,
    judged: Vec<Judged>,
}

impl Sweep {
    /// Refuses a configuration that no engine would take, with its number from 0.
    pub fn new(arrivals: Rc<Arrivals>, configs: Vec<Config>, sla: Sla) -> Result<Sweep, String> {
        if configs.len() > MOST_CONFIGS {
            return Err(format!(
                "{} configurations; {MOST_CONFIGS} at most are accepted",
                configs.len()
            ));
        }
        for (n, config) in configs.iter().enumerate() {
            config
                .validate()
                .map_err(|why| format!("configs.{n}.{why}"))?;
        }
        Ok(Sweep {
            arrivals,
            sla,
            total: configs.len(),
            waiting: configs.into_iter(),
            plan: None,
            track: None,
            fixed: None,
            replay: None,
            played: 0,
            judged: Vec::new(),
        })
    }

    /// In records, over all configurations.
    pub fn progress(&self) -> Progress {
        let events = self.arrivals.len() as u64;
        Progress {
            done: self.judged.len() as u64 * events + self.played,
            total: self.total as u64 * events,
        }
    }

    /// Plays up to `records` more of one configuration; false if all are done.
    pub fn advance(&mut self, records: usize) -> bool {
        if self.replay.is_none() {
            let Some(config) = self.waiting.next() else {
                return false;
            };
            let made = self
                .plan
                .take()
                .filter(|plan| plan.is_for(config.windows, config.by_key));
            let plan = made.unwrap_or_else(|| {
                Rc::new(Plan::new(&self.arrivals, config.windows, config.by_key))
            });
            self.plan = Some(plan.clone());
            let track = self.track(&config);
            let arrivals = self.arrivals.clone();
            if Fixed::fits(&config, &track)
                && let Some(fixed) = self.fixed(&config, &plan, &track)
            {
                let outcome = fixed.outcome(&arrivals, config);
                self.judge(outcome);
                return self.waiting.len() > 0;
            }
            let replay = Replay::along(arrivals, plan, track, config);
            self.replay = Some(replay);
            self.played = 0;
        }
        let events = self.arrivals.len() as u64;
        self.played = events.min(self.played.saturating_add(records as u64));
        if self
            .replay
            .as_mut()
            .is_some_and(|replay| replay.advance(records))
        {
            return true;
        }
        let outcome = self.replay.take().expect("it was made above").finish();
        self.played = 0;
        self.judge(outcome);
        self.waiting.len() > 0
    }

    fn judge(&mut self, outcome: Outcome) {
        let misses = self.sla.misses(&outcome);
        self.judged.push(Judged {
            outcome,
            misses,
            on_frontier: false,
        });
    }

    fn track(&mut self, config: &Config) -> Rc<Track> {
        let made = self.track.take();
        let made = made.filter(|track| track.is_for(config.engine, config.processing_ms));
        let track = made.unwrap_or_else(|| {
            let (engine, processing_ms) = (config.engine, config.processing_ms);
            Rc::new(Track::new(&self.arrivals, engine, processing_ms))
        });
        self.track = Some(track.clone());
        track
    }

    fn fixed(&mut self, config: &Config, plan: &Plan, track: &Rc<Track>) -> Option<&Fixed> {
        if !self
            .fixed
            .as_ref()
            .is_some_and(|fixed| fixed.is_for(config))
        {
            self.fixed = Fixed::new(&self.arrivals, plan, track.clone());
        }
        self.fixed.as_ref()
    }

    /// In the order of the configurations.
    pub fn finish(mut self) -> Vec<Judged> {
        let costs: Vec<Cost> = self
            .judged
            .iter()
            .map(|judged| Cost::of(&judged.outcome))
            .collect();
        for (judged, cost) in self.judged.iter_mut().zip(&costs) {
            judged.on_frontier =
                cost.p95 != Percentile::None && !costs.iter().any(|other| other.beats(cost));
        }
        self.judged
    }

    /// The whole of it at once.
    pub fn run(
        arrivals: &Rc<Arrivals>,
        configs: Vec<Config>,
        sla: Sla,
    ) -> Result<Vec<Judged>, String> {
        let mut sweep = Sweep::new(arrivals.clone(), configs, sla)?;
        while sweep.advance(usize::MAX) {}
        Ok(sweep.finish())
    }
}

/// What is traded against each other.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cost {
    p95: Percentile,
    late: u64,
    state: u64,
}

impl Cost {
    const fn of(outcome: &Outcome) -> Cost {
        Cost {
            p95: outcome.p95,
            late: outcome.late,
            state: outcome.state_peak,
        }
    }

    /// At least as good in everything, and better in something. Delivering nothing is no speed.
    fn beats(&self, other: &Cost) -> bool {
        let no_worse =
            self.p95 <= other.p95 && self.late <= other.late && self.state <= other.state;
        self.p95 != Percentile::None && no_worse && self != other
    }
}
