//! What every handler sees: the engine, and what is configured of this side.

use std::num::NonZeroU32;
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::server::limits::RateLimits;
use crate::engine::Engine;

/// Most streams that are open at once; further ones are answered 503.
pub(super) const STREAMS_MAX: usize = 1_000;

/// What is configured of this side.
#[derive(Clone)]
pub struct Settings {
    /// Origins whose pages may ask the API.
    pub cors: Vec<String>,
    /// Requests a second of one caller.
    pub requests_per_second: NonZeroU32,
    /// Requests of one caller at once, before that holds.
    pub requests_burst: NonZeroU32,
    /// Connections that are open at once.
    pub connections_max: usize,
    /// What shows what is measured, where something is.
    pub metrics: Option<PrometheusHandle>,
}

impl Default for Settings {
    /// Limits that one server does not come to with one honest caller, and nothing measured.
    fn default() -> Self {
        let many = NonZeroU32::new(100_000).unwrap_or(NonZeroU32::MAX);
        let connections_max = 10_000;
        Self {
            cors: Vec::new(),
            requests_per_second: many,
            requests_burst: many,
            connections_max,
            metrics: None,
        }
    }
}

/// What every handler sees.
pub struct App {
    pub(super) engine: Engine,
    /// Cancelled when a stop was asked for: streams end, readiness ends, requests under way go on.
    pub(super) stopping: CancellationToken,
    pub(super) limits: Arc<RateLimits>,
    pub(super) cors: Arc<[String]>,
    pub(super) connections_max: usize,
    pub(super) metrics: Option<PrometheusHandle>,
    /// Room for streams, each of which looks into the log.
    pub(super) streams: Arc<Semaphore>,
    /// Names the build and the log that make the answers, in their ETags.
    pub(super) build: Box<str>,
}

impl App {
    /// Serves `engine`.
    pub fn new(engine: Engine, settings: Settings) -> Self {
        let build = build(&engine);
        Self {
            engine,
            stopping: CancellationToken::new(),
            limits: Arc::new(RateLimits::new(settings.requests_per_second, settings.requests_burst)),
            cors: settings.cors.into(),
            connections_max: settings.connections_max,
            metrics: settings.metrics,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            build,
        }
    }

    /// What is served.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Closes the engine, whoever still holds a handle of it.
    pub fn close(&self) {
        self.engine.close();
    }
}

/// Two builds may render one state differently, and two logs have the same positions.
fn build(engine: &Engine) -> Box<str> {
    let executable = std::env::current_exe().and_then(std::fs::metadata);
    let made = executable.and_then(|file| Ok((file.len(), file.modified()?)));
    let text = format!("{} {:?}", env!("CARGO_PKG_VERSION"), made.ok());
    format!("{:016x}", engine.secret.subject("", &text)).into()
}
