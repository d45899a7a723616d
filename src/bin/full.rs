//! Serves jobs like `worker`, with every part of the simulator in it.

#[cfg(target_arch = "wasm32")]
fn main() {
    streamproof::app::worker::serve();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the worker runs in a browser; `./run` builds and serves the page");
}
