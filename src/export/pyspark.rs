//! Spark's part: a job in Python with one query for each segment that Spark runs.
//!
//! What a scenario has under a key of ours is the method call that it stands for: `trigger`, `withWatermark`, `window`,
//! `dropDuplicates`, `outputMode`, `foreachBatch`.

use super::{Segment, Settings, hudi, one_line};
use crate::sim::Scenario;
use serde_json::{Value, json};

/// Options of Spark's Kafka source.
const SOURCE: &[&str] = &[
    "startingOffsets",
    "kafka.isolation.level",
    "maxOffsetsPerTrigger",
    "failOnDataLoss",
];

/// A text in quotes: JSON's are Python's.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

fn millis(settings: &Settings, key: &str) -> String {
    quoted(&format!(
        "{} milliseconds",
        settings.get(key).unwrap_or_else(|| "0".into())
    ))
}

pub fn job(whole: &Value, queries: &[&Segment]) -> String {
    let title = whole["title"].as_str().unwrap_or_default();
    let topic = whole["topic"]["name"].as_str().unwrap_or_default();
    let mut conf = vec![
        (
            "spark.serializer".to_string(),
            "org.apache.spark.serializer.KryoSerializer".to_string(),
        ),
        (
            "spark.sql.extensions".to_string(),
            "org.apache.spark.sql.hudi.HoodieSparkSessionExtension".to_string(),
        ),
    ];
    let default = Scenario::default().to_value();
    let default = &default["engine"]["spark"];
    for query in queries {
        for key in query
            .engine()
            .0
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            if key.starts_with("spark.")
                && let Some(value) = query.engine().unlike(default, key)
                && !conf.iter().any(|(known, _)| known == key)
            {
                conf.push((key.clone(), value));
            }
        }
    }
    let conf: String = conf
        .iter()
        .map(|(key, value)| format!("    .config({}, {})\n", quoted(key), quoted(value)))
        .collect();
    let queries: Vec<String> = queries
        .iter()
        .map(|query| self::query(query, topic, default))
        .collect();
    format!(
        r#"# Spark job of "{title}"
from pyspark.sql import SparkSession, functions as F

spark = (
    SparkSession.builder.appName({name})
{conf}    .getOrCreate()
)

ORDER = "order_id INT, customer INT, amount BIGINT, event_time TIMESTAMP"

{queries}
spark.streams.awaitAnyTermination()
"#,
        title = one_line(title),
        name = quoted(title),
        queries = queries.join("\n"),
    )
}

fn query(segment: &Segment, topic: &str, default: &Value) -> String {
    let settings = segment.engine();
    let get = |key: &str| settings.get(key).unwrap_or_default();
    let name: String = segment.title().replace('-', "_");
    let source: String = SOURCE
        .iter()
        .filter_map(|key| {
            let taught = || {
                (*key == "startingOffsets")
                    .then(|| settings.get(key))
                    .flatten()
            };
            let value = settings.unlike(default, key).or_else(taught)?;
            Some(format!(
                "    .option({}, {})\n",
                quoted(key),
                quoted(&value)
            ))
        })
        .collect();
    let record_key = segment
        .sink()
        .get("hoodie.datasource.write.recordkey.field");
    let mut columns = vec![r#"F.to_date("event_time").alias("order_date")"#];
    if record_key.as_deref() == Some("kafka_offset") {
        columns.push(r#"F.concat_ws("-", "partition", "offset").alias("kafka_offset")"#);
    }
    if record_key.as_deref() == Some("uuid") {
        columns.push(r#"F.expr("uuid()").alias("uuid")"#);
    }
    if segment.sink().is(
        "hoodie.datasource.write.partitionpath.field",
        "kafka_partition",
    ) {
        columns.push(r#"F.col("partition").alias("kafka_partition")"#);
    }
    let mut steps = vec![
        r#".select(F.from_json(F.col("value").cast("string"), ORDER).alias("o"), "partition", "offset")"#.to_string(),
        r#".select("o.*", "partition", "offset")"#.to_string(),
        format!(".select(\"*\", {})", columns.join(", ")),
    ];
    let deduplicate = get("deduplicate");
    let window = get("window.type");
    let stateful = !window.is_empty() && window != "none";
    let deduplicates = deduplicate.starts_with("dropDuplicates");
    if (stateful || deduplicates)
        && !settings.is("withWatermark", "false")
        && settings.0["withWatermark"] != false
    {
        steps.push(format!(
            ".withWatermark(\"event_time\", {})",
            millis(&settings, "watermark.delay")
        ));
    }
    if deduplicates {
        let columns = if settings.is("deduplicate.columns", "order_id_and_time") {
            r#"["order_id", "event_time"]"#
        } else {
            r#"["order_id"]"#
        };
        steps.push(format!(".{deduplicate}({columns})"));
    }
    if stateful {
        let bounds = match window.as_str() {
            "session" => format!(
                "F.session_window(\"event_time\", {}).alias(\"window\")",
                millis(&settings, "window.gap")
            ),
            "sliding" => format!(
                "F.window(\"event_time\", {}, {})",
                millis(&settings, "window.size"),
                millis(&settings, "window.slide")
            ),
            _ => format!(
                "F.window(\"event_time\", {})",
                millis(&settings, "window.size")
            ),
        };
        let by = if settings.is("group.by", "customer") {
            ", \"customer\""
        } else {
            ""
        };
        let path = if segment.sink().is(
            "hoodie.datasource.write.partitionpath.field",
            "kafka_partition",
        ) {
            r#"F.first("kafka_partition").alias("kafka_partition")"#
        } else {
            r#"F.first("order_date").alias("order_date")"#
        };
        steps.push(format!(".groupBy({bounds}{by})"));
        steps.push(format!(".agg(F.sum(\"amount\").alias(\"amount\"), {path})"));
        steps.push(r#".withColumn("window_start", F.col("window.start"))"#.into());
    }
    let steps: String = steps.iter().map(|step| format!("    {step}\n")).collect();
    let options: String = hudi::options(segment)
        .iter()
        .map(|(key, value)| format!("    {}: {},\n", quoted(key), quoted(value)))
        .collect();
    let lost = settings.is("checkpointLocation", "lost");
    let checkpoint = if lost {
        format!("file:///tmp/checkpoints/{name}")
    } else {
        format!("s3a://lake/checkpoints/{name}")
    };
    let why = if lost {
        "  # on the driver's own disk: it goes with it"
    } else {
        ""
    };
    let trigger = match get("trigger.type").as_str() {
        "availableNow" => "    .trigger(availableNow=True)\n".to_string(),
        "once" => "    .trigger(once=True)\n".to_string(),
        _ if get("trigger") == "0" => String::new(),
        _ => format!(
            "    .trigger(processingTime={})\n",
            millis(&settings, "trigger")
        ),
    };
    let mode = quoted(
        &settings
            .get("output.mode")
            .unwrap_or_else(|| "append".into()),
    );
    let table = quoted(&format!("s3a://lake/tables/{name}"));
    let upper = name.to_uppercase();
    let each = segment.sink().is("sink.writer", "foreach_batch");
    let (function, writer, start) = if each {
        (
            format!(
                "\n\ndef write_{name}(batch, batch_id):\n    batch.write.format(\"hudi\").options(**TABLE_{upper}).mode(\"append\").save({table})\n\n"
            ),
            format!(".foreachBatch(write_{name})"),
            ".start()".to_string(),
        )
    } else {
        (
            String::new(),
            format!(".format(\"hudi\")\n    .options(**TABLE_{upper})"),
            format!(".start({table})"),
        )
    };
    format!(
        r#"rows_{name} = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", "localhost:9092")
    .option("subscribe", {topic})
{source}    .load()
{steps})

TABLE_{upper} = {{
{options}}}
{function}
(
    rows_{name}.writeStream{writer}
    .outputMode({mode})
{trigger}    .option("checkpointLocation", {checkpoint}){why}
    .queryName({query})
    {start}
)
"#,
        topic = quoted(topic),
        checkpoint = quoted(&checkpoint),
        query = quoted(&segment.title()),
    )
}
