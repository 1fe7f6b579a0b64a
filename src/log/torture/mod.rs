//! Power cuts and failing disks against the whole log, by seed (RELIABILITY G1 to G3).
//!
//! Each state is a disk that went through one to three runs, each ended by a power cut or a kill at a random
//! operation (starts and sealing included), and is then held against [`model::ReferenceModel`]: every acknowledged fact is
//! there byte for byte, nothing stands twice, positions are gapless, the root is the naive one, a retry is a
//! duplicate, and the log goes on. The ordinary test run does a small size; the feature `torture` the full one.

mod model;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use self::model::{Broken, ReferenceModel};
use super::disk::Disk;
use super::options::Protections;
use super::sim::{Fault, Rng, SimDisk};
use super::testing::{fact, options};
use super::{Log, Pending};

const FULL: bool = cfg!(feature = "torture");

/// The first seed of each run; printed, so that a failure names the state to look at.
fn seed() -> u64 {
    std::env::var("TORTURE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x00FA_C7F0)
}

/// Numbers of what a run went through.
#[derive(Default)]
struct Tally {
    states: AtomicU64,
    facts: AtomicUsize,
    sealed: AtomicU64,
    torn_groups_kept: AtomicU64,
    broken: Mutex<Vec<(u64, Broken)>>,
}

/// Goes through `states` on both cores and prints what it was.
fn all(name: &str, states: u64, one: impl Fn(u64, &Tally) -> Result<(), Broken> + Sync) -> Tally {
    let (tally, next, seed, began) = (Tally::default(), AtomicU64::new(0), seed(), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= states {
                        break;
                    }
                    if let Err(broken) = one(seed + n, &tally) {
                        tally.broken.lock().push((seed + n, broken));
                    }
                    tally.states.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let broken = tally.broken.lock();
    eprintln!(
        "{name}: {} states, {} facts acknowledged, {} sealed segments, {} torn groups of which whole frames stayed, \
         {} broken; seed {seed}, {:.1?}",
        tally.states.load(Ordering::Relaxed),
        tally.facts.load(Ordering::Relaxed),
        tally.sealed.load(Ordering::Relaxed),
        tally.torn_groups_kept.load(Ordering::Relaxed),
        broken.len(),
        began.elapsed()
    );
    drop(broken);
    tally
}

impl Tally {
    fn add(&self, disk: &SimDisk, model: &ReferenceModel) {
        self.facts.fetch_add(model.acknowledged(), Ordering::Relaxed);
        let sealed = disk.paths().iter().filter(|path| path.ends_with(".sealed")).count();
        self.sealed.fetch_add(sealed as u64, Ordering::Relaxed);
        self.torn_groups_kept.fetch_add(model.torn_groups_kept, Ordering::Relaxed);
    }

    fn assert_kept(&self) {
        let broken = self.broken.lock();
        assert!(broken.is_empty(), "{:#?}", &broken[..broken.len().min(5)]);
    }

    fn assert_noticed(&self) {
        assert!(!self.broken.lock().is_empty(), "the protection was out and nobody noticed");
    }
}

fn power_cuts(seed: u64, protections: Protections, tally: &Tally) -> Result<(), Broken> {
    let (mut rng, mut model, disk) = (Rng::new(seed), ReferenceModel::default(), SimDisk::new(seed ^ 0xD15C));
    for _ in 0..=rng.below(3) {
        disk.fail(disk.operations() + rng.below(160), Fault::PowerOff, true);
        model.run(&disk, &mut rng, protections, 25, 12)?;
        if rng.chance(75) { disk.power_cut() } else { disk.kill() }
    }
    model.check(&disk, &mut rng, protections)?;
    // What was acknowledged during the check must outlive a power cut as well.
    disk.power_cut();
    model.check(&disk, &mut rng, protections)?;
    tally.add(&disk, &model);
    Ok(())
}

#[test]
fn a_power_cut_or_kill_at_any_moment_loses_and_repeats_nothing() {
    let states = if FULL { 10_000 } else { 50 };
    let tally = all("power cuts", states, |seed, tally| power_cuts(seed, Protections::default(), tally));
    tally.assert_kept();
    assert!(!FULL || tally.torn_groups_kept.into_inner() > 0, "no group was torn between its frames");
}

/// The same with the log's own threads: sealing and zero-filling go on while four callers append.
fn threaded(seed: u64, tally: &Tally) -> Result<(), Broken> {
    let (mut rng, disk) = (Rng::new(seed), SimDisk::new(seed));
    let model = Mutex::new(ReferenceModel::default());
    for round in 0..2 {
        disk.fail(disk.operations() + 10 + rng.below(200), Fault::PowerOff, true);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let Ok((log, _)) = Log::open(shared, &options(Protections::default())) else { break };
        let broken: Vec<Broken> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..4)
                .map(|caller| {
                    let (log, model) = (log.clone(), &model);
                    scope.spawn(move || {
                        for n in 0..40 {
                            let n = (caller * 1_000 + round * 500 + n) * 4;
                            let drafts: Vec<_> = (n..n + 4).map(|n| fact(n, 0, n as usize % 300)).collect();
                            model.lock().sent(&drafts);
                            let Ok(answers) = log.append(drafts.clone()).and_then(Pending::wait) else {
                                break;
                            };
                            for (draft, answer) in drafts.iter().zip(answers) {
                                model.lock().acknowledge(draft, answer)?;
                            }
                        }
                        Ok(())
                    })
                })
                .collect();
            callers.into_iter().filter_map(|caller| caller.join().expect("no panic").err()).collect()
        });
        log.close();
        if rng.chance(70) {
            disk.power_cut()
        } else {
            disk.kill()
        }
        if let Some(broken) = broken.into_iter().next() {
            return Err(broken);
        }
    }
    disk.power_cut();
    let mut model = model.into_inner();
    model.check(&disk, &mut rng, Protections::default())?;
    tally.add(&disk, &model);
    Ok(())
}

#[test]
fn a_power_cut_while_all_threads_work_loses_and_repeats_nothing() {
    let states = if FULL { 2_000 } else { 20 };
    all("power cuts with threads", states, threaded).assert_kept();
}

#[test]
fn null_control_without_the_sync_facts_are_lost() {
    all("power cuts, no sync", 50, |seed, tally| power_cuts(seed, Protections::without_sync(), tally))
        .assert_noticed();
}

#[test]
fn null_control_without_the_checksum_torn_frames_are_taken_for_facts() {
    all("power cuts, no checksum", 100, |seed, tally| power_cuts(seed, Protections::without_crc(), tally))
        .assert_noticed();
}

#[test]
fn null_control_without_dedup_facts_stand_twice() {
    all("power cuts, no dedup", 10, |seed, tally| power_cuts(seed, Protections::without_dedup(), tally))
        .assert_noticed();
}

#[test]
fn any_operation_of_a_run_that_seals_may_be_the_last() {
    let (script, clean) = (seed(), SimDisk::new(1));
    faulty_run(script, 24, 12, &clean, &mut ReferenceModel::default()).unwrap();
    let operations = clean.operations();
    let both = AtomicU64::new(0);
    let rounds = if FULL { 20 } else { 1 };
    let tally = all("every operation the last", operations * rounds, |seed, tally| {
        let (disk, mut model) = (SimDisk::new(seed), ReferenceModel::default());
        disk.fail((seed - script) % operations, Fault::PowerOff, true);
        faulty_run(script, 24, 12, &disk, &mut model)?;
        disk.power_cut();
        let paths = disk.paths();
        let twins = paths.iter().filter(|path| path.ends_with(".sealed"));
        let twins = twins.filter(|path| paths.contains(&path.replace(".sealed", ".open"))).count();
        both.fetch_add(twins as u64, Ordering::Relaxed);
        model.check(&disk, &mut Rng::new(seed), Protections::default())?;
        tally.add(&disk, &model);
        Ok(())
    });
    tally.assert_kept();
    assert!(both.into_inner() > 0, "no state had both files of a segment");
}

/// The run that failure points are taken from: as many operations as it takes, by the same seed.
fn faulty_run(
    seed: u64,
    groups: u64,
    facts_max: u64,
    disk: &SimDisk,
    model: &mut ReferenceModel,
) -> Result<(), Broken> {
    let mut rng = Rng::new(seed);
    model.run(disk, &mut rng, Protections::default(), groups, facts_max)?;
    Ok(())
}

#[test]
fn no_failing_operation_leads_to_a_false_answer() {
    // Enough keys that nearly every group of the full run is a commit.
    let (groups, facts_max, keys) = if FULL { (1_000, 1, 20_000) } else { (30, 6, 400) };
    let script = seed();
    let clean = SimDisk::new(1);
    faulty_run(script, groups, facts_max, &clean, &mut ReferenceModel::with_keys(keys)).unwrap();
    let operations = clean.operations();
    const KINDS: [(Fault, bool); 6] = [
        (Fault::Eio, false),
        (Fault::Eio, true),
        (Fault::Enospc, false),
        (Fault::Enospc, true),
        (Fault::Short, false),
        (Fault::Short, true),
    ];
    let every = operations * KINDS.len() as u64;
    let points = if FULL { every } else { 300 };
    eprintln!("failure points: a run of {groups} groups has {operations} operations, each failing in 6 ways");
    all("failure points", points, |state, tally| {
        let point = if FULL { state - script } else { Rng::new(state).below(every) };
        let (fault, from_then_on) = KINDS[(point % KINDS.len() as u64) as usize];
        let (disk, mut model) = (SimDisk::new(state), ReferenceModel::with_keys(keys));
        disk.fail(point / KINDS.len() as u64, fault, from_then_on);
        faulty_run(script, groups, facts_max, &disk, &mut model)?;
        if state % 2 == 0 {
            disk.kill()
        } else {
            disk.power_cut()
        }
        let mut rng = Rng::new(state);
        model.check(&disk, &mut rng, Protections::default())?;
        disk.power_cut();
        model.check(&disk, &mut rng, Protections::default())?;
        tally.add(&disk, &model);
        Ok(())
    })
    .assert_kept();
}
