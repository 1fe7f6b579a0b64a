//! Requests to providers that only read: each made once and, where that may help, up to three times again.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::error::{ErrorBody, SyncError};
use super::pace::Pace;
use crate::clock::Clock;
use crate::outbound::{Client, OutboundError, OutboundRequest, RemoteAnswer};

/// Waits before the second, third and fourth try (B3). No jitter: the pace of the host spreads requests.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// Requests to one host that are under way at once, of all tenants.
const AT_ONCE: usize = 32;

/// A pause on its way.
pub type Sleeping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Time as fetching sees it; tests put their own in its place.
#[derive(Clone)]
pub struct Timing {
    /// The wall clock, for dates in `Retry-After`.
    pub clock: Clock,
    /// Time that has passed, since whenever.
    pub elapsed: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// Sleeps.
    pub sleep: Arc<dyn Fn(Duration) -> Sleeping + Send + Sync>,
}

impl Timing {
    /// Time as it passes.
    pub fn real(clock: Clock) -> Self {
        let began = std::time::Instant::now();
        let sleep = |time| Box::pin(tokio::time::sleep(time)) as Sleeping;
        Self { clock, elapsed: Arc::new(move || began.elapsed()), sleep: Arc::new(sleep) }
    }
}

/// A try that failed and is made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// How many tries were made.
    pub tries: u32,
    /// Why the last one failed.
    pub error: String,
    /// How long until the next.
    pub wait: Duration,
}

struct HostState {
    pace: Mutex<Pace>,
    under_way: Semaphore,
}

/// Fetches from providers, all tenants' requests to one host at one pace.
pub struct Fetcher {
    client: Client,
    timing: Timing,
    /// By host; there are as many as the configuration names.
    hosts: Mutex<HashMap<String, Arc<HostState>>>,
}

/// How one try ended, where it did not succeed.
struct Failed {
    error: SyncError,
    /// Whether another try may help.
    may_pass: bool,
    /// The wait that the provider asks for.
    asked: Option<Duration>,
    is_too_fast: bool,
}

impl Fetcher {
    /// Fetches through `client`.
    pub fn new(client: Client, timing: Timing) -> Self {
        Self { client, timing, hosts: Mutex::default() }
    }

    /// An answer of success, after at most four tries; another one only on a time-out, a broken connection, 429 and 5xx.
    /// `told` hears of each try that is made again, and `None` once one succeeded.
    ///
    /// # Errors
    /// [`SyncError::Outbound`] and [`SyncError::Status`] of the last try; [`SyncError::Canceled`].
    pub async fn fetch(
        &self,
        request: &OutboundRequest,
        canceled: &CancellationToken,
        told: &(dyn Fn(Option<Retry>) + Sync),
    ) -> Result<RemoteAnswer, SyncError> {
        let host = self.host(request);
        let mut waits = WAITS.into_iter();
        for tries in 1.. {
            let turn = host.pace.lock().turn((self.timing.elapsed)());
            self.sleep(turn, canceled).await?;
            let failed = match self.attempt(request, &host, canceled).await {
                Ok(answer) => {
                    if tries > 1 {
                        told(None);
                    }
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            let wait = waits.next().filter(|_| failed.may_pass);
            let Some(wait) = wait.map(|wait| failed.asked.unwrap_or(wait)) else { return Err(failed.error) };
            if failed.is_too_fast {
                host.pace.lock().refused((self.timing.elapsed)(), wait);
            }
            told(Some(Retry { tries, error: failed.error.to_string(), wait }));
            self.sleep(wait, canceled).await?;
        }
        Err(SyncError::Canceled)
    }

    fn host(&self, request: &OutboundRequest) -> Arc<HostState> {
        let new = || HostState { pace: Mutex::default(), under_way: Semaphore::new(AT_ONCE) };
        let mut hosts = self.hosts.lock();
        Arc::clone(hosts.entry(request.host()).or_insert_with(|| Arc::new(new())))
    }

    async fn sleep(&self, time: Duration, canceled: &CancellationToken) -> Result<(), SyncError> {
        if !time.is_zero() {
            let slept = canceled.run_until_cancelled((self.timing.sleep)(time)).await;
            slept.ok_or(SyncError::Canceled)?;
        }
        if canceled.is_cancelled() { Err(SyncError::Canceled) } else { Ok(()) }
    }

    async fn attempt(
        &self,
        request: &OutboundRequest,
        host: &HostState,
        canceled: &CancellationToken,
    ) -> Result<RemoteAnswer, Failed> {
        let sending = async {
            // Nobody closes it; without a place the request would be one too many, and no harm.
            let _place = host.under_way.acquire().await;
            self.client.send(request.clone()).await
        };
        let last = |error| Failed { error, may_pass: false, asked: None, is_too_fast: false };
        let sent = canceled.run_until_cancelled(sending).await;
        let answer = match sent.ok_or_else(|| last(SyncError::Canceled))? {
            Ok(answer) => answer,
            Err(error) => {
                let may_pass = may_pass(&error);
                return Err(Failed { may_pass, ..last(error.into()) });
            }
        };
        if answer.is_success() {
            host.pace.lock().answered();
            return Ok(answer);
        }
        let is_too_fast = answer.status == 429;
        let may_pass = is_too_fast || answer.status >= 500;
        let asked = answer.retry_after((self.timing.clock)());
        let (status, body) = (answer.status, ErrorBody::of(answer.body));
        let error = SyncError::Status { status, body, detail: None };
        Err(Failed { error, may_pass, asked, is_too_fast })
    }
}

/// Whether another try may end otherwise.
fn may_pass(error: &OutboundError) -> bool {
    match error {
        OutboundError::TimedOut
        | OutboundError::Broken(_)
        | OutboundError::NotConnected(_)
        | OutboundError::Unresolved => true,
        OutboundError::Url(_)
        | OutboundError::Request(_)
        | OutboundError::Address
        | OutboundError::TooLong(_) => false,
    }
}

#[cfg(test)]
mod tests;
