//! Replies as Email Bison's own list tells of them (`GET /api/replies`): the same fact under the same key as by webhook.

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::keys::{LogSecret, TenantId};
use domain::members::{Instant, Text, fold_word};
use serde_json::{Value, json};

use super::{Event, EventKind, PRESET};
use crate::ingest::delivery::Delivery;
use crate::ingest::error::MappingFailure;
use crate::ingest::payload::scalar;
use crate::ingest::provider::MappingResult;
use crate::ingest::providers::facts::FactBuilder;

/// Whose list a reply stands in.
#[derive(Debug, Clone)]
pub struct ReplyList {
    /// The tenant.
    pub tenant: TenantId,
    /// The instance's host.
    pub instance: Text,
    /// The workspace's id.
    pub workspace: Text,
    /// When the list was read.
    pub read_at: Instant,
}

/// The fact of a row; none of a row that no webhook of a reply tells: mail of ours, bounces, mail outside of campaigns,
/// automated replies (which are delivered only where the account counts them).
///
/// # Errors
/// The row cannot be read.
pub fn listed_reply(
    row: &Value,
    list: &ReplyList,
    secret: &LogSecret,
) -> Result<Option<Envelope>, MappingFailure> {
    let is = |member: &str, word: &str| row[member].as_str().is_some_and(|given| fold_word(given) == word);
    let is_automated = row["automated_reply"] == Value::Bool(true)
        || scalar(&row["automated_reply"]).is_some_and(|given| given == "1" || given == "true");
    if !is("type", "tracked-reply") || is_automated {
        return Ok(None);
    }
    let object = |name: &str, id: &str| match &row[name] {
        part @ Value::Object(_) => part.clone(),
        _ => json!({"id": row[id]}),
    };
    let mut lead = object("lead", "lead_id");
    if lead["email"].is_null() {
        lead["email"] = row["from_email_address"].clone();
    }
    let mut sender = object("sender_email", "sender_email_id");
    if sender["email"].is_null() {
        sender["email"] = row["primary_to_email_address"].clone();
    }
    let data = json!({
        "reply": row, "lead": lead, "campaign": object("campaign", "campaign_id"), "sender_email": sender,
        "scheduled_email": object("scheduled_email", "scheduled_email_id"),
    });
    let delivery = Delivery {
        provider: PRESET.name.to_owned(),
        endpoint: String::new(),
        method: "GET".to_owned(),
        path_and_query: String::new(),
        headers: Vec::new(),
        body: Bytes::from(row.to_string()),
        received_at: list.read_at,
    };
    let facts = FactBuilder { provider: &PRESET, delivery: &delivery, tenant: list.tenant.clone(), secret };
    let (instance, workspace) = (Some(list.instance.clone()), Some(list.workspace.clone()));
    let (event, kind) = ("lead_replied".to_owned(), EventKind::Replied);
    match (Event { facts, data: &data, event, kind, instance, workspace }).map()? {
        MappingResult::Facts { facts, .. } => Ok(facts.into_iter().next()),
        MappingResult::Ignored => Ok(None),
        MappingResult::Failed(failure) => Err(failure),
    }
}
