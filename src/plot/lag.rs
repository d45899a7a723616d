//! Consumer lag: what each partition still holds for the query.

use super::format::{count, seconds};
use super::pen::{Anchor, Drawn, Pen, Strip, Words};
use super::{Table, View};
use crate::sim::compact::sort_by_rank;
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
        for mark in [0.0, most] {
            pen.label(
                strip.left - 8.0,
                strip.y(mark / most),
                &format!("{mark}"),
                Anchor::End,
            )?;
        }
        pen.label(4.0, strip.y(0.5), "records", Anchor::Start)?;
        for (n, (_, steps)) in self.partitions.iter().enumerate() {
            let steps: Vec<(u64, f64)> = steps.iter().map(|&(at, lag)| (at, lag as f64)).collect();
            pen.line(
                &strip.stairs(&steps, view.playhead, most),
                palette.series[n % palette.series.len()],
                1.75,
            )?;
        }
        strip.playhead(pen, view)?;
        let x = strip.x(view.playhead);
        let room = strip.right - x > 90.0;
        let (x, anchor) = if room {
            (x + 8.0, Anchor::Start)
        } else {
            (x - 8.0, Anchor::End)
        };
        let mut labels: Vec<(usize, u64, String)> = self
            .at(view.playhead)
            .into_iter()
            .enumerate()
            .map(|(n, (name, lag))| (n, lag, format!("{name} {lag}")))
            .collect();
        sort_by_rank(&mut labels, |&(n, lag, _)| (u64::MAX - lag, n as u64));
        let count = labels.len() as f64;
        let mut above = f64::MIN;
        for (index, (n, lag, words)) in labels.into_iter().enumerate() {
            let lowest = strip.bottom - 7.0 - (count - 1.0 - index as f64) * 13.0;
            let y = strip.y(lag as f64 / most).min(lowest).max(above + 13.0);
            above = y;
            pen.text_on_ground(
                x,
                y,
                &words,
                &Words {
                    color: palette.series[n % palette.series.len()],
                    size: 12.0,
                    bold: true,
                    anchor,
                },
            )?;
        }
        Ok(())
    }
}
