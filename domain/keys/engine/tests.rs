//! Every key reads as what was written, and no text reads as two.

use std::collections::BTreeSet;

use super::*;

/// Each key as it is stored, with the position that it names.
const STORED: &[(&str, Option<Position>)] = &[
    ("session/s%2F1/attempt/L1", None),
    ("session/s1/attempt/L1/1", None),
    ("session/s1/reserve/L1/0", None),
    ("session/a%2Fb/timeout/17", Some(17)),
    ("session/s1/resume/17", Some(17)),
    ("session/s1/end", None),
    ("session/ann@example.com/north%2F1/3", None),
    ("call-request/0190d2b4-0000-7000-8000-000000000000/sent", None),
    ("call-request/r%2F1/accepted", None),
    ("call-request/r1/placed", None),
    ("call-request/r1/confirmed", None),
    ("call-request/r1/failed", None),
    ("call-request/r1/unknown", None),
    ("command/0190d2b4-0000-7000-8000-000000000000", None),
    ("idem/a/b/../c", None),
    ("note/removed/4", Some(4)),
    ("report/9/published", Some(9)),
    ("report/9/withdrawn", Some(9)),
    ("alert/silence-00ff/raised", None),
    ("alert/silence-00ff/cleared", None),
    ("alert/silence-00ff/sent/at_1/2", None),
    ("alert-target/at_1/removed", None),
    ("alert-target/at_1", None),
    ("lease/duty/12", Some(12)),
    ("quarantine/00ff/resolved", None),
    ("quarantine/00ff", None),
    ("conflict/5/000102030405060708090a0b0c0d0e0f/decision", Some(5)),
    ("conflict/5/000102030405060708090a0b0c0d0e0f", Some(5)),
    ("void/5/0/restored", Some(5)),
    ("void/5/0", Some(5)),
    ("erasure/e1", None),
    ("import/00ff/finished/0", None),
    ("tenant/0", Some(0)),
    ("token/t1/issued", None),
    ("token/t1/revoked", None),
    ("user/u1/removed", None),
    ("user/u1/12", Some(12)),
    ("invitation/i1/issued", None),
    ("invitation/i1/ended", None),
    ("endpoint/twilio/main/12", Some(12)),
    ("login/l1/started", None),
    ("login/l1/ended", None),
    ("sync/r1/started", None),
    ("sync/r1/finished", None),
    ("sync/r1/difference", None),
    ("sync/r1/coverage", None),
    ("sync/r1/leads/2", None),
    ("sync/r1/notes/C%2F7/1", None),
    ("again/1/session/s1/end", None),
    ("imported/session/a%2Fb/timeout/17", None),
];

#[test]
fn every_key_reads_as_what_was_written() {
    let mut shapes = BTreeSet::new();
    for (text, position) in STORED {
        let key = EngineKey::parse(text).unwrap_or_else(|| panic!("{text} reads as no key"));
        assert_eq!(key.to_string(), *text);
        assert_eq!(key.names_position(), *position, "{text}");
        assert_eq!(key.external_id().map(|id| id.as_str().to_owned()), Ok((*text).to_owned()));
        assert!(shapes.insert(key.shape()), "{text} reads as {}, as another does", key.shape());
    }
    assert_eq!(shapes, EngineKey::SHAPES.iter().copied().collect(), "each has a sample");
}

#[test]
fn a_key_that_means_another_fact_in_another_log_is_renamed_once() {
    for (text, position) in STORED {
        let imported = EngineKey::parse(text).map(EngineKey::imported);
        let renamed = imported.as_ref().map(ToString::to_string);
        let is_of_one_log = position.is_some() || text.starts_with("import/");
        let expected = if is_of_one_log { format!("imported/{text}") } else { (*text).to_owned() };
        assert_eq!(renamed, Some(expected));
        assert_eq!(imported.clone().map(EngineKey::imported), imported);
    }
}

#[test]
fn a_key_whose_fact_was_voided_is_followed_by_the_next_number_or_by_one_with_a_number() {
    for (key, next, after) in [
        ("session/s1/attempt/L1", "session/s1/attempt/L1/1", "session/s1/attempt/L1/2"),
        (
            "session/ann@example.com/north/0",
            "session/ann@example.com/north/1",
            "session/ann@example.com/north/2",
        ),
        ("session/s1/reserve/L1/0", "session/s1/reserve/L1/1", "session/s1/reserve/L1/2"),
        ("session/s1/end", "again/1/session/s1/end", "again/2/session/s1/end"),
        ("note/removed/4", "again/1/note/removed/4", "again/2/note/removed/4"),
    ] {
        let found = EngineKey::parse(key).and_then(EngineKey::next).expect("a next one");
        assert_eq!((found.to_string(), EngineKey::parse(next)), (next.to_owned(), Some(found.clone())));
        assert_eq!(found.next().map(|key| key.to_string()).as_deref(), Some(after));
    }
    for key in [
        "idem/a",
        "command/1",
        "tenant/5",
        "void/5/0",
        "conflict/5/000102030405060708090a0b0c0d0e0f/decision",
    ] {
        assert_eq!(EngineKey::parse(key).and_then(EngineKey::next), None, "{key}");
    }
    let removed_again = EngineKey::parse("again/1/note/removed/4").expect("a key");
    assert_eq!(removed_again.imported().to_string(), "imported/again/1/note/removed/4");
}

#[test]
fn what_the_engine_never_makes_is_no_key() {
    let long = format!("session/{}/attempt/L", "x".repeat(600));
    assert_eq!(EngineKey::parse(&long).map(|key| key.external_id()), Some(Err(NameError::ExternalId)));
    for text in [
        "",
        "tenant",
        "tenant/",
        "tenant/05",
        "tenant/+5",
        "tenant/5/",
        "session//end",
        "idem/",
        "imported/",
        "imported/x",
        "conflict/5/00",
        "conflict/5/000102030405060708090A0B0C0D0E0F",
        "call/CA1",
        "call-request/r1",
        "call-request/r1/rung",
    ] {
        assert_eq!(EngineKey::parse(text), None, "{text}");
    }
}

#[test]
fn a_pipeline_called_like_a_word_of_another_key_stays_an_activation() {
    for pipeline in ["attempt", "timeout", "resume", "reserve", "end", "north"] {
        let key = EngineKey::activation("ann@example.com", pipeline, 3);
        assert_eq!(EngineKey::parse(&key.to_string()), Some(key));
    }
    // Null control: as a part like any other it reads as an attempt of the lead "3".
    let plain = EngineKey::SessionActivation {
        agent: KeyPart::new("ann@example.com"),
        pipeline: KeyPart::new("attempt"),
        earlier: 3,
    };
    assert_eq!(EngineKey::parse(&plain.to_string()).map(|key| key.shape()), Some("LeadAttempt"));
}
