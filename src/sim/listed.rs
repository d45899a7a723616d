//! A workload whose events are listed one by one, as from a learner's own file: when each happened, when the till had it.

use super::kernel::{EventTime, Span};
use super::scenario::{ScenarioError, Workload};
use super::workload::Key;
use serde::{Deserialize, Serialize};

/// One event of a list. Times count from `zero_ms`, the calendar time of simulated time zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// When it happened, in ms; negative if that was before the run.
    pub event_ms: i64,
    /// When it is handed over, in microseconds.
    pub arrival_us: u64,
    /// The customer, from 1.
    pub key: u32,
}

/// Event `n`, counted from 1, if events are listed.
fn nth(workload: &Workload, n: u32) -> Option<&Listed> {
    workload.listed.get((n as usize).checked_sub(1)?)
}

/// The time from the event before it (or the start) to event `n`, if events are listed.
pub fn gap(workload: &Workload, n: u32) -> Option<Span> {
    let before = n.checked_sub(1).and_then(|n| nth(workload, n));
    let arrival_us = nth(workload, n)?.arrival_us;
    Some(Span::from_micros(
        arrival_us - before.map_or(0, |before| before.arrival_us),
    ))
}

/// Who is behind event `n`, and when it happened, if events are listed.
pub fn event(workload: &Workload, n: u32) -> Option<(Key, EventTime)> {
    let listed = nth(workload, n)?;
    Some((
        Key(listed.key),
        EventTime::from_ms(workload.zero_ms + listed.event_ms),
    ))
}

/// Whether a list fits the rest of the workload.
pub fn validate(workload: &Workload) -> Result<(), ScenarioError> {
    let refuse =
        |field: &str, why: String| Err(ScenarioError::new(format!("workload.{field}"), why));
    let listed = &workload.listed;
    if listed.is_empty() {
        return Ok(());
    }
    if workload.orders as usize > listed.len() {
        return refuse(
            "orders",
            format!(
                "{} events and {} listed; no more than are listed is accepted",
                workload.orders,
                listed.len()
            ),
        );
    }
    if !workload.late.is_empty() || !workload.silence.is_empty() {
        let field = if workload.late.is_empty() {
            "silence"
        } else {
            "late"
        };
        return refuse(
            field,
            "a listed event says itself when it happened and when it is handed over".into(),
        );
    }
    let mut before = 0;
    for (index, event) in listed.iter().enumerate() {
        let place = |field: &str| format!("listed.{index}.{field}");
        if event.arrival_us < before || event.arrival_us > 3_600_000_000 {
            return refuse(
                &place("arrival_us"),
                format!(
                    "{} is out of range; {before} (the arrival before it) to 3600000000 is accepted",
                    event.arrival_us
                ),
            );
        }
        if event.event_ms.unsigned_abs() > 4_102_444_800_000 {
            return refuse(
                &place("event_ms"),
                format!(
                    "{} is out of range; -4102444800000 to 4102444800000 is accepted",
                    event.event_ms
                ),
            );
        }
        if event.key == 0 {
            return refuse(
                &place("key"),
                "0 is no customer; they are counted from 1".into(),
            );
        }
        before = event.arrival_us;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::sim::scenario::Scenario;
    use crate::sim::trace::Fact;
    use crate::sim::{Keep, Simulation};

    #[test]
    fn listed_events_are_handed_over_when_they_say() {
        let text = r#"{"workload": {"orders": 3, "zero_ms": 1000000, "listed": [
            {"event_ms": -50, "arrival_us": 1500, "key": 4}, {"event_ms": 7, "arrival_us": 1500, "key": 2},
            {"event_ms": 5, "arrival_us": 2000000, "key": 4}]}}"#;
        let run = Simulation::run(&Scenario::parse(text).expect("valid"), Keep::Trace);
        let trace = run.trace.expect("kept");
        let emitted = trace.events.iter().filter_map(|event| match event.fact {
            Fact::Emitted {
                customer,
                event_time,
                ..
            } => Some((event.at.micros(), customer, event_time.ms())),
            _ => None,
        });
        assert_eq!(
            emitted.collect::<Vec<_>>(),
            [
                (1_500, 4, 999_950),
                (1_500, 2, 1_000_007),
                (2_000_000, 4, 1_000_005)
            ]
        );
    }

    #[test]
    fn a_list_that_does_not_fit_is_refused_by_its_place() {
        for (workload, expected) in [
            (
                r#""orders": 2, "listed": [{"event_ms": 0, "arrival_us": 1, "key": 1}]"#,
                "workload.orders: 2 events and 1 listed",
            ),
            (
                r#""orders": 1, "listed": [{"event_ms": 0, "arrival_us": 1, "key": 0}]"#,
                "workload.listed.0.key: 0 is no customer",
            ),
            (
                r#""orders": 1, "listed": [{"event_ms": 0, "arrival_us": 2, "key": 1}, {"event_ms": 0, "arrival_us": 1, "key": 1}]"#,
                "workload.listed.1.arrival_us: 1 is out of range; 2",
            ),
            (
                r#""orders": 1, "late": {"1": 5}, "listed": [{"event_ms": 0, "arrival_us": 1, "key": 1}]"#,
                "workload.late: a listed event",
            ),
            (
                r#""orders": 1, "listed": [{"event_ms": 0, "arrival_us": 1}]"#,
                "workload: missing field `key`",
            ),
        ] {
            let error = Scenario::parse(&format!("{{\"workload\": {{{workload}}}}}"))
                .expect_err("refused")
                .to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
