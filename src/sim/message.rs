//! What programs say to each other; a timer is a message to oneself. Nested by system, because only peers read them.

#[cfg(not(feature = "lean"))]
use super::engines::flink;
use super::engines::{consumer, spark};
use super::kafka::protocol as kafka;
#[cfg(not(feature = "lean"))]
use super::sinks::hudi::compactor;
use super::store;
use super::workload::Record;
#[cfg(not(feature = "lean"))]
use std::fmt;

#[derive(Clone, Debug)]
pub enum Message {
    Kafka(kafka::Message),
    Store(store::Message),
    Spark(spark::Message),
    Consumer(consumer::Message),
    #[cfg(not(feature = "lean"))]
    Flink(flink::Message),
    /// The business hands a record to the producing application.
    Order(Record),
    /// The application decides to abort the transaction in hand.
    GiveUp,
    #[cfg(not(feature = "lean"))]
    Hudi(compactor::Message),
    /// The connection to the sender of this message is broken.
    Disconnected,
}

impl Message {
    /// What the message is called in every run that sends it, if it has such a name: two runs that differ in one
    /// setting give the same delay to the same message.
    pub fn name(&self) -> Option<u64> {
        match self {
            Message::Kafka(message) => message.name(),
            #[cfg(not(feature = "lean"))]
            Message::Hudi(_) => None,
            Message::Store(_)
            | Message::Spark(_)
            | Message::Consumer(_)
            | Message::Order(_)
            | Message::GiveUp
            | Message::Disconnected => None,
            #[cfg(not(feature = "lean"))]
            Message::Flink(_) => None,
        }
    }
}

impl From<kafka::Message> for Message {
    fn from(message: kafka::Message) -> Self {
        Message::Kafka(message)
    }
}

#[cfg(not(feature = "lean"))]
impl From<compactor::Message> for Message {
    fn from(message: compactor::Message) -> Self {
        Message::Hudi(message)
    }
}

impl From<store::Message> for Message {
    fn from(message: store::Message) -> Self {
        Message::Store(message)
    }
}

impl From<spark::Message> for Message {
    fn from(message: spark::Message) -> Self {
        Message::Spark(message)
    }
}

impl From<consumer::Message> for Message {
    fn from(message: consumer::Message) -> Self {
        Message::Consumer(message)
    }
}

#[cfg(not(feature = "lean"))]
impl From<flink::Message> for Message {
    fn from(message: flink::Message) -> Self {
        Message::Flink(message)
    }
}

#[cfg(not(feature = "lean"))]
impl Message {
    /// What it is, in the words of its name in the protocol: "fetch", "request put".
    pub fn words(&self) -> String {
        let mut head = Head::default();
        // It ends with an error as soon as the fields begin.
        let _ = fmt::Write::write_fmt(&mut head, format_args!("{self:?}"));
        let mut words: Vec<&str> = head.0.split('(').filter(|word| !word.is_empty()).collect();
        if words.len() > 1 {
            // The system that it belongs to.
            words.remove(0);
        }
        let mut text = String::new();
        for c in words.join(" ").chars() {
            if c.is_ascii_uppercase() && !text.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
            text.push(c.to_ascii_lowercase());
        }
        text
    }
}

/// Takes in the names at the head of a debug text and refuses the rest.
#[cfg(not(feature = "lean"))]
#[derive(Default)]
struct Head(String);

#[cfg(not(feature = "lean"))]
impl fmt::Write for Head {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '(');
        self.0.push_str(&text[..end.unwrap_or(text.len())]);
        end.map_or(Ok(()), |_| Err(fmt::Error))
    }
}
