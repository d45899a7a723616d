//! Recovery cases: crashes in the sink function, damaged checkpoints, changed queries, two starts on one checkpoint.

use super::run::{At, Call, Checkpoint, Failure, Plan, Run, SinkFault, Tables, Trigger};
use super::{Differences, ErrorSpec, Input, Names, QuerySpec, input, sorted};
use crate::conform::{Checked, RecordingError, Skip, read};
use crate::sim::engines::operators::{Element, Emitted};
use crate::sim::engines::spark::{SecondStart, damage, second_start};
use crate::sim::ordered::{OrdMap, OrdSet};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "name")]
    _name: String,
    input: String,
    query: Value,
    steps: Vec<Step>,
    sinks: OrdMap<String, Vec<Value>>,
    #[serde(default)]
    verdict: OrdMap<String, Verdict>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    expected: usize,
    duplicates: usize,
    missing: usize,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    Add {
        files: Vec<usize>,
    },
    Run(Box<RunSpec>),
    Delete {
        what: String,
        checkpoint_after: Option<CheckpointSpec>,
    },
    RunTwo(Box<TwoSpec>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunSpec {
    fault: Option<FaultSpec>,
    #[serde(default)]
    kill: bool,
    query: Option<Map<String, Value>>,
    #[serde(default)]
    conf: OrdMap<String, String>,
    trigger: Option<String>,
    checkpoint: Option<String>,
    ended: String,
    error: Option<ErrorSpec>,
    batches: Vec<CallSpec>,
    checkpoint_after: CheckpointSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultSpec {
    batch: u64,
    at: At,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallSpec {
    batch: u64,
    rows: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointSpec {
    offsets: Vec<u64>,
    commits: Vec<u64>,
    source_log: Vec<u64>,
    wm: Option<Vec<(u64, i64)>>,
    wm_next: Option<Vec<(u64, i64)>>,
}

/// Two starts on one checkpoint in one application.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TwoSpec {
    #[serde(default)]
    conf: OrdMap<String, String>,
    second: String,
    second_error: Option<ErrorSpec>,
    first_active: bool,
    first_error: Option<ErrorSpec>,
    same_id: Option<bool>,
    same_run_id: Option<bool>,
}

const DEFAULT_CHECKPOINT: &str = "";

/// What a case is played with.
struct World {
    names: Names,
    files: Vec<Vec<Element>>,
    /// Files that were added, in the order of their times; one that was deleted is empty.
    there: Vec<Option<Vec<Element>>>,
    /// Which input batch each of them is.
    added: Vec<usize>,
    checkpoints: OrdMap<String, Checkpoint>,
    tables: Tables,
}

impl World {
    fn checkpoint(&mut self, name: &str) -> &mut Checkpoint {
        let checkpoint = self.checkpoints.entry(name.to_string());
        checkpoint.or_insert_with(|| Checkpoint::of(1))
    }

    /// Runs a query until it is idle or dead.
    fn run(&mut self, plan: Plan, at: &str) -> (Result<(), Failure>, Vec<Call>) {
        self.checkpoint(at);
        let checkpoint = self.checkpoints.get_mut(at).expect("made just now");
        let (names, tables) = (&self.names, &mut self.tables);
        let inputs = [self.there.clone()];
        let (mut calls, mut done) = (Vec::new(), Vec::new());
        let rows = |emitted: &[Emitted]| rows(names, emitted);
        let ended = Run::start(plan, checkpoint, &[self.there.len()]).and_then(|mut run| {
            run.until_idle(checkpoint, &inputs, tables, &rows, &mut done, &mut calls)
        });
        (ended, calls)
    }
}

/// The rows as recovery cases write them.
fn rows(names: &Names, emitted: &[Emitted]) -> Vec<Value> {
    let row = |emitted: &Emitted| match emitted {
        Emitted::Passed(element) => json!([names.of(element.id), element.value]),
        Emitted::Group {
            window,
            key,
            count,
            sum,
            ..
        } => {
            let key = key.map_or("", |key| names.of(key));
            match window {
                Some(window) => json!([format!("{}/{key}", window.start.ms()), count, sum]),
                None => json!([key, count, sum]),
            }
        }
        Emitted::Joined(left, right) => {
            let id = |side: &Option<Element>| side.as_ref().map(|e| names.of(e.id).to_string());
            json!([id(left), id(right)])
        }
    };
    sorted(emitted.iter().map(row).collect())
}

pub fn check(
    place: &str,
    value: &Value,
    inputs: &OrdMap<String, Input>,
) -> Result<Checked, RecordingError> {
    let case: Case = read(place, value)?;
    let mut names = Names::default();
    let files = names.files(input(place, inputs, &case.input)?, 0);
    let mut world = World {
        names,
        files,
        there: Vec::new(),
        added: Vec::new(),
        checkpoints: OrdMap::new(),
        tables: Tables::default(),
    };
    let mut differences = Differences::default();
    let mut to_files = false;
    for (index, step) in case.steps.iter().enumerate() {
        let field = format!("steps[{index}]");
        let place = format!("{place}.{field}");
        match step {
            Step::Add { files } => {
                for &file in files {
                    let Some(rows) = world.files.get(file) else {
                        let problem = format!("the input has no batch {file}");
                        return Err(RecordingError::new(&place, problem));
                    };
                    world.there.push(Some(rows.clone()));
                    world.added.push(file);
                }
            }
            Step::Delete {
                what,
                checkpoint_after,
            } => {
                for part in what.split('+') {
                    if !delete(&mut world, part) {
                        return skip(&format!("deleting {part}"));
                    }
                }
                if let Some(recorded) = checkpoint_after {
                    let checkpoint = world.checkpoint(DEFAULT_CHECKPOINT);
                    compare_checkpoint(&mut differences, &field, recorded, checkpoint);
                }
            }
            Step::Run(spec) => {
                let (plan, _) = match planned(&place, &case.query, spec.query.as_ref(), &spec.conf)?
                {
                    Ok(plan) => plan,
                    Err(what) => return skip(&what),
                };
                to_files |= plan.to_files;
                let trigger = match spec.trigger.as_deref() {
                    None | Some("default" | "processingTime") => Trigger::Default,
                    Some("availableNow") => Trigger::AvailableNow,
                    Some("once") => Trigger::Once,
                    Some(other) => return skip(&format!("the trigger {other}")),
                };
                let fault = spec.fault.as_ref().map(|fault| SinkFault {
                    batch: fault.batch,
                    at: fault.at,
                    kill: spec.kill,
                });
                let plan = Plan {
                    trigger,
                    fault,
                    ..plan
                };
                let at = spec.checkpoint.as_deref().unwrap_or(DEFAULT_CHECKPOINT);
                let (ended, calls) = world.run(plan, at);
                compare_run(&mut differences, &field, spec, ended, calls);
                let checkpoint = world.checkpoint(at);
                compare_checkpoint(&mut differences, &field, &spec.checkpoint_after, checkpoint);
            }
            Step::RunTwo(spec) => {
                let (plan, stops) = match planned(&place, &case.query, None, &spec.conf)? {
                    Ok(plan) => plan,
                    Err(what) => return skip(&what),
                };
                run_two(&mut differences, &field, &mut world, spec, plan, stops);
            }
        }
    }
    compare_tables(&mut differences, &case, &world, to_files);
    Ok(differences.outcome())
}

fn skip(what: &str) -> Result<Checked, RecordingError> {
    Ok(Checked::Skipped(Skip::NotModelled(what.to_string())))
}

/// The query with what a run changes in it, and whether a later start stops the run before it; or what is not modelled.
fn planned(
    place: &str,
    query: &Value,
    change: Option<&Map<String, Value>>,
    conf: &OrdMap<String, String>,
) -> Result<Result<(Plan, bool), String>, RecordingError> {
    let mut query = query.clone();
    for (key, value) in change.into_iter().flatten() {
        query[key] = value.clone();
    }
    let spec: QuerySpec = read(&format!("{place}.query"), &query)?;
    let mut query = spec.query(place, 1)?;
    let to_files = match spec.sink.as_deref() {
        None => false,
        Some("file") => true,
        Some(other) => return Ok(Err(format!("the sink {other}"))),
    };
    let mut stops = true;
    for (key, value) in conf {
        match key.as_str() {
            "spark.sql.streaming.stopActiveRunOnRestart" => stops = value == "true",
            "spark.sql.streaming.noDataMicroBatches.enabled" => {
                query.no_data_batches = value == "true";
            }
            "spark.sql.streaming.statefulOperator.allowMultiple" => {
                query.allow_multiple = value == "true";
            }
            // Pinned by the offset log, of one input, or no error either way.
            "spark.sql.shuffle.partitions"
            | "spark.sql.streaming.multipleWatermarkPolicy"
            | "spark.sql.files.ignoreMissingFiles" => {}
            other => return Ok(Err(format!("the setting {other}"))),
        }
    }
    let plan = Plan {
        query,
        files_per_batch: spec.max_files_per_trigger.unwrap_or(1),
        trigger: Trigger::Default,
        to_files,
        fault: None,
    };
    Ok(Ok((plan, stops)))
}

/// Whether this part is known.
fn delete(world: &mut World, part: &str) -> bool {
    if let Some(file) = part.strip_prefix("source_file:") {
        let Ok(file) = file.parse::<usize>() else {
            return false;
        };
        for (place, added) in world.added.iter().enumerate() {
            if *added == file {
                world.there[place] = None;
            }
        }
        return true;
    }
    if part == "manifest_last" {
        world.tables.manifest.pop_last();
        return true;
    }
    let checkpoint = world.checkpoint(DEFAULT_CHECKPOINT);
    if part == "checkpoint" {
        *checkpoint = Checkpoint::of(1);
        return true;
    }
    if let Some(which) = part.strip_prefix("sources/") {
        let entries: Vec<u64> = checkpoint.sources[0].keys().copied().collect();
        let Some(doomed) = damage::chosen(&entries, which) else {
            return false;
        };
        checkpoint.sources[0].retain(|entry, _| !doomed.contains(entry));
        return true;
    }
    let Some(doomed) = damage::doomed(&checkpoint.objects, "", part) else {
        return false;
    };
    checkpoint.objects.retain(|path, _| !doomed.contains(path));
    true
}

fn run_two(
    differences: &mut Differences,
    field: &str,
    world: &mut World,
    spec: &TwoSpec,
    plan: Plan,
    stops: bool,
) {
    let (first, _) = world.run(plan.clone(), DEFAULT_CHECKPOINT);
    let (second, first_active, error) = match second_start(stops) {
        SecondStart::StopsTheFirst => {
            let (second, _) = world.run(plan, DEFAULT_CHECKPOINT);
            let word = if second.is_ok() { "ok" } else { "failed" };
            (word, false, None)
        }
        SecondStart::Refused(message) => ("failed", true, Some(message)),
    };
    let compare = &mut |name: &str, recorded: Value, own: Value| {
        differences.compare(&format!("{field}.{name}"), &recorded, &own);
    };
    compare("second", json!(spec.second), json!(second));
    compare(
        "first_active",
        json!(spec.first_active),
        json!(first_active),
    );
    let failed = json!(first.is_err());
    compare("first_error", json!(spec.first_error.is_some()), failed);
    let mentions = spec.second_error.as_ref().map(|error| &error.mentions);
    let said = |mention: &&String| error.is_some_and(|e: &str| !e.contains(mention.as_str()));
    let unsaid: Vec<&String> = mentions.into_iter().flatten().filter(said).collect();
    compare("second_error.mentions", json!(unsaid), json!([]));
    let refused = spec.second_error.is_some();
    compare("second_error", json!(refused), json!(error.is_some()));
    // The query's id lies in the checkpoint, a run's id does not. Both are told only if there was a second run.
    let ran = error.is_none();
    compare("same_id", json!(spec.same_id), json!(ran.then_some(true)));
    compare(
        "same_run_id",
        json!(spec.same_run_id),
        json!(ran.then_some(false)),
    );
}

fn compare_run(
    differences: &mut Differences,
    field: &str,
    spec: &RunSpec,
    ended: Result<(), Failure>,
    calls: Vec<Call>,
) {
    let failure = ended.err();
    let word = match &failure {
        None => "ok",
        Some(failure) if failure.killed => "killed",
        Some(_) => "failed",
    };
    differences.compare(&format!("{field}.ended"), &json!(spec.ended), &json!(word));
    let own = failure.as_ref().filter(|failure| !failure.killed);
    let kind = spec.error.as_ref().map(|error| &error.kind);
    let own_kind = own.map(|failure| failure.kind);
    differences.compare(
        &format!("{field}.error.type"),
        &json!(kind),
        &json!(own_kind),
    );
    let class = spec.error.as_ref().and_then(|error| error.class.as_ref());
    let own_class = own.map(|failure| failure.class);
    differences.compare(
        &format!("{field}.error.class"),
        &json!(class),
        &json!(own_class),
    );
    if let (Some(error), Some(own)) = (&spec.error, own) {
        let unsaid = error.mentions.iter();
        let unsaid: Vec<&String> = unsaid.filter(|word| !own.message.contains(*word)).collect();
        if !unsaid.is_empty() {
            let (recorded, own) = (json!(error.mentions), json!(own.message));
            differences.compare(&format!("{field}.error.mentions"), &recorded, &own);
        }
    }
    let recorded = spec.batches.iter();
    let recorded: Vec<Value> = recorded
        .map(|call| json!([call.batch, sorted(call.rows.clone())]))
        .collect();
    let calls: Vec<Value> = calls
        .into_iter()
        .map(|(id, rows)| json!([id, rows]))
        .collect();
    differences.compare(&format!("{field}.batches"), &json!(recorded), &json!(calls));
}

fn compare_checkpoint(
    differences: &mut Differences,
    field: &str,
    recorded: &CheckpointSpec,
    checkpoint: &Checkpoint,
) {
    let (offsets, commits) = (checkpoint.offsets(), checkpoint.commits());
    let ids = |entries: &[(u64, i64)]| json!(entries.iter().map(|e| e.0).collect::<Vec<u64>>());
    let log: Vec<u64> = checkpoint.sources[0].keys().copied().collect();
    let watermarks = |entries: Vec<(u64, i64)>| {
        let zero = entries.iter().all(|&(_, watermark)| watermark == 0);
        json!((!zero).then_some(entries))
    };
    for (name, value, own) in [
        ("offsets", json!(recorded.offsets), ids(&offsets)),
        ("commits", json!(recorded.commits), ids(&commits)),
        ("source_log", json!(recorded.source_log), json!(log)),
        ("wm", json!(recorded.wm), watermarks(offsets)),
        ("wm_next", json!(recorded.wm_next), watermarks(commits)),
    ] {
        differences.compare(&format!("{field}.checkpoint_after.{name}"), &value, &own);
    }
}

fn compare_tables(differences: &mut Differences, case: &Case, world: &World, to_files: bool) {
    let tables = &world.tables;
    let first = |rows: &[Value]| {
        rows.iter()
            .map(|row| row[0].clone())
            .collect::<Vec<Value>>()
    };
    let contents: Vec<(&str, Vec<Value>)> = if to_files {
        let listed: Vec<Value> = tables.manifest.values().flatten().cloned().collect();
        vec![
            ("file_manifest", sorted(first(&listed))),
            ("file_listing", sorted(first(&tables.listing))),
        ]
    } else {
        vec![
            ("append", tables.append.clone()),
            ("upsert", tables.upsert.values().cloned().collect()),
            ("guard", tables.guard.clone()),
        ]
    };
    let fed: OrdSet<&str> = world
        .added
        .iter()
        .flat_map(|&file| &world.files[file])
        .map(|element| world.names.of(element.id))
        .collect();
    let names: Vec<&str> = contents.iter().map(|(name, _)| *name).collect();
    for (name, recorded) in &case.sinks {
        let own = contents.iter().find(|(own, _)| own == name);
        let own = own.map_or(json!(names), |(_, rows)| json!(rows));
        differences.compare(&format!("sinks.{name}"), &json!(recorded), &own);
    }
    for (name, verdict) in &case.verdict {
        let Some((_, rows)) = contents.iter().find(|(own, _)| own == name) else {
            continue;
        };
        let ids = rows.iter().filter_map(|row| match row {
            Value::Array(columns) => columns[0].as_str(),
            id => id.as_str(),
        });
        let ids: Vec<&str> = ids.collect();
        let distinct: OrdSet<&str> = ids.iter().copied().collect();
        let own = json!([
            fed.len(),
            ids.len() - distinct.len(),
            fed.difference(&distinct).count()
        ]);
        let recorded = json!([verdict.expected, verdict.duplicates, verdict.missing]);
        differences.compare(&format!("verdict.{name}"), &recorded, &own);
    }
}
