//! `/sender-accounts`: mailboxes as they are served, and how many are connected (D6, D8).
//!
//! The provider counts by account id, people by address: an account that was removed and added again has a new id and
//! is one mailbox still (RULINGS, Accounts).

use domain::facts::part;
use domain::keys::Position;
use domain::members::Instant;
use domain::rules::rates::percent_hundredths;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Order;
use crate::entities::leads::links::Workspace;
use crate::entities::sender_accounts::SenderAccounts;
use crate::entities::sender_accounts::period::{AccountPeriod, PeriodFigures};
use crate::entities::sender_accounts::row::{AccountMember, AccountName, AccountRow};
use crate::entities::sender_accounts::told::{AccountState, Counter};
use crate::store::cursor::page;
use crate::store::{Cursor, Page, Symbol, Texts};

/// What of the accounts is asked for.
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    /// Where they stand; `None`: all but the removed.
    pub status: Option<AccountState>,
    /// The provider's workspace.
    pub workspace: Option<String>,
    /// Gmail, Outlook, …, in any case.
    pub email_provider: Option<String>,
    /// Part of the address, in any case.
    pub search: Option<String>,
}

/// A mailbox as served. Counters are the provider's lifetime totals, as they were last told.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AccountItem {
    /// The address.
    pub email: String,
    /// Host of the provider's instance.
    pub instance: String,
    /// The provider's workspace.
    pub workspace: String,
    /// The provider's id; the newest, where the mailbox was added again. Null while only events told of it.
    pub account_id: Option<String>,
    /// `connected`, `disconnected` or `removed`.
    pub status: &'static str,
    /// When that was told last.
    pub status_at: String,
    /// Mails ever sent.
    pub sends: Option<u64>,
    /// Replies ever received.
    pub replies: Option<u64>,
    /// Bounces ever received.
    pub bounces: Option<u64>,
    /// Replies / sends, percent.
    pub reply_rate: Option<f64>,
    /// How often a total fell: then the provider had begun to count anew.
    pub resets: usize,
    /// What the totals gained over the days asked for; null where none are.
    pub period: Option<PeriodFigures>,
    /// When the totals were read.
    pub observed_at: Option<String>,
    /// Gmail, Outlook, ….
    pub email_provider: Option<String>,
    /// From the account's tags.
    pub reseller: Option<String>,
    /// The account's tags.
    pub tags: Vec<String>,
}

/// Answer of `/sender-accounts/status`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StatusAnswer {
    /// True at this position (R8).
    pub position: Position,
    /// Mailboxes that are not removed.
    pub accounts: i64,
    /// Mailboxes that can send.
    pub connected: i64,
    /// Mailboxes that cannot.
    pub disconnected: i64,
    /// Disconnected / accounts, percent.
    pub disconnect_rate: Option<f64>,
}

/// The rows of one address in one workspace.
#[derive(Debug)]
pub struct Mailbox<'a> {
    /// By the provider's id.
    accounts: Vec<&'a AccountRow>,
    /// What events told without an id: holds for all of them.
    told: Option<&'a AccountRow>,
}

impl<'a> Mailbox<'a> {
    /// The mailbox that rows of one address in one workspace are.
    pub fn of(rows: impl IntoIterator<Item = &'a AccountRow>) -> Self {
        let mut mailbox = Self { accounts: Vec::new(), told: None };
        for row in rows {
            match row.name {
                AccountName::Id(_) => mailbox.accounts.push(row),
                AccountName::Email(_) => mailbox.told = Some(row),
            }
        }
        mailbox
    }

    fn rows(&self) -> impl Iterator<Item = &'a AccountRow> {
        self.accounts.iter().copied().chain(self.told)
    }

    /// Where it stands: as the account stands of which was last told, of those that are not removed.
    pub fn state(&self) -> (Order, AccountState) {
        let told = self.told.map(AccountRow::state);
        let each = self.accounts.iter().map(|row| told.map_or(row.state(), |told| told.max(row.state())));
        let last = each.max_by_key(|(order, state)| (*state != AccountState::Removed, *order));
        last.or(told).unwrap_or((Order::default(), AccountState::Removed))
    }

    /// A member: the latest given.
    pub fn member(&self, member: AccountMember) -> Option<Symbol> {
        let given = self.rows().map(|row| row.member(member)).filter(|(_, value)| value.is_some());
        given.max_by_key(|(order, _)| *order)?.1
    }

    /// When the first of its facts happened.
    pub fn first_at(&self) -> Instant {
        self.rows().map(AccountRow::first_at).min().unwrap_or(Instant(0))
    }

    /// The account whose totals were read last, else any.
    fn read(&self) -> Option<&'a AccountRow> {
        self.accounts.iter().copied().max_by_key(|row| row.read())
    }

    /// The account of which was last told.
    fn newest(&self) -> Option<&'a AccountRow> {
        self.accounts.iter().copied().max_by_key(|row| row.state().0)
    }
}

/// Every mailbox, by workspace and address.
pub fn mailboxes(accounts: &SenderAccounts) -> impl Iterator<Item = ((Workspace, Symbol), Mailbox<'_>)> {
    let mailboxes = accounts.by_mailbox().into_iter();
    mailboxes.map(|(key, rows)| (key, accounts.mailbox(&rows)))
}

impl SenderAccounts {
    /// The mailbox that these rows are.
    pub fn mailbox(&self, rows: &[u32]) -> Mailbox<'_> {
        Mailbox::of(rows.iter().map(|row| self.rows().get(*row)))
    }

    /// One page of mailboxes, by address, then by instance and workspace.
    pub fn page(
        &self,
        position: Position,
        filter: &AccountFilter,
        period: Option<&AccountPeriod>,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Page<AccountItem> {
        let texts = self.texts();
        let all: Vec<_> =
            mailboxes(self).filter(|(key, mailbox)| filter.takes(key, mailbox, texts)).collect();
        let row = |(at, ((workspace, email), _)): (u32, &((Workspace, Symbol), Mailbox<'_>))| {
            let [instance, workspace] = workspace.map(|symbol| part(texts.get(symbol)));
            let email = part(texts.get(*email)).replace(' ', "%20");
            (Instant(0), format!("{email} {instance}/{workspace}"), at)
        };
        let rows = (0..).zip(&all).map(row).collect();
        let make = |at: u32| {
            let (key, mailbox) = &all[at as usize];
            item(key, mailbox, period, texts)
        };
        let (items, next_cursor) = page(std::iter::once(rows), after, limit, make);
        Page { position, items, next_cursor }
    }

    /// How many mailboxes are connected.
    pub fn status(&self, position: Position) -> StatusAnswer {
        let (mut connected, mut disconnected) = (0, 0);
        for (_, mailbox) in mailboxes(self) {
            match mailbox.state().1 {
                AccountState::Connected => connected += 1,
                AccountState::Disconnected => disconnected += 1,
                AccountState::Removed => {}
            }
        }
        let accounts = connected + disconnected;
        let disconnect_rate = percent_hundredths(disconnected, accounts).map(|rate| rate as f64 / 100.0);
        StatusAnswer { position, accounts, connected, disconnected, disconnect_rate }
    }
}

impl AccountFilter {
    fn takes(&self, (workspace, email): &(Workspace, Symbol), mailbox: &Mailbox<'_>, texts: &Texts) -> bool {
        let state = mailbox.state().1;
        let in_any_case = |text: &str| text.trim().to_lowercase();
        let provider = || texts.maybe(mailbox.member(AccountMember::EmailProvider)).map(in_any_case);
        self.status.map_or(state != AccountState::Removed, |asked| state == asked)
            && self.workspace.as_ref().is_none_or(|asked| texts.get(workspace[1]) == asked.trim())
            && self.email_provider.as_ref().is_none_or(|asked| provider() == Some(in_any_case(asked)))
            && self.search.as_ref().is_none_or(|part| texts.get(*email).contains(&in_any_case(part)))
    }
}

fn item(
    (workspace, email): &(Workspace, Symbol),
    mailbox: &Mailbox<'_>,
    period: Option<&AccountPeriod>,
    texts: &Texts,
) -> AccountItem {
    let [instance, workspace] = workspace.map(|symbol| texts.get(symbol).to_owned());
    let text = |symbol| texts.maybe(symbol).map(str::to_owned);
    let read = mailbox.read();
    let total = |counter| read.and_then(|row| row.total(counter));
    let [sends, replies, bounces] = Counter::ALL.map(total);
    let rate = |(replies, sends): (u64, u64)| {
        percent_hundredths(i64::try_from(replies).ok()?, i64::try_from(sends).ok()?)
    };
    let (order, state) = mailbox.state();
    AccountItem {
        email: texts.get(*email).to_owned(),
        instance,
        workspace,
        account_id: mailbox.newest().and_then(|row| match row.name {
            AccountName::Id(id) => text(Some(id)),
            AccountName::Email(_) => None,
        }),
        status: state.as_str(),
        status_at: order.occurred_at().to_string(),
        sends,
        replies,
        bounces,
        reply_rate: replies.zip(sends).and_then(rate).map(|hundredths| hundredths as f64 / 100.0),
        resets: read.map_or(0, AccountRow::resets),
        period: period.map(|period| period.of(read)),
        observed_at: read.and_then(AccountRow::read).map(|order| order.occurred_at().to_string()),
        email_provider: text(mailbox.member(AccountMember::EmailProvider)),
        reseller: text(mailbox.member(AccountMember::Reseller)),
        tags: tags(mailbox).iter().map(|tag| texts.get(*tag).to_owned()).collect(),
    }
}

fn tags<'a>(mailbox: &Mailbox<'a>) -> &'a [Symbol] {
    let latest = mailbox.rows().map(AccountRow::tags).max_by_key(|(order, _)| *order);
    latest.map_or(&[], |(_, tags)| tags)
}
