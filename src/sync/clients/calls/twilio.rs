//! Twilio's list of calls: GET /2010-04-01/Accounts/{sid}/Calls.json (twilio.com/docs/voice/api/call-resource).

use domain::members::Day;
use serde::Deserialize;
use serde_json::Value;

use super::list::{CallPage, ListCursor, ListedCalls, path_part};
use super::span::CallSpan;
use crate::directory::{Secret, TwilioAccount};
use crate::outbound::OutboundRequest;
use crate::sync::error::SyncError;
use crate::sync::lenient::{Lenient, read};
use crate::sync::source::SourceName;

/// Most calls of a page.
const PAGE_SIZE: &str = "1000";
/// Letters of a call's sid: `CA` and 32 digits.
const SID_LENGTH: usize = 34;

/// The list of one account.
pub struct TwilioCalls(pub TwilioAccount);

#[derive(Deserialize)]
struct TwilioPage {
    #[serde(default)]
    next_page_uri: Lenient,
    calls: Vec<Value>,
}

impl TwilioCalls {
    fn get(&self, path: &str) -> OutboundRequest {
        let url = format!("{}{path}", self.0.base_url);
        OutboundRequest::get(&url).basic_auth(&self.0.account_sid, &self.0.auth_token.text())
    }

    fn calls(&self) -> String {
        format!("/2010-04-01/Accounts/{}/Calls", self.0.account_sid)
    }
}

impl ListedCalls for TwilioCalls {
    const SOURCE: SourceName = SourceName::Twilio;

    fn secrets(&self) -> Vec<&Secret> {
        vec![&self.0.auth_token]
    }

    fn request(&self, span: &CallSpan, cursor: &ListCursor) -> Result<OutboundRequest, SyncError> {
        if let ListCursor::Path(path) = cursor {
            return Ok(self.get(path));
        }
        // `StartTime<=` of a date means its first instant.
        let [from, to] = span.dates();
        let to = Day::parse(&to).map_or(to, |day| Day(day.0 + 1).to_string());
        let request = self.get(&format!("{}.json", self.calls())).query("PageSize", PAGE_SIZE);
        Ok(request.query("StartTime>", &from).query("StartTime<", &to))
    }

    fn page(&self, _: &ListCursor, answer: Value) -> Result<CallPage, SyncError> {
        let page: TwilioPage = read("the list of calls", answer)?;
        let next = match page.next_page_uri.get() {
            None => None,
            // A path of this account: credentials go nowhere else.
            Some(path) if path.starts_with(&format!("{}.json?", self.calls())) => {
                Some(ListCursor::Path(path.to_owned()))
            }
            Some(_) => return Err(SyncError::unexpected("the list of calls goes on elsewhere")),
        };
        Ok(CallPage { rows: page.calls, total: None, next })
    }

    fn one(&self, id: &str) -> OutboundRequest {
        self.get(&format!("{}/{}.json", self.calls(), path_part(id)))
    }

    fn own_id<'i>(&self, call_id: &'i str) -> Option<&'i str> {
        let is_sid = call_id.len() == SID_LENGTH
            && call_id.starts_with("CA")
            && call_id.bytes().skip(2).all(|byte| byte.is_ascii_hexdigit());
        is_sid.then_some(call_id)
    }
}
