//! How a number is spread over many seeds: a bar for each value, or for each stretch of values.

use super::format::count;
use super::pen::{Anchor, Drawn, Pen, Words};
use super::{Table, View};
use serde::{Deserialize, Serialize};

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// Its value, or where its stretch begins.
    pub label: String,
    pub seeds: u32,
    /// The first of them.
    pub first: u64,
    /// What stands in it goes against the guarantee.
    pub bad: bool,
}

/// A metric over the seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// What is counted: "duplicates".
    pub name: String,
    pub unit: String,
    pub bars: Vec<Bar>,
    /// The bar that the run on the page belongs to.
    pub here: Option<u32>,
}

/// The bars of one spread are drawn between these, in px.
pub const LEFT: f64 = 40.0;
pub const RIGHT: f64 = 8.0;
pub const TOP: f64 = 26.0;
pub const BOTTOM: f64 = 34.0;
/// A bar is not wider than this, in px.
pub const WIDEST: f64 = 56.0;

/// Bars of whole numbers: one a value while there are few, else ranges.
pub fn whole(values: &[(u64, u32)], bad_above: u32) -> Vec<Bar> {
    let most = values.iter().map(|&(_, n)| n).max().unwrap_or(0);
    let step = (most + 1).div_ceil(12).max(1);
    let mut bars: Vec<Bar> = (0..=most / step)
        .map(|n| Bar {
            label: if step == 1 {
                n.to_string()
            } else {
                format!("{}–{}", n * step, n * step + step - 1)
            },
            seeds: 0,
            first: 0,
            bad: n * step + step - 1 > bad_above,
        })
        .collect();
    for &(seed, n) in values {
        add(&mut bars[(n / step) as usize], seed);
    }
    bars
}

/// Bars of times in ms, with one for what never ends.
pub fn times(values: &[(u64, f64)]) -> Vec<Bar> {
    let finite = || values.iter().filter(|(_, ms)| ms.is_finite());
    let least = finite().map(|&(_, ms)| ms).fold(f64::INFINITY, f64::min);
    let most = finite().map(|&(_, ms)| ms).fold(0.0, f64::max);
    let mut bars = Vec::new();
    if least.is_finite() {
        let step = step(((most - least) / 10.0).max(1.0));
        let first = (least / step) as u64;
        let last = (most / step) as u64;
        bars.extend((first..=last).map(|n| Bar {
            label: (n * step as u64).to_string(),
            seeds: 0,
            first: 0,
            bad: false,
        }));
        for &(seed, ms) in finite() {
            add(&mut bars[((ms / step) as u64 - first) as usize], seed);
        }
    }
    let endless = values.iter().filter(|(_, ms)| !ms.is_finite());
    let mut never = Bar {
        label: "∞".into(),
        seeds: 0,
        first: 0,
        bad: true,
    };
    endless.for_each(|&(seed, _)| add(&mut never, seed));
    bars.extend((never.seeds > 0).then_some(never));
    bars
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn step(least: f64) -> f64 {
    let mut unit = 1.0;
    loop {
        for times in [1.0, 2.0, 5.0] {
            if unit * times >= least {
                return unit * times;
            }
        }
        unit *= 10.0;
    }
}

fn add(bar: &mut Bar, seed: u64) {
    if bar.seeds == 0 {
        bar.first = seed;
    }
    bar.seeds += 1;
}

/// Where the nth of so many bars stands: its left edge and its width, in px.
pub fn place(n: usize, bars: usize, width: f64) -> (f64, f64) {
    let room = (width - LEFT - RIGHT).max(1.0);
    let each = (room / bars.max(1) as f64).min(WIDEST);
    (LEFT + n as f64 * each, each)
}

impl Spread {
    fn seeds(&self) -> u64 {
        self.bars.iter().map(|bar| u64::from(bar.seeds)).sum()
    }

    pub fn sentence(&self, _: &View) -> String {
        let bad: u64 = self
            .bars
            .iter()
            .filter(|bar| bar.bad)
            .map(|bar| u64::from(bar.seeds))
            .sum();
        match (self.bars.as_slice(), bad) {
            ([], _) => format!("No seed has {}", self.name),
            ([one], _) => format!("{}: {}{} in every seed", self.name, one.label, self.unit),
            (_, 0) => format!("{} over {}", self.name, count(self.seeds(), "seed")),
            (_, bad) => format!("{} in {bad} of {}", self.name, count(self.seeds(), "seed")),
        }
    }

    pub fn summary(&self, view: &View) -> String {
        let bars: Vec<String> = self
            .bars
            .iter()
            .filter(|bar| bar.seeds > 0)
            .map(|bar| {
                format!(
                    "{}{}: {}",
                    bar.label,
                    self.unit,
                    count(bar.seeds.into(), "seed")
                )
            })
            .collect();
        format!("{}. {}.", self.sentence(view), bars.join(", "))
    }

    pub fn table(&self, _: &View) -> Table {
        let row = |bar: &Bar| {
            let first = if bar.seeds > 0 {
                bar.first.to_string()
            } else {
                String::new()
            };
            vec![bar.label.clone(), bar.seeds.to_string(), first]
        };
        Table {
            head: vec![
                format!("{}{}", self.name, self.unit),
                "seeds".into(),
                "first of them".into(),
            ],
            rows: self.bars.iter().map(row).collect(),
        }
    }

    pub(super) fn draw(&self, pen: &Pen, view: &View) -> Drawn {
        let palette = pen.palette;
        pen.title(LEFT, &self.sentence(view))?;
        let (top, bottom) = (TOP, (pen.height() - BOTTOM).max(TOP + 1.0));
        let right = pen.width() - RIGHT;
        pen.line(&[(LEFT, bottom), (right, bottom)], palette.rule, 1.0)?;
        let most = self
            .bars
            .iter()
            .map(|bar| bar.seeds)
            .max()
            .unwrap_or(0)
            .max(1);
        let y = |seeds: u32| bottom - (bottom - top) * f64::from(seeds) / f64::from(most);
        for mark in [0, most] {
            pen.label(LEFT - 6.0, y(mark), &mark.to_string(), Anchor::End)?;
        }
        let bars = self.bars.len();
        let every = if place(0, bars, pen.width()).1 < 30.0 {
            2
        } else {
            1
        };
        for (n, bar) in self.bars.iter().enumerate() {
            let (x, width) = place(n, bars, pen.width());
            let (fill, line) = match (bar.bad, self.name.as_str()) {
                (true, "losses") => (palette.lost, palette.lost),
                (true, _) => (palette.dup, palette.dup_line),
                (false, _) => (palette.ok_tint, palette.ok),
            };
            if bar.seeds > 0 {
                let high = y(bar.seeds).min(bottom - 2.0);
                pen.fill(x + 1.0, high, x + width - 1.0, bottom, fill, 1.0)?;
                pen.frame_box(x + 1.0, high, x + width - 1.0, bottom, line, 1.0)?;
            }
            if self.here == Some(n as u32) {
                let middle = x + width / 2.0;
                let arrow = [
                    (middle, bottom + 2.0),
                    (middle - 4.0, bottom + 8.0),
                    (middle + 4.0, bottom + 8.0),
                ];
                pen.polygon(&arrow, palette.text, 1.0)?;
            }
            if n % every == 0 {
                pen.text(
                    x + width / 2.0,
                    bottom + 14.0,
                    &bar.label,
                    &Words {
                        color: palette.muted,
                        size: 11.0,
                        bold: false,
                        anchor: Anchor::Middle,
                    },
                )?;
            }
        }
        pen.label(
            LEFT,
            pen.height() - 7.0,
            &format!("{}{}, seeds", self.name, self.unit),
            Anchor::Start,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::view;
    use super::*;

    #[test]
    fn every_seed_is_in_one_bar_and_the_first_of_each_is_known() {
        let bars = whole(&[(7, 0), (8, 1), (9, 0), (10, 30)], 0);
        assert_eq!(bars.iter().map(|bar| bar.seeds).sum::<u32>(), 4);
        assert_eq!(
            (bars[0].label.as_str(), bars[0].first, bars[0].seeds),
            ("0–2", 7, 3)
        );
        assert!(bars[10].bad && bars[10].first == 10);
        let few = whole(&[(1, 0), (2, 1)], 0);
        assert_eq!((few[0].bad, few[1].bad, few[1].first), (false, true, 2));
    }

    #[test]
    fn what_never_ends_has_a_bar_of_its_own() {
        let bars = times(&[(1, 640.0), (2, 1210.0), (3, f64::INFINITY)]);
        assert_eq!(
            bars.last().map(|bar| (bar.label.as_str(), bar.first)),
            Some(("∞", 3))
        );
        assert_eq!(bars.iter().map(|bar| bar.seeds).sum::<u32>(), 3);
        assert!(times(&[]).is_empty());
        let spread = Spread {
            name: "P95".into(),
            unit: " ms".into(),
            bars,
            here: None,
        };
        assert_eq!(spread.sentence(&view(0)), "P95 in 1 of 3 seeds");
    }
}
