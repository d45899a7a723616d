//! A query over files, batch by batch: the planning, watermarks, recovery and operators are those that the simulated driver
//! uses; only the file source and the tables behind `foreachBatch` are of this module.
//!
//! Mirrors: `FileStreamSource` and its log, `FileStreamSink` and its manifest, an outside table fed by `foreachBatch`.

use crate::sim::engines::operators::query::Query;
use crate::sim::engines::operators::{Bounds, Element, Emitted, Metrics, State};
use crate::sim::engines::spark::micro_batch::MicroBatch;
use crate::sim::engines::spark::progress::{self, Entry};
use crate::sim::kafka::protocol::PartitionId;
use crate::sim::kernel::EventTime;
use crate::sim::ordered::OrdMap;
use crate::sim::store::{Object, Objects};
use crate::sim::trace::{OffsetRange, Recovery, SegmentId};
use serde_json::Value;

/// What lies at a `checkpointLocation`.
#[derive(Clone, Default)]
pub struct Checkpoint {
    pub objects: Objects,
    /// Index: input. The file source's own log: which files are assigned to which entry.
    pub sources: Vec<OrdMap<u64, Vec<usize>>>,
}

impl Checkpoint {
    pub fn of(inputs: usize) -> Self {
        Checkpoint {
            objects: Objects::new(),
            sources: vec![OrdMap::new(); inputs],
        }
    }

    /// Adds a log entry unless it is there.
    fn add(&mut self, path: String, entry: Entry) -> Result<(), Failure> {
        if self.objects.contains_key(&path) {
            return Err(Failure::of(progress::CONCURRENT_UPDATE));
        }
        self.objects.insert(path, Object::Progress(entry));
        Ok(())
    }

    fn put(&mut self, path: String, entry: Entry) {
        self.objects.insert(path, Object::Progress(entry));
    }

    /// The watermark of each offset entry.
    pub fn offsets(&self) -> Vec<(u64, i64)> {
        let of = |object: &Object| match object {
            Object::Progress(Entry::Offsets {
                batch, watermark, ..
            }) => Some((*batch, watermark.ms())),
            _ => None,
        };
        self.objects.values().filter_map(of).collect()
    }

    /// The watermark of each commit entry.
    pub fn commits(&self) -> Vec<(u64, i64)> {
        let of = |object: &Object| match object {
            Object::Progress(Entry::Commit { batch, watermark }) => Some((*batch, watermark.ms())),
            _ => None,
        };
        self.objects.values().filter_map(of).collect()
    }
}

/// Why a run ended that was not asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exception's type and Spark's condition of it.
    pub kind: &'static str,
    pub class: &'static str,
    /// What the message says.
    pub message: String,
    /// The whole process died with it.
    pub killed: bool,
}

impl Failure {
    /// A condition that ends a running query, or refuses to start it.
    fn of(condition: &str) -> Failure {
        let at_start = condition == progress::MISSING_METADATA;
        Failure {
            kind: if at_start {
                "SparkRuntimeException"
            } else {
                "StreamingQueryException"
            },
            class: if at_start {
                progress::MISSING_METADATA
            } else {
                "STREAM_FAILED"
            },
            message: condition.to_string(),
            killed: false,
        }
    }
}

/// Where in a call of the sink function something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum At {
    #[serde(rename = "before_write")]
    Before,
    /// Half of the rows, but at least one, are in the tables without transactions.
    #[serde(rename = "mid_write")]
    Middle,
    #[serde(rename = "after_write")]
    After,
}

/// A fault of the sink function.
#[derive(Clone, Copy, Debug)]
pub struct SinkFault {
    pub batch: u64,
    pub at: At,
    pub kill: bool,
}

/// Outside tables, all fed by the same sink function.
#[derive(Clone, Default)]
pub struct Tables {
    pub append: Vec<Value>,
    /// By the first column.
    pub upsert: OrdMap<String, Value>,
    pub guard: Vec<Value>,
    /// The newest batch that `guard` has stored with its rows.
    guarded: Option<u64>,
    /// Of a file sink: the rows that each manifest entry lists.
    pub manifest: OrdMap<u64, Vec<Value>>,
    /// Everything that a listing of the file sink's folder finds.
    pub listing: Vec<Value>,
}

impl Tables {
    fn write_plain(&mut self, rows: &[Value]) {
        self.append.extend_from_slice(rows);
        for row in rows {
            self.upsert.insert(row[0].to_string(), row.clone());
        }
    }

    /// One call of the function that `foreachBatch` was given.
    fn foreach_batch(
        &mut self,
        batch: u64,
        rows: &[Value],
        fault: Option<SinkFault>,
    ) -> Result<(), Failure> {
        let fault = fault.filter(|fault| fault.batch == batch);
        let injected = |at: At| match fault {
            Some(fault) if fault.at == at => Err(Failure {
                killed: fault.kill,
                ..Failure::of("FOREACH_BATCH_USER_FUNCTION_ERROR: injected")
            }),
            _ => Ok(()),
        };
        injected(At::Before)?;
        if let Err(failure) = injected(At::Middle) {
            let half = (rows.len() / 2).max(1).min(rows.len());
            self.write_plain(&rows[..half]);
            return Err(failure);
        }
        self.write_plain(rows);
        if self.guarded.is_none_or(|newest| batch > newest) {
            self.guard.extend_from_slice(rows);
            self.guarded = Some(batch);
        }
        injected(At::After)
    }

    /// Unique files first, then one manifest entry; a batch not above the newest entry is skipped.
    fn write_files(&mut self, batch: u64, rows: &[Value]) {
        let newest = self.manifest.last_key_value().map(|(&batch, _)| batch);
        if newest.is_none_or(|newest| batch > newest) {
            self.listing.extend_from_slice(rows);
            self.manifest.insert(batch, rows.to_vec());
        }
    }
}

/// When a run ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    Default,
    AvailableNow,
    Once,
}

/// How a query is run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub query: Query,
    /// `maxFilesPerTrigger`, of each input.
    pub files_per_batch: usize,
    pub trigger: Trigger,
    pub to_files: bool,
    pub fault: Option<SinkFault>,
}

/// One executed batch.
#[derive(Clone, Debug)]
pub struct Batch {
    pub id: u64,
    pub rows_in: usize,
    pub no_data: bool,
    pub event_time_max: Option<i64>,
    pub bounds: Bounds,
    pub next_watermark: i64,
    pub emitted: Vec<Emitted>,
    pub metrics: Option<Metrics>,
}

/// A call of the sink: its batch and the rows.
pub type Call = (u64, Vec<Value>);

/// A run of a query: what its process has in memory.
pub struct Run {
    plan: Plan,
    batches: MicroBatch,
    /// The plan that runs again first.
    rerun: Option<Vec<OffsetRange>>,
    /// Index: input. Where the next batch begins, in entries of the source's log.
    position: Vec<u64>,
    first: bool,
    /// Index: input. Files that are there for `availableNow`.
    available: Vec<usize>,
}

/// The files of these ranges, each with its input; an entry that the source's log has not is an error.
fn logged(checkpoint: &Checkpoint, ranges: &[OffsetRange]) -> Result<Vec<(usize, usize)>, Failure> {
    let mut files = Vec::new();
    for range in ranges {
        if range.start > range.end {
            return Err(Failure::of(
                "assertion failed: the source's log ends before the query's offsets",
            ));
        }
        let input = usize::from(range.partition.0);
        for entry in range.start..range.end {
            let Some(entry) = checkpoint.sources[input].get(&entry) else {
                return Err(Failure::of(&format!("batch {entry} doesn't exist")));
            };
            files.extend(entry.iter().map(|&file| (input, file)));
        }
    }
    Ok(files)
}

impl Run {
    /// Starts a query on a checkpoint. `there`: how many files of each input there are.
    pub fn start(plan: Plan, checkpoint: &mut Checkpoint, there: &[usize]) -> Result<Run, Failure> {
        let resume = progress::resume(&checkpoint.objects).map_err(Failure::of)?;
        checkpoint.put(progress::metadata_path(""), Entry::Metadata);
        let mut position = vec![0; there.len()];
        for range in &resume.ranges {
            position[usize::from(range.partition.0)] = match resume.recovery {
                Recovery::Continue(_) => range.end,
                _ => range.start,
            };
        }
        let rerun = matches!(resume.recovery, Recovery::Rerun(_));
        if !rerun {
            // The file source is asked for the last batch once more, and misses its log entries if they are gone.
            logged(checkpoint, &resume.ranges)?;
        }
        Ok(Run {
            batches: MicroBatch::resumed(&plan.query, &resume),
            rerun: rerun.then_some(resume.ranges),
            position,
            first: true,
            available: there.to_vec(),
            plan,
        })
    }

    /// Runs batches until there is nothing more to do.
    ///
    /// `rows` makes the sink's rows of what the query emits.
    pub fn until_idle(
        &mut self,
        checkpoint: &mut Checkpoint,
        inputs: &[Vec<Option<Vec<Element>>>],
        tables: &mut Tables,
        rows: &dyn Fn(&[Emitted]) -> Vec<Value>,
        done: &mut Vec<Batch>,
        calls: &mut Vec<Call>,
    ) -> Result<(), Failure> {
        loop {
            let ranges = match self.rerun.take() {
                Some(ranges) => ranges,
                None => match self.plan(checkpoint, inputs)? {
                    Some(ranges) => ranges,
                    None => return Ok(()),
                },
            };
            let batch = self.execute(checkpoint, inputs, &ranges)?;
            let written = rows(&batch.emitted);
            if self.plan.to_files {
                tables.write_files(batch.id, &written);
            } else {
                calls.push((batch.id, written.clone()));
                tables.foreach_batch(batch.id, &written, self.plan.fault)?;
            }
            let maxima = self.maxima(&self.read(checkpoint, inputs, &ranges)?);
            let watermark = self.batches.observe(&maxima);
            let commit = Entry::Commit {
                batch: batch.id,
                watermark,
            };
            checkpoint.add(progress::commit_path("", batch.id), commit)?;
            self.batches.commit();
            for range in &ranges {
                self.position[usize::from(range.partition.0)] = range.end;
            }
            done.push(Batch {
                next_watermark: watermark.ms(),
                ..batch
            });
            if self.plan.trigger == Trigger::Once {
                return Ok(());
            }
        }
    }

    /// Asks each source for its end, and writes the offset log if a batch is due.
    fn plan(
        &mut self,
        checkpoint: &mut Checkpoint,
        inputs: &[Vec<Option<Vec<Element>>>],
    ) -> Result<Option<Vec<OffsetRange>>, Failure> {
        let mut ranges = Vec::new();
        for (input, files) in inputs.iter().enumerate() {
            let there = match self.plan.trigger {
                Trigger::AvailableNow => self.available[input],
                _ => files.len(),
            };
            let most = match self.plan.trigger {
                Trigger::Once => usize::MAX,
                _ => self.plan.files_per_batch,
            };
            let log = &mut checkpoint.sources[input];
            let seen: Vec<usize> = log.values().flatten().copied().collect();
            let new = (0..there).filter(|file| files[*file].is_some() && !seen.contains(file));
            let new: Vec<usize> = new.take(most).collect();
            let mut end = log.last_key_value().map_or(0, |(&entry, _)| entry + 1);
            if !new.is_empty() {
                log.insert(end, new);
                end += 1;
            }
            ranges.push(OffsetRange {
                partition: PartitionId(input as u16),
                start: self.position[input],
                end,
            });
        }
        let data = ranges.iter().any(|range| range.start != range.end);
        if !self.batches.is_due(&self.plan.query, data) {
            return Ok(None);
        }
        let offsets = Entry::Offsets {
            batch: self.batches.next,
            ranges: ranges.clone(),
            watermark: self.batches.bounds().evict,
        };
        checkpoint.add(progress::offsets_path("", self.batches.next), offsets)?;
        Ok(Some(ranges))
    }

    /// Index: input. What the planned entries of its log hold. A file that is gone has no rows, and nobody minds.
    fn read(
        &self,
        checkpoint: &Checkpoint,
        inputs: &[Vec<Option<Vec<Element>>>],
        ranges: &[OffsetRange],
    ) -> Result<Vec<Vec<Element>>, Failure> {
        let mut read = vec![Vec::new(); inputs.len()];
        for (input, file) in logged(checkpoint, ranges)? {
            let rows = inputs[input][file].iter().flatten();
            read[input].extend(rows.cloned());
        }
        Ok(read)
    }

    /// Index: input.
    fn maxima(&self, read: &[Vec<Element>]) -> Vec<Option<EventTime>> {
        let max = |elements: &Vec<Element>| elements.iter().map(|e| e.event_time).max();
        read.iter().map(max).collect()
    }

    /// Reads a batch and runs the operator on its version of the state.
    fn execute(
        &mut self,
        checkpoint: &mut Checkpoint,
        inputs: &[Vec<Option<Vec<Element>>>],
        ranges: &[OffsetRange],
    ) -> Result<Batch, Failure> {
        let query = &self.plan.query;
        let id = self.batches.next;
        let read = self.read(checkpoint, inputs, ranges)?;
        let operator = query.operator_name();
        if std::mem::take(&mut self.first) {
            progress::check_operator(&checkpoint.objects, id, operator).map_err(Failure::of)?;
        }
        let maxima = self.maxima(&read);
        let watermarked = query.delays.iter().zip(&maxima);
        let event_time_max = watermarked
            .filter(|(delay, _)| delay.is_some())
            .find_map(|(_, max)| max.map(EventTime::ms));
        let rows_in = read.iter().map(Vec::len).sum();
        let mut read = read.into_iter();
        let elements = read.next().unwrap_or_default();
        let second = read.next().unwrap_or_default();
        let bounds = self.batches.bounds();
        let mut state = State::default();
        if let Some(operator) = operator {
            if id == 0 {
                checkpoint.put(progress::operator_path(""), Entry::Operator(operator));
            } else {
                let stored = checkpoint.objects.get(&progress::state_path("", id));
                let Some(Object::Progress(Entry::State(stored))) = stored else {
                    return Err(Failure::of("CANNOT_LOAD_STATE_STORE"));
                };
                state = stored.clone();
            }
        }
        let outcome = query.run(state, elements, second, bounds, SegmentId::MAIN);
        if operator.is_some() {
            let next = Entry::State(outcome.state);
            checkpoint.put(progress::state_path("", id + 1), next);
        }
        Ok(Batch {
            id,
            rows_in,
            no_data: ranges.iter().all(|range| range.start == range.end),
            event_time_max,
            bounds,
            next_watermark: 0,
            emitted: outcome.emitted,
            metrics: outcome.metrics,
        })
    }
}
