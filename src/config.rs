//! The one configuration: flags over `FACTFOLD_*` over the file over defaults; wrong ones are refused by file, line and key.

mod admin_token;
mod file;
mod mapping;
mod sections;
pub mod shown;
mod source;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use domain::keys::TenantId;
use ipnet::IpNet;
use serde_json::Value;

use crate::directory::{Endpoint, Secret, TenantEntry as Owner};
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
#[derive(Debug, Clone)]
pub struct TenantConfig {
    /// The tenant.
    pub id: TenantId,
    /// Body of the fact that says so, in the contract's JSON.
    pub body: Value,
    /// Its CRM, where it has one.
    pub clienttether: Option<ClientTether>,
}

/// How a tenant's CRM is asked (B1).
#[derive(Debug, Clone)]
pub struct ClientTether {
    /// Ends with a slash.
    pub base_url: String,
    /// The tenant's `X-Web-Key`.
    pub web_key: Secret,
    /// The access token, where the account has one.
    pub access_token: Option<Secret>,
}

impl ClientTether {
    /// Where it is unless told otherwise.
    pub const BASE_URL: &'static str = "https://api.clienttether.com/v2/api/";
}

/// `[http]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Http {
    /// Origins whose pages may ask the API (D10); the webhook routes are open to all.
    pub cors: Vec<String>,
    /// Proxies in front, whose `X-Forwarded-For` names the client.
    pub trusted_proxies: Vec<IpNet>,
}

/// `[limits]`: what one server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second of one token or login; verified hooks are never limited.
    pub requests_per_second: NonZeroU32,
    /// Requests that may come at once before that holds.
    pub requests_burst: NonZeroU32,
    /// Connections that are open at once.
    pub connections: NonZeroU32,
}

const CONNECTIONS: NonZeroU32 = NonZeroU32::new(10_000).expect("not zero");
const MANY: NonZeroU32 = NonZeroU32::new(100_000).expect("not zero");

impl Default for Limits {
    /// More than one honest caller comes to with one server.
    fn default() -> Self {
        Self { requests_per_second: MANY, requests_burst: MANY, connections: CONNECTIONS }
    }
}

/// `[outbound]`: whom the server may call beside public https hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbound {
    /// Hosts, in lower case, that may be private or plain http.
    pub allow: Vec<String>,
}

impl Outbound {
    /// Whether the host is named.
    pub fn allows(&self, host: &str) -> bool {
        self.allow.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}

/// An endpoint of a tenant that the file does not have. It may be one that the log has and the file has no more;
/// else it is refused.
#[derive(Debug, Clone)]
pub struct Stranger {
    /// The tenant.
    pub tenant: TenantId,
    /// File, line and key.
    pub place: String,
}

impl Stranger {
    /// Why it is refused where the log does not have the tenant either.
    pub fn refused(&self) -> ConfigError {
        let message = format!("no tenant {:?}", self.tenant.as_str());
        ConfigError::Value { place: self.place.clone(), message }
    }
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
    /// Those of them whose tenant the file does not have.
    pub strangers: Vec<Stranger>,
    /// Sources that are described rather than built in.
    pub mappings: Vec<Mapping>,
    /// `[http]`.
    pub http: Http,
    /// `[limits]`.
    pub limits: Limits,
    /// `[outbound]`.
    pub outbound: Outbound,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: DEFAULT_DATA_DIR.into(),
            listen: DEFAULT_LISTEN,
            public_url: None,
            admin_token: None,
            tenants: Vec::new(),
            endpoints: Vec::new(),
            strangers: Vec::new(),
            mappings: Vec::new(),
            http: Http::default(),
            limits: Limits::default(),
            outbound: Outbound::default(),
        }
    }
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
const DEFAULT_DATA_DIR: &str = "data";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

impl Config {
    /// Reads the file that `overrides` names (else `factfold.toml` where there is one) under the overrides.
    pub fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        let (path, text) = overrides.read()?;
        Self::parse(&path, &text, overrides)
    }

    fn parse(path: &str, text: &str, overrides: &Overrides) -> Result<Self, ConfigError> {
        let file = file::read(path, text)?;
        let admin_token = overrides.admin_token.as_deref();
        if let Some(message) = admin_token.and_then(admin_token::fault) {
            let place = "FACTFOLD_ADMIN_TOKEN".into();
            return Err(ConfigError::Value { place, message: message.into() });
        }
        let admin_token = admin_token.map(Secret::new);
        let public_url = match &overrides.public_url {
            Some(url) => Some(file::public_url(url).ok_or_else(|| ConfigError::Value {
                place: "--public-url (FACTFOLD_PUBLIC_URL)".into(),
                message: file::PUBLIC_URL_RULE.into(),
            })?),
            None => file.public_url,
        };
        Ok(Self {
            data_dir: overrides.data_dir.clone().or(file.data_dir).unwrap_or_else(|| DEFAULT_DATA_DIR.into()),
            listen: overrides.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN),
            public_url,
            admin_token,
            tenants: file.tenants,
            endpoints: file.endpoints,
            strangers: file.strangers,
            mappings: file.mappings,
            http: file.http,
            limits: file.limits,
            outbound: file.outbound,
        })
    }
}

impl TenantConfig {
    /// What deliveries find the tenant by.
    pub fn owner(&self) -> Owner {
        Owner::of(&self.id, &self.body)
    }
}

impl Overrides {
    /// Name and text of the file; an empty one where none is named and there is none.
    fn read(&self) -> Result<(String, String), ConfigError> {
        let default = Path::new(DEFAULT_FILE);
        Ok(match &self.file {
            Some(path) => (path.display().to_string(), read(path)?),
            None if default.exists() => (DEFAULT_FILE.to_owned(), read(default)?),
            None => (DEFAULT_FILE.to_owned(), String::new()),
        })
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
        let claim = |number: &str, workspace: &str| {
            format!(
                "[[tenant]]\nid = \"one\"\nname = \"One\"\ntimezone = \"UTC\"\nworkspaces = [\"{workspace}\"]\n\
                 [[tenant.tracking_number]]\nnumber = \"{number}\"\n"
            )
        };
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
                format!("{endpoint}secrets = [\"env:FACTFOLD_NOT_SET\"]\n"),
                "factfold.toml:4: endpoint.secrets: the environment variable FACTFOLD_NOT_SET is not set",
            ),
            (
                format!("{}{TENANT}workspaces = [\"x\",\n\"MAIN \"]\n", claim("+1 415 867 5309", "main")),
                "factfold.toml:13: tenant.workspaces: workspace \"MAIN \" is claimed by the tenants one and acme",
            ),
            (
                format!(
                    "{}{}",
                    claim("+14158675309", "a"),
                    claim("+1 (415) 867-5309", "b").replace("\"one\"", "\"two\"")
                ),
                "factfold.toml:14: tenant.tracking_number.number: tracking number \"+1 (415) 867-5309\" is claimed",
            ),
            (
                format!("{TENANT}[[tenant.tracking_number]]\nnumber = \"  \"\n"),
                "factfold.toml:6: tenant.tracking_number.0.number: is required",
            ),
            (
                format!("{TENANT}[tenant.clienttether]\nweb_key = \"env:FACTFOLD_NOT_SET\"\n"),
                "factfold.toml:6: tenant.clienttether.web_key: the environment variable FACTFOLD_NOT_SET is not set",
            ),
            (
                format!("{TENANT}[tenant.clienttether]\nweb_key = \"x\"\nbase_url = \"http://10.0.0.1/\"\n"),
                "factfold.toml:7: tenant.clienttether.base_url: must be an https URL",
            ),
            (
                "[http]\ncors = [\"https://a.example\", \"*\"]\n".to_owned(),
                "factfold.toml:2: http.cors: must be an origin",
            ),
            (
                "[limits]\nconnections = 0\n".to_owned(),
                "factfold.toml:2: limits.connections: must be an integer",
            ),
            ("[limits]\nconections = 1\n".to_owned(), "factfold.toml:2: conections: unknown field"),
            (
                "[outbound]\nallow = [\"http://127.0.0.1\"]\n".to_owned(),
                "factfold.toml:2: outbound.allow: must be a host",
            ),
            (endpoint.to_owned(), "factfold.toml:2: endpoint.secrets: twilio signs its deliveries"),
            (endpoint.replace("twilio", "twillio"), "factfold.toml:3: endpoint.provider: unknown provider"),
        ] {
            let refused = parse(&text).expect_err(&text);
            assert!(refused.contains(told), "{refused}\nshould say\n{told}");
        }
    }

    #[test]
    fn an_endpoint_of_a_tenant_that_the_file_does_not_have_waits_for_the_log_to_know_it() {
        let endpoint = "[[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\nsecrets = [\"x\"]\n";
        let config = parse(&format!("{endpoint}tenant = \"gone\"\n")).expect("read");
        let refused: Vec<_> = config.strangers.iter().map(|it| it.refused().to_string()).collect();
        assert_eq!(refused, ["factfold.toml:5: endpoint.tenant: no tenant \"gone\""]);
        let config = parse(&format!("{TENANT}{endpoint}tenant = \"acme\"\n")).expect("read");
        assert!(config.strangers.is_empty());
    }

    #[test]
    fn every_table_of_the_contract_is_read() {
        let text = format!(
            "{TENANT}[tenant.clienttether]\nbase_url = \"http://127.0.0.1:9999/v2/api\"\nweb_key = \"sesame\"\n\
             access_token = \"sesame\"\n[outbound]\nallow = [\"127.0.0.1\", \"Crm.Example.com\"]\n\
             [http]\ncors = [\"https://app.example.com\"]\n[limits]\nrequests_per_second = 5\n"
        );
        let config = parse(&text).expect("accepted");
        let crm = config.tenants[0].clienttether.as_ref().expect("a CRM");
        assert_eq!(
            (crm.base_url.as_str(), crm.web_key.bytes()),
            ("http://127.0.0.1:9999/v2/api/", &b"sesame"[..])
        );
        assert!(config.outbound.allows("crm.example.com") && !config.outbound.allows("example.com"));
        assert_eq!(config.http.cors, ["https://app.example.com"]);
        assert_eq!((config.limits.requests_per_second.get(), config.limits.connections.get()), (5, 10_000));
        assert!(!format!("{config:?}").contains("sesame"), "secrets never show");
    }

    #[test]
    fn flags_win_over_the_file() {
        let overrides = Overrides { data_dir: Some("elsewhere".into()), ..Overrides::default() };
        let config = Config::parse("f", "data_dir = \"data\"", &overrides).expect("accepted");
        assert_eq!(config.data_dir, PathBuf::from("elsewhere"));
    }
}
