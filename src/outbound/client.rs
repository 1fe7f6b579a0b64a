//! The one HTTP client: https to public addresses, resolved once and checked, no redirects, bounded in size and time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::{Url, redirect};

use super::address::{Allowed, is_public};

/// So long may one call take, all in all.
const CALL_MAX: Duration = Duration::from_secs(10);
/// So long may a name be resolved, or a connection be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read; the rest is left.
const ANSWER_MAX: usize = 64 * 1024;

/// Why a call was not made, or has no answer. Never names the URL, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// Not a URL that may be called.
    #[error("the URL {0}")]
    Url(&'static str),
    /// The name has no address.
    #[error("the host's name cannot be resolved")]
    Unresolved,
    /// The address is none of the public internet.
    #[error("the host's address is not public")]
    Address,
    /// It took too long.
    #[error("no answer within 10 s")]
    TimedOut,
    /// The connection or TLS failed.
    #[error("the call failed: {0}")]
    Failed(String),
}

/// What a call was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteAnswer {
    /// HTTP status.
    pub status: u16,
    /// What was read of the body, at most 64 KB.
    pub body: Vec<u8>,
}

/// Calls under the outbound rules.
#[derive(Debug, Clone)]
pub struct Client {
    allowed: Allowed,
}

/// Whether the text is a URL that may be called, as far as that can be told without resolving its host.
///
/// # Errors
/// [`OutboundError::Url`] and [`OutboundError::Address`].
pub fn check(text: &str, allowed: &Allowed) -> Result<Url, OutboundError> {
    let url = Url::parse(text).map_err(|_| OutboundError::Url("is not a URL"))?;
    let host = url.host_str().ok_or(OutboundError::Url("has no host"))?;
    let is_allowed = allowed.contains(host);
    match url.scheme() {
        "https" => {}
        "http" if is_allowed => {}
        _ => return Err(OutboundError::Url("must be https")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(OutboundError::Url("must not hold a user's name or password"));
    }
    match literal(host) {
        Some(address) if !is_allowed && !is_public(address) => Err(OutboundError::Address),
        Some(_) | None => Ok(url),
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

impl Client {
    /// `allowed` hosts may be private or without TLS.
    pub fn new(allowed: Allowed) -> Self {
        Self { allowed }
    }

    /// Which hosts are allowed beside public ones.
    pub fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// Posts JSON with these headers.
    ///
    /// # Errors
    /// See [`OutboundError`]; any status is an answer.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        json: String,
    ) -> Result<RemoteAnswer, OutboundError> {
        let url = check(url, &self.allowed)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let addresses = self.addresses(&url, &host).await?;
        let plain = url.scheme() == "http";
        // One client a call: what it is to connect to was resolved and checked for this call.
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .https_only(!plain)
            .timeout(CALL_MAX)
            .connect_timeout(CONNECT_MAX)
            .resolve_to_addrs(&host, &addresses)
            .user_agent(concat!("factfold/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(failed)?;
        let mut request = client.post(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut answer = request.body(json).send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while body.len() < ANSWER_MAX
            && let Some(chunk) = answer.chunk().await.map_err(failed)?
        {
            body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_MAX - body.len())]);
        }
        Ok(RemoteAnswer { status, body })
    }

    /// Where to connect to: every address of the host must be one that may be called, so that no later one is taken.
    async fn addresses(&self, url: &Url, host: &str) -> Result<Vec<SocketAddr>, OutboundError> {
        let port = url.port_or_known_default().ok_or(OutboundError::Url("has no port"))?;
        if let Some(address) = literal(host) {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let resolved = tokio::time::timeout(CONNECT_MAX, tokio::net::lookup_host((host, port))).await;
        let resolved = resolved.map_err(|_| OutboundError::Unresolved)?;
        let addresses: Vec<SocketAddr> = resolved.map_err(|_| OutboundError::Unresolved)?.collect();
        if addresses.is_empty() {
            return Err(OutboundError::Unresolved);
        }
        if !self.allowed.contains(host) && !addresses.iter().all(|address| is_public(address.ip())) {
            return Err(OutboundError::Address);
        }
        Ok(addresses)
    }
}

fn failed(error: reqwest::Error) -> OutboundError {
    if error.is_timeout() {
        return OutboundError::TimedOut;
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    OutboundError::Failed(text)
}
