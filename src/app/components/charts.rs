//! The plots beside and below the timeline: drawn on canvases while the playhead moves, with sentence, table and export.

use super::stage::{Fit, View};
use super::timeline::{HISTOGRAM, LEFT, RIGHT, axis};
use crate::app::head::Head;
use crate::app::hooks::use_theme;
use crate::plot::{Chart, Frame, Palette, Table, View as PlotView};
use crate::replay::series::Series;
use crate::sim::kernel::Time;
use plotters::prelude::IntoDrawingArea;
use plotters_canvas::CanvasBackend;
use wasm_bindgen::JsCast;
use web_sys::HtmlCanvasElement;
use yew::{
    Callback, Html, Properties, UseReducerHandle, component, html, use_effect_with, use_memo,
    use_mut_ref, use_node_ref, use_state,
};

#[derive(Properties, PartialEq)]
pub struct ChartsProps {
    pub view: View,
    /// Of the whole stage.
    pub width: u32,
    pub fit: Fit,
    pub head: UseReducerHandle<Head>,
}

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

/// The four charts of a run.
#[component]
pub fn Charts(props: &ChartsProps) -> Html {
    let ChartsProps {
        view,
        width,
        fit,
        head,
    } = props;
    let horizon = view.horizon();
    let series = use_memo(view.done.clone(), |done| {
        Series::of(&done.scenario, &done.run, horizon)
    });
    let tab = use_state(|| 0_usize);
    // A chart that moves is drawn ten times a second; one that stands still, at once.
    let drawn = use_mut_ref(|| Time::ZERO);
    let step = REDRAW * u64::from(head.speed) / 10;
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
        Fit::Low => ((axis.width as u32).saturating_sub(TABS), Some(146)),
        Fit::Lowest => ((axis.width as u32).saturating_sub(TABS), Some(100)),
    };
    let own = PlotView {
        plot_left: if wide { 8 } else { 40 },
        plot_right: 8,
        ..shared
    };
    let charts: [(&'static str, Chart, PlotView, u32, u32); 4] = [
        (
            "Outcomes",
            Chart::Outcomes(series.outcomes.clone()),
            shared,
            strip,
            height.unwrap_or(OUTCOMES),
        ),
        (
            "Lag",
            Chart::Lag(series.lag.clone()),
            shared,
            strip,
            height.unwrap_or(LAG),
        ),
        (
            "Two clocks",
            Chart::Clocks(series.clocks.clone()),
            shared,
            strip,
            height.unwrap_or(CLOCKS),
        ),
        (
            "Latency",
            Chart::Latency(series.latency.clone()),
            own,
            if wide { HISTOGRAM as u32 - 16 } else { strip },
            height.unwrap_or(268),
        ),
    ];
    let latency = series.latency.clone();
    html! {
        <div class="charts" data-wide={wide.to_string()}>
            <div class="chart-tabs" role="tablist" aria-label="Plots">
                { for charts.iter().enumerate().map(|(n, (name, ..))| {
                    let pick = { let tab = tab.clone(); Callback::from(move |_| tab.set(n)) };
                    html! { <button role="tab" aria-selected={(*tab == n).to_string()} onclick={pick}>{ *name }</button> }
                }) }
            </div>
            { for charts.into_iter().enumerate().map(|(n, (name, chart, plot_view, width, height))| html! {
                <div class="chart-place" data-chart={n.to_string()} data-shown={(*tab == n).to_string()} key={n}>
                    <Plot {name} {chart} {plot_view} {width} {height} run={view.done.run.digest_text()} seed={view.done.scenario.seed} />
                    if n == 3 { <Percentiles rows={latency.percentiles(playhead.micros())} /> }
                </div>
            }) }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct PercentilesProps {
    rows: Vec<(String, String, String)>,
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

#[derive(Properties)]
struct PlotProps {
    name: &'static str,
    chart: Chart,
    plot_view: PlotView,
    width: u32,
    height: u32,
    run: String,
    seed: u64,
}

impl PartialEq for PlotProps {
    fn eq(&self, other: &Self) -> bool {
        // The data of a chart is that of its run.
        (self.plot_view, self.width, self.height, self.seed)
            == (other.plot_view, other.width, other.height, other.seed)
            && self.run == other.run
    }
}

/// One chart: the canvas, a sentence for those who do not see it, and the menu.
#[component]
fn Plot(props: &PlotProps) -> Html {
    let PlotProps {
        name,
        chart,
        plot_view,
        width,
        height,
        run,
        seed,
    } = props;
    let node = use_node_ref();
    let dark = use_theme();
    let scale = web_sys::window()
        .map_or(1.0, |window| window.device_pixel_ratio())
        .clamp(1.0, 4.0);
    let frame = Frame {
        width: *width,
        height: *height,
        scale,
    };
    {
        let (node, chart, view) = (node.clone(), chart.clone(), *plot_view);
        use_effect_with((view, frame, dark, run.clone()), move |_| {
            if let Some(canvas) = node.cast::<HtmlCanvasElement>() {
                draw(&canvas, &chart, &frame, view, dark);
            }
        });
    }
    let table = use_state(|| false);
    let toggle = {
        let table = table.clone();
        Callback::from(move |_| table.set(!*table))
    };
    let save = |kind: &'static str| {
        let (chart, view, footer) = (chart.clone(), *plot_view, format!("run {run}, seed {seed}"));
        let (width, height) = (*width, *height);
        Callback::from(move |_| {
            let (text, mime) = match kind {
                "svg" => (
                    chart.to_svg(
                        width.max(320),
                        height.max(160),
                        &Palette::light(),
                        &view,
                        Some(&footer),
                    ),
                    "image/svg+xml",
                ),
                _ => (chart.table(&view).to_csv(), "text/csv"),
            };
            crate::app::files::save(
                &format!("streamproof-{}.{kind}", chart.file_name()),
                mime,
                &text,
            );
        })
    };
    let (physical_width, physical_height) = frame.physical();
    html! {
        <figure class="plot" aria-label={*name}>
            <canvas ref={node} width={physical_width.to_string()} height={physical_height.to_string()} role="img" aria-label={chart.summary(plot_view)}></canvas>
            <details class="plot-menu">
                <summary aria-label={format!("{name}: table and export")}>{ "⋯" }</summary>
                <div>
                    <button onclick={toggle} aria-pressed={table.to_string()}>{ "Table" }</button>
                    <button onclick={save("svg")}>{ "SVG" }</button>
                    <button onclick={save("csv")}>{ "CSV" }</button>
                </div>
            </details>
            if *table { <PlotTable table={chart.table(plot_view)} /> }
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

fn draw(canvas: &HtmlCanvasElement, chart: &Chart, frame: &Frame, view: PlotView, dark: bool) {
    // The policy allows no style attributes; through the object model the size may be set.
    let style = canvas.unchecked_ref::<web_sys::HtmlElement>().style();
    let _ = style.set_property("width", &format!("{}px", frame.width));
    let _ = style.set_property("height", &format!("{}px", frame.height));
    let palette = if dark {
        Palette::dark()
    } else {
        Palette::light()
    };
    if let Some(backend) = CanvasBackend::with_canvas_object(canvas.clone()) {
        // A canvas that cannot be drawn on stays empty; its sentence and table say the same.
        let _ = chart.draw(&backend.into_drawing_area(), frame, &palette, &view);
    }
}
