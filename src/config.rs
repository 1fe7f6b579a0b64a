//! The one configuration: flags over `FACTFOLD_*` over the file over defaults; wrong ones are refused by file, line and key.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, fs};

use domain::keys::TenantId;
use domain::members::{Currency, Day};
use domain::rules::calendar::ZoneName;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::ingest::directory::{Endpoint, Secret, TenantEntry as Owner};
use crate::ingest::providers;

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
    /// The file is not what it should be; the text names line and key.
    #[error("{path}: {message}")]
    File {
        /// The file.
        path: String,
        /// Line, key and rule.
        message: String,
    },
    /// A value is well-formed but wrong.
    #[error("{place}: {message}")]
    Value {
        /// File and key.
        place: String,
        /// The rule.
        message: String,
    },
}

/// Resolves `env:NAME`, `file:PATH` or the text itself.
fn secret(text: &str, place: &str) -> Result<Secret, ConfigError> {
    let wrong = |message: String| ConfigError::Value { place: place.to_owned(), message };
    let value = if let Some(name) = text.strip_prefix("env:") {
        env::var(name).map_err(|_| wrong(format!("the environment has no {name}")))?
    } else if let Some(path) = text.strip_prefix("file:") {
        let read = fs::read_to_string(path).map_err(|error| wrong(format!("{path}: {error}")))?;
        read.trim_end_matches(['\r', '\n']).to_owned()
    } else {
        text.to_owned()
    };
    if value.is_empty() { Err(wrong("the secret is empty".into())) } else { Ok(Secret::new(&value)) }
}

/// The file `factfold.toml`; unknown keys are refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data_dir: Option<PathBuf>,
    listen: Option<SocketAddr>,
    public_url: Option<String>,
    #[serde(default)]
    tenant: Vec<TenantEntry>,
    #[serde(default)]
    endpoint: Vec<EndpointEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantEntry {
    id: String,
    name: String,
    timezone: String,
    currency: Option<String>,
    #[serde(default)]
    workspaces: Vec<String>,
    recording: Option<bool>,
    effective_from: Option<String>,
    rules: Option<toml::Table>,
    #[serde(default)]
    tracking_number: Vec<TrackingNumberEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrackingNumberEntry {
    number: String,
    agent: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointEntry {
    id: String,
    provider: String,
    tenant: Option<String>,
    event: Option<String>,
    #[serde(default)]
    secrets: Vec<String>,
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
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

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
        let file: File = toml::from_str(text).map_err(|error| ConfigError::File {
            path: match error.span() {
                Some(span) => {
                    let before = text.get(..span.start).unwrap_or(text);
                    format!("{path}:{}", before.matches('\n').count() + 1)
                }
                None => path.to_owned(),
            },
            message: error.message().to_owned(),
        })?;
        let tenants =
            file.tenant.iter().map(|entry| tenant(path, entry)).collect::<Result<Vec<_>, ConfigError>>()?;
        let endpoints = file
            .endpoint
            .iter()
            .map(|entry| endpoint(path, entry, &tenants))
            .collect::<Result<Vec<_>, ConfigError>>()?;
        unique(path, "tenant.id", tenants.iter().map(|tenant| tenant.id.as_str()))?;
        unique(path, "endpoint.id", endpoints.iter().map(|endpoint| endpoint.id.as_str()))?;
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
        Ok(Self {
            data_dir: overrides.data_dir.clone().or(file.data_dir).unwrap_or_else(|| "data".into()),
            listen: overrides.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN),
            public_url: overrides
                .public_url
                .clone()
                .or(file.public_url)
                .map(|url| public_url(path, url))
                .transpose()?,
            admin_token,
            tenants,
            endpoints,
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

fn public_url(path: &str, url: String) -> Result<String, ConfigError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(['?', '#', ' ']) => {
            Ok(url.trim_end_matches('/').to_owned())
        }
        Some(_) | None => Err(ConfigError::Value {
            place: format!("{path}: public_url"),
            message: "must be such as https://hooks.example.com".into(),
        }),
    }
}

fn unique<'a>(path: &str, key: &str, names: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ConfigError::Value {
                place: format!("{path}: {key}"),
                message: format!("{name:?} is given twice"),
            });
        }
    }
    Ok(())
}

fn tenant(path: &str, entry: &TenantEntry) -> Result<TenantConfig, ConfigError> {
    let place = |key: &str| format!("{path}: tenant {:?}: {key}", entry.id);
    let wrong =
        |key: &str, message: &str| ConfigError::Value { place: place(key), message: message.to_owned() };
    let id = TenantId::new(&entry.id).map_err(|error| wrong("id", &error.to_string()))?;
    if ZoneName::parse(&entry.timezone).is_none() {
        let message = format!("{:?} is no IANA time zone such as America/New_York", entry.timezone);
        return Err(wrong("timezone", &message));
    }
    if entry.currency.as_deref().is_some_and(|code| Currency::parse(code).is_none()) {
        return Err(wrong("currency", "must be an ISO 4217 code such as USD"));
    }
    if entry.effective_from.as_deref().is_some_and(|day| Day::parse(day).is_none()) {
        return Err(wrong("effective_from", "must be a date such as 2025-10-09"));
    }
    let mut body = Map::new();
    body.insert("name".into(), entry.name.clone().into());
    body.insert("timezone".into(), entry.timezone.clone().into());
    body.insert("currency".into(), entry.currency.clone().into());
    body.insert("workspaces".into(), entry.workspaces.clone().into());
    body.insert("recording".into(), entry.recording.into());
    body.insert("effective_from".into(), entry.effective_from.clone().into());
    if let Some(rules) = &entry.rules {
        body.insert("rules".into(), json!(rules));
    }
    let numbers = entry.tracking_number.iter();
    let numbers = numbers.map(|tracking| json!({"number": tracking.number, "agent": tracking.agent}));
    body.insert("tracking_numbers".into(), numbers.collect());
    let body = Value::Object(body);
    // The same reader as for a posted fact: what the log would refuse is refused here, by name.
    if let Some(Err(faults)) = domain::facts::Fact::from_json("tenant_configured", body.clone(), "") {
        let fault = faults.first().map(|fault| (fault.pointer.replace('/', "."), fault.message.clone()));
        let (pointer, message) = fault.unwrap_or_default();
        return Err(wrong(pointer.trim_start_matches('.'), &message));
    }
    Ok(TenantConfig { id, body })
}

fn endpoint(path: &str, entry: &EndpointEntry, tenants: &[TenantConfig]) -> Result<Endpoint, ConfigError> {
    let place = |key: &str| format!("{path}: endpoint {:?}: {key}", entry.id);
    let fits = (8..=128).contains(&entry.id.len())
        && entry.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !fits {
        return Err(ConfigError::Value {
            place: place("id"),
            message: "must be 8 to 128 of letters, digits, '-' and '_', and not guessable".into(),
        });
    }
    if providers::named(&entry.provider).is_none() {
        return Err(ConfigError::Value {
            place: place("provider"),
            message: format!("no provider {:?}", entry.provider),
        });
    }
    let tenant = match &entry.tenant {
        None => None,
        Some(id) => match tenants.iter().find(|tenant| tenant.id.as_str() == id) {
            Some(tenant) => Some(tenant.id.clone()),
            None => {
                return Err(ConfigError::Value {
                    place: place("tenant"),
                    message: format!("no tenant {id:?}"),
                });
            }
        },
    };
    let secrets =
        entry.secrets.iter().map(|text| secret(text, &place("secrets"))).collect::<Result<Vec<_>, _>>()?;
    Ok(Endpoint {
        id: entry.id.clone(),
        provider: entry.provider.clone(),
        tenant,
        event: entry.event.clone(),
        secrets,
    })
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
        for (text, told) in [
            ("data_dir = \"d\"\nlisten_on = \"x\"\n".to_owned(), "factfold.toml:2: unknown field `listen_on`"),
            (TENANT.replace("America/New_York", "America/Nowhere"), "timezone: \"America/Nowhere\" is no IANA"),
            (format!("{TENANT}[tenant.rules]\nqualified_min_second = 3\n"), "rules.qualified_min_second: is not a member"),
            (format!("{TENANT}[tenant.rules]\nqualified_min_seconds = \"3\"\n"), "rules.qualified_min_seconds: must be an integer"),
            (format!("{TENANT}{TENANT}"), "tenant.id: \"acme\" is given twice"),
            ("[[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\ntenant = \"no\"\n".into(), "tenant: no tenant \"no\""),
            ("[[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\nsecrets = [\"env:FACTFOLD_NOT_SET\"]\n".into(), "has no FACTFOLD_NOT_SET"),
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
