//! The worker's side of the lab: requests come with a number and are advanced in slices, so that a newer one is heard in between.
//!
//! A message is a list of number, request and, for a file, the file itself: its bytes are read here and not on the page. Where no
//! worker may start, the page loads this same program into itself and leaves a message port for it.

use super::client::Reply;
use crate::app::worker::{listen, peer};
use crate::arrivals::Progress;
use crate::arrivals::session::{Ask, Lab, Told};
use gloo::timers::callback::Timeout;
use js_sys::{Array, Date, Uint8Array};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, MessagePort};

/// Records, lines or events a slice.
const SLICE: usize = 10_000;

struct Server {
    peer: MessagePort,
    turn: f64,
    lab: RefCell<Lab>,
    /// The request under way.
    number: Cell<u32>,
    awake: Cell<bool>,
}

/// Serves requests for as long as the page lives.
pub fn serve() {
    let (peer, turn) = peer();
    let server = Rc::new(Server {
        peer: peer.clone(),
        turn,
        lab: RefCell::default(),
        number: Cell::new(0),
        awake: Cell::new(false),
    });
    let this = server.clone();
    listen(&peer, move |event| {
        let message: Array = event.data().unchecked_into();
        let number = message.get(0).as_f64().unwrap_or_default() as u32;
        let bytes = message.get(1).unchecked_into::<Uint8Array>().to_vec();
        match postcard::from_bytes(&bytes) {
            Ok(ask) => this.take(number, ask, message.get(2)),
            Err(_) => this.post(
                number,
                &Told::Refused("a request that cannot be read".into()),
            ),
        }
    });
    server.post(0, &Told::Stopped);
}

impl Server {
    fn take(self: &Rc<Self>, number: u32, ask: Ask, file: JsValue) {
        if !matches!(ask, Ask::Plane { .. }) {
            self.number.set(number);
        }
        let file = file.dyn_into::<Blob>().ok();
        let (Ask::Import { options, .. }, Some(file)) = (&ask, file) else {
            self.begin(number, ask);
            return;
        };
        // What was under way is over as soon as something else is asked for, not when the file has been read.
        self.lab.borrow_mut().ask(Ask::Stop);
        let (server, options) = (self.clone(), options.clone());
        spawn_local(async move {
            let total = file.size() as u64;
            server.post(number, &Told::Progress(Progress { done: 0, total }));
            let read = JsFuture::from(file.array_buffer()).await;
            if server.number.get() != number {
                return;
            }
            match read {
                Ok(buffer) => {
                    let bytes = Uint8Array::new(&buffer).to_vec();
                    server.begin(number, Ask::Import { bytes, options });
                }
                Err(_) => {
                    let why = "the browser could not read the file; was it moved or changed?";
                    server.post(number, &Told::Refused(why.into()));
                }
            }
        });
    }

    fn begin(self: &Rc<Self>, number: u32, ask: Ask) {
        let told = self.lab.borrow_mut().ask(ask);
        if let Some(told) = told {
            self.post(number, &told);
        }
        if !self.awake.replace(true) {
            self.advance();
        }
    }

    fn advance(self: &Rc<Self>) {
        let server = self.clone();
        Timeout::new(0, move || {
            let until = Date::now() + server.turn;
            let number = server.number.get();
            loop {
                let told = server.lab.borrow_mut().advance(SLICE);
                match told {
                    None => {
                        server.awake.set(false);
                        return;
                    }
                    Some(Told::Progress(_)) if Date::now() < until => {}
                    Some(told) => {
                        server.post(number, &told);
                        break;
                    }
                }
            }
            server.advance();
        })
        .forget();
    }

    fn post(&self, number: u32, told: &Told) {
        let bytes =
            postcard::to_allocvec(&Reply { number, told }).expect("an answer is plain data");
        // Without a listener there is nobody to answer to.
        let _ = self.peer.post_message(&Uint8Array::from(bytes.as_slice()));
    }
}
