//! A replica's log and what it remembers of its writers.
//!
//! Mirrors: `UnifiedLog`, `ProducerStateManager`, `ProducerAppendInfo` (KIP-98), leader-epoch cache (KIP-101).
//! Simplified: every batch is a segment of its own and the newest one is never deleted; the high watermark checkpoint is always current; the operating system writes
//! everything out at once, at fixed times; producer ids never expire.

use super::protocol::{Batch, Entry, ErrorCode, FetchPosition, LogBatch};
use crate::sim::kernel::EventTime;
use crate::sim::ordered::OrdMap;
use crate::sim::workload::{RECORD_BYTES, Record};
use std::collections::VecDeque;

/// A broker remembers five batches per producer (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
const BATCHES_REMEMBERED: usize = 5;

/// What a replica keeps on disk.
#[derive(Clone, Debug, Default)]
pub struct Log {
    batches: Vec<LogBatch>,
    pub high_watermark: u64,
    /// What the operating system has written out; the rest is lost with the power.
    pub flushed: u64,
    /// Where it ended before a loss of power cut it, until the broker is back and says so.
    pub cut_from: Option<u64>,
    /// The log start offset: what lay before was deleted by retention.
    pub start: u64,
}

/// What a leader does with a batch that carries a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Append,
    /// One of the five remembered batches: answered as a success with the offset of the first copy.
    Duplicate(u64),
    Refuse(ErrorCode),
}

#[derive(Clone, Debug)]
struct Remembered {
    epoch: u16,
    /// First sequence, last sequence, base offset; newest last.
    batches: VecDeque<(u32, u32, u64)>,
}

/// The duplicate check of a partition, rebuilt from its log.
#[derive(Clone, Debug, Default)]
pub struct Writers(OrdMap<u64, Remembered>);

impl Log {
    /// The log end offset: where the next record goes.
    pub fn end(&self) -> u64 {
        self.batches.last().map_or(self.start, LogBatch::end)
    }

    /// Deletes from the front what is too old, and what is too much: only below the high watermark, and never the newest.
    /// Answers the new start, if it moved. Source: `UnifiedLog.deleteOldSegments`.
    pub fn delete_old(&mut self, older_than: EventTime, bytes_max: Option<u64>) -> Option<u64> {
        let sizes = self.batches.iter().map(|batch| batch.batch.count());
        let mut bytes = sizes.sum::<u64>() * RECORD_BYTES;
        let mut gone = 0;
        while gone + 1 < self.batches.len() {
            let oldest = &self.batches[gone];
            let newest_record = oldest.batch.records.iter().map(|record| record.event_time);
            let too_old = newest_record.max().is_none_or(|newest| newest < older_than);
            let size = oldest.batch.count() * RECORD_BYTES;
            let too_much = bytes_max.is_some_and(|most| bytes - size >= most);
            if oldest.end() > self.high_watermark || !(too_old || too_much) {
                break;
            }
            bytes -= size;
            gone += 1;
        }
        if gone == 0 {
            return None;
        }
        self.batches.drain(..gone);
        self.start = self.batches[0].base_offset;
        Some(self.start)
    }

    /// The leader has deleted everything that this log could go on from: it begins anew there.
    pub fn begin_at(&mut self, start: u64) {
        *self = Log {
            start,
            high_watermark: start,
            flushed: start,
            ..Log::default()
        };
    }

    pub fn last_epoch(&self) -> u32 {
        self.batches.last().map_or(0, |batch| batch.epoch)
    }

    pub fn append(&mut self, epoch: u32, batch: Batch) -> u64 {
        let base_offset = self.end();
        self.batches.push(LogBatch {
            base_offset,
            epoch,
            batch,
        });
        base_offset
    }

    /// Takes over what the leader has, in its order.
    pub fn copy(&mut self, batch: LogBatch) {
        assert_eq!(
            batch.base_offset,
            self.end(),
            "a follower copies without gaps"
        );
        self.batches.push(batch);
    }

    /// Whole batches from `offset` on, up to about `bytes_max` records.
    pub fn from(&self, offset: u64, records_max: u64) -> Vec<LogBatch> {
        let first = self
            .batches
            .partition_point(|batch| batch.base_offset < offset);
        let mut left = records_max;
        let fits = |batch: &&LogBatch| {
            let room = left > 0;
            left = left.saturating_sub(batch.batch.count());
            room
        };
        self.batches[first..]
            .iter()
            .take_while(fits)
            .cloned()
            .collect()
    }

    /// The newest batch.
    pub fn last(&self) -> Option<&LogBatch> {
        self.batches.last()
    }

    /// The records of `[offset, limit)` with their offsets.
    pub fn records(&self, offset: u64, limit: u64) -> Vec<(u64, Record)> {
        let first = self.batches.partition_point(|batch| batch.end() <= offset);
        let numbered = |batch: &LogBatch| {
            let base = batch.base_offset;
            let records = batch.batch.records.clone();
            records
                .into_iter()
                .enumerate()
                .map(move |(i, record)| (base + i as u64, record))
        };
        let after = self.batches[first..]
            .iter()
            .take_while(|batch| batch.base_offset < limit);
        after
            .flat_map(numbered)
            .filter(|(at, _)| (offset..limit).contains(at))
            .collect()
    }

    /// The newest epoch here that is not newer than `epoch`, and where it ends. Source: `LeaderEpochFileCache.endOffsetFor`.
    pub fn end_of_epoch(&self, epoch: u32) -> (u32, u64) {
        let known = self.batches.partition_point(|batch| batch.epoch <= epoch);
        known.checked_sub(1).map_or((0, 0), |last| {
            (self.batches[last].epoch, self.batches[last].end())
        })
    }

    /// Where a follower's log parts from this one, if it does: the last epoch that both may share, and where it ends
    /// here. An epoch that this log never had counts as well, however far the follower is (KIP-101, KIP-595).
    pub fn divergence(&self, position: &FetchPosition) -> Option<(u32, u64)> {
        if position.offset == 0 || (self.batches.is_empty() && position.offset == self.start) {
            return None;
        }
        let (epoch, end) = self.end_of_epoch(position.last_epoch);
        (epoch < position.last_epoch || end < position.offset).then_some((epoch, end))
    }

    /// The machine lost power: what was not written out is gone.
    pub fn lose_unflushed(&mut self) {
        let before = self.truncate(self.flushed);
        if before > self.end() {
            self.cut_from = Some(before);
        }
    }

    /// What a coordinator wrote, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.batches
            .iter()
            .filter_map(|batch| batch.batch.entry.as_deref())
    }

    /// Cuts the log to `end`; answers where it ended before.
    pub fn truncate(&mut self, end: u64) -> u64 {
        let before = self.end();
        let keep = self.batches.partition_point(|batch| batch.end() <= end);
        self.batches.truncate(keep);
        self.start = self.start.min(end);
        self.high_watermark = self.high_watermark.min(end);
        self.flushed = self.flushed.min(end);
        before
    }
}

impl Writers {
    pub fn rebuilt(log: &Log) -> Self {
        let mut writers = Writers::default();
        for batch in &log.batches {
            writers.remember(&batch.batch, batch.base_offset);
        }
        writers
    }

    /// Source: `ProducerAppendInfo.checkProducerEpoch`, `checkSequence`; `ProducerStateEntry.findDuplicateBatch`.
    pub fn admit(&self, batch: &Batch) -> Admission {
        let Some(writer) = batch.writer else {
            return Admission::Append;
        };
        let Some(known) = self.0.get(&writer.producer_id) else {
            // Nothing is remembered of this producer id: any first sequence is accepted.
            return Admission::Append;
        };
        if writer.epoch < known.epoch {
            return Admission::Refuse(ErrorCode::InvalidProducerEpoch);
        }
        if writer.epoch > known.epoch {
            let fresh = writer.sequence == 0;
            return if fresh {
                Admission::Append
            } else {
                Admission::Refuse(ErrorCode::OutOfOrderSequenceNumber)
            };
        }
        let range = (
            writer.sequence,
            last_sequence(writer.sequence, batch.count()),
        );
        if let Some(&(_, _, offset)) = known
            .batches
            .iter()
            .find(|&&(first, last, _)| (first, last) == range)
        {
            return Admission::Duplicate(offset);
        }
        // This covers gaps, and also repeats older than the five remembered batches.
        let expected = known
            .batches
            .back()
            .map_or(0, |&(_, last, _)| next_sequence(last));
        if writer.sequence == expected {
            Admission::Append
        } else {
            Admission::Refuse(ErrorCode::OutOfOrderSequenceNumber)
        }
    }

    pub fn remember(&mut self, batch: &Batch, offset: u64) {
        let Some(writer) = batch.writer else { return };
        let fresh = Remembered {
            epoch: writer.epoch,
            batches: VecDeque::new(),
        };
        let known = self
            .0
            .entry(writer.producer_id)
            .or_insert_with(|| fresh.clone());
        if writer.epoch > known.epoch {
            *known = fresh;
        }
        // A marker moves the epoch on and takes no sequence.
        if batch.entry.is_some() {
            return;
        }
        if known.batches.len() == BATCHES_REMEMBERED {
            known.batches.pop_front();
        }
        known.batches.push_back((
            writer.sequence,
            last_sequence(writer.sequence, batch.count()),
            offset,
        ));
    }
}

/// Sequences wrap from 2147483647 to 0.
pub fn next_sequence(sequence: u32) -> u32 {
    if sequence == 0x7fff_ffff {
        0
    } else {
        sequence + 1
    }
}

/// The sequence of the last of `count` records.
pub fn last_sequence(first: u32, count: u64) -> u32 {
    ((u64::from(first) + count - 1) & 0x7fff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{BatchName, PartitionId, Writer};
    use super::*;
    use crate::sim::kernel::HostId;
    use crate::sim::origin::Origin;
    use crate::sim::workload::{Key, Value};

    fn batch(epoch: u16, sequence: u32, count: u32) -> Batch {
        let name = BatchName {
            producer: HostId(0),
            session: 1,
            partition: PartitionId(0),
            ordinal: sequence,
        };
        let record = |n| Record {
            key: Key(1),
            value: Value {
                order_id: n,
                amount: 100,
                ..Value::default()
            },
            event_time: EventTime::from_ms(0),
            origin: Origin::nth(n),
        };
        Batch {
            name,
            writer: Some(Writer {
                producer_id: 7,
                epoch,
                sequence,
                transactional: false,
            }),
            records: (0..count).map(record).collect(),
            entry: None,
        }
    }

    fn after(batches: &[Batch]) -> Writers {
        let mut log = Log::default();
        for batch in batches {
            log.append(0, batch.clone());
        }
        Writers::rebuilt(&log)
    }

    #[test]
    fn the_broker_admits_by_epoch_and_sequence() {
        let two = [batch(0, 0, 2), batch(0, 2, 1)];
        for (known, new, expected) in [
            (&[][..], batch(0, 9, 1), Admission::Append),
            (&two, batch(0, 3, 1), Admission::Append),
            (&two, batch(0, 2, 1), Admission::Duplicate(2)),
            (&two, batch(0, 0, 2), Admission::Duplicate(0)),
            (
                &two,
                batch(0, 0, 1),
                Admission::Refuse(ErrorCode::OutOfOrderSequenceNumber),
            ),
            (
                &two,
                batch(0, 4, 1),
                Admission::Refuse(ErrorCode::OutOfOrderSequenceNumber),
            ),
            (&two, batch(1, 0, 1), Admission::Append),
            (
                &two,
                batch(1, 3, 1),
                Admission::Refuse(ErrorCode::OutOfOrderSequenceNumber),
            ),
            (
                &[batch(1, 0, 1)],
                batch(0, 0, 1),
                Admission::Refuse(ErrorCode::InvalidProducerEpoch),
            ),
        ] {
            assert_eq!(after(known).admit(&new), expected, "{:?}", new.writer);
        }
    }

    #[test]
    fn a_repeat_older_than_five_batches_is_no_longer_recognised() {
        let six: Vec<Batch> = (0..6).map(|sequence| batch(0, sequence, 1)).collect();
        assert_eq!(after(&six).admit(&batch(0, 1, 1)), Admission::Duplicate(1));
        assert_eq!(
            after(&six).admit(&batch(0, 0, 1)),
            Admission::Refuse(ErrorCode::OutOfOrderSequenceNumber)
        );
    }

    #[test]
    fn a_follower_diverges_where_the_leader_has_a_newer_epoch() {
        let mut leader = Log::default();
        leader.append(0, batch(0, 0, 3));
        leader.append(2, batch(0, 3, 1));
        let position = |offset, last_epoch| FetchPosition {
            partition: PartitionId(0),
            offset,
            last_epoch,
        };
        assert_eq!(leader.divergence(&position(3, 0)), None);
        assert_eq!(
            leader.divergence(&position(5, 0)),
            Some((0, 3)),
            "two records of epoch 0 that the leader never had"
        );
        assert_eq!(leader.divergence(&position(4, 2)), None);
        assert_eq!(
            leader.divergence(&position(2, 1)),
            Some((0, 3)),
            "epoch 1 is unknown here, although offset 2 is not"
        );
        assert_eq!(leader.divergence(&position(0, 0)), None);
        assert_eq!(Log::default().divergence(&position(2, 0)), Some((0, 0)));
    }

    #[test]
    fn sequences_count_records_and_wrap_to_0() {
        assert_eq!(next_sequence(0), 1);
        assert_eq!(next_sequence(0x7fff_ffff), 0);
        assert_eq!(last_sequence(0x7fff_fffe, 3), 0);
        let known = after(&[batch(0, 0x7fff_fffe, 2)]);
        assert_eq!(known.admit(&batch(0, 0, 1)), Admission::Append);
    }

    #[test]
    fn a_new_epoch_forgets_the_sequences_of_the_old_one() {
        let known = after(&[batch(0, 0, 1), batch(0, 1, 1), batch(1, 0, 1)]);
        assert_eq!(known.admit(&batch(1, 0, 1)), Admission::Duplicate(2));
        assert_eq!(known.admit(&batch(1, 1, 1)), Admission::Append);
        assert_eq!(
            known.admit(&batch(0, 1, 1)),
            Admission::Refuse(ErrorCode::InvalidProducerEpoch)
        );
    }

    #[test]
    fn a_follower_knows_the_writers_from_its_copy_and_forgets_with_what_it_cuts() {
        let mut leader = Log::default();
        leader.append(0, batch(0, 0, 2));
        leader.append(0, batch(0, 2, 1));
        let mut follower = Log::default();
        leader
            .from(0, 500)
            .into_iter()
            .for_each(|b| follower.copy(b));
        let repeat = batch(0, 2, 1);
        assert_eq!(
            Writers::rebuilt(&follower).admit(&repeat),
            Admission::Duplicate(2)
        );
        assert_eq!(follower.truncate(2), 3);
        assert_eq!(
            Writers::rebuilt(&follower).admit(&repeat),
            Admission::Append
        );
    }

    #[test]
    fn a_reader_gets_the_records_of_its_range_and_their_offsets() {
        let mut log = Log::default();
        log.append(0, batch(0, 0, 3));
        log.append(0, batch(0, 3, 2));
        let offsets = |from, to| {
            let records = log.records(from, to).into_iter();
            records.map(|(offset, _)| offset).collect::<Vec<u64>>()
        };
        assert_eq!(offsets(1, 4), [1, 2, 3]);
        assert_eq!(offsets(4, 9), [4]);
        assert!(offsets(5, 9).is_empty() && offsets(2, 2).is_empty());
    }

    #[test]
    fn retention_deletes_from_the_front_by_age_or_size_below_the_high_watermark() {
        let log = |high_watermark| {
            let mut log = Log::default();
            for n in 0..4 {
                let mut aged = batch(0, n, 1);
                aged.records[0].event_time = EventTime::from_ms(i64::from(n) * 1_000);
                log.append(0, aged);
            }
            log.high_watermark = high_watermark;
            log
        };
        let (never, ms) = (EventTime::from_ms(i64::MIN), EventTime::from_ms);
        for (high_watermark, older_than, bytes_max, start) in [
            (4, never, None, None),
            (4, ms(2_000), None, Some(2)),
            (1, ms(2_000), None, Some(1)),
            (4, ms(9_000), None, Some(3)),
            (4, never, Some(2 * RECORD_BYTES), Some(2)),
            (4, never, Some(0), Some(3)),
        ] {
            let mut log = log(high_watermark);
            assert_eq!(log.delete_old(older_than, bytes_max), start);
            assert_eq!((log.start, log.end()), (start.unwrap_or(0), 4));
        }
    }
}
