//! Requests to place calls as they are served, each answer at its position.

use domain::keys::Position;
use projections::entities::call_requests::list::CallRequestItem;

use super::TenantView;

impl TenantView {
    /// The request of that id, and the position at which the answer is true.
    pub fn call_request(&self, request_id: &str) -> Option<(CallRequestItem, Position)> {
        self.with(|tenant, position| {
            let item = tenant.call_requests.rows.get(&tenant.calls.rows, request_id)?;
            Some((item, position))
        })
    }
}
