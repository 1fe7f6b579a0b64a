//! Google Ads: what an account spent, by day (A6).
//!
//! `googleAds:searchStream` answers an array of chunks; a query changes nothing, so it may be made again like a GET. Amounts
//! are `costMicros`, a text of millionths, left out where they are 0; days are the account's. An error is an object, or an
//! element of the array, also behind chunks that came.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::members::Day;
use serde::Deserialize;
use serde_json::{Value, json};

use super::spend::AdAccount;
use crate::config::GoogleAds;
use crate::directory::Secret;
use crate::outbound::OutboundRequest;
use crate::sync::error::SyncError;
use crate::sync::lenient::{Lenient, read};
use crate::sync::run::SyncRun;
use crate::sync::source::{Cadence, Reading, SourceClient, SourceName};
use crate::sync::words;

/// Reads the spend of a tenant's account.
pub struct GoogleAdsClient {
    config: GoogleAds,
}

#[derive(Deserialize)]
struct GoogleToken {
    #[serde(default)]
    access_token: Lenient,
}

#[derive(Deserialize)]
struct GoogleChunk {
    #[serde(default)]
    results: Vec<GoogleRow>,
}

#[derive(Deserialize)]
struct GoogleRow {
    customer: GoogleCustomer,
    #[serde(default)]
    segments: GoogleSegments,
    #[serde(default)]
    metrics: GoogleMetrics,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleCustomer {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    currency_code: Lenient,
    #[serde(default)]
    time_zone: Lenient,
}

#[derive(Default, Deserialize)]
struct GoogleSegments {
    #[serde(default)]
    date: Lenient,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleMetrics {
    #[serde(default)]
    cost_micros: Lenient,
}

/// The error of an answer, at its root or in an element of its array: its status, and what it says.
fn error_of(body: &Value) -> Option<(String, String)> {
    let elements = body.as_array().map_or(std::slice::from_ref(body), Vec::as_slice);
    let error = elements.iter().map(|element| &element["error"]).find(|error| !error.is_null())?;
    // The token's endpoint says it in two texts.
    if let Some(code) = error.as_str() {
        let words = elements.first().and_then(|element| element["error_description"].as_str());
        return Some((code.to_owned(), words.unwrap_or(code).to_owned()));
    }
    let code = error["status"].as_str().map_or_else(|| error["code"].to_string(), str::to_owned);
    // What is wrong stands within; outside it says that something is.
    let details = error["details"].as_array().into_iter().flatten();
    let inner = details.filter_map(|detail| detail["errors"][0]["message"].as_str()).next();
    let words = inner.or(error["message"].as_str()).unwrap_or("no message");
    Some((code, words.to_owned()))
}

fn words_of(body: &Value) -> Option<String> {
    error_of(body).map(|(code, words)| format!("{code}: {words}"))
}

impl GoogleAdsClient {
    /// The client of an account.
    pub fn new(config: GoogleAds) -> Self {
        Self { config }
    }

    async fn access_token(&self, run: &SyncRun) -> Result<String, SyncError> {
        let (secret, refresh) = (self.config.client_secret.text(), self.config.refresh_token.text());
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", self.config.client_id.as_str()),
            ("client_secret", &*secret),
            ("refresh_token", &*refresh),
        ];
        let request = OutboundRequest::post(&self.config.token_url).form(form);
        let answer = run.call(request).await;
        let answer = answer.map_err(|error| words::explained(run, "token", error, words_of))?;
        let unexpected = || SyncError::unexpected("token: no access_token");
        let value: Value = serde_json::from_slice(&answer.body).map_err(|_| unexpected())?;
        let token: GoogleToken = read("token", value)?;
        let token = token.access_token.get().ok_or_else(unexpected)?.to_owned();
        run.hide(&token);
        Ok(token)
    }

    async fn rows(&self, run: &SyncRun, token: &str, query: &str) -> Result<Vec<GoogleRow>, SyncError> {
        let config = &self.config;
        let url = format!("{}customers/{}/googleAds:searchStream", config.base_url, config.customer_id);
        let mut request = OutboundRequest::post(&url)
            .json(json!({"query": query}).to_string())
            .header("authorization", format!("Bearer {token}"))
            .header("developer-token", config.developer_token.text());
        if let Some(login) = &config.login_customer_id {
            request = request.header("login-customer-id", login.as_str());
        }
        let body = run.page(request).await;
        let body = body.map_err(|error| words::explained(run, "searchStream", error, words_of))?;
        if let Some((code, message)) = error_of(&body) {
            return Err(SyncError::Refused { code, message: words::quoted(run, &message) });
        }
        let chunks: Vec<GoogleChunk> = read("searchStream", body)?;
        let rows: Vec<GoogleRow> = chunks.into_iter().flat_map(|chunk| chunk.results).collect();
        match rows.iter().any(|row| row.customer.id.get() != Some(config.customer_id.as_str())) {
            true => Err(SyncError::unexpected("searchStream: rows of another account")),
            false => Ok(rows),
        }
    }

    async fn read_all(&self, run: &SyncRun) -> Result<(), SyncError> {
        let token = self.access_token(run).await?;
        let query = "SELECT customer.id, customer.currency_code, customer.time_zone FROM customer";
        let described = self.rows(run, &token, query).await?;
        let customer = described.first().map(|row| &row.customer);
        let customer = customer.ok_or_else(|| SyncError::unexpected("searchStream: no account"))?;
        let (currency, zone) = (customer.currency_code.get(), customer.time_zone.get());
        let account = AdAccount::described(self.name(), &self.config.customer_id, currency, zone)?;
        let Some((from, to)) = account.asked_days(run) else { return Ok(()) };
        let query = format!(
            "SELECT customer.id, segments.date, metrics.cost_micros FROM customer \
             WHERE segments.date BETWEEN '{from}' AND '{to}'"
        );
        let wrong = |what: &str| SyncError::Unexpected(format!("searchStream: {what}"));
        let mut micros: BTreeMap<Day, i64> = BTreeMap::new();
        for row in self.rows(run, &token, &query).await? {
            let day =
                row.segments.date.get().and_then(Day::parse).ok_or_else(|| wrong("a row without date"))?;
            let cost = match row.metrics.cost_micros.get() {
                None => 0,
                Some(text) => text.parse::<i64>().map_err(|_| wrong("costMicros is no integer"))?,
            };
            let sum = micros.entry(day).or_default();
            *sum = sum.checked_add(cost).ok_or_else(|| wrong("costMicros does not fit"))?;
        }
        let minor = |(day, micros): (Day, i64)| {
            account
                .minor_of_micros(micros)
                .map(|minor| (day, minor))
                .ok_or_else(|| wrong("an amount does not fit"))
        };
        let spent = micros.into_iter().map(minor).collect::<Result<_, _>>()?;
        account.hold(run, (from, to), &spent).await
    }
}

impl SourceClient for GoogleAdsClient {
    fn name(&self) -> SourceName {
        SourceName::GoogleAds
    }

    fn cadence(&self) -> Cadence {
        Cadence::Every(self.config.refresh)
    }

    fn reads_days(&self) -> bool {
        true
    }

    fn secrets(&self) -> Vec<&Secret> {
        vec![&self.config.developer_token, &self.config.client_secret, &self.config.refresh_token]
    }

    fn read(self: Arc<Self>, run: SyncRun) -> Reading {
        Box::pin(async move { self.read_all(&run).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_found_at_the_root_in_the_array_and_behind_chunks_that_came() {
        let error = json!({"error": {"code": 401, "message": "Request had invalid credentials.", "status": "UNAUTHENTICATED"}});
        let told = Some(("UNAUTHENTICATED".to_owned(), "Request had invalid credentials.".to_owned()));
        assert_eq!(error_of(&error), told);
        assert_eq!(error_of(&json!([error])), told);
        assert_eq!(error_of(&json!([{"results": []}, error])), told);
        let detailed = json!({"error": {"code": 400, "message": "Request contains an invalid argument.", "details": [
            {"@type": "x", "errors": [{"message": "Unrecognized field in the query: 'a'."}]}]}});
        assert_eq!(
            error_of(&detailed),
            Some(("400".to_owned(), "Unrecognized field in the query: 'a'.".to_owned()))
        );
        let token =
            json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."});
        assert_eq!(words_of(&token).as_deref(), Some("invalid_grant: Token has been expired or revoked."));
        for none in [json!([]), json!([{"results": []}]), json!({"access_token": "a"})] {
            assert_eq!(error_of(&none), None, "{none}");
        }
    }
}
