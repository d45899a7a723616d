//! Streamproof: a teaching sandbox in which a streaming pipeline loses and doubles records before your eyes.
//!
//! - [`sim`]: the simulator. A scenario in, a run out; no browser, no clock, no I/O
//! - [`replay`]: a run looked at: the board at a playhead, why an order became what it became, series for charts
//! - [`lesson`]: lessons as Markdown, their checks, the course
//! - [`plot`]: the charts, drawn on any plotters backend
//! - `arrivals`: the learner's own arrivals: delays, watermarks and windows over a list of event and arrival times
//! - [`charts`]: what the page asks the charts' program
//! - [`job`]: a run in slices, the same in a worker and on the page
//! - [`share`]: a run as a link and as a file
//! - `decide`: from what a missing event costs to a guarantee, its settings and a decision record
//! - `export`: the settings of a scenario as the real systems read them; native only
//! - `conform`: recordings of real systems against the simulator; native only
//! - [`app`]: the browser: Yew components, and whoever can be found to run a job

#[cfg(all(feature = "app", not(feature = "lean")))]
pub mod app;
/// The worker that opens the page has no page in it.
#[cfg(all(feature = "app", feature = "lean"))]
pub mod app {
    pub mod worker;
}
#[cfg(not(feature = "lean"))]
pub mod arrivals;
pub mod charts;
#[cfg(not(target_arch = "wasm32"))]
pub mod conform;
#[cfg(not(feature = "lean"))]
pub mod decide;
#[cfg(not(target_arch = "wasm32"))]
pub mod export;
pub mod job;
pub mod lesson;
pub mod plot;
pub mod replay;
pub mod share;
pub mod sim;
