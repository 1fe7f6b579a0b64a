//! Many posted facts at once, answered in order as if each had been posted alone.

use std::collections::VecDeque;
use std::sync::mpsc::sync_channel;
use std::thread;

use bytes::Bytes;
use domain::json::FieldError;
use domain::keys::TenantId;
use domain::record::Draft;

use super::answer::{IngestError, Posted, Tally};
use super::post::{self, Poster};
use super::{Ingest, Known, salts};
use crate::log::{APPEND_BYTES_MAX, Appended, LogError, Pending};

/// Lines that [`Ingest::import`] reads ahead of the log at a time.
const IMPORT_LINES: usize = 1_024;
/// Batches of an import that wait for the log at a time: enough to keep it busy, few enough to stay small.
const IMPORT_AHEAD: usize = 4;

/// Lines read and laid down, in order, not yet submitted.
struct Prepared {
    /// Appends that each fit the log's limits.
    appends: Vec<Vec<Draft>>,
    slots: Vec<Slot>,
}

/// One line: answered already, or the next of the drafts with what it was.
enum Slot {
    Answered(Posted),
    Draft(Bytes),
}

impl Ingest {
    /// Records one posted fact.
    ///
    /// # Errors
    /// The log could not be asked: 503, trying again is harmless.
    pub async fn post(&self, tenant: &TenantId, poster: Poster, json: Bytes) -> Result<Posted, IngestError> {
        let mut answers = self.post_batch(tenant, poster, vec![json]).await?;
        answers.pop().ok_or_else(|| IngestError::Engine("a fact without an answer".into()))
    }

    /// Records posted facts, one JSON object each; one answer per line, in order. Each stands alone: [A, A′] is a
    /// recorded one and a conflict. Meant for some thousand lines at a time.
    ///
    /// # Errors
    /// The log could not be asked; some of the lines may be recorded, and posting all again is harmless.
    pub async fn post_batch(
        &self,
        tenant: &TenantId,
        poster: Poster,
        lines: Vec<Bytes>,
    ) -> Result<Vec<Posted>, IngestError> {
        let Prepared { appends, slots } = self.prepare(tenant, poster, lines)?;
        let mut appended = Vec::with_capacity(slots.len());
        for drafts in appends {
            appended.extend(self.log.append(drafts)?.await?);
        }
        self.answers(tenant, poster, slots, appended).await
    }

    /// Records posted facts from a file: reading and laying down on a thread of its own, the log fed ahead.
    /// `each` is told every line's answer, in order. Blocks; not for async threads.
    ///
    /// # Errors
    /// The log could not be asked, or `each` said to stop with its own error.
    pub fn import<E: From<IngestError>>(
        &self,
        tenant: &TenantId,
        poster: Poster,
        lines: impl Iterator<Item = Bytes> + Send,
        mut each: impl FnMut(Posted) -> Result<(), E>,
    ) -> Result<Tally, E> {
        let mut tally = Tally::default();
        thread::scope(|scope| {
            let (sender, prepared) = sync_channel(2);
            let mut lines = lines;
            scope.spawn(move || {
                loop {
                    let chunk: Vec<Bytes> = lines.by_ref().take(IMPORT_LINES).collect();
                    if chunk.is_empty() || sender.send(self.prepare(tenant, poster, chunk)).is_err() {
                        break;
                    }
                }
            });
            let mut waiting: VecDeque<(Vec<Pending>, Vec<Slot>)> = VecDeque::new();
            let mut settle = |(pendings, slots): (Vec<Pending>, Vec<Slot>)| {
                let mut appended = Vec::with_capacity(slots.len());
                for pending in pendings {
                    appended.extend(pending.wait().map_err(IngestError::from)?);
                }
                for posted in wait(self.answers(tenant, poster, slots, appended))? {
                    tally.add(&posted);
                    each(posted)?;
                }
                Ok::<(), E>(())
            };
            // Leaving this loop drops the receiver, so that the reading thread ends too.
            for next in prepared {
                let Prepared { appends, slots } = next?;
                let mut pendings = Vec::with_capacity(appends.len());
                for drafts in appends {
                    pendings.push(self.log.append(drafts).map_err(IngestError::from)?);
                }
                waiting.push_back((pendings, slots));
                if waiting.len() > IMPORT_AHEAD {
                    waiting.pop_front().map_or(Ok(()), &mut settle)?;
                }
            }
            waiting.into_iter().try_for_each(settle)
        })?;
        Ok(tally)
    }

    fn prepare(&self, tenant: &TenantId, poster: Poster, lines: Vec<Bytes>) -> Result<Prepared, IngestError> {
        let now = self.now();
        let mut prepared = Prepared { appends: Vec::new(), slots: Vec::with_capacity(lines.len()) };
        let (mut drafts, mut bytes) = (Vec::with_capacity(lines.len()), 0);
        let salts = salts(lines.len())?;
        for (line, salt) in lines.into_iter().zip(salts) {
            let draft = post::read(tenant, poster, &line, now).and_then(|envelope| {
                envelope.draft(&self.secret, salt, &line).map_err(|error| {
                    Posted::Rejected(vec![FieldError { pointer: "/body".into(), message: error.to_string() }])
                })
            });
            match draft {
                Err(answer) => prepared.slots.push(Slot::Answered(answer)),
                Ok(draft) => {
                    // 16: what the log adds to a record in its frame.
                    let len = draft.stored_len() + 16;
                    if bytes + len > APPEND_BYTES_MAX || drafts.len() >= crate::log::APPEND_FACTS_MAX {
                        prepared.appends.push(std::mem::take(&mut drafts));
                        bytes = 0;
                    }
                    bytes += len;
                    drafts.push(draft);
                    prepared.slots.push(Slot::Draft(line));
                }
            }
        }
        if !drafts.is_empty() {
            prepared.appends.push(drafts);
        }
        Ok(prepared)
    }

    async fn answers(
        &self,
        tenant: &TenantId,
        poster: Poster,
        slots: Vec<Slot>,
        appended: Vec<Appended>,
    ) -> Result<Vec<Posted>, IngestError> {
        let mut appended = appended.into_iter();
        let mut answers = Vec::with_capacity(slots.len());
        for slot in slots {
            answers.push(match slot {
                Slot::Answered(answer) => answer,
                Slot::Draft(line) => match appended.next() {
                    Some(Appended::Recorded(position)) => Posted::Recorded(position),
                    Some(Appended::Duplicate(position)) => Posted::Duplicate(position),
                    Some(Appended::Differs(position)) => {
                        self.differs(tenant, poster, &line, position).await?
                    }
                    None => return Err(LogError::Stopped("it answered too few facts".into()).into()),
                },
            });
        }
        Ok(answers)
    }

    /// Few lines differ, so the line is read again rather than every line's envelope kept.
    async fn differs(
        &self,
        tenant: &TenantId,
        poster: Poster,
        line: &Bytes,
        position: u64,
    ) -> Result<Posted, IngestError> {
        let now = self.now();
        let read = |line: &[u8]| post::read(tenant, poster, line, now);
        let second = match read(line) {
            Ok(second) => second,
            Err(answer) => return Ok(answer),
        };
        let remap = |original: Bytes| read(&original).into_iter().collect();
        Ok(match self.settle(position, &second, line, &remap).await? {
            Known::Same(position) => Posted::Duplicate(position),
            Known::Conflict(conflict) => Posted::Conflict(Box::new(conflict)),
        })
    }
}

/// Runs a future that waits for nothing but the log on a thread that may block.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let this = std::sync::Arc::new(Unpark(thread::current()));
    let waker = this.into();
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}
