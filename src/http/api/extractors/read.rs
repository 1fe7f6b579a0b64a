//! Reads of a tenant's models, and how their answers are rendered.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use domain::keys::Position;
use domain::members::Instant;
use projections::store::Page;
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use super::access::TenantAccess;
use super::moment::{MomentQuery, not_ahead, wait_for};
use crate::http::api::negotiation::{Media, Negotiation, Representation, if_none_match};
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query};
use crate::http::api::rendered::{AnswerAt, ItemAnswer, Maps, Rendered};
use crate::http::app::App;
use crate::views::TenantView;

/// A read of one tenant's models: the caller is admitted, the parameters are well-formed and the models are folded to
/// the moment that is asked for. `Q` holds the route's own parameters.
pub struct Read<Q = ()> {
    /// The tenant.
    pub tenant: TenantAccess,
    /// The route's own parameters.
    pub query: Q,
    /// The tenant's models at that moment.
    pub view: TenantView,
    /// The moment.
    pub moment: MomentQuery,
    /// The time for answers that depend on it: the server's clock, or `known_at`.
    pub at: Instant,
    /// What the headers ask of the answer.
    pub negotiation: Negotiation,
}

impl<Q> Read<Q> {
    /// An answer that facts alone decide, as JSON with an ETag.
    pub fn answer<T: Serialize>(&self, position: Position, answer: &T) -> Result<Response, Problem> {
        Rendered::json(answer)?.stable(&self.negotiation, position)
    }

    /// An answer that depends on the time, as JSON that says `at`.
    pub fn answer_at<T: Serialize>(&self, answer: &T) -> Result<Response, Problem> {
        Rendered::json(&self.timed(answer))?.momentary(&self.negotiation)
    }

    /// Figures that facts alone decide, as JSON or, as CSV, the `rows` of them (F4).
    pub fn figures<T: Serialize, R: Serialize + ToSchema>(
        &self,
        position: Position,
        answer: T,
        rows: impl FnOnce(T) -> Vec<R>,
    ) -> Result<Response, Problem> {
        let rendered = match self.negotiation.media {
            Media::Json => Rendered::json(&answer)?,
            Media::Csv => {
                let page = Page { position, items: rows(answer), next_cursor: None };
                Rendered::csv(&self.negotiation, page, Maps::AsColumns)?
            }
        };
        rendered.stable(&self.negotiation, position)
    }

    /// Figures that depend on the time.
    pub fn figures_at<T: Serialize, R: Serialize + ToSchema>(
        &self,
        position: Position,
        answer: T,
        rows: impl FnOnce(T) -> Vec<R>,
    ) -> Result<Response, Problem> {
        let rendered = match self.negotiation.media {
            Media::Json => Rendered::json(&self.timed(answer))?,
            Media::Csv => {
                let page = Page { position, items: rows(answer), next_cursor: None };
                Rendered::csv(&self.negotiation, page, Maps::AsColumns)?
            }
        };
        rendered.momentary(&self.negotiation)
    }

    /// All rows of a list that has no pages and depends on the time, as JSON or CSV.
    pub fn rows_at<T: Serialize + ToSchema>(&self, page: Page<T>) -> Result<Response, Problem> {
        let rendered = match self.negotiation.media {
            Media::Json => Rendered::json(&self.timed(page))?,
            Media::Csv => Rendered::csv(&self.negotiation, page, Maps::AsText)?,
        };
        rendered.momentary(&self.negotiation)
    }

    /// One thing that facts alone decide; 404 where it is `None`.
    pub fn one<T: Serialize>(
        &self,
        position: Position,
        found: Option<T>,
        what: &str,
    ) -> Result<Response, Problem> {
        let answer = found.ok_or_else(|| Problem::not_found(what))?;
        self.answer(position, &ItemAnswer { position, answer })
    }

    /// `answer` with the time that it depends on.
    pub fn timed<T>(&self, answer: T) -> AnswerAt<T> {
        AnswerAt { at: self.at.to_string(), answer }
    }

    /// Reads the parts of a request whose query string is parsed already.
    pub async fn from_query(parts: &mut Parts, app: &Arc<App>, query: &Query<'_>) -> Result<Self, Problem>
    where
        Q: Parameters,
    {
        let tenant = TenantAccess::from_request_parts(parts, app).await?;
        let moment = MomentQuery::read(query)?;
        let own = Q::read(query)?;
        let mut negotiation = Negotiation::new(parts, query, &app.build())?;
        if moment.known_at.is_some() {
            let ahead = app.engine.log.snapshot().ahead_of((app.engine.clock)());
            negotiation.clock_ahead = ahead.map_err(|error| Problem::from(&error))?.is_some();
        }
        not_ahead(app, moment.as_of_position).await?;
        wait_for(app, moment.min_position).await?;
        let whole = parts.extensions.get::<Representation>().and_then(|asked| asked.whole.clone());
        let view = match whole.as_ref().and_then(|first| first.get()) {
            Some(first) => first.clone(),
            None => {
                let _turn = match moment.is_past() {
                    true => Some(app.search_turn(tenant.by()).await?),
                    false => None,
                };
                let view = app.engine.views.at(&tenant, moment.moment()).await?;
                let view = view.ok_or_else(|| Problem::not_found("tenant"))?;
                whole.map_or_else(|| view.clone(), |first| first.get_or_init(|| view.frozen()).clone())
            }
        };
        let at = moment.known_at.unwrap_or_else(|| Instant((app.engine.clock)()));
        Ok(Self { tenant, query: own, view, moment, at, negotiation })
    }
}

impl<Q: Parameters> FromRequestParts<Arc<App>> for Read<Q> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let raw = parts.uri.query().map(str::to_owned);
        let format = Representation::parameters(parts);
        let query = Query::new(raw.as_deref(), &[Q::KNOWN, MomentQuery::KNOWN, format])?;
        Self::from_query(parts, app, &query).await
    }
}

impl<Q: Parameters> IntoParams for Read<Q> {
    fn into_params(_of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Q::describe().into_iter().chain(MomentQuery::describe()).chain([if_none_match()]).collect()
    }
}
