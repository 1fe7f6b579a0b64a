//! Listening and serving until told to stop.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::time::interval;

use super::connections::{self, ConnectionLimits};
use super::{limits, observability};
use crate::http::app::App;

/// Why the server could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The service manager's socket could not be used.
    #[error("the service manager's socket: {0}")]
    Given(io::Error),
    /// The listener failed.
    #[error("serving failed: {0}")]
    Serve(#[from] io::Error),
}

/// Serves `router` on `listener` until `stop` is done, then drains for at most 8 s.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    app: &App,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let stopping = app.stopping.clone();
    let limits = ConnectionLimits { connections_max: app.connections_max, ..ConnectionLimits::default() };
    let served = connections::serve(listener, router, limits, stopping.clone());
    let asked = async {
        stop.await;
        stopping.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = served => {}
        () = asked => {}
        () = run_upkeep(app) => {}
    }
}

/// The periodic upkeep of metrics and rate limits, without end.
async fn run_upkeep(app: &App) {
    let mut upkeep = interval(observability::UPKEEP_EVERY);
    let mut forgetting = interval(limits::FORGET_EVERY);
    loop {
        tokio::select! {
            _ = upkeep.tick() => app.metrics.iter().for_each(PrometheusHandle::run_upkeep),
            _ = forgetting.tick() => app.limits.forget(),
        }
    }
}

/// Binds `address`.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}
