//! The table's and the writer's options, and what follows from them together.
//!
//! Mirrors: `HoodieWriteConfig`, `HoodieTableConfig`, `HoodieCleanConfig`, `DataSourceOptions`, `deduceOperation`.

use super::merge::{OrderingField, Rule};
use super::{HudiConfig, RecordKeyField, SinkWriter, WriteOperation};
use crate::sim::FULL;
use crate::sim::kernel::Span;
use crate::sim::scenario::ScenarioError;
use serde::{Deserialize, Serialize};

/// `hoodie.datasource.write.table.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TableType {
    /// A changed file group is written anew as a whole.
    #[default]
    CopyOnWrite,
    /// Changes go to log files, which compaction merges into base files.
    MergeOnRead,
}

/// `hoodie.write.record.merge.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MergeMode {
    /// The later write wins.
    #[default]
    CommitTimeOrdering,
    /// The larger ordering value wins, a tie goes to the later write.
    EventTimeOrdering,
}

/// `hoodie.index.type`: how a key is found, and in how much of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IndexType {
    #[default]
    Simple,
    Bloom,
    GlobalSimple,
    GlobalBloom,
    #[serde(alias = "RECORD_INDEX")]
    GlobalRecordLevelIndex,
    RecordLevelIndex,
    Bucket,
}

/// `hoodie.datasource.insert.dup.policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DupPolicy {
    #[default]
    None,
    /// An incoming row whose key is in the table is dropped.
    Drop,
    /// The write fails.
    Fail,
}

/// `hoodie.clean.failed.writes.policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FailedWritesPolicy {
    /// The next write rolls back every unfinished one.
    #[default]
    Eager,
    /// A clean rolls back those whose heartbeat has expired.
    Lazy,
    Never,
}

/// `hoodie.datasource.query.type`: which of the table's readers counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryType {
    /// The newest committed state.
    #[default]
    Snapshot,
    /// Base files only: on merge-on-read the state at the last compaction.
    ReadOptimized,
    /// A feed of what each commit wrote.
    Incremental,
}

/// `hoodie.write.concurrency.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConcurrencyMode {
    #[default]
    SingleWriter,
    /// Before the commit point the writer takes a lock and looks whether another has changed the same file groups.
    OptimisticConcurrencyControl,
}

/// Buckets of a partition under a bucket index. Hudi's own number is 256; a table of a lesson has few rows.
const BUCKETS: u64 = 4;

/// Keys of older releases that are still taken, and what they are called today.
const ALIASES: [(&str, &str); 3] = [
    (
        "hoodie.cleaner.policy.failed.writes",
        "hoodie.clean.failed.writes.policy",
    ),
    (
        "hoodie.cleaner.commits.retained",
        "hoodie.clean.commits.retained",
    ),
    (
        "hoodie.datasource.write.precombine.field",
        "hoodie.table.ordering.fields",
    ),
];

/// Gives keys of older releases their name of today, so that a patch meets the setting that it means.
pub fn modern_keys(patch: &mut serde_json::Value) {
    let serde_json::Value::Object(map) = patch else {
        return;
    };
    for (old, new) in ALIASES {
        if let Some(value) = map.remove(old) {
            map.insert(new.to_string(), value);
        }
    }
    map.values_mut().for_each(modern_keys);
}

impl HudiConfig {
    /// Whether it takes a build with everything in it.
    pub fn is_beyond_the_opening(&self) -> bool {
        let known = matches!(
            self.operation,
            WriteOperation::Upsert | WriteOperation::Insert | WriteOperation::BulkInsert
        );
        !known || *self != self.basics()
    }

    /// The operation in force. Source: `HoodieSparkSqlWriter.deduceOperation`: upsert with a policy for copies becomes insert,
    /// with no more than a warning.
    pub fn operation_in_force(&self) -> WriteOperation {
        match self.operation {
            WriteOperation::Upsert if self.dup_policy() != DupPolicy::None => {
                WriteOperation::Insert
            }
            operation => operation,
        }
    }

    /// The policy for copies in force; it belongs to `insert` alone.
    pub fn dup_policy(&self) -> DupPolicy {
        let fits = matches!(
            self.operation,
            WriteOperation::Insert | WriteOperation::Upsert
        );
        match self.insert_dup_policy {
            _ if !fits || !FULL => DupPolicy::None,
            DupPolicy::None if self.drop_duplicates => DupPolicy::Drop,
            policy => policy,
        }
    }

    /// Whether rows of a batch that share a key are combined. Dropping implies it.
    pub fn combines(&self) -> bool {
        match self.operation_in_force() {
            WriteOperation::Upsert => self.combine_before_upsert,
            WriteOperation::Delete => self.combine_before_delete,
            WriteOperation::Insert if self.dup_policy() == DupPolicy::Drop => true,
            _ => self.combine_before_insert,
        }
    }

    /// Whether each key is looked up in the table.
    pub fn looks_up(&self) -> bool {
        match self.operation_in_force() {
            WriteOperation::Upsert | WriteOperation::Delete => true,
            WriteOperation::Insert => self.dup_policy() != DupPolicy::None,
            _ => false,
        }
    }

    /// Whether planning a write needs the table's data: to look keys up, or to know which files are small.
    pub fn reads_data(&self) -> bool {
        self.looks_up() || self.reads_sizes()
    }

    /// Whether a file can be too large to be filled up. With the default no file of a lesson ever is.
    pub fn reads_sizes(&self) -> bool {
        FULL && self.small_file_limit < DEFAULT_SMALL_FILE
    }

    /// Whether rows that meet an equal key in the file they go to take its place.
    pub fn merges(&self) -> bool {
        match self.operation_in_force() {
            WriteOperation::Upsert | WriteOperation::Delete => true,
            WriteOperation::Insert => !self.allow_duplicate_on_inserts,
            _ => false,
        }
    }

    /// Whether a key is the same row wherever in the table it lies.
    pub fn is_global(&self) -> bool {
        FULL && matches!(
            self.index,
            IndexType::GlobalSimple | IndexType::GlobalBloom | IndexType::GlobalRecordLevelIndex
        )
    }

    /// Whether a global index moves a row whose partition path has changed. Defaults differ by index.
    pub fn moves_rows(&self) -> bool {
        match self.index {
            IndexType::GlobalSimple => self.simple_update_path,
            IndexType::GlobalBloom => self.bloom_update_path,
            IndexType::GlobalRecordLevelIndex => self.record_update_path,
            _ => false,
        }
    }

    /// Whether the index finds keys in log files, so that inserts may go there.
    pub fn indexes_logs(&self) -> bool {
        self.index == IndexType::Bucket
    }

    /// The bucket of a key, under a bucket index.
    pub fn bucket(&self, record_key: &str) -> Option<u64> {
        let hash = |hash: u64, byte: u8| hash.wrapping_mul(31).wrapping_add(u64::from(byte));
        (FULL && self.index == IndexType::Bucket)
            .then(|| record_key.bytes().fold(7, hash) % BUCKETS)
    }

    pub fn is_merge_on_read(&self) -> bool {
        FULL && self.table_type == TableType::MergeOnRead
    }

    /// Whether compactions are planned and run.
    pub fn compacts(&self) -> bool {
        self.is_merge_on_read() && (self.compact_inline || self.compact_async)
    }

    /// Which of two rows of a key survives.
    pub fn rule(&self) -> Rule {
        let mode = self.merge_mode.unwrap_or(match self.ordering {
            Some(_) => MergeMode::EventTimeOrdering,
            None => MergeMode::CommitTimeOrdering,
        });
        // Event-time mode without an ordering field behaves as commit time.
        let fields = match mode {
            MergeMode::EventTimeOrdering if FULL => self.ordering_fields().unwrap_or_default(),
            _ => Vec::new(),
        };
        Rule { fields }
    }

    fn ordering_fields(&self) -> Result<Vec<OrderingField>, String> {
        let fields = self.ordering.as_deref().unwrap_or_default().split(',');
        fields
            .filter(|field| !field.is_empty())
            .map(|field| OrderingField::from_name(field.trim()).ok_or_else(|| field.to_string()))
            .collect()
    }

    /// Policy for failed writes: optimistic concurrency control cannot work with EAGER.
    pub fn failed_writes_policy(&self) -> FailedWritesPolicy {
        self.failed_writes.unwrap_or(match self.concurrency {
            ConcurrencyMode::SingleWriter => FailedWritesPolicy::Eager,
            ConcurrencyMode::OptimisticConcurrencyControl => FailedWritesPolicy::Lazy,
        })
    }

    /// After how much silence a writer counts as dead, where heartbeats run.
    pub fn heartbeat_limit(&self) -> Span {
        Span::from_ms(self.heartbeat_interval_ms * u64::from(self.heartbeat_misses))
    }

    /// How often the sink tries to write a batch in all. `foreachBatch` has no loop around its write.
    pub fn attempts(&self) -> u32 {
        match self.writer {
            SinkWriter::Native => self.retry_count.max(1),
            SinkWriter::ForeachBatch => 1,
        }
    }

    /// The pause after the nth attempt: it doubles each time.
    pub fn retry_pause(&self, attempt: u32) -> Span {
        Span::from_ms(self.retry_interval_ms << attempt.saturating_sub(1).min(20))
    }

    /// Whether a failed batch counts as written.
    pub fn ignores_failures(&self) -> bool {
        self.writer == SinkWriter::Native && self.ignore_failed_batch
    }

    pub(super) fn validate_options(&self, place: &str) -> Result<(), ScenarioError> {
        let refuse =
            |key: &str, why: String| Err(ScenarioError::new(format!("{place}.{key}"), why));
        for (key, value, least, most) in [
            (
                "hoodie.client.heartbeat.interval_in_ms",
                self.heartbeat_interval_ms,
                1_000,
                600_000,
            ),
            (
                "hoodie.client.heartbeat.tolerable.misses",
                self.heartbeat_misses.into(),
                1,
                100,
            ),
            (
                "hoodie.clean.commits.retained",
                self.commits_retained.into(),
                1,
                10_000,
            ),
            (
                "hoodie.keep.min.commits",
                self.keep_min_commits.into(),
                2,
                10_000,
            ),
            (
                "hoodie.keep.max.commits",
                self.keep_max_commits.into(),
                3,
                10_000,
            ),
            (
                "hoodie.compact.inline.max.delta.commits",
                self.max_delta_commits.into(),
                1,
                10_000,
            ),
            (
                "hoodie.datasource.write.streaming.retry.count",
                self.retry_count.into(),
                1,
                100,
            ),
            (
                "hoodie.datasource.write.streaming.retry.interval.ms",
                self.retry_interval_ms,
                0,
                600_000,
            ),
        ] {
            if !(least..=most).contains(&value) {
                return refuse(
                    key,
                    format!("{value} is out of range; {least} to {most} is accepted"),
                );
            }
        }
        if self.keep_min_commits >= self.keep_max_commits {
            return refuse(
                "hoodie.keep.max.commits",
                "must be greater than hoodie.keep.min.commits".into(),
            );
        }
        // Source: `HoodieWriteConfig.validate`: archiving must not overtake the cleaner.
        if self.keep_min_commits <= self.commits_retained {
            return refuse(
                "hoodie.keep.min.commits",
                format!(
                    "must be greater than hoodie.clean.commits.retained, which is {}",
                    self.commits_retained
                ),
            );
        }
        if let Err(field) = self.ordering_fields() {
            let known = OrderingField::ALL.map(OrderingField::name);
            return refuse(
                "hoodie.table.ordering.fields",
                format!(
                    "no field \"{field}\"; accepted are {}, several separated by commas",
                    known.join(", ")
                ),
            );
        }
        if self.concurrency == ConcurrencyMode::OptimisticConcurrencyControl
            && self.failed_writes == Some(FailedWritesPolicy::Eager)
        {
            return refuse(
                "hoodie.clean.failed.writes.policy",
                "OPTIMISTIC_CONCURRENCY_CONTROL needs LAZY".into(),
            );
        }
        let generated = self.record_key == RecordKeyField::Generated;
        if generated && self.is_global() {
            return refuse(
                "hoodie.index.type",
                "a global index needs a record key of your own".into(),
            );
        }
        Ok(())
    }
}

/// `hoodie.parquet.small.file.limit`, in bytes.
pub const DEFAULT_SMALL_FILE: u64 = 104_857_600;
