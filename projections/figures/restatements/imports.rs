//! What the ledger knows of imports: where their facts stand, and which months they fill.

use domain::facts::Fact;
use domain::facts::ad_spend::AdSpendFact;
use domain::facts::call::CallFact;
use domain::facts::import::ImportFinished;
use domain::keys::Position;
use domain::members::Month;
use domain::rules::calendar::ZoneName;

use crate::Recorded;
use crate::store::heap_free;

/// An import that was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportRun {
    /// Position of its `import_finished`.
    pub finished: Position,
    /// The lowest position of one of its facts, known ones included.
    pub(super) lowest: Option<Position>,
    /// First and last position of its new facts.
    pub(super) new: Option<(Position, Position)>,
}

heap_free!(ImportRun);

impl ImportRun {
    /// The import whose end stands at `finished`.
    pub fn new(finished: Position, end: &ImportFinished) -> Self {
        let ImportFinished { lowest_position, first_position, last_position, .. } = end;
        Self { finished, lowest: *lowest_position, new: first_position.zip(*last_position) }
    }

    /// Whether the fact at `position` is one that it recorded.
    pub(super) fn brought(&self, position: Position) -> bool {
        self.new.is_some_and(|(first, last)| (first..=last).contains(&position))
    }
}

/// The months that a fact fills: of when it happened, and of its own day where its kind names one (RULINGS, Which day).
pub(super) fn months_of(recorded: &Recorded<'_>, zone: ZoneName) -> impl Iterator<Item = Month> + use<> {
    let own = match recorded.fact {
        Fact::Call(CallFact::Reported(call)) => call.started_at.map(|at| zone.month(at)),
        Fact::AdSpend(AdSpendFact::Observed(spend)) => Some(spend.date.month()),
        Fact::Call(CallFact::Disposed(_) | CallFact::Recorded(_) | CallFact::Placed(_))
        | Fact::Session(_)
        | Fact::Outreach(_)
        | Fact::SenderAccount(_)
        | Fact::Sync(_)
        | Fact::Note(_)
        | Fact::Report(_)
        | Fact::Tenant(_)
        | Fact::Control(_)
        | Fact::Access(_)
        | Fact::Alert(_)
        | Fact::Setting(_)
        | Fact::CallRequest(_)
        | Fact::Import(_) => None,
    };
    [Some(zone.month(recorded.occurred_at)), own].into_iter().flatten()
}
