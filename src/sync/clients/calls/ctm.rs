//! CallTrackingMetrics' list of activities: GET /api/v1/accounts/{id}/calls.json.

use serde::Deserialize;
use serde_json::Value;

use super::list::{CallPage, ListCursor, ListedCalls, numbered, path_part};
use super::span::CallSpan;
use crate::config::Ctm;
use crate::directory::Secret;
use crate::outbound::OutboundRequest;
use crate::sync::error::SyncError;
use crate::sync::lenient::{Lenient, read};
use crate::sync::source::SourceName;

/// Most activities of a page.
const PER_PAGE: &str = "150";

/// The list of one account.
pub struct CtmCalls(pub Ctm);

#[derive(Deserialize)]
struct CtmPage {
    #[serde(default)]
    total_pages: Lenient,
    #[serde(default)]
    total_entries: Lenient,
    calls: Vec<Value>,
}

impl CtmCalls {
    fn get(&self, path: &str) -> OutboundRequest {
        let url = format!("{}api/v1/accounts/{}/{path}", self.0.base_url, self.0.account_id);
        OutboundRequest::get(&url).basic_auth(&self.0.access_key.text(), &self.0.secret_key.text())
    }
}

impl ListedCalls for CtmCalls {
    const SOURCE: SourceName = SourceName::Ctm;

    fn secrets(&self) -> Vec<&Secret> {
        vec![&self.0.access_key, &self.0.secret_key]
    }

    fn request(&self, span: &CallSpan, cursor: &ListCursor) -> Result<OutboundRequest, SyncError> {
        let ListCursor::Page(page) = cursor else { return Err(SyncError::unexpected("no page of calls")) };
        let [from, to] = span.dates();
        let request = self.get("calls.json").query("start_date", &from).query("end_date", &to);
        Ok(request.query("per_page", PER_PAGE).query("page", &page.to_string()))
    }

    fn page(&self, cursor: &ListCursor, answer: Value) -> Result<CallPage, SyncError> {
        let page: CtmPage = read("the list of calls", answer)?;
        numbered(cursor, page.calls, &page.total_pages, &page.total_entries)
    }

    fn one(&self, id: &str) -> OutboundRequest {
        self.get(&format!("calls/{}.json", path_part(id)))
    }

    fn own_id<'i>(&self, call_id: &'i str) -> Option<&'i str> {
        call_id.strip_prefix("ctm:")
    }
}
