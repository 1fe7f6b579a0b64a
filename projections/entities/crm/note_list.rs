//! `/notes`: the CRM's notes and people's own, newest first (B9).

use std::collections::BTreeMap;

use domain::facts::part;
use domain::facts::sync::Resource;
use domain::keys::Position;
use domain::members::Instant;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entities::crm::Crm;
use crate::entities::crm::row::Origins;
use crate::entities::crm::table::ResourceTable;
use crate::entities::notes::{NoteRow, Notes};
use crate::store::{Buckets, Cursor, Pages, Texts};

/// A note as served. What it says and whom it is about is personal, and read from the facts on the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NoteItem {
    /// Its id, of the CRM or of ours.
    pub note_id: String,
    /// When it was written; null where the CRM does not say.
    pub date: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// What it says.
    pub content: Option<String>,
    /// Whom it is about.
    pub contact: Option<String>,
    /// `own` of notes written here, `synced` of the CRM's.
    pub origin: &'static str,
    /// The fact that holds it, and its place among the records of a part; none of one's own.
    #[serde(skip)]
    pub fact: (Position, Option<usize>),
    /// The same of the contact, where it is known.
    #[serde(skip)]
    pub about: Option<(Position, usize)>,
    /// Where the list goes on behind it.
    #[serde(skip)]
    pub cursor: Option<Cursor>,
}

/// The notes of one moment.
#[derive(Debug, Clone)]
pub struct NoteList {
    synced: Vec<Synced>,
    origins: Origins,
    texts: Texts,
    own: Pages<NoteRow>,
    own_order: Buckets,
    own_texts: Texts,
}

#[derive(Debug, Clone)]
struct Synced {
    source: String,
    notes: ResourceTable,
    contacts: Option<ResourceTable>,
}

/// One note of the CRM, by table and row, or one of people's own.
#[derive(Debug, Clone, Copy)]
enum At {
    Synced(usize, u32),
    Own(u32),
}

impl NoteList {
    /// Takes the notes as they are now.
    pub fn new(crm: &Crm, notes: &Notes) -> Self {
        let contacts: BTreeMap<_, _> = crm.tables(Resource::Leads).into_iter().collect();
        let synced = crm.tables(Resource::Notes).into_iter().map(|(source, notes)| Synced {
            source: source.to_owned(),
            notes: notes.clone(),
            contacts: contacts.get(source).map(|table| (*table).clone()),
        });
        Self {
            synced: synced.collect(),
            origins: crm.origins().clone(),
            texts: crm.texts().clone(),
            own: notes.rows().clone(),
            own_order: notes.order().clone(),
            own_texts: notes.texts().clone(),
        }
    }

    /// The notes behind `after`, newest first, those without a date last; each knows where the list goes on.
    pub fn behind(&self, after: Option<Cursor>) -> impl Iterator<Item = NoteItem> {
        let newest = after.as_ref().map_or(Instant(i64::MAX), |after| after.at);
        let tables = self.synced.iter().filter_map(|synced| synced.notes.by_date());
        let mut days: BTreeMap<i64, Vec<At>> = BTreeMap::new();
        for (table, buckets) in tables.enumerate() {
            for (day, rows) in buckets.days(newest) {
                days.entry(day).or_default().extend(rows.iter().map(|row| At::Synced(table, *row)));
            }
        }
        for (day, rows) in self.own_order.days(newest) {
            days.entry(day).or_default().extend(rows.iter().map(|row| At::Own(*row)));
        }
        days.into_iter().rev().flat_map(move |(_, notes)| {
            let mut day: Vec<(Cursor, At)> = notes.into_iter().map(|at| (self.cursor(at), at)).collect();
            day.retain(|(at, _)| after.as_ref().is_none_or(|after| after.is_before(at.at, &at.name)));
            day.sort_unstable_by(|(a, _), (b, _)| (b.at, &a.name).cmp(&(a.at, &b.name)));
            day.into_iter().map(|(cursor, at)| NoteItem { cursor: Some(cursor), ..self.item(at) })
        })
    }

    fn cursor(&self, at: At) -> Cursor {
        match at {
            At::Synced(table, row) => {
                let Synced { source, notes, .. } = &self.synced[table];
                let row = notes.row(row);
                let scope = self.texts.maybe(row.scope).unwrap_or_default();
                let id = self.texts.get(row.id);
                let name = format!("synced/{}/{}/{id}", part(source), part(scope));
                Cursor { at: row.dated(), name }
            }
            At::Own(row) => {
                let row = self.own.get(row);
                let name = format!("own/{}", self.own_texts.get(row.id));
                Cursor { at: row.date().unwrap_or(Instant(0)), name }
            }
        }
    }

    fn item(&self, at: At) -> NoteItem {
        let new = |note_id: &str, author: Option<&str>, date: Option<Instant>, origin, fact| NoteItem {
            note_id: note_id.to_owned(),
            date: date.map(|at| at.to_string()),
            author: author.map(str::to_owned),
            content: None,
            contact: None,
            origin,
            fact,
            about: None,
            cursor: None,
        };
        match at {
            At::Synced(table, row) => {
                let Synced { notes, contacts, .. } = &self.synced[table];
                let row = notes.row(row);
                let (id, author) = (self.texts.get(row.id), self.texts.maybe(row.author));
                let fact = (self.origins.of(row).fact, Some(row.index()));
                let contact = row.contact.or(row.scope);
                let lead = contact.and_then(|contact| contacts.as_ref()?.get(contact));
                NoteItem {
                    // The CRM's id of the contact, until its name is read.
                    contact: self.texts.maybe(contact).map(str::to_owned),
                    about: lead.map(|lead| (self.origins.of(lead).fact, lead.index())),
                    ..new(id, author, row.at, "synced", fact)
                }
            }
            At::Own(row) => {
                let row = self.own.get(row);
                let (id, author) = (self.own_texts.get(row.id), self.own_texts.maybe(row.author));
                new(id, author, row.date(), "own", (row.fact, None))
            }
        }
    }
}
