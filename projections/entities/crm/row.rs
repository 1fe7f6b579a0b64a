//! One record of the CRM as it was last observed, and what orders observations of it.

use domain::facts::sync::{CrmRecord, Resource};
use domain::keys::Position;
use domain::members::{Currency, Instant, Percent, Text};

use crate::canonical::{Canonical, stable_hash};
use crate::store::{HeapSize, Pages, Strings, Symbol, Texts, heap_free};

/// One part of a snapshot: the fact that holds records, and when it saw them.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The fact.
    pub fact: Position,
    /// When the source was read.
    pub observed_at: Instant,
    run: u64,
    content: u64,
}

heap_free!(Origin);

/// What orders observations of one record, in whatever order they come: when the source was read, then the run, then
/// the part's content, then the place in it. Never the position in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// When the source was read.
    pub observed_at: i64,
    run: u64,
    content: u64,
    index: u16,
}

impl Seen {
    /// Before every record that `run` observed at `observed_at` or later.
    pub fn before_run(observed_at: Instant, run: &str) -> Self {
        Self { observed_at: observed_at.0, run: stable_hash(run.as_bytes()), content: 0, index: 0 }
    }
}

/// The parts of snapshots that rows were read from.
#[derive(Debug, Clone, Default)]
pub struct Origins(Pages<Origin>);

impl HeapSize for Origins {
    fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }
}

impl Origins {
    /// Adds a part and names it.
    pub fn push(&mut self, fact: Position, observed_at: Instant, run: &str, content: u64) -> u32 {
        self.0.push(Origin { fact, observed_at, run: stable_hash(run.as_bytes()), content })
    }

    /// The part that a row was read from.
    pub fn of(&self, row: &RecordRow) -> &Origin {
        self.0.get(row.origin)
    }

    /// The order of a row's observation.
    pub fn seen(&self, row: &RecordRow) -> Seen {
        let origin = self.of(row);
        let Origin { observed_at, run, content, .. } = *origin;
        Seen { observed_at: observed_at.0, run, content, index: row.index }
    }
}

/// One record, or the word that it is gone. Names, texts, numbers and addresses of persons stay in the fact.
#[derive(Debug, Clone)]
pub struct RecordRow {
    /// The CRM's id.
    pub id: Symbol,
    /// The contact to which its snapshot was limited.
    pub scope: Option<Symbol>,
    /// Lead source.
    pub source: Option<Symbol>,
    /// Stage; a sales cycle's name.
    pub stage: Option<Symbol>,
    /// The CRM's contact type.
    pub contact_type: Option<Symbol>,
    /// Who wrote a note.
    pub author: Option<Symbol>,
    /// The CRM's id of the contact that it belongs to.
    pub contact: Option<Symbol>,
    /// Kind of activity.
    pub activity_type: Option<Symbol>,
    /// Status of an activity.
    pub status: Option<Symbol>,
    /// Deal size, minor units.
    pub value_minor: Option<i64>,
    /// Its currency.
    pub currency: Option<Currency>,
    /// Units of the deal.
    pub units: Option<u32>,
    /// Place among the sales cycles.
    pub order: Option<u32>,
    /// Likelihood of a sales cycle to close.
    pub likelihood: Option<Percent>,
    /// Whether a sales cycle is in use.
    pub active: Option<bool>,
    /// A note's date; when an activity is due.
    pub at: Option<Instant>,
    /// Whether it was removed from the source.
    pub gone: bool,
    index: u16,
    origin: u32,
}

heap_free!(RecordRow);

impl RecordRow {
    /// The record at `index` of a part, from 0.
    pub fn of(
        record: &CrmRecord,
        (resource, scope): (Resource, Option<Symbol>),
        (origin, index): (u32, usize),
        strings: &mut Strings,
    ) -> Self {
        let mut text = |text: &Option<Text>| text.as_ref().map(|text| strings.intern(text.as_str()));
        let at = match resource {
            Resource::Notes => record.created_at.or(record.modified_at),
            Resource::Activities => record.scheduled_at,
            Resource::Leads | Resource::Opportunities | Resource::SalesCycles => None,
        };
        Self {
            source: text(&record.source),
            stage: text(&record.stage),
            contact_type: text(&record.contact_type),
            author: text(&record.author),
            contact: text(&record.contact),
            activity_type: text(&record.activity_type),
            status: text(&record.status),
            value_minor: record.value_minor,
            currency: record.currency,
            units: record.units,
            order: record.order,
            likelihood: record.likelihood_percent,
            active: record.active,
            at,
            // From 1, so that a record stands against the word of the same part that it is gone.
            ..Self::gone(strings.intern(record.id.as_str()), scope, origin, index as u16 + 1)
        }
    }

    /// The word of a part that a record is gone.
    pub fn removed(id: Symbol, scope: Option<Symbol>, origin: u32) -> Self {
        Self { gone: true, ..Self::gone(id, scope, origin, 0) }
    }

    fn gone(id: Symbol, scope: Option<Symbol>, origin: u32, index: u16) -> Self {
        Self {
            id,
            scope,
            source: None,
            stage: None,
            contact_type: None,
            author: None,
            contact: None,
            activity_type: None,
            status: None,
            value_minor: None,
            currency: None,
            units: None,
            order: None,
            likelihood: None,
            active: None,
            at: None,
            gone: false,
            index,
            origin,
        }
    }

    /// Its place among its part's records, from 0.
    pub fn index(&self) -> usize {
        usize::from(self.index.saturating_sub(1))
    }

    /// Writes every public member behind what is there.
    pub fn write_canonical(&self, texts: &Texts, row: &mut Canonical) {
        let symbols = [self.scope, self.source, self.stage, self.contact_type, self.author, self.contact];
        row.text(Some(texts.get(self.id)));
        for symbol in symbols.into_iter().chain([self.activity_type, self.status]) {
            row.text(texts.maybe(symbol));
        }
        row.maybe(self.value_minor);
        row.text(self.currency.map(|currency| currency.to_string()).as_deref());
        row.maybe(self.units.map(i64::from));
        row.maybe(self.order.map(i64::from));
        row.maybe(self.likelihood.map(|percent| i64::from(percent.get())));
        row.maybe(self.active.map(i64::from));
        row.maybe(self.at.map(|at| at.0));
    }
}
