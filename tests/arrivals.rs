//! The learner's own arrivals from end to end: what the analysis computes is what replays and the simulator drop, the tables of
//! the course come out, and a slow but plain model of both engines agrees record by record.

use std::collections::BTreeMap;
use std::rc::Rc;
use streamproof::arrivals::curve::{Budget, LateCurve, with_delay};
use streamproof::arrivals::delay::Delays;
use streamproof::arrivals::models::{self, CLEAN, Delay, MOBILE, Model, Outage, Phase};
use streamproof::arrivals::pace::{Engine, Flink, OutputMode, Spark};
use streamproof::arrivals::ranks::{Percentile, percentiles};
use streamproof::arrivals::replay::{Config, Outcome, Replay};
use streamproof::arrivals::session::{Ask, Lab, Told};
use streamproof::arrivals::sla::Sla;
use streamproof::arrivals::strategy::Strategy;
use streamproof::arrivals::sweep::Sweep;
use streamproof::arrivals::windows::{Plan, Windows};
use streamproof::arrivals::{Arrival, Arrivals, scenario};
use streamproof::sim::trace::Fact;
use streamproof::sim::{Keep, Simulation};

fn model(delay: Delay, events: u32) -> Model {
    Model {
        seed: 11,
        events,
        every_us: 5_000,
        keys: 20,
        partitions: 6,
        zero_ms: 1_772_355_600_000,
        phases: vec![Phase { from_ms: 0, delay }],
        outage: None,
        skew_ms: 0,
        silence: None,
    }
}

fn windows(text: &str) -> Windows {
    Windows::parse(text).expect("windows")
}

fn fixed(delay_ms: u64) -> Strategy {
    Strategy::Fixed { delay_ms }
}

/// Every way of moving a watermark that the lab has.
fn engines() -> Vec<Engine> {
    let spark = Spark::default();
    let flink = Flink::default();
    vec![
        Engine::Spark(spark),
        Engine::Spark(Spark {
            no_data_batches: false,
            ..spark
        }),
        Engine::Spark(Spark {
            mode: OutputMode::Update,
            trigger_ms: 0,
            ..spark
        }),
        Engine::Flink(flink),
        Engine::Flink(Flink {
            interval_ms: 0,
            ..flink
        }),
        Engine::Flink(Flink {
            allowed_lateness_ms: 1_500,
            ..flink
        }),
        Engine::Flink(Flink {
            per_partition: true,
            ..flink
        }),
        Engine::Flink(Flink {
            per_partition: true,
            idle_ms: Some(700),
            ..flink
        }),
    ]
}

/// Half of the keys are cut off for three seconds, and catch up fast.
const OUTAGE: Outage = Outage {
    from_ms: 8_000,
    until_ms: 11_000,
    keys_ppm: 500_000,
    catch_up_ms: 500,
};

// ---- the analysis and the runs ----------------------------------------------------------------------------------------

#[test]
fn the_curve_drops_exactly_what_replays_drop_whatever_moves_the_watermark() {
    let arrivals = Rc::new(
        Model {
            outage: Some(OUTAGE),
            skew_ms: 300,
            ..model(MOBILE, 4_000)
        }
        .arrivals(),
    );
    for engine in engines() {
        for kind in ["tumbling:2s", "sliding:3s:700ms", "session:300ms"] {
            let config = Config {
                windows: windows(kind),
                engine,
                ..Config::default()
            };
            if config.validate().is_err() {
                continue;
            }
            let plan = Plan::new(&arrivals, config.windows, config.by_key);
            let curve = LateCurve::of(&arrivals, &plan, &config);
            for delay_ms in [0, 1, 333, 1_000, 2_500, 9_000, 70_000] {
                let run = Replay::run(&arrivals, with_delay(config, delay_ms));
                let expected = curve.late(delay_ms);
                if curve.exact {
                    assert_eq!(run.late, expected, "{}", run.config.name());
                } else {
                    assert!(run.late <= expected, "{}", run.config.name());
                }
            }
        }
    }
}

/// Rows of (event time, arrival) in ms, of three keys and two partitions.
fn listed(rows: &[(i64, i64)]) -> Rc<Arrivals> {
    let row = |(n, &(event_ms, at_ms)): (usize, &(i64, i64))| Arrival {
        event_us: event_ms * 1_000,
        at_us: at_ms * 1_000,
        key: n as u32 % 3,
        partition: n as u16 % 2,
    };
    let names = |count: usize| (0..count).map(|n| n.to_string()).collect();
    Rc::new(Arrivals::new(
        rows.iter().enumerate().map(row).collect(),
        names(3),
        names(2),
    ))
}

/// A sweep shares work between delays; each replay by itself does everything anew.
#[test]
fn what_a_sweep_shares_between_delays_changes_nothing() {
    let busy = Model {
        outage: Some(OUTAGE),
        skew_ms: 300,
        ..model(MOBILE, 3_000)
    };
    let spread: Vec<(i64, i64)> = (0..600)
        .map(|n| (n * 40 - (n * 7_919) % 3_000 + 5_000, n * 40 + 5_000))
        .collect();
    // Clocks that are years ahead, stand at 1970 or lie before it.
    let mut wrong = spread.clone();
    (wrong[100].0, wrong[200].0, wrong[300].0) = (9_000_000_000_000, 0, -5_000);
    let mut ahead = spread.clone();
    ahead[0].0 = 100_000;
    ahead[250].0 = 9_000_000;
    let mut lists = vec![
        Rc::new(busy.arrivals()),
        listed(&spread),
        listed(&wrong),
        listed(&ahead),
        listed(&spread[..1]),
        listed(&[]),
    ];
    for row in [spread, ahead] {
        let now = |(event_ms, at_ms)| (event_ms + 1_772_355_600_000, at_ms + 1_772_355_600_000);
        lists.push(listed(&row.into_iter().map(now).collect::<Vec<_>>()));
    }
    let kinds = [
        "tumbling:2s",
        "sliding:3s:700ms",
        "sliding:500ms:2s",
        "session:300ms",
    ];
    let mut late = 0;
    for arrivals in &lists {
        for engine in engines() {
            let mut configs = Vec::new();
            for (kind, by_key) in kinds
                .into_iter()
                .flat_map(|kind| [(kind, true), (kind, false)])
            {
                for delay_ms in [0, 1, 333, 2_500, 9_000, 70_000] {
                    configs.push(Config {
                        windows: windows(kind),
                        by_key,
                        engine,
                        strategy: fixed(delay_ms),
                        ..Config::default()
                    });
                }
            }
            configs.retain(|config| config.validate().is_ok());
            let judged = Sweep::run(arrivals, configs.clone(), Sla::default()).expect("valid");
            for (judged, config) in judged.into_iter().zip(configs) {
                let alone = Replay::run(arrivals, config);
                late += alone.late;
                assert_eq!(judged.outcome, alone, "{}", config.name());
            }
        }
    }
    assert!(late > 10_000, "{late}");
}

#[test]
fn the_smallest_delay_is_enough_and_a_millisecond_less_is_not() {
    let mut lab = Lab::default();
    lab.answer(Ask::Example {
        id: "phones".into(),
    });
    for engine in [
        Engine::Spark(Spark::default()),
        Engine::Flink(Flink::default()),
    ] {
        let config = Config {
            windows: windows("tumbling:5s"),
            engine,
            ..Config::default()
        };
        let told = lab.answer(Ask::Delay {
            config,
            late_ppm: 5_000,
        });
        let Told::Delay { answer, curve } = told else {
            panic!("{told:?}")
        };
        assert!(answer.is_confirmed(), "{answer:?}");
        assert!(answer.run.late_ppm <= 5_000);
        assert!(answer.one_less.expect("the delay is not 0").late_ppm > 5_000);
        assert!(curve.windows(2).all(|pair| pair[0].late >= pair[1].late));
        // Without a delay the P95 is lowest, and the share of late events highest.
        assert!(answer.floor.p95 < answer.run.p95 && answer.floor.late > 10 * answer.run.late);
    }
}

#[test]
fn the_budget_says_what_a_run_measures() {
    let arrivals = Rc::new(model(CLEAN, 40_000).arrivals());
    let delays = Delays::of(&arrivals);
    let spark = |mode| {
        Engine::Spark(Spark {
            mode,
            ..Spark::default()
        })
    };
    for (kind, delay_ms, engine) in [
        ("tumbling:10s", 10_000, spark(OutputMode::Append)),
        ("tumbling:5s", 3_000, spark(OutputMode::Append)),
        ("sliding:20s:5s", 4_000, spark(OutputMode::Append)),
        ("tumbling:10s", 5_000, Engine::Flink(Flink::default())),
        ("tumbling:5s", 5_000, spark(OutputMode::Update)),
    ] {
        let config = Config {
            windows: windows(kind),
            engine,
            strategy: fixed(delay_ms),
            ..Config::default()
        };
        let run = Replay::run(&arrivals, config);
        let budget = Budget::of(&config, delay_ms, delays.all.percentiles[2]).expect("no session");
        let Percentile::Micros(p95) = run.p95 else {
            panic!("{run:?}")
        };
        let (p95, total) = (p95 / 1_000, budget.total_ms as i64);
        // "Up to" two triggers: a run may be faster by one and a half, and a tenth of everything is left for the rest.
        assert!(
            p95 <= total + total / 10 && p95 >= total - total / 5,
            "{}: {p95} ms, budget {total} ms",
            config.name()
        );
    }
}

/// Curriculum 3.2: 200 records a second of 20 keys, profile mobile, a batch a second. Tolerances are a tenth and a half second
/// for times and 0.4 points for shares: the course's figures are of another draw of the same profile.
#[test]
fn the_table_of_the_course_comes_out() {
    let arrivals = Rc::new(model(MOBILE, 60_000).arrivals());
    for (size_ms, delay_ms, mode, late, p95, state) in [
        (10_000, 10_000, OutputMode::Append, 0.94, 21.8, 59),
        (5_000, 5_000, OutputMode::Append, 1.24, 12.1, 60),
        (5_000, 3_000, OutputMode::Append, 2.1, 10.1, 40),
        (2_000, 4_000, OutputMode::Append, 2.0, 8.2, 79),
        (2_000, 5_000, OutputMode::Append, 1.55, 9.2, 80),
        // The course's plan has 27.6 here: docs/fidelity.md says why this is not what Spark does.
        (2_000, 0, OutputMode::Append, 11.9, 4.2, 39),
        (2_000, 120_000, OutputMode::Append, 0.0, 124.0, 1_239),
        (5_000, 10_000, OutputMode::Update, 0.95, 4.6, 80),
    ] {
        let config = Config {
            windows: Windows::Tumbling { size_ms },
            engine: Engine::Spark(Spark {
                mode,
                ..Spark::default()
            }),
            strategy: fixed(delay_ms),
            ..Config::default()
        };
        let run = Replay::run(&arrivals, config);
        let Percentile::Micros(measured) = run.p95 else {
            panic!("{run:?}")
        };
        let (measured, share) = (
            measured as f64 / 1_000_000.0,
            f64::from(run.late_ppm) / 10_000.0,
        );
        let what = format!(
            "{}: late {share} %, P95 {measured} s, {} rows",
            config.name(),
            run.state_peak
        );
        assert!((share - late).abs() < 0.4, "{what}");
        assert!((measured - p95).abs() < p95 / 10.0 + 0.5, "{what}");
        assert!(run.state_peak.abs_diff(state) <= 21 + state / 10, "{what}");
        if late > 0.0 {
            assert!(run.p95_honest >= run.p95);
        }
    }
}

/// Windows of 5 s in Flink, under a strategy.
fn under(arrivals: &Rc<Arrivals>, strategy: Strategy) -> Outcome {
    let engine = Engine::Flink(Flink::default());
    let config = Config {
        windows: windows("tumbling:5s"),
        engine,
        strategy,
        ..Config::default()
    };
    Replay::run(arrivals, config)
}

/// Curriculum 3.4, the mobile phase alone: a high quantile chases the tail. Only the order is compared: the course's figures are
/// of batches a second apart and of a slack by delay, where here watermarks move each 200 ms and the slack is by disorder.
#[test]
fn a_high_quantile_chases_the_tail() {
    let arrivals = Rc::new(model(MOBILE, 60_000).arrivals());
    let percentile = |quantile_ppm| Strategy::percentile(quantile_ppm, 2_000);
    let runs = [
        percentile(950_000),
        fixed(5_000),
        percentile(990_000),
        percentile(999_000),
    ]
    .map(|strategy| under(&arrivals, strategy));
    for pair in runs.windows(2) {
        let (less, more) = (&pair[0], &pair[1]);
        let what = format!("{} and {}", less.config.name(), more.config.name());
        assert!(less.late > more.late, "late: {what}");
        assert!(less.p95 < more.p95, "P95: {what}");
    }
}

/// Curriculum 3.4: what adapts gains in the calm and pays after the outage, for as long as its memory lasts.
#[test]
fn adaptive_delays_gain_in_the_calm_and_pay_after_an_outage() {
    let mixed = Model {
        phases: vec![
            Phase {
                from_ms: 0,
                delay: CLEAN,
            },
            Phase {
                from_ms: 100_000,
                delay: MOBILE,
            },
        ],
        outage: Some(Outage {
            from_ms: 200_000,
            until_ms: 230_000,
            keys_ppm: 500_000,
            catch_up_ms: 5_000,
        }),
        ..model(CLEAN, 60_000)
    };
    let arrivals = Rc::new(mixed.arrivals());
    let runs = [
        fixed(5_000),
        fixed(15_000),
        Strategy::percentile(970_000, 1_000),
        Strategy::percentile(970_000, 10_000),
        Strategy::percentile(990_000, 2_000),
        Strategy::KSlack { memory: None },
        Strategy::quality(20_000),
    ]
    .map(|strategy| under(&arrivals, strategy));
    let told = runs.iter().map(|run| {
        let (p50, p95) = (run.p50.text(), run.p95.text());
        format!(
            "{}: {} late, P50 {p50}, P95 {p95}, {} rows\n",
            run.config.name(),
            run.late,
            run.state_peak
        )
    });
    let told: String = told.collect();
    let [five, fifteen, short, long, high, slack, quality] = runs;
    assert!(short.p50 < five.p50 && short.p95 < fifteen.p95, "\n{told}");
    assert!(
        long.p95 > short.p95,
        "the memory decides for how long the outage is paid for\n{told}"
    );
    assert!(
        high.late < five.late && high.p95 > fifteen.p95 && high.state_peak > fifteen.state_peak,
        "\n{told}"
    );
    assert!(
        slack.late < high.late && slack.p95 > high.p95,
        "one outlier makes K-slack wait for good\n{told}"
    );
    assert!(quality.late_ppm < five.late_ppm + 20_000, "\n{told}");
}

/// Flink, a partition that gets stuck and comes back with a backlog: all results wait, or the backlog is dropped.
#[test]
fn idleness_lets_results_out_and_drops_what_a_stuck_partition_brings_later() {
    let example = models::example("fleet").expect("there is one");
    let arrivals = Rc::new((example.model)().arrivals());
    let run = |idle_ms| {
        let flink = Flink {
            per_partition: true,
            idle_ms,
            ..Flink::default()
        };
        let config = Config {
            windows: windows("tumbling:5s"),
            engine: Engine::Flink(flink),
            strategy: fixed(3_000),
            ..Config::default()
        };
        Replay::run(&arrivals, config)
    };
    let (held, let_out) = (run(None), run(Some(1_000)));
    assert!(
        held.late < let_out.late,
        "{} and {}",
        held.late,
        let_out.late
    );
    assert!(held.fresh_p95 > let_out.fresh_p95);
    assert!(held.state_peak > let_out.state_peak);
}

#[test]
fn a_sweep_judges_by_the_promise_and_finds_what_nothing_beats() {
    let mut lab = Lab::default();
    lab.answer(Ask::Example {
        id: "phones".into(),
    });
    let sla = Sla::parse("p95 < 10s, late < 1.8%, state < 200").expect("a promise");
    let config = |kind| Config {
        windows: windows(kind),
        ..Config::default()
    };
    let configs = vec![config("tumbling:10s"), config("tumbling:2s")];
    let told = lab.answer(Ask::SweepDelays {
        configs,
        each: 25,
        sla,
    });
    let Told::Swept(judged) = told else {
        panic!("{told:?}")
    };
    let kept: Vec<&Outcome> = judged
        .iter()
        .filter(|judged| judged.misses.is_empty())
        .map(|judged| &judged.outcome)
        .collect();
    // The course's conclusion: windows of 2 s can keep it, windows of 10 s cannot.
    assert!(!kept.is_empty());
    assert!(
        kept.iter()
            .all(|outcome| outcome.config.windows == windows("tumbling:2s"))
    );
    let frontier: Vec<&Outcome> = judged
        .iter()
        .filter(|judged| judged.on_frontier)
        .map(|judged| &judged.outcome)
        .collect();
    assert!(frontier.len() > 2);
    for judged in &judged {
        let outcome = &judged.outcome;
        let beaten = frontier.iter().any(|best| {
            best.p95 <= outcome.p95
                && best.late <= outcome.late
                && best.state_peak <= outcome.state_peak
        });
        assert!(
            beaten,
            "whatever is not on the frontier is beaten by something on it"
        );
    }
}

#[test]
fn progress_grows_and_a_new_request_takes_the_place_of_the_old_one() {
    let mut lab = Lab::default();
    assert!(matches!(
        lab.answer(Ask::Sweep {
            configs: vec![],
            sla: Sla::default()
        }),
        Told::Refused(_)
    ));
    lab.answer(Ask::Example { id: "plant".into() });
    // Sessions are played record by record; what other windows need is worked out for all delays at once.
    let session = Config {
        windows: windows("session:300ms"),
        ..Config::default()
    };
    let configs = vec![session; 3];
    assert_eq!(
        lab.ask(Ask::Sweep {
            configs: configs.clone(),
            sla: Sla::default()
        }),
        None
    );
    let mut before = 0;
    for _ in 0..10 {
        let Some(Told::Progress(progress)) = lab.advance(7_000) else {
            panic!("not done yet")
        };
        assert!(progress.done > before && progress.total == 180_000);
        before = progress.done;
    }
    assert_eq!(
        lab.ask(Ask::Sweep {
            configs: configs[..1].to_vec(),
            sla: Sla::default()
        }),
        None
    );
    let mut last = None;
    while let Some(told) = lab.advance(7_000) {
        last = Some(told);
    }
    let Some(Told::Swept(judged)) = last else {
        panic!("{last:?}")
    };
    let arrivals = lab.arrivals().expect("loaded");
    assert_eq!(
        judged,
        Sweep::run(arrivals, vec![session], Sla::default()).expect("valid")
    );
}

// ---- the simulator ----------------------------------------------------------------------------------------------------

/// The same arrivals through brokers, micro-batches and a table: what is late, which windows come out with how many records, how
/// many rows are held and how many batches run must be what the replay says. Arrivals keep away from the start of a batch by
/// 300 ms, which is more than the network and the broker need.
#[test]
fn the_simulator_drops_holds_and_emits_what_a_replay_does() {
    let mut late_in_all = 0;
    let (append, update) = (OutputMode::Append, OutputMode::Update);
    for (delay, kind, by_key, mode, delay_ms) in [
        (CLEAN, "tumbling:2s", false, append, 0),
        (CLEAN, "tumbling:1s", true, append, 700),
        (MOBILE, "tumbling:2s", true, append, 1_500),
        (MOBILE, "tumbling:5s", false, append, 0),
        (CLEAN, "tumbling:1s", true, update, 0),
        (CLEAN, "sliding:2s:700ms", false, append, 0),
        (MOBILE, "sliding:3s:1s", true, append, 300),
        (CLEAN, "session:400ms", true, append, 0),
        (MOBILE, "session:80ms", false, append, 500),
    ] {
        let drawn = Model {
            every_us: 60_000,
            ..model(delay, 300)
        }
        .arrivals();
        let away = |row: &Arrival| {
            let into = row.at_us.rem_euclid(1_000_000);
            Arrival {
                at_us: row.at_us - into + 100_000 + into * 6 / 10,
                ..*row
            }
        };
        let rows = drawn.rows().iter().map(away).collect();
        let arrivals = Rc::new(Arrivals::new(
            rows,
            drawn.keys.clone(),
            drawn.partitions.clone(),
        ));
        let config = Config {
            windows: windows(kind),
            by_key,
            engine: Engine::Spark(Spark {
                mode,
                ..Spark::default()
            }),
            strategy: fixed(delay_ms),
            processing_ms: 0,
            ..Config::default()
        };
        let replay = Replay::run(&arrivals, config);
        let scenario = scenario::of(&arrivals, &config).expect("the simulator has it");
        let run = Simulation::run(&scenario, Keep::Trace);
        let what = config.name();
        assert_eq!(u64::from(run.verdict.counts.src), replay.events, "{what}");
        assert_eq!(
            u64::from(run.verdict.counts.late),
            replay.late,
            "late: {what}"
        );
        assert_eq!(
            u64::from(run.verdict.counts.delivered),
            replay.delivered,
            "delivered: {what}"
        );
        assert_eq!(
            u64::from(run.verdict.counts.pending),
            replay.pending,
            "pending: {what}"
        );
        assert_eq!(
            u64::from(run.verdict.state_peak),
            replay.state_peak,
            "state: {what}"
        );
        assert_eq!(
            u64::from(run.verdict.state_end),
            replay.state_end,
            "state at the end: {what}"
        );
        if mode == append {
            assert_eq!(
                u64::from(run.verdict.rows),
                replay.emitted,
                "windows: {what}"
            );
        }
        late_in_all += replay.late;
        // The delays of the arrivals are those of the trace.
        let trace = run.trace.expect("kept");
        let zero_us = scenario.workload.zero_ms * 1_000;
        let mut delays: Vec<i64> = trace
            .events
            .iter()
            .filter_map(|event| match event.fact {
                Fact::Emitted { event_time, .. } => {
                    Some(zero_us + event.at.micros() as i64 - event_time.ms() * 1_000)
                }
                _ => None,
            })
            .collect();
        delays.sort_unstable();
        let told = percentiles(&delays, &[500_000, 950_000, 990_000]);
        let computed = Delays::of(&arrivals).all.percentiles;
        for (told, computed) in told
            .into_iter()
            .zip([computed[0], computed[2], computed[3]])
        {
            // Engines cut event time down to milliseconds.
            assert!(
                (0..1_000).contains(&(told - computed)),
                "{told} and {computed}: {what}"
            );
        }
        // Results take as long as the replay says and a batch's work on top; never less.
        for (simulated, replayed) in run
            .verdict
            .latency
            .into_iter()
            .zip([replay.p50, replay.p95, replay.p99])
        {
            let (Some(simulated), Percentile::Micros(replayed)) = (simulated.ms(), replayed) else {
                panic!("{what}")
            };
            let work = simulated - replayed as f64 / 1_000.0;
            assert!((-1.0..400.0).contains(&work), "{work} ms of work: {what}");
        }
    }
    assert!(late_in_all > 20, "the test compares late records");
}

// ---- a plain model ----------------------------------------------------------------------------------------------------

/// What a replay is held against: one record at a time, windows in a map, no layout and no tricks.
struct PlainModel {
    windows: Windows,
    lateness: i64,
    /// The watermark plus 1, in ms.
    closed: i64,
    /// (key, start, end) and the records in it.
    open: BTreeMap<(u32, i64, i64), Vec<usize>>,
    fired: BTreeMap<(u32, i64, i64), bool>,
    late: Vec<usize>,
    seen: BTreeMap<usize, i64>,
    emitted: u64,
}

impl PlainModel {
    fn assign(windows: Windows, event: i64) -> Vec<(i64, i64)> {
        match windows {
            Windows::Tumbling { size_ms } => PlainModel::assign(
                Windows::Sliding {
                    size_ms,
                    slide_ms: size_ms,
                },
                event,
            ),
            Windows::Session { gap_ms } => vec![(event, event + gap_ms as i64)],
            Windows::Sliding { size_ms, slide_ms } => {
                let newest = event.div_euclid(slide_ms as i64) * slide_ms as i64;
                let starts = (0..200).map(|n| newest - n * slide_ms as i64);
                starts
                    .map(|start| (start, start + size_ms as i64))
                    .filter(|window| window.0 <= event && event < window.1)
                    .collect()
            }
        }
    }

    /// Flink's window operator takes a record.
    fn record(&mut self, index: usize, row: &Arrival) {
        let key = row.key;
        let mut taken = false;
        for (mut start, mut end) in PlainModel::assign(self.windows, row.event_ms()) {
            let mut joined = Vec::new();
            if let Windows::Session { .. } = self.windows {
                while let Some(met) = self
                    .open
                    .keys()
                    .find(|w| w.0 == key && w.1 <= end && start <= w.2 && !joined.contains(*w))
                    .copied()
                {
                    joined.push(met);
                    (start, end) = (start.min(met.1), end.max(met.2));
                }
            }
            if end + self.lateness <= self.closed {
                continue;
            }
            taken = true;
            let window = (key, start, end);
            let mut content = Vec::new();
            for met in joined {
                content.extend(self.open.remove(&met).expect("found above"));
                self.fired.remove(&met);
            }
            let held = self.open.entry(window).or_default();
            held.extend(content);
            held.push(index);
            if end <= self.closed {
                self.fire(window, row.at_us);
            }
        }
        if !taken {
            self.late.push(index);
        }
    }

    fn fire(&mut self, window: (u32, i64, i64), now: i64) {
        self.emitted += 1;
        self.fired.insert(window, true);
        for &index in &self.open[&window] {
            self.seen.entry(index).or_insert(now);
        }
    }

    fn advance(&mut self, closed: i64, now: i64) {
        self.closed = closed;
        let due: Vec<(u32, i64, i64)> = self
            .open
            .keys()
            .filter(|window| window.2 <= closed && !self.fired.contains_key(window))
            .copied()
            .collect();
        for window in due {
            self.fire(window, now);
        }
        let lateness = self.lateness;
        self.open.retain(|window, _| window.2 + lateness > closed);
    }
}

#[test]
fn a_plain_model_of_the_window_operator_agrees_record_by_record() {
    let arrivals = Rc::new(
        Model {
            keys: 3,
            every_us: 40_000,
            ..model(MOBILE, 1_500)
        }
        .arrivals(),
    );
    for kind in ["tumbling:2s", "sliding:3s:700ms", "session:900ms"] {
        for (delay_ms, lateness) in [(0, 0), (1_000, 0), (0, 2_000), (500, 30_000)] {
            let mut plain = PlainModel {
                windows: windows(kind),
                lateness,
                closed: i64::MIN / 4,
                open: BTreeMap::new(),
                fired: BTreeMap::new(),
                late: Vec::new(),
                seen: BTreeMap::new(),
                emitted: 0,
            };
            let mut highest = i64::MIN / 4;
            for (index, row) in arrivals.rows().iter().enumerate() {
                plain.record(index, row);
                highest = highest.max(row.event_ms());
                let closed = plain.closed.max(highest - delay_ms);
                plain.advance(closed, row.at_us);
            }
            let flink = Flink {
                interval_ms: 0,
                allowed_lateness_ms: lateness as u64,
                ..Flink::default()
            };
            let config = Config {
                windows: windows(kind),
                by_key: true,
                engine: Engine::Flink(flink),
                strategy: fixed(delay_ms as u64),
                processing_ms: 0,
                row_bytes: 1,
            };
            let run = Replay::run(&arrivals, config);
            let what = run.config.name();
            assert_eq!(run.late, plain.late.len() as u64, "late: {what}");
            assert_eq!(run.emitted, plain.emitted, "emitted: {what}");
            assert_eq!(run.delivered, plain.seen.len() as u64, "delivered: {what}");
            assert_eq!(run.state_end, plain.open.len() as u64, "rows: {what}");
            let mut latencies: Vec<i64> = plain
                .seen
                .iter()
                .map(|(&index, &at)| at - arrivals.rows()[index].event_us)
                .collect();
            latencies.sort_unstable();
            let expected = percentiles(&latencies, &[500_000, 950_000, 990_000]);
            let expected: Vec<Percentile> = expected.into_iter().map(Percentile::Micros).collect();
            assert_eq!(expected, [run.p50, run.p95, run.p99], "{what}");
        }
    }
}
