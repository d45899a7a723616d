//! The spacetime diagram: a lane for each host, time to the right, messages from their sending to their arrival. The same as
//! a list, and as a file.

use super::glyphs::px;
use super::stage::{Fit, OnStageProps, View};
use crate::app::files;
use crate::app::head::{Head, Move};
use crate::app::lab::{Action, Beside};
use crate::app::many::{Asking, use_many};
use crate::job::What;
use crate::replay::explain::seconds;
use crate::replay::spacetime::{
    Arrow, Condition, Mark, Shape, Spacetime as Diagram, about, list, place_in, subject,
};
use crate::sim::compact::sort_by_rank;
use crate::sim::kernel::Time;
use crate::sim::kernel::wire::Fate;
use crate::sim::trace::Trace;
use gloo::events::{EventListener, EventListenerOptions};
use std::fmt::Write as _;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent, PointerEvent, WheelEvent};
use yew::{
    Callback, Html, Properties, UseReducerHandle, component, html, use_effect_with, use_memo,
    use_mut_ref, use_node_ref, use_state_eq,
};

/// What the lanes' names take at the left, in px.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 12.0;
/// The ruler above the lanes.
const RULER: f64 = 24.0;
/// More arrows than this become beads with a number on them.
const ARROWS_MAX: usize = 260;
/// And so many of the followed order's.
const LIT_MAX: usize = 70;
/// The width of a bead's share of the axis, in px.
const BEAD: f64 = 28.0;
/// Rows of the list.
const ROWS_MAX: usize = 240;
/// The narrowest window, in µs.
const SPAN_MIN: u64 = 4_000;

/// The stretch of time that is looked at, in µs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    from: u64,
    span: u64,
}

impl Window {
    /// Around a moment, a little more of what was than of what comes.
    fn around(at: Time, span: u64) -> Window {
        Window {
            from: at.micros().saturating_sub(span * 6 / 10),
            span,
        }
    }

    fn to(self) -> u64 {
        self.from + self.span
    }

    fn holds(self, at: Time) -> bool {
        (self.from + self.span / 20..=self.to() - self.span / 20).contains(&at.micros())
            || (self.from == 0 && at.micros() <= self.to() - self.span / 20)
    }

    /// Larger or smaller by `part`, and what lies at `fixed` stays there.
    fn zoomed(self, part: f64, fixed: u64, end: u64) -> Window {
        let most = end.max(SPAN_MIN);
        let span = ((self.span as f64 * part) as u64).clamp(SPAN_MIN, most);
        let share = fixed.saturating_sub(self.from) as f64 / self.span.max(1) as f64;
        let from = fixed.saturating_sub((share * span as f64) as u64);
        Window { from, span }.within(end)
    }

    fn moved(self, micros: i64, end: u64) -> Window {
        let from = self.from.saturating_add_signed(micros);
        Window { from, ..self }.within(end)
    }

    fn within(self, end: u64) -> Window {
        let last = (end + self.span / 10).saturating_sub(self.span);
        Window {
            from: self.from.min(last),
            ..self
        }
    }
}

/// Which arrow or mark is in hand.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pick {
    Arrow(usize),
    Mark(usize),
}

/// Everything that decides what the picture looks like.
#[derive(Clone, PartialEq)]
struct Scene {
    diagram: Rc<Diagram>,
    /// Which facts are about the followed order; empty if none is followed.
    about: Rc<Vec<bool>>,
    window: Window,
    width: f64,
    pitch: f64,
    /// Places of the lanes that are shown.
    lanes: Rc<Vec<usize>>,
    housekeeping: bool,
}

/// A stroke of the picture: on the page an element, in a file its text.
enum Ink {
    Path(String, &'static str),
    Rect(f64, f64, f64, f64, &'static str),
    Dot(f64, f64, f64, &'static str),
    Words(f64, f64, String, &'static str),
}

impl Scene {
    fn x(&self, at: Time) -> f64 {
        let part = (at.micros() as f64 - self.window.from as f64) / self.window.span as f64;
        LEFT + part * (self.width - LEFT - RIGHT)
    }

    fn at(&self, x: f64) -> u64 {
        let part = (x - LEFT) / (self.width - LEFT - RIGHT).max(1.0);
        let micros = self.window.from as f64 + part * self.window.span as f64;
        micros.max(0.0) as u64
    }

    /// µs a px.
    fn micros(&self) -> f64 {
        self.window.span as f64 / (self.width - LEFT - RIGHT).max(1.0)
    }

    fn y(&self, lane: usize) -> Option<f64> {
        let row = self.lanes.iter().position(|shown| *shown == lane)?;
        Some(RULER + (row as f64 + 0.5) * self.pitch)
    }

    fn height(&self) -> f64 {
        RULER + self.lanes.len() as f64 * self.pitch + 6.0
    }

    fn ends(&self) -> (Time, Time) {
        (
            Time::from_micros(self.window.from),
            Time::from_micros(self.window.to()),
        )
    }

    /// Whether there is an order to follow, so that the rest steps back.
    fn follows(&self) -> bool {
        !self.about.is_empty()
    }

    fn is_lit(&self, arrow: &Arrow) -> bool {
        let own = |fact: crate::sim::trace::FactId| self.about.get(fact.0 as usize) == Some(&true);
        arrow.cause.is_some_and(own)
    }

    /// The arrows of the window that are shown, with their places.
    fn arrows(&self) -> impl Iterator<Item = (usize, &Arrow)> {
        let (from, to) = self.ends();
        let shown = |arrow: &Arrow| {
            (self.housekeeping || !arrow.housekeeping || arrow.is_lost())
                && self.lanes.contains(&arrow.from)
                && self.lanes.contains(&arrow.to)
        };
        self.diagram
            .arrows_in(from, to)
            .filter(move |(_, arrow)| shown(arrow))
    }

    /// The marks of the window that are shown, with their places.
    fn marks(&self) -> impl Iterator<Item = (usize, &Mark)> {
        let (from, to) = self.ends();
        let first = self.diagram.marks.partition_point(|mark| mark.at < from);
        self.diagram
            .marks_in(from, to)
            .iter()
            .enumerate()
            .map(move |(n, mark)| (first + n, mark))
            .filter(|(_, mark)| self.lanes.contains(&mark.lane))
    }

    /// Where an arrow begins and ends in the picture.
    fn line(&self, arrow: &Arrow) -> Option<((f64, f64), (f64, f64))> {
        let (from, to) = (self.y(arrow.from)?, self.y(arrow.to)?);
        let way = if to > from { 1.0 } else { -1.0 };
        let begin = (self.x(arrow.sent), from);
        let end = match arrow.fate {
            Fate::Arrived(_) => (self.x(arrow.until), to),
            Fate::Underway => (self.x(arrow.until), to - way * self.pitch * 0.3),
            // Nobody was there: it comes as far as the lane.
            Fate::Refused(_) => (self.x(arrow.until), to - way * 5.0),
            Fate::Cut(_) => (self.x(arrow.until), f64::midpoint(from, to)),
            Fate::Unsent => (begin.0 + 10.0, from + way * self.pitch * 0.6),
        };
        Some((begin, end))
    }

    /// The whole picture, from the ground up.
    fn ink(&self) -> Vec<Ink> {
        let mut ink = Vec::new();
        self.ground(&mut ink);
        let (lit, dim): (Vec<&Arrow>, Vec<&Arrow>) = self
            .arrows()
            .map(|(_, arrow)| arrow)
            .partition(|arrow| self.is_lit(arrow) || arrow.is_lost());
        // What is lit lies on top.
        for (arrows, most) in [(dim, ARROWS_MAX), (lit, LIT_MAX)] {
            let many = arrows.len() > most;
            let (alone, beaded): (Vec<&Arrow>, Vec<&Arrow>) = arrows
                .into_iter()
                .partition(|arrow| !many || arrow.is_lost());
            self.beads(&beaded, &mut ink);
            for arrow in alone {
                self.arrow(arrow, &mut ink);
            }
        }
        self.facts(&mut ink);
        ink
    }

    fn ground(&self, ink: &mut Vec<Ink>) {
        let bottom = self.height() - 4.0;
        let right = self.width - RIGHT;
        let step = self.step();
        let first = self.window.from.div_ceil(step) * step;
        for at in (first..=self.window.to()).step_by(step as usize) {
            let x = self.x(Time::from_micros(at));
            ink.push(Ink::Path(
                format!("M{} {RULER}V{}", px(x), px(bottom)),
                "st-grid",
            ));
            if x < right - 20.0 {
                ink.push(Ink::Words(x, 15.0, moment(at, step), "st-tick"));
            }
        }
        let (from, to) = self.ends();
        for &lane in self.lanes.iter() {
            let Some(y) = self.y(lane) else { continue };
            let here = &self.diagram.lanes[lane];
            ink.push(Ink::Words(
                LEFT - 8.0,
                y + 4.0,
                short(&here.name),
                "st-name",
            ));
            // The lane is there where its process is.
            let mut at = LEFT;
            for stretch in &here.stretches {
                let until = stretch.until.unwrap_or(self.diagram.end);
                if until <= from || stretch.from >= to {
                    continue;
                }
                let x = self.x(stretch.from).clamp(LEFT, right);
                let end = self.x(until).clamp(LEFT, right);
                if x > at {
                    ink.push(Ink::Path(
                        format!("M{} {}H{}", px(at), px(y), px(x)),
                        "st-lane",
                    ));
                }
                let class = match stretch.condition {
                    Condition::Down => "st-down",
                    Condition::Paused => "st-paused",
                    Condition::Zombie => "st-zombie",
                };
                ink.push(Ink::Rect(x, y - 6.0, (end - x).max(2.0), 12.0, class));
                let words = match stretch.condition {
                    Condition::Down => "down",
                    Condition::Paused => "paused",
                    Condition::Zombie => "zombie",
                };
                if end - x > 48.0 {
                    ink.push(Ink::Words(x + 6.0, y + 4.0, words.into(), "st-state"));
                }
                at = end;
            }
            if at < right {
                ink.push(Ink::Path(
                    format!("M{} {}H{}", px(at), px(y), px(right)),
                    "st-lane",
                ));
            }
        }
    }

    /// A step of the ruler in µs, so that labels have room.
    fn step(&self) -> u64 {
        let least = self.micros() * 84.0;
        let steps = [1, 2, 5].into_iter();
        let all = (3..9).flat_map(|power| {
            let steps = steps.clone();
            steps.map(move |n| n * 10_u64.pow(power))
        });
        all.into_iter()
            .find(|step| *step as f64 >= least)
            .unwrap_or(1_000_000_000)
    }

    fn arrow(&self, arrow: &Arrow, ink: &mut Vec<Ink>) {
        let Some((begin, end)) = self.line(arrow) else {
            return;
        };
        let class = if arrow.is_lost() {
            "st-arrow st-lost"
        } else if self.is_lit(arrow) {
            "st-arrow st-lit"
        } else if self.follows() {
            "st-arrow st-dim"
        } else {
            "st-arrow"
        };
        ink.push(Ink::Path(
            format!(
                "M{} {}L{} {}",
                px(begin.0),
                px(begin.1),
                px(end.0),
                px(end.1)
            ),
            class,
        ));
        let (dx, dy) = (end.0 - begin.0, end.1 - begin.1);
        let length = (dx * dx + dy * dy).max(1.0).sqrt();
        let (ux, uy) = (dx / length, dy / length);
        if arrow.is_lost() {
            let (x, y) = end;
            ink.push(Ink::Path(
                format!("M{} {}l9 9m0 -9l-9 9", px(x - 4.5), px(y - 4.5)),
                "st-cross",
            ));
        } else if matches!(arrow.fate, Fate::Arrived(_)) {
            let size = if self.is_lit(arrow) { 7.0 } else { 5.0 };
            let (bx, by) = (end.0 - ux * size, end.1 - uy * size);
            let (nx, ny) = (-uy * size * 0.5, ux * size * 0.5);
            let head = match class {
                "st-arrow st-lit" => "st-head st-lit",
                "st-arrow st-dim" => "st-head st-dim",
                _ => "st-head",
            };
            ink.push(Ink::Path(
                format!(
                    "M{} {}L{} {}L{} {}Z",
                    px(end.0),
                    px(end.1),
                    px(bx + nx),
                    px(by + ny),
                    px(bx - nx),
                    px(by - ny)
                ),
                head,
            ));
        }
    }

    /// Many arrows of two lanes in a share of the axis are one line with their number on it.
    fn beads(&self, arrows: &[&Arrow], ink: &mut Vec<Ink>) {
        let mut beads: Vec<((usize, usize, i64), u32)> = Vec::new();
        let lit = arrows.first().is_some_and(|arrow| self.is_lit(arrow));
        for arrow in arrows {
            let share = (self.x(arrow.sent) / BEAD).floor() as i64;
            let key = (arrow.from.min(arrow.to), arrow.from.max(arrow.to), share);
            match beads.iter_mut().rev().take(400).find(|(k, _)| *k == key) {
                Some((_, count)) => *count += 1,
                None => beads.push((key, 1)),
            }
        }
        for ((upper, lower, share), count) in beads {
            let (Some(top), Some(bottom)) = (self.y(upper), self.y(lower)) else {
                continue;
            };
            let spread = (upper * 7 + lower * 3) % 4;
            let x = (share as f64 + 0.2 + spread as f64 * 0.2) * BEAD;
            if x < LEFT || x > self.width - RIGHT {
                continue;
            }
            let class = match (lit, self.follows()) {
                (true, _) => "st-bundle st-lit",
                (false, true) => "st-bundle st-dim",
                (false, false) => "st-bundle",
            };
            ink.push(Ink::Path(
                format!("M{} {}V{}", px(x), px(top), px(bottom)),
                class,
            ));
            if count > 1 && (lit || !self.follows()) {
                let y = top + (bottom - top) * (0.35 + 0.1 * spread as f64);
                ink.push(Ink::Dot(
                    x,
                    y,
                    if count > 99 { 10.0 } else { 8.0 },
                    "st-bead",
                ));
                ink.push(Ink::Words(x, y + 3.5, count.to_string(), "st-count"));
            }
        }
    }

    fn facts(&self, ink: &mut Vec<Ink>) {
        let mut last: Vec<((usize, Shape), f64)> = Vec::new();
        for (_, mark) in self.marks() {
            let Some(y) = self.y(mark.lane) else { continue };
            let x = self.x(mark.at);
            // What would lie on its own kind is left out; the list has it.
            let key = (mark.lane, mark.shape);
            match last.iter_mut().find(|(k, _)| *k == key) {
                Some((_, before)) if x - *before < 3.0 && mark.shape != Shape::Fault => continue,
                Some((_, before)) => *before = x,
                None => last.push((key, x)),
            }
            let own = self.about.get(mark.fact.0 as usize) == Some(&true);
            self.mark(mark.shape, x, y, own || !self.follows(), ink);
        }
    }

    fn mark(&self, shape: Shape, x: f64, y: f64, strong: bool, ink: &mut Vec<Ink>) {
        let path = match shape {
            Shape::Append => format!("M{} {}h8v8h-8z", px(x - 4.0), px(y - 4.0)),
            Shape::Ack => format!("M{} {}l3 4l5 -8", px(x - 4.0), px(y)),
            Shape::Commit => format!("M{} {}v14", px(x), px(y - 7.0)),
            Shape::Table => format!("M{} {}h10v8h-10zm0 4h10", px(x - 5.0), px(y - 4.0)),
            Shape::Fault => format!("M{} {}v-16h12l-4 4l4 4h-12", px(x), px(y + 8.0)),
            Shape::Life => format!("M{} {}l5 5l-5 5l-5 -5z", px(x), px(y - 5.0)),
            Shape::Trouble => format!("M{} {}l4.5 8h-9z", px(x), px(y - 5.0)),
            Shape::Other => format!("M{} {}v6", px(x), px(y - 3.0)),
        };
        let class = match (shape, strong) {
            (Shape::Append, true) => "st-mark st-append",
            (Shape::Ack, true) => "st-mark st-ack",
            (Shape::Commit, true) => "st-mark st-commit",
            (Shape::Table, true) => "st-mark st-table",
            (Shape::Fault, _) => "st-mark st-fault",
            (Shape::Life, _) => "st-mark st-life",
            (Shape::Trouble, true) => "st-mark st-trouble",
            (Shape::Other, true) => "st-mark st-other",
            (_, false) => "st-mark st-faint",
        };
        ink.push(Ink::Path(path, class));
    }

    /// The picture as the text of a file: its colours are in it, and nothing refers to anything outside.
    fn to_svg(&self, title: &str, footer: &str) -> String {
        let (width, height) = (self.width, self.height() + 22.0);
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\"><title>{2}</title><style>{STYLE}</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
            px(width),
            px(height),
            escaped(title)
        );
        let clip = format!(
            "<clipPath id=\"w\"><rect x=\"{}\" y=\"0\" width=\"{}\" height=\"{}\"/></clipPath>",
            px(LEFT - 1.0),
            px(width - LEFT - RIGHT + 2.0),
            px(height)
        );
        text += &clip;
        let mut put = |ink: &Ink| {
            // Writing to memory cannot fail.
            let _ = match ink {
                Ink::Path(d, class) => write!(
                    text,
                    "<path class=\"{class}\" d=\"{d}\"{}/>",
                    clipped(class)
                ),
                Ink::Rect(x, y, w, h, class) => write!(
                    text,
                    "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"2\"/>",
                    px(*x),
                    px(*y),
                    px(*w),
                    px(*h)
                ),
                Ink::Dot(x, y, r, class) => write!(
                    text,
                    "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>",
                    px(*x),
                    px(*y),
                    px(*r)
                ),
                Ink::Words(x, y, words, class) => write!(
                    text,
                    "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
                    px(*x),
                    px(*y),
                    escaped(words)
                ),
            };
        };
        self.ink().iter().for_each(&mut put);
        put(&Ink::Words(
            8.0,
            height - 7.0,
            footer.to_string(),
            "st-foot",
        ));
        text += "</svg>";
        text
    }

    /// What lies nearest to a point of the picture, if anything is near.
    fn nearest(&self, x: f64, y: f64) -> Option<Pick> {
        let mark = self.marks().filter_map(|(n, mark)| {
            let (dx, dy) = (self.x(mark.at) - x, self.y(mark.lane)? - y);
            let weight = if mark.shape == Shape::Other { 2.0 } else { 0.0 };
            Some(((dx * dx + dy * dy).sqrt() + weight, Pick::Mark(n)))
        });
        let arrow = self.arrows().filter_map(|(n, arrow)| {
            let (a, b) = self.line(arrow)?;
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let length = (dx * dx + dy * dy).max(1.0);
            let part = (((x - a.0) * dx + (y - a.1) * dy) / length).clamp(0.0, 1.0);
            let (ox, oy) = (a.0 + part * dx - x, a.1 + part * dy - y);
            let lit = if self.is_lit(arrow) || arrow.is_lost() {
                0.0
            } else {
                2.0
            };
            Some(((ox * ox + oy * oy).sqrt() + lit, Pick::Arrow(n)))
        });
        let near = |best: Option<(f64, Pick)>, next: (f64, Pick)| match best {
            Some(best) if best.0 <= next.0 => Some(best),
            _ => Some(next),
        };
        let mark = mark.fold(None, near).filter(|(gap, _)| *gap < 8.0);
        let arrow = arrow.fold(None, near).filter(|(gap, _)| *gap < 12.0);
        mark.or(arrow).map(|(_, pick)| pick)
    }

    /// Everything in the window in the order of time, for the list: messages at their sending.
    fn entries(&self) -> Vec<(Time, Pick)> {
        let arrows = self
            .arrows()
            .filter(|(_, arrow)| arrow.sent.micros() >= self.window.from)
            .map(|(n, arrow)| (arrow.sent, Pick::Arrow(n)));
        let marks = self.marks().map(|(n, mark)| (mark.at, Pick::Mark(n)));
        let mut entries: Vec<(Time, Pick)> = arrows.chain(marks).collect();
        // A message after the fact that it was sent for.
        sort_by_rank(&mut entries, |(at, pick)| match pick {
            Pick::Mark(n) => (at.micros(), *n as u64),
            Pick::Arrow(n) => (at.micros(), (1 << 32) + *n as u64),
        });
        entries
    }
}

fn clipped(class: &str) -> &'static str {
    if class.starts_with("st-arrow") || class.starts_with("st-head") || class.starts_with("st-mark")
    {
        " clip-path=\"url(#w)\""
    } else {
        ""
    }
}

/// The colours of the light theme, for files.
const STYLE: &str = "text{font:12px 'Atkinson Hyperlegible Next Variable',system-ui,sans-serif;fill:#16202B}.st-tick,.st-foot{fill:#4F5B67;font-size:11px}.st-tick,.st-count{text-anchor:middle}.st-name{text-anchor:end}.st-state{font-size:11px;fill:#4F5B67}.st-count{font-size:10px;font-weight:700}.st-grid{stroke:#DDE3E9}.st-lane{stroke:#7F8A96;stroke-width:1.5}.st-down{fill:none;stroke:#C8102E;stroke-dasharray:3 3}.st-paused{fill:#E7ECF1;stroke:#7F8A96}.st-zombie{fill:none;stroke:#16202B;stroke-dasharray:1 3;stroke-width:2}.st-arrow{stroke:#026BA1;stroke-width:1.1;fill:none}.st-head{fill:#026BA1}.st-arrow.st-lit{stroke:#16202B;stroke-width:2.2}.st-head.st-lit{fill:#16202B}.st-arrow.st-dim{stroke:#B9C4CF;stroke-width:1}.st-head.st-dim{fill:#B9C4CF}.st-arrow.st-lost,.st-cross{stroke:#AA2041;stroke-width:2.2;fill:none}.st-arrow.st-lost{stroke-dasharray:4 3}.st-bundle{stroke:#026BA1;stroke-width:1.5}.st-bundle.st-dim{stroke:#DDE3E9}.st-bundle.st-lit{stroke:#16202B;stroke-width:2.2}.st-bead{fill:#fff;stroke:#026BA1}.st-mark{fill:none;stroke:#16202B;stroke-width:1.5}.st-append{fill:#DCEBF5;stroke:#026BA1}.st-ack{stroke:#02608F;stroke-width:2}.st-commit{stroke-width:2.5}.st-table{fill:#DCEBF5}.st-fault{fill:#C8102E;stroke:#C8102E}.st-life{fill:#C8102E;stroke:#C8102E}.st-trouble{fill:#FBE9ED;stroke:#AA2041}.st-other,.st-faint{stroke:#7F8A96;stroke-width:1}";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A moment on the ruler: with as many decimals as its step has.
fn moment(micros: u64, step: u64) -> String {
    let decimals = match step {
        1_000_000.. => 0,
        100_000.. => 1,
        10_000.. => 2,
        _ => 3,
    };
    let fraction = format!("{:06}", micros % 1_000_000);
    match decimals {
        0 => format!("{} s", micros / 1_000_000),
        n => format!("{}.{} s", micros / 1_000_000, &fraction[..n]),
    }
}

/// A host's name where there is little room.
fn short(name: &str) -> String {
    let (branch, role) = name.rsplit_once('.').unwrap_or(("", name));
    let words = place_in(role).replace("task manager", "task m.");
    if branch.is_empty() {
        words
    } else {
        let first: String = branch.chars().take(3).collect();
        format!("{first}. {}", words.replace("executor ", "exec "))
    }
}

/// The places of the lanes to show: those on which something happens.
fn shown_lanes(diagram: &Diagram, branches: bool, housekeeping: bool) -> Vec<usize> {
    let mut busy = vec![false; diagram.lanes.len()];
    for arrow in &diagram.arrows {
        if housekeeping || !arrow.housekeeping || arrow.is_lost() {
            busy[arrow.from] = true;
            busy[arrow.to] = true;
        }
    }
    for mark in &diagram.marks {
        busy[mark.lane] = true;
    }
    let lanes = 0..diagram.lanes.len();
    lanes
        .filter(|&lane| busy[lane] && (branches || !diagram.lanes[lane].branch))
        .collect()
}

#[derive(Properties, PartialEq)]
struct InkProps {
    scene: Scene,
}

/// The strokes, drawn again only when the scene changes: the playhead moves over them.
#[component]
fn Strokes(props: &InkProps) -> Html {
    let ink = props.scene.ink();
    html! { <>{ for ink.into_iter().map(|ink| match ink {
        Ink::Path(d, class) => html! { <path {class} {d} clip-path={if clipped(class).is_empty() { None } else { Some("url(#st-window)") }} /> },
        Ink::Rect(x, y, w, h, class) => html! { <rect {class} x={px(x)} y={px(y)} width={px(w)} height={px(h)} rx="2" /> },
        Ink::Dot(x, y, r, class) => html! { <circle {class} cx={px(x)} cy={px(y)} r={px(r)} /> },
        Ink::Words(x, y, words, class) => html! { <text {class} x={px(x)} y={px(y)}>{ words }</text> },
    }) }</> }
}

/// The diagram with its controls. The followed order's messages are lit; what is picked is told in words.
#[component]
pub fn Spacetime(props: &OnStageProps) -> Html {
    let OnStageProps {
        view,
        width,
        fit,
        lab,
        head,
    } = props;
    let node = use_node_ref();
    let many = use_many();
    let branches = use_state_eq(|| false);
    let housekeeping = use_state_eq(|| false);
    let listed = use_state_eq(|| false);
    let picked = use_state_eq(|| None::<Pick>);
    let chosen = use_state_eq(|| None::<Window>);
    let span = use_state_eq(|| 400_000_u64);
    let kept = use_mut_ref(|| None::<Window>);
    let fingers = use_mut_ref(Vec::<(i32, f64)>::new);
    let dragged = use_mut_ref(|| 0.0_f64);
    let run = &view.done.run;
    let of_this = |known: &crate::app::many::Known<crate::sim::explore::wired::Wired>| {
        known.scenario == view.done.scenario && known.found.digest == run.digest
    };
    let wired = many.wired.clone().filter(|known| of_this(known));
    {
        // What went over the network is asked for when nothing else is being explored.
        let ask = wired.is_none() && many.asked.is_none() && many.problem.is_none();
        let (many, scenario) = (many.dispatcher(), view.done.scenario.clone());
        use_effect_with((ask, view.done.clone()), move |(ask, _)| {
            if *ask {
                many.dispatch(Asking::Ask(What::Wire, Box::new(scenario)));
            }
        });
    }
    {
        let node = node.clone();
        use_effect_with((), move |()| {
            if let Some(element) = node.cast::<HtmlElement>() {
                element.scroll_into_view_with_bool(false);
                let _ = element.focus();
            }
        });
    }
    let diagram = use_memo((view.done.clone(), wired.clone()), |(done, wired)| {
        let wire = wired.as_ref().map(|known| &known.found.wire);
        let trace = done.run.trace.as_ref()?;
        Some(Rc::new(Diagram::of(trace, done.run.end, wire)))
    });
    let about = use_memo((view.done.clone(), view.followed), |(done, followed)| {
        let facts = done.run.trace.as_ref().zip(*followed);
        Rc::new(facts.map_or_else(Vec::new, |(trace, order)| about(trace, order)))
    });
    let (Some(diagram), Some(trace)) = ((*diagram).clone(), &run.trace) else {
        return html! {};
    };
    let lanes = use_lanes(&diagram, *branches, *housekeeping);
    let end = view.horizon().micros();
    // While it plays the window holds two seconds of the watcher's time, and turns over like a page.
    let least = if view.moving {
        u64::from(view.speed) * 250_000
    } else {
        0
    };
    let window = chosen.unwrap_or_else(|| {
        let span = (*span).max(least).min(end);
        let last = *kept.borrow();
        match last.filter(|last| last.span == span && last.holds(view.at)) {
            Some(window) => window,
            None => Window::around(view.at, span).within(end),
        }
    });
    *kept.borrow_mut() = Some(window);
    let pitch = match fit {
        Fit::Phone => 30.0,
        Fit::Room => 36.0,
        _ => 22.0,
    };
    let scene = Scene {
        diagram: diagram.clone(),
        about: (*about).clone(),
        window,
        width: f64::from((*width).max(320)) - 2.0,
        pitch,
        lanes,
        housekeeping: *housekeeping,
    };
    let show = {
        let (chosen, span) = (chosen.clone(), span.clone());
        Callback::from(move |window: Window| {
            span.set(window.span);
            chosen.set(Some(window));
        })
    };
    let zoom = |part: f64| {
        let show = show.clone();
        let fixed = if (window.from..window.to()).contains(&view.at.micros()) {
            view.at.micros()
        } else {
            window.from + window.span / 2
        };
        Callback::from(move |()| show.emit(window.zoomed(part, fixed, end)))
    };
    let pan = |part: f64| {
        let show = show.clone();
        Callback::from(move |()| {
            show.emit(window.moved((window.span as f64 * part) as i64, end));
        })
    };
    let follow_playhead = {
        let chosen = chosen.clone();
        Callback::from(move |()| chosen.set(None))
    };
    // Orders of what is picked, and the way to follow them.
    let order_of = |pick: Pick| {
        let fact = match pick {
            Pick::Arrow(n) => diagram.arrows.get(n)?.cause?,
            Pick::Mark(n) => diagram.marks.get(n)?.fact,
        };
        subject(trace, fact)
    };
    let select = {
        let lab = lab.clone();
        Callback::from(move |order: u32| lab.dispatch(Action::Select(Some(order))))
    };
    // Pointers: one drags, two zoom; without either the nearest thing is told.
    let local = {
        let node = node.clone();
        move |event: &PointerEvent| {
            let place = node.cast::<Element>()?.get_bounding_client_rect();
            Some((
                f64::from(event.client_x()) - place.left(),
                f64::from(event.client_y()) - place.top(),
            ))
        }
    };
    let on_down = {
        let (node, local, fingers, dragged) = (
            node.clone(),
            local.clone(),
            fingers.clone(),
            dragged.clone(),
        );
        Callback::from(move |event: PointerEvent| {
            let Some((x, _)) = local(&event) else { return };
            fingers.borrow_mut().push((event.pointer_id(), x));
            *dragged.borrow_mut() = 0.0;
            if let Some(element) = node.cast::<Element>() {
                let _ = element.set_pointer_capture(event.pointer_id());
            }
        })
    };
    let on_move = {
        let (local, fingers, dragged, scene, show, picked) = (
            local.clone(),
            fingers.clone(),
            dragged.clone(),
            scene.clone(),
            show.clone(),
            picked.clone(),
        );
        Callback::from(move |event: PointerEvent| {
            let Some((x, y)) = local(&event) else { return };
            let mut fingers = fingers.borrow_mut();
            let other = fingers
                .iter()
                .find(|(id, _)| *id != event.pointer_id())
                .map(|&(_, x)| x);
            let Some(own) = fingers.iter_mut().find(|(id, _)| *id == event.pointer_id()) else {
                picked.set(scene.nearest(x, y));
                return;
            };
            let before = own.1;
            own.1 = x;
            *dragged.borrow_mut() += (x - before).abs();
            if *dragged.borrow() < 4.0 {
                return;
            }
            match other {
                Some(other) => {
                    let part = (before - other).abs().max(8.0) / (x - other).abs().max(8.0);
                    let fixed = scene.at(f64::midpoint(other, x));
                    show.emit(scene.window.zoomed(part, fixed, end));
                }
                None => {
                    let micros = (before - x) * scene.micros();
                    show.emit(scene.window.moved(micros as i64, end));
                }
            }
        })
    };
    let on_up = {
        let (local, fingers, dragged, scene, picked) = (
            local.clone(),
            fingers.clone(),
            dragged.clone(),
            scene.clone(),
            picked.clone(),
        );
        Callback::from(move |event: PointerEvent| {
            let known = fingers
                .borrow()
                .iter()
                .any(|(id, _)| *id == event.pointer_id());
            fingers
                .borrow_mut()
                .retain(|(id, _)| *id != event.pointer_id());
            if let Some((x, y)) = local(&event).filter(|_| known && *dragged.borrow() < 4.0) {
                picked.set(scene.nearest(x, y));
            }
        })
    };
    {
        // Yew's own listener may not refuse the browser's scrolling and zooming.
        let (node, scene, show) = (node.clone(), scene.clone(), show.clone());
        use_effect_with(window, move |_| {
            let element = node.cast::<Element>();
            let listener = element.map(|element| {
                let options = EventListenerOptions::enable_prevent_default();
                let place = element.clone();
                EventListener::new_with_options(&element, "wheel", options, move |event| {
                    let Some(event) = event.dyn_ref::<WheelEvent>() else {
                        return;
                    };
                    let x = f64::from(event.client_x()) - place.get_bounding_client_rect().left();
                    if event.ctrl_key() || event.meta_key() {
                        event.prevent_default();
                        let part = if event.delta_y() > 0.0 { 1.25 } else { 0.8 };
                        show.emit(scene.window.zoomed(part, scene.at(x), end));
                    } else if event.delta_x() != 0.0 || event.shift_key() {
                        event.prevent_default();
                        let by = if event.delta_x() == 0.0 {
                            event.delta_y()
                        } else {
                            event.delta_x()
                        };
                        show.emit(scene.window.moved((by * scene.micros()) as i64, end));
                    }
                })
            });
            move || drop(listener)
        });
    }
    let on_key = {
        let (scene, picked, show, diagram) =
            (scene.clone(), picked.clone(), show.clone(), diagram.clone());
        let (select, follow_playhead) = (select.clone(), follow_playhead.clone());
        let order = picked
            .and_then(order_of)
            .and_then(|orders| orders.first().copied());
        let (zoom_in, zoom_out) = (zoom(0.5), zoom(2.0));
        let head = head.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.ctrl_key() || event.meta_key() || event.alt_key() {
                return;
            }
            let far = |part: f64| {
                scene
                    .window
                    .moved((scene.window.span as f64 * part) as i64, end)
            };
            let entries = scene.entries();
            let place = picked.and_then(|pick| entries.iter().position(|(_, one)| *one == pick));
            let lost = |pick: &Pick| matches!(pick, Pick::Arrow(n) if diagram.arrows[*n].is_lost());
            match event.key().as_str() {
                "ArrowRight" if event.shift_key() => show.emit(far(0.25)),
                "ArrowLeft" if event.shift_key() => show.emit(far(-0.25)),
                "ArrowRight" => {
                    let next = place.map_or(0, |place| place + 1);
                    match entries.get(next) {
                        Some((_, pick)) => picked.set(Some(*pick)),
                        None => show.emit(far(0.5)),
                    }
                }
                "ArrowLeft" => match place.unwrap_or(entries.len()).checked_sub(1) {
                    Some(before) => picked.set(entries.get(before).map(|(_, pick)| *pick)),
                    None => show.emit(far(-0.5)),
                },
                // From one lost message to the next, wherever it is.
                "PageDown" | "PageUp" => {
                    let at = match *picked {
                        Some(Pick::Arrow(n)) => diagram.arrows[n].sent,
                        Some(Pick::Mark(n)) => diagram.marks[n].at,
                        None => Time::from_micros(scene.window.from),
                    };
                    let all = diagram.arrows.iter().enumerate();
                    let mut all = all.filter(|(n, _)| lost(&Pick::Arrow(*n)));
                    let found = if event.key() == "PageDown" {
                        all.find(|(n, a)| {
                            a.sent > at || (a.sent == at && Some(Pick::Arrow(*n)) > *picked)
                        })
                    } else {
                        all.rfind(|(_, a)| a.sent < at)
                    };
                    if let Some((n, arrow)) = found {
                        picked.set(Some(Pick::Arrow(n)));
                        show.emit(Window::around(arrow.sent, scene.window.span).within(end));
                    }
                }
                "+" | "=" => zoom_in.emit(()),
                "-" => zoom_out.emit(()),
                "0" => follow_playhead.emit(()),
                "Enter" => {
                    if let Some(order) = order {
                        select.emit(order);
                    }
                }
                "g" | "G" => {
                    let at = match *picked {
                        Some(Pick::Arrow(n)) => Some(diagram.arrows[n].sent),
                        Some(Pick::Mark(n)) => Some(diagram.marks[n].at),
                        None => None,
                    };
                    if let Some(at) = at {
                        head.dispatch(Move::Seek(at));
                    }
                }
                _ => return,
            }
            event.prevent_default();
        })
    };
    let words = |pick: Pick| match pick {
        Pick::Arrow(n) => diagram
            .arrows
            .get(n)
            .map_or_else(String::new, |arrow| diagram.words(arrow, trace)),
        Pick::Mark(n) => diagram
            .marks
            .get(n)
            .map_or_else(String::new, |mark| diagram.mark_words(mark, trace)),
    };
    let summary = summary(&scene, view);
    let state = if many.is_asking(|what| matches!(what, What::Wire)) {
        let (done, _) = many.progress;
        format!("Running it once more for its messages: {done} events so far.")
    } else if wired.is_none() && many.problem.is_some() {
        "The messages could not be fetched; facts only.".to_string()
    } else if wired.is_none() {
        "Facts only: the messages come when the exploration under way is done.".to_string()
    } else if diagram.omitted > 0 {
        format!("{} later messages were not kept.", diagram.omitted)
    } else {
        String::new()
    };
    let save = {
        let (scene, summary) = (scene.clone(), summary.clone());
        let footer = format!(
            "run {}, seed {}",
            run.digest_text(),
            view.done.scenario.seed
        );
        Callback::from(move |()| {
            let svg = scene.to_svg(&summary, &footer);
            files::save("streamproof-spacetime.svg", "image/svg+xml", &svg);
        })
    };
    let close = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Beside(Beside::Spacetime)))
    };
    let toggle = |what: &yew::UseStateHandle<bool>| {
        let what = what.clone();
        Callback::from(move |()| what.set(!*what))
    };
    let now = scene.x(view.at);
    let height = scene.height();
    let has_branches = diagram.lanes.iter().any(|lane| lane.branch);
    let pointed = picked.map(|pick| pointer(&scene, pick));
    let orders = picked.and_then(order_of).unwrap_or_default();
    let moment = picked.and_then(|pick| match pick {
        Pick::Arrow(n) => diagram.arrows.get(n).map(|arrow| arrow.sent),
        Pick::Mark(n) => diagram.marks.get(n).map(|mark| mark.at),
    });
    html! {
        <section class="panel spacetime" aria-label="Spacetime diagram">
            <header>
                <h2>{ "Spacetime" }</h2>
                <span class="vh st-window-words">{ format!("{} to {}", seconds(Time::from_micros(window.from)), seconds(Time::from_micros(window.to()))) }</span>
                <div class="st-tools">
                    { tool("st-earlier", "◀", "Earlier", None, false, pan(-0.5)) }
                    { tool("st-later", "▶", "Later", None, false, pan(0.5)) }
                    { tool("st-in", "+", "Closer", None, false, zoom(0.5)) }
                    { tool("st-out", "−", "Farther", None, false, zoom(2.0)) }
                    { tool("st-now", "Playhead", "", None, chosen.is_none(), follow_playhead.clone()) }
                    if has_branches { { tool("st-branches", "Branches", "", Some(*branches), false, toggle(&branches)) } }
                    { tool("st-polls", "Heartbeats", "", Some(*housekeeping), false, toggle(&housekeeping)) }
                    { tool("st-list", "List", "", Some(*listed), false, toggle(&listed)) }
                    { tool("st-svg", "SVG", "", None, false, save) }
                    <button class="btn quiet" onclick={close}>{ "Close" }<kbd>{ "Esc" }</kbd></button>
                </div>
            </header>
            <svg ref={node} width={px(scene.width)} height={px(height)} tabindex="0" role="group" aria-roledescription="diagram" aria-label={summary.clone()}
                aria-describedby="st-hint" onpointerdown={on_down} onpointermove={on_move} onpointerup={on_up.clone()} onpointercancel={on_up} onkeydown={on_key}>
                <defs><clipPath id="st-window"><rect x={px(LEFT - 1.0)} y="0" width={px((scene.width - LEFT - RIGHT + 2.0).max(1.0))} height={px(height)} /></clipPath></defs>
                <Strokes scene={scene.clone()} />
                if now < scene.width - RIGHT {
                    <rect class="st-future" x={px(now.max(LEFT))} y={px(RULER)} width={px(scene.width - RIGHT - now.max(LEFT))} height={px(height - RULER - 4.0)} />
                }
                if now >= LEFT && now <= scene.width - RIGHT { <path class="st-now" d={format!("M{} {}V{}", px(now), px(RULER - 6.0), px(height - 2.0))} /> }
                if let Some(d) = pointed { <path class="st-picked" {d} clip-path="url(#st-window)" /> }
            </svg>
            <p class="vh" id="st-hint">{ "Left and right go from one message or fact to the next, Page Down to the next lost message, Enter follows its order, G goes to its moment, plus and minus zoom, Shift with left and right moves the window, 0 goes back to the playhead." }</p>
            <div class="st-say">
                <p role="status">{ picked.map_or_else(|| if state.is_empty() { summary.clone() } else { state.clone() }, words) }</p>
                if let Some(at) = moment { <button class="btn" id="st-go" onclick={Callback::from({ let head = head.clone(); move |_| head.dispatch(Move::Seek(at)) })}>{ format!("Go to {}", seconds(at)) }</button> }
                { for orders.iter().take(3).map(|&order| {
                    let select = select.clone();
                    html! { <button class="btn" data-follow={order.to_string()} aria-pressed={(view.followed == Some(order)).to_string()} onclick={Callback::from(move |_| select.emit(order))}>{ format!("Follow #{order}") }</button> }
                }) }
            </div>
            <ul class="st-key" aria-label="Signs">
                { for Shape::ALL.into_iter().map(|shape| html! { <li>{ key(&scene, shape) }{ key_words(shape) }</li> }) }
                <li><svg width="20" height="14" aria-hidden="true"><path class="st-arrow st-lost" d="M1 3L11 8" /><path class="st-cross" d="M8 4l8 8m0 -8l-8 8" /></svg>{ "lost on the way" }</li>
            </ul>
            if *listed { { entries(&scene, &words, &picked, head, trace) } }
        </section>
    }
}

/// A button of the row above the picture.
fn tool(
    id: &'static str,
    words: &'static str,
    label: &'static str,
    pressed: Option<bool>,
    disabled: bool,
    action: Callback<()>,
) -> Html {
    let label = (!label.is_empty()).then_some(label);
    let onclick = action.reform(|_| ());
    html! { <button class="btn" {id} aria-label={label} aria-pressed={pressed.map(|on| on.to_string())} {disabled} {onclick}>{ words }</button> }
}

#[yew::hook]
fn use_lanes(diagram: &Rc<Diagram>, branches: bool, housekeeping: bool) -> Rc<Vec<usize>> {
    let place = Rc::as_ptr(diagram) as usize;
    let of = diagram.clone();
    let lanes = use_memo(
        (place, diagram.arrows.len(), branches, housekeeping),
        move |_| Rc::new(shown_lanes(&of, branches, housekeeping)),
    );
    (*lanes).clone()
}

impl PartialOrd for Pick {
    /// By place among arrows; a mark comes before all of them.
    fn partial_cmp(&self, other: &Pick) -> Option<std::cmp::Ordering> {
        let rank = |pick: &Pick| match pick {
            Pick::Mark(_) => 0,
            Pick::Arrow(n) => n + 1,
        };
        rank(self).partial_cmp(&rank(other))
    }
}

fn summary(scene: &Scene, view: &View) -> String {
    let (from, to) = scene.ends();
    let arrows: Vec<&Arrow> = scene.arrows().map(|(_, arrow)| arrow).collect();
    let lost = arrows.iter().filter(|arrow| arrow.is_lost()).count();
    let lit = arrows.iter().filter(|arrow| scene.is_lit(arrow)).count();
    let followed = match view.followed {
        Some(order) => format!(", {lit} of them about #{order}"),
        None => String::new(),
    };
    format!(
        "{} hosts from {} to {}: {} messages{followed}, {lost} lost, {} facts.",
        scene.lanes.len(),
        seconds(from),
        seconds(to),
        arrows.len(),
        scene.marks().count(),
    )
}

/// A line under the arrow or a ring around the mark that is in hand.
fn pointer(scene: &Scene, pick: Pick) -> String {
    match pick {
        Pick::Arrow(n) => {
            let line = scene
                .diagram
                .arrows
                .get(n)
                .and_then(|arrow| scene.line(arrow));
            line.map_or_else(String::new, |(a, b)| {
                format!("M{} {}L{} {}", px(a.0), px(a.1), px(b.0), px(b.1))
            })
        }
        Pick::Mark(n) => {
            let place = scene
                .diagram
                .marks
                .get(n)
                .and_then(|mark| Some((scene.x(mark.at), scene.y(mark.lane)?)));
            place.map_or_else(String::new, |(x, y)| {
                format!("M{} {}h20v20h-20z", px(x - 10.0), px(y - 10.0))
            })
        }
    }
}

fn key(scene: &Scene, shape: Shape) -> Html {
    let mut ink = Vec::new();
    scene.mark(shape, 8.0, 8.0, true, &mut ink);
    let strokes = ink.into_iter().filter_map(|ink| match ink {
        Ink::Path(d, class) => Some(html! { <path {class} {d} /> }),
        _ => None,
    });
    html! { <svg width="20" height="16" aria-hidden="true">{ for strokes }</svg> }
}

fn key_words(shape: Shape) -> &'static str {
    match shape {
        Shape::Append => "in a log",
        Shape::Ack => "acknowledged",
        Shape::Commit => "commit, plan or checkpoint",
        Shape::Table => "table",
        Shape::Fault => "fault",
        Shape::Life => "crash, restart, pause",
        Shape::Trouble => "refused or failed",
        Shape::Other => "another fact",
    }
}

/// The same as a list.
fn entries(
    scene: &Scene,
    words: &impl Fn(Pick) -> String,
    picked: &yew::UseStateHandle<Option<Pick>>,
    head: &UseReducerHandle<Head>,
    trace: &Trace,
) -> Html {
    let entries = scene.entries();
    let more = entries.len().saturating_sub(ROWS_MAX);
    html! {
        <div class="st-entries" tabindex="0" role="group" aria-label="Messages and facts as a list">
            <ol>{ for entries.into_iter().take(ROWS_MAX).map(|(at, pick)| {
                let (diagram, own) = (&scene.diagram, scene.follows());
                let (kind, fact) = match pick {
                    Pick::Arrow(n) if diagram.arrows[n].is_lost() => ("lost", diagram.arrows[n].cause),
                    Pick::Arrow(n) => ("message", diagram.arrows[n].cause),
                    Pick::Mark(n) => (diagram.marks[n].shape.name(), Some(diagram.marks[n].fact)),
                };
                let lit = own && fact.is_some_and(|fact| scene.about.get(fact.0 as usize) == Some(&true));
                let orders = fact.and_then(|fact| subject(trace, fact)).map_or_else(String::new, |orders| list(&orders));
                let go = {
                    let (head, picked) = (head.clone(), picked.clone());
                    Callback::from(move |_| {
                        picked.set(Some(pick));
                        head.dispatch(Move::Seek(at));
                    })
                };
                html! { <li data-kind={kind} data-lit={lit.to_string()} title={orders}><button class="when" onclick={go} aria-label={format!("Go to {}", seconds(at))}>{ seconds(at) }</button><span>{ words(pick) }</span></li> }
            }) }</ol>
            if more > 0 { <p>{ format!("{more} more in this window: look closer.") }</p> }
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::explore::wired::Wiring;
    use crate::sim::{Keep, Simulation, catalog};

    fn scene(from_ms: u64, span_ms: u64, order: Option<u32>) -> Scene {
        let scenario = catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let trace = run.trace.as_ref().expect("kept");
        let wired = Wiring::run(&scenario);
        let diagram = Rc::new(Diagram::of(trace, run.end, Some(&wired.wire)));
        Scene {
            about: Rc::new(order.map_or_else(Vec::new, |order| about(trace, order))),
            lanes: Rc::new(shown_lanes(&diagram, false, false)),
            diagram,
            window: Window {
                from: from_ms * 1000,
                span: span_ms * 1000,
            },
            width: 784.0,
            pitch: 26.0,
            housekeeping: false,
        }
    }

    #[test]
    fn a_window_of_the_whole_run_has_beads_and_few_strokes() {
        let close = scene(3_000, 400, Some(17));
        let whole = scene(0, 10_000, None);
        assert!(whole.arrows().count() > ARROWS_MAX);
        let ink = whole.ink();
        assert!(ink.iter().any(|ink| matches!(ink, Ink::Dot(..))));
        assert!(ink.len() < 1_500, "{}", ink.len());
        assert!(!close.ink().iter().any(|ink| matches!(ink, Ink::Dot(..))));
    }

    #[test]
    fn the_lost_answer_ends_in_a_cross_and_the_file_says_what_the_page_shows() {
        let scene = scene(3_000, 400, Some(17));
        let lost = scene
            .arrows()
            .find(|(_, arrow)| arrow.is_lost())
            .expect("one is lost");
        let (begin, end) = scene.line(lost.1).expect("both lanes are shown");
        assert!(end.1 < begin.1, "from the broker up to the producer");
        assert!(matches!(scene.nearest(end.0, end.1), Some(Pick::Arrow(n)) if n == lost.0));
        let svg = scene.to_svg("a < b", "run & seed");
        assert!(svg.contains("st-cross") && svg.contains("broker 2") && svg.ends_with("</svg>"));
        assert!(svg.contains("a &lt; b") && svg.contains("run &amp; seed"));
        for forbidden in ["<script", "foreignObject", "href", "url(http"] {
            assert!(!svg.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn zooming_keeps_what_is_under_the_pointer_and_nothing_leaves_the_run() {
        let window = Window {
            from: 3_000_000,
            span: 400_000,
        };
        let near = window.zoomed(0.5, 3_100_000, 10_000_000);
        assert_eq!(
            near,
            Window {
                from: 3_050_000,
                span: 200_000
            }
        );
        let far = window.zoomed(1000.0, 3_100_000, 10_000_000);
        assert_eq!(far.span, 10_000_000);
        assert_eq!(window.moved(-5_000_000, 10_000_000).from, 0);
        assert!(window.moved(50_000_000, 10_000_000).to() <= 10_100_000);
    }

    #[test]
    fn the_list_has_what_the_picture_has() {
        let scene = scene(3_000, 400, Some(17));
        let entries = scene.entries();
        let begun = |(_, arrow): &(usize, &Arrow)| arrow.sent.micros() >= 3_000_000;
        let count = scene.arrows().filter(begun).count() + scene.marks().count();
        assert_eq!(entries.len(), count);
        assert!(entries.is_sorted_by_key(|(at, _)| *at));
    }
}
