//! P7: from the answer of an append until the read models have it, at 20,000 facts a second.

use std::sync::Arc;
use std::time::{Duration, Instant as Timer};

use bytes::Bytes;
use domain::keys::{LogSecret, TenantId};
use domain::members::Instant;
use domain::record::Draft;
use factfold::ingest::key::KeyWriter;
use factfold::ingest::post::{PostingRole, read};
use factfold::log::disk::RealDisk;
use factfold::log::{Appended, Log, LogOptions};
use factfold::store::Store;
use factfold::views::Views;

use super::site::fresh_dir;
use super::stages::NOW;
use super::table::{self, Line, rate};
use super::{Options, Outcome, machine, sample};

const PER_SECOND: u64 = 20_000;
/// Facts that are appended together.
const GROUP: u64 = 40;
const LATE: Duration = Duration::from_secs(5);

/// Prints P7.
pub fn measure(options: &Options) -> Outcome<()> {
    let facts = PER_SECOND * if options.quick { 2 } else { 10 };
    let (tenant, secret) = (TenantId::new("acme")?, LogSecret::new(&[7; 32]));
    let mut template = sample::outreach();
    let keys = KeyWriter { secret: &secret, tenant: &tenant };
    let mut draft = |n: u64| -> Outcome<Draft> {
        let line = Bytes::copy_from_slice(template.stamp(n));
        let envelope =
            read(keys, PostingRole::Admin, &line, Instant(NOW)).map_err(|posted| format!("{posted:?}"))?;
        Ok(envelope.draft(&secret, [3; 16], &line)?)
    };
    let mut groups = Vec::new();
    for from in (0..facts).step_by(GROUP as usize) {
        groups.push((from..from + GROUP).map(&mut draft).collect::<Outcome<Vec<_>>>()?);
    }
    let dir = fresh_dir()?;
    let options =
        LogOptions::new(secret.clone(), Arc::new(|| NOW), Some(Store::at(&dir.path().join("sled"))));
    let (log, _) = Log::open(Arc::new(RealDisk::new(dir.path())), &options)?;
    let views = Views::start(&log, 1, &|_| {})?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = Timer::now();
    let mut lags = runtime.block_on(async {
        let mut waiting = Vec::new();
        for (n, group) in (0..).zip(groups) {
            // Open loop: each group has its own time, however late the one before is.
            tokio::time::sleep_until(
                (began + Duration::from_micros(n * GROUP * 1_000_000 / PER_SECOND)).into(),
            )
            .await;
            let (pending, views) = (log.append(group)?, views.clone());
            waiting.push(tokio::spawn(async move {
                let last = pending.await.ok()?.last().copied().map(Appended::position)?;
                let answered = Timer::now();
                views.wait_for(last, LATE).await.then(|| answered.elapsed().as_nanos() as u64)
            }));
        }
        let mut lags = Vec::new();
        for lag in waiting {
            lags.push(lag.await?.ok_or("a fact was not recorded, or not folded within 5 s")?);
        }
        Outcome::Ok(lags)
    })?;
    let reached = facts as f64 / began.elapsed().as_secs_f64();
    let (median, slow) = machine::percentiles(&mut lags);
    table::head("P7  from the durable answer to the read models");
    let slow = slow as f64 / 1e6;
    table::line(Line {
        what: &format!("p50 / p99 at {}", rate(reached)),
        figure: format!("{:.2} / {slow:.2} ms", median as f64 / 1e6),
        limit: String::new(),
        ratio: None,
        goal: Some(("p99 ≤ 20 ms", slow <= 20.0)),
    });
    views.close();
    log.close();
    Ok(())
}
