//! Hooks of our own: what the browser knows, as values.

use crate::plot::Theme;
use gloo::events::EventListener;
use gloo::render::{AnimationFrame, request_animation_frame};
use gloo::timers::callback::Timeout;
use js_sys::Array;
use std::cell::{Cell, RefCell};
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

/// Somebody wants the run, or the lesson, on paper.
pub const PRINT: &str = "streamproof:print";
pub const PRINT_LESSON: &str = "streamproof:print-lesson";

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printing {
    Nothing,
    /// The browser is about to print by itself: the run.
    Now,
    /// The run's sheet asks the browser to print once it is there.
    Asked,
    /// The lesson's handout does.
    Lesson,
}

/// What is being printed.
#[hook]
pub fn use_printing() -> Printing {
    let printing = use_state_eq(|| Printing::Nothing);
    {
        let printing = printing.setter();
        use_effect_with((), move |()| {
            let now = Rc::new(Cell::new(Printing::Nothing));
            let listen = |name: &'static str, then: Printing| {
                let (printing, now) = (printing.clone(), now.clone());
                let window = web_sys::window()?;
                Some(EventListener::new(&window, name, move |_| {
                    // Whoever asked for paper is told so by the browser, too.
                    if then != Printing::Now || now.get() == Printing::Nothing {
                        now.set(then);
                        printing.set(then);
                    }
                }))
            };
            let all = [
                listen(PRINT, Printing::Asked),
                listen(PRINT_LESSON, Printing::Lesson),
                listen("beforeprint", Printing::Now),
                listen("afterprint", Printing::Nothing),
            ];
            move || drop(all)
        });
    }
    *printing
}

/// Opens the browser's print dialog once what is to be printed has been laid out.
#[hook]
pub fn use_print(prints: bool) {
    use_effect_with(prints, |&prints| {
        let timer = prints.then(|| {
            Timeout::new(60, || {
                if let Some(window) = web_sys::window() {
                    let _ = window.print();
                }
            })
        });
        move || drop(timer)
    });
}

/// How the page looks, by the system or by its own switch.
#[hook]
pub fn use_theme() -> Theme {
    let system = use_media("(prefers-color-scheme: dark)");
    let turns = use_state_eq(|| 0_u32);
    {
        // `static/view.js` says when another one was chosen.
        let count = *turns + 1;
        use_effect_with(count, move |&count| {
            let listener = web_sys::window().map(|window| {
                EventListener::once(&window, "streamproof:theme", move |_| turns.set(count))
            });
            move || drop(listener)
        });
    }
    match chosen_theme().as_deref() {
        Some("dark") => Theme::Dark,
        Some("projector") => Theme::Projector,
        None if system => Theme::Dark,
        _ => Theme::Light,
    }
}

/// The theme that was chosen instead of the system's.
pub fn chosen_theme() -> Option<String> {
    let document = web_sys::window().and_then(|window| window.document())?;
    document.document_element()?.get_attribute("data-theme")
}
