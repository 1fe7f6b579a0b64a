//! Facts: reading them by position, key and filter, and posting them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::facts::{Fact, Subject};
use domain::json::without_byte_order_mark;
use domain::keys::Position;
use domain::members::Instant;
use domain::record::KindTag;
use domain::rules::calendar::Bound;
use domain::words;
use projections::store::Page;
use utoipa_axum::routes;

mod post;
mod posted;
mod void;

use crate::http::api::blocking::blocking;
use crate::http::api::body::{self, BATCH_MAX, SINGLE_MAX};
use crate::http::api::day_range::in_order;
use crate::http::api::decompression::decompressed;
use crate::http::api::extractors::{List, Read, TenantAccess};
use crate::http::api::json_body::content_type;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{Parameters, Query, RequiredValue, parameters, word_values};
use crate::http::api::routes::Routes;
use crate::http::app::App;
use crate::ingest::key::recorded_key;
use crate::views::facts::{FactError, FactFilter, FactItem, corrections, original, page, show};
use crate::views::voids::StandingVoid;
use posted::{NewFacts, PostAnswer, PostFactsAnswer};

/// `/facts`, `/facts/by-key`, `/facts/{position}`.
pub fn routes() -> Routes {
    Routes::new("facts")
        .add(Need::Viewer, routes!(list_facts))
        .add(Need::Agent, routes!(post_facts))
        .add(Need::Viewer, routes!(get_fact_by_key))
        .add(Need::Viewer, routes!(get_fact))
        .merge(void::routes())
}

impl From<FactError> for Problem {
    fn from(error: FactError) -> Self {
        Self::internal(&error)
    }
}

words! {
    /// The order of facts, by position.
    Order { Descending = "desc", Ascending = "asc" }
}
word_values!(Order);

parameters! {
    /// The filter of facts.
    FactQuery {
        /// The kind of the facts.
        kind: KindTag,
        /// The provider of the facts.
        provider: String,
        /// What the facts are about, as they name it: the id of a call, session, account-day and the like.
        subject: String,
        /// Earliest `occurred_at`, inclusive.
        from: Bound,
        /// Latest `occurred_at`: before this instant, or until the end of this day.
        to: Bound,
        /// `desc`, the default, is newest first.
        order: Order,
    }
}

/// Lists facts by their position in the log.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/facts",
    params(List<FactQuery>),
    responses((status = 200, body = Page<FactItem>))
)]
async fn list_facts(State(app): State<Arc<App>>, list: List<FactQuery>) -> Result<Response, Problem> {
    let zone = list.view.timeline().latest().zone;
    let FactQuery { kind, provider, subject, from, to, order } = list.query.clone();
    let last = |bound: Bound| Instant(bound.end(zone).0 - 1);
    in_order(from.map(|bound| bound.first(zone)), to.map(last))?;
    let moment = &list.moment;
    let whole = list.negotiation.is_whole.then(|| list.view.position());
    let until = moment.occurred_until.map(|until| Instant(until.0 + 1));
    let subject = subject.map(|subject| app.engine.secret.subject(list.tenant.as_str(), &subject));
    let mut filter = FactFilter {
        kind,
        provider,
        subject,
        corrections: BTreeSet::new(),
        from: from.map(|bound| bound.first(zone)),
        before: to.map(|bound| bound.end(zone)).into_iter().chain(until).min(),
        // A whole list ends where it was when it began, whatever is recorded meanwhile.
        up_to: moment.as_of_position.or(whole).unwrap_or(Position::MAX),
        known_at: moment.known_at,
        descending: order != Some(Order::Ascending),
        tenant: (*list.tenant).clone(),
    };
    let (after, limit) = (list.after::<Position>()?, list.limit);
    let snapshot = app.engine.log.snapshot();
    let (replacements, voids, position) = list
        .view
        .with(|tenant, position| (tenant.conflicts.rows.replacements(), tenant.voids.rows.clone(), position));
    let (secret, tenant) = (app.engine.secret.clone(), list.tenant.as_str().to_owned());
    let turn = app.search_turn(list.tenant.by()).await?;
    let read = move || -> Result<_, FactError> {
        // Kept until the search has ended, even if nobody waits for it any more.
        let _turn = turn;
        if let Some(subject) = filter.subject {
            let person = |identity: &str| secret.person(&tenant, identity);
            let subject_of = |fact: &Fact| secret.subject(&tenant, &fact.subject(&person));
            filter.corrections = corrections(&snapshot, &replacements, subject, subject_of)?;
        }
        let mut found = page(&snapshot, &filter, after, limit)?;
        for fact in &mut found.items {
            fact.link(&replacements);
            fact.voided = Some(StandingVoid::find(&snapshot, voids.of(fact.position).voided_by)?);
        }
        Ok(found)
    };
    let found = blocking(read).await??;
    let next_cursor = found.next.map(|at| at.to_string());
    list.page(Page { position, items: found.items, next_cursor })
}

parameters! {
    /// How much of a fact is shown.
    RawQuery {
        /// Adds the original payload; requires the role auditor.
        raw: bool,
    }
}

/// Gets the fact at a position.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/facts/{position}",
    params(Read<RawQuery>),
    responses((status = 200, body = FactItem))
)]
async fn get_fact(
    State(app): State<Arc<App>>,
    Path((_, position)): Path<(String, String)>,
    read: Read<RawQuery>,
) -> Result<Response, Problem> {
    let position = position.parse().map_err(|_| Problem::not_found("fact"))?;
    answer(&app, &read, position, read.query.raw).await
}

parameters! {
    /// The key of a fact.
    KeyQuery {
        /// The provider of the fact.
        provider: RequiredValue<String>,
        /// The fact's id at the provider.
        external_id: RequiredValue<String>,
        /// Adds the original payload; requires the role auditor.
        raw: bool,
    }
}

/// Gets the fact that was recorded under a key.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/facts/by-key",
    params(Read<KeyQuery>),
    responses((status = 200, body = FactItem))
)]
async fn get_fact_by_key(State(app): State<Arc<App>>, read: Read<KeyQuery>) -> Result<Response, Problem> {
    let (Some(RequiredValue(provider)), Some(RequiredValue(external_id))) =
        (&read.query.provider, &read.query.external_id)
    else {
        return Err(Problem::bad_request(
            "missing_parameter",
            "the parameters 'provider' and 'external_id' are required",
        ));
    };
    let key = recorded_key(&app.engine.secret, &read.tenant, provider, external_id);
    let log = app.engine.log.clone();
    let found = blocking(move || log.find(&key)).await?.map_err(|error| Problem::from(&error))?;
    let (position, _) = found.ok_or_else(|| Problem::not_found("fact"))?;
    answer(&app, &read, position, read.query.raw).await
}

/// The fact at `position`; 404 for the fact of another tenant, as if it did not exist (R7).
async fn answer<Q>(
    app: &App,
    read: &Read<Q>,
    position: Position,
    raw: Option<bool>,
) -> Result<Response, Problem> {
    let raw = raw == Some(true);
    if raw && !Need::Auditor.roles().contains(&read.tenant.role()) {
        let detail =
            "original payloads contain personal and confidential data; 'raw' requires the role auditor";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let snapshot = app.engine.log.snapshot();
    let (replacements, voided_by) = read
        .view
        .with(|tenant, _| (tenant.conflicts.rows.replacements(), tenant.voids.rows.of(position).voided_by));
    let show = move || -> Result<_, FactError> {
        let mut fact = show(&snapshot, position)?;
        if let Some(fact) = &mut fact {
            fact.voided = Some(StandingVoid::find(&snapshot, voided_by)?);
        }
        let payload = if raw && fact.is_some() { original(&snapshot, position)? } else { None };
        Ok((fact, payload))
    };
    let (fact, payload) = blocking(show).await??;
    let instant = |text: &str| Instant::parse(text).unwrap_or(Instant(i64::MAX));
    let fact = fact.filter(|fact| {
        let (recorded_at, occurred_at) = (instant(&fact.recorded_at), instant(&fact.occurred_at));
        fact.tenant == read.tenant.as_str() && read.moment.holds(position, recorded_at, occurred_at)
    });
    let mut fact = fact.ok_or_else(|| Problem::not_found("fact"))?;
    if let Some(payload) = payload {
        fact.show_original(&payload);
    }
    fact.link(&replacements);
    read.answer(fact.seen_at(), &fact)
}

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

parameters! {
    /// How much of a batch is answered.
    BatchQuery {
        /// `all` lists the recorded facts too, not only the others.
        results: All,
    }
}

words! {
    /// The only value of `results`.
    All { All = "all" }
}
word_values!(All);

/// Records one fact or a batch: a JSON array or NDJSON. Each fact of a batch is recorded or rejected by itself.
#[utoipa::path(
    post,
    path = "/api/v1/tenants/{tenant}/facts",
    params(BatchQuery),
    request_body(content((NewFacts = "application/json"), (String = "application/x-ndjson"))),
    responses(
        (status = 201, description = "Recorded", body = PostAnswer),
        (status = 200, description = "One duplicate, or the results of a batch", body = PostFactsAnswer),
        (status = 409, description = "The key was recorded before with different content"),
        (status = 413, description = "A fact over 1 MiB, or a batch over 64 MiB"),
        (status = 415, description = "Neither JSON nor NDJSON, or compressed otherwise than by gzip, deflate, br or zstd"),
        (status = 422, description = "Invalid fact; `errors` names the fields")
    )
)]
async fn post_facts(
    State(app): State<Arc<App>>,
    tenant: TenantAccess,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, content) = request.into_parts();
    let all = BatchQuery::read(&Query::new(parts.uri.query(), &[BatchQuery::KNOWN])?)?.results.is_some();
    let media = content_type(&parts, &[JSON, NDJSON])?;
    let content = decompressed(&parts, content).await?;
    match media {
        NDJSON => post::lines(&app, &tenant, content, all).await,
        _ => {
            let bytes = body::whole(content, BATCH_MAX).await?;
            if without_byte_order_mark(&bytes).trim_ascii_start().first() == Some(&b'[') {
                return post::array(&app, &tenant, bytes, all).await;
            }
            if bytes.len() > SINGLE_MAX {
                return Err(Problem::too_large(SINGLE_MAX));
            }
            let (status, answer) = post::single(&app, &tenant, bytes).await?;
            Ok((status, Json(PostFactsAnswer::One(answer))).into_response())
        }
    }
}
