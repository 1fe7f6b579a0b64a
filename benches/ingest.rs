//! What a posted fact costs on its way to the log: parse, body, draft in ns, and an import in facts/s.
//!
//! `cargo bench --bench ingest [facts]`; without an argument 200,000 facts of about 350 bytes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant as Clock;

use bytes::Bytes;
use domain::keys::{LogSecret, TenantId};
use domain::members::Instant;
use factfold::directory::TenantRegistry;
use factfold::ingest::error::IngestError;
use factfold::ingest::items::Lines;
use factfold::ingest::key::KeyWriter;
use factfold::ingest::post::{PostingRole, read};
use factfold::ingest::{Ingest, LineSource};
use factfold::log::disk::RealDisk;
use factfold::log::{Log, LogOptions};

const NOW: i64 = 1_790_000_000_000_000;

fn line(n: usize) -> String {
    format!(
        concat!(
            r#"{{"provider":"emailbison","external_id":"dedi.emailbison.com/17/email_sent/campaign_event-{n}","kind":"email_sent","#,
            r#""occurred_at":"2026-03-{day:02}T13:08:38.000000Z","body":{{"instance":"dedi.emailbison.com","workspace":"17","#,
            r#""lead":{{"id":"{lead}","email":"lead{lead}@example.com","first_name":"Pat","company":"Lee Dental"}},"#,
            r#""campaign":"Spring dentists","sender_email":"ann@sender.example"}}}}"#
        ),
        n = n,
        day = 1 + n % 28,
        lead = n / 3
    )
}

/// Processor time of this thread so far, ns: on a busy machine the wall clock shows the others' work.
fn busy() -> usize {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or_default()
}

fn per_fact(what: &str, facts: usize, mut run: impl FnMut(usize)) {
    let (from, busy_from) = (Clock::now(), busy());
    (0..facts).for_each(&mut run);
    let (wall, busy) = (from.elapsed().as_nanos() as usize, busy() - busy_from);
    eprintln!("{what:<28}{:>8} ns/fact, {} ns of the processor", wall / facts, busy / facts);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let facts = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(200_000);
    let text: String = (0..facts).map(|n| line(n) + "\n").collect();
    let lines: Vec<Bytes> = (0..facts).map(|n| Bytes::from(line(n))).collect();
    eprintln!("{facts} facts of {} bytes", text.len() / facts);
    let (tenant, secret) = (TenantId::new("acme")?, LogSecret::new(&[7; 32]));
    let keys = KeyWriter { secret: &secret, tenant: &tenant };
    let envelope = |n: usize| read(keys, PostingRole::Operator, &lines[n], Instant(NOW));
    per_fact("JSON", facts, |n| drop(black_box(domain::json::Json::parse(&lines[n]))));
    per_fact("JSON, envelope", facts, |n| drop(black_box(envelope(n))));
    per_fact("JSON, envelope, draft", facts, |n| {
        if let Ok(envelope) = envelope(n) {
            drop(black_box(envelope.draft(&secret, [3; 16], &lines[n])));
        }
    });

    let folder = tempfile::tempdir()?;
    let clock: factfold::clock::Clock = Arc::new(|| NOW);
    let options = LogOptions::new(secret.clone(), Arc::clone(&clock), None);
    let (log, _) = Log::open(Arc::new(RealDisk::new(folder.path())), &options)?;
    let ingest = Ingest::new(
        log.clone(),
        secret.clone(),
        clock,
        "https://hooks.example.com".into(),
        Arc::<TenantRegistry>::default(),
    );
    for again in ["import", "import again (duplicates)"] {
        let from = Clock::now();
        let lines = Lines::new(text.as_bytes()).filter_map(|(_, line)| line.ok());
        let tally = ingest.import(LineSource::Posted(&tenant, PostingRole::Operator), lines, |_| {
            Ok::<(), IngestError>(())
        })?;
        let rate = facts as f64 / from.elapsed().as_secs_f64();
        eprintln!("{again:<28}{rate:>8.0} facts/s  {tally:?}");
    }
    log.close();
    Ok(())
}
