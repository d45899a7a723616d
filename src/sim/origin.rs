//! Who a record really is. The dye that the simulation cannot read.
//!
//! An origin has no equality, order, hash or text, so no simulated system can deduplicate by accident: it does not compile.
//! Its number is read through [`number`], which only `trace`, `ledger` and `replay` may call.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Ground truth about a business event: `#17` on screen.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(u32);

impl Origin {
    /// The nth business event of the run, counted from 1. Only `workload` makes origins.
    pub(in crate::sim) const fn nth(n: u32) -> Self {
        Origin(n)
    }
}

/// The number of a business event, for those who judge and show. Never for those who process.
pub const fn number(origin: Origin) -> u32 {
    origin.0
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin")
    }
}
