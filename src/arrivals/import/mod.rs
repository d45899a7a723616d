//! A learner's own file: CSV or NDJSON with an event time and an arrival time a record.
//!
//! The format is found out from the first lines: delimiter, header, which column is which, how time is written. A row that
//! cannot be read is counted, and the first of them are kept with line and reason; a file that makes no sense says why.
//! Reading advances in slices of lines.

mod format;

use super::timestamp::Unit;
use super::{Arrival, Arrivals, Progress};
use format::{Format, next_line};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Rows that are read; what follows is left out, and the report says so.
pub const MOST_ROWS: usize = 1_000_000;
/// Bad rows that are kept with their reason.
pub const SHOWN: usize = 100;

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

#[cfg(test)]
mod tests {
    use super::format::fields;
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
