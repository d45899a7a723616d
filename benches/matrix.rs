//! Every cell of the matrix against the decision framework: `cargo bench --no-default-features --bench matrix [-- ORDERS]`.
//!
//! `./test` holds a selection in which every value of every axis occurs. It stops at the end with every difference.

#[path = "../tests/expected/mod.rs"]
mod expected;

use serde_json::json;
use std::time::Instant;
use streamproof::sim::explore::crash_points::Reach;
use streamproof::sim::explore::matrix::{Filling, axes};
use streamproof::sim::{Patch, catalog};

fn main() {
    let numbers = std::env::args().skip(1);
    let orders = numbers.filter_map(|text| text.parse::<u32>().ok()).next();
    let opening = catalog::find(catalog::OPENING).expect("there is one");
    let patch = Patch::of(json!({"branches": null})).expect("an object");
    let scenario = opening.scenario().patched(&patch).expect("valid");
    let begun = Instant::now();
    let reach = Reach::default();
    let matrix = Filling::run(&scenario, &axes(), orders.unwrap_or(5), &reach).expect("valid");
    print!("{}", matrix.to_text());
    let differs = |cell: &&_| {
        let cell: &streamproof::sim::explore::matrix::Square = cell;
        cell.word() != expected::guarantee(&cell.names)
    };
    let different: Vec<_> = matrix.cells.iter().filter(differs).collect();
    for cell in &different {
        let expected = expected::guarantee(&cell.names);
        println!(
            "{:?}: {} computed, {expected} expected",
            cell.names,
            cell.word()
        );
    }
    println!("{:.0} s", begun.elapsed().as_secs_f64());
    assert!(different.is_empty(), "{} cells differ", different.len());
}
