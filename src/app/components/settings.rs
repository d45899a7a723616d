//! The settings: real keys, plain words, defaults, what goes wrong; on top the guarantee line and what this run refuted.

use super::guarantee::GuaranteeLine;
use super::pipeline::Pipeline;
use crate::app::lab::{Action, Done, Lab, Shared};
use crate::replay::{anomalies, promises};
use crate::sim::OutcomeKind;
use crate::sim::control::{self, CONTROLS, Control, Kind};
use crate::sim::json;
use crate::sim::ordered::OrdMap;
use serde_json::Value;
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::{
    Callback, Event, Html, InputEvent, Properties, UseReducerHandle, classes, component, html,
    use_effect_with, use_memo, use_node_ref, use_state,
};

#[derive(Properties, Clone, PartialEq)]
pub struct SettingsProps {
    pub lab: UseReducerHandle<Lab>,
    /// What the run has shown so far.
    pub shown: Shown,
    /// Keys that a lesson is about stand out.
    #[prop_or_default]
    pub lit: Vec<String>,
}

/// How much of a run the playhead has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// So many of the run's outcomes.
    pub outcomes: usize,
    pub ended: bool,
}

/// The panel at the right.
#[component]
pub fn Settings(props: &SettingsProps) -> Html {
    let SettingsProps {
        lab,
        shown: so_far,
        lit,
    } = props;
    let filter = use_state(String::new);
    let open = use_state(Vec::<&'static str>::new);
    let on_filter = {
        let filter = filter.clone();
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok())
            {
                filter.set(input.value().to_ascii_lowercase());
            }
        })
    };
    let mut groups: Vec<&'static str> = Vec::new();
    for control in CONTROLS {
        if !groups.contains(&control.group) {
            groups.push(control.group);
        }
    }
    let changed = lab.changed();
    let reset_all = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::ResetAll))
    };
    let shown = |control: &Control| {
        let words =
            format!("{} {} {}", control.key, control.plain, control.risk).to_ascii_lowercase();
        let wanted = control.teaching
            || lit.iter().any(|key| key == control.key)
            || open.contains(&control.group)
            || changed.contains(&control.key)
            || lab.pointed.as_deref() == Some(control.key)
            || !filter.is_empty();
        wanted && words.contains(filter.as_str()) && control.value(&lab.scenario).is_some()
    };
    let any = CONTROLS.iter().any(shown);
    html! {
        <aside class="settings" id="settings" aria-label="Settings">
            <GuaranteeLine lab={lab.clone()} />
            <Guarantee lab={lab.clone()} shown={*so_far} />
            <Pipeline lab={lab.clone()} />
            <input class="filter" type="search" aria-label="Filter settings" placeholder="Filter keys and plain words" oninput={on_filter} />
            if !changed.is_empty() {
                <p class="reset-all">{ format!("{} changed", changed.len()) }<button class="link" onclick={reset_all}>{ "Reset all" }</button></p>
            }
            if !any { <p class="none">{ "No setting has these words." }</p> }
            { for groups.into_iter().filter_map(|group| {
                let all: Vec<&'static Control> = CONTROLS.iter().filter(|control| control.group == group && control.value(&lab.scenario).is_some()).collect();
                let rows: Vec<&'static Control> = all.iter().copied().filter(|control| shown(control)).collect();
                let more = all.len() > rows.len();
                let toggle = {
                    let open = open.clone();
                    Callback::from(move |_| {
                        let mut groups = (*open).clone();
                        if let Some(position) = groups.iter().position(|&other| other == group) { groups.remove(position); } else { groups.push(group); }
                        open.set(groups);
                    })
                };
                (!rows.is_empty()).then(|| html! {
                    <section class="group" key={group}>
                        <h2>{ group }
                            if more || open.contains(&group) {
                                <button class="link" onclick={toggle} aria-expanded={open.contains(&group).to_string()}>{ if more { format!("all {}", all.len()) } else { "fewer".to_string() } }</button>
                            }
                        </h2>
                        { for rows.into_iter().map(|control| html! { <Setting key={control.key} {control} lab={lab.clone()} lit={lit.iter().any(|key| key == control.key)} /> }) }
                    </section>
                })
            }) }
            <Assumptions lab={lab.clone()} />
        </aside>
    }
}

#[derive(Properties, PartialEq)]
struct GuaranteeProps {
    lab: UseReducerHandle<Lab>,
    shown: Shown,
}

/// What this run has refuted up to the playhead. It says no more than one run can say.
#[component]
fn Guarantee(props: &GuaranteeProps) -> Html {
    let GuaranteeProps { lab, shown } = props;
    let Some(done) = &lab.done else {
        return html! {};
    };
    let outcomes = &done.run.outcomes[..shown.outcomes];
    let mut reasons: OrdMap<String, u32> = OrdMap::new();
    let (mut doubled, mut lost) = (0, 0);
    for outcome in outcomes {
        let reason = match outcome.kind {
            OutcomeKind::Duplicated(why) => {
                doubled += 1;
                why.name()
            }
            OutcomeKind::Lost(why) => {
                lost += 1;
                why.name()
            }
            OutcomeKind::Refused | OutcomeKind::DroppedLate => continue,
        };
        *reasons.entry(reason.replace('_', " ")).or_insert(0) += 1;
    }
    let (tone, head) = match (doubled > 0, lost > 0) {
        (true, true) => ("lost", "This run: neither at least once nor at most once."),
        (true, false) => ("dup", "This run: not exactly once."),
        (false, true) => ("lost", "This run: not at least once."),
        (false, false) => (
            "ok",
            if shown.ended {
                "This run: nothing refuted."
            } else {
                "This run: nothing refuted so far."
            },
        ),
    };
    let because = match reasons.len() {
        0 => "One run can refute a guarantee, never prove one.".to_string(),
        1 => format!("By {}.", reasons.into_keys().collect::<String>()),
        _ => {
            let each: Vec<String> = reasons
                .into_iter()
                .map(|(reason, n)| format!("{n} by {reason}"))
                .collect();
            format!("{}.", each.join(", "))
        }
    };
    let counted = match (doubled, lost) {
        (0, 0) => String::new(),
        (doubled, 0) => format!("{}. ", count(doubled, "order doubled", "orders doubled")),
        (0, lost) => format!(
            "{}. ",
            count(lost, "order lost silently", "orders lost silently")
        ),
        (doubled, lost) => format!("{doubled} doubled, {lost} lost silently. "),
    };
    let idempotence = if done.scenario.producer.idempotence() {
        ""
    } else {
        " Idempotence is off."
    };
    html! {
        <section class="guarantee" data-tone={tone} aria-label="This run">
            <b>{ if lab.stale { "Changed since this run." } else { head } }</b>{ counted }{ because }{ idempotence }
            if shown.ended { <Judged done={done.clone()} /> }
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct JudgedProps {
    done: Shared<Done>,
}

/// Anomalies by the names of Jepsen's checker, and apart from them what the settings promise and whether it was kept.
#[component]
fn Judged(props: &JudgedProps) -> Html {
    let judged = use_memo(props.done.clone(), |done| {
        let trace = done.run.trace.as_ref()?;
        let anomalies = anomalies::of(&done.scenario, trace);
        let promises = promises::of(&done.scenario, &done.run, &anomalies);
        Some((anomalies::tally(&anomalies), promises))
    });
    let Some((anomalies, promises)) = &*judged else {
        return html! {};
    };
    let each: Vec<String> = anomalies
        .iter()
        .map(|(class, found, legal)| match (found, legal) {
            (0, legal) => format!("{} {legal} (legal)", class.name()),
            (found, _) => format!("{} {found}", class.name()),
        })
        .collect();
    let each = if each.is_empty() {
        "none".to_string()
    } else {
        each.join(", ")
    };
    html! {
        <dl class="judged">
            <dt>{ "Anomalies" }</dt><dd>{ each }</dd>
            <dt>{ "Promised by the settings" }</dt>
            if promises.is_empty() { <dd>{ "nothing" }</dd> }
            { for promises.iter().map(|promise| html! {
                <dd title={promise.because}>{ promise.says }{ if promise.broken == 0 { ": kept".to_string() } else { format!(": broken {} times", promise.broken) } }</dd>
            }) }
        </dl>
    }
}

fn count(n: u32, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[derive(Properties, PartialEq)]
struct SettingProps {
    control: &'static Control,
    lab: UseReducerHandle<Lab>,
    lit: bool,
}

impl PartialEq for Control {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

/// One setting.
#[component]
fn Setting(props: &SettingProps) -> Html {
    let SettingProps { control, lab, lit } = props;
    let control: &'static Control = control;
    let value = control.value(&lab.scenario).unwrap_or(Value::Null);
    let of_scenario = control.value(&lab.base).unwrap_or(Value::Null);
    let default = control.default().unwrap_or(Value::Null);
    let changed = value != of_scenario;
    let id = format!("set-{}", control.key);
    let set = {
        let lab = lab.clone();
        Callback::from(move |event: Event| {
            let Some(target) = event.target() else { return };
            let text = match target.clone().dyn_into::<HtmlSelectElement>() {
                Ok(select) => select.value(),
                Err(_) => target.unchecked_into::<HtmlInputElement>().value(),
            };
            lab.dispatch(Action::Set(control, text));
        })
    };
    let reset = {
        let lab = lab.clone();
        Callback::from(move |_| lab.dispatch(Action::Reset(control)))
    };
    let problem = lab
        .problem
        .as_ref()
        .filter(|(key, _)| key == control.key)
        .map(|(_, why)| why.clone());
    let json_text = json::Text(&value).to_string();
    let node = use_node_ref();
    {
        // What was refused stays in its field until something else is in force; then the field follows.
        let node = node.clone();
        use_effect_with(
            (json_text.clone(), problem.is_some()),
            move |(text, refused)| {
                if *refused {
                    return;
                }
                if let Some(select) = node.cast::<HtmlSelectElement>() {
                    select.set_value(text);
                } else if let Some(input) = node.cast::<HtmlInputElement>() {
                    input.set_value(text);
                }
            },
        );
    }
    let field = match control.kind {
        Kind::Choice(values) => html! {
            <select id={id.clone()} ref={node} onchange={set}>
                { for values.iter().map(|(json, label)| html! { <option value={*json} selected={json_text == **json}>{ *label }</option> }) }
            </select>
        },
        Kind::Whole { least, most, .. } => html! {
            <input class={(most < 1_000_000).then_some("short")} id={id.clone()} ref={node} type="number" min={least.to_string()} max={most.to_string()} value={json_text} onchange={set} />
        },
    };
    let unit = if let Kind::Whole { unit, .. } = control.kind {
        unit
    } else {
        ""
    };
    html! {
        <div class={classes!("setting", changed.then_some("changed"), lit.then_some("lit"), (control.key.len() > 24).then_some("wide"))}>
            <label for={id}><code>{ control.key }</code></label>
            <span class="field">{ field }if !unit.is_empty() { <i>{ unit }</i> }</span>
            <p>{ control.plain }</p>
            if let Some(differs) = control::of_librdkafka(control.key) { <p class="differs">{ differs }</p> }
            if let Some(problem) = problem { <p class="problem" role="alert">{ problem }{ format!(" Still in force: {}.", control.label(&value)) }</p> }
            <p class="meta">
                if changed { <span class="tag">{ "changed" }</span> } else if value != default { <span class="tag of-scenario">{ "scenario" }</span> }
                <span>{ if value == default { format!("default, {}", control.since) } else { format!("default {}, {}", default_words(control, &default), control.since) } }</span>
                if changed { <button class="link" onclick={reset}>{ "Reset" }</button> }
            </p>
            <details><summary>{ "If it is wrong" }</summary><p>{ control.risk }{ " " }<a href={control.docs} target="_blank" rel="noopener noreferrer">{ "Upstream docs" }</a></p></details>
        </div>
    }
}

fn default_words(control: &Control, default: &Value) -> String {
    if control.key == "enable.idempotence" {
        "true".into()
    } else {
        control.label(default)
    }
}

#[derive(Properties, PartialEq)]
struct AssumptionsProps {
    lab: UseReducerHandle<Lab>,
}

/// Every constant that is no setting of a real system, or is left at its default without a control.
#[component]
fn Assumptions(props: &AssumptionsProps) -> Html {
    html! {
        <details class="assumptions">
            <summary>{ "What this model assumes" }</summary>
            <dl>
                { for crate::sim::control::ASSUMED.iter().filter_map(|(name, path)| props.lab.scenario.get(path).map(|value| html! { <div><dt><code>{ *name }</code></dt><dd>{ json::Text(&value).to_string() }</dd></div> })) }
            </dl>
            <p>{ "One topic, and up to four instances of one application. Brokers have no disks that fill, no quotas, no compression. One controller that never fails. The object store is strongly consistent and never throttles. Spark's rows travel from reading to writing task with the task's result. A table has one writer at a time. A crash loses what is on the wire." }</p>
        </details>
    }
}
