//! The playhead: where in the run the page looks, and whether it moves. Its own state, because it moves at frame rate.

use crate::sim::kernel::Time;
use std::rc::Rc;
use yew::Reducible;

/// Simulated seconds a second, in tenths.
pub const SPEEDS: [u32; 6] = [1, 2, 5, 10, 40, 100];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub at: Time,
    pub playing: bool,
    /// In tenths of real time.
    pub speed: u32,
    /// Playing stops here.
    pub stop: Time,
    /// Where the picture was when it last stood still: what changed since is marked.
    pub rested: Time,
}

impl Default for Head {
    fn default() -> Self {
        Head {
            at: Time::ZERO,
            playing: false,
            speed: 10,
            stop: Time::ZERO,
            rested: Time::ZERO,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Move {
    /// Play from the beginning up to `stop`.
    Restart {
        stop: Time,
    },
    /// Play from here up to `stop`.
    Play {
        stop: Time,
    },
    Pause,
    /// So many microseconds of real time have passed.
    Tick(u64),
    /// Look at this moment, and stand still.
    Seek(Time),
    Speed(u32),
}

impl Reducible for Head {
    type Action = Move;

    fn reduce(self: Rc<Self>, action: Move) -> Rc<Self> {
        let mut head = *self;
        match action {
            Move::Restart { stop } => {
                head = Head {
                    at: Time::ZERO,
                    rested: Time::ZERO,
                    playing: stop > Time::ZERO,
                    stop,
                    ..head
                };
            }
            Move::Play { stop } => {
                head.playing = head.at < stop;
                head.stop = stop;
                head.rested = head.at;
            }
            Move::Pause => head.playing = false,
            Move::Tick(micros) if head.playing => {
                head.at = Time::from_micros(
                    (head.at.micros() + micros * u64::from(head.speed) / 10)
                        .min(head.stop.micros()),
                );
                head.playing = head.at < head.stop;
            }
            Move::Tick(_) => {}
            Move::Seek(at) => {
                head.rested = head.at.min(at);
                head.at = at;
                head.playing = false;
            }
            Move::Speed(speed) => head.speed = speed,
        }
        Rc::new(head)
    }
}

impl Head {
    /// The next slower or faster speed.
    pub fn shifted(&self, faster: bool) -> u32 {
        let index = SPEEDS
            .iter()
            .position(|&speed| speed == self.speed)
            .unwrap_or(3);
        let next = if faster {
            index + 1
        } else {
            index.saturating_sub(1)
        };
        SPEEDS[next.min(SPEEDS.len() - 1)]
    }
}

/// A speed as the page writes it.
pub fn speed_text(speed: u32) -> String {
    if speed.is_multiple_of(10) {
        format!("{}×", speed / 10)
    } else {
        format!("0.{speed}×")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn playing_ends_at_the_stop_and_not_beyond() {
        let start = Rc::new(Head::default()).reduce(Move::Play {
            stop: Time::from_ms(50),
        });
        let moved = start.reduce(Move::Tick(30_000));
        assert_eq!((moved.at, moved.playing), (Time::from_ms(30), true));
        let ended = moved.reduce(Move::Tick(30_000));
        assert_eq!((ended.at, ended.playing), (Time::from_ms(50), false));
    }
}
