//! Figures with the facts that prove them: the facts of the subjects that count, which folded again give the figure.
//!
//! What a figure rests on is taken from the rows: the facts of its subjects, the tenant's configurations, and what was
//! decided of those facts. Some figures rest on more, such as a call whose outcome an attempt lends it. So what was chosen is
//! folded again at once, as a verifier will; where that gives another answer, all of the tenant's facts are taken.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use domain::facts::Fact;
use domain::facts::tenant::TenantFact;
use domain::keys::{Position, TenantId};
use domain::members::Instant;
use domain::record::Record;
use projections::explain::model::FigureSelection;
use projections::explain::question::Question;
use projections::tenant::MODELS;
use serde_json::Value;

use super::{ContributionPage, Explainer, Explanation};
use crate::follow::FoldError;
use crate::log::select::{GroupSet, Select};
use crate::log::{Head, LogError, LogSnapshot, decode, erase};
use crate::views::TenantView;
use crate::views::live::folded_groups;
use crate::views::rebuild::{self, Scope};
use crate::views::slot::slot;

/// Depth of figures that follow from figures.
const DEPTH_MAX: usize = 4;
/// Most facts of a bundle.
pub const PROVEN_FACTS_MAX: usize = 200_000;

/// Every contribution on one page.
const WHOLE: ContributionPage =
    ContributionPage { counted: true, zeros: false, after: None, limit: usize::MAX, until: None };

/// A figure with what proves it.
#[derive(Debug, Clone)]
pub struct ProvenFigure {
    /// The figure with all of its contributions.
    pub explanation: Explanation,
    /// The facts, positions ascending, without what is personal.
    pub facts: Vec<Record>,
}

/// Which moment a figure is of.
#[derive(Debug, Clone, Copy)]
pub struct ProofMoment {
    /// The clock of answers that depend on it.
    pub at: Instant,
    /// What happened later is left out.
    pub occurred_until: Option<Instant>,
}

/// Why a figure has no proof.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UnprovenError {
    /// What the log cannot read.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// It rests on more facts than a bundle holds.
    #[error("the figure rests on more than {PROVEN_FACTS_MAX} facts; ask for a smaller span")]
    TooMany,
    /// Its facts without their personal parts give another answer.
    #[error("the figure shows personal data, which a proof leaves out")]
    Personal,
}

/// Versions of all models.
pub fn model_versions() -> BTreeMap<String, u32> {
    MODELS.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect()
}

/// The rules in force after these facts: those of the last configuration.
pub fn rules_of(facts: &[Record]) -> Value {
    let rules = |record: &Record| {
        let view = record.view().ok().filter(|view| view.header.kind.group == TenantFact::GROUP)?;
        let fact = decode(record.position, &view).ok()?;
        matches!(fact, Fact::Tenant(TenantFact::Configured(_))).then(|| fact.json()["rules"].clone())
    };
    facts.iter().rev().find_map(rules).unwrap_or(Value::Null)
}

/// The figure that these facts of a tenant give when they are folded: what a verifier compares.
///
/// # Errors
/// A fact that cannot be decoded.
pub fn fold_proven(
    tenant: &TenantId,
    facts: &[Record],
    position: Position,
    question: &Question,
    moment: ProofMoment,
) -> Result<Option<Explanation>, FoldError> {
    let log = LogSnapshot::sparse(Head { position, root: [0; 32] }, facts);
    let folded = |occurred_until| {
        let scope = Scope { tenant: Some(tenant.clone()), occurred_until, ..Scope::all(&log) };
        let state = rebuild::in_order(&log, &scope)?.remove(tenant.as_str()).unwrap_or_default();
        Ok::<_, FoldError>(TenantView::new(slot(state)))
    };
    let (view, live) = (folded(moment.occurred_until)?, folded(None)?);
    let explained =
        Explainer::new(tenant.clone(), &view, &live, log.clone()).explain(question, &WHOLE, moment.at)?;
    Ok(explained.map(|explained| normal(explained, position)))
}

/// What follows from the chosen facts alone, without what is personal.
fn normal(mut explained: Explanation, position: Position) -> Explanation {
    explained.contributions.iter_mut().for_each(|contribution| contribution.who = None);
    Explanation { position, not_contributing_subjects: 0, ..explained }
}

impl Explainer {
    /// The figure with the facts that prove it; none where nothing has the name that selects it. Reads files.
    ///
    /// # Errors
    /// See [`UnprovenError`].
    pub fn prove(
        &self,
        question: &Question,
        moment: ProofMoment,
    ) -> Result<Option<ProvenFigure>, UnprovenError> {
        let Some(explanation) = self.explain(question, &WHOLE, moment.at)? else { return Ok(None) };
        let explanation = normal(explanation, self.position);
        let mut chosen = BTreeSet::new();
        self.choose(question, moment.at, DEPTH_MAX, &mut chosen);
        self.choose_beside(&mut chosen)?;
        for widened in [false, true] {
            if widened {
                self.choose_all(&mut chosen)?;
            }
            if chosen.len() > PROVEN_FACTS_MAX {
                return Err(UnprovenError::TooMany);
            }
            let facts = self.without_persons(&chosen)?;
            let again = fold_proven(&self.tenant_id, &facts, self.position, question, moment)?;
            if again.as_ref() == Some(&explanation) {
                return Ok(Some(ProvenFigure { explanation, facts }));
            }
        }
        Err(UnprovenError::Personal)
    }

    /// The facts of the subjects that count, also of those that a formula's figures rest on.
    fn choose(&self, question: &Question, at: Instant, depth: usize, chosen: &mut BTreeSet<Position>) {
        if let Some(subject) = question.state() {
            chosen.extend(subject.facts(&self.tenant));
        }
        if let Some(tally) = question.tally() {
            for subject in tally.subjects(&self.tenant).iter().filter(|subject| subject.amount != 0) {
                chosen.insert(subject.first);
                chosen.extend(subject.id.facts(&self.tenant));
            }
        }
        let formula = if depth == 0 { None } else { question.formula(&self.tenant, at) };
        for input in formula.into_iter().flat_map(|formula| formula.inputs) {
            let selects = input.figure.selection.iter().map(|(name, value)| (*name, value.as_str()));
            let asked = FigureSelection::parse(selects)
                .and_then(|selection| Question::new(input.figure.model, &input.figure.field, selection));
            if let Ok(asked) = asked {
                self.choose(&asked, at, depth - 1, chosen);
            }
        }
    }

    /// Adds the tenant's configurations, and what was decided of the chosen facts.
    fn choose_beside(&self, chosen: &mut BTreeSet<Position>) -> Result<(), FoldError> {
        const DECISIONS: u8 = domain::facts::control::ControlFact::GROUP;
        let groups = GroupSet::NONE.with(TenantFact::GROUP).with(DECISIONS);
        let mut failed: Result<(), LogError> = Ok(());
        let mut beside = BTreeSet::new();
        self.log.for_each(&self.select(groups), &mut |position, record| {
            match decode(position, &record) {
                Ok(fact)
                    if matches!(fact, Fact::Tenant(_))
                        || fact.references().iter().any(|at| chosen.contains(at)) =>
                {
                    beside.insert(position);
                }
                Ok(_) => {}
                Err(error) => {
                    failed = Err(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        failed?;
        chosen.extend(beside);
        Ok(())
    }

    /// Adds every fact of the tenant that some model folds.
    fn choose_all(&self, chosen: &mut BTreeSet<Position>) -> Result<(), FoldError> {
        self.log.for_each(&self.select(folded_groups()), &mut |position, _| {
            chosen.insert(position);
            if chosen.len() > PROVEN_FACTS_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(())
    }

    fn select(&self, groups: GroupSet) -> Select {
        Select { tenant: Some(self.tenant_id.clone()), groups, up_to: self.position, ..Select::all() }
    }

    fn without_persons(&self, chosen: &BTreeSet<Position>) -> Result<Vec<Record>, FoldError> {
        let mut facts = Vec::with_capacity(chosen.len());
        for position in chosen {
            let Some(record) = self.log.read(*position)? else { continue };
            let view = record.view().map_err(|error| LogError::Record { position: *position, error })?;
            let mut stored = Vec::new();
            erase::erased(&view).write(&mut stored);
            facts.push(Record { position: *position, bytes: stored.into() });
        }
        Ok(facts)
    }
}
