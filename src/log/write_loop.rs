//! The writer's thread: takes what is queued as one group, has it decided and made durable, and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use domain::record::Draft;
use tokio::sync::oneshot;

use super::engines::Ordered;
use super::error::LogError;
use super::fill::Fill;
use super::frame_group::{APPEND_BYTES_MAX, APPEND_FACTS_MAX};
use super::plan::Appended;
use super::writer::{Chore, PLACE_CHECK, Writer};

/// Idle time after which the writer does its chores.
const IDLE: Duration = Duration::from_millis(100);

/// Facts that wait for the writer, and who is told.
pub struct Submission {
    pub drafts: Vec<Draft>,
    /// What they count in the queue.
    pub bytes: usize,
    pub answer: oneshot::Sender<Result<Vec<Appended>, LogError>>,
}

/// What the writer is asked.
pub enum Job {
    Append(Submission),
    Chore(Chore, oneshot::Sender<Result<(), LogError>>),
    /// Blocks of other nodes have come.
    Wake,
    Close,
}

/// Lays zeros ahead of the writer, as it asks.
pub fn fill_ahead(fills: &Receiver<(Arc<Fill>, u64)>) {
    while let Ok((fill, want)) = fills.recv() {
        // The writer meets the same error when it needs the room, and deals with it.
        if let Err(error) = fill.reserve(want) {
            tracing::warn!(%error, "filling ahead");
        }
    }
}

/// The writer's thread: takes what is queued as one group, up to one append's limits, and commits it.
///
/// A sync costs the same for one fact as for thousands, so whatever queued up during the last one shares the next. A
/// submission that would not fit is held for the next group rather than split: each is answered by one group.
///
/// With an engine in front (`ordered`), it is the one that decides, and what other nodes recorded is taken in between.
pub fn write(
    mut writer: Writer,
    mut ordered: Option<Ordered>,
    jobs: &Receiver<Job>,
    queued_bytes: &AtomicUsize,
) {
    let mut held: Option<Submission> = None;
    let mut group: Vec<Submission> = Vec::new();
    let mut chore: Option<(Chore, oneshot::Sender<Result<(), LogError>>)> = None;
    let mut open = true;
    // Whether the last group had several submissions: then more are on their way.
    let mut is_shared = false;
    while open || held.is_some() || chore.is_some() {
        if let Some((chore, answer)) = chore.take() {
            // Who no longer waits asks again.
            let _ = answer.send(writer.chore(chore));
            continue;
        }
        let first = match held.take() {
            Some(submission) => submission,
            None => match jobs.recv_timeout(if writer.has_chores() { IDLE } else { PLACE_CHECK }) {
                Ok(Job::Append(submission)) => submission,
                Ok(Job::Chore(asked, answer)) => {
                    chore = Some((asked, answer));
                    continue;
                }
                Ok(Job::Wake) => {
                    take_in(&mut writer, ordered.as_mut());
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {
                    writer.idle();
                    take_in(&mut writer, ordered.as_mut());
                    continue;
                }
                Ok(Job::Close) | Err(RecvTimeoutError::Disconnected) => break,
            },
        };
        let (mut facts, mut bytes) = (first.drafts.len(), first.bytes);
        group.push(first);
        // A runnable thread that is about to submit joins this group; else it would wait for the whole of its sync.
        if is_shared {
            thread::yield_now();
        }
        while open && held.is_none() && chore.is_none() {
            match jobs.try_recv() {
                Ok(Job::Append(next)) => {
                    if facts + next.drafts.len() > APPEND_FACTS_MAX || bytes + next.bytes > APPEND_BYTES_MAX {
                        held = Some(next);
                    } else {
                        facts += next.drafts.len();
                        bytes += next.bytes;
                        group.push(next);
                    }
                }
                Ok(Job::Chore(asked, answer)) => chore = Some((asked, answer)),
                Ok(Job::Close) => open = false,
                // The group takes them in before it is decided.
                Ok(Job::Wake) => {}
                Err(_) => break,
            }
        }
        queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        is_shared = group.len() > 1;
        answer(&mut writer, ordered.as_mut(), &mut group);
    }
    if let Some(ordered) = ordered {
        ordered.close();
    }
    writer.close();
}

fn take_in(writer: &mut Writer, ordered: Option<&mut Ordered>) {
    if let Some(ordered) = ordered {
        ordered.idle(writer);
    }
}

fn answer(writer: &mut Writer, ordered: Option<&mut Ordered>, group: &mut Vec<Submission>) {
    let drafts: Vec<&Draft> = group.iter().flat_map(|submission| &submission.drafts).collect();
    let outcome = match ordered {
        Some(ordered) => ordered.group(writer, &drafts),
        None => writer.group(&drafts),
    };
    drop(drafts);
    let mut answers = outcome.as_ref().map(|all| all.iter().copied());
    for submission in group.drain(..) {
        let answer = match &mut answers {
            Ok(answers) => Ok(answers.by_ref().take(submission.drafts.len()).collect()),
            Err(error) => Err((*error).clone()),
        };
        // Who no longer waits will ask again and be told it is a duplicate.
        let _ = submission.answer.send(answer);
    }
}
