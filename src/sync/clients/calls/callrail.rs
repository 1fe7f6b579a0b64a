//! CallRail's list of calls: GET /v3/a/{account}/calls.json (apidocs.callrail.com).

use serde::Deserialize;
use serde_json::Value;

use super::list::{CallPage, ListCursor, ListedCalls, numbered, path_part};
use super::span::CallSpan;
use crate::config::CallRail;
use crate::directory::Secret;
use crate::outbound::OutboundRequest;
use crate::sync::error::SyncError;
use crate::sync::lenient::{Lenient, read};
use crate::sync::source::SourceName;

/// Most calls of a page.
const PER_PAGE: &str = "250";
/// Members that are told when they are asked for, beside the usual ones.
const FIELDS: &str = "call_type,company_id,company_name,source,source_name,campaign,utm_campaign,agent_email";

/// The list of one account.
pub struct CallRailCalls(pub CallRail);

#[derive(Deserialize)]
struct CallRailPage {
    #[serde(default)]
    total_pages: Lenient,
    #[serde(default)]
    total_records: Lenient,
    calls: Vec<Value>,
}

impl CallRailCalls {
    fn get(&self, path: &str) -> OutboundRequest {
        let url = format!("{}v3/a/{}/{path}", self.0.base_url, self.0.account_id);
        let token = format!("Token token=\"{}\"", self.0.api_key.text());
        OutboundRequest::get(&url).header("authorization", token).query("fields", FIELDS)
    }
}

impl ListedCalls for CallRailCalls {
    const SOURCE: SourceName = SourceName::CallRail;

    fn secrets(&self) -> Vec<&Secret> {
        vec![&self.0.api_key]
    }

    fn request(&self, span: &CallSpan, cursor: &ListCursor) -> Result<OutboundRequest, SyncError> {
        let ListCursor::Page(page) = cursor else { return Err(SyncError::unexpected("no page of calls")) };
        let [from, to] = span.dates();
        // The oldest first: calls that come meanwhile are behind what was read.
        let request = self.get("calls.json").query("sort", "start_time").query("order", "asc");
        let request = request.query("start_date", &from).query("end_date", &to);
        let request = match &self.0.company_id {
            Some(company) => request.query("company_id", company),
            None => request,
        };
        Ok(request.query("per_page", PER_PAGE).query("page", &page.to_string()))
    }

    fn page(&self, cursor: &ListCursor, answer: Value) -> Result<CallPage, SyncError> {
        let page: CallRailPage = read("the list of calls", answer)?;
        numbered(cursor, page.calls, &page.total_pages, &page.total_records)
    }

    fn one(&self, id: &str) -> OutboundRequest {
        self.get(&format!("calls/{}.json", path_part(id)))
    }

    fn own_id<'i>(&self, call_id: &'i str) -> Option<&'i str> {
        // Calls of before September 2021 were delivered under numbers, which no list has any more.
        call_id.strip_prefix("callrail:").filter(|id| !id.bytes().all(|byte| byte.is_ascii_digit()))
    }
}
