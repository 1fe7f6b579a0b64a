//! The one configuration: flags over `FACTFOLD_*` over the file over defaults; wrong ones are refused by file, line and key.

mod file;
mod mapping;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use domain::keys::TenantId;
use serde_json::Value;

use crate::ingest::directory::{Endpoint, Secret, TenantEntry as Owner};
use crate::ingest::providers::generic::Mapping;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Something in it, or in the environment, is not what it should be.
    #[error("{place}: {message}")]
    Value {
        /// File, line and key; or the variable.
        place: String,
        /// The rule.
        message: String,
    },
}

/// A tenant as configured: its id and the body of its `tenant_configured`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantConfig {
    /// The tenant.
    pub id: TenantId,
    /// Body of the fact that says so, in the contract's JSON.
    pub body: Value,
}

/// Everything that is configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the log lies.
    pub data_dir: PathBuf,
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// What providers sign: scheme and host as they are configured there.
    pub public_url: Option<String>,
    /// An admin's token, from `FACTFOLD_ADMIN_TOKEN`.
    pub admin_token: Option<Secret>,
    /// Tenants.
    pub tenants: Vec<TenantConfig>,
    /// Endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Sources that are described rather than built in.
    pub mappings: Vec<Mapping>,
    /// The only private or plain-http hosts that may be called (RELIABILITY, Outbound).
    pub outbound_allow: Vec<String>,
}

/// What the command line and the environment say; each wins over the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `FACTFOLD_PUBLIC_URL`.
    pub public_url: Option<String>,
    /// `FACTFOLD_ADMIN_TOKEN`.
    pub admin_token: Option<String>,
}

/// The file that is read when none is named and it is there.
pub const DEFAULT_FILE: &str = "factfold.toml";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

impl Config {
    /// Reads the file that `overrides` names (else `factfold.toml` where there is one) under the overrides.
    pub fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        let default = Path::new(DEFAULT_FILE);
        let (path, text) = match &overrides.file {
            Some(path) => (path.display().to_string(), read(path)?),
            None if default.exists() => (DEFAULT_FILE.to_owned(), read(default)?),
            None => (DEFAULT_FILE.to_owned(), String::new()),
        };
        Self::parse(&path, &text, overrides)
    }

    fn parse(path: &str, text: &str, overrides: &Overrides) -> Result<Self, ConfigError> {
        let file = file::read(path, text)?;
        let admin_token = match overrides.admin_token.as_deref() {
            None => None,
            Some(token) if token.len() >= 16 => Some(Secret::new(token)),
            Some(_) => {
                return Err(ConfigError::Value {
                    place: "FACTFOLD_ADMIN_TOKEN".into(),
                    message: "must be at least 16 characters".into(),
                });
            }
        };
        let public_url = match &overrides.public_url {
            Some(url) => Some(file::public_url(url).ok_or_else(|| ConfigError::Value {
                place: "--public-url (FACTFOLD_PUBLIC_URL)".into(),
                message: file::PUBLIC_URL_RULE.into(),
            })?),
            None => file.public_url,
        };
        Ok(Self {
            data_dir: overrides.data_dir.clone().or(file.data_dir).unwrap_or_else(|| "data".into()),
            listen: overrides.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN),
            public_url,
            admin_token,
            tenants: file.tenants,
            endpoints: file.endpoints,
            mappings: file.mappings,
            outbound_allow: file.outbound_allow,
        })
    }
}

impl TenantConfig {
    /// What deliveries find the tenant by.
    pub fn owner(&self) -> Owner {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |member: &str| self.body[member].as_array().cloned().unwrap_or_default();
        let numbers = list("tracking_numbers");
        Owner {
            id: self.id.clone(),
            tracking_numbers: numbers
                .iter()
                .filter_map(|number| Some((text(&number["number"])?, text(&number["agent"]))))
                .collect(),
            workspaces: list("workspaces").iter().filter_map(text).collect(),
        }
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse("factfold.toml", text, &Overrides::default()).map_err(|error| error.to_string())
    }

    const TENANT: &str =
        "[[tenant]]\nid = \"acme\"\nname = \"Acme Dental\"\ntimezone = \"America/New_York\"\n";

    #[test]
    fn the_contracts_example_is_accepted() {
        let text = format!(
            "data_dir = \"data\"\nlisten = \"127.0.0.1:8080\"\npublic_url = \"https://hooks.example.com\"\n{TENANT}\
             workspaces = [\"Acme Client\", \"17\"]\ncurrency = \"USD\"\n[tenant.rules]\nqualified_min_seconds = 30\n\
             [[tenant.tracking_number]]\nnumber = \"+15550199\"\nagent = \"ann@example.com\"\n\
             [[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\ntenant = \"acme\"\nsecrets = [\"sesame\"]\n"
        );
        let config = parse(&text).expect("accepted");
        assert_eq!(config.tenants[0].body["rules"]["qualified_min_seconds"], 30);
        assert_eq!(config.endpoints[0].secrets[0].bytes(), b"sesame");
        assert!(!format!("{config:?}").contains("sesame"), "secrets never show");
    }

    #[test]
    fn wrong_files_are_refused_by_line_and_key() {
        let endpoint = "[[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\n";
        for (text, told) in [
            ("data_dir = \"d\"\nlisten_on = \"x\"\n".to_owned(), "factfold.toml:2: listen_on: unknown field"),
            ("listen = 7\n".to_owned(), "factfold.toml:1: listen: invalid type"),
            (
                TENANT.replace("America/New_York", "America/Nowhere"),
                "factfold.toml:4: tenant.timezone: \"America/Now",
            ),
            (
                format!("{TENANT}[tenant.rules]\nqualified_min_second = 3\n"),
                "factfold.toml:6: tenant.rules.qualified_min_second: is not a member",
            ),
            (
                format!("{TENANT}[tenant.rules]\n\nqualified_min_seconds = \"3\"\n"),
                "factfold.toml:7: tenant.rules.qualified_min_seconds: must be an integer",
            ),
            (format!("{TENANT}{TENANT}"), "factfold.toml:6: tenant.id: \"acme\" is given twice"),
            (
                format!("{endpoint}secrets = [\"x\"]\ntenant = \"no\"\n"),
                "factfold.toml:5: endpoint.tenant: no tenant \"no\"",
            ),
            (
                format!("{endpoint}secrets = [\"env:FACTFOLD_NOT_SET\"]\n"),
                "factfold.toml:4: endpoint.secrets: the environment has no FACTFOLD_NOT_SET",
            ),
            (endpoint.to_owned(), "factfold.toml:2: endpoint.secrets: twilio signs its deliveries"),
            (endpoint.replace("twilio", "twillio"), "factfold.toml:3: endpoint.provider: no provider"),
        ] {
            let refused = parse(&text).expect_err(&text);
            assert!(refused.contains(told), "{refused}\nshould say\n{told}");
        }
    }

    #[test]
    fn flags_win_over_the_file() {
        let overrides = Overrides { data_dir: Some("elsewhere".into()), ..Overrides::default() };
        let config = Config::parse("f", "data_dir = \"data\"", &overrides).expect("accepted");
        assert_eq!(config.data_dir, PathBuf::from("elsewhere"));
    }
}
