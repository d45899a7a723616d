//! The ledger's law in a hundred thousand random runs: `cargo bench --no-default-features --bench law [-- RUNS [FIRST]]`.
//!
//! At every event of every run, in every segment, `sent = delivered + lost + refused + late + pending`, each term a counter
//! of its own and the same when counted anew. `./test` runs a sample of these. It stops at the first run that breaks it.

#[path = "../tests/random/mod.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod random;

use std::time::Instant;

fn main() {
    let numbers = std::env::args().skip(1);
    let mut numbers = numbers.filter_map(|text| text.parse::<u64>().ok());
    let runs = numbers.next().unwrap_or(100_000);
    let first = numbers.next().unwrap_or(0);
    let begun = Instant::now();
    let (mut ran, mut events, mut facts, mut wrong) = (0_u64, 0_u64, 0_u64, 0_u64);
    for n in first.. {
        if ran == runs {
            break;
        }
        if let Some(run) = random::hold_to_the_law(n) {
            ran += 1;
            events += run.events;
            facts += run.trace.map_or(0, |trace| trace.events.len() as u64);
            let verdict = &run.verdict;
            let missing = verdict.counts.lost + verdict.counts.refused + verdict.counts.late;
            wrong += u64::from(verdict.dup + missing > 0);
        }
        if n % 10_000 == 9_999 {
            eprintln!("{ran} runs, {events} events");
        }
    }
    println!(
        "the law held at every event of {ran} runs: {events} events, {facts} facts, {wrong} runs in which something was \
         doubled, lost, refused or late; {:.0} s",
        begun.elapsed().as_secs_f64()
    );
}
