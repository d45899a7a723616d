//! The first ten seconds: one sentence, one picture, one button.

use super::diagram::Diagram;
use super::stage::View;
use yew::{Callback, Children, Html, MouseEvent, Properties, component, html};

#[derive(Properties, PartialEq)]
pub struct StartProps {
    /// The run at time zero, once it is there.
    pub view: Option<View>,
    /// Why there is none.
    pub problem: Option<String>,
    pub on_run: Callback<MouseEvent>,
    pub on_lesson: Callback<MouseEvent>,
    pub on_sandbox: Callback<MouseEvent>,
    /// Opens the list of lessons.
    pub on_browse: Callback<MouseEvent>,
    /// What stands below: where a learner who comes back goes on.
    pub children: Children,
}

/// The start page. Its picture is there twice, for wide and for narrow places; the style sheet shows one.
#[component]
pub fn Start(props: &StartProps) -> Html {
    html! {
        <main class="start" id="stage">
            <h1>{ "If one acknowledgement gets lost, how often is order 17 billed?" }</h1>
            <section class="panel poster" role="img" aria-label="One producer, topic orders with two partitions on three brokers, Spark, a Hudi table. Nothing has been sent yet. The acknowledgement of order 17 will be cut.">
                if let Some(view) = &props.view {
                    <Diagram scene={view.turned(false)} on_select={Callback::noop()} />
                    <Diagram scene={view.turned(true)} on_select={Callback::noop()} />
                }
            </section>
            if let Some(problem) = &props.problem { <p class="problem" role="alert">{ problem.clone() }</p> }
            <div class="go">
                <button class="btn primary big" id="run" disabled={props.view.is_none()} onclick={props.on_run.clone()}>
                    <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2l10 6-10 6z" /></svg>{ "Run: the acknowledgement gets lost" }
                </button>
                <p>{ "Four seconds, then your turn." }<br />{ "Simulated in this tab; nothing is sent." }</p>
            </div>
            <ul class="ways">
                <li><button class="link" id="to-lesson" onclick={props.on_lesson.clone()}>{ "Lesson: the lost acknowledgement" }</button>{ "Why a sender that hears nothing must choose between a missing order and a doubled one." }</li>
                <li><button class="link" id="to-course" onclick={props.on_browse.clone()}>{ "All lessons" }</button>{ "The course from the first order to the last review, with search, glossary and your progress." }</li>
                <li><button class="link" id="to-sandbox" onclick={props.on_sandbox.clone()}>{ "Sandbox" }</button>{ "The pipeline with its settings and faults, at your own pace." }</li>
                <li><a class="link" id="to-event-time" href="./event-time.html">{ "Event-time lab" }</a>{ "How long to wait for late events: watermarks, windows and your own arrivals." }</li>
            </ul>
            { for props.children.iter() }
        </main>
    }
}
