//! The caller's tenants.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::facts::access::Role;
use domain::keys::TenantId;
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{GlobalAccess, GlobalList};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/tenants`.
pub fn routes() -> Routes {
    Routes::new("access").add(Need::Known, routes!(list_tenants))
}

/// A tenant, as its members see it.
#[derive(Serialize, ToSchema)]
struct TenantItem {
    /// The tenant's id, as in paths.
    id: String,
    /// The tenant's name.
    name: Option<String>,
    /// IANA name of the tenant's time zone.
    timezone: Option<&'static str>,
    /// Log position of the tenant's last fact.
    position: u64,
    /// The caller's role in the tenant.
    role: &'static str,
    /// True for a tenant that was removed from the configuration: its figures stay readable, its webhook deliveries go to
    /// quarantine.
    closed: bool,
}

/// Lists the tenants that the caller may see.
#[utoipa::path(
    get,
    path = "/api/v1/tenants",
    params(GlobalList),
    responses((status = 200, body = Page<TenantItem>))
)]
async fn list_tenants(
    State(app): State<Arc<App>>,
    GlobalAccess(caller): GlobalAccess,
    list: GlobalList,
) -> Result<Response, Problem> {
    let folded = app.engine.views.position();
    let rows = move || {
        let tenants = app.engine.registry.state().tenants();
        let views = app.engine.views.tenants().into_iter();
        let views = views.filter_map(|(id, view)| Some((TenantId::new(&id).ok()?, view)));
        let rows = views.filter_map(|(id, view)| {
            let role = caller.role_in(&id)?;
            let timeline = view.timeline();
            let latest = timeline.latest();
            let item = TenantItem {
                id: id.to_string(),
                name: view.name(),
                timezone: (latest.position > 0).then(|| latest.zone.as_str()),
                position: view.position(),
                role: Role::as_str(role),
                closed: tenants.get(&id).is_some_and(|tenant| tenant.closed),
            };
            Some((id.to_string(), item))
        });
        Ok::<_, Problem>(rows.collect())
    };
    let rows: Vec<(String, TenantItem)> = blocking(rows).await??;
    list.by_id(folded, rows)
}
