//! All outreach leads of one tenant: rows by name, the links that join names, the order by first event.

pub mod claims;
pub mod interests;
pub mod links;
pub mod list;
pub mod row;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::outreach::{LeadName, OutreachFact};
use domain::keys::PersonDigest;
use domain::members::{Day, Instant};
use domain::rules::configuration::Timeline;
use domain::rules::stages::Stage;

use crate::canonical::Digest;
use crate::entities::calls::Calls;
use crate::entities::leads::claims::Claims;
use crate::entities::leads::links::{Link, Links, Workspace};
use crate::entities::leads::list::LeadList;
use crate::entities::leads::row::{EventKind, Lead, LeadRow, Name, Placed};
use crate::entity::Entity;
use crate::figures::{Cells, Measure, Share, When};
use crate::store::{Buckets, Index, Pages, Strings, Texts};
use crate::{Order, Recorded};

/// The days on which each row's replies came, under one timeline; rows without replies are not in it.
pub type ReplyDays = BTreeMap<u32, Vec<Day>>;

/// What one timeline makes of the leads.
#[derive(Debug, Clone, Default)]
pub struct LeadFigures {
    /// The sums.
    pub cells: Cells,
    replied: Arc<ReplyDays>,
}

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

/// What a fact names, looked up.
struct Named {
    workspace: Workspace,
    name: Name,
    email: Option<PersonDigest>,
}

impl Entity for Leads {
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
        if let Some(link) = link(&named, recorded, row) {
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

    fn settle(&mut self) {
        let joins: Vec<(u32, u32)> = self
            .links
            .iter()
            .filter_map(|link| Some((self.find(link.workspace, Name::Email(link.email))?, link.lead)))
            .collect();
        joins.into_iter().for_each(|(email_row, owner)| self.join(email_row, owner));
        let claims: Vec<_> =
            self.claims.rows().iter().map(|claimed| (claimed.name, claimed.placed)).collect();
        claims.into_iter().for_each(|(name, placed)| self.take_hold(name, placed));
        (self.order, self.interest) = Default::default();
        for at in 0..self.rows.len() as u32 {
            if !matches!(self.rows.get(at).name, Name::Nobody(_)) {
                self.order.place(at, None, self.first_at(at));
                self.interest.place(at, None, self.interested_at(at));
            }
        }
    }

    fn figures(&self, timeline: &Timeline) -> LeadFigures {
        let (mut figures, mut replied) = (LeadFigures::default(), ReplyDays::default());
        for (at, row) in self.rows.iter().enumerate() {
            for (kind, event) in row.events() {
                let Some(measure) = kind.measure() else { continue };
                let (_, day) = timeline.at(event.occurred_at);
                figures.cells.add(&Share::one(When::Day(day), measure), 1);
                if kind == EventKind::Replied && !matches!(row.name, Name::Nobody(_)) {
                    add_day(replied.entry(at as u32).or_default(), day);
                }
            }
        }
        figures.replied = Arc::new(replied);
        for (at, row) in self.rows.iter().enumerate() {
            if !matches!(row.name, Name::Nobody(_)) {
                self.add_distinct(at as u32, timeline, &mut figures, 1);
            }
        }
        figures
    }

    /// Its cost does not grow with the lead: an event adds itself; what is distinct is taken out and put back only
    /// where it can change.
    fn apply(&mut self, recorded: &Recorded<'_>, timeline: &Timeline, figures: &mut LeadFigures) {
        let Fact::Outreach(fact) = recorded.fact else { return };
        if let Some((name, placed)) = self.claimed(recorded, fact) {
            self.claims.claim(name, placed, recorded.position);
            return self.take_hold(name, placed);
        }
        let kind = EventKind::of(fact);
        let (_, day) = timeline.at(recorded.occurred_at);
        if let Some(measure) = kind.measure() {
            figures.cells.add(&Share::one(When::Day(day), measure), 1);
        }
        let named = self.name(recorded, fact);
        let known = self.find(named.workspace, named.name).is_some();
        let at = self.row_of(named.workspace, named.name);
        if let Name::Nobody(_) = named.name {
            return self.rows.get_mut(at).fold(recorded, fact, &mut self.strings);
        }
        let link = link(&named, recorded, at);
        // The email's own row, where this fact makes it belong to this lead.
        let joins = link.and_then(|link| {
            let stands = self.links.find(link.workspace, &link.email);
            let moves = stands.is_none_or(|stands| link.first < stands.first && link.lead != stands.lead);
            moves.then(|| self.find(link.workspace, Name::Email(link.email))).flatten()
        });
        // A new email row belongs to the lead that had the email first, if one is known.
        let owner = match named.name {
            Name::Email(email) if !known => self.links.find(named.workspace, &email).map(|link| link.lead),
            Name::Email(_) | Name::Id(_) | Name::Nobody(_) => None,
        };
        let mut heads = [Some(self.head(at)), joins.map(|row| self.head(row)), owner, joins];
        for i in 1..heads.len() {
            if heads[..i].contains(&heads[i]) {
                heads[i] = None;
            }
        }
        let distinct =
            joins.is_some() || owner.is_some() || kind == EventKind::Replied || kind == EventKind::Interested;

        let before = heads.map(|head| {
            let there = head.filter(|head| known || *head != at);
            there.map_or((None, None), |head| (self.first_at(head), self.interested_at(head)))
        });
        if distinct {
            heads.iter().flatten().for_each(|head| self.add_distinct(*head, timeline, figures, -1));
        }
        self.rows.get_mut(at).fold(recorded, fact, &mut self.strings);
        if kind == EventKind::Replied {
            add_day(Arc::make_mut(&mut figures.replied).entry(at).or_default(), day);
        }
        if !known && let Some(placed) = self.claims.find(named.name) {
            self.rows.get_mut(at).place(Some(placed));
        }
        if let Some(link) = link {
            self.links.claim(link);
            if let Some(placed) = self.claims.find(Name::Email(link.email)) {
                self.rows.get_mut(at).place(Some(placed));
            }
        }
        if let Some(email_row) = joins {
            self.join(email_row, at);
        }
        if let Some(owner) = owner {
            self.join(at, owner);
        }
        if distinct {
            heads.iter().flatten().for_each(|head| self.add_distinct(*head, timeline, figures, 1));
        }
        for (head, (first, interested)) in heads.iter().zip(before) {
            if let Some(head) = head {
                self.order.place(*head, first, self.first_at(*head));
                self.interest.place(*head, interested, self.interested_at(*head));
            }
        }
    }

    fn digest(&self, tenant: &str) -> Digest {
        LeadList::new(self, &Calls::default()).digest(tenant)
    }

    fn cells(figures: &LeadFigures) -> Option<&Cells> {
        Some(&figures.cells)
    }

    fn digest_figures(&self, tenant: &str, figures: &LeadFigures) -> Digest {
        figures.cells.digest(tenant, self.texts())
    }
}

impl Leads {
    /// What a person said of a name without saying where: of no row, and of every row that has the name.
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
    fn take_hold(&mut self, name: Name, placed: Placed) {
        let mut held = Vec::new();
        for workspace in &self.workspaces {
            held.extend(self.find(*workspace, name));
            if let Name::Email(email) = name {
                held.extend(self.links.holders(*workspace, &email));
            }
        }
        held.into_iter().for_each(|row| self.rows.get_mut(row).place(Some(placed)));
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
            None => Name::Nobody(recorded.occurred_at.0.div_euclid(86_400_000_000)),
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

    /// Lets an email's row belong to `owner`, and to no other.
    fn join(&mut self, email_row: u32, owner: u32) {
        let joined = self.rows.get_mut(email_row).joined.get_or_insert_default();
        if let Some(old) = joined.owner.replace(owner)
            && let Some(left) = &mut self.rows.get_mut(old).joined
        {
            left.attached.retain(|attached| *attached != email_row);
        }
        self.rows.get_mut(owner).joined.get_or_insert_default().attached.push(email_row);
    }

    fn add_distinct(&self, head: u32, timeline: &Timeline, figures: &mut LeadFigures, sign: i64) {
        if self.rows.get(head).owner().is_some() {
            return;
        }
        let LeadFigures { cells, replied } = figures;
        distinct(Lead::new(&self.rows, head), timeline, replied, |share| cells.add(&share, sign));
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

fn link(named: &Named, recorded: &Recorded<'_>, row: u32) -> Option<Link> {
    let (Name::Id(_), Some(email)) = (named.name, named.email) else { return None };
    let first = Order::new(recorded.occurred_at, 0, &recorded.content);
    Some(Link { workspace: named.workspace, email, first, lead: row })
}

fn add_day(days: &mut Vec<Day>, day: Day) {
    if let Err(at) = days.binary_search(&day) {
        days.insert(at, day);
    }
}

/// What a lead adds once, however often: to the days and months in which it replied, and to that of its first
/// interest (D2, L5).
fn distinct(lead: Lead<'_>, timeline: &Timeline, replied: &ReplyDays, mut add: impl FnMut(Share)) {
    let mut days: Vec<Day> = lead.rows().filter_map(|(at, _)| replied.get(&at)).flatten().copied().collect();
    days.sort_unstable();
    days.dedup();
    let mut month = None;
    for day in days {
        add(Share::one(When::DayAlone(day), Measure::UniqueReplies));
        if month.replace(day.month()) != Some(day.month()) {
            add(Share::one(When::MonthAlone(day.month()), Measure::UniqueReplies));
        }
    }
    if let Some(at) = lead.first_interest() {
        add(Share::one(When::Day(timeline.at(at).1), Measure::PositiveReplies));
    }
}
