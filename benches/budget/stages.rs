//! The budget: processor time and bytes of one fact, stage by stage, for three shapes of a log.

use std::collections::VecDeque;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant as Timer};

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::keys::{KeyHash, LogSecret, TenantId};
use domain::members::Instant;
use domain::record::Draft;
use factfold::ingest::key::KeyWriter;
use factfold::ingest::post::{PostingRole, read};
use factfold::log::disk::RealDisk;
use factfold::log::keys::{KeyEntry, KeyIndex, KeySource, SourceError};
use factfold::log::{Log, LogOptions, Pending};
use factfold::store::Store;
use factfold::views::Views;

use super::hooks;
use super::sample::{self, Template};
use super::site::fresh_dir;
use super::{Options, Outcome, machine};

/// 2026-11-21, after every fact.
pub const NOW: i64 = 1_795_219_200_000_000;
const SECRET: [u8; 32] = [7; 32];
/// Facts appended together, and appends under way.
const BATCH: usize = 1_024;
const AHEAD: usize = 4;
/// Fewer would leave nothing sealed to measure.
const FACTS_MIN: u64 = 2 * 65_536 + 4_096;

/// Stage and its figures, one for each shape.
type Row = (&'static str, Vec<String>);

/// Prints the budget table.
pub fn measure(options: &Options) -> Outcome<()> {
    let facts = (options.facts / 5).clamp(FACTS_MIN, 1_000_000);
    let mut columns = Vec::new();
    for tenants in [27, 1, 500] {
        columns.push(shape(facts, tenants)?);
    }
    println!(
        "\nBudget: a fact's time by stage, of the processor / on the clock, and its bytes; {facts} facts a shape"
    );
    println!("{:<46} {:>20} {:>20} {:>20}", "", "27 unequal tenants", "one tenant", "500 tenants");
    let mut rows: Vec<Row> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        for (row, (what, figure)) in column.iter().enumerate() {
            if at == 0 {
                rows.push((what, Vec::new()));
            }
            rows[row].1.push(figure.clone());
        }
    }
    for (what, figures) in rows {
        println!("{what:<46} {:>20} {:>20} {:>20}", figures[0], figures[1], figures[2]);
    }
    hooks::measure(facts.min(50_000))
}

/// µs of the processor and of the clock for each fact.
pub fn micros(facts: u64, processor: Duration, clock: Duration) -> String {
    let each = |time: Duration| time.as_secs_f64() * 1e6 / facts as f64;
    format!("{:.2} / {:.2} µs", each(processor), each(clock))
}

/// Runs `work` on this thread alone.
pub fn alone<T>(facts: u64, work: impl FnOnce() -> T) -> (String, T) {
    let (began, before) = (Timer::now(), machine::own_processor());
    let made = work();
    (micros(facts, machine::own_processor() - before, began.elapsed()), made)
}

/// Runs `work`, which has threads of its own.
fn together<T>(facts: u64, work: impl FnOnce() -> Outcome<T>) -> Outcome<(String, T)> {
    let (began, before) = (Timer::now(), machine::processor("self"));
    let made = work()?;
    Ok((micros(facts, machine::processor("self") - before, began.elapsed()), made))
}

/// Scatters a number.
fn mix(n: u64) -> u64 {
    let mixed = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

/// Tenant of fact `n`: the t-th of 27 has a share of about 1 / t, the others have equal ones.
fn tenant_of(n: u64, tenants: u64) -> u64 {
    let subject = mix(n / 8 + 1);
    if tenants != 27 {
        return subject % tenants;
    }
    let share = |t: u64| 1_000_000 / (t + 1);
    let mut left = subject % (0..tenants).map(share).sum::<u64>();
    (0..tenants).find(|t| left.checked_sub(share(*t)).map(|rest| left = rest).is_none()).unwrap_or_default()
}

fn options(secret: &LogSecret, store: Option<Store>) -> LogOptions {
    LogOptions::new(secret.clone(), Arc::new(|| NOW), store)
}

fn shape(facts: u64, tenants: u64) -> Outcome<Vec<(&'static str, String)>> {
    let secret = LogSecret::new(&SECRET);
    let names = (0..tenants).map(|t| TenantId::new(&format!("tenant-{t}"))).collect::<Result<Vec<_>, _>>()?;
    let mut templates: Vec<Template> =
        ["initiated", "ringing", "in_progress", "completed"].map(sample::call).into_iter().collect();
    templates.splice(0..0, (0..4).map(|_| sample::outreach()));
    // Of eight facts four are mails to one lead and four are stages of one call.
    let lines: Vec<(usize, Bytes)> = (0..facts)
        .map(|n| {
            let line = Bytes::copy_from_slice(templates[(n % 8) as usize].stamp(n));
            (tenant_of(n, tenants) as usize, line)
        })
        .collect();
    let payload: usize = lines.iter().map(|(_, line)| line.len()).sum();
    let mut column = vec![("payload", format!("{:.0} B", payload as f64 / facts as f64))];
    let (time, envelopes) = alone(facts, || {
        let read = |(tenant, line): &(usize, Bytes)| {
            let keys = KeyWriter { secret: &secret, tenant: &names[*tenant] };
            read(keys, PostingRole::Admin, line, Instant(NOW))
        };
        lines.iter().map(read).collect::<Result<Vec<Envelope>, _>>()
    });
    let envelopes = envelopes.map_err(|posted| format!("not read: {posted:?}"))?;
    column.push(("parse: JSON to envelope", time));
    let (time, drafts) = alone(facts, || {
        let laid =
            envelopes.iter().zip(&lines).map(|(envelope, (_, line))| envelope.draft(&secret, [3; 16], line));
        laid.collect::<Result<Vec<Draft>, _>>()
    });
    column.push(("draft: envelope to record", time));
    let drafts = drafts?;
    drop((envelopes, lines));
    let (index_time, index_bytes) = index(&drafts)?;
    let dir = fresh_dir()?;
    let (log, _) = Log::open(Arc::new(RealDisk::new(dir.path())), &options(&secret, None))?;
    let (time, ()) = together(facts, || append(&log, drafts))?;
    column.push(("plan, commit and seal, keys in memory", time));
    column.push(("index: look-up, insert and merges, sled", index_time));
    sealed(&log, facts)?;
    let snapshot = log.snapshot();
    let (time, _) = together(facts, || Ok(Views::fold_once(&snapshot, 1, &|_| {})?))?;
    column.push(("fold from lanes, one thread, digests", time));
    let (time, _) = together(facts, || Ok(Views::fold_in_order(&snapshot)?))?;
    column.push(("fold in order, as live, digests", time));
    let sealed_bytes = machine::disk_bytes(&dir.path().join("journal"), ".sealed");
    let log_bytes = sealed_bytes as f64 / snapshot.sealed() as f64;
    drop(snapshot);
    log.close();
    column.push(("log: sealed, originals included", format!("{log_bytes:.1} B")));
    column.push(("index: sled", format!("{:.1} B", index_bytes as f64 / facts as f64)));
    // Another process: what this one has freed would hide what the rows take.
    let child = Command::new(std::env::current_exe()?).arg("--rows").arg(dir.path()).output()?;
    let rows: f64 = String::from_utf8(child.stdout)?.trim().parse()?;
    column.push(("rows: memory of the read models", format!("{:.1} B", rows / facts as f64)));
    Ok(column)
}

/// What a child prints: bytes of memory that the read models of the log in `dir` take.
pub fn rows(dir: &std::path::Path) -> Outcome<()> {
    let (log, _) = Log::open(Arc::new(RealDisk::new(dir)), &options(&LogSecret::new(&SECRET), None))?;
    let before = machine::resident("self");
    let views = Views::start(&log, 1, &|_| {})?;
    println!("{}", machine::resident("self").saturating_sub(before));
    views.close();
    log.close();
    Ok(())
}

fn append(log: &Log, drafts: Vec<Draft>) -> Outcome<()> {
    let mut under_way: VecDeque<Pending> = VecDeque::new();
    let mut rest = drafts.into_iter();
    loop {
        let batch: Vec<Draft> = rest.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        under_way.push_back(log.append(batch)?);
        if under_way.len() > AHEAD {
            under_way.pop_front().map(Pending::wait).transpose()?;
        }
    }
    under_way.into_iter().try_for_each(|pending| pending.wait().map(drop))?;
    Ok(())
}

/// Waits until whole segments are sealed.
fn sealed(log: &Log, facts: u64) -> Outcome<()> {
    let until = Timer::now() + Duration::from_secs(60);
    while log.snapshot().sealed() + 65_536 < facts {
        if Timer::now() > until {
            return Err("segments were not sealed within a minute".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Keys of the drafts, by position.
struct Keys(Vec<KeyEntry>);

impl KeySource for Keys {
    fn entries(&self, after: u64, up_to: u64, f: &mut dyn FnMut(KeyEntry)) -> Result<(), SourceError> {
        self.0
            .iter()
            .filter(|entry| (after + 1..=up_to).contains(&entry.position))
            .for_each(|entry| f(*entry));
        Ok(())
    }
}

/// The index alone: its time for each key, its merges included, and its bytes on disk.
fn index(drafts: &[Draft]) -> Outcome<(String, u64)> {
    let dir = fresh_dir()?;
    let place = dir.path().join("sled");
    let entries: Vec<KeyEntry> = (1..)
        .zip(drafts)
        .map(|(position, draft)| KeyEntry {
            key: draft.key,
            content: std::array::from_fn(|at| draft.content[at]),
            position,
        })
        .collect();
    let store = Store::at(&place);
    let mut index =
        KeyIndex::open(store.clone(), [1; 16], 0, Arc::new(Keys(entries.clone()))).expect("an index");
    let mut found = Vec::new();
    let (began, before) = (Timer::now(), machine::processor("self"));
    for group in entries.chunks(BATCH) {
        let keys: Vec<KeyHash> = group.iter().map(|entry| entry.key).collect();
        index.find_many(&keys, &mut found)?;
        black_box(&found);
        group.iter().for_each(|entry| index.insert(*entry));
    }
    let clock = began.elapsed();
    // The merges behind it are part of its work, though nobody waits for them.
    let mut last = usize::MAX;
    while index.memory_bytes() != last {
        last = index.memory_bytes();
        std::thread::sleep(Duration::from_millis(500));
    }
    let time = micros(entries.len() as u64, machine::processor("self") - before, clock);
    drop(index);
    store.close();
    Ok((time, machine::disk_bytes(&place, "")))
}
