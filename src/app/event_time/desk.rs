//! What is on the desk: the settings, the arrivals and every answer so far. A plain reducer; the worker is asked elsewhere.

use super::client::Errand;
use crate::app::lab::Shared;
use crate::arrivals::Progress;
use crate::arrivals::address::{Settings, Source};
use crate::arrivals::curve::{Answer, LatePoint};
use crate::arrivals::delay::Delays;
use crate::arrivals::import::Report;
use crate::arrivals::plane::{Dot, Picked, Plane, View};
use crate::arrivals::replay::Config;
use crate::arrivals::session::Told;
use crate::arrivals::strategy::Strategy;
use crate::arrivals::sweep::Judged;
use std::rc::Rc;
use yew::Reducible;

/// Arrivals that are there.
#[derive(Clone, PartialEq)]
pub struct Loaded {
    pub report: Report,
    pub delays: Delays,
    /// First and last arrival, in microseconds.
    pub from_us: i64,
    pub until_us: i64,
    /// What the picture calls 0 s: a whole minute before the first event.
    pub zero_us: i64,
}

/// The lower panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Delays,
    Delay,
    Strategies,
    Windows,
    Sweep,
}

impl Tab {
    pub const ALL: [(Tab, &'static str); 6] = [
        (Tab::Overview, "Overview"),
        (Tab::Delays, "Delays"),
        (Tab::Delay, "Which delay?"),
        (Tab::Strategies, "Strategies"),
        (Tab::Windows, "Windows"),
        (Tab::Sweep, "Sweep"),
    ];
}

/// What a narrow page shows over or instead of the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    None,
    Arrivals,
    Analysis,
    Settings,
}

impl Side {
    pub const fn name(self) -> &'static str {
        match self {
            Side::None => "none",
            Side::Arrivals => "lesson",
            Side::Analysis => "analysis",
            Side::Settings => "settings",
        }
    }
}

/// Many configurations, and what they were worked out for.
#[derive(Clone, PartialEq)]
pub struct Many {
    pub judged: Shared<Vec<Judged>>,
    pub of: Config,
}

#[derive(Clone, PartialEq)]
pub struct Desk {
    pub settings: Settings,
    /// A value that was refused: its field and the reason.
    pub problem: Option<(String, String)>,
    /// What the address said and could not be used.
    pub refused: Vec<String>,
    pub broken: Option<&'static str>,
    pub loaded: Option<Shared<Loaded>>,
    /// Counts how often the arrivals have to be worked out anew, so that nobody takes an answer for older ones.
    pub turn: u32,
    /// Why there are no new arrivals.
    pub load_problem: Option<String>,
    pub from_us: i64,
    pub length_us: i64,
    pub picked: Option<Picked>,
    pub dragging: bool,
    pub plane: Option<Shared<Plane>>,
    pub noted: Vec<Shared<Plane>>,
    pub judged: Option<Shared<Judged>>,
    pub answer: Option<Shared<(Answer, Vec<LatePoint>)>>,
    pub strategies: Option<Many>,
    pub windows: Option<Many>,
    pub sweep: Option<Many>,
    pub busy: Option<(Errand, Progress)>,
    pub tab: Tab,
    pub side: Side,
}

pub enum Action {
    Settings(Box<Settings>),
    Problem(String, String),
    Dismiss,
    Begun(Errand),
    Stopped,
    Told(Errand, Told),
    Plane(Told),
    Broken(&'static str),
    Pick(Option<Picked>),
    Drag(bool),
    /// The stretch of the plane: from and length.
    Look(i64, i64),
    Note,
    Forget,
    Tab(Tab),
    Side(Side),
}

/// Lengths of the stretch that are offered, in ms.
pub const LENGTHS: [i64; 8] = [
    5_000, 12_000, 24_000, 60_000, 300_000, 1_800_000, 14_400_000, 86_400_000,
];
/// About how many records make a picture.
const RECORDS: i64 = 300;

impl Desk {
    pub fn new(settings: Settings, refused: Vec<String>) -> Desk {
        Desk {
            settings,
            problem: None,
            refused,
            broken: None,
            loaded: None,
            turn: 0,
            load_problem: None,
            from_us: 0,
            length_us: 24_000_000,
            picked: None,
            dragging: false,
            plane: None,
            noted: Vec::new(),
            judged: None,
            answer: None,
            strategies: None,
            windows: None,
            sweep: None,
            busy: None,
            tab: Tab::Overview,
            side: Side::None,
        }
    }

    /// The stretch as the worker is asked for it; none without arrivals.
    pub fn view(&self) -> Option<View> {
        self.loaded.as_ref()?;
        // The line lies this far behind, so that much of event time is to be seen before it.
        let behind_us = match self.settings.config.strategy {
            Strategy::Fixed { delay_ms } => delay_ms as i64 * 1_000,
            _ => self.length_us / 4,
        };
        let window_us = self.settings.config.windows.longest_ms() as i64 * 1_000;
        let back = (behind_us + window_us).clamp(self.length_us / 5, self.length_us * 3 / 5);
        Some(View {
            event_from_us: self.from_us - back,
            from_us: self.from_us,
            until_us: self.from_us + self.length_us,
            picked: self.picked,
        })
    }

    /// Whether new arrivals are on their way.
    pub fn is_loading(&self) -> bool {
        let errand = self.busy.map(|busy| busy.0);
        matches!(errand, Some(Errand::Load | Errand::Import))
    }

    /// The picked record as the last picture has it.
    pub fn picked_dot(&self) -> Option<Dot> {
        let dot = self.plane.as_ref()?.picked?;
        self.picked
            .is_some_and(|picked| picked.row == dot.row)
            .then_some(dot)
    }

    fn load(&mut self, report: Report, delays: Delays) {
        let stretches = &delays.over_time;
        let from_us = stretches.first().map_or(0, |stretch| stretch.from_us);
        let until_us = stretches.last().map_or(0, |stretch| stretch.until_us);
        let first_event = delays
            .sample
            .iter()
            .map(|sample| sample.0)
            .min()
            .unwrap_or(from_us);
        let zero_us = first_event - first_event.rem_euclid(60_000_000);
        let span = (until_us - from_us).max(1);
        // As long as it takes to see something, and no longer than a day.
        let events = (delays.all.events as i64).max(1);
        let enough = |&&ms: &&i64| ms * 1_000 * events / span >= RECORDS;
        let least = LENGTHS.iter().skip(2).find(enough);
        self.length_us = least.unwrap_or(&LENGTHS[LENGTHS.len() - 1]) * 1_000;
        // Once the first windows have closed; to whole seconds, as the axis has them.
        let calm = from_us + (self.length_us * 3 / 5).min(span / 3);
        self.from_us = calm - (calm - zero_us).rem_euclid(1_000_000);
        self.loaded = Some(Shared::new(Loaded {
            report,
            delays,
            from_us,
            until_us,
            zero_us,
        }));
        self.turn += 1;
        self.load_problem = None;
        self.picked = None;
        self.dragging = false;
        self.plane = None;
        self.noted.clear();
        self.judged = None;
        self.answer = None;
        self.strategies = None;
        self.windows = None;
        self.sweep = None;
    }

    /// No new arrivals, for this reason. Whatever was to be said of those that stay had to make way, so it is asked again.
    fn keep(&mut self, why: String) {
        self.load_problem = Some(why);
        self.turn += u32::from(self.loaded.is_some());
    }

    fn told(&mut self, errand: Errand, told: Told) {
        let of = self.settings.config;
        match (errand, told) {
            (_, Told::Progress(progress)) => {
                self.busy = Some((errand, progress));
                return;
            }
            (_, Told::Loaded { report, delays }) => {
                if errand == Errand::Import {
                    self.settings.source = Source::Own;
                }
                self.load(report, *delays);
            }
            (_, Told::Delay { answer, curve }) => {
                self.answer = Some(Shared::new((*answer, curve)));
            }
            (Errand::Judge, Told::Swept(judged)) => {
                self.judged = judged.into_iter().next().map(Shared::new);
            }
            (Errand::Strategies, Told::Swept(judged)) => {
                self.strategies = Some(Many {
                    judged: Shared::new(judged),
                    of,
                });
            }
            (Errand::Windows, Told::Swept(judged)) => {
                self.windows = Some(Many {
                    judged: Shared::new(judged),
                    of,
                });
            }
            (_, Told::Swept(judged)) => {
                self.sweep = Some(Many {
                    judged: Shared::new(judged),
                    of,
                });
            }
            (Errand::Load | Errand::Import, Told::Refused(why)) => self.keep(why),
            (_, Told::Refused(why)) => self.problem = Some(("analysis".into(), why)),
            (_, Told::Plane(_) | Told::Stopped) => {}
        }
        self.busy = None;
    }
}

impl Reducible for Desk {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut desk = (*self).clone();
        match action {
            Action::Settings(settings) => {
                desk.settings = *settings;
                desk.problem = None;
            }
            Action::Problem(field, why) => desk.problem = Some((field, why)),
            Action::Dismiss => desk.refused.clear(),
            Action::Begun(errand) => {
                desk.busy = Some((errand, Progress::default()));
                if desk.is_loading() {
                    desk.load_problem = None;
                }
            }
            Action::Stopped => {
                if desk.is_loading() {
                    desk.keep("Cancelled.".into());
                }
                desk.busy = None;
            }
            Action::Told(errand, told) => desk.told(errand, told),
            Action::Plane(Told::Plane(plane)) => desk.plane = Some(Shared::new(*plane)),
            Action::Plane(_) => {}
            Action::Broken(why) => {
                desk.broken = Some(why);
                desk.busy = None;
            }
            Action::Pick(picked) => desk.picked = picked,
            Action::Drag(dragging) => desk.dragging = dragging,
            Action::Look(from_us, length_us) => {
                if let Some(loaded) = &desk.loaded {
                    desk.length_us = length_us;
                    desk.from_us =
                        from_us.clamp(loaded.from_us.min(loaded.until_us), loaded.until_us);
                    desk.picked = None;
                }
            }
            Action::Note => {
                if let (Some(plane), Some(_)) = (&desk.plane, desk.picked_dot()) {
                    desk.noted.push(plane.clone());
                }
            }
            Action::Forget => desk.noted.clear(),
            Action::Tab(tab) => desk.tab = tab,
            Action::Side(side) => {
                desk.side = if desk.side == side { Side::None } else { side };
            }
        }
        Rc::new(desk)
    }
}

/// Whether the arrivals are the learner's own.
pub fn is_own(settings: &Settings) -> bool {
    settings.source == Source::Own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::Arrivals;

    fn after(actions: Vec<Action>) -> Desk {
        let desk = Desk::new(Settings::default(), Vec::new());
        let last = actions.into_iter().fold(Rc::new(desk), Reducible::reduce);
        (*last).clone()
    }

    fn loaded() -> Action {
        let told = Told::Loaded {
            report: Report::default(),
            delays: Box::new(Delays::of(&Arrivals::default())),
        };
        Action::Told(Errand::Load, told)
    }

    fn begun() -> Action {
        Action::Begun(Errand::Load)
    }

    #[test]
    fn arrivals_that_stay_are_worked_out_again_when_the_next_do_not_come() {
        let turn = after(vec![begun(), loaded()]).turn;
        let cancelled = after(vec![begun(), loaded(), begun(), Action::Stopped]);
        assert_eq!(cancelled.turn, turn + 1);
        let refused = Action::Told(Errand::Import, Told::Refused("no rows".into()));
        let refused = after(vec![begun(), loaded(), begun(), refused]);
        assert_eq!(refused.turn, turn + 1);
        assert!(!refused.is_loading());
    }

    #[test]
    fn nothing_is_worked_out_where_nothing_has_come_or_an_answer_was_cancelled() {
        assert_eq!(after(vec![begun(), Action::Stopped]).turn, 0);
        let judging = Action::Begun(Errand::Judge);
        let cancelled = after(vec![begun(), loaded(), judging, Action::Stopped]);
        assert_eq!(cancelled.turn, 1);
    }
}
