//! Play, pause, step, seek; the same by keyboard.

use super::faults::FaultMenu;
use super::stage::View;
use crate::app::head::{Head, Move, SPEEDS, speed_text};
use crate::app::keys::travel;
use crate::app::lab::Lab;
use crate::app::many::{Asking, use_many};
use crate::replay::explain::seconds;
use crate::sim::kernel::Time;
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::{Callback, Event, Html, InputEvent, Properties, UseReducerHandle, component, html};

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
    Start,
    End,
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
                <span class="now"><b>{ seconds(head.at) }</b><small>{ format!("of {}, {state}", seconds(end)) }</small></span>
                <label class="scrub"><span class="vh">{ "Time, in ms" }</span>
                    <input type="range" id="scrubber" min="0" max={end.ms().to_string()} step="10" value={head.at.ms().to_string()} oninput={on_seek} aria-valuetext={seconds(head.at)} />
                </label>
            </div>
            <label class="speed"><span class="vh">{ "Speed" }</span>
                <select id="speed" onchange={on_speed}>
                    { for SPEEDS.iter().map(|&speed| html! { <option value={speed.to_string()} selected={speed == head.speed}>{ speed_text(speed) }</option> }) }
                </select>
            </label>
            <button class="btn" id="crash-strip" aria-pressed={many.open.to_string()} onclick={strip}>{ "Crash strip" }</button>
            <FaultMenu view={view.clone()} lab={lab.clone()} head={head.clone()} />
        </div>
    }
}
