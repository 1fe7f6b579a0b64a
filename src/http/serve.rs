//! The listening side: take connections until told to stop, then let requests finish.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;

use super::{App, router};

/// So long may requests under way take after a stop was asked for.
const DRAIN_MAX: Duration = Duration::from_secs(8);

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
    /// The listener broke.
    #[error("serving failed: {0}")]
    Serve(#[from] io::Error),
}

/// Serves `app` on `listener` until `stop` is done, then drains for at most 8 s.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let (asked, mut was_asked) = tokio::sync::watch::channel(false);
    let draining = Arc::clone(&app);
    let stopped = async move {
        stop.await;
        draining.draining.store(true, Ordering::Relaxed);
        // The receiver lives as long as this function.
        let _ = asked.send(true);
    };
    let served = axum::serve(listener, router(app)).with_graceful_shutdown(stopped);
    tokio::select! {
        done = served.into_future() => done.map_err(ServeError::Serve),
        () = async {
            let _ = was_asked.wait_for(|asked| *asked).await;
            tokio::time::sleep(DRAIN_MAX).await;
        } => Ok(()),
    }
}

/// Binds `address`.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}
