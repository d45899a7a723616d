//! Mounts the event-time lab, a page of its own.

#[cfg(target_arch = "wasm32")]
fn main() {
    streamproof::app::event_time::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the lab runs in a browser; `./run` builds and serves it");
}
