//! Live streams (E11): facts and changes of read models as server-sent events, resumable by position.
//!
//! The server buffers nothing per reader: each stream reads the log from its own position at its own pace, so a slow
//! reader is late and costs nothing. Every event and heartbeat carries the position as its id, from which a reader
//! resumes.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Sse};
use domain::keys::Position;
use domain::record::KindTag;
use futures_core::Stream;
use projections::tenant::{ENTITIES, Profile};
use serde::Serialize;
use tokio::sync::watch::error::RecvError;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::http::api::auth::TICKET;
use crate::http::api::blocking::blocking;
use crate::http::api::extractors::{TenantAccess, wait_for_log};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{KnownParameter, Parameters, Query, header, parameter, parameters};
use crate::http::api::right::Right;
use crate::http::api::routes::Routes;
use crate::http::api::unkept::unkept;
use crate::http::app::{App, StreamPermit};
use crate::log::LogSnapshot;
use crate::log::select::{GroupSet, Select};
use crate::views::facts::{FactError, FactFilter, FactItem, page};

/// Time without an event before a heartbeat says that the stream is alive and how far it is.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that wait for a reader: few, since further ones stay in the log until the reader has caught up.
const WAITING_MAX: usize = 64;
/// Facts of one read of the log.
const PAGE: usize = 64;
/// Wait between two reads of a stream, so that many streams do not each read the log for every group of appends.
const PACE: Duration = Duration::from_millis(50);

/// `/facts/stream`, `/changes/stream`.
pub fn routes() -> Routes {
    Routes::new("streams").add(Need::Viewer, routes!(stream_facts)).add(Need::Viewer, routes!(stream_changes))
}

parameters! {
    /// Where a stream begins.
    StreamStart {
        /// Begins behind this position; by default with the next fact. `Last-Event-ID` takes precedence.
        after: u64,
    }
}

/// A request for a stream of one tenant, with its permit.
struct StreamRequest<Q> {
    tenant: TenantAccess,
    query: Q,
    after: Option<Position>,
    grounds: Grounds,
}

/// What a stream rests on: it ends with the right.
struct Grounds {
    right: Right,
    permit: StreamPermit,
}

const LAST: &str = "last-event-id";

impl<Q: Parameters> FromRequestParts<Arc<App>> for StreamRequest<Q> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let tenant = TenantAccess::from_request_parts(parts, app).await?;
        let raw = parts.uri.query().map(str::to_owned);
        let query = Query::new(
            raw.as_deref(),
            &[Q::KNOWN, StreamStart::KNOWN, &[KnownParameter::new::<String>(TICKET)]],
        )?;
        let last = match parts.headers.get(LAST).map(|last| last.to_str().unwrap_or_default().trim()) {
            None | Some("") => None,
            Some(last) => Some(last.parse().map_err(|_| {
                Problem::bad_request("bad_last_event_id", "Last-Event-ID must be a log position")
            })?),
        };
        let after = last.or(StreamStart::read(&query)?.after);
        wait_for_log(app, after.unwrap_or_default()).await;
        // A reader that is ahead would wait for ever, or go on with facts of another past.
        Problem::unless_ahead(after.unwrap_or_default(), app.engine.log.head().position)?;
        let permit = app.stream_permit(tenant.by()).await?;
        let grounds = Grounds { right: tenant.right(app, Need::Viewer), permit };
        Ok(Self { tenant, query: Q::read(&query)?, after, grounds })
    }
}

impl<Q: Parameters> IntoParams for StreamRequest<Q> {
    fn into_params(_of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let last = header(
            "Last-Event-ID",
            "The `id` of the last event that was received: the stream resumes behind it.",
        );
        let ticket =
            "A ticket of `POST …/stream-tickets` in place of a token or cookie; it opens one connection.";
        let ticket = parameter::<String>(TICKET, &[ticket]);
        Q::describe().into_iter().chain(StreamStart::describe()).chain([ticket, last]).collect()
    }
}

parameters! {
    /// The filter of streamed facts.
    FactStreamQuery {
        /// The kind of the facts.
        kind: KindTag,
        /// The provider of the facts.
        provider: String,
    }
}

/// Streams facts as they are recorded: `event: fact`, `id` the position, `data` the fact.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/facts/stream",
    params(StreamRequest<FactStreamQuery>),
    responses(
        (status = 200, description = "An endless stream of facts", content_type = "text/event-stream", body = FactItem),
        (status = 409, description = "`position_ahead`: the log ends before the position behind which the stream is to begin")
    )
)]
async fn stream_facts(
    State(app): State<Arc<App>>,
    stream: StreamRequest<FactStreamQuery>,
) -> Result<impl IntoResponse, Problem> {
    let FactStreamQuery { kind, provider } = stream.query;
    let filter =
        FactFilter { kind, provider, descending: false, ..FactFilter::all((*stream.tenant).clone()) };
    let heads = app.engine.log.heads();
    let after = stream.after.unwrap_or_else(|| app.engine.log.head().position);
    let read = move |log: &LogSnapshot, after: Position| -> Result<Lookup, FactError> {
        let found = page(log, &filter, Some(after), PAGE)?;
        let read_to = found.next.unwrap_or(log.head().position).max(after);
        let events = found.items.iter().filter_map(|fact| event("fact", fact.position, fact));
        Ok(Lookup { events: events.collect(), read_to, more: found.next.is_some() })
    };
    let news = News { further: heads, position: |head| head.position, again: None };
    Ok(event_stream(&app, news, after, read, stream.grounds))
}

/// Read models that changed.
#[derive(Serialize, ToSchema)]
struct Change {
    /// The log position that the models now include.
    position: u64,
    /// Names of the changed models, as in `GET /projections`.
    models: Vec<&'static str>,
}

/// Streams changes of read models: `event: change`, `id` the position, `data` the changed models. One event may cover
/// several facts. Rebuilt models that are swapped in, or back, are told as a change of all at the same position.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/changes/stream",
    params(StreamRequest<()>),
    responses(
        (status = 200, description = "An endless stream of changes", content_type = "text/event-stream", body = Change),
        (status = 409, description = "`position_ahead`: the log ends before the position behind which the stream is to begin")
    )
)]
async fn stream_changes(
    State(app): State<Arc<App>>,
    stream: StreamRequest<()>,
) -> Result<impl IntoResponse, Problem> {
    app.engine.views.wait_for_all().await?;
    let folded = app.engine.views.positions();
    let after = stream.after.unwrap_or_else(|| app.engine.views.position());
    let tenant = (*stream.tenant).clone();
    let views = app.engine.views.clone();
    let read = move |log: &LogSnapshot, after: Position| -> Result<Lookup, FactError> {
        // Facts that are recorded and not folded yet have changed no model.
        let up_to = views.position().min(log.head().position).max(after);
        let (mut groups, mut last) = (GroupSet::NONE, after);
        let select = Select { from: after.saturating_add(1), up_to, ..Select::tenant(tenant.clone()) };
        log.for_each(&select, &mut |position, record| {
            groups = groups.with(record.header.kind.group);
            last = position;
            ControlFlow::Continue(())
        })?;
        let change = Change { position: last, models: models_of(groups) };
        let event = if last > after { event("change", last, &change) } else { None };
        Ok(Lookup { events: event.into_iter().collect(), read_to: up_to, more: false })
    };
    let told = |position| event("change", position, &Change { position, models: models_of(GroupSet::ALL) });
    let again = Some(Again { news: app.engine.views.swapped(), told });
    let news = News { further: folded, position: |position| *position, again };
    Ok(event_stream(&app, news, after, read, stream.grounds))
}

/// The models that facts of `groups` change.
fn models_of(groups: GroupSet) -> Vec<&'static str> {
    let folds = |of: &[u8]| of.iter().any(|group| groups.contains(*group));
    let entities = ENTITIES.iter().filter(|model| folds(model.groups)).map(|model| model.name);
    let tenants = folds(Profile::GROUPS).then_some("tenants");
    tenants.into_iter().chain(entities).collect()
}

fn event<T: Serialize>(name: &str, position: Position, data: &T) -> Option<Event> {
    let event = Event::default().event(name).id(position.to_string()).json_data(data);
    event.inspect_err(|error| tracing::error!(%error, position, "an event could not be rendered")).ok()
}

/// What one read of the log found.
struct Lookup {
    events: Vec<Event>,
    /// The position up to which the log was read.
    read_to: Position,
    /// Whether there is more to read at once.
    more: bool,
}

/// What a stream waits for.
struct News<N> {
    /// Announces later positions.
    further: watch::Receiver<N>,
    position: fn(&N) -> Position,
    again: Option<Again>,
}

/// Announces that something is other at the same position, and what is told then.
struct Again {
    news: watch::Receiver<u64>,
    told: fn(Position) -> Option<Event>,
}

impl<N> News<N> {
    /// Waits for a position behind `after`; the event, where something is other at that one. An error once the engine stops.
    async fn behind(&mut self, after: Position) -> Result<Option<Event>, RecvError> {
        let Self { further, position, again } = self;
        let further = further.wait_for(|news| position(news) > after);
        let Some(Again { news, told }) = again else { return further.await.map(|_| None) };
        tokio::select! {
            reached = further => reached.map(|_| None),
            changed = news.changed() => changed.map(|()| told(after)),
        }
    }
}

/// Sends what `read` finds behind `after`, and again whenever there is news, until the reader disconnects, loses the right
/// to read or the server stops.
fn event_stream<N, R>(
    app: &Arc<App>,
    mut news: News<N>,
    mut after: Position,
    read: R,
    grounds: Grounds,
) -> impl IntoResponse + use<N, R>
where
    N: Send + Sync + 'static,
    R: Fn(&LogSnapshot, Position) -> Result<Lookup, FactError> + Send + Sync + 'static,
{
    let (send, events) = mpsc::channel(WAITING_MAX);
    let (log, stopping, read) = (app.engine.log.clone(), app.stopping.clone(), Arc::new(read));
    let Grounds { right, permit } = grounds;
    let events = Events { waiting: events, right: right.clone() };
    // A reader that went away gives its permit back at once, not with the next event.
    let gone = send.clone();
    let sending = async move {
        let _permit = permit;
        loop {
            let (snapshot, read) = (log.snapshot(), Arc::clone(&read));
            let lookup = match blocking(move || read(&snapshot, after)).await {
                Ok(Ok(looked)) => looked,
                Ok(Err(error)) => {
                    tracing::error!(%error, after, "a stream ended: the log could not be read");
                    return;
                }
                Err(_) => return,
            };
            after = lookup.read_to;
            for event in lookup.events {
                if send.send(event).await.is_err() {
                    return;
                }
            }
            if lookup.more {
                continue;
            }
            sleep(PACE).await;
            let told = match tokio::time::timeout(HEARTBEAT, news.behind(after)).await {
                Ok(Ok(changed)) => changed,
                Ok(Err(_)) => return,
                Err(_) => Some(Event::default().id(after.to_string()).comment("")),
            };
            if let Some(event) = told
                && send.send(event).await.is_err()
            {
                return;
            }
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = sending => {}
            () = gone.closed() => {}
            () = right.lost() => {}
            () = stopping.cancelled() => {}
        }
    });
    unkept(([("x-accel-buffering", "no")], Sse::new(events)))
}

/// The events of a stream, each told only while the right to it lasts.
struct Events {
    waiting: mpsc::Receiver<Event>,
    right: Right,
}

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.waiting.poll_recv(cx));
        // What waited when the right was lost is not told any more.
        Poll::Ready(event.filter(|_| self.right.check().is_ok()).map(Ok))
    }
}
