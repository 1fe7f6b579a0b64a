//! Prometheus metrics. Labels are routes, statuses, providers, outcomes and kinds: never persons, numbers or ids, which
//! would leak and have no bound. Tenants are labels of their figures alone, where `[metrics] figures` asks for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::members::Instant;
use metrics::{Counter, Histogram, counter, describe_gauge, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::RwLock;
use serde_json::Value;
use utoipa_axum::routes;

use crate::http::api::blocking::blocking;
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::routes::Routes;
use crate::http::app::{App, STREAMS_MAX};
use crate::ingest::answer::BatchTally;
use crate::log::LogState;

/// Interval of the recorder's upkeep, which sums up recorded durations.
pub const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// Upper bounds of duration buckets, in seconds.
const SECONDS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// `/metrics`.
pub fn routes() -> Routes {
    Routes::new("process").add(Need::Auditor, routes!(metrics))
}

/// What each metric says, for `# HELP`.
const HELP: &[(&str, &str)] = &[
    ("factfold_connections_displaced_total", "Connections that gave their place to one of another network."),
    ("factfold_connections_refused_total", "Connections that were refused because all places were taken."),
    ("factfold_deliveries_total", "Webhook deliveries by provider and outcome."),
    ("factfold_facts_appended_total", "Facts that were made durable in the log."),
    ("factfold_facts_folded_total", "Facts that the read models took in, by kind."),
    ("factfold_fold_lag_facts", "Facts of the log that the read models have not taken in yet."),
    ("factfold_fold_position", "The position through which the read models are folded."),
    ("factfold_folding", "1 while the read models follow the log, 0 once they failed."),
    (
        "factfold_http_request_seconds",
        "Time from a request's head to its answer, by method, route and status.",
    ),
    ("factfold_kept_folds_bytes", "Memory of past states and restatements that are kept, in bytes."),
    ("factfold_log_commit_seconds", "Time of one commit of the log, its sync included."),
    ("factfold_log_order_seconds", "Time until the log's engine gave a block its place."),
    ("factfold_log_position", "The position of the log's last fact."),
    ("factfold_log_writable", "1 while the log takes facts, else 0."),
    ("factfold_posted_facts_total", "Facts that clients posted, by outcome."),
    ("factfold_streams_open", "Open streams of facts and changes."),
];

/// Installs the process' recorder; none where another one is installed already.
pub fn install() -> Option<PrometheusHandle> {
    let built = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS);
    let installed = built.map_err(|error| error.to_string()).and_then(|builder| {
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
        // The recorder keeps the text by name, whatever the kind.
        HELP.iter().for_each(|(name, help)| describe_gauge!(*name, *help));
        Ok(handle)
    });
    installed.inspect_err(|error| tracing::warn!(error, "metrics are off")).ok()
}

static REQUESTS: Handles<Histogram> = Handles::new();
static DELIVERIES: Handles<Counter> = Handles::new();

/// Labels besides the name that a handle is kept by: a word and a number.
type Labels = (&'static str, u16);

/// The handles of a name.
type OfName<H> = Vec<(Labels, H)>;

/// Handles of one metric, made once each: the recorder finds one by texts that are made anew for every look. There are as
/// many as there are label values, whose number the labels bound.
struct Handles<H> {
    by_name: RwLock<BTreeMap<Box<str>, OfName<H>>>,
}

impl<H: Clone> Handles<H> {
    const fn new() -> Self {
        Self { by_name: RwLock::new(BTreeMap::new()) }
    }

    fn get(&self, name: &str, labels: Labels, make: impl FnOnce() -> H) -> H {
        if let Some(handles) = self.by_name.read().get(name)
            && let Some((_, handle)) = handles.iter().find(|(known, _)| *known == labels)
        {
            return handle.clone();
        }
        let handle = make();
        self.by_name.write().entry(name.into()).or_default().push((labels, handle.clone()));
        handle
    }
}

/// Records an answered request.
pub fn request(method: &Method, route: &str, status: StatusCode, took: Duration) {
    // Clients can invent methods: unknown ones share a label.
    let method = match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    };
    let make = || {
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.as_str().to_owned()),
        ];
        histogram!("factfold_http_request_seconds", &labels)
    };
    REQUESTS.get(route, (method, status.as_u16()), make).record(took);
}

/// Counts an answered webhook delivery; `provider` is a configured one.
pub fn delivery(provider: &str, outcome: &'static str) {
    let make =
        || counter!("factfold_deliveries_total", "provider" => provider.to_owned(), "outcome" => outcome);
    DELIVERIES.get(provider, (outcome, 0), make).increment(1);
}

/// Counts posted facts.
pub fn posted(tally: &BatchTally) {
    let BatchTally { recorded, duplicates, conflicts, rejected, .. } = *tally;
    let outcomes = ["recorded", "duplicate", "conflict", "rejected"];
    for (outcome, count) in outcomes.into_iter().zip([recorded, duplicates, conflicts, rejected]) {
        if count > 0 {
            counter!("factfold_posted_facts_total", "outcome" => outcome).increment(count);
        }
    }
}

/// Figures of `/metrics/month` that are told by tenant.
const FIGURES: &[&str] = &[
    "calls",
    "answered",
    "qualified",
    "talk_seconds",
    "emails_sent",
    "replies",
    "interested",
    "positive_replies",
    "bounces",
    "unsubscribes",
];

/// The figures of every tenant's current month, as gauges: a late fact or another rule may lower them.
fn figures_of_tenants(app: &App) -> String {
    let now = Instant((app.engine.clock)());
    let tenants = app.engine.views.tenants().into_iter();
    let months: Vec<(Box<str>, Value)> = tenants
        .filter_map(|(id, view)| {
            let month = view.timeline().latest().zone.month(now);
            serde_json::to_value(view.month(month, now)).ok().map(|month| (id, month))
        })
        .collect();
    let mut text = String::new();
    for figure in FIGURES {
        let name = format!("factfold_month_{figure}");
        text.push_str(&format!(
            "# HELP {name} {figure} of the tenant's current month.\n# TYPE {name} gauge\n"
        ));
        for (tenant, month) in &months {
            // Ids of tenants need no escape.
            if let Some(value) = month[*figure].as_u64() {
                text.push_str(&format!("{name}{{tenant=\"{tenant}\"}} {value}\n"));
            }
        }
    }
    text
}

/// Metrics of this process in the Prometheus text format; with each tenant's figures of its current month where the
/// configuration says `[metrics] figures = true`.
#[utoipa::path(
    get,
    path = "/metrics",
    responses((status = 200, description = "Prometheus text format", content_type = "text/plain", body = String))
)]
async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let Some(handle) = &app.metrics else {
        return Err(Problem::not_found("metrics"));
    };
    let (head, folded) = (app.engine.log.head().position, app.engine.views.position());
    gauge!("factfold_log_position").set(head as f64);
    gauge!("factfold_fold_position").set(folded as f64);
    gauge!("factfold_fold_lag_facts").set(head.saturating_sub(folded) as f64);
    let is_writable = matches!(app.engine.log.state(), LogState::Writable);
    gauge!("factfold_log_writable").set(f64::from(u8::from(is_writable)));
    let is_folding = app.engine.fold_failure().is_none();
    gauge!("factfold_folding").set(f64::from(u8::from(is_folding)));
    let open = STREAMS_MAX - app.streams.available_permits();
    gauge!("factfold_streams_open").set(open as f64);
    let kept = app.engine.views.kept_bytes();
    gauge!("factfold_kept_folds_bytes", "kind" => "past_states").set(kept.past_states as f64);
    gauge!("factfold_kept_folds_bytes", "kind" => "restatements").set(kept.restatements as f64);
    let mut text = handle.render();
    if app.figures {
        let app = Arc::clone(&app);
        text.push_str(&blocking(move || figures_of_tenants(&app)).await?);
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
