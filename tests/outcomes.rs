//! The table of what producers can expect, cell by cell: each row of settings against each fault of the cluster, run.
//!
//! EO one copy, acknowledged · D duplicate · L silent loss (acknowledged, gone) · RL reported loss · F phantom (reported as
//! failed, stored) · U unavailable meanwhile. Three replicas. Columns that other files run cell by cell are left out here
//! (a lost acknowledgement, the leader's death before and after replication, in `guarantees` and `transactions`).
//!
//! ```text
//! |    | acks | retries | idempotence   | min | leader after repl. | app sends again | power, leader | power, all | in-sync set down, unclean no | ... yes |
//! | 1  | 0    | any     | no            | any | L                  | L               | L             | L          | U, L                         | L       |
//! | 2  | 1    | 0       | no            | any | F                  | D               | L             | L          | U, RL                        | L       |
//! | 3  | 1    | >0      | no            | any | D                  | D               | L             | L          | U, RL after the deadline     | L       |
//! | 4  | all  | 0       | no            | 2   | F                  | D               | EO, RL or F   | L          | U, RL                        | L       |
//! | 5  | all  | >0      | no            | 1   | D                  | D               | EO or D       | L          | U                            | L       |
//! | 6  | all  | >0      | no            | 2   | D                  | D               | EO or D       | L          | U, RL after the deadline     | L       |
//! | 7  | all  | >0      | yes           | 2   | EO                 | D               | EO            | L          | U, RL or F after it          | L       |
//! | 8  | all  | >0      | transactions  | 2   | EO                 | EO              | EO            | L, partial | U                            | L, partial |
//! | 9  | all  | >0      | ... read uncommitted      | 2   | EO     | D               | EO            | L          | U                            | L       |
//! | 10 | all  | >0      | ... another id each start | 2   | EO     | U until T7      | EO            | L          | U                            | L       |
//! ```

mod claims;

use claims::{hold, run};
use std::collections::BTreeSet;
use streamproof::sim::ledger::OutcomeKind;
use streamproof::sim::{Ended, Keep, Patch, Scenario, Simulation, catalog};

const SEEDS: [u64; 2] = [42, 1];

/// One partition, led by b1 and followed by b2 and b3, and a plain consumer that is often behind: it reads every record
/// once, in 80 ms.
const BASE: &str = r#"{
    "faults": {"lost-ack": null}, "branches": {"revenue": null},
    "limits": {"settle_ms": 4000, "horizon_ms": 60000},
    "topic": {"partitions": 1},
    "brokers": {"group.initial.rebalance.delay.ms": 100, 
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500},
    "engine": {"use": "consumer", "consumer": {"auto.offset.reset": "earliest", "consumer.commit": "after",
        "enable.auto.commit": false, "isolation.level": "read_committed", "work_us": 80000, "max.poll.records": 5}},
    "sink": {"use": "console"}}"#;

const ROW_1: &str = r#"{"producer": {"acks": "0", "enable.idempotence": false}}"#;
const ROW_2: &str = r#"{"producer": {"acks": "1", "retries": 0, "enable.idempotence": false}}"#;
const ROW_3: &str = r#"{"producer": {"acks": "1", "enable.idempotence": false}}"#;
const ROW_4: &str = r#"{"producer": {"acks": "all", "retries": 0, "enable.idempotence": false}}"#;
const ROW_5: &str = r#"{"producer": {"acks": "all", "enable.idempotence": false}, "topic": {"min.insync.replicas": 1}}"#;
const ROW_6: &str = r#"{"producer": {"acks": "all", "enable.idempotence": false}}"#;
const ROW_7: &str = r#"{"producer": {"acks": "all", "enable.idempotence": true}}"#;
const ROW_8: &str = r#"{"producer": {"enable.idempotence": null, "transactional.id": "till", "transaction.timeout.ms": 20000}}"#;
const ROW_9: &str = r#"{"producer": {"enable.idempotence": null, "transactional.id": "till", "transaction.timeout.ms": 20000},
    "engine": {"consumer": {"isolation.level": "read_uncommitted"}}}"#;
const ROW_10: &str = r#"{"producer": {"enable.idempotence": null, "transactional.id": "till", "transaction.timeout.ms": 20000,
    "transactional.id.suffix": "random"}}"#;

fn scenario(patches: &[&str], faults: &str) -> Scenario {
    let parse = |text: &str| Patch::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut all = parse(BASE);
    for patch in patches {
        all = all.then(&parse(patch));
    }
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    opening
        .scenario()
        .patched(&all.then(&parse(&format!(r#"{{"faults": {faults}}}"#))))
        .unwrap_or_else(|error| panic!("{patches:?} {faults}: {error}"))
}

/// The claim holds for this row and fault at every seed.
fn check(patches: &[&str], faults: &str, pred: &str) {
    let what = format!("{patches:?} {faults}");
    let drained = Some(Ended::Drained);
    hold(pred, &scenario(patches, faults), &SEEDS, drained, &what);
}

const NOTHING: &str = "{}";
const EXACT: &str = "dup == 0 && lost == 0 && refused == 0 && phantom == 0 && pending == 0 && dirty == 0 && rows == 40";
/// Each order once for who reads, whatever else lies in the log.
const ONE_COPY: &str =
    "dup == 0 && lost == 0 && refused == 0 && pending == 0 && dirty == 0 && rows == 40";
const LOST: &str = "lost >= 1 && lost_by.leader_loss >= 1";

#[test]
fn without_a_fault_every_row_is_exact() {
    for row in [
        ROW_1, ROW_2, ROW_3, ROW_4, ROW_5, ROW_6, ROW_7, ROW_8, ROW_9, ROW_10,
    ] {
        check(&[row], NOTHING, EXACT);
    }
}

/// The twelfth batch is in all replicas, its answer is lost, and the leader dies.
const DIES_BEFORE_ITS_ANSWER: &str = r#"{
    "ack": {"do": "net.drop_ack", "where": "p1>b1", "after": {"batch_appended": 12}},
    "crash": {"do": "broker.crash.kept", "where": "b1", "after": {"replica_advanced": 24}, "for": 6000}}"#;

#[test]
fn a_leaders_death_after_replication_leaves_a_phantom_a_copy_or_nothing_amiss() {
    // Nobody waits for an answer; only what is sent to the dead is gone.
    check(
        &[ROW_1],
        DIES_BEFORE_ITS_ANSWER,
        "lost <= 2 && lost == lost_by.acks && dup == 0 && refused == 0",
    );
    for row in [ROW_2, ROW_4] {
        check(
            &[row],
            DIES_BEFORE_ITS_ANSWER,
            "phantom >= 1 && dup == 0 && lost == 0",
        );
    }
    for row in [ROW_3, ROW_5, ROW_6] {
        check(
            &[row],
            DIES_BEFORE_ITS_ANSWER,
            "dup >= 1 && dup == dup_by.producer_retry && lost == 0 && refused == 0 && phantom == 0",
        );
    }
    check(&[ROW_7], DIES_BEFORE_ITS_ANSWER, EXACT);
}

/// The till dies with a batch stored and not acknowledged; its application sends again what it knows nothing of.
const DIES: &str = r#"{"crash": {"do": "producer.crash.resend", "after": {"batch_appended": 12}}}"#;
/// The same with the batch on the wire.
const DIES_SENDING: &str =
    r#"{"crash": {"do": "producer.crash.resend", "after": {"batch_sent": 12}}}"#;

#[test]
fn an_application_that_sends_again_doubles_unless_its_transaction_is_aborted_first() {
    // With acks=0 it takes for sent what never arrived.
    check(
        &[ROW_1],
        DIES_SENDING,
        "lost == 1 && lost_by.acks == 1 && dup == 0",
    );
    for row in [ROW_2, ROW_3, ROW_4, ROW_5, ROW_6, ROW_7] {
        check(
            &[row],
            DIES,
            "dup == 1 && dup_by.app_resend == 1 && lost == 0",
        );
        check(
            &[row],
            DIES_SENDING,
            "dup == 0 && lost == 0 && pending == 0",
        );
    }
    check(&[ROW_8], DIES, ONE_COPY);
    check(&[ROW_9], DIES, "dup >= 1 && dup == dirty && lost == 0");
    let sweep = r#"{"producer": {"transaction.timeout.ms": 6000}, "limits": {"settle_ms": 8000}}"#;
    check(&[ROW_10, sweep], DIES, &format!("{ONE_COPY} && p95 > 5000"));
    check(&[ROW_8, sweep], DIES, &format!("{ONE_COPY} && p95 < 5000"));
}

/// Both followers copy late, and the leader's machine loses power.
const LEADER_LOSES_POWER: &str = r#"{
    "slow-2": {"do": "broker.slow", "where": "b2", "at": 2500, "for": 3000, "by": 2000},
    "slow-3": {"do": "broker.slow", "where": "b3", "at": 2500, "for": 3000, "by": 2000},
    "power": {"do": "broker.crash.unflushed_lost", "where": "b1", "at": 4500, "for": 6000}}"#;

#[test]
fn a_loss_of_power_of_the_leader_takes_what_it_alone_had() {
    for row in [ROW_1, ROW_2, ROW_3] {
        check(&[row], LEADER_LOSES_POWER, LOST);
    }
    check(
        &[ROW_4],
        LEADER_LOSES_POWER,
        "lost == 0 && dup == 0 && refused + phantom >= 1",
    );
    for row in [ROW_5, ROW_6] {
        check(
            &[row],
            LEADER_LOSES_POWER,
            "lost == 0 && refused == 0 && pending == 0",
        );
    }
    check(&[ROW_7], LEADER_LOSES_POWER, EXACT);
    for row in [ROW_8, ROW_9, ROW_10] {
        check(&[row], LEADER_LOSES_POWER, ONE_COPY);
    }
}

/// All three machines lose power at once, and nothing is written out before.
const ALL_LOSE_POWER: &str = r#"{
    "power-1": {"do": "broker.crash.unflushed_lost", "where": "b1", "at": 4500, "for": 1500},
    "power-2": {"do": "broker.crash.unflushed_lost", "where": "b2", "at": 4500, "for": 1500},
    "power-3": {"do": "broker.crash.unflushed_lost", "where": "b3", "at": 4500, "for": 1500}}"#;
/// Nobody reads before it is all over: what is gone was seen by nobody.
const LATE_READER: &str =
    r#"{"brokers": {"group.initial.rebalance.delay.ms": 16000}, "limits": {"settle_ms": 20000}}"#;

#[test]
fn no_row_survives_a_loss_of_power_of_all_replicas() {
    for row in [
        ROW_1, ROW_2, ROW_3, ROW_4, ROW_5, ROW_6, ROW_7, ROW_8, ROW_9, ROW_10,
    ] {
        let cached = r#"{"brokers": {"page_cache_ms": 3600000}}"#;
        check(&[row, LATE_READER, cached], ALL_LOSE_POWER, LOST);
        let written = r#"{"brokers": {"page_cache_ms": 1}}"#;
        check(
            &[row, LATE_READER, written],
            ALL_LOSE_POWER,
            "lost_by.leader_loss <= 1",
        );
    }
}

/// One follower falls out of the in-sync set, and then the set dies.
const IN_SYNC_SET_DIES: &str = r#"{
    "slow-3": {"do": "broker.slow", "where": "b3", "at": 1500, "for": 5000, "by": 4000},
    "down-1": {"do": "broker.crash.kept", "where": "b1", "at": 4500, "for": 9000},
    "down-2": {"do": "broker.crash.kept", "where": "b2", "at": 4500, "for": 9000}}"#;
/// So that one that is slow leaves the set soon.
const STRICT: &str = r#"{"brokers": {"replica.lag.time.max.ms": 500}}"#;
const UNCLEAN: &str = r#"{"topic": {"unclean.leader.election.enable": true}}"#;
const IMPATIENT: &str =
    r#"{"producer": {"delivery.timeout.ms": 2000, "request.timeout.ms": 1000}}"#;

#[test]
fn without_its_in_sync_set_a_partition_waits_or_loses() {
    // Nobody leads until the set is back.
    check(
        &[ROW_1, STRICT],
        IN_SYNC_SET_DIES,
        "lost <= 4 && lost_by.leader_loss == 0",
    );
    for row in [ROW_2, ROW_4] {
        check(
            &[row, STRICT, IMPATIENT],
            IN_SYNC_SET_DIES,
            "refused >= 1 && lost == 0 && dup == 0",
        );
    }
    for row in [ROW_3, ROW_5, ROW_6, ROW_7] {
        let waits = "lost == 0 && refused == 0 && pending == 0 && p95 > 5000";
        check(&[row, STRICT], IN_SYNC_SET_DIES, waits);
        let told = "lost == 0 && refused + phantom >= 3 && pending == 0";
        check(&[row, STRICT, IMPATIENT], IN_SYNC_SET_DIES, told);
    }
    for row in [ROW_8, ROW_9, ROW_10] {
        check(
            &[row, STRICT],
            IN_SYNC_SET_DIES,
            &format!("{ONE_COPY} && p95 > 5000"),
        );
    }
    // The one that was not in sync leads, and what it lacks is gone, however it was acknowledged.
    for row in [
        ROW_1, ROW_2, ROW_3, ROW_4, ROW_5, ROW_6, ROW_7, ROW_8, ROW_9, ROW_10,
    ] {
        check(&[row, STRICT, UNCLEAN, LATE_READER], IN_SYNC_SET_DIES, LOST);
    }
}

/// How many committed transactions have lost some of their orders and kept others.
fn torn(patches: &[&str], faults: &str, seed: u64) -> usize {
    let mut scenario = scenario(patches, faults);
    scenario.seed = seed;
    let run = Simulation::run(&scenario, Keep::Trace);
    assert_eq!(run.ended, Ended::Drained);
    let lost: BTreeSet<u32> = run
        .outcomes
        .iter()
        .filter(|outcome| matches!(outcome.kind, OutcomeKind::Lost(_)))
        .map(|outcome| outcome.order)
        .collect();
    let mut unit = BTreeSet::new();
    let mut partial = 0;
    // What is appended between two decisions belongs to the second: the application begins when the one before is answered.
    for line in run.trace.expect("it was kept").text().lines() {
        if line.contains(" batch_appended ") {
            let number = |word: &str| word.strip_prefix('#').and_then(|n| n.parse::<u32>().ok());
            unit.extend(line.split(' ').filter_map(number));
        } else if line.contains(" transaction_prepared ") {
            let gone = unit.intersection(&lost).count();
            let committed = line.contains(" commit");
            partial += usize::from(committed && gone > 0 && gone < unit.len());
            unit.clear();
        }
    }
    partial
}

#[test]
fn what_takes_the_end_of_one_log_takes_a_part_of_a_committed_transaction() {
    // b1 leads one partition of two; b2, its only follower, copies late, and leads the other.
    let two = r#"{"topic": {"partitions": 2, "replication.factor": 2, "min.insync.replicas": 1}}"#;
    let dies = r#"{
        "slow": {"do": "broker.slow", "where": "b2", "at": 1500, "for": 5000, "by": 4000},
        "down": {"do": "broker.crash.kept", "where": "b1", "at": 4500, "for": 9000}}"#;
    for seed in [42, 1, 2, 3, 4] {
        let partial = torn(&[ROW_8, STRICT, UNCLEAN, LATE_READER, two], dies, seed);
        assert!(partial >= 1, "seed {seed}");
        let partial = torn(&[ROW_8, STRICT, LATE_READER, two], dies, seed);
        assert_eq!(partial, 0, "seed {seed}");
    }
    check(&[ROW_8, STRICT, LATE_READER, two], dies, ONE_COPY);
}

/// The application dies when its third transaction is decided, and has not been answered yet.
const DIES_DECIDED: &str =
    r#"{"crash": {"do": "producer.crash.resend", "after": {"transaction_prepared": 3}}}"#;

#[test]
fn an_application_that_dies_after_the_decision_repeats_a_unit_that_is_committed() {
    check(
        &[ROW_8],
        DIES_DECIDED,
        "dup == 5 && dup_by.app_resend == 5 && lost == 0 && dirty == 0",
    );
    // Before the decision the same death is undone.
    check(&[ROW_8], DIES, ONE_COPY);
}

/// One broker after the other is restarted.
fn rolling(how: &str) -> String {
    format!(
        r#"{{"one": {{"do": "{how}", "where": "b1", "at": 2000, "for": 500}},
            "two": {{"do": "{how}", "where": "b2", "at": 4000, "for": 500}},
            "three": {{"do": "{how}", "where": "b3", "at": 6000, "for": 500}}}}"#
    )
}

#[test]
fn brokers_that_are_stopped_in_order_hand_on_what_they_lead_and_nobody_waits_for_a_session() {
    let session = r#"{"brokers": {"broker.session.timeout.ms": 1500}, "topic": {"partitions": 3}, "engine": {"consumer": {"work_us": 1000}}}"#;
    let long =
        r#"{"faults": {"one": {"for": 1800}, "two": {"for": 1800}, "three": {"for": 1800}}}"#;
    for row in [ROW_7, ROW_8] {
        let stopped = scenario(&[row, session], &rolling("broker.stop"));
        let stopped = stopped
            .patched(&Patch::parse(long).expect("valid"))
            .expect("valid");
        let crashed = scenario(&[row, session], &rolling("broker.crash.kept"));
        let crashed = crashed
            .patched(&Patch::parse(long).expect("valid"))
            .expect("valid");
        for seed in SEEDS {
            let late = |scenario: &Scenario| {
                let run = run(scenario, seed, Keep::LedgerOnly);
                let verdict = &run.verdict;
                assert_eq!(
                    (verdict.counts.lost, verdict.dup, verdict.rows),
                    (0, 0, 40),
                    "{verdict:?}"
                );
                run.metric("p99").expect("there is one")
            };
            let (in_order, dead) = (late(&stopped), late(&crashed));
            assert!(in_order + 500.0 < dead, "seed {seed}: {in_order} {dead}");
        }
    }
}

#[test]
fn a_broker_that_was_stopped_in_order_has_written_everything_out() {
    // All three are down at once; only the machines' caches would have been lost.
    let cached = r#"{"brokers": {"page_cache_ms": 3600000}}"#;
    let down = |how: &str| {
        format!(
            r#"{{"a": {{"do": "{how}", "where": "b1", "at": 4500, "for": 1500}},
                "b": {{"do": "{how}", "where": "b2", "at": 4500, "for": 1500}},
                "c": {{"do": "{how}", "where": "b3", "at": 4500, "for": 1500}}}}"#
        )
    };
    check(&[ROW_7, cached, LATE_READER], &down("broker.stop"), EXACT);
    check(
        &[ROW_7, cached, LATE_READER],
        &down("broker.crash.unflushed_lost"),
        LOST,
    );
}

#[test]
fn an_application_that_looks_at_no_report_loses_in_silence_whatever_acks_says() {
    let all_down = r#"{
        "a": {"do": "broker.crash.kept", "where": "b1", "at": 3000, "for": 3000},
        "b": {"do": "broker.crash.kept", "where": "b2", "at": 3000, "for": 3000},
        "c": {"do": "broker.crash.kept", "where": "b3", "at": 3000, "for": 3000}}"#;
    let habit = |on_error: &str| format!(r#"{{"producer": {{"app.on.error": "{on_error}"}}}}"#);
    check(
        &[ROW_7, IMPATIENT, &habit("ignore")],
        all_down,
        "lost >= 3 && lost == lost_by.acks && refused == 0 && dup == 0",
    );
    check(
        &[ROW_7, IMPATIENT, &habit("write_off")],
        all_down,
        "refused >= 3 && lost == 0",
    );
    check(&[ROW_7, &habit("ignore")], all_down, EXACT);
}
