//! The hosts that are called: one pool of connections each, pinned to addresses that were checked.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use reqwest::{Url, redirect};

use super::address::{Allowed, is_public};
use super::error::OutboundError;

/// How long a name may be resolved, or a connection be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long checked addresses are called before the name is resolved again.
const PINNED: Duration = Duration::from_secs(30);
/// How long a connection is kept for the next call. Load balancers close idle ones after a minute.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// Hosts whose connections are kept.
const HOSTS_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);
/// Idle connections that are kept to one host.
const IDLE_CONNECTIONS_MAX: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct HostKey {
    host: String,
    port: u16,
    is_plain: bool,
    is_pooled: bool,
}

struct Pinned {
    client: reqwest::Client,
    addresses: Vec<SocketAddr>,
    until: Instant,
}

/// Clients by host.
#[derive(Clone)]
pub(super) struct Hosts {
    allowed: Allowed,
    pinned: Arc<Mutex<LruCache<HostKey, Pinned>>>,
}

impl Hosts {
    pub fn new(allowed: Allowed) -> Self {
        Self { allowed, pinned: Arc::new(Mutex::new(LruCache::new(HOSTS_MAX))) }
    }

    pub fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// The client of the URL's host, connected to nothing but addresses that may be called.
    pub async fn client(&self, url: &Url, is_pooled: bool) -> Result<reqwest::Client, OutboundError> {
        let key = HostKey {
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().ok_or(OutboundError::Url("has no port"))?,
            is_plain: url.scheme() == "http",
            is_pooled,
        };
        if let Some(pinned) = self.pinned.lock().get(&key).filter(|pinned| Instant::now() < pinned.until) {
            return Ok(pinned.client.clone());
        }
        let addresses = resolved(&self.allowed, &key.host, key.port).await?;
        let mut hosts = self.pinned.lock();
        // The same addresses as before keep their connections.
        let client = match hosts.get(&key).filter(|pinned| pinned.addresses == addresses) {
            Some(pinned) => pinned.client.clone(),
            None => pinned_to(&key, &addresses)?,
        };
        let pinned = Pinned { client: client.clone(), addresses, until: Instant::now() + PINNED };
        hosts.put(key, pinned);
        Ok(client)
    }
}

/// Where to connect to: every address of the host must be one that may be called, so that no later one is taken.
pub(super) async fn resolved(
    allowed: &Allowed,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, OutboundError> {
    let is_allowed = allowed.contains(host);
    if let Some(address) = literal(host) {
        let may_be_called = is_allowed || is_public(address);
        return if may_be_called {
            Ok(vec![SocketAddr::new(address, port)])
        } else {
            Err(OutboundError::Address)
        };
    }
    let resolving = tokio::net::lookup_host((host, port));
    let found = tokio::time::timeout(CONNECT_MAX, resolving).await;
    let found = found.map_err(|_| OutboundError::Unresolved)?;
    let mut addresses: Vec<SocketAddr> = found.map_err(|_| OutboundError::Unresolved)?.collect();
    if addresses.is_empty() {
        return Err(OutboundError::Unresolved);
    }
    if !is_allowed && !addresses.iter().all(|address| is_public(address.ip())) {
        return Err(OutboundError::Address);
    }
    // Resolvers turn the list round; that is no other list.
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

/// The address that a host is written as, if it is.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

fn pinned_to(key: &HostKey, addresses: &[SocketAddr]) -> Result<reqwest::Client, OutboundError> {
    let idle = if key.is_pooled { IDLE_CONNECTIONS_MAX } else { 0 };
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .https_only(!key.is_plain)
        .connect_timeout(CONNECT_MAX)
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(idle)
        .resolve_to_addrs(&key.host, addresses)
        .user_agent(concat!("factfold/", env!("CARGO_PKG_VERSION")));
    client.build().map_err(OutboundError::from)
}
