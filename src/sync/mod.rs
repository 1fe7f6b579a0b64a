//! The pull side: what providers do not deliver is asked for, and comes in by the same door as webhooks (B1 to B5).
//!
//! A run reads one source of one tenant, whole. It is a fact when it begins and a fact when it ends; whatever it read
//! counts when it ended well, in one step, and never otherwise. An error is a value, and never data: a run that misses a
//! page changes no figure (L7, L8).
//!
//! ```text
//!            due (cron in the tenant's zone, so often), POST /sync/run, `factfold sync run`
//!               │
//! run        sync_started ── a client reads ──► snapshot parts, facts ── sync_finished success
//!               │                │ page, page, page …                       or failed, and nothing else
//!            fetch            each tried up to four times, at the host's pace; kept as a raw page
//! ```
//!
//! Reading order:
//! - [`source`]: what is read, how often, and what a client is;
//! - [`run`]: what a client reads through and where it hands over; [`snapshot`]: a CRM resource, of which only changes
//!   become facts; [`lenient`]: members that may be text, number or boolean; `difference`: what was not delivered;
//! - `runner`: every run of this server, whoever asked for it; `worker`: the thread that begins those that are due;
//! - [`fetch`] and `pace`: tries, waits and the pace of a host; `parallel`: requests of one run at once; [`pages`]: answers
//!   as they came; `words`: what of them an error quotes; `masking`: credentials;
//! - [`clients`]: one file a provider.
//!
//! # A provider's client
//!
//! 1. Its table in the configuration (`src/config/sections.rs`: `[tenant.name]` with `base_url`, credentials as
//!    `env:` or `file:`), understood as a struct of `TenantConfig`.
//! 2. A file in [`clients`] with a type that holds that struct and implements [`SourceClient`]: `read` fetches by
//!    [`SyncRun::read`] or [`SyncRun::page`], decides by the provider's own result codes and not by the HTTP status alone
//!    (answers [`SyncError::Refused`]), follows pages to the end that the provider tells, and says
//!    [`SyncError::Incomplete`] where the count does not come out. Requests that change something do not belong here: they
//!    are commands, and never repeated by the fetcher.
//! 3. A line in [`clients::of`], which makes a tenant's clients of its configuration.
//! 4. A stand-in in `src/standins/` that speaks the provider's real protocol, and tests against it: a page missing, 401, 429,
//!    an error in a 200, an answer cut short.

pub mod clients;
mod difference;
mod error;
pub mod fetch;
pub mod lenient;
mod masking;
mod pace;
pub mod pages;
mod parallel;
mod progress;
pub mod run;
mod runner;
pub mod snapshot;
pub mod source;
mod words;
mod worker;

pub use self::error::SyncError;
pub use self::run::{RetryState, SyncRun};
pub use self::runner::{SourceActivity, StartError, StartedRun, SyncRunner};
pub use self::source::{Cadence, Reading, SourceClient, SourceName};
pub use self::worker::SyncWorker;
