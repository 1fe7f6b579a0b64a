//! Damaged and hostile bytes: decoding never panics, and takes memory for what is there, not for what is claimed.

use crate::schema::KINDS;
use crate::schema::generate::{self, Random};
use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::{Fact, kind_named, kinds};
use domain::keys::{ExternalId, LogSecret, Provider, TenantId};
use domain::members::{Day, Instant, Month};
use domain::record::{BODY_MAX, RecordRef};
use serde_json::json;

/// Bytes that claim lengths far beyond what follows.
const CLAIMS: &[&[u8]] = &[
    &[251, 0xFF, 0xFF],
    &[252, 0xFF, 0xFF, 0xFF, 0x7F],
    &[253, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
    &[253, 0, 0, 0, 0, 0, 0, 0, 0x10],
    &[254, 0xFF],
    &[255],
];

fn envelope(fact: Fact) -> Envelope {
    Envelope {
        tenant: TenantId::new("acme").expect("tenant"),
        provider: Provider::new("twilio").expect("provider"),
        external_id: ExternalId::new("1").expect("id"),
        occurred_at: Instant(0),
        time_received: false,
        fact,
        mapping: 1,
    }
}

fn laid_down(fact: Fact) -> Vec<u8> {
    let mut stored = Vec::new();
    let draft = envelope(fact).draft(&LogSecret::new(&[7; 32]), [9; 16], &Bytes::from_static(b"{}"));
    draft.expect("draft").stamp(1, &mut stored);
    stored
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, random.pick(CLAIMS).iter().copied())),
            2 => drop(bytes.splice(at..(at + 9).min(bytes.len()), random.pick(CLAIMS).iter().copied())),
            3 => bytes.insert(at, random.next() as u8),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

/// What decodes must also be shown, told apart and laid down again without a panic.
fn decode(kind: &str, version: u8, public: &[u8], personal: Option<&[u8]>) -> bool {
    let tag = kind_named(kind).expect("kind");
    let Ok(fact) = Fact::decode(tag, version, public, personal) else { return false };
    let shown = fact.json().to_string().len();
    assert!(shown <= 4096 + 12 * (public.len() + personal.map_or(0, <[u8]>::len)), "{kind}: {shown} bytes");
    let envelope = envelope(fact);
    let secret = LogSecret::new(&[7; 32]);
    drop(envelope.draft(&secret, [9; 16], &Bytes::new()));
    true
}

/// The most memory this process ever had, in KiB, where the system tells.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

// One test, so that its own peak of memory is the process's.
#[test]
fn damaged_bytes_never_panic_and_never_take_memory_that_they_only_claim() {
    let mut random = Random(1);
    let before = peak_kib();
    let (mut decoded, mut refused) = (0, 0);
    for round in 0..60_000 {
        let (kind, members) = KINDS[round % KINDS.len()];
        let fact =
            Fact::from_json(kind, generate::body(members, &mut random), "").expect("kind").expect("reads");
        let mut stored = laid_down(fact);
        let record = RecordRef::read(&stored).expect("record");
        let mut public = record.public.to_vec();
        let mut personal = record.personal().map(<[u8]>::to_vec);
        match random.below(4) {
            0 => public = (0..random.below(64)).map(|_| random.next() as u8).collect(),
            1 => personal = Some((0..random.below(64)).map(|_| random.next() as u8).collect()),
            2 => mutate(personal.get_or_insert_default(), &mut random),
            _ => mutate(&mut public, &mut random),
        }
        let version = if random.below(50) == 0 { random.next() as u8 } else { 1 };
        match decode(kind, version, &public, personal.as_deref()) {
            true => decoded += 1,
            false => refused += 1,
        }
        mutate(&mut stored, &mut random);
        if let Ok(record) = RecordRef::read(&stored) {
            let header = record.header;
            drop(Fact::decode(header.kind, header.version, record.public, record.personal()));
            record.leaf();
        }
    }
    assert!(decoded > 1_000 && refused > 1_000, "both ways are walked: {decoded} {refused}");
    for claim in CLAIMS {
        for (_, kind) in kinds() {
            for lead in 0..64 {
                let mut bytes = vec![1; lead];
                bytes.extend_from_slice(claim);
                decode(kind, 1, &bytes, Some(&bytes));
            }
        }
    }
    if let (Some(before), Some(after)) = (before, peak_kib()) {
        assert!(after - before < 64 * 1024, "{} KiB more than before", after - before);
    }
    the_longest_bodies_are_read_and_longer_ones_are_not_written();
}

fn the_longest_bodies_are_read_and_longer_ones_are_not_written() {
    let session = |id: &str| {
        let body = json!({"session_id": "s", "agent": "a", "pipeline_id": "p", "lead_ids": vec![id; 5_000]});
        Fact::from_json("session_started", body, "").expect("kind").expect("reads")
    };
    for id in ["1", "6f1c2f0e-7f5b-4a44-9a5c-0d6f1f0a2b3c"] {
        let fact = session(id);
        let stored = laid_down(fact.clone());
        let record = RecordRef::read(&stored).expect("record");
        assert!(record.public.len() <= BODY_MAX);
        let header = record.header;
        assert_eq!(Fact::decode(header.kind, header.version, record.public, None), Ok(fact));
    }
    let long = envelope(session(&"x".repeat(100)));
    assert!(long.draft(&LogSecret::new(&[7; 32]), [9; 16], &Bytes::new()).is_err());
}

#[test]
fn damaged_days_and_months_are_shown_without_a_panic() {
    for damaged in [i32::MIN, -1, i32::MAX] {
        let (day, month) = (Day(damaged), Month(damaged));
        assert!(!format!("{day} {} {month} {} {}", day.month(), month.first(), month.last()).is_empty());
    }
}
