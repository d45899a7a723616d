//! The page's side of the charts' program, which is loaded when the first run is there.

use super::hooks::announce;
use super::runner::load_module;
use crate::charts::Question;
use js_sys::{Function, Reflect, Uint8Array};
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::HtmlCanvasElement;
use yew::{hook, use_effect_with, use_state_eq};

/// The global under which the program leaves the function that answers, and the event that says so.
pub const ANSWER: &str = "streamproofCharts";
pub const HERE: &str = "streamproof-charts";
/// Relative to the page.
const LOADER: &str = "./charts_loader.js";

/// The program, if it is there yet.
#[derive(Clone, PartialEq)]
pub enum Plots {
    Loading,
    /// It could not be loaded.
    Failed,
    There(Function),
}

impl Plots {
    fn now() -> Option<Plots> {
        let answer = Reflect::get(&js_sys::global(), &ANSWER.into()).ok()?;
        Some(Plots::There(answer.dyn_into().ok()?))
    }

    /// Nothing while it is not there.
    pub fn ask<A: DeserializeOwned>(&self, question: &Question) -> Option<A> {
        let answer = self.call(question, &JsValue::UNDEFINED)?;
        postcard::from_bytes(&answer).ok()
    }

    /// A question without an answer.
    pub fn tell(&self, question: &Question) {
        self.call(question, &JsValue::UNDEFINED);
    }

    /// The same with the canvas to draw on.
    pub fn draw(&self, question: &Question, canvas: &HtmlCanvasElement) {
        self.call(question, canvas);
    }

    fn call(&self, question: &Question, canvas: &JsValue) -> Option<Vec<u8>> {
        let Plots::There(answer) = self else {
            return None;
        };
        let question = Uint8Array::from(question.to_bytes().as_slice());
        let answer = answer.call2(&JsValue::UNDEFINED, &question, canvas).ok()?;
        Some(answer.dyn_into::<Uint8Array>().ok()?.to_vec())
    }
}

/// Begins to load the program.
pub fn load() {
    let failed = || announce(HERE);
    if load_module(LOADER, failed).is_err() {
        failed();
    }
}

/// The program as soon as it is there.
#[hook]
pub fn use_plots() -> Plots {
    let plots = use_state_eq(|| Plots::now().unwrap_or(Plots::Loading));
    {
        let plots = plots.clone();
        use_effect_with((), move |()| {
            let listener = web_sys::window().map(|window| {
                gloo::events::EventListener::new(&window, HERE, move |_| {
                    plots.set(Plots::now().unwrap_or(Plots::Failed));
                })
            });
            move || drop(listener)
        });
    }
    (*plots).clone()
}
