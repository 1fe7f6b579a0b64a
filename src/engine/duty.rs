//! The duty: of the nodes of one log, one runs schedules and timers and sends messages, and another takes over when it is
//! gone. A node whose log is its own is always on duty.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::members::Text;

use crate::clock::{Clock, Duty};
use crate::commands::{Commands, LeaseTerms};
use crate::directory::Leases;
use crate::worker::Worker;

/// A fact each ten seconds; another node takes over 25 s after the last one.
const TERMS: LeaseTerms = LeaseTerms {
    name: "duty",
    lasts: Duration::from_secs(20),
    renewed_at: Duration::from_secs(10),
    spared: Duration::from_secs(5),
};
/// How often the lease is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Keeps the lease of one node.
pub(super) struct DutyKeeper {
    worker: Worker,
    commands: Commands,
    node: Text,
    duty: Duty,
}

impl DutyKeeper {
    /// Starts the thread that takes the lease whenever it is free.
    pub fn start(commands: Commands, node: &str, clock: &Clock) -> io::Result<Self> {
        let node = Text::new(node).ok_or_else(|| io::Error::other("the node's name is blank"))?;
        let duty = Duty::shared(Arc::clone(clock));
        let (taking, by, until) = (commands.clone(), node.clone(), duty.clone());
        let worker = Worker::ticking("duty", LOOK, move |_| {
            let was_mine = until.is_mine();
            match taking.take_lease(TERMS, &by) {
                Ok(Some(end)) => until.set(end.0),
                Ok(None) => until.set(i64::MIN),
                // It ends by itself.
                Err(error) => tracing::debug!(%error, "the duty is not taken"),
            }
            if until.is_mine() != was_mine {
                tracing::info!(
                    node = by.as_str(),
                    on_duty = until.is_mine(),
                    "schedules, timers and messages"
                );
            }
        })?;
        Ok(Self { worker, commands, node, duty })
    }

    /// Whether this node is on duty.
    pub fn duty(&self) -> Duty {
        self.duty.clone()
    }

    /// Ends the thread and gives the lease back, so that another node need not wait. Those on duty must have ended.
    pub fn close(&self) {
        self.worker.close();
        if self.duty.is_mine()
            && let Err(error) = self.commands.give_lease_back(TERMS, &self.node)
        {
            tracing::debug!(%error, "the duty is not given back; it ends by itself");
        }
        self.duty.set(i64::MIN);
    }
}

/// Who is on duty by the log, as this node has it.
pub(super) fn holder(leases: &Leases, now: i64) -> Option<String> {
    leases.get(TERMS.name).filter(|lease| lease.until.0 > now).map(|lease| lease.node)
}
