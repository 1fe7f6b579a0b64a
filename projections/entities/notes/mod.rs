//! Notes that people write here. The latest text or removal stands, and no sync touches them (B9, L9).

use domain::facts::Fact;
use domain::facts::note::NoteFact;
use domain::keys::Position;
use domain::members::Instant;

use crate::canonical::{Canonical, Digest};
use crate::entity::{Entity, paged_rows};
use crate::store::{Buckets, Chain, Index, Pages, Strings, Symbol, Texts, heap_size};
use crate::{Order, Recorded};

/// One note. What it says and whom it is about stays in its fact.
#[derive(Debug, Clone)]
pub struct NoteRow {
    /// The note's id.
    pub id: Symbol,
    /// Who wrote the text that stands.
    pub author: Option<Symbol>,
    /// When it was first written; none while only its removal is known.
    written: Option<Order>,
    /// The latest word of it.
    last: Order,
    /// The fact that holds the text.
    pub fact: Position,
    removed: bool,
    facts: Chain,
}

heap_size!(NoteRow { facts; id, author, written, last, fact, removed });

impl NoteRow {
    /// When the latest word of it was said.
    pub fn last_at(&self) -> Instant {
        self.last.occurred_at()
    }

    /// When it was first written; none of a note that is not there.
    pub fn date(&self) -> Option<Instant> {
        self.written.filter(|_| !self.removed).map(Order::occurred_at)
    }
}

/// The notes of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    rows: Pages<NoteRow>,
    index: Index,
    strings: Strings,
    order: Buckets,
}

heap_size!(Notes { rows, index, strings, order });

impl Notes {
    fn at(&self, id: &str) -> Option<u32> {
        let id = self.strings.find(id)?;
        self.index.find(Index::hash(id), |at| self.rows.get(at).id == id)
    }

    /// The note of that id, also where it was removed.
    pub fn find(&self, id: &str) -> Option<&NoteRow> {
        self.at(id).map(|at| self.rows.get(at))
    }

    /// The notes, one a row, removed ones too.
    pub fn rows(&self) -> &Pages<NoteRow> {
        &self.rows
    }

    /// Those that are there by date.
    pub fn order(&self) -> &Buckets {
        &self.order
    }

    /// The texts of the rows' symbols.
    pub fn texts(&self) -> &Texts {
        self.strings.texts()
    }
}

impl Entity for Notes {
    type RowId = u32;
    type Share = ();
    type Figures = ();

    const NAME: &'static str = "notes";
    const VERSION: u32 = 1;
    const GROUPS: &'static [u8] = &[NoteFact::GROUP];
    const SHARDED: bool = false;

    fn fold(&mut self, recorded: &Recorded<'_>) {
        let Fact::Note(fact) = recorded.fact else { return };
        let (NoteFact::Written(body) | NoteFact::Removed(body)) = fact;
        let removes = matches!(fact, NoteFact::Removed(_));
        // At one instant the removal is the later word.
        let order = Order::new(recorded.occurred_at, u8::from(removes), &recorded.content);
        let author = body.author.as_ref().map(|author| self.strings.intern(author.as_str()));
        let at = self.at(body.note_id.as_str()).unwrap_or_else(|| {
            let id = self.strings.intern(body.note_id.as_str());
            let at = self.rows.push(NoteRow {
                id,
                author: None,
                written: None,
                last: Order::default(),
                fact: 0,
                removed: false,
                facts: Chain::default(),
            });
            self.index.insert(Index::hash(id), at);
            at
        });
        let row = self.rows.get_mut(at);
        let before = row.date();
        row.facts.push(recorded.position);
        if !removes {
            row.written = Some(row.written.map_or(order, |known| known.min(order)));
        }
        if order > row.last {
            (row.last, row.removed) = (order, removes);
            if !removes {
                (row.author, row.fact) = (author, recorded.position);
            }
        } else if order == row.last && !removes {
            // The same word under two keys: the one recorded first holds it.
            row.fact = row.fact.min(recorded.position);
        }
        let after = row.date();
        self.order.place(at, before, after);
    }

    paged_rows!();

    fn digest(&self, tenant: &str) -> Digest {
        let (mut digest, mut row) = (Digest::default(), Canonical::default());
        for note in self.rows.iter() {
            row.start(tenant);
            row.text(Some(self.strings.texts().get(note.id)));
            row.text(self.strings.texts().maybe(note.author));
            row.maybe(note.date().map(|at| at.0));
            row.number(note.fact as i64);
            row.positions(&note.facts);
            digest.add(row.bytes());
        }
        digest
    }
}
