//! How a file is written: found out from its first lines, then used for every line.

use super::{ImportError, Names, Options};
use crate::arrivals::Arrival;
use crate::arrivals::timestamp::{Unit, shortened};
use crate::sim::suggest;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Lines that the format is found out from.
const LOOK: usize = 50;

/// Names that a column is known by, in lower case without `_`, `-`, `.` and spaces.
const EVENT: [&str; 9] = [
    "eventtime",
    "eventts",
    "eventtimestamp",
    "ts",
    "timestamp",
    "time",
    "createdat",
    "occurredat",
    "event",
];
const ARRIVAL: [&str; 12] = [
    "arrivaltime",
    "arrivalts",
    "arrivaltimestamp",
    "arrival",
    "arrivedat",
    "ingesttime",
    "ingestiontime",
    "ingestedat",
    "processingtime",
    "receivedat",
    "logappendtime",
    "receivetime",
];
const KEY: [&str; 9] = [
    "key",
    "recordkey",
    "id",
    "deviceid",
    "device",
    "userid",
    "user",
    "sensor",
    "customer",
];
const PARTITION: [&str; 3] = ["partition", "partitionid", "shard"];

/// Where a value stands in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Column(usize),
    Field(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Csv { delimiter: u8 },
    Ndjson,
}

/// What was found out.
#[derive(Clone, Debug)]
pub(super) struct Format {
    shape: Shape,
    pub(super) has_header: bool,
    event: Place,
    arrival: Place,
    pub(super) key: Option<Place>,
    pub(super) partition: Option<Place>,
    event_unit: Unit,
    arrival_unit: Unit,
}

/// A line without its end, and where the next one begins.
pub(super) fn next_line(bytes: &[u8], at: usize) -> Option<(std::ops::Range<usize>, usize)> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    let length = rest.iter().position(|&byte| byte == b'\n');
    let (end, next) = match length {
        Some(length) => (at + length, at + length + 1),
        None => (bytes.len(), bytes.len()),
    };
    let end = if end > at && bytes[end - 1] == b'\r' {
        end - 1
    } else {
        end
    };
    Some((at..end, next))
}

/// The fields of a line of CSV. Quotes go around a field and are doubled inside; a field does not go over the end of a line.
pub(super) fn fields(text: &str, delimiter: u8) -> Result<Vec<Cow<'_, str>>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches(' ');
        if let Some(quoted) = trimmed.strip_prefix('"') {
            let mut end = 0;
            let closed = loop {
                match quoted[end..].find('"') {
                    None => break None,
                    Some(at) if quoted[end + at + 1..].starts_with('"') => end += at + 2,
                    Some(at) => break Some(end + at),
                }
            };
            let Some(closed) = closed else {
                return Err("a quote is opened and not closed on the same line".into());
            };
            let value = &quoted[..closed];
            fields.push(if value.contains('"') {
                Cow::Owned(value.replace("\"\"", "\""))
            } else {
                Cow::Borrowed(value)
            });
            let after = quoted[closed + 1..].trim_start_matches(' ');
            match after.bytes().next() {
                None => return Ok(fields),
                Some(byte) if byte == delimiter => rest = &after[1..],
                Some(_) => return Err("something stands behind a closing quote".into()),
            }
        } else {
            match rest.bytes().position(|byte| byte == delimiter) {
                None => {
                    fields.push(Cow::Borrowed(rest.trim()));
                    return Ok(fields);
                }
                Some(at) => {
                    fields.push(Cow::Borrowed(rest[..at].trim()));
                    rest = &rest[at + 1..];
                }
            }
        }
    }
}

/// A line in its parts.
enum Line<'a> {
    Columns(Vec<Cow<'a, str>>),
    Fields(Map<String, Value>),
}

impl Line<'_> {
    fn value(&self, place: &Place) -> Result<Cow<'_, str>, String> {
        match (self, place) {
            (Line::Columns(columns), Place::Column(column)) => match columns.get(*column) {
                Some(value) => Ok(Cow::Borrowed(value.as_ref())),
                None => Err(format!(
                    "{} columns, and column {} is needed",
                    columns.len(),
                    column + 1
                )),
            },
            (Line::Fields(object), Place::Field(field)) => json_text(object, field),
            _ => Err("columns have numbers and fields have names".into()),
        }
    }
}

/// A value of a JSON object as text; numbers as they are written out.
fn json_text<'a>(object: &'a Map<String, Value>, field: &str) -> Result<Cow<'a, str>, String> {
    match object.get(field) {
        None => Err(format!("no field \"{field}\"")),
        Some(Value::String(text)) => Ok(Cow::Borrowed(text.trim())),
        Some(Value::Number(number)) => Ok(Cow::Owned(number.to_string())),
        Some(Value::Null) => Err(format!("\"{field}\" is null")),
        Some(other) => Err(format!(
            "\"{field}\" is {}, neither a number nor a text",
            shortened(&other.to_string())
        )),
    }
}

fn json_object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("not a JSON object".into()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

/// A name as columns are known by.
fn plain(name: &str) -> String {
    let kept = name.chars().filter(|c| c.is_alphanumeric());
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

fn text_of(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_string())
}

impl Format {
    pub(super) fn find(bytes: &[u8], options: &Options) -> Result<Format, ImportError> {
        let refuse = |why: String| Err(ImportError(why));
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return refuse("the file is empty".into());
        }
        let head = &bytes[..bytes.len().min(4_096)];
        if head.contains(&0) {
            return refuse("the file is not text: it has a byte 0 (UTF-16, a spreadsheet or a compressed file); CSV or NDJSON in UTF-8 is accepted".into());
        }
        let mut lines: Vec<(u64, &str)> = Vec::new();
        let (mut at, mut number) = (0, 0);
        while let Some((line, next)) = next_line(bytes, at).filter(|_| lines.len() < LOOK) {
            number += 1;
            at = next;
            let text = match text_of(&bytes[line]) {
                Ok(text) => text.trim(),
                // The first line decides what columns there are; of others one may be bad.
                Err(why) if lines.is_empty() => {
                    return refuse(format!(
                        "line {number}: {why}; CSV or NDJSON in UTF-8 is accepted"
                    ));
                }
                Err(_) => continue,
            };
            if !text.is_empty() {
                lines.push((number, text));
            }
        }
        if lines[0].1.starts_with('[') {
            return refuse("the file begins with \"[\": a JSON array is not accepted; NDJSON has one object a line".into());
        }
        let format = if lines[0].1.starts_with('{') {
            Format::ndjson(&lines, options)
        } else {
            Format::csv(&lines, options)
        };
        format.map_err(ImportError)
    }

    fn ndjson(lines: &[(u64, &str)], options: &Options) -> Result<Format, String> {
        let objects: Vec<Map<String, Value>> = lines
            .iter()
            .filter_map(|line| json_object(line.1).ok())
            .collect();
        let Some(first) = objects.first() else {
            let why = json_object(lines[0].1).expect_err("none of them can be read");
            return Err(format!(
                "line {}: {why}; NDJSON has one object a line",
                lines[0].0
            ));
        };
        let names: Vec<&str> = first.keys().map(String::as_str).collect();
        let find = |chosen: &Option<String>, known: &[&str]| -> Result<Option<Place>, String> {
            let found = chosen_or_known(chosen, known, &names)?;
            Ok(found.map(|index| Place::Field(names[index].to_string())))
        };
        let (event, arrival) = (
            find(&options.event, &EVENT)?,
            find(&options.arrival, &ARRIVAL)?,
        );
        let (Some(event), Some(arrival)) = (event, arrival) else {
            return Err(which_is_missing(&names));
        };
        let values = |place: &Place| -> Vec<String> {
            let Place::Field(field) = place else {
                return Vec::new();
            };
            objects
                .iter()
                .filter_map(|object| json_text(object, field).ok().map(Cow::into_owned))
                .collect()
        };
        Ok(Format {
            shape: Shape::Ndjson,
            has_header: false,
            event_unit: unit_of(&values(&event), options, "event time")?,
            arrival_unit: unit_of(&values(&arrival), options, "arrival time")?,
            key: find(&options.key, &KEY)?,
            partition: find(&options.partition, &PARTITION)?,
            event,
            arrival,
        })
    }

    fn csv(lines: &[(u64, &str)], options: &Options) -> Result<Format, String> {
        let delimiter = delimiter(lines)?;
        let rows: Vec<Vec<Cow<'_, str>>> = lines
            .iter()
            .filter_map(|line| fields(line.1, delimiter).ok())
            .collect();
        let Some(first) = rows.first() else {
            return Err(format!(
                "line {}: {}",
                lines[0].0,
                fields(lines[0].1, delimiter).expect_err("none can be read")
            ));
        };
        // A header has no times.
        let has_header = lines[0].0 == 1 && !first.iter().any(|field| Unit::of(field).is_some());
        let names: Vec<&str> = first.iter().map(Cow::as_ref).collect();
        let find = |chosen: &Option<String>,
                    known: &[&str],
                    otherwise: usize|
         -> Result<Option<Place>, String> {
            let by_number = chosen
                .as_ref()
                .and_then(|chosen| chosen.parse::<usize>().ok());
            if let Some(number) = by_number {
                return match number.checked_sub(1).filter(|&column| column < first.len()) {
                    Some(column) => Ok(Some(Place::Column(column))),
                    None => Err(format!(
                        "there is no column {number}; 1 to {} is accepted",
                        first.len()
                    )),
                };
            }
            if has_header {
                return Ok(chosen_or_known(chosen, known, &names)?.map(Place::Column));
            }
            match chosen {
                Some(chosen) => Err(format!(
                    "the file has no header, so there is no column named \"{chosen}\"; its number from 1 is accepted"
                )),
                None => Ok(Some(Place::Column(otherwise)).filter(|_| otherwise < first.len())),
            }
        };
        let (event, arrival) = (
            find(&options.event, &EVENT, 0)?,
            find(&options.arrival, &ARRIVAL, 1)?,
        );
        let (Some(event), Some(arrival)) = (event, arrival) else {
            return Err(if has_header {
                which_is_missing(&names)
            } else {
                format!("line {}: one column, and two times are needed", lines[0].0)
            });
        };
        let values = |place: &Place| -> Vec<String> {
            let Place::Column(column) = *place else {
                return Vec::new();
            };
            let rows = rows.iter().skip(usize::from(has_header));
            rows.filter_map(|row| row.get(column).map(|field| field.to_string()))
                .collect()
        };
        Ok(Format {
            shape: Shape::Csv { delimiter },
            has_header,
            event_unit: unit_of(&values(&event), options, "event time")?,
            arrival_unit: unit_of(&values(&arrival), options, "arrival time")?,
            key: find(&options.key, &KEY, 2)?,
            partition: find(&options.partition, &PARTITION, 3)?,
            event,
            arrival,
        })
    }

    /// In words.
    pub(super) fn said(&self) -> String {
        let place = |place: &Place| match place {
            Place::Column(column) => format!("column {}", column + 1),
            Place::Field(field) => format!("\"{field}\""),
        };
        let mut text = match self.shape {
            Shape::Ndjson => "NDJSON".to_string(),
            Shape::Csv { delimiter } => {
                let named = match delimiter {
                    b'\t' => "tab".to_string(),
                    byte => format!("\"{}\"", char::from(byte)),
                };
                let header = if self.has_header { "with" } else { "without" };
                format!("CSV with {named} between columns, {header} a header")
            }
        };
        text += &format!(
            ", event time in {} as {}, arrival time in {} as {}",
            place(&self.event),
            self.event_unit.said(),
            place(&self.arrival),
            self.arrival_unit.said()
        );
        for (what, found) in [("key", &self.key), ("partition", &self.partition)] {
            if let Some(found) = found {
                text += &format!(", {what} in {}", place(found));
            }
        }
        text
    }

    pub(super) fn read(
        &self,
        line: &[u8],
        keys: &mut Names,
        partitions: &mut Names,
    ) -> Result<Arrival, String> {
        let text = text_of(line)?.trim();
        let line = match self.shape {
            Shape::Csv { delimiter } => Line::Columns(fields(text, delimiter)?),
            Shape::Ndjson => Line::Fields(json_object(text)?),
        };
        let value = |place: &Place| line.value(place);
        let time = |place: &Place, unit: Unit, what: &str| {
            let text = value(place)?;
            unit.read(&text).map_err(|why| format!("{what} {why}"))
        };
        let event_us = time(&self.event, self.event_unit, "event time")?;
        let at_us = time(&self.arrival, self.arrival_unit, "arrival time")?;
        let key = match &self.key {
            Some(place) => keys.number(&value(place)?),
            None => keys.number(""),
        };
        let partition = match &self.partition {
            Some(place) => {
                let name = value(place)?;
                let number = partitions.number(&name);
                u16::try_from(number)
                    .ok()
                    .filter(|&number| number < 1_000)
                    .ok_or_else(|| {
                        format!("partition \"{}\" is one more than 1000", shortened(&name))
                    })?
            }
            None => partitions.number("") as u16,
        };
        Ok(Arrival {
            event_us,
            at_us,
            key,
            partition,
        })
    }
}

/// The column that a learner named, or one that is known by its name.
fn chosen_or_known(
    chosen: &Option<String>,
    known: &[&str],
    names: &[&str],
) -> Result<Option<usize>, String> {
    if let Some(chosen) = chosen {
        return match names.iter().position(|name| name == chosen) {
            Some(index) => Ok(Some(index)),
            None => Err(format!(
                "there is no column \"{chosen}\"{}; there are {}",
                suggest::did_you_mean(chosen, names.iter().copied()),
                names.join(", ")
            )),
        };
    }
    let found = known
        .iter()
        .find_map(|known| names.iter().position(|name| plain(name) == *known));
    Ok(found)
}

fn which_is_missing(names: &[&str]) -> String {
    let known = |names: &[&str]| {
        names
            .iter()
            .any(|name| EVENT.contains(&plain(name).as_str()))
    };
    let missing = if known(names) {
        "arrival_time"
    } else {
        "event_time"
    };
    format!(
        "no column is known as {missing}; there are {}. Names such as event_time and arrival_time are known, others can be chosen",
        names
            .iter()
            .map(|name| shortened(name))
            .collect::<Vec<_>>()
            .join(", ")
    )
}

/// The sign that stands equally often in most lines.
fn delimiter(lines: &[(u64, &str)]) -> Result<u8, String> {
    let agreeing = |delimiter: u8| {
        let widths: Vec<usize> = lines
            .iter()
            .filter_map(|line| fields(line.1, delimiter).ok().map(|fields| fields.len()))
            .collect();
        let first = widths.first().copied().unwrap_or(0);
        let alike = widths
            .iter()
            .filter(|&&width| width == first && width > 1)
            .count();
        (alike, first)
    };
    // A tab, a semicolon or a bar between columns leaves commas for decimals.
    let best = [b'\t', b';', b'|', b',']
        .into_iter()
        .max_by_key(|&delimiter| agreeing(delimiter));
    match best {
        Some(delimiter) if agreeing(delimiter).0 > 0 => Ok(delimiter),
        _ => Err(format!(
            "line {}: \"{}\" has no columns; a comma, a semicolon, a tab or a bar between them is accepted",
            lines[0].0,
            shortened(lines[0].1)
        )),
    }
}

/// How the values of a column are written: as most of those that can be read.
fn unit_of(values: &[String], options: &Options, what: &str) -> Result<Unit, String> {
    if let Some(unit) = options.unit {
        return Ok(unit);
    }
    let mut votes: BTreeMap<&str, (usize, Unit)> = BTreeMap::new();
    for unit in values.iter().filter_map(|value| Unit::of(value)) {
        votes.entry(unit.name()).or_insert((0, unit)).0 += 1;
    }
    let most = votes.values().max_by_key(|vote| vote.0);
    most.map(|vote| vote.1).ok_or_else(|| {
        let example = values.first().map_or(String::new(), |value| format!(", such as \"{}\"", shortened(value)));
        format!("no {what} can be read{example}; seconds, milliseconds or microseconds since 1970, or ISO 8601 is accepted")
    })
}
