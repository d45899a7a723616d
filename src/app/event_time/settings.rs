//! The settings: the contract, the watermark, the windows and the query, under the keys of the real systems.
//!
//! Every field is written as the address writes it and read as an address is read, so there is one place that says what is
//! accepted. What is refused stays in its field, with the reason and what is still in force.

use super::axes::{self, percent};
use super::desk::{Action, Desk};
use crate::arrivals::address::Settings;
use crate::arrivals::pace::{Engine, Flink, OutputMode, Spark};
use crate::arrivals::sla::Sla;
use crate::arrivals::strategy::Strategy;
use crate::arrivals::units;
use crate::arrivals::windows::Windows;
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::{
    Callback, Event, Html, Properties, UseReducerHandle, component, html, use_effect_with,
    use_node_ref,
};

#[derive(Properties, PartialEq)]
pub struct SettingsProps {
    pub desk: UseReducerHandle<Desk>,
}

/// Sets a field of the address; what is refused is told beside it.
pub fn set(desk: &UseReducerHandle<Desk>, field: &'static str) -> Callback<String> {
    let desk = desk.clone();
    Callback::from(
        move |value: String| match desk.settings.with(field, value.trim()) {
            Ok(settings) => desk.dispatch(Action::Settings(Box::new(settings))),
            Err(why) => desk.dispatch(Action::Problem(field.into(), why)),
        },
    )
}

#[derive(Properties, PartialEq)]
pub struct FieldProps {
    /// The name in the address; problems are told by it.
    pub field: &'static str,
    /// The key of the real system, or a plain word.
    pub name: &'static str,
    pub value: String,
    #[prop_or_default]
    pub plain: &'static str,
    pub problem: Option<String>,
    pub on_set: Callback<String>,
    /// A number for ids, where a field is made of several.
    #[prop_or_default]
    pub part: usize,
    #[prop_or_default]
    pub changed: bool,
    #[prop_or_default]
    pub wide: bool,
}

/// A value that is typed.
#[component]
pub fn Field(props: &FieldProps) -> Html {
    let id = format!("{}-{}", props.field, props.part);
    let node = use_node_ref();
    let on_change = {
        let on_set = props.on_set.clone();
        Callback::from(move |event: Event| {
            if let Some(input) = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok())
            {
                on_set.emit(input.value());
            }
        })
    };
    {
        // What was refused stays in its field until something else is in force; then the field follows.
        let node = node.clone();
        use_effect_with(
            (props.value.clone(), props.problem.is_some()),
            move |(value, refused)| {
                if let (Some(input), false) = (node.cast::<HtmlInputElement>(), *refused) {
                    input.set_value(value);
                }
            },
        );
    }
    let described = format!("{id}-why");
    html! {
        <div class={yew::classes!("setting", props.wide.then_some("wide"), props.changed.then_some("changed"))}>
            <label for={id.clone()}><code>{ props.name }</code></label>
            <span class="field"><input ref={node} id={id} type="text" spellcheck="false" autocomplete="off" class={(!props.wide).then_some("short")} onchange={on_change} aria-invalid={props.problem.is_some().then_some("true")} aria-describedby={props.problem.is_some().then(|| described.clone())} /></span>
            if !props.plain.is_empty() { <p>{ props.plain }</p> }
            if let Some(why) = &props.problem { <p class="problem" role="alert" id={described}>{ why.clone() }{ format!(" Still in force: {}.", props.value) }</p> }
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct ChoiceProps {
    pub id: &'static str,
    pub name: &'static str,
    pub value: &'static str,
    pub options: Vec<(&'static str, &'static str)>,
    #[prop_or_default]
    pub plain: &'static str,
    pub problem: Option<String>,
    pub on_set: Callback<String>,
}

/// A value that is chosen.
#[component]
pub fn Choice(props: &ChoiceProps) -> Html {
    let on_change = {
        let on_set = props.on_set.clone();
        Callback::from(move |event: Event| {
            if let Some(select) = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlSelectElement>().ok())
            {
                on_set.emit(select.value());
            }
        })
    };
    let node = use_node_ref();
    {
        // What was refused is not what is in force.
        let node = node.clone();
        use_effect_with((props.value, props.problem.clone()), move |(value, _)| {
            if let Some(select) = node.cast::<HtmlSelectElement>() {
                select.set_value(value);
            }
        });
    }
    html! {
        <div class="setting">
            <label for={props.id}><code>{ props.name }</code></label>
            <span class="field"><select ref={node} id={props.id} onchange={on_change}>
                { for props.options.iter().map(|(value, name)| html! { <option value={*value} selected={*value == props.value}>{ *name }</option> }) }
            </select></span>
            if !props.plain.is_empty() { <p>{ props.plain }</p> }
            if let Some(why) = &props.problem { <p class="problem" role="alert">{ why.clone() }</p> }
        </div>
    }
}

/// Everything that is set.
#[component]
pub fn SettingsPanel(props: &SettingsProps) -> Html {
    let desk = &props.desk;
    let config = &desk.settings.config;
    let plain = Settings::default();
    let problem = |field: &str| {
        desk.problem
            .as_ref()
            .filter(|problem| problem.0 == field)
            .map(|problem| problem.1.clone())
    };
    let reset = {
        let desk = desk.clone();
        Callback::from(move |_| {
            let source = desk.settings.source.clone();
            desk.dispatch(Action::Settings(Box::new(Settings {
                source,
                ..Settings::default()
            })));
        })
    };
    let on_sla = {
        let desk = desk.clone();
        Callback::from(move |text: String| {
            let sla = if text.trim().is_empty() {
                Ok(Sla::default())
            } else {
                Sla::parse(&text)
            };
            match sla {
                Ok(sla) => {
                    let settings = Settings {
                        sla,
                        ..desk.settings.clone()
                    };
                    desk.dispatch(Action::Settings(Box::new(settings)));
                }
                Err(why) => desk.dispatch(Action::Problem("contract".into(), why)),
            }
        })
    };
    let time = units::duration;
    let sla = desk.settings.sla.words();
    let changed = *config != plain.config || desk.settings.sla != plain.sla;
    html! {
        <aside class="settings" id="controls" aria-label="Settings">
            <Verdict desk={desk.clone()} />
            if let Some(why) = problem("analysis") { <p class="problem" role="alert">{ why }</p> }
            <section class="group">
                <h2>{ "Contract" }if changed { <button class="link" id="reset" onclick={reset}>{ "Reset all" }</button> }</h2>
                <Field field="contract" name="promises" wide=true value={sla} on_set={on_sla} problem={problem("contract")} changed={desk.settings.sla != plain.sla}
                    plain="Of p50, p95, p99, p95_honest, fresh_p95, late, state, memory and updates; with < or <=." />
            </section>
            <section class="group">
                <h2>{ "Watermark" }</h2>
                <Choice id="engine" name="engine" value={if matches!(config.engine, Engine::Spark(_)) { "spark" } else { "flink" }} options={vec![("spark", "Spark"), ("flink", "Flink")]} on_set={set(desk, "engine")} problem={problem("engine")} />
                <StrategyFields desk={desk.clone()} />
            </section>
            <section class="group">
                <h2>{ "Window" }</h2>
                <WindowFields desk={desk.clone()} />
                <Choice id="windows-by" name="group by" value={if config.by_key { "key" } else { "all" }} options={vec![("key", "window and key"), ("all", "window only")]} on_set={set(desk, "windows-by")} problem={problem("windows-by")} />
            </section>
            <section class="group">
                <h2>{ "Query" }</h2>
                { match config.engine {
                    Engine::Spark(spark) => spark_fields(desk, spark, &problem),
                    Engine::Flink(flink) => flink_fields(desk, flink, &problem),
                } }
                <Field field="processing" name="processing" value={time(config.processing_ms)} on_set={set(desk, "processing")} problem={problem("processing")} changed={config.processing_ms != plain.config.processing_ms} plain="From the start of a batch, or the firing of a window, until the result can be seen." />
                <Field field="row-bytes" name="bytes a row" value={config.row_bytes.to_string()} on_set={set(desk, "row-bytes")} problem={problem("row-bytes")} changed={config.row_bytes != plain.config.row_bytes} plain="An estimate of yours: real stores add indexes and versions." />
            </section>
        </aside>
    }
}

fn spark_fields(
    desk: &UseReducerHandle<Desk>,
    spark: Spark,
    problem: &impl Fn(&str) -> Option<String>,
) -> Html {
    html! {
        <>
            <Choice id="mode" name="outputMode" value={if spark.mode == OutputMode::Append { "append" } else { "update" }} options={vec![("append", "append"), ("update", "update")]} on_set={set(desk, "mode")} problem={problem("mode")} plain="Append: a window's row comes once, after it closed. Update: with every change." />
            <Field field="trigger" name="Trigger.ProcessingTime" value={units::duration(spark.trigger_ms)} on_set={set(desk, "trigger")} problem={problem("trigger")} changed={spark.trigger_ms != Spark::default().trigger_ms} plain="A closed window waits for the next batch." />
        </>
    }
}

fn flink_fields(
    desk: &UseReducerHandle<Desk>,
    flink: Flink,
    problem: &impl Fn(&str) -> Option<String>,
) -> Html {
    let time = units::duration;
    let usual = Flink::default();
    html! {
        <>
            <Field field="interval" name="auto-watermark-interval" value={time(flink.interval_ms)} on_set={set(desk, "interval")} problem={problem("interval")} changed={flink.interval_ms != usual.interval_ms} plain="How often watermarks are emitted; 0s: with every event." />
            <Choice id="generators" name="generators" value={if flink.per_partition { "partition" } else { "one" }} options={vec![("one", "one for all"), ("partition", "one a partition")]} on_set={set(desk, "generators")} problem={problem("generators")} plain="By partition the slowest one counts." />
            if flink.per_partition {
                <Field field="idle" name="withIdleness" value={flink.idle_ms.map(time).unwrap_or_default()} on_set={set(desk, "idle")} problem={problem("idle")} changed={flink.idle_ms.is_some()} plain="A partition that is silent for so long no longer holds the others back; empty: it holds them for ever." />
            }
            <Field field="lateness" name="allowedLateness" value={time(flink.allowed_lateness_ms)} on_set={set(desk, "lateness")} problem={problem("lateness")} changed={flink.allowed_lateness_ms > 0} plain="Late events reopen a closed window for so long. Not in Spark." />
        </>
    }
}

/// The strategy as its parts: kind, then what that kind has.
#[component]
fn StrategyFields(props: &SettingsProps) -> Html {
    let desk = &props.desk;
    let strategy = desk.settings.config.strategy;
    let is_spark = matches!(desk.settings.config.engine, Engine::Spark(_));
    let problem = desk
        .problem
        .as_ref()
        .filter(|problem| problem.0 == "strategy")
        .map(|problem| problem.1.clone());
    let words = strategy.words();
    let parts: Vec<String> = words.split(':').map(str::to_string).collect();
    let kind = match parts[0].as_str() {
        "percentile" => "percentile",
        "p2" => "p2",
        "k-slack" => "k-slack",
        "quality" => "quality",
        _ => "fixed",
    };
    let set_strategy = set(desk, "strategy");
    let on_kind = {
        let set = set_strategy.clone();
        Callback::from(move |kind: String| {
            set.emit(match kind.as_str() {
                "percentile" => "percentile:0.99:2000".into(),
                "p2" => "p2:0.99:2000".into(),
                "k-slack" => "k-slack:2000".into(),
                "quality" => "quality:0.01:2000".into(),
                _ => "fixed:5s".into(),
            });
        })
    };
    let part = |place: usize| {
        let (set, parts) = (set_strategy.clone(), parts.clone());
        Callback::from(move |value: String| {
            let mut parts = parts.clone();
            if place < parts.len() {
                parts[place] = value.trim().to_string();
            } else {
                parts.push(value.trim().to_string());
            }
            parts.retain(|part| !part.is_empty());
            set.emit(parts.join(":"));
        })
    };
    let names: &[(&'static str, &'static str)] = match strategy {
        Strategy::Fixed { .. } if is_spark => &[(
            "withWatermark(\"ts\", …)",
            "How long stragglers are waited for.",
        )],
        Strategy::Fixed { .. } => &[(
            "forBoundedOutOfOrderness",
            "How long stragglers are waited for.",
        )],
        Strategy::Percentile { .. } => &[
            (
                "percentile",
                "Of the disorder that was seen lately, such as 99% or 0.99.",
            ),
            (
                "memory",
                "In events; a long one remembers an outage for long.",
            ),
        ],
        Strategy::KSlack { .. } => &[("memory", "In events; empty: the greatest disorder ever.")],
        Strategy::Quality { .. } => &[
            (
                "late allowed",
                "The controller steers the share of late events to this.",
            ),
            ("memory", "In events."),
        ],
    };
    html! {
        <>
            <Choice id="strategy" name="strategy" value={kind} on_set={on_kind} problem={None::<String>}
                options={if is_spark { vec![("fixed", "fixed")] } else { vec![("fixed", "fixed"), ("percentile", "percentile"), ("p2", "percentile by P²"), ("k-slack", "K-slack"), ("quality", "quality-driven")] }}
                plain={if is_spark { "Spark has one fixed delay for a source; choose Flink for others." } else { "All but fixed need a WatermarkGenerator of your own." }} />
            { for names.iter().enumerate().map(|(n, (name, plain))| html! {
                <Field key={*name} field="strategy" part={n} {name} value={parts.get(n + 1).cloned().unwrap_or_default()} on_set={part(n + 1)} problem={problem.clone().filter(|_| n == 0)} {plain} changed={words != "fixed:5s"} />
            }) }
        </>
    }
}

/// The windows as their parts.
#[component]
fn WindowFields(props: &SettingsProps) -> Html {
    let desk = &props.desk;
    let windows = desk.settings.config.windows;
    let problem = desk
        .problem
        .as_ref()
        .filter(|problem| problem.0 == "window")
        .map(|problem| problem.1.clone());
    let size = units::duration(windows.longest_ms());
    let set_window = set(desk, "window");
    let on_kind = {
        let (set, size_ms) = (set_window.clone(), windows.longest_ms());
        Callback::from(move |kind: String| {
            let size = units::duration(size_ms);
            set.emit(match kind.as_str() {
                "sliding" => format!("sliding:{size}:{}", units::duration((size_ms / 2).max(1))),
                kind => format!("{kind}:{size}"),
            });
        })
    };
    let (kind, slide) = match windows {
        Windows::Tumbling { .. } => ("tumbling", None),
        Windows::Sliding { slide_ms, .. } => ("sliding", Some(units::duration(slide_ms))),
        Windows::Session { .. } => ("session", None),
    };
    let on_size = {
        let (set, slide) = (set_window.clone(), slide.clone());
        Callback::from(move |size: String| {
            let rest = slide
                .as_ref()
                .map_or_else(String::new, |slide| format!(":{slide}"));
            set.emit(format!("{kind}:{}{rest}", size.trim()));
        })
    };
    let on_slide = {
        let (set, size) = (set_window, size.clone());
        Callback::from(move |slide: String| set.emit(format!("{kind}:{size}:{}", slide.trim())))
    };
    let name = if kind == "session" {
        "session gap"
    } else {
        "window size"
    };
    html! {
        <>
            <Choice id="window-kind" name="kind" value={kind} options={vec![("tumbling", "tumbling"), ("sliding", "sliding"), ("session", "session")]} on_set={on_kind} problem={None::<String>} />
            <Field field="window" {name} value={size.clone()} on_set={on_size} {problem} changed={windows != Settings::default().config.windows} />
            if let Some(slide) = slide { <Field field="window" part=1 name="slide" value={slide} on_set={on_slide} problem={None::<String>} plain="A new window begins so often." /> }
        </>
    }
}

/// Whether the chosen configuration keeps the contract, and by how much it does not.
#[component]
fn Verdict(props: &SettingsProps) -> Html {
    let desk = &props.desk;
    let Some(judged) = &desk.judged else {
        return html! { <section class="guarantee" data-tone="none" aria-live="polite"><b>{ "Not run yet." }</b></section> };
    };
    let run = &judged.outcome;
    let sla = &desk.settings.sla;
    let misses = sla.misses(run);
    let (tone, head) = match (sla.0.is_empty(), misses.len()) {
        (true, _) => ("none", "No contract.".to_string()),
        (_, 0) => ("ok", format!("Keeps {}.", sla.words())),
        (_, 1) => ("lost", "Breaks the contract.".to_string()),
        (_, n) => ("lost", format!("Breaks {n} promises.")),
    };
    let honest = if run.p95 == run.p95_honest || run.late == 0 {
        String::new()
    } else {
        format!(
            " Honest P95, dropped as infinite: {}.",
            axes::percentile(run.p95_honest)
        )
    };
    html! {
        <section class="guarantee" id="verdict" data-tone={tone} aria-live="polite">
            <b>{ head }</b>
            { for misses.iter().map(|miss| html! { <span class="miss">{ format!("{miss}. ") }</span> }) }
            { format!("P95 {}, late {}, {} rows of state.{honest}", axes::percentile(run.p95), percent(run.late_ppm), axes::count(run.state_peak)) }
        </section>
    }
}
