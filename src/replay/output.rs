//! The topic that the main segment writes, as drawn: its log with what is decided of each record, read or not.

use super::board::Decision;
use crate::sim::kafka::protocol::PartitionId;
use crate::sim::kernel::Time;
use crate::sim::ordered::OrdSet;
use crate::sim::origin::number;
use crate::sim::tiers::Tiers;
use crate::sim::trace::Fact;
use crate::sim::{Scenario, kernel::HostId};

/// A record of the output topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Counted from 0 within the output topic.
    pub partition: u16,
    pub offset: u64,
    pub order: u32,
    pub at: Time,
    /// None: it was written in no transaction.
    pub decision: Option<Decision>,
}

/// The output topic's log, in the order of the appends. Empty where the sink is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Its partitions.
    lies: Option<(u16, u16)>,
    pub records: Vec<Written>,
    /// Who writes in transactions.
    transactional: OrdSet<HostId>,
}

impl Output {
    pub fn new(scenario: &Scenario) -> Self {
        let first = Tiers::of(scenario).outputs[0];
        Output {
            lies: first.map(|first| (first, first + scenario.topic.partitions)),
            ..Output::default()
        }
    }

    fn place(&self, partition: PartitionId) -> Option<u16> {
        let (first, end) = self.lies?;
        (first..end)
            .contains(&partition.0)
            .then(|| partition.0 - first)
    }

    /// Written and not decided yet.
    pub fn open(&self) -> usize {
        let open = |one: &&Written| one.decision == Some(Decision::Open);
        self.records.iter().filter(open).count()
    }

    /// Takes in what happened at a host.
    pub fn fold(&mut self, at: Time, host: HostId, fact: &Fact) {
        match fact {
            Fact::TransactionBegan { .. } if self.lies.is_some() => {
                self.transactional.insert(host);
            }
            Fact::BatchAppended {
                batch,
                base_offset,
                origins,
                ..
            } => {
                let Some(partition) = self.place(batch.partition) else {
                    return;
                };
                let transactional = self.transactional.contains(&batch.producer);
                let record = |(&origin, offset)| Written {
                    partition,
                    offset,
                    order: number(origin),
                    at,
                    decision: transactional.then_some(Decision::Open),
                };
                let records = origins.iter().zip(*base_offset..);
                self.records.extend(records.map(record));
            }
            Fact::MarkerAppended {
                partition,
                commit,
                offsets,
                ..
            } => {
                let Some(partition) = self.place(*partition) else {
                    return;
                };
                let decision = if *commit {
                    Decision::Committed
                } else {
                    Decision::Aborted
                };
                for one in &mut self.records {
                    if one.partition == partition && offsets.contains(&one.offset) {
                        one.decision = Some(decision);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::follow;

    #[test]
    fn what_a_transaction_wrote_is_open_until_its_marker_says_what_becomes_of_it() {
        let mut open = 0;
        let end = follow("flink-transaction-timeout", |_, board| {
            open = open.max(board.output.open());
        });
        assert!(open > 0);
        let of = |decision| {
            let records = end.output.records.iter();
            records.filter(|one| one.decision == Some(decision)).count()
        };
        // What was timed out lies in the log for ever, and is read by nobody who reads committed records only.
        assert!(of(Decision::Aborted) > 0);
        assert_eq!(of(Decision::Committed), end.rows.len());
    }

    #[test]
    fn a_sink_that_is_no_topic_has_no_log() {
        let end = follow("order-billing", |_, _| {});
        assert!(end.output.records.is_empty());
    }
}
