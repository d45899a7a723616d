//! The instances of the producing application in the diagram: epochs, transactions of their own, zombies and who is fenced.

use super::glyphs::{path, px, text, width};
use crate::replay::Board;
use crate::replay::transactions::State;
use crate::replay::writers::Writer;
use crate::sim::trace::Cast;
use yew::{Html, html};

/// The lines below the producer's box; one instance says more of itself than each of several.
pub fn draw(board: &Board, cast: &Cast, x: f64, y: f64) -> Html {
    let lines: Vec<(String, Option<&Writer>)> = match board.writers.0.as_slice() {
        [one] => {
            let epoch = one.identity.map(|(_, epoch)| format!("epoch {epoch}"));
            let transaction = transaction(board, one).map(|state| format!("tx {state}"));
            let lines = epoch.into_iter().chain(transaction);
            lines.map(|line| (line, None)).collect()
        }
        all => all
            .iter()
            .map(|one| (line(board, cast, one), Some(one)))
            .collect(),
    };
    html! {
        { for lines.into_iter().enumerate().map(|(n, (line, writer))| {
            let y = y + 13.0 * n as f64;
            let ghost = writer.is_some_and(|one| one.zombie || !one.alive);
            html! { <>
                if ghost { <rect class="ghost-member" x={px(x - 3.0)} y={px(y - 10.0)} width={px(width(&line, 11.0) + 6.0)} height="13" rx="3" /> }
                { text(x, y, line.clone(), if ghost { "s11 b" } else { "s11 mu" }) }
                if writer.is_some_and(|one| one.fenced) { { path(format!("M{} {}L{} {}", px(x - 3.0), px(y + 3.0), px(x + 3.0 + width(&line, 11.0)), px(y - 10.0)), "fenced") } }
            </> }
        }) }
    }
}

/// An instance in few words.
pub fn line(board: &Board, cast: &Cast, one: &Writer) -> String {
    let name = cast.host(one.host);
    let epoch = one
        .identity
        .map_or(String::new(), |(_, epoch)| format!(" e{epoch}"));
    let state = match one {
        _ if !one.alive => " down",
        _ if one.fenced => " fenced",
        _ if one.zombie => " zombie",
        _ if one.paused_until > board.at => " paused",
        _ => "",
    };
    let transaction = transaction(board, one).filter(|_| state.is_empty());
    let transaction = transaction.map_or(String::new(), |state| format!(" {state}"));
    format!("{name}{epoch}{state}{transaction}")
}

/// How far the instance's own last transaction has come. Those of other writers are no business of its box.
fn transaction(board: &Board, writer: &Writer) -> Option<&'static str> {
    let mut own = board.transactions.0.iter().rev();
    let last = own.find(|one| one.writer == writer.host)?;
    Some(match last.state {
        State::Ongoing if last.orphaned => "left open",
        State::Ongoing => "open",
        State::Prepared { commit: true } => "will commit",
        State::Prepared { commit: false } => "will abort",
        State::Ended { commit: true } => "committed",
        State::Ended { commit: false } => "aborted",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Keep, Simulation, cast, catalog};

    /// All that the producer's box says of transactions in a run.
    fn said(id: &str) -> Vec<&'static str> {
        let scenario = catalog::find(id).expect("a preset").scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let trace = run.trace.as_ref().expect("kept");
        let mut board = Board::new(&scenario, &run);
        let mut said = Vec::new();
        for index in 0..trace.events.len() {
            board.fold(trace, index);
            let now = transaction(&board, &board.writers.0[0]);
            said.extend(now.filter(|now| !said.contains(now)));
        }
        let host = board.writers.0[0].host;
        assert_eq!(cast(&scenario).host(host), "p1");
        said
    }

    #[test]
    fn the_transactions_of_a_sink_are_not_those_of_the_producer() {
        assert_eq!(said("flink-transaction-timeout"), [""; 0]);
        assert!(said("random-transactional-id").contains(&"open"));
    }
}
