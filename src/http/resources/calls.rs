//! Calls.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use domain::facts::tenant::CountedDirection;
use domain::members::{Day, Email};
use domain::rules::qualification::Verdict;
use projections::entities::calls::list::CallItem;
use projections::store::Page;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::day_range::in_order;
use crate::http::api::extractors::{List, Read};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::parameters;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::facts::{FactError, fill_recording_urls};
use crate::views::{CallAnswer, CallFilter};

/// `/calls`, `/calls/{call_id}`.
pub fn routes() -> Routes {
    Routes::new("calls").add(Need::Viewer, routes!(list_calls)).add(Need::Viewer, routes!(get_call))
}

parameters! {
    /// The filter of calls.
    CallQuery {
        /// `qualified` or `unqualified`.
        status: Verdict,
        /// Whether somebody answered.
        answered: bool,
        /// Whether the figures of answered and qualified count the call: its direction is one that the tenant counts.
        counted: bool,
        /// Who called whom; `unknown` where no provider said so.
        direction: CountedDirection,
        /// The agent's email.
        agent: Email,
        /// First local day of the calls.
        from: Day,
        /// Last local day of the calls, inclusive.
        to: Day,
    }
}

/// Lists calls, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/calls",
    params(List<CallQuery>),
    responses((status = 200, body = Page<CallItem>))
)]
async fn list_calls(State(app): State<Arc<App>>, list: List<CallQuery>) -> Result<Response, Problem> {
    let CallQuery { status, answered, counted, direction, agent, from, to } = list.query.clone();
    in_order(from, to)?;
    let filter = CallFilter { status, answered, counted, direction, agent, from, to };
    let after = list.after()?;
    let (view, limit, log) = (list.view.clone(), list.limit, app.engine.log.clone());
    let read = move || -> Result<_, FactError> {
        let mut page = view.calls(&filter, after.as_ref(), limit);
        fill_recording_urls(&log.snapshot(), &mut page.items)?;
        Ok(page)
    };
    list.page(blocking(read).await??)
}

/// Gets one call with its facts.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/calls/{call_id}",
    params(Read),
    responses((status = 200, body = CallAnswer))
)]
async fn get_call(
    State(app): State<Arc<App>>,
    Path((_, call_id)): Path<(String, String)>,
    read: Read,
) -> Result<Response, Problem> {
    let mut answer = read.view.call(&call_id).ok_or_else(|| Problem::not_found("call"))?;
    let log = app.engine.log.clone();
    let fill = move || -> Result<_, FactError> {
        fill_recording_urls(&log.snapshot(), [&mut answer.call])?;
        Ok(answer)
    };
    let answer = blocking(fill).await??;
    read.answer(answer.position, &answer)
}
