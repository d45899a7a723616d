//! Where a segment's rows end up. One folder a sink, and the section of a scenario that chooses one. Spark's driver and
//! executor and the store still name Hudi's parts themselves.

pub mod console;
pub mod hudi;

use super::engines::{EngineKind, EngineSection};
use super::scenario::ScenarioError;
use serde::{Deserialize, Serialize};

/// Which sink is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    #[default]
    Hudi,
    /// Where a plain consumer's effects are seen.
    Console,
}

/// The sink of a segment: all variants keep their settings, so switching back finds them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SinkSection {
    #[serde(rename = "use")]
    pub kind: SinkKind,
    pub hudi: hudi::HudiConfig,
    pub console: console::ConsoleConfig,
}

impl SinkSection {
    pub fn validate(&self, place: &str, engine: &EngineSection) -> Result<(), ScenarioError> {
        let fits = match engine.kind {
            EngineKind::Spark => self.kind == SinkKind::Hudi,
            EngineKind::Consumer => self.kind == SinkKind::Console,
        };
        if !fits {
            return Err(ScenarioError::new(
                format!("{place}.use"),
                "engine.use \"spark\" writes to \"hudi\", and engine.use \"consumer\" to \"console\"",
            ));
        }
        self.hudi.validate(&format!("{place}.hudi"), engine)
    }
}
