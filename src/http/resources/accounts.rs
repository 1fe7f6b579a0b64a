//! Sender accounts and the performance of their email providers.

use crate::http::api::blocking::blocking;
use crate::http::api::day_range::{DayRange, day_range};
use crate::http::api::extractors::{List, Read};
use crate::http::api::needs::Need;
use crate::http::api::problem::Problem;
use crate::http::api::query::{parameters, word_values};
use crate::http::api::routes::Routes;
use axum::response::Response;
use domain::members::Day;
use projections::entities::sender_accounts::list::{AccountFilter, AccountItem, StatusAnswer};
use projections::entities::sender_accounts::period::AccountPeriod;
use projections::entities::sender_accounts::told::AccountState;
use projections::figures::provider_performance::PerformanceAnswer;
use projections::store::Page;
use utoipa_axum::routes;

/// `/sender-accounts`, `/provider-performance`.
pub fn routes() -> Routes {
    Routes::new("sender accounts")
        .add(Need::Viewer, routes!(list_accounts))
        .add(Need::Viewer, routes!(account_status))
        .add(Need::Viewer, routes!(provider_performance))
}

word_values!(AccountState);

parameters! {
    /// The filter of accounts.
    Accounts {
        /// Connection state; by default all accounts that are not removed.
        status: AccountState,
        /// Workspace at the outreach provider.
        workspace: String,
        /// Email provider such as Gmail or Outlook, in any case.
        email_provider: String,
        /// Part of the email address, in any case.
        search: String,
        /// First local day of `period`; by default the first of the month of the last.
        from: Day,
        /// Last local day of `period`; by default today, where `from` is given.
        to: Day,
    }
}

/// Lists the mailboxes that outreach is sent from, by address. The counters are the provider's lifetime totals; with
/// `from` or `to`, `period` holds what they gained on those days.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sender-accounts",
    params(List<Accounts>),
    responses((status = 200, body = Page<AccountItem>))
)]
async fn list_accounts(list: List<Accounts>) -> Result<Response, Problem> {
    let Accounts { status, workspace, email_provider, search, from, to } = list.query.clone();
    let filter = AccountFilter { status, workspace, email_provider, search };
    let period = if from.is_some() || to.is_some() {
        let (from, to) = day_range(&list, from, to)?;
        Some(AccountPeriod { from, to, timeline: list.view.timeline() })
    } else {
        None
    };
    let (after, limit) = (list.after()?, list.limit);
    let (accounts, position) =
        list.view.with(|tenant, position| (tenant.sender_accounts.rows.clone(), position));
    let of = move || accounts.page(position, &filter, period.as_ref(), after.as_ref(), limit);
    let page = blocking(of).await?;
    // A period that ends today depends on the time.
    if from.is_some() && to.is_none() { list.page_at(page) } else { list.page(page) }
}

/// Counts mailboxes by connection state.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/sender-accounts/status",
    params(Read),
    responses((status = 200, content((StatusAnswer = "application/json"), (String = "text/csv"))))
)]
async fn account_status(read: Read) -> Result<Response, Problem> {
    let (accounts, position) =
        read.view.with(|tenant, position| (tenant.sender_accounts.rows.clone(), position));
    let answer = blocking(move || accounts.status(position)).await?;
    read.figures(position, answer, |status| vec![status])
}

/// Sends and replies of each day by email provider: the daily gains of the accounts' totals.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/provider-performance",
    params(Read<DayRange>),
    responses((status = 200, content((PerformanceAnswer = "application/json"), (String = "text/csv"))))
)]
async fn provider_performance(read: Read<DayRange>) -> Result<Response, Problem> {
    let (from, to) = day_range(&read, read.query.from, read.query.to)?;
    let (performance, position) = read.view.with(|tenant, position| (tenant.performance(), position));
    let answer = blocking(move || performance.answer(position, from, to)).await?;
    let rows = |performance: PerformanceAnswer| performance.items;
    match read.query.to {
        Some(_) => read.figures(position, answer, rows),
        None => read.figures_at(position, answer, rows),
    }
}
