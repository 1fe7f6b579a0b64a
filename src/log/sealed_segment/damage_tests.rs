//! Damage of a sealed segment (G5): harmless, or reported by name; never silent, never a panic.
//!
//! The null control takes the checksums out and must then see silent damage, else the test proves nothing.

use std::fs;
use std::ops::ControlFlow;

use super::tests::{CRC_OFF, NAME, Sealed, Shape, collect, example, in_order, seal};
use super::{ChunkCache, SealedSegment, SegmentError};
use crate::log::select::Select;
use crate::log::sim::Rng;
use crate::log::testing::harm;

fn facts() -> Vec<Shape> {
    (0..700u64)
        .map(|i| Shape {
            tenant: (i % 3) as u8,
            group: (i / 3 % 2) as u8,
            tag: (i % 2) as u8,
            subject: i / 4,
            erased: i % 50 == 0,
            original: if i % 90 == 0 { 33_000 } else { 300 + i as usize % 100 },
            time: i as i64 * 1_000_000,
            ..example()
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Harmless,
    Reported,
    Silent,
}

fn named(error: &SegmentError) -> Outcome {
    match error {
        SegmentError::Damaged(violation) if violation.file == NAME && !violation.what.is_empty() => {
            Outcome::Reported
        }
        SegmentError::Io { file, .. } if file == NAME => Outcome::Reported,
        SegmentError::Io { .. }
        | SegmentError::Damaged(_)
        | SegmentError::NewerFormat { .. }
        | SegmentError::NotHere(_)
        | SegmentError::Refused(_)
        | SegmentError::Record { .. } => Outcome::Silent,
    }
}

/// Reads in every way but `verify`; what is handed out must be what was sealed, up to where an error is reported.
fn read_all(sealed: &Sealed) -> Outcome {
    let segment = match SealedSegment::open(&sealed.disk, NAME, &ChunkCache::new(1 << 20)) {
        Ok(segment) => segment,
        Err(error) => return named(&error),
    };
    let originals = Select { originals: true, ..Select::all() };
    let mut outcome = Outcome::Harmless;
    let mut note = |result: Result<bool, SegmentError>| match result {
        Ok(true) => {}
        Ok(false) => outcome = Outcome::Silent,
        Err(error) if outcome != Outcome::Silent => outcome = named(&error),
        Err(_) => {}
    };
    note(in_order(&segment, 0, u64::MAX).map(|records| records == sealed.records));
    note(collect(&segment, &originals).map(|records| records == sealed.records));
    let mut as_sealed = true;
    let handed_out = segment.in_order(0, u64::MAX, false, &mut |position, record| {
        let sealed = sealed.records.get(position as usize - 1).and_then(|record| record.view().ok());
        as_sealed &= sealed.is_some_and(|s| s.header == record.header && s.public == record.public);
        ControlFlow::Continue(())
    });
    note(Ok(as_sealed));
    note(handed_out.map(|()| true));
    for record in sealed.records.iter().step_by(7) {
        note(segment.read(record.position).map(|found| found == *record));
    }
    outcome
}

/// Whether opening or verifying finds anything; each finding must name this file.
fn verified(sealed: &Sealed) -> bool {
    let mut found = Vec::new();
    match sealed.open() {
        Ok(segment) => segment.verify(&mut found),
        Err(error) => {
            assert_eq!(named(&error), Outcome::Reported, "{error}");
            return true;
        }
    }
    assert!(found.iter().all(|violation| violation.file == NAME), "{found:?}");
    !found.is_empty()
}

fn harms() -> u64 {
    crate::testing::rounds(200, 10_000)
}

fn rounds(mut each: impl FnMut(&Sealed, &str, bool)) {
    let sealed = seal(0, &facts());
    let path = sealed.dir.path().join(NAME);
    let good = fs::read(&path).unwrap();
    for seed in 0..harms() {
        let mut bytes = good.clone();
        let what = harm(&mut bytes, &mut Rng::new(seed));
        fs::write(&path, &bytes).unwrap();
        each(&sealed, &format!("seed {seed}: {what}"), bytes != good);
    }
}

#[test]
fn damage_anywhere_is_harmless_or_reported_by_name() {
    rounds(|sealed, what, changed| {
        assert_ne!(read_all(sealed), Outcome::Silent, "{what}");
        assert_eq!(verified(sealed), changed, "verify sees exactly what changed; {what}");
    });
}

#[test]
fn without_checksums_the_same_damage_is_silent() {
    CRC_OFF.set(true);
    let (mut silent, mut unseen) = (0_u64, 0_u64);
    rounds(|sealed, _, changed| {
        silent += u64::from(read_all(sealed) == Outcome::Silent);
        unseen += u64::from(changed && !verified(sealed));
    });
    CRC_OFF.set(false);
    assert!(silent >= harms() / 10, "the test sees damage when the protection is out: {silent}");
    assert!(unseen <= harms() / 50, "leaves and root still find nearly all of it: {unseen}");
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let sealed = seal(0, &[example()]);
    let path = sealed.dir.path().join(NAME);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8..12].copy_from_slice(&7u32.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..12]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let error = sealed.open().err().unwrap();
    assert!(matches!(error, SegmentError::NewerFormat { version: 7, .. }), "{error}");
    assert!(error.to_string().contains("format 7"), "{error}");
}

/// Every byte of a small file, each of its bits: none is outside of a checksum.
#[test]
fn no_bit_of_the_file_is_unprotected() {
    let sealed = seal(3, &[example(), Shape { group: 2, original: 0, ..example() }]);
    let path = sealed.dir.path().join(NAME);
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        assert!(verified(&sealed), "byte {at} of {}", good.len());
    }
}
