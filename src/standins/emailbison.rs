//! Email Bison as it answers: a token of one workspace, lists of 15 rows a page whatever is asked for, errors of its own
//! that may come with 200.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{PlayedAnswer, PlayedProvider, PlayedRequest};

/// Rows of a page.
const PAGE: usize = 15;

/// An instance with one workspace. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct BisonInstance {
    inner: Arc<Mutex<Mailboxes>>,
}

#[derive(Debug)]
struct Mailboxes {
    token: String,
    workspace: (u64, String),
    accounts: Vec<Value>,
    /// Newest first, as they are listed.
    replies: Vec<Value>,
}

impl BisonInstance {
    /// Workspace 17, `Acme Client`, with so many connected accounts, ids from 1 on.
    pub fn with_accounts(token: &str, accounts: u64) -> Self {
        let held = Mailboxes {
            token: token.to_owned(),
            workspace: (17, "Acme Client".to_owned()),
            accounts: (1..=accounts).map(account).collect(),
            replies: Vec::new(),
        };
        Self { inner: Arc::new(Mutex::new(held)) }
    }

    /// Adds a row to the list of replies.
    pub fn add_reply(&self, row: Value) {
        self.inner.lock().replies.insert(0, row);
    }

    /// Sets one member of an account.
    pub fn set(&self, id: u64, member: &str, value: Value) {
        let mut held = self.inner.lock();
        let row = held.accounts.iter_mut().find(|row| row["id"] == id);
        if let Some(Value::Object(members)) = row {
            members.insert(member.to_owned(), value);
        }
    }

    /// Adds an account with this id.
    pub fn add(&self, id: u64) {
        self.inner.lock().accounts.push(account(id));
    }

    /// Removes an account.
    pub fn remove(&self, id: u64) {
        self.inner.lock().accounts.retain(|row| row["id"] != id);
    }
}

/// An account as it is listed, with counts as numbers and as texts.
fn account(id: u64) -> Value {
    json!({
        "id": id, "name": "John Doe", "email": format!("john{id}@acme.example"),
        "email_signature": "<p><strong>John Doe</strong> | Consultant</p>", "imap_server": null, "imap_port": null,
        "smtp_server": null, "smtp_port": null, "daily_limit": 15, "type": "google_workspace_oauth",
        "status": "Connected", "warmup_enabled": true, "emails_sent_count": 100 + id,
        "total_replied_count": "10", "total_opened_count": 25, "unsubscribed_count": 0, "bounced_count": 2,
        "unique_replied_count": 7, "unique_opened_count": 7, "total_leads_contacted_count": 50,
        "interested_leads_count": 3, "created_at": "2025-04-14T16:59:21.000000Z",
        "updated_at": "2025-05-18T12:53:32.000000Z",
        "tags": [{"id": 1, "name": "Google", "default": true}, {"id": 2, "name": "Hypertide", "default": false}],
    })
}

/// A page of a list.
fn listed(rows: &[Value], request: &PlayedRequest) -> Value {
    let page = request.query("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).max(1);
    let from = (page - 1) * PAGE;
    let data: Vec<&Value> = rows.iter().skip(from).take(PAGE).collect();
    let last_page = rows.len().div_ceil(PAGE).max(1);
    let meta = json!({
        "current_page": page, "from": from + 1, "last_page": last_page, "per_page": PAGE, "to": from + data.len(),
        "total": rows.len(),
    });
    json!({"data": data, "links": {"first": null, "last": null, "prev": null, "next": null}, "meta": meta})
}

/// A page of a list that is read by cursors, which are what nobody reads.
fn by_cursor(rows: &[Value], request: &PlayedRequest) -> Value {
    let cursor = request.query("cursor");
    let from = cursor.and_then(|cursor| cursor.strip_prefix("eyJ")?.parse::<usize>().ok()).unwrap_or(0);
    let data: Vec<&Value> = rows.iter().skip(from).take(PAGE).collect();
    let next = (from + PAGE < rows.len()).then(|| format!("eyJ{}", from + PAGE));
    json!({"data": data, "meta": {"path": request.path, "per_page": PAGE, "next_cursor": next, "prev_cursor": null}})
}

impl PlayedProvider for BisonInstance {
    fn answer(&self, request: &PlayedRequest) -> PlayedAnswer {
        let held = self.inner.lock();
        if request.header("authorization") != format!("Bearer {}", held.token) {
            return PlayedAnswer::json(401, json!({"message": "Unauthenticated."}));
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/api/users") => {
                let (id, name) = &held.workspace;
                let workspace = json!({"id": id, "name": name, "personal_team": false});
                let user = json!({"id": 4, "name": "Ann Agent", "email": "ann@acme.example", "workspace": workspace});
                PlayedAnswer::json(200, json!({"data": user}))
            }
            ("GET", "/api/replies") => PlayedAnswer::json(200, by_cursor(&held.replies, request)),
            ("GET", "/api/sender-emails") => PlayedAnswer::json(200, listed(&held.accounts, request)),
            (_, _) => {
                PlayedAnswer::json(404, json!({"data": {"success": false, "message": "Record not found."}}))
            }
        }
    }
}
