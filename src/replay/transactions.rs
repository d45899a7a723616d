//! Transactions as drawn: which slots belong to one, and how it ends.

use crate::sim::kernel::{HostId, Time};
use crate::sim::trace::Fact;

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ongoing,
    /// The decision is written; markers follow.
    Prepared {
        commit: bool,
    },
    Ended {
        commit: bool,
    },
}

/// A transaction of the producing application.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// Its `transactional.id`.
    pub id: String,
    pub writer: HostId,
    /// Of the producer when it began.
    pub epoch: u16,
    pub began: Time,
    pub state: State,
    /// Nobody ends it in its own name any more: its writer is gone or fenced.
    pub orphaned: bool,
}

/// All transactions of a run so far, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transactions(pub Vec<Transaction>);

impl Transactions {
    /// The open transaction of a writer, by its place in the list.
    pub fn open_of(&self, writer: HostId) -> Option<usize> {
        self.0
            .iter()
            .rposition(|one| one.writer == writer && one.state == State::Ongoing && !one.orphaned)
    }

    /// Takes in what happened at a host.
    pub fn fold(&mut self, at: Time, host: HostId, epoch: u16, fact: &Fact) {
        let latest = |id: &str, all: &mut Vec<Transaction>| {
            all.iter()
                .position(|one| one.id == id && !matches!(one.state, State::Ended { .. }))
        };
        match fact {
            Fact::TransactionBegan { id } => self.0.push(Transaction {
                id: id.clone(),
                writer: host,
                epoch,
                began: at,
                state: State::Ongoing,
                orphaned: false,
            }),
            Fact::TransactionPrepared { id, commit } => {
                if let Some(index) = latest(id, &mut self.0) {
                    self.0[index].state = State::Prepared { commit: *commit };
                }
            }
            Fact::TransactionEnded { id, commit, .. } => {
                if let Some(index) = latest(id, &mut self.0) {
                    self.0[index].state = State::Ended { commit: *commit };
                }
            }
            Fact::Crashed { .. } => {
                for one in &mut self.0 {
                    one.orphaned |= one.writer == host;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::replay::board::Slot;
    use crate::replay::follow;

    fn repeats(id: &str) -> Vec<u32> {
        let board = follow(id, |_, _| {});
        let slots = board
            .partitions
            .iter()
            .flat_map(|partition| &partition.slots);
        let repeats = slots.filter(|slot: &&Slot| slot.repeat);
        repeats.map(|slot| slot.order).collect()
    }

    #[test]
    fn what_is_written_anew_after_an_abort_is_no_copy_and_a_retry_is() {
        assert_eq!(repeats("shared-transactional-id"), [0_u32; 0]);
        assert_eq!(repeats("order-billing"), [17]);
    }
}
