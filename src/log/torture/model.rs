//! What the log was told and what it answered, and whether what it holds agrees.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use domain::keys::{KeyHash, Position};
use domain::record::{Draft, Hash, Private};

use crate::log::disk::Disk;
use crate::log::error::LogError;
use crate::log::merkle::interior;
use crate::log::options::Protections;
use crate::log::plan::Appended;
use crate::log::recover::recover;
use crate::log::sim::{Rng, SimDisk};
use crate::log::snapshot::LogSnapshot;
use crate::log::testing::{fact, options, secret};
use crate::log::verify::verify;
use crate::log::writer::Writer;

/// A broken promise, in words.
pub type Broken = String;

/// How many different keys a run usually draws from: few enough that many come twice.
const KEYS: u64 = 400;
/// The first key of facts with originals of 30 KB, of which nine make a frame full.
const LARGE: u64 = 1 << 31;
/// A key that no run draws.
const FRESH: u64 = 1 << 32;

/// What was submitted and what was acknowledged, over all restarts.
pub struct ReferenceModel {
    keys: u64,
    submitted: HashMap<KeyHash, Vec<Draft>>,
    acknowledged: BTreeMap<Position, Draft>,
    positions: HashMap<KeyHash, Position>,
    /// Starts that found a torn group and kept its first whole frames.
    pub torn_groups_kept: u64,
}

impl Default for ReferenceModel {
    fn default() -> Self {
        Self::with_keys(KEYS)
    }
}

fn some_fact(rng: &mut Rng, keys: u64) -> Draft {
    // A key always comes with the same bytes for one content, as a provider's redelivery does.
    let n = rng.below(keys);
    if rng.chance(5) { fact(n, 1, 50) } else { fact(n, 0, original_of(n)) }
}

/// A group of two or three frames, all of keys that no other draw gives.
fn large_group(rng: &mut Rng) -> Vec<Draft> {
    (0..10 + rng.below(10)).map(|_| fact(LARGE + rng.below(200), 0, 30_000)).collect()
}

fn original_of(n: u64) -> usize {
    match n % 50 {
        0 if n < 100 => 33_000,
        0..=5 => 700 + n as usize % KEYS as usize * 7,
        _ => n as usize % 80,
    }
}

impl ReferenceModel {
    /// A run that draws from so many keys.
    pub fn with_keys(keys: u64) -> Self {
        let (submitted, acknowledged, positions) = Default::default();
        Self { keys, submitted, acknowledged, positions, torn_groups_kept: 0 }
    }

    /// Opens the log and submits `groups` groups; ends early where the log stops.
    ///
    /// Returns whether it got to the end. An answer that contradicts an earlier one is a broken promise, and so is
    /// a start that finds damage.
    pub fn run(
        &mut self,
        disk: &SimDisk,
        rng: &mut Rng,
        protections: Protections,
        groups: u64,
        facts_max: u64,
    ) -> Result<bool, Broken> {
        let Some(mut writer) = self.start(disk, protections)? else { return Ok(false) };
        for _ in 0..groups {
            let drafts: Vec<Draft> = if facts_max > 1 && rng.chance(2) {
                large_group(rng)
            } else {
                (0..=rng.below(facts_max)).map(|_| some_fact(rng, self.keys)).collect()
            };
            if !self.submit(&mut writer, &drafts)? {
                return Ok(false);
            }
            if rng.chance(10) {
                writer.idle();
            }
        }
        if rng.chance(30) {
            writer.close();
        }
        Ok(true)
    }

    fn start(&mut self, disk: &SimDisk, protections: Protections) -> Result<Option<Writer>, Broken> {
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        match recover(&shared, &options(protections), None) {
            Ok((writer, opened)) => {
                let acknowledged = self.acknowledged.last_key_value().map_or(0, |(last, _)| *last);
                if opened.torn.is_some() && opened.head.position > acknowledged {
                    self.torn_groups_kept += 1;
                }
                Ok(Some(writer))
            }
            Err(LogError::Io { .. } | LogError::Full | LogError::Stopped(_)) => Ok(None),
            Err(LogError::Segment(error)) if error.to_string().contains("os error") => Ok(None),
            Err(error) => Err(format!("does not start: {error}")),
        }
    }

    /// What somebody sends, before it is known what comes of it.
    pub fn sent(&mut self, drafts: &[Draft]) {
        for draft in drafts {
            let variants = self.submitted.entry(draft.key).or_default();
            if variants.iter().all(|known| known.content != draft.content) {
                variants.push(draft.clone());
            }
        }
    }

    /// One group; false when the log has stopped.
    fn submit(&mut self, writer: &mut Writer, drafts: &[Draft]) -> Result<bool, Broken> {
        self.sent(drafts);
        let refs: Vec<&Draft> = drafts.iter().collect();
        match writer.group(&refs) {
            Ok(answers) => {
                for (draft, answer) in drafts.iter().zip(answers) {
                    self.acknowledge(draft, answer)?;
                }
                Ok(true)
            }
            Err(LogError::Full | LogError::Busy) => Ok(true),
            Err(LogError::Stopped(_) | LogError::Io { .. } | LogError::Segment(_)) => Ok(false),
            Err(error) => Err(format!("a group was answered: {error}")),
        }
    }

    /// What was answered must agree with all that was answered before.
    pub fn acknowledge(&mut self, draft: &Draft, answer: Appended) -> Result<(), Broken> {
        let position = answer.position();
        match (self.positions.get(&draft.key), answer) {
            (Some(first), _) if *first != position => {
                return Err(format!("a fact of position {first} was answered {answer:?}"));
            }
            (Some(first), Appended::Recorded(_)) => return Err(format!("position {first} recorded again")),
            (Some(_), Appended::Duplicate(_)) => {
                if self.acknowledged[&position].content != draft.content {
                    return Err(format!("other content called a duplicate of {position}"));
                }
            }
            (Some(_), Appended::Differs(_)) => {
                if self.acknowledged[&position].content == draft.content {
                    return Err(format!("the same content called different from {position}"));
                }
            }
            (None, Appended::Recorded(_) | Appended::Duplicate(_)) => {
                self.positions.insert(draft.key, position);
                if self.acknowledged.insert(position, draft.clone()).is_some() {
                    return Err(format!("position {position} was given twice"));
                }
            }
            // The first came in a group that was not acknowledged and was recorded all the same.
            (None, Appended::Differs(_)) => {}
        }
        Ok(())
    }

    /// Starts the log and holds it against all that was promised; then goes on with it.
    pub fn check(&mut self, disk: &SimDisk, rng: &mut Rng, protections: Protections) -> Result<(), Broken> {
        let Some(mut writer) = self.start(disk, protections)? else {
            return Err("does not start on a sound disk".into());
        };
        self.compare(&writer.shared.snapshot(), rng)?;
        let some: Vec<Draft> = self.acknowledged.values().filter(|_| rng.chance(10)).cloned().collect();
        if !self.submit(&mut writer, &some)? || !self.submit(&mut writer, &[fact(FRESH, 0, 9)])? {
            return Err("takes no facts after the start".into());
        }
        writer.idle();
        let snapshot = writer.shared.snapshot();
        self.compare(&snapshot, rng)?;
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let report = verify(&disk);
        if let Some(violation) = report.violations.first() {
            return Err(format!("the offline walk of a sound log: {violation}"));
        }
        if report.head() != snapshot.head() {
            return Err(format!("the offline walk ends at {}", report.head().position));
        }
        Ok(())
    }

    fn compare(&self, log: &LogSnapshot, rng: &mut Rng) -> Result<(), Broken> {
        let (mut leaves, mut seen, mut last_recorded_at) = (Vec::new(), HashSet::new(), i64::MIN);
        let head = log.head();
        let mut from = 1;
        while from <= head.position {
            let records = log.records(from, 100).map_err(|e| format!("reading from {from}: {e}"))?;
            if records.is_empty() {
                return Err(format!("nothing at position {from}, head {}", head.position));
            }
            for record in records {
                if record.position != from {
                    return Err(format!("position {} where {from} is due", record.position));
                }
                from += 1;
                let view = record.view().map_err(|e| format!("position {}: {e}", record.position))?;
                let header = &view.header;
                let key = secret().key_hash(header.tenant, header.provider, header.external_id);
                if !seen.insert(key) {
                    return Err(format!("a key stands twice, again at {}", record.position));
                }
                if header.recorded_at < last_recorded_at {
                    return Err(format!("recorded_at goes back at {}", record.position));
                }
                last_recorded_at = header.recorded_at;
                let told = self.submitted.get(&key).into_iter().flatten();
                let mut stored = Vec::new();
                let same = |draft: &&Draft| {
                    stored.clear();
                    draft.stamp(header.recorded_at, &mut stored);
                    stored == record.bytes
                };
                let Some(draft) = told.into_iter().find(same) else {
                    return Err(format!("position {} holds bytes that nobody sent", record.position));
                };
                if let Some((_, blob)) = draft.blob()
                    && log.original(&view).as_ref().ok() != Some(blob)
                {
                    return Err(format!("the original of {} is not what was sent", record.position));
                }
                if let Some(acknowledged) = self.acknowledged.get(&record.position)
                    && (acknowledged.key, acknowledged.content) != (draft.key, draft.content)
                {
                    return Err(format!("another fact than acknowledged at {}", record.position));
                }
                if rng.chance(3) && log.read(record.position).ok().flatten().as_ref() != Some(&record) {
                    return Err(format!("position {} alone reads differently", record.position));
                }
                leaves.push(match view.private {
                    Private::None | Private::Kept { .. } => view.leaf(),
                    Private::Erased { .. } => return Err(format!("{} is erased", record.position)),
                });
            }
        }
        if let Some((last, _)) = self.acknowledged.last_key_value()
            && *last > head.position
        {
            return Err(format!("acknowledged up to {last}, but the log ends at {}", head.position));
        }
        if naive_root(&leaves) != head.root {
            return Err("the root is not that of the records".into());
        }
        Ok(())
    }

    /// Facts acknowledged as recorded, over all runs.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }
}

/// RFC 6962, section 2.1, as it is written there.
fn naive_root(leaves: &[Hash]) -> Hash {
    use sha2::Digest;
    match leaves {
        [] => sha2::Sha256::digest([]).into(),
        [one] => *one,
        more => {
            let half = more.len().next_power_of_two() / 2;
            interior(&naive_root(&more[..half]), &naive_root(&more[half..]))
        }
    }
}
