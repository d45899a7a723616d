//! The worker's side: a job is advanced slice by slice, so that a newer request is heard between two slices.
//!
//! There is room for one run and one exploration; the run goes first, and the exploration goes on behind it.
//!
//! Where no worker may start, the page loads this same program into itself and talks to it through a message port.

use crate::job::{Job, Reply};
use gloo::timers::callback::Timeout;
use js_sys::{Date, Reflect, Uint8Array};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{MessageEvent, MessagePort};

/// The global under which the page leaves the port before it loads this program.
pub const PORT: &str = "streamproofPort";

/// Events a slice.
const SLICE: u64 = 1_500;
/// How long a worker goes on without listening, in ms.
const TURN: f64 = 25.0;

struct Server {
    peer: MessagePort,
    turn: f64,
    run: RefCell<Option<Job>>,
    many: RefCell<Option<Job>>,
    awake: Cell<bool>,
}

/// Who asks: the page by the port that it left, or the worker's own scope, which has the methods of a port. And how long to go
/// on without listening, in ms; on the page, where it has to fit between two pictures, one slice.
pub fn peer() -> (MessagePort, f64) {
    let scope = js_sys::global();
    let port = Reflect::get(&scope, &PORT.into())
        .ok()
        .filter(|port| port.is_object());
    let turn = if port.is_some() { 0.0 } else { TURN };
    (port.unwrap_or_else(|| scope.into()).unchecked_into(), turn)
}

/// Hears every message for as long as the page lives.
pub fn listen(peer: &MessagePort, hear: impl Fn(MessageEvent) + 'static) {
    let hear = Closure::<dyn Fn(MessageEvent)>::new(hear);
    peer.set_onmessage(Some(hear.as_ref().unchecked_ref()));
    hear.forget();
}

/// Serves requests for as long as the page lives.
pub fn serve() {
    let (peer, turn) = peer();
    let server = Rc::new(Server {
        peer: peer.clone(),
        turn,
        run: RefCell::new(None),
        many: RefCell::new(None),
        awake: Cell::new(false),
    });
    let this = server.clone();
    listen(&peer, move |event| {
        match Job::begin(&event.data().unchecked_into::<Uint8Array>().to_vec()) {
            Ok(job) => {
                let is_run = job.is_run();
                *this.place(is_run).borrow_mut() = Some(job);
                if !this.awake.replace(true) {
                    advance(this.clone());
                }
            }
            Err(reply) => this.post(&reply),
        }
    });
    server.post(&Reply::Ready);
}

fn advance(server: Rc<Server>) {
    Timeout::new(0, move || {
        let run = server.run.borrow_mut().take();
        let Some(mut job) = run.or_else(|| server.many.borrow_mut().take()) else {
            server.awake.set(false);
            return;
        };
        let is_run = job.is_run();
        let until = Date::now() + server.turn;
        loop {
            match job.advance(SLICE) {
                Ok(next) => job = next,
                Err(reply) => {
                    server.post(&reply);
                    break;
                }
            }
            if Date::now() >= until {
                server.post(&job.progress());
                *server.place(is_run).borrow_mut() = Some(job);
                break;
            }
        }
        advance(server);
    })
    .forget();
}

impl Server {
    fn place(&self, is_run: bool) -> &RefCell<Option<Job>> {
        if is_run { &self.run } else { &self.many }
    }

    fn post(&self, reply: &Reply) {
        let bytes = Uint8Array::from(reply.to_bytes().as_slice());
        // Without a listener there is nobody to answer to.
        let _ = self.peer.post_message(&bytes);
    }
}
