//! Who leads, who is in sync.
//!
//! Mirrors: the KRaft controller: `BrokerHeartbeatManager`, `PartitionChangeBuilder` (`electAnyLeader`,
//! `maybePopulateTargetElr`), `ReplicationControlManager.handleBrokerUncleanShutdown`, `AlterPartition`; KIP-966.
//! Simplified: one controller that never fails; no preferred-leader rebalancing (every 300 s in reality).

use super::config::{BrokerConfig, TopicConfig};
use super::protocol::{Message, PartitionState};
use crate::sim::FULL;
use crate::sim::kernel::{Context, HostId, Program, Span};
use crate::sim::message;
use crate::sim::ordered::OrdMap;
use crate::sim::trace::Fact;

/// Ids in a block (`ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
pub const PRODUCER_ID_BLOCK: u64 = 1_000;

/// The pause before a broker is told again after its connection broke.
const REPUBLISH: Span = Span::from_ms(100);

/// The controller's configuration.
#[derive(Clone)]
pub struct Controller {
    pub config: BrokerConfig,
    pub topic: TopicConfig,
    pub initial: Vec<PartitionState>,
    pub brokers: Vec<HostId>,
}

/// Who may lead a partition although it is not in sync (KIP-966).
#[derive(Clone, Default)]
struct Eligible {
    /// Left the in-sync set when it was below the minimum, so they have all that was committed.
    replicas: Vec<HostId>,
    /// Who led when the in-sync set became empty.
    last_leader: Option<HostId>,
}

#[derive(Clone)]
pub struct Memory {
    partitions: Vec<PartitionState>,
    /// Index: partition.
    eligible: Vec<Eligible>,
    /// Alive brokers, each with the number of its last heartbeat.
    alive: OrdMap<HostId, u64>,
    beats: u64,
    /// The first producer id that no broker has been given.
    producer_ids: u64,
    /// Brokers that were shut down in order and have not registered again.
    stopped: Vec<HostId>,
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
            eligible: vec![Eligible::default(); self.initial.len()],
            alive: OrdMap::new(),
            beats: 0,
            producer_ids: 0,
            stopped: Vec::new(),
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
            Message::Heartbeat if memory.stopped.contains(&from) => {}
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
                let in_order = memory.stopped.iter().position(|&other| other == from);
                match in_order {
                    Some(index) => {
                        memory.stopped.remove(index);
                    }
                    None => self.shut_down_uncleanly(memory, from),
                }
                self.heard(memory, from, cx);
                self.unfence(memory, from, cx);
            }
            // It leads nothing any more, and hears of it. Source: `BrokerHeartbeatManager` (CONTROLLED_SHUTDOWN),
            // `ReplicationControlManager.handleBrokerInControlledShutdown`.
            Message::ControlledShutdown if FULL => {
                memory.stopped.push(from);
                self.fence(memory, from, cx);
                self.publish_to(memory, from, cx);
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
                    let eligible = &mut memory.eligible[usize::from(partition.0)];
                    self.change_isr(state, eligible, isr);
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
        for (state, eligible) in memory.partitions.iter_mut().zip(&mut memory.eligible) {
            if state.isr.contains(&broker) {
                let mut isr = state.isr.clone();
                isr.retain(|&replica| replica != broker);
                self.change_isr(state, eligible, isr);
            }
            if state.leader == Some(broker) {
                self.elect(state, eligible, &memory.alive, cx);
            }
        }
        self.publish(memory, cx);
    }

    /// A broker that was not shut down in order may have lost the end of its log, so it is trusted no longer.
    fn shut_down_uncleanly(&self, memory: &mut Memory, broker: HostId) {
        if !self.knows_eligible_replicas() {
            return;
        }
        for (state, eligible) in memory.partitions.iter_mut().zip(&mut memory.eligible) {
            if state.isr.contains(&broker) {
                let mut isr = state.isr.clone();
                isr.retain(|&replica| replica != broker);
                self.change_isr(state, eligible, isr);
            }
            eligible.replicas.retain(|&replica| replica != broker);
        }
    }

    /// A broker is back: partitions that waited for it get a leader.
    fn unfence(&self, memory: &mut Memory, _broker: HostId, cx: &mut Context) {
        for (state, eligible) in memory.partitions.iter_mut().zip(&mut memory.eligible) {
            if state.leader.is_none() {
                self.elect(state, eligible, &memory.alive, cx);
            }
        }
        self.publish(memory, cx);
    }

    fn knows_eligible_replicas(&self) -> bool {
        self.config.eligible_leader_replicas_version > 0
    }

    /// Sets the in-sync set. Who leaves it while it is below the minimum still has everything below the high watermark,
    /// which stands still then. Without that feature the last member stays in the set whatever becomes of its disk.
    fn change_isr(&self, state: &mut PartitionState, eligible: &mut Eligible, isr: Vec<HostId>) {
        if !self.knows_eligible_replicas() {
            if !isr.is_empty() {
                state.isr = isr;
            }
            return;
        }
        let min = usize::from(self.topic.min_insync_replicas).min(state.replicas.len());
        if isr.len() >= min {
            *eligible = Eligible::default();
        } else {
            let known = |id: &&HostId| eligible.replicas.contains(id) || state.isr.contains(id);
            let left = state.replicas.iter().filter(known);
            eligible.replicas = left.filter(|id| !isr.contains(id)).copied().collect();
            if isr.is_empty() && eligible.last_leader.is_none() {
                eligible.last_leader = state.leader;
            }
        }
        state.isr = isr;
    }

    /// The first living member of the in-sync set in assignment order; else of the eligible replicas; else, with none of
    /// them left, who led last; else any living replica, if unclean elections are allowed.
    fn elect(
        &self,
        state: &mut PartitionState,
        eligible: &mut Eligible,
        alive: &OrdMap<HostId, u64>,
        cx: &mut Context,
    ) {
        let had = state.leader;
        let first = |among: &[HostId]| {
            let fits = |id: &&HostId| among.contains(id) && alive.contains_key(id);
            state.replicas.iter().find(fits).copied()
        };
        let in_sync = first(&state.isr);
        let trusted = in_sync.or_else(|| first(&eligible.replicas));
        let last = eligible
            .last_leader
            .filter(|last| alive.contains_key(last) && eligible.replicas.is_empty());
        let any = || {
            let allowed = self.topic.unclean_leader_election_enable;
            allowed.then(|| first(&state.replicas)).flatten()
        };
        state.leader = trusted.or(last).or_else(any);
        state.epoch += 1;
        let Some(leader) = state.leader else {
            if had.is_some() {
                cx.note(Fact::PartitionOffline {
                    partition: state.partition,
                });
            }
            return;
        };
        if in_sync.is_some() {
            return;
        }
        if trusted.is_some() {
            self.change_isr(state, eligible, vec![leader]);
            return;
        }
        state.isr = vec![leader];
        *eligible = Eligible::default();
        let setting = if last.is_some() {
            "eligible.leader.replicas.version"
        } else {
            "unclean.leader.election.enable"
        };
        let text = format!(
            "{}: a replica leads that was not in sync; what it has not got is gone",
            state.partition
        );
        cx.note_setting(setting, Fact::Noted { text });
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

#[cfg(test)]
mod tests {
    use super::super::stand::{B1, B2, B3, CONTROLLER, Stand, led_by_b1};
    use super::*;
    use crate::sim::kafka::protocol::PartitionId;

    fn stand() -> Stand<Controller> {
        with(0, 1, false)
    }

    fn with(elr: u8, min_insync_replicas: u8, unclean: bool) -> Stand<Controller> {
        let controller = Controller {
            config: BrokerConfig {
                eligible_leader_replicas_version: elr,
                ..BrokerConfig::default()
            },
            topic: TopicConfig {
                min_insync_replicas,
                unclean_leader_election_enable: unclean,
                ..TopicConfig::default()
            },
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

    fn register(stand: &mut Stand<Controller>, broker: HostId) -> Option<HostId> {
        stand.tell(broker, message::Message::Kafka(Message::Register));
        state(stand).leader
    }

    #[test]
    fn who_left_below_the_minimum_may_lead_if_it_was_not_restarted() {
        let mut stand = with(1, 2, false);
        silence_except(&mut stand, &[B1, B2]);
        silence_except(&mut stand, &[B1]);
        silence_except(&mut stand, &[]);
        assert_eq!(
            (state(&stand).leader, &state(&stand).isr[..]),
            (None, &[][..])
        );
        // b3 left while there were enough: it may lack something. b1's machine was restarted.
        assert_eq!(register(&mut stand, B1), None);
        stand.tell(B3, message::Message::Kafka(Message::Heartbeat));
        assert_eq!(state(&stand).leader, None);
        stand.tell(B2, message::Message::Kafka(Message::Heartbeat));
        assert_eq!(
            (state(&stand).leader, &state(&stand).isr[..]),
            (Some(B2), &[B2][..])
        );
    }

    #[test]
    fn with_nobody_to_trust_the_last_leader_leads_again() {
        let mut stand = with(1, 2, false);
        silence_except(&mut stand, &[B1, B2]);
        silence_except(&mut stand, &[B1]);
        silence_except(&mut stand, &[]);
        assert_eq!(register(&mut stand, B2), None);
        assert_eq!(register(&mut stand, B1), Some(B1));
    }

    #[test]
    fn without_eligible_replicas_the_last_in_sync_one_leads_whatever_became_of_its_disk() {
        let mut stand = with(0, 2, false);
        silence_except(&mut stand, &[B1, B2]);
        silence_except(&mut stand, &[B1]);
        silence_except(&mut stand, &[]);
        stand.tell(B2, message::Message::Kafka(Message::Heartbeat));
        assert_eq!(state(&stand).leader, None);
        assert_eq!(register(&mut stand, B1), Some(B1));
    }

    #[test]
    fn an_unclean_election_takes_any_living_replica_at_once() {
        for (unclean, leader) in [(false, None), (true, Some(B3))] {
            for elr in [0, 1] {
                let mut stand = with(elr, 1, unclean);
                silence_except(&mut stand, &[B1]);
                stand.tell(B3, message::Message::Kafka(Message::Heartbeat));
                let facts = silence_except(&mut stand, &[B3]);
                assert_eq!(state(&stand).leader, leader, "elr {elr}");
                let said = |fact: &Fact| matches!(fact, Fact::Noted { text } if text.contains("not in sync"));
                assert_eq!(facts.iter().any(said), unclean, "elr {elr}");
                if unclean {
                    assert_eq!(state(&stand).isr, [B3]);
                }
            }
        }
    }
}
