//! Notes (B9): the CRM's as its contacts' last snapshots have them, beside people's own.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::crm::contact_name;
use super::{Fact, Model, instant, shown};

impl<'a> Model<'a> {
    /// Synced notes: each contact's of the newest snapshot that was of it or of all.
    fn synced(&self) -> BTreeMap<&'a str, &'a Value> {
        let mut notes: BTreeMap<&str, (Option<&str>, &Value)> = BTreeMap::new();
        for snapshot in self.snapshots("notes") {
            notes.retain(|_, (contact, _)| snapshot.contact.is_some() && *contact != snapshot.contact);
            for (id, record) in snapshot.records {
                let contact = snapshot.contact.or(record["contact"].as_str());
                notes.insert(id, (contact, record));
            }
        }
        notes.into_iter().map(|(id, (_, record))| (id, record)).collect()
    }

    /// `/notes?search`, newest first.
    pub fn notes(&self, search: Option<&str>) -> Value {
        let mut rows: Vec<(Option<DateTime<Utc>>, Value)> = Vec::new();
        let contacts = self.contacts();
        for (id, note) in self.synced() {
            let date = instant(&note["created_at"]);
            let row = json!({"note_id": id, "date": date.map(shown), "author": note["author"], "content": note["content"],
                "contact": contact_name(note, &contacts).or(note["contact"].as_str()), "origin": "synced"});
            rows.push((date, row));
        }
        let mut own: BTreeMap<&str, (DateTime<Utc>, Fact<'a>)> = BTreeMap::new();
        for fact in self.of(&["note_written", "note_removed"]) {
            let id = fact.text("note_id").expect("given");
            if fact.kind == "note_removed" {
                own.remove(id);
            } else {
                // Written anew it is the same note.
                let first = own.get(id).map_or(fact.at, |(first, _)| *first);
                own.insert(id, (first, fact));
            }
        }
        for (id, (first, fact)) in own {
            let row = json!({"note_id": id, "date": shown(first), "author": fact.body["author"],
                "content": fact.text("content").map(str::trim), "contact": fact.body["contact"], "origin": "own"});
            rows.push((Some(first), row));
        }
        let has = |row: &Value, member: &str, word: &str| {
            row[member].as_str().is_some_and(|text| text.to_lowercase().contains(&word.to_lowercase()))
        };
        rows.retain(|(_, row)| {
            search.is_none_or(|word| has(row, "content", word) || has(row, "author", word))
        });
        rows.sort_by_key(|(date, row)| (Reverse(*date), row["note_id"].as_str().map(str::to_owned)));
        rows.into_iter().map(|(_, row)| row).collect()
    }
}
