//! The state of every handler: the engine and the settings of the HTTP side.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use domain::keys::TenantId;
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::api::problem::Problem;
use super::server::client_address::ClientAddresses;
use super::server::limits::{Allowance, Allowances, RateLimits};
use super::server::shares::{HeldPlace, Shares};
use crate::engine::Engine;
use crate::views::TenantView;

/// Most streams that are open at once; further ones are answered 503.
pub(super) const STREAMS_MAX: usize = 1_000;
/// Most of them that are one caller's.
const STREAMS_OF_ONE: usize = 100;
/// Readings of past moments, restatements and pages of facts of one caller that are worked on at once; so many more wait.
const SEARCHES_OF_ONE: (usize, usize) = (2, 256);
/// Most whole lists that are on their way at once; each holds the models as they were when it began.
const WHOLE_LISTS_MAX: usize = 32;
/// So long a reading waits for its caller's earlier ones: a page that compares sixty past moments is answered, each fold
/// of which may take a second.
const SEARCH_PATIENCE: Duration = Duration::from_secs(120);

/// The configuration of the HTTP side.
#[derive(Clone)]
pub struct Settings {
    /// Origins whose pages may call the API (CORS).
    pub cors: Vec<String>,
    /// Proxies whose word on the client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// What each caller and each endpoint may bring.
    pub allowances: Allowances,
    /// Most open connections.
    pub connections_max: usize,
    /// The recorder of metrics; without one `/metrics` is 404.
    pub metrics: Option<PrometheusHandle>,
    /// Whether they have each tenant's figures, too.
    pub figures: bool,
}

impl Default for Settings {
    /// Limits that one honest caller does not reach, and no metrics.
    fn default() -> Self {
        let many = NonZeroU32::new(100_000).unwrap_or(NonZeroU32::MAX);
        let requests = Allowance { per_second: many, burst: many };
        let (deliveries, delivered_kib) = (Allowance::UNLIMITED, Allowance::UNLIMITED);
        let connections_max = 10_000;
        Self {
            cors: Vec::new(),
            trusted_proxies: Vec::new(),
            allowances: Allowances { requests, deliveries, delivered_kib },
            connections_max,
            metrics: None,
            figures: false,
        }
    }
}

/// The place of an open stream, given back when it is dropped.
pub(super) struct StreamPermit {
    _permit: OwnedSemaphorePermit,
    _share: HeldPlace,
}

/// The state of every handler.
pub struct App {
    pub(super) engine: Engine,
    /// Cancelled when the server is asked to stop: streams end, readiness is 503, requests in flight go on.
    pub(super) stopping: CancellationToken,
    pub(super) limits: Arc<RateLimits>,
    pub(super) addresses: ClientAddresses,
    pub(super) cors: Arc<[String]>,
    pub(super) connections_max: usize,
    pub(super) metrics: Option<PrometheusHandle>,
    pub(super) figures: bool,
    /// Permits of streams, each of which reads the log.
    pub(super) streams: Arc<Semaphore>,
    stream_shares: Arc<Shares>,
    search_shares: Arc<Shares>,
    /// Permits of whole lists that are on their way.
    pub(super) whole_lists: Arc<Semaphore>,
    /// The build and the log that make the answers.
    build: Box<str>,
}

impl App {
    /// The state for serving `engine`.
    pub fn new(engine: Engine, settings: Settings) -> Self {
        let build = build(&engine);
        Self {
            engine,
            stopping: CancellationToken::new(),
            limits: Arc::new(RateLimits::new(settings.allowances)),
            addresses: ClientAddresses::new(settings.trusted_proxies),
            cors: settings.cors.into(),
            connections_max: settings.connections_max,
            metrics: settings.metrics,
            figures: settings.figures,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            stream_shares: Shares::new(STREAMS_OF_ONE, 0),
            search_shares: Shares::new(SEARCHES_OF_ONE.0, SEARCHES_OF_ONE.1),
            whole_lists: Arc::new(Semaphore::new(WHOLE_LISTS_MAX)),
            build,
        }
    }

    /// The tenant's live read models.
    ///
    /// # Errors
    /// 404 of a tenant without facts, 503 `not_folded` where they are being folded since the start.
    pub(super) async fn view(&self, tenant: &TenantId) -> Result<TenantView, Problem> {
        self.engine.views.wait_for_tenant(tenant).await?;
        self.engine.views.tenant(tenant).ok_or_else(|| Problem::not_found("tenant"))
    }

    /// What makes the answers, as part of ETags: the build, the log, and how often models were swapped.
    pub(super) fn build(&self) -> Cow<'_, str> {
        match self.engine.views.swaps() {
            0 => Cow::Borrowed(&self.build),
            swaps => Cow::Owned(format!("{}.{swaps}", self.build)),
        }
    }

    /// The permit of one more stream of the caller.
    ///
    /// # Errors
    /// 503 `too_many_streams` where all are taken, 429 where the caller has his share.
    pub(super) async fn stream_permit(&self, caller: &str) -> Result<StreamPermit, Problem> {
        let permit = Arc::clone(&self.streams).try_acquire_owned();
        let permit =
            permit.map_err(|_| Problem::unavailable("too_many_streams", "too many streams are open", 30))?;
        let share = self.stream_shares.take(caller, Duration::ZERO).await.ok_or_else(|| {
            let detail = format!("a caller has at most {STREAMS_OF_ONE} open streams");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail).retry_after(30)
        })?;
        Ok(StreamPermit { _permit: permit, _share: share })
    }

    /// The caller's turn to search the log or to fold a past moment; others' are not waited for.
    ///
    /// # Errors
    /// 429 where more of his wait already, or the turn did not come within two minutes.
    pub(super) async fn search_turn(&self, caller: &str) -> Result<HeldPlace, Problem> {
        self.search_shares.take(caller, SEARCH_PATIENCE).await.ok_or_else(|| {
            let detail = "too many searches and readings of past moments of this caller wait already";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).retry_after(5)
        })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Closes the engine, whatever handles of it are left.
    pub fn close(&self) {
        self.engine.close();
    }
}

/// A digest of executable and log: two builds may render one state differently, and two logs have equal positions.
fn build(engine: &Engine) -> Box<str> {
    let executable = std::env::current_exe().and_then(std::fs::metadata);
    let made = executable.and_then(|file| Ok((file.len(), file.modified()?)));
    let text = format!("{} {:?}", env!("CARGO_PKG_VERSION"), made.ok());
    format!("{:016x}", engine.secret.subject("", &text)).into()
}
