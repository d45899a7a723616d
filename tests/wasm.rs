//! What only a real browser can show; `./test` runs this in headless Chromium.
#![cfg(target_arch = "wasm32")]

mod digests;

use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn a_document_is_there() {
    assert!(
        web_sys::window()
            .and_then(|window| window.document())
            .is_some()
    );
}

#[wasm_bindgen_test]
fn the_browser_gives_the_digests_that_native_code_gives() {
    digests::check();
}
