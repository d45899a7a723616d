//! The address: a link in it is opened, and it follows what is looked at, so that it can be copied at any moment.

use super::frame::embedded;
use super::head::Head;
use super::lab::{Action, Face, Lab, Notice};
use super::learner::Wanted;
use super::parameter;
use crate::share::{LARGEST, Link, LinkError, Reader};
use gloo::events::{EventListener, EventListenerOptions};
use gloo::timers::callback::Timeout;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DragEvent, File, Url};
use yew::{
    Callback, Reducible, UseReducerDispatcher, UseReducerHandle, hook, use_effect_with, use_mut_ref,
};

/// How long the address waits until things stand still, in ms: browsers count how often it changes.
const CALM: u32 = 300;

/// The link in the fragment; other fragments are places on the page.
fn of_fragment() -> Option<String> {
    let fragment = web_sys::window()?.location().hash().ok()?;
    let is_link = ["#r=", "#r%3"]
        .iter()
        .any(|begin| fragment.starts_with(begin));
    is_link.then_some(fragment)
}

/// What a text that should be a link asks for.
fn read(text: &str) -> Action {
    opened(Link::read(text, Reader::Page))
}

fn opened(link: Result<Link, LinkError>) -> Action {
    match link {
        Ok(link) => Action::Open(Box::new(link)),
        Err(error) => Action::Notice(Some(Notice::Damaged(error))),
    }
}

/// The lab as the address asks for it.
pub fn arrived() -> Lab {
    let mut lab = Lab::default();
    if embedded() {
        lab.face = Face::Stage;
    }
    if parameter("present").as_deref() == Some("1") {
        lab.face = Face::Stage;
        lab.presenting = Some(true);
    }
    // Some course tools drop fragments, so the parameter `r` does the same.
    let text = of_fragment().or_else(|| parameter("r").map(|rest| ["r=", &rest].concat()));
    match text {
        Some(text) => (*Rc::new(lab).reduce(read(&text))).clone(),
        None => lab,
    }
}

/// The address of this page with a link.
pub fn address(link: &str) -> String {
    let href = web_sys::window().and_then(|window| window.location().href().ok());
    let href = href.unwrap_or_default();
    let page = href.split(['?', '#']).next().unwrap_or_default();
    [page, "#", link].concat()
}

/// A view parameter of the address from now on, so that it survives loading the page again; or none.
pub fn set_parameter(name: &str, value: Option<&str>) {
    let Some(window) = web_sys::window() else {
        return;
    };
    let url = window.location().href().and_then(|href| Url::new(&href));
    if let (Ok(url), Ok(history)) = (url, window.history()) {
        match value {
            Some(value) => url.search_params().set(name, value),
            None => url.search_params().delete(name),
        }
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&url.href()));
    }
}

/// Puts a text on the clipboard, where the page may: not in every frame, and only under https.
pub fn copy(text: String) {
    let clipboard = web_sys::window().map(|window| window.navigator().clipboard());
    if let Some(clipboard) = clipboard.filter(|clipboard| !clipboard.is_undefined()) {
        let written = clipboard.write_text(&text);
        wasm_bindgen_futures::spawn_local(async move {
            // Who is refused copies by hand: the link stands there.
            let _ = JsFuture::from(written).await;
        });
    }
}

/// Keeps the address up to date, opens links that are typed into it, and run files and lessons that are dropped on the page.
#[hook]
pub fn use_address(
    lab: &UseReducerHandle<Lab>,
    head: &UseReducerHandle<Head>,
    on_go: &Callback<Wanted>,
) {
    let shown = (
        lab.done.clone(),
        lab.patch.clone(),
        lab.base_id,
        head.playing,
        head.at,
        lab.running || lab.face == Face::Start,
    );
    {
        let lab = lab.clone();
        use_effect_with(shown, move |&(.., playing, at, busy)| {
            let timer = (!playing && !busy).then(|| {
                Timeout::new(CALM, move || {
                    // What a link cannot say has no address, and no wrong one either.
                    let fragment = lab.link(at).write().unwrap_or_default();
                    let window = web_sys::window();
                    if let Some(history) = window.and_then(|window| window.history().ok()) {
                        let fragment = ["#", &fragment].concat();
                        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&fragment));
                    }
                })
            });
            move || drop(timer)
        });
    }
    let newest = use_mut_ref(|| on_go.clone());
    *newest.borrow_mut() = on_go.clone();
    let lab = lab.dispatcher();
    use_effect_with((), move |()| {
        let window = web_sys::window();
        let on_hash = {
            let lab = lab.clone();
            window.clone().map(|window| {
                EventListener::new(&window, "hashchange", move |_| {
                    if let Some(text) = of_fragment() {
                        lab.dispatch(read(&text));
                    }
                })
            })
        };
        let may_refuse = EventListenerOptions::enable_prevent_default();
        let on_drag = window.clone().map(|window| {
            EventListener::new_with_options(&window, "dragover", may_refuse, |event| {
                event.prevent_default();
            })
        });
        let on_drop = window.map(|window| {
            EventListener::new_with_options(&window, "drop", may_refuse, move |event| {
                let event = event.unchecked_ref::<DragEvent>();
                let files = event.data_transfer().and_then(|data| data.files());
                if let Some(file) = files.and_then(|files| files.get(0)) {
                    event.prevent_default();
                    match file.name().ends_with(".md") {
                        true => open_lesson(file, newest.borrow().clone()),
                        false => open_file(file, lab.clone()),
                    }
                }
            })
        });
        move || drop((on_hash, on_drag, on_drop))
    });
}

/// The text of a file. One that is too large is not even read; its length alone refuses it.
pub async fn text_of(file: &File, largest: usize) -> String {
    if file.size() > largest as f64 {
        return " ".repeat(largest + 1);
    }
    let text = JsFuture::from(file.text()).await.ok();
    text.and_then(|text| text.as_string()).unwrap_or_default()
}

/// Opens a run file.
pub fn open_file(file: File, lab: UseReducerDispatcher<Lab>) {
    wasm_bindgen_futures::spawn_local(async move {
        let text = text_of(&file, LARGEST).await;
        lab.dispatch(opened(Link::read_file(&text, Reader::Page)));
    });
}

/// Opens an instructor's own lesson.
pub fn open_lesson(file: File, on_go: Callback<Wanted>) {
    wasm_bindgen_futures::spawn_local(async move {
        let text = text_of(&file, LARGEST).await;
        on_go.emit(Wanted::File {
            name: file.name(),
            text,
        });
    });
}
