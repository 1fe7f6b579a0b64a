//! The accounts whose lists of calls are read: `[tenant.callrail]`, `[tenant.ctm]`.

use serde::Deserialize;
use toml::Spanned;

use super::ConfigError;
use super::source_context::SourceContext;
use crate::directory::Secret;

/// How a tenant's CallRail account is asked.
#[derive(Debug, Clone)]
pub struct CallRail {
    /// Ends with a slash.
    pub base_url: String,
    /// The key of its API.
    pub api_key: Secret,
    /// Its account: `ACC…`, or digits.
    pub account_id: String,
    /// The one company of the account whose calls are read: `COM…`, or digits; none for all.
    pub company_id: Option<String>,
}

impl CallRail {
    /// Where it is unless told otherwise.
    pub const BASE_URL: &'static str = "https://api.callrail.com/";
}

/// How a tenant's CallTrackingMetrics account is asked.
#[derive(Debug, Clone)]
pub struct Ctm {
    /// Ends with a slash.
    pub base_url: String,
    /// The user of basic authentication.
    pub access_key: Secret,
    /// Its password.
    pub secret_key: Secret,
    /// Its account.
    pub account_id: String,
}

impl Ctm {
    /// Where it is unless told otherwise.
    pub const BASE_URL: &'static str = "https://api.calltrackingmetrics.com/";
}

/// `[tenant.callrail]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRailTable {
    base_url: Option<Spanned<String>>,
    api_key: Spanned<String>,
    account_id: Spanned<String>,
    company_id: Option<Spanned<String>>,
}

impl CallRailTable {
    /// None where its secrets are not needed.
    pub fn understood(&self, context: SourceContext<'_>) -> Result<Option<CallRail>, ConfigError> {
        let base_url = context.base_url(&self.base_url, CallRail::BASE_URL, "tenant.callrail.base_url")?;
        let account_id = plain_id(context, &self.account_id, "tenant.callrail.account_id")?;
        let company = |given| plain_id(context, given, "tenant.callrail.company_id");
        let company_id = self.company_id.as_ref().map(company).transpose()?;
        let api_key = context.source.secret(&self.api_key, "tenant.callrail.api_key")?;
        Ok(api_key.map(|api_key| CallRail { base_url, api_key, account_id, company_id }))
    }
}

/// `[tenant.ctm]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CtmTable {
    base_url: Option<Spanned<String>>,
    access_key: Spanned<String>,
    secret_key: Spanned<String>,
    account_id: Spanned<String>,
}

impl CtmTable {
    /// None where its secrets are not needed.
    pub fn understood(&self, context: SourceContext<'_>) -> Result<Option<Ctm>, ConfigError> {
        let base_url = context.base_url(&self.base_url, Ctm::BASE_URL, "tenant.ctm.base_url")?;
        let account_id = plain_id(context, &self.account_id, "tenant.ctm.account_id")?;
        let access_key = context.source.secret(&self.access_key, "tenant.ctm.access_key")?;
        let secret_key = context.source.secret(&self.secret_key, "tenant.ctm.secret_key")?;
        let keys = access_key.zip(secret_key);
        Ok(keys.map(|(access_key, secret_key)| Ctm { base_url, access_key, secret_key, account_id }))
    }
}

/// An id that stands in paths and queries.
fn plain_id(context: SourceContext<'_>, given: &Spanned<String>, key: &str) -> Result<String, ConfigError> {
    let id = given.get_ref();
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(id.clone());
    }
    Err(context.source.wrong(given.span(), key, "must be an id, of letters and digits"))
}
