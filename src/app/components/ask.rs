//! A question of a lesson: answered, locked, and held against what happened.

use super::prose::coded;
use super::sql_ask::SqlAsk;
use crate::app::lab::{Done, Shared};
use crate::app::learner::{Answer, Learned, Learner, SURE};
use crate::lesson::check::number;
use crate::lesson::{Ask, AskKind, Choice};
use crate::sim::Patch;
use crate::sim::compact::decimal;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;
use yew::{Callback, Html, InputEvent, Properties, UseReducerDispatcher, component, html};

#[derive(Properties, PartialEq)]
pub struct QuestionProps {
    pub ask: Ask,
    pub answer: Answer,
    /// The answer may be held against what happened.
    pub revealed: bool,
    /// What the run at hand says to a question for a number.
    pub shown: Option<Result<f64, String>>,
    /// The run at hand, once it has come to its end.
    pub run: Option<Shared<Done>>,
    pub learner: UseReducerDispatcher<Learner>,
    /// Runs what shows that an option is wrong.
    pub on_refute: Callback<Patch>,
}

/// One question.
#[component]
pub fn Question(props: &QuestionProps) -> Html {
    let QuestionProps {
        ask,
        answer,
        revealed,
        shown,
        learner,
        ..
    } = props;
    let ready = match ask.kind {
        AskKind::Choice(_) => answer.pick.is_some(),
        AskKind::Number { .. } => read_number(&answer.text).is_ok() && matches!(shown, Some(Ok(_))),
        AskKind::Text { .. } => !answer.text.trim().is_empty(),
        AskKind::Sql(_) => false,
    } && (!ask.sure || answer.sure.is_some());
    let lock = {
        let (learner, id, right) = (learner.clone(), ask.id.clone(), right(props));
        Callback::from(move |_| learner.dispatch(Learned::Lock(id.clone(), right)))
    };
    let action = match (&ask.kind, ask.sure) {
        (_, true) => "Lock in my prediction",
        (AskKind::Text { .. }, _) => "Compare with an answer",
        _ => "Check",
    };
    if let AskKind::Sql(wanted) = &ask.kind {
        return html! {
            <fieldset class="ask" data-ask={ask.id.clone()}>
                <legend>{ coded(&ask.ask) }</legend>
                <SqlAsk id={ask.id.clone()} question={ask.ask.clone()} wanted={(**wanted).clone()} answer={answer.clone()} run={props.run.clone()} learner={learner.clone()} />
            </fieldset>
        };
    }
    html! {
        <fieldset class="ask" data-ask={ask.id.clone()}>
            <legend>{ coded(&ask.ask) }</legend>
            { match &ask.kind {
                AskKind::Choice(options) => choices(props, options),
                AskKind::Number { .. } | AskKind::Text { .. } => typed(props),
                AskKind::Sql(_) => html! {},
            } }
            if ask.sure { { sureness(props) } }
            if !answer.locked {
                <button class="btn primary" disabled={!ready} onclick={lock}>{ action }</button>
            } else if *revealed {
                { verdict(props) }
            } else {
                <p class="said" data-right="none" role="status">{ "Locked in. Run it, and see." }</p>
            }
        </fieldset>
    }
}

/// Whether the answer is right as it stands, if that can be said.
fn right(props: &QuestionProps) -> Option<bool> {
    let QuestionProps { answer, shown, .. } = props;
    match &props.ask.kind {
        AskKind::Choice(options) => Some(options.get(answer.pick?)?.right),
        AskKind::Number { .. } => match (read_number(&answer.text), shown) {
            (Ok(said), Some(Ok(found))) => Some(said == *found),
            _ => None,
        },
        AskKind::Text { .. } | AskKind::Sql(_) => None,
    }
}

fn choices(props: &QuestionProps, options: &[Choice]) -> Html {
    let QuestionProps {
        ask,
        answer,
        revealed,
        learner,
        on_refute,
        ..
    } = props;
    let judged = answer.locked && *revealed;
    let options = options.iter().enumerate().map(|(n, option)| {
        let picked = answer.pick == Some(n);
        let pick = {
            let (learner, id) = (learner.clone(), ask.id.clone());
            Callback::from(move |_| learner.dispatch(Learned::Pick(id.clone(), n)))
        };
        let refute = option.refuted_by.clone().map(|patch| {
            let on_refute = on_refute.clone();
            Callback::from(move |_| on_refute.emit(patch.clone()))
        });
        let right = judged.then_some(option.right).filter(|right| *right || picked).map(|right| right.to_string());
        html! {
            <>
                <label data-right={right}>
                    <input type="radio" name={ask.id.clone()} checked={picked} disabled={answer.locked} onchange={pick} />
                    <span>{ coded(&option.say) }</span>
                    if judged && (picked || option.right) { <small>{ if option.right { "Right. " } else { "No. " } }{ coded(&option.why) }</small> }
                </label>
                if let Some(refute) = refute.filter(|_| judged && picked) {
                    <button class="link refute" onclick={refute}>{ "Run what shows it" }</button>
                }
            </>
        }
    });
    html! { <div class="options">{ for options }</div> }
}

fn sureness(props: &QuestionProps) -> Html {
    let QuestionProps {
        ask,
        answer,
        learner,
        ..
    } = props;
    let name = format!("{}-sure", ask.id);
    html! {
        <div class="sure" role="radiogroup" aria-label="How sure are you?">
            { for SURE.iter().enumerate().map(|(n, word)| {
                let (learner, id) = (learner.clone(), ask.id.clone());
                let pick = Callback::from(move |_| learner.dispatch(Learned::Sure(id.clone(), n)));
                html! { <label><input type="radio" name={name.clone()} checked={answer.sure == Some(n)} disabled={answer.locked} onchange={pick} />{ *word }</label> }
            }) }
        </div>
    }
}

fn typed(props: &QuestionProps) -> Html {
    let QuestionProps {
        ask,
        answer,
        learner,
        shown,
        ..
    } = props;
    let on_input = {
        let (learner, id) = (learner.clone(), ask.id.clone());
        Callback::from(move |event: InputEvent| {
            let input = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
            if let Some(input) = input {
                learner.dispatch(Learned::Type(id.clone(), input.value()));
            }
        })
    };
    let wants_number = matches!(ask.kind, AskKind::Number { .. });
    let problem = match (wants_number && !answer.text.is_empty(), shown) {
        (true, _) if read_number(&answer.text).is_err() => read_number(&answer.text).err(),
        (_, Some(Err(unknown))) => Some(unknown.clone()),
        (_, None) if wants_number => Some("let the run come to its outcome first".into()),
        _ => None,
    };
    html! {
        <>
            <input class="typed" type="text" inputmode={wants_number.then_some("decimal")} aria-label={ask.ask.clone()} value={answer.text.clone()} disabled={answer.locked} oninput={on_input} />
            if let Some(problem) = problem { <p class="hint">{ problem }</p> }
        </>
    }
}

/// A number as somebody types it.
fn read_number(text: &str) -> Result<f64, String> {
    decimal(&text.trim().replace(',', "."))
        .ok_or_else(|| format!("\"{}\" is not a number", text.trim()))
}

fn verdict(props: &QuestionProps) -> Html {
    let QuestionProps {
        ask, answer, shown, ..
    } = props;
    match &ask.kind {
        AskKind::Choice(options) if ask.sure => {
            let right = answer
                .pick
                .and_then(|pick| options.get(pick))
                .is_some_and(|option| option.right);
            html! { <p class="said" data-right={right.to_string()} role="status">{ calibration(right, answer.sure) }</p> }
        }
        AskKind::Choice(_) | AskKind::Sql(_) => html! {},
        AskKind::Number { source, .. } => match (read_number(&answer.text), shown) {
            (Ok(said), Some(Ok(found))) => {
                let right = said == *found;
                html! { <p class="said" data-right={right.to_string()} role="status">{ if right { "Yes: " } else { "The run shows " } }<strong>{ number(*found) }</strong>{ " (" }<code>{ source.clone() }</code>{ ")" }</p> }
            }
            (_, Some(Err(unknown))) => {
                html! { <p class="said" role="status">{ unknown.clone() }</p> }
            }
            // The run that it was held against is not there any more.
            _ => match answer.right {
                Some(right) => {
                    html! { <p class="said" data-right={right.to_string()} role="status">{ if right { "Yes, so it was in the run." } else { "The run showed another number." } }</p> }
                }
                None => html! {},
            },
        },
        AskKind::Text { model } => {
            html! { <div class="said" role="status"><strong>{ "One answer: " }</strong>{ coded(model) }</div> }
        }
    }
}

/// What a prediction says about one's own certainty.
pub fn calibration(right: bool, sure: Option<usize>) -> &'static str {
    match (right, sure) {
        (true, Some(0)) => "Right, and you were only guessing: now find the reason.",
        (true, _) => "Right, and you knew it.",
        (false, Some(0)) => "Not this time. You were not sure, and rightly so.",
        (false, Some(2)) => "Certain, and surprised: this is the answer that you will remember.",
        (false, _) => "Surprised is the useful case: read on, and it will stay with you.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_people_type_it() {
        assert_eq!(read_number(" 1,5 "), Ok(1.5));
        assert_eq!(read_number("one"), Err("\"one\" is not a number".into()));
        assert!(read_number("inf").is_err());
    }
}
