//! The audit reader: it reads the output topic from its beginning and tells what it sees.
//!
//! Mirrors: a `KafkaConsumer` with `assign()`, `seekToBeginning()` and an `isolation.level`.
//! Simplified: it never fails, asks every 50 ms, and works on nothing.

use super::super::super::kafka::protocol::{Isolation, Message as Kafka, PartitionId};
use super::super::super::trace::{Fact, Row, SegmentId, Source};
use super::Message;
use crate::sim::kernel::{Context, HostId, Program, Span};
use crate::sim::message;
use crate::sim::ordered::{OrdMap, OrdSet};

const TICK: Span = Span::from_ms(50);

/// The reader's configuration.
#[derive(Clone)]
pub struct Reader {
    pub segment: SegmentId,
    pub isolation: Isolation,
    pub partitions: Vec<PartitionId>,
    pub brokers: Vec<HostId>,
    pub leaders: Vec<Option<HostId>>,
}

#[derive(Clone)]
pub struct Memory {
    leaders: Vec<Option<HostId>>,
    positions: OrdMap<PartitionId, u64>,
    asking: OrdSet<PartitionId>,
    ticks: usize,
    rows: u64,
}

impl Program for Reader {
    type Disk = ();
    type Memory = Memory;

    fn boot(&self, (): &mut (), cx: &mut Context) -> Memory {
        cx.after(TICK, Message::Tick);
        Memory {
            leaders: self.leaders.clone(),
            positions: self.partitions.iter().map(|&p| (p, 0)).collect(),
            asking: OrdSet::new(),
            ticks: 0,
            rows: 0,
        }
    }

    fn on_message(
        &self,
        (): &mut (),
        memory: &mut Memory,
        from: HostId,
        message: message::Message,
        cx: &mut Context,
    ) {
        match message {
            message::Message::Consumer(Message::Tick) => {
                memory.ticks += 1;
                if memory.leaders.iter().any(Option::is_none) {
                    let next = memory.ticks % self.brokers.len();
                    cx.send(self.brokers[next], Kafka::MetadataRequest);
                }
                self.read(memory, cx);
                cx.after(TICK, Message::Tick);
            }
            message::Message::Kafka(Kafka::Metadata { leaders }) => memory.leaders = leaders,
            message::Message::Kafka(Kafka::ReadResponse {
                partition,
                offset,
                next,
                result,
            }) => {
                memory.asking.remove(&partition);
                let position = memory.positions.entry(partition).or_insert(0);
                let Ok(records) = result else {
                    memory.leaders[usize::from(partition.0)] = None;
                    return;
                };
                // Without news it asks again at the next tick.
                if *position != offset || next == offset {
                    return;
                }
                *position = next;
                let mut rows = Vec::new();
                for (offset, record) in records {
                    memory.rows += 1;
                    let source = Source { partition, offset };
                    rows.push(Row {
                        row: memory.rows,
                        ..Row::of(&record, source, record.value.order_id.to_string())
                    });
                }
                if !rows.is_empty() {
                    cx.note(Fact::BecameVisible {
                        segment: self.segment,
                        instant: cx.now(),
                        batch: 0,
                        rows,
                    });
                }
                self.read(memory, cx);
            }
            message::Message::Disconnected => {
                memory.asking.clear();
                for leader in memory.leaders.iter_mut().filter(|l| **l == Some(from)) {
                    *leader = None;
                }
            }
            _ => {}
        }
    }
}

impl Reader {
    fn read(&self, memory: &mut Memory, cx: &mut Context) {
        for (&partition, &offset) in &memory.positions {
            if let Some(leader) = memory.leaders[usize::from(partition.0)]
                && memory.asking.insert(partition)
            {
                cx.send(
                    leader,
                    Kafka::Read {
                        partition,
                        offset,
                        limit: u64::MAX,
                        isolation: self.isolation,
                    },
                );
            }
        }
    }
}
