//! A plain consumer, commit mode by commit mode and fault by fault: what is doubled, what is lost, and what is not.
//!
//! Expectations come from the rules of the Java client. "Row a" is a row of this table; every cell is run.
//!
//! ```text
//! |   | commit mode                                   | crash after effect | crash after commit | commit lost  | zombie                  |
//! | a | auto-commit, all work inside the poll loop    | D                  | -, L with close()  | D, if crash  | D                       |
//! | b | auto-commit, work handed to other threads     | D                  | L                  | D, if crash  | D                       |
//! | c | commit before the effect                      | -                  | L, one unit        | -            | late effect, no D       |
//! | d | commitSync after the effect                   | D, one unit        | -                  | D, if crash  | D, its commit refused   |
//! | e | commitAsync after the effect                  | D, several units   | -                  | D, if crash  | D                       |
//! | f | after the effect, idempotent upsert or dedup  | EO                 | -                  | EO           | EO                      |
//! | g | in one transaction with the output topic     | EO                 | -                  | EO           | EO, the zombie refused  |
//! | h | output topic, offsets committed after it      | D                  | -                  | D, if crash  | D                       |
//! | i | stored with the result, seek on start        | EO                 | -                  | -            | EO if the sink fences, else D |
//! | j | never                                         | by auto.offset.reset: earliest D of everything, latest L of the outage     |
//! ```

mod claims;

use claims::run;
use streamproof::sim::{Ended, Keep, Patch, Scenario, catalog};

const SEEDS: [u64; 4] = [42, 1, 2, 3];

/// The opening scenario with a plain consumer in place of Spark, and time-outs that fit a run of seconds. The work takes
/// longer than the orders' gap, so that a poll returns several records.
const CONSUMER: &str = r#"{
    "faults": {"lost-ack": null}, "branches": {"revenue": null},
    "limits": {"settle_ms": 4000},
    "brokers": {"group.initial.rebalance.delay.ms": 100},
    "engine": {"use": "consumer", "consumer": {"auto.offset.reset": "earliest", "session.timeout.ms": 1000,
        "heartbeat.interval.ms": 200, "enable.auto.commit": false, "auto.commit.interval.ms": 500,
        "max.poll.records": 4, "work_us": 250000}},
    "sink": {"use": "console"}}"#;

fn scenario(consumer: &str, faults: &str, patch: &str) -> Scenario {
    let parse = |text: &str| Patch::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let all = parse(CONSUMER)
        .then(&parse(&format!(
            r#"{{"engine": {{"consumer": {consumer}}}, "faults": {faults}}}"#
        )))
        .then(&parse(patch));
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    opening
        .scenario()
        .patched(&all)
        .unwrap_or_else(|error| panic!("{consumer} {faults} {patch}: {error}"))
}

fn hold(scenario: &Scenario, pred: &str) {
    claims::hold(pred, scenario, &SEEDS, Some(Ended::Drained), "");
}

fn check(consumer: &str, faults: &str, pred: &str) {
    hold(&scenario(consumer, faults, "{}"), pred);
}

const NOTHING: &str = "{}";
const EXACT: &str = "dup == 0 && lost == 0 && pending == 0 && rows == 40";

const ROW_A: &str = r#"{"enable.auto.commit": true, "consumer.commit": "auto"}"#;
const ROW_B: &str = r#"{"enable.auto.commit": true, "consumer.commit": "auto", "consumer.pool": 2, "work_us": 800000}"#;
const ROW_C: &str = r#"{"consumer.commit": "before"}"#;
const ROW_D: &str = r#"{"consumer.commit": "after"}"#;
const ROW_E: &str = r#"{"consumer.commit": "after", "consumer.commit.call": "async"}"#;
const ROW_J: &str = r#"{"consumer.commit": "auto"}"#;

const BEFORE_WORK: &str = r#"{"crash": {"do": "consumer.crash.before_work", "at": 3000}}"#;
const AFTER_WORK: &str = r#"{"crash": {"do": "consumer.crash.after_work", "at": 3000}}"#;
const AFTER_COMMIT: &str = r#"{"crash": {"do": "consumer.crash.after_commit", "at": 3000}}"#;

#[test]
fn without_a_fault_every_commit_mode_works_on_each_record_once() {
    for row in [ROW_A, ROW_B, ROW_C, ROW_D, ROW_E, ROW_J] {
        check(row, NOTHING, &format!("{EXACT} && fenced == 0"));
    }
    let two = r#"{"consumer.commit": "after", "consumers": 2}"#;
    check(two, NOTHING, EXACT);
}

#[test]
fn a_crash_after_the_effect_repeats_whatever_was_not_committed() {
    let pool =
        r#"{"enable.auto.commit": true, "auto.commit.interval.ms": 5000, "consumer.pool": 2}"#;
    for row in [ROW_A, pool, ROW_D, ROW_E, ROW_J] {
        check(
            row,
            AFTER_WORK,
            "dup >= 1 && dup == dup_by.offset_replay && lost == 0",
        );
    }
    // A unit is a poll: with one record a poll it is one record.
    let single = r#"{"consumer.commit": "after", "max.poll.records": 1}"#;
    check(single, AFTER_WORK, "dup == 1 && lost == 0");
}

#[test]
fn a_crash_between_commit_and_effect_loses_what_was_committed_ahead() {
    check(
        ROW_C,
        AFTER_COMMIT,
        "lost >= 1 && lost <= 4 && lost == lost_by.commit_first && dup == 0",
    );
    let single = r#"{"consumer.commit": "before", "max.poll.records": 1}"#;
    check(single, AFTER_COMMIT, "lost == 1 && dup == 0");
    check(single, AFTER_WORK, EXACT);
    check(
        ROW_B,
        AFTER_COMMIT,
        "lost >= 1 && lost == lost_by.commit_first",
    );
    // In the loop, an automatic commit covers only what earlier polls returned, and that is done.
    for row in [ROW_A, ROW_D] {
        check(row, AFTER_COMMIT, EXACT);
    }
}

#[test]
fn records_in_hand_that_nothing_was_done_with_are_read_again() {
    for row in [ROW_A, ROW_D, ROW_E] {
        check(row, BEFORE_WORK, "lost == 0");
    }
    check(ROW_D, BEFORE_WORK, EXACT);
}

#[test]
fn close_in_a_finally_block_commits_records_that_an_error_left_undone() {
    let error = r#"{"error": {"do": "consumer.close", "at": 3000}}"#;
    check(ROW_A, error, "lost >= 1 && lost == lost_by.commit_first");
    check(ROW_D, error, EXACT);
}

#[test]
fn an_idempotent_effect_makes_repeats_harmless() {
    for dedup in ["upsert", "store"] {
        let patch = format!(r#"{{"sink": {{"console": {{"dedup": "{dedup}"}}}}}}"#);
        for faults in [BEFORE_WORK, AFTER_WORK, AFTER_COMMIT, PAUSE] {
            hold(&scenario(ROW_D, faults, &patch), EXACT);
        }
        // What was committed ahead is gone with it as well.
        let pred = "lost >= 1 && dup == 0";
        hold(&scenario(ROW_C, AFTER_COMMIT, &patch), pred);
    }
}

const ROW_I: &str = r#"{"consumer.commit": "sink", "enable.auto.commit": false}"#;
const FENCES: &str = r#"{"sink": {"console": {"sink.fencing": "generation"}}}"#;

#[test]
fn offsets_in_the_sinks_own_transaction_are_one_step_with_the_result() {
    let crash = r#"{"crash": {"do": "consumer.crash", "at": 3000, "for": 1500}}"#;
    let coordinator = r#"{"crash": {"do": "coordinator.crash", "at": 3000, "for": 6000}}"#;
    for fencing in ["{}", FENCES] {
        for faults in [
            NOTHING,
            BEFORE_WORK,
            AFTER_WORK,
            AFTER_COMMIT,
            crash,
            coordinator,
        ] {
            hold(&scenario(ROW_I, faults, fencing), EXACT);
        }
        hold(&scenario(&two(ROW_I), NOTHING, fencing), EXACT);
    }
    // What the sink keeps is Kafka's no more: the same without it doubles.
    check(ROW_D, AFTER_WORK, "dup >= 1 && lost == 0");
}

#[test]
fn only_a_sink_that_fences_keeps_a_zombie_out() {
    hold(
        &scenario(&two(ROW_I), PAUSE, "{}"),
        "dup >= 1 && dup == dup_by.offset_replay && lost == 0",
    );
    let fenced = format!("{EXACT} && fenced >= 1");
    hold(&scenario(&two(ROW_I), PAUSE, FENCES), &fenced);
    let short = PAUSE.replace("4000", "500");
    hold(
        &scenario(&two(ROW_I), &short, FENCES),
        &format!("{EXACT} && fenced == 0"),
    );
}

#[test]
fn a_loop_that_dies_of_commit_failed_exception_leaves_its_share_to_others_if_there_are_any() {
    let stops = r#"{"consumer.commit": "after", "consumer.on.commit.failed": "stop"}"#;
    // Its commit is refused for its age; the other one has its partitions by then.
    check(
        &two(stops),
        PAUSE,
        "lost == 0 && pending == 0 && fenced == 1",
    );
    // Alone, it has left the group by itself, and nobody goes on.
    let slow = |on: &str| {
        format!(
            r#"{{"consumer.commit": "after", "consumer.on.commit.failed": "{on}", "work_us": 500000, "max.poll.interval.ms": 700}}"#
        )
    };
    check(&slow("stop"), NOTHING, "pending >= 10 && lost == 0");
    let short = r#"{"limits": {"horizon_ms": 30000}}"#;
    let goes_on = run(
        &scenario(&slow("rejoin"), NOTHING, short),
        42,
        Keep::LedgerOnly,
    );
    assert!(goes_on.verdict.dup >= 4, "{:?}", goes_on.verdict);
}

#[test]
fn who_never_commits_follows_auto_offset_reset_at_every_start() {
    check(ROW_J, AFTER_WORK, "dup >= 3 && lost == 0");
    let latest = r#"{"consumer.commit": "auto", "auto.offset.reset": "latest", "work_us": 5000}"#;
    let faults = r#"{"crash": {"do": "consumer.crash", "at": 3000, "for": 1500}}"#;
    check(
        latest,
        faults,
        "lost >= 5 && lost == lost_by.starting_offset && dup == 0",
    );
    let earliest = r#"{"consumer.commit": "auto", "work_us": 5000}"#;
    check(earliest, faults, "lost == 0 && dup >= 10");
    // A new group at the end of the topic skips what was there before it.
    let late = r#"{"brokers": {"group.initial.rebalance.delay.ms": 2000}}"#;
    hold(
        &scenario(latest, NOTHING, late),
        "lost >= 5 && lost == lost_by.starting_offset",
    );
    hold(&scenario(earliest, NOTHING, late), EXACT);
    let none = r#"{"auto.offset.reset": "none"}"#;
    let refused = scenario(none, NOTHING, "{}");
    let run = run(&refused, 42, Keep::Trace);
    let text = run.trace.expect("it was kept").text();
    assert!(text.contains("NoOffsetForPartitionException (auto.offset.reset)"));
}

#[test]
fn a_lost_commit_is_repeated_by_commit_sync_and_widens_the_repeat_otherwise() {
    // The second commit that is sent never arrives: the link to the coordinator breaks. Partition 2 is led by b3.
    let lost = r#"{"cut": {"do": "net.reset", "where": "c1>b3", "after": {"commit_sent": 4}}}"#;
    for row in [ROW_A, ROW_D, ROW_E] {
        check(row, lost, EXACT);
    }
    let and_crash = |nth: u32| {
        format!(
            r#"{{"cut": {{"do": "net.reset", "where": "c1>b3", "after": {{"commit_sent": 4}}}},
                "crash": {{"do": "consumer.crash", "where": "c1", "after": {{"worked": {nth}}}}}}}"#
        )
    };
    let single = |call: &str| {
        format!(
            r#"{{"consumer.commit": "after", "consumer.commit.call": "{call}", "max.poll.records": 1}}"#
        )
    };
    check(&single("sync"), &and_crash(5), "dup == 1 && lost == 0");
    check(&single("async"), &and_crash(5), "dup == 2 && lost == 0");
}

/// Longer than the session: the group gives the partitions to the other consumer, and the first one wakes up with a
/// record in hand.
const PAUSE: &str =
    r#"{"pause": {"do": "consumer.pause", "where": "c1", "at": 3100, "for": 4000}}"#;

fn two(row: &str) -> String {
    let two = Patch::parse(r#"{"consumers": 2, "work_us": 500000}"#).expect("valid");
    Patch::parse(row).expect("valid").then(&two).0.to_string()
}

#[test]
fn a_zombie_finishes_its_work_and_may_not_commit_it() {
    check(
        &two(ROW_D),
        PAUSE,
        "dup >= 1 && dup == dup_by.offset_replay && lost == 0 && fenced >= 1",
    );
    check(&two(ROW_E), PAUSE, "dup >= 1 && lost == 0");
    check(&two(ROW_A), PAUSE, "dup >= 1 && lost == 0");
    // Committed first: nobody else reads them again, and their effects come late.
    check(&two(ROW_C), PAUSE, "dup == 0 && lost == 0");
    // A pause shorter than the session is only a pause.
    let short = PAUSE.replace("4000", "500");
    check(&two(ROW_D), &short, &format!("{EXACT} && fenced == 0"));
}

#[test]
fn slow_work_makes_the_client_leave_and_the_batch_is_worked_on_again() {
    let slow = |interval: u64| {
        format!(
            r#"{{"consumer.commit": "after", "consumers": 2, "work_us": 500000, "max.poll.interval.ms": {interval}}}"#
        )
    };
    // Four records take two seconds.
    let scenario = scenario(&slow(700), NOTHING, r#"{"limits": {"horizon_ms": 20000}}"#);
    let run = run(&scenario, 42, Keep::LedgerOnly);
    assert!(
        run.verdict.dup >= 4 && run.verdict.fenced >= 1,
        "{:?}",
        run.verdict
    );
    check(&slow(5_000), NOTHING, EXACT);
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let crash = r#"{"crash": {"do": "consumer.crash", "where": "c1", "at": 3000, "for": 300}}"#;
    let generations = |consumer: &str| {
        let run = run(&scenario(consumer, crash, "{}"), 42, Keep::Trace);
        let text = run.trace.expect("it was kept").text();
        text.lines()
            .filter(|line| line.contains(" c2 assigned "))
            .count()
    };
    let fixed = r#"{"consumer.commit": "after", "consumers": 2, "group.instance.id": "receipts"}"#;
    assert_eq!(generations(fixed), 1);
    assert!(generations(&two(ROW_D)) >= 2);
    check(fixed, crash, "lost == 0 && pending == 0");
}

#[test]
fn a_group_that_waits_to_be_formed_is_formed_although_its_coordinator_takes_over_transactions_meanwhile()
 {
    // The members that wait are in the coordinator's memory only: it may read its log anew for one of its partitions, and
    // not for the other.
    let down = r#"{"one": {"do": "broker.crash.kept", "where": "b1", "at": 2000, "for": 3000},
        "two": {"do": "broker.crash.kept", "where": "b2", "at": 2000, "for": 3000}}"#;
    let patch = r#"{"brokers": {"group.initial.rebalance.delay.ms": 9000, "broker.session.timeout.ms": 1000},
        "topic": {"partitions": 2, "min.insync.replicas": 1}, "limits": {"settle_ms": 12000},
        "producer": {"transactional.id": "till", "enable.idempotence": null}}"#;
    let late = r#"{"consumer.commit": "after"}"#;
    hold(
        &scenario(late, down, patch),
        "rows == 40 && lost == 0 && dup == 0 && pending == 0 && p50 > 3000",
    );
}

#[test]
fn a_new_coordinator_knows_the_offsets_and_the_members_of_the_old_one() {
    let crash = r#"{"crash": {"do": "coordinator.crash", "at": 3000, "for": 6000}}"#;
    for row in [ROW_A, ROW_C, ROW_D, ROW_E] {
        check(row, crash, "lost == 0 && dup == 0 && pending == 0");
    }
    let both = r#"{"crash": {"do": "coordinator.crash", "at": 3000, "for": 6000}, "die": {"do": "consumer.crash", "at": 5500}}"#;
    check(ROW_D, both, "lost == 0 && dup <= 4 && pending == 0");
}

#[test]
fn librdkafka_commits_what_it_has_handed_out_even_if_the_work_is_not_done() {
    let rd = |store: bool| {
        format!(
            r#"{{"consumer.client": "librdkafka", "enable.auto.commit": true, "enable.auto.offset.store": {store}, "auto.commit.interval.ms": 100}}"#
        )
    };
    check(
        &rd(true),
        AFTER_COMMIT,
        "lost == 1 && lost_by.commit_first == 1 && dup == 0",
    );
    check(&rd(false), AFTER_COMMIT, EXACT);
    check(&rd(false), AFTER_WORK, "lost == 0 && dup >= 1");
}

#[test]
fn chances_strike_consumers_too() {
    let chance = r#"{"crash": {"do": "consumer.crash.after_work", "chance": 100000, "for": 200}}"#;
    check(ROW_D, chance, "lost == 0 && dup >= 1");
}

// ---- consume, transform, produce ---------------------------------------------------------------------------------

const COMMITTED: &str = r#"{"sink": {"use": "kafka_topic", "kafka_topic": {"output.isolation.level": "read_committed"}}}"#;
const UNCOMMITTED: &str = r#"{"sink": {"use": "kafka_topic"}}"#;
const ROW_G: &str = r#"{"consumer.commit": "transaction"}"#;

fn pipeline(consumer: &str, faults: &str, sink: &str, pred: &str) {
    hold(&scenario(consumer, faults, sink), pred);
}

#[test]
fn without_a_fault_the_output_topic_has_each_record_once() {
    for row in [ROW_A, ROW_C, ROW_D, ROW_E, ROW_G] {
        for sink in [COMMITTED, UNCOMMITTED] {
            pipeline(
                row,
                NOTHING,
                sink,
                &format!("{EXACT} && dirty == 0 && fenced == 0"),
            );
        }
    }
    pipeline(&two(ROW_G), NOTHING, COMMITTED, EXACT);
    let version_1 = r#"{"brokers": {"transaction.version": 1}}"#;
    let both = Patch::parse(version_1).expect("valid");
    let both = both
        .then(&Patch::parse(COMMITTED).expect("valid"))
        .0
        .to_string();
    pipeline(ROW_G, NOTHING, &both, EXACT);
    pipeline(ROW_G, AFTER_WORK, &both, EXACT);
}

#[test]
fn output_and_offsets_in_one_transaction_are_one_step_for_a_careful_reader() {
    for faults in [BEFORE_WORK, AFTER_WORK, AFTER_COMMIT] {
        pipeline(ROW_G, faults, COMMITTED, EXACT);
    }
    pipeline(
        ROW_G,
        AFTER_WORK,
        UNCOMMITTED,
        "dup >= 1 && dup == dirty && lost == 0",
    );
    pipeline(
        ROW_D,
        AFTER_WORK,
        COMMITTED,
        "dup >= 1 && dup == dup_by.offset_replay && lost == 0",
    );
    pipeline(ROW_D, AFTER_COMMIT, COMMITTED, EXACT);
    pipeline(
        ROW_C,
        AFTER_COMMIT,
        COMMITTED,
        "lost >= 1 && lost == lost_by.commit_first && dup == 0",
    );
    pipeline(ROW_C, AFTER_WORK, COMMITTED, EXACT);
}

#[test]
fn a_zombie_may_not_commit_its_transaction_and_its_output_is_never_seen() {
    pipeline(
        &two(ROW_G),
        PAUSE,
        COMMITTED,
        &format!("{EXACT} && fenced >= 1"),
    );
    pipeline(
        &two(ROW_G),
        PAUSE,
        UNCOMMITTED,
        "dup >= 1 && dup == dirty && lost == 0",
    );
    pipeline(&two(ROW_D), PAUSE, COMMITTED, "dup >= 1 && lost == 0");
}

#[test]
fn group_metadata_made_by_hand_let_a_zombie_commit_its_offsets() {
    let by_hand = r#"{"consumer.commit": "transaction", "consumer.group.metadata": "by_hand"}"#;
    pipeline(&two(by_hand), NOTHING, COMMITTED, EXACT);
    pipeline(
        &two(by_hand),
        PAUSE,
        COMMITTED,
        "dup >= 1 && dirty == 0 && lost == 0",
    );
    pipeline(&two(ROW_G), PAUSE, COMMITTED, EXACT);
    // A crash is no zombie: the transaction alone is enough for it.
    pipeline(by_hand, AFTER_WORK, COMMITTED, EXACT);
}

#[test]
fn a_lost_answer_to_the_commit_is_asked_for_again() {
    let lost =
        r#"{"cut": {"do": "net.reset", "where": "c1>b1", "after": {"transaction_prepared": 3}}}"#;
    pipeline(ROW_G, lost, COMMITTED, &format!("{EXACT} && fenced == 0"));
}

#[test]
fn offsets_go_into_a_transaction_only_where_there_is_one() {
    let refused = |consumer: &str, sink: &str| {
        let parse = |text: &str| Patch::parse(text).expect("valid");
        let all = parse(CONSUMER)
            .then(&parse(&format!(
                r#"{{"engine": {{"consumer": {consumer}}}}}"#
            )))
            .then(&parse(sink));
        let opening = catalog::find(catalog::OPENING).expect("there is one");
        opening
            .scenario()
            .patched(&all)
            .expect_err("should be refused")
            .to_string()
    };
    assert!(refused(ROW_G, "{}").contains("sink.use must be \"kafka_topic\""));
    assert!(refused(ROW_B, COMMITTED).contains("one producer, one thread"));
}

#[test]
fn a_shorter_automatic_commit_interval_repeats_less_and_never_nothing() {
    let repeated = |interval: u64| {
        let row =
            format!(r#"{{"enable.auto.commit": true, "auto.commit.interval.ms": {interval}}}"#);
        let runs = SEEDS.map(|seed| run(&scenario(&row, AFTER_WORK, "{}"), seed, Keep::LedgerOnly));
        runs.map(|run| run.verdict.dup).iter().sum::<u32>()
    };
    let (long, short) = (repeated(5_000), repeated(100));
    assert!(long > short && short >= 4, "{long} {short}");
}

#[test]
fn a_heartbeat_slower_than_the_session_is_refused_and_a_lost_session_is_not_noticed_sooner() {
    let slow = Patch::parse(r#"{"engine": {"consumer": {"heartbeat.interval.ms": 1000}}}"#);
    let base = scenario("{}", NOTHING, "{}");
    let refused = base.patched(&slow.expect("valid")).expect_err("refused");
    assert!(refused.to_string().contains("heartbeat.interval.ms"));
    // Silence is counted by the session: the partition of the dead is read again after it, not before.
    let dies = r#"{"die": {"do": "consumer.crash", "where": "c1", "at": 2000, "for": 9000}}"#;
    let late = |session: u64| {
        let row = format!(
            r#"{{"consumer.commit": "after", "consumers": 2, "work_us": 1000, "session.timeout.ms": {session}}}"#
        );
        run(&scenario(&row, dies, "{}"), 42, Keep::LedgerOnly).metric("p95")
    };
    assert!(late(6_000) > late(600).map(|ms| ms + 2_000.0));
}
