//! The engine that a configuration names, where several nodes share a log.
//!
//! In debug builds `FACTFOLD_WITHOUT` takes one protection out (`compare`, `quorum`, `fence`, `journal`, `root`, `erasures`), so that
//! the tests of several nodes see that they notice. A release build does not know it.

use std::sync::Arc;

use crate::config::{LogEngine, LogSettings};
use crate::log::Protections;
use crate::log::engines::SharedLog;
use crate::log::engines::jetstream::JetStream;
use crate::log::engines::postgres::Postgres;

/// What orders the log, where several nodes share it.
pub(super) fn shared_log(settings: &LogSettings, engine: LogEngine) -> Option<Arc<dyn SharedLog>> {
    match engine {
        LogEngine::Embedded => None,
        LogEngine::JetStream => Some(guarded(JetStream::new(settings.jetstream.clone()))),
        LogEngine::Postgres => Some(guarded(Postgres::new(settings.postgres.clone()))),
    }
}

#[cfg(debug_assertions)]
fn without(protection: &str) -> bool {
    std::env::var("FACTFOLD_WITHOUT").is_ok_and(|named| named == protection)
}

#[cfg(debug_assertions)]
fn guarded(engine: impl SharedLog + 'static) -> Arc<dyn SharedLog> {
    use crate::log::engines::{Weakened, Weakness};

    let weakness = if without("compare") {
        Weakness::WithoutCompare
    } else if without("quorum") {
        Weakness::WithoutQuorum
    } else if without("fence") {
        Weakness::WithoutFence
    } else {
        return Arc::new(engine);
    };
    tracing::error!(?weakness, "a protection is taken out for a test");
    Arc::new(Weakened::new(Arc::new(engine), weakness))
}

#[cfg(not(debug_assertions))]
fn guarded(engine: impl SharedLog + 'static) -> Arc<dyn SharedLog> {
    Arc::new(engine)
}

/// The log's own protections: all.
#[cfg(debug_assertions)]
pub(super) fn protections() -> Protections {
    if without("journal") { Protections::without_journal_first() } else { Protections::default() }
}

/// The log's own protections: all.
#[cfg(not(debug_assertions))]
pub(super) fn protections() -> Protections {
    Protections::default()
}

/// Whether this node carries out what other nodes order to be erased: always.
#[cfg(debug_assertions)]
pub(super) fn carries_out_erasures() -> bool {
    !without("erasures")
}

/// Whether this node carries out what other nodes order to be erased: always.
#[cfg(not(debug_assertions))]
pub(super) fn carries_out_erasures() -> bool {
    true
}

/// Whether segments of another node are compared with the engine's log: always.
#[cfg(debug_assertions)]
pub(super) fn compares_with_engine() -> bool {
    !without("root")
}

/// Whether segments of another node are compared with the engine's log: always.
#[cfg(not(debug_assertions))]
pub(super) fn compares_with_engine() -> bool {
    true
}
