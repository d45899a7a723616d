//! Apache Kafka: the log, its replication, and the Java producer.
//!
//! Mirrors: Apache Kafka 4.x brokers in KRaft mode with the Java client. Each module says which classes.
//! Simplified: one topic; one producing application.
//!
//! Knows neither engines nor sinks; they know it by its protocol only.

pub mod broker;
pub mod config;
pub mod controller;
pub mod group;
pub mod log;
pub mod partitioner;
pub mod producer;
pub mod protocol;
#[cfg(test)]
mod stand;
pub mod transaction;
pub mod transactional;
pub mod transactional_producer;
