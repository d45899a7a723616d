//! Recordings of a producer that is killed and started again, or of an application that sends again what was reported as
//! failed.

use super::producer::{Fault, Settings, Workload, setting};
use super::{Case, Checked, Family, RecordingError, Skip, measure, read, transaction};
use serde_json::json;

pub const FAMILY: Family = Family {
    name: "restart",
    check,
};

fn check(case: &Case) -> Result<Checked, RecordingError> {
    let workload: Workload = read(&format!("{}.workload", case.place), &case.workload)?;
    let fault: Fault = read(&format!("{}.fault", case.place), &case.fault)?;
    if case.config.contains_key("transactional.id") {
        return transaction::restart(case, &workload, &fault);
    }
    let settings = match Settings::of(case)? {
        Ok(settings) => settings,
        Err(skip) => return Ok(Checked::Skipped(skip)),
    };
    let mut setting = match setting(case, &workload, &fault, &settings)? {
        Ok(setting) => setting,
        Err(skip) => return Ok(Checked::Skipped(skip)),
    };
    if let Some(habit) = &workload.on_failure {
        if !habit.contains("same client instance") {
            let what = format!("an application of which is said: {habit}");
            return Ok(Checked::Skipped(Skip::NotModelled(what)));
        }
        setting
            .producer
            .insert("app.on.error".into(), json!("send_again"));
    }
    if let Some(then) = &fault.then {
        let resends = workload.on_restart.as_deref();
        if !then.contains("killed before its retry")
            || !resends.is_some_and(|habit| habit.contains("without a confirmed delivery report"))
        {
            let what = format!("a fault that goes on with: {then}");
            return Ok(Checked::Skipped(Skip::NotModelled(what)));
        }
        // The process dies as soon as it has heard of the broken connection, and the application has an outbox.
        setting.faults.insert(
            "kill".into(),
            json!({"do": "producer.crash.resend", "after": {"connection_lost": 1}, "for": 500}),
        );
    }
    let usual = setting.scenario();
    // librdkafka that has lost its only connection starts anew with the brokers it was given. One thread connects, and
    // another closes the connections of before; in about one run of four that takes the new one along.
    if workload.on_failure.is_some() {
        setting.faults.insert(
            "again".into(),
            json!({"do": "net.reset", "where": "p1>b1", "after": {"connection_lost": 1}}),
        );
    }
    measure::compare_raced(case, &usual, Some(&setting.scenario()))
}
