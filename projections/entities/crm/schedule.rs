//! `/schedule`: what is due after now, soonest first (B10).

use domain::facts::sync::Resource;
use domain::keys::Position;
use domain::members::Instant;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::crm::Crm;
use crate::entities::crm::row::Origins;
use crate::entities::crm::table::ResourceTable;
use crate::store::Texts;

/// Most activities of one answer.
pub const SCHEDULE_MAX: usize = 100;

/// An activity as served. Whom and what it is about is personal, and read from the facts on the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActivityItem {
    /// The CRM's id.
    pub activity_id: String,
    /// When it is due.
    pub scheduled_at: String,
    /// Its kind.
    pub activity_type: Option<String>,
    /// With whom.
    pub contact_name: Option<String>,
    /// What is to be done.
    pub description: Option<String>,
    /// Its status.
    pub status: Option<String>,
    /// The fact that holds the record, and its place in it.
    #[serde(skip)]
    pub fact: (Position, usize),
    /// The same of the contact, where it is known.
    #[serde(skip)]
    pub contact: Option<(Position, usize)>,
}

/// The activities of one moment.
#[derive(Debug, Clone)]
pub struct Activities {
    tables: Vec<(String, ResourceTable)>,
    contacts: Vec<(String, ResourceTable)>,
    origins: Origins,
    texts: Texts,
}

impl Activities {
    /// Takes the activities as they are now.
    pub fn new(crm: &Crm) -> Self {
        let taken = |resource| {
            let tables = crm.tables(resource).into_iter();
            tables.map(|(source, table)| (source.to_owned(), table.clone())).collect()
        };
        Self {
            tables: taken(Resource::Activities),
            contacts: taken(Resource::Leads),
            origins: crm.origins().clone(),
            texts: crm.texts().clone(),
        }
    }

    /// What is due after `now`, soonest first, and how much in all.
    pub fn after(&self, now: Instant) -> (Vec<ActivityItem>, usize) {
        let mut due = Vec::new();
        for (source, table) in &self.tables {
            let ahead = table.records().filter_map(|row| Some((row.at.filter(|at| *at > now)?, row)));
            due.extend(ahead.map(|(at, row)| (at, source, self.texts.get(row.id), row)));
        }
        due.sort_unstable_by_key(|(at, source, id, _)| (*at, *source, *id));
        let text = |symbol| self.texts.maybe(symbol).map(str::to_owned);
        let items = due.iter().take(SCHEDULE_MAX).map(|(at, source, id, row)| ActivityItem {
            activity_id: (*id).to_owned(),
            scheduled_at: at.to_string(),
            activity_type: text(row.activity_type),
            contact_name: None,
            description: None,
            status: text(row.status),
            fact: (self.origins.of(row).fact, row.index()),
            contact: row.contact.and_then(|contact| {
                let (_, leads) = self.contacts.iter().find(|(of, _)| of == *source)?;
                let lead = leads.get(contact)?;
                Some((self.origins.of(lead).fact, lead.index()))
            }),
        });
        (items.collect(), due.len())
    }
}
