//! Mounts the page.

#[cfg(target_arch = "wasm32")]
fn main() {
    streamproof::app::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the page runs in a browser; `./run` builds and serves it");
}
