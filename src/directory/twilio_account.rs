//! The account by which a tenant's calls are placed.

use domain::members::Phone;

use super::secret::Secret;

/// `[tenant.twilio]`: the account by which a tenant's calls are placed (C7).
#[derive(Debug, Clone)]
pub struct TwilioAccount {
    /// Without a slash at its end.
    pub base_url: String,
    /// `AC…`; the user of basic authentication.
    pub account_sid: String,
    /// Its password.
    pub auth_token: Secret,
    /// The number that is shown unless a request names another.
    pub from: Phone,
    /// Id of the tenant's endpoint that callbacks go to.
    pub endpoint: String,
}

impl TwilioAccount {
    /// Where it is unless told otherwise.
    pub const BASE_URL: &'static str = "https://api.twilio.com";
}
