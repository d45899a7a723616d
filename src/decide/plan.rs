//! From answers to what is to be run: the profile, its alternatives, the residual risks, and the questions to the simulator.
//!
//! What has to be found out is a list of ordinary jobs, runs and explorations. Whoever has the answers to all of them, a
//! terminal or a page, has the findings.

use super::measure::Measures;
use super::profile::{self, Segment, Setting};
use super::questions::{Case, Refused};
use super::tree::{self, Leaf, Next, Path, TREE};
use crate::sim::explore::Guarantee;
use crate::sim::explore::crash_points::{Reach, Report};
use crate::sim::{Patch, Scenario, catalog};

/// The preset that profiles are patches of.
pub const BASE: &str = "decision";
/// An exploration takes the first so many of its orders.
pub const FEW: u32 = 8;

/// What follows from the answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub segments: Vec<Segment>,
    pub paths: Vec<Path>,
    /// Of the preset [`BASE`].
    pub patch: Patch,
    pub scenario: Scenario,
    /// The same work with the least effort, P0 everywhere: what costs are measured against.
    pub baseline: Scenario,
    pub settings: Vec<Setting>,
    /// In the order of the segments, each with the segment's name.
    pub risks: Vec<(String, String)>,
    pub alternatives: Vec<Alternative>,
    pub explorations: Vec<Probe>,
}

/// Another profile for the same answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    pub name: String,
    pub scenario: Scenario,
    /// Whether it promises less. Then it is explored until what it does not keep is found.
    pub weaker: bool,
    pub why_not: String,
}

/// An exploration: what is crashed, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub words: &'static str,
    /// Whether the producing application never dies, so that each segment is seen by itself.
    pub by_itself: bool,
    pub reach: Reach,
}

/// A question to the simulator.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    Run(Scenario),
    Explore(Scenario, Reach),
}

/// Its answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Run(Measures),
    Explored(Report),
}

/// The answers, by what they are about.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    pub run: Measures,
    pub baseline: Measures,
    /// Index: [`Plan::explorations`].
    pub reports: Vec<Report>,
    /// Index: [`Plan::alternatives`]. The exploration is there for the weaker ones.
    pub alternatives: Vec<(Measures, Option<Report>)>,
}

impl Plan {
    /// # Errors
    ///
    /// The question whose answer is missing or contradicts another one.
    pub fn of(cases: &[Case]) -> Result<Plan, Refused> {
        let Some(first) = cases.first() else {
            return Err(Case::default().missing("missing"));
        };
        let mut segments = Vec::new();
        let mut paths = Vec::new();
        for case in cases {
            let path = Path::of(case)?;
            case.needs("sink")?;
            let engine = tree::engine(case)?;
            agree(case, engine)?;
            segments.push(Segment {
                case: case.clone(),
                leaf: path.leaf,
                engine,
                sink: case.needs("sink")?,
                by_hand: false,
            });
            paths.push(path);
        }
        chained(&segments)?;
        let build = |segments: &[Segment]| {
            let base = catalog::find(BASE).expect("there is one").scenario();
            base.patched(&profile::patch(segments)).map_err(|error| {
                Refused::new(
                    first.key("engine"),
                    format!("no scenario follows from these answers: {error}"),
                )
            })
        };
        let mut least = segments.clone();
        for segment in &mut least {
            segment.leaf = Leaf::BestEffort;
        }
        let mut alternatives = Vec::new();
        if let [segment] = segments.as_slice() {
            for (other, weaker, why_not) in others(segment) {
                alternatives.push(Alternative {
                    name: title(&other),
                    scenario: build(std::slice::from_ref(&other))?,
                    weaker,
                    why_not,
                });
            }
        }
        Ok(Plan {
            patch: profile::patch(&segments),
            scenario: build(&segments)?,
            baseline: build(&least)?,
            settings: profile::settings(&segments),
            risks: segments
                .iter()
                .flat_map(|segment| {
                    let name = segment.case.name.clone();
                    risks(segment, &segments)
                        .into_iter()
                        .map(move |risk| (name.clone(), risk))
                })
                .collect(),
            alternatives,
            explorations: probes(&segments),
            segments,
            paths,
        })
    }

    /// What has to be asked, in this order.
    pub fn asks(&self) -> Vec<Ask> {
        let mut asks = vec![
            Ask::Run(self.scenario.clone()),
            Ask::Run(self.baseline.clone()),
        ];
        for probe in &self.explorations {
            asks.push(Ask::Explore(few(&self.scenario), probe.reach.clone()));
        }
        for other in &self.alternatives {
            asks.push(Ask::Run(other.scenario.clone()));
            if other.weaker {
                // Where the profile promises more of a segment by itself, that is what the weaker one has to fail at.
                let probe = self.explorations.last().expect("there is one");
                let reach = Reach {
                    only_guarantees: true,
                    ..probe.reach.clone()
                };
                asks.push(Ask::Explore(few(&other.scenario), reach));
            }
        }
        asks
    }

    /// The answers to [`Plan::asks`], in that order; none if one is missing.
    pub fn findings(&self, told: Vec<Told>) -> Option<Findings> {
        let mut told = told.into_iter();
        let (mine, baseline) = (run(&mut told)?, run(&mut told)?);
        let reports = self.explorations.iter().map(|_| explored(&mut told));
        let reports = reports.collect::<Option<Vec<Report>>>()?;
        let mut alternatives = Vec::new();
        for other in &self.alternatives {
            let measures = run(&mut told)?;
            let report = match other.weaker {
                true => Some(explored(&mut told)?),
                false => None,
            };
            alternatives.push((measures, report));
        }
        Some(Findings {
            run: mine,
            baseline,
            reports,
            alternatives,
        })
    }
}

/// The same with so few orders that every crash point of it can be tried.
fn few(scenario: &Scenario) -> Scenario {
    let mut few = scenario.clone();
    few.workload.orders = few.workload.orders.min(FEW);
    few
}

fn run(told: &mut impl Iterator<Item = Told>) -> Option<Measures> {
    match told.next()? {
        Told::Run(measures) => Some(measures),
        Told::Explored(_) => None,
    }
}

fn explored(told: &mut impl Iterator<Item = Told>) -> Option<Report> {
    match told.next()? {
        Told::Explored(report) => Some(report),
        Told::Run(_) => None,
    }
}

/// What a segment promised, and whether an exploration left it standing.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub segment: String,
    pub guarantee: Guarantee,
    /// Which of [`Plan::explorations`].
    pub probe: usize,
    pub refuted: bool,
    pub points: u32,
}

impl Plan {
    /// Each promise against what was explored.
    pub fn kept(&self, findings: &Findings) -> Vec<Kept> {
        let mut kept = Vec::new();
        for (place, segment) in self.segments.iter().enumerate() {
            for (probe, report) in findings.reports.iter().enumerate() {
                let by_itself = self.explorations[probe].by_itself;
                let promise = if by_itself {
                    itself(segment, &self.segments)
                } else {
                    end_to_end(segment, &self.segments)
                };
                let name = if place == 0 { "" } else { &segment.case.name };
                let found = report.segments.iter().find(|found| found.name == name);
                let (Some(guarantee), Some(found)) = (promise, found) else {
                    continue;
                };
                let mut fell = found.counterexamples.iter();
                kept.push(Kept {
                    segment: segment.case.name.clone(),
                    guarantee,
                    probe,
                    refuted: fell.any(|found| found.guarantee == guarantee),
                    points: report.points,
                });
            }
        }
        kept
    }
}

/// The segment whose output another one reads.
fn before<'a>(segment: &Segment, segments: &'a [Segment]) -> Option<&'a Segment> {
    let from = segment.case.from.as_ref()?;
    segments.iter().find(|other| other.case.name == *from)
}

/// Whether what it reads from another segment may have copies that it cannot tell.
fn reads_copies(segment: &Segment, segments: &[Segment]) -> bool {
    let protocol = matches!(segment.leaf, Leaf::Transactions | Leaf::Coordinated);
    protocol
        && before(segment, segments)
            .is_some_and(|before| itself(before, segments) != Some(Guarantee::ExactlyOnce))
}

/// What is promised of a segment as long as the topic has each event once.
fn itself(segment: &Segment, segments: &[Segment]) -> Option<Guarantee> {
    match reads_copies(segment, segments) {
        true => segment.leaf.promises(),
        false => segment.leaf.promises_itself(),
    }
}

/// What is promised from the source to the sink. Where others need a producer that sends again, nobody gets at most once.
fn end_to_end(segment: &Segment, segments: &[Segment]) -> Option<Guarantee> {
    let sends_again = segments.iter().any(|segment| !segment.leaf.may_lose());
    match segment.leaf {
        Leaf::AtMostOnce if sends_again => None,
        leaf => leaf.promises(),
    }
}

/// Answers that cannot all be true.
fn agree(case: &Case, engine: &str) -> Result<(), Refused> {
    let late = case.needs("late")?;
    if late == "drop" && case.is("missing", "money") {
        return Err(Refused::new(
            case.key("late"),
            format!(
                "\"drop\" throws late events away, and {}=money says that each missing one costs. Accepted: any, side, or another answer to \"{0}\"",
                case.key("missing")
            ),
        ));
    }
    if late != "any" && engine == "consumer" {
        return Err(Refused::new(
            case.key("late"),
            format!(
                "\"{late}\" needs windows, and a plain consumer has none. Accepted: any, or {}=spark or flink",
                case.key("engine")
            ),
        ));
    }
    if late == "side" && engine == "spark" {
        return Err(Refused::new(
            case.key("late"),
            format!(
                "\"side\" needs a side output, and Spark has none. Accepted: any, drop, or {}=flink",
                case.key("engine")
            ),
        ));
    }
    if late != "any" && case.is("sink", "topic") {
        return Err(Refused::new(
            case.key("late"),
            format!(
                "\"{late}\" sums up by time, and each record of the topic stands for one event in this model. Accepted: any, or another answer to \"{}\"",
                case.key("sink")
            ),
        ));
    }
    Ok(())
}

/// Who reads what another segment writes gets no more than that one gives.
fn chained(segments: &[Segment]) -> Result<(), Refused> {
    for (place, segment) in segments.iter().enumerate() {
        let Some(from) = &segment.case.from else {
            continue;
        };
        let key = segment.case.key("from");
        let before = segments.iter().position(|other| other.case.name == *from);
        let Some(before) = before.filter(|before| *before != place) else {
            let names = segments.iter().map(|other| other.case.name.as_str());
            let names: Vec<&str> = names.filter(|name| *name != segment.case.name).collect();
            return Err(Refused::new(
                key,
                format!(
                    "no segment named \"{from}\"; accepted: {}",
                    names.join(", ")
                ),
            ));
        };
        if place == 0 {
            return Err(Refused::new(
                key,
                "the first segment reads the topic; name another one first".to_string(),
            ));
        }
        let before = &segments[before];
        if before.sink != "topic" {
            return Err(Refused::new(
                key,
                format!(
                    "\"{from}\" writes to no topic that could be read; accepted with {}=topic",
                    before.case.key("sink")
                ),
            ));
        }
        if before.leaf.may_lose() && !segment.leaf.may_lose() {
            return Err(Refused::new(
                segment.case.key("missing"),
                format!(
                    "a missing event costs here, and \"{from}\", which it reads, is {} and may lose it. Accepted: {}=money, or nothing or some here",
                    before.leaf.name(),
                    before.case.key("missing")
                ),
            ));
        }
    }
    Ok(())
}

fn probes(segments: &[Segment]) -> Vec<Probe> {
    let outbox = segments.iter().any(|segment| !segment.leaf.may_lose());
    let mut probes = vec![Probe {
        words: if outbox {
            "Every host may die; the producing application sends again after its crash what nobody confirmed."
        } else {
            "Every host may die; the producing application forgets with its crash what it had not sent."
        },
        by_itself: false,
        reach: Reach {
            outbox,
            ..Reach::default()
        },
    }];
    let edge = segments.iter().any(|segment| {
        segment.leaf.promises() != segment.leaf.promises_itself()
            || segment.leaf.promises() != end_to_end(segment, segments)
    });
    if edge {
        probes.push(Probe {
            words: "The producing application never dies, so that each event is in the topic once and the segment is seen by itself.",
            by_itself: true,
            reach: Reach {
                spared: vec!["p1".into()],
                ..Reach::default()
            },
        });
    }
    probes
}

/// "P3, effectively once: at least once and a key, Spark into a Hudi table".
pub fn title(segment: &Segment) -> String {
    let engine = match segment.engine {
        "spark" => "Spark",
        "flink" => "Flink",
        _ => "a plain consumer",
    };
    let sink = match segment.sink {
        "table" if segment.by_hand => "a Hudi table, written in foreachBatch",
        "table" => "a Hudi table",
        "database" => "a database",
        "topic" => "a Kafka topic",
        "keyed" => "a service with keys",
        _ => "an effect outside",
    };
    format!(
        "{}, {}; {engine} into {sink}",
        segment.leaf.code(),
        segment.leaf.name()
    )
}

/// The neighbours of a profile: the weaker one beside it, and what would promise more or by other means.
fn others(segment: &Segment) -> Vec<(Segment, bool, String)> {
    let as_leaf = |leaf: Leaf| Segment {
        leaf,
        ..segment.clone()
    };
    let mut found = Vec::new();
    let weaker = match segment.leaf {
        Leaf::BestEffort => None,
        Leaf::AtMostOnce => Some(Leaf::BestEffort),
        Leaf::AtLeastOnce | Leaf::NoMore => Some(Leaf::AtMostOnce),
        Leaf::Effectively | Leaf::Transactions | Leaf::Coordinated => Some(Leaf::AtLeastOnce),
        Leaf::Versioned if compares(segment) => Some(Leaf::Effectively),
        Leaf::Versioned => Some(Leaf::AtLeastOnce),
    };
    if let Some(weaker) = weaker {
        let native = segment.engine == "spark" && segment.sink == "table";
        let other = Segment {
            // The native sink remembers the batch whatever is promised.
            by_hand: native && segment.leaf == Leaf::Coordinated,
            ..as_leaf(weaker)
        };
        let why = match segment.leaf {
            Leaf::AtMostOnce => "It promises less: it may double, and a doubled event costs here.",
            Leaf::AtLeastOnce | Leaf::NoMore => {
                "It promises less: it may lose, and a missing event costs here."
            }
            Leaf::Versioned if compares(segment) => {
                "Without an ordering field an older version that arrives last takes the place of the newer one."
            }
            _ => "It promises less: it may double, and a doubled event costs here.",
        };
        found.push((other, true, why.to_string()));
    }
    let keyed = ["table", "database", "keyed"].contains(&segment.sink);
    let records = ["table", "database", "topic"].contains(&segment.sink);
    match segment.leaf {
        Leaf::BestEffort | Leaf::AtMostOnce => found.push((
            as_leaf(Leaf::AtLeastOnce),
            false,
            "Nobody asked for it: a missing event costs nothing here.".into(),
        )),
        Leaf::AtLeastOnce if keyed && segment.case.is("id", "before") => found.push((
            as_leaf(Leaf::Effectively),
            false,
            "Nobody asked for it: a doubled event costs nothing here. Where it does, this is the next step.".into(),
        )),
        Leaf::Effectively | Leaf::Versioned if records => found.push((
            as_leaf(Leaf::Coordinated),
            false,
            "Prefer a key to a protocol: it recognises a batch or a checkpoint that comes again, and not an event that the application sends again, and it ends with its checkpoint.".into(),
        )),
        Leaf::NoMore => {
            let mut other = as_leaf(Leaf::Effectively);
            other.sink = "keyed";
            found.push((
                other,
                false,
                "This is what would hold: a sink that takes a key, and an id made before the first send.".into(),
            ));
        }
        _ => {}
    }
    found
}

/// Whether the sink looks at the field that says which of two versions is later.
fn compares(segment: &Segment) -> bool {
    segment.sink == "table" && segment.case.is("replace", "field")
}

/// What stays open.
fn risks(segment: &Segment, segments: &[Segment]) -> Vec<String> {
    let case = &segment.case;
    let mut risks: Vec<&str> = Vec::new();
    match segment.leaf {
        Leaf::BestEffort => {
            risks.push("Bursts of loss and of copies at a failover. Nobody notices a silent stop: put an alarm on the rate.");
        }
        Leaf::AtMostOnce => {
            risks.push("Bursts of loss at a failover. Nobody notices a silent stop: put an alarm on the rate.");
            if segments.iter().any(|other| !other.leaf.may_lose()) {
                risks.push("Others need a producer that sends again, so copies are in the topic and reach this segment too. It adds none of its own.");
            }
            if segment.engine == "flink" {
                risks.push(
                    "The job stops at its first failure and stays down until somebody starts it.",
                );
            }
        }
        Leaf::AtLeastOnce => {
            risks.push("Duplicates reach every reader: each has to remove them by itself.")
        }
        Leaf::NoMore => {
            risks.push("Duplicates reach the sink, and each costs. Do not promise more than at least once before the sink takes a key and an id is made at the source.");
        }
        Leaf::Effectively | Leaf::Versioned => {
            risks.push("A wrong or missing id makes two events one, or one event two.");
            if segment.sink == "table" {
                risks.push("A key that moves to another partition path of the table is doubled, unless the path is fixed for a key or the index is global.");
            }
            if case.is("replace", "field") && !compares(segment) {
                risks.push("The write has to compare the field itself, as in ON CONFLICT … WHERE it is later; a plain overwrite, which is what was run, lets an older version that arrives last win (stale).");
            }
            if case.is("replace", "unclear") {
                risks.push("Values of a key change and no field says which is later: an older version that arrives last wins (stale).");
            }
        }
        Leaf::Transactions => {
            risks.push(
                "What is done outside of Kafka, a mail or a call, is not part of the transaction.",
            );
            risks.push(
                "A transaction that hangs blocks every read_committed reader until its timeout.",
            );
        }
        Leaf::Coordinated => {
            if segment.engine == "flink" && segment.sink == "topic" {
                risks.push(
                    "An outage longer than transaction.timeout.ms loses what was pre-committed.",
                );
            }
            if segment.engine == "flink" {
                risks.push("Results are visible with a checkpoint and not before.");
            }
            if segment.engine == "spark" {
                risks.push("The memory is tied to the checkpoint: a new checkpoint counts its batches anew, and the sink takes them for those it has, or for new ones.");
            }
        }
    }
    if reads_copies(segment, segments) {
        risks.push("The segment that it reads from writes copies after a crash, and they are events of their own here: decide that one for a doubled event that costs, or overwrite by an id here.");
    }
    if matches!(segment.leaf, Leaf::Transactions | Leaf::Coordinated) {
        risks.push("What the producing application sends again after a crash is another event here: only an id made before the first send tells it.");
        if case.is("refuse", "no") {
            risks.push("The source must always be accepted, so the application sends again what was refused, and copies of that are not recognised.");
        }
    }
    if !segment.leaf.may_lose() && case.is("refuse", "yes") {
        risks.push("With too few replicas in sync the topic refuses, for as long as that lasts: the caller has to be told.");
    }
    if case.is("readers", "feed") && segment.sink == "table" {
        risks.push("Readers of the change feed see every rewrite of a row: the table is exact, its feed is not.");
    }
    match case.get("late") {
        Some("drop") => risks
            .push("Events later than the watermark are dropped. Watch the rate of late events."),
        Some("side") => risks.push(
            "Late events are in the side output: until the correction run the sums are too low.",
        ),
        _ => {}
    }
    risks.into_iter().map(str::to_string).collect()
}

/// The tree as it is drawn: a place, how deep, the answer that leads there, and what stands there.
pub fn outline() -> Vec<(usize, &'static str, Next)> {
    fn below(
        next: Next,
        depth: usize,
        word: &'static str,
        lines: &mut Vec<(usize, &'static str, Next)>,
    ) {
        lines.push((depth, word, next));
        if let Next::Ask(place) = next {
            below(TREE[place].yes, depth + 1, "yes", lines);
            below(TREE[place].no, depth + 1, "no", lines);
        }
    }
    let mut lines = Vec::new();
    below(Next::Ask(0), 0, "", &mut lines);
    lines
}
