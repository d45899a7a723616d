//! Play, pause, step, seek; the same by keyboard.

use super::faults::FaultMenu;
use super::stage::View;
use crate::app::head::{Head, Loop, Move, SPEEDS, speed_text};
use crate::app::keys::travel;
use crate::app::lab::Lab;
use crate::app::many::{Asking, use_many};
use crate::replay::explain::seconds;
use crate::sim::kernel::Time;
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::{
    Callback, Event, FocusEvent, Html, InputEvent, KeyboardEvent, Properties, UseReducerHandle,
    component, html, use_effect_with, use_node_ref, use_state,
};

#[derive(Properties, PartialEq)]
pub struct TransportProps {
    pub view: View,
    pub lab: UseReducerHandle<Lab>,
    pub head: UseReducerHandle<Head>,
}

/// A way to move the playhead that has a button and a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    PlayPause,
    StepBack,
    Step,
    NextOutcome,
    PreviousOutcome,
    Start,
    End,
    Loop,
}

/// The row of controls above the timeline.
#[component]
pub fn Transport(props: &TransportProps) -> Html {
    let TransportProps { view, lab, head } = props;
    let press = |what: Command| {
        let (lab, head) = (lab.clone(), head.clone());
        Callback::from(move |_| {
            if let Some(order) = travel(&lab, &head, what) {
                head.dispatch(order);
            }
        })
    };
    let icon =
        |d: &'static str| html! { <svg viewBox="0 0 16 16" aria-hidden="true"><path {d} /></svg> };
    let on_seek = {
        let head = head.clone();
        Callback::from(move |event: InputEvent| {
            let value = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok())
                .map(|input| input.value_as_number());
            if let Some(ms) = value.filter(|ms| ms.is_finite()) {
                head.dispatch(Move::Seek(Time::from_ms(ms.max(0.0) as u64)));
            }
        })
    };
    let on_speed = {
        let head = head.clone();
        Callback::from(move |event: Event| {
            let value = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlSelectElement>().ok())
                .and_then(|select| select.value().parse().ok());
            if let Some(speed) = value {
                head.dispatch(Move::Speed(speed));
            }
        })
    };
    let many = use_many();
    let strip = {
        let many = many.clone();
        Callback::from(move |_| many.dispatch(Asking::Open(!many.open)))
    };
    let on_loop = press(Command::Loop);
    let loop_words = match head.looped {
        Loop::Off => "Loop from here",
        Loop::From(_) => "Loop up to here",
        Loop::Between(..) => "End the loop",
    };
    let end = view.done.run.end;
    let state = if head.playing { "playing" } else { "paused" };
    html! {
        <div class="transport" role="group" aria-label="Run controls">
            <div class="at-hand">
                <button class="ic main" id="play" onclick={press(Command::PlayPause)} aria-label={if head.playing { "Pause" } else { "Play" }} aria-keyshortcuts="Space">
                    { icon(if head.playing { "M4 2h3v12H4zM9 2h3v12H9z" } else { "M4 2l10 6-10 6z" }) }
                </button>
                <button class="ic" id="step-back" onclick={press(Command::StepBack)} aria-label="Step back" aria-keyshortcuts=",">{ icon("M3 3h2v10H3zM13 3v10L6 8z") }</button>
                <button class="ic" id="step" onclick={press(Command::Step)} aria-label="Step" aria-keyshortcuts=".">{ icon("M11 3h2v10h-2zM3 3v10l7-5z") }</button>
                <button class="ic" id="next-outcome" onclick={press(Command::NextOutcome)} aria-label="To the next outcome" aria-keyshortcuts="Shift+.">{ icon("M2 3v10l5-5zM7 3v10l5-5zM12 3h2v10h-2z") }</button>
                <span class="now"><Clock head={head.clone()} {end} /><small>{ format!("of {}, {state}", seconds(end)) }</small></span>
                <label class="scrub"><span class="vh">{ "Time, in ms" }</span>
                    <input type="range" id="scrubber" min="0" max={end.ms().to_string()} step="10" value={head.at.ms().to_string()} oninput={on_seek} aria-valuetext={seconds(head.at)} />
                </label>
            </div>
            <label class="speed"><span class="vh">{ "Speed" }</span>
                <select id="speed" onchange={on_speed}>
                    { for SPEEDS.iter().map(|&speed| html! { <option value={speed.to_string()} selected={speed == head.speed}>{ speed_text(speed) }</option> }) }
                </select>
            </label>
            <button class="ic" id="loop" onclick={on_loop} aria-pressed={(head.looped != Loop::Off).to_string()} aria-label={loop_words} title={loop_words} aria-keyshortcuts="o">{ icon("M5 3h7v3h2l-3 4-3-4h2V5H5zM11 13H4v-3H2l3-4 3 4H6v1h5z") }</button>
            <button class="btn" id="crash-strip" aria-pressed={many.open.to_string()} onclick={strip}>{ "Crash strip" }</button>
            <FaultMenu view={view.clone()} lab={lab.clone()} head={head.clone()} />
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct ClockProps {
    head: UseReducerHandle<Head>,
    end: Time,
}

/// The playhead's time; pressed, a field to type another one into.
#[component]
fn Clock(props: &ClockProps) -> Html {
    let ClockProps { head, end } = props;
    let typing = use_state(|| false);
    let field = use_node_ref();
    {
        let field = field.clone();
        use_effect_with(*typing, move |_| {
            if let Some(field) = field.cast::<HtmlInputElement>() {
                let _ = field.focus();
                field.select();
            }
        });
    }
    let begin = {
        let (typing, head) = (typing.clone(), head.clone());
        Callback::from(move |_| {
            head.dispatch(Move::Pause);
            typing.set(true);
        })
    };
    let on_change = {
        let (typing, head, end) = (typing.clone(), head.clone(), *end);
        Callback::from(move |event: Event| {
            let input = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
            let typed = input.map(|input| input.value_as_number());
            if let Some(seconds) = typed.filter(|seconds| seconds.is_finite()) {
                let at = Time::through_ms((seconds.max(0.0) * 1e3).round() as u64);
                head.dispatch(Move::Seek(at.min(end)));
            }
            typing.set(false);
        })
    };
    let on_key = {
        let typing = typing.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" {
                typing.set(false);
            }
        })
    };
    let leave = {
        let typing = typing.clone();
        Callback::from(move |_: FocusEvent| typing.set(false))
    };
    if *typing {
        let now = format!("{:.3}", head.at.micros() as f64 / 1e6);
        return html! { <input ref={field} type="number" min="0" step="any" max={format!("{:.3}", end.micros() as f64 / 1e6)} value={now} aria-label="Time, in seconds" onchange={on_change} onkeydown={on_key} onblur={leave} /> };
    }
    html! { <button class="clock" id="clock" onclick={begin} title="Type a time" aria-keyshortcuts="t"><b>{ seconds(head.at) }</b></button> }
}
