//! How fast one host is asked: slower at each 429, a little faster at each answer. Pure: time is told to it.

use std::time::Duration;

/// Time between two requests at the start: 20 a second.
const USUAL: Duration = Duration::from_millis(50);
/// Shortest time between two requests: 100 a second.
const SHORTEST: Duration = Duration::from_millis(10);
/// The least that a 429 slows down to.
const SLOWED: Duration = Duration::from_millis(100);
/// Longest time between two requests.
const LONGEST: Duration = Duration::from_secs(10);

/// The pace of all requests to one host.
#[derive(Debug, Clone)]
pub struct Pace {
    spacing: Duration,
    /// When the next request may be made.
    next: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { spacing: USUAL, next: Duration::ZERO }
    }
}

impl Pace {
    /// Takes the next turn; how long to wait for it from `now` on.
    pub fn turn(&mut self, now: Duration) -> Duration {
        let turn = self.next.max(now);
        self.next = turn + self.spacing;
        turn - now
    }

    /// The host answered.
    pub fn answered(&mut self) {
        self.spacing = (self.spacing - self.spacing / 20).max(SHORTEST);
    }

    /// The host said 429 and wants no request for `wait`: half as fast from now on.
    pub fn refused(&mut self, now: Duration, wait: Duration) {
        self.spacing = (self.spacing * 2).clamp(SLOWED, LONGEST);
        self.next = self.next.max(now + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn turns_are_apart_and_a_429_halves_the_pace_until_answers_bring_it_back() {
        let mut pace = Pace::default();
        assert_eq!([(); 3].map(|()| pace.turn(SECOND)), [Duration::ZERO, USUAL, USUAL * 2]);
        pace.refused(SECOND, 7 * SECOND);
        assert_eq!(pace.turn(SECOND), 7 * SECOND, "nobody asks before");
        assert_eq!(pace.turn(SECOND), 7 * SECOND + SLOWED);
        for _ in 0..20 {
            pace.refused(SECOND, Duration::ZERO);
        }
        assert_eq!(pace.spacing, LONGEST);
        for _ in 0..200 {
            pace.answered();
        }
        assert_eq!(pace.spacing, SHORTEST);
    }
}
