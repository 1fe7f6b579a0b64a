//! Which addresses may be called: public ones, and hosts that the configuration names.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;

/// Hosts that may be private or without TLS: `[outbound] allow`.
#[derive(Debug, Clone, Default)]
pub struct Allowed(Vec<String>);

impl Allowed {
    /// Names or addresses as they stand in URLs, in any case.
    pub fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| host.trim().trim_matches(['[', ']']).to_ascii_lowercase()).collect())
    }

    /// Whether the host is named.
    pub fn contains(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        self.0.contains(&host)
    }
}

/// What is not of the public internet: the IANA IPv4 and IPv6 Special-Purpose Address Registries, multicast, and what
/// was given out for a purpose once. Blocks that lead to other addresses (translators, tunnels, relays) are among them:
/// behind them may stand any address of the list.
const SPECIAL: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
];

/// All that is given out of IPv6: whatever lies outside is special or nobody's.
const GIVEN_OUT_V6: &str = "2000::/3";

static NETWORKS: LazyLock<(Vec<IpNet>, Option<IpNet>)> = LazyLock::new(|| {
    let special = SPECIAL.iter().filter_map(|network| network.parse().ok()).collect();
    (special, GIVEN_OUT_V6.parse().ok())
});

/// Whether an address is of the public internet, however it is written.
pub fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let (special, given_out) = &*NETWORKS;
    let is_given_out = address.is_ipv4() || given_out.is_some_and(|network| network.contains(&address));
    is_given_out && !special.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_special_purpose_block_is_public_from_its_first_to_its_last_address_and_its_neighbours_are() {
        let (special, given_out) = &*NETWORKS;
        assert_eq!((special.len(), given_out.is_some()), (SPECIAL.len(), true), "every network is one");
        for network in special {
            assert!(!is_public(network.network()) && !is_public(network.broadcast()), "{network}");
        }
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        for (first, last) in [
            ("::", "::"),
            ("::1", "::1"),
            ("::7f00:1", "::ffff:ffff"),
            ("::ffff:127.0.0.1", "::ffff:192.88.99.1"),
            ("64:ff9b::", "64:ff9b::ffff:ffff"),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
            ("100::", "100::ffff:ffff:ffff:ffff"),
            ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
            ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            assert!(!is_public(ip(first)) && !is_public(ip(last)), "{first} to {last}");
        }
        for public in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2000::1",
            "2001:200::1",
            "2001:db7::1",
            "2001:db9::1",
            "2003::1",
            "3ffe:ffff::1",
            "3fff:1000::1",
        ] {
            assert!(is_public(ip(public)), "{public}");
        }
    }
}
