//! Kafka's part: properties of producer, consumers and brokers, and the command that creates the topic.

use super::{Properties, Segment, Settings, one_line};
use crate::sim::{Scenario, control};
use serde_json::Value;

const SERVERS: &str = "localhost:9092";

/// Keys of a scenario's producer that `ProducerConfig` has, with the names that librdkafka has for them; empty: it has none.
const PRODUCER: &[(&str, &str)] = &[
    ("acks", "acks"),
    ("enable.idempotence", "enable.idempotence"),
    ("retries", "retries"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("request.timeout.ms", "socket.timeout.ms"),
    ("linger.ms", "linger.ms"),
    ("batch.size", "batch.size"),
    (
        "max.in.flight.requests.per.connection",
        "max.in.flight.requests.per.connection",
    ),
    ("retry.backoff.ms", "retry.backoff.ms"),
    ("retry.backoff.max.ms", "retry.backoff.max.ms"),
    ("reconnect.backoff.ms", "reconnect.backoff.ms"),
    ("reconnect.backoff.max.ms", "reconnect.backoff.max.ms"),
    ("max.request.size", "message.max.bytes"),
    ("buffer.memory", "queue.buffering.max.kbytes"),
    ("max.block.ms", ""),
    ("transactional.id", "transactional.id"),
    ("transaction.timeout.ms", "transaction.timeout.ms"),
];

/// Keys that are about transactions: nothing to set where there are none.
fn of_transactions(key: &str) -> bool {
    key.starts_with("transaction.")
}

/// Whether a key is written even where it has its default.
fn is_taught(section: &str, key: &str) -> bool {
    control::CONTROLS.iter().any(|control| {
        control.teaching && control.key == key && control.path.first() == Some(&section)
    })
}

pub fn producer(scenario: &Scenario, whole: &Value) -> String {
    let settings = Settings(&whole["producer"]);
    let default = Scenario::default().to_value();
    let librdkafka = settings.is("producer.client", "librdkafka");
    let transactional = settings.get("transactional.id").is_some();
    let mut file = Properties::default();
    let client = if librdkafka {
        "librdkafka"
    } else {
        "Java client"
    };
    file.comment(&format!("Producer of \"{}\" ({client})", scenario.title));
    file.set("bootstrap.servers", SERVERS);
    if !librdkafka {
        let serializer = "org.apache.kafka.common.serialization.StringSerializer";
        file.set("key.serializer", serializer);
        file.set("value.serializer", serializer);
    }
    for &(key, other) in PRODUCER {
        let in_force = || control::setting(scenario, key).filter(|value| !value.is_null());
        let plain = |value: Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_string)
        };
        let value = match settings.unlike(&default["producer"], key) {
            Some(value) => Some(value),
            None if is_taught("producer", key) => in_force().map(plain),
            None => None,
        };
        let Some(value) = value.filter(|_| transactional || !of_transactions(key)) else {
            continue;
        };
        match (librdkafka, other) {
            (false, _) => file.set(key, &value),
            (true, "") => file.comment(&format!("librdkafka has no {key}")),
            (true, "queue.buffering.max.kbytes") => {
                let bytes: u64 = value.parse().unwrap_or(0);
                file.set(other, &(bytes / 1024).max(1).to_string());
            }
            (true, other) => file.set(other, &value),
        }
    }
    file.comment("The application:");
    for (key, value, says) in [
        (
            "app.record.key",
            "customer",
            "new ProducerRecord(topic, customer, order): the key is the customer",
        ),
        (
            "app.record.key",
            "none",
            "new ProducerRecord(topic, order): no key",
        ),
        (
            "app.on.error",
            "write_off",
            "the callback of send() writes a failed order off",
        ),
        (
            "app.on.error",
            "send_again",
            "the callback of send() calls send() once more for a failed order",
        ),
    ] {
        if settings.is(key, value) {
            file.comment(&format!("  {says}"));
        }
    }
    if transactional {
        let count = |key| settings.get(key).unwrap_or_default();
        file.comment(
            "  initTransactions() once, then beginTransaction(), send(), commitTransaction()",
        );
        file.comment(&format!(
            "  commitTransaction() after {} records or {} ms",
            count("transaction.records"),
            count("transaction.ms")
        ));
        if settings.is("transactional.id.suffix", "random") {
            file.comment("  it adds a random suffix to transactional.id at every start: the mistake of this scenario");
        }
        file.comment(if settings.is("transaction.on.abort", "drop") {
            "  after abortTransaction() it writes its records off"
        } else {
            "  after abortTransaction() it sends its records again"
        });
    }
    file.0
}

/// Keys of a scenario's consumer that `ConsumerConfig` has, and whether librdkafka has them too.
const CONSUMER: &[(&str, bool)] = &[
    ("enable.auto.commit", true),
    ("auto.commit.interval.ms", true),
    ("auto.offset.reset", true),
    ("isolation.level", true),
    ("max.poll.records", false),
    ("max.poll.interval.ms", true),
    ("session.timeout.ms", true),
    ("heartbeat.interval.ms", true),
];

pub fn consumer(whole: &Value, segment: &Segment) -> String {
    let settings = segment.engine();
    let default = Scenario::default().to_value();
    let default = &default["engine"]["consumer"];
    let librdkafka = settings.is("consumer.client", "librdkafka");
    let title = whole["title"].as_str().unwrap_or_default();
    let mut file = Properties::default();
    let client = if librdkafka {
        "librdkafka"
    } else {
        "Java client"
    };
    file.comment(&format!(
        "Consumer \"{}\" of \"{title}\" ({client})",
        segment.title()
    ));
    file.set("bootstrap.servers", SERVERS);
    file.set("group.id", &segment.title());
    if !librdkafka {
        let deserializer = "org.apache.kafka.common.serialization.StringDeserializer";
        file.set("key.deserializer", deserializer);
        file.set("value.deserializer", deserializer);
    }
    for &(key, both) in CONSUMER {
        let value = settings.unlike(default, key);
        let taught = ["enable.auto.commit", "auto.offset.reset"].contains(&key);
        if let Some(value) = value.or_else(|| taught.then(|| settings.get(key)).flatten()) {
            if librdkafka && !both {
                file.comment(&format!("librdkafka has no {key}"));
            } else {
                file.set(key, &value);
            }
        }
    }
    if librdkafka {
        let store = settings.get("enable.auto.offset.store").unwrap_or_default();
        file.set("enable.auto.offset.store", &store);
    }
    if let Some(id) = settings.get("group.instance.id") {
        file.comment("each process has a number of its own behind this");
        file.set("group.instance.id", &format!("{id}-1"));
    }
    file.comment("The application:");
    let call = if settings.is("consumer.commit.call", "async") {
        "commitAsync()"
    } else {
        "commitSync()"
    };
    let commit = match settings.get("consumer.commit").as_deref() {
        Some("before") => format!("poll(), {call}, then the work on the records"),
        Some("after") => format!("poll(), the work on the records, then {call}"),
        Some("transaction") => "poll(), beginTransaction(), send() of the results, sendOffsetsToTransaction(), commitTransaction()".into(),
        _ => "poll(), then the work on the records; it never commits by itself".into(),
    };
    file.comment(&format!("  {commit}"));
    if let Some(threads) = settings
        .get("consumer.pool")
        .filter(|threads| threads != "0")
    {
        file.comment(&format!(
            "  the work is handed to {threads} threads, and the loop does not wait for them"
        ));
    }
    match (segment.sink, segment.sink().get("dedup").as_deref()) {
        ("console", Some("upsert")) => file.comment("  an effect replaces an earlier one of the same order: INSERT ... ON CONFLICT DO UPDATE"),
        ("console", Some("store")) => file.comment("  the ids it has worked on are stored with the effects: INSERT ... ON CONFLICT DO NOTHING"),
        ("kafka_topic", _) => {
            if settings.is("consumer.commit", "transaction") {
                let timeout = segment.sink().get("output.transaction.timeout.ms").unwrap_or_default();
                file.comment(&format!("  its producer: transactional.id=<one for each process>, transaction.timeout.ms={timeout}"));
            }
            let level = segment.sink().get("output.isolation.level").unwrap_or_default();
            file.comment(&format!("  whoever reads the output: isolation.level={level}"));
        }
        _ => {}
    }
    file.0
}

/// Settings of a topic, as `--config` takes them.
const TOPIC: &[&str] = &[
    "min.insync.replicas",
    "unclean.leader.election.enable",
    "max.message.bytes",
    "retention.ms",
    "retention.bytes",
];

pub fn topic(whole: &Value) -> String {
    let settings = Settings(&whole["topic"]);
    let default = Scenario::default().to_value();
    let get = |key: &str| settings.get(key).unwrap_or_default();
    let mut text = format!(
        "# Topic of \"{}\"\nkafka-topics.sh --bootstrap-server {SERVERS} --create --topic {} --partitions {} --replication-factor {}",
        one_line(whole["title"].as_str().unwrap_or_default()),
        get("name"),
        get("partitions"),
        get("replication.factor")
    );
    for key in TOPIC {
        let value = settings.unlike(&default["topic"], key);
        let taught = || is_taught("topic", key).then(|| settings.get(key)).flatten();
        if let Some(value) = value.or_else(taught) {
            text += &format!(" \\\n  --config {key}={value}");
        }
    }
    text + "\n"
}

/// Settings of brokers and controllers.
const BROKERS: &[&str] = &[
    "replica.lag.time.max.ms",
    "replica.fetch.wait.max.ms",
    "replica.fetch.backoff.ms",
    "broker.heartbeat.interval.ms",
    "broker.session.timeout.ms",
    "log.retention.check.interval.ms",
    "group.initial.rebalance.delay.ms",
    "transaction.max.timeout.ms",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms",
    "transaction.partition.verification.enable",
];

pub fn brokers(whole: &Value) -> String {
    let settings = Settings(&whole["brokers"]);
    let default = Scenario::default().to_value();
    let mut file = Properties::default();
    let title = whole["title"].as_str().unwrap_or_default();
    let count = settings.get("count").unwrap_or_default();
    file.comment(&format!(
        "server.properties of each of the {count} brokers of \"{title}\""
    ));
    for key in BROKERS {
        if let Some(value) = settings.unlike(&default["brokers"], key) {
            file.set(key, &value);
        }
    }
    for feature in ["transaction.version", "eligible.leader.replicas.version"] {
        if let Some(level) = settings.unlike(&default["brokers"], feature) {
            file.comment(&format!(
                "kafka-features.sh --bootstrap-server {SERVERS} upgrade --feature {feature}={level}"
            ));
        }
    }
    file.0
}
