//! Snapshots that do not count yet. A snapshot comes in parts and counts in one step, once all parts, the run's success
//! and its base are known, in whatever order these come (RULINGS, Snapshots; L8).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::facts::sync::{Resource, SnapshotTaken};
use domain::members::Instant;

use crate::entities::crm::row::Seen;
use crate::entities::crm::table::ResourceTable;
use crate::store::{HeapSize, Strings, Symbol, heap_free, heap_size};

/// What names one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What was read.
    pub source: Symbol,
    /// The run that read it.
    pub run: Symbol,
    /// Of what.
    pub resource: Resource,
    /// The contact to which it is limited.
    pub scope: Option<Symbol>,
    parts: u32,
    /// The run whose snapshot it changes; none of a whole one.
    pub base: Option<Symbol>,
}

heap_free!(Key);

impl Key {
    /// The snapshot of which `body` is a part.
    pub fn of(body: &SnapshotTaken, strings: &mut Strings) -> Self {
        Self {
            source: strings.intern(body.source.as_str()),
            run: strings.intern(body.run_id.as_str()),
            resource: body.resource,
            scope: body.contact.as_ref().map(|contact| strings.intern(contact.as_str())),
            parts: body.parts,
            base: body.base.as_ref().map(|base| strings.intern(base.as_str())),
        }
    }

    /// Before every snapshot of a run.
    fn first_of(source: Symbol, run: Symbol) -> Self {
        Self { source, run, resource: Resource::Leads, scope: None, parts: 0, base: None }
    }
}

/// A snapshot that does not count yet, or the word that it does.
#[derive(Debug, Clone)]
pub enum Snapshot {
    /// Some parts are here.
    Waiting(Waiting),
    /// It counts; a part that comes again is a further observation.
    Counted,
}

impl HeapSize for Snapshot {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Waiting(waiting) => waiting.heap_bytes(),
            Self::Counted => 0,
        }
    }
}

/// The parts that are here.
#[derive(Debug, Clone)]
pub struct Waiting {
    parts: BTreeSet<u32>,
    oldest: Instant,
    /// Their records.
    pub records: ResourceTable,
}

heap_size!(Waiting { parts, records; oldest });

impl Waiting {
    /// The watermark that a whole snapshot raises. It is at the oldest part: the source was read over a while, and a
    /// record that appeared meanwhile is not missing from the snapshot.
    pub fn low_watermark(&self, run: &str) -> Seen {
        Seen::before_run(self.oldest, run)
    }
}

/// All snapshots of one tenant. Clones cost a counter.
#[derive(Debug, Clone, Default)]
pub struct Snapshots {
    known: Arc<BTreeMap<Key, Snapshot>>,
    /// Snapshots by the run that they wait for.
    bases: Arc<BTreeMap<Symbol, Vec<Key>>>,
}

heap_size!(Snapshots { known, bases });

impl Snapshots {
    /// Registers a part and returns the table that its records go into; none where the snapshot counts already.
    pub fn part(&mut self, key: Key, body: &SnapshotTaken) -> Option<&mut ResourceTable> {
        if let Some(base) = key.base.filter(|_| !self.known.contains_key(&key)) {
            Arc::make_mut(&mut self.bases).entry(base).or_default().push(key);
        }
        let new = || {
            let records = ResourceTable::new(key.resource);
            Snapshot::Waiting(Waiting { parts: BTreeSet::new(), oldest: body.observed_at, records })
        };
        match Arc::make_mut(&mut self.known).entry(key).or_insert_with(new) {
            Snapshot::Counted => None,
            Snapshot::Waiting(waiting) => {
                waiting.parts.insert(body.part);
                waiting.oldest = waiting.oldest.min(body.observed_at);
                Some(&mut waiting.records)
            }
        }
    }

    /// The snapshots of a run.
    pub fn of_run(&self, source: Symbol, run: Symbol) -> Vec<Key> {
        let from = Key::first_of(source, run);
        let keys = self.known.range(from..).map(|(key, _)| *key);
        keys.take_while(|key| key.source == source && key.run == run).collect()
    }

    /// The snapshots that wait for one of `run`.
    pub fn upon(&self, run: Symbol) -> Vec<Key> {
        self.bases.get(&run).cloned().unwrap_or_default()
    }

    /// Whether all parts are here.
    pub fn is_complete(&self, key: &Key) -> bool {
        match self.known.get(key) {
            Some(Snapshot::Waiting(waiting)) => waiting.parts.len() as u64 == u64::from(key.parts),
            Some(Snapshot::Counted) | None => false,
        }
    }

    /// Whether a snapshot of `run` counts, of the resource and contact of `key`.
    pub fn counts(&self, key: &Key, source: Symbol, run: Symbol) -> bool {
        let from = Key { resource: key.resource, scope: key.scope, ..Key::first_of(source, run) };
        let same = |other: &Key| {
            (other.source, other.run, other.resource, other.scope) == (source, run, key.resource, key.scope)
        };
        let known = self.known.range(from..).take_while(|(other, _)| same(other));
        known.into_iter().any(|(_, snapshot)| matches!(snapshot, Snapshot::Counted))
    }

    /// Source and run of each snapshot that counts, of all records of a resource.
    pub fn counted(&self, resource: Resource) -> impl Iterator<Item = (Symbol, Symbol)> {
        let counted = self.known.iter().filter(move |(key, snapshot)| {
            key.resource == resource && key.scope.is_none() && matches!(snapshot, Snapshot::Counted)
        });
        counted.map(|(key, _)| (key.source, key.run))
    }

    /// Marks a snapshot as counted and returns its records.
    pub fn count(&mut self, key: &Key) -> Option<Waiting> {
        let snapshot = Arc::make_mut(&mut self.known).get_mut(key)?;
        if let Some(base) = key.base
            && let Some(waiting) = Arc::make_mut(&mut self.bases).get_mut(&base)
        {
            waiting.retain(|other| other != key);
        }
        match std::mem::replace(snapshot, Snapshot::Counted) {
            Snapshot::Waiting(waiting) => Some(waiting),
            Snapshot::Counted => None,
        }
    }

    /// Drops the records of a failed run: they will never count.
    pub fn forget(&mut self, source: Symbol, run: Symbol) {
        for key in self.of_run(source, run) {
            let known = Arc::make_mut(&mut self.known);
            if matches!(known.get(&key), Some(Snapshot::Waiting(_))) {
                known.remove(&key);
            }
            if let Some(base) = key.base
                && let Some(waiting) = Arc::make_mut(&mut self.bases).get_mut(&base)
            {
                waiting.retain(|other| *other != key);
            }
        }
    }
}
