//! The analysis of delays in pictures: how long records take, what each second of waiting buys, and which settings keep the
//! contract. Every picture has its numbers in a table or in words beside it.

use super::axes::{self, Scale, percent, time};
use super::desk::{Action, Desk, Loaded, Many, Tab};
use crate::app::components::glyphs::{px, text};
use crate::app::hooks::use_width;
use crate::arrivals::curve::Answer;
use crate::arrivals::delay::{Part, Summary};
use crate::arrivals::ranks::Percentile;
use crate::arrivals::replay::{Config, Outcome};
use crate::arrivals::sla::{Metric, Sla};
use crate::arrivals::strategy::Strategy;
use crate::arrivals::sweep::Judged;
use crate::arrivals::windows::Windows;
use yew::{
    Callback, Html, KeyboardEvent, Properties, UseReducerHandle, component, html, use_node_ref,
};

#[derive(Properties, PartialEq)]
pub struct PlotProps {
    pub desk: UseReducerHandle<Desk>,
}

const HEIGHT: f64 = 206.0;
const LEFT: f64 = 40.0;
const TOP: f64 = 12.0;
const BASE: f64 = HEIGHT - 40.0;

/// Seconds of microseconds.
fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

fn frame(width: f64, x: &Scale, y: &Scale, ticks: (usize, usize), of_x: &'static str) -> Html {
    let right = width - 10.0;
    html! {
        <>
            { for y.ticks(ticks.1).into_iter().map(|value| html! { <><path class="ruled" d={format!("M{} {}H{}", px(LEFT), px(y.at(value)), px(right))} />{ text(LEFT - 6.0, y.at(value) + 4.0, axes::short(value, 3), "m s12 mu e") }</> }) }
            { for x.ticks(ticks.0).into_iter().map(|value| text(x.at(value), BASE + 16.0, axes::short(value, 3), "m s12 mu c")) }
            <path class="axis" d={format!("M{} {}H{}", px(LEFT), px(BASE), px(right))} />
            { text(LEFT, BASE + 34.0, of_x, "s12 mu") }
        </>
    }
}

fn polyline(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut d = String::new();
    for (x, y) in points {
        d += if d.is_empty() { "M" } else { "L" };
        d += &format!("{} {}", px(x), px(y));
    }
    d
}

#[derive(Properties, PartialEq)]
struct FigureProps {
    title: String,
    of_y: &'static str,
    /// What the picture says, for those who do not see it.
    words: String,
    #[prop_or_default]
    id: &'static str,
    draw: Callback<f64, Html>,
}

/// A picture with its sentence; it is drawn as wide as there is room.
#[component]
fn Figure(props: &FigureProps) -> Html {
    let node = use_node_ref();
    let width = f64::from(use_width(&node));
    html! {
        <figure class="figure" ref={node} id={props.id}>
            <figcaption><b>{ props.title.clone() }</b><span>{ props.of_y }</span></figcaption>
            if width > 80.0 {
                <svg width={px(width)} height={px(HEIGHT)} viewBox={format!("0 0 {} {HEIGHT}", px(width))} role="group" aria-label={props.words.clone()}>{ props.draw.emit(width) }</svg>
            }
        </figure>
    }
}

/// Three pictures side by side.
#[component]
pub fn Overview(props: &PlotProps) -> Html {
    let desk = &props.desk;
    let Some(loaded) = &desk.loaded else {
        return html! { <p class="waiting">{ "There are no arrivals yet." }</p> };
    };
    html! {
        <div class="figures">
            { ecdf(loaded) }
            { curve(desk) }
            <Frontier desk={desk.clone()} />
        </div>
    }
}

/// How many have arrived after how long.
fn ecdf(loaded: &Loaded) -> Html {
    let delays = loaded.delays.clone();
    let Some((p50, p99)) = delays
        .all
        .percentiles
        .first()
        .zip(delays.all.percentiles.get(3))
    else {
        return html! {};
    };
    let title = format!(
        "Half arrive in {}; one in a hundred needs {}",
        time(*p50),
        time(*p99)
    );
    let words = format!(
        "Share that has arrived against delay. {}",
        in_words(&delays.all)
    );
    let draw = Callback::from(move |width: f64| {
        let right = width - 10.0;
        let least = delays
            .ecdf
            .iter()
            .map(|point| seconds(point.1))
            .find(|&value| value > 0.0)
            .unwrap_or(0.001);
        let x = Scale::log(
            least.max(0.001),
            seconds(delays.all.most).max(0.002),
            LEFT,
            right,
        );
        let y = Scale::linear(0.0, 100.0, BASE, TOP);
        let points = delays
            .ecdf
            .iter()
            .map(|&(ppm, delay)| (x.at(seconds(delay)), y.at(f64::from(ppm) / 1e4)));
        let marks = [(0, 50.0, "P50"), (2, 95.0, "P95"), (3, 99.0, "P99")];
        html! {
            <>
                { frame(width, &x, &y, (5, 3), "delay, s (log)") }
                <path class="curve" d={polyline(points)} />
                { for marks.into_iter().enumerate().filter_map(|(n, (place, share, name))| {
                    let delay = *delays.all.percentiles.get(place)?;
                    let (cx, cy) = (x.at(seconds(delay)), y.at(share));
                    let words = format!("{name} {}", time(delay));
                    let low = BASE - 8.0 - 18.0 * n as f64;
                    Some(html! { <>
                        <path class="drop" d={format!("M{} {}V{}", px(cx), px(BASE), px(cy))} /><circle class="mark" cx={px(cx)} cy={px(cy)} r="4" />
                        if cx > right - 90.0 { { text(cx - 5.0, low, words, "s12 sb e halo") } } else { { text(cx + 5.0, low, words, "s12 sb halo") } }
                    </> })
                }) }
            </>
        }
    });
    html! { <Figure {title} of_y="arrived, %" {words} {draw} /> }
}

fn in_words(all: &Summary) -> String {
    let names = ["P50", "P90", "P95", "P99", "P99.9"];
    let each = names
        .iter()
        .zip(&all.percentiles)
        .map(|(name, &delay)| format!("{name} {}", time(delay)));
    format!(
        "{}, at most {}.",
        each.collect::<Vec<_>>().join(", "),
        time(all.most)
    )
}

/// The share that is late against the delay of the watermark.
fn curve(desk: &UseReducerHandle<Desk>) -> Html {
    let Some(answered) = desk.answer.clone() else {
        return html! { <figure class="figure"><p class="waiting">{ "Working out what each delay drops …" }</p></figure> };
    };
    let (answer, points) = (&answered.0, &answered.1);
    let allowed = answer.late_ppm;
    let title = format!(
        "Each second of waiting buys less; {} is enough for {}",
        time(answer.found.delay_ms as i64 * 1_000),
        percent(allowed)
    );
    let most = points.last().map_or(0, |point| point.delay_ms);
    let words = format!(
        "Late share against watermark delay: {} without any, {} with {}, {} with {}.",
        points
            .first()
            .map(|point| percent(point.late_ppm))
            .unwrap_or_default(),
        percent(answer.found.late_ppm),
        axes::exact(answer.found.delay_ms),
        points
            .last()
            .map(|point| percent(point.late_ppm))
            .unwrap_or_default(),
        axes::exact(most),
    );
    let chosen = match desk.settings.config.strategy {
        Strategy::Fixed { delay_ms } => desk
            .judged
            .as_ref()
            .map(|judged| (delay_ms, judged.outcome.late_ppm)),
        _ => None,
    };
    let draw = {
        let answered = answered.clone();
        Callback::from(move |width: f64| {
            let (answer, points) = (&answered.0, &answered.1);
            let right = width - 10.0;
            // What lies far beyond the answer and the chosen delay is a flat line.
            let reach = chosen
                .map_or(0, |chosen| chosen.0)
                .max(answer.found.delay_ms);
            let until = (seconds(reach as i64 * 1_000) * 2.0)
                .max(2.0)
                .min(seconds(most as i64 * 1_000).max(2.0));
            let share = |ppm: u32| f64::from(ppm) / 1e4;
            let highest = points
                .iter()
                .map(|point| share(point.late_ppm))
                .fold(0.1, f64::max);
            let x = Scale::linear(0.0, until, LEFT, right);
            let lowest = points
                .iter()
                .filter(|point| {
                    seconds(point.delay_ms as i64 * 1_000) <= until && point.late_ppm > 0
                })
                .map(|point| share(point.late_ppm))
                .fold(share(allowed.max(100)) / 2.0, f64::min);
            let y = Scale::log(lowest.max(0.001), highest * 1.2, BASE, TOP);
            let within = points
                .iter()
                .filter(|point| seconds(point.delay_ms as i64 * 1_000) <= until * 1.3);
            let line = polyline(within.map(|point| {
                (
                    x.at(seconds(point.delay_ms as i64 * 1_000)).min(right),
                    y.at(share(point.late_ppm)),
                )
            }));
            let (fx, fy) = (
                x.at(seconds(answer.found.delay_ms as i64 * 1_000)),
                y.at(share(answer.found.late_ppm)),
            );
            let limit = y.at(share(allowed));
            html! {
                <>
                    { frame(width, &x, &y, (5, 4), "watermark delay, s") }
                    <path class="limit" d={format!("M{} {}H{}", px(LEFT), px(limit), px(right))} />
                    { text(LEFT + 4.0, (limit + 14.0).min(BASE - 4.0), format!("at most {}", percent(allowed)), "s12 b halo") }
                    <path class="late-curve" d={line} />
                    <path class="behind" d={format!("M{} {}l5 5l-5 5l-5 -5Z", px(fx), px(fy - 5.0))} />
                    // Above the point nothing is: the curve falls.
                    { text((fx + 6.0).min(right - 90.0), fy - 10.0, format!("{}: {}", time(answer.found.delay_ms as i64 * 1_000), percent(answer.found.late_ppm)), "s12 sb halo") }
                    if let Some((delay_ms, ppm)) = chosen {
                        <path class="ring" d={format!("M{} {}l10 10l-10 10l-10 -10Z", px(x.at(seconds(delay_ms as i64 * 1_000)).min(right)), px(y.at(share(ppm)) - 10.0))} />
                    }
                </>
            }
        })
    };
    html! { <Figure {title} of_y="late, % (log); ring: the chosen delay" {words} {draw} id="late-curve" /> }
}

/// The limits on P95 and on late events that the contract names, in seconds and percent.
fn limits(sla: &Sla) -> (Option<f64>, Option<f64>) {
    let p95 = sla.0.iter().filter(|promise| promise.metric == Metric::P95);
    let least = p95.map(|promise| seconds(promise.value)).reduce(f64::min);
    (least, sla.late_ppm().map(|ppm| f64::from(ppm) / 1e4))
}

fn p95_of(outcome: &Outcome) -> Option<f64> {
    match outcome.p95 {
        Percentile::Micros(micros) => Some(seconds(micros)),
        Percentile::None | Percentile::Infinite => None,
    }
}

/// `2 / 5` for a window and a delay.
pub fn short_name(config: &Config) -> String {
    let part = |ms: u64| axes::short(ms as f64 / 1e3, 3);
    let window = match config.windows {
        Windows::Tumbling { size_ms } => part(size_ms),
        Windows::Sliding { size_ms, slide_ms } => {
            format!("{} by {}", part(size_ms), part(slide_ms))
        }
        Windows::Session { gap_ms } => format!("gap {}", part(gap_ms)),
    };
    match config.strategy {
        Strategy::Fixed { delay_ms } => format!("{window} / {}", part(delay_ms)),
        strategy => format!("{window} / {}", strategy.name()),
    }
}

/// Latency against late events, with state as the size of the dot: what can be had.
#[component]
fn Frontier(props: &PlotProps) -> Html {
    let desk = &props.desk;
    let Some(many) = desk.sweep.clone() else {
        let open = {
            let desk = desk.clone();
            Callback::from(move |_| desk.dispatch(Action::Tab(Tab::Sweep)))
        };
        return html! {
            <figure class="figure"><figcaption><b>{ "Which settings keep the contract?" }</b></figcaption>
                <p class="waiting">{ "A sweep tries fifty windows and delays on these arrivals." }</p>
                <p class="waiting"><button class="btn" onclick={open}>{ "To the sweep" }</button></p>
            </figure>
        };
    };
    let sla = desk.settings.sla.clone();
    let kept = many
        .judged
        .iter()
        .filter(|judged| sla.misses(&judged.outcome).is_empty())
        .count();
    let title = match (kept, sla.0.is_empty()) {
        (_, true) => format!(
            "{} settings, and no contract to hold them against",
            many.judged.len()
        ),
        (0, _) => format!("None of {} settings keeps the contract", many.judged.len()),
        (n, _) => format!("{n} of {} settings keep the contract", many.judged.len()),
    };
    let words = format!("{title}. Late share against P95; the table below has every setting.");
    let draw = {
        let desk = desk.clone();
        Callback::from(move |width: f64| frontier(&desk, &many, width))
    };
    html! { <Figure {title} of_y="late, % (log); size: state; labels: window / delay, s" {words} {draw} id="frontier" /> }
}

fn frontier(desk: &UseReducerHandle<Desk>, many: &Many, width: f64) -> Html {
    let right = width - 12.0;
    let sla = &desk.settings.sla;
    let (p95_limit, late_limit) = limits(sla);
    let share = |ppm: u32| f64::from(ppm) / 1e4;
    let shown: Vec<(&Judged, f64)> = many
        .judged
        .iter()
        .filter_map(|judged| Some((judged, p95_of(&judged.outcome)?)))
        .collect();
    let mut p95s: Vec<f64> = shown.iter().map(|shown| shown.1).collect();
    p95s.sort_by(f64::total_cmp);
    // The slowest few would press all others into a corner.
    let reach = p95s
        .get(p95s.len() * 7 / 10)
        .copied()
        .unwrap_or(1.0)
        .max(p95_limit.unwrap_or(0.0) * 1.5);
    let least = shown
        .iter()
        .filter(|shown| shown.0.outcome.late_ppm > 0)
        .map(|shown| share(shown.0.outcome.late_ppm))
        .fold(late_limit.unwrap_or(1.0), f64::min);
    let most = shown
        .iter()
        .map(|shown| share(shown.0.outcome.late_ppm))
        .fold(late_limit.unwrap_or(0.1), f64::max);
    let x = Scale::linear(0.0, reach, LEFT, right);
    let y = Scale::log((least * 0.8).max(0.001), most * 1.3, BASE - 6.0, TOP);
    let peak = shown
        .iter()
        .map(|shown| shown.0.outcome.state_peak)
        .max()
        .unwrap_or(1)
        .max(1);
    let chosen = &desk.settings.config;
    // Names where there is room: the chosen one first, then those that keep the contract, then what nothing beats.
    let mut order: Vec<usize> = (0..shown.len()).filter(|&n| shown[n].1 <= reach).collect();
    order.sort_by_key(|&n| {
        let judged = shown[n].0;
        let kept = sla.misses(&judged.outcome).is_empty();
        (judged.outcome.config != *chosen, !kept, !judged.on_frontier)
    });
    let mut named: Vec<usize> = Vec::new();
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    for n in order {
        let (judged, p95) = shown[n];
        let (left, top) = (x.at(p95) + 10.0, y.at(share(judged.outcome.late_ppm)));
        let end = left + 7.0 * short_name(&judged.outcome.config).len() as f64;
        let free = |other: &(f64, f64, f64)| {
            (other.2 - top).abs() > 13.0 || other.1 < left || other.0 > end
        };
        if end < right && taken.iter().all(free) {
            named.push(n);
            taken.push((left, end, top));
        }
    }
    let hidden = shown.iter().filter(|shown| shown.1 > reach).count();
    html! {
        <>
            if let (Some(p95), Some(late)) = (p95_limit, late_limit) {
                <rect class="kept" x={px(LEFT)} y={px(y.at(late))} width={px(x.at(p95) - LEFT)} height={px(BASE - y.at(late))} />
            }
            { frame(width, &x, &y, (5, 4), "P95 event to result, s") }
            if let (Some(p95), Some(late)) = (p95_limit, late_limit) {
                <path class="limit" d={format!("M{} {}H{}V{}", px(LEFT), px(y.at(late)), px(x.at(p95)), px(BASE))} />
                { text(x.at(p95) + 5.0, BASE - 6.0, "contract", "s12 b halo") }
            }
            { for shown.iter().enumerate().filter(|(_, shown)| shown.1 <= reach).map(|(n, (judged, p95))| {
                let config = judged.outcome.config;
                let inside = sla.misses(&judged.outcome).is_empty();
                let (cx, cy) = (x.at(*p95), y.at(share(judged.outcome.late_ppm)));
                let r = 3.0 + 5.0 * (judged.outcome.state_peak as f64 / peak as f64).sqrt();
                let choose = choose(desk, config);
                let on_key = {
                    let choose = choose.clone();
                    Callback::from(move |event: KeyboardEvent| if event.key() == "Enter" || event.key() == " " { event.prevent_default(); choose.emit(()); })
                };
                let words = format!("{}: P95 {}, late {}, {} rows{}", short_name(&config), axes::percentile(judged.outcome.p95), percent(judged.outcome.late_ppm), judged.outcome.state_peak, if inside { ", keeps the contract" } else { "" });
                let on_click = { let choose = choose.clone(); Callback::from(move |_| choose.emit(())) };
                html! {
                    <g class="try" data-kept={inside.to_string()} role="button" tabindex="0" aria-label={words.clone()} onclick={on_click} onkeydown={on_key} key={n}>
                        <title>{ words }</title>
                        <circle class="reach" cx={px(cx)} cy={px(cy)} r="12" />
                        <circle class="point" cx={px(cx)} cy={px(cy)} r={px(r)} />
                        if config == *chosen { <circle class="ring" cx={px(cx)} cy={px(cy)} r={px(r + 4.0)} /> }
                        if named.contains(&n) { { text(cx + r + 4.0, cy + 4.0, short_name(&config), "m s11 halo") } }
                    </g>
                }
            }) }
            if hidden > 0 { { text(right, TOP + 2.0, format!("{hidden} slower ones →"), "s12 mu e halo") } }
        </>
    }
}

/// Takes over the windows and the strategy of a configuration.
pub fn choose(desk: &UseReducerHandle<Desk>, config: Config) -> Callback<()> {
    let desk = desk.clone();
    Callback::from(move |()| {
        let mut settings = desk.settings.clone();
        settings.config = config;
        desk.dispatch(Action::Settings(Box::new(settings)));
    })
}

/// Percentiles, histogram, drift over time, and who is slow.
#[component]
pub fn Distribution(props: &PlotProps) -> Html {
    let Some(loaded) = &props.desk.loaded else {
        return html! { <p class="waiting">{ "There are no arrivals yet." }</p> };
    };
    let delays = &loaded.delays;
    let rows = [("delay", &delays.all), ("disorder", &delays.disorder)];
    html! {
        <div class="analysis">
            <Scrolled><table id="percentiles">
                <caption>{ "Percentiles by nearest rank over all events. Disorder is how far an event lies behind the latest one before it: it needs no clocks that agree, and it is what a watermark has to wait for." }</caption>
                <thead><tr>{ for ["", "P50", "P90", "P95", "P99", "P99.9", "most", "mean"].map(|name| html! { <th scope="col">{ name }</th> }) }</tr></thead>
                <tbody>{ for rows.map(|(name, of)| summary_row(name.to_string(), of, false)) }</tbody>
            </table></Scrolled>
            if delays.ahead > 0 { <p>{ format!("{} events happened after they arrived: a clock runs ahead.", axes::count(delays.ahead)) }</p> }
            <div class="figures two">{ histogram(loaded) }{ drift(loaded) }</div>
            if !delays.by_partition.is_empty() { { parts("By partition", &delays.by_partition) } }
            if !delays.slowest_keys.is_empty() { { parts("The slowest keys, by P95", &delays.slowest_keys) } }
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct ScrolledProps {
    pub children: Html,
}

/// A table that is wider than its place scrolls by itself, by keys too.
#[component]
pub fn Scrolled(props: &ScrolledProps) -> Html {
    html! { <div class="scrolled" tabindex="0">{ props.children.clone() }</div> }
}

fn summary_row(name: String, of: &Summary, with_events: bool) -> Html {
    html! {
        <tr><th scope="row">{ name }</th>
            if with_events { <td>{ axes::count(of.events) }</td> }
            { for of.percentiles.iter().map(|&delay| html! { <td>{ time(delay) }</td> }) }
            <td>{ time(of.most) }</td><td>{ time(of.mean) }</td>
        </tr>
    }
}

fn parts(name: &'static str, parts: &[Part]) -> Html {
    html! {
        <Scrolled><table>
            <caption>{ name }</caption>
            <thead><tr>{ for ["", "events", "P50", "P90", "P95", "P99", "P99.9", "most", "mean"].map(|name| html! { <th scope="col">{ name }</th> }) }</tr></thead>
            <tbody>{ for parts.iter().map(|part| summary_row(if part.name.is_empty() { "(no name)".into() } else { part.name.clone() }, &part.delays, true)) }</tbody>
        </table></Scrolled>
    }
}

fn histogram(loaded: &Loaded) -> Html {
    let delays = loaded.delays.clone();
    let first = delays
        .histogram
        .iter()
        .position(|bin| bin.events > 0)
        .unwrap_or(0);
    let bins: Vec<_> = delays.histogram[first..].to_vec();
    let most = bins.iter().max_by_key(|bin| bin.events).copied();
    let title = most.map_or_else(String::new, |bin| {
        format!("Most take {} to {}", time(bin.from_us), time(bin.until_us))
    });
    let words = format!(
        "Events by delay, in bins that double: {}",
        bins.iter()
            .filter(|bin| bin.events > 0)
            .map(|bin| format!("up to {}: {}", time(bin.until_us), bin.events))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let draw = Callback::from(move |width: f64| {
        let right = width - 10.0;
        let step = (right - LEFT) / bins.len().max(1) as f64;
        let highest = bins.iter().map(|bin| bin.events).max().unwrap_or(1).max(1) as f64;
        let y = Scale::log(0.5, highest * 1.4, BASE, TOP);
        let every = bins.len().div_ceil(6).max(1);
        html! {
            <>
                { for y.ticks(4).into_iter().filter(|value| *value >= 1.0).map(|value| html! { <><path class="ruled" d={format!("M{} {}H{}", px(LEFT), px(y.at(value)), px(right))} />{ text(LEFT - 6.0, y.at(value) + 4.0, axes::short(value, 0), "m s11 mu e") }</> }) }
                { for bins.iter().enumerate().map(|(n, bin)| {
                    let left = LEFT + step * n as f64;
                    html! { <>
                        if bin.events > 0 { <rect class="bin" x={px(left + 1.0)} y={px(y.at(bin.events as f64))} width={px((step - 2.0).max(1.0))} height={px(BASE - y.at(bin.events as f64))} /> }
                        if n % every == 0 { { text(left + step, BASE + 16.0, time(bin.until_us), "m s11 mu c") } }
                    </> }
                }) }
                <path class="axis" d={format!("M{} {}H{}", px(LEFT), px(BASE), px(right))} />
                { text(LEFT, BASE + 34.0, "delay, upper end of the bin", "s12 mu") }
            </>
        }
    });
    html! { <Figure {title} of_y="events (log)" {words} {draw} id="histogram" /> }
}

/// P50, P95 and P99 in stretches of arrival time.
fn drift(loaded: &Loaded) -> Html {
    let delays = loaded.delays.clone();
    let zero = loaded.zero_us;
    let few = delays.all.events / delays.over_time.len().max(1) as u64 / 10;
    let stretches: Vec<_> = delays
        .over_time
        .iter()
        .filter(|stretch| stretch.delays.events > few)
        .cloned()
        .collect();
    let p95 = || {
        stretches
            .iter()
            .map(|stretch| stretch.delays.percentiles[2])
    };
    let (Some(least), Some(most)) = (p95().min(), p95().max()) else {
        return html! {};
    };
    let title = format!(
        "Over time P95 lies between {} and {}",
        time(least),
        time(most)
    );
    let words = format!("{title}, in {} stretches of arrival time.", stretches.len());
    let draw = Callback::from(move |width: f64| {
        let right = width - 34.0;
        let middle = |from_us: i64, until_us: i64| seconds((from_us + until_us) / 2 - zero);
        let last = stretches
            .last()
            .map_or(1.0, |stretch| seconds(stretch.until_us - zero));
        let first = stretches
            .first()
            .map_or(0.0, |stretch| seconds(stretch.from_us - zero));
        let x = Scale::linear(first, last, LEFT, right);
        let highest = stretches
            .iter()
            .map(|stretch| seconds(stretch.delays.percentiles[3]))
            .fold(0.01, f64::max);
        let lowest = stretches
            .iter()
            .map(|stretch| seconds(stretch.delays.percentiles[0]))
            .fold(highest, f64::min);
        let y = Scale::log((lowest * 0.7).max(0.001), highest * 1.2, BASE, TOP);
        let line = |place: usize| {
            polyline(stretches.iter().map(|stretch| {
                (
                    x.at(middle(stretch.from_us, stretch.until_us)),
                    y.at(seconds(stretch.delays.percentiles[place])),
                )
            }))
        };
        let end = |place: usize| {
            stretches.last().map_or(0.0, |stretch| {
                y.at(seconds(stretch.delays.percentiles[place]))
            })
        };
        html! {
            <>
                { frame(width - 24.0, &x, &y, (5, 4), "arrival, s") }
                { for [(0, "P50"), (2, "P95"), (3, "P99")].map(|(place, name)| html! { <><path class={if place == 2 { "curve" } else { "curve thin-curve" }} d={line(place)} />{ text(right + 4.0, end(place) + 4.0, name, "s11") }</> }) }
            </>
        }
    });
    html! { <Figure {title} of_y="delay, s (log)" {words} {draw} id="drift" /> }
}

/// The smallest delay for the share allowed, the budget, and the runs that confirm it.
#[component]
pub fn WhichDelay(props: &PlotProps) -> Html {
    let desk = &props.desk;
    let Some(answered) = desk.answer.clone() else {
        return html! { <p class="waiting">{ "Working out what each delay drops …" }</p> };
    };
    let answer: &Answer = &answered.0;
    let run = &answer.run;
    let found = answer.found.delay_ms;
    let take = {
        let desk = desk.clone();
        let config = answer.run.config;
        Callback::from(move |_| choose(&desk, config).emit(()))
    };
    let part = |ms: u64| axes::exact(ms);
    html! {
        <div class="analysis answer" id="answer">
            <p class="big">{ "The smallest delay that keeps late events to " }<b>{ percent(answer.late_ppm) }</b>{ " is " }<b id="found">{ part(found) }</b>{ "." }
                if run.config != desk.settings.config { <button class="btn" id="take-delay" onclick={take}>{ "Take it" }</button> }
            </p>
            <p>{ format!("A run with it: {} of {} late, P95 {}, honest P95 {}, {} rows of state.", axes::count(run.late), axes::count(run.events), axes::percentile(run.p95), axes::percentile(run.p95_honest), axes::count(run.state_peak)) }
                if let Some(less) = &answer.one_less { { format!(" A run with 1 ms less: {} late.", axes::count(less.late)) } }
                if !answer.exact { { " A smaller one may do: open sessions rescue late events." } }
            </p>
            if let Some(budget) = answer.budget {
                <p class="budget" id="budget">{ "P95 ≈ " }<span>{ part(budget.delay_ms) }<small>{ if budget.window_ms == 0 { "P95 of the delay" } else { "watermark delay" } }</small></span>
                    if budget.window_ms > 0 { { "+" }<span>{ part(budget.window_ms) }<small>{ "0.95 × window" }</small></span> }
                    { "+" }<span>{ part(budget.trigger_ms) }<small>{ "trigger" }</small></span>{ "+" }<span>{ part(budget.processing_ms) }<small>{ "processing" }</small></span>{ "=" }<span><b>{ part(budget.total_ms) }</b></span>
                </p>
                if let Some(off) = answer.off_ms() { <p>{ format!("The run is {} {} the budget.", time(off.abs() * 1_000), if off < 0 { "below" } else { "above" }) }</p> }
            } else {
                <p>{ "There is no budget for sessions: how long they grow is not in the settings." }</p>
            }
            <p>{ format!("What these windows and this trigger can reach without any delay: P95 {}, and {} late ({}).", axes::percentile(answer.floor.p95), axes::count(answer.floor.late), percent(answer.floor.late_ppm)) }</p>
            <div class="figures two">{ curve(desk) }{ latency(desk) }</div>
        </div>
    }
}

/// What waiting costs: the P95 of the budget against the delay.
fn latency(desk: &UseReducerHandle<Desk>) -> Html {
    let Some(answered) = desk.answer.clone() else {
        return html! {};
    };
    let answer = &answered.0;
    let Some(budget) = answer.budget else {
        return html! {};
    };
    let rest = budget.total_ms - budget.delay_ms;
    let waits = budget.window_ms > 0;
    let title = if waits {
        "Each second of waiting is a second of P95"
    } else {
        "In update mode waiting costs state, not P95"
    }
    .to_string();
    let words = format!(
        "Budgeted P95 against watermark delay; runs: {} at 0 s, {} at {}.",
        axes::percentile(answer.floor.p95),
        axes::percentile(answer.run.p95),
        axes::exact(answer.found.delay_ms)
    );
    let measured: Vec<(f64, f64)> = [&answer.floor, &answer.run]
        .into_iter()
        .chain(desk.judged.as_ref().map(|judged| &judged.outcome))
        .filter_map(|run| match run.config.strategy {
            Strategy::Fixed { delay_ms } if run.config.windows == answer.run.config.windows => {
                Some((seconds(delay_ms as i64 * 1_000), p95_of(run)?))
            }
            _ => None,
        })
        .collect();
    let reach = measured
        .iter()
        .map(|point| point.0)
        .fold(1.0, f64::max)
        .max(seconds(answer.found.delay_ms as i64 * 1_000))
        * 1.6;
    let draw = Callback::from(move |width: f64| {
        let right = width - 10.0;
        let p95 = |delay: f64| {
            if waits {
                delay + rest as f64 / 1e3
            } else {
                budget.total_ms as f64 / 1e3
            }
        };
        let x = Scale::linear(0.0, reach, LEFT, right);
        let highest = measured
            .iter()
            .map(|point| point.1)
            .fold(p95(reach), f64::max);
        let y = Scale::linear(0.0, highest * 1.1, BASE, TOP);
        html! {
            <>
                { frame(width, &x, &y, (5, 4), "watermark delay, s") }
                <path class="curve thin-curve" d={polyline([0.0, reach].into_iter().map(|delay| (x.at(delay), y.at(p95(delay)))))} />
                { for measured.iter().map(|&(delay, p95)| html! { <><circle class="mark" cx={px(x.at(delay))} cy={px(y.at(p95))} r="4" />{ text(x.at(delay) + 8.0, y.at(p95) + 14.0, format!("{} s", axes::short(p95, 1)), "s12 sb halo") }</> }) }
            </>
        }
    });
    html! { <Figure {title} of_y="P95, s: line budgeted, dots run" {words} {draw} id="latency-curve" /> }
}
