//! What a source lists of a span beside what was delivered of it (E9).

use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::facts::sync::{Closing, DifferenceObserved, SyncFact};
use domain::keys::KeyPart;
use domain::keys::engine::EngineKey;
use domain::members::{Instant, Text};
use projections::entities::crm::untold::Untold;

use super::error::SyncError;
use super::run::SyncRun;
use crate::ingest::error::IngestError;

/// Ids that a difference names.
const IDS_MAX: usize = 100;

/// Counts of one comparison.
#[derive(Debug, Default)]
pub struct ListedDifference {
    listed: u64,
    known: u64,
    missing: u64,
    missing_ids: Vec<Text>,
    unlisted: u64,
    unlisted_ids: Vec<Text>,
}

impl ListedDifference {
    /// Counts an event of the list that had been delivered, or was told of.
    pub fn known(&mut self) {
        self.listed += 1;
        self.known += 1;
    }

    /// Counts an event of the list that nobody had delivered.
    pub fn missing(&mut self, id: Option<&Text>) {
        self.listed += 1;
        self.missing += 1;
        self.missing_ids.extend(id.filter(|_| self.missing_ids.len() < IDS_MAX).cloned());
    }

    /// Counts an event that was delivered and is not in the list.
    pub fn unlisted(&mut self, id: &str) {
        self.unlisted += 1;
        self.unlisted_ids.extend(Text::new(id).filter(|_| self.unlisted_ids.len() < IDS_MAX));
    }

    /// Whether nobody had delivered an event of the list.
    pub fn lacks_deliveries(&self) -> bool {
        self.missing > 0
    }

    /// The fact of the difference within `from` to `to`.
    ///
    /// # Errors
    /// It cannot be laid down.
    pub fn fact(self, run: &SyncRun, (from, to): (Instant, Instant)) -> Result<Envelope, SyncError> {
        let Self { listed, known, missing, missing_ids, unlisted, unlisted_ids } = self;
        let run_id = run.name().id.clone();
        let key = EngineKey::SyncDifference { run: KeyPart::new(run_id.as_str()) };
        let source = source_name(run)?;
        let closing = if unlisted == 0 { Closing::Run } else { Closing::Person };
        let difference = DifferenceObserved {
            run_id,
            source,
            from,
            to,
            listed,
            known,
            missing,
            unlisted,
            closing,
            missing_ids,
            unlisted_ids,
        };
        fact_of_run(run, &key, SyncFact::Difference(difference))
    }
}

/// The run's source as a member of facts.
///
/// # Errors
/// None: sources have names.
pub fn source_name(run: &SyncRun) -> Result<Text, SyncError> {
    Text::new(run.name().source.as_str()).ok_or_else(|| SyncError::unexpected("a blank name"))
}

/// What a run tells of itself beside its begin and end.
///
/// # Errors
/// The key is none.
pub fn fact_of_run(run: &SyncRun, key: &EngineKey, fact: SyncFact) -> Result<Envelope, SyncError> {
    let made = Envelope::by_engine(run.tenant().clone(), key, run.started_at(), Fact::Sync(fact));
    made.map_err(|error| IngestError::Engine(error.to_string()).into())
}

/// What runs of this source recorded that failed before they told of it.
///
/// # Errors
/// What is known cannot be read.
pub async fn untold(run: &SyncRun) -> Result<Untold, SyncError> {
    Ok(run.view().await?.with(|tenant, _| {
        let crm = &tenant.crm.rows;
        let source = crm.symbol(run.name().source.as_str());
        source.map(|source| crm.runs().untold(source)).unwrap_or_default()
    }))
}
