//! The decision framework against the simulator: every leaf of its tree is run and explored and keeps what it promises, its
//! weaker neighbour does not, and both agree with the course's table of profiles and with the matrix.

mod expected;

use serde_json::Value;
use streamproof::decide::measure::Measures;
use streamproof::decide::plan::Probe;
use streamproof::decide::record::{self, Record};
use streamproof::decide::tree::Leaf;
use streamproof::decide::{Findings, Plan, cases, investigate};
use streamproof::sim::explore::Guarantee;
use streamproof::sim::explore::crash_points::{Exploration, Reach, Report};
use streamproof::sim::explore::matrix::axes;
use streamproof::sim::{Keep, Scenario, Simulation};

fn plan(answers: &str) -> Plan {
    let cases = cases(answers.split_whitespace()).expect("answers");
    Plan::of(&cases).unwrap_or_else(|refused| panic!("{answers}: {refused}"))
}

fn refusal(answers: &str) -> String {
    let found = cases(answers.split_whitespace()).and_then(|cases| Plan::of(&cases));
    found.expect_err("should be refused").to_string()
}

/// With so few orders that all points take seconds.
fn explored(scenario: &Scenario, probe: &Probe, orders: u32, only_guarantees: bool) -> Report {
    let mut few = scenario.clone();
    few.workload.orders = orders;
    few.limits.settle_ms = 800;
    let reach = Reach {
        only_guarantees,
        ..probe.reach.clone()
    };
    Exploration::run(&few, reach).expect("valid")
}

fn run(scenario: &Scenario) -> Measures {
    Measures::of(&Simulation::run(scenario, Keep::Trace))
}

const LOSS: &str = "missing=some";
const BILLED: &str = "missing=money doubled=money id=before replace=no";
const VERSIONS: &str = "missing=money doubled=money id=before replace=field";
const NO_ID: &str = "missing=money doubled=money id=none";

/// Every leaf with every engine and sink that can have it, and what the matrix calls it if it has such a cell.
fn leaves() -> Vec<(String, Leaf, Option<[&'static str; 3]>)> {
    let p0 = "missing=some doubled=nothing";
    let p1 = "missing=some doubled=money";
    let p2 = "missing=money doubled=removed";
    let once = "acks=1, retries=0, no outbox";
    let alone = "idempotent, never dies";
    let (kept, after) = ("Spark, checkpoint kept", "consumer, commit after");
    let all: Vec<(&str, &str, Leaf, Option<[&'static str; 3]>)> = vec![
        (p0, "sink=table engine=spark", Leaf::BestEffort, None),
        (p0, "sink=topic engine=consumer", Leaf::BestEffort, None),
        (
            p1,
            "sink=table engine=spark",
            Leaf::AtMostOnce,
            Some([once, "Spark, checkpoint lost", "Hudi native, insert"]),
        ),
        (
            p1,
            "sink=effect engine=consumer",
            Leaf::AtMostOnce,
            Some([once, "consumer, commit before", "effects"]),
        ),
        (p1, "sink=effect engine=flink", Leaf::AtMostOnce, None),
        (
            p2,
            "sink=table engine=spark",
            Leaf::AtLeastOnce,
            Some(["idempotent", kept, "Hudi native, insert"]),
        ),
        (
            p2,
            "sink=topic engine=consumer",
            Leaf::AtLeastOnce,
            Some(["idempotent", after, "topic, read_uncommitted"]),
        ),
        (
            p2,
            "sink=effect engine=consumer",
            Leaf::AtLeastOnce,
            Some(["idempotent", after, "effects"]),
        ),
        (p2, "sink=topic engine=flink", Leaf::AtLeastOnce, None),
        (
            BILLED,
            "sink=table engine=spark",
            Leaf::Effectively,
            Some(["idempotent", kept, "Hudi native, upsert"]),
        ),
        (
            BILLED,
            "sink=database engine=spark",
            Leaf::Effectively,
            None,
        ),
        (
            BILLED,
            "sink=keyed engine=consumer",
            Leaf::Effectively,
            Some(["idempotent", after, "effects by id"]),
        ),
        (BILLED, "sink=table engine=flink", Leaf::Effectively, None),
        (VERSIONS, "sink=table engine=spark", Leaf::Versioned, None),
        (
            NO_ID,
            "sink=topic engine=consumer",
            Leaf::Transactions,
            Some([alone, "consumer, transaction", "topic, read_committed"]),
        ),
        (
            NO_ID,
            "sink=table engine=spark",
            Leaf::Coordinated,
            Some([alone, kept, "Hudi native, insert"]),
        ),
        (NO_ID, "sink=database engine=spark", Leaf::Coordinated, None),
        (
            NO_ID,
            "sink=database engine=consumer",
            Leaf::Coordinated,
            None,
        ),
        (NO_ID, "sink=topic engine=flink", Leaf::Coordinated, None),
        (
            NO_ID,
            "sink=effect engine=consumer",
            Leaf::NoMore,
            Some(["idempotent", after, "effects"]),
        ),
    ];
    all.into_iter()
        .map(|(case, means, leaf, cell)| (format!("{case} {means}"), leaf, cell))
        .collect()
}

#[test]
fn every_leaf_keeps_what_it_promises_at_all_crash_points() {
    let mut reached = Vec::new();
    for (answers, leaf, _) in leaves() {
        let plan = plan(&format!("{answers} fresh=second"));
        assert_eq!(plan.paths[0].leaf, leaf, "{answers}");
        reached.push(leaf);
        let reports = plan.explorations.iter();
        let findings = Findings {
            run: Measures::default(),
            baseline: Measures::default(),
            reports: reports
                .map(|probe| explored(&plan.scenario, probe, 2, false))
                .collect(),
            alternatives: Vec::new(),
        };
        assert!(findings.reports.iter().all(|report| report.complete));
        let kept = plan.kept(&findings);
        assert_eq!(kept.is_empty(), leaf == Leaf::BestEffort, "{answers}");
        for kept in kept {
            assert!(!kept.refuted && kept.points > 100, "{answers}: {kept:?}");
        }
        // Whatever may go wrong all the same has a name.
        assert!(!plan.risks.is_empty(), "{answers}");
        let calm = run(&plan.scenario);
        assert_eq!(
            (calm.dup, calm.lost, calm.stale, calm.pending),
            (0, 0, 0, 0),
            "{answers}"
        );
        assert_eq!(calm.delivered, calm.src, "{answers}");
    }
    for leaf in Leaf::ALL {
        assert!(reached.contains(&leaf), "{leaf:?} is run by no case");
    }
}

#[test]
fn the_weaker_neighbour_of_every_leaf_is_refuted_by_a_run() {
    for (answers, leaf, _) in leaves() {
        let plan = plan(&answers);
        let mut weaker = plan.alternatives.iter().filter(|other| other.weaker);
        let Some(other) = weaker.next() else {
            assert_eq!(leaf, Leaf::BestEffort);
            continue;
        };
        if leaf == Leaf::Versioned {
            assert!(run(&other.scenario).stale > 0, "{answers}");
            continue;
        }
        let probe = plan.explorations.last().expect("there is one");
        let report = explored(&other.scenario, probe, 8, true);
        let promise = leaf.promises_itself().expect("P0 has no weaker one");
        let example = report.counterexample(promise);
        let example =
            example.unwrap_or_else(|| panic!("{answers}: {} keeps {promise:?}", other.name));
        // And its script, played from the start, shows it.
        let mut few = other.scenario.clone();
        few.workload.orders = 8;
        let run = Simulation::run(
            &few.patched(&example.patch()).expect("valid"),
            Keep::LedgerOnly,
        );
        let fates = streamproof::sim::explore::Fates::of(&run.verdict);
        assert!(promise.is_refuted_by(fates), "{answers}");
    }
}

#[test]
fn the_leaves_are_cells_of_the_matrix_with_its_guarantee_and_its_settings() {
    // What decides a guarantee; times and sizes do not.
    let deciding = [
        "acks",
        "checkpointLocation",
        "consumer.commit",
        "dedup",
        "enable.auto.commit",
        "foreach_batch.write",
        "hoodie.datasource.write.operation",
        "output.isolation.level",
        "retries",
        "sink.writer",
        "use",
    ];
    fn hold(patch: &Value, scenario: &Value, deciding: &[&str], place: &str) {
        for (key, value) in patch.as_object().into_iter().flatten() {
            let place = format!("{place}.{key}");
            if value.is_object() {
                hold(value, &scenario[key], deciding, &place);
            } else if deciding.contains(&key.as_str()) {
                assert_eq!(&scenario[key], value, "{place}");
            }
        }
    }
    let mut cells = 0;
    for (answers, leaf, cell) in leaves() {
        let Some(cell) = cell else { continue };
        cells += 1;
        let names: Vec<String> = cell.iter().map(ToString::to_string).collect();
        let promise = leaf.promises_itself().map_or("none", Guarantee::name);
        assert_eq!(expected::guarantee(&names), promise, "{answers}");
        let scenario = plan(&answers).scenario;
        assert_eq!(
            scenario.producer.idempotence(),
            cell[0].starts_with("idempotent")
        );
        for (axis, name) in axes().iter().zip(cell) {
            let value = axis.values.iter().find(|value| value.name == name);
            let value = value.unwrap_or_else(|| panic!("{name} is no value of {}", axis.name));
            hold(&value.patch.0, &scenario.to_value(), &deciding, &answers);
        }
    }
    assert!(cells > 8);
}

#[test]
fn profiles_have_the_settings_of_the_courses_table() {
    let have = |answers: &str, expected: &[(&str, &str)]| {
        let settings = plan(answers).settings;
        for (key, value) in expected {
            let found = settings.iter().find(|setting| setting.key == *key);
            let found = found.unwrap_or_else(|| panic!("{answers}: {key} is not set"));
            assert_eq!(found.text(), *value, "{answers}: {key}");
        }
    };
    have(
        &format!("{LOSS} doubled=money sink=effect"),
        &[
            ("acks", "1"),
            ("retries", "0"),
            ("min.insync.replicas", "1"),
            ("consumer.commit", "before"),
            ("auto.offset.reset", "latest"),
        ],
    );
    have(
        "missing=nothing doubled=nothing sink=effect",
        &[("acks", "0"), ("enable.auto.commit", "true")],
    );
    let safe = [
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("replication.factor", "3"),
        ("min.insync.replicas", "2"),
        ("unclean.leader.election.enable", "false"),
    ];
    let p2 = "missing=money doubled=removed sink=table replay=year";
    have(p2, &safe);
    have(
        p2,
        &[
            ("retention.ms", "31536000000"),
            ("checkpointLocation", "kept"),
            ("failOnDataLoss", "true"),
            ("hoodie.datasource.write.operation", "insert"),
            ("sink.writer", "native"),
        ],
    );
    have(
        "missing=money doubled=removed sink=topic",
        &[
            ("consumer.commit", "after"),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "earliest"),
        ],
    );
    have(&format!("{BILLED} sink=table"), &safe);
    have(
        &format!("{BILLED} sink=table"),
        &[
            ("hoodie.datasource.write.operation", "upsert"),
            ("hoodie.datasource.write.recordkey.field", "order_id"),
        ],
    );
    have(
        &format!("{VERSIONS} sink=table"),
        &[("hoodie.table.ordering.fields", "event_ts")],
    );
    have(
        &format!("{NO_ID} sink=topic"),
        &[
            ("consumer.commit", "transaction"),
            ("isolation.level", "read_committed"),
            ("output.isolation.level", "read_committed"),
        ],
    );
    have(
        &format!("{NO_ID} sink=topic engine=flink"),
        &[
            ("execution.checkpointing.mode", "EXACTLY_ONCE"),
            ("sink.delivery-guarantee", "exactly-once"),
            ("sink.transactional-id-prefix", "orders"),
            ("properties.transaction.timeout.ms", "3600000"),
            ("transaction.max.timeout.ms", "3600000"),
            ("output.isolation.level", "read_committed"),
        ],
    );
    have(
        &format!("{LOSS} doubled=money sink=effect engine=flink"),
        &[
            ("restart-strategy.type", "none"),
            ("execution.checkpointing.interval", "not set"),
        ],
    );
    have(
        &format!("{BILLED} sink=table engine=flink"),
        &[
            ("execution.checkpointing.mode", "AT_LEAST_ONCE"),
            ("hoodie.datasource.write.operation", "upsert"),
        ],
    );
    let side = "missing=money doubled=removed sink=effect late=side";
    have(
        side,
        &[("late.side.output", "true"), ("window.type", "tumbling")],
    );
    have(
        "missing=some doubled=money sink=table late=drop",
        &[("watermark.delay", "1000")],
    );
    have(
        &format!("{BILLED} sink=table refuse=no fresh=second"),
        &[("app.on.error", "send_again"), ("trigger", "300")],
    );
}

#[test]
fn contradictions_are_said_with_the_question_named() {
    for (answers, begins, accepts) in [
        (
            "missing=money doubled=removed sink=table late=drop",
            "late: \"drop\" throws late events away",
            "Accepted: any, side",
        ),
        (
            "missing=some doubled=money sink=effect late=drop",
            "late: \"drop\" needs windows",
            "engine=spark or flink",
        ),
        (
            "missing=money doubled=removed sink=table engine=spark late=side",
            "late: \"side\" needs a side output",
            "engine=flink",
        ),
        (
            "missing=money doubled=removed sink=topic engine=spark",
            "engine: \"spark\" does not go with sink=topic",
            "Accepted: consumer, flink",
        ),
        (
            "missing=money doubled=money id=before sink=table",
            "replace: not answered",
            "Accepted: no, field, unclear",
        ),
        (
            "doubled=money",
            "missing: not answered",
            "Accepted: nothing, some, money",
        ),
        (
            "missing=some doubled=nothing",
            "sink: not answered",
            "table, database, topic",
        ),
        (
            "a.missing=some a.doubled=money a.sink=topic b.missing=money b.doubled=removed b.sink=effect b.from=a",
            "b.missing: a missing event costs here, and \"a\"",
            "a.missing=money",
        ),
        (
            "a.missing=some a.doubled=money a.sink=effect b.missing=some b.doubled=removed b.sink=effect b.from=a",
            "b.from: \"a\" writes to no topic",
            "a.sink=topic",
        ),
        (
            "a.missing=some a.doubled=money a.sink=effect b.missing=some b.doubled=removed b.sink=effect b.from=c",
            "b.from: no segment named \"c\"",
            "accepted: a",
        ),
    ] {
        let text = refusal(answers);
        assert!(text.starts_with(begins) && text.contains(accepts), "{text}");
    }
}

/// Monitoring, billing, compliance and analytics of one topic.
const PIPELINE: &str = "monitoring.missing=some monitoring.doubled=money monitoring.sink=effect \
    billing.missing=money billing.doubled=money billing.id=before billing.sink=table billing.replace=field \
    audit.missing=money audit.doubled=removed audit.sink=topic \
    analytics.from=audit analytics.missing=money analytics.doubled=money analytics.id=none analytics.sink=table";

#[test]
fn a_pipeline_has_a_guarantee_for_each_segment_and_its_edges_have_names() {
    let plan = plan(PIPELINE);
    let leaves: Vec<Leaf> = plan.paths.iter().map(|path| path.leaf).collect();
    assert_eq!(
        leaves,
        [
            Leaf::AtMostOnce,
            Leaf::Versioned,
            Leaf::AtLeastOnce,
            Leaf::Coordinated
        ]
    );
    // The same engines, sinks and guarantees as the named scenario of this kind.
    let known = streamproof::sim::catalog::find("four-branches")
        .expect("a preset")
        .scenario();
    assert_eq!(plan.scenario.engine.kind, known.engine.kind);
    for (name, branch) in &known.branches {
        let mine = &plan.scenario.branches[name];
        assert_eq!(
            (mine.engine.kind, mine.sink.kind, &mine.from),
            (branch.engine.kind, branch.sink.kind, &branch.from),
            "{name}"
        );
        assert_eq!(
            mine.engine.consumer.commit, branch.engine.consumer.commit,
            "{name}"
        );
        assert_eq!(
            mine.sink.hudi.operation, branch.sink.hudi.operation,
            "{name}"
        );
        assert_eq!(mine.sink.hudi.ordering, branch.sink.hudi.ordering, "{name}");
    }
    assert_eq!(
        plan.scenario.engine.consumer.commit,
        known.engine.consumer.commit
    );
    let reports = plan.explorations.iter();
    let findings = Findings {
        run: Measures::default(),
        baseline: Measures::default(),
        reports: reports
            .map(|probe| explored(&plan.scenario, probe, 2, false))
            .collect(),
        alternatives: Vec::new(),
    };
    let kept = plan.kept(&findings);
    for kept in &kept {
        assert!(!kept.refuted, "{kept:?}");
    }
    // Analytics reads what an at-least-once segment writes, and promises no more by itself.
    let analytics: Vec<Guarantee> = kept
        .iter()
        .filter(|kept| kept.segment == "analytics")
        .map(|kept| kept.guarantee)
        .collect();
    assert_eq!(analytics, [Guarantee::AtLeastOnce; 2]);
    assert!(
        plan.risks
            .iter()
            .any(|(segment, risk)| segment == "analytics" && risk.contains("writes copies"))
    );
    // End to end three promise something, since others need a producer that sends again; by themselves all four do.
    assert_eq!(kept.len(), 7);
    assert!(
        plan.risks
            .iter()
            .any(|(segment, risk)| segment == "monitoring"
                && risk.contains("copies are in the topic"))
    );
}

#[test]
fn a_record_is_read_back_and_run_again_and_does_not_drift() {
    for answers in [
        format!("{LOSS} doubled=money sink=table"),
        format!("{VERSIONS} sink=table readers=feed"),
    ] {
        let plan = plan(&format!("{answers} fresh=second"));
        let findings = investigate(&plan);
        let text = record::markdown(&plan, &findings);
        // What people fill in at the end is theirs. Checking asks everything again, so one of the two is enough.
        let filled = format!("{text}- Ours\n");
        let record = match answers.starts_with(LOSS) {
            true => Record::check(&filled),
            false => Record::read(&filled),
        };
        let record = record.unwrap_or_else(|why| panic!("{why}\n{text}"));
        assert_eq!(record.plan, plan);
        assert_eq!(
            record.digest,
            Simulation::run(&record.scenario, Keep::LedgerOnly).digest
        );
        for heading in [
            "Answers",
            "Decision",
            "Settings",
            "Evidence",
            "Alternatives considered",
            "Residual risks",
            "Costs",
            "To run it again",
        ] {
            assert!(text.contains(&format!("\n## {heading}\n")), "{heading}");
        }
        let points = format!("{} crash points", findings.reports[0].points);
        assert!(text.contains(&points), "{points}");
        // A number, a setting or an answer that is changed is noticed.
        if answers.starts_with(LOSS) {
            let changed = text.replacen(&points, "9999 crash points", 1);
            let error = Record::check(&changed).expect_err("a count");
            assert!(error.contains("9999"), "{error}");
        }
        let changed = text.replacen("\"trigger\":300", "\"trigger\":299", 1);
        let error = Record::read(&changed).expect_err("a setting");
        assert!(error.contains("trigger"), "{error}");
        let changed = text.replacen("`doubled=money`", "`doubled=nothing`", 1);
        assert!(Record::read(&changed).is_err());
    }
    assert!(
        Record::read("# Nothing")
            .expect_err("nothing")
            .starts_with("the answers of this record: missing")
    );
}

#[test]
fn costs_are_measured_beside_a_baseline_of_the_same_seed() {
    let plan = plan(&format!("{BILLED} sink=table fresh=second"));
    assert_eq!(plan.baseline.seed, plan.scenario.seed);
    let (mine, baseline) = (run(&plan.scenario), run(&plan.baseline));
    let ratios = mine.against(&baseline);
    let find = |name: &str| {
        ratios
            .iter()
            .find(|ratio| ratio.name == name)
            .expect("it is measured")
    };
    // Three replicas instead of two.
    let records = find("records written by brokers")
        .times()
        .expect("something was written");
    assert!((1.4..1.6).contains(&records), "{records}");
    assert!(find("rows written to files").times().is_some());
    // A trigger that waits longer is fresher for nobody and commits less.
    let slow = run(&self::plan(&format!("{BILLED} sink=table fresh=minutes")).scenario);
    assert!(slow.commits < mine.commits && slow.p95_ms > mine.p95_ms);
}
