//! Invitations: a link by which somebody makes the login that an admin has chosen rights for, once, within seven days.

use std::collections::BTreeMap;

use domain::facts::access::{InvitationAccepted, InvitationIssued, Membership, Role};
use domain::keys::TenantId;
use domain::members::{Email, Instant, Text};
use domain::words;

use super::caller::Grants;
use super::secret::SecretDigest;

/// An invitation opens for this long, seconds: seven days.
pub const INVITATION_SECONDS: u32 = 7 * 24 * 3_600;
/// One that has opened nothing for this long is listed no more, µs: 90 days.
const LISTED: i64 = 90 * 24 * 3_600 * 1_000_000;

words! {
    /// What has become of an invitation.
    InvitationState {
        /// It can be accepted.
        Open = "open",
        /// It was accepted.
        Accepted = "accepted",
        /// An admin withdrew it, or invited the address again.
        Withdrawn = "withdrawn",
        /// Its seven days are over.
        Expired = "expired",
    }
}

/// How an invitation ended before its time.
#[derive(Debug, Clone)]
struct Ending {
    at: Instant,
    /// Who accepted.
    user_id: Option<Text>,
}

/// An invitation that was issued.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Who is invited; none once the address was erased.
    pub email: Option<Email>,
    /// What the person will be able to do where.
    pub grants: Grants,
    /// Who invited.
    pub by: Option<Text>,
    /// When.
    pub issued_at: Instant,
    /// When it opens nothing any more.
    pub expires_at: Instant,
    ending: Option<Ending>,
    pub(super) digest: SecretDigest,
}

impl Invitation {
    /// What has become of it by `now`.
    pub fn state(&self, now: Instant) -> InvitationState {
        match &self.ending {
            Some(Ending { user_id: Some(_), .. }) => InvitationState::Accepted,
            Some(Ending { user_id: None, .. }) => InvitationState::Withdrawn,
            None if self.expires_at <= now => InvitationState::Expired,
            None => InvitationState::Open,
        }
    }

    /// When it was accepted or withdrawn.
    pub fn ended_at(&self) -> Option<Instant> {
        self.ending.as_ref().map(|ending| ending.at)
    }

    /// The user who accepted it.
    pub fn user_id(&self) -> Option<&Text> {
        self.ending.as_ref()?.user_id.as_ref()
    }
}

/// What a role in all tenants and memberships give.
pub(super) fn granted(role: Option<Role>, memberships: &[Membership]) -> Grants {
    let everywhere = role.filter(|role| role.fits_everywhere());
    let named =
        |membership: &Membership| Some((TenantId::new(membership.tenant.as_str()).ok()?, membership.role));
    Grants { everywhere, tenants: memberships.iter().filter_map(named).collect() }
}

/// Invitations by their ids: a fold.
#[derive(Debug, Default)]
pub struct Invitations(BTreeMap<Text, Invitation>);

impl Invitations {
    /// Each with its id, in the order of issue.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Invitation)> {
        self.0.iter()
    }

    /// The invitation of that id, with the id.
    pub fn get(&self, id: &str) -> Option<(&Text, &Invitation)> {
        self.0.get_key_value(&Text::new(id)?)
    }

    /// Takes the place of an open one of the same address.
    pub(super) fn issue(&mut self, at: Instant, body: InvitationIssued) {
        self.0.retain(|_, known| known.expires_at.0 + LISTED > at.0);
        for known in self.0.values_mut().filter(|known| known.email.is_some() && known.email == body.email) {
            if known.state(at) == InvitationState::Open {
                known.ending = Some(Ending { at, user_id: None });
            }
        }
        let invitation = Invitation {
            grants: granted(body.role, &body.memberships),
            email: body.email,
            by: body.by,
            issued_at: at,
            expires_at: body.expires_at,
            ending: None,
            // What is no digest is nobody's: it opens nothing.
            digest: SecretDigest::read(body.secret_digest.as_str()).unwrap_or(SecretDigest::NOBODYS),
        };
        self.0.insert(body.invitation_id, invitation);
    }

    pub(super) fn withdraw(&mut self, at: Instant, id: &Text) {
        self.end(id, Ending { at, user_id: None });
    }

    pub(super) fn accept(&mut self, at: Instant, body: &InvitationAccepted) {
        self.end(&body.invitation_id, Ending { at, user_id: Some(body.user_id.clone()) });
    }

    fn end(&mut self, id: &Text, ending: Ending) {
        if let Some(known) = self.0.get_mut(id) {
            known.ending.get_or_insert(ending);
        }
    }
}
