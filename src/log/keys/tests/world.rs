//! A log, a model of it and an index over a real sled: the writer's side of the tests.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use domain::keys::KeyHash;
use parking_lot::Mutex;

use crate::log::keys::run::Run;
use crate::log::keys::{IndexState, KeyEntry, KeyIndex, KeySource, Shape, SourceError};
use crate::store::{Store, Waits};

pub(super) const LOG_ID: [u8; 16] = [7; 16];

/// A small deterministic generator (splitmix64).
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn key(&mut self) -> KeyHash {
        let mut key = [0; 11];
        key[..8].copy_from_slice(&self.next().to_be_bytes());
        key[8..].copy_from_slice(&self.next().to_be_bytes()[..3]);
        key
    }
}

/// The log: entries in position order.
#[derive(Default)]
pub(super) struct TestLog {
    pub(super) entries: Mutex<Vec<KeyEntry>>,
    pub(super) broken: AtomicBool,
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

pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
    pub(super) log: Arc<TestLog>,
    pub(super) model: HashMap<KeyHash, KeyEntry>,
    pub(super) rng: Rng,
    pub(super) shape: Shape,
    pub(super) store: Store,
    pub(super) index: Option<KeyIndex>,
    pub(super) wrong: u64,
    pub(super) errors: u64,
}

pub(super) fn small() -> Shape {
    Shape {
        run_entries: 128,
        chunk_entries: 16,
        fan: 4,
        level_max: 3,
        retry: Duration::from_millis(5),
        samples: 4,
        check: true,
    }
}

impl World {
    pub(super) fn new(seed: u64, shape: Shape) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = store_in(dir.path());
        let (log, model, rng) = (Arc::default(), HashMap::new(), Rng(seed));
        let mut world = Self { dir, log, model, rng, shape, store, index: None, wrong: 0, errors: 0 };
        world.open();
        world
    }

    /// Opens as the log does: what the index does not cover is inserted.
    pub(super) fn open(&mut self) {
        let entries = self.log.entries.lock().clone();
        let source: Arc<TestLog> = Arc::clone(&self.log);
        let head = entries.len() as u64;
        let mut index = KeyIndex::open_with(self.store.clone(), LOG_ID, head, source, self.shape)
            .expect("no position beyond the head");
        assert!(index.covered() <= head);
        entries[index.covered() as usize..].iter().for_each(|entry| index.insert(*entry));
        self.index = Some(index);
    }

    pub(super) fn close(&mut self) {
        self.index = None;
        self.store.close();
        // A new process.
        self.store = store_in(self.dir.path());
    }

    /// Waits until the keeper has nothing more to do.
    pub(super) fn wait_until_idle(&self) {
        let began = Instant::now();
        let index = self.index.as_ref().unwrap();
        let waiting = || {
            let runs = index.shared.runs();
            // A merge that is still to come would read chunks, and take a fault meant for the caller.
            runs.iter().any(|run| !matches!(run, Run::Sled(_)))
                || index.shared.mergeable(&runs, self.shape.level_max, |_| true).is_some()
        };
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
    pub(super) fn group(&mut self) {
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

    pub(super) fn grow(&mut self, to: usize) {
        while self.model.len() < to {
            self.group();
        }
    }

    /// Asks for every key there is, and for as many others.
    pub(super) fn ask_all(&mut self) {
        let reader = self.index.as_ref().unwrap().reader();
        // A copy, because a repair reads the log.
        let entries = self.log.entries.lock().clone();
        for entry in &entries {
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

    pub(super) fn files(&self) -> Vec<PathBuf> {
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

    pub(super) fn damage_a_file(&mut self) {
        let files = self.files();
        if files.is_empty() {
            return;
        }
        let path = &files[self.rng.below(files.len() as u64) as usize];
        // A database that is being set aside meanwhile has left.
        let Ok(mut bytes) = fs::read(path) else { return };
        let at = |rng: &mut Rng| rng.below(bytes.len().max(1) as u64) as usize;
        match self.rng.below(5) {
            0 => drop(fs::remove_file(path)),
            1 => {
                let keep = at(&mut self.rng);
                let _ = fs::write(path, &bytes[..keep]);
            }
            2 if !bytes.is_empty() => {
                let from = at(&mut self.rng) & !511;
                let upto = bytes.len().min(from + 512);
                bytes[from..upto].fill(0);
                let _ = fs::write(path, &bytes);
            }
            _ => {
                for _ in 0..1 + self.rng.below(20) {
                    let place = self.rng.below(bytes.len().max(1) as u64) as usize;
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << self.rng.below(8);
                    }
                }
                let _ = fs::write(path, &bytes);
            }
        }
    }
}

pub(super) fn store_in(dir: &Path) -> Store {
    let millis = Duration::from_millis;
    Store::with_waits(
        &dir.join("sled"),
        Waits { open: millis(1_500), read: millis(400), write: millis(1_000) },
    )
}
