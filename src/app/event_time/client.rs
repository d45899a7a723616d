//! The page's side of the worker: requests with a number, one analysis at a time, and one picture of the plane beside it.

use crate::app::runner::load_module;
use crate::app::worker::PORT;
use crate::arrivals::session::{Ask, Told};
use gloo::timers::callback::Timeout;
use js_sys::{Array, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, MessageChannel, MessageEvent, MessagePort, Worker, WorkerOptions, WorkerType};
use yew::Callback;

/// Relative to the page, so that it works under a sub-path and in a frame.
const LOADER: &str = "./arrivals_loader.js";
/// How long a worker may take to start, in ms, before the page does its work; then how long until the page says so.
const PATIENCE: u32 = 8_000;
const LAST_PATIENCE: u32 = 30_000;

/// What the worker answers.
#[derive(Serialize, Deserialize)]
pub struct Reply<T> {
    pub number: u32,
    pub told: T,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Arrivals that come with the program, or from a model.
    Load,
    /// Arrivals of the learner's own.
    Import,
    /// The chosen configuration.
    Judge,
    /// The late-drop curve, and the smallest delay.
    Delay,
    Strategies,
    Windows,
    Sweep,
}

/// What the page hears.
pub enum Heard {
    /// The answer to an errand, or how far it is.
    Told(Errand, Told),
    Plane(Told),
    /// Nobody can be found to do the work, or whoever did it has stopped.
    Broken(&'static str),
}

/// A request, with the file that belongs to it.
pub struct Request {
    pub errand: Errand,
    pub ask: Ask,
    pub file: Option<Blob>,
}

enum Host {
    Worker(Worker),
    Page(MessagePort),
}

struct State {
    on_heard: Callback<Heard>,
    host: Option<Host>,
    ready: bool,
    asked: u32,
    /// What is to be asked next, in this order.
    waiting: Vec<Request>,
    current: Option<(u32, Errand)>,
    /// The picture that is asked for, and the newest wish since.
    plane: Option<u32>,
    next_plane: Option<Ask>,
}

#[derive(Clone)]
pub struct Client(Rc<RefCell<State>>);

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Client {
    pub fn new(on_heard: Callback<Heard>) -> Client {
        let client = Client(Rc::new(RefCell::new(State {
            on_heard,
            host: None,
            ready: false,
            asked: 0,
            waiting: Vec::new(),
            current: None,
            plane: None,
            next_plane: None,
        })));
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        match Worker::new_with_options(LOADER, &options) {
            Ok(worker) => client.start_worker(worker),
            Err(_) => client.start_here(),
        }
        client
    }

    /// Takes these errands on, in place of all that were open.
    pub fn run(&self, mut requests: Vec<Request>) {
        requests.reverse();
        {
            let mut state = self.0.borrow_mut();
            state.waiting = requests;
            state.current = None;
        }
        self.next();
    }

    /// Ends what is under way.
    pub fn stop(&self) {
        let mut state = self.0.borrow_mut();
        state.waiting.clear();
        state.current = None;
        state.post(&Ask::Stop, None);
    }

    /// Asks for a picture; while one is on its way, only the newest wish is kept.
    pub fn plane(&self, ask: Ask) {
        let mut state = self.0.borrow_mut();
        if state.plane.is_some() || !state.ready {
            state.next_plane = Some(ask);
        } else {
            state.plane = Some(state.post(&ask, None));
        }
    }

    fn next(&self) {
        let mut state = self.0.borrow_mut();
        if !state.ready || state.current.is_some() {
            return;
        }
        if let Some(request) = state.waiting.pop() {
            let number = state.post(&request.ask, request.file.as_ref());
            state.current = Some((number, request.errand));
        }
    }

    fn hear(&self, bytes: &[u8]) {
        let Ok(Reply { number, told }) = postcard::from_bytes::<Reply<Told>>(bytes) else {
            self.broken("the analysis answered something that cannot be read; load the page again");
            return;
        };
        let heard = {
            let mut state = self.0.borrow_mut();
            if number == 0 {
                state.ready = true;
                drop(state);
                self.next();
                self.next_plane();
                return;
            }
            if state.plane == Some(number) {
                state.plane = None;
                Heard::Plane(told)
            } else if let Some((_, errand)) = state.current.filter(|current| current.0 == number) {
                if !matches!(told, Told::Progress(_)) {
                    state.current = None;
                }
                Heard::Told(errand, told)
            } else {
                return;
            }
        };
        let on_heard = self.0.borrow().on_heard.clone();
        on_heard.emit(heard);
        self.next();
        self.next_plane();
    }

    fn next_plane(&self) {
        let ask = self.0.borrow_mut().next_plane.take();
        if let Some(ask) = ask {
            self.plane(ask);
        }
    }

    fn broken(&self, why: &'static str) {
        let on_heard = self.0.borrow().on_heard.clone();
        on_heard.emit(Heard::Broken(why));
    }

    fn start_worker(&self, worker: Worker) {
        worker.set_onmessage(Some(&self.listener()));
        let (client, this) = (self.clone(), worker.clone());
        let fail = move || client.give_up(&this, true);
        worker.set_onerror(Some(
            Closure::<dyn Fn()>::new(fail)
                .into_js_value()
                .unchecked_ref(),
        ));
        self.0.borrow_mut().host = Some(Host::Worker(worker.clone()));
        let client = self.clone();
        Timeout::new(PATIENCE, move || client.give_up(&worker, false)).forget();
    }

    /// The worker did not start: the page works from here on. One that had started and has failed is not replaced: what it
    /// held is gone.
    fn give_up(&self, worker: &Worker, failed: bool) {
        {
            let state = self.0.borrow();
            if state.ready && failed {
                drop(state);
                self.broken(
                    "the analysis stopped, perhaps for lack of memory; load the page again",
                );
                return;
            }
            match &state.host {
                Some(Host::Worker(current)) if current == worker && !state.ready => {
                    worker.set_onmessage(None);
                    worker.set_onerror(None);
                    worker.terminate();
                }
                _ => return,
            }
        }
        self.start_here();
    }

    fn start_here(&self) {
        let why = "the analysis could not be loaded; check the connection and load the page again";
        if self.load_here().is_err() {
            self.broken(why);
        }
        let client = self.clone();
        Timeout::new(LAST_PATIENCE, move || {
            if !client.0.borrow().ready {
                client.broken(why);
            }
        })
        .forget();
    }

    fn load_here(&self) -> Result<(), JsValue> {
        let channel = MessageChannel::new()?;
        channel.port1().set_onmessage(Some(&self.listener()));
        Reflect::set(&js_sys::global(), &PORT.into(), &channel.port2())?;
        self.0.borrow_mut().host = Some(Host::Page(channel.port1()));
        // A failure shows as a program that never says it is up.
        load_module(LOADER, || ())
    }

    fn listener(&self) -> js_sys::Function {
        let client = self.clone();
        let listener = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            client.hear(&event.data().unchecked_into::<Uint8Array>().to_vec());
        });
        listener.into_js_value().unchecked_into()
    }
}

impl State {
    /// Sends a request and gives its number.
    fn post(&mut self, ask: &Ask, file: Option<&Blob>) -> u32 {
        self.asked += 1;
        let bytes = postcard::to_allocvec(ask).expect("a request is plain data");
        let file = file.map_or(JsValue::UNDEFINED, |file| file.clone().into());
        let message = Array::of3(
            &self.asked.into(),
            &Uint8Array::from(bytes.as_slice()),
            &file,
        );
        // Posting fails only for what cannot be copied, and these can.
        let _ = match &self.host {
            Some(Host::Worker(worker)) => worker.post_message(&message),
            Some(Host::Page(port)) => port.post_message(&message),
            None => Ok(()),
        };
        self.asked
    }
}
