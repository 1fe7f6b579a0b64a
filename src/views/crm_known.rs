//! What the read models hold of a CRM resource, so that a sync records only what changed.

use std::collections::HashMap;

use domain::codec::{Body, CodecError};
use domain::facts::Fact;
use domain::facts::sync::{CrmRecord, Resource, SyncFact};
use domain::keys::{Position, TenantId};
use projections::entities::crm::table::ResourceTable;
use sha2::{Digest, Sha256};

use super::Views;
use super::facts::FactError;
use crate::log::LogError;

/// A digest over all members of a record, personal ones too; kept in memory only.
pub type RecordDigest = u128;

/// The records of a resource as they were last observed.
#[derive(Debug, Clone, Default)]
pub struct KnownRecords {
    /// A run whose whole snapshot counts, or one that changes it: what a snapshot of changes names as its base.
    pub base: Option<String>,
    /// Whether the resource, or the contact's part of it, was read at all.
    pub was_read: bool,
    /// Each record's digest by the CRM's id.
    pub digests: HashMap<Box<str>, RecordDigest>,
}

/// The digest of a record.
///
/// # Errors
/// As of [`Body::canonical`].
pub fn record_digest(record: &CrmRecord) -> Result<RecordDigest, CodecError> {
    let mut canonical = Vec::with_capacity(512);
    record.canonical(&mut canonical)?;
    let digest: [u8; 32] = Sha256::digest(&canonical).into();
    Ok(digest.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte)))
}

impl Views {
    /// The records of `resource` whose data `source` reads; those of one contact alone where `contact` is given. Reads
    /// the facts that hold them, a part of a snapshot at a time. Blocks.
    ///
    /// # Errors
    /// The log's.
    pub fn known_records(
        &self,
        tenant: &TenantId,
        source: &str,
        resource: Resource,
        contact: Option<&str>,
    ) -> Result<KnownRecords, FactError> {
        let Some(view) = self.tenant(tenant) else { return Ok(KnownRecords::default()) };
        let (mut known, table, origins, texts, scope) = view.with(|tenant, _| {
            let crm = &tenant.crm.rows;
            let tables = crm.tables(resource);
            let table = tables.into_iter().find(|(name, _)| *name == source).map(|(_, table)| table.clone());
            let base = crm.base(source, resource).map(str::to_owned);
            let scope = contact.and_then(|contact| crm.symbol(contact));
            let known = KnownRecords { base, ..KnownRecords::default() };
            (known, table, crm.origins().clone(), crm.texts().clone(), scope)
        });
        let Some(table) = table else { return Ok(known) };
        let mut places: Vec<(Position, usize, Box<str>)> = Vec::new();
        let mut place = |row: &projections::entities::crm::row::RecordRow| {
            places.push((origins.of(row).fact, row.index(), texts.get(row.id).into()));
        };
        match contact {
            None => {
                known.was_read = known.base.is_some();
                table.records().filter(|row| row.scope.is_none()).for_each(&mut place);
            }
            Some(_) => {
                known.was_read = scope.is_some_and(|scope| table.was_read_of(scope));
                scope.into_iter().flat_map(|scope| table.records_of(scope)).for_each(&mut place);
            }
        }
        self.fill_digests(places, &mut known)?;
        Ok(known)
    }

    /// The contacts whose records of `resource` were never read, by the CRM's id, at most `limit` of them.
    pub fn contacts_unread(
        &self,
        tenant: &TenantId,
        source: &str,
        resource: Resource,
        limit: usize,
    ) -> Vec<String> {
        let Some(view) = self.tenant(tenant) else { return Vec::new() };
        let (leads, table, texts) = view.with(|tenant, _| {
            let crm = &tenant.crm.rows;
            let of = |resource| -> Option<ResourceTable> {
                let tables = crm.tables(resource);
                tables.into_iter().find(|(name, _)| *name == source).map(|(_, table)| table.clone())
            };
            (of(Resource::Leads), of(resource), crm.texts().clone())
        });
        let unread = |id| !table.as_ref().is_some_and(|table| table.was_read_of(id));
        let rows = leads.iter().flat_map(ResourceTable::records).filter(|row| unread(row.id));
        rows.take(limit).map(|row| texts.get(row.id).to_owned()).collect()
    }

    /// Reads each part once: its records are digested in the order of the log.
    fn fill_digests(
        &self,
        mut places: Vec<(Position, usize, Box<str>)>,
        known: &mut KnownRecords,
    ) -> Result<(), FactError> {
        places.sort_unstable_by_key(|(fact, index, _)| (*fact, *index));
        let snapshot = self.inner.log.snapshot();
        let mut part: (Position, Vec<CrmRecord>) = (0, Vec::new());
        for (position, index, id) in places {
            if part.0 != position {
                part = (position, records_at(&snapshot, position)?);
            }
            // A record whose part cannot be found is as good as unknown: it is recorded again.
            if let Some(record) = part.1.get(index) {
                let digest = record_digest(record).map_err(|error| FactError::Body { position, error })?;
                known.digests.insert(id, digest);
            }
        }
        Ok(())
    }
}

fn records_at(snapshot: &crate::log::LogSnapshot, position: Position) -> Result<Vec<CrmRecord>, FactError> {
    let Some(record) = snapshot.read(position)? else { return Ok(Vec::new()) };
    let view = record.view().map_err(|error| LogError::Record { position, error })?;
    let header = &view.header;
    match Fact::decode(header.kind, header.version, view.public, view.personal()) {
        Ok(Fact::Sync(SyncFact::Snapshot(part))) => Ok(part.records),
        Ok(_) => Ok(Vec::new()),
        Err(error) => Err(FactError::Body { position, error }),
    }
}
