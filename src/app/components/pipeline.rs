//! Which engine reads the topic and which sink it writes: what fits is switched, what does not is refused in words.

use crate::app::lab::{Action, Lab};
use crate::sim::Patch;
use crate::sim::engines::EngineKind;
use crate::sim::sinks::SinkKind;
use serde_json::Value;
use wasm_bindgen::JsCast;
use web_sys::HtmlSelectElement;
use yew::{
    Callback, Event, Html, Properties, UseReducerHandle, classes, component, html, use_effect_with,
    use_node_ref, use_state,
};

/// An engine and a sink.
type Parts = (EngineKind, SinkKind);

const ENGINES: [(EngineKind, &str, &str); 3] = [
    (EngineKind::Spark, "spark", "Spark"),
    (EngineKind::Flink, "flink", "Flink"),
    (EngineKind::Consumer, "consumer", "plain consumer"),
];

const SINKS: [(SinkKind, &str, &str); 4] = [
    (SinkKind::Hudi, "hudi", "Hudi table"),
    (SinkKind::KafkaTopic, "kafka_topic", "Kafka topic"),
    (SinkKind::Console, "console", "effects, one by one"),
    (SinkKind::Database, "database", "outside table"),
];

/// A part's name in files and its name for people.
fn names<K: PartialEq + Copy>(
    all: &[(K, &'static str, &'static str)],
    kind: K,
) -> (&'static str, &'static str) {
    let found = all.iter().find(|(known, ..)| *known == kind);
    found.map_or(("", ""), |&(_, key, label)| (key, label))
}

fn words((engine, sink): Parts) -> (&'static str, &'static str) {
    (names(&ENGINES, engine).1, names(&SINKS, sink).1)
}

/// The learner's changes with these parts in use. The settings of the others stay where they are.
fn using(lab: &Lab, (engine, sink): Parts, without: &[String]) -> Patch {
    let engine = Patch::at(&["engine", "use"], names(&ENGINES, engine).0.into());
    let sink = Patch::at(&["sink", "use"], names(&SINKS, sink).0.into());
    let patch = lab.patch.then(&engine).then(&sink);
    let gone = |patch: Patch, id: &String| patch.then(&Patch::at(&["faults", id], Value::Null));
    without.iter().fold(patch, gone)
}

/// Why these parts are refused: the place and the problem. The faults that have nothing to strike come with it.
struct Refusal {
    parts: Parts,
    why: String,
    /// Without these it would be accepted.
    without: Option<Vec<String>>,
}

fn refusal(lab: &Lab, parts: Parts) -> Option<Refusal> {
    let tried = |without: &[String]| lab.base.patched(&using(lab, parts, without)).err();
    let first = tried(&[])?;
    let mut faults: Vec<String> = Vec::new();
    let mut problem = Some(first.clone());
    while let Some(error) = problem {
        let named = |id: &&String| error.place.starts_with(&format!("faults.{id}."));
        match lab.scenario.faults.keys().find(named) {
            Some(id) if !faults.contains(id) => faults.push(id.clone()),
            _ => break,
        }
        problem = tried(&faults);
    }
    let accepted = tried(&faults).is_none();
    Some(Refusal {
        parts,
        why: format!("{}: {}", first.place, first.problem),
        without: accepted.then_some(faults),
    })
}

/// Parts that would be accepted instead: the same engine with another sink, or the same sink behind another engine.
fn instead(lab: &Lab, (engine, sink): Parts) -> Vec<Parts> {
    let now = (lab.scenario.engine.kind, lab.scenario.sink.kind);
    let sinks = SINKS.iter().map(|&(sink, ..)| (engine, sink));
    let engines = ENGINES.iter().map(|&(engine, ..)| (engine, sink));
    let all: Vec<Parts> = if engine == now.0 {
        engines.collect()
    } else {
        sinks.collect()
    };
    let fits =
        |parts: &Parts| *parts != (engine, sink) && *parts != now && refusal(lab, *parts).is_none();
    all.into_iter().filter(fits).collect()
}

#[derive(Properties, PartialEq)]
pub struct PipelineProps {
    pub lab: UseReducerHandle<Lab>,
}

/// The two choices.
#[component]
pub fn Pipeline(props: &PipelineProps) -> Html {
    let lab = &props.lab;
    let now = (lab.scenario.engine.kind, lab.scenario.sink.kind);
    let of_scenario = (lab.base.engine.kind, lab.base.sink.kind);
    let asked = use_state(|| None::<Parts>);
    let change = {
        let (lab, asked) = (lab.clone(), asked.clone());
        Callback::from(move |(parts, without): (Parts, Vec<String>)| {
            let patch = using(&lab, parts, &without);
            if lab.base.patched(&patch).is_ok() {
                asked.set(None);
                lab.dispatch(Action::Patch(patch));
            } else {
                asked.set(Some(parts));
            }
        })
    };
    let on_engine = {
        let change = change.clone();
        let find = |key: &str| ENGINES.iter().find(|it| it.1 == key).map(|it| it.0);
        Callback::from(move |key: String| {
            if let Some(engine) = find(&key) {
                change.emit(((engine, now.1), Vec::new()));
            }
        })
    };
    let on_sink = {
        let change = change.clone();
        let find = |key: &str| SINKS.iter().find(|it| it.1 == key).map(|it| it.0);
        Callback::from(move |key: String| {
            if let Some(sink) = find(&key) {
                change.emit(((now.0, sink), Vec::new()));
            }
        })
    };
    let engines = ENGINES
        .map(|(kind, key, label)| (key, label, kind == now.0))
        .to_vec();
    let sinks = SINKS
        .map(|(kind, key, label)| (key, label, kind == now.1))
        .to_vec();
    let refused = (*asked).and_then(|parts| refusal(lab, parts));
    html! {
        <section class="group pipeline" aria-label="Pipeline">
            <h2>{ "Pipeline" }</h2>
            <Choice id="use-engine" key_words="engine.use" plain="Who reads the topic. The settings of the others are kept." options={engines} changed={now.0 != of_scenario.0} on_choose={on_engine} />
            <Choice id="use-sink" key_words="sink.use" plain="Where the results go." options={sinks} changed={now.1 != of_scenario.1} on_choose={on_sink} />
            if let Some(refused) = refused { <Refused lab={lab.clone()} parts={refused.parts} why={refused.why} without={refused.without} {change} /> }
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct ChoiceProps {
    id: &'static str,
    key_words: &'static str,
    plain: &'static str,
    /// Key, label, and whether it is in use.
    options: Vec<(&'static str, &'static str, bool)>,
    changed: bool,
    on_choose: Callback<String>,
}

/// One of the two, as the settings below it look.
#[component]
fn Choice(props: &ChoiceProps) -> Html {
    let node = use_node_ref();
    let chosen = props
        .options
        .iter()
        .find(|option| option.2)
        .map(|option| option.0);
    let on_change = {
        let (node, on_choose) = (node.clone(), props.on_choose.clone());
        Callback::from(move |event: Event| {
            let select = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlSelectElement>().ok());
            if let Some(select) = select {
                on_choose.emit(select.value());
            }
            // What is refused does not stay chosen; what is accepted is drawn as chosen.
            if let (Some(select), Some(chosen)) = (node.cast::<HtmlSelectElement>(), chosen) {
                select.set_value(chosen);
            }
        })
    };
    {
        let node = node.clone();
        use_effect_with(chosen, move |chosen| {
            if let (Some(select), Some(chosen)) = (node.cast::<HtmlSelectElement>(), chosen) {
                select.set_value(chosen);
            }
        });
    }
    html! {
        <div class={classes!("setting", props.changed.then_some("changed"))}>
            <label for={props.id}><code>{ props.key_words }</code></label>
            <span class="field"><select id={props.id} ref={node} onchange={on_change}>
                { for props.options.iter().map(|(key, label, used)| html! { <option value={*key} selected={*used}>{ *label }</option> }) }
            </select></span>
            <p>{ props.plain }</p>
            if props.changed { <p class="meta"><span class="tag">{ "changed" }</span></p> }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct RefusedProps {
    lab: UseReducerHandle<Lab>,
    parts: Parts,
    why: String,
    without: Option<Vec<String>>,
    change: Callback<(Parts, Vec<String>)>,
}

/// What was refused and why, and what would be accepted.
#[component]
fn Refused(props: &RefusedProps) -> Html {
    let RefusedProps {
        lab,
        parts,
        why,
        without,
        change,
    } = props;
    let (engine, sink) = words(*parts);
    let offer = |parts: Parts, without: Vec<String>, label: String| {
        let change = change.clone();
        html! { <button class="btn" onclick={Callback::from(move |_| change.emit((parts, without.clone())))}>{ label }</button> }
    };
    html! {
        <div class="setting"><div class="problem" role="alert">
            <p>{ format!("Refused: {engine} with {sink}. {why}") }</p>
            if let Some(without) = without {
                { offer(*parts, without.clone(), format!("Switch, without {}", without.join(", "))) }
            }
            { for instead(lab, *parts).into_iter().map(|parts| {
                let (engine, sink) = words(parts);
                offer(parts, Vec::new(), format!("{engine} with {sink}"))
            }) }
        </div></div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;
    use std::rc::Rc;
    use yew::Reducible;

    fn lab_of(id: &str) -> Lab {
        let preset = catalog::find(id).expect("a preset");
        (*Rc::new(Lab::default()).reduce(Action::Preset(preset))).clone()
    }

    fn switched(lab: Lab, parts: Parts) -> Lab {
        let patch = using(&lab, parts, &[]);
        (*Rc::new(lab).reduce(Action::Patch(patch))).clone()
    }

    #[test]
    fn who_switches_to_flink_and_back_finds_the_settings_of_both() {
        let lab = lab_of("order-billing");
        let trigger = lab.scenario.engine.spark.trigger;
        let flink = switched(lab, (EngineKind::Flink, SinkKind::Hudi));
        assert_eq!(flink.scenario.engine.kind, EngineKind::Flink);
        assert_eq!(flink.problem, None);
        assert_eq!(flink.scenario.engine.spark.trigger, trigger);
        let back = switched(flink.clone(), (EngineKind::Spark, SinkKind::Hudi));
        assert_eq!(back.scenario, back.base);
        // It goes into a link like any setting.
        let text = flink
            .link(crate::sim::kernel::Time::ZERO)
            .write()
            .expect("has a link");
        let link = crate::share::Link::read(&text, crate::share::Reader::Page).expect("readable");
        assert_eq!(link.scenario, flink.scenario);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason_and_with_what_fits() {
        let lab = lab_of("order-billing");
        let asked = (EngineKind::Consumer, SinkKind::Hudi);
        let refused = refusal(&lab, asked).expect("a consumer writes no table");
        assert!(refused.why.starts_with("sink.use: "), "{}", refused.why);
        assert_eq!(refused.without, None);
        let consumer = EngineKind::Consumer;
        assert_eq!(
            instead(&lab, asked),
            [
                (consumer, SinkKind::KafkaTopic),
                (consumer, SinkKind::Console)
            ]
        );
        assert!(refusal(&lab, (EngineKind::Flink, SinkKind::Hudi)).is_none());
        let unchanged = switched(lab.clone(), asked);
        assert_eq!(unchanged.scenario, lab.scenario);
        assert!(unchanged.problem.is_some());
    }

    #[test]
    fn a_fault_without_its_host_can_be_taken_out_with_the_switch() {
        let lab = lab_of("garbage-stays");
        let asked = (EngineKind::Flink, SinkKind::Console);
        let refused = refusal(&lab, asked).expect("a fault strikes the driver");
        assert!(refused.why.starts_with("faults."), "{}", refused.why);
        let without = refused.without.expect("without the fault it fits");
        assert!(!without.is_empty());
        let patch = using(&lab, asked, &without);
        let scenario = lab.base.patched(&patch).expect("accepted");
        assert!(without.iter().all(|id| !scenario.faults.contains_key(id)));
    }
}
