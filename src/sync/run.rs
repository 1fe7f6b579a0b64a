//! One run on its way: what a client reads through, and where it hands over what it read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::{ExternalId, Provider, TenantId};
use domain::members::{Day, Instant, Text};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::error::SyncError;
use super::fetch::{Fetcher, Retry};
use super::lenient;
use super::masking::Masking;
use super::pages::{PageDigest, RawPages};
pub use super::progress::{RetryState, RunName, RunProgress};
use super::snapshot::{FinishedSnapshot, SnapshotDraft, SnapshotScope};
use crate::clock::Clock;
use crate::commands::Commands;
use crate::ingest::Ingest;
use crate::ingest::answer::{FactAnswer, Outcome};
use crate::ingest::error::IngestError;
use crate::outbound::{OutboundRequest, RemoteAnswer};
use crate::views::{TenantView, Views};
use crate::worker::give_way;

/// How long one answer may take, all in all.
const TIME_MAX: Duration = Duration::from_secs(30);
/// How long one answer may be.
const BYTES_MAX: usize = 8 << 20;
/// Facts that are appended at once.
const APPENDED_AT_ONCE: usize = 256;
/// How long a run waits until the read models have reached the head of the log.
const FOLD_WAIT: Duration = Duration::from_secs(30);

/// What runs read and write.
#[derive(Clone)]
pub struct SyncParts {
    /// Records runs.
    pub commands: Commands,
    /// Records what was read.
    pub ingest: Arc<Ingest>,
    /// What is known already.
    pub views: Views,
    /// The time.
    pub clock: Clock,
    /// Fetches.
    pub fetcher: Arc<Fetcher>,
    /// Keeps answers as they came.
    pub pages: RawPages,
}

/// What waits for the success of the run.
#[derive(Default)]
struct Held {
    pages: Vec<PageDigest>,
    facts: Vec<(Vec<Envelope>, Bytes)>,
    snapshots: Vec<FinishedSnapshot>,
    /// Facts that were recorded at once.
    recorded: u64,
}

struct RunInner {
    tenant: TenantId,
    name: RunName,
    days: Option<(Day, Day)>,
    started_at: Instant,
    parts: SyncParts,
    canceled: CancellationToken,
    secrets: Masking,
    progress: Mutex<RunProgress>,
    held: Mutex<Held>,
}

/// A run on its way. Clones are handles of the same run: a client may read pages of it in parallel.
///
/// A client reads by [`SyncRun::page`] and [`SyncRun::read`], and hands over in one of three ways:
/// - [`SyncRun::record`] at once: events, each true by itself (a reply, a call);
/// - [`SyncRun::hold`] at the run's success: observations that a part of would mislead (accounts, spend);
/// - [`SyncRun::snapshot`] and [`SyncRun::hold_snapshot`], at the run's success: all records of a CRM resource, of which only
///   changes become facts.
#[derive(Clone)]
pub struct SyncRun {
    inner: Arc<RunInner>,
}

impl SyncRun {
    /// A run that begins now. `secrets` are masked in what its errors say.
    pub fn new(
        parts: SyncParts,
        (tenant, name): (TenantId, RunName),
        days: Option<(Day, Day)>,
        secrets: Vec<Box<str>>,
        canceled: CancellationToken,
    ) -> Self {
        let started_at = Instant((parts.clock)());
        let (progress, held, secrets) = (Mutex::default(), Mutex::default(), Masking::of(secrets));
        let inner = RunInner { tenant, name, days, started_at, parts, canceled, secrets, progress, held };
        Self { inner: Arc::new(inner) }
    }

    /// Whose data.
    pub fn tenant(&self) -> &TenantId {
        &self.inner.tenant
    }

    /// Source and id.
    pub fn name(&self) -> &RunName {
        &self.inner.name
    }

    /// The days of a backfill, inclusive; none of a run that reads what is current.
    pub fn days(&self) -> Option<(Day, Day)> {
        self.inner.days
    }

    /// When the run began: what was observed is dated by it.
    pub fn started_at(&self) -> Instant {
        self.inner.started_at
    }

    /// The time.
    pub fn now(&self) -> Instant {
        Instant((self.inner.parts.clock)())
    }

    /// How far the run is.
    pub fn progress(&self) -> RunProgress {
        self.inner.progress.lock().clone()
    }

    /// Whether the run is to end.
    pub fn is_canceled(&self) -> bool {
        self.inner.canceled.is_cancelled()
    }

    /// The tenant's read models, folded at least to the head of the log as it is now.
    ///
    /// # Errors
    /// They are not there in time.
    pub async fn view(&self) -> Result<TenantView, SyncError> {
        let folded = tokio::time::timeout(FOLD_WAIT, self.inner.parts.commands.folded(self.tenant())).await;
        let view = folded.map_err(|_| SyncError::Known("the read models are behind".into()))?;
        view.map_err(|error| SyncError::Known(error.to_string()))
    }

    /// The read models of all tenants: what a client asks of them is its own tenant's.
    pub fn views(&self) -> &Views {
        &self.inner.parts.views
    }

    /// The way in: how rows of lists become facts.
    pub fn ingest(&self) -> &Ingest {
        &self.inner.parts.ingest
    }

    /// A digest of a text that may be personal, keyed by the log's secret: for ids of what has none.
    pub fn digest(&self, text: &str) -> String {
        format!("d-{}", self.inner.parts.ingest.digest_of(self.tenant(), text))
    }

    /// An answer of success, after the tries that are allowed. Nothing of it is kept: for tokens and the like.
    ///
    /// # Errors
    /// As of [`Fetcher::fetch`].
    pub async fn call(&self, request: OutboundRequest) -> Result<RemoteAnswer, SyncError> {
        let request = request.time_max(TIME_MAX).bytes_max(BYTES_MAX);
        let told = |retry: Option<Retry>| {
            let retry = retry.map(|retry| {
                let next_try_at = Instant(self.now().0 + retry.wait.as_micros() as i64);
                RetryState { tries: retry.tries, error: self.masked(&retry.error), next_try_at }
            });
            self.inner.progress.lock().retrying = retry;
        };
        self.inner.parts.fetcher.fetch(&request, &self.inner.canceled, &told).await
    }

    /// The bytes of an answer of success, kept as a raw page of this run.
    ///
    /// # Errors
    /// As of [`SyncRun::call`]; the page could not be kept.
    pub async fn raw_page(&self, request: OutboundRequest) -> Result<Bytes, SyncError> {
        let body = self.passing_page(request).await?;
        self.keep_page(&body).await?;
        Ok(body)
    }

    /// The bytes of an answer of success, not kept: of a list that is read so often that mostly nothing comes of it.
    ///
    /// # Errors
    /// As of [`SyncRun::call`].
    pub async fn passing_page(&self, request: OutboundRequest) -> Result<Bytes, SyncError> {
        let body = Bytes::from(self.call(request).await?.body);
        self.inner.progress.lock().pages += 1;
        Ok(body)
    }

    /// Keeps an answer as a raw page of this run.
    ///
    /// # Errors
    /// It could not be kept.
    pub async fn keep_page(&self, body: &Bytes) -> Result<(), SyncError> {
        let (pages, page) = (self.inner.parts.pages.clone(), self.inner.secrets.page(body));
        let kept = blocking(move || Ok(pages.keep(&page))).await?;
        let digest = kept.map_err(|error| IngestError::Engine(format!("raw page: {error}")))?;
        self.inner.held.lock().pages.push(digest);
        Ok(())
    }

    /// An answer of success as JSON, kept as a raw page of this run. Numbers that JSON readers would change stand in it
    /// as texts.
    ///
    /// # Errors
    /// As of [`SyncRun::raw_page`]; [`SyncError::Unexpected`] where it is no JSON.
    pub async fn page(&self, request: OutboundRequest) -> Result<Value, SyncError> {
        let body = self.raw_page(request).await?;
        let parsed = domain::json::parse_as_written(&body);
        parsed.map_err(|_| SyncError::unexpected("the answer is not JSON"))
    }

    /// The same read as `T`; `what` names it in errors.
    ///
    /// # Errors
    /// As of [`SyncRun::page`]; [`SyncError::Unexpected`] where it is not as documented.
    pub async fn read<T: DeserializeOwned>(
        &self,
        what: &str,
        request: OutboundRequest,
    ) -> Result<T, SyncError> {
        lenient::read(what, self.page(request).await?)
    }

    /// A fact of this tenant, from members that a provider may have written in its own way.
    ///
    /// # Errors
    /// [`SyncError::Unexpected`], naming the member at fault.
    pub fn fact(
        &self,
        (provider, external_id): (&str, &str),
        occurred_at: Instant,
        kind: &str,
        body: Value,
    ) -> Result<Envelope, SyncError> {
        let wrong = |why: String| SyncError::Unexpected(format!("{kind}: {why}"));
        let fact = Fact::from_mapped(kind, body).ok_or_else(|| wrong("is not a kind of fact".into()))?;
        let at_fault = |faults: Vec<domain::json::FieldError>| {
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        Ok(Envelope {
            tenant: self.tenant().clone(),
            provider: Provider::new(provider).map_err(|error| wrong(error.to_string()))?,
            external_id: ExternalId::new(external_id).map_err(|error| wrong(error.to_string()))?,
            occurred_at,
            time_received: false,
            fact: fact.map_err(|faults| wrong(at_fault(faults)))?,
            mapping: 1,
        })
    }

    /// Records events at once, each true by itself: a known key with the same content is a duplicate, with other content
    /// a conflict, as of a webhook. `original` is what they were read from. Answers each, in order.
    ///
    /// # Errors
    /// The log's.
    pub async fn record(&self, facts: Vec<Envelope>, original: &Bytes) -> Result<Vec<FactAnswer>, SyncError> {
        self.inner.progress.lock().records += facts.len() as u64;
        self.append(facts, original).await
    }

    /// Appends facts that the run's progress has counted.
    async fn append(&self, facts: Vec<Envelope>, original: &Bytes) -> Result<Vec<FactAnswer>, SyncError> {
        let mut answers = Vec::with_capacity(facts.len());
        let mut rest = facts.into_iter().peekable();
        while rest.peek().is_some() {
            let some: Vec<Envelope> = rest.by_ref().take(APPENDED_AT_ONCE).collect();
            answers.extend(self.inner.parts.ingest.pull(some, original).await?);
        }
        let recorded = answers.iter().filter(|answer| answer.outcome == Outcome::Recorded).count();
        self.inner.held.lock().recorded += recorded as u64;
        Ok(answers)
    }

    /// What the log says where the answer may wait for the disk.
    ///
    /// # Errors
    /// The log's.
    pub async fn look_up<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Ingest) -> Result<T, IngestError> + Send + 'static,
    ) -> Result<T, SyncError> {
        let ingest = Arc::clone(&self.inner.parts.ingest);
        blocking(move || Ok(look(&ingest)?)).await
    }

    /// Holds facts back until the run succeeds. They are recorded as by [`SyncRun::record`], or never.
    pub fn hold(&self, facts: Vec<Envelope>, original: Bytes) {
        self.inner.progress.lock().records += facts.len() as u64;
        self.inner.held.lock().facts.push((facts, original));
    }

    /// Begins a snapshot, of all records of the resource or of those of one contact.
    ///
    /// # Errors
    /// What is known cannot be read.
    pub async fn snapshot(&self, scope: SnapshotScope) -> Result<SnapshotDraft, SyncError> {
        self.view().await?;
        let (views, tenant) = (self.inner.parts.views.clone(), self.tenant().clone());
        let (source, asked) = (self.name().source.family(), scope.clone());
        let known = blocking(move || {
            let contact = asked.contact.as_ref().map(Text::as_str);
            Ok(views.known_records(&tenant, source.as_str(), asked.resource, contact)?)
        });
        Ok(SnapshotDraft::new(scope, self.now(), known.await?))
    }

    /// Every page of the snapshot came: it is recorded when the run succeeds.
    ///
    /// # Errors
    /// A record cannot be laid down.
    pub fn hold_snapshot(&self, snapshot: SnapshotDraft) -> Result<(), SyncError> {
        self.inner.progress.lock().records += snapshot.len() as u64;
        let finished = snapshot.finish()?;
        self.inner.held.lock().snapshots.push(finished);
        Ok(())
    }

    /// Records all that was held back; answers how many records and facts that changed.
    ///
    /// # Errors
    /// The log's. What is recorded then counts only if the run succeeds after all.
    pub async fn commit(&self) -> Result<u64, SyncError> {
        let Held { facts, snapshots, recorded, .. } = {
            let mut held = self.inner.held.lock();
            let pages = held.pages.clone();
            std::mem::replace(&mut *held, Held { pages, ..Held::default() })
        };
        let mut updated = recorded;
        for snapshot in snapshots {
            updated += snapshot.updated;
            for at in 0..snapshot.parts() {
                // One by one: whoever records a fact meanwhile waits behind one part, and not behind many (L12).
                let part = snapshot.envelope(self.tenant(), self.name(), at)?;
                self.inner.parts.ingest.append(&[part], &Bytes::new())?.await.map_err(IngestError::from)?;
                give_way();
            }
        }
        for (facts, original) in facts {
            // What is said of the reading itself is no record of the source's.
            let is_of_run = facts.iter().all(|fact| matches!(fact.fact, Fact::Sync(_)));
            let answers = self.append(facts, &original).await?;
            let new = answers.iter().filter(|answer| answer.outcome == Outcome::Recorded).count() as u64;
            updated += if is_of_run { 0 } else { new };
        }
        Ok(updated)
    }

    /// What the fact of the run's end keeps of its raw pages: how many, and the digest of the list of their digests,
    /// which is a raw page itself.
    pub async fn pages_read(&self) -> Bytes {
        let digests = self.inner.held.lock().pages.clone();
        if digests.is_empty() {
            return Bytes::new();
        }
        let list: String = digests.iter().map(|digest| hex::encode(digest) + "\n").collect();
        let pages = self.inner.parts.pages.clone();
        let kept = blocking(move || Ok(pages.keep(list.as_bytes()))).await;
        match kept.map(|kept| kept.ok()) {
            Ok(Some(list)) => {
                let list = hex::encode(list);
                Bytes::from(json!({"pages": digests.len(), "digests_sha256": list}).to_string())
            }
            Ok(None) | Err(_) => Bytes::from(json!({"pages": digests.len()}).to_string()),
        }
    }

    /// A text without the credentials that it may quote.
    pub fn masked(&self, text: &str) -> String {
        self.inner.secrets.text(text)
    }

    /// Masks a credential that the run was given on its way.
    pub fn hide(&self, secret: &str) {
        self.inner.secrets.add(secret);
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SyncError> + Send + 'static,
) -> Result<T, SyncError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| IngestError::Engine(error.to_string()))?
}
