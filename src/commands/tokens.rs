//! Tokens: issued once, shown once, revoked for ever.

use domain::facts::access::{AccessFact, Role, TokenIssued, TokenRevoked};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, TenantId};
use domain::members::Text;

use super::Commands;
use super::access::AccessDecision;
use crate::access::{AccessError, Fresh};

/// What a token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is for.
    pub name: Text,
    /// What it may do.
    pub role: Role,
    /// For which tenants; none, or `*`: for all.
    pub tenants: Vec<String>,
}

/// A token that was issued: the only time that it is shown.
pub struct Issued {
    /// Its id.
    pub id: Text,
    /// The token.
    pub token: String,
}

/// The tenants that a list names; none for all of them.
fn tenants(names: &[String], role: Role) -> Result<Vec<Text>, AccessError> {
    let invalid = |rule: String| AccessError::invalid("/tenants", rule);
    if names.iter().any(|name| name == "*") && names.len() > 1 {
        return Err(invalid("must be tenants, or * alone for all of them".to_owned()));
    }
    let named: Vec<&String> = names.iter().filter(|name| *name != "*").collect();
    if named.is_empty() && !role.fits_everywhere() {
        return Err(invalid(format!(
            "must name the tenants: a token of role {} is tied to some",
            role.as_str()
        )));
    }
    let mut tenants = Vec::with_capacity(named.len());
    for name in named {
        let tenant = TenantId::new(name).map_err(|error| invalid(error.to_string()))?;
        tenants.push(Text::new(tenant.as_str()).ok_or(AccessError::NoName)?);
    }
    tenants.sort();
    tenants.dedup();
    Ok(tenants)
}

impl<V> Commands<V> {
    /// Issues a token, valid at once. Blocks.
    ///
    /// # Errors
    /// [`AccessError::Invalid`] names the member at fault; else the log's.
    pub fn issue_token(&self, by: &str, new: &NewToken) -> Result<Issued, AccessError> {
        let tenants = tenants(&new.tenants, new.role)?;
        let fresh = Fresh::new()?;
        self.change_access(|_| {
            let body = TokenIssued {
                token_id: fresh.id.clone(),
                name: new.name.clone(),
                role: new.role,
                secret_digest: fresh.digest.clone(),
                by: Text::new(by),
                tenants: tenants.clone(),
            };
            Ok(AccessDecision::append(
                EngineKey::TokenIssued { token: KeyPart::new(fresh.id.as_str()) },
                AccessFact::TokenIssued(body),
                (),
            ))
        })?;
        Ok(Issued { token: fresh.text(), id: fresh.id })
    }

    /// Revokes a token: it is refused at once. Again is no error. Blocks.
    ///
    /// # Errors
    /// [`AccessError::NotFound`]; else the log's.
    pub fn revoke_token(&self, by: &str, id: &str) -> Result<(), AccessError> {
        self.change_access(|known| {
            let found = Text::new(id).and_then(|id| known.tokens.get_key_value(&id));
            let (id, token) = found.ok_or(AccessError::NotFound("token"))?;
            if token.revoked_at.is_some() {
                return Ok(AccessDecision::stands(()));
            }
            let body = TokenRevoked { token_id: id.clone(), by: Text::new(by) };
            Ok(AccessDecision::append(
                EngineKey::TokenRevoked { token: KeyPart::new(id.as_str()) },
                AccessFact::TokenRevoked(body),
                (),
            ))
        })
    }
}
