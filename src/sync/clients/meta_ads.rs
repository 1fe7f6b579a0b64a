//! Meta: what an ad account spent, by day (A6).
//!
//! The Marketing API's insights, a row a day (`time_increment=1`), always with the period: without one it means the last 30
//! days. `spend` is a decimal text in the account's currency; a day without delivery has no row. `paging.next` is a whole
//! URL with the access token in it: it is followed on the same host alone, and without that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::members::Day;
use serde::Deserialize;
use serde_json::{Value, json};

use super::spend::AdAccount;
use crate::config::MetaAds;
use crate::directory::Secret;
use crate::outbound::OutboundRequest;
use crate::sync::error::SyncError;
use crate::sync::lenient::{Lenient, read};
use crate::sync::run::SyncRun;
use crate::sync::source::{Cadence, Reading, SourceClient, SourceName};
use crate::sync::words;

/// Rows of a page that are asked for.
const LIMIT: &str = "100";
/// Most pages of one answer.
const PAGES_MAX: usize = 1_000;

/// Reads the spend of a tenant's ad account.
pub struct MetaAdsClient {
    config: MetaAds,
}

#[derive(Deserialize)]
struct MetaAccount {
    #[serde(default)]
    currency: Lenient,
    #[serde(default)]
    timezone_name: Lenient,
}

#[derive(Deserialize)]
struct MetaInsights {
    data: Vec<MetaDay>,
    #[serde(default)]
    paging: MetaPaging,
}

#[derive(Default, Deserialize)]
struct MetaPaging {
    #[serde(default)]
    next: Lenient,
}

#[derive(Deserialize)]
struct MetaDay {
    #[serde(default)]
    account_id: Lenient,
    #[serde(default)]
    account_currency: Lenient,
    #[serde(default)]
    date_start: Lenient,
    #[serde(default)]
    date_stop: Lenient,
    #[serde(default)]
    spend: Lenient,
}

/// The error of an answer: its code, and what it says.
fn error_of(body: &Value) -> Option<(String, String)> {
    let error = body.get("error").filter(|error| !error.is_null())?;
    let message = error["message"].as_str().unwrap_or("no message");
    Some((error["code"].to_string(), message.to_owned()))
}

fn words_of(body: &Value) -> Option<String> {
    error_of(body).map(|(code, words)| format!("{words} ({code})"))
}

/// The request of the next page, where it is on the host of `base_url`, without the token in its query.
fn following(base_url: &str, next: &str) -> Option<OutboundRequest> {
    let host = base_url.find("://").map(|at| at + 3)?;
    let origin = base_url[host..].find('/').map(|at| &base_url[..host + at])?;
    let rest = next.strip_prefix(origin).filter(|rest| rest.starts_with('/'))?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "access_token");
    let request = OutboundRequest::get(&format!("{origin}{path}"));
    Some(pairs.fold(request, |request, (name, value)| request.query(&name, &value)))
}

impl MetaAdsClient {
    /// The client of an ad account.
    pub fn new(config: MetaAds) -> Self {
        Self { config }
    }

    async fn answer(&self, run: &SyncRun, what: &str, request: OutboundRequest) -> Result<Value, SyncError> {
        let request = request.header("authorization", format!("Bearer {}", self.config.access_token.text()));
        let body = run.page(request).await.map_err(|error| words::explained(run, what, error, words_of))?;
        match error_of(&body) {
            Some((code, message)) => Err(SyncError::Refused { code, message: words::quoted(run, &message) }),
            None => Ok(body),
        }
    }

    async fn account(&self, run: &SyncRun) -> Result<AdAccount, SyncError> {
        let url = format!("{}act_{}", self.config.base_url, self.config.account_id);
        let request = OutboundRequest::get(&url).query("fields", "account_id,currency,timezone_name");
        let account: MetaAccount = read("account", self.answer(run, "account", request).await?)?;
        let (currency, zone) = (account.currency.get(), account.timezone_name.get());
        AdAccount::described(self.name(), &self.config.account_id, currency, zone)
    }

    /// What each day between `from` and `to` cost that has a row, in minor units.
    async fn days(
        &self,
        run: &SyncRun,
        account: &AdAccount,
        (from, to): (Day, Day),
    ) -> Result<BTreeMap<Day, i64>, SyncError> {
        let url = format!("{}act_{}/insights", self.config.base_url, self.config.account_id);
        let range = json!({"since": from.to_string(), "until": to.to_string()});
        let mut request = OutboundRequest::get(&url)
            .query("level", "account")
            .query("fields", "account_id,account_currency,spend")
            .query("time_range", &range.to_string())
            .query("time_increment", "1")
            .query("limit", LIMIT);
        let (mut spent, mut followed) = (BTreeMap::new(), BTreeSet::new());
        for _ in 0..PAGES_MAX {
            let insights: MetaInsights = read("insights", self.answer(run, "insights", request).await?)?;
            for row in &insights.data {
                let (day, minor) = self.day(account, row)?;
                if spent.insert(day, minor).is_some() {
                    return Err(SyncError::Unexpected(format!("insights: two rows of {day}")));
                }
            }
            let Some(next) = insights.paging.next.get() else { return Ok(spent) };
            if !followed.insert(next.to_owned()) {
                return Err(SyncError::Incomplete("insights: a page names itself as the next".to_owned()));
            }
            let elsewhere = || SyncError::unexpected("insights: the next page is on another host");
            request = following(&self.config.base_url, next).ok_or_else(elsewhere)?;
        }
        Err(SyncError::Incomplete(format!("insights: more than {PAGES_MAX} pages")))
    }

    fn day(&self, account: &AdAccount, row: &MetaDay) -> Result<(Day, i64), SyncError> {
        let wrong = |what: &str| SyncError::Unexpected(format!("insights: {what}"));
        if row.account_id.get().is_some_and(|id| id != account.id) {
            return Err(wrong("a row of another account"));
        }
        if row.account_currency.get().is_some_and(|code| code != account.currency.to_string()) {
            return Err(wrong("a row in another currency"));
        }
        let day =
            row.date_start.get().filter(|start| row.date_stop.get() == Some(*start)).and_then(Day::parse);
        let day = day.ok_or_else(|| wrong("a row that is not of one day"))?;
        let minor = row.spend.get().map_or(Some(0), |spend| account.minor(spend));
        Ok((day, minor.ok_or_else(|| wrong("spend is no decimal number"))?))
    }

    async fn read_all(&self, run: &SyncRun) -> Result<(), SyncError> {
        let account = self.account(run).await?;
        let Some(days) = account.asked_days(run) else { return Ok(()) };
        let spent = self.days(run, &account, days).await?;
        account.hold(run, days, &spent).await
    }
}

impl SourceClient for MetaAdsClient {
    fn name(&self) -> SourceName {
        SourceName::Meta
    }

    fn cadence(&self) -> Cadence {
        Cadence::Every(self.config.refresh)
    }

    fn reads_days(&self) -> bool {
        true
    }

    fn secrets(&self) -> Vec<&Secret> {
        vec![&self.config.access_token]
    }

    fn read(self: Arc<Self>, run: SyncRun) -> Reading {
        Box::pin(async move { self.read_all(&run).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_followed_on_the_same_host_alone() {
        let base = "https://graph.facebook.com/v25.0/";
        for next in [
            "https://graph.facebook.com/v25.0/act_1/insights?access_token=a&after=b",
            "https://graph.facebook.com/v25.0/act_1/insights",
        ] {
            assert!(following(base, next).is_some(), "{next}");
        }
        for next in [
            "https://graph.facebook.com.evil.example/v25.0/act_1/insights",
            "https://graph.facebook.com:444/v25.0/act_1/insights",
            "https://graph.facebook.com@evil.example/",
            "http://graph.facebook.com/v25.0/act_1/insights",
            "https://evil.example/?https://graph.facebook.com/",
            "https://graph.facebook.com",
            "/v25.0/act_1/insights",
        ] {
            assert!(following(base, next).is_none(), "{next}");
        }
    }
}
