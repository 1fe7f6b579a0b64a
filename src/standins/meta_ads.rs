//! Meta's Marketing API as it answers: a row a day with spend as a text, none for days without delivery, pages that name the
//! next one by a whole URL with the access token in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{PlayedAnswer, PlayedProvider, PlayedRequest};

/// Most rows of a page.
const PAGE: usize = 10;

/// An ad account. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct MetaAccount {
    inner: Arc<Mutex<Adverts>>,
}

#[derive(Debug)]
struct Adverts {
    id: String,
    currency: String,
    zone: String,
    token: String,
    spent: BTreeMap<String, String>,
}

impl MetaAccount {
    /// An account that has spent nothing.
    pub fn new(id: &str, currency: &str, zone: &str, token: &str) -> Self {
        let [id, currency, zone, token] = [id, currency, zone, token].map(str::to_owned);
        Self { inner: Arc::new(Mutex::new(Adverts { id, currency, zone, token, spent: BTreeMap::new() })) }
    }

    /// Sets what a day cost, as a decimal in the account's currency.
    pub fn spend(&self, date: &str, amount: &str) {
        self.inner.lock().spent.insert(date.to_owned(), amount.to_owned());
    }
}

fn refused(status: u16, code: u32, message: &str) -> PlayedAnswer {
    let error = json!({"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A"});
    PlayedAnswer::json(status, json!({"error": error}))
}

impl Adverts {
    fn insights(&self, request: &PlayedRequest) -> PlayedAnswer {
        let range = request.query("time_range").and_then(|range| serde_json::from_str::<Value>(range).ok());
        let range = range.unwrap_or_default();
        let (Some(from), Some(to)) = (range["since"].as_str(), range["until"].as_str()) else {
            return refused(400, 100, "(#100) Invalid parameter");
        };
        let rows: Vec<Value> = self
            .spent
            .iter()
            .filter(|(date, _)| (from..=to).contains(&date.as_str()))
            .map(|(date, spend)| {
                json!({"account_id": self.id, "account_currency": self.currency, "spend": spend,
                    "date_start": date, "date_stop": date})
            })
            .collect();
        let after = request.query("after").and_then(|after| after.parse().ok()).unwrap_or(0);
        let page: Vec<&Value> = rows.iter().skip(after).take(PAGE).collect();
        let end = after + page.len();
        let mut paging = json!({"cursors": {"before": after.to_string(), "after": end.to_string()}});
        if end < rows.len() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("access_token", &self.token);
            query.extend_pairs(request.query.iter().filter(|(name, _)| name != "after"));
            query.append_pair("after", &end.to_string());
            let (host, query) = (request.header("host"), query.finish());
            paging["next"] = format!("http://{host}{}?{query}", request.path).into();
        }
        PlayedAnswer::json(200, json!({"data": page, "paging": paging}))
    }
}

impl PlayedProvider for MetaAccount {
    fn answer(&self, request: &PlayedRequest) -> PlayedAnswer {
        let held = self.inner.lock();
        if request.header("authorization") != format!("Bearer {}", held.token) {
            return refused(400, 190, "Invalid OAuth access token - Cannot parse access token");
        }
        let Some((_, path)) = request.path.split_once(&format!("/act_{}", held.id)) else {
            return refused(400, 100, "Unsupported get request.");
        };
        match (request.method.as_str(), path) {
            ("GET", "") => PlayedAnswer::json(
                200,
                json!({"account_id": held.id, "currency": held.currency, "timezone_name": held.zone,
                    "id": format!("act_{}", held.id)}),
            ),
            ("GET", "/insights") => held.insights(request),
            (_, _) => refused(400, 100, "Unsupported request."),
        }
    }
}
