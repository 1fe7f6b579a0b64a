//! Facts of who may do what, all of the control tenant: tokens, users, memberships, invitations, logins, endpoints made
//! at run time.

use crate::codec::PersonHasher;
use crate::facts::{Subject, part};
use crate::json::Reader;
use crate::members::{Email, Instant, Text};
use crate::{body, group, words};

words! {
    /// What a caller may do (API, Conventions).
    Role {
        /// Reads the figures of its tenants.
        Viewer = "viewer",
        /// Makes calls: sessions, dispositions, notes, stages.
        Agent = "agent",
        /// Reads everything, changes nothing.
        Auditor = "auditor",
        /// Runs the system: rebuilds, retries, decides conflicts, posts providers' facts.
        Operator = "operator",
        /// May do what all others may, and grants it.
        Admin = "admin",
    }
}

impl Role {
    /// Whether the role may be given for all tenants at once; viewers and agents are always tied to some.
    pub fn fits_everywhere(self) -> bool {
        matches!(self, Self::Auditor | Self::Operator | Self::Admin)
    }
}

body! {
    /// `token_issued`: a bearer token was made; the token itself was shown once and is kept nowhere.
    TokenIssued {
        public {
            /// The token's id, which stands in the token.
            required token_id: Text;
            /// What it is for.
            required name: Text;
            /// What it may do.
            required role: Role;
            /// SHA-256 of its secret, in hexadecimal digits.
            required secret_digest: Text;
            /// Who made it.
            optional by: Text;
            /// For which tenants; none: for all.
            set tenants: Text;
        }
    }
}

body! {
    /// `token_revoked`: the token opens nothing any more.
    TokenRevoked {
        public {
            /// Which.
            required token_id: Text;
            /// Who revoked it.
            optional by: Text;
        }
    }
}

body! {
    /// The body of `user_added` and `user_changed`: the whole user, as it is from then on.
    User {
        public {
            /// The user's id.
            required user_id: Text;
            /// What the user may do in all tenants; memberships say it for one.
            optional role: Role;
            /// Who added or changed it.
            optional by: Text;
        }
        person {
            /// What the user logs in by.
            email as email_digest: Email;
        }
        personal {
            /// What the user is called.
            optional name: Text;
            /// The password's argon2id hash, as a PHC string.
            required password_hash: Text;
        }
        /// `email` must be given.
        check can_log_in(email);
    }
}

impl User {
    fn can_log_in(at: &mut Reader<'_>, email: &Option<Email>) {
        if email.is_none() {
            at.fault_at("email", "is required");
        }
    }
}

body! {
    /// `user_removed`: the user and all its logins are gone.
    UserRemoved {
        public {
            /// Which.
            required user_id: Text;
            /// Who removed it.
            optional by: Text;
        }
    }
}

body! {
    /// `membership_granted`: what a user may do in one tenant, in place of what it could there before.
    MembershipGranted {
        public {
            /// Who.
            required user_id: Text;
            /// Where.
            required tenant: Text;
            /// What.
            required role: Role;
            /// Who granted it.
            optional by: Text;
        }
    }
}

body! {
    /// `membership_revoked`: the user is no longer a member of the tenant.
    MembershipRevoked {
        public {
            /// Who.
            required user_id: Text;
            /// Where.
            required tenant: Text;
            /// Who revoked it.
            optional by: Text;
        }
    }
}

body! {
    /// What a person may do in one tenant.
    Membership {
        public {
            /// Where.
            required tenant: Text;
            /// What.
            required role: Role;
        }
    }
}

body! {
    /// `invitation_issued`: whoever has the link may make the login of this address, once; the link itself was shown once
    /// and is kept nowhere. It takes the place of an open invitation of the same address.
    InvitationIssued {
        public {
            /// The invitation's id, which stands in the link.
            required invitation_id: Text;
            /// SHA-256 of the link's secret, in hexadecimal digits.
            required secret_digest: Text;
            /// When it opens nothing any more.
            required expires_at: Instant;
            /// What the person will be able to do in all tenants.
            optional role: Role;
            /// Who invited.
            optional by: Text;
        }
        person {
            /// Who is invited; the address of the login.
            email as email_digest: Email;
        }
        rows {
            /// What the person will be able to do in one tenant each.
            memberships: Membership;
        }
        /// `email` must be given.
        check names_somebody(email);
    }
}

impl InvitationIssued {
    fn names_somebody(at: &mut Reader<'_>, email: &Option<Email>) {
        if email.is_none() {
            at.fault_at("email", "is required");
        }
    }
}

body! {
    /// `invitation_withdrawn`: the link opens nothing any more.
    InvitationWithdrawn {
        public {
            /// Which.
            required invitation_id: Text;
            /// Who withdrew it.
            optional by: Text;
        }
    }
}

body! {
    /// `invitation_accepted`: the person made the login; the user, whole, with the memberships that were promised.
    InvitationAccepted {
        public {
            /// Which.
            required invitation_id: Text;
            /// The new user's id.
            required user_id: Text;
            /// What the user may do in all tenants.
            optional role: Role;
        }
        person {
            /// What the user logs in by.
            email as email_digest: Email;
        }
        personal {
            /// What the user is called.
            optional name: Text;
            /// The password's argon2id hash, as a PHC string.
            required password_hash: Text;
        }
        rows {
            /// What the user may do in one tenant each.
            memberships: Membership;
        }
        /// `email` must be given.
        check can_log_in(email);
    }
}

impl InvitationAccepted {
    fn can_log_in(at: &mut Reader<'_>, email: &Option<Email>) {
        if email.is_none() {
            at.fault_at("email", "is required");
        }
    }
}

body! {
    /// `endpoint_added`: deliveries of a provider are taken under this id.
    EndpointAdded {
        public {
            /// Unguessable: whoever knows it of a provider that does not sign can deliver.
            required endpoint_id: Text;
            /// Whose deliveries.
            required provider: Text;
            /// Whose facts they become; else the payload names it.
            optional tenant: Text;
            /// The event, for providers whose bodies name none.
            optional event: Text;
            /// Who added it.
            optional by: Text;
            /// Where the signing secrets stand: `env:NAME` or `file:PATH`, never the secrets.
            list secrets: Text;
        }
    }
}

body! {
    /// `endpoint_removed`: deliveries under this id are unknown from then on.
    EndpointRemoved {
        public {
            /// Which.
            required endpoint_id: Text;
            /// Whose deliveries.
            required provider: Text;
            /// Who removed it.
            optional by: Text;
        }
    }
}

body! {
    /// `login_started`: a user gave the password and got a session cookie, which is kept nowhere.
    LoginStarted {
        public {
            /// The login's id, which stands in the cookie.
            required login_id: Text;
            /// Whose.
            required user_id: Text;
            /// SHA-256 of the cookie's secret, in hexadecimal digits.
            required secret_digest: Text;
            /// When it opens nothing any more.
            required expires_at: Instant;
        }
    }
}

body! {
    /// `login_ended`: the user logged out.
    LoginEnded {
        public {
            /// Which.
            required login_id: Text;
        }
    }
}

group! {
    /// Facts of who may do what.
    AccessFact = 13 {
        1 "token_issued" TokenIssued(TokenIssued),
        2 "token_revoked" TokenRevoked(TokenRevoked),
        /// A user was added.
        3 "user_added" UserAdded(User),
        /// A user is another one from now on, the whole of it.
        4 "user_changed" UserChanged(User),
        5 "user_removed" UserRemoved(UserRemoved),
        6 "membership_granted" MembershipGranted(MembershipGranted),
        7 "membership_revoked" MembershipRevoked(MembershipRevoked),
        8 "endpoint_added" EndpointAdded(EndpointAdded),
        9 "endpoint_removed" EndpointRemoved(EndpointRemoved),
        10 "login_started" LoginStarted(LoginStarted),
        11 "login_ended" LoginEnded(LoginEnded),
        12 "invitation_issued" InvitationIssued(InvitationIssued),
        13 "invitation_withdrawn" InvitationWithdrawn(InvitationWithdrawn),
        14 "invitation_accepted" InvitationAccepted(InvitationAccepted),
    }
}

impl Subject for AccessFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        match self {
            Self::TokenIssued(TokenIssued { token_id, .. })
            | Self::TokenRevoked(TokenRevoked { token_id, .. }) => format!("token/{token_id}"),
            Self::UserAdded(User { user_id, .. })
            | Self::UserChanged(User { user_id, .. })
            | Self::UserRemoved(UserRemoved { user_id, .. })
            | Self::MembershipGranted(MembershipGranted { user_id, .. })
            | Self::MembershipRevoked(MembershipRevoked { user_id, .. })
            | Self::InvitationAccepted(InvitationAccepted { user_id, .. }) => format!("user/{user_id}"),
            Self::InvitationIssued(InvitationIssued { invitation_id, .. })
            | Self::InvitationWithdrawn(InvitationWithdrawn { invitation_id, .. }) => {
                format!("invitation/{invitation_id}")
            }
            Self::EndpointAdded(EndpointAdded { endpoint_id, provider, .. })
            | Self::EndpointRemoved(EndpointRemoved { endpoint_id, provider, .. }) => {
                format!("endpoint/{}/{endpoint_id}", part(provider.as_str()))
            }
            Self::LoginStarted(LoginStarted { login_id, .. })
            | Self::LoginEnded(LoginEnded { login_id, .. }) => {
                format!("login/{login_id}")
            }
        }
    }
}
