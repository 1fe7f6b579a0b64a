//! A model knows every key; sled is deleted, damaged, hung and made to fail at any moment: no answer may be wrong.

mod world;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use domain::keys::KeyHash;

use super::{BeyondHead, KeyEntry, KeyError, KeyIndex, Shape};
use crate::store::faults::{Fault, Op};
use world::{LOG_ID, Rng, TestLog, World, small};

/// Cases per test: the gate's number, or that of the variable for long runs.
fn cases(few: u64) -> u64 {
    std::env::var("FACTFOLD_KEY_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

#[test]
fn every_key_is_found_in_tail_runs_and_merged_runs_and_after_opening_again() {
    let mut world = World::new(1, small());
    world.grow(6_000);
    world.ask_all();
    world.wait_until_idle();
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
                world.wait_until_idle();
            }
            world.close();
        }
        match world.rng.below(8) {
            0 => drop(fs::remove_dir_all(world.dir.path().join("sled"))),
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
        world.wait_until_idle();
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
    world.wait_until_idle();
    world.store.faults().arm(Op::Get, Fault::Flip, 0, 1);
    world.ask_all();
    world.store.faults().clear();
    world.wait_until_idle();
    world.ask_all();
    assert_eq!(world.index.as_ref().unwrap().reader().audit(), Ok(0));
    assert!(!world.dir.path().join("sled.bad-1").exists(), "the database itself was kept");
    assert_eq!((world.wrong, world.errors), (0, 0));
}

#[test]
fn the_audit_finds_a_damaged_run_that_nobody_asked_for() {
    let mut world = World::new(4, small());
    world.grow(2_000);
    world.wait_until_idle();
    world.store.faults().arm(Op::Get, Fault::Flip, 5, 1);
    assert_eq!(world.index.as_ref().unwrap().reader().audit(), Ok(1));
    world.store.faults().clear();
    world.ask_all();
    assert_eq!((world.wrong, world.errors), (0, 0));
}

/// The log is rolled back to `keep` facts, grows with others up to `head`, and meets the sled that it had before.
/// Gives the number of wrong answers and whether sled was set aside.
fn another_past(shape: Shape, id: [u8; 16], keep: usize, head: usize) -> (u64, bool) {
    let mut world = World::new(9, shape);
    world.grow(3_000);
    world.wait_until_idle();
    world.close();
    let before = world.log.entries.lock().clone();
    let mut entries = before[..keep].to_vec();
    let others = (keep as u64 + 1..=head as u64).map(|position| (position, world.rng.key()));
    entries.extend(others.map(|(position, key)| KeyEntry { key, content: [2; 8], position }));
    world.log.entries.lock().clone_from(&entries);
    world.model = entries.iter().map(|entry| (entry.key, *entry)).collect();
    let source: Arc<TestLog> = Arc::clone(&world.log);
    let index = KeyIndex::open_with(world.store.clone(), id, entries.len() as u64, source, shape);
    let mut index = index.expect("no position beyond the head");
    entries.iter().skip(index.covered() as usize).for_each(|entry| index.insert(*entry));
    let reader = index.reader();
    let wrong = before.iter().chain(&entries).filter(|entry| {
        let found = reader.find(&entry.key);
        found != Ok(world.model.get(&entry.key).copied())
    });
    (wrong.count() as u64, world.dir.path().join("sled.bad-1").exists())
}

#[test]
fn sled_of_another_log_or_of_another_past_is_set_aside() {
    assert_eq!(another_past(small(), [8; 16], 3_000, 3_000), (0, true), "another log's id");
    assert_eq!(another_past(small(), LOG_ID, 100, 3_500), (0, true), "grown over");
    assert_eq!(another_past(small(), LOG_ID, 3_000, 3_500), (0, false), "the same log");
}

#[test]
fn sled_that_knows_a_position_beyond_the_head_is_told_and_stays() {
    let mut world = World::new(9, small());
    world.grow(3_000);
    world.wait_until_idle();
    world.close();
    for _ in 0..2 {
        let source: Arc<TestLog> = Arc::clone(&world.log);
        let opened = KeyIndex::open_with(world.store.clone(), LOG_ID, 1_000, source, small());
        assert!(opened.is_err_and(|BeyondHead(position)| (1_001..=3_000).contains(&position)));
    }
    assert!(!world.dir.path().join("sled.bad-1").exists());
}

#[test]
fn without_samples_a_log_that_grew_over_another_past_gets_wrong_answers() {
    let (wrong, _) = another_past(Shape { samples: 0, ..small() }, LOG_ID, 100, 3_500);
    assert!(wrong > 0, "then the samples protect from nothing");
}

#[test]
fn when_the_log_cannot_be_read_either_the_answer_is_an_error() {
    let mut world = World::new(11, small());
    world.grow(2_000);
    world.wait_until_idle();
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
    world.wait_until_idle();
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
