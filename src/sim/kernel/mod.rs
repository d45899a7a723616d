//! What any discrete-event simulation needs: time, an agenda, chance, a network, hosts that can crash.
//!
//! The kernel knows neither Kafka nor engines nor sinks.

pub mod agenda;
pub mod context;
pub mod host;
pub mod network;
pub mod rng;
pub mod time;
#[cfg(not(feature = "lean"))]
pub mod wire;

pub use agenda::{Agenda, Event, What};
pub use context::{Context, Kernel};
pub use host::{Host, HostId, Loses, Program};
pub use network::{Network, Reply};
pub use rng::Draw;
pub use time::{EventTime, Span, Time};
