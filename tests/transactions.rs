//! Transactions, fault by fault: what a reader sees in each isolation level, and for how long it sees nothing.
//!
//! Rows 8 to 10 of the table of producers, and the faults of transactions:
//!
//! ```text
//! | fault                                   | read_uncommitted sees | read_committed sees | how long               |
//! | an acknowledgement is lost              | one copy              | one copy            | one retry              |
//! | writer dies, same id restarts           | both attempts         | one copy            | until initTransactions |
//! | writer dies, another id restarts        | both attempts         | one copy            | until the time-out     |
//! | writer dies and never comes back        | the first attempt     | nothing             | until the time-out     |
//! | writer is slower than its time-out      | both attempts         | one copy            | it is fenced           |
//! | answer to the commit is lost            | one copy              | one copy            | one retry              |
//! | the application aborts                  | aborted records too   | none of them        |                        |
//! | the coordinator dies with a decision    | one copy              | one copy            | the fail-over          |
//! ```

mod claims;

use claims::{hold, run};
use streamproof::sim::{Ended, Keep, Patch, Scenario, catalog};

const SEEDS: [u64; 4] = [42, 1, 2, 3];

/// The opening scenario, written in transactions of five orders and read by a plain consumer.
const TRANSACTIONS: &str = r#"{
    "faults": {"lost-ack": null}, "branches": {"revenue": null}, "limits": {"settle_ms": 4000},
    "producer": {"enable.idempotence": null, "transactional.id": "till", "transaction.timeout.ms": 2000},
    "brokers": {"group.initial.rebalance.delay.ms": 100,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500},
    "engine": {"use": "consumer", "consumer": {"auto.offset.reset": "earliest", "work_us": 1000,
        "isolation.level": "read_committed"}},
    "sink": {"use": "console"}}"#;

const COMMITTED: &str = "{}";
const UNCOMMITTED: &str = r#"{"engine": {"consumer": {"isolation.level": "read_uncommitted"}}}"#;
const VERSION_1: &str = r#"{"brokers": {"transaction.version": 1}}"#;
const RANDOM_ID: &str = r#"{"producer": {"transactional.id.suffix": "random"}}"#;

fn scenario(patches: &[&str], faults: &str) -> Scenario {
    let parse = |text: &str| Patch::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut all = parse(TRANSACTIONS);
    for patch in patches {
        all = all.then(&parse(patch));
    }
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    opening
        .scenario()
        .patched(&all.then(&parse(&format!(r#"{{"faults": {faults}}}"#))))
        .unwrap_or_else(|error| panic!("{patches:?} {faults}: {error}"))
}

fn check(patches: &[&str], faults: &str, pred: &str) {
    let what = format!("{patches:?} {faults}");
    let drained = Some(Ended::Drained);
    hold(pred, &scenario(patches, faults), &SEEDS, drained, &what);
}

fn text(scenario: &Scenario) -> String {
    run(scenario, 42, Keep::Trace)
        .trace
        .expect("it was kept")
        .text()
}

const NOTHING: &str = "{}";
const EXACT: &str = "dup == 0 && lost == 0 && pending == 0 && refused == 0 && dirty == 0 && rows == 40 && stored == 40";
/// One copy of each for a careful reader, whatever else lies in the log.
const ONE_COPY: &str = "dup == 0 && lost == 0 && pending == 0 && dirty == 0 && rows == 40";
const DIRTY: &str =
    "dirty >= 1 && dup == dirty && dup == dup_by.app_resend && lost == 0 && pending == 0";

#[test]
fn without_a_fault_both_readers_see_each_record_once_and_only_one_of_them_waits() {
    for patches in [
        [COMMITTED, VERSION_1],
        [COMMITTED, NOTHING],
        [UNCOMMITTED, NOTHING],
    ] {
        check(
            &patches,
            NOTHING,
            &format!("{EXACT} && txn_aborted == 0 && fenced == 0"),
        );
    }
    let late = |patch| run(&scenario(&[patch], NOTHING), 42, Keep::LedgerOnly).metric("p50");
    let (waits, reads) = (late(COMMITTED), late(UNCOMMITTED));
    assert!(waits > reads.map(|ms| ms + 200.0), "{waits:?} {reads:?}");
}

#[test]
fn spark_reads_uncommitted_unless_it_is_told_otherwise() {
    let spark = r#"{"engine": {"use": "spark"}, "sink": {"use": "hudi"}}"#;
    let careful = r#"{"engine": {"spark": {"kafka.isolation.level": "read_committed"}}}"#;
    let crash = r#"{"crash": {"do": "producer.crash.resend", "after": {"batch_appended": 12}}}"#;
    check(&[spark], crash, DIRTY);
    check(&[spark, careful], crash, ONE_COPY);
    check(&[spark, careful], NOTHING, EXACT);
}

#[test]
fn a_lost_ack_or_a_leaders_death_inside_a_transaction_leaves_one_copy() {
    let ack = r#"{"ack": {"do": "net.drop_ack", "where": "p1>*", "after": {"batch_appended": 9}}}"#;
    let leader = r#"{"crash": {"do": "broker.crash.kept", "where": "leader", "after": {"batch_appended": 9}, "for": 6000}}"#;
    let patience = r#"{"producer": {"transaction.timeout.ms": 20000}}"#;
    for version in [NOTHING, VERSION_1] {
        for reader in [COMMITTED, UNCOMMITTED] {
            check(&[reader, version], ack, EXACT);
        }
        check(&[version, patience], leader, ONE_COPY);
    }
}

#[test]
fn the_same_id_after_a_crash_aborts_what_was_begun_and_sends_it_again() {
    let crash = r#"{"crash": {"do": "producer.crash.resend", "after": {"batch_appended": 12}}}"#;
    for version in [NOTHING, VERSION_1] {
        check(
            &[COMMITTED, version],
            crash,
            &format!("{ONE_COPY} && txn_aborted >= 1"),
        );
        check(&[UNCOMMITTED, version], crash, DIRTY);
    }
}

#[test]
fn another_id_after_a_crash_leaves_readers_frozen_until_the_time_out() {
    let crash = r#"{"crash": {"do": "producer.crash.resend", "after": {"batch_appended": 12}, "for": 200}}"#;
    let slow = r#"{"producer": {"transaction.timeout.ms": 6000}, "limits": {"settle_ms": 8000}}"#;
    check(
        &[RANDOM_ID, slow],
        crash,
        &format!("{ONE_COPY} && txn_aborted == 1 && p95 > 3000"),
    );
    check(&[slow], crash, &format!("{ONE_COPY} && p95 < 3000"));
    check(
        &[RANDOM_ID, slow, UNCOMMITTED],
        crash,
        "dirty >= 1 && dup == dirty && lost == 0 && p95 < 3000",
    );
}

#[test]
fn a_writer_that_never_comes_back_loses_its_open_transaction_and_holds_readers_up() {
    let crash = r#"{"crash": {"do": "producer.crash.forget", "after": {"batch_appended": 12}, "for": 9000}}"#;
    check(
        &[COMMITTED],
        crash,
        "lost >= 1 && lost == lost_by.txn_timeout + lost_by.buffer && lost_by.txn_timeout >= 1 && dup == 0 && dirty == 0",
    );
    // The careless reader has seen them.
    check(
        &[UNCOMMITTED],
        crash,
        "dirty >= 1 && lost_by.txn_timeout == 0",
    );
}

#[test]
fn a_writer_slower_than_its_time_out_is_fenced_and_begins_anew() {
    let pause =
        r#"{"pause": {"do": "producer.pause", "after": {"batch_appended": 12}, "for": 5000}}"#;
    for version in [NOTHING, VERSION_1] {
        check(
            &[COMMITTED, version],
            pause,
            &format!("{ONE_COPY} && fenced >= 1 && txn_aborted == 1"),
        );
        check(
            &[UNCOMMITTED, version],
            pause,
            &format!("{DIRTY} && fenced >= 1"),
        );
    }
    let short = pause.replace("5000", "500");
    check(&[COMMITTED], &short, &format!("{EXACT} && fenced == 0"));
}

#[test]
fn a_commit_whose_answer_is_lost_is_asked_for_again_and_counts_once() {
    // The coordinator is b1: partition 3 of three brokers.
    let lost =
        r#"{"cut": {"do": "net.reset", "where": "p1>b1", "after": {"transaction_prepared": 3}}}"#;
    for version in [NOTHING, VERSION_1] {
        check(
            &[COMMITTED, version],
            lost,
            &format!("{EXACT} && txn_aborted == 0 && fenced == 0"),
        );
    }
}

#[test]
fn an_aborted_transaction_is_seen_by_the_careless_reader_only() {
    let abort = r#"{"abort": {"do": "txn.abort", "chance": 400000}}"#;
    for version in [NOTHING, VERSION_1] {
        check(
            &[COMMITTED, version],
            abort,
            &format!("{ONE_COPY} && txn_aborted >= 1 && stored > 40"),
        );
        check(&[UNCOMMITTED, version], abort, DIRTY);
    }
}

#[test]
fn a_decision_outlives_its_coordinator() {
    let crash = r#"{"crash": {"do": "broker.crash.kept", "where": "b1", "after": {"transaction_prepared": 3}, "for": 6000}}"#;
    let patience = r#"{"producer": {"transaction.timeout.ms": 20000}}"#;
    check(
        &[patience],
        crash,
        &format!("{ONE_COPY} && txn_aborted == 0"),
    );
}

#[test]
fn a_time_out_above_the_brokers_cap_is_refused_at_the_start() {
    let over = r#"{"producer": {"transaction.timeout.ms": 900001}}"#;
    let refused = text(&scenario(&[over], NOTHING));
    assert!(refused.contains("InvalidTxnTimeoutException"));
    assert!(!refused.contains("transaction_began"));
    let equal = r#"{"producer": {"transaction.timeout.ms": 900000}}"#;
    check(&[equal], NOTHING, EXACT);
}

#[test]
fn with_version_2_every_transaction_has_an_epoch_of_its_own() {
    let epochs = |patch: &str| {
        let text = text(&scenario(&[patch], NOTHING));
        text.matches("producer_id_assigned").count()
    };
    assert_eq!(epochs(VERSION_1), 1, "one at initTransactions");
    assert!(epochs(NOTHING) > 5, "and one at every end");
}

#[test]
fn a_send_that_expires_forces_an_abort_and_the_whole_unit_again() {
    let impatient = r#"{"producer": {"delivery.timeout.ms": 900, "request.timeout.ms": 400, "transaction.timeout.ms": 20000}}"#;
    let down = r#"{"down": {"do": "broker.crash.kept", "where": "leader", "after": {"batch_appended": 12}, "for": 1500}}"#;
    let scenario = scenario(&[impatient], down);
    assert!(text(&scenario).contains("TimeoutException: the transaction can only be aborted"));
    check(&[impatient], down, ONE_COPY);
}

#[test]
fn with_version_1_a_batch_that_is_given_up_costs_an_epoch_and_not_the_whole_id() {
    let impatient = r#"{"producer": {"delivery.timeout.ms": 900, "request.timeout.ms": 400, "transaction.timeout.ms": 20000}}"#;
    let down = r#"{"down": {"do": "broker.crash.kept", "where": "leader", "after": {"batch_appended": 12}, "for": 1500}}"#;
    check(&[impatient, VERSION_1], down, ONE_COPY);
    let text = text(&scenario(&[impatient, VERSION_1], down));
    assert!(!text.contains("OUT_OF_ORDER_SEQUENCE_NUMBER"));
    assert!(text.matches("producer_id_assigned").count() >= 2);
}

/// A till in transactions takes the first twenty orders, a plain one the others. The till's last request waits in the
/// broker's queue until its transaction has been aborted, and the till writes it off and has nothing more to say.
const LATE: &str = r#"{"topic": {"partitions": 1}, "limits": {"settle_ms": 4000},
    "producer": {"app.instances": 2, "app.plain": 1, "app.deal": 20, "delivery.timeout.ms": 900,
        "request.timeout.ms": 850, "transaction.timeout.ms": 20000, "transaction.on.abort": "drop"}}"#;
const HELD: &str = r#"{"late": {"do": "broker.hold", "where": "b1", "request": 20, "for": 2500}}"#;
const UNVERIFIED: &str = r#"{"brokers": {"transaction.partition.verification.enable": false}}"#;

#[test]
fn a_late_request_hangs_a_transaction_unless_the_leader_asks_the_coordinator_first() {
    let told = "refused + phantom == 5 && lost == 0 && dup == 0 && dirty == 0";
    // Nobody will ever end it: whoever wrote behind it waits for good.
    let hangs = format!("{told} && phantom == 1 && pending >= 5 && rows <= 32 && txn_aborted == 1");
    check(&[LATE, VERSION_1, UNVERIFIED], HELD, &hangs);
    // The careless reader sees even what was given up.
    let sees = "phantom == 1 && dirty == 4 && lost == 0 && dup == 0 && pending == 0 && rows == 40";
    check(&[LATE, VERSION_1, UNVERIFIED, UNCOMMITTED], HELD, sees);
    let refused = format!("{told} && phantom == 0 && pending == 0 && rows == 35");
    check(&[LATE, VERSION_1], HELD, &refused);
    // Version 2 asks in any case.
    check(&[LATE, UNVERIFIED], HELD, &refused);
    // Nothing is late: nothing to verify.
    check(&[LATE, VERSION_1, UNVERIFIED], NOTHING, EXACT);
}

#[test]
fn two_living_instances_with_one_id_fence_each_other_in_turn() {
    let two = r#"{"producer": {"app.instances": 2, "transaction.timeout.ms": 20000}}"#;
    let own = r#"{"producer": {"transactional.id.suffix": "instance"}}"#;
    for version in [NOTHING, VERSION_1] {
        let fences = format!("{ONE_COPY} && fenced >= 10 && txn_aborted >= 5");
        check(&[two, version], NOTHING, &fences);
        let exact = format!("{EXACT} && fenced == 0 && txn_aborted == 0");
        check(&[two, own, version], NOTHING, &exact);
    }
    // One that ends when it is fenced leaves its share undone, and the other one its peace.
    let ends = r#"{"producer": {"transaction.on.fenced": "stop"}}"#;
    check(
        &[two, ends],
        NOTHING,
        "fenced <= 4 && pending >= 10 && dup == 0 && dirty == 0",
    );
}

#[test]
fn a_plain_writer_behind_an_open_transaction_waits_for_it_too() {
    let both = r#"{"producer": {"app.instances": 2, "app.plain": 1, "transaction.timeout.ms": 4000}, "topic": {"partitions": 1}, "limits": {"settle_ms": 8000}}"#;
    let gone = r#"{"crash": {"do": "producer.crash.forget", "where": "p1", "after": {"batch_appended": 13}, "for": 30000}}"#;
    let late = |patches: &[&str], faults: &str| {
        run(&scenario(patches, faults), 42, Keep::LedgerOnly).metric("p95")
    };
    assert!(late(&[both], gone) > Some(2_500.0));
    assert!(late(&[both, UNCOMMITTED], gone) < Some(500.0));
    assert!(late(&[both], NOTHING) < Some(2_500.0));
}

#[test]
fn an_application_that_drops_what_it_aborted_was_told_and_loses_nothing_silently() {
    let drop = r#"{"producer": {"transaction.on.abort": "drop"}}"#;
    let abort = r#"{"abort": {"do": "txn.abort", "chance": 400000}}"#;
    let told = "refused >= 1 && lost == 0 && dup == 0 && phantom == 0 && dirty == 0 && rows < 40";
    check(&[drop], abort, told);
    check(&[NOTHING], abort, "refused == 0 && rows == 40");
    check(
        &[drop, UNCOMMITTED],
        abort,
        "refused == 0 && dirty >= 1 && dup == 0 && rows == 40",
    );
}

#[test]
fn careful_readers_wait_as_long_as_transactions_last() {
    let middle =
        |patch: &str| run(&scenario(&[patch], NOTHING), 42, Keep::LedgerOnly).metric("p50");
    let one = middle(r#"{"producer": {"transaction.records": 1}}"#);
    let many = middle(r#"{"producer": {"transaction.records": 20, "transaction.ms": 1900}}"#);
    let short = middle(r#"{"producer": {"transaction.records": 20, "transaction.ms": 100}}"#);
    assert!(many > one.map(|ms| ms + 500.0), "{one:?} {many:?}");
    assert!(many > short.map(|ms| ms + 500.0), "{short:?} {many:?}");
}

#[test]
fn the_sweep_comes_on_top_of_the_time_out() {
    let crash = r#"{"crash": {"do": "producer.crash.resend", "after": {"batch_appended": 12}, "for": 200}}"#;
    let late = |interval: u64| {
        let sweep = format!(
            r#"{{"brokers": {{"transaction.abort.timed.out.transaction.cleanup.interval.ms": {interval}}}, "limits": {{"settle_ms": 14000}}}}"#
        );
        run(&scenario(&[RANDOM_ID, &sweep], crash), 42, Keep::LedgerOnly).metric("p95")
    };
    assert!(late(10_000) > late(100).map(|ms| ms + 3_000.0));
}
