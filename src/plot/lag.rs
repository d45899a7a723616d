//! Consumer lag: what each partition still holds for the query.

use super::format::{count, seconds};
use super::pen::{Drawn, Named, Pen, Strip};
use super::{Table, View};
use serde::{Deserialize, Serialize};

/// Lag by partition: steps of (µs, records).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    pub end: u64,
    pub partitions: Vec<(String, Vec<(u64, u64)>)>,
}

impl Lag {
    fn at(&self, playhead: u64) -> Vec<(&str, u64)> {
        let value = |steps: &[(u64, u64)]| {
            steps
                .iter()
                .take_while(|(at, _)| *at <= playhead)
                .last()
                .map_or(0, |&(_, lag)| lag)
        };
        self.partitions
            .iter()
            .map(|(name, steps)| (name.as_str(), value(steps)))
            .collect()
    }

    fn most(&self) -> f64 {
        self.partitions
            .iter()
            .flat_map(|(_, steps)| steps)
            .map(|&(_, lag)| lag)
            .max()
            .unwrap_or(0)
            .max(4) as f64
    }

    pub fn sentence(&self, view: &View) -> String {
        let total: u64 = self.at(view.playhead).iter().map(|(_, lag)| lag).sum();
        match total {
            0 => "Everything is read".into(),
            n => format!("{} wait to be read", count(n, "record")),
        }
    }

    pub fn summary(&self, view: &View) -> String {
        let each: Vec<String> = self
            .at(view.playhead)
            .into_iter()
            .map(|(name, lag)| format!("{name} {lag}"))
            .collect();
        format!(
            "Consumer lag in records at {}: {}.",
            seconds(view.playhead),
            if each.is_empty() {
                "no partition".into()
            } else {
                each.join(", ")
            }
        )
    }

    pub fn table(&self, view: &View) -> Table {
        let rows = self.partitions.iter().map(|(name, steps)| {
            let seen: Vec<u64> = steps
                .iter()
                .take_while(|(at, _)| *at <= view.playhead)
                .map(|&(_, lag)| lag)
                .collect();
            let most = seen.iter().max().copied().unwrap_or(0);
            vec![
                name.clone(),
                seen.last().copied().unwrap_or(0).to_string(),
                most.to_string(),
            ]
        });
        Table::new(["partition", "lag now", "most so far"], rows.collect())
    }

    pub(super) fn draw(&self, pen: &Pen, view: &View) -> Drawn {
        let palette = pen.palette;
        let strip = Strip::new(pen, view, 22.0, pen.height() - 6.0);
        pen.title(strip.left, &self.sentence(view))?;
        strip.ground(pen, view)?;
        let most = self.most();
        strip.scale(pen, &[0.0, most], most, "records")?;
        for (n, (_, steps)) in self.partitions.iter().enumerate() {
            let steps: Vec<(u64, f64)> = steps.iter().map(|&(at, lag)| (at, lag as f64)).collect();
            pen.line(
                &strip.stairs(&steps, view.playhead, most),
                palette.series[n % palette.series.len()],
                1.75,
            )?;
        }
        strip.playhead(pen, view)?;
        let named = self.at(view.playhead).into_iter().enumerate();
        let named = named.map(|(n, (name, lag))| Named {
            value: lag as f64,
            words: format!("{name} {lag}"),
            color: palette.series[n % palette.series.len()],
            bold: true,
        });
        strip.name_values(pen, view, most, (90.0, 12.0), named.collect())
    }
}
