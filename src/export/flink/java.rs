//! The DataStream job in Java.

use super::super::{Segment, Settings, input, one_line, output};
use super::{
    CLUSTER, JOB, SERVERS, columns, effect, is_windowed, name, other_key, prefix, set, table,
};
use serde_json::{Value, json};

/// Before each file of Java.
pub const FILE: &str = "// file: ";

/// A text in quotes, as Java has it; JSON's escapes are Java's.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

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
pub(in crate::export) fn job(whole: &Value, segment: &Segment) -> String {
    let settings = segment.engine();
    let title = one_line(whole["title"].as_str().unwrap_or_default());
    let class: String = format!("Job_{}", name(segment));
    let topic = input(whole, segment);
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
        quoted(&output(segment)),
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
    let mut text = String::new();
    if let Some(says) = other_key(segment) {
        text += &format!("        // {says}\n");
    }
    text += "        Map<String, String> table = new HashMap<>();\n";
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
