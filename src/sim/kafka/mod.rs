//! Apache Kafka: the log, its replication, and the Java producer.
//!
//! Mirrors: Apache Kafka 4.x brokers in KRaft mode with the Java client. Each module says which classes.
//! Simplified: one topic, one producer; no consumer groups, no transactions.
//!
//! Knows neither engines nor sinks; they know it by its protocol only.

pub mod broker;
pub mod config;
pub mod controller;
pub mod log;
pub mod partitioner;
pub mod producer;
pub mod protocol;
#[cfg(test)]
mod stand;
