//! The coordinator of consumer groups: who is a member, who reads what, how far the group has come.
//!
//! Mirrors: `GroupMetadataManager` and `ClassicGroup` (eager, classic protocol), `OffsetMetadataManager`; KIP-62, KIP-345.
//! Who leads the group's partition of `__consumer_offsets` is its coordinator; what it knows is what that log holds.
//! Simplified: one partition of `__consumer_offsets`; the coordinator works out the range assignment itself, so joining and
//! syncing are one exchange; no cooperative rebalancing, no KIP-848 groups; committed offsets never expire.

use super::broker::{Broker, Disk, Memory, Then};
use super::protocol::{Entry, ErrorCode, Marker, Message, PartitionId, Positions};
use crate::sim::kernel::rng::mix;
use crate::sim::kernel::{Context, HostId, Reply, Span};
use crate::sim::ordered::OrdMap;
use crate::sim::trace::{Departure, Fact, SegmentId};

/// A member's id: another one for every life of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberId(u64);

/// What the coordinator knows of a member.
#[derive(Clone, Debug)]
pub struct Member {
    pub host: HostId,
    /// It has a `group.instance.id`, so its process may come back and keep its place.
    pub fixed: bool,
    pub session: Span,
    pub rebalance: Span,
    pub assignment: Vec<PartitionId>,
    /// Counts signs of life; a timer that was set for an older one means nothing.
    beat: u64,
    /// It waits for the rebalance to end.
    joining: Option<Reply>,
}

/// All groups of this coordinator.
#[derive(Clone, Debug, Default)]
pub struct Groups(OrdMap<SegmentId, Group>);

#[derive(Clone, Debug, Default)]
struct Group {
    generation: u32,
    members: OrdMap<MemberId, Member>,
    offsets: Positions,
    /// Offsets that a transaction will commit, by its producer id, and whose they are.
    pending: OrdMap<u64, (HostId, Positions)>,
    /// Members are being waited for.
    rebalancing: bool,
    /// The first members of an empty group: others get time to join too.
    gathering: bool,
    round: u64,
}

impl Group {
    /// Why a member of this generation may not commit, if it may not. While members are being waited for, those of the
    /// generation that ends may still commit. Source: `ClassicGroup.validateOffsetCommit`.
    fn refuses(&self, member: MemberId, generation: u32) -> Option<ErrorCode> {
        if !self.members.contains_key(&member) {
            Some(ErrorCode::UnknownMemberId)
        } else if self.generation != generation {
            Some(ErrorCode::IllegalGeneration)
        } else {
            None
        }
    }

    /// Source: `RangeAssignor`; members in the order of their hosts.
    fn assign(&mut self, first: u16, partitions: u16) {
        let mut members: Vec<&mut Member> = self.members.values_mut().collect();
        members.sort_by_key(|member| member.host);
        let count = members.len() as u16;
        let mut next = first;
        for (index, member) in members.into_iter().enumerate() {
            let share = partitions / count + u16::from((index as u16) < partitions % count);
            member.assignment = (next..next + share).map(PartitionId).collect();
            next += share;
        }
    }
}

impl Broker {
    /// A new coordinator reads what the one before it wrote.
    pub(super) fn load_groups(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        let mut groups = Groups::default();
        let log = self
            .internal
            .and_then(|internal| disk.get(&internal.groups));
        for entry in log.into_iter().flat_map(|log| log.entries()) {
            match entry {
                Entry::Group {
                    group,
                    generation,
                    members,
                } => {
                    let known = groups.0.entry(*group).or_default();
                    known.generation = *generation;
                    known.members = members.clone();
                }
                Entry::Offsets {
                    group,
                    offsets,
                    transaction,
                } => {
                    let known = groups.0.entry(*group).or_default();
                    match transaction {
                        None => known.offsets.extend(offsets),
                        Some((producer_id, member)) => {
                            let pending = (*member, offsets.clone());
                            known.pending.insert(*producer_id, pending);
                        }
                    }
                }
                Entry::Marker(marker) => {
                    for known in groups.0.values_mut() {
                        if let Some((_, offsets)) = known.pending.remove(&marker.producer_id)
                            && marker.commit
                        {
                            known.offsets.extend(&offsets);
                        }
                    }
                }
                Entry::Transaction(_) => {}
            }
        }
        memory.groups = groups;
        for (&group, known) in &mut memory.groups.0 {
            for (&id, member) in &mut known.members {
                member.joining = None;
                alive(group, id, member, cx);
            }
        }
    }

    pub(super) fn on_group(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        from: HostId,
        message: Message,
        cx: &mut Context,
    ) {
        let here = self.leads(memory, self.internal.map(|internal| internal.groups), cx);
        let elsewhere = ErrorCode::NotCoordinator;
        match message {
            Message::JoinGroup {
                group,
                member,
                fixed,
                session,
                rebalance,
            } => {
                if !here {
                    let result = Err(elsewhere);
                    return cx.send(from, Message::JoinGroupResponse { result });
                }
                let newcomer = Member {
                    host: from,
                    fixed,
                    session,
                    rebalance,
                    assignment: Vec::new(),
                    beat: 0,
                    joining: Some(cx.reply_to(from)),
                };
                self.join(disk, memory, group, member, newcomer, cx);
            }
            Message::LeaveGroup { group, member } if here => {
                self.remove(disk, memory, group, member, Departure::Left, cx);
            }
            Message::GroupHeartbeat {
                group,
                member,
                generation,
            } => {
                let known = memory.groups.0.entry(group).or_default();
                let error = if here {
                    known.refuses(member, generation)
                } else {
                    Some(elsewhere)
                };
                let error =
                    error.or_else(|| known.rebalancing.then_some(ErrorCode::RebalanceInProgress));
                if let Some(member_known) = known.members.get_mut(&member).filter(|_| here) {
                    alive(group, member, member_known, cx);
                }
                cx.send(from, Message::GroupHeartbeatResponse { generation, error });
            }
            Message::OffsetCommit {
                group,
                correlation,
                member,
                generation,
                offsets,
            } => {
                let answer = |error| Message::OffsetCommitResponse { correlation, error };
                let who = Some((member, generation));
                if let Some(error) = admit(memory, here, group, who, from, cx) {
                    return cx.send(from, answer(Some(error)));
                }
                let known = memory.groups.0.entry(group).or_default();
                known.offsets.extend(&offsets);
                let fact = Fact::OffsetsCommitted {
                    segment: group,
                    member: from,
                    positions: offsets.iter().map(|(&p, &offset)| (p, offset)).collect(),
                };
                let then = Then::Committed(fact, cx.reply_to(from), answer(None));
                let entry = Entry::Offsets {
                    group,
                    offsets,
                    transaction: None,
                };
                self.write(disk, memory, entry, then, cx);
            }
            Message::TxnOffsetCommit {
                group,
                member,
                producer_id,
                epoch,
                offsets,
            } => {
                let answer = |error| Message::TxnOffsetCommitResponse { error };
                // The metadata of the consumer tell a zombie from the member in charge (KIP-447). Those that an
                // application makes by hand name no generation, and pass.
                if let Some(error) = admit(memory, here, group, member, from, cx) {
                    return cx.send(from, answer(Some(error)));
                }
                // The partition of the offsets is part of the transaction like any other.
                let Some(internal) = self.internal else {
                    return;
                };
                if !memory
                    .verified
                    .contains(&(producer_id, epoch, internal.groups))
                {
                    let message = Message::TxnOffsetCommit {
                        group,
                        member,
                        producer_id,
                        epoch,
                        offsets,
                    };
                    memory.asking.push((from, message));
                    return self.ask_coordinator(memory, producer_id, epoch, internal.groups, cx);
                }
                let known = memory.groups.0.entry(group).or_default();
                known.pending.insert(producer_id, (from, offsets.clone()));
                let entry = Entry::Offsets {
                    group,
                    offsets,
                    transaction: Some((producer_id, from)),
                };
                let then = Then::Answer(vec![(cx.reply_to(from), answer(None))]);
                self.write(disk, memory, entry, then, cx);
            }
            Message::OffsetFetch { group } => {
                let known = memory.groups.0.entry(group).or_default();
                // `require-stable`: who takes over waits until the transaction before is decided.
                let result = if !here {
                    Err(elsewhere)
                } else if known.pending.is_empty() {
                    Ok(known.offsets.clone())
                } else {
                    Err(ErrorCode::UnstableOffsetCommit)
                };
                cx.send(from, Message::OffsetFetchResponse { result });
            }
            Message::MemberSilent {
                group,
                member,
                beat,
            } if here => {
                let known = memory.groups.0.entry(group).or_default();
                let silent = |member: &Member| member.beat == beat && member.joining.is_none();
                if known.members.get(&member).is_some_and(silent) {
                    self.remove(disk, memory, group, member, Departure::SessionTimeout, cx);
                }
            }
            Message::RebalanceDue { group, round } if here => {
                let known = memory.groups.0.entry(group).or_default();
                if known.rebalancing && known.round == round {
                    self.complete(disk, memory, group, cx);
                }
            }
            message => self.on_transaction(disk, memory, from, message, cx),
        }
    }

    /// A transaction that committed offsets has ended.
    pub(super) fn end_offsets(&self, memory: &mut Memory, marker: &Marker, cx: &mut Context) {
        for (&group, known) in &mut memory.groups.0 {
            if let Some((member, offsets)) = known.pending.remove(&marker.producer_id)
                && marker.commit
            {
                known.offsets.extend(&offsets);
                cx.note(Fact::OffsetsCommitted {
                    segment: group,
                    member,
                    positions: offsets.into_iter().collect(),
                });
            }
        }
    }

    fn write(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        entry: Entry,
        then: Then,
        cx: &mut Context,
    ) {
        if let Some(internal) = self.internal {
            self.write_entry(disk, memory, internal.groups, entry, then, cx);
        }
    }

    fn join(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        group: SegmentId,
        id: Option<MemberId>,
        mut newcomer: Member,
        cx: &mut Context,
    ) {
        let fresh = MemberId(mix(u64::from(cx.host().0) << 48
            | u64::from(cx.incarnation()) << 40
            | memory.numbered));
        memory.numbered += 1;
        let known = memory.groups.0.entry(group).or_default();
        if let Some(id) = id {
            let Some(member) = known.members.get_mut(&id) else {
                let result = Err(ErrorCode::UnknownMemberId);
                return cx.send(newcomer.host, Message::JoinGroupResponse { result });
            };
            member.joining = newcomer.joining;
            member.beat += 1;
        } else {
            // A static member that comes back takes its old place, and nobody else hears of it. Source: KIP-345,
            // `GroupMetadataManager.classicGroupJoinNewStaticMember`.
            let same = |(_, member): &(&MemberId, &Member)| {
                newcomer.fixed && member.fixed && member.host == newcomer.host
            };
            let before = known.members.iter().find(same).map(|(&id, _)| id);
            if let Some(member) = before.and_then(|old| known.members.remove(&old)) {
                newcomer.assignment = member.assignment;
            }
            let stays = before.is_some() && !known.rebalancing;
            let reply = newcomer.joining;
            if stays {
                newcomer.joining = None;
                alive(group, fresh, &mut newcomer, cx);
            }
            let assignment = newcomer.assignment.clone();
            known.members.insert(fresh, newcomer);
            if let (true, Some(reply)) = (stays, reply) {
                let result = Ok((fresh, known.generation, assignment));
                let answer = vec![(reply, Message::JoinGroupResponse { result })];
                let entry = Entry::Group {
                    group,
                    generation: known.generation,
                    members: known.members.clone(),
                };
                return self.write(disk, memory, entry, Then::Answer(answer), cx);
            }
        }
        self.rebalance(disk, memory, group, cx);
    }

    fn remove(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        group: SegmentId,
        id: MemberId,
        why: Departure,
        cx: &mut Context,
    ) {
        let known = memory.groups.0.entry(group).or_default();
        if let Some(member) = known.members.remove(&id) {
            let fact = Fact::MemberRemoved {
                segment: group,
                member: member.host,
                why,
            };
            if why == Departure::SessionTimeout {
                cx.note_setting("session.timeout.ms", fact);
            } else {
                cx.note(fact);
            }
            self.rebalance(disk, memory, group, cx);
        }
    }

    /// Begins to wait for all members, or ends it if all are there.
    fn rebalance(&self, disk: &mut Disk, memory: &mut Memory, group: SegmentId, cx: &mut Context) {
        let known = memory.groups.0.entry(group).or_default();
        if !known.rebalancing {
            known.rebalancing = true;
            known.round += 1;
            // Nobody reads yet: others get time to join before anybody is answered.
            let reading = |member: &Member| !member.assignment.is_empty();
            known.gathering = !known.members.values().any(reading);
            let longest = known.members.values().map(|member| member.rebalance).max();
            let wait = if known.gathering {
                Span::from_ms(self.config.group_initial_rebalance_delay_ms)
            } else {
                longest.unwrap_or(Span::ZERO)
            };
            let round = known.round;
            cx.after(wait, Message::RebalanceDue { group, round });
        }
        let all = known
            .members
            .values()
            .all(|member| member.joining.is_some());
        if all && (!known.gathering || known.members.is_empty()) {
            self.complete(disk, memory, group, cx);
        }
    }

    /// A new generation: who has not come is out, and every partition has one reader.
    fn complete(&self, disk: &mut Disk, memory: &mut Memory, group: SegmentId, cx: &mut Context) {
        let known = memory.groups.0.entry(group).or_default();
        let absent = |member: &Member| member.joining.is_none() && !member.fixed;
        for member in known.members.values().filter(|member| absent(member)) {
            cx.note_setting(
                "max.poll.interval.ms",
                Fact::MemberRemoved {
                    segment: group,
                    member: member.host,
                    why: Departure::RebalanceTimeout,
                },
            );
        }
        known.members.retain(|_, member| !absent(member));
        known.rebalancing = false;
        known.gathering = false;
        known.generation += 1;
        if known.members.is_empty() {
            return;
        }
        if let Some(internal) = self.internal {
            known.assign(internal.input(group), internal.partitions());
        }
        let mut answers = Vec::new();
        for (&id, member) in &mut known.members {
            if let Some(reply) = member.joining.take() {
                let result = Ok((id, known.generation, member.assignment.clone()));
                answers.push((reply, Message::JoinGroupResponse { result }));
            }
            alive(group, id, member, cx);
        }
        let entry = Entry::Group {
            group,
            generation: known.generation,
            members: known.members.clone(),
        };
        self.write(disk, memory, entry, Then::Answer(answers), cx);
    }
}

/// Why offsets are not taken, if they are not: the group is coordinated elsewhere, or goes on without who sent them.
fn admit(
    memory: &mut Memory,
    here: bool,
    group: SegmentId,
    who: Option<(MemberId, u32)>,
    from: HostId,
    cx: &mut Context,
) -> Option<ErrorCode> {
    if !here {
        return Some(ErrorCode::NotCoordinator);
    }
    let (member, generation) = who?;
    let known = memory.groups.0.entry(group).or_default();
    let error = known.refuses(member, generation)?;
    cx.note(Fact::Fenced {
        segment: group,
        who: from,
        error,
    });
    Some(error)
}

/// A sign of life: silence is counted from now on.
fn alive(group: SegmentId, id: MemberId, member: &mut Member, cx: &mut Context) {
    member.beat += 1;
    cx.after(
        member.session,
        Message::MemberSilent {
            group,
            member: id,
            beat: member.beat,
        },
    );
}
