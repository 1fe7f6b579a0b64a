//! Batches of posted facts, answered in order as if each had been posted alone.

use std::collections::VecDeque;
use std::sync::mpsc::sync_channel;
use std::thread;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::json::FieldError;
use domain::keys::TenantId;
use domain::members::Instant;
use domain::record::Draft;
use tokio::task::yield_now;

use super::error::IngestError;

use super::Ingest;
use super::answer::{BatchTally, Posted};
use super::differing::{Comparison, DifferingFact, KeyMatch};
use super::post::{self, PostingRole};
use super::restore::{PositionMap, is_exported};
use crate::log::{Appended, LogError, Pending, cut};

/// Lines of a post that are drafted before the task yields to others.
const POSTED_LINES: usize = 16;
/// Lines in a chunk of [`Ingest::import`].
const IMPORT_LINES: usize = 1_024;
/// Bytes after which a chunk is full.
const IMPORT_BYTES: usize = 1 << 20;
/// Chunks queued for one import thread.
const LAYING_EACH: usize = 2;
/// Import threads at most: more would only wait for the log.
const IMPORT_THREADS_MAX: usize = 8;
/// Chunks of an import that are in flight to the log: enough to keep it busy, few enough to bound memory.
const IMPORT_AHEAD: usize = 4;

/// A chunk of lines, read and drafted, not yet submitted.
struct Prepared {
    /// Appends that each fit the log's limits.
    appends: Vec<Vec<Draft>>,
    slots: Vec<Slot>,
    /// Whether a configuration is among them.
    configures: bool,
}

/// A chunk of an import that was submitted to the log.
struct Submitted {
    pendings: Vec<Pending>,
    slots: Vec<Slot>,
}

/// One line of a chunk: already answered, or the next draft with the line itself.
enum Slot {
    Answered(Posted),
    Draft(Bytes),
}

/// Where lines come from, and so how they are read.
#[derive(Debug, Clone, Copy)]
pub enum LineSource<'s> {
    /// A client posts them for a tenant.
    Posted(&'s TenantId, PostingRole),
    /// A file of the machine's operator: lines of an export, and for the tenant, where one is named, what an admin
    /// would post.
    File(Option<&'s TenantId>, &'s PositionMap),
}

impl Ingest {
    /// Records one posted fact.
    ///
    /// # Errors
    /// The log cannot be read or written: 503. Trying again is harmless.
    pub async fn post(
        &self,
        tenant: &TenantId,
        role: PostingRole,
        json: Bytes,
    ) -> Result<Posted, IngestError> {
        let mut answers = self.post_batch(tenant, role, vec![json]).await?;
        answers.pop().ok_or_else(|| IngestError::Engine("the log did not answer a fact".into()))
    }

    /// Records posted facts, one JSON object each; one answer per line, in order. Each stands alone: [A, A′] is a
    /// recorded one and a conflict. Meant for some thousand lines at a time.
    ///
    /// # Errors
    /// The log cannot be read or written. Some lines may be recorded; posting all again is harmless.
    pub async fn post_batch(
        &self,
        tenant: &TenantId,
        role: PostingRole,
        lines: Vec<Bytes>,
    ) -> Result<Vec<Posted>, IngestError> {
        let source = LineSource::Posted(tenant, role);
        let _turn = self.limiter.acquire(tenant, lines.len()).await?;
        let mut lines = lines.into_iter();
        let (mut slots, mut pendings) = (Vec::with_capacity(lines.len()), Vec::new());
        let mut configures = false;
        while lines.len() > 0 {
            let part = lines.by_ref().take(POSTED_LINES).collect();
            let prepared = self.prepare(source, part)?;
            slots.extend(prepared.slots);
            configures |= prepared.configures;
            for drafts in prepared.appends {
                pendings.push(self.log.append(drafts)?);
            }
            if lines.len() > 0 {
                yield_now().await;
            }
        }
        let mut appended = Vec::with_capacity(slots.len());
        for pending in pendings {
            appended.extend(pending.await?);
        }
        if configures {
            self.tenants_folded().await?;
        }
        self.answers(source, slots, appended).await
    }

    /// Records the facts of a file: all processors draft lines, and several chunks are in flight to the log. Calls `each`
    /// with every line's answer, in order. Blocks; not for async threads.
    ///
    /// # Errors
    /// The log's, or the one by which `each` stops. Lines ahead of the last answer may
    /// be recorded; importing all again is harmless.
    pub fn import<E: From<IngestError>>(
        &self,
        source: LineSource<'_>,
        mut lines: impl Iterator<Item = Bytes>,
        mut each: impl FnMut(Posted) -> Result<(), E>,
    ) -> Result<BatchTally, E> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(IMPORT_THREADS_MAX);
        let mut tally = BatchTally::default();
        thread::scope(|scope| {
            // Why in turn: chunk n goes to thread n mod threads and is collected from there, so order is kept without
            // sorting. A channel has room for all chunks that its thread may hold, so no send ever blocks.
            let mut layers = Vec::with_capacity(threads);
            for _ in 0..threads {
                let (chunks, given) = sync_channel::<Vec<Bytes>>(LAYING_EACH);
                let (done, laid) = sync_channel(LAYING_EACH);
                scope.spawn(move || {
                    while let Ok(chunk) = given.recv()
                        && done.send(self.prepare(source, chunk)).is_ok()
                    {}
                });
                layers.push((chunks, laid));
            }
            let gone = || IngestError::Engine("an import thread ended early".into());
            let (mut given, mut taken) = (0, 0);
            let mut waiting = VecDeque::new();
            let mut settle = |submitted| self.settle_import(source, submitted, &mut tally, &mut each);
            loop {
                while given - taken < threads * LAYING_EACH {
                    let chunk = chunk(&mut lines);
                    if chunk.is_empty() {
                        break;
                    }
                    layers[given % threads].0.send(chunk).map_err(|_| gone())?;
                    given += 1;
                }
                if taken == given {
                    break;
                }
                let Prepared { appends, slots, .. } =
                    layers[taken % threads].1.recv().map_err(|_| gone())??;
                taken += 1;
                let pendings = appends.into_iter().map(|drafts| self.log.append(drafts));
                let pendings = pendings.collect::<Result<_, _>>().map_err(IngestError::from)?;
                waiting.push_back(Submitted { pendings, slots });
                if waiting.len() > IMPORT_AHEAD {
                    waiting.pop_front().map_or(Ok(()), &mut settle)?;
                }
            }
            waiting.into_iter().try_for_each(settle)
        })?;
        Ok(tally)
    }

    fn settle_import<E: From<IngestError>>(
        &self,
        source: LineSource<'_>,
        submitted: Submitted,
        tally: &mut BatchTally,
        each: &mut impl FnMut(Posted) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut appended = Vec::with_capacity(submitted.slots.len());
        for pending in submitted.pendings {
            appended.extend(pending.wait().map_err(IngestError::from)?);
        }
        for posted in pollster::block_on(self.answers(source, submitted.slots, appended))? {
            tally.add(&posted);
            each(posted)?;
        }
        Ok(())
    }

    fn read_line(
        &self,
        source: LineSource<'_>,
        line: &Bytes,
        now: Instant,
    ) -> Result<Result<(Envelope, Bytes), Posted>, IngestError> {
        let posted = |tenant, role| {
            post::read(self.keys(tenant), role, line, now).map(|envelope| (envelope, line.clone()))
        };
        Ok(match source {
            LineSource::Posted(tenant, role) => posted(tenant, role),
            LineSource::File(tenant, positions) if is_exported(line) => {
                return self.restored(tenant, positions, line);
            }
            LineSource::File(Some(tenant), _) => posted(tenant, PostingRole::Admin),
            LineSource::File(None, _) => {
                let message = "is not a line of an export: name the tenant with --tenant";
                Err(Posted::Rejected(vec![FieldError { pointer: String::new(), message: message.into() }]))
            }
        })
    }

    fn prepare(&self, source: LineSource<'_>, lines: Vec<Bytes>) -> Result<Prepared, IngestError> {
        let now = self.now();
        let slots = Vec::with_capacity(lines.len());
        let mut prepared = Prepared { appends: Vec::new(), slots, configures: false };
        let (mut drafts, drafter) = (Vec::with_capacity(lines.len()), self.drafter());
        for line in lines {
            let read = self.read_line(source, &line, now)?.and_then(|(envelope, original)| {
                if matches!(envelope.fact, Fact::Tenant(_)) {
                    prepared.configures = true;
                    let claimed = self.directory().claims_of_others(&envelope.tenant, &envelope.fact);
                    if !claimed.is_empty() {
                        return Err(Posted::Rejected(claimed));
                    }
                }
                Ok((envelope, original))
            });
            let draft = match read {
                Ok((envelope, original)) => drafter.draft(&envelope, &original)?.map_err(|error| {
                    Posted::Rejected(vec![FieldError { pointer: "/body".into(), message: error.to_string() }])
                }),
                Err(answer) => Err(answer),
            };
            prepared.slots.push(match draft {
                Err(answer) => Slot::Answered(answer),
                Ok(draft) => {
                    drafts.push(draft);
                    Slot::Draft(line)
                }
            });
        }
        prepared.appends = cut(drafts);
        Ok(prepared)
    }

    async fn answers(
        &self,
        source: LineSource<'_>,
        slots: Vec<Slot>,
        appended: Vec<Appended>,
    ) -> Result<Vec<Posted>, IngestError> {
        let mut appended = appended.into_iter();
        let mut answers = Vec::with_capacity(slots.len());
        let mut differing = Vec::new();
        for slot in slots {
            answers.push(match slot {
                Slot::Answered(answer) => Some(answer),
                Slot::Draft(line) => match appended.next() {
                    Some(Appended::Recorded(position)) => Some(Posted::Recorded(position)),
                    Some(Appended::Duplicate(position)) => Some(Posted::Duplicate(position)),
                    Some(Appended::Differs(position)) => {
                        // Few lines differ, so the line is read again rather than every line's envelope kept.
                        match self.read_line(source, &line, self.now())? {
                            Ok((second, original)) => {
                                differing.push(DifferingFact { position, second, original });
                                None
                            }
                            Err(answer) => Some(answer),
                        }
                    }
                    None => return Err(LogError::Stopped("it answered too few facts".into()).into()),
                },
            });
        }
        if differing.is_empty() {
            return Ok(answers.into_iter().flatten().collect());
        }
        let now = self.now();
        let remap = |original: Bytes| match source {
            LineSource::Posted(tenant, role) => {
                post::read(self.keys(tenant), role, &original, now).into_iter().collect()
            }
            // What a provider's payload means is for the provider's mapping to say; nobody delivers here.
            LineSource::File(..) => Vec::new(),
        };
        // Who posts chooses the key, and so says itself what is a correction.
        let comparison = Comparison { remap: &remap, completes: &|_, _| false };
        let mut resolved =
            self.resolve_differing(differing, comparison).await?.into_iter().map(|known| match known {
                KeyMatch::Same(position) => Posted::Duplicate(position),
                KeyMatch::Completion(appended) => Posted::Recorded(appended.position()),
                KeyMatch::Conflict(conflict) => Posted::Conflict(Box::new(conflict)),
            });
        Ok(answers.into_iter().filter_map(|answer| answer.or_else(|| resolved.next())).collect())
    }
}

/// The next lines of an import: bounded in number and, so that long lines do not add up, in bytes.
fn chunk(lines: &mut impl Iterator<Item = Bytes>) -> Vec<Bytes> {
    let (mut chunk, mut bytes) = (Vec::with_capacity(IMPORT_LINES), 0);
    while chunk.len() < IMPORT_LINES
        && bytes < IMPORT_BYTES
        && let Some(line) = lines.next()
    {
        bytes += line.len();
        chunk.push(line);
    }
    chunk
}
