//! Configurations side by side on the same arrivals: strategies, windows, and the sweep. Each is held against the contract.

use super::axes::{self, percent};
use super::client::Errand;
use super::desk::{Action, Desk};
use super::plots::{Scrolled, choose, short_name};
use crate::app::files::save;
use crate::arrivals::pace::{Engine, Flink};
use crate::arrivals::replay::Config;
use crate::arrivals::strategy::Strategy;
use crate::arrivals::sweep::Judged;
use crate::arrivals::windows::Windows;
use yew::{Callback, Html, MouseEvent, Properties, UseReducerHandle, component, html, use_state};

/// What the star in the tables says.
const BEST: &str = "★ nothing here is better in P95, late events and state at once.";

/// What each strategy is like with the settings as they are: fixed delays as both engines take them, and adaptive ones of a
/// generator of one's own in Flink.
pub fn strategies(config: &Config, late_ppm: u32) -> Vec<Config> {
    let delay_ms = match config.strategy {
        Strategy::Fixed { delay_ms } => delay_ms,
        _ => 5_000,
    };
    let fixed = Strategy::Fixed { delay_ms };
    let flink = match config.engine {
        Engine::Flink(flink) => Flink {
            per_partition: false,
            idle_ms: None,
            allowed_lateness_ms: 0,
            ..flink
        },
        Engine::Spark(_) => Flink::default(),
    };
    let spark = match config.engine {
        Engine::Spark(spark) => spark,
        Engine::Flink(_) => crate::arrivals::pace::Spark::default(),
    };
    let with = |engine: Engine, strategy: Strategy| Config {
        engine,
        strategy,
        ..*config
    };
    let one = |strategy| with(Engine::Flink(flink), strategy);
    let by_partition = Flink {
        per_partition: true,
        ..flink
    };
    let idle = Flink {
        idle_ms: Some(10_000),
        interval_ms: flink.interval_ms.max(1),
        ..by_partition
    };
    let lateness = Flink {
        allowed_lateness_ms: 10_000,
        ..flink
    };
    let mut all = Vec::new();
    // Spark refuses sessions in update mode.
    if with(Engine::Spark(spark), fixed).validate().is_ok() {
        all.push(with(Engine::Spark(spark), fixed));
    }
    all.extend([
        one(fixed),
        with(Engine::Flink(by_partition), fixed),
        with(Engine::Flink(idle), fixed),
        with(Engine::Flink(lateness), fixed),
        one(Strategy::percentile(950_000, 2_000)),
        one(Strategy::percentile(990_000, 2_000)),
        one(Strategy::KSlack {
            memory: Some(2_000),
        }),
        one(Strategy::KSlack { memory: None }),
        one(Strategy::quality(late_ppm)),
    ]);
    if !all.contains(config) {
        all.push(*config);
    }
    all
}

/// The three kinds of windows, as long as the one that is chosen.
pub fn windows(config: &Config) -> Vec<Config> {
    let size_ms = config.windows.longest_ms();
    let kinds = [
        Windows::Tumbling { size_ms },
        Windows::Sliding {
            size_ms,
            slide_ms: (size_ms / 2).max(1),
        },
        Windows::Sliding {
            size_ms,
            slide_ms: (size_ms / 6).max(1),
        },
        Windows::Session { gap_ms: size_ms },
    ];
    let mut all: Vec<Config> = kinds
        .into_iter()
        .map(|windows| Config { windows, ..*config })
        .filter(|config| config.validate().is_ok())
        .collect();
    if !all.contains(config) {
        all.push(*config);
    }
    all
}

/// Fifty: five lengths of the chosen window, ten delays of the delay distribution, and the chosen one.
pub fn sweep(config: &Config, ecdf: &[(u32, i64)]) -> Vec<Config> {
    const SHARES: [u32; 9] = [
        500_000, 800_000, 900_000, 950_000, 960_000, 970_000, 980_000, 990_000, 1_000_000,
    ];
    let mut delays = vec![0];
    for share in SHARES {
        let found = ecdf.iter().find(|point| point.0 >= share);
        delays.extend(found.map(|point| (point.1.max(0) / 1_000) as u64));
    }
    // Delays that are nearly round are easier to talk about.
    for delay in &mut delays {
        let step = match *delay {
            0..1_000 => 50,
            1_000..10_000 => 250,
            10_000..60_000 => 1_000,
            _ => 5_000,
        };
        *delay = delay.next_multiple_of(step);
    }
    delays.dedup();
    let scaled = |ms: u64, by: u64| (ms * by / 4).max(1);
    let mut all = Vec::new();
    for by in [2, 4, 8, 12, 20] {
        let windows = match config.windows {
            Windows::Tumbling { size_ms } => Windows::Tumbling {
                size_ms: scaled(size_ms, by),
            },
            Windows::Sliding { size_ms, slide_ms } => Windows::Sliding {
                size_ms: scaled(size_ms, by),
                slide_ms: scaled(slide_ms, by),
            },
            Windows::Session { gap_ms } => Windows::Session {
                gap_ms: scaled(gap_ms, by),
            },
        };
        for &delay_ms in &delays {
            let strategy = Strategy::Fixed { delay_ms };
            let tried = Config {
                windows,
                strategy,
                ..*config
            };
            all.extend(tried.validate().is_ok().then_some(tried));
        }
    }
    if !all.contains(config) {
        all.push(*config);
    }
    all
}

#[derive(Properties, PartialEq)]
pub struct TabProps {
    pub desk: UseReducerHandle<Desk>,
    pub on_run: Callback<Errand>,
}

/// Whether what is shown was worked out for other settings.
fn stale(desk: &Desk, of: &Config, free: fn(Config) -> Config) -> bool {
    free(*of) != free(desk.settings.config)
}

fn old(is_old: bool, run: Callback<MouseEvent>) -> Html {
    if is_old {
        html! { <p class="stale">{ "The settings have changed since. " }<button class="btn" onclick={run}>{ "Run again" }</button></p> }
    } else {
        html! {}
    }
}

fn running(desk: &Desk, errand: Errand) -> Html {
    if desk.busy.is_some_and(|busy| busy.0 == errand) {
        html! { <p class="waiting">{ "At it: the header says how far." }</p> }
    } else {
        html! { <p class="waiting">{ "Not run." }</p> }
    }
}

#[component]
pub fn Strategies(props: &TabProps) -> Html {
    let TabProps { desk, on_run } = props;
    let run = {
        let on_run = on_run.clone();
        Callback::from(move |_: MouseEvent| on_run.emit(Errand::Strategies))
    };
    let Some(many) = &desk.strategies else {
        return running(desk, Errand::Strategies);
    };
    html! {
        <div class="analysis" id="strategies">
            { old(stale(desk, &many.of, |config| config), run) }
            <p>{ "The same arrivals and windows under each. Spark judges by one watermark over all partitions, fixed by the batch before; percentile, K-slack and quality-driven need a WatermarkGenerator of one's own in Flink. What Flink drops goes to the side output, if the job has one: the same number." }</p>
            <Table desk={desk.clone()} judged={many.judged.to_vec()} by={By::Strategy} />
            <p class="note">{ BEST }</p>
        </div>
    }
}

#[component]
pub fn WindowKinds(props: &TabProps) -> Html {
    let TabProps { desk, on_run } = props;
    let run = {
        let on_run = on_run.clone();
        Callback::from(move |_: MouseEvent| on_run.emit(Errand::Windows))
    };
    let Some(many) = &desk.windows else {
        return running(desk, Errand::Windows);
    };
    html! {
        <div class="analysis" id="windows">
            { old(stale(desk, &many.of, |config| config), run) }
            <p>{ "State is rows held at most; memory is rows times the bytes that a row is said to take. Fresh is from the end of a window to its result. An update replaces a result: a changelog retracts the one before, an append-only sink doubles it." }</p>
            <Table desk={desk.clone()} judged={many.judged.to_vec()} by={By::Windows} />
            <p class="note">{ BEST }</p>
        </div>
    }
}

#[component]
pub fn SweepTab(props: &TabProps) -> Html {
    let TabProps { desk, on_run } = props;
    let all = use_state(|| false);
    let run = {
        let on_run = on_run.clone();
        Callback::from(move |_: MouseEvent| on_run.emit(Errand::Sweep))
    };
    let toggle = {
        let all = all.clone();
        Callback::from(move |_| all.set(!*all))
    };
    let Some(many) = &desk.sweep else {
        return html! {
            <div class="analysis" id="sweep">
                <p>{ "Five lengths of the window, ten delays of the delay distribution: which of them keep the contract, and what does nothing beat?" }</p>
                <p><button class="btn primary" id="run-sweep" onclick={run} disabled={desk.loaded.is_none()}>{ "Sweep 50 settings" }</button></p>
                if desk.busy.is_some_and(|busy| busy.0 == Errand::Sweep) { { running(desk, Errand::Sweep) } }
            </div>
        };
    };
    let sla = &desk.settings.sla;
    let mut judged: Vec<Judged> = many.judged.to_vec();
    for judged in &mut judged {
        judged.misses = sla.misses(&judged.outcome);
    }
    let kept = judged
        .iter()
        .filter(|judged| judged.misses.is_empty())
        .count();
    let shown: Vec<Judged> = judged
        .iter()
        .filter(|judged| {
            *all || judged.on_frontier || judged.misses.is_empty() && !sla.0.is_empty()
        })
        .cloned()
        .collect();
    let csv = {
        let judged = judged.clone();
        Callback::from(move |_| save("streamproof-sweep.csv", "text/csv", &csv(&judged)))
    };
    // Windows and delay are what is swept.
    let others = |config: Config| Config {
        windows: Windows::Tumbling { size_ms: 1 },
        strategy: Strategy::Fixed { delay_ms: 0 },
        ..config
    };
    html! {
        <div class="analysis" id="sweep">
            { old(stale(desk, &many.of, others), run.clone()) }
            <p class="row"><b id="kept">{ match (kept, sla.0.is_empty()) { (_, true) => "There is no contract.".to_string(), (kept, _) => format!("{kept} of {} settings keep {}.", judged.len(), sla.words()) } }</b>
                <button class="btn" onclick={toggle} aria-pressed={all.to_string()}>{ if *all { "Only the best" } else { "All of them" } }</button>
                <button class="btn" onclick={csv}>{ "CSV" }</button>
                <button class="btn" id="run-sweep" onclick={run}>{ "Sweep again" }</button>
            </p>
            <Table desk={desk.clone()} judged={shown} by={By::Both} />
            <p class="note">{ BEST }</p>
        </div>
    }
}

/// The numbers of a sweep; all but the names are numbers, and no name begins with a formula's sign.
fn csv(judged: &[Judged]) -> String {
    let mut text = String::from(
        "windows,strategy,late_ppm,p50,p95,p95_honest,fresh_p95,state_peak,memory_bytes,emitted,updates,keeps\n",
    );
    for judged in judged {
        let run = &judged.outcome;
        text += &format!(
            "\"{}\",\"{}\",{},{},{},{},{},{},{},{},{},{}\n",
            run.config.windows.name(),
            run.config.strategy.name(),
            run.late_ppm,
            run.p50.text(),
            run.p95.text(),
            run.p95_honest.text(),
            run.fresh_p95.text(),
            run.state_peak,
            run.memory_bytes,
            run.emitted,
            run.updates,
            judged.misses.is_empty()
        );
    }
    text
}

/// A strategy for the eye: round numbers.
fn strategy_name(strategy: &Strategy) -> String {
    match *strategy {
        Strategy::Fixed { delay_ms } => format!("fixed {}", axes::exact(delay_ms)),
        Strategy::Percentile {
            quantile_ppm,
            memory,
            ..
        } => format!("percentile {}, memory {memory}", percent(quantile_ppm)),
        Strategy::Quality { late_ppm, .. } => format!("quality-driven, late {}", percent(late_ppm)),
        Strategy::KSlack { .. } => strategy.name(),
    }
}

/// What the first column names.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Strategy,
    Windows,
    Both,
}

#[derive(Properties, PartialEq)]
struct TableProps {
    desk: UseReducerHandle<Desk>,
    judged: Vec<Judged>,
    by: By,
}

/// One configuration a row; a press chooses it.
#[component]
fn Table(props: &TableProps) -> Html {
    let TableProps { desk, judged, by } = props;
    let sla = &desk.settings.sla;
    let heads = [
        "",
        "late",
        "P50",
        "P95",
        "honest P95",
        "fresh P95",
        "state",
        "memory",
        "emitted",
        "updates",
        "contract",
        "",
    ];
    let name = |config: &Config| match by {
        By::Both => short_name(config),
        By::Windows => match config.windows {
            Windows::Tumbling { size_ms } => format!("tumbling {}", axes::exact(size_ms)),
            Windows::Sliding { size_ms, slide_ms } => format!(
                "sliding {} by {}",
                axes::exact(size_ms),
                axes::exact(slide_ms)
            ),
            Windows::Session { gap_ms } => format!("session, gap {}", axes::exact(gap_ms)),
        },
        By::Strategy => {
            let engine = match config.engine {
                Engine::Spark(_) => "Spark".to_string(),
                Engine::Flink(flink) => {
                    let mut words = String::from("Flink");
                    if flink.per_partition {
                        words += ", by partition";
                    }
                    if let Some(idle_ms) = flink.idle_ms {
                        words += &format!(", idle {}", axes::exact(idle_ms));
                    }
                    if flink.allowed_lateness_ms > 0 {
                        words += &format!(
                            ", allowed lateness {}",
                            axes::exact(flink.allowed_lateness_ms)
                        );
                    }
                    words
                }
            };
            format!("{engine}: {}", strategy_name(&config.strategy))
        }
    };
    html! {
        <Scrolled><table class="configs">
            <thead><tr>{ for heads.map(|head| html! { <th scope="col">{ head }</th> }) }</tr></thead>
            <tbody>{ for judged.iter().map(|judged| {
                let run = &judged.outcome;
                let misses = sla.misses(run);
                let chosen = run.config == desk.settings.config;
                let choose = { let choose = choose(desk, run.config); Callback::from(move |_| choose.emit(())) };
                html! {
                    <tr data-chosen={chosen.to_string()} data-kept={(misses.is_empty() && !sla.0.is_empty()).to_string()}>
                        <th scope="row">{ name(&run.config) }if judged.on_frontier { { " ★" } }</th>
                        <td>{ percent(run.late_ppm) }</td><td>{ axes::percentile(run.p50) }</td><td>{ axes::percentile(run.p95) }</td><td>{ axes::percentile(run.p95_honest) }</td><td>{ axes::percentile(run.fresh_p95) }</td>
                        <td>{ axes::count(run.state_peak) }</td><td>{ axes::bytes(run.memory_bytes) }</td><td>{ axes::count(run.emitted) }</td><td>{ axes::count(run.updates) }</td>
                        <td class="judged">{ match (sla.0.is_empty(), misses.is_empty()) { (true, _) => "none".to_string(), (_, true) => "kept".to_string(), _ => misses.iter().map(|miss| format!("✗ {}", miss.promise.metric.name())).collect::<Vec<_>>().join(" ") } }</td>
                        <td>if chosen { { "chosen" } } else { <button class="link" onclick={choose} aria-label={format!("Choose {}", name(&run.config))}>{ "choose" }</button> }</td>
                    </tr>
                }
            }) }</tbody>
        </table></Scrolled>
    }
}

/// Opens a tab.
pub fn open(desk: &UseReducerHandle<Desk>, tab: super::desk::Tab) -> Callback<MouseEvent> {
    let desk = desk.clone();
    Callback::from(move |_| desk.dispatch(Action::Tab(tab)))
}
