//! Where providers deliver.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use domain::members::Instant;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::App;
use super::body::{SINGLE_MAX, whole};
use super::need::Need;
use super::observe;
use super::problem::Problem;
use super::routes::Routes;
use crate::ingest::answer::{FactAnswer, NotTaken, Outcome, Taken};
use crate::ingest::delivery::Delivery;
use crate::ingest::providers;

/// `/hooks/{provider}/{endpoint}`, by GET too, since Twilio can be told so.
pub fn routes() -> Routes {
    Routes::new("hooks").add(Need::Open, routes!(deliver)).add(Need::Open, routes!(deliver_by_get))
}

impl From<NotTaken> for Problem {
    fn from(error: NotTaken) -> Self {
        match error {
            NotTaken::UnknownEndpoint => Self::not_found("provider or endpoint"),
            NotTaken::Unauthentic(refused) => {
                Self::new(StatusCode::UNAUTHORIZED, "bad_signature", refused.to_string())
            }
            NotTaken::Method => Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this provider delivers by POST",
            ),
            NotTaken::TooLarge => Self::too_large(SINGLE_MAX),
            NotTaken::Failed(error) => error.into(),
        }
    }
}

/// What became of it, in a word.
fn outcome(taken: &Result<Taken, NotTaken>) -> &'static str {
    match taken {
        Ok(taken) => taken.outcome.as_str(),
        Err(NotTaken::UnknownEndpoint) => "unknown_endpoint",
        Err(NotTaken::Method | NotTaken::TooLarge) => "not_acceptable",
        Err(NotTaken::Unauthentic(_)) => "unauthentic",
        Err(NotTaken::Failed(_)) => "failed",
    }
}

/// What became of a delivery.
#[derive(Serialize, ToSchema)]
struct Delivered {
    /// Of this request; a redelivery has one of its own.
    delivery_id: String,
    /// The worst of its facts'.
    #[schema(value_type = Outcome)]
    outcome: Outcome,
    /// Its facts.
    facts: Vec<FactAnswer>,
    /// Where it was quarantined: the id to retry it by, the same for every redelivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine_id: Option<String>,
    /// Why it was quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// `weak` where nothing in it identified it, so that a digest of its body does.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'static str>,
}

/// Takes a provider's delivery: authentic by its signature, or by the endpoint's id alone. All that is authentic is
/// answered 200 once it is durable, so that no provider redelivers for ever.
#[utoipa::path(
    post,
    path = "/hooks/{provider}/{endpoint}",
    request_body(content = String, description = "As the provider sends it, at most 1 MiB"),
    responses(
        (status = 200, body = Delivered),
        (status = 401, description = "The signature is missing or wrong"),
        (status = 404, description = "No such provider or endpoint"),
        (status = 405, description = "This provider does not deliver by this method"),
        (status = 413, description = "Over 1 MiB")
    )
)]
async fn deliver(
    app: State<Arc<App>>,
    path: Path<(String, String)>,
    request: Request,
) -> Result<Json<Delivered>, Problem> {
    take(app, path, request).await
}

/// Takes a provider's delivery whose parameters are in the query.
#[utoipa::path(
    get,
    path = "/hooks/{provider}/{endpoint}",
    responses(
        (status = 200, body = Delivered),
        (status = 401, description = "The signature is missing or wrong"),
        (status = 404, description = "No such provider or endpoint"),
        (status = 405, description = "This provider does not deliver by this method"),
        (status = 413, description = "Over 1 MiB")
    )
)]
async fn deliver_by_get(
    app: State<Arc<App>>,
    path: Path<(String, String)>,
    request: Request,
) -> Result<Json<Delivered>, Problem> {
    take(app, path, request).await
}

async fn take(
    State(app): State<Arc<App>>,
    Path((provider, endpoint)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Delivered>, Problem> {
    let (parts, body) = request.into_parts();
    let body = whole(body, SINGLE_MAX).await?;
    let headers = parts.headers.iter();
    let delivery = Delivery {
        provider,
        endpoint,
        method: parts.method.as_str().to_owned(),
        path_and_query: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: headers
            .map(|(name, value)| {
                (name.as_str().to_owned(), axum::body::Bytes::copy_from_slice(value.as_bytes()))
            })
            .collect(),
        body,
        received_at: Instant((app.engine.clock)()),
    };
    let taken = app.engine.ingest.deliver(&delivery).await;
    let known = providers::named(&delivery.provider);
    observe::delivery(known.map_or("other", |provider| provider.name()), outcome(&taken));
    let taken = taken?;
    let (quarantine_id, reason) = taken.quarantine.map(|kept| (kept.id, kept.reason.as_str())).unzip();
    Ok(Json(Delivered {
        delivery_id: Uuid::now_v7().to_string(),
        outcome: taken.outcome,
        facts: taken.facts,
        quarantine_id,
        reason,
        identity: taken.weak.then_some("weak"),
    }))
}
