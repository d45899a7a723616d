//! Event-time watermarks: what each `withWatermark` has seen, and the one value of the whole query.
//!
//! Mirrors: `WatermarkTracker`, `EventTimeWatermarkExec`. Simplified: nothing.

use crate::sim::kernel::EventTime;
use serde::{Deserialize, Serialize};

/// `spark.sql.streaming.multipleWatermarkPolicy`: which of several watermarks counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WatermarkPolicy {
    /// The slowest: an input that has not delivered holds all back.
    #[default]
    Min,
    /// The fastest: what the slower inputs bring may be late.
    Max,
}

/// The watermarks of a query. What the inputs have delivered is lost with the process; the global value is in the checkpoint.
#[derive(Clone, Debug)]
pub struct Tracker {
    policy: WatermarkPolicy,
    /// Index: input. Its delay in ms, if it has a watermark.
    delays: Vec<Option<u64>>,
    /// Index: input. The highest event time so far less the delay.
    own: Vec<Option<EventTime>>,
    global: EventTime,
}

impl Tracker {
    /// A tracker that goes on from `global`; a new query begins with 0.
    pub fn new(policy: WatermarkPolicy, delays: Vec<Option<u64>>, global: EventTime) -> Self {
        Tracker {
            policy,
            own: vec![None; delays.len()],
            delays,
            global,
        }
    }

    pub fn global(&self) -> EventTime {
        self.global
    }

    /// Takes in the highest event time that each input had in a batch. An input that never delivered counts as 0, and the
    /// global watermark never goes back.
    pub fn observe(&mut self, maxima: &[Option<EventTime>]) {
        let mut chosen: Option<EventTime> = None;
        for (index, delay) in self.delays.iter().enumerate() {
            let Some(delay) = *delay else { continue };
            let seen = maxima.get(index).copied().flatten();
            let behind = seen.map(|max| EventTime::from_ms(max.ms() - delay as i64));
            self.own[index] = self.own[index].max(behind);
            let own = self.own[index].unwrap_or(EventTime::from_ms(0));
            chosen = Some(match (chosen, self.policy) {
                (None, _) => own,
                (Some(other), WatermarkPolicy::Min) => own.min(other),
                (Some(other), WatermarkPolicy::Max) => own.max(other),
            });
        }
        self.global = self.global.max(chosen.unwrap_or(self.global));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The global watermark after batches of two inputs with delays of 5 and 10.
    fn global(policy: WatermarkPolicy, batches: &[[Option<i64>; 2]]) -> i64 {
        let start = EventTime::from_ms(0);
        let mut tracker = Tracker::new(policy, vec![Some(5), Some(10)], start);
        for batch in batches {
            tracker.observe(&batch.map(|max| max.map(EventTime::from_ms)));
        }
        tracker.global().ms()
    }

    #[test]
    fn the_policy_chooses_and_nothing_goes_back() {
        use WatermarkPolicy::{Max, Min};
        for (policy, batches, expected) in [
            (Min, &[[Some(100), Some(100)]][..], 90),
            (Max, &[[Some(100), Some(100)]], 95),
            // An input that never delivered counts as 0.
            (Min, &[[Some(100), None]], 0),
            (Max, &[[Some(100), None]], 95),
            (Min, &[[Some(100), None], [None, Some(50)]], 40),
            (Max, &[[Some(100), Some(100)], [Some(50), Some(50)]], 95),
            // A delay beyond the largest event time leaves it at 0.
            (Max, &[[Some(3), None]], 0),
        ] {
            assert_eq!(
                global(policy, batches),
                expected,
                "{policy:?} over {batches:?}"
            );
        }
    }
}
