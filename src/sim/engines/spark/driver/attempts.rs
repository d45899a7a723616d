//! What the sink does when a write fails, and what it does around a commit: signs of life, clean-up, inline compaction.
//!
//! Mirrors: `HoodieStreamingSink.addBatch` (the loop of attempts, `ignore.failed.batch`), `HoodieHeartbeatClient`,
//! `CleanActionExecutor` under LAZY.
//! Simplified: an exhausted sink ends the query; in Spark it ends the process (`System.exit(1)`).

use super::{Driver, Memory, Phase};
use crate::sim::engines::spark::Message;
use crate::sim::kernel::{Context, Span, Time};
use crate::sim::sinks::hudi::{FailedWritesPolicy, HudiConfig, Timeline};
use crate::sim::store::{self, Objects};
use crate::sim::trace::Fact;

pub(super) const STORE_ERROR: &str = "the store refused an operation";

impl Driver {
    /// The sink's settings; `{checkpoint}` in the identifier is the query's checkpoint.
    pub(super) fn sink_of(&self, memory: &Memory) -> HudiConfig {
        let life = memory.checkpoint.trim_end_matches('/');
        HudiConfig {
            identifier: self.sink.identifier.replace("{checkpoint}", life),
            ..self.sink.clone()
        }
    }

    pub(super) fn is_lazy(&self) -> bool {
        self.sink.failed_writes_policy() == FailedWritesPolicy::Lazy
    }

    /// An attempt to write the batch failed, wherever in it.
    pub(super) fn attempt_failed(&self, memory: &mut Memory, error: &str, cx: &mut Context) {
        let segment = self.segment;
        let Some((id, attempt)) = memory.batch.as_ref().map(|batch| (batch.id, batch.attempt))
        else {
            return;
        };
        memory.tasks.clear();
        memory.steps.clear();
        let ignores = self.sink.ignores_failures();
        let again = !ignores && attempt < self.sink.attempts();
        let pause = again.then(|| self.sink.retry_pause(attempt));
        let setting = if ignores {
            "hoodie.datasource.write.streaming.ignore.failed.batch"
        } else {
            "hoodie.datasource.write.streaming.retry.count"
        };
        let failed = Fact::WriteFailed {
            segment,
            batch: id,
            attempt,
            error: error.to_string(),
            retry_in: pause,
        };
        cx.note_setting(setting, failed);
        if let Some(pause) = pause {
            memory.phase = Phase::Retrying;
            let attempt = attempt + 1;
            cx.after(pause, Message::RetryBatch { batch: id, attempt });
        } else if ignores {
            // Success at once: the batch is ticked off, written or not.
            cx.note(Fact::BatchIgnored { segment, batch: id });
            self.log_commit(memory, cx);
        } else {
            self.fail(memory, error, cx);
        }
    }

    pub(super) fn try_again(&self, memory: &mut Memory, id: u64, attempt: u32, cx: &mut Context) {
        let Some(batch) = &mut memory.batch else {
            return;
        };
        if memory.phase == Phase::Retrying && batch.id == id {
            batch.attempt = attempt;
            batch.rows.clear();
            batch.slices.clear();
            self.begin_sink(memory, cx);
        }
    }

    /// A task could not write its file: it runs again, up to `spark.task.maxFailures` failures, then the write fails.
    pub(super) fn task_failed(&self, memory: &mut Memory, task: u32, cx: &mut Context) {
        let id = memory.batch.as_ref().map_or(0, |batch| batch.id);
        let Some(entry) = memory.tasks.get_mut(&task) else {
            return;
        };
        entry.attempt += 1;
        if entry.attempt >= self.config.task_max_failures {
            return self.attempt_failed(memory, STORE_ERROR, cx);
        }
        let run = Message::Run {
            batch: id,
            task,
            attempt: entry.attempt,
            work: Box::new(entry.work.clone()),
        };
        cx.send(entry.executor, run);
    }

    /// The heartbeat of the write in hand, for as long as it is in hand.
    pub(super) fn beat(&self, memory: &mut Memory, instant: Time, cx: &mut Context) {
        let over = matches!(
            memory.phase,
            Phase::Idle | Phase::Planning | Phase::LoggingCommit | Phase::Failed
        );
        let now = cx.now();
        let Some(batch) = memory.batch.as_mut() else {
            return;
        };
        if over || batch.instant != instant {
            return;
        }
        batch.last_beat = now;
        let beat = Timeline::heartbeat(self.segment, instant, now);
        cx.send(self.store, store::Message::Request(Box::new(beat)));
        cx.after(
            Span::from_ms(self.sink.heartbeat_interval_ms),
            Message::Beat { instant },
        );
    }

    /// The clean after a commit, under LAZY: writes whose heartbeat has expired are rolled back.
    pub(super) fn clean(&self, memory: &mut Memory, objects: &Objects, cx: &mut Context) {
        let own = memory.batch.as_ref().map_or(Time::ZERO, |b| b.instant);
        let mut timeline = Timeline::read(objects, self.segment);
        let steps = timeline.clean_failed(objects, own, self.sink.heartbeat_limit(), cx.now());
        if steps.is_empty() {
            self.compact_or_log(memory, cx);
        } else {
            self.do_steps(memory, Phase::CleaningUp, steps, cx);
        }
    }

    /// The table is done with the batch, but for a compaction that the writer waits for.
    pub(super) fn compact_or_log(&self, memory: &mut Memory, cx: &mut Context) {
        #[cfg(not(feature = "lean"))]
        if let (true, Some(compactor)) = (self.sink.compact_inline, self.compactor) {
            memory.phase = Phase::Compacting;
            cx.send(
                compactor,
                crate::sim::sinks::hudi::compactor::Message::Compact,
            );
            return;
        }
        self.log_commit(memory, cx);
    }
}
