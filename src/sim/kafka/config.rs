//! Kafka's settings under their real keys, with the defaults of Kafka 4.x.
//!
//! For librdkafka `request.timeout.ms` stands for its `socket.timeout.ms` and `delivery.timeout.ms` for `message.timeout.ms`.
//!
//! Mirrors: `ProducerConfig`, `CommonClientConfigs`, `ReplicationConfigs`, `KRaftConfigs`, `LogConfig`; `linger.ms` 5 since
//! KIP-1030, `acks=all` and idempotence since KIP-679. What the real client refuses at start is refused here, with its reason.
//! Simplified: only settings that a rule of this model reads.

use super::protocol::Acks;
use crate::sim::scenario::ScenarioError;
use crate::sim::workload::RECORD_BYTES;
use serde::{Deserialize, Serialize};

/// Which client library sends: both speak the same protocol, with other defaults and another way to repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Client {
    #[default]
    Java,
    Librdkafka,
}

/// What the application does when a send is reported as failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    #[default]
    WriteOff,
    /// It calls `send()` again, once, in the same process.
    SendAgain,
    /// It looks at no report, and takes for done what it has sent.
    Ignore,
}

/// What the application gives as the record's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKey {
    #[default]
    Customer,
    /// No key: the client chooses a partition and keeps to it for a while.
    None,
}

/// The producer's settings. What is not set has the default of its client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProducerConfig {
    #[serde(rename = "producer.client")]
    pub client: Client,
    pub acks: Acks,
    /// Not set: on, unless `acks` or `retries` switch it off silently.
    #[serde(rename = "enable.idempotence")]
    pub enable_idempotence: Option<bool>,
    pub retries: u32,
    /// Not set: the default, raised to `linger.ms` + `request.timeout.ms` if it is below.
    #[serde(rename = "delivery.timeout.ms")]
    pub delivery_timeout_ms: Option<u64>,
    #[serde(rename = "request.timeout.ms")]
    pub request_timeout_ms: Option<u64>,
    #[serde(rename = "linger.ms")]
    pub linger_ms: u64,
    #[serde(rename = "batch.size")]
    pub batch_size: Option<u64>,
    #[serde(rename = "max.in.flight.requests.per.connection")]
    pub max_in_flight: Option<u32>,
    #[serde(rename = "retry.backoff.ms")]
    pub retry_backoff_ms: u64,
    #[serde(rename = "retry.backoff.max.ms")]
    pub retry_backoff_max_ms: u64,
    #[serde(rename = "reconnect.backoff.ms")]
    pub reconnect_backoff_ms: Option<u64>,
    #[serde(rename = "reconnect.backoff.max.ms")]
    pub reconnect_backoff_max_ms: Option<u64>,
    #[serde(rename = "max.request.size")]
    pub max_request_size: u64,
    #[serde(rename = "buffer.memory")]
    pub buffer_memory: Option<u64>,
    #[serde(rename = "max.block.ms")]
    pub max_block_ms: Option<u64>,
    /// Not a setting of Kafka but of the application's `ProducerRecord`.
    #[serde(rename = "app.record.key")]
    pub record_key: RecordKey,
    /// Not a setting of Kafka but a habit of the application.
    #[serde(rename = "app.on.error")]
    pub on_error: OnError,
    /// Set: the application writes in transactions.
    #[serde(rename = "transactional.id")]
    pub transactional_id: Option<String>,
    /// What is added to it at every start of the process.
    #[serde(rename = "transactional.id.suffix")]
    pub transactional_id_suffix: IdSuffix,
    #[serde(rename = "transaction.timeout.ms")]
    pub transaction_timeout_ms: u64,
    /// Records after which the application commits.
    #[serde(rename = "transaction.records")]
    pub transaction_records: u32,
    /// How long a transaction stays open for more of them, in ms.
    #[serde(rename = "transaction.ms")]
    pub transaction_ms: u64,
    /// What the application does with the records of a transaction that was aborted.
    #[serde(rename = "transaction.on.abort")]
    pub transaction_on_abort: OnAbort,
    /// What it does when its producer was fenced.
    #[serde(rename = "transaction.on.fenced")]
    pub transaction_on_fenced: OnFenced,
    /// How many instances of the application there are. They have their turns at the orders.
    #[serde(rename = "app.instances")]
    pub instances: u8,
    /// How many of them, from the last one, write without a transactional.id.
    #[serde(rename = "app.plain")]
    pub plain: u8,
    /// Orders of a turn.
    #[serde(rename = "app.deal")]
    pub deal: u32,
    /// How long after the one before it each further instance is started.
    #[serde(rename = "app.stagger.ms")]
    pub stagger_ms: u64,
}

/// What the application does with a producer that was fenced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFenced {
    /// It closes it and goes on with another one, as a supervisor that restarts it would.
    #[default]
    Restart,
    /// It ends.
    Stop,
}

/// What becomes of the records of a transaction that was aborted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnAbort {
    /// The whole unit is sent again.
    #[default]
    Repeat,
    /// The application writes it off.
    Drop,
}

/// What makes a transactional id another one at every start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdSuffix {
    /// Nothing: the id is stable.
    #[default]
    None,
    /// A random suffix, or the name of a new pod.
    Random,
    /// The number of the instance: stable, and each has its own.
    Instance,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        ProducerConfig {
            client: Client::Java,
            acks: Acks::All,
            enable_idempotence: None,
            retries: 2_147_483_647,
            delivery_timeout_ms: None,
            request_timeout_ms: None,
            linger_ms: 5,
            batch_size: None,
            max_in_flight: None,
            retry_backoff_ms: 100,
            retry_backoff_max_ms: 1_000,
            reconnect_backoff_ms: None,
            reconnect_backoff_max_ms: None,
            max_request_size: 1_048_576,
            buffer_memory: None,
            max_block_ms: None,
            record_key: RecordKey::Customer,
            on_error: OnError::WriteOff,
            transactional_id: None,
            transactional_id_suffix: IdSuffix::None,
            transaction_timeout_ms: 60_000,
            transaction_records: 5,
            transaction_ms: 1_000,
            transaction_on_abort: OnAbort::Repeat,
            transaction_on_fenced: OnFenced::Restart,
            instances: 1,
            plain: 0,
            deal: 1,
            stagger_ms: 0,
        }
    }
}

impl ProducerConfig {
    /// What is in force: the client turns idempotence off without an error when nobody asked for it by name and
    /// `acks` or `retries` rule it out. Source: `ProducerConfig.postProcessAndValidateIdempotenceConfigs`.
    pub fn idempotence(&self) -> bool {
        self.enable_idempotence
            .unwrap_or(self.client == Client::Java && self.acks == Acks::All && self.retries > 0)
    }

    /// Whether the nth instance, counted from 1, writes in transactions.
    pub fn is_transactional(&self, instance: u8) -> bool {
        self.transactional_id.is_some() && instance + self.plain <= self.instances
    }

    fn by_client<T>(&self, java: T, librdkafka: T) -> T {
        match self.client {
            Client::Java => java,
            Client::Librdkafka => librdkafka,
        }
    }

    pub fn request_timeout_ms(&self) -> u64 {
        self.request_timeout_ms
            .unwrap_or(self.by_client(30_000, 60_000))
    }

    pub fn batch_size(&self) -> u64 {
        self.batch_size.unwrap_or(self.by_client(16_384, 1_000_000))
    }

    /// librdkafka's is `queue.buffering.max.kbytes`.
    pub fn buffer_memory(&self) -> u64 {
        self.buffer_memory
            .unwrap_or(self.by_client(33_554_432, 1_073_741_824))
    }

    /// librdkafka never blocks: a full queue is an error at once.
    pub fn max_block_ms(&self) -> u64 {
        self.max_block_ms.unwrap_or(self.by_client(60_000, 0))
    }

    /// librdkafka's default is lowered to 5 by idempotence.
    pub fn max_in_flight(&self) -> u32 {
        let most = if self.idempotence() { 5 } else { 1_000_000 };
        self.max_in_flight.unwrap_or(self.by_client(5, most))
    }

    pub fn reconnect_backoff_ms(&self) -> u64 {
        self.reconnect_backoff_ms.unwrap_or(self.by_client(50, 100))
    }

    pub fn reconnect_backoff_max_ms(&self) -> u64 {
        self.reconnect_backoff_max_ms
            .unwrap_or(self.by_client(1_000, 10_000))
    }

    /// What is in force: one that nobody set is raised with a warning where the others need more. Source:
    /// `KafkaProducer.configureDeliveryTimeout`.
    pub fn delivery_timeout_ms(&self) -> u64 {
        let least = self.linger_ms + self.request_timeout_ms();
        self.delivery_timeout_ms
            .unwrap_or(self.by_client(120_000.max(least), 300_000))
    }

    /// Refuses what the real client refuses at start, with its reason.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        let refuse = |key: &str, why: String| {
            Err(ScenarioError::new(
                format!("producer.{key}"),
                format!("ConfigException: {why}"),
            ))
        };
        if let Some(id) = &self.transactional_id {
            if !self.idempotence() {
                return refuse(
                    "transactional.id",
                    "cannot set a transactional.id without also enabling idempotence".into(),
                );
            }
            if id.is_empty() || id.len() > 64 {
                return refuse("transactional.id", "1 to 64 characters are accepted".into());
            }
        }
        if self.enable_idempotence == Some(true) {
            if self.retries == 0 {
                return refuse("retries", "must be set to non-zero when using the idempotent producer (enable.idempotence=true was set by hand)".into());
            }
            if self.acks != Acks::All {
                return refuse("acks", "must be set to all in order to use the idempotent producer (enable.idempotence=true was set by hand)".into());
            }
        }
        let unless_off = self.by_client(self.enable_idempotence != Some(false), self.idempotence());
        if unless_off && self.max_in_flight() > 5 {
            let key = "max.in.flight.requests.per.connection";
            return refuse(
                key,
                format!(
                    "must be set to at most 5 to use the idempotent producer; it is {} and only enable.idempotence=false allows that",
                    self.max_in_flight()
                ),
            );
        }
        let least = self.linger_ms + self.by_client(self.request_timeout_ms(), 1);
        if let Some(set) = self.delivery_timeout_ms.filter(|&set| set < least) {
            return refuse(
                "delivery.timeout.ms",
                format!(
                    "{set} should be equal to or larger than linger.ms + request.timeout.ms, which is {least}"
                ),
            );
        }
        if self.buffer_memory() < self.batch_size() {
            return refuse(
                "buffer.memory",
                format!(
                    "{} holds no batch of batch.size {}: every send() would be refused",
                    self.buffer_memory(),
                    self.batch_size()
                ),
            );
        }
        if self.plain > 0 && (self.transactional_id.is_none() || self.plain > self.instances) {
            let key = "app.plain";
            let why = "counts instances without a transactional.id among app.instances of an application that has one";
            return refuse(key, why.into());
        }
        for (key, value, least, most) in [
            ("app.instances", u64::from(self.instances), 1, 4),
            ("app.deal", u64::from(self.deal), 1, 100_000),
            ("app.stagger.ms", self.stagger_ms, 0, 3_600_000),
            (
                "max.request.size",
                self.max_request_size,
                RECORD_BYTES,
                1 << 30,
            ),
            ("max.block.ms", self.max_block_ms(), 0, 3_600_000),
            (
                "transaction.timeout.ms",
                self.transaction_timeout_ms,
                1,
                3_600_000,
            ),
            (
                "transaction.records",
                u64::from(self.transaction_records),
                1,
                100_000,
            ),
            ("transaction.ms", self.transaction_ms, 1, 3_600_000),
            ("retries", u64::from(self.retries), 0, 2_147_483_647),
            (
                "max.in.flight.requests.per.connection",
                u64::from(self.max_in_flight()),
                1,
                1_000_000,
            ),
            ("batch.size", self.batch_size(), 1, 1 << 30),
            ("linger.ms", self.linger_ms, 0, 3_600_000),
            (
                "request.timeout.ms",
                self.request_timeout_ms(),
                1,
                3_600_000,
            ),
            (
                "delivery.timeout.ms",
                self.delivery_timeout_ms(),
                1,
                36_000_000,
            ),
            ("retry.backoff.ms", self.retry_backoff_ms, 1, 600_000),
            (
                "reconnect.backoff.ms",
                self.reconnect_backoff_ms(),
                1,
                600_000,
            ),
            (
                "retry.backoff.max.ms",
                self.retry_backoff_max_ms,
                self.retry_backoff_ms,
                600_000,
            ),
            (
                "reconnect.backoff.max.ms",
                self.reconnect_backoff_max_ms(),
                self.reconnect_backoff_ms(),
                600_000,
            ),
        ] {
            if !(least..=most).contains(&value) {
                return refuse(
                    key,
                    format!("{value} is out of range; {least} to {most} is accepted"),
                );
            }
        }
        Ok(())
    }
}

/// The topic's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicConfig {
    pub name: String,
    pub partitions: u16,
    #[serde(rename = "replication.factor")]
    pub replication_factor: u8,
    #[serde(rename = "min.insync.replicas")]
    pub min_insync_replicas: u8,
    #[serde(rename = "unclean.leader.election.enable")]
    pub unclean_leader_election_enable: bool,
    /// The largest batch that a broker takes.
    #[serde(rename = "max.message.bytes")]
    pub max_message_bytes: u64,
    #[serde(rename = "retention.ms")]
    pub retention_ms: u64,
    /// Not set: as many as there are.
    #[serde(rename = "retention.bytes")]
    pub retention_bytes: Option<u64>,
}

impl Default for TopicConfig {
    fn default() -> Self {
        TopicConfig {
            name: "orders".into(),
            partitions: 1,
            replication_factor: 1,
            min_insync_replicas: 1,
            unclean_leader_election_enable: false,
            max_message_bytes: 1_048_588,
            retention_ms: 604_800_000,
            retention_bytes: None,
        }
    }
}

impl TopicConfig {
    pub fn validate(&self, brokers: u8) -> Result<(), ScenarioError> {
        let refuse = |key: &str, why: String| Err(ScenarioError::new(format!("topic.{key}"), why));
        if self.name.is_empty()
            || self.name.len() > 64
            || !self
                .name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        {
            return refuse(
                "name",
                format!(
                    "{:?} is no topic name; up to 64 of a-z A-Z 0-9 . _ - are accepted",
                    self.name
                ),
            );
        }
        if !(1..=16).contains(&self.partitions) {
            return refuse(
                "partitions",
                format!("{} is out of range; 1 to 16 is accepted", self.partitions),
            );
        }
        if !(1..=brokers).contains(&self.replication_factor) {
            return refuse(
                "replication.factor",
                format!(
                    "{} with {brokers} brokers; 1 to {brokers} is accepted",
                    self.replication_factor
                ),
            );
        }
        if self.min_insync_replicas < 1 {
            return refuse(
                "min.insync.replicas",
                "0 is out of range; 1 or more is accepted".into(),
            );
        }
        Ok(())
    }
}

/// The brokers' settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerConfig {
    pub count: u8,
    #[serde(rename = "replica.lag.time.max.ms")]
    pub replica_lag_time_max_ms: u64,
    #[serde(rename = "replica.fetch.wait.max.ms")]
    pub replica_fetch_wait_max_ms: u64,
    #[serde(rename = "replica.fetch.backoff.ms")]
    pub replica_fetch_backoff_ms: u64,
    #[serde(rename = "broker.heartbeat.interval.ms")]
    pub heartbeat_interval_ms: u64,
    #[serde(rename = "broker.session.timeout.ms")]
    pub session_timeout_ms: u64,
    #[serde(rename = "log.retention.check.interval.ms")]
    pub retention_check_ms: u64,
    /// The feature of KIP-966: 1 is on, as in clusters newly made with 4.1 or later; 0 is off.
    #[serde(rename = "eligible.leader.replicas.version")]
    pub eligible_leader_replicas_version: u8,
    #[serde(rename = "group.initial.rebalance.delay.ms")]
    pub group_initial_rebalance_delay_ms: u64,
    #[serde(rename = "transaction.max.timeout.ms")]
    pub transaction_max_timeout_ms: u64,
    #[serde(rename = "transaction.abort.timed.out.transaction.cleanup.interval.ms")]
    pub transaction_cleanup_interval_ms: u64,
    /// The feature of that name: 2 since 4.0.
    #[serde(rename = "transaction.version")]
    pub transaction_version: u8,
    /// Whether leaders ask the coordinator before they take a transactional batch (version 1).
    #[serde(rename = "transaction.partition.verification.enable")]
    pub transaction_verification: bool,
    /// How long a broker works on one request before it appends, in microseconds. Not a setting of Kafka.
    pub append_us: u64,
    /// How often the operating system writes the page cache out. Not a setting of Kafka, whose `log.flush.*` leave it to
    /// the system.
    pub page_cache_ms: u64,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        BrokerConfig {
            count: 3,
            replica_lag_time_max_ms: 30_000,
            replica_fetch_wait_max_ms: 500,
            replica_fetch_backoff_ms: 1_000,
            heartbeat_interval_ms: 2_000,
            session_timeout_ms: 9_000,
            retention_check_ms: 300_000,
            eligible_leader_replicas_version: 1,
            group_initial_rebalance_delay_ms: 3_000,
            transaction_max_timeout_ms: 900_000,
            transaction_cleanup_interval_ms: 10_000,
            transaction_version: 2,
            transaction_verification: true,
            append_us: 500,
            page_cache_ms: 5_000,
        }
    }
}

impl BrokerConfig {
    pub fn validate(&self) -> Result<(), ScenarioError> {
        for (key, value, least, most) in [
            ("count", u64::from(self.count), 1, 5),
            (
                "transaction.max.timeout.ms",
                self.transaction_max_timeout_ms,
                1,
                3_600_000,
            ),
            (
                "transaction.abort.timed.out.transaction.cleanup.interval.ms",
                self.transaction_cleanup_interval_ms,
                10,
                600_000,
            ),
            (
                "transaction.version",
                u64::from(self.transaction_version),
                1,
                2,
            ),
            (
                "group.initial.rebalance.delay.ms",
                self.group_initial_rebalance_delay_ms,
                0,
                600_000,
            ),
            (
                "replica.lag.time.max.ms",
                self.replica_lag_time_max_ms,
                10,
                3_600_000,
            ),
            (
                "replica.fetch.wait.max.ms",
                self.replica_fetch_wait_max_ms,
                1,
                60_000,
            ),
            (
                "replica.fetch.backoff.ms",
                self.replica_fetch_backoff_ms,
                1,
                60_000,
            ),
            (
                "broker.heartbeat.interval.ms",
                self.heartbeat_interval_ms,
                10,
                600_000,
            ),
            (
                "broker.session.timeout.ms",
                self.session_timeout_ms,
                10,
                3_600_000,
            ),
            (
                "log.retention.check.interval.ms",
                self.retention_check_ms,
                1,
                3_600_000,
            ),
            (
                "eligible.leader.replicas.version",
                u64::from(self.eligible_leader_replicas_version),
                0,
                1,
            ),
            ("append_us", self.append_us, 0, 10_000_000),
            ("page_cache_ms", self.page_cache_ms, 1, 3_600_000),
        ] {
            if !(least..=most).contains(&value) {
                return Err(ScenarioError::new(
                    format!("brokers.{key}"),
                    format!("{value} is out of range; {least} to {most} is accepted"),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acks_or_retries_switch_idempotence_off_silently_and_an_explicit_true_refuses_them() {
        let config = |json: &str| serde_json::from_str::<ProducerConfig>(json).expect("valid JSON");
        assert!(config("{}").idempotence());
        for broken in [r#""acks": "1""#, r#""retries": 0"#] {
            let silent = config(&format!("{{{broken}}}"));
            assert!(
                !silent.idempotence() && silent.validate().is_ok(),
                "{broken}"
            );
            let explicit = config(&format!("{{{broken}, \"enable.idempotence\": true}}"));
            assert!(explicit.validate().is_err(), "{broken}");
        }
    }

    #[test]
    fn more_than_five_in_flight_stops_the_client_unless_idempotence_is_off_by_hand() {
        let many = |idempotence| ProducerConfig {
            max_in_flight: Some(6),
            enable_idempotence: idempotence,
            ..ProducerConfig::default()
        };
        assert!(many(None).validate().is_err());
        assert!(many(Some(true)).validate().is_err());
        assert!(many(Some(false)).validate().is_ok());
    }

    #[test]
    fn a_delivery_timeout_that_is_too_short_is_raised_unless_somebody_set_it() {
        let config = |json: &str| serde_json::from_str::<ProducerConfig>(json).expect("valid JSON");
        assert_eq!(config("{}").delivery_timeout_ms(), 120_000);
        let slow = r#""request.timeout.ms": 200000"#;
        let raised = config(&format!("{{{slow}}}"));
        assert!(raised.validate().is_ok());
        assert_eq!(raised.delivery_timeout_ms(), 200_005);
        let set = config(&format!("{{{slow}, \"delivery.timeout.ms\": 120000}}"));
        let error = set.validate().expect_err("refused").to_string();
        assert!(
            error.contains("ConfigException") && error.contains("200005"),
            "{error}"
        );
    }

    /// Source: librdkafka's `CONFIGURATION.md`.
    #[test]
    fn librdkafka_is_not_safe_by_default() {
        let config = |json: &str| serde_json::from_str::<ProducerConfig>(json).expect("valid JSON");
        let plain = config(r#"{"producer.client": "librdkafka"}"#);
        assert!(!plain.idempotence() && plain.validate().is_ok());
        assert_eq!(plain.max_in_flight(), 1_000_000);
        assert_eq!(
            (plain.delivery_timeout_ms(), plain.request_timeout_ms()),
            (300_000, 60_000)
        );
        let safe = config(r#"{"producer.client": "librdkafka", "enable.idempotence": true}"#);
        assert_eq!((safe.max_in_flight(), safe.validate().is_ok()), (5, true));
        let java = config("{}");
        assert!(java.idempotence());
        assert_eq!((java.max_in_flight(), java.batch_size()), (5, 16_384));
    }
}
