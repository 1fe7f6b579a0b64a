//! Links by which people make their own logins: the setup link of an empty directory, and invitations.
//!
//! The setup link's token lives in this process alone, and opens nothing once there is a user; a start makes another one.
//! A token that opens nothing is answered alike whether nobody has it, or it was used, withdrawn or is past its time.

use std::net::IpAddr;

use domain::members::Text;

use super::invitations::InvitationState;
use super::login_limits::FailureKey;
use super::secret::{Fresh, SecretDigest, split};
use super::{Access, AccessError};

/// What the token of a link opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLink {
    /// The login of the first admin.
    Setup,
    /// The login of an invitation, by its id.
    Invitation(Text),
}

impl Access {
    /// The token of a new setup link; none where there are users or tokens already.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn issue_setup(&self) -> Result<Option<String>, AccessError> {
        let is_empty = {
            let known = self.known();
            known.users.is_empty() && known.tokens.is_empty()
        };
        if !is_empty {
            return Ok(None);
        }
        let fresh = Fresh::new()?;
        *self.setup.lock() = SecretDigest::read(fresh.digest.as_str());
        Ok(Some(fresh.text()))
    }

    /// Whether the text is the setup link's token, and there is nobody yet.
    pub fn takes_setup(&self, text: &str) -> bool {
        let digest = self.setup.lock().unwrap_or(SecretDigest::NOBODYS);
        let secret = split(text).map_or("", |(_, secret)| secret);
        digest.is_of(secret.as_bytes()) && self.known().users.is_empty()
    }

    /// What the token of a link opens now, shown from this network. A token that opens nothing is a failed login of the
    /// network.
    ///
    /// # Errors
    /// [`AccessError::NotFound`] for a token that opens nothing, whatever the reason; [`AccessError::TooManyAttempts`].
    pub fn link(&self, text: &str, network: IpAddr) -> Result<AccessLink, AccessError> {
        let keys = [FailureKey::Address(network)];
        self.limits.lock().begin(&keys, self.now()).map_err(AccessError::TooManyAttempts)?;
        // Both are looked up, whichever it is.
        let (setup, invitation) = (self.takes_setup(text), self.invited(text));
        let link = if setup { Some(AccessLink::Setup) } else { invitation.map(AccessLink::Invitation) };
        let link = link.ok_or(AccessError::NotFound("invitation"))?;
        self.limits.lock().unheard(&keys);
        Ok(link)
    }

    /// Id of the open invitation with this token.
    fn invited(&self, text: &str) -> Option<Text> {
        let (id, secret) = split(text).unwrap_or_default();
        let known = self.known();
        let found = known.invitations.get(id);
        let digest = found.map_or(SecretDigest::NOBODYS, |(_, invitation)| invitation.digest);
        let is_right = digest.is_of(secret.as_bytes());
        let is_open = |invitation: &super::Invitation| invitation.state(self.now()) == InvitationState::Open;
        found.filter(|(_, invitation)| is_right && is_open(invitation)).map(|(id, _)| id.clone())
    }
}
