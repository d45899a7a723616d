//! A lesson on paper: every step with boxes to tick and lines to write on, the settings it is about, and the answers on a page of
//! their own. It is made when it is to be printed, and seen nowhere else.

use super::prose::{self, Reading, coded};
use crate::app::learner::{Loaded, SURE};
use crate::app::link::address;
use crate::lesson::{Ask, AskKind, Part, Step, StepKind};
use crate::sim::json::Text;
use crate::sim::{Scenario, control};
use serde_json::Value;
use yew::{Html, html};

pub fn handout(loaded: &Loaded, first: Option<&Scenario>) -> Html {
    let lesson = &loaded.lesson;
    let reading = Reading::new(None, None);
    let asks = lesson.steps.iter().flat_map(|step| step.asks());
    let run = first.map(|first| {
        format!(
            "Scenario {} with seed {}.",
            lesson.setup.scenario, first.seed
        )
    });
    html! {
        <section class="handout" aria-label="Handout">
            <h1>{ lesson.title.clone() }</h1>
            <p>{ "Streamproof" }{ if loaded.module.is_empty() { String::new() } else { format!(", {} · {}", loaded.number, loaded.module) } }{ ". " }{ run }{ " " }<span class="mono">{ format!("{}?lesson={}", address("").trim_end_matches('#'), loaded.id) }</span></p>
            <p class="name">{ "Name" }<span class="line"></span></p>
            { for lesson.steps.iter().map(|step| on_paper(step, &reading)) }
            if let Some(first) = first { { settings(&lesson.setup.controls, first) } }
            <section class="answers">
                <h2>{ "Answers" }</h2>
                <dl>{ for asks.map(answer) }</dl>
            </section>
        </section>
    }
}

fn on_paper(step: &Step, reading: &Reading) -> Html {
    // What explains a run is read after it, so it is on paper as well; what only the page can do is not.
    let tasks: Vec<Html> = step
        .tasks()
        .map(|task| html! { <li class="box"><code>{ task.source.clone() }</code></li> })
        .collect();
    html! {
        <section class="paper" data-kind={step.kind.word()}>
            <h2><small>{ step.kind.word() }</small>{ " " }{ step.heading.clone() }</h2>
            { for step.parts.iter().map(|part| match part {
                Part::Text(block) => prose::block(block, reading),
                Part::Ask(ask) => question(ask),
                Part::Glossary(terms) => html! { <dl class="terms">{ for terms.iter().map(|(term, meaning)| html! { <div><dt>{ term.clone() }</dt><dd>{ coded(meaning) }</dd></div> }) }</dl> },
                Part::Task(_) | Part::Patch(_) | Part::Plot(_) | Part::Notes(_) => html! {},
            }) }
            if !tasks.is_empty() { <ul class="boxes">{ for tasks }</ul> }
            if step.kind == StepKind::Run { <p class="seen">{ "What I saw" }<span class="line"></span></p> }
        </section>
    }
}

fn question(ask: &Ask) -> Html {
    html! {
        <div class="asked">
            <p><strong>{ coded(&ask.ask) }</strong></p>
            { match &ask.kind {
                AskKind::Choice(options) => html! { <ul class="boxes">{ for options.iter().map(|option| html! { <li class="box">{ coded(&option.say) }</li> }) }</ul> },
                AskKind::Number { .. } => html! { <span class="line short"></span> },
                AskKind::Text { .. } => html! { <><span class="line"></span><span class="line"></span></> },
                AskKind::Sql(wanted) => html! { <><pre><code>{ wanted.begin.clone() }</code></pre><span class="line"></span><span class="line"></span></> },
            } }
            if ask.sure { <ul class="boxes sureness">{ for SURE.iter().map(|sure| html! { <li class="box">{ *sure }</li> }) }</ul> }
        </div>
    }
}

/// The settings that the lesson is about, as they are when it begins.
fn settings(keys: &[String], first: &Scenario) -> Html {
    let rows = keys.iter().filter_map(|key| {
        let known = control::CONTROLS.iter().filter(|control| control.key == key);
        let (control, value) = known
            .filter_map(|control| Some((control, control.value(first)?)))
            .next()?;
        let value = match &value {
            Value::String(text) => text.clone(),
            other => Text(other).to_string(),
        };
        Some(html! { <tr><th scope="row"><code>{ control.key }</code></th><td><code>{ value }</code></td><td>{ control.plain }</td></tr> })
    });
    html! {
        <table class="layer">
            <caption>{ "The settings, as they are at the beginning" }</caption>
            <tbody>{ for rows }</tbody>
        </table>
    }
}

fn answer(ask: &Ask) -> Html {
    let says = match &ask.kind {
        AskKind::Choice(options) => {
            let right = options.iter().find(|option| option.right);
            right.map(|right| html! { <>{ coded(&right.say) }{ ". " }{ coded(&right.why) }</> })
        }
        AskKind::Number { source, .. } => {
            Some(html! { <>{ "What the run shows: " }<code>{ source.clone() }</code></> })
        }
        AskKind::Text { model } => Some(coded(model)),
        AskKind::Sql(wanted) => Some(html! { <pre><code>{ wanted.model.clone() }</code></pre> }),
    };
    html! { <div><dt>{ coded(&ask.ask) }</dt><dd>{ says }</dd></div> }
}
