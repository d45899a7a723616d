//! Named random streams and the distributions drawn from them.
//!
//! Every draw has a generator of its own, seeded from the run's seed, the component, the purpose and the index of the
//! thing that is drawn for. So one more draw somewhere never reshuffles the others: two runs that differ in one
//! setting see the same arrivals and, for what both send, the same delays.
//!
//! Transcendental functions come from `libm`, which is the same everywhere; those of the platform are not.

use super::time::Span;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

/// One named random stream.
pub struct Draw(Xoshiro256PlusPlus);

impl Draw {
    /// The stream of `purpose` at `component`, for the thing numbered `index`.
    pub fn new(seed: u64, component: u64, purpose: &str, index: u64) -> Self {
        Stream::new(seed, component, purpose).draw(index)
    }

    pub fn bits(&mut self) -> u64 {
        use rand::Rng;
        self.0.next_u64()
    }

    /// In [0, 1), with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// A whole number in [0, bound); 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// True with a chance of `per_million` in a million.
    pub fn chance(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    /// Exponentially distributed around `mean`, cut at 20 times the mean.
    pub fn exponential(&mut self, mean: Span) -> Span {
        let factor = -libm::log(1.0 - self.unit());
        Span::from_micros((mean.micros() as f64 * factor.min(20.0)) as u64)
    }

    /// Log-normally distributed: half of the draws are below `median`, and the logarithm has a standard deviation of
    /// `sigma_milli` thousandths.
    #[cfg(not(feature = "lean"))]
    pub fn log_normal(&mut self, median: Span, sigma_milli: u32) -> Span {
        // Box and Muller's transform; only the first of the two normal values is used.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        let normal = radius * libm::cos(core::f64::consts::TAU * self.unit());
        let factor = libm::exp(normal * f64::from(sigma_milli) / 1000.0);
        Span::from_micros((median.micros() as f64 * factor) as u64)
    }

    /// Pareto-distributed with the exponent `alpha_milli` thousandths: never below `least`, and cut at `most`.
    #[cfg(not(feature = "lean"))]
    pub fn pareto(&mut self, least: Span, alpha_milli: u32, most: Span) -> Span {
        let factor = libm::pow(1.0 - self.unit(), -1000.0 / f64::from(alpha_milli.max(1)));
        Span::from_micros((least.micros() as f64 * factor) as u64).min(most)
    }

    /// The pause after `attempts` repeats: doubled each time from `first` up to `most`, with 20 % jitter that never carries
    /// it above `most`. Source: Kafka's `ExponentialBackoff`.
    pub fn backoff(&mut self, first: Span, most: Span, attempts: u32) -> Span {
        if most <= first {
            return most;
        }
        let doubled = first.micros().max(1).saturating_mul(1 << attempts.min(40));
        let factor = 0.8 + 0.4 * self.unit();
        Span::from_micros((doubled.min(most.micros()) as f64 * factor) as u64).min(most)
    }

    /// `span` times a factor drawn evenly from [1 - percent, 1 + percent].
    pub fn jitter(&mut self, span: Span, percent: u64) -> Span {
        let width = span.micros() * percent / 100;
        Span::from_micros(span.micros() - width + self.below(2 * width + 1))
    }
}

/// The stream of a purpose at a component: what all its draws have in common, worked out once.
#[derive(Clone, Copy)]
pub struct Stream(u64);

impl Stream {
    pub fn new(seed: u64, component: u64, purpose: &str) -> Self {
        let mut mixed = mix(seed ^ 0x5354_5245_414d_5052);
        mixed = mix(mixed ^ component);
        for byte in purpose.bytes() {
            mixed = mix(mixed ^ u64::from(byte));
        }
        Stream(mixed)
    }

    /// For the thing numbered `index`.
    pub fn draw(self, index: u64) -> Draw {
        Draw(Xoshiro256PlusPlus::seed_from_u64(mix(self.0 ^ index)))
    }
}

/// The finaliser of SplitMix64: every bit of the input moves about half of the output.
pub const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_its_name_and_index() {
        let first =
            |seed, component, purpose, index| Draw::new(seed, component, purpose, index).bits();
        assert_eq!(first(42, 1, "delay", 7), first(42, 1, "delay", 7));
        for other in [
            first(43, 1, "delay", 7),
            first(42, 2, "delay", 7),
            first(42, 1, "gap", 7),
            first(42, 1, "delay", 8),
        ] {
            assert_ne!(first(42, 1, "delay", 7), other);
        }
    }

    #[test]
    fn the_exponential_has_its_mean() {
        let mean = Span::from_ms(10);
        let sum: u64 = (0..20_000)
            .map(|i| Draw::new(1, 1, "mean", i).exponential(mean).micros())
            .sum();
        assert!(
            (9_800..10_200).contains(&(sum / 20_000)),
            "mean {} us",
            sum / 20_000
        );
    }

    #[cfg(not(feature = "lean"))]
    #[test]
    fn the_log_normal_has_its_percentiles_and_the_pareto_its_tail() {
        let sorted = |draw: fn(Draw) -> u64| {
            let mut drawn: Vec<u64> = (0..20_000)
                .map(|i| draw(Draw::new(1, 1, "tail", i)))
                .collect();
            drawn.sort_unstable();
            drawn
        };
        let near = |value: u64, expected: u64| value.abs_diff(expected) * 100 <= expected * 8;
        // The median, and exp(0.6 * 1.6449) = 2.683 and exp(0.6 * 2.3263) = 4.038 times that.
        let drawn = sorted(|mut draw| draw.log_normal(Span::from_ms(800), 600).ms());
        for (percent, expected) in [(50, 800), (95, 2_146), (99, 3_230)] {
            let value = drawn[20_000 * percent / 100];
            assert!(near(value, expected), "P{percent} is {value}");
        }
        // A share of (100/x)^2 lies above x.
        let most = Span::from_ms(1_500);
        let drawn = sorted(|mut draw| {
            draw.pareto(Span::from_ms(100), 2_000, Span::from_ms(1_500))
                .ms()
        });
        assert!(drawn.iter().all(|&ms| (100..=most.ms()).contains(&ms)));
        for (percent, expected) in [(75, 200), (96, 500), (99, 1_000)] {
            let value = drawn[20_000 * percent / 100];
            assert!(near(value, expected), "P{percent} is {value}");
        }
    }

    #[test]
    fn jitter_stays_in_its_range() {
        let spans = (0..1000).map(|i| Draw::new(1, 1, "jitter", i).jitter(Span::from_ms(100), 20));
        assert!(spans.into_iter().all(|s| (80..=120).contains(&s.ms())));
    }

    #[test]
    fn a_back_off_doubles_with_jitter_and_never_passes_its_limit() {
        let (first, most) = (Span::from_ms(100), Span::from_ms(1_000));
        let drawn = |attempts| {
            let draws = (0..500).map(move |i| Draw::new(1, 1, "backoff", i));
            draws
                .map(|mut draw| draw.backoff(first, most, attempts).ms())
                .collect::<Vec<u64>>()
        };
        for (attempts, range) in [(0, 80..=120), (1, 160..=240), (9, 800..=1_000)] {
            assert!(
                drawn(attempts).iter().all(|ms| range.contains(ms)),
                "{attempts}"
            );
        }
        let at_limit = drawn(9).iter().filter(|&&ms| ms == 1_000).count();
        assert!(
            (200..300).contains(&at_limit),
            "{at_limit} of 500: half of the factors are above 1"
        );
        assert_eq!(Draw::new(1, 1, "backoff", 0).backoff(most, first, 3), first);
    }
}
