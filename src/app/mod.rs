//! The page.

pub mod components;
pub mod event_time;
mod fetch;
mod files;
mod frame;
mod head;
mod hooks;
mod keys;
mod lab;
pub mod later;
mod learner;
mod link;
mod many;
pub mod plots;
pub mod plotter;
mod runner;
mod sqlite;
mod storage;
pub mod worker;

use crate::job::{Reply, What};
use crate::sim::kernel::Time;
use components::course::CourseProps;
use components::decide::DecideProps;
use components::header::Header;
use components::lesson::LessonPanelProps;
use components::notice::NoticeBar;
use components::present::PresentProps;
use components::run_sheet::RunSheetProps;
use components::settings::{SettingsProps, Shown};
use components::stage::{Stage, opening_view};
use components::start::Start;
use components::study::StudyProps;
use head::{Head, Move};
use hooks::{Printing, use_frames, use_keys, use_printing};
use lab::{Action, AfterRun, Face, Lab, Panel, Shared};
use learner::{Slide, Wanted};
use many::{Asking, Many};
use runner::Runner;
use yew::{
    Callback, ContextProvider, Html, UseReducerHandle, component, html, use_effect_with, use_memo,
    use_reducer_eq, use_state,
};

/// Starts the page. The static shell of `index.html` stays in view until there is something to take its place.
pub fn mount(parts: later::Parts) {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(root) = document
        .as_ref()
        .and_then(|document| document.get_element_by_id("app"))
    else {
        return;
    };
    yew::Renderer::<App>::with_root_and_props(root, AppProps { parts }).render();
}

/// Takes the static shell away.
fn unveil() {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(shell) = document.and_then(|document| document.get_element_by_id("shell")) {
        shell.remove();
    }
}

/// A view parameter of the address.
fn parameter(name: &str) -> Option<String> {
    let search = web_sys::window()?.location().search().ok()?;
    let pairs = search
        .trim_start_matches('?')
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value.to_string())
        .next()
}

#[derive(yew::Properties, PartialEq)]
struct AppProps {
    parts: later::Parts,
}

/// The whole page: one reducer for the lab, one for the playhead, one runner.
#[component]
fn App(props: &AppProps) -> Html {
    let parts = props.parts;
    let lab = use_reducer_eq(link::arrived);
    let head = use_reducer_eq(Head::default);
    let lit = use_state(Vec::<String>::new);
    let many = use_reducer_eq(Many::default);
    let deciding = use_state(|| false);
    let wanted = use_state(|| None::<Shared<Wanted>>);
    // The list of lessons, with its search.
    let browsing = use_state(|| false);
    let slide = use_state(|| None::<Slide>);
    let printing = use_printing();
    // The decision's record is printed by its own dialog.
    let on_paper = matches!(printing, Printing::Now | Printing::Asked) && !*deciding;
    let runner = {
        let (dispatch, many) = (lab.dispatcher(), many.dispatcher());
        use_memo((), move |()| {
            Runner::new(Callback::from(move |(explores, reply)| match reply {
                Reply::Done { run, .. } => dispatch.dispatch(Action::Finished(run)),
                Reply::Refused { problem, .. } if explores => {
                    many.dispatch(Asking::Refused(problem))
                }
                Reply::Refused { problem, .. } => dispatch.dispatch(Action::Refused(problem)),
                Reply::Progress { events, .. } => dispatch.dispatch(Action::Progress(events)),
                Reply::Part { done, of, .. } => many.dispatch(Asking::Part(done, of)),
                Reply::Found { found, .. } => many.dispatch(Asking::Found(found)),
                Reply::Ready => {}
            }))
        })
    };
    {
        let (lab, runner) = (lab.clone(), runner.clone());
        use_effect_with(lab.wanted, move |_| {
            let asked = lab.asked.as_ref().map_or(&lab.scenario, |asked| &asked.0);
            runner.ask(asked, What::Run);
        });
    }
    {
        let (asked, scenario, runner) = (many.asked.clone(), lab.scenario.clone(), runner.clone());
        use_effect_with(many.wanted, move |&wanted| match asked {
            Some((what, scenario)) => runner.ask(&scenario, what),
            None if wanted > 0 => runner.ask(&scenario, What::Stop),
            None => {}
        });
    }
    {
        let many = many.dispatcher();
        use_effect_with((lab.base_id, lab.base.workload.orders), move |_| {
            many.dispatch(Asking::Forget);
        });
    }
    {
        // What was cheap to explore follows the settings by itself.
        let again = many.open && many.cheap && many.is_stale(&lab);
        let (many, ask) = (many.dispatcher(), Many::judge(&lab));
        use_effect_with((lab.scenario.clone(), again), move |&(_, again)| {
            if again {
                many.dispatch(ask);
            }
        });
    }
    {
        let (lab, head) = (lab.clone(), head.clone());
        use_effect_with(lab.done.clone(), move |_| match lab.after_run {
            AfterRun::Play if lab.face == Face::Stage => head.dispatch(Move::Restart {
                stop: lab.first_stop(),
            }),
            AfterRun::Seek(at) if lab.done.is_some() => {
                head.dispatch(Move::Seek(at.min(lab.end())));
            }
            AfterRun::Fork(at) if lab.done.is_some() => {
                head.dispatch(Move::Seek(at));
                head.dispatch(Move::Play {
                    stop: lab.first_stop().max(at),
                });
            }
            _ => {}
        });
    }
    {
        let head = head.dispatcher();
        use_effect_with(lab.base_id, move |_| {
            head.dispatch(Move::Unloop);
            head.dispatch(Move::Seek(Time::ZERO));
        });
    }
    use_effect_with(lab.done.is_some() || lab.problem.is_some(), move |&ready| {
        if ready {
            unveil();
            plots::load();
            parts.fetch();
        }
    });
    let on_frame = {
        let dispatch = head.dispatcher();
        Callback::from(move |micros| dispatch.dispatch(Move::Tick(micros)))
    };
    use_frames(head.playing, on_frame);
    // Behind the questions and the list of lessons nothing listens.
    use_keys(match *deciding || *browsing {
        true => Callback::noop(),
        false => keys::on_key(lab.clone(), head.clone()),
    });
    let on_browse = {
        let browsing = browsing.setter();
        Callback::from(move |open| browsing.set(open))
    };
    let on_go = {
        let (lab, wanted, browsing) = (lab.clone(), wanted.setter(), browsing.setter());
        Callback::from(move |lesson: Wanted| {
            wanted.set(Some(Shared::new(lesson)));
            browsing.set(false);
            lab.dispatch(Action::Face(Face::Stage));
            if lab.panel != Panel::Lesson {
                lab.dispatch(Action::Show(Panel::Lesson));
            }
        })
    };
    link::use_address(&lab, &head, &on_go);
    frame::use_frame(&lab, &head);
    let open = |panel: Panel, play: bool| {
        let (lab, head) = (lab.clone(), head.clone());
        Callback::from(move |_| {
            lab.dispatch(Action::Face(Face::Stage));
            if panel != Panel::None {
                lab.dispatch(Action::Show(panel));
            }
            if play {
                head.dispatch(Move::Restart {
                    stop: lab.first_stop(),
                });
            }
        })
    };
    // The address may name a lesson; then that is the one.
    let on_lesson = match parameter("lesson") {
        Some(_) => open(Panel::Lesson, false),
        None => on_go.reform(|_| Wanted::lesson(learner::OPENING)),
    };
    let on_lit = {
        let lit = lit.clone();
        Callback::from(move |keys: Vec<String>| lit.set(keys))
    };
    let on_slide = {
        let slide = slide.clone();
        Callback::from(move |now: Slide| slide.set(Some(now)))
    };
    let on_decide = {
        let (deciding, many, head) = (deciding.clone(), many.dispatcher(), head.dispatcher());
        Callback::from(move |open| {
            if open {
                // Its jobs take the place of an exploration that is under way.
                many.dispatch(Asking::Stop);
                head.dispatch(Move::Pause);
            }
            deciding.set(open);
        })
    };
    // The last frame of a run is its outcome, be it played, stepped or dragged to.
    let watched = lab.done.is_some()
        && !lab.running
        && lab.first_stop() > Time::ZERO
        && head.at >= lab.first_stop();
    let shown = lab.done.as_ref().map_or_else(Shown::default, |done| Shown {
        outcomes: done
            .run
            .outcomes
            .partition_point(|outcome| outcome.at <= head.at),
        ended: head.at >= done.run.end,
    });
    html! {
        <ContextProvider<later::Parts> context={parts}>
        <ContextProvider<UseReducerHandle<Many>> context={many}>
        <div class="page" data-explaining={lab.explaining.to_string()} data-face={if lab.face == Face::Start { "start" } else { "stage" }} data-panel={format!("{:?}", lab.panel).to_ascii_lowercase()} data-deciding={deciding.to_string()} data-present={(lab.presenting == Some(true)).to_string()} data-printing={on_paper.to_string()}>
            <a class="skip" href="#lesson">{ "to the lesson" }</a>
            <a class="skip" href="#controls">{ "to the run controls" }</a>
            <Header lab={lab.clone()} at={if head.playing { Time::ZERO } else { head.at }} deciding={*deciding} on_decide={on_decide.clone()} on_browse={on_browse.clone()} />
            <NoticeBar lab={lab.clone()} at={head.at} />
            if lab.presenting.is_some() { { later::present(PresentProps { lab: lab.clone(), head: head.clone(), slide: (*slide).clone(), watched }) } }
            if lab.face == Face::Start {
                <Start view={opening_view(&lab)} problem={lab.problem.clone().map(|(_, problem)| problem)} on_run={open(Panel::None, true)} {on_lesson} on_sandbox={open(Panel::None, false)} on_browse={on_browse.reform(|_| true)}>
                    if !storage::is_new() { { later::study(StudyProps { on_go: on_go.clone() }) } }
                </Start>
            } else {
                <div class="workbench">
                    { later::lesson(LessonPanelProps { lab: lab.clone(), head: head.dispatcher(), watched, playing: head.playing, on_lit, on_slide, wanted: (*wanted).clone(), on_go: on_go.clone(), on_browse: on_browse.clone() }) }
                    <Stage lab={lab.clone()} head={head.clone()} />
                    { later::settings(SettingsProps { lab: lab.clone(), shown, lit: (*lit).clone() }) }
                </div>
                <Tabs lab={lab.clone()} />
                if let Some(view) = opening_view(&lab).filter(|_| on_paper) {
                    { later::run_sheet(RunSheetProps { view: view.seen(head.at, lab.followed(head.at)), lab: lab.clone(), prints: printing == Printing::Asked }) }
                }
                if *deciding {
                    { later::decide(DecideProps { lab: lab.dispatcher(), runner: (*runner).clone(), on_close: on_decide.reform(|()| false) }) }
                }
            }
            if *browsing {
                { later::course(CourseProps { lab: lab.clone(), on_go, on_close: on_browse.reform(|()| false) }) }
            }
        </div>
        </ContextProvider<UseReducerHandle<Many>>>
        </ContextProvider<later::Parts>>
    }
}

#[derive(yew::Properties, PartialEq)]
struct TabsProps {
    lab: yew::UseReducerHandle<Lab>,
}

/// What a phone shows one at a time.
#[component]
fn Tabs(props: &TabsProps) -> Html {
    let lab = &props.lab;
    let tab = |panel: Panel, name: &'static str| {
        let on_click = {
            let lab = lab.clone();
            Callback::from(move |_| {
                if lab.panel != panel {
                    lab.dispatch(Action::Show(panel));
                }
            })
        };
        html! { <button aria-current={(lab.panel == panel).then_some("page")} onclick={on_click}>{ name }</button> }
    };
    html! { <nav class="tabs" aria-label="Views">{ tab(Panel::Lesson, "Lesson") }{ tab(Panel::None, "Run") }{ tab(Panel::Plots, "Plots") }{ tab(Panel::Settings, "Settings") }</nav> }
}
