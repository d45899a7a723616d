//! What a run costs: requests, copies, files and commits, counted from the trace. The model has no sizes, so there are no bytes.

use super::format::seconds;
use super::pen::{Drawn, Named, Pen, Strip};
use super::{Table, View};
use serde::{Deserialize, Serialize};

/// When (µs), and how many at once.
pub type Steps = Vec<(u64, u32)>;

/// Counts that only grow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub end: u64,
    /// Name, what one of it is, and when (µs) each happened, with how many at once.
    pub items: Vec<(String, String, Steps)>,
    /// Orders that were sent by when, to say what one order costs.
    pub orders: Steps,
}

fn sum(steps: &[(u64, u32)], playhead: u64) -> u64 {
    let seen = steps.iter().take_while(|(at, _)| *at <= playhead);
    seen.map(|&(_, n)| u64::from(n)).sum()
}

impl Cost {
    fn at(&self, playhead: u64) -> Vec<(&str, u64)> {
        let items = self.items.iter();
        items
            .map(|(name, _, steps)| (name.as_str(), sum(steps, playhead)))
            .collect()
    }

    pub fn sentence(&self, view: &View) -> String {
        let words: Vec<String> = self
            .at(view.playhead)
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .map(|(name, n)| format!("{n} {name}"))
            .collect();
        if words.is_empty() {
            "Nothing has cost anything yet".into()
        } else {
            words.join(", ")
        }
    }

    pub fn summary(&self, view: &View) -> String {
        let orders = sum(&self.orders, view.playhead);
        format!(
            "Cost of {orders} orders at {}: {}.",
            seconds(view.playhead),
            self.sentence(view)
        )
    }

    pub fn table(&self, view: &View) -> Table {
        let orders = sum(&self.orders, view.playhead);
        let each = |n: u64| match orders {
            0 => String::new(),
            orders => format!("{}.{:02}", n / orders, n * 100 / orders % 100),
        };
        let rows = self.items.iter().map(|(name, what, steps)| {
            let n = sum(steps, view.playhead);
            vec![name.clone(), n.to_string(), each(n), what.clone()]
        });
        Table::new(
            ["cost", "so far", "for each order sent", "one is"],
            rows.collect(),
        )
    }

    pub(super) fn draw(&self, pen: &Pen, view: &View) -> Drawn {
        let palette = pen.palette;
        let strip = Strip::new(pen, view, 24.0, pen.height() - 6.0);
        pen.title(strip.left, &self.sentence(view))?;
        strip.ground(pen, view)?;
        let most = self.at(self.end).into_iter().map(|(_, n)| n).max();
        let most = most.unwrap_or(0).max(4) as f64;
        strip.scale(pen, &[0.0, most], most, "in all")?;
        let mut ends = Vec::new();
        for (n, (name, _, steps)) in self.items.iter().enumerate() {
            let mut total = 0.0;
            let stairs: Vec<(u64, f64)> = steps
                .iter()
                .map(|&(at, by)| {
                    total += f64::from(by);
                    (at, total)
                })
                .collect();
            let line = strip.stairs(&stairs, view.playhead, most);
            let color = palette.series[n % palette.series.len()];
            pen.line(&line, color, 1.75)?;
            let value = sum(steps, view.playhead) as f64;
            ends.push(Named {
                value,
                words: format!("{name} {value}"),
                color,
                bold: true,
            });
        }
        strip.playhead(pen, view)?;
        strip.name_values(pen, view, most, (150.0, 11.0), ends)
    }
}
