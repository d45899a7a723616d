//! The operator behind the exchange: its inputs, barriers, watermark and windows.
//!
//! Mirrors: `StreamOneInputProcessor` over a `CheckpointedInputGate`, `KeyGroupRangeAssignment`.
//! Simplified: buffers have no end, so nothing runs out of credit.

use super::barrier::{BarrierHandler, Mode};
use super::message::Element;
use super::source::release;
use super::storage::Held;
use super::watermark::Valve;
use super::window::{Assigner, WindowOperator};
use super::{CheckpointingMode, FlinkConfig, WindowType};
use crate::sim::workload::Key;
use std::collections::VecDeque;

/// What an operator has in memory.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Per input: what has come and is not processed, each with its place in the order of arrival.
    inputs: Vec<VecDeque<(u64, Element)>>,
    arrived: u64,
    pub barriers: BarrierHandler,
    pub valve: Valve,
    pub windows: Option<WindowOperator<Key, Held>>,
    /// The record in work, and the input that it came by.
    pub busy: Option<(usize, Element)>,
}

impl Operator {
    pub fn new(config: &FlinkConfig, restored: Option<WindowOperator<Key, Held>>) -> Self {
        let channels = if config.is_windowed() {
            usize::from(config.parallelism)
        } else {
            1
        };
        // Unaligned checkpoints exist with exactly-once only.
        let mode = match config.checkpointing_mode {
            CheckpointingMode::AtLeastOnce => Mode::AtLeastOnce,
            // A chain has no buffers that a barrier could overtake.
            CheckpointingMode::ExactlyOnce
                if config.is_windowed()
                    && config.unaligned
                    && config.aligned_checkpoint_timeout == 0 =>
            {
                Mode::Unaligned
            }
            CheckpointingMode::ExactlyOnce => Mode::Aligned,
        };
        let size = config.window_size as i64;
        let offset = config.window_offset;
        let assigner = match config.window_type {
            WindowType::None => None,
            WindowType::Tumbling => Some(Assigner::Tumbling { size, offset }),
            WindowType::Sliding => Some(Assigner::Sliding {
                size,
                slide: config.window_slide as i64,
                offset,
            }),
            WindowType::Session => Some(Assigner::Session {
                gap: config.window_gap as i64,
            }),
        };
        let lateness = config.allowed_lateness as i64;
        let fresh = assigner.map(|assigner| WindowOperator::new(assigner, lateness));
        Operator {
            inputs: vec![VecDeque::new(); channels],
            arrived: 0,
            barriers: BarrierHandler::new(mode, channels),
            valve: Valve::new(channels, release(config)),
            windows: restored.or(fresh),
            busy: None,
        }
    }

    pub fn push(&mut self, channel: usize, element: Element) {
        self.arrived += 1;
        self.inputs[channel].push_back((self.arrived, element));
    }

    /// The element that came first by an input that need not wait.
    pub fn pop(&mut self) -> Option<(usize, Element)> {
        let open = |channel: &usize| !self.barriers.is_blocked(*channel);
        let first = |channel: usize| {
            let head = self.inputs[channel].front();
            head.map(|&(order, _)| (order, channel))
        };
        let channels = (0..self.inputs.len()).filter(open);
        let (_, channel) = channels.filter_map(first).min()?;
        let (_, element) = self.inputs[channel].pop_front()?;
        Some((channel, element))
    }

    /// What the barriers of a checkpoint overtake on these inputs: everything that is here, not processed, and ahead of them.
    pub fn in_flight(
        &self,
        checkpoint: u64,
        overtaken: impl Fn(usize) -> bool,
    ) -> Vec<Vec<Element>> {
        let of = |channel: usize| {
            if !overtaken(channel) {
                return Vec::new();
            }
            let busy = self.busy.iter().filter(|(of, _)| *of == channel);
            let busy = busy.map(|(_, element)| element);
            let waiting = self.inputs[channel].iter().map(|(_, element)| element);
            let own =
                |element: &&Element| matches!(element, Element::Barrier(n, _) if *n == checkpoint);
            let ahead = waiting.take_while(|element| !own(element));
            let data = |element: &&Element| !matches!(element, Element::Barrier(..));
            busy.chain(ahead).filter(data).cloned().collect()
        };
        (0..self.inputs.len()).map(of).collect()
    }

    /// Barriers that wait behind data, taken out: they overtake it now.
    pub fn take_barriers(&mut self, checkpoint: u64) -> Vec<usize> {
        let mut taken = Vec::new();
        for (channel, input) in self.inputs.iter_mut().enumerate() {
            let before = input.len();
            input.retain(
                |(_, element)| !matches!(element, Element::Barrier(n, _) if *n == checkpoint),
            );
            if input.len() < before {
                taken.push(channel);
            }
        }
        taken
    }

    pub fn is_idle(&self) -> bool {
        self.busy.is_none() && self.inputs.iter().all(VecDeque::is_empty)
    }

    /// Windows that are kept.
    pub fn rows(&self) -> u32 {
        let panes = |windows: &WindowOperator<Key, Held>| windows.panes().count() as u32;
        self.windows.as_ref().map_or(0, panes)
    }
}

/// The most key groups that a job with this small a parallelism has.
const MAX_PARALLELISM: u32 = 128;

/// The task that a key belongs to. Source: `KeyGroupRangeAssignment`, `MathUtils.murmurHash`.
pub fn task_of(key: Key, parallelism: u8) -> usize {
    let mut code = key.0.wrapping_mul(0xcc9e_2d51).rotate_left(15);
    code = code.wrapping_mul(0x1b87_3593).rotate_left(13);
    code = code.wrapping_mul(5).wrapping_add(0xe654_6b64) ^ 4;
    code = (code ^ (code >> 16)).wrapping_mul(0x85eb_ca6b);
    code = (code ^ (code >> 13)).wrapping_mul(0xc2b2_ae35);
    code ^= code >> 16;
    let group = (code as i32).unsigned_abs() % MAX_PARALLELISM;
    (group * u32::from(parallelism) / MAX_PARALLELISM) as usize
}
