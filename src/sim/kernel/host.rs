//! A simulated process: what is on its disk survives a crash, what is in its memory does not.

use super::context::Context;
use crate::sim::message::Message;
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// A host by its place in the cast of the run (`trace::Cast` has the names).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(pub u8);

/// What a crash takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loses {
    /// The process dies; the operating system keeps what was written.
    Memory,
    /// The machine loses power: what was never flushed is gone too.
    Unflushed,
    /// The disk is gone.
    Disk,
}

/// A state machine: its configuration is fixed, `Disk` survives a crash, `Memory` does not.
///
/// No program contains crash code, so none can be too kind to itself. A handler is atomic: what a crash could tear
/// apart in reality must be two steps joined by a message to oneself.
pub trait Program {
    type Disk: Default;
    type Memory;

    fn boot(&self, disk: &mut Self::Disk, cx: &mut Context) -> Self::Memory;

    fn on_message(
        &self,
        disk: &mut Self::Disk,
        memory: &mut Self::Memory,
        from: HostId,
        message: Message,
        cx: &mut Context,
    );

    /// Drops what was written but never flushed.
    fn on_power_loss(&self, _disk: &mut Self::Disk) {}
}

/// A process of a program: alive while it has memory.
pub struct Host<P: Program> {
    /// Fixed, so clones share it.
    pub program: Rc<P>,
    pub disk: P::Disk,
    pub memory: Option<P::Memory>,
}

impl<P: Program> Clone for Host<P>
where
    P::Disk: Clone,
    P::Memory: Clone,
{
    fn clone(&self) -> Self {
        Host {
            program: self.program.clone(),
            disk: self.disk.clone(),
            memory: self.memory.clone(),
        }
    }
}

impl<P: Program> Host<P> {
    pub fn new(program: P) -> Self {
        Host {
            program: Rc::new(program),
            disk: P::Disk::default(),
            memory: None,
        }
    }

    pub fn boot(&mut self, cx: &mut Context) {
        self.memory = Some(self.program.boot(&mut self.disk, cx));
    }

    pub fn handle(&mut self, from: HostId, message: Message, cx: &mut Context) {
        if let Some(memory) = &mut self.memory {
            self.program
                .on_message(&mut self.disk, memory, from, message, cx);
        }
    }

    pub fn crash(&mut self, loses: Loses) {
        self.memory = None;
        match loses {
            Loses::Memory => {}
            Loses::Unflushed => self.program.on_power_loss(&mut self.disk),
            Loses::Disk => self.disk = P::Disk::default(),
        }
    }
}
