//! A model knows every key; sled is deleted, damaged, hung and made to fail at any moment: no answer may be wrong.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use domain::keys::KeyHash;
use parking_lot::Mutex;

use super::{IndexState, KeyEntry, KeyError, KeyIndex, KeySource, Shape, SourceError};
use crate::store::faults::{Fault, Op};
use crate::store::{Store, Waits};

const LOG_ID: [u8; 16] = [7; 16];

/// A small deterministic generator (splitmix64).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn key(&mut self) -> KeyHash {
        let mut key = [0; 11];
        key[..8].copy_from_slice(&self.next().to_be_bytes());
        key[8..].copy_from_slice(&self.next().to_be_bytes()[..3]);
        key
    }
}

/// The log: entries in position order.
#[derive(Default)]
struct TestLog {
    entries: Mutex<Vec<KeyEntry>>,
    broken: AtomicBool,
}

impl KeySource for TestLog {
    fn entries(&self, after: u64, up_to: u64, f: &mut dyn FnMut(KeyEntry)) -> Result<(), SourceError> {
        if self.broken.load(Relaxed) {
            return Err("the log is broken".into());
        }
        let entries = self.entries.lock();
        let range = after as usize..(up_to as usize).min(entries.len());
        entries.get(range).into_iter().flatten().for_each(|entry| f(*entry));
        Ok(())
    }
}

struct World {
    dir: tempfile::TempDir,
    log: Arc<TestLog>,
    model: HashMap<KeyHash, KeyEntry>,
    rng: Rng,
    shape: Shape,
    store: Store,
    index: Option<KeyIndex>,
    wrong: u64,
    errors: u64,
}

fn small() -> Shape {
    Shape {
        run_entries: 128,
        chunk_entries: 16,
        fan: 4,
        level_max: 3,
        retry: Duration::from_millis(5),
        check: true,
    }
}

impl World {
    fn new(seed: u64, shape: Shape) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = store_in(dir.path());
        let (log, model, rng) = (Arc::default(), HashMap::new(), Rng(seed));
        let mut world = Self { dir, log, model, rng, shape, store, index: None, wrong: 0, errors: 0 };
        world.open();
        world
    }

    /// Opens as the log does: what the index does not cover is inserted.
    fn open(&mut self) {
        let entries = self.log.entries.lock().clone();
        let source: Arc<TestLog> = Arc::clone(&self.log);
        let head = entries.len() as u64;
        let mut index = KeyIndex::open_with(self.store.clone(), LOG_ID, head, source, self.shape);
        assert!(index.covered() <= head);
        entries[index.covered() as usize..].iter().for_each(|entry| index.insert(*entry));
        self.index = Some(index);
    }

    fn close(&mut self) {
        self.index = None;
        self.store.close();
        // A new process.
        self.store = store_in(self.dir.path());
    }

    /// Waits until the keeper has nothing more to do.
    fn settle(&self) {
        let began = Instant::now();
        let index = self.index.as_ref().unwrap();
        let waiting = || index.shared.runs().iter().any(|run| !matches!(run, super::Run::Sled(_)));
        while waiting() || index.state() != IndexState::Sled {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "the keeper comes to an end: {:?}",
                index.state()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A group as the writer makes it: looked up, then the new ones committed.
    fn group(&mut self) {
        let known = self.log.entries.lock().clone();
        let keys: Vec<KeyHash> = (0..1 + self.rng.below(40))
            .map(|_| match self.rng.below(4) {
                0 if !known.is_empty() => known[self.rng.below(known.len() as u64) as usize].key,
                _ => self.rng.key(),
            })
            .collect();
        let mut found = Vec::new();
        let Ok(()) = self.index.as_mut().unwrap().find_many(&keys, &mut found) else {
            self.errors += 1;
            return;
        };
        assert_eq!(found.len(), keys.len());
        for (key, found) in keys.iter().zip(found) {
            self.wrong += u64::from(found != self.model.get(key).copied());
        }
        for key in keys {
            if self.model.contains_key(&key) {
                continue;
            }
            let position = self.model.len() as u64 + 1;
            let entry = KeyEntry { key, content: self.rng.next().to_be_bytes(), position };
            self.model.insert(key, entry);
            self.log.entries.lock().push(entry);
            self.index.as_mut().unwrap().insert(entry);
        }
    }

    fn grow(&mut self, to: usize) {
        while self.model.len() < to {
            self.group();
        }
    }

    /// Asks for every key there is, and for as many others.
    fn ask_all(&mut self) {
        let reader = self.index.as_ref().unwrap().reader();
        for entry in self.log.entries.lock().iter() {
            match reader.find(&entry.key) {
                Ok(found) => self.wrong += u64::from(found != Some(*entry)),
                Err(_) => self.errors += 1,
            }
            let other = self.rng.key();
            match reader.find(&other) {
                Ok(found) => self.wrong += u64::from(found.is_some()),
                Err(_) => self.errors += 1,
            }
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.dir.path().join("sled")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }

    fn damage_a_file(&mut self) {
        let files = self.files();
        let path = &files[self.rng.below(files.len() as u64) as usize];
        let mut bytes = fs::read(path).unwrap();
        let at = |rng: &mut Rng| rng.below(bytes.len().max(1) as u64) as usize;
        match self.rng.below(5) {
            0 => fs::remove_file(path).unwrap(),
            1 => {
                let keep = at(&mut self.rng);
                fs::write(path, &bytes[..keep]).unwrap();
            }
            2 if !bytes.is_empty() => {
                let from = at(&mut self.rng) & !511;
                let upto = bytes.len().min(from + 512);
                bytes[from..upto].fill(0);
                fs::write(path, &bytes).unwrap();
            }
            _ => {
                for _ in 0..1 + self.rng.below(20) {
                    let place = self.rng.below(bytes.len().max(1) as u64) as usize;
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << self.rng.below(8);
                    }
                }
                fs::write(path, &bytes).unwrap();
            }
        }
    }
}

fn store_in(dir: &Path) -> Store {
    let millis = Duration::from_millis;
    Store::with_waits(&dir.join("sled"), Waits { open: millis(500), read: millis(100), write: millis(400) })
}

/// Cases per test: the gate's number, or that of the variable for long runs.
fn cases(few: u64) -> u64 {
    std::env::var("FACTFOLD_KEY_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

#[test]
fn every_key_is_found_in_tail_runs_and_merged_runs_and_after_opening_again() {
    let mut world = World::new(1, small());
    world.grow(6_000);
    world.ask_all();
    world.settle();
    world.ask_all();
    world.close();
    world.open();
    let covered = world.index.as_ref().unwrap().covered();
    assert!(covered >= 6_000 - 128 - 40, "full runs are in sled: {covered}");
    world.ask_all();
    world.grow(7_000);
    world.ask_all();
    assert_eq!((world.wrong, world.errors), (0, 0));
}

#[test]
fn the_table_in_memory_alone_answers_alike() {
    let mut index = KeyIndex::in_memory();
    let mut rng = Rng(5);
    let entries: Vec<KeyEntry> =
        (1..=600_000).map(|position| KeyEntry { key: rng.key(), content: [1; 8], position }).collect();
    entries.iter().for_each(|entry| index.insert(*entry));
    let keys: Vec<KeyHash> = entries.iter().map(|entry| entry.key).collect();
    let mut found = Vec::new();
    index.find_many(&keys, &mut found).unwrap();
    assert!(entries.iter().zip(&found).all(|(entry, found)| Some(*entry) == *found));
    let bytes = index.memory_bytes() as f64 / entries.len() as f64;
    assert!(bytes < 29.0, "{bytes} bytes a key");
}

#[test]
fn sled_fails_panics_or_hangs_at_any_call_and_no_answer_is_wrong() {
    for seed in 0..cases(36) {
        let mut rng = Rng(seed ^ 0xabcd);
        let ops = [Op::Open, Op::Get, Op::Put, Op::Remove, Op::Scan, Op::Sync];
        let op = ops[seed as usize % ops.len()];
        let fault = [Fault::Error, Fault::Panic, Fault::Hang][seed as usize / ops.len() % 3];
        let mut world = World::new(seed, small());
        let before = rng.below(1_500) as usize;
        world.grow(before);
        let after = if op == Op::Sync || op == Op::Open { rng.below(6) } else { rng.below(1_000) };
        world.store.faults().arm(op, fault, after, 1 + rng.below(3));
        world.grow(before + 1_500);
        world.ask_all();
        world.store.faults().clear();
        world.grow(before + 2_000);
        world.ask_all();
        world.close();
        world.open();
        world.ask_all();
        assert_eq!((world.wrong, world.errors), (0, 0), "seed {seed}: {op:?} {fault:?}");
    }
}

#[test]
fn files_of_sled_are_damaged_or_deleted_and_no_answer_is_wrong() {
    for seed in 0..cases(60) {
        let mut world = World::new(seed, small());
        let size = 500 + world.rng.below(3_000) as usize;
        world.grow(size);
        let while_open = seed % 3 == 0;
        if !while_open {
            if seed % 2 == 0 {
                world.settle();
            }
            world.close();
        }
        match world.rng.below(8) {
            0 => fs::remove_dir_all(world.dir.path().join("sled")).unwrap(),
            _ => (0..1 + world.rng.below(3)).for_each(|_| world.damage_a_file()),
        }
        if while_open {
            world.ask_all();
            world.grow(size + 300);
            world.close();
        }
        world.open();
        world.ask_all();
        world.grow(size + 1_000);
        world.ask_all();
        world.close();
        world.open();
        world.ask_all();
        assert_eq!((world.wrong, world.errors), (0, 0), "seed {seed}");
    }
}

#[test]
fn a_crash_image_of_sled_at_any_moment_gives_no_wrong_answer() {
    for seed in 0..cases(12) {
        let mut world = World::new(seed, small());
        let size = 500 + world.rng.below(4_000) as usize;
        world.grow(size);
        // Copied while sled writes: whatever a kill leaves, and torn in places.
        let images: Vec<(PathBuf, Vec<u8>)> = world
            .files()
            .into_iter()
            .filter_map(|path| Some((path.clone(), fs::read(&path).ok()?)))
            .collect();
        world.grow(size + 200);
        world.close();
        fs::remove_dir_all(world.dir.path().join("sled")).unwrap();
        for (path, bytes) in images {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        world.open();
        world.ask_all();
        assert_eq!((world.wrong, world.errors), (0, 0), "seed {seed}");
    }
}

/// Turns bits in what sled gives back, silently, and counts wrong answers.
fn wrong_answers_with_turned_bits(check: bool) -> u64 {
    let mut wrong = 0;
    for seed in 0..cases(12) {
        let mut world = World::new(seed, Shape { check, ..small() });
        world.grow(1_500);
        world.settle();
        world.store.faults().arm(Op::Get, Fault::Flip, world.rng.below(50), 3_000);
        world.ask_all();
        world.store.faults().clear();
        assert_eq!(world.errors, 0);
        wrong += world.wrong;
    }
    wrong
}

#[test]
fn turned_bits_are_noticed() {
    assert_eq!(wrong_answers_with_turned_bits(true), 0);
}

#[test]
fn without_the_manifests_checks_turned_bits_give_wrong_answers() {
    assert!(wrong_answers_with_turned_bits(false) > 0, "then the checks protect from nothing");
}

#[test]
fn a_damaged_run_is_rebuilt_alone_and_written_again() {
    let mut world = World::new(3, small());
    world.grow(2_000);
    world.settle();
    world.store.faults().arm(Op::Get, Fault::Flip, 0, 1);
    world.ask_all();
    world.store.faults().clear();
    world.settle();
    world.ask_all();
    assert_eq!(world.index.as_ref().unwrap().reader().audit(), Ok(0));
    assert!(!world.dir.path().join("sled.bad-1").exists(), "the database itself was kept");
    assert_eq!((world.wrong, world.errors), (0, 0));
}

#[test]
fn the_audit_finds_a_damaged_run_that_nobody_asked_for() {
    let mut world = World::new(4, small());
    world.grow(2_000);
    world.settle();
    world.store.faults().arm(Op::Get, Fault::Flip, 5, 1);
    assert_eq!(world.index.as_ref().unwrap().reader().audit(), Ok(1));
    world.store.faults().clear();
    world.ask_all();
    assert_eq!((world.wrong, world.errors), (0, 0));
}

#[test]
fn sled_of_another_log_or_of_another_past_is_set_aside() {
    for case in ["other id", "beyond the head", "other past"] {
        let mut world = World::new(9, small());
        world.grow(3_000);
        world.settle();
        world.close();
        let entries = world.log.entries.lock().clone();
        let keep = if case == "beyond the head" { 1_000 } else { 100 };
        if case != "other id" {
            // The log was rolled back, and in the last case grew again with other facts.
            world.log.entries.lock().truncate(keep);
            world.model.retain(|_, entry| entry.position <= keep as u64);
        }
        if case == "other past" {
            let mut log = world.log.entries.lock();
            for position in keep as u64 + 1..=3_000 {
                let entry = KeyEntry { key: world.rng.key(), content: [2; 8], position };
                world.model.insert(entry.key, entry);
                log.push(entry);
            }
        }
        let head = world.log.entries.lock().len() as u64;
        let id = if case == "other id" { [8; 16] } else { LOG_ID };
        let source: Arc<TestLog> = Arc::clone(&world.log);
        let mut index = KeyIndex::open_with(world.store.clone(), id, head, source, world.shape);
        assert_eq!(index.covered(), 0, "{case}");
        assert!(world.dir.path().join("sled.bad-1").exists(), "{case}");
        world.log.entries.lock().iter().for_each(|entry| index.insert(*entry));
        for entry in entries {
            let found = index.reader().find(&entry.key).unwrap();
            assert_eq!(found, world.model.get(&entry.key).copied(), "{case}");
        }
    }
}

#[test]
fn when_the_log_cannot_be_read_either_the_answer_is_an_error() {
    let mut world = World::new(11, small());
    world.grow(2_000);
    world.settle();
    world.log.broken.store(true, Relaxed);
    world.store.faults().arm(Op::Get, Fault::Error, 0, u64::MAX);
    let entry = world.log.entries.lock()[0];
    let reader = world.index.as_ref().unwrap().reader();
    assert!(matches!(reader.find(&entry.key), Err(KeyError::Source(_))));
    world.log.broken.store(false, Relaxed);
    assert_eq!(reader.find(&entry.key), Ok(Some(entry)), "and goes on when it can");
}

#[test]
fn a_hang_costs_one_bounded_wait_and_then_memory_answers() {
    let mut world = World::new(12, small());
    world.grow(3_000);
    world.settle();
    world.store.faults().arm(Op::Get, Fault::Hang, 0, u64::MAX);
    let began = Instant::now();
    world.ask_all();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!((world.wrong, world.errors), (0, 0));
    world.store.faults().clear();
}

#[test]
fn other_threads_see_right_answers_while_the_writer_inserts_and_sled_fails() {
    let mut world = World::new(13, small());
    world.grow(1_000);
    let stop = AtomicBool::new(false);
    let reader = world.index.as_ref().unwrap().reader();
    let log = Arc::clone(&world.log);
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let (reader, log, stop) = (reader.clone(), &log, &stop);
            scope.spawn(move || {
                let mut rng = Rng(seed);
                while !stop.load(Relaxed) {
                    let entry = {
                        let entries = log.entries.lock();
                        // The last one may be in the log and not yet in the index.
                        entries[rng.below(entries.len() as u64 - 1) as usize]
                    };
                    assert_eq!(reader.find(&entry.key), Ok(Some(entry)));
                    assert_eq!(reader.find(&rng.key()), Ok(None));
                }
            });
        }
        world.grow(4_000);
        world.store.faults().arm(Op::Get, Fault::Error, 10, 1);
        world.grow(6_000);
        world.store.faults().arm(Op::Put, Fault::Panic, 10, 1);
        world.grow(8_000);
        stop.store(true, Relaxed);
    });
    assert_eq!((world.wrong, world.errors), (0, 0));
}
