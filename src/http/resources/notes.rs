//! Notes: those of the CRM and those written here, in one list (B9).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use domain::json::Reader;
use domain::members::{LongText, Text};
use projections::entities::crm::note_list::{NoteItem, NoteList};
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::commands::{NewNote, NoteNotFound};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{Command, CommandResponse, List};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::parameters;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::crm::notes;

/// `/notes`, `/notes/{note_id}`.
pub fn routes() -> Routes {
    Routes::new("notes")
        .add(Need::Viewer, routes!(list_notes))
        .add(Need::Agent, routes!(write_note))
        .add(Need::Agent, routes!(remove_note))
}

parameters! {
    /// The filter of notes.
    NoteQuery {
        /// Part of text or author, in any case.
        search: String,
    }
}

/// Lists notes, newest first: those of the CRM (`synced`) and those written here (`own`).
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/notes",
    params(List<NoteQuery>),
    responses((status = 200, body = Page<NoteItem>))
)]
async fn list_notes(State(app): State<Arc<App>>, list: List<NoteQuery>) -> Result<Response, Problem> {
    let (taken, position) =
        list.view.with(|tenant, position| (NoteList::new(&tenant.crm.rows, &tenant.notes.rows), position));
    let (search, after, limit) = (list.query.search.clone(), list.after()?, list.limit);
    let log = app.engine.log.clone();
    let read = move || notes(&log.snapshot(), &taken, search.as_deref(), after, limit);
    let (items, next) = blocking(read).await??;
    list.page(Page { position, items, next_cursor: next.map(|next| next.to_string()) })
}

/// A note to be written.
#[derive(ToSchema)]
#[schema(as = NewNote)]
#[expect(dead_code, reason = "documents what the handler reads member by member")]
struct NewNoteBody {
    /// The text, at most 64 KiB.
    content: String,
    /// The author; by default the caller.
    author: Option<String>,
    /// The contact that the note is about.
    contact: Option<String>,
}

/// The note of a command.
#[derive(Serialize, ToSchema)]
struct NoteAnswer {
    /// The note's id.
    note_id: String,
}

/// Writes a note.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/notes",
    params(Command),
    request_body = NewNoteBody,
    responses((status = 201, body = CommandResponse<NoteAnswer>), (status = 200, body = CommandResponse<NoteAnswer>))
)]
async fn write_note(State(app): State<Arc<App>>, command: Command) -> Result<Response, Problem> {
    let (content, author, contact) = command.body(|at: &mut Reader<'_>| {
        let (author, contact) = (at.optional::<Text>("author"), at.optional::<Text>("contact"));
        Some((at.required::<LongText>("content")?, author, contact))
    })?;
    let author = author.or_else(|| Text::new(command.tenant.by()));
    let new = NewNote { author, content, contact };
    let commands = &app.engine.commands;
    let (note_id, receipt) = commands.write_note(&command.tenant, command.key.as_ref(), new).await?;
    CommandResponse::response(&receipt, NoteAnswer { note_id: note_id.to_string() })
}

impl From<NoteNotFound> for Problem {
    fn from(_: NoteNotFound) -> Self {
        Self::not_found("note of one's own")
    }
}

/// Removes a note that was written here. Notes of the CRM cannot be removed here.
#[utoipa::path(
    delete,
    path = "/api/v1/tenants/{tenant}/notes/{note_id}",
    params(Command),
    responses((status = 200, body = CommandResponse<NoteAnswer>))
)]
async fn remove_note(
    State(app): State<Arc<App>>,
    Path((_, note_id)): Path<(String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    command.body(|_| Some(()))?;
    let id = Text::new(&note_id).ok_or(NoteNotFound)?;
    let by = Text::new(command.tenant.by());
    let receipt = app.engine.commands.remove_note(&command.tenant, &id, by).await?;
    CommandResponse::changed(&receipt, NoteAnswer { note_id })
}
