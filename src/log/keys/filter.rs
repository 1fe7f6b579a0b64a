//! Answers "surely not in this run" from memory, so that a new key costs no read.

use xorf::{BinaryFuse16, Descriptor, Filter as _};

/// Keys per filter at most, roughly: a run of more keys has several, chosen by the key's highest bits.
/// Building needs ~30 bytes a key for a moment, and small ones are built within the processor's cache.
const KEYS_PER_PART: usize = 131_072;
/// seed, segment length, segment count × length, number of fingerprints.
const PART_HEADER: usize = 8 + 4 + 4 + 4;

/// Filters of one run. 18 bits a key, 1 in 65,000 false: with 8-bit fingerprints the dozen runs of a log of
/// 10 M facts, 0.4 % each, would send 5 % of the new keys to sled.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// The key's highest bits choose the part.
    bits: u32,
    parts: Vec<Option<BinaryFuse16>>,
}

impl Filter {
    /// False: the run does not hold the key. True: it may.
    pub(super) fn may_hold(&self, prefix: u64) -> bool {
        match self.parts.get(part_of(prefix, self.bits)) {
            Some(Some(part)) => part.contains(&prefix),
            // No filter could be built or loaded for this part: the run itself must be asked.
            Some(None) | None => true,
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().flatten().map(|part| part.len() * 2 + 48).sum()
    }

    /// As it lies in sled: u8 bits, then each part's header and fingerprints, little-endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![self.bits as u8];
        for part in &self.parts {
            let Some(part) = part else {
                out.extend_from_slice(&[0; PART_HEADER]);
                continue;
            };
            out.extend_from_slice(&part.descriptor.seed.to_le_bytes());
            out.extend_from_slice(&part.descriptor.segment_length.to_le_bytes());
            out.extend_from_slice(&part.descriptor.segment_count_length.to_le_bytes());
            out.extend_from_slice(&(part.fingerprints.len() as u32).to_le_bytes());
            out.extend(part.fingerprints.iter().flat_map(|print| print.to_le_bytes()));
        }
        out
    }

    /// None when the bytes are not those of a filter.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&bits, mut rest) = bytes.split_first()?;
        let bits = u32::from(bits);
        if bits > 24 {
            return None;
        }
        let mut parts = Vec::new();
        for _ in 0..1usize << bits {
            let header = rest.get(..PART_HEADER)?;
            let word = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
            let seed = u64::from_le_bytes(header.get(..8)?.try_into().ok()?);
            let (segment_length, segment_count_length, count) = (word(8)?, word(12)?, word(16)? as usize);
            let prints = rest.get(PART_HEADER..PART_HEADER + count * 2)?;
            rest = &rest[PART_HEADER + count * 2..];
            if count == 0 {
                parts.push(None);
                continue;
            }
            // A probe reaches at most two segments beyond the counted ones.
            let reach = u64::from(segment_count_length) + 2 * u64::from(segment_length);
            if !segment_length.is_power_of_two() || reach > count as u64 {
                return None;
            }
            let descriptor = Descriptor {
                seed,
                segment_length,
                segment_length_mask: segment_length - 1,
                segment_count_length,
            };
            let fingerprints =
                prints.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
            parts.push(Some(BinaryFuse16 { descriptor, fingerprints }));
        }
        rest.is_empty().then_some(Self { bits, parts })
    }
}

fn part_of(prefix: u64, bits: u32) -> usize {
    // A shift by 64 is not defined, hence two.
    ((prefix >> 1) >> (63 - bits)) as usize
}

/// Builds a [`Filter`] from prefixes in ascending order.
pub(super) struct FilterBuilder {
    bits: u32,
    parts: Vec<Option<BinaryFuse16>>,
    pending: Vec<u64>,
}

impl FilterBuilder {
    /// For about `count` keys.
    pub(super) fn new(count: u64) -> Self {
        let parts = count.div_ceil(KEYS_PER_PART as u64).next_power_of_two();
        Self { bits: parts.trailing_zeros(), parts: Vec::new(), pending: Vec::new() }
    }

    pub(super) fn push(&mut self, prefix: u64) {
        let part = part_of(prefix, self.bits);
        while self.parts.len() < part {
            self.end_part();
        }
        // Two keys may share their first 8 bytes; the filter wants each once.
        if self.pending.last() != Some(&prefix) {
            self.pending.push(prefix);
        }
    }

    pub(super) fn finish(mut self) -> Filter {
        while self.parts.len() < 1 << self.bits {
            self.end_part();
        }
        Filter { bits: self.bits, parts: self.parts }
    }

    fn end_part(&mut self) {
        // A filter that cannot be built is left out: the run is then always asked.
        self.parts.push(BinaryFuse16::try_from(&self.pending).ok());
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(count: u64) -> Vec<u64> {
        let mut all: Vec<u64> =
            (0..count).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)).collect();
        all.sort_unstable();
        all
    }

    fn build(all: &[u64]) -> Filter {
        let mut builder = FilterBuilder::new(all.len() as u64);
        all.iter().for_each(|prefix| builder.push(*prefix));
        builder.finish()
    }

    #[test]
    fn every_key_is_held_and_few_others_also_after_a_trip_through_bytes() {
        for count in [0, 1, 2, 5, 1_000, 300_000] {
            let all = prefixes(count);
            let filter = Filter::from_bytes(&build(&all).to_bytes()).unwrap();
            assert!(all.iter().all(|prefix| filter.may_hold(*prefix)), "{count}");
            let false_yes =
                (0..100_000u64).filter(|n| filter.may_hold(n.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1));
            assert!(count < 1_000 || false_yes.count() < 20, "{count}");
        }
    }

    #[test]
    fn keys_that_share_their_first_bytes_do_not_disturb() {
        let filter = build(&[3, 3, 3, 9]);
        assert!(filter.may_hold(3) && filter.may_hold(9));
    }

    #[test]
    fn bytes_that_are_no_filter_are_refused() {
        let good = build(&prefixes(5_000)).to_bytes();
        assert!(Filter::from_bytes(&good[..good.len() - 1]).is_none());
        assert!(Filter::from_bytes(&[]).is_none());
        let mut wide = good.clone();
        wide[13..17].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Filter::from_bytes(&wide).is_none(), "a probe would reach beyond the fingerprints");
    }
}
