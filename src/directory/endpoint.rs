//! Endpoints: where the deliveries of one provider come in.

use domain::keys::{LogSecret, TenantId};
use sha2::{Digest, Sha256};

use super::secret::Secret;

/// What an endpoint's id must be.
pub const ENDPOINT_ID_RULE: &str = "must be 8 to 128 of letters, digits, '-' and '_', and not guessable";

/// Whether a text can be an endpoint's id.
pub fn is_endpoint_id(text: &str) -> bool {
    (8..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Where deliveries of one provider come in.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Unguessable; the last part of the hook's path.
    pub id: String,
    /// Provider that sends to this endpoint.
    pub provider: String,
    /// Tenant that owns the deliveries; `None`: determined from the payload (RULINGS, Owner).
    pub tenant: Option<TenantId>,
    /// The event, for providers whose bodies name none.
    pub event: Option<String>,
    /// Any of them may have signed; several while rotating.
    pub secrets: Vec<Secret>,
}

/// How facts and answers name an endpoint, since the id itself lets whoever knows it deliver: 32 hexadecimal digits
/// that only the log's secret can make of the id. The last eight depend on the others, see [`is_reference_of`].
pub fn endpoint_reference(secret: &LogSecret, provider: &str, id: &str) -> String {
    let digest = secret.reference("endpoint", &[provider.as_bytes(), id.as_bytes()]);
    let named = hex::encode(&digest[..12]);
    let check = reference_check(secret, &named);
    named + &check
}

fn reference_check(secret: &LogSecret, named: &str) -> String {
    hex::encode(&secret.reference("endpoint check", &[named.as_bytes()])[..4])
}

/// Whether a reference was made with this secret, even of an endpoint that is no longer there.
pub(super) fn is_reference_of(secret: &LogSecret, reference: &str) -> bool {
    reference.split_at_checked(24).is_some_and(|(named, check)| reference_check(secret, named) == check)
}

pub(super) fn endpoint_key(provider: &str, id: &str) -> [u8; 32] {
    Sha256::new().chain_update(provider).chain_update([0]).chain_update(id).finalize().into()
}
