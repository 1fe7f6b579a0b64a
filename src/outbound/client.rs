//! The one HTTP client: https to public addresses, resolved and checked, no redirects, bounded in size and time.

use reqwest::Url;

use super::address::{Allowed, is_public};
use super::error::OutboundError;
use super::hosts::{Hosts, literal};
use super::request::{OutboundRequest, RemoteAnswer};

/// Calls under the outbound rules. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    hosts: Hosts,
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

impl Client {
    /// `allowed` hosts may be private or without TLS.
    pub fn new(allowed: Allowed) -> Self {
        Self { hosts: Hosts::new(allowed) }
    }

    /// Which hosts are allowed beside public ones.
    pub fn allowed(&self) -> &Allowed {
        self.hosts.allowed()
    }

    /// Makes a call and reads its answer to the end, once: nothing is tried again here.
    ///
    /// # Errors
    /// See [`OutboundError`]; any status is an answer.
    pub async fn send(&self, request: OutboundRequest) -> Result<RemoteAnswer, OutboundError> {
        let mut url = check(&request.url, self.allowed())?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let client = self.hosts.client(&url, request.is_pooled).await?;
        let mut sending = client.request(request.method, url).timeout(request.time_max);
        for (name, value) in request.headers {
            sending = sending.header(name, value);
        }
        if let Some(body) = request.body {
            sending = sending.body(body);
        }
        RemoteAnswer::read(sending.send().await?, request.bytes_max).await
    }
}
