//! What other rules would make of the history (E8); nothing is recorded.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::codec::Body;
use domain::facts::tenant::Rules;
use domain::json::Reader;
use domain::members::{Instant, Month, Text};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::cursor::CursorScope;
use crate::http::api::extractors::Command;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{Limit, parameters};
use crate::http::api::rendered::Rendered;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::what_if::{FlipCursor, WhatIfAnswer};

/// Most months of one answer.
const MONTHS_MAX: i32 = 36;

/// `/what-if`.
pub fn routes() -> Routes {
    Routes::new("truth").add(Need::Auditor, routes!(what_if))
}

parameters! {
    /// Which page of the subjects that flip.
    FlipPage {
        /// Most subjects of the page; 50 by default.
        limit: Limit,
        /// `next_cursor` of the page before, of the same question.
        cursor: String,
    }
}

/// Other rules, and the months to lay them over.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what the handler reads member by member")]
struct WhatIfQuestion {
    /// Members of `rules` of a `tenant_configured`; what is left out stays as it is in force.
    rules: std::collections::BTreeMap<String, serde_json::Value>,
    /// First month, such as `2025-09`.
    from: String,
    /// Last month, inclusive.
    to: String,
}

/// Says what other rules would make of some months: the figures that would be others, old and new, and the subjects that would
/// count or count no more. Nothing is recorded; to adopt the rules, configure the tenant.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/what-if",
    params(FlipPage),
    request_body = WhatIfQuestion,
    responses((status = 200, body = WhatIfAnswer))
)]
async fn what_if(State(app): State<Arc<App>>, command: Command<FlipPage>) -> Result<Response, Problem> {
    let (rules, from, to) = command.body(|at: &mut Reader<'_>| {
        let rules = at.nested("rules", Rules::read);
        if rules.is_none() {
            at.fault_at("rules", "is required");
        }
        let rules = rules.flatten();
        let mut month = |name: &'static str| {
            let given = at.required::<Text>(name)?;
            let month = Month::parse(given.as_str());
            if month.is_none() {
                at.fault_at(name, "must be a month such as 2025-10");
            }
            month
        };
        let (from, to) = (month("from"), month("to"));
        let (from, to) = (from?, to?);
        if to < from || to.0 - from.0 >= MONTHS_MAX {
            at.fault_at("to", "must not be before `from`, nor 36 months or more after it");
            return None;
        }
        Some((rules?, from, to))
    })?;
    let mut asked = serde_json::Map::new();
    rules.json(&mut asked);
    let asked = serde_json::Value::Object(asked).to_string();
    let filter = [("rules", asked), ("from", from.to_string()), ("to", to.to_string())];
    let filter: Vec<(&str, &str)> = filter.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let scope = CursorScope::new("what-if", command.tenant.as_str(), &filter);
    let after = command.query.cursor.as_deref().map(|cursor| scope.read::<FlipCursor>(cursor)).transpose()?;
    let limit = command.query.limit.unwrap_or_default().0;
    let turn = app.search_turn(command.tenant.by()).await?;
    let view = app.view(&command.tenant).await?;
    let now = Instant((app.engine.clock)());
    let answer = blocking(move || {
        // Kept until the answer is made, even if nobody waits for it any more.
        let _turn = turn;
        view.what_if(&rules, (from, to), (after, limit), now)
    });
    let mut answer = answer.await?;
    answer.next_cursor = answer.next_cursor.map(|at| scope.write(&at));
    Rendered::json(&answer)?.with_status(StatusCode::OK)
}
