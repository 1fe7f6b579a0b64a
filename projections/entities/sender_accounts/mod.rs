//! All sender accounts of one tenant: rows by account, and what their counters gained by email provider (D6, D7).

pub mod known;
pub mod list;
pub mod period;
pub mod row;
pub mod told;

use std::collections::BTreeMap;

use domain::facts::sender_account::{SenderAccountEvent, SenderAccountFact};
use domain::facts::{Fact, part};
use domain::keys::Position;
use domain::members::Text;
use domain::rules::configuration::Timeline;

use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entities::leads::links::Workspace;
use crate::entities::sender_accounts::row::{AccountMember, AccountName, AccountRow};
use crate::entity::Entity;
use crate::figures::Sums;
use crate::figures::gains::{AccountGain, Gains};
use crate::store::{Index, Pages, Strings, Symbol, Texts, heap_size};

/// Sender accounts of one tenant, without the figures that a configuration makes of them.
#[derive(Debug, Clone, Default)]
pub struct SenderAccounts {
    rows: Pages<AccountRow>,
    index: Index,
    /// Rows by workspace and address: by each that was a row's latest once.
    by_email: Index,
    strings: Strings,
}

heap_size!(SenderAccounts { rows, index, by_email, strings });

impl Entity for SenderAccounts {
    type RowId = u32;
    type Share = AccountGain;
    type Figures = Gains;

    const NAME: &'static str = "sender_accounts";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[SenderAccountFact::GROUP];
    const SHARDED: bool = true;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::SenderAccount(fact) = recorded.fact else { return };
        let at = self.row_of(fact);
        self.fold_into(at, recorded, fact);
    }

    /// An account whose address changed has facts of two subjects, so both shards may know it.
    fn absorb(&mut self, shard: Self) {
        if self.rows.is_empty() {
            *self = shard;
            return;
        }
        let Self { rows, strings, .. } = shard;
        for mut row in rows {
            row.translate(|symbol| self.strings.intern(strings.texts().get(symbol)));
            let at = match self.find(row.workspace, row.name) {
                Some(at) => {
                    self.rows.get_mut(at).merge(row);
                    at
                }
                None => self.push(row),
            };
            self.index_email(at);
        }
    }

    fn row_ids(&self) -> impl Iterator<Item = u32> {
        self.rows.ids()
    }

    fn facts_of(&self, row: u32) -> Vec<Position> {
        self.rows.get(row).facts().sorted()
    }

    fn contributions(&self, row: u32, timeline: &Timeline, out: &mut impl FnMut(AccountGain)) {
        let row = self.rows.get(row);
        let provider = row.email_provider();
        row.gains(timeline, |gain| out(AccountGain { provider, gain }));
    }

    /// An account has a reading a day, so its gains are not all moved: a reading changes only those around its own
    /// instant, unless it also moves the account to another provider.
    fn apply(&mut self, recorded: &Recorded<'_>, timeline: &Timeline, figures: &mut Gains) {
        let Fact::SenderAccount(fact) = recorded.fact else { return };
        let at = self.row_of(fact);
        let SenderAccountFact::Observed(body) = fact else {
            // Events have no totals and no provider.
            return self.fold_into(at, recorded, fact);
        };
        let known = self.rows.get(at).email_provider();
        let told = body.email_provider.as_ref().and_then(|told| self.strings.find(told.as_str()));
        let is_around = body.email_provider.is_none() || (told.is_some() && told == known);
        let mut count = |row: &AccountRow, sign| {
            let provider = row.email_provider();
            let add = |gain| figures.add(&AccountGain { provider, gain }, sign);
            if is_around {
                row.gains_around(recorded.occurred_at, timeline, add);
            } else {
                row.gains(timeline, add);
            }
        };
        count(self.rows.get(at), -1);
        self.fold_into(at, recorded, fact);
        count(self.rows.get(at), 1);
    }

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut form) = (Digest::default(), Canonical::default());
        self.rows.iter().for_each(|row| digest.add(write_canonical(row, self.texts(), tenant, &mut form)));
        digest
    }

    fn digest_figures(&self, tenant: &str, figures: &Gains) -> Digest {
        figures.digest(tenant, self.texts())
    }
}

impl SenderAccounts {
    fn row_of(&mut self, fact: &SenderAccountFact) -> u32 {
        let (instance, workspace, id, email) = match fact {
            SenderAccountFact::Observed(body) => {
                (&body.instance, &body.workspace, Some(&body.account_id), &body.email)
            }
            SenderAccountFact::Added(body)
            | SenderAccountFact::Disconnected(body)
            | SenderAccountFact::Reconnected(body)
            | SenderAccountFact::Removed(body) => {
                let SenderAccountEvent { instance, workspace, email, account_id } = body;
                (instance, workspace, account_id.as_ref(), email)
            }
        };
        let workspace = [instance, workspace].map(|text: &Text| self.strings.intern(text.as_str()));
        let name = match id {
            Some(id) => AccountName::Id(self.strings.intern(id.as_str())),
            None => AccountName::Email(self.strings.intern(email.as_str())),
        };
        self.find(workspace, name).unwrap_or_else(|| self.push(AccountRow::new(workspace, name)))
    }

    fn fold_into(&mut self, at: u32, recorded: &Recorded<'_>, fact: &SenderAccountFact) {
        let row = self.rows.get_mut(at);
        let before = row.mailbox();
        row.fold(recorded, fact, &mut self.strings);
        if row.mailbox() != before {
            self.index_email(at);
        }
    }

    fn index_email(&mut self, at: u32) {
        let hash = Index::hash(self.rows.get(at).mailbox());
        if self.by_email.find(hash, |row| row == at).is_none() {
            self.by_email.insert(hash, at);
        }
    }

    /// The rows of each mailbox, ascending.
    pub fn by_mailbox(&self) -> BTreeMap<(Workspace, Symbol), Vec<u32>> {
        let mut mailboxes: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        for (at, row) in (0..).zip(self.rows.iter()) {
            if let (workspace, Some(email)) = row.mailbox() {
                mailboxes.entry((workspace, email)).or_default().push(at);
            }
        }
        mailboxes
    }

    /// The rows of the mailbox that `row` is one of, ascending.
    pub fn rows_of_mailbox(&self, row: u32) -> Vec<u32> {
        let wanted = self.rows.get(row).mailbox();
        let rows = self.by_email.find_all(Index::hash(wanted));
        let mut rows: Vec<u32> = rows.filter(|at| self.rows.get(*at).mailbox() == wanted).collect();
        rows.sort_unstable();
        rows
    }

    fn find(&self, workspace: Workspace, name: AccountName) -> Option<u32> {
        let is = |at: u32| {
            let row = self.rows.get(at);
            row.name == name && row.workspace == workspace
        };
        self.index.find(Index::hash((workspace, name)), is)
    }

    fn push(&mut self, row: AccountRow) -> u32 {
        let hash = Index::hash((row.workspace, row.name));
        let at = self.rows.push(row);
        self.index.insert(hash, at);
        at
    }

    /// The rows, one an account.
    pub fn rows(&self) -> &Pages<AccountRow> {
        &self.rows
    }

    /// The subject of the row's facts: its address.
    pub fn subject(&self, row: u32) -> String {
        let (row, texts) = (self.rows.get(row), self.texts());
        let [instance, workspace] = row.workspace.map(|symbol| part(texts.get(symbol)));
        let email = texts.maybe(row.member(AccountMember::Email).1).unwrap_or_default();
        format!("account/{instance}/{workspace}/{email}")
    }

    /// The table of the rows' symbols.
    pub fn strings(&self) -> &Strings {
        &self.strings
    }

    /// The texts of the rows' symbols.
    pub fn texts(&self) -> &Texts {
        self.strings.texts()
    }
}

fn write_canonical<'a>(row: &AccountRow, texts: &Texts, tenant: &str, form: &'a mut Canonical) -> &'a [u8] {
    form.start(tenant);
    row.workspace.iter().for_each(|symbol| form.text(Some(texts.get(*symbol))));
    let (by_id, name) = match row.name {
        AccountName::Id(name) => (1, name),
        AccountName::Email(name) => (0, name),
    };
    form.number(by_id);
    form.text(Some(texts.get(name)));
    AccountMember::ALL.iter().for_each(|member| form.text(texts.maybe(row.member(*member).1)));
    let (_, tags) = row.tags();
    form.number(tags.len() as i64);
    tags.iter().for_each(|tag| form.text(Some(texts.get(*tag))));
    let (order, state) = row.state();
    form.text(Some(state.as_str()));
    form.number(order.occurred_at().0);
    for (at, totals) in row.readings() {
        form.number(at.0);
        totals.iter().for_each(|total| form.maybe(total.map(|total| total as i64)));
    }
    form.positions(row.facts());
    form.bytes()
}
