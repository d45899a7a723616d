//! The page's side of `static/sql.js`: SQLite over the tables of a run, loaded when it is first asked.

use super::hooks::announce;
use super::runner::load_module;
use crate::replay::tables::{Cell, Table};
use js_sys::{Array, Function, Object, Promise, Reflect};
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

/// Runs what was written, over these tables from now on if some are given. The error is SQLite's own.
pub async fn ask(sql: &str, tables: Option<Vec<Table>>) -> Result<Found, String> {
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
    let value = |cell: &Cell| match cell {
        Cell::Null => JsValue::NULL,
        // Whole numbers below 2^53: times in ms, cents, offsets.
        Cell::Integer(number) => JsValue::from_f64(*number as f64),
        Cell::Text(text) => text.into(),
    };
    let row = |row: &Vec<Cell>| row.iter().map(value).collect::<Array>();
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
