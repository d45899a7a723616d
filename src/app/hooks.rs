//! Hooks of our own: what the browser knows, as values.

use gloo::events::EventListener;
use gloo::render::{AnimationFrame, request_animation_frame};
use js_sys::Array;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, Event, KeyboardEvent, ResizeObserver, ResizeObserverEntry};
use yew::{Callback, NodeRef, hook, use_effect_with, use_mut_ref, use_state_eq};

/// The width of an element without its padding, in CSS px; 0 until it is known.
#[hook]
pub fn use_width(node: &NodeRef) -> u32 {
    let width = use_state_eq(|| 0_u32);
    {
        let width = width.clone();
        use_effect_with(node.clone(), move |node| {
            let element = node.cast::<Element>();
            let on_resize = Closure::<dyn Fn(Array)>::new(move |entries: Array| {
                if let Some(entry) = entries.iter().next_back() {
                    let entry: ResizeObserverEntry = entry.unchecked_into();
                    width.set(entry.content_rect().width().max(0.0) as u32);
                }
            });
            let observer = ResizeObserver::new(on_resize.as_ref().unchecked_ref()).ok();
            if let (Some(observer), Some(element)) = (&observer, &element) {
                observer.observe(element);
            }
            move || {
                if let Some(observer) = observer {
                    observer.disconnect();
                }
                drop(on_resize);
            }
        });
    }
    *width
}

fn matches(query: &str) -> bool {
    web_sys::window()
        .and_then(|window| window.match_media(query).ok().flatten())
        .is_some_and(|list| list.matches())
}

/// Whether a media query holds, and goes on holding.
#[hook]
pub fn use_media(query: &'static str) -> bool {
    let holds = use_state_eq(|| matches(query));
    {
        let holds = holds.clone();
        use_effect_with((), move |()| {
            let list =
                web_sys::window().and_then(|window| window.match_media(query).ok().flatten());
            let listener = list.map(|list| {
                EventListener::new(&list, "change", move |_| holds.set(matches(query)))
            });
            move || drop(listener)
        });
    }
    *holds
}

#[hook]
pub fn use_reduced_motion() -> bool {
    use_media("(prefers-reduced-motion: reduce)")
}

/// Calls back at every frame while `active`, with the microseconds since the last one.
#[hook]
pub fn use_frames(active: bool, on_frame: Callback<u64>) {
    use_effect_with(active, move |&active| {
        let frame: Rc<RefCell<Option<AnimationFrame>>> = Rc::new(RefCell::new(None));
        if active {
            schedule(frame.clone(), None, on_frame);
        }
        move || drop(frame.borrow_mut().take())
    });
}

fn schedule(
    frame: Rc<RefCell<Option<AnimationFrame>>>,
    last: Option<f64>,
    on_frame: Callback<u64>,
) {
    let next = frame.clone();
    let handle = request_animation_frame(move |now| {
        // After a pause of the tab the picture goes on where it was.
        let passed = last.map_or(0.0, |last| (now - last).clamp(0.0, 100.0));
        if next.borrow().is_some() {
            schedule(next.clone(), Some(now), on_frame.clone());
            on_frame.emit((passed * 1000.0) as u64);
        }
    });
    *frame.borrow_mut() = Some(handle);
}

/// Calls back at every key, wherever the focus is.
#[hook]
pub fn use_keys(on_key: Callback<KeyboardEvent>) {
    let newest = use_mut_ref(|| on_key.clone());
    *newest.borrow_mut() = on_key;
    use_effect_with((), move |()| {
        let listener = web_sys::window().map(|window| {
            let options = gloo::events::EventListenerOptions::enable_prevent_default();
            EventListener::new_with_options(&window, "keydown", options, move |event| {
                let callback = newest.borrow().clone();
                if let Some(event) = event.dyn_ref::<KeyboardEvent>() {
                    callback.emit(event.clone());
                }
            })
        });
        move || drop(listener)
    });
}

/// An event of our own on the window.
pub fn announce(name: &str) {
    if let (Some(window), Ok(event)) = (web_sys::window(), Event::new(name)) {
        let _ = window.dispatch_event(&event);
    }
}

/// Whether the page is dark, by the system or by its own switch.
#[hook]
pub fn use_theme() -> bool {
    let system = use_media("(prefers-color-scheme: dark)");
    let turns = use_state_eq(|| 0_u32);
    {
        // `static/early.js` says when a course page has chosen another one.
        let count = *turns + 1;
        use_effect_with(count, move |&count| {
            let listener = web_sys::window().map(|window| {
                EventListener::once(&window, "streamproof:theme", move |_| turns.set(count))
            });
            move || drop(listener)
        });
    }
    let forced = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.document_element())
        .and_then(|root| root.get_attribute("data-theme"));
    match forced.as_deref() {
        Some("dark") => true,
        Some("light" | "projector") => false,
        _ => system,
    }
}
