//! Alerts of one tenant: raised, cleared, and each attempt to tell a target of them (F2).

pub mod list;
pub mod row;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::alert::AlertFact;
use domain::keys::Position;

use self::row::{AlertState, Cleared, Row, SendAttempt, raised};
use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entity::{Entity, paged_rows};
use crate::store::{Buckets, Index, Pages, heap_size};

/// Alerts of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    rows: Pages<Row>,
    index: Index,
    order: Buckets,
    /// The open ones by rule and subject.
    open: Arc<BTreeMap<About, Vec<u32>>>,
}

heap_size!(Alerts { rows, index, order, open });

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

    paged_rows!();

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

    /// The subjects of the open alerts of a rule, each with one of its figures.
    pub fn open_figures<'a>(
        &'a self,
        rule: &'a str,
        figure: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let rows = self.open.iter().filter(move |((of, _), _)| &**of == rule).flat_map(|(_, rows)| rows);
        rows.filter_map(move |at| {
            let raised = self.rows.get(*at).raised.as_ref()?;
            let (_, value) = raised.figures.iter().find(|(name, _)| &**name == figure)?;
            Some((raised.subject.as_deref()?, &**value))
        })
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
}
