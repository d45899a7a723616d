//! Saving a file: nothing leaves the tab.

use crate::plot::Frame;
use js_sys::Array;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Blob, BlobPropertyBag, CanvasRenderingContext2d, HtmlAnchorElement, HtmlCanvasElement, Url,
};

/// Offers `text` as a download.
pub fn save(name: &str, mime: &str, text: &str) {
    let options = BlobPropertyBag::new();
    options.set_type(mime);
    let parts = Array::of1(&JsValue::from_str(text));
    if let Ok(blob) = Blob::new_with_str_sequence_and_options(&parts, &options) {
        offer(name, &blob);
    }
}

fn offer(name: &str, blob: &Blob) {
    let Ok(url) = Url::create_object_url_with_blob(blob) else {
        return;
    };
    let document = web_sys::window().and_then(|window| window.document());
    let anchor = document
        .and_then(|document| document.create_element("a").ok())
        .and_then(|element| element.dyn_into::<HtmlAnchorElement>().ok());
    if let Some(anchor) = anchor {
        anchor.set_href(&url);
        anchor.set_download(name);
        anchor.click();
    }
    let _ = Url::revoke_object_url(&url);
}

/// The footer of a picture, in px of its frame.
const FOOTER: u32 = 22;

/// Offers what `draw` draws as a PNG, with a footer line under it.
pub fn save_picture(name: &str, frame: Frame, footer: &str, draw: impl Fn(&HtmlCanvasElement)) {
    let document = web_sys::window().and_then(|window| window.document());
    let canvas = document
        .and_then(|document| document.create_element("canvas").ok())
        .and_then(|element| element.dyn_into::<HtmlCanvasElement>().ok());
    let Some(canvas) = canvas else { return };
    let whole = Frame {
        height: frame.height + FOOTER,
        ..frame
    };
    let (width, height) = whole.physical();
    canvas.set_width(width);
    canvas.set_height(height);
    draw(&canvas);
    let context = canvas.get_context("2d").ok().flatten();
    if let Some(context) = context.and_then(|c| c.dyn_into::<CanvasRenderingContext2d>().ok()) {
        // The drawing has left its own style behind.
        context.set_font(&format!("{}px sans-serif", 11.0 * frame.scale));
        context.set_fill_style_str("#4F5B67");
        context.set_text_align("left");
        context.set_text_baseline("middle");
        let middle = (f64::from(frame.height) + f64::from(FOOTER) / 2.0) * frame.scale;
        let _ = context.fill_text(footer, 8.0 * frame.scale, middle);
    }
    let name = name.to_string();
    let done = Closure::once_into_js(move |blob: Option<Blob>| {
        if let Some(blob) = blob {
            offer(&name, &blob);
        }
    });
    let _ = canvas.to_blob(done.unchecked_ref());
}
