//! What many runs together have shown: every crash point, what would have prevented an order's fate, a gauntlet. A reducer of
//! its own, in a context, because an exploration outlives the run that is looked at and tells of itself many times a second.

use super::lab::{Lab, Shared};
use crate::job::{Found, What};
use crate::sim::Scenario;
use crate::sim::explore::compare::Comparison;
use crate::sim::explore::crash_points::Reach;
use crate::sim::explore::gauntlet::GauntletReport;
use crate::sim::explore::guarantee::Judged;
use crate::sim::explore::prevent::Prevention;
use crate::sim::explore::seeds::SeedReport;
use crate::sim::explore::wired::Wired;
use js_sys::Date;
use std::rc::Rc;
use yew::{Reducible, UseReducerHandle, hook, use_context};

/// An exploration that took no longer than this, in ms, is done again by itself when a setting changes.
const CHEAP: f64 = 2_500.0;

/// What was found, of which scenario.
pub struct Known<T> {
    pub scenario: Scenario,
    pub found: T,
}

#[derive(Clone, PartialEq, Default)]
pub struct Many {
    /// Counts requests, the one to stop included; the page hands each new one on.
    pub wanted: u64,
    /// What is under way.
    pub asked: Option<(What, Scenario)>,
    /// Parts done, and parts in all.
    pub progress: (u64, u64),
    pub judged: Option<Shared<Known<Judged>>>,
    pub prevented: Option<Shared<Known<Prevention>>>,
    pub compared: Option<Shared<Known<Comparison>>>,
    /// The comparison with the run before is shown.
    pub comparing: bool,
    /// What went over the network.
    pub wired: Option<Shared<Known<Wired>>>,
    pub seeds: Option<Shared<Known<SeedReport>>>,
    pub gauntlets: Vec<Shared<Known<GauntletReport>>>,
    /// Why the last request was refused.
    pub problem: Option<String>,
    /// The crash strip is shown.
    pub open: bool,
    /// The last exploration was short enough to be repeated unasked.
    pub cheap: bool,
    since: f64,
}

pub enum Asking {
    Ask(What, Box<Scenario>),
    Stop,
    Part(u64, u64),
    Found(Found),
    Refused(String),
    Open(bool),
    Compare(bool),
    /// Another scenario: what is known is of no use.
    Forget,
}

/// The scenario without its script: crash points are those of the settings, not of the faults that were put in.
pub fn bare(scenario: &Scenario) -> Scenario {
    let mut bare = scenario.clone();
    bare.faults.clear();
    bare
}

impl Many {
    /// Asks for every crash point of the lab's settings.
    pub fn judge(lab: &Lab) -> Asking {
        Asking::Ask(
            What::Judge(Reach::default()),
            Box::new(lab.scenario.clone()),
        )
    }

    /// Whether this kind of request is under way.
    pub fn is_asking(&self, kind: fn(&What) -> bool) -> bool {
        self.asked.as_ref().is_some_and(|(what, _)| kind(what))
    }

    pub fn is_judging(&self) -> bool {
        self.is_asking(|what| matches!(what, What::Judge(_)))
    }

    /// Whether what was explored is of other settings than the lab's.
    pub fn is_stale(&self, lab: &Lab) -> bool {
        let known = self.judged.as_ref();
        known.is_some_and(|known| known.scenario != bare(&lab.scenario))
    }
}

impl Reducible for Many {
    type Action = Asking;

    fn reduce(self: Rc<Self>, action: Asking) -> Rc<Self> {
        let mut many = (*self).clone();
        match action {
            Asking::Ask(what, scenario) => {
                many.wanted += 1;
                many.open |= matches!(what, What::Judge(_));
                many.asked = Some((what, *scenario));
                many.progress = (0, 0);
                many.problem = None;
                many.since = Date::now();
            }
            Asking::Stop => {
                many.wanted += 1;
                many.asked = None;
            }
            Asking::Part(done, of) => {
                // A hundred pictures of a bar are enough.
                let percent = |(done, of): (u64, u64)| done * 100 / of.max(1);
                if percent((done, of)) == percent(many.progress) && of == many.progress.1 {
                    return self;
                }
                many.progress = (done, of);
            }
            Asking::Found(found) => {
                let Some((_, scenario)) = many.asked.take() else {
                    return self;
                };
                match found {
                    Found::Judged(found) => {
                        many.cheap = Date::now() - many.since < CHEAP;
                        let (scenario, found) = (bare(&scenario), *found);
                        many.judged = Some(Shared::new(Known { scenario, found }));
                    }
                    Found::Prevented(found) => {
                        let found = *found;
                        many.prevented = Some(Shared::new(Known { scenario, found }));
                    }
                    Found::Compared(found) => {
                        let found = *found;
                        many.compared = Some(Shared::new(Known { scenario, found }));
                    }
                    Found::Gauntlet(found) => {
                        let found = *found;
                        many.gauntlets.retain(|known| known.scenario == scenario);
                        many.gauntlets.push(Shared::new(Known { scenario, found }));
                    }
                    Found::Wired(found) => {
                        let found = *found;
                        many.wired = Some(Shared::new(Known { scenario, found }));
                    }
                    Found::Seeds(found) => {
                        let found = *found;
                        many.seeds = Some(Shared::new(Known { scenario, found }));
                    }
                    _ => {}
                }
            }
            Asking::Refused(problem) => {
                many.asked = None;
                many.problem = Some(problem);
            }
            Asking::Open(open) => many.open = open,
            Asking::Compare(open) => many.comparing = open,
            Asking::Forget => {
                let wanted = many.wanted + u64::from(many.asked.is_some());
                many = Many {
                    wanted,
                    open: many.open,
                    ..Many::default()
                };
            }
        }
        Rc::new(many)
    }
}

#[hook]
pub fn use_many() -> UseReducerHandle<Many> {
    use_context().expect("the page provides it")
}
