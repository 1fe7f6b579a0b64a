//! `/outreach/leads`: leads newest first, as they are served.

use domain::facts::part;
use domain::keys::{PersonDigest, Position};
use domain::members::Instant;
use domain::rules::stages::Stage;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::calls::Calls;
use crate::entities::calls::row::CallRow;
use crate::entities::leads::Leads;
use crate::entities::leads::row::{Lead, LeadRow, Name};
use crate::entities::leads::search::FoundLeads;
use crate::search::Search;
use crate::store::{Buckets, Cursor, Page, Pages, Texts};
use crate::tenant::Tenant;

/// What of the leads is asked for.
#[derive(Debug, Clone, Default)]
pub struct LeadFilter {
    /// Where they stand.
    pub stage: Option<Stage>,
    /// Part of name, email or company, in any case.
    pub search: Option<String>,
}

/// A lead as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeadItem {
    /// The provider's id, else `@` and the digest of the email.
    pub lead_id: String,
    /// Host of the provider's instance; lead ids are only one within it and the workspace.
    pub instance: Option<String>,
    /// The provider's workspace.
    pub workspace: Option<String>,
    /// The latest given.
    pub email: Option<String>,
    /// The latest given.
    pub first_name: Option<String>,
    /// The latest given.
    pub last_name: Option<String>,
    /// The latest given.
    pub company: Option<String>,
    /// Where it stands (D3).
    pub stage: &'static str,
    /// Fixed for ever but for an earlier fact that comes late.
    pub first_interested_at: Option<String>,
    /// When its first event happened: its place in the list. A person's word on its stage is no event, unless there
    /// is nothing else.
    pub first_event_at: String,
    /// When its last event happened.
    pub last_event_at: String,
    /// When it was called last: the latest start of a call whose lead has this id.
    pub last_called_at: Option<String>,
    /// Those calls.
    pub call_count: usize,
}

/// The leads at one position. A clone of a few counters: read without a lock while folding goes on.
#[derive(Debug, Clone)]
pub struct LeadList {
    rows: Pages<LeadRow>,
    texts: Texts,
    order: Buckets,
    calls: Calls,
}

impl LeadList {
    /// Takes the leads as they are now, and the calls that were made of them.
    pub fn new(leads: &Leads, calls: &Calls) -> Self {
        Self {
            rows: leads.rows().clone(),
            texts: leads.texts().clone(),
            order: leads.order().clone(),
            calls: calls.clone(),
        }
    }

    /// One page, newest first by first event, then by workspace and id.
    pub fn page(
        &self,
        position: Position,
        filter: &LeadFilter,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Page<LeadItem> {
        let found = filter.search.as_deref().map(Search::new);
        let found = found.map(|search| FoundLeads::of(&search, &self.rows, &self.texts));
        let place = |row| {
            let lead = Lead::new(&self.rows, row);
            let is_wanted = found.as_ref().is_none_or(|found| found.has(row))
                && filter.stage.is_none_or(|stage| lead.stage() == stage);
            is_wanted.then(|| (lead.first_at(), key(lead.head(), &self.texts)))
        };
        let make = |row| Some(item(&Lead::new(&self.rows, row), &self.texts, &self.calls));
        self.order.page(position, (after, limit), place, make)
    }
}

impl Tenant {
    /// The leads as they are now, to be read while folding goes on.
    pub fn lead_list(&self) -> LeadList {
        LeadList::new(&self.leads.rows, &self.calls.rows)
    }
}

pub(super) fn lead_id(row: &LeadRow, texts: &Texts) -> String {
    match row.name {
        Name::Id(id) => texts.get(id).to_owned(),
        Name::Email(digest) => format!("@{}", hex::encode(digest)),
        Name::Nobody(_) => String::new(),
    }
}

impl Tenant {
    /// A lead as it is listed, by the row that stands for it.
    pub fn lead(&self, head: u32) -> LeadItem {
        let leads = &self.leads.rows;
        item(&Lead::new(leads.rows(), head), leads.texts(), &self.calls.rows)
    }
}

impl Leads {
    /// The row that stands for the lead of this id as served; of leads of several workspaces the first by workspace.
    pub fn by_id(&self, lead_id: &str) -> Option<u32> {
        let heads = self.rows().ids().filter(|at| self.rows().get(*at).owner().is_none());
        let is_it = |at: &u32| {
            let row = self.rows().get(*at);
            !matches!(row.name, Name::Nobody(_)) && self::lead_id(row, self.texts()) == lead_id
        };
        heads.filter(is_it).min_by_key(|at| key(self.rows().get(*at), self.texts()))
    }

    /// The subject of the lead's facts, by the row that stands for it.
    pub fn subject(&self, head: u32) -> String {
        let row = self.rows().get(head);
        match row.name {
            Name::Id(_) | Name::Email(_) => format!("lead/{}", key(row, self.texts())),
            Name::Nobody(_) => {
                let [instance, workspace] = row.workspace.map(|symbol| part(self.texts().get(symbol)));
                format!("workspace/{instance}/{workspace}")
            }
        }
    }
}

/// The digest in the id of a lead without one of the provider's.
pub fn email_digest(lead_id: &str) -> Option<PersonDigest> {
    let mut digest = PersonDigest::default();
    hex::decode_to_slice(lead_id.strip_prefix('@')?, &mut digest).ok()?;
    Some(digest)
}

pub(super) fn key(row: &LeadRow, texts: &Texts) -> String {
    let [instance, workspace] = row.workspace.map(|symbol| part(texts.get(symbol)));
    format!("{instance}/{workspace}/{}", lead_id(row, texts))
}

/// A lead as served.
pub fn item(lead: &Lead<'_>, texts: &Texts, calls: &Calls) -> LeadItem {
    let lead_id = lead_id(lead.head(), texts);
    let called = calls.of_lead(&lead_id).into_iter().map(|row| calls.rows().get(row));
    let called: Vec<Instant> = called.filter(|call| call.exists()).map(CallRow::begun).collect();
    let text = |symbol| texts.maybe(symbol).map(str::to_owned);
    let [email, first_name, last_name, company] = lead.members().map(text);
    let [instance, workspace] =
        lead.head().workspace.map(|symbol| text(Some(symbol)).filter(|text| !text.is_empty()));
    LeadItem {
        lead_id,
        instance,
        workspace,
        email,
        first_name,
        last_name,
        company,
        stage: lead.stage().as_str(),
        first_interested_at: lead.first_interest().map(|at| at.to_string()),
        first_event_at: lead.first_at().to_string(),
        last_event_at: lead.last_at().to_string(),
        last_called_at: called.iter().max().map(|at| at.to_string()),
        call_count: called.len(),
    }
}
