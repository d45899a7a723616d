//! The Kafka sink of one task: a plain producer, or one transaction a checkpoint.
//!
//! Mirrors: `KafkaWriter`, `ExactlyOnceKafkaWriter`, `KafkaCommitter`, `TransactionNamingStrategy.INCREMENTING` with
//! `TransactionAbortStrategyImpl.PROBING`, `FlinkKafkaInternalProducer`.
//! Simplified: a task that is cancelled leaves its open transaction to the next attempt, which ends it.

use super::DeliveryGuarantee;
use super::storage::{Committable, Prepared};
use crate::sim::kafka::protocol::{ErrorCode, Message as Kafka, PartitionId};
use crate::sim::kafka::transactional::{Client, News};
use crate::sim::kernel::{Context, HostId};
use crate::sim::ordered::OrdMap;
use crate::sim::origin::Origin;
use crate::sim::trace::Source;
use crate::sim::workload::Record;

/// What the task hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkNews {
    /// The writer cannot go on.
    Failed(ErrorCode),
    Committed,
    /// The coordinator will never commit it: a *known* failure, which the connector only logs and counts.
    Refused(ErrorCode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Ids of the prefix that an earlier attempt may have left open are taken over, which aborts what is open.
    Probing,
    Starting,
    Open,
    Flushing,
    Flushed,
}

/// The writer and the committer of one task.
#[derive(Clone, Debug)]
pub struct KafkaSink {
    guarantee: DeliveryGuarantee,
    /// Prefix and number of the task.
    name: String,
    phase: Phase,
    /// The number in the transactional id in hand.
    number: u64,
    /// The checkpoint that this attempt started from.
    restored: u64,
    current: Client,
    /// In the transaction in hand.
    written: Vec<(Origin, Source)>,
    /// Clients of transactions that are flushed, by their ids.
    flushed: OrdMap<String, Client>,
    committing: Option<Client>,
}

impl KafkaSink {
    /// `former` is any client of this process, which names of batches go on from.
    pub fn new(guarantee: DeliveryGuarantee, name: String, restored: u64, former: &Client) -> Self {
        let mut sink = KafkaSink {
            guarantee,
            name,
            phase: Phase::Starting,
            number: restored + 1,
            restored,
            current: former.successor(None),
            written: Vec::new(),
            flushed: OrdMap::new(),
            committing: None,
        };
        if guarantee == DeliveryGuarantee::ExactlyOnce {
            sink.open(Phase::Probing, restored + 1);
        }
        sink
    }

    fn open(&mut self, phase: Phase, number: u64) {
        self.phase = phase;
        self.number = number;
        let id = format!("{}-{number}", self.name);
        self.current = self.current.successor(Some(id));
    }

    /// Any client, for the next attempt to go on from.
    pub fn client(&self) -> &Client {
        &self.current
    }

    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub fn is_flushed(&self) -> bool {
        self.phase == Phase::Flushed
    }

    /// Whether nothing is on its way, or waits for a checkpoint.
    pub fn is_quiet(&self, durable: bool) -> bool {
        let waits = durable && self.guarantee == DeliveryGuarantee::ExactlyOnce;
        self.current.is_sent() && (self.written.is_empty() || !waits)
    }

    pub fn write(&mut self, to: PartitionId, source: Source, record: Record, cx: &Context) {
        self.written.push((record.origin, source));
        self.current.send(to, record, cx);
    }

    /// Before a barrier goes on: everything is sent, and acknowledged.
    pub fn flush(&mut self) {
        if self.guarantee == DeliveryGuarantee::None {
            self.phase = Phase::Flushed;
        } else {
            self.current.flush();
            self.phase = Phase::Flushing;
        }
    }

    /// What checkpoint `checkpoint` holds of the transaction in hand; the next one is begun.
    pub fn prepare(&mut self, checkpoint: u64) -> Option<Committable> {
        let origins = std::mem::take(&mut self.written);
        match self.guarantee {
            DeliveryGuarantee::None => {
                self.phase = Phase::Open;
                None
            }
            DeliveryGuarantee::AtLeastOnce => {
                self.phase = Phase::Starting;
                None
            }
            DeliveryGuarantee::ExactlyOnce => {
                let client = self.current.clone();
                let transaction = format!("{}-{}", self.name, self.number);
                self.open(Phase::Starting, checkpoint + 1);
                if origins.is_empty() {
                    return None;
                }
                let what = Prepared::Producer(client.identity());
                self.flushed.insert(transaction.clone(), client);
                Some(Committable {
                    checkpoint,
                    transaction,
                    origins,
                    what,
                })
            }
        }
    }

    pub fn commit(&mut self, committable: &Committable) {
        let Prepared::Producer(identity) = committable.what else {
            return;
        };
        let id = &committable.transaction;
        self.committing = Some(match self.flushed.remove(id) {
            Some(mut client) => {
                client.commit();
                client
            }
            None => self.current.resumed(id.clone(), identity),
        });
    }

    /// Does what can be done now. The next transaction does not begin before the restored ones are committed (`may_start`).
    pub fn run(&mut self, may_start: bool, cx: &mut Context) -> Option<SinkNews> {
        if let Some(client) = &mut self.committing
            && let Some(news) = client.run(cx)
        {
            return self.hear_commit(news);
        }
        if !may_start || self.phase == Phase::Flushed {
            return None;
        }
        if self.current.is_ready() {
            match self.phase {
                Phase::Probing if self.current.identity().1 > 0 => {
                    self.open(Phase::Probing, self.number + 1);
                }
                // Nobody ever used this id: there is nothing open behind it.
                Phase::Probing => self.open(Phase::Starting, self.restored + 1),
                _ => {
                    self.current.begin(cx);
                    self.phase = Phase::Open;
                }
            }
        }
        let news = self.current.run(cx);
        news.and_then(|news| self.hear(news))
    }

    pub fn refresh(&mut self, cx: &mut Context) {
        self.current.refresh(cx);
        if let Some(client) = &mut self.committing {
            client.refresh(cx);
        }
    }

    pub fn on_disconnected(&mut self, broker: HostId, cx: &Context) {
        self.current.on_disconnected(broker, cx);
        if let Some(client) = &mut self.committing {
            client.on_disconnected(broker, cx);
        }
    }

    pub fn on_kafka(&mut self, from: HostId, message: Kafka, cx: &mut Context) -> Option<SinkNews> {
        // Answers of coordinators name nobody: they belong to the only one who can have asked.
        let to_committer = matches!(
            message,
            Kafka::EndTxnResponse { .. } | Kafka::Metadata { .. }
        );
        if to_committer && let Some(client) = &mut self.committing {
            if let Some(news) = client.on_kafka(from, message.clone(), cx) {
                return self.hear_commit(news);
            }
            if matches!(message, Kafka::EndTxnResponse { .. }) {
                return None;
            }
        }
        let news = self.current.on_kafka(from, message, cx);
        news.and_then(|news| self.hear(news))
    }

    fn hear(&mut self, news: News) -> Option<SinkNews> {
        match news {
            News::Flushed => {
                self.phase = Phase::Flushed;
                None
            }
            News::Ended { .. } => None,
            News::MustAbort(error) | News::Fatal(error) => Some(SinkNews::Failed(error)),
        }
    }

    fn hear_commit(&mut self, news: News) -> Option<SinkNews> {
        match news {
            News::Flushed => None,
            News::Ended { .. } => {
                self.committing = None;
                Some(SinkNews::Committed)
            }
            News::MustAbort(error) | News::Fatal(error) => {
                self.committing = None;
                let known = matches!(
                    error,
                    ErrorCode::ProducerFenced
                        | ErrorCode::InvalidProducerEpoch
                        | ErrorCode::InvalidTxnState
                );
                Some(if known {
                    SinkNews::Refused(error)
                } else {
                    SinkNews::Failed(error)
                })
            }
        }
    }
}
