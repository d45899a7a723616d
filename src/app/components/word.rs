//! A word of the course in a text: it opens what it means, by mouse, finger and keyboard.

use super::prose;
use crate::app::learner::Wanted;
use crate::lesson::glossary::Term;
use wasm_bindgen::JsCast;
use web_sys::Node;
use yew::{
    Callback, FocusEvent, Html, KeyboardEvent, MouseEvent, PointerEvent, Properties, component,
    html, use_node_ref, use_state_eq,
};

#[derive(Properties, PartialEq)]
pub struct WordProps {
    /// As it is written here.
    pub text: String,
    pub term: Term,
    /// Leads to the lesson where it is met.
    pub on_go: Callback<Wanted>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    No,
    /// As long as the mouse is over it.
    Hovered,
    /// Until it is closed.
    Pressed,
}

/// The word as a button, and its meaning below the line.
#[component]
pub fn Word(props: &WordProps) -> Html {
    let WordProps { text, term, on_go } = props;
    let open = use_state_eq(|| Open::No);
    let press = {
        let open = open.clone();
        Callback::from(move |_: MouseEvent| {
            open.set(match *open {
                Open::Pressed => Open::No,
                _ => Open::Pressed,
            });
        })
    };
    // A finger comes as a pointer too, and then presses.
    let over = |over: Open| {
        let open = open.clone();
        Callback::from(move |event: PointerEvent| {
            if event.pointer_type() == "mouse" && *open != Open::Pressed {
                open.set(over);
            }
        })
    };
    let key = {
        let open = open.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" && *open != Open::No {
                event.stop_propagation();
                open.set(Open::No);
            }
        })
    };
    let node = use_node_ref();
    let left = {
        let (open, node) = (open.clone(), node.clone());
        Callback::from(move |event: FocusEvent| {
            let to = event.related_target();
            let to = to.and_then(|to| to.dyn_into::<Node>().ok());
            // Its own link may take the focus.
            let inside = node.get().is_some_and(|node| node.contains(to.as_ref()));
            if !inside {
                open.set(Open::No);
            }
        })
    };
    let shown = *open != Open::No;
    html! {
        <span class="word" ref={node} onpointerenter={over(Open::Hovered)} onpointerleave={over(Open::No)} onkeydown={key} onfocusout={left}>
            <button type="button" aria-expanded={shown.to_string()} onclick={press}>{ text.clone() }</button>
            if shown { { meaning(term, on_go) } }
        </span>
    }
}

/// What a term means, whose it is, and where it is met.
pub fn meaning(term: &Term, on_go: &Callback<Wanted>) -> Html {
    let lesson = Wanted::lesson(&term.lesson);
    let go = on_go.reform(move |_: MouseEvent| lesson.clone());
    let whose = match term.of.as_str() {
        "general" => String::new(),
        of => format!(" ({of})"),
    };
    html! {
        <span class="meaning" role="status">
            <strong>{ term.term.clone() }</strong>{ whose }{ ": " }{ prose::alone(&term.text) }{ " " }
            <button type="button" class="link" onclick={go}>{ format!("Met in the lesson {}", term.lesson.replace('-', " ")) }</button>
        </span>
    }
}
