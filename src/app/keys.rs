//! The keyboard: every step of a run without a mouse.

use super::components::faults::inject;
use super::components::transport::Command;
use super::head::{Head, Move};
use super::lab::{Action, Beside, Face, Lab, Notice, Panel, Sheet};
use super::link::{address, copy};
use super::parameter;
use crate::replay::playhead::{next_step, previous_step};
use crate::sim::kernel::Time;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent};
use yew::{Callback, UseReducerHandle};

/// Whether the key belongs to the element that has the focus.
fn is_taken(event: &KeyboardEvent) -> bool {
    if event.default_prevented() || event.ctrl_key() || event.meta_key() || event.alt_key() {
        return true;
    }
    let Some(element) = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok())
    else {
        return false;
    };
    match element.tag_name().as_str() {
        "INPUT" | "SELECT" | "TEXTAREA" => event.key() != "Escape",
        "BUTTON" | "A" | "SUMMARY" => matches!(event.key().as_str(), " " | "Enter"),
        _ => false,
    }
}

/// What a key does on the stage.
pub fn on_key(lab: UseReducerHandle<Lab>, head: UseReducerHandle<Head>) -> Callback<KeyboardEvent> {
    Callback::from(move |event: KeyboardEvent| {
        // A course page may want its keys for itself.
        let off = || parameter("keys").as_deref() == Some("0");
        if is_taken(&event) || off() {
            return;
        }
        if event.key() == "/" {
            event.prevent_default();
            press("course");
            return;
        }
        if lab.face != Face::Stage {
            return;
        }
        // What lies over everything has keys of its own, and one to go away.
        if let Some(sheet) = lab.sheet {
            if sheet == Sheet::Blank || event.key() == "Escape" {
                lab.dispatch(Action::Sheet(None));
                event.prevent_default();
            }
            return;
        }
        let presenting = lab.presenting == Some(true);
        let travel = |command| {
            if let Some(order) = travel(&lab, &head, command) {
                head.dispatch(order);
            }
        };
        match event.key().as_str() {
            " " => travel(Command::PlayPause),
            // Shift and the full stop give another character on every keyboard.
            "." | ">" | ":" if event.shift_key() => travel(Command::NextOutcome),
            "." => travel(Command::Step),
            "," | "<" | ";" if event.shift_key() => travel(Command::PreviousOutcome),
            "," => travel(Command::StepBack),
            "Home" => travel(Command::Start),
            "End" => travel(Command::End),
            "[" => head.dispatch(Move::Speed(head.shifted(false))),
            "]" => head.dispatch(Move::Speed(head.shifted(true))),
            "r" | "R" => lab.dispatch(Action::Run),
            "n" | "N" => lab.dispatch(Action::NextSeed),
            "o" | "O" => travel(Command::Loop),
            "t" | "T" => press("clock"),
            "c" | "C" => press("compare"),
            "k" | "K" => share(&lab, head.at),
            "p" | "P" => lab.dispatch(Action::Present(!presenting)),
            "b" | "B" => lab.dispatch(Action::Sheet(Some(Sheet::Blank))),
            "?" => lab.dispatch(Action::Sheet(Some(Sheet::Keys))),
            "w" | "W" if presenting => press("speaker"),
            "h" | "H" if presenting => lab.dispatch(Action::Sheet(Some(Sheet::Poll))),
            // What a clicker sends.
            "PageDown" if presenting => press("next-step"),
            "PageUp" if presenting => press("previous-step"),
            "q" | "Q" => lab.dispatch(Action::Query(lab.querying != Some(true))),
            "d" | "D" => lab.dispatch(Action::Beside(Beside::Spacetime)),
            "m" | "M" => lab.dispatch(Action::Beside(Beside::Seeds)),
            "e" | "E" => {
                if let Some(order) = lab.followed(head.at) {
                    lab.dispatch(Action::Select(Some(order)));
                    lab.dispatch(Action::Explain(!lab.explaining));
                }
            }
            "F" if event.shift_key() => match lab.armed {
                Some(fault) => inject(&lab, &head, fault),
                None => press("faults"),
            },
            "f" | "F" => press("faults"),
            "l" | "L" => lab.dispatch(Action::Show(Panel::Lesson)),
            "s" | "S" => lab.dispatch(Action::Show(Panel::Settings)),
            "Escape" => {
                lab.dispatch(Action::Explain(false));
                lab.dispatch(Action::List(None));
                lab.dispatch(Action::Card(None));
                if lab.querying == Some(true) {
                    lab.dispatch(Action::Query(false));
                }
                if let Some(beside) = lab.beside {
                    lab.dispatch(Action::Beside(beside));
                }
                if matches!(lab.panel, Panel::Lesson | Panel::Settings) {
                    lab.dispatch(Action::Show(Panel::None));
                }
            }
            digit @ ("1" | "2" | "3" | "4" | "5" | "6") => {
                let counter = ["sent", "stored", "delivered", "lost", "duplicates", "late"]
                    [digit.parse::<usize>().unwrap_or(1) - 1];
                lab.dispatch(Action::List(Some(counter)));
            }
            _ => return,
        }
        event.prevent_default();
    })
}

/// Where the playhead goes.
pub fn travel(lab: &Lab, head: &Head, command: Command) -> Option<Move> {
    let run = &lab.done.as_ref()?.run;
    let trace = run.trace.as_ref()?;
    let end = run.end;
    Some(match command {
        Command::PlayPause if head.playing => Move::Pause,
        // Played to the end, play begins anew.
        Command::PlayPause if head.at >= end => Move::Restart { stop: end },
        Command::PlayPause => Move::Play { stop: end },
        Command::StepBack => Move::Seek(previous_step(trace, head.at)),
        Command::Step => Move::Seek(next_step(trace, head.at, end).min(end)),
        Command::NextOutcome => Move::Seek(
            run.outcomes
                .iter()
                .map(|outcome| outcome.at)
                .find(|&at| at > head.at)
                .unwrap_or(end),
        ),
        Command::PreviousOutcome => Move::Seek(
            run.outcomes
                .iter()
                .rev()
                .map(|outcome| outcome.at)
                .find(|&at| at < head.at)
                .unwrap_or(Time::ZERO),
        ),
        Command::Start => Move::Seek(Time::ZERO),
        Command::End => Move::Seek(end),
        Command::Loop => Move::Loop { end },
    })
}

/// The run's link, on the clipboard and to be seen.
pub fn share(lab: &UseReducerHandle<Lab>, at: Time) {
    let link = lab.link(at).write();
    if let Ok(link) = &link {
        copy(address(link));
    }
    lab.dispatch(Action::Notice(Some(Notice::Share(link))));
}

fn element(selector: &str) -> Option<HtmlElement> {
    let document = web_sys::window().and_then(|window| window.document())?;
    document.query_selector(selector).ok()??.dyn_into().ok()
}

/// Presses a button by its id.
pub fn press(id: &str) {
    if let Some(button) = element(&["#", id].concat()) {
        button.click();
    }
}
