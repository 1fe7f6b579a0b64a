//! How fast one host is asked: slower at each 429, a little faster at each answer. Pure: time is told to it.

use std::time::Duration;

/// Time between two requests at the start: 20 a second.
const USUAL: Duration = Duration::from_millis(50);
/// Shortest time between two requests: 100 a second.
const SHORTEST: Duration = Duration::from_millis(10);
/// The least that a 429 slows down to.
const SLOWED: Duration = Duration::from_millis(100);
/// Requests that are under way together are refused within this time.
const TOGETHER: Duration = Duration::from_millis(500);
/// Longest time between two requests.
const LONGEST: Duration = Duration::from_secs(10);

/// The pace of all requests to one host.
#[derive(Debug, Clone)]
pub struct Pace {
    spacing: Duration,
    /// When the next request may be made.
    next: Duration,
    /// Refusals before this are those of requests that were under way at the last one: they slow down nothing more.
    refused_until: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { spacing: USUAL, next: Duration::ZERO, refused_until: Duration::ZERO }
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

    /// The host said 429 and wants no request for `wait`: half as fast from now on, once for all requests that were under
    /// way together.
    pub fn refused(&mut self, now: Duration, wait: Duration) {
        if now >= self.refused_until {
            self.spacing = (self.spacing * 2).clamp(SLOWED, LONGEST);
        }
        self.refused_until = self.refused_until.max(now + wait.max(TOGETHER));
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
        for at in 10..30 {
            pace.refused(at * SECOND, Duration::ZERO);
        }
        assert_eq!(pace.spacing, LONGEST);
        for _ in 0..200 {
            pace.answered();
        }
        assert_eq!(pace.spacing, SHORTEST);
    }

    #[test]
    fn requests_that_were_under_way_together_and_are_refused_together_halve_the_pace_once() {
        let mut pace = Pace::default();
        for late in 0..16 {
            pace.refused(SECOND + late * Duration::from_millis(10), 2 * SECOND);
        }
        assert_eq!(pace.spacing, SLOWED);
        assert_eq!(
            pace.turn(SECOND),
            2 * SECOND + 15 * Duration::from_millis(10),
            "as long as the last wants"
        );
        pace.refused(4 * SECOND, SECOND);
        assert_eq!(pace.spacing, 2 * SLOWED, "null control: a refusal after that is one more");
    }
}
