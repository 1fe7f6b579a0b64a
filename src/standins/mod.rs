//! Stand-ins of providers: servers on a local port that speak a provider's real protocol, for `factfold demo` and for
//! tests. None of them is reached by `factfold serve`.
//!
//! - `server`: the socket, and faults that are scripted: a status, a cut, slow or broken answer, a closed connection;
//! - one file a provider: what it holds, how it pages, what it refuses.
//!
//! A stand-in answers `POST /stand-in/stop` and `POST /stand-in/start`: while it is stopped it closes every connection
//! without an answer, as a provider does that is down.

pub mod calls;
pub mod clienttether;
pub mod emailbison;
pub mod google_ads;
pub mod meta_ads;
mod server;
pub mod twilio;

pub use self::server::{FaultScript, PlayedAnswer, PlayedProvider, PlayedRequest, StandIn, StandInFault};
