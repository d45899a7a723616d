//! The event-time lab's worker: it keeps the arrivals and does the arithmetic.

#[cfg(target_arch = "wasm32")]
fn main() {
    streamproof::app::event_time::worker::serve();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the analysis runs in a browser; `streamproof arrivals` does the same in a terminal");
}
