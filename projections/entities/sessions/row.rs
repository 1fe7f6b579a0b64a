//! One dialer session, folded from its facts in any order (C1, C2, C3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::facts::session::{LeadReserved, SessionFact, SessionStarted};
use domain::keys::Position;
use domain::members::Instant;
use domain::rules::outcomes::Outcome;
use domain::rules::session::SessionState;

use crate::store::{Chain, Strings, Symbol, heap_free, heap_size};
use crate::{Order, Recorded};

/// What a session was started with.
#[derive(Debug, Clone)]
pub struct Started {
    order: Order,
    /// Who works it.
    pub agent: Symbol,
    /// The list's pipeline.
    pub pipeline: Symbol,
    /// The leads in queue order, each once.
    pub leads: Arc<[Symbol]>,
}

heap_size!(Started { leads; order, agent, pipeline });

/// The last reservation of a lead.
#[derive(Debug, Clone, Copy)]
pub struct Reservation {
    order: Order,
    /// The line it was given to.
    pub line: Symbol,
    /// Until then.
    pub until: Instant,
    /// How often the lead was reserved.
    pub count: u32,
}

heap_free!(Reservation);

/// A session.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Its id.
    pub id: Symbol,
    started: Option<Box<Started>>,
    /// The last that its agent did in it.
    activity: Order,
    timed_out: Option<Order>,
    ended: Option<Order>,
    /// How often it was started or resumed.
    activations: u32,
    attempts: Arc<BTreeMap<Symbol, (Order, Outcome)>>,
    reservations: Arc<BTreeMap<Symbol, Reservation>>,
    facts: Chain,
    last_position: Position,
}

heap_size!(SessionRow {
    started, attempts, reservations, facts;
    id, activity, timed_out, ended, activations, last_position
});

impl SessionRow {
    /// A session of which nothing is known yet.
    pub fn new(id: Symbol) -> Self {
        Self {
            id,
            started: None,
            activity: Order::default(),
            timed_out: None,
            ended: None,
            activations: 0,
            attempts: Arc::default(),
            reservations: Arc::default(),
            facts: Chain::default(),
            last_position: 0,
        }
    }

    /// Takes one fact of the session.
    pub fn fold(&mut self, recorded: &Recorded<'_>, fact: &SessionFact, strings: &mut Strings) {
        let order = Order::new(recorded.occurred_at, 0, &recorded.content);
        self.facts.push(recorded.position);
        self.last_position = self.last_position.max(recorded.position);
        match fact {
            SessionFact::Started(body) => {
                self.activations += 1;
                self.start(order, body, strings);
            }
            SessionFact::Resumed(_) => self.activations += 1,
            // Ended is ended, whatever was done later.
            SessionFact::Ended(_) => self.ended = Some(self.ended.map_or(order, |known| known.min(order))),
            SessionFact::TimedOut(_) => self.timed_out = self.timed_out.max(Some(order)),
            SessionFact::Attempted(body) => {
                let attempt = (order, body.outcome);
                let known = Arc::make_mut(&mut self.attempts)
                    .entry(strings.intern(body.lead_id.as_str()))
                    .or_insert(attempt);
                *known = attempt.min(*known);
            }
            SessionFact::Reserved(body) => self.reserve(order, body, strings),
        }
        if !matches!(fact, SessionFact::TimedOut(_)) {
            self.activity = self.activity.max(order);
        }
    }

    fn start(&mut self, order: Order, body: &SessionStarted, strings: &mut Strings) {
        if self.started.as_ref().is_some_and(|known| known.order <= order) {
            return;
        }
        let mut seen = BTreeSet::new();
        let leads = body.lead_ids.iter().map(|lead| strings.intern(lead.as_str()));
        let leads = leads.filter(|lead| seen.insert(*lead)).collect();
        let agent = strings.intern(body.agent.as_str());
        let pipeline = strings.intern(body.pipeline_id.as_str());
        self.started = Some(Box::new(Started { order, agent, pipeline, leads }));
    }

    fn reserve(&mut self, order: Order, body: &LeadReserved, strings: &mut Strings) {
        let (lead, line) = (strings.intern(body.lead_id.as_str()), strings.intern(body.line.as_str()));
        let given = Reservation { order, line, until: body.until, count: 0 };
        let known = Arc::make_mut(&mut self.reservations).entry(lead).or_insert(given);
        if order > known.order {
            *known = Reservation { count: known.count, ..given };
        }
        known.count += 1;
    }

    /// What it was started with; nothing while only other facts of it are known.
    pub fn started(&self) -> Option<&Started> {
        self.started.as_deref()
    }

    /// When it was started.
    pub fn started_at(&self) -> Option<Instant> {
        self.started.as_ref().map(|started| started.order.occurred_at())
    }

    /// Where it stands: a time-out holds until something is done after it.
    pub fn state(&self) -> SessionState {
        if self.ended.is_some() {
            SessionState::Ended
        } else if self.timed_out > Some(self.activity) {
            SessionState::TimedOut
        } else {
            SessionState::Active
        }
    }

    /// When it ended.
    pub fn ended_at(&self) -> Option<Instant> {
        self.ended.map(Order::occurred_at)
    }

    /// The place of the last that was done in it.
    pub fn activity(&self) -> Order {
        self.activity
    }

    /// How often it was started or resumed.
    pub fn activations(&self) -> u32 {
        self.activations
    }

    /// The outcome of the lead's attempt.
    pub fn attempted(&self, lead: Symbol) -> Option<Outcome> {
        self.attempts.get(&lead).map(|(_, outcome)| *outcome)
    }

    /// Every attempt, in no order that can be served.
    pub fn attempts(&self) -> impl Iterator<Item = (Symbol, Instant, Outcome)> {
        self.attempts.iter().map(|(lead, (order, outcome))| (*lead, order.occurred_at(), *outcome))
    }

    /// The last reservation of the lead.
    pub fn reservation(&self, lead: Symbol) -> Option<&Reservation> {
        self.reservations.get(&lead)
    }

    /// Every reserved lead, in no order that can be served.
    pub fn reservations(&self) -> impl Iterator<Item = (Symbol, &Reservation)> {
        self.reservations.iter().map(|(lead, reservation)| (*lead, reservation))
    }

    /// The facts that made it.
    pub fn facts(&self) -> &Chain {
        &self.facts
    }

    /// The last of them in the log.
    pub fn last_position(&self) -> Position {
        self.last_position
    }
}
