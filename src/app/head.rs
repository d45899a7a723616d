//! The playhead: where in the run the page looks, and whether it moves. Its own state, because it moves at frame rate.

use crate::sim::kernel::Time;
use std::rc::Rc;
use yew::Reducible;

/// Simulated seconds a second, in hundredths; the last one shows the end of most runs at the next picture.
pub const SPEEDS: [u32; 6] = [10, 25, 50, 100, 400, MAX];
/// As fast as pictures can follow.
const MAX: u32 = 100_000;
/// Simulated as fast as real.
pub const REAL: u32 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub at: Time,
    pub playing: bool,
    /// In hundredths of real time.
    pub speed: u32,
    /// Playing stops here.
    pub stop: Time,
    /// Where the picture was when it last stood still: what changed since is marked.
    pub rested: Time,
    /// What is played over and over.
    pub looped: Loop,
}

/// A stretch of the run that is played again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loop {
    #[default]
    Off,
    /// Its beginning is chosen, its end not yet.
    From(Time),
    Between(Time, Time),
}

impl Default for Head {
    fn default() -> Self {
        Head {
            at: Time::ZERO,
            playing: false,
            speed: REAL,
            stop: Time::ZERO,
            rested: Time::ZERO,
            looped: Loop::Off,
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
    /// The loop begins here; ends here and plays; is no more, and the run goes on up to its `end`.
    Loop {
        end: Time,
    },
    /// There is another run: no stretch of the one before is played on.
    Unloop,
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
                let (first, last) = match head.looped {
                    Loop::Between(first, last) if head.at <= last => (first, last),
                    _ => (head.stop, head.stop),
                };
                let at = head.at.micros() + micros * u64::from(head.speed) / 100;
                // The end of the loop is seen before it begins anew.
                head.at = if head.at == last && first < last {
                    first
                } else {
                    Time::from_micros(at.min(last.micros()))
                };
                head.playing = first < last || head.at < head.stop;
            }
            Move::Tick(_) => {}
            Move::Seek(at) => {
                head.rested = head.at.min(at);
                head.at = at;
                head.playing = false;
            }
            Move::Speed(speed) => head.speed = speed,
            Move::Loop { end } => {
                head.looped = match head.looped {
                    Loop::Off => Loop::From(head.at),
                    Loop::From(first) if first != head.at => {
                        head.playing = true;
                        Loop::Between(first.min(head.at), first.max(head.at))
                    }
                    Loop::From(_) | Loop::Between(..) => Loop::Off,
                };
                head.stop = end;
                if let Loop::Between(first, _) = head.looped {
                    (head.at, head.rested) = (first, first);
                }
            }
            Move::Unloop => head.looped = Loop::Off,
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
    match speed {
        MAX => "max".into(),
        _ if speed.is_multiple_of(100) => format!("{}×", speed / 100),
        _ => format!("0.{}×", format!("{speed:02}").trim_end_matches('0')),
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

    #[test]
    fn a_loop_is_played_again_and_again_until_it_is_taken_away() {
        let at = |ms| Move::Seek(Time::from_ms(ms));
        let press = || Move::Loop {
            end: Time::from_ms(150),
        };
        let from = Rc::new(Head::default()).reduce(at(100)).reduce(press());
        assert_eq!(from.looped, Loop::From(Time::from_ms(100)));
        let looped = from.reduce(at(40)).reduce(press());
        assert_eq!((looped.at, looped.playing), (Time::from_ms(40), true));
        let ended = looped.reduce(Move::Tick(70_000));
        assert_eq!((ended.at, ended.playing), (Time::from_ms(100), true));
        let again = ended.reduce(Move::Tick(1_000));
        assert_eq!((again.at, again.playing), (Time::from_ms(40), true));
        let off = again.reduce(press()).reduce(Move::Tick(90_000));
        assert_eq!((off.at, off.playing), (Time::from_ms(130), true));
        let over = off.reduce(Move::Tick(90_000));
        assert_eq!((over.at, over.playing), (Time::from_ms(150), false));
    }

    #[test]
    fn a_speed_is_named_as_a_multiple_of_real_time() {
        assert_eq!(
            SPEEDS.map(speed_text),
            ["0.1×", "0.25×", "0.5×", "1×", "4×", "max"]
        );
    }
}
