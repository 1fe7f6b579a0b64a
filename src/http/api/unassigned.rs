//! The models of what belongs to no tenant: deliveries whose tenant could not be found, and alerts about them.

use domain::keys::{Position, TenantId};
use projections::tenant::Tenant as Models;

use crate::http::app::App;

/// What `take` reads of those models, with the position up to which it is true.
pub fn unassigned<R: Default>(app: &App, take: impl FnOnce(&Models) -> R) -> (R, Position) {
    let view = app.engine.views.internal(&TenantId::unassigned());
    view.map(|view| view.with(|tenant, position| (take(tenant), position))).unwrap_or_default()
}
