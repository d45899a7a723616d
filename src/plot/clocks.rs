//! Event time against processing time, with the watermark.

use super::format::{count, seconds};
use super::pen::{Anchor, Drawn, Pen, Strip, Words};
use super::{Table, View};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Seen,
    /// A second row of an order that was seen.
    Duplicate,
    /// Dropped behind the watermark.
    Late,
}

/// One order: when it happened, and when it was seen, in µs of simulated time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    pub order: u32,
    pub event: i64,
    pub processing: u64,
    pub kind: Kind,
}

/// The two clocks of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    pub end: u64,
    pub points: Vec<Point>,
    /// (processing time, the watermark from then on).
    pub watermark: Vec<(u64, i64)>,
    /// Bounds of windows, in event time.
    pub windows: Vec<i64>,
}

/// More points than this are thinned to one a pixel.
const POINTS: usize = 2_000;

impl Clocks {
    fn seen(&self, playhead: u64) -> impl Iterator<Item = &Point> {
        self.points
            .iter()
            .filter(move |point| point.processing <= playhead)
    }

    fn watermark_at(&self, playhead: u64) -> Option<i64> {
        self.watermark
            .iter()
            .take_while(|(at, _)| *at <= playhead)
            .last()
            .map(|&(_, to)| to)
    }

    pub fn sentence(&self, view: &View) -> String {
        let late = self
            .seen(view.playhead)
            .filter(|point| point.kind == Kind::Late)
            .count() as u64;
        match (late, self.watermark_at(view.playhead)) {
            (0, None) => "Delay is the way up from the diagonal".into(),
            (0, Some(to)) => format!("The watermark stands at {}", seconds(to.max(0) as u64)),
            (late, _) => format!("{} came behind the watermark", count(late, "order")),
        }
    }

    pub fn summary(&self, view: &View) -> String {
        let seen = self.seen(view.playhead).count() as u64;
        let late = self
            .seen(view.playhead)
            .filter(|point| point.kind == Kind::Late)
            .count();
        let watermark = self
            .watermark_at(view.playhead)
            .map_or("not set yet".into(), |to| {
                format!("at {}", seconds(to.max(0) as u64))
            });
        format!(
            "Event time against processing time at {}: {} seen, {late} dropped late, watermark {watermark}.",
            seconds(view.playhead),
            count(seen, "row")
        )
    }

    pub fn table(&self, view: &View) -> Table {
        let time = |micros: i64| {
            format!(
                "{}{}",
                if micros < 0 { "-" } else { "" },
                seconds(micros.unsigned_abs())
            )
        };
        let rows: Vec<Vec<String>> = self
            .seen(view.playhead)
            .map(|point| {
                let kind = match point.kind {
                    Kind::Seen => "seen",
                    Kind::Duplicate => "duplicate",
                    Kind::Late => "late",
                };
                vec![
                    point.order.to_string(),
                    time(point.event),
                    seconds(point.processing),
                    kind.to_string(),
                ]
            })
            .collect();
        if rows.len() > 200 {
            let late = self
                .seen(view.playhead)
                .filter(|point| point.kind == Kind::Late)
                .count();
            return Table::new(
                ["what", "rows"],
                vec![
                    vec!["seen".into(), (rows.len() - late).to_string()],
                    vec!["late".into(), late.to_string()],
                ],
            );
        }
        Table::new(["order", "event time", "seen at", "what"], rows)
    }

    pub(super) fn draw(&self, pen: &Pen, view: &View) -> Drawn {
        let palette = pen.palette;
        let strip = Strip::new(pen, view, 24.0, pen.height() - 18.0);
        pen.title(strip.left, &self.sentence(view))?;
        strip.ground(pen, view)?;
        let whole = (view.to - view.from).max(1) as f64;
        let y = |micros: u64| strip.y(micros.saturating_sub(view.from) as f64 / whole);
        let x = |micros: i64| strip.x(micros.max(0) as u64);
        let middle = view.from + (view.to - view.from) / 2 / 1_000_000 * 1_000_000;
        for mark in [view.from, middle, view.to] {
            pen.label(
                strip.left - 8.0,
                y(mark),
                &format!("{}", mark / 1_000_000),
                Anchor::End,
            )?;
        }
        pen.label(4.0, strip.y(0.5) - 7.0, "processing", Anchor::Start)?;
        pen.label(4.0, strip.y(0.5) + 7.0, "time, s", Anchor::Start)?;
        pen.label(
            strip.right,
            pen.height() - 7.0,
            "event time, s",
            Anchor::End,
        )?;
        for &bound in self
            .windows
            .iter()
            .filter(|&&bound| bound > 0 && (bound as u64) < view.to)
        {
            pen.dashed(
                (x(bound), strip.top),
                (x(bound), strip.bottom),
                palette.rule,
                1.5,
                (5.0, 3.0),
            )?;
            pen.label(
                x(bound) + 4.0,
                strip.bottom - 8.0,
                "window ends",
                Anchor::Start,
            )?;
        }
        pen.dashed(
            (strip.left, strip.bottom),
            (strip.right, strip.top),
            palette.rule,
            1.0,
            (1.5, 3.0),
        )?;
        pen.label(strip.right - 2.0, strip.top + 20.0, "no delay", Anchor::End)?;
        self.draw_watermark(pen, view, &strip, &x, &y)?;
        let seen: Vec<&Point> = self.seen(view.playhead).collect();
        let every = seen.len().div_ceil(POINTS).max(1);
        for point in seen
            .iter()
            .enumerate()
            .filter(|(n, point)| n % every == 0 || point.kind != Kind::Seen)
            .map(|(_, point)| point)
        {
            let (px, py) = (x(point.event), y(point.processing));
            match point.kind {
                Kind::Seen => pen.circle(px, py, 3.0, palette.ok_tint, palette.ok)?,
                Kind::Duplicate => {
                    pen.fill(px - 7.0, py - 8.0, px + 3.0, py + 2.0, palette.surface, 1.0)?;
                    pen.frame_box(
                        px - 7.0,
                        py - 8.0,
                        px + 3.0,
                        py + 2.0,
                        palette.dup_line,
                        1.25,
                    )?;
                    pen.fill(px - 4.0, py - 5.0, px + 6.0, py + 5.0, palette.dup, 1.0)?;
                    pen.frame_box(
                        px - 4.0,
                        py - 5.0,
                        px + 6.0,
                        py + 5.0,
                        palette.dup_line,
                        1.5,
                    )?;
                    if view.highlight == Some(point.order) {
                        pen.text(
                            px + 9.0,
                            py + 8.0,
                            &format!("#{}", point.order),
                            &Words {
                                color: palette.dup_text,
                                size: 11.0,
                                bold: true,
                                anchor: Anchor::Start,
                            },
                        )?;
                    }
                }
                Kind::Late => {
                    pen.polygon(
                        &[
                            (px, py - 6.0),
                            (px + 6.0, py),
                            (px, py + 6.0),
                            (px - 6.0, py),
                        ],
                        palette.late,
                        1.0,
                    )?;
                    pen.text(
                        px - 9.0,
                        py,
                        &format!("#{} late", point.order),
                        &Words {
                            color: palette.late_text,
                            size: 11.0,
                            bold: true,
                            anchor: Anchor::End,
                        },
                    )?;
                }
            }
        }
        let now = y(view.playhead);
        pen.dashed(
            (strip.left, now),
            (strip.x(view.playhead), now),
            palette.text,
            1.0,
            (2.0, 3.0),
        )?;
        strip.playhead(pen, view)
    }

    /// The watermark as a staircase: it stands still until a batch moves it.
    fn draw_watermark(
        &self,
        pen: &Pen,
        view: &View,
        strip: &Strip,
        x: &impl Fn(i64) -> f64,
        y: &impl Fn(u64) -> f64,
    ) -> Drawn {
        let steps: Vec<(u64, i64)> = self
            .watermark
            .iter()
            .take_while(|(at, _)| *at <= view.playhead)
            .copied()
            .collect();
        let Some(&(first, _)) = steps.first() else {
            return Ok(());
        };
        let mut points = vec![(strip.left, y(first))];
        for &(at, to) in &steps {
            let before = points.last().map_or(strip.left, |&(px, _)| px);
            points.push((before, y(at)));
            points.push((x(to), y(at)));
        }
        let end = points.last().map_or(strip.left, |&(px, _)| px);
        points.push((end, y(view.playhead)));
        pen.line(&points, pen.palette.late, 2.0)?;
        let label_y = (y(view.playhead) - 1.0).max(strip.top + 6.0);
        let room = end - strip.left > 70.0;
        let (at, anchor) = if room {
            (end - 6.0, Anchor::End)
        } else {
            (end + 6.0, Anchor::Start)
        };
        pen.text(
            at,
            label_y - 7.0,
            "watermark",
            &Words {
                color: pen.palette.late_text,
                size: 11.0,
                bold: true,
                anchor,
            },
        )
    }
}
