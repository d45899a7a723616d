//! The guarantee of every combination of settings: each cell is an exploration, none is typed in.
//!
//! What stands in the rows and columns is data, `matrix.json`: axes, each with named patches. A combination that a scenario
//! refuses is no cell; its reason is kept. A cell says the strongest guarantee that its exploration did not refute, and every
//! one that fell opens with the patch that refutes it.

use super::crash_points::{Counterexample, Exploration, Reach};
use super::{Guarantee, Work};
use crate::sim::{Patch, Scenario, ScenarioError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One dimension.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    pub name: String,
    pub values: Vec<AxisValue>,
}

/// One place on it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisValue {
    pub name: String,
    pub patch: Patch,
    /// Whether the producing application sends again after its crash what nobody confirmed.
    #[serde(default = "yes")]
    pub outbox: bool,
    /// Hosts that are not crashed, so that the rest of the pipeline is seen by itself.
    #[serde(default)]
    pub spared: Vec<String>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    axes: Vec<Axis>,
}

/// The axes of `matrix.json`.
///
/// # Panics
///
/// Panics if that file cannot be read, which a test rules out.
pub fn axes() -> Vec<Axis> {
    let file: File =
        serde_json::from_str(include_str!("matrix.json")).expect("matrix.json is well-formed");
    file.axes
}

/// One combination of settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Square {
    /// Index: axis. The names of its settings.
    pub names: Vec<String>,
    /// The strongest guarantee that was not refuted; none if at most once and at least once both fell.
    pub guarantee: Option<Guarantee>,
    pub points: u32,
    pub merged: u32,
    /// Whether all points were tried. Not so where everything fell before.
    pub complete: bool,
    pub counterexamples: Vec<Counterexample>,
    /// Its settings as a patch, as JSON text.
    pub patch: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    pub axes: Vec<(String, Vec<String>)>,
    pub cells: Vec<Square>,
    /// Combinations that no scenario accepts, and why.
    pub refused: Vec<(Vec<String>, String)>,
    pub orders: u32,
}

/// A matrix on its way.
pub struct Filling {
    matrix: Matrix,
    open: Vec<(Square, Scenario, Reach)>,
    running: Option<(Square, Box<Exploration>)>,
    of: u64,
}

impl Filling {
    /// Of these axes, on this scenario with at most so many orders.
    ///
    /// # Errors
    ///
    /// A combination of none of the axes' values that the scenario accepts, or what the exploration refuses.
    pub fn new(
        scenario: &Scenario,
        axes: &[Axis],
        orders: u32,
        reach: &Reach,
    ) -> Result<Filling, ScenarioError> {
        let few = json!({"workload": {"orders": scenario.workload.orders.min(orders)}});
        let few = Patch::of(few)?;
        let mut refused = Vec::new();
        let mut open = Vec::new();
        for combination in combinations(axes) {
            let names: Vec<String> = combination.iter().map(|value| value.name.clone()).collect();
            let patch = combination
                .iter()
                .fold(few.clone(), |patch, value| patch.then(&value.patch));
            match scenario.patched(&patch) {
                Err(error) => refused.push((names, error.to_string())),
                Ok(scenario) => {
                    let cell = Square {
                        names,
                        guarantee: None,
                        points: 0,
                        merged: 0,
                        complete: false,
                        counterexamples: Vec::new(),
                        patch: patch.0.to_string(),
                    };
                    let reach = Reach {
                        outbox: combination.iter().all(|value| value.outbox),
                        spared: combination
                            .iter()
                            .flat_map(|value| value.spared.clone())
                            .collect(),
                        only_guarantees: true,
                        ..reach.clone()
                    };
                    Exploration::new(&scenario, reach.clone())?;
                    open.push((cell, scenario, reach));
                }
            }
        }
        if open.is_empty() {
            let why = refused.first().map_or("", |(_, why)| why);
            return Err(ScenarioError::new(
                "matrix",
                format!("no combination can be run; the first is refused with: {why}"),
            ));
        }
        // Taken from the end.
        open.reverse();
        Ok(Filling {
            of: open.len() as u64,
            open,
            matrix: Matrix {
                axes: axes
                    .iter()
                    .map(|axis| {
                        let names = axis.values.iter().map(|value| value.name.clone());
                        (axis.name.clone(), names.collect())
                    })
                    .collect(),
                cells: Vec::new(),
                refused,
                orders: scenario.workload.orders.min(orders),
            },
            running: None,
        })
    }

    /// The whole of it at once.
    ///
    /// # Errors
    ///
    /// As [`Filling::new`].
    pub fn run(
        scenario: &Scenario,
        axes: &[Axis],
        orders: u32,
        reach: &Reach,
    ) -> Result<Matrix, ScenarioError> {
        let mut filling = Filling::new(scenario, axes, orders, reach)?;
        while filling.advance(u64::MAX) {}
        Ok(filling.finish())
    }

    /// The cells that are filled.
    pub fn finish(self) -> Matrix {
        self.matrix
    }
}

fn combinations(axes: &[Axis]) -> Vec<Vec<&AxisValue>> {
    let mut begun: Vec<Vec<&AxisValue>> = vec![Vec::new()];
    for axis in axes {
        let mut longer = Vec::new();
        for combination in begun {
            for value in &axis.values {
                let mut more = combination.clone();
                more.push(value);
                longer.push(more);
            }
        }
        begun = longer;
    }
    begun
}

impl Work for Filling {
    fn advance(&mut self, events: u64) -> bool {
        let (mut cell, mut exploration) = match self.running.take() {
            Some(running) => running,
            None => {
                let Some((cell, scenario, reach)) = self.open.pop() else {
                    return false;
                };
                let exploration = Exploration::new(&scenario, reach);
                let exploration = exploration.expect("it was accepted before");
                (cell, Box::new(exploration))
            }
        };
        if exploration.advance(events) {
            self.running = Some((cell, exploration));
            return true;
        }
        let report = exploration.finish();
        let fell = |guarantee| report.refutes(guarantee);
        let strongest = [
            Guarantee::ExactlyOnce,
            Guarantee::AtLeastOnce,
            Guarantee::AtMostOnce,
        ];
        cell.guarantee = strongest.into_iter().find(|&guarantee| !fell(guarantee));
        cell.points = report.points;
        cell.merged = report.merged;
        cell.complete = report.complete;
        let main = report.segments.into_iter().next();
        cell.counterexamples = main.map_or(Vec::new(), |main| main.counterexamples);
        self.matrix.cells.push(cell);
        !self.open.is_empty()
    }

    fn progress(&self) -> (u64, u64) {
        (self.matrix.cells.len() as u64, self.of)
    }
}

impl Square {
    /// The word on screen.
    pub fn word(&self) -> &'static str {
        self.guarantee.map_or("none", Guarantee::name)
    }

    /// The patch that replays a counterexample on the scenario that the matrix was made of.
    pub fn replay(&self, example: &Counterexample) -> Patch {
        let settings = Patch::parse(&self.patch).unwrap_or_default();
        settings.then(&example.patch())
    }
}

impl Matrix {
    pub fn to_json(&self) -> Value {
        let cell = |cell: &Square| {
            let names = self.axes.iter().zip(&cell.names);
            let names = names.map(|((axis, _), name)| (axis.clone(), Value::from(name.clone())));
            let mut object: Map<String, Value> = names.collect();
            object.insert("guarantee".into(), cell.word().into());
            object.insert("points".into(), cell.points.into());
            object.insert("merged".into(), cell.merged.into());
            object.insert("complete".into(), cell.complete.into());
            let example = |found: &Counterexample| {
                json!({"guarantee": found.guarantee.name(), "patch": cell.replay(found).0,
                    "step": found.words})
            };
            let examples: Vec<Value> = cell.counterexamples.iter().map(example).collect();
            object.insert("counterexamples".into(), Value::Array(examples));
            Value::Object(object)
        };
        let axes: Map<String, Value> = self
            .axes
            .iter()
            .map(|(name, values)| (name.clone(), json!(values)))
            .collect();
        json!({
            "orders": self.orders,
            "axes": axes,
            "cells": self.cells.iter().map(cell).collect::<Vec<Value>>(),
            "refused": self.refused.iter().map(|(names, why)| json!({"names": names, "why": why})).collect::<Vec<Value>>(),
        })
    }

    /// The first axis goes across, the others down.
    pub fn to_text(&self) -> String {
        let Some((_, columns)) = self.axes.first() else {
            return String::new();
        };
        let mut text = String::new();
        for (index, column) in columns.iter().enumerate() {
            text += &format!("{}: {column}\n", index + 1);
        }
        text += &format!("\n{:<52}", "");
        for index in 1..=columns.len() {
            text += &format!("{index:>15}");
        }
        text.push('\n');
        let mut rows: Vec<&[String]> = Vec::new();
        for cell in &self.cells {
            if !rows.contains(&&cell.names[1..]) {
                rows.push(&cell.names[1..]);
            }
        }
        for row in rows {
            text += &format!("{:<52}", row.join(" -> "));
            for column in columns {
                let found = |cell: &&Square| cell.names[0] == *column && cell.names[1..] == *row;
                let cell = self.cells.iter().find(found);
                text += &format!("{:>15}", cell.map_or("-", Square::word));
            }
            text.push('\n');
        }
        let held = self.cells.iter().filter(|cell| cell.complete);
        let (least, most) = held.fold((u32::MAX, 0), |(least, most), cell| {
            (least.min(cell.points), most.max(cell.points))
        });
        text + &format!(
            "\n{} cells, {} orders each; what is named held at all of a cell's points, {least} to {most} of them\n",
            self.cells.len(),
            self.orders
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_are_read_and_named_once() {
        for axis in axes() {
            let mut names: Vec<&str> = axis.values.iter().map(|v| v.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), axis.values.len(), "{}", axis.name);
        }
        let all = axes();
        let product: usize = all.iter().map(|axis| axis.values.len()).product();
        assert_eq!(combinations(&all).len(), product);
    }
}
