//! One write to the table: which row goes to which file, and what its tasks put there.
//!
//! Mirrors: `HoodieSparkSqlWriter`, `HoodieWriteHelper` (combining), `HoodieIndex.tagLocation`, `UpsertPartitioner` (small
//! files), `HoodieMergeHandle`, `HoodieAppendHandle`.
//! `SparkUpsertDeltaCommitPartitioner` (on merge-on-read, inserts go to base files unless the index can look into log files).
//! Simplified: one candidate for small files a partition.

use super::merge::{self, View};
use super::timeline::{self, Absorbed, Step, Timeline, temp_prefix};
use super::{
    DupPolicy, File, HudiConfig, PartitionPathField, RecordKeyField, Slice, SliceKind,
    WriteOperation,
};
use crate::sim::FULL;
use crate::sim::kernel::Time;
use crate::sim::ordered::OrdMap;
use crate::sim::origin::Origin;
use crate::sim::store::Objects;
use crate::sim::trace::{Absorption, Fact, Row, SegmentId, Source};
use crate::sim::workload::RECORD_BYTES;

/// Rows for one file group.
#[derive(Clone, Debug)]
pub struct Placement {
    pub group: String,
    /// The current base file: copy-on-write writes it anew with the rows added.
    pub base: Option<String>,
    pub rows: Vec<Row>,
    /// The rows go to a log file on top of the base file.
    pub log: bool,
}

/// A task that writes one file.
#[derive(Clone, Debug)]
pub struct WriteTask {
    pub segment: SegmentId,
    pub instant: Time,
    pub config: HudiConfig,
    pub placement: Placement,
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
        RecordKeyField::Uuid | RecordKeyField::Generated => {
            format!("{:x}-{partition}-{offset}", attempt.micros())
        }
    }
}

/// Origins of rows that met another row of their key, by what became of them.
#[derive(Default)]
struct Lost(Absorbed);

impl Lost {
    fn add(&mut self, why: Absorption, origins: &[(Origin, Source)]) {
        if !origins.is_empty() {
            self.0.push((why, origins.to_vec()));
        }
    }

    /// A row gave way to another version of its order. A copy of the same version is no news.
    fn give_way(&mut self, why: Absorption, loser: &Row, winner: &Row) {
        if loser.version.seq != winner.version.seq {
            self.add(why, &loser.origins);
        }
    }
}

/// Combines equal keys if the operation does so, and assigns every row to a file group; or says why the write fails.
///
/// `pick` decides between two rows of one key in one batch that the merge mode leaves open: Hudi's order is arbitrary
/// there, so it is a coin.
pub fn place(
    config: &HudiConfig,
    timeline: &mut Timeline,
    data: &Objects,
    rows: Vec<Row>,
    mut pick: impl FnMut(&Row) -> bool,
) -> Result<Vec<Placement>, String> {
    let mut lost = Lost::default();
    let rows = rows.into_iter().map(|row| pathed(config, row));
    let rows = combined(config, rows, &mut lost, &mut pick);
    let views = timeline.views();
    let rule = config.rule();
    let index = Index::build(config, &views, data);
    // By partition path and group: the rows, and whether there are new keys among them.
    let mut placed: OrdMap<String, OrdMap<String, (Vec<Row>, bool)>> = OrdMap::new();
    let mut put = |path: &str, group: String, row: Row, new: bool| {
        let groups = placed.entry(path.to_string()).or_default();
        let (rows, news) = groups.entry(group).or_default();
        rows.push(row);
        *news |= new;
    };
    for mut row in rows {
        let home = index.find(config.is_global(), &row);
        let deletes = config.operation_in_force() == WriteOperation::Delete;
        if deletes || row.is_tombstone() {
            lost.add(Absorption::Deleted, &row.origins);
        }
        if deletes {
            row = Row {
                partition_path: row.partition_path.clone(),
                ..merge::tombstone(&row)
            };
        }
        match home {
            Some((path, group)) => match config.dup_policy() {
                DupPolicy::Fail => {
                    return Err(format!(
                        "HoodieDuplicateKeyException: {} is in the table",
                        row.record_key
                    ));
                }
                DupPolicy::Drop => {
                    let view = &views[&group];
                    let twin = view.entries(data).find(|o| o.record_key == row.record_key);
                    if let Some(twin) = twin {
                        lost.give_way(Absorption::Dropped, &row, twin);
                    }
                }
                DupPolicy::None if path != row.partition_path && config.moves_rows() => {
                    let old = views[&group].rows(data, &rule);
                    let old = old.iter().find(|o| o.record_key == row.record_key);
                    if old.is_none_or(|old| rule.replaces(&row, old)) {
                        put(&path, group, merge::tombstone(&row), false);
                        let path = row.partition_path.clone();
                        let group = fresh(config, &views, timeline, data, &row);
                        put(&path, group, row, true);
                    } else if let Some(old) = old {
                        lost.give_way(Absorption::Outdated, &row, old);
                    }
                }
                DupPolicy::None => {
                    row.partition_path.clone_from(&path);
                    put(&path, group, row, false);
                }
            },
            // Nothing is there to delete.
            None if row.is_tombstone() => {}
            None => {
                let path = row.partition_path.clone();
                let group = fresh(config, &views, timeline, data, &row);
                put(&path, group, row, true);
            }
        }
    }
    timeline.absorb(lost.0);
    let groups = placed.into_values().flatten();
    let placements = groups.map(|(group, (rows, news))| {
        let view = views.get(&group);
        let appends = !news || config.indexes_logs();
        let log = config.is_merge_on_read() && view.is_some() && appends;
        let base = view.and_then(|view| view.base.clone());
        Placement {
            base: base.filter(|_| !log && !overwrites(config)),
            log,
            group,
            rows,
        }
    });
    Ok(placements.collect())
}

fn overwrites(config: &HudiConfig) -> bool {
    FULL && matches!(
        config.operation,
        WriteOperation::InsertOverwrite | WriteOperation::InsertOverwriteTable
    )
}

/// Combines rows of a batch that share a key: with a global index wherever they belong, else within a partition path.
fn combined(
    config: &HudiConfig,
    rows: impl Iterator<Item = Row>,
    lost: &mut Lost,
    pick: &mut impl FnMut(&Row) -> bool,
) -> Vec<Row> {
    let rule = config.rule();
    let alike = |one: &Row, other: &Row| {
        one.record_key == other.record_key
            && (config.is_global() || one.partition_path == other.partition_path)
    };
    let mut kept: Vec<Row> = Vec::new();
    for row in rows {
        let twin = config
            .combines()
            .then(|| kept.iter_mut().find(|other| alike(other, &row)))
            .flatten();
        match twin {
            Some(twin) => {
                let wins = if rule.ties(&row, twin) {
                    pick(&row)
                } else {
                    rule.replaces(&row, twin)
                };
                if wins {
                    lost.give_way(Absorption::Combined, twin, &row);
                    *twin = row;
                } else {
                    lost.give_way(Absorption::Combined, &row, twin);
                }
            }
            None => kept.push(row),
        }
    }
    kept
}

/// Where keys are: by key and partition path, the file group. What is only a delete in a log file comes second.
struct Index {
    live: OrdMap<(String, String), String>,
    deleted: OrdMap<(String, String), String>,
}

impl Index {
    fn build(config: &HudiConfig, views: &OrdMap<String, View>, data: &Objects) -> Index {
        let mut index = Index {
            live: OrdMap::new(),
            deleted: OrdMap::new(),
        };
        if !config.looks_up() {
            return index;
        }
        let rule = config.rule();
        for (group, view) in views {
            let path = partition_of(group);
            let place = |row: &Row| (row.record_key.clone(), path.to_string());
            if view.logs.is_empty() {
                for row in view.base_rows(data) {
                    index
                        .live
                        .entry(place(row))
                        .or_insert_with(|| group.clone());
                }
                continue;
            }
            for row in view.rows(data, &rule).iter() {
                index
                    .live
                    .entry(place(row))
                    .or_insert_with(|| group.clone());
            }
            for row in view.entries(data) {
                index
                    .deleted
                    .entry(place(row))
                    .or_insert_with(|| group.clone());
            }
        }
        index
    }

    /// Partition path and file group of a key: anywhere with a global index, else in the row's own partition.
    fn find(&self, global: bool, row: &Row) -> Option<(String, String)> {
        let key = &row.record_key;
        let least = if global {
            String::new()
        } else {
            row.partition_path.clone()
        };
        [&self.live, &self.deleted].into_iter().find_map(|places| {
            let ((found, path), group) = places.range((key.clone(), least.clone())..).next()?;
            let fits = found == key && (global || *path == row.partition_path);
            fits.then(|| (path.clone(), group.clone()))
        })
    }
}

pub(super) fn partition_of(group: &str) -> &str {
    group.rsplit_once('/').map_or("", |(path, _)| path)
}

/// The file group of a row whose key is new: its bucket, the first small one of its partition, or a new one.
fn fresh(
    config: &HudiConfig,
    views: &OrdMap<String, View>,
    timeline: &Timeline,
    data: &Objects,
    row: &Row,
) -> String {
    let path = &row.partition_path;
    let next = || format!("{path}/group-{}", timeline.next_group(path));
    if config.operation == WriteOperation::BulkInsert || overwrites(config) {
        return next();
    }
    if let Some(bucket) = config.bucket(&row.record_key) {
        return format!("{path}/group-{bucket}");
    }
    let small = |view: &View| {
        let size = || view.entries(data).count() as u64 * RECORD_BYTES;
        view.logs.is_empty() && (!config.reads_sizes() || size() < config.small_file_limit)
    };
    let inside = |group: &str| partition_of(group) == path;
    let mut candidates = views.iter().filter(|(group, _)| inside(group));
    candidates
        .find(|(_, view)| small(view))
        .map_or_else(next, |(group, _)| group.clone())
}

/// The row with its table partition, which is where Hudi's key generator puts it.
fn pathed(config: &HudiConfig, row: Row) -> Row {
    Row {
        partition_path: partition_path(config.partition_path, &row),
        ..row
    }
}

fn partition_path(field: PartitionPathField, row: &Row) -> String {
    const DAY_MS: i64 = 86_400_000;
    match field {
        // An aggregate is no order: its date is that of its window.
        PartitionPathField::OrderDate if row.window.is_none() => {
            format!("date={}", row.version.created.ms().div_euclid(DAY_MS))
        }
        PartitionPathField::OrderDate | PartitionPathField::EventDate => {
            format!("date={}", row.event_time.ms().div_euclid(DAY_MS))
        }
        PartitionPathField::Status => format!("status={}", row.version.status.name()),
        PartitionPathField::Region => format!("region={}", row.version.region),
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
        format!("{}data/", timeline::table(segment))
    }

    fn path(&self, attempt: u32) -> String {
        let ending = if self.placement.log { "log" } else { "parquet" };
        format!(
            "{}{}_{attempt}_{:020}.{ending}",
            WriteTask::data_prefix(self.segment),
            self.placement.group,
            self.instant.micros()
        )
    }

    /// What an attempt writes: its marker, then the new file.
    pub fn steps(&self, attempt: u32, base: &[Row]) -> (Slice, [Step; 2]) {
        let path = self.path(attempt);
        let (rows, absorbed) = if self.placement.log {
            (self.placement.rows.clone(), Absorbed::new())
        } else {
            self.merged(base)
        };
        let group = self.placement.group.clone();
        let kind = if self.placement.log {
            SliceKind::Log
        } else {
            SliceKind::Base
        };
        let steps = file_steps(self.segment, self.instant, &group, &path, attempt, rows);
        let slice = Slice {
            group,
            path,
            kind,
            absorbed,
        };
        (slice, steps)
    }

    /// The new slice: rows of the old one, with equal keys merged if the operation looks for them.
    fn merged(&self, base: &[Row]) -> (Vec<Row>, Absorbed) {
        let rule = self.config.rule();
        let mut rows = base.to_vec();
        let mut lost = Lost::default();
        // Rows of this batch that took the place of one that was there.
        let mut changed = vec![false; base.len()];
        for row in &self.placement.rows {
            // New keys are not compared with each other: that is what combining is for.
            let place = base
                .iter()
                .position(|other| other.record_key == row.record_key);
            let Some(place) = place.filter(|_| self.config.merges()) else {
                rows.push(row.clone());
                continue;
            };
            let twin = &mut rows[place];
            if !rule.replaces(row, twin) {
                if !row.is_tombstone() {
                    lost.give_way(Absorption::Outdated, row, twin);
                }
                continue;
            }
            if changed[place] {
                lost.give_way(Absorption::Combined, twin, row);
            }
            changed[place] = true;
            *twin = row.clone();
        }
        rows.retain(|row| !row.is_tombstone());
        (rows, lost.0)
    }
}

/// A marker and a data file beside it.
pub(super) fn file_steps(
    segment: SegmentId,
    instant: Time,
    group: &str,
    path: &str,
    attempt: u32,
    rows: Vec<Row>,
) -> [Step; 2] {
    let marker = format!(
        "{}{}.marker.{attempt}",
        temp_prefix(segment, instant),
        group.replace('/', "-")
    );
    let note = Fact::DataFileWritten {
        segment,
        instant,
        file: path.rsplit('/').next().unwrap_or(path).to_string(),
        rows: rows.len() as u32,
    };
    let data = path.to_string();
    [
        timeline::put(&marker, File::Marker { data }, None),
        timeline::put(path, File::Data { rows }, Some(note)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{Action, Instant};
    use super::*;
    use crate::sim::kafka::protocol::PartitionId;
    use crate::sim::kernel::EventTime;
    use crate::sim::store::{Object, Operation};
    use crate::sim::trace::InstantState;

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

    fn slice(group: &str, path: &str) -> Slice {
        Slice {
            group: group.into(),
            path: path.into(),
            kind: SliceKind::Base,
            absorbed: Absorbed::new(),
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
                slices.push(slice(group, &path));
            }
            let completed = Instant {
                segment: MAIN,
                instant,
                action: Action::Commit,
                state: InstantState::Completed,
                batch: n as u64,
                identifier: Some("mine".into()),
                slices,
                ..Instant::default()
            };
            let path = timeline::instant_path(MAIN, instant);
            objects.insert(path, Object::Hudi(File::Instant(completed)));
        }
        objects
    }

    /// Group and keys of each file that a batch writes.
    fn placed(
        operation: WriteOperation,
        objects: &Objects,
        rows: Vec<Row>,
    ) -> Vec<(String, Vec<String>)> {
        let mut timeline = Timeline::read(objects, MAIN);
        let placements = place(&config(operation), &mut timeline, objects, rows, |_| true);
        let keys = |rows: Vec<Row>| rows.into_iter().map(|row| row.record_key).collect();
        placements
            .expect("nothing makes it fail")
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
        assert_eq!(
            deleted(&steps[2]),
            [
                timeline::instant_path(MAIN, failed),
                timeline::heartbeat_path(MAIN, failed)
            ]
        );
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
        let claimed = slice("g", "d/1");
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
