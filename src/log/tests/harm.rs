//! Harm by chance and on purpose to a closed log: damage of any file (G5), and histories that were forged with every
//! checksum and hash made right (G6).

use std::sync::Arc;

use bytes::Bytes;
use domain::record::Record;
use tlog_tiles::{Hash as TlogHash, check_record};

use crate::log::disk::Disk;
use crate::log::sealed_segment::tests::CRC_OFF;
use crate::log::sim::{Rng, SimDisk};
use crate::log::testing::{fact, harm, options};
use crate::log::tree::TreeReader;
use crate::log::{Head, Log, LogError, LogSnapshot, Protections, high_water, verify};
use crate::testing::rounds;

const FACTS: u64 = 110;

/// A fact of a history: its number, which of its contents, and the length of its original.
type Told = (u64, u64, usize);

fn told() -> Vec<Told> {
    (0..FACTS).map(|n| (n, 0, if n % 20 == 7 { 40_000 } else { 60 })).collect()
}

/// A closed log of this history: sealed segments, an open one, blobs and the mark. Equal histories give equal files.
fn closed(history: &[Told]) -> SimDisk {
    let sim = SimDisk::new(5);
    let (log, _) = Log::open(Arc::new(sim.clone()), &options(Protections::default())).unwrap();
    for (n, content, original) in history {
        log.append(vec![fact(*n, *content, *original)]).unwrap().wait().unwrap();
    }
    log.close();
    sim
}

fn disk(sim: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(sim.clone())
}

/// A record and its original, as a log hands them out.
type HandedOut = (Record, Bytes);

fn handed_out(log: &LogSnapshot) -> Result<Vec<HandedOut>, LogError> {
    let records = (1..=log.head().position).map(|position| {
        let record = log.read(position)?.expect("no position is left out");
        let view = record.view().map_err(|error| LogError::Record { position, error })?;
        let original = log.original(&view)?;
        Ok((record, original))
    });
    records.collect()
}

/// What came of harm to a file.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Outcome {
    /// Everything is as it was.
    Harmless,
    /// The walk of the files names it.
    Named,
    /// Something else is there, and nobody says so.
    Silent,
}

/// What an audit and a start with these protections make of it.
fn outcome(sim: &SimDisk, path: &str, whole: &[HandedOut]) -> Outcome {
    let report = verify::verify(&disk(sim));
    // A file that ends early, where a frame ends, is whole by itself: what is missing is named by the mark.
    if report.violations.iter().any(|violation| [path, high_water::PATH].contains(&violation.file.as_str())) {
        return Outcome::Named;
    }
    let started = read_without_audit(sim, whole, Protections::default());
    if report.violations.is_empty() { started } else { Outcome::Silent }
}

/// What a start and its readers make of it.
fn read_without_audit(sim: &SimDisk, whole: &[HandedOut], protections: Protections) -> Outcome {
    let Ok((log, _)) = Log::open(disk(sim), &options(protections)) else { return Outcome::Named };
    let outcome = match handed_out(&log.snapshot()) {
        Ok(found) if found == whole => Outcome::Harmless,
        Ok(_) => Outcome::Silent,
        Err(_) => Outcome::Named,
    };
    log.close();
    outcome
}

#[test]
fn g5_harm_to_any_file_of_a_log_is_harmless_or_named() {
    let whole = closed(&told());
    let (log, _) = Log::open(disk(&whole.copy(1)), &options(Protections::default())).unwrap();
    let records = handed_out(&log.snapshot()).unwrap();
    log.close();
    let (mut harmless, mut unguarded, rounds) = (0, 0, rounds(200, 10_000));
    for seed in 0..rounds {
        let (sim, mut rng) = (whole.copy(seed), Rng::new(seed));
        let paths = sim.paths();
        let path = &paths[rng.below(paths.len() as u64) as usize];
        let mut bytes = sim.contents(path).unwrap();
        let what = harm(&mut bytes, &mut rng);
        sim.overwrite(path, &bytes);
        CRC_OFF.set(true);
        let unread = read_without_audit(&sim.copy(seed), &records, Protections::without_crc());
        CRC_OFF.set(false);
        unguarded += u64::from(unread == Outcome::Silent);
        let outcome = outcome(&sim, path, &records);
        assert_ne!(outcome, Outcome::Silent, "seed {seed}, {path}: {what}");
        harmless += u64::from(outcome == Outcome::Harmless);
    }
    eprintln!("{rounds} files harmed: {harmless} harmless, the others named, none silent");
    assert!(harmless < rounds / 2, "{harmless} of {rounds}: too little was harmed to prove anything");
    assert!(
        unguarded > rounds / 50,
        "null control: {unguarded} of {rounds} are silent without checksums and audit"
    );
}

/// What a forger does to a history.
fn forged(rng: &mut Rng) -> (Vec<Told>, String) {
    let mut history = told();
    let at = rng.below(FACTS) as usize;
    let what = match rng.below(6) {
        0 => {
            history[at].1 = 1 + rng.below(9);
            format!("fact {at} has other content")
        }
        1 => {
            history[at].2 += 1 + rng.below(50) as usize;
            format!("fact {at} has another original")
        }
        2 => {
            history.remove(at);
            format!("fact {at} is left out")
        }
        3 => {
            history.insert(at, (1_000 + rng.below(9), 0, 60));
            format!("a fact stands before {at}")
        }
        4 => {
            let other = (at + 1 + rng.below(FACTS - 1) as usize) % FACTS as usize;
            history.swap(at, other);
            format!("facts {at} and {other} are exchanged")
        }
        _ => {
            history.truncate(at);
            format!("the log ends before {at}")
        }
    };
    (history, what)
}

/// Whether a log had this head: what an audit asks that was given a signed checkpoint.
fn had(log: &LogSnapshot, kept: Head) -> bool {
    log.head().position >= kept.position && log.root_at(kept.position).unwrap() == kept.root
}

/// Whether the proof that a log makes of a fact leads to this head.
fn is_proven(log: &LogSnapshot, size: u64, index: u64, kept: Head) -> bool {
    let mut tree = TreeReader::new(log, size, false);
    let leaf = TlogHash(tree.leaf(index).unwrap());
    let path = tree.inclusion(index).unwrap().into_iter().map(TlogHash).collect();
    check_record(&path, kept.position, TlogHash(kept.root), index, leaf).is_ok()
}

#[test]
fn g6_a_history_that_was_forged_with_every_hash_made_right_is_found_by_a_checkpoint_and_by_proofs() {
    let (log, _) = Log::open(disk(&closed(&told())), &options(Protections::default())).unwrap();
    let (kept, snapshot) = (log.head(), log.snapshot());
    assert_eq!(kept.position, FACTS);
    assert!(had(&snapshot, kept), "null control: the log itself");
    assert!((0..FACTS).all(|index| is_proven(&snapshot, FACTS, index, kept)), "null control: its own proofs");
    let rounds = rounds(100, 10_000);
    for seed in 0..rounds {
        let (history, what) = forged(&mut Rng::new(seed));
        let sim = closed(&history);
        if seed < 20 {
            assert_eq!(
                verify::verify(&disk(&sim)).violations,
                [],
                "null control: by itself it is whole; {what}"
            );
        }
        let (forgery, _) = Log::open(disk(&sim), &options(Protections::default())).unwrap();
        let shown = forgery.snapshot();
        assert!(!had(&shown, kept), "seed {seed}: {what}");
        // Offline: whatever proof the forger makes of a fact that was changed does not lead to the root that was kept.
        let size = shown.head().position;
        let changed = (0..size.min(FACTS)).find(|index| history[*index as usize] != told()[*index as usize]);
        if let Some(index) = changed {
            assert!(!is_proven(&shown, size, index, kept), "seed {seed}: {what}");
        }
        forgery.close();
    }
    eprintln!("{rounds} forged histories, all found");
    log.close();
}
