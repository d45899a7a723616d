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
use crate::sim::kernel::{Span, Time};
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
    /// The newest instant that was read or taken.
    newest: Option<Time>,
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
        let instants: Vec<(Time, File)> = instants.collect();
        Timeline {
            segment,
            newest: instants.last().map(|&(instant, _)| instant),
            instants,
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
            let inside = |slice: &&Slice| {
                let rest = slice.group.strip_prefix(partition);
                rest.is_some_and(|rest| rest.starts_with('/'))
            };
            for slice in slices.iter().filter(inside) {
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

    /// The instant of a new action: now, but later than every instant before it. Instants grow strictly (Hudi's
    /// `TimeGenerator`).
    pub fn take_instant(&mut self, now: Time) -> Time {
        let instant = self
            .newest
            .map_or(now, |newest| now.max(newest + Span::from_micros(1)));
        self.newest = Some(instant);
        instant
    }

    /// Where the marker files of a failed write lie.
    pub fn markers(&self, failed: Time) -> String {
        temp_prefix(self.segment, failed)
    }

    /// Undoes a failed write: plan it, delete its files, take it off the timeline.
    pub fn rollback(&mut self, failed: Time, markers: &Objects, now: Time) -> Vec<Step> {
        let segment = self.segment;
        let now = self.take_instant(now);
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
                    // The store counts what was really there: an attempt may have died with its marker alone.
                    deleted: 0,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kafka::protocol::PartitionId;
    use crate::sim::kernel::EventTime;
    use crate::sim::origin::Origin;
    use crate::sim::trace::Source;

    const MAIN: SegmentId = SegmentId::MAIN;

    fn row(n: u64, key: &str, partition: u16) -> Row {
        let source = Source {
            partition: PartitionId(partition),
            offset: n,
        };
        Row {
            row: n,
            record_key: key.into(),
            amount: 1,
            event_time: EventTime::from_ms(0),
            origins: vec![(Origin::nth(n as u32 + 1), source)],
            ..Row::default()
        }
    }

    fn config(operation: WriteOperation) -> HudiConfig {
        HudiConfig {
            operation,
            partition_path: PartitionPathField::KafkaPartition,
            ..HudiConfig::default()
        }
    }

    /// A table after these commits: in each, file groups and what their newest slice holds.
    fn table(commits: &[&[(&str, &[Row])]]) -> Objects {
        let mut objects = Objects::new();
        for (n, groups) in commits.iter().enumerate() {
            let instant = Time::from_ms(n as u64 + 1);
            let mut slices = Vec::new();
            for (group, rows) in *groups {
                let path = format!("{}{group}_{n}.parquet", WriteTask::data_prefix(MAIN));
                objects.insert(
                    path.clone(),
                    Object::Hudi(File::Data {
                        rows: rows.to_vec(),
                    }),
                );
                slices.push(Slice {
                    group: (*group).into(),
                    path,
                });
            }
            let file = File::Instant {
                segment: MAIN,
                instant,
                action: Action::Commit,
                state: InstantState::Completed,
                batch: n as u64,
                identifier: Some("mine".into()),
                slices,
            };
            objects.insert(instant_path(MAIN, instant), Object::Hudi(file));
        }
        objects
    }

    /// Group and keys of each file that a batch writes.
    fn placed(
        operation: WriteOperation,
        objects: &Objects,
        rows: Vec<Row>,
    ) -> Vec<(String, Vec<String>)> {
        let timeline = Timeline::read(objects, MAIN);
        let placements = place(&config(operation), &timeline, objects, rows, |_| true);
        let keys = |rows: Vec<Row>| rows.into_iter().map(|row| row.record_key).collect();
        placements
            .into_iter()
            .map(|placement| (placement.group, keys(placement.rows)))
            .collect()
    }

    fn group(name: &str, keys: &[&str]) -> (String, Vec<String>) {
        (name.into(), keys.iter().map(|key| (*key).into()).collect())
    }

    #[test]
    fn only_upsert_combines_equal_keys_of_a_batch() {
        let batch = || vec![row(1, "a", 0), row(2, "a", 0), row(3, "b", 0)];
        let empty = Objects::new();
        assert_eq!(
            placed(WriteOperation::Upsert, &empty, batch()),
            [group("kafka=0/group-0", &["a", "b"])]
        );
        for operation in [WriteOperation::Insert, WriteOperation::BulkInsert] {
            assert_eq!(
                placed(operation, &empty, batch()),
                [group("kafka=0/group-0", &["a", "a", "b"])]
            );
        }
    }

    #[test]
    fn upsert_goes_where_the_key_is_insert_into_the_small_file_and_bulk_insert_into_a_new_one() {
        let objects = table(&[&[
            ("kafka=0/group-0", &[row(1, "a", 0)]),
            ("kafka=0/group-1", &[row(2, "b", 0)]),
        ]]);
        let batch = || vec![row(3, "b", 0), row(4, "c", 0)];
        assert_eq!(
            placed(WriteOperation::Upsert, &objects, batch()),
            [
                group("kafka=0/group-0", &["c"]),
                group("kafka=0/group-1", &["b"])
            ]
        );
        assert_eq!(
            placed(WriteOperation::Insert, &objects, batch()),
            [group("kafka=0/group-0", &["b", "c"])]
        );
        assert_eq!(
            placed(WriteOperation::BulkInsert, &objects, batch()),
            [group("kafka=0/group-2", &["b", "c"])]
        );
    }

    #[test]
    fn the_index_is_per_table_partition_and_10_is_not_1() {
        let objects = table(&[&[("kafka=10/group-0", &[row(1, "a", 10)])]]);
        assert_eq!(
            placed(
                WriteOperation::Upsert,
                &objects,
                vec![row(2, "a", 1), row(3, "a", 10)]
            ),
            [
                group("kafka=1/group-0", &["a"]),
                group("kafka=10/group-0", &["a"])
            ]
        );
    }

    #[test]
    fn a_reader_sees_the_newest_completed_slice_of_each_group() {
        let mut objects = table(&[
            &[("kafka=0/group-0", &[row(1, "a", 0)])],
            &[("kafka=0/group-0", &[row(1, "a", 0), row(2, "b", 0)])],
        ]);
        let timeline = Timeline::read(&objects, MAIN);
        let open = timeline.mark(Time::from_ms(9), InstantState::Inflight, 7);
        let Operation::Put { path, object, .. } = open else {
            panic!("a mark is a put")
        };
        objects.insert(path, object);
        let timeline = Timeline::read(&objects, MAIN);
        assert!(
            timeline
                .current("kafka=0/group-0")
                .expect("there is one")
                .ends_with("group-0_1.parquet")
        );
        assert_eq!(timeline.unfinished(), [Time::from_ms(9)]);
        assert_eq!(
            timeline.last_batch("mine"),
            Some(1),
            "an unfinished write remembers nothing"
        );
        assert_eq!(timeline.last_batch("other"), None);
    }

    #[test]
    fn a_rollback_deletes_what_the_markers_name_and_then_the_instant() {
        let failed = Time::from_ms(5);
        let mut timeline = Timeline::read(&table(&[]), MAIN);
        let marker = |data: &str| Object::Hudi(File::Marker { data: data.into() });
        let markers: Objects = [
            ("m/1".to_string(), marker("d/1")),
            ("m/2".to_string(), marker("d/2")),
        ]
        .into();
        let steps = timeline.rollback(failed, &markers, Time::from_ms(6));
        let deleted = |step: &Step| match step {
            Operation::Delete { paths, .. } => paths.clone(),
            _ => Vec::new(),
        };
        assert_eq!(deleted(&steps[1]), ["m/1", "m/2", "d/1", "d/2"]);
        assert_eq!(deleted(&steps[2]), [instant_path(MAIN, failed)]);
        let note = |step: &Step| match step {
            Operation::Put { note, .. } => note.clone(),
            _ => None,
        };
        assert!(
            matches!(note(&steps[0]), Some(Fact::RollbackRequested { instant, .. }) if instant == failed)
        );
        assert!(
            matches!(note(&steps[3]), Some(Fact::RolledBack { instant, files: 2, .. }) if instant == failed)
        );
    }

    #[test]
    fn instants_grow_strictly_even_within_a_microsecond() {
        let objects = table(&[&[("kafka=0/group-0", &[])]]);
        let mut timeline = Timeline::read(&objects, MAIN);
        let now = Time::from_ms(1);
        let first = timeline.take_instant(now);
        let second = timeline.take_instant(now);
        assert!(now < first && first < second);
        assert_eq!(timeline.take_instant(Time::from_ms(8)), Time::from_ms(8));
    }

    #[test]
    fn which_copies_a_record_key_names_alike() {
        let key = |field, offset, attempt| record_key(field, 17, 0, offset, Time::from_ms(attempt));
        for (field, replay, retry) in [
            (RecordKeyField::OrderId, true, true),
            (RecordKeyField::KafkaOffset, true, false),
            (RecordKeyField::Uuid, false, false),
        ] {
            assert_eq!(
                key(field, 5, 1) == key(field, 5, 2),
                replay,
                "{field:?}: the same offset, read again"
            );
            assert_eq!(
                key(field, 5, 1) == key(field, 6, 1),
                retry,
                "{field:?}: another offset of one send"
            );
        }
    }

    #[test]
    fn only_files_that_no_task_claims_are_deleted_before_the_commit() {
        let timeline = Timeline::read(&table(&[]), MAIN);
        let marker = |data: &str| Object::Hudi(File::Marker { data: data.into() });
        let markers: Objects = [
            ("m/0".to_string(), marker("d/0")),
            ("m/1".to_string(), marker("d/1")),
        ]
        .into();
        let claimed = Slice {
            group: "g".into(),
            path: "d/1".into(),
        };
        let steps = timeline.complete(
            &config(WriteOperation::Insert),
            Time::from_ms(3),
            1,
            vec![claimed],
            &markers,
        );
        assert!(matches!(&steps[0], Operation::Delete { paths, .. } if paths == &["d/0"]));
        assert!(
            matches!(
                &steps[1],
                Operation::Put {
                    note: Some(Fact::TableCommitted { .. }),
                    ..
                }
            ),
            "the commit point"
        );
        assert!(matches!(&steps[2], Operation::Delete { paths, .. } if paths == &["m/0", "m/1"]));
    }
}
