//! Streamproof.
pub mod lesson;
pub mod plot;
pub mod replay;
pub mod sim;
