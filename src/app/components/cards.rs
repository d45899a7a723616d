//! Metric cards: what a fault did to the metrics that the real systems show, at its flag on the timeline.

use super::stage::{OnStageProps, View};
use super::timeline::{LEFT, axis, strikes};
use crate::app::head::{Head, Move};
use crate::app::lab::{Action, Lab};
use crate::replay::explain::{place, seconds};
use crate::replay::metrics::{Card, Row};
use crate::replay::spacetime::told;
use crate::sim::compact::sort_by_rank;
use crate::sim::fault::FaultSpec;
use crate::sim::kernel::Time;
use yew::{
    Callback, Html, Properties, UseReducerHandle, component, html, use_effect_with, use_node_ref,
};

/// What a chip takes where there is room, and where there is none, in px.
const CHIP: f64 = 240.0;
const SMALL: f64 = 26.0;

/// A chip beside the flag of every fault that has struck, and the card of the one that is open.
#[component]
pub fn Cards(props: &OnStageProps) -> Html {
    let OnStageProps {
        view,
        width,
        fit,
        lab,
        head,
    } = props;
    let axis = axis(*width, *fit, view.horizon());
    let Some(trace) = &view.done.run.trace else {
        return html! {};
    };
    let mut flags: Vec<(String, Time)> = strikes(view, lab)
        .into_iter()
        .filter(|(_, at, struck)| *struck && *at <= view.at)
        .map(|(id, at, _)| (id, at))
        .collect();
    sort_by_rank(&mut flags, |(_, at)| (at.micros(), 0));
    let card = |id: &str| Card::of(&view.done.scenario, trace, id, view.at);
    let words = |id: &str| {
        let spec = view.done.scenario.faults.get(id);
        let entry = spec.and_then(FaultSpec::menu);
        entry.map_or(id.to_string(), |entry| entry.short.to_string())
    };
    let places: Vec<f64> = flags.iter().map(|(_, at)| axis.x(*at)).collect();
    let chips = flags.iter().enumerate().filter_map(|(n, (id, at))| {
        let card = card(id)?;
        let x = places[n];
        let next = places.get(n + 1).copied().unwrap_or(axis.width);
        let before = n.checked_sub(1).map_or(LEFT - 40.0, |n| places[n]);
        // The timeline writes the fault's name beside its flag where there is room for it.
        let name = 6.4 * words(id).chars().count() as f64;
        let right = next - x > 116.0;
        let begin = x + if right { 30.0 + name } else { 26.0 };
        let room = next - begin - 4.0;
        let (begin, wide) = if room >= SMALL {
            (begin, room.min(CHIP))
        } else if x - before > SMALL + if right { 0.0 } else { name + 12.0 } {
            (x - SMALL - 6.0 - if right { 0.0 } else { name + 6.0 }, SMALL)
        } else {
            return None;
        };
        let say = card.rows.first().map_or_else(|| "no metric moved".to_string(), in_short);
        let open = lab.card.as_deref() == Some(id);
        let toggle = {
            let (lab, id) = (lab.clone(), id.clone());
            Callback::from(move |()| lab.dispatch(Action::Card((!open).then(|| id.clone()))))
        };
        let label = format!("Metrics after {}, {}: {say}", words(id), seconds(*at));
        let fault = id.clone();
        Some(html! { <Chip key={id.clone()} left={begin as u32} width={wide as u32} {fault} {say} {label} {open} on_press={toggle} /> })
    });
    let open = lab.card.as_deref().and_then(card);
    html! {
        <div class="cards">
            { for chips }
            if let Some(card) = open { <Metrics words={words(&card.fault)} {card} view={view.clone()} lab={lab.clone()} head={head.clone()} /> }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct ChipProps {
    /// Where it stands and how wide it may be, in px.
    left: u32,
    width: u32,
    fault: String,
    say: String,
    label: String,
    open: bool,
    on_press: Callback<()>,
}

/// A chip at its flag.
#[component]
fn Chip(props: &ChipProps) -> Html {
    let ChipProps {
        left,
        width,
        fault,
        say,
        label,
        open,
        on_press,
    } = props;
    let node = use_node_ref();
    {
        let node = node.clone();
        use_effect_with((*left, *width), move |(left, width)| {
            // The policy allows no style attributes; through the object model a place may be set.
            if let Some(element) = node.cast::<web_sys::HtmlElement>() {
                let _ = element.style().set_property("left", &format!("{left}px"));
                let _ = element
                    .style()
                    .set_property("max-width", &format!("{width}px"));
            }
        });
    }
    html! {
        <button class="metric-chip" ref={node} data-card={fault.clone()} aria-expanded={open.to_string()} aria-label={label.clone()} onclick={on_press.reform(|_| ())}>
            if *width > 90 { <span>{ say.clone() }</span> }<b aria-hidden="true">{ "▾" }</b>
        </button>
    }
}

fn in_short(row: &Row) -> String {
    format!("{} {} → {}", row.metric.name, row.was, row.now)
}

#[derive(Properties, PartialEq)]
struct MetricsProps {
    card: Card,
    words: String,
    view: View,
    lab: UseReducerHandle<Lab>,
    head: UseReducerHandle<Head>,
}

#[component]
fn Metrics(props: &MetricsProps) -> Html {
    let MetricsProps {
        card,
        words,
        view,
        lab,
        head,
    } = props;
    let node = use_node_ref();
    {
        let node = node.clone();
        use_effect_with(card.fault.clone(), move |_| {
            if let Some(element) = node.cast::<web_sys::HtmlElement>() {
                let _ = element.focus();
            }
        });
    }
    let close = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Card(None)))
    };
    let Some(trace) = &view.done.run.trace else {
        return html! {};
    };
    let span = match card.until {
        Some(until) => format!(
            "from {} to the next fault at {}",
            seconds(card.at),
            seconds(until)
        ),
        None => format!("from {} to {}", seconds(card.at), seconds(view.at)),
    };
    let row = |row: &Row| {
        let event = trace.get(row.moved);
        let at = event.at;
        let seek = {
            let head = head.clone();
            Callback::from(move |_| head.dispatch(Move::Seek(at)))
        };
        let by = row.now - row.was;
        let what = format!(
            "{}: {}",
            place(trace.cast.host(event.host)),
            told(&event.fact, &trace.cast)
        );
        html! {
            <tr data-metric={row.metric.name}>
                <th scope="row" title={row.metric.source}><code>{ row.metric.name }</code><small>{ row.metric.system }</small></th>
                <td>{ row.was }</td><td>{ row.now }</td><td>{ format!("{by:+}") }</td>
                <td class="moved"><button class="when" onclick={seek} aria-label={format!("Go to {}", seconds(at))}>{ seconds(at) }</button>{ format!("fact {}, {what}", row.moved.0) }</td>
            </tr>
        }
    };
    html! {
        <section class="panel metric-card" aria-label={format!("Metrics after {words}")} tabindex="-1" ref={node}>
            <header><h2>{ format!("Metrics after “{words}”") }</h2><button class="btn quiet" onclick={close}>{ "Close" }<kbd>{ "Esc" }</kbd></button></header>
            <p>{ span }</p>
            if card.rows.is_empty() {
                <p>{ "None of the metrics that this run can tell has moved." }</p>
            } else {
                <div class="metric-table" tabindex="0" role="group" aria-label="Metrics"><table>
                    <thead><tr><th scope="col">{ "metric" }</th><th scope="col">{ "was" }</th><th scope="col">{ "now" }</th><th scope="col">{ "change" }</th><th scope="col">{ "moved first by" }</th></tr></thead>
                    <tbody>{ for card.rows.iter().map(row) }</tbody>
                </table></div>
                <details><summary>{ "Where these come from" }</summary><ul>{ for card.rows.iter().map(|row| html! { <li><code>{ row.metric.name }</code>{ format!(": {}", row.metric.source) }</li> }) }</ul></details>
            }
        </section>
    }
}
