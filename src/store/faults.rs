//! Faults that tests put into the database's own threads.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::StoreError;

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Open,
    Get,
    Put,
    Remove,
    Scan,
    Sync,
}

/// What happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The thread stands until [`Faults::clear`], at most 60 s.
    Hang,
    Error,
    Panic,
    /// One bit of the value is turned (only [`Op::Get`]).
    Flip,
}

/// The switch, shared with the threads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    inner: Arc<(Mutex<Armed>, Condvar)>,
}

#[derive(Debug, Default)]
struct Armed {
    fault: Option<(Op, Fault)>,
    after: u64,
    times: u64,
    struck: u64,
    seed: u64,
}

impl Faults {
    /// After `after` calls of `op`, the next `times` meet `fault`.
    pub(crate) fn arm(&self, op: Op, fault: Fault, after: u64, times: u64) {
        let mut armed = self.inner.0.lock();
        *armed = Armed { fault: Some((op, fault)), after, times, struck: 0, seed: after };
        self.inner.1.notify_all();
    }

    /// No more faults; those who hang go on.
    pub(crate) fn clear(&self) {
        *self.inner.0.lock() = Armed::default();
        self.inner.1.notify_all();
    }

    pub(super) fn strike(&self, op: Op) -> Result<(), StoreError> {
        let (lock, released) = &*self.inner;
        let mut armed = lock.lock();
        let fault = match armed.fault {
            Some((at, fault)) if at == op && fault != Fault::Flip => fault,
            _ => return Ok(()),
        };
        if !armed.due() {
            return Ok(());
        }
        match fault {
            Fault::Hang => {
                let timeout = Duration::from_secs(60);
                released.wait_while_for(&mut armed, |armed| armed.fault.is_some(), timeout);
                Ok(())
            }
            Fault::Error => Err(StoreError::Sled("injected".to_owned())),
            Fault::Panic => {
                drop(armed);
                panic!("injected")
            }
            Fault::Flip => Ok(()),
        }
    }

    pub(super) fn spoil(&self, value: &[u8]) -> Vec<u8> {
        let mut value = value.to_vec();
        let mut armed = self.inner.0.lock();
        if armed.fault == Some((Op::Get, Fault::Flip)) && !value.is_empty() && armed.due() {
            let at = armed.seed.wrapping_add(armed.struck).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
            let at = at as usize % (value.len() * 8);
            value[at / 8] ^= 1 << (at % 8);
        }
        value
    }
}

impl Armed {
    fn due(&mut self) -> bool {
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        if self.struck == self.times {
            return false;
        }
        self.struck += 1;
        true
    }
}
