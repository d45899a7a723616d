//! Settings as learners see them: the real key, what it does in plain words, what goes wrong if it is wrong.
//!
//! Defaults are not written here: they are those of `Scenario::default`, which are those of the real systems.

use super::engines::EngineKind;
use super::engines::consumer::Commit;
use super::json;
use super::scenario::{Patch, Scenario};
use super::sinks::SinkKind;
use serde_json::{Value, json};

/// How a setting is chosen.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One of these values, each with its label. A value is JSON.
    Choice(&'static [(&'static str, &'static str)]),
    /// A whole number; the unit is for the eye.
    Whole {
        least: u64,
        most: u64,
        unit: &'static str,
    },
}

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// The real key, or the name of ours for what is a method call.
    pub key: &'static str,
    /// Where it stands in a scenario.
    pub path: &'static [&'static str],
    pub group: &'static str,
    pub kind: Kind,
    /// Since when the default is what it is, or what it depends on.
    pub since: &'static str,
    /// What it does.
    pub plain: &'static str,
    /// What goes wrong if it is wrong.
    pub risk: &'static str,
    /// The upstream page that describes it.
    pub docs: &'static str,
    /// Shown first; the others stand behind "all".
    pub teaching: bool,
}

const KAFKA_PRODUCER: &str = "https://kafka.apache.org/documentation/#producerconfigs";
const KAFKA_TOPIC: &str = "https://kafka.apache.org/documentation/#topicconfigs";
const KAFKA_BROKER: &str = "https://kafka.apache.org/documentation/#brokerconfigs";
const KAFKA_CONSUMER: &str = "https://kafka.apache.org/documentation/#consumerconfigs";
const SPARK: &str = "https://spark.apache.org/docs/latest/streaming/index.html";
const FLINK: &str = "https://nightlies.apache.org/flink/flink-docs-stable/docs/deployment/config/";
const HUDI: &str = "https://hudi.apache.org/docs/configurations";

const TRUE_FALSE: &[(&str, &str)] = &[("true", "true"), ("false", "false"), ("null", "not set")];

const ON_OFF: &[(&str, &str)] = &[("true", "true"), ("false", "false")];

/// Every setting with a control, in the order of the pipeline.
pub const CONTROLS: &[Control] = &[
    Control {
        key: "acks",
        path: &["producer", "acks"],
        group: "Producer",
        kind: Kind::Choice(&[("\"all\"", "all"), ("\"1\"", "1"), ("\"0\"", "0")]),
        since: "since 3.0",
        plain: "How many replicas must have a batch before it counts as sent.",
        risk: "Below all, a failover loses what was acknowledged.",
        docs: KAFKA_PRODUCER,
        teaching: true,
    },
    Control {
        key: "producer.client",
        path: &["producer", "producer.client"],
        group: "Producer",
        kind: Kind::Choice(&[
            ("\"java\"", "Java"),
            ("\"librdkafka\"", "librdkafka (C, Python, Go, .NET)"),
        ]),
        since: "the library that sends",
        plain: "Which client library the application uses: defaults and repeats differ.",
        risk: "librdkafka has idempotence off by default.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "app.on.error",
        path: &["producer", "app.on.error"],
        group: "Producer",
        kind: Kind::Choice(&[
            ("\"write_off\"", "write it off"),
            ("\"send_again\"", "call send() again"),
            ("\"ignore\"", "look at no report"),
        ]),
        since: "what the application's callback does",
        plain: "Whether the application repeats a send that was reported as failed.",
        risk: "send() again may double; who ignores reports loses in silence.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "app.instances",
        path: &["producer", "app.instances"],
        group: "Producer",
        kind: Kind::Whole {
            least: 1,
            most: 4,
            unit: "",
        },
        since: "how many processes the application runs as",
        plain: "How many instances of the producing application share the orders.",
        risk: "With one transactional.id they fence each other in turn.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "enable.idempotence",
        path: &["producer", "enable.idempotence"],
        group: "Producer",
        kind: Kind::Choice(TRUE_FALSE),
        since: "since 3.0, unless acks or retries rule it out",
        plain: "The broker throws away repeats of the same send.",
        risk: "Off, every lost acknowledgement stores a batch twice.",
        docs: KAFKA_PRODUCER,
        teaching: true,
    },
    Control {
        key: "retries",
        path: &["producer", "retries"],
        group: "Producer",
        kind: Kind::Whole {
            least: 0,
            most: 2_147_483_647,
            unit: "",
        },
        since: "since 2.1",
        plain: "How often a failed send is repeated, within delivery.timeout.ms.",
        risk: "At 0, every broken connection is an error.",
        docs: KAFKA_PRODUCER,
        teaching: true,
    },
    Control {
        key: "max.in.flight.requests.per.connection",
        path: &["producer", "max.in.flight.requests.per.connection"],
        group: "Producer",
        kind: Kind::Whole {
            least: 1,
            most: 1_000,
            unit: "",
        },
        since: "since 0.9; at most 5 with idempotence",
        plain: "How many requests may be unanswered on one connection.",
        risk: "Above 1 without idempotence, a repeat lands behind later batches.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "linger.ms",
        path: &["producer", "linger.ms"],
        group: "Producer",
        kind: Kind::Whole {
            least: 0,
            most: 10_000,
            unit: "ms",
        },
        since: "since 4.0; 0 before",
        plain: "How long a batch waits for more records.",
        risk: "Long, every record is late by that much.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "batch.size",
        path: &["producer", "batch.size"],
        group: "Producer",
        kind: Kind::Whole {
            least: 1,
            most: 1_048_576,
            unit: "bytes",
        },
        since: "since 0.9",
        plain: "The most bytes that one batch of a partition holds.",
        risk: "A lost or doubled batch is this large.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "delivery.timeout.ms",
        path: &["producer", "delivery.timeout.ms"],
        group: "Producer",
        kind: Kind::Whole {
            least: 1,
            most: 3_600_000,
            unit: "ms",
        },
        since: "since 2.1",
        plain: "When a send is given up, with all its attempts.",
        risk: "Shorter than an outage, records are refused.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "request.timeout.ms",
        path: &["producer", "request.timeout.ms"],
        group: "Producer",
        kind: Kind::Whole {
            least: 1,
            most: 600_000,
            unit: "ms",
        },
        since: "since 0.9",
        plain: "How long one request may stay unanswered.",
        risk: "Too short, answers on their way count as lost.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "buffer.memory",
        path: &["producer", "buffer.memory"],
        group: "Producer",
        kind: Kind::Whole {
            least: 16_384,
            most: 1_073_741_824,
            unit: "bytes",
        },
        since: "since 0.9",
        plain: "How much may wait in the producer; then send() blocks.",
        risk: "Small, an outage stops the application, then fails its sends.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "max.request.size",
        path: &["producer", "max.request.size"],
        group: "Producer",
        kind: Kind::Whole {
            least: 120,
            most: 1_073_741_824,
            unit: "bytes",
        },
        since: "since 0.9",
        plain: "The most bytes that one request carries.",
        risk: "Small, partitions take turns and wait for each other.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "max.block.ms",
        path: &["producer", "max.block.ms"],
        group: "Producer",
        kind: Kind::Whole {
            least: 0,
            most: 3_600_000,
            unit: "ms",
        },
        since: "since 0.9",
        plain: "How long send() may block when the buffer is full.",
        risk: "Short, records are refused before they are even queued.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "app.record.key",
        path: &["producer", "app.record.key"],
        group: "Producer",
        kind: Kind::Choice(&[("\"customer\"", "the customer"), ("\"none\"", "no key")]),
        since: "the key of the ProducerRecord",
        plain: "What decides the partition: a key, or the client's own choice.",
        risk: "Without a key, one customer's orders lose their order.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "retry.backoff.ms",
        path: &["producer", "retry.backoff.ms"],
        group: "Producer",
        kind: Kind::Whole {
            least: 1,
            most: 60_000,
            unit: "ms",
        },
        since: "since 0.9; exponential since 3.7",
        plain: "The pause before a send is repeated.",
        risk: "Long, an outage is felt after it has ended.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "transactional.id",
        path: &["producer", "transactional.id"],
        group: "Transactions",
        kind: Kind::Choice(&[("null", "not set"), ("\"till\"", "till")]),
        since: "since 0.11",
        plain: "The application writes in transactions under this id.",
        risk: "Two living writers with one id fence each other.",
        docs: KAFKA_PRODUCER,
        teaching: true,
    },
    Control {
        key: "transactional.id.suffix",
        path: &["producer", "transactional.id.suffix"],
        group: "Transactions",
        kind: Kind::Choice(&[
            ("\"none\"", "none"),
            ("\"random\"", "random"),
            ("\"instance\"", "instance"),
        ]),
        since: "a choice of the application",
        plain: "What is added to the id: each start's own, or each instance's.",
        risk: "Random: nobody ends what a dead writer left open.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "transaction.records",
        path: &["producer", "transaction.records"],
        group: "Transactions",
        kind: Kind::Whole {
            least: 1,
            most: 10000,
            unit: "",
        },
        since: "a choice of the application",
        plain: "After how many records the application commits.",
        risk: "Many: careful readers wait for all of them.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "transaction.ms",
        path: &["producer", "transaction.ms"],
        group: "Transactions",
        kind: Kind::Whole {
            least: 1,
            most: 600000,
            unit: "ms",
        },
        since: "a choice of the application",
        plain: "How long a transaction waits for more records.",
        risk: "Long, careful readers wait that long.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "transaction.on.abort",
        path: &["producer", "transaction.on.abort"],
        group: "Transactions",
        kind: Kind::Choice(&[("\"repeat\"", "repeat"), ("\"drop\"", "drop")]),
        since: "a choice of the application",
        plain: "What the application does with the records of an aborted transaction.",
        risk: "They do not come back by themselves: dropped is gone.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "transaction.on.fenced",
        path: &["producer", "transaction.on.fenced"],
        group: "Transactions",
        kind: Kind::Choice(&[("\"restart\"", "start anew"), ("\"stop\"", "stop")]),
        since: "a choice of the application, or of who supervises it",
        plain: "What the application does when its producer was fenced.",
        risk: "Starting anew fences the other one back.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "transaction.timeout.ms",
        path: &["producer", "transaction.timeout.ms"],
        group: "Transactions",
        kind: Kind::Whole {
            least: 1,
            most: 3600000,
            unit: "ms",
        },
        since: "since 0.11; at most transaction.max.timeout.ms",
        plain: "How long a transaction may stay open.",
        risk: "Long, a dead writer holds readers up for that time.",
        docs: KAFKA_PRODUCER,
        teaching: true,
    },
    Control {
        key: "transaction.max.timeout.ms",
        path: &["brokers", "transaction.max.timeout.ms"],
        group: "Transactions",
        kind: Kind::Whole {
            least: 1,
            most: 3600000,
            unit: "ms",
        },
        since: "since 0.11",
        plain: "The longest transaction.timeout.ms that brokers accept.",
        risk: "Below what a writer asks for, the writer does not start.",
        docs: KAFKA_BROKER,
        teaching: false,
    },
    Control {
        key: "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        path: &[
            "brokers",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        ],
        group: "Transactions",
        kind: Kind::Whole {
            least: 10,
            most: 600000,
            unit: "ms",
        },
        since: "since 0.11",
        plain: "How often the coordinator looks for transactions that are overdue.",
        risk: "Its length comes on top of every transaction time-out.",
        docs: KAFKA_BROKER,
        teaching: false,
    },
    Control {
        key: "transaction.version",
        path: &["brokers", "transaction.version"],
        group: "Transactions",
        kind: Kind::Whole {
            least: 1,
            most: 2,
            unit: "",
        },
        since: "2 since 4.0 (KIP-890)",
        plain: "2: each transaction has an epoch of its own.",
        risk: "With 1, something late may enter a later transaction.",
        docs: KAFKA_BROKER,
        teaching: false,
    },
    Control {
        key: "transaction.partition.verification.enable",
        path: &["brokers", "transaction.partition.verification.enable"],
        group: "Transactions",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "since 3.6; version 2 always asks",
        plain: "Leaders ask whether a write belongs to an open transaction.",
        risk: "Off, a late write opens one that nobody ends.",
        docs: KAFKA_BROKER,
        teaching: false,
    },
    Control {
        key: "min.insync.replicas",
        path: &["topic", "min.insync.replicas"],
        group: "Topic",
        kind: Kind::Whole {
            least: 1,
            most: 3,
            unit: "",
        },
        since: "since 0.8.2",
        plain: "How many in-sync replicas a write with acks=all needs.",
        risk: "At 1, acks=all may mean the leader alone.",
        docs: KAFKA_TOPIC,
        teaching: true,
    },
    Control {
        key: "replication.factor",
        path: &["topic", "replication.factor"],
        group: "Topic",
        kind: Kind::Whole {
            least: 1,
            most: 3,
            unit: "",
        },
        since: "default.replication.factor",
        plain: "On how many brokers each partition lies.",
        risk: "At 1, a broker that is down takes its partitions along.",
        docs: KAFKA_TOPIC,
        teaching: false,
    },
    Control {
        key: "retention.ms",
        path: &["topic", "retention.ms"],
        group: "Topic",
        kind: Kind::Whole {
            least: 1,
            most: 604_800_000,
            unit: "ms",
        },
        since: "log.retention.hours 168",
        plain: "How long the topic keeps a record, read or not.",
        risk: "Shorter than an outage of a reader, it misses what went.",
        docs: KAFKA_TOPIC,
        teaching: false,
    },
    Control {
        key: "log.retention.check.interval.ms",
        path: &["brokers", "log.retention.check.interval.ms"],
        group: "Topic",
        kind: Kind::Whole {
            least: 1,
            most: 3_600_000,
            unit: "ms",
        },
        since: "since 0.8",
        plain: "How often brokers look for what they need not keep.",
        risk: "Long, the topic keeps more than retention says.",
        docs: KAFKA_BROKER,
        teaching: false,
    },
    Control {
        key: "max.message.bytes",
        path: &["topic", "max.message.bytes"],
        group: "Topic",
        kind: Kind::Whole {
            least: 120,
            most: 1_073_741_824,
            unit: "bytes",
        },
        since: "1048588",
        plain: "The largest batch that the topic takes.",
        risk: "Below batch.size, batches are refused and sent in pieces.",
        docs: KAFKA_TOPIC,
        teaching: false,
    },
    Control {
        key: "retention.bytes",
        path: &["topic", "retention.bytes"],
        group: "Topic",
        kind: Kind::Whole {
            least: 1,
            most: 1_000_000_000,
            unit: "bytes",
        },
        since: "-1: no limit",
        plain: "How many bytes of a partition the topic keeps.",
        risk: "Small, a burst pushes out what nobody has read.",
        docs: KAFKA_TOPIC,
        teaching: false,
    },
    Control {
        key: "unclean.leader.election.enable",
        path: &["topic", "unclean.leader.election.enable"],
        group: "Topic",
        kind: Kind::Choice(TRUE_FALSE),
        since: "false since 0.11",
        plain: "Whether a replica that lags may lead when no other is alive.",
        risk: "On, an outage becomes a silent loss of acknowledged records.",
        docs: KAFKA_TOPIC,
        teaching: false,
    },
    Control {
        key: "eligible.leader.replicas.version",
        path: &["brokers", "eligible.leader.replicas.version"],
        group: "Topic",
        kind: Kind::Choice(&[("1", "1 (on)"), ("0", "0 (off)")]),
        since: "on for clusters new with 4.1; off in 4.0 and before",
        plain: "Whether replicas known to be complete may lead after the last one.",
        risk: "Off, the last replica leads even with an emptied disk.",
        docs: KAFKA_BROKER,
        teaching: false,
    },
    Control {
        key: "broker.session.timeout.ms",
        path: &["brokers", "broker.session.timeout.ms"],
        group: "Topic",
        kind: Kind::Whole {
            least: 100,
            most: 60_000,
            unit: "ms",
        },
        since: "since 3.0 (KRaft)",
        plain: "After how much silence a broker counts as dead.",
        risk: "Long, its partitions have no leader for that time.",
        docs: KAFKA_BROKER,
        teaching: false,
    },
    Control {
        key: "consumer.commit",
        path: &["engine", "consumer", "consumer.commit"],
        group: "Consumer",
        kind: Kind::Choice(&[
            ("\"before\"", "before"),
            ("\"after\"", "after"),
            ("\"auto\"", "auto"),
            ("\"transaction\"", "in the transaction"),
            ("\"sink\"", "with the result"),
        ]),
        since: "commitSync(), commitAsync(), sendOffsetsToTransaction(), seek(), or no call",
        plain: "When the application commits its offsets itself.",
        risk: "Before the work, a crash loses records; after it, doubles them.",
        docs: KAFKA_CONSUMER,
        teaching: true,
    },
    Control {
        key: "consumer.commit.call",
        path: &["engine", "consumer", "consumer.commit.call"],
        group: "Consumer",
        kind: Kind::Choice(&[("\"sync\"", "commitSync"), ("\"async\"", "commitAsync")]),
        since: "commitSync or commitAsync",
        plain: "Whether the loop waits for its commit.",
        risk: "commitAsync repeats nothing: a lost commit doubles more records.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "consumer.on.commit.failed",
        path: &["engine", "consumer", "consumer.on.commit.failed"],
        group: "Consumer",
        kind: Kind::Choice(&[("\"rejoin\"", "rejoin"), ("\"stop\"", "stop")]),
        since: "whether the application catches CommitFailedException",
        plain: "What the loop does when its commit is refused.",
        risk: "Not caught, the process is gone until somebody restarts it.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "consumer.group.metadata",
        path: &["engine", "consumer", "consumer.group.metadata"],
        group: "Consumer",
        kind: Kind::Choice(&[
            ("\"consumer\"", "groupMetadata()"),
            ("\"by_hand\"", "by hand"),
        ]),
        since: "consumer.groupMetadata(), or new ConsumerGroupMetadata(groupId)",
        plain: "What goes along with offsets in a transaction.",
        risk: "By hand there is no generation: a zombie's offsets pass.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "consumer.pool",
        path: &["engine", "consumer", "consumer.pool"],
        group: "Consumer",
        kind: Kind::Whole {
            least: 0,
            most: 64,
            unit: "threads",
        },
        since: "a choice of the application; 0: the loop works itself",
        plain: "Threads that the records of a poll are handed to.",
        risk: "The loop commits what the threads have not done.",
        docs: KAFKA_CONSUMER,
        teaching: true,
    },
    Control {
        key: "enable.auto.commit",
        path: &["engine", "consumer", "enable.auto.commit"],
        group: "Consumer",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "since 0.9",
        plain: "poll() commits what earlier polls returned.",
        risk: "It knows nothing of the work: with threads it loses records.",
        docs: KAFKA_CONSUMER,
        teaching: true,
    },
    Control {
        key: "auto.commit.interval.ms",
        path: &["engine", "consumer", "auto.commit.interval.ms"],
        group: "Consumer",
        kind: Kind::Whole {
            least: 1,
            most: 600000,
            unit: "ms",
        },
        since: "since 0.9",
        plain: "How often poll() commits by itself.",
        risk: "Long, a crash doubles that much work.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "auto.offset.reset",
        path: &["engine", "consumer", "auto.offset.reset"],
        group: "Consumer",
        kind: Kind::Choice(&[
            ("\"latest\"", "latest"),
            ("\"earliest\"", "earliest"),
            ("\"none\"", "none"),
        ]),
        since: "since 0.9",
        plain: "Where a group without a committed offset begins.",
        risk: "latest skips what came before; earliest reads all again.",
        docs: KAFKA_CONSUMER,
        teaching: true,
    },
    Control {
        key: "isolation.level",
        path: &["engine", "consumer", "isolation.level"],
        group: "Consumer",
        kind: Kind::Choice(&[
            ("null", "not set"),
            ("\"read_uncommitted\"", "read_uncommitted"),
            ("\"read_committed\"", "read_committed"),
        ]),
        since: "not set: read_uncommitted in Java, read_committed in librdkafka",
        plain: "Whether records of open and aborted transactions are read.",
        risk: "Uncommitted shows what is taken back later.",
        docs: KAFKA_CONSUMER,
        teaching: true,
    },
    Control {
        key: "max.poll.records",
        path: &["engine", "consumer", "max.poll.records"],
        group: "Consumer",
        kind: Kind::Whole {
            least: 1,
            most: 10000,
            unit: "",
        },
        since: "since 0.10; 500",
        plain: "How many records one poll returns at most.",
        risk: "A crash loses or doubles up to this many.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "max.poll.interval.ms",
        path: &["engine", "consumer", "max.poll.interval.ms"],
        group: "Consumer",
        kind: Kind::Whole {
            least: 1,
            most: 3600000,
            unit: "ms",
        },
        since: "since 0.10.1",
        plain: "How long the loop may work without a poll.",
        risk: "Shorter than the work, the group goes on without this consumer.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "session.timeout.ms",
        path: &["engine", "consumer", "session.timeout.ms"],
        group: "Consumer",
        kind: Kind::Whole {
            least: 10,
            most: 1800000,
            unit: "ms",
        },
        since: "since 3.0; 10 s before",
        plain: "After how much silence a consumer counts as dead.",
        risk: "Long, nobody reads its partitions for that time.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "heartbeat.interval.ms",
        path: &["engine", "consumer", "heartbeat.interval.ms"],
        group: "Consumer",
        kind: Kind::Whole {
            least: 1,
            most: 600000,
            unit: "ms",
        },
        since: "since 0.9",
        plain: "How often a consumer says that it is alive.",
        risk: "Near the session time-out, one late heartbeat ends the membership.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "group.instance.id",
        path: &["engine", "consumer", "group.instance.id"],
        group: "Consumer",
        kind: Kind::Choice(&[("null", "not set"), ("\"static\"", "static")]),
        since: "since 2.3 (KIP-345)",
        plain: "A consumer that comes back in time keeps its partitions.",
        risk: "A dead one keeps them too, for the whole session.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "consumer.client",
        path: &["engine", "consumer", "consumer.client"],
        group: "Consumer",
        kind: Kind::Choice(&[("\"java\"", "Java"), ("\"librdkafka\"", "librdkafka")]),
        since: "which client library the application uses",
        plain: "Java commits in poll(); librdkafka by a timer of its own.",
        risk: "librdkafka may commit the record in work.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "enable.auto.offset.store",
        path: &["engine", "consumer", "enable.auto.offset.store"],
        group: "Consumer",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "librdkafka only",
        plain: "Whether handing a record out makes it ready for commit.",
        risk: "On, a crash loses the record in work.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "dedup",
        path: &["sink", "console", "dedup"],
        group: "Console",
        kind: Kind::Choice(&[
            ("\"none\"", "none"),
            ("\"upsert\"", "upsert"),
            ("\"store\"", "store"),
        ]),
        since: "a choice of the application",
        plain: "What keeps a second effect of one order away.",
        risk: "Without it every repeat is one effect more.",
        docs: KAFKA_CONSUMER,
        teaching: true,
    },
    Control {
        key: "sink.fencing",
        path: &["sink", "console", "sink.fencing"],
        group: "Console",
        kind: Kind::Choice(&[("\"none\"", "none"), ("\"generation\"", "generation")]),
        since: "a column of the sink's table of offsets",
        plain: "Whether a sink that keeps the offsets refuses an old owner.",
        risk: "None: an old owner that wakes up writes once more.",
        docs: KAFKA_CONSUMER,
        teaching: false,
    },
    Control {
        key: "output.isolation.level",
        path: &["sink", "kafka_topic", "output.isolation.level"],
        group: "Output",
        kind: Kind::Choice(&[
            ("\"read_uncommitted\"", "read_uncommitted"),
            ("\"read_committed\"", "read_committed"),
        ]),
        since: "isolation.level of whoever reads the output",
        plain: "Whether the output's reader sees open and aborted transactions.",
        risk: "Uncommitted sees the output of attempts that were given up.",
        docs: KAFKA_CONSUMER,
        teaching: true,
    },
    Control {
        key: "output.transaction.timeout.ms",
        path: &["sink", "kafka_topic", "output.transaction.timeout.ms"],
        group: "Output",
        kind: Kind::Whole {
            least: 1,
            most: 3_600_000,
            unit: "ms",
        },
        since: "transaction.timeout.ms of the producer inside the consumer",
        plain: "How long one poll's output may stay open.",
        risk: "Shorter than the work, every transaction is aborted.",
        docs: KAFKA_PRODUCER,
        teaching: false,
    },
    Control {
        key: "group.initial.rebalance.delay.ms",
        path: &["brokers", "group.initial.rebalance.delay.ms"],
        group: "Consumer",
        kind: Kind::Whole {
            least: 0,
            most: 600000,
            unit: "ms",
        },
        since: "since 0.11",
        plain: "How long a new group waits for further members.",
        risk: "Long, a new group reads late; with latest it skips more.",
        docs: KAFKA_BROKER,
        teaching: false,
    },
    Control {
        key: "checkpointLocation",
        path: &["engine", "spark", "checkpointLocation"],
        group: "Spark",
        kind: Kind::Choice(&[("\"kept\"", "kept"), ("\"lost\"", "lost")]),
        since: "required; here a path that outlives the driver, or its own disk",
        plain: "Where batch plans and ticks are kept.",
        risk: "Lost with the driver: everything again, or silently skipped.",
        docs: SPARK,
        teaching: true,
    },
    Control {
        key: "trigger",
        path: &["engine", "spark", "trigger"],
        group: "Spark",
        kind: Kind::Whole {
            least: 0,
            most: 60_000,
            unit: "ms",
        },
        since: "Trigger.ProcessingTime; 0: as fast as possible",
        plain: "How often a micro-batch starts.",
        risk: "Long, rows are as old as that when they appear.",
        docs: SPARK,
        teaching: true,
    },
    Control {
        key: "startingOffsets",
        path: &["engine", "spark", "startingOffsets"],
        group: "Spark",
        kind: Kind::Choice(&[("\"earliest\"", "earliest"), ("\"latest\"", "latest")]),
        since: "for streaming queries",
        plain: "Where a query without a checkpoint begins.",
        risk: "latest skips what came while the query was down.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "kafka.isolation.level",
        path: &["engine", "spark", "kafka.isolation.level"],
        group: "Spark",
        kind: Kind::Choice(&[
            ("\"read_uncommitted\"", "read_uncommitted"),
            ("\"read_committed\"", "read_committed"),
        ]),
        since: "option of the Kafka source",
        plain: "Whether the query reads open and aborted transactions.",
        risk: "Uncommitted puts aborted records into the table.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "spark.task.maxFailures",
        path: &["engine", "spark", "spark.task.maxFailures"],
        group: "Spark",
        kind: Kind::Whole {
            least: 1,
            most: 10,
            unit: "",
        },
        since: "since 0.8",
        plain: "How often one task may fail before the query does.",
        risk: "At 1, a lost executor stops the query.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "execution.checkpointing.interval",
        path: &["engine", "flink", "execution.checkpointing.interval"],
        group: "Flink",
        kind: Kind::Whole {
            least: 10,
            most: 600000,
            unit: "ms",
        },
        since: "not set: no checkpoints",
        plain: "How often a consistent copy of state and positions is made.",
        risk: "Long, much is replayed and transactional output is late.",
        docs: FLINK,
        teaching: true,
    },
    Control {
        key: "execution.checkpointing.mode",
        path: &["engine", "flink", "execution.checkpointing.mode"],
        group: "Flink",
        kind: Kind::Choice(&[
            ("\"EXACTLY_ONCE\"", "EXACTLY_ONCE"),
            ("\"AT_LEAST_ONCE\"", "AT_LEAST_ONCE"),
        ]),
        since: "since 1.0",
        plain: "Whether an input whose barrier has come waits for the others.",
        risk: "AT_LEAST_ONCE counts twice in state what ran ahead of a barrier.",
        docs: FLINK,
        teaching: true,
    },
    Control {
        key: "execution.checkpointing.unaligned.enabled",
        path: &[
            "engine",
            "flink",
            "execution.checkpointing.unaligned.enabled",
        ],
        group: "Flink",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "since 1.11, false",
        plain: "Barriers overtake what is waiting, and it becomes part of the checkpoint.",
        risk: "Checkpoints grow by what is in flight.",
        docs: FLINK,
        teaching: true,
    },
    Control {
        key: "execution.checkpointing.aligned-checkpoint-timeout",
        path: &[
            "engine",
            "flink",
            "execution.checkpointing.aligned-checkpoint-timeout",
        ],
        group: "Flink",
        kind: Kind::Whole {
            least: 0,
            most: 600000,
            unit: "ms",
        },
        since: "since 1.14; 0: unaligned from the start",
        plain: "How long barriers are aligned before they overtake.",
        risk: "Long, a slow input delays every result of the others.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "execution.checkpointing.timeout",
        path: &["engine", "flink", "execution.checkpointing.timeout"],
        group: "Flink",
        kind: Kind::Whole {
            least: 10,
            most: 3600000,
            unit: "ms",
        },
        since: "10 min",
        plain: "When a checkpoint that is not complete is given up.",
        risk: "Shorter than a slow checkpoint, the job fails for nothing.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "execution.checkpointing.min-pause",
        path: &["engine", "flink", "execution.checkpointing.min-pause"],
        group: "Flink",
        kind: Kind::Whole {
            least: 0,
            most: 600000,
            unit: "ms",
        },
        since: "0",
        plain: "The least time between the end of one and the next.",
        risk: "Long, checkpoints are rarer than the interval says.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "execution.checkpointing.tolerable-failed-checkpoints",
        path: &[
            "engine",
            "flink",
            "execution.checkpointing.tolerable-failed-checkpoints",
        ],
        group: "Flink",
        kind: Kind::Whole {
            least: 0,
            most: 1000,
            unit: "",
        },
        since: "0",
        plain: "How many checkpoints in a row may fail before the job does.",
        risk: "High, commits stop in silence while the job looks healthy.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "restart-strategy.type",
        path: &["engine", "flink", "restart-strategy.type"],
        group: "Flink",
        kind: Kind::Choice(&[
            ("null", "not set"),
            ("\"none\"", "none"),
            ("\"fixed-delay\"", "fixed-delay"),
            ("\"exponential-delay\"", "exponential-delay"),
            ("\"failure-rate\"", "failure-rate"),
        ]),
        since: "not set: exponential-delay with checkpoints, none without",
        plain: "Whether and when a failed job starts again.",
        risk: "none leaves the job down after the first failure.",
        docs: FLINK,
        teaching: true,
    },
    Control {
        key: "restart-strategy.fixed-delay.attempts",
        path: &["engine", "flink", "restart-strategy.fixed-delay.attempts"],
        group: "Flink",
        kind: Kind::Whole {
            least: 0,
            most: 2147483647,
            unit: "",
        },
        since: "1",
        plain: "How often a job is started again.",
        risk: "Small, the job stays down after that many failures.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "restart-strategy.fixed-delay.delay",
        path: &["engine", "flink", "restart-strategy.fixed-delay.delay"],
        group: "Flink",
        kind: Kind::Whole {
            least: 0,
            most: 600000,
            unit: "ms",
        },
        since: "1 s",
        plain: "The pause before a restart.",
        risk: "Long, an open transaction may time out meanwhile.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "high-availability.type",
        path: &["engine", "flink", "high-availability.type"],
        group: "Flink",
        kind: Kind::Choice(&[
            ("\"NONE\"", "NONE"),
            ("\"kubernetes\"", "kubernetes"),
            ("\"zookeeper\"", "zookeeper"),
        ]),
        since: "NONE",
        plain: "Whether a job manager that comes back knows its checkpoints.",
        risk: "NONE: its crash begins the job at the start.",
        docs: FLINK,
        teaching: true,
    },
    Control {
        key: "heartbeat.timeout",
        path: &["engine", "flink", "heartbeat.timeout"],
        group: "Flink",
        kind: Kind::Whole {
            least: 10,
            most: 600000,
            unit: "ms",
        },
        since: "50 s",
        plain: "After how much silence a task manager counts as lost.",
        risk: "Long, a dead one stops the job for that time.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "pipeline.auto-watermark-interval",
        path: &["engine", "flink", "pipeline.auto-watermark-interval"],
        group: "Flink",
        kind: Kind::Whole {
            least: 0,
            most: 60000,
            unit: "ms",
        },
        since: "200 ms; 0: no timer",
        plain: "How often a source tells its watermark.",
        risk: "0: generators that wait for the timer never emit.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "execution.buffer-timeout.interval",
        path: &["engine", "flink", "execution.buffer-timeout.interval"],
        group: "Flink",
        kind: Kind::Whole {
            least: 0,
            most: 60000,
            unit: "ms",
        },
        since: "100 ms",
        plain: "How long a record may wait in a network buffer.",
        risk: "Long, every record behind the exchange is late by that.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "watermark.strategy",
        path: &["engine", "flink", "watermark.strategy"],
        group: "Flink",
        kind: Kind::Choice(&[
            ("\"bounded_out_of_orderness\"", "forBoundedOutOfOrderness"),
            ("\"sql_row_expression\"", "WATERMARK FOR … AS (SQL)"),
            ("\"none\"", "noWatermarks"),
        ]),
        since: "a method call",
        plain: "How the watermark is made of event times.",
        risk: "SQL's has no extra millisecond; none fires no window.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "watermark.delay",
        path: &["engine", "flink", "watermark.delay"],
        group: "Flink",
        kind: Kind::Whole {
            least: 0,
            most: 600000,
            unit: "ms",
        },
        since: "forBoundedOutOfOrderness(…) has no default",
        plain: "How far events may come out of order.",
        risk: "Short, late orders are dropped; long, every result waits.",
        docs: FLINK,
        teaching: true,
    },
    Control {
        key: "watermark.idleness",
        path: &["engine", "flink", "watermark.idleness"],
        group: "Flink",
        kind: Kind::Whole {
            least: 1,
            most: 600000,
            unit: "ms",
        },
        since: "withIdleness(…); not set: off",
        plain: "After how much silence a partition no longer holds others back.",
        risk: "A stuck partition that counts as idle comes back too late.",
        docs: FLINK,
        teaching: true,
    },
    Control {
        key: "watermark.per.partition",
        path: &["engine", "flink", "watermark.per.partition"],
        group: "Flink",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "the strategy is given to fromSource, or used behind it",
        plain: "Whether each partition has a watermark of its own.",
        risk: "One for all: the fast partition makes the slow one late.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "watermark.alignment.max.drift",
        path: &["engine", "flink", "watermark.alignment.max.drift"],
        group: "Flink",
        kind: Kind::Whole {
            least: 0,
            most: 600000,
            unit: "ms",
        },
        since: "withWatermarkAlignment(…); not set: off",
        plain: "How far a source may run ahead of the slowest one.",
        risk: "Off, windows of the fast source pile up in state.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "window.type",
        path: &["engine", "flink", "window.type"],
        group: "Flink",
        kind: Kind::Choice(&[
            ("\"none\"", "no window"),
            ("\"tumbling\"", "TumblingEventTimeWindows"),
            ("\"sliding\"", "SlidingEventTimeWindows"),
            ("\"session\"", "EventTimeSessionWindows"),
        ]),
        since: "a method call",
        plain: "How orders of a customer are grouped by event time.",
        risk: "In sliding windows a late order may miss some in silence.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "window.size",
        path: &["engine", "flink", "window.size"],
        group: "Flink",
        kind: Kind::Whole {
            least: 1,
            most: 3600000,
            unit: "ms",
        },
        since: "no default",
        plain: "How much event time one sum covers.",
        risk: "Long, state grows and results wait.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "window.slide",
        path: &["engine", "flink", "window.slide"],
        group: "Flink",
        kind: Kind::Whole {
            least: 1,
            most: 3600000,
            unit: "ms",
        },
        since: "no default",
        plain: "How far apart two sliding windows begin.",
        risk: "Short, every order counts in many windows.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "window.gap",
        path: &["engine", "flink", "window.gap"],
        group: "Flink",
        kind: Kind::Whole {
            least: 1,
            most: 3600000,
            unit: "ms",
        },
        since: "no default",
        plain: "After how much silence a session ends.",
        risk: "Long, sessions grow together and stay open.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "allowed.lateness",
        path: &["engine", "flink", "allowed.lateness"],
        group: "Flink",
        kind: Kind::Whole {
            least: 0,
            most: 3600000,
            unit: "ms",
        },
        since: "allowedLateness(…), 0",
        plain: "How long a fired window still takes late orders, and fires again.",
        risk: "A sink that appends takes every refire for something new.",
        docs: FLINK,
        teaching: true,
    },
    Control {
        key: "late.side.output",
        path: &["engine", "flink", "late.side.output"],
        group: "Flink",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "sideOutputLateData(…)",
        plain: "Whether orders too late for every window are kept aside.",
        risk: "Without it they are only counted.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "sink.delivery-guarantee",
        path: &["engine", "flink", "sink.delivery-guarantee"],
        group: "Flink",
        kind: Kind::Choice(&[
            ("\"none\"", "none"),
            ("\"at-least-once\"", "at-least-once"),
            ("\"exactly-once\"", "exactly-once"),
        ]),
        since: "none in the DataStream API, at-least-once in SQL",
        plain: "What a checkpoint waits for: nothing, acknowledgements, a prepared transaction.",
        risk: "exactly-once shows nothing before its checkpoint is complete.",
        docs: FLINK,
        teaching: true,
    },
    Control {
        key: "sink.transactional-id-prefix.suffix",
        path: &["engine", "flink", "sink.transactional-id-prefix.suffix"],
        group: "Flink",
        kind: Kind::Choice(&[("\"none\"", "none"), ("\"random\"", "random")]),
        since: "what follows sink.transactional-id-prefix",
        plain: "Whether every start of the job has another prefix.",
        risk: "random leaves transactions open that readers wait for.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "properties.transaction.timeout.ms",
        path: &["engine", "flink", "properties.transaction.timeout.ms"],
        group: "Flink",
        kind: Kind::Whole {
            least: 1,
            most: 3600000,
            unit: "ms",
        },
        since: "1 h in the Kafka sink, above the broker's cap",
        plain: "How long the sink's transaction may stay open.",
        risk: "Shorter than an outage, what a checkpoint holds is lost.",
        docs: FLINK,
        teaching: true,
    },
    Control {
        key: "sink.commit.idempotent",
        path: &["engine", "flink", "sink.commit.idempotent"],
        group: "Flink",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "what a two-phase sink of your own does",
        plain: "Whether a commit that comes again is recognised.",
        risk: "false doubles a whole transaction at a restart.",
        docs: FLINK,
        teaching: false,
    },
    Control {
        key: "hoodie.datasource.write.operation",
        path: &["sink", "hudi", "hoodie.datasource.write.operation"],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("\"upsert\"", "upsert"),
            ("\"insert\"", "insert"),
            ("\"bulk_insert\"", "bulk_insert"),
            ("\"delete\"", "delete"),
            ("\"insert_overwrite\"", "insert_overwrite"),
            ("\"insert_overwrite_table\"", "insert_overwrite_table"),
        ]),
        since: "since 0.5",
        plain: "upsert replaces an equal key; insert looks for none.",
        risk: "insert keeps every copy it is given.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "hoodie.datasource.write.recordkey.field",
        path: &["sink", "hudi", "hoodie.datasource.write.recordkey.field"],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("\"order_id\"", "order_id"),
            ("\"kafka_offset\"", "kafka_offset"),
            ("\"uuid\"", "uuid()"),
            ("\"generated\"", "not set (generated by Hudi)"),
        ]),
        since: "no default that fits a keyed table",
        plain: "What makes two rows the same row, for upsert.",
        risk: "A key made in the pipeline names the copy, not the order.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "sink.writer",
        path: &["sink", "hudi", "sink.writer"],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("\"native\"", "format(\"hudi\")"),
            ("\"foreach_batch\"", "foreachBatch"),
        ]),
        since: "writeStream.format or writeStream.foreachBatch",
        plain: "Whether the table remembers which batch it has.",
        risk: "foreachBatch writes a replayed batch again.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "hoodie.datasource.write.partitionpath.field",
        path: &[
            "sink",
            "hudi",
            "hoodie.datasource.write.partitionpath.field",
        ],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("\"order_date\"", "order_date"),
            ("\"event_date\"", "event_date"),
            ("\"status\"", "status"),
            ("\"region\"", "region"),
            ("\"kafka_partition\"", "kafka_partition"),
        ]),
        since: "has no default",
        plain: "Which partition of the table a row belongs to.",
        risk: "A path that changes with the order doubles it.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "hoodie.table.ordering.fields",
        path: &["sink", "hudi", "hoodie.table.ordering.fields"],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("null", "not set"),
            ("\"event_ts\"", "event_ts"),
            ("\"event_second\"", "event_second"),
            ("\"seq\"", "seq"),
            ("\"event_second,seq\"", "event_second,seq"),
        ]),
        since: "since 1.1; earlier hoodie.datasource.write.precombine.field",
        plain: "Which of two versions of an order is the newer one.",
        risk: "Not set, an old version that comes last wins.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "hoodie.write.record.merge.mode",
        path: &["sink", "hudi", "hoodie.write.record.merge.mode"],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("null", "not set"),
            ("\"COMMIT_TIME_ORDERING\"", "COMMIT_TIME_ORDERING"),
            ("\"EVENT_TIME_ORDERING\"", "EVENT_TIME_ORDERING"),
        ]),
        since: "since 1.0; follows the ordering fields",
        plain: "Whether the later write wins, or the larger ordering value.",
        risk: "By commit time, replayed old versions come back.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.datasource.insert.dup.policy",
        path: &["sink", "hudi", "hoodie.datasource.insert.dup.policy"],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("\"none\"", "none"),
            ("\"drop\"", "drop"),
            ("\"fail\"", "fail"),
        ]),
        since: "since 0.14; for insert only",
        plain: "What insert does with a key that the table has.",
        risk: "drop keeps the first version: updates are lost.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "hoodie.datasource.write.insert.drop.duplicates",
        path: &[
            "sink",
            "hudi",
            "hoodie.datasource.write.insert.drop.duplicates",
        ],
        group: "Hudi",
        kind: Kind::Choice(ON_OFF),
        since: "since 0.5; the older form of the policy",
        plain: "insert drops rows whose key the table has.",
        risk: "Set with upsert, it silently becomes insert.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.combine.before.upsert",
        path: &["sink", "hudi", "hoodie.combine.before.upsert"],
        group: "Hudi",
        kind: Kind::Choice(ON_OFF),
        since: "since 0.5",
        plain: "Rows of a batch that share a key become one.",
        risk: "Off, a new key that comes twice is written twice.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.combine.before.insert",
        path: &["sink", "hudi", "hoodie.combine.before.insert"],
        group: "Hudi",
        kind: Kind::Choice(ON_OFF),
        since: "since 0.5",
        plain: "The same before insert.",
        risk: "Off, a batch with copies stores them all.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.merge.allow.duplicate.on.inserts",
        path: &["sink", "hudi", "hoodie.merge.allow.duplicate.on.inserts"],
        group: "Hudi",
        kind: Kind::Choice(ON_OFF),
        since: "true since 0.15",
        plain: "Whether an insert may stand beside an equal key in its file.",
        risk: "Off, inserts deduplicate sometimes, by file sizes.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.index.type",
        path: &["sink", "hudi", "hoodie.index.type"],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("\"SIMPLE\"", "SIMPLE"),
            ("\"BLOOM\"", "BLOOM"),
            ("\"RECORD_LEVEL_INDEX\"", "RECORD_LEVEL_INDEX"),
            ("\"BUCKET\"", "BUCKET"),
            ("\"GLOBAL_SIMPLE\"", "GLOBAL_SIMPLE"),
            ("\"GLOBAL_BLOOM\"", "GLOBAL_BLOOM"),
            ("\"GLOBAL_RECORD_LEVEL_INDEX\"", "GLOBAL_RECORD_LEVEL_INDEX"),
        ]),
        since: "SIMPLE on Spark",
        plain: "Where a key is looked for: in its partition, or in the table.",
        risk: "In its partition only, a key that moves is doubled.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "hoodie.simple.index.update.partition.path",
        path: &["sink", "hudi", "hoodie.simple.index.update.partition.path"],
        group: "Hudi",
        kind: Kind::Choice(ON_OFF),
        since: "since 0.6",
        plain: "GLOBAL_SIMPLE moves a row whose partition path changed.",
        risk: "Off, the row stays in its old partition.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.bloom.index.update.partition.path",
        path: &["sink", "hudi", "hoodie.bloom.index.update.partition.path"],
        group: "Hudi",
        kind: Kind::Choice(ON_OFF),
        since: "since 0.5",
        plain: "GLOBAL_BLOOM moves a row whose partition path changed.",
        risk: "Off, the row stays in its old partition.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.record.index.update.partition.path",
        path: &["sink", "hudi", "hoodie.record.index.update.partition.path"],
        group: "Hudi",
        kind: Kind::Choice(ON_OFF),
        since: "since 0.14",
        plain: "The record index moves a row whose partition path changed.",
        risk: "Off, the row stays in its old partition.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.datasource.write.table.type",
        path: &["sink", "hudi", "hoodie.datasource.write.table.type"],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("\"COPY_ON_WRITE\"", "COPY_ON_WRITE"),
            ("\"MERGE_ON_READ\"", "MERGE_ON_READ"),
        ]),
        since: "since 0.5; fixed when the table is made",
        plain: "Whether a change rewrites a file or goes to a log.",
        risk: "Without compaction, logs grow and base files age.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "hoodie.datasource.query.type",
        path: &["sink", "hudi", "hoodie.datasource.query.type"],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("\"snapshot\"", "snapshot"),
            ("\"read_optimized\"", "read_optimized"),
            ("\"incremental\"", "incremental"),
        ]),
        since: "since 0.5; an option of the reader",
        plain: "Which reader of the table counts.",
        risk: "read_optimized stands at the last compaction.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "hoodie.compact.inline.max.delta.commits",
        path: &["sink", "hudi", "hoodie.compact.inline.max.delta.commits"],
        group: "Hudi",
        kind: Kind::Whole {
            least: 1,
            most: 100,
            unit: "",
        },
        since: "since 0.5",
        plain: "After how many delta commits a compaction is planned.",
        risk: "Many, and the read-optimized view ages.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.compact.inline",
        path: &["sink", "hudi", "hoodie.compact.inline"],
        group: "Hudi",
        kind: Kind::Choice(ON_OFF),
        since: "since 0.5",
        plain: "The writer itself compacts before it goes on.",
        risk: "A compaction that fails, fails a batch that is there.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.datasource.compaction.async.enable",
        path: &["sink", "hudi", "hoodie.datasource.compaction.async.enable"],
        group: "Hudi",
        kind: Kind::Choice(ON_OFF),
        since: "since 0.7",
        plain: "A service compacts beside the stream.",
        risk: "Off and not inline, nobody compacts.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.datasource.write.streaming.retry.count",
        path: &[
            "sink",
            "hudi",
            "hoodie.datasource.write.streaming.retry.count",
        ],
        group: "Hudi",
        kind: Kind::Whole {
            least: 1,
            most: 100,
            unit: "",
        },
        since: "since 0.5; attempts in all",
        plain: "How often the sink tries to write a batch.",
        risk: "A retry after the commit writes the batch again.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.datasource.write.streaming.retry.interval.ms",
        path: &[
            "sink",
            "hudi",
            "hoodie.datasource.write.streaming.retry.interval.ms",
        ],
        group: "Hudi",
        kind: Kind::Whole {
            least: 0,
            most: 600_000,
            unit: "ms",
        },
        since: "since 0.5; doubled each time",
        plain: "The pause between two attempts.",
        risk: "Long, and the stream stands still.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.datasource.write.streaming.ignore.failed.batch",
        path: &[
            "sink",
            "hudi",
            "hoodie.datasource.write.streaming.ignore.failed.batch",
        ],
        group: "Hudi",
        kind: Kind::Choice(ON_OFF),
        since: "true up to 0.12.0",
        plain: "A batch that fails counts as written.",
        risk: "On, every failed batch is lost in silence.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "hoodie.datasource.write.streaming.checkpoint.identifier",
        path: &[
            "sink",
            "hudi",
            "hoodie.datasource.write.streaming.checkpoint.identifier",
        ],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("\"default_single_writer\"", "default_single_writer"),
            ("\"orders-{checkpoint}\"", "one per checkpoint"),
        ]),
        since: "since 0.13",
        plain: "Under which name the table remembers batches.",
        risk: "Kept over a new checkpoint, new batches are skipped.",
        docs: HUDI,
        teaching: true,
    },
    Control {
        key: "hoodie.clean.failed.writes.policy",
        path: &["sink", "hudi", "hoodie.clean.failed.writes.policy"],
        group: "Hudi",
        kind: Kind::Choice(&[
            ("null", "not set"),
            ("\"EAGER\"", "EAGER"),
            ("\"LAZY\"", "LAZY"),
            ("\"NEVER\"", "NEVER"),
        ]),
        since: "EAGER with one writer; earlier hoodie.cleaner.policy.failed.writes",
        plain: "When the files of a failed write are removed.",
        risk: "Under LAZY garbage stays until a clean finds it dead.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.client.heartbeat.interval_in_ms",
        path: &["sink", "hudi", "hoodie.client.heartbeat.interval_in_ms"],
        group: "Hudi",
        kind: Kind::Whole {
            least: 1_000,
            most: 600_000,
            unit: "ms",
        },
        since: "since 0.8; under LAZY",
        plain: "How often a write says that it is alive.",
        risk: "Long, and a dead write is noticed late.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.client.heartbeat.tolerable.misses",
        path: &["sink", "hudi", "hoodie.client.heartbeat.tolerable.misses"],
        group: "Hudi",
        kind: Kind::Whole {
            least: 1,
            most: 100,
            unit: "",
        },
        since: "since 0.8; under LAZY",
        plain: "How many signs of life may be missing.",
        risk: "Many, and a dead write is noticed late.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.clean.commits.retained",
        path: &["sink", "hudi", "hoodie.clean.commits.retained"],
        group: "Hudi",
        kind: Kind::Whole {
            least: 1,
            most: 10_000,
            unit: "",
        },
        since: "since 0.10; earlier hoodie.cleaner.commits.retained",
        plain: "For how many commits old files are kept.",
        risk: "Few, and slow readers of the past fail.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.keep.min.commits",
        path: &["sink", "hudi", "hoodie.keep.min.commits"],
        group: "Hudi",
        kind: Kind::Whole {
            least: 2,
            most: 10_000,
            unit: "",
        },
        since: "since 0.5",
        plain: "How many actions archiving leaves in the timeline.",
        risk: "Short, the memory of batches is short too.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.keep.max.commits",
        path: &["sink", "hudi", "hoodie.keep.max.commits"],
        group: "Hudi",
        kind: Kind::Whole {
            least: 3,
            most: 10_000,
            unit: "",
        },
        since: "since 0.5",
        plain: "At how many actions archiving begins.",
        risk: "Short, the memory of batches is short too.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "hoodie.parquet.small.file.limit",
        path: &["sink", "hudi", "hoodie.parquet.small.file.limit"],
        group: "Hudi",
        kind: Kind::Whole {
            least: 0,
            most: 104_857_600,
            unit: "bytes",
        },
        since: "since 0.5",
        plain: "Up to which size inserts fill a file up.",
        risk: "At 0 every batch opens new files.",
        docs: HUDI,
        teaching: false,
    },
    Control {
        key: "watermark.delay",
        path: &["branches", "revenue", "engine", "spark", "watermark.delay"],
        group: "Revenue per minute",
        kind: Kind::Whole {
            least: 0,
            most: 60_000,
            unit: "ms",
        },
        since: "withWatermark has no default",
        plain: "How far behind the newest order a minute stays open.",
        risk: "Short, late orders are dropped; long, the result waits.",
        docs: SPARK,
        teaching: true,
    },
    Control {
        key: "window.size",
        path: &["branches", "revenue", "engine", "spark", "window.size"],
        group: "Revenue per minute",
        kind: Kind::Whole {
            least: 1_000,
            most: 3_600_000,
            unit: "ms",
        },
        since: "window(…) has no default",
        plain: "How much event time one sum covers.",
        risk: "Long, state grows and results wait.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "trigger.type",
        path: &["engine", "spark", "trigger.type"],
        group: "Spark",
        kind: Kind::Choice(&[
            ("\"processingTime\"", "processingTime"),
            ("\"availableNow\"", "availableNow"),
            ("\"once\"", "once"),
        ]),
        since: "once is deprecated since 3.4",
        plain: "Whether the query runs for ever, or up to what is there at its start.",
        risk: "availableNow and once end: somebody must start the query again.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "failOnDataLoss",
        path: &["engine", "spark", "failOnDataLoss"],
        group: "Spark",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "option of the Kafka source",
        plain: "Whether the query stops when planned offsets are gone.",
        risk: "false reads on without them, with a warning in the log.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "deduplicate",
        path: &["engine", "spark", "deduplicate"],
        group: "Spark",
        kind: Kind::Choice(&[
            ("\"none\"", "none"),
            ("\"dropDuplicates\"", "dropDuplicates"),
            (
                "\"dropDuplicatesWithinWatermark\"",
                "dropDuplicatesWithinWatermark",
            ),
        ]),
        since: "a method call; within the watermark since 3.5",
        plain: "Lets only the first copy of an order pass.",
        risk: "It sees copies in the topic, not batches written again.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "deduplicate.columns",
        path: &["engine", "spark", "deduplicate.columns"],
        group: "Spark",
        kind: Kind::Choice(&[
            ("\"order_id\"", "order_id"),
            ("\"order_id_and_time\"", "order_id, event time"),
        ]),
        since: "arguments of the call",
        plain: "What two copies have to agree in.",
        risk: "Without the event time, dropDuplicates never forgets a key.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "deduplicate.time.used",
        path: &["engine", "spark", "deduplicate.time.used"],
        group: "Spark",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "whether a later step reads the event time",
        plain: "If nothing uses it, the optimizer takes the column away.",
        risk: "false: late copies are not filtered, and no metric tells.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "query.restart",
        path: &["engine", "spark", "query.restart"],
        group: "Spark",
        kind: Kind::Whole {
            least: 0,
            most: 60000,
            unit: "ms",
        },
        since: "whoever watches over the query; 0: nobody",
        plain: "After how long a query that ended is started again.",
        risk: "A damaged checkpoint fails again at every start.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "applications",
        path: &["engine", "spark", "applications"],
        group: "Spark",
        kind: Kind::Whole {
            least: 1,
            most: 2,
            unit: "",
        },
        since: "one query belongs to one checkpointLocation",
        plain: "How many applications run the query on its checkpoint.",
        risk: "Two write the sink before one of them fails.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "foreach_batch.write",
        path: &["sink", "database", "foreach_batch.write"],
        group: "Outside table",
        kind: Kind::Choice(&[
            ("\"append\"", "append"),
            ("\"upsert\"", "upsert by key"),
            ("\"batch_id\"", "rows and batch id in one transaction"),
        ]),
        since: "code of your own in foreachBatch",
        plain: "What the function does with the rows of a batch.",
        risk: "append doubles a batch that runs again.",
        docs: SPARK,
        teaching: true,
    },
    Control {
        key: "output.mode",
        path: &["branches", "revenue", "engine", "spark", "output.mode"],
        group: "Revenue per minute",
        kind: Kind::Choice(&[
            ("\"append\"", "append"),
            ("\"update\"", "update"),
            ("\"complete\"", "complete"),
        ]),
        since: "outputMode; append is the default",
        plain: "Whether a sum comes out once, at each change, or always.",
        risk: "complete never forgets a window; its state only grows.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "window.type",
        path: &["branches", "revenue", "engine", "spark", "window.type"],
        group: "Revenue per minute",
        kind: Kind::Choice(&[
            ("\"tumbling\"", "window(size)"),
            ("\"sliding\"", "window(size, slide)"),
            ("\"session\"", "session_window(gap)"),
            ("\"none\"", "no window"),
        ]),
        since: "a column of groupBy",
        plain: "How orders are grouped by event time.",
        risk: "In sliding windows one late order may be dropped several times.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "window.slide",
        path: &["branches", "revenue", "engine", "spark", "window.slide"],
        group: "Revenue per minute",
        kind: Kind::Whole {
            least: 1000,
            most: 3600000,
            unit: "ms",
        },
        since: "window(…) has no default",
        plain: "How far apart two sliding windows begin.",
        risk: "Short, every order counts in many windows.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "window.gap",
        path: &["branches", "revenue", "engine", "spark", "window.gap"],
        group: "Revenue per minute",
        kind: Kind::Whole {
            least: 1,
            most: 3600000,
            unit: "ms",
        },
        since: "session_window(…) has no default",
        plain: "After how much silence a session ends.",
        risk: "Long, sessions grow together and stay open.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "group.by",
        path: &["branches", "revenue", "engine", "spark", "group.by"],
        group: "Revenue per minute",
        kind: Kind::Choice(&[
            ("\"time\"", "the window alone"),
            ("\"customer\"", "the customer too"),
        ]),
        since: "columns of groupBy",
        plain: "What orders are grouped by beside their window.",
        risk: "State has a row for every customer and window.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "withWatermark",
        path: &["branches", "revenue", "engine", "spark", "withWatermark"],
        group: "Revenue per minute",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "a method call",
        plain: "Whether the query may forget windows at all.",
        risk: "Without one nothing is late, and nothing is ever final.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "spark.sql.streaming.noDataMicroBatches.enabled",
        path: &[
            "branches",
            "revenue",
            "engine",
            "spark",
            "spark.sql.streaming.noDataMicroBatches.enabled",
        ],
        group: "Revenue per minute",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "since 2.4.1",
        plain: "Whether a batch without data may follow to close windows.",
        risk: "false: a window waits for the next order.",
        docs: SPARK,
        teaching: false,
    },
    Control {
        key: "spark.sql.streaming.statefulOperator.allowMultiple",
        path: &[
            "branches",
            "revenue",
            "engine",
            "spark",
            "spark.sql.streaming.statefulOperator.allowMultiple",
        ],
        group: "Revenue per minute",
        kind: Kind::Choice(&[("true", "true"), ("false", "false")]),
        since: "since 3.4",
        plain: "Whether late orders are judged by the watermark of the batch before.",
        risk: "false: orders are dropped although their window is still open.",
        docs: SPARK,
        teaching: false,
    },
];

/// What stands in a scenario beside the settings: the constants that this model assumes, in words.
pub const ASSUMED: &[(&str, &[&str])] = &[
    ("workload.orders", &["workload", "orders"]),
    ("workload.every_ms", &["workload", "every_ms"]),
    ("workload.jitter_percent", &["workload", "jitter_percent"]),
    ("workload.customers", &["workload", "customers"]),
    ("network.min_us", &["network", "min_us"]),
    ("network.mean_extra_us", &["network", "mean_extra_us"]),
    ("brokers.append_us", &["brokers", "append_us"]),
    ("brokers.page_cache_ms", &["brokers", "page_cache_ms"]),
    ("store.operation_us", &["store", "operation_us"]),
    ("engine.spark.task_us", &["engine", "spark", "task_us"]),
    ("engine.spark.executors", &["engine", "spark", "executors"]),
    (
        "engine.consumer.work_us",
        &["engine", "consumer", "work_us"],
    ),
    (
        "engine.consumer.consumers",
        &["engine", "consumer", "consumers"],
    ),
    ("engine.flink.work_us", &["engine", "flink", "work_us"]),
    (
        "parallelism.default",
        &["engine", "flink", "parallelism.default"],
    ),
    (
        "replica.lag.time.max.ms",
        &["brokers", "replica.lag.time.max.ms"],
    ),
    (
        "replica.fetch.wait.max.ms",
        &["brokers", "replica.fetch.wait.max.ms"],
    ),
    (
        "broker.heartbeat.interval.ms",
        &["brokers", "broker.heartbeat.interval.ms"],
    ),
    ("limits.horizon_ms", &["limits", "horizon_ms"]),
    ("limits.settle_ms", &["limits", "settle_ms"]),
];

/// The control of a key.
pub fn find(key: &str) -> Option<&'static Control> {
    CONTROLS.iter().find(|control| control.key == key)
}

/// Where librdkafka, the library under most Python, Go, C and .NET clients, differs from the Java client in what a setting does.
/// Source: librdkafka's CONFIGURATION.md and the recordings in `tests/reference/kafka`.
pub fn of_librdkafka(key: &str) -> Option<&'static str> {
    Some(match key {
        "enable.idempotence" => "librdkafka: off by default.",
        "retries" => "librdkafka: NOT_LEADER_OR_FOLLOWER is repeated and not counted, also with 0.",
        "max.in.flight.requests.per.connection" => {
            "librdkafka: 1000000 by default; 1 does not keep the order of repeats, and after a broken connection repeats go in the old order."
        }
        "batch.size" => "librdkafka: 1000000 bytes and at most 10000 records by default.",
        "delivery.timeout.ms" => "librdkafka: 300000 ms by default.",
        "request.timeout.ms" => "librdkafka: looks for overdue requests about once a second.",
        "isolation.level" => "librdkafka: read_committed by default.",
        "enable.auto.commit" => {
            "librdkafka: a timer commits whatever was handed out, worked on or not."
        }
        "transaction.version" => "librdkafka: uses version 1.",
        _ => return None,
    })
}

impl Control {
    /// Its value in a scenario; none where the scenario has no such section, or uses another engine or sink.
    pub fn value(&self, scenario: &Scenario) -> Option<Value> {
        self.is_used(scenario)
            .then(|| self.in_force(scenario))
            .flatten()
    }

    /// What its place in a scenario says, or what is in force if it says nothing.
    fn in_force(&self, scenario: &Scenario) -> Option<Value> {
        let value = scenario.get(self.path)?;
        if !value.is_null() {
            return Some(value);
        }
        let producer = &scenario.producer;
        Some(match self.key {
            "delivery.timeout.ms" => json!(producer.delivery_timeout_ms()),
            "request.timeout.ms" => json!(producer.request_timeout_ms()),
            "batch.size" => json!(producer.batch_size()),
            "max.in.flight.requests.per.connection" => json!(producer.max_in_flight()),
            "retention.bytes" => json!(-1),
            "buffer.memory" => json!(producer.buffer_memory()),
            "max.block.ms" => json!(producer.max_block_ms()),
            _ => value,
        })
    }

    /// Whether the part that it belongs to takes part in the run.
    fn is_used(&self, scenario: &Scenario) -> bool {
        let (engine, sink, path) = match self.path {
            ["branches", name, path @ ..] => match scenario.branches.get(*name) {
                Some(branch) => (&branch.engine, &branch.sink, path),
                None => return false,
            },
            path => (&scenario.engine, &scenario.sink, path),
        };
        match path {
            ["engine", "spark", ..] => engine.kind == EngineKind::Spark,
            ["engine", "consumer", ..] | ["brokers", "group.initial.rebalance.delay.ms"] => {
                engine.kind == EngineKind::Consumer
            }
            ["engine", "flink", ..] => engine.kind == EngineKind::Flink,
            // The Flink sink's producers have a time-out of their own.
            ["sink", "kafka_topic", "output.transaction.timeout.ms"]
                if engine.kind == EngineKind::Flink =>
            {
                false
            }
            ["sink", "kafka_topic", ..] => sink.kind == SinkKind::KafkaTopic,
            // What only transactions read shows once there are some; the id is where they begin.
            [part @ ("brokers" | "producer"), key] if key.starts_with("transaction") => {
                let offsets = (engine.kind == EngineKind::Consumer
                    && engine.consumer.commit == Commit::Transaction)
                    || (engine.kind == EngineKind::Flink && sink.kind == SinkKind::KafkaTopic);
                (*key == "transactional.id" && super::FULL)
                    || scenario.producer.transactional_id.is_some()
                    || (*part == "brokers" && offsets)
            }
            ["sink", "hudi", ..] => sink.kind == SinkKind::Hudi,
            ["sink", "console", ..] => sink.kind == SinkKind::Console,
            ["sink", "database", ..] => sink.kind == SinkKind::Database,
            _ => true,
        }
    }

    /// Its value if nobody sets it.
    pub fn default(&self) -> Option<Value> {
        // A branch has the defaults of a branch, not of a scenario without it.
        match self.path {
            ["branches", _, rest @ ..] => Scenario::default().get(rest),
            _ => self.in_force(&Scenario::default()),
        }
    }

    pub fn patch(&self, value: Value) -> Patch {
        Patch::at(self.path, value)
    }

    /// What the learner typed or chose, as a value; or what would be accepted.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        match self.kind {
            Kind::Choice(values) => {
                let known = values.iter().find(|(value, _)| *value == text);
                let value = known.and_then(|(value, _)| serde_json::from_str(value).ok());
                value.ok_or_else(|| {
                    format!(
                        "{}: \"{text}\" is none of {}",
                        self.key,
                        values
                            .iter()
                            .map(|(_, label)| *label)
                            .collect::<Vec<_>>()
                            .join(", ")
                    )
                })
            }
            Kind::Whole { least, most, .. } => match text.trim().parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(json!(number)),
                _ => Err(format!(
                    "{}: \"{text}\" is no whole number from {least} to {most}",
                    self.key
                )),
            },
        }
    }

    /// A value as the page shows it.
    pub fn label(&self, value: &Value) -> String {
        let text = json::Text(value).to_string();
        match self.kind {
            Kind::Choice(values) => values
                .iter()
                .find(|(known, _)| *known == text)
                .map_or(text, |(_, label)| (*label).to_string()),
            Kind::Whole { .. } => text,
        }
    }
}

/// A setting's value as a check compares it: `cfg["acks"] == "1"`. Idempotence is what is in force.
pub fn setting(scenario: &Scenario, key: &str) -> Option<Value> {
    if key == "enable.idempotence" {
        return Some(json!(scenario.producer.idempotence()));
    }
    in_use(scenario, key)?.value(scenario)
}

/// The setting that is meant by a key in this scenario: engines have settings of the same name.
pub fn in_use(scenario: &Scenario, key: &str) -> Option<&'static Control> {
    let mut named = CONTROLS.iter().filter(|control| control.key == key);
    named.find(|control| control.value(scenario).is_some())
}

/// Keys whose value differs between two scenarios.
pub fn changed(from: &Scenario, to: &Scenario) -> Vec<&'static str> {
    CONTROLS
        .iter()
        .filter(|control| control.value(from) != control.value(to))
        .map(|control| control.key)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::catalog;
    use super::*;

    fn opening() -> Scenario {
        catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario()
    }

    /// The same with a plain consumer in place of the main query.
    fn consuming(opening: &Scenario) -> Scenario {
        let patch = Patch(
            json!({"engine": {"use": "consumer"}, "sink": {"use": "console"},
            "producer": {"transactional.id": "till", "enable.idempotence": null}}),
        );
        opening.patched(&patch).expect("valid")
    }

    /// The same with a Flink job.
    fn flinking(opening: &Scenario) -> Scenario {
        let patch = Patch(json!({"engine": {"use": "flink"}, "sink": {"use": "console"}}));
        opening.patched(&patch).expect("valid")
    }

    #[test]
    fn every_control_has_a_value_where_its_part_is_in_use_and_a_default() {
        let opening = opening();
        for control in CONTROLS {
            let topic = Patch(json!({"sink": {"use": "kafka_topic"}}));
            let consuming = consuming(&opening);
            let producing = consuming.patched(&topic).expect("valid");
            let job = flinking(&opening);
            let values = [&opening, &consuming, &producing, &job].map(|s| control.value(s));
            let expected = match control.group {
                _ if control.key == "transactional.id" => 4,
                "Spark" | "Flink" | "Hudi" | "Output" => 1,
                "Consumer" | "Transactions" | "Console" => 2,
                "Outside table" => 0,
                _ => 4,
            };
            assert_eq!(
                values.iter().flatten().count(),
                expected,
                "{} has a value where it is not in use, or none where it is",
                control.key
            );
            assert!(
                control.default().is_some(),
                "{} has no default",
                control.key
            );
            assert!(
                control.risk.split(' ').count() <= 12,
                "the risk of {} is longer than 12 words",
                control.key
            );
        }
    }

    #[test]
    fn every_choice_of_every_control_gives_a_scenario_or_the_real_clients_refusal() {
        let opening = opening();
        for control in CONTROLS {
            let scenario = if control.value(&opening).is_some() {
                opening.clone()
            } else if control.group == "Flink" {
                flinking(&opening)
            } else {
                consuming(&opening)
            };
            let topic = control.group == "Output" || control.key == "consumer.commit";
            let topic =
                Patch(json!({"sink": {"use": if topic { "kafka_topic" } else { "console" }}}));
            let scenario = scenario.patched(&topic).unwrap_or(scenario);
            let values: Vec<Value> = match control.kind {
                Kind::Choice(values) => values
                    .iter()
                    .map(|(value, _)| control.read(value).expect("it is offered"))
                    .collect(),
                Kind::Whole { least, most, .. } => vec![json!(least), json!(most)],
            };
            for value in values {
                if let Err(error) = scenario.patched(&control.patch(value)) {
                    assert!(
                        error.to_string().contains(control.key)
                            || error.to_string().contains("ConfigException"),
                        "{error}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_typed_is_read_or_refused_with_what_is_accepted() {
        let retries = find("retries").expect("there is one");
        assert_eq!(retries.read(" 3 "), Ok(json!(3)));
        assert_eq!(
            retries.read("many"),
            Err("retries: \"many\" is no whole number from 0 to 2147483647".into())
        );
    }

    #[test]
    fn every_assumed_constant_stands_in_the_scenario() {
        assert!(
            ASSUMED
                .iter()
                .all(|(_, path)| Scenario::default().get(path).is_some())
        );
    }
}
