//! Ends of imports whose facts a client posted.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::facts::import::ImportFinished;
use domain::json::{FieldError, Reader};
use domain::members::Text;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::ImportRejection;
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{Command, CommandResponse};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::App;

/// `/imports`.
pub fn routes() -> Routes {
    Routes::new("facts").add(Need::Operator, routes!(finish_import))
}

/// What became of the lines of a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct FinishedImport {
    /// SHA-256 of the file in 64 hexadecimal digits.
    file: String,
    /// Length of the file in bytes.
    bytes: u64,
    /// Lines that are not blank: the four counts together.
    lines: u64,
    /// Facts that were new.
    recorded: u64,
    /// Facts that were known.
    duplicates: u64,
    /// Facts whose key was known with other content.
    conflicts: u64,
    /// Lines that are no facts, or none that may be posted.
    rejected: u64,
    /// The lowest position of a fact of the file, known ones included.
    lowest_position: Option<u64>,
    /// The first position of a new fact.
    first_position: Option<u64>,
    /// The last position of a new fact.
    last_position: Option<u64>,
}

/// The end of an import.
#[derive(Serialize, ToSchema)]
struct ImportAnswer {
    /// SHA-256 of the file in hexadecimal digits.
    file: String,
}

fn finished(at: &mut Reader<'_>, by: Option<Text>) -> Option<ImportFinished> {
    let (file, bytes, lines) = (at.required("file"), at.required("bytes"), at.required("lines"));
    let (recorded, duplicates) = (at.required("recorded"), at.required("duplicates"));
    let (conflicts, rejected) = (at.required("conflicts"), at.required("rejected"));
    let lowest_position = at.optional("lowest_position");
    let (first_position, last_position) = (at.optional("first_position"), at.optional("last_position"));
    Some(ImportFinished {
        file: file?,
        bytes: bytes?,
        lines: lines?,
        recorded: recorded?,
        duplicates: duplicates?,
        conflicts: conflicts?,
        rejected: rejected?,
        lowest_position,
        first_position,
        last_position,
        by,
    })
}

/// Records that a file whose facts were posted was read to its end. Past months that it filled are closed from then on: what
/// changes them later is a restatement.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/imports",
    params(Command),
    request_body = FinishedImport,
    responses((status = 200, body = CommandResponse<ImportAnswer>), (status = 201, body = CommandResponse<ImportAnswer>))
)]
async fn finish_import(State(app): State<Arc<App>>, command: Command) -> Result<Response, Problem> {
    let by = Text::new(command.tenant.by());
    let end = command.body(|at| finished(at, by))?;
    let answer = ImportAnswer { file: end.file.to_string() };
    let tenant = command.tenant.clone();
    let receipt = blocking(move || app.engine.commands.finish_import(&tenant, end)).await??;
    CommandResponse::response(&receipt, answer)
}

impl From<ImportRejection> for Problem {
    fn from(ImportRejection { member, rule }: ImportRejection) -> Self {
        let fault = FieldError { pointer: format!("/{member}"), message: rule.to_owned() };
        Self::unprocessable("invalid_body", vec![fault])
    }
}
