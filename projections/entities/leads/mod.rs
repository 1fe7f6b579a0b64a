//! All outreach leads of one tenant: rows by name, the links that join names, the order by first event.

mod canonical;
pub mod claims;
mod figures;
pub mod interests;
pub mod links;
pub mod list;
mod live;
pub mod row;
mod search;

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::outreach::{LeadName, OutreachFact};
use domain::keys::{PersonDigest, Position};
use domain::members::Instant;
use domain::rules::configuration::Timeline;
use domain::rules::stages::Stage;

use self::claims::Claims;
use self::figures::{LeadFigures, ReplyDays, add_day, distinct_shares, event_share};
use self::links::{Link, Links, Workspace};
use self::row::{EventKind, Lead, LeadRow, Name, Placed};
use crate::canonical::Digest;
use crate::entity::Entity;
use crate::figures::{Cells, Share, Sums};
use crate::store::{Buckets, Index, Pages, Strings, Texts, heap_size};
use crate::{Order, Recorded};

/// Leads of one tenant, without the figures that a configuration makes of them.
#[derive(Debug, Clone, Default)]
pub struct Leads {
    rows: Pages<LeadRow>,
    index: Index,
    links: Links,
    claims: Claims,
    workspaces: BTreeSet<Workspace>,
    strings: Strings,
    order: Buckets,
    interest: Buckets,
}

heap_size!(Leads { rows, index, links, claims, workspaces, strings, order, interest });

/// What a fact names, looked up.
struct Named {
    workspace: Workspace,
    name: Name,
    email: Option<PersonDigest>,
}

impl Named {
    /// The claim of an id to an email, where the fact names both.
    fn link(&self, recorded: &Recorded<'_>, row: u32) -> Option<Link> {
        let (Name::Id(_), Some(email)) = (self.name, self.email) else { return None };
        let first = Order::new(recorded.occurred_at, 0, &recorded.content);
        Some(Link { workspace: self.workspace, email, first, lead: row })
    }
}

/// A row of [`Leads`] that can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadId {
    /// A lead, all its names as one, by the row that stands for it.
    Lead(u32),
    /// What persons said of a name without saying where.
    Claim(u32),
}

impl Entity for Leads {
    type RowId = LeadId;
    type Share = Share;
    type Figures = LeadFigures;

    const NAME: &'static str = "outreach_leads";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[OutreachFact::GROUP];
    const SHARDED: bool = true;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::Outreach(fact) = recorded.fact else { return };
        if let Some((name, placed)) = self.claimed(recorded, fact) {
            return self.claims.claim(name, placed, recorded.position);
        }
        let named = self.name(recorded, fact);
        let row = self.row_of(named.workspace, named.name);
        self.rows.get_mut(row).fold(recorded, fact, &mut self.strings);
        if let Some(link) = named.link(recorded, row) {
            self.links.claim(link);
        }
    }

    fn absorb(&mut self, shard: Self) {
        if self.rows.is_empty() && self.claims.rows().is_empty() {
            *self = shard;
            return;
        }
        let Self { rows, strings, links, claims, .. } = shard;
        let base = self.rows.len() as u32;
        for mut row in rows {
            row.translate(|symbol| self.strings.intern(strings.texts().get(symbol)));
            self.push(row);
        }
        let mut symbol = |symbol| self.strings.intern(strings.texts().get(symbol));
        self.links.absorb(&links, base, &mut symbol);
        self.claims.absorb(claims, &mut symbol);
    }

    fn finish_rows(&mut self) {
        let joins: Vec<(u32, u32)> = self
            .links
            .iter()
            .filter_map(|link| Some((self.find(link.workspace, Name::Email(link.email))?, link.lead)))
            .collect();
        joins.into_iter().for_each(|(email_row, owner)| self.join(email_row, owner));
        let claims: Vec<_> =
            self.claims.rows().iter().map(|claimed| (claimed.name, claimed.placed)).collect();
        claims.into_iter().for_each(|(name, placed)| self.place_named(name, placed));
        (self.order, self.interest) = Default::default();
        for at in 0..self.rows.len() as u32 {
            if !matches!(self.rows.get(at).name, Name::Nobody(_)) {
                self.order.place(at, None, self.first_at(at));
                self.interest.place(at, None, self.interested_at(at));
            }
        }
    }

    fn row_ids(&self) -> impl Iterator<Item = LeadId> {
        let leads = self.rows.ids().filter(|at| self.rows.get(*at).owner().is_none());
        leads.map(LeadId::Lead).chain(self.claims.rows().ids().map(LeadId::Claim))
    }

    /// Of a lead also the claims that hold for one of its names: they decide its stage.
    fn facts_of(&self, row: LeadId) -> Vec<Position> {
        let head = match row {
            LeadId::Claim(at) => return self.claims.rows().get(at).facts().sorted(),
            LeadId::Lead(head) => head,
        };
        let holds = |name| self.rows_named(name).into_iter().any(|row| self.head(row) == head);
        let claims = self.claims.rows().iter().filter(|claimed| holds(claimed.name));
        let events = Lead::new(&self.rows, head).facts().into_iter().map(|(position, _, _)| position);
        let mut facts: Vec<_> = events.chain(claims.flat_map(|claimed| claimed.facts().iter())).collect();
        facts.sort_unstable();
        facts
    }

    fn contributions(&self, row: LeadId, timeline: &Timeline, out: &mut impl FnMut(Share)) {
        let LeadId::Lead(head) = row else { return };
        let lead = Lead::new(&self.rows, head);
        let mut reply_days = Vec::new();
        for (kind, event) in lead.rows().flat_map(|(_, row)| row.events()) {
            let day = timeline.at(event.occurred_at).1;
            event_share(kind, day).into_iter().for_each(&mut *out);
            if kind == EventKind::Replied {
                add_day(&mut reply_days, day);
            }
        }
        // Events that name nobody are no lead's, and none of them is told from another.
        if !matches!(lead.head().name, Name::Nobody(_)) {
            distinct_shares(&reply_days, lead.first_interest().map(|at| timeline.at(at).1), out);
        }
    }

    fn figures(&self, timeline: &Timeline) -> LeadFigures {
        let mut figures =
            LeadFigures { replied: Arc::new(self.reply_days(timeline)), ..LeadFigures::default() };
        self.row_ids().for_each(|row| self.contributions(row, timeline, &mut |share| figures.add(&share, 1)));
        figures
    }

    fn apply(&mut self, recorded: &Recorded<'_>, timeline: &Timeline, figures: &mut LeadFigures) {
        self.apply_live(recorded, timeline, figures);
    }

    fn digest(&self, tenant: &str) -> Digest {
        self.canonical_digest(tenant)
    }

    fn cells(figures: &LeadFigures) -> Option<&Cells> {
        Some(&figures.cells)
    }

    fn digest_figures(&self, tenant: &str, figures: &LeadFigures) -> Digest {
        figures.cells.digest(tenant, self.texts())
    }
}

impl Leads {
    /// The stage that a person gave to a name without naming a workspace: it is of no row, and holds for every row
    /// with that name.
    fn claimed(&mut self, recorded: &Recorded<'_>, fact: &OutreachFact) -> Option<(Name, Placed)> {
        let OutreachFact::Staged(body) = fact else { return None };
        if fact.workspace() != ("", "") {
            return None;
        }
        let name = match body.lead.as_ref()?.name(&|_| PersonDigest::default())? {
            LeadName::Id(id) => Name::Id(self.strings.intern(id.as_str())),
            LeadName::Email(digest) => Name::Email(digest),
        };
        let stage = Stage::from(body.stage);
        Some((name, (stage, Order::new(recorded.occurred_at, stage.rank(), &recorded.content))))
    }

    /// Places every row that has `name`, in whatever workspace. Rows only ever gain names and the latest claim
    /// stands, so nothing has to be taken back later.
    fn place_named(&mut self, name: Name, placed: Placed) {
        for row in self.rows_named(name) {
            self.rows.get_mut(row).place(Some(placed));
        }
    }

    /// Every row that has `name`, as its own or as an email that its lead has, in whatever workspace.
    fn rows_named(&self, name: Name) -> Vec<u32> {
        let mut rows = Vec::new();
        for workspace in &self.workspaces {
            rows.extend(self.find(*workspace, name));
            if let Name::Email(email) = name {
                rows.extend(self.links.holders(*workspace, &email));
            }
        }
        rows
    }

    /// The rows that stand for the leads of a fact: one, unless a person's word names no workspace.
    pub fn heads_of(&self, fact: &OutreachFact, occurred_at: Instant) -> Vec<u32> {
        let name = match fact.lead().and_then(|lead| lead.name(&|_| PersonDigest::default())) {
            Some(LeadName::Id(id)) => self.strings.find(id.as_str()).map(Name::Id),
            Some(LeadName::Email(digest)) => Some(Name::Email(digest)),
            None => Some(Name::nobody(occurred_at)),
        };
        let (instance, workspace) = fact.workspace();
        let symbols = self.strings.find(instance).zip(self.strings.find(workspace));
        let everywhere = matches!(fact, OutreachFact::Staged(_)) && (instance, workspace) == ("", "");
        let rows = match (name, symbols) {
            (Some(name), _) if everywhere => self.rows_named(name),
            (Some(name), Some((instance, workspace))) => {
                self.find([instance, workspace], name).into_iter().collect()
            }
            (None, _) | (_, None) => Vec::new(),
        };
        let mut heads: Vec<u32> = rows.into_iter().map(|row| self.head(row)).collect();
        heads.sort_unstable();
        heads.dedup();
        heads
    }

    fn reply_days(&self, timeline: &Timeline) -> ReplyDays {
        let mut replied = ReplyDays::new();
        for (at, row) in (0..).zip(self.rows.iter()).filter(|(_, row)| !matches!(row.name, Name::Nobody(_))) {
            for (_, event) in row.events().filter(|(kind, _)| *kind == EventKind::Replied) {
                add_day(replied.entry(at).or_default(), timeline.at(event.occurred_at).1);
            }
        }
        replied
    }

    fn name(&mut self, recorded: &Recorded<'_>, fact: &OutreachFact) -> Named {
        let (instance, workspace) = fact.workspace();
        let workspace = [self.strings.intern(instance), self.strings.intern(workspace)];
        let lead = fact.lead();
        let email = lead.and_then(|lead| lead.email_digest);
        // In the log every email has its digest, so nothing is left to be digested here.
        let name = match lead.and_then(|lead| lead.name(&|_| PersonDigest::default())) {
            Some(LeadName::Id(id)) => Name::Id(self.strings.intern(id.as_str())),
            Some(LeadName::Email(digest)) => Name::Email(digest),
            None => Name::nobody(recorded.occurred_at),
        };
        Named { workspace, name, email }
    }

    fn find(&self, workspace: Workspace, name: Name) -> Option<u32> {
        let is = |at: u32| {
            let row = self.rows.get(at);
            row.name == name && row.workspace == workspace
        };
        self.index.find(Index::hash((workspace, name)), is)
    }

    fn row_of(&mut self, workspace: Workspace, name: Name) -> u32 {
        self.find(workspace, name).unwrap_or_else(|| self.push(LeadRow::new(workspace, name)))
    }

    fn push(&mut self, row: LeadRow) -> u32 {
        let hash = Index::hash((row.workspace, row.name));
        self.workspaces.insert(row.workspace);
        let at = self.rows.push(row);
        self.index.insert(hash, at);
        at
    }

    fn head(&self, row: u32) -> u32 {
        self.rows.get(row).owner().unwrap_or(row)
    }

    /// The first event of the lead that `row` stands for; none where another row stands for it.
    fn first_at(&self, row: u32) -> Option<Instant> {
        self.rows.get(row).owner().is_none().then(|| Lead::new(&self.rows, row).first_at())
    }

    /// The first interest of the lead that `row` stands for; none where another row stands for it.
    fn interested_at(&self, row: u32) -> Option<Instant> {
        self.rows.get(row).owner().is_none().then(|| Lead::new(&self.rows, row).first_interest()).flatten()
    }

    /// Attaches an email's row to `owner`, and detaches it from any other lead.
    fn join(&mut self, email_row: u32, owner: u32) {
        let joined = self.rows.get_mut(email_row).joined.get_or_insert_default();
        if let Some(old) = joined.owner.replace(owner)
            && let Some(left) = &mut self.rows.get_mut(old).joined
        {
            left.attached.retain(|attached| *attached != email_row);
        }
        self.rows.get_mut(owner).joined.get_or_insert_default().attached.push(email_row);
    }

    /// The texts of the rows' symbols.
    pub fn texts(&self) -> &Texts {
        self.strings.texts()
    }

    /// The rows, one a name.
    pub fn rows(&self) -> &Pages<LeadRow> {
        &self.rows
    }

    /// What was said of names without saying where.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The leads by first event.
    pub fn order(&self) -> &Buckets {
        &self.order
    }

    /// Leads whose first interest was at `since` or later, newest day first.
    pub fn interested_since(&self, since: Instant) -> impl Iterator<Item = Lead<'_>> {
        let rows = self.interest.newest_first(Instant(i64::MAX), since).flatten();
        let leads = rows.map(|row| Lead::new(&self.rows, *row));
        leads.filter(move |lead| lead.first_interest().is_some_and(|at| at >= since))
    }

    /// Every lead that `name` leads to: one in each workspace that has it.
    pub fn named(&self, name: LeadName<'_>) -> Vec<Lead<'_>> {
        let name = match name {
            LeadName::Id(id) => match self.strings.find(id.as_str()) {
                Some(id) => Name::Id(id),
                None => return Vec::new(),
            },
            LeadName::Email(digest) => Name::Email(digest),
        };
        let mut heads = BTreeSet::new();
        for workspace in &self.workspaces {
            heads.extend(self.find(*workspace, name).map(|row| self.head(row)));
            if let Name::Email(email) = name {
                heads.extend(self.links.find(*workspace, &email).map(|link| self.head(link.lead)));
            }
        }
        heads.into_iter().map(|head| Lead::new(&self.rows, head)).collect()
    }
}
