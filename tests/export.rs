//! Exported configuration is read back as the real systems would read it: properties, a shell command, Python; real keys
//! only, and what a setting of ours stands for as the call that it is.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use streamproof::export::flink::java::FILE;
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
                    Format::Topic | Format::Pyspark | Format::FlinkJava | Format::FlinkSql => {}
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

/// Brackets close in their order, and every text ends on its line; `comment` begins what is not read to a line's end.
fn check_brackets<'a>(lines: impl Iterator<Item = &'a str>, comment: Option<char>) {
    let mut open = Vec::new();
    for line in lines {
        let mut in_text = false;
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' if in_text => {
                    chars.next();
                }
                '"' => in_text = !in_text,
                _ if !in_text && Some(c) == comment => break,
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

/// What Python asks for before anything else.
fn check_structure(python: &str) {
    check_brackets(python.lines(), Some('#'));
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

/// Classes of Flink 2.x, its Kafka connector and Hudi's Flink bundle, by their files: `flink-runtime`, `flink-core`,
/// `flink-table-common` and `flink-json` of apache/flink, `flink-connector-kafka` of apache/flink-connector-kafka, and
/// `hudi-flink` of apache/hudi. The others are of Java.
const CLASSES: &[&str] = &[
    "java.time.Duration",
    "java.time.Instant",
    "java.util.HashMap",
    "java.util.Map",
    "java.util.UUID",
    "org.apache.flink.api.common.eventtime.WatermarkStrategy",
    "org.apache.flink.configuration.Configuration",
    "org.apache.flink.connector.base.DeliveryGuarantee",
    "org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema",
    "org.apache.flink.connector.kafka.sink.KafkaSink",
    "org.apache.flink.connector.kafka.source.KafkaSource",
    "org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer",
    "org.apache.flink.formats.json.JsonDeserializationSchema",
    "org.apache.flink.formats.json.JsonSerializationSchema",
    "org.apache.flink.streaming.api.datastream.DataStream",
    "org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator",
    "org.apache.flink.streaming.api.environment.StreamExecutionEnvironment",
    "org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction",
    "org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows",
    "org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows",
    "org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows",
    "org.apache.flink.streaming.api.windowing.windows.TimeWindow",
    "org.apache.flink.table.data.GenericRowData",
    "org.apache.flink.table.data.RowData",
    "org.apache.flink.table.data.TimestampData",
    "org.apache.flink.util.Collector",
    "org.apache.flink.util.OutputTag",
    "org.apache.hudi.util.HoodiePipeline",
];

/// Keys that a Flink job or a table of it may set: the tables of Flink's configuration (2.0), of its Kafka table connector, of
/// watermarks in SQL (`scan.watermark.*`), and Hudi's `FlinkOptions`.
const FLINK: &[&str] = &[
    "connector",
    "execution.buffer-timeout.interval",
    "execution.checkpointing.aligned-checkpoint-timeout",
    "execution.checkpointing.interval",
    "execution.checkpointing.max-concurrent-checkpoints",
    "execution.checkpointing.min-pause",
    "execution.checkpointing.mode",
    "execution.checkpointing.timeout",
    "execution.checkpointing.tolerable-failed-checkpoints",
    "execution.checkpointing.unaligned.enabled",
    "format",
    "json.timestamp-format.standard",
    "index.type",
    "ordering.fields",
    "parallelism.default",
    "path",
    "pipeline.auto-watermark-interval",
    "properties.bootstrap.servers",
    "properties.group.id",
    "properties.isolation.level",
    "properties.transaction.timeout.ms",
    "record.merge.mode",
    "restart-strategy.exponential-delay.initial-backoff",
    "restart-strategy.exponential-delay.max-backoff",
    "restart-strategy.exponential-delay.reset-backoff-threshold",
    "restart-strategy.failure-rate.delay",
    "restart-strategy.failure-rate.failure-rate-interval",
    "restart-strategy.failure-rate.max-failures-per-interval",
    "restart-strategy.fixed-delay.attempts",
    "restart-strategy.fixed-delay.delay",
    "restart-strategy.type",
    "scan.startup.mode",
    "scan.watermark.alignment.group",
    "scan.watermark.alignment.max-drift",
    "scan.watermark.alignment.update-interval",
    "scan.watermark.idle-timeout",
    "sink.delivery-guarantee",
    "sink.transactional-id-prefix",
    "table.type",
    "topic",
    "write.operation",
];

/// A text in which nobody would want to be quoted.
const HOSTILE: &str = r#"{"title": "a\"*/ ' ; \\u000a } -- \n ü", "engine": {"flink": {"sink.transactional-id-prefix": "x'\"\\"}},
    "branches": {"import": {"engine": {"use": "flink", "flink": {"window.type": "sliding", "late.side.output": true, "execution.checkpointing.unaligned.enabled": true}}, "sink": {"use": "console"}},
        "class": {"engine": {"use": "flink", "flink": {"window.type": "session", "window.offset": -5, "watermark.alignment.max.drift": 70}}, "sink": {"use": "hudi"}},
        "1st": {"from": "main", "engine": {"use": "flink", "flink": {"restart-strategy.type": "failure-rate", "restart-strategy.failure-rate.delay": 7}}, "sink": {"use": "kafka_topic"}}}}"#;

/// Every Flink job that there is, and one that is hard to write.
fn flink_jobs(format: Format) -> Vec<String> {
    let mut jobs = vec![exported(format, "flink-transaction-timeout", HOSTILE)];
    for preset in catalog::all() {
        jobs.extend(export(&preset.scenario(), format));
    }
    jobs
}

#[test]
fn every_flink_job_is_java_and_imports_what_is_there() {
    let mut files = 0;
    for job in flink_jobs(Format::FlinkJava) {
        for file in job.split(FILE).skip(1) {
            files += 1;
            check_java(file);
            let folder =
                std::env::temp_dir().join(format!("streamproof-{}-{files}", std::process::id()));
            std::fs::create_dir_all(&folder).expect("a folder");
            let (name, code) = file.split_once('\n').expect("a name and the code");
            assert!(code.contains(&format!(
                "public class {} {{",
                name.trim_end_matches(".java")
            )));
            let path = folder.join(name);
            std::fs::write(&path, code).expect("written");
            let path = path.to_str().expect("a plain path");
            // It parses and goes no further: the classes are not here.
            let parses = accepts("javac", &["-XDshould-stop.ifNoError=PARSE", path], "");
            std::fs::remove_dir_all(&folder).expect("it can be removed");
            assert!(parses, "{code}");
        }
    }
    assert!(files > 12);
}

/// Brackets close in order outside of texts and comments, and every import is of a class that there is and used.
fn check_java(file: &str) {
    let lines = || {
        let lines = file.lines().skip(1);
        lines.filter(|line| !line.trim_start().starts_with("//"))
    };
    for class in lines().filter_map(|line| line.strip_prefix("import ")) {
        let class = class.trim_end_matches(';');
        assert!(CLASSES.contains(&class), "{class}");
        let short = class.rsplit('.').next().expect("a name");
        assert!(file.matches(short).count() > 1, "{class} is not used");
    }
    check_brackets(lines(), None);
}

/// The statements of a script: what lies between semicolons outside of texts, without comments.
fn statements(sql: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let mut text = false;
    for line in sql.lines().filter(|line| !line.starts_with("--")) {
        for c in line.chars() {
            text ^= c == '\'';
            if c == ';' && !text {
                statements.push(String::new());
            } else {
                statements.last_mut().expect("one is begun").push(c);
            }
        }
        assert!(!text, "a text does not end: {line}");
        statements.last_mut().expect("one is begun").push('\n');
    }
    let rest = statements.pop().expect("one is begun");
    assert_eq!(rest.trim(), "", "a statement without its semicolon");
    statements
        .into_iter()
        .map(|text| text.trim().to_string())
        .collect()
}

/// No parser of Rust knows `WATERMARK FOR`, `DESCRIPTOR` and `NOT ENFORCED`, so statements are taken apart here.
#[test]
fn every_flink_script_is_settings_two_tables_and_a_query_with_real_keys() {
    for script in flink_jobs(Format::FlinkSql) {
        for file in script.split("\n-- Flink SQL ") {
            let file = if file.starts_with("-- Flink SQL ") {
                file.to_string()
            } else {
                format!("-- {file}")
            };
            let statements = statements(&file);
            let settings = statements
                .iter()
                .take_while(|text| text.starts_with("SET "))
                .count();
            let rest: Vec<&String> = statements.iter().skip(settings).collect();
            let [source, sink, query] = rest.as_slice() else {
                panic!("{rest:?}");
            };
            assert!(
                source.starts_with("CREATE TABLE orders_in (")
                    && sink.starts_with("CREATE TABLE orders_out (")
            );
            assert!(
                query.starts_with("INSERT INTO orders_out\nSELECT "),
                "{query}"
            );
            for text in &statements {
                assert_eq!(
                    text.matches('(').count(),
                    text.matches(')').count(),
                    "{text}"
                );
            }
            for line in file
                .lines()
                .filter(|line| line.contains("' = '") && !line.starts_with("--"))
            {
                let key = line.split('\'').nth(1).expect("a key in quotes");
                assert!(FLINK.contains(&key) || key.starts_with("hoodie."), "{key}");
            }
        }
    }
}

#[test]
fn a_flink_job_has_its_settings_under_their_keys_and_ours_as_calls() {
    let patch = r#"{"engine": {"flink": {"execution.checkpointing.unaligned.enabled": true, "restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.attempts": 9,
        "watermark.delay": 700, "watermark.idleness": 900, "watermark.alignment.max.drift": 40, "watermark.alignment.update.interval": 20, "properties.isolation.level": "read_committed"}}}"#;
    let java = exported(Format::FlinkJava, "flink-transaction-timeout", patch);
    let sql = exported(Format::FlinkSql, "flink-transaction-timeout", patch);
    for expected in [
        r#"settings.put("execution.checkpointing.interval", "1000 ms");"#,
        r#"settings.put("execution.checkpointing.mode", "EXACTLY_ONCE");"#,
        r#"settings.put("execution.checkpointing.unaligned.enabled", "true");"#,
        r#"settings.put("restart-strategy.fixed-delay.attempts", "9");"#,
        "forBoundedOutOfOrderness(Duration.ofMillis(700))",
        ".withIdleness(Duration.ofMillis(900))",
        r#".withWatermarkAlignment("orders", Duration.ofMillis(40), Duration.ofMillis(20))"#,
        r#".setProperty("isolation.level", "read_committed")"#,
        ".setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)",
        r#".setTransactionalIdPrefix("flink")"#,
        r#".setProperty("transaction.timeout.ms", "3000")"#,
        "// config.yaml of the cluster: high-availability.type: kubernetes",
    ] {
        assert!(java.contains(expected), "{expected} is missing in\n{java}");
    }
    for expected in [
        "SET 'execution.checkpointing.interval' = '1000 ms';",
        "SET 'restart-strategy.type' = 'fixed-delay';",
        // One ms more than the DataStream job: SQL has no -1.
        "WATERMARK FOR event_time AS event_time - INTERVAL '0.701' SECOND",
        "'scan.watermark.idle-timeout' = '900 ms'",
        "'scan.watermark.alignment.max-drift' = '40 ms'",
        "'sink.delivery-guarantee' = 'exactly-once'",
        "'sink.transactional-id-prefix' = 'flink'",
        "'properties.transaction.timeout.ms' = '3000'",
    ] {
        assert!(sql.contains(expected), "{expected} is missing in\n{sql}");
    }
    for ours in [
        "watermark.delay",
        "window.",
        "heartbeat.interval\"",
        "work_us",
        "sink.commit",
        "flink.release",
    ] {
        assert!(
            !java.contains(ours) && !sql.contains(ours),
            "{ours} is no setting of a job"
        );
    }
    let windows = r#"{"engine": {"flink": {"late.side.output": true, "window.type": "sliding", "window.size": 200000, "window.slide": 100000}}}"#;
    let java = exported(Format::FlinkJava, "flink-refires", windows);
    assert!(java.contains(
        "SlidingEventTimeWindows.of(Duration.ofMillis(200000), Duration.ofMillis(100000))"
    ));
    assert!(
        java.contains(".allowedLateness(Duration.ofMillis(5000))")
            && java.contains(".sideOutputLateData(late)")
    );
    let sql = exported(Format::FlinkSql, "flink-refires", windows);
    let hop = "HOP(TABLE orders_in, DESCRIPTOR(event_time), INTERVAL '0 00:01:40.000' DAY TO SECOND, INTERVAL '0 00:03:20.000' DAY TO SECOND)";
    assert!(sql.contains(hop), "{sql}");
    assert!(sql.contains("-- windows of SQL have no allowed lateness (5000 ms"));
    let table =
        r#"{"sink": {"use": "hudi", "hudi": {"hoodie.table.ordering.fields": "event_ts"}}}"#;
    let java = exported(Format::FlinkJava, "flink-plain-sink", table);
    assert!(
        java.contains("HoodiePipeline.builder(\"orders\")") && java.contains(".pk(\"order_id\")"),
        "{java}"
    );
    assert!(java.contains(r#"table.put("ordering.fields", "event_time");"#));
    assert!(export(&scenario("order-billing", "{}"), Format::FlinkSql).is_err());
}
