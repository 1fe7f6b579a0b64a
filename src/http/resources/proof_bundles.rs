//! Figures with their proof (E7): what anybody can check without this server.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::keys::TenantId;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::explain_query::ExplainQuery;
use crate::http::api::extractors::List;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::api::unkept::unkept;
use crate::http::app::App;
use crate::log::tree::TreeReader;
use crate::log::{Head, LogSnapshot};
use crate::proof::{BundledFact, Checkpoints, NOT_PROVEN, PROOF_FORMAT, ProofBundle};
use crate::views::explain::Explainer;
use crate::views::explain::proven::{ProofMoment, ProvenFigure, UnprovenError, model_versions, rules_of};

const MEDIA: &str = "application/vnd.factfold.proof+json";

/// `/proof`.
pub fn routes() -> Routes {
    Routes::new("truth").add(Need::Auditor, routes!(prove))
}

impl From<UnprovenError> for Problem {
    fn from(error: UnprovenError) -> Self {
        match error {
            UnprovenError::Fold(error) => error.into(),
            UnprovenError::TooMany | UnprovenError::Personal => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not_provable", error.to_string())
            }
        }
    }
}

/// A figure with its proof: the facts of every subject that counts, as they were hashed (what is personal and payloads as
/// hashes alone), the proof that they stand in the log, and a signed checkpoint. `factfold verify` and
/// `fixtures/verify.py` check it without a server. It does not prove that no contributing fact was left out.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/proof",
    params(List<ExplainQuery>),
    responses(
        (status = 200, description = "A proof bundle", content_type = "application/vnd.factfold.proof+json", body = serde_json::Value),
        (status = 422, description = "`not_provable`: it rests on too many facts, or shows personal data")
    )
)]
async fn prove(State(app): State<Arc<App>>, list: List<ExplainQuery>) -> Result<Response, Problem> {
    let today = list.view.timeline().latest().zone.day(list.at);
    if list.query.report_id.is_some() {
        let detail = "prove the figures of the report's month as of the report's position (as_of_position)";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not_provable", detail));
    }
    let question = list.query.question(today, None)?;
    let turn = app.search_turn(list.tenant.by()).await?;
    let live = app.view(&list.tenant).await?;
    let (tenant, view, log) = ((*list.tenant).clone(), list.view.clone(), app.engine.log.snapshot());
    let moment = ProofMoment { at: list.at, occurred_until: list.moment.moment().occurred_until };
    let checkpoints = app.engine.checkpoints.clone();
    let made = blocking(move || -> Result<_, Problem> {
        // Kept until the reading has ended, even if nobody waits for it any more.
        let _turn = turn;
        let proven = Explainer::new(tenant.clone(), &view, &live, log.clone()).prove(&question, moment)?;
        proven.map(|proven| bundle(&tenant, proven, moment, &log, &checkpoints)).transpose()
    });
    let bundle = made.await??.ok_or_else(|| Problem::not_found("row of the figure"))?;
    let text = serde_json::to_string(&bundle).map_err(|error| Problem::internal(&error))?;
    Ok(unkept(([("content-type", MEDIA)], text)))
}

fn bundle(
    tenant: &TenantId,
    proven: ProvenFigure,
    moment: ProofMoment,
    log: &LogSnapshot,
    checkpoints: &Checkpoints,
) -> Result<ProofBundle, Problem> {
    let broken = |error: &dyn std::fmt::Display| Problem::internal(error);
    let head: Head = log.head();
    let indexes: Vec<u64> = proven.facts.iter().map(|record| record.position - 1).collect();
    let proof = TreeReader::new(log, head.position, true).many(&indexes).map_err(|error| broken(&error))?;
    let mut facts = Vec::with_capacity(proven.facts.len());
    for record in &proven.facts {
        let view = record.view().map_err(|error| broken(&error))?;
        facts.push(BundledFact::of(record.position, &view));
    }
    let ProvenFigure { explanation, facts: records } = proven;
    let json = |value: serde_json::Result<serde_json::Value>| value.map_err(|error| broken(&error));
    let mut bundle = ProofBundle {
        format: PROOF_FORMAT.to_owned(),
        tenant: tenant.to_string(),
        figure: json(serde_json::to_value(&explanation.figure))?,
        value: explanation.value,
        unit: explanation.unit.into(),
        rule: explanation.rule.into(),
        formula: json(serde_json::to_value(&explanation.formula))?,
        contributions: json(serde_json::to_value(&explanation.contributions))?,
        total: explanation.total.into(),
        contributing_subjects: explanation.contributing_subjects.into(),
        position: explanation.position,
        at: moment.at.to_string(),
        occurred_until: moment.occurred_until.map(|until| until.to_string()),
        model_version: model_versions(),
        rules: rules_of(&records),
        checkpoint: checkpoints.sign(head).map_err(|error| broken(&error))?,
        key: checkpoints.verifier().to_string(),
        facts,
        proof: proof.iter().map(hex::encode).collect(),
        not_proven: NOT_PROVEN.to_owned(),
        signed: String::new(),
    };
    checkpoints.sign_bundle(&mut bundle).map_err(|error| broken(&error))?;
    Ok(bundle)
}
