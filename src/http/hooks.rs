//! Where providers deliver.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use domain::members::Instant;
use serde_json::{Value, json};
use uuid::Uuid;

use super::App;
use super::body::{SINGLE_MAX, whole};
use super::problem::Problem;
use crate::ingest::answer::NotTaken;
use crate::ingest::delivery::Delivery;

/// `/hooks/{provider}/{endpoint}`, by GET too, since Twilio can be told so.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/hooks/{provider}/{endpoint}", get(take).post(take))
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

async fn take(
    State(app): State<Arc<App>>,
    Path((provider, endpoint)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Value>, Problem> {
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
    let taken = app.engine.ingest.deliver(&delivery).await?;
    let mut answer = json!({
        "delivery_id": Uuid::now_v7().to_string(),
        "outcome": taken.outcome,
        "facts": taken.facts,
    });
    if let Some(kept) = taken.quarantine {
        answer["quarantine_id"] = kept.id.into();
        answer["reason"] = kept.reason.as_str().into();
    }
    if taken.weak {
        answer["identity"] = "weak".into();
    }
    Ok(Json(answer))
}
