//! Erases a person's data (E10): finds the facts, enters them in the register, records the fact that names nobody, and has
//! the log forget. Each step may be made again, and a start goes on with what a kill left.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use domain::facts::Fact;
use domain::facts::control::ControlFact;
use domain::facts::erasure::PersonErased;
use domain::keys::engine::EngineKey;
use domain::keys::{KeyPart, Position, TenantId};
use domain::members::Text;
use domain::record::{Original, Private};
use domain::rules::decision::NewFact;
use domain::rules::persons::{PersonName, PersonNames};

use super::{CommandError, Commands, IdempotencyKey, fresh_id};
use crate::ingest::error::IngestError;
use crate::log::erase::erasable;
use crate::log::erasures::{Erasure, Leaf};
use crate::log::select::Select;
use crate::log::{Appended, LogError, LogSnapshot, decode};

/// Most times that the facts are walked: each walk may bring names that the one before did not know.
const WALKS_MAX: usize = 16;

/// What an erasure did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// How many facts had something to erase.
    pub facts: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// Where the fact stands that says so.
    pub position: Position,
    /// How many targets of alerts had the person's mail address.
    pub alert_targets: u64,
}

/// What of the log an erasure is of.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By position.
    pub facts: BTreeMap<Position, Leaf>,
    /// Bytes that can be erased of them.
    pub bytes: u64,
    /// What the person is known by.
    pub names: Option<PersonNames>,
}

/// Whatever holds a person's data.
pub trait Forget {
    /// Removes what lies outside of the log.
    ///
    /// # Errors
    /// The disk's.
    fn pages(&self, names: &PersonNames) -> Result<(), IngestError>;

    /// Removes all of what lies outside of the log, where another node ordered the erasure: its order names nobody.
    ///
    /// # Errors
    /// The disk's.
    fn all_pages(&self) -> Result<(), IngestError>;

    /// Has the log forget the facts of an erasure, and whatever was made of them.
    ///
    /// # Errors
    /// What the log cannot read or write.
    fn facts(&self, tenant: &TenantId, erasure: &Erasure) -> Result<(), IngestError>;
}

/// Nothing of the commands' own keeps a person from being erased: an erasure of one who is in no fact is recorded, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ErasureRejection {}

impl<V> Commands<V> {
    /// Erases a person of a tenant from what `everything` holds. The same key answers what it answered first. Blocks.
    ///
    /// # Errors
    /// [`CommandError::Mismatch`]: the key was used to erase somebody else. After any other it may be sent again.
    pub fn erase_person(
        &self,
        (tenant, person): (&TenantId, &PersonName),
        by: &Text,
        key: Option<&IdempotencyKey>,
        everything: &impl Forget,
    ) -> Result<Erased, CommandError<ErasureRejection>> {
        let _one_at_a_time = self.erasing.lock();
        // Targets first, so that the receipt's last checkpoint holds all of it.
        let alert_targets = self.erase_alert_targets((tenant, person), by, key, everything)?;
        let (looked, mut names) = (self.log.head().position, PersonNames::new(person));
        let find_all = |log: &LogSnapshot| {
            let found = find(log, tenant, names.clone(), Position::MAX)?;
            names = found.names.clone().unwrap_or_else(|| PersonNames::new(person));
            Ok(found)
        };
        let named = key.map(IdempotencyKey::engine_key);
        let request = self.erasure_request(tenant, person);
        let erased = self.carry_out((tenant, &request), by, named, everything, find_all)?;
        let erased = Erased { alert_targets, ..erased };
        if self.log.engine_status().is_none() || erased.position <= looked {
            return Ok(erased);
        }
        // What other nodes had recorded and this one had not when it looked stands before the fact of the erasure.
        let rest = find(&self.log.snapshot(), tenant, names, erased.position).map_err(IngestError::Log)?;
        if rest.facts.is_empty() {
            return Ok(erased);
        }
        let rest = self.carry_out((tenant, &request), by, None, everything, |_| Ok(rest))?;
        let (facts, bytes) = (erased.facts + rest.facts, erased.bytes + rest.bytes);
        Ok(Erased { facts, bytes, position: rest.position, alert_targets })
    }

    /// Carries out what other nodes ordered behind `after`, and goes on with what a failure left; up to where the log was
    /// looked at. Blocks.
    ///
    /// # Errors
    /// What the log cannot read or write.
    pub fn carry_out_ordered(
        &self,
        after: Position,
        everything: &impl Forget,
    ) -> Result<Position, CommandError<ErasureRejection>> {
        let _one_at_a_time = self.erasing.lock();
        let log = |error: LogError| CommandError::Ingest(IngestError::Log(error));
        let snapshot = self.log.snapshot();
        let ordered = snapshot.ordered_erasures(after, snapshot.head().position).map_err(log)?;
        let register = self.log.erasures().map_err(log)?;
        for erasure in register.pending() {
            self.record_again(erasure)?;
            everything.facts(&whose(erasure)?, erasure)?;
        }
        for erasure in ordered.iter().filter(|erasure| register.find(&erasure.erasure_id).is_none()) {
            everything.all_pages()?;
            self.log.begin_erasure(erasure).map_err(log)?;
            everything.facts(&whose(erasure)?, erasure)?;
            tracing::info!(
                erasure = erasure.erasure_id,
                "an erasure that another node ordered was carried out"
            );
        }
        Ok(snapshot.head().position)
    }

    /// What was asked, so that a key that is used again is known to ask for somebody else.
    pub(super) fn erasure_request(&self, tenant: &TenantId, person: &PersonName) -> String {
        hex::encode(self.secret.content(format!("erase:{tenant}:{}", person.canonical()).as_bytes()))
    }

    /// Erases what is found of a tenant's facts, once for each `key`.
    pub(super) fn carry_out(
        &self,
        (tenant, request): (&TenantId, &str),
        by: &Text,
        key: Option<&EngineKey>,
        everything: &impl Forget,
        find: impl FnOnce(&LogSnapshot) -> Result<Found, LogError>,
    ) -> Result<Erased, CommandError<ErasureRejection>> {
        let log = |error: LogError| CommandError::Ingest(IngestError::Log(error));
        let register = self.log.erasures().map_err(log)?;
        let named = key.map(EngineKey::to_string);
        if let Some(key) = key
            && let Some(first) = self.ingest.by_key(tenant, key)?
        {
            let Fact::Control(ControlFact::PersonErased(body)) = &first.fact else {
                return Err(CommandError::Mismatch(first.position));
            };
            let entry = register.find(body.erasure_id.as_str());
            if entry.is_some_and(|entry| entry.request != request) {
                return Err(CommandError::Mismatch(first.position));
            }
            entry.map_or(Ok(()), |entry| everything.facts(tenant, entry))?;
            let (facts, bytes) = (body.erased_facts, body.bytes);
            return Ok(Erased { facts, bytes, position: first.position, alert_targets: 0 });
        }
        let begun = register.pending().find(|entry| named.is_some() && entry.idempotency_key == named);
        if let Some(begun) = begun
            && begun.request != request
        {
            return Err(CommandError::Mismatch(self.log.head().position));
        }
        let Found { names, facts, bytes } = find(&self.log.snapshot()).map_err(log)?;
        let erasure = match begun {
            Some(begun) => begun.clone(),
            None => {
                // First of all: once the facts are gone nobody knows the names.
                if let Some(names) = &names {
                    everything.pages(names)?;
                }
                let erasure = Erasure {
                    erasure_id: fresh_id()?.to_string(),
                    tenant: tenant.to_string(),
                    request: request.to_owned(),
                    by: by.to_string(),
                    idempotency_key: named,
                    bytes,
                    facts: facts.into_iter().collect(),
                };
                self.log.begin_erasure(&erasure).map_err(log)?;
                erasure
            }
        };
        let position = self.record_erasure(&erasure)?;
        everything.facts(tenant, &erasure)?;
        let (facts, bytes) = (erasure.facts.len() as u64, erasure.bytes);
        Ok(Erased { facts, bytes, position, alert_targets: 0 })
    }

    /// Goes on with the erasures that a kill left; how many. Blocks.
    ///
    /// # Errors
    /// What the log cannot read or write.
    pub fn resume_erasures(&self) -> Result<usize, CommandError<ErasureRejection>> {
        let _one_at_a_time = self.erasing.lock();
        let log = |error: LogError| CommandError::Ingest(IngestError::Log(error));
        let register = self.log.erasures().map_err(log)?;
        let mut resumed = 0;
        for erasure in register.pending() {
            self.record_again(erasure)?;
            self.log.erase(erasure).map_err(log)?;
            resumed += 1;
        }
        Ok(resumed)
    }

    /// Appends the fact of an erasure that a failure left. Its key may have been used meanwhile, of another node: then it gets
    /// one of its own, for what was begun is carried out.
    fn record_again(&self, erasure: &Erasure) -> Result<Position, CommandError<ErasureRejection>> {
        match self.record_erasure(erasure) {
            Err(CommandError::Mismatch(_)) if erasure.idempotency_key.is_some() => {
                self.record_erasure(&Erasure { idempotency_key: None, ..erasure.clone() })
            }
            recorded => recorded,
        }
    }

    /// Appends the fact of an erasure, once.
    fn record_erasure(&self, erasure: &Erasure) -> Result<Position, CommandError<ErasureRejection>> {
        let tenant = whose(erasure)?;
        let own = || EngineKey::Erasure { erasure: KeyPart::new(&erasure.erasure_id) };
        let key = erasure.idempotency_key.as_deref().map_or_else(|| Some(own()), EngineKey::parse);
        let body = PersonErased {
            erasure_id: Text::new(&erasure.erasure_id).ok_or_else(|| broken("no id"))?,
            erased_facts: erasure.facts.len() as u64,
            bytes: erasure.bytes,
            by: Text::new(&erasure.by),
        };
        let fact = Fact::Control(ControlFact::PersonErased(body));
        let new = NewFact { key: key.ok_or_else(|| broken("no key"))?, occurred_at: None, fact };
        // The other nodes learn from it which facts are meant.
        let order = match self.log.engine_status() {
            Some(_) => serde_json::to_vec(erasure).map_err(|error| broken(&error.to_string()))?,
            None => Vec::new(),
        };
        match pollster::block_on(self.append(&tenant, new, &order.into(), self.now()))? {
            Appended::Recorded(position) | Appended::Duplicate(position) => Ok(position),
            Appended::Differs(position) => Err(CommandError::Mismatch(position)),
        }
    }
}

fn broken(what: &str) -> IngestError {
    IngestError::Engine(format!("an erasure of the register has {what}"))
}

/// The tenant whose facts an erasure is of.
fn whose(erasure: &Erasure) -> Result<TenantId, IngestError> {
    TenantId::stored(&erasure.tenant).map_err(|_| broken("no tenant"))
}

/// Names, facts and bytes of a person: what can be erased of the tenant's facts up to a position that speak of him.
fn find(
    log: &LogSnapshot,
    tenant: &TenantId,
    mut names: PersonNames,
    up_to: Position,
) -> Result<Found, LogError> {
    let (mut found, mut bytes) = (BTreeMap::new(), 0);
    for _ in 0..WALKS_MAX {
        let before = names.clone();
        let mut failed = Ok(());
        let select = Select { tenant: Some(tenant.clone()), originals: true, up_to, ..Select::all() };
        log.for_each(&select, &mut |position, record| {
            if found.contains_key(&position) {
                return ControlFlow::Continue(());
            }
            let decoded = decode(position, &record);
            // An order names positions and hashes, and is needed as long as a node has not carried it out.
            if let Ok(Fact::Control(ControlFact::PersonErased(_))) = decoded {
                return ControlFlow::Continue(());
            }
            let speaks = decoded.map(|fact| names.claims(&fact.json()));
            let speaks = speaks.and_then(|claimed| {
                let Private::Kept { personal, original, .. } = record.private else { return Ok(claimed) };
                Ok(claimed
                    || names.are_in(personal)
                    || match original {
                        Original::Inline(bytes) => names.are_in(bytes),
                        Original::Blob { .. } => names.are_in(&log.original(&record)?),
                    })
            });
            match speaks {
                Ok(true) => {
                    if let Some(erasable) = erasable(&record) {
                        found.insert(position, Leaf(record.leaf()));
                        bytes += erasable;
                    }
                }
                Ok(false) => {}
                Err(error) => {
                    failed = Err(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        failed?;
        if names == before {
            break;
        }
    }
    Ok(Found { facts: found, bytes, names: Some(names) })
}
