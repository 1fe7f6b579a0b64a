//! All dialer sessions of one tenant: rows, the index by id, who works which pipeline, and which are open.

pub mod item;
pub mod row;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::session::SessionFact;
use domain::keys::Position;
use domain::members::{Email, Text};
use domain::rules::configuration::Timeline;
use domain::rules::session::{self, SessionState};

use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entities::sessions::row::SessionRow;
use crate::entity::Entity;
use crate::store::{Index, Pages, Strings, Symbol, Texts, heap_size};

/// What a session is looked up by: its agent and its pipeline.
type AgentPipeline = (Symbol, Symbol);

/// Dialer sessions of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    rows: Pages<SessionRow>,
    index: Index,
    strings: Strings,
    by_agent: Arc<BTreeMap<AgentPipeline, Arc<Vec<u32>>>>,
    /// The sessions that are active.
    open: Arc<BTreeSet<u32>>,
}

heap_size!(Sessions { rows, index, strings, by_agent, open });

impl Entity for Sessions {
    type RowId = u32;
    type Share = ();
    type Figures = ();

    const NAME: &'static str = "sessions";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[SessionFact::GROUP];
    const SHARDED: bool = false;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        self.take(recorded);
    }

    fn finish_rows(&mut self) {
        (self.by_agent, self.open) = Default::default();
        for at in self.rows.ids() {
            self.place(at, None);
        }
    }

    fn row_ids(&self) -> impl Iterator<Item = u32> {
        self.rows.ids()
    }

    fn facts_of(&self, row: u32) -> Vec<Position> {
        self.rows.get(row).facts().sorted()
    }

    fn apply(&mut self, recorded: &Recorded<'_>, _timeline: &Timeline, _figures: &mut ()) {
        let Fact::Session(fact) = recorded.fact else { return };
        let known = self.row(fact.session_id().as_str());
        let before = known.and_then(|at| self.key(at));
        if let Some(at) = self.take(recorded) {
            self.place(at, before);
        }
    }

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        for session in self.rows.iter() {
            row.start(tenant);
            self.write_canonical(session, &mut row);
            digest.add(row.bytes());
        }
        digest
    }
}

impl Sessions {
    fn take(&mut self, recorded: &Recorded<'_>) -> Option<u32> {
        let Fact::Session(fact) = recorded.fact else { return None };
        let id = fact.session_id().as_str();
        let at = self.row(id).unwrap_or_else(|| {
            let row = self.rows.push(SessionRow::new(self.strings.intern(id)));
            self.index.insert(Index::hash(id), row);
            row
        });
        self.rows.get_mut(at).fold(recorded, fact, &mut self.strings);
        Some(at)
    }

    fn key(&self, at: u32) -> Option<AgentPipeline> {
        self.rows.get(at).started().map(|started| (started.agent, started.pipeline))
    }

    /// Moves a row from the sessions of one agent and pipeline to those of another, and in or out of the open ones.
    fn place(&mut self, at: u32, before: Option<AgentPipeline>) {
        let (row, key) = (self.rows.get(at), self.key(at));
        let is_open = key.is_some() && row.state() == SessionState::Active;
        if is_open != self.open.contains(&at) {
            let open = Arc::make_mut(&mut self.open);
            if is_open {
                open.insert(at)
            } else {
                open.remove(&at)
            };
        }
        if key == before {
            return;
        }
        let by_agent = Arc::make_mut(&mut self.by_agent);
        if let Some(rows) = before.and_then(|before| by_agent.get_mut(&before)) {
            Arc::make_mut(rows).retain(|row| *row != at);
        }
        if let Some(key) = key {
            Arc::make_mut(by_agent.entry(key).or_default()).push(at);
        }
    }

    fn write_canonical(&self, session: &SessionRow, row: &mut Canonical) {
        let texts = self.texts();
        row.text(Some(texts.get(session.id)));
        row.number(session.state() as i64);
        row.number(session.activity().occurred_at().0);
        row.maybe(session.ended_at().map(|at| at.0));
        row.number(i64::from(session.activations()));
        if let Some(started) = session.started() {
            row.text(Some(texts.get(started.agent)));
            row.text(Some(texts.get(started.pipeline)));
            row.maybe(session.started_at().map(|at| at.0));
            started.leads.iter().for_each(|lead| row.text(Some(texts.get(*lead))));
        }
        let mut attempts: Vec<_> =
            session.attempts().map(|(lead, at, outcome)| (texts.get(lead), at, outcome)).collect();
        attempts.sort_unstable();
        for (lead, at, outcome) in attempts {
            row.text(Some(lead));
            row.number(at.0);
            row.text(Some(outcome.as_str()));
        }
        let mut reserved: Vec<_> = session
            .reservations()
            .map(|(lead, reservation)| {
                (texts.get(lead), texts.get(reservation.line), reservation.until, reservation.count)
            })
            .collect();
        reserved.sort_unstable();
        for (lead, line, until, count) in reserved {
            row.text(Some(lead));
            row.text(Some(line));
            row.number(until.0);
            row.number(i64::from(count));
        }
        row.positions(session.facts());
    }

    /// The row of that id.
    pub fn row(&self, id: &str) -> Option<u32> {
        let texts = self.strings.texts();
        self.index.find(Index::hash(id), |row| texts.get(self.rows.get(row).id) == id)
    }

    /// The rows.
    pub fn rows(&self) -> &Pages<SessionRow> {
        &self.rows
    }

    /// The texts of the rows' symbols.
    pub fn texts(&self) -> &Texts {
        self.strings.texts()
    }

    /// The symbol of a lead's id, where a session has it.
    pub fn symbol(&self, text: &str) -> Option<Symbol> {
        self.strings.find(text)
    }

    fn of_agent(&self, agent: &Email, pipeline: &Text) -> &[u32] {
        let key = self.strings.find(agent.as_str()).zip(self.strings.find(pipeline.as_str()));
        key.and_then(|key| self.by_agent.get(&key)).map_or(&[], |rows| rows)
    }

    /// The active session of agent and pipeline; of several that were started elsewhere the latest.
    pub fn active(&self, agent: &Email, pipeline: &Text) -> Option<u32> {
        let rows = self.of_agent(agent, pipeline).iter().copied();
        let active = rows.filter(|row| self.rows.get(*row).state() == SessionState::Active);
        active.max_by_key(|row| {
            let session = self.rows.get(*row);
            (session.started_at(), self.texts().get(session.id))
        })
    }

    /// The newest active session of an agent, of whatever pipeline.
    pub fn newest(&self, agent: &Email) -> Option<u32> {
        let agent = self.strings.find(agent.as_str())?;
        let is_hers = |row: &u32| self.rows.get(*row).started().is_some_and(|started| started.agent == agent);
        self.open().filter(is_hers).max_by_key(|row| {
            let session = self.rows.get(*row);
            (session.started_at(), self.texts().get(session.id))
        })
    }

    /// How often a session of agent and pipeline was started or resumed.
    pub fn activations(&self, agent: &Email, pipeline: &Text) -> u64 {
        let rows = self.of_agent(agent, pipeline).iter();
        rows.map(|row| u64::from(self.rows.get(*row).activations())).sum()
    }

    /// The sessions that are active.
    pub fn open(&self) -> impl Iterator<Item = u32> {
        self.open.iter().copied()
    }

    /// A session as a decision meets it; none that nobody started.
    pub fn state(&self, row: u32) -> Option<session::Session> {
        let (session, texts) = (self.rows.get(row), self.texts());
        let started = session.started()?;
        Some(session::Session {
            session_id: Text::new(texts.get(session.id))?,
            agent: Email::new(texts.get(started.agent))?,
            pipeline_id: Text::new(texts.get(started.pipeline))?,
            state: session.state(),
            last_activity_at: session.activity().occurred_at(),
            last_position: session.last_position(),
        })
    }
}
