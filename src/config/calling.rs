//! The account by which a tenant's calls are placed: `[tenant.twilio]`.

use domain::members::Phone;
use serde::Deserialize;
use toml::Spanned;

use super::ConfigError;
use super::source_context::SourceContext;
use crate::directory::TwilioAccount;

/// `[tenant.twilio]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioTable {
    base_url: Option<Spanned<String>>,
    account_sid: Spanned<String>,
    pub(super) auth_token: Spanned<String>,
    from: Spanned<String>,
    pub(super) endpoint: Spanned<String>,
}

impl TwilioTable {
    /// None where its secret is not needed. `is_endpoint`: whether the tenant has a Twilio endpoint of that id.
    pub fn understood(
        &self,
        context: SourceContext<'_>,
        is_endpoint: impl Fn(&str) -> bool,
    ) -> Result<Option<TwilioAccount>, ConfigError> {
        let source = context.source;
        let base_url = context.base_url(&self.base_url, TwilioAccount::BASE_URL, "tenant.twilio.base_url")?;
        let account_sid = self.account_sid.get_ref();
        if account_sid.is_empty() || !account_sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let rule = "must be the account's SID, such as AC and 32 hexadecimal digits";
            return Err(source.wrong(self.account_sid.span(), "tenant.twilio.account_sid", rule));
        }
        let from = Phone::new(self.from.get_ref()).filter(Phone::is_e164).ok_or_else(|| {
            let rule = format!("must be a number such as +12025550123 ({})", Phone::E164_RULE);
            source.wrong(self.from.span(), "tenant.twilio.from", rule)
        })?;
        let endpoint = self.endpoint.get_ref();
        if !is_endpoint(endpoint) {
            let rule = "must be the id of an [[endpoint]] of this tenant with provider = \"twilio\": callbacks go there";
            return Err(source.wrong(self.endpoint.span(), "tenant.twilio.endpoint", rule));
        }
        let auth_token = source.secret(&self.auth_token, "tenant.twilio.auth_token")?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        let (account_sid, endpoint) = (account_sid.clone(), endpoint.clone());
        Ok(auth_token.map(|auth_token| TwilioAccount { base_url, account_sid, auth_token, from, endpoint }))
    }
}
