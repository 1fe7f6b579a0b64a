//! The tables of the file that are not tenants or endpoints: `[http]`, `[limits]`, `[metrics]`, `[outbound]`.

use std::net::IpAddr;
use std::num::NonZeroU32;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::source::Source;
use super::{ConfigError, Http, Limits, Metrics, Outbound};

/// `[http]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTable {
    #[serde(default)]
    cors: Vec<Spanned<String>>,
    #[serde(default)]
    trusted_proxies: Vec<Spanned<String>>,
}

impl HttpTable {
    pub fn understood(&self, source: &Source<'_>) -> Result<Http, ConfigError> {
        let origin = |text: &Spanned<String>| {
            let rule = "must be an origin such as https://app.example.com, without a path";
            let is_origin = authority(text.get_ref()).is_some();
            is_origin
                .then(|| text.get_ref().clone())
                .ok_or_else(|| source.wrong(text.span(), "http.cors", rule))
        };
        let network = |text: &Spanned<String>| {
            let rule = "must be an address such as 127.0.0.1 or a network such as 10.0.0.0/8";
            let address = text.get_ref().parse::<IpAddr>().map(IpNet::from);
            let network = address.or_else(|_| text.get_ref().parse());
            network.map_err(|_| source.wrong(text.span(), "http.trusted_proxies", rule))
        };
        Ok(Http {
            cors: self.cors.iter().map(origin).collect::<Result<_, _>>()?,
            trusted_proxies: self.trusted_proxies.iter().map(network).collect::<Result<_, _>>()?,
        })
    }
}

/// Host and port of an http or https URL that ends with them.
fn authority(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let fits = !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']);
    fits.then_some(rest)
}

/// `[limits]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    requests_per_second: Option<Spanned<u32>>,
    requests_burst: Option<Spanned<u32>>,
    connections: Option<Spanned<u32>>,
    endpoint_deliveries_per_second: Option<Spanned<u32>>,
    endpoint_deliveries_burst: Option<Spanned<u32>>,
    endpoint_kib_per_second: Option<Spanned<u32>>,
    endpoint_kib_burst: Option<Spanned<u32>>,
}

impl LimitsTable {
    pub fn understood(&self, source: &Source<'_>) -> Result<Limits, ConfigError> {
        let number = |given: &Option<Spanned<u32>>, key: &str, default: NonZeroU32| match given {
            None => Ok(default),
            Some(number) => NonZeroU32::new(*number.get_ref())
                .ok_or_else(|| source.wrong(number.span(), key, "must be an integer of at least 1")),
        };
        let usual = Limits::default();
        macro_rules! limits {
            ($($key:ident),*) => {
                Limits { $($key: number(&self.$key, concat!("limits.", stringify!($key)), usual.$key)?),* }
            };
        }
        Ok(limits!(
            requests_per_second,
            requests_burst,
            connections,
            endpoint_deliveries_per_second,
            endpoint_deliveries_burst,
            endpoint_kib_per_second,
            endpoint_kib_burst
        ))
    }
}

/// `[metrics]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsTable {
    #[serde(default)]
    figures: bool,
}

impl MetricsTable {
    pub fn understood(&self) -> Metrics {
        Metrics { figures: self.figures }
    }
}

/// `[outbound]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundTable {
    #[serde(default)]
    allow: Vec<Spanned<String>>,
}

impl OutboundTable {
    pub fn understood(&self, source: &Source<'_>) -> Result<Outbound, ConfigError> {
        let host = |text: &Spanned<String>| {
            let host = text.get_ref();
            let is_host = !host.is_empty()
                && (host.parse::<std::net::IpAddr>().is_ok()
                    || host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-'));
            let rule = "must be a host name or address such as 127.0.0.1, without scheme and port";
            is_host
                .then(|| host.to_ascii_lowercase())
                .ok_or_else(|| source.wrong(text.span(), "outbound.allow", rule))
        };
        Ok(Outbound { allow: self.allow.iter().map(host).collect::<Result<_, _>>()? })
    }
}
