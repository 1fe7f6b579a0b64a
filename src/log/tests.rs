//! The log as its users see it, on a real folder with its threads.

mod damage;
mod harm;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::record::Draft;

use super::disk::{Disk, RealDisk};
use super::plan::Appended::{Differs, Duplicate, Recorded};
use super::recover::recover;
use super::select::Select;
use super::sim::{Fault, SimDisk};
use super::testing::{draft, fact, options};
use super::writer::Writer;
use super::*;
use crate::testing::until;

const WAIT: Duration = Duration::from_secs(20);

fn real() -> (tempfile::TempDir, Arc<dyn Disk>) {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::new(dir.path()));
    (dir, disk)
}

fn open(disk: &Arc<dyn Disk>) -> (Log, Opened) {
    Log::open(Arc::clone(disk), &options(Protections::default())).unwrap()
}

fn sim(seed: u64) -> (SimDisk, Arc<dyn Disk>) {
    let disk = SimDisk::new(seed);
    (disk.clone(), Arc::new(disk))
}

fn writer(disk: &Arc<dyn Disk>) -> Result<Writer, LogError> {
    recover(disk, &options(Protections::default()), None).map(|(writer, _)| writer)
}

fn positions(log: &LogSnapshot) -> Vec<u64> {
    let mut positions = Vec::new();
    log.in_order(1, u64::MAX, true, &mut |position, _| {
        positions.push(position);
        ControlFlow::Continue(())
    })
    .unwrap();
    positions
}

#[test]
fn what_is_appended_is_answered_found_and_read_again_after_a_restart() {
    let (_dir, disk) = real();
    let (log, _) = open(&disk);
    let big = draft(7, 40_000);
    let answers = log.append(vec![draft(1, 5), draft(1, 5), fact(1, 1, 5), big.clone()]).unwrap().wait();
    assert_eq!(answers.unwrap(), [Recorded(1), Duplicate(1), Differs(1), Recorded(2)]);
    let before = log.head();
    log.close();

    let (log, opened) = open(&disk);
    assert_eq!((log.head(), opened.head, opened.torn, opened.notes.len()), (before, before, None, 0));
    assert_eq!(log.find(&big.key).unwrap().map(|(position, _)| position), Some(2));
    let record = log.read(2).unwrap().unwrap();
    let view = record.view().unwrap();
    assert_eq!(Some(&log.original(&view).unwrap()), big.blob().map(|(_, bytes)| bytes));
    assert_eq!(log.read(3).unwrap(), None);
    let answers = log.append(vec![fact(7, 1, 9), draft(7, 40_000), draft(8, 0)]).unwrap().wait().unwrap();
    assert_eq!(answers, [Differs(2), Duplicate(2), Recorded(3)]);
    log.close();
}

#[test]
fn readers_see_the_same_log_before_during_and_after_sealing() {
    let (_dir, disk) = real();
    let (log, _) = open(&disk);
    let first = log.snapshot();
    let all = Arc::new(AtomicBool::new(false));
    let follower = std::thread::spawn({
        let (mut follow, all) = (log.follow(0), Arc::clone(&all));
        move || {
            let mut seen = Vec::new();
            while !all.load(Ordering::Relaxed) || seen.len() < 600 {
                for record in follow.next(Duration::from_millis(20)).unwrap().unwrap_or_default() {
                    seen.push(record.position);
                }
            }
            seen
        }
    });
    let mut snapshots = Vec::new();
    for n in 0..60 {
        log.append((n * 10..n * 10 + 10).map(|n| draft(n, 50)).collect()).unwrap().wait().unwrap();
        snapshots.push(log.snapshot());
    }
    until("sealing", || log.snapshot().tails.len() == 1);
    snapshots.push(log.snapshot());
    all.store(true, Ordering::Relaxed);
    assert_eq!(follower.join().unwrap(), (1..=600).collect::<Vec<_>>());
    assert!(log.snapshot().sealed.len() > 10 && positions(&first).is_empty());
    for (n, snapshot) in snapshots.iter().enumerate() {
        let last = ((n as u64 + 1) * 10).min(600);
        assert_eq!(positions(snapshot), (1..=last).collect::<Vec<_>>());
        assert_eq!(snapshot.groups().unwrap().values().sum::<u64>(), last);
        let mut acme = Vec::new();
        let select = Select::tenant(domain::keys::TenantId::new("acme").unwrap());
        snapshot
            .for_each(&select, &mut |position, record| {
                assert_eq!(record.header.tenant, "acme");
                acme.push(position);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(acme, (1..=last).filter(|p| p % 3 == 1).collect::<Vec<_>>());
    }
    let mut late = log.follow(595);
    assert_eq!(late.next(WAIT).unwrap().unwrap().len(), 5);
    assert_eq!(late.next(Duration::from_millis(1)).unwrap(), None);
    log.close();
}

#[test]
fn many_callers_with_the_same_facts_record_each_once() {
    let (_dir, disk) = real();
    let (log, _) = open(&disk);
    let recorded: usize = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let log = log.clone();
                scope.spawn(move || {
                    let mut recorded = 0;
                    for n in 0..300 {
                        let n = (n + caller * 37) % 300;
                        let answers = log.append(vec![draft(n, 20)]).unwrap().wait().unwrap();
                        recorded += usize::from(matches!(answers[..], [Recorded(_)]));
                    }
                    recorded
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert_eq!((recorded, log.head().position), (300, 300));
    log.close();
    assert_eq!(verify::verify(&disk).violations, []);
}

#[test]
fn the_index_comes_back_from_the_log_when_sled_is_lost_or_damaged() {
    let (dir, disk) = real();
    let sled = dir.path().join("sled");
    let databases = || {
        let folders = std::fs::read_dir(&sled).into_iter().flatten().map(|entry| entry.unwrap().path());
        folders.map(|folder| folder.join("db")).filter(|db| db.exists()).collect::<Vec<_>>()
    };
    let open = || {
        let store = crate::store::Store::at(&sled);
        let options = options(Protections::default());
        let options = LogOptions { sizes: Sizes::default(), store: Some(store.clone()), ..options };
        (Log::open(Arc::clone(&disk), &options).unwrap().0, store)
    };
    let (log, store) = open();
    // More than one run of the index, so that sled holds one, and more than one segment.
    for n in 0..14 {
        log.append((n * 5_000..n * 5_000 + 5_000).map(|n| draft(n, 0)).collect()).unwrap().wait().unwrap();
    }
    log.close();
    store.close();
    for loss in ["nothing", "damage", "all"] {
        let files = databases();
        assert!(!files.is_empty(), "sled is used at all");
        match loss {
            "damage" => files.iter().for_each(|db| std::fs::write(db, vec![0xA5; 100_000]).unwrap()),
            "all" => std::fs::remove_dir_all(&sled).unwrap(),
            _ => {}
        }
        let (log, store) = open();
        assert_eq!(log.head().position, 70_000);
        let some: Vec<u64> = (0..70_000).step_by(97).collect();
        let answers = log.append(some.iter().map(|n| draft(*n, 0)).collect()).unwrap().wait().unwrap();
        let known: Vec<_> = some.iter().map(|n| Duplicate(n + 1)).collect();
        assert_eq!(answers, known, "lost: {loss}");
        until("sled is whole again", || log.index().state() == keys::IndexState::Sled);
        log.close();
        store.close();
    }
}

#[test]
fn a_tail_lost_with_its_mark_is_named_by_the_index() {
    let (dir, disk) = real();
    let sled = dir.path().join("sled");
    let store = crate::store::Store::at(&sled);
    let options = || LogOptions {
        sizes: Sizes { seal_facts: 40_000, ..Sizes::default() },
        store: Some(store.clone()),
        ..options(Protections::default())
    };
    let (log, _) = Log::open(Arc::clone(&disk), &options()).unwrap();
    for n in 0..18 {
        log.append((n * 5_000..n * 5_000 + 5_000).map(|n| draft(n, 0)).collect()).unwrap().wait().unwrap();
    }
    until("sealed", || dir.path().join(seal::path(40_001)).exists());
    until("in sled", || log.index().state() == keys::IndexState::Sled);
    log.close();
    store.close();
    let open = dir.path().join(open_segment::path(80_001));
    for gone in [open, dir.path().join(seal::path(40_001)), dir.path().join(high_water::PATH)] {
        std::fs::remove_file(gone).unwrap();
    }
    for _ in 0..2 {
        let store = crate::store::Store::at(&sled);
        let options = LogOptions { store: Some(store.clone()), ..options() };
        let error = Log::open(Arc::clone(&disk), &options).err().unwrap();
        assert!(matches!(error, LogError::LostIndexed { found: 40_000, .. }), "{error}");
        store.close();
    }
    std::fs::remove_dir_all(&sled).unwrap();
    let options = LogOptions { store: None, ..options() };
    assert_eq!(Log::open(disk, &options).unwrap().1.head.position, 40_000, "null control: without the index");
}

#[test]
fn a_full_disk_is_told_and_passes_by_itself() {
    let (sim, disk) = sim(3);
    let (log, _) = open(&disk);
    log.append(vec![draft(1, 10)]).unwrap().wait().unwrap();
    sim.fail(sim.operations(), Fault::Short, true);
    // The zeros laid ahead take some more; then the disk is full.
    let refused = (2..200).find(|n| log.append(vec![draft(*n, 900)]).unwrap().wait().is_err()).unwrap();
    assert_eq!(log.state(), LogState::Full);
    assert!(matches!(log.append(vec![draft(refused, 900)]).unwrap().wait(), Err(LogError::Full)));
    assert_eq!(positions(&log.snapshot()), (1..refused).collect::<Vec<_>>(), "reading goes on");
    sim.heal();
    until("the disk has space again", || log.state() == LogState::Writable);
    assert_eq!(log.append(vec![draft(refused, 900)]).unwrap().wait().unwrap(), [Recorded(refused)]);
    log.close();
    sim.power_cut();
    assert_eq!(open(&disk).0.head().position, refused);
}

#[test]
fn a_failed_sync_stops_the_log_for_good() {
    let (sim, disk) = sim(4);
    let mut writer = writer(&disk).unwrap();
    let (a, b) = (draft(1, 10), draft(2, 10));
    writer.group(&[&a]).unwrap();
    sim.fail(sim.operations() + 1, Fault::Eio, false);
    assert!(matches!(writer.group(&[&b]), Err(LogError::Stopped(_))));
    assert!(
        matches!(writer.group(&[&b]), Err(LogError::Stopped(_))),
        "the disk is fine again, the log is not"
    );
    assert_eq!(writer.shared.head().position, 1, "nothing unacknowledged is shown");
}

#[test]
fn a_sync_that_finds_the_disk_full_refuses_one_group_and_passes() {
    for seed in 0..50 {
        let (sim, disk) = sim(seed);
        let mut writer = writer(&disk).unwrap();
        let (a, b) = (draft(1, 10), draft(2, 10));
        writer.group(&[&a]).unwrap();
        sim.fail(sim.operations() + 1, Fault::Enospc, false);
        assert!(matches!(writer.group(&[&b]), Err(LogError::Full)));
        assert_eq!((writer.shared.head().position, writer.shared.state()), (1, LogState::Full));
        assert_eq!(writer.group(&[&b]).unwrap(), [Recorded(2)]);
        sim.power_cut();
        assert_eq!(open(&disk).0.head().position, 2, "seed {seed}");
    }
}

#[test]
fn a_log_whose_directory_is_gone_or_another_one_stops() {
    for what in ["removed", "moved", "replaced", "cut"] {
        let (dir, disk) = real();
        let (log, _) = open(&disk);
        log.append(vec![draft(1, 10)]).unwrap().wait().unwrap();
        assert_eq!(log.state(), LogState::Writable);
        let journal = dir.path().join("journal");
        let segment = dir.path().join(open_segment::path(1));
        match what {
            "removed" => std::fs::remove_dir_all(&journal).unwrap(),
            "moved" => std::fs::rename(&journal, dir.path().join("old")).unwrap(),
            "replaced" => {
                let bytes = std::fs::read(&segment).unwrap();
                std::fs::remove_file(&segment).unwrap();
                std::fs::write(&segment, bytes).unwrap();
            }
            _ => {}
        }
        until(what, || {
            if what == "cut" {
                // Again and again: it may be filled with zeros once more, ahead of the writer.
                std::fs::File::options().write(true).open(&segment).unwrap().set_len(4_000).unwrap();
            }
            matches!(log.state(), LogState::Stopped(_))
        });
        let refused = log.append(vec![draft(2, 10)]).map(Pending::wait);
        assert!(matches!(refused, Err(LogError::Stopped(_)) | Ok(Err(LogError::Stopped(_)))), "{what}");
        assert_eq!(positions(&log.snapshot()), [1], "{what}: reading goes on");
        log.close();
    }
}

#[test]
fn what_a_failed_write_left_never_reads_as_a_frame_later() {
    for seed in 0..200 {
        let (sim, disk) = sim(seed);
        let mut writer = writer(&disk).unwrap();
        let many: Vec<Draft> = (0..17).map(|n| draft(n, 30)).collect();
        writer.group(&many[..5].iter().collect::<Vec<_>>()).unwrap();
        // A group of one large frame is cut short, then a smaller group takes its place.
        sim.fail(sim.operations(), Fault::Short, false);
        assert!(matches!(writer.group(&many[5..].iter().collect::<Vec<_>>()), Err(LogError::Full)));
        writer.group(&[&many[5]]).unwrap();
        let head = writer.shared.head();
        sim.power_cut();
        let (again, opened) = recover(&disk, &options(Protections::default()), None).unwrap();
        assert_eq!((again.shared.head(), opened.torn), (head, None), "seed {seed}");
    }
}

#[test]
fn too_much_is_refused_before_it_is_queued() {
    let (_dir, disk) = real();
    let (log, _) = open(&disk);
    let many = (0..=APPEND_FACTS_MAX as u64).map(|n| draft(n % 3, 0)).collect();
    assert!(matches!(log.append(many), Err(LogError::TooLarge { .. })));
    let heavy = (0..200).map(|n| draft(n, 31_000)).collect();
    assert!(matches!(log.append(heavy), Err(LogError::TooLarge { .. })));
    log.clone().close();
    until("closed", || {
        log.append(vec![draft(1, 0)]).is_ok_and(|p| p.wait().is_err()) || log.append(vec![]).is_err()
    });
}

#[test]
fn a_slow_reader_makes_no_commit_wait() {
    let (_dir, disk) = real();
    let (log, _) = open(&disk);
    log.append((0..100).map(|n| draft(n, 10)).collect()).unwrap().wait().unwrap();
    let (snapshot, mut slowest) = (log.snapshot(), Duration::ZERO);
    let reader = std::thread::spawn(move || {
        snapshot
            .in_order(1, 20, true, &mut |_, _| {
                std::thread::sleep(Duration::from_millis(50));
                ControlFlow::Continue(())
            })
            .unwrap();
    });
    for n in 100..150 {
        let began = Instant::now();
        log.append(vec![draft(n, 10)]).unwrap().wait().unwrap();
        slowest = slowest.max(began.elapsed());
    }
    assert!(!reader.is_finished() || slowest < Duration::from_millis(500), "slowest commit {slowest:?}");
    reader.join().unwrap();
}
