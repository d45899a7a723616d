//! The sink of a task: what is written at once, what waits for a checkpoint, and how it is committed.
//!
//! Mirrors: `SinkWriterOperator` and `CommitterOperator` (SinkV2).
//! Simplified: transactions are committed one after the other.

use super::super::super::kafka::protocol::PartitionId;
use super::super::super::sinks::console::Effect;
use super::super::super::sinks::hudi;
use super::super::super::store::{Object, Operation};
use super::super::super::trace::{Fact, Row};
use super::hudi_sink::HudiNews;
use super::kafka_sink::SinkNews;
use super::storage::{self, File, Held, Prepared};
use super::task::{Task, Writer, seen};
use super::task_manager::{Ask, Memory, Target, TaskManager};
use super::window::TimeWindow;
use crate::sim::kernel::{Context, EventTime};

impl TaskManager {
    pub(super) fn write(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        window: Option<TimeWindow>,
        records: Vec<Held>,
        cx: &mut Context,
    ) {
        if let Writer::Kafka(sink) = &mut task.writer {
            for (place, record) in records {
                // Each record goes to the partition with its own number.
                let to = PartitionId(self.output + place.partition.0 - self.input);
                sink.write(to, place, record, cx);
            }
            return;
        }
        let Some((place, first)) = records.first() else {
            return;
        };
        memory.rows += 1;
        let number = row_number(cx, memory.rows);
        let row = match window {
            None => Row {
                row: number,
                ..Row::of(first, *place, first.value.order_id.to_string())
            },
            Some(window) => Row {
                row: number,
                record_key: format!("{}@{}-{}", first.key.0, window.start, window.end),
                amount: records.iter().map(|(_, record)| record.value.amount).sum(),
                event_time: EventTime::from_ms(window.max_timestamp()),
                window: Some(seen(window)),
                origins: records
                    .iter()
                    .map(|(place, record)| (record.origin, *place))
                    .collect(),
                ..Row::default()
            },
        };
        if let (Writer::Hudi(sink), Target::Hudi(config)) = (&mut task.writer, &self.target) {
            let record_key = match window {
                None => hudi::record_key(
                    config.record_key,
                    first.value.order_id,
                    place.partition.0,
                    place.offset,
                    cx.now(),
                ),
                Some(_) => row.record_key.clone(),
            };
            cx.note(Fact::WrittenPending {
                segment: self.segment,
                origins: row.origins.clone(),
            });
            sink.write(Row { record_key, ..row });
            return;
        }
        let attempt = task.attempt;
        let Writer::Console {
            outstanding,
            open,
            epoch,
            ..
        } = &mut task.writer
        else {
            return;
        };
        if self.is_exactly_once() {
            cx.note(Fact::WrittenPending {
                segment: self.segment,
                origins: row.origins.clone(),
            });
            open.push(row);
            return;
        }
        let Target::Console(console) = &self.target else {
            return;
        };
        let (path, if_absent) = console.place(self.segment, &row);
        let effect = Effect {
            segment: self.segment,
            poll: u64::from(attempt) << 32 | *epoch,
            at: cx.now(),
            row,
            // Positions are in the checkpoint.
            offset: None,
            fencing: console.fencing,
        };
        *outstanding += 1;
        let operation = Operation::Put {
            path,
            object: Object::Console(effect),
            if_absent,
            note: None,
        };
        self.ask_store(memory, Ask::Effect(attempt), operation, cx);
    }

    pub(super) fn hear(&self, task: &mut Task, news: Option<SinkNews>, cx: &mut Context) {
        let Some(news) = news else {
            return;
        };
        let segment = self.segment;
        match news {
            SinkNews::Failed(error) => task.failed = Some(format!("the Kafka sink: {error}")),
            SinkNews::Committed => self.committed(task, false, cx),
            SinkNews::Refused(error) => {
                let key = task.committing.take();
                let lost = key.and_then(|key| task.uncommitted.remove(&key));
                if let Some(committable) = lost {
                    cx.note_setting(
                        "properties.transaction.timeout.ms",
                        Fact::CommitRefused {
                            segment,
                            transaction: committable.transaction,
                            error,
                            origins: committable.origins,
                        },
                    );
                }
            }
        }
    }

    pub(super) fn hear_table(&self, task: &mut Task, news: Option<HudiNews>, cx: &mut Context) {
        match news {
            Some(HudiNews::Committed { again }) => self.committed(task, again, cx),
            Some(HudiNews::Failed(error)) => task.failed = Some(error),
            None => {}
        }
    }

    fn committed(&self, task: &mut Task, again: bool, cx: &mut Context) {
        if let Some(key) = task.committing.take() {
            task.uncommitted.remove(&key);
            cx.note(Fact::SinkCommitted {
                segment: self.segment,
                transaction: key.1,
                again,
            });
        }
    }

    /// Puts the table writer's next question to the store.
    pub(super) fn ask_table(
        &self,
        memory: &mut Memory,
        task: &mut Task,
        may_start: bool,
        cx: &mut Context,
    ) {
        if let Writer::Hudi(sink) = &mut task.writer
            && let Some(operation) = sink.next(may_start)
        {
            self.ask_store(memory, Ask::Table(task.attempt), operation, cx);
        }
    }

    /// Commits what is due, one transaction after the other.
    pub(super) fn commit_next(&self, memory: &mut Memory, task: &mut Task, cx: &mut Context) {
        if task.committing.is_some() {
            return;
        }
        let Some(key) = task.commits.pop_front() else {
            return;
        };
        let Some(committable) = task.uncommitted.get(&key) else {
            return;
        };
        task.committing = Some(key.clone());
        match (&committable.what, &mut task.writer, &self.target) {
            (Prepared::Producer(_), Writer::Kafka(sink), _) => sink.commit(committable),
            (Prepared::Table(table), Writer::Hudi(sink), _) => sink.commit(table),
            (Prepared::Rows(rows), _, Target::Console(console)) => {
                let mut rows = rows.clone();
                // Whoever commits again without knowing it makes new rows.
                for row in &mut rows {
                    memory.rows += 1;
                    row.row = row_number(cx, memory.rows);
                }
                let idempotent = self.config.commit_is_idempotent;
                let again = (!idempotent).then(|| row_number(cx, memory.rows));
                let transaction = &committable.transaction;
                let operation = Operation::Put {
                    path: storage::transaction_path(self.segment, transaction, again),
                    object: Object::Flink(File::Transaction {
                        segment: self.segment,
                        checkpoint: committable.checkpoint,
                        at: cx.now(),
                        dedup: console.dedup,
                        rows,
                    }),
                    if_absent: idempotent,
                    note: Some(Fact::SinkCommitted {
                        segment: self.segment,
                        transaction: transaction.clone(),
                        again: false,
                    }),
                };
                self.ask_store(memory, Ask::Commit(task.attempt, key), operation, cx);
            }
            _ => {}
        }
    }
}

/// Unique over processes and their lives.
fn row_number(cx: &Context, made: u64) -> u64 {
    u64::from(cx.host().0) << 48 | u64::from(cx.incarnation()) << 32 | made
}
