//! Where jobs run: in a worker if one may start, else in slices on the page.
//!
//! A worker is a speed-up, never a condition: a sandboxed frame refuses it, and a policy without `wasm-unsafe-eval` on the
//! worker's own answer fails without any event, so a worker that is not up in time is given up.

use crate::job::{Job, Reply, Request};
use crate::sim::Scenario;
use gloo::timers::callback::Timeout;
use js_sys::Uint8Array;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{MessageEvent, Worker};
use yew::Callback;

/// Relative to the page, so that it works under a sub-path and in a frame.
const WORKER: &str = "./worker_loader.js";
/// How long a worker may take to start, in ms.
const PATIENCE: u32 = 2_500;
/// Events a slice on the page: a few milliseconds.
const SLICE: u64 = 1_500;

/// Runs scenarios and hands the answers to one listener. The newest request wins.
#[derive(Clone)]
pub struct Runner {
    state: Rc<RefCell<State>>,
}

struct State {
    on_reply: Callback<Reply>,
    host: Host,
    newest: u64,
    /// The newest request, until it is answered: if the worker does not start, the page does it.
    open: Option<Request>,
}

enum Host {
    Starting(Worker),
    Worker(Worker),
    Page,
}

impl PartialEq for Runner {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.state, &other.state)
    }
}

impl Runner {
    pub fn new(on_reply: Callback<Reply>) -> Self {
        let worker = Worker::new(WORKER);
        let host = worker.map_or(Host::Page, Host::Starting);
        let runner = Runner { state: Rc::new(RefCell::new(State { on_reply, host, newest: 0, open: None })) };
        runner.listen();
        let waiting = runner.clone();
        Timeout::new(PATIENCE, move || waiting.give_up()).forget();
        runner
    }

    /// Asks for the run of a scenario; answers to older requests are dropped from here on.
    pub fn run(&self, scenario: &Scenario) -> u64 {
        let mut state = self.state.borrow_mut();
        state.newest += 1;
        let request = Request::new(state.newest, scenario);
        let number = request.number;
        match &state.host {
            // A worker that is not up yet hears the request when it is.
            Host::Starting(worker) | Host::Worker(worker) => {
                let _ = worker.post_message(&request.to_text().into());
                state.open = Some(request);
            }
            Host::Page => {
                drop(state);
                self.run_here(&request);
            }
        }
        number
    }

    fn listen(&self) {
        let Host::Starting(worker) = &self.state.borrow().host else { return };
        let runner = self.clone();
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let bytes = event.data().unchecked_into::<Uint8Array>().to_vec();
            match Reply::from_bytes(&bytes) {
                Ok(Reply::Ready) => runner.started(),
                Ok(reply) => runner.answer(reply),
                Err(_) => runner.give_up(),
            }
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        on_message.forget();
        let runner = self.clone();
        let on_error = Closure::<dyn Fn()>::new(move || runner.give_up());
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        on_error.forget();
    }

    fn started(&self) {
        let mut state = self.state.borrow_mut();
        if let Host::Starting(worker) = &state.host {
            let worker = worker.clone();
            // What was posted before the script had its listener in place may be gone: ask again.
            if let Some(request) = &state.open {
                let _ = worker.post_message(&request.to_text().into());
            }
            state.host = Host::Worker(worker);
        }
    }

    /// The worker did not start, or cannot be understood: the page works from here on.
    fn give_up(&self) {
        let open = {
            let mut state = self.state.borrow_mut();
            let Host::Starting(worker) = &state.host else { return };
            worker.terminate();
            state.host = Host::Page;
            state.open.take()
        };
        if let Some(request) = open {
            self.run_here(&request);
        }
    }

    fn run_here(&self, request: &Request) {
        match Job::begin(&request.to_text()) {
            Ok(job) => self.advance(request.number, job),
            Err(reply) => self.answer(reply),
        }
    }

    fn advance(&self, number: u64, job: Job) {
        let runner = self.clone();
        Timeout::new(0, move || {
            if runner.state.borrow().newest != number {
                return;
            }
            match job.advance(SLICE) {
                Ok(job) => {
                    runner.answer(job.progress());
                    runner.advance(number, job);
                }
                Err(reply) => runner.answer(reply),
            }
        })
        .forget();
    }

    fn answer(&self, reply: Reply) {
        let on_reply = {
            let mut state = self.state.borrow_mut();
            let number = match &reply {
                Reply::Ready => return,
                Reply::Progress { number, .. } | Reply::Done { number, .. } | Reply::Refused { number, .. } => *number,
            };
            if number != state.newest {
                return;
            }
            if !matches!(reply, Reply::Progress { .. }) {
                // Asked twice while the worker was starting, answered once.
                if state.open.take().is_none() && !matches!(state.host, Host::Page) {
                    return;
                }
            }
            state.on_reply.clone()
        };
        on_reply.emit(reply);
    }
}
