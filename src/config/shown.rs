//! The merged configuration for people: each setting, its value and where it comes from. Secrets are masked.

use serde::Serialize;
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::cluster;
use super::email::{DIGEST_HOUR, PORT};
use super::source::Source;
use super::{Config, ConfigError, EmailSettings, EmailTls, Overrides};
use crate::directory::secret;

/// A setting as it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Its name, e.g. `tenant[acme].timezone`.
    pub key: String,
    /// Its value; `***` where it is a secret that is written out.
    pub value: Value,
    /// A flag, a variable, file and line, or `default`.
    pub origin: String,
}

const MASK: &str = "***";

/// Every setting. What would be refused at a start is refused here.
pub fn shown(overrides: &Overrides) -> Result<Vec<Shown>, ConfigError> {
    let (path, text) = overrides.read()?;
    let config = Config::parse(&path, &text, overrides)?;
    let source = Source::new(&path, &text);
    let table = DeTable::parse(&text).map_err(|error| source.unparsable(&error))?;
    let mut written = Vec::new();
    walk(&source, "", table.get_ref(), &mut written);
    written.sort_by_key(|(at, _)| *at);
    let mut settings: Vec<Shown> = Vec::new();
    for (key, value, flag, variable, given) in global(&config, overrides) {
        let in_file = written.iter().position(|(_, shown)| shown.key == key);
        let in_file = in_file.map(|at| written.remove(at).1.origin);
        let origin = match given {
            Some(text) if std::env::var(variable).is_ok_and(|value| value == text) => variable.to_owned(),
            Some(_) => flag.to_owned(),
            None => in_file.unwrap_or_else(|| "default".to_owned()),
        };
        settings.push(Shown { key: key.to_owned(), value, origin });
    }
    settings.extend(written.into_iter().map(|(_, shown)| shown));
    Ok(settings)
}

impl Config {
    /// Keys that another configuration gives another value, and that a running server does not take over.
    pub fn wants_restart(&self, other: &Self) -> Vec<&'static str> {
        let pairs = global_settings(self).into_iter().zip(global_settings(other));
        pairs.filter(|(before, after)| before.1 != after.1).map(|(before, _)| before.0).collect()
    }
}

/// What holds for the whole server: each key with its value.
pub(super) fn global_settings(config: &Config) -> Vec<(&'static str, Value)> {
    global(config, &Overrides::default()).into_iter().map(|(key, value, ..)| (key, value)).collect()
}

/// What holds for the whole server: key, value, flag, variable, and what flag or variable say.
type Global = (&'static str, Value, &'static str, &'static str, Option<String>);

fn global(config: &Config, overrides: &Overrides) -> Vec<Global> {
    let file_only = |key, value| (key, value, "", "", None);
    fn of<T>(config: &Config, of: impl Fn(&EmailSettings) -> T) -> Option<T> {
        config.email.as_ref().map(of)
    }
    let login = of(config, |email| email.login.clone()).flatten();
    let engines = cluster::settings(&config.log).into_iter().map(|(key, value)| file_only(key, value));
    let mut all = vec![
        (
            "data_dir",
            json!(config.data_dir),
            "--data-dir",
            "FACTFOLD_DATA_DIR",
            overrides.data_dir.as_ref().map(|dir| dir.display().to_string()),
        ),
        (
            "listen",
            json!(config.listen),
            "--listen",
            "FACTFOLD_LISTEN",
            overrides.listen.map(|address| address.to_string()),
        ),
        (
            "public_url",
            json!(config.public_url),
            "--public-url",
            "FACTFOLD_PUBLIC_URL",
            overrides.public_url.clone(),
        ),
        (
            "admin_token",
            config.admin_token.as_ref().map_or(Value::Null, |_| MASK.into()),
            "",
            "FACTFOLD_ADMIN_TOKEN",
            overrides.admin_token.clone(),
        ),
        file_only("email.host", json!(of(config, |email| email.host.clone()))),
        file_only("email.port", json!(of(config, |email| email.port).unwrap_or(PORT))),
        file_only("email.tls", json!(of(config, |email| email.tls).unwrap_or(EmailTls::Starttls).as_str())),
        file_only("email.username", json!(login.as_ref().map(|(username, _)| username))),
        file_only("email.password", json!(login.as_ref().map(|_| MASK))),
        file_only("email.from", json!(of(config, |email| email.from.to_string()))),
        file_only("email.digest_hour", json!(of(config, |email| email.digest_hour).unwrap_or(DIGEST_HOUR))),
        file_only("http.cors", json!(config.http.cors)),
        file_only(
            "http.trusted_proxies",
            json!(config.http.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>()),
        ),
        file_only("limits.requests_per_second", json!(config.limits.requests_per_second)),
        file_only("limits.requests_burst", json!(config.limits.requests_burst)),
        file_only("limits.connections", json!(config.limits.connections)),
        file_only(
            "limits.endpoint_deliveries_per_second",
            json!(config.limits.endpoint_deliveries_per_second),
        ),
        file_only("limits.endpoint_deliveries_burst", json!(config.limits.endpoint_deliveries_burst)),
        file_only("limits.endpoint_kib_per_second", json!(config.limits.endpoint_kib_per_second)),
        file_only("limits.endpoint_kib_burst", json!(config.limits.endpoint_kib_burst)),
        file_only("node.name", if config.log.node.is_empty() { Value::Null } else { json!(config.log.node) }),
        file_only(
            "log.checkpoint_key",
            config.log.checkpoint_key.as_ref().map_or(Value::Null, |_| MASK.into()),
        ),
        file_only("metrics.figures", json!(config.metrics.figures)),
        file_only("outbound.allow", json!(config.outbound.allow)),
    ];
    all.extend(engines);
    all
}

/// Every value of the file with its byte, tables taken apart.
fn walk(source: &Source<'_>, prefix: &str, table: &DeTable<'_>, found: &mut Vec<(usize, Shown)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{prefix}.{}", name.get_ref())
        };
        match value.get_ref() {
            DeValue::Table(table) => walk(source, &key, table, found),
            DeValue::Array(rows) if rows.iter().any(|row| matches!(row.get_ref(), DeValue::Table(_))) => {
                for (at, row) in rows.iter().enumerate() {
                    if let DeValue::Table(table) = row.get_ref() {
                        walk(source, &format!("{key}[{}]", row_name(table, at)), table, found);
                    }
                }
            }
            other => {
                let at = name.span().start;
                // A mapping says how a secret is written, and holds none.
                let is_described = key.starts_with("mapping[");
                let value = plain(other);
                let value = if is_described { value } else { masked(name.get_ref(), value) };
                found.push((at, Shown { key, value, origin: source.place(at) }));
            }
        }
    }
}

/// What a row is known by where it has that, else its number: a mapping has no id but a name.
fn row_name(table: &DeTable<'_>, at: usize) -> String {
    let member = |wanted: &str| {
        let found = table.iter().find(|(name, _)| name.get_ref() == wanted);
        found.and_then(|(_, value)| plain(value.get_ref()).as_str().map(str::to_owned))
    };
    member("id").or_else(|| member("name")).unwrap_or_else(|| at.to_string())
}

fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => {
            number.to_string().parse::<i64>().map_or_else(|_| number.to_string().into(), Value::from)
        }
        DeValue::Float(number) => number.to_string().into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Datetime(at) => at.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| plain(Spanned::get_ref(item))).collect(),
        DeValue::Table(table) => {
            let members = table.iter();
            Value::Object(
                members
                    .map(|(name, value)| {
                        (name.get_ref().to_string(), masked(name.get_ref(), plain(value.get_ref())))
                    })
                    .collect(),
            )
        }
    }
}

/// Where a secret stands may be shown, the secret may not.
fn masked(name: &str, value: Value) -> Value {
    let is_secret = (["secret", "token", "password"].iter().any(|word| name.contains(word))
        || name.ends_with("_key"))
        && !name.ends_with("_url");
    match value {
        Value::String(text) if is_secret && !secret::is_reference(&text) => MASK.into(),
        Value::Array(items) if is_secret => items.into_iter().map(|item| masked(name, item)).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_says_where_it_comes_from_and_no_secret_shows() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("factfold.toml");
        let text = "listen = \"127.0.0.1:9000\"\n[limits]\nconnections = 7\n[[tenant]]\nid = \"acme\"\nname = \"Acme\"\n\
                    timezone = \"UTC\"\n[tenant.clienttether]\nweb_key = \"canary-web\"\n[[endpoint]]\n\
                    id = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\nsecrets = [\"canary-a\", \"env:PATH\"]\n[[mapping]]\n\
                    name = \"forms\"\nsignature = { scheme = \"hmac\", header = \"x-sig\", secret = \"base64\" }\n\
                    external_id = [\"id\"]\n[[mapping.on]]\nkind = \"ignored\"\n";
        std::fs::write(&path, text).expect("written");
        let overrides = Overrides {
            file: Some(path.clone()),
            public_url: Some("https://hooks.example.com/".into()),
            admin_token: Some("canary-admin-token".into()),
            ..Overrides::default()
        };
        let settings = shown(&overrides).expect("shown");
        let one = |key: &str| {
            let found = settings.iter().find(|shown| shown.key == key);
            found.map(|shown| (shown.value.to_string(), shown.origin.clone())).expect(key)
        };
        let line = |line: u32| format!("{}:{line}", path.display());
        assert_eq!(one("data_dir"), ("\"data\"".into(), "default".into()));
        assert_eq!(one("listen"), ("\"127.0.0.1:9000\"".into(), line(1)));
        assert_eq!(one("limits.connections"), ("7".into(), line(3)));
        assert_eq!(one("public_url"), ("\"https://hooks.example.com\"".into(), "--public-url".into()));
        assert_eq!(one("tenant[acme].clienttether.web_key"), ("\"***\"".into(), line(9)));
        assert_eq!(one("endpoint[tw-5b0f0d7e].secrets"), ("[\"***\",\"env:PATH\"]".into(), line(13)));
        assert_eq!(one("mapping[forms].signature.secret"), ("\"base64\"".into(), line(16)));
        assert!(!format!("{settings:?}").contains("canary"), "{settings:?}");
    }
}
