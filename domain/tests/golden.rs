//! The golden records of `fixtures/wire`: what was once written is read, and written, the same for ever (I8, I9).
//!
//! `FACTFOLD_WRITE_GOLDEN=1` writes the files of kinds that have none; a file that is there is never written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::schema::{KINDS, generate};
use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::access::AccessFact;
use domain::facts::control::ControlFact;
use domain::facts::outreach::{OutreachFact, OutreachLead};
use domain::facts::{Fact, kind_named, kinds};
use domain::keys::{ExternalId, LogSecret, Provider, TenantId};
use domain::members::Instant;
use domain::record::{INLINE_ORIGINAL_MAX, RecordRef};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wire")
}

fn unhex(text: &Value) -> Vec<u8> {
    hex::decode(text.as_str().expect("hex")).expect("hex")
}

fn fixed<const N: usize>(text: &Value) -> [u8; N] {
    unhex(text).try_into().expect("length")
}

fn str_of<'a>(from: &'a Value, name: &str) -> &'a str {
    from[name].as_str().unwrap_or_else(|| panic!("{name} in {from}"))
}

fn original(given: &Value) -> Bytes {
    let times = given["original"]["times"].as_u64().expect("times") as usize;
    str_of(&given["original"], "text").repeat(times).into()
}

fn envelope(given: &Value) -> Envelope {
    let posted = &given["posted"];
    let fact = Fact::from_json(str_of(posted, "kind"), posted["body"].clone(), "/body").expect("kind");
    Envelope {
        tenant: TenantId::stored(str_of(given, "tenant")).expect("tenant"),
        provider: Provider::stored(str_of(posted, "provider")).expect("provider"),
        external_id: ExternalId::new(str_of(posted, "external_id")).expect("external id"),
        occurred_at: Instant::parse(str_of(posted, "occurred_at")).expect("occurred_at"),
        time_received: given["time_received"].as_bool().expect("flag"),
        fact: fact.unwrap_or_else(|faults| panic!("{posted}: {faults:?}")),
        mapping: given["mapping"].as_u64().expect("mapping") as u16,
    }
}

/// Everything that is golden of a case, written by today's code.
fn written(given: &Value) -> (Value, Value) {
    let envelope = envelope(given);
    let secret = LogSecret::new(&fixed(&given["secret"]));
    let draft = envelope.draft(&secret, fixed(&given["salt"]), &original(given)).expect("draft");
    let recorded_at = Instant::parse(str_of(given, "recorded_at")).expect("recorded_at");
    let mut stored = Vec::new();
    let leaf = draft.stamp(recorded_at.0, &mut stored);
    let record = RecordRef::read(&stored).expect("record");
    let canonical = json!({"occurred_at": envelope.occurred_at.to_string(), "body": envelope.fact.json()});
    let golden = json!({
        "public": hex::encode(record.public),
        "personal": hex::encode(record.personal().unwrap_or_default()),
        "header": hex::encode(record.header_bytes),
        "stored": hex::encode(&stored),
        "content": hex::encode(draft.content),
        "key": hex::encode(draft.key),
        "subject": hex::encode(record.header.subject.to_le_bytes()),
        "leaf": hex::encode(leaf),
    });
    (canonical, golden)
}

/// Persons' digests are only known once a fact is in the log: without them it is the fact that was posted.
fn as_posted(mut fact: Fact) -> Fact {
    fn forget(lead: Option<&mut OutreachLead>) {
        if let Some(lead) = lead {
            lead.email_digest = None;
        }
    }
    match &mut fact {
        Fact::Outreach(
            OutreachFact::Sent(body)
            | OutreachFact::Replied(body)
            | OutreachFact::Interested(body)
            | OutreachFact::Bounced(body)
            | OutreachFact::Unsubscribed(body),
        ) => forget(body.lead.as_mut()),
        Fact::Outreach(OutreachFact::Staged(body)) => forget(body.lead.as_mut()),
        Fact::Access(AccessFact::UserAdded(body) | AccessFact::UserChanged(body)) => {
            body.email_digest = None;
        }
        Fact::Access(AccessFact::InvitationIssued(body)) => body.email_digest = None,
        Fact::Access(AccessFact::InvitationAccepted(body)) => body.email_digest = None,
        Fact::Control(ControlFact::ConflictObserved(body)) => {
            *body.brought.0 = as_posted((*body.brought.0).clone());
        }
        Fact::Control(ControlFact::ConflictAccepted(body)) => {
            *body.brought.0 = as_posted((*body.brought.0).clone());
        }
        _ => {}
    }
    fact
}

/// What differs between a case and what today's code makes of it.
fn differences(version: u64, case: &Value) -> Vec<String> {
    let (given, golden) = (&case["given"], &case["golden"]);
    let mut found = Vec::new();
    let posted = envelope(given).fact;
    if version == u64::from(posted.version()) {
        let (canonical, now) = written(given);
        for (name, value) in now.as_object().expect("object") {
            if golden[name] != *value {
                found.push(format!("encodes another {name}: {value}"));
            }
        }
        if canonical != case["canonical"] {
            found.push(format!("another canonical form: {canonical}"));
        }
    }
    let stored = unhex(&golden["stored"]);
    match RecordRef::read(&stored) {
        Err(error) => found.push(format!("stored: {error}")),
        Ok(record) => {
            if hex::encode(record.leaf()) != str_of(golden, "leaf") {
                found.push("leaf of stored differs".into());
            }
            let header = record.header;
            match Fact::decode(header.kind, header.version, record.public, record.personal()) {
                Err(error) => found.push(format!("body: {error}")),
                Ok(fact) if fact.json() != case["canonical"]["body"] => {
                    found.push("decodes to another body".into())
                }
                Ok(fact) if as_posted(fact.clone()) != posted => found.push("decodes to another fact".into()),
                Ok(_) => {}
            }
        }
    }
    found
}

fn case(name: &str, kind: &str, body: Value, change: impl FnOnce(&mut Value)) -> Value {
    let group = kind_named(kind).expect("a kind").group;
    let engine = group >= ControlFact::GROUP || kind == "tenant_closed";
    let mut given = json!({
        "tenant": "acme-dental",
        "secret": hex::encode(std::array::from_fn::<u8, 32, _>(|at| at as u8)),
        "salt": hex::encode(std::array::from_fn::<u8, 16, _>(|at| 0xA0 + at as u8)),
        "recorded_at": "2025-10-09T12:00:01.500Z",
        "time_received": false,
        "mapping": 1,
        "original": {"text": "", "times": 0},
        "posted": {
            "provider": if engine { "factfold" } else { "generic_json" },
            "external_id": format!("{kind}/É1"),
            "kind": kind,
            "occurred_at": "2025-10-09T14:00:00.1234567+02:00",
            "body": body,
        },
    });
    change(&mut given);
    let (canonical, golden) = written(&given);
    json!({"name": name, "given": given, "canonical": canonical, "golden": golden})
}

fn cases(kind: &str) -> Vec<Value> {
    let (_, members) = KINDS.iter().find(|(name, _)| *name == kind).expect("in tests/schema");
    let full = || generate::full(members);
    let mut cases = vec![
        case("every member", kind, full(), |given| {
            given["original"] = json!({"text": "{\"raw\":\"é\"}", "times": 1});
        }),
        case("required members only", kind, generate::least(members), |_| {}),
    ];
    for member in *members {
        // The first case has the last word of each, and all words of a set.
        let (crate::schema::Type::Word(words), crate::schema::Mode::Required | crate::schema::Mode::Optional) =
            (member.of, member.mode)
        else {
            continue;
        };
        for word in words.iter().take(words.len() - 1) {
            let mut body = generate::least(members);
            body[member.name] = (*word).into();
            cases.push(case(&format!("{} {word}", member.name), kind, body, |_| {}));
        }
    }
    if kind == "call_reported" {
        cases.push(case("time received, original in the blob room", kind, full(), |given| {
            given["time_received"] = true.into();
            given["mapping"] = 513.into();
            given["original"] = json!({"text": "x", "times": INLINE_ORIGINAL_MAX + 1});
        }));
        cases.push(case("original alone is private", kind, generate::least(members), |given| {
            given["tenant"] = "_unassigned".into();
            given["original"] = json!({"text": "x", "times": INLINE_ORIGINAL_MAX});
        }));
    }
    if ["email_bounced", "lead_staged"].contains(&kind) {
        let mut body = generate::least(members);
        body["lead"] = json!({"email": "Bob@Example.com"});
        body["instance"] = "a/b%".into();
        cases.push(case("a lead by email", kind, body, |_| {}));
    }
    cases
}

fn fixtures() -> BTreeMap<String, Value> {
    let entries = fs::read_dir(folder()).expect("fixtures/wire");
    let files = entries.map(|entry| entry.expect("entry").path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_name().expect("name").to_string_lossy().into_owned();
            let text = fs::read(&path).expect("readable");
            (name.clone(), serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect()
}

#[test]
fn every_version_of_every_kind_has_golden_records() {
    for (_, kind) in kinds() {
        let fixture = || json!({"kind": kind, "version": 1, "cases": cases(kind)});
        let path = folder().join(format!("{kind}.v1.json"));
        if !path.exists() && std::env::var_os("FACTFOLD_WRITE_GOLDEN").is_some_and(|on| on == "1") {
            let text = serde_json::to_string_pretty(&fixture()).expect("json");
            fs::File::create_new(&path)
                .and_then(|mut file| std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes()))
                .expect("writable");
        }
        assert!(path.exists(), "{} is missing; FACTFOLD_WRITE_GOLDEN=1 writes it", path.display());
        let newest = envelope(&fixture()["cases"][0]["given"]).fact.version();
        assert_eq!(newest, 1, "{kind}: a new version needs cases of its own here");
    }
}

#[test]
fn golden_records_are_written_and_read_the_same() {
    let fixtures = fixtures();
    assert!(!fixtures.is_empty());
    for (file, fixture) in &fixtures {
        let (kind, version) = (str_of(fixture, "kind"), fixture["version"].as_u64().expect("version"));
        assert_eq!(*file, format!("{kind}.v{version}.json"));
        assert!(kind_named(kind).is_some(), "{file}: a kind is never taken away");
        let cases = fixture["cases"].as_array().expect("cases");
        assert!(cases.len() >= 2, "{file}");
        for case in cases {
            assert_eq!(case["given"]["posted"]["kind"], fixture["kind"], "{file}");
            let found = differences(version, case);
            assert!(found.is_empty(), "{file}, {}: {found:#?}", case["name"]);
        }
    }
}

#[test]
fn a_flipped_byte_in_any_golden_part_is_seen() {
    let fixtures = fixtures();
    let case = &fixtures["lead_replied.v1.json"]["cases"][0];
    assert!(differences(1, case).is_empty());
    for (part, value) in case["golden"].as_object().expect("parts") {
        for at in 0..unhex(value).len() {
            let mut bad = case.clone();
            let mut bytes = unhex(value);
            bytes[at] ^= 1;
            bad["golden"][part] = hex::encode(bytes).into();
            assert!(!differences(1, &bad).is_empty(), "{part}, byte {at}");
        }
    }
}
