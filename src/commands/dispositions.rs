//! What people say of a call: each word is one more fact, and the last one counts (C4).

use std::convert::Infallible;

use domain::facts::Fact;
use domain::facts::call::{CallDisposed, CallFact};
use domain::keys::{Position, TenantId};

use super::{CommandError, Commands, IdempotencyKey, Receipt};

impl Commands {
    /// Records a disposition; answers its position. The provider's report may come later, so the call need not be
    /// known.
    ///
    /// # Errors
    /// [`CommandError::Mismatch`], or one after which the command may be sent again.
    pub async fn dispose_call(
        &self,
        tenant: &TenantId,
        key: Option<&IdempotencyKey>,
        disposition: CallDisposed,
    ) -> Result<Receipt<Position>, CommandError<Infallible>> {
        self.once(tenant, key, |_, _| Ok(Some(Fact::Call(CallFact::Disposed(disposition.clone()))))).await
    }
}
