//! Checkpoints and cosignatures against the vectors of the specifications, both ways.

use domain::keys::LogSecret;
use domain::record::Hash;
use ed25519_dalek::{Signer as _, SigningKey};
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList, key_id};

use super::*;
use crate::log::Head;

/// The example of the Go documentation of notes, which the specification's authors publish with both keys.
const SIGNER: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// The example of tlog-checkpoint.
const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

#[test]
fn notes_are_signed_and_verified_as_the_vectors_say() {
    let mut note = Note::new(TEXT.as_bytes(), &[]).expect("a text");
    note.add_sigs(&[&StandardSigner::new(SIGNER).expect("a key")]).expect("signed");
    assert_eq!(String::from_utf8(note.to_bytes()).expect("text"), format!("{TEXT}\n{LINE}"));
    let verifiers = || VerifierList::new(vec![Box::new(StandardVerifier::new(VERIFIER).expect("a key"))]);
    note.verify(&verifiers()).expect("it holds");
    let changed =
        Note::from_bytes(format!("{}\n{LINE}", TEXT.replace("answer", "Answer")).as_bytes()).expect("a note");
    changed.verify(&verifiers()).expect_err("null control: another text");
    // Our key signs the same bytes as the reference's signer.
    let seed: Hash = std::array::from_fn(|at| at as u8);
    let ours = CheckpointKey::new("example.com/log", &seed);
    let head = Head { position: 7, root: [9; 32] };
    let text = ours.sign(head).expect("signed");
    let (body, _) = text.split_once("\n\n").expect("a blank line");
    let id = ours.verifier().id();
    let private = [&[1], seed.as_slice()].concat();
    let theirs = format!("PRIVATE+KEY+example.com/log+{id:08x}+{}", base64(&private));
    let mut again = Note::new(format!("{body}\n").as_bytes(), &[]).expect("a text");
    again.add_sigs(&[&StandardSigner::new(&theirs).expect("a key")]).expect("signed");
    assert_eq!(String::from_utf8(again.to_bytes()).expect("text"), text);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn checkpoints_read_as_the_specification_writes_them_and_a_change_is_refused() {
    let opened = OpenedCheckpoint::unverified(EXAMPLE).expect("reads");
    assert_eq!((opened.origin.as_str(), opened.head.position), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(base64(&opened.head.root), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");

    let secret = LogSecret::new(&[3; 32]);
    let key = CheckpointKey::new(&origin(&secret), &[5; 32]);
    let head = Head { position: 812, root: [8; 32] };
    let text = key.sign(head).expect("signed");
    let verifier = VerifierKey::parse(&key.verifier().to_string()).expect("a key");
    let opened = OpenedCheckpoint::verified(&text, &verifier).expect("it holds");
    assert_eq!(opened, OpenedCheckpoint { origin: origin(&secret), head });

    let refused = |text: &str, key: &VerifierKey| OpenedCheckpoint::verified(text, key).expect_err("refused");
    assert_eq!(refused(&text.replace("\n812\n", "\n813\n"), &verifier), CheckpointError::Signature);
    let other = CheckpointKey::new(&origin(&secret), &[6; 32]);
    assert_eq!(refused(&text, other.verifier()), CheckpointError::Unsigned);
    assert_eq!(refused(EXAMPLE, &verifier), CheckpointError::Unsigned);
    assert_eq!(refused("812", &verifier), CheckpointError::Malformed);
    for size in ["0812", "-1", "8e2", "99999999999999999999", "281474976710657"] {
        assert_eq!(
            OpenedCheckpoint::unverified(&text.replace("\n812\n", &format!("\n{size}\n"))),
            Err(CheckpointError::Malformed),
            "{size}"
        );
    }
    for key in ["", "x", "a+b+c", "a+00000000+AA==", &verifier.to_string()[1..]] {
        assert_eq!(VerifierKey::parse(key), Err(CheckpointError::Key), "{key}");
    }
    assert_eq!(CheckpointKey::seed(&format!("{}\n", "0a".repeat(32))), Some([10; 32]));
    assert_eq!(CheckpointKey::seed("0a"), None);
    assert!(!format!("{key:?}").contains("0505"));
}

/// What a witness of the specification answers.
fn cosigned(key: &SigningKey, name: &str, text: &str, seconds: u64) -> String {
    let signed = format!("cosignature/v1\ntime {seconds}\n{text}");
    let signature = key.sign(signed.as_bytes()).to_vec();
    let id = key_id(name, &[&[4], key.verifying_key().to_bytes().as_slice()].concat());
    let bytes = [id.to_be_bytes().as_slice(), &seconds.to_be_bytes(), &signature].concat();
    format!("— {name} {}\n", base64(&bytes))
}

#[test]
fn a_cosignature_counts_if_the_named_witness_signed_this_checkpoint() {
    let (signer, name) = (SigningKey::from_bytes(&[4; 32]), "witness.example/w1");
    let written = |kind: u8| {
        let public = [&[kind], signer.verifying_key().to_bytes().as_slice()].concat();
        format!("{name}+{:08x}+{}", key_id(name, &public), base64(&public))
    };
    let checkpoint = CheckpointKey::new("factfold/x", &[5; 32]).sign(Head { position: 3, root: [1; 32] });
    let checkpoint = checkpoint.expect("signed");
    let text = format!("{}\n", checkpoint.split_once("\n\n").expect("a blank line").0);
    for kind in [1, 4] {
        let witness = WitnessKey::parse(&written(kind)).expect("a key");
        let line = cosigned(&signer, name, &text, 1_679_315_147);
        let found =
            witness.cosignature(&checkpoint, &format!("— other/w AAAAAAAA\n{line}")).expect("it holds");
        assert_eq!((found.line.as_str(), found.seconds), (line.as_str(), 1_679_315_147));
        let none = |line: &str| assert_eq!(witness.cosignature(&checkpoint, line), None, "{line}");
        none(&cosigned(&signer, name, &text.replace("\n3\n", "\n4\n"), 1_679_315_147));
        none(&cosigned(&SigningKey::from_bytes(&[5; 32]), name, &text, 1_679_315_147));
        none(&cosigned(&signer, "witness.example/w2", &text, 1_679_315_147));
        none("");
    }
    for wrong in ["w1", &written(1)[1..], &written(2)] {
        assert_eq!(WitnessKey::parse(wrong), None, "{wrong}");
    }
}
