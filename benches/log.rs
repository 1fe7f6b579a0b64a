//! The log alone on a real disk: batches, single facts from many callers, and the bare disk beside them.
//!
//! `cargo bench --bench log` prints a table. Directory: `BENCH_DIR`, else the system's temporary one.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use domain::keys::LogSecret;
use domain::record::{Draft, Header, KindTag};
use factfold::log::disk::RealDisk;
use factfold::log::{Log, LogOptions, Pending};
use factfold::store::Store;

const BATCH: usize = 1_024;
const FACTS: u64 = 400_000;

fn drafts(secret: &LogSecret, from: u64, count: u64) -> Vec<Draft> {
    let original = Bytes::from(vec![b'x'; 150]);
    (from..from + count)
        .map(|n| {
            let external_id = format!("{n:020}:completed");
            let tenant = ["acme", "borealis", "cumulus", "delta"][(n % 4) as usize];
            let header = Header {
                recorded_at: 0,
                occurred_at: 1_760_000_000_000_000 + n as i64,
                time_received: false,
                kind: KindTag { group: (n % 3) as u8, tag: 1 },
                version: 1,
                mapping: 1,
                content: secret.content(&n.to_le_bytes()),
                subject: n / 5,
                tenant,
                provider: "twilio",
                external_id: &external_id,
            };
            let key = secret.key_hash(tenant, "twilio", &external_id);
            Draft::new(key, &header, &[7; 112], [n as u8; 16], &[9; 40], &original)
        })
        .collect()
}

fn open(dir: &Path, secret: &LogSecret, sled: bool) -> Log {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64);
    let store = sled.then(|| Store::at(&dir.join("sled")));
    let options = LogOptions::new(secret.clone(), Arc::new(now), store);
    Log::open(Arc::new(RealDisk::new(dir)), &options).expect("opens").0
}

fn batches(dir: &Path, secret: &LogSecret, sled: bool, ahead: usize) -> f64 {
    let all = drafts(secret, 0, FACTS);
    let log = open(dir, secret, sled);
    let mut under_way: std::collections::VecDeque<Pending> = std::collections::VecDeque::new();
    let mut rest = all.into_iter();
    let mut next = || rest.by_ref().take(BATCH).collect::<Vec<_>>();
    let mut batch = next();
    let began = Instant::now();
    while !batch.is_empty() {
        under_way.push_back(log.append(batch).expect("queued"));
        if under_way.len() >= ahead {
            under_way.pop_front().map(Pending::wait).transpose().expect("recorded");
        }
        batch = next();
    }
    for pending in under_way {
        pending.wait().expect("recorded");
    }
    let rate = FACTS as f64 / began.elapsed().as_secs_f64();
    log.close();
    rate
}

fn singles(dir: &Path, secret: &LogSecret, callers: u64) -> (f64, Duration) {
    let log = open(dir, secret, false);
    let each = 30_000 / callers;
    let prepared: Vec<Vec<Draft>> = (0..callers).map(|c| drafts(secret, c * each, each)).collect();
    let began = Instant::now();
    let mut waits: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = prepared
            .into_iter()
            .map(|own| {
                let log = log.clone();
                scope.spawn(move || {
                    own.into_iter()
                        .map(|draft| {
                            let began = Instant::now();
                            log.append(vec![draft]).expect("queued").wait().expect("recorded");
                            began.elapsed()
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let rate = waits.len() as f64 / began.elapsed().as_secs_f64();
    waits.sort();
    log.close();
    (rate, waits[waits.len() * 99 / 100])
}

/// One write and one fdatasync per `bytes` into zeros that are there.
fn bare(dir: &Path, bytes: usize, times: u64) -> Duration {
    let file = std::fs::File::create(dir.join("bare")).expect("creates");
    let block = vec![1; bytes];
    for pass in 0..2 {
        let began = Instant::now();
        for n in 0..times {
            file.write_all_at(&block, n * bytes as u64).expect("writes");
            if pass == 1 || n + 1 == times {
                file.sync_data().expect("syncs");
            }
        }
        if pass == 1 {
            return began.elapsed() / times as u32;
        }
    }
    Duration::ZERO
}

fn main() {
    let secret = LogSecret::new(&[1; 32]);
    let base = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let fresh = || tempfile::tempdir_in(&base).expect("a folder");
    let stored = drafts(&secret, 0, 1)[0].stored_len();
    let (dir, frame) = (fresh(), BATCH * (stored + 4));
    eprintln!("records of {stored} bytes");
    let (small, large) = (bare(dir.path(), 512, 2_000), bare(dir.path(), frame, 200));
    eprintln!("bare write and fdatasync   512 B {small:.0?}   {frame} B {large:.0?}");
    let limit = BATCH as f64 / large.as_secs_f64();
    eprintln!("bare limit for batches     {limit:9.0} facts/s");
    for (name, sled, ahead) in [
        ("batches, 1 under way", false, 1),
        ("batches, 4 under way", false, 4),
        ("batches, 16 under way", false, 16),
        ("the same with sled", true, 16),
    ] {
        let dir = fresh();
        let rate = batches(dir.path(), &secret, sled, ahead);
        eprintln!("{name:26} {rate:9.0} facts/s   {:.2} of the bare limit", rate / limit);
    }
    for callers in [1, 16, 64] {
        let dir = fresh();
        let (rate, p99) = singles(dir.path(), &secret, callers);
        let bound = callers as f64 / small.as_secs_f64();
        eprintln!(
            "single facts, {callers:2} callers   {rate:9.0} facts/s   p99 {p99:.1?}   callers / fdatasync {bound:.0}"
        );
    }
}
