//! The picture as a list, for those who do not see it: every component and how it stands at the playhead.

use super::diagram::EngineLines;
use super::scene::seconds;
use super::{below, flink, instants, plates, writers};
use crate::replay::Board;
use crate::replay::board::Partition;
use crate::sim::trace::Cast;
use crate::sim::{Scenario, cast};

/// One line a component, in the order of the pipeline.
pub fn list(board: &Board, scenario: &Scenario) -> Vec<String> {
    let cast = cast(scenario);
    let writers = board.writers.0.iter();
    let mut list: Vec<String> = writers
        .map(|one| format!("Producer {}", writers::line(board, &cast, one)))
        .collect();
    list.extend(
        board
            .partitions
            .iter()
            .map(|one| partition(board, one, &cast)),
    );
    if board.job.tasks.is_empty() {
        let lines = EngineLines::of(board, scenario);
        let ticks = lines.ticks.iter().map(|(name, at)| match at {
            Some(at) => format!("{name} written at {}", seconds(*at)),
            None => format!("{name} not written yet"),
        });
        let words = std::iter::once(lines.title.clone()).chain(lines.sub.iter().cloned());
        let words = words
            .chain(ticks)
            .chain(lines.state.clone())
            .chain([lines.foot.clone()]);
        let words: Vec<String> = words.filter(|words| !words.is_empty()).collect();
        list.push(format!(
            "{}: {}",
            plates::engine_name(scenario),
            words.join(", ")
        ));
    } else {
        list.extend(flink::told(board, scenario, &cast));
    }
    let sink = plates::sink_name(scenario);
    list.push(format!("{sink}: {}", instants::amount(board)));
    let commits = instants::in_words(board, scenario).into_iter();
    list.extend(commits.map(|(label, words, state)| {
        format!("{sink}, {label}: {words} {state}")
            .trim_end()
            .to_string()
    }));
    for section in below::sections(board, scenario, f64::MAX) {
        let lines = section.lines.into_iter();
        list.extend(lines.map(|line| format!("{}, {}", section.title, line.words)));
    }
    list
}

fn partition(board: &Board, one: &Partition, cast: &Cast) -> String {
    let mut words = format!(
        "{}-{} {}: {} records, read up to {}",
        cast.topic,
        one.id.0,
        plates::leader(one, cast, "on "),
        one.slots.len(),
        one.committed
    );
    let reading = board.job.readings.get(usize::from(one.id.0));
    if let Some(barrier) = reading.and_then(|reading| reading.barrier) {
        words += &format!(", barrier before offset {barrier}");
    }
    if reading.is_some_and(|reading| reading.idle) {
        words += ", idle";
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::Time;
    use crate::sim::{Keep, Patch, Simulation, catalog};

    /// The list of a preset's run at a moment, in one text.
    fn told(id: &str, at_ms: u64) -> String {
        patched(id, "{}", at_ms)
    }

    fn patched(id: &str, patch: &str, at_ms: u64) -> String {
        let scenario = catalog::find(id).expect("a preset").scenario();
        let patch = Patch::parse(patch).expect("a patch");
        let scenario = scenario.patched(&patch).expect("valid");
        let run = Simulation::run(&scenario, Keep::Trace);
        let trace = run.trace.as_ref().expect("kept");
        let mut board = Board::new(&scenario, &run);
        let events = trace.events.iter();
        let facts = events
            .take_while(|event| event.at <= Time::from_ms(at_ms))
            .count();
        (0..facts).for_each(|index| board.fold(trace, index));
        list(&board, &scenario).join("\n")
    }

    fn says(told: &str, words: &[&str]) {
        for words in words {
            assert!(told.contains(words), "no {words:?} in\n{told}");
        }
    }

    #[test]
    fn barriers_and_who_waits_for_them_are_told() {
        let told = told("flink-ahead-of-the-barrier", 3_150);
        says(
            &told,
            &[
                "Flink: checkpoint 3, kept: 2",
                "tm1: tm2 is late",
                "barrier before offset 65",
                "watermark 08:59:5",
            ],
        );
    }

    #[test]
    fn an_input_waits_only_where_barriers_are_aligned() {
        let at = |settings: &str| {
            let patch = format!(r#"{{"engine": {{"flink": {{{settings}}}}}}}"#);
            patched("flink-ahead-of-the-barrier", &patch, 3_150)
        };
        let aligned = r#""execution.checkpointing.mode": "EXACTLY_ONCE""#;
        says(&at(aligned), &["tm1: waits for tm2"]);
        let unaligned = format!(r#"{aligned}, "execution.checkpointing.unaligned.enabled": true"#);
        assert!(!at(&unaligned).contains("waits for"));
    }

    #[test]
    fn what_became_of_a_transaction_is_told_at_the_sink() {
        let told = told("flink-transaction-timeout", 11_150);
        says(
            &told,
            &["Flink: went on from 3", "Output topic, 0-3: commit refused"],
        );
        assert!(!told.contains("Producer p1 e"), "{told}");
    }

    #[test]
    fn instants_batches_and_branches_are_told() {
        says(
            &told("order-billing", 4_200),
            &[
                "Spark: batch 3",
                "offsets/3 written at 4.0",
                "Hudi table, 4.09: commit inflight",
                "revenue by window, ",
            ],
        );
        says(
            &told("four-branches", 60_000),
            &["branches, audit: 60, 13 twice", "branches, billing: 60"],
        );
        says(
            &told("shared-transactional-id", 190),
            &["Producer p1 e0 fenced"],
        );
    }
}
