//! Recordings against the mock cluster inside librdkafka, as far as a producer is concerned.
//!
//! The mock is no real broker. A case whose outcome rests on one of its gaps is skipped, and never fitted.

use super::producer::{Fault, Settings, Workload, setting};
use super::{Case, Checked, Family, RecordingError, Skip, measure, read};
use serde_json::{Value, json};

pub const FAMILY: Family = Family {
    name: "mock",
    check,
};

fn check(case: &Case) -> Result<Checked, RecordingError> {
    let place = format!("{}.fault", case.place);
    let mut fault: Fault = read(&place, &case.fault)?;
    if case.config.contains_key("transactional.id") {
        let gap = "isolation and fencing: no last stable offset, no owner of a transactional.id";
        return Ok(Checked::Skipped(Skip::MockGap(gap.into())));
    }
    let workload: Workload = read(&format!("{}.workload", case.place), &case.workload)?;
    let settings = match Settings::of(case)? {
        Ok(settings) => settings,
        Err(skip) => return Ok(Checked::Skipped(skip)),
    };
    if let Some(gap) = gap(case, &fault, &settings) {
        return Ok(Checked::Skipped(Skip::MockGap(gap.into())));
    }
    let name = std::mem::take(&mut fault.name);
    let action = match name.as_str() {
        "none" => None,
        "ack_delayed_past_timeout" => Some("apply_then_stall"),
        "retriable_error" => {
            fault.code = Some(6);
            Some("error_before")
        }
        "connection_closed" => Some("close_before_apply"),
        "broker_down_1s" => Some("down"),
        other => {
            let problem = format!(
                "\"{other}\" is not known; accepted are none, ack_delayed_past_timeout, retriable_error, connection_closed, broker_down_1s"
            );
            return Err(RecordingError::new(&format!("{place}.name"), problem));
        }
    };
    fault.action = action.map(String::from);
    fault.name.clone_from(&name);
    let mut setting = match setting(case, &workload, &fault, &settings)? {
        Ok(setting) => setting,
        Err(skip) => return Ok(Checked::Skipped(skip)),
    };
    // The mock is a thread of the client's own process and keeps nothing on a disk.
    setting.network_us = [10, 20];
    setting.append_us = 50;
    match name.as_str() {
        // The answer comes after 3 s.
        "ack_delayed_past_timeout" => {
            if let Some(Value::Object(stall)) = setting.faults.get_mut("stall") {
                stall.insert("for".into(), json!(3_000));
            }
        }
        // The first ten ids are reported before the broker goes down, and nothing is on the wire then.
        "broker_down_1s" => {
            setting.every_ms = 20;
            setting.producer.insert("linger.ms".into(), json!(1_000));
            let per_batch = workload.batch_num_messages.unwrap_or(5).max(1);
            setting.faults.insert(
                "down".into(),
                json!({"do": "broker.crash.kept", "where": "b1", "after": {"acknowledged": 10u32.div_ceil(per_batch)}, "for": 1_000}),
            );
        }
        _ => {}
    }
    measure::compare(case, &setting.scenario())
}

/// The listed gap that this case's outcome rests on.
fn gap(case: &Case, fault: &Fault, settings: &Settings) -> Option<&'static str> {
    let lists = |gap: &str| case.mock_deviates.iter().any(|listed| listed == gap);
    let delayed = fault.name == "ack_delayed_past_timeout";
    if lists("acks") && settings.acks == "0" && fault.name != "none" {
        return Some("acks: the mock answers even acks=0");
    }
    // A stored batch is sent again only if its answer was late.
    if lists("sequences") && settings.idempotent && delayed {
        return Some("sequences: the mock does not recognise a repeat");
    }
    if lists("pipelining") && settings.max_in_flight != Some(1) && delayed {
        return Some("pipelining: the mock works on requests behind a delayed answer");
    }
    None
}
