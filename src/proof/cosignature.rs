//! Cosignatures of witnesses (C2SP tlog-cosignature, Ed25519): a witness saw the log grow up to this checkpoint.
//!
//! ```text
//! signature line   — <witness> base64( u32 key id │ u64 time │ 64 B Ed25519 ), big-endian
//! signed           "cosignature/v1\ntime <seconds>\n" and the text of the checkpoint
//! key id           SHA-256( name │ "\n" │ 0x04 │ public key )[:4]
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey};
use signed_note::{Note, Signature, Verifier, VerifierList, is_key_name_valid, key_id};

/// Signature types of the specifications.
const ED25519: u8 = 1;
const COSIGNATURE: u8 = 4;
/// Bytes of the time in front of a signature.
const TIME: usize = 8;

/// Who a witness is and what its cosignatures are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl WitnessKey {
    /// Reads `NAME+ID+KEY`, the key of type 1 (Ed25519) or 4 (cosignature).
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, given, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = STANDARD.decode(key).ok()?;
        let (kind, bytes) = key.split_first()?;
        let fits = [ED25519, COSIGNATURE].contains(kind) && is_key_name_valid(name) && given.len() == 8;
        if !fits || u32::from_str_radix(given, 16).ok()? != key_id(name, &key) {
            return None;
        }
        let id = key_id(name, &[&[COSIGNATURE], bytes].concat());
        let key = VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()?;
        Some(Self { name: name.to_owned(), id, key })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What of `lines`, the witness' answer, it has truly signed of the checkpoint `text`; none where nothing holds.
    pub fn cosignature(&self, checkpoint: &str, lines: &str) -> Option<Cosignature> {
        let signed = Note::from_bytes(checkpoint.as_bytes()).ok()?;
        let of_the_witness = lines.lines().filter_map(|line| Signature::from_bytes(line.as_bytes()).ok());
        let mut of_the_witness = of_the_witness.filter(|one| one.name() == self.name && one.id() == self.id);
        let one = of_the_witness.next()?;
        let note = Note::new(signed.text(), std::slice::from_ref(&one)).ok()?;
        note.verify(&VerifierList::new(vec![Box::new(self.clone())])).ok()?;
        let seconds = u64::from_be_bytes(*one.signature().first_chunk::<TIME>()?);
        Some(Cosignature { line: String::from_utf8(one.to_bytes()).ok()?, seconds })
    }
}

impl Verifier for WitnessKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some((time, signature)) = signature.split_first_chunk::<TIME>() else { return false };
        let seconds = u64::from_be_bytes(*time);
        let signed = [format!("cosignature/v1\ntime {seconds}\n").as_bytes(), text].concat();
        let Ok(signature) = Ed25519Signature::from_slice(signature) else { return false };
        i64::try_from(seconds).is_ok() && self.key.verify_strict(&signed, &signature).is_ok()
    }
}

/// A cosignature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Its line, with the newline.
    pub line: String,
    /// When the witness says that it was made, in seconds since 1970-01-01 UTC.
    pub seconds: u64,
}
