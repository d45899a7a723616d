//! The simulator as WebAssembly without a browser; `./test` runs this in Node.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn there_is_no_window() {
    assert!(web_sys::window().is_none());
}
