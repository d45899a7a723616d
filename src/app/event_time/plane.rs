//! The plane: event time to the right, processing time upwards, the watermark as a stepped line, windows as columns, and a record
//! that can be moved by mouse, finger or keys.

use super::axes::{self, Scale, percent, time};
use super::desk::{Action, Desk, LENGTHS, Loaded};
use crate::app::components::glyphs::{px, text};
use crate::app::hooks::use_width;
use crate::arrivals::address::Source;
use crate::arrivals::plane::{Dot, Fate, Picked, Plane};
use crate::arrivals::strategy::Strategy;
use wasm_bindgen::JsCast;
use web_sys::{
    Element, HtmlInputElement, HtmlSelectElement, InputEvent, KeyboardEvent, PointerEvent,
};
use yew::{
    Callback, Event, Html, NodeRef, Properties, UseReducerHandle, component, html, use_mut_ref,
    use_node_ref,
};

#[derive(Properties, PartialEq)]
pub struct PlaneProps {
    pub desk: UseReducerHandle<Desk>,
}

/// Margins, in px.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;
/// How near a press has to be, in px.
const NEAR: f64 = 24.0;

/// Seconds of the picture's own time.
fn label(us: i64, zero_us: i64) -> f64 {
    (us - zero_us) as f64 / 1e6
}

/// `[20, 22)` in the picture's own time.
pub fn window_name(start_ms: i64, end_ms: i64, zero_us: i64) -> String {
    let edge = |ms: i64| axes::short(label(ms * 1_000, zero_us), 3);
    format!("[{}, {})", edge(start_ms), edge(end_ms))
}

/// What became of a record, in a sentence.
pub fn sentence(desk: &Desk, loaded: &Loaded, dot: &Dot) -> String {
    let name = format!("Reading #{}", dot.row + 1);
    let delay = time(dot.at_us - dot.event_us);
    match dot.fate {
        Fate::Late {
            start_ms,
            end_ms,
            closed_us,
        } => {
            let window = window_name(start_ms, end_ms, loaded.zero_us);
            let by = time(dot.at_us - closed_us);
            let kept = match (desk.settings.config.strategy, dot.spare_ms) {
                (Strategy::Fixed { delay_ms }, Some(spare)) => {
                    let enough = delay_ms as i64 - spare + 1;
                    format!(
                        " A delay of {} would have kept it.",
                        axes::short(enough as f64 / 1e3, 3) + " s"
                    )
                }
                _ => String::new(),
            };
            format!("{name} came {by} after its window {window} closed: dropped.{kept}")
        }
        Fate::Behind => format!(
            "{name} took {delay}. It is behind the line, and its window is still open: counted."
        ),
        Fate::Counted => match dot.spare_ms {
            Some(spare) => format!(
                "{name} took {delay} and is counted, with {} of the line's way to spare.",
                time(spare * 1_000)
            ),
            None => format!("{name} took {delay} and is counted."),
        },
        Fate::Uncovered => format!("{name} falls between two windows: none covers it."),
    }
}

struct Axes {
    x: Scale,
    y: Scale,
    width: f64,
    height: f64,
}

fn axes_of(plane: &Plane, zero_us: i64, width: f64, height: f64) -> Axes {
    let view = &plane.view;
    let x = Scale::linear(
        label(view.event_from_us, zero_us),
        label(view.until_us, zero_us),
        LEFT,
        width - RIGHT,
    );
    let y = Scale::linear(
        label(view.from_us, zero_us),
        label(view.until_us, zero_us),
        height - BOTTOM,
        TOP,
    );
    Axes {
        x,
        y,
        width,
        height,
    }
}

/// The picture with what belongs to it: which stretch, which record, and what became of it.
#[component]
pub fn PlanePanel(props: &PlaneProps) -> Html {
    let desk = &props.desk;
    let node = use_node_ref();
    let width = f64::from(use_width(&node));
    let (Some(plane), Some(loaded)) = (&desk.plane, &desk.loaded) else {
        let words = if desk.load_problem.is_some() {
            "No arrivals yet."
        } else {
            "Making the arrivals …"
        };
        return html! { <section class="panel canvas plane" ref={node}><p class="waiting">{ words }</p></section> };
    };
    let dot = desk.picked_dot();
    let say = match &dot {
        Some(dot) => sentence(desk, loaded, dot),
        None => match plane.late {
            0 => "Nothing in this stretch is late. Take a reading and move it up, past the line."
                .to_string(),
            n => format!(
                "{n} of {} readings in this stretch came after their window had closed. Take one and move it.",
                plane.records
            ),
        },
    };
    let is_late = dot.is_some_and(|dot| matches!(dot.fate, Fate::Late { .. }));
    let put_back = {
        let (desk, plane) = (desk.clone(), plane.clone());
        Callback::from(move |_| {
            if let (Some(picked), Some(at_us)) = (desk.picked, plane.picked_at_us) {
                desk.dispatch(Action::Pick(Some(Picked { at_us, ..picked })));
            }
        })
    };
    let note = {
        let desk = desk.clone();
        Callback::from(move |_| desk.dispatch(Action::Note))
    };
    let moved = dot.is_some_and(|dot| plane.picked_at_us.is_some_and(|at_us| at_us != dot.at_us));
    html! {
        <section class="panel canvas plane" ref={node} aria-label="Event time against processing time">
            <Stretch desk={desk.clone()} />
            if width > 0.0 { <Picture desk={desk.clone()} {width} /> }
            <div class="verdict" data-tone={if is_late { "late" } else { "none" }}>
                <p class="say" id="said" aria-live={if desk.dragging { "off" } else { "polite" }}>{ say }</p>
                if dot.is_some() {
                    if moved { <button class="btn" id="put-back" onclick={put_back}>{ format!("Put back at {} s", axes::short(label(plane.picked_at_us.unwrap_or(0), loaded.zero_us), 1)) }</button> }
                    <button class="btn" id="note" onclick={note}>{ "Add to table" }</button>
                }
            </div>
            if let Some(picked) = desk.picked { <Mover desk={desk.clone()} {picked} /> }
            if !desk.noted.is_empty() { <Notes desk={desk.clone()} /> }
        </section>
    }
}

/// Which stretch of the arrivals is seen.
#[component]
fn Stretch(props: &PlaneProps) -> Html {
    let desk = &props.desk;
    let (Some(plane), Some(loaded)) = (&desk.plane, &desk.loaded) else {
        return html! {};
    };
    let by = |part: i64| {
        let desk = desk.clone();
        Callback::from(move |_| {
            desk.dispatch(Action::Look(
                desk.from_us + desk.length_us * part / 2,
                desk.length_us,
            ));
        })
    };
    let on_length = {
        let desk = desk.clone();
        Callback::from(move |event: Event| {
            let select = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlSelectElement>().ok());
            if let Some(Ok(ms)) = select.map(|select| select.value().parse::<i64>()) {
                desk.dispatch(Action::Look(desk.from_us, ms * 1_000));
            }
        })
    };
    let title = match desk.settings.config.windows.aligned() {
        Some(_) => "Once the line has passed the end of a window, whatever still comes is dropped",
        None if desk.settings.config.by_key && desk.picked.is_none() => {
            "Each key has sessions of its own: take a reading to see those of its key"
        }
        None => "A session takes what comes until the line has passed its last event and the gap",
    };
    let drawn = match (plane.one_in, plane.late_not_drawn) {
        (1, 0) => String::new(),
        (n, 0) => format!("drawn: 1 in {n}"),
        (n, hidden) => format!("drawn: 1 in {n}; {hidden} late ones lie outside"),
    };
    html! {
        <header class="stretch">
            <h2>{ title }<small>{ format!("{}; {} rows of state at {} s", line_name(desk), axes::count(plane.rows), axes::short(label(plane.view.until_us, loaded.zero_us), 1)) }</small></h2>
            <span class="drawn">{ drawn }</span>
            <span class="walk">
                <button class="btn" id="earlier" onclick={by(-1)} disabled={desk.from_us <= loaded.from_us} aria-label="Earlier">{ "‹" }</button>
                <select aria-label="Length of the stretch" id="length" onchange={on_length}>
                    { for LENGTHS.iter().map(|&ms| html! { <option value={ms.to_string()} selected={ms * 1_000 == desk.length_us}>{ axes::exact(ms as u64) }</option> }) }
                </select>
                <button class="btn" id="later" onclick={by(1)} disabled={desk.from_us + desk.length_us >= loaded.until_us} aria-label="Later">{ "›" }</button>
            </span>
        </header>
    }
}

#[derive(Properties, PartialEq)]
struct PictureProps {
    desk: UseReducerHandle<Desk>,
    width: f64,
}

#[component]
fn Picture(props: &PictureProps) -> Html {
    let PictureProps { desk, width } = props;
    let node = use_node_ref();
    // Where the press began, as processing time less that of the record: what is dragged does not jump under the finger.
    let grip = use_mut_ref(|| 0_i64);
    let (Some(plane), Some(loaded)) = (&desk.plane, &desk.loaded) else {
        return html! {};
    };
    let height = if *width < 560.0 { 290.0 } else { 306.0 };
    let zero = loaded.zero_us;
    let axes = axes_of(plane, zero, *width, height);
    let (x, y) = (axes.x, axes.y);
    let at = move |node: &NodeRef, event: &PointerEvent| {
        let place = node
            .cast::<Element>()
            .map(|element| element.get_bounding_client_rect());
        place.map_or((0.0, 0.0), |place| {
            (
                f64::from(event.client_x()) - place.left(),
                f64::from(event.client_y()) - place.top(),
            )
        })
    };
    let time_at = move |py: f64| zero + (y.value(py) * 1e6) as i64;
    let on_down = {
        let (desk, plane, node, grip) = (desk.clone(), plane.clone(), node.clone(), grip.clone());
        Callback::from(move |event: PointerEvent| {
            let (px, py) = at(&node, &event);
            let far = |dot: &&Dot| {
                let (dx, dy) = (
                    x.at(label(dot.event_us, zero)) - px,
                    y.at(label(dot.at_us, zero)) - py,
                );
                dx * dx + dy * dy
            };
            let shown = plane.dots.iter().chain(plane.picked.as_ref());
            let nearest = shown.min_by(|a, b| far(a).total_cmp(&far(b)));
            if let Some(dot) = nearest.filter(|dot| far(dot) <= NEAR * NEAR) {
                *grip.borrow_mut() = time_at(py) - dot.at_us;
                desk.dispatch(Action::Pick(Some(Picked {
                    row: dot.row,
                    at_us: dot.at_us,
                })));
                desk.dispatch(Action::Drag(true));
                if let Some(element) = node.cast::<Element>() {
                    let _ = element.set_pointer_capture(event.pointer_id());
                }
            }
        })
    };
    let on_move = {
        let (desk, node, grip) = (desk.clone(), node.clone(), grip.clone());
        Callback::from(move |event: PointerEvent| {
            if let Some(picked) = desk.picked.filter(|_| desk.dragging) {
                event.prevent_default();
                let at_us = time_at(at(&node, &event).1) - *grip.borrow();
                desk.dispatch(Action::Pick(Some(moved_to(&desk, picked, at_us))));
            }
        })
    };
    let on_up = {
        let desk = desk.clone();
        Callback::from(move |_: PointerEvent| {
            if desk.dragging {
                desk.dispatch(Action::Drag(false));
            }
        })
    };
    let on_key = {
        let desk = desk.clone();
        Callback::from(move |event: KeyboardEvent| press(&desk, &event))
    };
    let view = &plane.view;
    let (bottom, right) = (height - BOTTOM, *width - RIGHT);
    let mut line = String::new();
    for &(at_us, closed_ms) in &plane.line {
        let (cx, cy) = (
            x.at(label(closed_ms * 1_000, zero)).clamp(LEFT, right),
            y.at(label(at_us, zero)).clamp(TOP, bottom),
        );
        if line.is_empty() {
            line = format!("M{} {}", px(cx), px(bottom));
        } else {
            line += &format!("V{}H{}", px(cy), px(cx));
        }
    }
    if !line.is_empty() {
        line += &format!("V{}", px(TOP));
    }
    let now = label(view.from_us, zero).max(label(view.event_from_us, zero));
    let diagonal = format!(
        "M{} {}L{} {}",
        px(x.at(now)),
        px(y.at(now)),
        px(right),
        px(TOP)
    );
    let picked = desk.picked;
    let dot_now = desk.picked_dot();
    let summary = format!(
        "{} readings arrive between {} s and {} s, {} of them late. {}",
        plane.records,
        axes::short(label(view.from_us, zero), 1),
        axes::short(label(view.until_us, zero), 1),
        plane.late,
        dot_now.map_or_else(
            || "Left and right choose a reading, up and down move it.".to_string(),
            |dot| sentence(desk, loaded, &dot)
        ),
    );
    html! {
        <svg ref={node} class="diagram" id="plane" data-taken={picked.is_some().to_string()} width={px(*width)} height={px(height)} viewBox={format!("0 0 {} {}", px(*width), px(height))} tabindex="0" role="application" aria-label={summary} aria-roledescription="event-time plane"
            onpointerdown={on_down} onpointermove={on_move} onpointerup={on_up.clone()} onpointercancel={on_up} onkeydown={on_key}>
            <defs>
                <pattern id="hatch" width="4.5" height="4.5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V4.5" /></pattern>
                <clipPath id="inside"><rect x={px(LEFT)} y={px(TOP)} width={px(right - LEFT)} height={px(bottom - TOP)} /></clipPath>
            </defs>
            <g clip-path="url(#inside)">
                { columns(plane, &axes, zero, dot_now) }
                <path class="diagonal" d={diagonal} />
                { for plane.dots.iter().map(|dot| glyph(dot, x.at(label(dot.event_us, zero)), y.at(label(dot.at_us, zero)))) }
                <path class="line" d={line} />
            </g>
            { for y.ticks(6).into_iter().map(|value| html! { <><path class="ruled" d={format!("M{} {}h-4", px(LEFT), px(y.at(value)))} />{ text(LEFT - 8.0, y.at(value) + 4.0, axes::short(value, 2), "m s12 mu e") }</> }) }
            { for x.ticks(if *width < 560.0 { 5 } else { 8 }).into_iter().map(|value| text(x.at(value), bottom + 15.0, axes::short(value, 2), "m s12 mu c")) }
            <path class="axis" d={format!("M{} {}V{}H{}", px(LEFT), px(TOP), px(bottom), px(right))} />
            { text(right, height - 8.0, "event time, s", "s12 mu e") }
            { text(4.0, height - 8.0, "processing time, s: upwards", "s12 mu") }
            if let Some(picked) = picked {
                <Taken desk={desk.clone()} {picked} dot={dot_now} left={x.at(label(dot_event(plane, picked).unwrap_or(0), zero))} scale={y} {zero} {right} />
            }
        </svg>
    }
}

/// When the picked record happened.
fn dot_event(plane: &Plane, picked: Picked) -> Option<i64> {
    let shown = plane.picked.iter().chain(&plane.dots);
    shown
        .filter(|dot| dot.row == picked.row)
        .map(|dot| dot.event_us)
        .next()
}

/// Where the line comes from.
fn line_name(desk: &Desk) -> String {
    match desk.settings.config.strategy {
        Strategy::Fixed { delay_ms } => format!(
            "watermark: latest event time seen, minus {}",
            axes::exact(delay_ms)
        ),
        strategy => format!("watermark: {}", strategy.name()),
    }
}

#[derive(Properties, PartialEq)]
struct TakenProps {
    desk: UseReducerHandle<Desk>,
    picked: Picked,
    dot: Option<Dot>,
    left: f64,
    scale: Scale,
    zero: i64,
    right: f64,
}

/// The picked record, where it really arrived, and its delay.
#[component]
fn Taken(props: &TakenProps) -> Html {
    let TakenProps {
        desk,
        picked,
        dot,
        left,
        scale,
        zero,
        right,
    } = props;
    let (Some(plane), Some(loaded)) = (&desk.plane, &desk.loaded) else {
        return html! {};
    };
    let Some(event_us) = dot_event(plane, *picked) else {
        return html! {};
    };
    let (top, bottom) = (TOP, scale.at(label(plane.view.from_us, *zero)));
    let y = scale.at(label(picked.at_us, *zero)).clamp(top, bottom);
    let really = plane
        .picked_at_us
        .map(|at_us| scale.at(label(at_us, *zero)));
    let foot = scale.at(label(event_us, *zero)).min(bottom);
    let late = dot.filter(|dot| matches!(dot.fate, Fate::Late { .. }));
    // Beside the record, on the side that has room.
    let (words_at, anchor) = if *left > right * 0.55 {
        (left - 20.0, "e")
    } else {
        (left + 20.0, "")
    };
    let class =
        |plain: &'static str, at_end: &'static str| if anchor == "e" { at_end } else { plain };
    html! {
        <g class="taken" data-late={late.is_some().to_string()} data-row={picked.row.to_string()}>
            <path class="drag" d={format!("M{} {}V{}", px(*left), px(foot), px(y))} />
            if let Some(really) = really.filter(|really| (really - y).abs() > 2.0 && *really >= top && *really <= bottom) {
                <circle class="ghost" cx={px(*left)} cy={px(really)} r="5" />
                { text(words_at, really + 4.0, "arrived here", class("s12 mu halo", "s12 mu e halo")) }
            }
            if let Some(dot) = late { { glyph_sized(&dot, *left, y, 10.0) } } else { <circle class="reading" cx={px(*left)} cy={px(y)} r="6" /> }
            <path class="ring" d={diamond(*left, y, 14.5)} />
            if let Some(Fate::Late { start_ms, end_ms, closed_us }) = late.map(|dot| dot.fate) {
                { text(words_at, y + 4.0, format!("dropped: window {} closed at {} s", window_name(start_ms, end_ms, loaded.zero_us), axes::short(label(closed_us, loaded.zero_us), 1)), class("s14 b late-word halo", "s14 b e late-word halo")) }
            } else {
                { text(words_at, y + 4.0, format!("delay {}", time(picked.at_us - event_us)), class("s12 sb halo", "s12 sb e halo")) }
            }
            <circle class="handle" cx={px(*left)} cy={px(y)} r="24" />
        </g>
    }
}

/// The record at another arrival, never before it happened unless it came so.
fn moved_to(desk: &Desk, picked: Picked, at_us: i64) -> Picked {
    let (Some(plane), Some(view)) = (&desk.plane, desk.view()) else {
        return picked;
    };
    let event_us = dot_event(plane, picked).unwrap_or(at_us);
    let least = event_us
        .min(plane.picked_at_us.unwrap_or(event_us))
        .max(view.from_us);
    Picked {
        at_us: at_us.clamp(least, (view.until_us - 1).max(least)),
        ..picked
    }
}

/// The keys of the picture: left and right choose, up and down move, Escape puts back, Enter adds to the table.
fn press(desk: &UseReducerHandle<Desk>, event: &KeyboardEvent) {
    let Some(plane) = &desk.plane else { return };
    let step = if event.shift_key() { 10 } else { 1 } * desk.length_us / 240;
    let action = match (event.key().as_str(), desk.picked) {
        (key @ ("ArrowLeft" | "ArrowRight"), picked) => {
            let Some(dot) = neighbour(plane, picked, key == "ArrowRight") else {
                return;
            };
            Action::Pick(Some(Picked {
                row: dot.row,
                at_us: dot.at_us,
            }))
        }
        (key @ ("ArrowUp" | "ArrowDown"), Some(picked)) => {
            let by = if key == "ArrowUp" { step } else { -step };
            Action::Pick(Some(moved_to(desk, picked, picked.at_us + by)))
        }
        ("Escape", Some(picked)) => match plane.picked_at_us {
            Some(at_us) if at_us != picked.at_us => Action::Pick(Some(Picked { at_us, ..picked })),
            _ => Action::Pick(None),
        },
        ("Enter", Some(_)) => Action::Note,
        _ => return,
    };
    event.prevent_default();
    desk.dispatch(action);
}

/// The next record by event time; from none, the one in the middle.
fn neighbour(plane: &Plane, picked: Option<Picked>, later: bool) -> Option<Dot> {
    let mut dots: Vec<&Dot> = plane.dots.iter().chain(plane.picked.as_ref()).collect();
    dots.sort_by_key(|dot| (dot.event_us, dot.row));
    let Some(picked) = picked else {
        return dots.get(dots.len() / 2).map(|dot| **dot);
    };
    let place = dots.iter().position(|dot| dot.row == picked.row)?;
    let next = if later {
        place + 1
    } else {
        place.checked_sub(1)?
    };
    dots.get(next).map(|dot| **dot)
}

/// Windows: their column until they close, their lid, and when their rows came out.
fn columns(plane: &Plane, axes: &Axes, zero: i64, picked: Option<Dot>) -> Html {
    let (x, y) = (axes.x, axes.y);
    let bottom = axes.height - BOTTOM;
    let missed = picked.and_then(|dot| match dot.fate {
        Fate::Late { end_ms, .. } => Some(end_ms),
        _ => None,
    });
    // Columns that are narrower than this are a pattern and no windows.
    let wide = |from: f64, until: f64| until - from >= 5.0;
    let mut beside = plane.columns.windows(2);
    let overlapping = beside.any(|two| two[1].start_ms < two[0].end_ms);
    let mut shown = Vec::new();
    for column in &plane.columns {
        let (left, right) = (
            x.at(label(column.start_ms * 1_000, zero)),
            x.at(label(column.end_ms * 1_000, zero)),
        );
        if !wide(left, right) || left > axes.width {
            continue;
        }
        let top = column
            .closed_us
            .map_or(TOP, |at_us| y.at(label(at_us, zero)).clamp(TOP, bottom));
        let foot = y
            .at(label(column.start_ms * 1_000, zero))
            .clamp(TOP, bottom);
        let hit = missed == Some(column.end_ms);
        shown.push(html! {
            <g key={column.start_ms.to_string()}>
                if !overlapping || hit { <rect class="column" data-hit={hit.to_string()} x={px(left + 1.0)} y={px(top)} width={px(right - left - 2.0)} height={px((foot - top).max(0.0))} /> }
                <path class="ruled" d={format!("M{} {}V{}", px(left), px(bottom), px(TOP))} />
                if column.closed_us.is_some() && top > TOP && top < bottom { <path class="lid" data-hit={hit.to_string()} d={format!("M{} {}H{}", px(left + 1.0), px(top), px(right - 1.0))} /> }
                if let Some(at_us) = column.out_us.filter(|_| right - left >= 16.0) { <path class="fire" d={format!("M{} {}l4 4 7 -8", px((left + right) / 2.0 - 5.0), px(y.at(label(at_us, zero)) - 8.0))} /> }
            </g>
        });
    }
    html! { <>{ for shown }</> }
}

fn diamond(x: f64, y: f64, r: f64) -> String {
    format!(
        "M{} {}L{} {}L{} {}L{} {}Z",
        px(x),
        px(y - r),
        px(x + r),
        px(y),
        px(x),
        px(y + r),
        px(x - r),
        px(y)
    )
}

fn glyph(dot: &Dot, x: f64, y: f64) -> Html {
    match dot.fate {
        Fate::Late { .. } => glyph_sized(dot, x, y, 6.0),
        Fate::Behind => html! { <path class="behind" d={diamond(x, y, 4.5)} key={dot.row} /> },
        Fate::Counted => {
            html! { <circle class="reading" cx={px(x)} cy={px(y)} r="2.6" key={dot.row} /> }
        }
        Fate::Uncovered => {
            html! { <circle class="reading out" cx={px(x)} cy={px(y)} r="2.6" key={dot.row} /> }
        }
    }
}

fn glyph_sized(dot: &Dot, x: f64, y: f64, r: f64) -> Html {
    html! { <g class="dropped" key={dot.row}><path class="ground" d={diamond(x, y, r)} /><path class="fill" d={diamond(x, y, r)} /></g> }
}

#[derive(Properties, PartialEq)]
struct MoverProps {
    desk: UseReducerHandle<Desk>,
    picked: Picked,
}

/// The same as dragging, as a slider: for keys and for those who do not see the picture.
#[component]
fn Mover(props: &MoverProps) -> Html {
    let MoverProps { desk, picked } = props;
    let (Some(plane), Some(loaded)) = (&desk.plane, &desk.loaded) else {
        return html! {};
    };
    let picked = *picked;
    let (from, until) = (
        moved_to(desk, picked, i64::MIN / 2).at_us,
        moved_to(desk, picked, i64::MAX / 2).at_us,
    );
    let step = |later: bool| {
        let (desk, plane) = (desk.clone(), plane.clone());
        Callback::from(move |_| {
            if let Some(dot) = neighbour(&plane, desk.picked, later) {
                desk.dispatch(Action::Pick(Some(Picked {
                    row: dot.row,
                    at_us: dot.at_us,
                })));
            }
        })
    };
    let on_input = {
        let desk = desk.clone();
        Callback::from(move |event: InputEvent| {
            let input = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
            if let Some(Ok(ms)) = input.map(|input| input.value().parse::<i64>()) {
                desk.dispatch(Action::Pick(Some(moved_to(
                    &desk,
                    picked,
                    from + ms * 1_000,
                ))));
            }
        })
    };
    let now = format!("{} s", axes::short(label(picked.at_us, loaded.zero_us), 2));
    html! {
        <div class="mover">
            <button class="btn" id="reading-before" onclick={step(false)} aria-label="Reading before">{ "‹" }</button>
            <label for="arrival">{ format!("Reading #{} of {} arrives at", picked.row + 1, if plane.picked_key.is_empty() { "no key" } else { &plane.picked_key }) }</label>
            <input type="range" id="arrival" min="0" max={((until - from) / 1_000).to_string()} step="20" value={((picked.at_us - from) / 1_000).to_string()} oninput={on_input} aria-valuetext={now.clone()} />
            <output for="arrival" class="mono">{ now }</output>
            <button class="btn" id="reading-after" onclick={step(true)} aria-label="Reading after">{ "›" }</button>
        </div>
    }
}

/// Records that were added: what the picture shows, in words and numbers.
#[component]
fn Notes(props: &PlaneProps) -> Html {
    let desk = &props.desk;
    let Some(loaded) = &desk.loaded else {
        return html! {};
    };
    let zero = loaded.zero_us;
    let seconds = |us: i64| axes::short(label(us, zero), 3);
    let forget = {
        let desk = desk.clone();
        Callback::from(move |_| desk.dispatch(Action::Forget))
    };
    let rows = desk
        .noted
        .iter()
        .filter_map(|plane| Some((plane, plane.picked?)));
    html! {
        <div class="notes" id="notes" tabindex="0">
            <table>
                <caption>{ format!("Readings; times in s since {}", axes::moment(zero)) }<button class="link" onclick={forget}>{ "Empty" }</button></caption>
                <thead><tr>{ for ["reading", "key", "event", "arrives", "really", "delay", "became of it", "late in the stretch"].map(|name| html! { <th scope="col">{ name }</th> }) }</tr></thead>
                <tbody>{ for rows.map(|(plane, dot)| {
                    let fate = match dot.fate {
                        Fate::Late { start_ms, end_ms, closed_us } => format!("dropped: {} closed at {}", window_name(start_ms, end_ms, zero), seconds(closed_us)),
                        Fate::Behind => "counted, behind the line".to_string(),
                        Fate::Counted => "counted".to_string(),
                        Fate::Uncovered => "in no window".to_string(),
                    };
                    html! { <tr>
                        <th scope="row">{ format!("#{}", dot.row + 1) }</th><td>{ plane.picked_key.clone() }</td><td>{ seconds(dot.event_us) }</td><td>{ seconds(dot.at_us) }</td>
                        <td>{ plane.picked_at_us.map(seconds) }</td><td>{ time(dot.at_us - dot.event_us) }</td><td>{ fate }</td><td>{ format!("{} of {}", plane.late, plane.records) }</td>
                    </tr> }
                }) }</tbody>
            </table>
        </div>
    }
}

/// What the run makes of all of it: events, counted, late, open; and what is held.
#[component]
pub fn Tally(props: &PlaneProps) -> Html {
    let desk = &props.desk;
    let Some(judged) = &desk.judged else {
        return html! { <section class="panel counters" aria-label="Counters"><p class="waiting">{ "Not run yet." }</p></section> };
    };
    let run = &judged.outcome;
    let own = desk.settings.source == Source::Own;
    let tile = |name: &'static str,
                id: &'static str,
                value: u64,
                more: String,
                tone: &'static str| {
        html! {
            <div class="tile" data-tone={tone} {id}><span>{ name }</span><b>{ axes::count(value) }</b>if !more.is_empty() { <i>{ more }</i> }</div>
        }
    };
    let late = if run.late > 0 { "late" } else { "none" };
    html! {
        <section class="panel counters" aria-label="Counters">
            { tile(if own { "your events" } else { "events" }, "events", run.events, String::new(), "none") }
            { tile("counted", "counted", run.delivered, String::new(), "none") }
            { tile("late, dropped", "late", run.late, percent(run.late_ppm), late) }
            { tile(if run.uncovered > 0 { "open or in no window" } else { "still open" }, "pending", run.pending + run.uncovered, String::new(), "none") }
            <dl class="facts">
                <div><dt>{ "P95, event to result" }</dt><dd id="p95">{ axes::percentile(run.p95) }</dd></div>
                <div><dt>{ "honest, dropped = ∞" }</dt><dd>{ axes::percentile(run.p95_honest) }</dd></div>
                <div><dt>{ "state, rows at most" }</dt><dd>{ axes::count(run.state_peak) }</dd></div>
                <div><dt>{ "memory, estimated" }</dt><dd>{ axes::bytes(run.memory_bytes) }</dd></div>
            </dl>
        </section>
    }
}
