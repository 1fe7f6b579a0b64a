//! Recordings of a call or of a lead's calls, as they are served (C6).

use domain::facts::part;
use domain::keys::Position;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::calls::Calls;
use crate::store::cursor::page;
use crate::store::{Cursor, Page};

/// A recording, linked to call, lead and agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordingRow {
    /// The provider's id.
    pub recording_id: String,
    /// The call.
    pub call_id: String,
    /// The lead called.
    pub lead_id: Option<String>,
    /// Whose: the call's, else the one that the recording's fact names.
    pub agent: Option<String>,
    /// Whole seconds.
    pub duration_seconds: Option<u32>,
    /// Where it can be heard: personal, so not kept here; whoever serves it reads the fact at `fact`.
    pub url: Option<String>,
    /// When the provider told of it.
    pub occurred_at: String,
    /// The fact that holds the URL.
    #[serde(skip)]
    pub fact: Position,
}

/// A page of the recordings of the calls in `rows`, newest first.
pub fn recordings(
    calls: &Calls,
    rows: &[u32],
    position: Position,
    after: Option<&Cursor>,
    limit: usize,
) -> Page<RecordingRow> {
    let all: Vec<(u32, usize)> = rows
        .iter()
        .flat_map(|row| (0..calls.rows().get(*row).recordings().len()).map(|at| (*row, at)))
        .collect();
    let recording = |at: u32| {
        let (row, at) = all[at as usize];
        let call = calls.rows().get(row);
        (call, &call.recordings()[at])
    };
    let texts = calls.texts();
    let key = |at: u32| {
        let (call, recording) = recording(at);
        let name = format!("{}/{}", part(texts.get(recording.id)), texts.get(call.id));
        (recording.order().occurred_at(), name, at)
    };
    let bucket = (0..all.len() as u32).map(key).collect();
    let (items, next_cursor) = page(std::iter::once(bucket), after, limit, |at| {
        let (call, recording) = recording(at);
        let text = |symbol| texts.maybe(symbol).map(str::to_owned);
        RecordingRow {
            recording_id: texts.get(recording.id).to_owned(),
            call_id: texts.get(call.id).to_owned(),
            lead_id: text(call.lead()),
            agent: text(call.agent()),
            duration_seconds: recording.duration_seconds(),
            url: None,
            occurred_at: recording.order().occurred_at().to_string(),
            fact: recording.position,
        }
    });
    Page { position, items, next_cursor }
}
