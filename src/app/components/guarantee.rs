//! The guarantee line: what may be said of the settings after every crash point was tried, and which settings a guarantee
//! falls by. Found by running in the worker, never by a rule.

use crate::app::lab::{Action, Lab};
use crate::app::many::{Asking, Many, use_many};
use crate::sim::explore::Guarantee;
use crate::sim::explore::guarantee::{Change, Reason};
use crate::sim::fault::MENU;
use wasm_bindgen::JsCast;
use yew::{AttrValue, Callback, Html, Properties, UseReducerHandle, component, html};

#[derive(Properties, PartialEq)]
pub struct UnderwayProps {
    /// What is counted.
    pub of: &'static str,
}

/// How far the exploration under way is, and the button that stops it.
#[component]
pub fn Underway(props: &UnderwayProps) -> Html {
    let many = use_many();
    let (done, of) = many.progress;
    let stop = {
        let many = many.clone();
        Callback::from(move |_| many.dispatch(Asking::Stop))
    };
    html! {
        <span class="underway">
            <progress max={of.max(1).to_string()} value={done.to_string()} aria-label={props.of}></progress>
            <span>{ if of == 0 { "Starting".to_string() } else { format!("{done} of {of} {}", props.of) } }</span>
            <button class="btn" id="stop-exploring" onclick={stop}>{ "Cancel" }</button>
        </span>
    }
}

#[derive(Properties, PartialEq)]
pub struct ExploreProps {
    pub lab: UseReducerHandle<Lab>,
    pub id: &'static str,
}

/// The button that explores, or how far it is.
#[component]
pub fn Explore(props: &ExploreProps) -> Html {
    let many = use_many();
    if many.is_judging() {
        return html! { <Underway of="runs" /> };
    }
    let words = match &many.judged {
        None => "Explore every crash point",
        Some(_) => "Explore again",
    };
    let ask = {
        let lab = props.lab.clone();
        Callback::from(move |_| many.dispatch(Many::judge(&lab)))
    };
    html! { <button class="btn" id={props.id} onclick={ask}>{ words }</button> }
}

#[derive(Properties, PartialEq)]
pub struct LineProps {
    pub lab: UseReducerHandle<Lab>,
}

/// On top of the settings.
#[component]
pub fn GuaranteeLine(props: &LineProps) -> Html {
    let lab = &props.lab;
    let many = use_many();
    let problem = many
        .problem
        .clone()
        .map(|problem| html! { <p class="problem" role="alert">{ problem }</p> });
    let Some(known) = &many.judged else {
        return html! {
            <section class="guarantee proved" data-tone="open" aria-label="Guarantee of these settings">
                <b>{ "Guarantee: not explored yet." }</b>
                { "One run can refute a guarantee. Whether one holds, only every crash point can tell. " }
                <Explore lab={lab.clone()} id="explore" />
                { problem }
            </section>
        };
    };
    let stale = many.is_stale(lab);
    let report = &known.found.report;
    let [head, text] = report.says();
    let common = known.found.common();
    let tone = match (
        stale,
        report.refutes(Guarantee::AtLeastOnce),
        report.refutes(Guarantee::AtMostOnce),
    ) {
        (true, ..) => "open",
        (_, true, _) => "lost",
        (_, _, true) => "dup",
        _ => "ok",
    };
    html! {
        <section class="guarantee proved" data-tone={tone} aria-label="Guarantee of these settings">
            <output aria-live="polite">
                <b>{ if stale { "Changed since it was explored.".to_string() } else { head } }</b>
                if stale { { "Before the change: " } }
                { text }
            </output>
            if !known.found.reasons.is_empty() {
                <Changes changes={common.iter().copied().cloned().collect::<Vec<_>>()} lab={lab.clone()} before={if common.is_empty() { "No single setting prevents all of it." } else { "Each of these alone prevents it where it was tried again:" }} />
                <details><summary>{ "Because" }</summary>
                    <ul class="reasons">
                        { for known.found.reasons.iter().map(|reason| html! { <li><Changes changes={reason.changes.clone()} lab={lab.clone()} before={because(reason)} /></li> }) }
                    </ul>
                </details>
            }
            if stale || many.is_judging() { <Explore lab={lab.clone()} id="explore" /> }
            { problem }
            <details><summary>{ format!("{} points, {} merged: how", report.points, report.merged) }</summary><p>{ known.found.how() }</p></details>
        </section>
    }
}

/// What a kind of fault does, and whether something helps.
fn because(reason: &Reason) -> String {
    let entry = MENU.iter().find(|entry| entry.name == reason.fault);
    let fault = entry.map_or("no fault at all", |entry| entry.short);
    let verb = if reason.guarantee == Guarantee::AtLeastOnce {
        "loses"
    } else {
        "doubles"
    };
    let helps = if reason.changes.is_empty() {
        "no single setting prevents it"
    } else {
        "prevented by"
    };
    format!("{fault} {verb} at {} points, {helps}", reason.points)
}

#[derive(Properties, PartialEq)]
struct ChangesProps {
    before: AttrValue,
    changes: Vec<Change>,
    lab: UseReducerHandle<Lab>,
}

/// Settings, each a way to its row.
#[component]
fn Changes(props: &ChangesProps) -> Html {
    /// More are folded.
    const SHOWN: usize = 2;
    let link = |change: &Change| {
        let key = change.key.clone();
        let lab = props.lab.clone();
        let go = Callback::from(move |_| {
            // The row may stand behind "all", from where it is brought out.
            lab.dispatch(Action::Point(Some(key.clone())));
            focus(&key);
        });
        html! { <li><button class="link" onclick={go} title={change.key.clone()}><code>{ shortened(&change.words()) }</code></button></li> }
    };
    let more = props.changes.len().saturating_sub(SHOWN);
    html! {
        <div class="changes">
            <span>{ props.before.clone() }</span>
            <ul>{ for props.changes.iter().take(SHOWN).map(link) }</ul>
            if more > 0 {
                <details><summary>{ format!("{more} more") }</summary><ul>{ for props.changes.iter().skip(SHOWN).map(link) }</ul></details>
            }
        </div>
    }
}

/// "…write.operation=upsert": the end of a long key is what tells it from others.
pub fn shortened(words: &str) -> String {
    let key = words.split('=').next().unwrap_or_default();
    let parts: Vec<&str> = key.split('.').collect();
    if key.len() < 26 || parts.len() < 4 {
        return words.to_string();
    }
    let cut = parts[..parts.len() - 2].join(".").len() + 1;
    format!("…{}", &words[cut..])
}

/// Puts the focus on a setting's control, once it is there.
fn focus(key: &str) {
    let id = format!("set-{key}");
    gloo::timers::callback::Timeout::new(30, move || {
        let document = web_sys::window().and_then(|window| window.document());
        let element = document.and_then(|document| document.get_element_by_id(&id));
        if let Some(element) =
            element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok())
        {
            let _ = element.focus();
            element.scroll_into_view();
        }
    })
    .forget();
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_long_key_is_told_by_its_end_and_a_short_one_stays_whole() {
        let long = "hoodie.datasource.write.operation=upsert";
        assert_eq!(shortened(long), "…write.operation=upsert");
        assert_eq!(
            shortened("enable.idempotence=true"),
            "enable.idempotence=true"
        );
    }
}
