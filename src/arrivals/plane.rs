//! A stretch of the arrivals as a picture: event time against processing time, with the watermark and the windows, and one
//! record that may be moved to another arrival.
//!
//! It is a replay from the first arrival to the end of the stretch, so what is late in the picture is late in the run. A moved
//! record is judged where it was moved to, and whatever it does to the watermark is done there.

use super::pace::{Listener, Moment, Pace};
use super::replay::Config;
use super::windows::{Emission, Plan, Store};
use super::{Arrival, Arrivals};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What is to be seen. Times in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Where event time begins; it ends with processing time, because nothing arrives before it happens.
    pub event_from_us: i64,
    pub from_us: i64,
    pub until_us: i64,
    pub picked: Option<Picked>,
}

/// A record, by its number in the order of arrival, and when it is to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picked {
    pub row: u32,
    pub at_us: i64,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    Counted,
    /// Behind the watermark, and its window was still open.
    Behind,
    /// Its last window, and when that closed.
    Late {
        start_ms: i64,
        end_ms: i64,
        closed_us: i64,
    },
    /// No window covers it.
    Uncovered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dot {
    pub row: u32,
    pub event_us: i64,
    pub at_us: i64,
    pub fate: Fate,
    /// How much further the line could have been without dropping it, in ms; 0 or less if it is late. None before the first
    /// watermark, and where no window covers the record.
    pub spare_ms: Option<i64>,
}

/// A window on the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub start_ms: i64,
    pub end_ms: i64,
    /// From then on it takes nothing more.
    pub closed_us: Option<i64>,
    /// When its last result could be seen; none where results come with every change.
    pub out_us: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plane {
    pub view: View,
    /// By arrival; all that are late, and of the others every so many.
    pub dots: Vec<Dot>,
    /// Of those that are not late, one in so many is drawn.
    pub one_in: u32,
    /// Records that arrive in the stretch, and how many of them are late.
    pub records: u32,
    pub late: u32,
    /// Late ones that happened before the picture begins, or are too many to be drawn.
    pub late_not_drawn: u32,
    /// From `at_us` on, windows that end no later than this, in ms, take nothing more.
    pub line: Vec<(i64, i64)>,
    /// By start. Sessions by key are those of the picked record's key, and none if nothing is picked.
    pub columns: Vec<Column>,
    /// Rows of state at the end of the stretch.
    pub rows: u64,
    /// The picked record where it is now, if it is in the stretch.
    pub picked: Option<Dot>,
    /// Its key, and when it really arrived.
    pub picked_key: String,
    pub picked_at_us: Option<i64>,
}

/// Records that are drawn, late ones apart.
const DRAWN: usize = 400;
const LATE_DRAWN: usize = 150;
const COLUMNS: i64 = 80;
/// Steps of the line.
const STEPS: i64 = 480;

/// A store, and what is noted beside it.
struct Watch {
    store: Store,
    processing_us: i64,
    steps: Vec<(i64, i64)>,
    /// Of the last record: what it was judged by, and whether it is late or uncovered.
    judged: (i64, bool, bool),
}

impl Listener for Watch {
    fn record(&mut self, index: usize, row: &Arrival, moment: Moment) {
        let before = (self.store.tally().late, self.store.tally().uncovered);
        self.store.record(index, row, moment);
        let tally = self.store.tally();
        self.judged = (
            moment.closed,
            tally.late > before.0,
            tally.uncovered > before.1,
        );
    }

    fn advance(&mut self, closed: i64, visible_us: i64) {
        // What arrives after the trigger, or the tick, is judged by the new value; its results can be seen later.
        if self.steps.last().is_none_or(|step| step.1 < closed) {
            self.steps.push((visible_us - self.processing_us, closed));
        }
        self.store.advance(closed, visible_us);
    }
}

impl Plane {
    /// The plan must be that of the configuration.
    pub fn of(arrivals: &Arrivals, plan: Rc<Plan>, config: &Config, view: View) -> Plane {
        let rows = arrivals.rows();
        let picked = view
            .picked
            .filter(|picked| (picked.row as usize) < rows.len());
        let mut watch = Watch {
            store: Store::new(plan, config.emission(), arrivals),
            processing_us: config.processing_ms as i64 * 1_000,
            steps: Vec::new(),
            judged: (i64::MIN, false, false),
        };
        let mut pace = Pace::new(
            config.engine,
            config.strategy,
            config.processing_ms,
            arrivals.partitions.len().max(1),
        );
        let mut seen: Vec<(u32, Arrival, (i64, bool, bool))> = Vec::new();
        let mut play = |index: usize, row: &Arrival| {
            pace.record(index, row, &mut watch);
            if row.at_us >= view.from_us {
                seen.push((index as u32, *row, watch.judged));
            }
        };
        let until = rows.partition_point(|row| row.at_us < view.until_us);
        let mut moved = picked.map(|picked| Arrival {
            at_us: picked.at_us,
            ..rows[picked.row as usize]
        });
        let number = picked.map(|picked| picked.row as usize);
        for (index, row) in rows.iter().enumerate().take(until) {
            if Some(index) == number {
                continue;
            }
            if let (Some(number), Some(other)) = (number, moved)
                && (other.at_us, number) < (row.at_us, index)
            {
                moved = None;
                play(number, &other);
            }
            play(index, row);
        }
        if let (Some(number), Some(other)) = (number, moved)
            && other.at_us < view.until_us
        {
            play(number, &other);
        }
        let lateness = match config.emission() {
            Emission::Fires { allowed_lateness } => allowed_lateness,
            Emission::Once | Emission::Changes => 0,
        };
        let steps = &watch.steps;
        let closing = |end_ms: i64| {
            let place = steps.partition_point(|step| step.1 < end_ms);
            steps.get(place).map(|step| step.0)
        };
        let last_window = |event_ms: i64| match config.windows.aligned() {
            Some((size, slide)) => {
                let start = event_ms - event_ms.rem_euclid(slide);
                (start, start + size)
            }
            None => (event_ms, event_ms + config.windows.longest_ms() as i64),
        };
        let dot =
            |&(row, arrival, (closed, late, uncovered)): &(u32, Arrival, (i64, bool, bool))| {
                let event_ms = arrival.event_ms();
                let (start_ms, end_ms) = last_window(event_ms);
                let fate = if uncovered {
                    Fate::Uncovered
                } else if late {
                    let closed_us = closing(end_ms + lateness).unwrap_or(arrival.at_us);
                    Fate::Late {
                        start_ms,
                        end_ms,
                        closed_us,
                    }
                } else if event_ms < closed {
                    Fate::Behind
                } else {
                    Fate::Counted
                };
                let judged = closed > super::strategy::NEVER + 1 && !uncovered;
                Dot {
                    row,
                    event_us: arrival.event_us,
                    at_us: arrival.at_us,
                    fate,
                    spare_ms: judged.then(|| end_ms + lateness - closed),
                }
            };
        let is_late = |dot: &Dot| matches!(dot.fate, Fate::Late { .. });
        let in_sight = |dot: &Dot| (view.event_from_us..=view.until_us).contains(&dot.event_us);
        let all: Vec<Dot> = seen.iter().map(dot).collect();
        let (late, rest): (Vec<Dot>, Vec<Dot>) = all.iter().partition(|dot| is_late(dot));
        let one_in = rest.len().div_ceil(DRAWN).max(1);
        let late_in_sight = late.iter().filter(|dot| in_sight(dot)).count();
        let late_in = late_in_sight.div_ceil(LATE_DRAWN).max(1);
        let picked_dot = number.and_then(|number| {
            let found = all.iter().find(|dot| dot.row as usize == number);
            found.copied()
        });
        let mut dots: Vec<Dot> = rest
            .into_iter()
            // By its number, so that the same ones are drawn while one is dragged.
            .filter(|dot| (dot.row as usize).is_multiple_of(one_in) && in_sight(dot))
            .collect();
        let late_drawn = late.iter().copied().filter(in_sight).step_by(late_in);
        let before = dots.len();
        dots.extend(late_drawn);
        let late_not_drawn = (late.len() - (dots.len() - before)) as u32;
        dots.retain(|dot| Some(dot.row as usize) != number);
        dots.sort_by_key(|dot| (dot.at_us, dot.row));
        Plane {
            view,
            one_in: one_in as u32,
            records: all.len() as u32,
            late: late.len() as u32,
            late_not_drawn,
            line: line(steps, view),
            columns: match config.windows.aligned() {
                Some(aligned) => columns(config, aligned, view, lateness, closing),
                None => sessions(config, arrivals, &watch.store, view, lateness, closing),
            },
            rows: watch.store.tally().rows,
            picked: picked_dot,
            picked_key: number.map_or_else(String::new, |number| {
                arrivals.keys[rows[number].key as usize].clone()
            }),
            picked_at_us: number.map(|number| rows[number].at_us),
            dots,
        }
    }
}

/// The line in the stretch, with where it comes from; of steps that are closer than a pixel the last.
fn line(steps: &[(i64, i64)], view: View) -> Vec<(i64, i64)> {
    let first = steps.partition_point(|step| step.0 <= view.from_us);
    let last = steps.partition_point(|step| step.0 < view.until_us);
    let width = ((view.until_us - view.from_us) / STEPS).max(1);
    let mut line: Vec<(i64, i64)> = Vec::new();
    for &(at_us, closed) in &steps[first.saturating_sub(1)..last.max(first)] {
        match line.last_mut() {
            Some(before) if at_us.div_euclid(width) == before.0.div_euclid(width) => {
                before.1 = closed;
            }
            _ => line.push((at_us, closed)),
        }
    }
    line
}

impl View {
    /// Event time that is to be seen, in ms.
    fn events_ms(&self) -> (i64, i64) {
        (
            self.event_from_us.div_euclid(1_000),
            self.until_us.div_euclid(1_000),
        )
    }
}

/// Sessions as they are at the end of the stretch, each from its first event to the gap behind its last.
fn sessions(
    config: &Config,
    arrivals: &Arrivals,
    store: &Store,
    view: View,
    lateness: i64,
    closing: impl Fn(i64) -> Option<i64>,
) -> Vec<Column> {
    let rows = arrivals.rows();
    let key = match (config.by_key, view.picked) {
        (false, _) => None,
        (true, Some(picked)) => rows.get(picked.row as usize).map(|row| row.key),
        (true, None) => return Vec::new(),
    };
    let gap = config.windows.longest_ms() as i64;
    let shows_once = config.emission() != Emission::Changes;
    let mut found: BTreeMap<u32, Column> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        if key.is_some_and(|key| key != row.key) {
            continue;
        }
        let Some((number, seen_us)) = store.session(index) else {
            continue;
        };
        let event_ms = row.event_ms();
        let column = found.entry(number).or_insert(Column {
            start_ms: event_ms,
            end_ms: event_ms + gap,
            closed_us: None,
            out_us: seen_us.filter(|_| shows_once),
        });
        column.start_ms = column.start_ms.min(event_ms);
        column.end_ms = column.end_ms.max(event_ms + gap);
    }
    let (from, until) = view.events_ms();
    let in_sight = |column: &Column| column.end_ms > from && column.start_ms < until;
    let mut columns: Vec<Column> = found.into_values().filter(in_sight).collect();
    columns.sort_by_key(|column| column.start_ms);
    columns.truncate(COLUMNS as usize);
    for column in &mut columns {
        column.closed_us = closing(column.end_ms + lateness);
    }
    columns
}

fn columns(
    config: &Config,
    (size, slide): (i64, i64),
    view: View,
    lateness: i64,
    closing: impl Fn(i64) -> Option<i64>,
) -> Vec<Column> {
    let (from, until) = view.events_ms();
    let first = from.div_euclid(slide);
    let last = until.div_euclid(slide).min(first + COLUMNS);
    let shows_once = config.emission() != Emission::Changes;
    (first..=last)
        .map(|n| {
            let (start_ms, end_ms) = (n * slide, n * slide + size);
            let fired = closing(end_ms);
            Column {
                start_ms,
                end_ms,
                closed_us: closing(end_ms + lateness),
                out_us: fired
                    .filter(|_| shows_once)
                    .map(|at_us| at_us + config.processing_ms as i64 * 1_000),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::models::EXAMPLES;
    use crate::arrivals::pace::{Engine, Flink};
    use crate::arrivals::replay::Replay;
    use crate::arrivals::strategy::Strategy;
    use crate::arrivals::windows::Windows;

    fn flink(windows: &str, delay_ms: u64, allowed_lateness_ms: u64) -> Config {
        Config {
            windows: Windows::parse(windows).expect("windows"),
            engine: Engine::Flink(Flink {
                allowed_lateness_ms,
                ..Flink::default()
            }),
            strategy: Strategy::Fixed { delay_ms },
            ..Config::default()
        }
    }

    fn all_of(arrivals: &Arrivals, picked: Option<Picked>) -> View {
        let rows = arrivals.rows();
        View {
            event_from_us: i64::MIN / 2,
            from_us: rows[0].at_us,
            until_us: rows[rows.len() - 1].at_us + 1,
            picked,
        }
    }

    fn plane(arrivals: &Arrivals, config: &Config, view: View) -> Plane {
        let plan = Rc::new(Plan::new(arrivals, config.windows, config.by_key));
        Plane::of(arrivals, plan, config, view)
    }

    #[test]
    fn the_picture_drops_what_the_run_drops() {
        let arrivals = Rc::new((EXAMPLES[2].model)().arrivals());
        for config in [
            Config::default(),
            flink("tumbling:2s", 1_000, 0),
            flink("tumbling:2s", 1_000, 3_000),
            flink("sliding:6s:2s", 500, 0),
            flink("session:1s", 500, 0),
        ] {
            let run = Replay::run(&arrivals, config);
            let view = View {
                event_from_us: 0,
                ..all_of(&arrivals, None)
            };
            // The columns of sixty years are not asked for here.
            let seen = if config.windows.aligned().is_some() {
                let view = View {
                    event_from_us: view.from_us,
                    ..view
                };
                plane(&arrivals, &config, view)
            } else {
                plane(&arrivals, &config, view)
            };
            assert_eq!(
                (u64::from(seen.late), u64::from(seen.records)),
                (run.late, run.events),
                "{}",
                config.name()
            );
            for dot in &seen.dots {
                let late = matches!(dot.fate, Fate::Late { .. });
                if config.windows.aligned().is_some() {
                    assert_eq!(
                        late,
                        dot.spare_ms.is_some_and(|spare| spare <= 0),
                        "{dot:?}"
                    );
                }
                if let Fate::Late { closed_us, .. } = dot.fate {
                    assert!(closed_us <= dot.at_us, "{dot:?}");
                }
            }
        }
    }

    /// The same record, moved up: counted until its window closes, and dropped from that moment on.
    #[test]
    fn a_record_is_dropped_once_its_window_has_closed() {
        for config in [
            flink("tumbling:2s", 1_000, 0),
            flink("tumbling:2s", 1_000, 1_500),
            Config {
                windows: Windows::Tumbling { size_ms: 2_000 },
                ..Config::default()
            },
        ] {
            let arrivals = (EXAMPLES[0].model)().arrivals();
            let row = 30_000;
            let event_ms = arrivals.rows()[row as usize].event_ms();
            let end_ms = event_ms - event_ms.rem_euclid(2_000) + 2_000;
            let first = all_of(&arrivals, None);
            let view = View {
                event_from_us: event_ms * 1_000 - 20_000_000,
                until_us: event_ms * 1_000 + 40_000_000,
                ..first
            };
            let calm = plane(&arrivals, &config, view);
            let column = calm.columns.iter().find(|column| column.end_ms == end_ms);
            let closed_us = column
                .and_then(|column| column.closed_us)
                .expect("it closes");
            for (at_us, late) in [(closed_us - 1, false), (closed_us + 1, true)] {
                let picked = Some(Picked { row, at_us });
                let moved = plane(&arrivals, &config, View { picked, ..view });
                let dot = moved.picked.expect("it is in the stretch");
                assert_eq!(
                    matches!(dot.fate, Fate::Late { closed_us: told, .. } if told == closed_us),
                    late,
                    "{dot:?} {}",
                    config.name()
                );
                assert_eq!(moved.late, calm.late + u32::from(late));
                assert_eq!(moved.records, calm.records);
            }
        }
    }

    #[test]
    fn each_counted_record_lies_in_one_session() {
        let arrivals = (EXAMPLES[2].model)().arrivals();
        let rows = arrivals.rows();
        let config = flink("session:1s", 500, 0);
        let over_all = Config {
            by_key: false,
            ..config
        };
        let start = rows[rows.len() / 2].at_us;
        let view = View {
            event_from_us: start,
            from_us: start,
            until_us: start + 60_000_000,
            picked: None,
        };
        let all = plane(&arrivals, &over_all, view);
        assert!(!all.columns.is_empty());
        let lies = |columns: &[Column], event_ms: i64| {
            let covers = |column: &&Column| (column.start_ms..column.end_ms).contains(&event_ms);
            columns.iter().filter(covers).count()
        };
        // Sessions that touch are one.
        assert!(
            all.columns
                .windows(2)
                .all(|two| two[0].end_ms < two[1].start_ms)
        );
        for dot in &all.dots {
            let event_ms = dot.event_us.div_euclid(1_000);
            let is_counted = matches!(dot.fate, Fate::Counted | Fate::Behind);
            if is_counted && event_ms > all.columns[0].start_ms {
                assert_eq!(lies(&all.columns, event_ms), 1, "{dot:?}");
            }
        }

        // By key they overlap, and only those of the key that was taken are seen.
        let by_key = |picked| plane(&arrivals, &config, View { picked, ..view });
        assert_eq!(by_key(None).columns, []);
        let row = rows.partition_point(|row| row.at_us < start + 30_000_000) as u32;
        let taken = rows[row as usize];
        let picked = Some(Picked {
            row,
            at_us: taken.at_us,
        });
        let own = by_key(picked);
        let dot = own.picked.expect("it is in the stretch");
        assert!(matches!(dot.fate, Fate::Counted | Fate::Behind));
        assert_eq!(lies(&own.columns, taken.event_ms()), 1);
        assert!(
            own.columns
                .windows(2)
                .all(|two| two[0].end_ms < two[1].start_ms)
        );
    }

    #[test]
    fn a_picture_of_many_is_thinned_and_keeps_the_late_ones() {
        let arrivals = (EXAMPLES[1].model)().arrivals();
        let view = View {
            event_from_us: arrivals.rows()[0].event_us,
            ..all_of(&arrivals, None)
        };
        let seen = plane(&arrivals, &flink("tumbling:2s", 5_000, 0), view);
        assert!(seen.records > 59_000 && seen.dots.len() <= DRAWN + LATE_DRAWN + 1);
        assert!(seen.late > 500 && seen.late_not_drawn > 0);
        assert!(seen.line.len() as i64 <= STEPS + 2 && seen.line.is_sorted());
    }
}
