//! The plots beside and below the timeline: drawn on canvases while the playhead moves, with sentence, table and export.

use super::stage::{Fit, OnStageProps};
use super::strip::Strip;
use super::timeline::{Axis, HISTOGRAM, LEFT, RIGHT, axis};
use super::tracks::Tracks;
use crate::app::hooks::use_theme;
use crate::app::many::{Asking, use_many};
use crate::app::plots::{Plots, use_plots};
use crate::charts::{ChartKind, Percentile, Question};
use crate::plot::{Frame, Table, Theme, View as PlotView};
use crate::replay::series::Series;
use crate::sim::kernel::Time;
use wasm_bindgen::JsCast;
use web_sys::HtmlCanvasElement;
use yew::{
    Callback, Html, Properties, component, html, use_effect_with, use_memo, use_mut_ref,
    use_node_ref, use_state,
};

/// Redraws at most this often while playing, in µs of real time.
const REDRAW: u64 = 100_000;

/// The width of the charts' names beside them, in px.
const TABS: u32 = 116;

/// Heights of the charts that share the time axis, in px.
const OUTCOMES: u32 = 74;
const LAG: u32 = 64;
const CLOCKS: u32 = 120;

/// How far the charts below the timeline reach that the playhead goes through; only where all are shown at once.
pub fn charts_height(fit: Fit) -> f64 {
    if fit == Fit::Whole {
        f64::from(OUTCOMES + LAG + CLOCKS - 16)
    } else {
        0.0
    }
}

/// The charts of a run.
#[component]
pub fn Charts(props: &OnStageProps) -> Html {
    let OnStageProps {
        view,
        width,
        fit,
        lab,
        head,
    } = props;
    let many = use_many();
    let horizon = view.horizon();
    let plots = use_plots();
    use_memo((view.done.clone(), plots.clone()), |(done, plots)| {
        let series = Series::of(&done.scenario, &done.run, horizon);
        plots.tell(&Question::Show(series));
    });
    let tab = use_state(|| 0_usize);
    let more = use_state(|| false);
    let on_more = {
        let more = more.clone();
        Callback::from(move |_| more.set(!*more))
    };
    // A chart that moves is drawn ten times a second; one that stands still, at once.
    let drawn = use_mut_ref(|| Time::ZERO);
    let step = REDRAW * u64::from(head.speed) / 100;
    let playhead = if head.playing
        && view.at.since(*drawn.borrow()).micros() < step
        && view.at >= *drawn.borrow()
    {
        *drawn.borrow()
    } else {
        view.at
    };
    *drawn.borrow_mut() = playhead;
    let axis = axis(*width, *fit, horizon);
    let wide = *fit == Fit::Whole;
    let shared = PlotView {
        playhead: playhead.micros(),
        from: 0,
        to: horizon.micros(),
        highlight: view.followed,
        plot_left: LEFT as i32,
        plot_right: RIGHT as i32,
        // Where the timeline's own goes through all charts.
        playhead_line: !wide,
    };
    // Where one chart is shown at a time, its name stands beside it, or above it on a phone.
    let (strip, height) = match fit {
        Fit::Whole => (axis.width as u32, None),
        Fit::Phone => (axis.width as u32, Some(300)),
        Fit::Low | Fit::Room => ((axis.width as u32).saturating_sub(TABS), Some(146)),
        Fit::Lowest => ((axis.width as u32).saturating_sub(TABS), Some(100)),
    };
    let own = PlotView {
        plot_left: if wide { 8 } else { 40 },
        plot_right: 8,
        ..shared
    };
    let place = |chart: ChartKind| match chart {
        ChartKind::Outcomes | ChartKind::Cost => (shared, strip, height.unwrap_or(OUTCOMES)),
        ChartKind::Lag | ChartKind::State => (shared, strip, height.unwrap_or(LAG)),
        ChartKind::Clocks => (shared, strip, height.unwrap_or(CLOCKS)),
        // Those of many seeds are shown elsewhere.
        _ => {
            let width = if wide { HISTOGRAM as u32 - 16 } else { strip };
            (own, width, height.unwrap_or(268))
        }
    };
    let to_strip = {
        let many = many.clone();
        Callback::from(move |_| many.dispatch(Asking::Open(true)))
    };
    let percentiles = plots.ask::<Vec<Percentile>>(&Question::Percentiles {
        playhead: playhead.micros(),
    });
    html! {
        <>
        if !lab.tracks.is_empty() { <Tracks view={view.clone()} lab={lab.clone()} width={*width} fit={*fit} /> }
        <div class="charts" data-wide={wide.to_string()} data-strip={many.open.to_string()} data-more={more.to_string()} data-tracks={lab.tracks.len().to_string()}>
            <button class="btn more-plots" id="more-plots" aria-pressed={more.to_string()} onclick={on_more}>{ if *more { "Outcomes" } else { "State, cost" } }</button>
            <div class="chart-tabs" role="tablist" aria-label="Plots">
                { for ChartKind::ALL.into_iter().enumerate().map(|(n, chart)| {
                    let pick = { let (tab, many) = (tab.clone(), many.clone()); Callback::from(move |_| { tab.set(n); many.dispatch(Asking::Open(false)); }) };
                    html! { <button role="tab" aria-selected={(!many.open && *tab == n).to_string()} onclick={pick}>{ chart.title() }</button> }
                }) }
                <button role="tab" id="crash-tab" aria-selected={many.open.to_string()} onclick={to_strip}>{ "Crash strip" }</button>
            </div>
            if many.open { <Strip lab={lab.clone()} axis={Axis { width: f64::from(strip), horizon }} fit={*fit} /> }
            { for ChartKind::ALL.into_iter().enumerate().map(|(n, chart)| {
                let (plot_view, width, height) = place(chart);
                html! {
                    <div class="chart-place" data-chart={n.to_string()} data-shown={(!many.open && *tab == n).to_string()} key={n}>
                        <Plot {chart} plots={plots.clone()} {plot_view} {width} {height} zoom={fit.zoom()} run={view.done.run.digest_text()} seed={view.done.scenario.seed} />
                        if chart == ChartKind::Latency { <Percentiles rows={percentiles.clone().unwrap_or_default()} /> }
                    </div>
                }
            }) }
        </div>
        </>
    }
}

#[derive(Properties, PartialEq)]
struct PercentilesProps {
    rows: Vec<Percentile>,
}

/// Percentiles of what was delivered, and honest ones.
#[component]
fn Percentiles(props: &PercentilesProps) -> Html {
    html! {
        <table class="percentiles">
            <thead><tr><th><span class="vh">{ "Percentile" }</span></th><th scope="col">{ "delivered" }</th><th scope="col">{ "honest (lost = ∞)" }</th></tr></thead>
            <tbody>{ for props.rows.iter().map(|(name, delivered, honest)| html! { <tr><th scope="row">{ name.clone() }</th><td>{ delivered.clone() }</td><td>{ honest.clone() }</td></tr> }) }</tbody>
        </table>
    }
}

#[derive(Properties, PartialEq)]
pub struct PlotProps {
    pub chart: ChartKind,
    pub plots: Plots,
    pub plot_view: PlotView,
    pub width: u32,
    pub height: u32,
    pub zoom: f64,
    /// Of what it is a picture: for the footer of a file, and to know when another one is due.
    pub run: String,
    pub seed: u64,
}

/// One chart: the canvas, a sentence for those who do not see it, and the menu.
#[component]
pub fn Plot(props: &PlotProps) -> Html {
    let PlotProps {
        chart,
        plots,
        plot_view,
        width,
        height,
        zoom,
        run,
        seed,
    } = props;
    let zoom = *zoom;
    let (chart, view, name) = (*chart, *plot_view, chart.title());
    let node = use_node_ref();
    let theme = use_theme();
    let scale = web_sys::window()
        .map_or(1.0, |window| window.device_pixel_ratio())
        .clamp(1.0, 4.0);
    let frame = Frame {
        width: *width,
        height: *height,
        scale: scale * zoom,
    };
    {
        let node = node.clone();
        use_effect_with(
            (view, frame, theme, run.clone(), plots.clone()),
            move |(.., plots)| {
                if let Some(canvas) = node.cast::<HtmlCanvasElement>() {
                    // The policy allows no style attributes; through the object model the size may be set.
                    let style = canvas.unchecked_ref::<web_sys::HtmlElement>().style();
                    let _ = style
                        .set_property("width", &format!("{}px", f64::from(frame.width) * zoom));
                    let _ = style
                        .set_property("height", &format!("{}px", f64::from(frame.height) * zoom));
                    let question = Question::Draw {
                        chart,
                        frame,
                        theme,
                        view,
                    };
                    plots.draw(&question, &canvas);
                }
            },
        );
    }
    let table = use_state(|| false);
    let toggle = {
        let table = table.clone();
        Callback::from(move |_| table.set(!*table))
    };
    let save = |kind: &'static str, mime: &'static str, question: Question| {
        let plots = plots.clone();
        Callback::from(move |_| {
            if let Some(text) = plots.ask::<String>(&question) {
                let name = format!("streamproof-{}.{kind}", chart.file_name());
                crate::app::files::save(&name, mime, &text);
            }
        })
    };
    let svg = Question::Svg {
        chart,
        width: (*width).max(320),
        height: (*height).max(160),
        view,
        footer: format!("run {run}, seed {seed}"),
    };
    let png = {
        let (plots, footer) = (plots.clone(), format!("run {run}, seed {seed}"));
        let frame = Frame {
            width: (*width).max(320),
            height: (*height).max(160),
            scale: 2.0,
        };
        Callback::from(move |_| {
            let name = format!("streamproof-{}.png", chart.file_name());
            crate::app::files::save_picture(&name, frame, &footer, |canvas| {
                let question = Question::Draw {
                    chart,
                    frame,
                    theme: Theme::Light,
                    view,
                };
                plots.draw(&question, canvas);
            });
        })
    };
    let words = match plots {
        Plots::There(_) => plots.ask(&Question::Summary { chart, view }),
        Plots::Loading => Some("Loading the plot".to_string()),
        Plots::Failed => Some("The plot could not be loaded".to_string()),
    };
    let rows = table.then(|| plots.ask::<Table>(&Question::Table { chart, view }));
    let (physical_width, physical_height) = frame.physical();
    html! {
        <figure class="plot" aria-label={name}>
            <canvas ref={node} width={physical_width.to_string()} height={physical_height.to_string()} role="img" aria-label={words}></canvas>
            <details class="plot-menu">
                <summary aria-label={format!("{name}: table and export")}>{ "⋯" }</summary>
                <div>
                    <button onclick={toggle} aria-pressed={table.to_string()}>{ "Table" }</button>
                    <button onclick={png}>{ "PNG" }</button>
                    <button onclick={save("svg", "image/svg+xml", svg)}>{ "SVG" }</button>
                    <button onclick={save("csv", "text/csv", Question::Csv { chart, view })}>{ "CSV" }</button>
                </div>
            </details>
            if let Some(table) = rows.flatten() { <PlotTable {table} /> }
        </figure>
    }
}

#[derive(Properties, PartialEq)]
struct PlotTableProps {
    table: Table,
}

/// The data of a chart in rows.
#[component]
fn PlotTable(props: &PlotTableProps) -> Html {
    html! {
        <div class="plot-table" tabindex="0"><table>
            <thead><tr>{ for props.table.head.iter().map(|cell| html! { <th scope="col">{ cell.clone() }</th> }) }</tr></thead>
            <tbody>{ for props.table.rows.iter().map(|row| html! { <tr>{ for row.iter().map(|cell| html! { <td>{ cell.clone() }</td> }) }</tr> }) }</tbody>
        </table></div>
    }
}
