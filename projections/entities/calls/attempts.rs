//! Attempts of dialer sessions. An attempt whose session and lead match exactly one undisposed call lends that call
//! its outcome (RULINGS, Outcomes).

use domain::keys::Position;
use domain::rules::outcomes::Outcome;

use crate::Order;
use crate::store::{Chain, Index, Pages, Symbol, heap_size};

/// The attempt of a lead within a session.
#[derive(Debug, Clone)]
pub struct Attempt {
    order: Order,
    outcome: Outcome,
    facts: Chain,
}

heap_size!(Attempt { facts; order, outcome });

impl Attempt {
    /// The attempt as the fact at `position` tells it.
    pub fn new(order: Order, outcome: Outcome, position: Position) -> Self {
        let mut facts = Chain::default();
        facts.push(position);
        Self { order, outcome, facts }
    }
}

/// A lead within a session: its attempt, and the calls that were made of it.
#[derive(Debug, Clone)]
struct Pair {
    session: Symbol,
    lead: Symbol,
    attempt: Option<Box<Attempt>>,
    /// How many of its calls nobody has disposed.
    undisposed: u32,
    /// The exclusive or of those calls' rows: of a single one its row.
    rows: u32,
}

heap_size!(Pair { attempt; session, lead, undisposed, rows });

/// The attempts of one tenant, and which call each is about.
#[derive(Debug, Clone, Default)]
pub struct Attempts {
    pairs: Pages<Pair>,
    index: Index,
}

heap_size!(Attempts { pairs, index });

impl Attempts {
    fn at(&self, session: Symbol, lead: Symbol) -> Option<u32> {
        let is = |at| {
            let pair: &Pair = self.pairs.get(at);
            (pair.session, pair.lead) == (session, lead)
        };
        self.index.find(Index::hash((session, lead)), is)
    }

    /// The number of a session's lead, made where it is not known.
    pub fn pair(&mut self, session: Symbol, lead: Symbol) -> u32 {
        self.at(session, lead).unwrap_or_else(|| {
            let pair = Pair { session, lead, attempt: None, undisposed: 0, rows: 0 };
            let at = self.pairs.push(pair);
            self.index.insert(Index::hash((session, lead)), at);
            at
        })
    }

    /// Takes what a fact tells of an attempt; there is one attempt per session and lead, so the earliest stands.
    pub fn attempt(&mut self, pair: u32, attempt: Attempt) {
        match &mut self.pairs.get_mut(pair).attempt {
            unknown @ None => *unknown = Some(Box::new(attempt)),
            Some(known) => {
                attempt.facts.iter().for_each(|position| known.facts.push(position));
                if (attempt.order, attempt.outcome) < (known.order, known.outcome) {
                    (known.order, known.outcome) = (attempt.order, attempt.outcome);
                }
            }
        }
    }

    /// The lead of the pair.
    pub fn lead(&self, pair: u32) -> Symbol {
        self.pairs.get(pair).lead
    }

    /// The outcome of the pair's attempt.
    pub fn attempted(&self, pair: u32) -> Option<Outcome> {
        self.pairs.get(pair).attempt.as_ref().map(|attempt| attempt.outcome)
    }

    /// The facts that tell of the attempt.
    pub fn facts(&self, session: Symbol, lead: Symbol) -> Option<&Chain> {
        Some(&self.pairs.get(self.at(session, lead)?).attempt.as_ref()?.facts)
    }

    /// An undisposed call comes to the pair.
    pub fn add(&mut self, pair: u32, row: u32) {
        let pair = self.pairs.get_mut(pair);
        pair.undisposed += 1;
        pair.rows ^= row;
    }

    /// An undisposed call leaves the pair, to which it came before.
    pub fn remove(&mut self, pair: u32, row: u32) {
        let pair = self.pairs.get_mut(pair);
        pair.undisposed -= 1;
        pair.rows ^= row;
    }

    /// The call that has the outcome lent, where there is an attempt and exactly one undisposed call.
    pub fn borrower(&self, pair: u32) -> Option<(u32, Outcome)> {
        let pair = self.pairs.get(pair);
        let attempt = pair.attempt.as_ref()?;
        (pair.undisposed == 1).then_some((pair.rows, attempt.outcome))
    }

    /// What is lent to the undisposed call in `row`.
    pub fn lent(&self, session: Symbol, lead: Symbol, row: u32) -> Option<Outcome> {
        let (borrower, outcome) = self.borrower(self.at(session, lead)?)?;
        (borrower == row).then_some(outcome)
    }

    /// Forgets the calls of every pair, which come anew.
    pub fn forget_calls(&mut self) {
        for at in 0..self.pairs.len() as u32 {
            if self.pairs.get(at).undisposed > 0 {
                let pair = self.pairs.get_mut(at);
                (pair.undisposed, pair.rows) = (0, 0);
            }
        }
    }

    /// Whether nothing is known of any lead of any session.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Takes over the attempts of a shard, its symbols made those of this table by `symbol`; of calls it knows none.
    pub fn absorb(&mut self, shard: Self, mut symbol: impl FnMut(Symbol) -> Symbol) {
        for known in shard.pairs {
            let pair = self.pair(symbol(known.session), symbol(known.lead));
            if let Some(attempt) = known.attempt {
                self.attempt(pair, *attempt);
            }
        }
    }

    /// The leads that an attempt says not to call again, one mention for each.
    pub fn dnc(&self) -> impl Iterator<Item = Symbol> {
        let is_dnc =
            |pair: &&Pair| pair.attempt.as_ref().is_some_and(|attempt| attempt.outcome == Outcome::Dnc);
        self.pairs.iter().filter(is_dnc).map(|pair| pair.lead)
    }
}
