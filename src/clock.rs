//! The clock: the one source of the current time, and of whose turn it is. Tests inject their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

/// Returns the current time in µs since 1970-01-01 UTC.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The wall clock of this machine.
pub fn system_clock() -> Clock {
    Arc::new(|| chrono::Utc::now().timestamp_micros())
}

/// µs since this machine started, its sleep included: setting the wall clock does not move it.
pub fn boot_clock() -> Clock {
    Arc::new(|| {
        let since = clock_gettime(ClockId::Boottime);
        since.tv_sec * 1_000_000 + since.tv_nsec / 1_000
    })
}

/// Whether this node does what one of several nodes alone may do: begin scheduled work, raise what is due with time, send
/// messages.
#[derive(Clone, Default)]
pub struct Duty(Option<(Arc<AtomicI64>, Clock)>);

impl Duty {
    /// The duty of a node that shares its log: none until it is [`Duty::set`].
    pub fn shared(clock: Clock) -> Self {
        Self(Some((Arc::new(AtomicI64::new(i64::MIN)), clock)))
    }

    /// It is this node's until then, in µs since 1970. Of a node alone it always is.
    pub fn set(&self, until: i64) {
        if let Some((end, _)) = &self.0 {
            end.store(until, Ordering::Relaxed);
        }
    }

    /// Whether it is this node's now.
    pub fn is_mine(&self) -> bool {
        self.0.as_ref().is_none_or(|(until, clock)| clock() < until.load(Ordering::Relaxed))
    }
}

/// The longest step forward of the wall clock that is taken.
const STEP_MAX: i64 = 3_600_000_000;

/// The wall clock jumped ahead while the process ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the clock of this machine jumped ahead by {} minutes: no facts are taken until it is back, or until `factfold log \
     accept-clock` says that it is right",
    .0.as_secs() / 60
)]
pub struct ClockAhead(pub Duration);

/// A wall clock that dates no fact after it jumped ahead by more than an hour (RULINGS, Clock): one fact of a far day
/// bends figures until that day comes.
///
/// A step back is taken, and so is the way forward again to where the clock has been.
pub struct GuardedClock {
    wall: Clock,
    boot: Clock,
    state: Mutex<GuardState>,
}

struct GuardState {
    /// The furthest that the wall clock was ahead of the boot-time clock while it was believed, in µs.
    furthest: i64,
    is_ahead: bool,
}

impl GuardedClock {
    /// `wall`, watched by `boot`; believed as it is now.
    pub fn new(wall: Clock, boot: Clock) -> Self {
        let furthest = wall() - boot();
        Self { wall, boot, state: Mutex::new(GuardState { furthest, is_ahead: false }) }
    }

    /// A clock that is believed whatever it says.
    pub fn unguarded(wall: Clock) -> Self {
        Self::new(Arc::clone(&wall), wall)
    }

    /// The time in µs since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`ClockAhead`] while the wall clock is where it jumped to.
    pub fn now(&self) -> Result<i64, ClockAhead> {
        // Both under the lock: readings of several threads are compared in one order.
        let mut state = self.state.lock();
        let (wall, boot) = ((self.wall)(), (self.boot)());
        let step = wall - boot - state.furthest;
        if step > STEP_MAX {
            let ahead = ClockAhead(Duration::from_micros(step.unsigned_abs()));
            if !state.is_ahead {
                tracing::error!("{ahead}");
            }
            state.is_ahead = true;
            return Err(ahead);
        }
        if state.is_ahead {
            tracing::info!("the clock is back");
        }
        state.is_ahead = false;
        state.furthest = state.furthest.max(wall - boot);
        Ok(wall)
    }

    /// Believes the wall clock as it is now; how far ahead it was, if it was.
    pub fn accept(&self) -> Option<ClockAhead> {
        let ahead = self.now().err();
        let mut state = self.state.lock();
        state.furthest = (self.wall)() - (self.boot)();
        state.is_ahead = false;
        ahead
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn settable() -> (Arc<AtomicI64>, Clock) {
        let time = Arc::new(AtomicI64::new(0));
        let read = Arc::clone(&time);
        (time, Arc::new(move || read.load(Ordering::Relaxed)))
    }

    #[test]
    fn a_jump_is_not_taken_until_the_clock_is_back_or_is_accepted() {
        let ((wall, read_wall), (boot, read_boot)) = (settable(), settable());
        let clock = GuardedClock::new(read_wall, read_boot);
        let set = |wall_minutes: i64, boot_minutes: i64| {
            wall.store(wall_minutes * MINUTE, Ordering::Relaxed);
            boot.store(boot_minutes * MINUTE, Ordering::Relaxed);
        };
        let ahead = |minutes: u64| Err(ClockAhead(Duration::from_secs(minutes * 60)));
        set(600, 600);
        assert_eq!(clock.now(), Ok(600 * MINUTE), "ten hours passed, asleep or not");
        set(660, 600);
        assert_eq!(clock.now(), Ok(660 * MINUTE), "a step of an hour");
        set(721, 600);
        assert_eq!(clock.now(), ahead(61));
        set(300, 600);
        assert_eq!(clock.now(), Ok(300 * MINUTE), "back");
        set(660, 600);
        assert_eq!(clock.now(), Ok(660 * MINUTE), "forward again to where it was");
        set(900, 600);
        assert_eq!(clock.now(), ahead(240));
        assert_eq!(clock.accept(), Some(ClockAhead(Duration::from_secs(240 * 60))));
        assert_eq!((clock.now(), clock.accept()), (Ok(900 * MINUTE), None));
    }

    #[test]
    fn null_control_an_unguarded_clock_is_believed_after_any_jump() {
        let (wall, read_wall) = settable();
        let clock = GuardedClock::unguarded(read_wall);
        wall.store(100_000 * MINUTE, Ordering::Relaxed);
        assert_eq!(clock.now(), Ok(100_000 * MINUTE));
    }
}
