//! What a poll makes known that was not: which accounts become facts (RULINGS, Accounts).
//!
//! A status, an address, a provider, a reseller or tags that changed become a fact at once. Lifetime totals become one once
//! an account and local day, when they first differ, and once more in the last two polls of the day: what a day gained is
//! counted up to its last reading, so a day whose only reading is of its morning would have the day before in it. In
//! those polls totals that did not change are told, too: a day without a reading is unknown, and one with an equal
//! reading has sent nothing (L3).

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::part;
use domain::facts::sender_account::AccountStatus;
use domain::members::Instant;
use domain::rules::calendar::ZoneName;
use projections::entities::sender_accounts::known::{KnownAccount, KnownAccounts};
use projections::entities::sender_accounts::told::AccountState;
use serde_json::json;

use super::account::ListedAccount;
use super::pages::Listed;
use crate::sync::error::SyncError;
use crate::sync::run::SyncRun;
use crate::sync::source::SourceName;

/// Polls before midnight that close the day.
const CLOSING_POLLS: u32 = 2;

/// A poll of one workspace.
#[derive(Debug, Clone)]
pub struct Poll {
    /// Host of the instance.
    pub instance: String,
    /// Id of the workspace.
    pub workspace: String,
    /// When it began: what it saw is dated by it.
    pub at: Instant,
    /// The tenant's.
    pub zone: ZoneName,
    /// Time between polls.
    pub pause: Duration,
}

impl Poll {
    /// Whether an instant is within the last polls of its day.
    fn closes_day(&self, at: Instant) -> bool {
        let ahead = self.pause * CLOSING_POLLS;
        self.zone.day(at) != self.zone.day(Instant(at.0.saturating_add(ahead.as_micros() as i64)))
    }

    /// Whether the totals of an account become a fact.
    fn takes_totals(&self, known: &KnownAccount, totals: [Option<u64>; 3]) -> bool {
        // What is not told anew is as it was.
        let has_changed = totals.iter().zip(known.totals).any(|(now, then)| now.is_some() && *now != then);
        let Some(read_at) = known.read_at else { return totals != [None; 3] };
        let is_read_today = self.zone.day(read_at) == self.zone.day(self.at);
        match self.closes_day(self.at) {
            true if is_read_today => has_changed && !self.closes_day(read_at),
            true => totals != [None; 3],
            false => has_changed && !is_read_today,
        }
    }

    fn is_news(&self, known: &KnownAccount, listed: &ListedAccount) -> bool {
        let state = match listed.status {
            AccountStatus::Connected => AccountState::Connected,
            AccountStatus::Disconnected => AccountState::Disconnected,
        };
        let differs = |now: Option<&str>, then: &Option<String>| now.is_some() && now != then.as_deref();
        known.state != state
            || known.email != listed.email
            || differs(listed.email_provider, &known.email_provider)
            || differs(listed.reseller.as_deref(), &known.reseller)
            || (!listed.tags.is_empty() && listed.tags != known.tags)
            || self.takes_totals(known, listed.totals)
    }
}

/// What a poll found.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    observed: Vec<(&'a ListedAccount, &'a Bytes)>,
    /// Id, where it is known, and address of each account that is gone.
    removed: Vec<(Option<&'a str>, &'a str)>,
}

impl<'a> Changes<'a> {
    /// What the list says that was not known. The list is whole.
    pub fn between(poll: &Poll, known: &'a KnownAccounts, listed: &'a Listed) -> Self {
        let mut changes = Self::default();
        for (account, page) in listed.values() {
            if known.by_id.get(&account.id).is_none_or(|known| poll.is_news(known, account)) {
                changes.observed.push((account, page));
            }
        }
        for (id, account) in &known.by_id {
            if account.state != AccountState::Removed && !listed.contains_key(id) {
                changes.removed.push((Some(id.as_str()), account.email.as_str()));
            }
        }
        let emails: BTreeSet<&str> = listed.values().map(|(account, _)| account.email.as_str()).collect();
        for (email, state) in &known.by_email {
            if *state != AccountState::Removed && !emails.contains(email.as_str()) {
                changes.removed.push((None, email.as_str()));
            }
        }
        changes
    }

    /// The pages that facts come of, each once.
    pub fn pages(&self) -> Vec<&'a Bytes> {
        let mut pages: Vec<&Bytes> = self.observed.iter().map(|(_, page)| *page).collect();
        pages.sort_unstable();
        pages.dedup();
        pages
    }

    /// Its facts.
    ///
    /// # Errors
    /// An account that no fact can hold.
    pub fn facts(&self, run: &SyncRun, poll: &Poll) -> Result<Vec<Envelope>, SyncError> {
        let (instance, workspace) = (poll.instance.as_str(), poll.workspace.as_str());
        let fact = |kind: &str, name: &str, body| {
            let key = [instance, workspace, kind, name].map(|text| part(text).into_owned()).join("/");
            let key = format!("{key}@{}", poll.at);
            run.fact((SourceName::EmailBison.as_str(), &key), poll.at, kind, body)
        };
        let observed = self.observed.iter().map(|(account, _)| {
            let [sends, replies, bounces] = account.totals;
            let body = json!({
                "instance": instance, "workspace": workspace, "account_id": account.id, "email": account.email,
                "status": account.status.as_str(), "sends": sends, "replies": replies, "bounces": bounces,
                "email_provider": account.email_provider, "reseller": account.reseller, "tags": account.tags,
            });
            fact("sender_account_observed", &account.id, body)
        });
        let removed = self.removed.iter().map(|(id, email)| {
            let body =
                json!({"instance": instance, "workspace": workspace, "account_id": id, "email": email});
            fact("sender_account_removed", id.unwrap_or(email), body)
        });
        observed.chain(removed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(at: &str) -> Poll {
        Poll {
            instance: "dedi.emailbison.com".to_owned(),
            workspace: "17".to_owned(),
            at: Instant::parse(at).expect("an instant"),
            zone: ZoneName::parse("America/New_York").expect("a zone"),
            pause: Duration::from_secs(300),
        }
    }

    fn known(read_at: Option<&str>) -> KnownAccount {
        KnownAccount {
            email: "a@acme.example".to_owned(),
            state: AccountState::Connected,
            email_provider: Some("Gmail".to_owned()),
            reseller: None,
            tags: vec!["Google".to_owned()],
            totals: [Some(10), Some(1), Some(0)],
            read_at: read_at.map(|at| Instant::parse(at).expect("an instant")),
        }
    }

    fn listed() -> ListedAccount {
        ListedAccount {
            id: "1".to_owned(),
            email: "a@acme.example".to_owned(),
            status: AccountStatus::Connected,
            email_provider: Some("Gmail"),
            reseller: None,
            tags: vec!["Google".to_owned()],
            totals: [Some(10), Some(1), Some(0)],
        }
    }

    #[test]
    fn totals_are_told_once_a_day_when_they_change_and_once_at_its_end() {
        // Midnight of the tenant is 04:00Z.
        let (same, more) = (listed(), ListedAccount { totals: [Some(11), Some(1), Some(0)], ..listed() });
        for (read_at, now, of_same, of_more) in [
            (Some("2025-10-08T12:00:00Z"), "2025-10-08T16:00:00Z", false, false),
            (Some("2025-10-07T23:00:00Z"), "2025-10-08T16:00:00Z", false, true),
            (Some("2025-10-08T12:00:00Z"), "2025-10-09T03:49:00Z", false, false),
            (Some("2025-10-08T12:00:00Z"), "2025-10-09T03:51:00Z", false, true),
            (Some("2025-10-08T03:55:00Z"), "2025-10-09T03:51:00Z", true, true),
            (Some("2025-10-09T03:51:00Z"), "2025-10-09T03:56:00Z", false, false),
            (Some("2025-10-09T03:56:00Z"), "2025-10-09T04:01:00Z", false, true),
            (None, "2025-10-08T16:00:00Z", true, true),
        ] {
            let (poll, known) = (poll(now), known(read_at));
            assert_eq!(poll.is_news(&known, &same), of_same, "{read_at:?} {now} unchanged");
            assert_eq!(poll.is_news(&known, &more), of_more, "{read_at:?} {now} changed");
        }
    }

    #[test]
    fn what_changed_but_totals_is_told_at_once_and_what_is_not_told_is_as_it_was() {
        let (poll, known) = (poll("2025-10-08T16:00:00Z"), known(Some("2025-10-08T12:00:00Z")));
        let disconnected = ListedAccount { status: AccountStatus::Disconnected, ..listed() };
        let moved = ListedAccount { email: "b@acme.example".to_owned(), ..listed() };
        let tagged = ListedAccount { tags: vec!["Google".to_owned(), "warm".to_owned()], ..listed() };
        let bought = ListedAccount { reseller: Some("Hypertide".to_owned()), ..listed() };
        for news in [disconnected, moved, tagged, bought] {
            assert!(poll.is_news(&known, &news), "{news:?}");
        }
        let bare = ListedAccount { email_provider: None, tags: Vec::new(), totals: [None; 3], ..listed() };
        assert!(!poll.is_news(&known, &bare));
    }
}
