//! The bar at the top: what is being looked at.

use super::theme::Themes;
use crate::app::keys;
use crate::app::lab::{Action, Beside, Face, Lab, Panel, Sheet};
use crate::sim::catalog::{self, Preset};
use crate::sim::kernel::Time;
use wasm_bindgen::JsCast;
use web_sys::HtmlSelectElement;
use yew::{
    Callback, Event, Html, Properties, UseReducerHandle, component, html, use_memo, use_state_eq,
};

#[derive(Properties, PartialEq)]
pub struct HeaderProps {
    pub lab: UseReducerHandle<Lab>,
    /// Where the playhead is; zero while it moves.
    pub at: Time,
    /// The decision framework is open.
    pub deciding: bool,
    pub on_decide: Callback<bool>,
    /// Opens the list of lessons.
    pub on_browse: Callback<bool>,
}

/// Name of the run, seed and digest; the drawers' buttons where there are drawers.
#[component]
pub fn Header(props: &HeaderProps) -> Html {
    let lab = &props.lab;
    let show = |panel: Panel| {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Show(panel)))
    };
    let share = {
        let (lab, at) = (lab.clone(), props.at);
        Callback::from(move |_| keys::share(&lab, at))
    };
    let act = |action: fn() -> Action| {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(action()))
    };
    let decide = {
        let (on_decide, open) = (props.on_decide.clone(), !props.deciding);
        Callback::from(move |_| on_decide.emit(open))
    };
    let query = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Query(lab.querying != Some(true))))
    };
    let beside = |what: Beside, id: &'static str, words: &'static str, key: &'static str| {
        let on_click = {
            let lab = lab.clone();
            Callback::from(move |_| lab.dispatch(Action::Beside(what)))
        };
        html! { <button class="btn quiet" {id} onclick={on_click} aria-expanded={(lab.beside == Some(what)).to_string()} aria-keyshortcuts={key}>{ words }<kbd>{ key }</kbd></button> }
    };
    // Side by side where there is room, else behind one button.
    let tools = use_state_eq(|| false);
    let toggle = |open: bool| {
        let tools = tools.clone();
        Callback::from(move |_| tools.set(open))
    };
    let digest = lab.done.as_ref().map(|done| done.run.digest_text());
    html! {
        <header class="top">
            <div class="brand">
                <svg viewBox="0 0 28 20" aria-hidden="true"><path class="rail" d="M1 10H9L15 4H27M9 10L15 16H27" /><path class="route" d="M1 10H9L15 4H27" /></svg>
                { "Streamproof" }
            </div>
            if lab.face == Face::Stage {
                <Presets lab={lab.clone()} />
            } else {
                <span class="what">{ lab.scenario.title.clone() }</span>
            }
            <span class="about mono">{ lab.base_id }</span>
            <span class="about">{ format!("seed {}", lab.scenario.seed) }if let Some(digest) = digest { { " · run " }<span class="mono" id="digest" data-digest={digest.clone()}>{ digest[..8].to_string() }</span> }</span>
            <span class="space"></span>
            <div class="tools" data-open={tools.to_string()}>
                <button class="btn quiet tools-button" id="tools" onclick={toggle(!*tools)} aria-expanded={tools.to_string()}>{ "Tools" }</button>
                <div onclick={toggle(false)}>
                    <button class="btn quiet" id="course" onclick={props.on_browse.reform(|_| true)} aria-haspopup="dialog" aria-keyshortcuts="/">{ "Course" }<kbd>{ "/" }</kbd></button>
                    <a class="btn quiet lab-link" href="./event-time.html">{ "Event-time lab" }</a>
                    if lab.face == Face::Stage {
                        <button class="btn quiet" id="decide" onclick={decide} aria-pressed={props.deciding.to_string()}>{ "Decide" }</button>
                        <button class="btn quiet" id="query" onclick={query} aria-expanded={(lab.querying == Some(true)).to_string()} aria-keyshortcuts="q">{ "SQL" }<kbd>{ "Q" }</kbd></button>
                        <button class="btn quiet" id="present" onclick={act(|| Action::Present(true))} aria-keyshortcuts="p">{ "Present" }<kbd>{ "P" }</kbd></button>
                        <button class="btn quiet" id="keys" onclick={act(|| Action::Sheet(Some(Sheet::Keys)))} aria-keyshortcuts="?">{ "Keys" }<kbd>{ "?" }</kbd></button>
                        { beside(Beside::Spacetime, "spacetime", "Spacetime", "D") }
                        { beside(Beside::Seeds, "seeds", "Seeds", "M") }
                    }
                    <Themes />
                </div>
            </div>
            if lab.face == Face::Stage {
                <button class="btn quiet" id="share" onclick={share}>{ "Share" }</button>
                <button class="btn quiet drawer-button" onclick={show(Panel::Lesson)} aria-expanded={(lab.panel == Panel::Lesson).to_string()} aria-controls="lesson" aria-keyshortcuts="l">{ "Lesson" }<kbd>{ "L" }</kbd></button>
                <button class="btn quiet drawer-button" onclick={show(Panel::Settings)} aria-expanded={(lab.panel == Panel::Settings).to_string()} aria-controls="settings" aria-keyshortcuts="s">{ "Settings" }<kbd>{ "S" }</kbd></button>
            }
        </header>
    }
}

#[derive(Properties, PartialEq)]
struct PresetsProps {
    lab: UseReducerHandle<Lab>,
}

/// The named scenarios, by what they are about.
#[component]
fn Presets(props: &PresetsProps) -> Html {
    let lab = &props.lab;
    let on_change = {
        let lab = lab.clone();
        Callback::from(move |event: Event| {
            let select = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlSelectElement>().ok());
            if let Some(preset) = select.and_then(|select| catalog::find(&select.value())) {
                lab.dispatch(Action::Preset(preset));
            }
        })
    };
    // Reading them all takes a moment.
    let titles = use_memo((), |()| {
        catalog::all()
            .iter()
            .map(Preset::title)
            .collect::<Vec<String>>()
    });
    let mut groups: Vec<&'static str> = catalog::all().iter().map(|preset| preset.group).collect();
    groups.dedup();
    html! {
        <select id="scenario" class="what" aria-label="Scenario" onchange={on_change}>
            { for groups.into_iter().map(|group| html! {
                <optgroup label={group}>
                    { for catalog::all().iter().zip(titles.iter()).filter(|(preset, _)| preset.group == group).map(|(preset, title)| html! {
                        <option value={preset.id} selected={preset.id == lab.base_id}>{ title.clone() }</option>
                    }) }
                </optgroup>
            }) }
        </select>
    }
}
