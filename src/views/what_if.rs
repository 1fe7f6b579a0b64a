//! What other rules would make of a tenant's history (E8), from the rows in memory. Nothing is recorded.

use std::fmt;
use std::str::FromStr;

use domain::facts::tenant::Rules;
use domain::keys::Position;
use domain::members::{Instant, Month};
use projections::explain::what_if::{ChangedFigure, FlipPlace, FlippedSubject, WhatIf};
use serde::Serialize;
use utoipa::ToSchema;

use super::TenantView;

/// Figures under the rules in force and under others.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WhatIfAnswer {
    /// True at this position (R8).
    #[schema(value_type = u64)]
    pub position: Position,
    /// First month.
    pub from: String,
    /// Last month, inclusive.
    pub to: String,
    /// The figures that would be others, by month; those of the CRM are of now.
    pub figures: Vec<ChangedFigure>,
    /// How many subjects would count, or count no more.
    pub flipped_subjects: usize,
    /// A page of them.
    pub items: Vec<FlippedSubject>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// Where a page of flipped subjects ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlipCursor(FlipPlace);

/// The text is no such cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAFlipCursor;

impl fmt::Display for FlipCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (figure, first, place) = self.0;
        write!(f, "{figure}.{first}.{place}")
    }
}

impl FromStr for FlipCursor {
    type Err = NotAFlipCursor;

    fn from_str(text: &str) -> Result<Self, NotAFlipCursor> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(NotAFlipCursor);
        let (figure, first, place) = (next()?.parse(), next()?.parse(), next()?.parse());
        match (figure, first, place) {
            (Ok(figure), Ok(first), Ok(place)) => Ok(Self((figure, first, place))),
            _ => Err(NotAFlipCursor),
        }
    }
}

impl TenantView {
    /// What `rules`, laid over those in force, would make of the months `from` to `to`. Takes as long as a configuration.
    pub fn what_if(
        &self,
        rules: &Rules,
        (from, to): (Month, Month),
        (after, limit): (Option<FlipCursor>, usize),
        now: Instant,
    ) -> WhatIfAnswer {
        let (tenant, position) = self.with(|tenant, position| (tenant.clone(), position));
        let what_if = WhatIf::new(tenant, rules, (from, to), now);
        let (flipped_subjects, items, next) = what_if.flips(after.map(|after| after.0), limit);
        WhatIfAnswer {
            position,
            from: from.to_string(),
            to: to.to_string(),
            figures: what_if.figures(),
            flipped_subjects,
            items,
            next_cursor: next.map(|place| FlipCursor(place).to_string()),
        }
    }
}
