//! What the real systems' own metrics would show: before a fault, and after it.
//!
//! Only such metrics as the trace gives truthfully, each with the class that keeps it in the real system. Rates and gauges that
//! depend on a sampling interval are left out, and so is everything about bytes, which the model has not.

use super::explain::strike;
use crate::sim::engines::EngineKind;
use crate::sim::kafka::protocol::{BatchName, PartitionId};
use crate::sim::kernel::{HostId, Time};
use crate::sim::ordered::OrdMap;
use crate::sim::trace::{Fact, FactId, SegmentId, Trace, TraceEvent};
use crate::sim::{Scenario, cast};

/// A metric of a real system.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub system: &'static str,
    /// Where it comes from, and what is summed here.
    pub source: &'static str,
}

macro_rules! metrics {
    ($( $id:ident: $system:literal, $name:literal, $source:literal; )*) => {
        #[derive(Clone, Copy)]
        enum Id { $( $id ),* }
        pub const METRICS: &[Metric] = &[ $( Metric { name: $name, system: $system, source: $source } ),* ];
    };
}

metrics! {
    Sent: "Kafka producer", "record-send-total", "SenderMetricsRegistry, producer-metrics: every attempt counts; all clients";
    Retried: "Kafka producer", "record-retry-total", "SenderMetricsRegistry, producer-metrics; all clients";
    Errors: "Kafka producer", "record-error-total", "SenderMetricsRegistry, producer-metrics; all clients";
    MessagesIn: "Kafka broker", "MessagesInPerSec Count", "BrokerTopicMetrics, of this topic; all brokers";
    FailedProduce: "Kafka broker", "FailedProduceRequestsPerSec Count", "BrokerTopicMetrics, of this topic; all brokers";
    UnderReplicated: "Kafka broker", "UnderReplicatedPartitions", "ReplicaManager, by the in-sync sets last announced; all brokers";
    UnderMinIsr: "Kafka broker", "UnderMinIsrPartitionCount", "ReplicaManager, by the in-sync sets last announced; all brokers";
    Offline: "Kafka controller", "OfflinePartitionsCount", "KafkaController";
    Shrinks: "Kafka broker", "IsrShrinksPerSec Count", "ReplicaManager; all brokers";
    Expands: "Kafka broker", "IsrExpandsPerSec Count", "ReplicaManager; all brokers";
    Consumed: "Kafka consumer", "records-consumed-total", "FetchMetricsRegistry, consumer-fetch-manager-metrics; all members";
    Commits: "Kafka consumer", "commit-total", "ConsumerCoordinator, consumer-coordinator-metrics; all members";
    Rebalances: "Kafka consumer", "rebalance-total", "AbstractCoordinator, consumer-coordinator-metrics; all members";
    SparkBatch: "Spark", "batchId", "StreamingQueryProgress, the last committed batch of the main query";
    SparkRows: "Spark", "numInputRows", "StreamingQueryProgress, of that batch";
    SparkLate: "Spark", "numRowsDroppedByWatermark", "StateOperatorProgress, summed over batches and queries";
    SparkState: "Spark", "numRowsTotal", "StateOperatorProgress, the newest batch of every query";
    FlinkIn: "Flink", "numRecordsIn", "SourceReaderMetricGroup, records the source has handed on, those read again too";
    FlinkLate: "Flink", "numLateRecordsDropped", "WindowOperator; all tasks";
    FlinkCompleted: "Flink", "numberOfCompletedCheckpoints", "CheckpointStatsTracker";
    FlinkFailed: "Flink", "numberOfFailedCheckpoints", "CheckpointStatsTracker";
    FlinkRestarts: "Flink", "numRestarts", "NumberOfFullRestartsGauge";
    HudiRollback: "Hudi", "rollback.numFilesDeleted", "HoodieMetrics.updateRollbackMetrics, of the newest rollback";
    HudiClean: "Hudi", "clean.numFilesDeleted", "HoodieMetrics.updateCleanMetrics, of the newest cleaning";
}

/// One line of a card.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub metric: &'static Metric,
    pub was: i64,
    pub now: i64,
    /// The fact that moved it first after the fault.
    pub moved: FactId,
}

/// What a fault did to the metrics: from the moment it struck to the next fault, or as far as is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    pub fault: String,
    pub at: Time,
    /// Another fault struck then; what came after it is not told here.
    pub until: Option<Time>,
    pub rows: Vec<Row>,
}

impl Card {
    /// None if the fault has not struck by `until`.
    pub fn of(scenario: &Scenario, trace: &Trace, fault: &str, until: Time) -> Option<Card> {
        let (at, _) = strike(trace, fault).filter(|&(at, _)| at <= until)?;
        let struck = |event: &TraceEvent| matches!(event.fact, Fact::Injected { .. });
        let named = |event: &TraceEvent| matches!(&event.fact, Fact::Injected { fault: n } if trace.cast.faults[usize::from(*n)] == fault);
        let first = trace.events.iter().position(named)?;
        let mut meters = Meters::new(scenario);
        for event in &trace.events[..first] {
            meters.fold(event);
        }
        let was = meters.values;
        let mut moved = [None; METRICS.len()];
        let mut next = None;
        for (index, event) in trace.events.iter().enumerate().skip(first) {
            if event.at > until {
                break;
            }
            if struck(event) && event.at > at {
                next = Some(event.at);
                break;
            }
            let before = meters.values;
            meters.fold(event);
            for (place, moved) in moved.iter_mut().enumerate() {
                if meters.values[place] != before[place] {
                    moved.get_or_insert(FactId(index as u32));
                }
            }
        }
        let row = |(place, metric): (usize, &'static Metric)| {
            let (was, now) = (was[place], meters.values[place]);
            let moved = moved[place].filter(|_| was != now)?;
            Some(Row {
                metric,
                was,
                now,
                moved,
            })
        };
        let rows = METRICS.iter().enumerate().filter_map(row);
        // What moved through trouble comes before what would have moved anyway.
        let (routine, mut rows): (Vec<Row>, Vec<Row>) =
            rows.partition(|row| is_routine(row.metric.name));
        rows.extend(routine);
        Some(Card {
            fault: fault.to_string(),
            at,
            until: next,
            rows,
        })
    }
}

/// Whether a metric grows in a run without faults as well.
fn is_routine(name: &str) -> bool {
    [
        "record-send-total",
        "MessagesInPerSec Count",
        "records-consumed-total",
        "commit-total",
        "batchId",
        "numInputRows",
        "numRowsTotal",
        "numRecordsIn",
        "numberOfCompletedCheckpoints",
        "clean.numFilesDeleted",
    ]
    .contains(&name)
}

struct Meters {
    values: [i64; METRICS.len()],
    partitions: u16,
    replicas: usize,
    min_isr: usize,
    /// How many records a batch has.
    batches: OrdMap<BatchName, i64>,
    isr: OrdMap<PartitionId, usize>,
    offline: OrdMap<PartitionId, bool>,
    planned: OrdMap<u64, i64>,
    state: OrdMap<(SegmentId, String), i64>,
    flink: bool,
    producers: Vec<HostId>,
}

impl Meters {
    fn new(scenario: &Scenario) -> Self {
        let cast = cast(scenario);
        let is_producer = |name: &&String| {
            name.strip_prefix('p')
                .is_some_and(|n| n.parse::<u8>().is_ok())
        };
        let producers = cast.hosts.iter().filter(is_producer);
        let producers = producers.filter_map(|name| cast.find(name)).collect();
        let replicas = usize::from(scenario.topic.replication_factor);
        let mut values = [0; METRICS.len()];
        // No batch is committed before batch 0.
        values[Id::SparkBatch as usize] = -1;
        Meters {
            values,
            partitions: scenario.topic.partitions,
            replicas,
            min_isr: usize::from(scenario.topic.min_insync_replicas),
            batches: OrdMap::new(),
            isr: (0..scenario.topic.partitions)
                .map(|n| (PartitionId(n), replicas))
                .collect(),
            offline: OrdMap::new(),
            planned: OrdMap::new(),
            state: OrdMap::new(),
            flink: scenario.engine.kind == EngineKind::Flink,
            producers,
        }
    }

    fn add(&mut self, id: Id, by: usize) {
        self.values[id as usize] += by as i64;
    }

    fn set(&mut self, id: Id, value: i64) {
        self.values[id as usize] = value;
    }

    /// Only the topic's own partitions count, and not those of coordinators or outputs.
    fn is_own(&self, partition: PartitionId) -> bool {
        partition.0 < self.partitions
    }

    fn fold(&mut self, event: &TraceEvent) {
        match &event.fact {
            Fact::BatchSent { batch, origins, .. } if self.producers.contains(&event.host) => {
                self.batches.insert(*batch, origins.len() as i64);
                self.add(Id::Sent, origins.len());
            }
            Fact::AttemptFailed { batch, .. } => {
                let records = self.batches.get(batch).copied().unwrap_or(0);
                self.add(Id::Retried, records as usize);
            }
            Fact::SendFailed { origins, .. } if self.producers.contains(&event.host) => {
                self.add(Id::Errors, origins.len());
            }
            Fact::BatchAppended { batch, origins, .. } if self.is_own(batch.partition) => {
                self.add(Id::MessagesIn, origins.len());
            }
            Fact::BatchRejected { batch, .. } if self.is_own(batch.partition) => {
                self.add(Id::FailedProduce, 1);
            }
            Fact::IsrChanged { partition, isr } if self.is_own(*partition) => {
                let before = self.isr.insert(*partition, isr.len()).unwrap_or(0);
                match isr.len().cmp(&before) {
                    std::cmp::Ordering::Less => self.add(Id::Shrinks, 1),
                    std::cmp::Ordering::Greater => self.add(Id::Expands, 1),
                    std::cmp::Ordering::Equal => {}
                }
                let below = |least: usize| self.isr.values().filter(|n| **n < least).count() as i64;
                let (replicated, minimum) = (below(self.replicas), below(self.min_isr));
                self.set(Id::UnderReplicated, replicated);
                self.set(Id::UnderMinIsr, minimum);
            }
            Fact::PartitionOffline { partition } if self.is_own(*partition) => {
                self.offline.insert(*partition, true);
                self.set(Id::Offline, self.offline.values().count() as i64);
            }
            Fact::LeaderElected { partition, .. } => {
                self.offline.remove(partition);
                self.set(Id::Offline, self.offline.values().count() as i64);
            }
            Fact::Polled { origins, .. } => self.add(Id::Consumed, origins.len()),
            Fact::OffsetsCommitted { .. } => self.add(Id::Commits, 1),
            Fact::Assigned { .. } => self.add(Id::Rebalances, 1),
            Fact::OffsetsLogged {
                segment: SegmentId::MAIN,
                batch,
                ranges,
                ..
            } => {
                let rows: u64 = ranges.iter().map(|range| range.end - range.start).sum();
                self.planned.insert(*batch, rows as i64);
            }
            Fact::BatchCommitted {
                segment: SegmentId::MAIN,
                batch,
                ..
            } => {
                self.set(Id::SparkBatch, *batch as i64);
                let rows = self.planned.get(batch).copied().unwrap_or(0);
                self.set(Id::SparkRows, rows);
            }
            Fact::OperatorProgressed {
                segment,
                operator,
                metrics,
                ..
            } => {
                self.add(Id::SparkLate, metrics.dropped_by_watermark as usize);
                let key = (*segment, operator.clone());
                self.state.insert(key, metrics.rows as i64);
                self.set(Id::SparkState, self.state.values().sum());
            }
            Fact::SourceRead { origins, .. } => self.add(Id::FlinkIn, origins.len()),
            Fact::DroppedLate { origins, .. } if self.flink => {
                self.add(Id::FlinkLate, origins.len());
            }
            Fact::CheckpointCompleted { .. } => self.add(Id::FlinkCompleted, 1),
            Fact::CheckpointFailed { .. } => self.add(Id::FlinkFailed, 1),
            Fact::JobStarted { attempt, .. } if *attempt > 1 => self.add(Id::FlinkRestarts, 1),
            Fact::RolledBack { files, .. } => self.set(Id::HudiRollback, i64::from(*files)),
            Fact::Cleaned { files, .. } => self.set(Id::HudiClean, i64::from(*files)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Keep, Patch, Run, Simulation, catalog};

    fn run(id: &str, patch: &str) -> (Scenario, Run) {
        let scenario = catalog::find(id).expect("a preset").scenario();
        let patch = Patch::parse(patch).expect("a patch");
        let scenario = scenario.patched(&patch).expect("valid");
        let run = Simulation::run(&scenario, Keep::Trace);
        (scenario, run)
    }

    fn card(scenario: &Scenario, run: &Run, until: Time) -> Option<Card> {
        let fault = scenario.faults.keys().next().expect("there is a fault");
        Card::of(scenario, run.trace.as_ref().expect("kept"), fault, until)
    }

    fn row<'a>(card: &'a Card, name: &str) -> Option<&'a Row> {
        card.rows.iter().find(|row| row.metric.name == name)
    }

    /// Read off `tests/golden/order-billing.trace`: the fault strikes at 3.109701 after 17 sends, fact 202 is the failed
    /// attempt, and fact 213 the second send of the same order.
    #[test]
    fn a_lost_acknowledgement_is_a_retry_in_the_producers_metrics() {
        let (scenario, run) = run(catalog::OPENING, "{}");
        assert_eq!(card(&scenario, &run, Time::from_ms(3_109)), None, "not yet");
        let soon = card(&scenario, &run, Time::from_ms(3_210)).expect("it has struck");
        assert_eq!(soon.at, Time::from_micros(3_109_701));
        let retried = row(&soon, "record-retry-total").expect("it moved");
        assert_eq!(
            (retried.was, retried.now, retried.moved),
            (0, 1, FactId(202))
        );
        let sent = row(&soon, "record-send-total").expect("it moved");
        assert_eq!((sent.was, sent.now, sent.moved), (17, 18, FactId(213)));
        assert_eq!(
            soon.rows[0].metric.name, "record-retry-total",
            "first what the fault did"
        );
        assert!(row(&soon, "UnderReplicatedPartitions").is_none());
        let none = r#"{"faults": {"lost-ack": null}}"#;
        let (calm, _) = self::run(catalog::OPENING, none);
        assert!(calm.faults.is_empty());
    }

    #[test]
    fn a_dead_broker_leaves_partitions_under_replicated_and_its_cause_is_the_shrunken_set() {
        let (scenario, run) = run("acks-one", "{}");
        let trace = run.trace.as_ref().expect("kept");
        let shrunk = trace.iter().find(|(_, event)| {
            matches!(&event.fact, Fact::IsrChanged { isr, partition } if isr.len() < 3 && partition.0 < scenario.topic.partitions)
        });
        let (id, event) = shrunk.expect("a set shrinks");
        let card = card(&scenario, &run, event.at).expect("it has struck");
        let under = row(&card, "UnderReplicatedPartitions").expect("it moved");
        assert_eq!((under.was, under.moved), (0, id));
        assert!(under.now >= 1);
    }

    #[test]
    fn what_every_run_counts_is_counted_in_every_preset() {
        for preset in catalog::all() {
            let (scenario, run) = run(preset.id, "{}");
            let trace = run.trace.as_ref().expect("kept");
            let mut meters = Meters::new(&scenario);
            trace.events.iter().for_each(|event| meters.fold(event));
            let value = |id: Id| meters.values[id as usize];
            assert!(
                value(Id::Sent) >= i64::from(run.verdict.counts.src.min(1)),
                "{}",
                preset.id
            );
            assert!(value(Id::Retried) <= value(Id::Sent), "{}", preset.id);
            assert!(
                meters.values.iter().all(|value| *value >= -1),
                "{}",
                preset.id
            );
            let late = value(Id::SparkLate) > 0 || value(Id::FlinkLate) > 0;
            if scenario.engine.kind != EngineKind::Spark || scenario.engine.spark.is_grouped() {
                assert!(
                    run.verdict.counts.late == 0 || late,
                    "{}: late drops are counted",
                    preset.id
                );
            }
        }
    }
}
