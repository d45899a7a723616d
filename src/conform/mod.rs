//! Recordings of real systems, held against the simulator: a recording becomes a scenario, the very same `Simulation`
//! runs it, and what came of it is compared.
//!
//! A recording of Kafka is JSON of the schema `streamproof-kafka-golden/1`, one file a family of cases, and each family is a
//! module of its own in `FAMILIES`. A recording of Flink is a JSON array of cases. Rules are compared, never fitted: a case that the model cannot express is skipped with its
//! reason, and so is one whose outcome rests on a gap of the mock broker that played it.

mod consumer;
#[cfg(not(feature = "lean"))]
mod flink;
#[cfg(not(feature = "lean"))]
mod flink_recovery;
mod measure;
mod mock;
mod pipeline;
mod producer;
mod restart;
mod seen;
#[cfg(not(feature = "lean"))]
mod spark;
mod transaction;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::fmt;
use std::path::{Path, PathBuf};

/// The schema that is read.
pub const SCHEMA: &str = "streamproof-kafka-golden/1";

/// Seeds that every case is run with.
pub const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

/// A kind of cases that one module turns into scenarios.
pub struct Family {
    pub name: &'static str,
    pub check: fn(&Case) -> Result<Checked, RecordingError>,
}

/// Every family that is read; one more is one more line here.
const FAMILIES: &[Family] = &[
    producer::FAMILY,
    restart::FAMILY,
    mock::FAMILY,
    consumer::FAMILY,
    pipeline::FAMILY,
    transaction::FAMILY,
];

/// A recording that cannot be read: the file, the place in it, and what is wrong with the value there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingError(String);

impl RecordingError {
    pub fn new(place: &str, problem: impl fmt::Display) -> Self {
        RecordingError(format!("{place}: {problem}"))
    }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RecordingError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    schema: String,
    family: String,
    #[serde(rename = "client")]
    _client: Map<String, Value>,
    #[serde(default, rename = "mock_gaps")]
    _mock_gaps: Map<String, Value>,
    cases: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    id: String,
    broker: String,
    config: Map<String, Value>,
    workload: Map<String, Value>,
    fault: Map<String, Value>,
    #[serde(rename = "runs")]
    _runs: u32,
    observed: Map<String, Value>,
    #[serde(default, rename = "note")]
    _note: Option<String>,
    #[serde(default, rename = "java_client_differs")]
    _java_client_differs: Option<String>,
    #[serde(default)]
    mock_deviates: Vec<String>,
}

/// One recorded case; its family reads the sections.
pub struct Case {
    /// File and place, for errors.
    pub place: String,
    pub id: String,
    pub config: Map<String, Value>,
    pub workload: Value,
    pub fault: Value,
    pub observed: Value,
    /// Gaps of the mock broker that this case may rest on.
    pub mock_deviates: Vec<String>,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    Passed,
    Failed(Vec<Difference>),
    Skipped(Skip),
}

/// A field in which recording and simulation differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub field: String,
    pub recorded: String,
    pub simulated: String,
}

/// Why a case was not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// What it needs is missing here; `docs/fidelity.md` says so.
    NotModelled(String),
    /// Its outcome rests on something that the mock broker does unlike a real one.
    MockGap(String),
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Skip::NotModelled(what) => write!(f, "not modelled: {what}"),
            Skip::MockGap(gap) => write!(f, "mock gap: {gap}"),
        }
    }
}

/// Reads a section of a case; every field must be known.
pub fn read<T: DeserializeOwned>(place: &str, value: &Value) -> Result<T, RecordingError> {
    T::deserialize(value).map_err(|error| RecordingError::new(place, error))
}

/// The cases of some recordings and what came of them.
#[derive(Default)]
pub struct Conformance {
    /// File, id, outcome.
    pub cases: Vec<(String, String, Checked)>,
}

impl Conformance {
    /// Checks every recording of these files and folders.
    pub fn of(paths: &[&Path]) -> Result<Self, RecordingError> {
        let mut conformance = Conformance::default();
        for file in files(paths)? {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(&file)
                .map_err(|error| RecordingError::new(&name, format!("cannot be read: {error}")))?;
            conformance.add(&name, &text)?;
        }
        Ok(conformance)
    }

    /// Checks one recording.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), RecordingError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| RecordingError::new(file, format!("not JSON: {error}")))?;
        #[cfg(not(feature = "lean"))]
        if let Value::Array(cases) = &value {
            let add = |id, checked| self.cases.push((file.to_string(), id, checked));
            return flink::check(file, cases, add);
        }
        #[cfg(not(feature = "lean"))]
        if spark::is_recording(&value) {
            let checked = spark::check(file, &value)?.into_iter();
            let named = checked.map(|(name, checked)| (file.to_string(), name, checked));
            self.cases.extend(named);
            return Ok(());
        }
        let recording: Recording = read(file, &value)?;
        if recording.schema != SCHEMA {
            let problem = format!(
                "\"{}\" is not known; accepted is {SCHEMA}",
                recording.schema
            );
            return Err(RecordingError::new(&format!("{file}: schema"), problem));
        }
        let name = recording.family.as_str();
        let family = FAMILIES.iter().find(|family| family.name == name);
        if family.is_none() {
            let known: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
            let problem = format!("\"{name}\" is not known; accepted are {}", known.join(", "));
            return Err(RecordingError::new(&format!("{file}: family"), problem));
        }
        for (index, value) in recording.cases.iter().enumerate() {
            let place = format!("{file}: cases[{index}]");
            let raw: RawCase = read(&place, value)?;
            let place = format!("{place} ({})", raw.id);
            if !["reference", "librdkafka-mock"].contains(&raw.broker.as_str()) {
                let problem = format!(
                    "\"{}\" is not known; accepted are reference, librdkafka-mock",
                    raw.broker
                );
                return Err(RecordingError::new(&format!("{place}.broker"), problem));
            }
            let case = Case {
                place,
                id: raw.id,
                config: raw.config,
                workload: Value::Object(raw.workload),
                fault: Value::Object(raw.fault),
                observed: Value::Object(raw.observed),
                mock_deviates: raw.mock_deviates,
            };
            let checked = match family {
                Some(family) => (family.check)(&case)?,
                None => Checked::Skipped(Skip::NotModelled(format!("recordings of {name}s"))),
            };
            self.cases.push((file.to_string(), case.id, checked));
        }
        Ok(())
    }

    fn count(&self, wanted: fn(&Checked) -> bool) -> usize {
        let checked = self.cases.iter().map(|(_, _, checked)| checked);
        checked.filter(|checked| wanted(checked)).count()
    }

    pub fn passed(&self) -> usize {
        self.count(|checked| *checked == Checked::Passed)
    }

    pub fn failed(&self) -> usize {
        self.count(|checked| matches!(checked, Checked::Failed(_)))
    }

    pub fn skipped(&self) -> usize {
        self.count(|checked| matches!(checked, Checked::Skipped(_)))
    }

    /// `N passed, N failed, N skipped`.
    pub fn summary(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed(),
            self.failed(),
            self.skipped()
        )
    }

    pub fn to_json(&self) -> Value {
        let case = |(file, id, checked): &(String, String, Checked)| match checked {
            Checked::Passed => json!({"file": file, "id": id, "outcome": "passed"}),
            Checked::Skipped(why) => {
                json!({"file": file, "id": id, "outcome": "skipped", "reason": why.to_string()})
            }
            Checked::Failed(differences) => {
                let differences: Vec<Value> = differences
                    .iter()
                    .map(|d| json!({"field": d.field, "recorded": d.recorded, "simulated": d.simulated}))
                    .collect();
                json!({"file": file, "id": id, "outcome": "failed", "differences": differences})
            }
        };
        json!({
            "cases": self.cases.iter().map(case).collect::<Vec<Value>>(),
            "passed": self.passed(),
            "failed": self.failed(),
            "skipped": self.skipped(),
        })
    }
}

/// A line a case, and the totals.
impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (_, id, checked) in &self.cases {
            match checked {
                Checked::Passed => writeln!(f, "passed   {id}")?,
                Checked::Skipped(why) => writeln!(f, "skipped  {id}: {why}")?,
                Checked::Failed(differences) => {
                    for d in differences {
                        writeln!(
                            f,
                            "failed   {id}: {}: recorded {}, simulated {}",
                            d.field, d.recorded, d.simulated
                        )?;
                    }
                }
            }
        }
        writeln!(f, "{}", self.summary())
    }
}

/// The files meant by these paths; a folder means the JSON files in it.
fn files(paths: &[&Path]) -> Result<Vec<PathBuf>, RecordingError> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.to_path_buf());
            continue;
        }
        let place = path.display().to_string();
        let unreadable = |error| RecordingError::new(&place, format!("cannot be read: {error}"));
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            inside.push(entry.map_err(unreadable)?.path());
        }
        inside.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        if inside.is_empty() {
            return Err(RecordingError::new(&place, "no .json file in this folder"));
        }
        inside.sort();
        found.extend(inside);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let mut conformance = Conformance::default();
        let added = conformance.add("f.json", text);
        added.expect_err("should be refused").to_string()
    }

    #[test]
    fn errors_name_the_file_the_place_the_value_and_what_is_accepted() {
        let file = |family: &str, case: &str| {
            format!(
                r#"{{"schema": "{SCHEMA}", "family": "{family}", "client": {{}}, "cases": [{case}]}}"#
            )
        };
        let case = |broker: &str, fault: &str, verdict: &str| {
            format!(
                r#"{{"id": "x", "broker": "{broker}", "config": {{"acks": "1", "message.send.max.retries": 0}}, "workload": {{"messages": 1}}, "fault": {fault}, "runs": 1, "observed": {{"ranges": {{}}, "patterns": [], "verdict": ["{verdict}"]}}}}"#
            )
        };
        let none = r#"{"name": "none"}"#;
        for (text, expected) in [
            ("{".to_string(), "f.json: not JSON"),
            (
                r#"{"schema": "x/1", "family": "producer", "client": {}, "cases": []}"#.into(),
                "f.json: schema: \"x/1\" is not known; accepted is streamproof-kafka-golden/1",
            ),
            (
                file("teapot", ""),
                "f.json: family: \"teapot\" is not known; accepted are producer, restart, mock, consumer, pipeline, transaction",
            ),
            (
                file("producer", r#"{"ident": 1}"#),
                "f.json: cases[0]: unknown field `ident`, expected one of `id`, `broker`",
            ),
            (
                file("producer", &case("kafka", none, "clean")),
                "f.json: cases[0] (x).broker: \"kafka\" is not known; accepted are reference, librdkafka-mock",
            ),
            (
                file(
                    "producer",
                    &case("reference", r#"{"name": "f", "at": 1}"#, "clean"),
                ),
                "f.json: cases[0] (x).fault: unknown field `at`, expected one of `name`, `api`",
            ),
            (
                file(
                    "producer",
                    &case(
                        "reference",
                        r#"{"name": "f", "action": "explode", "at_request": 0}"#,
                        "clean",
                    ),
                ),
                "f.json: cases[0] (x).fault.action: \"explode\" is not known; accepted are apply_then_close",
            ),
            (
                file("producer", &case("reference", none, "fine")),
                "f.json: cases[0] (x).observed: unknown variant `fine`, expected one of `clean`",
            ),
        ] {
            let error = error(&text);
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
