//! Transactions on the broker's side: their coordinator, and what a leader knows of open and aborted ones.
//!
//! Mirrors: `TransactionCoordinator`, `TransactionStateManager`, `TransactionMarkerChannelManager`,
//! `AddPartitionsToTxnManager` (verification and the implicit adding of partitions), `UnifiedLog.lastStableOffset`, the
//! aborted-transaction index; KIP-98, KIP-447, KIP-890.
//! Simplified: one partition of `__transaction_state`; a reader gets its records without the aborted ones, where the real
//! client filters them by a list in the answer; ids and epochs never run out, and no id expires.

use super::broker::{Broker, Disk, Memory, Then};
use super::log::Log;
use super::protocol::{
    Entry, ErrorCode, Isolation, LogBatch, Marker, Message, PartitionId, TransactionEntry,
    TransactionState,
};
use crate::sim::FULL;
use crate::sim::kernel::{Context, HostId, Reply, Span};
use crate::sim::ordered::{OrdMap, OrdSet};
use crate::sim::trace::{Ending, Fact};

/// How long the coordinator waits before it sends a marker again (`MarkerChannelManager`'s retry back-off).
const RETRY: Span = Span::from_ms(100);

/// What a leader knows of the transactions in its log.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Per producer id: the offsets of its transaction so far.
    open: OrdMap<u64, Vec<u64>>,
    /// First offset and marker of those that have ended.
    ended: Vec<(u64, u64)>,
    aborted: OrdSet<u64>,
}

impl Index {
    pub fn rebuilt(log: &Log) -> Self {
        let mut index = Index::default();
        for batch in log.from(0, u64::MAX) {
            index.add(&batch);
        }
        index
    }

    /// Takes in a batch; for a marker it answers the offsets that it ends.
    pub fn add(&mut self, batch: &LogBatch) -> Vec<u64> {
        if !FULL {
            return Vec::new();
        }
        let base = batch.base_offset;
        match (batch.batch.entry.as_deref(), batch.batch.writer) {
            (Some(Entry::Marker(marker)), _) => {
                let offsets = self.open.remove(&marker.producer_id).unwrap_or_default();
                if let Some(&first) = offsets.first() {
                    self.ended.push((first, base));
                }
                if !marker.commit {
                    self.aborted.extend(&offsets);
                }
                offsets
            }
            (None, Some(writer)) if writer.transactional => {
                let open = self.open.entry(writer.producer_id).or_default();
                open.extend(base..batch.end());
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Below it every transaction is decided, and the decision is safe. Source: `UnifiedLog.lastStableOffset`, which counts
    /// a marker above the high watermark as not there.
    pub fn last_stable_offset(&self, high_watermark: u64) -> u64 {
        if !FULL {
            return high_watermark;
        }
        let open = self.open.values().filter_map(|offsets| offsets.first());
        // Markers stand in the order of the log, so the unsafe ones are the last.
        let safe = self
            .ended
            .partition_point(|(_, marker)| *marker < high_watermark);
        let unsafe_yet = self.ended[safe..].iter();
        let undecided = open.chain(unsafe_yet.map(|(first, _)| first));
        undecided
            .copied()
            .chain([high_watermark])
            .min()
            .unwrap_or(high_watermark)
    }

    /// Up to where a reader may read.
    pub fn bound(&self, isolation: Isolation, high_watermark: u64) -> u64 {
        match isolation {
            Isolation::ReadUncommitted => high_watermark,
            Isolation::ReadCommitted => self.last_stable_offset(high_watermark),
        }
    }

    pub fn hides(&self, isolation: Isolation, offset: u64) -> bool {
        FULL && isolation == Isolation::ReadCommitted && self.aborted.contains(&offset)
    }
}

/// What a transaction coordinator has in memory.
#[derive(Clone, Debug, Default)]
pub struct Transactions {
    by_id: OrdMap<String, TransactionEntry>,
    /// Index: id. Partitions that have no marker yet.
    unmarked: OrdMap<String, OrdSet<PartitionId>>,
}

/// A leader asks the coordinator once for each transaction: who and where.
pub type Verified = OrdSet<(u64, u16, PartitionId)>;

impl Broker {
    pub(super) fn load_transactions(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        let mut known = Transactions::default();
        let log = self.internal.and_then(|i| disk.get(&i.transactions));
        for entry in log.into_iter().flat_map(Log::entries) {
            if let Entry::Transaction(entry) = entry {
                known.by_id.insert(entry.id.clone(), entry.clone());
            }
        }
        let deciding = |entry: &&TransactionEntry| entry.state.is_prepared();
        let open: Vec<String> = known
            .by_id
            .values()
            .filter(deciding)
            .map(|e| e.id.clone())
            .collect();
        memory.transactions = known;
        // The decision was written: it is carried out, whoever coordinates.
        for id in open {
            self.send_markers(memory, &id, true, cx);
        }
    }

    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`
    pub(super) fn sweep_in(&self) -> Span {
        Span::from_ms(self.config.transaction_cleanup_interval_ms)
    }

    pub(super) fn on_transaction(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        from: HostId,
        message: Message,
        cx: &mut Context,
    ) {
        let Some(internal) = self.internal else {
            return;
        };
        let here = self.leads(memory, Some(internal.transactions), cx);
        match message {
            Message::InitTransactions {
                id,
                current,
                timeout,
            } => {
                let reply = cx.reply_to(from);
                let refuse = |result| Message::InitTransactionsResponse { result };
                if !here {
                    return cx.send(from, refuse(Err(ErrorCode::NotCoordinator)));
                }
                if timeout > Span::from_ms(self.config.transaction_max_timeout_ms) {
                    return cx.send(from, refuse(Err(ErrorCode::InvalidTransactionTimeout)));
                }
                let entry = memory.transactions.by_id.get(&id);
                let passed = |entry: &TransactionEntry| {
                    current.is_some_and(|(producer_id, epoch)| {
                        let known = epoch == entry.epoch || Some(epoch) == entry.before;
                        producer_id != entry.producer_id || !known
                    })
                };
                if let Some(entry) = entry.filter(|entry| passed(entry)) {
                    let error = ErrorCode::ProducerFenced;
                    self.note_fenced(memory, entry.producer_id, error, cx);
                    return cx.send(from, refuse(Err(error)));
                }
                let epoch = current.map(|(_, epoch)| epoch);
                self.initialise(disk, memory, id, epoch, timeout, reply, cx);
            }
            Message::AddPartitions {
                producer_id,
                epoch,
                partitions,
                add,
            } => {
                let reply = cx.reply_to(from);
                let first = partitions.first().copied().unwrap_or(internal.groups);
                let answer = move |error| Message::AddPartitionsResponse {
                    producer_id,
                    epoch,
                    partition: first,
                    error,
                };
                if !here {
                    return self.tell(from, answer(Some(ErrorCode::NotCoordinator)), cx);
                }
                match check(memory, producer_id, epoch, &partitions, add) {
                    Err(error) => {
                        if error == ErrorCode::InvalidProducerEpoch {
                            self.note_fenced(memory, producer_id, error, cx);
                        }
                        self.tell(from, answer(Some(error)), cx);
                    }
                    Ok(None) => self.tell(from, answer(None), cx),
                    Ok(Some(id)) => {
                        let now = cx.now();
                        let entry = memory.transactions.by_id.get_mut(&id);
                        let entry = entry.expect("it was found just now");
                        if entry.state != TransactionState::Ongoing {
                            entry.state = TransactionState::Ongoing;
                            entry.started = now;
                            entry.partitions.clear();
                        }
                        entry.partitions.extend(&partitions);
                        let entry = Entry::Transaction(entry.clone());
                        let then = Then::Tell(from, reply, answer(None));
                        self.write_entry(disk, memory, internal.transactions, entry, then, cx);
                    }
                }
            }
            Message::AddPartitionsResponse {
                producer_id,
                epoch,
                partition,
                error,
            } => {
                if error.is_none() {
                    memory.verified.insert((producer_id, epoch, partition));
                }
                self.verified(disk, memory, producer_id, partition, error, cx);
            }
            Message::EndTxn {
                producer_id,
                epoch,
                commit,
            } => self.end(disk, memory, from, here, producer_id, epoch, commit, cx),
            Message::WriteMarker {
                id,
                partition,
                marker,
            } => self.write_marker(disk, memory, from, id, partition, marker, cx),
            Message::MarkerWritten { id, partition, ok } if here => {
                let left = memory.transactions.unmarked.get_mut(&id);
                if ok && left.is_some_and(|left| left.remove(&partition) && left.is_empty()) {
                    self.complete_transaction(disk, memory, &id, cx);
                }
            }
            Message::SendMarkers { id } if here => self.send_markers(memory, &id, false, cx),
            Message::SweepTransactions => {
                cx.after(self.sweep_in(), Message::SweepTransactions);
                if here {
                    self.sweep(disk, memory, cx);
                }
            }
            _ => {}
        }
    }

    /// To another broker or to oneself.
    fn tell(&self, to: HostId, message: Message, cx: &mut Context) {
        if to == cx.host() {
            cx.after(Span::ZERO, message);
        } else {
            cx.send(to, message);
        }
    }

    fn note_fenced(&self, memory: &Memory, producer_id: u64, error: ErrorCode, cx: &mut Context) {
        let mut entries = memory.transactions.by_id.values();
        if let Some(entry) = entries.find(|entry| entry.producer_id == producer_id) {
            cx.note_setting(
                "transactional.id",
                Fact::WriterFenced {
                    id: entry.id.clone(),
                    error,
                },
            );
        }
    }

    /// `initTransactions()`: fences whoever used the id before, and cleans up behind it. Source:
    /// `TransactionCoordinator.handleInitProducerId`.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a request and its surroundings"
    )]
    fn initialise(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        id: String,
        current: Option<u16>,
        timeout: Span,
        reply: Reply,
        cx: &mut Context,
    ) {
        let fresh = 1_000_000_000 * (u64::from(cx.host().0) + 1)
            + 10_000_000 * u64::from(cx.incarnation())
            + memory.numbered;
        memory.numbered += 1;
        let mut bumped = true;
        let now = cx.now();
        let entry = memory
            .transactions
            .by_id
            .entry(id.clone())
            .or_insert_with(|| {
                bumped = false;
                TransactionEntry {
                    before: None,
                    id: id.clone(),
                    producer_id: fresh,
                    epoch: 0,
                    timeout,
                    state: TransactionState::Empty,
                    partitions: OrdSet::new(),
                    started: now,
                    ending: Ending::Application,
                }
            });
        let busy = Message::InitTransactionsResponse {
            result: Err(ErrorCode::ConcurrentTransactions),
        };
        if entry.state.is_prepared() {
            return cx.reply(reply, busy);
        }
        // A question that comes again has its epoch already.
        let again = current.is_some() && current == entry.before;
        entry.epoch += u16::from(bumped && !again);
        entry.before = current;
        if entry.state == TransactionState::Ongoing {
            cx.reply(reply, busy);
            return self.prepare(disk, memory, &id, false, Ending::Fenced, None, cx);
        }
        entry.timeout = timeout;
        entry.state = TransactionState::Empty;
        let result = Ok((entry.producer_id, entry.epoch));
        let entry = Entry::Transaction(entry.clone());
        let answer = vec![(reply, Message::InitTransactionsResponse { result })];
        self.write_transaction(disk, memory, entry, Then::Answer(answer), cx);
    }

    fn write_transaction(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        entry: Entry,
        then: Then,
        cx: &mut Context,
    ) {
        if let Some(internal) = self.internal {
            self.write_entry(disk, memory, internal.transactions, entry, then, cx);
        }
    }

    /// `commitTransaction()` and `abortTransaction()`. A repeat of what was decided is answered again. Source:
    /// `TransactionCoordinator.endTransaction`.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a request and its surroundings"
    )]
    fn end(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        from: HostId,
        here: bool,
        producer_id: u64,
        epoch: u16,
        commit: bool,
        cx: &mut Context,
    ) {
        let reply = cx.reply_to(from);
        let answer = |result| Message::EndTxnResponse { result };
        if !here {
            return cx.send(from, answer(Err(ErrorCode::NotCoordinator)));
        }
        let written = |entry: &&TransactionEntry| entry.producer_id == producer_id;
        let entry = memory.transactions.by_id.values().find(written);
        let by_itself = |entry: &TransactionEntry| entry.ending == Ending::Application;
        let result = match entry {
            None => Err(ErrorCode::ProducerFenced),
            // With version 2 the decision has moved the epoch on already.
            Some(entry) if epoch < entry.epoch => {
                let repeat = self.config.transaction_version >= 2
                    && epoch + 1 == entry.epoch
                    && entry.state.decided() == Some(commit)
                    && by_itself(entry);
                if repeat {
                    Ok((producer_id, entry.epoch))
                } else {
                    Err(ErrorCode::ProducerFenced)
                }
            }
            Some(entry) if entry.state == TransactionState::Ongoing => {
                let id = entry.id.clone();
                let why = Ending::Application;
                return self.prepare(disk, memory, &id, commit, why, Some(reply), cx);
            }
            Some(entry) if entry.state.is_prepared() => Err(ErrorCode::ConcurrentTransactions),
            Some(entry) if entry.state.decided().is_none_or(|was| was == commit) => {
                Ok((producer_id, entry.epoch))
            }
            Some(_) => Err(ErrorCode::InvalidTxnState),
        };
        if result == Err(ErrorCode::ProducerFenced) {
            self.note_fenced(memory, producer_id, ErrorCode::ProducerFenced, cx);
        }
        cx.send(from, answer(result));
    }

    /// The point of no return: once it is written, the transaction ends this way.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a decision and its surroundings"
    )]
    fn prepare(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        id: &str,
        commit: bool,
        why: Ending,
        reply: Option<Reply>,
        cx: &mut Context,
    ) {
        let Some(entry) = memory.transactions.by_id.get_mut(id) else {
            return;
        };
        // Version 2 moves the epoch on with every end, so that nothing late can enter the next transaction; a time-out
        // fences with every version.
        if why == Ending::Timeout
            || (why == Ending::Application && self.config.transaction_version >= 2)
        {
            entry.epoch += 1;
        }
        entry.state = if commit {
            TransactionState::PrepareCommit
        } else {
            TransactionState::PrepareAbort
        };
        entry.ending = why;
        let result = Ok((entry.producer_id, entry.epoch));
        let answer = reply.map(|reply| (reply, Message::EndTxnResponse { result }));
        let entry = Entry::Transaction(entry.clone());
        let then = Then::Decided(id.to_string(), commit, answer);
        self.write_transaction(disk, memory, entry, then, cx);
    }

    /// A marker to every partition that has none; again and again until all have one.
    pub(super) fn send_markers(
        &self,
        memory: &mut Memory,
        id: &str,
        first: bool,
        cx: &mut Context,
    ) {
        let Some(entry) = memory
            .transactions
            .by_id
            .get(id)
            .filter(|e| e.state.is_prepared())
        else {
            return;
        };
        let marker = Marker {
            producer_id: entry.producer_id,
            epoch: entry.epoch,
            commit: entry.state.decided() == Some(true),
            ending: entry.ending,
        };
        let unmarked = memory
            .transactions
            .unmarked
            .entry(id.to_string())
            .or_default();
        if first {
            unmarked.clone_from(&entry.partitions);
        }
        let unmarked: Vec<PartitionId> = unmarked.iter().copied().collect();
        for partition in unmarked {
            if let Some(leader) = self.leader(memory, partition) {
                let message = Message::WriteMarker {
                    id: id.to_string(),
                    partition,
                    marker,
                };
                self.tell(leader, message, cx);
            }
        }
        cx.after(RETRY, Message::SendMarkers { id: id.to_string() });
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a request and its surroundings"
    )]
    fn write_marker(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        from: HostId,
        id: String,
        partition: PartitionId,
        marker: Marker,
        cx: &mut Context,
    ) {
        let reply = cx.reply_to(from);
        let written = |ok| Message::MarkerWritten {
            id: id.clone(),
            partition,
            ok,
        };
        if !self.leads(memory, Some(partition), cx) {
            return self.tell(from, written(false), cx);
        }
        memory
            .verified
            .retain(|(producer, ..)| *producer != marker.producer_id);
        if self
            .internal
            .is_some_and(|internal| internal.groups == partition)
        {
            self.end_offsets(memory, &marker, cx);
        }
        let then = Then::Tell(from, reply, written(true));
        self.write_entry(disk, memory, partition, Entry::Marker(marker), then, cx);
    }

    fn complete_transaction(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        id: &str,
        cx: &mut Context,
    ) {
        let Some(entry) = memory.transactions.by_id.get_mut(id) else {
            return;
        };
        let commit = entry.state.decided() == Some(true);
        entry.state = if commit {
            TransactionState::CompleteCommit
        } else {
            TransactionState::CompleteAbort
        };
        memory.transactions.unmarked.remove(id);
        let fact = Fact::TransactionEnded {
            id: id.to_string(),
            commit,
            why: entry.ending,
        };
        let entry = Entry::Transaction(entry.clone());
        if matches!(
            fact,
            Fact::TransactionEnded {
                why: Ending::Timeout,
                ..
            }
        ) {
            cx.note_setting("transaction.timeout.ms", fact);
        } else {
            cx.note(fact);
        }
        self.write_transaction(disk, memory, entry, Then::Answer(Vec::new()), cx);
    }

    /// Transactions that are open for longer than their writer said are aborted, and the writer is fenced.
    fn sweep(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        let now = cx.now();
        let late = |entry: &&TransactionEntry| {
            entry.state == TransactionState::Ongoing && now.since(entry.started) > entry.timeout
        };
        let entries = memory.transactions.by_id.values();
        let ids: Vec<String> = entries.filter(late).map(|entry| entry.id.clone()).collect();
        for id in ids {
            self.prepare(disk, memory, &id, false, Ending::Timeout, None, cx);
        }
    }
}

/// Whether a writer may write there: nothing to do, the transaction that takes the partitions in, or why not.
fn check(
    memory: &Memory,
    producer_id: u64,
    epoch: u16,
    partitions: &[PartitionId],
    add: bool,
) -> Result<Option<String>, ErrorCode> {
    let mut entries = memory.transactions.by_id.values();
    let entry = entries.find(|entry| entry.producer_id == producer_id);
    let entry = entry.ok_or(ErrorCode::InvalidProducerEpoch)?;
    if epoch < entry.epoch {
        return Err(ErrorCode::InvalidProducerEpoch);
    }
    if entry.state.is_prepared() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let known = entry.state == TransactionState::Ongoing
        && partitions.iter().all(|p| entry.partitions.contains(p));
    match (known, add) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(entry.id.clone())),
        (false, false) => Err(ErrorCode::TransactionAbortable),
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Batch, Writer};
    use super::super::stand::batch;
    use super::*;

    fn log(batches: Vec<Batch>) -> Index {
        let mut log = Log::default();
        for batch in batches {
            log.append(0, batch);
        }
        Index::rebuilt(&log)
    }

    fn write(producer_id: u64) -> Batch {
        let writer = Writer {
            producer_id,
            epoch: 0,
            sequence: 0,
            transactional: true,
        };
        batch(0, Some(writer))
    }

    fn end(producer_id: u64, commit: bool) -> Batch {
        let marker = Marker {
            producer_id,
            epoch: 0,
            commit,
            ending: Ending::Application,
        };
        Batch {
            records: Vec::new(),
            entry: Some(Box::new(Entry::Marker(marker))),
            ..batch(0, None)
        }
    }

    #[test]
    fn an_open_transaction_holds_back_whoever_wrote_behind_it() {
        let index = log(vec![
            batch(0, None),
            write(7),
            batch(1, None),
            write(8),
            end(8, true),
        ]);
        assert_eq!(index.bound(Isolation::ReadUncommitted, 5), 5);
        assert_eq!(index.bound(Isolation::ReadCommitted, 5), 1);
        assert_eq!(index.bound(Isolation::ReadCommitted, 0), 0);
        let ended = log(vec![
            batch(0, None),
            write(7),
            batch(1, None),
            end(7, false),
        ]);
        assert_eq!(ended.bound(Isolation::ReadCommitted, 4), 4);
        assert!(ended.hides(Isolation::ReadCommitted, 1));
        assert!(
            !ended.hides(Isolation::ReadUncommitted, 1)
                && !ended.hides(Isolation::ReadCommitted, 2)
        );
    }

    #[test]
    fn a_marker_above_the_high_watermark_decides_nothing_yet() {
        let index = log(vec![write(7), end(7, true)]);
        assert_eq!(index.last_stable_offset(1), 0);
        assert_eq!(index.last_stable_offset(2), 2);
    }

    #[test]
    fn an_unverified_write_behind_its_marker_hangs() {
        // Without verification it opens a transaction that the coordinator knows nothing of, so nobody ends it.
        let index = log(vec![write(7), end(7, false), write(7)]);
        assert_eq!(index.last_stable_offset(3), 2);
    }
}
