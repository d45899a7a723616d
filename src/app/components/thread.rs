//! The causal thread of one order: the steps of its explanation on the lanes of those who took part.

use super::glyphs::{path, px, text};
use crate::app::lab::{Done, Shared};
use crate::replay::explain::{Explanation, LinkKind, seconds};
use crate::replay::spacetime::{Knot, Shape, Thread as Told, Tie};
use yew::{Html, Properties, component, html};

#[derive(Properties, PartialEq)]
pub struct ThreadProps {
    pub done: Shared<Done>,
    pub explanation: Explanation,
    /// What became of the order: `dup`, `lost`, `ok`.
    pub tone: &'static str,
}

const LEFT: f64 = 92.0;
/// From one step to the next, in px.
const STEP: f64 = 58.0;
const PITCH: f64 = 34.0;
const TOP: f64 = 22.0;

/// Steps stand one beside the other in the order of time, not to its scale: milliseconds and seconds are both in a story.
#[component]
pub fn Thread(props: &ThreadProps) -> Html {
    let Some(trace) = &props.done.run.trace else {
        return html! {};
    };
    let told = Told::of(trace, &props.explanation);
    let x = |n: usize| LEFT + 22.0 + n as f64 * STEP;
    let y = |lane: usize| TOP + (lane as f64 + 0.5) * PITCH;
    let width = x(told.knots.len().max(1)) + 8.0;
    let height = TOP + told.lanes.len() as f64 * PITCH + 20.0;
    let lanes = told.lanes.iter().enumerate().map(|(n, name)| {
        html! { <>
            { path(format!("M{} {}H{}", px(LEFT), px(y(n)), px(width - 10.0)), "st-lane") }
            { text(LEFT - 8.0, y(n) + 4.0, name.clone(), "st-name") }
        </> }
    });
    let ties = told.knots.iter().enumerate().filter_map(|(n, knot)| {
        let (before, tie) = knot.after?;
        let from = &told.knots[before];
        let (x1, y1, x2, y2) = (x(before), y(from.lane), x(n), y(knot.lane));
        let class = match tie {
            Tie::Cause => "th-cause",
            Tie::Story => "th-story",
        };
        let (dx, dy) = (x2 - x1, y2 - y1);
        let length = libm::hypot(dx, dy).max(1.0);
        let (ux, uy) = (dx / length, dy / length);
        // The line ends at the knot's edge, with a head that says which way it goes.
        let (ex, ey) = (x2 - ux * 8.0, y2 - uy * 8.0);
        let head = format!(
            "M{} {}L{} {}L{} {}",
            px(ex - ux * 6.0 - uy * 4.0), px(ey - uy * 6.0 + ux * 4.0), px(ex), px(ey),
            px(ex - ux * 6.0 + uy * 4.0), px(ey - uy * 6.0 - ux * 4.0)
        );
        Some(html! { <>{ path(format!("M{} {}L{} {}", px(x1 + ux * 6.0), px(y1 + uy * 6.0), px(ex), px(ey)), class) }{ path(head, class) }</> })
    });
    let last = told.knots.len().saturating_sub(1);
    let knots = told.knots.iter().enumerate().map(|(n, knot)| {
        let (x, y) = (x(n), y(knot.lane));
        let above = knot.at;
        html! { <g>
            <title>{ format!("{}: {}", seconds(above), knot.text) }</title>
            { path(sign(knot, x, y), class(knot)) }
            { text(x, y - 11.0, word(knot), "th-word") }
            { text(x, height - 6.0, seconds(above).trim_end_matches(" s").to_string(), "st-tick") }
            if knot.kind == LinkKind::Symptom || (n == last && props.tone == "lost") { { end(props.tone, x, y) } }
        </g> }
    });
    let words: Vec<String> = told
        .knots
        .iter()
        .map(|knot| {
            format!(
                "{} {}: {}",
                seconds(knot.at),
                told.lanes[knot.lane],
                knot.text
            )
        })
        .collect();
    html! {
        <div class="thread" tabindex="0" role="group" aria-label="The same as a diagram">
            <svg width={px(width)} height={px(height)} role="img" aria-label={words.join("; ")}>
                { for lanes }{ for ties }{ for knots }
                { text(LEFT - 8.0, height - 6.0, "s", "st-name") }
            </svg>
        </div>
    }
}

/// What became of the order, at the step where it shows.
fn end(tone: &str, x: f64, y: f64) -> Html {
    match tone {
        "dup" => {
            html! { <><rect class="th-twice" x={px(x + 8.0)} y={px(y - 9.0)} width="25" height="17" rx="8" />{ text(x + 20.5, y + 4.0, "×2", "th-twice-word") }</> }
        }
        "lost" => path(
            format!("M{} {}l12 12m0 -12l-12 12", px(x + 9.0), px(y - 6.0)),
            "th-end",
        ),
        _ => path(
            format!("M{} {}l4 5l7 -10", px(x + 9.0), px(y)),
            "st-mark st-ack",
        ),
    }
}

fn sign(knot: &Knot, x: f64, y: f64) -> String {
    match (knot.kind, knot.shape) {
        (LinkKind::Fault, _) => format!("M{} {}v-16h12l-4 4l4 4h-12", px(x), px(y + 8.0)),
        (_, Shape::Append) => format!("M{} {}h10v10h-10z", px(x - 5.0), px(y - 5.0)),
        (_, Shape::Table) => format!("M{} {}h12v10h-12zm0 5h12", px(x - 6.0), px(y - 5.0)),
        (_, Shape::Life) => format!("M{} {}l6 6l-6 6l-6 -6z", px(x), px(y - 6.0)),
        (_, Shape::Trouble) => format!("M{} {}l5.5 10h-11z", px(x), px(y - 6.0)),
        _ => format!("M{} {}a5 5 0 1 0 0.1 0z", px(x), px(y - 5.0)),
    }
}

fn class(knot: &Knot) -> &'static str {
    match (knot.kind, knot.shape) {
        (LinkKind::Fault, _) => "st-mark st-fault",
        (_, Shape::Append) => "st-mark st-append",
        (_, Shape::Table) => "st-mark st-table",
        (_, Shape::Life) => "st-mark st-life",
        (_, Shape::Trouble) => "st-mark st-trouble",
        _ => "st-mark th-step",
    }
}

/// A step in a word.
fn word(knot: &Knot) -> &'static str {
    match (knot.kind, knot.shape) {
        (LinkKind::Fault, _) => "fault",
        (_, Shape::Commit) if knot.text.starts_with("batch") => "planned",
        (_, Shape::Append) => "stored",
        (_, Shape::Ack) => "ack",
        (_, Shape::Commit) => "commit",
        (_, Shape::Table) => "visible",
        (_, Shape::Life) => "process",
        (_, Shape::Trouble) => "fails",
        (_, Shape::Fault) => "fault",
        (_, Shape::Other) => match knot.text.split(' ').next() {
            Some("sends") => "sent",
            Some("order") => "ordered",
            Some("poll()") => "polled",
            _ => "",
        },
    }
}
