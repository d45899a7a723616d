//! What each setting guarantees and what it does not, by running the whole pipeline: the fault bites without the
//! setting, and does not with it.
//!
//! Expectations come from what the real systems do. "Row n" is a row of the outcome table in the comment above the
//! producer's tests; crash points C0 to C6 are those of one write to a Hudi table:
//!
//! ```text
//! C0 batch planned   C1 instant requested   C2 instant inflight   C3 first data file   C4 all data files
//! C5 table committed, Spark's commit log not yet written          C6 commit log written
//! ```

mod claims;

use claims::hold;
use streamproof::sim::{Ended, Keep, Patch, Run, Scenario, Simulation, catalog};

/// Each claim is held against these seeds.
const SEEDS: [u64; 4] = [42, 1, 2, 3];

/// The opening scenario without its fault: 40 orders in 7 s, two partitions on three brokers, batches of Spark every
/// second into a Hudi table by `insert`, and revenue per minute beside it.
fn quiet() -> Scenario {
    let opening = catalog::find(catalog::OPENING)
        .expect("there is one")
        .scenario();
    opening
        .patched(&Patch::parse(r#"{"faults": {"lost-ack": null}}"#).expect("valid"))
        .expect("valid")
}

fn scenario(faults: &str, patch: &str) -> Scenario {
    let faults = Patch::parse(&format!(r#"{{"faults": {faults}}}"#))
        .unwrap_or_else(|error| panic!("{faults}: {error}"));
    let patch = Patch::parse(patch).unwrap_or_else(|error| panic!("{patch}: {error}"));
    quiet()
        .patched(&patch.then(&faults))
        .unwrap_or_else(|error| panic!("{patch:?}: {error}"))
}

fn run(scenario: &Scenario, seed: u64) -> Run {
    claims::run(scenario, seed, Keep::LedgerOnly)
}

/// The claim `pred` holds for the quiet scenario with these faults and this patch, at every seed.
fn check(faults: &str, patch: &str, pred: &str) {
    let what = format!("faults {faults}\n  patch {patch}");
    hold(pred, &scenario(faults, patch), &SEEDS, None, &what);
}

const NOTHING: &str = "{}";
const EXACT: &str = "dup == 0 && lost == 0 && refused == 0 && pending == 0 && billed == owed";

#[test]
fn without_a_fault_every_setting_delivers_each_order_once() {
    for acks in ["0", "1", "all"] {
        check(
            NOTHING,
            &format!(r#"{{"producer": {{"acks": "{acks}"}}}}"#),
            EXACT,
        );
    }
    for operation in ["insert", "upsert", "bulk_insert"] {
        for key in ["order_id", "kafka_offset", "uuid"] {
            for writer in ["native", "foreach_batch"] {
                check(NOTHING, &sink(writer, operation, key), EXACT);
            }
        }
    }
    check(
        NOTHING,
        "{}",
        "phantom == 0 && stale == 0 && reorder == 0 && retries == 0 && rows == 40 && stored == 40",
    );
}

// ---- the producer ------------------------------------------------------------------------------------------------
//
// D duplicate, L silent loss, RL reported loss, F phantom (reported as failed, yet stored), EO one copy. Replication
// factor 3. Sources: ProducerConfig's documentation of acks, retries and idempotence; KIP-98; KIP-101; KIP-966.
//
// | row | acks | retries | idempotence | min ISR | ack lost | leader dies before replication | ... after it | app re-sends | all lose power |
// | 1   | 0    | any     | no          | any     | -, L     | L                              | L            | D or L       | L              |
// | 2   | 1    | 0       | no          | any     | F        | L                              | F            | D            | L              |
// | 3   | 1    | >0      | no          | any     | D        | L (acknowledged ones)          | D            | D            | L              |
// | 4   | all  | 0       | no          | 2       | F        | RL                             | F            | D            | L              |
// | 5   | all  | >0      | no          | 1       | D        | EO while others are in sync    | D            | D            | L              |
// | 6   | all  | >0      | no          | 2       | D        | EO                             | D            | D            | L              |
// | 7   | all  | >0      | yes         | 2       | EO       | EO                             | EO           | D            | L              |

const ROW_1: &str = r#"{"producer": {"acks": "0", "enable.idempotence": false}}"#;
const ROW_2: &str = r#"{"producer": {"acks": "1", "retries": 0, "enable.idempotence": false}}"#;
const ROW_3: &str = r#"{"producer": {"acks": "1", "enable.idempotence": false}}"#;
const ROW_4: &str = r#"{"producer": {"acks": "all", "retries": 0, "enable.idempotence": false}}"#;
const ROW_5: &str = r#"{"producer": {"acks": "all", "enable.idempotence": false}, "topic": {"min.insync.replicas": 1}}"#;
const ROW_6: &str = r#"{"producer": {"acks": "all", "enable.idempotence": false}}"#;
const ROW_7: &str = r#"{"producer": {"acks": "all", "enable.idempotence": true}}"#;

/// One partition, led by b1 and followed by b2 and b3, so that a fault can name them.
fn one_partition(row: &str) -> String {
    let one = Patch::parse(r#"{"topic": {"partitions": 1}}"#).expect("valid");
    Patch::parse(row).expect("valid").then(&one).0.to_string()
}

const LOSE_ONE_ACK: &str =
    r#"{"ack": {"do": "net.drop_ack", "where": "p1>*", "after": {"batch_appended": 9}}}"#;

#[test]
fn a_lost_ack_is_a_phantom_without_retries() {
    for row in [ROW_2, ROW_4] {
        check(
            LOSE_ONE_ACK,
            row,
            "phantom == 1 && refused == 0 && lost == 0 && dup == 0 && rows == 40 && retries == 0",
        );
    }
}

#[test]
fn a_lost_ack_duplicates_with_retries_and_without_idempotence() {
    for row in [ROW_3, ROW_5, ROW_6] {
        check(
            LOSE_ONE_ACK,
            row,
            "dup == 1 && dup_by.producer_retry == 1 && lost == 0 && phantom == 0 && billed > owed && stored == 41",
        );
    }
}

#[test]
fn a_lost_ack_is_absorbed_with_idempotence() {
    check(
        LOSE_ONE_ACK,
        ROW_7,
        &format!("{EXACT} && retries == 1 && stored == 40"),
    );
}

#[test]
fn nobody_misses_an_ack_with_acks_0() {
    check(
        LOSE_ONE_ACK,
        ROW_1,
        "dup == 0 && retries == 0 && refused == 0 && lost <= 1",
    );
}

const LOSE_ONE_REQUEST: &str =
    r#"{"request": {"do": "net.drop_request", "where": "p1>*", "after": {"batch_sent": 9}}}"#;

#[test]
fn a_lost_request_is_lost_refused_or_repeated_but_never_doubled() {
    check(
        LOSE_ONE_REQUEST,
        ROW_1,
        "lost == 1 && lost_by.acks == 1 && refused == 0 && dup == 0 && billed < owed",
    );
    for row in [ROW_2, ROW_4] {
        check(
            LOSE_ONE_REQUEST,
            row,
            "refused == 1 && lost == 0 && phantom == 0 && dup == 0 && billed < owed",
        );
    }
    for row in [ROW_3, ROW_5, ROW_6, ROW_7] {
        check(LOSE_ONE_REQUEST, row, &format!("{EXACT} && retries == 1"));
    }
}

/// The leader dies in the moment it has appended: nobody else has the batch and nobody was told.
const LEADER_DIES_AFTER_APPEND: &str = r#"{"crash": {"do": "broker.crash.kept", "where": "leader", "after": {"batch_appended": 9}, "for": 6000}}"#;

#[test]
fn an_unacknowledged_batch_of_a_dead_leader_is_repeated_or_reported() {
    for row in [ROW_2, ROW_4] {
        check(
            LEADER_DIES_AFTER_APPEND,
            row,
            "lost == 0 && refused >= 1 && phantom == 0 && dup == 0",
        );
    }
    for row in [ROW_3, ROW_5, ROW_6, ROW_7] {
        check(LEADER_DIES_AFTER_APPEND, row, EXACT);
    }
    check(
        LEADER_DIES_AFTER_APPEND,
        ROW_1,
        "lost >= 1 && refused == 0 && dup == 0",
    );
}

/// Both followers are cut off for the second of their back-off, and the leader dies in it.
const LEADER_DIES_BEFORE_REPLICATION: &str = r#"{
    "lag-2": {"do": "net.reset", "where": "b1>b2", "at": 3000},
    "lag-3": {"do": "net.reset", "where": "b1>b3", "at": 3000},
    "crash": {"do": "broker.crash.kept", "where": "b1", "at": 3900, "for": 6000}}"#;

#[test]
fn what_only_the_dead_leader_had_is_lost_below_acks_all() {
    for row in [ROW_1, ROW_2, ROW_3] {
        check(
            LEADER_DIES_BEFORE_REPLICATION,
            &one_partition(row),
            "lost_by.leader_loss >= 1 && dup == 0 && billed < owed",
        );
    }
    check(
        LEADER_DIES_BEFORE_REPLICATION,
        &one_partition(ROW_4),
        "lost == 0 && refused >= 1 && phantom == 0",
    );
    for row in [ROW_5, ROW_6, ROW_7] {
        check(LEADER_DIES_BEFORE_REPLICATION, &one_partition(row), EXACT);
    }
}

/// The second of two followers has the ninth batch, and the leader dies before it hears of that.
const LEADER_DIES_AFTER_REPLICATION: &str = r#"{"crash": {"do": "broker.crash.kept", "where": "b1", "after": {"replica_advanced": 18}, "for": 6000}}"#;

#[test]
fn what_survived_the_leader_unacknowledged_is_a_phantom_a_duplicate_or_recognised() {
    check(
        LEADER_DIES_AFTER_REPLICATION,
        &one_partition(ROW_4),
        "phantom == 1 && lost == 0 && dup == 0",
    );
    for row in [ROW_5, ROW_6] {
        check(
            LEADER_DIES_AFTER_REPLICATION,
            &one_partition(row),
            "dup == 1 && dup_by.producer_retry == 1 && lost == 0",
        );
    }
    check(LEADER_DIES_AFTER_REPLICATION, &one_partition(ROW_7), EXACT);
}

/// The producer dies between the append and the report.
fn producer_dies(kind: &str) -> String {
    format!(r#"{{"crash": {{"do": "producer.crash.{kind}", "after": {{"batch_appended": 9}}}}}}"#)
}

#[test]
fn idempotence_ends_with_the_session_so_a_resend_doubles() {
    for row in [ROW_2, ROW_3, ROW_4, ROW_5, ROW_6, ROW_7] {
        check(
            &producer_dies("resend"),
            row,
            "dup == 1 && dup_by.app_resend == 1 && lost == 0 && down_ms == 1000",
        );
    }
}

#[test]
fn only_a_key_made_before_the_send_absorbs_a_resend() {
    let with = |key: &str| {
        Patch::parse(ROW_7)
            .expect("valid")
            .then(&Patch::parse(&sink("native", "upsert", key)).expect("valid"))
            .0
            .to_string()
    };
    check(&producer_dies("resend"), &with("order_id"), EXACT);
    for key in ["kafka_offset", "uuid"] {
        check(
            &producer_dies("resend"),
            &with(key),
            "dup == 1 && dup_by.app_resend == 1",
        );
    }
}

#[test]
fn an_outbox_saves_what_waits_in_the_producers_memory() {
    let waiting =
        r#"{"producer": {"enable.idempotence": true, "linger.ms": 800, "batch.size": 16384}}"#;
    let at = |kind: &str| format!(r#"{{"crash": {{"do": "producer.crash.{kind}", "at": 3500}}}}"#);
    check(
        &at("forget"),
        waiting,
        "lost >= 1 && lost_by.buffer == lost && dup == 0",
    );
    check(&at("resend"), waiting, "lost == 0 && pending == 0");
}

#[test]
fn a_stored_batch_survives_a_producer_without_an_outbox() {
    check(
        &producer_dies("forget"),
        ROW_7,
        "lost == 0 && dup == 0 && pending == 0",
    );
}

/// All three machines lose power at once; what nobody flushed is gone, however it was acknowledged.
const ALL_LOSE_POWER: &str = r#"{
    "power-1": {"do": "broker.crash.unflushed_lost", "where": "b1", "at": 4500, "for": 1500},
    "power-2": {"do": "broker.crash.unflushed_lost", "where": "b2", "at": 4500, "for": 1500},
    "power-3": {"do": "broker.crash.unflushed_lost", "where": "b3", "at": 4500, "for": 1500}}"#;

#[test]
fn no_acks_setting_survives_a_power_loss_of_all_replicas() {
    for row in [ROW_1, ROW_3, ROW_5, ROW_6, ROW_7] {
        // A long trigger, so that some of what was acknowledged has not been read yet.
        let patch = Patch::parse(row)
            .expect("valid")
            .then(&Patch::parse(r#"{"engine": {"spark": {"trigger": 4000}}}"#).expect("valid"));
        check(
            ALL_LOSE_POWER,
            &patch.0.to_string(),
            "lost_by.leader_loss >= 1",
        );
    }
}

#[test]
fn a_query_whose_offsets_are_gone_fails_instead_of_skipping_what_comes() {
    // failOnDataLoss is true by default: the positions of the checkpoint lie behind the end of the emptied log.
    let never_flushed = Patch::parse(ROW_7)
        .expect("valid")
        .then(&Patch::parse(r#"{"brokers": {"page_cache_ms": 3600000}}"#).expect("valid"));
    check(
        ALL_LOSE_POWER,
        &never_flushed.0.to_string(),
        "pending >= 1 && delivered < 40",
    );
}

#[test]
fn power_takes_what_the_operating_system_had_not_written_out() {
    let written = |ms: u32| {
        format!(
            r#"{{"producer": {{"acks": "all"}}, "brokers": {{"page_cache_ms": {ms}}}, "engine": {{"spark": {{"trigger": 4000}}}}}}"#
        )
    };
    check(ALL_LOSE_POWER, &written(1), "lost_by.leader_loss <= 1");
    check(
        ALL_LOSE_POWER,
        &written(3_600_000),
        "lost_by.leader_loss >= 2",
    );
}

/// Both followers copy seconds late, and the leader dies.
const LEADER_DIES_AHEAD: &str = r#"{
    "slow-2": {"do": "broker.slow", "where": "b2", "at": 2500, "for": 3000, "by": 2000},
    "slow-3": {"do": "broker.slow", "where": "b3", "at": 2500, "for": 3000, "by": 2000},
    "crash": {"do": "broker.crash.kept", "where": "b1", "at": 4500, "for": 6000}}"#;

#[test]
fn lagging_followers_make_acks_1_lose_what_acks_all_keeps() {
    for row in [ROW_2, ROW_3] {
        check(
            LEADER_DIES_AHEAD,
            &one_partition(row),
            "lost_by.leader_loss >= 2 && dup == 0",
        );
    }
    check(LEADER_DIES_AHEAD, &one_partition(ROW_7), EXACT);
    let prompt =
        r#"{"crash": {"do": "broker.crash.kept", "where": "b1", "at": 4500, "for": 6000}}"#;
    check(prompt, &one_partition(ROW_3), "lost <= 1");
}

#[test]
fn a_power_loss_of_one_machine_loses_nothing_that_others_have() {
    let one = r#"{"power": {"do": "broker.crash.unflushed_lost", "where": "b1", "at": 4500, "for": 1500}}"#;
    for row in [ROW_6, ROW_7] {
        check(one, row, "lost == 0 && refused == 0 && pending == 0");
    }
    let alone = r#"{"topic": {"replication.factor": 1, "min.insync.replicas": 1, "partitions": 1}, "engine": {"spark": {"trigger": 4000}}}"#;
    check(one, alone, "lost_by.leader_loss >= 1");
}

#[test]
fn a_write_outlasts_an_outage_or_is_refused_at_its_deadline() {
    let all_down = r#"{
        "down-1": {"do": "broker.crash.kept", "where": "b1", "at": 3000, "for": 6000},
        "down-2": {"do": "broker.crash.kept", "where": "b2", "at": 3000, "for": 6000},
        "down-3": {"do": "broker.crash.kept", "where": "b3", "at": 3000, "for": 6000}}"#;
    check(
        all_down,
        ROW_7,
        "lost == 0 && refused == 0 && pending == 0 && dup == 0 && p95 > 3000",
    );
    let short = r#"{"producer": {"enable.idempotence": true, "delivery.timeout.ms": 2000, "request.timeout.ms": 1000}}"#;
    check(
        all_down,
        short,
        "lost == 0 && refused + phantom >= 3 && dup == 0 && pending == 0",
    );
}

#[test]
fn with_acks_0_an_error_closes_the_connection_so_the_new_leader_is_found() {
    // The old leader is back before its session ends and leads no more; it can answer acks=0 only by hanging up.
    let blink = r#"{"crash": {"do": "broker.crash.kept", "where": "b1", "at": 3000, "for": 200}}"#;
    check(blink, &one_partition(ROW_1), "lost <= 4 && refused == 0");
}

// ---- replication -------------------------------------------------------------------------------------------------

/// Both followers of b1 are away for six seconds.
const FOLLOWERS_AWAY: &str = r#"{
    "down-2": {"do": "broker.crash.kept", "where": "b2", "at": 2000, "for": 6000},
    "down-3": {"do": "broker.crash.kept", "where": "b3", "at": 2000, "for": 6000}}"#;

#[test]
fn below_min_insync_replicas_acks_all_waits_and_acks_1_is_acknowledged_but_invisible() {
    let one = one_partition(ROW_7);
    check(
        FOLLOWERS_AWAY,
        &one,
        "lost == 0 && dup == 0 && pending == 0 && p95 > 3000",
    );
    let leader_only = one_partition(ROW_3);
    check(
        FOLLOWERS_AWAY,
        &leader_only,
        "lost == 0 && dup == 0 && pending == 0 && retries == 0 && p95 > 3000",
    );
    let min_1 = r#"{"producer": {"enable.idempotence": true}, "topic": {"partitions": 1, "min.insync.replicas": 1}}"#;
    check(
        FOLLOWERS_AWAY,
        min_1,
        "lost == 0 && dup == 0 && pending == 0 && retries == 0 && p95 < 3000",
    );
}

/// The in-sync set shrinks to the leader, and then the leader's disk is gone.
const LAST_REPLICA_DIES: &str = r#"{
    "down-2": {"do": "broker.crash.kept", "where": "b2", "at": 2000, "for": 20000},
    "down-3": {"do": "broker.crash.kept", "where": "b3", "at": 2000, "for": 20000},
    "disk-1": {"do": "broker.crash.lost", "where": "b1", "at": 6500, "for": 1000}}"#;

#[test]
fn acks_all_with_min_insync_1_may_mean_the_leader_alone() {
    let slow_reader = r#""engine": {"spark": {"trigger": 4000}}"#;
    let with = |min: u8| {
        format!(
            r#"{{"producer": {{"enable.idempotence": true}}, "topic": {{"partitions": 1, "min.insync.replicas": {min}}}, {slow_reader}}}"#
        )
    };
    check(
        LAST_REPLICA_DIES,
        &with(1),
        "lost >= 1 && lost_by.leader_loss == lost",
    );
    // With 2, nothing is acknowledged while the leader is alone. (Without eligible leader replicas the old records
    // go all the same; they were read long before here.)
    check(LAST_REPLICA_DIES, &with(2), "lost_by.acks == 0");
}

/// The in-sync set shrinks to the leader, the leader dies for long, and the others come back without it.
const ONLY_LAGGARDS_LIVE: &str = r#"{
    "down-2": {"do": "broker.crash.kept", "where": "b2", "at": 2000, "for": 4000},
    "down-3": {"do": "broker.crash.kept", "where": "b3", "at": 2000, "for": 4000},
    "down-1": {"do": "broker.crash.kept", "where": "b1", "at": 5500, "for": 15000}}"#;

#[test]
fn an_unclean_election_trades_an_outage_for_a_silent_loss() {
    let with = |unclean: bool| {
        format!(
            r#"{{"producer": {{"enable.idempotence": true}}, "topic": {{"partitions": 1, "min.insync.replicas": 1, "unclean.leader.election.enable": {unclean}}}, "engine": {{"spark": {{"trigger": 4000}}}}}}"#
        )
    };
    check(
        ONLY_LAGGARDS_LIVE,
        &with(false),
        "lost == 0 && dup == 0 && pending == 0 && p95 > 8000",
    );
    check(ONLY_LAGGARDS_LIVE, &with(true), "lost_by.leader_loss >= 3");
}

/// b2 is away; b3 stands still until it is out of the in-sync set; then the last one loses its disk and comes back first.
const LAST_ONE_COMES_BACK_EMPTY: &str = r#"{
    "down-2": {"do": "broker.crash.kept", "where": "b2", "at": 2000, "for": 20000},
    "still-3": {"do": "broker.pause", "where": "b3", "at": 3000, "for": 4000},
    "disk-1": {"do": "broker.crash.lost", "where": "b1", "at": 5000, "for": 500}}"#;

#[test]
fn eligible_leader_replicas_keep_what_the_last_one_lost() {
    let with = |version: u8| {
        format!(
            r#"{{"producer": {{"enable.idempotence": true}}, "topic": {{"partitions": 1}}, "brokers": {{"eligible.leader.replicas.version": {version}}}, "engine": {{"spark": {{"trigger": 6000}}}}}}"#
        )
    };
    check(
        LAST_ONE_COMES_BACK_EMPTY,
        &with(1),
        "lost == 0 && dup == 0 && pending == 0",
    );
    check(
        LAST_ONE_COMES_BACK_EMPTY,
        &with(0),
        "lost_by.leader_loss >= 5",
    );
}

#[test]
fn retention_deletes_what_a_reader_that_is_away_has_not_read() {
    let away = r#"{"away": {"do": "driver.crash", "at": 2500, "for": 5000}}"#;
    let keep = |topic: &str| {
        format!(
            r#"{{"producer": {{"enable.idempotence": true}}, "brokers": {{"log.retention.check.interval.ms": 500}}, "topic": {{{topic}}}}}"#
        )
    };
    for short in [r#""retention.ms": 2000"#, r#""retention.bytes": 600"#] {
        // The query finds its offsets gone and fails: failOnDataLoss is true by default.
        check(
            away,
            &keep(short),
            "lost_by.retention >= 2 && lost_by.retention == lost && dup == 0",
        );
        // Read in time, nothing is missed.
        check(NOTHING, &keep(r#""retention.ms": 4000"#), EXACT);
    }
    check(away, &keep(r#""retention.ms": 3600000"#), EXACT);
}

#[test]
fn a_replica_that_comes_back_empty_begins_where_the_leaders_log_begins() {
    let faults = r#"{
        "disk-2": {"do": "broker.crash.lost", "where": "b2", "at": 3000, "for": 3000},
        "down-1": {"do": "broker.crash.kept", "where": "b1", "at": 8500, "for": 3000}}"#;
    let patch = r#"{"producer": {"enable.idempotence": true}, "workload": {"orders": 60}, "brokers": {"log.retention.check.interval.ms": 500}, "topic": {"partitions": 1, "retention.ms": 3000}}"#;
    check(faults, patch, "lost == 0 && dup == 0 && pending == 0");
}

#[test]
fn a_retry_reorders_without_idempotence_and_does_not_with_it() {
    // All orders of one customer in one partition, close together, so that several batches are in flight.
    let dense = |producer: &str| {
        format!(
            r#"{{"workload": {{"customers": 1, "every_ms": 4, "orders": 100}}, "network": {{"min_us": 8000}}, "topic": {{"partitions": 1}}, "producer": {{"linger.ms": 0, "batch.size": 120, {producer}}}}}"#
        )
    };
    let ack =
        r#"{"ack": {"do": "net.drop_ack", "where": "p1>*", "after": {"batch_appended": 20}}}"#;
    check(
        ack,
        &dense(r#""enable.idempotence": false"#),
        "dup >= 1 && reorder >= 1 && lost == 0",
    );
    check(
        ack,
        &dense(r#""enable.idempotence": true"#),
        "dup == 0 && reorder == 0 && lost == 0",
    );
    check(
        ack,
        &dense(r#""enable.idempotence": false, "max.in.flight.requests.per.connection": 1"#),
        "dup == 1 && lost == 0",
    );
}

#[test]
fn a_batch_given_up_does_not_double_the_ones_behind_it() {
    // Several batches are stored unacknowledged; the first is given up at its deadline, the others are repeated and
    // recognised, and only then does a new epoch begin.
    let patch = r#"{"workload": {"every_ms": 60}, "topic": {"partitions": 1}, "producer": {"enable.idempotence": true, "linger.ms": 0, "delivery.timeout.ms": 1700, "request.timeout.ms": 1500}}"#;
    check(FOLLOWERS_AWAY, patch, "dup == 0 && lost == 0");
}

// ---- slow, split and paused --------------------------------------------------------------------------------------

/// A row with a request timeout of half a second.
fn impatient(row: &str) -> String {
    let timeout = Patch::parse(r#"{"producer": {"request.timeout.ms": 500}}"#).expect("valid");
    Patch::parse(row)
        .expect("valid")
        .then(&timeout)
        .0
        .to_string()
}

#[test]
fn a_delay_spike_doubles_what_is_acknowledged_too_late_unless_repeats_are_recognised() {
    let spike =
        r#"{"spike": {"do": "net.delay", "where": "p1>*", "at": 3000, "for": 2500, "by": 400}}"#;
    check(
        spike,
        &impatient(ROW_6),
        "dup >= 1 && dup_by.producer_retry == dup && lost == 0",
    );
    check(
        spike,
        &impatient(ROW_7),
        "dup == 0 && lost == 0 && refused == 0 && retries >= 1",
    );
    check(spike, ROW_6, &format!("{EXACT} && retries == 0"));
}

#[test]
fn a_split_from_the_brokers_costs_time_or_is_refused_at_the_deadline() {
    let split = r#"{"split": {"do": "net.split", "where": "p1>*", "at": 3000, "for": 3000}}"#;
    check(split, &impatient(ROW_7), &format!("{EXACT} && p95 > 2000"));
    let short = r#"{"producer": {"enable.idempotence": true, "delivery.timeout.ms": 1500, "request.timeout.ms": 500}}"#;
    check(
        split,
        short,
        "refused + phantom >= 3 && lost == 0 && dup == 0",
    );
}

/// The leader reaches the producer, and nobody else.
const LEADER_CUT_OFF: &str =
    r#"{"split": {"do": "net.split", "where": "b1>*", "at": 3000, "for": 4000}}"#;

#[test]
fn a_leader_that_is_cut_off_acknowledges_with_acks_1_what_is_cut_away_later() {
    for row in [ROW_1, ROW_3] {
        check(
            LEADER_CUT_OFF,
            &one_partition(row),
            "lost_by.leader_loss >= 3 && dup == 0",
        );
    }
    check(LEADER_CUT_OFF, &one_partition(ROW_7), EXACT);
}

#[test]
fn a_leader_that_stood_still_goes_on_as_if_it_still_led() {
    let still = r#"{"still": {"do": "broker.pause", "where": "b1", "at": 3000, "for": 5000}}"#;
    check(
        still,
        &one_partition(ROW_3),
        "lost_by.leader_loss >= 1 && dup == 0",
    );
    check(still, &one_partition(ROW_7), EXACT);
    let moment = r#"{"still": {"do": "broker.pause", "where": "b1", "at": 3000, "for": 500}}"#;
    check(moment, &one_partition(ROW_3), EXACT);
}

#[test]
fn a_producer_that_stood_still_sends_what_it_had_in_memory() {
    let still = r#"{"still": {"do": "producer.pause", "at": 3000, "for": 4000}}"#;
    let patient = r#"{"producer": {"enable.idempotence": true, "linger.ms": 400}, "workload": {"late": null}}"#;
    check(still, patient, &format!("{EXACT} && p99 > 3000"));
    check(NOTHING, patient, &format!("{EXACT} && p99 < 3000"));
    // Its deadlines pass while it stands still, and what it had not sent is refused when it goes on.
    let short = r#"{"producer": {"enable.idempotence": true, "linger.ms": 400, "delivery.timeout.ms": 1000, "request.timeout.ms": 500}}"#;
    check(still, short, "refused >= 1 && lost == 0 && dup == 0");
}

#[test]
fn an_error_is_repeated_and_only_a_stored_one_can_double() {
    let reject = |how: &str| format!(r#"{{"no": {{"do": "broker.{how}", "request": 9}}}}"#);
    check(
        &reject("reject"),
        ROW_4,
        "refused == 1 && phantom == 0 && lost == 0",
    );
    check(
        &reject("reject_stored"),
        ROW_4,
        "phantom == 1 && refused == 0 && dup == 0",
    );
    for row in [ROW_6, ROW_7] {
        check(&reject("reject"), row, &format!("{EXACT} && retries == 1"));
    }
    check(&reject("reject_stored"), ROW_6, "dup == 1 && lost == 0");
    check(
        &reject("reject_stored"),
        ROW_7,
        &format!("{EXACT} && retries == 1"),
    );
    check(&reject("stall"), &impatient(ROW_6), "dup == 1 && lost == 0");
    check(&reject("stall"), &impatient(ROW_7), EXACT);
    let too_large = r#"{"no": {"do": "broker.reject", "request": 9, "error": "INVALID_RECORD"}}"#;
    check(
        too_large,
        ROW_7,
        "refused == 1 && lost == 0 && dup == 0 && retries == 0",
    );
}

#[test]
fn send_again_after_an_error_doubles_what_was_stored_in_spite_of_it_even_with_idempotence() {
    let again = r#"{"producer": {"acks": "all", "enable.idempotence": true, "app.on.error": "send_again", "delivery.timeout.ms": 600, "request.timeout.ms": 500}}"#;
    let write_off = r#"{"producer": {"acks": "all", "enable.idempotence": true, "delivery.timeout.ms": 600, "request.timeout.ms": 500}}"#;
    let stall = r#"{"stall": {"do": "broker.stall", "request": 9}}"#;
    check(
        stall,
        again,
        "dup >= 1 && dup_by.app_resend == dup && lost == 0",
    );
    check(stall, write_off, "dup == 0 && phantom >= 1 && lost == 0");
    // Where nothing was stored, sending again is right.
    let refused = r#"{"no": {"do": "broker.reject", "request": 9, "error": "INVALID_RECORD"}}"#;
    check(refused, again, EXACT);
}

#[test]
fn a_full_buffer_stops_the_application_and_then_fails_its_sends() {
    let all_down = r#"{
        "down-1": {"do": "broker.crash.kept", "where": "b1", "at": 3000, "for": 6000},
        "down-2": {"do": "broker.crash.kept", "where": "b2", "at": 3000, "for": 6000},
        "down-3": {"do": "broker.crash.kept", "where": "b3", "at": 3000, "for": 6000}}"#;
    let buffer = |bytes: u64| {
        format!(
            r#"{{"producer": {{"enable.idempotence": true, "batch.size": 120, "linger.ms": 0, "buffer.memory": {bytes}, "max.block.ms": 1000}}}}"#
        )
    };
    check(
        all_down,
        &buffer(600),
        "refused >= 2 && lost == 0 && dup == 0",
    );
    check(
        all_down,
        &buffer(33_554_432),
        "refused == 0 && lost == 0 && dup == 0",
    );
}

#[test]
fn a_batch_above_max_message_bytes_is_split_and_a_single_record_is_refused() {
    let largest = |bytes: u32| {
        format!(
            r#"{{"producer": {{"enable.idempotence": true, "linger.ms": 700}}, "topic": {{"max.message.bytes": {bytes}}}}}"#
        )
    };
    check(NOTHING, &largest(240), &format!("{EXACT} && reorder == 0"));
    check(NOTHING, &largest(119), "refused == 40 && lost == 0");
}

#[test]
fn without_a_key_a_customers_orders_lose_their_order() {
    let key = |key: &str| {
        format!(
            r#"{{"producer": {{"enable.idempotence": true, "batch.size": 240, "app.record.key": "{key}"}}, "workload": {{"customers": 2}}}}"#
        )
    };
    check(
        NOTHING,
        &key("customer"),
        &format!("{EXACT} && reorder == 0"),
    );
    check(NOTHING, &key("none"), &format!("{EXACT} && reorder >= 1"));
}

#[test]
fn what_is_safe_by_default_in_java_is_not_in_librdkafka() {
    let client = |name: &str| {
        format!(r#"{{"producer": {{"producer.client": "{name}", "enable.idempotence": null}}}}"#)
    };
    check(LOSE_ONE_ACK, &client("java"), EXACT);
    check(LOSE_ONE_ACK, &client("librdkafka"), "dup == 1 && lost == 0");
}

#[test]
fn a_disturbance_strikes_at_a_time_a_step_a_fact_a_request_or_by_chance() {
    for (name, place) in [
        ("net.delay", "p1>*"),
        ("net.split", "p1>b1"),
        ("broker.pause", "b1"),
        ("broker.slow", "b2"),
        ("producer.pause", "p1"),
    ] {
        for when in [
            r#""at": 3000"#,
            r#""step": 40"#,
            r#""after": {"batch_sent": 5}"#,
            r#""request": 5"#,
            r#""chance": 300000"#,
        ] {
            let by_step_of_a_link = when.contains("step") && place.contains('>');
            if by_step_of_a_link {
                continue;
            }
            let faults =
                format!(r#"{{"it": {{"do": "{name}", "where": "{place}", "for": 300, {when}}}}}"#);
            let struck = scenario(&faults, ROW_7);
            let run = Simulation::run(&struck, Keep::Trace);
            let trace = run.trace.expect("it was kept");
            let injected = trace
                .events
                .iter()
                .filter(|event| event.fact.kind().name() == "injected");
            assert!(injected.count() >= 1, "{faults}");
            assert_eq!(run.verdict.metric("lost"), Some(0.0), "{faults}");
        }
    }
}

// ---- Spark and Hudi ----------------------------------------------------------------------------------------------

fn sink(writer: &str, operation: &str, key: &str) -> String {
    format!(
        r#"{{"producer": {{"enable.idempotence": true}}, "sink": {{"hudi": {{"sink.writer": "{writer}", "hoodie.datasource.write.operation": "{operation}", "hoodie.datasource.write.recordkey.field": "{key}"}}}}}}"#
    )
}

/// The driver dies at a point of the first batch after 3.5 s.
fn driver_dies(point: &str) -> String {
    format!(r#"{{"crash": {{"do": "driver.crash.{point}", "at": 3500}}}}"#)
}

const POINTS: [&str; 7] = ["C0", "C1", "C2", "C3", "C4", "C5", "C6"];

#[test]
fn the_native_sink_is_exact_at_every_crash_point_for_every_operation() {
    for point in POINTS {
        for operation in ["upsert", "insert", "bulk_insert"] {
            let skipped = u8::from(point == "C5");
            check(
                &driver_dies(point),
                &sink("native", operation, "order_id"),
                &format!("{EXACT} && batches_skipped == {skipped}"),
            );
        }
    }
}

#[test]
fn in_foreach_batch_only_the_operation_protects_and_only_after_the_commit() {
    for point in POINTS {
        check(
            &driver_dies(point),
            &sink("foreach_batch", "upsert", "order_id"),
            EXACT,
        );
        check(
            &driver_dies(point),
            &sink("foreach_batch", "upsert", "kafka_offset"),
            EXACT,
        );
        for operation in ["insert", "bulk_insert"] {
            let outcome = if point == "C5" {
                "dup >= 1 && dup_by.batch_replay == dup && lost == 0 && billed > owed && batches_skipped == 0"
            } else {
                EXACT
            };
            check(
                &driver_dies(point),
                &sink("foreach_batch", operation, "order_id"),
                outcome,
            );
        }
        let per_attempt = if point == "C5" {
            "dup >= 1 && dup_by.key_per_attempt == dup && lost == 0"
        } else {
            EXACT
        };
        check(
            &driver_dies(point),
            &sink("foreach_batch", "upsert", "uuid"),
            per_attempt,
        );
    }
}

#[test]
fn before_the_commit_point_files_are_garbage_until_the_next_write() {
    // Two table partitions, so that the first file is not yet all of them.
    let patch = |writer: &str| {
        format!(
            r#"{{"sink": {{"hudi": {{"sink.writer": "{writer}", "hoodie.datasource.write.partitionpath.field": "kafka_partition"}}}}}}"#
        )
    };
    for writer in ["native", "foreach_batch"] {
        for (point, garbage, rollbacks, replayed) in [
            ("C0", 0, 0, 1),
            ("C1", 0, 1, 1),
            ("C2", 0, 1, 1),
            ("C3", 1, 1, 1),
            ("C4", 2, 1, 1),
            ("C5", 0, 0, 1),
            ("C6", 0, 0, 0),
        ] {
            check(
                &driver_dies(point),
                &patch(writer),
                &format!(
                    "garbage_at_crash == {garbage} && garbage == 0 && rollbacks == {rollbacks} && batches_replayed == {replayed} && lost == 0"
                ),
            );
        }
    }
}

#[test]
fn each_crash_after_the_write_doubles_the_batch_once_more() {
    let twice = r#"{"first": {"do": "driver.crash.C5", "at": 3500}, "second": {"do": "driver.crash", "after": {"table_committed": 7}}}"#;
    let once = driver_dies("C5");
    let patch = r#"{"branches": {"revenue": null}, "producer": {"enable.idempotence": true}, "sink": {"hudi": {"sink.writer": "foreach_batch"}}}"#;
    for seed in SEEDS {
        let one = run(&scenario(&once, patch), seed).verdict.dup;
        let two = run(&scenario(twice, patch), seed).verdict.dup;
        assert!(
            one > 0 && two > one,
            "seed {seed}: {one} after one crash, {two} after two"
        );
    }
}

#[test]
fn what_is_processed_again_is_counted_and_a_skipped_batch_is_not() {
    check(
        &driver_dies("C5"),
        &sink("foreach_batch", "upsert", "order_id"),
        "replayed >= 1",
    );
    check(
        &driver_dies("C4"),
        &sink("native", "insert", "order_id"),
        "replayed >= 1",
    );
    for point in ["C0", "C6"] {
        check(
            &driver_dies(point),
            &sink("native", "insert", "order_id"),
            "replayed == 0",
        );
    }
    check(
        &driver_dies("C5"),
        &sink("native", "insert", "order_id"),
        "replayed == 0 && batches_replayed == 1",
    );
}

#[test]
fn a_driver_can_die_at_a_point_by_chance() {
    let by_chance =
        |chance: u32| format!(r#"{{"crash": {{"do": "driver.crash.C5", "chance": {chance}}}}}"#);
    let insert = sink("foreach_batch", "insert", "order_id");
    check(
        &by_chance(400_000),
        &insert,
        "dup >= 1 && dup_by.batch_replay == dup && lost == 0",
    );
    check(&by_chance(0), &insert, EXACT);
}

#[test]
fn which_key_catches_which_copy() {
    // A producer retry makes two offsets of one send: the offset key names the copy, not the order.
    let with = |key: &str| {
        Patch::parse(&sink("foreach_batch", "upsert", key))
            .expect("valid")
            .then(&Patch::parse(ROW_6).expect("valid"))
            .0
            .to_string()
    };
    check(LOSE_ONE_ACK, &with("order_id"), EXACT);
    for key in ["kafka_offset", "uuid"] {
        check(
            LOSE_ONE_ACK,
            &with(key),
            "dup == 1 && dup_by.producer_retry == 1 && lost == 0",
        );
    }
}

#[test]
fn both_causes_at_once_are_told_apart() {
    let both = r#"{"ack": {"do": "net.drop_ack", "where": "p1>*", "after": {"batch_appended": 18}}, "crash": {"do": "driver.crash.C5", "at": 3500}}"#;
    let patch = r#"{"producer": {"enable.idempotence": false}, "sink": {"hudi": {"sink.writer": "foreach_batch"}}}"#;
    check(
        both,
        patch,
        "dup_by.producer_retry == 1 && dup_by.batch_replay >= 1 && dup_by.producer_retry + dup_by.batch_replay == dup",
    );
}

const DRIVER_AWAY: &str = r#"{"crash": {"do": "driver.crash", "at": 4400, "for": 1500}}"#;

fn checkpoint(location: &str, offsets: &str, hudi: &str) -> String {
    format!(
        r#"{{"producer": {{"enable.idempotence": true}}, "engine": {{"spark": {{"checkpointLocation": "{location}", "startingOffsets": "{offsets}"}}}}, "sink": {{"hudi": {{{hudi}}}}}}}"#
    )
}

#[test]
fn a_lost_checkpoint_reads_again_or_skips_the_gap() {
    let insert = r#""sink.writer": "foreach_batch", "hoodie.datasource.write.operation": "insert""#;
    let upsert = r#""sink.writer": "foreach_batch", "hoodie.datasource.write.operation": "upsert""#;
    // Everything before the crash once more, under other batch ids.
    check(
        DRIVER_AWAY,
        &checkpoint("lost", "earliest", insert),
        "dup >= 15 && dup_by.offset_replay == dup && lost == 0 && replayed >= 15",
    );
    check(
        DRIVER_AWAY,
        &checkpoint("lost", "earliest", upsert),
        "dup == 0 && lost == 0 && pending == 0",
    );
    // What came while nobody was there.
    check(
        DRIVER_AWAY,
        &checkpoint("lost", "latest", upsert),
        "lost >= 1 && lost_by.starting_offset == lost && dup == 0",
    );
    for offsets in ["earliest", "latest"] {
        for hudi in [insert, upsert] {
            check(
                DRIVER_AWAY,
                &checkpoint("kept", offsets, hudi),
                "dup == 0 && lost_by.starting_offset <= 6 && pending == 0",
            );
        }
    }
    check(DRIVER_AWAY, &checkpoint("kept", "earliest", insert), EXACT);
}

#[test]
fn a_new_checkpoint_under_an_old_identifier_is_skipped_in_silence() {
    // Batch ids begin at 0 again and the table remembers higher ones; Spark ticks each skipped batch off.
    for operation in ["insert", "upsert"] {
        for offsets in ["earliest", "latest"] {
            let hudi = format!(r#""hoodie.datasource.write.operation": "{operation}""#);
            check(
                DRIVER_AWAY,
                &checkpoint("lost", offsets, &hudi),
                "batches_skipped >= 2 && lost_by.skipped_batch >= 1 && dup == 0",
            );
        }
    }
}

#[test]
fn a_lost_executor_costs_time_and_nothing_else() {
    let kill =
        r#"{"kill": {"do": "executor.kill", "where": "exec1", "after": {"task_started": 12}}}"#;
    for operation in ["insert", "upsert", "bulk_insert"] {
        check(kill, &sink("foreach_batch", operation, "order_id"), EXACT);
    }
    // The only executor comes back after a second, and the task runs there.
    let alone = r#"{"producer": {"enable.idempotence": true}, "engine": {"spark": {"executors": 1}}, "branches": {"revenue": null}}"#;
    check(kill, alone, EXACT);
    let once = r#"{"engine": {"spark": {"spark.task.maxFailures": 1, "executors": 1}}, "branches": {"revenue": null}}"#;
    check(kill, once, "lost == 0 && dup == 0 && pending >= 1");
}

// ---- event time --------------------------------------------------------------------------------------------------

#[test]
fn a_watermark_drops_what_comes_after_its_window_was_up_for_eviction() {
    // Order 36 is handed over 3 s late, after the minute it belongs to.
    let delay = |ms: u32| {
        format!(
            r#"{{"branches": {{"revenue": {{"engine": {{"spark": {{"watermark.delay": {ms}}}}}}}}}}}"#
        )
    };
    check(
        NOTHING,
        &delay(0),
        "revenue.late == 1 && revenue.lost == 0 && revenue.late_rate > 0 && late == 0",
    );
    check(
        NOTHING,
        &delay(3000),
        "revenue.late == 0 && revenue.lost == 0",
    );
    // The minute that is still open at the end is never emitted: a watermark moves only with events.
    check(
        NOTHING,
        &delay(1000),
        "revenue.rows == 1 && revenue.pending >= 10 && revenue.billed < revenue.owed",
    );
}

#[test]
fn state_counts_a_copy_in_the_topic_twice_and_a_replayed_batch_once() {
    check(
        LOSE_ONE_ACK,
        ROW_6,
        "revenue.state.dup == 1 && revenue.dup == 1",
    );
    check(
        LOSE_ONE_ACK,
        ROW_7,
        "revenue.state.dup == 0 && revenue.dup == 0",
    );
    for point in POINTS {
        let crash = format!(
            r#"{{"crash": {{"do": "driver.crash.{point}", "where": "revenue.driver", "at": 3500}}}}"#
        );
        check(
            &crash,
            ROW_7,
            "revenue.state.dup == 0 && revenue.dup == 0 && revenue.lost == 0",
        );
    }
    check(
        &driver_dies("C5"),
        &sink("foreach_batch", "insert", "order_id"),
        "sink.dup == dup && sink.dup >= 1 && state.dup == 0",
    );
}

// ---- what the ledger says ----------------------------------------------------------------------------------------

#[test]
fn the_honest_percentile_counts_what_never_arrives() {
    let often = r#"{"requests": {"do": "net.drop_request", "where": "p1>*", "chance": 250000}}"#;
    check(
        often,
        ROW_1,
        "lost >= 3 && p95 < 3000 && p95_honest > 1000000000",
    );
    check(often, ROW_7, "lost == 0 && p95_honest == p95");
}

#[test]
fn a_run_ends_settled() {
    for (faults, patch) in [(NOTHING, "{}"), (LOSE_ONE_ACK, ROW_7), (DRIVER_AWAY, "{}")] {
        for seed in SEEDS {
            assert_eq!(
                run(&scenario(faults, patch), seed).ended,
                Ended::Drained,
                "{faults}, seed {seed}"
            );
        }
    }
}
