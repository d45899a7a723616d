//! The page in a course page's frame: what may be asked of it, and what it tells. `static/frame.js` has the envelope, the
//! origins and the limits; here is what a message says, as JSON.

use super::head::{Head, Move};
use super::keys::travel;
use super::lab::{Action, Face, Lab, Notice};
use super::learner::{Learned, Learner, LoadedLesson};
use super::{components::transport, parameter};
use crate::lesson::{AskKind, StepKind};
use crate::replay::playhead::next_step;
use crate::share::{Link, Reader, settings};
use crate::sim::json::Text;
use crate::sim::kernel::Time;
use crate::sim::{Outcome, OutcomeKind};
use js_sys::{Function, Reflect};
use serde_json::{Map, Value, json};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use yew::{UseReducerHandle, hook, use_effect_with, use_mut_ref};

/// What a course page asks for.
#[derive(Debug, PartialEq)]
pub enum Command {
    Play,
    Pause,
    /// So many steps forward.
    Step(u64),
    Seek(Time),
    Load(Box<Link>),
    Set(Map<String, Value>),
    Run,
    Csv,
}

impl Command {
    /// Reads a message, or says what is wrong with it.
    pub fn read(kind: &str, payload: &Value) -> Result<Command, String> {
        let Value::Object(fields) = payload else {
            return Err("payload is no object".into());
        };
        let only = |name: &str| match fields.keys().find(|key| *key != name) {
            Some(key) => Err(format!("\"{kind}\" has no field \"{key}\"")),
            None => Ok(&payload[name]),
        };
        let number = |name: &str, least: u64, most: u64| {
            let value = only(name)?;
            let number = value
                .as_u64()
                .filter(|number| (least..=most).contains(number));
            number
                .ok_or_else(|| format!("{name} is {}; {least} to {most} is accepted", Text(value)))
        };
        Ok(match kind {
            "play" => only("").map(|_| Command::Play)?,
            "pause" => only("").map(|_| Command::Pause)?,
            "step" => Command::Step(number("n", 1, 1_000)?),
            "seek" => Command::Seek(Time::through_ms(number("t", 0, 3_600_000)?)),
            "load" => {
                let link = only("link")?.as_str().ok_or("link is no text")?;
                let link = Link::read(link, Reader::Page).map_err(|error| error.to_string())?;
                Command::Load(Box::new(link))
            }
            "set" if fields.is_empty() => return Err("\"set\" names no setting".into()),
            "set" => Command::Set(fields.clone()),
            "get" => match only("what")?.as_str() {
                Some("run") => Command::Run,
                Some("csv") => Command::Csv,
                _ => return Err("what is none of run, progress, csv".into()),
            },
            _ => return Err(format!("no message of type \"{kind}\"")),
        })
    }
}

/// Tells the course page something.
pub fn tell(kind: &str, payload: Value) {
    let scope = js_sys::global();
    if let Ok(listener) = Reflect::get(&scope, &"streamproofTell".into())
        && let Some(listener) = listener.dyn_ref::<Function>()
    {
        let text = Text(&json!({"type": kind, "payload": payload})).to_string();
        let _ = listener.call1(&JsValue::NULL, &text.into());
    }
}

/// Tells how far the learner is in the lesson, and each prediction once it is locked in; lets the course page put a learner
/// back where they were.
#[hook]
pub fn use_progress(loaded: &LoadedLesson, learner: &UseReducerHandle<Learner>) {
    let told = use_mut_ref(Vec::<String>::new);
    {
        let (loaded, learner) = (loaded.clone(), learner.clone());
        use_effect_with((*learner).clone(), move |_| {
            let lesson = &loaded.lesson;
            let steps = lesson.steps.len();
            let progress = json!({
                "lesson": loaded.id, "step": learner.step + 1, "steps": steps,
                "done": (0..steps).all(|step| learner.done(lesson, step) || step == learner.step && step + 1 == steps), "score": null,
            });
            tell("progress", progress);
            for ask in lesson
                .steps
                .iter()
                .filter(|step| step.kind == StepKind::Predict)
                .flat_map(|step| step.asks())
            {
                let answer = learner.answers.get(&ask.id).filter(|answer| answer.locked);
                let (AskKind::Choice(options), Some(answer)) = (&ask.kind, answer) else {
                    continue;
                };
                let Some(pick) = answer.pick.filter(|_| !told.borrow().contains(&ask.id)) else {
                    continue;
                };
                told.borrow_mut().push(ask.id.clone());
                let letter = char::from(b'a' + pick as u8).to_string();
                let right = options.get(pick).is_some_and(|option| option.right);
                tell(
                    "prediction",
                    json!({"lesson": loaded.id, "task": ask.id, "choice": letter, "sure": answer.sure, "right": right}),
                );
            }
        });
    }
    let learner = learner.dispatcher();
    use_effect_with((), move |()| {
        let restore = Closure::<dyn Fn(u32)>::new(move |step: u32| {
            learner.dispatch(Learned::Enter(step.saturating_sub(1) as usize));
        });
        let _ = Reflect::set(
            &js_sys::global(),
            &"streamproofRestore".into(),
            restore.as_ref(),
        );
        move || drop(restore)
    });
}

/// The step that the address names, counted from 0.
pub fn first_step() -> Option<usize> {
    let step = parameter("step")?.parse::<usize>().ok()?;
    Some(step.saturating_sub(1))
}

/// Whether the page is to open without its start page.
pub fn embedded() -> bool {
    parameter("embed").as_deref() == Some("1")
}

/// A page that has no run: it says that it is there, and leaves theme and height to `static/frame.js`.
pub fn serve_view() {
    let act = Closure::<dyn Fn(String) -> String>::new(|_| {
        Text(&json!({ "error": "there is no run on this page" })).to_string()
    });
    let _ = Reflect::set(&js_sys::global(), &"streamproofAct".into(), act.as_ref());
    act.forget();
    tell(
        "ready",
        json!({"app": env!("CARGO_PKG_VERSION"), "sim": 1, "can": ["theme"]}),
    );
}

/// Does what a course page asks for, and tells it how the run goes.
#[hook]
pub fn use_frame(lab: &UseReducerHandle<Lab>, head: &UseReducerHandle<Head>) {
    let newest = use_mut_ref(|| (lab.clone(), head.clone()));
    *newest.borrow_mut() = (lab.clone(), head.clone());
    use_effect_with((), move |()| {
        let act = Closure::<dyn Fn(String) -> String>::new(move |text: String| {
            let message: Value = serde_json::from_str(&text).unwrap_or_default();
            let kind = message["type"].as_str().unwrap_or_default();
            let (lab, head) = newest.borrow().clone();
            let done = Command::read(kind, &message["payload"])
                .and_then(|command| act(&lab, &head, command));
            let answer = match done {
                Ok(result) => json!({ "ok": result }),
                Err(problem) => json!({ "error": problem }),
            };
            Text(&answer).to_string()
        });
        let _ = Reflect::set(&js_sys::global(), &"streamproofAct".into(), act.as_ref());
        act.forget();
        tell("ready", json!({"app": env!("CARGO_PKG_VERSION"), "sim": 1}));
    });
    {
        let (lab, at) = (lab.clone(), head.at);
        let still = (!head.playing).then_some(head.at);
        use_effect_with(
            (lab.done.clone(), lab.running, still),
            move |(_, running, still)| {
                if !running && let Some(run) = run(&lab, at, still.is_none()) {
                    tell("run", run);
                }
            },
        );
    }
    use_effect_with(lab.notice.clone(), |notice| {
        if let Some(Notice::Damaged(error)) = notice {
            tell(
                "error",
                json!({"code": "bad-link", "message": error.to_string()}),
            );
        }
    });
}

fn act(
    lab: &UseReducerHandle<Lab>,
    head: &UseReducerHandle<Head>,
    command: Command,
) -> Result<Value, String> {
    let waiting = || "there is no run yet".to_string();
    match command {
        Command::Play if head.playing => {}
        Command::Play => {
            lab.dispatch(Action::Face(Face::Stage));
            let play = travel(lab, head, transport::Command::PlayPause);
            head.dispatch(play.ok_or_else(waiting)?);
        }
        Command::Pause => head.dispatch(Move::Pause),
        Command::Step(n) => {
            let done = lab.done.as_ref().ok_or_else(waiting)?;
            let trace = done.run.trace.as_ref().ok_or_else(waiting)?;
            let end = done.run.end;
            let at = (0..n).fold(head.at, |at, _| next_step(trace, at, end).min(end));
            head.dispatch(Move::Seek(at));
        }
        Command::Seek(at) => {
            lab.done.as_ref().ok_or_else(waiting)?;
            head.dispatch(Move::Seek(at.min(lab.end())));
        }
        Command::Load(link) => lab.dispatch(Action::Open(link)),
        Command::Set(sets) => {
            let patch = settings(&lab.scenario, &sets).map_err(|error| error.to_string())?;
            let patch = lab.patch.then(&patch);
            lab.base
                .patched(&patch)
                .map_err(|error| error.to_string())?;
            lab.dispatch(Action::Patch(patch));
            lab.dispatch(Action::Rerun);
        }
        Command::Run => return run(lab, head.at, head.playing).ok_or_else(waiting),
        Command::Csv => {
            let done = lab.done.as_ref().ok_or_else(waiting)?;
            return Ok(csv(&done.run.outcomes).into());
        }
    }
    Ok(Value::Null)
}

/// The run at hand. Its counters are those at its end.
fn run(lab: &Lab, at: Time, playing: bool) -> Option<Value> {
    let run = &lab.done.as_ref()?.run;
    let (verdict, counts) = (&run.verdict, run.verdict.counts);
    let state = match () {
        () if playing => "playing",
        () if at >= run.end => "done",
        () => "paused",
    };
    let latency = |name: &str| match run.metric(name) {
        Some(ms) if ms.is_finite() => json!(ms as u64),
        _ => Value::Null,
    };
    Some(json!({
        "link": lab.link(at).write().ok().map(|link| ["#", &link].concat()),
        "digest": run.digest_text(),
        "t": at.ms(),
        "state": state,
        "counters": {
            "sent": counts.src, "stored": verdict.stored, "delivered": counts.delivered, "dup": verdict.dup, "lost": counts.lost,
            "refused": counts.refused, "late": counts.late, "pending": counts.pending,
        },
        "latency_ms": {"p50": latency("p50"), "p95": latency("p95"), "p99": latency("p99")},
    }))
}

/// What became of orders that did not simply arrive, one a line. Numbers and words of ours only, so nothing needs quotes.
fn csv(outcomes: &[Outcome]) -> String {
    let mut text = String::from("order,at_ms,outcome\r\n");
    for outcome in outcomes {
        let kind = match outcome.kind {
            OutcomeKind::Duplicated(_) => "duplicated",
            OutcomeKind::Lost(_) => "lost",
            OutcomeKind::Refused => "refused",
            OutcomeKind::DroppedLate => "dropped_late",
        };
        let fields = [
            outcome.order.to_string(),
            outcome.at.ms().to_string(),
            kind.into(),
        ];
        text += &fields.join(",");
        text += "\r\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_or_refused_with_its_reason() {
        assert_eq!(Command::read("play", &json!({})), Ok(Command::Play));
        assert_eq!(
            Command::read("step", &json!({"n": 3})),
            Ok(Command::Step(3))
        );
        assert_eq!(
            Command::read("seek", &json!({"t": 5000})),
            Ok(Command::Seek(Time::through_ms(5_000)))
        );
        assert!(matches!(
            Command::read("load", &json!({"link": "#r=1;sc=acks-one"})),
            Ok(Command::Load(link)) if link.id == "acks-one"
        ));
        for (kind, payload, problem) in [
            (
                "play",
                json!({"now": true}),
                "\"play\" has no field \"now\"",
            ),
            ("play", json!(null), "payload is no object"),
            ("play", json!([]), "payload is no object"),
            ("step", json!({}), "n is null; 1 to 1000 is accepted"),
            ("step", json!({"n": 0}), "n is 0; 1 to 1000 is accepted"),
            ("step", json!({"n": 1.5}), "n is 1.5; 1 to 1000 is accepted"),
            (
                "seek",
                json!({"t": "5"}),
                "t is \"5\"; 0 to 3600000 is accepted",
            ),
            (
                "seek",
                json!({"t": -1}),
                "t is -1; 0 to 3600000 is accepted",
            ),
            ("load", json!({"link": 5}), "link is no text"),
            (
                "load",
                json!({"link": "#r=1;sc=x", "lesson": "y"}),
                "\"load\" has no field \"lesson\"",
            ),
            (
                "load",
                json!({"link": "#r=1;sc=x"}),
                "This link is damaged at `sc=x`: no scenario has this name",
            ),
            ("set", json!({}), "\"set\" names no setting"),
            (
                "get",
                json!({"what": "cookies"}),
                "what is none of run, progress, csv",
            ),
            ("eval", json!({}), "no message of type \"eval\""),
        ] {
            assert_eq!(
                Command::read(kind, &payload),
                Err(problem.to_string()),
                "{kind} {payload}"
            );
        }
    }
}
