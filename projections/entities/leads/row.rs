//! A row holds what facts say of one name of a lead; a lead is all rows of its names (D2, D3, L5).

use domain::facts::outreach::{OutreachFact, OutreachLead};
use domain::keys::{PersonDigest, Position};
use domain::members::{Instant, Text};
use domain::rules::stages::{Claim, Stage};

use crate::canonical::Canonical;
use crate::entities::leads::links::Workspace;
use crate::figures::Measure;
use crate::store::chain::Event;
use crate::store::{Events, Latest, Pages, Strings, Symbol, Texts, heap_size};
use crate::{Order, Recorded, halves};

/// By what a fact names its lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Name {
    /// The provider's id.
    Id(Symbol),
    /// An email only, as its digest.
    Email(PersonDigest),
    /// Not at all: such events are kept by their UTC day, so that no row grows without end.
    Nobody(i64),
}

impl Name {
    /// Of an event that names nobody.
    pub fn nobody(occurred_at: Instant) -> Self {
        Self::Nobody(occurred_at.0.div_euclid(86_400_000_000))
    }

    /// Writes the canonical form of the name.
    pub fn write_canonical(self, texts: &Texts, row: &mut Canonical) {
        match self {
            Self::Id(id) => row.text(Some(texts.get(id))),
            Self::Email(email) => halves(&email).into_iter().for_each(|half| row.number(half as i64)),
            Self::Nobody(day) => row.maybe(Some(day)),
        }
    }
}

/// Kinds of events as rows keep them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// `email_sent`
    Sent,
    /// `lead_replied`
    Replied,
    /// `lead_interested`
    Interested,
    /// `email_bounced`
    Bounced,
    /// `lead_unsubscribed`
    Unsubscribed,
    /// `lead_staged`
    Staged,
}

impl EventKind {
    const ALL: [Self; 6] =
        [Self::Sent, Self::Replied, Self::Interested, Self::Bounced, Self::Unsubscribed, Self::Staged];

    /// The kind of a fact.
    pub fn of(fact: &OutreachFact) -> Self {
        match fact {
            OutreachFact::Sent(_) => Self::Sent,
            OutreachFact::Replied(_) => Self::Replied,
            OutreachFact::Interested(_) => Self::Interested,
            OutreachFact::Bounced(_) => Self::Bounced,
            OutreachFact::Unsubscribed(_) => Self::Unsubscribed,
            OutreachFact::Staged(_) => Self::Staged,
        }
    }

    /// The kind of a packed event.
    pub fn packed(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// What each such event adds one to.
    pub fn measure(self) -> Option<Measure> {
        match self {
            Self::Sent => Some(Measure::EmailsSent),
            Self::Replied => Some(Measure::Replies),
            Self::Interested => Some(Measure::Interested),
            Self::Bounced => Some(Measure::Bounces),
            Self::Unsubscribed => Some(Measure::Unsubscribes),
            Self::Staged => None,
        }
    }

    fn stage(self) -> Option<Stage> {
        match self {
            Self::Sent | Self::Staged => None,
            Self::Replied => Some(Stage::Replied),
            Self::Interested => Some(Stage::Interested),
            Self::Bounced => Some(Stage::Bounced),
            Self::Unsubscribed => Some(Stage::Unsubscribed),
        }
    }
}

/// A stage with the place of the fact that claims it.
pub type Placed = (Stage, Order);

/// Members of `LeadRow::members`.
const MEMBERS: usize = 4;

/// Which names are one lead. Most rows are a lead of their own and have none of this.
#[derive(Debug, Clone, Default)]
pub struct Joined {
    /// The row of the id that this email belongs to.
    pub owner: Option<u32>,
    /// Rows of emails that belong to this id.
    pub attached: Vec<u32>,
}

heap_size!(Joined { attached; owner });

/// What facts say of one name: an order-free union.
#[derive(Debug, Clone)]
pub struct LeadRow {
    /// Where.
    pub workspace: Workspace,
    /// The name.
    pub name: Name,
    /// The other names of the same lead.
    pub joined: Option<Box<Joined>>,
    members: Latest<Option<Symbol>, MEMBERS>,
    first_at: Instant,
    last_at: Instant,
    first_interest: Option<Instant>,
    moved: Option<Placed>,
    placed: Option<Box<Placed>>,
    events: Events,
}

heap_size!(LeadRow { joined, members, placed, events; workspace, name, first_at, last_at, first_interest, moved });

fn claim(claim: Placed) -> Claim {
    let (stage, order) = claim;
    Claim { stage, occurred_at: order.occurred_at().0, content: order.digest() }
}

fn standing(one: Option<Placed>, other: Option<Placed>, wins: fn(&Claim, &Claim) -> bool) -> Option<Placed> {
    match (one, other) {
        (Some(one), Some(other)) if wins(&claim(other), &claim(one)) => Some(other),
        (one, other) => one.or(other),
    }
}

/// An event's claim. Of two kinds with equal rank that tie to the µs the kind decides: events keep no digest.
fn moved(kind: EventKind, stage: Stage, at: Instant) -> Placed {
    (stage, Order::new(at, stage.rank(), &[kind as u8; 16]))
}

/// Of two persons' words the later.
pub fn latest(one: Option<Placed>, other: Option<Placed>) -> Option<Placed> {
    standing(one, other, Claim::is_later_than)
}

/// Of two events' claims the one that moves further.
fn furthest(one: Option<Placed>, other: Option<Placed>) -> Option<Placed> {
    standing(one, other, Claim::moves_past)
}

impl LeadRow {
    /// A name of which nothing is known yet.
    pub fn new(workspace: Workspace, name: Name) -> Self {
        Self {
            workspace,
            name,
            joined: None,
            members: Latest::default(),
            first_at: Instant(i64::MAX),
            last_at: Instant(i64::MIN),
            first_interest: None,
            moved: None,
            placed: None,
            events: Events::default(),
        }
    }

    /// Takes one fact.
    pub fn fold(&mut self, recorded: &Recorded<'_>, fact: &OutreachFact, strings: &mut Strings) {
        let kind = EventKind::of(fact);
        let at = recorded.occurred_at;
        let stage = match fact {
            OutreachFact::Staged(body) => Some(Stage::from(body.stage)),
            OutreachFact::Sent(_)
            | OutreachFact::Replied(_)
            | OutreachFact::Interested(_)
            | OutreachFact::Bounced(_)
            | OutreachFact::Unsubscribed(_) => kind.stage(),
        };
        let order = Order::new(at, stage.map_or(0, Stage::rank), &recorded.content);
        self.events.push(Event { position: recorded.position, occurred_at: at, kind: kind as u8 });
        // A person's word is no event of the lead.
        if kind != EventKind::Staged {
            self.first_at = self.first_at.min(at);
            self.last_at = self.last_at.max(at);
        }
        if kind == EventKind::Interested {
            self.first_interest = Some(self.first_interest.map_or(at, |first| first.min(at)));
        }
        if kind == EventKind::Staged {
            self.place(stage.map(|stage| (stage, order)));
        } else {
            self.moved = furthest(self.moved, stage.map(|stage| moved(kind, stage, at)));
        }
        if let Some(lead) = fact.lead() {
            self.members.give(order, members(lead, strings));
        }
    }

    /// Applies a stage that a person set. The latest stands, so repeats and late arrivals change nothing.
    pub fn place(&mut self, placed: Option<Placed>) {
        let known = self.placed.as_deref().copied();
        let stands = latest(known, placed);
        if stands != known {
            self.placed = stands.map(Box::new);
        }
    }

    /// Its events in the order they were folded.
    pub fn events(&self) -> impl Iterator<Item = (EventKind, Event)> {
        self.events.iter().filter_map(|event| Some((EventKind::packed(event.kind)?, event)))
    }

    /// The row that stands for the lead: its own number where no other does.
    pub fn owner(&self) -> Option<u32> {
        self.joined.as_ref()?.owner
    }

    /// The email rows that belong to it.
    pub fn attached(&self) -> &[u32] {
        self.joined.as_ref().map_or(&[], |joined| &joined.attached)
    }

    /// Replaces its symbols by those of another table.
    pub fn translate(&mut self, mut symbol: impl FnMut(Symbol) -> Symbol) {
        self.workspace = self.workspace.map(&mut symbol);
        if let Name::Id(id) = &mut self.name {
            *id = symbol(*id);
        }
        self.members.map(|_, value| value.map(&mut symbol));
    }
}

fn members(lead: &OutreachLead, strings: &mut Strings) -> [Option<Symbol>; MEMBERS] {
    let mut intern = |text: Option<&str>| text.map(|text| strings.intern(text));
    [
        intern(lead.email.as_ref().map(|email| email.as_str())),
        intern(lead.first_name.as_ref().map(Text::as_str)),
        intern(lead.last_name.as_ref().map(Text::as_str)),
        intern(lead.company.as_ref().map(Text::as_str)),
    ]
}

/// A lead: the row of its id and those of its emails, seen as one.
#[derive(Debug, Clone, Copy)]
pub struct Lead<'a> {
    rows: &'a Pages<LeadRow>,
    head: u32,
}

impl<'a> Lead<'a> {
    /// The lead whose head is row `head`.
    pub fn new(rows: &'a Pages<LeadRow>, head: u32) -> Self {
        Self { rows, head }
    }

    /// The row that names it.
    pub fn head(&self) -> &'a LeadRow {
        self.rows.get(self.head)
    }

    /// All its rows, with their numbers.
    pub fn rows(&self) -> impl Iterator<Item = (u32, &'a LeadRow)> + use<'a> {
        let rows = self.rows;
        std::iter::once(self.head)
            .chain(self.head().attached().iter().copied())
            .map(move |at| (at, rows.get(at)))
    }

    /// Email, first name, last name and company: the latest given.
    pub fn members(&self) -> [Option<Symbol>; MEMBERS] {
        let head = self.head();
        if head.attached().is_empty() {
            return [0, 1, 2, 3].map(|at| head.members.get(at));
        }
        [0, 1, 2, 3].map(|at| {
            let given = self.rows().map(|(_, row)| row.members.with_order(at));
            given.filter(|(_, value)| value.is_some()).max_by_key(|(order, _)| *order)?.1
        })
    }

    /// When the first of its events happened: its place in lists. Of a lead without any: when it was first staged.
    pub fn first_at(&self) -> Instant {
        let first = self.rows().map(|(_, row)| row.first_at).min();
        first.filter(|at| *at < Instant(i64::MAX)).or_else(|| self.told().min()).unwrap_or(Instant(0))
    }

    /// When the last of its events happened. Of a lead without any: when it was last staged.
    pub fn last_at(&self) -> Instant {
        let last = self.rows().map(|(_, row)| row.last_at).max();
        last.filter(|at| *at > Instant(i64::MIN)).or_else(|| self.told().max()).unwrap_or(Instant(0))
    }

    /// When each of its facts happened.
    fn told(&self) -> impl Iterator<Item = Instant> {
        self.rows().flat_map(|(_, row)| row.events()).map(|(_, event)| event.occurred_at)
    }

    /// The first `lead_interested`: never moves but to an earlier one.
    pub fn first_interest(&self) -> Option<Instant> {
        self.rows().filter_map(|(_, row)| row.first_interest).min()
    }

    /// Whether a person has said where it stands, at `since` or later.
    pub fn is_placed_since(&self, since: Instant) -> bool {
        let mut placed = self.rows().filter_map(|(_, row)| row.placed.as_deref());
        placed.any(|(_, order)| order.occurred_at() >= since)
    }

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        let (mut moved, mut placed) = (None, None);
        for (_, row) in self.rows() {
            moved = furthest(moved, row.moved);
            placed = latest(placed, row.placed.as_deref().copied());
        }
        match (moved, placed) {
            (None, None) => Stage::New,
            (Some((stage, _)), None) => stage,
            (Some(moved), Some(placed)) if claim(moved).moves_on_from(&claim(placed)) => moved.0,
            (_, Some(placed)) => self.moved_on_from(placed).unwrap_or(placed.0),
        }
    }

    /// Where events moved it after a person's word.
    fn moved_on_from(&self, placed: Placed) -> Option<Stage> {
        let events = self.rows().flat_map(|(_, row)| row.events());
        let moves = events.filter_map(|(kind, event)| Some(moved(kind, kind.stage()?, event.occurred_at)));
        let later = moves.filter(|moved| claim(*moved).moves_on_from(&claim(placed)));
        later.fold(None, |one, other| furthest(one, Some(other))).map(|(stage, _)| stage)
    }

    /// Its facts, by position.
    pub fn facts(&self) -> Vec<(Position, EventKind, Instant)> {
        let events = self.rows().flat_map(|(_, row)| row.events());
        let mut facts: Vec<_> =
            events.map(|(kind, event)| (event.position, kind, event.occurred_at)).collect();
        facts.sort_unstable_by_key(|(position, _, _)| *position);
        facts
    }
}
