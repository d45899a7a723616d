//! Exported configuration is read back as the real systems would read it: properties, a shell command, Python; real keys
//! only, and what a setting of ours stands for as the call that it is.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use streamproof::export::{Format, export};
use streamproof::sim::{Patch, Scenario, catalog};

fn scenario(id: &str, patch: &str) -> Scenario {
    let preset = catalog::find(id).expect("a preset");
    let patch = Patch::parse(patch).expect("a patch");
    preset.scenario().patched(&patch).expect("valid")
}

fn exported(format: Format, id: &str, patch: &str) -> String {
    export(&scenario(id, patch), format).expect("it has such a part")
}

/// As `java.util.Properties` reads it.
fn properties(text: &str) -> BTreeMap<String, String> {
    let mut read = BTreeMap::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (key, value) = line
            .split_once('=')
            .unwrap_or_else(|| panic!("no key and value: {line}"));
        assert!(
            key.chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)),
            "{line}"
        );
        let mut unescaped = String::new();
        let mut chars = value.chars();
        while let Some(c) = chars.next() {
            assert!((' '..='~').contains(&c), "{line}");
            unescaped.push(match (c, c == '\\') {
                (_, true) => match chars.next().expect("something is escaped") {
                    'u' => {
                        let digits: String = chars.by_ref().take(4).collect();
                        let unit = u32::from_str_radix(&digits, 16).expect("four digits");
                        char::from_u32(unit).unwrap_or('?')
                    }
                    other => other,
                },
                (c, false) => c,
            });
        }
        let before = read.insert(key.to_string(), unescaped);
        assert_eq!(before, None, "{key} stands there twice");
    }
    read
}

/// Settings that Kafka's own documentation lists, as far as scenarios have them.
const KAFKA: &[&str] = &[
    "acks",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "batch.size",
    "bootstrap.servers",
    "broker.heartbeat.interval.ms",
    "broker.session.timeout.ms",
    "buffer.memory",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.idempotence",
    "group.id",
    "group.initial.rebalance.delay.ms",
    "group.instance.id",
    "heartbeat.interval.ms",
    "isolation.level",
    "key.deserializer",
    "key.serializer",
    "linger.ms",
    "log.retention.check.interval.ms",
    "max.block.ms",
    "max.in.flight.requests.per.connection",
    "max.poll.interval.ms",
    "max.poll.records",
    "max.request.size",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "replica.fetch.backoff.ms",
    "replica.fetch.wait.max.ms",
    "replica.lag.time.max.ms",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "session.timeout.ms",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms",
    "transaction.max.timeout.ms",
    "transaction.partition.verification.enable",
    "transaction.timeout.ms",
    "transactional.id",
    "value.deserializer",
    "value.serializer",
];

#[test]
fn every_preset_exports_real_keys_in_valid_files() {
    for preset in catalog::all() {
        let scenario = preset.scenario();
        let formats = Format::in_use(&scenario);
        assert!(formats.len() >= 3, "{}", preset.id);
        for format in formats {
            let text = export(&scenario, format).expect("it is in use");
            // Each segment is a file of its own.
            for file in text.split("\n\n") {
                match format {
                    Format::Producer | Format::Consumer | Format::Brokers => {
                        for key in properties(file).keys() {
                            assert!(KAFKA.contains(&key.as_str()), "{}: {key}", preset.id);
                        }
                    }
                    Format::Hudi => {
                        for key in properties(file).keys() {
                            assert!(key.starts_with("hoodie."), "{}: {key}", preset.id);
                        }
                    }
                    Format::Topic | Format::Pyspark => {}
                }
            }
        }
    }
}

#[test]
fn a_producer_has_what_is_in_force_and_what_differs_from_the_default() {
    let plain = properties(&exported(
        Format::Producer,
        "order-billing",
        r#"{"producer": {"enable.idempotence": null}}"#,
    ));
    assert_eq!(plain["enable.idempotence"], "true");
    assert_eq!(plain["acks"], "all");
    assert!(!plain.contains_key("linger.ms") && !plain.contains_key("transaction.timeout.ms"));
    let changed = properties(&exported(
        Format::Producer,
        "order-billing",
        r#"{"producer": {"acks": "1", "linger.ms": 20, "enable.idempotence": null}}"#,
    ));
    assert_eq!(
        (
            &*changed["acks"],
            &*changed["linger.ms"],
            &*changed["enable.idempotence"]
        ),
        ("1", "20", "false")
    );
}

#[test]
fn a_transactional_producer_has_its_keys_and_its_calls() {
    let text = exported(
        Format::Producer,
        "order-billing",
        r#"{"producer": {"transactional.id": "till", "enable.idempotence": null, "transaction.timeout.ms": 9000, "transaction.on.abort": "drop"}}"#,
    );
    let file = properties(&text);
    assert_eq!(
        (&*file["transactional.id"], &*file["transaction.timeout.ms"]),
        ("till", "9000")
    );
    for call in [
        "initTransactions()",
        "commitTransaction() after 5 records or 1000 ms",
        "writes its records off",
    ] {
        assert!(text.contains(call), "{text}");
    }
}

#[test]
fn librdkafka_has_its_own_names() {
    let text = exported(
        Format::Producer,
        "order-billing",
        r#"{"producer": {"producer.client": "librdkafka", "delivery.timeout.ms": 5000, "request.timeout.ms": 900, "buffer.memory": 4194304, "max.block.ms": 7}}"#,
    );
    let file = properties(&text);
    assert_eq!(
        (&*file["message.timeout.ms"], &*file["socket.timeout.ms"]),
        ("5000", "900")
    );
    assert_eq!(file["queue.buffering.max.kbytes"], "4096");
    assert!(!file.contains_key("key.serializer"));
    assert!(text.contains("# librdkafka has no max.block.ms"));
}

#[test]
fn a_consumer_has_its_keys_and_says_when_it_commits() {
    for (patch, calls) in [
        (
            r#"{"engine": {"consumer": {"consumer.commit": "before"}}}"#,
            "poll(), commitSync(), then the work",
        ),
        (
            r#"{"engine": {"consumer": {"consumer.commit": "after", "consumer.commit.call": "async"}}}"#,
            "the work on the records, then commitAsync()",
        ),
        (
            r#"{"engine": {"consumer": {"consumer.commit": "auto"}}}"#,
            "it never commits by itself",
        ),
    ] {
        let text = exported(Format::Consumer, "zombie-consumer", patch);
        assert!(text.contains(calls), "{text}");
        let file = properties(&text);
        assert_eq!(file["group.id"], "orders");
        assert!(file.contains_key("enable.auto.commit") && file.contains_key("auto.offset.reset"));
        assert!(!file.contains_key("consumer.commit"));
    }
    assert!(export(&scenario("order-billing", "{}"), Format::Consumer).is_err());
}

/// Whether a program of this machine takes the text without a complaint; true where there is no such program.
fn accepts(program: &str, arguments: &[&str], text: &str) -> bool {
    use std::io::Write;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return true;
    };
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin.write_all(text.as_bytes()).expect("the program reads");
    drop(stdin);
    child.wait().expect("it ends").success()
}

#[test]
fn the_topic_is_created_by_one_command() {
    let text = exported(
        Format::Topic,
        "order-billing",
        r#"{"topic": {"partitions": 3, "retention.ms": 5000, "unclean.leader.election.enable": true}}"#,
    );
    assert!(accepts("sh", &["-n"], &text), "{text}");
    let command: Vec<&str> = text
        .lines()
        .skip(1)
        .flat_map(str::split_whitespace)
        .filter(|word| *word != "\\")
        .collect();
    assert_eq!(command[0], "kafka-topics.sh");
    let after = |option: &str| {
        command
            .iter()
            .zip(&command[1..])
            .filter(|(word, _)| **word == option)
            .map(|(_, value)| *value)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (
            after("--topic"),
            after("--partitions"),
            after("--replication-factor")
        ),
        (vec!["orders"], vec!["3"], vec!["3"])
    );
    assert_eq!(
        after("--config"),
        [
            "min.insync.replicas=2",
            "unclean.leader.election.enable=true",
            "retention.ms=5000"
        ]
    );
}

/// Brackets close in their order, and every text ends on its line: what Python asks for before anything else.
fn check_structure(python: &str) {
    let mut open = Vec::new();
    for line in python.lines() {
        let mut in_text = false;
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' if in_text => {
                    chars.next();
                }
                '"' => in_text = !in_text,
                '#' if !in_text => break,
                '(' | '[' | '{' if !in_text => open.push(c),
                ')' | ']' | '}' if !in_text => {
                    let begun = open
                        .pop()
                        .unwrap_or_else(|| panic!("closes nothing: {line}"));
                    assert!(
                        ["()", "[]", "{}"].contains(&format!("{begun}{c}").as_str()),
                        "{line}"
                    );
                }
                _ => {}
            }
        }
        assert!(!in_text, "a text does not end: {line}");
    }
    assert_eq!(open, [], "brackets that stay open");
}

const PARSE: &str = "import ast, sys; ast.parse(sys.stdin.read())";

#[test]
fn every_spark_job_is_python() {
    let hostile = r#"{"title": "a\"\"\"\nimport os # \\ ü", "sink": {"hudi": {"hoodie.datasource.write.streaming.checkpoint.identifier": "x\"\n\\"}},
        "branches": {"import": {"engine": {"use": "spark"}}, "1st-lambda": {"sink": {"hudi": {"sink.writer": "foreach_batch"}}}}}"#;
    let mut jobs = vec![exported(Format::Pyspark, "order-billing", hostile)];
    for preset in catalog::all() {
        jobs.extend(export(&preset.scenario(), Format::Pyspark));
    }
    for job in jobs {
        check_structure(&job);
        assert!(accepts("python3", &["-c", PARSE], &job), "{job}");
    }
    // The check itself can fail.
    assert!(
        !accepts("python3", &["-c", PARSE], "(")
            || !accepts("sh", &["-c", "! command -v python3"], "")
    );
}

#[test]
fn a_spark_job_has_options_under_their_keys_and_ours_as_calls() {
    let job = exported(
        Format::Pyspark,
        "order-billing",
        r#"{"engine": {"spark": {"trigger": 0, "maxOffsetsPerTrigger": 9, "spark.task.maxFailures": 1, "checkpointLocation": "lost"}},
            "sink": {"hudi": {"sink.writer": "foreach_batch", "hoodie.datasource.write.recordkey.field": "kafka_offset"}},
            "branches": {"revenue": {"engine": {"spark": {"trigger": 250, "watermark.delay": 700}}}}}"#,
    );
    for expected in [
        r#".config("spark.task.maxFailures", "1")"#,
        r#".option("startingOffsets", "earliest")"#,
        r#".option("maxOffsetsPerTrigger", "9")"#,
        r#".option("checkpointLocation", "file:///tmp/checkpoints/orders")"#,
        r#".option("checkpointLocation", "s3a://lake/checkpoints/revenue")"#,
        r#".withWatermark("event_time", "700 milliseconds")"#,
        r#".groupBy(F.window("event_time", "60000 milliseconds"))"#,
        r#".trigger(processingTime="250 milliseconds")"#,
        r#"F.concat_ws("-", "partition", "offset").alias("kafka_offset")"#,
        ".foreachBatch(write_orders)",
        r#""hoodie.datasource.write.recordkey.field": "kafka_offset""#,
    ] {
        assert!(job.contains(expected), "{expected} is missing in\n{job}");
    }
    for ours in [
        "\"trigger\"",
        "watermark.delay",
        "window.size",
        "sink.writer",
        "task_us",
        "executors",
    ] {
        assert!(!job.contains(ours), "{ours} is no setting of Spark\n{job}");
    }
    assert_eq!(job.matches(".trigger(").count(), 1, "0 is Spark's default");
}

#[test]
fn a_format_is_named_or_refused_with_those_there_are() {
    assert_eq!(Format::find("hudi"), Ok(Format::Hudi));
    let error = Format::find("pyspak").expect_err("there is none");
    assert!(
        error.contains("did you mean \"pyspark\"?") && error.contains("consumer"),
        "{error}"
    );
}
