//! Where a segment's rows end up. One folder a sink, and the section of a scenario that chooses one. Spark's driver and
//! executor and the store still name Hudi's parts themselves.

pub mod hudi;

use super::engines::EngineSection;
use super::scenario::ScenarioError;
use serde::{Deserialize, Serialize};

/// Which sink is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    #[default]
    Hudi,
}

/// The sink of a segment: all variants keep their settings, so switching back finds them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SinkSection {
    #[serde(rename = "use")]
    pub kind: SinkKind,
    pub hudi: hudi::HudiConfig,
}

impl SinkSection {
    pub fn validate(&self, place: &str, engine: &EngineSection) -> Result<(), ScenarioError> {
        self.hudi.validate(&format!("{place}.hudi"), engine)
    }
}
