//! The one writer: turns a group of submissions into frames, one write, one sync, and answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::keys::{KeyHash, Position};
use domain::record::{Draft, Hash};

use super::blobs;
use super::error::LogError;
use super::fill::Fill;
use super::frame_group::FrameGroup;
use super::high_water::HighWater;
use super::keys::{KeyEntry, KeyIndex};
use super::merkle::Frontier;
use super::open_segment::OpenSegment;
use super::options::{Protections, Sizes};
use super::plan::{Appended, Plan, plan, short_content};
use super::seal;
use super::shared::{LogState, Shared};
use super::tail::Tail;
use crate::clock::GuardedClock;

/// How often the writer looks whether its directory is still there.
pub const PLACE_CHECK: Duration = Duration::from_secs(1);
/// Closed segments that may wait to be sealed before appends wait for them.
const UNSEALED_MAX: usize = 4;

/// Asks the filling thread to fill a file up to a byte.
pub type FillAhead = SyncSender<(Arc<Fill>, u64)>;

/// What an erasure asks of the writer, which does it between two groups.
pub enum Chore {
    /// Close the open segment, if it holds facts.
    Roll,
    /// Remove blobs that no fact up to `known` names, nor a later one.
    DropBlobs {
        /// Their digests.
        blobs: BTreeSet<Hash>,
        /// Later facts are looked at.
        known: Position,
    },
}

/// The writer's state; only what is durable is in it.
pub struct Writer {
    pub shared: Arc<Shared>,
    pub index: KeyIndex,
    pub segment: OpenSegment,
    pub tail: Arc<Tail>,
    /// The tree over all durable facts.
    pub frontier: Frontier,
    pub last_recorded_at: i64,
    pub mark: HighWater,
    pub clock: Arc<GuardedClock>,
    pub sizes: Sizes,
    pub protections: Protections,
    /// Queue of the thread that fills ahead. `None` in crash tests: there is no sealing thread then either, and both
    /// are done step by step where they are due, so that a run is repeatable.
    pub fill_ahead: Option<FillAhead>,
    /// Ids of this run's frames: a random half, and a count.
    pub ids: (u64, u64),
    /// When the segment's place was last checked.
    pub placed: Instant,
    pub keys: Vec<KeyHash>,
    pub found: Vec<Option<KeyEntry>>,
}

/// The index entries of drafts that are recorded from position `first` on.
pub fn key_entries(new: &[&Draft], first: Position) -> Vec<KeyEntry> {
    let entry = |(draft, position): (&&Draft, Position)| KeyEntry {
        key: draft.key,
        content: short_content(&draft.content),
        position,
    };
    new.iter().zip(first..).map(entry).collect()
}

/// 64 random bits of the system.
pub fn random_u64() -> Result<u64, LogError> {
    getrandom::u64().map_err(|e| LogError::stopped("random numbers", &e))
}

impl Writer {
    /// Decides over a group and makes what is new durable.
    ///
    /// On an error nothing of the group was acknowledged or published. [`LogError::Full`], [`LogError::Busy`],
    /// [`LogError::Index`] and [`LogError::ClockAhead`] pass; [`LogError::Stopped`] does not, and is given from then on.
    pub fn group(&mut self, drafts: &[&Draft]) -> Result<Vec<Appended>, LogError> {
        let outcome = self.may_write().and_then(|()| self.decide_and_commit(drafts));
        self.note(outcome.as_ref().err());
        outcome
    }

    /// Whether the log has not stopped and its directory is still its own.
    pub fn may_write(&mut self) -> Result<(), LogError> {
        if let LogState::Stopped(reason) = self.shared.state() {
            return Err(LogError::Stopped(reason));
        }
        if self.placed.elapsed() < PLACE_CHECK { Ok(()) } else { self.check_place() }
    }

    /// Moves the log's state to what a group's outcome means for the next one.
    pub fn note(&self, error: Option<&LogError>) {
        match error {
            None => {
                if self.shared.state() != LogState::Writable {
                    self.shared.set_state(LogState::Writable);
                }
            }
            Some(LogError::Full) => self.shared.set_state(LogState::Full),
            Some(LogError::Unavailable(why)) => self.shared.set_state(LogState::Unavailable(Arc::clone(why))),
            Some(LogError::Busy | LogError::Index(_) | LogError::ClockAhead(_)) => {}
            Some(error) => self.stop(error),
        }
    }

    /// Checks that the directory is still the one that this log was opened in.
    fn check_place(&mut self) -> Result<(), LogError> {
        self.placed = Instant::now();
        self.segment.check_place(&*self.shared.disk)
    }

    fn stop(&self, error: &LogError) {
        let reason: Arc<str> = match error {
            LogError::Stopped(reason) => Arc::clone(reason),
            other => other.to_string().into(),
        };
        tracing::error!(%reason, "the log stops");
        self.shared.set_state(LogState::Stopped(reason));
    }

    fn decide_and_commit(&mut self, drafts: &[&Draft]) -> Result<Vec<Appended>, LogError> {
        let decided = self.decide(drafts)?;
        if !decided.new.is_empty() {
            let new: Vec<&Draft> = decided.new.iter().map(|at| drafts[*at as usize]).collect();
            self.commit(&new)?;
        }
        Ok(decided.answers)
    }

    /// The answers over drafts that would be recorded now.
    pub fn decide(&mut self, drafts: &[&Draft]) -> Result<Plan, LogError> {
        self.keys.clear();
        self.keys.extend(drafts.iter().map(|draft| draft.key));
        self.index.find_many(&self.keys, &mut self.found)?;
        Ok(plan(drafts, &self.found, self.frontier.len(), self.protections.dedup()))
    }

    /// Blobs, frames, the commit point, publication; in this order, because each relies on the one before.
    ///
    /// Blobs are durable before a frame names them. A segment is closed before the group that would not fit, so a
    /// group lies in one file and one sync covers it. Readers, index and mark learn of the group last: nothing that
    /// a power cut could take back is ever seen or answered.
    fn commit(&mut self, new: &[&Draft]) -> Result<(), LogError> {
        let group = self.prepare(new)?;
        self.record(group, &key_entries(new, self.frontier.len() + 1))
    }

    /// Makes what the frames of `new` need durable, and builds them; nothing is recorded yet.
    pub fn prepare(&mut self, new: &[&Draft]) -> Result<FrameGroup, LogError> {
        self.put_blobs(new.iter().filter_map(|draft| draft.blob()))?;
        let stored: usize = new.iter().map(|draft| draft.stored_len() + 4).sum();
        self.make_way(new.len() as u64, stored as u64)?;
        let recorded_at = self.clock.now()?.max(self.last_recorded_at);
        let (run, count) = (u128::from(self.ids.0) << 64, &mut self.ids.1);
        Ok(FrameGroup::build(new, &self.frontier, recorded_at, || {
            *count += 1;
            run | u128::from(*count)
        }))
    }

    /// Goes on in a new open segment where a group would not fit this one.
    pub fn make_way(&mut self, facts: u64, bytes: u64) -> Result<(), LogError> {
        if self.is_due(facts, bytes) { self.roll() } else { Ok(()) }
    }

    /// Makes a group durable here, and publishes it. `entries` are those of its records.
    pub fn record(&mut self, mut group: FrameGroup, entries: &[KeyEntry]) -> Result<(), LogError> {
        self.append(&mut group)?;
        self.apply(group, entries.iter().copied());
        Ok(())
    }

    /// Makes the frames of a group durable: one write, one sync. Nobody sees them yet.
    ///
    /// On an error nothing counts as written.
    fn append(&mut self, group: &mut FrameGroup) -> Result<(), LogError> {
        let began = Instant::now();
        self.segment.write_group(group, self.protections.sync())?;
        metrics::histogram!("factfold_log_commit_seconds").record(began.elapsed());
        Ok(())
    }

    /// Publishes a durable group: tail, head, key index, high-water mark. `entries` are those of its records.
    ///
    /// Nothing in here fails the group: what goes wrong is met again by the next one, or stops the log.
    fn apply(&mut self, group: FrameGroup, entries: impl Iterator<Item = KeyEntry>) {
        self.frontier = group.after.clone();
        self.last_recorded_at = group.recorded_at;
        self.tail.push(group.into_frames());
        let head = self.frontier.head();
        self.shared.advance(head);
        let mut count = 0;
        for entry in entries {
            self.index.insert(entry);
            count += 1;
        }
        metrics::counter!("factfold_facts_appended_total").increment(count);
        match self.mark.set(&head).map_err(|e| LogError::while_writing(super::high_water::PATH, e)) {
            // The next commit marks again; until then a lost tail would only be named less exactly.
            Ok(()) | Err(LogError::Full) => {}
            Err(error) => self.stop(&error),
        }
        self.fill_ahead();
    }

    /// Makes originals durable, before a frame that names them.
    pub fn put_blobs<'b>(&self, new: impl Iterator<Item = &'b (Hash, Bytes)>) -> Result<(), LogError> {
        let mut any = false;
        for (digest, bytes) in new {
            blobs::put(&*self.shared.disk, digest, bytes)?;
            any = true;
        }
        if any { blobs::sync(&*self.shared.disk) } else { Ok(()) }
    }

    fn is_due(&self, facts: u64, bytes: u64) -> bool {
        let held = self.frontier.len() - self.tail.before.len();
        held > 0
            && (held + facts > self.sizes.seal_facts || self.segment.end() + bytes > self.sizes.seal_bytes)
    }

    /// Closes the open segment, which is sealed next, and creates a new one.
    fn roll(&mut self) -> Result<(), LogError> {
        // Sealing replaces and removes files by their paths: never in a directory that is not ours.
        self.check_place()?;
        if self.fill_ahead.is_none() {
            seal::seal_all(&self.shared)?;
        } else {
            self.shared.wait_for_sealing(UNSEALED_MAX)?;
        }
        // A closed segment ends where its last group ends, so that a start can tell.
        self.segment.make_room(0)?;
        let seed = random_u64()? as u32;
        self.segment = OpenSegment::create(&self.shared.disk, &self.frontier, seed, self.sizes.fill_step)?;
        self.tail = Arc::new(Tail::new(self.frontier.clone(), Vec::new()));
        self.shared.roll(Arc::clone(&self.tail));
        Ok(())
    }

    fn fill_ahead(&self) {
        if let Some(fill) = &self.fill_ahead {
            let want = (self.segment.end() + 2 * self.sizes.fill_step)
                .min(self.sizes.seal_bytes.max(self.segment.end()) + self.sizes.fill_step);
            if self.segment.fill().filled() < want {
                // A filler at work will be asked again after the next commit.
                let _ = fill.try_send((Arc::clone(self.segment.fill()), want));
            }
        }
    }

    /// Does what an erasure asks. Blobs are put by this thread alone: none can come to be named meanwhile.
    ///
    /// # Errors
    /// As of [`Writer::group`].
    pub fn chore(&mut self, chore: Chore) -> Result<(), LogError> {
        if let LogState::Stopped(reason) = self.shared.state() {
            return Err(LogError::Stopped(reason));
        }
        let done = match chore {
            Chore::Roll if self.frontier.len() == self.tail.before.len() => Ok(()),
            Chore::Roll => self.roll(),
            Chore::DropBlobs { mut blobs, known } => {
                let later = self.shared.snapshot().named_blobs(&blobs, known + 1)?;
                blobs.retain(|blob| !later.contains(blob));
                self.check_place().and_then(|()| blobs::remove(&*self.shared.disk, &blobs))
            }
        };
        match &done {
            Ok(()) | Err(LogError::Full | LogError::Busy) => {}
            Err(error) => self.stop(error),
        }
        done
    }

    /// Whether [`Writer::idle`] has something to do.
    pub fn has_chores(&self) -> bool {
        self.mark.unsynced() || self.shared.state() == LogState::Full
    }

    /// Chores of an idle log: checks its place, syncs the mark, and tries a full disk again.
    pub fn idle(&mut self) {
        if matches!(self.shared.state(), LogState::Stopped(_)) {
            return;
        }
        if let Err(error) = self.check_place() {
            return self.stop(&error);
        }
        match self.mark.sync().map_err(|e| LogError::while_writing(super::high_water::PATH, e)) {
            // The mark stays unsynced, and is tried again.
            Ok(()) | Err(LogError::Full) => {}
            Err(error) => return self.stop(&error),
        }
        if self.shared.state() == LogState::Full {
            match self.segment.make_room(self.sizes.fill_step) {
                Ok(()) => self.shared.set_state(LogState::Writable),
                Err(LogError::Full) => {}
                Err(error) => self.stop(&error),
            }
        }
        if self.fill_ahead.is_none() {
            match seal::seal_all(&self.shared) {
                Ok(()) | Err(LogError::Full) => {}
                Err(error) => self.stop(&error),
            }
        }
    }

    /// Makes the mark durable and closes the log.
    pub fn close(&mut self) {
        if !matches!(self.shared.state(), LogState::Stopped(_))
            && let Err(error) = self.mark.sync()
        {
            self.stop(&LogError::stopped(super::high_water::PATH, &error));
        }
        self.shared.close();
    }
}
