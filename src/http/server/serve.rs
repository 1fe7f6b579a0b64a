//! The listening side: take connections until told to stop, then let requests finish.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::time::interval;

use super::connections::{self, ConnectionLimits};
use super::{limits, observability};
use crate::http::app::App;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The socket that the service manager gave cannot be listened on.
    #[error("the service manager's socket: {0}")]
    Given(io::Error),
    /// The listener broke.
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

/// Folds what was measured and forgets who has been quiet, now and then, without end.
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
