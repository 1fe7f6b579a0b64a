//! One fact folded into leads that are finished: names join, and what the leads add to the sums moves with them.

use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::outreach::OutreachFact;
use domain::members::Day;
use domain::rules::configuration::Timeline;

use super::figures::{LeadFigures, ReplyDays, add_day, distinct_shares, event_share};
use super::links::Link;
use super::row::{EventKind, Lead, Name};
use super::{Leads, Named};
use crate::Recorded;
use crate::figures::{Share, Sums};

/// What a fact changes beside its own row.
struct Touched {
    /// Every lead whose rows change: the fact's own, the one that an email's row leaves, the one that it goes to.
    heads: [Option<u32>; 4],
    /// An id that is known to have an email from this fact on.
    link: Option<Link>,
    /// The email's row, where it belongs to this id from now on.
    joins: Option<u32>,
    /// The id's row to which this new email row belongs.
    owner: Option<u32>,
}

impl Leads {
    /// Its cost does not grow with the lead. An event adds itself and never moves another one's share. Only what is
    /// distinct depends on all events of a lead, and only replies, interests and joins can change it: then the distinct
    /// shares of every touched lead are taken out before the fact and put back after it.
    pub(super) fn apply_live(
        &mut self,
        recorded: &Recorded<'_>,
        timeline: &Timeline,
        figures: &mut LeadFigures,
    ) {
        let Fact::Outreach(fact) = recorded.fact else { return };
        if let Some((name, placed)) = self.claimed(recorded, fact) {
            self.claims.claim(name, placed, recorded.position);
            return self.place_named(name, placed);
        }
        let (kind, day) = (EventKind::of(fact), timeline.at(recorded.occurred_at).1);
        if let Some(share) = event_share(kind, day) {
            figures.add(&share, 1);
        }
        let named = self.name(recorded, fact);
        let is_new = self.find(named.workspace, named.name).is_none();
        let at = self.row_of(named.workspace, named.name);
        if let Name::Nobody(_) = named.name {
            return self.rows.get_mut(at).fold(recorded, fact, &mut self.strings);
        }
        let touched = self.touched(&named, at, is_new, recorded);
        // A new row stands in no order yet.
        let places = touched.heads.map(|head| {
            let known = head.filter(|head| !is_new || *head != at);
            known.map_or((None, None), |head| (self.first_at(head), self.interested_at(head)))
        });
        let moves_distinct = touched.joins.is_some()
            || touched.owner.is_some()
            || matches!(kind, EventKind::Replied | EventKind::Interested);
        if moves_distinct {
            self.move_distinct(&touched.heads, timeline, figures, -1);
        }
        self.fold_named(recorded, fact, &named, at, is_new, &touched);
        if kind == EventKind::Replied {
            add_day(Arc::make_mut(&mut figures.replied).entry(at).or_default(), day);
        }
        if moves_distinct {
            self.move_distinct(&touched.heads, timeline, figures, 1);
        }
        for (head, (first, interested)) in touched.heads.iter().zip(places) {
            if let Some(head) = head {
                self.order.place(*head, first, self.first_at(*head));
                self.interest.place(*head, interested, self.interested_at(*head));
            }
        }
    }

    /// Looked up before the fact is folded, while rows and links are still those that the shares in the sums are of.
    fn touched(&self, named: &Named, at: u32, is_new: bool, recorded: &Recorded<'_>) -> Touched {
        let link = named.link(recorded, at);
        // An email belongs to the id that had it first by occurrence, so an earlier fact that comes late takes its row
        // away from another id.
        let joins = link.and_then(|link| {
            let stands = self.links.find(link.workspace, &link.email);
            let moves = stands.is_none_or(|stands| link.first < stands.first && link.lead != stands.lead);
            moves.then(|| self.find(link.workspace, Name::Email(link.email))).flatten()
        });
        let owner = match named.name {
            Name::Email(email) if is_new => self.links.find(named.workspace, &email).map(|link| link.lead),
            Name::Email(_) | Name::Id(_) | Name::Nobody(_) => None,
        };
        let mut heads = [Some(self.head(at)), joins.map(|row| self.head(row)), owner, joins];
        for i in 1..heads.len() {
            if heads[..i].contains(&heads[i]) {
                heads[i] = None;
            }
        }
        Touched { heads, link, joins, owner }
    }

    fn fold_named(
        &mut self,
        recorded: &Recorded<'_>,
        fact: &OutreachFact,
        named: &Named,
        at: u32,
        is_new: bool,
        touched: &Touched,
    ) {
        self.rows.get_mut(at).fold(recorded, fact, &mut self.strings);
        // A person may have said where a name stands before any row had it.
        if is_new && let Some(placed) = self.claims.find(named.name) {
            self.rows.get_mut(at).place(Some(placed));
        }
        if let Some(link) = touched.link {
            self.links.claim(link);
            if let Some(placed) = self.claims.find(Name::Email(link.email)) {
                self.rows.get_mut(at).place(Some(placed));
            }
        }
        if let Some(email_row) = touched.joins {
            self.join(email_row, at);
        }
        if let Some(owner) = touched.owner {
            self.join(at, owner);
        }
    }

    fn move_distinct(
        &self,
        heads: &[Option<u32>],
        timeline: &Timeline,
        figures: &mut LeadFigures,
        sign: i64,
    ) {
        let LeadFigures { cells, replied } = figures;
        for head in heads.iter().flatten() {
            self.distinct(*head, timeline, replied, |share| cells.add(&share, sign));
        }
    }

    /// The distinct shares of the lead that `head` stands for; none where another row stands for it.
    fn distinct(&self, head: u32, timeline: &Timeline, replied: &ReplyDays, out: impl FnMut(Share)) {
        if self.rows.get(head).owner().is_some() {
            return;
        }
        let lead = Lead::new(&self.rows, head);
        let mut days: Vec<Day> =
            lead.rows().filter_map(|(at, _)| replied.get(&at)).flatten().copied().collect();
        days.sort_unstable();
        days.dedup();
        distinct_shares(&days, lead.first_interest().map(|at| timeline.at(at).1), out);
    }
}
