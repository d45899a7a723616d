//! Everything a run depends on. The same scenario gives the same bytes everywhere.
//!
//! Plain data with the real keys of the real systems. Integers only: milliseconds, counts, parts per million, cents.
//! Closed: an unknown field is an error that names it. Fields left out have the default of the real system.

use super::engines::{EngineKind, EngineSection};
use super::fault::FaultSpec;
use super::json;
use super::kafka::config::{BrokerConfig, ProducerConfig, TopicConfig};
use super::listed::{self, Listed};
use super::sinks::{SinkKind, SinkSection, hudi};
use super::store::StoreConfig;
use super::suggest;
use super::workload::Change;
use crate::sim::ordered::OrdMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// Everything a run depends on.
///
/// `Deserialize` is for the binary form that travels to a worker; what a person wrote is read by
/// [`Scenario::parse`], which says where an error is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Of this format; 1.
    pub version: u32,
    /// What the scenario shows, in a few words.
    pub title: String,
    pub seed: u64,
    pub limits: Limits,
    pub workload: Workload,
    pub network: NetworkConfig,
    pub brokers: BrokerConfig,
    pub topic: TopicConfig,
    pub producer: ProducerConfig,
    pub engine: EngineSection,
    pub sink: SinkSection,
    pub store: StoreConfig,
    /// Further segments that read the topic, or what another segment writes.
    pub branches: OrdMap<String, Branch>,
    pub faults: OrdMap<String, FaultSpec>,
}

/// A segment beside the main one: own input, own engine, own sink, own verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Branch {
    /// What it reads: the topic, `main`, or the name of a branch that writes to a topic. Not set: the topic.
    pub from: Option<String>,
    pub engine: EngineSection,
    pub sink: SinkSection,
}

/// Where a run ends, whatever happens in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Simulated time after which the run stops, in ms.
    pub horizon_ms: u64,
    /// How long nothing but housekeeping may happen before the run counts as settled, in ms.
    pub settle_ms: u64,
    /// Handled events after which the run stops.
    pub events: u64,
    /// Orders that happen before this do not count for the latency percentiles, in ms.
    pub warm_up_ms: u64,
}

/// Who orders what, when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Workload {
    /// How many orders happen.
    pub orders: u32,
    /// The mean time between two of them, in ms; 0: all at once.
    pub every_ms: u64,
    /// How far a gap may stray from the mean, in percent of it.
    pub jitter_percent: u64,
    /// How many customers order; the record key is the customer.
    pub customers: u32,
    /// The calendar time of simulated time zero, in ms since 1970.
    pub zero_ms: i64,
    /// Orders that the till hands over late: number of the order, and by how many ms its event time lies back.
    pub late: OrdMap<u32, i64>,
    /// Events that change an earlier order instead of being a new one, by number.
    pub changes: OrdMap<u32, Change>,
    /// The share of events that update a recent order, in parts per million.
    pub update_share: u32,
    /// The share of events that move a recent order to another region, in parts per million.
    pub move_share: u32,
    /// The share of events that cancel a recent order, in parts per million.
    pub cancel_share: u32,
    /// How many regions orders belong to; order n begins in region n mod this.
    pub regions: u8,
    /// A quiet spell before the event of that number, in ms.
    pub silence: OrdMap<u32, u64>,
    /// Events one by one, in the order of arrival, in place of drawn ones; the first `orders` of them happen.
    #[serde(with = "super::sealed")]
    pub listed: Vec<Listed>,
}

/// How long messages travel between hosts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// The least one-way delay, in microseconds.
    pub min_us: u64,
    /// What is added on average, exponentially distributed, in microseconds.
    pub mean_extra_us: u64,
}

impl Default for Scenario {
    fn default() -> Self {
        Scenario {
            version: 1,
            title: String::new(),
            seed: 42,
            limits: Limits::default(),
            workload: Workload::default(),
            network: NetworkConfig::default(),
            brokers: BrokerConfig::default(),
            topic: TopicConfig::default(),
            producer: ProducerConfig::default(),
            engine: EngineSection::default(),
            sink: SinkSection::default(),
            store: StoreConfig::default(),
            branches: OrdMap::new(),
            faults: OrdMap::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            horizon_ms: 60_000,
            settle_ms: 3_000,
            events: 4_000_000,
            warm_up_ms: 0,
        }
    }
}

impl Default for Workload {
    fn default() -> Self {
        Workload {
            orders: 40,
            every_ms: 190,
            jitter_percent: 30,
            customers: 6,
            zero_ms: 1_772_355_596_000, // 2026-03-01 08:59:56 UTC
            late: OrdMap::new(),
            changes: OrdMap::new(),
            update_share: 0,
            move_share: 0,
            cancel_share: 0,
            regions: 2,
            silence: OrdMap::new(),
            listed: Vec::new(),
        }
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        NetworkConfig {
            min_us: 1_000,
            mean_extra_us: 1_000,
        }
    }
}

/// A change of a scenario: a JSON merge patch (RFC 7396).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Patch(pub Value);

impl Default for Patch {
    fn default() -> Self {
        Patch(Value::Object(Map::new()))
    }
}

impl Patch {
    pub fn parse(text: &str) -> Result<Patch, ScenarioError> {
        let value =
            serde_json::from_str(text).map_err(|e| ScenarioError::new("patch", e.to_string()))?;
        Patch::of(value)
    }

    /// The same from JSON at hand.
    pub fn of(value: Value) -> Result<Patch, ScenarioError> {
        if !value.is_object() {
            return Err(ScenarioError::new(
                "patch",
                format!(
                    "{} is not an object such as {{\"producer\": {{\"acks\": \"1\"}}}}",
                    json::Text(&value)
                ),
            ));
        }
        Ok(Patch(value))
    }

    /// One value at a path, such as `["producer", "acks"]`.
    pub fn at(path: &[&str], value: Value) -> Patch {
        Patch(path.iter().rev().fold(value, |inner, key| {
            let mut map = Map::new();
            map.insert((*key).to_string(), inner);
            Value::Object(map)
        }))
    }

    /// This patch, then another: one patch that does both.
    pub fn then(&self, other: &Patch) -> Patch {
        let mut both = self.0.clone();
        merge_patch(&mut both, &other.0);
        Patch(both)
    }

    pub fn is_empty(&self) -> bool {
        self.0.as_object().is_none_or(Map::is_empty)
    }
}

/// Like [`merge`], but a null stays, since a patch must go on removing what it removed.
fn merge_patch(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                merge_patch(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

/// RFC 7396: objects merge, null removes, anything else replaces.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (key, value) in patch {
            if value.is_null() {
                target.remove(key);
            } else {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

/// A scenario that cannot be run: the place, and what is wrong with the value there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    pub place: String,
    pub problem: String,
}

impl ScenarioError {
    pub fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        ScenarioError {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for ScenarioError {}

const SECTIONS: [&str; 14] = [
    "version", "title", "seed", "limits", "workload", "network", "brokers", "topic", "producer",
    "engine", "sink", "store", "branches", "faults",
];

impl Scenario {
    /// Reads a scenario file.
    pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|e| ScenarioError::new("scenario", format!("not JSON: {e}")))?;
        Scenario::from_value(&value)
    }

    /// The same from JSON at hand. Every section is read by itself, so that an error can say where it is.
    pub fn from_value(value: &Value) -> Result<Scenario, ScenarioError> {
        let Value::Object(map) = value else {
            return Err(ScenarioError::new(
                "scenario",
                "expected an object with the sections of a scenario",
            ));
        };
        for key in map.keys() {
            if !SECTIONS.contains(&key.as_str()) {
                return Err(ScenarioError::new(
                    key,
                    format!("no such section{}", suggest::did_you_mean(key, SECTIONS)),
                ));
            }
        }
        let mut branches = OrdMap::new();
        for (name, branch) in named(map, "branches")? {
            let place = format!("branches.{name}");
            if name.is_empty()
                || !name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            {
                return Err(ScenarioError::new(
                    place,
                    "a branch is named in lower-case letters, digits and dashes",
                ));
            }
            branches.insert(name.clone(), read(branch, &place)?);
        }
        let mut faults = OrdMap::new();
        for (name, fault) in named(map, "faults")? {
            let fault = read(fault, &format!("faults.{name}"))?;
            faults.insert(name.clone(), fault);
        }
        let known = Scenario::default();
        let scenario = Scenario {
            version: section_or(map, "version", known.version)?,
            title: section_or(map, "title", known.title)?,
            seed: section_or(map, "seed", known.seed)?,
            limits: section(map, "limits")?,
            workload: section(map, "workload")?,
            network: section(map, "network")?,
            brokers: section(map, "brokers")?,
            topic: section(map, "topic")?,
            producer: section(map, "producer")?,
            engine: section(map, "engine")?,
            sink: section(map, "sink")?,
            store: section(map, "store")?,
            branches,
            faults,
        };
        scenario.validate()?;
        Ok(scenario)
    }

    /// As JSON, without what a fault leaves open.
    pub fn to_value(&self) -> Value {
        let mut value = serde_json::to_value(self).expect("a scenario is plain data");
        if let Some(Value::Object(faults)) = value.get_mut("faults") {
            for fault in faults.values_mut().filter_map(Value::as_object_mut) {
                fault.retain(|_, field| !field.is_null());
            }
        }
        value
    }

    /// This scenario with a patch applied.
    pub fn patched(&self, patch: &Patch) -> Result<Scenario, ScenarioError> {
        let mut value = self.to_value();
        let mut patch = patch.0.clone();
        hudi::modern_keys(&mut patch);
        merge(&mut value, &patch);
        Scenario::from_value(&value)
    }

    /// The value at a path of keys.
    pub fn get(&self, path: &[&str]) -> Option<Value> {
        let mut value = self.to_value();
        for key in path {
            value = value.get_mut(*key)?.take();
        }
        Some(value)
    }

    /// What a build without consumer groups and transactions does not run.
    /// Whether it takes a build with everything in it to run this, and not only what the opening scenario needs.
    pub fn needs_full(&self) -> bool {
        self.refuse_groups().is_err()
    }

    fn refuse_groups(&self) -> Result<(), ScenarioError> {
        let refused = |place: String, what: &str| {
            let problem = format!("{what} is not in this build; the worker `full` has it");
            Err(ScenarioError::new(place, problem))
        };
        if !self.workload.listed.is_empty() {
            return refused("workload.listed".into(), "a list of events");
        }
        if self.producer.transactional_id.is_some() {
            return refused(
                "producer.transactional.id".into(),
                "a transactional producer",
            );
        }
        if self.producer.instances > 1 {
            return refused("producer.app.instances".into(), "a second instance");
        }
        let mut faults = self.faults.iter();
        if let Some((id, _)) = faults.find(|(_, fault)| fault.name.starts_with("checkpoint.")) {
            return refused(format!("faults.{id}.do"), "a damaged checkpoint");
        }
        let own = (String::new(), &self.sink);
        let branches = self.branches.iter();
        let sinks = branches.map(|(name, branch)| (format!("branches.{name}."), &branch.sink));
        for (place, sink) in std::iter::once(own).chain(sinks) {
            if sink.kind == SinkKind::Database {
                return refused(format!("{place}sink.use"), "an outside table");
            }
        }
        let branches = self.branches.iter();
        let engines = branches.map(|(name, branch)| (format!("branches.{name}."), &branch.engine));
        for (place, engine) in std::iter::once((String::new(), &self.engine)).chain(engines) {
            if engine.kind == EngineKind::Consumer {
                return refused(format!("{place}engine.use"), "a plain consumer");
            }
            if engine.kind == EngineKind::Flink {
                return refused(format!("{place}engine.use"), "a Flink job");
            }
            if let Some(key) = engine.spark.needs_full() {
                return refused(format!("{place}engine.spark.{key}"), "this setting");
            }
        }
        let branches = self.branches.iter();
        let sinks = branches.map(|(name, branch)| (format!("branches.{name}."), &branch.sink));
        for (place, sink) in std::iter::once((String::new(), &self.sink)).chain(sinks) {
            if sink.hudi.is_beyond_the_opening() {
                return refused(format!("{place}sink.hudi"), "a table with these settings");
            }
        }
        if self.workload.has_changes() {
            return refused("workload".into(), "an order with several versions");
        }
        for (name, fault) in &self.faults {
            if fault.strikes_a_table() {
                return refused(format!("faults.{name}.do"), "this fault");
            }
        }
        Ok(())
    }

    fn validate(&self) -> Result<(), ScenarioError> {
        let within = |place: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(ScenarioError::new(
                place,
                format!("{value} is out of range; {least} to {most} is accepted"),
            ))
        };
        within("version", u64::from(self.version), 1, 1)?;
        within("limits.horizon_ms", self.limits.horizon_ms, 1, 3_600_000)?;
        within("limits.settle_ms", self.limits.settle_ms, 100, 600_000)?;
        within("limits.events", self.limits.events, 1, 100_000_000)?;
        within(
            "workload.orders",
            u64::from(self.workload.orders),
            1,
            200_000,
        )?;
        within("workload.every_ms", self.workload.every_ms, 0, 3_600_000)?;
        within(
            "workload.jitter_percent",
            self.workload.jitter_percent,
            0,
            100,
        )?;
        within(
            "workload.customers",
            u64::from(self.workload.customers),
            1,
            100_000,
        )?;
        self.workload.validate()?;
        if super::FULL {
            listed::validate(&self.workload)?;
        }
        within("network.min_us", self.network.min_us, 0, 60_000_000)?;
        within("store.operation_us", self.store.operation_us, 0, 60_000_000)?;
        within(
            "network.mean_extra_us",
            self.network.mean_extra_us,
            0,
            60_000_000,
        )?;
        if self.branches.len() > 8 {
            return Err(ScenarioError::new(
                "branches",
                format!("{} branches; 8 at most are accepted", self.branches.len()),
            ));
        }
        super::tiers::validate(self)?;
        self.brokers.validate()?;
        self.topic.validate(self.brokers.count)?;
        self.producer.validate()?;
        self.engine.validate("engine")?;
        self.sink.validate("sink", &self.engine)?;
        for (name, branch) in &self.branches {
            branch.engine.validate(&format!("branches.{name}.engine"))?;
            branch
                .sink
                .validate(&format!("branches.{name}.sink"), &branch.engine)?;
        }
        if !super::FULL {
            self.refuse_groups()?;
        }
        let cast = super::cast(self);
        for (name, fault) in &self.faults {
            fault.lower(name, &cast)?;
            let partitions = u64::from(self.topic.partitions);
            let partition = u64::from(fault.partition.unwrap_or(0));
            within(
                &format!("faults.{name}.partition"),
                partition,
                0,
                partitions - 1,
            )?;
        }
        Ok(())
    }
}

fn section<T: DeserializeOwned + Default>(
    map: &Map<String, Value>,
    key: &str,
) -> Result<T, ScenarioError> {
    section_or(map, key, T::default())
}

fn section_or<T: DeserializeOwned>(
    map: &Map<String, Value>,
    key: &str,
    default: T,
) -> Result<T, ScenarioError> {
    map.get(key).map_or(Ok(default), |value| read(value, key))
}

/// What a section holds under names of the author's own.
fn named<'a>(
    map: &'a Map<String, Value>,
    key: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, ScenarioError> {
    let fields = match map.get(key) {
        None => None,
        Some(Value::Object(fields)) => Some(fields),
        Some(other) => {
            let problem = format!(
                "{} is no object with a name for each entry",
                json::Text(other)
            );
            return Err(ScenarioError::new(key, problem));
        }
    };
    Ok(fields.into_iter().flatten())
}

/// Reads one section; an unknown key gets the nearest known one as a suggestion.
fn read<T: DeserializeOwned>(value: &Value, place: &str) -> Result<T, ScenarioError> {
    json::read(value).map_err(|e| {
        let text = e.to_string();
        let named: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
        let hint = match named.split_first() {
            Some((found, known)) if text.starts_with("unknown field") => {
                suggest::did_you_mean(found, known.iter().copied())
            }
            _ => String::new(),
        };
        ScenarioError::new(place, format!("{text}{hint}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Scenario::parse(text)
            .expect_err("should be refused")
            .to_string()
    }

    #[test]
    fn errors_name_the_place_the_value_and_what_is_accepted() {
        for (text, expected) in [
            (
                r#"{"prodcer": {}}"#,
                "prodcer: no such section; did you mean \"producer\"?",
            ),
            (
                r#"{"workload": {"orders": 0}}"#,
                "workload.orders: 0 is out of range; 1 to 200000 is accepted",
            ),
            (
                r#"{"producer": {"acks": "2"}}"#,
                "producer: unknown variant `2`, expected one of `0`, `1`, `all`",
            ),
            (
                "[]",
                "scenario: expected an object with the sections of a scenario",
            ),
        ] {
            assert_eq!(error(text), expected);
        }
        assert!(error(r#"{"producer": {"acsk": "1"}}"#).ends_with("did you mean \"acks\"?"));
        assert!(error("{").starts_with("scenario: not JSON"));
    }

    #[test]
    fn a_patch_merges_and_null_removes() {
        let base =
            Scenario::parse(r#"{"faults": {"a": {"do": "net.reset", "where": "p1>b1", "at": 5}}}"#)
                .expect("valid");
        let patched = base.patched(
            &Patch::parse(r#"{"producer": {"acks": "1"}, "faults": {"a": null}}"#).expect("valid"),
        );
        let patched = patched.expect("valid");
        assert!(patched.faults.is_empty());
        assert_eq!(patched.get(&["producer", "acks"]), Some(Value::from("1")));
    }

    #[test]
    fn two_patches_are_one_patch() {
        let first =
            Patch::parse(r#"{"producer": {"acks": "1"}, "faults": {"a": null}}"#).expect("valid");
        let second = Patch::parse(r#"{"producer": {"retries": 0}}"#).expect("valid");
        assert_eq!(
            first.then(&second).0,
            serde_json::json!({"producer": {"acks": "1", "retries": 0}, "faults": {"a": null}})
        );
    }

    #[test]
    fn a_scenario_written_out_reads_back_the_same() {
        for preset in crate::sim::catalog::all() {
            let scenario = preset.scenario();
            assert_eq!(
                Scenario::from_value(&scenario.to_value()).expect("valid"),
                scenario
            );
        }
    }
}
