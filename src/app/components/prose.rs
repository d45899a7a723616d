//! The text of a lesson.

use super::word::Word;
use crate::app::learner::Wanted;
use crate::lesson::check::{Evidence, Pred};
use crate::lesson::glossary::{Glossary, Term};
use crate::lesson::{Block, Claim, Inline};
use std::cell::RefCell;
use yew::{Callback, Html, html};

/// What a text is read with.
pub struct Reading<'a> {
    /// Claims are held against the run at hand, if there is one.
    pub evidence: Option<&'a Evidence<'a>>,
    /// Its words can be opened where they stand first, and lead to their lessons.
    pub words: Option<(&'a Glossary, Callback<Wanted>)>,
    /// The words that were met already, by their lines.
    pub met: RefCell<Vec<usize>>,
}

impl<'a> Reading<'a> {
    pub fn new(
        evidence: Option<&'a Evidence<'a>>,
        words: Option<(&'a Glossary, Callback<Wanted>)>,
    ) -> Reading<'a> {
        Reading {
            evidence,
            words,
            met: RefCell::default(),
        }
    }
}

/// Blocks of text.
pub fn blocks<'a>(blocks: impl IntoIterator<Item = &'a Block>, reading: &Reading) -> Html {
    blocks
        .into_iter()
        .map(|found| block(found, reading))
        .collect()
}

pub fn block(block: &Block, reading: &Reading) -> Html {
    match block {
        Block::Paragraph(inner) => html! { <p>{ inlines(inner, reading) }</p> },
        Block::Code(text) => html! { <pre tabindex="0"><code>{ text.clone() }</code></pre> },
        Block::List { ordered, items } => {
            let items: Html = items
                .iter()
                .map(|item| html! { <li>{ item_text(item, reading) }</li> })
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
fn item_text(item: &[Block], reading: &Reading) -> Html {
    match item {
        [Block::Paragraph(inner)] => inlines(inner, reading),
        several => blocks(several, reading),
    }
}

fn inlines(inner: &[Inline], reading: &Reading) -> Html {
    inner.iter().map(|inline| one(inline, reading)).collect()
}

/// A text that stands by itself, such as a definition.
pub fn alone(inner: &[Inline]) -> Html {
    inlines(inner, &Reading::new(None, None))
}

fn one(inline: &Inline, reading: &Reading) -> Html {
    match inline {
        Inline::Text(text) => worded(text, reading),
        Inline::Code(text) => html! { <code>{ text.clone() }</code> },
        Inline::Emphasis(inner) => html! { <em>{ inlines(inner, reading) }</em> },
        Inline::Strong(inner) => html! { <strong>{ inlines(inner, reading) }</strong> },
        Inline::Link { to, text } => {
            html! { <a href={to.clone()} rel="noopener" target="_blank">{ alone(text) }</a> }
        }
        Inline::Claim { check, text } => {
            let (holds, title) = claim(check, reading.evidence);
            html! { <span class="claim" data-holds={holds} {title}>{ alone(text) }</span> }
        }
    }
}

/// A text whose words of the course can be opened.
fn worded(text: &str, reading: &Reading) -> Html {
    let Some((glossary, on_go)) = &reading.words else {
        return html! { { text.to_string() } };
    };
    let mut met = reading.met.borrow_mut();
    let pieces = glossary.marked(text, &mut met).into_iter();
    let piece = |(text, term): (&str, Option<&Term>)| match term {
        Some(term) => {
            html! { <Word text={text.to_string()} term={term.clone()} on_go={on_go.clone()} /> }
        }
        None => html! { { text.to_string() } },
    };
    pieces.map(piece).collect()
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
