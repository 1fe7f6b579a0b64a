//! The one configuration: flags over `FACTFOLD_*` over the file over defaults; wrong ones are refused by file, line and key.

mod admin_token;
mod advice;
mod call_lists;
mod calling;
mod cluster;
mod email;
mod faults;
mod feeds;
mod file;
mod grammar;
mod log_section;
mod mapping;
mod own_url;
pub mod reference;
mod sections;
pub mod shown;
mod source;
mod source_context;
mod sources;
#[cfg(test)]
mod tests;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use domain::keys::TenantId;
use ipnet::IpNet;
use serde_json::Value;

pub use self::call_lists::{CallRail, Ctm};
pub use self::email::{EmailSettings, EmailTls};
use self::faults::Faults;
pub use self::feeds::{EmailBison, GoogleAds, MetaAds};
use self::file::FileReading;
pub use self::own_url::local_url;
pub use self::sources::{ActivityFields, ActivityList, ClientTether, CronSchedule, Sources};
use crate::directory::{Endpoint, Secret, TenantEntry as Owner, TwilioAccount};
use crate::ingest::providers::generic::Mapping;
use crate::log::engines::jetstream::JetStreamSettings;
use crate::log::engines::postgres::PostgresSettings;
use crate::proof::WitnessKey;

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
    /// Several of it.
    #[error("{} mistakes{}", .0.len(), lines(.0))]
    Several(Vec<ConfigError>),
}

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

/// A tenant as configured: its id and the body of its `tenant_configured`.
#[derive(Debug, Clone)]
pub struct TenantConfig {
    /// The tenant.
    pub id: TenantId,
    /// Body of the fact that says so, in the contract's JSON.
    pub body: Value,
    /// What of it is asked.
    pub sources: Sources,
    /// The account by which its calls are placed, where it has one.
    pub twilio: Option<TwilioAccount>,
    /// The hour of its Monday at which its digest is sent, where it has one of its own.
    pub digest_hour: Option<u8>,
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
    /// Deliveries a second of one endpoint that is proven by its id alone; signed ones are never limited.
    pub endpoint_deliveries_per_second: NonZeroU32,
    /// Those of them that may come at once before that holds.
    pub endpoint_deliveries_burst: NonZeroU32,
    /// KiB a second of them.
    pub endpoint_kib_per_second: NonZeroU32,
    /// KiB of them that may come at once before that holds.
    pub endpoint_kib_burst: NonZeroU32,
}

const CONNECTIONS: NonZeroU32 = NonZeroU32::new(10_000).expect("not zero");
const MANY: NonZeroU32 = NonZeroU32::new(100_000).expect("not zero");
/// What a provider sends for days.
const DELIVERIES: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");
/// An hour of it: what a provider kept back while it could not deliver is taken at once.
const DELIVERIES_BURST: NonZeroU32 = NonZeroU32::new(3_600_000).expect("not zero");
/// 2 MiB a second: 169 GiB a day.
const KIB: NonZeroU32 = NonZeroU32::new(2_048).expect("not zero");
/// 8 GiB, somewhat more than an hour of it.
const KIB_BURST: NonZeroU32 = NonZeroU32::new(8_388_608).expect("not zero");

impl Default for Limits {
    /// More than one honest caller or provider comes to with one server.
    fn default() -> Self {
        Self {
            requests_per_second: MANY,
            requests_burst: MANY,
            connections: CONNECTIONS,
            endpoint_deliveries_per_second: DELIVERIES,
            endpoint_deliveries_burst: DELIVERIES_BURST,
            endpoint_kib_per_second: KIB,
            endpoint_kib_burst: KIB_BURST,
        }
    }
}

/// `[metrics]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Whether `/metrics` has each tenant's figures of the current month, too.
    pub figures: bool,
}

/// What orders the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogEngine {
    /// This node's own journal.
    #[default]
    Embedded,
    /// A stream of JetStream, for several nodes.
    JetStream,
    /// Tables of PostgreSQL, for several nodes.
    Postgres,
}

impl LogEngine {
    /// The engine of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Embedded, Self::JetStream, Self::Postgres].into_iter().find(|engine| engine.name() == name)
    }

    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::JetStream => "jetstream",
            Self::Postgres => "postgres",
        }
    }
}

/// `[log]`.
#[derive(Debug, Clone, Default)]
pub struct LogSettings {
    /// This node's name, unique among those of one log; empty where none is given.
    pub node: String,
    /// What orders it.
    pub engine: LogEngine,
    /// How many nodes have a fact in their journals before it is answered.
    pub copies: usize,
    /// `[log.jetstream]`.
    pub jetstream: JetStreamSettings,
    /// `[log.postgres]`.
    pub postgres: PostgresSettings,
    /// The log's secret as 64 hexadecimal digits, where it is given and not the data directory's own.
    pub secret: Option<Secret>,
    /// The key that signs checkpoints, where it is given and not the data directory's own.
    pub checkpoint_key: Option<Secret>,
    /// Whether it is given, looked up or not.
    pub gives_key: bool,
    /// Who is asked to cosign them.
    pub witnesses: Vec<WitnessSettings>,
}

/// `[[log.witness]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessSettings {
    /// Where its API is, with a slash at its end.
    pub url: String,
    /// Who it is, and what its cosignatures are verified with.
    pub key: WitnessKey,
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
    /// `[log]`, and `[node]`, which is for it.
    pub log: LogSettings,
    /// `[outbound]`.
    pub outbound: Outbound,
    /// `[email]`; none: no mail is sent.
    pub email: Option<EmailSettings>,
    /// `[metrics]`.
    pub metrics: Metrics,
    /// What may be meant and mostly is not, each by file, line and key.
    pub advice: Vec<String>,
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
            log: LogSettings::default(),
            outbound: Outbound::default(),
            email: None,
            metrics: Metrics::default(),
            advice: Vec::new(),
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
    /// For a command that needs no secret: none is looked up, and one that is not there is no mistake.
    pub leaves_secrets: bool,
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
        let mut faults = Faults::default();
        let admin_token = overrides.admin_token.as_deref();
        if let Some(message) = admin_token.and_then(admin_token::fault) {
            let place = "FACTFOLD_ADMIN_TOKEN".into();
            faults.add(ConfigError::Value { place, message: message.into() });
        }
        let admin_token = admin_token.map(Secret::new);
        let given_url = overrides.public_url.as_ref().map(|url| {
            file::public_url(url).ok_or_else(|| ConfigError::Value {
                place: "--public-url (FACTFOLD_PUBLIC_URL)".into(),
                message: file::PUBLIC_URL_RULE.into(),
            })
        });
        let given_url = faults.take(given_url.transpose()).flatten();
        let reading = FileReading {
            public_url: overrides.public_url.is_some(),
            listen: overrides.listen,
            leaves_secrets: overrides.leaves_secrets,
        };
        let file = file::read(path, text, reading, &mut faults);
        let Some(file) = faults.done(file)? else { return Ok(Self::default()) };
        let public_url = given_url.or(file.public_url);
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
            log: file.log,
            outbound: file.outbound,
            email: file.email,
            metrics: file.metrics,
            advice: file.advice,
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
