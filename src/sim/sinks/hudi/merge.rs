//! Which of two rows of one key survives, and what files say when they are read together.
//!
//! Mirrors: `BufferedRecordMergerFactory`, `HoodieWriteHelper.reduceRecordsInternal`, `HoodieMergeHandle`, and the merge of
//! log files at read and in compaction. All four places go by the same rule.

use super::super::super::store::Objects;
use super::rows_at;
use crate::sim::trace::Row;
use std::borrow::Cow;

/// A field that `hoodie.table.ordering.fields` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderingField {
    /// The event time in ms.
    EventTs,
    /// The event time in whole seconds: versions of one second tie.
    EventSecond,
    /// The source's own sequence number.
    Seq,
}

impl OrderingField {
    pub const ALL: [OrderingField; 3] = [
        OrderingField::EventTs,
        OrderingField::EventSecond,
        OrderingField::Seq,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            OrderingField::EventTs => "event_ts",
            OrderingField::EventSecond => "event_second",
            OrderingField::Seq => "seq",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    fn of(self, row: &Row) -> i64 {
        match self {
            OrderingField::EventTs => row.event_time.ms(),
            OrderingField::EventSecond => row.event_time.ms().div_euclid(1000),
            OrderingField::Seq => row.version.seq.into(),
        }
    }
}

/// The merge mode with its ordering fields: none is commit-time ordering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    pub fields: Vec<OrderingField>,
}

impl Rule {
    fn values(&self, row: &Row) -> Vec<i64> {
        self.fields.iter().map(|field| field.of(row)).collect()
    }

    /// Whether two rows of one batch leave it open which of them is the newer one.
    pub fn ties(&self, one: &Row, other: &Row) -> bool {
        self.values(one) == self.values(other)
    }

    /// Whether a row that is written later takes the place of an earlier one. A tie goes to the later write.
    pub fn replaces(&self, later: &Row, earlier: &Row) -> bool {
        // A delete without an ordering value wins over any row, and any later row over it.
        if is_unordered(later) || is_unordered(earlier) {
            return true;
        }
        self.values(later) >= self.values(earlier)
    }
}

/// Whether a row is a delete that carries no ordering value: that of the operation `delete`, or of a row that moved.
pub fn is_unordered(row: &Row) -> bool {
    row.is_tombstone() && row.origins.is_empty()
}

/// A delete of a key without an ordering value.
pub fn tombstone(row: &Row) -> Row {
    let mut tombstone = Row {
        record_key: row.record_key.clone(),
        ..Row::default()
    };
    tombstone.version.status = crate::sim::workload::Status::Cancelled;
    tombstone
}

/// A file group as a reader finds it: its base file, and the log files on top of it in the order of their commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub base: Option<String>,
    pub logs: Vec<String>,
}

impl View {
    /// All rows and deletes in the files, for the index.
    pub fn entries<'a>(&'a self, objects: &'a Objects) -> impl Iterator<Item = &'a Row> {
        let files = self.base.iter().chain(&self.logs);
        files.flat_map(|path| rows_at(objects, path))
    }

    /// What a snapshot query reads.
    pub fn rows<'a>(&self, objects: &'a Objects, rule: &Rule) -> Cow<'a, [Row]> {
        let base = self.base_rows(objects);
        if self.logs.is_empty() {
            return base.into();
        }
        let mut rows = base.to_vec();
        for row in self.logs.iter().flat_map(|path| rows_at(objects, path)) {
            let keys = |other: &&mut Row| other.record_key == row.record_key;
            match rows.iter_mut().find(keys) {
                Some(earlier) if rule.replaces(row, earlier) => *earlier = row.clone(),
                Some(_) => {}
                None => rows.push(row.clone()),
            }
        }
        rows.retain(|row| !row.is_tombstone());
        rows.into()
    }

    /// What a read-optimized query reads.
    pub fn base_rows<'a>(&self, objects: &'a Objects) -> &'a [Row] {
        self.base
            .as_ref()
            .map_or(&[], |path| rows_at(objects, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::EventTime;
    use crate::sim::origin::Origin;
    use crate::sim::trace::Source;
    use crate::sim::workload::Status;

    fn row(ms: i64, seq: u32, status: Status) -> Row {
        let mut row = Row {
            event_time: EventTime::from_ms(ms),
            origins: vec![(
                Origin::nth(1),
                Source {
                    partition: crate::sim::kafka::protocol::PartitionId(0),
                    offset: 0,
                },
            )],
            ..Row::default()
        };
        row.version.seq = seq;
        row.version.status = status;
        row
    }

    /// (later, earlier) by event time and sequence, and whether the later write wins.
    #[test]
    fn the_larger_ordering_value_wins_and_a_tie_goes_to_the_later_write() {
        use OrderingField::{EventSecond, EventTs, Seq};
        for (fields, later, earlier, wins) in [
            (&[][..], (10, 1), (20, 2), true),
            (&[EventTs], (10, 1), (20, 2), false),
            (&[EventTs], (20, 1), (20, 2), true),
            (&[EventSecond], (10, 1), (20, 2), true),
            (&[EventSecond], (10, 1), (1_020, 2), false),
            (&[EventSecond, Seq], (10, 1), (20, 2), false),
            (&[EventSecond, Seq], (10, 3), (20, 2), true),
        ] {
            let rule = Rule {
                fields: fields.to_vec(),
            };
            let row = |(ms, seq)| row(ms, seq, Status::Paid);
            assert_eq!(
                rule.replaces(&row(later), &row(earlier)),
                wins,
                "{fields:?}: {later:?} over {earlier:?}"
            );
        }
    }

    #[test]
    fn a_delete_with_an_ordering_value_is_compared_and_one_without_wins_and_loses() {
        let rule = Rule {
            fields: vec![OrderingField::EventTs],
        };
        let ordered = row(10, 1, Status::Cancelled);
        let newer = row(20, 2, Status::Paid);
        assert!(!rule.replaces(&ordered, &newer));
        assert!(rule.replaces(&newer, &ordered));
        assert!(!rule.replaces(&row(5, 0, Status::Created), &ordered));
        let unordered = tombstone(&newer);
        assert!(rule.replaces(&unordered, &newer));
        assert!(
            rule.replaces(&row(5, 0, Status::Created), &unordered),
            "an old event brings the key back"
        );
    }
}
