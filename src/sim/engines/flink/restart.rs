//! Whether and when a job that failed is started again.
//!
//! Mirrors: `RestartBackoffTimeStrategyFactoryLoader`, `FixedDelayRestartBackoffTimeStrategy`,
//! `ExponentialDelayRestartBackoffTimeStrategy`, `FailureRateRestartBackoffTimeStrategy`.
//! Simplified: `backoff-multiplier` is 1.5, `jitter-factor` 0.1, and `attempts-before-reset-backoff` has no end.

use super::config::{FlinkConfig, RestartStrategyName};
use crate::sim::kernel::{Draw, Span, Time};
use std::collections::VecDeque;

/// A restart strategy and what it remembers.
#[derive(Clone, Debug)]
pub enum RestartStrategy {
    None,
    FixedDelay {
        left: u32,
        delay: Span,
    },
    ExponentialDelay {
        initial: Span,
        most: Span,
        reset_after: Span,
        /// Failures since the back-off began anew.
        attempt: u32,
        next: Time,
    },
    FailureRate {
        most: u32,
        within: Span,
        delay: Span,
        failures: VecDeque<Time>,
    },
}

impl RestartStrategy {
    pub fn of(config: &FlinkConfig) -> Self {
        // Without checkpoints a job is not restarted unless somebody says so.
        let usual = if config.checkpointing_interval.is_some() {
            RestartStrategyName::ExponentialDelay
        } else {
            RestartStrategyName::None
        };
        match config.restart_strategy.unwrap_or(usual) {
            RestartStrategyName::None => RestartStrategy::None,
            RestartStrategyName::FixedDelay => RestartStrategy::FixedDelay {
                left: config.fixed_delay_attempts,
                delay: Span::from_ms(config.fixed_delay_ms),
            },
            RestartStrategyName::ExponentialDelay => RestartStrategy::ExponentialDelay {
                initial: Span::from_ms(config.initial_backoff_ms),
                most: Span::from_ms(config.max_backoff_ms),
                reset_after: Span::from_ms(config.reset_backoff_threshold_ms),
                attempt: 0,
                next: Time::ZERO,
            },
            RestartStrategyName::FailureRate => RestartStrategy::FailureRate {
                most: config.max_failures_per_interval,
                within: Span::from_ms(config.failure_rate_interval_ms),
                delay: Span::from_ms(config.failure_rate_delay_ms),
                failures: VecDeque::new(),
            },
        }
    }

    /// The job has failed: how long to wait, or none if it stays down. `jitter` gives -10 to +10 percent of a time.
    pub fn on_failure(&mut self, now: Time, jitter: Draw) -> Option<Span> {
        match self {
            RestartStrategy::None => None,
            RestartStrategy::FixedDelay { left, delay } => {
                *left = left.checked_sub(1)?;
                Some(*delay)
            }
            RestartStrategy::ExponentialDelay {
                initial,
                most,
                reset_after,
                attempt,
                next,
            } => {
                // Failures before the restart are one failure.
                if now > *next {
                    if *next > Time::ZERO && now.since(*next) >= *reset_after {
                        *attempt = 0;
                    }
                    let mut backoff = *initial;
                    for _ in 0..*attempt {
                        backoff = Span::from_micros(backoff.micros() * 3 / 2).min(*most);
                    }
                    let mut jitter = jitter;
                    let backoff = jitter.jitter(backoff, 10).min(*most).max(*initial);
                    *next = now + backoff;
                    *attempt += 1;
                }
                Some(next.since(now))
            }
            RestartStrategy::FailureRate {
                most,
                within,
                delay,
                failures,
            } => {
                failures.push_back(now);
                while failures.len() > *most as usize + 1 {
                    failures.pop_front();
                }
                let full = failures.len() > *most as usize;
                let oldest = failures.front().copied().unwrap_or(now);
                (!full || now.since(oldest) > *within).then_some(*delay)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strategy(config: &str) -> RestartStrategy {
        RestartStrategy::of(&serde_json::from_str(config).expect("valid"))
    }

    fn delays(strategy: &mut RestartStrategy, at_ms: &[u64]) -> Vec<Option<u64>> {
        let draw = |at: u64| Draw::new(1, 0, "restart", at);
        at_ms
            .iter()
            .map(|&at| {
                strategy
                    .on_failure(Time::from_ms(at), draw(at))
                    .map(Span::ms)
            })
            .collect()
    }

    #[test]
    fn what_is_not_set_depends_on_checkpointing() {
        assert!(matches!(strategy("{}"), RestartStrategy::None));
        assert!(matches!(
            strategy(r#"{"execution.checkpointing.interval": 1000}"#),
            RestartStrategy::ExponentialDelay { .. }
        ));
    }

    #[test]
    fn a_fixed_delay_ends_after_its_attempts() {
        let mut fixed = strategy(
            r#"{"restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.attempts": 2}"#,
        );
        let expected = [Some(1_000), Some(1_000), None];
        assert_eq!(delays(&mut fixed, &[10, 20, 30]), expected);
    }

    #[test]
    fn exponential_back_off_grows_to_its_maximum_and_never_ends() {
        let mut exponential = strategy(r#"{"restart-strategy.type": "exponential-delay"}"#);
        let at: Vec<u64> = (1..=30).map(|n| n * 100_000).collect();
        let delays = delays(&mut exponential, &at);
        let delays: Vec<u64> = delays.into_iter().flatten().collect();
        assert_eq!(delays.len(), 30);
        assert!((1_000..=1_100).contains(&delays[0]), "{delays:?}");
        assert!((1_350..=1_650).contains(&delays[1]), "{delays:?}");
        assert!(
            delays[20..]
                .iter()
                .all(|delay| (54_000..=60_000).contains(delay))
        );
    }

    #[test]
    fn a_failure_rate_counts_within_its_interval() {
        let mut rate = strategy(
            r#"{"restart-strategy.type": "failure-rate", "restart-strategy.failure-rate.max-failures-per-interval": 2}"#,
        );
        let at = [0, 100_000, 100_010, 100_020];
        let expected = [Some(1_000), Some(1_000), Some(1_000), None];
        assert_eq!(delays(&mut rate, &at), expected);
    }
}
