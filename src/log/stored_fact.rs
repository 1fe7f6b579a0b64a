//! Facts read back from the log with their bodies decoded.

use std::ops::ControlFlow;

use domain::facts::Fact;
use domain::keys::{ContentDigest, ExternalId, NameError, Position, Provider, SubjectHash, TenantId};
use domain::members::Instant;
use domain::record::{Record, RecordRef};

use super::error::LogError;
use super::select::Select;
use super::snapshot::LogSnapshot;

/// A fact of the log, decoded, with the members of its header.
#[derive(Debug, Clone)]
pub struct StoredFact {
    /// Where it stands.
    pub position: Position,
    /// Owner.
    pub tenant: TenantId,
    /// Who named it.
    pub provider: Provider,
    /// Its name there.
    pub external_id: ExternalId,
    /// When the log recorded it.
    pub recorded_at: Instant,
    /// When it happened.
    pub occurred_at: Instant,
    /// `occurred_at` is the time of receipt, because the provider gave none.
    pub time_received: bool,
    /// Keyed digest of its content.
    pub content: ContentDigest,
    /// Keyed digest of its subject.
    pub subject: SubjectHash,
    /// The decoded body; an erased personal part reads as absent.
    pub fact: Fact,
    /// Holds the original, or says where it is.
    pub(super) record: Record,
}

/// Called with each fact, its position and its record; stops the reading by `Break`.
pub type VisitFact<'f> = &'f mut dyn FnMut(Position, &RecordRef<'_>, Fact) -> ControlFlow<()>;

/// Decodes the body of the record at `position`.
///
/// # Errors
/// [`LogError::Fact`]: the body is damaged or of a newer release.
pub fn decode(position: Position, record: &RecordRef<'_>) -> Result<Fact, LogError> {
    let header = &record.header;
    Fact::decode(header.kind, header.version, record.public, record.personal())
        .map_err(|error| LogError::Fact { position, error })
}

impl LogSnapshot {
    /// The decoded fact at `position`; `None` past the head.
    ///
    /// # Errors
    /// [`LogError::Record`], [`LogError::Name`] and [`LogError::Fact`] if the stored bytes do not decode, or those
    /// of reading a file.
    pub fn fact(&self, position: Position) -> Result<Option<StoredFact>, LogError> {
        let Some(record) = self.read(position)? else { return Ok(None) };
        let view = record.view().map_err(|error| LogError::Record { position, error })?;
        let name = |error: NameError| LogError::Name { position, error };
        let header = view.header;
        Ok(Some(StoredFact {
            position,
            tenant: TenantId::stored(header.tenant).map_err(name)?,
            provider: Provider::stored(header.provider).map_err(name)?,
            external_id: ExternalId::new(header.external_id).map_err(name)?,
            recorded_at: Instant(header.recorded_at),
            occurred_at: Instant(header.occurred_at),
            time_received: header.time_received,
            content: header.content,
            subject: header.subject,
            fact: decode(position, &view)?,
            record,
        }))
    }

    /// Decodes the selected facts and hands each to `f`, positions ascending. To decode only some kinds of a group,
    /// use [`LogSnapshot::for_each`] with [`decode`].
    ///
    /// # Errors
    /// [`LogError::Fact`] with the position of the first body that does not decode; `f` got all facts before it.
    /// Those of [`LogSnapshot::for_each`].
    pub fn facts(&self, select: &Select, f: VisitFact<'_>) -> Result<(), LogError> {
        let mut failed = Ok(());
        self.for_each(select, &mut |position, record| match decode(position, &record) {
            Ok(fact) => f(position, &record, fact),
            Err(error) => {
                failed = Err(error);
                ControlFlow::Break(())
            }
        })?;
        failed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use domain::envelope::Envelope;
    use domain::record::Draft;

    use super::*;
    use crate::log::sim::SimDisk;
    use crate::log::testing::{draft, options, secret};
    use crate::log::{Log, Protections};

    fn note(id: &str, original: &'static [u8]) -> Draft {
        let body = serde_json::json!({"note_id": "1", "content": "hello"});
        let envelope = Envelope {
            tenant: TenantId::new("acme").unwrap(),
            provider: Provider::new("test").unwrap(),
            external_id: ExternalId::new(id).unwrap(),
            occurred_at: Instant(1_760_000_000_000_000),
            time_received: false,
            fact: Fact::from_json("note_written", body, "/body").unwrap().unwrap(),
            mapping: 1,
        };
        envelope.draft(secret(), [1; 16], &Bytes::from_static(original)).unwrap()
    }

    #[test]
    fn facts_are_decoded_and_a_body_that_does_not_decode_is_named_by_its_position() {
        let disk = Arc::new(SimDisk::new(1));
        let (log, _) = Log::open(disk, &options(Protections::default())).unwrap();
        // The test drafts of the log have bodies of no kind.
        log.append(vec![note("a", b"{}"), note("b", b""), draft(1, 0)]).unwrap().wait().unwrap();

        let first = log.fact(1).unwrap().unwrap();
        assert_eq!((first.position, first.external_id.as_str(), first.fact.kind()), (1, "a", "note_written"));
        assert_eq!(log.original_of(&first).unwrap().as_deref(), Some(&b"{}"[..]));
        assert!(matches!(log.fact(3), Err(LogError::Fact { position: 3, .. })));
        assert!(log.fact(4).unwrap().is_none());

        let mut seen = Vec::new();
        let all = log.snapshot().facts(&Select::all(), &mut |position, record, fact| {
            seen.push((position, record.header.external_id.to_owned(), fact.kind()));
            ControlFlow::Continue(())
        });
        assert!(matches!(all, Err(LogError::Fact { position: 3, .. })), "{all:?}");
        assert_eq!(seen, [(1, "a".into(), "note_written"), (2, "b".into(), "note_written")]);
        let mut count = 0;
        let one = log.snapshot().facts(&Select::all(), &mut |_, _, _| {
            count += 1;
            ControlFlow::Break(())
        });
        assert!(one.is_ok() && count == 1);
        log.close();
    }
}
