//! Lists of Email Bison: errors in a 200, pages, and whether all of a list came.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::account::ListedAccount;
use crate::config::EmailBison;
use crate::outbound::OutboundRequest;
use crate::sync::error::SyncError;
use crate::sync::lenient::{Lenient, read};
use crate::sync::run::SyncRun;
use crate::sync::{parallel, words};

/// Pages that are asked for at once.
const AT_ONCE: usize = 24;
/// Most pages of a list: 150,000 accounts.
const PAGES_MAX: i64 = 10_000;
/// Readings of a list that changes while it is read.
const READINGS_MAX: usize = 3;

/// What an answer holds.
#[derive(Deserialize)]
pub struct BisonAnswer {
    /// Rows, or the one thing that was asked for.
    #[serde(default)]
    pub data: Value,
    /// Of lists.
    #[serde(default)]
    meta: BisonMeta,
}

#[derive(Default, Deserialize)]
struct BisonMeta {
    #[serde(default)]
    last_page: Lenient,
    #[serde(default)]
    total: Lenient,
    #[serde(default)]
    next_cursor: Lenient,
}

impl BisonAnswer {
    /// Where a list that is read by cursors goes on; none at its end.
    pub fn next_cursor(&self) -> Option<String> {
        self.meta.next_cursor.get().map(str::to_owned)
    }
}

/// How long a list says that it is: a page that says otherwise is one of another list.
#[derive(Clone, Copy, PartialEq, Eq)]
struct ListLength {
    last_page: i64,
    total: Option<i64>,
}

/// The accounts of a list that came whole, by id.
pub type Listed = BTreeMap<String, (ListedAccount, Bytes)>;

/// An instance, asked by one run.
#[derive(Clone)]
pub struct Instance {
    config: Arc<EmailBison>,
    run: SyncRun,
    name: String,
}

/// Code and words of a refusal, where it is one: `success` that is false at the root or within `data`, or an error
/// beside it.
fn refusal(body: &Value) -> Option<(String, String)> {
    let is_false = |part: &&Value| {
        let success = &part["success"];
        success == &Value::Bool(false) || success == "false"
    };
    match [body, &body["data"]].into_iter().find(is_false) {
        Some(part) => {
            let message = part["message"].as_str().unwrap_or("no message");
            Some(("success false".to_owned(), message.to_owned()))
        }
        None => words::refusal(body),
    }
}

impl Instance {
    /// The instance of this configuration.
    pub fn new(config: Arc<EmailBison>, run: SyncRun) -> Self {
        let name = OutboundRequest::get(&config.base_url).host().to_lowercase();
        Self { config, run, name }
    }

    /// Its host, as deliveries name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An answer below `/api/`, as it came and as read.
    pub async fn page(
        &self,
        path: &'static str,
        query: &[(&str, &str)],
    ) -> Result<(Bytes, BisonAnswer), SyncError> {
        let request = OutboundRequest::get(&format!("{}api/{path}", self.config.base_url))
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {}", self.config.api_key.text()));
        let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
        let words =
            |body: &Value| body["message"].as_str().or(body["data"]["message"].as_str()).map(str::to_owned);
        let body = self.run.passing_page(request).await;
        let body = body.map_err(|error| words::explained(&self.run, path, error, words))?;
        let value = domain::json::parse_as_written(&body);
        let value = value.map_err(|_| SyncError::Unexpected(format!("{path}: the answer is not JSON")))?;
        if let Some((code, message)) = refusal(&value) {
            let [code, message] = [code, message].map(|text| words::quoted(&self.run, &text));
            return Err(SyncError::Refused { code, message: format!("{path}: {message}") });
        }
        Ok((body, read(path, value)?))
    }

    async fn accounts(&self, page: i64) -> Result<(ListLength, Vec<(ListedAccount, Bytes)>), SyncError> {
        let (body, BisonAnswer { data, meta }) =
            self.page("sender-emails", &[("page", &page.to_string())]).await?;
        let last_page = meta.last_page.integer();
        let missing = || SyncError::unexpected("sender-emails: no meta.last_page");
        let length = ListLength { last_page: last_page.ok_or_else(missing)?, total: meta.total.integer() };
        let rows: Vec<Value> = read("sender-emails", data)?;
        let accounts = rows.iter().map(|row| Ok((ListedAccount::read(row)?, body.clone())));
        Ok((length, accounts.collect::<Result<_, SyncError>>()?))
    }
}

/// Every account of the workspace.
///
/// # Errors
/// Those of any page; [`SyncError::Incomplete`] where the list changed each time that it was read.
pub async fn read_accounts(instance: &Instance) -> Result<Listed, SyncError> {
    let mut told = String::new();
    for _ in 0..READINGS_MAX {
        match read_once(instance).await? {
            Ok(listed) => return Ok(listed),
            Err(why) => told = why,
        }
    }
    Err(SyncError::Incomplete(format!(
        "sender-emails changed while it was read, {READINGS_MAX} times: {told}"
    )))
}

/// One reading; why it is not whole, where its pages do not fit together.
async fn read_once(instance: &Instance) -> Result<Result<Listed, String>, SyncError> {
    let (length, first) = instance.accounts(1).await?;
    if length.last_page > PAGES_MAX {
        return Err(SyncError::Incomplete(format!("sender-emails: more than {PAGES_MAX} pages")));
    }
    let page = |page| {
        let instance = instance.clone();
        async move { instance.accounts(page).await }
    };
    let mut rows = first;
    for (of_page, more) in parallel::each(AT_ONCE, 2..=length.last_page, page).await? {
        if of_page != length {
            return Ok(Err("its length changed".to_owned()));
        }
        rows.extend(more);
    }
    let listed: Listed =
        rows.into_iter().map(|(account, page)| (account.id.clone(), (account, page))).collect();
    // An account that moved from page to page came twice, and another one not at all.
    let total = length.total.and_then(|total| usize::try_from(total).ok());
    match total {
        Some(total) if total != listed.len() => Ok(Err(format!("{} of {total} accounts came", listed.len()))),
        None if listed.is_empty() => {
            Err(SyncError::unexpected("sender-emails: neither accounts nor meta.total"))
        }
        Some(_) | None => Ok(Ok(listed)),
    }
}
