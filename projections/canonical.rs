//! Canonical form of rows, and the digest of a model: a sum, so that order, lanes and threads do not show (E6).

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

/// Digest of a model: the sum modulo 2²⁵⁶ of SHA-256 over its canonical rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest([u64; 4]);

impl Digest {
    /// Adds one row.
    pub fn add(&mut self, row: &[u8]) {
        let hash: [u8; 32] = Sha256::digest(row).into();
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
