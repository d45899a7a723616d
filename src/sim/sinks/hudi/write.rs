//! One write to the table, as the list of store operations that it takes.
//!
//! Every operation is a message of its own, so a crash can fall between any two.
//!
//! Mirrors: `HoodieSparkSqlWriter`, `HoodieWriteHelper` (combining), `BaseHoodieWriteClient.getInstantsToRollback` (EAGER),
//! `CommitUtils` (batch memory). Simplified: a rollback deletes its files in one operation and has no inflight state; a
//! rollback that was torn apart stays on the timeline and the next write makes a new one.

use super::{
    Action, File, HudiConfig, PartitionPathField, RecordKeyField, SinkWriter, Slice, WriteOperation,
};
use crate::sim::kernel::Time;
use crate::sim::store::{Object, Objects, Operation};
use crate::sim::trace::{Fact, InstantState, Row, SegmentId};
use std::collections::BTreeMap;

/// Deletes old slices once this many commits are newer: `hoodie.clean.commits.retained`.
const COMMITS_RETAINED: usize = 10;

/// A store operation of a write.
pub type Step = Operation;

/// The table's actions, oldest first.
#[derive(Clone, Debug)]
pub struct Timeline {
    segment: SegmentId,
    instants: Vec<(Time, File)>,
}

/// Rows for one file group.
#[derive(Clone, Debug)]
pub struct Placement {
    pub group: String,
    /// The current slice, which is written anew with the rows added.
    pub base: Option<String>,
    pub rows: Vec<Row>,
}

/// A task that writes one file.
#[derive(Clone, Debug)]
pub struct WriteTask {
    pub segment: SegmentId,
    pub instant: Time,
    pub operation: WriteOperation,
    pub placement: Placement,
}

fn table(segment: SegmentId) -> String {
    format!("table-{}/", segment.0)
}

fn instant_path(segment: SegmentId, instant: Time) -> String {
    format!(
        "{}.hoodie/timeline/{:020}",
        table(segment),
        instant.micros()
    )
}

fn temp_prefix(segment: SegmentId, instant: Time) -> String {
    format!("{}.hoodie/.temp/{:020}/", table(segment), instant.micros())
}

impl Timeline {
    pub fn prefix(segment: SegmentId) -> String {
        format!("{}.hoodie/timeline/", table(segment))
    }

    pub fn read(objects: &Objects, segment: SegmentId) -> Timeline {
        let prefix = Timeline::prefix(segment);
        let under = objects
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix));
        let instants = under.filter_map(|(_, object)| match object {
            Object::Hudi(file @ File::Instant { instant, .. }) => Some((*instant, file.clone())),
            _ => None,
        });
        Timeline {
            segment,
            instants: instants.collect(),
        }
    }

    fn commits(&self) -> impl DoubleEndedIterator<Item = (&Time, &File)> {
        let completed = |file: &File| {
            matches!(
                file,
                File::Instant {
                    action: Action::Commit,
                    state: InstantState::Completed,
                    ..
                }
            )
        };
        self.instants
            .iter()
            .filter(move |(_, file)| completed(file))
            .map(|(instant, file)| (instant, file))
    }

    /// The path of the newest visible slice of a file group.
    pub fn current(&self, group: &str) -> Option<&str> {
        self.commits().rev().find_map(|(_, file)| {
            let File::Instant { slices, .. } = file else {
                return None;
            };
            slices
                .iter()
                .find(|slice| slice.group == group)
                .map(|slice| slice.path.as_str())
        })
    }

    /// File groups of a table partition with their newest slices.
    fn groups(&self, partition: &str) -> BTreeMap<String, String> {
        let mut groups = BTreeMap::new();
        for (_, file) in self.commits() {
            let File::Instant { slices, .. } = file else {
                continue;
            };
            for slice in slices
                .iter()
                .filter(|slice| slice.group.starts_with(partition))
            {
                groups.insert(slice.group.clone(), slice.path.clone());
            }
        }
        groups
    }

    /// The batch that the table remembers for this identifier: the newest completed write that carries it.
    pub fn last_batch(&self, identifier: &str) -> Option<u64> {
        self.commits().rev().find_map(|(_, file)| match file {
            File::Instant {
                identifier: Some(own),
                batch,
                ..
            } if own == identifier => Some(*batch),
            _ => None,
        })
    }

    /// EAGER policy: the next write rolls back every unfinished one first. Lists what is to be looked up for that.
    pub fn unfinished(&self) -> Vec<Time> {
        let open = |file: &File| matches!(file, File::Instant { action: Action::Commit, state, .. } if *state != InstantState::Completed);
        self.instants
            .iter()
            .filter(|(_, file)| open(file))
            .map(|(instant, _)| *instant)
            .collect()
    }

    /// Where the marker files of a failed write lie.
    pub fn markers(&self, failed: Time) -> String {
        temp_prefix(self.segment, failed)
    }

    /// Undoes a failed write: plan it, delete its files, take it off the timeline.
    pub fn rollback(&self, failed: Time, markers: &Objects, now: Time) -> Vec<Step> {
        let segment = self.segment;
        let state = |state| File::Instant {
            segment,
            instant: now,
            action: Action::Rollback { of: failed },
            state,
            batch: 0,
            identifier: None,
            slices: Vec::new(),
        };
        let mut doomed: Vec<String> = markers.keys().cloned().collect();
        let mut files = 0;
        for object in markers.values() {
            if let Object::Hudi(File::Marker { data }) = object {
                doomed.push(data.clone());
                files += 1;
            }
        }
        let path = instant_path(segment, now);
        vec![
            put(
                &path,
                state(InstantState::Requested),
                Some(Fact::RollbackRequested {
                    segment,
                    instant: failed,
                }),
            ),
            Operation::Delete {
                paths: doomed,
                note: None,
            },
            Operation::Delete {
                paths: vec![instant_path(segment, failed)],
                note: None,
            },
            put(
                &path,
                state(InstantState::Completed),
                Some(Fact::RolledBack {
                    segment,
                    instant: failed,
                    files,
                }),
            ),
        ]
    }

    /// The write's instant in a state before completion.
    pub fn mark(&self, instant: Time, state: InstantState, batch: u64) -> Step {
        let segment = self.segment;
        let file = File::Instant {
            segment,
            instant,
            action: Action::Commit,
            state,
            batch,
            identifier: None,
            slices: Vec::new(),
        };
        put(
            &instant_path(segment, instant),
            file,
            Some(Fact::InstantChanged {
                segment,
                instant,
                state,
            }),
        )
    }

    /// The commit point, with the batch id inside it if the writer is the native sink, then the clean-up.
    pub fn complete(
        &self,
        config: &HudiConfig,
        instant: Time,
        batch: u64,
        slices: Vec<Slice>,
        markers: &Objects,
    ) -> Vec<Step> {
        let segment = self.segment;
        let claimed = |data: &String| slices.iter().any(|slice| slice.path == *data);
        let unclaimed = |object: &Object| match object {
            Object::Hudi(File::Marker { data }) if !claimed(data) => Some(data.clone()),
            _ => None,
        };
        let losers: Vec<String> = markers.values().filter_map(unclaimed).collect();
        let deleted = losers.len() as u32;
        let identifier = (config.writer == SinkWriter::Native).then(|| config.identifier.clone());
        let old = self.expired(&slices);
        let file = File::Instant {
            segment,
            instant,
            action: Action::Commit,
            state: InstantState::Completed,
            batch,
            identifier,
            slices,
        };
        let mut steps = vec![
            Operation::Delete {
                paths: losers,
                note: Some(Fact::Reconciled {
                    segment,
                    instant,
                    deleted,
                }),
            },
            put(
                &instant_path(segment, instant),
                file,
                Some(Fact::TableCommitted {
                    segment,
                    instant,
                    batch: Some(batch),
                }),
            ),
            Operation::Delete {
                paths: markers.keys().cloned().collect(),
                note: None,
            },
        ];
        if !old.is_empty() {
            steps.push(Operation::Delete {
                paths: old,
                note: None,
            });
        }
        steps
    }

    /// Slices of these groups that enough newer commits have made history.
    fn expired(&self, slices: &[Slice]) -> Vec<String> {
        let versions = |group: &str| {
            let of_group = self.commits().filter_map(|(_, file)| match file {
                File::Instant { slices, .. } => slices
                    .iter()
                    .find(|slice| slice.group == group)
                    .map(|slice| slice.path.clone()),
                _ => None,
            });
            of_group.collect::<Vec<String>>()
        };
        slices
            .iter()
            .filter_map(|slice| {
                versions(&slice.group)
                    .into_iter()
                    .rev()
                    .nth(COMMITS_RETAINED)
            })
            .collect()
    }
}

fn put(path: &str, file: File, note: Option<Fact>) -> Step {
    Operation::Put {
        path: path.to_string(),
        object: Object::Hudi(file),
        if_absent: false,
        note,
    }
}

/// The record key of a row that was read from the log. `attempt` is this write's instant.
pub fn record_key(
    field: RecordKeyField,
    order_id: u32,
    partition: u16,
    offset: u64,
    attempt: Time,
) -> String {
    match field {
        RecordKeyField::OrderId => order_id.to_string(),
        RecordKeyField::KafkaOffset => format!("{partition}-{offset}"),
        RecordKeyField::Uuid => format!("{:x}-{partition}-{offset}", attempt.micros()),
    }
}

/// Combines equal keys if the operation does so, and assigns every row to a file group.
///
/// `pick` decides between two rows of one key in one batch: under commit-time ordering Hudi leaves that open, so it is a coin.
pub fn place(
    config: &HudiConfig,
    timeline: &Timeline,
    data: &Objects,
    rows: Vec<Row>,
    mut pick: impl FnMut(&Row) -> bool,
) -> Vec<Placement> {
    let mut by_path: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let path = partition_path(config.partition_path, &row);
        let rows = by_path.entry(path).or_default();
        let twin = if config.operation == WriteOperation::Upsert {
            rows.iter_mut()
                .find(|other| other.record_key == row.record_key)
        } else {
            None
        };
        match twin {
            Some(twin) if pick(&row) => *twin = row,
            Some(_) => {}
            None => rows.push(row),
        }
    }
    let mut placements = Vec::new();
    for (path, rows) in by_path {
        let groups = timeline.groups(&path);
        // Each key goes to the group that holds it; new keys fill up the first, small one.
        let mut by_group: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in rows {
            let holds = |slice: &String| {
                super::rows_at(data, slice)
                    .iter()
                    .any(|other| other.record_key == row.record_key)
            };
            let home = groups
                .iter()
                .find(|(_, slice)| config.operation == WriteOperation::Upsert && holds(slice));
            let small = if config.operation == WriteOperation::BulkInsert {
                None
            } else {
                groups.first_key_value()
            };
            let group = home.or(small).map_or_else(
                || format!("{path}/group-{}", groups.len()),
                |(group, _)| group.clone(),
            );
            by_group.entry(group).or_default().push(row);
        }
        for (group, rows) in by_group {
            let base = groups.get(&group).cloned();
            placements.push(Placement { group, base, rows });
        }
    }
    placements
}

fn partition_path(field: PartitionPathField, row: &Row) -> String {
    const DAY_MS: i64 = 86_400_000;
    match field {
        PartitionPathField::OrderDate => format!("date={}", row.event_time.ms().div_euclid(DAY_MS)),
        PartitionPathField::KafkaPartition => format!(
            "kafka={}",
            row.origins
                .first()
                .map_or(0, |(_, source)| source.partition.0)
        ),
    }
}

impl WriteTask {
    /// Where everything of the table's data lies that this write may have to look up.
    pub fn data_prefix(segment: SegmentId) -> String {
        format!("{}data/", table(segment))
    }

    fn path(&self, attempt: u32) -> String {
        format!(
            "{}{}_{attempt}_{:020}.parquet",
            WriteTask::data_prefix(self.segment),
            self.placement.group,
            self.instant.micros()
        )
    }

    /// What an attempt writes: its marker, then the new slice.
    pub fn steps(&self, attempt: u32, base: &[Row]) -> (Slice, [Step; 2]) {
        let path = self.path(attempt);
        let rows = self.merged(base);
        let written = rows.len() as u32;
        let file = path.rsplit('/').next().unwrap_or(&path).to_string();
        let marker = format!(
            "{}{}.marker.{attempt}",
            temp_prefix(self.segment, self.instant),
            self.placement.group.replace('/', "-")
        );
        let note = Fact::DataFileWritten {
            segment: self.segment,
            instant: self.instant,
            file,
            rows: written,
        };
        let steps = [
            put(&marker, File::Marker { data: path.clone() }, None),
            put(&path, File::Data { rows }, Some(note)),
        ];
        (
            Slice {
                group: self.placement.group.clone(),
                path,
            },
            steps,
        )
    }

    /// The new slice: rows of the old one, with equal keys replaced if the operation looks for them.
    fn merged(&self, base: &[Row]) -> Vec<Row> {
        let mut rows = base.to_vec();
        for row in &self.placement.rows {
            let twin = if self.operation == WriteOperation::Upsert {
                rows.iter_mut()
                    .find(|other| other.record_key == row.record_key)
            } else {
                None
            };
            match twin {
                Some(twin) => *twin = row.clone(),
                None => rows.push(row.clone()),
            }
        }
        rows
    }
}
