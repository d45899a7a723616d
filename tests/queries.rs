//! The lessons' tasks in SQL, in the engine that the page has: what is said to be right finds what the ledger counts, and what
//! is close and wrong finds something else.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};
use std::fs;
use streamproof::lesson::check::Evidence;
use streamproof::lesson::course::Course;
use streamproof::lesson::sql::{Wanted, difference};
use streamproof::lesson::{AskKind, Lesson};
use streamproof::replay::queries;
use streamproof::replay::tables::{Cell, Table, tables};
use streamproof::sim::{Keep, Run, Scenario, Simulation};

type Found = Vec<Vec<Option<String>>>;

struct Bound<'a>(&'a Cell);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Cell::Null => ToSqlOutput::Owned(Value::Null),
            Cell::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// The tables of a run at its end, as `static/sql.js` makes them.
fn database(scenario: &Scenario, run: &Run) -> Connection {
    let connection = Connection::open_in_memory().expect("it is in memory");
    let trace = run.trace.as_ref().expect("the run keeps it");
    for Table {
        name,
        columns,
        rows,
        ..
    } in tables(scenario, trace, trace.events.len())
    {
        let quoted: Vec<String> = columns
            .iter()
            .map(|(column, _)| format!("\"{column}\""))
            .collect();
        let marks = vec!["?"; columns.len()].join(", ");
        let create = format!("CREATE TABLE \"{name}\" ({})", quoted.join(", "));
        connection.execute(&create, []).expect("valid");
        let insert = format!("INSERT INTO \"{name}\" VALUES ({marks})");
        let mut insert = connection.prepare(&insert).expect("valid");
        for row in &rows {
            insert
                .execute(params_from_iter(row.iter().map(Bound)))
                .expect("fits");
        }
    }
    connection
}

fn found(connection: &Connection, sql: &str) -> rusqlite::Result<Found> {
    let mut statement = connection.prepare(sql)?;
    let width = statement.column_count();
    if width == 0 {
        statement.execute([])?;
        return Ok(Vec::new());
    }
    let rows = statement.query_map([], |row| {
        let cell = |at| {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => None,
                ValueRef::Integer(number) => Some(number.to_string()),
                ValueRef::Real(number) => Some(number.to_string()),
                ValueRef::Text(text) | ValueRef::Blob(text) => {
                    Some(String::from_utf8_lossy(text).into_owned())
                }
            })
        };
        (0..width).map(cell).collect()
    })?;
    rows.collect()
}

/// What an answer to a task comes to, over fresh tables.
fn answered(scenario: &Scenario, run: &Run, wanted: &Wanted, sql: &str) -> Result<Found, String> {
    let connection = database(scenario, run);
    let first = found(&connection, sql).map_err(|error| error.to_string())?;
    match &wanted.then {
        Some(then) => found(&connection, then).map_err(|error| error.to_string()),
        None => Ok(first),
    }
}

fn lessons() -> Vec<(String, Lesson)> {
    let text = fs::read_to_string("lessons/course.json").expect("there is one");
    let course = Course::parse("course.json", &text).expect("valid");
    let read = |(_, id, _): (String, &str, String)| {
        let path = format!("lessons/{}", course.place(id, "en").expect("is there").path);
        let text = fs::read_to_string(&path).expect("there is one");
        let lesson = Lesson::parse(&path, &text).unwrap_or_else(|error| panic!("{error}"));
        (id.to_string(), lesson)
    };
    course.lessons().map(read).collect()
}

#[test]
fn every_task_in_sql_is_solved_by_its_model_and_by_nothing_that_is_close_and_wrong() {
    let mut tasks = 0;
    for (id, lesson) in lessons() {
        for (number, step) in lesson.steps.iter().enumerate() {
            for ask in step.asks() {
                let AskKind::Sql(wanted) = &ask.kind else {
                    continue;
                };
                tasks += 1;
                let place = format!("{id}, {}", ask.id);
                let scenario = lesson.scenario(number).expect("valid");
                let run = Simulation::run(&scenario, Keep::Trace);
                let evidence = Evidence {
                    run: &run,
                    scenario: &scenario,
                    base: &scenario,
                    base_run: None,
                    answered: &[],
                    traced: &[],
                };
                let model = answered(&scenario, &run, wanted, &wanted.model);
                let model = model.unwrap_or_else(|error| panic!("{place}: {error}"));
                let rows = wanted.rows.value(&evidence).expect("known");
                assert_eq!(model.len() as f64, rows, "{place}: {} rows", wanted.source);
                assert_eq!(difference(&model, &model), None, "{place}");
                for wrong in wanted.wrong.iter().chain([&wanted.begin]) {
                    // What SQLite refuses is no answer either, and is only allowed where there are blanks.
                    match answered(&scenario, &run, wanted, wrong) {
                        Ok(other) => {
                            assert!(difference(&other, &model).is_some(), "{place}: {wrong}")
                        }
                        Err(error) => assert!(wrong.contains("___"), "{place}: {error}: {wrong}"),
                    }
                }
            }
        }
    }
    assert!(tasks >= 4, "{tasks}");
}

#[test]
fn the_repair_of_the_weekend_is_what_the_shop_itself_has_in_its_book() {
    let (_, lesson) = lessons()
        .into_iter()
        .find(|(id, _)| id == "billed-twice")
        .expect("it is in the course");
    let asks = lesson
        .steps
        .iter()
        .enumerate()
        .flat_map(|(number, step)| step.asks().map(move |ask| (number, ask)));
    let (number, wanted) = asks
        .filter_map(|(number, ask)| match &ask.kind {
            AskKind::Sql(wanted) => Some((number, wanted)),
            _ => None,
        })
        .next()
        .expect("it has one");
    let scenario = lesson.scenario(number).expect("valid");
    let run = Simulation::run(&scenario, Keep::Trace);
    let connection = database(&scenario, &run);
    let kept = found(&connection, &wanted.model).expect("valid");
    let owed = found(&connection, "SELECT order_id, amount FROM source_orders").expect("valid");
    assert_eq!(difference(&kept, &owed), None);
}

#[test]
fn the_queries_to_begin_with_find_in_the_opening_run_what_its_ledger_counts() {
    let scenario = streamproof::sim::catalog::find("order-billing")
        .expect("there is one")
        .scenario();
    let run = Simulation::run(&scenario, Keep::Trace);
    let connection = database(&scenario, &run);
    let count = |name: &str| {
        let query = queries::all().into_iter().find(|query| query.name == name);
        let query = query.unwrap_or_else(|| panic!("no query {name}"));
        found(&connection, query.sql)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .len()
    };
    for query in queries::all() {
        found(&connection, query.sql).unwrap_or_else(|error| panic!("{}: {error}", query.name));
    }
    assert_eq!(run.verdict.dup, 1);
    assert_eq!((count("E1"), count("E5"), count("E6")), (1, 0, 0));
}
