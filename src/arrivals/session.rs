//! The lab behind the page: it keeps the arrivals, takes one request at a time, and works in slices.
//!
//! Requests and answers are plain data, so that they can travel to a worker; a new request takes the place of the one under
//! way, which is also how a learner cancels.

use super::curve::{Answer, Budget, LateCurve, LatePoint, with_delay};
use super::delay::Delays;
use super::import::{Import, Options, Report};
use super::models::{self, Generation, Model};
use super::plane::{Plane, View};
use super::replay::{Config, Replay};
use super::sla::Sla;
use super::sweep::{Judged, Sweep};
use super::windows::Plan;
use super::{Arrivals, Progress};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// A file of the learner's.
    Import {
        bytes: Vec<u8>,
        options: Options,
    },
    /// One that comes with the program.
    Example {
        id: String,
    },
    Generate {
        model: Model,
    },
    /// The curve of a configuration, and the smallest delay that keeps late events under a share (parts per million).
    Delay {
        config: Config,
        late_ppm: u32,
    },
    /// Configurations side by side on the same arrivals.
    Sweep {
        configs: Vec<Config>,
        sla: Sla,
    },
    /// Delays from 0 on for the windows of each configuration, as many as said for each.
    SweepDelays {
        configs: Vec<Config>,
        each: usize,
        sla: Sla,
    },
    /// A stretch of the arrivals as a picture. Answered at once, and the request under way goes on.
    Plane {
        config: Config,
        view: View,
    },
    /// Nothing more; the arrivals stay.
    Stop,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Told {
    Progress(Progress),
    /// There are arrivals: what they look like.
    Loaded {
        report: Report,
        delays: Box<Delays>,
    },
    Delay {
        answer: Box<Answer>,
        curve: Vec<LatePoint>,
    },
    Swept(Vec<Judged>),
    Plane(Box<Plane>),
    Stopped,
    Refused(String),
}

enum Work {
    Import(Box<Import>),
    Generate {
        generation: Box<Generation>,
        /// Where the numbers come from, in words.
        origin: String,
    },
    Delay(Box<DelayWork>),
    /// Configurations whose delays are still to be chosen, then the sweep.
    Choose {
        configs: Vec<Config>,
        each: usize,
        sla: Sla,
        chosen: Vec<Config>,
    },
    Sweep(Box<Sweep>),
}

struct DelayWork {
    config: Config,
    late_ppm: u32,
    curve: LateCurve,
    found: LatePoint,
    p95_us: i64,
    /// The runs that are still to be done, and those that are.
    sweep: Sweep,
}

/// The arrivals, and the request under way.
#[derive(Default)]
pub struct Lab {
    arrivals: Option<Rc<Arrivals>>,
    p95_us: i64,
    work: Option<Work>,
    /// Panes of the last picture: the next one mostly has the same.
    plan: Option<Rc<Plan>>,
}

/// How many points of a curve are told.
pub const CURVE_POINTS: usize = 60;

impl Lab {
    /// Takes a request, in place of the one under way. What takes no time is answered at once.
    pub fn ask(&mut self, ask: Ask) -> Option<Told> {
        if !matches!(ask, Ask::Plane { .. }) {
            self.work = None;
        }
        match self.begin(ask) {
            Ok(told) => told,
            Err(problem) => Some(Told::Refused(problem)),
        }
    }

    pub fn arrivals(&self) -> Option<&Rc<Arrivals>> {
        self.arrivals.as_ref()
    }

    fn begin(&mut self, ask: Ask) -> Result<Option<Told>, String> {
        match ask {
            Ask::Import { bytes, options } => {
                let import = Import::begin(bytes, &options).map_err(|error| error.0)?;
                self.work = Some(Work::Import(Box::new(import)));
                Ok(None)
            }
            Ask::Example { id } => {
                let Some(example) = models::example(&id) else {
                    let known: Vec<&str> =
                        models::EXAMPLES.iter().map(|example| example.id).collect();
                    return Err(format!(
                        "no example named \"{id}\"; accepted are {}",
                        known.join(", ")
                    ));
                };
                let generation = Box::new(Generation::new((example.model)()));
                let origin = example.origin.to_string();
                self.work = Some(Work::Generate { generation, origin });
                Ok(None)
            }
            Ask::Generate { model } => {
                model.validate()?;
                let origin = format!("generated from seed {}", model.seed);
                let generation = Box::new(Generation::new(model));
                self.work = Some(Work::Generate { generation, origin });
                Ok(None)
            }
            Ask::Stop => Ok(Some(Told::Stopped)),
            Ask::Plane { config, view } => self.plane(config, view).map(Some),
            Ask::Delay { config, late_ppm } => {
                config.validate()?;
                let arrivals = self.loaded()?;
                let plan = Plan::new(&arrivals, config.windows, false);
                let curve = LateCurve::of(&arrivals, &plan, &config);
                let found = curve.point(curve.least_delay(late_ppm));
                let mut delays = vec![found.delay_ms, 0];
                delays.extend(found.delay_ms.checked_sub(1));
                let configs = delays
                    .into_iter()
                    .map(|delay_ms| with_delay(config, delay_ms))
                    .collect();
                let sweep = Sweep::new(arrivals, configs, Sla::default())?;
                let p95_us = self.p95_us;
                self.work = Some(Work::Delay(Box::new(DelayWork {
                    config,
                    late_ppm,
                    curve,
                    found,
                    p95_us,
                    sweep,
                })));
                Ok(None)
            }
            Ask::Sweep { configs, sla } => {
                let sweep = Sweep::new(self.loaded()?, configs, sla)?;
                self.work = Some(Work::Sweep(Box::new(sweep)));
                Ok(None)
            }
            Ask::SweepDelays {
                mut configs,
                each,
                sla,
            } => {
                self.loaded()?;
                for (n, config) in configs.iter().enumerate() {
                    config
                        .validate()
                        .map_err(|why| format!("configs.{n}.{why}"))?;
                }
                configs.reverse();
                self.work = Some(Work::Choose {
                    configs,
                    each,
                    sla,
                    chosen: Vec::new(),
                });
                Ok(None)
            }
        }
    }

    fn loaded(&self) -> Result<Rc<Arrivals>, String> {
        self.arrivals.clone().ok_or_else(|| {
            "there are no arrivals yet: import a file or choose an example".to_string()
        })
    }

    fn plane(&mut self, config: Config, view: View) -> Result<Told, String> {
        config.validate()?;
        let arrivals = self.loaded()?;
        let made = self
            .plan
            .take()
            .filter(|plan| plan.is_for(config.windows, config.by_key));
        let plan =
            made.unwrap_or_else(|| Rc::new(Plan::new(&arrivals, config.windows, config.by_key)));
        self.plan = Some(plan.clone());
        let plane = Plane::of(&arrivals, plan, &config, view);
        Ok(Told::Plane(Box::new(plane)))
    }

    fn take(&mut self, arrivals: Arrivals, format: String) -> Told {
        let report = Report {
            format,
            rows: arrivals.len() as u64,
            keys: arrivals.keys.len() as u64,
            partitions: arrivals.partitions.len() as u64,
            ..Report::default()
        };
        self.keep(arrivals, report)
    }

    fn keep(&mut self, arrivals: Arrivals, report: Report) -> Told {
        let delays = Delays::of(&arrivals);
        self.p95_us = delays.all.percentiles.get(2).copied().unwrap_or(0);
        self.arrivals = Some(Rc::new(arrivals));
        self.plan = None;
        Told::Loaded {
            report,
            delays: Box::new(delays),
        }
    }

    /// Works on the request for about so many records; none if there is nothing to do.
    pub fn advance(&mut self, records: usize) -> Option<Told> {
        match self.work.take()? {
            Work::Import(mut import) => {
                if import.advance(records) {
                    let progress = import.progress();
                    self.work = Some(Work::Import(import));
                    return Some(Told::Progress(progress));
                }
                Some(match import.finish() {
                    Ok((arrivals, report)) => self.keep(arrivals, report),
                    Err(error) => Told::Refused(error.0),
                })
            }
            Work::Generate {
                mut generation,
                origin,
            } => {
                if generation.advance(records) {
                    let progress = generation.progress();
                    self.work = Some(Work::Generate { generation, origin });
                    return Some(Told::Progress(progress));
                }
                Some(self.take(generation.finish(), origin))
            }
            Work::Delay(mut work) => {
                if work.sweep.advance(records) {
                    let progress = work.sweep.progress();
                    self.work = Some(Work::Delay(work));
                    return Some(Told::Progress(progress));
                }
                Some(work.answer())
            }
            Work::Choose {
                mut configs,
                each,
                sla,
                mut chosen,
            } => {
                let arrivals = self.arrivals.clone()?;
                if let Some(config) = configs.pop() {
                    let plan = Plan::new(&arrivals, config.windows, false);
                    let curve = LateCurve::of(&arrivals, &plan, &config);
                    chosen.extend(
                        curve
                            .delays(each)
                            .into_iter()
                            .map(|delay_ms| with_delay(config, delay_ms)),
                    );
                }
                let total = ((configs.len() * each + chosen.len()) * arrivals.len()) as u64;
                if configs.is_empty() {
                    match Sweep::new(arrivals, chosen, sla) {
                        Ok(sweep) => self.work = Some(Work::Sweep(Box::new(sweep))),
                        Err(problem) => return Some(Told::Refused(problem)),
                    }
                } else {
                    self.work = Some(Work::Choose {
                        configs,
                        each,
                        sla,
                        chosen,
                    });
                }
                Some(Told::Progress(Progress { done: 0, total }))
            }
            Work::Sweep(mut sweep) => {
                if sweep.advance(records) {
                    let progress = sweep.progress();
                    self.work = Some(Work::Sweep(sweep));
                    return Some(Told::Progress(progress));
                }
                Some(Told::Swept(sweep.finish()))
            }
        }
    }

    /// A request from beginning to end.
    pub fn answer(&mut self, ask: Ask) -> Told {
        if let Some(told) = self.ask(ask) {
            return told;
        }
        loop {
            match self.advance(usize::MAX) {
                Some(Told::Progress(_)) => {}
                Some(told) => return told,
                None => unreachable!("a request ends with an answer"),
            }
        }
    }

    /// One configuration from beginning to end, with the curve of its watermark; none without arrivals.
    pub fn replay(&self, config: Config) -> Option<super::replay::Outcome> {
        self.arrivals
            .as_ref()
            .map(|arrivals| Replay::run(arrivals, config))
    }
}

impl DelayWork {
    fn answer(self) -> Told {
        let DelayWork {
            config,
            late_ppm,
            curve,
            found,
            p95_us,
            sweep,
        } = self;
        let mut runs = sweep.finish().into_iter().map(|judged| judged.outcome);
        let run = runs.next().expect("the first run is the answer's");
        let floor = runs.next().expect("the second run has no delay");
        let points = curve
            .delays(CURVE_POINTS)
            .into_iter()
            .map(|delay_ms| curve.point(delay_ms))
            .collect();
        let answer = Answer {
            late_ppm,
            found,
            exact: curve.exact,
            budget: Budget::of(&config, found.delay_ms, p95_us),
            run,
            one_less: runs.next(),
            floor,
        };
        Told::Delay {
            answer: Box::new(answer),
            curve: points,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::models::EXAMPLES;
    use crate::arrivals::pace::{Engine, Flink};
    use crate::arrivals::plane::Picked;
    use crate::arrivals::strategy::Strategy;
    use crate::arrivals::windows::Windows;

    fn travelled<T: Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
        let bytes = postcard::to_allocvec(value).expect("plain data");
        postcard::from_bytes(&bytes).expect("what was written")
    }

    fn small() -> Ask {
        let model = Model {
            events: 3_000,
            ..(EXAMPLES[2].model)()
        };
        Ask::Generate { model }
    }

    fn view() -> View {
        View {
            event_from_us: 1_772_355_600_000_000,
            from_us: 1_772_355_600_000_000,
            until_us: 1_772_355_610_000_000,
            picked: Some(Picked {
                row: 7,
                at_us: 1_772_355_605_000_000,
            }),
        }
    }

    /// What a worker is asked and what it answers, as bytes and back.
    #[test]
    fn requests_and_answers_travel_as_bytes() {
        let engine = Engine::Flink(Flink::default());
        let adaptive = Config {
            engine,
            strategy: Strategy::quality(10_000),
            windows: Windows::Session { gap_ms: 500 },
            ..Config::default()
        };
        let config = Config::default();
        let sla = Sla::parse("p95 < 10s, late <= 1%").expect("readable");
        let mut lab = Lab::default();
        for ask in [
            Ask::Example { id: "none".into() },
            small(),
            Ask::Delay {
                config,
                late_ppm: 1_000,
            },
            Ask::Sweep {
                configs: vec![config, adaptive],
                sla: sla.clone(),
            },
            Ask::SweepDelays {
                configs: vec![config],
                each: 3,
                sla,
            },
            Ask::Plane {
                config,
                view: view(),
            },
            Ask::Stop,
            Ask::Import {
                bytes: b"event_time,arrival_time\nx,y\n".to_vec(),
                options: Options::default(),
            },
        ] {
            assert_eq!(travelled(&ask), ask);
            let told = lab.answer(ask);
            assert_eq!(travelled(&told), told);
        }
    }

    #[test]
    fn a_picture_does_not_end_what_is_under_way_and_stop_does() {
        // Sessions are played record by record.
        let config = Config {
            windows: Windows::Session { gap_ms: 500 },
            ..Config::default()
        };
        let plane = || Ask::Plane {
            config,
            view: view(),
        };
        let mut lab = Lab::default();
        assert!(matches!(lab.ask(plane()), Some(Told::Refused(_))));
        lab.answer(small());
        let sweep = || Ask::Sweep {
            configs: vec![config],
            sla: Sla::default(),
        };
        assert_eq!(lab.ask(sweep()), None);
        assert!(matches!(lab.advance(100), Some(Told::Progress(_))));
        assert!(matches!(lab.ask(plane()), Some(Told::Plane(_))));
        let after = lab.advance(100);
        assert!(matches!(after, Some(Told::Progress(progress)) if progress.done == 200));
        assert_eq!(lab.ask(Ask::Stop), Some(Told::Stopped));
        assert_eq!(lab.advance(100), None);
        assert!(lab.arrivals().is_some(), "the arrivals stay");
    }

    /// A million events must not be one step that nobody can cancel.
    #[test]
    fn a_model_is_drawn_in_slices() {
        let mut lab = Lab::default();
        assert_eq!(lab.ask(small()), None);
        let told = lab.advance(1_000);
        assert!(matches!(told, Some(Told::Progress(progress)) if progress.done == 1_000));
        assert_eq!(lab.ask(Ask::Stop), Some(Told::Stopped));
        assert!(lab.arrivals().is_none() && lab.advance(1_000).is_none());
    }
}
