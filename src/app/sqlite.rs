//! The page's side of `static/sql.js`: SQLite over the tables of a run, loaded when it is first asked.

use super::hooks::announce;
use super::runner::load_module;
use crate::replay::tables::{Cell as Value, Table};
use js_sys::{Array, Function, Object, Promise, Reflect};
use std::cell::Cell;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// The global that the module leaves, and the event that says so.
const GLOBAL: &str = "streamproofSql";
const HERE: &str = "streamproof-sql";
/// Relative to the page.
const MODULE: &str = "./sql.js";

/// What a query gave: at most a thousand rows, and how many more there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub columns: Vec<String>,
    /// NULL is nothing.
    pub rows: Vec<Vec<Option<String>>>,
    pub more: u32,
}

fn engine() -> Option<JsValue> {
    Reflect::get(&js_sys::global(), &GLOBAL.into())
        .ok()
        .filter(JsValue::is_object)
}

/// Loads the module, if it is not there yet. Nothing if it cannot be loaded.
async fn loaded() -> Option<JsValue> {
    if let Some(engine) = engine() {
        return Some(engine);
    }
    let window = web_sys::window()?;
    let here = Promise::new(&mut |resolve, _| {
        let _ = window.add_event_listener_with_callback(HERE, &resolve);
        let failed = || announce(HERE);
        if load_module(MODULE, failed).is_err() {
            failed();
        }
    });
    JsFuture::from(here).await.ok()?;
    engine()
}

/// A run and how many facts of it: what tables are made from.
pub type Moment = (u64, usize);

thread_local! {
    /// Which moment's tables the engine has, if nobody has changed them.
    static HAS: Cell<Option<Moment>> = const { Cell::new(None) };
    /// A query runs: there is one engine, and it does one thing at a time.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Whose tables a query reads.
pub enum Over<T> {
    /// Those of this moment, as earlier queries may have left them; made only if the engine has not got them.
    Moment(Moment, T),
    /// Fresh ones.
    Fresh(Moment, T),
    /// Whatever is there.
    Same,
}

/// Runs what was written. The error is SQLite's own.
pub async fn ask<T: FnOnce() -> Vec<Table>>(sql: &str, over: Over<T>) -> Result<Found, String> {
    if BUSY.replace(true) {
        return Err("another query is still running".into());
    }
    let tables = match over {
        Over::Moment(moment, _) if HAS.get() == Some(moment) => None,
        Over::Moment(moment, make) | Over::Fresh(moment, make) => Some((moment, make())),
        Over::Same => None,
    };
    if let Some((moment, _)) = &tables {
        HAS.set(Some(*moment));
    }
    let answer = answer(sql, tables.map(|(_, tables)| tables)).await;
    if answer.is_err() {
        // Whatever was stopped or failed to load took its tables with it.
        HAS.set(None);
    }
    BUSY.set(false);
    answer
}

/// Whoever asks next brings tables of their own.
pub fn forget() {
    HAS.set(None);
}

async fn answer(sql: &str, tables: Option<Vec<Table>>) -> Result<Found, String> {
    let unreachable =
        || "SQLite could not be loaded; check the connection and try again".to_string();
    let engine = loaded().await.ok_or_else(unreachable)?;
    let tables = tables.map_or(JsValue::NULL, |tables| {
        tables.iter().map(handed).collect::<Array>().into()
    });
    let answer = method(&engine, "ask")
        .and_then(|ask| ask.call2(&engine, &sql.into(), &tables).ok())
        .and_then(|promise| promise.dyn_into::<Promise>().ok())
        .ok_or_else(unreachable)?;
    let answer = JsFuture::from(answer).await.map_err(|_| unreachable())?;
    let field = |name: &str| Reflect::get(&answer, &name.into()).unwrap_or(JsValue::UNDEFINED);
    if let Some(problem) = field("error").as_string() {
        return Err(problem);
    }
    let texts = |row: JsValue| {
        let row = Array::from(&row);
        row.iter().map(|value| value.as_string()).collect()
    };
    let columns: Vec<Option<String>> = texts(field("columns"));
    Ok(Found {
        columns: columns.into_iter().flatten().collect(),
        rows: Array::from(&field("rows")).iter().map(texts).collect(),
        more: field("more").as_f64().unwrap_or(0.0) as u32,
    })
}

/// Stops the query that runs; the next one has to bring its tables.
pub fn stop() {
    if let Some(engine) = engine()
        && let Some(stop) = method(&engine, "stop")
    {
        let _ = stop.call0(&engine);
    }
}

fn method(engine: &JsValue, name: &str) -> Option<Function> {
    Reflect::get(engine, &name.into()).ok()?.dyn_into().ok()
}

/// A table as the engine takes it.
fn handed(table: &Table) -> JsValue {
    let value = |cell: &Value| match cell {
        Value::Null => JsValue::NULL,
        // Whole numbers below 2^53: times in ms, cents, offsets.
        Value::Integer(number) => JsValue::from_f64(*number as f64),
        Value::Text(text) => text.into(),
    };
    let row = |row: &Vec<Value>| row.iter().map(value).collect::<Array>();
    let columns = table.columns.iter().map(|(name, _)| JsValue::from(*name));
    let object = Object::new();
    for (name, value) in [
        ("name", JsValue::from(&table.name)),
        ("columns", columns.collect::<Array>().into()),
        ("rows", table.rows.iter().map(row).collect::<Array>().into()),
    ] {
        // Setting a field of a fresh object cannot fail.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}
