//! What the page says about links: the run of one is the one that was shared, or is not, or the link is damaged; and the
//! link of the run at hand, to copy or to save.

use crate::app::hooks::{PRINT, announce};
use crate::app::lab::{Action, Face, Lab, Notice, Sheet};
use crate::app::{files, link};
use crate::sim::catalog;
use crate::sim::kernel::Time;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;
use yew::{Callback, Event, Html, Properties, UseReducerHandle, component, html};

#[derive(Properties, PartialEq)]
pub struct NoticeBarProps {
    pub lab: UseReducerHandle<Lab>,
    /// Where the playhead is.
    pub at: Time,
}

/// The notice, if there is one.
#[component]
pub fn NoticeBar(props: &NoticeBarProps) -> Html {
    let lab = &props.lab;
    let Some(notice) = &lab.notice else {
        return html! {};
    };
    let close = {
        let lab = lab.dispatcher();
        Callback::from(move |_| lab.dispatch(Action::Notice(None)))
    };
    let (kind, role, body) = match notice {
        Notice::Reproduced => ("ok", "status", html! { <p>{ "Reproduced exactly." }</p> }),
        Notice::Differs(_) => (
            "differs",
            "status",
            html! { <p>{ "Made with another version of the simulator: results may differ from what was shared." }</p> },
        ),
        Notice::Damaged(error) => {
            let preset = error
                .id
                .and_then(catalog::find)
                .or_else(|| catalog::find(catalog::OPENING));
            let start = {
                let lab = lab.dispatcher();
                Callback::from(move |_| {
                    if let Some(preset) = preset {
                        lab.dispatch(Action::Preset(preset));
                    }
                    lab.dispatch(Action::Face(Face::Stage));
                    lab.dispatch(Action::Notice(None));
                })
            };
            let title = preset.map(catalog::Preset::title);
            (
                "damaged",
                "alert",
                html! {
                    <>
                        <p>{ error.to_string() }</p>
                        <button class="btn" id="from-scenario" onclick={start}>{ "Start from the scenario: " }{ title }</button>
                    </>
                },
            )
        }
        Notice::Share(shared) => ("share", "status", share(props, shared)),
    };
    html! {
        <section class="notice panel" data-kind={kind} aria-label="About links">
            <div {role}>{ body }</div>
            <button class="btn quiet" id="close-notice" onclick={close}>{ "Close" }</button>
        </section>
    }
}

/// The link, or why there is none; and the run as a file, and back.
fn share(props: &NoticeBarProps, shared: &Result<String, crate::share::NoLink>) -> Html {
    let save = {
        let (lab, at) = (props.lab.clone(), props.at);
        Callback::from(move |_| {
            files::save(
                "streamproof-run.json",
                "application/json",
                &lab.link(at).to_file(),
            );
        })
    };
    let code = {
        let lab = props.lab.dispatcher();
        Callback::from(move |_| lab.dispatch(Action::Sheet(Some(Sheet::Code))))
    };
    let open = {
        let lab = props.lab.dispatcher();
        Callback::from(move |event: Event| {
            let input = event
                .target()
                .and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
            let file = input
                .and_then(|input| input.files())
                .and_then(|files| files.get(0));
            if let Some(file) = file {
                link::open_file(file, lab.clone());
            }
        })
    };
    html! {
        <>
            { match shared {
                Ok(text) => html! {
                    <label>{ "The run is this address." }
                        <input id="run-link" readonly=true value={link::address(text)} />
                    </label>
                },
                Err(reason) => html! { <p>{ "This run travels as a file: " }{ reason.to_string() }{ "." }</p> },
            } }
            <div class="row">
                <button class="btn" id="save-run" onclick={save}>{ "Save as a run file" }</button>
                if shared.is_ok() { <button class="btn" id="qr" onclick={code}>{ "QR code" }</button> }
                <button class="btn" id="print-run" onclick={|_| announce(PRINT)}>{ "Print" }</button>
                <label class="btn">{ "Open a run file" }<input id="open-run" type="file" class="vh" accept=".json,application/json" onchange={open} /></label>
            </div>
        </>
    }
}
