//! The decision framework: questions to the business, the guarantee that follows, the settings that give it, and what runs say
//! about it.
//!
//! - [`questions`]: what is asked and can be answered
//! - [`tree`]: from answers to a leaf
//! - [`profile`]: from a leaf to the settings of every layer
//! - [`plan`]: the profile, its alternatives and its risks, and what to ask the simulator
//! - [`measure`]: what a run costs
//! - [`record`]: all of it as a document, bound to its run
//! - [`command`]: the terminal
//!
//! No guarantee is claimed here by rule: the tree chooses, and exploring says whether what it chose held.

#[cfg(not(target_arch = "wasm32"))]
pub mod command;
pub mod measure;
pub mod plan;
pub mod profile;
pub mod questions;
pub mod record;
pub mod tree;

pub use plan::{Findings, Plan};
pub use questions::{Case, Refused, cases};

#[cfg(not(target_arch = "wasm32"))]
use crate::sim::explore::crash_points::Exploration;
#[cfg(not(target_arch = "wasm32"))]
use crate::sim::{Keep, Simulation};

/// Asks the simulator everything that a plan wants to know, at once.
#[cfg(not(target_arch = "wasm32"))]
pub fn investigate(plan: &Plan) -> Findings {
    let answer = |ask: plan::Ask| match ask {
        plan::Ask::Run(scenario) => plan::Told::Run(measure::Measures::of(&Simulation::run(
            &scenario,
            Keep::Trace,
        ))),
        plan::Ask::Explore(scenario, reach) => {
            let report = Exploration::run(&scenario, reach);
            plan::Told::Explored(report.expect("a plan explores with what every scenario has"))
        }
    };
    let told = plan.asks().into_iter().map(answer).collect();
    plan.findings(told)
        .expect("every question was answered in its order")
}
