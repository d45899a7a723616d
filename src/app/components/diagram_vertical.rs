//! The track diagram from top to bottom, for narrow places: the same rails, routes and flags.

use super::diagram::{Drawing, row_class};
use super::glyphs::{self, Car, path, px, text};
use super::scene::{self, Entry, Spot, Track};
use super::{below, flink, plates, writers};
use crate::replay::board::{Decision, Partition, Slot};
use yew::{Html, classes, html};

const WIDTH: f64 = 374.0;
const HEIGHT: f64 = 506.0;
const SLOTS: usize = 6;
const SLOT: f64 = 29.0;
const TOP: f64 = 152.0;
const ROWS: usize = 3;
const ENGINE: f64 = 350.0;

struct Column<'a> {
    partition: &'a Partition,
    track: Track,
    x: f64,
}

impl Column<'_> {
    fn middle(&self, offset: u64) -> f64 {
        TOP + self.track.index(offset) * SLOT + SLOT / 2.0
    }

    fn edge(&self, offset: u64) -> f64 {
        TOP + self.track.index(offset) * SLOT
    }

    fn write_rail(&self) -> f64 {
        self.x - 34.0
    }

    fn read_rail(&self) -> f64 {
        self.x + 34.0
    }
}

/// The picture for a container of less than 620 px.
pub fn draw(drawing: &Drawing) -> Html {
    let board = drawing.board;
    let followed = drawing.followed();
    let columns: Vec<Column> = board
        .partitions
        .iter()
        .take(scene::PARTITIONS)
        .enumerate()
        .map(|(n, partition)| Column {
            partition,
            track: Track::of(partition, SLOTS, followed.filter(|_| !drawing.view.moving)),
            x: 74.0 + 180.0 * n as f64,
        })
        .collect();
    // Two lines of what stands below the rows take the place of one.
    let below: Vec<&below::Line> = drawing
        .below
        .iter()
        .flat_map(|one| one.shown().last())
        .collect();
    let places = if below.is_empty() { ROWS } else { ROWS - 1 };
    let most = places - usize::from(board.lost().next().is_some());
    let rows = scene::rows(board, drawing.scenario, most, followed);
    let [first, second] = scene::belief(board, followed);
    let lines = drawing.engine_lines();
    let flags = scene::flags(board, &drawing.view.done);
    html! {
        <svg class="diagram vertical" viewBox={format!("0 0 {} {}", px(WIDTH), px(HEIGHT))} aria-hidden="true">
            { plate(8.0, 8.0, 76.0, "Producer", &format!("acks={}", plates::acks(drawing.scenario))) }
            { for columns.iter().map(|column| rails(column)) }
            { for columns.iter().map(|column| routes(drawing, column, &rows)) }
            { for columns.iter().map(|column| track(drawing, column)) }
            { writers::draw(board, &drawing.cast, 297.0, 18.0) }
            <g class={if board.producer.alive { "" } else { "dead" }}>
                <rect class="box" x="8" y="34" width="150" height="42" rx="4" />
                { text(16.0, 51.0, format!("believes: {first}"), "s12") }{ text(16.0, 67.0, second, "s12 b") }
            </g>
            <g class={if board.engine.alive { "" } else { "dead" }}>
                <rect class="box" x="8" y={px(ENGINE)} width="358" height="44" rx="4" />
                { plate(16.0, ENGINE + 7.0, if drawing.has_consumers() { 82.0 } else { 56.0 }, plates::engine_name(drawing.scenario), "") }
                if drawing.has_job() {
                    { flink::draw_low(drawing, ENGINE) }
                } else if drawing.has_consumers() {
                    { for lines.sub.iter().enumerate().map(|(n, line)| text(106.0, ENGINE + 19.0 + 17.0 * n as f64, line.clone(), "s12")) }
                } else {
                    { text(80.0, ENGINE + 21.0, format!("{}: {}", lines.title, if lines.sub.is_empty() { lines.foot.clone() } else { lines.sub.join(", ") }), "s12") }
                }
                { for lines.ticks.iter().enumerate().map(|(n, (name, at))| {
                    let x = 80.0 + 110.0 * n as f64;
                    html! { <>if at.is_some() { { glyphs::tick(x, ENGINE + 32.0) } } else { <circle class="dot open" cx={px(x + 6.0)} cy={px(ENGINE + 33.0)} r="3.5" /> }{ text(x + 18.0, ENGINE + 37.0, name.clone(), "m s12") }</> }
                }) }
            </g>
            { plate(8.0, 402.0, 100.0, plates::sink_name(drawing.scenario), &drawing.sink_words()) }
            { for rows.iter().enumerate().map(|(n, row)| table_row(drawing, row, n)) }
            { for drawing.lost().into_iter().take(1).map(|outcome| html! {
                <g class="pick" onclick={drawing.select(outcome.order)}>
                    <rect class="row ghost" x="8" y={px(row_y(rows.len().min(places - 1)))} width="338" height="22" rx="2" />
                    { text(20.0, row_y(rows.len().min(places - 1)) + 15.5, format!("{} lost, ×0", outcome.order), "m s13 b lost-word") }
                </g>
            }) }
            { for below.iter().take(2).enumerate().map(|(n, line)| below::draw_line(line, 8.0 + 172.0 * n as f64, row_y(ROWS - 1) + 3.0, 166.0)) }
            { for flags.iter().enumerate().filter(|(n, flag)| !flags[n + 1..].iter().any(|other| column_of(other.spot).is_some() && column_of(other.spot) == column_of(flag.spot))).map(|(_, flag)| {
                let (x, y, pole) = match flag.spot {
                    Spot::Producer => return glyphs::flag_low(164.0, 34.0, flag.brief.clone(), flag.struck),
                    Spot::Engine => return glyphs::flag_low(142.0, ENGINE, flag.brief.clone(), flag.struck),
                    Spot::Link(0) => (52.0, 118.0, 40.0),
                    Spot::Link(_) => (236.0, 118.0, 78.0),
                    Spot::Broker(n) => (columns[n.min(columns.len() - 1)].x - 20.0, 118.0, 40.0),
                };
                glyphs::flag(x, y, pole, flag.lines.clone(), flag.struck, false)
            }) }
        </svg>
    }
}

/// The column of the log over which a flag stands: a link and its broker have one place between them.
fn column_of(spot: Spot) -> Option<usize> {
    match spot {
        Spot::Link(n) | Spot::Broker(n) => Some(n),
        Spot::Producer | Spot::Engine => None,
    }
}

fn plate(x: f64, y: f64, width: f64, title: &str, sub: &str) -> Html {
    html! { <>
        <rect class="plate" x={px(x)} y={px(y)} width={px(width)} height="20" rx="3" />
        { text(x + 8.0, y + 14.5, title.to_string(), "plate-text") }{ text(x + width + 8.0, y + 14.5, sub.to_string(), "m s12 mu") }
    </> }
}

fn row_y(n: usize) -> f64 {
    428.0 + 25.0 * n as f64
}

fn rails(column: &Column) -> Html {
    let end = TOP + SLOT * SLOTS as f64;
    let write = column.write_rail();
    let down = if column.x < 100.0 {
        format!("M40 76V{}", px(end))
    } else {
        format!(
            "M158 55H186L{} {}V{}",
            px(write),
            px(55.0 + (write - 186.0)),
            px(end)
        )
    };
    html! { <>
        { path(down, "rail") }{ path(format!("M{} {}V{}", px(column.read_rail()), px(TOP), px(ENGINE)), "rail") }
        { for (0..SLOTS).map(|n| html! { <rect class="slot" x={px(column.x - 13.0)} y={px(TOP + n as f64 * SLOT + 1.0)} width="26" height="27" rx="4" /> }) }
    </> }
}

fn routes(drawing: &Drawing, column: &Column, rows: &[Entry]) -> Html {
    let Some(order) = drawing.followed() else {
        return html! {};
    };
    let route = |slot: &Slot, shift: f64, class: &'static str| {
        let y = column.middle(slot.offset);
        let into = if column.x < 100.0 {
            format!("M{} 76V{}H{}", px(40.0 + shift), px(y), px(column.x - 12.0))
        } else {
            let write = column.write_rail() + shift;
            format!(
                "M158 {}H{}L{} {}V{}H{}",
                px(55.0 - shift),
                px(186.0 + shift),
                px(write),
                px(55.0 - shift + column.write_rail() - 186.0),
                px(y),
                px(column.x - 12.0)
            )
        };
        let out = rows
            .iter()
            .position(|row| row.source == (column.partition.id, slot.offset))
            .map(|n| {
                let side = 356.0 - shift;
                format!(
                    "M{} {}H{}V{}H{}V{}H346",
                    px(column.x + 12.0),
                    px(y),
                    px(column.read_rail() - shift),
                    px(ENGINE + 28.0 - shift),
                    px(side),
                    px(row_y(n) + 11.0)
                )
            });
        html! { <>{ path(into, class) }if let Some(out) = out { { path(out, class) } }</> }
    };
    let slots: Vec<&Slot> = column
        .track
        .visible(column.partition)
        .filter(|slot| slot.order == order)
        .collect();
    html! { <>
        { for slots.iter().filter(|slot| slot.repeat).map(|slot| html! { <>{ route(slot, -4.0, "route-extra") }{ route(slot, -4.0, "route-extra-inner") }</> }) }
        { for slots.iter().filter(|slot| !slot.repeat).map(|slot| route(slot, 3.0, "route")) }
    </> }
}

fn track(drawing: &Drawing, column: &Column) -> Html {
    let partition = column.partition;
    let name = format!("{}-{}", drawing.cast.topic, partition.id.0);
    let leader = plates::leader(partition, &drawing.cast, "");
    let watermark = column.edge(partition.high_watermark);
    html! { <>
        { text(column.x - 14.0, TOP - 20.0, name, "m s13 sb halo") }{ text(column.x - 14.0, TOP - 7.0, leader, "s11 mu halo") }
        { for column.track.visible(partition).map(|slot| {
            let (x, y) = (column.x, column.middle(slot.offset));
            let glyph = if slot.repeat { glyphs::doubled(x, y, slot.order, None) } else {
                let look = if drawing.followed() == Some(slot.order) { Car::Followed } else if slot.offset >= partition.high_watermark { Car::Above } else { Car::Stored };
                glyphs::car(x, y, slot.order, look)
            };
            let aborted = slot.transaction.is_some_and(|(_, decision)| decision == Decision::Aborted);
            html! { <g class={classes!("pick", drawing.is_fresh(slot.appended).then_some("fresh"))} onclick={drawing.select(slot.order)}>
                { glyph }
                if aborted { { path(format!("M{} {}l20 -20", px(x - 10.0), px(y + 10.0)), "aborted") } }
            </g> }
        }) }
        { for partition.markers.iter().filter(|marker| column.track.shows(marker.offset)).map(|marker| glyphs::marker(column.x, column.middle(marker.offset), marker.commit)) }
        { for (0..SLOTS).map(|n| text(column.x + 18.0, TOP + n as f64 * SLOT + 18.5, (column.track.first + n as u64).to_string(), "m s11 mu halo")) }
        { for drawing.barrier(partition).filter(|&at| column.track.shows(at)).map(|at| {
            let y = column.edge(at);
            path(format!("M{} {}h56m-56 4h56", px(column.x - 20.0), px(y - 2.0)), "barrier")
        }) }
        { path(format!("M{} {}h44", px(column.x - 20.0), px(watermark)), "mast") }
        <rect class="mast-plate" x={px(column.x + 36.0)} y={px(watermark - 7.0)} width="26" height="14" />
        { text(column.x + 49.0, watermark + 4.0, "HW", "plate-text s11 c") }
    </> }
}

fn table_row(drawing: &Drawing, row: &Entry, n: usize) -> Html {
    let y = row_y(n);
    let followed = drawing.followed() == Some(row.order);
    let word = if row.repeat {
        "m s13 b on-dup"
    } else if followed {
        "m s13 b"
    } else {
        "m s13"
    };
    let sum = if row.repeat {
        "m s13 e b on-dup"
    } else {
        "m s13 e"
    };
    html! {
        <g class={classes!("pick", drawing.is_fresh(row.since).then_some("fresh"))} onclick={drawing.select(row.order)}>
            <rect class={row_class(row, followed)} x="8" y={px(y)} width="338" height="22" rx="2" />
            { text(20.0, y + 15.5, row.label.clone(), word) }
            { text(if row.repeat { 290.0 } else { 334.0 }, y + 15.5, row.right(), sum) }
            if row.repeat { { text(334.0, y + 16.0, "×2", "s14 e b on-dup") } }
            <title>{ row.words() }</title>
        </g>
    }
}
