//! Erasing a person's data (E10).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::json::Reader;
use domain::keys::{Position, TenantId};
use domain::members::{Email, Phone, Text};
use domain::rules::persons::PersonName;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::{ErasureRejection, IdempotencyKey};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{Command, GlobalCommand};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::rendered::Rendered;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/erase`.
pub fn routes() -> Routes {
    Routes::new("persons").add(Need::Admin, routes!(erase)).add(Need::Admin, routes!(erase_unassigned))
}

/// Who is erased: one of the three.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `person` reads")]
struct ErasureRequest {
    /// An email of a lead.
    email: Option<String>,
    /// The phone of a caller, of somebody who was called, or of a lead; E.164.
    phone: Option<String>,
    /// A lead's id.
    lead: Option<String>,
}

impl From<ErasureRejection> for Problem {
    fn from(error: ErasureRejection) -> Self {
        match error {}
    }
}

fn person(at: &mut Reader<'_>) -> Option<PersonName> {
    let email: Option<Email> = at.optional("email");
    let phone: Option<Phone> = at.optional("phone");
    let lead: Option<Text> = at.optional("lead");
    let phone = match phone {
        Some(phone) if !phone.is_e164() => {
            at.fault_at("phone", &format!("must be {}", Phone::E164_RULE));
            return None;
        }
        phone => phone,
    };
    let names = [email.map(PersonName::Email), phone.map(PersonName::Phone), lead.map(PersonName::Lead)];
    let mut names = names.into_iter().flatten();
    match (names.next(), names.next()) {
        (Some(name), None) => Some(name),
        (_, _) => {
            at.fault("must have one of email, phone and lead");
            None
        }
    }
}

/// What was erased. The tree, every position, key and counter are as they were, so both checkpoints hold of one log.
#[derive(Serialize, ToSchema)]
struct Receipt {
    /// How many facts had something to erase.
    erased_facts: u64,
    /// Bytes that went: personal parts, payloads and salts.
    bytes: u64,
    /// Where the fact stands that says that somebody was erased. It names nobody.
    position: Position,
    /// Targets of alerts that had the person's mail address: they were removed, and the address was erased. A tenant's
    /// erasure reaches those of that tenant alone, the global one all.
    alert_targets: u64,
    /// The signed checkpoint of the log before that fact.
    #[schema(required = true)]
    checkpoint_before: Option<String>,
    /// The signed checkpoint with that fact.
    #[schema(required = true)]
    checkpoint_after: Option<String>,
    /// Whether the engine that orders a shared log still has the data: until `factfold cluster reseed`. Every node erases
    /// it from its own files, those that are away before they serve again.
    pending_in_engine: bool,
}

/// Erases a person's data: personal parts of facts, original payloads and the salts of their hashes, in the log, in payloads
/// and pages that are kept beside it, and in the read models. Figures, positions, hashes and keys stay. A backup made
/// before has to be erased again, which a restore does. What a provider delivers anew afterwards is recorded anew.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/erase",
    params(Command),
    request_body = ErasureRequest,
    responses((status = 200, body = Receipt))
)]
async fn erase(State(app): State<Arc<App>>, command: Command) -> Result<Response, Problem> {
    let person = command.body(person)?;
    let (tenant, by) = ((*command.tenant).clone(), Text::new(command.tenant.by()));
    carried_out(app, tenant, person, by, command.key).await
}

/// Erases a person's data from what no tenant owns: quarantined deliveries whose tenant is unknown, whatever stands
/// beside them, and targets of alerts with the person's mail address. Each tenant's own is erased by its own route.
#[utoipa::path(
    post,
    path = "/api/v1/erase",
    params(GlobalCommand),
    request_body = ErasureRequest,
    responses((status = 200, body = Receipt))
)]
async fn erase_unassigned(State(app): State<Arc<App>>, command: GlobalCommand) -> Result<Response, Problem> {
    let person = command.body(person)?;
    carried_out(app, TenantId::unassigned(), person, command.access.by(), command.key).await
}

async fn carried_out(
    app: Arc<App>,
    tenant: TenantId,
    person: PersonName,
    by: Option<Text>,
    key: Option<IdempotencyKey>,
) -> Result<Response, Problem> {
    let by = by.ok_or_else(|| Problem::not_found("caller"))?;
    let receipt = blocking(move || app.engine.erase(&tenant, &person, &by, key.as_ref())).await??;
    Rendered::json(&Receipt {
        erased_facts: receipt.erased_facts,
        bytes: receipt.bytes,
        position: receipt.position,
        alert_targets: receipt.alert_targets,
        checkpoint_before: receipt.checkpoint_before,
        checkpoint_after: receipt.checkpoint_after,
        pending_in_engine: receipt.pending_in_engine,
    })?
    .with_status(axum::http::StatusCode::OK)
}
