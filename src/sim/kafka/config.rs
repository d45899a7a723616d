//! Kafka's settings under their real keys, with the defaults of Kafka 4.x.
//!
//! Mirrors: `ProducerConfig`, `CommonClientConfigs`, `ReplicationConfigs`, `KRaftConfigs`, `LogConfig`; `linger.ms` 5 since
//! KIP-1030, `acks=all` and idempotence since KIP-679. What the real client refuses at start is refused here, with its reason.
//! Simplified: only settings that a rule of this model reads; a `delivery.timeout.ms` that nobody set is not raised to
//! `linger.ms` + `request.timeout.ms`, as the client does, but refused like one that was set.

use super::protocol::Acks;
use crate::sim::scenario::ScenarioError;
use serde::{Deserialize, Serialize};

/// The Java producer's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProducerConfig {
    pub acks: Acks,
    /// Not set: on, unless `acks` or `retries` switch it off silently.
    #[serde(rename = "enable.idempotence")]
    pub enable_idempotence: Option<bool>,
    pub retries: u32,
    #[serde(rename = "delivery.timeout.ms")]
    pub delivery_timeout_ms: u64,
    #[serde(rename = "request.timeout.ms")]
    pub request_timeout_ms: u64,
    #[serde(rename = "linger.ms")]
    pub linger_ms: u64,
    #[serde(rename = "batch.size")]
    pub batch_size: u64,
    #[serde(rename = "max.in.flight.requests.per.connection")]
    pub max_in_flight: u32,
    #[serde(rename = "retry.backoff.ms")]
    pub retry_backoff_ms: u64,
    #[serde(rename = "retry.backoff.max.ms")]
    pub retry_backoff_max_ms: u64,
    #[serde(rename = "reconnect.backoff.ms")]
    pub reconnect_backoff_ms: u64,
    #[serde(rename = "reconnect.backoff.max.ms")]
    pub reconnect_backoff_max_ms: u64,
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
}

impl Default for ProducerConfig {
    fn default() -> Self {
        ProducerConfig {
            acks: Acks::All,
            enable_idempotence: None,
            retries: 2_147_483_647,
            delivery_timeout_ms: 120_000,
            request_timeout_ms: 30_000,
            linger_ms: 5,
            batch_size: 16_384,
            max_in_flight: 5,
            retry_backoff_ms: 100,
            retry_backoff_max_ms: 1_000,
            reconnect_backoff_ms: 50,
            reconnect_backoff_max_ms: 1_000,
            transactional_id: None,
            transactional_id_suffix: IdSuffix::None,
            transaction_timeout_ms: 60_000,
            transaction_records: 5,
            transaction_ms: 1_000,
            transaction_on_abort: OnAbort::Repeat,
        }
    }
}

impl ProducerConfig {
    /// What is in force: the client turns idempotence off without an error when nobody asked for it by name and
    /// `acks` or `retries` rule it out. Source: `ProducerConfig.postProcessAndValidateIdempotenceConfigs`.
    pub fn idempotence(&self) -> bool {
        self.enable_idempotence
            .unwrap_or(self.acks == Acks::All && self.retries > 0)
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
        if self.enable_idempotence != Some(false) && self.max_in_flight > 5 {
            let key = "max.in.flight.requests.per.connection";
            return refuse(
                key,
                format!(
                    "must be set to at most 5 to use the idempotent producer; it is {} and only enable.idempotence=false allows that",
                    self.max_in_flight
                ),
            );
        }
        if self.delivery_timeout_ms < self.linger_ms + self.request_timeout_ms {
            let least = self.linger_ms + self.request_timeout_ms;
            return refuse(
                "delivery.timeout.ms",
                format!(
                    "{} should be equal to or larger than linger.ms + request.timeout.ms, which is {least}",
                    self.delivery_timeout_ms
                ),
            );
        }
        for (key, value, least, most) in [
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
                u64::from(self.max_in_flight),
                1,
                1_000_000,
            ),
            ("batch.size", self.batch_size, 1, 1 << 30),
            ("linger.ms", self.linger_ms, 0, 3_600_000),
            ("request.timeout.ms", self.request_timeout_ms, 1, 3_600_000),
            (
                "delivery.timeout.ms",
                self.delivery_timeout_ms,
                1,
                36_000_000,
            ),
            ("retry.backoff.ms", self.retry_backoff_ms, 1, 600_000),
            (
                "reconnect.backoff.ms",
                self.reconnect_backoff_ms,
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
                self.reconnect_backoff_max_ms,
                self.reconnect_backoff_ms,
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
}

impl Default for TopicConfig {
    fn default() -> Self {
        TopicConfig {
            name: "orders".into(),
            partitions: 1,
            replication_factor: 1,
            min_insync_replicas: 1,
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
            group_initial_rebalance_delay_ms: 3_000,
            transaction_max_timeout_ms: 900_000,
            transaction_cleanup_interval_ms: 10_000,
            transaction_version: 2,
            transaction_verification: true,
            append_us: 500,
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
            ("append_us", self.append_us, 0, 10_000_000),
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
            max_in_flight: 6,
            enable_idempotence: idempotence,
            ..ProducerConfig::default()
        };
        assert!(many(None).validate().is_err());
        assert!(many(Some(true)).validate().is_err());
        assert!(many(Some(false)).validate().is_ok());
    }
}
