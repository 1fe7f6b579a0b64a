//! Nodes, tiles and proofs of sealed and unsealed facts, checked by another implementation of the specifications.

use std::sync::Arc;

use tlog_tiles::{Hash as TlogHash, Tile, TreeProof, check_record, check_tree, tree_hash};

use super::*;
use crate::log::disk::RealDisk;
use crate::log::testing::{draft, options};
use crate::log::{Log, Protections};

/// A log of so many facts, most of them sealed by 40.
fn log(facts: u64) -> (tempfile::TempDir, Log) {
    let dir = tempfile::tempdir().expect("directory");
    let (log, _) =
        Log::open(Arc::new(RealDisk::new(dir.path())), &options(Protections::default())).expect("opens");
    for n in 0..facts.div_ceil(20) {
        let drafts = (n * 20..(n * 20 + 20).min(facts)).map(|n| draft(n, 60)).collect();
        log.append(drafts).expect("queued").wait().expect("recorded");
    }
    (dir, log)
}

/// Leaves of the first `size` facts, read one by one.
fn leaves(log: &Log, size: u64) -> Vec<Hash> {
    let read =
        |position| log.read(position).expect("reads").expect("a record").view().expect("a view").leaf();
    (1..=size).map(read).collect()
}

/// The hashes of the tlog implementation, kept as it stores them.
struct Stored(Vec<TlogHash>);

impl tlog_tiles::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<TlogHash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

fn stored(leaves: &[Hash]) -> Stored {
    let mut stored = Stored(Vec::new());
    for (n, leaf) in (0..).zip(leaves) {
        let hashes = tlog_tiles::stored_hashes_for_record_hash(n, TlogHash(*leaf), &stored).expect("hashes");
        stored.0.extend(hashes);
    }
    stored
}

fn theirs(hashes: Vec<Hash>) -> TreeProof {
    hashes.into_iter().map(TlogHash).collect()
}

#[test]
fn proofs_of_every_fact_and_size_hold_by_an_independent_verifier_and_a_changed_one_does_not() {
    let (_dir, log) = log(203);
    let (leaves, snapshot) = (leaves(&log, 203), log.snapshot());
    assert!(snapshot.sealed() > 64, "sealed up to {}", snapshot.sealed());
    let stored = stored(&leaves);
    for size in [1, 2, 3, 40, 41, 63, 64, 65, 127, 128, 200, 203] {
        let root = tree_hash(size, &stored).expect("a root");
        let mut tree = TreeReader::new(&snapshot, size, false);
        assert_eq!(TlogHash(tree.root().expect("a root")), root, "of {size}");
        for index in 0..size {
            let leaf = TlogHash(leaves[index as usize]);
            let proof = theirs(tree.inclusion(index).expect("a proof"));
            check_record(&proof, size, root, index, leaf).expect("it holds");
            let other = TlogHash(leaves[(index as usize + 1) % leaves.len()]);
            assert!(check_record(&proof, size, root, index, other).is_err(), "null control: another leaf");
            if let Some(last) = proof.len().checked_sub(1) {
                let mut changed = proof.clone();
                changed[last].0[5] ^= 1;
                assert!(
                    check_record(&changed, size, root, index, leaf).is_err(),
                    "null control: another hash"
                );
            }
        }
        for from in 1..=size {
            let old = tree_hash(from, &stored).expect("a root");
            let proof = theirs(tree.consistency(from).expect("a proof"));
            check_tree(&proof, size, root, from, old).expect("it holds");
            assert!(check_tree(&proof, size, root, from, TlogHash([7; 32])).is_err(), "null control");
        }
    }
    log.close();
}

#[test]
fn tiles_are_those_of_the_specification() {
    let (_dir, log) = log(600);
    let (leaves, snapshot) = (leaves(&log, 600), log.snapshot());
    let stored = stored(&leaves);
    for (level, index, width) in [(0, 0, 256), (0, 1, 256), (0, 2, 88), (0, 2, 1), (1, 0, 2), (1, 0, 1)] {
        let tile = Tile::new(8, level, index, width as u32, false).read_data(&stored).expect("a tile");
        let ours = snapshot.tile(u32::from(level), index, width).expect("reads");
        assert_eq!(ours, Some(tile), "{level}/{index} of {width}");
    }
    for (level, index, width) in
        [(0, 2, 89), (0, 3, 1), (1, 0, 3), (2, 0, 1), (0, 0, 0), (0, 0, 257), (63, 0, 1), (0, u64::MAX, 1)]
    {
        assert_eq!(snapshot.tile(level, index, width).expect("reads"), None, "{level}/{index} of {width}");
    }
    log.close();
}

#[test]
fn many_leaves_are_proven_by_one_list() {
    let (_dir, log) = log(203);
    let (leaves, snapshot) = (leaves(&log, 203), log.snapshot());
    for by_segment in [false, true] {
        for indexes in [vec![], vec![0], vec![202], vec![0, 1, 2, 3, 64, 77, 150, 202], (0..203).collect()] {
            let mut tree = TreeReader::new(&snapshot, 203, by_segment);
            let proof = tree.many(&indexes).expect("a proof");
            let picked: Vec<(u64, Hash)> =
                indexes.iter().map(|index| (*index, leaves[*index as usize])).collect();
            let root = Some(snapshot.head().root);
            assert_eq!(root_of_many(203, &picked, &proof), root, "{indexes:?}");
            assert!(proof.len() <= 1 + 8 * indexes.len(), "{} hashes", proof.len());
            let mut wrong = picked.clone();
            if let Some(one) = wrong.last_mut() {
                one.1[3] ^= 1;
                assert_ne!(root_of_many(203, &wrong, &proof), root, "null control: another leaf");
                let fewer = &picked[1..];
                assert_ne!(root_of_many(203, fewer, &proof), root, "null control: a leaf left out");
                // The path of an early leaf is the same in trees of both sizes; that of the last one is not.
                let is_other = root_of_many(204, &picked, &proof) != root;
                assert!(is_other || !indexes.contains(&202), "null control: another size");
            }
        }
    }
    log.close();
}
