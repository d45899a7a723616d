//! Serves jobs, in a Web Worker or, where none may start, on the page: requests and answers are postcard bytes.

#[cfg(target_arch = "wasm32")]
fn main() {
    streamproof::app::worker::serve();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the worker runs in a browser; `./run` builds and serves the page");
}
