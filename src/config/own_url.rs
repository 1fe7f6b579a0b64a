//! The URL at which people and programs reach this server.

use std::net::SocketAddr;

use super::Config;

impl Config {
    /// `public_url`, else that of the address at which HTTP is served, as a browser on this machine opens it.
    pub fn url(&self, address: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| local_url(address))
    }
}

/// The URL of an address. One that stands for every address of the machine cannot be opened: `localhost` can.
pub fn local_url(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("http://localhost:{}", address.port()),
        false => format!("http://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_one_that_opens() {
        for (address, url) in [
            ("0.0.0.0:8080", "http://localhost:8080"),
            ("[::]:8080", "http://localhost:8080"),
            ("127.0.0.1:9090", "http://127.0.0.1:9090"),
            ("[::1]:9090", "http://[::1]:9090"),
            ("10.0.0.7:80", "http://10.0.0.7:80"),
        ] {
            assert_eq!(local_url(address.parse().expect("an address")), url);
        }
        let public_url = Some("https://hooks.example.com".to_owned());
        let config = Config { public_url, ..Config::default() };
        assert_eq!(config.url(config.listen), "https://hooks.example.com");
    }
}
