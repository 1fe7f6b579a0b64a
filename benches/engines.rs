//! The log on the three engines: one fact alone, and many callers, on real servers of this machine.
//!
//! `cargo bench --bench engines` prints a table.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "../tests/common/servers/mod.rs"]
mod servers;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use domain::keys::LogSecret;
use domain::record::{Draft, Header, KindTag};
use factfold::log::disk::RealDisk;
use factfold::log::engines::SharedLog;
use factfold::log::engines::jetstream::{JetStream, JetStreamSettings};
use factfold::log::engines::postgres::{Postgres, PostgresSettings};
use factfold::log::{Log, LogOptions};
use servers::nats::NatsCluster;
use servers::postgres::PostgresPair;

const ALONE: usize = 300;

fn draft(secret: &LogSecret, n: u64) -> Draft {
    let external_id = format!("{n:020}:completed");
    let header = Header {
        recorded_at: 0,
        occurred_at: 1_760_000_000_000_000 + n as i64,
        time_received: false,
        kind: KindTag { group: 1, tag: 1 },
        version: 1,
        mapping: 1,
        content: secret.content(&n.to_le_bytes()),
        subject: n / 5,
        tenant: "acme",
        provider: "twilio",
        external_id: &external_id,
    };
    let key = secret.key_hash("acme", "twilio", &external_id);
    Draft::new(key, &header, &[7; 112], [n as u8; 16], &[9; 40], &Bytes::from(vec![b'x'; 150]))
}

/// Facts a second of `callers`, each of which appends `size` facts and waits, `appends` times.
fn rate(log: &Log, secret: &LogSecret, from: u64, (size, callers, appends): (u64, u64, u64)) -> f64 {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for caller in 0..callers {
            scope.spawn(move || {
                for n in 0..appends {
                    let first = from + (caller * appends + n) * size;
                    let drafts = (first..first + size).map(|n| draft(secret, n)).collect();
                    log.append(drafts).expect("queued").wait().expect("recorded");
                }
            });
        }
    });
    (size * callers * appends) as f64 / began.elapsed().as_secs_f64()
}

fn measure(name: &str, engine: Option<Arc<dyn SharedLog>>) {
    let (dir, secret) = (tempfile::tempdir().expect("a folder"), LogSecret::new(&[7; 32]));
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64);
    let options = LogOptions { engine, ..LogOptions::new(secret.clone(), Arc::new(now), None) };
    let (log, _) = Log::open(Arc::new(RealDisk::new(dir.path())), &options).expect("opens");
    assert!(log.wait_caught_up(Duration::from_secs(20)), "{:?}", log.state());
    let one = |n: usize| {
        let began = Instant::now();
        log.append(vec![draft(&secret, n as u64)]).expect("queued").wait().expect("recorded");
        began.elapsed()
    };
    let mut took: Vec<Duration> = (0..ALONE).map(one).collect();
    took.sort();
    let singles = rate(&log, &secret, 1_000_000, (1, 64, 50));
    let blocks = rate(&log, &secret, 2_000_000, (512, 8, 10));
    println!(
        "{name:<28} alone p50 {:>8.2?} p99 {:>8.2?} | 64 callers of 1 {singles:>8.0}/s | 8 callers of 512 {blocks:>8.0}/s",
        took[ALONE / 2],
        took[ALONE * 99 / 100]
    );
    log.close();
}

fn main() {
    measure("embedded", None);
    let cluster = NatsCluster::start(3);
    let (servers, monitor) = (cluster.urls(), cluster.monitors());
    let settings = JetStreamSettings { servers, monitor, stream: "m".into(), ..JetStreamSettings::default() };
    measure("jetstream R3, sync always", Some(Arc::new(JetStream::new(settings))));
    drop(cluster);
    let pair = PostgresPair::start();
    let engine = Postgres::new(PostgresSettings { url: pair.database("m"), ..PostgresSettings::default() });
    measure("postgres, synchronous standby", Some(Arc::new(engine)));
}
