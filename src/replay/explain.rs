//! Why an order became what it became: the way back along `cause` from the symptom to what has no cause.

use crate::sim::engines::EngineKind;
use crate::sim::kafka::protocol::BatchName;
use crate::sim::kernel::Time;
use crate::sim::ledger::{DupOrigin, LossOrigin, OutcomeKind};
use crate::sim::origin::{Origin, number};
use crate::sim::trace::{Fact, FactId, Row, SegmentId, Source, Trace, TraceEvent};
use crate::sim::{Outcome, Run, Scenario, control};

/// One row of the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub fact: FactId,
    pub at: Time,
    /// The component in the words of the page.
    pub place: String,
    pub text: String,
    /// The setting that decided it, with its value: `retries=2147483647`.
    pub setting: Option<String>,
    pub kind: LinkKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    Symptom,
    Step,
    /// It has no cause: a fault of the script.
    Fault,
}

/// What became of an order, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub order: u32,
    /// A few words for a heading.
    pub heading: String,
    /// One sentence.
    pub sentence: String,
    /// Newest first.
    pub chain: Vec<Link>,
    pub outcome: Option<Outcome>,
}

/// Seconds with three decimals, as the page writes them.
pub fn seconds(at: Time) -> String {
    format!(
        "{}.{:03} s",
        at.micros() / 1_000_000,
        at.micros() / 1000 % 1000
    )
}

/// When a fault of the script first struck, and the first order of the batch that was appended last before it.
pub fn strike(trace: &Trace, fault: &str) -> Option<(Time, Option<u32>)> {
    let struck = |event: &TraceEvent| matches!(&event.fact, Fact::Injected { fault: n } if trace.cast.faults[usize::from(*n)] == fault);
    let index = trace.events.iter().position(struck)?;
    let appended = |event: &TraceEvent| match &event.fact {
        Fact::BatchAppended { origins, .. } => origins.first().map(|&origin| number(origin)),
        _ => None,
    };
    let order = trace.events[..index].iter().rev().find_map(appended);
    Some((trace.events[index].at, order))
}

/// Explains an order as far as the run has come at `until`.
pub fn explain(scenario: &Scenario, run: &Run, order: u32, until: Time) -> Option<Explanation> {
    let trace = run.trace.as_ref()?;
    let outcome = run
        .outcomes
        .iter()
        .rfind(|outcome| outcome.order == order && outcome.at <= until)
        .copied();
    let story = Story {
        scenario,
        trace,
        order,
    };
    let (heading, sentence, symptom) = match outcome.map(|outcome| outcome.kind) {
        Some(OutcomeKind::Duplicated(why)) => story.duplicated(why, outcome?.fact),
        Some(OutcomeKind::Lost(why)) => story.lost(why, outcome?.fact),
        Some(OutcomeKind::Refused) => story.refused(outcome?.fact),
        Some(OutcomeKind::DroppedLate) => (
            "dropped late".into(),
            format!("Order {order} came behind the watermark."),
            outcome?.fact,
        ),
        None => story.healthy(until)?,
    };
    let chain = story.chain(symptom);
    Some(Explanation {
        order,
        heading,
        sentence,
        chain,
        outcome,
    })
}

struct Story<'a> {
    scenario: &'a Scenario,
    trace: &'a Trace,
    order: u32,
}

impl Story<'_> {
    /// Facts that name the order.
    fn facts(&self) -> impl DoubleEndedIterator<Item = (FactId, &Fact, Time)> {
        self.trace
            .iter()
            .filter(|(_, event)| names(&event.fact, self.order))
            .map(|(id, event)| (id, &event.fact, event.at))
    }

    /// Whether a plain consumer read it.
    fn is_polled(&self) -> bool {
        self.facts()
            .any(|(_, fact, _)| matches!(fact, Fact::Polled { .. }))
    }

    fn sends(&self) -> Vec<(FactId, Time, u32)> {
        self.facts()
            .filter_map(|(id, fact, at)| match fact {
                Fact::BatchSent { attempt, .. } => Some((id, at, *attempt)),
                _ => None,
            })
            .collect()
    }

    /// The fault that a chain from `fact` ends in, with its time.
    fn fault_behind(&self, fact: FactId) -> Option<(Time, String)> {
        let mut next = Some(fact);
        while let Some(id) = next {
            let event = self.trace.get(id);
            if let Fact::Injected { fault } = event.fact {
                return Some((event.at, self.trace.cast.faults[usize::from(fault)].clone()));
            }
            next = event.cause;
        }
        None
    }

    fn duplicated(&self, why: DupOrigin, symptom: FactId) -> (String, String, FactId) {
        let heading = "in the table twice".to_string();
        let order = self.order;
        let sentence = match why {
            DupOrigin::ProducerRetry => {
                let sends = self.sends();
                let again = sends.get(1).map_or_else(String::new, |&(_, at, _)| {
                    format!(" the producer sent it again at {},", seconds(at))
                });
                let cut = sends.get(1).and_then(|&(id, ..)| self.fault_behind(id));
                let lost = cut.map_or_else(
                    || "its acknowledgement never came".into(),
                    |(at, _)| format!("its acknowledgement was lost at {}", seconds(at)),
                );
                format!(
                    "Order {order} is in the table twice because {lost},{again} and the broker could not tell that it was a repeat (enable.idempotence=false)."
                )
            }
            DupOrigin::AppResend => format!(
                "Order {order} is in the table twice because the producer died before it heard that the first copy was stored, and the application sent it again from its outbox. A new process has a new producer id, so no broker can recognise the repeat."
            ),
            DupOrigin::BatchReplay => format!(
                "Order {order} is in the table twice because its batch was written again: the driver died after the table had it and before the commit log said so, and this writer does not remember batches."
            ),
            DupOrigin::OffsetReplay if self.is_polled() => format!(
                "Order {order} is in the sink twice because its offset was read again: the work on it was done, and no commit had said so."
            ),
            DupOrigin::OffsetReplay => format!(
                "Order {order} is in the table twice because its offset was read again: the checkpoint was lost, and the query began from the start of the topic."
            ),
            DupOrigin::KeyPerAttempt => format!(
                "Order {order} is in the table twice because every write attempt made another record key for it, so upsert found nothing to replace."
            ),
            DupOrigin::KeyMove => format!(
                "Order {order} is in the table twice because its key came back with another partition path, and a non-global index looks in that partition only."
            ),
            DupOrigin::UpdateInserted => format!(
                "The order of event {order} is in the table twice because its change was written as a row of its own: nothing looked for the row that it changes."
            ),
            DupOrigin::Refined => format!(
                "Order {order} is in the table twice because its group came out again when it had changed, and the new result was added to the older one instead of taking its place."
            ),
        };
        (heading, sentence, symptom)
    }

    fn lost(&self, why: LossOrigin, symptom: FactId) -> (String, String, FactId) {
        let order = self.order;
        let sentence = match why {
            LossOrigin::Acks => format!(
                "Order {order} is lost: the producer reported success when the bytes were handed to the socket (acks=0), and no broker ever got them."
            ),
            LossOrigin::LeaderLoss => format!(
                "Order {order} is lost: its leader had acknowledged it, and fell before any other replica in the in-sync set had it."
            ),
            LossOrigin::Buffer => format!(
                "Order {order} is lost: it was in the memory of a producer that died, and the application has no outbox."
            ),
            LossOrigin::SkippedBatch => format!(
                "Order {order} is lost: the query began with batch 0 again, and the table, which remembers higher batch ids under the same identifier, took its batch for one it already had."
            ),
            LossOrigin::StartingOffset if self.scenario.engine.kind == EngineKind::Consumer => {
                format!(
                    "Order {order} is lost: a group without a committed offset began to read behind it (auto.offset.reset=latest)."
                )
            }
            LossOrigin::StartingOffset => format!(
                "Order {order} is lost: a query without a checkpoint began behind it (startingOffsets=latest)."
            ),
            LossOrigin::TakenForCopy => format!(
                "Order {order} is lost: the query had passed another record of its key on and took this one for a copy (dropDuplicates)."
            ),
            LossOrigin::Retention => format!(
                "Order {order} is lost: the topic deleted it by its retention before the query had read it."
            ),
            LossOrigin::CommitFirst => format!(
                "Order {order} is lost: the position was committed past it before the work on it was done."
            ),
            LossOrigin::TxnTimeout => format!(
                "Order {order} is lost: its transaction was open for longer than transaction.timeout.ms and was aborted, and its writer did not come back for it."
            ),
            LossOrigin::IgnoredBatch => format!(
                "Order {order} is lost: its batch could not be written, and the failure was ignored (hoodie.datasource.write.streaming.ignore.failed.batch=true), so Spark ticked the batch off."
            ),
            LossOrigin::Overwrite => format!(
                "Order {order} is lost: a later write replaced the file group that it was in (hoodie.datasource.write.operation=insert_overwrite)."
            ),
        };
        ("acknowledged and gone".into(), sentence, symptom)
    }

    fn refused(&self, symptom: FactId) -> (String, String, FactId) {
        let sentence = format!(
            "Order {} is not in the topic, and the application was told so: the error reached its callback.",
            self.order
        );
        ("refused, and reported".into(), sentence, symptom)
    }

    fn healthy(&self, until: Time) -> Option<(String, String, FactId)> {
        let (id, fact, at) = self.facts().rfind(|&(_, _, at)| at <= until)?;
        let order = self.order;
        let visible = self.facts().any(|(_, fact, at)| {
            at <= until
                && matches!(
                    fact,
                    Fact::BecameVisible {
                        segment: SegmentId::MAIN,
                        ..
                    }
                )
        });
        let text = if visible {
            format!("Order {order} is in the table once.")
        } else {
            format!(
                "Order {order} is on its way: {} at {}.",
                describe(fact),
                seconds(at)
            )
        };
        let heading = if visible {
            "delivered once"
        } else {
            "in flight"
        };
        let symptom = self.visible(until).unwrap_or(id);
        Some((heading.into(), text, symptom))
    }

    fn visible(&self, until: Time) -> Option<FactId> {
        let shows = |fact: &Fact| {
            matches!(
                fact,
                Fact::BecameVisible {
                    segment: SegmentId::MAIN,
                    ..
                }
            )
        };
        self.facts()
            .filter(|&(_, fact, at)| at <= until && shows(fact))
            .map(|(id, ..)| id)
            .next_back()
    }

    /// From the symptom back: through the engine to the record's append, and from there along the causes.
    fn chain(&self, symptom: FactId) -> Vec<Link> {
        let mut links = vec![self.link(symptom, LinkKind::Symptom)];
        links.extend(self.consumed(symptom));
        let mut next = self.trace.get(symptom).cause;
        if let Fact::BecameVisible {
            segment,
            batch,
            rows,
            ..
        } = &self.trace.get(symptom).fact
        {
            let of_order = |row: &&Row| {
                row.origins
                    .iter()
                    .any(|&(origin, _)| number(origin) == self.order)
            };
            let source = rows
                .iter()
                .rfind(of_order)
                .and_then(|row| {
                    row.origins
                        .iter()
                        .rfind(|&&(origin, _)| number(origin) == self.order)
                })
                .map(|&(_, source)| source);
            if let Some(source) = source {
                next = self.appended(symptom, source);
                if let Some(crash) = self.replay_of(symptom, *segment, *batch) {
                    links.extend(crash);
                }
                let planned = self.trace.iter().rfind(|(id, event)| {
                    *id < symptom && matches!(&event.fact, Fact::OffsetsLogged { segment: s, batch: b, .. } if s == segment && b == batch)
                });
                links.extend(planned.map(|(id, _)| self.link(id, LinkKind::Step)));
            }
        }
        if let Fact::Polled { origins, .. } = &self.trace.get(symptom).fact {
            let own = origins
                .iter()
                .find(|&&(origin, _)| number(origin) == self.order);
            next = own.and_then(|&(_, source)| self.appended(symptom, source));
        }
        links.extend(self.walk(next));
        // Two ways may meet.
        let mut met = Vec::new();
        links.retain(|link| {
            let first = !met.contains(&link.fact);
            met.push(link.fact);
            first
        });
        links
    }

    /// Where the record that a reader had came into the log.
    fn appended(&self, before: FactId, source: Source) -> Option<FactId> {
        let holds = |(id, event): &(FactId, &TraceEvent)| {
            *id < before && holds(&event.fact, source.partition, source.offset)
        };
        self.trace.iter().rfind(holds).map(|(id, _)| id)
    }

    /// Along the causes, from here to what has none.
    fn walk(&self, mut next: Option<FactId>) -> Vec<Link> {
        let mut links = Vec::new();
        while let Some(id) = next {
            let event = self.trace.get(id);
            let kind = if matches!(event.fact, Fact::Injected { .. }) {
                LinkKind::Fault
            } else {
                LinkKind::Step
            };
            if tells(&event.fact) {
                links.push(self.link(id, kind));
            }
            next = event.cause;
        }
        links
    }

    /// What consumers did with the order before `symptom`: who polled it and why it was polled again, or why it was passed
    /// over. Newest first; nothing where no consumer polled it.
    fn consumed(&self, symptom: FactId) -> Vec<Link> {
        let here = |origins: &[(Origin, Source)]| {
            let own = origins
                .iter()
                .find(|&&(origin, _)| number(origin) == self.order);
            own.map(|&(_, source)| source)
        };
        let polled = |(id, event): (FactId, &TraceEvent)| match &event.fact {
            Fact::Polled {
                segment: SegmentId::MAIN,
                origins,
            } if id <= symptom => here(origins).map(|source| (id, event.host, source)),
            _ => None,
        };
        let polls: Vec<_> = self.trace.iter().filter_map(polled).collect();
        let Some(&(first, holder, source)) = polls.first() else {
            return Vec::new();
        };
        let of_host = |host, from: FactId, wanted: fn(&Fact) -> bool| {
            move |&(id, event): &(FactId, &TraceEvent)| {
                id >= from && event.host == host && wanted(&event.fact)
            }
        };
        let mut links = Vec::new();
        if let Some(&(again, host, _)) = polls.last().filter(|_| polls.len() > 1) {
            links.push(self.link(again, LinkKind::Step));
            let begun = of_host(host, first, |fact| matches!(fact, Fact::Positioned { .. }));
            let begun = self.trace.iter().filter(|(id, _)| *id < again).rfind(begun);
            links.extend(self.walk(begun.map(|(id, _)| id)));
            let crashed = of_host(holder, first, |fact| matches!(fact, Fact::Crashed { .. }));
            let crashed = self
                .trace
                .iter()
                .filter(|(id, _)| *id < again)
                .find(crashed);
            links.extend(self.walk(crashed.map(|(id, _)| id)));
        }
        if polls.len() == 1 {
            // Passed over: the commit went ahead, and its holder did not come to the work.
            let passes = |(id, event): &(FactId, &TraceEvent)| {
                let beyond = |&(partition, offset): &(_, u64)| {
                    partition == source.partition && offset > source.offset
                };
                *id >= first
                    && matches!(&event.fact, Fact::OffsetsCommitted { segment: SegmentId::MAIN, positions, .. } if positions.iter().any(beyond))
            };
            if let Some((committed, _)) = self.trace.iter().find(passes) {
                let crashed = of_host(holder, first, |fact| matches!(fact, Fact::Crashed { .. }));
                let crashed = self.trace.iter().find(crashed).map(|(id, _)| id);
                let worked = self
                    .facts()
                    .any(|(_, fact, _)| matches!(fact, Fact::Worked { .. }));
                if !worked {
                    links.extend(self.walk(crashed));
                    links.push(self.link(committed, LinkKind::Step));
                }
            }
        }
        let paused = of_host(holder, first, |fact| matches!(fact, Fact::Paused { .. }));
        let paused = self
            .trace
            .iter()
            .filter(|(id, _)| *id < symptom)
            .find(paused);
        links.extend(self.walk(paused.map(|(id, _)| id)));
        links.push(self.link(first, LinkKind::Step));
        links
    }

    /// If the batch ran again after a crash: the restart, the crash and what struck.
    fn replay_of(&self, symptom: FactId, segment: SegmentId, batch: u64) -> Option<Vec<Link>> {
        let restored = self.trace.iter().rfind(|(id, event)| {
            *id < symptom && matches!(&event.fact, Fact::Restored { segment: s, recovery: crate::sim::trace::Recovery::Rerun(b) } if *s == segment && *b == batch)
        })?;
        Some(self.walk(Some(restored.0)))
    }

    fn link(&self, id: FactId, kind: LinkKind) -> Link {
        let event = self.trace.get(id);
        let fault = match event.fact {
            Fact::Injected { fault } => self
                .scenario
                .faults
                .get(&self.trace.cast.faults[usize::from(fault)]),
            _ => None,
        };
        let entry = fault.and_then(|fault| fault.menu());
        let link = fault
            .and_then(|fault| fault.place.as_deref().or(entry.map(|entry| entry.place)))
            .filter(|place| place.contains('>'));
        let place = match (&event.fact, link) {
            (_, Some(link)) => link.replace('>', " > "),
            // The store notes these for whoever asked it to write.
            (
                Fact::OffsetsLogged { .. } | Fact::BatchCommitted { .. } | Fact::StateSaved { .. },
                _,
            ) => "Spark".into(),
            _ => place(self.trace.cast.host(event.host)),
        };
        Link {
            fact: id,
            at: event.at,
            place,
            text: entry.map_or_else(|| self.tell(&event.fact), |entry| entry.plain.to_string()),
            setting: self.decided_by(id).and_then(|key| self.with_value(key)),
            kind,
        }
    }

    /// The setting that decided a fact: the one it names, or the one that let a further copy through.
    fn decided_by(&self, id: FactId) -> Option<&str> {
        let event = self.trace.get(id);
        let earlier = |batch: &BatchName| {
            self.trace.events[..id.0 as usize].iter().any(
                |event| matches!(&event.fact, Fact::BatchAppended { batch: other, .. } if other == batch),
            )
        };
        match &event.fact {
            Fact::BatchAppended { batch, .. } if earlier(batch) => Some("enable.idempotence"),
            Fact::BecameVisible { rows, .. } if self.copies(rows) > 1 => {
                Some("hoodie.datasource.write.operation")
            }
            _ => event.setting.as_deref(),
        }
    }

    /// `key=value`, without what every key of its system begins with.
    fn with_value(&self, key: &str) -> Option<String> {
        let control = control::find(key)?;
        let value = control::setting(self.scenario, key)?;
        let short = key.strip_prefix("hoodie.datasource.").unwrap_or(key);
        Some(format!("{short}={}", control.label(&value)))
    }

    /// Rows of the order among these.
    fn copies(&self, rows: &[Row]) -> usize {
        let of_order = |row: &&Row| {
            row.origins
                .iter()
                .any(|&(origin, _)| number(origin) == self.order)
        };
        rows.iter().filter(of_order).count()
    }

    fn tell(&self, fact: &Fact) -> String {
        let order = self.order;
        match fact {
            Fact::BecameVisible { rows, .. } => {
                let copies = self.copies(rows);
                if copies > 1 {
                    format!("{copies} rows of #{order} become visible")
                } else {
                    format!("a row of #{order} becomes visible")
                }
            }
            Fact::OffsetsLogged { batch, ranges, .. } => {
                let ranges: Vec<String> = ranges
                    .iter()
                    .map(|range| {
                        format!(
                            "{}-{} [{},{})",
                            self.trace.cast.topic, range.partition.0, range.start, range.end
                        )
                    })
                    .collect();
                format!("batch {batch} takes {}", ranges.join(" and "))
            }
            Fact::BatchAppended { base_offset, .. } => {
                format!("appends #{order} at offset {base_offset}")
            }
            Fact::BatchSent { attempt, .. } => format!("sends #{order}, attempt {attempt}"),
            other => describe(other),
        }
    }
}

fn names(fact: &Fact, order: u32) -> bool {
    match fact {
        Fact::Emitted { origin, .. } => number(*origin) == order,
        Fact::Resent { origins }
        | Fact::UnitDropped { origins, .. }
        | Fact::BatchSent { origins, .. }
        | Fact::BatchAppended { origins, .. }
        | Fact::Acknowledged { origins, .. }
        | Fact::SendFailed { origins, .. } => origins.iter().any(|&origin| number(origin) == order),
        Fact::BecameVisible { rows, .. } => rows.iter().any(|row| {
            row.origins
                .iter()
                .any(|&(origin, _)| number(origin) == order)
        }),
        Fact::Worked { origin, .. } => number(*origin) == order,
        Fact::Polled { origins, .. }
        | Fact::DroppedLate { origins, .. }
        | Fact::Accumulated { origins, .. } => {
            origins.iter().any(|&(origin, _)| number(origin) == order)
        }
        _ => false,
    }
}

fn holds(fact: &Fact, partition: crate::sim::kafka::protocol::PartitionId, offset: u64) -> bool {
    match fact {
        Fact::BatchAppended {
            batch: BatchName { partition: p, .. },
            base_offset,
            origins,
            ..
        } => {
            *p == partition && (*base_offset..*base_offset + origins.len() as u64).contains(&offset)
        }
        _ => false,
    }
}

/// Whether a fact is worth a row of its own in a chain.
fn tells(fact: &Fact) -> bool {
    !matches!(
        fact,
        Fact::Noted { .. }
            | Fact::HighWatermarkAdvanced { .. }
            | Fact::ReplicaAdvanced { .. }
            | Fact::IsrChanged { .. }
    )
}

/// What happened last by `at`: when, and in words. Nothing before the first fact that is worth telling.
pub fn newest(trace: &Trace, at: Time) -> Option<(Time, String)> {
    let until = trace.events.partition_point(|event| event.at <= at);
    let event = trace.events[..until]
        .iter()
        .rev()
        .find(|event| tells(&event.fact))?;
    let host = trace.cast.hosts.get(usize::from(event.host.0))?;
    let words = format!("{} {}", place(host), describe(&event.fact));
    Some((event.at, words))
}

/// A host in the words of the page.
pub fn place(host: &str) -> String {
    let role = host.rsplit('.').next().unwrap_or(host);
    match role.strip_prefix('b').and_then(|n| n.parse::<u8>().ok()) {
        Some(n) => format!("broker {n}"),
        None if role.starts_with('p') => "producer".into(),
        None if role == "store" => "table".into(),
        None if role == "driver" => "driver".into(),
        None if crate::sim::fault::is_consumer(role) => role.replace('c', "consumer "),
        None if role == "jm" => "job manager".into(),
        None if role.starts_with("tm") => role.replace("tm", "task manager "),
        None => role.replace("exec", "executor "),
    }
}

/// A fact in plain words.
pub fn describe(fact: &Fact) -> String {
    match fact {
        Fact::Emitted { origin, .. } => {
            format!("order {} is handed to the producer", number(*origin))
        }
        Fact::Resent { origins } => format!(
            "{} unconfirmed orders are sent again from the outbox",
            origins.len()
        ),
        Fact::ProducerIdAssigned { producer_id, epoch } => {
            format!("gets producer id {producer_id}, epoch {epoch}")
        }
        Fact::BatchSent {
            attempt, origins, ..
        } => format!("sends {}, attempt {attempt}", list(origins)),
        Fact::BatchAppended {
            base_offset,
            origins,
            ..
        } => format!("appends {} at offset {base_offset}", list(origins)),
        Fact::BatchDeduplicated { base_offset, .. } => {
            format!("recognises a repeat of offset {base_offset} and does not append it")
        }
        Fact::BatchRejected { error, .. } => format!("refuses a batch: {error}"),
        Fact::Acknowledged { origins, .. } => format!("hears that {} is stored", list(origins)),
        Fact::AttemptFailed {
            error, retry_in, ..
        } => format!("{error}: waits {} ms and tries again", retry_in.ms()),
        Fact::SendFailed { error, origins, .. } => format!(
            "reports to the application that {} failed: {error}",
            list(origins)
        ),
        Fact::ReplicaAdvanced { partition, end } => format!("has copied {partition} up to {end}"),
        Fact::HighWatermarkAdvanced { partition, offset } => {
            format!("the high watermark of {partition} moves to {offset}")
        }
        Fact::IsrChanged { partition, isr } => {
            format!("{} replicas of {partition} are in sync", isr.len())
        }
        Fact::LeaderElected {
            partition,
            epoch,
            end,
        } => format!("leads {partition} from offset {end} on, epoch {epoch}"),
        Fact::PartitionOffline { partition } => format!("{partition} has no leader"),
        Fact::LogTruncated {
            partition,
            to,
            from,
        } => format!("cuts its log of {partition} from {from} back to {to}"),
        Fact::LogStartAdvanced { partition, to } => {
            format!("deletes what lies before offset {to} of {partition}")
        }
        Fact::Restored { recovery, .. } => match recovery {
            crate::sim::trace::Recovery::Fresh => "finds no checkpoint and starts anew".into(),
            crate::sim::trace::Recovery::Rerun(batch) => {
                format!("finds batch {batch} planned but not ticked off, and runs it again")
            }
            crate::sim::trace::Recovery::Continue(batch) => format!("goes on with batch {batch}"),
        },
        Fact::OffsetsLogged { batch, .. } => format!("batch {batch} is planned"),
        Fact::TaskStarted { batch, attempt, .. } => {
            format!("starts a task of batch {batch}, attempt {}", attempt + 1)
        }
        Fact::TaskFinished { batch, records, .. } => {
            format!("finishes a task of batch {batch}: {records} records")
        }
        Fact::QueryFailed { error, .. } => format!("the query fails: {error}"),
        Fact::BatchSkipped { batch, .. } => {
            format!("the table already has batch {batch}: nothing is written")
        }
        Fact::InstantChanged { state, .. } => {
            format!(
                "the instant is {}",
                format!("{state:?}").to_ascii_lowercase()
            )
        }
        Fact::DataFileWritten { rows, .. } => {
            format!("a data file with {rows} rows is written, invisible")
        }
        Fact::Reconciled { .. } => "files of failed attempts are deleted".into(),
        Fact::TableCommitted { .. } => "the instant is complete: the table has the batch".into(),
        Fact::RollbackRequested { .. } => "the rollback of a failed write is planned".into(),
        Fact::RolledBack { files, .. } => {
            format!("a failed write is rolled back, {files} files deleted")
        }
        Fact::BecameVisible { rows, .. } => format!("{} rows become visible", rows.len()),
        Fact::Retracted { rows, .. } => format!("{} rows are replaced", rows.len()),
        Fact::Accumulated { origins, .. } => {
            format!("{} orders are counted in an open window", origins.len())
        }
        Fact::DroppedLate { origins, .. } => {
            format!("{} orders come too late for their window", origins.len())
        }
        Fact::WindowClosed { .. } => "a window is complete".into(),
        Fact::StateSaved { rows, .. } => format!("the state is saved: {rows} open windows"),
        Fact::WatermarkAdvanced { .. } => "the watermark moves".into(),
        Fact::BatchCommitted { batch, .. } => format!("batch {batch} is ticked off"),
        Fact::Crashed { .. } => "the process dies".into(),
        Fact::Restarted => "the process starts again".into(),
        Fact::Injected { .. } => "a fault strikes".into(),
        Fact::ConnectionLost { peer } => format!(
            "sees the connection to {} break",
            if peer.0 == 0 {
                "the producer".to_string()
            } else {
                format!("broker {}", peer.0)
            }
        ),
        Fact::Noted { text } => text.clone(),
        Fact::TransactionBegan { .. } => "begins a transaction".into(),
        Fact::WriterFenced { error, .. } => format!("refuses a writer of the past: {error}"),
        Fact::MarkerAppended { commit, .. } => {
            format!(
                "writes the marker: {}",
                if *commit { "commit" } else { "abort" }
            )
        }
        Fact::TransactionPrepared { commit, .. } => {
            format!("decides: {}", if *commit { "commit" } else { "abort" })
        }
        Fact::UnitDropped { origins, .. } => {
            format!(
                "writes off {} orders of an aborted transaction",
                origins.len()
            )
        }
        Fact::TransactionEnded { commit: true, .. } => "the transaction is committed".into(),
        Fact::TransactionEnded { .. } => "the transaction is aborted".into(),
        Fact::Paused { during } => format!("stands still for {} ms", during.ms()),
        Fact::Assigned { generation, .. } => {
            format!("reads its share of the partitions, generation {generation}")
        }
        Fact::Revoked { .. } => "gives its partitions up".into(),
        Fact::Positioned { reset: true, .. } => "begins where auto.offset.reset says".into(),
        Fact::Positioned { .. } => "goes on from the committed offsets".into(),
        Fact::Polled { origins, .. } if origins.len() == 1 => "poll() returns 1 record".into(),
        Fact::Polled { origins, .. } => format!("poll() returns {} records", origins.len()),
        Fact::Worked { origin, .. } => format!("the work on #{} is done", number(*origin)),
        Fact::CommitSent { .. } => "asks for its offsets to be committed".into(),
        Fact::OffsetsCommitted { .. } => "the group's offsets are committed".into(),
        Fact::MemberRemoved { why, .. } => match why {
            crate::sim::trace::Departure::Left => "a consumer has left the group".into(),
            _ => "a consumer is out of the group: it was silent for too long".into(),
        },
        Fact::Fenced { error, .. } => format!("a commit is refused: {error}"),
        Fact::Kept { origins, .. } => format!("{} orders are kept in state", origins.len()),
        Fact::DuplicatesDropped { origins, .. } => {
            format!("{} copies are recognised and dropped", origins.len())
        }
        Fact::Released { origins, .. } => {
            format!("{} orders leave the state", origins.len())
        }
        Fact::OperatorProgressed { metrics, .. } => format!(
            "the operator has {} rows of state: {} updated, {} removed, {} late groups or rows dropped",
            metrics.rows, metrics.updated, metrics.removed, metrics.dropped_by_watermark
        ),
        Fact::StartingOffsetsResolved { .. } => {
            "the starting offsets are resolved, and kept in the checkpoint".into()
        }
        Fact::DataMissed { range, .. } => format!(
            "reads on without the offsets {} to {} of {}, which are gone",
            range.start, range.end, range.partition
        ),
        Fact::CheckpointDamaged { what, files, .. } => {
            format!("somebody deletes {what} from the checkpoint, {files} files")
        }
        Fact::QueryFinished { .. } => "the query has done all that its trigger asks for".into(),
        Fact::Changed {
            order_id, version, ..
        } => format!("order {order_id} is {} now", version.status.name()),
        Fact::MergedAway { why, origins, .. } => format!(
            "{} rows met another row of their key: {}",
            origins.len(),
            format!("{why:?}").to_ascii_lowercase()
        ),
        Fact::Deferred { origins, .. } => format!(
            "{} rows are in log files, which this query does not read before a compaction",
            origins.len()
        ),
        Fact::WriteFailed { error, .. } => format!("the write fails: {error}"),
        Fact::BatchIgnored { batch, .. } => {
            format!("the failure of batch {batch} is ignored: it counts as written")
        }
        Fact::CompactionChanged { state, .. } => {
            format!(
                "a compaction is {}",
                format!("{state:?}").to_ascii_lowercase()
            )
        }
        Fact::SliceCompacted { rows, .. } => {
            format!("a compaction writes a base file with {rows} rows, invisible")
        }
        Fact::Cleaned { files, .. } => format!("{files} old files are deleted"),
        Fact::Archived { instants, .. } => {
            format!("{instants} actions leave the active timeline")
        }
        other => describe_job(other),
    }
}

/// The same for what a job with checkpoints notes.
fn describe_job(fact: &Fact) -> String {
    let sourced = |origins: &[(crate::sim::origin::Origin, crate::sim::trace::Source)]| {
        let origins: Vec<_> = origins.iter().map(|&(origin, _)| origin).collect();
        list(&origins)
    };
    match fact {
        Fact::JobStarted {
            checkpoint: Some(checkpoint),
            ..
        } => format!("starts the job from checkpoint {checkpoint}"),
        Fact::JobStarted { .. } => "starts the job from the beginning".into(),
        Fact::RestartScheduled { delay, .. } => {
            format!("will start the job again in {} ms", delay.ms())
        }
        Fact::TaskFailed { error, .. } => format!("a task fails: {error}"),
        Fact::CheckpointTriggered { checkpoint, .. } => format!("triggers checkpoint {checkpoint}"),
        Fact::BarrierSent { checkpoint, .. } => {
            format!("sends the barrier of checkpoint {checkpoint}")
        }
        Fact::BarrierArrived { checkpoint, .. } => {
            format!("has a barrier of checkpoint {checkpoint}")
        }
        Fact::Precommitted { checkpoint, .. } => {
            format!("has flushed a transaction, which belongs to checkpoint {checkpoint}")
        }
        Fact::SnapshotTaken { checkpoint, .. } => {
            format!("copies its state for checkpoint {checkpoint}")
        }
        Fact::CheckpointAcknowledged { checkpoint, .. } => {
            format!("hears that a task has its part of checkpoint {checkpoint}")
        }
        Fact::CheckpointCompleted { checkpoint, .. } => {
            format!("checkpoint {checkpoint} is complete")
        }
        Fact::CheckpointFailed { checkpoint, .. } => {
            format!("checkpoint {checkpoint} comes to nothing")
        }
        Fact::SinkCommitted { again: true, .. } => {
            "commits a transaction that was committed already".into()
        }
        Fact::SinkCommitted { .. } => "the sink's transaction is committed".into(),
        Fact::CommitRefused { error, .. } => format!(
            "the transaction cannot be committed any more ({error}), and the job goes on without it"
        ),
        Fact::SourceRead { origins, .. } => format!("reads {}", sourced(origins)),
        Fact::WrittenPending { origins, .. } => {
            format!("writes {} into an open transaction", sourced(origins))
        }
        Fact::SourceIdle {
            partition, idle, ..
        } => format!(
            "partition {partition} {}",
            if *idle {
                "counts as idle"
            } else {
                "is active again"
            }
        ),
        Fact::WindowMissed { origins, .. } => {
            format!("{} comes too late for one of its windows", sourced(origins))
        }
        Fact::SideOutput { origins, .. } => {
            format!("{} is late and goes to the side output", sourced(origins))
        }
        Fact::Refired { .. } => "a late record makes the window fire again".into(),
        other => other.kind().name().replace('_', " "),
    }
}

fn list(origins: &[crate::sim::origin::Origin]) -> String {
    match origins {
        [one] => format!("#{}", number(*one)),
        [first, .., last] => format!("#{} to #{}", number(*first), number(*last)),
        [] => "nothing".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Keep, Simulation, catalog};

    #[test]
    fn the_doubled_order_is_explained_by_the_fault_that_cut_its_acknowledgement() {
        let scenario = catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let explanation = explain(&scenario, &run, 17, run.end).expect("order 17 exists");
        let texts: Vec<&str> = explanation
            .chain
            .iter()
            .map(|link| link.text.as_str())
            .collect();
        assert_eq!(
            explanation.chain.last().map(|link| link.kind),
            Some(LinkKind::Fault),
            "{texts:?}"
        );
        assert!(
            explanation.sentence.contains("enable.idempotence"),
            "{}",
            explanation.sentence
        );
        assert!(
            texts.iter().any(|text| text.contains("attempt 2")),
            "{texts:?}"
        );
        let settings: Vec<&str> = explanation
            .chain
            .iter()
            .filter_map(|link| link.setting.as_deref())
            .collect();
        assert_eq!(
            settings,
            [
                "write.operation=insert",
                "enable.idempotence=false",
                "retries=2147483647"
            ]
        );
    }

    #[test]
    fn a_healthy_order_is_explained_without_a_fault() {
        let scenario = catalog::find(catalog::OPENING)
            .expect("there is one")
            .scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let explanation = explain(&scenario, &run, 3, run.end).expect("order 3 exists");
        assert_eq!(explanation.heading, "delivered once");
        assert!(
            explanation
                .chain
                .iter()
                .all(|link| link.kind != LinkKind::Fault)
        );
    }

    /// The chain of the first order that went wrong in a named scenario, as text.
    fn chain_of(id: &str) -> Vec<String> {
        let scenario = crate::sim::catalog::find(id).expect("is there").scenario();
        let run = Simulation::run(&scenario, Keep::Trace);
        let bad = run.outcomes.first().expect("something went wrong");
        let explanation = explain(&scenario, &run, bad.order, run.end).expect("explained");
        let chain = explanation.chain.into_iter();
        chain
            .map(|link| format!("{}: {}", link.place, link.text))
            .collect()
    }

    /// Whether these words come in the chain in this order.
    fn in_order(chain: &[String], words: &[&str]) -> bool {
        let mut rest = chain.iter();
        words
            .iter()
            .all(|word| rest.any(|link| link.contains(word)))
    }

    #[test]
    fn a_consumer_that_commits_first_loses_by_its_commit_and_its_crash() {
        let chain = chain_of("commit-first");
        let words = [
            "the process dies",
            "in the moment its offsets are committed",
            "offsets are committed",
            "appends",
        ];
        assert!(in_order(&chain, &words), "{chain:#?}");
    }

    #[test]
    fn work_of_a_zombie_is_explained_by_who_stood_still_and_who_took_over() {
        let chain = chain_of("zombie-consumer");
        let words = [
            "consumer 1: stands still",
            "consumer 1: poll() returns",
            "appends",
        ];
        assert!(in_order(&chain, &words), "{chain:#?}");
        assert!(
            chain
                .iter()
                .any(|link| link.starts_with("consumer 2: poll() returns")),
            "{chain:#?}"
        );
    }

    #[test]
    fn work_that_is_done_again_is_explained_by_the_crash_before_the_commit() {
        let chain = chain_of("beyond-kafka");
        let words = [
            "poll() returns",
            "goes on from the committed offsets",
            "the process dies",
            "poll() returns",
        ];
        assert!(in_order(&chain, &words), "{chain:#?}");
    }
}
