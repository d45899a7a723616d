//! The tables of a run, with their columns: what a query can ask.

use crate::replay::tables::Table;
use yew::{Html, html};

pub fn schema(tables: &[Table]) -> Html {
    html! {
        <details>
            <summary>{ "Tables and columns" }</summary>
            <dl class="schema">{ for tables.iter().map(|table| html! { <>
                <dt><code>{ table.name.clone() }</code>{ format!(" {} rows", table.rows.len()) }</dt>
                <dd>{ table.about }<ul>{ for table.columns.iter().map(|(name, what)| html! { <li><code>{ *name }</code>{ format!(" {what}") }</li> }) }</ul></dd>
            </> }) }</dl>
        </details>
    }
}
