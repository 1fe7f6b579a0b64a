//! What a provider's list of calls is: requests, pages, and whose call is whose.

use serde_json::Value;

use super::span::CallSpan;
use crate::directory::Secret;
use crate::outbound::OutboundRequest;
use crate::sync::error::SyncError;
use crate::sync::lenient::Lenient;
use crate::sync::source::SourceName;

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListCursor {
    /// At the page of this number, from 1.
    Page(u64),
    /// At this path with its query.
    Path(String),
}

/// A page of a list.
pub struct CallPage {
    /// Its rows.
    pub rows: Vec<Value>,
    /// How many rows the whole list has, where it says so.
    pub total: Option<u64>,
    /// Where it goes on; none at its end.
    pub next: Option<ListCursor>,
}

/// A provider's list of calls.
pub trait ListedCalls: Send + Sync + 'static {
    /// The source, whose name is the provider's.
    const SOURCE: SourceName;

    /// Credentials.
    fn secrets(&self) -> Vec<&Secret>;

    /// Where the list of a span begins.
    fn first(&self) -> ListCursor {
        ListCursor::Page(1)
    }

    /// The request of a page.
    fn request(&self, span: &CallSpan, cursor: &ListCursor) -> Result<OutboundRequest, SyncError>;

    /// Reads the page that a request was answered with.
    fn page(&self, cursor: &ListCursor, answer: Value) -> Result<CallPage, SyncError>;

    /// The request of one call, by the provider's id.
    fn one(&self, id: &str) -> OutboundRequest;

    /// The provider's id of one of its calls by our id; none of a call of another provider.
    fn own_id<'i>(&self, call_id: &'i str) -> Option<&'i str>;
}

/// A page of a list that numbers its pages and says how many there are.
pub(super) fn numbered(
    cursor: &ListCursor,
    rows: Vec<Value>,
    pages: &Lenient,
    total: &Lenient,
) -> Result<CallPage, SyncError> {
    let count = |count: &Lenient| count.integer().and_then(|count| u64::try_from(count).ok());
    let (Some(pages), Some(total)) = (count(pages), count(total)) else {
        return Err(SyncError::unexpected("the list of calls does not say how long it is"));
    };
    let next = match cursor {
        ListCursor::Page(page) if *page < pages => Some(ListCursor::Page(page + 1)),
        ListCursor::Page(_) | ListCursor::Path(_) => None,
    };
    Ok(CallPage { rows, total: Some(total), next })
}

/// An id as a part of a path: ids are letters and digits, and what is not would lead elsewhere.
pub(super) fn path_part(id: &str) -> String {
    id.bytes().filter(|byte| byte.is_ascii_alphanumeric()).map(char::from).collect()
}
