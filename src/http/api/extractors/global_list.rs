//! Pages of global lists. The route gate has already checked the caller's role.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use domain::keys::Position;
use projections::store::Page;
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use super::access::GlobalAccess;
use super::list::{PageRequest, Paging};
use super::moment::wait_for;
use crate::http::api::negotiation::{Media, Negotiation, Representation, if_none_match};
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query, parameters};
use crate::http::api::rendered::{Maps, Rendered};
use crate::http::app::App;

parameters! {
    /// How far the models must be folded.
    MinPosition {
        /// Waits up to 5 s until this position is folded.
        min_position: u64,
    }
}

/// A read of one page of a global list.
pub struct GlobalList<Q = ()> {
    /// The route's own parameters.
    pub query: Q,
    request: PageRequest,
    negotiation: Negotiation,
}

impl<Q> GlobalList<Q> {
    /// A page that not facts alone decide, in JSON with the members that `around` adds.
    pub fn page_with<T: Serialize + ToSchema, A: Serialize>(
        &self,
        page: Page<T>,
        around: impl FnOnce(Page<T>) -> A,
    ) -> Result<Response, Problem> {
        let page = self.request.bind(page);
        let rendered = match self.negotiation.media {
            Media::Json => Rendered::json(&around(page))?,
            Media::Csv => Rendered::csv(&self.negotiation, page, Maps::AsText)?,
        };
        rendered.momentary(&self.negotiation)
    }

    /// A page that facts alone decide, as JSON or CSV.
    pub fn page<T: Serialize + ToSchema>(&self, page: Page<T>) -> Result<Response, Problem> {
        let (position, page) = (page.position, self.request.bind(page));
        Rendered::page(&self.negotiation, page)?.stable(&self.negotiation, position)
    }

    /// The requested page of `rows`, which are the whole list, by id.
    pub fn by_id<T: Serialize + ToSchema>(
        &self,
        position: Position,
        mut rows: Vec<(String, T)>,
    ) -> Result<Response, Problem> {
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        let after: Option<String> = self.after()?;
        let is_before = |id: &String| after.as_ref().is_some_and(|after| id <= after);
        let mut rows = rows.into_iter().skip_while(|(id, _)| is_before(id)).peekable();
        let (mut items, mut last) = (Vec::new(), None);
        while items.len() < self.limit
            && let Some((id, row)) = rows.next()
        {
            items.push(row);
            last = Some(id);
        }
        let next_cursor = last.filter(|_| rows.peek().is_some());
        self.page_with(Page { position, items, next_cursor }, |page| page)
    }
}

impl<Q> Deref for GlobalList<Q> {
    type Target = PageRequest;

    fn deref(&self) -> &PageRequest {
        &self.request
    }
}

impl<Q: Parameters> FromRequestParts<Arc<App>> for GlobalList<Q> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        GlobalAccess::from_request_parts(parts, app).await?;
        let raw = parts.uri.query().map(str::to_owned);
        let query = Query::new(
            raw.as_deref(),
            &[Q::KNOWN, Paging::KNOWN, MinPosition::KNOWN, Representation::parameters(parts)],
        )?;
        let (request, own) = (PageRequest::new(parts, "", &query)?, Q::read(&query)?);
        let negotiation = Negotiation::new(parts, &query, &app.build())?;
        wait_for(app, MinPosition::read(&query)?.min_position).await?;
        Ok(Self { query: own, request, negotiation })
    }
}

impl<Q: Parameters> IntoParams for GlobalList<Q> {
    fn into_params(_of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Q::describe()
            .into_iter()
            .chain(Paging::describe())
            .chain(MinPosition::describe())
            .chain([if_none_match()])
            .collect()
    }
}
