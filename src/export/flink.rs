//! Flink's part: a DataStream job in Java and the same in SQL, one of each for every segment that Flink runs.
//!
//! Mirrors: Flink 2.x with the Kafka connector (`KafkaSource`, `KafkaSink`, the table connector `kafka`) and Hudi's
//! `HoodiePipeline` and table connector `hudi`. Settings of the cluster cannot be set by a job and are lines of `config.yaml`.

use super::{Segment, Settings, one_line};
use crate::sim::Scenario;
use serde_json::{Value, json};

/// Settings that a job may bring along, and whether their value is a time in ms.
const JOB: &[(&str, bool)] = &[
    ("parallelism.default", false),
    ("execution.checkpointing.interval", true),
    ("execution.checkpointing.mode", false),
    ("execution.checkpointing.timeout", true),
    ("execution.checkpointing.min-pause", true),
    ("execution.checkpointing.max-concurrent-checkpoints", false),
    (
        "execution.checkpointing.tolerable-failed-checkpoints",
        false,
    ),
    ("execution.checkpointing.unaligned.enabled", false),
    ("execution.checkpointing.aligned-checkpoint-timeout", true),
    ("restart-strategy.type", false),
    ("restart-strategy.fixed-delay.attempts", false),
    ("restart-strategy.fixed-delay.delay", true),
    ("restart-strategy.exponential-delay.initial-backoff", true),
    ("restart-strategy.exponential-delay.max-backoff", true),
    (
        "restart-strategy.exponential-delay.reset-backoff-threshold",
        true,
    ),
    (
        "restart-strategy.failure-rate.max-failures-per-interval",
        false,
    ),
    ("restart-strategy.failure-rate.failure-rate-interval", true),
    ("restart-strategy.failure-rate.delay", true),
    ("pipeline.auto-watermark-interval", true),
    ("execution.buffer-timeout.interval", true),
];

/// Settings of the cluster.
const CLUSTER: &[(&str, bool)] = &[
    ("execution.checkpointing.num-retained", false),
    ("high-availability.type", false),
    ("heartbeat.interval", true),
    ("heartbeat.timeout", true),
];

/// Before each file of Java.
pub const FILE: &str = "// file: ";

const SERVERS: &str = "localhost:9092";

/// A text in quotes, as Java has it; JSON's escapes are Java's.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

/// A text in quotes, as SQL has it.
fn literal(text: &str) -> String {
    format!("'{}'", one_line(text).replace('\'', "''"))
}

/// A name that both languages accept.
fn name(segment: &Segment) -> String {
    segment.title().replace('-', "_")
}

/// The settings of a list that are not what nobody needs to set, as Flink reads them.
fn set(settings: Settings, list: &[(&'static str, bool)]) -> Vec<(&'static str, String)> {
    let default = Scenario::default().to_value();
    let default = &default["engine"]["flink"];
    let checkpoints = settings.get("execution.checkpointing.interval").is_some();
    let strategy = settings.get("restart-strategy.type").unwrap_or_default();
    let mut set = Vec::new();
    for &(key, time) in list {
        // Of the strategies, only what belongs to the one in use.
        let other = key
            .strip_prefix("restart-strategy.")
            .is_some_and(|rest| rest != "type" && !rest.starts_with(&format!("{strategy}.")));
        let taught = key == "execution.checkpointing.mode" && checkpoints;
        let value = settings.unlike(default, key);
        let value = value.or_else(|| taught.then(|| settings.get(key)).flatten());
        if let Some(value) = value.filter(|_| !other) {
            set.push((key, if time { format!("{value} ms") } else { value }));
        }
    }
    set
}

fn prefix(settings: Settings) -> String {
    let prefix = settings.get("sink.transactional-id-prefix");
    prefix.unwrap_or_else(|| "flink".into())
}

/// Hudi's options as Flink names them.
fn table(segment: &Segment) -> Vec<(String, String)> {
    let settings = Settings(&segment.sinks["hudi"]);
    let default = Scenario::default().to_value();
    let default = &default["sink"]["hudi"];
    let get = |key: &str| settings.get(key).unwrap_or_default();
    let ordering = settings.get("hoodie.table.ordering.fields");
    let mut options = vec![
        (
            "path".to_string(),
            format!("s3a://lake/tables/{}", name(segment)),
        ),
        (
            "table.type".to_string(),
            get("hoodie.datasource.write.table.type"),
        ),
        (
            "write.operation".to_string(),
            get("hoodie.datasource.write.operation"),
        ),
        // Its own default is a column `ts`.
        (
            "ordering.fields".to_string(),
            ordering.map_or("no_precombine".into(), |_| "event_time".into()),
        ),
    ];
    let keys = settings
        .0
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key);
    for key in keys.filter(|key| key.starts_with("hoodie.")) {
        let renamed = match key.as_str() {
            "hoodie.index.type" => "index.type",
            "hoodie.write.record.merge.mode" => "record.merge.mode",
            // The others of a data source are Spark's.
            key if key.starts_with("hoodie.datasource.")
                || key == "hoodie.table.ordering.fields" =>
            {
                continue;
            }
            key => key,
        };
        if let Some(value) = settings.unlike(default, key) {
            options.push((renamed.to_string(), value));
        }
    }
    options
}

/// The columns of a row: name and type.
fn columns(windowed: bool) -> &'static [(&'static str, &'static str)] {
    if windowed {
        &[
            ("customer", "INT"),
            ("window_start", "TIMESTAMP_LTZ(3)"),
            ("amount", "BIGINT"),
        ]
    } else {
        &[
            ("order_id", "INT"),
            ("customer", "INT"),
            ("amount", "BIGINT"),
            ("event_time", "TIMESTAMP_LTZ(3)"),
        ]
    }
}

fn is_windowed(settings: Settings) -> bool {
    settings
        .get("window.type")
        .is_some_and(|kind| kind != "none")
}

/// What stands for the effect outside, which no connector has.
fn effect(segment: &Segment) -> Vec<String> {
    let mut says = vec!["print() stands for what is done outside".to_string()];
    match segment.sink().get("dedup").as_deref() {
        Some("upsert") => says.push("written by key: INSERT ... ON CONFLICT DO UPDATE".into()),
        Some("store") => {
            says.push("written once for each id: INSERT ... ON CONFLICT DO NOTHING".into())
        }
        _ => {}
    }
    if segment
        .engine()
        .is("sink.delivery-guarantee", "exactly-once")
    {
        says.push("exactly once takes a sink that implements SupportsCommitter: it is given its transactions to commit when a checkpoint is complete".into());
    }
    says
}

// ---- Java ------------------------------------------------------------------------------------------------------------

/// A class of the DataStream API and where it lies.
const CLASSES: &[(&str, &str)] = &[
    ("Duration", "java.time"),
    ("Instant", "java.time"),
    ("HashMap", "java.util"),
    ("Map", "java.util"),
    ("UUID", "java.util"),
    ("WatermarkStrategy", "org.apache.flink.api.common.eventtime"),
    ("Configuration", "org.apache.flink.configuration"),
    ("DeliveryGuarantee", "org.apache.flink.connector.base"),
    (
        "KafkaRecordSerializationSchema",
        "org.apache.flink.connector.kafka.sink",
    ),
    ("KafkaSink", "org.apache.flink.connector.kafka.sink"),
    ("KafkaSource", "org.apache.flink.connector.kafka.source"),
    (
        "OffsetsInitializer",
        "org.apache.flink.connector.kafka.source.enumerator.initializer",
    ),
    ("JsonDeserializationSchema", "org.apache.flink.formats.json"),
    ("JsonSerializationSchema", "org.apache.flink.formats.json"),
    ("DataStream", "org.apache.flink.streaming.api.datastream"),
    (
        "SingleOutputStreamOperator",
        "org.apache.flink.streaming.api.datastream",
    ),
    (
        "StreamExecutionEnvironment",
        "org.apache.flink.streaming.api.environment",
    ),
    (
        "ProcessWindowFunction",
        "org.apache.flink.streaming.api.functions.windowing",
    ),
    (
        "EventTimeSessionWindows",
        "org.apache.flink.streaming.api.windowing.assigners",
    ),
    (
        "SlidingEventTimeWindows",
        "org.apache.flink.streaming.api.windowing.assigners",
    ),
    (
        "TumblingEventTimeWindows",
        "org.apache.flink.streaming.api.windowing.assigners",
    ),
    (
        "TimeWindow",
        "org.apache.flink.streaming.api.windowing.windows",
    ),
    ("GenericRowData", "org.apache.flink.table.data"),
    ("RowData", "org.apache.flink.table.data"),
    ("TimestampData", "org.apache.flink.table.data"),
    ("Collector", "org.apache.flink.util"),
    ("OutputTag", "org.apache.flink.util"),
    ("HoodiePipeline", "org.apache.hudi.util"),
];

fn millis(settings: Settings, key: &str) -> String {
    let value = settings.get(key).unwrap_or_else(|| "0".into());
    format!("Duration.ofMillis({value})")
}

fn watermarks(settings: Settings) -> String {
    if settings.is("watermark.strategy", "none") {
        return "WatermarkStrategy.<Order>noWatermarks()".into();
    }
    let mut delay: u64 = settings
        .get("watermark.delay")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut text = String::new();
    if settings.is("watermark.strategy", "sql_row_expression") {
        // SQL takes away the delay alone, the DataStream API one ms more.
        delay = delay.saturating_sub(1);
    }
    text +=
        &format!("WatermarkStrategy.<Order>forBoundedOutOfOrderness(Duration.ofMillis({delay}))");
    text += "\n                .withTimestampAssigner((order, before) -> Instant.parse(order.event_time).toEpochMilli())";
    if settings.get("watermark.idleness").is_some() {
        text += &format!(
            "\n                .withIdleness({})",
            millis(settings, "watermark.idleness")
        );
    }
    if settings.get("watermark.alignment.max.drift").is_some() {
        text += &format!(
            "\n                .withWatermarkAlignment(\"orders\", {}, {})",
            millis(settings, "watermark.alignment.max.drift"),
            millis(settings, "watermark.alignment.update.interval")
        );
    }
    text
}

fn window(settings: Settings) -> String {
    let offset = settings.get("window.offset").filter(|offset| offset != "0");
    let offset = offset.map_or(String::new(), |offset| {
        format!(", Duration.ofMillis({offset})")
    });
    match settings.get("window.type").as_deref() {
        Some("sliding") => format!(
            "SlidingEventTimeWindows.of({}, {}{offset})",
            millis(settings, "window.size"),
            millis(settings, "window.slide")
        ),
        Some("session") => format!(
            "EventTimeSessionWindows.withGap({})",
            millis(settings, "window.gap")
        ),
        _ => format!(
            "TumblingEventTimeWindows.of({}{offset})",
            millis(settings, "window.size")
        ),
    }
}

fn guarantee(settings: Settings) -> String {
    let text = settings
        .get("sink.delivery-guarantee")
        .unwrap_or_else(|| "none".into());
    text.replace('-', "_").to_ascii_uppercase()
}

/// One job in Java.
pub(super) fn job(whole: &Value, segment: &Segment) -> String {
    let settings = segment.engine();
    let title = one_line(whole["title"].as_str().unwrap_or_default());
    let class: String = format!("Job_{}", name(segment));
    let topic = super::input(whole, segment);
    let windowed = is_windowed(settings);
    let row = if windowed { "Total" } else { "Order" };
    let mut body = String::new();
    for (key, value) in set(settings, CLUSTER) {
        body += &format!("        // config.yaml of the cluster: {key}: {value}\n");
    }
    body += "        Map<String, String> settings = new HashMap<>();\n";
    if settings.get("execution.checkpointing.interval").is_none() {
        body += "        // execution.checkpointing.interval is not set: no checkpoints\n";
    }
    for (key, value) in set(settings, JOB) {
        body += &format!(
            "        settings.put({}, {});\n",
            quoted(key),
            quoted(&value)
        );
    }
    body += "        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(Configuration.fromMap(settings));\n\n";
    let start = if settings.is("scan.startup.mode", "latest-offset") {
        "latest"
    } else {
        "earliest"
    };
    let mut source = format!(
        "        KafkaSource<Order> source = KafkaSource.<Order>builder()\n                .setBootstrapServers({})\n                .setTopics({})\n                .setGroupId({})\n                .setStartingOffsets(OffsetsInitializer.{start}())\n                .setValueOnlyDeserializer(new JsonDeserializationSchema<>(Order.class))\n",
        quoted(SERVERS),
        quoted(&topic),
        quoted(&segment.title())
    );
    if settings.is("properties.isolation.level", "read_committed") {
        source += "                .setProperty(\"isolation.level\", \"read_committed\")\n";
    }
    body += &source;
    body += "                .build();\n";
    body += &format!(
        "        WatermarkStrategy<Order> watermarks = {};\n",
        watermarks(settings)
    );
    if settings.0["watermark.per.partition"] == false {
        body += "        // One generator for a whole task, over all its partitions.\n";
        body += &format!(
            "        DataStream<Order> orders = env.fromSource(source, WatermarkStrategy.noWatermarks(), {})\n                .assignTimestampsAndWatermarks(watermarks);\n",
            quoted(&topic)
        );
    } else {
        body += &format!(
            "        DataStream<Order> orders = env.fromSource(source, watermarks, {});\n",
            quoted(&topic)
        );
    }
    let side = settings.0["late.side.output"] == true;
    if windowed {
        if side {
            body += "        OutputTag<Order> late = new OutputTag<Order>(\"late\") {};\n";
        }
        body += "        SingleOutputStreamOperator<Total> rows = orders\n                .keyBy(order -> order.customer)\n";
        body += &format!("                .window({})\n", window(settings));
        if settings
            .get("allowed.lateness")
            .is_some_and(|late| late != "0")
        {
            body += &format!(
                "                .allowedLateness({})\n",
                millis(settings, "allowed.lateness")
            );
        }
        if side {
            body += "                .sideOutputLateData(late)\n";
        }
        body += "                .process(new Sum());\n";
        if side {
            body += "        rows.getSideOutput(late).print(\"late\");\n";
        }
    } else {
        body += "        DataStream<Order> rows = orders;\n";
    }
    body.push('\n');
    body += &match segment.sink {
        "kafka_topic" => kafka_sink(segment, settings, row),
        "hudi" => hudi_sink(segment, windowed),
        _ => {
            let says: String = effect(segment)
                .iter()
                .map(|line| format!("        // {line}\n"))
                .collect();
            says + "        rows.print();\n"
        }
    };
    body += &format!("        env.execute({});\n", quoted(&segment.title()));
    let sum = if windowed {
        r#"
    /** The sum of a customer's orders in a window. */
    public static class Total {
        public int customer;
        public String window_start;
        public long amount;
    }

    public static class Sum extends ProcessWindowFunction<Order, Total, Integer, TimeWindow> {
        @Override
        public void process(Integer customer, Context context, Iterable<Order> orders, Collector<Total> out) {
            Total total = new Total();
            total.customer = customer;
            total.window_start = Instant.ofEpochMilli(context.window().getStart()).toString();
            for (Order order : orders) {
                total.amount += order.amount;
            }
            out.collect(total);
        }
    }
"#
    } else {
        ""
    };
    let code = format!(
        "public class {class} {{\n    /** An order as the topic has it; event_time is such as 2026-03-01T09:00:00Z. */\n    public static class Order {{\n        public int order_id;\n        public int customer;\n        public long amount;\n        public String event_time;\n    }}\n{sum}\n    public static void main(String[] arguments) throws Exception {{\n{body}    }}\n}}\n"
    );
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: Vec<&str> = code.split(|c| !word(c)).collect();
    let imports = CLASSES
        .iter()
        .filter(|(class, _)| words.contains(class))
        .map(|(class, package)| format!("import {package}.{class};\n"));
    format!(
        "{FILE}{class}.java\n// Flink job \"{}\" of \"{}\"\n{}\n{code}",
        segment.title(),
        // A backslash and a u would begin a character, even in a comment.
        title.replace('\\', "/"),
        imports.collect::<String>()
    )
}

fn kafka_sink(segment: &Segment, settings: Settings, row: &str) -> String {
    let exact = settings.is("sink.delivery-guarantee", "exactly-once");
    let mut text = format!(
        "        KafkaSink<{row}> sink = KafkaSink.<{row}>builder()\n                .setBootstrapServers({})\n                .setRecordSerializer(KafkaRecordSerializationSchema.<{row}>builder()\n                        .setTopic({})\n                        .setValueSerializationSchema(new JsonSerializationSchema<{row}>())\n                        .build())\n                .setDeliveryGuarantee(DeliveryGuarantee.{})\n",
        quoted(SERVERS),
        quoted(&super::output(segment)),
        guarantee(settings)
    );
    if exact {
        let prefix = quoted(&prefix(settings));
        if settings.is("sink.transactional-id-prefix.suffix", "random") {
            text +=
                "                // Another prefix at every start: the mistake of this scenario.\n";
            text += &format!(
                "                .setTransactionalIdPrefix({prefix} + UUID.randomUUID())\n"
            );
        } else {
            text += &format!("                .setTransactionalIdPrefix({prefix})\n");
        }
        let timeout = settings
            .get("properties.transaction.timeout.ms")
            .unwrap_or_default();
        text += &format!(
            "                .setProperty(\"transaction.timeout.ms\", {})\n",
            quoted(&timeout)
        );
    }
    text += "                .build();\n        rows.sinkTo(sink);\n";
    let level = segment
        .sink()
        .get("output.isolation.level")
        .unwrap_or_default();
    text + &format!("        // whoever reads the output: isolation.level={level}\n")
}

fn hudi_sink(segment: &Segment, windowed: bool) -> String {
    let mut text = String::from("        Map<String, String> table = new HashMap<>();\n");
    for (key, value) in table(segment) {
        text += &format!("        table.put({}, {});\n", quoted(&key), quoted(&value));
    }
    let fields: &str = if windowed {
        "row.customer, TimestampData.fromInstant(Instant.parse(row.window_start)), row.amount"
    } else {
        "row.order_id, row.customer, row.amount, TimestampData.fromInstant(Instant.parse(row.event_time))"
    };
    text += &format!(
        "        DataStream<RowData> data = rows.map(row -> (RowData) GenericRowData.of({fields})).returns(RowData.class);\n"
    );
    text += &format!(
        "        HoodiePipeline.builder({})\n",
        quoted(&name(segment))
    );
    for (column, kind) in columns(windowed) {
        text += &format!(
            "                .column({})\n",
            quoted(&format!("{column} {kind}"))
        );
    }
    let key = if windowed {
        "\"customer\", \"window_start\""
    } else {
        "\"order_id\""
    };
    text + &format!(
        "                .pk({key})\n                .options(table)\n                .sink(data, false);\n"
    )
}

// ---- SQL -------------------------------------------------------------------------------------------------------------

fn with(options: &[(String, String)]) -> String {
    let lines: Vec<String> = options
        .iter()
        .map(|(key, value)| format!("  {} = {}", literal(key), literal(value)))
        .collect();
    format!("WITH (\n{}\n)", lines.join(",\n"))
}

/// An interval of whole ms. A number of seconds has two digits before the point unless told otherwise.
fn interval(millis: &str) -> String {
    let millis: u64 = millis.parse().unwrap_or(0);
    let (seconds, rest) = (millis / 1000, millis % 1000);
    if seconds < 100 {
        return format!("INTERVAL '{seconds}.{rest:03}' SECOND");
    }
    format!(
        "INTERVAL '{} {:02}:{:02}:{:02}.{rest:03}' DAY TO SECOND",
        seconds / 86_400,
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// One job in SQL: settings, tables and the query.
pub(super) fn sql(whole: &Value, segment: &Segment) -> String {
    let settings = segment.engine();
    let get = |key: &str| settings.get(key).unwrap_or_default();
    let own = |text: &str, options: &mut Vec<(String, String)>, key: &str| {
        options.push((key.to_string(), text.to_string()))
    };
    let windowed = is_windowed(settings);
    let mut text = format!(
        "-- Flink SQL \"{}\" of \"{}\"\n",
        segment.title(),
        one_line(whole["title"].as_str().unwrap_or_default())
    );
    for (key, value) in set(settings, CLUSTER) {
        text += &format!("-- config.yaml of the cluster: {key}: {value}\n");
    }
    for (key, value) in set(settings, JOB) {
        text += &format!("SET {} = {};\n", literal(key), literal(&value));
    }
    if settings.get("execution.checkpointing.interval").is_none() {
        text += "-- execution.checkpointing.interval is not set: no checkpoints\n";
    }
    let mut source = Vec::new();
    own("kafka", &mut source, "connector");
    own(&super::input(whole, segment), &mut source, "topic");
    own(SERVERS, &mut source, "properties.bootstrap.servers");
    own(&segment.title(), &mut source, "properties.group.id");
    if settings.is("properties.isolation.level", "read_committed") {
        own("read_committed", &mut source, "properties.isolation.level");
    }
    own(&get("scan.startup.mode"), &mut source, "scan.startup.mode");
    if settings.get("watermark.idleness").is_some() {
        own(
            &format!("{} ms", get("watermark.idleness")),
            &mut source,
            "scan.watermark.idle-timeout",
        );
    }
    if settings.get("watermark.alignment.max.drift").is_some() {
        own("orders", &mut source, "scan.watermark.alignment.group");
        own(
            &format!("{} ms", get("watermark.alignment.max.drift")),
            &mut source,
            "scan.watermark.alignment.max-drift",
        );
        own(
            &format!("{} ms", get("watermark.alignment.update.interval")),
            &mut source,
            "scan.watermark.alignment.update-interval",
        );
    }
    own("json", &mut source, "format");
    own("ISO-8601", &mut source, "json.timestamp-format.standard");
    let watermark = match get("watermark.strategy").as_str() {
        "none" => String::new(),
        strategy => {
            // The DataStream API takes away one ms more than SQL does.
            let delay: u64 = get("watermark.delay").parse().unwrap_or(0);
            let delay = if strategy == "sql_row_expression" {
                delay
            } else {
                delay + 1
            };
            format!(
                ",\n  WATERMARK FOR event_time AS event_time - {}",
                interval(&delay.to_string())
            )
        }
    };
    text += &format!(
        "\nCREATE TABLE orders_in (\n  order_id INT,\n  customer INT,\n  amount BIGINT,\n  event_time TIMESTAMP_LTZ(3){watermark}\n) {};\n",
        with(&source)
    );
    let mut sink = Vec::new();
    let mut key = "";
    match segment.sink {
        "kafka_topic" => {
            own("kafka", &mut sink, "connector");
            own(&super::output(segment), &mut sink, "topic");
            own(SERVERS, &mut sink, "properties.bootstrap.servers");
            own(
                &get("sink.delivery-guarantee"),
                &mut sink,
                "sink.delivery-guarantee",
            );
            if settings.is("sink.delivery-guarantee", "exactly-once") {
                own(&prefix(settings), &mut sink, "sink.transactional-id-prefix");
                own(
                    &get("properties.transaction.timeout.ms"),
                    &mut sink,
                    "properties.transaction.timeout.ms",
                );
            }
            own("json", &mut sink, "format");
            own("ISO-8601", &mut sink, "json.timestamp-format.standard");
            let level = segment
                .sink()
                .get("output.isolation.level")
                .unwrap_or_default();
            text += &format!("\n-- whoever reads the output: isolation.level={level}");
            if settings.is("sink.transactional-id-prefix.suffix", "random") {
                text += "\n-- the prefix gets a random suffix at every start: the mistake of this scenario";
            }
        }
        "hudi" => {
            own("hudi", &mut sink, "connector");
            sink.extend(table(segment));
            key = if windowed {
                ",\n  PRIMARY KEY (customer, window_start) NOT ENFORCED"
            } else {
                ",\n  PRIMARY KEY (order_id) NOT ENFORCED"
            };
        }
        _ => {
            own("print", &mut sink, "connector");
            for line in effect(segment) {
                text += &format!("\n-- {line}");
            }
        }
    }
    let names: Vec<String> = columns(windowed)
        .iter()
        .map(|(column, kind)| format!("  {column} {kind}"))
        .collect();
    text += &format!(
        "\nCREATE TABLE orders_out (\n{}{key}\n) {};\n",
        names.join(",\n"),
        with(&sink)
    );
    if windowed {
        let lateness = get("allowed.lateness");
        if lateness != "0" {
            text += &format!(
                "\n-- windows of SQL have no allowed lateness ({lateness} ms in the DataStream job): late rows are dropped"
            );
        }
        if settings.0["late.side.output"] == true {
            text += "\n-- and no side output: the DataStream job has one";
        }
        let offset = get("window.offset");
        let offset = match offset.as_str() {
            "" | "0" => String::new(),
            offset => match offset.strip_prefix('-') {
                Some(back) => format!(", -{}", interval(back)),
                None => format!(", {}", interval(offset)),
            },
        };
        let call = match get("window.type").as_str() {
            "sliding" => format!(
                "HOP(TABLE orders_in, DESCRIPTOR(event_time), {}, {}{offset})",
                interval(&get("window.slide")),
                interval(&get("window.size"))
            ),
            "session" => format!(
                "SESSION(TABLE orders_in PARTITION BY customer, DESCRIPTOR(event_time), {})",
                interval(&get("window.gap"))
            ),
            _ => format!(
                "TUMBLE(TABLE orders_in, DESCRIPTOR(event_time), {}{offset})",
                interval(&get("window.size"))
            ),
        };
        text += &format!(
            "\nINSERT INTO orders_out\nSELECT customer, CAST(window_start AS TIMESTAMP_LTZ(3)), SUM(amount) AS amount\nFROM TABLE({call})\nGROUP BY customer, window_start, window_end;\n"
        );
    } else {
        text += "\nINSERT INTO orders_out\nSELECT order_id, customer, amount, event_time FROM orders_in;\n";
    }
    text
}
