//! Files that lie beside the page.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

/// The text of a file, its path relative to the page. The error says which file and what happened.
pub async fn text(path: &str) -> Result<String, String> {
    let failed = |what: String| format!("{path} could not be loaded: {what}");
    let unreachable =
        |_: JsValue| failed("no answer; check the connection and load the page again".into());
    let window = web_sys::window().ok_or_else(|| failed("there is no page".into()))?;
    let answer = JsFuture::from(window.fetch_with_str(path))
        .await
        .map_err(unreachable)?;
    let response: Response = answer.unchecked_into();
    if !response.ok() {
        return Err(failed(format!("the server answered {}", response.status())));
    }
    let body = JsFuture::from(response.text().map_err(unreachable)?)
        .await
        .map_err(unreachable)?;
    body.as_string()
        .ok_or_else(|| failed("it is no text".into()))
}
