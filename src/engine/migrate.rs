//! Moves a log between this node's journal and an engine that several nodes share, and makes an engine's log anew from a
//! journal. The server must be stopped.

use std::sync::Arc;

use super::data_dir::{open_log_on, store};
use super::shared_log::shared_log;
use super::{CATCH_UP_MAX, DataDir, EngineError, read_log};
use crate::clock::{Clock, GuardedClock};
use crate::config::{Config, LogEngine, LogSettings};
use crate::log::engines::{SharedLogError, seed};
use crate::log::{Head, LogError};

impl From<SharedLogError> for EngineError {
    fn from(error: SharedLogError) -> Self {
        Self::Log(LogError::Unavailable(error.to_string().into()))
    }
}

fn not_here(why: String) -> EngineError {
    EngineError::Log(LogError::Unavailable(why.into()))
}

/// Has the log of `dir` ordered by `to` from now on: all of it is there when this returns, compared by position, by the
/// tree's root and by the last block. `told` hears positions.
///
/// # Errors
/// The log is ordered so already; the engine has another log, or does not answer.
pub fn migrate(
    dir: &DataDir,
    config: &Config,
    to: LogEngine,
    clock: Clock,
    told: &mut dyn FnMut(u64),
) -> Result<Head, EngineError> {
    let from = dir.engine()?;
    if from == to {
        return Err(not_here(format!("the log is ordered by {} already", to.name())));
    }
    dir.secret(config.log.secret.as_ref())?;
    let head = match shared_log(&config.log, to) {
        Some(engine) => {
            if from != LogEngine::Embedded {
                return Err(not_here(format!(
                    "the log is ordered by {}: move it to embedded first",
                    from.name()
                )));
            }
            seed(&read_log(dir.root())?, &*engine, told)?
        }
        // This node has all that the others recorded, once it has caught up.
        None => {
            let settings = LogSettings { engine: from, ..config.log.clone() };
            let clock = GuardedClock::unguarded(clock).into();
            let (log, _, _) = open_log_on(dir, store(dir.root()), clock, &settings)?;
            let (caught_up, state, head) = (log.wait_caught_up(CATCH_UP_MAX), log.state(), log.head());
            log.close();
            if !caught_up {
                return Err(not_here(format!(
                    "the engine does not give what other nodes recorded: {state:?}"
                )));
            }
            told(head.position);
            head
        }
    };
    dir.set_engine(to)?;
    Ok(head)
}

/// What a reseed would put in the place of what: last positions of this node's journal, and of the engine's log where it
/// has one that can be read.
///
/// # Errors
/// The log cannot be read, or is not one that an engine orders.
pub fn before_reseed(dir: &DataDir, config: &Config) -> Result<(u64, Option<u64>), EngineError> {
    let engine = shared_log(&config.log, dir.engine()?);
    let engine = engine.ok_or_else(|| not_here("the log is this node's own".into()))?;
    let tip = engine.connect(false).and_then(|mut connected| connected.follower.tip());
    Ok((read_log(dir.root())?.head().position, tip.ok()))
}

/// Removes the engine's log and makes it anew from the journal of `dir`. Other nodes follow by its tree: one that has
/// facts which this one has not stops.
///
/// # Errors
/// As of [`migrate`].
pub fn reseed(dir: &DataDir, config: &Config, told: &mut dyn FnMut(u64)) -> Result<Head, EngineError> {
    let engine = shared_log(&config.log, dir.engine()?);
    let engine: Arc<_> = engine.ok_or_else(|| not_here("the log is this node's own".into()))?;
    let log = read_log(dir.root())?;
    // What it has not erased it would bring back.
    let open = log.open_erasures()?.len();
    if open > 0 {
        return Err(not_here(format!(
            "{open} erasures are not carried out in this directory yet: start this node, or take another"
        )));
    }
    engine.wipe()?;
    Ok(seed(&log, &*engine, told)?)
}
