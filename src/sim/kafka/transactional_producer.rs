//! An application that writes in transactions of some records: everything of one becomes visible, or nothing.
//!
//! Mirrors: a loop of `beginTransaction`, `send`, `commitTransaction` around one `KafkaProducer`.
//! Simplified: what is not committed stays in the application's outbox on disk; after an abort of any kind the whole unit
//! is repeated, or written off; an instance that was fenced is closed and another one is started at once.

use super::config::{IdSuffix, OnAbort, OnFenced, ProducerConfig};
use super::partitioner::partition_for;
use super::protocol::{ErrorCode, Internal, Message};
use super::transactional::{Client, News, Settings, TICK};
use crate::sim::kernel::{Context, HostId, Program, Span, Time};
use crate::sim::message;
use crate::sim::ordered::OrdMap;
use crate::sim::trace::Fact;
use crate::sim::workload::{RECORD_BYTES, Record};
use std::collections::VecDeque;

/// The application's configuration.
#[derive(Clone)]
pub struct TransactionalProducer {
    pub config: ProducerConfig,
    /// Counted from 1.
    pub instance: u8,
    /// `transaction.version`
    pub version: u8,
    pub partitions: u16,
    pub brokers: Vec<HostId>,
    pub leaders: Vec<Option<HostId>>,
    pub internal: Internal,
}

/// Records that are not committed yet, oldest first.
#[derive(Clone, Default)]
pub struct Disk {
    outbox: OrdMap<u64, Record>,
    written: u64,
}

#[derive(Clone)]
pub struct Memory {
    client: Client,
    backlog: VecDeque<(u64, Record)>,
    /// Of the transaction that is open.
    current: Vec<(u64, Record)>,
    began: Time,
    /// The application will give up the transaction that is open.
    gives_up: bool,
    /// It has ended: it was refused at its start, or fenced.
    ended: bool,
}

impl Memory {
    pub fn is_idle(&self) -> bool {
        self.ended || (self.backlog.is_empty() && self.current.is_empty())
    }
}

impl Program for TransactionalProducer {
    type Disk = Disk;
    type Memory = Memory;

    fn boot(&self, disk: &mut Disk, cx: &mut Context) -> Memory {
        let config = &self.config;
        let name = config.transactional_id.clone().unwrap_or_default();
        let id = match config.transactional_id_suffix {
            IdSuffix::None => name,
            // Instances share no pod name either.
            IdSuffix::Random if self.instance == 1 => format!("{name}-{}", cx.incarnation()),
            IdSuffix::Random => format!("{name}-{}-{}", self.instance, cx.incarnation()),
            IdSuffix::Instance => format!("{name}-{}", self.instance),
        };
        let settings = Settings {
            id: Some(id),
            timeout: Span::from_ms(config.transaction_timeout_ms),
            version: self.version,
            linger: Span::from_ms(config.linger_ms),
            batch: (config.batch_size() / RECORD_BYTES).max(1) as usize,
            request_timeout: Span::from_ms(config.request_timeout_ms()),
            delivery_timeout: Span::from_ms(config.delivery_timeout_ms()),
            backoff: Span::from_ms(config.retry_backoff_ms),
            brokers: self.brokers.clone(),
            internal: self.internal,
        };
        if !disk.outbox.is_empty() {
            let origins = disk.outbox.values().map(|record| record.origin).collect();
            cx.note(Fact::Resent { origins });
        }
        let held = disk.outbox.iter().map(|(&n, record)| (n, record.clone()));
        cx.after(Span::ZERO, Message::Send);
        Memory {
            client: Client::new(settings, self.leaders.clone()),
            backlog: held.collect(),
            current: Vec::new(),
            began: cx.now(),
            gives_up: false,
            ended: false,
        }
    }

    fn on_message(
        &self,
        disk: &mut Disk,
        memory: &mut Memory,
        from: HostId,
        message: message::Message,
        cx: &mut Context,
    ) {
        let news = match message {
            message::Message::Order(record) => {
                let number = disk.written;
                disk.written += 1;
                disk.outbox.insert(number, record.clone());
                memory.backlog.push_back((number, record));
                None
            }
            message::Message::Disconnected => {
                memory.client.on_disconnected(from, cx);
                None
            }
            message::Message::GiveUp => {
                memory.gives_up = true;
                None
            }
            message::Message::Kafka(Message::Send) => {
                memory.client.refresh(cx);
                self.step(disk, memory, cx);
                cx.because(None);
                cx.after(TICK, Message::Send);
                return;
            }
            message::Message::Kafka(message) => memory.client.on_kafka(from, message, cx),
            _ => None,
        };
        self.hear(disk, memory, news, cx);
        self.step(disk, memory, cx);
    }
}

impl TransactionalProducer {
    fn hear(&self, disk: &mut Disk, memory: &mut Memory, news: Option<News>, cx: &mut Context) {
        match news {
            None => {}
            // Everything is sent, and the application decides against it.
            Some(News::Flushed) => {
                memory.gives_up = false;
                memory.client.abort();
            }
            Some(News::Ended { commit: true }) => {
                for (number, _) in memory.current.drain(..) {
                    disk.outbox.remove(&number);
                }
            }
            Some(News::Ended { commit: false }) => self.again(disk, memory, cx),
            Some(News::MustAbort(_)) => memory.client.abort(),
            Some(News::Fatal(ErrorCode::InvalidTransactionTimeout)) => {
                let text = "InvalidTxnTimeoutException: transaction.timeout.ms is above the broker's transaction.max.timeout.ms";
                cx.note_setting("transaction.timeout.ms", Fact::Noted { text: text.into() });
                memory.ended = true;
            }
            Some(News::Fatal(_)) if self.config.transaction_on_fenced == OnFenced::Stop => {
                let text = "ProducerFencedException: the application ends";
                cx.note_setting("transaction.on.fenced", Fact::Noted { text: text.into() });
                memory.ended = true;
            }
            Some(News::Fatal(_)) => {
                memory.client = memory.client.renewed();
                self.again(disk, memory, cx);
            }
        }
    }

    /// The whole unit goes to the front again, or is written off.
    fn again(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        if self.config.transaction_on_abort == OnAbort::Repeat {
            for unit in memory.current.drain(..).rev() {
                memory.backlog.push_front(unit);
            }
            return;
        }
        let origins = memory.current.iter().map(|(_, record)| record.origin);
        cx.note_setting(
            "transaction.on.abort",
            Fact::UnitDropped {
                id: memory.client.settings.id.clone().unwrap_or_default(),
                origins: origins.collect(),
            },
        );
        for (number, _) in memory.current.drain(..) {
            disk.outbox.remove(&number);
        }
    }

    fn step(&self, disk: &mut Disk, memory: &mut Memory, cx: &mut Context) {
        if memory.client.is_ready() && memory.current.is_empty() && !memory.backlog.is_empty() {
            memory.client.begin(cx);
            memory.began = cx.now();
        }
        let most = self.config.transaction_records as usize;
        while memory.client.is_open()
            && memory.current.len() < most
            && let Some((number, record)) = memory.backlog.pop_front()
        {
            let key = record.key.0.to_string();
            let partition = partition_for(key.as_bytes(), self.partitions);
            memory.client.send(partition, record.clone(), cx);
            memory.current.push((number, record));
        }
        let full = memory.current.len() == most;
        let long = cx.now().since(memory.began) >= Span::from_ms(self.config.transaction_ms);
        if memory.client.is_open() && (full || long) {
            if memory.gives_up {
                memory.client.flush();
            } else {
                memory.client.commit();
            }
        }
        let news = memory.client.run(cx);
        if news.is_some() {
            self.hear(disk, memory, news, cx);
        }
    }
}
