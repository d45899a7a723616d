//! What may be said of a guarantee: every crash point is tried, and then, for each kind of fault that refutes it, one setting
//! is changed at a time to see which of them the guarantee falls by.
//!
//! A change that helps against one crash may do so by luck, because the crash then falls elsewhere. So it counts only if it
//! helps against the first, the middle and the last crash of that kind.

use super::crash_points::{Exploration, Reach, Report, Segment, script};
use super::prevent::{Search, Trial, setting_words};
use super::{Fates, Guarantee, Work, advance_run};
use crate::sim::fault::FaultSpec;
use crate::sim::ordered::OrdMap;
use crate::sim::{Keep, Patch, Scenario, ScenarioError, Simulation, cast};
use serde::{Deserialize, Serialize};

/// An exploration and the reasons for what it refuted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    pub report: Report,
    pub reasons: Vec<Reason>,
}

/// What a kind of fault refutes, and the settings that it falls by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub guarantee: Guarantee,
    /// A name of the fault menu; empty if it falls without any fault.
    pub fault: String,
    /// At so many points.
    pub points: u32,
    /// Each of these alone would have held: those that learners meet first stand first.
    pub changes: Vec<Change>,
}

/// A setting with its value in force and the one that would have held, as JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub key: String,
    pub from: String,
    pub to: String,
}

/// A judgement on its way.
pub struct Judging {
    scenario: Scenario,
    exploring: Option<Box<Exploration>>,
    report: Option<Report>,
    /// Taken from the end.
    open: Vec<(Reason, Asking)>,
    reasons: Vec<Reason>,
    /// Parts done, and parts in all as far as that is known.
    done: u64,
    of: u64,
}

/// The settings that one kind of fault falls by, on their way to be found.
struct Asking {
    /// The first, the middle and the last of the scripts.
    scripts: Vec<Patch>,
    search: Option<Search>,
    /// What is held against the other scripts, and the run under way.
    candidates: Vec<(Trial, Patch)>,
    running: Option<Box<Simulation>>,
}

impl Judging {
    /// # Errors
    ///
    /// As [`Exploration::new`].
    pub fn new(scenario: &Scenario, reach: Reach) -> Result<Judging, ScenarioError> {
        Ok(Judging {
            exploring: Some(Box::new(Exploration::new(scenario, reach)?)),
            scenario: scenario.clone(),
            report: None,
            open: Vec::new(),
            reasons: Vec::new(),
            done: 0,
            of: 0,
        })
    }

    /// The whole of it at once.
    ///
    /// # Errors
    ///
    /// As [`Exploration::new`].
    pub fn run(scenario: &Scenario, reach: Reach) -> Result<Judged, ScenarioError> {
        let mut judging = Judging::new(scenario, reach)?;
        while judging.advance(u64::MAX) {}
        Ok(judging.finish())
    }

    /// # Panics
    ///
    /// Panics before the exploration has ended.
    pub fn finish(mut self) -> Judged {
        self.reasons
            .sort_by_key(|reason| (reason.guarantee, u32::MAX - reason.points));
        Judged {
            report: self.report.expect("it was explored"),
            reasons: self.reasons,
        }
    }

    /// What there is to ask about the main segment. Exactly-once falls with one of the others.
    fn ask(&mut self, report: &Report) {
        let cast = cast(&self.scenario);
        for guarantee in [Guarantee::AtMostOnce, Guarantee::AtLeastOnce] {
            let calm = report.segments.first().map(|main| main.calm);
            if calm.is_some_and(|calm| guarantee.is_refuted_by(calm)) {
                let bare = script(&report.left_out, &OrdMap::new());
                self.open(guarantee, String::new(), report.points, vec![bare]);
                continue;
            }
            let mut kinds: OrdMap<&str, Vec<FaultSpec>> = OrdMap::new();
            for row in &report.strip.rows {
                for (cell, point) in row.points.iter().enumerate() {
                    let fell = point.fates.first().copied().unwrap_or_default();
                    if guarantee.is_refuted_by(fell) {
                        kinds
                            .entry(&row.fault)
                            .or_default()
                            .extend(row.spec(cell, &cast));
                    }
                }
            }
            for (fault, specs) in kinds {
                let mut picked = vec![0, specs.len() / 2, specs.len() - 1];
                picked.dedup();
                let scripts = picked.into_iter().map(|index| {
                    let spec = specs[index].clone();
                    script(&report.left_out, &OrdMap::from([("explored".into(), spec)]))
                });
                self.open(
                    guarantee,
                    fault.into(),
                    specs.len() as u32,
                    scripts.collect(),
                );
            }
        }
    }

    fn open(&mut self, guarantee: Guarantee, fault: String, points: u32, scripts: Vec<Patch>) {
        let struck = scripts
            .first()
            .and_then(|first| self.scenario.patched(first).ok());
        let Some(Ok(search)) = struck.map(|struck| Search::new(&struck, None)) else {
            return;
        };
        self.of += search.progress().1;
        let reason = Reason {
            guarantee,
            fault,
            points,
            changes: Vec::new(),
        };
        let asking = Asking {
            scripts,
            search: Some(search),
            candidates: Vec::new(),
            running: None,
        };
        self.open.push((reason, asking));
    }
}

impl Asking {
    /// False once it is known.
    fn advance(&mut self, scenario: &Scenario, reason: &mut Reason, events: u64) -> bool {
        let holds = |trial: &Trial| !reason.guarantee.is_refuted_by(Fates::of(&trial.verdict));
        if let Some(mut search) = self.search.take() {
            if search.advance(events) {
                self.search = Some(search);
                return true;
            }
            let mut helps = search.finish().helps;
            helps.retain(holds);
            helps.sort_by_key(Trial::rank);
            for trial in helps {
                reason.changes.push(Change {
                    key: trial.key.clone(),
                    from: trial.from.clone(),
                    to: trial.to.clone(),
                });
                let others = self.scripts.iter().skip(1);
                self.candidates
                    .extend(others.map(|other| (trial.clone(), other.clone())));
            }
            return true;
        }
        let mut budget = events;
        while budget > 0 {
            let Some((trial, script)) = self.candidates.last() else {
                // One value a setting is enough.
                let mut seen: Vec<String> = Vec::new();
                reason.changes.retain(|change| {
                    let new = !seen.contains(&change.key);
                    seen.push(change.key.clone());
                    new
                });
                return false;
            };
            let mut running = match self.running.take() {
                Some(running) => running,
                None => {
                    let struck = scenario.patched(script).ok();
                    let changed = struck
                        .zip(trial.patch())
                        .and_then(|(s, patch)| s.patched(&patch).ok());
                    let changed = changed.unwrap_or_else(|| scenario.clone());
                    Box::new(Simulation::new(&changed, Keep::VerdictOnly))
                }
            };
            if !advance_run(&mut running, &mut budget) {
                self.running = Some(running);
                return true;
            }
            if reason
                .guarantee
                .is_refuted_by(Fates::of(&running.finish().verdict))
            {
                let (key, to) = (trial.key.clone(), trial.to.clone());
                reason
                    .changes
                    .retain(|change| (&change.key, &change.to) != (&key, &to));
                self.candidates
                    .retain(|(other, _)| (&other.key, &other.to) != (&key, &to));
            } else {
                self.candidates.pop();
            }
        }
        true
    }
}

impl Change {
    /// The setting and the value that would have held, as it stands in a properties file.
    pub fn words(&self) -> String {
        setting_words(&self.key, &self.to)
    }
}

impl Work for Judging {
    fn advance(&mut self, events: u64) -> bool {
        if let Some(mut exploring) = self.exploring.take() {
            if exploring.advance(events) {
                self.exploring = Some(exploring);
                return true;
            }
            (self.done, self.of) = exploring.progress();
            let report = exploring.finish();
            self.ask(&report);
            self.report = Some(report);
        } else if let Some((mut reason, mut asking)) = self.open.pop() {
            let before = asking
                .search
                .as_ref()
                .map_or(0, |search| search.progress().0);
            let more = asking.advance(&self.scenario, &mut reason, events);
            let after = asking.search.as_ref().map(|search| search.progress().0);
            self.done = (self.done + after.unwrap_or(before).saturating_sub(before)).min(self.of);
            if more {
                self.open.push((reason, asking));
            } else {
                self.reasons.push(reason);
            }
        }
        !self.open.is_empty()
    }

    fn progress(&self) -> (u64, u64) {
        match &self.exploring {
            Some(exploring) => exploring.progress(),
            None => (self.done, self.of),
        }
    }
}

impl Judged {
    /// Changes that each alone hold against every kind of fault that refutes anything.
    pub fn common(&self) -> Vec<&Change> {
        let Some((first, others)) = self.reasons.split_first() else {
            return Vec::new();
        };
        let everywhere = |change: &&Change| {
            let mut others = others.iter();
            others.all(|reason| reason.changes.contains(change))
        };
        first.changes.iter().filter(everywhere).collect()
    }

    /// How it was come to, and what a reason rests on.
    pub fn how(&self) -> String {
        let mut text = self.report.how();
        if !self.reasons.is_empty() {
            text += " A setting is named as preventing something if it did so, alone, at the first, the middle and the last \
                point of that kind; whether it holds at all of them, exploring with it tells.";
        }
        text
    }
}

impl Report {
    /// What may be said of the main segment, as a heading and a sentence.
    pub fn says(&self) -> [String; 2] {
        match self.segments.first() {
            Some(main) => self.says_of(main),
            None => [String::new(), String::new()],
        }
    }

    /// The same of any segment.
    pub fn says_of(&self, segment: &Segment) -> [String; 2] {
        let fell = |guarantee| {
            let mut found = segment.counterexamples.iter();
            found.any(|found| found.guarantee == guarantee)
        };
        let held = if self.complete {
            format!("held at all {} crash points", self.points)
        } else {
            format!(
                "was not refuted at {} of {} crash points",
                segment.tally.points, self.points
            )
        };
        let [head, text] = match (fell(Guarantee::AtLeastOnce), fell(Guarantee::AtMostOnce)) {
            (false, false) => ["Exactly-once held.", "exactly-once {}"],
            (false, true) => [
                "At-least-once held. Not exactly-once.",
                "at-least-once {}; exactly-once is refuted",
            ],
            (true, false) => [
                "At-most-once held. Not at-least-once.",
                "at-most-once {}; at-least-once and exactly-once are refuted",
            ],
            (true, true) => [
                "Neither at-least-once nor at-most-once.",
                "each guarantee is refuted",
            ],
        };
        let head = if self.complete {
            head.to_string()
        } else {
            head.replace(" held.", " not refuted.")
        };
        // What never arrives, is reported or comes too late refutes nothing, so it has to be said beside it.
        let tally = segment.tally;
        let beside = [
            (tally.stuck, "with something still on its way at"),
            (tally.refused, "with refused orders at"),
            (tally.late, "with late ones dropped at"),
        ];
        let beside = beside.iter().filter(|(count, _)| *count > 0);
        let beside: String = beside
            .map(|(count, words)| format!(", {words} {count} of them"))
            .collect();
        let text = text.replace("{}", &held);
        [head, format!("With these settings {text}{beside}.")]
    }

    /// How it was come to: merged points, what was left out, what did not come to rest.
    pub fn how(&self) -> String {
        let mut text = format!(
            "One crash or one lost acknowledgement at a time; {} of the {} points are one with another and were run once.",
            self.merged, self.points
        );
        if !self.left_out.is_empty() {
            text += &format!(" Left out: the script's own {}.", self.left_out.join(", "));
        }
        if !self.spared.is_empty() {
            text += &format!(" No fault crashes {}.", self.spared.join(", "));
        }
        if self.unsettled > 0 {
            text += &format!(
                " {} were not at rest when their time was up.",
                self.unsettled
            );
        }
        for branch in self.segments.iter().skip(1) {
            let [head, _] = self.says_of(branch);
            text += &format!(" Branch {}: {head}", branch.name);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::catalog;
    use crate::sim::control;
    use crate::sim::explore::crash_points::StripRow;

    fn few(patch: &str) -> Scenario {
        let opening = catalog::find(catalog::OPENING).expect("there is one");
        let small =
            r#"{"workload": {"orders": 2, "every_ms": 60, "late": null}, "branches": null}"#;
        [small, patch]
            .iter()
            .fold(opening.scenario(), |base, patch| {
                let patch = Patch::parse(patch).expect("valid");
                base.patched(&patch).expect("valid")
            })
    }

    fn judged(patch: &str) -> Judged {
        Judging::run(&few(patch), Reach::default()).expect("it reaches what there is")
    }

    #[test]
    fn a_guarantee_that_fell_names_its_points_and_the_setting_that_would_have_held() {
        let judged = judged("{}");
        let points = judged.report.points;
        let [head, text] = judged.report.says();
        assert_eq!(head, "At-least-once held. Not exactly-once.");
        assert_eq!(
            text,
            format!(
                "With these settings at-least-once held at all {points} crash points; exactly-once is refuted."
            )
        );
        let how = judged.report.how();
        let merged = format!(
            "{} of the {points} points are one with another",
            judged.report.merged
        );
        assert!(how.contains(&merged) && how.contains("lost-ack"), "{how}");
        for reason in &judged.reasons {
            eprintln!("{reason:?}");
        }
        let of = |fault: &str| {
            let reason = judged.reasons.iter().find(|reason| reason.fault == fault);
            let changes = &reason.expect("it refutes").changes;
            changes.iter().map(Change::words).collect::<Vec<String>>()
        };
        let (idempotence, upsert) = (
            "enable.idempotence=true",
            "hoodie.datasource.write.operation=upsert",
        );
        assert!(of("net.drop_ack").iter().any(|words| words == idempotence));
        assert!(of("net.drop_ack").iter().any(|words| words == upsert));
        // An application that sends again what nobody confirmed sends new records, which no broker recognises.
        assert!(
            of("producer.crash.resend")
                .iter()
                .all(|words| words != idempotence)
        );
        assert!(
            of("producer.crash.resend")
                .iter()
                .any(|words| words == upsert)
        );
    }

    #[test]
    fn every_reason_is_true_when_it_is_run_again() {
        let judged = judged("{}");
        assert!(!judged.reasons.is_empty());
        for reason in &judged.reasons {
            let rows = judged
                .report
                .strip
                .rows
                .iter()
                .filter(|row| row.fault == reason.fault);
            let mut cells = rows.flat_map(|row| (0..row.points.len()).map(move |cell| (row, cell)));
            let fell = |(row, cell): &(&StripRow, usize)| {
                reason.guarantee.is_refuted_by(row.points[*cell].fates[0])
            };
            let (row, cell) = cells.find(fell).expect("it refutes");
            let spec = row.spec(cell, &cast(&few("{}"))).expect("there is one");
            let faults = OrdMap::from([("explored".to_string(), spec)]);
            let struck = few("{}")
                .patched(&script(&judged.report.left_out, &faults))
                .expect("valid");
            let falls = |scenario: &Scenario| {
                let run = Simulation::run(scenario, Keep::VerdictOnly);
                reason.guarantee.is_refuted_by(Fates::of(&run.verdict))
            };
            assert!(falls(&struck), "{reason:?}");
            for change in &reason.changes {
                let control = control::find(&change.key).expect("there is one");
                let value = serde_json::from_str(&change.to).expect("JSON");
                let changed = struck.patched(&control.patch(value)).expect("valid");
                assert!(!falls(&changed), "{change:?}");
            }
        }
    }

    #[test]
    fn what_held_at_all_points_is_said_and_has_no_reasons() {
        let keyed = r#"{"producer": {"enable.idempotence": true},
            "sink": {"hudi": {"hoodie.datasource.write.operation": "upsert"}}}"#;
        let judged = judged(keyed);
        let [head, text] = judged.report.says();
        assert_eq!(head, "Exactly-once held.");
        let points = judged.report.points;
        assert!(
            text.contains(&format!("exactly-once held at all {points} crash points")),
            "{text}"
        );
        assert_eq!(judged.reasons, []);
    }

    #[test]
    fn an_exploration_that_was_cut_short_says_held_of_nothing() {
        let mut exploration = Exploration::new(&few("{}"), Reach::default()).expect("valid");
        while exploration.progress().0 < 3 {
            exploration.advance(100);
        }
        let [head, text] = exploration.finish().says();
        assert!(
            !head.contains("held") && !text.contains("held"),
            "{head} {text}"
        );
    }
}
