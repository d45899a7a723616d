//! The same arrivals as a scenario of the simulator: brokers, batches and a table around what a replay only plays in event time.
//!
//! What is late and what windows hold must come out the same; times are longer by what the network, the tasks and the table take.

use super::Arrivals;
use super::pace::{Engine, OutputMode};
use super::replay::Config;
use super::strategy::Strategy;
use super::windows::Windows;
use crate::sim::scenario::{Patch, Scenario};
use serde_json::{Value, json};

/// How many arrivals the simulator is given; more would take it minutes.
pub const MOST: usize = 20_000;

/// How long a run they are given: most of the hour that a scenario may last.
const MOST_US: i64 = 3_000_000_000;

/// The first arrivals, up to [`MOST`], under a configuration; says why if the simulator has no such thing.
pub fn of(arrivals: &Arrivals, config: &Config) -> Result<Scenario, String> {
    let Engine::Spark(spark) = config.engine else {
        return Err("the simulator plays listed arrivals with Spark".into());
    };
    let Strategy::Fixed { delay_ms } = config.strategy else {
        return Err("Spark takes a fixed delay".into());
    };
    let mode = match spark.mode {
        OutputMode::Append => "append",
        OutputMode::Update => "update",
    };
    let mut query = json!({
        "trigger": spark.trigger_ms,
        "startingOffsets": "earliest",
        "watermark.delay": delay_ms,
        "output.mode": mode,
        "group.by": if config.by_key { "customer" } else { "time" },
        "spark.sql.streaming.noDataMicroBatches.enabled": spark.no_data_batches,
    });
    let windows = match config.windows {
        Windows::Tumbling { size_ms } => json!({"window.type": "tumbling", "window.size": size_ms}),
        Windows::Sliding { size_ms, slide_ms } => {
            json!({"window.type": "sliding", "window.size": size_ms, "window.slide": slide_ms})
        }
        Windows::Session { gap_ms } => json!({"window.type": "session", "window.gap": gap_ms}),
    };
    if let (Some(query), Value::Object(windows)) = (query.as_object_mut(), windows) {
        query.extend(windows);
    }
    let rows = arrivals.rows();
    let Some(first) = rows.first() else {
        return Err("there are no arrivals".into());
    };
    let rows = &rows[..rows.len().min(MOST)];
    let rows = &rows[..rows.partition_point(|row| row.at_us - first.at_us <= MOST_US)];
    // Time begins a second before the first arrival, at a multiple of the trigger, so that batches start when they would.
    let step_ms = match spark.trigger_ms {
        0 => 1_000,
        trigger => trigger * 1_000_u64.div_ceil(trigger),
    } as i64;
    let zero_ms = (first.at_us.div_euclid(1_000) - 1_000).div_euclid(step_ms) * step_ms;
    let listed: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "event_ms": row.event_ms() - zero_ms,
                "arrival_us": row.at_us - zero_ms * 1_000,
                "key": row.key + 1,
            })
        })
        .collect();
    let last_ms = (rows[rows.len() - 1].at_us.div_euclid(1_000) - zero_ms) as u64;
    let settle_ms = 3 * spark.trigger_ms.max(1_000);
    let patch = json!({
        "title": "the learner's own arrivals",
        "limits": {"horizon_ms": (last_ms + 20 * settle_ms).min(3_600_000), "settle_ms": settle_ms, "events": 100_000_000},
        "workload": {"orders": rows.len(), "zero_ms": zero_ms, "listed": listed},
        "producer": {"linger.ms": 0},
        "engine": {"use": "spark", "spark": query},
        // The native writer would overwrite the whole table in update mode.
        "sink": {"hudi": {"sink.writer": if spark.mode == OutputMode::Append { "native" } else { "foreach_batch" }}},
    });
    let scenario = Scenario::default().patched(&Patch(patch));
    scenario.map_err(|error| error.to_string())
}
