//! All calls of one tenant: rows, the index by id, their order by start, and what joins them to attempts.

mod attempts;
pub mod known;
mod leg;
pub mod list;
mod recording;
pub mod recordings;
pub mod row;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::call::CallFact;
use domain::facts::session::SessionFact;
use domain::keys::Position;
use domain::members::{Day, Instant};
use domain::rules::configuration::Timeline;
use domain::rules::outcomes::Outcome;

use crate::canonical::{Canonical, Digest};
use crate::entities::calls::attempts::{Attempt, Attempts};
use crate::entities::calls::recording::Recording;
use crate::entities::calls::row::CallRow;
use crate::entity::Entity;
use crate::figures::{Cells, Share, Sums};
use crate::store::{Buckets, Chain, Index, Pages, Postings, Strings, Symbol, Texts, heap_size};
use crate::{Order, Recorded};

/// Calls of one tenant, without the figures that a configuration makes of them.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    rows: Pages<CallRow>,
    index: Index,
    strings: Strings,
    order: Buckets,
    attempts: Attempts,
    by_lead: Postings,
    by_session: Postings,
    /// How many calls and attempts say of a lead that it is not to be called again (C4).
    dnc: Arc<BTreeMap<Symbol, u32>>,
}

heap_size!(Calls { rows, index, strings, order, attempts, by_lead, by_session, dnc });

/// What is kept beside the rows because of one call.
#[derive(Debug, PartialEq, Eq)]
struct Effect {
    share: Option<Share>,
    dnc: Option<Symbol>,
}

impl Entity for Calls {
    type RowId = u32;
    type Share = Share;
    type Figures = Cells;

    const NAME: &'static str = "calls";
    const VERSION: u32 = 3;
    const GROUPS: &'static [u8] = &[CallFact::GROUP, SessionFact::GROUP];
    const SHARDED: bool = true;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        if let Fact::Call(fact) = recorded.fact {
            let row = self.row_of(fact);
            self.rows.get_mut(row).fold(recorded, fact, &mut self.strings);
        } else if let Some((pair, attempt)) = self.attempted(recorded) {
            self.attempts.attempt(pair, attempt);
        }
    }

    fn absorb(&mut self, shard: Self) {
        if self.rows.is_empty() && self.attempts.is_empty() {
            *self = shard;
            return;
        }
        let Self { rows, strings, attempts, .. } = shard;
        for mut call in rows {
            call.translate(|symbol| self.strings.intern(strings.texts().get(symbol)));
            let hash = Index::hash(self.strings.texts().get(call.id));
            let row = self.rows.push(call);
            self.index.insert(hash, row);
        }
        self.attempts.absorb(attempts, |symbol| self.strings.intern(strings.texts().get(symbol)));
    }

    fn finish_rows(&mut self) {
        self.attempts.forget_calls();
        (self.order, self.by_lead, self.by_session) = Default::default();
        for (at, row) in (0..).zip(self.rows.iter()) {
            self.order.place(at, None, Some(row.begun()));
            row.lead().into_iter().for_each(|lead| self.by_lead.add(lead, at));
            row.session().into_iter().for_each(|session| self.by_session.add(session, at));
            if let Some((session, lead)) = row.undisposed() {
                let pair = self.attempts.pair(session, lead);
                self.attempts.add(pair, at);
            }
        }
        let mut dnc = BTreeMap::new();
        let calls = self.rows.ids().filter_map(|at| self.dnc_of(at, self.lent(at)));
        calls.chain(self.attempts.dnc()).for_each(|lead| count(&mut dnc, lead, true));
        self.dnc = Arc::new(dnc);
    }

    fn row_ids(&self) -> impl Iterator<Item = u32> {
        self.rows.ids()
    }

    /// The attempts that lend the call its outcome are among them.
    fn facts_of(&self, row: u32) -> Vec<Position> {
        let call = self.rows.get(row);
        let lender = call.undisposed().filter(|_| self.lent(row).is_some());
        let attempts = lender.and_then(|(session, lead)| self.attempts.facts(session, lead));
        let mut facts: Vec<_> =
            call.facts().iter().chain(attempts.into_iter().flat_map(Chain::iter)).collect();
        facts.sort_unstable();
        facts
    }

    fn contributions(&self, row: u32, timeline: &Timeline, out: &mut impl FnMut(Share)) {
        self.rows.get(row).share(self.lent(row), timeline).into_iter().for_each(out);
    }

    fn apply(&mut self, recorded: &Recorded<'_>, timeline: &Timeline, cells: &mut Cells) {
        if let Fact::Call(fact) = recorded.fact {
            self.apply_call(recorded, fact, timeline, cells);
        } else if let Some((pair, attempt)) = self.attempted(recorded) {
            let said = |attempts: &Attempts| attempts.attempted(pair) == Some(Outcome::Dnc);
            let before = said(&self.attempts);
            self.join(pair, None, timeline, cells, |attempts| attempts.attempt(pair, attempt));
            let after = said(&self.attempts);
            if before != after {
                count(Arc::make_mut(&mut self.dnc), self.attempts.lead(pair), after);
            }
        }
    }

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        for at in 0..self.rows.len() as u32 {
            row.start(tenant);
            self.write_canonical(at, &mut row);
            digest.add(row.bytes());
        }
        digest
    }

    fn cells(cells: &Cells) -> Option<&Cells> {
        Some(cells)
    }

    fn digest_figures(&self, tenant: &str, cells: &Cells) -> Digest {
        cells.digest(tenant, self.texts())
    }
}

/// Counts one more, or one less, for a lead.
fn count(counts: &mut BTreeMap<Symbol, u32>, lead: Symbol, more: bool) {
    let count = counts.entry(lead).or_default();
    *count = if more { *count + 1 } else { count.saturating_sub(1) };
    if *count == 0 {
        counts.remove(&lead);
    }
}

impl Calls {
    /// Moves what is derived from the call by what it is before and after. A fact can also change who borrows an
    /// attempt's outcome: once a second undisposed call of the same session and lead is known, neither borrows it; once
    /// one of two is disposed, the other does. So joining may move the share of a call that the fact does not name.
    fn apply_call(
        &mut self,
        recorded: &Recorded<'_>,
        fact: &CallFact,
        timeline: &Timeline,
        cells: &mut Cells,
    ) {
        let at = self.row_of(fact);
        let before = self.effect(at, self.lent(at), timeline);
        let row = self.rows.get_mut(at);
        let known = row.facts().iter().next().is_some();
        let (begun, lead, session) = (known.then(|| row.begun()), row.lead(), row.session());
        let pair = row.undisposed();
        row.fold(recorded, fact, &mut self.strings);
        self.order.place(at, begun, Some(row.begun()));
        if row.lead() != lead {
            row.lead().into_iter().for_each(|lead| self.by_lead.add(lead, at));
        }
        if row.session() != session {
            row.session().into_iter().for_each(|session| self.by_session.add(session, at));
        }
        let moved = row.undisposed();
        if pair != moved {
            // This call's own share moves below, with all else that the fact changed in it.
            if let Some((session, lead)) = pair {
                let pair = self.attempts.pair(session, lead);
                self.join(pair, Some(at), timeline, cells, |attempts| attempts.remove(pair, at));
            }
            if let Some((session, lead)) = moved {
                let pair = self.attempts.pair(session, lead);
                self.join(pair, Some(at), timeline, cells, |attempts| attempts.add(pair, at));
            }
        }
        let after = self.effect(at, self.lent(at), timeline);
        self.replace(&before, &after, cells);
    }

    /// Changes what is known of a pair, and moves the shares of the call that borrowed its outcome before and of the
    /// one that borrows it now, which may be two: the first loses the outcome, the second gains it. `except` is a call
    /// whose caller moves it.
    fn join(
        &mut self,
        pair: u32,
        except: Option<u32>,
        timeline: &Timeline,
        cells: &mut Cells,
        change: impl FnOnce(&mut Attempts),
    ) {
        let before = self.attempts.borrower(pair);
        change(&mut self.attempts);
        let after = self.attempts.borrower(pair);
        if before == after {
            return;
        }
        for (borrower, borrows) in [(before, false), (after, true)] {
            let Some((at, outcome)) = borrower.filter(|(at, _)| Some(*at) != except) else { continue };
            let (without, with) = (self.effect(at, None, timeline), self.effect(at, Some(outcome), timeline));
            let (from, to) = if borrows { (without, with) } else { (with, without) };
            self.replace(&from, &to, cells);
        }
    }

    fn effect(&self, at: u32, lent: Option<Outcome>, timeline: &Timeline) -> Effect {
        Effect { share: self.rows.get(at).share(lent, timeline), dnc: self.dnc_of(at, lent) }
    }

    fn replace(&mut self, before: &Effect, after: &Effect, cells: &mut Cells) {
        if before.share != after.share {
            before.share.iter().for_each(|share| cells.add(share, -1));
            after.share.iter().for_each(|share| cells.add(share, 1));
        }
        if before.dnc != after.dnc {
            let dnc = Arc::make_mut(&mut self.dnc);
            before.dnc.into_iter().for_each(|lead| count(dnc, lead, false));
            after.dnc.into_iter().for_each(|lead| count(dnc, lead, true));
        }
    }

    /// The lead of a call that says not to call it again.
    fn dnc_of(&self, at: u32, lent: Option<Outcome>) -> Option<Symbol> {
        let row = self.rows.get(at);
        row.lead().filter(|_| row.outcome(lent) == Some(Outcome::Dnc))
    }

    fn lent(&self, at: u32) -> Option<Outcome> {
        let (session, lead) = self.rows.get(at).undisposed()?;
        self.attempts.lent(session, lead, at)
    }

    /// The pair of session and lead that a fact tells an attempt of, and the attempt.
    fn attempted(&mut self, recorded: &Recorded<'_>) -> Option<(u32, Attempt)> {
        let Fact::Session(SessionFact::Attempted(body)) = recorded.fact else { return None };
        let session = self.strings.intern(body.session_id.as_str());
        let lead = self.strings.intern(body.lead_id.as_str());
        let order = Order::new(recorded.occurred_at, 0, &recorded.content);
        Some((self.attempts.pair(session, lead), Attempt::new(order, body.outcome, recorded.position)))
    }

    fn row_of(&mut self, fact: &CallFact) -> u32 {
        let id = fact.call_id().as_str();
        let hash = Index::hash(id);
        self.find(id, hash).unwrap_or_else(|| {
            let row = self.rows.push(CallRow::new(self.strings.intern(id)));
            self.index.insert(hash, row);
            row
        })
    }

    fn find(&self, id: &str, hash: u64) -> Option<u32> {
        let texts = self.strings.texts();
        self.index.find(hash, |row| texts.get(self.rows.get(row).id) == id)
    }

    fn write_canonical(&self, at: u32, row: &mut Canonical) {
        let (call, texts) = (self.rows.get(at), self.texts());
        row.text(Some(texts.get(call.id)));
        row.number(call.begun().0);
        row.number(i64::from(call.exists()));
        row.number(i64::from(call.answered()));
        row.maybe(call.duration_seconds().map(i64::from));
        row.text(call.status().map(|status| status.as_str()));
        row.text(call.direction().map(|direction| direction.as_str()));
        row.text(self.outcome(at).map(|outcome| outcome.as_str()));
        for symbol in [call.agent(), call.lead(), call.session()].into_iter().chain(call.from_where()) {
            row.text(texts.maybe(symbol));
        }
        call.moments().iter().for_each(|moment| row.maybe(moment.map(|at| at.0)));
        let recording = |r: &Recording| (r.id, r.position, r.duration_seconds());
        let mut recordings: Vec<_> = call.recordings().iter().map(recording).collect();
        recordings.sort_unstable_by_key(|(id, _, _)| texts.get(*id));
        for (id, position, duration) in recordings {
            row.text(Some(texts.get(id)));
            row.number(position as i64);
            row.maybe(duration.map(i64::from));
        }
        row.positions(call.facts());
    }

    /// What each call from about `from` to `to` adds to the figures, with its source and campaign: who asks for days looks
    /// at the shares' own.
    pub fn each_share(
        &self,
        from: Day,
        to: Day,
        timeline: &Timeline,
        mut take: impl FnMut([Option<Symbol>; 2], Share),
    ) {
        // Local days reach less than two days beyond those of UTC.
        let [oldest, newest] = [from.0 - 2, to.0 + 3].map(|day| Instant(i64::from(day) * 86_400_000_000));
        for row in self.order.newest_first(newest, oldest).flatten() {
            let call = self.rows.get(*row);
            call.share(self.lent(*row), timeline)
                .into_iter()
                .for_each(|share| take(call.from_where(), share));
        }
    }

    /// The row of that id.
    pub fn row(&self, id: &str) -> Option<u32> {
        self.find(id, Index::hash(id))
    }

    /// What came of the call in `row`: as it was disposed, else as an attempt or a machine tells.
    pub fn outcome(&self, row: u32) -> Option<Outcome> {
        self.rows.get(row).outcome(self.lent(row))
    }

    /// The rows of a lead's calls.
    pub fn of_lead(&self, lead_id: &str) -> Vec<u32> {
        let lead = self.strings.find(lead_id);
        let mut rows = lead.map_or_else(Vec::new, |lead| self.by_lead.rows(lead));
        rows.retain(|row| self.rows.get(*row).lead() == lead);
        rows
    }

    /// The rows of the calls made in a session.
    pub fn of_session(&self, session_id: &str) -> Vec<u32> {
        let session = self.strings.find(session_id);
        let mut rows = session.map_or_else(Vec::new, |session| self.by_session.rows(session));
        rows.retain(|row| self.rows.get(*row).session() == session);
        rows
    }

    /// Whether the lead is not to be called again (C4).
    pub fn is_dnc(&self, lead_id: &str) -> bool {
        !self.dnc.is_empty() && self.strings.find(lead_id).is_some_and(|lead| self.dnc.contains_key(&lead))
    }

    /// The texts of the rows' symbols.
    pub fn texts(&self) -> &Texts {
        self.strings.texts()
    }

    /// The interner, to look up what a filter names.
    pub fn strings(&self) -> &Strings {
        &self.strings
    }

    /// The rows.
    pub fn rows(&self) -> &Pages<CallRow> {
        &self.rows
    }

    /// The rows by start.
    pub fn order(&self) -> &Buckets {
        &self.order
    }
}
