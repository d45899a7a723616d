//! The run on paper: scenario, what was changed, what came of it, picture and plots, and the way back to it.

use super::diagram::Diagram;
use super::qr::Qr;
use super::scene::planned_when;
use super::stage::{View, summary};
use crate::app::hooks::use_print;
use crate::app::lab::Lab;
use crate::app::link::address;
use crate::app::plots::{Plots, use_plots};
use crate::charts::{ChartKind, Percentile, Question};
use crate::plot::View as PlotView;
use crate::replay::explain::{seconds, strike};
use crate::replay::series::Series;
use crate::sim::control;
use yew::{Callback, Html, Properties, UseReducerHandle, component, html, use_memo};

#[derive(Properties, Clone, PartialEq)]
pub struct RunSheetProps {
    pub view: View,
    pub lab: UseReducerHandle<Lab>,
    /// Opens the browser's print dialog once the sheet is there.
    pub prints: bool,
}

/// What fits on two pages.
const CHARTS: [ChartKind; 4] = [
    ChartKind::Outcomes,
    ChartKind::Lag,
    ChartKind::Clocks,
    ChartKind::Latency,
];
/// How many CSS px a chart is wide and high on paper.
const CHART: (u32, u32) = (680, 170);

#[component]
pub fn RunSheet(props: &RunSheetProps) -> Html {
    let RunSheetProps { view, lab, prints } = props;
    let plots = use_plots();
    let (done, horizon) = (&view.done, view.horizon());
    use_memo((done.clone(), plots.clone()), |(done, plots)| {
        plots.tell(&Question::Show(Series::of(
            &done.scenario,
            &done.run,
            horizon,
        )));
    });
    use_print(*prints);
    let link = lab.link(view.at).write();
    let changed = control::changed(&lab.base, &done.scenario);
    let row = |key: &&'static str| {
        let value = |scenario| {
            let control = control::in_use(scenario, key)?;
            Some(control.label(&control.value(scenario)?))
        };
        let (was, is) = (value(&lab.base), value(&done.scenario));
        html! { <tr><th scope="row"><code>{ *key }</code></th><td><code>{ was.unwrap_or_default() }</code></td><td><code>{ is.unwrap_or_default() }</code></td></tr> }
    };
    let trace = done.run.trace.as_ref();
    let fault = |(id, spec): (&String, &crate::sim::fault::FaultSpec)| {
        let struck = trace.and_then(|trace| strike(trace, id));
        let when = struck.map_or_else(
            || format!("planned: {}, did not strike", planned_when(spec)),
            |(at, _)| format!("struck at {}", seconds(at)),
        );
        html! { <li><code>{ spec.name.clone() }</code>{ " " }<code>{ spec.place.clone().unwrap_or_default() }</code>{ format!(" {when}") }</li> }
    };
    let verdict = &done.run.verdict;
    let counts = verdict.counts;
    let figures = [
        ("sent", counts.src.to_string()),
        ("stored", verdict.stored.to_string()),
        ("delivered", counts.delivered.to_string()),
        ("duplicates", verdict.dup.to_string()),
        ("lost, silent", counts.lost.to_string()),
        ("lost, reported", counts.refused.to_string()),
        ("late", counts.late.to_string()),
        ("in flight", counts.pending.to_string()),
    ];
    let end = done.run.end.micros();
    let shown = PlotView {
        playhead: end,
        from: 0,
        to: horizon.micros(),
        highlight: view.followed,
        plot_left: 84,
        plot_right: 20,
        playhead_line: false,
    };
    let percentiles = plots.ask::<Vec<Percentile>>(&Question::Percentiles { playhead: end });
    html! {
        <article class="run-sheet" aria-label="Run sheet">
            <header>
                <div>
                    <p class="mono">{ lab.base_id }</p>
                    <h1>{ done.scenario.title.clone() }</h1>
                    <p>{ format!("Streamproof {}, seed {}, run ", env!("CARGO_PKG_VERSION"), done.scenario.seed) }<code>{ done.run.digest_text() }</code></p>
                    { match &link {
                        Ok(link) => html! { <p class="mono address">{ address(link) }</p> },
                        Err(reason) => html! { <p>{ format!("This run travels as a file: {reason}.") }</p> },
                    } }
                </div>
                if let Ok(link) = &link { <Qr text={address(link)} /> }
            </header>
            <section><h2>{ "What came of it" }</h2>
                <table class="figures"><thead><tr>{ for figures.iter().map(|(name, _)| html! { <th scope="col">{ *name }</th> }) }</tr></thead>
                    <tbody><tr>{ for figures.iter().map(|(_, value)| html! { <td>{ value.clone() }</td> }) }</tr></tbody></table>
                <p>{ format!("After {}: sent = delivered + lost + late + in flight. A run refutes guarantees; it proves none.", seconds(done.run.end)) }</p>
                if let Some(rows) = percentiles {
                    <table class="figures"><thead><tr><th></th><th scope="col">{ "latency of delivered" }</th><th scope="col">{ "honest (lost = ∞)" }</th></tr></thead>
                        <tbody>{ for rows.into_iter().map(|(name, delivered, honest)| html! { <tr><th scope="row">{ name }</th><td>{ delivered }</td><td>{ honest }</td></tr> }) }</tbody></table>
                }
            </section>
            <section><h2>{ "Settings changed" }</h2>
                if changed.is_empty() { <p>{ "None: as the scenario is." }</p> } else {
                    <table><thead><tr><th scope="col">{ "setting" }</th><th scope="col">{ "scenario" }</th><th scope="col">{ "this run" }</th></tr></thead><tbody>{ for changed.iter().map(row) }</tbody></table>
                }
            </section>
            <section><h2>{ "Faults" }</h2>
                if done.scenario.faults.is_empty() { <p>{ "None." }</p> } else { <ul>{ for done.scenario.faults.iter().map(fault) }</ul> }
            </section>
            <section class="picture"><h2>{ format!("At {}", seconds(view.at)) }</h2>
                <Diagram scene={view.turned(false)} on_select={Callback::noop()} />
                <p>{ summary(view) }{ "." }</p>
            </section>
            { for CHARTS.into_iter().map(|chart| plot(&plots, chart, shown)) }
        </article>
    }
}

/// A chart as it would be saved: black on white, with its sentence in words below.
fn plot(plots: &Plots, chart: ChartKind, view: PlotView) -> Html {
    let (width, height) = CHART;
    let svg = plots.ask::<String>(&Question::Svg {
        chart,
        width,
        height,
        view,
        footer: String::new(),
    });
    let words = plots.ask::<String>(&Question::Summary { chart, view });
    let Some((svg, words)) = svg.zip(words) else {
        return html! {};
    };
    let source = js_sys::encode_uri_component(&svg);
    html! {
        <figure><img src={format!("data:image/svg+xml,{source}")} width={width.to_string()} height={height.to_string()} alt={words.clone()} /><figcaption>{ words }</figcaption></figure>
    }
}
