//! Real configuration: the settings that a scenario stands for, as the real systems read them.
//!
//! Only keys that the real systems know are written as settings. What a scenario has beside them is a method call, which is
//! written as that call where a program is exported, or a choice of the application, which is a comment. A setting is
//! written if it differs from its default, or if it is one of those that this course is about.

pub mod flink;
mod hudi;
mod kafka;
mod pyspark;

use crate::sim::Scenario;
use crate::sim::suggest;
use serde_json::Value;

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `producer.properties`
    Producer,
    /// `consumer.properties`, one for each segment with a plain consumer.
    Consumer,
    /// The command that creates the topic.
    Topic,
    /// `server.properties`, as far as the scenario has a say in it.
    Brokers,
    /// A Structured Streaming job.
    Pyspark,
    /// The table's options as a properties file.
    Hudi,
    /// A DataStream job in Java, one for each segment that Flink runs.
    FlinkJava,
    /// The same in Flink SQL.
    FlinkSql,
}

const FORMATS: [(Format, &str); 8] = [
    (Format::Topic, "topic"),
    (Format::Brokers, "brokers"),
    (Format::Producer, "producer"),
    (Format::Consumer, "consumer"),
    (Format::Pyspark, "pyspark"),
    (Format::Hudi, "hudi"),
    (Format::FlinkJava, "flink-java"),
    (Format::FlinkSql, "flink-sql"),
];

impl Format {
    /// The format of this name, or what would be accepted.
    pub fn find(name: &str) -> Result<Format, String> {
        let found = FORMATS.iter().find(|(_, known)| *known == name);
        found.map(|(format, _)| *format).ok_or_else(|| {
            let names = FORMATS.map(|(_, name)| name);
            let hint = suggest::did_you_mean(name, names);
            format!(
                "no format named \"{name}\"{hint} Accepted: {}",
                names.join(", ")
            )
        })
    }

    pub fn name(self) -> &'static str {
        let found = FORMATS.iter().find(|(format, _)| *format == self);
        found.expect("every format has a name").1
    }

    /// Those that a scenario has a part for, in the order of the pipeline.
    pub fn in_use(scenario: &Scenario) -> Vec<Format> {
        let formats = FORMATS.iter().map(|(format, _)| *format);
        formats
            .filter(|format| export(scenario, *format).is_ok())
            .collect()
    }
}

/// The settings of a scenario in one format; an error if it has no such part.
pub fn export(scenario: &Scenario, format: Format) -> Result<String, String> {
    let whole = scenario.to_value();
    let segments = segments(&whole);
    let texts: Vec<String> = match format {
        Format::Producer => vec![kafka::producer(scenario, &whole)],
        Format::Topic => vec![kafka::topic(&whole)],
        Format::Brokers => vec![kafka::brokers(&whole)],
        Format::Consumer => segments
            .iter()
            .filter(|segment| segment.engine == "consumer")
            .map(|segment| kafka::consumer(&whole, segment))
            .collect(),
        Format::Pyspark => {
            let queries: Vec<&Segment> = segments
                .iter()
                .filter(|segment| segment.engine == "spark")
                .collect();
            match queries.is_empty() {
                true => Vec::new(),
                false => vec![pyspark::job(&whole, &queries)],
            }
        }
        Format::Hudi => segments
            .iter()
            .filter(|segment| segment.sink == "hudi")
            .map(|segment| hudi::properties(&whole, segment))
            .collect(),
        Format::FlinkJava => jobs(&segments)
            .map(|segment| flink::java::job(&whole, segment))
            .collect(),
        Format::FlinkSql => jobs(&segments)
            .map(|segment| flink::sql::script(&whole, segment))
            .collect(),
    };
    if texts.is_empty() {
        return Err(format!(
            "this scenario has no part for \"{}\"",
            format.name()
        ));
    }
    Ok(texts.join("\n"))
}

/// The segments that Flink runs.
fn jobs<'a>(segments: &'a [Segment<'a>]) -> impl Iterator<Item = &'a Segment<'a>> {
    segments.iter().filter(|segment| segment.engine == "flink")
}

/// The topic that a segment reads: that of the scenario, or what another segment writes.
fn input(whole: &Value, segment: &Segment) -> String {
    let topic = whole["topic"]["name"].as_str().unwrap_or_default();
    let from = whole["branches"][segment.name]["from"].as_str();
    let segments = segments(whole);
    let writer = from.filter(|from| *from != topic).and_then(|from| {
        let name = if from == crate::sim::tiers::MAIN {
            ""
        } else {
            from
        };
        segments.iter().find(|segment| segment.name == name)
    });
    writer.map_or_else(|| topic.to_string(), output)
}

/// The topic that a segment writes.
fn output(segment: &Segment) -> String {
    format!("{}-out", segment.title())
}

/// The main segment or a branch: its name, its engine and its sink in use, and their settings.
struct Segment<'a> {
    name: &'a str,
    engine: &'a str,
    sink: &'a str,
    engines: &'a Value,
    sinks: &'a Value,
}

impl<'a> Segment<'a> {
    fn of(name: &'a str, section: &'a Value) -> Self {
        let used = |part: &'a Value| part["use"].as_str().unwrap_or_default();
        Segment {
            name,
            engine: used(&section["engine"]),
            sink: used(&section["sink"]),
            engines: &section["engine"],
            sinks: &section["sink"],
        }
    }

    /// The settings of its engine.
    fn engine(&self) -> Settings<'a> {
        Settings(&self.engines[self.engine])
    }

    fn sink(&self) -> Settings<'a> {
        Settings(&self.sinks[self.sink])
    }

    /// What its group, its query or its table is called.
    fn title(&self) -> String {
        match self.name {
            "" => "orders".into(),
            name => name.into(),
        }
    }
}

fn segments(whole: &Value) -> Vec<Segment<'_>> {
    let main = Segment::of("", whole);
    let branches = whole["branches"].as_object().into_iter().flatten();
    let branches = branches.map(|(name, branch)| Segment::of(name, branch));
    std::iter::once(main).chain(branches).collect()
}

/// A section of a scenario, by the keys it has there. What another version of the simulator does not have is not set.
#[derive(Clone, Copy)]
struct Settings<'a>(&'a Value);

impl Settings<'_> {
    /// A value as a file has it.
    fn get(&self, key: &str) -> Option<String> {
        match &self.0[key] {
            Value::Null | Value::Object(_) | Value::Array(_) => None,
            Value::String(text) => Some(text.clone()),
            value => Some(value.to_string()),
        }
    }

    fn is(&self, key: &str, value: &str) -> bool {
        self.0[key] == value
    }

    /// What is set and is not what nobody needs to set.
    fn unlike(&self, default: &Value, key: &str) -> Option<String> {
        (self.0[key] != default[key])
            .then(|| self.get(key))
            .flatten()
    }
}

/// One line of a comment, whatever the text is.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A Java properties file.
#[derive(Default)]
struct Properties(String);

impl Properties {
    fn comment(&mut self, text: &str) {
        self.0 += &format!("# {}\n", one_line(text));
    }

    fn set(&mut self, key: &str, value: &str) {
        self.0 += &format!("{key}={}\n", escaped(value));
    }
}

/// A value as `java.util.Properties` reads it: Latin letters, a backslash before what would be taken away.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for (index, c) in value.chars().enumerate() {
        match c {
            '\\' => text += "\\\\",
            ' ' if index == 0 => text += "\\ ",
            ' '..='~' => text.push(c),
            _ => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    text += &format!("\\u{unit:04X}");
                }
            }
        }
    }
    text
}
