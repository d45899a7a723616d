//! The text of a lesson.

use crate::lesson::check::{Evidence, Pred};
use crate::lesson::{Block, Claim, Inline};
use yew::{Html, html};

/// Blocks of text; claims are held against the run at hand, if there is one.
pub fn blocks<'a>(
    blocks: impl IntoIterator<Item = &'a Block>,
    evidence: Option<&Evidence>,
) -> Html {
    blocks
        .into_iter()
        .map(|found| block(found, evidence))
        .collect()
}

pub fn block(block: &Block, evidence: Option<&Evidence>) -> Html {
    match block {
        Block::Paragraph(inner) => html! { <p>{ inlines(inner, evidence) }</p> },
        Block::Code(text) => html! { <pre tabindex="0"><code>{ text.clone() }</code></pre> },
        Block::List { ordered, items } => {
            let items: Html = items
                .iter()
                .map(|item| html! { <li>{ item_text(item, evidence) }</li> })
                .collect();
            if *ordered {
                html! { <ol>{ items }</ol> }
            } else {
                html! { <ul>{ items }</ul> }
            }
        }
    }
}

/// An item of one paragraph needs no paragraph around it.
fn item_text(item: &[Block], evidence: Option<&Evidence>) -> Html {
    match item {
        [Block::Paragraph(inner)] => inlines(inner, evidence),
        several => blocks(several, evidence),
    }
}

fn inlines(inner: &[Inline], evidence: Option<&Evidence>) -> Html {
    inner.iter().map(|inline| one(inline, evidence)).collect()
}

fn one(inline: &Inline, evidence: Option<&Evidence>) -> Html {
    match inline {
        Inline::Text(text) => html! { { text.clone() } },
        Inline::Code(text) => html! { <code>{ text.clone() }</code> },
        Inline::Emphasis(inner) => html! { <em>{ inlines(inner, evidence) }</em> },
        Inline::Strong(inner) => html! { <strong>{ inlines(inner, evidence) }</strong> },
        Inline::Link { to, text } => {
            html! { <a href={to.clone()} rel="noopener" target="_blank">{ inlines(text, evidence) }</a> }
        }
        Inline::Claim { check, text } => {
            let (holds, title) = claim(check, evidence);
            html! { <span class="claim" data-holds={holds} {title}>{ inlines(text, evidence) }</span> }
        }
    }
}

/// Whether a claim holds in the run at hand, and what to say about it.
fn claim(claim: &Claim, evidence: Option<&Evidence>) -> (Option<String>, String) {
    let tested = evidence.map(|evidence| Pred::shortfall(&claim.pred, evidence));
    match tested {
        Some(Ok(None)) => (
            Some("true".into()),
            format!("{}, checked in this run", claim.source),
        ),
        Some(Ok(Some(other))) => (
            Some("false".into()),
            format!("Said of the lesson's run. In the run you see now {other}."),
        ),
        _ => (
            None,
            format!("{}, checked in the lesson's run", claim.source),
        ),
    }
}

/// Text in which `words` between backquotes are code, as questions use it.
pub fn coded(text: &str) -> Html {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(n, piece)| {
            if n % 2 == 1 {
                html! { <code>{ piece.to_string() }</code> }
            } else {
                html! { { piece.to_string() } }
            }
        })
        .collect()
}
