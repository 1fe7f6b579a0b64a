//! Why a fact moves no figure of a model.

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::facts::report::ReportFact;
use domain::facts::sync::SyncFact;

use crate::explain::reasons::NotCounted;

/// Why a fact moves no figure of a model.
pub fn nowhere(fact: &Fact) -> NotCounted {
    let (code, reason) = match fact {
        Fact::Call(_) | Fact::Session(_) | Fact::Outreach(_) | Fact::SenderAccount(_) | Fact::AdSpend(_) => {
            ("other_model", "no figure of this model is made of it".to_owned())
        }
        Fact::Sync(SyncFact::Snapshot(_)) => {
            ("superseded", "what it adds here is nothing, or a newer part of a snapshot stands".to_owned())
        }
        Fact::Sync(_) => ("not_a_figure", "runs are listed; snapshots count by their parts".to_owned()),
        Fact::Report(ReportFact::TargetSet(_)) => ("other_model", "it sets a target alone".to_owned()),
        Fact::Report(_) => ("not_a_figure", "a report shows figures and is part of none".to_owned()),
        Fact::Note(_) => ("not_a_figure", "notes are listed, and no figure counts them".to_owned()),
        Fact::Tenant(_) => {
            ("rule", "a configuration: it decides how figures count, and is part of none".to_owned())
        }
        Fact::Control(control) => return of_control(control),
        Fact::Access(_) | Fact::Setting(_) => {
            ("not_a_figure", "who may do what is part of no figure".to_owned())
        }
        Fact::Alert(_) => ("not_a_figure", "alerts are listed, and no figure counts them".to_owned()),
        Fact::Import(_) => ("not_a_figure", "the facts of an import count, and not its end".to_owned()),
        Fact::CallRequest(_) => {
            ("not_a_figure", "a request places a call, which counts once it is reported".to_owned())
        }
    };
    NotCounted::new(code, reason)
}

fn of_control(fact: &ControlFact) -> NotCounted {
    match fact {
        ControlFact::ConflictObserved(body) => NotCounted {
            decided_by: Some(body.first_position),
            ..NotCounted::new("conflict", "other content under a known key: it counts once it is accepted")
        },
        ControlFact::ConflictAccepted(body) => NotCounted {
            decided_by: Some(body.first_position),
            ..NotCounted::new("correction", "its content counts in the place of the fact that it replaces")
        },
        ControlFact::ConflictRejected(body) => NotCounted {
            decided_by: Some(body.first_position),
            ..NotCounted::new("conflict", "it was decided that the first content stands")
        },
        ControlFact::FactVoided(body) => NotCounted {
            decided_by: Some(body.voided_position),
            ..NotCounted::new("void", "from here on the fact that it names counts as if it had never come")
        },
        ControlFact::FactRestored(body) => NotCounted {
            decided_by: Some(body.voided_position),
            ..NotCounted::new("void", "from here on the fact that it names counts again")
        },
        ControlFact::Quarantined(_) => {
            NotCounted::new("quarantined", "no fact could be made of the delivery")
        }
        ControlFact::QuarantineResolved(_) => {
            NotCounted::new("not_a_figure", "the facts that the delivery was made into count")
        }
        ControlFact::PersonErased(_) => {
            NotCounted::new("not_a_figure", "an erasure takes no figure away: the facts count as they did")
        }
    }
}
