//! Streamproof.
pub mod lesson;
pub mod plot;
pub mod sim;
