//! Selections of facts: by tenant, kind group, subject shard and position.

use std::ops::ControlFlow;

use domain::keys::{Position, SubjectHash, TenantId};
use domain::record::RecordRef;

/// Called with each fact; stops the reading by `Break`.
pub type Visit<'f> = &'f mut dyn FnMut(Position, RecordRef<'_>) -> ControlFlow<()>;

/// A set of kind groups (`KindTag::group`), one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSet(u64);

impl GroupSet {
    /// Every group, those above 63 included.
    pub const ALL: Self = Self(u64::MAX);
    /// No group.
    pub const NONE: Self = Self(0);

    /// This set and `group`, which must be below 64.
    #[must_use]
    pub const fn with(self, group: u8) -> Self {
        assert!(group < 64, "a group set has 64 bits");
        Self(self.0 | 1 << group)
    }

    /// This set but for `group`, which must be below 64.
    #[must_use]
    pub const fn without(self, group: u8) -> Self {
        assert!(group < 64, "a group set has 64 bits");
        Self(self.0 & !(1 << group))
    }

    /// The groups of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `group` is in the set.
    pub const fn contains(self, group: u8) -> bool {
        if group < 64 { self.0 >> group & 1 == 1 } else { self.0 == u64::MAX }
    }
}

/// One of `of` equal parts of all subjects, by the top bits of the subject's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    bits: u32,
}

impl Shard {
    /// Every subject.
    pub const WHOLE: Self = Self { index: 0, bits: 0 };

    /// Part `index` of `of`, a power of two; none when there is no such part.
    pub fn new(index: u32, of: u32) -> Option<Self> {
        (of.is_power_of_two() && index < of).then(|| Self { index, bits: of.trailing_zeros() })
    }

    /// Which part, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many parts there are.
    pub fn of(self) -> u32 {
        1 << self.bits
    }

    /// Whether the subject falls in this part.
    pub fn contains(self, subject: SubjectHash) -> bool {
        subject.checked_shr(64 - self.bits).unwrap_or(0) == u64::from(self.index)
    }

    /// Whether some subject can be in both.
    pub fn meets(self, other: Self) -> bool {
        let (coarse, fine) = if self.bits <= other.bits { (self, other) } else { (other, self) };
        fine.index >> (fine.bits - coarse.bits) == coarse.index
    }

    /// Whether every subject of `part` is in this one.
    pub fn covers(self, part: Self) -> bool {
        self.bits <= part.bits && self.meets(part)
    }
}

/// A selection of facts.
#[derive(Debug, Clone)]
pub struct Select {
    /// The tenant; `None`: all tenants.
    pub tenant: Option<TenantId>,
    /// The groups of kinds.
    pub groups: GroupSet,
    /// The shard of subjects; `None`: all subjects.
    pub shard: Option<Shard>,
    /// Groups that every shard includes, such as configuration and sync markers.
    pub always: GroupSet,
    /// Whether inline originals are read; if not, they are empty.
    pub originals: bool,
    /// The first position.
    pub from: Position,
    /// The last position, inclusive.
    pub up_to: Position,
}

impl Select {
    /// Everything, without originals.
    pub fn all() -> Self {
        Self {
            tenant: None,
            groups: GroupSet::ALL,
            shard: None,
            always: GroupSet::NONE,
            originals: false,
            from: 1,
            up_to: Position::MAX,
        }
    }

    /// Everything of one tenant, without originals.
    pub fn tenant(tenant: TenantId) -> Self {
        Self { tenant: Some(tenant), ..Self::all() }
    }

    /// The shard that facts of `group` must fall in.
    pub fn shard_of(&self, group: u8) -> Shard {
        match self.shard {
            Some(shard) if !self.always.contains(group) => shard,
            Some(_) | None => Shard::WHOLE,
        }
    }

    /// Whether a fact is wanted; what a tail in memory is filtered by.
    pub fn wants(&self, position: Position, tenant: &str, group: u8, subject: SubjectHash) -> bool {
        (self.from..=self.up_to).contains(&position)
            && self.groups.contains(group)
            && self.tenant.as_ref().is_none_or(|wanted| wanted.as_str() == tenant)
            && self.shard_of(group).contains(subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cut_subjects_into_equal_parts_that_nest() {
        let subjects = [0, 1, u64::MAX, 1 << 63, 0x3fff_ffff_ffff_ffff, 0x4000_0000_0000_0000];
        for of in [1, 2, 4, 256] {
            for subject in subjects {
                let parts: Vec<Shard> = (0..of)
                    .filter_map(|i| Shard::new(i, of))
                    .filter(|shard| shard.contains(subject))
                    .collect();
                assert_eq!(parts.len(), 1, "subject {subject:x} of {of}");
                assert!(Shard::WHOLE.covers(parts[0]) && parts[0].meets(Shard::WHOLE));
                let finer = (0..of * 2).filter_map(|i| Shard::new(i, of * 2)).find(|s| s.contains(subject));
                assert!(finer.is_some_and(|finer| parts[0].covers(finer) && !finer.covers(parts[0])));
            }
        }
        assert_eq!(Shard::new(0, 3), None);
        assert_eq!(Shard::new(4, 4), None);
    }

    #[test]
    fn groups_that_are_always_wanted_ignore_the_shard() {
        let select = Select {
            shard: Shard::new(1, 2),
            always: GroupSet::NONE.with(7),
            ..Select::tenant(TenantId::new("acme").unwrap())
        };
        assert!(select.wants(1, "acme", 7, 0));
        assert!(!select.wants(1, "acme", 1, 0));
        assert!(select.wants(1, "acme", 1, u64::MAX));
        assert!(!select.wants(1, "other", 1, u64::MAX));
        assert!(GroupSet::ALL.contains(200) && !GroupSet::NONE.with(3).contains(200));
    }
}
