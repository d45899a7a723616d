//! The state of the page, changed by one enum. Apart from it: the playhead, which moves at frame rate (`head`), and what the
//! learner did in a lesson (`learner`).

use crate::share::{Link, LinkError, NoLink};
use crate::sim::catalog::{self, Mistake, Preset};
use crate::sim::compact::gather;
use crate::sim::control::{self, Control};
use crate::sim::fault::FaultSpec;
use crate::sim::kernel::Time;
use crate::sim::ordered::OrdMap;
use crate::sim::{Outcome, OutcomeKind, Patch, Run, Scenario};
use serde_json::{Map, Value};
use std::rc::Rc;
use yew::Reducible;

/// A value shared by pointer: equal if it is the same one.
pub struct Shared<T>(Rc<T>);

impl<T> Shared<T> {
    pub fn new(value: T) -> Self {
        Shared(Rc::new(value))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> std::ops::Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// A run and the scenario that gave it.
pub struct Done {
    pub scenario: Scenario,
    /// What the learner had changed for it.
    pub patch: Patch,
    pub run: Run,
    /// The how manieth run since the scenario was chosen, counted from 1.
    pub number: u32,
}

/// So many runs that were left are kept beside the one that is looked at.
pub const TRACKS: usize = 3;

/// Which face the page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// One sentence, one picture, one button.
    Start,
    Stage,
}

/// What lies over everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sheet {
    /// All keys.
    Keys,
    /// A question to the room, and the hands.
    Poll,
    /// The run's link as a QR code.
    Code,
    /// Nothing: the room looks at the speaker.
    Blank,
}

/// What lies over the stage where there is no room beside it, or which tab is shown on a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    None,
    Lesson,
    Plots,
    Settings,
}

/// What may stand in the charts' place, but for the SQL lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// The spacetime diagram.
    Spacetime,
    /// The scenario over many seeds.
    Seeds,
}

/// What the playhead does when a run is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRun {
    /// It stays where it is: a fault was put there.
    Stay,
    /// It plays from the beginning.
    Play,
    /// It goes where the link says.
    Seek(Time),
    /// It plays on from here: another script than before strikes.
    Fork(Time),
}

/// What the page has to say about links.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The run of a link has the digest that the link names.
    Reproduced,
    /// It has not: the link's digest.
    Differs(u64),
    /// A link or a run file cannot be read.
    Damaged(LinkError),
    /// The link of the run as it is, or why there is none.
    Share(Result<String, NoLink>),
}

#[derive(Clone, PartialEq)]
pub struct Lab {
    pub face: Face,
    /// The preset, and with the lesson's patches the scenario that "changed" and "reset" refer to.
    pub base: Scenario,
    pub base_id: &'static str,
    /// What the learner changed on top.
    pub patch: Patch,
    /// Base and patch together.
    pub scenario: Scenario,
    /// Counts requested runs; the page asks the runner for each new one.
    pub wanted: u64,
    pub running: bool,
    pub after_run: AfterRun,
    /// Events handled so far, while a run takes long.
    pub progress: u64,
    pub done: Option<Shared<Done>>,
    /// The run before, shown as a ghost.
    pub before: Option<Shared<Done>>,
    /// Runs that were left for another one, each with all that is needed to go back to it.
    pub tracks: Vec<Shared<Done>>,
    /// How many runs there were since the scenario was chosen.
    pub runs: u32,
    /// What the run that is under way is of.
    pub asked: Option<Shared<(Scenario, Patch)>>,
    /// The scenario was changed after the run.
    pub stale: bool,
    /// A setting that was refused, and why.
    pub problem: Option<(String, String)>,
    pub selected: Option<u32>,
    pub explaining: bool,
    /// The SQL lab, if it was opened; it keeps what was typed while it is closed.
    pub querying: Option<bool>,
    pub beside: Option<Beside>,
    /// The fault whose metric card is open.
    pub card: Option<String>,
    /// Which counter's records are listed.
    pub listing: Option<&'static str>,
    pub panel: Panel,
    /// The run came with a link or a file, so a lesson that opens leaves it alone.
    pub linked: bool,
    /// A setting that something points at, so that it is shown.
    pub pointed: Option<String>,
    /// The fault that one key injects.
    pub armed: Option<&'static str>,
    /// The picture is shown to a room, if it ever was; what was counted is kept in between.
    pub presenting: Option<bool>,
    pub sheet: Option<Sheet>,
    /// The digest that the run of a link should have.
    pub expected: Option<u64>,
    pub notice: Option<Notice>,
}

pub enum Action {
    /// Run the scenario as it is, and play it from the beginning.
    Run,
    /// Run it, and stay where the playhead is.
    Rerun,
    Progress(u64),
    Finished(Box<Run>),
    Refused(String),
    Set(&'static Control, String),
    Reset(&'static Control),
    ResetAll,
    /// These changes instead of the learner's own.
    Patch(Patch),
    PutFault(String, Box<FaultSpec>),
    RemoveFault(String),
    /// These faults instead of the script, and the run of it, looked at from this moment on.
    Script(OrdMap<String, FaultSpec>, Time),
    /// A setting is pointed at.
    Point(Option<String>),
    /// Another named scenario.
    Preset(&'static Preset),
    /// The lesson sets another starting point.
    Base(&'static str, Box<Scenario>),
    /// The same scenario, said as changes of another starting point.
    Rebase(&'static str, Box<Scenario>, Patch),
    Select(Option<u32>),
    Explain(bool),
    Query(bool),
    /// Shows this in the charts' place, or the charts again if it stands there.
    Beside(Beside),
    Card(Option<String>),
    List(Option<&'static str>),
    Show(Panel),
    Face(Face),
    /// A run that somebody shared.
    Open(Box<Link>),
    Notice(Option<Notice>),
    /// Goes back to a run that was left.
    Track(u32),
    /// The same with the next seed.
    NextSeed,
    Arm(&'static str),
    Present(bool),
    Sheet(Option<Sheet>),
}

impl Default for Lab {
    fn default() -> Self {
        let preset = catalog::find(catalog::OPENING).expect("the opening preset is in the catalog");
        let base = preset.scenario();
        Lab {
            face: Face::Start,
            scenario: base.clone(),
            base,
            base_id: preset.id,
            patch: Patch::default(),
            wanted: 1,
            running: true,
            after_run: AfterRun::Stay,
            progress: 0,
            done: None,
            before: None,
            tracks: Vec::new(),
            runs: 0,
            asked: None,
            stale: false,
            problem: None,
            selected: None,
            explaining: false,
            querying: None,
            beside: None,
            card: None,
            listing: None,
            panel: Panel::None,
            linked: false,
            pointed: None,
            armed: None,
            presenting: None,
            sheet: None,
            expected: None,
            notice: None,
        }
    }
}

impl Lab {
    /// Keys that the learner changed.
    pub fn changed(&self) -> Vec<&'static str> {
        control::changed(&self.base, &self.scenario)
    }

    /// The run as it is, to be shared.
    pub fn link(&self, at: Time) -> Link {
        let done = self
            .done
            .as_ref()
            .filter(|done| done.scenario == self.scenario);
        Link {
            id: self.base_id,
            scenario: self.scenario.clone(),
            at: Some(at),
            digest: done.map(|done| done.run.digest),
        }
    }

    /// What became of events by `at`, in order.
    pub fn outcomes(&self, at: Time) -> Vec<Outcome> {
        self.done.as_ref().map_or_else(Vec::new, |done| {
            done.run
                .outcomes
                .iter()
                .filter(|outcome| outcome.at <= at)
                .copied()
                .collect()
        })
    }

    /// The order that routes are lit for: the one that was picked, else the first that went wrong.
    pub fn followed(&self, at: Time) -> Option<u32> {
        let bad = |outcome: &&Outcome| {
            matches!(
                outcome.kind,
                OutcomeKind::Duplicated(_) | OutcomeKind::Lost(_)
            )
        };
        self.selected.or_else(|| {
            self.outcomes(at)
                .iter()
                .find(bad)
                .map(|outcome| outcome.order)
        })
    }

    /// Where playing stops of itself: at the first order that goes wrong, else at the end.
    pub fn first_stop(&self) -> Time {
        let Some(done) = &self.done else {
            return Time::ZERO;
        };
        let bad = |outcome: &&Outcome| {
            matches!(
                outcome.kind,
                OutcomeKind::Duplicated(_) | OutcomeKind::Lost(_)
            )
        };
        done.run
            .outcomes
            .iter()
            .find(bad)
            .map_or(done.run.end, |outcome| outcome.at)
    }

    /// Whether something else stands in the charts' place.
    pub fn is_beside_charts(&self) -> bool {
        self.beside.is_some() || self.querying == Some(true)
    }

    /// When the run ends.
    pub fn end(&self) -> Time {
        self.done.as_ref().map_or(Time::ZERO, |done| done.run.end)
    }

    fn patched(mut self, key: &str, patch: Patch) -> Self {
        match self.base.patched(&patch) {
            Ok(scenario) => {
                self.stale = self
                    .done
                    .as_ref()
                    .is_some_and(|done| done.scenario != scenario);
                self.scenario = scenario;
                self.patch = patch;
                self.problem = None;
            }
            Err(error) => self.problem = Some((key.to_string(), error.problem)),
        }
        self
    }

    /// Starts anew from another scenario.
    fn begin(mut self, base: Scenario) -> Self {
        self.scenario = base.clone();
        self.base = base;
        self.patch = Patch::default();
        self.problem = None;
        self.selected = None;
        self.before = None;
        self.done = None;
        self.tracks = Vec::new();
        self.runs = 0;
        self.stale = false;
        self.run(AfterRun::Stay)
    }

    /// Another run takes the place of this one, which stays as a track.
    fn leave(&mut self, done: &Shared<Done>) {
        self.tracks.retain(|track| track.scenario != done.scenario);
        self.tracks.push(done.clone());
        let surplus = self.tracks.len().saturating_sub(TRACKS);
        self.tracks.drain(..surplus);
    }

    /// The mistake that the preset stages, as long as the learner has not taken its cure.
    pub fn mistake(&self) -> Option<Mistake> {
        let mistake = catalog::find(self.base_id)?.mistake()?;
        let cured = self.scenario.patched(&mistake.cure);
        (cured.as_ref() != Ok(&self.scenario)).then_some(mistake)
    }

    fn run(mut self, after: AfterRun) -> Self {
        self.wanted += 1;
        self.after_run = after;
        self.running = true;
        self.progress = 0;
        // What was wrong with the run before is not said of this one.
        self.problem = self.problem.filter(|(key, _)| !key.is_empty());
        self.explaining = false;
        self.listing = None;
        self.card = None;
        self.expected = None;
        self
    }
}

impl Reducible for Lab {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut lab = (*self).clone();
        match action {
            Action::Run => lab = lab.run(AfterRun::Play),
            Action::Rerun => lab = lab.run(AfterRun::Stay),
            Action::Progress(events) => lab.progress = events,
            Action::Finished(run) => {
                lab.before = lab.done.take();
                let (scenario, patch) = match lab.asked.take() {
                    Some(asked) => (*asked).clone(),
                    None => (lab.scenario.clone(), lab.patch.clone()),
                };
                if let Some(before) = lab.before.clone()
                    && before.scenario != scenario
                {
                    lab.leave(&before);
                }
                lab.tracks.retain(|track| track.scenario != scenario);
                lab.runs += 1;
                if let Some(digest) = lab.expected.take() {
                    lab.notice = Some(if digest == run.digest {
                        Notice::Reproduced
                    } else {
                        Notice::Differs(digest)
                    });
                }
                lab.running = false;
                lab.stale = scenario != lab.scenario;
                lab.done = Some(Shared::new(Done {
                    scenario,
                    patch,
                    run: *run,
                    number: lab.runs,
                }));
            }
            Action::Refused(problem) => {
                lab.running = false;
                lab.problem = Some((String::new(), problem));
            }
            Action::Set(control, text) => match control.read(&text) {
                Ok(value) => {
                    let patch = lab.patch.then(&control.patch(value));
                    lab = lab.patched(control.key, patch);
                }
                Err(problem) => lab.problem = Some((control.key.to_string(), problem)),
            },
            Action::Reset(control) => {
                let value = control.value(&lab.base).unwrap_or(Value::Null);
                let patch = lab.patch.then(&control.patch(value));
                lab = lab.patched(control.key, patch);
            }
            Action::ResetAll => lab = lab.patched("", Patch::default()),
            Action::Patch(patch) => lab = lab.patched("", patch),
            Action::PutFault(id, spec) => {
                let patch = lab.patch.then(&put(&id, &spec));
                lab = lab.patched("faults", patch);
            }
            Action::Script(faults, at) => {
                let mut patch = lab.patch.clone();
                for id in lab.base.faults.keys().chain(lab.scenario.faults.keys()) {
                    patch = patch.then(&Patch::at(&["faults", id], Value::Null));
                }
                for (id, spec) in &faults {
                    patch = patch.then(&put(id, spec));
                }
                lab = lab.patched("faults", patch);
                lab = lab.run(AfterRun::Fork(at));
            }
            Action::Point(key) => lab.pointed = key,
            Action::RemoveFault(id) => {
                let patch = lab.patch.then(&Patch::at(&["faults", &id], Value::Null));
                lab = lab.patched("faults", patch);
            }
            Action::Preset(preset) => {
                lab.base_id = preset.id;
                lab = lab.begin(preset.scenario());
            }
            Action::Base(id, base) => {
                lab.base_id = id;
                lab = lab.begin(*base);
            }
            Action::Rebase(id, base, patch) => {
                lab.base_id = id;
                lab.base = *base;
                lab.patch = patch;
            }
            Action::Select(order) => {
                lab.selected = order;
                lab.explaining &= order.is_some();
            }
            Action::Explain(open) => {
                lab.explaining = open;
                lab.listing = None;
            }
            Action::Query(open) => {
                lab.querying = Some(open);
                lab.beside = lab.beside.filter(|_| !open);
            }
            Action::Card(fault) => lab.card = fault,
            Action::Beside(beside) => {
                lab.beside = (lab.beside != Some(beside)).then_some(beside);
                lab.querying = lab.querying.map(|_| false);
            }
            Action::List(counter) => {
                lab.listing = if lab.listing == counter {
                    None
                } else {
                    counter
                };
                lab.explaining = false;
            }
            Action::Show(panel) => {
                lab.panel = if lab.panel == panel {
                    Panel::None
                } else {
                    panel
                }
            }
            Action::Face(face) => lab.face = face,
            Action::Open(link) => {
                if let Some(preset) = catalog::find(link.id) {
                    lab.base_id = preset.id;
                    lab = lab.begin(preset.scenario());
                    lab.patch = link.patch();
                    lab.expected = link.digest;
                    lab.after_run = AfterRun::Seek(link.at.unwrap_or(Time::ZERO));
                    lab.scenario = link.scenario;
                    lab.face = Face::Stage;
                    lab.linked = true;
                    lab.notice = None;
                }
            }
            Action::Notice(notice) => lab.notice = notice,
            Action::Track(number) => {
                let place = lab.tracks.iter().position(|track| track.number == number);
                if let Some(place) = place.filter(|_| !lab.running) {
                    let track = lab.tracks.remove(place);
                    lab.before = lab.done.take();
                    if let Some(before) = lab.before.clone() {
                        lab.leave(&before);
                    }
                    lab.scenario = track.scenario.clone();
                    lab.patch = track.patch.clone();
                    lab.after_run = AfterRun::Stay;
                    lab.done = Some(track);
                    lab.stale = false;
                    lab.problem = None;
                    lab.explaining = false;
                    lab.listing = None;
                }
            }
            Action::NextSeed => {
                let seed = lab.scenario.seed.wrapping_add(1);
                let patch = lab.patch.then(&Patch::at(&["seed"], seed.into()));
                lab = lab.patched("seed", patch).run(AfterRun::Play);
            }
            Action::Arm(fault) => lab.armed = Some(fault),
            Action::Present(on) => {
                lab.presenting = Some(on);
                lab.face = Face::Stage;
                lab.sheet = None;
                lab.explaining &= !on;
                lab.querying = lab.querying.map(|open| open && !on);
                if matches!(lab.panel, Panel::Lesson | Panel::Settings) {
                    lab.panel = Panel::None;
                }
            }
            Action::Sheet(sheet) => {
                lab.presenting = lab.presenting.or(Some(false));
                lab.sheet = sheet;
            }
        }
        if lab.wanted != self.wanted {
            lab.asked = Some(Shared::new((lab.scenario.clone(), lab.patch.clone())));
        }
        Rc::new(lab)
    }
}

/// Puts a fault into the script. Whatever stood under this name goes first, so that no field of it stays behind.
fn put(id: &str, spec: &FaultSpec) -> Patch {
    let value = serde_json::to_value(spec).expect("a fault is plain data");
    Patch::at(&["faults", id], Value::Object(whole_fault(value)))
}

/// A fault with every field named, so that merging it over another one leaves nothing of that.
fn whole_fault(value: Value) -> Map<String, Value> {
    let fields = [
        "where",
        "at",
        "until",
        "step",
        "after",
        "chance",
        "for",
        "by",
        "request",
        "times",
        "error",
        "events",
        "after_step",
    ];
    let mut whole: Map<String, Value> =
        gather(fields.map(|field| (field.to_string(), Value::Null)));
    if let Value::Object(given) = value {
        whole.extend(given);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduce(lab: Lab, action: Action) -> Lab {
        (*Rc::new(lab).reduce(action)).clone()
    }

    #[test]
    fn a_refused_setting_changes_nothing_and_says_why() {
        let retries = control::find("retries").expect("there is one");
        let idempotence = control::find("enable.idempotence").expect("there is one");
        let lab = reduce(Lab::default(), Action::Set(idempotence, "true".into()));
        let refused = reduce(lab.clone(), Action::Set(retries, "0".into()));
        assert_eq!(refused.scenario, lab.scenario);
        assert!(
            refused
                .problem
                .is_some_and(|(key, why)| key == "retries" && why.starts_with("ConfigException"))
        );
    }

    #[test]
    fn reset_brings_back_what_the_scenario_says_not_the_default() {
        let idempotence = control::find("enable.idempotence").expect("there is one");
        let changed = reduce(Lab::default(), Action::Set(idempotence, "true".into()));
        assert_eq!(changed.changed(), ["enable.idempotence"]);
        let reset = reduce(changed, Action::Reset(idempotence));
        assert_eq!(reset.scenario.producer.enable_idempotence, Some(false));
        assert!(reset.changed().is_empty());
    }

    #[test]
    fn a_link_opens_its_run_and_says_whether_it_is_the_one_that_was_shared() {
        use crate::sim::{Keep, Simulation};
        let text = "r=1;sc=acks-one;seed=5;t=1200;d=0000000000000001";
        let link = Link::read(text, crate::share::Reader::Page).expect("readable");
        let opened = reduce(Lab::default(), Action::Open(Box::new(link.clone())));
        assert_eq!((opened.base_id, opened.scenario.seed), ("acks-one", 5));
        assert_eq!(opened.after_run, AfterRun::Seek(Time::through_ms(1_200)));
        assert_eq!(
            opened.base.patched(&opened.patch).as_ref(),
            Ok(&opened.scenario)
        );
        let run = Simulation::run(&opened.scenario, Keep::Trace);
        let finished = reduce(opened, Action::Finished(Box::new(run.clone())));
        assert_eq!(finished.notice, Some(Notice::Differs(1)));
        let shared = finished.link(Time::from_ms(1_200));
        assert_eq!(shared.digest, Some(run.digest));
        let again = reduce(Lab::default(), Action::Open(Box::new(shared)));
        let again = reduce(again, Action::Finished(Box::new(run)));
        assert_eq!(again.notice, Some(Notice::Reproduced));
    }

    #[test]
    fn a_run_that_is_left_stays_as_a_track_and_comes_back_whole() {
        use crate::sim::{Keep, Simulation};
        let run = |lab: Lab| {
            let run = Simulation::run(&lab.scenario, Keep::Trace);
            reduce(lab, Action::Finished(Box::new(run)))
        };
        let idempotence = control::find("enable.idempotence").expect("there is one");
        let first = run(Lab::default());
        let digest = |lab: &Lab| lab.done.as_ref().map(|done| done.run.digest);
        let set = reduce(first.clone(), Action::Set(idempotence, "true".into()));
        let second = run(reduce(set, Action::Run));
        assert_ne!(digest(&first), digest(&second));
        assert_eq!(second.tracks.len(), 1);
        let back = reduce(second.clone(), Action::Track(1));
        assert_eq!(digest(&back), digest(&first));
        assert_eq!(
            (&back.scenario, &back.patch),
            (&first.scenario, &first.patch)
        );
        assert!(!back.stale && back.tracks.len() == 1);
        let there = reduce(back, Action::Track(2));
        assert_eq!(digest(&there), digest(&second));
        assert_eq!(there.changed(), ["enable.idempotence"]);
        // The same again leaves nothing behind, and no more than a few are kept.
        let again = run(reduce(there, Action::Run));
        assert_eq!(again.tracks.len(), 1);
        let many = (0..5).fold(again, |lab, _| run(reduce(lab, Action::NextSeed)));
        assert_eq!(many.tracks.len(), TRACKS);
        let other = catalog::find("acks-one").expect("a preset");
        assert!(reduce(many, Action::Preset(other)).tracks.is_empty());
    }

    #[test]
    fn what_is_changed_while_a_run_is_under_way_is_not_taken_for_what_ran() {
        use crate::sim::{Keep, Simulation};
        let idempotence = control::find("enable.idempotence").expect("there is one");
        let asked = reduce(Lab::default(), Action::Run);
        let run = Simulation::run(&asked.scenario, Keep::Trace);
        let changed = reduce(asked, Action::Set(idempotence, "true".into()));
        let lab = reduce(changed, Action::Finished(Box::new(run)));
        let done = lab.done.as_ref().expect("it is through");
        assert_eq!(done.scenario.producer.enable_idempotence, Some(false));
        assert!(lab.stale);
        assert_eq!(lab.scenario.producer.enable_idempotence, Some(true));
    }

    #[test]
    fn a_script_takes_the_place_of_every_fault_and_of_every_script_before() {
        let script = |json: &str| serde_json::from_str(json).expect("valid");
        let first = r#"{"explored": {"do": "producer.crash.resend", "where": "p1", "after_step": {"b1": 8}}}"#;
        let lab = reduce(
            Lab::default(),
            Action::Script(script(first), Time::from_ms(183)),
        );
        assert!(lab.running);
        assert_eq!(lab.after_run, AfterRun::Fork(Time::from_ms(183)));
        assert_eq!(lab.scenario.faults, script(first));
        let second = r#"{"explored": {"do": "driver.crash.C5", "step": 7}}"#;
        let lab = reduce(lab, Action::Script(script(second), Time::ZERO));
        assert_eq!(lab.scenario.faults, script(second));
        let none = reduce(lab, Action::Script(OrdMap::new(), Time::ZERO));
        assert!(none.scenario.faults.is_empty());
    }

    #[test]
    fn a_fault_put_under_a_used_name_leaves_nothing_of_the_old_one() {
        let spec = |json: &str| serde_json::from_str::<FaultSpec>(json).expect("valid");
        let moved = reduce(
            Lab::default(),
            Action::PutFault(
                "lost-ack".into(),
                Box::new(spec(
                    r#"{"do": "net.drop_ack", "where": "p1>b2", "at": 2000}"#,
                )),
            ),
        );
        let fault = &moved.scenario.faults["lost-ack"];
        assert_eq!((fault.at, fault.after.as_ref()), (Some(2000), None));
        let removed = reduce(moved, Action::RemoveFault("lost-ack".into()));
        assert!(removed.scenario.faults.is_empty());
    }
}
