//! Lists that are no tenant's: the gate has seen to the role, for there is no tenant to ask it of.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::response::Response;
use domain::keys::{Position, TenantId};
use projections::store::Page;
use projections::tenant::Tenant as Models;
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::api::auth::GlobalAccess;
use crate::http::api::cursor::CursorScope;
use crate::http::api::negotiation::{Media, Negotiation, Rendered, if_none_match};
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query, parameters};
use crate::http::api::read::{Paging, json, render_csv, render_page, wait_for};

parameters! {
    /// How far the models must be.
    Awaited {
        /// Waits, at most 5 s, until this position is folded.
        min_position: u64,
    }
}

/// What the log holds of no tenant: deliveries that nobody could be found for, and alerts of them.
pub fn unassigned<R: Default>(app: &App, take: impl FnOnce(&Models) -> R) -> (R, Position) {
    let view = app.engine.views.internal(&TenantId::unassigned());
    view.map(|view| view.with(|tenant, position| (take(tenant), position))).unwrap_or_default()
}

/// A reader of one page of a list that is of no tenant.
pub struct GlobalList<Q = ()> {
    /// The route's own parameters.
    pub query: Q,
    /// How many items at most.
    pub limit: usize,
    scope: CursorScope,
    cursor: Option<String>,
    negotiation: Negotiation,
}

impl<Q> GlobalList<Q> {
    /// Where the page begins: behind this; at the beginning without a cursor.
    pub fn after<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        self.cursor.as_deref().map(|cursor| self.scope.read(cursor)).transpose()
    }

    /// A page that more than facts decides, as JSON with what `around` puts beside it, or as CSV.
    pub fn page_with<T: Serialize + ToSchema, A: Serialize>(
        &self,
        page: Page<T>,
        around: impl FnOnce(Page<T>) -> A,
    ) -> Result<Response, Problem> {
        let next_cursor = page.next_cursor.map(|at| self.scope.write(&at));
        let page = Page { next_cursor, ..page };
        let written = match self.negotiation.media() {
            Media::Json => Rendered::json(json(&around(page))?),
            Media::Csv => render_csv(page)?,
        };
        written.momentary()
    }

    /// A page that only facts decide, as JSON or CSV.
    pub fn page<T: Serialize + ToSchema>(&self, page: Page<T>) -> Result<Response, Problem> {
        let next_cursor = page.next_cursor.map(|at| self.scope.write(&at));
        let (position, page) = (page.position, Page { next_cursor, ..page });
        self.negotiation.stable(position, render_page(&self.negotiation, page)?)
    }

    /// The page of `rows`, which are all there are, by id; it is not to be stored.
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

impl<Q: Parameters> FromRequestParts<Arc<App>> for GlobalList<Q> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        GlobalAccess::from_request_parts(parts, app).await?;
        let raw = parts.uri.query().map(str::to_owned);
        let query = Query::new(raw.as_deref(), &[Q::NAMES, Paging::NAMES, Awaited::NAMES])?;
        let (paging, own) = (Paging::read(&query)?, Q::read(&query)?);
        wait_for(app, Awaited::read(&query)?.min_position).await?;
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        Ok(Self {
            query: own,
            limit: paging.limit.unwrap_or_default().0,
            scope: CursorScope::new(route, "", &query.besides(&["limit", "cursor", "min_position"])),
            cursor: paging.cursor,
            negotiation: Negotiation::new(parts, &app.build),
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
