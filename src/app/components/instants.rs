//! The head of the sink in the diagram: how far its last commits have come. Instants of a table, or transactions of a job.

use super::diagram::Drawing;
use super::glyphs::{self, path, px, text};
use super::scene::short_seconds;
use crate::replay::Board;
use crate::replay::board::Decision;
use crate::replay::job::{Pending, Stage};
use crate::replay::table::{Action, Instant};
use crate::sim::Scenario;
use crate::sim::sinks::SinkKind;
use crate::sim::trace::InstantState;
use yew::{Html, html};

/// A commit as a mark: three dots, as many filled as steps are done.
struct Mark {
    filled: u8,
    label: String,
    /// It came to nothing.
    undone: bool,
    /// It rewrites files and adds nothing.
    service: bool,
    words: String,
    /// Of an instant: how far it has come.
    state: &'static str,
}

/// How many marks there is room for.
const MARKS: usize = 4;

fn instant(one: &Instant) -> Mark {
    let state = match one.state {
        InstantState::Requested => "requested",
        InstantState::Inflight => "inflight",
        InstantState::Completed => "completed",
    };
    Mark {
        filled: 1 + one.state as u8,
        label: short_seconds(one.since),
        undone: one.action == Action::RolledBack,
        service: matches!(one.action, Action::Compaction | Action::Clean),
        words: one.action.name().into(),
        state,
    }
}

fn pending(one: &Pending) -> Mark {
    Mark {
        filled: match one.stage {
            Stage::Open => 1,
            Stage::Precommitted => 2,
            _ => 3,
        },
        label: short_id(&one.id),
        undone: matches!(one.stage, Stage::Aborted | Stage::TimedOut | Stage::Refused),
        service: false,
        words: one.stage.name().into(),
        state: "",
    }
}

/// Task and number of a transaction: `flink-0-3` is 0-3.
fn short_id(id: &str) -> String {
    let mut parts: Vec<&str> = id.rsplitn(3, '-').take(2).collect();
    parts.reverse();
    parts.join("-")
}

fn marks(board: &Board, scenario: &Scenario) -> Vec<Mark> {
    let mut marks: Vec<Mark> = if scenario.sink.kind == SinkKind::Hudi {
        board.timeline.instants.iter().map(instant).collect()
    } else {
        board.job.transactions.iter().map(pending).collect()
    };
    marks.split_off(marks.len().saturating_sub(MARKS))
}

/// The marks, or how much there is where nothing is committed.
pub fn head(drawing: &Drawing, x: f64) -> Html {
    let board = drawing.board;
    let marks = marks(board, drawing.scenario);
    if marks.is_empty() {
        return text(x, 70.0, amount(board), "s12 mu");
    }
    html! { { for marks.into_iter().enumerate().map(|(n, mark)| {
        let x = x + 4.0 + n as f64 * 32.0;
        html! { <g>
            if mark.service { <rect class="service" x={px(x - 5.0)} y="51" width="24" height="12" rx="6" /> }
            { glyphs::dots(x, 57.0, mark.filled) }
            if mark.undone { { path(format!("M{} 61l18 -8", px(x - 2.0)), "fenced") } }
            { text(x + 7.0, 74.0, mark.label.clone(), "m s11 mu c") }
            <title>{ format!("{} {} {}", mark.label, mark.words, mark.state) }</title>
        </g> }
    }) } }
}

/// How many rows are visible, and how many records lie in the output topic that nobody may read yet or ever.
pub fn amount(board: &Board) -> String {
    let aborted = |one: &&crate::replay::output::Written| one.decision == Some(Decision::Aborted);
    let aborted = board.output.records.iter().filter(aborted).count();
    let rows = match board.rows.len() {
        1 => "1 row".to_string(),
        rows => format!("{rows} rows"),
    };
    match (board.output.open(), aborted) {
        (0, 0) => rows,
        (0, aborted) => format!("{rows}, {aborted} aborted"),
        (open, _) => format!("{rows}, {open} open"),
    }
}

/// The last commits in words, oldest first: which, what, and how far where that is not said by then.
pub fn in_words(board: &Board, scenario: &Scenario) -> Vec<(String, String, &'static str)> {
    let marks = marks(board, scenario).into_iter();
    marks
        .map(|mark| (mark.label, mark.words, mark.state))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Keep, Simulation, catalog};

    /// Every state that a sink's commits are shown in.
    fn shown(id: &str) -> Vec<String> {
        let scenario = catalog::find(id).expect("a preset").scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let trace = run.trace.as_ref().expect("kept");
        let mut board = Board::new(&scenario, &run);
        let mut shown = Vec::new();
        for index in 0..trace.events.len() {
            board.fold(trace, index);
            for (_, words, state) in in_words(&board, &scenario) {
                let words = format!("{words} {state}").trim_end().to_string();
                if !shown.contains(&words) {
                    shown.push(words);
                }
            }
        }
        shown
    }

    #[test]
    fn a_table_shows_its_timeline_and_a_job_its_transactions() {
        assert_eq!(
            shown("order-billing"),
            ["commit requested", "commit inflight", "commit completed"]
        );
        let job = shown("flink-transaction-timeout");
        assert!(
            [
                "open",
                "pre-committed",
                "committed",
                "timed out",
                "commit refused"
            ]
            .iter()
            .all(|state| job.iter().any(|one| one == state)),
            "{job:?}"
        );
        assert_eq!(
            shown("acks-one").first().map(String::as_str),
            Some("commit requested")
        );
        assert!(shown("zombie-consumer").is_empty());
    }

    #[test]
    fn a_transaction_is_named_by_its_task_and_number() {
        assert_eq!(short_id("flink-0-3"), "0-3");
        assert_eq!(short_id("a-b-c-1-12"), "1-12");
    }
}
