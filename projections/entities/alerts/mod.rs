//! Alerts of one tenant: raised, cleared, and each attempt to tell a target of them (F2).

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::alert::{AlertFact, AlertRaised};
use domain::keys::Position;
use domain::members::Instant;
use domain::words;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entity::Entity;
use crate::store::{Buckets, Chain, Cursor, Index, Page, Pages};

words! {
    /// Where an alert stands.
    AlertState {
        /// What it speaks of goes on.
        Open = "open",
        /// It is over.
        Cleared = "cleared",
    }
}

#[derive(Debug, Clone)]
struct Raised {
    position: Position,
    at: Instant,
    rule: Box<str>,
    subject: Option<Box<str>>,
    window: Option<Box<str>>,
    title: Box<str>,
    figures: Box<[(Box<str>, Box<str>)]>,
}

#[derive(Debug, Clone)]
struct Cleared {
    position: Position,
    at: Instant,
    reason: Option<Box<str>>,
}

/// An attempt to tell a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendAttempt {
    /// Where its fact stands.
    pub position: Position,
    /// To whom.
    pub target_id: Box<str>,
    /// From 1.
    pub attempt: u32,
    /// When.
    pub at: Instant,
    /// HTTP status of the answer.
    pub status: Option<u32>,
    /// Why it failed; none where it was taken.
    pub error: Option<Box<str>>,
}

#[derive(Debug, Clone)]
struct Row {
    id: Box<str>,
    raised: Option<Arc<Raised>>,
    cleared: Option<Arc<Cleared>>,
    attempts: Arc<Vec<SendAttempt>>,
    facts: Chain,
}

impl Row {
    fn state(&self) -> AlertState {
        if self.cleared.is_some() { AlertState::Cleared } else { AlertState::Open }
    }
}

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Where they stand.
    pub state: Option<AlertState>,
    /// Of which rule.
    pub rule: Option<String>,
}

/// An alert as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertItem {
    /// Stable: what is sent carries it.
    pub alert_id: String,
    /// `open` or `cleared`.
    pub state: &'static str,
    /// The rule.
    pub rule: String,
    /// Of what it speaks; null: of the tenant.
    pub subject: Option<String>,
    /// What happened, in a line.
    pub title: String,
    /// The figures that the rule decided by.
    pub figures: BTreeMap<String, String>,
    /// When it was raised.
    pub raised_at: String,
    /// When it was over.
    pub cleared_at: Option<String>,
    /// Why it is over.
    pub cleared_reason: Option<String>,
    /// Where its `alert_raised` stands.
    pub fact_position: Position,
    /// How often somebody was to be told of it.
    pub attempts: usize,
    /// How many targets took it.
    pub delivered: usize,
}

/// An alert as it is told to targets.
#[derive(Debug, Clone)]
pub struct AlertHistory {
    /// As served.
    pub item: AlertItem,
    /// When it was raised.
    pub raised_at: Instant,
    /// Each attempt so far.
    pub attempts: Arc<Vec<SendAttempt>>,
}

/// Alerts of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    rows: Pages<Row>,
    index: Index,
    order: Buckets,
    /// The open ones by rule and subject.
    open: Arc<BTreeMap<About, Vec<u32>>>,
}

/// A rule, and of what it speaks.
type About = (Box<str>, Option<Box<str>>);

impl Entity for Alerts {
    type RowId = u32;
    type Share = ();
    type Figures = ();

    const NAME: &'static str = "alerts";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[AlertFact::GROUP];
    const SHARDED: bool = false;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::Alert(fact) = recorded.fact else { return };
        let (position, at) = (recorded.position, recorded.occurred_at);
        match fact {
            AlertFact::Raised(body) => {
                let row = self.row_of(body.alert_id.as_str(), position);
                self.rows.get_mut(row).raised = Some(Arc::new(raised(body, position, at)));
                self.order.place(row, None, Some(at));
                self.track(row);
            }
            AlertFact::Cleared(body) => {
                let row = self.row_of(body.alert_id.as_str(), position);
                let reason = body.reason.as_ref().map(|reason| reason.as_str().into());
                self.rows.get_mut(row).cleared = Some(Arc::new(Cleared { position, at, reason }));
                self.track(row);
            }
            AlertFact::Sent(body) => {
                let row = self.row_of(body.alert_id.as_str(), position);
                let attempts = Arc::make_mut(&mut self.rows.get_mut(row).attempts);
                attempts.push(SendAttempt {
                    position,
                    target_id: body.target_id.as_str().into(),
                    attempt: body.attempt,
                    at,
                    status: body.status,
                    error: body.error.as_ref().map(|error| error.as_str().into()),
                });
                attempts
                    .sort_by(|a, b| (a.at, &a.target_id, a.attempt).cmp(&(b.at, &b.target_id, b.attempt)));
            }
        }
    }

    fn row_ids(&self) -> impl Iterator<Item = u32> {
        self.rows.ids()
    }

    fn facts_of(&self, row: u32) -> Vec<Position> {
        self.rows.get(row).facts.sorted()
    }

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut out) = (Digest::default(), Canonical::default());
        for row in self.rows.iter() {
            out.start(tenant);
            out.text(Some(&row.id));
            if let Some(raised) = &row.raised {
                out.number(raised.position as i64);
                [Some(&raised.rule), raised.subject.as_ref(), raised.window.as_ref()]
                    .into_iter()
                    .for_each(|text| out.text(text.map(AsRef::as_ref)));
            }
            out.maybe(row.cleared.as_ref().map(|cleared| cleared.position as i64));
            for attempt in row.attempts.iter() {
                out.number(attempt.position as i64);
                out.text(Some(&attempt.target_id));
                out.number(i64::from(attempt.attempt));
                out.maybe(attempt.status.map(i64::from));
            }
            digest.add(out.bytes());
        }
        digest
    }
}

fn raised(body: &AlertRaised, position: Position, at: Instant) -> Raised {
    let text = |text: &Option<domain::members::Text>| text.as_ref().map(|text| text.as_str().into());
    Raised {
        position,
        at,
        rule: body.rule.as_str().into(),
        subject: text(&body.subject),
        window: text(&body.window),
        title: body.title.as_str().into(),
        figures: body.figures.iter().map(|f| (f.name.as_str().into(), f.value.as_str().into())).collect(),
    }
}

impl Alerts {
    /// The row that the fact at `position` is of.
    fn row_of(&mut self, id: &str, position: Position) -> u32 {
        let at = self.find(id).unwrap_or_else(|| {
            let (attempts, facts) = Default::default();
            let at = self.rows.push(Row { id: id.into(), raised: None, cleared: None, attempts, facts });
            self.index.insert(Index::hash(id), at);
            at
        });
        self.rows.get_mut(at).facts.push(position);
        at
    }

    fn find(&self, id: &str) -> Option<u32> {
        self.index.find(Index::hash(id), |row| &*self.rows.get(row).id == id)
    }

    /// Keeps `open` in step with a row that was raised or cleared.
    fn track(&mut self, at: u32) {
        let row = self.rows.get(at);
        let Some(raised) = &row.raised else { return };
        let key = (raised.rule.clone(), raised.subject.clone());
        let open = Arc::make_mut(&mut self.open);
        match row.state() {
            AlertState::Open => open.entry(key).or_default().push(at),
            AlertState::Cleared => {
                if let Some(rows) = open.get_mut(&key) {
                    rows.retain(|row| *row != at);
                    if rows.is_empty() {
                        open.remove(&key);
                    }
                }
            }
        }
    }

    /// Ids of the open alerts of a rule, each with its subject.
    pub fn open(&self, rule: &str) -> Vec<(Option<&str>, &str)> {
        let rows = self.open.iter().filter(|((of, _), _)| &**of == rule);
        let ids = rows.flat_map(|((_, subject), rows)| {
            rows.iter().map(|row| (subject.as_deref(), &*self.rows.get(*row).id))
        });
        ids.collect()
    }

    /// Whether an alert of that id was ever raised.
    pub fn knows(&self, id: &str) -> bool {
        self.find(id).is_some_and(|at| self.rows.get(at).raised.is_some())
    }

    /// Alerts that were raised from `since` on, newest day first, with the attempts to send them.
    pub fn raised_since(&self, since: Instant) -> impl Iterator<Item = AlertHistory> {
        let rows = self.order.newest_first(Instant(i64::MAX), since).flatten();
        rows.filter_map(move |at| self.history_of(self.rows.get(*at)).filter(|told| told.raised_at >= since))
    }

    /// One alert with the attempts to send it.
    pub fn told(&self, id: &str) -> Option<AlertHistory> {
        self.find(id).and_then(|at| self.history_of(self.rows.get(at)))
    }

    fn history_of(&self, row: &Row) -> Option<AlertHistory> {
        let raised_at = row.raised.as_ref()?.at;
        Some(AlertHistory { item: item(row)?, raised_at, attempts: Arc::clone(&row.attempts) })
    }

    /// One page, newest first.
    pub fn page(
        &self,
        position: Position,
        filter: &AlertFilter,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Page<AlertItem> {
        let wants = |row: &Row, raised: &Raised| {
            filter.state.is_none_or(|state| row.state() == state)
                && filter.rule.as_deref().is_none_or(|rule| rule == &*raised.rule)
        };
        let place = |at| {
            let row = self.rows.get(at);
            let raised = row.raised.as_ref().filter(|raised| wants(row, raised))?;
            Some((raised.at, row.id.to_string()))
        };
        self.order.page(position, (after, limit), place, |at| item(self.rows.get(at)))
    }
}

fn item(row: &Row) -> Option<AlertItem> {
    let raised = row.raised.as_ref()?;
    let taken: std::collections::BTreeSet<&str> =
        row.attempts.iter().filter(|sent| sent.error.is_none()).map(|sent| &*sent.target_id).collect();
    Some(AlertItem {
        alert_id: row.id.to_string(),
        state: row.state().as_str(),
        rule: raised.rule.to_string(),
        subject: raised.subject.as_ref().map(|subject| subject.to_string()),
        title: raised.title.to_string(),
        figures: raised.figures.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        raised_at: raised.at.to_string(),
        cleared_at: row.cleared.as_ref().map(|cleared| cleared.at.to_string()),
        cleared_reason: row
            .cleared
            .as_ref()
            .and_then(|cleared| cleared.reason.as_ref())
            .map(|why| why.to_string()),
        fact_position: raised.position,
        attempts: row.attempts.len(),
        delivered: taken.len(),
    })
}
