//! The charts. One drawing function a chart, generic over plotters' backends: a canvas for the live view, SVG for export,
//! print and tests. Each has a sentence as its title, a summary in words, and a table: the same data three times.
//!
//! Nothing after the playhead is drawn, and the time after it is greyed.

mod clocks;
mod cost;
pub mod format;
mod lag;
mod latency;
mod outcomes;
mod pen;
pub mod spread;
mod state;

pub use clocks::{Clocks, Kind, Point};
pub use cost::Cost;
pub use lag::Lag;
pub use latency::{Latency, Mark, Sample};
pub use outcomes::Outcomes;
pub use spread::Spread;
pub use state::State;

use crate::sim::compact::decimal;
use pen::Pen;
pub use pen::Undrawn;
use plotters::coord::Shift;
use plotters::prelude::*;
use serde::{Deserialize, Serialize};

/// The size of a chart in CSS px, and how many physical px each of them is. Everything is drawn multiplied by `scale`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub width: u32,
    pub height: u32,
    pub scale: f64,
}

impl Frame {
    /// The size of the backend, in physical px.
    pub fn physical(&self) -> (u32, u32) {
        let scaled = |px: u32| ((f64::from(px) * self.scale).round() as u32).max(1);
        (scaled(self.width), scaled(self.height))
    }
}

/// What is looked at. Times in µs of simulated time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub playhead: u64,
    pub from: u64,
    pub to: u64,
    /// The order that stands out.
    pub highlight: Option<u32>,
    /// Where the plot area begins and how much is left free at its right, in px: so charts share one axis.
    pub plot_left: i32,
    pub plot_right: i32,
    /// Whether the chart draws the playhead itself.
    pub playhead_line: bool,
}

/// How the page looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Theme {
    Light,
    Dark,
    /// For a beamer in a bright room: black on white, thick lines, no tints and no greys.
    Projector,
}

impl Theme {
    pub const fn palette(self) -> Palette {
        match self {
            Theme::Light => Palette::light(),
            Theme::Dark => Palette::dark(),
            Theme::Projector => Palette::projector(),
        }
    }
}

/// The colours of a theme, as the style sheet has them, and how thick its lines are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    pub surface: RGBColor,
    pub text: RGBColor,
    pub muted: RGBColor,
    pub rule: RGBColor,
    pub grid: RGBColor,
    pub ok: RGBColor,
    pub ok_tint: RGBColor,
    pub dup: RGBColor,
    pub dup_line: RGBColor,
    pub dup_text: RGBColor,
    pub lost: RGBColor,
    pub lost_text: RGBColor,
    pub late: RGBColor,
    pub late_text: RGBColor,
    pub future: RGBColor,
    /// For series without an order of their own; always labelled at their ends.
    pub series: [RGBColor; 4],
    /// What the width of every line is multiplied by.
    pub weight: f64,
}

const fn rgb(hex: u32) -> RGBColor {
    RGBColor((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

impl Palette {
    pub const fn light() -> Self {
        Palette {
            surface: rgb(0xFF_FFFF),
            text: rgb(0x16_202B),
            muted: rgb(0x4F_5B67),
            rule: rgb(0x7F_8A96),
            grid: rgb(0xDD_E3E9),
            ok: rgb(0x02_6BA1),
            ok_tint: rgb(0xDC_EBF5),
            dup: rgb(0xE4_6B1A),
            dup_line: rgb(0xA8_4300),
            dup_text: rgb(0xA8_4300),
            lost: rgb(0xAA_2041),
            lost_text: rgb(0xAA_2041),
            late: rgb(0x3A_1D5D),
            late_text: rgb(0x3A_1D5D),
            future: rgb(0xF4_F6F8),
            series: [
                rgb(0x44_77AA),
                rgb(0x22_8833),
                rgb(0xAA_3377),
                rgb(0x99_7700),
            ],
            weight: 1.0,
        }
    }

    pub const fn projector() -> Self {
        Palette {
            surface: rgb(0xFF_FFFF),
            text: rgb(0x00_0000),
            muted: rgb(0x00_0000),
            rule: rgb(0x00_0000),
            grid: rgb(0xB4_BAC0),
            ok: rgb(0x00_4F8C),
            ok_tint: rgb(0xFF_FFFF),
            dup: rgb(0xC2_4A00),
            dup_line: rgb(0xC2_4A00),
            dup_text: rgb(0xC2_4A00),
            lost: rgb(0x8E_0030),
            lost_text: rgb(0x8E_0030),
            late: rgb(0x2B_0F4E),
            late_text: rgb(0x2B_0F4E),
            future: rgb(0xE4_E7EA),
            series: [
                rgb(0x00_4F8C),
                rgb(0xC2_4A00),
                rgb(0x2B_0F4E),
                rgb(0x8E_0030),
            ],
            weight: 1.5,
        }
    }

    pub const fn dark() -> Self {
        Palette {
            surface: rgb(0x1A_2129),
            text: rgb(0xE8_EDF2),
            muted: rgb(0xA9_B4BF),
            rule: rgb(0x6F_7C89),
            grid: rgb(0x2B_3540),
            ok: rgb(0x65_E4FF),
            ok_tint: rgb(0x17_3746),
            dup: rgb(0xF8_AE2C),
            dup_line: rgb(0xF8_AE2C),
            dup_text: rgb(0xF8_AE2C),
            lost: rgb(0xF9_4467),
            lost_text: rgb(0xFF_7A93),
            late: rgb(0xB0_69E6),
            late_text: rgb(0xC7_9BF0),
            future: rgb(0x12_181F),
            series: [
                rgb(0x77_AADD),
                rgb(0x44_BB99),
                rgb(0xFF_AABB),
                rgb(0xBB_CC33),
            ],
            weight: 1.0,
        }
    }
}

/// A chart's data in rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn new<const N: usize>(head: [&str; N], rows: Vec<Vec<String>>) -> Self {
        Table {
            head: head.map(str::to_string).to_vec(),
            rows,
        }
    }

    /// Every field quoted; a field that a spreadsheet would take for a formula begins with an apostrophe.
    pub fn to_csv(&self) -> String {
        let line = |cells: &Vec<String>| {
            cells
                .iter()
                .map(|cell| csv_field(cell))
                .collect::<Vec<_>>()
                .join(",")
                + "\r\n"
        };
        std::iter::once(&self.head)
            .chain(&self.rows)
            .map(line)
            .collect()
    }
}

fn csv_field(text: &str) -> String {
    let risky = |line: &str| {
        let first = line.trim_start_matches(' ').chars().next();
        first.is_some_and(|c| {
            matches!(
                c,
                '=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠'
            )
        })
    };
    let is_number = decimal(text).is_some();
    let guarded: Vec<String> = text
        .split('\n')
        .map(|line| {
            if risky(line) && !is_number {
                format!("'{line}")
            } else {
                line.to_string()
            }
        })
        .collect();
    format!("\"{}\"", guarded.join("\n").replace('"', "\"\""))
}

/// Any of the charts.
#[derive(Clone, Debug, PartialEq)]
pub enum Chart {
    Outcomes(Outcomes),
    Latency(Latency),
    Lag(Lag),
    Clocks(Clocks),
    State(State),
    Cost(Cost),
    Spread(Spread),
}

macro_rules! each_chart {
    ($chart:expr, $data:ident => $do:expr) => {
        match $chart {
            Chart::Outcomes($data) => $do,
            Chart::Latency($data) => $do,
            Chart::Lag($data) => $do,
            Chart::Clocks($data) => $do,
            Chart::State($data) => $do,
            Chart::Cost($data) => $do,
            Chart::Spread($data) => $do,
        }
    };
}

impl Chart {
    /// Draws the chart at the view's moment.
    pub fn draw<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        frame: &Frame,
        palette: &Palette,
        view: &View,
    ) -> Result<(), Undrawn> {
        let pen = Pen::new(area, frame, palette);
        pen.clear()?;
        each_chart!(self, data => data.draw(&pen, view))
    }

    /// The title: what is to be seen, as a sentence.
    pub fn sentence(&self, view: &View) -> String {
        each_chart!(self, data => data.sentence(view))
    }

    /// One or two sentences for those who do not see it.
    pub fn summary(&self, view: &View) -> String {
        each_chart!(self, data => data.summary(view))
    }

    pub fn table(&self, view: &View) -> Table {
        each_chart!(self, data => data.table(view))
    }

    /// The chart as a file, with a footer line if there is one.
    pub fn to_svg(
        &self,
        width: u32,
        height: u32,
        palette: &Palette,
        view: &View,
        footer: Option<&str>,
    ) -> String {
        let mut svg = String::new();
        let foot = if footer.is_some() { 18 } else { 0 };
        {
            let area =
                SVGBackend::with_string(&mut svg, (width, height + foot)).into_drawing_area();
            let whole = Frame {
                width,
                height: height + foot,
                scale: 1.0,
            };
            let drawn = (|| {
                Pen::new(&area, &whole, palette).clear()?;
                let (chart, below) = area.split_vertically(height);
                let frame = Frame {
                    width,
                    height,
                    scale: 1.0,
                };
                each_chart!(self, data => data.draw(&Pen::new(&chart, &frame, palette), view))?;
                if let Some(footer) = footer {
                    Pen::new(&below, &frame, palette).text(
                        8.0,
                        9.0,
                        footer,
                        &pen::Words {
                            color: palette.muted,
                            size: 11.0,
                            bold: false,
                            anchor: pen::Anchor::Start,
                        },
                    )?;
                }
                Ok::<(), Undrawn>(area.present()?)
            })();
            drawn.expect("writing to memory cannot fail");
        }
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn view(playhead_ms: u64) -> View {
        View {
            playhead: playhead_ms * 1000,
            from: 0,
            to: 10_000_000,
            highlight: Some(17),
            plot_left: 84,
            plot_right: 14,
            playhead_line: true,
        }
    }

    fn charts() -> Vec<Chart> {
        let sample = |order: u32| Sample {
            order,
            at: u64::from(order) * 200_000 + 700_000,
            micros: 400_000 + u64::from(order * 7919 % 13) * 60_000,
            mark: if order == 17 {
                Mark::Duplicate
            } else {
                Mark::Plain
            },
        };
        let point = |order: u32| Point {
            order,
            event: i64::from(order) * 190_000,
            processing: u64::from(order) * 200_000 + 700_000,
            kind: if order == 17 {
                Kind::Duplicate
            } else if order == 30 {
                Kind::Late
            } else {
                Kind::Seen
            },
        };
        vec![
            Chart::Outcomes(Outcomes {
                end: 10_000_000,
                duplicates: vec![(4_200_000, 1)],
                lost: vec![(5_000_000, 1)],
                refused: vec![],
                late: vec![(7_000_000, 1)],
            }),
            Chart::Latency(Latency {
                samples: (1..40).map(sample).collect(),
                missing: 1,
                sla: Some(1_000_000),
            }),
            Chart::Lag(Lag {
                end: 10_000_000,
                partitions: vec![
                    (
                        "orders-0".into(),
                        vec![(0, 0), (1_000_000, 4), (2_000_000, 0)],
                    ),
                    (
                        "orders-1".into(),
                        vec![(0, 0), (1_000_000, 5), (2_000_000, 0)],
                    ),
                ],
            }),
            Chart::Clocks(Clocks {
                end: 10_000_000,
                points: (1..40).map(point).collect(),
                watermark: vec![(2_000_000, 1_000_000), (3_000_000, 2_000_000)],
                windows: vec![4_000_000],
            }),
            Chart::State(State {
                end: 10_000_000,
                rows: vec![(1_000_000, 3), (4_000_000, 12), (9_000_000, 0)],
                newest: vec![(1_000_000, 600_000), (5_000_000, 4_000_000)],
            }),
            Chart::Cost(Cost {
                end: 10_000_000,
                items: vec![(
                    "requests".into(),
                    "one".into(),
                    vec![(1_000_000, 1), (3_000_000, 2)],
                )],
                orders: vec![(1_000_000, 1)],
            }),
            Chart::Spread(Spread {
                name: "duplicates".into(),
                unit: String::new(),
                bars: spread::whole(&[(1, 0), (2, 3), (3, 40)], 0),
                here: Some(1),
            }),
        ]
    }

    fn empty() -> Vec<Chart> {
        vec![
            Chart::Outcomes(Outcomes {
                end: 0,
                duplicates: vec![],
                lost: vec![],
                refused: vec![],
                late: vec![],
            }),
            Chart::Latency(Latency {
                samples: vec![],
                missing: 0,
                sla: None,
            }),
            Chart::Lag(Lag {
                end: 0,
                partitions: vec![],
            }),
            Chart::Clocks(Clocks {
                end: 0,
                points: vec![],
                watermark: vec![],
                windows: vec![],
            }),
            Chart::State(State {
                end: 0,
                rows: vec![],
                newest: vec![],
            }),
            Chart::Cost(Cost {
                end: 0,
                items: vec![],
                orders: vec![],
            }),
            Chart::Spread(Spread {
                name: String::new(),
                unit: String::new(),
                bars: vec![],
                here: None,
            }),
        ]
    }

    #[test]
    fn every_chart_draws_at_any_size_and_moment_and_says_something() {
        for chart in charts().into_iter().chain(empty()) {
            for (width, height) in [(1, 1), (30, 20), (222, 340), (700, 120), (3000, 900)] {
                for playhead in [0, 4_200, 10_000, 99_000] {
                    for view in [
                        view(playhead),
                        View {
                            from: 0,
                            to: 0,
                            ..view(playhead)
                        },
                    ] {
                        let svg = chart.to_svg(
                            width,
                            height,
                            &Palette::light(),
                            &view,
                            Some("run 0 & seed <42>"),
                        );
                        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
                        assert!(!svg.contains("<42>"), "text is escaped");
                        assert!(
                            !chart.sentence(&view).is_empty() && !chart.summary(&view).is_empty()
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_same_data_gives_the_same_picture() {
        for chart in charts() {
            let draw = || chart.to_svg(700, 120, &Palette::dark(), &view(4_200), None);
            assert_eq!(draw(), draw());
        }
    }

    #[test]
    fn nothing_after_the_playhead_is_told() {
        for chart in charts() {
            let early = chart.table(&view(500));
            assert!(early.rows.len() <= chart.table(&view(10_000)).rows.len());
        }
        let Some(Chart::Outcomes(outcomes)) = charts().into_iter().next() else {
            panic!("the first chart")
        };
        assert_eq!(
            outcomes.sentence(&view(4_000)),
            "Nothing doubled, nothing lost so far"
        );
        assert_eq!(
            outcomes.sentence(&view(4_300)),
            "1 surplus row since 4.20 s"
        );
    }

    #[test]
    fn a_spreadsheet_finds_no_formula() {
        for (field, expected) in [
            ("=1+1", "\"'=1+1\""),
            ("  @cmd", "\"'  @cmd\""),
            ("-4.5", "\"-4.5\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("ok\n+x", "\"ok\n'+x\""),
        ] {
            assert_eq!(csv_field(field), expected);
        }
    }
}
