//! Whose facts a fact is one of.

use domain::facts::Fact;
use domain::facts::ad_spend::AdSpendFact;
use domain::facts::outreach::OutreachFact;
use domain::facts::report::ReportFact;
use domain::facts::session::SessionFact;
use domain::facts::sync::SyncFact;
use domain::keys::Position;
use domain::members::Instant;

use crate::Recorded;
use crate::entities::crm::CrmId;
use crate::entities::leads::LeadId;
use crate::entities::leads::row::Name;
use crate::entity::Entity;
use crate::explain::fields::{self, FieldKind, StateSubject};
use crate::explain::model::{ExplainedModel, FigureSelection};
use crate::explain::subjects::SubjectId;
use crate::tenant::Tenant;

/// Whose facts a fact is one of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TouchedSubjects {
    /// What is counted.
    pub counted: Vec<SubjectId>,
    /// Whose state it is a word of, by model and selection.
    pub states: Vec<(ExplainedModel, FigureSelection)>,
}

fn state(model: ExplainedModel, set: impl FnOnce(&mut FigureSelection)) -> (ExplainedModel, FigureSelection) {
    let mut selection = FigureSelection::default();
    set(&mut selection);
    (model, selection)
}

impl TouchedSubjects {
    /// Those of a fact that `tenant` has folded.
    pub fn of(tenant: &Tenant, recorded: &Recorded<'_>) -> Self {
        let (mut touched, position) = (Self::default(), recorded.position);
        match recorded.fact {
            Fact::Call(fact) => {
                let id = fact.call_id().as_str();
                touched.counted.extend(tenant.calls.rows.row(id).map(SubjectId::Call));
                touched.states.push(state(ExplainedModel::Calls, |of| of.call_id = Some(id.to_owned())));
            }
            Fact::Session(fact) => {
                let id = fact.session_id().as_str();
                touched
                    .states
                    .push(state(ExplainedModel::Sessions, |of| of.session_id = Some(id.to_owned())));
                if let SessionFact::Attempted(_) = fact {
                    let calls = &tenant.calls.rows;
                    for row in calls
                        .of_session(id)
                        .into_iter()
                        .filter(|row| calls.facts_of(*row).contains(&position))
                    {
                        let call_id = Some(calls.texts().get(calls.rows().get(row).id).to_owned());
                        touched.counted.push(SubjectId::Call(row));
                        touched.states.push(state(ExplainedModel::Calls, |of| of.call_id = call_id));
                    }
                }
            }
            Fact::Outreach(fact) => touched.add_leads(tenant, fact, (position, recorded.occurred_at)),
            Fact::AdSpend(AdSpendFact::Observed(body)) => {
                let spend = &tenant.spend.rows;
                let rows = spend
                    .between(body.date, body.date)
                    .filter(|row| spend.facts_of(*row).contains(&position));
                touched.counted.extend(rows.map(SubjectId::Spend));
            }
            Fact::SenderAccount(_) => {
                let accounts = &tenant.sender_accounts.rows;
                let has = |row: &u32| accounts.rows().get(*row).facts().iter().any(|fact| fact == position);
                let rows: Vec<u32> = accounts.row_ids().filter(has).collect();
                touched.counted.extend(rows.iter().copied().map(SubjectId::Account));
                let heads = rows.iter().filter_map(|row| accounts.rows_of_mailbox(*row).first().copied());
                touched.counted.extend(heads.map(SubjectId::Mailbox));
            }
            Fact::Sync(SyncFact::Snapshot(_)) => {
                let crm = &tenant.crm.rows;
                let records = crm.row_ids().filter(|id| matches!(id, CrmId::Record { .. }));
                let of_part = records.filter(|id| crm.facts_of(*id) == [position]);
                touched.counted.extend(of_part.map(SubjectId::Record));
            }
            Fact::Report(ReportFact::TargetSet(body)) => {
                let (month, metric) = (Some(body.month), Some(body.metric));
                let selection = FigureSelection { month, metric, ..FigureSelection::default() };
                touched.states.push((ExplainedModel::Targets, selection));
            }
            Fact::Report(_)
            | Fact::Sync(_)
            | Fact::Note(_)
            | Fact::Tenant(_)
            | Fact::Control(_)
            | Fact::Access(_)
            | Fact::Alert(_)
            | Fact::Setting(_)
            | Fact::Import(_)
            | Fact::CallRequest(_) => {}
        }
        touched
    }

    fn add_leads(
        &mut self,
        tenant: &Tenant,
        fact: &OutreachFact,
        (position, occurred_at): (Position, Instant),
    ) {
        let leads = &tenant.leads.rows;
        for head in leads.heads_of(fact, occurred_at) {
            if let Name::Nobody(_) = leads.rows().get(head).name {
                let is_it = leads.rows().get(head).events().any(|(_, event)| event.position == position);
                self.counted.extend(is_it.then_some(SubjectId::Event(position, head)));
            } else if leads.facts_of(LeadId::Lead(head)).contains(&position) {
                let lead_id = Some(tenant.lead(head).lead_id);
                let is_counted = SubjectId::Lead(head).facts(tenant).contains(&position);
                self.counted.extend(is_counted.then_some(SubjectId::Lead(head)));
                self.states.push(state(ExplainedModel::OutreachLeads, |of| of.lead_id = lead_id));
            }
        }
    }

    /// Every fact of those subjects, ascending. Of a record the part that it stands in.
    pub fn facts(&self, tenant: &Tenant) -> Vec<Position> {
        let mut facts: Vec<Position> =
            self.counted.iter().flat_map(|subject| subject.facts(tenant)).collect();
        facts.extend(self.state_subjects().iter().flat_map(|subject| subject.facts(tenant)));
        facts.sort_unstable();
        facts.dedup();
        facts
    }

    /// Whose states they are.
    pub fn state_subjects(&self) -> Vec<StateSubject> {
        let subject = |(model, selection): &(ExplainedModel, FigureSelection)| {
            let named = fields::names(*model, selection);
            let kinds = named.iter().filter_map(|name| fields::field(*model, name, selection));
            kinds
                .filter_map(|kind| match kind {
                    FieldKind::State(subject) => Some(subject),
                    FieldKind::Sum(_) | FieldKind::Derived { .. } => None,
                })
                .next()
        };
        self.states.iter().filter_map(subject).collect()
    }
}
