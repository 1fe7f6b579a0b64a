//! Lists of calls: what CallRail, CallTrackingMetrics and Twilio tell of calls when they are asked, beside their webhooks.
//!
//! A run reads the calls of a span whole: the days of a backfill, else from a day before everything was known until now.
//! Each call that says something new becomes facts at once, under keys of their own; a copy of what is known becomes none.
//! Then the calls that never ended are asked for one by one. At success the run says of which span everything is known, and
//! what of it nobody had delivered.
//!
//! - [`list`]: what a provider answers;
//! - [`span`]: of which instants, and of which of a provider's days;
//! - [`reading`]: pages, rows, what is new;
//! - one file a provider: requests and envelopes.

mod callrail;
mod ctm;
mod list;
mod reading;
mod span;
mod twilio;

use std::sync::Arc;
use std::time::Duration;

pub use self::callrail::CallRailCalls;
pub use self::ctm::CtmCalls;
use self::list::ListedCalls;
use self::reading::ListReader;
pub use self::twilio::TwilioCalls;
use crate::directory::Secret;
use crate::sync::run::SyncRun;
use crate::sync::source::{Cadence, Reading, SourceClient, SourceName};

/// How often a list is read: webhooks are faster, so this is how long a lost one stays lost.
const EVERY: Duration = Duration::from_secs(15 * 60);

/// A client that reads a list of calls.
pub struct CallSource<L>(pub L);

impl<L: ListedCalls> SourceClient for CallSource<L> {
    fn name(&self) -> SourceName {
        L::SOURCE
    }

    fn cadence(&self) -> Cadence {
        Cadence::Every(EVERY)
    }

    fn reads_days(&self) -> bool {
        true
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.0.secrets()
    }

    fn read(self: Arc<Self>, run: SyncRun) -> Reading {
        Box::pin(async move { ListReader::new(&self.0, &run).await?.read().await })
    }
}
