//! What the decision framework and the outcome tables say of each cell of the matrix, worked out part by part.
//!
//! A pipeline loses if any part of it loses, and it doubles if any part doubles and the sink does not put a second copy in the
//! place of the first. The profiles P1 to P4 of the decision framework are cells of it:
//!
//! ```text
//! P1  at most once   acks=1, retries=0, no outbox; offsets committed before the work
//! P2  at least once  acks=all, idempotent, outbox; offsets after the work, or a checkpoint
//! P3  effectively    P2 and a sink that overwrites by the business id
//! P4  exactly once   read, work and write in one Kafka transaction; readers with read_committed. What comes before it has a
//!                    guarantee of its own, so it is seen alone where the producer never dies
//! ```

/// What a part of a pipeline can do to a record.
#[derive(Clone, Copy, Default)]
struct Part {
    loses: bool,
    doubles: bool,
}

const SAFE: Part = Part {
    loses: false,
    doubles: false,
};
const LOSES: Part = Part {
    loses: true,
    doubles: false,
};
const DOUBLES: Part = Part {
    loses: false,
    doubles: true,
};
const BOTH: Part = Part {
    loses: true,
    doubles: true,
};

/// Producer, topic and application. Source: the outcome table of producer and broker faults.
fn producer(name: &str) -> Part {
    match name {
        // Rows 1 and 2: nobody sends again; what a dying leader or the application had is gone.
        "acks=0, no outbox" | "acks=1, retries=0, no outbox" => LOSES,
        // Row 3: a repeat has no identity, and the leader acknowledges alone.
        "acks=1" => BOTH,
        // Rows 6 and 4: a repeat of the client or of the application has no identity.
        "acks=all" | "acks=all, retries=0" => DOUBLES,
        // Row 7: the client's repeats are recognised, those of a restarted application are not.
        "idempotent" => DOUBLES,
        "idempotent, no outbox" => LOSES,
        "idempotent, never dies" => SAFE,
        // A restarted application cannot know whether its last transaction was committed in the end, and sends it again.
        "transactional" => DOUBLES,
        other => panic!("no producer named {other}"),
    }
}

/// Engine and sink. Source: the outcome table of consumer faults, Spark's and Hudi's crash points.
fn reading(name: &str, sink: &str) -> Part {
    let native = sink.starts_with("Hudi native");
    match (name, sink) {
        ("consumer, commit before", _) => LOSES,
        ("consumer, commit after" | "consumer, auto-commit", _) => DOUBLES,
        ("consumer, transaction", "topic, read_committed") => SAFE,
        ("consumer, transaction", _) => DOUBLES,
        // The table remembers the batch, or the batch that runs again is written again.
        ("Spark, checkpoint kept", _) if native => SAFE,
        ("Spark, checkpoint kept", _) => DOUBLES,
        // A new query counts its batches from 0, and the table takes them for those it has.
        ("Spark, checkpoint lost", _) if native => LOSES,
        ("Spark, checkpoint lost", _) => DOUBLES,
        (other, _) => panic!("no reading named {other}"),
    }
}

/// The guarantee of a cell, under its name in the matrix.
pub fn guarantee(names: &[String]) -> &'static str {
    let [first, second, sink] = names else {
        panic!("producer, reading and sink: {names:?}");
    };
    let (written, read) = (producer(first), reading(second, sink));
    let by_id = sink == "effects by id" || sink.ends_with("upsert");
    let loses = written.loses || read.loses;
    let doubles = (written.doubles || read.doubles) && !by_id;
    match (loses, doubles) {
        (false, false) => "exactly-once",
        (false, true) => "at-least-once",
        (true, false) => "at-most-once",
        (true, true) => "none",
    }
}
