//! Settings in a link: the key as a properties file has it, and where several parts have it, whose.
//!
//! A bare key names a setting of a part that takes part in the run: of the engine and the sink in use. So a key keeps its
//! meaning when another engine comes to have it too.

use super::{LinkError, NoLink, decode, encode, named};
use crate::sim::json::Text;
use crate::sim::suggest;
use serde_json::{Map, Value};

/// A setting in a scenario: the section that it stands in, `engine.spark`, and whether that part is in use.
struct Found {
    section: String,
    used: bool,
}

fn search(map: &Map<String, Value>, key: &str, section: &str, used: bool, found: &mut Vec<Found>) {
    let chosen = map.get("use").and_then(Value::as_str);
    for (name, value) in map {
        // Faults, the seed and the version are no settings.
        let own_part = section.is_empty() && ["faults", "seed", "version"].contains(&name.as_str());
        if own_part {
            continue;
        }
        match value {
            Value::Object(inner) => {
                let inside = if section.is_empty() {
                    name.clone()
                } else {
                    [section, ".", name].concat()
                };
                let used = used && chosen.is_none_or(|chosen| chosen == name);
                search(inner, key, &inside, used, found);
            }
            _ if name == key => found.push(Found {
                section: section.to_string(),
                used,
            }),
            _ => {}
        }
    }
}

/// Every key that a bare word could have meant.
fn keys(value: &Value, known: &mut Vec<String>) {
    if let Value::Object(map) = value {
        for (name, value) in map {
            match value {
                Value::Object(_) => keys(value, known),
                _ => known.push(name.clone()),
            }
        }
    }
}

/// The section that `KEY` or `KEY@SECTION` stands in.
fn section_of(value: &Value, key: &str, section: Option<&str>) -> Result<String, String> {
    let mut found = Vec::new();
    if let Value::Object(map) = value {
        search(map, key, "", true, &mut found);
    }
    if found.is_empty() {
        let mut known = Vec::new();
        keys(value, &mut known);
        let hint = suggest::did_you_mean(key, known.iter().map(String::as_str));
        return Err(format!("no setting has this name{hint}"));
    }
    let matches = |found: &Found, anywhere: bool| match section {
        None => found.used,
        Some(section) => {
            let whole = [".", &found.section, "."].concat();
            let wanted = [".", section, "."].concat();
            whole.starts_with(&wanted) || anywhere && whole.contains(&wanted)
        }
    };
    let mut fitting: Vec<&Found> = found.iter().filter(|found| matches(found, false)).collect();
    if fitting.is_empty() {
        fitting = found.iter().filter(|found| matches(found, true)).collect();
    }
    match fitting.as_slice() {
        [one] => Ok(one.section.clone()),
        _ => {
            let known: Vec<String> = found
                .iter()
                .map(|found| [key, "@", &found.section].concat())
                .collect();
            Err(format!("say which one is meant: {}", known.join(", ")))
        }
    }
}

/// The place of a setting.
fn at<'a>(value: &'a mut Value, section: &str, key: &str) -> Option<&'a mut Value> {
    let mut place = value;
    for name in section.split('.').filter(|name| !name.is_empty()) {
        place = place.get_mut(name)?;
    }
    place.get_mut(key)
}

/// A text as the kind of value that stands there now.
fn typed(now: &Value, text: &str) -> Option<Value> {
    // As JSON writes them, so that a number has one spelling.
    let number = || {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits == "0" || !digits.starts_with('0');
        super::whole_number(digits).filter(|_| plain && text != "-0")?;
        let number = text.parse::<u64>().map(Value::from);
        number
            .or_else(|_| text.parse::<i64>().map(Value::from))
            .ok()
    };
    let truth = || match text {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => None,
    };
    if text == "null" {
        return Some(Value::Null);
    }
    match now {
        Value::String(_) => Some(text.into()),
        Value::Number(_) => number(),
        Value::Bool(_) => truth(),
        Value::Null => truth().or_else(number).or_else(|| Some(text.into())),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Puts settings into a scenario, each `KEY[@SECTION]:VALUE`. Which engine and sink are used comes first, since that decides
/// what a bare key means.
pub fn apply(scenario: &mut Value, sets: &[&str]) -> Result<(), LinkError> {
    let choice = |set: &&&str| set.starts_with("use@");
    let (first, then): (Vec<&&str>, Vec<&&str>) = sets.iter().partition(choice);
    let mut given: Vec<(String, String)> = Vec::new();
    for set in first.into_iter().chain(then) {
        let fail = |place: &str, problem: String| LinkError::new(named("set", place), problem);
        let (name, text) = set.split_once(':').unwrap_or((set, ""));
        let (key, section) = match name.split_once('@') {
            Some((key, section)) => (decode(key), Some(section)),
            None => (decode(name), None),
        };
        let key = key.ok_or_else(|| fail(name, super::NOT_ENCODED.into()))?;
        let section = section_of(scenario, &key, section).map_err(|problem| fail(name, problem))?;
        let text = decode(text).ok_or_else(|| fail(set, super::NOT_ENCODED.into()))?;
        let place = at(scenario, &section, &key).expect("it was just found there");
        if text.is_empty() && !place.is_string() {
            return Err(fail(set, "a value is missing".into()));
        }
        let Some(value) = typed(place, &text) else {
            let problem = format!("\"{text}\" does not fit; the scenario has {place} there");
            return Err(fail(set, problem));
        };
        *place = value;
        let name = (section, key);
        if given.contains(&name) {
            return Err(fail(set, "it is given twice".into()));
        }
        given.push(name);
    }
    Ok(())
}

/// The settings that differ, as a link has them.
pub fn write(base: &Value, scenario: &Value) -> Result<String, NoLink> {
    let mut items = Vec::new();
    let Some(Value::Object(mut changed)) = difference(base, scenario) else {
        return Ok(String::new());
    };
    for part in ["faults", "seed", "version"] {
        changed.remove(part);
    }
    collect(&Value::Object(changed), base, scenario, "", &mut items)?;
    Ok(items.join(","))
}

fn collect(
    changed: &Value,
    base: &Value,
    scenario: &Value,
    section: &str,
    items: &mut Vec<String>,
) -> Result<(), NoLink> {
    let unsayable = |key: &str| NoLink::Unsayable([section, ".", key].concat());
    let Value::Object(map) = changed else {
        return Err(unsayable(""));
    };
    for (key, value) in map {
        let Some(old) = base.get(key) else {
            return Err(unsayable(key));
        };
        if value.is_object() || old.is_object() {
            let inside = if section.is_empty() {
                key.clone()
            } else {
                [section, ".", key].concat()
            };
            collect(value, old, scenario, &inside, items)?;
            continue;
        }
        let text = value
            .as_str()
            .map_or_else(|| Text(value).to_string(), str::to_string);
        if typed(old, &text).as_ref() != Some(value) {
            return Err(unsayable(key));
        }
        let bare = key != "use" && section_of(scenario, key, None).as_deref() == Ok(section);
        let mut item = encode(key, "._-");
        if !bare {
            item += "@";
            item += section;
        }
        item += ":";
        item += &encode(&text, "._-");
        items.push(item);
    }
    Ok(())
}

/// The merge patch that makes one value of the other; none where they are equal.
pub fn difference(from: &Value, to: &Value) -> Option<Value> {
    match (from, to) {
        (Value::Object(old), Value::Object(new)) => {
            let mut changed = Map::new();
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                changed.insert(key.clone(), Value::Null);
            }
            for (key, value) in new {
                let inner = match old.get(key) {
                    Some(before) => difference(before, value),
                    None => Some(value.clone()),
                };
                if let Some(inner) = inner {
                    changed.insert(key.clone(), inner);
                }
            }
            (!changed.is_empty()).then_some(Value::Object(changed))
        }
        _ => (from != to).then(|| to.clone()),
    }
}
