//! The stage: the pipeline, what became of the orders, time, plots.

use super::below;
use super::compare::{self, Compare};
use super::counters::Counters;
use super::diagram::{Diagram, is_bad};
use super::explain::ExplainProps;
use super::listing::Listing;
use super::prevent;
use super::scene::money;
use super::sql::SqlProps;
use super::timeline::Timeline;
use super::told;
use super::transport::Transport;
use crate::app::head::{Head, Move, REAL};
use crate::app::hooks::{use_media, use_reduced_motion, use_width};
use crate::app::lab::{Action, Done, Lab, Panel, Shared};
use crate::app::later;
use crate::app::many::use_many;
use crate::replay::{Board, Playhead};
use crate::sim::catalog;
use crate::sim::control;
use crate::sim::json;
use crate::sim::kernel::Time;
use crate::sim::ledger::DupOrigin;
use crate::sim::{Outcome, OutcomeKind, Patch};
use std::cell::RefCell;
use std::rc::Rc;
use yew::{Callback, Html, Properties, UseReducerHandle, component, html, use_memo, use_node_ref};

/// A run seen at a moment. Two views of the same run at the same moment are equal.
#[derive(Clone)]
pub struct View {
    pub done: Shared<Done>,
    pub before: Option<Shared<Done>>,
    pub at: Time,
    /// The picture moves; without motion, records appear where they are.
    pub moving: bool,
    pub speed: u32,
    pub rested: Time,
    pub followed: Option<u32>,
    pub vertical: bool,
    playhead: Rc<RefCell<Playhead>>,
}

impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        self.done == other.done
            && self.before == other.before
            && (self.at, self.moving, self.speed, self.rested)
                == (other.at, other.moving, other.speed, other.rested)
            && (self.followed, self.vertical) == (other.followed, other.vertical)
    }
}

impl View {
    /// Shows the board at the view's moment.
    pub fn with_board<R>(&self, show: impl FnOnce(&Board) -> R) -> R {
        let mut playhead = self.playhead.borrow_mut();
        match &self.done.run.trace {
            Some(trace) => show(playhead.seek(trace, self.at)),
            None => show(playhead.board()),
        }
    }

    /// The same run at another moment, with an order that stands out.
    pub fn seen(self, at: Time, followed: Option<u32>) -> View {
        View {
            at,
            followed,
            ..self
        }
    }

    /// The same view, drawn from top to bottom or from left to right.
    pub fn turned(&self, vertical: bool) -> View {
        View {
            vertical,
            ..self.clone()
        }
    }

    /// The end of the time axis: the next whole second after the run.
    pub fn horizon(&self) -> Time {
        Time::from_ms(self.done.run.end.ms().div_ceil(1000).max(1) * 1000)
    }

    /// What became of orders up to the view's moment.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.done
            .run
            .outcomes
            .iter()
            .take_while(|outcome| outcome.at <= self.at)
    }
}

/// The opening run at time zero, for the start page.
pub fn opening_view(lab: &Lab) -> Option<View> {
    let done = lab.done.clone()?;
    let playhead = Rc::new(RefCell::new(Playhead::new(&done.scenario, &done.run)));
    Some(View {
        done,
        before: None,
        at: Time::ZERO,
        moving: false,
        speed: REAL,
        rested: Time::ZERO,
        followed: None,
        vertical: false,
        playhead,
    })
}

/// How the parts of the stage share its height, so that nothing scrolls where the picture has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// One view at a time, from top to bottom.
    Phone,
    /// All charts at once, the histogram beside the time axis.
    Whole,
    /// One chart at a time.
    Low,
    /// One small chart, and the timeline without its commits: a frame in a course page.
    Lowest,
    /// For the last row of a room: picture and timeline as large as they get, the charts below them.
    Room,
}

impl Fit {
    fn of(width: u32, low: bool, lowest: bool, presenting: bool) -> Fit {
        match () {
            () if width < 700 => Fit::Phone,
            () if presenting => Fit::Room,
            () if lowest => Fit::Lowest,
            () if low => Fit::Low,
            () => Fit::Whole,
        }
    }

    /// How many times as large lanes and charts are drawn.
    pub fn zoom(self) -> f64 {
        if self == Fit::Room { 1.6 } else { 1.0 }
    }

    /// The name in the style sheet.
    pub fn name(self) -> &'static str {
        match self {
            Fit::Phone => "phone",
            Fit::Whole => "whole",
            Fit::Low => "low",
            Fit::Lowest => "lowest",
            Fit::Room => "room",
        }
    }
}

/// What a part of the stage is drawn from.
#[derive(Properties, Clone, PartialEq)]
pub struct OnStageProps {
    pub view: View,
    /// Of the whole stage.
    pub width: u32,
    pub fit: Fit,
    pub lab: UseReducerHandle<Lab>,
    pub head: UseReducerHandle<Head>,
}

#[derive(Properties, PartialEq)]
pub struct StageProps {
    pub lab: UseReducerHandle<Lab>,
    pub head: UseReducerHandle<Head>,
}

/// Everything between the lesson and the settings.
#[component]
pub fn Stage(props: &StageProps) -> Html {
    let StageProps { lab, head } = props;
    let node = use_node_ref();
    let width = use_width(&node);
    let reduced = use_reduced_motion();
    let low = use_media("(max-height: 850px)");
    let lowest = use_media("(max-height: 650px)");
    let playhead = use_memo(lab.done.clone(), |done| {
        done.as_ref()
            .map(|done| Rc::new(RefCell::new(Playhead::new(&done.scenario, &done.run))))
    });
    let view = lab
        .done
        .clone()
        .zip((*playhead).clone())
        .map(|(done, playhead)| View {
            before: lab.before.clone(),
            done,
            at: head.at,
            moving: head.playing && !reduced,
            speed: head.speed,
            rested: head.rested,
            followed: lab.followed(head.at),
            vertical: width > 0 && width < 620,
            playhead,
        });
    let on_select = {
        let lab = lab.clone();
        Callback::from(move |order| {
            lab.dispatch(Action::Select(Some(order)));
            lab.dispatch(Action::Explain(true));
        })
    };
    let plots_tab = lab.panel == Panel::Plots;
    let fit = Fit::of(width, low, lowest, lab.presenting == Some(true));
    let seen = |view: View| OnStageProps {
        view,
        width,
        fit,
        lab: lab.clone(),
        head: head.clone(),
    };
    html! {
        <section class="stage" id="stage" aria-label="Pipeline" ref={node} data-fit={fit.name()} data-querying={lab.is_beside_charts().to_string()} data-panel={if plots_tab { "plots" } else { "run" }}>
            if let (true, Some((_, problem))) = (lab.done.is_some(), lab.problem.as_ref().filter(|(key, _)| control::find(key).is_none())) { <p class="panel problem" id="run-problem" role="alert">{ problem.clone() }</p> }
            if let Some(view) = view.clone() {
                <section class="panel canvas" role="group" aria-label={summary(&view)}>
                    <Diagram scene={view.clone()} {on_select} />
                    if !head.playing { <Told view={view.clone()} /> }
                    <VerdictBar view={view.clone()} lab={lab.clone()} head={head.clone()} />
                </section>
                <div class="tally">
                    <Counters view={view.clone()} lab={lab.clone()} />
                    <Compare view={view.clone()} lab={lab.clone()} />
                    if lab.listing.is_some() { <Listing view={view.clone()} lab={lab.clone()} head={head.clone()} /> }
                </div>
                if lab.explaining { { later::explain(ExplainProps { view: view.clone(), lab: lab.clone(), head: head.clone() }) } }
                <section class="panel time" id="controls" aria-label="Time">
                    <Transport view={view.clone()} lab={lab.clone()} head={head.clone()} />
                    { later::cards(seen(view.clone())) }
                    <Timeline ..seen(view.clone()) />
                    { later::charts(seen(view.clone())) }
                </section>
            } else {
                <p class="panel waiting" role="status">{ progress(lab) }</p>
            }
            if let Some((beside, view)) = lab.beside.zip(view.clone()) {
                { later::beside(beside, seen(view)) }
            }
            if lab.querying.is_some() { { later::sql(SqlProps { view, lab: lab.clone() }) } }
        </section>
    }
}

fn progress(lab: &Lab) -> String {
    match &lab.problem {
        Some((_, problem)) => problem.clone(),
        None if lab.progress > 0 => format!("Simulating: {} events so far", lab.progress),
        None => "Simulating".into(),
    }
}

/// The state in a sentence, for those who do not see the picture.
pub fn summary(view: &View) -> String {
    view.with_board(|board| {
        let counters = board.counters();
        let counts = counters.counts;
        let mut text = format!(
            "Pipeline at {}: {} orders sent, {} delivered",
            crate::replay::explain::seconds(view.at),
            counts.src,
            counts.delivered
        );
        let twice: Vec<String> = view
            .outcomes()
            .filter(|o| matches!(o.kind, OutcomeKind::Duplicated(_)))
            .map(|o| o.order.to_string())
            .collect();
        if !twice.is_empty() && counters.duplicates > 0 {
            text += &format!(", order {} twice", twice.join(", "));
        }
        if counts.lost + counts.refused > 0 {
            text += &format!(", {} lost", counts.lost + counts.refused);
        }
        text + &format!(", {} in flight", counts.pending)
    })
}

#[derive(Properties, PartialEq)]
struct ToldProps {
    view: View,
}

/// The picture in words, while it stands still.
#[component]
fn Told(props: &ToldProps) -> Html {
    let view = &props.view;
    let lines = view.with_board(|board| told::list(board, &view.done.scenario));
    html! { <ul class="vh" id="picture-in-words" aria-label="The pipeline in words">{ for lines.into_iter().map(|line| html! { <li>{ line }</li> }) }</ul> }
}

#[derive(Properties, PartialEq)]
struct VerdictBarProps {
    view: View,
    lab: UseReducerHandle<Lab>,
    head: UseReducerHandle<Head>,
}

/// What the run shows so far, in one sentence, and the two next steps.
#[component]
fn VerdictBar(props: &VerdictBarProps) -> Html {
    let VerdictBarProps { view, lab, head } = props;
    let bad: Vec<Outcome> = view
        .outcomes()
        .filter(|outcome| is_bad(outcome))
        .copied()
        .collect();
    let first = bad.first().copied();
    let ended = view.at >= view.done.run.end;
    let mistake = lab.mistake();
    let (tone, say, more) = match &mistake {
        Some(mistake) if view.at == Time::ZERO => ("calm", mistake.about.clone(), String::new()),
        _ => sentence(view, &bad, ended),
    };
    let explain = {
        let lab = lab.clone();
        let order = first.map(|outcome| outcome.order).or(view.followed);
        Callback::from(move |_| {
            if lab.explaining {
                lab.dispatch(Action::Explain(false));
            } else if let Some(order) = order {
                lab.dispatch(Action::Select(Some(order)));
                lab.dispatch(Action::Explain(true));
            }
        })
    };
    let many = use_many();
    let order = first.map(|outcome| outcome.order).or(view.followed);
    // What a search for this order has found, if there was one.
    let found = first.and_then(|outcome| prevent::known(&many, view, outcome.order));
    let help = found
        .as_ref()
        .and_then(|known| known.found.best().first().copied().cloned());
    let (change, cure_words) = match &mistake {
        Some(mistake) => (
            Some(mistake.cure.clone()),
            ended.then(|| format!("Set {}, run again", first_setting(&mistake.cure.0))),
        ),
        None => match (opening_cure(lab, first), &help) {
            (Some(cure), _) => (
                Some(cure),
                Some("Turn on idempotence, run again".to_string()),
            ),
            (None, Some(trial)) => (
                trial.patch(),
                Some(format!("Set {}, run again", trial.words())),
            ),
            (None, None) => (
                None,
                first
                    .filter(|_| found.is_none())
                    .map(|_| "What would have prevented it?".to_string()),
            ),
        },
    };
    let again = {
        let (lab, head, view, many, stale) = (
            lab.clone(),
            head.clone(),
            view.clone(),
            many.clone(),
            lab.stale,
        );
        Callback::from(move |_| {
            if let Some(change) = change.as_ref().filter(|_| !stale) {
                lab.dispatch(Action::Patch(lab.patch.then(change)));
            } else if let Some(outcome) = first.filter(|_| !stale) {
                lab.dispatch(Action::Select(Some(outcome.order)));
                lab.dispatch(Action::Explain(true));
                prevent::ask(&many, &view, outcome.order);
                return;
            }
            head.dispatch(Move::Seek(Time::ZERO));
            lab.dispatch(Action::Run);
        })
    };
    html! {
        <div class="verdict" data-tone={tone}>
            <p class="say"><output aria-live="off">{ say }{ " " }<small>{ more }</small></output></p>
            if let Some(order) = order {
                <button class="btn primary" id="explain" onclick={explain} aria-keyshortcuts="e">
                    { if lab.explaining { "Close explanation".to_string() } else { format!("Explain #{order}") } }<kbd>{ "E" }</kbd>
                </button>
            }
            if let Some(before) = compare::partner(lab, view) {
                <button class="btn" id="compare" onclick={Callback::from({
                    let (many, view) = (many.clone(), view.clone());
                    move |_| compare::open(&many, &before, &view)
                })}>{ "Compare with before" }</button>
            }
            if lab.stale {
                <button class="btn" id="again" onclick={again} aria-keyshortcuts="r">{ "Run again, same seed" }<kbd>{ "R" }</kbd></button>
            } else if let Some(words) = cure_words {
                <button class="btn" id="cure" onclick={again}>{ words }</button>
            }
        </div>
    }
}

fn sentence(view: &View, bad: &[Outcome], ended: bool) -> (&'static str, String, String) {
    let counters = view.with_board(Board::counters);
    let counts = counters.counts;
    let doubled: Vec<&Outcome> = bad
        .iter()
        .filter(|o| matches!(o.kind, OutcomeKind::Duplicated(_)))
        .collect();
    let missing: Vec<&Outcome> = bad
        .iter()
        .filter(|o| matches!(o.kind, OutcomeKind::Lost(_)))
        .collect();
    let before = view.before.as_ref().filter(|before| {
        before.scenario.seed == view.done.scenario.seed
            && before.scenario.faults == view.done.scenario.faults
    });
    if counters.duplicates > 0 || !missing.is_empty() {
        let surplus =
            view.with_board(|board| doubled.iter().map(|o| board.amount(o.order)).sum::<i64>());
        let absent =
            view.with_board(|board| missing.iter().map(|o| board.amount(o.order)).sum::<i64>());
        return match (doubled.as_slice(), missing.as_slice()) {
            ([one], []) => (
                "dup",
                format!("Order {} was billed twice.", one.order),
                format!("{} too much. Why?", money(surplus)),
            ),
            (many, []) => (
                "dup",
                format!("{} orders were billed twice.", many.len()),
                format!("{} too much. Why?", money(surplus)),
            ),
            ([], [one]) => (
                "lost",
                format!("Order {} is lost, and nobody was told.", one.order),
                format!("{} missing.", money(absent)),
            ),
            ([], many) => (
                "lost",
                format!("{} orders are lost, and nobody was told.", many.len()),
                format!("{} missing.", money(absent)),
            ),
            (twice, never) => (
                "lost",
                format!("{} orders lost, {} billed twice.", never.len(), twice.len()),
                format!("The bill is off by {}.", money(surplus - absent)),
            ),
        };
    }
    if counts.refused > 0 {
        return (
            "lost",
            format!("{} orders refused, and reported.", counts.refused),
            "The application knows that they are missing.".into(),
        );
    }
    if ended && counts.pending > 0 {
        return (
            "calm",
            format!("{} orders are stuck on their way.", counts.pending),
            "Nothing moves any more.".into(),
        );
    }
    let elsewhere = view.with_board(below::wrong_branches);
    match before {
        _ if !elsewhere.is_empty() => (
            "dup",
            format!("Not in every branch once: {}.", elsewhere.join(", ")),
            "All is well in the main sink.".into(),
        ),
        Some(before) if ended && before.run.verdict.dup > 0 => (
            "ok",
            "Same seed, same faults. 0 duplicates.".into(),
            format!("Before: {}.", before.run.verdict.dup),
        ),
        Some(before) if ended && before.run.verdict.counts.lost > 0 => (
            "ok",
            "Same seed, same faults. 0 lost.".into(),
            format!("Before: {}.", before.run.verdict.counts.lost),
        ),
        _ if ended => (
            "ok",
            "Every order is in the table once.".into(),
            "This run refutes no guarantee; one run proves none.".into(),
        ),
        _ if view.at == Time::ZERO => ("calm", "Nothing has happened yet.".into(), String::new()),
        _ => (
            "calm",
            "Every order so far is where it should be.".into(),
            String::new(),
        ),
    }
}

/// The first setting that a patch changes, as it stands in a properties file.
fn first_setting(patch: &serde_json::Value) -> String {
    match patch.as_object().and_then(|fields| fields.iter().next()) {
        Some((_, value)) if value.is_object() => first_setting(value),
        Some((key, serde_json::Value::String(text))) => format!("{key}={text}"),
        Some((key, serde_json::Value::Null)) => format!("{key} aside"),
        Some((key, value)) => format!("{key}={}", json::Text(value)),
        None => "the cure".into(),
    }
}

/// The opening scene's cure is at hand at once, before the worker that could search for it is there. A browser test runs it.
fn opening_cure(lab: &Lab, outcome: Option<Outcome>) -> Option<Patch> {
    let opens = lab.base_id == catalog::OPENING && !lab.scenario.producer.idempotence();
    let retried = OutcomeKind::Duplicated(DupOrigin::ProducerRetry);
    let patch = || Patch::at(&["producer", "enable.idempotence"], true.into());
    outcome
        .filter(|outcome| opens && outcome.kind == retried)
        .map(|_| patch())
}
