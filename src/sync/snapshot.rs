//! One snapshot of a CRM resource while it is read: records come page by page, and only what changed is kept.
//!
//! What is kept waits as compressed parts, laid down as they will be recorded, so that a first snapshot of 162,000 leads
//! takes some 10 MB beside the ids of its records, and not the records themselves.

use std::collections::HashSet;

use domain::codec::Body;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::sync::{CrmRecord, Resource, SnapshotTaken, SyncFact};
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, PersonDigest, TenantId};
use domain::members::{Instant, Text};

use super::error::SyncError;
use super::run::RunName;
use crate::ingest::error::IngestError;
use crate::views::crm_known::{KnownRecords, record_digest};

/// Most bytes of one part (RULINGS, Snapshots).
const PART_BYTES_MAX: usize = 128 * 1024;
/// Room in it for what is not records.
const PART_ROOM: usize = 4 * 1024;
const LEVEL: i32 = 1;

/// What a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotScope {
    /// What the records are.
    pub resource: Resource,
    /// The contact whose records alone are read, by the CRM's id; none where all are.
    pub contact: Option<Text>,
}

/// A part as it waits: wire form, compressed.
struct PendingPart {
    public: Vec<u8>,
    personal: Vec<u8>,
}

/// A snapshot while it is read.
pub struct SnapshotDraft {
    scope: SnapshotScope,
    observed_at: Instant,
    known: KnownRecords,
    seen: HashSet<Box<str>>,
    changed: Vec<Box<str>>,
    batch: Vec<CrmRecord>,
    removed: Vec<Text>,
    bytes: usize,
    parts: Vec<PendingPart>,
}

impl SnapshotDraft {
    /// One that begins at `observed_at`, beside what is known already.
    pub fn new(scope: SnapshotScope, observed_at: Instant, known: KnownRecords) -> Self {
        Self {
            scope,
            observed_at,
            known,
            seen: HashSet::new(),
            changed: Vec::new(),
            batch: Vec::new(),
            removed: Vec::new(),
            bytes: 0,
            parts: Vec::new(),
        }
    }

    /// Whether a snapshot of all records counts already.
    pub fn has_base(&self) -> bool {
        self.known.base.is_some()
    }

    /// Whether it names all records, and not only changes. A contact's are few, so they always come whole.
    fn is_whole(&self) -> bool {
        self.scope.contact.is_some() || self.known.base.is_none()
    }

    /// Takes the records of one page. A record that another page held already is left out: while pages were read,
    /// others moved up.
    ///
    /// # Errors
    /// A record cannot be laid down.
    pub fn add(&mut self, records: impl IntoIterator<Item = CrmRecord>) -> Result<(), SyncError> {
        for record in records {
            let id: Box<str> = record.id.as_str().into();
            if !self.seen.insert(id.clone()) {
                continue;
            }
            let digest = record_digest(&record).map_err(IngestError::from)?;
            let is_known = self.known.digests.remove(&id) == Some(digest);
            if !is_known {
                self.changed.push(id);
            }
            if !is_known || self.is_whole() {
                self.push(record)?;
            }
        }
        Ok(())
    }

    /// How many records came.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none came.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Ids of the records that are new or not as they were.
    pub fn changed(&self) -> impl Iterator<Item = &str> {
        self.changed.iter().map(AsRef::as_ref)
    }

    fn push(&mut self, record: CrmRecord) -> Result<(), SyncError> {
        let (mut public, mut personal) = (Vec::new(), Vec::new());
        record.put(&mut public, &mut personal, &nobody).map_err(IngestError::from)?;
        self.make_room(public.len() + personal.len())?;
        self.batch.push(record);
        Ok(())
    }

    /// Closes the part at hand where it has no room for `bytes` more.
    fn make_room(&mut self, bytes: usize) -> Result<(), SyncError> {
        let items = self.batch.len() + self.removed.len();
        let is_full = items == SnapshotTaken::RECORDS_MAX || self.bytes + bytes > PART_BYTES_MAX - PART_ROOM;
        if is_full && items > 0 {
            self.close_part()?;
        }
        self.bytes += bytes;
        Ok(())
    }

    fn close_part(&mut self) -> Result<(), SyncError> {
        let body = SnapshotTaken {
            // SyncRun, source, part and parts are known at the end.
            run_id: self.placeholder()?,
            source: self.placeholder()?,
            resource: self.scope.resource,
            observed_at: self.observed_at,
            part: 0,
            parts: 0,
            base: self.known.base.as_deref().filter(|_| !self.is_whole()).and_then(Text::new),
            contact: self.scope.contact.clone(),
            removed: std::mem::take(&mut self.removed),
            records: std::mem::take(&mut self.batch),
        };
        self.bytes = 0;
        let (mut public, mut personal) = (Vec::new(), Vec::new());
        body.put(&mut public, &mut personal, &nobody).map_err(IngestError::from)?;
        let pack = |bytes: &[u8]| zstd::bulk::compress(bytes, LEVEL);
        let packed = pack(&public).and_then(|public| Ok(PendingPart { public, personal: pack(&personal)? }));
        self.parts.push(packed.map_err(|error| IngestError::Engine(error.to_string()))?);
        Ok(())
    }

    fn placeholder(&self) -> Result<Text, SyncError> {
        Text::new("-").ok_or_else(|| IngestError::Engine("no text".into()).into())
    }

    /// All of it came: the parts to record. None where nothing changed.
    ///
    /// # Errors
    /// A record cannot be laid down.
    pub fn finish(mut self) -> Result<FinishedSnapshot, SyncError> {
        let mut gone: Vec<Text> = self.known.digests.keys().filter_map(|id| Text::new(id)).collect();
        gone.sort_unstable();
        let updated = (self.changed.len() + gone.len()) as u64;
        let is_news = updated > 0 || !self.known.was_read;
        if !self.is_whole() {
            for id in gone {
                self.make_room(id.as_str().len() + 9)?;
                self.removed.push(id);
            }
        }
        // A whole snapshot without records says that there are none.
        if !self.batch.is_empty() || !self.removed.is_empty() || (self.parts.is_empty() && is_news) {
            self.close_part()?;
        }
        let parts = if is_news { self.parts } else { Vec::new() };
        Ok(FinishedSnapshot { scope: self.scope, observed_at: self.observed_at, updated, parts })
    }
}

/// A snapshot of which every page came.
pub struct FinishedSnapshot {
    scope: SnapshotScope,
    observed_at: Instant,
    /// Added, changed and removed records.
    pub updated: u64,
    parts: Vec<PendingPart>,
}

impl FinishedSnapshot {
    /// How many facts it is.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// The fact of a part, from 0.
    ///
    /// # Errors
    /// There is no such part, or it cannot be laid down.
    pub fn envelope(&self, tenant: &TenantId, run: &RunName, at: usize) -> Result<Envelope, SyncError> {
        let none = || IngestError::Engine(format!("a snapshot has no part {at}"));
        let part = self.parts.get(at).ok_or_else(none)?;
        let unpack = |bytes: &[u8]| {
            let unpacked = zstd::stream::decode_all(bytes);
            unpacked.map_err(|error| IngestError::Engine(error.to_string()))
        };
        let (public, personal) = (unpack(&part.public)?, unpack(&part.personal)?);
        let body: SnapshotTaken =
            domain::codec::decode(&public, Some(&personal)).map_err(IngestError::from)?;
        let number = at as u32 + 1;
        let (run_part, resource) =
            (KeyPart::new(run.id.as_str()), KeyPart::new(self.scope.resource.as_str()));
        let key = match &self.scope.contact {
            None => EngineKey::SnapshotPart { run: run_part, resource, part: number.into() },
            Some(contact) => {
                let contact = KeyPart::new(contact.as_str());
                EngineKey::ContactPart { run: run_part, resource, contact, part: number.into() }
            }
        };
        let body = SnapshotTaken {
            run_id: run.id.clone(),
            source: Text::new(run.source.as_str()).ok_or_else(none)?,
            part: number,
            parts: self.parts.len() as u32,
            ..body
        };
        let fact = Fact::Sync(SyncFact::Snapshot(body));
        let envelope = Envelope::by_engine(tenant.clone(), &key, self.observed_at, fact);
        Ok(envelope.map_err(IngestError::from)?)
    }
}

/// Records name no persons by digest.
fn nobody(_: &str) -> PersonDigest {
    PersonDigest::default()
}
