//! Outreach leads and their stages.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::facts::outreach::LeadStage;
use domain::members::Email;
use domain::rules::stages::Stage;
use projections::entities::leads::list::LeadItem;
use projections::store::Page;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::StageRejection;
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{Command, CommandResponse, List, Read};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::parameters;
use crate::http::api::rendered::ItemAnswer;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::{LeadAddress, LeadFilter, LeadLookupError};

/// `/outreach/leads`.
pub fn routes() -> Routes {
    Routes::new("outreach")
        .add(Need::Viewer, routes!(list_leads))
        .add(Need::Viewer, routes!(one_lead))
        .add(Need::Agent, routes!(stage_lead))
}

parameters! {
    /// The filter of leads.
    LeadQuery {
        /// The lead's stage.
        stage: Stage,
        /// Part of name, email or company, in any case.
        search: String,
    }
}

/// Lists outreach leads, newest first by their first event.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/outreach/leads",
    params(List<LeadQuery>),
    responses((status = 200, body = Page<LeadItem>))
)]
async fn list_leads(list: List<LeadQuery>) -> Result<Response, Problem> {
    let LeadQuery { stage, search } = list.query.clone();
    let (filter, after) = (LeadFilter { stage, search }, list.after()?);
    let (view, limit) = (list.view.clone(), list.limit);
    list.page(blocking(move || view.leads(&filter, after.as_ref(), limit)).await?)
}

parameters! {
    /// The instance and workspace of a lead, where several leads have the id.
    LeadScope {
        /// Host of the provider's instance.
        instance: String,
        /// Workspace at the outreach provider.
        workspace: String,
    }
}

impl LeadScope {
    fn address<'a>(&'a self, lead_id: &'a str) -> LeadAddress<'a> {
        LeadAddress { lead_id, instance: self.instance.as_deref(), workspace: self.workspace.as_deref() }
    }
}

/// Gets one lead, by the provider's id, the `lead_id` of the list, or the email.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/outreach/leads/{lead_id}",
    params(Read<LeadScope>),
    responses((status = 200, body = ItemAnswer<LeadItem>), (status = 409, description = "Several leads have this id; name `workspace` and `instance`"))
)]
async fn one_lead(
    State(app): State<Arc<App>>,
    Path((_, lead_id)): Path<(String, String)>,
    read: Read<LeadScope>,
) -> Result<Response, Problem> {
    let address = read.query.address(&lead_id);
    let (found, position) = read.view.find_lead(&app.engine.secret, &read.tenant, &address);
    read.answer(position, &ItemAnswer { position, answer: found? })
}

/// The stage of a lead.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct StageBody {
    /// `interested`, `quoting`, `follow_up`, `won` or `lost`.
    stage: String,
}

/// Sets a lead's stage. Only a later event of a higher stage moves the lead on.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/outreach/leads/{lead_id}/stage",
    params(Command<LeadScope>),
    request_body = StageBody,
    responses(
        (status = 200, body = CommandResponse<LeadItem>),
        (status = 201, body = CommandResponse<LeadItem>),
        (status = 409, description = "Several leads have this id, or the lead has neither an id nor an email any more"),
    )
)]
async fn stage_lead(
    State(app): State<Arc<App>>,
    Path((_, lead_id)): Path<(String, String)>,
    command: Command<LeadScope>,
) -> Result<Response, Problem> {
    let (tenant, address) = (&command.tenant, command.query.address(&lead_id));
    let stage: LeadStage = command.body(|at| at.required("stage"))?;
    let (commands, key, by) = (&app.engine.commands, command.key.as_ref(), Email::new(tenant.by()));
    let receipt = commands.stage_lead(tenant, key, &address, stage, by).await?;
    let view = commands.folded(tenant).await?;
    let (lead, _) = view.find_lead(&app.engine.secret, tenant, &address);
    CommandResponse::response(&receipt, lead?)
}

impl From<LeadLookupError> for Problem {
    fn from(error: LeadLookupError) -> Self {
        match error {
            LeadLookupError::NotFound => Self::not_found("lead"),
            LeadLookupError::Ambiguous => {
                Self::new(StatusCode::CONFLICT, "ambiguous_lead", error.to_string())
            }
        }
    }
}

impl From<StageRejection> for Problem {
    fn from(rejection: StageRejection) -> Self {
        match rejection {
            StageRejection::Lead(error) => error.into(),
            StageRejection::Nameless => {
                Self::new(StatusCode::CONFLICT, "nameless_lead", rejection.to_string())
            }
        }
    }
}
