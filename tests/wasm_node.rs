//! The simulator as WebAssembly without a browser; `./test` runs this in Node.
#![cfg(target_arch = "wasm32")]

mod digests;

use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn there_is_no_window() {
    assert!(web_sys::window().is_none());
}

#[wasm_bindgen_test]
fn node_gives_the_digests_that_native_code_gives() {
    digests::check();
}
