//! Lists and commands of no tenant: the gate has seen to the role, for there is no tenant to ask it of.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::response::Response;
use domain::members::Text;
use projections::store::Page;
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::answer::{Asked, Media, Written, if_none_match};
use super::auth::Caller;
use super::cursor::Bond;
use super::problem::Problem;
use super::query::{Parameters, Query, parameters};
use super::read::{Paging, json, rows_of, wait_for};
use super::routes::Admitted;

/// Who asks on a global route.
pub struct Asker(Arc<Caller>);

impl Asker {
    /// What `by` of a fact says.
    pub fn by(&self) -> Option<Text> {
        Text::new(&self.0.id)
    }
}

impl FromRequestParts<Arc<App>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Self, Problem> {
        match parts.extensions.get::<Admitted>() {
            Some(Admitted { caller: Some((caller, _)), tenant: None }) => Ok(Self(Arc::clone(caller))),
            Some(_) | None => Err(Problem::not_found("route")),
        }
    }
}

parameters! {
    /// How far the models must be.
    Awaited {
        /// Waits, at most 5 s, until this position is folded.
        min_position: u64,
    }
}

/// A reader of one page of a list that is of no tenant.
pub struct GlobalList<Q = ()> {
    /// The route's own parameters.
    pub query: Q,
    /// How many items at most.
    pub limit: usize,
    bond: Bond,
    cursor: Option<String>,
    asked: Asked,
}

impl<Q> GlobalList<Q> {
    /// Where the page begins: behind this; at the beginning without a cursor.
    pub fn after<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        self.cursor.as_deref().map(|cursor| self.bond.read(cursor)).transpose()
    }

    /// A page that more than facts decides, as JSON with what `around` puts beside it, or as CSV.
    pub fn page_with<T: Serialize + ToSchema, A: Serialize>(
        &self,
        page: Page<T>,
        around: impl FnOnce(Page<T>) -> A,
    ) -> Result<Response, Problem> {
        let next_cursor = page.next_cursor.map(|at| self.bond.write(&at));
        let page = Page { next_cursor, ..page };
        let written = match self.asked.media() {
            Media::Json => Written::json(json(&around(page))?),
            Media::Csv => rows_of(page)?,
        };
        written.momentary()
    }

    /// A page that only facts decide, as JSON or CSV.
    pub fn page<T: Serialize + ToSchema>(&self, page: Page<T>) -> Result<Response, Problem> {
        let next_cursor = page.next_cursor.map(|at| self.bond.write(&at));
        let (position, page) = (page.position, Page { next_cursor, ..page });
        let written = match self.asked.media() {
            Media::Json => Written::json(json(&page)?),
            Media::Csv => rows_of(page)?,
        };
        self.asked.stable(position, written)
    }
}

impl<Q: Parameters> FromRequestParts<Arc<App>> for GlobalList<Q> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        Asker::from_request_parts(parts, app).await?;
        let raw = parts.uri.query().map(str::to_owned);
        let query = Query::new(raw.as_deref(), &[Q::NAMES, Paging::NAMES, Awaited::NAMES])?;
        let (paging, own) = (Paging::read(&query)?, Q::read(&query)?);
        wait_for(app, Awaited::read(&query)?.min_position).await?;
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        Ok(Self {
            query: own,
            limit: paging.limit.unwrap_or_default().0,
            bond: Bond::new(route, "", &query.besides(&["limit", "cursor", "min_position"])),
            cursor: paging.cursor,
            asked: Asked::new(parts, &app.build),
        })
    }
}

impl<Q: Parameters> IntoParams for GlobalList<Q> {
    fn into_params(_of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Q::describe()
            .into_iter()
            .chain(Paging::describe())
            .chain(Awaited::describe())
            .chain([if_none_match()])
            .collect()
    }
}
