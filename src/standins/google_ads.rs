//! Google Ads as it answers: access tokens for a refresh token, `searchStream` as an array of chunks in camel case, with
//! numbers as texts and without what is 0.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{PlayedAnswer, PlayedProvider, PlayedRequest};

/// What the last day of a lively account costs more at each reading, in millionths.
const GROWTH: i64 = 1_730_000;
/// Rows of a chunk.
const CHUNK: usize = 7;

/// An ad account. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct GoogleAccount {
    inner: Arc<Mutex<Campaigns>>,
}

#[derive(Debug)]
struct Campaigns {
    id: String,
    currency: String,
    zone: String,
    secrets: GoogleSecrets,
    micros: BTreeMap<String, i64>,
    is_lively: bool,
}

/// What the account is asked with.
#[derive(Debug, Clone)]
pub struct GoogleSecrets {
    /// Of the program.
    pub developer_token: String,
    /// Of the program.
    pub client_secret: String,
    /// The user's.
    pub refresh_token: String,
    /// What the refresh token is exchanged for.
    pub access_token: String,
}

impl GoogleAccount {
    /// An account that has spent nothing.
    pub fn new(id: &str, currency: &str, zone: &str, secrets: GoogleSecrets) -> Self {
        let (id, currency, zone) = (id.to_owned(), currency.to_owned(), zone.to_owned());
        let held = Campaigns { id, currency, zone, secrets, micros: BTreeMap::new(), is_lively: false };
        Self { inner: Arc::new(Mutex::new(held)) }
    }

    /// The last of the days that are asked for costs some more each time.
    pub fn lively(self) -> Self {
        self.inner.lock().is_lively = true;
        self
    }

    /// Sets what a day cost, in millionths.
    pub fn spend(&self, date: &str, micros: i64) {
        self.inner.lock().micros.insert(date.to_owned(), micros);
    }
}

fn refused(status: u16, code: &str, message: &str) -> PlayedAnswer {
    PlayedAnswer::json(status, json!([{"error": {"code": status, "message": message, "status": code}}]))
}

impl Campaigns {
    fn token(&self, request: &PlayedRequest) -> PlayedAnswer {
        let form = request.form();
        let is = |name: &str, value: &str| form.iter().any(|(known, given)| known == name && given == value);
        let is_granted = is("grant_type", "refresh_token")
            && is("client_secret", &self.secrets.client_secret)
            && is("refresh_token", &self.secrets.refresh_token);
        if !is_granted {
            let words = "Token has been expired or revoked.";
            return PlayedAnswer::json(400, json!({"error": "invalid_grant", "error_description": words}));
        }
        let token = &self.secrets.access_token;
        PlayedAnswer::json(200, json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
    }

    fn search(&mut self, query: &str) -> PlayedAnswer {
        let name = format!("customers/{}", self.id);
        let Some((_, days)) = query.split_once("segments.date BETWEEN ") else {
            let customer = json!({"resourceName": name, "id": self.id, "currencyCode": self.currency, "timeZone": self.zone});
            return PlayedAnswer::json(200, json!([{"results": [{"customer": customer}], "requestId": "r"}]));
        };
        let dates: Vec<&str> = days.split('\'').skip(1).step_by(2).collect();
        let [from, to] = dates.as_slice() else {
            return refused(400, "INVALID_ARGUMENT", "Error in the query.");
        };
        let last = self.micros.range_mut(..=(*to).to_owned()).next_back();
        if let (true, Some((_, micros))) = (self.is_lively, last) {
            *micros += GROWTH;
        }
        let asked = self.micros.iter().filter(|(date, _)| (*from..=*to).contains(&date.as_str()));
        let rows = asked.map(|(date, micros)| {
            // What is 0 is left out of a row that is there for other figures.
            let metrics = if *micros == 0 { json!({}) } else { json!({"costMicros": micros.to_string()}) };
            json!({"customer": {"resourceName": name, "id": self.id}, "segments": {"date": date}, "metrics": metrics})
        });
        let rows: Vec<Value> = rows.collect();
        let chunk = |rows: &[Value]| json!({"results": rows, "fieldMask": "customer.id,metrics.costMicros", "requestId": "r"});
        PlayedAnswer::json(200, Value::from(rows.chunks(CHUNK).map(chunk).collect::<Vec<_>>()))
    }
}

impl PlayedProvider for GoogleAccount {
    fn answer(&self, request: &PlayedRequest) -> PlayedAnswer {
        let mut held = self.inner.lock();
        if request.method == "POST" && request.path == "/token" {
            return held.token(request);
        }
        let is_search = request.path.ends_with(&format!("/customers/{}/googleAds:searchStream", held.id));
        let bearer = format!("Bearer {}", held.secrets.access_token);
        if request.method != "POST" || !is_search {
            refused(404, "NOT_FOUND", "Requested entity was not found.")
        } else if request.header("authorization") != bearer {
            refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        } else if request.header("developer-token") != held.secrets.developer_token {
            refused(403, "PERMISSION_DENIED", "The developer token is not valid.")
        } else {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            held.search(body["query"].as_str().unwrap_or_default())
        }
    }
}
