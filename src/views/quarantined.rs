//! What of a quarantined delivery stands in its fact alone, because it can quote what came.

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use projections::entities::quarantine::list::QuarantineItem;

use super::crm::fact;
use super::facts::FactError;
use crate::log::LogSnapshot;

/// Fills in which field is at fault. Reads files, so neither a tenant's lock nor an async thread may be held.
pub fn fill_details(log: &LogSnapshot, items: &mut [QuarantineItem]) -> Result<(), FactError> {
    for item in items {
        if let Some(Fact::Control(ControlFact::Quarantined(body))) = fact(log, item.fact_position)? {
            item.detail = body.detail.map(|detail| detail.as_str().to_owned());
        }
    }
    Ok(())
}
