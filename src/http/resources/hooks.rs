//! Webhooks: the routes to which providers deliver.

use std::sync::Arc;
use std::time::Instant as Stopwatch;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::members::Instant;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::deliveries::{self, DeliveryStatus, UNKNOWN_NUMBER};
use crate::http::api::body::{SINGLE_MAX, whole_of_a_stranger};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::http::server::observability;
use crate::ingest::DeliveryOrigin;
use crate::ingest::answer::{Accepted, FactAnswer, Outcome};
use crate::ingest::delivery::Delivery;
use crate::ingest::error::DeliveryError;

/// `/hooks/{provider}/{endpoint}`, also by GET, which Twilio can be configured to use.
pub fn routes() -> Routes {
    Routes::new("hooks").add(Need::Open, routes!(deliver)).add(Need::Open, routes!(deliver_by_get))
}

impl From<DeliveryError> for Problem {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::UnknownEndpoint => Self::not_found("provider or endpoint"),
            DeliveryError::Unauthentic(refused) => {
                Self::new(StatusCode::UNAUTHORIZED, "bad_signature", refused.to_string())
            }
            DeliveryError::Method => Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this provider delivers by POST",
            ),
            DeliveryError::TooLarge => Self::too_large(SINGLE_MAX),
            DeliveryError::Failed(error) => error.into(),
        }
    }
}

/// Characters of an event's name that the log of deliveries keeps.
const EVENT_MAX: usize = 64;

/// What became of it, in a word.
fn outcome(accepted: &Result<Accepted, HookError>) -> &'static str {
    match accepted {
        Ok(accepted) => accepted.outcome.as_str(),
        Err(HookError::Body(_)) => "body_not_whole",
        Err(HookError::Limited(_)) => "limited",
        Err(HookError::Delivery(error)) => match error {
            DeliveryError::UnknownEndpoint => "unknown_endpoint",
            DeliveryError::Method | DeliveryError::TooLarge => "not_acceptable",
            DeliveryError::Unauthentic(_) => "unauthentic",
            DeliveryError::Failed(_) => "failed",
        },
    }
}

/// The result of a delivery.
#[derive(Serialize, ToSchema)]
struct Delivered {
    /// The id of this request; a redelivery has another.
    delivery_id: String,
    /// The worst outcome among its facts.
    #[schema(value_type = Outcome)]
    outcome: Outcome,
    /// The facts of the delivery, with their outcomes.
    facts: Vec<FactAnswer>,
    /// The id of the quarantined delivery, for its retry; the same for every redelivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine_id: Option<String>,
    /// Why it was quarantined, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// `weak` where something that would identify the delivery is absent: a part of its key, so that a digest of its body
    /// is the key, or the person that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'static str>,
}

/// Receives a provider's delivery, authenticated by its signature or, without one, by the endpoint's secret id. Every
/// authentic delivery is answered 200 once it is durable, quarantined ones too, so that no provider redelivers for ever.
#[utoipa::path(
    post,
    path = "/hooks/{provider}/{endpoint}",
    request_body(content((Object = "application/json"), (Object = "application/x-www-form-urlencoded"), (Object = "multipart/form-data"), (String = "*/*")), description = "The payload as the provider sends it, at most 1 MiB"),
    responses(
        (status = 200, body = Delivered),
        (status = 401, description = "Missing or invalid signature"),
        (status = 404, description = "Unknown provider or endpoint"),
        (status = 405, description = "The provider does not deliver by this method"),
        (status = 413, description = "Over 1 MiB"),
        (status = 429, description = "More than `[limits]` lets an endpoint bring that is proven by its id alone; signed deliveries are never limited")
    )
)]
async fn deliver(
    app: State<Arc<App>>,
    path: Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    take(app, path, request).await
}

/// Receives a provider's delivery whose parameters are in the query string.
#[utoipa::path(
    get,
    path = "/hooks/{provider}/{endpoint}",
    responses(
        (status = 200, body = Delivered),
        (status = 401, description = "Missing or invalid signature"),
        (status = 404, description = "Unknown provider or endpoint"),
        (status = 405, description = "The provider does not deliver by this method"),
        (status = 413, description = "Over 1 MiB"),
        (status = 429, description = "More than `[limits]` lets an endpoint bring that is proven by its id alone; signed deliveries are never limited")
    )
)]
async fn deliver_by_get(
    app: State<Arc<App>>,
    path: Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    take(app, path, request).await
}

async fn take(
    State(app): State<Arc<App>>,
    Path((provider, endpoint)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (began, received_at, id) = (Stopwatch::now(), Instant((app.engine.clock)()), Uuid::now_v7());
    let origin = app.engine.ingest.origin(&provider, &endpoint);
    if request.method() == Method::HEAD {
        // Providers look whether the URL is there by it. It delivers nothing, as a HEAD changes nothing.
        let echo = Echo::of(&origin, request.headers());
        let found = origin.endpoint.map(|_| echo.on(StatusCode::OK.into_response()));
        return found.ok_or_else(|| DeliveryError::UnknownEndpoint.into());
    }
    let (echo, challenge) = (Echo::of(&origin, request.headers()), origin.challenge);
    let known_provider = origin.is_provider.then(|| provider.clone());
    let accepted = deliver_to(&app, (provider, endpoint), (&origin, &echo), request, received_at).await;
    // Labels of metrics are configured names only: anybody can invent a path.
    observability::delivery(known_provider.as_deref().unwrap_or("other"), outcome(&accepted));
    let micros = began.elapsed().as_micros().try_into().unwrap_or(u32::MAX);
    app.engine.deliveries.record(noted(&accepted, origin, known_provider, (received_at, id, micros)));
    let mut accepted = match (accepted, challenge) {
        (Err(HookError::Delivery(error @ DeliveryError::Unauthentic(_))), Some(challenge)) => {
            let mut refused = Problem::from(error).into_response();
            refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            return Ok(refused);
        }
        (accepted, _) => accepted?,
    };
    if let Some(tenant) = &accepted.tenant {
        for fact in accepted.facts.iter_mut().filter(|fact| fact.outcome == Outcome::Duplicate) {
            fact.voided = app.engine.views.is_voided(tenant, fact.position);
        }
    }
    let (quarantine_id, reason) = accepted.quarantine.map(|kept| (kept.id, kept.reason.as_str())).unzip();
    let answer = Json(Delivered {
        delivery_id: id.to_string(),
        outcome: accepted.outcome,
        facts: accepted.facts,
        quarantine_id,
        reason,
        identity: accepted.weak.then_some("weak"),
    });
    Ok(echo.on(answer.into_response()))
}

/// The header that the answer repeats, where the mapping names one and the request has it.
struct Echo(Option<(HeaderName, HeaderValue)>);

impl Echo {
    fn of(origin: &DeliveryOrigin, headers: &HeaderMap) -> Self {
        let name =
            origin.echo_header.as_deref().and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        Self(name.and_then(|name| headers.get(&name).cloned().map(|value| (name, value))))
    }

    fn on(self, mut response: Response) -> Response {
        if let Some((name, value)) = self.0 {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// Why a delivery was not answered with 200.
enum HookError {
    /// The body was not read to its end.
    Body(Problem),
    /// The endpoint brings too much.
    Limited(Problem),
    Delivery(DeliveryError),
}

impl From<HookError> for Problem {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Body(problem) | HookError::Limited(problem) => problem,
            HookError::Delivery(error) => error.into(),
        }
    }
}

async fn deliver_to(
    app: &App,
    (provider, endpoint): (String, String),
    (origin, echo): (&DeliveryOrigin, &Echo),
    request: Request,
    received_at: Instant,
) -> Result<Accepted, HookError> {
    let (parts, body) = request.into_parts();
    // What comes to no endpoint takes no room from what comes to one.
    let body = if origin.endpoint.is_some() { body } else { Body::empty() };
    let body = whole_of_a_stranger(body, SINGLE_MAX).await.map_err(HookError::Body)?;
    if echo.0.is_some() && parts.method == Method::POST && body.trim_ascii().is_empty() {
        // The source asks whether the URL is its own, and signs nothing; nothing is delivered.
        let tenant = origin.tenant.clone();
        return Ok(Accepted { tenant, ..Accepted::nothing() });
    }
    let unproven = origin.endpoint.as_deref().filter(|_| !origin.has_secret);
    if let Some(endpoint) = unproven {
        // Whoever knows its id may fill the disk.
        let bytes = body.len() + parts.uri.query().map_or(0, str::len);
        app.limits.count_delivery(endpoint, bytes).map_err(HookError::Limited)?;
    }
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
        received_at,
    };
    app.engine.ingest.deliver(&delivery).await.map_err(HookError::Delivery)
}

/// The row in the log of deliveries: names and times, nothing of the payload.
fn noted(
    accepted: &Result<Accepted, HookError>,
    origin: DeliveryOrigin,
    provider: Option<String>,
    (at, id, micros): (Instant, Uuid, u32),
) -> deliveries::Delivered {
    let (status, error) = match accepted {
        Ok(accepted) => match accepted.outcome {
            Outcome::Ignored => (DeliveryStatus::Ignored, None),
            Outcome::Duplicate => {
                (DeliveryStatus::Duplicate, accepted.unknown_number.then_some(UNKNOWN_NUMBER))
            }
            Outcome::Recorded => {
                (DeliveryStatus::Recorded, accepted.unknown_number.then_some(UNKNOWN_NUMBER))
            }
            Outcome::Conflict => (DeliveryStatus::Conflict, Some("conflict")),
            Outcome::Quarantined => {
                (DeliveryStatus::Quarantined, accepted.quarantine.as_ref().map(|kept| kept.reason.as_str()))
            }
        },
        Err(HookError::Body(_)) => (DeliveryStatus::Rejected, Some("body_not_whole")),
        Err(HookError::Limited(_)) => (DeliveryStatus::Limited, Some("too_many_deliveries")),
        Err(HookError::Delivery(error)) => match error {
            DeliveryError::UnknownEndpoint => (DeliveryStatus::Rejected, Some("unknown_endpoint")),
            DeliveryError::Method => (DeliveryStatus::Rejected, Some("method_not_allowed")),
            DeliveryError::TooLarge => (DeliveryStatus::Rejected, Some("too_large")),
            DeliveryError::Unauthentic(_) => (DeliveryStatus::Refused, Some("bad_signature")),
            DeliveryError::Failed(_) => (DeliveryStatus::Failed, Some("log_unavailable")),
        },
    };
    let (tenant, event) = match accepted {
        Ok(accepted) => (accepted.tenant.clone(), accepted.event.as_deref()),
        Err(_) => (origin.tenant, None),
    };
    deliveries::Delivered {
        at: at.0,
        id: id.into_bytes(),
        provider: provider.unwrap_or_default().into(),
        endpoint: origin.endpoint.map(Into::into),
        tenant: tenant.map(|tenant| tenant.as_str().into()),
        event: event.map(|event| event.chars().take(EVENT_MAX).collect()),
        status,
        micros,
        error: error.map(Into::into),
        weak: accepted.as_ref().is_ok_and(|accepted| accepted.weak),
    }
}
