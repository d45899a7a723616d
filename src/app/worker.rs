//! The worker's side: a job is advanced slice by slice, so that a newer request is heard between two slices.
//!
//! Where no worker may start, the page loads this same program into itself and talks to it through a message port.

use crate::job::{Job, Reply};
use gloo::timers::callback::Timeout;
use js_sys::{Reflect, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{MessageEvent, MessagePort};

/// The global under which the page leaves the port before it loads this program.
pub const PORT: &str = "streamproofPort";

/// Events a slice in a worker, and on the page, where a slice has to fit between two pictures.
const SLICE: u64 = 4_000;
const SLICE_ON_PAGE: u64 = 1_500;

struct Server {
    /// The page's port, or the worker's own scope: both have the methods of a port.
    peer: MessagePort,
    slice: u64,
    current: RefCell<Option<Job>>,
}

/// Listens for requests for as long as the page lives.
pub fn serve() {
    let scope = js_sys::global();
    let port = Reflect::get(&scope, &PORT.into())
        .ok()
        .filter(|port| port.is_object());
    let slice = if port.is_some() { SLICE_ON_PAGE } else { SLICE };
    let peer: MessagePort = port.unwrap_or_else(|| scope.into()).unchecked_into();
    let server = Rc::new(Server {
        peer: peer.clone(),
        slice,
        current: RefCell::new(None),
    });
    let on_message = {
        let server = server.clone();
        Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            match Job::begin(&event.data().unchecked_into::<Uint8Array>().to_vec()) {
                Ok(job) => {
                    let idle = server.current.borrow_mut().replace(job).is_none();
                    if idle {
                        advance(server.clone());
                    }
                }
                Err(reply) => server.post(&reply),
            }
        })
    };
    peer.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    server.post(&Reply::Ready);
}

fn advance(server: Rc<Server>) {
    Timeout::new(0, move || {
        let Some(job) = server.current.borrow_mut().take() else {
            return;
        };
        match job.advance(server.slice) {
            Ok(job) => {
                server.post(&job.progress());
                *server.current.borrow_mut() = Some(job);
                advance(server);
            }
            Err(reply) => server.post(&reply),
        }
    })
    .forget();
}

impl Server {
    fn post(&self, reply: &Reply) {
        let bytes = Uint8Array::from(reply.to_bytes().as_slice());
        // Without a listener there is nobody to answer to.
        let _ = self.peer.post_message(&bytes);
    }
}
