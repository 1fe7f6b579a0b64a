//! The address that a request comes from, also behind a proxy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

/// The network of the client, by which strangers are limited: an address of IPv4, or the /64 of an address of IPv6, of
/// which a client usually owns every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientNetwork(pub IpAddr);

const FORWARDED: &str = "x-forwarded-for";

/// Where requests come from.
#[derive(Debug)]
pub struct ClientAddresses {
    /// Proxies whose word on the client's address is taken.
    trusted: Vec<IpNet>,
    has_warned: AtomicBool,
}

impl ClientAddresses {
    /// Takes the word of these proxies.
    pub fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted, has_warned: AtomicBool::new(false) }
    }

    /// The proxies.
    pub fn trusted(&self) -> &[IpNet] {
        &self.trusted
    }

    /// Of a request.
    pub fn network(&self, parts: &Parts) -> ClientNetwork {
        // Only tests have requests without a connection.
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip());
        ClientNetwork(network(self.address(peer.to_canonical(), &parts.headers)))
    }

    /// The peer, or what trusted proxies say: each appends the address that it was asked from, so that the last which
    /// is no trusted proxy's is the client's. Whatever stands before it, the client may have made up.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let forwarded = headers.get_all(FORWARDED);
        if !self.trusts(peer) {
            if forwarded.iter().next().is_some()
                && peer.is_loopback()
                && !self.has_warned.swap(true, Ordering::Relaxed)
            {
                tracing::warn!(
                    %peer,
                    "requests come through a proxy that [http] trusted_proxies does not name: its clients share one limit of \
                     logins by address"
                );
            }
            return peer;
        }
        let lines = forwarded.iter().filter_map(|line| line.to_str().ok()).rev();
        let named = lines.flat_map(|line| line.rsplit(',')).map(|name| name.trim().parse::<IpAddr>());
        let mut last = peer;
        for address in named {
            // What is no address ends what can be believed.
            let Ok(address) = address.map(|address| address.to_canonical()) else { return last };
            last = address;
            if !self.trusts(address) {
                return address;
            }
        }
        last
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// See [`ClientNetwork`].
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() >> 64 << 64).into(),
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let trusted = trusted.iter().map(|network| network.parse().expect("network")).collect();
        let mut request = axum::http::Request::builder();
        for line in forwarded {
            request = request.header(FORWARDED, *line);
        }
        let (mut parts, ()) = request.body(()).expect("request").into_parts();
        let peer: IpAddr = peer.parse().expect("address");
        parts.extensions.insert(ConnectInfo(SocketAddr::from((peer, 1))));
        ClientAddresses::new(trusted).network(&parts).0.to_string()
    }

    #[test]
    fn a_stranger_names_no_address_and_a_trusted_proxy_does() {
        let proxy: &[&str] = &["127.0.0.0/8", "10.0.0.0/8"];
        for (trusted, peer, forwarded, expected) in [
            (&[][..], "203.0.113.9", &["192.0.2.1"][..], "203.0.113.9"),
            (&[], "127.0.0.1", &["192.0.2.1"], "127.0.0.1"),
            (proxy, "203.0.113.9", &["192.0.2.1"], "203.0.113.9"),
            (proxy, "127.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            (proxy, "127.0.0.1", &["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
            (proxy, "127.0.0.1", &["198.51.100.7, 192.0.2.1, 10.1.2.3"], "192.0.2.1"),
            (proxy, "127.0.0.1", &["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
            (proxy, "127.0.0.1", &["198.51.100.7, who"], "127.0.0.1"),
            (proxy, "127.0.0.1", &[], "127.0.0.1"),
            (proxy, "127.0.0.1", &["10.0.0.4"], "10.0.0.4"),
            (proxy, "::ffff:127.0.0.1", &["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::"),
            (&[], "2001:db8:1:2:3:4:5:6", &[], "2001:db8:1:2::"),
        ] {
            assert_eq!(asked(trusted, peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }
}
