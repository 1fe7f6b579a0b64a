//! What an exported fact carries beside its readable members, so that its leaf follows from the line alone.
//!
//! The header of a record (`domain::record`) is made of readable members and of `version`, `mapping` and `subject`
//! here. The bodies are the bytes that were hashed; they decode to the readable body. A private part that the line does
//! not hold stands as its commitment.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::record::{Hash, Original, Private, RecordRef, commitment};
use serde::{Deserialize, Serialize};

/// The members of `proof` in a line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafProof {
    /// Version of the kind's wire form.
    pub version: u8,
    /// Version of the mapping that made the fact.
    pub mapping: u16,
    /// The subject hash, its 8 bytes in the order of the header, in hexadecimal digits.
    pub subject: String,
    /// The public body, base64.
    pub public: String,
    /// 16 bytes in hexadecimal digits; absent where no private part is committed to or all were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// The personal body, base64; absent where it is empty or was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<String>,
    /// C(personal) of one that was erased, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_commitment: Option<String>,
    /// C(original) of a payload that the line does not hold, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_commitment: Option<String>,
}

/// The bytes behind a [`LeafProof`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafParts {
    /// The subject hash.
    pub subject: u64,
    /// The public body.
    pub public: Vec<u8>,
    /// The personal body; empty where there is none or it was erased.
    pub personal: Vec<u8>,
    /// C(personal).
    pub personal_commitment: Hash,
    /// C(original).
    pub original_commitment: Hash,
}

impl LeafProof {
    /// The proof of a record; `shows_original` where the line holds the payload as it came.
    pub fn of(record: &RecordRef<'_>, shows_original: bool) -> Self {
        let header = &record.header;
        let mut proof = Self {
            version: header.version,
            mapping: header.mapping,
            subject: hex::encode(header.subject.to_le_bytes()),
            public: STANDARD.encode(record.public),
            salt: None,
            personal: None,
            personal_commitment: None,
            original_commitment: None,
        };
        let committed = |hash: Hash| (hash != [0; 32]).then(|| hex::encode(hash));
        match record.private {
            Private::None => {}
            Private::Erased { personal, original } => {
                proof.personal_commitment = committed(personal);
                proof.original_commitment = committed(original);
            }
            Private::Kept { salt, personal, original } => {
                proof.salt = Some(hex::encode(salt));
                proof.personal = (!personal.is_empty()).then(|| STANDARD.encode(personal));
                if !shows_original {
                    proof.original_commitment = committed(match original {
                        Original::Inline(bytes) => commitment(&salt, bytes),
                        Original::Blob { commitment, .. } => commitment,
                    });
                }
            }
        }
        proof
    }

    /// Decodes the proof of a line that holds `original`, empty where it holds none.
    ///
    /// # Errors
    /// What is wrong, with the member.
    pub fn parts(&self, original: &[u8]) -> Result<LeafParts, (&'static str, &'static str)> {
        let bytes = |member, text: &str| STANDARD.decode(text).map_err(|_| (member, "must be base64"));
        let salt = self.salt.as_deref().map(|salt| digits::<16>("salt", salt)).transpose()?;
        let personal =
            self.personal.as_deref().map_or(Ok(Vec::new()), |personal| bytes("personal", personal))?;
        let part = |part: &[u8], given: Option<&str>, member| match (part.is_empty(), given, salt) {
            (true, None, _) => Ok([0; 32]),
            (true, Some(given), _) => digits::<32>(member, given),
            (false, None, Some(salt)) => Ok(commitment(&salt, part)),
            (false, None, None) => Err(("salt", "is required")),
            (false, Some(_), _) => Err((member, "stands beside the part itself")),
        };
        Ok(LeafParts {
            subject: u64::from_le_bytes(digits("subject", &self.subject)?),
            public: bytes("public", &self.public)?,
            personal_commitment: part(&personal, self.personal_commitment.as_deref(), "personal_commitment")?,
            original_commitment: part(original, self.original_commitment.as_deref(), "original_commitment")?,
            personal,
        })
    }
}

fn digits<const N: usize>(member: &'static str, text: &str) -> Result<[u8; N], (&'static str, &'static str)> {
    let mut bytes = [0; N];
    let is_whole = hex::decode_to_slice(text, &mut bytes).is_ok() && hex::encode(bytes) == text;
    is_whole.then_some(bytes).ok_or((member, "has not its number of lower-case hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use domain::record::{Draft, Header, KindTag, leaf_hash};

    use super::*;

    /// A header, its stored record and leaf, with a payload of `len` bytes.
    fn stored(len: usize) -> (Vec<u8>, Hash) {
        let header = Header {
            recorded_at: 0,
            occurred_at: -1,
            time_received: true,
            kind: KindTag { group: 1, tag: 1 },
            version: 1,
            mapping: 515,
            content: [7; 16],
            subject: 0x0102_0304_0506_0708,
            tenant: "acme",
            provider: "twilio",
            external_id: "CA1:é",
        };
        let original = Bytes::from(vec![b'x'; len]);
        let draft = Draft::new([0; 11], &header, b"public", [9; 16], b"personal", &original);
        let mut stored = Vec::new();
        let leaf = draft.stamp(77, &mut stored);
        (stored, leaf)
    }

    fn leaf_of(record: &RecordRef<'_>, parts: &LeafParts) -> Hash {
        let header = Header { subject: parts.subject, ..record.header };
        leaf_hash(&header.bytes(), &parts.public, &parts.personal_commitment, &parts.original_commitment)
    }

    #[test]
    fn the_leaf_follows_from_the_proof_with_the_payload_without_it_and_after_an_erasure() {
        for len in [0, 5, 40_000] {
            let (bytes, leaf) = stored(len);
            let record = RecordRef::read(&bytes).expect("a record");
            for (shown, original) in [(true, vec![b'x'; len]), (false, Vec::new())] {
                let proof = LeafProof::of(&record, shown);
                assert_eq!(proof.original_commitment.is_some(), !shown && len > 0);
                let parts = proof.parts(&original).expect("parts");
                assert_eq!(leaf_of(&record, &parts), leaf, "{len} bytes, shown: {shown}");
                assert_eq!(
                    (parts.public.as_slice(), parts.personal.as_slice()),
                    (&b"public"[..], &b"personal"[..])
                );
            }
            let Private::Kept { salt, personal, .. } = record.private else { panic!("it is kept") };
            let original = commitment(&salt, &vec![b'x'; len]);
            let erased = Private::Erased { personal: commitment(&salt, personal), original };
            let record = RecordRef { private: erased, ..record };
            let proof = LeafProof::of(&record, true);
            assert_eq!((&proof.salt, &proof.personal), (&None, &None));
            assert_eq!(leaf_of(&record, &proof.parts(&[]).expect("parts")), leaf);
        }
    }

    #[test]
    fn a_proof_that_does_not_decode_names_its_member() {
        let (bytes, _) = stored(5);
        let proof = LeafProof::of(&RecordRef::read(&bytes).expect("a record"), false);
        let with = |change: fn(&mut LeafProof)| {
            let mut proof = proof.clone();
            change(&mut proof);
            proof.parts(&[]).expect_err("refused").0
        };
        assert_eq!(with(|proof| proof.subject.push('0')), "subject");
        assert_eq!(with(|proof| proof.public.push('!')), "public");
        assert_eq!(with(|proof| proof.salt = None), "salt");
        assert_eq!(with(|proof| proof.salt = Some("AA".repeat(16))), "salt");
        assert_eq!(with(|proof| proof.personal_commitment = Some("00".repeat(32))), "personal_commitment");
        assert_eq!(proof.parts(b"xxxxx").expect_err("refused").0, "original_commitment");
    }
}
