//! The course over the page: its lessons and how each stands, its words, the learner's progress, and one search over lessons,
//! words, settings and scenarios.

use super::progress::{Keeping, read_course, reviews, state, use_course, warning};
use super::word::meaning;
use crate::app::fetch;
use crate::app::lab::{Action, Face, Lab, Panel};
use crate::app::learner::Wanted;
use crate::app::link::open_lesson;
use crate::app::storage::{Kept, use_kept};
use crate::lesson::Lesson;
use crate::lesson::course::Course as List;
use crate::lesson::glossary::Glossary;
use crate::lesson::search::{Corpus, Hit, Place, search};
use crate::sim::compact::sort_by_rank;
use crate::sim::{Scenario, catalog, control};
use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use js_sys::{Array, Promise};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};
use web_sys::{HtmlDialogElement, HtmlElement, HtmlInputElement};
use yew::{
    Callback, Event, Html, InputEvent, KeyboardEvent, MouseEvent, NodeRef, Properties, TargetCast,
    UseReducerHandle, component, hook, html, use_effect_with, use_node_ref, use_state,
    use_state_eq,
};

#[derive(Properties, Clone, PartialEq)]
pub struct CourseProps {
    pub lab: UseReducerHandle<Lab>,
    pub on_go: Callback<Wanted>,
    pub on_close: Callback<()>,
}

#[derive(Clone, PartialEq)]
enum View {
    Lessons,
    /// All words, and the one that is asked for.
    Words(Option<String>),
    Progress,
}

/// So many hits are shown.
const MOST: usize = 30;

/// A dialog, so that nothing behind it is reached by keyboard.
#[component]
pub fn Course(props: &CourseProps) -> Html {
    let CourseProps {
        lab,
        on_go,
        on_close,
    } = props;
    let view = use_state_eq(|| View::Lessons);
    let query = use_state_eq(String::new);
    let dialog = use_node_ref();
    let texts = use_texts();
    let kept = use_kept();
    let course = use_course();
    let asked = use_node_ref();
    {
        // The word that was asked for is in view, and has the focus.
        let asked = asked.clone();
        use_effect_with((*view).clone(), move |_| {
            if let Some(summary) = asked.cast::<HtmlElement>() {
                summary.scroll_into_view();
                let _ = summary.focus();
            }
        });
    }
    {
        let (dialog, on_close) = (dialog.clone(), on_close.clone());
        use_effect_with((), move |()| {
            let dialog = dialog.cast::<HtmlDialogElement>();
            let listener = dialog.map(|dialog| {
                let _ = dialog.show_modal();
                EventListener::new(&dialog, "close", move |_| on_close.emit(()))
            });
            move || drop(listener)
        });
    }
    let close = {
        let dialog = dialog.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
                dialog.close();
            }
        })
    };
    let found = {
        let texts = texts.clone();
        move |query: &str| {
            let corpus = texts.as_ref().map_or_else(Corpus::default, |texts| Corpus {
                lessons: &texts.lessons,
                glossary: Some(&texts.glossary),
            });
            search(corpus, query, MOST)
        }
    };
    let hits: Vec<Hit> = found(&query);
    let follow = {
        let (lab, on_go, on_close) = (lab.clone(), on_go.clone(), on_close.clone());
        let (view, query) = (view.setter(), query.setter());
        Callback::from(move |place: Place| match place {
            Place::Lesson { id, step } => on_go.emit(Wanted::Lesson {
                id,
                step: Some(step),
                review: None,
            }),
            Place::Term(term) => {
                query.set(String::new());
                view.set(View::Words(Some(term)));
            }
            Place::Setting(key) => {
                on_close.emit(());
                to_setting(&lab, key);
            }
            Place::Scenario(id) => {
                on_close.emit(());
                if let Some(preset) = catalog::find(id) {
                    lab.dispatch(Action::Preset(preset));
                    lab.dispatch(Action::Face(Face::Stage));
                }
            }
        })
    };
    let on_input = {
        let query = query.setter();
        Callback::from(move |event: InputEvent| {
            query.set(event.target_unchecked_into::<HtmlInputElement>().value());
        })
    };
    let on_key = {
        let (dialog, follow) = (dialog.clone(), follow.clone());
        Callback::from(move |event: KeyboardEvent| {
            let typing = event.target_dyn_into::<HtmlInputElement>();
            match (event.key().as_str(), typing) {
                ("ArrowDown", _) => walk(&dialog, true),
                ("ArrowUp", _) => walk(&dialog, false),
                // What stands in the field, even if it has not been drawn yet.
                ("Enter", Some(input)) => match found(&input.value()).into_iter().next() {
                    Some(hit) => follow.emit(hit.place),
                    None => return,
                },
                _ => return,
            }
            event.prevent_default();
        })
    };
    let tab = |to: View, name: String| {
        let current = std::mem::discriminant(&to) == std::mem::discriminant(&*view);
        let set = view.setter();
        let show = Callback::from(move |_: MouseEvent| set.set(to.clone()));
        html! { <button class="btn quiet" aria-current={current.then_some("true")} onclick={show}>{ name }</button> }
    };
    let words = texts.as_ref().map_or(0, |texts| texts.glossary.terms.len());
    let told = match (hits.len(), &texts) {
        (_, None) => "Fetching the lessons".to_string(),
        (0, _) => "Nothing has all of these words.".into(),
        (1, _) => "1 place".into(),
        (MOST, _) => format!("the {MOST} best places"),
        (several, _) => format!("{several} places"),
    };
    html! {
        <dialog class="course" aria-label="Course" ref={dialog} onkeydown={on_key}>
            <header>
                <input id="find" type="search" autofocus=true aria-label="Search lessons, words, settings and scenarios" placeholder="Search lessons, words, settings, scenarios" value={(*query).clone()} oninput={on_input} />
                <button class="btn quiet" onclick={close}>{ "Close" }<kbd>{ "Esc" }</kbd></button>
            </header>
            if query.trim().is_empty() {
                <nav aria-label="Parts of the course">
                    { tab(View::Lessons, "Lessons".into()) }
                    { tab(View::Words(None), if words > 0 { format!("Glossary, {words} words") } else { "Glossary".into() }) }
                    { tab(View::Progress, "Your progress".into()) }
                </nav>
                <div class="shelf">
                    { match &*view {
                        View::Lessons => lessons(course.as_deref(), &kept, on_go),
                        View::Words(term) => all_words(texts.as_deref(), term.as_deref(), &asked, on_go),
                        View::Progress => html! { <>{ warning(&kept) }<Keeping /></> },
                    } }
                </div>
            } else {
                <p class="crumb" role="status">{ told }</p>
                <ul class="hits" aria-label="Found">
                    { for hits.iter().map(|hit| {
                        let place = hit.place.clone();
                        let go = follow.reform(move |_: MouseEvent| place.clone());
                        html! {
                            <li key={format!("{:?}", hit.place)}>
                                <button onclick={go}><span class="kind">{ hit.place.kind() }</span><strong>{ hit.title.clone() }</strong><span class="excerpt">{ hit.excerpt.clone() }</span></button>
                            </li>
                        }
                    }) }
                </ul>
            }
        </dialog>
    }
}

/// Moves the focus along the hits; above the first one is the search.
fn walk(dialog: &NodeRef, down: bool) {
    let Some(dialog) = dialog.cast::<HtmlElement>() else {
        return;
    };
    let Ok(all) = dialog.query_selector_all("#find, .hits button") else {
        return;
    };
    let all: Vec<HtmlElement> = (0..all.length())
        .filter_map(|n| all.item(n)?.dyn_into().ok())
        .collect();
    let document = web_sys::window().and_then(|window| window.document());
    let active = document.and_then(|document| document.active_element());
    let here = all
        .iter()
        .position(|element| active.as_ref() == Some(element.as_ref()));
    let next = match (here, down) {
        (Some(here), true) => (here + 1).min(all.len() - 1),
        (Some(here), false) => here.saturating_sub(1),
        (None, _) => 0,
    };
    if let Some(element) = all.get(next) {
        let _ = element.focus();
    }
}

/// Shows a setting; if the scenario has none of this key, the first preset that has.
fn to_setting(lab: &UseReducerHandle<Lab>, key: &'static str) {
    let known = control::CONTROLS
        .iter()
        .filter(|control| control.key == key);
    let has = |scenario: &Scenario| {
        known
            .clone()
            .any(|control| control.value(scenario).is_some())
    };
    if !has(&lab.scenario) {
        let preset = catalog::all().iter().find(|preset| has(&preset.scenario()));
        if let Some(preset) = preset {
            lab.dispatch(Action::Preset(preset));
        }
    }
    lab.dispatch(Action::Face(Face::Stage));
    if lab.panel != Panel::Settings {
        lab.dispatch(Action::Show(Panel::Settings));
    }
    lab.dispatch(Action::Point(Some(key.to_string())));
    // It is drawn after this.
    Timeout::new(100, move || {
        let document = web_sys::window().and_then(|window| window.document());
        let control =
            document.and_then(|document| document.get_element_by_id(&["set-", key].concat()));
        if let Some(control) = control.and_then(|control| control.dyn_into::<HtmlElement>().ok()) {
            control.scroll_into_view();
            let _ = control.focus();
        }
    })
    .forget();
}

/// What the search reads.
#[derive(Default)]
struct Texts {
    lessons: Vec<(String, Lesson)>,
    glossary: Glossary,
}

thread_local! {
    static TEXTS: RefCell<Option<Rc<Texts>>> = const { RefCell::new(None) };
}

/// Lessons and glossary, fetched once. A file that cannot be had or read is not searched.
#[hook]
fn use_texts() -> Option<Rc<Texts>> {
    let texts = use_state(|| TEXTS.with_borrow(Clone::clone));
    {
        let (there, texts) = (texts.is_some(), texts.setter());
        use_effect_with((), move |()| {
            if !there {
                spawn_local(async move {
                    let read = Rc::new(read_texts().await.unwrap_or_default());
                    TEXTS.set(Some(read.clone()));
                    texts.set(Some(read));
                });
            }
        });
    }
    (*texts).clone()
}

async fn read_texts() -> Result<Texts, String> {
    let course = read_course().await?;
    let read = Rc::new(RefCell::new(Vec::new()));
    let under_way = course.lessons().enumerate().filter_map(|(n, (_, id, _))| {
        let path = format!("lessons/{}", course.place(id, "en")?.path);
        let (id, read) = (id.to_string(), read.clone());
        Some(future_to_promise(async move {
            let text = fetch::text(&["./", &path].concat()).await;
            if let Ok(lesson) = Lesson::parse(&path, &text.unwrap_or_default()) {
                read.borrow_mut().push((n, id, lesson));
            }
            Ok(JsValue::UNDEFINED)
        }))
    });
    let under_way: Array = under_way.collect();
    let glossary = fetch::text("./lessons/en/glossary.md").await;
    let _ = JsFuture::from(Promise::all(&under_way)).await;
    let mut read = read.take();
    sort_by_rank(&mut read, |(n, ..)| (*n as u64, 0));
    Ok(Texts {
        lessons: read
            .into_iter()
            .map(|(_, id, lesson)| (id, lesson))
            .collect(),
        glossary: Glossary::parse(&glossary.unwrap_or_default()).unwrap_or_default(),
    })
}

/// Every lesson by its module, and an instructor's own.
fn lessons(course: Option<&List>, kept: &Kept, on_go: &Callback<Wanted>) -> Html {
    let Some(course) = course else {
        return html! { <p class="crumb" role="status">{ "Fetching the lessons" }</p> };
    };
    let open = {
        let on_go = on_go.clone();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            if let Some(file) = input.files().and_then(|files| files.get(0)) {
                open_lesson(file, on_go.clone());
            }
        })
    };
    let entry = |(number, id, title): (String, &str, String)| {
        let wanted = Wanted::lesson(id);
        let go = on_go.reform(move |_: MouseEvent| wanted.clone());
        html! { <li key={id.to_string()}><button class="link" data-lesson={id.to_string()} onclick={go}>{ format!("{number} {title}") }</button>{ state(kept.progress.lessons.get(id)) }</li> }
    };
    html! {
        <>
            { warning(kept) }
            { reviews(course, kept, on_go) }
            <div class="modules">
                { for course.modules.iter().map(|module| html! {
                    <section key={module.id.clone()}>
                        <h2>{ module.title.clone() }</h2>
                        <ul>{ for course.lessons().filter(|(_, id, _)| module.has(id)).map(entry) }</ul>
                    </section>
                }) }
                <section>
                    <h2>{ "A lesson of your own" }</h2>
                    <p>{ "A Markdown file in the form of the course's lessons. Choose it, or drop it anywhere on the page." }</p>
                    <label class="btn">{ "Open a lesson file" }<input id="open-lesson" type="file" class="vh" accept=".md,text/markdown" onchange={open} /></label>
                </section>
            </div>
        </>
    }
}

/// The words of the course, each to be opened; `place` is that of the one that is asked for.
fn all_words(
    texts: Option<&Texts>,
    asked: Option<&str>,
    place: &NodeRef,
    on_go: &Callback<Wanted>,
) -> Html {
    let Some(texts) = texts else {
        return html! { <p class="crumb" role="status">{ "Fetching the words" }</p> };
    };
    html! {
        <div class="entries">
            { for texts.glossary.terms.iter().map(|term| {
                let is_it = asked == Some(term.term.as_str());
                let place = if is_it { place.clone() } else { NodeRef::default() };
                html! {
                    <details key={term.term.clone()} open={is_it}>
                        <summary ref={place}>{ term.term.clone() }</summary>
                        { meaning(term, on_go) }
                    </details>
                }
            }) }
        </div>
    }
}
