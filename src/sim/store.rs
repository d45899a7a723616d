//! The object store: put, put-if-absent, list, delete. It keeps checkpoints and tables, and fails only where a fault says so.
//!
//! Mirrors: an object store with strong consistency (each operation is atomic, a put is visible to the next list).
//! Simplified: every operation takes the same time; nothing is throttled or charged.

use super::FULL;
use super::compact::gather;
#[cfg(not(feature = "lean"))]
use super::engines::flink::storage;
#[cfg(not(feature = "lean"))]
use super::engines::spark::damage;
use super::engines::spark::progress;
use super::kafka::protocol::{PartitionId, Positions};
use super::kernel::{Context, HostId, Program, Reply, Span};
use super::message;
use super::sinks::{console, database, hudi};
use super::trace::{Fact, SegmentId};
use crate::sim::ordered::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

/// How fast the store is. Not a setting of any system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// How long one operation takes, in microseconds.
    pub operation_us: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            operation_us: 8_000,
        }
    }
}

/// What lies at a path.
#[derive(Clone, Debug)]
pub enum Object {
    Progress(progress::Entry),
    Hudi(hudi::File),
    Console(console::Effect),
    Database(database::Record),
    Offset(console::OffsetRow),
    #[cfg(not(feature = "lean"))]
    Flink(storage::File),
}

/// Everything in the store, by path.
pub type Objects = OrdMap<String, Object>;

/// One operation. What it changes is noted where and when it happens.
#[derive(Clone, Debug)]
pub enum Operation {
    Put {
        path: String,
        object: Object,
        if_absent: bool,
        note: Option<Fact>,
    },
    Delete {
        paths: Vec<String>,
        note: Option<Fact>,
    },
    List {
        prefix: String,
    },
    /// A consumer whose offsets are kept here takes partitions over.
    TakeOver {
        segment: SegmentId,
        partitions: Vec<PartitionId>,
        generation: u32,
    },
    /// A put that nobody waits for.
    Touch {
        path: String,
        object: Object,
    },
}

/// Every event on the agenda has room for the largest message, so what is large and rare is kept aside.
#[derive(Clone, Debug)]
pub enum Message {
    Request(Box<Operation>),
    /// To oneself: the operation happens now.
    Apply {
        reply: Reply,
        operation: Box<Operation>,
    },
    /// The operation is done; `false`: the path was taken.
    Done {
        ok: bool,
    },
    Listing {
        objects: Objects,
    },
    /// Somebody deletes a part of a query's checkpoint.
    Damage {
        segment: SegmentId,
        what: &'static str,
    },
    Offsets {
        positions: Positions,
    },
    /// The store refused the operation: nothing of it happened.
    Failed,
    /// To oneself: the next writes of a host to a table are refused.
    Refuse(Refusal),
}

/// Writes to a table that the store refuses.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Whose writes.
    pub by: HostId,
    /// How many attempts of its sink fail.
    pub times: u32,
    /// Only what comes right after a commit.
    pub after_commit: bool,
}

/// The store's configuration.
#[derive(Clone)]
pub struct Store {
    pub config: StoreConfig,
}

/// What the store will refuse.
#[derive(Clone, Default)]
pub struct Memory {
    refusals: Vec<Refusal>,
    /// Hosts whose table commit was the last thing that the store did for them.
    committed: OrdSet<HostId>,
}

impl Memory {
    /// Whether this operation is refused. Reads are not, and neither is what is no part of a table.
    fn refuses(&mut self, by: HostId, operation: &Operation) -> bool {
        let in_table = |path: &String| path.starts_with("table-");
        let writes = match operation {
            Operation::Put { path, .. } => in_table(path),
            Operation::Delete { paths, .. } => paths.iter().all(in_table),
            Operation::List { .. } | Operation::Touch { .. } | Operation::TakeOver { .. } => false,
        };
        if !writes {
            return false;
        }
        let after = self.committed.remove(&by);
        let strikes = |r: &&mut Refusal| r.by == by && (after || !r.after_commit);
        let Some(refusal) = self.refusals.iter_mut().find(strikes) else {
            return false;
        };
        refusal.times -= 1;
        self.refusals.retain(|refusal| refusal.times > 0);
        true
    }
}

impl Program for Store {
    type Disk = Objects;
    type Memory = Memory;

    fn boot(&self, _: &mut Objects, _: &mut Context) -> Memory {
        Memory::default()
    }

    fn on_message(
        &self,
        objects: &mut Objects,
        memory: &mut Memory,
        from: HostId,
        message: message::Message,
        cx: &mut Context,
    ) {
        let message::Message::Store(message) = message else {
            return;
        };
        match message {
            Message::Request(operation) => {
                let reply = cx.reply_to(from);
                cx.after(
                    Span::from_micros(self.config.operation_us),
                    Message::Apply { reply, operation },
                );
            }
            Message::Apply { reply, operation } if FULL && memory.refuses(reply.to, &operation) => {
                cx.reply(reply, Message::Failed);
            }
            Message::Apply { reply, operation } => {
                if FULL && commits_a_table(&operation) {
                    memory.committed.insert(reply.to);
                }
                match *operation {
                    Operation::Touch { path, object } => {
                        objects.insert(path, object);
                    }
                    operation => {
                        let answer = apply(objects, operation, cx);
                        cx.reply(reply, answer);
                    }
                }
            }
            Message::Refuse(refusal) => memory.refusals.push(refusal),
            #[cfg(not(feature = "lean"))]
            Message::Damage { segment, what } => {
                let checkpoint = progress::checkpoint_path(segment, 1);
                let doomed = damage::doomed(objects, &checkpoint, what).unwrap_or_default();
                let files = doomed.len() as u32;
                doomed.iter().for_each(|path| {
                    objects.remove(path);
                });
                let what = what.to_string();
                cx.note(Fact::CheckpointDamaged {
                    segment,
                    what,
                    files,
                });
            }
            _ => {}
        }
    }
}

fn commits_a_table(operation: &Operation) -> bool {
    let note = match operation {
        Operation::Put { note, .. } => note,
        _ => return false,
    };
    matches!(note, Some(Fact::TableCommitted { .. }))
}

fn apply(objects: &mut Objects, operation: Operation, cx: &mut Context) -> Message {
    match operation {
        Operation::Put {
            path,
            object,
            if_absent,
            note,
        } => {
            if if_absent && objects.contains_key(&path) {
                return Message::Done { ok: false };
            }
            if let Some(note) = note {
                cx.note(note);
            }
            // What readers of a table see changes in the moment its completed instant appears, and in no other.
            if let Object::Hudi(file) = &object {
                hudi::changes(objects, file).into_iter().for_each(|fact| {
                    cx.note(fact);
                });
            }
            if FULL && let Object::Console(effect) = &object {
                match console::put_offset(objects, effect) {
                    Ok(fact) => {
                        fact.map(|fact| cx.note(fact));
                    }
                    Err(fact) => {
                        cx.note_setting("sink.fencing", fact);
                        return Message::Done { ok: false };
                    }
                }
                for fact in console::changes(objects, &path, effect) {
                    cx.note(fact);
                }
            }
            #[cfg(not(feature = "lean"))]
            if let Object::Flink(file) = &object {
                for fact in storage::changes(objects, file) {
                    cx.note(fact);
                }
            }
            if let Object::Database(record) = &object
                && FULL
            {
                for fact in database::changes(objects, &path, record) {
                    cx.note(fact);
                }
            }
            objects.insert(path, object);
            Message::Done { ok: true }
        }
        Operation::Delete { paths, note } => {
            let gone = paths.iter().filter(|path| objects.remove(*path).is_some());
            let gone = gone.count() as u32;
            match note {
                Some(Fact::Reconciled {
                    segment, instant, ..
                }) => {
                    cx.note(Fact::Reconciled {
                        segment,
                        instant,
                        deleted: gone,
                    });
                }
                Some(note) => {
                    cx.note(note);
                }
                None => {}
            }
            Message::Done { ok: true }
        }
        Operation::TakeOver {
            segment,
            partitions,
            generation,
        } => Message::Offsets {
            positions: if FULL {
                console::take_over(objects, segment, &partitions, generation)
            } else {
                Positions::new()
            },
        },
        Operation::Touch { .. } => Message::Done { ok: true },
        Operation::List { prefix } => {
            let under = objects
                .range(prefix.clone()..)
                .take_while(|(path, _)| path.starts_with(&prefix));
            Message::Listing {
                objects: gather(under.map(|(path, object)| (path.clone(), object.clone()))),
            }
        }
    }
}
