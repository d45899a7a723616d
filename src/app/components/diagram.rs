//! The pipeline as a track diagram: the write rail above each log, the read rail below, lit routes for the followed order.

use super::below::{self, Section};
use super::glyphs::{self, Car, path, px, text};
use super::scene::{self, Entry, Flag, Spot, Track, seconds};
use super::{flink, instants, plates, writers};
use crate::replay::Board;
use crate::replay::board::{Decision, FlightState, Marker, Partition, Slot};
use crate::replay::branches::is_windowed;
use crate::replay::explain::place;
use crate::sim::compact::sort_by_rank;
use crate::sim::engines::EngineKind;
use crate::sim::kernel::{Span, Time};
use crate::sim::trace::Cast;
use crate::sim::{Outcome, OutcomeKind, Scenario};
use yew::{Callback, Html, Properties, classes, component, html};

/// The whole picture, in units of its own.
const WIDTH: f64 = 784.0;
const HEIGHT: f64 = 300.0;
const SLOT: f64 = 28.0;
const SLOTS: usize = 10;
/// Partitions in view.
const BLOCKS: usize = scene::PARTITIONS;
const TOPIC: f64 = 188.0;
const PRODUCER: f64 = 142.0;
const ENGINE: f64 = 500.0;
const TABLE: f64 = 646.0;
/// Rows of the table; fewer where something stands below them, and so many are always left.
const ROW: f64 = 21.0;
const FIRST_ROW: f64 = 80.0;
const ROWS_HEIGHT: f64 = 217.0;
const ROWS_LEAST: f64 = 3.0;
/// The first place of a record that waits before the topic, so that two partitions' do not meet, and how far apart they are.
const NEAREST: f64 = 17.0;
const APART: f64 = 23.0;
/// How long a record is shown moving after it arrived, in real time.
const MOTION: Span = Span::from_ms(450);
/// What changed so shortly before the playhead, in simulated time, is marked once the picture stands still.
const LAST: Span = Span::from_ms(50);

#[derive(Properties, PartialEq)]
pub struct DiagramProps {
    pub scene: super::stage::View,
    pub on_select: Callback<u32>,
}

/// The pipeline at the playhead.
#[component]
pub fn Diagram(props: &DiagramProps) -> Html {
    let view = &props.scene;
    view.with_board(|board| {
        let drawing = Drawing::new(board, view, props.on_select.clone());
        if view.vertical {
            super::diagram_vertical::draw(&drawing)
        } else {
            drawing.draw()
        }
    })
}

/// Everything that is needed to draw a board.
pub struct Drawing<'a> {
    pub board: &'a Board,
    pub view: &'a super::stage::View,
    pub scenario: &'a Scenario,
    /// What stands below the rows of the sink.
    pub below: Vec<Section>,
    pub cast: Cast,
    pub on_select: Callback<u32>,
}

struct Block<'a> {
    partition: &'a Partition,
    track: Track,
    y: f64,
}

impl Block<'_> {
    fn write_rail(&self) -> f64 {
        self.y + 26.0
    }

    fn read_rail(&self) -> f64 {
        self.y + 80.0
    }

    fn middle(&self) -> f64 {
        self.y + 50.0
    }

    fn slot(&self, offset: u64) -> f64 {
        TOPIC + self.track.index(offset) * SLOT + SLOT / 2.0
    }

    fn edge(&self, offset: u64) -> f64 {
        TOPIC + self.track.index(offset) * SLOT
    }
}

impl<'a> Drawing<'a> {
    pub fn new(board: &'a Board, view: &'a super::stage::View, on_select: Callback<u32>) -> Self {
        let scenario = &view.done.scenario;
        Drawing {
            board,
            view,
            scenario,
            below: below::sections(board, scenario, ROWS_HEIGHT - ROWS_LEAST * ROW),
            cast: crate::sim::cast(scenario),
            on_select,
        }
    }
}

impl Drawing<'_> {
    pub fn followed(&self) -> Option<u32> {
        self.view.followed
    }

    /// Whether an order is known to be lost by now.
    pub fn lost(&self) -> Vec<&Outcome> {
        self.board.lost().collect()
    }

    /// How far a record that arrived at `at` still is from its place: 0 to 1, 1 at rest.
    pub fn arrival(&self, at: Time) -> f64 {
        if !self.view.moving {
            return 1.0;
        }
        let age = self.board.at.since(at).micros() as f64 * 100.0 / f64::from(self.view.speed);
        let part = (age / MOTION.micros() as f64).clamp(0.0, 1.0);
        1.0 - (1.0 - part) * (1.0 - part)
    }

    /// Changed last: since the picture stood still before, and only just now.
    pub fn is_fresh(&self, at: Time) -> bool {
        let just_now = self.board.at.since(at) <= LAST;
        !self.view.moving && just_now && at > self.view.rested
    }

    pub fn select(&self, order: u32) -> Callback<yew::MouseEvent> {
        let on_select = self.on_select.clone();
        Callback::from(move |_| on_select.emit(order))
    }

    pub fn engine_lines(&self) -> EngineLines {
        EngineLines::of(self.board, self.scenario)
    }

    pub fn sink_words(&self) -> String {
        plates::sink_words(self.scenario)
    }

    /// Whether a plain consumer reads the topic, and no engine.
    pub fn has_consumers(&self) -> bool {
        !self.board.group.members.is_empty()
    }

    /// Whether a Flink job reads it.
    pub fn has_job(&self) -> bool {
        !self.board.job.tasks.is_empty()
    }

    /// The heights at which a partition's records come out of the engine: in a job, where the task is that read them.
    fn way_out(&self, block: &Block) -> f64 {
        let tasks = self.board.job.tasks.len();
        if tasks == 0 {
            return block.read_rail();
        }
        flink::row(tasks, flink::reader(tasks, block.partition.id))
    }

    /// The picture from left to right.
    pub fn draw(&self) -> Html {
        let blocks: Vec<Block> = self
            .board
            .partitions
            .iter()
            .take(BLOCKS)
            .enumerate()
            .map(|(n, partition)| Block {
                partition,
                track: Track::of(
                    partition,
                    SLOTS,
                    self.followed().filter(|_| !self.view.moving),
                ),
                y: 52.0 + 120.0 * n as f64,
            })
            .collect();
        // What is lost takes the last place.
        let most = self.row_places() - usize::from(self.board.lost().next().is_some());
        let rows = scene::rows(self.board, self.scenario, most, self.followed());
        let flags = scene::flags(self.board, &self.view.done);
        let entries: Vec<_> = blocks
            .iter()
            .map(|block| (block.partition.id, block.read_rail()))
            .collect();
        html! {
            <svg class="diagram" viewBox={format!("0 0 {} {}", px(WIDTH), px(HEIGHT))} aria-hidden="true">
                { self.plates() }
                { for blocks.iter().map(|block| self.rails(block)) }
                { self.fan(&blocks) }
                { self.engine(&blocks) }
                { for blocks.iter().map(|block| self.routes(block, &rows)) }
                if self.has_job() { { flink::draw(self, &entries) } }
                { for blocks.iter().map(|block| self.block(block, &flags)) }
                { self.producer() }
                { self.table(&rows) }
                { for flags.iter().map(|flag| self.flag(flag, &flags, &blocks)) }
                { for blocks.iter().map(|block| self.motion(block)) }
            </svg>
        }
    }

    fn plates(&self) -> Html {
        let plate = |x: f64, width: f64, title: String, sub: String| {
            html! {
                <>
                    <rect class="plate" x={px(x)} y="10" width={px(width)} height="20" rx="3" />
                    { text(x + 8.0, 24.5, title, "plate-text") }
                    { text(x, 44.0, sub, "m mu s12") }
                </>
            }
        };
        let topic = &self.scenario.topic;
        html! {
            <>
                { plate(12.0, 84.0, "Producer".into(), format!("{} acks={}", plates::producers(self.scenario), plates::acks(self.scenario))) }
                { plate(TOPIC, 280.0, format!("Topic {}", topic.name), format!("replication {}, min.insync.replicas={}", topic.replication_factor, topic.min_insync_replicas)) }
                { plate(ENGINE, 110.0, plates::engine_name(self.scenario).into(), plates::engine_words(self.scenario)) }
                { plate(TABLE, 126.0, plates::sink_name(self.scenario).into(), String::new()) }
                { text(TABLE + 126.0, 44.0, self.sink_words(), "m mu s12 e") }
            </>
        }
    }

    fn producer(&self) -> Html {
        let [first, second] = scene::belief(self.board, self.followed());
        let next = self.board.producer.last_emitted + 1;
        let next = if next > self.scenario.workload.orders {
            "all sent".to_string()
        } else {
            format!("#{next}")
        };
        let top = PRODUCER - 46.0;
        html! {
            <g class={if self.board.producer.alive { "" } else { "dead" }}>
                <rect class="box" x="12" y={px(top)} width="84" height="92" rx="4" />
                { text(20.0, top + 18.0, "next to send", "s11 mu") }
                { text(20.0, top + 33.0, next, "s12 m sb") }
                { text(20.0, top + 50.0, "it believes", "s11 mu") }
                { text(20.0, top + 66.0, first, "s12") }
                { text(20.0, top + 81.0, second, "s12 b") }
                { writers::draw(self.board, &self.cast, 12.0, top + 106.0) }
            </g>
        }
    }

    fn rails(&self, block: &Block) -> Html {
        let (write, read) = (block.write_rail(), block.read_rail());
        let rise = (write - PRODUCER).abs();
        let rail_end = TOPIC + SLOT * SLOTS as f64;
        html! {
            <>
                { path(format!("M96 {}H104L{} {}H{}", px(PRODUCER), px(104.0 + rise), px(write), px(rail_end)), "rail") }
                { for (0..SLOTS).map(|n| html! { <rect class="slot" x={px(TOPIC + n as f64 * SLOT + 1.5)} y={px(block.y + 37.0)} width="25" height="26" rx="4" /> }) }
                { path(format!("M{} {}H{}", px(TOPIC), px(read), px(ENGINE)), "rail") }
            </>
        }
    }

    /// From the engine to the rows.
    fn fan(&self, blocks: &[Block]) -> Html {
        let Some((first, last)) = blocks.first().zip(blocks.last()) else {
            return html! {};
        };
        let middle = |n: usize| FIRST_ROW + n as f64 * ROW + ROW / 2.0;
        let (first, last) = (self.way_out(first), self.way_out(last));
        let low = middle(self.row_places() - 1).max(first.max(last));
        let high = middle(0).min(first.min(last));
        html! {
            <>
                { for blocks.iter().map(|block| path(format!("M610 {}H622", px(self.way_out(block))), "rail")) }
                { path(format!("M622 {}V{}", px(high), px(low)), "rail") }
                { for (0..self.row_places()).map(|n| path(format!("M622 {}H{}", px(middle(n)), px(TABLE)), "rail thin-rail")) }
            </>
        }
    }

    fn engine(&self, blocks: &[Block]) -> Html {
        if self.has_consumers() {
            let places: Vec<_> = blocks
                .iter()
                .map(|block| (block.partition, block.y, block.read_rail()))
                .collect();
            return super::consumers::draw(self, &places);
        }
        let alive = if self.board.engine.alive { "" } else { "dead" };
        if self.has_job() {
            return html! { <g class={alive}><rect class="box" x={px(ENGINE)} y="56" width="110" height="236" rx="4" /></g> };
        }
        let lines = self.engine_lines();
        let batch = self.board.current_batch();
        html! {
            <g class={alive}>
                <rect class="box" x={px(ENGINE)} y="56" width="110" height="236" rx="4" />
                { for blocks.iter().map(|block| path(format!("M{} {}H610", px(ENGINE), px(block.read_rail())), "thin")) }
                { text(508.0, 74.0, lines.title, "s14 b") }
                { for lines.sub.iter().enumerate().map(|(n, line)| text(508.0, 90.0 + 15.0 * n as f64, line.clone(), "s12")) }
                { for blocks.iter().map(|block| {
                    let range = batch.and_then(|batch| batch.ranges.iter().find(|range| range.partition == block.partition.id));
                    range.map(|range| text(508.0, block.read_rail() - 6.0, format!("[{},{})", range.start, range.end), "m s12 mu")).unwrap_or_default()
                }) }
                { for lines.ticks.iter().enumerate().map(|(n, (name, at))| {
                    let y = 167.0 + 36.0 * n as f64;
                    html! { <>
                        if at.is_some() { { glyphs::tick(509.0, y - 5.0) } } else { <circle class="dot open" cx="515" cy={px(y - 4.0)} r="3.5" /> }
                        { text(526.0, y, name.clone(), "m s12") }
                        { text(526.0, y + 14.0, at.map_or_else(|| "not yet".to_string(), seconds), "s12 mu") }
                    </> }
                }) }
                { for lines.state.map(|state| text(508.0, 268.0, state, "s12 mu")) }
                { text(508.0, 284.0, lines.foot, "s12 mu") }
            </g>
        }
    }

    /// The lit routes of the followed order: the first copy in ink, every further one in orange, a loss as a route that ends.
    fn routes(&self, block: &Block, rows: &[Entry]) -> Html {
        let Some(order) = self.followed() else {
            return html! {};
        };
        let rise = block.write_rail() - PRODUCER;
        let (write, read) = (block.write_rail(), block.read_rail());
        let into = |offset: u64, shift: f64, class: &'static str| {
            let corner = 103.0 + shift + rise.abs() + (if rise < 0.0 { -shift } else { 0.0 });
            let d = format!(
                "M96 {}H{}L{} {}H{}V{}",
                px(PRODUCER + shift),
                px(103.0 + shift.abs() / 2.0),
                px(corner),
                px(write + shift),
                px(block.slot(offset)),
                px(block.y + 37.0)
            );
            path(d, class)
        };
        let out = |offset: u64, shift: f64, class: &'static str| {
            let row = rows
                .iter()
                .position(|row| row.source == (block.partition.id, offset));
            row.map(|n| {
                let y = FIRST_ROW + n as f64 * ROW + ROW / 2.0 - 1.0;
                let x = 615.5 + shift;
                path(
                    format!(
                        "M{} {}V{}{}H{}V{}H{}",
                        px(block.slot(offset)),
                        px(block.y + 63.0),
                        px(read + shift),
                        self.through(block, shift),
                        px(x),
                        px(y),
                        px(TABLE)
                    ),
                    class,
                )
            })
            .unwrap_or_default()
        };
        let slots: Vec<_> = block
            .track
            .visible(block.partition)
            .filter(|slot| slot.order == order)
            .collect();
        let extra = |slot: &&&Slot| slot.repeat && self.arrival(slot.appended) >= 1.0;
        html! {
            <>
                { for slots.iter().filter(extra).map(|slot| html! { <>
                    { into(slot.offset, 4.0, "route-extra") }{ into(slot.offset, 4.0, "route-extra-inner") }
                    { out(slot.offset, 3.0, "route-extra") }{ out(slot.offset, 3.0, "route-extra-inner") }
                </> }) }
                { for slots.iter().filter(|slot| !slot.repeat && self.arrival(slot.appended) >= 1.0).map(|slot| html! { <>
                    { into(slot.offset, -2.0, "route") }{ out(slot.offset, -2.0, "route") }
                </> }) }
                { for self.replayed_rows(block, order, rows) }
                { for block.partition.cut.iter().filter(|(_, cut)| *cut == order).map(|(offset, _)| html! { <>
                    { into(*offset, -2.0, "route-lost") }
                    { glyphs::gone(block.slot(*offset), block.y + 92.0, Some(order)) }
                </> }) }
            </>
        }
    }

    /// The part of a route that goes through the tasks of a job.
    fn through(&self, block: &Block, shift: f64) -> String {
        if self.has_job() {
            format!("H{}V{}", px(504.0 + shift), px(self.way_out(block) + shift))
        } else {
            String::new()
        }
    }

    /// A second row from the same offset: the route leaves the slot twice.
    fn replayed_rows(&self, block: &Block, order: u32, rows: &[Entry]) -> Vec<Html> {
        let mut html = Vec::new();
        for slot in block
            .track
            .visible(block.partition)
            .filter(|slot| slot.order == order)
        {
            for (n, row) in rows.iter().enumerate() {
                let surplus =
                    row.repeat && row.source == (block.partition.id, slot.offset) && !slot.repeat;
                if surplus {
                    let y = FIRST_ROW + n as f64 * ROW + ROW / 2.0 - 1.0;
                    let d = format!(
                        "M{} {}V{}{}H618.5V{}H{}",
                        px(block.slot(slot.offset)),
                        px(block.y + 63.0),
                        px(block.read_rail() + 3.0),
                        self.through(block, 3.0),
                        px(y),
                        px(TABLE)
                    );
                    html.push(path(d.clone(), "route-extra"));
                    html.push(path(d, "route-extra-inner"));
                }
            }
        }
        html
    }

    fn name(&self, partition: &Partition) -> String {
        format!("{}-{}", self.cast.topic, partition.id.0)
    }

    /// What stands above the write rail of a block.
    fn headline(&self, block: &Block, flags: &[Flag]) -> scene::Headline {
        let partition = block.partition;
        // The transactional.id that the brackets below stand for.
        let of = |slot: &Slot| slot.transaction.map(|(index, _)| index);
        let transaction = block.track.visible(partition).filter_map(of).last();
        let transaction = transaction.map(|index| self.board.transactions.0[index].id.as_str());
        // Of a partition that is out of view, the flag stands at the last one.
        let drawn = self.board.partitions.len().min(BLOCKS);
        let of_broker = |flag: &&Flag| match flag.spot {
            Spot::Broker(n) => self.board.partitions[n.min(drawn - 1)].id == partition.id,
            _ => false,
        };
        let flag = flags.iter().rev().find(of_broker);
        scene::Headline::of(
            (TOPIC, ENGINE - 4.0),
            block.edge(partition.high_watermark),
            self.name(partition).len() as f64 * 7.9,
            &plates::leaders(partition, &self.cast, transaction),
            flag.map(|flag| glyphs::low_width(&flag.brief)),
        )
    }

    fn block(&self, block: &Block, flags: &[Flag]) -> Html {
        let partition = block.partition;
        let y = block.y;
        let name = self.name(partition);
        let watermark = block.edge(partition.high_watermark);
        let row = self.headline(block, flags);
        let batch = self.board.current_batch();
        let zone = batch
            .filter(|batch| batch.committed.is_none())
            .and_then(|batch| {
                batch
                    .ranges
                    .iter()
                    .find(|range| range.partition == partition.id)
            });
        let read_to = block.edge(partition.committed);
        // Where the next step ends: the planned batch, or the work that is done.
        let worked = self.board.group.worked(partition.id);
        let ahead = zone.map(|range| range.end).or(worked);
        let gap = worked.map(|worked| {
            (
                worked.min(partition.committed),
                worked.max(partition.committed),
            )
        });
        let gap_class = if worked.is_some_and(|worked| worked < partition.committed) {
            "zone skip"
        } else {
            "zone again"
        };
        let stable = partition.last_stable_offset();
        html! {
            <>
                { text(row.name, y + 14.0, name, "m s13 sb") }
                { for row.leader.map(|(x, words)| text(x, y + 14.0, words, "s12 mu")) }
                if let Some(range) = zone.filter(|range| range.end > range.start) {
                    <rect class="zone" x={px(block.edge(range.start))} y={px(y + 34.0)} width={px(block.edge(range.end) - block.edge(range.start))} height="32" rx="5" />
                }
                if let Some((from, to)) = gap.filter(|(from, to)| from < to) {
                    <rect class={gap_class} x={px(block.edge(from))} y={px(y + 34.0)} width={px(block.edge(to) - block.edge(from))} height="32" rx="5" />
                }
                { for block.track.visible(partition).map(|slot| self.slot(block, slot)) }
                { self.brackets(block) }
                { for (0..SLOTS).map(|n| text(TOPIC + n as f64 * SLOT + SLOT / 2.0, y + 75.0, (block.track.first + n as u64).to_string(), "m s11 c mu halo")) }
                { path(format!("M{} {}V{}", px(watermark), px(y + 84.0), px(y + 19.0)), "mast") }
                <rect class="mast-plate" x={px(row.plate)} y={px(y + 3.0)} width={px(scene::PLATE)} height="14" />
                { text(row.plate + 13.0, y + 14.0, "HW", "plate-text s11 c") }
                if plates::reads_committed(self.scenario) && stable < partition.high_watermark {
                    { path(format!("M{} {}V{}", px(block.edge(stable)), px(y + 84.0), px(y + 30.0)), "mast stable") }
                    <rect class="mast-plate" x={px(block.edge(stable) - 30.0)} y={px(y + 68.0)} width="30" height="14" />
                    { text(block.edge(stable) - 15.0, y + 79.0, "LSO", "plate-text s11 c") }
                }
                { for self.barrier(partition).filter(|&at| block.track.shows(at)).map(|at| glyphs::barrier(block.edge(at), y + 60.0, 23.0)) }
                <path class="read-to" d={format!("M{} {}l5 8h-10z", px(read_to), px(y + 83.0))} />
                if let Some(ahead) = ahead.filter(|&ahead| ahead != partition.committed) {
                    <path class="read-to open" d={format!("M{} {}l5 8h-10z", px(block.edge(ahead)), px(y + 83.0))} />
                }
                { for partition.replicas.iter().filter(|replica| Some(replica.host) != partition.leader).enumerate().map(|(n, replica)| self.replica(block, replica, n)) }
            </>
        }
    }

    /// The offset before which a job's barrier lies in what is read of a partition.
    pub fn barrier(&self, partition: &Partition) -> Option<u64> {
        let reading = self.board.job.readings.get(usize::from(partition.id.0))?;
        reading.barrier
    }

    fn slot(&self, block: &Block, slot: &Slot) -> Html {
        let (x, y) = (block.slot(slot.offset), block.middle());
        let arrived = self.arrival(slot.appended) >= 1.0;
        if !arrived {
            return html! {};
        }
        let above = slot.offset >= block.partition.high_watermark;
        let followed = self.followed() == Some(slot.order);
        let aborted = slot
            .transaction
            .is_some_and(|(_, decision)| decision == Decision::Aborted);
        let glyph = if slot.repeat && !aborted {
            glyphs::doubled(x, y, slot.order, followed.then_some("×2"))
        } else {
            let look = if followed {
                Car::Followed
            } else if above {
                Car::Above
            } else {
                Car::Stored
            };
            glyphs::car(x, y, slot.order, look)
        };
        html! {
            <g class={classes!("pick", self.is_fresh(slot.appended).then_some("fresh"))} onclick={self.select(slot.order)}>
                { glyph }
                if aborted { { path(format!("M{} {}l20 -20", px(x - 10.0), px(y + 10.0)), "aborted") } }
            </g>
        }
    }

    /// Transactions over their slots, and the markers that end them.
    fn brackets(&self, block: &Block) -> Html {
        let y = block.y + 37.0;
        let mut spans: Vec<(usize, Decision, u64, u64)> = Vec::new();
        for slot in block.track.visible(block.partition) {
            let Some((index, decision)) = slot.transaction else {
                continue;
            };
            match spans.last_mut() {
                Some((last, _, _, to)) if *last == index => *to = slot.offset + 1,
                _ => spans.push((index, decision, slot.offset, slot.offset + 1)),
            }
        }
        let shows = |marker: &&Marker| block.track.shows(marker.offset);
        html! {
            <>
                { for spans.into_iter().map(|(_, decision, from, to)| {
                    let (from, to) = (block.edge(from) + 2.0, block.edge(to) - 2.0);
                    let end = if decision == Decision::Open { "h6" } else { "v5" };
                    html! { <>
                        { path(format!("M{} {}v-5H{}{end}", px(from), px(y), px(to)), if decision == Decision::Aborted { "bracket off" } else { "bracket" }) }
                    </> }
                }) }
                { for block.partition.markers.iter().filter(shows).map(|marker| glyphs::marker(block.slot(marker.offset), block.middle(), marker.commit)) }
            </>
        }
    }

    fn replica(&self, block: &Block, replica: &crate::replay::board::Replica, n: usize) -> Html {
        let y = block.y + 90.0 + 11.0 * n as f64;
        let width = (block.edge(replica.end) - TOPIC - 2.0).max(0.0);
        let out = !replica.alive || !replica.in_sync;
        let label = place(self.cast.host(replica.host));
        let label = if !replica.alive {
            format!("{label} down")
        } else if !replica.in_sync {
            format!("{label} lags")
        } else {
            label
        };
        html! {
            <>
                <rect class={if out { "replica out" } else { "replica" }} x={px(TOPIC)} y={px(y)} width={px(width)} height="4" rx="2" />
                if let Some((to, from)) = replica.scar.filter(|(_, from)| block.track.shows(*from)) {
                    <rect class="scar" x={px(block.edge(to))} y={px(y)} width={px(block.edge(from) - block.edge(to))} height="4" rx="2" />
                }
                { text(TOPIC - 6.0, y + 6.0, label, "s11 mu e") }
            </>
        }
    }

    /// Records that are on the wire, have just arrived or wait to be sent again.
    fn motion(&self, block: &Block) -> Html {
        let rise = (block.write_rail() - PRODUCER).abs();
        let way = |part: f64, end: f64| {
            // Along the diagonal first, then along the rail.
            let diagonal = rise * std::f64::consts::SQRT_2;
            let whole = diagonal + (end - 104.0 - rise);
            let gone = part * whole;
            if gone < diagonal {
                let step = gone / std::f64::consts::SQRT_2;
                (
                    104.0 + step,
                    PRODUCER + step * (block.write_rail() - PRODUCER).signum(),
                )
            } else {
                (104.0 + rise + gone - diagonal, block.write_rail())
            }
        };
        let arriving = block.track.visible(block.partition).filter_map(|slot| {
            let part = self.arrival(slot.appended);
            (part < 1.0).then(|| {
                let (x, y) = way(part, block.slot(slot.offset));
                glyphs::flying(x, y, slot.order, 1 + u32::from(slot.repeat))
            })
        });
        let led = |flight: &&crate::replay::board::Flight| {
            flight.batch.partition == block.partition.id && flight.state != FlightState::Appended
        };
        let waiting: Vec<_> = self.board.producer.flights.iter().filter(led).collect();
        // One behind the other, each with room for its number; those at the end are only counted.
        let end = block.edge(0).max(TOPIC);
        let whole = rise * std::f64::consts::SQRT_2 + (end - 104.0 - rise);
        let places = (((whole - NEAREST) / APART) as usize + 1).max(1);
        let shown = waiting.len().min(places);
        let more = waiting.len() - shown;
        let mut free = NEAREST;
        let waiting = waiting.into_iter().take(places).enumerate().map(|(n, flight)| {
            let own = match flight.state {
                FlightState::BackingOff { .. } => NEAREST,
                _ => 0.32 * whole,
            };
            // What is farther on its way does not push the rest beyond the topic.
            let last = whole - APART * (shown - n - 1) as f64;
            let gone = own.max(free).min(last.max(free));
            free = gone + APART;
            let (x, y) = way(gone / whole, end);
            html! { <>
                { glyphs::flying(x, y, flight.orders.last().copied().unwrap_or(0), flight.attempt) }
                if more > 0 && n + 1 == places { { text(x + 13.0, y - 9.0, format!("+{more}"), "s11 b halo") } }
            </> }
        });
        html! { <>{ for arriving }{ for waiting }</> }
    }

    fn table(&self, rows: &[Entry]) -> Html {
        let places = self.row_places();
        let lost = self.lost();
        let ghosts = lost
            .iter()
            .take(places.saturating_sub(rows.len()).max(1))
            .enumerate();
        html! {
            <>
                { instants::head(self, TABLE) }
                { for (rows.len()..places).map(|n| html! { <rect class="row" x={px(TABLE)} y={px(FIRST_ROW + n as f64 * ROW)} width="126" height={px(ROW - 2.0)} rx="2" /> }) }
                { for rows.iter().enumerate().map(|(n, row)| self.row(row, n)) }
                { for ghosts.map(|(n, outcome)| self.ghost(outcome, (rows.len() + n).min(places - 1))) }
                { below::draw(&self.below, TABLE, FIRST_ROW + places as f64 * ROW) }
            </>
        }
    }

    fn row_places(&self) -> usize {
        ((ROWS_HEIGHT - below::height(&self.below)) / ROW) as usize
    }

    fn row(&self, row: &Entry, n: usize) -> Html {
        let y = FIRST_ROW + n as f64 * ROW;
        let followed = self.followed() == Some(row.order);
        let base = y + ROW / 2.0 + 3.5;
        // Beside the mark of a copy there is room for a short label and the amount.
        let right = if row.repeat && row.label.len() > 4 {
            String::new()
        } else {
            row.right()
        };
        html! {
            <g class={classes!("pick", self.is_fresh(row.since).then_some("fresh"))} onclick={self.select(row.order)}>
                <rect class={row_class(row, followed)} x={px(TABLE)} y={px(y)} width="126" height={px(ROW - 2.0)} rx="2" />
                { text(654.0, base, row.label.clone(), row.label_class(followed)) }
                { for row.version.map(|version| text(690.0, base, format!("v{version}"), "s11 mu")) }
                { text(if row.repeat { 728.0 } else { 764.0 }, base, right, if row.repeat { "m s12 e b on-dup" } else { "m s12 e" }) }
                if row.repeat { { text(764.0, base + 0.5, "×2", "s13 e b on-dup") } }
                if row.unread == Some("aborted") { { path(format!("M{} {}l16 -15", px(TABLE + 4.0), px(y + ROW - 4.0)), "aborted") } }
                <title>{ row.words() }</title>
            </g>
        }
    }

    fn ghost(&self, outcome: &Outcome, n: usize) -> Html {
        let y = FIRST_ROW + n as f64 * ROW;
        let base = y + ROW / 2.0 + 3.5;
        html! {
            <g class="pick" onclick={self.select(outcome.order)}>
                <path class="buffer-stop" d={format!("M638 {}v{}M638 {}h-12", px(y + 1.0), px(ROW - 4.0), px(y + ROW / 2.0 - 1.0))} />
                <rect class="row ghost" x={px(TABLE)} y={px(y)} width="126" height={px(ROW - 2.0)} rx="2" />
                { text(654.0, base, outcome.order.to_string(), "m s12 lost-word") }
                { text(728.0, base, "lost", "s12 b e lost-word") }
                { text(764.0, base + 0.5, "×0", "s13 b e lost-word") }
            </g>
        }
    }

    fn flag(&self, flag: &Flag, flags: &[Flag], blocks: &[Block]) -> Html {
        let low = |x: f64, y: f64| glyphs::flag_low(x, y, flag.brief.clone(), flag.struck);
        let (x, y, pole, left) = match flag.spot {
            Spot::Broker(n) => {
                let block = &blocks[n.min(blocks.len() - 1)];
                let at = self.headline(block, flags).flag;
                return low(at.unwrap_or(TOPIC), block.write_rail());
            }
            Spot::Engine if self.has_job() => return low(ENGINE, flink::FLAG),
            Spot::Engine => return low(ENGINE, 156.0),
            Spot::Producer => (16.0, 96.0, 44.0, false),
            Spot::Link(n) => {
                let block = &blocks[n.min(blocks.len() - 1)];
                if n == 0 {
                    (138.0, block.write_rail() + 28.0, 52.0, true)
                } else {
                    (138.0, block.write_rail() + 32.0, -10.0, true)
                }
            }
        };
        let ack = match flag.spot {
            Spot::Link(n) => {
                let y = blocks[n.min(blocks.len() - 1)].write_rail() + 32.0;
                let broken = if flag.struck {
                    format!(
                        "M{} {}H145M131 {}H112V{}",
                        px(TOPIC),
                        px(y),
                        px(y),
                        px(PRODUCER + 46.0)
                    )
                } else {
                    format!("M{} {}H112V{}", px(TOPIC), px(y), px(PRODUCER + 46.0))
                };
                html! { <>
                    <path class="ack" d={broken} />
                    { text(180.0, y - 5.0, "ack", "s11 mu e") }
                    if flag.struck { <path class="break" d={format!("M145 {}l-5 14M136 {}l-5 14", px(y - 7.0), px(y - 7.0))} /> }
                </> }
            }
            _ => html! {},
        };
        html! { <>{ ack }{ glyphs::flag(x, y, pole, flag.lines.clone(), flag.struck, left) }</> }
    }
}

/// What the engine's box says.
pub struct EngineLines {
    pub title: String,
    pub sub: Vec<String>,
    /// The two ticks: offset log and commit log, with their times.
    pub ticks: Vec<(String, Option<Time>)>,
    pub foot: String,
    /// What a query with windows keeps.
    pub state: Option<String>,
}

impl EngineLines {
    pub fn of(board: &Board, scenario: &Scenario) -> Self {
        let engine = &board.engine;
        if !board.group.members.is_empty() {
            return super::consumers::lines(board, scenario);
        }
        if scenario.engine.kind == EngineKind::Flink {
            return flink::lines(board, scenario);
        }
        let Some(batch) = engine.batches.last() else {
            return EngineLines {
                title: "batch 0".into(),
                sub: vec![format!(
                    "at {}",
                    seconds(Time::from_ms(scenario.engine.spark.trigger))
                )],
                ticks: Vec::new(),
                foot: "nothing read yet".into(),
                state: None,
            };
        };
        let records: u64 = batch
            .ranges
            .iter()
            .map(|range| range.end - range.start)
            .sum();
        let in_batch = |range: &crate::sim::trace::OffsetRange| {
            let partition = &board.partitions[usize::from(range.partition.0)];
            partition
                .slots
                .iter()
                .filter(|slot| (range.start..range.end).contains(&slot.offset))
                .map(|slot| slot.order)
                .collect::<Vec<u32>>()
        };
        let mut orders: Vec<u32> = batch.ranges.iter().flat_map(in_batch).collect();
        sort_by_rank(&mut orders, |&order| (order.into(), 0));
        orders.dedup();
        let mut sub = vec![format!("{records} records")];
        if orders.len() as u64 != records {
            sub.push(format!("{} orders", orders.len()));
        } else if batch.skipped {
            sub.push("skipped".into());
        } else if batch.runs > 1 {
            sub.push(format!("run {} times", batch.runs));
        }
        let trigger = scenario.engine.spark.trigger;
        let foot = if engine.failed {
            "query failed".to_string()
        } else if !engine.alive {
            "driver down".to_string()
        } else if batch.committed.is_none() {
            if engine.executors_down > 0 {
                "executor down".into()
            } else {
                "running".into()
            }
        } else {
            match board.at.ms().checked_div(trigger) {
                None => "waits for data".to_string(),
                Some(passed) => {
                    format!("next at {}", seconds(Time::from_ms((passed + 1) * trigger)))
                }
            }
        };
        let ticks = vec![
            (format!("offsets/{}", batch.id), Some(batch.planned)),
            (format!("commits/{}", batch.id), batch.committed),
        ];
        EngineLines {
            title: format!("batch {}", batch.id),
            sub,
            ticks,
            foot,
            state: is_windowed(&scenario.engine)
                .then(|| format!("{} rows in state", board.state_rows)),
        }
    }
}

/// How a row's plate looks.
pub fn row_class(row: &Entry, followed: bool) -> &'static str {
    match row {
        _ if row.repeat => "row surplus",
        _ if followed => "row followed",
        _ if row.unread.is_some() => "row open",
        _ => "row",
    }
}

/// Whether an outcome is one that the verdict bar speaks of.
pub fn is_bad(outcome: &Outcome) -> bool {
    matches!(
        outcome.kind,
        OutcomeKind::Duplicated(_) | OutcomeKind::Lost(_)
    )
}
