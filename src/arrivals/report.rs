//! What was found, as JSON under the names of the course's metrics, and as text for a terminal.

use super::curve::{Answer, LatePoint};
use super::delay::{Delays, Part, Stretch, Summary, TOLD};
use super::import::Report;
use super::ranks::Percentile;
use super::replay::Outcome;
use super::sweep::Judged;
use super::units::{percent, seconds};
use serde_json::{Map, Value, json};

/// Milliseconds with their fraction.
fn ms(micros: i64) -> Value {
    json!(micros as f64 / 1_000.0)
}

fn percentile(value: Percentile) -> Value {
    match value {
        Percentile::None => Value::Null,
        Percentile::Micros(micros) => ms(micros),
        Percentile::Infinite => "inf".into(),
    }
}

fn summary(summary: &Summary) -> Value {
    let mut object = Map::new();
    object.insert("events".into(), summary.events.into());
    for (value, name) in [
        (summary.least, "least_ms"),
        (summary.mean, "mean_ms"),
        (summary.most, "most_ms"),
    ] {
        object.insert(name.into(), ms(value));
    }
    for ((_, name), &value) in TOLD.iter().zip(&summary.percentiles) {
        object.insert(format!("{name}_ms"), ms(value));
    }
    Value::Object(object)
}

pub fn delays(found: &Delays) -> Value {
    let part = |part: &Part| json!({"name": part.name, "delays": summary(&part.delays)});
    let stretch = |stretch: &Stretch| json!({"from_us": stretch.from_us, "until_us": stretch.until_us, "delays": summary(&stretch.delays)});
    let bins = found.histogram.iter().map(|bin| json!({"from_ms": ms(bin.from_us), "until_ms": ms(bin.until_us), "events": bin.events}));
    json!({
        "all": summary(&found.all),
        "disorder": summary(&found.disorder),
        "ahead": found.ahead,
        "ecdf": found.ecdf.iter().map(|&(ppm, delay)| json!({"share_ppm": ppm, "ms": ms(delay)})).collect::<Vec<_>>(),
        "histogram": bins.collect::<Vec<_>>(),
        "by_partition": found.by_partition.iter().map(part).collect::<Vec<_>>(),
        "slowest_keys": found.slowest_keys.iter().map(part).collect::<Vec<_>>(),
        "over_time": found.over_time.iter().map(stretch).collect::<Vec<_>>(),
    })
}

pub fn outcome(outcome: &Outcome) -> Value {
    json!({
        "name": outcome.config.name(),
        "config": outcome.config,
        "events": outcome.events,
        "delivered": outcome.delivered,
        "late": outcome.late,
        "pending": outcome.pending,
        "uncovered": outcome.uncovered,
        "late_rate": f64::from(outcome.late_ppm) / 1_000_000.0,
        "missed_windows": outcome.missed_windows,
        "p50": percentile(outcome.p50),
        "p95": percentile(outcome.p95),
        "p99": percentile(outcome.p99),
        "p95_honest": percentile(outcome.p95_honest),
        "fresh_p95": percentile(outcome.fresh_p95),
        "state_peak": outcome.state_peak,
        "state_end": outcome.state_end,
        "memory_bytes": outcome.memory_bytes,
        "emitted": outcome.emitted,
        "updates": outcome.updates,
        "superseded": outcome.superseded,
        "batches": outcome.batches,
        "late_groups": outcome.late_groups,
    })
}

pub fn judged(found: &Judged) -> Value {
    let mut value = outcome(&found.outcome);
    if let Value::Object(object) = &mut value {
        object.insert(
            "misses".into(),
            found.misses.iter().map(ToString::to_string).collect(),
        );
        object.insert("on_frontier".into(), found.on_frontier.into());
    }
    value
}

pub fn answer(answer: &Answer, curve: &[LatePoint]) -> Value {
    json!({
        "late_ppm_allowed": answer.late_ppm,
        "delay_ms": answer.found.delay_ms,
        "late": answer.found.late,
        "exact": answer.exact,
        "confirmed": answer.is_confirmed(),
        "budget": answer.budget,
        "off_budget_ms": answer.off_ms(),
        "run": outcome(&answer.run),
        "one_less": answer.one_less.as_ref().map(outcome),
        "floor": outcome(&answer.floor),
        "curve": curve,
    })
}

// ---- text ----------------------------------------------------------------------------------------------------------

fn line(name: &str, found: &Summary) -> String {
    let mut text = format!("{name:10}");
    for ((_, name), &value) in TOLD.iter().zip(&found.percentiles) {
        text += &format!(
            " {} {}, ",
            name.replace('_', ".").to_ascii_uppercase(),
            seconds(value)
        );
    }
    text + &format!(
        " most {}, mean {}\n",
        seconds(found.most),
        seconds(found.mean)
    )
}

pub fn loaded_text(report: &Report, found: &Delays) -> String {
    let mut text = format!("{} records, {}\n", report.rows, report.format);
    if report.cut {
        text += &format!(
            "the file goes on; only the first {} rows were read\n",
            report.rows
        );
    }
    if report.bad > 0 {
        text += &format!("{} rows were left out:\n", report.bad);
        for row in report.bad_rows.iter().take(10) {
            text += &format!("  line {}: {}\n", row.line, row.reason);
        }
        if report.bad > 10 {
            text += &format!("  and {} more\n", report.bad - 10);
        }
    }
    text += &line("delay", &found.all);
    text += &line("disorder", &found.disorder);
    if found.ahead > 0 {
        text += &format!(
            "{} records happened after they arrived: a clock runs ahead\n",
            found.ahead
        );
    }
    // A stretch with few records, such as the stragglers at the end, has no P95 worth telling.
    let few = found.all.events / found.over_time.len().max(1) as u64 / 10;
    let told = found.over_time.iter();
    let told = told.filter(|stretch| stretch.delays.events > few);
    let p95 = told.map(|stretch| stretch.delays.percentiles[2]);
    if let (Some(least), Some(most)) = (p95.clone().min(), p95.clone().max()) {
        text += &format!(
            "over time  P95 between {} and {} in {} stretches\n",
            seconds(least),
            seconds(most),
            p95.count()
        );
    }
    for (name, parts) in [
        ("partition", &found.by_partition),
        ("key", &found.slowest_keys),
    ] {
        let slowest = parts.iter().max_by_key(|part| part.delays.percentiles[2]);
        if let Some(part) = slowest {
            text += &format!(
                "slowest {name} {}: P95 {} of {} records\n",
                part.name,
                seconds(part.delays.percentiles[2]),
                part.delays.events
            );
        }
    }
    text
}

pub fn answer_text(answer: &Answer) -> String {
    let run = &answer.run;
    let mut text = format!("{}\n", run.config.name());
    text += &format!(
        "smallest delay that keeps late events to {}: {} ({} of {} late{})\n",
        percent(answer.late_ppm),
        seconds(answer.found.delay_ms as i64 * 1_000),
        answer.found.late,
        run.events,
        if answer.exact {
            ""
        } else {
            " at most: open sessions rescue some"
        }
    );
    text += &format!(
        "  a run with it: {} late, P95 {}, honest P95 {}, {} rows\n",
        run.late,
        run.p95.text(),
        run.p95_honest.text(),
        run.state_peak
    );
    if let Some(less) = &answer.one_less {
        text += &format!("  a run with 1 ms less: {} late\n", less.late);
    }
    match answer.budget {
        Some(budget) => {
            let part = |ms: u64| seconds(ms as i64 * 1_000);
            text += &format!(
                "  budget for P95: {} delay + {} window + {} trigger + {} processing = {}",
                part(budget.delay_ms),
                part(budget.window_ms),
                part(budget.trigger_ms),
                part(budget.processing_ms),
                part(budget.total_ms)
            );
            if let Some(off) = answer.off_ms() {
                text += &format!("; the run is {} off", seconds(off * 1_000));
            }
            text += "\n";
        }
        None => text += "  no budget: how long sessions grow is not in the settings\n",
    }
    let floor = &answer.floor;
    text + &format!(
        "  without any delay: P95 {}, and {} late ({})\n",
        floor.p95.text(),
        floor.late,
        percent(floor.late_ppm)
    )
}

pub fn judged_text(found: &[Judged], has_sla: bool) -> String {
    let mut text = format!(
        "{:>10} {:>12} {:>12} {:>12} {:>12} {:>9} {:>9} {:>9}   configuration\n",
        "late", "P50", "P95", "honest P95", "fresh P95", "state", "emitted", "updates"
    );
    for judged in found {
        let outcome = &judged.outcome;
        text += &format!(
            "{:>10} {:>12} {:>12} {:>12} {:>12} {:>9} {:>9} {:>9} {} {}\n",
            percent(outcome.late_ppm),
            outcome.p50.text(),
            outcome.p95.text(),
            outcome.p95_honest.text(),
            outcome.fresh_p95.text(),
            outcome.state_peak,
            outcome.emitted,
            outcome.updates,
            if judged.on_frontier { "*" } else { " " },
            outcome.config.name()
        );
        for miss in &judged.misses {
            text += &format!("           breaks {miss}\n");
        }
    }
    text += "* nothing here is better in P95, late events and state at once\n";
    if has_sla {
        let kept = found
            .iter()
            .filter(|judged| judged.misses.is_empty())
            .count();
        text += &format!(
            "{kept} of {} configurations keep the promise\n",
            found.len()
        );
    }
    text
}
