//! What of CRM records and notes is personal, read from their facts on the way out: so that erasure takes it away,
//! and no row or digest depends on it.

use std::collections::BTreeMap;

use domain::facts::Fact;
use domain::facts::note::NoteFact;
use domain::facts::sync::{CrmRecord, SyncFact};
use domain::keys::Position;
use domain::members::{LongText, Text};
use projections::entities::crm::hot_list::HotItem;
use projections::entities::crm::note_list::{NoteItem, NoteList};
use projections::entities::crm::schedule::ActivityItem;
use projections::search::Search;
use projections::store::Cursor;

use super::facts::FactError;
use crate::log::{LogError, LogSnapshot};

/// Parts that are held while an answer is made: its rows are mostly of a few.
const PARTS_MAX: usize = 32;
/// Notes that one search reads; a page that ends here has fewer items and a cursor to go on with.
const SEARCHED_MAX: usize = 5_000;

/// Reads records from the facts that hold them. Reads files, so neither a tenant's lock nor an async thread may be
/// held.
struct Records<'l> {
    log: &'l LogSnapshot,
    parts: BTreeMap<Position, Vec<CrmRecord>>,
}

impl<'l> Records<'l> {
    fn of(log: &'l LogSnapshot) -> Self {
        Self { log, parts: BTreeMap::new() }
    }

    /// The record at `index` of the part at `position`; without its personal members where these were erased.
    fn get(&mut self, (position, index): (Position, usize)) -> Result<Option<&CrmRecord>, FactError> {
        if !self.parts.contains_key(&position) {
            if self.parts.len() == PARTS_MAX {
                self.parts.clear();
            }
            let records = match fact(self.log, position)? {
                Some(Fact::Sync(SyncFact::Snapshot(part))) => part.records,
                Some(_) | None => Vec::new(),
            };
            self.parts.insert(position, records);
        }
        Ok(self.parts.get(&position).and_then(|records| records.get(index)))
    }

    fn contact_name(&mut self, of: (Position, usize)) -> Result<Option<String>, FactError> {
        Ok(self.get(of)?.and_then(|record| text(&record.contact_name)))
    }
}

/// The fact at a position; without its personal members where these were erased.
pub(super) fn fact(log: &LogSnapshot, position: Position) -> Result<Option<Fact>, FactError> {
    let Some(record) = log.read(position)? else { return Ok(None) };
    let view = record.view().map_err(|error| LogError::Record { position, error })?;
    let header = &view.header;
    let fact = Fact::decode(header.kind, header.version, view.public, view.personal());
    fact.map(Some).map_err(|error| FactError::Body { position, error })
}

fn text(text: &Option<Text>) -> Option<String> {
    text.as_ref().map(|text| text.as_str().to_owned())
}

fn long(text: &Option<LongText>) -> Option<String> {
    text.as_ref().map(|text| text.as_str().to_owned())
}

/// Fills in whom deals are with.
pub fn fill_deals(log: &LogSnapshot, items: &mut [HotItem]) -> Result<(), FactError> {
    let mut records = Records::of(log);
    for item in items {
        if let Some(record) = records.get(item.fact)? {
            item.candidate = text(&record.contact_name);
            item.market = text(&record.company);
        }
    }
    Ok(())
}

/// Fills in with whom activities are, and what is to be done.
pub fn fill_activities(log: &LogSnapshot, items: &mut [ActivityItem]) -> Result<(), FactError> {
    let mut records = Records::of(log);
    for item in items {
        if let Some(record) = records.get(item.fact)? {
            item.contact_name = text(&record.contact_name);
            item.description = long(&record.content);
        }
        if item.contact_name.is_none()
            && let Some(contact) = item.contact
        {
            item.contact_name = records.contact_name(contact)?;
        }
    }
    Ok(())
}

/// A page of notes, with what they say: those that have `search` in their text or author, in any case.
pub fn notes(
    log: &LogSnapshot,
    list: &NoteList,
    search: Option<&str>,
    after: Option<Cursor>,
    limit: usize,
) -> Result<(Vec<NoteItem>, Option<Cursor>), FactError> {
    let search = search.map(Search::new);
    let (mut records, mut items) = (Records::of(log), Vec::<NoteItem>::new());
    let mut last: Option<Cursor> = None;
    for (looked, mut item) in list.behind(after).enumerate() {
        if items.len() == limit || looked == SEARCHED_MAX {
            return Ok((items, last));
        }
        last.clone_from(&item.cursor);
        fill_note(&mut records, &mut item)?;
        let is_in = |search: &Search| {
            [&item.content, &item.author].into_iter().flatten().any(|text| search.is_in(text))
        };
        if search.as_ref().is_none_or(is_in) {
            items.push(item);
        }
    }
    Ok((items, None))
}

fn fill_note(records: &mut Records<'_>, item: &mut NoteItem) -> Result<(), FactError> {
    match item.fact {
        (position, Some(index)) => {
            if let Some(record) = records.get((position, index))? {
                item.content = long(&record.content);
                item.contact = text(&record.contact_name).or(item.contact.take());
            }
            if let Some(about) = item.about
                && let Some(name) = records.contact_name(about)?
            {
                item.contact = Some(name);
            }
        }
        (position, None) => {
            if let Some(Fact::Note(NoteFact::Written(note))) = fact(records.log, position)? {
                item.content = long(&note.content);
                item.contact = text(&note.contact);
            }
        }
    }
    Ok(())
}
