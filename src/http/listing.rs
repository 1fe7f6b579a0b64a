//! Lists that are no tenant's: tokens, users, tenants, endpoints; by id, never stored, as JSON or CSV.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::response::Response;
use domain::keys::Position;
use projections::store::Page;
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::answer::Asked;
use super::cursor::Bond;
use super::problem::Problem;
use super::query::{Parameters, Query};
use super::read::{Paging, written};

/// A reader of one page of a list by id.
pub struct Listing {
    limit: usize,
    after: Option<String>,
    bond: Bond,
    asked: Asked,
}

impl Listing {
    /// The page of `rows`, which are all there are.
    pub fn page<T: Serialize + ToSchema>(
        &self,
        position: Position,
        mut rows: Vec<(String, T)>,
    ) -> Result<Response, Problem> {
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        let after = self.after.as_ref();
        let mut rows =
            rows.into_iter().skip_while(|(id, _)| after.is_some_and(|after| id <= after)).peekable();
        let (mut items, mut last) = (Vec::new(), None);
        while items.len() < self.limit
            && let Some((id, row)) = rows.next()
        {
            items.push(row);
            last = Some(id);
        }
        let next_cursor = last.filter(|_| rows.peek().is_some()).map(|id| self.bond.write(&id));
        written(&self.asked, Page { position, items, next_cursor })?.momentary()
    }
}

impl FromRequestParts<Arc<App>> for Listing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let query = Query::new(parts.uri.query(), &[Paging::NAMES])?;
        let paging = Paging::read(&query)?;
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let bond = Bond::new(route, "", &[]);
        let after = paging.cursor.as_deref().map(|cursor| bond.read(cursor)).transpose()?;
        Ok(Self {
            limit: paging.limit.unwrap_or_default().0,
            after,
            bond,
            asked: Asked::new(parts, &app.build),
        })
    }
}

impl IntoParams for Listing {
    fn into_params(_of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Paging::describe()
    }
}
