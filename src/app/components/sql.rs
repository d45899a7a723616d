//! The SQL lab: the run's tables at the moment that is looked at, in a real SQL engine.

use super::schema::schema;
use super::stage::View;
use crate::app::files;
use crate::app::lab::{Action, Lab};
use crate::app::sqlite::{self, Found, Moment, Over};
use crate::plot;
use crate::replay::explain::seconds;
use crate::replay::queries;
use crate::replay::tables::{self, Table};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlSelectElement, HtmlTextAreaElement};
use yew::{
    Callback, Event, Html, InputEvent, KeyboardEvent, Properties, TargetCast, UseReducerHandle,
    component, html, use_effect_with, use_memo, use_mut_ref, use_node_ref, use_state,
};

#[derive(Properties, Clone, PartialEq)]
pub struct SqlProps {
    /// Nothing while a run is under way.
    pub view: Option<View>,
    pub lab: UseReducerHandle<Lab>,
}

/// What the last query came to.
#[derive(Clone, PartialEq)]
enum Outcome {
    None,
    Running,
    Found(Found),
    Problem(String),
}

/// The column whose values are orders of the picture.
const ORDER: &str = "order_id";

#[component]
pub fn Sql(props: &SqlProps) -> Html {
    let SqlProps { view, lab } = props;
    let open = lab.querying == Some(true);
    let kit = use_memo((), |()| queries::all());
    let text = use_state(|| {
        kit.first()
            .map_or_else(String::new, |one| one.sql.to_string())
    });
    let outcome = use_state(|| Outcome::None);
    let node = use_node_ref();
    {
        let node = node.clone();
        use_effect_with(open, move |&open| {
            if let Some(editor) = node.cast::<HtmlTextAreaElement>().filter(|_| open) {
                editor.scroll_into_view();
                let _ = editor.focus();
            }
        });
    }
    let moment: Option<Moment> = view.as_ref().map(|view| {
        let facts = view.with_board(|board| board.facts());
        (view.done.run.digest, facts)
    });
    // While the picture moves, the tables of the last rest are told; a query reads those of its own moment.
    let settled = use_mut_ref(|| None::<Moment>);
    if view.as_ref().is_none_or(|view| !view.moving) {
        *settled.borrow_mut() = moment;
    }
    let described = {
        let view = view.clone();
        use_memo((open, *settled.borrow()), move |&(open, moment)| {
            let (view, (_, facts)) = view.as_ref().filter(|_| open).zip(moment)?;
            Some(made(view, facts))
        })
    };
    let run = {
        let (text, outcome, view) = (text.clone(), outcome.clone(), view.clone());
        Callback::from(move |afresh: bool| {
            let (Some(view), Some(moment)) = (&view, moment) else {
                return;
            };
            if *outcome == Outcome::Running {
                return;
            }
            outcome.set(Outcome::Running);
            let (sql, outcome, view) = ((*text).clone(), outcome.clone(), view.clone());
            spawn_local(async move {
                let make = || made(&view, moment.1);
                let over = match afresh {
                    true => Over::Fresh(moment, make),
                    false => Over::Moment(moment, make),
                };
                outcome.set(match sqlite::ask(&sql, over).await {
                    Ok(found) => Outcome::Found(found),
                    Err(problem) => Outcome::Problem(problem),
                });
            });
        })
    };
    let on_input = {
        let text = text.clone();
        Callback::from(move |event: InputEvent| {
            text.set(event.target_unchecked_into::<HtmlTextAreaElement>().value());
        })
    };
    let on_pick = {
        let (text, kit) = (text.clone(), kit.clone());
        Callback::from(move |event: Event| {
            let select = event.target().and_then(|target| target.dyn_into().ok());
            let name = select.map(|select: HtmlSelectElement| select.value());
            if let Some(query) = kit.iter().find(|query| name.as_deref() == Some(query.name)) {
                text.set(query.sql.to_string());
            }
        })
    };
    let on_key = {
        let run = run.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                run.emit(false);
            }
        })
    };
    let press = |afresh: bool| {
        let run = run.clone();
        Callback::from(move |_| run.emit(afresh))
    };
    let close = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Query(false)))
    };
    let busy = *outcome == Outcome::Running;
    let when = view
        .as_ref()
        .map_or_else(String::new, |view| seconds(view.at));
    let picked = kit.iter().find(|query| query.sql == *text);
    html! {
        <section class="panel sql" aria-label="SQL over the run's tables" hidden={!open}>
            <header>
                <h2>{ format!("Query the tables as they are at {when}") }</h2>
                <button class="btn quiet" onclick={close}>{ "Close" }<kbd>{ "Esc" }</kbd></button>
            </header>
            <div class="sql-ask">
                <label>{ "Begin with " }
                    <select id="sql-kit" onchange={on_pick}>
                        <option value="" selected={picked.is_none()} disabled=true>{ "a query of your own" }</option>
                        { for kit.iter().map(|query| html! { <option value={query.name} selected={picked == Some(query)}>{ format!("{} {}", query.name, query.asks) }</option> }) }
                    </select>
                </label>
                <textarea id="sql-text" aria-label="SQL" spellcheck="false" autocapitalize="off" ref={node} value={(*text).clone()} oninput={on_input} onkeydown={on_key} />
                <div class="sql-do">
                    <button class="btn primary" id="sql-run" onclick={press(false)} disabled={busy || view.is_none()}>{ "Run the query" }<kbd>{ "Ctrl Enter" }</kbd></button>
                    if busy { <button class="btn" onclick={Callback::from(|_| sqlite::stop())}>{ "Stop" }</button> }
                    <button class="btn" onclick={press(true)} disabled={busy || view.is_none()} title="Undoes what your statements changed in the tables">{ "Fresh tables, run" }</button>
                </div>
                if let Some(tables) = &*described { { schema(tables) } }
                <details>
                    <summary>{ "How this differs from Spark SQL" }</summary>
                    <p>{ "The engine is SQLite. It has window functions, WITH and CONCAT as Spark has; it has neither QUALIFY nor LEFT ANTI JOIN (write WHERE NOT EXISTS), no DECIMAL and no STRING type: amounts are whole cents, times whole milliseconds, and CAST(… AS TEXT) makes text. Of several statements the first with columns is shown. A table with the name of a branch in front belongs to that branch." }</p>
                </details>
            </div>
            <div class="sql-found" aria-live="polite" aria-busy={busy.to_string()}>{ shown(&outcome, lab) }</div>
        </section>
    }
}

/// The tables of a run after so many facts.
fn made(view: &View, facts: usize) -> Vec<Table> {
    let trace = view.done.run.trace.as_ref();
    trace.map_or_else(Vec::new, |trace| {
        tables::tables(&view.done.scenario, trace, facts)
    })
}

fn shown(outcome: &Outcome, lab: &UseReducerHandle<Lab>) -> Html {
    let found = match outcome {
        Outcome::None => {
            return html! { <p class="hint">{ "The answer appears here. Rows with an order_id light that order in the picture." }</p> };
        }
        Outcome::Running => {
            return html! { <p class="hint" role="status">{ "Running" }</p> };
        }
        Outcome::Problem(problem) => {
            return html! { <p class="problem" role="alert">{ format!("SQLite says: {problem}") }</p> };
        }
        Outcome::Found(found) => found,
    };
    if found.columns.is_empty() {
        return html! { <p class="hint">{ "Done; no statement has columns to show." }</p> };
    }
    let all = found.rows.len() + found.more as usize;
    let words = match (all, found.more) {
        (0, _) => "No rows.".to_string(),
        (1, _) => "1 row.".to_string(),
        (_, 0) => format!("{all} rows."),
        _ => format!("{all} rows; the first {} are shown.", found.rows.len()),
    };
    let save = {
        let found = found.clone();
        Callback::from(move |_| {
            let row = |row: &Vec<Option<String>>| {
                row.iter()
                    .map(|cell| cell.clone().unwrap_or_default())
                    .collect()
            };
            let table = plot::Table {
                head: found.columns.clone(),
                rows: found.rows.iter().map(row).collect(),
            };
            files::save("streamproof-query.csv", "text/csv", &table.to_csv());
        })
    };
    let orders = found.columns.iter().position(|name| name == ORDER);
    html! { <>
        <p class="sql-words" role="status">{ words }<button class="btn quiet" onclick={save}>{ "CSV" }</button></p>
        <div class="sql-table" tabindex="0" role="group" aria-label="Result"><table>
            <thead><tr>{ for found.columns.iter().map(|name| html! { <th scope="col">{ name.clone() }</th> }) }</tr></thead>
            <tbody>{ for found.rows.iter().map(|row| {
                let order = orders.and_then(|place| row[place].as_ref()?.parse::<u32>().ok());
                let lit = order.is_some() && lab.selected == order;
                html! { <tr data-lit={lit.to_string()}>{ for row.iter().enumerate().map(|(n, cell)| match (cell, order) {
                    (Some(_), Some(order)) if Some(n) == orders => html! { <td>{ light(order, lit, lab) }</td> },
                    (Some(text), _) => html! { <td>{ text.clone() }</td> },
                    (None, _) => html! { <td class="null">{ "NULL" }</td> },
                }) }</tr> }
            }) }</tbody>
        </table></div>
    </> }
}

/// Lights the order in the picture.
fn light(order: u32, lit: bool, lab: &UseReducerHandle<Lab>) -> Html {
    let select = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Select((!lit).then_some(order))))
    };
    html! { <button class="link" aria-pressed={lit.to_string()} aria-label={format!("Order {order}, show it in the picture")} onclick={select}>{ order }</button> }
}
