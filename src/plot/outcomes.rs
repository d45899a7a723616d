//! Duplicates and losses over time.

use super::format::{count, seconds};
use super::pen::{Drawn, Named, Pen, Strip};
use super::{Table, View};
use crate::sim::compact::sort_by_rank;
use plotters::style::RGBColor;
use serde::{Deserialize, Serialize};

/// How many orders were doubled, lost, refused or dropped late by when: steps of (µs, total).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    pub end: u64,
    pub duplicates: Vec<(u64, u32)>,
    /// Silent losses.
    pub lost: Vec<(u64, u32)>,
    pub refused: Vec<(u64, u32)>,
    pub late: Vec<(u64, u32)>,
}

fn at(steps: &[(u64, u32)], playhead: u64) -> u32 {
    steps
        .iter()
        .take_while(|(at, _)| *at <= playhead)
        .last()
        .map_or(0, |&(_, n)| n)
}

impl Outcomes {
    fn most(&self) -> f64 {
        let most = [&self.duplicates, &self.lost, &self.refused]
            .into_iter()
            .flatten()
            .map(|&(_, n)| n)
            .max();
        f64::from(most.unwrap_or(0).max(2))
    }

    pub fn sentence(&self, view: &View) -> String {
        let (dup, lost, refused) = (
            at(&self.duplicates, view.playhead),
            at(&self.lost, view.playhead),
            at(&self.refused, view.playhead),
        );
        let since =
            |steps: &[(u64, u32)]| steps.first().map_or(String::new(), |&(at, _)| seconds(at));
        match (dup, lost, refused) {
            (0, 0, 0) => "Nothing doubled, nothing lost so far".into(),
            (dup, 0, 0) => format!(
                "{} since {}",
                count(dup.into(), "surplus row"),
                since(&self.duplicates)
            ),
            (0, lost, 0) => format!(
                "{lost} lost since {}, and nobody was told",
                since(&self.lost)
            ),
            (0, 0, refused) => format!(
                "{refused} refused since {}, and reported",
                since(&self.refused)
            ),
            (dup, lost, refused) => format!("{dup} doubled, {lost} lost, {refused} refused"),
        }
    }

    pub fn summary(&self, view: &View) -> String {
        let value = |steps| at(steps, view.playhead);
        format!(
            "Duplicates and losses over time, at {}: {} duplicates, {} lost silently, {} refused, {} dropped late by the window.",
            seconds(view.playhead),
            value(&self.duplicates),
            value(&self.lost),
            value(&self.refused),
            value(&self.late)
        )
    }

    pub fn table(&self, view: &View) -> Table {
        let named = [
            ("duplicates", &self.duplicates),
            ("lost", &self.lost),
            ("refused", &self.refused),
            ("late", &self.late),
        ];
        let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
        for (name, steps) in named {
            let shown = steps.iter().take_while(|(at, _)| *at <= view.playhead);
            rows.extend(
                shown.map(|&(at, n)| (at, vec![seconds(at), name.to_string(), n.to_string()])),
            );
        }
        sort_by_rank(&mut rows, |&(at, _)| (at, 0));
        Table::new(
            ["time", "what", "total"],
            rows.into_iter().map(|(_, row)| row).collect(),
        )
    }

    pub(super) fn draw(&self, pen: &Pen, view: &View) -> Drawn {
        let palette = pen.palette;
        let strip = Strip::new(pen, view, 24.0, pen.height() - 6.0);
        pen.title(strip.left, &self.sentence(view))?;
        strip.ground(pen, view)?;
        let most = self.most();
        let marks = if most <= 2.0 {
            vec![0.0, 1.0, 2.0]
        } else {
            vec![0.0, most]
        };
        strip.scale(pen, &marks, most, "orders")?;
        let steps = |steps: &[(u64, u32)]| {
            steps
                .iter()
                .map(|&(at, n)| (at, f64::from(n)))
                .collect::<Vec<_>>()
        };
        let duplicates = strip.stairs(&steps(&self.duplicates), view.playhead, most);
        let lost = strip.stairs(&steps(&self.lost), view.playhead, most);
        let refused = strip.stairs(&steps(&self.refused), view.playhead, most);
        let area = |line: &[(f64, f64)]| {
            let mut area = line.to_vec();
            area.push((strip.x(view.playhead), strip.bottom));
            area.push((strip.left, strip.bottom));
            area
        };
        pen.polygon(&area(&duplicates), palette.dup, 0.28)?;
        pen.polygon(&area(&lost), palette.lost, 0.18)?;
        for (line, steps) in [(&lost, &self.lost), (&refused, &self.refused)] {
            if at(steps, view.playhead) > 0 {
                for pair in line.windows(2) {
                    pen.dashed(pair[0], pair[1], palette.lost, 2.0, (6.0, 3.0))?;
                }
            }
        }
        pen.line(&duplicates, palette.dup_line, 2.5)?;
        strip.playhead(pen, view)?;
        self.labels(pen, view, &strip, most)
    }

    /// The totals at the end of the lines, kept apart from each other.
    fn labels(&self, pen: &Pen, view: &View, strip: &Strip, most: f64) -> Drawn {
        let palette = pen.palette;
        let (dup, lost, refused) = (
            at(&self.duplicates, view.playhead),
            at(&self.lost, view.playhead),
            at(&self.refused, view.playhead),
        );
        let named = |total: u32, name: &str, color: RGBColor| Named {
            value: f64::from(total),
            words: format!("{name} {total}"),
            color: if total > 0 { color } else { palette.muted },
            bold: total > 0,
        };
        let mut values = vec![
            named(dup, "duplicates", palette.dup_text),
            named(lost, "lost", palette.lost_text),
        ];
        if refused > 0 {
            values.push(named(refused, "refused", palette.lost_text));
        }
        strip.name_values(pen, view, most, (96.0, 12.0), values)
    }
}
