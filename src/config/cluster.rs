//! `[node]`, `[log.jetstream]` and `[log.postgres]` of the file: what several nodes share one log by.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};
use toml::Spanned;

use super::source::Source;
use super::source_context::SourceContext;
use super::{ConfigError, LogEngine, LogSettings};
use crate::log::engines::jetstream::{JetStreamSettings, JetStreamTls};
use crate::log::engines::postgres::PostgresSettings;

/// `[node]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSection {
    pub name: Option<Spanned<String>>,
}

/// `[log.jetstream]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JetStreamTable {
    #[serde(default)]
    servers: Vec<Spanned<String>>,
    #[serde(default)]
    monitor: Vec<Spanned<String>>,
    stream: Option<Spanned<String>>,
    user: Option<Spanned<String>>,
    password: Option<Spanned<String>>,
    token: Option<Spanned<String>>,
    credentials: Option<Spanned<String>>,
    tls: Option<JetStreamTlsTable>,
    replicas: Option<Spanned<usize>>,
}

/// `[log.jetstream.tls]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct JetStreamTlsTable {
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// `[log.postgres]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresTable {
    url: Option<Spanned<String>>,
    ca: Option<PathBuf>,
    #[serde(default)]
    async_standby: bool,
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

const NAME_RULE: &str = "must be 1 to 63 letters, digits, - and _";

impl NodeSection {
    pub fn understood(&self, context: SourceContext<'_>) -> Result<Option<String>, ConfigError> {
        match &self.name {
            Some(name) if !is_name(name.get_ref()) => {
                Err(context.source.wrong(name.span(), "node.name", NAME_RULE))
            }
            name => Ok(name.as_ref().map(|name| name.get_ref().clone())),
        }
    }
}

impl JetStreamTable {
    pub fn understood(&self, context: SourceContext<'_>) -> Result<JetStreamSettings, ConfigError> {
        let wrong =
            |span, key: &str, rule: &str| context.source.wrong(span, &format!("log.jetstream.{key}"), rule);
        let urls = |given: &[Spanned<String>], key, schemes: &[&str], rule| {
            let fits = |url: &&Spanned<String>| {
                schemes
                    .iter()
                    .any(|scheme| url.get_ref().strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
            };
            match given.iter().find(|url| !fits(url)) {
                Some(url) => Err(wrong(url.span(), key, rule)),
                None => Ok(given.iter().map(|url| url.get_ref().clone()).collect::<Vec<_>>()),
            }
        };
        let rule = "must be such as nats://10.0.0.1:4222";
        let usual = JetStreamSettings::default();
        let servers = urls(&self.servers, "servers", &["nats://", "tls://"], rule)?;
        if let Some(url) = self.servers.iter().find(|url| url.get_ref().contains('@')) {
            let rule = "holds no user and no password: give them by `user` and `password`, or by `token`";
            return Err(wrong(url.span(), "servers", rule));
        }
        let servers = if servers.is_empty() { usual.servers } else { servers };
        let rule = "must be such as http://10.0.0.1:8222";
        let monitor = urls(&self.monitor, "monitor", &["http://", "https://"], rule)?;
        if let Some(stream) = self.stream.as_ref().filter(|stream| !is_name(stream.get_ref())) {
            return Err(wrong(stream.span(), "stream", NAME_RULE));
        }
        let stream = self.stream.as_ref().map_or(usual.stream, |stream| stream.get_ref().clone());
        let replicas = self.replicas.as_ref().map_or(usual.replicas, |replicas| *replicas.get_ref());
        if let Some(given) = self.replicas.as_ref().filter(|_| ![1, 3, 5].contains(&replicas)) {
            return Err(wrong(given.span(), "replicas", "must be 1, 3 or 5"));
        }
        let credentials = context.secret(&self.credentials, "log.jetstream.credentials")?;
        // The last line ends, as the reader of such files wants it.
        let credentials = credentials.map(|secret| format!("{}\n", secret.text()));
        if let (Some(given), Some(text)) = (&self.credentials, &credentials)
            && !JetStreamSettings::is_credentials(text)
        {
            let rule = "must be a credentials file of NATS, such as `nsc` writes: a user's JWT and its seed";
            return Err(wrong(given.span(), "credentials", rule));
        }
        let text = |given: &Option<Spanned<String>>, key: &str| {
            let secret = context.secret(given, &format!("log.jetstream.{key}"))?;
            Ok::<_, ConfigError>(secret.map(|secret| secret.text().into_owned()))
        };
        let (password, token) = (text(&self.password, "password")?, text(&self.token, "token")?);
        let user = match (&self.user, &self.password) {
            (Some(user), Some(_)) => Some((user.get_ref().clone(), password.unwrap_or_default())),
            (None, None) => None,
            (Some(given), None) => return Err(wrong(given.span(), "user", "needs `password`")),
            (None, Some(given)) => return Err(wrong(given.span(), "password", "needs `user`")),
        };
        let tls = self.tls.as_ref().map(|tls| JetStreamTls {
            ca: tls.ca.clone(),
            cert: tls.cert.clone(),
            key: tls.key.clone(),
        });
        Ok(JetStreamSettings { servers, monitor, stream, user, token, credentials, tls, replicas })
    }
}

impl PostgresTable {
    pub fn understood(&self, context: SourceContext<'_>) -> Result<PostgresSettings, ConfigError> {
        let url = context.secret(&self.url, "log.postgres.url")?;
        let url = url.map(|secret| secret.text().into_owned()).unwrap_or_default();
        let is_url =
            url.is_empty() || ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
        if let Some(given) = self.url.as_ref().filter(|_| !is_url) {
            let rule = "must be such as postgres://USER:PASSWORD@HOST/DATABASE";
            return Err(context.source.wrong(given.span(), "log.postgres.url", rule));
        }
        Ok(PostgresSettings { url, ca: self.ca.clone(), async_standby: self.async_standby })
    }
}

/// The engine that `[log]` names.
pub fn engine(
    name: &Option<Spanned<String>>,
    postgres: &PostgresSettings,
    source: &Source<'_>,
) -> Result<LogEngine, ConfigError> {
    let Some(name) = name else { return Ok(LogEngine::Embedded) };
    let Some(engine) = LogEngine::named(name.get_ref()) else {
        let rule = "must be \"embedded\", \"jetstream\" or \"postgres\"";
        return Err(source.wrong(name.span(), "log.engine", rule));
    };
    if engine == LogEngine::Postgres && postgres.url.is_empty() && source.resolves() {
        return Err(source.wrong(name.span(), "log.engine", "needs [log.postgres] url"));
    }
    Ok(engine)
}

/// The keys of the engines as they hold.
pub fn settings(log: &LogSettings) -> Vec<(&'static str, Value)> {
    let mask = |is_there: bool| if is_there { Value::from("***") } else { Value::Null };
    let (jetstream, tls) = (&log.jetstream, log.jetstream.tls.clone().unwrap_or_default());
    vec![
        ("log.engine", json!(log.engine.name())),
        ("log.secret", mask(log.secret.is_some())),
        ("log.copies", json!(log.copies.max(1))),
        ("log.jetstream.servers", json!(jetstream.servers)),
        ("log.jetstream.monitor", json!(jetstream.monitor)),
        ("log.jetstream.stream", json!(jetstream.stream)),
        ("log.jetstream.user", json!(jetstream.user.as_ref().map(|(user, _)| user))),
        ("log.jetstream.password", mask(jetstream.user.is_some())),
        ("log.jetstream.token", mask(jetstream.token.is_some())),
        ("log.jetstream.credentials", mask(jetstream.credentials.is_some())),
        ("log.jetstream.replicas", json!(jetstream.replicas)),
        ("log.jetstream.tls.ca", json!(tls.ca)),
        ("log.jetstream.tls.cert", json!(tls.cert)),
        ("log.jetstream.tls.key", json!(tls.key)),
        ("log.postgres.url", mask(!log.postgres.url.is_empty())),
        ("log.postgres.ca", json!(log.postgres.ca)),
        ("log.postgres.async_standby", json!(log.postgres.async_standby)),
    ]
}
