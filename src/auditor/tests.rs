//! The rounds by the clock: what damage is found, that a whole log has none, and that a rest is kept.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;
use crate::log::Sizes;
use crate::testing::{self, Harness, SECOND, T0, TestClock};

struct House {
    auditor: Auditor,
    views: Views,
    harness: Harness,
}

/// A log of 100 calls, of which two segments of 40 are sealed and one is open.
fn house() -> House {
    let sizes = Sizes { seal_facts: 40, seal_bytes: 1 << 20, fill_step: 8 << 10 };
    let harness = Harness::with_sizes(TestClock::standing(T0), sizes);
    let call = |n: usize| {
        let body = json!({"call_id": format!("CA{n}"), "status": "completed"});
        testing::draft(["acme", "globex"][n % 2], &format!("CA{n}:completed"), T0, "call_reported", body)
    };
    for first in (0..100).step_by(20) {
        harness.append((first..first + 20).map(call).collect());
    }
    testing::until("two segments are sealed", || harness.log.snapshot().sealed() >= 80);
    let views = harness.views();
    House { auditor: Auditor::new(harness.log.clone(), views.clone(), harness.clock()), views, harness }
}

impl House {
    /// What is wrong after a round, each piece read a second after the one before.
    fn round(&self) -> Vec<String> {
        let rounds = self.auditor.inner.round.lock().rounds;
        for _ in 0..20 {
            self.harness.time.advance(SECOND);
            self.auditor.step();
            if self.auditor.inner.round.lock().rounds > rounds {
                let findings = self.auditor.findings();
                assert!(findings.is_whole);
                return findings.violations.into_iter().map(|violation| violation.subject).collect();
            }
        }
        panic!("expected a round to end within 20 pieces");
    }

    fn file(&self, ending: &str, nth: usize) -> PathBuf {
        let names = fs::read_dir(self.harness.dir.path().join("journal")).expect("journal");
        let mut paths: Vec<PathBuf> = names.map(|entry| entry.expect("entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == ending));
        paths.sort();
        paths[nth].clone()
    }

    fn end(self) {
        self.views.close();
        self.harness.log.close();
    }
}

fn name(path: &Path) -> String {
    format!("journal/{}", path.file_name().and_then(|name| name.to_str()).expect("a name"))
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("reads");
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("writes");
}

#[test]
fn g5_a_whole_log_is_found_whole_and_no_piece_is_read_before_its_time() {
    let house = house();
    assert_eq!(house.round(), Vec::<String>::new(), "null control: nothing was done to it");
    let next = house.auditor.inner.round.lock().next.clone();
    house.harness.time.advance(SECOND);
    house.auditor.step();
    let after = house.auditor.inner.round.lock().next.clone();
    assert_ne!(next, after);
    (0..100).for_each(|_| house.auditor.step());
    assert_eq!(house.auditor.inner.round.lock().next, after, "a clock that stands reads nothing more");
    house.end();
}

#[test]
fn g5_a_flipped_bit_in_a_sealed_and_in_an_open_file_is_named_until_it_is_mended() {
    let house = house();
    let (sealed, open) = (house.file("sealed", 1), house.file("open", 0));
    flip(&sealed, 200);
    flip(&open, 4096 + 100);
    assert_eq!(house.round(), [name(&sealed), name(&open)]);
    let since: Vec<Instant> =
        house.auditor.findings().violations.iter().map(|violation| violation.since).collect();
    assert_eq!(house.round().len(), 2, "and again");
    let still: Vec<Instant> =
        house.auditor.findings().violations.iter().map(|violation| violation.since).collect();
    assert_eq!(since, still, "it is the same occasion");
    flip(&sealed, 200);
    flip(&open, 4096 + 100);
    assert_eq!(house.round(), Vec::<String>::new());
    house.end();
}

#[test]
fn g5_a_file_that_is_gone_or_replaced_is_named_though_the_server_has_it_open() {
    let house = house();
    let (first, second) = (house.file("sealed", 0), house.file("sealed", 1));
    fs::copy(&first, house.harness.dir.path().join("copy")).expect("copies");
    fs::rename(house.harness.dir.path().join("copy"), &second).expect("replaces");
    fs::remove_file(&first).expect("removes");
    assert_eq!(house.round(), [name(&first), name(&second)]);
    house.end();
}
