//! What a Kafka client inside Spark knows of partition leaders.
//!
//! Mirrors: `Metadata` and `NetworkClient` as far as they find a leader.
//! Simplified: metadata is asked for when it is needed, one broker after the other, with the client's retry back-off.

use super::Message;
use crate::sim::kafka::protocol::{Message as Kafka, PartitionId};
use crate::sim::kernel::{Context, HostId, Span};

/// The back-off between two questions (`retry.backoff.ms`).
pub const RETRY: Span = Span::from_ms(100);

#[derive(Clone)]
pub struct Leaders {
    /// The first partition of the topic.
    first: u16,
    known: Vec<Option<HostId>>,
    brokers: Vec<HostId>,
    asked: usize,
    /// A question, or the pause before the next one, is under way.
    asking: bool,
}

impl Leaders {
    pub fn new(first: u16, known: Vec<Option<HostId>>, brokers: Vec<HostId>) -> Self {
        Leaders {
            first,
            known,
            brokers,
            asked: 0,
            asking: false,
        }
    }

    pub fn partitions(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (self.first..self.first + self.known.len() as u16).map(PartitionId)
    }

    /// The leader, if it is known; otherwise somebody is asked.
    pub fn of(&mut self, partition: PartitionId, cx: &mut Context) -> Option<HostId> {
        let leader = self.known[usize::from(partition.0 - self.first)];
        if leader.is_none() && !self.asking {
            self.asking = true;
            cx.after(RETRY, Message::AskLeaders);
        }
        leader
    }

    pub fn ask(&mut self, cx: &mut Context) {
        self.asked += 1;
        cx.send(
            self.brokers[self.asked % self.brokers.len()],
            Kafka::MetadataRequest,
        );
    }

    pub fn learn(&mut self, leaders: Vec<Option<HostId>>) {
        // Partitions of coordinators and other topics stand before and behind; a query reads none of them.
        let (first, partitions) = (usize::from(self.first), self.known.len());
        self.known = leaders.into_iter().skip(first).take(partitions).collect();
        self.asking = false;
    }

    /// This broker did not answer as the leader: whatever it led must be found anew.
    pub fn forget(&mut self, broker: HostId) {
        for leader in &mut self.known {
            if *leader == Some(broker) {
                *leader = None;
            }
        }
        self.asking = false;
    }
}
