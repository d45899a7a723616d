//! How long orders take to their first visible row: one numbered cell an order, or bars where there are many.

use super::format::{count, duration, seconds};
use super::pen::{Anchor, Drawn, Pen, Words};
use super::{Table, View};
use crate::sim::compact::sort_by_rank;
use crate::sim::ledger::{Quantile, nearest_rank};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    Plain,
    /// The order is in the table more than once.
    Duplicate,
}

/// One delivered order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub order: u32,
    /// When it became visible, in µs of simulated time.
    pub at: u64,
    /// From its event time to that, in µs.
    pub micros: u64,
    pub mark: Mark,
}

/// Latencies of what was delivered, and how many orders never were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    pub samples: Vec<Sample>,
    /// Lost or dropped late: infinite in the honest percentile.
    pub missing: u32,
    /// In µs.
    pub sla: Option<u64>,
}

const PERCENTS: [u64; 3] = [50, 95, 99];
/// Cells with numbers up to here, bars beyond.
const CELLS: usize = 60;

fn words(quantile: Quantile) -> String {
    match quantile {
        Quantile::None => "–".into(),
        Quantile::Micros(micros) => duration(micros),
        Quantile::Infinite => "∞".into(),
    }
}

impl Latency {
    fn seen(&self, playhead: u64) -> Vec<Sample> {
        let mut seen: Vec<Sample> = self
            .samples
            .iter()
            .filter(|sample| sample.at <= playhead)
            .copied()
            .collect();
        sort_by_rank(&mut seen, |sample| (sample.micros, sample.order.into()));
        seen
    }

    fn quantiles(&self, playhead: u64, missing: u64) -> [Quantile; 3] {
        let sorted: Vec<u64> = self
            .seen(playhead)
            .iter()
            .map(|sample| sample.micros)
            .collect();
        PERCENTS.map(|percent| nearest_rank(&sorted, percent, missing))
    }

    /// What is missing counts once everything has been seen: before that it may still come.
    fn missing_at(&self, playhead: u64) -> u64 {
        let last = self
            .samples
            .iter()
            .map(|sample| sample.at)
            .max()
            .unwrap_or(0);
        if playhead >= last {
            u64::from(self.missing)
        } else {
            0
        }
    }

    /// Name, of delivered, honest.
    pub fn percentiles(&self, playhead: u64) -> Vec<(String, String, String)> {
        let plain = self.quantiles(playhead, 0);
        let honest = self.quantiles(playhead, self.missing_at(playhead));
        PERCENTS
            .iter()
            .zip(plain.into_iter().zip(honest))
            .map(|(percent, (plain, honest))| (format!("P{percent}"), words(plain), words(honest)))
            .collect()
    }

    pub fn sentence(&self, view: &View) -> String {
        match self.quantiles(view.playhead, 0) {
            [Quantile::Micros(half), Quantile::Micros(most), _] => match self.sla {
                Some(sla) if most > sla => {
                    format!("P95 misses the SLA by {}", duration(most - sla))
                }
                Some(sla) => format!("P95 keeps the SLA with {} to spare", duration(sla - most)),
                None => format!("Half show within {}", duration(half)),
            },
            _ => "No order is visible yet".into(),
        }
    }

    pub fn summary(&self, view: &View) -> String {
        let rows = self.percentiles(view.playhead);
        let each: Vec<String> = rows
            .iter()
            .map(|(name, plain, honest)| {
                if plain == honest {
                    format!("{name} {plain}")
                } else {
                    format!("{name} {plain}, honest {honest}")
                }
            })
            .collect();
        format!(
            "Latency from event time to visible row at {}, of {}: {}. Nearest rank on exact values.",
            seconds(view.playhead),
            count(self.seen(view.playhead).len() as u64, "order"),
            each.join("; ")
        )
    }

    pub fn table(&self, view: &View) -> Table {
        let seen = self.seen(view.playhead);
        if seen.len() > 200 {
            let rows = self
                .percentiles(view.playhead)
                .into_iter()
                .map(|(name, plain, honest)| vec![name, plain, honest]);
            return Table::new(["percentile", "delivered", "honest"], rows.collect());
        }
        let rows = seen.into_iter().map(|sample| {
            vec![
                format!("{}", sample.order),
                format!("{}.{:03}", sample.micros / 1000, sample.micros % 1000),
                seconds(sample.at),
            ]
        });
        Table::new(["order", "latency ms", "visible at"], rows.collect())
    }

    pub(super) fn draw(&self, pen: &Pen, view: &View) -> Drawn {
        let palette = pen.palette;
        let (left, right) = (
            f64::from(view.plot_left),
            (pen.width() - f64::from(view.plot_right)).max(f64::from(view.plot_left) + 1.0),
        );
        let bottom = (pen.height() - 34.0).max(2.0);
        pen.title(left, &self.sentence(view))?;
        pen.label(
            left,
            pen.height() - 8.0,
            if self.samples.len() <= CELLS {
                "event to visible row, one cell an order"
            } else {
                "event to visible row, orders"
            },
            Anchor::Start,
        )?;
        let scale = Scale::of(&self.samples, self.sla, left, right);
        pen.line(&[(left, bottom), (right, bottom)], palette.rule, 1.0)?;
        for (at, name) in scale.marks() {
            pen.line(&[(at, bottom), (at, bottom + 4.0)], palette.rule, 1.0)?;
            let anchor = if at - left < 20.0 {
                Anchor::Start
            } else if right - at < 16.0 {
                Anchor::End
            } else {
                Anchor::Middle
            };
            pen.label(at, bottom + 12.0, &name, anchor)?;
        }
        let top = 84.0_f64.min(bottom - 4.0);
        if let Some(sla) = self.sla {
            let x = scale.x(sla);
            pen.fill(x, top, right, bottom, palette.grid, 0.6)?;
        }
        self.cells(pen, view, &scale, top, bottom)?;
        if let Some(sla) = self.sla {
            let x = scale.x(sla);
            pen.line(&[(x, top - 4.0), (x, bottom)], palette.text, 2.0)?;
            pen.text(
                x - 4.0,
                top - 6.0,
                &format!("SLA P95 < {}", duration(sla)),
                &Words {
                    color: palette.text,
                    size: 12.0,
                    bold: true,
                    anchor: Anchor::End,
                },
            )?;
        }
        // Markers, the highest percentile on top, each on a height of its own.
        let quantiles = self.quantiles(view.playhead, 0);
        let markers: Vec<(f64, f64, String)> = PERCENTS
            .iter()
            .zip(quantiles)
            .rev()
            .zip([32.0, 48.0, 64.0])
            .filter_map(|((percent, quantile), y)| match quantile {
                Quantile::Micros(micros) => Some((
                    scale.x(micros),
                    y,
                    format!("P{percent} {}", duration(micros)),
                )),
                _ => None,
            })
            .collect();
        for &(x, y, _) in &markers {
            pen.dashed((x, y + 6.0), (x, bottom), palette.text, 1.5, (3.0, 2.0))?;
        }
        for (x, y, name) in &markers {
            let (at, anchor) = if x - left > 84.0 {
                (x + 2.0, Anchor::End)
            } else {
                (x - 2.0, Anchor::Start)
            };
            pen.text_on_ground(
                at,
                *y,
                name,
                &Words {
                    color: palette.text,
                    size: 12.0,
                    bold: true,
                    anchor,
                },
            )?;
        }
        Ok(())
    }

    fn cells(&self, pen: &Pen, view: &View, scale: &Scale, top: f64, bottom: f64) -> Drawn {
        let palette = pen.palette;
        let mut bins: Vec<Vec<Sample>> = vec![Vec::new(); scale.bins];
        for sample in self.seen(view.playhead) {
            bins[scale.bin(sample.micros)].push(sample);
        }
        // The scale of the whole run, so that nothing jumps while it plays.
        let mut whole = vec![0_usize; scale.bins];
        for sample in &self.samples {
            whole[scale.bin(sample.micros)] += 1;
        }
        let tallest = whole.into_iter().max().unwrap_or(0).max(1) as f64;
        let unit = ((bottom - top) / tallest).min(25.0);
        let numbered = self.samples.len() <= CELLS && unit >= 12.0 && scale.width >= 14.0;
        for (n, bin) in bins.iter().enumerate() {
            let (left, right) = (
                scale.left + n as f64 * scale.width + 1.0,
                scale.left + (n as f64 + 1.0) * scale.width - 1.0,
            );
            if self.samples.len() > CELLS {
                let height = bin.len() as f64 * unit;
                pen.fill(left, bottom - height, right, bottom, palette.ok_tint, 1.0)?;
                if !bin.is_empty() {
                    pen.frame_box(left, bottom - height, right, bottom, palette.ok, 1.0)?;
                }
                continue;
            }
            for (row, sample) in bin.iter().enumerate() {
                let low = bottom - row as f64 * unit - 1.0;
                let high = low - unit + 2.0;
                let doubled = sample.mark == Mark::Duplicate;
                let (fill, line) = if doubled {
                    (palette.dup, palette.dup_line)
                } else {
                    (palette.ok_tint, palette.ok)
                };
                pen.fill(left, high, right, low, fill, 1.0)?;
                pen.frame_box(left, high, right, low, line, 1.0)?;
                if self.sla.is_some_and(|sla| sample.micros > sla) {
                    hatch(pen, left, high, right, low, line)?;
                }
                if view.highlight == Some(sample.order) {
                    pen.frame_box(left, high, right, low, palette.text, 2.0)?;
                }
                if numbered {
                    let strong = view.highlight == Some(sample.order);
                    // On the filled cell the number is dark in both themes.
                    let color = if doubled {
                        super::Palette::light().text
                    } else if strong {
                        palette.text
                    } else {
                        palette.muted
                    };
                    pen.text(
                        (left + right) / 2.0,
                        f64::midpoint(high, low),
                        &sample.order.to_string(),
                        &Words {
                            color,
                            size: 11.0,
                            bold: strong,
                            anchor: Anchor::Middle,
                        },
                    )?;
                }
            }
        }
        Ok(())
    }
}

fn hatch(
    pen: &Pen,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    color: plotters::style::RGBColor,
) -> Drawn {
    let mut x = left - (bottom - top);
    while x < right {
        let (mut from, mut to) = ((x, bottom), (x + bottom - top, top));
        if from.0 < left {
            from = (left, bottom - (left - from.0));
        }
        if to.0 > right {
            to = (right, top + (to.0 - right));
        }
        pen.line(&[from, to], color, 1.0)?;
        x += 5.0;
    }
    Ok(())
}

/// Quarter octaves on a logarithmic axis.
struct Scale {
    left: f64,
    width: f64,
    bins: usize,
    /// log2 of seconds at the left edge, in quarters.
    first: i32,
}

impl Scale {
    fn of(samples: &[Sample], sla: Option<u64>, left: f64, right: f64) -> Scale {
        let quarter =
            |micros: u64| libm::floor(libm::log2(micros.max(1000) as f64 / 1e6) * 4.0) as i32;
        let values = || samples.iter().map(|sample| sample.micros).chain(sla);
        let first = values().min().map_or(-8, quarter);
        let last = values().max().map_or(0, quarter).max(first + 5);
        let bins = (last - first + 1) as usize;
        Scale {
            left,
            width: (right - left) / bins as f64,
            bins,
            first,
        }
    }

    fn position(&self, micros: u64) -> f64 {
        libm::log2(micros.max(1000) as f64 / 1e6) * 4.0 - f64::from(self.first)
    }

    fn x(&self, micros: u64) -> f64 {
        self.left + self.position(micros).clamp(0.0, self.bins as f64) * self.width
    }

    fn bin(&self, micros: u64) -> usize {
        (libm::floor(self.position(micros)).max(0.0) as usize).min(self.bins - 1)
    }

    /// Labels at whole octaves, thinned where they would touch.
    fn marks(&self) -> Vec<(f64, String)> {
        let mut marks: Vec<(f64, String)> = Vec::new();
        for octave in -10..=12_i32 {
            let place = octave * 4 - self.first;
            if !(0..=self.bins as i32).contains(&place) {
                continue;
            }
            let name = match octave {
                0 => "1 s".to_string(),
                n if n > 0 => format!("{} s", 1_u32 << n),
                n => format!("{} ms", (1000.0 / f64::from(1_u32 << -n)).round()),
            };
            let x = self.left + f64::from(place) * self.width;
            if marks.last().is_none_or(|(last, _)| x - last > 58.0) {
                marks.push((x, name));
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_honest_once_nothing_can_come_any_more() {
        let sample = |order: u32| Sample {
            order,
            at: u64::from(order),
            micros: u64::from(order) * 1000,
            mark: Mark::Plain,
        };
        let latency = Latency {
            samples: (1..=9).map(sample).collect(),
            missing: 1,
            sla: None,
        };
        assert_eq!(
            latency.percentiles(5)[1],
            ("P95".into(), "5 ms".into(), "5 ms".into())
        );
        assert_eq!(
            latency.percentiles(9)[1],
            ("P95".into(), "9 ms".into(), "∞".into())
        );
    }
}
