//! Monthly targets: what a month is to reach of one metric.

use std::convert::Infallible;

use domain::facts::Fact;
use domain::facts::report::{ReportFact, TargetSet};
use domain::keys::{Position, TenantId};

use super::{CommandError, Commands, IdempotencyKey, Receipt};

impl Commands {
    /// Sets a target; answers the position at which it holds. Without a key, a value that holds already is not
    /// recorded again, but of two requests at once each is.
    ///
    /// # Errors
    /// [`CommandError::Mismatch`], or one after which the command may be sent again.
    pub async fn set_target(
        &self,
        tenant: &TenantId,
        key: Option<&IdempotencyKey>,
        target: TargetSet,
    ) -> Result<Receipt<Position>, CommandError<Infallible>> {
        self.once(tenant, key, |view, _| {
            let TargetSet { month, metric, value } = target;
            let holds = view.with(|tenant, _| tenant.targets.rows.get(month, metric)) == Some(value);
            let is_new = key.is_some() || !holds;
            Ok(is_new.then_some(Fact::Report(ReportFact::TargetSet(target.clone()))))
        })
        .await
    }
}
