//! What lies over the whole page: all keys, a question to the room, the run's QR code, and nothing at all.

use super::present::{Hands, Poll, Room};
use super::prose::coded;
use super::qr::Qr;
use crate::app::hooks::use_keys;
use crate::app::lab::{Action, Lab, Sheet};
use crate::app::link::{address, set_parameter};
use crate::app::parameter;
use crate::sim::kernel::Time;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement, HtmlInputElement, KeyboardEvent};
use yew::{
    Callback, Children, Event, Html, InputEvent, Properties, UseReducerHandle, component, html,
    use_effect_with, use_node_ref, use_state,
};

/// Every key, and what it does.
const KEYS: [(&str, &[(&str, &str)]); 4] = [
    (
        "Time",
        &[
            ("Space", "play, pause"),
            (".", "a step"),
            (",", "a step back"),
            ("Shift .", "to the next outcome"),
            ("Shift ,", "to the outcome before"),
            ("[ ]", "slower, faster"),
            ("Home End", "to the start, to the end"),
            ("T", "type a time"),
            ("O", "loop: from here, up to here, no more"),
        ],
    ),
    (
        "The run",
        &[
            ("R", "run again, same seed"),
            ("N", "run with the next seed"),
            ("F", "faults"),
            ("Shift F", "inject the armed fault here"),
            ("E", "explain the record that is followed"),
            ("C", "compare with the run before"),
            (
                "1 – 6",
                "orders sent, stored, delivered, lost, doubled, late",
            ),
            ("Q", "ask in SQL"),
            ("D", "spacetime diagram"),
            ("M", "many seeds"),
            ("K", "copy the link"),
        ],
    ),
    (
        "The page",
        &[
            ("L", "lesson"),
            ("S", "settings"),
            ("/", "search lessons, words, settings and scenarios"),
            ("?", "these keys"),
            ("Esc", "close what is open"),
        ],
    ),
    (
        "Before a room",
        &[
            ("P", "presenter mode, and back"),
            (
                "PgDn PgUp",
                "to the next step of the lesson, to the one before",
            ),
            ("H", "ask the room, count hands"),
            ("W", "second window with the notes"),
            ("B", "blank screen"),
        ],
    ),
];

#[derive(Properties, Clone, PartialEq)]
pub struct SheetsProps {
    pub lab: UseReducerHandle<Lab>,
    pub room: UseReducerHandle<Room>,
    pub poll: Poll,
    pub at: Time,
    /// Plays the run to its end.
    pub on_play: Callback<()>,
}

/// Whichever is open.
#[component]
pub fn Sheets(props: &SheetsProps) -> Html {
    let SheetsProps { lab, at, .. } = props;
    match lab.sheet {
        None => html! {},
        Some(Sheet::Blank) => html! { <Blank lab={lab.clone()} /> },
        Some(Sheet::Keys) => html! {
            <Over lab={lab.clone()} title="Keys" class="keys">
                <Switch />
                <div class="key-groups">
                    { for KEYS.iter().map(|(group, keys)| html! {
                        <section><h3>{ *group }</h3><dl>
                            { for keys.iter().map(|(key, what)| html! { <div><dt>{ for key.split(' ').map(|key| html! { <kbd>{ key }</kbd> }) }</dt><dd>{ *what }</dd></div> }) }
                        </dl></section>
                    }) }
                </div>
            </Over>
        },
        Some(Sheet::Code) => html! {
            <Over lab={lab.clone()} title="This run" class="code">
                { match lab.link(*at).write() {
                    Ok(link) => html! { <><Qr text={address(&link)} /><p class="mono">{ address(&link) }</p></> },
                    Err(reason) => html! { <p>{ "This run travels as a file: " }{ reason.to_string() }{ "." }</p> },
                } }
                if let Some(done) = &lab.done { <p>{ format!("seed {}, run ", done.scenario.seed) }<span class="mono">{ done.run.digest_text() }</span></p> }
            </Over>
        },
        Some(Sheet::Poll) => html! { <Asked ..props.clone() /> },
    }
}

#[derive(Properties, PartialEq)]
struct BlankProps {
    lab: UseReducerHandle<Lab>,
}

/// Nothing to be seen. It takes the focus, so that no button below is pressed.
#[component]
fn Blank(props: &BlankProps) -> Html {
    let button = use_node_ref();
    {
        let button = button.clone();
        use_effect_with((), move |()| {
            if let Some(button) = button.cast::<HtmlElement>() {
                let _ = button.focus();
            }
        });
    }
    let back = {
        let lab = props.lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Sheet(None)))
    };
    html! { <button class="blank" id="blank" ref={button} onclick={back} aria-label="The screen is blank. Press any key to go on."></button> }
}

#[derive(Properties, PartialEq)]
struct OverProps {
    lab: UseReducerHandle<Lab>,
    title: &'static str,
    class: &'static str,
    children: Children,
}

/// A dialog over the page, which the browser keeps the focus in.
#[component]
fn Over(props: &OverProps) -> Html {
    let dialog = use_node_ref();
    {
        let dialog = dialog.clone();
        use_effect_with((), move |()| {
            let dialog = dialog.cast::<HtmlDialogElement>();
            if let Some(dialog) = &dialog {
                let _ = dialog.show_modal();
            }
            // Closing gives the focus back to where it was.
            move || {
                if let Some(dialog) = dialog {
                    dialog.close();
                }
            }
        });
    }
    let close = {
        let lab = props.lab.clone();
        move || lab.dispatch(Action::Sheet(None))
    };
    let on_close = {
        let close = close.clone();
        Callback::from(move |_| close())
    };
    let on_cancel = Callback::from(move |event: Event| {
        event.prevent_default();
        close();
    });
    html! {
        <dialog class={format!("sheet {}", props.class)} ref={dialog} aria-label={props.title} oncancel={on_cancel}>
            <header><h2>{ props.title }</h2><button class="btn quiet" id="close-sheet" onclick={on_close}>{ "Close" }<kbd>{ "Esc" }</kbd></button></header>
            { for props.children.iter() }
        </dialog>
    }
}

/// Single keys can be turned off: who speaks to a computer, or types elsewhere, would press them by accident.
#[component]
fn Switch() -> Html {
    let on = use_state(|| parameter("keys").as_deref() != Some("0"));
    let flip = {
        let on = on.clone();
        Callback::from(move |_| {
            set_parameter("keys", on.then_some("0"));
            on.set(!*on);
        })
    };
    html! { <label class="switch"><input type="checkbox" id="single-keys" checked={*on} onchange={flip} />{ "Single keys work" }</label> }
}

/// The question to the room: hands counted by keys, buttons or typing, and after the run the truth on the same bars.
#[component]
fn Asked(props: &SheetsProps) -> Html {
    let SheetsProps {
        lab,
        room,
        poll,
        on_play,
        ..
    } = props;
    let count = {
        let (room, id) = (room.dispatcher(), poll.id.clone());
        move |option: usize, by: i32| {
            room.dispatch(Hands::Count {
                poll: id.clone(),
                option,
                by,
            });
        }
    };
    let options = poll.options.len();
    {
        let count = count.clone();
        use_keys(Callback::from(move |event: KeyboardEvent| {
            let typing = event
                .target()
                .is_some_and(|target| target.dyn_into::<HtmlInputElement>().is_ok());
            if typing || event.ctrl_key() || event.alt_key() || event.meta_key() {
                return;
            }
            let letter = event.key().to_ascii_uppercase();
            let option = (0..options).find(|&option| letter == poll_letter(option));
            if let Some(option) = option {
                count(option, if event.shift_key() { -1 } else { 1 });
                event.prevent_default();
            }
        }));
    }
    let hands = room.hands(&poll.id, options);
    let all: u32 = hands.iter().sum();
    let most = hands.iter().copied().max().unwrap_or(0).max(1);
    let shown = room.is_shown(&poll.id);
    let run = {
        let (room, lab, id, on_play) = (
            room.dispatcher(),
            lab.clone(),
            poll.id.clone(),
            on_play.clone(),
        );
        Callback::from(move |_| {
            room.dispatch(Hands::Await(id.clone()));
            lab.dispatch(Action::Sheet(None));
            on_play.emit(());
        })
    };
    let show = {
        let (room, id) = (room.dispatcher(), poll.id.clone());
        Callback::from(move |_| room.dispatch(Hands::Show(id.clone())))
    };
    let clear = {
        let (room, id) = (room.dispatcher(), poll.id.clone());
        Callback::from(move |_| room.dispatch(Hands::Clear(id.clone())))
    };
    let row = |(option, (say, right)): (usize, &(String, bool))| {
        let letter = poll_letter(option);
        let hands = hands[option];
        let typed = {
            let count = count.clone();
            Callback::from(move |event: InputEvent| {
                let input = event
                    .target()
                    .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
                let typed = input.and_then(|input| input.value().parse::<i32>().ok());
                if let Some(typed) = typed {
                    count(option, typed - hands as i32);
                }
            })
        };
        let one = |by: i32| {
            let count = count.clone();
            Callback::from(move |_| count(option, by))
        };
        let width = f64::from(hands) * 100.0 / f64::from(most);
        html! {
            <li data-truth={(shown && *right).to_string()} data-hands={hands.to_string()}>
                <p><b>{ letter.clone() }</b><span>{ coded(say) }</span>if shown && *right { <em>{ "the run shows this" }</em> }</p>
                <div class="count">
                    <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="bar" width={format!("{width:.1}")} height="10" /></svg>
                    <button class="ic" onclick={one(-1)} disabled={hands == 0} aria-label={format!("One hand less for {letter}")}>{ "−" }</button>
                    <input type="number" min="0" max="9999" value={hands.to_string()} oninput={typed} aria-label={format!("Hands for {letter}")} />
                    <button class="ic" onclick={one(1)} aria-label={format!("One hand more for {letter}")}>{ "+" }</button>
                </div>
            </li>
        }
    };
    html! {
        <Over lab={lab.clone()} title="What do you expect?" class="poll">
            <p class="question">{ coded(&poll.question) }</p>
            <ol>{ for poll.options.iter().enumerate().map(row) }</ol>
            <p class="hint">{ "Letters count one hand more, with Shift one less." }</p>
            <div class="row">
                <output aria-live="polite" id="hands">{ verdict(poll, &hands, all, shown) }</output>
                <button class="btn quiet" id="clear-hands" onclick={clear} disabled={all == 0}>{ "Clear" }</button>
                if !shown { <button class="btn" id="show-truth" onclick={show}>{ "Mark the truth" }</button> }
                <button class="btn primary" id="poll-run" onclick={run}>{ "Run it" }</button>
            </div>
        </Over>
    }
}

/// How many expected what, and after the run who was right.
fn verdict(poll: &Poll, hands: &[u32], all: u32, shown: bool) -> String {
    let right: u32 = poll
        .options
        .iter()
        .zip(hands)
        .filter(|((_, right), _)| *right)
        .map(|(_, hands)| hands)
        .sum();
    match (shown, all) {
        (_, 0) => "No hand yet.".into(),
        (false, 1) => "1 hand.".into(),
        (false, all) => format!("{all} hands."),
        (true, all) => format!("{right} of {all} expected what the run shows."),
    }
}

pub fn poll_letter(option: usize) -> String {
    char::from(b'A' + option.min(25) as u8).to_string()
}
