//! Listening and serving until told to stop.

use std::io;
use std::net::SocketAddr;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::interval;

use super::connections::{self, ConnectionLimits};
use super::front::Front;
use super::places::Places;
use super::workers::Workers;
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

/// Serves `front` on `listener` until `stop` is done, then drains for at most 8 s.
///
/// # Errors
/// The operating system gives no threads.
pub async fn serve(
    listener: TcpListener,
    front: Front,
    app: &App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let stopping = app.stopping.clone();
    let places = Places::new(app.connections_max, app.addresses.trusted().to_vec());
    let workers = Workers::start()?;
    let limits = ConnectionLimits::default();
    let served = connections::serve(listener, front, limits, (places, &workers), stopping.clone());
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
    Ok(())
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

/// Most connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Takes `address`, so that no other process can; connections are refused until it is opened.
pub fn bind(address: SocketAddr) -> Result<TcpSocket, ServeError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Not held up by connections of a process before it.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bound().map_err(|source| ServeError::Listen { address, source })
}

/// Opens what was bound to `address`.
pub fn open(socket: TcpSocket, address: SocketAddr) -> Result<TcpListener, ServeError> {
    socket.listen(BACKLOG).map_err(|source| ServeError::Listen { address, source })
}
