//! `[email]` of the file: the server by which mails go out. Without it none does.

use domain::words;
use lettre::message::Mailbox;
use serde::Deserialize;
use toml::Spanned;

use super::ConfigError;
use super::source::Source;
use super::source_context::SourceContext;
use crate::directory::Secret;

words! {
    /// How the connection to the server is kept from others' eyes.
    EmailTls {
        /// TLS begins within the connection (STARTTLS); without it nothing is sent.
        Starttls = "starttls",
        /// TLS from the first byte on.
        Tls = "tls",
        /// None: only to a host that `[outbound] allow` names.
        None = "none",
    }
}

/// `[email]` as understood.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub tls: EmailTls,
    /// By whom the server is told that the mails come; none where it does not ask.
    pub login: Option<(String, Secret)>,
    /// Whom receivers see.
    pub from: Mailbox,
    /// The hour of the tenant's Monday at which the weekly digest is sent, where the tenant has none of its own.
    pub digest_hour: u8,
}

/// Where mail is handed in (RFC 6409).
pub const PORT: u16 = 587;
/// Before work begins.
pub const DIGEST_HOUR: u8 = 8;

/// `[email]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailTable {
    host: Option<Spanned<String>>,
    port: Option<Spanned<u16>>,
    tls: Option<Spanned<String>>,
    username: Option<Spanned<String>>,
    password: Option<Spanned<String>>,
    from: Option<Spanned<String>>,
    digest_hour: Option<Spanned<u8>>,
}

/// `[tenant.email]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantEmailTable {
    digest_hour: Option<Spanned<u8>>,
}

impl TenantEmailTable {
    /// The hour of the tenant's own digest; none where it is that of `[email]`.
    pub fn digest_hour(&self, source: &Source<'_>) -> Result<Option<u8>, ConfigError> {
        hour(&self.digest_hour, "tenant.email.digest_hour", source)
    }
}

/// An hour of the day, where one is given.
fn hour(given: &Option<Spanned<u8>>, key: &str, source: &Source<'_>) -> Result<Option<u8>, ConfigError> {
    match given {
        Some(hour) if *hour.get_ref() > 23 => {
            Err(source.wrong(hour.span(), key, "must be an hour from 0 to 23"))
        }
        given => Ok(given.as_ref().map(|hour| *hour.get_ref())),
    }
}

impl EmailTable {
    /// None where no host is given: mail is off.
    pub fn understood(&self, context: SourceContext<'_>) -> Result<Option<EmailSettings>, ConfigError> {
        let source = context.source;
        let Some(host) = &self.host else {
            let texts = [&self.from, &self.username, &self.password, &self.tls];
            let given = texts.into_iter().flatten().next();
            return given.map_or(Ok(None), |given| {
                Err(source.wrong(given.span(), "email.host", "must be given: without it no mail is sent"))
            });
        };
        let wrong = |at: &Spanned<String>, key: &str, rule: &str| source.wrong(at.span(), key, rule);
        let name = host.get_ref();
        let is_host = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
        if !is_host {
            return Err(wrong(host, "email.host", "must be a host name or address, without scheme and port"));
        }
        let tls = match &self.tls {
            None => EmailTls::Starttls,
            Some(word) => EmailTls::parse(word.get_ref())
                .ok_or_else(|| wrong(word, "email.tls", "must be one of starttls tls none"))?,
        };
        if tls == EmailTls::None && !context.outbound.allows(name) {
            let at = self.tls.as_ref().unwrap_or(host);
            return Err(wrong(at, "email.tls", "may be none only for a host that [outbound] allow names"));
        }
        let from =
            self.from.as_ref().ok_or_else(|| wrong(host, "email.from", "must be given beside the host"))?;
        let rule = "must be an address such as alerts@example.com or Factfold <alerts@example.com>";
        let sender = from.get_ref().parse::<Mailbox>().ok();
        let sender = sender.filter(|_| !from.get_ref().contains(char::is_control));
        let sender = sender.ok_or_else(|| wrong(from, "email.from", rule))?;
        let port = self.port.as_ref().map_or(PORT, |port| *port.get_ref());
        let digest_hour = hour(&self.digest_hour, "email.digest_hour", source)?.unwrap_or(DIGEST_HOUR);
        let login = match (&self.username, &self.password) {
            (None, None) => None,
            (Some(username), Some(_)) => context
                .secret(&self.password, "email.password")?
                .map(|password| (username.get_ref().clone(), password)),
            (Some(one), None) | (None, Some(one)) => {
                return Err(wrong(one, "email.username", "and email.password must be given together"));
            }
        };
        Ok(Some(EmailSettings { host: name.clone(), port, tls, login, from: sender, digest_hour }))
    }
}
