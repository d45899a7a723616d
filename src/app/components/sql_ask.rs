//! A lesson's task in SQL: the learner's query and a right one run over the same tables, and what they find is compared.

use super::schema::schema;
use crate::app::lab::{Done, Shared};
use crate::app::learner::{Answer, Learned, Learner};
use crate::app::sqlite::{self, Found, Moment, Over};
use crate::lesson::sql::{Wanted, difference};
use crate::replay::tables::{self, Table};
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlTextAreaElement;
use yew::{
    Callback, Html, InputEvent, KeyboardEvent, MouseEvent, Properties, TargetCast,
    UseReducerDispatcher, component, html, use_memo, use_state,
};

/// So many rows of what was found are shown.
const SHOWN: usize = 12;

#[derive(Properties, PartialEq)]
pub struct SqlAskProps {
    pub id: String,
    pub question: String,
    pub wanted: Wanted,
    pub answer: Answer,
    /// The run whose tables are asked, once it has come to its end.
    pub run: Option<Shared<Done>>,
    pub learner: UseReducerDispatcher<Learner>,
}

#[derive(Clone, PartialEq)]
enum Outcome {
    None,
    Running,
    /// What was found, and why it is not the answer.
    Found(Found, Option<String>),
    Problem(String),
}

#[component]
pub fn SqlAsk(props: &SqlAskProps) -> Html {
    let SqlAskProps {
        id,
        question,
        wanted,
        answer,
        run,
        learner,
    } = props;
    let outcome = use_state(|| Outcome::None);
    let tables = use_memo(run.clone(), |run| run.as_ref().map(made));
    let text = match answer.text.is_empty() {
        true => wanted.begin.clone(),
        false => answer.text.clone(),
    };
    let busy = *outcome == Outcome::Running;
    let check = {
        let (text, wanted, id) = (text.clone(), wanted.clone(), id.clone());
        let (run, outcome, learner) = (run.clone(), outcome.clone(), learner.clone());
        let locked = answer.locked;
        Callback::from(move |()| {
            let Some(run) = run
                .clone()
                .filter(|_| *outcome != Outcome::Running && !locked)
            else {
                return;
            };
            outcome.set(Outcome::Running);
            let (text, wanted, id) = (text.clone(), wanted.clone(), id.clone());
            let (outcome, learner) = (outcome.setter(), learner.clone());
            spawn_local(async move {
                let mine = after(&text, &wanted, &run).await;
                let theirs = after(&wanted.model, &wanted, &run).await;
                sqlite::forget();
                outcome.set(match (mine, theirs) {
                    (Ok(mine), Ok(theirs)) => {
                        let problem = difference(&mine.rows, &theirs.rows);
                        if problem.is_none() {
                            learner.dispatch(Learned::Lock(id, Some(true)));
                        }
                        Outcome::Found(mine, problem)
                    }
                    (Err(problem), _) | (_, Err(problem)) => Outcome::Problem(problem),
                });
            });
        })
    };
    let on_input = {
        let (learner, id) = (learner.clone(), id.clone());
        Callback::from(move |event: InputEvent| {
            let text = event.target_unchecked_into::<HtmlTextAreaElement>().value();
            learner.dispatch(Learned::Type(id.clone(), text));
        })
    };
    let on_key = {
        let check = check.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                check.emit(());
            }
        })
    };
    let give_up = {
        let (learner, id) = (learner.clone(), id.clone());
        Callback::from(move |_: MouseEvent| {
            learner.dispatch(Learned::Lock(id.clone(), Some(false)));
        })
    };
    let lines = text.lines().count().max(3).to_string();
    html! {
        <div class="query">
            <textarea class="typed" aria-label={question.clone()} spellcheck="false" autocapitalize="off" rows={lines} value={text} disabled={answer.locked} oninput={on_input} onkeydown={on_key} />
            if let Some(tables) = &*tables { { schema(tables) } }
            if !answer.locked {
                <p class="do">
                    <button class="btn primary" onclick={check.reform(|_: MouseEvent| ())} disabled={busy || run.is_none()}>{ "Run and check" }<kbd>{ "Ctrl Enter" }</kbd></button>
                    <button class="btn quiet" onclick={give_up}>{ "Show an answer" }</button>
                </p>
                if run.is_none() { <p class="hint">{ "The tables are there once the run has come to its outcome." }</p> }
            }
            <div aria-live="polite">{ match &*outcome {
                Outcome::None => html! {},
                Outcome::Running => html! { <p class="hint">{ "Running" }</p> },
                Outcome::Problem(problem) => html! { <p class="problem">{ format!("SQLite says: {problem}") }</p> },
                Outcome::Found(found, problem) => html! { <>{ rows(found) }if let Some(problem) = problem { <p class="said" data-right="false">{ format!("Not yet: {problem}.") }</p> }</> },
            } }</div>
            if answer.locked {
                <div class="said" data-right={(answer.right == Some(true)).to_string()} role="status">
                    if answer.right == Some(true) { <p>{ "Yes: it finds what the answer finds." }</p> }
                    <details open={answer.right != Some(true)}><summary>{ "An answer" }</summary><pre tabindex="0"><code>{ wanted.model.clone() }</code></pre></details>
                </div>
            }
        </div>
    }
}

/// What is found after a query, over fresh tables of the run.
async fn after(sql: &str, wanted: &Wanted, run: &Shared<Done>) -> Result<Found, String> {
    let found = sqlite::ask(sql, Over::Fresh(moment(run), || made(run))).await?;
    match &wanted.then {
        Some(then) => sqlite::ask(then, Over::Same::<fn() -> Vec<Table>>).await,
        None => Ok(found),
    }
}

/// The end of a run.
fn moment(run: &Shared<Done>) -> Moment {
    let facts = run.run.trace.as_ref().map_or(0, |trace| trace.events.len());
    (run.run.digest, facts)
}

fn made(run: &Shared<Done>) -> Vec<Table> {
    let trace = run.run.trace.as_ref();
    let made = |trace| tables::tables(&run.scenario, trace, moment(run).1);
    trace.map_or_else(Vec::new, made)
}

/// What was found, the first of it.
fn rows(found: &Found) -> Html {
    let hidden = found.rows.len().saturating_sub(SHOWN) + found.more as usize;
    html! {
        <div class="found" tabindex="0" role="group" aria-label="What your query finds">
            <table>
                <thead><tr>{ for found.columns.iter().map(|name| html! { <th scope="col">{ name.clone() }</th> }) }</tr></thead>
                <tbody>{ for found.rows.iter().take(SHOWN).map(|row| html! {
                    <tr>{ for row.iter().map(|cell| html! { <td>{ cell.clone().unwrap_or_else(|| "NULL".into()) }</td> }) }</tr>
                }) }</tbody>
            </table>
            if found.rows.is_empty() { <p class="hint">{ "No rows." }</p> }
            if hidden > 0 { <p class="hint">{ format!("and {hidden} more") }</p> }
        </div>
    }
}
