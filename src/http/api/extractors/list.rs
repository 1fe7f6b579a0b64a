//! Pages of a tenant's lists.

use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::response::Response;
use projections::store::Page;
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use super::moment::MomentQuery;
use super::read::Read;
use crate::http::api::cursor::CursorScope;
use crate::http::api::negotiation::{Media, Representation};
use crate::http::api::problem::Problem;
use crate::http::api::query::{Limit, Parameters, Query, parameters};
use crate::http::api::rendered::{Maps, Rendered};
use crate::http::app::App;

parameters! {
    /// Which page of a list.
    Paging {
        /// Most items of the page; 50 by default.
        limit: Limit,
        /// `next_cursor` of the page before, from the same list with the same filter.
        cursor: String,
    }
}

/// The page of a list that a request asks for.
pub struct PageRequest {
    /// Most items of the page.
    pub limit: usize,
    scope: CursorScope,
    cursor: Option<String>,
}

impl PageRequest {
    /// Reads `limit` and `cursor`. A cursor holds for one route, tenant (or blank) and filter only.
    pub fn new(parts: &Parts, tenant: &str, query: &Query<'_>) -> Result<Self, Problem> {
        let Paging { limit, cursor } = Paging::read(query)?;
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let filter = query.besides(&["limit", "cursor", "min_position", "format", "bom"]);
        let scope = CursorScope::new(route, tenant, &filter);
        Ok(Self { limit: limit.unwrap_or_default().0, scope, cursor })
    }

    /// The item behind which the page begins; none for the first page, 400 for a cursor of another list.
    pub fn after<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        self.cursor.as_deref().map(|cursor| self.scope.read(cursor)).transpose()
    }

    /// The page with its cursor bound to this list and filter.
    pub fn bind<T>(&self, page: Page<T>) -> Page<T> {
        Page { next_cursor: page.next_cursor.map(|at| self.scope.write(&at)), ..page }
    }
}

/// A read of one page of a tenant's list.
pub struct List<Q = ()> {
    read: Read<Q>,
    /// Most items of the page.
    pub limit: usize,
    request: PageRequest,
}

impl<Q> List<Q> {
    /// The item behind which the page begins; none for the first page, 400 for a cursor of another list.
    pub fn after<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        self.request.after()
    }

    /// A page that facts alone decide, as JSON or CSV.
    pub fn page<T: Serialize + ToSchema>(&self, page: Page<T>) -> Result<Response, Problem> {
        let (position, page) = (page.position, self.request.bind(page));
        Rendered::page(&self.negotiation, page)?.stable(&self.negotiation, position)
    }

    /// A page that depends on the time.
    pub fn page_at<T: Serialize + ToSchema>(&self, page: Page<T>) -> Result<Response, Problem> {
        self.rows_at(self.request.bind(page))
    }

    /// A page that facts alone decide, in JSON with the members that `around` adds.
    pub fn page_within<T: Serialize + ToSchema, A: Serialize>(
        &self,
        page: Page<T>,
        around: impl FnOnce(Page<T>) -> A,
    ) -> Result<Response, Problem> {
        let (position, page) = (page.position, self.request.bind(page));
        let rendered = match self.negotiation.media {
            Media::Json => Rendered::json(&around(page))?,
            Media::Csv => Rendered::csv(&self.negotiation, page, Maps::AsText)?,
        };
        rendered.stable(&self.negotiation, position)
    }

    /// A page that depends on the time, in JSON with the members that `around` adds.
    pub fn page_with<T: Serialize + ToSchema, A: Serialize>(
        &self,
        page: Page<T>,
        around: impl FnOnce(Page<T>) -> A,
    ) -> Result<Response, Problem> {
        let page = self.request.bind(page);
        let rendered = match self.negotiation.media {
            Media::Json => Rendered::json(&self.timed(around(page)))?,
            Media::Csv => Rendered::csv(&self.negotiation, page, Maps::AsText)?,
        };
        rendered.momentary(&self.negotiation)
    }
}

impl<Q> Deref for List<Q> {
    type Target = Read<Q>;

    fn deref(&self) -> &Read<Q> {
        &self.read
    }
}

impl<Q: Parameters> FromRequestParts<Arc<App>> for List<Q> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let raw = parts.uri.query().map(str::to_owned);
        let format = Representation::parameters(parts);
        let query = Query::new(raw.as_deref(), &[Q::KNOWN, Paging::KNOWN, MomentQuery::KNOWN, format])?;
        // A malformed cursor or limit is answered before the models are waited for.
        Paging::read(&query)?;
        let read: Read<Q> = Read::from_query(parts, app, &query).await?;
        let request = PageRequest::new(parts, read.tenant.as_str(), &query)?;
        Ok(Self { read, limit: request.limit, request })
    }
}

impl<Q: Parameters> IntoParams for List<Q> {
    fn into_params(of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut described = Read::<Q>::into_params(of);
        described.splice(Q::KNOWN.len()..Q::KNOWN.len(), Paging::describe());
        described
    }
}
