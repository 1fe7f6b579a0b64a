//! Invitations: issued by an admin, shown once, accepted once by whoever has the link.

use std::collections::BTreeMap;
use std::net::IpAddr;

use domain::facts::access::{
    AccessFact, InvitationAccepted, InvitationIssued, InvitationWithdrawn, Membership, Role,
};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, TenantId};
use domain::members::{Email, Instant, Text};

use super::Commands;
use super::access::AccessDecision;
use super::users::{fits, unique};
use crate::access::{AccessError, AccessState, Fresh, Grants, INVITATION_SECONDS, InvitationState, new_id};

/// Whom to invite, and to what.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// The address of the login.
    pub email: Email,
    /// What the person will be able to do in all tenants.
    pub role: Option<Role>,
    /// What the person will be able to do in one tenant each.
    pub memberships: BTreeMap<TenantId, Role>,
}

/// An invitation that was issued: the only time that its token is shown.
pub struct IssuedInvitation {
    /// Its id.
    pub id: Text,
    /// What the link ends in.
    pub token: String,
    /// When it opens nothing any more.
    pub expires_at: Instant,
}

/// What somebody gives who accepts an invitation.
#[derive(Clone)]
pub struct Acceptance {
    /// What the person is called.
    pub name: Option<Text>,
    /// The password.
    pub password: String,
    /// The network that it comes from: hashing has its turns.
    pub network: IpAddr,
}

/// A login that was made by an invitation.
pub struct InvitedUser {
    /// The user's id.
    pub id: Text,
    /// The address of the login.
    pub email: Email,
}

fn memberships(grants: &BTreeMap<TenantId, Role>) -> Result<Vec<Membership>, AccessError> {
    let membership = |(tenant, role): (&TenantId, &Role)| {
        Ok(Membership { tenant: Text::new(tenant.as_str()).ok_or(AccessError::NoName)?, role: *role })
    };
    grants.iter().map(membership).collect()
}

fn ended(id: &Text) -> EngineKey {
    EngineKey::InvitationEnded { invitation: KeyPart::new(id.as_str()) }
}

impl<V> Commands<V> {
    /// Invites somebody; an open invitation of the same address is withdrawn by it. Blocks.
    ///
    /// # Errors
    /// [`AccessError::Taken`] where the address has a login, [`AccessError::Invalid`]; else the log's.
    pub fn invite(&self, by: &str, new: &NewInvitation) -> Result<IssuedInvitation, AccessError> {
        fits(new.role)?;
        if new.role.is_none() && new.memberships.is_empty() {
            return Err(AccessError::invalid("/memberships", "must name a tenant, where no role is given"));
        }
        let (fresh, memberships) = (Fresh::new()?, memberships(&new.memberships)?);
        let expires_at = Instant(self.now().0 + i64::from(INVITATION_SECONDS) * 1_000_000);
        self.change_access(|known| {
            unique(known, &new.email, None)?;
            let body = InvitationIssued {
                invitation_id: fresh.id.clone(),
                secret_digest: fresh.digest.clone(),
                expires_at,
                role: new.role,
                by: Text::new(by),
                email: Some(new.email.clone()),
                email_digest: None,
                memberships: memberships.clone(),
            };
            let key = EngineKey::InvitationIssued { invitation: KeyPart::new(fresh.id.as_str()) };
            Ok(AccessDecision::append(key, AccessFact::InvitationIssued(body), ()))
        })?;
        Ok(IssuedInvitation { token: fresh.text(), id: fresh.id, expires_at })
    }

    /// Withdraws an invitation: its link opens nothing any more. Of one that is withdrawn or expired it is no error.
    /// Blocks.
    ///
    /// # Errors
    /// [`AccessError::NotFound`], [`AccessError::Taken`] for one that was accepted; else the log's.
    pub fn withdraw_invitation(&self, by: &str, id: &str) -> Result<(), AccessError> {
        self.change_access(|known| {
            let (id, invitation) = known.invitations.get(id).ok_or(AccessError::NotFound("invitation"))?;
            match invitation.state(self.now()) {
                InvitationState::Open => {
                    let body = InvitationWithdrawn { invitation_id: id.clone(), by: Text::new(by) };
                    Ok(AccessDecision::append(ended(id), AccessFact::InvitationWithdrawn(body), ()))
                }
                InvitationState::Withdrawn | InvitationState::Expired => Ok(AccessDecision::stands(())),
                InvitationState::Accepted => {
                    Err(AccessError::Taken("the invitation was accepted; remove the user instead"))
                }
            }
        })
    }

    /// Makes the login of an open invitation, with all that it promises. Blocks.
    ///
    /// # Errors
    /// [`AccessError::NotFound`] unless it is open, [`AccessError::Taken`] where the address has got a login since,
    /// [`AccessError::Invalid`] by the rule for passwords; else the log's.
    pub fn accept_invitation(&self, id: &str, given: &Acceptance) -> Result<InvitedUser, AccessError> {
        // Before the long work of hashing; asked again below, since another may accept meanwhile.
        self.promised(&self.access.known(), id)?;
        let user_id = new_id()?;
        let hash = self.access.hash_password_of(given.network, &given.password)?;
        self.change_access(|known| {
            let (id, email, grants) = self.promised(known, id)?;
            let body = InvitationAccepted {
                invitation_id: id.clone(),
                user_id: user_id.clone(),
                role: grants.everywhere,
                email: Some(email.clone()),
                email_digest: None,
                name: given.name.clone(),
                password_hash: Some(hash.clone()),
                memberships: memberships(&grants.tenants)?,
            };
            let user = InvitedUser { id: user_id.clone(), email: email.clone() };
            Ok(AccessDecision::append(ended(id), AccessFact::InvitationAccepted(body), user))
        })
    }

    /// Id, address and grants of an open invitation whose address has no login.
    fn promised<'a>(
        &self,
        known: &'a AccessState,
        id: &str,
    ) -> Result<(&'a Text, &'a Email, &'a Grants), AccessError> {
        let found = known.invitations.get(id);
        let open = found.filter(|(_, known)| known.state(self.now()) == InvitationState::Open);
        let (id, invitation) = open.ok_or(AccessError::NotFound("invitation"))?;
        let email = invitation.email.as_ref().ok_or(AccessError::NotFound("invitation"))?;
        unique(known, email, None)?;
        Ok((id, email, &invitation.grants))
    }
}
