//! What the settings of a scenario promise, and whether a run kept it.
//!
//! A promise is one that Kafka's documentation makes for these settings; a run that breaks one has left what it is made for,
//! such as the loss of power on all replicas. Anomalies that nobody promised against are no violations (`anomalies`).

use super::anomalies::{Anomaly, Class};
use crate::sim::engines::EngineKind;
use crate::sim::engines::consumer::Commit;
use crate::sim::kafka::protocol::{Acks, Isolation};
use crate::sim::ledger::{DupOrigin, LossOrigin};
use crate::sim::sinks::SinkKind;
use crate::sim::{Run, Scenario};

/// One promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// In words.
    pub says: &'static str,
    /// Because of these settings, as in a properties file.
    pub because: &'static str,
    /// How often the run broke it.
    pub broken: u32,
}

/// All promises of the settings, held against a run and its anomalies.
pub fn of(scenario: &Scenario, run: &Run, anomalies: &[Anomaly]) -> Vec<Promise> {
    let found = |class: Class| {
        let bad = |one: &&Anomaly| one.class == class && !one.legal;
        anomalies.iter().filter(bad).count() as u32
    };
    let lost = |why: LossOrigin| run.verdict.lost_by.get(&why).copied().unwrap_or(0);
    let doubled = |why: DupOrigin| run.verdict.dup_by.get(&why).copied().unwrap_or(0);
    let (producer, topic) = (&scenario.producer, &scenario.topic);
    let consumer = &scenario.engine.consumer;
    let consumes = scenario.engine.kind == EngineKind::Consumer;
    let reads_committed = consumes && consumer.isolation() == Isolation::ReadCommitted;
    let durable = producer.acks == Acks::All
        && topic.min_insync_replicas >= 2
        && topic.replication_factor >= 2
        && !topic.unclean_leader_election_enable;
    let output = &scenario.sink.kafka_topic;
    let promises = [
        (
            durable,
            "what is acknowledged outlives the loss of one broker",
            "acks=all, min.insync.replicas>=2",
            lost(LossOrigin::LeaderLoss),
        ),
        (
            producer.idempotence(),
            "repeats of a send are stored once and in order, as long as the process lives",
            "enable.idempotence=true",
            doubled(DupOrigin::ProducerRetry)
                + found(Class::NonmonotonicSend)
                + found(Class::IntNonmonotonicSend),
        ),
        (
            reads_committed,
            "no reader sees a record of an open or aborted transaction",
            "isolation.level=read_committed",
            found(Class::AbortedRead) + found(Class::PrecommittedRead),
        ),
        (
            consumes && consumer.commit == Commit::After && !consumer.auto_commit,
            "at least once: no record is passed over",
            "consumer.commit=after, enable.auto.commit=false",
            lost(LossOrigin::CommitFirst),
        ),
        (
            consumes && consumer.commit == Commit::Before && !consumer.auto_commit,
            "at most once: no record is worked on twice",
            "consumer.commit=before, enable.auto.commit=false",
            doubled(DupOrigin::OffsetReplay),
        ),
        (
            consumes
                && consumer.commit == Commit::Transaction
                && scenario.sink.kind == SinkKind::KafkaTopic
                && output.isolation == Isolation::ReadCommitted,
            "exactly once from topic to topic",
            "consumer.commit=transaction, output.isolation.level=read_committed",
            doubled(DupOrigin::OffsetReplay) + lost(LossOrigin::CommitFirst),
        ),
    ];
    let made = promises.into_iter().filter(|(made, ..)| *made);
    made.map(|(_, says, because, broken)| Promise {
        says,
        because,
        broken,
    })
    .collect()
}
