//! Failed logins, counted in memory so that passwords cannot be tried one after the other.

use std::collections::BTreeMap;

use domain::members::Instant;

/// So many may fail before the next one must wait.
const FAILURES_MAX: u32 = 10;
/// Failures are forgotten after this long, µs.
const WINDOW: i64 = 15 * 60 * 1_000_000;
/// Names that are counted at once; beyond, the one whose window ends first is forgotten.
const NAMES_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    until: Instant,
}

/// Failures by the digest of the name that was tried, known or not.
#[derive(Debug, Default)]
pub(super) struct Attempts(BTreeMap<[u8; 16], Failures>);

impl Attempts {
    /// Takes one attempt, as failed until [`Attempts::succeeded`]; `Err` tells in how many seconds the next is heard.
    pub(super) fn begin(&mut self, name: [u8; 16], now: Instant) -> Result<(), u32> {
        self.0.retain(|_, failures| failures.until > now);
        match self.0.get_mut(&name) {
            Some(failures) if failures.count >= FAILURES_MAX => {
                let seconds = (failures.until.0 - now.0 + 999_999).div_euclid(1_000_000);
                return Err(u32::try_from(seconds).unwrap_or(u32::MAX));
            }
            Some(failures) => failures.count += 1,
            None => {
                if self.0.len() == NAMES_MAX
                    && let Some(first) = self.0.iter().min_by_key(|(_, failures)| failures.until)
                {
                    let first = *first.0;
                    self.0.remove(&first);
                }
                self.0.insert(name, Failures { count: 1, until: Instant(now.0 + WINDOW) });
            }
        }
        Ok(())
    }

    /// Forgets the failures of a name: the password was given.
    pub(super) fn succeeded(&mut self, name: [u8; 16]) {
        self.0.remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_ten_failures_a_name_waits_and_no_other_does() {
        let mut attempts = Attempts::default();
        let (ann, bob) = ([1; 16], [2; 16]);
        for _ in 0..FAILURES_MAX {
            assert_eq!(attempts.begin(ann, Instant(0)), Ok(()));
        }
        assert_eq!(attempts.begin(ann, Instant(WINDOW - 1)), Err(1));
        assert_eq!(attempts.begin(bob, Instant(WINDOW - 1)), Ok(()));
        assert_eq!(attempts.begin(ann, Instant(WINDOW)), Ok(()), "forgotten");
    }

    #[test]
    fn a_success_clears_the_count() {
        let mut attempts = Attempts::default();
        for _ in 0..3 * FAILURES_MAX {
            assert_eq!(attempts.begin([1; 16], Instant(0)), Ok(()));
            attempts.succeeded([1; 16]);
        }
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let mut attempts = Attempts::default();
        for name in 0..NAMES_MAX as u128 + 10 {
            assert_eq!(attempts.begin(name.to_le_bytes(), Instant(name as i64)), Ok(()));
        }
        assert_eq!(attempts.0.len(), NAMES_MAX);
    }
}
