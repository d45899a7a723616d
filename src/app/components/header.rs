//! The bar at the top: what is being looked at.

use crate::app::lab::{Action, Face, Lab, Panel};
use yew::{Callback, Html, Properties, UseReducerHandle, component, html};

#[derive(Properties, PartialEq)]
pub struct HeaderProps {
    pub lab: UseReducerHandle<Lab>,
}

/// Name of the run, seed and digest; the drawers' buttons where there are drawers.
#[component]
pub fn Header(props: &HeaderProps) -> Html {
    let lab = &props.lab;
    let show = |panel: Panel| {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Show(panel)))
    };
    let digest = lab.done.as_ref().map(|done| done.run.digest_text());
    html! {
        <header class="top">
            <div class="brand">
                <svg viewBox="0 0 28 20" aria-hidden="true"><path class="rail" d="M1 10H9L15 4H27M9 10L15 16H27" /><path class="route" d="M1 10H9L15 4H27" /></svg>
                { "Streamproof" }
            </div>
            <span class="what">{ lab.scenario.title.clone() }</span>
            <span class="about mono">{ lab.base_id }</span>
            <span class="about">{ format!("seed {}", lab.scenario.seed) }if let Some(digest) = digest { { " · run " }<span class="mono" id="digest" data-digest={digest.clone()}>{ digest[..8].to_string() }</span> }</span>
            <span class="space"></span>
            if lab.face == Face::Stage {
                <button class="btn quiet drawer-button" onclick={show(Panel::Lesson)} aria-expanded={(lab.panel == Panel::Lesson).to_string()} aria-controls="lesson" aria-keyshortcuts="l">{ "Lesson" }<kbd>{ "L" }</kbd></button>
                <button class="btn quiet drawer-button" onclick={show(Panel::Settings)} aria-expanded={(lab.panel == Panel::Settings).to_string()} aria-controls="settings" aria-keyshortcuts="s">{ "Settings" }<kbd>{ "S" }</kbd></button>
            }
        </header>
    }
}
