//! State and freshness: what queries remember, and how old the newest visible order is.

use super::format::{count, duration, seconds};
use super::pen::{Drawn, Pen, Strip, Words};
use super::{Table, View};
use crate::sim::compact::sort_by_rank;
use serde::{Deserialize, Serialize};

/// Times in µs of simulated time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub end: u64,
    /// Rows of state over all queries: steps of (when, rows).
    pub rows: Vec<(u64, u32)>,
    /// When something newer than all before became visible, and when that had happened.
    pub newest: Vec<(u64, i64)>,
}

impl State {
    fn rows_at(&self, playhead: u64) -> u32 {
        let seen = self.rows.iter().take_while(|(at, _)| *at <= playhead);
        seen.last().map_or(0, |&(_, rows)| rows)
    }

    /// How long ago the newest visible order happened, in µs; none while nothing is visible.
    fn age_at(&self, playhead: u64) -> Option<u64> {
        let seen = self.newest.iter().take_while(|(at, _)| *at <= playhead);
        let newest = seen.last().map(|&(_, event)| event)?;
        Some((playhead as i64 - newest).max(0) as u64)
    }

    fn most_rows(&self) -> f64 {
        let most = self.rows.iter().map(|&(_, rows)| rows).max();
        f64::from(most.unwrap_or(0).max(1))
    }

    /// The line of the age: it grows with time and falls when something newer is there.
    fn ages(&self, playhead: u64) -> Vec<(u64, u64)> {
        let mut ages = Vec::new();
        let mut before = None;
        for &(at, event) in self.newest.iter().take_while(|(at, _)| *at <= playhead) {
            let age = |event: i64| (at as i64 - event).max(0) as u64;
            ages.extend(before.map(|before| (at, age(before))));
            ages.push((at, age(event)));
            before = Some(event);
        }
        ages.extend(self.age_at(playhead).map(|age| (playhead, age)));
        ages
    }

    pub fn sentence(&self, view: &View) -> String {
        let rows = count(self.rows_at(view.playhead).into(), "row");
        match self.age_at(view.playhead) {
            Some(age) => format!(
                "{rows} of state; the newest visible order is {} old",
                duration(age)
            ),
            None => format!("{rows} of state; nothing is visible yet"),
        }
    }

    pub fn summary(&self, view: &View) -> String {
        let most = self
            .ages(view.playhead)
            .into_iter()
            .map(|(_, age)| age)
            .max();
        let oldest = most.map_or_else(String::new, |age| {
            format!(" It was {} at most.", duration(age))
        });
        format!(
            "State and freshness at {}: {}.{oldest}",
            seconds(view.playhead),
            self.sentence(view)
        )
    }

    pub fn table(&self, view: &View) -> Table {
        let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
        let states = self.rows.iter().take_while(|(at, _)| *at <= view.playhead);
        rows.extend(states.map(|&(at, n)| {
            (
                at,
                vec![seconds(at), "state".into(), n.to_string(), "rows".into()],
            )
        }));
        rows.extend(self.ages(view.playhead).into_iter().map(|(at, age)| {
            let ms = format!("{}.{:03}", age / 1000, age % 1000);
            (at, vec![seconds(at), "freshness".into(), ms, "ms".into()])
        }));
        sort_by_rank(&mut rows, |&(at, _)| (at, 0));
        Table::new(
            ["time", "what", "value", "unit"],
            rows.into_iter().map(|(_, row)| row).collect(),
        )
    }

    pub(super) fn draw(&self, pen: &Pen, view: &View) -> Drawn {
        let palette = pen.palette;
        let strip = Strip::new(pen, view, 24.0, pen.height() - 6.0);
        pen.title(strip.left, &self.sentence(view))?;
        strip.ground(pen, view)?;
        let most = self.most_rows();
        strip.scale(pen, &[0.0, most], most, "rows")?;
        let rows: Vec<(u64, f64)> = self
            .rows
            .iter()
            .map(|&(at, n)| (at, f64::from(n)))
            .collect();
        pen.line(
            &strip.stairs(&rows, view.playhead, most),
            palette.series[0],
            2.0,
        )?;
        // The age has a scale of its own: its greatest value of the whole run reaches the top.
        let top = self.ages(self.end).into_iter().map(|(_, age)| age).max();
        let top = top.unwrap_or(0).max(1) as f64;
        let line: Vec<(f64, f64)> = self
            .ages(view.playhead)
            .into_iter()
            .map(|(at, age)| (strip.x(at), strip.y(age as f64 / top)))
            .collect();
        if line.len() > 1 {
            for pair in line.windows(2) {
                pen.dashed(pair[0], pair[1], palette.series[2], 1.75, (5.0, 2.0))?;
            }
        }
        strip.playhead(pen, view)?;
        let (x, anchor) = strip.beside(view, 130.0);
        let age = self.age_at(view.playhead);
        let labels = [
            Some((
                format!("state {}", self.rows_at(view.playhead)),
                palette.series[0],
            )),
            age.map(|age| {
                (
                    format!(
                        "freshness {} of at most {}",
                        duration(age),
                        duration(top as u64)
                    ),
                    palette.series[2],
                )
            }),
        ];
        for (n, (words, color)) in labels.into_iter().flatten().enumerate() {
            let y = strip.top + 8.0 + n as f64 * 15.0;
            let look = Words {
                color,
                size: 12.0,
                bold: true,
                anchor,
            };
            pen.text_on_ground(x, y.min(strip.bottom), &words, &look)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::view;
    use super::*;

    #[test]
    fn what_is_visible_ages_until_something_newer_comes() {
        let state = State {
            end: 10_000_000,
            rows: vec![(1_000_000, 3), (2_000_000, 1)],
            newest: vec![(1_000_000, 400_000), (3_000_000, 2_900_000)],
        };
        assert_eq!(state.age_at(500_000), None);
        assert_eq!(state.age_at(2_000_000), Some(1_600_000));
        assert_eq!(state.age_at(3_000_000), Some(100_000));
        let most = state.ages(10_000_000).into_iter().map(|(_, age)| age).max();
        assert_eq!(most, Some(7_100_000));
        assert_eq!(
            state.sentence(&view(2_500)),
            "1 row of state; the newest visible order is 2.10 s old"
        );
    }
}
