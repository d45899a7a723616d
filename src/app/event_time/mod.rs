//! The event-time lab: a page of its own with its own program, so that the main page does not carry it.
//!
//! ```text
//! address ──► Desk (reducer) ◄── Heard ── Client ══ worker ══ arrivals::session
//!               │   └──► components          ▲
//!               └── effects ── requests ─────┘
//! ```

mod axes;
mod client;
mod desk;
mod plane;
mod plots;
mod settings;
mod source;
mod tables;
pub mod worker;

use super::components::theme::Themes;
use super::hooks::announce;
use super::link::copy;
use crate::arrivals::address::{Settings, Source};
use crate::arrivals::import::Options;
use crate::arrivals::session::Ask;
use client::{Client, Errand, Heard, Request};
use desk::{Action, Desk, Side, Tab};
use gloo::events::{EventListener, EventListenerOptions};
use gloo::timers::callback::Timeout;
use plane::{PlanePanel, Tally};
use settings::SettingsPanel;
use source::SourcePanel;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, DragEvent};
use yew::{
    Callback, Html, Properties, UseReducerHandle, component, html, use_effect_with, use_mut_ref,
    use_reducer, use_state,
};

/// View parameters of the address, as the main page has them (docs/embedding.md); no settings of the lab.
const OF_PAGE: [&str; 11] = [
    "theme", "scale", "embed", "fit", "frame", "origin", "lang", "keys", "storage", "controls",
    "autoplay",
];
/// How long the address waits until things stand still, in ms: browsers count how often it changes.
const CALM: u32 = 300;
/// How much of a file is read; a million rows seldom have more.
const MOST_BYTES: f64 = 268_435_456.0;

/// Starts the page.
pub fn mount() {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(document) = document else { return };
    if let Some(place) = document.get_element_by_id("lab") {
        // What was there while the program was on its way.
        place.set_text_content(None);
        yew::Renderer::<Page>::with_root(place).render();
        announce("streamproof:lab");
    }
}

fn search() -> String {
    let location = web_sys::window().map(|window| window.location());
    location
        .and_then(|location| location.search().ok())
        .unwrap_or_default()
}

/// The address of the page with these settings.
fn address(settings: &Settings) -> String {
    let href = web_sys::window()
        .and_then(|window| window.location().href().ok())
        .unwrap_or_default();
    let page = href.split(['?', '#']).next().unwrap_or_default();
    let view = OF_PAGE
        .iter()
        .filter_map(|name| Some(format!("{name}={}", super::parameter(name)?)));
    let query: Vec<String> = std::iter::once(settings.write())
        .filter(|settings| !settings.is_empty())
        .chain(view)
        .collect();
    if query.is_empty() {
        page.to_string()
    } else {
        format!("{page}?{}", query.join("&"))
    }
}

/// How arrivals are asked for; none for the learner's own, which are there or not.
fn request(source: &Source) -> Option<Request> {
    let ask = match source {
        Source::Example(id) => Ask::Example { id: (*id).into() },
        Source::Model(model) => Ask::Generate {
            model: (**model).clone(),
        },
        Source::Own => return None,
    };
    Some(Request {
        errand: Errand::Load,
        ask,
        file: None,
    })
}

fn analysis(desk: &Desk, errand: Errand) -> Option<Request> {
    let (config, sla) = (desk.settings.config, desk.settings.sla.clone());
    let late_ppm = sla.late_ppm().unwrap_or(10_000);
    let ask = match errand {
        Errand::Load | Errand::Import => return None,
        Errand::Judge => Ask::Sweep {
            configs: vec![config],
            sla,
        },
        Errand::Delay => Ask::Delay { config, late_ppm },
        Errand::Strategies => Ask::Sweep {
            configs: tables::strategies(&config, late_ppm),
            sla,
        },
        Errand::Windows => Ask::Sweep {
            configs: tables::windows(&config),
            sla,
        },
        Errand::Sweep => Ask::Sweep {
            configs: tables::sweep(&config, &desk.loaded.as_ref()?.delays.ecdf),
            sla,
        },
    };
    Some(Request {
        errand,
        ask,
        file: None,
    })
}

#[component]
fn Page() -> Html {
    let desk = use_reducer(|| {
        let (settings, refused) = Settings::read(&search(), &OF_PAGE);
        Desk::new(settings, refused)
    });
    let client = {
        let dispatch = desk.dispatcher();
        use_state(|| {
            Client::new(Callback::from(move |heard| {
                dispatch.dispatch(match heard {
                    Heard::Told(errand, told) => Action::Told(errand, told),
                    Heard::Plane(told) => Action::Plane(told),
                    Heard::Broken(why) => Action::Broken(why),
                })
            }))
        })
    };
    // A source is loaded when it changes; the learner's own were loaded when they were opened.
    {
        let (client, dispatch) = (client.clone(), desk.dispatcher());
        use_effect_with(desk.settings.source.clone(), move |source| {
            if let Some(request) = request(source) {
                dispatch.dispatch(Action::Begun(Errand::Load));
                client.run(vec![request]);
            }
        });
    }
    // New arrivals or settings: what the chosen configuration makes of them, then the curve.
    {
        let (client, desk) = (client.clone(), desk.clone());
        let late_ppm = desk.settings.sla.late_ppm();
        use_effect_with(
            (desk.turn, desk.settings.config, late_ppm),
            move |&(turn, ..)| {
                if turn > 0 && !desk.is_loading() {
                    let mut errands = vec![Errand::Judge, Errand::Delay];
                    errands.extend(match desk.tab {
                        Tab::Strategies => Some(Errand::Strategies),
                        Tab::Windows => Some(Errand::Windows),
                        _ => None,
                    });
                    client.run(
                        errands
                            .into_iter()
                            .filter_map(|errand| analysis(&desk, errand))
                            .collect(),
                    );
                }
            },
        );
    }
    // A tab that is opened works out what it shows.
    {
        let (client, desk) = (client.clone(), desk.clone());
        use_effect_with(desk.tab, move |tab| {
            let errand = match tab {
                Tab::Strategies
                    if desk
                        .strategies
                        .as_ref()
                        .is_none_or(|many| many.of != desk.settings.config) =>
                {
                    Errand::Strategies
                }
                Tab::Windows
                    if desk
                        .windows
                        .as_ref()
                        .is_none_or(|many| many.of != desk.settings.config) =>
                {
                    Errand::Windows
                }
                _ => return,
            };
            if desk.busy.is_none() && desk.loaded.is_some() {
                desk.dispatch(Action::Begun(errand));
                client.run(analysis(&desk, errand).into_iter().collect());
            }
        });
    }
    // The plane follows the stretch, the settings and the finger.
    {
        let client = client.clone();
        let config = desk.settings.config;
        use_effect_with(
            (desk.turn, config, desk.view()),
            move |(_, config, view)| {
                if let Some(view) = view {
                    client.plane(Ask::Plane {
                        config: *config,
                        view: *view,
                    });
                }
            },
        );
    }
    use_address(&desk);
    use_effect_with((), |()| {
        super::frame::serve_view();
    });
    let on_run = {
        let (client, desk) = (client.clone(), desk.clone());
        Callback::from(move |errand| {
            if desk.loaded.is_some() {
                desk.dispatch(Action::Begun(errand));
                client.run(analysis(&desk, errand).into_iter().collect());
            }
        })
    };
    let options = use_state(Options::default);
    let on_file = {
        let (client, desk, options) = (client.clone(), desk.clone(), options.clone());
        Callback::from(move |file: Blob| {
            let options = (*options).clone();
            if file.size() > MOST_BYTES {
                let why = format!(
                    "The file has {}; up to {} are accepted. Its first million rows would do.",
                    axes::bytes(file.size() as u64),
                    axes::bytes(MOST_BYTES as u64)
                );
                desk.dispatch(Action::Told(
                    Errand::Import,
                    crate::arrivals::session::Told::Refused(why),
                ));
                return;
            }
            desk.dispatch(Action::Begun(Errand::Import));
            client.run(vec![Request {
                errand: Errand::Import,
                ask: Ask::Import {
                    bytes: Vec::new(),
                    options,
                },
                file: Some(file),
            }]);
        })
    };
    use_drop(&on_file);
    let on_source = {
        let (desk, client) = (desk.clone(), client.clone());
        Callback::from(move |source: Source| {
            if desk.settings.source == source {
                // Chosen again: after a file that could not be read, say.
                if let Some(request) = request(&source) {
                    desk.dispatch(Action::Begun(Errand::Load));
                    client.run(vec![request]);
                }
            } else {
                source::with_source(&desk, source);
            }
        })
    };
    let on_stop = {
        let (client, desk) = (client.clone(), desk.clone());
        Callback::from(move |()| {
            client.stop();
            desk.dispatch(Action::Stopped);
        })
    };
    html! {
        <div class="page event-time" data-panel={desk.side.name()} data-face="stage">
            <a class="skip" href="#plane">{ "to the plane" }</a>
            <a class="skip" href="#controls">{ "to the settings" }</a>
            <Header desk={desk.clone()} {on_stop} />
            if !desk.refused.is_empty() { <Refused desk={desk.clone()} /> }
            if let Some(why) = desk.broken { <p class="problem broken" role="alert">{ why }</p> }
            <div class="workbench">
                <SourcePanel desk={desk.clone()} {on_file} {options} {on_source} />
                <section class="stage" aria-label="Event-time lab">
                    <PlanePanel desk={desk.clone()} />
                    <Tally desk={desk.clone()} />
                    <Analysis desk={desk.clone()} {on_run} />
                </section>
                <SettingsPanel desk={desk.clone()} />
            </div>
            <Sides desk={desk.clone()} />
        </div>
    }
}

/// Keeps the address up to date.
#[yew::hook]
fn use_address(desk: &UseReducerHandle<Desk>) {
    let shown = address(&desk.settings);
    let first = use_mut_ref(|| true);
    use_effect_with(shown, move |shown| {
        // The first one is the one that was opened: what was refused in it may be looked at.
        let timer = (!first.replace(false)).then(|| {
            let shown = shown.clone();
            Timeout::new(CALM, move || {
                if let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
                    let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&shown));
                }
            })
        });
        move || drop(timer)
    });
}

/// A file that is dropped anywhere on the page.
#[yew::hook]
fn use_drop(on_file: &Callback<Blob>) {
    let newest = use_mut_ref(|| on_file.clone());
    *newest.borrow_mut() = on_file.clone();
    use_effect_with((), move |()| {
        let window = web_sys::window();
        let may_refuse = EventListenerOptions::enable_prevent_default();
        let on_drag = window.clone().map(|window| {
            EventListener::new_with_options(&window, "dragover", may_refuse, |event| {
                event.prevent_default()
            })
        });
        let on_drop = window.map(|window| {
            EventListener::new_with_options(&window, "drop", may_refuse, move |event| {
                let files = event
                    .unchecked_ref::<DragEvent>()
                    .data_transfer()
                    .and_then(|data| data.files());
                if let Some(file) = files.and_then(|files| files.get(0)) {
                    event.prevent_default();
                    newest.borrow().emit(file.into());
                }
            })
        });
        move || drop((on_drag, on_drop))
    });
}

#[derive(Properties, PartialEq)]
struct HeaderProps {
    desk: UseReducerHandle<Desk>,
    on_stop: Callback<()>,
}

/// What is under way, the way back, the link.
#[component]
fn Header(props: &HeaderProps) -> Html {
    let HeaderProps { desk, on_stop } = props;
    let copied = use_state(|| false);
    let share = {
        let (desk, copied) = (desk.clone(), copied.clone());
        Callback::from(move |_| {
            copy(address(&desk.settings));
            copied.set(true);
        })
    };
    {
        let copied = copied.clone();
        use_effect_with(desk.settings.clone(), move |_| copied.set(false));
    }
    let show = |side: Side| {
        let desk = desk.clone();
        Callback::from(move |_| desk.dispatch(Action::Side(side)))
    };
    let stop = {
        let on_stop = on_stop.clone();
        Callback::from(move |_| on_stop.emit(()))
    };
    html! {
        <header class="top">
            <a class="brand" href="./">
                <svg viewBox="0 0 28 20" aria-hidden="true"><path class="rail" d="M1 10H9L15 4H27M9 10L15 16H27" /><path class="route" d="M1 10H9L15 4H27" /></svg>
                { "Streamproof" }
            </a>
            <span class="what">{ "Event-time lab" }</span>
            if let Some((errand, progress)) = desk.busy {
                <span class="busy" id="busy" role="status">
                    { match errand { Errand::Load => "Generating", Errand::Import => "Reading", Errand::Judge | Errand::Delay => "Running", Errand::Strategies => "Comparing", Errand::Windows => "Comparing", Errand::Sweep => "Sweeping" } }
                    <progress max={progress.total.max(1).to_string()} value={progress.done.to_string()} aria-label="Progress"></progress>
                    <button class="btn" id="cancel" onclick={stop}>{ "Cancel" }</button>
                </span>
            }
            <span class="space"></span>
            if *copied { <span class="about" role="status">{ if desk::is_own(&desk.settings) { "Link copied: the settings, not your arrivals" } else { "Link copied" } }</span> }
            <Themes />
            <button class="btn quiet" id="share" onclick={share}>{ "Copy link" }</button>
            <button class="btn quiet drawer-button" onclick={show(Side::Arrivals)} aria-expanded={(desk.side == Side::Arrivals).to_string()} aria-controls="lesson">{ "Arrivals" }</button>
            <button class="btn quiet drawer-button" onclick={show(Side::Settings)} aria-expanded={(desk.side == Side::Settings).to_string()} aria-controls="controls">{ "Settings" }</button>
        </header>
    }
}

/// What the address said and could not be used.
#[component]
fn Refused(props: &plane::PlaneProps) -> Html {
    let desk = &props.desk;
    let close = {
        let desk = desk.clone();
        Callback::from(move |_| desk.dispatch(Action::Dismiss))
    };
    html! {
        <section class="panel notice" data-kind="damaged" id="refused" role="alert">
            <div><b>{ "Parts of the address were refused; the defaults stand in for them." }</b>
                <ul>{ for desk.refused.iter().map(|why| html! { <li>{ why.clone() }</li> }) }</ul>
            </div>
            <button class="btn quiet" onclick={close} aria-label="Close">{ "×" }</button>
        </section>
    }
}

/// The lower panel.
#[component]
fn Analysis(props: &tables::TabProps) -> Html {
    let tables::TabProps { desk, on_run } = props;
    html! {
        <section class="panel lower" aria-label="Analysis">
            <div class="lab-tabs" role="tablist" aria-label="Analysis">
                { for Tab::ALL.iter().map(|&(tab, name)| html! { <button role="tab" id={format!("tab-{tab:?}")} aria-selected={(desk.tab == tab).to_string()} aria-controls="lower" onclick={tables::open(desk, tab)}>{ name }</button> }) }
            </div>
            <div id="lower" role="tabpanel" aria-labelledby={format!("tab-{:?}", desk.tab)}>
                { match desk.tab {
                    Tab::Overview => html! { <plots::Overview desk={desk.clone()} /> },
                    Tab::Delays => html! { <plots::Distribution desk={desk.clone()} /> },
                    Tab::Delay => html! { <plots::WhichDelay desk={desk.clone()} /> },
                    Tab::Strategies => html! { <tables::Strategies desk={desk.clone()} on_run={on_run.clone()} /> },
                    Tab::Windows => html! { <tables::WindowKinds desk={desk.clone()} on_run={on_run.clone()} /> },
                    Tab::Sweep => html! { <tables::SweepTab desk={desk.clone()} on_run={on_run.clone()} /> },
                } }
            </div>
        </section>
    }
}

/// What a phone shows one at a time.
#[component]
fn Sides(props: &plane::PlaneProps) -> Html {
    let desk = &props.desk;
    let tab = |side: Side, name: &'static str| {
        let on_click = {
            let desk = desk.clone();
            Callback::from(move |_| {
                if desk.side != side {
                    desk.dispatch(Action::Side(side));
                }
            })
        };
        html! { <button aria-current={(desk.side == side).then_some("page")} onclick={on_click}>{ name }</button> }
    };
    html! { <nav class="tabs" aria-label="Views">{ tab(Side::Arrivals, "Arrivals") }{ tab(Side::None, "Plane") }{ tab(Side::Analysis, "Analysis") }{ tab(Side::Settings, "Settings") }</nav> }
}
