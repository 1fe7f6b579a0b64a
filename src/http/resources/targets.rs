//! Monthly targets. `/metrics/month` answers the progress towards them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use domain::facts::report::{TargetMetric, TargetSet};
use domain::json::FieldError;
use domain::members::Month;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::api::extractors::{Command, CommandResponse};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::Value;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/targets/{month}/{metric}`.
pub fn routes() -> Routes {
    Routes::new("targets").add(Need::Operator, routes!(set_target))
}

/// The value of a target.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct TargetBody {
    /// The value to reach in the month.
    value: u64,
}

/// A monthly target.
#[derive(Serialize, ToSchema)]
struct Target {
    /// The month, such as `2025-10`.
    month: String,
    /// The figure: `positive_replies`, `emails_sent` or `qualified`.
    metric: &'static str,
    /// The value to reach in the month.
    value: u64,
}

/// Sets the target of a month for `positive_replies`, `emails_sent` or `qualified`.
#[utoipa::path(
    put,
    path = "/api/v1/tenants/{tenant}/targets/{month}/{metric}",
    params(Command),
    request_body = TargetBody,
    responses((status = 200, body = CommandResponse<Target>), (status = 201, body = CommandResponse<Target>))
)]
async fn set_target(
    State(app): State<Arc<App>>,
    Path((_, month, metric)): Path<(String, String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    let words = TargetMetric::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(" ");
    let month = part(&month, "month", Month::parse, <Month as Value>::rule());
    let metric = part(&metric, "metric", TargetMetric::parse, format!("one of {words}"));
    let (month, metric) = match (month, metric) {
        (Ok(month), Ok(metric)) => (month, metric),
        (month, metric) => {
            let faults = month.err().into_iter().chain(metric.err()).collect();
            return Err(Problem::unprocessable("invalid_path", faults));
        }
    };
    let value: u64 = command.body(|at| at.required("value"))?;
    let target = TargetSet { month, metric, value };
    let receipt = app.engine.commands.set_target(&command.tenant, command.key.as_ref(), target).await?;
    let target = Target { month: month.to_string(), metric: metric.as_str(), value };
    CommandResponse::response(&receipt, target)
}

/// A value in the path.
fn part<T>(text: &str, name: &str, parse: impl Fn(&str) -> Option<T>, rule: String) -> Result<T, FieldError> {
    let fault = || FieldError { pointer: format!("/{name}"), message: format!("must be {rule}") };
    parse(text.trim()).ok_or_else(fault)
}
