//! Facts of the mailboxes that outreach is sent from.

use crate::codec::PersonHasher;
use crate::facts::{Subject, part};
use crate::members::{Email, Text};
use crate::{body, group, words};

words! {
    /// Whether the provider can send from the account.
    AccountStatus { Connected = "connected", Disconnected = "disconnected" }
}

body! {
    /// `sender_account_observed`: what a poll saw; counters are lifetime totals (D6).
    SenderAccountObserved {
        public {
            /// Host of the provider's instance.
            required instance: Text;
            /// The provider's workspace.
            required workspace: Text;
            /// The provider's id of the account.
            required account_id: Text;
            /// The account's address.
            required email: Email;
            /// Connected or not.
            required status: AccountStatus;
            /// Mails ever sent.
            optional sends: u64;
            /// Replies ever received.
            optional replies: u64;
            /// Bounces ever received.
            optional bounces: u64;
            /// Gmail, Outlook, ….
            optional email_provider: Text;
            /// From the account's tags.
            optional reseller: Text;
            /// The account's tags, a set.
            set tags: Text;
        }
    }
}

body! {
    /// The body of `sender_account_added`, `_disconnected`, `_reconnected` and `_removed`.
    SenderAccountEvent {
        public {
            /// Host of the provider's instance.
            required instance: Text;
            /// The provider's workspace.
            required workspace: Text;
            /// The account's address.
            required email: Email;
            /// The provider's id of the account.
            optional account_id: Text;
        }
    }
}

group! {
    /// Facts of sender accounts.
    SenderAccountFact = 4 {
        1 "sender_account_observed" Observed(SenderAccountObserved),
        /// An account was added at the provider.
        2 "sender_account_added" Added(SenderAccountEvent),
        /// The provider cannot send from an account any more.
        3 "sender_account_disconnected" Disconnected(SenderAccountEvent),
        /// The provider can send from an account again.
        4 "sender_account_reconnected" Reconnected(SenderAccountEvent),
        /// An account was removed at the provider.
        5 "sender_account_removed" Removed(SenderAccountEvent),
    }
}

impl Subject for SenderAccountFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        let (instance, workspace, email) = match self {
            Self::Observed(body) => (&body.instance, &body.workspace, &body.email),
            Self::Added(body) | Self::Disconnected(body) | Self::Reconnected(body) | Self::Removed(body) => {
                (&body.instance, &body.workspace, &body.email)
            }
        };
        format!("account/{}/{}/{email}", part(instance.as_str()), part(workspace.as_str()))
    }
}
