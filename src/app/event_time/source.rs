//! Where the arrivals come from: examples, a model of one's own, or a file that stays in the tab.

use super::axes;
use super::desk::{Action, Desk, is_own};
use super::settings::{Field, set};
use crate::arrivals::address::{self, Settings, Source};
use crate::arrivals::import::Options;
use crate::arrivals::models::{Delay, EXAMPLES};
use crate::arrivals::timestamp::Unit;
use wasm_bindgen::JsCast;
use web_sys::{Blob, Event as DomEvent, HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::{
    Callback, Event, Html, Properties, UseReducerHandle, UseStateHandle, component, html,
    use_node_ref,
};

#[derive(Properties, PartialEq)]
pub struct SourceProps {
    pub desk: UseReducerHandle<Desk>,
    /// A file or a text.
    pub on_file: Callback<Blob>,
    /// What the learner says about files and texts.
    pub options: UseStateHandle<Options>,
    /// Loads the same again: after a file that could not be read.
    pub on_source: Callback<Source>,
}

/// The column with the arrivals.
#[component]
pub fn SourcePanel(props: &SourceProps) -> Html {
    let desk = &props.desk;
    html! {
        <main class="lesson arrivals" id="lesson" aria-label="Arrivals">
            <p class="crumb">{ "Event-time lab" }</p>
            <h1>{ "How long is late?" }</h1>
            <p>{ "Things happen, and news of them arrives later. A watermark says how long to wait. Take arrivals, choose a delay, and see what it drops and what it costs." }</p>
            <h2>{ "Arrivals" }</h2>
            <div class="options" role="radiogroup" aria-label="Arrivals">
                { for EXAMPLES.iter().map(|example| {
                    let here = desk.settings.source == Source::Example(example.id);
                    let pick = { let on_source = props.on_source.clone(); Callback::from(move |_: Event| on_source.emit(Source::Example(example.id))) };
                    html! { <label key={example.id}><input type="radio" name="source" value={example.id} checked={here} onchange={pick} /><span>{ example.title }</span>if here { <small>{ example.origin }</small> }</label> }
                }) }
                { {
                    let here = matches!(desk.settings.source, Source::Model(_));
                    let pick = { let (desk, on_source) = (desk.clone(), props.on_source.clone()); Callback::from(move |_: Event| on_source.emit(Source::Model(Box::new(address::model_of(&desk.settings.source))))) };
                    html! { <label><input type="radio" name="source" value="model" checked={here} onchange={pick} /><span>{ "A model of your own" }</span><small>{ "begins as what is chosen now, with every parameter open" }</small></label> }
                } }
                if is_own(&desk.settings) { <label><input type="radio" name="source" value="own" checked=true /><span>{ "Your own arrivals" }</span><small>{ "in this tab only; a link carries the settings, never the arrivals" }</small></label> }
            </div>
            if let Source::Model(_) = desk.settings.source { <ModelForm desk={desk.clone()} /> }
            <Own on_file={props.on_file.clone()} options={props.options.clone()} />
            <Loading desk={desk.clone()} />
            <Legend />
        </main>
    }
}

/// What was loaded, or why not.
#[component]
fn Loading(props: &super::plane::PlaneProps) -> Html {
    let desk = &props.desk;
    if let Some(why) = &desk.load_problem {
        return html! { <p class="problem" id="load-problem" role="alert">{ why.clone() }if desk.loaded.is_some() { { " The arrivals before are still there." } }</p> };
    }
    let Some(loaded) = &desk.loaded else {
        return html! {};
    };
    let report = &loaded.report;
    html! {
        <section class="loaded" id="loaded" aria-live="polite">
            <h2>{ format!("{} arrivals", axes::count(report.rows)) }</h2>
            <p>{ format!("{}. {} keys, {} partitions; 0 s is {}.", report.format, axes::count(report.keys), axes::count(report.partitions), axes::moment(loaded.zero_us)) }</p>
            if report.cut { <p class="problem">{ format!("The file goes on; only the first {} rows were read.", axes::count(report.rows)) }</p> }
            if report.bad > 0 {
                <details id="bad-rows"><summary>{ format!("{} rows were left out", axes::count(report.bad)) }</summary>
                    <div class="scrolled bad" tabindex="0"><table>
                        <thead><tr><th scope="col">{ "line" }</th><th scope="col">{ "reason" }</th></tr></thead>
                        <tbody>{ for report.bad_rows.iter().map(|row| html! { <tr key={row.line}><th scope="row">{ row.line }</th><td>{ row.reason.clone() }</td></tr> }) }</tbody>
                    </table></div>
                    if report.bad > report.bad_rows.len() as u64 { <p>{ format!("and {} more", axes::count(report.bad - report.bad_rows.len() as u64)) }</p> }
                </details>
            }
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct OwnProps {
    on_file: Callback<Blob>,
    options: UseStateHandle<Options>,
}

/// A file, a dropped file (anywhere on the page), or pasted text.
#[component]
fn Own(props: &OwnProps) -> Html {
    let text = use_node_ref();
    let options = &props.options;
    let on_pick = {
        let on_file = props.on_file.clone();
        Callback::from(move |event: Event| {
            let Some(input) = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok())
            else {
                return;
            };
            if let Some(file) = input.files().and_then(|files| files.get(0)) {
                on_file.emit(file.into());
            }
            // The same file again is a change too.
            input.set_value("");
        })
    };
    let on_paste = {
        let (on_file, text) = (props.on_file.clone(), text.clone());
        Callback::from(move |_| {
            let Some(area) = text.cast::<HtmlTextAreaElement>() else {
                return;
            };
            let parts = js_sys::Array::of1(&area.value().into());
            if let Ok(blob) = Blob::new_with_str_sequence(&parts) {
                on_file.emit(blob);
            }
        })
    };
    let say = |put: fn(&mut Options, Option<String>)| {
        let options = options.clone();
        Callback::from(move |event: DomEvent| {
            let Some(input) = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok())
            else {
                return;
            };
            let mut said = (*options).clone();
            put(
                &mut said,
                Some(input.value().trim().to_string()).filter(|value| !value.is_empty()),
            );
            options.set(said);
        })
    };
    let on_unit = {
        let options = options.clone();
        Callback::from(move |event: Event| {
            let Some(select) = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlSelectElement>().ok())
            else {
                return;
            };
            let unit = Unit::NAMES
                .into_iter()
                .find(|named| named.0 == select.value())
                .map(|named| named.1);
            options.set(Options {
                unit,
                ..(*options).clone()
            });
        })
    };
    let column = |name: &'static str, put: fn(&mut Options, Option<String>)| html! { <label>{ name }<input type="text" onchange={say(put)} placeholder="found out" spellcheck="false" /></label> };
    html! {
        <section class="own">
            <h2>{ "Your own" }</h2>
            <p class="row">
                <label class="btn" for="file">{ "Open a file" }</label><input class="vh" type="file" id="file" accept=".csv,.tsv,.txt,.json,.ndjson,.jsonl" onchange={on_pick} />
                <span>{ "or drop one here. CSV or NDJSON with an event time and an arrival time a row, up to a million rows." }</span>
            </p>
            <p class="note">{ "It is read in this tab and goes nowhere." }</p>
            <details id="paste"><summary>{ "Paste text" }</summary>
                <textarea ref={text} id="pasted" aria-label="Arrivals as text" rows="5" spellcheck="false" placeholder={"event_time,arrival_time,key\n1772355600000,1772355601200,d1"} />
                <button class="btn" id="read-text" onclick={on_paste}>{ "Read this text" }</button>
            </details>
            <details id="columns"><summary>{ "Which column is which" }</summary>
                <div class="columns">
                    { column("event time", |options, value| options.event = value) }
                    { column("arrival time", |options, value| options.arrival = value) }
                    { column("key", |options, value| options.key = value) }
                    { column("partition", |options, value| options.partition = value) }
                    <label>{ "times are" }<select onchange={on_unit}><option value="">{ "found out" }</option>{ for Unit::NAMES.into_iter().map(|(name, _)| html! { <option value={name}>{ name }</option> }) }</select></label>
                </div>
                <p class="note">{ "By name, or by number from 1. They hold for the next file, opened or dropped, and the next text." }</p>
            </details>
        </section>
    }
}

/// The words of a delay, in parts with their names.
fn parts_of(delay: Delay) -> (&'static str, &'static [&'static str]) {
    match delay {
        Delay::Constant { .. } => ("constant", &["delay"]),
        Delay::Exponential { .. } => ("exponential", &["mean"]),
        Delay::LogNormal { .. } => ("lognormal", &["median", "sigma of the logarithm"]),
        Delay::Pareto { .. } => ("pareto", &["least", "alpha", "most"]),
        Delay::Mobile { .. } => (
            "mobile",
            &[
                "median",
                "sigma of the logarithm",
                "share offline",
                "offline at least",
                "offline at most",
            ],
        ),
    }
}

/// Every parameter of a model.
#[component]
fn ModelForm(props: &super::plane::PlaneProps) -> Html {
    let desk = &props.desk;
    let Source::Model(model) = &desk.settings.source else {
        return html! {};
    };
    let problem = |field: &str| {
        desk.problem
            .as_ref()
            .filter(|problem| problem.0 == field)
            .map(|problem| problem.1.clone())
    };
    let Some(first) = model.phases.first() else {
        return html! {};
    };
    let (kind, names) = parts_of(first.delay);
    let words: Vec<String> = address::delay_words(first.delay)
        .split(':')
        .map(str::to_string)
        .collect();
    let set_delay = set(desk, "delay");
    let on_kind = {
        let set = set_delay.clone();
        Callback::from(move |kind: String| {
            set.emit(
                match kind.as_str() {
                    "constant" => "constant:1s",
                    "exponential" => "exponential:1s",
                    "pareto" => "pareto:200ms:1.5:120s",
                    "mobile" => "mobile:1200ms:0.704:0.0103:20s:120s",
                    _ => "lognormal:800ms:0.6",
                }
                .to_string(),
            )
        })
    };
    let part = |place: usize| {
        let (set, words) = (set_delay.clone(), words.clone());
        Callback::from(move |value: String| {
            let mut words = words.clone();
            words[place] = value.trim().to_string();
            set.emit(words.join(":"));
        })
    };
    let then = model.phases.get(1).map(|phase| {
        format!(
            "{}:{}",
            crate::arrivals::units::duration(phase.from_ms),
            address::delay_words(phase.delay)
        )
    });
    // What the address says of it, without the rest.
    let written = Settings {
        source: desk.settings.source.clone(),
        ..Settings::default()
    }
    .write();
    let said = |name: &str| {
        written
            .split('&')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
            .to_string()
    };
    let field = |name: &'static str,
                 label: &'static str,
                 value: String,
                 plain: &'static str,
                 wide: bool| html! { <Field field={name} name={label} {value} {plain} {wide} on_set={set(desk, name)} problem={problem(name)} /> };
    let skew = crate::arrivals::units::duration(model.skew_ms);
    html! {
        <section class="model settings-like" id="model" aria-label="Model">
            <super::settings::Choice id="delay-kind" name="delays" value={kind} on_set={on_kind} problem={None::<String>}
                options={vec![("constant", "constant"), ("exponential", "exponential"), ("lognormal", "log-normal"), ("pareto", "Pareto tail"), ("mobile", "mobile, reconnecting")]} />
            { for names.iter().enumerate().map(|(n, name)| html! { <Field key={*name} field="delay" part={n} {name} value={words.get(n + 1).cloned().unwrap_or_default()} on_set={part(n + 1)} problem={problem("delay").filter(|_| n == 0)} /> }) }
            { field("events", "events", model.events.to_string(), "", false) }
            { field("every", "one every", format!("{}us", model.every_us), "", false) }
            { field("keys", "keys", model.keys.to_string(), "", false) }
            { field("partitions", "partitions", model.partitions.to_string(), "", false) }
            { field("seed", "seed", model.seed.to_string(), "", false) }
            { field("skew", "clocks off by up to", skew, "", false) }
            { field("then", "then", then.unwrap_or_default(), "From when on other delays hold: 100s:mobile:1200ms:0.704:0.0103:20s:120s", true) }
            { field("outage", "outage", said("outage"), "From, until, share of the keys, catching up within: 200s:230s:0.5:5s", true) }
            { field("silence", "silent partition", said("silence"), "Partition, from, until, empty or stuck: 4:250s:270s:stuck", true) }
        </section>
    }
}

/// The key to the glyphs.
#[component]
fn Legend() -> Html {
    let row = |glyph: Html, words: &'static str| html! { <li><svg width="32" height="20" viewBox="0 0 32 20" aria-hidden="true">{ glyph }</svg>{ words }</li> };
    html! {
        <section class="legend">
            <h2>{ "Reading the plane" }</h2>
            <ul>
                { row(html! { <circle class="reading" cx="16" cy="10" r="3.5" /> }, "counted") }
                { row(html! { <g class="dropped"><path class="ground" d="M16 3L23 10L16 17L9 10Z" /><path class="fill" d="M16 3L23 10L16 17L9 10Z" /></g> }, "late, dropped") }
                { row(html! { <path class="behind" d="M16 5L21 10L16 15L11 10Z" /> }, "late, counted") }
                { row(html! { <path class="line" d="M2 17h10v-7h10v-7h8" /> }, "watermark") }
                { row(html! { <path class="lid" d="M4 10H28" /> }, "window closes") }
                { row(html! { <path class="fire" d="M10 10l4 4 7 -8" /> }, "rows out") }
                { row(html! { <path class="diagonal" d="M4 18L28 2" /> }, "no delay") }
                { row(html! { <g class="taken"><circle class="reading" cx="16" cy="10" r="4" /><path class="ring" d="M16 1L25 10L16 19L7 10Z" /></g> }, "taken") }
            </ul>
        </section>
    }
}

/// Puts the settings into the reducer with another source.
pub fn with_source(desk: &UseReducerHandle<Desk>, source: Source) {
    let settings = Settings {
        source,
        ..desk.settings.clone()
    };
    desk.dispatch(Action::Settings(Box::new(settings)));
}
