//! Recordings of Flink jobs: a script of records, ticks and ends goes through the very operators that the tasks of the
//! simulated job run, and every watermark, every window and every late record must come out as recorded.
//!
//! A recording is a JSON array, one object a case. Cases that recorded 2.3.0 apart are run by the rules of both releases.

use super::flink_recovery;
use super::{Case, Checked, Difference, RecordingError, Skip, read};
use crate::sim::engines::flink::watermark::{
    self, Release, Settings, Signal, SourceWatermarks, Strategy, Valve,
};
use crate::sim::engines::flink::window::{Assigner, Effect, Timers, WindowOperator};
use crate::sim::ordered::OrdSet;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct RawCase {
    case: String,
    group: String,
    config: Map<String, Value>,
    #[serde(default)]
    steps: Vec<Value>,
    expect: Value,
    #[serde(rename = "expect_2.3.0")]
    expect_2_3: Option<Value>,
}

#[derive(Deserialize)]
struct Config {
    topology: Topology,
    inputs: u16,
    window: Window,
    watermark: Watermark,
    #[serde(default)]
    allowed_lateness_ms: i64,
    /// SQL's windows: the counter of late records counts something else.
    sql: Option<String>,
    #[serde(rename = "sql_watermark")]
    _sql_watermark: Option<String>,
    #[serde(rename = "tail_ms")]
    _tail_ms: Option<u64>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Topology {
    Single,
    Union,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Window {
    Tumbling {
        size_ms: i64,
        #[serde(default)]
        offset_ms: i64,
    },
    Sliding {
        size_ms: i64,
        slide_ms: i64,
        #[serde(default)]
        offset_ms: i64,
    },
    Session {
        gap_ms: i64,
    },
    Timer {
        #[serde(default)]
        offset_ms: i64,
    },
}

#[derive(Deserialize)]
struct Watermark {
    strategy: StrategyName,
    #[serde(default)]
    delay_ms: i64,
    emission: Emission,
    scope: Scope,
    #[serde(rename = "tick_interval_ms")]
    _tick_interval_ms: Option<u64>,
    idle_timeout_ms: Option<u64>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StrategyName {
    BoundedOutOfOrderness,
    SqlRowExpression,
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Emission {
    PerRecord,
    Periodic,
    Punctuated,
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    PerSource,
    PerPartition,
}

/// One step of the script.
enum Step {
    Record {
        at: u64,
        input: u16,
        id: String,
        key: String,
        timestamp: i64,
        value: i64,
    },
    Tick {
        at: u64,
    },
    End {
        at: u64,
        input: u16,
    },
}

#[derive(Debug, Deserialize)]
struct Expected {
    watermarks: Vec<(usize, u64, Value)>,
    final_max_watermark: bool,
    output: Vec<Row>,
    late: Vec<String>,
    num_late_records_dropped: u64,
}

/// An emitted window, or a timer that fired.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    key: String,
    timer: Option<i64>,
    start: Option<i64>,
    end: Option<i64>,
    count: Option<usize>,
    sum: Option<i64>,
    ids: Option<Vec<String>>,
    watermark: Option<i64>,
    at_end: bool,
    step: Option<usize>,
    at_ms: Option<u64>,
    pane: Option<String>,
}

type RowOrder = (usize, Option<i64>, Option<i64>, Option<i64>, String);

impl Row {
    /// The engine gives no order between keys for one watermark.
    fn order(&self) -> RowOrder {
        let step = self.step.unwrap_or(usize::MAX);
        (step, self.end, self.start, self.timer, self.key.clone())
    }
}

/// Checks every case of a recording.
pub(super) fn check(
    file: &str,
    cases: &[Value],
    mut add: impl FnMut(String, Checked),
) -> Result<(), RecordingError> {
    for (index, value) in cases.iter().enumerate() {
        let place = format!("{file}: [{index}]");
        let raw: RawCase = read(&place, value)?;
        let place = format!("{place} ({})", raw.case);
        let checked = if raw.group == "recovery" {
            let case = Case {
                place,
                id: raw.case.clone(),
                config: raw.config,
                workload: Value::Null,
                fault: Value::Null,
                observed: raw.expect,
                mock_deviates: Vec::new(),
            };
            flink_recovery::check(&case)?
        } else {
            check_windows(&place, &raw)?
        };
        add(raw.case, checked);
    }
    Ok(())
}

fn check_windows(place: &str, raw: &RawCase) -> Result<Checked, RecordingError> {
    let config = Value::Object(raw.config.clone());
    let config: Config = read(&format!("{place}.config"), &config)?;
    let unknown = config.unknown.keys().chain(config.watermark.unknown.keys());
    if let Some(key) = unknown.into_iter().next() {
        let what = format!("the setting {key} of a recorded job");
        return Ok(Checked::Skipped(Skip::NotModelled(what)));
    }
    let steps: Vec<Step> = raw
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| parse_step(&format!("{place}.steps[{index}]"), step))
        .collect::<Result<_, _>>()?;
    let mut differences = Vec::new();
    let releases = [
        (Release::V2_0, Some(&raw.expect)),
        (Release::V2_3, raw.expect_2_3.as_ref()),
    ];
    for (release, expected) in releases {
        let Some(expected) = expected else { continue };
        let expected: Expected = read(&format!("{place}.expect"), expected)?;
        let seen = Job::run(&config, release, &steps);
        differences.extend(compare(&expected, &seen, config.sql.is_some()));
    }
    Ok(if differences.is_empty() {
        Checked::Passed
    } else {
        Checked::Failed(differences)
    })
}

fn parse_step(place: &str, step: &Value) -> Result<Step, RecordingError> {
    match step.get(0).and_then(Value::as_str) {
        Some("ev") => {
            let (_, at, input, id, key, timestamp, value): (
                String,
                u64,
                u16,
                String,
                String,
                i64,
                i64,
            ) = read(place, step)?;
            Ok(Step::Record {
                at,
                input,
                id,
                key,
                timestamp,
                value,
            })
        }
        Some("tick") => {
            let (_, at): (String, u64) = read(place, step)?;
            Ok(Step::Tick { at })
        }
        Some("end") => {
            let (_, at, input): (String, u64, u16) = read(place, step)?;
            Ok(Step::End { at, input })
        }
        _ => Err(RecordingError::new(
            place,
            format!("{step} is no step; accepted are ev, tick, end"),
        )),
    }
}

enum Operator {
    Window(WindowOperator<String, (String, i64)>),
    Timer {
        timers: Timers<String>,
        offset: i64,
        watermark: Option<i64>,
    },
}

/// A job of sources, a valve and one operator, played step by step.
struct Job {
    sources: Vec<SourceWatermarks>,
    ended: OrdSet<usize>,
    valve: Valve,
    operator: Operator,
    /// Number of the step and its time.
    step: Option<(usize, u64)>,
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    watermarks: Vec<(usize, u64, Value)>,
    final_max_watermark: bool,
    output: Vec<Row>,
    late: Vec<String>,
    ids: Vec<String>,
}

impl Job {
    fn run(config: &Config, release: Release, steps: &[Step]) -> Seen {
        let mut job = Job::new(config, release);
        for (index, step) in steps.iter().enumerate() {
            job.play(config, index, step);
        }
        // The sources end one after the other, within the last step.
        for source in 0..job.sources.len() {
            job.end(source);
        }
        let mut seen = job.seen;
        if config.sql.is_some() {
            // There is no side output: late is what is in no result.
            let emitted: OrdSet<&String> = seen
                .output
                .iter()
                .flat_map(|row| row.ids.iter().flatten())
                .collect();
            let mut late = seen.ids.clone();
            late.retain(|id| !emitted.contains(id));
            seen.late = late;
        }
        seen
    }

    fn new(config: &Config, release: Release) -> Self {
        let watermark = &config.watermark;
        let strategy = match (watermark.strategy, watermark.emission) {
            (StrategyName::None, _) | (_, Emission::None) => Strategy::None,
            (_, Emission::Punctuated) => Strategy::Punctuated,
            (StrategyName::BoundedOutOfOrderness, _) => Strategy::BoundedOutOfOrderness,
            (StrategyName::SqlRowExpression, _) => Strategy::SqlRowExpression,
        };
        let settings = Settings {
            strategy,
            delay: watermark.delay_ms,
            idle_timeout: watermark.idle_timeout_ms,
            interval: 0,
            release,
        };
        let partitions = match (config.topology, watermark.scope) {
            // The recorded source is assigned one split, its script, and hands its partitions' records on through outputs of
            // their own. Flink makes an output for every assigned split: so there is one more partition, and it never sends.
            // This is why without an idle timeout nothing fires in these recordings before the end.
            (Topology::Single, Scope::PerPartition) => 0..config.inputs + 1,
            _ => 0..0,
        };
        let sources = match config.topology {
            Topology::Single => 1,
            Topology::Union => usize::from(config.inputs),
        };
        let lateness = config.allowed_lateness_ms;
        let windows = |assigner| Operator::Window(WindowOperator::new(assigner, lateness));
        let operator = match config.window {
            Window::Tumbling { size_ms, offset_ms } => windows(Assigner::Tumbling {
                size: size_ms,
                offset: offset_ms,
            }),
            Window::Sliding {
                size_ms,
                slide_ms,
                offset_ms,
            } => windows(Assigner::Sliding {
                size: size_ms,
                slide: slide_ms,
                offset: offset_ms,
            }),
            Window::Session { gap_ms } => windows(Assigner::Session { gap: gap_ms }),
            Window::Timer { offset_ms } => Operator::Timer {
                timers: Timers::new(),
                offset: offset_ms,
                watermark: None,
            },
        };
        Job {
            sources: vec![SourceWatermarks::new(settings, partitions); sources],
            ended: OrdSet::new(),
            valve: Valve::new(sources, release),
            operator,
            step: None,
            seen: Seen::default(),
        }
    }

    fn play(&mut self, config: &Config, index: usize, step: &Step) {
        match step {
            Step::Record {
                at,
                input,
                id,
                key,
                timestamp,
                value,
            } => {
                self.step = Some((index, *at));
                self.seen.ids.push(id.clone());
                // A record is handed on before its own watermark.
                self.process(key, *timestamp, id, *value);
                let source = match config.topology {
                    Topology::Single => 0,
                    Topology::Union => usize::from(*input),
                };
                let marked = *value < 0;
                let signals = self.sources[source].on_event(*input, *timestamp, marked);
                self.signals(source, &signals);
                if config.watermark.emission == Emission::PerRecord {
                    self.emit(source, *at);
                }
            }
            Step::Tick { at } => {
                self.step = Some((index, *at));
                for source in 0..self.sources.len() {
                    self.emit(source, *at);
                }
            }
            Step::End { at, input } => {
                self.step = Some((index, *at));
                match config.topology {
                    Topology::Single => self.sources[0].end_partition(*input),
                    Topology::Union => self.end(usize::from(*input)),
                }
            }
        }
    }

    fn emit(&mut self, source: usize, at: u64) {
        if !self.ended.contains(&source) {
            let signals = self.sources[source].on_periodic_emit(at);
            self.signals(source, &signals);
        }
    }

    fn end(&mut self, source: usize) {
        if self.ended.insert(source) {
            let signals = self.sources[source].end();
            self.signals(source, &signals);
        }
    }

    fn process(&mut self, key: &String, timestamp: i64, id: &str, value: i64) {
        match &mut self.operator {
            Operator::Timer { timers, offset, .. } => timers.register(key, timestamp + *offset),
            Operator::Window(operator) => {
                let effects = operator.process(key, timestamp, (id.to_string(), value));
                let late = effects.contains(&Effect::Late);
                if late {
                    self.seen.late.push(id.to_string());
                }
                let watermark = operator.watermark();
                self.rows(effects, watermark);
            }
        }
    }

    fn signals(&mut self, source: usize, signals: &[Signal]) {
        for &signal in signals {
            for signal in self.valve.input(source, signal) {
                match signal {
                    Signal::Idle => self.note(Value::from("idle")),
                    Signal::Active => self.note(Value::from("active")),
                    Signal::Watermark(watermark) => self.advance(watermark),
                }
            }
        }
    }

    fn note(&mut self, what: Value) {
        if let Some((step, at)) = self.step {
            self.seen.watermarks.push((step, at, what));
        }
    }

    fn advance(&mut self, watermark: i64) {
        if watermark == watermark::MAX {
            self.seen.final_max_watermark = true;
        } else {
            self.note(Value::from(watermark));
        }
        match &mut self.operator {
            Operator::Window(operator) => {
                let effects = operator.advance(watermark);
                self.rows(effects, watermark);
            }
            Operator::Timer {
                timers,
                watermark: current,
                ..
            } => {
                *current = Some(watermark);
                for (time, key) in timers.advance(watermark) {
                    let mut row = self.seen.row(self.step, watermark, key);
                    row.timer = Some(time);
                    self.seen.output.push(row);
                }
            }
        }
    }

    fn rows(&mut self, effects: Vec<Effect<String, (String, i64)>>, watermark: i64) {
        for effect in effects {
            let Effect::Fired {
                key,
                window,
                contents,
                by_record,
            } = effect
            else {
                continue;
            };
            let mut ids: Vec<String> = contents.iter().map(|(id, _)| id.clone()).collect();
            ids.sort();
            let mut row = self.seen.row(self.step, watermark, key);
            row.start = Some(window.start);
            row.end = Some(window.end);
            row.count = Some(contents.len());
            row.sum = Some(contents.iter().map(|(_, value)| value).sum());
            row.ids = Some(ids);
            row.pane = Some(if by_record { "late" } else { "on_time" }.to_string());
            self.seen.output.push(row);
        }
    }
}

impl Seen {
    /// What only the end of the input releases belongs to no step.
    fn row(&self, step: Option<(usize, u64)>, watermark: i64, key: String) -> Row {
        let step = step.filter(|_| watermark != watermark::MAX);
        Row {
            key,
            timer: None,
            start: None,
            end: None,
            count: None,
            sum: None,
            ids: None,
            watermark: step.map(|_| watermark),
            at_end: step.is_none(),
            step: step.map(|(step, _)| step),
            at_ms: step.map(|(_, at)| at),
            pane: None,
        }
    }
}

fn compare(expected: &Expected, seen: &Seen, sql: bool) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differ = |field: &str, recorded: String, simulated: String| {
        if recorded != simulated {
            differences.push(Difference {
                field: field.into(),
                recorded,
                simulated,
            });
        }
    };
    differ(
        "watermarks",
        format!("{:?}", expected.watermarks),
        format!("{:?}", seen.watermarks),
    );
    differ(
        "final_max_watermark",
        expected.final_max_watermark.to_string(),
        seen.final_max_watermark.to_string(),
    );
    let sorted = |rows: &[Row]| {
        let mut rows = rows.to_vec();
        rows.sort_by_key(Row::order);
        format!("{rows:?}")
    };
    differ("output", sorted(&expected.output), sorted(&seen.output));
    let ids = |ids: &[String]| {
        let mut ids = ids.to_vec();
        ids.sort();
        format!("{ids:?}")
    };
    differ("late", ids(&expected.late), ids(&seen.late));
    if !sql {
        differ(
            "num_late_records_dropped",
            expected.num_late_records_dropped.to_string(),
            seen.late.len().to_string(),
        );
    }
    differences
}
