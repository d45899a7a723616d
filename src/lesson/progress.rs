//! What a learner did in every lesson, as JSON for the browser's storage and as a file, and which lessons are due for review.
//!
//! There is no clock in here: a day is a number, counted from 1970 by whoever calls.
//! What is damaged, somebody else's or of a newer version is refused with its place, and never read in part.

use super::{Lesson, Step};
use crate::sim::compact::sort_by_rank;
use crate::sim::json;
use crate::sim::ordered::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// Of what is written. Whoever changes the form counts it up and goes on reading the older ones.
pub const VERSION: u64 = 1;
const FORMAT: &str = "streamproof-progress";
/// Days from one review to the next. Who has passed the last one stays with it.
pub const INTERVALS: [u32; 4] = [1, 3, 7, 21];
/// A prediction is made with a confidence of 1 to so much.
pub const SUREST: u8 = 3;

/// By the id of the lesson. Lessons that the course does not have are kept: they may be an instructor's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    pub lessons: OrdMap<String, Record>,
}

/// One lesson.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The day of the first time.
    pub opened: u32,
    /// Where the learner is.
    pub place: Place,
    /// How many steps the lesson has.
    pub steps: u32,
    /// What is answered, or begun, by the id of the ask.
    pub given: OrdMap<String, Given>,
    /// Steps whose run was watched, counted from 0.
    pub seen: OrdSet<u32>,
    /// By the id of the ask.
    pub predictions: OrdMap<String, Prediction>,
    /// Whether the answer was right, of asks without a confidence.
    pub answers: OrdMap<String, bool>,
    /// By [`task_key`].
    pub tasks: OrdMap<String, Passed>,
    /// By the name of the suite.
    pub gauntlets: OrdMap<String, Held>,
    /// Nothing until the lesson is through.
    pub review: Option<Review>,
}

/// Where somebody is in a lesson.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// Counted from 0.
    pub step: u32,
    /// Of the last change, in ms since 1970.
    pub touched: u64,
    /// The learner's own changes of the step's scenario: a merge patch.
    pub changed: Option<Value>,
}

/// An answer as it stands in its form. Of two, the locked one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// It can be read, and no longer changed.
    #[serde(skip_serializing_if = "is_not")]
    pub locked: bool,
    /// Whether it was right, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<bool>,
    /// The picked option, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pick: Option<u32>,
    /// 0 (guessing) to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sure: Option<u8>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

fn is_not(value: &bool) -> bool {
    !value
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    pub right: bool,
    /// 1 (guessing) to [`SUREST`].
    pub sure: u8,
}

/// The first time that a task held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub day: u32,
    pub seed: u64,
}

/// The best gauntlet of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub runs: u32,
    pub failed: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Index into [`INTERVALS`].
    pub stage: u8,
    /// Of the last review, or the day on which the lesson was through.
    pub day: u32,
}

/// A lesson that should be looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub lesson: String,
    /// For how many days already.
    pub overdue: u32,
    /// One with which no task of it was passed.
    pub seed: u64,
}

/// Data that cannot be read: where in it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressError {
    /// `lessons.lost-ack.tasks`, or `line 3` where it is no JSON.
    pub place: String,
    pub problem: String,
}

impl fmt::Display for ProgressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for ProgressError {}

/// The name of a step's nth task, counted from 0: steps may move, headings seldom change.
pub fn task_key(step: &Step, task: usize) -> String {
    format!("{}/{}", step.heading, task + 1)
}

impl Progress {
    pub fn parse(text: &str) -> Result<Progress, ProgressError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| wrong(format!("line {}", error.line()), error.to_string()))?;
        let mut fields = Fields::of("", &value)?;
        let format: String = fields.need("format")?;
        if format != FORMAT {
            let problem = format!("\"{format}\" is something else; expected \"{FORMAT}\"");
            return Err(wrong("format", problem));
        }
        let version: u64 = fields.need("v")?;
        if version == 0 || version > VERSION {
            let problem =
                format!("{version} is not known here; this version reads up to {VERSION}");
            return Err(wrong("v", problem));
        }
        // Who wrote it, and when: for people.
        fields.may::<String>("app", read)?;
        fields.may::<String>("saved", read)?;
        let lessons = fields.entries("lessons", record)?;
        fields.end()?;
        Ok(Progress { lessons })
    }

    /// What [`Progress::parse`] reads. `app` is the version of the program, `saved` when this is, as people write it.
    pub fn to_json(&self, app: &str, saved: &str) -> String {
        let lessons = self
            .lessons
            .iter()
            .map(|(id, record)| (id.clone(), written(record)));
        let whole = serde_json::json!({
            "format": FORMAT,
            "v": VERSION,
            "app": app,
            "saved": saved,
            "lessons": lessons.collect::<Map<String, Value>>(),
        });
        json::Text(&whole).to_string()
    }

    pub fn opened(&mut self, lesson: &str, day: u32) -> &mut Record {
        let first = || Record {
            opened: day,
            ..Record::default()
        };
        self.lessons.entry(lesson.into()).or_insert_with(first)
    }

    /// The lesson that was worked on last.
    pub fn last(&self) -> Option<(&String, &Record)> {
        let touched = |(_, record): &(&String, &Record)| record.place.touched;
        self.lessons.iter().max_by_key(touched)
    }

    /// All of both; where both have something, the better of the two. It does not matter which is merged into which.
    pub fn merge(&mut self, other: Progress) {
        for (id, record) in other.lessons {
            match self.lessons.get_mut(&id) {
                Some(known) => known.merge(record),
                None => {
                    self.lessons.insert(id, record);
                }
            }
        }
    }

    /// What should be reviewed on a day, the longest overdue first.
    pub fn due(&self, now_days: u32) -> Vec<Due> {
        let due = |(id, record): (&String, &Record)| {
            let review = record.review?;
            let again = review.day.checked_add(review.interval())?;
            let overdue = now_days.checked_sub(again)?;
            Some(Due {
                lesson: id.clone(),
                overdue,
                seed: record.fresh_seed(review.stage),
            })
        };
        let mut all: Vec<Due> = self.lessons.iter().filter_map(due).collect();
        // Stable: what is equally late stays in the order of the ids.
        sort_by_rank(&mut all, |due| (u64::from(u32::MAX - due.overdue), 0));
        all
    }
}

impl Record {
    /// The first answer counts: a second one is no prediction.
    pub fn predicted(&mut self, ask: &str, right: bool, sure: u8) {
        let sure = sure.clamp(1, SUREST);
        let made = Prediction { right, sure };
        self.predictions.entry(ask.into()).or_insert(made);
    }

    pub fn answered(&mut self, ask: &str, right: bool) {
        self.answers.entry(ask.into()).or_insert(right);
    }

    pub fn passed(&mut self, task: String, seed: u64, day: u32) {
        self.tasks.entry(task).or_insert(Passed { day, seed });
    }

    pub fn ran(&mut self, suite: &str, runs: u32, failed: u32) {
        let new = Held { runs, failed };
        let held = self.gauntlets.entry(suite.into()).or_insert(new);
        *held = held.better(new);
    }

    /// Whether every task of the lesson is passed.
    pub fn is_through(&self, lesson: &Lesson) -> bool {
        lesson.steps.iter().all(|step| {
            (0..step.tasks().count()).all(|task| self.tasks.contains_key(&task_key(step, task)))
        })
    }

    /// The lesson is through: its first review is a day away. Once is enough.
    pub fn finished(&mut self, day: u32) {
        self.review.get_or_insert(Review { stage: 0, day });
    }

    /// Every task was passed at some time.
    pub fn is_finished(&self) -> bool {
        self.review.is_some()
    }

    /// The lesson from its beginning, as if nobody had answered yet. When it comes back for review stays.
    pub fn begun_anew(&self, day: u32) -> Record {
        Record {
            opened: day,
            review: self.review,
            ..Record::default()
        }
    }

    /// A review: what is remembered comes again later, what is not begins anew.
    pub fn reviewed(&mut self, remembered: bool, day: u32) {
        let stage = match self.review {
            Some(review) if remembered => (review.stage + 1).min(INTERVALS.len() as u8 - 1),
            _ => 0,
        };
        self.review = Some(Review { stage, day });
    }

    /// A seed that no task was passed with, another one at each stage.
    fn fresh_seed(&self, stage: u8) -> u64 {
        let used = |seed: &u64| self.tasks.values().any(|passed| passed.seed == *seed);
        let mut fresh = (1..=u64::MAX).filter(|seed| !used(seed));
        fresh.nth(stage.into()).unwrap_or(1)
    }

    fn merge(&mut self, other: Record) {
        self.opened = self.opened.min(other.opened);
        self.steps = self.steps.max(other.steps);
        if other.place.rank() > self.place.rank() {
            self.place = other.place;
        }
        for (ask, new) in other.given {
            let known = self.given.entry(ask).or_default();
            *known = new.max(known.clone());
        }
        self.seen.extend(other.seen);
        merge(&mut self.predictions, other.predictions, Prediction::better);
        merge(&mut self.answers, other.answers, |a, b| a || b);
        merge(&mut self.tasks, other.tasks, Passed::better);
        merge(&mut self.gauntlets, other.gauntlets, Held::better);
        self.review = match (self.review, other.review) {
            (Some(a), Some(b)) => Some(a.better(b)),
            (a, b) => a.or(b),
        };
    }
}

fn merge<T: Copy>(mine: &mut OrdMap<String, T>, other: OrdMap<String, T>, better: fn(T, T) -> T) {
    for (key, new) in other {
        match mine.get_mut(&key) {
            Some(known) => *known = better(*known, new),
            None => {
                mine.insert(key, new);
            }
        }
    }
}

impl Place {
    /// The further one counts; of one step, the newer one.
    fn rank(&self) -> (u32, u64, String) {
        let changed = self.changed.as_ref();
        let changed = changed.map(|changed| json::Text(changed).to_string());
        (self.step, self.touched, changed.unwrap_or_default())
    }
}

impl Prediction {
    /// Right, and sure of it; if wrong, then with doubts.
    fn better(self, other: Prediction) -> Prediction {
        let rank = |of: Prediction| match of.right {
            true => (1, of.sure),
            false => (0, SUREST.saturating_sub(of.sure)),
        };
        if rank(other) > rank(self) {
            other
        } else {
            self
        }
    }
}

impl Passed {
    /// The earlier one.
    fn better(self, other: Passed) -> Passed {
        let rank = |of: Passed| (of.day, of.seed);
        if rank(other) < rank(self) {
            other
        } else {
            self
        }
    }
}

impl Held {
    /// Fewer failures; of as many, more runs.
    fn better(self, other: Held) -> Held {
        let rank = |of: Held| (std::cmp::Reverse(of.failed), of.runs);
        if rank(other) > rank(self) {
            other
        } else {
            self
        }
    }
}

impl Review {
    fn interval(self) -> u32 {
        let last = INTERVALS.len() - 1;
        INTERVALS[usize::from(self.stage).min(last)]
    }

    /// The further one; of the same stage, the later one.
    fn better(self, other: Review) -> Review {
        let rank = |of: Review| (of.stage, of.day);
        if rank(other) > rank(self) {
            other
        } else {
            self
        }
    }
}

fn written(record: &Record) -> Value {
    let map = |value: Value| match &value {
        Value::Object(entries) if entries.is_empty() => None,
        Value::Array(entries) if entries.is_empty() => None,
        Value::Null => None,
        _ => Some(value),
    };
    let of = |value: Result<Value, serde_json::Error>| map(value.unwrap_or_default());
    let seen: Value = record.seen.iter().copied().collect();
    let fields = [
        ("opened", Some(record.opened.into())),
        ("step", Some((record.place.step + 1).into())),
        ("steps", Some(record.steps.into())),
        ("touched", Some(record.place.touched.into())),
        ("done", Some(record.is_finished().into())),
        ("changed", record.place.changed.clone()),
        ("given", of(serde_json::to_value(&record.given))),
        ("seen", map(seen)),
        ("predictions", of(serde_json::to_value(&record.predictions))),
        ("answers", of(serde_json::to_value(&record.answers))),
        ("tasks", of(serde_json::to_value(&record.tasks))),
        ("gauntlets", of(serde_json::to_value(&record.gauntlets))),
        ("review", of(serde_json::to_value(record.review))),
    ];
    let present = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_string(), value?)));
    Value::Object(present.collect())
}

fn record(place: &str, value: &Value) -> Result<Record, ProgressError> {
    let mut fields = Fields::of(place, value)?;
    let opened = fields.need("opened")?;
    // Follows from the rest: it is there for people.
    fields.may::<bool>("done", read)?;
    let step = fields.may("step", read)?.unwrap_or(1_u32);
    let record = Record {
        opened,
        place: Place {
            step: step
                .checked_sub(1)
                .ok_or_else(|| wrong(fields.within("step"), "the first one is 1"))?,
            touched: fields.may("touched", read)?.unwrap_or_default(),
            changed: fields.may("changed", |place, value| match value {
                Value::Object(_) => Ok(value.clone()),
                _ => Err(wrong(place, "no merge patch; expected { ... }")),
            })?,
        },
        steps: fields.may("steps", read)?.unwrap_or_default(),
        given: fields.entries("given", read)?,
        seen: fields
            .may::<Vec<u32>>("seen", read)?
            .into_iter()
            .flatten()
            .collect(),
        predictions: fields.entries("predictions", |place, value| {
            let made: Prediction = read(place, value)?;
            if !(1..=SUREST).contains(&made.sure) {
                let problem = format!("sure is {}, it goes from 1 to {SUREST}", made.sure);
                return Err(wrong(place, problem));
            }
            Ok(made)
        })?,
        answers: fields.entries("answers", read)?,
        tasks: fields.entries("tasks", read)?,
        gauntlets: fields.entries("gauntlets", |place, value| {
            let held: Held = read(place, value)?;
            if held.failed > held.runs {
                let problem = format!("{} of {} runs failed", held.failed, held.runs);
                return Err(wrong(place, problem));
            }
            Ok(held)
        })?,
        review: fields.may("review", |place, value| {
            let review: Review = read(place, value)?;
            if usize::from(review.stage) >= INTERVALS.len() {
                let most = INTERVALS.len() - 1;
                let problem = format!("stage is {}, it goes from 0 to {most}", review.stage);
                return Err(wrong(place, problem));
            }
            Ok(review)
        })?,
    };
    fields.end()?;
    Ok(record)
}

fn wrong(place: impl Into<String>, problem: impl Into<String>) -> ProgressError {
    ProgressError {
        place: place.into(),
        problem: problem.into(),
    }
}

fn read<T: for<'de> Deserialize<'de>>(place: &str, value: &Value) -> Result<T, ProgressError> {
    json::read(value).map_err(|problem| wrong(place, problem.to_string()))
}

/// An object of the file: its fields are taken one by one, and none may be left.
struct Fields<'a> {
    place: String,
    known: Vec<&'static str>,
    all: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn of(place: &str, value: &'a Value) -> Result<Fields<'a>, ProgressError> {
        let all = value.as_object().ok_or_else(|| {
            let place = if place.is_empty() { "line 1" } else { place };
            wrong(place, "no object; expected { ... }")
        })?;
        Ok(Fields {
            place: place.into(),
            known: Vec::new(),
            all,
        })
    }

    fn within(&self, key: &str) -> String {
        match self.place.as_str() {
            "" => key.into(),
            place => format!("{place}.{key}"),
        }
    }

    fn may<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str, &Value) -> Result<T, ProgressError>,
    ) -> Result<Option<T>, ProgressError> {
        self.known.push(key);
        let value = self.all.get(key);
        value
            .map(|value| read(&self.within(key), value))
            .transpose()
    }

    fn need<T: for<'de> Deserialize<'de>>(
        &mut self,
        key: &'static str,
    ) -> Result<T, ProgressError> {
        let found = self.may(key, read)?;
        found.ok_or_else(|| wrong(self.within(key), "is missing"))
    }

    fn entries<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str, &Value) -> Result<T, ProgressError>,
    ) -> Result<OrdMap<String, T>, ProgressError> {
        let all = self.may(key, |place, value| {
            let entries = Fields::of(place, value)?;
            let one = |(key, value): (&String, &Value)| {
                Ok((key.clone(), read(&entries.within(key), value)?))
            };
            entries.all.iter().map(one).collect()
        })?;
        Ok(all.unwrap_or_default())
    }

    /// Nothing else stands here.
    fn end(self) -> Result<(), ProgressError> {
        let other = self.all.keys().find(|key| !self.known.contains(&&***key));
        other.map_or(Ok(()), |key| {
            let problem = format!("unknown; accepted are {}", self.known.join(", "));
            Err(wrong(self.within(key), problem))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"format": "streamproof-progress", "v": 1, "lessons": {
  "lost-ack": {"opened": 100, "step": 3, "steps": 9, "touched": 5, "changed": {"seed": 7}, "seen": [1],
    "given": {"p1": {"locked": true, "right": false, "pick": 1, "sure": 2}}, "predictions": {"p1": {"right": false, "sure": 3}}, "answers": {"q1": true},
    "tasks": {"Pay neither price/1": {"day": 101, "seed": 42}}, "gauntlets": {"G-NET": {"runs": 20, "failed": 5}},
    "review": {"stage": 1, "day": 102}}}}"#;

    fn small() -> Progress {
        Progress::parse(SMALL).unwrap_or_else(|error| panic!("{error}"))
    }

    fn with(change: impl FnOnce(&mut Record)) -> Progress {
        let mut progress = small();
        change(progress.opened("lost-ack", 0));
        progress
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut progress = small();
        progress.opened("barriers", 7);
        let text = progress.to_json("0.1.0", "today");
        assert_eq!(Progress::parse(&text).as_ref(), Ok(&progress));
        assert_eq!(
            Progress::parse(&Progress::default().to_json("0.1.0", "today")),
            Ok(Progress::default())
        );
    }

    #[test]
    fn what_is_damaged_foreign_or_newer_is_refused_with_its_place() {
        for (from, to, place, problem) in [
            ("\"lessons\": {", "\"lessons\": ", "line 2", "expected"),
            (
                "streamproof-progress",
                "tracker",
                "format",
                "\"tracker\" is something else",
            ),
            (
                "\"v\": 1",
                "\"v\": 2",
                "v",
                "2 is not known here; this version reads up to 1",
            ),
            ("\"v\": 1, ", "", "v", "is missing"),
            ("\"v\": 1", "\"v\": -1", "v", "invalid value"),
            (
                "\"opened\": 100",
                "\"opened\": \"monday\"",
                "lessons.lost-ack.opened",
                "invalid type",
            ),
            (
                "\"opened\": 100",
                "\"opened\": 4294967296",
                "lessons.lost-ack.opened",
                "invalid value",
            ),
            (
                "\"sure\": 3",
                "\"sure\": 4",
                "lessons.lost-ack.predictions.p1",
                "sure is 4, it goes from 1 to 3",
            ),
            (
                ", \"sure\": 3",
                "",
                "lessons.lost-ack.predictions.p1",
                "missing field",
            ),
            (
                "\"q1\": true",
                "\"q1\": 1",
                "lessons.lost-ack.answers.q1",
                "invalid type",
            ),
            (
                "\"failed\": 5",
                "\"failed\": 21",
                "lessons.lost-ack.gauntlets.G-NET",
                "21 of 20 runs failed",
            ),
            (
                "\"stage\": 1",
                "\"stage\": 4",
                "lessons.lost-ack.review",
                "stage is 4, it goes from 0 to 3",
            ),
            (
                "\"step\": 3",
                "\"step\": 0",
                "lessons.lost-ack.step",
                "the first one is 1",
            ),
            (
                "{\"seed\": 7}",
                "7",
                "lessons.lost-ack.changed",
                "no merge patch",
            ),
            (
                "\"pick\": 1",
                "\"pick\": \"b\"",
                "lessons.lost-ack.given.p1",
                "invalid type",
            ),
            (
                "\"answers\"",
                "\"anwsers\"",
                "lessons.lost-ack.anwsers",
                "unknown; accepted are opened",
            ),
        ] {
            let text = SMALL.replacen(from, to, 1);
            assert_ne!(text, SMALL, "{from}");
            let error = Progress::parse(&text).expect_err(to);
            assert_eq!(error.place, place, "{error}");
            assert!(error.problem.starts_with(problem), "{error}");
        }
        for text in [
            "",
            "null",
            "[]",
            "\"\"",
            "{",
            "{}",
            "\u{0}",
            "{\"format\": 1}",
        ] {
            Progress::parse(text).expect_err(text);
        }
    }

    #[test]
    fn no_cut_or_changed_byte_makes_it_panic() {
        for end in 0..SMALL.len() {
            assert!(Progress::parse(&SMALL[..end]).is_err(), "cut at {end}");
            for byte in [b'0', b'"', b'{', b'}', b' ', b'-'] {
                let mut bytes = SMALL.as_bytes().to_vec();
                bytes[end] = byte;
                let text = String::from_utf8(bytes).expect("ASCII");
                let _ = Progress::parse(&text);
            }
        }
    }

    #[test]
    fn merging_keeps_the_better_of_both_whichever_way_round() {
        let variants = [
            small(),
            Progress::default(),
            with(|record| record.opened = 90),
            with(|record| record.opened = 110),
            with(|record| record.place.step = 5),
            with(|record| record.place.touched = 6),
            with(|record| record.place.changed = None),
            with(|record| record.steps = 12),
            with(|record| {
                record.seen.insert(4);
            }),
            with(|record| {
                record.given.entry("p1".into()).or_default().right = Some(true);
            }),
            with(|record| {
                let begun = Given {
                    text: "because".into(),
                    ..Given::default()
                };
                record.given.insert("e1".into(), begun);
            }),
            with(|record| {
                record.given.entry("p1".into()).or_default().locked = false;
            }),
            with(|record| {
                record.predictions.insert(
                    "p1".into(),
                    Prediction {
                        right: true,
                        sure: 1,
                    },
                );
            }),
            with(|record| {
                record.predictions.insert(
                    "p1".into(),
                    Prediction {
                        right: false,
                        sure: 1,
                    },
                );
            }),
            with(|record| {
                record.answers.insert("q1".into(), false);
            }),
            with(|record| record.passed("Another/1".into(), 7, 103)),
            with(|record| {
                record
                    .tasks
                    .insert("Pay neither price/1".into(), Passed { day: 99, seed: 3 });
            }),
            with(|record| record.ran("G-NET", 10, 0)),
            with(|record| record.ran("G-SPARK", 40, 1)),
            with(|record| record.reviewed(true, 104)),
            with(|record| record.reviewed(false, 104)),
            with(|record| record.review = None),
        ];
        let merged = |a: &Progress, b: &Progress| {
            let mut merged = a.clone();
            merged.merge(b.clone());
            merged
        };
        for a in &variants {
            assert_eq!(merged(a, a), *a);
            for b in &variants {
                assert_eq!(merged(a, b), merged(b, a));
                for c in &variants {
                    assert_eq!(merged(&merged(a, b), c), merged(a, &merged(b, c)));
                }
            }
        }
        let all = variants.iter().fold(Progress::default(), |mut all, one| {
            all.merge(one.clone());
            all
        });
        let record = all.lessons.get("lost-ack").expect("is there");
        assert_eq!(record.opened, 90);
        assert_eq!((record.place.step, record.steps), (5, 12));
        assert_eq!(record.seen.iter().collect::<Vec<_>>(), [&1, &4]);
        assert_eq!(record.given["p1"].right, Some(true));
        assert!(record.given["p1"].locked);
        assert_eq!(record.given["e1"].text, "because");
        assert_eq!(
            record.predictions.get("p1"),
            Some(&Prediction {
                right: true,
                sure: 1
            })
        );
        assert_eq!(record.answers.get("q1"), Some(&true));
        assert_eq!(record.tasks.len(), 2);
        assert_eq!(
            record.gauntlets.get("G-NET"),
            Some(&Held {
                runs: 10,
                failed: 0
            })
        );
        assert_eq!(record.review, Some(Review { stage: 2, day: 104 }));
    }

    #[test]
    fn the_first_answer_counts_and_a_gauntlet_gets_better_only() {
        let progress = with(|record| {
            record.predicted("p1", true, 1);
            record.predicted("p2", true, 9);
            record.answered("q1", false);
            record.passed("Pay neither price/1".into(), 1, 1);
            record.ran("G-NET", 20, 9);
        });
        let record = progress.lessons.get("lost-ack").expect("is there");
        let first = small().lessons.get("lost-ack").expect("is there").clone();
        assert_eq!(record.predictions.get("p1"), first.predictions.get("p1"));
        assert_eq!(
            record.predictions.get("p2"),
            Some(&Prediction {
                right: true,
                sure: SUREST
            })
        );
        assert_eq!(record.answers, first.answers);
        assert_eq!(record.tasks, first.tasks);
        assert_eq!(record.gauntlets, first.gauntlets);
    }

    fn due(progress: &Progress, day: u32) -> Vec<(String, u32)> {
        let due = progress.due(day).into_iter();
        due.map(|due| (due.lesson, due.overdue)).collect()
    }

    #[test]
    fn a_lesson_is_due_after_its_interval_and_not_before() {
        let mut progress = Progress::default();
        progress.opened("barriers", 10);
        assert_eq!(due(&progress, 1000), []);
        progress.opened("barriers", 10).finished(10);
        // Through again is no review.
        progress.opened("barriers", 11).finished(11);
        let mut day = 10;
        for interval in [1, 3, 7, 21, 21] {
            assert_eq!(due(&progress, day + interval - 1), []);
            assert_eq!(
                due(&progress, day + interval),
                [("barriers".to_string(), 0)]
            );
            day += interval;
            progress.opened("barriers", day).reviewed(true, day);
            assert_eq!(due(&progress, day), []);
        }
        progress.opened("barriers", day).reviewed(false, day);
        assert_eq!(due(&progress, day + 2), [("barriers".to_string(), 1)]);
        // A clock that was set back makes nothing due, and nothing overflows.
        assert_eq!(due(&progress, 0), []);
        progress.opened("barriers", day).reviewed(true, u32::MAX);
        assert_eq!(due(&progress, u32::MAX), []);
    }

    #[test]
    fn the_longest_overdue_comes_first_and_with_another_seed() {
        let mut progress = small();
        progress.opened("barriers", 100).finished(100);
        progress.opened("acks-ladder", 104).finished(104);
        assert_eq!(
            due(&progress, 105),
            [
                ("barriers".to_string(), 4),
                ("acks-ladder".to_string(), 0),
                ("lost-ack".to_string(), 0)
            ]
        );
        let record = progress.opened("barriers", 100);
        for seed in [1, 2, 4] {
            record.passed(format!("Too high/{seed}"), seed, 100);
        }
        let seed = |progress: &Progress| progress.due(200)[0].seed;
        assert_eq!(seed(&progress), 3);
        progress.opened("barriers", 100).reviewed(true, 101);
        assert_eq!(seed(&progress), 5);
    }

    #[test]
    fn a_lesson_is_through_when_every_task_is_passed() {
        let text = "# T\n\n```lesson\n{\"scenario\": \"order-billing\"}\n```\n\n## scene: a\n\n## task: b\n\n\
            ```check\nrun(dup == 0) # One.\nrun(lost == 0) # Two.\n```\n";
        let lesson = Lesson::parse("l.md", text).unwrap_or_else(|error| panic!("{error}"));
        let mut record = Record::default();
        record.passed(task_key(&lesson.steps[1], 0), 42, 1);
        assert!(!record.is_through(&lesson));
        record.passed(task_key(&lesson.steps[1], 1), 42, 1);
        assert!(record.is_through(&lesson));
    }

    #[test]
    fn the_last_lesson_is_the_one_that_was_touched_last() {
        let mut progress = small();
        assert_eq!(progress.last().map(|(id, _)| id.as_str()), Some("lost-ack"));
        progress.opened("barriers", 3).place.touched = 6;
        assert_eq!(progress.last().map(|(id, _)| id.as_str()), Some("barriers"));
        assert_eq!(Progress::default().last(), None);
    }

    #[test]
    fn a_lesson_that_is_begun_anew_forgets_its_answers_and_keeps_its_review() {
        let progress = small();
        let record = progress.lessons["lost-ack"].begun_anew(200);
        assert_eq!(record.review, Some(Review { stage: 1, day: 102 }));
        assert!(record.given.is_empty() && record.tasks.is_empty() && record.seen.is_empty());
        assert_eq!((record.opened, record.place.step), (200, 0));
    }
}
