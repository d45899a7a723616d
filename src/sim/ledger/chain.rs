//! Segments that read what another segment wrote, and the pipeline as a whole.
//!
//! A segment's verdict reaches from the source to its own sink. What the segment before it did not hand on has that
//! segment's fate; `own_lost` and `own_dup` say what the segment added itself.

use super::{Account, DupOrigin, Entry, Fate, Ledger, LossOrigin, Outcome, Terms, Verdict};
use crate::sim::kafka::protocol::{BatchName, PartitionId};
use crate::sim::ledger::verdict::Counts;
use crate::sim::ordered::OrdMap;
use crate::sim::origin::{Origin, number};
use serde::{Deserialize, Serialize};

/// The books of a segment, closed.
pub struct Closed {
    pub verdict: Verdict,
    pub outcomes: Vec<Outcome>,
    /// Index: number of the event, from 0. What became of it, and why if it is lost.
    pub fates: Vec<(Fate, Option<LossOrigin>)>,
}

/// The strongest guarantee that a run has not refuted. One run can refute a guarantee and prove none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    ExactlyOnce,
    AtLeastOnce,
    AtMostOnce,
    Neither,
}

impl Guarantee {
    /// At-most-once falls with a duplicate, at-least-once with a silent loss, exactly-once with either.
    pub const fn not_refuted(dup: u32, lost: u32) -> Self {
        match (dup > 0, lost > 0) {
            (false, false) => Guarantee::ExactlyOnce,
            (true, false) => Guarantee::AtLeastOnce,
            (false, true) => Guarantee::AtMostOnce,
            (true, true) => Guarantee::Neither,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Guarantee::ExactlyOnce => "exactly once",
            Guarantee::AtLeastOnce => "at least once",
            Guarantee::AtMostOnce => "at most once",
            Guarantee::Neither => "neither",
        }
    }
}

/// The verdict on the whole pipeline: over all segments at its ends, those that no other segment reads from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndToEnd {
    /// The names of those segments; the main one's is empty.
    pub ends: Vec<String>,
    /// An event counts by the worst that became of it at any end.
    pub counts: Counts,
    pub dup: u32,
    pub stale: u32,
}

impl EndToEnd {
    /// Folds the books of the segments at the ends.
    pub fn of<'a>(ends: impl Iterator<Item = (String, &'a Closed)>) -> Self {
        let mut whole = EndToEnd::default();
        let mut worst: OrdMap<usize, Fate> = OrdMap::new();
        for (name, closed) in ends {
            whole.ends.push(name);
            whole.dup += closed.verdict.dup;
            whole.stale += closed.verdict.stale;
            for (event, &(fate, _)) in closed.fates.iter().enumerate() {
                let so_far = worst.entry(event).or_insert(fate);
                if badness(fate) > badness(*so_far) {
                    *so_far = fate;
                }
            }
        }
        for &fate in worst.values() {
            whole.counts.count(fate);
        }
        whole
    }

    pub const fn guarantee(&self) -> Guarantee {
        Guarantee::not_refuted(self.dup, self.counts.lost)
    }
}

const fn badness(fate: Fate) -> u8 {
    match fate {
        Fate::Delivered => 0,
        Fate::Pending => 1,
        Fate::DroppedLate => 2,
        Fate::Refused => 3,
        Fate::Lost => 4,
    }
}

/// What lies in the logs before the one that a segment reads: by event, the batch that each copy came in.
#[derive(Clone, Default)]
pub(super) struct Upstream {
    /// From the topic on, one map a log.
    logs: Vec<OrdMap<u32, Vec<u64>>>,
}

impl Upstream {
    pub fn of(terms: &Terms) -> Self {
        Upstream {
            logs: vec![OrdMap::new(); terms.upstream.len()],
        }
    }

    pub fn appended(&mut self, terms: &Terms, batch: &BatchName, name: u64, origins: &[Origin]) {
        let inside = |first: &u16| terms.is_in(*first, batch.partition);
        let Some(place) = terms.upstream.iter().position(inside) else {
            return;
        };
        for &origin in origins {
            let copies = self.logs[place].entry(number(origin)).or_default();
            copies.push(name);
        }
    }
}

impl Terms {
    fn is_in(&self, first: u16, partition: PartitionId) -> bool {
        (first..first + self.partitions).contains(&partition.0)
    }

    /// Whether this partition belongs to what the segment reads.
    pub(super) fn reads(&self, partition: PartitionId) -> bool {
        self.is_in(self.input, partition)
    }
}

impl Ledger {
    /// Why there is a further copy from another place in the log: whoever first wrote as many copies made it.
    pub(super) fn why_stored_twice(&self, order: u32, first: &Entry, second: &Entry) -> DupOrigin {
        let account = &self.accounts[order as usize - 1];
        let copies = account.entries.len() + 1;
        let of_till = |names: &[u64]| match names {
            // The client repeats a batch as it is; whoever sends again makes a new one.
            [.., one, other] if one == other => DupOrigin::ProducerRetry,
            _ => DupOrigin::AppResend,
        };
        for (place, log) in self.upstream.logs.iter().enumerate() {
            if let Some(names) = log.get(&order).filter(|names| names.len() >= copies) {
                return if place == 0 {
                    of_till(&names[..copies])
                } else {
                    DupOrigin::OffsetReplay
                };
            }
        }
        let names = self.names_of(order, &[first, second]);
        let by_till = self.upstream.logs.is_empty();
        let in_input = self.terms.reads(second.source.partition);
        if by_till && (in_input || account.stored as usize >= copies) {
            of_till(&names)
        } else {
            // A worker on the way read its offsets again.
            DupOrigin::OffsetReplay
        }
    }

    /// The batches that these copies came in, or all copies of the event if they lie in another topic.
    fn names_of(&self, order: u32, copies: &[&Entry]) -> Vec<u64> {
        let mut names = Vec::new();
        for entry in copies {
            let source = entry.source;
            if !self.terms.reads(source.partition) {
                let entries = self.logs.iter().flatten();
                return entries
                    .filter(|&&(other, _)| other == order)
                    .map(|&(_, name)| name)
                    .collect();
            }
            let log = &self.logs[self.place(source.partition)];
            names.extend(log.get(source.offset as usize).map(|&(_, name)| name));
        }
        names
    }

    /// What the segment before did not hand on has the fate that it has there.
    pub(super) fn inherit(&mut self, before: &Closed) -> Vec<Option<LossOrigin>> {
        let mut inherited = vec![None; self.accounts.len()];
        for (index, &(fate, why)) in before.fates.iter().enumerate() {
            let Some(account) = self.accounts.get_mut(index) else {
                break;
            };
            let open = matches!(account.fate, Fate::Pending | Fate::Refused);
            if !open || fate == Fate::Delivered {
                continue;
            }
            self.counts.move_one(account.fate, fate);
            account.fate = fate;
            inherited[index] = why;
        }
        inherited
    }

    /// Surplus copies that the segment made itself: those beyond the copies that it was given.
    pub(super) fn own_dup(&self) -> u32 {
        let given = |account: &Account| {
            let shown = account.entries.len() as u32;
            shown.min(account.stored).saturating_sub(1)
        };
        let given: u32 = self.accounts.iter().map(given).sum();
        self.verdict.dup.saturating_sub(given)
    }
}

impl LossOrigin {
    /// Whether the event never came as far as the topic, or left it unread.
    pub(super) const fn is_before_the_engine(self) -> bool {
        matches!(
            self,
            LossOrigin::Acks | LossOrigin::LeaderLoss | LossOrigin::Buffer | LossOrigin::TxnTimeout
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guarantee_falls_with_what_it_excludes() {
        for (dup, lost, left) in [
            (0, 0, Guarantee::ExactlyOnce),
            (1, 0, Guarantee::AtLeastOnce),
            (0, 1, Guarantee::AtMostOnce),
            (1, 1, Guarantee::Neither),
        ] {
            assert_eq!(Guarantee::not_refuted(dup, lost), left);
        }
    }
}
