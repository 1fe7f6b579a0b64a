//! The listening side: take connections until told to stop, then let requests finish.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::connections::{self, Limits};
use super::{App, router};

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
pub async fn serve(listener: TcpListener, app: Arc<App>, stop: impl Future<Output = ()> + Send + 'static) {
    let stopping = app.stopping.clone();
    let served = connections::serve(listener, router(Arc::clone(&app)), Limits::default(), stopping.clone());
    let asked = async {
        stop.await;
        stopping.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = served => {}
        () = asked => {}
    }
}

/// Binds `address`.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}
