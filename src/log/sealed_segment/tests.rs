//! Sealed segments against what was sealed: exact bytes, once each, in every way of reading.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;
use domain::keys::TenantId;
use domain::record::{Draft, Hash, Header, KindTag, Private, Record, RecordRef, commitment};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{ChunkCache, SealedSegment, SegmentError};
use crate::log::disk::RealDisk;
use crate::log::merkle::Frontier;
use crate::log::select::{GroupSet, Select, Shard};

thread_local! {
    /// Null control: takes the checksums out.
    pub(in crate::log) static CRC_OFF: Cell<bool> = const { Cell::new(false) };
}

pub(super) const NAME: &str = "journal/1.sealed";

/// One fact to be: small numbers that choose tenant, kind, subject and sizes.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub tenant: u8,
    pub group: u8,
    pub tag: u8,
    pub subject: u64,
    pub public: usize,
    pub personal: usize,
    pub original: usize,
    pub erased: bool,
    pub time: i64,
}

pub(super) fn shape() -> impl Strategy<Value = Shape> {
    let sizes = (0usize..300, 0usize..200, prop_oneof![8 => 0usize..900, 1 => 0usize..40_000]);
    (0u8..4, 0u8..5, 0u8..3, any::<u64>(), sizes, 0u8..12, any::<i32>()).prop_map(
        |(tenant, group, tag, subject, (public, personal, original), odd, time)| Shape {
            tenant,
            group,
            tag,
            subject: if odd % 2 == 0 { subject % 3 } else { subject },
            public,
            personal: if odd == 1 { 0 } else { personal },
            original: if odd == 1 { 0 } else { original },
            erased: odd == 2,
            time: i64::from(time) * if odd < 6 { 1_000_000 } else { 777 },
        },
    )
}

/// Bytes that compress neither to nothing nor not at all.
fn filler(len: usize, seed: u64) -> Vec<u8> {
    (0..len as u64).map(|i| (seed.wrapping_mul(i / 7 + 1) >> 11) as u8 % 60 + 40).collect()
}

pub(super) fn records(base: u64, shapes: &[Shape]) -> (Vec<Record>, Vec<Hash>) {
    let mut recorded_at = 1_760_000_000_000_000;
    let mut leaves = Vec::new();
    let records = (base..)
        .zip(shapes)
        .map(|(position, shape)| {
            recorded_at += i64::from(shape.tag) * 1_234;
            let external_id = format!("CA{:x}:{position}", position.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let tenant =
                ["acme", "b", "tenant-with-a-longer-name", TenantId::CONTROL][usize::from(shape.tenant)];
            let header = Header {
                recorded_at: 0,
                occurred_at: shape.time,
                time_received: shape.subject % 5 == 0,
                kind: KindTag { group: shape.group, tag: shape.tag },
                version: shape.tag,
                mapping: u16::from(shape.tag) * 300,
                content: [position as u8; 16],
                subject: shape.subject,
                tenant,
                provider: ["twilio", "emailbison", "factfold"][usize::from(shape.tag)],
                external_id: &external_id,
            };
            let (public, personal) = (filler(shape.public, position), filler(shape.personal, !position));
            let original = Bytes::from(filler(shape.original, position * 3));
            let salt = [position as u8 ^ 0x5a; 16];
            let draft = Draft::new([0; 11], &header, &public, salt, &personal, &original);
            let mut stored = Vec::new();
            leaves.push(draft.stamp(recorded_at, &mut stored));
            if shape.erased {
                stored = erase(&stored, &salt, &personal, &original);
            }
            Record { position, bytes: Bytes::from(stored) }
        })
        .collect();
    (records, leaves)
}

fn erase(stored: &[u8], salt: &[u8; 16], personal: &[u8], original: &[u8]) -> Vec<u8> {
    let private =
        Private::Erased { personal: commitment(salt, personal), original: commitment(salt, original) };
    let mut bytes = Vec::new();
    RecordRef { private, ..RecordRef::read(stored).unwrap() }.write(&mut bytes);
    bytes
}

/// A frontier after `positions` leaves of no meaning.
pub(super) fn before(positions: u64) -> Frontier {
    let mut before = Frontier::new();
    for i in 0..positions {
        before.push([i as u8; 32]);
    }
    before
}

pub(super) struct Sealed {
    pub dir: TempDir,
    pub disk: RealDisk,
    pub records: Vec<Record>,
    pub leaves: Vec<Hash>,
}

pub(super) fn seal(positions_before: u64, shapes: &[Shape]) -> Sealed {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("journal")).unwrap();
    let disk = RealDisk::new(dir.path());
    let (records, leaves) = records(positions_before + 1, shapes);
    SealedSegment::write(&disk, NAME, &before(positions_before), &records, &leaves).unwrap();
    Sealed { dir, disk, records, leaves }
}

impl Sealed {
    pub fn open(&self) -> Result<SealedSegment, SegmentError> {
        SealedSegment::open(&self.disk, NAME, &ChunkCache::new(200_000))
    }
}

/// All that a selection hands out, as stored records.
pub(super) fn collect(segment: &SealedSegment, select: &Select) -> Result<Vec<Record>, SegmentError> {
    let mut found = Vec::new();
    segment.for_each(select, &mut |position, record| {
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        found.push(Record { position, bytes: Bytes::from(bytes) });
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

pub(super) fn in_order(segment: &SealedSegment, from: u64, to: u64) -> Result<Vec<Record>, SegmentError> {
    let mut found = Vec::new();
    segment.in_order(from, to, true, &mut |position, record| {
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        found.push(Record { position, bytes: Bytes::from(bytes) });
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Every way of reading gives exactly what was sealed.
fn check(sealed: &Sealed, positions_before: u64, of: u32) {
    let segment = sealed.open().unwrap();
    let records = &sealed.records;
    assert_eq!((segment.base(), segment.count()), (positions_before + 1, records.len() as u64));
    assert_eq!(segment.last(), positions_before + records.len() as u64);
    let mut after = before(positions_before);
    assert_eq!(segment.before().root(), after.root());
    for leaf in &sealed.leaves {
        after.push(*leaf);
    }
    assert_eq!(segment.head(), after.head());
    assert_eq!(segment.frontier(), &after);

    assert_eq!(&in_order(&segment, 0, u64::MAX).unwrap(), records);
    for record in records.iter().rev() {
        assert_eq!(&segment.read(record.position).unwrap(), record);
    }
    let (from, to) = (segment.base() + segment.count() / 3, segment.last() - segment.count() / 4);
    let expected: Vec<Record> =
        records.iter().filter(|r| (from..=to).contains(&r.position)).cloned().collect();
    assert_eq!(in_order(&segment, from, to).unwrap(), expected);
    assert_eq!(in_order(&segment, segment.last() + 1, u64::MAX).unwrap(), []);
    assert_eq!(in_order(&segment, to, to).unwrap(), [records[(to - segment.base()) as usize].clone()]);

    let all = Select { originals: true, ..Select::all() };
    let mut expected_groups: BTreeMap<(String, u8), u64> = BTreeMap::new();
    for record in records {
        let header = record.view().unwrap().header;
        *expected_groups.entry((header.tenant.to_owned(), header.kind.group)).or_default() += 1;
    }
    let groups: Vec<_> = segment.groups().map(|(t, g, n)| ((t.to_owned(), g), n)).collect();
    assert_eq!(groups, expected_groups.clone().into_iter().collect::<Vec<_>>());
    let mut seen = Vec::new();
    for (tenant, group) in expected_groups.keys() {
        for index in 0..of {
            let select = Select {
                tenant: Some(TenantId::stored(tenant).unwrap()),
                groups: GroupSet::NONE.with(*group),
                shard: Shard::new(index, of),
                ..all.clone()
            };
            let found = collect(&segment, &select).unwrap();
            assert!(found.is_sorted_by_key(|record| record.position));
            for record in &found {
                let header = record.view().unwrap().header;
                assert!(select.wants(record.position, header.tenant, header.kind.group, header.subject));
            }
            seen.extend(found);
        }
    }
    seen.sort_by_key(|record| record.position);
    assert_eq!(&seen, records, "each fact once over all lanes and shards");

    let select = Select { shard: Shard::new(of - 1, of), always: GroupSet::NONE.with(0), up_to: to, ..all };
    let wanted = records.iter().filter(|record| {
        let header = record.view().unwrap().header;
        select.wants(record.position, header.tenant, header.kind.group, header.subject)
    });
    assert_eq!(collect(&segment, &select).unwrap(), wanted.cloned().collect::<Vec<_>>());
    let mut found = Vec::new();
    segment.verify(&mut found);
    assert_eq!(found, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_fact_is_read_back_exactly_once_whatever_way_it_is_read(
        shapes in proptest::collection::vec(shape(), 1..700),
        positions_before in 0u64..200,
        of in 0u32..4,
    ) {
        check(&seal(positions_before, &shapes), positions_before, 1 << of);
    }
}

#[test]
fn a_large_lane_is_cut_into_shards_that_are_read_alone() {
    let shapes: Vec<Shape> = (0..5_000u64)
        .map(|i| Shape {
            tenant: u8::from(i % 10 == 0),
            group: 1,
            tag: 1,
            subject: i.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            public: 20,
            personal: 10,
            original: 30,
            erased: false,
            time: i as i64,
        })
        .collect();
    let sealed = seal(7, &shapes);
    let segment = sealed.open().unwrap();
    let lanes: Vec<_> = segment
        .footer
        .lanes
        .iter()
        .map(|lane| (&*lane.tenant, lane.shard.index(), lane.shard.of()))
        .collect();
    assert_eq!(lanes, [("acme", 0, 4), ("acme", 1, 4), ("acme", 2, 4), ("acme", 3, 4), ("b", 0, 1)]);
    for of in [1, 2, 16] {
        check(&sealed, 7, of);
    }
}

#[test]
fn originals_are_left_out_unless_asked_for() {
    let sealed = seal(0, &[Shape { ..example() }]);
    let segment = sealed.open().unwrap();
    let without = collect(&segment, &Select::all()).unwrap();
    let with = collect(&segment, &Select { originals: true, ..Select::all() }).unwrap();
    assert_eq!(with, sealed.records);
    assert_eq!(with[0].bytes.len() - without[0].bytes.len(), 500);
    let personal = segment.view(1, false, |record| record.personal().map(<[u8]>::len)).unwrap();
    assert_eq!(personal, Some(40));
}

pub(super) fn example() -> Shape {
    Shape {
        tenant: 0,
        group: 1,
        tag: 0,
        subject: 9,
        public: 100,
        personal: 40,
        original: 500,
        erased: false,
        time: 0,
    }
}

#[test]
fn the_cache_stays_within_its_bytes() {
    let shapes: Vec<Shape> = (0..3_000).map(|_| example()).collect();
    let sealed = seal(0, &shapes);
    let cache = ChunkCache::new(400_000);
    let segment = SealedSegment::open(&sealed.disk, NAME, &cache).unwrap();
    for step in 0..300u64 {
        let position = step * 977 % 3_000 + 1;
        assert_eq!(segment.read(position).unwrap(), sealed.records[position as usize - 1]);
        assert!(cache.bytes() <= 400_000, "{}", cache.bytes());
    }
    assert!(cache.bytes() > 200_000, "and is used");
}

#[test]
fn what_is_no_stretch_of_a_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(dir.path());
    let (records, leaves) = records(1, &[example(), example(), example()]);
    let write = |before: &Frontier, records: &[Record], leaves: &[Hash]| {
        SealedSegment::write(&disk, "s", before, records, leaves)
    };
    let refused = |result| matches!(result, Err(SegmentError::Refused(_)));
    assert!(refused(write(&Frontier::new(), &[], &[])));
    assert!(refused(write(&before(1), &records, &leaves)));
    assert!(refused(write(&Frontier::new(), &records, &leaves[1..])));
    let gap = [records[0].clone(), records[2].clone()];
    assert!(refused(write(&Frontier::new(), &gap, &leaves[1..])));
    let wrong = [leaves[0], leaves[2], leaves[1]];
    assert!(matches!(write(&Frontier::new(), &records, &wrong), Err(SegmentError::Damaged(_))));
    assert!(!dir.path().join("s").exists(), "nothing was renamed");
    write(&Frontier::new(), &records, &leaves).unwrap();
    assert!(!dir.path().join("s.tmp").exists());
}

#[test]
fn positions_of_other_segments_are_not_here() {
    let sealed = seal(0, &[example()]);
    assert!(matches!(sealed.open().unwrap().read(2), Err(SegmentError::NotHere(2))));
    assert!(matches!(sealed.open().unwrap().read(0), Err(SegmentError::NotHere(0))));
}
