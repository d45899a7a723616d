//! The members of a consumer group as drawn: what they read, hold and have done; and who is a zombie.

use crate::sim::kafka::protocol::PartitionId;
use crate::sim::kernel::{HostId, Time};
use crate::sim::origin::number;
use crate::sim::trace::{Fact, SegmentId};

/// A process of the group.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub host: HostId,
    pub alive: bool,
    pub generation: u32,
    /// What it believes to own.
    pub partitions: Vec<PartitionId>,
    /// Polled, and not worked through: where each lies and the order.
    pub in_hand: Vec<(PartitionId, u64, u32)>,
    pub paused_until: Time,
    /// The group goes on without it, and it does not know.
    pub zombie: bool,
    /// A write of it was refused since.
    pub fenced: bool,
    /// Its transaction, while one is open.
    pub transaction: Option<String>,
}

/// How far a partition has been read by the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The effects of everything before are done.
    pub worked: u64,
    /// Polled up to here.
    polled: u64,
    /// Known at all.
    begun: bool,
}

/// The main segment's group. Empty where the engine is no plain consumer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    pub members: Vec<Member>,
    progress: Vec<Progress>,
}

impl Group {
    pub fn new(hosts: impl Iterator<Item = HostId>, partitions: usize) -> Self {
        let member = |host| Member {
            host,
            alive: true,
            generation: 0,
            partitions: Vec::new(),
            in_hand: Vec::new(),
            paused_until: Time::ZERO,
            zombie: false,
            fenced: false,
            transaction: None,
        };
        Group {
            members: hosts.map(member).collect(),
            progress: vec![Progress::default(); partitions],
        }
    }

    /// Up to where the work is done, once somebody reads the partition.
    pub fn worked(&self, partition: PartitionId) -> Option<u64> {
        let progress = self.progress.get(usize::from(partition.0))?;
        progress.begun.then_some(progress.worked)
    }

    /// Whoever reads a partition in good faith and with right.
    pub fn owner(&self, partition: PartitionId) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| !member.zombie && member.partitions.contains(&partition))
    }

    fn member(&mut self, host: HostId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.host == host)
    }

    /// Takes in what happened at a host.
    pub fn fold(&mut self, at: Time, host: HostId, fact: &Fact) {
        if fact
            .segment()
            .is_some_and(|segment| segment != SegmentId::MAIN)
        {
            return;
        }
        match fact {
            Fact::MemberRemoved { member, .. } => {
                if let Some(member) = self.member(*member) {
                    member.zombie = member.alive;
                }
            }
            Fact::Fenced { who, .. } => {
                if let Some(member) = self.member(*who) {
                    member.fenced = member.zombie;
                }
            }
            Fact::Positioned { positions, .. } => {
                for &(partition, offset) in positions {
                    self.positioned(partition, offset);
                }
            }
            Fact::Worked { source, .. } => self.worked_through(source.partition, source.offset),
            _ => {}
        }
        let progress = &mut self.progress;
        let Some(member) = self.members.iter_mut().find(|member| member.host == host) else {
            return;
        };
        match fact {
            Fact::Assigned {
                generation,
                partitions,
                ..
            } => {
                member.generation = *generation;
                member.partitions.clone_from(partitions);
                (member.zombie, member.fenced) = (false, false);
            }
            Fact::Revoked { partitions, .. } => {
                member.partitions.retain(|own| !partitions.contains(own));
                member.in_hand.retain(|(own, ..)| !partitions.contains(own));
            }
            Fact::Polled { origins, .. } => {
                for &(origin, source) in origins {
                    let held = (source.partition, source.offset, number(origin));
                    member.in_hand.push(held);
                    let progress = &mut progress[usize::from(source.partition.0)];
                    progress.polled = progress.polled.max(source.offset + 1);
                }
            }
            Fact::Paused { during } => member.paused_until = at + *during,
            Fact::TransactionBegan { id } => member.transaction = Some(id.clone()),
            Fact::UnitDropped { .. } => member.transaction = None,
            Fact::Crashed { .. } => {
                member.alive = false;
                member.partitions.clear();
                member.in_hand.clear();
                (member.zombie, member.fenced) = (false, false);
            }
            Fact::Restarted => member.alive = true,
            _ => {}
        }
    }

    /// A transaction with this id has ended.
    pub fn transaction_ended(&mut self, id: &str) {
        for member in &mut self.members {
            if member.transaction.as_deref() == Some(id) {
                member.transaction = None;
            }
        }
    }

    /// What was skipped is passed, what is read again stays done.
    fn positioned(&mut self, partition: PartitionId, offset: u64) {
        let Some(progress) = self.progress.get_mut(usize::from(partition.0)) else {
            return;
        };
        progress.worked = progress.worked.max(offset);
        progress.polled = progress.worked;
        progress.begun = true;
    }

    fn worked_through(&mut self, partition: PartitionId, offset: u64) {
        let mut lowest = None;
        for member in &mut self.members {
            member
                .in_hand
                .retain(|&(own, held, _)| (own, held) != (partition, offset));
            if !member.zombie {
                let held = member.in_hand.iter().filter(|(own, ..)| *own == partition);
                lowest = held.map(|&(_, held, _)| held).chain(lowest).min();
            }
        }
        if let Some(progress) = self.progress.get_mut(usize::from(partition.0)) {
            let up_to = lowest.unwrap_or(progress.polled);
            progress.worked = progress.worked.max(up_to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Scenario;
    use crate::sim::{Keep, Simulation};

    /// The group at the end of every fact of a run, handed to `look`.
    fn follow(text: &str, mut look: impl FnMut(&Fact, &Group, u64)) {
        let scenario = Scenario::parse(text).expect("valid");
        let run = Simulation::run(&scenario, Keep::Trace);
        let trace = run.trace.as_ref().expect("kept");
        let mut board = crate::replay::Board::new(&scenario, &run);
        for index in 0..trace.events.len() {
            board.fold(trace, index);
            look(
                &trace.events[index].fact,
                &board.group,
                board.partitions[0].committed,
            );
        }
    }

    fn scenario(consumer: &str, faults: &str) -> String {
        format!(
            r#"{{"workload": {{"orders": 12, "every_ms": 50}}, "limits": {{"settle_ms": 3000}},
                "engine": {{"use": "consumer", "consumer": {{"auto.offset.reset": "earliest",
                    "session.timeout.ms": 3000, "heartbeat.interval.ms": 500, {consumer}}}}},
                "sink": {{"use": "console"}}, "faults": {{{faults}}}}}"#
        )
    }

    #[test]
    fn work_runs_ahead_of_the_commit_or_behind_it_as_the_loop_says() {
        let after = r#""enable.auto.commit": false, "consumer.commit": "after""#;
        let (mut ahead, mut behind) = (0, 0);
        follow(&scenario(after, ""), |_, group, committed| {
            let worked = group.worked(PartitionId(0)).unwrap_or(0);
            ahead = ahead.max(worked.saturating_sub(committed));
            behind = behind.max(committed.saturating_sub(worked));
        });
        assert!(ahead > 0 && behind == 0, "{ahead} ahead, {behind} behind");
        let before = r#""enable.auto.commit": false, "consumer.commit": "before""#;
        let (mut ahead, mut behind) = (0, 0);
        follow(&scenario(before, ""), |_, group, committed| {
            let worked = group.worked(PartitionId(0)).unwrap_or(0);
            ahead = ahead.max(worked.saturating_sub(committed));
            behind = behind.max(committed.saturating_sub(worked));
        });
        assert!(ahead == 0 && behind > 0, "{ahead} ahead, {behind} behind");
    }

    #[test]
    fn who_is_thrown_out_while_it_stands_still_is_a_zombie_until_it_joins_again() {
        let consumer = r#""consumers": 2, "enable.auto.commit": false, "consumer.commit": "after""#;
        let pause = r#""z": {"do": "consumer.pause", "where": "c1", "at": 3200, "for": 6000}"#;
        let mut zombies = 0;
        let mut last = None;
        follow(&scenario(consumer, pause), |fact, group, _| {
            if matches!(fact, Fact::MemberRemoved { .. }) && group.members.iter().any(|m| m.zombie)
            {
                zombies += 1;
            }
            last = Some(group.members.iter().any(|m| m.zombie));
        });
        assert_eq!((zombies, last), (1, Some(false)));
        follow(&scenario(consumer, ""), |_, group, _| {
            assert!(group.members.iter().all(|member| !member.zombie));
        });
    }
}
