//! Failed logins, counted in memory so that passwords cannot be tried one after the other.
//!
//! Nothing is counted by a name alone: whoever knows a name could lock its owner out by it. What is counted is an
//! address, a name at an address, and a device on which the name has logged in before, which neither of the other two
//! concerns.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use domain::members::Instant;

/// Failures are forgotten after this long, µs.
const WINDOW: i64 = 15 * 60 * 1_000_000;
/// Keys that are counted at once; beyond, the one whose window ends first is forgotten.
const KEYS_MAX: usize = 20_000;

/// What failures are counted by. Names and devices are digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKey {
    /// A network, whatever the name.
    Address(IpAddr),
    /// A name that is tried from a network.
    NameAt([u8; 16], IpAddr),
    /// A device that the name has logged in on before.
    Device([u8; 16]),
}

impl FailureKey {
    /// So many may fail within the window before the next one must wait.
    fn failures_max(self) -> u32 {
        match self {
            // Behind one address may be a whole office.
            Self::Address(_) => 60,
            Self::NameAt(..) | Self::Device(_) => 10,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    until: Instant,
}

/// Failures by key.
#[derive(Debug, Default)]
pub struct LoginLimits {
    failures: BTreeMap<FailureKey, Failures>,
    /// When the windows end, the first at the front; a window that was forgotten before stands here still.
    ends: VecDeque<(Instant, FailureKey)>,
}

impl LoginLimits {
    /// Takes one attempt, as failed until [`LoginLimits::succeeded`]; `Err` tells in how many seconds the next is heard.
    pub fn begin(&mut self, keys: &[FailureKey], now: Instant) -> Result<(), u32> {
        self.forget(now);
        let full = keys.iter().filter_map(|key| {
            let failures = self.failures.get(key)?;
            (failures.count >= key.failures_max()).then_some(failures.until)
        });
        if let Some(until) = full.max() {
            let seconds = (until.0 - now.0 + 999_999).div_euclid(1_000_000);
            return Err(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        for key in keys {
            let until = Instant(now.0 + WINDOW);
            let ends = &mut self.ends;
            let failures = self.failures.entry(*key).or_insert_with(|| {
                ends.push_back((until, *key));
                Failures { count: 0, until }
            });
            failures.count += 1;
        }
        Ok(())
    }

    /// The password was given: the failures of the name and the device are forgotten, and the address has one fewer.
    /// All of the address' would be too many, as somebody with a password of his own tries others' in between.
    pub fn succeeded(&mut self, keys: &[FailureKey]) {
        for key in keys {
            match key {
                FailureKey::NameAt(..) | FailureKey::Device(_) => drop(self.failures.remove(key)),
                FailureKey::Address(_) => self.unheard(&[*key]),
            }
        }
    }

    /// The attempt was not heard: it has not failed.
    pub fn unheard(&mut self, keys: &[FailureKey]) {
        for key in keys {
            if let Some(failures) = self.failures.get_mut(key) {
                failures.count = failures.count.saturating_sub(1);
            }
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some((until, key)) = self.ends.front().copied()
            && (until <= now || self.ends.len() > KEYS_MAX)
        {
            self.ends.pop_front();
            if self.failures.get(&key).is_some_and(|failures| failures.until == until) {
                self.failures.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: [u8; 16] = [1; 16];
    const BOB: [u8; 16] = [2; 16];

    fn from(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn after_ten_failures_a_name_waits_at_that_address_and_at_no_other() {
        let mut limits = LoginLimits::default();
        let (here, there) = (FailureKey::NameAt(ANN, from(1)), FailureKey::NameAt(ANN, from(2)));
        for _ in 0..10 {
            assert_eq!(limits.begin(&[here], Instant(0)), Ok(()));
        }
        let late = Instant(WINDOW - 1);
        assert_eq!(limits.begin(&[here], late), Err(1));
        assert_eq!(limits.begin(&[there], late), Ok(()), "the name is not locked");
        assert_eq!(limits.begin(&[FailureKey::NameAt(BOB, from(1))], late), Ok(()));
        assert_eq!(limits.begin(&[FailureKey::Device(ANN)], late), Ok(()));
        assert_eq!(limits.begin(&[here], Instant(WINDOW)), Ok(()), "forgotten");
    }

    #[test]
    fn an_address_may_not_try_one_name_after_the_other() {
        let mut limits = LoginLimits::default();
        let heard = (0..100_u8).filter(|n| {
            let keys = [FailureKey::Address(from(1)), FailureKey::NameAt([*n; 16], from(1))];
            limits.begin(&keys, Instant(0)).is_ok()
        });
        assert_eq!(heard.count(), 60);
        assert_eq!(limits.begin(&[FailureKey::Address(from(2))], Instant(0)), Ok(()));
    }

    #[test]
    fn a_success_clears_the_name_and_not_what_else_the_address_tried() {
        let mut limits = LoginLimits::default();
        let keys = [FailureKey::Address(from(1)), FailureKey::NameAt(ANN, from(1))];
        for _ in 0..300 {
            assert_eq!(limits.begin(&keys, Instant(0)), Ok(()));
            limits.succeeded(&keys);
        }
        // One of his own, then one of somebody else's, and so on.
        let mut tried = 0;
        while tried < 1_000
            && limits
                .begin(&[FailureKey::Address(from(1)), FailureKey::NameAt(BOB, from(tried))], Instant(0))
                .is_ok()
        {
            tried += 1;
            if limits.begin(&keys, Instant(0)).is_ok() {
                limits.succeeded(&keys);
            }
        }
        assert_eq!(tried, 60);
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let mut limits = LoginLimits::default();
        for n in 0..KEYS_MAX as u32 + 10 {
            assert_eq!(limits.begin(&[FailureKey::Address(from(n))], Instant(0)), Ok(()));
        }
        assert!(limits.failures.len() <= KEYS_MAX + 1 && limits.ends.len() <= KEYS_MAX + 1);
        assert_eq!(limits.begin(&[], Instant(WINDOW)), Ok(()));
        assert!(limits.failures.is_empty() && limits.ends.is_empty());
    }
}
