//! Leads whose first interest is recent: alerts tell people while it is fresh (F2).

use domain::members::Instant;

use crate::entities::leads::Leads;
use crate::entities::leads::list::{key, lead_id};
use crate::entities::leads::row::{EventKind, Lead};
use crate::store::Texts;

/// A lead with its first interest, which is one positive reply (D2). It names no person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interest {
    /// The lead's names as instance, workspace and id, its own first: it may have been told of under another one
    /// before its email was known to be its own.
    pub names: Vec<String>,
    /// As in `/outreach/leads`.
    pub lead_id: String,
    /// The provider's workspace; empty where it gave none.
    pub workspace: String,
    /// When.
    pub at: Instant,
    /// Mails that were sent to it.
    pub emails_sent: usize,
    /// Its replies.
    pub replies: usize,
}

impl Leads {
    /// Leads whose first interest was at `since` or later and of which no person has spoken since, newest day first.
    /// Takes a while where there are many: of a clone, without a lock.
    pub fn fresh_interests(&self, since: Instant) -> Vec<Interest> {
        let fresh = self.interested_since(since);
        fresh.filter_map(|lead| interest(&lead, self.texts())).collect()
    }
}

fn interest(lead: &Lead<'_>, texts: &Texts) -> Option<Interest> {
    let at = lead.first_interest()?;
    if lead.is_placed_since(at) {
        return None;
    }
    let facts = lead.facts();
    let count = |of| facts.iter().filter(|(_, kind, _)| *kind == of).count();
    Some(Interest {
        names: lead.rows().map(|(_, row)| key(row, texts)).collect(),
        lead_id: lead_id(lead.head(), texts),
        workspace: texts.get(lead.head().workspace[1]).to_owned(),
        at,
        emails_sent: count(EventKind::Sent),
        replies: count(EventKind::Replied),
    })
}
