//! Faults, commits and outcomes on one time axis, with the playhead through them.

use super::charts::charts_height;
use super::glyphs::{self, path, px, text};
use super::scene::seconds;
use super::stage::{Fit, OnStageProps, View};
use crate::app::head::{Loop, Move};
use crate::app::lab::{Action, Lab};
use crate::replay::explain::strike;
use crate::sim::compact::sort_by_rank;
use crate::sim::fault::FaultSpec;
use crate::sim::kernel::Time;
use crate::sim::trace::{Fact, SegmentId};
use crate::sim::{Outcome, OutcomeKind};
use wasm_bindgen::JsCast;
use web_sys::{Element, PointerEvent};
use yew::{Callback, Html, UseReducerHandle, component, html, use_node_ref, use_state};

/// The labels at the left of every lane and chart, in px.
pub const LEFT: f64 = 84.0;
/// What is left free at the right.
pub const RIGHT: f64 = 20.0;

/// What the histogram takes where it stands beside the time axis, in px.
pub const HISTOGRAM: f64 = 268.0;

/// The height of a track of a run that was left, in px.
pub const TRACK: f64 = 24.0;

/// The time axis that lanes and charts share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    pub width: f64,
    pub horizon: Time,
}

impl Axis {
    pub fn x(self, at: Time) -> f64 {
        let part = at.micros() as f64 / self.horizon.micros().max(1) as f64;
        LEFT + part.min(1.0) * (self.width - LEFT - RIGHT).max(1.0)
    }

    pub fn at(self, x: f64) -> Time {
        let part = ((x - LEFT) / (self.width - LEFT - RIGHT).max(1.0)).clamp(0.0, 1.0);
        Time::from_ms((part * self.horizon.ms() as f64) as u64)
    }

    /// Whole seconds to be labelled: every one, or every 2nd, 5th, 10th where they would crowd.
    fn seconds(self) -> impl Iterator<Item = u64> {
        let last = self.horizon.ms() / 1000;
        let room = ((self.width - LEFT - RIGHT) / 34.0).max(1.0) as u64;
        let every = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600]
            .into_iter()
            .find(|every| last / every <= room)
            .unwrap_or(3600);
        (0..=last).filter(move |second| second % every == 0)
    }
}

const HEIGHT: f64 = 94.0;
/// What the lane of commits takes of it.
const COMMITS: f64 = 22.0;

/// The strip. Dragging a flag moves the fault; dragging elsewhere moves the playhead.
#[component]
pub fn Timeline(props: &OnStageProps) -> Html {
    let OnStageProps {
        view,
        lab,
        head,
        width,
        fit,
    } = props;
    let node = use_node_ref();
    let dragged = use_state(|| None::<Drag>);
    let axis = axis(*width, *fit, view.horizon());
    let charts = !lab.is_beside_charts();
    let below = if charts { charts_height(*fit) } else { 0.0 };
    let below = below + TRACK * lab.tracks.len() as f64;
    let zoom = fit.zoom();
    let (height, outcomes_up) = if *fit == Fit::Lowest {
        (HEIGHT - COMMITS, COMMITS)
    } else {
        (HEIGHT, 0.0)
    };
    let ruler = axis.seconds().map(|second| {
        let x = axis.x(Time::from_ms(second * 1000));
        let unit = if second * 1000 == view.horizon().ms() { " s" } else { "" };
        html! { <>{ path(format!("M{} 22V{}", px(x), px(height - 2.0)), "grid") }{ text(x, 15.0, format!("{second}{unit}"), "m s12 mu c") }</> }
    });
    let lane = |y: f64, height: f64, name: &'static str| html! { <><rect class="lane" x={px(LEFT)} y={px(y)} width={px(axis.width - LEFT - RIGHT)} height={px(height)} />{ text(LEFT - 8.0, y + height / 2.0 + 4.0, name, "s12 mu e") }</> };
    let now = axis.x(view.at);
    let place = {
        let node = node.clone();
        move |event: &PointerEvent| {
            node.cast::<Element>().map(|element| {
                let x = f64::from(event.client_x()) - element.get_bounding_client_rect().left();
                axis.at(x / zoom)
            })
        }
    };
    let on_down = {
        let (node, place, head, dragged) =
            (node.clone(), place.clone(), head.clone(), dragged.clone());
        Callback::from(move |event: PointerEvent| {
            let target = event
                .target()
                .and_then(|target| target.dyn_into::<Element>().ok());
            let fault = target
                .and_then(|element| element.closest("[data-fault]").ok().flatten())
                .and_then(|element| element.get_attribute("data-fault"));
            // The strip itself: Yew's own listener sits on the root, so the event's current target is not the strip.
            if let Some(element) = node.cast::<Element>() {
                let _ = element.set_pointer_capture(event.pointer_id());
            }
            let Some(at) = place(&event) else { return };
            if fault.is_none() {
                head.dispatch(Move::Seek(at));
            }
            dragged.set(Some(Drag {
                fault,
                at,
                moved: false,
            }));
        })
    };
    let on_move = {
        let (place, head, dragged) = (place.clone(), head.clone(), dragged.clone());
        Callback::from(move |event: PointerEvent| {
            let (Some(drag), Some(at)) = ((*dragged).clone(), place(&event)) else {
                return;
            };
            if drag.fault.is_none() {
                head.dispatch(Move::Seek(at));
            }
            dragged.set(Some(Drag {
                at,
                moved: true,
                ..drag
            }));
        })
    };
    let on_up = {
        let (lab, dragged) = (lab.clone(), dragged.clone());
        Callback::from(move |_: PointerEvent| {
            match (*dragged).clone() {
                Some(Drag {
                    fault: Some(id),
                    at,
                    moved: true,
                }) => move_fault(&lab, &id, at),
                // A flag that was only pressed.
                Some(Drag {
                    fault: Some(id), ..
                }) => lab.dispatch(Action::Card(Some(id))),
                _ => {}
            }
            dragged.set(None);
        })
    };
    let preview = (*dragged)
        .clone()
        .filter(|drag| drag.moved)
        .and_then(|drag| drag.fault.map(|fault| (fault, drag.at)));
    html! {
        <svg class="timeline" ref={node} width={px(axis.width * zoom)} height={px(height * zoom)} viewBox={format!("0 0 {} {}", px(axis.width), px(height))} role="img" aria-label={summary(view)}
            onpointerdown={on_down} onpointermove={on_move} onpointerup={on_up}>
            { lane(22.0, 22.0, "faults") }
            if *fit != Fit::Lowest { { lane(47.0, 18.0, "commits") } }
            { lane(68.0 - outcomes_up, 22.0, "outcomes") }
            { for ruler }
            { looped(head.looped, axis, height) }
            <rect class="future" x={px(now)} y="22" width={px((axis.width - RIGHT - now).max(0.0))} height={px(height - 26.0)} />
            if *fit != Fit::Lowest { { commits(view, axis) } }
            <g transform={format!("translate(0 -{outcomes_up})")}>{ outcomes(view, axis) }</g>
            { faults(view, lab, axis, preview) }
            { playhead(now, height - 2.0 + below, &seconds(view.at)) }
        </svg>
    }
}

#[derive(Clone, PartialEq)]
struct Drag {
    fault: Option<String>,
    at: Time,
    moved: bool,
}

/// The axis for a stage of this width.
pub fn axis(width: u32, fit: Fit, horizon: Time) -> Axis {
    // Before the stage is measured its width is 0.
    let width = f64::from(width.max(320));
    Axis {
        width: match fit {
            Fit::Whole => width - 2.0 - HISTOGRAM,
            _ => (width - 2.0) / fit.zoom(),
        },
        horizon,
    }
}

/// The stretch that is played again and again, or where it begins.
fn looped(looped: Loop, axis: Axis, height: f64) -> Html {
    let (from, to) = match looped {
        Loop::Off => return html! {},
        Loop::From(from) => (axis.x(from), axis.x(from)),
        Loop::Between(from, to) => (axis.x(from), axis.x(to)),
    };
    let bottom = px(height - 2.0);
    html! { <g class="looped">
        <rect x={px(from)} y="22" width={px((to - from).max(2.0))} height={px(height - 24.0)} />
        { path(format!("M{0} {bottom}V22h6M{1} {bottom}V22h-6", px(from), px(to)), "edge") }
    </g> }
}

fn playhead(x: f64, bottom: f64, label: &str) -> Html {
    let half = 29.0;
    let middle = x.max(half);
    html! {
        <g class="playhead">
            { path(format!("M{} 20V{}", px(x), px(bottom)), "line") }
            <rect x={px(middle - half)} y="1" width={px(half * 2.0)} height="19" rx="3" />
            { text(middle, 15.0, label.to_string(), "m c") }
        </g>
    }
}

/// A fault at another time: from then on, at its next moment.
pub fn move_fault(lab: &UseReducerHandle<Lab>, id: &str, at: Time) {
    if let Some(spec) = lab.scenario.faults.get(id) {
        let moved = FaultSpec {
            at: Some(at.ms() / 10 * 10),
            after: None,
            step: None,
            ..spec.clone()
        };
        lab.dispatch(Action::PutFault(id.to_string(), Box::new(moved)));
        lab.dispatch(Action::Rerun);
    }
}

/// When each fault struck in this run, and when those that did not are planned.
pub fn strikes(view: &View, lab: &Lab) -> Vec<(String, Time, bool)> {
    let trace = view.done.run.trace.as_ref();
    lab.scenario
        .faults
        .iter()
        .map(|(id, spec)| {
            let planned = spec.at.map(Time::from_ms).unwrap_or_default();
            let struck = trace.and_then(|trace| strike(trace, id));
            struck.map_or((id.clone(), planned, false), |(at, _)| {
                (id.clone(), at, true)
            })
        })
        .collect()
}

fn faults(view: &View, lab: &Lab, axis: Axis, preview: Option<(String, Time)>) -> Html {
    /// What a label takes beside its flag, in px.
    const LABEL: f64 = 116.0;
    let mut flags: Vec<(f64, String, Time, bool)> = strikes(view, lab)
        .into_iter()
        .map(|(id, at, struck)| {
            let at = preview
                .as_ref()
                .filter(|(moved, _)| *moved == id)
                .map_or(at, |&(_, at)| at);
            (axis.x(at), id, at, struck)
        })
        .collect();
    sort_by_rank(&mut flags, |flag| (flag.2.micros(), 0));
    let places: Vec<f64> = flags.iter().map(|flag| flag.0).collect();
    let flags = flags
        .into_iter()
        .enumerate()
        .map(|(n, (x, id, at, struck))| {
            let words = lab
                .scenario
                .faults
                .get(&id)
                .and_then(FaultSpec::menu)
                .map_or(id.clone(), |entry| entry.short.to_string());
            let dim = if !struck {
                " planned"
            } else if at > view.at {
                " ahead"
            } else {
                ""
            };
            let next = places.get(n + 1).copied().unwrap_or(axis.width + 40.0);
            let before = n.checked_sub(1).map_or(LEFT - 40.0, |n| places[n]);
            let label = if next - x > LABEL {
                text(x + 24.0, 37.0, words, "s12 fault-word")
            } else if x - before > LABEL {
                text(x - 6.0, 37.0, words, "s12 e fault-word")
            } else {
                html! { <title>{ words }</title> }
            };
            html! { <g class={format!("on-strip{dim}")} data-fault={id.clone()}>
                <rect class="grip" x={px(x - 4.0)} y="22" width="30" height="22" />
                { glyphs::flag_small(x, 44.0) }{ label }
            </g> }
        });
    html! { <>{ for flags }</> }
}

fn commits(view: &View, axis: Axis) -> Html {
    let Some(trace) = &view.done.run.trace else {
        return html! {};
    };
    let mut planned = None;
    let mut marks = Vec::new();
    let mut last_label = LEFT - 8.0;
    for event in &trace.events {
        match &event.fact {
            Fact::OffsetsLogged {
                segment: SegmentId::MAIN,
                ..
            }
            | Fact::CheckpointTriggered {
                segment: SegmentId::MAIN,
                ..
            } => planned = Some(event.at),
            Fact::TableCommitted {
                segment: SegmentId::MAIN,
                batch: Some(number),
                ..
            }
            | Fact::CheckpointCompleted {
                segment: SegmentId::MAIN,
                checkpoint: number,
                ..
            } => {
                let job = matches!(event.fact, Fact::CheckpointCompleted { .. });
                let name = if job { "checkpoint" } else { "batch" };
                let (from, to) = (axis.x(planned.unwrap_or(event.at)), axis.x(event.at));
                let ahead = event.at > view.at;
                let gap = from - last_label;
                let label = if gap > 28.0 + 6.0 * name.len() as f64 {
                    format!("{name} {number}")
                } else if gap > 22.0 {
                    number.to_string()
                } else {
                    String::new()
                };
                last_label = to;
                marks.push(html! { <g class={if ahead { "ahead" } else { "" }}>
                    <rect class="unit" x={px(from)} y="51" width={px((to - from).max(3.0))} height="10" />
                    if !label.is_empty() { { text(from - 5.0, 60.5, label, "s11 mu e") } }
                </g> });
            }
            Fact::CheckpointFailed {
                segment: SegmentId::MAIN,
                ..
            } => {
                let (from, to) = (axis.x(planned.unwrap_or(event.at)), axis.x(event.at));
                let class = if event.at > view.at { "ahead" } else { "" };
                let width = (to - from).max(3.0);
                marks.push(html! { <g {class}><rect class="unit off" x={px(from)} y="51" width={px(width)} height="10" /></g> });
            }
            // A group's offsets, and the ends of transactions.
            Fact::BatchCommitted {
                segment: SegmentId::MAIN,
                ..
            }
            | Fact::OffsetsCommitted {
                segment: SegmentId::MAIN,
                ..
            } => {
                let x = axis.x(event.at);
                let class = if event.at > view.at {
                    "mast ahead"
                } else {
                    "mast"
                };
                marks.push(path(format!("M{} 49v14", px(x)), class));
            }
            Fact::TransactionEnded { commit, .. } => {
                let class = if event.at > view.at { "ahead" } else { "" };
                let x = axis.x(event.at);
                marks.push(html! { <g {class}><rect class={if *commit { "unit" } else { "unit off" }} x={px(x - 3.0)} y="51" width="6" height="10" /></g> });
            }
            _ => {}
        }
    }
    html! { <>{ for marks }</> }
}

fn outcomes(view: &View, axis: Axis) -> Html {
    let mark = |at: Time, order: u32, kind: OutcomeKind, label: bool| {
        let x = axis.x(at);
        let (glyph, words, class) = match kind {
            OutcomeKind::Duplicated(_) => (
                glyphs::doubled_small(x, 80.0),
                format!("#{order} doubled"),
                "s12 b dup-word",
            ),
            OutcomeKind::Lost(_) => (
                glyphs::gone_small(x, 79.0),
                format!("#{order} lost"),
                "s12 b lost-word",
            ),
            OutcomeKind::Refused => (
                glyphs::gone_small(x, 79.0),
                format!("#{order} refused"),
                "s12 b lost-word",
            ),
            OutcomeKind::DroppedLate => (
                glyphs::late_small(x, 79.0),
                format!("#{order} late"),
                "s12 b late-word",
            ),
        };
        let left = x > LEFT + 110.0;
        let at_x = if left { x - 13.0 } else { x + 13.0 };
        let class = if left {
            format!("{class} e")
        } else {
            class.to_string()
        };
        html! { <>{ glyph }if label { <text x={px(at_x)} y="83.5" {class}>{ words }</text> }</> }
    };
    let mut last = f64::MIN;
    // Late drops happen in the second query.
    let branches = view.done.run.branch_outcomes.values().flatten();
    let late = branches.filter(|o| o.kind == OutcomeKind::DroppedLate && o.at <= view.at);
    let mut so_far: Vec<&Outcome> = view.outcomes().chain(late).collect();
    sort_by_rank(&mut so_far, |outcome| (outcome.at.micros(), 0));
    let now: Vec<Html> = so_far
        .into_iter()
        .map(|outcome| {
            let x = axis.x(outcome.at);
            let label = x - last > 110.0;
            last = x;
            mark(outcome.at, outcome.order, outcome.kind, label)
        })
        .collect();
    // What went wrong in the run before and does not any more stands as a ghost.
    let gone = |outcome: &&Outcome| {
        !view.done.run.outcomes.iter().any(|o| {
            o.order == outcome.order
                && std::mem::discriminant(&o.kind) == std::mem::discriminant(&outcome.kind)
        })
    };
    let before = view.before.iter().flat_map(|before| {
        before
            .run
            .outcomes
            .iter()
            .filter(gone)
            .filter(|o| o.at <= view.at)
            .map(|o| mark(o.at, o.order, o.kind, true))
    });
    html! { <><g class="ghost-marks">{ for before }</g>{ for now }</> }
}

fn summary(view: &View) -> String {
    let outcomes: Vec<String> = view
        .outcomes()
        .map(|o| {
            format!(
                "order {} {} at {}",
                o.order,
                match o.kind {
                    OutcomeKind::Duplicated(_) => "doubled",
                    OutcomeKind::Lost(_) => "lost",
                    OutcomeKind::Refused => "refused",
                    OutcomeKind::DroppedLate => "late",
                },
                seconds(o.at)
            )
        })
        .collect();
    let so_far = if outcomes.is_empty() {
        "no outcome to report yet".to_string()
    } else {
        outcomes.join(", ")
    };
    format!(
        "Timeline of {} with faults, commits and outcomes; at {}: {so_far}",
        seconds(view.horizon()),
        seconds(view.at)
    )
}
