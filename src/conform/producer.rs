//! Recordings of a producer against a scripted broker: settings times a fault at a Produce request.
//!
//! The client of the recordings is librdkafka. Its broker answers over the loopback interface, so the network is fast
//! here; the whole workload is handed over at once.

use super::{Case, Checked, Family, RecordingError, Skip, measure, read};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub const FAMILY: Family = Family {
    name: "producer",
    check,
};

fn check(case: &Case) -> Result<Checked, RecordingError> {
    let workload: Workload = read(&format!("{}.workload", case.place), &case.workload)?;
    let fault: Fault = read(&format!("{}.fault", case.place), &case.fault)?;
    let settings = match Settings::of(case)? {
        Ok(settings) => settings,
        Err(skip) => return Ok(Checked::Skipped(skip)),
    };
    let setting = match setting(case, &workload, &fault, &settings)? {
        Ok(setting) => setting,
        Err(skip) => return Ok(Checked::Skipped(skip)),
    };
    measure::compare(case, &setting.scenario())
}

/// A case's part, or why it cannot be played here.
pub type Playable<T> = Result<Result<T, Skip>, RecordingError>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    pub messages: u32,
    #[serde(default, rename = "ids")]
    _ids: Option<String>,
    #[serde(rename = "batch.num.messages")]
    pub batch_num_messages: Option<u32>,
    #[serde(default)]
    pub partitions: Option<u16>,
    #[serde(default)]
    pub on_failure: Option<String>,
    #[serde(default)]
    pub on_restart: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub name: String,
    #[serde(default)]
    pub api: Option<String>,
    /// Counted from 0.
    #[serde(default)]
    pub at_request: Option<u32>,
    #[serde(default)]
    pub count: Option<u32>,
    #[serde(default)]
    pub action: Option<String>,
    #[serde(default)]
    pub code: Option<i32>,
    #[serde(default)]
    pub ms: Option<u64>,
    #[serde(default)]
    pub then: Option<String>,
}

/// The client's settings of a case, as the producer section of a scenario.
pub struct Settings {
    pub producer: Map<String, Value>,
    pub acks: String,
    pub idempotent: bool,
    pub max_in_flight: Option<u64>,
    pub batch_num_messages: u32,
}

impl Settings {
    pub fn of(case: &Case) -> Playable<Settings> {
        let mut producer = Map::new();
        // What the recordings have in common unless a case says otherwise.
        for (key, value) in [
            ("producer.client", json!("librdkafka")),
            ("linger.ms", json!(20)),
            ("retry.backoff.ms", json!(50)),
            ("retry.backoff.max.ms", json!(100)),
            ("delivery.timeout.ms", json!(5_000)),
            ("request.timeout.ms", json!(700)),
        ] {
            producer.insert(key.into(), value);
        }
        let mut settings = Settings {
            producer,
            acks: "all".into(),
            idempotent: false,
            max_in_flight: None,
            batch_num_messages: 5,
        };
        for (key, value) in &case.config {
            let place = format!("{}.config.{key}", case.place);
            let ours = match key.as_str() {
                "acks" | "request.required.acks" => {
                    settings.acks = match value.to_string().trim_matches('"') {
                        "all" | "-1" => "all".into(),
                        known @ ("0" | "1") => known.into(),
                        other => {
                            let problem =
                                format!("\"{other}\" is not known; accepted are 0, 1, all");
                            return Err(RecordingError::new(&place, problem));
                        }
                    };
                    settings
                        .producer
                        .insert("acks".into(), json!(settings.acks));
                    continue;
                }
                "enable.idempotence" => {
                    let Some(on) = value.as_bool() else {
                        let problem = format!("{value} is neither true nor false");
                        return Err(RecordingError::new(&place, problem));
                    };
                    settings.idempotent = on;
                    settings.producer.insert(key.clone(), json!(on));
                    continue;
                }
                "transactional.id" => {
                    return Ok(Err(Skip::NotModelled("transactions of this family".into())));
                }
                // How long the broker waits for its replicas; the client's own limit is socket.timeout.ms.
                "request.timeout.ms" => continue,
                "max.in.flight.requests.per.connection" | "max.in.flight" => {
                    settings.max_in_flight = value.as_u64();
                    "max.in.flight.requests.per.connection"
                }
                "batch.num.messages" => {
                    settings.batch_num_messages = whole(&place, value)? as u32;
                    continue;
                }
                "message.send.max.retries" | "retries" => "retries",
                "message.timeout.ms" | "delivery.timeout.ms" => "delivery.timeout.ms",
                "socket.timeout.ms" => "request.timeout.ms",
                "linger.ms" | "queue.buffering.max.ms" => "linger.ms",
                "retry.backoff.ms" | "retry.backoff.max.ms" => key.as_str(),
                other => {
                    let what = format!("the client's setting {other}");
                    return Ok(Err(Skip::NotModelled(what)));
                }
            };
            let value = whole(&place, value)?;
            settings.producer.insert(ours.into(), json!(value));
        }
        // A back-off above its usual limit raises the limit.
        let first = settings.producer["retry.backoff.ms"].as_u64();
        let most = settings.producer["retry.backoff.max.ms"].as_u64();
        let raised = json!(most.max(first));
        settings
            .producer
            .insert("retry.backoff.max.ms".into(), raised);
        Ok(Ok(settings))
    }
}

fn whole(place: &str, value: &Value) -> Result<u64, RecordingError> {
    let text = value.as_str().and_then(|text| text.parse().ok());
    value
        .as_u64()
        .or(text)
        .ok_or_else(|| RecordingError::new(place, format!("{value} is no whole number")))
}

/// The scenario of a case, before it is written out.
pub struct Setting {
    pub orders: u32,
    pub every_ms: u64,
    pub producer: Map<String, Value>,
    pub brokers: u8,
    /// How long a message travels at least, and on average beyond that, in microseconds.
    pub network_us: [u64; 2],
    /// How long a broker works on a request, in microseconds.
    pub append_us: u64,
    pub faults: Map<String, Value>,
}

pub fn setting(
    case: &Case,
    workload: &Workload,
    fault: &Fault,
    settings: &Settings,
) -> Playable<Setting> {
    if workload.partitions.unwrap_or(1) != 1 {
        return Ok(Err(Skip::NotModelled(
            "recordings with more than one partition".into(),
        )));
    }
    let mut producer = settings.producer.clone();
    let per_batch = workload
        .batch_num_messages
        .unwrap_or(settings.batch_num_messages);
    producer.insert(
        "batch.size".into(),
        json!(u64::from(per_batch.max(1)) * crate::sim::workload::RECORD_BYTES),
    );
    let mut setting = Setting {
        orders: workload.messages,
        every_ms: 0,
        producer,
        brokers: 1,
        network_us: [50, 50],
        append_us: 2_000,
        faults: Map::new(),
    };
    let Some(action) = &fault.action else {
        if fault.name == "none" {
            return Ok(Ok(setting));
        }
        let problem = format!("no action given for \"{}\"", fault.name);
        return Err(RecordingError::new(
            &format!("{}.fault", case.place),
            problem,
        ));
    };
    if let Some(api) = fault.api.as_deref().filter(|&api| api != "Produce") {
        return Ok(Err(Skip::NotModelled(format!(
            "a fault at a {api} request"
        ))));
    }
    let nth = fault.at_request.unwrap_or(0) + 1;
    let times = fault.count.unwrap_or(1);
    let mut put = |name: String, fault: Value| {
        setting.faults.insert(name, fault);
    };
    match action.as_str() {
        "apply_then_close" => {
            for nth in nth..nth + times {
                put(
                    format!("close-{nth}"),
                    json!({"do": "net.drop_ack", "request": nth}),
                );
            }
        }
        "close_before_apply" => {
            for nth in nth..nth + times {
                put(
                    format!("close-{nth}"),
                    json!({"do": "net.drop_request", "request": nth}),
                );
            }
        }
        "apply_then_stall" => put(
            "stall".into(),
            json!({"do": "broker.stall", "where": "b1", "request": nth, "times": times}),
        ),
        "error_before" | "error_after" => {
            let Some(error) = error_name(fault.code) else {
                let what = format!("an answer with error code {:?}", fault.code);
                return Ok(Err(Skip::NotModelled(what)));
            };
            let name = if action == "error_before" {
                "broker.reject"
            } else {
                "broker.reject_stored"
            };
            put(
                "error".into(),
                json!({"do": name, "where": "b1", "request": nth, "times": times, "error": error}),
            );
        }
        "down" => put(
            "down".into(),
            json!({"do": "broker.crash.kept", "where": "b1", "request": nth, "for": fault.ms.unwrap_or(1_000)}),
        ),
        // Its followers do not get this append, and the leader dies for good: with acks=1 once the producer has heard.
        "crash_unreplicated" => {
            let appended = json!({"batch_appended": nth});
            for follower in ["b2", "b3"] {
                put(
                    format!("slow-{follower}"),
                    json!({"do": "broker.slow", "where": follower, "after": appended, "for": 20, "by": 60_000}),
                );
            }
            let after = if settings.acks == "1" {
                json!({"acknowledged": nth})
            } else {
                appended
            };
            put(
                "crash".into(),
                json!({"do": "broker.crash.kept", "where": "b1", "after": after, "for": 60_000}),
            );
            setting.brokers = 3;
        }
        other => {
            let problem = format!(
                "\"{other}\" is not known; accepted are apply_then_close, apply_then_stall, close_before_apply, error_before, error_after, down, crash_unreplicated"
            );
            return Err(RecordingError::new(
                &format!("{}.fault.action", case.place),
                problem,
            ));
        }
    }
    Ok(Ok(setting))
}

/// Kafka's error codes, as far as a Produce request may be answered with them here.
fn error_name(code: Option<i32>) -> Option<&'static str> {
    Some(match code? {
        2 => "CORRUPT_MESSAGE",
        3 => "UNKNOWN_TOPIC_OR_PARTITION",
        5 => "LEADER_NOT_AVAILABLE",
        6 => "NOT_LEADER_OR_FOLLOWER",
        7 => "REQUEST_TIMED_OUT",
        10 => "MESSAGE_TOO_LARGE",
        19 => "NOT_ENOUGH_REPLICAS",
        20 => "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        45 => "OUT_OF_ORDER_SEQUENCE_NUMBER",
        47 => "INVALID_PRODUCER_EPOCH",
        87 => "INVALID_RECORD",
        _ => return None,
    })
}

impl Setting {
    /// The scenario: a fast network, a broker that takes its time over each request, nobody who reads. The cluster's
    /// time-outs are scaled down like the client's in the recordings.
    pub fn scenario(&self) -> Value {
        json!({
            "limits": {"horizon_ms": 40_000, "settle_ms": 2_000},
            "workload": {"orders": self.orders, "every_ms": self.every_ms, "jitter_percent": 0, "customers": 1},
            "network": {"min_us": self.network_us[0], "mean_extra_us": self.network_us[1]},
            "brokers": {
                "count": self.brokers,
                "append_us": self.append_us,
                "broker.heartbeat.interval.ms": 50,
                "broker.session.timeout.ms": 200,
                "replica.fetch.backoff.ms": 50
            },
            "topic": {"replication.factor": self.brokers},
            "producer": self.producer,
            "engine": {"spark": {"trigger": 60_000}},
            "faults": self.faults,
        })
    }
}
