//! The same scenario over many seeds: how duplicates, losses and the P95 are spread, and in which share of them a guarantee held.

use super::charts::Plot;
use super::glyphs::px;
use super::guarantee::Underway;
use super::stage::{Fit, OnStageProps};
use crate::app::head::Move;
use crate::app::lab::{Action, Beside};
use crate::app::many::{Asking, use_many};
use crate::app::plots::use_plots;
use crate::charts::{ChartKind, Question};
use crate::job::What;
use crate::plot::View as PlotView;
use crate::plot::spread::{self, Bar, Spread};
use crate::sim::Patch;
use crate::sim::compact::decimal;
use crate::sim::explore::seeds::{SeedReport, Share};
use crate::sim::kernel::Time;
use wasm_bindgen::JsCast;
use web_sys::HtmlSelectElement;
use yew::{Callback, Event, Html, component, html, use_memo, use_state_eq};

/// How many seeds may be asked for.
const CHOICES: [u32; 4] = [50, 200, 1_000, 5_000];

/// The spreads of a report, and in which bars a run of these values stands.
fn spreads(report: &SeedReport, here: Option<(u32, u32, Option<f64>)>) -> [Spread; 3] {
    let samples = &report.samples;
    let whole = |value: fn(&crate::sim::explore::seeds::Sample) -> u32| {
        let values: Vec<(u64, u32)> = samples.iter().map(|one| (one.seed, value(one))).collect();
        spread::whole(&values, 0)
    };
    let times: Vec<(u64, f64)> = samples
        .iter()
        .filter_map(|one| Some((one.seed, one.p95_ms?)))
        .collect();
    // The bar whose first value is not above this one.
    let at = |bars: &[Bar], value: f64| {
        let begins = |bar: &Bar| {
            let digits = bar.label.split('–').next().unwrap_or_default();
            decimal(digits).unwrap_or(f64::INFINITY)
        };
        let place = bars.partition_point(|bar| begins(bar) <= value);
        place.checked_sub(1).map(|place| place as u32)
    };
    let spread = |name: &str, unit: &str, bars: Vec<Bar>, value: Option<f64>| Spread {
        name: name.to_string(),
        unit: unit.to_string(),
        here: value.and_then(|value| at(&bars, value)),
        bars,
    };
    [
        spread(
            "duplicates",
            "",
            whole(|one| one.dup),
            here.map(|(dup, ..)| dup.into()),
        ),
        spread(
            "losses",
            "",
            whole(|one| one.lost),
            here.map(|(_, lost, _)| lost.into()),
        ),
        spread(
            "P95",
            " ms",
            spread::times(&times),
            here.and_then(|(.., p95)| p95),
        ),
    ]
}

/// "held in 188 of 200 seeds: 94.0 % (89.8 to 96.5 % at 95 % confidence)".
fn held(share: &Share) -> String {
    let percent = |part: f64| {
        let tenths = (part * 1000.0).round() as u32;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    let (low, high) = share.interval;
    let runs = share.of - share.runs;
    format!(
        "{runs} of {} seeds: {} % (95 % interval {} to {} %)",
        share.of,
        percent(f64::from(runs) / f64::from(share.of.max(1))),
        percent(1.0 - high),
        percent(1.0 - low)
    )
}

/// Asks, shows how far it is, and what came of it.
#[component]
pub fn Seeds(props: &OnStageProps) -> Html {
    let OnStageProps {
        view,
        width,
        fit,
        lab,
        head,
    } = props;
    let many = use_many();
    let plots = use_plots();
    let number = use_state_eq(|| CHOICES[1]);
    let under_way = many.is_asking(|what| matches!(what, What::Seeds(_)));
    let known = many.seeds.clone().filter(|known| {
        let mut now = lab.scenario.clone();
        now.seed = known.scenario.seed;
        now == known.scenario
    });
    let stale = many.seeds.is_some() && known.is_none();
    let verdict = &view.done.run.verdict;
    let own = (
        verdict.dup,
        verdict.counts.lost,
        verdict.metric("p95_honest"),
    );
    let told = {
        let plots = plots.clone();
        use_memo(
            (known.clone(), view.done.clone(), plots.clone()),
            move |(known, done, _)| {
                let report = &known.as_ref()?.found;
                let last = report.first.wrapping_add(u64::from(report.seeds));
                let inside = (report.first..last).contains(&done.scenario.seed);
                let spreads = spreads(report, inside.then_some(own));
                plots.tell(&Question::Spread(spreads.clone()));
                Some(spreads)
            },
        )
    };
    let ask = {
        let (many, lab, number) = (many.clone(), lab.clone(), *number);
        Callback::from(move |_| {
            let mut scenario = lab.scenario.clone();
            scenario.seed = lab.base.seed;
            many.dispatch(Asking::Ask(What::Seeds(number), Box::new(scenario)));
        })
    };
    let on_number = {
        let number = number.clone();
        Callback::from(move |event: Event| {
            let select: Option<HtmlSelectElement> =
                event.target().and_then(|target| target.dyn_into().ok());
            if let Some(chosen) = select.and_then(|select| select.value().parse().ok()) {
                number.set(chosen);
            }
        })
    };
    let open = {
        let (lab, head) = (lab.clone(), head.clone());
        Callback::from(move |seed: u64| {
            let patch = Patch::at(&["seed"], seed.into());
            lab.dispatch(Action::Patch(lab.patch.then(&patch)));
            head.dispatch(Move::Seek(Time::ZERO));
            lab.dispatch(Action::Run);
        })
    };
    let close = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Beside(Beside::Seeds)))
    };
    let each = match fit {
        Fit::Phone => f64::from((*width).max(320)) - 16.0,
        _ => (f64::from((*width).max(700)) - 18.0) / 3.0,
    };
    let height = if *fit == Fit::Lowest { 130 } else { 180 };
    html! {
        <section class="panel seeds" aria-label="The same scenario over many seeds">
            <header>
                <h2>{ "The same scenario over many seeds" }</h2>
                <label>{ "Seeds " }<select id="seeds-number" onchange={on_number}>
                    { for CHOICES.iter().map(|n| html! { <option value={n.to_string()} selected={n == &*number}>{ n }</option> }) }
                </select></label>
                if under_way { <Underway of="seeds" /> } else { <button class="btn primary" id="seeds-run" onclick={ask}>{ if known.is_some() { "Run again" } else { "Run them" } }</button> }
                <button class="btn quiet" onclick={close}>{ "Close" }<kbd>{ "Esc" }</kbd></button>
            </header>
            if let Some(problem) = &many.problem { <p class="problem" role="alert">{ problem.clone() }</p> }
            if let Some((known, spreads)) = known.zip((*told).clone()) {
                { report(&known.found, &open) }
                <div class="spreads">
                    { for ChartKind::SPREADS.into_iter().zip(spreads).map(|(chart, spread)| {
                        let plot_view = PlotView { playhead: 0, from: 0, to: 1, highlight: None, plot_left: 40, plot_right: 8, playhead_line: false };
                        let run = format!("{} seeds from {}", known.found.seeds, known.found.first);
                        // The picture is drawn anew when the report is another one.
                        let counts: Vec<String> = spread.bars.iter().map(|bar| bar.seeds.to_string()).collect();
                        html! { <div class="spread" key={format!("{} {}", chart.title(), counts.join(","))}>
                            <Plot {chart} plots={plots.clone()} {plot_view} width={each as u32} {height} zoom=1.0 run={run} seed={known.found.first} />
                            { over(&spread, each, f64::from(height), &open) }
                            { buttons(&spread, view.done.scenario.seed, &open) }
                        </div> }
                    }) }
                </div>
            } else if !under_way {
                <p class="hint">{ if stale { "The settings have changed since. Seeds of other settings say nothing about these." } else { "One seed is one story. Over many seeds the same settings show how often a guarantee falls: seeds refute, and if none does, nothing is proved." } }</p>
            }
        </section>
    }
}

/// In which share of the seeds each guarantee held.
fn report(report: &SeedReport, open: &Callback<u64>) -> Html {
    let rows = report
        .segments
        .iter()
        .take(1)
        .flat_map(|main| &main.refuted);
    html! {
        <ul class="shares" aria-label="Guarantees">{ for rows.map(|(guarantee, share)| {
            let first = share.first.map(|seed| {
                let open = open.clone();
                html! { <button class="link" data-refuting={seed.to_string()} onclick={Callback::from(move |_| open.emit(seed))}>{ format!("open seed {seed}, the first that refutes it") }</button> }
            });
            html! { <li data-guarantee={guarantee.name()} data-held={(share.runs == 0).to_string()}><b>{ guarantee.name() }</b>{ " held in " }{ held(share) }{ " " }{ for first }</li> }
        }) }</ul>
    }
}

/// The bars once more, to be pressed.
fn over(spread: &Spread, width: f64, height: f64, open: &Callback<u64>) -> Html {
    let bars = spread
        .bars
        .iter()
        .enumerate()
        .filter(|(_, bar)| bar.seeds > 0);
    html! {
        <svg class="spread-over" width={px(width)} height={px(height)} aria-hidden="true">
            { for bars.map(|(n, bar)| {
                let (x, wide) = spread::place(n, spread.bars.len(), width.floor());
                let (open, seed) = (open.clone(), bar.first);
                let tip = format!("{}{}: {} seeds. Opens seed {seed}.", bar.label, spread.unit, bar.seeds);
                html! { <rect x={px(x)} y={px(spread::TOP)} width={px(wide)} height={px((height - spread::TOP - 16.0).max(1.0))} data-seed={seed.to_string()} onclick={Callback::from(move |_| open.emit(seed))}><title>{ tip }</title></rect> }
            }) }
        </svg>
    }
}

/// The same as buttons.
fn buttons(spread: &Spread, shown: u64, open: &Callback<u64>) -> Html {
    let bars = spread.bars.iter().filter(|bar| bar.seeds > 0);
    html! {
        <ul class="spread-seeds" aria-label={format!("Open a seed by its {}", spread.name)}>{ for bars.map(|bar| {
            let (open, seed) = (open.clone(), bar.first);
            let label = format!("{}{} {}, {} seeds: open seed {seed}", bar.label, spread.unit, spread.name, bar.seeds);
            html! { <li><button class="btn" data-bad={bar.bad.to_string()} aria-pressed={(shown == seed).to_string()} title={label} onclick={Callback::from(move |_| open.emit(seed))}>{ format!("{}: seed {seed}", bar.label) }</button></li> }
        }) }</ul>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;
    use crate::sim::explore::seeds::Seeds as Work;

    #[test]
    fn every_seed_of_the_opening_scenario_is_in_a_bar_and_the_share_is_that_of_the_report() {
        let preset = catalog::find(catalog::OPENING).expect("there is one");
        let report = Work::run(&preset.scenario(), 12).expect("valid");
        assert_eq!(report.samples.len(), 12);
        let [dup, lost, p95] = spreads(&report, Some((1, 0, Some(1e9))));
        for spread in [&dup, &lost, &p95] {
            let seeds: u32 = spread.bars.iter().map(|bar| bar.seeds).sum();
            assert_eq!(seeds, 12, "{}", spread.name);
        }
        assert_eq!(dup.here, Some(1));
        assert_eq!(lost.here, Some(0));
        let doubled = report.samples.iter().filter(|one| one.dup > 0).count() as u32;
        let bad: u32 = dup
            .bars
            .iter()
            .filter(|bar| bar.bad)
            .map(|bar| bar.seeds)
            .sum();
        assert_eq!(bad, doubled);
        let main = &report.segments[0].refuted;
        let most = main.iter().find(|(one, _)| one.name() == "at-most-once");
        let (_, share) = most.expect("it is judged");
        assert_eq!(share.runs, doubled);
        assert!(held(share).starts_with(&format!("{} of 12 seeds", 12 - doubled)));
    }
}
