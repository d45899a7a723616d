//! Recordings of Spark Structured Streaming over files: windows, sessions, deduplication, two inputs, and recovery.
//!
//! A recording is JSON with `schema` 1, a `kind`, the inputs and the cases. What is compared of a watermark case: whether the
//! query was accepted, which batches ran when, and of each batch its rows, watermarks and state. Of a recovery case: how each
//! run ended, what the sink was called with, the checkpoint after it, and the tables at the end.

mod recovery;
mod run;

use super::{Checked, Difference, RecordingError, Skip, read};
use crate::sim::engines::operators::dedup::Column;
use crate::sim::engines::operators::join::JoinType;
use crate::sim::engines::operators::query::{Operator, Query};
use crate::sim::engines::operators::watermark::WatermarkPolicy;
use crate::sim::engines::operators::window::Windows;
use crate::sim::engines::operators::{Element, Emitted, OutputMode};
use crate::sim::kafka::protocol::PartitionId;
use crate::sim::kernel::EventTime;
use crate::sim::ordered::OrdMap;
use crate::sim::trace::Source;
use crate::sim::workload::Version;
use run::{Batch, Checkpoint, Plan, Run, Tables, Trigger};
use serde::Deserialize;
use serde_json::{Value, json};

/// The kinds of recordings.
const KINDS: [&str; 5] = ["windows", "session", "dedup", "multi_input", "recovery"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    schema: u32,
    kind: String,
    #[serde(rename = "pyspark")]
    _pyspark: String,
    #[serde(rename = "java")]
    _java: String,
    inputs: OrdMap<String, Input>,
    cases: Vec<Value>,
}

/// Batches of rows `[id, key, event_ms, value]` in the order of arrival.
type Input = Vec<Vec<(String, String, i64, i64)>>;

/// Whether a file is one of these recordings.
pub fn is_recording(value: &Value) -> bool {
    value.get("pyspark").is_some() && value.get("kind").is_some()
}

/// Checks one file: the cases by name, and what came of them.
pub fn check(file: &str, value: &Value) -> Result<Vec<(String, Checked)>, RecordingError> {
    let recording: Recording = read(file, value)?;
    if recording.schema != 1 {
        let problem = format!("{} is not known; accepted is 1", recording.schema);
        return Err(RecordingError::new(&format!("{file}: schema"), problem));
    }
    if !KINDS.contains(&recording.kind.as_str()) {
        let (kind, known) = (recording.kind, KINDS.join(", "));
        let problem = format!("\"{kind}\" is not known; accepted are {known}");
        return Err(RecordingError::new(&format!("{file}: kind"), problem));
    }
    let check = if recording.kind == "recovery" {
        recovery::check
    } else {
        check_case
    };
    let mut checked = Vec::new();
    for (index, case) in recording.cases.iter().enumerate() {
        let name = case["name"].as_str().unwrap_or_default().to_string();
        let place = format!("{file}: cases[{index}] ({name})");
        checked.push((name, check(&place, case, &recording.inputs)?));
    }
    Ok(checked)
}

// ---- what a query is -------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Op {
    Window,
    UnionWindow,
    GroupbyKey,
    Dedup,
    DedupWithin,
    Stateless,
    Join,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuerySpec {
    op: Op,
    window: Option<Windows>,
    #[serde(default)]
    output_mode: OutputMode,
    delay_ms: Option<u64>,
    delay2_ms: Option<u64>,
    cols: Option<Vec<Column>>,
    #[serde(default)]
    prune_ts: bool,
    #[serde(default)]
    policy: WatermarkPolicy,
    no_data_batches: Option<bool>,
    join_type: Option<JoinType>,
    within_ms: Option<u64>,
    sink: Option<String>,
    max_files_per_trigger: Option<usize>,
}

impl QuerySpec {
    fn query(&self, place: &str, inputs: usize) -> Result<Query, RecordingError> {
        let window = || {
            let missing = || RecordingError::new(place, "query.window is missing");
            let windows = self.window.ok_or_else(missing)?;
            let lengths = match windows {
                Windows::Tumbling { size_ms } => [size_ms, 1],
                Windows::Sliding { size_ms, slide_ms } => [size_ms, slide_ms],
                Windows::Session { gap_ms } => [gap_ms, 1],
            };
            if lengths.contains(&0) {
                return Err(RecordingError::new(place, "query.window: a length of 0"));
            }
            Ok(windows)
        };
        let dedup = |within| Operator::Deduplicate {
            columns: self.cols.clone().unwrap_or_else(|| vec![Column::Id]),
            within,
            time_pruned: self.prune_ts,
        };
        let operator = match self.op {
            Op::Window | Op::UnionWindow => Operator::Aggregate {
                windows: Some(window()?),
                keyed: true,
            },
            Op::GroupbyKey => Operator::Aggregate {
                windows: None,
                keyed: true,
            },
            Op::Dedup => dedup(false),
            Op::DedupWithin => dedup(true),
            Op::Stateless => Operator::Stateless,
            Op::Join => Operator::Join {
                kind: self.join_type.unwrap_or_default(),
                within_ms: self.within_ms,
            },
        };
        let mut delays = vec![self.delay_ms, self.delay2_ms];
        delays.truncate(inputs);
        Ok(Query {
            operator,
            mode: self.output_mode,
            delays,
            policy: self.policy,
            no_data_batches: self.no_data_batches.unwrap_or(true),
            allow_multiple: true,
        })
    }
}

/// Texts by number: ids and keys are numbers in the simulator.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        let known = self.0.iter().position(|other| other == name);
        let number = known.unwrap_or_else(|| {
            self.0.push(name.to_string());
            self.0.len() - 1
        });
        number as u32
    }

    fn of(&self, number: u32) -> &str {
        &self.0[number as usize]
    }

    /// The files of an input. An input is read as one partition.
    fn files(&mut self, input: &Input, partition: u16) -> Vec<Vec<Element>> {
        let mut offset = 0;
        let mut element = |(id, key, at, value): &(String, String, i64, i64)| {
            offset += 1;
            Element {
                id: self.number(id),
                key: self.number(key),
                event_time: EventTime::from_ms(*at),
                value: *value,
                record_key: String::new(),
                version: Version::default(),
                source: Source {
                    partition: PartitionId(partition),
                    offset,
                },
                origin: None,
            }
        };
        let batches = input.iter();
        batches
            .map(|rows| rows.iter().map(&mut element).collect())
            .collect()
    }
}

/// The named input.
fn input<'a>(
    place: &str,
    inputs: &'a OrdMap<String, Input>,
    name: &str,
) -> Result<&'a Input, RecordingError> {
    inputs.get(name).ok_or_else(|| {
        let known: Vec<&str> = inputs.keys().map(String::as_str).collect();
        let problem = format!("no input \"{name}\"; there are {}", known.join(", "));
        RecordingError::new(&format!("{place}.input"), problem)
    })
}

/// Rows sorted by their JSON text, as recordings have them.
fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_cached_key(Value::to_string);
    rows
}

// ---- comparing -------------------------------------------------------------------------------------------------

/// The differences found so far.
#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn compare(&mut self, field: &str, recorded: &Value, simulated: &Value) {
        if recorded != simulated {
            self.0.push(Difference {
                field: field.to_string(),
                recorded: recorded.to_string(),
                simulated: simulated.to_string(),
            });
        }
    }

    fn outcome(self) -> Checked {
        if self.0.is_empty() {
            Checked::Passed
        } else {
            Checked::Failed(self.0)
        }
    }
}

// ---- watermark cases -------------------------------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "name")]
    _name: String,
    input: Named,
    pacing: Pacing,
    query: QuerySpec,
    ok: bool,
    error: Option<ErrorSpec>,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    batches: Vec<BatchSpec>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    One(String),
    Several(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pacing {
    /// One file of each input, until idle, the next.
    Paced,
    /// Everything is there at the start.
    Backlog,
    /// Like paced, with a restart before each step.
    PacedRestart,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorSpec {
    #[serde(rename = "type")]
    kind: String,
    class: Option<String>,
    #[serde(default)]
    mentions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    add: usize,
    batches: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchSpec {
    batch: u64,
    rows_in: Option<u64>,
    no_data: bool,
    et_max: Option<i64>,
    wm_late: i64,
    wm_evict: i64,
    wm_next: i64,
    out: Vec<Value>,
    state: Option<Vec<StateSpec>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateSpec {
    op: String,
    rows: u64,
    updated: u64,
    removed: u64,
    dropped_by_wm: u64,
    dropped_dup: Option<u64>,
    /// An estimate of the JVM, and not a function of the rows.
    #[serde(rename = "mem_bytes")]
    _mem_bytes: u64,
}

/// The rows as watermark cases write them.
fn out(names: &Names, emitted: &[Emitted]) -> Vec<Value> {
    let row = |emitted: &Emitted| match emitted {
        Emitted::Passed(e) => json!([names.of(e.id), names.of(e.key), e.event_time.ms(), e.value]),
        Emitted::Group {
            window,
            key,
            count,
            sum,
            ..
        } => {
            let key = key.map(|key| names.of(key));
            match window {
                Some(window) => json!([window.start.ms(), window.end.ms(), key, count, sum]),
                None => json!([key, count, sum]),
            }
        }
        Emitted::Joined(left, right) => {
            let id = |side: &Option<Element>| side.as_ref().map(|e| names.of(e.id).to_string());
            let at = |side: &Option<Element>| side.as_ref().map(|e| e.event_time.ms());
            json!([id(left), at(left), id(right), at(right)])
        }
    };
    sorted(emitted.iter().map(row).collect())
}

fn check_case(
    place: &str,
    value: &Value,
    inputs: &OrdMap<String, Input>,
) -> Result<Checked, RecordingError> {
    let case: Case = read(place, value)?;
    let named: Vec<&String> = match &case.input {
        Named::One(name) => vec![name],
        Named::Several(names) => names.iter().collect(),
    };
    if named.len() > 2 {
        let what = format!("a query of {} inputs", named.len());
        return Ok(Checked::Skipped(Skip::NotModelled(what)));
    }
    let mut names = Names::default();
    let mut files = Vec::new();
    for (index, name) in named.iter().enumerate() {
        files.push(names.files(input(place, inputs, name)?, index as u16));
    }
    let query = case.query.query(place, files.len())?;
    let mut differences = Differences::default();
    let refusal = query.refusal();
    differences.compare("ok", &json!(case.ok), &json!(refusal.is_none()));
    if !case.ok || refusal.is_some() {
        let error = case.error.as_ref();
        let class = error.and_then(|error| error.class.as_deref());
        differences.compare("error.class", &json!(class), &json!(refusal));
        let kind = error.map(|error| error.kind.as_str());
        let own = refusal.map(|_| "AnalysisException");
        differences.compare("error.type", &json!(kind), &json!(own));
        return Ok(differences.outcome());
    }
    let plan = Plan {
        query,
        files_per_batch: case.query.max_files_per_trigger.unwrap_or(1),
        trigger: Trigger::Default,
        to_files: false,
        fault: None,
    };
    let mut checkpoint = Checkpoint::of(files.len());
    let mut there: Vec<Vec<Option<Vec<Element>>>> = vec![Vec::new(); files.len()];
    let (mut done, mut tables) = (Vec::new(), Tables::default());
    let mut running: Option<Run> = None;
    for (index, step) in case.steps.iter().enumerate() {
        for (input, there) in files.iter().zip(&mut there) {
            let new = input.iter().skip(there.len()).take(step.add);
            there.extend(new.cloned().map(Some));
        }
        let lengths: Vec<usize> = there.iter().map(Vec::len).collect();
        let before: usize = done.len();
        let kept = running
            .take()
            .filter(|_| case.pacing != Pacing::PacedRestart);
        let run = match kept {
            Some(run) => Ok(run),
            None => Run::start(plan.clone(), &mut checkpoint, &lengths),
        };
        let ended = run.and_then(|mut run| {
            let rows = |emitted: &[Emitted]| out(&names, emitted);
            let calls = &mut Vec::new();
            let c = &mut checkpoint;
            run.until_idle(c, &there, &mut tables, &rows, &mut done, calls)?;
            running = Some(run);
            Ok(())
        });
        let failure = ended.err().map(|failure| failure.message);
        differences.compare("error", &Value::Null, &json!(failure));
        let ran: Vec<u64> = done[before..].iter().map(|batch| batch.id).collect();
        let field = format!("steps[{index}].batches");
        differences.compare(&field, &json!(step.batches), &json!(ran));
    }
    let ran: Vec<u64> = done.iter().map(|batch| batch.id).collect();
    let recorded: Vec<u64> = case.batches.iter().map(|batch| batch.batch).collect();
    differences.compare("batches", &json!(recorded), &json!(ran));
    for (recorded, batch) in case.batches.iter().zip(&done) {
        compare_batch(&mut differences, recorded, batch, &plan.query, &names);
    }
    Ok(differences.outcome())
}

fn compare_batch(
    differences: &mut Differences,
    recorded: &BatchSpec,
    batch: &Batch,
    query: &Query,
    names: &Names,
) {
    let field = |name: &str| format!("batch {}: {name}", recorded.batch);
    // Without a progress report only what lies in the logs and at the sink is known.
    if let Some(rows_in) = recorded.rows_in {
        differences.compare(&field("rows_in"), &json!(rows_in), &json!(batch.rows_in));
        let (max, own) = (json!(recorded.et_max), json!(batch.event_time_max));
        differences.compare(&field("et_max"), &max, &own);
    }
    for (name, value, own) in [
        ("no_data", json!(recorded.no_data), json!(batch.no_data)),
        (
            "wm_late",
            json!(recorded.wm_late),
            json!(batch.bounds.late.ms()),
        ),
        (
            "wm_evict",
            json!(recorded.wm_evict),
            json!(batch.bounds.evict.ms()),
        ),
        (
            "wm_next",
            json!(recorded.wm_next),
            json!(batch.next_watermark),
        ),
        (
            "out",
            json!(sorted(recorded.out.clone())),
            json!(out(names, &batch.emitted)),
        ),
    ] {
        differences.compare(&field(name), &value, &own);
    }
    let Some(recorded_state) = recorded
        .state
        .as_ref()
        .filter(|_| recorded.rows_in.is_some())
    else {
        return;
    };
    let state = |s: &StateSpec| {
        json!({"op": s.op, "rows": s.rows, "updated": s.updated, "removed": s.removed,
               "dropped_by_wm": s.dropped_by_wm, "dropped_dup": s.dropped_dup})
    };
    let recorded_state: Vec<Value> = recorded_state.iter().map(state).collect();
    let own = batch.metrics.map(|m| {
        json!({"op": query.operator_name(), "rows": m.rows, "updated": m.updated, "removed": m.removed,
               "dropped_by_wm": m.dropped_by_watermark, "dropped_dup": m.dropped_duplicates})
    });
    let own: Vec<Value> = own.into_iter().collect();
    differences.compare(&field("state"), &json!(recorded_state), &json!(own));
}
