//! Facts as people and programs read them: one by position, or a page of a tenant's, in the contract's shape.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::facts::call::CallFact;
use domain::facts::control::ControlFact;
use domain::facts::{Fact, kind_name, kind_named};
use domain::keys::{Position, SubjectHash, TenantId};
use domain::members::Instant;
use domain::record::{KindTag, RecordRef};
use projections::entities::calls::list::CallItem;
use projections::entities::calls::recordings::RecordingRow;
use projections::entities::conflicts::Replacements;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::voids::StandingVoid;
use crate::log::select::{GroupSet, Select};
use crate::log::{LogError, LogSnapshot};

/// Positions looked through for one window of a page.
const WINDOW: Position = 16_384;
/// Windows looked through for one page; a page that ends here has fewer items and a cursor to go on with.
const WINDOWS_MAX: usize = 8;

/// A stored record that cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum FactError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The body does not decode.
    #[error("fact at position {position}: {error}")]
    Body {
        /// Which.
        position: Position,
        /// Why.
        error: domain::codec::CodecError,
    },
}

/// Which facts of a tenant.
#[derive(Debug, Clone)]
pub struct FactFilter {
    /// The tenant.
    pub tenant: TenantId,
    /// Only this kind.
    pub kind: Option<KindTag>,
    /// Only from this provider.
    pub provider: Option<String>,
    /// Only of this subject.
    pub subject: Option<SubjectHash>,
    /// With `subject`: corrections of such facts, whose own subject is the conflict.
    pub corrections: BTreeSet<Position>,
    /// `occurred_at` from here on.
    pub from: Option<Instant>,
    /// `occurred_at` before this.
    pub before: Option<Instant>,
    /// Only up to this position, inclusive.
    pub up_to: Position,
    /// `recorded_at` no later than this.
    pub known_at: Option<Instant>,
    /// Newest first, by position.
    pub descending: bool,
}

/// A page of facts.
#[derive(Debug)]
pub struct FactPage {
    /// The facts.
    pub items: Vec<FactItem>,
    /// Where the next page begins: the last position looked at; none at the end.
    pub next: Option<Position>,
}

impl FactFilter {
    /// All facts of a tenant, newest first.
    pub fn all(tenant: TenantId) -> Self {
        Self {
            tenant,
            kind: None,
            provider: None,
            subject: None,
            corrections: BTreeSet::new(),
            from: None,
            before: None,
            up_to: Position::MAX,
            known_at: None,
            descending: true,
        }
    }

    /// Whether the fact of the tenant at a position is one of these; the span of positions is not asked for.
    pub fn wants(&self, position: Position, record: &RecordRef<'_>) -> bool {
        let header = &record.header;
        self.kind.is_none_or(|kind| kind == header.kind)
            && self.provider.as_deref().is_none_or(|provider| provider == header.provider)
            && self
                .subject
                .is_none_or(|subject| subject == header.subject || self.corrections.contains(&position))
            && self.from.is_none_or(|from| from.0 <= header.occurred_at)
            && self.before.is_none_or(|before| header.occurred_at < before.0)
            && self.known_at.is_none_or(|known_at| header.recorded_at <= known_at.0)
    }

    fn select(&self, from: Position, up_to: Position) -> Select {
        let groups = self.kind.map_or(GroupSet::ALL, |kind| GroupSet::NONE.with(kind.group));
        Select { tenant: Some(self.tenant.clone()), groups, from, up_to, ..Select::all() }
    }
}

/// The members of a fact. The API document has the schemas of all kinds in this one's place.
#[derive(ToSchema)]
pub struct FactBody {}

/// A fact in the contract's shape.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FactItem {
    /// Its place in the log.
    pub position: u64,
    /// Whose.
    pub tenant: String,
    /// From whom.
    pub provider: String,
    /// Its id there.
    pub external_id: String,
    /// What it is.
    pub kind: &'static str,
    /// When it happened.
    pub occurred_at: String,
    /// When we learned it.
    pub recorded_at: String,
    /// What it says.
    #[schema(value_type = FactBody)]
    pub body: Value,
    /// Keyed digest of its content, in hexadecimal digits.
    pub digest: String,
    /// `received` where `occurred_at` is the time it came, for want of another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_source: Option<&'static str>,
    /// The accepted correction whose content stands in the place of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<u64>,
    /// Of an accepted correction: the fact in whose place its content stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<u64>,
    /// Of a fact over which a conflict was accepted, and of the correction: whether its content is the one that stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stands: Option<bool>,
    /// The void by which it counts as if it had never come; null where it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<StandingVoid>, required = false)]
    pub voided: Option<Option<StandingVoid>>,
    /// With `raw`: the payload as it came, where it is a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// With `raw`: the payload as it came, where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_base64: Option<String>,
}

impl FactItem {
    /// Adds what stands in its place, and in whose place it stands, by the accepted conflicts of its tenant.
    pub fn link(&mut self, replacements: &Replacements) {
        let accepted = self.kind == "conflict_accepted";
        self.replaces = if accepted { self.body["first_position"].as_u64() } else { None };
        let over = replacements.get(&self.replaces.unwrap_or(self.position));
        if let Some(last) = over.and_then(|over| over.last()) {
            self.replaced_by = (*last != self.position).then_some(*last);
            self.stands = Some(*last == self.position);
        }
    }

    /// The last position that decides how it is shown.
    pub fn seen_at(&self) -> Position {
        let void = self.voided.as_ref().and_then(|void| void.as_ref());
        let void = void.map_or(0, |void| void.position);
        self.position.max(self.replaced_by.unwrap_or_default()).max(void)
    }

    /// Adds the payload as it came: as a text where it is one, else in base64.
    pub fn show_original(&mut self, payload: &[u8]) {
        match std::str::from_utf8(payload) {
            Ok(text) => self.original = Some(text.to_owned()),
            Err(_) => self.original_base64 = Some(STANDARD.encode(payload)),
        }
    }
}

/// The fact in the contract's shape, without its payload.
pub fn fact_item(position: Position, record: &RecordRef<'_>) -> Result<FactItem, FactError> {
    let header = &record.header;
    let fact = Fact::decode(header.kind, header.version, record.public, record.personal())
        .map_err(|error| FactError::Body { position, error })?;
    Ok(FactItem {
        position,
        tenant: header.tenant.to_owned(),
        provider: header.provider.to_owned(),
        external_id: header.external_id.to_owned(),
        kind: kind_name(header.kind).unwrap_or("unknown"),
        occurred_at: Instant(header.occurred_at).to_string(),
        recorded_at: Instant(header.recorded_at).to_string(),
        body: fact.json(),
        digest: header.content.iter().map(|byte| format!("{byte:02x}")).collect(),
        time_source: header.time_received.then_some("received"),
        replaced_by: None,
        replaces: None,
        stands: None,
        voided: None,
        original: None,
        original_base64: None,
    })
}

/// A page of at most `limit` facts, behind the position `cursor` in the filter's order.
pub fn page(
    log: &LogSnapshot,
    filter: &FactFilter,
    cursor: Option<Position>,
    limit: usize,
) -> Result<FactPage, FactError> {
    let head = log.head().position.min(filter.up_to);
    let mut items = Vec::new();
    if filter.tenant.as_str() == TenantId::CONTROL {
        return Ok(FactPage { items, next: None });
    }
    let mut at = match (cursor, filter.descending) {
        (Some(cursor), true) => cursor.min(head + 1).saturating_sub(1),
        (Some(cursor), false) => cursor.saturating_add(1),
        (None, true) => head,
        (None, false) => 1,
    };
    for _ in 0..WINDOWS_MAX {
        if at == 0 || at > head {
            return Ok(FactPage { items, next: None });
        }
        let (from, to) = if filter.descending {
            (at.saturating_sub(WINDOW - 1).max(1), at)
        } else {
            (at, at.saturating_add(WINDOW - 1).min(head))
        };
        let mut found = positions(log, filter, from, to)?;
        if filter.descending {
            found.reverse();
        }
        for position in found {
            if items.len() == limit {
                let next = items.last().map(|item: &FactItem| item.position);
                return Ok(FactPage { items, next });
            }
            items.extend(show(log, position)?);
        }
        at = if filter.descending { from - 1 } else { to + 1 };
    }
    let next = if filter.descending { at + 1 } else { at - 1 };
    Ok(FactPage { items, next: (at > 0 && at <= head).then_some(next) })
}

fn positions(
    log: &LogSnapshot,
    filter: &FactFilter,
    from: Position,
    to: Position,
) -> Result<Vec<Position>, LogError> {
    let mut found = Vec::new();
    log.for_each(&filter.select(from, to), &mut |position, record| {
        if filter.wants(position, &record) {
            found.push(position);
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The fact at `position`, in the contract's shape; none past the head, and none of the control tenant, which
/// nothing shows (RULINGS, Storage).
pub fn show(log: &LogSnapshot, position: Position) -> Result<Option<FactItem>, FactError> {
    let Some(record) = log.read(position)? else { return Ok(None) };
    let view = record.view().map_err(|error| LogError::Record { position, error })?;
    if view.header.tenant == TenantId::CONTROL {
        return Ok(None);
    }
    fact_item(position, &view).map(Some)
}

/// The tenant's last configuration.
///
/// # Errors
/// As of [`page`].
pub fn configuration(log: &LogSnapshot, tenant: &TenantId) -> Result<Option<FactItem>, FactError> {
    let kind = kind_named("tenant_configured");
    let filter = FactFilter { kind, ..FactFilter::all(tenant.clone()) };
    let mut cursor = None;
    loop {
        let found = page(log, &filter, cursor, 1)?;
        let is_end = found.next.is_none();
        if let Some(fact) = found.items.into_iter().next() {
            return Ok(Some(fact));
        }
        if is_end {
            return Ok(None);
        }
        cursor = found.next;
    }
}

/// Fills in where the recordings of `calls` can be heard: personal, so read from their facts, which `log` must
/// reach. Reads files, so neither a tenant's lock nor an async thread may be held.
pub fn fill_recording_urls<'c>(
    log: &LogSnapshot,
    calls: impl IntoIterator<Item = &'c mut CallItem>,
) -> Result<(), FactError> {
    for recording in calls.into_iter().flat_map(|call| &mut call.recordings) {
        let position = recording.fact;
        if let Some(record) = log.read(position)? {
            let view = record.view().map_err(|error| LogError::Record { position, error })?;
            recording.url = recording_url(position, &view)?;
        }
    }
    Ok(())
}

/// Fills in what `recordings` leave to their facts: where they can be heard, and whose they are where the calls do
/// not tell. Reads files, so neither a tenant's lock nor an async thread may be held.
pub fn fill_recordings(log: &LogSnapshot, recordings: &mut [RecordingRow]) -> Result<(), FactError> {
    for recording in recordings {
        let position = recording.fact;
        let Some(record) = log.read(position)? else { continue };
        let view = record.view().map_err(|error| LogError::Record { position, error })?;
        if let Fact::Call(CallFact::Recorded(body)) = content(position, &view)? {
            recording.url = body.url.map(|url| url.as_str().to_owned());
            let agent = body.agent.map(|agent| agent.as_str().to_owned());
            recording.agent = recording.agent.take().or(agent);
        }
    }
    Ok(())
}

/// The URL that a `call_recorded`, or the accepted conflict that replaced one, holds; none where it was erased.
pub(super) fn recording_url(position: Position, record: &RecordRef<'_>) -> Result<Option<String>, FactError> {
    let Fact::Call(CallFact::Recorded(body)) = content(position, record)? else { return Ok(None) };
    Ok(body.url.map(|url| url.as_str().to_owned()))
}

/// The accepted corrections of facts of a subject, or with content of it: `subject_of` digests a content's.
///
/// # Errors
/// A record that does not decode, or the log's.
pub fn corrections(
    log: &LogSnapshot,
    replacements: &Replacements,
    subject: SubjectHash,
    subject_of: impl Fn(&Fact) -> SubjectHash,
) -> Result<BTreeSet<Position>, FactError> {
    let mut found = BTreeSet::new();
    for (first, over) in replacements {
        let Some(record) = log.read(*first)? else { continue };
        let view = record.view().map_err(|error| LogError::Record { position: *first, error })?;
        let is_first = view.header.subject == subject;
        for position in over {
            let Some(record) = log.read(*position)? else { continue };
            let view = record.view().map_err(|error| LogError::Record { position: *position, error })?;
            if is_first || subject_of(&content(*position, &view)?) == subject {
                found.insert(*position);
            }
        }
    }
    Ok(found)
}

/// The fact in a record; of an accepted conflict, the replacement fact.
pub fn content(position: Position, record: &RecordRef<'_>) -> Result<Fact, FactError> {
    let header = &record.header;
    let fact = Fact::decode(header.kind, header.version, record.public, record.personal())
        .map_err(|error| FactError::Body { position, error })?;
    match fact {
        Fact::Control(ControlFact::ConflictAccepted(accepted)) => Ok(*accepted.brought.0),
        fact => Ok(fact),
    }
}

/// The payload of the fact at `position` as it came; none past the head, empty where there is none or it was erased.
pub fn original(log: &LogSnapshot, position: Position) -> Result<Option<Bytes>, FactError> {
    let Some(record) = log.read(position)? else { return Ok(None) };
    let view = record.view().map_err(|error| LogError::Record { position, error })?;
    Ok(Some(log.original(&view)?))
}
