//! Folds of a million facts of 27 tenants of unequal size: live, from lanes, and how much memory a fact takes.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its figures or fails")]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::{ExternalId, LogSecret, Provider, TenantId};
use domain::members::{Instant as Moment, Month};
use factfold::log::disk::RealDisk;
use factfold::log::{Log, LogOptions};
use factfold::views::Views;
use serde_json::{Value, json};

const TENANTS: u64 = 27;
const START: i64 = 1_735_689_600_000_000;
const YEAR: i64 = 31_536_000_000_000;

/// Scatters a number.
fn mix(mut n: u64) -> u64 {
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Tenant `t` has a share of about 1 / (t + 1).
fn tenant_of(subject: u64) -> u64 {
    let weights = (1..=TENANTS).map(|t| 1_000_000 / t);
    let mut left = mix(subject) % weights.clone().sum::<u64>();
    for (tenant, weight) in weights.enumerate() {
        if left < weight {
            return tenant as u64;
        }
        left -= weight;
    }
    0
}

/// Fact `n` of a log in which calls of five facts and leads of four are interleaved.
fn fact(n: u64, of: u64) -> (u64, i64, &'static str, Value) {
    let at = START + (n as i64 * (YEAR / of as i64));
    // Neighbours in time belong to different subjects: facts of one come some 500 apart.
    let (block, in_block) = (n / 4_500, n % 4_500);
    let (stage, lane) = (in_block / 500, in_block % 500);
    let subject = block * 500 + lane;
    let tenant = tenant_of(subject);
    let agent = format!("agent{}@tenant{tenant}.example", mix(subject) % 12);
    if stage < 5 {
        let id = format!("CA{:016x}{:016x}", mix(subject), mix(subject + 1));
        let (direction, number) =
            (if subject.is_multiple_of(3) { "outbound" } else { "inbound" }, mix(subject) % 90_000);
        let mut body = json!({"call_id": id, "direction": direction, "agent": agent, "tracking_number": "+15550199",
            "from": format!("+1555{number:07}"), "to": "+15550199"});
        let statuses = ["initiated", "ringing", "in_progress", "completed"];
        let Some(status) = statuses.get(stage as usize) else {
            let body = json!({"call_id": id, "outcome": "connected", "agent": agent, "lead_id": format!("L{subject}")});
            return (tenant, at, "call_disposed", body);
        };
        body["status"] = (*status).into();
        if stage >= 2 {
            body["answered"] = true.into();
        }
        if stage == 3 {
            body["duration_seconds"] = (mix(subject) % 120).into();
        }
        return (tenant, at, "call_reported", body);
    }
    let kind = match (stage, mix(subject) % 10) {
        (8, 0..3) => "lead_replied",
        (8, 3) => "lead_interested",
        (8, 4) => "email_bounced",
        _ => "email_sent",
    };
    let lead = json!({"id": format!("{}", 4_000_000 + subject), "email": format!("person{subject}@company{}.example", subject % 900),
        "first_name": format!("First{}", subject % 300), "last_name": format!("Last{}", subject % 5_000),
        "company": format!("Company {}", subject % 900)});
    let body = json!({"instance": "send.example.com", "workspace": format!("{tenant}"), "campaign": "Autumn",
        "sender_email": format!("box{}@out.example", subject % 40), "lead": lead});
    (tenant, at, kind, body)
}

fn envelope(n: u64, of: u64) -> Envelope {
    let (tenant, at, kind, body) = fact(n, of);
    Envelope {
        tenant: TenantId::new(&format!("tenant-{tenant}")).unwrap(),
        provider: Provider::new("bench").unwrap(),
        external_id: ExternalId::new(&format!("fact/{n}")).unwrap(),
        occurred_at: Moment(at),
        time_received: false,
        fact: Fact::from_json(kind, body, "/body").unwrap().unwrap(),
        mapping: 1,
    }
}

fn configuration(tenant: u64) -> Envelope {
    let zone =
        ["America/New_York", "Europe/London", "Asia/Kolkata", "America/Chicago"][(tenant % 4) as usize];
    let body = json!({"name": format!("Tenant {tenant}"), "timezone": zone});
    Envelope {
        tenant: TenantId::new(&format!("tenant-{tenant}")).unwrap(),
        provider: Provider::new("config").unwrap(),
        external_id: ExternalId::new("first").unwrap(),
        occurred_at: Moment(START),
        time_received: false,
        fact: Fact::from_json("tenant_configured", body, "/body").unwrap().unwrap(),
        mapping: 1,
    }
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

/// Processor time of all threads so far: other programs on the machine do not show in it.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = stat.split(' ').skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// A stretch of work, by the wall clock and by processor time.
struct Timed(Instant, Duration);

impl Timed {
    fn begin() -> Self {
        Self(Instant::now(), processor())
    }

    fn print(&self, what: &str, facts: u64) {
        let rate = |took: Duration| facts as f64 / took.as_secs_f64() / 1e6;
        let (wall, processor) = (self.0.elapsed(), processor() - self.1);
        println!(
            "{what:18} {:6.2} M facts/s, {:5.2} µs of processor a fact",
            rate(wall),
            1.0 / rate(processor)
        );
    }
}

fn main() {
    let of: u64 = std::env::var("FACTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().unwrap();
    let secret = LogSecret::new(&[5; 32]);
    let now = AtomicI64::new(START);
    let clock = Arc::new(move || now.fetch_add(1_000, Ordering::Relaxed));
    let options = LogOptions::new(secret.clone(), clock, None);
    let (log, _) = Log::open(Arc::new(RealDisk::new(dir.path())), &options).unwrap();
    let draft = |envelope: &Envelope| envelope.draft(&secret, [3; 16], &Bytes::new()).unwrap();
    log.append((0..TENANTS).map(|t| draft(&configuration(t))).collect()).unwrap().wait().unwrap();
    let mut pending = None;
    for from in (0..of).step_by(2_048) {
        let drafts = (from..of.min(from + 2_048)).map(|n| draft(&envelope(n, of))).collect();
        let next = log.append(drafts).unwrap();
        if let Some(before) = pending.replace(next) {
            before.wait().unwrap();
        }
    }
    pending.unwrap().wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while log.snapshot().sealed() + 65_536 < log.head().position && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    let facts = log.head().position;
    let snapshot = log.snapshot();
    println!("{facts} facts, {} of them in lanes", snapshot.sealed());

    let begun = Timed::begin();
    let mut bytes = 0;
    let scan = &mut |_, record: domain::record::RecordRef<'_>| {
        bytes += record.public.len();
        ControlFlow::Continue(())
    };
    snapshot.in_order(1, u64::MAX, false, scan).unwrap();
    begun.print("scan in order", facts);
    println!("public body        {:6} B a fact", bytes as u64 / facts);
    let begun = Timed::begin();
    let decode = &mut |_, record: domain::record::RecordRef<'_>| {
        let header = record.header;
        std::hint::black_box(
            Fact::decode(header.kind, header.version, record.public, record.personal()).unwrap(),
        );
        ControlFlow::Continue(())
    };
    snapshot.in_order(1, u64::MAX, false, decode).unwrap();
    begun.print("scan and decode", facts);

    let mut digests = Vec::new();
    for threads in [1, 2] {
        let (begun, before) = (Timed::begin(), resident());
        let views = Views::start(&log, threads, &|_| {}).unwrap();
        begun.print(&format!("from lanes, {threads}"), facts);
        if threads == 1 {
            // Later starts take what earlier ones gave back to the allocator.
            let grown = resident().saturating_sub(before) as f64 / facts as f64;
            println!("memory             {grown:6.1} B a fact (resident {} MB before)", before >> 20);
        }
        let begun = Instant::now();
        digests.push(views.digests());
        println!("digests            {:6.2} s", begun.elapsed().as_secs_f64());
        views.close();
    }
    assert_eq!(digests[0], digests[1]);

    let begun = Timed::begin();
    live(&snapshot);
    begun.print("live fold", facts);

    let views = Views::start(&log, 2, &|_| {}).unwrap();
    let tenant = views.tenant(&TenantId::new("tenant-0").unwrap()).unwrap();
    let begun = Instant::now();
    for _ in 0..10_000 {
        std::hint::black_box(tenant.month(Month::parse("2025-10").unwrap(), Moment(0)));
    }
    println!("month              {:6.2} µs", begun.elapsed().as_secs_f64() * 100.0);
    views.close();
    log.close();
}

/// Decodes and folds in log order, one fact after the other, as the projector does.
fn live(snapshot: &factfold::log::LogSnapshot) {
    let mut tenants: std::collections::BTreeMap<String, projections::tenant::Tenant> = Default::default();
    let fold = &mut |position, record: domain::record::RecordRef<'_>| {
        let header = record.header;
        let fact = Fact::decode(header.kind, header.version, record.public, record.personal()).unwrap();
        let recorded = projections::Recorded {
            position,
            content_at: position,
            recorded_at: Moment(header.recorded_at),
            occurred_at: Moment(header.occurred_at),
            content: header.content,
            fact: &fact,
        };
        match tenants.get_mut(header.tenant) {
            Some(tenant) => tenant.apply(&recorded),
            None => tenants.entry(header.tenant.to_owned()).or_default().apply(&recorded),
        }
        ControlFlow::Continue(())
    };
    snapshot.in_order(1, u64::MAX, false, fold).unwrap();
}
