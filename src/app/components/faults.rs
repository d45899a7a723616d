//! The fault script: inject at the playhead, move, remove; everything also by keyboard.

use super::stage::View;
use super::timeline::{move_fault, strikes};
use crate::app::head::{Head, Move};
use crate::app::lab::{Action, Lab};
use crate::replay::explain::seconds;
use crate::share::fresh_id;
use crate::sim::fault::{FaultSpec, MENU};
use crate::sim::kernel::Time;
use crate::sim::{Scenario, cast};
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::{
    Callback, Event, Html, KeyboardEvent, Properties, UseReducerHandle, component, html, use_state,
};

#[derive(Properties, PartialEq)]
pub struct FaultMenuProps {
    pub view: View,
    pub lab: UseReducerHandle<Lab>,
    pub head: UseReducerHandle<Head>,
}

/// The faults of the menu that a scenario has a host or a link for, each where it strikes if nothing else is said.
fn placeable(scenario: &Scenario) -> Vec<&'static str> {
    let cast = cast(scenario);
    let accepted = |name: &str| {
        let spec = FaultSpec {
            name: name.to_string(),
            at: Some(0),
            ..FaultSpec::default()
        };
        spec.lower("fault", &cast).is_ok()
    };
    let names = MENU.iter().map(|entry| entry.name);
    names.filter(|name| accepted(name)).collect()
}

fn value(event: &Event) -> Option<String> {
    let target = event.target()?;
    target
        .clone()
        .dyn_into::<HtmlSelectElement>()
        .map(|select| select.value())
        .or_else(|_| {
            target
                .dyn_into::<HtmlInputElement>()
                .map(|input| input.value())
        })
        .ok()
}

/// Adds a fault at the playhead, and runs again; by determinism the past does not move.
pub fn inject(lab: &UseReducerHandle<Lab>, head: &Head, name: &str) {
    let spec = FaultSpec {
        name: name.to_string(),
        at: Some(head.at.ms()),
        ..FaultSpec::default()
    };
    let id = fresh_id(name, |id| lab.scenario.faults.contains_key(id));
    lab.dispatch(Action::PutFault(id, Box::new(spec)));
    lab.dispatch(Action::Rerun);
}

/// The button that injects the chosen fault, and the script as a list.
#[component]
pub fn FaultMenu(props: &FaultMenuProps) -> Html {
    let FaultMenuProps { view, lab, head } = props;
    let open = use_state(|| false);
    let toggle = {
        let open = open.clone();
        Callback::from(move |_| open.set(!*open))
    };
    let offered = if *open {
        placeable(&lab.scenario)
    } else {
        Vec::new()
    };
    // Another engine has other faults.
    let fits = offered.iter().find(|&&name| lab.armed == Some(name));
    let armed = fits.or(offered.first()).copied().unwrap_or_default();
    let on_arm = {
        let lab = lab.clone();
        Callback::from(move |event: Event| {
            let name = value(&event).and_then(|name| MENU.iter().find(|entry| entry.name == name));
            if let Some(entry) = name {
                lab.dispatch(Action::Arm(entry.name));
            }
        })
    };
    let strike = {
        let (lab, head) = (lab.clone(), head.clone());
        Callback::from(move |_| {
            lab.dispatch(Action::Arm(armed));
            inject(&lab, &head, armed);
        })
    };
    let on_escape = {
        let open = open.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" {
                open.set(false);
            }
        })
    };
    let plain = |name: &str| {
        MENU.iter()
            .find(|entry| entry.name == name)
            .map_or("", |entry| entry.plain)
    };
    html! {
        <div class="faults">
            <button class="btn" id="faults" onclick={toggle} aria-expanded={open.to_string()} aria-controls="fault-panel" aria-keyshortcuts="f">{ "Faults" }<kbd>{ "F" }</kbd></button>
            if *open {
                <section class="fault-panel" id="fault-panel" aria-label="Faults" onkeydown={on_escape}>
                    <h2>{ "Inject a fault" }</h2>
                    <div class="row">
                        <label><span class="vh">{ "Which fault" }</span>
                            <select id="fault-kind" onchange={on_arm}>
                                { for offered.iter().map(|&name| html! { <option value={name} selected={name == armed}>{ name }</option> }) }
                            </select>
                        </label>
                        <button class="btn primary" id="inject" onclick={strike}>{ format!("Inject at {}", seconds(head.at)) }</button>
                    </div>
                    <p>{ format!("{}.", capital(plain(armed))) }</p>
                    <h2>{ "In this run" }</h2>
                    if lab.scenario.faults.is_empty() { <p>{ "No fault is planned." }</p> }
                    <ul>{ for strikes(view, lab).into_iter().map(|(id, at, struck)| html! { <FaultRow {id} {at} {struck} lab={lab.clone()} head={head.clone()} /> }) }</ul>
                </section>
            }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct FaultRowProps {
    id: String,
    at: Time,
    struck: bool,
    lab: UseReducerHandle<Lab>,
    head: UseReducerHandle<Head>,
}

/// One fault of the script: when it struck, a field to move it, a button to take it out.
#[component]
fn FaultRow(props: &FaultRowProps) -> Html {
    let FaultRowProps {
        id,
        at,
        struck,
        lab,
        head,
    } = props;
    let Some(spec) = lab.scenario.faults.get(id) else {
        return html! {};
    };
    let remove = {
        let (lab, id) = (lab.clone(), id.clone());
        Callback::from(move |_| {
            lab.dispatch(Action::RemoveFault(id.clone()));
            lab.dispatch(Action::Rerun);
        })
    };
    let on_move = {
        let (lab, id) = (lab.clone(), id.clone());
        Callback::from(move |event: Event| {
            if let Some(ms) = value(&event).and_then(|value| value.trim().parse::<u64>().ok()) {
                move_fault(&lab, &id, Time::from_ms(ms));
            }
        })
    };
    let seek = {
        let (head, at) = (head.clone(), *at);
        Callback::from(move |_| head.dispatch(Move::Seek(at)))
    };
    let when = if *struck {
        format!("struck at {}", seconds(*at))
    } else {
        format!("planned: {}", super::scene::planned_when(spec))
    };
    html! {
        <li>
            <div class="row"><code>{ spec.name.clone() }</code><code>{ spec.place.clone().unwrap_or_default() }</code>{ spec.partition.map(|partition| format!("partition {partition}")) }</div>
            <div class="row">
                <button class="link" onclick={seek}>{ when }</button>
                <label>{ "at " }<input type="number" min="0" step="10" value={at.ms().to_string()} onchange={on_move} aria-label={format!("{id}: when, in ms")} />{ " ms" }</label>
                <button class="btn" onclick={remove} aria-label={format!("Remove {id}")}>{ "Remove" }</button>
            </div>
        </li>
    }
}

fn capital(text: &str) -> String {
    let mut words = text.to_string();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;

    fn scenario(id: &str) -> Scenario {
        catalog::find(id).expect("a preset").scenario()
    }

    #[test]
    fn every_fault_of_the_menu_is_placed_somewhere_and_only_where_it_strikes() {
        let mut placed: Vec<&str> = Vec::new();
        for id in [
            "order-billing",
            "flink-no-commit",
            "zombie-consumer",
            "read-optimized-view",
        ] {
            let own = placeable(&scenario(id));
            let engine = |kind: &str| own.iter().any(|name| name.starts_with(kind));
            assert_eq!(
                engine("driver."),
                ["order-billing", "read-optimized-view"].contains(&id)
            );
            assert_eq!(engine("task."), id == "flink-no-commit");
            assert_eq!(engine("consumer."), id == "zombie-consumer");
            placed.extend(own);
        }
        let missing = MENU.iter().map(|entry| entry.name);
        let missing: Vec<&str> = missing.filter(|name| !placed.contains(name)).collect();
        assert_eq!(missing, [""; 0]);
    }
}
