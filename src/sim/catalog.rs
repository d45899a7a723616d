//! The presets: named scenarios. An id is never reused for another content, because links name it.

use super::scenario::Scenario;

/// A named scenario.
pub struct Preset {
    pub id: &'static str,
    json: &'static str,
}

/// The scenario that the page opens with.
pub const OPENING: &str = "order-billing";

const PRESETS: &[Preset] = &[
    Preset {
        id: OPENING,
        json: include_str!("catalog/order-billing.json"),
    },
    #[cfg(not(feature = "lean"))]
    Preset {
        id: "four-branches",
        json: include_str!("catalog/four-branches.json"),
    },
];

impl Preset {
    pub fn scenario(&self) -> Scenario {
        Scenario::parse(self.json).unwrap_or_else(|error| panic!("preset {}: {error}", self.id))
    }
}

pub fn all() -> &'static [Preset] {
    PRESETS
}

pub fn find(id: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_valid_scenario_with_an_id_of_its_own() {
        let mut ids: Vec<&str> = all().iter().map(|preset| preset.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all().len());
        assert!(
            all()
                .iter()
                .all(|preset| !preset.scenario().title.is_empty())
        );
    }
}
