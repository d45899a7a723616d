//! The same in Flink SQL.

use super::super::{Segment, input, one_line, output};
use super::{CLUSTER, JOB, SERVERS, columns, effect, is_windowed, other_key, prefix, set, table};
use serde_json::Value;

/// A text in quotes, as SQL has it.
fn literal(text: &str) -> String {
    format!("'{}'", one_line(text).replace('\'', "''"))
}

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
pub(in crate::export) fn script(whole: &Value, segment: &Segment) -> String {
    let settings = segment.engine();
    let get = |key: &str| settings.get(key).unwrap_or_default();
    let add = |options: &mut Vec<(String, String)>, key: &str, value: &str| {
        options.push((key.to_string(), value.to_string()));
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
    add(&mut source, "connector", "kafka");
    add(&mut source, "topic", &input(whole, segment));
    add(&mut source, "properties.bootstrap.servers", SERVERS);
    add(&mut source, "properties.group.id", &segment.title());
    if settings.is("properties.isolation.level", "read_committed") {
        add(&mut source, "properties.isolation.level", "read_committed");
    }
    add(&mut source, "scan.startup.mode", &get("scan.startup.mode"));
    if settings.get("watermark.idleness").is_some() {
        add(
            &mut source,
            "scan.watermark.idle-timeout",
            &format!("{} ms", get("watermark.idleness")),
        );
    }
    if settings.get("watermark.alignment.max.drift").is_some() {
        add(&mut source, "scan.watermark.alignment.group", "orders");
        add(
            &mut source,
            "scan.watermark.alignment.max-drift",
            &format!("{} ms", get("watermark.alignment.max.drift")),
        );
        add(
            &mut source,
            "scan.watermark.alignment.update-interval",
            &format!("{} ms", get("watermark.alignment.update.interval")),
        );
    }
    add(&mut source, "format", "json");
    add(&mut source, "json.timestamp-format.standard", "ISO-8601");
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
            add(&mut sink, "connector", "kafka");
            add(&mut sink, "topic", &output(segment));
            add(&mut sink, "properties.bootstrap.servers", SERVERS);
            add(
                &mut sink,
                "sink.delivery-guarantee",
                &get("sink.delivery-guarantee"),
            );
            if settings.is("sink.delivery-guarantee", "exactly-once") {
                add(&mut sink, "sink.transactional-id-prefix", &prefix(settings));
                add(
                    &mut sink,
                    "properties.transaction.timeout.ms",
                    &get("properties.transaction.timeout.ms"),
                );
            }
            add(&mut sink, "format", "json");
            add(&mut sink, "json.timestamp-format.standard", "ISO-8601");
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
            if let Some(says) = other_key(segment) {
                text += &format!("\n-- {says}");
            }
            add(&mut sink, "connector", "hudi");
            sink.extend(table(segment));
            key = if windowed {
                ",\n  PRIMARY KEY (customer, window_start) NOT ENFORCED"
            } else {
                ",\n  PRIMARY KEY (order_id) NOT ENFORCED"
            };
        }
        _ => {
            add(&mut sink, "connector", "print");
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
