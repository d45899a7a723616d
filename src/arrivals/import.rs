//! A learner's own file: CSV or NDJSON with an event time and an arrival time a record.
//!
//! The format is found out from the first lines: delimiter, header, which column is which, how time is written. A row that
//! cannot be read is counted, and the first of them are kept with line and reason; a file that makes no sense says why.
//! Reading advances in slices of lines.

use super::timestamp::{Unit, shortened};
use super::{Arrival, Arrivals, Progress};
use crate::sim::suggest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Rows that are read; what follows is left out, and the report says so.
pub const MOST_ROWS: usize = 1_000_000;
/// Bad rows that are kept with their reason.
pub const SHOWN: usize = 100;
/// Lines that the format is found out from.
const LOOK: usize = 50;

/// What a learner may say about the file; whatever is left out is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Names of columns or fields, or numbers of columns from 1.
    pub event: Option<String>,
    pub arrival: Option<String>,
    pub key: Option<String>,
    pub partition: Option<String>,
    /// How both times are written.
    pub unit: Option<Unit>,
}

/// A file that cannot be understood, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportError(pub String);

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ImportError {}

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// From 1.
    pub line: u64,
    pub reason: String,
}

/// How a file was read, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// In words: what the file was taken for.
    pub format: String,
    pub rows: u64,
    pub bad: u64,
    /// The first [`SHOWN`].
    pub bad_rows: Vec<BadRow>,
    /// Whether the file goes on behind the [`MOST_ROWS`] rows that were read.
    pub cut: bool,
    pub keys: u64,
    pub partitions: u64,
}

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
enum Place {
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
struct Format {
    shape: Shape,
    has_header: bool,
    event: Place,
    arrival: Place,
    key: Option<Place>,
    partition: Option<Place>,
    event_unit: Unit,
    arrival_unit: Unit,
}

/// Numbers for names, in the order in which they are met.
#[derive(Default)]
struct Names {
    numbers: BTreeMap<String, u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(name.to_string(), number);
        number
    }

    fn into_list(self) -> Vec<String> {
        let mut names: Vec<(u32, String)> = self
            .numbers
            .into_iter()
            .map(|(name, number)| (number, name))
            .collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }
}

/// A file being read.
pub struct Import {
    bytes: Vec<u8>,
    format: Format,
    /// Where the next line begins.
    at: usize,
    line: u64,
    rows: Vec<Arrival>,
    keys: Names,
    partitions: Names,
    report: Report,
}

impl Import {
    /// Looks at the beginning of a file and finds out how it is written.
    pub fn begin(bytes: Vec<u8>, options: &Options) -> Result<Import, ImportError> {
        let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => rest.to_vec(),
            None => bytes,
        };
        let format = Format::find(&bytes, options)?;
        let report = Report {
            format: format.said(),
            ..Report::default()
        };
        Ok(Import {
            bytes,
            format,
            at: 0,
            line: 0,
            rows: Vec::new(),
            keys: Names::default(),
            partitions: Names::default(),
            report,
        })
    }

    /// In bytes.
    pub fn progress(&self) -> Progress {
        Progress {
            done: self.at as u64,
            total: self.bytes.len() as u64,
        }
    }

    /// Reads up to `lines` more lines; false if there are none left.
    pub fn advance(&mut self, lines: usize) -> bool {
        for _ in 0..lines {
            let Some((line, next)) = next_line(&self.bytes, self.at) else {
                return false;
            };
            let (from, until) = (line.start, line.end);
            self.at = next;
            self.line += 1;
            let text = &self.bytes[from..until];
            let is_header = self.line == 1 && self.format.has_header;
            if is_header || text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if self.rows.len() == MOST_ROWS {
                self.report.cut = true;
                self.at = self.bytes.len();
                return false;
            }
            match self.format.read(text, &mut self.keys, &mut self.partitions) {
                Ok(row) => self.rows.push(row),
                Err(reason) => {
                    self.report.bad += 1;
                    if self.report.bad_rows.len() < SHOWN {
                        let line = self.line;
                        self.report.bad_rows.push(BadRow { line, reason });
                    }
                }
            }
        }
        self.at < self.bytes.len()
    }

    /// The arrivals, if enough of the file could be read.
    pub fn finish(mut self) -> Result<(Arrivals, Report), ImportError> {
        let (rows, bad) = (self.rows.len() as u64, self.report.bad);
        if rows < 2 || bad > rows {
            let examples: Vec<String> = self
                .report
                .bad_rows
                .iter()
                .take(3)
                .map(|row| format!("line {}: {}", row.line, row.reason))
                .collect();
            let why = if examples.is_empty() {
                String::new()
            } else {
                format!(" ({})", examples.join("; "))
            };
            return Err(ImportError(format!(
                "{rows} rows could be read and {bad} could not{why}; the file was taken for {}",
                self.report.format
            )));
        }
        let keys = self.keys.into_list();
        let partitions = self.partitions.into_list();
        self.report.rows = rows;
        self.report.keys = if self.format.key.is_some() {
            keys.len() as u64
        } else {
            0
        };
        self.report.partitions = if self.format.partition.is_some() {
            partitions.len() as u64
        } else {
            0
        };
        Ok((Arrivals::new(self.rows, keys, partitions), self.report))
    }

    /// The whole of it at once.
    pub fn run(bytes: Vec<u8>, options: &Options) -> Result<(Arrivals, Report), ImportError> {
        let mut import = Import::begin(bytes, options)?;
        while import.advance(usize::MAX) {}
        import.finish()
    }
}

/// A line without its end, and where the next one begins.
fn next_line(bytes: &[u8], at: usize) -> Option<(std::ops::Range<usize>, usize)> {
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
fn fields(text: &str, delimiter: u8) -> Result<Vec<Cow<'_, str>>, String> {
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
    kept.flat_map(char::to_lowercase).collect()
}

fn text_of(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_string())
}

impl Format {
    fn find(bytes: &[u8], options: &Options) -> Result<Format, ImportError> {
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
    fn said(&self) -> String {
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

    fn read(
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Arrivals, Report) {
        Import::run(text.as_bytes().to_vec(), &Options::default())
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn refused(text: &str, options: &Options) -> String {
        match Import::run(text.as_bytes().to_vec(), options) {
            Ok((_, report)) => panic!("{text} was read as {}", report.format),
            Err(error) => error.0,
        }
    }

    /// The same two records, key k1 and k2, in every way of writing them.
    #[test]
    fn delimiter_header_columns_and_time_are_found_out() {
        for text in [
            "event_time,arrival_time,key\n1772355600,1772355601,k1\n1772355602,1772355604,k2\n",
            "1772355600000,1772355601000,k1\n1772355602000,1772355604000,k2",
            "key;arrivalTime;Event Time\r\nk1;2026-03-01T09:00:01Z;2026-03-01T09:00:00Z\r\nk2;2026-03-01T09:00:04Z;2026-03-01T09:00:02Z\r\n",
            "ts\treceived_at\tdevice\n1772355600\t1772355601000000\tk1\n1772355602\t1772355604000000\tk2\n",
            "\u{feff}id|event.ts|ingest_time\n\"k1\"|1772355600|1772355601\n\"k2\"|1772355602|1772355604\n",
            "{\"event_time\": 1772355600, \"arrival_time\": 1772355601.0, \"key\": \"k1\"}\n{\"event_time\": \"1772355602\", \"arrival_time\": 1772355604, \"key\": \"k2\"}\n",
        ] {
            let (arrivals, report) = read(text);
            let delays: Vec<i64> = arrivals.rows().iter().map(Arrival::delay_us).collect();
            assert_eq!(delays, [1_000_000, 2_000_000], "{text}: {}", report.format);
            assert_eq!(arrivals.keys, ["k1", "k2"], "{text}");
            assert_eq!(arrivals.rows()[0].event_us, 1_772_355_600_000_000);
            assert_eq!((report.rows, report.bad), (2, 0));
        }
    }

    #[test]
    fn quotes_protect_delimiters_and_double_inside() {
        let split = |text| {
            fields(text, b',')
                .map(|fields| fields.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            split(r#"a, "b,c" ,"d""e",,"#).expect("fields"),
            ["a", "b,c", "d\"e", "", ""]
        );
        assert!(split(r#""a"#).is_err() && split(r#""a"b,c"#).is_err());
    }

    #[test]
    fn bad_rows_are_counted_and_told_with_line_and_reason() {
        let text = "event_time,arrival_time,key\n1772355600,1772355601,a\n\nx,1772355601,a\n1772355600\n1772355600,,a\n1772355600,1772355601000,a\n1772355602,1772355603,b\n1772355603,1772355604,b\n1772355604,1772355605,b\n";
        let (arrivals, report) = read(text);
        assert_eq!((arrivals.len(), report.bad), (4, 4));
        let told: Vec<(u64, &str)> = report
            .bad_rows
            .iter()
            .map(|row| (row.line, row.reason.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    4,
                    "event time \"x\" is no time written as seconds since 1970"
                ),
                (5, "1 columns, and column 2 is needed"),
                (6, "arrival time \"\" is no time: the field is empty"),
                (
                    7,
                    "arrival time \"1772355601000\" is not between 1900 and 2100 as seconds since 1970"
                ),
            ]
        );
    }

    #[test]
    fn bad_lines_of_ndjson_say_what_is_wrong_with_them() {
        let good = "{\"ts\": 1772355600, \"arrival\": 1772355601}\n";
        let text = format!(
            "{good}{good}{good}{good}{{\"ts\": 1}}\n{{\"ts\": null, \"arrival\": 1}}\n[1]\n{{\n"
        );
        let (_, report) = read(&text);
        let reasons: Vec<&str> = report
            .bad_rows
            .iter()
            .map(|row| row.reason.as_str())
            .collect();
        assert_eq!(
            reasons[..3],
            [
                "no field \"arrival\"",
                "\"ts\" is null",
                "not a JSON object"
            ]
        );
        assert!(reasons[3].starts_with("not JSON: EOF"));
    }

    #[test]
    fn a_file_that_makes_no_sense_says_why() {
        for (text, words) in [
            ("", "is empty"),
            ("\n \n", "is empty"),
            ("PK\u{3}\u{4}\0\0", "not text"),
            ("[{\"ts\": 1}]", "a JSON array is not accepted"),
            (
                "{\"a\": 1}\n",
                "no column is known as event_time; there are a",
            ),
            ("{\"ts\": 1}\n", "no column is known as arrival_time"),
            ("{oops}\n", "not JSON"),
            ("hello\nworld\n", "has no columns"),
            (
                "a,b\n1772355600,1772355601\n1772355600,1772355601\n",
                "no column is known as event_time; there are a, b",
            ),
            (
                "event_time,arrival_time\nmonday,tuesday\n",
                "no event time can be read, such as \"monday\"",
            ),
            (
                "event_time,arrival_time\n1772355600,1772355601\n",
                "1 rows could be read and 0 could not",
            ),
            (
                "event_time,arrival_time\n1772355600,1772355601\n1772355600,1772355601\nx,y\nx,y\nx,y\n",
                "2 rows could be read and 3 could not (line 4:",
            ),
        ] {
            let problem = refused(text, &Options::default());
            assert!(problem.contains(words), "{text:?}: {problem}");
        }
    }

    #[test]
    fn a_learner_can_say_what_is_what() {
        let text = "when,seen,who\n10,12,a\n11,14,b\n";
        let options = |event: &str, arrival: &str| Options {
            event: Some(event.into()),
            arrival: Some(arrival.into()),
            unit: Some(Unit::Millis),
            ..Options::default()
        };
        for (event, arrival) in [("when", "seen"), ("1", "2")] {
            let (arrivals, _) =
                Import::run(text.as_bytes().to_vec(), &options(event, arrival)).expect("read");
            assert_eq!(arrivals.rows()[1].delay_us(), 3_000);
        }
        assert!(refused(text, &options("whem", "seen")).contains("did you mean \"when\"?"));
        assert!(refused(text, &options("when", "9")).contains("there is no column 9"));
    }

    #[test]
    fn slices_do_not_matter_and_what_is_written_reads_back() {
        let arrivals = (crate::arrivals::models::EXAMPLES[0].model)().arrivals();
        let text = arrivals.to_csv();
        let mut import =
            Import::begin(text.into_bytes(), &Options::default()).expect("its own format");
        let mut slices = 0;
        while import.advance(1_000) {
            slices += 1;
        }
        assert_eq!(slices, 60);
        let (read, report) = import.finish().expect("read");
        assert_eq!(
            (report.bad, report.keys, report.partitions),
            (
                0,
                20,
                arrivals
                    .partitions
                    .iter()
                    .filter(|name| { read.partitions.contains(name) })
                    .count() as u64
            )
        );
        let same = read.rows().iter().zip(arrivals.rows()).all(|(a, b)| {
            (a.event_us, a.at_us) == (b.event_us, b.at_us)
                && read.keys[a.key as usize] == arrivals.keys[b.key as usize]
        });
        assert!(same && read.len() == arrivals.len());
    }
}
