//! Faults: what goes wrong, where, when.
//!
//! In files, links and the menu a fault has a name such as `net.drop_ack` or `driver.crash.C5`; each name lowers to a
//! trigger and an action. Links keep order and single messages do not vanish out of a stream, so a lost
//! acknowledgement is a connection that breaks after the append.

use super::kafka::protocol::{BatchName, ErrorCode, PartitionId, Treatment};
use super::kernel::rng::mix;
use super::kernel::{Draw, HostId, Loses, Span, Time};
use super::scenario::ScenarioError;
use super::suggest;
use super::trace::{Cast, Fact, FactKind, InstantState, SegmentId, TraceEvent};
use crate::sim::ordered::OrdMap;
use serde::{Deserialize, Serialize};

/// A fault by its place in the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultId(pub u16);

/// The latest moment and the longest time that a fault may name: beyond any run.
const LONGEST_MS: u64 = 86_400_000;

/// A fault as files and links write it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// The name of the fault: see [`MENU`].
    #[serde(rename = "do")]
    pub name: String,
    /// A host (`b2`, `leader`, `revenue.driver`) or a link (`p1>b2`, `p1>*`).
    #[serde(default, rename = "where")]
    pub place: Option<String>,
    /// In ms: when it strikes, or from when on it may.
    #[serde(default)]
    pub at: Option<u64>,
    /// In ms: until when it may strike.
    #[serde(default)]
    pub until: Option<u64>,
    /// Before the nth step of the host.
    #[serde(default)]
    pub step: Option<u32>,
    /// After the nth fact of a kind.
    #[serde(default)]
    pub after: Option<OrdMap<String, u32>>,
    /// In parts per million, each time it could strike.
    #[serde(default)]
    pub chance: Option<u32>,
    /// In ms: how long the host stays down, or how long the disturbance lasts.
    #[serde(default, rename = "for")]
    pub duration: Option<u64>,
    /// In ms: how much slower the link or the host is.
    #[serde(default)]
    pub by: Option<u64>,
    /// Before the nth Produce request that the broker works on.
    #[serde(default)]
    pub request: Option<u32>,
    /// How many requests in a row it concerns.
    #[serde(default)]
    pub times: Option<u32>,
    /// What the broker answers, under its name in Kafka's protocol.
    #[serde(default)]
    pub error: Option<String>,
    /// The first and the last event that the source hands over once more; 1 to 10 if nothing is said.
    #[serde(default)]
    pub events: Option<[u32; 2]>,
    /// The partition of the topic whose orders the source keeps to itself, by the customers' keys. If nothing is said,
    /// `source.idle` takes the first one and `source.delay` all.
    #[serde(default)]
    pub partition: Option<u16>,
    /// Right after the nth step of any host: the host, and the number of its step.
    #[serde(default)]
    pub after_step: Option<OrdMap<String, u32>>,
}

/// An entry of the fault menu.
pub struct MenuEntry {
    pub name: &'static str,
    /// What it does, in plain words.
    pub plain: &'static str,
    /// Where it strikes if nothing else is said.
    pub place: &'static str,
    /// How long the host stays down if nothing else is said, in ms; 0 where nothing goes down.
    pub duration: u64,
    /// A few words for flags and lanes.
    pub short: &'static str,
}

impl MenuEntry {
    /// Whether a run with this cast has the part that it strikes.
    pub fn is_offered(&self, cast: &Cast) -> bool {
        parse_place(self.place, cast).is_some()
    }
}

/// What only people read: the worker is built without it (feature `mute`).
macro_rules! words {
    ($text:literal) => {
        if cfg!(feature = "mute") { "" } else { $text }
    };
}

/// Every fault that a script may name.
pub const MENU: &[MenuEntry] = &[
    MenuEntry {
        name: "net.drop_ack",
        plain: words!("the connection breaks after the append: the acknowledgement is lost"),
        place: "p1>*",
        duration: 0,
        short: words!("ack lost"),
    },
    MenuEntry {
        name: "net.drop_request",
        plain: words!("the connection breaks before the append: the request is lost"),
        place: "p1>*",
        duration: 0,
        short: words!("request lost"),
    },
    MenuEntry {
        name: "net.reset",
        plain: words!("the connection breaks, with whatever is on the wire"),
        place: "p1>*",
        duration: 0,
        short: words!("link cut"),
    },
    MenuEntry {
        name: "net.delay",
        plain: words!("everything on the link takes longer, by a random time around the one given"),
        place: "p1>*",
        duration: 3_000,
        short: words!("link slow"),
    },
    MenuEntry {
        name: "net.split",
        plain: words!(
            "nothing gets through between two hosts; what was sent arrives when the link is back, if nobody gave up"
        ),
        place: "p1>*",
        duration: 5_000,
        short: words!("link split"),
    },
    MenuEntry {
        name: "producer.pause",
        plain: words!(
            "the producer's process stands still, as in a long garbage collection, and goes on with what it had in memory"
        ),
        place: "p1",
        duration: 3_000,
        short: words!("producer paused"),
    },
    MenuEntry {
        name: "broker.pause",
        plain: words!(
            "the broker's process stands still and goes on as if nothing had happened; the cluster may have a new leader by then"
        ),
        place: "leader",
        duration: 12_000,
        short: words!("broker paused"),
    },
    MenuEntry {
        name: "broker.slow",
        plain: words!(
            "the broker takes long to write what it fetches from its leader: a lagging follower"
        ),
        place: "b2",
        duration: 10_000,
        short: words!("broker slow"),
    },
    MenuEntry {
        name: "broker.reject",
        plain: words!("the broker answers a Produce request with an error and stores nothing"),
        place: "leader",
        duration: 0,
        short: words!("request rejected"),
    },
    MenuEntry {
        name: "broker.reject_stored",
        plain: words!("the broker stores the batch and answers with an error all the same"),
        place: "leader",
        duration: 0,
        short: words!("rejected but stored"),
    },
    MenuEntry {
        name: "broker.stall",
        plain: words!(
            "the broker stores the batch and does not answer in time; requests behind it on the connection wait"
        ),
        place: "leader",
        duration: 0,
        short: words!("answer stalled"),
    },
    MenuEntry {
        name: "broker.stop",
        plain: words!(
            "the broker is shut down in order: the controller hands on what it leads, and it writes everything out before it ends"
        ),
        place: "leader",
        duration: 3_000,
        short: words!("broker stopped"),
    },
    MenuEntry {
        name: "broker.hold",
        plain: words!(
            "a Produce request waits in the broker's queue and is worked on late, even if who sent it has given it up"
        ),
        place: "leader",
        duration: 3_000,
        short: words!("request held up"),
    },
    MenuEntry {
        name: "producer.crash.resend",
        plain: words!(
            "the producer's process dies; after its restart the application sends again what is unconfirmed in its outbox"
        ),
        place: "p1",
        duration: 1_000,
        short: words!("producer crash"),
    },
    MenuEntry {
        name: "producer.crash.forget",
        plain: words!("the producer's process dies, and the application has no outbox"),
        place: "p1",
        duration: 1_000,
        short: words!("producer crash, no outbox"),
    },
    MenuEntry {
        name: "broker.crash.kept",
        plain: words!("the broker's process dies; its log stays on disk"),
        place: "leader",
        duration: 3_000,
        short: words!("broker crash"),
    },
    MenuEntry {
        name: "broker.crash.unflushed_lost",
        plain: words!("the broker's machine loses power: what was not flushed is gone"),
        place: "leader",
        duration: 3_000,
        short: words!("broker power loss"),
    },
    MenuEntry {
        name: "broker.crash.lost",
        plain: words!("the broker's machine and its disk are gone; it comes back empty"),
        place: "leader",
        duration: 3_000,
        short: words!("broker and disk lost"),
    },
    MenuEntry {
        name: "driver.crash",
        plain: words!("the driver's process dies"),
        place: "driver",
        duration: 1_500,
        short: words!("driver crash"),
    },
    MenuEntry {
        name: "driver.crash.C0",
        plain: words!(
            "the driver dies when the batch is planned and the table has not heard of it"
        ),
        place: "driver",
        duration: 1_500,
        short: words!("driver crash C0"),
    },
    MenuEntry {
        name: "driver.crash.C1",
        plain: words!("the driver dies after the instant is requested"),
        place: "driver",
        duration: 1_500,
        short: words!("driver crash C1"),
    },
    MenuEntry {
        name: "driver.crash.C2",
        plain: words!("the driver dies after the instant is inflight"),
        place: "driver",
        duration: 1_500,
        short: words!("driver crash C2"),
    },
    MenuEntry {
        name: "driver.crash.C3",
        plain: words!("the driver dies after the first data file"),
        place: "driver",
        duration: 1_500,
        short: words!("driver crash C3"),
    },
    MenuEntry {
        name: "driver.crash.C4",
        plain: words!("the driver dies after all data files, before the commit"),
        place: "driver",
        duration: 1_500,
        short: words!("driver crash C4"),
    },
    MenuEntry {
        name: "driver.crash.C5",
        plain: words!("the driver dies between the table's commit and Spark's commit log"),
        place: "driver",
        duration: 1_500,
        short: words!("driver crash C5"),
    },
    MenuEntry {
        name: "driver.crash.C6",
        plain: words!("the driver dies after Spark's commit log"),
        place: "driver",
        duration: 1_500,
        short: words!("driver crash C6"),
    },
    MenuEntry {
        name: "consumer.crash",
        plain: words!("the consumer's process dies"),
        place: "c1",
        duration: 1_000,
        short: words!("consumer crash"),
    },
    MenuEntry {
        name: "consumer.crash.before_work",
        plain: words!(
            "the consumer dies with the records of a poll in hand, before the work on them"
        ),
        place: "c1",
        duration: 1_000,
        short: words!("crash before work"),
    },
    MenuEntry {
        name: "consumer.crash.after_work",
        plain: words!(
            "the consumer dies when the work on a record is done and its offset is not committed"
        ),
        place: "c1",
        duration: 1_000,
        short: words!("crash after work"),
    },
    MenuEntry {
        name: "consumer.crash.after_commit",
        plain: words!("the consumer dies in the moment its offsets are committed"),
        place: "c1",
        duration: 1_000,
        short: words!("crash after commit"),
    },
    MenuEntry {
        name: "consumer.close",
        plain: words!(
            "an error ends the consumer's loop with the records of a poll in hand; close() runs, then the process starts again"
        ),
        place: "c1",
        duration: 1_000,
        short: words!("error, then close()"),
    },
    MenuEntry {
        name: "consumer.pause",
        plain: words!(
            "the consumer's process stands still, then goes on as if nothing had happened"
        ),
        place: "c1",
        duration: 10_000,
        short: words!("consumer pause"),
    },
    MenuEntry {
        name: "txn.abort",
        plain: words!(
            "the application decides to abort the transaction in hand, and does it all again"
        ),
        place: "p1",
        duration: 0,
        short: words!("transaction aborted"),
    },
    MenuEntry {
        name: "coordinator.crash",
        plain: words!("the broker that coordinates the group dies; its log stays on disk"),
        place: "coordinator",
        duration: 3_000,
        short: words!("coordinator crash"),
    },
    MenuEntry {
        name: "task.crash",
        plain: words!("user code throws an exception: the task fails, and the job with it"),
        place: "tm1",
        duration: 0,
        short: words!("task failure"),
    },
    MenuEntry {
        name: "task.crash.before_barrier",
        plain: words!("the task fails when a checkpoint is triggered and no barrier has left"),
        place: "tm1",
        duration: 0,
        short: words!("failure before barrier"),
    },
    MenuEntry {
        name: "task.crash.mid_checkpoint",
        plain: words!("the task fails when its state is copied and the checkpoint is not complete"),
        place: "tm1",
        duration: 0,
        short: words!("failure mid checkpoint"),
    },
    MenuEntry {
        name: "task.crash.before_commit",
        plain: words!("the task fails when the checkpoint is complete and nothing is committed"),
        place: "tm1",
        duration: 0,
        short: words!("failure before commit"),
    },
    MenuEntry {
        name: "task.crash.after_commit",
        plain: words!("the task fails when the sink's transaction is committed"),
        place: "tm1",
        duration: 0,
        short: words!("failure after commit"),
    },
    MenuEntry {
        name: "taskmanager.crash",
        plain: words!("a task manager's process dies with its tasks and what they have sent"),
        place: "tm1",
        duration: 1_000,
        short: words!("task manager crash"),
    },
    MenuEntry {
        name: "taskmanager.pause",
        plain: words!(
            "a task manager's process stands still, then goes on as if nothing had happened"
        ),
        place: "tm1",
        duration: 10_000,
        short: words!("task manager paused"),
    },
    MenuEntry {
        name: "jobmanager.crash",
        plain: words!("the job manager's process dies"),
        place: "jm",
        duration: 2_000,
        short: words!("job manager crash"),
    },
    MenuEntry {
        name: "jobmanager.crash.before_notify",
        plain: words!(
            "the job manager dies when a checkpoint is complete and no task has heard of it"
        ),
        place: "jm",
        duration: 2_000,
        short: words!("crash before notify"),
    },
    MenuEntry {
        name: "executor.kill",
        plain: words!("an executor's process dies with the tasks it runs"),
        place: "exec1",
        duration: 1_000,
        short: words!("executor crash"),
    },
    MenuEntry {
        name: "source.idle",
        plain: words!(
            "nothing happens on a partition for a while: its orders are made when that is over, and their event times say so"
        ),
        place: "p1",
        duration: 4_000,
        short: words!("partition idle"),
    },
    MenuEntry {
        name: "source.delay",
        plain: words!(
            "what happens is handed over only when this is over, with the event times that it has: a backlog of late orders"
        ),
        place: "p1",
        duration: 4_000,
        short: words!("source delayed"),
    },
    MenuEntry {
        name: "source.replay",
        plain: words!(
            "the source sends earlier events once more, as they were: old versions come after newer ones"
        ),
        place: "p1",
        duration: 0,
        short: words!("source replays"),
    },
    MenuEntry {
        name: "checkpoint.delete",
        plain: words!(
            "somebody stops the query, deletes its whole checkpoint and starts it again: a new query"
        ),
        place: "driver",
        duration: 2_000,
        short: words!("checkpoint deleted"),
    },
    MenuEntry {
        name: "checkpoint.delete.commits_last",
        plain: words!(
            "somebody stops the query, deletes the newest entry of its commit log and starts it again: that batch runs again"
        ),
        place: "driver",
        duration: 2_000,
        short: words!("newest commit deleted"),
    },
    MenuEntry {
        name: "checkpoint.delete.commits_all",
        plain: words!(
            "somebody stops the query, deletes its commit log and starts it again: only the newest planned batch runs again"
        ),
        place: "driver",
        duration: 2_000,
        short: words!("commit log deleted"),
    },
    MenuEntry {
        name: "checkpoint.delete.offsets_last",
        plain: words!(
            "somebody stops the query, deletes the newest entry of its offset log and starts it again: the batch before runs again, then the query fails"
        ),
        place: "driver",
        duration: 2_000,
        short: words!("newest offsets deleted"),
    },
    MenuEntry {
        name: "checkpoint.delete.offsets_all",
        plain: words!(
            "somebody stops the query, deletes its offset log and starts it again: it does not start"
        ),
        place: "driver",
        duration: 2_000,
        short: words!("offset log deleted"),
    },
    MenuEntry {
        name: "checkpoint.delete.last",
        plain: words!(
            "somebody stops the query, deletes the newest entries of both logs and starts it again: the batch is planned anew under the same id"
        ),
        place: "driver",
        duration: 2_000,
        short: words!("newest batch forgotten"),
    },
    MenuEntry {
        name: "checkpoint.delete.state",
        plain: words!(
            "somebody stops the query, deletes its operators' state and starts it again: a stateful query does not run"
        ),
        place: "driver",
        duration: 2_000,
        short: words!("state deleted"),
    },
    MenuEntry {
        name: "checkpoint.delete.metadata",
        plain: words!(
            "somebody stops the query, deletes the file metadata of its checkpoint and starts it again: it does not start"
        ),
        place: "driver",
        duration: 2_000,
        short: words!("metadata deleted"),
    },
    MenuEntry {
        name: "sink.error",
        plain: words!(
            "the store refuses what the sink wants to write, so an attempt to write the batch fails"
        ),
        place: "driver",
        duration: 0,
        short: words!("write refused"),
    },
    MenuEntry {
        name: "sink.post_commit_error",
        plain: words!(
            "C5r: an error right after the table's commit, inside the same attempt: the data is there and the attempt counts as failed"
        ),
        place: "driver",
        duration: 0,
        short: words!("error after the commit"),
    },
    MenuEntry {
        name: "rollback.crash",
        plain: words!("CR: the driver dies while it rolls a failed write back"),
        place: "driver",
        duration: 1_500,
        short: words!("crash in the rollback"),
    },
    MenuEntry {
        name: "compaction.crash",
        plain: words!("the compaction dies after its first base file; the plan stays"),
        place: "compactor",
        duration: 3_000,
        short: words!("compaction crash"),
    },
];

/// A fault lowered to a trigger and an action.
#[derive(Clone, Debug)]
pub struct Fault {
    pub when: Trigger,
    pub what: Action,
}

#[derive(Clone, Debug)]
pub enum Trigger {
    At(Time),
    /// Before the nth step of the host.
    Step {
        host: HostId,
        nth: u32,
    },
    /// After the nth matching fact.
    After {
        matching: Matching,
        nth: u32,
    },
    /// At each matching fact, with a chance in parts per million.
    Chance {
        matching: Matching,
        per_million: u32,
    },
    /// Before the nth Produce request that a broker works on.
    Request {
        broker: Option<HostId>,
        nth: u32,
    },
    /// Right after the nth step of the host.
    AfterStep {
        host: HostId,
        nth: u32,
    },
}

/// Which facts count.
#[derive(Clone, Debug)]
pub struct Matching {
    pub kind: FactKind,
    /// Only facts about this segment's table or query.
    pub segment: Option<SegmentId>,
    /// Only facts noted at one of these hosts; empty: anywhere.
    pub hosts: Vec<HostId>,
    pub from: Time,
    pub until: Time,
    /// Only this state of an instant.
    pub state: Option<InstantState>,
}

/// Where an action strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Host(HostId),
    /// The leader that appended last.
    Leader,
    /// The broker that coordinates at that moment.
    Coordinator,
    Link(HostId, HostId),
    /// The link between a host and the broker of the fact that triggered the fault.
    LinkToAny(HostId),
}

#[derive(Clone, Debug)]
pub enum Action {
    Crash {
        place: Place,
        loses: Loses,
        restart_after: Span,
    },
    Reset {
        place: Place,
    },
    /// Nothing gets through on a link, or all links of a host to brokers and controller.
    Split {
        place: Place,
        during: Span,
    },
    /// A link is slower by this on average.
    Delay {
        place: Place,
        by: Span,
        during: Span,
    },
    /// A process stands still and goes on.
    Pause {
        place: Place,
        during: Span,
    },
    /// A broker copies slowly.
    Slow {
        place: Place,
        by: Span,
        during: Span,
    },
    /// A broker treats its next Produce requests in a special way.
    Treat {
        place: Place,
        treatment: Treatment,
        times: u32,
    },
    /// The application's loop ends with an error and its client is closed.
    Close {
        place: Place,
        restart_after: Span,
    },
    /// User code throws an exception.
    Throw {
        place: Place,
    },
    /// The application gives up the transaction in hand.
    /// In order: it goes down a moment later, when what it led is handed on.
    Stop {
        place: Place,
        restart_after: Span,
    },
    GiveUp {
        place: Place,
    },
    /// The application sends these events again, as far as they have happened.
    Replay {
        place: Place,
        first: u32,
        last: u32,
    },
    /// The source keeps back what happens on a partition, or on all.
    Withhold {
        place: Place,
        partition: Option<PartitionId>,
        during: Span,
        happens: Happens,
    },
    /// Somebody stops the query, deletes a part of its checkpoint and starts it again.
    Damage {
        place: Place,
        what: &'static str,
        restart_after: Span,
    },
    /// The store refuses writes of a sink.
    Refuse {
        place: Place,
        times: u32,
        after_commit: bool,
    },
}

/// When an order happens that the source keeps back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happens {
    /// When it would have: its event time is that of then.
    Then,
    /// When it is handed over: until then nothing has happened.
    Later,
}

impl FaultSpec {
    /// Whether it is a fault of a table's writer or service beyond a crash of the driver, or one that shows in tables.
    pub fn strikes_a_table(&self) -> bool {
        ["sink.", "rollback.", "compaction.", "source."]
            .iter()
            .any(|kind| self.name.starts_with(kind))
    }

    pub fn menu(&self) -> Option<&'static MenuEntry> {
        MENU.iter().find(|entry| entry.name == self.name)
    }

    /// The fault behind the name, or what is wrong with it.
    pub fn lower(&self, id: &str, cast: &Cast) -> Result<Fault, ScenarioError> {
        let refuse =
            |field: &str, why: String| Err(ScenarioError::new(format!("faults.{id}.{field}"), why));
        let Some(entry) = self.menu() else {
            // The page has checked the scenario before the worker sees it.
            if cfg!(feature = "mute") {
                return refuse("do", String::new());
            }
            let hint = suggest::did_you_mean(&self.name, MENU.iter().map(|entry| entry.name));
            let known = MENU
                .iter()
                .map(|entry| entry.name)
                .collect::<Vec<_>>()
                .join(", ");
            return refuse(
                "do",
                format!("no fault named \"{}\"{hint} Accepted: {known}", self.name),
            );
        };
        for (field, ms) in [
            ("at", self.at),
            ("until", self.until),
            ("for", self.duration),
            ("by", self.by),
        ] {
            if let Some(ms) = ms.filter(|&ms| ms > LONGEST_MS) {
                return refuse(
                    field,
                    format!("{ms} is out of range; 0 to {LONGEST_MS} ms is accepted"),
                );
            }
        }
        let ways = [
            self.step.is_some(),
            self.after.is_some(),
            self.chance.is_some(),
            self.request.is_some(),
            self.after_step.is_some(),
        ];
        if ways.iter().filter(|&&way| way).count() > 1 {
            return refuse(
                "after",
                "only one of step, after, after_step, request and chance may be given".into(),
            );
        }
        if self.at.is_none() && !ways.contains(&true) {
            return refuse(
                "at",
                "says not when: one of at, step, after, after_step, request or chance is needed"
                    .into(),
            );
        }
        for (field, given, fitting) in [
            ("by", self.by.is_some(), &["net.delay", "broker.slow"][..]),
            ("events", self.events.is_some(), &["source.replay"]),
            (
                "partition",
                self.partition.is_some(),
                &["source.idle", "source.delay"],
            ),
            (
                "error",
                self.error.is_some(),
                &["broker.reject", "broker.reject_stored"],
            ),
            (
                "times",
                self.times.is_some(),
                &[
                    "broker.reject",
                    "broker.reject_stored",
                    "broker.stall",
                    "broker.hold",
                    "sink.error",
                    "sink.post_commit_error",
                ][..],
            ),
        ] {
            if given && !fitting.contains(&entry.name) {
                return refuse(
                    field,
                    format!(
                        "does not fit {}; it belongs to {}",
                        entry.name,
                        fitting.join(", ")
                    ),
                );
            }
        }
        let text = self.place.as_deref().unwrap_or(entry.place);
        let Some(place) = parse_place(text, cast) else {
            if cfg!(feature = "mute") {
                return refuse("where", String::new());
            }
            return refuse(
                "where",
                format!(
                    "\"{text}\" is no host or link of this run; accepted are {}, leader, and links such as p1>b2 or p1>*",
                    cast.hosts.join(", ")
                ),
            );
        };
        let on_link = matches!(place, Place::Link(..) | Place::LinkToAny(_));
        if entry.name.starts_with("net.") != on_link {
            let wanted = if on_link {
                "a host"
            } else {
                "a link such as p1>b2"
            };
            return refuse(
                "where",
                format!(
                    "\"{text}\" does not fit {}; {wanted} is expected",
                    entry.name
                ),
            );
        }
        if !fits(entry.name, place, cast) {
            return refuse(
                "where",
                format!(
                    "\"{text}\" does not fit {}; it strikes hosts like {}",
                    entry.name, entry.place
                ),
            );
        }
        let when = self.trigger(id, place, cast)?;
        let restart_after = Span::from_ms(self.duration.unwrap_or(entry.duration));
        let crash = |loses| Action::Crash {
            place,
            loses,
            restart_after,
        };
        let during = restart_after;
        let by = |usual| Span::from_ms(self.by.unwrap_or(usual));
        let treat = |treatment| Action::Treat {
            place,
            treatment,
            times: self.times.unwrap_or(1),
        };
        let what = match entry.name {
            "net.split" => Action::Split { place, during },
            "net.delay" => Action::Delay {
                place,
                by: by(200),
                during,
            },
            "producer.pause" | "broker.pause" | "consumer.pause" | "taskmanager.pause" => {
                Action::Pause { place, during }
            }
            "broker.slow" => Action::Slow {
                place,
                by: by(1_000),
                during,
            },
            "broker.reject" | "broker.reject_stored" => {
                let stored = entry.name == "broker.reject_stored";
                let usual = if stored {
                    ErrorCode::NotEnoughReplicasAfterAppend
                } else {
                    ErrorCode::NotEnoughReplicas
                };
                let error = match self.error.as_deref() {
                    None => usual,
                    Some(name) => match ErrorCode::of_produce(name) {
                        Some(error) => error,
                        None => {
                            let known = ErrorCode::OF_PRODUCE.map(ErrorCode::name);
                            return refuse(
                                "error",
                                format!(
                                    "a broker answers no \"{name}\" to a Produce request; accepted are {}",
                                    known.join(", ")
                                ),
                            );
                        }
                    },
                };
                treat(if stored {
                    Treatment::RejectStored(error)
                } else {
                    Treatment::Reject(error)
                })
            }
            "broker.stop" => Action::Stop {
                place,
                restart_after,
            },
            "broker.stall" => treat(Treatment::Stall(during)),
            "broker.hold" => treat(Treatment::Hold(during)),
            // The broker itself hangs up after its nth append.
            "net.drop_ack" if self.request.is_some() => treat(Treatment::HangUp),
            "net.drop_ack" | "net.drop_request" | "net.reset" => Action::Reset { place },
            name if name.starts_with("task.crash") => Action::Throw { place },
            "txn.abort" => Action::GiveUp { place },
            "source.idle" => Action::Withhold {
                place,
                partition: Some(PartitionId(self.partition.unwrap_or(0))),
                during,
                happens: Happens::Later,
            },
            "source.delay" => Action::Withhold {
                place,
                partition: self.partition.map(PartitionId),
                during,
                happens: Happens::Then,
            },
            "source.replay" => match self.events.unwrap_or([1, 10]) {
                [first, last] if (1..=last).contains(&first) => {
                    Action::Replay { place, first, last }
                }
                [first, last] => {
                    return refuse(
                        "events",
                        format!(
                            "{first} to {last} is no range; the first and the last event are expected, such as [3, 9]"
                        ),
                    );
                }
            },
            "sink.error" | "sink.post_commit_error" => Action::Refuse {
                place,
                times: self.times.unwrap_or(1).max(1),
                after_commit: entry.name == "sink.post_commit_error",
            },
            name if damaged(name).is_some() => Action::Damage {
                place,
                what: damaged(name).unwrap_or_default(),
                restart_after,
            },
            "consumer.close" => Action::Close {
                place,
                restart_after,
            },
            "producer.crash.forget" | "broker.crash.lost" => crash(Loses::Disk),
            "broker.crash.unflushed_lost" => crash(Loses::Unflushed),
            _ => crash(Loses::Memory),
        };
        Ok(Fault { when, what })
    }

    fn trigger(&self, id: &str, place: Place, cast: &Cast) -> Result<Trigger, ScenarioError> {
        let refuse =
            |field: &str, why: String| Err(ScenarioError::new(format!("faults.{id}.{field}"), why));
        let from = Time::from_ms(self.at.unwrap_or(0));
        let until = self
            .until
            .map_or(Time::from_micros(u64::MAX), Time::from_ms);
        if until < from {
            return refuse("until", format!("{} ms lies before at", until.ms()));
        }
        // A link counts what happens at its ends; anything else counts what happens anywhere.
        let hosts = match place {
            Place::Link(a, b) => vec![a, b],
            Place::Host(host) if self.name.starts_with("consumer.") && self.after.is_none() => {
                vec![host]
            }
            _ => Vec::new(),
        };
        let matching = |kind, segment| Matching {
            kind,
            segment,
            hosts: hosts.clone(),
            from,
            until,
            state: None,
        };
        if let Some(nth) = self.request {
            if nth == 0 {
                return refuse("request", "requests are counted from 1".into());
            }
            let broker = match place {
                Place::Host(host) if self.name.starts_with("broker.") => Some(host),
                Place::Link(_, host) => Some(host),
                Place::Host(_) | Place::Leader | Place::Coordinator | Place::LinkToAny(_) => None,
            };
            return Ok(Trigger::Request { broker, nth });
        }
        if let Some(nth) = self.step {
            let Place::Host(host) = place else {
                return refuse(
                    "step",
                    "counts the steps of one host; where must name it".into(),
                );
            };
            if nth == 0 {
                return refuse("step", "steps are counted from 1".into());
            }
            return Ok(Trigger::Step { host, nth });
        }
        if let Some(after) = &self.after_step {
            let step = after.iter().next().filter(|_| after.len() == 1);
            let found = step.and_then(|(name, &nth)| Some((cast.find(name)?, nth)));
            let Some((host, nth)) = found.filter(|(_, nth)| *nth > 0) else {
                let hosts = cast.hosts.join(", ");
                let why = format!(
                    "expects one host and the number of its step, counted from 1, such as {{\"p1\": 3}}; hosts are {hosts}"
                );
                return refuse("after_step", why);
            };
            return Ok(Trigger::AfterStep { host, nth });
        }
        if let Some(after) = &self.after {
            let Some((name, &nth)) = after.iter().next().filter(|_| after.len() == 1) else {
                return refuse(
                    "after",
                    "expects one fact and its number, such as {\"batch_appended\": 3}".into(),
                );
            };
            let Some(kind) = FactKind::from_name(name) else {
                let hint =
                    suggest::did_you_mean(name, FactKind::ALL.iter().map(|kind| kind.name()));
                return refuse("after", format!("no fact named \"{name}\"{hint}"));
            };
            if nth == 0 {
                return refuse("after", "facts are counted from 1".into());
            }
            return Ok(Trigger::After {
                matching: matching(kind, None),
                nth,
            });
        }
        let natural = self.natural_moment(place, cast);
        if let Some(per_million) = self.chance {
            if per_million > 1_000_000 {
                return refuse(
                    "chance",
                    format!(
                        "{per_million} is out of range; 0 to 1000000 (parts per million) is accepted"
                    ),
                );
            }
            let Some((kind, state)) = natural.or(self.usual_moment().map(|kind| (kind, None)))
            else {
                return refuse(
                    "chance",
                    format!(
                        "{} has no moment of its own to draw at; use at or after",
                        self.name
                    ),
                );
            };
            let segment = match place {
                Place::Host(host) => kind
                    .has_segment()
                    .then(|| segment_of(cast.host(host), cast)),
                _ => None,
            };
            return Ok(Trigger::Chance {
                matching: Matching {
                    state,
                    ..matching(kind, segment)
                },
                per_million,
            });
        }
        Ok(match natural {
            // A fault that belongs to a moment waits for the first such moment.
            Some((kind, state)) => {
                let segment = match place {
                    Place::Host(host) => Some(segment_of(cast.host(host), cast)),
                    _ => None,
                };
                Trigger::After {
                    matching: Matching {
                        state,
                        ..matching(kind, segment)
                    },
                    nth: 1,
                }
            }
            None => Trigger::At(from),
        })
    }

    /// The fact at which a fault without a moment of its own is drawn, if only a chance is given.
    fn usual_moment(&self) -> Option<FactKind> {
        match self.name.split('.').next() {
            Some("net" | "producer") => Some(FactKind::BatchSent),
            Some("broker") => Some(FactKind::BatchAppended),
            Some("driver" | "checkpoint" | "sink") => Some(FactKind::OffsetsLogged),
            Some("executor") => Some(FactKind::TaskStarted),
            Some("task" | "taskmanager" | "jobmanager") => Some(FactKind::SourceRead),
            _ => None,
        }
    }

    /// Whether it belongs to a moment of the run, and waits for it.
    pub fn has_moment(&self) -> bool {
        self.natural_moment(Place::Leader, &Cast::default())
            .is_some()
    }

    /// The fact after which this fault strikes by its nature.
    fn natural_moment(
        &self,
        _place: Place,
        _cast: &Cast,
    ) -> Option<(FactKind, Option<InstantState>)> {
        Some(match self.name.as_str() {
            "net.drop_ack" => (FactKind::BatchAppended, None),
            "net.drop_request" => (FactKind::BatchSent, None),
            "consumer.crash.before_work" | "consumer.close" => (FactKind::Polled, None),
            "consumer.crash.after_work" => (FactKind::Worked, None),
            "consumer.crash.after_commit" => (FactKind::OffsetsCommitted, None),
            "txn.abort" => (FactKind::TransactionBegan, None),
            "task.crash.before_barrier" => (FactKind::CheckpointTriggered, None),
            "task.crash.mid_checkpoint" => (FactKind::SnapshotTaken, None),
            "task.crash.before_commit" | "jobmanager.crash.before_notify" => {
                (FactKind::CheckpointCompleted, None)
            }
            "task.crash.after_commit" => (FactKind::SinkCommitted, None),
            "driver.crash.C0" => (FactKind::OffsetsLogged, None),
            "driver.crash.C1" => (FactKind::InstantChanged, Some(InstantState::Requested)),
            "driver.crash.C2" => (FactKind::InstantChanged, Some(InstantState::Inflight)),
            "driver.crash.C3" => (FactKind::DataFileWritten, None),
            "driver.crash.C4" => (FactKind::Reconciled, None),
            "driver.crash.C5" | "sink.post_commit_error" => (FactKind::TableCommitted, None),
            "rollback.crash" => (FactKind::RollbackRequested, None),
            "compaction.crash" => (FactKind::SliceCompacted, None),
            "driver.crash.C6" => (FactKind::BatchCommitted, None),
            _ => return None,
        })
    }
}

/// What a fault of this name deletes.
fn damaged(name: &str) -> Option<&'static str> {
    Some(match name.strip_prefix("checkpoint.delete")? {
        "" => "checkpoint",
        ".metadata" => "metadata",
        ".state" => "state",
        ".commits_last" => "commits/last",
        ".commits_all" => "commits/all",
        ".offsets_last" => "offsets/last",
        ".offsets_all" => "offsets/all",
        ".last" => "offsets/last+commits/last",
        _ => return None,
    })
}

fn parse_place(text: &str, cast: &Cast) -> Option<Place> {
    if text == "leader" {
        return Some(Place::Leader);
    }
    if text == "coordinator" {
        let coordinated = cast.find("c1").or(cast.find("reader"));
        return coordinated.map(|_| Place::Coordinator);
    }
    match text.split_once('>') {
        Some((a, "*")) => Some(Place::LinkToAny(cast.find(a)?)),
        Some((a, b)) => Some(Place::Link(cast.find(a)?, cast.find(b)?)),
        None => cast.find(text).map(Place::Host),
    }
}

/// Whether a crash of this name may strike this host.
fn fits(name: &str, place: Place, cast: &Cast) -> bool {
    if let Place::Link(a, b) = place {
        // The store never fails, and neither does the way to it.
        return name.starts_with("net.") && ![a, b].iter().any(|&end| cast.host(end) == "store");
    }
    if place == Place::Coordinator {
        return name.starts_with("coordinator.");
    }
    let Place::Host(host) = place else {
        return name.starts_with("net.") || name.starts_with("broker.");
    };
    let host = cast.host(host);
    let role = host.rsplit('.').next().unwrap_or(host);
    match name.split('.').next() {
        Some("producer" | "txn" | "source") => role.starts_with('p'),
        Some("broker") => role.starts_with('b'),
        Some("driver" | "rollback" | "checkpoint") => role.starts_with("driver"),
        Some("sink") => role.starts_with("driver") || role.starts_with("exec"),
        Some("compaction") => role == "compactor",
        Some("executor") => role.starts_with("exec"),
        Some("consumer") => is_consumer(role),
        Some("task" | "taskmanager") => role.starts_with("tm"),
        Some("jobmanager") => role == "jm",
        _ => false,
    }
}

/// `c1`, `c2`, and not `controller`.
pub fn is_consumer(role: &str) -> bool {
    role.strip_prefix('c')
        .is_some_and(|n| n.parse::<u8>().is_ok())
}

/// The segment that a host belongs to.
pub fn segment_of(host: &str, cast: &Cast) -> SegmentId {
    let branch = host.rsplit_once('.').map_or("", |(branch, _)| branch);
    let index = cast.segments.iter().position(|segment| segment == branch);
    SegmentId(index.unwrap_or(0) as u8)
}

impl Matching {
    /// Whether this fact counts.
    pub fn accepts(&self, event: &TraceEvent) -> bool {
        let in_time = (self.from..=self.until).contains(&event.at);
        let host = event.fact.actor().unwrap_or(event.host);
        let at_place = self.hosts.is_empty() || self.hosts.contains(&host);
        let of_segment = self
            .segment
            .is_none_or(|segment| event.fact.segment() == Some(segment));
        let in_state = match (&event.fact, self.state) {
            (Fact::InstantChanged { state, .. }, Some(wanted)) => *state == wanted,
            _ => true,
        };
        event.fact.kind() == self.kind && in_time && at_place && of_segment && in_state
    }
}

impl Fact {
    /// The segment that the fact is about, if it is about one.
    pub fn segment(&self) -> Option<SegmentId> {
        match self {
            Fact::Restored { segment, .. }
            | Fact::OffsetsLogged { segment, .. }
            | Fact::TaskStarted { segment, .. }
            | Fact::TaskFinished { segment, .. }
            | Fact::QueryFailed { segment, .. }
            | Fact::BatchSkipped { segment, .. }
            | Fact::InstantChanged { segment, .. }
            | Fact::DataFileWritten { segment, .. }
            | Fact::Reconciled { segment, .. }
            | Fact::TableCommitted { segment, .. }
            | Fact::RollbackRequested { segment, .. }
            | Fact::RolledBack { segment, .. }
            | Fact::BecameVisible { segment, .. }
            | Fact::Retracted { segment, .. }
            | Fact::Accumulated { segment, .. }
            | Fact::DroppedLate { segment, .. }
            | Fact::WindowClosed { segment, .. }
            | Fact::StateSaved { segment, .. }
            | Fact::WatermarkAdvanced { segment, .. }
            | Fact::BatchCommitted { segment, .. }
            | Fact::Assigned { segment, .. }
            | Fact::Revoked { segment, .. }
            | Fact::Positioned { segment, .. }
            | Fact::Polled { segment, .. }
            | Fact::Worked { segment, .. }
            | Fact::CommitSent { segment, .. }
            | Fact::OffsetsCommitted { segment, .. }
            | Fact::MemberRemoved { segment, .. }
            | Fact::Fenced { segment, .. }
            | Fact::JobStarted { segment, .. }
            | Fact::RestartScheduled { segment, .. }
            | Fact::TaskFailed { segment, .. }
            | Fact::CheckpointTriggered { segment, .. }
            | Fact::BarrierSent { segment, .. }
            | Fact::BarrierArrived { segment, .. }
            | Fact::Precommitted { segment, .. }
            | Fact::SnapshotTaken { segment, .. }
            | Fact::CheckpointAcknowledged { segment, .. }
            | Fact::CheckpointCompleted { segment, .. }
            | Fact::CheckpointFailed { segment, .. }
            | Fact::SinkCommitted { segment, .. }
            | Fact::CommitRefused { segment, .. }
            | Fact::SourceRead { segment, .. }
            | Fact::WrittenPending { segment, .. }
            | Fact::SourceIdle { segment, .. }
            | Fact::WindowMissed { segment, .. }
            | Fact::SideOutput { segment, .. }
            | Fact::Refired { segment, .. }
            | Fact::Kept { segment, .. }
            | Fact::DuplicatesDropped { segment, .. }
            | Fact::Released { segment, .. }
            | Fact::OperatorProgressed { segment, .. }
            | Fact::StartingOffsetsResolved { segment, .. }
            | Fact::DataMissed { segment, .. }
            | Fact::CheckpointDamaged { segment, .. }
            | Fact::QueryFinished { segment, .. }
            | Fact::MergedAway { segment, .. }
            | Fact::Deferred { segment, .. }
            | Fact::WriteFailed { segment, .. }
            | Fact::BatchIgnored { segment, .. }
            | Fact::CompactionChanged { segment, .. }
            | Fact::SliceCompacted { segment, .. }
            | Fact::Cleaned { segment, .. }
            | Fact::Archived { segment, .. } => Some(*segment),
            _ => None,
        }
    }

    /// Whom it is about, where somebody else noted it.
    fn actor(&self) -> Option<HostId> {
        match self {
            Fact::OffsetsCommitted { member, .. } | Fact::MemberRemoved { member, .. } => {
                Some(*member)
            }
            Fact::Fenced { who, .. } => Some(*who),
            _ => None,
        }
    }

    /// The partition whose replicas or leader the fact is about.
    pub fn partition(&self) -> Option<PartitionId> {
        match self {
            Fact::BatchAppended { batch, .. } => Some(batch.partition),
            Fact::ReplicaAdvanced { partition, .. }
            | Fact::HighWatermarkAdvanced { partition, .. }
            | Fact::IsrChanged { partition, .. }
            | Fact::LeaderElected { partition, .. }
            | Fact::PartitionOffline { partition }
            | Fact::LogStartAdvanced { partition, .. }
            | Fact::MarkerAppended { partition, .. }
            | Fact::LogTruncated { partition, .. } => Some(*partition),
            _ => None,
        }
    }

    /// The batch on the wire or in the log that the fact is about.
    pub fn batch_name(&self) -> Option<BatchName> {
        match self {
            Fact::BatchSent { batch, .. }
            | Fact::BatchAppended { batch, .. }
            | Fact::BatchDeduplicated { batch, .. }
            | Fact::BatchRejected { batch, .. }
            | Fact::Acknowledged { batch, .. }
            | Fact::AttemptFailed { batch, .. }
            | Fact::SendFailed { batch, .. } => Some(*batch),
            _ => None,
        }
    }
}

impl FactKind {
    /// Whether facts of this kind are about a segment.
    fn has_segment(self) -> bool {
        self == FactKind::InstantChanged
            || self == FactKind::DataFileWritten
            || self == FactKind::Reconciled
            || self == FactKind::TableCommitted
            || self == FactKind::BatchCommitted
            || self == FactKind::OffsetsLogged
            || self == FactKind::TaskStarted
            || self == FactKind::CheckpointTriggered
            || self == FactKind::CheckpointCompleted
            || self == FactKind::SnapshotTaken
            || self == FactKind::SinkCommitted
            || self == FactKind::SourceRead
            || self == FactKind::RollbackRequested
            || self == FactKind::SliceCompacted
    }
}

/// The script while it is being played.
#[derive(Clone)]
pub struct Script {
    faults: Vec<Fault>,
    /// Index: fault. Matching facts so far.
    counts: Vec<u32>,
    /// Index: fault. Whether it has struck and will not again.
    done: Vec<bool>,
    /// How often each batch met a chance, so that a repeat is drawn anew.
    drawn: OrdMap<(u16, BatchName), u32>,
    /// Index: host. Steps begun.
    steps: Vec<u32>,
    /// Index: host. Whether any fault waits for one of its steps.
    awaited: Vec<bool>,
}

impl Script {
    pub fn new(faults: Vec<Fault>, hosts: usize) -> Self {
        let n = faults.len();
        let mut script = Script {
            faults,
            counts: vec![0; n],
            done: vec![false; n],
            drawn: OrdMap::new(),
            steps: vec![0; hosts],
            awaited: vec![false; hosts],
        };
        script.await_steps();
        script
    }

    fn await_steps(&mut self) {
        self.awaited.fill(false);
        for fault in &self.faults {
            if let Trigger::Step { host, .. } | Trigger::AfterStep { host, .. } = fault.when {
                self.awaited[usize::from(host.0)] = true;
            }
        }
    }

    pub fn fault(&self, id: FaultId) -> &Fault {
        &self.faults[usize::from(id.0)]
    }

    /// Puts a fault in the place of one that has not struck; `counted`: facts so far that it waits for.
    pub fn replace(&mut self, id: FaultId, fault: Fault, counted: u32) {
        self.faults[usize::from(id.0)] = fault;
        self.counts[usize::from(id.0)] = counted;
        self.await_steps();
    }

    /// Steps that this host has begun.
    pub fn steps_of(&self, host: HostId) -> u32 {
        self.steps[usize::from(host.0)]
    }

    /// Faults that strike at a time.
    pub fn timed(&self) -> Vec<(Time, FaultId)> {
        let at = |(index, fault): (usize, &Fault)| match fault.when {
            Trigger::At(time) => Some((time, FaultId(index as u16))),
            _ => None,
        };
        self.faults.iter().enumerate().filter_map(at).collect()
    }

    /// Faults that strike before the step that this host is about to take.
    pub fn before_step(&mut self, host: HostId) -> Vec<FaultId> {
        let place = usize::from(host.0);
        self.steps[place] += 1;
        let step = self.steps[place];
        if !self.awaited[place] {
            return Vec::new();
        }
        let strikes = |fault: &Fault| matches!(fault.when, Trigger::Step { host: at, nth } if at == host && nth == step);
        (0..self.faults.len())
            .filter(|&index| strikes(&self.faults[index]))
            .map(|index| FaultId(index as u16))
            .collect()
    }

    /// Faults that strike right after the step that this host has taken.
    pub fn after_step(&self, host: HostId) -> Vec<FaultId> {
        if !self.awaited[usize::from(host.0)] {
            return Vec::new();
        }
        let step = self.steps_of(host);
        let strikes = |fault: &Fault| matches!(fault.when, Trigger::AfterStep { host: at, nth } if at == host && nth == step);
        (0..self.faults.len())
            .filter(|&index| strikes(&self.faults[index]))
            .map(|index| FaultId(index as u16))
            .collect()
    }

    /// Faults that strike before the Produce request that this broker is about to work on.
    pub fn before_request(&mut self, host: HostId) -> Vec<FaultId> {
        let mut struck = Vec::new();
        for (index, fault) in self.faults.iter().enumerate() {
            if let Trigger::Request { broker, nth } = fault.when
                && broker.is_none_or(|broker| broker == host)
            {
                self.counts[index] += 1;
                if self.counts[index] == nth {
                    struck.push(FaultId(index as u16));
                }
            }
        }
        struck
    }

    /// Faults that strike because of this fact.
    pub fn after_fact(&mut self, seed: u64, event: &TraceEvent) -> Vec<FaultId> {
        let mut struck = Vec::new();
        for index in 0..self.faults.len() {
            let id = FaultId(index as u16);
            match &self.faults[index].when {
                Trigger::After { matching, nth }
                    if !self.done[index] && matching.accepts(event) =>
                {
                    self.counts[index] += 1;
                    if self.counts[index] == *nth {
                        self.done[index] = true;
                        struck.push(id);
                    }
                }
                Trigger::Chance {
                    matching,
                    per_million,
                } if matching.accepts(event) => {
                    let index = if let Some(batch) = event.fact.batch_name() {
                        let times = self.drawn.entry((id.0, batch)).or_insert(0);
                        *times += 1;
                        mix(u64::from(batch.session) << 32 | u64::from(batch.ordinal))
                            ^ mix(u64::from(*times) << 16 | u64::from(batch.partition.0))
                    } else {
                        // Facts without a name of their own are counted.
                        self.counts[index] += 1;
                        mix(u64::from(self.counts[index]))
                    };
                    if Draw::new(seed, 1 << 32 | u64::from(id.0), "chance", index)
                        .chance(*per_million)
                    {
                        struck.push(id);
                    }
                }
                _ => {}
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;

    fn error(fault: &str) -> String {
        Scenario::parse(&format!(r#"{{"faults": {{"f": {fault}}}}}"#))
            .expect_err("should be refused")
            .to_string()
    }

    #[test]
    fn what_does_not_fit_a_fault_is_refused_with_what_does() {
        for (fault, expected) in [
            (
                r#"{"do": "broker.reject", "request": 1, "error": "NOPE"}"#,
                "faults.f.error: a broker answers no \"NOPE\" to a Produce request; accepted are NOT_LEADER_OR_FOLLOWER",
            ),
            (
                r#"{"do": "net.split", "at": 1, "by": 5}"#,
                "faults.f.by: does not fit net.split; it belongs to net.delay, broker.slow",
            ),
            (
                r#"{"do": "broker.pause", "at": 1, "times": 2}"#,
                "faults.f.times: does not fit broker.pause",
            ),
            (
                r#"{"do": "broker.stall", "request": 0}"#,
                "faults.f.request: requests are counted from 1",
            ),
            (
                r#"{"do": "broker.pause", "where": "p1", "at": 1}"#,
                "faults.f.where: \"p1\" does not fit broker.pause",
            ),
            (
                r#"{"do": "net.split", "request": 1, "step": 1}"#,
                "faults.f.after: only one of step, after, after_step, request and chance may be given",
            ),
        ] {
            let error = error(fault);
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
