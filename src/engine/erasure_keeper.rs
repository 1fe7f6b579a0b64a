//! Carries out the erasures that other nodes of a shared log order, and those of its own that a failure left.
//!
//! An erasure is ordered by a fact. A node that was away has that fact once it has caught up, and carries it out before its
//! models are folded; one that runs has it a moment after it was recorded.

use std::io;
use std::time::Duration;

use domain::keys::Position;

use super::EngineError;
use super::erasure::NodeData;
use super::shared_log::carries_out_erasures;
use crate::commands::{CommandError, Commands};
use crate::config::LogEngine;
use crate::ingest::error::IngestError;
use crate::log::LogError;
use crate::worker::Worker;

/// How often the log is looked at for new orders.
const LOOK: Duration = Duration::from_secs(1);

/// Carries out what a kill left, and what other nodes ordered while this one was away, before anything is folded; up to where
/// the log was looked at. An engine that does not answer now is no reason not to serve.
///
/// # Errors
/// What the log cannot read or write.
pub(super) fn begin(commands: &Commands<()>, data: &NodeData) -> Result<Position, EngineError> {
    if !carries_out_erasures() {
        return Ok(0);
    }
    match commands.carry_out_ordered(0, data) {
        Ok(position) => Ok(position),
        Err(CommandError::Ingest(IngestError::Log(LogError::Unavailable(why)))) => {
            tracing::warn!(%why, "erasures that were cut off wait for the log's engine");
            Ok(0)
        }
        Err(error) => Err(EngineError::Erasure(error.to_string())),
    }
}

/// Starts the thread, which looks at facts behind `after`; it ends at once where the log is this node's alone.
///
/// # Errors
/// The operating system gives no thread.
pub(super) fn start(
    commands: Commands,
    data: NodeData,
    after: Position,
    engine: LogEngine,
) -> io::Result<Worker> {
    if engine == LogEngine::Embedded || !carries_out_erasures() {
        return Worker::spawn("erasures", |_| {});
    }
    let mut seen = after;
    // What the start could not carry out is tried again, and so is what fails later.
    let mut is_due = true;
    Worker::ticking("erasures", LOOK, move |_| {
        if !is_due && data.log.head().position == seen {
            return;
        }
        match commands.carry_out_ordered(seen, &data) {
            Ok(position) => (seen, is_due) = (position, false),
            Err(error) => {
                is_due = true;
                tracing::warn!(%error, "an erasure is not carried out yet");
            }
        }
    })
}
