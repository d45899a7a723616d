//! What a learner did, kept in this browser: one text under one key. The page works as well without.
//!
//! A frame may have no storage, it may be full, or hold a text that this version cannot read. Then progress lives in this tab,
//! a text that cannot be read stays as it is, and the page says so once.

use super::hooks::announce;
use super::parameter;
use crate::lesson::progress::{Progress, Record};
use gloo::events::EventListener;
use js_sys::Date;
use std::cell::RefCell;
use web_sys::Storage;
use yew::{hook, use_effect_with, use_state_eq};

/// All that is kept lies here.
const KEY: &str = "streamproof.v1";
/// The event that tells of a change.
const CHANGED: &str = "streamproof:progress";
/// A file with more is no progress file, in bytes.
pub const LARGEST: usize = 256 * 1024;

/// Why progress is in this tab only.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// The browser lets this page keep nothing.
    Blocked,
    Full,
    /// What is kept cannot be read: why, and its text.
    Unread {
        problem: String,
        text: String,
    },
}

#[derive(Clone, Default, PartialEq)]
pub struct Kept {
    pub progress: Progress,
    pub trouble: Option<Trouble>,
    /// The learner has heard of the trouble.
    pub heard: bool,
    /// What the storage had when it was looked at last.
    text: Option<String>,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// The browser's storage. In some frames even asking for it throws.
fn storage() -> Option<Storage> {
    if parameter("storage").as_deref() == Some("0") {
        return None;
    }
    web_sys::window()?.local_storage().ok()?
}

/// Whether there is nothing to be told: the browser can keep something, and nothing has been kept yet.
pub fn is_new() -> bool {
    storage().is_some_and(|storage| matches!(storage.get_item(KEY), Ok(None)))
}

impl Kept {
    /// Reads what another tab may have written since.
    fn refresh(&mut self) {
        if self.trouble.is_some() {
            return;
        }
        let Some(found) = storage().and_then(|storage| storage.get_item(KEY).ok()) else {
            // Whoever asks for no storage need not be told that there is none.
            self.heard = parameter("storage").as_deref() == Some("0");
            self.trouble = Some(Trouble::Blocked);
            return;
        };
        if found == self.text {
            return;
        }
        match found.as_deref().map(Progress::parse) {
            None => self.progress = Progress::default(),
            Some(Ok(progress)) => self.progress = progress,
            Some(Err(error)) => {
                self.trouble = Some(Trouble::Unread {
                    problem: error.to_string(),
                    text: found.clone().unwrap_or_default(),
                });
            }
        }
        self.text = found;
    }

    fn write(&mut self) {
        if !matches!(self.trouble, None | Some(Trouble::Full)) {
            return;
        }
        let text = written(&self.progress);
        let done = storage().is_some_and(|storage| storage.set_item(KEY, &text).is_ok());
        match done {
            true => {
                self.trouble = None;
                self.text = Some(text);
            }
            false => self.trouble = Some(Trouble::Full),
        }
    }
}

/// Progress as it is kept, and as a file.
pub fn written(progress: &Progress) -> String {
    let saved = String::from(Date::new_0().to_iso_string());
    progress.to_json(env!("CARGO_PKG_VERSION"), &saved)
}

fn with<R>(act: impl FnOnce(&mut Kept) -> R) -> R {
    KEPT.with_borrow_mut(|kept| {
        let kept = kept.get_or_insert_with(Kept::default);
        kept.refresh();
        act(kept)
    })
}

pub fn kept() -> Kept {
    with(|kept| kept.clone())
}

/// What is known of a lesson.
pub fn record(lesson: &str) -> Option<Record> {
    with(|kept| kept.progress.lessons.get(lesson).cloned())
}

/// Changes what is kept, and keeps it.
pub fn change(change: impl FnOnce(&mut Progress)) {
    with(|kept| {
        change(&mut kept.progress);
        kept.write();
    });
    announce(CHANGED);
}

/// Changes what is known of a lesson, from now on the last one.
pub fn change_lesson(lesson: &str, act: impl FnOnce(&mut Record)) {
    change(|progress| {
        let record = progress.opened(lesson, today());
        record.place.touched = Date::now() as u64;
        act(record);
    });
}

/// Puts this in the place of all that is kept, be it readable or not.
pub fn replace(progress: Progress) {
    with(|kept| {
        kept.progress = progress;
        if let Some(Trouble::Unread { .. }) = kept.trouble {
            kept.trouble = None;
        }
        kept.write();
    });
    announce(CHANGED);
}

/// The learner has heard of the trouble.
pub fn heard() {
    with(|kept| kept.heard = true);
    announce(CHANGED);
}

/// The day where the learner is, counted from 1970.
pub fn today() -> u32 {
    const MINUTE: f64 = 60_000.0;
    let now = Date::new_0();
    let local = now.get_time() - now.get_timezone_offset() * MINUTE;
    (local / (24.0 * 60.0 * MINUTE)) as u32
}

/// What is kept, always the newest.
#[hook]
pub fn use_kept() -> Kept {
    let newest = use_state_eq(kept);
    {
        let newest = newest.setter();
        use_effect_with((), move |()| {
            let listen = |name: &'static str| {
                let newest = newest.clone();
                web_sys::window()
                    .map(|window| EventListener::new(&window, name, move |_| newest.set(kept())))
            };
            // The second one tells of other tabs.
            let listeners = [listen(CHANGED), listen("storage")];
            newest.set(kept());
            move || drop(listeners)
        });
    }
    (*newest).clone()
}
