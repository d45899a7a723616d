//! Presenter mode: one bar over a large picture, the lesson's steps as slides, hands of the room, and a second window with the
//! speaker's notes.
//!
//! The second window is `speaker.html` and asks for what it shows through its `opener`, once a second and with every press;
//! what it asks for is one of a closed list of words, and only from this page's own origin.

use super::sheets::{Sheets, poll_letter};
use super::theme::Themes;
use super::transport::Command;
use crate::app::head::{Head, Move};
use crate::app::keys::{press, travel};
use crate::app::lab::{Action, Lab, Panel, Sheet};
use crate::app::learner::Slide;
use crate::lesson::{AskKind, Block, Inline, Lesson, Part, Step, StepKind};
use crate::replay::explain::{newest, seconds};
use crate::sim::json::Text;
use crate::sim::kernel::Time;
use crate::sim::ordered::{OrdMap, OrdSet};
use gloo::events::EventListener;
use serde_json::{Value, json};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{HtmlElement, MessageEvent, PointerEvent, Window};
use yew::{
    Callback, Html, Properties, Reducible, UseReducerHandle, component, html, use_effect_with,
    use_mut_ref, use_node_ref, use_reducer_eq, use_state_eq,
};

/// The mark of messages between the two windows, as `static/speaker.js` has it.
const MARK: &str = "streamproof-speaker";

#[derive(Properties, Clone, PartialEq)]
pub struct PresentProps {
    pub lab: UseReducerHandle<Lab>,
    pub head: UseReducerHandle<Head>,
    /// The lesson that is open, and its step.
    pub slide: Option<Slide>,
    /// The run was shown up to its outcome.
    pub watched: bool,
}

/// A question to the room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Poll {
    pub id: String,
    pub question: String,
    /// What may be expected, and whether the run shows it.
    pub options: Vec<(String, bool)>,
}

/// What the room expected.
#[derive(Clone, Default, PartialEq)]
pub struct Room {
    hands: OrdMap<String, Vec<u32>>,
    /// Polls whose truth is marked.
    shown: OrdSet<String>,
    /// The poll whose run is being watched.
    awaited: Option<String>,
}

pub enum Hands {
    /// So many hands more, or fewer.
    Count {
        poll: String,
        option: usize,
        by: i32,
    },
    /// Its run begins.
    Await(String),
    /// The run that was awaited has shown its outcome.
    Seen,
    Show(String),
    Clear(String),
}

impl Reducible for Room {
    type Action = Hands;

    fn reduce(self: Rc<Self>, action: Hands) -> Rc<Self> {
        /// As many as one lecture hall holds.
        const MOST: u32 = 9_999;
        let mut room = (*self).clone();
        match action {
            Hands::Count { poll, option, by } => {
                let hands = room.hands.entry(poll).or_default();
                if hands.len() <= option {
                    hands.resize(option + 1, 0);
                }
                hands[option] = hands[option].saturating_add_signed(by).min(MOST);
            }
            Hands::Await(poll) => room.awaited = Some(poll),
            Hands::Seen => room.shown.extend(room.awaited.take()),
            Hands::Show(poll) => {
                room.shown.insert(poll);
            }
            Hands::Clear(poll) => {
                room.hands.remove(&poll);
                room.shown.remove(&poll);
            }
        }
        Rc::new(room)
    }
}

impl Room {
    /// Hands by option.
    pub fn hands(&self, poll: &str, options: usize) -> Vec<u32> {
        let mut hands = self.hands.get(poll).cloned().unwrap_or_default();
        hands.resize(options, 0);
        hands
    }

    pub fn is_shown(&self, poll: &str) -> bool {
        self.shown.contains(poll)
    }
}

/// The question of this step, or the nearest one; where a lesson asks none, what the run at hand will show.
fn poll(lesson: Option<(&Lesson, usize)>, lab: &Lab) -> Poll {
    let asked = lesson.and_then(|(lesson, step)| {
        let before = (0..=step).rev();
        let mut near = before.chain(step + 1..lesson.steps.len());
        let choice = |step: usize| {
            let asks = lesson.steps[step]
                .parts
                .iter()
                .filter_map(|part| match part {
                    Part::Ask(ask) => Some(ask),
                    _ => None,
                });
            asks.filter_map(|ask| match &ask.kind {
                AskKind::Choice(options) => Some((ask, options)),
                _ => None,
            })
            .next()
        };
        near.find(|&step| lesson.steps[step].kind == StepKind::Predict && choice(step).is_some())
            .and_then(choice)
    });
    if let Some((ask, options)) = asked {
        return Poll {
            id: ask.id.clone(),
            question: ask.ask.clone(),
            options: options
                .iter()
                .map(|option| (option.say.clone(), option.right))
                .collect(),
        };
    }
    let verdict = lab.done.as_ref().map(|done| &done.run.verdict);
    let doubled = verdict.is_some_and(|verdict| verdict.dup > 0);
    let lost = verdict.is_some_and(|verdict| verdict.counts.lost > 0);
    let all = verdict.is_some() && !lab.stale;
    Poll {
        id: lab.base_id.to_string(),
        question: "What will have become of the orders when this run ends?".into(),
        options: [
            ("Each is in the table once", !doubled && !lost),
            ("Some are there twice, none is lost", doubled && !lost),
            ("Some are lost, none is there twice", !doubled && lost),
            ("Some are lost and some are there twice", doubled && lost),
        ]
        .map(|(say, right)| (say.to_string(), right && all))
        .to_vec(),
    }
}

/// The bar, and what lies over the page.
#[component]
pub fn Present(props: &PresentProps) -> Html {
    let PresentProps {
        lab,
        head,
        slide,
        watched,
    } = props;
    let presenting = lab.presenting == Some(true);
    let room = use_reducer_eq(Room::default);
    let lesson = slide.as_ref().map(|(loaded, step)| (&loaded.lesson, *step));
    let poll = poll(lesson, lab);
    {
        let (room, shown) = (room.dispatcher(), *watched && !head.playing);
        use_effect_with(shown, move |&shown| {
            if shown {
                room.dispatch(Hands::Seen);
            }
        });
    }
    {
        // A step to be read is shown as a slide; one to be watched shows the picture.
        let (lab, kind) = (
            lab.clone(),
            lesson.map(|(lesson, step)| lesson.steps[step].kind),
        );
        let before = use_mut_ref(|| None::<usize>);
        use_effect_with(lesson.map(|(_, step)| step), move |&step| {
            // The first one that is there was not gone to.
            let first = before.replace(step).is_none();
            let watch = matches!(
                kind,
                None | Some(StepKind::Run | StepKind::Task | StepKind::Gauntlet)
            );
            if lab.presenting == Some(true) && !first && watch == (lab.panel == Panel::Lesson) {
                lab.dispatch(Action::Show(Panel::Lesson));
            }
        });
    }
    let on_play = {
        let (lab, head) = (lab.clone(), head.clone());
        Callback::from(move |()| {
            head.dispatch(Move::Seek(Time::ZERO));
            if lab.stale {
                lab.dispatch(Action::Run);
            } else {
                head.dispatch(Move::Restart {
                    stop: lab.first_stop(),
                });
            }
        })
    };
    let caption = lab
        .done
        .as_ref()
        .and_then(|done| newest(done.run.trace.as_ref()?, head.at));
    let caption = caption.map_or_else(
        || "Nothing has happened yet.".to_string(),
        |(at, words)| format!("{} {words}", seconds(at)),
    );
    let window = use_speaker(props, &poll, &caption);
    let sheet = |sheet: Sheet| {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Sheet(Some(sheet))))
    };
    let by_id = |id: &'static str| Callback::from(move |_| press(id));
    let leave = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Present(false)))
    };
    let to_lesson = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Show(Panel::Lesson)))
    };
    html! {
        <>
            if presenting {
                <nav class="presenter" aria-label="Presentation">
                    if let Some((lesson, step)) = lesson {
                        <span class="slides" role="group" aria-label="Slides">
                            <button class="ic" id="slide-back" onclick={by_id("previous-step")} disabled={step == 0} aria-label="Step before" aria-keyshortcuts="PageUp"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M11 3v10L4 8z" /></svg></button>
                            <button class="btn quiet" id="slide" onclick={to_lesson} aria-expanded={(lab.panel == Panel::Lesson).to_string()} aria-controls="lesson" aria-keyshortcuts="l"><b>{ format!("{} of {}", step + 1, lesson.steps.len()) }</b><span>{ lesson.steps[step].heading.clone() }</span></button>
                            <button class="ic" id="slide-next" onclick={by_id("next-step")} disabled={step + 1 == lesson.steps.len()} aria-label="Next step" aria-keyshortcuts="PageDown"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5 3v10l7-5z" /></svg></button>
                        </span>
                    }
                    <span class="space"></span>
                    if !room.hands(&poll.id, poll.options.len()).iter().all(|&hands| hands == 0) { <span class="chip" id="poll-chip">{ chip(&poll, &room) }</span> }
                    <button class="btn quiet" id="poll" onclick={sheet(Sheet::Poll)} aria-keyshortcuts="h">{ "Hands" }<kbd>{ "H" }</kbd></button>
                    <button class="btn quiet" id="code" onclick={sheet(Sheet::Code)}>{ "QR" }</button>
                    <button class="btn quiet" id="speaker" onclick={window.open} aria-keyshortcuts="w">{ "Notes" }<kbd>{ "W" }</kbd></button>
                    <button class="btn quiet" id="to-blank" onclick={sheet(Sheet::Blank)} aria-keyshortcuts="b">{ "Blank" }<kbd>{ "B" }</kbd></button>
                    <button class="btn quiet" id="to-keys" onclick={sheet(Sheet::Keys)} aria-keyshortcuts="?" aria-label="Keys"><kbd>{ "?" }</kbd></button>
                    <Themes />
                    <button class="btn" id="leave" onclick={leave} aria-keyshortcuts="p">{ "Leave" }<kbd>{ "P" }</kbd></button>
                </nav>
                if window.blocked { <p class="blocked" role="alert">{ "The browser did not open the second window. Allow pop-up windows for this page, then press W again." }</p> }
                <p class="caption"><output aria-live="off">{ caption }</output></p>
                <Ring />
            }
            <Sheets lab={lab.clone()} room={room.clone()} {poll} at={head.at} {on_play} />
        </>
    }
}

/// The hands in one line: "A 3, B 11; the run shows B".
fn chip(poll: &Poll, room: &Room) -> String {
    let hands = room.hands(&poll.id, poll.options.len());
    let each: Vec<String> = hands
        .iter()
        .enumerate()
        .map(|(option, hands)| format!("{} {hands}", poll_letter(option)))
        .collect();
    let right = poll.options.iter().position(|(_, right)| *right);
    match right.filter(|_| room.is_shown(&poll.id)) {
        Some(right) => format!("{}; the run shows {}", each.join(", "), poll_letter(right)),
        None => each.join(", "),
    }
}

/// A ring around the pointer, so that the last row sees what is pointed at.
#[component]
fn Ring() -> Html {
    let ring = use_node_ref();
    {
        let ring = ring.clone();
        use_effect_with((), move |()| {
            let listener = web_sys::window().map(|window| {
                EventListener::new(&window, "pointermove", move |event| {
                    let Some(event) = event.dyn_ref::<PointerEvent>() else {
                        return;
                    };
                    if let Some(ring) = ring.cast::<HtmlElement>() {
                        let place =
                            format!("translate({}px, {}px)", event.client_x(), event.client_y());
                        // The policy allows no style attribute; through the object model it may be set.
                        let _ = ring.style().set_property("transform", &place);
                        let _ = ring.set_attribute("data-seen", "true");
                    }
                })
            });
            move || drop(listener)
        });
    }
    html! { <div class="ring-pointer" ref={ring} aria-hidden="true"></div> }
}

/// The second window, as the bar needs it.
struct Speaker {
    open: Callback<yew::MouseEvent>,
    blocked: bool,
}

/// Keeps the second window up to date, and does what it asks for.
#[yew::hook]
fn use_speaker(props: &PresentProps, poll: &Poll, caption: &str) -> Speaker {
    let PresentProps {
        lab, head, slide, ..
    } = props;
    let window = use_mut_ref(|| None::<Window>);
    let blocked = use_state_eq(|| false);
    let state = use_mut_ref(String::new);
    let newest = use_mut_ref(|| (lab.clone(), head.clone()));
    *newest.borrow_mut() = (lab.clone(), head.clone());
    let shown = (
        slide.clone(),
        // While it plays, five times a second.
        if head.playing {
            head.at.ms() / 200
        } else {
            head.at.micros()
        },
        head.playing,
        lab.done.clone(),
        (lab.sheet, lab.panel, lab.presenting),
        poll.clone(),
    );
    {
        let (state, window) = (state.clone(), window.clone());
        let (lab, head, slide) = (lab.clone(), head.clone(), slide.clone());
        let caption = caption.to_string();
        use_effect_with(shown, move |(.., poll)| {
            // Nobody listens until a second window was opened or has asked.
            *state.borrow_mut() = told(&lab, &head, slide.as_ref(), poll, &caption);
            if let Some(window) = &*window.borrow() {
                send(window, &state.borrow());
            }
        });
    }
    {
        let (state, window) = (state.clone(), window.clone());
        use_effect_with((), move |()| {
            let listener = web_sys::window().map(|page| {
                let origin = page.location().origin().unwrap_or_default();
                EventListener::new(&page, "message", move |event| {
                    let Some(event) = event.dyn_ref::<MessageEvent>() else {
                        return;
                    };
                    let word = event.data().as_string();
                    let Some(word) = word.as_deref().and_then(|word| word.strip_prefix(MARK))
                    else {
                        return;
                    };
                    if event.origin() != origin {
                        return;
                    }
                    // A page that was loaded again does not know its window any more.
                    if let Some(source) = event.source() {
                        *window.borrow_mut() = Some(source.unchecked_into());
                    }
                    let (lab, head) = newest.borrow().clone();
                    obey(&lab, &head, word.trim());
                    if let Some(window) = &*window.borrow() {
                        send(window, &state.borrow());
                    }
                })
            });
            move || drop(listener)
        });
    }
    let open = {
        let blocked = blocked.clone();
        Callback::from(move |_| {
            let opened = web_sys::window().and_then(|page| {
                let place = "popup,width=760,height=820";
                page.open_with_url_and_target_and_features("./speaker.html", MARK, place)
                    .ok()
                    .flatten()
            });
            blocked.set(opened.is_none());
            *window.borrow_mut() = opened;
        })
    };
    Speaker {
        open,
        blocked: *blocked,
    }
}

fn send(window: &Window, state: &str) {
    let origin = web_sys::window().and_then(|page| page.location().origin().ok());
    let text = JsValue::from_str(&[MARK, " ", state].concat());
    // A window that was closed hears nothing.
    let _ = window.post_message(&text, &origin.unwrap_or_default());
}

/// What the second window may ask for.
fn obey(lab: &UseReducerHandle<Lab>, head: &UseReducerHandle<Head>, word: &str) {
    let go = |command| {
        if let Some(order) = travel(lab, head, command) {
            head.dispatch(order);
        }
    };
    match word {
        "next" => press("next-step"),
        "back" => press("previous-step"),
        "play" => go(Command::PlayPause),
        "step" => go(Command::Step),
        "step-back" => go(Command::StepBack),
        "outcome" => go(Command::NextOutcome),
        "start" => go(Command::Start),
        "slide" => lab.dispatch(Action::Show(Panel::Lesson)),
        "blank" | "poll" => {
            let sheet = if word == "blank" {
                Sheet::Blank
            } else {
                Sheet::Poll
            };
            let open = lab.sheet != Some(sheet);
            lab.dispatch(Action::Sheet(open.then_some(sheet)));
        }
        // "hello": whoever asks is answered.
        _ => {}
    }
}

/// What the second window shows, as JSON; `static/speaker.js` reads it.
fn told(lab: &Lab, head: &Head, slide: Option<&Slide>, poll: &Poll, caption: &str) -> String {
    let step = |lesson: &Lesson, number: usize| {
        lesson.steps.get(number).map(|step| {
            json!({
                "kind": step.kind.word(), "heading": step.heading, "notes": notes(step),
            })
        })
    };
    let lesson = slide.map(|(loaded, number)| {
        let lesson = &loaded.lesson;
        json!({
            "title": lesson.title, "number": number + 1, "of": lesson.steps.len(),
            "step": step(lesson, *number), "next": step(lesson, number + 1),
            "notes": lesson.steps.iter().flat_map(notes).collect::<Vec<_>>(),
        })
    });
    let options: Vec<Value> = poll
        .options
        .iter()
        .map(|(say, right)| json!([say, right]))
        .collect();
    let end = lab.end();
    Text(&json!({
        "lesson": lesson,
        "scenario": lab.scenario.title,
        "at": seconds(head.at), "end": seconds(end), "playing": head.playing,
        "caption": caption,
        "question": poll.question, "options": options,
        "blank": lab.sheet == Some(Sheet::Blank), "slide": lab.panel == Panel::Lesson,
        "presenting": lab.presenting == Some(true),
    }))
    .to_string()
}

/// The speaker's notes of a step as pairs of an element's name and what is in it.
fn notes(step: &Step) -> Vec<Value> {
    let blocks = step.parts.iter().filter_map(|part| match part {
        Part::Notes(blocks) => Some(blocks),
        _ => None,
    });
    blocks.flatten().map(block).collect()
}

fn block(block: &Block) -> Value {
    match block {
        Block::Paragraph(inner) => json!(["p", inlines(inner)]),
        Block::Code(text) => json!(["pre", [text]]),
        Block::List { ordered, items } => {
            let items: Vec<Value> = items
                .iter()
                .map(|item| json!(["li", item.iter().map(self::block).collect::<Vec<_>>()]))
                .collect();
            json!([if *ordered { "ol" } else { "ul" }, items])
        }
    }
}

fn inlines(inner: &[Inline]) -> Vec<Value> {
    inner
        .iter()
        .map(|inline| match inline {
            Inline::Text(text) => json!(text),
            Inline::Code(text) => json!(["code", [text]]),
            Inline::Emphasis(inner) => json!(["em", inlines(inner)]),
            Inline::Strong(inner) => json!(["strong", inlines(inner)]),
            Inline::Link { text, .. } | Inline::Claim { text, .. } => {
                json!(["span", inlines(text)])
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_are_counted_up_and_down_and_the_truth_is_marked_once_the_run_was_seen() {
        let count = |by| Hands::Count {
            poll: "p1".into(),
            option: 1,
            by,
        };
        let room = Rc::new(Room::default()).reduce(count(3)).reduce(count(-1));
        assert_eq!(room.hands("p1", 4), [0, 2, 0, 0]);
        assert_eq!(room.clone().reduce(count(-9)).hands("p1", 2), [0, 0]);
        let seen = room.clone().reduce(Hands::Seen);
        assert!(!seen.is_shown("p1"), "nobody waited for a run");
        let seen = room.reduce(Hands::Await("p1".into())).reduce(Hands::Seen);
        assert!(seen.is_shown("p1") && !seen.is_shown("p2"));
        assert_eq!(
            seen.reduce(Hands::Clear("p1".into())).hands("p1", 2),
            [0, 0]
        );
    }

    #[test]
    fn a_poll_takes_the_nearest_prediction_and_knows_what_the_run_shows() {
        let text = include_str!("../../../lessons/en/guarantees/lost-ack.md");
        let lesson = Lesson::parse("lost-ack.md", text).expect("a lesson");
        let lab = Lab::default();
        let found = poll(Some((&lesson, lesson.steps.len() - 1)), &lab);
        assert!(found.options.iter().filter(|(_, right)| *right).count() == 1);
        let own = poll(None, &lab);
        assert!(
            own.options.iter().all(|(_, right)| !right),
            "no run, no truth"
        );
    }

    #[test]
    fn notes_travel_as_names_of_elements_and_text() {
        let text = "# A\n\n```lesson\n{ \"scenario\": \"order-billing\", \"minutes\": 1 }\n```\n\n## scene: One\n\n```notes\nSay *this* and `that`.\n\n- one\n```\n";
        let lesson = Lesson::parse("a.md", text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            Value::from(notes(&lesson.steps[0])),
            json!([
                [
                    "p",
                    ["Say ", ["em", ["this"]], " and ", ["code", ["that"]], "."]
                ],
                ["ul", [["li", [["p", ["one"]]]]]]
            ])
        );
    }
}
