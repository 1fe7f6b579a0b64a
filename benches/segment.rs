//! Sealed segments: bytes on disk per payload byte, seal time, scan and point reads, as one table.
//!
//! `cargo bench --bench segment`. Payloads are shaped after Twilio status callbacks (form-encoded) and Email Bison
//! webhooks (JSON); names, numbers and ids are made up by a seeded generator.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use bytes::Bytes;
use domain::keys::{LogSecret, TenantId};
use domain::record::{Draft, Hash, Header, KindTag, Record};
use factfold::log::disk::RealDisk;
use factfold::log::merkle::Frontier;
use factfold::log::sealed_segment::{ChunkCache, SealedSegment};
use factfold::log::select::Select;

const FACTS: usize = 65_536;
const NAME: &str = "bench.sealed";

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

const FIRST: [&str; 16] = [
    "John", "Maria", "Wei", "Aisha", "Carlos", "Emma", "Noah", "Priya", "Lucas", "Fatima", "Oliver", "Sofia",
    "Ethan", "Chloe", "Mateo", "Hannah",
];
const LAST: [&str; 16] = [
    "Doe", "Garcia", "Chen", "Khan", "Mendez", "Wilson", "Brown", "Patel", "Silva", "Haddad", "Smith",
    "Rossi", "Clark", "Martin", "Lopez", "Schmidt",
];
const CITY: [&str; 8] =
    ["NEW%20YORK", "AUSTIN", "DENVER", "S%C3%A3o%20Paulo", "RAYMOND", "TAMPA", "CHICAGO", "SAN%20DIEGO"];

/// What one fact is made of.
struct Fact {
    kind: KindTag,
    provider: &'static str,
    external_id: String,
    subject: String,
    public: Vec<u8>,
    personal: Vec<u8>,
    original: String,
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

fn phone(n: u64) -> String {
    format!("+1{}", 2_000_000_000 + n % 7_999_999_999)
}

/// The four stages of one call; `whole` as Twilio sends it, else the members that matter.
fn call(dice: &mut Dice, account: u64, whole: bool) -> Vec<Fact> {
    let sid = format!("CA{:016x}{:016x}", dice.next(), dice.next());
    let (from, to) = (phone(dice.next()), phone(account * 31 + dice.below(5)));
    let (from_city, to_city, agent) = (dice.pick(&CITY), dice.pick(&CITY), dice.pick(&FIRST));
    let seconds = dice.below(240);
    let minute = dice.below(60);
    let stages = ["initiated", "ringing", "in-progress", "completed"];
    let mut facts = Vec::new();
    for (n, status) in stages.iter().enumerate() {
        let (from_form, to_form) = (from.replace('+', "%2B"), to.replace('+', "%2B"));
        let mut original = format!(
            "Called={to_form}&CallerCountry=US&Direction=inbound&Timestamp=Sun%2C%2025%20Oct%202026%2009%3A{minute:02}%3A{:02}%20%2B0000&CallbackSource=call-progress-events&SequenceNumber={n}&To={to_form}&CallSid={sid}&ApiVersion=2010-04-01&CallStatus={status}&From={from_form}&AccountSid=AC{account:032x}&Caller={from_form}",
            n * 7
        );
        if whole {
            original += &format!(
                "&ToState=TX&CallerState=NY&ToZip=&ToCountry=US&CallerZip={0}&CalledZip=&CalledCity={to_city}&CalledCountry=US&CallerCity={from_city}&ToCity={to_city}&FromCountry=US&FromCity={from_city}&CalledState=TX&FromZip={0}&FromState=NY",
                10_000 + dice.below(90_000)
            );
        }
        if n == 3 {
            original += &format!("&Duration={}&CallDuration={seconds}", seconds.div_ceil(60));
        }
        let mut public = vec![n as u8, 1, seconds as u8, (n * 7) as u8, 0];
        text(&mut public, &sid);
        text(&mut public, &to);
        text(&mut public, &format!("{}@agency.example", agent.to_lowercase()));
        let mut personal = vec![1];
        text(&mut personal, &from);
        text(&mut personal, from_city);
        text(&mut personal, "NY");
        facts.push(Fact {
            kind: KindTag { group: 1, tag: n as u8 },
            provider: "twilio",
            external_id: format!("{sid}:{status}"),
            subject: format!("call/{sid}"),
            public,
            personal,
            original,
        });
    }
    facts
}

/// Events of one lead; `whole` as Email Bison sends it, else the members that matter.
fn outreach(dice: &mut Dice, workspace: u64, whole: bool) -> Vec<Fact> {
    let lead = dice.below(1_000_000);
    let (first, last) = (dice.pick(&FIRST), dice.pick(&LAST));
    let email = format!(
        "{}.{}{}@company{}.example",
        first.to_lowercase(),
        last.to_lowercase(),
        lead % 100,
        dice.below(5_000)
    );
    let (sender, campaign) = (dice.below(400), dice.below(12));
    let person = dice.next().to_le_bytes();
    let mut facts = Vec::new();
    for n in 0..1 + dice.below(4) {
        let (tag, kind) = if n == 3 { (2, "LEAD_REPLIED") } else { (1, "EMAIL_SENT") };
        let id = dice.below(100_000_000);
        let sent = format!("2026-10-25T09:{:02}:{:02}.000000Z", dice.below(60), dice.below(60));
        let event = format!(
            r#"{{"event":{{"type":"{kind}","name":"{kind}","instance_url":"https://dedi.emailbison.com","workspace_id":{workspace},"workspace_name":"Workspace {workspace}"}},"data":{{"#
        );
        let rest = if whole {
            format!(
                r#""scheduled_email":{{"id":{id},"lead_id":{lead},"sequence_step_id":{n},"sequence_step_order":{n},"sequence_step_variant":2,"email_subject":"Quick question, {first}","email_body":"<p>Hi {first}, saw that your team in city {campaign} is growing. Worth a short call next week?</p>","status":"sent","scheduled_date_est":"{sent}","scheduled_date_local":"{sent}","local_timezone":"America/New_York","sent_at":"{sent}","opens":0,"replies":0,"unique_opens":0,"unique_replies":0,"interested":null,"raw_message_id":"<{:x}@emailguardalpha.com>"}},"campaign_event":{{"id":{},"type":"sent","created_at_local":"{sent}","local_timezone":"America/New_York","created_at":"{sent}"}},"lead":{{"id":{lead},"email":"{email}","first_name":"{first}","last_name":"{last}","status":"unverified","title":null,"company":null,"custom_variables":[{{"name":"city","value":"Tampa"}}],"emails_sent":{n},"opens":0,"unique_opens":0,"replies":0,"unique_replies":0,"bounces":0}},"campaign":{{"id":{campaign},"name":"Campaign {campaign}"}},"sender_email":{{"id":{sender},"name":"Sender","email":"from{sender}@sender.example","status":"connected","type":"google_workspace_oauth","daily_limit":15,"emails_sent":{},"replied":7,"opened":0,"unsubscribed":0,"bounced":1,"unique_replies":7,"unique_opens":0,"total_leads_contacted":50,"interested":3,"created_at":"2024-07-01T00:00:00.000000Z","updated_at":"{sent}"}}}}}}"#,
                dice.next(),
                dice.below(100_000_000),
                dice.below(5_000),
            )
        } else {
            format!(
                r#""scheduled_email":{{"id":{id},"sent_at":"{sent}"}},"lead":{{"id":{lead},"email":"{email}","first_name":"{first}","last_name":"{last}"}},"campaign":{{"id":{campaign}}},"sender_email":{{"id":{sender},"email":"from{sender}@sender.example"}}}}}}"#
            )
        };
        let mut public = vec![tag, n as u8];
        public.extend_from_slice(&(id as u32).to_le_bytes());
        public.extend_from_slice(&person);
        public.extend_from_slice(&person);
        text(&mut public, &format!("from{sender}@sender.example"));
        text(&mut public, &format!("Campaign {campaign}"));
        let mut personal = vec![1];
        text(&mut personal, &email);
        text(&mut personal, first);
        text(&mut personal, last);
        facts.push(Fact {
            kind: KindTag { group: 3, tag },
            provider: "emailbison",
            external_id: format!("dedi.emailbison.com/{workspace}/{kind}/{id}"),
            subject: format!("lead/{workspace}/{lead}"),
            public,
            personal,
            original: event + &rest,
        });
    }
    facts
}

struct Log {
    records: Vec<Record>,
    leaves: Vec<Hash>,
    payload: usize,
    originals: usize,
}

/// Subjects of all tenants interleaved as they would arrive: tenant k has 1 / (k + 1) of the largest one's facts.
fn log(tenants: u64, whole: bool) -> Log {
    let mut dice = Dice(42);
    let secret = LogSecret::new(&[7; 32]);
    let mut shares = Vec::new();
    (0..tenants).for_each(|k| shares.extend(std::iter::repeat_n(k, (tenants / (k + 1)).max(1) as usize)));
    let mut open: Vec<(u64, std::vec::IntoIter<Fact>)> = Vec::new();
    let mut log = Log { records: Vec::new(), leaves: Vec::new(), payload: 0, originals: 0 };
    let mut now = 1_761_000_000_000_000i64;
    while log.records.len() < FACTS {
        if open.len() < 200 {
            let tenant = shares[dice.below(shares.len() as u64) as usize];
            let facts = if dice.below(3) == 0 {
                call(&mut dice, tenant, whole)
            } else {
                outreach(&mut dice, tenant, whole)
            };
            open.push((tenant, facts.into_iter()));
            continue;
        }
        let at = dice.below(open.len() as u64) as usize;
        let Some(fact) = open[at].1.next() else {
            open.swap_remove(at);
            continue;
        };
        now += dice.below(3_000) as i64;
        let tenant = format!("client-{:02}", open[at].0);
        let header = Header {
            recorded_at: 0,
            occurred_at: (now / 1_000_000 - dice.below(3) as i64) * 1_000_000,
            time_received: false,
            kind: fact.kind,
            version: 1,
            mapping: 3,
            content: secret.content(fact.external_id.as_bytes()),
            subject: secret.subject(&tenant, &fact.subject),
            tenant: &tenant,
            provider: fact.provider,
            external_id: &fact.external_id,
        };
        let mut salt = [0; 16];
        salt[..8].copy_from_slice(&dice.next().to_le_bytes());
        salt[8..].copy_from_slice(&dice.next().to_le_bytes());
        let original = Bytes::from(fact.original);
        let draft = Draft::new([0; 11], &header, &fact.public, salt, &fact.personal, &original);
        let mut stored = Vec::new();
        log.leaves.push(draft.stamp(now, &mut stored));
        // Lengths and tags of the stored form are framing, not payload.
        log.payload += stored.len() - 15;
        log.originals += original.len();
        log.records.push(Record { position: log.records.len() as u64 + 1, bytes: Bytes::from(stored) });
    }
    log
}

/// The shortest of seven runs, in seconds.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..7).map(|_| time(&mut run)).fold(f64::MAX, f64::min)
}

fn scan(segment: &SealedSegment, select: &Select) -> (u64, u64) {
    let (mut facts, mut bytes) = (0, 0);
    let read = segment.for_each(select, &mut |_, record| {
        facts += 1;
        bytes += record.public.len() as u64 + record.header.subject % 2;
        ControlFlow::Continue(())
    });
    read.expect("a sealed segment reads");
    (facts, bytes)
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn shape(tenants: u64, whole: bool) {
    let log = log(tenants, whole);
    let per_fact = |bytes: usize| bytes as f64 / FACTS as f64;
    println!(
        "\n{tenants} tenants, {} payloads: {FACTS} facts of {:.0} bytes, originals {:.0} of them",
        if whole { "whole" } else { "short" },
        per_fact(log.payload),
        per_fact(log.originals),
    );
    let dir = tempfile::tempdir().expect("a temporary folder");
    let disk = RealDisk::new(dir.path());
    let seal = best(|| {
        SealedSegment::write(&disk, NAME, &Frontier::new(), &log.records, &log.leaves).expect("seals");
    });
    println!("  seal                    {:8.2} µs a fact, read back and compared", seal * 1e6 / FACTS as f64);
    let cache = ChunkCache::new(64 << 20);
    let segment = SealedSegment::open(&disk, NAME, &cache).expect("opens");
    let sizes = segment.sizes();
    let disk_bytes = std::fs::metadata(dir.path().join(NAME)).expect("is there").len() as usize;
    println!(
        "  on disk                 {:8.3} bytes a payload byte ({:.1} a fact: bodies {:.1}, originals {:.1}, footer {:.1})",
        disk_bytes as f64 / log.payload as f64,
        per_fact(disk_bytes),
        per_fact(sizes[0]),
        per_fact(sizes[1]),
        per_fact(disk_bytes - sizes[0] - sizes[1]),
    );
    let names: Vec<TenantId> = segment
        .groups()
        .map(|(tenant, ..)| tenant.to_owned())
        .collect::<std::collections::BTreeSet<_>>()
        .iter()
        .filter_map(|tenant| TenantId::new(tenant).ok())
        .collect();
    for (name, originals) in [("bodies", false), ("originals too", true)] {
        let tenants = best(|| {
            for tenant in &names {
                black_box(scan(&segment, &Select { originals, ..Select::tenant(tenant.clone()) }));
            }
        });
        let groups: Vec<(TenantId, u8)> = segment
            .groups()
            .filter_map(|(tenant, group, _)| Some((TenantId::new(tenant).ok()?, group)))
            .collect();
        let lanes = best(|| {
            for (tenant, group) in &groups {
                let groups = factfold::log::select::GroupSet::NONE.with(*group);
                let select = Select { originals, groups, ..Select::tenant(tenant.clone()) };
                black_box(scan(&segment, &select));
            }
        });
        let all = best(|| {
            black_box(scan(&segment, &Select { originals, ..Select::all() }));
        });
        let rate = |time: f64| FACTS as f64 / time / 1e6;
        println!(
            "  scan, {name:13}     {:8.2} M facts/s tenant by tenant, {:.2} group by group, {:.2} all in order",
            rate(tenants),
            rate(lanes),
            rate(all)
        );
    }
    let pages: Vec<u64> = (0..100).map(|i| i * 641 + 1).collect();
    let page = best(|| {
        for from in &pages {
            let read = segment.in_order(*from, from + 49, false, &mut |_, record| {
                black_box(record.public.len());
                ControlFlow::Continue(())
            });
            read.expect("reads");
        }
    });
    println!("  50 facts in order       {:8.2} ms, bodies, without cache", page * 1e3 / pages.len() as f64);
    let positions: Vec<u64> = (0..1_000u64).map(|i| i * 7_919 % FACTS as u64 + 1).collect();
    for (name, originals) in [("bodies", false), ("originals too", true)] {
        let point = |cache: usize, runs: usize| {
            let segment = SealedSegment::open(&disk, NAME, &ChunkCache::new(cache)).expect("opens");
            let pass = || {
                for position in &positions {
                    let read = segment.view(*position, originals, |record| record.public.len());
                    black_box(read.expect("reads"));
                }
            };
            (0..runs).for_each(|_| pass());
            let start = Instant::now();
            pass();
            start.elapsed().as_secs_f64() * 1e6 / positions.len() as f64
        };
        println!(
            "  point read, {name:13} {:6.1} µs without cache, {:.2} µs from it",
            point(0, 0),
            point(256 << 20, 1)
        );
    }
}

fn main() {
    for (tenants, whole) in [(27, false), (27, true), (1, false), (500, false)] {
        shape(tenants, whole);
    }
}
