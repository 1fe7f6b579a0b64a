//! A kind with two versions: what the first one stored is read in the form of the second.

#![allow(dead_code, reason = "only the wire form of the test group is used")]

use bytes::Bytes;

use crate::body;
use crate::codec::{Body, CodecError, Taker};
use crate::keys::LogSecret;
use crate::record::{Draft, Header, KindTag, RecordRef};

body! {
    /// `sample_taken` as version 1 stored it.
    SampleV1 {
        public {
            /// Of what.
            required name: crate::members::Text;
            /// Where, as version 1 called it.
            optional place: crate::members::Text;
        }
        personal {
            /// By whom.
            optional person: crate::members::Text;
        }
    }
}

body! {
    /// `sample_taken`: version 2 added the weight.
    Sample {
        public {
            /// Of what.
            required name: crate::members::Text;
            /// In milligrams.
            optional weight: u32;
            /// Where.
            optional place: crate::members::Text;
        }
        personal {
            /// By whom.
            optional person: crate::members::Text;
        }
    }
}

impl From<SampleV1> for Sample {
    fn from(SampleV1 { name, place, person }: SampleV1) -> Self {
        Self { name, weight: None, place, person }
    }
}

group! {
    /// A group of this test.
    SampleFact = 250 {
        1 "sample_taken" Taken(Sample) version 2 { 1 => SampleV1 },
        2 "sample_lost" Lost(SampleV1),
    }
}

/// Wire form that version 1 wrote: name `ore`, place `pit`, person `Ann`.
const PUBLIC: &[u8] = b"\x03ore\x01\x03pit";
const PERSONAL: &[u8] = b"\x01\x03Ann";

fn decode(tag: u8, version: u8, public: &[u8]) -> Result<SampleFact, CodecError> {
    let (mut public, mut personal) = (Taker::new(public), Some(Taker::new(PERSONAL)));
    let fact = SampleFact::take(tag, version, &mut public, &mut personal)?;
    public.end()?;
    personal.map_or(Ok(()), Taker::end)?;
    Ok(fact)
}

fn written(fact: &SampleFact) -> (Vec<u8>, Vec<u8>) {
    let (mut public, mut personal) = (Vec::new(), Vec::new());
    fact.put(&mut public, &mut personal, &|_| [0; 16]).expect("fits");
    (public, personal)
}

fn content(body: &impl Body) -> Vec<u8> {
    let mut canonical = Vec::new();
    body.canonical(&mut canonical).expect("fits");
    canonical
}

fn text(text: &str) -> Option<crate::members::Text> {
    crate::members::Text::new(text)
}

fn first_version() -> SampleV1 {
    SampleV1 { name: text("ore").expect("a name"), place: text("pit"), person: text("Ann") }
}

#[test]
fn what_version_1_stored_is_read_as_version_2_and_written_as_such() {
    let SampleFact::Taken(read) = decode(1, 1, PUBLIC).expect("version 1") else { panic!("another kind") };
    assert_eq!(read, Sample::from(first_version()));
    let fact = SampleFact::Taken(read);
    assert_eq!((fact.version(), SampleFact::Lost(first_version()).version()), (2, 1));
    assert_eq!(written(&SampleFact::Lost(first_version())), (PUBLIC.to_vec(), PERSONAL.to_vec()));
    let (public, _) = written(&fact);
    assert_eq!(public, b"\x03ore\x00\x01\x03pit");
    assert_eq!(decode(1, 2, &public), Ok(fact));
    // Null control: read as the newest body, the bytes of version 1 are another fact or none.
    assert!(decode(1, 2, PUBLIC).is_err());
}

#[test]
fn a_version_of_a_newer_release_is_refused_by_name() {
    let refused = |tag, version| decode(tag, version, PUBLIC).expect_err("refused").to_string();
    assert_eq!(refused(1, 3), "version 3 of sample_taken is unknown; this release reads versions 1 to 2");
    assert_eq!(refused(2, 2), "version 2 of sample_lost is unknown; this release reads versions 1 to 1");
    assert_eq!(refused(1, 0), "version 0 of sample_taken is unknown; this release reads versions 1 to 2");
    assert_eq!(decode(3, 1, PUBLIC), Err(CodecError::Kind(KindTag { group: 250, tag: 3 })));
}

#[test]
fn an_upcast_changes_neither_the_content_digest_nor_the_leaf() {
    let (secret, first) = (LogSecret::new(&[7; 32]), first_version());
    let digest = secret.content(&content(&first));
    let header = Header {
        recorded_at: 0,
        occurred_at: 1_760_000_000_000_000,
        time_received: false,
        kind: KindTag { group: SampleFact::GROUP, tag: 1 },
        version: 1,
        mapping: 1,
        content: digest,
        subject: 0,
        tenant: "acme",
        provider: "lab",
        external_id: "1",
    };
    let stored = |header: &Header<'_>, public: &[u8]| {
        let mut stored = Vec::new();
        let draft = Draft::new([0; 11], header, public, [1; 16], PERSONAL, &Bytes::new());
        let leaf = draft.stamp(0, &mut stored);
        (stored, leaf)
    };
    let (bytes, leaf) = stored(&header, PUBLIC);
    let record = RecordRef::read(&bytes).expect("a record");
    let fact = decode(1, record.header.version, record.public).expect("version 1");
    assert_eq!((record.header.content, record.leaf()), (digest, leaf));
    let SampleFact::Taken(upcast) = &fact else { panic!("another kind") };
    assert_eq!(secret.content(&content(upcast)), digest);
    // Null control: rewritten as version 2 the record would have another leaf.
    assert_ne!(stored(&Header { version: 2, ..header }, &written(&fact).0).1, leaf);
    // Null control: an upcast that fills a member in would be other content.
    let filled = Sample { weight: Some(0), ..upcast.clone() };
    assert_ne!(secret.content(&content(&filled)), digest);
}
