//! Faults in a link: `net.drop_ack@after.batch_appended.3:p1>b2`.
//!
//! The number right behind a name is what stands in brackets in the list of faults: the chance of `net.drop_ack` in parts per
//! million, the length of `producer.pause` in ms, the partition of `source.idle`. Whatever else a fault has follows by its name in files, `.for.1500`,
//! `.times.2`; so does the name in the script, `.id.lost-ack`, where it is not the one that a new fault is given.
//! `5000-9000` is how long it lasts, or for a fault that waits for a moment of its own, when that may be.

use super::{LinkError, NoLink, decode, encode, named, whole_number};
use crate::sim::fault::{FaultSpec, MENU};
use crate::sim::json::Text;
use serde_json::{Map, Value};

/// The field that the number right behind the name stands for.
fn own_argument(name: &str) -> Option<&'static str> {
    match name {
        "net.drop_ack" | "net.drop_request" | "txn.abort" => Some("chance"),
        "net.delay" | "broker.slow" => Some("by"),
        "source.idle" | "source.delay" => Some("partition"),
        _ if name.ends_with(".pause") => Some("for"),
        _ => None,
    }
}

/// A name that the script does not use yet.
pub fn fresh_id(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let stem = name.replace(['.', '_'], "-").to_ascii_lowercase();
    let mut id = stem.clone();
    let mut n = 1;
    while taken(&id) {
        n += 1;
        id = format!("{stem}-{n}");
    }
    id
}

/// Whether it waits for a moment of its own.
fn waits(fault: &Map<String, Value>) -> bool {
    let spec = FaultSpec {
        name: fault["do"].as_str().unwrap_or_default().to_string(),
        ..FaultSpec::default()
    };
    fault.contains_key("chance") || spec.has_moment()
}

/// Changes the script of a scenario.
pub fn apply<'a>(
    scenario: &mut Value,
    items: impl Iterator<Item = &'a str>,
) -> Result<(), LinkError> {
    let Some(Value::Object(script)) = scenario.get_mut("faults") else {
        return Ok(());
    };
    let mut given: Vec<String> = Vec::new();
    for item in items {
        let fail = |problem: String| LinkError::new(named("f", item), problem);
        let clear = |text: &str| decode(text).ok_or_else(|| fail(super::NOT_ENCODED.into()));
        if let Some(id) = item.strip_prefix('-') {
            if script.remove(&clear(id)?).is_none() {
                return Err(fail("the scenario has no fault of this name".into()));
            }
            continue;
        }
        let (id, fault) = read(item, &clear).map_err(fail)?;
        let id = id.unwrap_or_else(|| {
            let name = fault["do"].as_str().unwrap_or_default();
            fresh_id(name, |id| script.contains_key(id))
        });
        if given.contains(&id) {
            return Err(fail("a fault of this name is given twice".into()));
        }
        given.push(id.clone());
        script.insert(id, Value::Object(fault));
    }
    Ok(())
}

/// A fault as a file has it, and its name in the script if it is said.
fn read(
    item: &str,
    clear: &impl Fn(&str) -> Result<String, LinkError>,
) -> Result<(Option<String>, Map<String, Value>), String> {
    let clear = |text: &str| clear(text).map_err(|error| error.problem);
    let (head, tail) = item
        .split_once('@')
        .ok_or("a fault is NAME@WHEN, or -NAME to take one out")?;
    let (when, place) = match tail.split_once(':') {
        Some((when, place)) => (when, Some(clear(place)?)),
        None => (tail, None),
    };
    let begins = |name: &&str| {
        head.strip_prefix(*name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let names = MENU.iter().map(|entry| entry.name);
    let Some(name) = names.filter(begins).max_by_key(|name| name.len()) else {
        let known = MENU.iter().map(|entry| entry.name);
        let hint = crate::sim::suggest::did_you_mean(head, known);
        return Err(format!("no fault has this name{hint}"));
    };
    let mut fault = Map::new();
    let mut id = None;
    fault.insert("do".into(), name.into());
    let mut words = head[name.len()..].split('.').skip(1).peekable();
    if let Some((field, number)) =
        own_argument(name).zip(words.peek().and_then(|word| whole_number(word)))
    {
        fault.insert(field.into(), number.into());
        words.next();
    }
    while let Some(field) = words.next() {
        let elsewhere = ["do", "where", "at", "until", "step", "after", "request"].contains(&field);
        let value = words.next().filter(|value| !value.is_empty() && !elsewhere);
        let value = clear(value.ok_or_else(|| {
            format!(
                "\"{field}\" says nothing here; a field and its value are expected, as in for.1500"
            )
        })?)?;
        if field == "id" {
            id = Some(value);
            continue;
        }
        let value = whole_number(&value).map_or_else(|| value.into(), Value::from);
        if fault.insert(field.into(), value).is_some() {
            return Err(format!("\"{field}\" is given twice"));
        }
    }
    let number =
        |text: &str| whole_number(text).ok_or_else(|| format!("\"{text}\" is no whole number"));
    match when.split('.').collect::<Vec<_>>().as_slice() {
        [way @ ("step" | "request"), nth] => {
            fault.insert((*way).into(), number(nth)?.into());
        }
        ["after", fact, nth] => {
            let mut after = Map::new();
            after.insert(clear(fact)?, number(nth)?.into());
            fault.insert("after".into(), Value::Object(after));
        }
        [time] => match time.split_once('-') {
            Some((from, until)) => {
                let (from, until) = (number(from)?, number(until)?);
                if until < from {
                    return Err(format!("{until} ms lies before {from} ms"));
                }
                fault.insert("at".into(), from.into());
                let (field, value) = if waits(&fault) {
                    ("until", until)
                } else {
                    ("for", until - from)
                };
                if fault.insert(field.into(), value.into()).is_some() {
                    return Err("how long it lasts is given twice".into());
                }
            }
            // A chance without a time is one at any time.
            None => match number(time)? {
                0 if fault.contains_key("chance") => {}
                at => {
                    fault.insert("at".into(), at.into());
                }
            },
        },
        _ => {
            return Err(format!(
                "\"{when}\" says not when; accepted are MS, MS-MS, step.N, request.N and after.FACT.N"
            ));
        }
    }
    if let Some(place) = place {
        fault.insert("where".into(), place.into());
    }
    Ok((id, fault))
}

/// How the script differs, as a link has it: first what is taken out.
pub fn write(base: &Value, scenario: &Value) -> Result<String, NoLink> {
    let (Some(old), Some(new)) = (base["faults"].as_object(), scenario["faults"].as_object())
    else {
        return Ok(String::new());
    };
    let mut items: Vec<String> = Vec::new();
    let mut script: Vec<&str> = Vec::new();
    for id in old.keys() {
        if new.contains_key(id) {
            script.push(id);
        } else {
            items.push(["-", &encode(id, "._-")].concat());
        }
    }
    for (id, fault) in new {
        if old.get(id) == Some(fault) {
            continue;
        }
        let Value::Object(fault) = fault else {
            continue;
        };
        let name = fault["do"].as_str().unwrap_or_default();
        let by_itself = fresh_id(name, |id| script.contains(&id)) == *id;
        script.push(id);
        items.push(item(name, fault, (!by_itself).then_some(id.as_str()))?);
    }
    Ok(items.join(","))
}

fn item(name: &str, fault: &Map<String, Value>, id: Option<&str>) -> Result<String, NoLink> {
    let unsayable =
        || NoLink::Unsayable(format!("the fault {}", Text(&Value::Object(fault.clone()))));
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| Text(value).to_string(), str::to_string)
    };
    let mut item = name.to_string();
    let own = own_argument(name).filter(|own| fault.contains_key(*own));
    if let Some(own) = own {
        item += ".";
        item += &text(&fault[own]);
    }
    let timed = |field: &str| fault.get(field).map(text);
    let waits = waits(fault);
    // How long it lasts stands with the time, unless that says something else.
    let lasts = if waits || own == Some("for") || timed("at").is_none() {
        None
    } else {
        fault.get("for").and_then(Value::as_u64)
    };
    let mut words: Vec<(&str, String)> = fault
        .iter()
        .filter(|(field, _)| {
            let elsewhere = ["do", "where", "at", "until", "step", "after", "request"];
            !elsewhere.contains(&field.as_str())
                && own != Some(field.as_str())
                && (lasts.is_none() || *field != "for")
        })
        .map(|(field, value)| (field.as_str(), text(value)))
        .collect();
    words.extend(id.map(|id| ("id", id.to_string())));
    for (field, value) in words {
        item += ".";
        item += field;
        item += ".";
        item += &encode(&value, "_-");
    }
    item += "@";
    let counted = ["step", "request"]
        .into_iter()
        .find_map(|way| timed(way).map(|nth| [way, ".", &nth].concat()));
    let after = fault
        .get("after")
        .and_then(Value::as_object)
        .and_then(|after| {
            let (fact, nth) = after.iter().next()?;
            Some(["after.", fact, ".", &text(nth)].concat())
        });
    item += &match (counted.or(after), timed("at"), timed("until")) {
        (Some(way), None, None) => way,
        (None, Some(from), None) => match lasts {
            Some(lasts) => {
                let until = fault["at"].as_u64().and_then(|at| at.checked_add(lasts));
                [&from, "-", &until.ok_or_else(unsayable)?.to_string()].concat()
            }
            None => from,
        },
        (None, Some(from), Some(until)) if waits => [&from, "-", &until].concat(),
        (None, None, None) if waits => "0".into(),
        _ => return Err(unsayable()),
    };
    if let Some(place) = timed("where") {
        item += ":";
        item += &encode(&place, "._->");
    }
    Ok(item)
}
