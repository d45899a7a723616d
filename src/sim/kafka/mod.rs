//! Apache Kafka: the log, its replication, and the Java producer.
//!
//! Knows neither engines nor sinks; they know it by its protocol only.

pub mod broker;
pub mod config;
pub mod controller;
pub mod log;
pub mod partitioner;
pub mod producer;
pub mod protocol;
