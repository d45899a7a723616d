//! Counts and sums by window and key: late filter, state, eviction, and what each output mode emits.
//!
//! Mirrors: `StateStoreSaveExec`, `SessionWindowStateStoreRestoreExec`, `SessionWindowStateStoreSaveExec`.
//! Both comparisons are inclusive: a window is late, or done, from the very watermark that equals its end.

use super::window::{Windows, is_one_session, merged};
use super::{Bounds, Element, Emitted, Metrics, Outcome, OutputMode, State};
use crate::sim::FULL;
use crate::sim::kernel::EventTime;
use crate::sim::ordered::OrdMap;
use crate::sim::origin::Origin;
use crate::sim::trace::{Fact, SegmentId, Source, Window};

/// How rows are grouped and when groups come out.
#[derive(Clone, Copy, Debug)]
pub struct Aggregation {
    /// None: by key alone, for ever.
    pub windows: Option<Windows>,
    /// Grouped by the key too.
    pub keyed: bool,
    pub mode: OutputMode,
    /// Whether the event time has a watermark; without one nothing is late and nothing is done.
    pub watermarked: bool,
}

/// What a group is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    pub window: Option<Window>,
    /// None: all keys together.
    pub key: Option<u32>,
}

#[derive(Clone, Debug, Default)]
pub struct Group {
    pub count: u64,
    pub sum: i64,
    pub origins: Vec<(Origin, Source)>,
}

/// Open groups.
pub type Groups = OrdMap<Slot, Group>;

impl Group {
    fn add(&mut self, other: Group) {
        self.count += other.count;
        self.sum += other.sum;
        self.origins.extend(other.origins);
    }

    fn emitted(&self, slot: Slot) -> Emitted {
        Emitted::Group {
            window: slot.window,
            key: slot.key,
            count: self.count,
            sum: self.sum,
            origins: self.origins.clone(),
        }
    }
}

impl Aggregation {
    fn are_sessions(&self) -> bool {
        FULL && self.windows.is_some_and(Windows::are_sessions)
    }

    /// Whether a window, or a record's own interval, ends no later than a watermark.
    fn is_past(&self, slot: Slot, watermark: EventTime) -> bool {
        self.watermarked && slot.window.is_some_and(|window| window.end <= watermark)
    }

    /// Complete mode keeps everything, so nothing is late in it; only sessions are filtered all the same, where their state
    /// is restored.
    fn drops_late(&self) -> bool {
        self.mode != OutputMode::Complete || self.are_sessions()
    }

    /// Sessions are filtered where they were read, before partitions come together; windows after.
    fn parts(&self, elements: Vec<Element>) -> Vec<Vec<Element>> {
        if !self.are_sessions() {
            return vec![elements];
        }
        let mut parts: OrdMap<u16, Vec<Element>> = OrdMap::new();
        for element in elements {
            let part = parts.entry(element.source.partition.0);
            part.or_default().push(element);
        }
        parts.into_values().collect()
    }

    /// The groups of these elements alone. A session is each record's own interval as yet.
    fn partial(&self, elements: Vec<Element>) -> Groups {
        let mut partial = Groups::new();
        for element in elements {
            let key = self.keyed.then_some(element.key);
            let windows = match self.windows {
                Some(windows) => windows.assign(element.event_time),
                None => Vec::new(),
            };
            let in_windows = windows.into_iter().map(Some);
            for window in in_windows.chain(self.windows.is_none().then_some(None)) {
                partial.entry(Slot { window, key }).or_default().add(Group {
                    count: 1,
                    sum: element.value,
                    origins: element.sourced().into_iter().collect(),
                });
            }
        }
        partial
    }

    /// One batch: drop by the late-event watermark, merge the rest, emit and evict by the eviction watermark.
    pub fn run(
        &self,
        mut state: State,
        elements: Vec<Element>,
        bounds: Bounds,
        segment: SegmentId,
    ) -> Outcome {
        let groups = &mut state.groups;
        let mut metrics = Metrics::default();
        let mut dropped: OrdMap<Window, Vec<(Origin, Source)>> = OrdMap::new();
        let mut counted: OrdMap<Window, Vec<(Origin, Source)>> = OrdMap::new();
        let mut kept: Vec<(Origin, Source)> = Vec::new();
        let mut touched: Vec<Slot> = Vec::new();
        let before: Vec<Slot> = if self.are_sessions() {
            groups.keys().copied().collect()
        } else {
            Vec::new()
        };
        for part in self.parts(elements) {
            for (slot, group) in self.partial(part) {
                if self.drops_late() && self.is_past(slot, bounds.late) {
                    metrics.dropped_by_watermark += 1;
                    if let Some(window) = slot.window {
                        dropped.entry(window).or_default().extend(group.origins);
                    }
                    continue;
                }
                match slot.window {
                    Some(window) => counted.entry(window).or_default().extend(&group.origins),
                    None => kept.extend(&group.origins),
                }
                touched.push(slot);
                if self.are_sessions() {
                    merge_session(groups, slot, group);
                } else {
                    groups.entry(slot).or_default().add(group);
                }
            }
        }
        if self.are_sessions() {
            // A key's sessions are written anew as a whole, changed or not; saved ones whose start is gone are removed.
            let of_touched_key = |slot: &Slot| touched.iter().any(|other| other.key == slot.key);
            let start = |slot: &Slot| slot.window.map(|window| window.start);
            let now: Vec<Slot> = groups
                .keys()
                .filter(|s| of_touched_key(s))
                .copied()
                .collect();
            let stays = |slot: &Slot| {
                let same = |other: &Slot| other.key == slot.key && start(other) == start(slot);
                !of_touched_key(slot) || now.iter().any(same)
            };
            metrics.removed = before.iter().filter(|slot| !stays(slot)).count() as u64;
            touched = now;
        }
        metrics.updated = touched.len() as u64;
        let mut facts = noted(segment, dropped, counted, kept);
        let mut emitted = Vec::new();
        match self.mode {
            OutputMode::Complete => {
                emitted.extend(groups.iter().map(|(slot, group)| group.emitted(*slot)));
            }
            OutputMode::Update => {
                let changed = touched.iter().map(|slot| groups[slot].emitted(*slot));
                emitted.extend(changed);
            }
            OutputMode::Append => {}
        }
        if self.mode != OutputMode::Complete {
            let slots = groups.keys();
            let done = slots.filter(|slot| self.is_past(**slot, bounds.evict));
            let done: Vec<Slot> = done.copied().collect();
            metrics.removed += done.len() as u64;
            let mut released = Vec::new();
            for slot in done {
                let group = groups.remove(&slot).expect("listed just now");
                released.extend(&group.origins);
                closed(&mut facts, segment, slot, group.sum);
                if self.mode == OutputMode::Append {
                    emitted.push(group.emitted(slot));
                }
            }
            if !released.is_empty() {
                let origins = released;
                facts.push(Fact::Released { segment, origins });
            }
        }
        metrics.rows = groups.len() as u64;
        Outcome {
            state,
            emitted,
            facts,
            metrics: Some(metrics),
        }
    }
}

/// A window closes with all its keys at once, so they are one fact.
fn closed(facts: &mut Vec<Fact>, segment: SegmentId, slot: Slot, sum: i64) {
    let Some(closing) = slot.window else { return };
    if let Some(Fact::WindowClosed { window, amount, .. }) = facts.last_mut()
        && *window == closing
    {
        *amount += sum;
        return;
    }
    facts.push(Fact::WindowClosed {
        segment,
        window: closing,
        amount: sum,
    });
}

/// What is told of a batch: one fact a window, however many keys it has.
fn noted(
    segment: SegmentId,
    dropped: OrdMap<Window, Vec<(Origin, Source)>>,
    counted: OrdMap<Window, Vec<(Origin, Source)>>,
    kept: Vec<(Origin, Source)>,
) -> Vec<Fact> {
    let dropped = dropped
        .into_iter()
        .map(|(window, origins)| Fact::DroppedLate {
            segment,
            window,
            origins,
        });
    let counted = counted
        .into_iter()
        .map(|(window, origins)| Fact::Accumulated {
            segment,
            window,
            origins,
        });
    let mut facts: Vec<Fact> = dropped.chain(counted).collect();
    if !kept.is_empty() {
        facts.push(Fact::Kept {
            segment,
            origins: kept,
        });
    }
    facts
}

/// Puts a record's own interval into the sessions of its key.
fn merge_session(groups: &mut Groups, slot: Slot, mut group: Group) {
    let Some(mut window) = slot.window else {
        return;
    };
    loop {
        let one = |other: &&Slot| {
            other.key == slot.key
                && other
                    .window
                    .is_some_and(|other| is_one_session(other, window))
        };
        let Some(other) = groups.keys().find(one).copied() else {
            break;
        };
        let mut whole = groups.remove(&other).expect("found just now");
        whole.add(group);
        group = whole;
        window = other.window.map_or(window, |other| merged(other, window));
    }
    let window = Some(window);
    groups.insert(Slot { window, ..slot }, group);
}
