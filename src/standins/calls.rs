//! Lists of calls as CallRail, CallTrackingMetrics and Twilio answer them: pages, filters by date in the account's zone,
//! one call by its id, and a refusal of other credentials.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{PlayedAnswer, PlayedProvider, PlayedRequest};

/// Whose protocol is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallDialect {
    /// `calls.json` of an account, with `total_pages`.
    CallRail,
    /// The same in the envelope of CallTrackingMetrics.
    Ctm,
    /// `Calls.json` of an account, with `next_page_uri`.
    Twilio,
}

/// An account with calls. Clones are handles of the same account.
#[derive(Debug, Clone)]
pub struct CallAccount {
    dialect: CallDialect,
    id: String,
    authorization: String,
    page_max: usize,
    rows: Arc<Mutex<Vec<Value>>>,
}

impl CallAccount {
    /// CallRail's account of this id, which takes this key.
    pub fn callrail(id: &str, api_key: &str) -> Self {
        Self::new(CallDialect::CallRail, id, format!("Token token=\"{api_key}\""), 250)
    }

    /// CallTrackingMetrics' account of this id, which takes these keys.
    pub fn ctm(id: &str, access_key: &str, secret_key: &str) -> Self {
        Self::new(CallDialect::Ctm, id, basic(access_key, secret_key), 150)
    }

    /// Twilio's account of this sid, which takes this token.
    pub fn twilio(sid: &str, auth_token: &str) -> Self {
        Self::new(CallDialect::Twilio, sid, basic(sid, auth_token), 1_000)
    }

    fn new(dialect: CallDialect, id: &str, authorization: String, page_max: usize) -> Self {
        Self { dialect, id: id.to_owned(), authorization, page_max, rows: Arc::default() }
    }

    /// The same with shorter pages than were asked for.
    #[must_use]
    pub fn with_pages_of(mut self, rows: usize) -> Self {
        self.page_max = rows;
        self
    }

    /// Sets a call, by its id.
    pub fn put(&self, row: Value) {
        let mut rows = self.rows.lock();
        let at = rows.iter().position(|known| self.id_of(known) == self.id_of(&row));
        match at.and_then(|at| rows.get_mut(at)) {
            Some(known) => *known = row,
            None => rows.push(row),
        }
    }

    /// Removes a call, as one that is marked as spam.
    pub fn remove(&self, id: &str) {
        self.rows.lock().retain(|row| self.id_of(row) != id);
    }

    fn id_of<'r>(&self, row: &'r Value) -> Cow<'r, str> {
        let id = match self.dialect {
            CallDialect::CallRail | CallDialect::Ctm => &row["id"],
            CallDialect::Twilio => &row["sid"],
        };
        id.as_str().map_or_else(|| id.to_string().into(), Into::into)
    }

    /// The day of a call as the account's clock shows it; none of one that does not say when it began.
    fn date(&self, row: &Value) -> Option<String> {
        match self.dialect {
            CallDialect::CallRail => Some(row["start_time"].as_str()?.get(..10)?.to_owned()),
            CallDialect::Ctm => Some(row["called_at"].as_str()?.get(..10)?.to_owned()),
            CallDialect::Twilio => {
                let at = DateTime::parse_from_rfc2822(row["start_time"].as_str()?).ok()?;
                Some(at.to_utc().date_naive().to_string())
            }
        }
    }

    fn listed(&self, request: &PlayedRequest) -> PlayedAnswer {
        let twilio = self.dialect == CallDialect::Twilio;
        let [from, to] = if twilio { ["StartTime>", "StartTime<"] } else { ["start_date", "end_date"] };
        let is_asked = |row: &&Value| {
            let Some(date) = self.date(row) else { return !twilio };
            request.query(from).is_none_or(|from| date.as_str() >= from)
                && request
                    .query(to)
                    .is_none_or(|to| if twilio { date.as_str() < to } else { date.as_str() <= to })
        };
        let rows = self.rows.lock();
        let rows: Vec<&Value> = rows.iter().filter(is_asked).collect();
        let number = |name: &str, usual: usize| {
            request.query(name).and_then(|text| text.parse().ok()).unwrap_or(usual)
        };
        let size = number(if twilio { "PageSize" } else { "per_page" }, 100).clamp(1, self.page_max);
        let page = if twilio { number("Page", 0) } else { number("page", 1).saturating_sub(1) };
        let pages = rows.len().div_ceil(size).max(1);
        let calls: Vec<&&Value> = rows.iter().skip(page * size).take(size).collect();
        let next = (page + 1 < pages).then_some(page + 1);
        let answer = match self.dialect {
            CallDialect::CallRail => json!({"page": page + 1, "per_page": size, "total_pages": pages,
                "total_records": rows.len(), "calls": calls}),
            CallDialect::Ctm => json!({"page": page + 1, "per_page": size, "total_pages": pages,
                "total_entries": rows.len(), "next_page": next.map(|next| next + 1), "calls": calls}),
            CallDialect::Twilio => {
                let rest = |next: usize| {
                    let mut query = form_urlencoded::Serializer::new(String::new());
                    query.extend_pairs(
                        request.query.iter().filter(|(name, _)| name != "Page" && name != "PageToken"),
                    );
                    query.append_pair("Page", &next.to_string()).append_pair("PageToken", "PT1");
                    format!("{}?{}", request.path, query.finish())
                };
                json!({"page": page, "page_size": size, "uri": request.path, "next_page_uri": next.map(rest),
                    "calls": calls})
            }
        };
        PlayedAnswer::json(200, answer)
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

impl PlayedProvider for CallAccount {
    fn answer(&self, request: &PlayedRequest) -> PlayedAnswer {
        if request.header("authorization") != self.authorization {
            return PlayedAnswer::json(401, json!({"error": "HTTP Token: Access denied."}));
        }
        let (list, one) = match self.dialect {
            CallDialect::CallRail => {
                (format!("/v3/a/{}/calls.json", self.id), format!("/v3/a/{}/calls/", self.id))
            }
            CallDialect::Ctm => {
                let account = format!("/api/v1/accounts/{}", self.id);
                (format!("{account}/calls.json"), format!("{account}/calls/"))
            }
            CallDialect::Twilio => {
                let account = format!("/2010-04-01/Accounts/{}", self.id);
                (format!("{account}/Calls.json"), format!("{account}/Calls/"))
            }
        };
        if request.path == list {
            return self.listed(request);
        }
        let id = request.path.strip_prefix(&one).and_then(|rest| rest.strip_suffix(".json"));
        let rows = self.rows.lock();
        match id.and_then(|id| rows.iter().find(|row| self.id_of(row) == id)) {
            Some(row) => PlayedAnswer::json(200, row),
            None => PlayedAnswer::json(404, json!({"error": "not found"})),
        }
    }
}
