//! Reading a tenant's models: who may, with which parameters, true at which moment; and how answers are told.

use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::response::Response;
use domain::keys::Position;
use domain::members::Instant;
use projections::store::Page;
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use super::csv;
use super::cursor::CursorScope;
use super::negotiation::{Media, Negotiation, Rendered, if_none_match};
use super::problem::Problem;
use super::query::{Limit, Parameters, Query, parameters};
use super::tenant_access::TenantAccess;
use crate::http::App;
use crate::views::{self, FoldError, TenantView};

/// So long does a reader wait for a position that is not folded yet.
pub const MIN_POSITION_WAIT: Duration = Duration::from_secs(5);

parameters! {
    /// Which moment is asked for; all absent: now.
    Moment {
        /// Waits, at most 5 s, until this position is folded: with the position that a write answered, it is read.
        min_position: u64,
        /// As it was when the log ended here.
        as_of_position: u64,
        /// As it was known then.
        known_at: Instant,
        /// Of what had happened until then.
        occurred_until: Instant,
    }
}

impl Moment {
    /// As the models are asked for.
    pub fn of_models(&self) -> views::Moment {
        views::Moment {
            as_of_position: self.as_of_position,
            known_at: self.known_at,
            occurred_until: self.occurred_until,
        }
    }

    /// Whether a fact was there: at this position, recorded and happened then.
    pub fn holds(&self, position: Position, recorded_at: Instant, occurred_at: Instant) -> bool {
        self.as_of_position.is_none_or(|as_of| position <= as_of)
            && self.known_at.is_none_or(|known_at| recorded_at <= known_at)
            && self.occurred_until.is_none_or(|until| occurred_at <= until)
    }
}

/// A reader of one tenant: he may read, his parameters are well-formed, and the models are as far as he asks.
pub struct Read<Q = ()> {
    /// The tenant.
    pub tenant: TenantAccess,
    /// The route's own parameters.
    pub query: Q,
    /// The tenant's models at the moment asked for.
    pub view: TenantView,
    /// That moment.
    pub moment: Moment,
    /// The time, for answers that use it: the clock's, or `known_at`.
    pub at: Instant,
    negotiation: Negotiation,
}

/// A reader of one page of a list.
pub struct List<Q = ()> {
    read: Read<Q>,
    /// How many items at most.
    pub limit: usize,
    scope: CursorScope,
    cursor: Option<String>,
}

parameters! {
    /// Which page of a list.
    Paging {
        /// How many items at most.
        limit: Limit,
        /// `next_cursor` of the page before, of the same list and filter.
        cursor: String,
    }
}

impl<Q> Read<Q> {
    /// An answer that only facts decide: it has an ETag.
    pub fn answer<T: Serialize>(&self, position: Position, answer: &T) -> Result<Response, Problem> {
        self.negotiation.stable(position, Rendered::json(json(answer)?))
    }

    /// An answer that the time decides too: it says `at` and is not to be stored.
    pub fn answer_at<T: Serialize>(&self, answer: &T) -> Result<Response, Problem> {
        Rendered::json(json(&self.timed(answer))?).momentary()
    }

    /// Figures that only facts decide, as JSON or, as CSV, the `rows` of them (F4).
    pub fn figures<T: Serialize, R: Serialize + ToSchema>(
        &self,
        position: Position,
        answer: T,
        rows: impl FnOnce(T) -> Vec<R>,
    ) -> Result<Response, Problem> {
        let written = match self.negotiation.media() {
            Media::Json => Rendered::json(json(&answer)?),
            Media::Csv => render_csv(Page { position, items: rows(answer), next_cursor: None })?,
        };
        self.negotiation.stable(position, written)
    }

    /// Figures that the time decides too.
    pub fn figures_at<T: Serialize, R: Serialize + ToSchema>(
        &self,
        position: Position,
        answer: T,
        rows: impl FnOnce(T) -> Vec<R>,
    ) -> Result<Response, Problem> {
        let written = match self.negotiation.media() {
            Media::Json => Rendered::json(json(&self.timed(answer))?),
            Media::Csv => render_csv(Page { position, items: rows(answer), next_cursor: None })?,
        };
        written.momentary()
    }

    /// All rows of a list that is short by its nature, and that the time decides too, as JSON or CSV.
    pub fn rows_at<T: Serialize + ToSchema>(&self, page: Page<T>) -> Result<Response, Problem> {
        let written = match self.negotiation.media() {
            Media::Json => Rendered::json(json(&self.timed(page))?),
            Media::Csv => render_csv(page)?,
        };
        written.momentary()
    }

    /// One thing that only facts decide; 404 where there is none.
    pub fn one<T: Serialize>(
        &self,
        position: Position,
        found: Option<T>,
        what: &str,
    ) -> Result<Response, Problem> {
        let answer = found.ok_or_else(|| Problem::not_found(what))?;
        self.answer(position, &ItemAnswer { position, answer })
    }

    fn timed<T>(&self, answer: T) -> AnswerAt<T> {
        AnswerAt { at: self.at.to_string(), answer }
    }
}

/// One thing with the position at which it is so.
#[derive(Serialize, ToSchema)]
pub struct ItemAnswer<T> {
    /// True at this position.
    pub position: Position,
    /// The thing.
    #[serde(flatten)]
    pub answer: T,
}

/// An answer with the time that decided it.
#[derive(Serialize, ToSchema)]
pub struct AnswerAt<T> {
    /// The server's clock, or `known_at`.
    at: String,
    /// The answer.
    #[serde(flatten)]
    answer: T,
}

pub(in crate::http) fn json<T: Serialize>(answer: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(answer).map_err(|error| Problem::internal(&error))
}

impl<Q> List<Q> {
    /// Where the page begins: behind this; at the beginning without a cursor.
    pub fn after<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        self.cursor.as_deref().map(|cursor| self.scope.read(cursor)).transpose()
    }

    /// A page that only facts decide, as JSON or CSV.
    pub fn page<T: Serialize + ToSchema>(&self, page: Page<T>) -> Result<Response, Problem> {
        let (position, page) = (page.position, self.bound(page));
        self.negotiation.stable(position, render_page(&self.negotiation, page)?)
    }

    /// A page that the time decides too.
    pub fn page_at<T: Serialize + ToSchema>(&self, page: Page<T>) -> Result<Response, Problem> {
        self.rows_at(self.bound(page))
    }

    /// A page that the time decides too, with what `around` puts beside it in JSON.
    pub fn page_with<T: Serialize + ToSchema, A: Serialize>(
        &self,
        page: Page<T>,
        around: impl FnOnce(Page<T>) -> A,
    ) -> Result<Response, Problem> {
        let page = self.bound(page);
        let written = match self.negotiation.media() {
            Media::Json => Rendered::json(json(&self.timed(around(page)))?),
            Media::Csv => render_csv(page)?,
        };
        written.momentary()
    }

    /// The page with its cursor bound to this list and filter.
    fn bound<T>(&self, page: Page<T>) -> Page<T> {
        Page { next_cursor: page.next_cursor.map(|at| self.scope.write(&at)), ..page }
    }
}

/// A page as JSON or CSV, whichever is asked for.
pub fn render_page<T: Serialize + ToSchema>(
    negotiation: &Negotiation,
    page: Page<T>,
) -> Result<Rendered, Problem> {
    match negotiation.media() {
        Media::Json => Ok(Rendered::json(json(&page)?)),
        Media::Csv => render_csv(page),
    }
}

pub(in crate::http) fn render_csv<T: Serialize + ToSchema>(page: Page<T>) -> Result<Rendered, Problem> {
    let values = page.items.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
    let values = values.map_err(|error| Problem::internal(&error))?;
    let body = csv::write(&csv::columns::<T>(), &values).map_err(|error| Problem::internal(&error))?;
    Ok(Rendered { media: Media::Csv, body, page: Some((page.position, page.next_cursor)) })
}

impl<Q> Deref for List<Q> {
    type Target = Read<Q>;

    fn deref(&self) -> &Read<Q> {
        &self.read
    }
}

/// Waits at most 5 s until `position` is folded, then 503.
pub(in crate::http) async fn wait_for(app: &App, position: Option<Position>) -> Result<(), Problem> {
    match position {
        Some(position) if !app.engine.views.wait_for(position, MIN_POSITION_WAIT).await => {
            let detail = format!("position {position} is not folded yet");
            Err(Problem::unavailable("not_folded", detail, 1))
        }
        Some(_) | None => Ok(()),
    }
}

/// The tenant's models at a moment: waits at most 5 s for one that is to come, then 503.
async fn view(app: &App, tenant: &TenantAccess, moment: &Moment) -> Result<TenantView, Problem> {
    wait_for(app, moment.min_position).await?;
    folded(app.engine.views.at(tenant, moment.of_models()).await)
}

/// What was folded for this request: 404 for a tenant without facts, 503 where the past takes too long.
pub fn folded<T>(folded: Result<Option<T>, FoldError>) -> Result<T, Problem> {
    match folded {
        Ok(answer) => answer.ok_or_else(|| Problem::not_found("tenant")),
        Err(FoldError::Late) => {
            Err(Problem::unavailable("past_not_folded", "that moment is still being folded", 5))
        }
        Err(error) => Err(Problem::internal(&error)),
    }
}

async fn read<Q: Parameters>(
    parts: &mut Parts,
    app: &Arc<App>,
    query: &Query<'_>,
) -> Result<Read<Q>, Problem> {
    let tenant = TenantAccess::from_request_parts(parts, app).await?;
    let moment = Moment::read(query)?;
    let own = Q::read(query)?;
    let view = view(app, &tenant, &moment).await?;
    let at = moment.known_at.unwrap_or_else(|| Instant((app.engine.clock)()));
    Ok(Read { tenant, query: own, view, moment, at, negotiation: Negotiation::new(parts, &app.build) })
}

impl<Q: Parameters> FromRequestParts<Arc<App>> for Read<Q> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let raw = parts.uri.query().map(str::to_owned);
        let query = Query::new(raw.as_deref(), &[Q::NAMES, Moment::NAMES])?;
        read(parts, app, &query).await
    }
}

impl<Q: Parameters> FromRequestParts<Arc<App>> for List<Q> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let raw = parts.uri.query().map(str::to_owned);
        let query = Query::new(raw.as_deref(), &[Q::NAMES, Paging::NAMES, Moment::NAMES])?;
        let paging = Paging::read(&query)?;
        let read: Read<Q> = read(parts, app, &query).await?;
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let scope = CursorScope::new(
            route,
            read.tenant.as_str(),
            &query.besides(&["limit", "cursor", "min_position"]),
        );
        Ok(Self { read, limit: paging.limit.unwrap_or_default().0, scope, cursor: paging.cursor })
    }
}

impl<Q: Parameters> IntoParams for Read<Q> {
    fn into_params(_of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Q::describe().into_iter().chain(Moment::describe()).chain([if_none_match()]).collect()
    }
}

impl<Q: Parameters> IntoParams for List<Q> {
    fn into_params(of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut described = Read::<Q>::into_params(of);
        described.splice(Q::NAMES.len()..Q::NAMES.len(), Paging::describe());
        described
    }
}
