//! Who leads, who is in sync.
//!
//! Mirrors: the KRaft controller: `BrokerHeartbeatManager`, `PartitionChangeBuilder.electAnyLeader`, `AlterPartition`.
//! Simplified: one controller that never fails; no unclean election and no eligible leader replicas (KIP-966), so the
//! last in-sync replica stays in the in-sync set while it is down and the partition waits for it; no preferred-leader
//! rebalancing.

use super::config::BrokerConfig;
use super::protocol::{Message, PartitionState};
use crate::sim::kernel::{Context, HostId, Program, Span};
use crate::sim::message;
use crate::sim::trace::Fact;
use std::collections::BTreeMap;

/// Ids in a block (`ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
pub const PRODUCER_ID_BLOCK: u64 = 1_000;

/// The pause before a broker is told again after its connection broke.
const REPUBLISH: Span = Span::from_ms(100);

/// The controller's configuration.
#[derive(Clone)]
pub struct Controller {
    pub config: BrokerConfig,
    pub initial: Vec<PartitionState>,
    pub brokers: Vec<HostId>,
}

#[derive(Clone)]
pub struct Memory {
    partitions: Vec<PartitionState>,
    /// Alive brokers, each with the number of its last heartbeat.
    alive: BTreeMap<HostId, u64>,
    beats: u64,
    /// The first producer id that no broker has been given.
    producer_ids: u64,
}

impl Memory {
    /// Whether every partition has a living leader.
    pub fn is_settled(&self) -> bool {
        self.partitions.iter().all(|state| {
            state
                .leader
                .is_some_and(|leader| self.alive.contains_key(&leader))
        })
    }
}

impl Program for Controller {
    type Disk = ();
    type Memory = Memory;

    fn boot(&self, (): &mut (), cx: &mut Context) -> Memory {
        let mut memory = Memory {
            partitions: self.initial.clone(),
            alive: BTreeMap::new(),
            beats: 0,
            producer_ids: 0,
        };
        for &broker in &self.brokers {
            self.heard(&mut memory, broker, cx);
        }
        memory
    }

    fn on_message(
        &self,
        (): &mut (),
        memory: &mut Memory,
        from: HostId,
        message: message::Message,
        cx: &mut Context,
    ) {
        let message = match message {
            message::Message::Kafka(message) => message,
            // Brokers read the metadata log from where they were, so what was on a broken connection comes again.
            message::Message::Disconnected if memory.alive.contains_key(&from) => {
                cx.after(REPUBLISH, Message::PublishTo { broker: from });
                return;
            }
            _ => return,
        };
        match message {
            Message::Heartbeat => {
                let fenced = !memory.alive.contains_key(&from);
                self.heard(memory, from, cx);
                if fenced {
                    self.unfence(memory, from, cx);
                }
            }
            Message::Register => {
                // A broker that registers again was restarted: whatever it led, its old incarnation leads no more.
                if memory.alive.contains_key(&from) {
                    self.fence(memory, from, cx);
                }
                self.heard(memory, from, cx);
                self.unfence(memory, from, cx);
            }
            Message::SessionExpired { broker, beat }
                if memory.alive.get(&broker) == Some(&beat) =>
            {
                cx.note_setting(
                    "broker.session.timeout.ms",
                    Fact::Noted {
                        text: "a broker's session expired".into(),
                    },
                );
                self.fence(memory, broker, cx);
            }
            Message::AlterIsr {
                partition,
                epoch,
                isr,
            } => {
                let state = &mut memory.partitions[usize::from(partition.0)];
                // Only the current leader may change the in-sync set, and only to brokers that are alive.
                let alive = isr.iter().all(|replica| memory.alive.contains_key(replica));
                if state.leader == Some(from) && state.epoch == epoch && alive && state.isr != isr {
                    state.isr = isr;
                    self.publish(memory, cx);
                } else {
                    // Refused: the leader learns what holds.
                    self.publish_to(memory, from, cx);
                }
            }
            // Ids are handed out in blocks, so that no two brokers ever give the same. Source:
            // `ProducerIdControlManager`.
            Message::AllocateProducerIds => {
                let first = memory.producer_ids;
                memory.producer_ids += PRODUCER_ID_BLOCK;
                cx.send(from, Message::ProducerIds { first });
            }
            Message::PublishTo { broker } if memory.alive.contains_key(&broker) => {
                self.publish_to(memory, broker, cx);
            }
            _ => {}
        }
    }
}

impl Controller {
    fn heard(&self, memory: &mut Memory, broker: HostId, cx: &mut Context) {
        memory.beats += 1;
        memory.alive.insert(broker, memory.beats);
        cx.after(
            Span::from_ms(self.config.session_timeout_ms),
            Message::SessionExpired {
                broker,
                beat: memory.beats,
            },
        );
    }

    /// Takes a dead broker out of every in-sync set and hands on what it led.
    fn fence(&self, memory: &mut Memory, broker: HostId, cx: &mut Context) {
        memory.alive.remove(&broker);
        let alive = &memory.alive;
        for state in &mut memory.partitions {
            if state.isr.len() > 1 {
                state.isr.retain(|&replica| replica != broker);
            }
            if state.leader == Some(broker) {
                elect(state, alive, cx);
            }
        }
        self.publish(memory, cx);
    }

    /// A broker is back: partitions that waited for it get a leader.
    fn unfence(&self, memory: &mut Memory, _broker: HostId, cx: &mut Context) {
        let alive = &memory.alive;
        for state in &mut memory.partitions {
            if state.leader.is_none() {
                elect(state, alive, cx);
            }
        }
        self.publish(memory, cx);
    }

    fn publish(&self, memory: &Memory, cx: &mut Context) {
        for &broker in memory.alive.keys() {
            self.publish_to(memory, broker, cx);
        }
    }

    fn publish_to(&self, memory: &Memory, broker: HostId, cx: &mut Context) {
        let states = memory.partitions.clone();
        cx.send(broker, Message::Partitions { states });
    }
}

/// The first living member of the in-sync set, in assignment order.
fn elect(state: &mut PartitionState, alive: &BTreeMap<HostId, u64>, cx: &mut Context) {
    let eligible = |replica: &&HostId| state.isr.contains(replica) && alive.contains_key(replica);
    state.leader = state.replicas.iter().find(eligible).copied();
    state.epoch += 1;
    if state.leader.is_none() {
        cx.note(Fact::PartitionOffline {
            partition: state.partition,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand::{B1, B2, B3, CONTROLLER, Stand, led_by_b1};
    use super::*;
    use crate::sim::kafka::protocol::PartitionId;

    fn stand() -> Stand<Controller> {
        let controller = Controller {
            config: BrokerConfig::default(),
            initial: vec![led_by_b1(&[B1, B2, B3])],
            brokers: vec![B1, B2, B3],
        };
        Stand::new(CONTROLLER, controller)
    }

    fn state(stand: &Stand<Controller>) -> &PartitionState {
        &stand.host.memory.as_ref().expect("it is alive").partitions[0]
    }

    /// Everybody but these is silent for longer than a session lasts.
    fn silence_except(stand: &mut Stand<Controller>, alive: &[HostId]) -> Vec<Fact> {
        let mut facts = Vec::new();
        for _ in 0..5 {
            for &broker in alive {
                facts.extend(stand.tell(broker, message::Message::Kafka(Message::Heartbeat)));
            }
            facts.extend(stand.pass(Span::from_ms(2_000)));
        }
        facts
    }

    #[test]
    fn the_first_living_in_sync_replica_in_assignment_order_leads_next() {
        let mut stand = stand();
        silence_except(&mut stand, &[B2, B3]);
        assert_eq!(
            (
                state(&stand).leader,
                state(&stand).epoch,
                &state(&stand).isr[..]
            ),
            (Some(B2), 1, &[B2, B3][..])
        );
        silence_except(&mut stand, &[B3]);
        assert_eq!((state(&stand).leader, state(&stand).epoch), (Some(B3), 2));
    }

    #[test]
    fn the_last_in_sync_replica_stays_in_the_set_and_the_partition_waits_for_it() {
        let mut stand = stand();
        silence_except(&mut stand, &[B3]);
        let facts = silence_except(&mut stand, &[]);
        assert!(
            facts
                .iter()
                .any(|fact| matches!(fact, Fact::PartitionOffline { .. }))
        );
        assert_eq!(
            (state(&stand).leader, &state(&stand).isr[..]),
            (None, &[B3][..])
        );
        // Others are no use: they may lack what was committed.
        stand.tell(B1, message::Message::Kafka(Message::Register));
        assert_eq!(state(&stand).leader, None);
        stand.tell(B3, message::Message::Kafka(Message::Register));
        assert_eq!(state(&stand).leader, Some(B3));
    }

    #[test]
    fn a_leader_that_restarts_within_its_session_leads_no_more() {
        let mut stand = stand();
        stand.tell(B1, message::Message::Kafka(Message::Register));
        assert_eq!(
            (state(&stand).leader, &state(&stand).isr[..]),
            (Some(B2), &[B2, B3][..])
        );
    }

    #[test]
    fn only_the_leader_of_this_epoch_changes_the_in_sync_set_and_only_to_the_living() {
        let ask = |stand: &mut Stand<Controller>, from, epoch, isr: &[HostId]| {
            let message = Message::AlterIsr {
                partition: PartitionId(0),
                epoch,
                isr: isr.to_vec(),
            };
            stand.tell(from, message::Message::Kafka(message));
            state(stand).isr.clone()
        };
        let mut stand = stand();
        assert_eq!(ask(&mut stand, B2, 0, &[B2]), [B1, B2, B3]);
        assert_eq!(ask(&mut stand, B1, 7, &[B1]), [B1, B2, B3]);
        assert_eq!(ask(&mut stand, B1, 0, &[B1, B2]), [B1, B2]);
        silence_except(&mut stand, &[B1, B2]);
        assert_eq!(ask(&mut stand, B1, 0, &[B1, B2, B3]), [B1, B2]);
    }
}
