//! Draws the charts of the page and tells them in words: a program of its own, loaded after the first picture.

#[cfg(target_arch = "wasm32")]
fn main() {
    streamproof::app::plotter::serve();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the charts run in a browser; `./run` builds and serves the page");
}
