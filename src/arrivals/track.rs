//! The watermark's way, played once for every fixed delay.
//!
//! Under a fixed delay a watermark is a highest event time less that delay. When it moves, and which values a record is judged
//! by, does not depend on how long the delay is: so a pass without any delay is every delay's pass, with values that lie that
//! much lower. Spark begins at 0 instead of at nothing, so event times have to lie beyond the delay there ([`Track::holds_for`]).

use super::pace::{Engine, Listener, Moment, Pace};
use super::replay::point_step;
use super::strategy::{NEVER, Strategy};
use super::{Arrival, Arrivals};

/// What a pass without any delay has seen.
pub struct Track {
    engine: Engine,
    processing_ms: u64,
    /// In order: windows that end no later than the first (ms) are done, with results that can be seen at the second (µs).
    pub advances: Vec<(i64, i64)>,
    /// Index: record. How many advances came before it.
    pub before: Vec<u32>,
    /// Index: advances so far. When what a record causes at once can be seen in Spark, in microseconds.
    visible_us: Vec<i64>,
    /// What records are judged by until the watermark has moved.
    start: i64,
    /// Evenly spread moments.
    pub points: Vec<Mark>,
    /// Micro-batches; 0 in Flink.
    pub batches: u32,
    first_ms: i64,
    least_ms: i64,
}

/// A moment of the pass, right after a record.
#[derive(Clone, Copy)]
pub struct Mark {
    pub index: usize,
    pub at_us: i64,
    watermark: i64,
    /// Advances so far.
    pub advances: usize,
}

/// Advances and records as they come.
#[derive(Default)]
struct Heard {
    advances: Vec<(i64, i64)>,
    before: Vec<u32>,
    visible_us: Vec<i64>,
}

impl Listener for Heard {
    fn record(&mut self, _: usize, _: &Arrival, moment: Moment) {
        self.before.push(self.advances.len() as u32);
        self.visible_us.resize(self.advances.len() + 1, 0);
        self.visible_us[self.advances.len()] = moment.visible_us;
    }

    fn advance(&mut self, closed: i64, visible_us: i64) {
        self.advances.push((closed, visible_us));
    }
}

impl Track {
    pub fn new(arrivals: &Arrivals, engine: Engine, processing_ms: u64) -> Track {
        let none = Strategy::Fixed { delay_ms: 0 };
        let partitions = arrivals.partitions.len().max(1);
        let mut pace = Pace::new(engine, none, processing_ms, partitions);
        let mut heard = Heard::default();
        heard.before.reserve(arrivals.len());
        let mut points = Vec::new();
        let step = point_step(arrivals.len());
        let mut least_ms = i64::MAX;
        for (index, row) in arrivals.rows().iter().enumerate() {
            pace.record(index, row, &mut heard);
            least_ms = least_ms.min(row.event_us);
            if index % step == step - 1 {
                points.push(Mark {
                    index,
                    at_us: row.at_us,
                    watermark: pace.watermark(),
                    advances: heard.advances.len(),
                });
            }
        }
        pace.end(&mut heard);
        Track {
            engine,
            processing_ms,
            advances: heard.advances,
            before: heard.before,
            visible_us: heard.visible_us,
            start: match engine {
                Engine::Flink(_) => NEVER + 1,
                Engine::Spark(_) => 0,
            },
            points,
            batches: pace.batches(),
            first_ms: arrivals.rows().first().map_or(0, Arrival::event_ms),
            least_ms: least_ms.div_euclid(1_000),
        }
    }

    pub fn is_for(&self, engine: Engine, processing_ms: u64) -> bool {
        self.engine == engine && self.processing_ms == processing_ms
    }

    /// Whether a watermark with this delay (ms) goes the same way.
    pub fn holds_for(&self, delay_ms: u64) -> bool {
        match self.engine {
            Engine::Flink(_) => true,
            Engine::Spark(_) => self.least_ms >= 0 && self.first_ms > delay_ms as i64,
        }
    }

    /// What a record is judged by after so many advances, under a delay.
    pub fn closed(&self, advances: u32, delay_ms: u64) -> i64 {
        match self.advances[..advances as usize].last() {
            Some(&(closed, _)) => self.shifted(closed, delay_ms),
            None => self.start,
        }
    }

    /// A value of this pass as it is under a delay.
    pub fn shifted(&self, closed: i64, delay_ms: u64) -> i64 {
        if closed == self.start {
            return closed;
        }
        closed - delay_ms as i64
    }

    /// The greatest delay with which something that ends then (ms) is too late after so many advances; none if it never is.
    pub fn need(&self, advances: u32, end: i64) -> Option<i64> {
        let &(closed, _) = self.advances[..advances as usize].last()?;
        (closed != self.start && closed >= end).then(|| closed - end)
    }

    /// The advance that closes a window of this end under a delay.
    pub fn closing(&self, end: i64, delay_ms: u64) -> Option<usize> {
        let reached = end.saturating_add(delay_ms as i64);
        let place = self
            .advances
            .partition_point(|&(closed, _)| closed < reached);
        (place < self.advances.len()).then_some(place)
    }

    /// What a record meets, as [`Pace`] would tell it.
    pub fn moment(&self, index: usize, row: &Arrival, delay_ms: u64) -> Moment {
        let before = self.before[index];
        let (visible_us, batch) = match self.engine {
            Engine::Flink(_) => (row.at_us + self.processing_ms as i64 * 1_000, 0),
            Engine::Spark(_) => (self.visible_us[before as usize], before + 1),
        };
        Moment {
            closed: self.closed(before, delay_ms),
            visible_us,
            batch,
        }
    }

    /// The watermark at a moment under a delay; none before the first.
    pub fn watermark(&self, mark: &Mark, delay_ms: u64) -> Option<i64> {
        match self.engine {
            Engine::Flink(_) if mark.watermark <= NEVER => None,
            Engine::Spark(_) if mark.watermark == self.start => Some(mark.watermark),
            _ => Some(mark.watermark - delay_ms as i64),
        }
    }
}
