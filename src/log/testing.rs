//! Facts and options for the log's own tests.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use domain::keys::LogSecret;
use domain::record::{Draft, Header, KindTag};

use super::options::{LogOptions, Protections, Sizes};
use super::sim::Rng;

const SECTOR: usize = 512;

/// The secret of all test logs.
pub fn secret() -> &'static LogSecret {
    static SECRET: LazyLock<LogSecret> = LazyLock::new(|| LogSecret::new(&[42; 32]));
    &SECRET
}

/// Fact `n` with an original of `original` bytes.
pub fn draft(n: u64, original: usize) -> Draft {
    fact(n, 0, original)
}

/// Fact `n` in one of its contents.
pub fn draft_of(n: u64, content: u64) -> Draft {
    fact(n, content, 40)
}

/// Fact `n`: its key is of `n`, its content digest of `n` and `content`; its bytes follow from all three.
pub fn fact(n: u64, content: u64, original: usize) -> Draft {
    let (secret, external_id) = (secret(), format!("fact/{n}"));
    let tenant = ["acme", "borealis", "cumulus"][(n % 3) as usize];
    let public: Vec<u8> = (0..60 + n % 90).map(|i| (n * 7 + content + i) as u8).collect();
    let header = Header {
        recorded_at: 0,
        occurred_at: 1_760_000_000_000_000 + n as i64,
        time_received: n.is_multiple_of(11),
        kind: KindTag { group: (n % 4) as u8, tag: 1 },
        version: 1,
        mapping: 3,
        content: secret.content(format!("{n}/{content}").as_bytes()),
        subject: secret.subject(tenant, &format!("call/{}", n / 5)),
        tenant,
        provider: "twilio",
        external_id: &external_id,
    };
    let original: Vec<u8> = (0..original).map(|i| (n as usize + i * 31) as u8 | 1).collect();
    let key = secret.key_hash(tenant, "twilio", &external_id);
    Draft::new(key, &header, &public, [n as u8; 16], b"From=+15550100", &Bytes::from(original))
}

/// Options with tiny segments and a clock that stands still and now and then goes back.
pub fn options(protections: Protections) -> LogOptions {
    let ticks = AtomicI64::new(0);
    let clock = move || {
        let tick = ticks.fetch_add(1, Ordering::Relaxed);
        1_770_000_000_000_000 + tick / 3 - tick % 5
    };
    let sizes = Sizes { seal_facts: 40, seal_bytes: 24 * 1024, fill_step: 8 * 1024 };
    LogOptions { sizes, protections, ..LogOptions::new(secret().clone(), Arc::new(clock), None) }
}

/// Harms one file somewhere; what was done to it.
pub fn harm(bytes: &mut Vec<u8>, rng: &mut Rng) -> String {
    let sectors = (bytes.len() / SECTOR) as u64;
    let sector = |at: u64| at as usize * SECTOR..(at as usize + 1) * SECTOR;
    match rng.below(4) {
        1 if sectors > 0 => {
            let at = rng.below(sectors);
            bytes[sector(at)].fill(0);
            format!("sector {at} zeroed")
        }
        2 if sectors > 1 => {
            let (one, other) = (rng.below(sectors), rng.below(sectors));
            let kept = bytes[sector(one)].to_vec();
            bytes.copy_within(sector(other), one as usize * SECTOR);
            bytes[sector(other)].copy_from_slice(&kept);
            format!("sectors {one} and {other} swapped")
        }
        3 => {
            let len = rng.below(bytes.len() as u64);
            bytes.truncate(len as usize);
            format!("cut to {len} bytes")
        }
        _ => {
            let (at, bit) = (rng.below(bytes.len() as u64) as usize, rng.below(8));
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
    }
}
