//! What one fact does to every figure: none is silent.

mod around;
mod nowhere;
mod touched;

use std::collections::BTreeSet;

use domain::facts::Fact;
use domain::keys::Position;
use domain::members::Instant;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use self::around::{Around, selections};
use self::nowhere::nowhere;
pub use self::touched::TouchedSubjects;
use super::fields;
use super::model::{ExplainedModel, FigureName, FigureSelection};
use super::question::{Question, as_json};
use super::reasons::NotCounted;
use super::refold::{only_subject, still};
use super::served;
use super::subjects::SubjectId;
use super::tally::{FigureTally, TallyOf};
use crate::Recorded;
use crate::entities::crm::CrmId;
use crate::entity::Entity;
use crate::figures::crm_stages::or_new_lead;
use crate::figures::lead_summary::or_unknown;
use crate::tenant::Tenant;

/// The field of a verdict that is of all figures of a model.
const ALL_FIELDS: &str = "*";

/// What a fact does to one figure, or to all of a model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FigureVerdict {
    /// Which; of field `*` all of the model.
    pub figure: FigureName,
    /// By how much it moves the figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<i64>,
    /// Of a state: what it was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Of a state: what it is from the fact on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// False where it moves nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<bool>,
    /// Why not, as a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why not, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The month or day that it fell in, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fell_in: Option<String>,
    /// The fact that counts in its place, or came first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Position>,
}

impl FigureVerdict {
    fn moved(figure: FigureName, delta: i128) -> Self {
        Self { delta: as_json(delta).as_i64(), ..Self::silent(figure) }
    }

    fn not_counted(figure: FigureName, why: NotCounted) -> Self {
        let NotCounted { code, reason, fell_in, decided_by } = why;
        let (counted, code, reason) = (Some(false), Some(code), Some(reason));
        Self { counted, code, reason, fell_in, decided_by, ..Self::silent(figure) }
    }

    fn silent(figure: FigureName) -> Self {
        let (delta, before, after, counted, code) = (None, None, None, None, None);
        Self { figure, delta, before, after, counted, code, reason: None, fell_in: None, decided_by: None }
    }
}

/// Whether a subject is what a tally is over.
fn is_over(tally: &FigureTally, subject: SubjectId) -> bool {
    matches!(
        (&tally.of, subject),
        (TallyOf::Calls(_), SubjectId::Call(_))
            | (TallyOf::Leads(_), SubjectId::Lead(_) | SubjectId::Event(..))
            | (TallyOf::Spend(_), SubjectId::Spend(_))
            | (TallyOf::Gains(_), SubjectId::Account(_))
            | (TallyOf::Mailboxes(_), SubjectId::Mailbox(_))
    )
}

/// What the fact at `at` does to every figure that `subject` may be counted in. `facts` are the subject's, ascending.
pub fn of_subject(
    tenant: &Tenant,
    subject: SubjectId,
    facts: &[Recorded<'_>],
    at: Position,
) -> Vec<FigureVerdict> {
    let around = Around::new(tenant, facts, at);
    let occurred = facts.iter().find(|fact| fact.position == at).map_or(Instant(0), |fact| fact.occurred_at);
    let mut verdicts = Vec::new();
    for (model, selection) in selections(&around, subject, tenant.profile.timeline.at(occurred).1) {
        let mut names = fields::names(model, &selection);
        if let SubjectId::Spend(_) = subject {
            let currencies = |alone: &Tenant| {
                let rows = &alone.spend.rows;
                rows.row_ids().filter_map(|row| rows.observed_on(row).1).collect()
            };
            names =
                around.both(currencies).iter().map(|currency| format!("ad_spend_minor.{currency}")).collect();
        }
        for name in names {
            let Ok(question) = Question::new(model.as_str(), &name, selection.clone()) else { continue };
            let Some(tally) = question.tally().filter(|tally| is_over(tally, subject)) else { continue };
            let told = tally.moves(tenant, subject, true);
            let moved = told.as_ref().and_then(|told| told.iter().find(|(position, _)| *position == at));
            let delta = moved.map_or_else(|| around.delta(tally), |(_, moved)| moved.delta);
            // A figure of the whole tenant that it does not move is told of; the same by agent or outcome says no more.
            let is_plain = selection.agent.is_none() && !(name.contains('.') && tally.is_of_calls());
            let is_told = matches!(model, ExplainedModel::Month | ExplainedModel::Days) && is_plain;
            if delta != 0 {
                verdicts.push(FigureVerdict::moved(question.name(), delta));
            } else if is_told {
                verdicts.push(FigureVerdict::not_counted(
                    question.name(),
                    unmoved(&around.after, tally, facts, at),
                ));
            }
        }
    }
    verdicts
}

/// Why the fact at `at` moves nothing of a tally.
fn unmoved(after: &Tenant, tally: &FigureTally, facts: &[Recorded<'_>], at: Position) -> NotCounted {
    if let Some(subject) = only_subject(after, tally).filter(|_| tally.value(after) == 0) {
        return tally.why_not(after, subject);
    }
    let before = facts.iter().filter(|fact| fact.position < at);
    let latest = before.map(|fact| (fact.occurred_at, fact.position)).max();
    let own = facts.iter().find(|fact| fact.position == at);
    own.map_or_else(NotCounted::no_change, |fact| still(tally, fact, latest))
}

/// What a part of a snapshot does to the figures of the CRM: the sum of the records that stand in it.
pub fn of_records(tenant: &Tenant, records: &[SubjectId]) -> Vec<FigureVerdict> {
    let mut selections: BTreeSet<(Option<String>, Option<String>)> = BTreeSet::from([(None, None)]);
    let (crm, timeline) = (&tenant.crm.rows, &tenant.profile.timeline);
    let ids = || {
        records
            .iter()
            .filter_map(|subject| if let SubjectId::Record(id) = subject { Some(*id) } else { None })
    };
    for id in ids() {
        crm.contributions(id, timeline, &mut |share| {
            let text = |symbol| crm.texts().maybe(symbol).map(str::to_owned);
            let stage = or_new_lead(crm.texts().maybe(share.kind.stage)).to_owned();
            let source = text(share.kind.source).unwrap_or_else(|| or_unknown(None).to_owned());
            selections.insert((Some(stage), None));
            selections.insert((None, Some(source)));
        });
    }
    let mut verdicts = Vec::new();
    for (stage, source) in selections {
        let of_stage = FigureSelection { stage: stage.clone(), ..FigureSelection::default() };
        let of_leads =
            FigureSelection { source: source.clone(), status: stage.clone(), ..FigureSelection::default() };
        let rows =
            [(ExplainedModel::Pipeline, of_stage, source.is_none()), (ExplainedModel::Leads, of_leads, true)];
        for (model, selection, _) in rows.into_iter().filter(|(.., is_row)| *is_row) {
            for name in fields::names(model, &selection) {
                let Ok(question) = Question::new(model.as_str(), &name, selection.clone()) else { continue };
                let Some(TallyOf::Records(tally)) = question.tally().map(|tally| &tally.of) else { continue };
                let bound = tally.bind(tenant);
                let of_resource = ids()
                    .filter(|id| matches!(id, CrmId::Record { resource, .. } if *resource == tally.resource));
                let delta: i128 = of_resource.filter_map(|id| bound.amount(id).ok()).sum();
                if delta != 0 {
                    verdicts.push(FigureVerdict::moved(question.name(), delta));
                }
            }
        }
    }
    verdicts
}

/// What the fact at `at` makes of a state's fields.
pub fn of_state(
    tenant: &Tenant,
    (model, selection): &(ExplainedModel, FigureSelection),
    facts: &[Recorded<'_>],
    at: Position,
    now: Instant,
) -> Vec<FigureVerdict> {
    // Of two leads with one id in two workspaces the model shows the first.
    if !facts.iter().any(|fact| fact.position == at) {
        return Vec::new();
    }
    let around = Around::new(tenant, facts, at);
    let row = |alone: &Tenant| served::row(alone, *model, selection, now).unwrap_or_default();
    let rows = [row(&around.before), row(&around.after)];
    let mut verdicts = Vec::new();
    for name in fields::names(*model, selection) {
        let Ok(question) = Question::new(model.as_str(), &name, selection.clone()) else { continue };
        if question.state().is_none() {
            continue;
        }
        let of = |row: &Value| served::member(row, &name).cloned().unwrap_or_default();
        let [before, after] = [of(&rows[0]), of(&rows[1])];
        if before != after {
            let silent = FigureVerdict::silent(question.name());
            verdicts.push(FigureVerdict { before: Some(before), after: Some(after), ..silent });
        }
    }
    verdicts
}

/// A verdict of every model that has none among `verdicts`: why the fact moves nothing there.
pub fn of_the_rest(
    verdicts: &[FigureVerdict],
    fact: &Fact,
    is_known: bool,
    voided_by: Option<Position>,
) -> Vec<FigureVerdict> {
    let told: BTreeSet<&str> = verdicts.iter().map(|verdict| verdict.figure.model).collect();
    let why = match voided_by {
        Some(_) => NotCounted {
            decided_by: voided_by,
            ..NotCounted::new("voided", "it was voided: it counts as if it had never come")
        },
        None if is_known => nowhere(fact),
        None => NotCounted::new("not_known", "it is not known at this moment"),
    };
    let rest = ExplainedModel::ALL.iter().filter(|model| !told.contains(model.as_str()));
    let verdict = |model: &ExplainedModel| {
        let figure =
            FigureName { model: model.as_str(), field: ALL_FIELDS.to_owned(), selection: Default::default() };
        FigureVerdict::not_counted(figure, why.clone())
    };
    rest.map(verdict).collect()
}
