//! The worker's side: a job is advanced slice by slice, so that a newer request is heard between two slices.

use crate::job::{Job, Reply};
use gloo::timers::callback::Timeout;
use js_sys::Uint8Array;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

const SLICE: u64 = 4_000;

type Current = Rc<RefCell<Option<Job>>>;

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

fn post(reply: &Reply) {
    let bytes = Uint8Array::from(reply.to_bytes().as_slice());
    // Without a listener there is nobody to answer to.
    let _ = scope().post_message(&bytes);
}

/// Listens for requests for as long as the page lives.
pub fn serve() {
    let current: Current = Rc::new(RefCell::new(None));
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        let Some(text) = event.data().as_string() else { return };
        match Job::begin(&text) {
            Ok(job) => {
                let idle = current.borrow_mut().replace(job).is_none();
                if idle {
                    advance(current.clone());
                }
            }
            Err(reply) => post(&reply),
        }
    });
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    post(&Reply::Ready);
}

fn advance(current: Current) {
    Timeout::new(0, move || {
        let Some(job) = current.borrow_mut().take() else { return };
        match job.advance(SLICE) {
            Ok(job) => {
                post(&job.progress());
                *current.borrow_mut() = Some(job);
                advance(current);
            }
            Err(reply) => post(&reply),
        }
    })
    .forget();
}
