//! The crash strip: one cell for each moment at which a crash makes a difference, by what becomes of the orders then. A cell
//! that is pressed puts that crash into the script and runs it.

use super::glyphs::{px, text};
use super::guarantee::Explore;
use super::stage::Fit;
use super::timeline::{Axis, LEFT, RIGHT};
use crate::app::lab::{Action, Lab};
use crate::app::many::use_many;
use crate::replay::explain::seconds;
use crate::sim::cast;
use crate::sim::explore::crash_points::{Counterexample, Report};
use crate::sim::explore::{Fates, Guarantee};
use crate::sim::fault::MENU;
use crate::sim::kernel::Time;
use crate::sim::ordered::OrdMap;
use web_sys::{Element, KeyboardEvent, MouseEvent, PointerEvent};
use yew::{
    Callback, Html, Properties, TargetCast, UseReducerHandle, component, html, use_memo,
    use_node_ref, use_state_eq,
};

/// What a crash does to the orders, the worst of it first: the word, and the letter in a cell, which is how often an order
/// then stands in the table.
const MARKS: [(Fates, &str, &str); 6] = [
    (Fates::LOST, "lost", "0"),
    (Fates::DUPLICATED, "duplicated", "2"),
    (Fates::LATE, "late", "t"),
    (Fates::REFUSED, "refused", "!"),
    (Fates::STUCK, "stuck", "…"),
    (Fates::EXACT, "exact", "1"),
];
const EXACT: usize = 5;

/// A cell where it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cell {
    /// Row and point of the report's strip.
    row: usize,
    point: usize,
    at: Time,
    /// Index into [`MARKS`].
    mark: usize,
    /// One with the cell before it.
    merged: bool,
}

#[derive(Debug, PartialEq)]
struct Lane {
    name: String,
    cells: Vec<Cell>,
}

fn mark(fates: Fates) -> usize {
    let found = MARKS.iter().position(|(flag, ..)| fates.has(*flag));
    found.unwrap_or(EXACT)
}

/// The rows of a report as at most so many lanes: where nothing goes wrong shares the last one.
fn lanes(report: &Report, most: usize) -> Vec<Lane> {
    let rows = &report.strip.rows;
    let cells = |row: usize| -> Vec<Cell> {
        let points = rows[row].points.iter().enumerate();
        points
            .map(|(point, found)| Cell {
                row,
                point,
                at: found.at,
                mark: mark(found.fates.first().copied().unwrap_or_default()),
                merged: found.merged,
            })
            .collect()
    };
    let mut lanes: Vec<(usize, Lane)> = (0..rows.len())
        .map(|row| {
            let cells = cells(row);
            let bad = cells.iter().filter(|cell| cell.mark != EXACT).count();
            let name = if rows[row].fact.is_empty() {
                rows[row].place.clone()
            } else {
                short(&rows[row].fault)
            };
            (bad, Lane { name, cells })
        })
        .collect();
    let mut by_harm: Vec<usize> = lanes
        .iter()
        .map(|lane| lane.0)
        .filter(|bad| *bad > 0)
        .collect();
    by_harm.sort_unstable_by(|a, b| b.cmp(a));
    let least = match by_harm.len() {
        shown if shown < most => 1,
        _ => by_harm[most - 2] + usize::from(by_harm[most - 2] == by_harm[most - 1]),
    };
    let mut rest: Vec<Cell> = Vec::new();
    lanes.retain_mut(|(bad, lane)| {
        let alone = *bad >= least;
        if !alone {
            rest.append(&mut lane.cells);
        }
        alone
    });
    rest.sort_by_key(|cell| (cell.at, cell.row, cell.point));
    let name = if lanes.is_empty() { "all" } else { "others" }.to_string();
    if !rest.is_empty() {
        lanes.push((0, Lane { name, cells: rest }));
    }
    lanes.into_iter().map(|(_, lane)| lane).collect()
}

fn short(fault: &str) -> String {
    let entry = MENU.iter().find(|entry| entry.name == fault);
    entry.map_or_else(|| fault.to_string(), |entry| entry.short.to_string())
}

/// "p1 crashes at 3.204 s before handle produce: duplicated".
fn words(report: &Report, cell: Cell) -> String {
    let row = &report.strip.rows[cell.row];
    let point = &row.points[cell.point];
    let step = &report.strip.words[usize::from(point.words)];
    let what = if row.fact.is_empty() {
        format!("{}: {}", row.place, short(&row.fault))
    } else {
        short(&row.fault)
    };
    let merged = if point.merged {
        ", one with the point before it"
    } else {
        ""
    };
    let fates = point.fates.first().copied().unwrap_or_default().words();
    format!("{what} at {} {step}: {fates}{merged}", seconds(point.at))
}

/// How many lanes there is room for, and how high one is, in px.
fn room(fit: Fit) -> (usize, f64) {
    match fit {
        Fit::Whole | Fit::Low => (6, 11.0),
        Fit::Lowest => (4, 10.0),
        Fit::Phone | Fit::Room => (7, 18.0),
    }
}

/// The cells around the one in hand, drawn large.
const LOUPE: f64 = 18.0;
/// What is left free above the lanes.
const TOP: f64 = 3.0;

#[derive(Properties, PartialEq)]
pub struct StripProps {
    pub lab: UseReducerHandle<Lab>,
    pub axis: Axis,
    pub fit: Fit,
}

/// The strip with its legend, and what the cell in hand does in words.
#[component]
pub fn Strip(props: &StripProps) -> Html {
    let StripProps { lab, axis, fit } = props;
    let (axis, (most, pitch)) = (*axis, room(*fit));
    let many = use_many();
    let node = use_node_ref();
    let hand = use_state_eq(|| (0_usize, 0_usize));
    let drawn = use_memo((many.judged.clone(), most), |(known, most)| {
        known
            .as_ref()
            .map(|known| lanes(&known.found.report, *most))
    });
    let (Some(known), Some(lanes)) = (&many.judged, &*drawn) else {
        return html! {
            <section class="strip" aria-label="Crash strip">
                <p><b>{ "What if it crashed here instead? " }</b>{ "Every host is crashed before each of its steps, every acknowledgement is lost once, and each of these runs is told apart by what became of the orders." }</p>
                <Explore lab={lab.clone()} id="explore-strip" />
            </section>
        };
    };
    let report = &known.found.report;
    let stale = many.is_stale(lab);
    let lane = hand.0.min(lanes.len().saturating_sub(1));
    let Some(cells) = lanes
        .get(lane)
        .map(|lane| &lane.cells)
        .filter(|cells| !cells.is_empty())
    else {
        return html! { <p class="strip">{ "This scenario has no crash points." }</p> };
    };
    let index = hand.1.min(cells.len() - 1);
    let cell = cells[index];
    let high = TOP + lanes.len() as f64 * pitch;
    let room = (((axis.width - LEFT - RIGHT) / LOUPE) as usize).clamp(3, 25);
    let first = index
        .saturating_sub(room / 2)
        .min(cells.len().saturating_sub(room));
    let fork = {
        let lab = lab.clone();
        let known = known.clone();
        Callback::from(move |cell: Cell| {
            let row = &known.found.report.strip.rows[cell.row];
            if let Some(spec) = row.spec(cell.point, &cast(&known.scenario)) {
                let faults = OrdMap::from([("explored".to_string(), spec)]);
                lab.dispatch(Action::Script(faults, cell.at));
            }
        })
    };
    // Which cell lies under the pointer.
    let find = {
        let (node, drawn) = (node.clone(), drawn.clone());
        move |event: &MouseEvent| -> Option<(usize, usize)> {
            let corner = node.cast::<Element>()?.get_bounding_client_rect();
            let x = f64::from(event.client_x()) - corner.left();
            let y = f64::from(event.client_y()) - corner.top();
            let lanes = drawn.as_ref().as_ref()?;
            if y >= high {
                let place = ((x - LEFT) / LOUPE).floor();
                let index = first + place.max(0.0) as usize;
                let shown = place >= 0.0 && place < room as f64 && index < lanes[lane].cells.len();
                return shown.then_some((lane, index));
            }
            let lane = (((y - TOP) / pitch).max(0.0) as usize).min(lanes.len() - 1);
            let gap = |cell: &Cell| (axis.x(cell.at) - x).abs();
            let near = lanes[lane].cells.iter().enumerate();
            let near = near.min_by(|(_, a), (_, b)| gap(a).total_cmp(&gap(b)));
            near.map(|(index, _)| (lane, index))
        }
    };
    let on_move = {
        let (find, hand) = (find.clone(), hand.clone());
        Callback::from(move |event: PointerEvent| {
            // What is drawn large stays where it is while the pointer is over it.
            let corner = event.target_dyn_into::<Element>();
            let large =
                corner.is_some_and(|element| element.closest(".loupe").ok().flatten().is_some());
            if let Some(found) = find(&event).filter(|_| !large) {
                hand.set(found);
            }
        })
    };
    let on_click = {
        let (find, hand, fork, drawn) = (find, hand.clone(), fork.clone(), drawn.clone());
        Callback::from(move |event: MouseEvent| {
            if let (Some((lane, index)), Some(lanes)) = (find(&event), &*drawn) {
                hand.set((lane, index));
                fork.emit(lanes[lane].cells[index]);
            }
        })
    };
    let on_key = {
        let (hand, fork, drawn) = (hand.clone(), fork.clone(), drawn.clone());
        Callback::from(move |event: KeyboardEvent| {
            let Some(lanes) = &*drawn else { return };
            let cells = &lanes[lane].cells;
            let bad = |index: &usize| cells[*index].mark != EXACT;
            let over = |to: usize| {
                let at = cells[index].at;
                let near = lanes[to].cells.partition_point(|cell| cell.at < at);
                (to, near.min(lanes[to].cells.len() - 1))
            };
            let found = match event.key().as_str() {
                "ArrowRight" => (lane, (index + 1).min(cells.len() - 1)),
                "ArrowLeft" => (lane, index.saturating_sub(1)),
                "ArrowDown" => over((lane + 1).min(lanes.len() - 1)),
                "ArrowUp" => over(lane.saturating_sub(1)),
                "Home" => (lane, 0),
                "End" => (lane, cells.len() - 1),
                "PageDown" => (lane, (index + 1..cells.len()).find(bad).unwrap_or(index)),
                "PageUp" => (lane, (0..index).rev().find(bad).unwrap_or(index)),
                "Enter" | " " => {
                    fork.emit(cells[index]);
                    (lane, index)
                }
                _ => return,
            };
            event.prevent_default();
            hand.set(found);
        })
    };
    let here = {
        let fork = fork.clone();
        Callback::from(move |_| fork.emit(cell))
    };
    let replay = |found: &Counterexample| {
        let (lab, faults, at) = (lab.clone(), found.faults.clone(), found.at);
        let run = Callback::from(move |_| {
            lab.dispatch(Action::Script(faults.clone(), at.unwrap_or_default()));
        });
        html! { <button class="btn" data-refutes={found.guarantee.name()} onclick={run} title={found.words.clone()}>{ format!("Refute {}", found.guarantee.name()) }</button> }
    };
    let main = &report.segments[0];
    // Exactly-once falls with one of the others; the same script twice is one button.
    let examples = main.counterexamples.iter().filter(|found| {
        found.guarantee != Guarantee::ExactlyOnce || main.counterexamples.len() == 1
    });
    let said = words(report, cell);
    html! {
        <section class="strip" aria-label="Crash strip" data-stale={stale.to_string()}>
            <header>
                <b>{ if stale { "Changed since" } else { "Crash here instead?" } }</b>
                <span class="marks">{ for legend(report) }</span>
                if stale || many.is_judging() { <Explore lab={lab.clone()} id="explore-strip" /> } else { { for examples.map(replay) } }
            </header>
            <svg ref={node} width={px(axis.width)} height={px(high + 22.0)} role="slider" tabindex="0" aria-label="Crash points"
                aria-valuemin="1" aria-valuemax={cells.len().to_string()} aria-valuenow={(index + 1).to_string()} aria-valuetext={said.clone()} aria-keyshortcuts="Enter"
                onpointermove={on_move} onclick={on_click} onkeydown={on_key}>
                <Lanes judged={many.judged.clone()} {most} {pitch} {axis} />
                <rect class="in-hand" x={px(axis.x(cell.at) - 3.0)} y={px(TOP + lane as f64 * pitch - 1.0)} width="6" height={px(pitch + 1.0)} rx="2" />
                { text(LEFT - 8.0, high + 15.0, lanes[lane].name.clone(), "s11 b e") }
                <g class="loupe">{ for cells.iter().enumerate().skip(first).take(room).map(|(n, cell)| loupe(*cell, LEFT + (n - first) as f64 * LOUPE, high + 3.0, n == index)) }</g>
            </svg>
            <p class="strip-say" title={said.clone()}><span>{ said }</span><button class="btn" id="crash-here" onclick={here} tabindex="-1">{ "Crash here" }<kbd>{ "Enter" }</kbd></button></p>
        </section>
    }
}

/// One cell drawn large. What is one with the cell before it is joined to it.
fn loupe(cell: Cell, x: f64, y: f64, in_hand: bool) -> Html {
    let (_, word, letter) = MARKS[cell.mark];
    let left = if cell.merged { x - 2.0 } else { x + 1.0 };
    html! {
        <g class={if in_hand { "picked" } else { "" }} data-mark={word} data-merged={cell.merged.to_string()}>
            <rect x={px(left)} y={px(y)} width={px(x + LOUPE - 1.0 - left)} height="17" rx="2" />
            if !cell.merged { { text(x + LOUPE / 2.0, y + 13.0, letter, "m s12 b c") } }
        </g>
    }
}

/// How many points there are of each kind, with its letter.
fn legend(report: &Report) -> Vec<Html> {
    let main = &report.segments[0].tally;
    let counts = [
        main.lost,
        main.duplicated,
        main.late,
        main.refused,
        main.stuck,
        main.exact,
    ];
    let shown = MARKS.iter().zip(counts).filter(|(_, count)| *count > 0);
    shown
        .map(|((_, word, letter), count)| html! { <span data-mark={*word}><i>{ *letter }</i>{ format!("{count} {word}") }</span> })
        .collect()
}

#[derive(Properties, PartialEq)]
struct LanesProps {
    judged: Option<
        crate::app::lab::Shared<crate::app::many::Known<crate::sim::explore::guarantee::Judged>>,
    >,
    most: usize,
    pitch: f64,
    axis: Axis,
}

/// All cells, small: one path a lane and kind. What goes wrong is told by height and place as well as by colour.
#[component]
fn Lanes(props: &LanesProps) -> Html {
    let LanesProps {
        judged,
        most,
        pitch,
        axis,
    } = props;
    let Some(known) = judged else {
        return html! {};
    };
    let all = lanes(&known.found.report, *most);
    let lane = |(n, lane): (usize, &Lane)| {
        let top = TOP + n as f64 * pitch + 1.0;
        let tall = pitch - 2.0;
        let of_mark = |mark: usize| {
            let mut d = String::new();
            let mut last = f64::MIN;
            for cell in lane.cells.iter().filter(|cell| cell.mark == mark) {
                let x = (axis.x(cell.at) * 2.0).round() / 2.0;
                if x == last {
                    continue;
                }
                last = x;
                d += &match MARKS[mark].1 {
                    // A gap in the middle: something is missing.
                    "lost" => format!(
                        "M{} {}v{}m0 3v{}",
                        px(x),
                        px(top),
                        px((tall - 3.0) / 2.0),
                        px((tall - 3.0) / 2.0)
                    ),
                    "duplicated" => format!("M{} {}v{}", px(x), px(top), px(tall)),
                    "exact" => format!("M{} {}v2", px(x), px(top + tall - 2.0)),
                    _ => format!("M{} {}v{}", px(x), px(top), px(tall / 2.0)),
                };
            }
            (!d.is_empty()).then(|| html! { <path {d} data-mark={MARKS[mark].1} /> })
        };
        let bad = lane.cells.iter().filter(|cell| cell.mark != EXACT).count();
        html! { <g>
            <rect class="lane" x={px(LEFT)} y={px(top)} width={px(axis.width - LEFT - RIGHT)} height={px(tall)} />
            { text(LEFT - 8.0, top + tall / 2.0 + 4.0, lane.name.clone(), if bad > 0 { "s11 e" } else { "s11 mu e" }) }
            { for (0..MARKS.len()).rev().filter_map(of_mark) }
        </g> }
    };
    html! { <>{ for all.iter().enumerate().map(lane) }</> }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;
    use crate::sim::explore::crash_points::{Exploration, Reach};

    fn report() -> Report {
        let opening = catalog::find(catalog::OPENING).expect("there is one");
        let mut scenario = opening.scenario();
        scenario.workload.orders = 2;
        scenario.branches.clear();
        Exploration::run(&scenario, Reach::default()).expect("valid")
    }

    #[test]
    fn every_point_has_its_cell_in_one_of_the_lanes_and_what_goes_wrong_stands_alone() {
        let report = report();
        for most in [2, 3, 6, 12] {
            let lanes = lanes(&report, most);
            assert!(lanes.len() <= most, "{most}");
            let cells: usize = lanes.iter().map(|lane| lane.cells.len()).sum();
            assert_eq!(cells, report.points as usize);
            for lane in &lanes {
                assert!(lane.cells.is_sorted_by_key(|cell| cell.at), "{}", lane.name);
            }
        }
        let lanes = lanes(&report, 12);
        let last = lanes.last().expect("some");
        assert_eq!(last.name, "others");
        assert!(last.cells.iter().all(|cell| cell.mark == EXACT));
    }

    #[test]
    fn a_cell_says_what_crashes_when_before_what_and_what_becomes_of_it() {
        let report = report();
        let lanes = lanes(&report, 12);
        let cell = lanes[0]
            .cells
            .iter()
            .find(|cell| cell.mark != EXACT)
            .expect("one doubles");
        let text = words(&report, *cell);
        assert!(
            text.starts_with("p1: ") && text.ends_with(": duplicated"),
            "{text}"
        );
        assert_eq!(
            MARKS[mark(Fates(Fates::LOST.0 | Fates::DUPLICATED.0))].1,
            "lost"
        );
        assert_eq!(mark(Fates::PHANTOM), EXACT);
    }
}
