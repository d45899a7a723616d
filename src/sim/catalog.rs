//! The presets: named scenarios. An id is never reused for another content, because links name it.
//!
//! Most are a mistake: what it shows, and the change that cures it, are claims that a test runs.

use super::scenario::{Patch, Scenario};
use serde_json::Value;

/// A named scenario.
pub struct Preset {
    pub id: &'static str,
    /// Under which heading it is offered.
    pub group: &'static str,
    json: &'static str,
}

/// What a preset that stages a mistake says of itself, as its file has it.
pub struct Mistake {
    /// One sentence.
    pub about: String,
    /// What a run of it shows, as a check of a lesson: `dup > 0`.
    pub shows: String,
    pub cure: Patch,
    /// What a run with the cure shows.
    pub cured: String,
}

/// The scenario that the page opens with.
pub const OPENING: &str = "order-billing";

macro_rules! presets {
    ($($group:literal: $($id:literal),*;)*) => {
        const PRESETS: &[Preset] = &[$($(Preset {
            id: $id,
            group: $group,
            json: include_str!(concat!("catalog/", $id, ".json")),
        }),*),*];
    };
}

presets! {
    "Start": "order-billing";
    "Kafka: producer and brokers": "acks-zero", "acks-one", "isr-of-one", "one-broker-stops-all", "stored-but-invisible", "unclean-election", "all-lose-power", "sent-again-after-restart", "failed-but-stored", "unread-reports", "five-in-flight";
    "Kafka: consumers": "auto-commit-again", "auto-commit-pool", "commit-first", "latest-skips", "slow-poll", "zombie-consumer";
    "Kafka: transactions": "read-uncommitted", "random-transactional-id", "shared-transactional-id", "transaction-too-slow", "beyond-kafka", "exactly-once-topic";
    "Spark: checkpoint and sink": "append-after-write", "guard-against-new-ids", "new-checkpoint-latest", "two-applications", "data-loss-ignored";
    "Spark: windows and state": "update-added", "complete-never-forgets", "last-window-waits", "one-wrong-clock", "duplicates-never-forgotten", "replay-behind-dedup";
    "Hudi": "checkpoint-is-not-enough", "key-per-attempt", "partition-by-status", "no-ordering-field", "ordering-in-seconds", "old-versions-replayed", "checkpoint-deleted", "ignored-batch", "no-combining", "dropped-updates", "read-optimized-view", "feed-of-an-exact-table", "error-after-the-commit", "overwrite-per-batch", "garbage-stays";
    "Flink": "flink-transaction-timeout", "flink-default-timeout", "flink-no-commit", "flink-dirty-reader", "flink-plain-sink", "flink-ahead-of-the-barrier", "flink-job-manager-alone", "flink-silent-partition", "flink-idle-or-stuck", "flink-refires", "flink-tolerated";
    "Pipelines": "four-branches", "marketplace", "decision";
}

impl Preset {
    pub fn scenario(&self) -> Scenario {
        let value = self.value();
        let scenario = match value["base"].as_str() {
            None => Scenario::from_value(&value),
            Some(base) => find(base)
                .unwrap_or_else(|| panic!("preset {}: no preset is called {base}", self.id))
                .scenario()
                .patched(&Patch(value["patch"].clone())),
        };
        scenario.unwrap_or_else(|error| panic!("preset {}: {error}", self.id))
    }

    /// The title of its scenario.
    pub fn title(&self) -> String {
        let value = self.value();
        let title = value["title"].as_str().or(value["patch"]["title"].as_str());
        title.unwrap_or_default().to_string()
    }

    /// What it stages, if it stages a mistake.
    pub fn mistake(&self) -> Option<Mistake> {
        let value = self.value();
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_string();
        Some(Mistake {
            about: text("about"),
            shows: text("shows"),
            cure: Patch(value.get("cure")?.clone()),
            cured: text("cured"),
        })
    }

    fn value(&self) -> Value {
        serde_json::from_str(self.json)
            .unwrap_or_else(|error| panic!("preset {}: {error}", self.id))
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
        for preset in all() {
            let title = preset.title();
            assert!(
                !title.is_empty() && title == preset.scenario().title,
                "{}",
                preset.id
            );
            if let Some(mistake) = preset.mistake() {
                assert!(!mistake.about.is_empty(), "{}", preset.id);
            }
        }
    }
}
