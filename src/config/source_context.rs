//! What the tables of sources are read beside: the file, and whom the server may call.

use toml::Spanned;

use super::source::Source;
use super::{ConfigError, Outbound};
use crate::directory::Secret;

/// What tables of sources are read beside.
#[derive(Clone, Copy)]
pub struct SourceContext<'a> {
    /// The file.
    pub source: &'a Source<'a>,
    /// Whom the server may call.
    pub outbound: &'a Outbound,
}

impl SourceContext<'_> {
    /// The URL below which a source is, with a slash at its end; `key` names the setting.
    pub fn base_url(
        self,
        given: &Option<Spanned<String>>,
        usual: &str,
        key: &str,
    ) -> Result<String, ConfigError> {
        Ok(format!("{}/", self.url(given, usual, key)?.trim_end_matches('/')))
    }

    /// A URL that may be called; `key` names the setting.
    pub fn url(self, given: &Option<Spanned<String>>, usual: &str, key: &str) -> Result<String, ConfigError> {
        match given {
            None => Ok(usual.to_owned()),
            Some(url) if may_be_called(url.get_ref(), self.outbound) => Ok(url.get_ref().clone()),
            Some(url) => {
                let rule = "must be an https URL without query; plain http only to a host that [outbound] allow names";
                Err(self.source.wrong(url.span(), key, rule))
            }
        }
    }

    /// A secret that may be absent; none also where no secrets are needed.
    pub fn secret(self, given: &Option<Spanned<String>>, key: &str) -> Result<Option<Secret>, ConfigError> {
        let secret = given.as_ref().map(|given| self.source.secret(given, key));
        Ok(secret.transpose()?.flatten())
    }
}

/// Whether a URL is one that may be called: https, or http to a host that is allowed by name (RELIABILITY, Outbound).
fn may_be_called(url: &str, outbound: &Outbound) -> bool {
    let (rest, is_plain) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return false,
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let fits = !host.is_empty() && !rest.contains(['?', '#', ' ', '@']);
    fits && (!is_plain || outbound.allows(host))
}
