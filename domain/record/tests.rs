//! Stored records: round trips, erasure, damage.

use super::*;

fn header(external_id: &str) -> Header<'_> {
    Header {
        recorded_at: 0,
        occurred_at: 1_760_000_000_000_000,
        time_received: false,
        kind: KindTag { group: 1, tag: 1 },
        version: 1,
        mapping: 3,
        content: [9; 16],
        subject: 77,
        tenant: "acme",
        provider: "twilio",
        external_id,
    }
}

fn draft(original: &Bytes) -> Draft {
    Draft::new([1; 11], &header("CA1:completed"), b"public", [5; 16], b"personal", original)
}

#[test]
fn a_stamped_record_reads_back_with_the_same_leaf() {
    for original in [Bytes::new(), Bytes::from_static(b"{}"), Bytes::from(vec![7; INLINE_ORIGINAL_MAX + 1])] {
        let draft = draft(&original);
        let mut stored = Vec::new();
        let leaf = draft.stamp(1_770_000_000_000_000, &mut stored);
        let record = RecordRef::read(&stored).expect("reads");
        assert_eq!(record.leaf(), leaf);
        assert_eq!(record.header.recorded_at, 1_770_000_000_000_000);
        assert_eq!(draft.blob().is_some(), original.len() > INLINE_ORIGINAL_MAX);
        let mut again = Vec::new();
        record.write(&mut again);
        assert_eq!(again, stored);
    }
}

#[test]
fn erasing_the_private_part_leaves_the_leaf() {
    let mut stored = Vec::new();
    let leaf = draft(&Bytes::from_static(b"From=%2B15550100")).stamp(1, &mut stored);
    let kept = RecordRef::read(&stored).expect("reads");
    let erased = RecordRef {
        private: Private::Erased {
            personal: commitment(&[5; 16], b"personal"),
            original: commitment(&[5; 16], b"From=%2B15550100"),
        },
        ..kept
    };
    assert_eq!(erased.leaf(), leaf);
    let mut bytes = Vec::new();
    erased.write(&mut bytes);
    assert!(!bytes.windows(8).any(|w| w == b"personal"));
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let mut stored = Vec::new();
    draft(&Bytes::from_static(b"{}")).stamp(1, &mut stored);
    for len in 0..stored.len() {
        assert!(RecordRef::read(&stored[..len]).is_err(), "cut at {len}");
    }
    stored.push(0);
    assert_eq!(RecordRef::read(&stored), Err(RecordError::Length));
}

#[test]
fn every_hashed_byte_changes_the_leaf() {
    let mut stored = Vec::new();
    let leaf = draft(&Bytes::from_static(b"{}")).stamp(1, &mut stored);
    for at in 0..stored.len() {
        let mut bad = stored.clone();
        bad[at] ^= 1;
        if let Ok(record) = RecordRef::read(&bad) {
            assert_ne!(record.leaf(), leaf, "byte {at}");
        }
    }
}
