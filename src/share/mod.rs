//! The run as an address: a scenario as a link and as a run file, and back.
//!
//! ```text
//! link  := "r=1;sc=" ID [";seed=" N] [";set=" set {"," set}] [";f=" fault {"," fault}] [";t=" MS] [";d=" 16 HEX]
//! set   := KEY ["@" SECTION] ":" VALUE
//! fault := NAME {"." ARG} "@" WHEN [":" HOST [">" HOST]]  |  "-" FAULTID
//! WHEN  := MS ["-" MS] | "step." N | "request." N | "after." FACT "." N
//! ```
//!
//! A link says how its scenario differs from a named one, in this order and in nothing but whole numbers and words; what is
//! outside `[A-Za-z0-9._:,;@>=-]` is percent-encoded. What it cannot say (another branch, a list of late orders) goes into a
//! run file, which has the same change as a JSON merge patch. Links of version 1 are read for ever: `tests/golden/links.txt`.

mod fault;
mod setting;

pub use fault::fresh_id;

use crate::sim::catalog::{self, Preset};
use crate::sim::json::Text;
use crate::sim::kernel::Time;
use crate::sim::{Patch, Scenario, suggest};
use serde_json::{Map, Value, json};
use std::fmt;

/// A run that somebody shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The named scenario.
    pub id: &'static str,
    pub scenario: Scenario,
    /// Where the playhead was.
    pub at: Option<Time>,
    /// Of the run that was shared.
    pub digest: Option<u64>,
}

/// Who reads: the page keeps what strangers send small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Page,
    Terminal,
}

/// Characters of a link that the page reads and writes.
pub const LONGEST: usize = 2_000;
/// Bytes of a run file that the page reads.
pub const LARGEST: usize = 1_000_000;
/// Faults of a scenario that the page reads.
const MOST_FAULTS: usize = 64;
/// What else the page does not go beyond, wherever a file may.
const MOST: [(&str, &str, u64); 4] = [
    ("topic", "partitions", 16),
    ("brokers", "count", 5),
    ("workload", "orders", 200_000),
    ("limits", "horizon_ms", 3_600_000),
];

/// A link or run file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// The part as it stands there, such as `set=acsk`; empty: all of it.
    pub place: String,
    pub problem: String,
    /// The scenario to start from instead, if its name could be read.
    pub id: Option<&'static str>,
}

impl LinkError {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        LinkError {
            place: place.into(),
            problem: problem.into(),
            id: None,
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.problem),
            place => write!(f, "This link is damaged at `{place}`: {}", self.problem),
        }
    }
}

impl std::error::Error for LinkError {}

/// Why a scenario has no link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoLink {
    /// What a link has no words for.
    Unsayable(String),
    /// So many characters.
    TooLong(usize),
}

impl fmt::Display for NoLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoLink::Unsayable(what) => write!(f, "a link has no words for {what}"),
            NoLink::TooLong(length) => {
                write!(
                    f,
                    "a link would have {length} characters, {LONGEST} at most"
                )
            }
        }
    }
}

impl Link {
    /// Reads a link, with or without the `#` or `?` in front.
    pub fn read(text: &str, reader: Reader) -> Result<Link, LinkError> {
        let text = text.trim_start_matches(['#', '?']);
        if reader == Reader::Page && text.len() > LONGEST {
            let problem = format!(
                "This link has {} characters; {LONGEST} at most are accepted. A longer run travels as a run file.",
                text.len()
            );
            return Err(LinkError::new("", problem));
        }
        // Some tools encode an address once more as a whole.
        let whole;
        let text = if text.contains(';') {
            text
        } else {
            whole = decode(text).ok_or_else(|| LinkError::new(shown(text), NOT_ENCODED))?;
            &whole
        };
        let strange = |c: char| !(c.is_ascii_alphanumeric() || "._:,;@>=-%*".contains(c));
        if let Some(place) = text.split([';', ',']).find(|part| part.contains(strange)) {
            let problem = "only A-Z a-z 0-9 . _ : , ; @ > = - and %XX are accepted";
            return Err(LinkError::new(shown(place), problem));
        }
        let mut parts = Parts::of(text)?;
        match parts.take("r") {
            Some("1") => {}
            Some(other) if whole_number(other).is_some() => {
                let problem = "this page reads links of version 1";
                return Err(LinkError::new(named("r", other), problem));
            }
            other => {
                let place = other.map_or_else(|| shown(text), |other| named("r", other));
                return Err(LinkError::new(place, "a link begins with r=1"));
            }
        }
        let preset = preset_of(parts.take("sc").unwrap_or_default())?;
        let link = Link::of_parts(preset, parts, reader);
        link.map_err(|error| LinkError {
            id: Some(preset.id),
            ..error
        })
    }

    fn of_parts(
        preset: &'static Preset,
        mut parts: Parts,
        reader: Reader,
    ) -> Result<Link, LinkError> {
        let base = preset.scenario().to_value();
        let seed = parts.number("seed")?;
        let items = |part: Option<&str>| -> Vec<String> {
            part.map_or_else(Vec::new, |part| {
                part.split(',').map(str::to_string).collect()
            })
        };
        let sets = items(parts.take("set"));
        let faults = items(parts.take("f"));
        let at = parts.number("t")?;
        let digest = parts.take("d").map(|text| {
            let sixteen = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let digest = u64::from_str_radix(text, 16).ok().filter(|_| sixteen);
            digest.ok_or_else(|| {
                LinkError::new(named("d", text), "16 hexadecimal digits are expected")
            })
        });
        let digest = digest.transpose()?;
        parts.end()?;
        if let Some(at) = at.filter(|&at| at > 3_600_000) {
            let problem = "0 to 3600000 ms are accepted";
            return Err(LinkError::new(format!("t={at}"), problem));
        }
        // With one item left out, to find out whose fault it is.
        let build = |without: Option<usize>| -> Result<Value, LinkError> {
            let mut value = base.clone();
            if let Some(seed) = seed {
                value["seed"] = seed.into();
            }
            let kept = |index: usize| Some(index) != without;
            let sets: Vec<&str> = (0..sets.len())
                .filter(|&index| kept(index))
                .map(|index| sets[index].as_str())
                .collect();
            setting::apply(&mut value, &sets)?;
            fault::apply(
                &mut value,
                (0..faults.len())
                    .filter(|&index| kept(sets.len() + index))
                    .map(|index| faults[index].as_str()),
            )?;
            Ok(value)
        };
        let value = build(None)?;
        if reader == Reader::Page {
            within_limits(&value)?;
        }
        let scenario = Scenario::from_value(&value).map_err(|error| {
            let good = |index: &usize| {
                build(Some(*index)).is_ok_and(|value| Scenario::from_value(&value).is_ok())
            };
            let guilty = (0..sets.len() + faults.len()).find(good);
            let place = match guilty {
                Some(index) if index < sets.len() => named("set", &sets[index]),
                Some(index) => named("f", &faults[index - sets.len()]),
                None if sets.is_empty() => named("f", &faults.join(",")),
                None => named("set", &sets.join(",")),
            };
            LinkError::new(place, error.to_string())
        })?;
        Ok(Link {
            id: preset.id,
            scenario,
            at: at.map(Time::through_ms),
            digest,
        })
    }

    /// The link, without a sign in front.
    pub fn write(&self) -> Result<String, NoLink> {
        let preset = catalog::find(self.id).expect("a link's scenario is in the catalog");
        let base = preset.scenario().to_value();
        let scenario = self.scenario.to_value();
        let mut text = format!("r=1;sc={}", self.id);
        let mut part = |name: &str, items: &str| {
            if !items.is_empty() {
                text += ";";
                text += name;
                text += "=";
                text += items;
            }
        };
        if base["seed"] != scenario["seed"] {
            part("seed", &Text(&scenario["seed"]).to_string());
        }
        part("set", &setting::write(&base, &scenario)?);
        part("f", &fault::write(&base, &scenario)?);
        if let Some(at) = self.at.filter(|&at| at > Time::ZERO) {
            part("t", &at.ms().to_string());
        }
        if let Some(digest) = self.digest {
            part("d", &format!("{digest:016x}"));
        }
        if text.len() > LONGEST {
            return Err(NoLink::TooLong(text.len()));
        }
        // A link that would be read as anything else is none.
        match Link::read(&text, Reader::Page) {
            Ok(link) if link.scenario == self.scenario => Ok(text),
            Ok(_) => Err(NoLink::Unsayable("one of these values".into())),
            Err(error) => Err(NoLink::Unsayable(error.problem)),
        }
    }

    /// The same as a run file.
    pub fn to_file(&self) -> String {
        let mut file = json!({"r": 1, "sc": self.id, "patch": self.patch().0});
        if let Some(at) = self.at {
            file["t"] = at.ms().into();
        }
        if let Some(digest) = self.digest {
            file["d"] = format!("{digest:016x}").into();
        }
        Text(&file).to_string() + "\n"
    }

    /// Reads a run file, or a scenario file.
    pub fn read_file(text: &str, reader: Reader) -> Result<Link, LinkError> {
        let fail =
            |problem: String| LinkError::new("", format!("This file cannot be read: {problem}"));
        if reader == Reader::Page && text.len() > LARGEST {
            return Err(fail(format!(
                "it has {} bytes; {LARGEST} at most are accepted",
                text.len()
            )));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|error| fail(format!("not JSON: {error}")))?;
        let refuse = |error: crate::sim::ScenarioError| fail(error.to_string());
        if value.get("sc").is_none() {
            if reader == Reader::Page {
                within_limits(&value).map_err(|error| fail(error.problem))?;
            }
            let scenario = Scenario::from_value(&value).map_err(refuse)?;
            return Ok(Link {
                id: catalog::OPENING,
                scenario,
                at: None,
                digest: None,
            });
        }
        let fields = ["r", "sc", "patch", "t", "d"];
        let strange = value.as_object().and_then(|map| {
            let mut keys = map.keys();
            keys.find(|key| !fields.contains(&key.as_str()))
        });
        if let Some(key) = strange {
            return Err(fail(format!("\"{key}\" is none of r, sc, patch, t, d")));
        }
        if value["r"] != json!(1) {
            return Err(fail(format!(
                "r is {}; version 1 is read",
                Text(&value["r"])
            )));
        }
        let preset = preset_of(value["sc"].as_str().unwrap_or_default())?;
        let patch = value.get("patch").cloned().unwrap_or_else(|| json!({}));
        let patch = Patch::of(patch).map_err(refuse)?;
        let mut whole = preset.scenario().to_value();
        crate::sim::scenario::merge(&mut whole, &patch.0);
        if reader == Reader::Page {
            within_limits(&whole).map_err(|error| fail(error.problem))?;
        }
        let scenario = Scenario::from_value(&whole).map_err(refuse)?;
        let at =
            match &value["t"] {
                Value::Null => None,
                at => Some(at.as_u64().filter(|&at| at <= 3_600_000).ok_or_else(|| {
                    fail(format!("t is {}; 0 to 3600000 ms are accepted", Text(at)))
                })?),
            };
        let digest = match &value["d"] {
            Value::Null => None,
            digest => Some(
                digest
                    .as_str()
                    .filter(|text| text.len() == 16)
                    .and_then(|text| u64::from_str_radix(text, 16).ok())
                    .ok_or_else(|| {
                        fail(format!(
                            "d is {}; 16 hexadecimal digits are expected",
                            Text(digest)
                        ))
                    })?,
            ),
        };
        Ok(Link {
            id: preset.id,
            scenario,
            at: at.map(Time::through_ms),
            digest,
        })
    }

    /// How its scenario differs from the named one.
    pub fn patch(&self) -> Patch {
        let preset = catalog::find(self.id).expect("a link's scenario is in the catalog");
        let changed = setting::difference(&preset.scenario().to_value(), &self.scenario.to_value());
        Patch(changed.unwrap_or_else(|| Value::Object(Map::new())))
    }
}

/// Settings by their keys, `KEY` or `KEY@SECTION`, as a patch of a scenario: for whoever has an object and no link.
pub fn settings(scenario: &Scenario, sets: &Map<String, Value>) -> Result<Patch, LinkError> {
    let before = scenario.to_value();
    let items: Vec<String> = sets
        .iter()
        .map(|(key, value)| {
            let value = value
                .as_str()
                .map_or_else(|| Text(value).to_string(), str::to_string);
            let key: Vec<String> = key.splitn(2, '@').map(|part| encode(part, "._-")).collect();
            format!("{}:{}", key.join("@"), encode(&value, "._-"))
        })
        .collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let mut after = before.clone();
    setting::apply(&mut after, &items)?;
    let changed = setting::difference(&before, &after).unwrap_or_else(|| Value::Object(Map::new()));
    Ok(Patch(changed))
}

const NOT_ENCODED: &str = "it is not percent-encoded as an address is";

fn preset_of(id: &str) -> Result<&'static Preset, LinkError> {
    catalog::find(id).ok_or_else(|| {
        let hint = suggest::did_you_mean(id, catalog::all().iter().map(|preset| preset.id));
        LinkError::new(named("sc", id), format!("no scenario has this name{hint}"))
    })
}

fn within_limits(value: &Value) -> Result<(), LinkError> {
    let over = |what: &str, found: u64, most: u64| {
        Err(LinkError::new(
            "",
            format!("{what} is {found}; the page accepts {most} at most"),
        ))
    };
    let faults = value["faults"].as_object().map_or(0, Map::len);
    if faults > MOST_FAULTS {
        return over("The number of faults", faults as u64, MOST_FAULTS as u64);
    }
    for (section, key, most) in MOST {
        if let Some(found) = value[section][key].as_u64().filter(|&found| found > most) {
            return over(&format!("{section}.{key}"), found, most);
        }
    }
    Ok(())
}

/// The parts of a link, taken in their order.
struct Parts<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, LinkError> {
        let mut parts = Vec::new();
        for part in text.split(';').rev() {
            let Some((name, value)) = part.split_once('=').filter(|(_, value)| !value.is_empty())
            else {
                return Err(LinkError::new(
                    shown(part),
                    "a name, = and a value are expected",
                ));
            };
            parts.push((name, value));
        }
        Ok(Parts(parts))
    }

    /// The next part, if it has this name.
    fn take(&mut self, name: &str) -> Option<&'a str> {
        self.0
            .pop_if(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, LinkError> {
        let read = |text| {
            whole_number(text)
                .ok_or_else(|| LinkError::new(named(name, text), "a whole number is expected"))
        };
        self.take(name).map(read).transpose()
    }

    fn end(&self) -> Result<(), LinkError> {
        match self.0.last() {
            None => Ok(()),
            Some((name, value)) => Err(LinkError::new(
                named(name, value),
                "the parts are r, sc, seed, set, f, t, d, each once and in this order",
            )),
        }
    }
}

/// Digits and nothing else.
fn whole_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A part of a link as an error shows it.
fn named(name: &str, value: &str) -> String {
    shown(&[name, "=", value].concat())
}

/// The beginning of a text that somebody else wrote.
fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => [&text[..end], "…"].concat(),
        None => text.to_string(),
    }
}

/// Percent-encodes everything but letters, digits and `plain`.
fn encode(text: &str, plain: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
