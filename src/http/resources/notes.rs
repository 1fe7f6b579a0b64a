//! Notes: the CRM's and people's own in one list; people write and remove their own (B9).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use domain::facts::Fact;
use domain::facts::note::{Note, NoteFact};
use domain::json::Reader;
use domain::keys::engine::EngineKey;
use domain::members::{Instant, LongText, Text};
use parking_lot::Mutex;
use projections::entities::crm::note_list::{NoteItem, NoteList};
use projections::store::Page;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::commands::{Decision, NewFact, Once};
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{Command, CommandResponse, List};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::parameters;
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::views::TenantView;
use crate::views::crm::notes;

/// `/notes`, `/notes/{note_id}`.
pub fn routes() -> Routes {
    Routes::new("notes")
        .add(Need::Viewer, routes!(list_notes))
        .add(Need::Agent, routes!(write_note))
        .add(Need::Agent, routes!(remove_note))
}

parameters! {
    /// Which notes.
    Notes {
        /// Part of text or author, in any case.
        search: String,
    }
}

/// Notes, newest first: the CRM's (`synced`) beside people's own (`own`).
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/notes",
    params(List<Notes>),
    responses((status = 200, body = Page<NoteItem>))
)]
async fn list_notes(State(app): State<Arc<App>>, list: List<Notes>) -> Result<Response, Problem> {
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
#[expect(dead_code, reason = "documents what the handler reads member by member")]
struct NewNote {
    /// What it says: at most 64 KiB.
    content: String,
    /// Who writes it; the caller where it is absent.
    author: Option<String>,
    /// Whom it is about.
    contact: Option<String>,
}

/// Which note it is.
#[derive(Serialize, ToSchema)]
struct NoteDone {
    /// The note.
    note_id: String,
}

/// Writes a note.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/notes",
    params(Command),
    request_body = NewNote,
    responses((status = 201, body = CommandResponse<NoteDone>), (status = 200, body = CommandResponse<NoteDone>))
)]
async fn write_note(State(app): State<Arc<App>>, command: Command) -> Result<Response, Problem> {
    let (content, author, contact) = command.body(|at: &mut Reader<'_>| {
        let (author, contact) = (at.optional::<Text>("author"), at.optional::<Text>("contact"));
        Some((at.required::<LongText>("content")?, author, contact))
    })?;
    let author = author.or_else(|| Text::new(command.tenant.by()));
    // A request that is sent again is given the id that was made the first time.
    let id = Mutex::new(fresh_id()?);
    let make = |first: Option<&Fact>| {
        let mut id = id.lock();
        if let Some(Fact::Note(NoteFact::Written(first))) = first {
            id.clone_from(&first.note_id);
        }
        let (author, content, contact) = (author.clone(), Some(content.clone()), contact.clone());
        Fact::Note(NoteFact::Written(Note { note_id: id.clone(), author, content, contact }))
    };
    let check = |_: &TenantView, _: Instant| Ok::<_, NoSuchNote>(());
    let done = app.engine.commands.once(&command.tenant, command.key.as_ref(), Once { check, make }).await?;
    CommandResponse::response(&done, NoteDone { note_id: id.into_inner().as_str().to_owned() })
}

/// An id of ours (R9).
fn fresh_id() -> Result<Text, Problem> {
    Text::new(&Uuid::now_v7().to_string()).ok_or_else(|| Problem::internal(&"an id of ours is no text"))
}

/// There is no such note of people's own.
#[derive(Debug, Clone, Copy)]
struct NoSuchNote;

impl From<NoSuchNote> for Problem {
    fn from(_: NoSuchNote) -> Self {
        Self::not_found("note of one's own")
    }
}

/// Removes a note that was written here. The CRM's own are the CRM's.
#[utoipa::path(
    delete,
    path = "/api/v1/tenants/{tenant}/notes/{note_id}",
    params(Command),
    responses((status = 200, body = CommandResponse<NoteDone>))
)]
async fn remove_note(
    State(app): State<Arc<App>>,
    Path((_, note_id)): Path<(String, String)>,
    command: Command,
) -> Result<Response, Problem> {
    command.body(|_| Some(()))?;
    let id = Text::new(&note_id).ok_or(NoSuchNote)?;
    let by = Text::new(command.tenant.by());
    let decide = |view: &TenantView, now: Instant| {
        view.with(|tenant, position| -> Result<_, NoSuchNote> {
            let note = tenant.notes.rows.find(id.as_str()).ok_or(NoSuchNote)?;
            if note.date().is_none() {
                return Ok(Decision::Stands(position));
            }
            let body = Note { note_id: id.clone(), author: by.clone(), content: None, contact: None };
            Ok(Decision::Append(NewFact {
                // Written again, it can be removed again: the word that is taken back names the removal.
                key: EngineKey::NoteRemoval { written: note.fact },
                occurred_at: Some(note.last_at()).filter(|last| *last > now),
                fact: Fact::Note(NoteFact::Removed(body)),
            }))
        })
    };
    let done = app.engine.commands.decide(&command.tenant, decide).await?;
    CommandResponse::changed(&done, NoteDone { note_id })
}
