//! Lines, boxes and words in CSS px on any plotters backend.

use super::{Frame, Palette, View};
use crate::sim::compact::sort_by_rank;
use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform};

pub(super) type Drawn = Result<(), Undrawn>;

/// Why something could not be drawn, as the backend says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undrawn(pub String);

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for Undrawn {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Undrawn(error.to_string())
    }
}

/// What a pen draws on: an area of any of plotters' backends. A chart is compiled once for all of them.
pub(super) trait Sheet {
    fn fill(&self, color: &RGBColor) -> Drawn;
    fn path(&self, points: Vec<(i32, i32)>, style: ShapeStyle) -> Drawn;
    fn rectangle(&self, corners: [(i32, i32); 2], style: ShapeStyle) -> Drawn;
    fn polygon(&self, points: Vec<(i32, i32)>, style: ShapeStyle) -> Drawn;
    fn circle(&self, at: (i32, i32), radius: u32, style: ShapeStyle) -> Drawn;
    fn text(&self, words: &str, at: (i32, i32), style: TextStyle) -> Drawn;
}

impl<DB: DrawingBackend> Sheet for DrawingArea<DB, Shift> {
    fn fill(&self, color: &RGBColor) -> Drawn {
        Ok(DrawingArea::fill(self, color)?)
    }

    fn path(&self, points: Vec<(i32, i32)>, style: ShapeStyle) -> Drawn {
        Ok(self.draw(&PathElement::new(points, style))?)
    }

    fn rectangle(&self, corners: [(i32, i32); 2], style: ShapeStyle) -> Drawn {
        Ok(self.draw(&Rectangle::new(corners, style))?)
    }

    fn polygon(&self, points: Vec<(i32, i32)>, style: ShapeStyle) -> Drawn {
        Ok(self.draw(&Polygon::new(points, style))?)
    }

    fn circle(&self, at: (i32, i32), radius: u32, style: ShapeStyle) -> Drawn {
        Ok(self.draw(&Circle::new(at, radius, style))?)
    }

    fn text(&self, words: &str, at: (i32, i32), style: TextStyle) -> Drawn {
        Ok(self.draw(&Text::new(words, at, style))?)
    }
}

const SANS: &str = "\"Atkinson Hyperlegible Next Variable\", system-ui, sans-serif";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How words look.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub color: RGBColor,
    pub size: f64,
    pub bold: bool,
    pub anchor: Anchor,
}

pub(super) struct Pen<'a> {
    sheet: &'a dyn Sheet,
    pub frame: Frame,
    pub palette: &'a Palette,
}

impl<'a> Pen<'a> {
    pub fn new(sheet: &'a dyn Sheet, frame: &Frame, palette: &'a Palette) -> Self {
        Pen {
            sheet,
            frame: *frame,
            palette,
        }
    }

    fn to_px(&self, x: f64, y: f64) -> (i32, i32) {
        let limit = |value: f64| value.clamp(-20_000.0, 20_000.0);
        (
            (limit(x * self.frame.scale)).round() as i32,
            (limit(y * self.frame.scale)).round() as i32,
        )
    }

    fn stroke(&self, width: f64) -> u32 {
        self.size(width * self.palette.weight)
    }

    /// A length in physical px.
    fn size(&self, length: f64) -> u32 {
        (length * self.frame.scale).round().max(1.0) as u32
    }

    pub fn width(&self) -> f64 {
        f64::from(self.frame.width)
    }

    pub fn height(&self) -> f64 {
        f64::from(self.frame.height)
    }

    pub fn clear(&self) -> Drawn {
        self.sheet.fill(&self.palette.surface)
    }

    pub fn line(&self, points: &[(f64, f64)], color: RGBColor, width: f64) -> Drawn {
        let points: Vec<(i32, i32)> = points.iter().map(|&(x, y)| self.to_px(x, y)).collect();
        self.sheet
            .path(points, color.stroke_width(self.stroke(width)))
    }

    /// A straight line in dashes.
    pub fn dashed(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        color: RGBColor,
        width: f64,
        dash: (f64, f64),
    ) -> Drawn {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = libm::hypot(dx, dy);
        if !length.is_finite() || length < 0.5 {
            return Ok(());
        }
        let mut at = 0.0;
        while at < length.min(10_000.0) {
            let end = (at + dash.0).min(length);
            let point = |part: f64| (from.0 + dx * part / length, from.1 + dy * part / length);
            self.line(&[point(at), point(end)], color, width)?;
            at += dash.0 + dash.1;
        }
        Ok(())
    }

    pub fn fill(
        &self,
        left: f64,
        top: f64,
        right: f64,
        bottom: f64,
        color: RGBColor,
        alpha: f64,
    ) -> Drawn {
        if right <= left || bottom <= top {
            return Ok(());
        }
        self.sheet.rectangle(
            [self.to_px(left, top), self.to_px(right, bottom)],
            color.mix(alpha).filled(),
        )
    }

    pub fn frame_box(
        &self,
        left: f64,
        top: f64,
        right: f64,
        bottom: f64,
        color: RGBColor,
        width: f64,
    ) -> Drawn {
        self.line(
            &[
                (left, top),
                (right, top),
                (right, bottom),
                (left, bottom),
                (left, top),
            ],
            color,
            width,
        )
    }

    pub fn polygon(&self, points: &[(f64, f64)], color: RGBColor, alpha: f64) -> Drawn {
        let points: Vec<(i32, i32)> = points.iter().map(|&(x, y)| self.to_px(x, y)).collect();
        self.sheet.polygon(points, color.mix(alpha).filled())
    }

    pub fn circle(&self, x: f64, y: f64, radius: f64, fill: RGBColor, line: RGBColor) -> Drawn {
        let at = self.to_px(x, y);
        let size = self.size(radius);
        self.sheet.circle(at, size, fill.filled())?;
        self.sheet
            .circle(at, size, line.stroke_width(self.stroke(1.25)))
    }

    /// Words on a line through `y`.
    pub fn text(&self, x: f64, y: f64, words: &str, look: &Words) -> Drawn {
        let anchor = match look.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style = if look.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let font = FontDesc::new(FontFamily::Name(SANS), look.size * self.frame.scale, style)
            .transform(FontTransform::None);
        let style = TextStyle::from(font)
            .color(&look.color)
            .pos(Pos::new(anchor, VPos::Center));
        self.sheet.text(words, self.to_px(x, y), style)
    }

    /// The same with ground under it, for words that may stand on a line.
    pub fn text_on_ground(&self, x: f64, y: f64, words: &str, look: &Words) -> Drawn {
        // About as wide as the words.
        let width = 0.54 * look.size * words.chars().count() as f64;
        let left = match look.anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        let half = look.size * 0.55;
        self.fill(
            left - 2.0,
            y - half,
            left + width + 2.0,
            y + half,
            self.palette.surface,
            0.85,
        )?;
        self.text(x, y, words, look)
    }

    pub fn title(&self, x: f64, words: &str) -> Drawn {
        self.text(
            x,
            9.0,
            words,
            &Words {
                color: self.palette.text,
                size: 12.5,
                bold: true,
                anchor: Anchor::Start,
            },
        )
    }

    pub fn label(&self, x: f64, y: f64, words: &str, anchor: Anchor) -> Drawn {
        self.text(
            x,
            y,
            words,
            &Words {
                color: self.palette.muted,
                size: 11.0,
                bold: false,
                anchor,
            },
        )
    }
}

/// A value at the playhead, in words.
pub(super) struct Named {
    pub value: f64,
    pub words: String,
    pub color: RGBColor,
    pub bold: bool,
}

/// The part of a chart that has a time axis: where it is, and what it shows.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    from: u64,
    to: u64,
}

impl Strip {
    pub fn new(pen: &Pen, view: &View, top: f64, bottom: f64) -> Self {
        let left = f64::from(view.plot_left);
        let right = (pen.width() - f64::from(view.plot_right)).max(left + 1.0);
        Strip {
            left,
            right,
            top,
            bottom: bottom.max(top + 1.0),
            from: view.from,
            to: view.to.max(view.from + 1),
        }
    }

    pub fn x(&self, micros: u64) -> f64 {
        let part = micros.saturating_sub(self.from) as f64 / (self.to - self.from) as f64;
        self.left + part.min(1.0) * (self.right - self.left)
    }

    /// `part` of the height, 0 at the bottom.
    pub fn y(&self, part: f64) -> f64 {
        self.bottom - part.clamp(0.0, 1.0) * (self.bottom - self.top)
    }

    /// Light rules at whole seconds, the axis, and the time that is not played yet.
    pub fn ground(&self, pen: &Pen, view: &View) -> Drawn {
        let palette = pen.palette;
        let seconds = (self.to - self.from) / 1_000_000;
        let every = seconds
            .div_ceil(((self.right - self.left) / 34.0).max(1.0) as u64)
            .max(1);
        for second in (0..=seconds.min(100_000)).step_by(every as usize) {
            let x = self.x(self.from + second * 1_000_000);
            pen.line(&[(x, self.top), (x, self.bottom)], palette.grid, 1.0)?;
        }
        pen.fill(
            self.x(view.playhead),
            self.top,
            self.right,
            self.bottom,
            palette.future,
            0.75,
        )?;
        pen.line(
            &[(self.left, self.bottom), (self.right, self.bottom)],
            palette.rule,
            1.0,
        )
    }

    pub fn playhead(&self, pen: &Pen, view: &View) -> Drawn {
        let x = self.x(view.playhead);
        if view.playhead_line {
            pen.line(&[(x, 0.0), (x, pen.height())], pen.palette.text, 2.0)?;
        }
        Ok(())
    }

    /// Names marks of a scale whose top is `most`, and what is counted.
    pub fn scale(&self, pen: &Pen, marks: &[f64], most: f64, unit: &str) -> Drawn {
        for mark in marks {
            let y = self.y(mark / most);
            pen.label(self.left - 8.0, y, &format!("{mark}"), Anchor::End)?;
        }
        pen.label(4.0, self.y(0.5), unit, Anchor::Start)
    }

    /// Where words stand beside the playhead: behind it where there is room for so many px, else before it.
    pub fn beside(&self, view: &View, room: f64) -> (f64, Anchor) {
        let x = self.x(view.playhead);
        if self.right - x > room {
            (x + 8.0, Anchor::Start)
        } else {
            (x - 8.0, Anchor::End)
        }
    }

    /// Words beside the playhead at the values that they name, kept apart from each other. `room` as above, `size` of the words,
    /// both in px.
    pub fn name_values(
        &self,
        pen: &Pen,
        view: &View,
        most: f64,
        (room, size): (f64, f64),
        mut values: Vec<Named>,
    ) -> Drawn {
        let (x, anchor) = self.beside(view, room);
        sort_by_rank(&mut values, |named| (u64::MAX - named.value as u64, 0));
        let apart = size + 1.0;
        let mut left = values.len() as f64;
        let mut above = f64::MIN;
        for named in values {
            left -= 1.0;
            let lowest = self.bottom - (size - 5.0) - left * apart;
            let y = self.y(named.value / most).min(lowest).max(above + apart);
            above = y;
            let look = Words {
                color: named.color,
                size,
                bold: named.bold,
                anchor,
            };
            pen.text_on_ground(x, y, &named.words, &look)?;
        }
        Ok(())
    }

    /// A staircase through `steps` up to the playhead, ending at its last value; `most` is the top of the scale.
    pub fn stairs(&self, steps: &[(u64, f64)], playhead: u64, most: f64) -> Vec<(f64, f64)> {
        let mut points = vec![(self.left, self.y(0.0))];
        for &(at, value) in steps.iter().take_while(|(at, _)| *at <= playhead) {
            let x = self.x(at);
            let before = points.last().map_or(self.bottom, |&(_, y)| y);
            let y = self.y(value / most);
            // Many steps in one pixel column are one line.
            if points.len() > 2 && points.last().is_some_and(|&(last, _)| x - last < 0.25) {
                let last = points.len() - 1;
                points[last].1 = y;
                continue;
            }
            points.push((x, before));
            points.push((x, y));
        }
        let end = points.last().map_or(self.bottom, |&(_, y)| y);
        points.push((self.x(playhead), end));
        points
    }
}
