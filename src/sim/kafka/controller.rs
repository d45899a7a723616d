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
        let message::Message::Kafka(message) = message else {
            return;
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
                }
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
            cx.send(
                broker,
                Message::Partitions {
                    states: memory.partitions.clone(),
                },
            );
        }
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
