//! Where jobs run: in a worker if one may start, else the worker's program on the page, in slices.
//!
//! There are two workers: one that opens the page and has only what the opening scenario needs, and one with everything, which
//! takes over with the first scenario that needs more.
//!
//! A worker is a speed-up, never a condition: a sandboxed frame refuses it, and a policy without `wasm-unsafe-eval` on the
//! worker's own answer fails without any event, so a worker that is not up in time is given up. The page itself carries no
//! simulator, so whoever only reads a lesson does not download it twice.

use super::worker::PORT;
use crate::job::{Reply, Request, What};
use crate::sim::Scenario;
use gloo::timers::callback::Timeout;
use js_sys::{Array, Function, Reflect, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{HtmlScriptElement, MessageChannel, MessageEvent, MessagePort, Worker};
use yew::Callback;

/// Relative to the page, so that they work under a sub-path and in a frame.
const OPENING_LOADER: &str = "./worker_loader.js";
const FULL_LOADER: &str = "./full_loader.js";
const FULL_PROGRAM: &str = "./full.js";
/// What the page says when a worker stopped while it worked.
const DIED: &str = "The simulator stopped on a mistake of its own. Your settings and the address are kept: change something and run again, or load the page anew, and please report the address.";
/// How long a worker may take to start, in ms, before the page does its work.
const PATIENCE: u32 = 5_000;
/// How long the page may take to load the worker's program, in ms, before it says so.
const LAST_PATIENCE: u32 = 30_000;

/// Runs and explores scenarios, and hands the answers to one listener, runs and explorations apart. The newest request of
/// each wins.
#[derive(Clone)]
pub struct Runner {
    state: Rc<RefCell<State>>,
}

/// Runs, the many runs of an exploration, and what somebody asks for beside the page's own run and exploration.
const KINDS: usize = 3;
const BESIDE: usize = 2;

struct State {
    /// With the answer: whether it is one to an exploration.
    on_reply: Callback<(bool, Reply)>,
    /// Who hears the answers to what is asked beside.
    beside: Callback<Reply>,
    host: Host,
    /// Whoever answers has said that it is up.
    ready: bool,
    /// It has everything, and not only what the opening scenario needs.
    full: bool,
    asked: u64,
    newest: [u64; KINDS],
    /// The newest requests, until they are answered: whoever comes up later is asked again.
    open: [Option<Request>; KINDS],
}

enum Host {
    Worker(Worker),
    Page(MessagePort),
    /// Neither could be started, and why.
    None(String),
    /// The worker stopped while it worked; another one is started when there is something to do.
    Dead,
}

impl PartialEq for Runner {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.state, &other.state)
    }
}

impl Runner {
    pub fn new(on_reply: Callback<(bool, Reply)>) -> Self {
        let state = State {
            on_reply,
            beside: Callback::noop(),
            host: Host::None(String::new()),
            ready: false,
            full: false,
            asked: 0,
            newest: [0; KINDS],
            open: [const { None }; KINDS],
        };
        let runner = Runner {
            state: Rc::new(RefCell::new(state)),
        };
        match early_worker() {
            Some((worker, ready)) => runner.start_worker(worker, ready),
            None => runner.start(OPENING_LOADER),
        }
        runner
    }

    fn start(&self, loader: &str) {
        match Worker::new(loader) {
            Ok(worker) => self.start_worker(worker, false),
            Err(_) => self.start_here(),
        }
    }

    /// Asks for something; answers to older requests of its kind are dropped from here on.
    pub fn ask(&self, scenario: &Scenario, what: What) {
        let kind = usize::from(what != What::Run);
        self.post(scenario, what, kind);
    }

    /// The same beside the page's own run and exploration: the answers go to whoever asks. The worker has room for one of
    /// each, so this takes the place of one that is under way.
    pub fn ask_beside(&self, scenario: &Scenario, what: What, on_reply: Callback<Reply>) {
        self.state.borrow_mut().beside = on_reply;
        self.post(scenario, what, BESIDE);
    }

    fn post(&self, scenario: &Scenario, what: What, kind: usize) {
        let died = matches!(self.state.borrow().host, Host::Dead);
        if died || (kind > 0 || scenario.needs_full()) && !self.state.borrow().full {
            self.replace();
        }
        let refusal = {
            let mut state = self.state.borrow_mut();
            state.asked += 1;
            let request = Request {
                number: state.asked,
                scenario: scenario.clone(),
                what,
            };
            state.newest[kind] = request.number;
            if state.ready {
                state.host.post(&request);
            }
            state.open[kind] = Some(request);
            match &state.host {
                Host::None(problem) => Some(problem.clone()),
                _ => None,
            }
        };
        if let Some(problem) = refusal {
            self.refuse(problem);
        }
    }

    /// The worker with everything takes over.
    fn replace(&self) {
        {
            let mut state = self.state.borrow_mut();
            state.full = true;
            state.ready = false;
            if let Host::Worker(worker) = &state.host {
                dismiss(worker);
            }
        }
        self.start(FULL_LOADER);
    }

    /// Takes a worker on; `ready`: it has said already that it is up.
    fn start_worker(&self, worker: Worker, ready: bool) {
        worker.set_onmessage(Some(&self.listener()));
        let (runner, this) = (self.clone(), worker.clone());
        let give_up = move || runner.give_up(&this);
        let on_error = {
            let (runner, this, give_up) = (self.clone(), worker.clone(), give_up.clone());
            Closure::<dyn Fn()>::new(move || {
                if !runner.has_died(&this) {
                    give_up();
                }
            })
        };
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        on_error.forget();
        {
            let mut state = self.state.borrow_mut();
            state.host = Host::Worker(worker);
            state.ready = ready;
        }
        Timeout::new(PATIENCE, give_up).forget();
    }

    /// The worker did not start: the page works from here on.
    fn give_up(&self, worker: &Worker) {
        {
            let state = self.state.borrow();
            match &state.host {
                Host::Worker(current) if current == worker && !state.ready => dismiss(worker),
                _ => return,
            }
        }
        self.start_here();
    }

    /// Whether it was a worker at work that stopped, on a mistake of ours. What it was asked for is refused, since it would
    /// stop there again; whatever is asked next starts another one.
    fn has_died(&self, worker: &Worker) -> bool {
        {
            let mut state = self.state.borrow_mut();
            let at_work = state.ready;
            match &state.host {
                Host::Worker(current) if current == worker && at_work => dismiss(worker),
                _ => return false,
            }
            state.ready = false;
            state.full = false;
            state.host = Host::Dead;
        }
        let open = self.state.borrow().open.clone();
        for request in open.into_iter().flatten() {
            let (number, problem) = (request.number, DIED.into());
            self.answer(Reply::Refused { number, problem });
        }
        true
    }

    /// Loads a worker's program into the page, which then finds one end of a channel where a worker has its scope. It is the
    /// program with everything: two programs on one page would use the same global name.
    fn start_here(&self) {
        match self.load_here() {
            Ok(port) => {
                let mut state = self.state.borrow_mut();
                state.host = Host::Page(port);
                state.full = true;
            }
            Err(_) => self.fail(),
        }
        let runner = self.clone();
        Timeout::new(LAST_PATIENCE, move || runner.fail()).forget();
    }

    fn load_here(&self) -> Result<MessagePort, JsValue> {
        let channel = MessageChannel::new()?;
        channel.port1().set_onmessage(Some(&self.listener()));
        let scope = js_sys::global();
        Reflect::set(&scope, &PORT.into(), &channel.port2())?;
        // The loader imports the program and starts it; here the program has been loaded before.
        let import = Closure::<dyn Fn(JsValue)>::new(|_| ());
        Reflect::set(&scope, &"importScripts".into(), import.as_ref())?;
        import.forget();
        load_script(FULL_PROGRAM, || {
            // A failure shows as a program that never says it is up.
            let _ = load_script(FULL_LOADER, || ());
        })?;
        Ok(channel.port1())
    }

    fn fail(&self) {
        let problem =
            "the simulator could not be loaded; check the connection and load the page again"
                .to_string();
        {
            let mut state = self.state.borrow_mut();
            if state.ready {
                return;
            }
            state.host = Host::None(problem.clone());
        }
        self.refuse(problem);
    }

    /// Whatever is asked for is refused.
    fn refuse(&self, problem: String) {
        let newest = self.state.borrow().newest;
        for number in newest {
            let problem = problem.clone();
            self.answer(Reply::Refused { number, problem });
        }
    }

    fn listener(&self) -> Function {
        let runner = self.clone();
        let listener = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let bytes = event.data().unchecked_into::<Uint8Array>().to_vec();
            match Reply::from_bytes(&bytes) {
                Ok(Reply::Ready) => runner.started(),
                Ok(reply) => runner.answer(reply),
                Err(problem) => runner.refuse(problem),
            }
        });
        listener.into_js_value().unchecked_into()
    }

    fn started(&self) {
        let mut state = self.state.borrow_mut();
        state.ready = true;
        for request in state.open.iter().flatten() {
            state.host.post(request);
        }
    }

    fn answer(&self, reply: Reply) {
        let (on_reply, beside, kind) = {
            let mut state = self.state.borrow_mut();
            let number = match &reply {
                Reply::Ready => return,
                Reply::Progress { number, .. }
                | Reply::Done { number, .. }
                | Reply::Refused { number, .. }
                | Reply::Part { number, .. }
                | Reply::Found { number, .. } => *number,
            };
            let open = state.newest.iter().position(|&newest| newest == number);
            let Some(kind) = open.filter(|_| number > 0) else {
                return;
            };
            if reply.is_last() {
                state.open[kind] = None;
            }
            (state.on_reply.clone(), state.beside.clone(), kind)
        };
        if kind == BESIDE {
            beside.emit(reply);
        } else {
            on_reply.emit((kind > 0, reply));
        }
    }
}

/// The worker that `static/early.js` started before this program was there, and whether it is up.
fn early_worker() -> Option<(Worker, bool)> {
    let early = Reflect::get(&js_sys::global(), &"streamproofEarly".into()).ok()?;
    let worker = Reflect::get(&early, &"worker".into()).ok()?;
    let heard = Reflect::get(&early, &"heard".into()).ok()?;
    let heard: Array = heard.dyn_into().ok()?;
    Some((worker.dyn_into().ok()?, heard.length() > 0))
}

impl Host {
    fn post(&self, request: &Request) {
        let bytes = Uint8Array::from(request.to_bytes().as_slice());
        // Posting fails only for what cannot be copied, and bytes can.
        let _ = match self {
            Host::Worker(worker) => worker.post_message(&bytes),
            Host::Page(port) => port.post_message(&bytes),
            Host::None(_) | Host::Dead => Ok(()),
        };
    }
}

/// What it has said already and nobody has heard yet is not to be heard any more.
fn dismiss(worker: &Worker) {
    worker.set_onmessage(None);
    worker.set_onerror(None);
    worker.terminate();
}

fn load_script(address: &str, and_then: impl FnOnce() + 'static) -> Result<(), JsValue> {
    let script = new_script(address)?;
    script.set_onload(Some(Closure::once_into_js(and_then).unchecked_ref()));
    append(&script)
}

/// Loads a program that is a module; `or_else`: it could not be.
pub fn load_module(address: &str, or_else: impl FnOnce() + 'static) -> Result<(), JsValue> {
    let script = new_script(address)?;
    script.set_type("module");
    script.set_onerror(Some(Closure::once_into_js(or_else).unchecked_ref()));
    append(&script)
}

fn new_script(address: &str) -> Result<HtmlScriptElement, JsValue> {
    let document = web_sys::window()
        .and_then(|window| window.document())
        .ok_or(JsValue::NULL)?;
    let script: HtmlScriptElement = document.create_element("script")?.unchecked_into();
    script.set_src(address);
    Ok(script)
}

fn append(script: &HtmlScriptElement) -> Result<(), JsValue> {
    let document = script.owner_document();
    let body = document.and_then(|document| document.body());
    body.ok_or(JsValue::NULL)?.append_child(script)?;
    Ok(())
}
