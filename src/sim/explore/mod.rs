//! Many runs instead of one: every crash point, every cell of a matrix, many seeds, two configurations, one change at a time.
//!
//! A run can refute a guarantee. Only an exploration may say that one held, and only "at all n points": of these settings,
//! this seed and these kinds of fault.
//!
//! - [`crash_points`]: a crash before each step of each host, each acknowledgement lost, and pairs of them
//! - [`matrix`]: the guarantee of every combination of settings, each cell by exploration
//! - [`seeds`]: how a metric is spread over seeds
//! - [`compare`]: two configurations, one seed, and where they part
//! - [`prevent`]: which single setting would have helped
//! - [`guarantee`]: what may be said after all crash points, and which settings a guarantee falls by
//! - [`gauntlet`]: the scripts of a suite, for lessons
//!
//! All are done in slices of some thousand events, so that a worker can be told to stop, and none knows any engine or sink:
//! what can be crashed is what the fault menu can crash.

pub mod compare;
pub mod crash_points;
mod fork;
pub mod gauntlet;
pub mod guarantee;
pub mod matrix;
pub mod prevent;
pub mod seeds;
pub mod wired;

pub use fork::Step;

use super::ledger::{Verdict, json_number};
use super::{Run, Simulation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Work in slices.
pub trait Work {
    /// Handles about so many events; false once everything is done.
    fn advance(&mut self, events: u64) -> bool;

    /// How far it is: parts done, and parts in all as far as that is known.
    fn progress(&self) -> (u64, u64);
}

/// What a run may refute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    AtMostOnce,
    AtLeastOnce,
    ExactlyOnce,
}

impl Guarantee {
    pub const ALL: [Guarantee; 3] = [
        Guarantee::AtMostOnce,
        Guarantee::AtLeastOnce,
        Guarantee::ExactlyOnce,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Guarantee::AtMostOnce => "at-most-once",
            Guarantee::AtLeastOnce => "at-least-once",
            Guarantee::ExactlyOnce => "exactly-once",
        }
    }

    /// At most once falls with a duplicate, at least once with a silent loss, exactly once with either. What was refused,
    /// dropped late or got stuck refutes none of them.
    pub fn is_refuted_by(self, fates: Fates) -> bool {
        match self {
            Guarantee::AtMostOnce => fates.has(Fates::DUPLICATED),
            Guarantee::AtLeastOnce => fates.has(Fates::LOST),
            Guarantee::ExactlyOnce => fates.has(Fates::DUPLICATED) || fates.has(Fates::LOST),
        }
    }
}

/// What became of a run's events, as a set of flags: a run may both lose and double.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fates(pub u8);

impl Fates {
    pub const EXACT: Fates = Fates(0);
    pub const DUPLICATED: Fates = Fates(1);
    pub const LOST: Fates = Fates(2);
    pub const LATE: Fates = Fates(4);
    /// At rest with something still on its way.
    pub const STUCK: Fates = Fates(8);
    pub const REFUSED: Fates = Fates(16);
    /// Reported as failed, and in the topic all the same.
    pub const PHANTOM: Fates = Fates(32);

    pub fn of(verdict: &Verdict) -> Fates {
        let counts = verdict.counts;
        let flags = [
            (Fates::DUPLICATED, verdict.dup),
            (Fates::LOST, counts.lost),
            (Fates::LATE, counts.late),
            (Fates::STUCK, counts.pending),
            (Fates::REFUSED, counts.refused),
            (Fates::PHANTOM, verdict.phantom),
        ];
        let set = flags.iter().filter(|(_, count)| *count > 0);
        Fates(set.fold(0, |all, (flag, _)| all | flag.0))
    }

    pub const fn has(self, flag: Fates) -> bool {
        self.0 & flag.0 != 0
    }

    /// Neither duplicate nor loss, nothing dropped, refused or left behind. A phantom is none of these.
    pub const fn is_exact(self) -> bool {
        self.0 & !Fates::PHANTOM.0 == 0
    }

    /// "duplicated and lost", or "exact".
    pub fn words(self) -> String {
        let named = [
            (Fates::DUPLICATED, "duplicated"),
            (Fates::LOST, "lost"),
            (Fates::LATE, "late"),
            (Fates::STUCK, "stuck"),
            (Fates::REFUSED, "refused"),
        ];
        let words: Vec<&str> = named
            .iter()
            .filter(|(flag, _)| self.has(*flag))
            .map(|(_, word)| *word)
            .collect();
        if words.is_empty() {
            "exact".into()
        } else {
            words.join(" and ")
        }
    }
}

/// Spends events on a run; true once it has ended.
fn advance_run(simulation: &mut Simulation, budget: &mut u64) -> bool {
    let (spent, ended) = simulation.advance(*budget);
    *budget = budget.saturating_sub(spent.max(1));
    ended
}

/// The fates of a run, segment by segment: the main one, then the branches in the order of their names.
pub fn fates(run: &Run) -> Vec<Fates> {
    std::iter::once(&run.verdict)
        .chain(run.branches.values())
        .map(Fates::of)
        .collect()
}

/// How many runs ended how. A run that both lost and doubled counts under both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub points: u32,
    pub exact: u32,
    pub duplicated: u32,
    pub lost: u32,
    pub late: u32,
    pub stuck: u32,
    pub refused: u32,
    pub phantom: u32,
}

impl Tally {
    /// Counts a run that stands for `times` points.
    pub fn add(&mut self, fates: Fates, times: u32) {
        self.points += times;
        if fates.is_exact() {
            self.exact += times;
        }
        for (flag, count) in [
            (Fates::DUPLICATED, &mut self.duplicated),
            (Fates::LOST, &mut self.lost),
            (Fates::LATE, &mut self.late),
            (Fates::STUCK, &mut self.stuck),
            (Fates::REFUSED, &mut self.refused),
            (Fates::PHANTOM, &mut self.phantom),
        ] {
            if fates.has(flag) {
                *count += times;
            }
        }
    }

    pub fn join(&mut self, other: Tally) {
        self.points += other.points;
        self.exact += other.exact;
        self.duplicated += other.duplicated;
        self.lost += other.lost;
        self.late += other.late;
        self.stuck += other.stuck;
        self.refused += other.refused;
        self.phantom += other.phantom;
    }

    /// Under the names of the metrics where there is one.
    pub fn to_json(&self) -> Map<String, Value> {
        self.counts()
            .into_iter()
            .map(|(name, count)| (name.to_string(), count.into()))
            .collect()
    }

    pub fn to_text(&self) -> String {
        let counts = self.counts();
        let said = counts
            .iter()
            .filter(|(name, count)| *count > 0 || *name != "phantom" && *name != "refused");
        let words: Vec<String> = said
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        words.join(", ")
    }

    fn counts(&self) -> [(&'static str, u32); 7] {
        [
            ("exact", self.exact),
            ("duplicated", self.duplicated),
            ("lost", self.lost),
            ("late", self.late),
            ("stuck", self.stuck),
            ("refused", self.refused),
            ("phantom", self.phantom),
        ]
    }
}
