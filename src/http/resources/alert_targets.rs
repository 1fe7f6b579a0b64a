//! Alert targets: the webhooks and mail addresses to which alerts are sent (F2).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::facts::setting::AlertStyle;
use domain::json::Reader;
use domain::keys::TenantId;
use domain::members::Text;
use domain::rules::alerts::{AlertRule, MailTopic};
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::{NewTarget, TargetRejection};
use crate::directory::AlertTarget;
use crate::http::api::extractors::{GlobalAccess, GlobalList};
use crate::http::api::json_body::{json_body, members};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/alert-targets`.
pub fn routes() -> Routes {
    Routes::new("alerts")
        .add(Need::Admin, routes!(list_alert_targets, set_alert_target))
        .add(Need::Admin, routes!(remove_alert_target))
}

impl From<TargetRejection> for Problem {
    fn from(rejection: TargetRejection) -> Self {
        match rejection {
            TargetRejection::TooMany => {
                Self::new(StatusCode::CONFLICT, "too_many_targets", rejection.to_string())
            }
            TargetRejection::NotFound => Self::not_found("alert target"),
        }
    }
}

/// A target of alerts.
#[derive(Serialize, ToSchema)]
struct TargetItem {
    /// The target's id.
    target_id: String,
    /// `webhook`, `slack` or `email`.
    style: &'static str,
    /// Host of the target's URL or address. The rest of it may be a secret and is not shown. Null once it is erased.
    host: Option<String>,
    /// Tenants whose alerts are sent; empty for all alerts, with or without a tenant.
    tenants: Vec<String>,
    /// Rules whose alerts are sent; empty for every rule.
    rules: Vec<String>,
    /// When the target was added.
    set_at: String,
}

impl From<AlertTarget> for TargetItem {
    fn from(target: AlertTarget) -> Self {
        let host = target.url.as_deref().and_then(|url| match url.strip_prefix("mailto:") {
            Some(address) => address.rsplit('@').next(),
            None => url.split("://").nth(1)?.split(['/', '?', '#']).next(),
        });
        Self {
            host: host.map(str::to_owned),
            target_id: target.id,
            style: target.style.as_str(),
            tenants: target.tenants,
            rules: target.rules,
            set_at: target.set_at.to_string(),
        }
    }
}

/// The new target.
#[derive(Serialize, ToSchema)]
struct NewTargetAnswer {
    #[serde(flatten)]
    target: TargetItem,
    /// The signing secret of a `webhook` target (Standard Webhooks), shown only in this answer; null for the others.
    secret: Option<String>,
}

/// A target to be added.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what set_alert_target reads")]
struct NewAlertTargetBody {
    /// An https URL of a public host; of style `email` mailto: and an email address.
    url: String,
    /// `webhook` (the default), `slack` or `email`.
    #[schema(required = false)]
    style: String,
    /// Tenants whose alerts are sent; absent for all alerts, with or without a tenant.
    #[schema(required = false)]
    tenants: Vec<String>,
    /// Rules whose alerts are sent; absent for every rule. Of style `email` also `report_published` and `weekly_digest`, which
    /// are mailed only where they are named.
    #[schema(required = false)]
    rules: Vec<String>,
}

/// Lists the targets of alerts, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/alert-targets",
    params(GlobalList),
    responses((status = 200, body = Page<TargetItem>))
)]
async fn list_alert_targets(State(app): State<Arc<App>>, list: GlobalList) -> Result<Response, Problem> {
    let (position, targets) = app.engine.commands.alert_targets();
    let rows = targets.into_iter().map(TargetItem::from);
    list.by_id(position, rows.map(|row| (row.target_id.clone(), row)).collect())
}

/// The member `rules`: rules of alerts, and of a mail address the topics of mails.
fn rules(at: &mut Reader<'_>, style: AlertStyle) -> Vec<Text> {
    let mut found = Vec::new();
    for word in at.list::<Text>("rules", 50) {
        let rule = AlertRule::parse(word.as_str()).map(AlertRule::as_str);
        let topic = MailTopic::parse(word.as_str()).map(MailTopic::as_str);
        match rule.or(topic.filter(|_| style == AlertStyle::Email)) {
            Some(known) => found.extend(Text::new(known)),
            None => {
                let rules = AlertRule::ALL.iter().map(|rule| rule.as_str());
                let topics = MailTopic::ALL.iter().map(|topic| topic.as_str());
                let known: Vec<&str> = rules.chain(topics).collect();
                at.fault_at("rules", &format!("must be of {}; the last two by email alone", known.join(" ")));
                break;
            }
        }
    }
    found
}

/// Adds a target, which receives the alerts that are raised from then on.
#[utoipa::path(
    post,
    path = "/api/v1/alert-targets",
    request_body = NewAlertTargetBody,
    responses(
        (status = 201, body = NewTargetAnswer),
        (status = 422, description = "Invalid content, or the URL is not allowed")
    )
)]
async fn set_alert_target(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    request: Request,
) -> Result<(StatusCode, Json<NewTargetAnswer>), Problem> {
    let body: Bytes = json_body(request).await?;
    let new = members(&body, |at| {
        let url = at.required("url");
        let style = at.optional("style").unwrap_or(AlertStyle::Webhook);
        let (tenants, rules): (Vec<Text>, _) = (at.list("tenants", 500), rules(at, style));
        let is_unknown = |tenant: &&Text| {
            let known = TenantId::new(tenant.as_str()).is_ok_and(|tenant| app.engine.knows(&tenant));
            !known && tenant.as_str() != TenantId::UNASSIGNED
        };
        if let Some(tenant) = tenants.iter().find(is_unknown) {
            at.fault_at("tenants", &format!("unknown tenant {tenant}"));
        }
        let refused = url.as_ref().and_then(|url: &Text| app.engine.outbox.check(style, url.as_str()).err());
        if let Some(refused) = refused {
            at.fault_at("url", &refused.to_string());
        }
        Some(NewTarget { url: url?, style, tenants, rules, by: access.by() })
    })?;
    let signs = new.style == AlertStyle::Webhook;
    let target = app.engine.commands.set_alert_target(new).await?.answer;
    let secret = signs.then(|| app.engine.outbox.target_secret(&target.id));
    let answer = NewTargetAnswer { target: target.into(), secret };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Removes a target; no further alerts are sent to it.
#[utoipa::path(
    delete,
    path = "/api/v1/alert-targets/{target_id}",
    responses((status = 204, description = "Removed"))
)]
async fn remove_alert_target(
    State(app): State<Arc<App>>,
    access: GlobalAccess,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.engine.commands.remove_alert_target(&id, access.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}
