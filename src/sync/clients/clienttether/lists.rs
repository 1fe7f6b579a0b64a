//! Lists of ClientTether: envelope, result codes and pages.

use domain::facts::sync::{CrmRecord, Resource};
use serde::Deserialize;
use serde_json::Value;

use super::{SnapshotDraft, SnapshotScope, all_of};
use crate::config::ClientTether;
use crate::outbound::OutboundRequest;
use crate::sync::error::SyncError;
use crate::sync::lenient::{Lenient, read};
use crate::sync::run::SyncRun;
use crate::worker::give_way;

/// Most records of a page.
const LIMIT: usize = 100;
/// Records that are taken between two moments in which the run gives way.
const TAKEN_AT_ONCE: usize = 10;
/// Readings of a list that changes while it is read.
const READINGS_MAX: usize = 3;
/// Letters of the provider's words that an error quotes.
const WORDS_MAX: usize = 200;

/// What every answer is wrapped in.
#[derive(Deserialize)]
struct CtAnswer {
    #[serde(rename = "ResultCode", default)]
    result_code: Lenient,
    #[serde(rename = "Message", default)]
    message: Lenient,
    #[serde(rename = "TotalRecord", default)]
    total: Lenient,
}

/// One page of a list.
struct CtPage {
    rows: Vec<Value>,
    /// How many records the list has, where it says so.
    total: Option<usize>,
}

/// How a list was read.
enum Listed {
    /// Every record came.
    Whole,
    /// Its length changed meanwhile: records moved from page to page, and one may be missing.
    Moved,
}

/// Makes a record of a row.
pub type ReadRow<'r> = &'r (dyn Fn(&Value) -> Result<CrmRecord, SyncError> + Sync);

/// The lists of one account.
pub struct Lists<'a> {
    pub config: &'a ClientTether,
    pub run: &'a SyncRun,
}

impl Lists<'_> {
    /// Every record of a list, as a snapshot.
    pub async fn snapshot(
        &self,
        resource: Resource,
        path: &str,
        row: ReadRow<'_>,
    ) -> Result<SnapshotDraft, SyncError> {
        self.scoped(&all_of(resource), path, row).await
    }

    /// The same of one contact's records.
    pub async fn scoped(
        &self,
        scope: &SnapshotScope,
        path: &str,
        row: ReadRow<'_>,
    ) -> Result<SnapshotDraft, SyncError> {
        for _ in 0..READINGS_MAX {
            let mut snapshot = self.run.snapshot(scope.clone()).await?;
            match self.pages(path, row, &mut snapshot).await? {
                Listed::Whole => return Ok(snapshot),
                Listed::Moved => {}
            }
        }
        let list = list_name(path);
        Err(SyncError::Incomplete(format!("{list} changed while it was read, {READINGS_MAX} times")))
    }

    async fn pages(
        &self,
        path: &str,
        row: ReadRow<'_>,
        snapshot: &mut SnapshotDraft,
    ) -> Result<Listed, SyncError> {
        let (mut offset, mut total) = (0, None);
        loop {
            let page = self.page(path, offset).await?;
            if offset > 0 && page.total != total {
                return Ok(Listed::Moved);
            }
            total = page.total;
            let (rows, before) = (page.rows.len(), snapshot.len());
            for some in page.rows.chunks(TAKEN_AT_ONCE) {
                snapshot.add(some.iter().map(row).collect::<Result<Vec<_>, _>>()?)?;
                give_way();
            }
            if rows > 0 && snapshot.len() == before {
                let list = list_name(path);
                return Err(SyncError::Incomplete(format!(
                    "{list}: the page at {offset} brought nothing new"
                )));
            }
            offset += rows;
            match total {
                Some(total) if offset >= total => return Ok(Listed::Whole),
                Some(total) if rows == 0 => {
                    let list = list_name(path);
                    return Err(SyncError::Incomplete(format!("{list}: {offset} of {total} records came")));
                }
                None if rows < LIMIT => return Ok(Listed::Whole),
                Some(_) | None => {}
            }
        }
    }

    async fn page(&self, path: &str, offset: usize) -> Result<CtPage, SyncError> {
        let list = list_name(path);
        let url = format!("{}{}", self.config.base_url, path.trim_start_matches('/'));
        let mut request = OutboundRequest::get(&url)
            .query("limit", &LIMIT.to_string())
            .query("offset", &offset.to_string())
            .header("accept", "application/json")
            .header("x-web-key", self.config.web_key.text());
        if let Some(token) = &self.config.access_token {
            request = request.header("x-access-token", token.text());
        }
        let mut body = self.run.page(request).await.map_err(|error| error.at(list))?;
        // Taken out first: to read it with the rest would make each record anew.
        let data = body.get_mut("data").map(Value::take).unwrap_or_default();
        let answer: CtAnswer = read(list, body).map_err(|error| error.at(list))?;
        let code = answer.result_code.get().unwrap_or_default();
        // `CT_200` and `CT200` are one code.
        match code.trim_start_matches("CT").trim_start_matches('_') {
            "200" => {}
            // No record found: an empty list, whatever stands beside it.
            "515" => return Ok(CtPage { rows: Vec::new(), total: Some(0) }),
            "" => return Err(SyncError::Unexpected(format!("{list}: no ResultCode"))),
            _ => {
                // Masked before it is cut: half a credential would not be found any more.
                let message = self.run.masked(answer.message.get().unwrap_or("no message"));
                let message = format!("{list}: {}", message.chars().take(WORDS_MAX).collect::<String>());
                return Err(SyncError::Refused { code: code.to_owned(), message });
            }
        }
        let total = answer.total.integer().and_then(|total| usize::try_from(total).ok());
        let rows = match data {
            Value::Null => Vec::new(),
            Value::Array(rows) => rows,
            other => read(list, other)?,
        };
        if rows.is_empty() && total.is_none() {
            // A list without records says that it has none; this says nothing.
            return Err(SyncError::Unexpected(format!("{list}: neither records nor TotalRecord")));
        }
        Ok(CtPage { rows, total })
    }
}

/// What a list is called in errors: its path without ids and parameters.
fn list_name(path: &str) -> &str {
    path.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default()
}
