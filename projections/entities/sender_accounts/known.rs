//! What is known of a workspace's accounts, so that a poll records only what changed (D6).

use std::collections::{BTreeMap, BTreeSet};

use domain::members::Instant;

use super::SenderAccounts;
use super::row::{AccountMember, AccountName, AccountRow};
use super::told::{AccountState, Counter};
use crate::store::Symbol;

/// An account as its facts left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAccount {
    /// The address.
    pub email: String,
    /// Where it stands, by facts of the account and by those of its address.
    pub state: AccountState,
    /// Gmail, Outlook, ….
    pub email_provider: Option<String>,
    /// From its tags.
    pub reseller: Option<String>,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// Lifetime totals as they were last told: sends, replies, bounces.
    pub totals: [Option<u64>; 3],
    /// When they were read.
    pub read_at: Option<Instant>,
}

/// The accounts of one workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownAccounts {
    /// By the provider's id.
    pub by_id: BTreeMap<String, KnownAccount>,
    /// Where addresses stand of which no fact gives the id.
    pub by_email: BTreeMap<String, AccountState>,
}

impl SenderAccounts {
    /// The accounts of a workspace, the removed ones, too.
    pub fn known_in(&self, instance: &str, workspace: &str) -> KnownAccounts {
        let mut known = KnownAccounts::default();
        let symbols = (self.strings.find(instance), self.strings.find(workspace));
        let (Some(instance), Some(workspace)) = symbols else { return known };
        let rows = || self.rows().iter().filter(|row| row.workspace == [instance, workspace]);
        let mut told: BTreeMap<Symbol, &AccountRow> = BTreeMap::new();
        for row in rows() {
            if let AccountName::Email(email) = row.name {
                told.insert(email, row);
            }
        }
        let texts = self.texts();
        let text = |symbol| texts.maybe(symbol).map(str::to_owned);
        for row in rows() {
            let AccountName::Id(id) = row.name else { continue };
            let email = row.member(AccountMember::Email).1;
            let of_address = email.and_then(|email| told.get(&email));
            let state = of_address.map_or(row.state(), |told| told.state().max(row.state())).1;
            let mut tags: Vec<String> = row.tags().1.iter().map(|tag| texts.get(*tag).to_owned()).collect();
            tags.sort_unstable();
            let account = KnownAccount {
                email: text(email).unwrap_or_default(),
                state,
                email_provider: text(row.email_provider()),
                reseller: text(row.member(AccountMember::Reseller).1),
                tags,
                totals: Counter::ALL.map(|counter| row.total(counter)),
                read_at: row.read().map(|order| order.occurred_at()),
            };
            known.by_id.insert(texts.get(id).to_owned(), account);
        }
        let with_id: BTreeSet<&str> = known.by_id.values().map(|account| account.email.as_str()).collect();
        let by_email = told.iter().map(|(email, row)| (texts.get(*email).to_owned(), row.state().1));
        let by_email = by_email.filter(|(email, _)| !with_id.contains(email.as_str())).collect();
        known.by_email = by_email;
        known
    }
}
