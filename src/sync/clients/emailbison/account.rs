//! One row of `GET /api/sender-emails`, in the words of the facts.

use domain::facts::sender_account::AccountStatus;
use domain::members::{Email, fold_word, same_word};
use serde::Deserialize;
use serde_json::Value;

use crate::sync::error::SyncError;
use crate::sync::lenient::{Lenient, read};

#[derive(Deserialize)]
struct BisonAccount {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    email: Lenient,
    #[serde(default)]
    status: Lenient,
    #[serde(default, rename = "type")]
    kind: Lenient,
    #[serde(default)]
    emails_sent_count: Lenient,
    #[serde(default)]
    total_replied_count: Lenient,
    #[serde(default)]
    bounced_count: Lenient,
    #[serde(default)]
    tags: Option<Vec<BisonTag>>,
}

#[derive(Deserialize)]
struct BisonTag {
    #[serde(default)]
    name: Lenient,
}

/// An account as it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAccount {
    /// The provider's id.
    pub id: String,
    /// The address, lower case.
    pub email: String,
    /// Whether it can send.
    pub status: AccountStatus,
    /// Gmail, Outlook, ….
    pub email_provider: Option<&'static str>,
    /// From its tags.
    pub reseller: Option<String>,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// Lifetime totals: sends, replies, bounces.
    pub totals: [Option<u64>; 3],
}

/// Words of types and tags that name who runs the mailbox.
const EMAIL_PROVIDERS: &[(&str, &[&str])] = &[
    ("Gmail", &["google", "gmail"]),
    ("Outlook", &["microsoft", "outlook", "office", "office365", "azure", "hotmail", "exchange"]),
    ("Yahoo", &["yahoo"]),
    ("Zoho", &["zoho"]),
];

/// Resellers of mailboxes that are known by name; any other is told by a tag `reseller: NAME`.
const RESELLERS: &[&str] = &[
    "Cheap Inboxes",
    "Hypertide",
    "InboxKit",
    "Inboxly",
    "Inframail",
    "Infraforge",
    "Maildoso",
    "Mailforge",
    "Mailreef",
    "Mission Inbox",
    "Premium Inboxes",
    "ScaledMail",
    "Winnr",
    "Zapmail",
];

impl ListedAccount {
    /// Reads a row.
    ///
    /// # Errors
    /// What identifies the account or says how it stands is missing.
    pub fn read(row: &Value) -> Result<Self, SyncError> {
        let row: BisonAccount = read("an account of sender-emails", row.clone())?;
        let id = row.id.get().ok_or_else(|| SyncError::unexpected("sender-emails: an account without id"))?;
        let missing =
            |what: &str| SyncError::Unexpected(format!("sender-emails: account {id} without {what}"));
        let email = row.email.get().and_then(Email::new).ok_or_else(|| missing("a valid email"))?;
        // `Not connected`, `Disconnected`, `Failed`, and whatever comes: an account that sends says so.
        let status = match row.status.get().ok_or_else(|| missing("status"))? {
            status if same_word(status, "connected") => AccountStatus::Connected,
            _ => AccountStatus::Disconnected,
        };
        let total = |given: &Lenient, name: &str| match given.get() {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| missing(&format!("a count in {name}"))),
        };
        let totals = [
            total(&row.emails_sent_count, "emails_sent_count")?,
            total(&row.total_replied_count, "total_replied_count")?,
            total(&row.bounced_count, "bounced_count")?,
        ];
        let tags = row.tags.unwrap_or_default();
        let mut tags: Vec<String> = tags.iter().filter_map(|tag| tag.name.get()).map(str::to_owned).collect();
        tags.sort_unstable();
        tags.dedup();
        let words = row.kind.get().into_iter().chain(tags.iter().map(String::as_str));
        Ok(Self {
            id: id.to_owned(),
            email: email.to_string(),
            status,
            email_provider: email_provider(words),
            reseller: reseller(&tags),
            tags,
            totals,
        })
    }
}

/// Who runs the mailbox, by the type, else by the first tag that says so.
fn email_provider<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let of = |text: &str| {
        let folded = fold_word(text);
        let mut words = folded.split(|letter: char| !letter.is_ascii_alphanumeric());
        let named = words.find_map(|word| EMAIL_PROVIDERS.iter().find(|(_, known)| known.contains(&word)));
        named.map(|(name, _)| *name)
    };
    texts.find_map(of)
}

/// Who the mailbox was bought of: a tag that says so, else one that is a known reseller's name.
fn reseller(tags: &[String]) -> Option<String> {
    let said = |tag: &String| {
        let (label, name) = tag.split_once(':')?;
        let name = name.trim();
        (same_word(label, "reseller") && !name.is_empty()).then(|| name.to_owned())
    };
    let known =
        |tag: &String| RESELLERS.iter().find(|known| same_word(known, tag)).map(|known| (*known).to_owned());
    tags.iter().find_map(said).or_else(|| tags.iter().find_map(known))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account(kind: &str, tags: &[&str]) -> ListedAccount {
        let tags: Vec<Value> =
            tags.iter().map(|name| json!({"id": 1, "name": name, "default": true})).collect();
        let row = json!({"id": 7, "email": " Ann@Acme.example ", "status": "Not connected", "type": kind,
            "emails_sent_count": "100", "total_replied_count": 10, "bounced_count": null, "tags": tags});
        ListedAccount::read(&row).expect("an account")
    }

    #[test]
    fn type_and_tags_tell_provider_and_reseller_and_counts_come_as_text_or_number() {
        let read = account("google_workspace_oauth", &["warm", "Hypertide"]);
        assert_eq!((read.id.as_str(), read.email.as_str()), ("7", "ann@acme.example"));
        assert_eq!((read.status, read.totals), (AccountStatus::Disconnected, [Some(100), Some(10), None]));
        assert_eq!((read.email_provider, read.reseller.as_deref()), (Some("Gmail"), Some("Hypertide")));
        for (kind, tags, provider, reseller) in [
            ("Inbox", vec!["Google"], Some("Gmail"), None),
            ("microsoft_oauth", vec!["Google"], Some("Outlook"), None),
            ("Inbox", vec!["Microsoft 365", "reseller: Joe's Boxes"], Some("Outlook"), Some("Joe's Boxes")),
            ("Inbox", vec!["premium_inboxes"], None, Some("Premium Inboxes")),
            ("Inbox", vec!["warm", "googlers"], None, None),
        ] {
            let read = account(kind, &tags);
            assert_eq!(
                (read.email_provider, read.reseller.as_deref()),
                (provider, reseller),
                "{kind} {tags:?}"
            );
        }
    }

    #[test]
    fn an_account_that_cannot_be_told_is_an_error_and_not_left_out() {
        for row in [
            json!({"email": "a@b.example", "status": "Connected"}),
            json!({"id": 1, "status": "Connected"}),
            json!({"id": 1, "email": "a@b.example"}),
            json!({"id": 1, "email": "a@b.example", "status": "Connected", "bounced_count": -1}),
            json!({"id": 1, "email": "a@b.example", "status": "Connected", "tags": {"a": 1}}),
            json!([]),
        ] {
            assert!(ListedAccount::read(&row).is_err(), "{row}");
        }
    }
}
