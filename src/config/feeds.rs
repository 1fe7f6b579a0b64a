//! Sources that are polled: a tenant's mailboxes and its ad spend: `[tenant.emailbison]`, `[tenant.google_ads]`,
//! `[tenant.meta_ads]`.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::ConfigError;
use super::source_context::SourceContext;
use crate::directory::Secret;

/// How a tenant's workspace of Email Bison is asked for its sender accounts (D6).
#[derive(Debug, Clone)]
pub struct EmailBison {
    /// The instance; ends with a slash.
    pub base_url: String,
    /// The token, which is bound to one workspace.
    pub api_key: Secret,
    /// Time from the begin of a poll to the begin of the next.
    pub poll: Duration,
    /// The tenant's workspaces, by name or id: a token of another one is refused. Empty: any is taken.
    pub workspaces: Vec<String>,
}

/// How a tenant's account of Google Ads is asked for its spend (A6).
#[derive(Debug, Clone)]
pub struct GoogleAds {
    /// Ends with the version of the API and a slash.
    pub base_url: String,
    /// Where a refresh token is exchanged for an access token.
    pub token_url: String,
    /// The account, digits only.
    pub customer_id: String,
    /// The manager account that the user signs in to, digits only.
    pub login_customer_id: Option<String>,
    /// Of the program that asks.
    pub developer_token: Secret,
    /// Of the program that asks.
    pub client_id: String,
    /// Of the program that asks.
    pub client_secret: Secret,
    /// The user's.
    pub refresh_token: Secret,
    /// Age at which the current month is read again.
    pub refresh: Duration,
}

impl GoogleAds {
    /// Where it is unless told otherwise.
    pub const BASE_URL: &'static str = "https://googleads.googleapis.com/v26/";
    /// Where its tokens are unless told otherwise.
    pub const TOKEN_URL: &'static str = "https://oauth2.googleapis.com/token";
}

/// How a tenant's ad account of Meta is asked for its spend (A6).
#[derive(Debug, Clone)]
pub struct MetaAds {
    /// Ends with the version of the API and a slash.
    pub base_url: String,
    /// The ad account, digits only.
    pub account_id: String,
    /// Of a system user who may read the account.
    pub access_token: Secret,
    /// Age at which the current month is read again.
    pub refresh: Duration,
}

impl MetaAds {
    /// Where it is unless told otherwise.
    pub const BASE_URL: &'static str = "https://graph.facebook.com/v25.0/";
}

/// `[tenant.emailbison]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailBisonTable {
    base_url: Spanned<String>,
    api_key: Spanned<String>,
    poll_seconds: Option<Spanned<u32>>,
}

/// Seconds between two polls unless told otherwise (D6).
const POLL_SECONDS: u32 = 300;

impl EmailBisonTable {
    /// None where its secrets are not needed.
    pub fn understood(
        &self,
        context: SourceContext<'_>,
        workspaces: &[Spanned<String>],
    ) -> Result<Option<EmailBison>, ConfigError> {
        let given = Some(self.base_url.clone());
        let base_url = context.base_url(&given, "", "tenant.emailbison.base_url")?;
        let seconds = self.poll_seconds.as_ref().map_or(POLL_SECONDS, |seconds| *seconds.get_ref());
        if let Some(given) = self.poll_seconds.as_ref().filter(|_| seconds == 0) {
            let rule = "must be an integer of at least 1";
            return Err(context.source.wrong(given.span(), "tenant.emailbison.poll_seconds", rule));
        }
        let api_key = context.source.secret(&self.api_key, "tenant.emailbison.api_key")?;
        let poll = Duration::from_secs(u64::from(seconds));
        let workspaces = workspaces.iter().map(|name| name.get_ref().clone()).collect();
        Ok(api_key.map(|api_key| EmailBison { base_url, api_key, poll, workspaces }))
    }
}

/// `[tenant.google_ads]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleAdsTable {
    base_url: Option<Spanned<String>>,
    token_url: Option<Spanned<String>>,
    customer_id: Spanned<String>,
    login_customer_id: Option<Spanned<String>>,
    developer_token: Spanned<String>,
    client_id: Spanned<String>,
    client_secret: Spanned<String>,
    refresh_token: Spanned<String>,
}

impl GoogleAdsTable {
    /// None where its secrets are not needed.
    pub fn understood(
        &self,
        context: SourceContext<'_>,
        refresh: Duration,
    ) -> Result<Option<GoogleAds>, ConfigError> {
        let base_url = context.base_url(&self.base_url, GoogleAds::BASE_URL, "tenant.google_ads.base_url")?;
        let token_url = context.url(&self.token_url, GoogleAds::TOKEN_URL, "tenant.google_ads.token_url")?;
        let customer_id = account_id(context, &self.customer_id, "tenant.google_ads.customer_id")?;
        let login_customer_id = self.login_customer_id.as_ref();
        let login_customer_id =
            login_customer_id.map(|id| account_id(context, id, "tenant.google_ads.login_customer_id"));
        let login_customer_id = login_customer_id.transpose()?;
        let client_id = context.source.secret(&self.client_id, "tenant.google_ads.client_id")?;
        let client_id = client_id.map(|id| id.text().into_owned());
        let secret = |given: &Spanned<String>, name: &str| {
            context.source.secret(given, &format!("tenant.google_ads.{name}"))
        };
        let developer_token = secret(&self.developer_token, "developer_token")?;
        let client_secret = secret(&self.client_secret, "client_secret")?;
        let refresh_token = secret(&self.refresh_token, "refresh_token")?;
        let secrets = client_id.zip(developer_token).zip(client_secret).zip(refresh_token);
        Ok(secrets.map(|(((client_id, developer_token), client_secret), refresh_token)| GoogleAds {
            base_url,
            token_url,
            customer_id,
            login_customer_id,
            developer_token,
            client_id,
            client_secret,
            refresh_token,
            refresh,
        }))
    }
}

/// `[tenant.meta_ads]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetaAdsTable {
    base_url: Option<Spanned<String>>,
    account_id: Spanned<String>,
    access_token: Spanned<String>,
}

impl MetaAdsTable {
    /// None where its secrets are not needed.
    pub fn understood(
        &self,
        context: SourceContext<'_>,
        refresh: Duration,
    ) -> Result<Option<MetaAds>, ConfigError> {
        let base_url = context.base_url(&self.base_url, MetaAds::BASE_URL, "tenant.meta_ads.base_url")?;
        let account_id = account_id(context, &self.account_id, "tenant.meta_ads.account_id")?;
        let access_token = context.source.secret(&self.access_token, "tenant.meta_ads.access_token")?;
        Ok(access_token.map(|access_token| MetaAds { base_url, account_id, access_token, refresh }))
    }
}

/// The digits of an ad account, which people write as `123-456-7890` or `act_123`.
fn account_id(context: SourceContext<'_>, given: &Spanned<String>, key: &str) -> Result<String, ConfigError> {
    let text = given.get_ref().trim();
    let digits = text.strip_prefix("act_").unwrap_or(text).replace('-', "");
    let is_id = (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let rule = "must be the digits of an ad account such as \"123-456-7890\"";
    is_id.then_some(digits).ok_or_else(|| context.source.wrong(given.span(), key, rule))
}

/// Age at which the spend of the current month is read again, by the tenant's rules.
pub fn refresh(rules: Option<&Spanned<toml::Table>>) -> Duration {
    let given = rules.and_then(|rules| rules.get_ref().get("stale_after_seconds")?.as_integer());
    let usual = domain::rules::configuration::Configuration::default().stale_after_seconds;
    let seconds = given.and_then(|given| u64::try_from(given).ok()).unwrap_or(u64::from(usual));
    Duration::from_secs(seconds.max(REFRESH_MIN))
}

/// No account is asked more often, in seconds.
const REFRESH_MIN: u64 = 60;
