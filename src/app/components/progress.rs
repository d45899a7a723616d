//! What the browser keeps of a learner: how each lesson stands, what is due, the progress as a file, and what is wrong with
//! keeping it.

use crate::app::learner::Wanted;
use crate::app::link::text_of;
use crate::app::storage::{self, Kept, LARGEST, Trouble, today, use_kept};
use crate::app::{fetch, files};
use crate::lesson::course::Course;
use crate::lesson::progress::{Progress, Record};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlInputElement;
use yew::{
    Callback, Event, Html, InputEvent, MouseEvent, TargetCast, component, hook, html,
    use_effect_with, use_state, use_state_eq,
};

/// The course, once it is there.
#[hook]
pub fn use_course() -> Option<Rc<Course>> {
    let course = use_state(|| None::<Rc<Course>>);
    {
        let course = course.setter();
        use_effect_with((), move |()| {
            spawn_local(async move { course.set(read_course().await.ok().map(Rc::new)) });
        });
    }
    (*course).clone()
}

/// Fetches the list of lessons.
pub async fn read_course() -> Result<Course, String> {
    let text = fetch::text("./lessons/course.json").await?;
    Course::parse("lessons/course.json", &text).map_err(|error| error.to_string())
}

/// How a lesson stands that was begun.
pub fn state(record: Option<&Record>) -> Html {
    let Some(record) = record else {
        return html! {};
    };
    let (state, words) = match record.is_finished() {
        true => ("done", "all tasks passed".to_string()),
        false => {
            let (step, steps) = (record.place.step + 1, record.steps.max(1));
            ("begun", format!("step {step} of {steps}"))
        }
    };
    html! { <small class="standing" data-state={state}>{ words }</small> }
}

/// The lessons that are due today, each with another seed than before.
pub fn reviews(course: &Course, kept: &Kept, on_go: &Callback<Wanted>) -> Html {
    let due = kept.progress.due(today());
    // A lesson of one's own has no file here to be reviewed with.
    let due: Vec<_> = due
        .into_iter()
        .filter(|due| course.place(&due.lesson, "en").is_some())
        .collect();
    if due.is_empty() {
        return html! {};
    }
    html! {
        <section class="due" aria-label="Due for review">
            <h2>{ "Due today" }</h2>
            <p>{ "Passed before; once more, with another seed, so that an answer cannot be remembered." }</p>
            <ul>
                { for due.into_iter().map(|due| {
                    let wanted = Wanted::Lesson { id: due.lesson.clone(), step: None, review: Some(due.seed) };
                    let go = on_go.reform(move |_: MouseEvent| wanted.clone());
                    let late = match due.overdue {
                        0 => String::new(),
                        1 => ", since yesterday".into(),
                        days => format!(", for {days} days"),
                    };
                    html! { <li key={due.lesson.clone()}><button class="link" onclick={go}>{ course.title(&due.lesson) }</button>{ format!(" with seed {}{late}", due.seed) }</li> }
                }) }
            </ul>
        </section>
    }
}

/// Says once that progress is not kept, and offers what can be done.
pub fn warning(kept: &Kept) -> Html {
    let Some(trouble) = kept.trouble.as_ref().filter(|_| !kept.heard) else {
        return html! {};
    };
    let save = Callback::from(|_: MouseEvent| save());
    let damaged = match trouble {
        Trouble::Unread { text, .. } => {
            let text = text.clone();
            let keep = move |_: MouseEvent| {
                files::save("streamproof-progress-damaged.txt", "text/plain", &text)
            };
            Some(Callback::from(keep))
        }
        _ => None,
    };
    let words = match trouble {
        Trouble::Blocked => {
            "This page cannot keep your progress. Save it as a file, or open the page in a tab of its own.".to_string()
        }
        Trouble::Full => {
            "This browser has no room left, so your newest progress is in this tab only. Save it as a file.".into()
        }
        Trouble::Unread { problem, .. } => format!(
            "What this browser has of your progress cannot be read ({problem}). It is left as it is; what you do now is kept in this tab only."
        ),
    };
    html! {
        <div class="warning" role="status">
            <p>{ words }</p>
            <div class="row">
                if let Some(keep) = damaged { <button class="btn" onclick={keep}>{ "Save that text as a file" }</button> }
                <button class="btn" onclick={save}>{ "Save progress" }</button>
                <button class="btn quiet" onclick={Callback::from(|_: MouseEvent| storage::heard())}>{ "I know" }</button>
            </div>
        </div>
    }
}

fn save() {
    let text = storage::written(&storage::kept().progress);
    files::save("streamproof-progress.json", "application/json", &text);
}

/// What has to be typed before everything is erased.
const WORD: &str = "erase";

/// What became of the last thing that was done with the progress.
#[derive(Clone, PartialEq)]
enum Done {
    Nothing,
    Opened(usize),
    Refused(String),
    /// What was there before, so that it can be had back.
    Erased(Progress),
    Restored,
}

/// The progress as a file, and back; and how to erase it.
#[component]
pub fn Keeping() -> Html {
    let kept = use_kept();
    let done = use_state(|| Done::Nothing);
    let typed = use_state_eq(String::new);
    let open = {
        let done = done.setter();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            let Some(file) = input.files().and_then(|files| files.get(0)) else {
                return;
            };
            // The same file can be chosen again.
            input.set_value("");
            let done = done.clone();
            spawn_local(async move {
                let text = text_of(&file, LARGEST).await;
                if text.len() > LARGEST {
                    let problem = format!("it is larger than {} kB", LARGEST / 1024);
                    return done.set(Done::Refused(problem));
                }
                done.set(match Progress::parse(&text) {
                    Ok(read) => {
                        let lessons = read.lessons.len();
                        storage::change(|progress| progress.merge(read));
                        Done::Opened(lessons)
                    }
                    Err(error) => Done::Refused(error.to_string()),
                });
            });
        })
    };
    let on_input = {
        let typed = typed.setter();
        Callback::from(move |event: InputEvent| {
            typed.set(event.target_unchecked_into::<HtmlInputElement>().value());
        })
    };
    let erase = {
        let (done, typed) = (done.setter(), typed.setter());
        Callback::from(move |_: MouseEvent| {
            done.set(Done::Erased(storage::kept().progress));
            typed.set(String::new());
            storage::replace(Progress::default());
        })
    };
    let undo = |before: &Progress| {
        let (before, done) = (before.clone(), done.setter());
        Callback::from(move |_: MouseEvent| {
            storage::replace(before.clone());
            done.set(Done::Restored);
        })
    };
    let lessons = kept.progress.lessons.len();
    html! {
        <div class="keeping">
            <p>{ match lessons { 0 => "Nothing is kept yet.".to_string(), 1 => "One lesson is kept in this browser, and nowhere else.".into(), several => format!("{several} lessons are kept in this browser, and nowhere else.") } }</p>
            <div class="row">
                <button class="btn" id="save-progress" disabled={lessons == 0} onclick={Callback::from(|_: MouseEvent| save())}>{ "Save as a file" }</button>
                <label class="btn">{ "Open a progress file" }<input id="open-progress" type="file" class="vh" accept=".json,application/json" onchange={open} /></label>
            </div>
            <p>{ "What a file has is added to what is here; where both have something, the better of the two stays." }</p>
            <div class="erase">
                <label>{ format!("To forget everything, type \"{WORD}\" ") }<input id="erase-word" class="typed" autocomplete="off" autocapitalize="off" value={(*typed).clone()} oninput={on_input} /></label>
                <button class="btn" id="erase-progress" disabled={typed.trim() != WORD} onclick={erase}>{ "Erase my progress" }</button>
            </div>
            <p role="status">{ match &*done {
                Done::Nothing => html! {},
                Done::Opened(lessons) => html! { { match lessons { 1 => "Opened: the file has 1 lesson.".to_string(), several => format!("Opened: the file has {several} lessons.") } } },
                Done::Refused(problem) => html! { <span class="problem">{ format!("This file is not opened: {problem}.") }</span> },
                Done::Erased(before) => html! { <>{ "Erased. " }<button class="link" id="undo-erase" onclick={undo(before)}>{ "Undo" }</button></> },
                Done::Restored => html! { { "It is all back." } },
            } }</p>
        </div>
    }
}
