//! Damage of the journal: reported by file and position, never cut or passed over in silence.

use super::*;
use crate::log::open_segment::{self, FRAMES_AT};

fn damage(sim: &SimDisk, path: &str, at: usize) {
    let mut bytes = sim.contents(path).unwrap();
    bytes[at] ^= 0x10;
    sim.overwrite(path, &bytes);
}

#[test]
fn damage_before_a_later_group_is_reported_and_not_cut() {
    let (sim, disk) = sim(5);
    let mut writer = writer(&disk).unwrap();
    for n in 0..3 {
        writer.group(&[&draft(n, 10)]).unwrap();
    }
    let path = open_segment::path(1);
    // Even without a mark: the third group proves that the second was durable.
    sim.lose(high_water::PATH);
    let whole = sim.contents(&path).unwrap();
    damage(&sim, &path, FRAMES_AT as usize + 90);
    let before = sim.contents(&path);
    let error = recover(&disk, &options(Protections::default()), None).err().unwrap();
    assert!(matches!(error, LogError::Damaged { offset: FRAMES_AT, .. }), "{error}");
    assert_eq!(sim.contents(&path), before, "evidence is left as it is");
    sim.overwrite(&path, &whole);
    assert!(recover(&disk, &options(Protections::default()), None).is_ok());
}

#[test]
fn a_tail_lost_below_the_mark_is_named() {
    let (sim, disk) = sim(6);
    let mut writer = writer(&disk).unwrap();
    for n in 0..3 {
        writer.group(&[&draft(n, 10)]).unwrap();
    }
    writer.close();
    let path = open_segment::path(1);
    let bytes = sim.contents(&path).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    damage(&sim, &path, last);
    let error = recover(&disk, &options(Protections::default()), None).err().unwrap();
    assert!(matches!(error, LogError::LostTail { mark: 3, found: 2 }), "{error}");
    sim.lose(&path);
    let error = recover(&disk, &options(Protections::default()), None).err().unwrap();
    assert!(matches!(error, LogError::LostTail { mark: 3, found: 0 }), "{error}");
}

#[test]
fn an_open_segment_cut_short_is_damage_wherever_it_was_cut() {
    let (sim, disk) = sim(6);
    let mut writer = writer(&disk).unwrap();
    writer.group(&[&draft(1, 10)]).unwrap();
    let (path, end) = (open_segment::path(1), writer.segment.end() as usize);
    let whole = sim.contents(&path).unwrap();
    for mark in [true, false] {
        if !mark {
            sim.lose(high_water::PATH);
        }
        for len in [0, 8, 59, 60, 61, 300, 2_048, FRAMES_AT as usize - 1] {
            sim.overwrite(&path, &whole[..len]);
            let error = recover(&disk, &options(Protections::default()), None).err().unwrap();
            assert!(matches!(error, LogError::Damaged { .. }), "{len} bytes: {error}");
            let violations = verify::verify(&disk).violations;
            assert!(violations.iter().any(|violation| violation.file == path), "{len} bytes: {violations:?}");
        }
        sim.overwrite(&path, &whole);
    }
    // Behind the last frame lie zeros alone: a cut there loses nothing.
    sim.overwrite(&path, &whole[..end]);
    assert_eq!(recover(&disk, &options(Protections::default()), None).unwrap().1.head.position, 1);
}

/// A log of 2,300 facts with a sealed segment, and an open one.
fn sealed_and_open(seed: u64) -> (SimDisk, Arc<dyn Disk>, LogOptions) {
    let (sim, disk) = sim(seed);
    let sizes = Sizes { seal_facts: 1_000, ..Sizes::default() };
    let options = LogOptions { sizes, ..options(Protections::default()) };
    let mut writer = recover(&disk, &options, None).unwrap().0;
    for group in 0..23 {
        let drafts: Vec<Draft> = (group * 100..group * 100 + 100).map(|n| draft(n, 10)).collect();
        writer.group(&drafts.iter().collect::<Vec<_>>()).unwrap();
    }
    writer.close();
    (sim, disk, options)
}

#[test]
fn a_lower_mark_is_taken_only_if_its_root_is_this_logs_there() {
    let (sim, disk, options) = sealed_and_open(12);
    let own = |position: u64| {
        let mut tree = merkle::Frontier::new();
        let log = Log::open(Arc::clone(&disk), &options).unwrap().0;
        log.snapshot()
            .in_order(1, position, true, &mut |_, record| {
                tree.push(record.leaf());
                ControlFlow::Continue(())
            })
            .unwrap();
        log.close();
        tree.head()
    };
    let marked = |head: &merkle::Head| {
        sim.lose(high_water::PATH);
        let (mut mark, _) = high_water::HighWater::open(&*disk).unwrap();
        mark.set(head).unwrap();
        let violations = verify::verify(&disk).violations;
        (recover(&disk, &options, None).map(|_| ()), violations)
    };
    // In a sealed segment, at the end of one, and in the open one.
    for head in [0, 100, 1_000, 1_100, 2_000, 2_100, 2_300].map(own) {
        let position = head.position;
        let (opened, violations) = marked(&head);
        assert!(opened.is_ok() && violations.is_empty(), "{position}: {violations:?}");
        let (opened, violations) = marked(&merkle::Head { root: [7; 32], ..head });
        assert!(matches!(opened, Err(LogError::Damaged { .. })), "{position}");
        assert_eq!(violations.iter().map(|v| v.file.as_str()).collect::<Vec<_>>(), [high_water::PATH]);
    }
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let (sim, disk) = sim(7);
    writer(&disk).unwrap().group(&[&draft(1, 10)]).unwrap();
    let path = open_segment::path(1);
    let mut bytes = sim.contents(&path).unwrap();
    bytes[8] = 3;
    sim.overwrite(&path, &bytes);
    let error = recover(&disk, &options(Protections::default()), None).err().unwrap();
    assert!(matches!(&error, LogError::NewerFormat { found: 3, known: 2, .. }), "{error}");
}

#[test]
fn an_older_format_is_refused_by_name_and_left_as_it_is() {
    let (sim, disk) = sim(7);
    writer(&disk).unwrap().group(&[&draft(1, 10)]).unwrap();
    let path = open_segment::path(1);
    let mut bytes = sim.contents(&path).unwrap();
    bytes[8] = 1;
    sim.overwrite(&path, &bytes);
    let error = recover(&disk, &options(Protections::default()), None).err().unwrap();
    assert!(matches!(&error, LogError::OlderFormat { found: 1, known: 2, .. }), "{error}");
    assert_eq!(sim.contents(&path), Some(bytes));
}

#[test]
fn a_torn_group_keeps_its_first_whole_frames_and_nothing_of_a_torn_one() {
    let sizes = Sizes { fill_step: 1 << 20, ..Sizes::default() };
    let options = || LogOptions { sizes, ..options(Protections::default()) };
    let (sim, disk) = sim(9);
    let mut writer = recover(&disk, &options(), None).unwrap().0;
    writer.group(&[&draft(0, 10)]).unwrap();
    let mark = sim.contents(high_water::PATH).unwrap();
    let (path, begin) = (open_segment::path(1), writer.segment.end() as usize);
    let drafts: Vec<Draft> = (1..=1_300).map(|n| draft(n, 10)).collect();
    let drafts: Vec<&Draft> = drafts.iter().collect();
    writer.group(&drafts).unwrap();
    let (whole, end) = (sim.contents(&path).unwrap(), writer.segment.end() as usize);
    let mut ends = vec![(begin, 1)];
    for committed in &writer.tail.frames_from(2) {
        let at = ends[ends.len() - 1].0 + outer_header::FileFrame::len(&committed.frame);
        ends.push((at, committed.frame.last()));
    }
    assert_eq!(ends.iter().map(|(_, last)| *last).collect::<Vec<_>>(), [1, 513, 1_025, 1_301]);

    let mut kept = std::collections::BTreeSet::new();
    let sectors = (begin / 512 + 1..end / 512).step_by(37).map(|sector| sector * 512);
    for at in ends.iter().map(|(at, _)| at.next_multiple_of(512)).chain(sectors).filter(|at| *at < end) {
        // The rest of the group never came, or one sector of it did not.
        for to in [end, at + 512] {
            let mut bytes = whole.clone();
            bytes[at..to].fill(0);
            let lost = whole.iter().zip(&bytes).position(|(a, b)| a != b).unwrap();
            let last = ends.iter().rev().find(|(end, _)| *end <= lost).unwrap().1;
            sim.overwrite(&path, &bytes);
            sim.overwrite(high_water::PATH, &mark);
            let (mut again, opened) = recover(&disk, &options(), None).unwrap();
            assert_eq!((opened.head.position, opened.torn.is_some()), (last, true), "{at}..{to}");
            kept.insert(last);
            let known = (2..=1_301).map(|n| if n <= last { Duplicate(n) } else { Recorded(n) });
            assert_eq!(again.group(&drafts).unwrap(), known.collect::<Vec<_>>(), "{at}..{to}");
        }
    }
    assert_eq!(kept.into_iter().collect::<Vec<_>>(), [1, 513, 1_025]);
    assert_eq!(verify::verify(&disk).violations, []);
}

#[test]
fn a_missing_segment_is_named() {
    let (sim, disk) = sim(8);
    let mut writer = writer(&disk).unwrap();
    for n in 0..30 {
        writer
            .group(&(n * 5..n * 5 + 5).map(|n| draft(n, 10)).collect::<Vec<_>>().iter().collect::<Vec<_>>())
            .unwrap();
    }
    writer.idle();
    let second = sim.paths().into_iter().filter(|path| path.ends_with(".sealed")).nth(1).unwrap();
    sim.lose(&second);
    let error = recover(&disk, &options(Protections::default()), None).err().unwrap();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    assert!(!verify::verify(&disk).violations.is_empty());
}
