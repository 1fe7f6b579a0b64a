//! Laws of bodies of every kind: canonical form, equality (R2), erasure.

use crate::schema::generate::{self, Random};
use crate::schema::{KINDS, restate};
use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::{Fact, kinds};
use domain::json;
use domain::keys::{ExternalId, LogSecret, Provider, TenantId};
use domain::members::Instant;
use domain::record::RecordRef;
use proptest::prelude::*;
use serde_json::Value;

fn secret() -> LogSecret {
    LogSecret::new(&[7; 32])
}

fn read(kind: &str, text: &str) -> Fact {
    let value = json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    match Fact::from_json(kind, value, "") {
        Some(Ok(fact)) => fact,
        Some(Err(faults)) => panic!("{kind}: {faults:?} in {text}"),
        None => panic!("no kind {kind}"),
    }
}

fn envelope(fact: Fact) -> Envelope {
    Envelope {
        tenant: TenantId::new("acme").expect("tenant"),
        provider: Provider::new("twilio").expect("provider"),
        external_id: ExternalId::new("1").expect("id"),
        occurred_at: Instant(1_760_000_000_000_000),
        time_received: false,
        fact,
        mapping: 1,
    }
}

fn digest(fact: Fact) -> [u8; 16] {
    envelope(fact).content(&secret()).expect("content")
}

/// Public and personal bytes, as they are stored.
fn laid_down(fact: Fact) -> (Vec<u8>, Option<Vec<u8>>) {
    let draft = envelope(fact).draft(&secret(), [9; 16], &Bytes::new()).expect("draft");
    let mut stored = Vec::new();
    draft.stamp(1, &mut stored);
    let record = RecordRef::read(&stored).expect("record");
    (record.public.to_vec(), record.personal().map(<[u8]>::to_vec))
}

fn decode(kind: &str, public: &[u8], personal: Option<&[u8]>) -> Fact {
    let tag = domain::facts::kind_named(kind).expect("kind");
    Fact::decode(tag, 1, public, personal).expect("decodes")
}

/// A kind by its place in [`KINDS`], and the seed of what is made of it.
fn a_kind() -> impl Strategy<Value = (usize, u64)> {
    (0..KINDS.len(), any::<u64>())
}

#[test]
fn every_kind_has_its_members_written_here() {
    let here: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let there: Vec<&str> = kinds().map(|(_, kind)| kind).collect();
    for kind in &there {
        assert!(here.contains(kind), "tests/schema lacks {kind}");
    }
    assert_eq!(here.len(), there.len());
}

#[test]
fn a_kind_knows_no_other_members() {
    for (kind, members) in KINDS {
        read(kind, &generate::full(members).to_string());
        let mut more = generate::full(members);
        more["surplus"] = 1.into();
        let faults = Fact::from_json(kind, more, "/body").expect("kind").expect_err("refused");
        assert_eq!(faults[0].pointer, "/body/surplus", "{kind}");
    }
}

#[test]
fn a_kind_misses_each_required_member_by_name() {
    for (kind, members) in KINDS {
        let least = generate::least(members);
        for name in least.as_object().expect("object").keys() {
            for blank in ["null", "\" \"", "[]", "{}"] {
                let mut body = least.clone();
                body[name] = serde_json::from_str(blank).expect("json");
                let read = Fact::from_json(kind, body, "/body").expect("kind");
                let faults = read.expect_err(&format!("{kind}.{name}"));
                assert_eq!(faults[0].pointer, format!("/body/{name}"), "{kind}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn canonical_form_is_a_fixed_point((at, seed) in a_kind()) {
        let (kind, members) = KINDS[at];
        let given = generate::body(members, &mut Random(seed));
        let fact = read(kind, &given.to_string());
        let canonical = fact.json();
        let (public, personal) = laid_down(fact.clone());
        let decoded = decode(kind, &public, personal.as_deref());
        prop_assert_eq!(&decoded.json(), &canonical);
        prop_assert_eq!(digest(decoded.clone()), digest(fact.clone()));
        let again = read(kind, &canonical.to_string());
        prop_assert_eq!(&again, &fact);
        prop_assert_eq!(laid_down(again), (public.clone(), personal.clone()));
        prop_assert_eq!(laid_down(decoded), (public, personal));
    }

    #[test]
    fn other_words_are_the_same_content((at, seed) in a_kind()) {
        let (kind, members) = KINDS[at];
        let mut random = Random(seed);
        let given = generate::body(members, &mut random);
        let fact = read(kind, &given.to_string());
        let restated = read(kind, &restate::body(members, &given, &mut random));
        prop_assert_eq!(restated.json(), fact.json());
        prop_assert_eq!(digest(restated.clone()), digest(fact.clone()));
        prop_assert_eq!(laid_down(restated), laid_down(fact));
    }

    #[test]
    fn another_value_is_another_content((at, seed) in a_kind()) {
        let (kind, members) = KINDS[at];
        let mut random = Random(seed);
        let given = generate::body(members, &mut random);
        let fact = read(kind, &given.to_string());
        for _ in 0..4 {
            let changed = read(kind, &generate::changed(members, &given, &mut random).to_string());
            let same = changed.json() == fact.json();
            prop_assert_eq!(digest(changed.clone()) == digest(fact.clone()), same);
            prop_assert_eq!(laid_down(changed) == laid_down(fact.clone()), same);
        }
    }

    #[test]
    fn erasure_takes_the_personal_members_and_nothing_else((at, seed) in a_kind()) {
        let (kind, members) = KINDS[at];
        let fact = read(kind, &generate::body(members, &mut Random(seed)).to_string());
        let (public, _) = laid_down(fact.clone());
        let erased = decode(kind, &public, None);
        prop_assert_eq!(erased.json(), crate::schema::erased(members, &fact.json()));
        prop_assert_eq!(laid_down(erased), (public, None));
    }

    #[test]
    fn phones_and_emails_are_fixed_points(text in "\\PC{0,24}", plus in "\\+[0-9() .x#;/\\-\\PC]{0,24}") {
        for given in [text, plus] {
            if let Some(phone) = domain::members::Phone::new(&given) {
                prop_assert_eq!(domain::members::Phone::new(phone.as_str()), Some(phone));
            }
            if let Some(email) = domain::members::Email::new(&given) {
                prop_assert_eq!(domain::members::Email::new(email.as_str()), Some(email));
            }
        }
    }
}

/// The laws above are only worth something when what they compare does differ.
#[test]
fn the_generators_restate_and_change() {
    let (mut restated, mut changed, mut erased) = (0, 0, 0);
    for seed in 0..1_000 {
        let (kind, members) = KINDS[seed as usize % KINDS.len()];
        let mut random = Random(seed);
        let given = generate::body(members, &mut random);
        let plain = given.to_string();
        restated += usize::from(restate::body(members, &given, &mut random) != plain);
        let other = generate::changed(members, &given, &mut random);
        changed +=
            usize::from(read(kind, &other.to_string()).json() != read(kind, &given.to_string()).json());
        let canonical: Value = read(kind, &given.to_string()).json();
        erased += usize::from(crate::schema::erased(members, &canonical) != canonical);
    }
    assert!(restated > 990 && changed > 500 && erased > 150, "{restated} {changed} {erased}");
}

#[test]
fn whole_numbers_with_a_fraction_of_zero_are_exact() {
    let mut random = Random(3);
    for _ in 0..20_000 {
        let bits = 1 + random.below(53);
        let whole = random.below(1 << bits);
        let amount = |text: String| {
            let body = format!(r#"{{"month": "2025-10", "metric": "qualified", "value": {text}}}"#);
            read("target_set", &body).json()
        };
        assert_eq!(amount(format!("{whole}.0")), amount(whole.to_string()), "{whole}.0");
    }
}

#[test]
fn a_received_time_is_no_part_of_content_and_a_given_one_is() {
    let fact = || read("session_ended", r#"{"session_id": "s"}"#);
    let digest = |received, micros| {
        let mut envelope = envelope(fact());
        (envelope.time_received, envelope.occurred_at) = (received, Instant(micros));
        envelope.content(&secret()).expect("content")
    };
    assert_eq!(digest(true, 1), digest(true, 2));
    assert_ne!(digest(false, 1), digest(false, 2));
    assert_ne!(digest(false, 1), digest(true, 1));
}
