//! Outreach leads, and where people put them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::facts::Fact;
use domain::facts::outreach::{LeadName, LeadStage, LeadStaged, OutreachFact, OutreachLead};
use domain::keys::Position;
use domain::members::{Email, Text};
use domain::rules::stages::Stage;
use projections::entities::leads::list::{LeadItem, email_digest, item};
use projections::store::Page;
use projections::tenant::Tenant as Models;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::{Done, Once};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{Command, CommandResponse, List, Read, TenantAccess};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::parameters;
use crate::http::api::rendered::ItemAnswer;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::{LeadFilter, TenantView};

/// `/outreach/leads`.
pub fn routes() -> Routes {
    Routes::new("outreach")
        .add(Need::Viewer, routes!(list_leads))
        .add(Need::Viewer, routes!(one_lead))
        .add(Need::Agent, routes!(stage_lead))
}

parameters! {
    /// Which leads.
    Leads {
        /// Where they stand.
        stage: Stage,
        /// Part of name, email or company, in any case.
        search: String,
    }
}

/// Outreach leads, newest first by their first event.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/outreach/leads",
    params(List<Leads>),
    responses((status = 200, body = Page<LeadItem>))
)]
async fn list_leads(list: List<Leads>) -> Result<Response, Problem> {
    let Leads { stage, search } = list.query.clone();
    let (filter, after) = (LeadFilter { stage, search }, list.after()?);
    let (view, limit) = (list.view.clone(), list.limit);
    list.page(blocking(move || view.leads(&filter, after.as_ref(), limit)).await?)
}

parameters! {
    /// Where the lead is, if more than one has the id.
    Place {
        /// Host of the provider's instance.
        instance: String,
        /// The provider's workspace.
        workspace: String,
    }
}

/// A lead by the provider's id, by the `lead_id` of the list, or by email.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/outreach/leads/{lead_id}",
    params(Read<Place>),
    responses((status = 200, body = ItemAnswer<LeadItem>), (status = 409, description = "several leads have the id"))
)]
async fn one_lead(
    State(app): State<Arc<App>>,
    Path((_, lead_id)): Path<(String, String)>,
    read: Read<Place>,
) -> Result<Response, Problem> {
    let (found, position) = find(&app, &read.tenant, &read.view, &lead_id, &read.query);
    read.answer(position, &ItemAnswer { position, answer: found? })
}

/// Where a person puts a lead.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct StageBody {
    /// `interested`, `quoting`, `follow_up`, `won` or `lost`.
    stage: String,
}

/// Puts a lead where a person says it stands; only a later event of higher rank moves it on.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/outreach/leads/{lead_id}/stage",
    params(Command<Place>),
    request_body = StageBody,
    responses(
        (status = 200, body = CommandResponse<LeadItem>),
        (status = 201, body = CommandResponse<LeadItem>),
        (status = 409, description = "several leads have the id, or it has no name any more"),
    )
)]
async fn stage_lead(
    State(app): State<Arc<App>>,
    Path((_, lead_id)): Path<(String, String)>,
    command: Command<Place>,
) -> Result<Response, Problem> {
    let (tenant, place) = (&command.tenant, &command.query);
    let stage: LeadStage = command.body(|at| at.required("stage"))?;
    let commands = &app.engine.commands;
    let (found, position) = find(&app, tenant, &commands.folded(tenant).await?, &lead_id, place);
    let lead = found?;
    if command.key.is_none() && lead.stage == Stage::from(stage).as_str() {
        return CommandResponse::response(&Done { answer: position, recorded: None }, lead);
    }
    let named = name_of(&lead)?;
    let text = |text: &Option<String>| text.as_deref().and_then(Text::new);
    let once = Once {
        check: |_: &TenantView, _| Ok::<(), Problem>(()),
        make: |_: Option<&Fact>| {
            Fact::Outreach(OutreachFact::Staged(LeadStaged {
                stage,
                by: Email::new(tenant.by()),
                instance: text(&lead.instance),
                workspace: text(&lead.workspace),
                lead: Some(named.clone()),
            }))
        },
    };
    let done = commands.once(tenant, command.key.as_ref(), once).await?;
    let (found, _) = find(&app, tenant, &commands.folded(tenant).await?, &lead_id, place);
    CommandResponse::response(&done, found?)
}

/// The one lead of that name: 404 where there is none, 409 where there are several.
fn find(
    app: &App,
    tenant: &TenantAccess,
    view: &TenantView,
    lead_id: &str,
    place: &Place,
) -> (Result<LeadItem, Problem>, Position) {
    let by_email =
        || Email::new(lead_id).map(|email| app.engine.secret.person(tenant.as_str(), email.as_str()));
    let is_there = |lead: &LeadItem| {
        let is = |wanted: &Option<String>, of: &Option<String>| wanted.is_none() || wanted == of;
        is(&place.instance, &lead.instance) && is(&place.workspace, &lead.workspace)
    };
    let named = |models: &Models, name: LeadName<'_>| {
        let leads = &models.leads.rows;
        let found = leads.named(name).into_iter().map(|lead| item(&lead, leads.texts(), &models.calls.rows));
        found.filter(is_there).collect::<Vec<_>>()
    };
    view.with(|models, position| {
        let mut found = Text::new(lead_id).map_or_else(Vec::new, |id| named(models, LeadName::Id(&id)));
        if let (true, Some(digest)) = (found.is_empty(), email_digest(lead_id).or_else(by_email)) {
            found = named(models, LeadName::Email(digest));
        }
        let lead = match (found.pop(), found.is_empty()) {
            (Some(lead), true) => Ok(lead),
            (None, _) => Err(Problem::not_found("lead")),
            (Some(_), false) => {
                let detail =
                    "several leads have this id: name 'workspace', and 'instance' where it needs one";
                Err(Problem::new(StatusCode::CONFLICT, "ambiguous_lead", detail))
            }
        };
        (lead, position)
    })
}

/// By what a fact names the lead: the provider's id, else the email.
fn name_of(lead: &LeadItem) -> Result<OutreachLead, Problem> {
    let by_email = lead.lead_id.starts_with('@');
    let named = OutreachLead {
        id: if by_email { None } else { Text::new(&lead.lead_id) },
        email: if by_email { lead.email.as_deref().and_then(Email::new) } else { None },
        email_digest: None,
        first_name: None,
        last_name: None,
        company: None,
        title: None,
    };
    if named.id.is_some() || named.email.is_some() {
        return Ok(named);
    }
    let detail = "the lead has neither an id nor an email any more";
    Err(Problem::new(StatusCode::CONFLICT, "nameless_lead", detail))
}
