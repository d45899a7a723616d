//! The charts' program: it leaves a function on the page that answers questions, and says that it is there.

use super::hooks::announce;
use super::plots::{ANSWER, HERE};
use crate::charts::{Charts, Question};
use js_sys::{Reflect, Uint8Array};
use plotters::prelude::IntoDrawingArea;
use plotters_canvas::CanvasBackend;
use std::cell::RefCell;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::HtmlCanvasElement;

pub fn serve() {
    let shown: RefCell<Option<Charts>> = RefCell::new(None);
    let answer = Closure::<dyn Fn(Uint8Array, JsValue) -> Uint8Array>::new(
        move |question: Uint8Array, canvas: JsValue| {
            let answer = match (
                postcard::from_bytes(&question.to_vec()),
                &mut *shown.borrow_mut(),
            ) {
                (Ok(Question::Show(series)), shown) => {
                    *shown = Some(Charts::new(series));
                    Vec::new()
                }
                (Ok(Question::Spread(spreads)), Some(charts)) => {
                    charts.spread(spreads);
                    Vec::new()
                }
                (Ok(question), Some(charts)) => {
                    if let Ok(canvas) = canvas.dyn_into() {
                        draw(charts, &question, canvas);
                    }
                    charts.answer(&question)
                }
                _ => Vec::new(),
            };
            Uint8Array::from(answer.as_slice())
        },
    );
    // The page finds no function where this failed, and says that there are no charts.
    let _ = Reflect::set(&js_sys::global(), &ANSWER.into(), answer.as_ref());
    answer.forget();
    announce(HERE);
}

fn draw(charts: &Charts, question: &Question, canvas: HtmlCanvasElement) {
    let Question::Draw {
        chart,
        frame,
        theme,
        view,
    } = question
    else {
        return;
    };
    let palette = theme.palette();
    if let Some(backend) = CanvasBackend::with_canvas_object(canvas) {
        // A canvas that cannot be drawn on stays empty; its sentence and table say the same.
        let area = backend.into_drawing_area();
        let _ = charts.chart(*chart).draw(&area, frame, &palette, view);
    }
}
