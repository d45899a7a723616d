//! Hudi's part: the options of a table.

use super::{Properties, Segment, Settings};
use crate::sim::Scenario;
use serde_json::Value;

/// Written whatever they are.
const TAUGHT: [&str; 4] = [
    "hoodie.datasource.write.operation",
    "hoodie.datasource.write.recordkey.field",
    "hoodie.datasource.write.partitionpath.field",
    "hoodie.datasource.write.streaming.checkpoint.identifier",
];

/// The options of a segment's table, in order. Every key of Hudi's begins with `hoodie.`, and nothing else of a scenario does.
pub fn options(segment: &Segment) -> Vec<(String, String)> {
    let settings = Settings(&segment.sinks["hudi"]);
    let default = Scenario::default().to_value();
    let default = &default["sink"]["hudi"];
    let mut options = vec![("hoodie.table.name".to_string(), segment.title())];
    let keys = settings
        .0
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key);
    for key in keys.filter(|key| key.starts_with("hoodie.")) {
        let taught = || {
            TAUGHT
                .contains(&key.as_str())
                .then(|| settings.get(key))
                .flatten()
        };
        if let Some(value) = settings.unlike(default, key).or_else(taught) {
            options.push((key.clone(), value));
        }
    }
    // The rows of windows have their window for a key.
    let windowed = segment.engine == "spark"
        && segment
            .engine()
            .get("window.type")
            .is_some_and(|kind| kind != "none");
    if windowed {
        for (key, value) in &mut options {
            if key == "hoodie.datasource.write.recordkey.field" {
                *value = "window_start".into();
            }
        }
    }
    options
}

pub fn properties(whole: &Value, segment: &Segment) -> String {
    let mut file = Properties::default();
    let title = whole["title"].as_str().unwrap_or_default();
    file.comment(&format!("Table \"{}\" of \"{title}\"", segment.title()));
    for (key, value) in options(segment) {
        file.set(&key, &value);
    }
    if segment.sink().is("sink.writer", "foreach_batch") {
        file.comment("written by foreachBatch: the checkpoint identifier has no effect there");
    }
    file.0
}
