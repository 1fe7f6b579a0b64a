//! Records of ClientTether as records of ours: every value is a text, names come in two spellings, and placeholders stand
//! where nothing was given.

use chrono_tz::Tz;
use domain::facts::sync::CrmRecord;
use domain::members::{
    Currency, Email, Instant, LONG_TEXT_MAX, LongText, Percent, Phone, TEXT_MAX, Text, fitting,
};
use domain::rules::minor_units::minor_units;
use serde_json::Value;

use crate::config::ActivityFields;
use crate::ingest::time::instant;
use crate::sync::error::SyncError;
use crate::sync::run::SyncRun;

/// What stands where nothing was given.
const PLACEHOLDERS: [&str; 2] = ["no name text added", "no name added by call"];

/// Reads records under the tenant's configuration.
pub struct Reading {
    /// Of times without one: the API names none.
    zone: Option<Tz>,
    /// Of deal sizes.
    currency: Option<Currency>,
    run: SyncRun,
}

/// The first member of these names that has a value.
fn value(row: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let text = match row.get(name)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        let is_given = !text.is_empty() && !PLACEHOLDERS.contains(&text.to_lowercase().as_str());
        is_given.then_some(text)
    })
}

fn text(row: &Value, names: &[&str]) -> Option<Text> {
    Text::new(&fitting(&value(row, names)?, TEXT_MAX))
}

fn id(row: &Value, names: &[&str], what: &str) -> Result<Text, SyncError> {
    let id = value(row, names).as_deref().and_then(Text::new);
    id.ok_or_else(|| SyncError::Unexpected(format!("{what} without {}", names[0])))
}

/// A record of which nothing but its id is known.
fn blank(id: Text) -> CrmRecord {
    CrmRecord {
        id,
        source: None,
        stage: None,
        contact_type: None,
        value_minor: None,
        currency: None,
        units: None,
        order: None,
        likelihood_percent: None,
        active: None,
        activity_type: None,
        status: None,
        scheduled_at: None,
        author: None,
        contact: None,
        created_at: None,
        modified_at: None,
        contact_name: None,
        company: None,
        email: None,
        phone: None,
        content: None,
    }
}

impl Reading {
    /// Under the configuration as it holds now.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn of(run: &SyncRun) -> Result<Self, SyncError> {
        let timeline = run.view().await?.timeline();
        let rules = timeline.latest();
        Ok(Self { zone: rules.zone.as_str().parse().ok(), currency: rules.currency, run: run.clone() })
    }

    fn at(&self, row: &Value, names: &[&str]) -> Option<Instant> {
        instant(&value(row, names)?, self.zone)
    }

    /// A deal size, where it is one; in hundredths where the tenant has no currency.
    fn deal(&self, row: &Value) -> (Option<i64>, Option<Currency>) {
        let usual = self.currency.or_else(|| Currency::parse("USD"));
        let amount = value(row, &["deal_size"]);
        let minor = amount.zip(usual).and_then(|(amount, currency)| minor_units(&amount, currency));
        (minor, self.currency.filter(|_| minor.is_some()))
    }

    fn person(&self, row: &Value, record: &mut CrmRecord) {
        let names = [value(row, &["firstName", "first_name"]), value(row, &["lastName", "last_name"])];
        let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        record.contact_name = Text::new(&fitting(&name, TEXT_MAX));
        record.company = text(row, &["compName", "comp_name"]);
        record.email = value(row, &["email"]).as_deref().and_then(Email::new);
        record.phone = value(row, &["phone"]).as_deref().and_then(Phone::new);
        record.contact_type = text(row, &["contact_type"]);
        record.author = text(row, &["assigned_user"]);
        record.created_at = self.at(row, &["created"]);
        record.modified_at = self.at(row, &["last_modified_date"]);
        (record.value_minor, record.currency) = self.deal(row);
    }

    /// A client.
    pub fn lead(&self, row: &Value) -> Result<CrmRecord, SyncError> {
        let mut record = blank(id(row, &["client_id"], "a client")?);
        self.person(row, &mut record);
        record.source = text(row, &["clients_lead_source"]);
        record.stage = text(row, &["clients_sales_cycle"]);
        Ok(record)
    }

    /// An opportunity.
    pub fn opportunity(&self, row: &Value) -> Result<CrmRecord, SyncError> {
        let mut record = blank(id(row, &["opportunity_id"], "an opportunity")?);
        self.person(row, &mut record);
        record.source = text(row, &["contact_lead_source", "clients_lead_source"]);
        record.stage = text(row, &["contact_sales_cycle", "clients_sales_cycle"]);
        record.contact = text(row, &["client_id", "contact_id"]);
        Ok(record)
    }

    /// A sales cycle.
    pub fn sales_cycle(&self, row: &Value) -> Result<CrmRecord, SyncError> {
        let mut record = blank(id(row, &["sales_cycle_id"], "a sales cycle")?);
        let number = |name: &str| value(row, &[name]).and_then(|text| text.parse::<u32>().ok());
        record.stage = text(row, &["sales_cycle_name"]);
        record.order = number("sales_cycle_order");
        let likelihood = value(row, &["likelihood_to_close"]);
        let likelihood = likelihood.and_then(|text| text.trim_end_matches('%').trim().parse().ok());
        record.likelihood_percent = likelihood.and_then(Percent::new);
        record.contact_type = text(row, &["contact_type"]);
        record.active = value(row, &["sales_cycle_active_status"])
            .map(|status| ["1", "true", "active", "yes"].contains(&status.to_lowercase().as_str()));
        Ok(record)
    }

    /// A note of a contact. The names of its members are not documented: the usual ones are looked for, and a note without
    /// an id is known by a keyed digest of what it says.
    pub fn note(&self, contact: &str, row: &Value) -> Result<CrmRecord, SyncError> {
        let content = value(row, &["note", "notes", "content", "note_text", "description", "message"]);
        let author = text(row, &["author", "user", "user_name", "created_by", "added_by", "assigned_user"]);
        let created = ["created", "created_at", "date", "note_date", "created_date"];
        let given = value(row, &["note_id", "history_id", "id"]).as_deref().and_then(Text::new);
        let id = match given {
            Some(id) => id,
            None => {
                let said = [content.clone(), value(row, &created), author.as_ref().map(ToString::to_string)];
                let said = said.map(Option::unwrap_or_default).join("\n");
                let digest = self.run.digest(&format!("note\n{contact}\n{said}"));
                Text::new(&digest).ok_or_else(|| SyncError::unexpected("a note without anything"))?
            }
        };
        let mut record = blank(id);
        record.content = content.as_deref().and_then(|text| LongText::new(&fitting(text, LONG_TEXT_MAX)));
        record.author = author;
        record.contact = Text::new(contact);
        record.created_at = self.at(row, &created);
        record.modified_at = self.at(row, &["last_modified_date", "modified_at"]);
        Ok(record)
    }

    /// A scheduled activity, by the names that the configuration gives.
    pub fn activity(&self, names: &ActivityFields, row: &Value) -> Result<CrmRecord, SyncError> {
        let named = |name: &Option<String>| name.as_ref().and_then(|name| text(row, &[name.as_str()]));
        let mut record = blank(id(row, &[names.id.as_str()], "an activity")?);
        record.scheduled_at = self.at(row, &[names.scheduled_at.as_str()]);
        record.activity_type = named(&names.activity_type);
        record.status = named(&names.status);
        record.contact = named(&names.contact);
        record.contact_name = named(&names.contact_name);
        let description = names.description.as_ref().and_then(|name| value(row, &[name.as_str()]));
        record.content = description.as_deref().and_then(|text| LongText::new(&fitting(text, LONG_TEXT_MAX)));
        Ok(record)
    }
}
