//! A Flink job, setting by setting and fault by fault: what is doubled, what is lost, and what is not.
//!
//! ```text
//! | where the task fails                        | at least once      | two-phase commit                   |
//! | between two checkpoints                     | D                  | EO                                 |
//! | a checkpoint is triggered, no barrier yet   | D                  | EO                                 |
//! | its state is copied, checkpoint incomplete  | D                  | EO, the transaction is given up    |
//! | checkpoint complete, nothing committed      | no loss            | EO, committed by the next attempt  |
//! | committed                                   | no loss            | EO, committed again to no effect   |
//! ```

mod claims;

use claims::run;
use streamproof::replay::playhead::Playhead;
use streamproof::replay::series::Series;
use streamproof::replay::{anomalies, explain, promises};
use streamproof::sim::explore::crash_points::{Exploration, Reach};
use streamproof::sim::trace::{Fact, FactKind, Trace};
use streamproof::sim::{Ended, Keep, Patch, Scenario, Simulation, catalog};

const SEEDS: [u64; 2] = [42, 1];

/// The opening scenario with a Flink job in place of Spark, and times that fit a run of seconds.
const FLINK: &str = r#"{
    "faults": {"lost-ack": null}, "branches": {"revenue": null},
    "workload": {"late": {"23": null, "36": null}},
    "brokers": {"transaction.abort.timed.out.transaction.cleanup.interval.ms": 200},
    "engine": {"use": "flink", "flink": {"execution.checkpointing.interval": 1000,
        "restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.attempts": 100,
        "restart-strategy.fixed-delay.delay": 200, "high-availability.type": "kubernetes",
        "heartbeat.interval": 500, "heartbeat.timeout": 2000,
        "properties.transaction.timeout.ms": 60000}},
    "sink": {"use": "console"}}"#;

const TOPIC: &str = r#"{"sink": {"use": "kafka_topic", "kafka_topic": {"output.isolation.level": "read_committed"}}}"#;
const NOTHING: &str = "{}";
/// Two tasks, each with a chain of its own.
const WINDOWLESS_PAIR: &str = r#"{"engine": {"flink": {"parallelism.default": 2}}}"#;

/// Two tasks that exchange records, and sums of two seconds a customer.
const WINDOWS: &str = r#"{"engine": {"flink": {"parallelism.default": 2, "window.type": "tumbling",
    "window.size": 2000, "watermark.delay": 300, "watermark.idleness": 800}}}"#;

fn parse(text: &str) -> Patch {
    Patch::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `flink` are the job's settings, `patch` anything else.
fn scenario(flink: &str, faults: &str, patches: &[&str]) -> Scenario {
    let own = format!(r#"{{"engine": {{"flink": {flink}}}, "faults": {faults}}}"#);
    let all = patches
        .iter()
        .fold(parse(FLINK), |all, patch| all.then(&parse(patch)));
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    opening
        .scenario()
        .patched(&all.then(&parse(&own)))
        .unwrap_or_else(|error| panic!("{flink} {faults} {patches:?}: {error}"))
}

/// Every seed's run ends so, and the predicate holds for it.
fn hold_until(ended: Ended, scenario: &Scenario, pred: &str) {
    claims::hold(pred, scenario, &SEEDS, Some(ended), "");
}

fn hold(scenario: &Scenario, pred: &str) {
    hold_until(Ended::Drained, scenario, pred);
}

fn trace(scenario: &Scenario) -> Trace {
    run(scenario, 42, Keep::Trace).trace.expect("it was kept")
}

fn count(trace: &Trace, kind: FactKind) -> usize {
    trace
        .iter()
        .filter(|(_, event)| event.fact.kind() == kind)
        .count()
}

const EXACT: &str = "dup == 0 && lost == 0 && delivered == src && pending == 0";

const TWO_PHASE: &str = r#"{"sink.delivery-guarantee": "exactly-once"}"#;
const AT_LEAST_ONCE: &str = r#"{"sink.delivery-guarantee": "at-least-once"}"#;

const CRASHES: [(&str, bool); 8] = [
    (r#"{"do": "task.crash", "at": 3500}"#, true),
    (
        r#"{"do": "task.crash.before_barrier", "after": {"checkpoint_triggered": 3}}"#,
        true,
    ),
    (
        r#"{"do": "task.crash.mid_checkpoint", "after": {"snapshot_taken": 3}}"#,
        true,
    ),
    (
        r#"{"do": "task.crash.before_commit", "after": {"checkpoint_completed": 3}}"#,
        false,
    ),
    (r#"{"do": "task.crash.after_commit", "at": 2500}"#, false),
    (r#"{"do": "taskmanager.crash", "at": 3500}"#, true),
    (r#"{"do": "jobmanager.crash", "at": 3500}"#, true),
    (
        r#"{"do": "jobmanager.crash.before_notify", "after": {"checkpoint_completed": 3}}"#,
        false,
    ),
];

#[test]
fn at_least_once_doubles_what_is_replayed_and_loses_nothing() {
    // Nothing is committed, so nothing fails after a commit.
    let crashes = CRASHES.into_iter();
    for (crash, doubles) in crashes.filter(|(crash, _)| !crash.contains("after_commit")) {
        let faults = format!(r#"{{"crash": {crash}}}"#);
        for sink in [NOTHING, TOPIC] {
            let scenario = scenario(AT_LEAST_ONCE, &faults, &[sink]);
            let pred = if doubles {
                "lost == 0 && pending == 0 && dup > 0"
            } else {
                "lost == 0 && pending == 0"
            };
            hold(&scenario, pred);
        }
    }
}

#[test]
fn two_phase_commit_shows_every_order_once_wherever_the_job_fails() {
    for (crash, _) in CRASHES {
        let faults = format!(r#"{{"crash": {crash}}}"#);
        for sink in [NOTHING, TOPIC] {
            hold(&scenario(TWO_PHASE, &faults, &[sink]), EXACT);
        }
    }
}

#[test]
fn a_commit_that_is_not_idempotent_doubles_a_transaction_that_is_committed_again() {
    let faults = r#"{"crash": {"do": "task.crash.after_commit", "at": 2500}}"#;
    let careless =
        r#"{"sink.delivery-guarantee": "exactly-once", "sink.commit.idempotent": false}"#;
    hold(
        &scenario(careless, faults, &[]),
        "dup > 0 && dup_by.batch_replay == dup && lost == 0",
    );
    hold(&scenario(TWO_PHASE, faults, &[]), EXACT);
}

#[test]
fn a_reader_that_does_not_wait_for_commits_sees_what_was_given_up() {
    let faults = r#"{"crash": {"do": "taskmanager.crash", "at": 3500}}"#;
    let dirty = r#"{"sink": {"use": "kafka_topic", "kafka_topic": {"output.isolation.level": "read_uncommitted"}}}"#;
    hold(
        &scenario(TWO_PHASE, faults, &[dirty]),
        "dirty > 0 && dup > 0 && lost == 0",
    );
    hold(
        &scenario(TWO_PHASE, faults, &[TOPIC]),
        "dirty == 0 && dup == 0 && lost == 0",
    );
}

#[test]
fn transactional_output_waits_for_its_checkpoint() {
    hold(&scenario(AT_LEAST_ONCE, NOTHING, &[TOPIC]), "p95 < 400");
    hold(
        &scenario(TWO_PHASE, NOTHING, &[TOPIC]),
        "p50 > 400 && p95 > 800 && p99 < 1600",
    );
    let rare =
        r#"{"sink.delivery-guarantee": "exactly-once", "execution.checkpointing.interval": 3000}"#;
    hold(&scenario(rare, NOTHING, &[TOPIC]), "p95 > 2000");
}

#[test]
fn an_outage_longer_than_the_transaction_may_stay_open_loses_what_the_checkpoint_holds() {
    let faults = r#"{"crash": {"do": "jobmanager.crash.before_notify", "after": {"checkpoint_completed": 3}, "for": 8000}}"#;
    let timeout = |ms: u64| {
        format!(
            r#"{{"sink.delivery-guarantee": "exactly-once", "properties.transaction.timeout.ms": {ms}}}"#
        )
    };
    let lost = "lost > 0 && lost_by.txn_timeout == lost && dup == 0";
    hold(&scenario(&timeout(3_000), faults, &[TOPIC]), lost);
    hold(&scenario(&timeout(30_000), faults, &[TOPIC]), EXACT);
}

#[test]
fn with_both_defaults_the_producer_is_refused_and_the_job_restarts_for_ever() {
    let horizon = r#"{"limits": {"horizon_ms": 20000}}"#;
    let hour = r#"{"sink.delivery-guarantee": "exactly-once", "properties.transaction.timeout.ms": 3600000}"#;
    let refused = scenario(hour, NOTHING, &[TOPIC, horizon]);
    hold_until(Ended::Horizon, &refused, "rows == 0 && pending == src");
    assert!(count(&trace(&refused), FactKind::JobStarted) > 10);
    let raised = r#"{"brokers": {"transaction.max.timeout.ms": 3600000}}"#;
    hold(&scenario(hour, NOTHING, &[TOPIC, raised]), EXACT);
}

#[test]
fn a_prefix_that_changes_leaves_a_transaction_open_that_readers_wait_for() {
    let faults = r#"{"crash": {"do": "taskmanager.crash", "at": 3500}}"#;
    let suffix = |suffix: &str| {
        format!(
            r#"{{"sink.delivery-guarantee": "exactly-once", "sink.transactional-id-prefix.suffix": "{suffix}",
                "properties.transaction.timeout.ms": 8000}}"#
        )
    };
    let patient = r#"{"limits": {"settle_ms": 10000}}"#;
    hold(
        &scenario(&suffix("random"), faults, &[TOPIC, patient]),
        "p99 > 6000 && dup == 0 && lost == 0",
    );
    hold(
        &scenario(&suffix("none"), faults, &[TOPIC]),
        "p99 < 4500 && dup == 0 && lost == 0",
    );
}

#[test]
fn without_checkpoints_a_job_stays_down_or_begins_at_the_start() {
    let faults = r#"{"crash": {"do": "task.crash", "at": 3500}}"#;
    let off = r#"{"execution.checkpointing.interval": null, "restart-strategy.type": null}"#;
    hold(
        &scenario(off, faults, &[]),
        "pending > 0 && lost == 0 && dup == 0",
    );
    let again = r#"{"execution.checkpointing.interval": null}"#;
    hold(
        &scenario(again, faults, &[]),
        "delivered == src && dup > 10",
    );
    let never =
        r#"{"execution.checkpointing.interval": null, "sink.delivery-guarantee": "exactly-once"}"#;
    hold(
        &scenario(never, NOTHING, &[]),
        "rows == 0 && pending == src",
    );
}

#[test]
fn unset_the_restart_strategy_follows_checkpointing_and_a_fixed_delay_ends() {
    let faults =
        r#"{"crash": {"do": "task.crash", "at": 3500}, "again": {"do": "task.crash", "at": 5000}}"#;
    let unset = r#"{"restart-strategy.type": null, "sink.delivery-guarantee": "exactly-once"}"#;
    hold(&scenario(unset, faults, &[]), EXACT);
    let once = r#"{"restart-strategy.fixed-delay.attempts": 1, "sink.delivery-guarantee": "exactly-once"}"#;
    hold(&scenario(once, faults, &[]), "pending > 0 && lost == 0");
    let none = r#"{"restart-strategy.type": "none", "sink.delivery-guarantee": "exactly-once"}"#;
    hold(&scenario(none, faults, &[]), "pending > 0 && lost == 0");
}

#[test]
fn without_high_availability_a_job_manager_that_comes_back_begins_a_new_job() {
    let faults = r#"{"crash": {"do": "jobmanager.crash", "at": 3500}}"#;
    let none = r#"{"high-availability.type": "NONE", "sink.delivery-guarantee": "exactly-once"}"#;
    hold(&scenario(none, faults, &[]), "dup > 10 && lost == 0");
    hold(&scenario(TWO_PHASE, faults, &[]), EXACT);
}

#[test]
fn a_task_manager_that_stands_still_is_replaced_and_its_zombie_commits_nothing() {
    let faults = r#"{"pause": {"do": "taskmanager.pause", "at": 3500, "for": 6000}}"#;
    hold(&scenario(TWO_PHASE, faults, &[TOPIC]), EXACT);
    let paused = scenario(TWO_PHASE, faults, &[TOPIC]);
    assert!(
        count(&trace(&paused), FactKind::JobStarted) > 1,
        "it was noticed"
    );
    let patient = r#"{"sink.delivery-guarantee": "exactly-once", "heartbeat.timeout": 50000}"#;
    let patient = scenario(patient, faults, &[TOPIC]);
    assert_eq!(count(&trace(&patient), FactKind::JobStarted), 1);
}

/// What was read, failed and started, with its time in ms.
fn moments(trace: &Trace, kind: FactKind) -> Vec<u64> {
    let of_kind = trace.iter().filter(|(_, event)| event.fact.kind() == kind);
    of_kind.map(|(_, event)| event.at.ms()).collect()
}

#[test]
fn tasks_that_miss_their_job_manager_fail_after_the_heartbeat_timeout_and_not_before() {
    let faults = r#"{"crash": {"do": "jobmanager.crash", "at": 3500, "for": 6000}}"#;
    let read_without = |timeout: u64| {
        let settings = format!(
            r#"{{"sink.delivery-guarantee": "at-least-once", "heartbeat.timeout": {timeout}}}"#
        );
        let scenario = scenario(&settings, faults, &[]);
        hold(&scenario, "dup > 0 && lost == 0 && pending == 0");
        let trace = trace(&scenario);
        let starts = moments(&trace, FactKind::JobStarted);
        assert_eq!(starts.len(), 2, "{starts:?}");
        let failed = moments(&trace, FactKind::TaskFailed);
        assert_eq!(failed.len(), 1, "{failed:?}");
        let mut read = moments(&trace, FactKind::SourceRead);
        read.retain(|&at| at > 3500 && at < starts[1]);
        (failed[0], read.last().copied().unwrap_or(0))
    };
    let (failed, last) = read_without(2000);
    assert!((4900..=5700).contains(&failed), "{failed}");
    assert!(last <= failed, "{last} {failed}");
    // As soon as another leader is known the old one's tasks end all the same.
    let (failed, last) = read_without(50_000);
    assert!((9500..9700).contains(&failed), "{failed}");
    assert!(last > 7000, "{last}");
}

#[test]
fn an_absence_of_the_job_manager_doubles_nothing_in_two_phases() {
    for fault in [
        r#"{"do": "jobmanager.crash", "at": 3500, "for": 6000}"#,
        r#"{"do": "net.split", "where": "tm1>jm", "at": 3500, "for": 6000}"#,
        r#"{"do": "net.reset", "where": "tm1>jm", "at": 3500}"#,
    ] {
        let faults = format!(r#"{{"away": {fault}}}"#);
        hold(&scenario(TWO_PHASE, &faults, &[]), EXACT);
        hold(
            &scenario(TWO_PHASE, &faults, &[TOPIC, WINDOWLESS_PAIR]),
            EXACT,
        );
    }
    let split = r#"{"away": {"do": "net.split", "where": "tm1>jm", "at": 3500, "for": 6000}}"#;
    let starts = |flink: &str| count(&trace(&scenario(flink, split, &[])), FactKind::JobStarted);
    assert_eq!(starts(TWO_PHASE), 2, "both ends have given the other up");
    let patient = r#"{"sink.delivery-guarantee": "exactly-once", "heartbeat.timeout": 50000}"#;
    assert_eq!(starts(patient), 1, "nobody has");
}

// ---- barriers --------------------------------------------------------------------------------------------------

/// The barrier of the second task reaches the first one late, and the job fails when that checkpoint is complete.
const SLOW_BARRIER: &str = r#"{
    "slow": {"do": "net.delay", "where": "tm2>tm1", "at": 2500, "for": 4000, "by": 500},
    "crash": {"do": "task.crash.before_commit", "where": "tm1", "after": {"checkpoint_completed": 4}}}"#;
/// Many customers, so that both tasks always have something.
const BUSY: &str = r#"{"workload": {"orders": 400, "every_ms": 20, "customers": 40}}"#;

#[test]
fn at_least_once_mode_counts_what_ran_ahead_of_a_slow_barrier_twice() {
    for (mode, unaligned, pred) in [
        ("AT_LEAST_ONCE", false, "state.dup > 0"),
        ("EXACTLY_ONCE", false, "state.dup == 0 && dup == 0"),
        ("EXACTLY_ONCE", true, "state.dup == 0 && dup == 0"),
    ] {
        let flink = format!(
            r#"{{"execution.checkpointing.mode": "{mode}", "sink.delivery-guarantee": "exactly-once",
                "execution.checkpointing.unaligned.enabled": {unaligned}}}"#
        );
        hold(&scenario(&flink, SLOW_BARRIER, &[WINDOWS, BUSY]), pred);
    }
}

#[test]
fn with_one_input_at_least_once_mode_is_as_exact_as_exactly_once() {
    let faults = r#"{"crash": {"do": "task.crash", "at": 3500}}"#;
    let flink = r#"{"execution.checkpointing.mode": "AT_LEAST_ONCE", "parallelism.default": 1,
        "sink.delivery-guarantee": "exactly-once"}"#;
    hold(
        &scenario(flink, faults, &[WINDOWS, BUSY]),
        "state.dup == 0 && dup == 0 && replayed > 0",
    );
}

#[test]
fn unaligned_barriers_overtake_and_their_checkpoints_hold_what_was_overtaken() {
    let work = |unaligned: bool, timeout: u64| {
        let flink = format!(
            r#"{{"work_us": 12000, "sink.delivery-guarantee": "exactly-once",
                "execution.checkpointing.unaligned.enabled": {unaligned},
                "execution.checkpointing.aligned-checkpoint-timeout": {timeout}}}"#
        );
        scenario(&flink, SLOW_BARRIER, &[WINDOWS, BUSY])
    };
    let held = |scenario: &Scenario| -> u32 {
        let trace = trace(scenario);
        let in_flight = trace.iter().map(|(_, event)| match event.fact {
            Fact::SnapshotTaken { in_flight, .. } => in_flight,
            _ => 0,
        });
        in_flight.sum()
    };
    assert_eq!(held(&work(false, 0)), 0);
    assert!(held(&work(true, 0)) > 0);
    let late = trace(&work(true, 100));
    let turned = |fact: &Fact| matches!(fact, Fact::Noted { text } if text.ends_with("unaligned"));
    assert!(late.iter().any(|(_, event)| turned(&event.fact)));
    for scenario in [work(false, 0), work(true, 0), work(true, 100)] {
        hold(&scenario, "state.dup == 0 && dup == 0 && lost == 0");
    }
}

#[test]
fn checkpoints_that_expire_fail_the_job_or_stop_all_commits() {
    let faults = r#"{"split": {"do": "net.split", "where": "tm1>jm", "at": 2500, "for": 4000}}"#;
    let tolerable = |n: u32| {
        format!(
            r#"{{"sink.delivery-guarantee": "exactly-once", "execution.checkpointing.timeout": 500,
                "heartbeat.timeout": 50000, "execution.checkpointing.tolerable-failed-checkpoints": {n}}}"#
        )
    };
    let strict = scenario(&tolerable(0), faults, &[]);
    assert!(count(&trace(&strict), FactKind::JobStarted) > 1);
    hold(&strict, EXACT);
    let lax = scenario(&tolerable(100), faults, &[]);
    assert_eq!(count(&trace(&lax), FactKind::JobStarted), 1);
    hold(&lax, "dup == 0 && delivered == src && p95 > 2500");
}

#[test]
fn a_pause_between_checkpoints_makes_them_rarer() {
    let pause = |ms: u64| {
        let flink = format!(r#"{{"execution.checkpointing.min-pause": {ms}}}"#);
        count(
            &trace(&scenario(&flink, NOTHING, &[])),
            FactKind::CheckpointCompleted,
        )
    };
    assert!(pause(3_000) < pause(0));
}

// ---- event time ------------------------------------------------------------------------------------------------

#[test]
fn a_silent_partition_holds_every_window_back_unless_it_counts_as_idle() {
    // One customer: the other partitions are empty.
    let alone = r#"{"workload": {"customers": 1}}"#;
    let stuck = r#"{"watermark.idleness": null}"#;
    hold(
        &scenario(stuck, NOTHING, &[WINDOWS, alone]),
        "rows == 0 && pending == src",
    );
    hold(
        &scenario(NOTHING, NOTHING, &[WINDOWS, alone]),
        "rows > 1 && lost == 0",
    );
}

#[test]
fn a_stuck_partition_that_counts_as_idle_comes_back_too_late() {
    // The till's connection to one broker is down for seconds.
    let faults = r#"{"split": {"do": "net.split", "where": "p1>b1", "at": 2000, "for": 4000}}"#;
    let patient = r#"{"watermark.idleness": null}"#;
    hold(&scenario(NOTHING, faults, &[WINDOWS, BUSY]), "late > 0");
    hold(&scenario(patient, faults, &[WINDOWS, BUSY]), "late == 0");
}

#[test]
fn an_idle_partition_holds_results_back_and_a_delayed_one_comes_too_late_as_idleness_has_it() {
    let fault = |name: &str| {
        format!(r#"{{"quiet": {{"do": "{name}", "partition": 1, "at": 2000, "for": 4000}}}}"#)
    };
    let (idle, delayed) = (fault("source.idle"), fault("source.delay"));
    let patient = r#"{"watermark.idleness": null}"#;
    // Nothing happened meanwhile: with the timeout the others' windows come out, without it they wait.
    let quick = "late == 0 && lost == 0 && p95 < 4000";
    hold(&scenario(NOTHING, &idle, &[WINDOWS, BUSY]), quick);
    let slow = "late == 0 && lost == 0 && p95 > 4500";
    hold(&scenario(patient, &idle, &[WINDOWS, BUSY]), slow);
    // Something did: with the timeout it comes to windows that have fired, without it they have waited for it.
    hold(
        &scenario(NOTHING, &delayed, &[WINDOWS, BUSY]),
        "late > 20 && lost == 0",
    );
    hold(&scenario(patient, &delayed, &[WINDOWS, BUSY]), slow);
}

#[test]
fn without_a_timer_only_sql_moves_the_watermark() {
    let one = r#"{"watermark.idleness": null, "pipeline.auto-watermark-interval": 0}"#;
    hold(
        &scenario(one, NOTHING, &[WINDOWS, BUSY]),
        "rows == 0 && pending == src",
    );
    let sql = r#"{"watermark.idleness": null, "pipeline.auto-watermark-interval": 0,
        "watermark.strategy": "sql_row_expression"}"#;
    hold(
        &scenario(sql, NOTHING, &[WINDOWS, BUSY]),
        "rows > 10 && lost == 0",
    );
}

/// Order 20 is handed over two seconds late.
const LATE: &str =
    r#"{"workload": {"orders": 400, "every_ms": 20, "customers": 10, "late": {"200": 2500}}}"#;

#[test]
fn a_late_order_is_dropped_taken_or_put_aside() {
    let upsert = r#"{"sink": {"console": {"dedup": "upsert"}}}"#;
    for (flink, sink, pred) in [
        (
            NOTHING,
            NOTHING,
            "late == 1 && late_captured == 0 && dup == 0",
        ),
        (
            r#"{"watermark.delay": 3000}"#,
            NOTHING,
            "late == 0 && dup == 0",
        ),
        (
            r#"{"allowed.lateness": 3000}"#,
            upsert,
            "late == 0 && dup == 0",
        ),
        (
            r#"{"allowed.lateness": 3000}"#,
            NOTHING,
            "late == 0 && dup > 0 && dup_by.refined == dup",
        ),
        (
            r#"{"late.side.output": true}"#,
            NOTHING,
            "late == 1 && late_captured == 1",
        ),
    ] {
        hold(&scenario(flink, NOTHING, &[WINDOWS, LATE, sink]), pred);
    }
}

#[test]
fn a_source_that_runs_ahead_stands_still_for_the_slow_one() {
    let faults =
        r#"{"slow": {"do": "net.delay", "where": "tm2>b2", "at": 100, "for": 9000, "by": 900}}"#;
    let peak = |flink: &str| {
        let scenario = scenario(flink, faults, &[WINDOWS, BUSY]);
        hold(&scenario, "late == 0 && lost == 0");
        run(&scenario, 42, Keep::LedgerOnly).verdict.state_peak
    };
    let off = r#"{"watermark.idleness": null, "window.size": 200}"#;
    let on = r#"{"watermark.idleness": null, "window.size": 200, "watermark.alignment.max.drift": 100,
        "watermark.alignment.update.interval": 50}"#;
    let (on, off) = (peak(on), peak(off));
    assert!(on < off, "{on} {off}");
}

#[test]
fn every_kind_of_window_sums_each_order_where_it_belongs() {
    for (window, pred) in [
        (r#"{"window.type": "tumbling"}"#, "dup == 0 && lost == 0"),
        (
            r#"{"window.type": "session", "window.gap": 500}"#,
            "dup == 0 && lost == 0",
        ),
    ] {
        hold(&scenario(window, NOTHING, &[WINDOWS, BUSY]), pred);
    }
}

#[test]
fn a_run_is_the_same_every_time() {
    let scenario = scenario(TWO_PHASE, SLOW_BARRIER, &[WINDOWS, BUSY]);
    let digest = || run(&scenario, 7, Keep::LedgerOnly).digest;
    assert_eq!(digest(), digest());
}

#[test]
fn what_a_job_cannot_be_is_refused_with_what_is_accepted() {
    let error = |patch: &str| {
        let opening = catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario();
        let patched = opening.patched(&parse(FLINK).then(&parse(patch)));
        patched.expect_err("should be refused").to_string()
    };
    for (patch, expected) in [
        (
            r#"{"engine": {"flink": {"window.type": "tumbling"}}, "sink": {"use": "kafka_topic"}}"#,
            "sink.use: a record of \"kafka_topic\" stands for one order",
        ),
        (
            r#"{"engine": {"flink": {"execution.checkpointing.interval": 1}}}"#,
            "engine.flink.execution.checkpointing.interval: 1 is out of range; 10 to",
        ),
        (
            r#"{"engine": {"flink": {"window.type": "sliding", "window.size": 10, "window.slide": 20}}}"#,
            "engine.flink.window.slide: 20 is longer than window.size",
        ),
        (
            r#"{"engine": {"flink": {"execution.checkpointing.unaligned.enabled": true, "execution.checkpointing.max-concurrent-checkpoints": 2}}}"#,
            "engine.flink.execution.checkpointing.max-concurrent-checkpoints: must be 1",
        ),
        (
            r#"{"faults": {"f": {"do": "task.crash", "where": "b1", "at": 1}}}"#,
            "faults.f.where: \"b1\" does not fit task.crash",
        ),
        (
            r#"{"sink": {"use": "console"}, "engine": {"flink": {"windw.type": "none"}}}"#,
            "engine: unknown field `windw.type`",
        ),
    ] {
        let error = error(patch);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_sink_that_flushes_nothing_loses_what_a_checkpoint_took_for_written() {
    // One partition of orders, and its output on a broker that refuses everything for a while.
    let apart = r#"{"workload": {"customers": 1}}"#;
    let faults = r#"{"refuse": {"do": "broker.reject", "where": "b3", "at": 2000, "times": 40},
        "crash": {"do": "taskmanager.crash", "at": 4500}}"#;
    for (guarantee, pred) in [
        ("none", "lost > 0"),
        ("at-least-once", "lost == 0 && pending == 0"),
    ] {
        let flink = format!(r#"{{"sink.delivery-guarantee": "{guarantee}"}}"#);
        hold(&scenario(&flink, faults, &[TOPIC, apart]), pred);
    }
}

// ---- the table -------------------------------------------------------------------------------------------------

const TABLE: &str =
    r#"{"sink": {"use": "hudi", "hudi": {"hoodie.datasource.write.operation": "insert"}}}"#;

#[test]
fn a_table_commits_with_the_checkpoint_and_holds_every_order_once_wherever_the_job_fails() {
    for (crash, _) in CRASHES {
        let faults = format!(r#"{{"crash": {crash}}}"#);
        hold(&scenario(NOTHING, &faults, &[TABLE]), EXACT);
    }
    hold(
        &scenario(NOTHING, NOTHING, &[TABLE]),
        "p50 > 400 && p99 < 2500 && dup == 0 && garbage == 0",
    );
}

#[test]
fn an_instant_is_committed_again_if_its_checkpoint_is_complete_and_rolled_back_if_not() {
    for (crash, rolled_back) in [
        (
            r#"{"do": "task.crash.mid_checkpoint", "after": {"snapshot_taken": 3}}"#,
            true,
        ),
        (
            r#"{"do": "task.crash.before_commit", "after": {"checkpoint_completed": 3}}"#,
            false,
        ),
        (
            r#"{"do": "task.crash.after_commit", "after": {"table_committed": 2}}"#,
            false,
        ),
    ] {
        let crashed = scenario(NOTHING, &format!(r#"{{"crash": {crash}}}"#), &[TABLE]);
        hold(
            &crashed,
            if rolled_back {
                "rollbacks == 1"
            } else {
                "rollbacks == 0"
            },
        );
        hold(&crashed, EXACT);
    }
}

#[test]
fn without_checkpoints_or_high_availability_a_table_stays_empty_or_takes_everything_again() {
    let never = r#"{"execution.checkpointing.interval": null}"#;
    hold(
        &scenario(never, NOTHING, &[TABLE]),
        "rows == 0 && pending == src",
    );
    let faults = r#"{"crash": {"do": "jobmanager.crash", "at": 4000}}"#;
    let alone = r#"{"high-availability.type": "NONE"}"#;
    hold(&scenario(alone, faults, &[TABLE]), "dup > 10 && lost == 0");
    let upsert = r#"{"sink": {"hudi": {"hoodie.datasource.write.operation": "upsert"}}}"#;
    hold(
        &scenario(alone, faults, &[TABLE, upsert]),
        "dup == 0 && lost == 0 && delivered == src",
    );
}

#[test]
fn every_view_can_show_every_job_that_goes_wrong() {
    for preset in catalog::all()
        .iter()
        .filter(|preset| preset.group == "Flink")
    {
        let scenario = preset.scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let trace = run.trace.clone().expect("it was kept");
        let mut playhead = Playhead::new(&scenario, &run);
        playhead.seek(&trace, run.end);
        for order in 1..=scenario.workload.orders {
            assert!(
                explain::explain(&scenario, &run, order, run.end).is_some(),
                "{}",
                preset.id
            );
        }
        let found = anomalies::of(&scenario, &trace);
        promises::of(&scenario, &run, &found);
        Series::of(&scenario, &run, run.end);
        for (_, event) in trace.iter() {
            assert!(!explain::describe(&event.fact).is_empty());
        }
    }
}

#[test]
fn a_job_reads_what_a_job_before_it_has_committed() {
    let crash = r#"{"crash": {"do": "taskmanager.crash", "at": 3500}, "next": {"do": "taskmanager.crash", "where": "bills.tm1", "at": 4500}}"#;
    let bills = r#"{"branches": {"bills": {"from": "main", "sink": {"use": "console"},
        "engine": {"use": "flink", "flink": {"execution.checkpointing.interval": 1000,
            "properties.isolation.level": "read_committed", "sink.delivery-guarantee": "exactly-once"}}}}}"#;
    let chained = scenario(TWO_PHASE, crash, &[TOPIC, bills]);
    let exact = "bills.dup == 0 && bills.lost == 0 && bills.delivered == src && dup == 0";
    let careless = r#"{"branches": {"bills": {"engine": {"flink": {"properties.isolation.level": "read_uncommitted"}}}}}"#;
    hold_until(Ended::Drained, &chained, exact);
    let dirty = scenario(TWO_PHASE, crash, &[TOPIC, bills, careless]);
    hold_until(Ended::Drained, &dirty, "bills.dup > 0 && dup == 0");
}

// ---- every moment ----------------------------------------------------------------------------------------------

/// A read that is under way when the leader dies is asked for again, also if the task has heard of the new leader by then.
#[test]
fn no_moment_of_a_brokers_death_leaves_an_order_behind() {
    let twelve = r#"{"workload": {"orders": 12}}"#;
    let reach = Reach {
        faults: vec!["broker.crash.kept".into()],
        hosts: vec!["b1".into(), "b2".into(), "b3".into()],
        ..Reach::default()
    };
    let report = Exploration::run(&scenario(TWO_PHASE, NOTHING, &[TOPIC, twelve]), reach);
    let report = report.expect("valid");
    let tally = &report.segments[0].tally;
    assert!(report.points > 1_000, "{}", report.points);
    assert_eq!((tally.stuck, tally.lost), (0, 0), "{}", report.to_text());
}
