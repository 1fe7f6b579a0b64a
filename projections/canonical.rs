//! Canonical form of rows, and the digest of a model: a sum, so that order, lanes and threads do not show (E6).

use std::cell::RefCell;

use domain::facts::call::Direction;
use domain::members::Email;
use domain::rules::configuration::Configuration;
use sha2::{Digest as _, Sha256};

use crate::store::Chain;

/// The first eight bytes of the SHA-256: the same in every process and release.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// A row as a digest takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPrint {
    /// What names it: the texts that its canonical form begins with, behind the tenant.
    pub name: String,
    /// The first half of its hash.
    pub print: [u8; 16],
}

thread_local! {
    /// The rows that digests of this thread take, while somebody asks for them.
    static PRINTS: RefCell<Option<Vec<RowPrint>>> = const { RefCell::new(None) };
}

/// The rows that a digest takes, which `digest` makes on this thread.
pub fn prints(digest: impl FnOnce() -> Digest) -> Vec<RowPrint> {
    PRINTS.set(Some(Vec::new()));
    let _sum = digest();
    PRINTS.take().unwrap_or_default()
}

/// What a canonical row begins with, behind the tenant: up to three texts, with a number before them where there is one.
fn name_of(row: &[u8]) -> String {
    let Some((_tenant, mut rest)) = text_of(row) else { return String::new() };
    let mut names = Vec::new();
    if text_of(rest).is_none()
        && let Some((number, behind)) = rest.split_first_chunk::<8>()
    {
        names.push(i64::from_le_bytes(*number).to_string());
        rest = behind;
    }
    while names.len() < 3
        && let Some((text, behind)) = text_of(rest)
    {
        names.push(text.to_owned());
        rest = behind;
    }
    names.join("/")
}

/// The text that canonical bytes begin with. What follows a number is no text: it has zeros in it.
fn text_of(row: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = row.split_first_chunk::<8>()?;
    let length = usize::try_from(i64::from_le_bytes(*length)).ok().filter(|length| *length > 0)?;
    let (text, rest) = rest.split_at_checked(length)?;
    let text = std::str::from_utf8(text).ok().filter(|text| !text.contains(char::is_control))?;
    Some((text, rest))
}

/// Digest of a model: the sum modulo 2²⁵⁶ of SHA-256 over its canonical rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest([u64; 4]);

impl Digest {
    /// Adds one row.
    pub fn add(&mut self, row: &[u8]) {
        let hash: [u8; 32] = Sha256::digest(row).into();
        PRINTS.with_borrow_mut(|prints| {
            if let (Some(prints), Some(print)) = (prints, hash.first_chunk()) {
                prints.push(RowPrint { name: name_of(row), print: *print });
            }
        });
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(hash.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        self.merge(Self(words));
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        let mut carry = false;
        for (word, more) in self.0.iter_mut().zip(other.0) {
            let (sum, over) = word.overflowing_add(more);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, over || again);
        }
    }

    /// The 32 bytes, little-endian.
    pub fn bytes(self) -> [u8; 32] {
        let mut out = [0; 32];
        for (bytes, word) in out.as_chunks_mut::<8>().0.iter_mut().zip(self.0) {
            *bytes = word.to_le_bytes();
        }
        out
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.bytes()))
    }
}

/// Writes a row's canonical form: fixed order, lengths before texts, absent apart from empty.
#[derive(Debug, Default)]
pub struct Canonical(Vec<u8>);

impl Canonical {
    /// Starts a row of `tenant`.
    pub fn start(&mut self, tenant: &str) {
        self.0.clear();
        self.text(Some(tenant));
    }

    /// A number.
    pub fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A number that may be absent.
    pub fn maybe(&mut self, number: Option<i64>) {
        self.0.push(u8::from(number.is_some()));
        self.number(number.unwrap_or_default());
    }

    /// A text that may be absent.
    pub fn text(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.number(-1) };
        self.number(text.len() as i64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Every member of a configuration, in fixed order.
    pub fn configuration(&mut self, rules: &Configuration) {
        self.number(rules.position as i64);
        self.maybe(rules.effective_from.map(|day| i64::from(day.0)));
        self.text(Some(rules.zone.as_str()));
        self.number(i64::from(rules.qualified_min_seconds));
        self.maybe(rules.job_value_minor);
        self.text(rules.currency.map(|currency| currency.to_string()).as_deref());
        for direction in [Some(Direction::Inbound), Some(Direction::Outbound), None] {
            self.number(i64::from(rules.counts(direction)));
        }
        for seconds in [rules.stale_after_seconds, rules.session_timeout_seconds, rules.reservation_seconds] {
            self.number(i64::from(seconds));
        }
        self.number(i64::from(rules.reply_rate_drop_percent));
        self.number(i64::from(rules.daily_call_goal));
        self.number(i64::from(rules.recording));
        self.number(rules.stages.len() as i64);
        for stage in &rules.stages {
            self.text(Some(stage.name.as_str()));
            self.maybe(stage.likelihood_percent.map(|percent| i64::from(percent.get())));
        }
        for names in [&rules.counted_contact_types, &rules.qualified_stages, &rules.hot_stages] {
            self.number(names.len() as i64);
            names.iter().for_each(|name| self.text(Some(name)));
        }
        self.number(rules.tracking_numbers.len() as i64);
        for (number, agent) in &rules.tracking_numbers {
            self.text(Some(number.as_str()));
            self.text(agent.as_ref().map(Email::as_str));
        }
        self.number(rules.workspaces.len() as i64);
        rules.workspaces.iter().for_each(|name| self.text(Some(name.as_str())));
    }

    /// The facts of a row, by position.
    pub fn positions(&mut self, facts: &Chain) {
        facts.sorted().into_iter().for_each(|position| self.number(position as i64));
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_named_by_what_they_begin_with() {
        let mut row = Canonical::default();
        let mut named = |write: &dyn Fn(&mut Canonical)| {
            row.start("acme");
            write(&mut row);
            let digest = || {
                let mut digest = Digest::default();
                digest.add(row.bytes());
                digest
            };
            let found = prints(digest);
            found.into_iter().map(|row| row.name).collect::<Vec<_>>()
        };
        assert_eq!(named(&|row| row.text(Some("CA1"))), ["CA1"]);
        let lead = |row: &mut Canonical| {
            ["i", "17", "4711"].iter().for_each(|text| row.text(Some(text)));
            row.number(3);
        };
        assert_eq!(named(&lead), ["i/17/4711"]);
        let record = |row: &mut Canonical| {
            row.number(2);
            row.text(Some("51"));
            row.number(7);
        };
        assert_eq!(named(&record), ["2/51"]);
        Digest::default().add(b"nobody asks");
        assert!(prints(Digest::default).is_empty());
    }

    #[test]
    fn digests_add_up_in_any_order_with_carries() {
        let rows: Vec<Vec<u8>> = (0..200u32).map(|i| i.to_le_bytes().to_vec()).collect();
        let (mut there, mut back, mut halves) = (Digest::default(), Digest::default(), Digest::default());
        rows.iter().for_each(|row| there.add(row));
        rows.iter().rev().for_each(|row| back.add(row));
        for part in rows.chunks(70) {
            let mut half = Digest::default();
            part.iter().for_each(|row| half.add(row));
            halves.merge(half);
        }
        assert_eq!((there, there), (back, halves));
        let mut max = Digest([u64::MAX; 4]);
        max.merge(Digest([1, 0, 0, 0]));
        assert_eq!(max, Digest::default());
    }
}
