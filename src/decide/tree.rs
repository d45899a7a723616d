//! The tree from answers to a guarantee, and the path that a case takes through it.
//!
//! Rule of thumb: prefer a key to a protocol. A key survives restarts, new checkpoints and backfills; a transaction and a
//! checkpoint end at the edge of their protocol.

use super::questions::{Case, QUESTIONS, Question, Refused};
use crate::sim::explore::Guarantee;

/// Where a path through the tree ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaf {
    BestEffort,
    AtMostOnce,
    AtLeastOnce,
    /// At least once, and a sink that overwrites by key.
    Effectively,
    /// The same where values change: a field says which is later.
    Versioned,
    /// Read, work and write in one Kafka transaction.
    Transactions,
    /// The engine and the sink commit together.
    Coordinated,
    /// The sink can do nothing about a copy.
    NoMore,
}

impl Leaf {
    pub const ALL: [Leaf; 8] = [
        Leaf::BestEffort,
        Leaf::AtMostOnce,
        Leaf::AtLeastOnce,
        Leaf::Effectively,
        Leaf::Versioned,
        Leaf::Transactions,
        Leaf::Coordinated,
        Leaf::NoMore,
    ];

    /// As the course calls it.
    pub const fn code(self) -> &'static str {
        match self {
            Leaf::BestEffort => "P0",
            Leaf::AtMostOnce => "P1",
            Leaf::AtLeastOnce | Leaf::NoMore => "P2",
            Leaf::Effectively => "P3",
            Leaf::Versioned => "P3v",
            Leaf::Transactions => "P4",
            Leaf::Coordinated => "P5",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Leaf::BestEffort => "best effort",
            Leaf::AtMostOnce => "at most once",
            Leaf::AtLeastOnce => "at least once",
            Leaf::Effectively => "effectively once: at least once and a key",
            Leaf::Versioned => "effectively once with versions: a key and an ordering field",
            Leaf::Transactions => "Kafka transactions",
            Leaf::Coordinated => "coordinated by the engine",
            Leaf::NoMore => {
                "at least once and no more: change the sink, or make an id at the source"
            }
        }
    }

    /// What is promised from the source to the reader of the sink, whatever crashes.
    pub const fn promises(self) -> Option<Guarantee> {
        match self {
            Leaf::BestEffort => None,
            Leaf::AtMostOnce => Some(Guarantee::AtMostOnce),
            Leaf::AtLeastOnce | Leaf::NoMore | Leaf::Transactions | Leaf::Coordinated => {
                Some(Guarantee::AtLeastOnce)
            }
            Leaf::Effectively | Leaf::Versioned => Some(Guarantee::ExactlyOnce),
        }
    }

    /// What the segment promises of itself, as long as what it reads was written once: a protocol ends at its edge.
    pub const fn promises_itself(self) -> Option<Guarantee> {
        match self {
            Leaf::Transactions | Leaf::Coordinated => Some(Guarantee::ExactlyOnce),
            other => other.promises(),
        }
    }

    /// Whether something may be missing.
    pub const fn may_lose(self) -> bool {
        matches!(self, Leaf::BestEffort | Leaf::AtMostOnce)
    }
}

/// A question of the tree; yes and no lead on.
pub struct Node {
    pub ask: &'static str,
    /// The questions to the business whose answers it is decided by.
    pub by: &'static [&'static str],
    pub yes: Next,
    pub no: Next,
    test: fn(&Case) -> Result<bool, Refused>,
}

/// Where an answer leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A place in [`TREE`].
    Ask(usize),
    Stop(Leaf),
}

/// The first is the root.
pub const TREE: &[Node] = &[
    Node {
        ask: "Does a missing event cost nothing worth naming?",
        by: &["missing"],
        yes: Next::Ask(1),
        no: Next::Ask(2),
        test: |case| Ok(case.needs("missing")? != "money"),
    },
    Node {
        ask: "Does a doubled one cost nothing either?",
        by: &["doubled"],
        yes: Next::Stop(Leaf::BestEffort),
        no: Next::Stop(Leaf::AtMostOnce),
        test: |case| Ok(case.needs("doubled")? != "money"),
    },
    Node {
        ask: "Is a doubled event harmless, or removed later by a reader that must do it anyway?",
        by: &["doubled"],
        yes: Next::Stop(Leaf::AtLeastOnce),
        no: Next::Ask(3),
        test: |case| Ok(case.needs("doubled")? != "money"),
    },
    Node {
        ask: "Is there a stable business id, and can the sink overwrite by key?",
        by: &["id", "sink"],
        yes: Next::Ask(4),
        no: Next::Ask(5),
        test: |case| {
            let id = case.needs("id")?;
            let overwrites = ["table", "database", "keyed"].contains(&case.needs("sink")?);
            Ok(id == "before" && overwrites)
        },
    },
    Node {
        ask: "Do values of a key change?",
        by: &["replace"],
        yes: Next::Stop(Leaf::Versioned),
        no: Next::Stop(Leaf::Effectively),
        test: |case| Ok(case.needs("replace")? != "no"),
    },
    Node {
        ask: "Are both ends of this hop in Kafka, read, worked on and written by one plain consumer?",
        by: &["sink", "engine"],
        yes: Next::Stop(Leaf::Transactions),
        no: Next::Ask(6),
        test: |case| Ok(case.needs("sink")? == "topic" && engine(case)? == "consumer"),
    },
    Node {
        ask: "Can the sink record the batch, the checkpoint or the position together with the data?",
        by: &["sink", "engine"],
        yes: Next::Stop(Leaf::Coordinated),
        no: Next::Stop(Leaf::NoMore),
        test: |case| Ok(["table", "database", "topic"].contains(&case.needs("sink")?)),
    },
];

/// What writes to a sink, the usual one first.
pub fn fitting(sink: &str) -> &'static [&'static str] {
    match sink {
        "table" => &["spark", "flink"],
        "database" => &["spark", "consumer"],
        _ => &["consumer", "flink"],
    }
}

/// The questions that this case has to answer so far, in their order: what cannot change its path is left out.
pub fn asked(case: &Case) -> Vec<&'static Question> {
    let (steps, end) = walk(case);
    let next = steps.last().map_or(Next::Ask(0), |&(place, yes)| {
        let node = &TREE[place];
        if yes { node.yes } else { node.no }
    });
    let comes_to = |place: usize| {
        let passed = steps.iter().any(|&(passed, _)| passed == place);
        passed || (end.is_err() && next == Next::Ask(place))
    };
    QUESTIONS
        .iter()
        .filter(|question| match question.id {
            "id" => comes_to(3),
            "replace" => comes_to(4),
            _ => true,
        })
        .collect()
}

/// What does the work: as answered, or what goes with the sink.
///
/// # Errors
///
/// An engine that does not write to such a sink.
pub fn engine(case: &Case) -> Result<&'static str, Refused> {
    let sink = case.needs("sink")?;
    let fitting = fitting(sink);
    match case.given("engine") {
        None if case.is("late", "side") && fitting.contains(&"flink") => Ok("flink"),
        None => Ok(fitting[0]),
        Some(engine) if fitting.contains(&engine) => Ok(engine),
        Some(engine) => Err(Refused::new(
            case.key("engine"),
            format!(
                "\"{engine}\" does not go with {}={sink}: what writes there in this model is {}. Accepted: {}, or another answer to \"{}\"",
                case.key("sink"),
                fitting.join(" or "),
                fitting.join(", "),
                case.key("sink")
            ),
        )),
    }
}

/// The questions that were decided, each with its answer, and the leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub steps: Vec<(usize, bool)>,
    pub leaf: Leaf,
}

/// How far a case comes: the steps that are decided, and either the leaf or the question that is missing.
pub fn walk(case: &Case) -> (Vec<(usize, bool)>, Result<Leaf, Refused>) {
    let mut steps = Vec::new();
    let mut at = 0;
    loop {
        let node = &TREE[at];
        let yes = match (node.test)(case) {
            Ok(yes) => yes,
            Err(refused) => return (steps, Err(refused)),
        };
        steps.push((at, yes));
        match if yes { node.yes } else { node.no } {
            Next::Ask(next) => at = next,
            Next::Stop(leaf) => return (steps, Ok(leaf)),
        }
    }
}

impl Path {
    /// # Errors
    ///
    /// The first question that the path needs and that is not answered.
    pub fn of(case: &Case) -> Result<Path, Refused> {
        let (steps, leaf) = walk(case);
        leaf.map(|leaf| Path { steps, leaf })
    }
}

#[cfg(test)]
mod tests {
    use super::super::questions::cases;
    use super::*;

    fn leaf(answers: &[&str]) -> Leaf {
        let cases = cases(answers.iter().copied()).expect("answers");
        Path::of(&cases[0]).expect("a path").leaf
    }

    #[test]
    fn the_tree_leads_where_the_framework_says() {
        for (answers, expected) in [
            (
                &["missing=nothing", "doubled=nothing"][..],
                Leaf::BestEffort,
            ),
            (&["missing=some", "doubled=money"], Leaf::AtMostOnce),
            (&["missing=money", "doubled=removed"], Leaf::AtLeastOnce),
            (
                &[
                    "missing=money",
                    "doubled=money",
                    "id=before",
                    "sink=table",
                    "replace=no",
                ],
                Leaf::Effectively,
            ),
            (
                &[
                    "missing=money",
                    "doubled=money",
                    "id=before",
                    "sink=table",
                    "replace=field",
                ],
                Leaf::Versioned,
            ),
            (
                &["missing=money", "doubled=money", "id=none", "sink=topic"],
                Leaf::Transactions,
            ),
            (
                &["missing=money", "doubled=money", "id=before", "sink=topic"],
                Leaf::Transactions,
            ),
            (
                &[
                    "missing=money",
                    "doubled=money",
                    "id=none",
                    "sink=topic",
                    "engine=flink",
                ],
                Leaf::Coordinated,
            ),
            (
                &["missing=money", "doubled=money", "id=attempt", "sink=table"],
                Leaf::Coordinated,
            ),
            (
                &["missing=money", "doubled=money", "id=before", "sink=effect"],
                Leaf::NoMore,
            ),
            (
                &["missing=money", "doubled=money", "id=none", "sink=keyed"],
                Leaf::NoMore,
            ),
        ] {
            assert_eq!(leaf(answers), expected, "{answers:?}");
        }
    }

    #[test]
    fn a_path_without_an_answer_names_the_question() {
        let cases = cases(["missing=money", "doubled=money", "id=before"]).expect("answers");
        let error = Path::of(&cases[0]).expect_err("no sink").to_string();
        assert!(
            error.starts_with("sink: not answered: \"Where does the result go"),
            "{error}"
        );
        assert!(
            error.ends_with("table, database, topic, keyed, effect"),
            "{error}"
        );
    }

    #[test]
    fn only_what_decides_is_asked() {
        let asked = |answers: &[&str]| -> Vec<&str> {
            let cases = cases(answers.iter().copied()).expect("answers");
            asked(&cases[0])
                .iter()
                .map(|question| question.id)
                .collect()
        };
        assert!(!asked(&["missing=some"]).contains(&"id"));
        assert!(!asked(&["missing=money", "doubled=removed"]).contains(&"id"));
        let keyed = ["missing=money", "doubled=money", "id=before", "sink=table"];
        assert!(asked(&keyed[..2]).contains(&"id") && !asked(&keyed[..2]).contains(&"replace"));
        assert!(asked(&keyed).contains(&"replace"));
        assert!(
            !asked(&["missing=money", "doubled=money", "id=none", "sink=table"])
                .contains(&"replace")
        );
    }

    #[test]
    fn every_leaf_is_reached_and_every_node_asks_what_exists() {
        let next: Vec<Next> = TREE.iter().flat_map(|node| [node.yes, node.no]).collect();
        for leaf in Leaf::ALL {
            assert_eq!(
                next.iter()
                    .filter(|next| **next == Next::Stop(leaf))
                    .count(),
                1
            );
        }
        for place in 1..TREE.len() {
            assert_eq!(
                next.iter()
                    .filter(|next| **next == Next::Ask(place))
                    .count(),
                1
            );
        }
        for node in TREE {
            assert!(node.by.iter().all(|id| Question::find(id).is_some()));
        }
    }
}
