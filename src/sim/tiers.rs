//! Segments fanned out from one topic and chained through others: who reads from whom, and where each topic lies.
//!
//! The partitions of a segment's output topic lie behind those of the topic and of the coordinators, one block a segment.

use super::kafka::protocol::Internal;
use super::scenario::{Branch, Scenario, ScenarioError};
use super::sinks::SinkKind;

/// The name by which a branch reads from the main segment.
pub const MAIN: &str = "main";

/// The segments of a scenario: the main one, then its branches in the order of their names.
pub fn segments(scenario: &Scenario) -> Vec<(String, Branch)> {
    let main = Branch {
        from: None,
        engine: scenario.engine.clone(),
        sink: scenario.sink.clone(),
    };
    let branches = scenario
        .branches
        .iter()
        .map(|(name, branch)| (name.clone(), branch.clone()));
    std::iter::once((String::new(), main))
        .chain(branches)
        .collect()
}

/// Where every segment reads and writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers {
    /// Index: segment. The segment whose output it reads; none reads the topic.
    pub before: Vec<Option<usize>>,
    /// Index: segment. The first partition of what it reads.
    pub inputs: Vec<u16>,
    /// Index: segment. The first partition of the topic that it writes, if it writes one.
    pub outputs: Vec<Option<u16>>,
}

impl Tiers {
    /// # Panics
    ///
    /// Panics if a branch reads from a segment that is not there; every accepted scenario has them all.
    pub fn of(scenario: &Scenario) -> Tiers {
        let segments = segments(scenario);
        let partitions = scenario.topic.partitions;
        let mut next = Internal::behind(partitions).first_output();
        let writes = |branch: &Branch| branch.sink.kind == SinkKind::KafkaTopic;
        let outputs: Vec<Option<u16>> = segments
            .iter()
            .map(|(_, branch)| {
                let first = next;
                next += if writes(branch) { partitions } else { 0 };
                writes(branch).then_some(first)
            })
            .collect();
        let find = |name: &str| {
            let name = if name == MAIN { "" } else { name };
            let place = segments.iter().position(|(known, _)| known == name);
            place.expect("a branch reads from a segment that is there")
        };
        let before: Vec<Option<usize>> = segments
            .iter()
            .map(|(_, branch)| {
                branch
                    .from
                    .as_deref()
                    .filter(|from| *from != scenario.topic.name)
            })
            .map(|from| from.map(find))
            .collect();
        let inputs = before.iter().map(|before| {
            let output = before.and_then(|before| outputs[before]);
            output.unwrap_or(0)
        });
        Tiers {
            inputs: inputs.collect(),
            before,
            outputs,
        }
    }

    /// The first partitions of the logs before a segment's input, from the topic on.
    pub fn upstream(&self, segment: usize) -> Vec<u16> {
        let mut logs = Vec::new();
        let mut place = self.before[segment];
        while let Some(before) = place {
            logs.push(self.inputs[before]);
            place = self.before[before];
        }
        logs.reverse();
        logs
    }

    /// The segments that no other reads from.
    pub fn ends(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.before.len()).filter(|&segment| !self.before.contains(&Some(segment)))
    }

    /// The segments, each behind the one that it reads from.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.before.len()).collect();
        order.sort_by_key(|&segment| (self.upstream(segment).len(), segment));
        order
    }

    /// Whether a segment reads what another has written.
    pub fn are_chained(&self) -> bool {
        self.before.iter().any(Option::is_some)
    }
}

/// Whether every branch reads from something that is there, and none in a circle.
pub fn validate(scenario: &Scenario) -> Result<(), ScenarioError> {
    let topic = &scenario.topic.name;
    let writers = |name: &str| {
        let writes = |kind| kind == SinkKind::KafkaTopic;
        match scenario.branches.get(name) {
            _ if name == MAIN => writes(scenario.sink.kind),
            Some(branch) => writes(branch.sink.kind),
            None => false,
        }
    };
    for name in scenario.branches.keys() {
        if name == MAIN || name == topic {
            return Err(ScenarioError::new(
                format!("branches.{name}"),
                "this name stands for the main segment or the topic; another one is accepted",
            ));
        }
    }
    for (name, branch) in &scenario.branches {
        let Some(from) = branch.from.as_deref().filter(|from| from != topic) else {
            continue;
        };
        let refuse = |why: String| Err(ScenarioError::new(format!("branches.{name}.from"), why));
        if from != MAIN && !scenario.branches.contains_key(from) {
            let segments = scenario.branches.keys().cloned().collect::<Vec<_>>();
            return refuse(format!(
                "no topic or segment named \"{from}\"; accepted are {topic}, {MAIN} and {}",
                segments.join(", ")
            ));
        }
        if !writers(from) {
            return refuse(format!(
                "\"{from}\" writes to no topic that could be read; its sink.use must be \"kafka_topic\""
            ));
        }
        let mut seen = vec![name.as_str()];
        let mut next = Some(from);
        while let Some(place) = next {
            if seen.contains(&place) {
                seen.push(place);
                return refuse(format!("reads in a circle: {}", seen.join(" from ")));
            }
            seen.push(place);
            let branch = scenario.branches.get(place);
            next = branch.and_then(|branch| branch.from.as_deref());
        }
    }
    Ok(())
}
