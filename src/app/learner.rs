//! What the learner has done in a lesson: where they are, what they answered, which tasks are passed.

use super::lab::Shared;
use crate::lesson::glossary::Glossary;
use crate::lesson::progress::{Given, Record, SUREST, task_key};
use crate::lesson::{Ask, Lesson, StepKind};
use crate::sim::ordered::{OrdMap, OrdSet};
use std::rc::Rc;
use yew::Reducible;

/// The lesson that the page opens with, unless the address names another.
pub const OPENING: &str = "lost-ack";

/// How sure one can be of a prediction.
pub const SURE: [&str; 3] = ["guessing", "fairly sure", "certain"];

/// An answer to one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The picked option, counted from 0.
    pub pick: Option<usize>,
    /// What was typed, for questions without options.
    pub text: String,
    /// Index into [`SURE`].
    pub sure: Option<usize>,
    /// Given for good: it can be read, and no longer changed.
    pub locked: bool,
    /// Whether it was right, where that could be said when it was locked.
    pub right: Option<bool>,
}

#[derive(Clone, Default, PartialEq)]
pub struct Learner {
    pub step: usize,
    pub answers: OrdMap<String, Answer>,
    /// Step and task, both counted from 0.
    pub passed: OrdSet<(usize, usize)>,
    /// Run steps whose run has been seen up to its outcome.
    pub seen: OrdSet<usize>,
}

pub enum Learned {
    Enter(usize),
    Pick(String, usize),
    Type(String, String),
    Sure(String, usize),
    /// For good, and whether it is right, if that can be said.
    Lock(String, Option<bool>),
    Passed(usize, usize),
    /// The run of these steps was watched.
    Seen(Vec<usize>),
}

impl Reducible for Learner {
    type Action = Learned;

    fn reduce(self: Rc<Self>, action: Learned) -> Rc<Self> {
        let mut learner = (*self).clone();
        match action {
            Learned::Enter(step) => learner.step = step,
            Learned::Pick(ask, pick) => learner.open(ask, |answer| answer.pick = Some(pick)),
            Learned::Type(ask, text) => learner.open(ask, |answer| answer.text = text),
            Learned::Sure(ask, sure) => learner.open(ask, |answer| answer.sure = Some(sure)),
            Learned::Lock(ask, right) => learner.open(ask, |answer| {
                answer.locked = true;
                answer.right = right;
            }),
            Learned::Passed(step, task) => {
                learner.passed.insert((step, task));
            }
            Learned::Seen(steps) => learner.seen.extend(steps),
        }
        Rc::new(learner)
    }
}

impl Learner {
    /// As they left the lesson. What the lesson does not have any more is passed over.
    pub fn resumed(lesson: &Lesson, record: &Record) -> Learner {
        let steps = lesson.steps.len();
        let answer = |(ask, given): (&String, &Given)| {
            let answer = Answer {
                pick: given.pick.map(|pick| pick as usize),
                text: given.text.clone(),
                sure: given.sure.map(|sure| usize::from(sure.min(SUREST - 1))),
                locked: given.locked,
                right: given.right,
            };
            (ask.clone(), answer)
        };
        let tasks = lesson.steps.iter().enumerate().flat_map(|(n, step)| {
            (0..step.tasks().count()).map(move |task| (n, task, task_key(step, task)))
        });
        let passed = tasks.filter(|(.., key)| record.tasks.contains_key(key));
        Learner {
            step: (record.place.step as usize).min(steps - 1),
            answers: record.given.iter().map(answer).collect(),
            passed: passed.map(|(step, task, _)| (step, task)).collect(),
            seen: record.seen.iter().map(|&step| step as usize).collect(),
        }
    }

    /// Writes down where they are. Tasks are written down when they are passed.
    pub fn keep(&self, lesson: &Lesson, record: &mut Record) {
        record.place.step = self.step as u32;
        record.steps = lesson.steps.len() as u32;
        record.seen = self.seen.iter().map(|&step| step as u32).collect();
        for (ask, answer) in &self.answers {
            let given = Given {
                locked: answer.locked,
                right: answer.right,
                pick: answer.pick.map(|pick| pick as u32),
                sure: answer.sure.map(|sure| sure as u8),
                text: answer.text.clone(),
            };
            record.given.insert(ask.clone(), given);
            let (Some(right), true) = (answer.right, answer.locked) else {
                continue;
            };
            let mut asks = lesson.steps.iter().flat_map(|step| step.asks());
            match (asks.find(|known| known.id == *ask), answer.sure) {
                (Some(Ask { sure: true, .. }), Some(sure)) => {
                    record.predicted(ask, right, sure as u8 + 1);
                }
                _ => record.answered(ask, right),
            }
        }
    }

    /// Changes an answer that is not locked yet.
    fn open(&mut self, ask: String, change: impl FnOnce(&mut Answer)) {
        let answer = self.answers.entry(ask).or_default();
        if !answer.locked {
            change(answer);
        }
    }

    pub fn locked(&self, ask: &str) -> bool {
        self.answers.get(ask).is_some_and(|answer| answer.locked)
    }

    /// Asks that were answered for good.
    pub fn answered(&self) -> Vec<String> {
        let locked = self.answers.iter().filter(|(_, answer)| answer.locked);
        locked.map(|(ask, _)| ask.clone()).collect()
    }

    pub fn tasks_done(&self, lesson: &Lesson, step: usize) -> bool {
        (0..lesson.steps[step].tasks().count()).all(|task| self.passed.contains(&(step, task)))
    }

    /// Whether the answers of a step may be held against what happened: a prediction only once its run or its tasks are
    /// through, everything else at once.
    pub fn revealed(&self, lesson: &Lesson, step: usize) -> bool {
        if lesson.steps[step].kind != StepKind::Predict {
            return true;
        }
        match proof_of(lesson, step) {
            Some(proof) if lesson.steps[proof].kind == StepKind::Run => self.seen.contains(&proof),
            Some(proof) => self.tasks_done(lesson, proof),
            None => true,
        }
    }

    /// Whether everything a step asks for is done; one that asks for nothing is done once it lies behind.
    pub fn done(&self, lesson: &Lesson, number: usize) -> bool {
        let step = &lesson.steps[number];
        let mut asks = step.asks().peekable();
        let runs = step.kind == StepKind::Run;
        if asks.peek().is_none() && step.tasks().next().is_none() && !runs {
            return number < self.step;
        }
        asks.all(|ask| self.locked(&ask.id))
            && (!runs || self.seen.contains(&number))
            && self.tasks_done(lesson, number)
    }
}

/// The step that shows whether the predictions of `step` were right: the next run or task.
fn proof_of(lesson: &Lesson, step: usize) -> Option<usize> {
    let shows = |kind| matches!(kind, StepKind::Run | StepKind::Task | StepKind::Gauntlet);
    (step + 1..lesson.steps.len()).find(|&later| shows(lesson.steps[later].kind))
}

/// The step whose predictions are looked at in `step`: the newest one that this step's run or tasks prove.
pub fn predicted_for(lesson: &Lesson, step: usize) -> Option<usize> {
    let proof = match lesson.steps[step].kind {
        StepKind::Run | StepKind::Task | StepKind::Gauntlet => step,
        StepKind::Observe => step.checked_sub(1)?,
        _ => return None,
    };
    (0..proof)
        .rev()
        .find(|&earlier| lesson.steps[earlier].kind == StepKind::Predict)
        .filter(|&earlier| proof_of(lesson, earlier) == Some(proof))
}

/// What somebody wants to learn: a lesson of the course, or one of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Lesson {
        id: String,
        /// Counted from 0; where the learner left it, if nothing is said.
        step: Option<usize>,
        /// A review: the tasks once more, with this seed.
        review: Option<u64>,
    },
    /// A file that was opened in the page: its name and its text.
    File { name: String, text: String },
}

impl Wanted {
    pub fn lesson(id: &str) -> Wanted {
        Wanted::Lesson {
            id: id.into(),
            step: None,
            review: None,
        }
    }

    /// The name under which progress is kept.
    pub fn id(&self) -> &str {
        match self {
            Wanted::Lesson { id, .. } => id,
            Wanted::File { name, .. } => name,
        }
    }
}

/// A lesson as it was loaded, with the place it has in the course.
pub struct Loaded {
    /// Its name in the course.
    pub id: String,
    pub lesson: Lesson,
    pub module: String,
    /// `1.2`
    pub number: String,
    /// All lessons of the course: id, and how it is offered.
    pub others: Vec<(String, String)>,
    /// The words of the course, if they could be had.
    pub glossary: Glossary,
    /// What was asked for.
    pub wanted: Wanted,
    /// The seed, if this is a review.
    pub review: Option<u64>,
    /// The first step, if somebody asked for one.
    pub step: Option<usize>,
}

pub type LoadedLesson = Shared<Loaded>;

/// A lesson and the step that it is at, counted from 0.
pub type Slide = (LoadedLesson, usize);

#[cfg(test)]
mod tests {
    use super::*;

    const LESSON: &str = r##"# A lesson

```lesson
{ "scenario": "order-billing", "minutes": 1 }
```

## predict: One

```ask
{ "id": "p1", "kind": "choice", "ask": "?", "sure": true, "options": [{ "say": "a", "right": true, "why": "b" }, { "say": "c", "why": "d" }] }
```

## run: Two

## observe: Three

## predict: Four

```ask
{ "id": "p2", "kind": "choice", "ask": "?", "sure": true, "options": [{ "say": "a", "right": true, "why": "b" }, { "say": "c", "why": "d" }] }
```

## task: Five

```check
run(dup == 0) # Once each.
```
"##;

    fn lesson() -> Lesson {
        Lesson::parse("a.md", LESSON).unwrap_or_else(|error| panic!("{error}"))
    }

    fn after(actions: Vec<Learned>) -> Learner {
        let start = Rc::new(Learner::default());
        (*actions
            .into_iter()
            .fold(start, |learner, action| learner.reduce(action)))
        .clone()
    }

    #[test]
    fn a_locked_answer_stays() {
        let learner = after(vec![
            Learned::Pick("p1".into(), 1),
            Learned::Lock("p1".into(), Some(false)),
            Learned::Pick("p1".into(), 0),
        ]);
        assert_eq!(learner.answers["p1"].pick, Some(1));
        assert_eq!(learner.answered(), ["p1"]);
    }

    #[test]
    fn a_prediction_is_held_against_the_run_that_follows_it_or_the_tasks() {
        let lesson = lesson();
        assert!(!after(vec![]).revealed(&lesson, 0));
        assert!(after(vec![Learned::Seen(vec![1])]).revealed(&lesson, 0));
        assert!(!after(vec![Learned::Seen(vec![1])]).revealed(&lesson, 3));
        assert!(after(vec![Learned::Passed(4, 0)]).revealed(&lesson, 3));
        assert_eq!(
            [1, 2, 3, 4].map(|step| predicted_for(&lesson, step)),
            [Some(0), Some(0), None, Some(3)]
        );
    }

    #[test]
    fn a_step_is_done_when_all_it_asks_for_is() {
        let lesson = lesson();
        let predicted = after(vec![
            Learned::Pick("p1".into(), 1),
            Learned::Lock("p1".into(), Some(false)),
        ]);
        assert!(predicted.done(&lesson, 0));
        assert!(!predicted.done(&lesson, 1));
        assert!(
            !predicted.done(&lesson, 2),
            "a step that asks for nothing is done once it is left"
        );
        let onward = after(vec![Learned::Seen(vec![1]), Learned::Enter(3)]);
        assert!(onward.done(&lesson, 1) && onward.done(&lesson, 2) && !onward.done(&lesson, 0));
    }

    #[test]
    fn who_comes_back_finds_everything_as_it_was_left() {
        let lesson = lesson();
        let left = after(vec![
            Learned::Pick("p1".into(), 1),
            Learned::Sure("p1".into(), 2),
            Learned::Lock("p1".into(), Some(false)),
            Learned::Seen(vec![1]),
            Learned::Pick("p2".into(), 0),
            Learned::Passed(4, 0),
            Learned::Enter(3),
        ]);
        let mut record = Record::default();
        left.keep(&lesson, &mut record);
        assert!(!record.is_through(&lesson));
        record.passed(task_key(&lesson.steps[4], 0), 42, 7);
        assert!(Learner::resumed(&lesson, &record) == left);
        assert!(record.is_through(&lesson));
        assert_eq!((record.place.step, record.steps), (3, 5));
        let made = record.predictions.get("p1").expect("it was locked in");
        assert_eq!((made.right, made.sure), (false, 3));
        assert!(!record.predictions.contains_key("p2"), "not locked in yet");
    }

    #[test]
    fn what_the_lesson_does_not_have_any_more_is_passed_over() {
        let lesson = lesson();
        let mut record = Record::default();
        record.place.step = 99;
        record.passed("Another step/1".into(), 1, 1);
        let learner = Learner::resumed(&lesson, &record);
        assert_eq!(learner.step, 4);
        assert!(learner.passed.is_empty());
    }
}
