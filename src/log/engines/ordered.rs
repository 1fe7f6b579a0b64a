//! The writer's side of an engine: decides over groups as on one machine, and has the engine order the blocks.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use domain::keys::Position;
use domain::record::{Draft, Hash, RecordRef};

use super::inbox::{CursorPlace, Inbox, Incoming};
use super::session::is_same;
use super::{BlockAppender, BlockOutcome, SharedLogError};
use crate::log::blobs;
use crate::log::error::LogError;
use crate::log::frame::{Frame, FrameWriter};
use crate::log::frame_group::{APPEND_BYTES_MAX, APPEND_FACTS_MAX, BROKEN_CHAIN, FrameGroup, one_frame};
use crate::log::keys::KeyEntry;
use crate::log::options::Protections;
use crate::log::plan::{Appended, short_content};
use crate::log::shared::LogState;
use crate::log::writer::{Writer, key_entries};

/// How long a group may stay without an answer of the engine before its callers are told that it is unknown.
const SETTLE_MAX: Duration = Duration::from_secs(12);
/// How long a group waits for a connection.
const LINK_MAX: Duration = Duration::from_secs(3);
/// How long a block that another was before waits for the other.
const BEHIND_MAX: Duration = Duration::from_secs(2);
/// Between two tries of a block whose fate is unknown.
const RETRY: Duration = Duration::from_millis(100);
/// Between two looks whether other nodes have what is answered.
const RECEIPT_LOOK: Duration = Duration::from_millis(5);
/// After a block of another node this long ago, a writer leaves room for others after each win of its own.
const CONTEST: Duration = Duration::from_millis(100);
/// About one round trip: who was behind has planned again by then.
const POLITE: Duration = Duration::from_micros(1_500);
/// How late this node's journal is where it is not the first.
const LATE: Duration = Duration::from_secs(1);

/// The engine in front of a node's writer.
pub struct Ordered {
    inbox: Arc<Inbox>,
    appender: Option<Box<dyn BlockAppender>>,
    /// Of which connection the appender is.
    epoch: u64,
    /// Where the engine has the node's head, once it is known.
    place: Option<CursorPlace>,
    foreign_at: Option<Instant>,
    won_at: Option<Instant>,
    protections: Protections,
    /// Without the journal first: up to where was answered, and when blocks were last taken in.
    answered: Position,
    taken_at: Option<Instant>,
}

impl Ordered {
    /// Nothing is connected yet: the following thread hands the connection in.
    pub fn new(inbox: Arc<Inbox>, protections: Protections) -> Self {
        let (appender, place, foreign_at, won_at, taken_at) = (None, None, None, None, None);
        Self { inbox, appender, epoch: 0, place, foreign_at, won_at, protections, answered: 0, taken_at }
    }

    /// Decides over a group and has what is new recorded: in the engine, then here.
    ///
    /// On an error part of the group may be recorded; a retry is harmless.
    pub fn group(&mut self, writer: &mut Writer, drafts: &[&Draft]) -> Result<Vec<Appended>, LogError> {
        let outcome = writer.may_write().and_then(|()| self.settle(writer, drafts));
        writer.note(outcome.as_ref().err());
        outcome
    }

    /// Takes in what other nodes recorded.
    pub fn idle(&mut self, writer: &mut Writer) {
        if matches!(writer.shared.state(), LogState::Stopped(_)) {
            return;
        }
        match self.take_in(writer) {
            Err(error) => writer.note(Some(&error)),
            // Whether it takes blocks again shows with the next one; a node that is told to be down gets none.
            Ok(())
                if matches!(writer.shared.state(), LogState::Unavailable(_)) && self.is_at_head(writer) =>
            {
                writer.note(None);
            }
            Ok(()) => {}
        }
    }

    /// Ends the following thread.
    pub fn close(self) {
        self.inbox.close();
    }

    fn settle(&mut self, writer: &mut Writer, drafts: &[&Draft]) -> Result<Vec<Appended>, LogError> {
        let begun = Instant::now();
        let mut answers: Vec<Option<Appended>> = vec![None; drafts.len()];
        loop {
            self.take_in(writer)?;
            let open: Vec<usize> = (0..drafts.len()).filter(|at| answers[*at].is_none()).collect();
            let rest: Vec<&Draft> = open.iter().map(|at| drafts[*at]).collect();
            let decided = writer.decide(&rest)?;
            let new: Vec<&Draft> = decided.new.iter().map(|at| rest[*at as usize]).collect();
            if !new.is_empty() {
                if !self.is_at_head(writer) {
                    self.wait_for_link(begun)?;
                    continue;
                }
                if !self.commit(writer, &new[..one_frame(&new)], begun + SETTLE_MAX)? {
                    continue;
                }
            }
            // The plan holds up to the head; what it said of later positions is planned again behind it.
            let head = writer.frontier.len().max(self.answered);
            for (at, answer) in open.into_iter().zip(decided.answers) {
                if answer.position() <= head {
                    answers[at] = Some(answer);
                }
            }
            if answers.iter().all(Option::is_some) {
                let answers: Vec<Appended> = answers.into_iter().flatten().collect();
                self.await_copies(writer, &answers, begun + SETTLE_MAX)?;
                return Ok(answers);
            }
        }
    }

    /// Waits until enough journals have all that is answered. What others recorded is taken in meanwhile: they wait for this
    /// node's receipt as it does for theirs.
    fn await_copies(
        &mut self,
        writer: &mut Writer,
        answers: &[Appended],
        until: Instant,
    ) -> Result<(), LogError> {
        let last = answers.iter().map(|answer| answer.position()).max().unwrap_or_default();
        while !self.inbox.is_copied(last) {
            if Instant::now() >= until || self.inbox.is_closing() {
                let why = format!(
                    "fewer than {} nodes have position {last}, as [log] copies asks: send the facts again",
                    self.inbox.copies
                );
                return Err(LogError::Unavailable(why.into()));
            }
            self.inbox.wait_a_moment(RECEIPT_LOOK);
            self.take_in(writer)?;
        }
        Ok(())
    }

    /// Whether the writer may append now: it is connected, and knows where the engine has its head.
    fn is_at_head(&mut self, writer: &Writer) -> bool {
        self.refresh();
        self.appender.is_some() && self.place.is_some_and(|place| place.position == writer.frontier.len())
    }

    /// Takes a new connection, and drops one that is over: what that said of places may be of another log.
    fn refresh(&mut self) {
        if let Some(link) = self.inbox.take_link() {
            (self.appender, self.place, self.epoch) = (Some(link.appender), Some(link.place), link.epoch);
        }
        if self.inbox.status().0 != self.epoch {
            (self.appender, self.place) = (None, None);
        }
    }

    fn wait_for_link(&self, begun: Instant) -> Result<(), LogError> {
        if begun.elapsed() > LINK_MAX {
            let down = self.inbox.status().1;
            return Err(LogError::Unavailable(down.unwrap_or_else(|| "it is being connected".into())));
        }
        self.inbox.wait_for_change(Instant::now() + RETRY);
        Ok(())
    }

    /// Has one block recorded in the engine, then here; false where another node was first.
    ///
    /// The originals are in the engine before the block that names them, and all of it is in this node's own journal
    /// before anybody is answered: the engine is never the only copy.
    fn commit(&mut self, writer: &mut Writer, new: &[&Draft], until: Instant) -> Result<bool, LogError> {
        self.leave_room();
        let group = writer.prepare(new)?;
        let Some(frame) = group.first_frame() else { return Ok(true) };
        let began = Instant::now();
        let Some(cursor) = self.publish(&frame, new, until)? else { return Ok(false) };
        metrics::histogram!("factfold_log_order_seconds").record(began.elapsed());
        self.won_at = Some(Instant::now());
        let position = frame.last();
        // Should this fail, the block comes back from the engine, and is taken in then.
        self.place = None;
        if !self.protections.journal_first() {
            self.answered = position;
            return Ok(true);
        }
        writer.record(group, &key_entries(new, frame.header.first))?;
        if self.inbox.status().0 == self.epoch {
            self.place = Some(CursorPlace { position, cursor });
        }
        Ok(true)
    }

    /// Appends the block until its fate is known: its cursor, or none where another stands in its place.
    ///
    /// An answer that did not come, and one that says that the log has gone on, may both hide that this very block is
    /// recorded. So what decides is the block that stands at its position: it has this one's id, or it has not.
    fn publish(&mut self, frame: &Frame, new: &[&Draft], until: Instant) -> Result<Option<u64>, LogError> {
        let (first, mut is_doubtful) = (frame.header.first, false);
        loop {
            // A new connection goes on with the same block.
            self.refresh();
            let place = self.place.filter(|place| place.position + 1 == first);
            let outcome = match (&mut self.appender, place) {
                // What was put at an earlier try may have gone with a log that was made anew meanwhile.
                (Some(appender), Some(place)) => {
                    put_originals(&mut **appender, new).and_then(|()| appender.append(place.cursor, frame))
                }
                (_, _) => Err(SharedLogError::Unavailable("the connection was lost".into())),
            };
            let is_behind = matches!(outcome, Ok(BlockOutcome::Behind));
            let why = match outcome {
                Ok(BlockOutcome::Committed(cursor)) => return Ok(Some(cursor)),
                Ok(BlockOutcome::Behind) => "the log has gone on, but its blocks do not come".to_owned(),
                Err(SharedLogError::Unknown(why)) => {
                    is_doubtful = true;
                    why
                }
                Err(error) if !is_doubtful => return Err(unavailable(error)),
                Err(error) => error.to_string(),
            };
            // What it is behind of may have been proposed and dropped: then it is tried again.
            let look = until.min(Instant::now() + if is_behind { BEHIND_MAX } else { RETRY });
            let seen = self.inbox.wait_for(first, look);
            let is_proof = self.appender.as_ref().is_some_and(|appender| appender.sight_is_proof());
            match seen {
                Some((id, _)) if id != frame.header.id => return Ok(None),
                Some((_, cursor)) if is_proof => return Ok(Some(cursor)),
                Some(_) | None if Instant::now() >= until || self.inbox.is_closing() => {
                    let why = format!("{why}; whether the facts are recorded is not known: send them again");
                    return Err(LogError::Unavailable(why.into()));
                }
                Some(_) => thread::sleep(RETRY),
                None => {}
            }
        }
    }

    /// Lets the others of a contest plan again before the next block: a chatty node would starve a busy one.
    fn leave_room(&self) {
        let is_contested = self.foreign_at.is_some_and(|at| at.elapsed() < CONTEST);
        if let Some(won) = self.won_at.filter(|_| is_contested) {
            thread::sleep(POLITE.saturating_sub(won.elapsed()));
        }
    }

    /// Writes what others recorded into this node's journal, and publishes it.
    fn take_in(&mut self, writer: &mut Writer) -> Result<(), LogError> {
        // A new connection's place comes before its blocks.
        self.is_at_head(writer);
        if !self.protections.journal_first() && self.taken_at.is_some_and(|at| at.elapsed() < LATE) {
            return Ok(());
        }
        loop {
            let (epoch, taken) = self.inbox.take(APPEND_FACTS_MAX as u64, APPEND_BYTES_MAX);
            let Some(last) = taken.last() else { return Ok(()) };
            self.taken_at = Some(Instant::now());
            let place = CursorPlace { position: last.block.frame.last(), cursor: last.block.cursor };
            if let Err(error) = self.write(writer, &taken) {
                self.inbox.put_back(epoch, taken);
                return Err(error);
            }
            if place.position == writer.frontier.len() && epoch == self.epoch {
                self.place = Some(place);
            }
        }
    }

    fn write(&mut self, writer: &mut Writer, taken: &[Incoming]) -> Result<(), LogError> {
        let mut frames = Vec::with_capacity(taken.len());
        for Incoming { block, .. } in taken {
            let held = writer.frontier.len();
            if block.frame.header.first > held {
                frames.push(block.frame.clone());
            } else if block.frame.last() > held {
                frames.push(rest_of(writer, &block.frame)?);
            } else if writer.tail.frames_from(block.frame.header.first).first().is_some_and(|ours| {
                ours.frame.header.first == block.frame.header.first
                    && ours.frame.header.id != block.frame.header.id
            }) {
                let why = format!("the engine has another block at position {}", block.frame.header.first);
                return Err(LogError::stopped(BROKEN_CHAIN, &why));
            }
        }
        if frames.is_empty() {
            return Ok(());
        }
        self.foreign_at = Some(Instant::now());
        writer.may_write()?;
        self.see_originals(writer, taken, &frames)?;
        writer.put_blobs(taken.iter().flat_map(|incoming| &incoming.blobs))?;
        let bytes: usize = frames.iter().map(|frame| frame.bytes().len()).sum();
        let facts: u64 = frames.iter().map(|frame| u64::from(frame.header.count)).sum();
        writer.make_way(facts, bytes as u64)?;
        let mut entries = Vec::with_capacity(facts as usize);
        for frame in &frames {
            self.index(writer, frame, &mut entries)?;
        }
        let group = FrameGroup::of_frames(&frames, &writer.frontier)?;
        writer.record(group, &entries)
    }

    /// An original that was here when its block came may have gone since, with an erasure of the facts that named it.
    fn see_originals(&self, writer: &Writer, taken: &[Incoming], frames: &[Frame]) -> Result<(), LogError> {
        let came = |digest: &Hash| taken.iter().flat_map(|one| &one.blobs).any(|(known, _)| known == digest);
        let is_here = |digest: &Hash| writer.shared.disk.identity(&blobs::path(digest)).is_ok();
        if frames.iter().flat_map(Frame::blobs).all(|(digest, _)| came(&digest) || is_here(&digest)) {
            return Ok(());
        }
        self.inbox.doubt();
        Err(LogError::Unavailable("an original went with an erasure, and is fetched again".into()))
    }

    fn index(&self, writer: &Writer, frame: &Frame, entries: &mut Vec<KeyEntry>) -> Result<(), LogError> {
        for (position, stored) in frame.stored() {
            let record = RecordRef::read(stored).map_err(|error| LogError::Record { position, error })?;
            let header = &record.header;
            let key = writer.shared.secret.key_hash(header.tenant, header.provider, header.external_id);
            entries.push(KeyEntry { key, content: short_content(&header.content), position });
        }
        Ok(())
    }
}

fn put_originals(appender: &mut dyn BlockAppender, new: &[&Draft]) -> Result<(), SharedLogError> {
    new.iter()
        .filter_map(|draft| draft.blob())
        .try_for_each(|(digest, bytes)| appender.put_blob(digest, bytes))
}

/// What this node has not of a block that holds its head in its middle: the log was made anew, in blocks of another
/// journal.
fn rest_of(writer: &Writer, frame: &Frame) -> Result<Frame, LogError> {
    let held = writer.frontier.len();
    if !is_same(&writer.shared.snapshot(), frame, held)? {
        let why = format!("the engine has another block at position {}", frame.header.first);
        return Err(LogError::stopped(BROKEN_CHAIN, &why));
    }
    let mut bytes = Vec::new();
    let mut rest = FrameWriter::begin(&mut bytes);
    for (_, stored) in frame.stored().filter(|(position, _)| *position > held) {
        rest.push_stored(stored);
    }
    let (header, span) = rest.finish(held + 1, frame.header.id, writer.frontier.root());
    Ok(Frame::built(header, bytes[span].to_vec().into()))
}

fn unavailable(error: SharedLogError) -> LogError {
    match error {
        SharedLogError::Refused(why) => LogError::Stopped(why.into()),
        other => LogError::Unavailable(other.to_string().into()),
    }
}
